//! Common encryption (ISO/IEC 23001-7): key identifiers, protection schemes and DRM systems.

mod pssh;

pub use pssh::{Pssh, pssh_boxes_in_data_uri};

use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// A key identifier (KID) or the identifier of a DRM system. Displayed and serialized as a lower-case UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// Makes a key identifier or DRM system identifier from its 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Makes a key identifier or DRM system identifier from a slice; `None` unless the slice has exactly 16 bytes.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Parses a key identifier or DRM system identifier of 32 hexadecimal digits, written as in KEYID (`0x…`) or as a
    /// UUID; `None` for other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        let digits: String = text.chars().filter(|c| *c != '-').take(33).collect();
        let plain = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        u128::from_str_radix(&digits, 16).ok().filter(|_| plain).map(|n| Self(n.to_be_bytes()))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let hyphen = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{hyphen}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A DRM system, which gives out licences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DrmSystem {
    /// Google Widevine DRM.
    Widevine,
    /// Microsoft PlayReady DRM.
    PlayReady,
    /// Apple FairPlay Streaming DRM.
    FairPlay,
    /// W3C Clear Key, which has no licence server of a DRM vendor.
    ClearKey,
}

/// SystemIDs of the DRM systems, as registered with DASH-IF.
const SYSTEMS: [(DrmSystem, Uuid); 4] = [
    (DrmSystem::Widevine, Uuid(0xedef_8ba9_79d6_4ace_a3c8_27dc_d51d_21ed_u128.to_be_bytes())),
    (DrmSystem::PlayReady, Uuid(0x9a04_f079_9840_4286_ab92_e65b_e088_5f95_u128.to_be_bytes())),
    (DrmSystem::FairPlay, Uuid(0x94ce_86fb_07ff_4f43_adb8_93d2_fa96_8ca2_u128.to_be_bytes())),
    (DrmSystem::ClearKey, Uuid(0xe271_9d58_a985_b3c9_781a_b030_af78_d30e_u128.to_be_bytes())),
];

impl DrmSystem {
    /// Returns the DRM system with this SystemID; `None` for an unknown one.
    #[must_use]
    pub fn from_id(id: Uuid) -> Option<Self> {
        SYSTEMS.iter().find(|(_, known)| *known == id).map(|(system, _)| *system)
    }

    /// Returns the SystemID of the DRM system; `None` if none is registered.
    #[must_use]
    pub fn id(self) -> Option<Uuid> {
        SYSTEMS.iter().find(|(system, _)| *system == self).map(|(_, id)| *id)
    }

    /// Returns the DRM system that a KEYFORMAT attribute names; `None` for another key format.
    #[must_use]
    pub fn from_key_format(format: &str) -> Option<Self> {
        match format {
            "com.apple.streamingkeydelivery" => Some(Self::FairPlay),
            "com.microsoft.playready" => Some(Self::PlayReady),
            "com.widevine" | "com.widevine.alpha" => Some(Self::Widevine),
            "org.w3.clearkey" => Some(Self::ClearKey),
            _ => Self::from_id(Uuid::parse(format.strip_prefix("urn:uuid:")?)?),
        }
    }

    /// Returns the DRM system's name in lower case, as JSON and metrics labels contain it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Widevine => "widevine",
            Self::PlayReady => "playready",
            Self::FairPlay => "fairplay",
            Self::ClearKey => "clearkey",
        }
    }
}

impl fmt::Display for DrmSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Widevine => "Widevine",
            Self::PlayReady => "PlayReady",
            Self::FairPlay => "FairPlay",
            Self::ClearKey => "ClearKey",
        })
    }
}

/// Protection scheme (scheme_type) of a track: `cenc`, `cens`, `cbc1`, `cbcs`, or another four-character code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtectionScheme(pub [u8; 4]);

impl ProtectionScheme {
    /// The scheme `cenc`: AES-CTR of whole samples or subsamples.
    pub const CENC: Self = Self(*b"cenc");
    /// The scheme `cbcs`: AES-CBC with a pattern of encrypted and clear blocks.
    pub const CBCS: Self = Self(*b"cbcs");

    /// Returns whether ISO/IEC 23001-7 defines the scheme, so that its tracks need a `tenc`.
    #[must_use]
    pub fn is_common(self) -> bool {
        matches!(&self.0, b"cenc" | b"cens" | b"cbc1" | b"cbcs")
    }
}

impl fmt::Display for ProtectionScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl Serialize for ProtectionScheme {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_identifier_is_read_in_each_of_its_spellings() {
        let id = Uuid::from_slice(&[0xab; 16]).unwrap();
        assert_eq!(id.to_string(), "abababab-abab-abab-abab-abababababab");
        for text in [format!("0x{}", "AB".repeat(16)), "ab".repeat(16), id.to_string()] {
            assert_eq!(Uuid::parse(&text), Some(id), "{text}");
        }
        let long = "a".repeat(33);
        for wrong in ["", "0x", "0xab", "+bababababababababababababababab", &long, "gggggggggggggggggggggggggggggggg"] {
            assert_eq!(Uuid::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Uuid::from_slice(&[0; 15]), None);
    }

    #[test]
    fn systems_are_known_by_key_format_and_by_id() {
        let widevine = "urn:uuid:EDEF8BA9-79D6-4ACE-A3C8-27DCD51D21ED";
        assert_eq!(DrmSystem::from_key_format(widevine), Some(DrmSystem::Widevine));
        assert_eq!(DrmSystem::from_key_format("com.microsoft.playready"), Some(DrmSystem::PlayReady));
        assert_eq!(DrmSystem::from_key_format("com.apple.streamingkeydelivery"), Some(DrmSystem::FairPlay));
        assert_eq!([DrmSystem::from_key_format("identity"), DrmSystem::from_key_format("urn:uuid:é")], [None; 2]);
        for (system, id) in SYSTEMS {
            assert_eq!((DrmSystem::from_id(id), system.id()), (Some(system), Some(id)));
        }
    }

    #[test]
    fn only_the_four_common_schemes_need_a_tenc() {
        let common = |code| ProtectionScheme(code).is_common();
        assert!([*b"cenc", *b"cens", *b"cbc1", *b"cbcs"].into_iter().all(common));
        assert!(![*b"piff", *b"cbc2"].into_iter().any(common));
        assert_eq!(ProtectionScheme(*b"ab\x01c").to_string(), "ab\\x01c");
        let names = SYSTEMS.map(|(system, _)| (system.as_str(), system.to_string()));
        assert!(names.iter().all(|(key, name)| *key == name.to_lowercase()), "{names:?}");
        let keys = ["com.widevine", "com.widevine.alpha", "org.w3.clearkey"].map(DrmSystem::from_key_format);
        assert_eq!(keys, [Some(DrmSystem::Widevine), Some(DrmSystem::Widevine), Some(DrmSystem::ClearKey)]);
    }
}
