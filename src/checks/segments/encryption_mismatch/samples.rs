//! Compares the encryption that the manifest announces with the encryption that the segment's container declares.

use packager_media::container::{Container, Inspection, SampleEncryption};
use packager_media::drm::{ProtectionScheme, Uuid};
use packager_media::redact::Quoted;
use packager_media::stream::{Key, Segment};

/// Announcement of encryption by the manifest: by which tag, and whether clear samples may be announced as encrypted.
pub(super) struct Announcement {
    /// Name of the tag or element that announces encryption.
    pub tag: &'static str,
    /// Whether unencrypted samples are accepted although encryption is announced. This is so if the
    /// initialization segment declares the protection, because a sample entry, `tenc` or a sample group may leave samples clear.
    pub clear_samples_allowed: bool,
}

/// Returns the first difference between announced encryption and the segment, as text that follows the words "segment
/// N". `None`: there is no difference.
pub(super) fn mismatch(segment: &Segment, inspection: &Inspection, announcement: &Announcement) -> Option<String> {
    let method = segment.key.as_deref().map(|k| k.method.as_str());
    let announced = matches!(method, Some("SAMPLE-AES" | "SAMPLE-AES-CTR" | "SAMPLE-AES-CENC"))
        || method.is_some_and(is_mpd_scheme);
    match (method, inspection.encrypted) {
        (_, true) if inspection.ts.as_ref().is_some_and(|ts| ts.scrambled_packets > 0) => {
            Some("has scrambled packets (transport_scrambling_control), which no key of HLS or DASH undoes".to_owned())
        }
        (None, true) => Some(format!(
            "is encrypted but no {} announces it: players ask for no key and show nothing",
            announcement.tag
        )),
        (Some(method), encrypted)
            if !is_mpd_scheme(method) && announcement.tag == "EXT-X-KEY" && players_know_no_key(segment) =>
        {
            (encrypted || is_noise(inspection)).then(|| ignored_key(method))
        }
        (Some(method), false)
            if announced && !announcement.clear_samples_allowed && may_show_encryption(inspection) =>
        {
            Some(format!("is announced as {method} and is clear"))
        }
        (Some(method), true) if announced => {
            let mut tracks = inspection.tracks.iter().filter_map(|t| t.encryption.as_deref());
            tracks.find_map(|track| wrong_scheme(method, track).or_else(|| wrong_key(segment, track, announcement.tag)))
        }
        _ => None,
    }
}

/// Whether no player knows the METHOD of any key of an HLS segment.
fn players_know_no_key(segment: &Segment) -> bool {
    segment.keys.iter().chain(segment.key.as_deref()).all(|key| !key.has_known_method())
}

fn ignored_key(method: &str) -> String {
    format!(
        "is encrypted, and its EXT-X-KEY has METHOD={}, which no player knows: players ignore the tag and can't play the \
         segment; write the METHOD that the packager uses, such as AES-128 or SAMPLE-AES",
        Quoted(method)
    )
}

/// Whether the body of a segment is neither media nor text.
pub(super) fn is_noise(inspection: &Inspection) -> bool {
    inspection.container == Container::Unknown && !inspection.head.iter().all(u8::is_ascii)
}

/// Whether the segment's container would declare encrypted samples, and it has samples that could be encrypted.
fn may_show_encryption(inspection: &Inspection) -> bool {
    matches!(inspection.container, Container::MpegTs | Container::Cmaf)
        && inspection
            .tracks
            .iter()
            .any(|t| t.samples > 0 && matches!(t.codec.as_str(), "h264" | "hevc" | "av1" | "aac" | "ac-3" | "ec-3"))
}

/// Returns a text if the track is not encrypted with the scheme for which METHOD stands (RFC 8216bis 4.4.4.4).
fn wrong_scheme(method: &str, track: &SampleEncryption) -> Option<String> {
    let meant = match method {
        "SAMPLE-AES" => ProtectionScheme::CBCS,
        "SAMPLE-AES-CTR" | "SAMPLE-AES-CENC" => ProtectionScheme::CENC,
        named => ProtectionScheme(named.as_bytes().try_into().ok()?),
    };
    let scheme = track.scheme.filter(|s| *s != meant)?;
    let announced = if is_mpd_scheme(method) {
        format!("the MPD announces {meant}")
    } else {
        format!("{method} stands for {meant}")
    };
    Some(format!("is encrypted with the scheme {scheme}; {announced}, and players decrypt it into noise"))
}

/// Whether `method` is a scheme that ContentProtection of an MPD names, not a METHOD of EXT-X-KEY.
fn is_mpd_scheme(method: &str) -> bool {
    method == "common encryption" || method.as_bytes().try_into().is_ok_and(|name| ProtectionScheme(name).is_common())
}

fn wrong_key(segment: &Segment, track: &SampleEncryption, tag: &str) -> Option<String> {
    let group = track.kid?;
    // Where keys rotate, a sample group names the key, and a manifest names the key of the sample entry (ISO/IEC 23001-7 6, 11.2.1;
    // DASH-IF IOP 4.3, 7.5). Packagers write zeros for a key that only groups name.
    let kid = track.default_kid.unwrap_or(group);
    segment.keys.iter().find_map(|key| {
        let named = key.kids();
        let rotates =
            track.default_kid.is_some() && (named.contains(&group) || kid == NO_KEY || named.contains(&NO_KEY));
        let misses = !named.is_empty() && !named.contains(&kid) && !rotates;
        misses.then(|| format!("needs the key {kid}, the {tag} of {} names {}", key_system_name(key), list(&named)))
    })
}

/// Key identifier of zeros, which is written where only sample groups name keys.
const NO_KEY: Uuid = Uuid::from_bytes([0; 16]);

/// Returns a text if the key that the segment needs is named by only one of the key ID and the `pssh` box that a DRM system gets: a
/// player requests a licence by the `pssh`, and chooses the key by its ID. `None` where a `pssh` lists no keys. Where neither
/// names the key, [`mismatch`] says so. Keys that sample groups name may have their `pssh` in the segments.
pub(super) fn contradiction(segment: &Segment, inspection: &Inspection) -> Option<String> {
    let encrypted = inspection.tracks.iter().filter_map(|t| t.encryption.as_deref());
    let needed = encrypted.filter(|track| track.default_kid.is_none()).filter_map(|track| track.kid);
    let contradicting = |kid: Uuid| {
        segment.keys.iter().find_map(|key| {
            let (listed, system) = (key.pssh_kids(), key_system_name(key));
            match (listed.is_empty(), listed.contains(&kid), key.key_id) {
                (false, false, _) => Some(format!(
                    "needs the key {kid}, the `pssh` of {system} lists only {}: players may get no licence for it",
                    list(&listed)
                )),
                (false, true, Some(id)) if id != kid => Some(format!(
                    "needs the key {kid}, which the `pssh` of {system} lists, but the key ID beside it is {id}: players may take \
                     another key"
                )),
                _ => None,
            }
        })
    };
    needed.into_iter().find_map(contradicting)
}

fn key_system_name(key: &Key) -> String {
    if key.format() == "urn:mpeg:dash:mp4protection:2011" {
        return "common encryption".to_owned();
    }
    key.system().map_or_else(|| key.format().to_owned(), |system| system.to_string())
}

/// Returns the first three key IDs as text.
fn list(ids: &[Uuid]) -> String {
    let shown: Vec<_> = ids.iter().take(3).map(Uuid::to_string).collect();
    let more = if ids.len() > shown.len() { ", …" } else { "" };
    shown.join(", ") + more
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::container::TsFacts;
    use std::sync::Arc;

    const HLS: Announcement = Announcement { tag: "EXT-X-KEY", clear_samples_allowed: false };
    const KID: &str = "0x07070707070707070707070707070707";

    fn key(method: &str, format: &str, kid: Option<&str>) -> Key {
        let key_id = kid.and_then(Uuid::parse);
        Key { method: method.to_owned(), uri: None, iv: None, key_format: Some(format.to_owned()), key_id }
    }

    /// Compares a segment in common encryption, with the scheme `scheme` and the key ID `kid`, with the announced
    /// `keys`.
    fn run(scheme: [u8; 4], kid: Option<&str>, keys: &[Key]) -> Option<String> {
        let facts = ts_segment(5, 0.0, 2.0);
        let (mut segment, mut inspection) = (facts.segment, facts.inspection.unwrap());
        segment.key = keys.first().cloned().map(Arc::new);
        segment.keys = keys.into();
        inspection.encrypted = true;
        let kid = kid.and_then(Uuid::parse);
        let protection =
            SampleEncryption { scheme: Some(ProtectionScheme(scheme)), kid, ..SampleEncryption::default() };
        inspection.tracks[0].encryption = Some(Arc::new(protection));
        mismatch(&segment, &inspection, &HLS)
    }

    #[test]
    fn each_method_stands_for_one_scheme() {
        let under =
            |method, scheme: &[u8; 4]| run(*scheme, None, &[key(method, "com.apple.streamingkeydelivery", None)]);
        assert_eq!([under("SAMPLE-AES", b"cbcs"), under("SAMPLE-AES-CTR", b"cenc")], [None, None]);
        assert!(under("SAMPLE-AES", b"cenc").unwrap().contains("the scheme cenc; SAMPLE-AES stands for cbcs"));
        assert!(under("SAMPLE-AES-CTR", b"cbcs").unwrap().contains("SAMPLE-AES-CTR stands for cenc"));
        assert_eq!(under("SAMPLE-AES-CENC", b"cenc"), None, "the older name of SAMPLE-AES-CTR");
    }

    #[test]
    fn an_encrypted_segment_whose_methods_no_player_knows_fails() {
        let widevine = "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed";
        let unknown = || key("SAMPLE-AES-256", widevine, None);
        let message = run(*b"cenc", None, &[unknown()]).unwrap();
        assert!(message.starts_with("is encrypted, and its EXT-X-KEY has METHOD=`SAMPLE-AES-256`, which no player"));
        let known = key("SAMPLE-AES", "com.apple.streamingkeydelivery", None);
        assert_eq!(run(*b"cbcs", None, &[known, unknown()]), None, "players take the key that they know");
    }

    #[test]
    fn noise_under_an_unknown_method_fails_and_clear_media_hold() {
        let of = |method: &str, container, head: &[u8]| {
            let facts = ts_segment(5, 0.0, 2.0);
            let inspection = Inspection { container, head: head.to_vec(), ..facts.inspection.unwrap() };
            let segment = Segment { key: Some(key(method, "identity", None).into()), ..facts.segment };
            mismatch(&segment, &inspection, &HLS)
        };
        assert!(of("AES128", Container::Unknown, &[0x9c, 7]).unwrap().contains("METHOD=`AES128`"));
        assert_eq!(of("AES128", Container::MpegTs, &[0x47]), None, "players that ignore the tag play it");
        assert_eq!(of("AES128", Container::Unknown, b"<html>"), None, "container_invalid reports text");
    }

    #[test]
    fn the_key_that_samples_need_is_the_one_that_is_named() {
        let fairplay = || key("SAMPLE-AES", "com.apple.streamingkeydelivery", None);
        let widevine = "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed";
        let run = |kid, named| run(*b"cbcs", kid, &[fairplay(), key("SAMPLE-AES", widevine, named)]);
        assert_eq!(run(Some(KID), Some(KID)), None);
        assert_eq!([run(Some(KID), None), run(None, Some(KID))], [None, None], "one of the two isn't known");
        let other = format!("0x{}", "08".repeat(16));
        let message = run(Some(KID), Some(&other)).unwrap();
        assert!(message.contains("needs the key 07070707-0707") && message.contains("of Widevine names 08080808-"));
    }

    #[test]
    fn keys_that_rotate_are_compared_by_the_key_of_the_sample_entry() {
        let uuid = |byte: u8| Uuid::from_slice(&[byte; 16]).unwrap();
        let run = |entry: Option<u8>, group: u8, named: u8| {
            let facts = ts_segment(5, 0.0, 2.0);
            let (mut segment, mut inspection) = (facts.segment, facts.inspection.unwrap());
            let key = Key { key_id: Some(uuid(named)), ..key("cenc", "urn:mpeg:dash:mp4protection:2011", None) };
            segment.key = Some(Arc::new(key.clone()));
            segment.keys = [key].into();
            inspection.encrypted = true;
            let protection = SampleEncryption {
                scheme: Some(ProtectionScheme::CENC),
                kid: Some(uuid(group)),
                default_kid: entry.map(uuid),
                ..SampleEncryption::default()
            };
            inspection.tracks[0].encryption = Some(Arc::new(protection));
            let announcement = Announcement { tag: "ContentProtection", clear_samples_allowed: false };
            mismatch(&segment, &inspection, &announcement).or_else(|| contradiction(&segment, &inspection))
        };
        assert_eq!([run(Some(0), 9, 0), run(Some(7), 9, 7), run(Some(7), 9, 9)], [const { None }; 3]);
        assert_eq!([run(Some(0), 9, 7), run(Some(7), 9, 0)], [const { None }; 2], "one of the two says nothing");
        let other = run(Some(7), 9, 8).unwrap();
        assert!(other.contains("needs the key 07070707-") && other.contains("names 08080808-"), "{other}");
        assert!(run(None, 9, 0).unwrap().contains("needs the key 09090909-"), "no sample group gives the key");
    }

    #[test]
    fn key_id_and_pssh_name_the_same_key() {
        let uuid = |byte: u8| Uuid::from_slice(&[byte; 16]).unwrap();
        let run = |key_id: Option<u8>, listed: &[u8]| {
            let facts = ts_segment(5, 0.0, 2.0);
            let (mut segment, mut inspection) = (facts.segment, facts.inspection.unwrap());
            let kids: Vec<u8> = listed.iter().flat_map(|byte| [*byte; 16]).collect();
            let size = u32::try_from(36 + kids.len()).unwrap().to_be_bytes();
            let count = u32::try_from(listed.len()).unwrap().to_be_bytes();
            let bytes = [&size[..], b"pssh", &[1, 0, 0, 0], &[9; 16], &count, &kids, &[0; 4]].concat();
            let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
            let uri = Some(format!("data:;base64,{text}"));
            segment.keys = [Key { uri, key_id: key_id.map(uuid), ..key("SAMPLE-AES", "x", None) }].into();
            let protection = SampleEncryption { kid: Some(uuid(7)), ..SampleEncryption::default() };
            inspection.tracks[0].encryption = Some(Arc::new(protection));
            contradiction(&segment, &inspection)
        };
        assert_eq!(
            [run(Some(7), &[7]), run(Some(7), &[8, 7]), run(None, &[7]), run(Some(8), &[])],
            [const { None }; 4]
        );
        assert!(run(Some(7), &[8]).unwrap().contains("the `pssh` of x lists only 08080808-"));
        assert!(run(None, &[8, 9]).unwrap().contains("lists only 08080808-"));
        assert!(run(Some(8), &[7]).unwrap().contains("but the key ID beside it is 08080808-"));
    }

    #[test]
    fn content_protection_names_its_scheme() {
        let under =
            |method, scheme: &[u8; 4]| run(*scheme, None, &[key(method, "urn:mpeg:dash:mp4protection:2011", None)]);
        assert_eq!([under("cbcs", b"cbcs"), under("common encryption", b"cens")], [None, None]);
        assert!(under("cenc", b"cbcs").unwrap().contains("the scheme cbcs; the MPD announces cenc"));
    }

    #[test]
    fn a_clear_lead_is_no_fault_where_the_header_is_protected() {
        let facts = ts_segment(5, 0.0, 2.0);
        let clear = facts.inspection.unwrap();
        let segment =
            Segment { key: Some(key("cenc", "urn:mpeg:dash:mp4protection:2011", None).into()), ..facts.segment };
        let dash = |clear_samples_allowed| Announcement { tag: "ContentProtection", clear_samples_allowed };
        assert_eq!(mismatch(&segment, &clear, &dash(true)), None);
        assert_eq!(mismatch(&segment, &clear, &dash(false)).unwrap(), "is announced as cenc and is clear");
        let silent = Segment { key: None, ..segment };
        let encrypted = Inspection { encrypted: true, ..clear };
        assert!(mismatch(&silent, &encrypted, &dash(false)).unwrap().contains("no ContentProtection announces it"));
    }

    #[test]
    fn scrambled_packets_are_no_encryption_of_hls() {
        let facts = ts_segment(5, 0.0, 2.0);
        let mut inspection = facts.inspection.unwrap();
        inspection.encrypted = true;
        inspection.ts = Some(TsFacts { scrambled_packets: 1, ..TsFacts::default() });
        let announced = Segment { key: Some(key("SAMPLE-AES", "identity", None).into()), ..facts.segment };
        assert!(mismatch(&announced, &inspection, &HLS).unwrap().contains("transport_scrambling_control"));
    }
}
