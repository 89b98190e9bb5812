//! Keys of segments.

use crate::drm::{self, DrmSystem, Uuid};

/// A key in force for segments: EXT-X-KEY of HLS, or a ContentProtection of DASH.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// METHOD of the key as written: `AES-128`, `SAMPLE-AES`, `SAMPLE-AES-CTR`.
    pub method: String,
    /// URI of the key: absolute if its scheme is http or https, else as written (`skd:`, `data:`). `None` without one.
    pub uri: Option<String>,
    /// IV attribute of the key as written; `None` without one.
    pub iv: Option<String>,
    /// KEYFORMAT attribute of the key as written; `None` without one. [`Key::format`] returns the default then.
    pub key_format: Option<String>,
    /// KEYID attribute, which packagers for Widevine write; `None` without one.
    pub key_id: Option<Uuid>,
}

impl Key {
    /// Returns whether the key encrypts segments and parts as a whole, and not only their samples. RFC 8216bis 4.4.4.4
    /// defines AES-128 and AES-256-GCM; hls.js and Shaka Player also decrypt AES-256 and AES-256-CTR.
    #[must_use]
    pub fn encrypts_wholly(&self) -> bool {
        matches!(self.method.as_str(), "AES-128" | "AES-256" | "AES-256-CTR" | "AES-256-GCM")
    }

    /// Returns whether some player decrypts with the METHOD of an EXT-X-KEY. Players ignore a tag with another METHOD
    /// (RFC 8216bis 6.3.1) and take its segments for clear ones. SAMPLE-AES-CENC is an older name of SAMPLE-AES-CTR.
    #[must_use]
    pub fn has_known_method(&self) -> bool {
        self.encrypts_wholly() || matches!(self.method.as_str(), "SAMPLE-AES" | "SAMPLE-AES-CTR" | "SAMPLE-AES-CENC")
    }

    /// Returns the number of bytes of a key in a file (KEYFORMAT identity): 32 for the methods with AES-256, 16 for others.
    #[must_use]
    pub fn length(&self) -> usize {
        if self.method.starts_with("AES-256") { 32 } else { 16 }
    }

    /// Returns whether two keys have the same URI and KEYFORMAT, so that they come from the same file or licence; their
    /// IVs may differ.
    #[must_use]
    pub fn same_source(&self, other: &Self) -> bool {
        self.uri == other.uri && self.format() == other.format()
    }

    /// Returns the KEYFORMAT of the key, which is `identity` by default.
    #[must_use]
    pub fn format(&self) -> &str {
        self.key_format.as_deref().unwrap_or("identity")
    }

    /// Returns the DRM system that KEYFORMAT names; `None` for another format.
    #[must_use]
    pub fn system(&self) -> Option<DrmSystem> {
        DrmSystem::from_key_format(self.format())
    }

    /// Returns the identifiers of the media keys, from KEYID and from the `pssh` box of a `data:` URI; empty if there
    /// are none.
    #[must_use]
    pub fn kids(&self) -> Vec<Uuid> {
        let listed = self.pssh_kids().into_iter().filter(|kid| Some(*kid) != self.key_id);
        self.key_id.into_iter().chain(listed).collect()
    }

    /// Returns the identifiers of the media keys that the `pssh` box of a `data:` URI lists; empty if it lists none.
    #[must_use]
    pub fn pssh_kids(&self) -> Vec<Uuid> {
        let boxes = self.uri.as_deref().map(drm::pssh_boxes_in_data_uri).unwrap_or_default();
        boxes.into_iter().flat_map(|pssh| pssh.kids).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(method: &str, uri: Option<&str>, format: Option<&str>) -> Key {
        let (uri, key_format) = (uri.map(str::to_owned), format.map(str::to_owned));
        Key { method: method.to_owned(), uri, iv: None, key_format, key_id: None }
    }

    #[test]
    fn a_method_says_what_is_encrypted_and_how_long_its_key_is() {
        let of = |method| {
            let key = key(method, None, None);
            (key.encrypts_wholly(), key.has_known_method(), key.length())
        };
        assert_eq!(of("AES-128"), (true, true, 16));
        assert_eq!(["AES-256", "AES-256-CTR", "AES-256-GCM"].map(of), [(true, true, 32); 3]);
        assert_eq!(["SAMPLE-AES", "SAMPLE-AES-CTR", "SAMPLE-AES-CENC"].map(of), [(false, true, 16); 3]);
        assert_eq!(["aes-128", "AES128", "AES-512", "NONSENSE"].map(of), [(false, false, 16); 4]);
    }

    #[test]
    fn keys_are_of_one_source_by_uri_and_format_and_the_default_format_is_identity() {
        let plain = key("AES-128", Some("k"), None);
        assert!(plain.same_source(&key("AES-128", Some("k"), Some("identity"))));
        let vector = Key { iv: Some("0x1".to_owned()), ..plain.clone() };
        assert!(plain.same_source(&vector));
        assert!(!plain.same_source(&key("AES-128", Some("l"), None)));
        assert!(!plain.same_source(&key("AES-128", Some("k"), Some("com.apple.streamingkeydelivery"))));
    }
}
