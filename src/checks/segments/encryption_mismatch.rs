mod samples;

use crate::checks::support::select::{self, complete_inspection, segment_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Decryption, InitFacts, RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::crypt::BLOCK_SIZE;
use packager_media::redact;
use packager_media::stream::Protocol;
use samples::Announcement;

pub const META: CheckMeta = CheckMeta {
    id: "encryption_mismatch",
    severity: Severity::Critical,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when a segment is clear although the playlist or MPD announces it as encrypted (samples that a protected initialization \
           segment leaves clear hold), when an initialization segment after an EXT-X-KEY with METHOD=AES-128 is clear, or when a segment is \
           encrypted although nothing announces it, is encrypted with another scheme or key ID than announced (where keys rotate in sample \
           groups, the key ID of the initialization segment counts), or is encrypted under an EXT-X-KEY with a METHOD that no \
           player knows; major if of the key ID and the `pssh` box that a DRM system gets only one names the key",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.4, 5.2, 6.3.1; ISO/IEC 23001-7; ISO/IEC 23009-1 5.8.4.1",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let protocol = context.output.protocol();
    select::judge_renditions(context, select::NO_SEGMENT, |facts, past| judge(protocol, facts, past))
}

/// Returns the tag or element with which a manifest of this protocol announces encryption.
fn announcing_tag(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Hls => "EXT-X-KEY",
        Protocol::Dash => "ContentProtection",
    }
}

fn judge(protocol: Protocol, facts: &RenditionFacts, past: &RenditionHistory) -> Option<Vec<Violation>> {
    let segments = select::inspected_segments(facts, past).unwrap_or_default();
    let is_read = segments.iter().any(|s| s.inspection.is_some() || s.decryption.is_some());
    if !is_read && !facts.inits.iter().any(|init| init.decryption.is_some()) {
        return None;
    }
    let tag = announcing_tag(protocol);
    let mut found: Vec<_> = facts.inits.iter().filter_map(|init| clear_init(init)).collect();
    found.extend(unannounced_noise(&segments, tag));
    found.extend(segments.iter().rev().filter_map(|s| {
        let announcement = Announcement { tag, clear_samples_allowed: clear_samples_allowed(protocol, facts, s) };
        mismatch(s, &announcement)
    }));
    Some(found)
}

/// Returns whether samples of a segment that is announced as encrypted may be clear, because its initialization segment declares the
/// protection: a sample entry or group may leave samples clear, such as those of a clear lead, and players see it sample by sample
/// (ISO/IEC 23001-7 6). In HLS an initialization segment belongs to a segment (EXT-X-MAP); an MPD announces for a whole Representation.
fn clear_samples_allowed(protocol: Protocol, facts: &RenditionFacts, segment: &SegmentFacts) -> bool {
    let is_protected = |init: &InitFacts| init.inspection.as_ref().is_some_and(|i| i.encrypted);
    let own = facts.inits.iter().find(|init| Some(&init.map) == segment.segment.map.as_deref());
    match (protocol, own) {
        (Protocol::Hls, Some(own)) => is_protected(own),
        (Protocol::Hls, None) => segment.segment.map.is_some() && facts.inits.iter().any(|init| is_protected(init)),
        (Protocol::Dash, _) => facts.inits.iter().any(|init| is_protected(init)),
    }
}

/// Returns a violation if an initialization segment is clear although its EXT-X-MAP is after an EXT-X-KEY, which applies to each
/// initialization segment declared after it (RFC 8216bis 4.4.4.4).
fn clear_init(facts: &InitFacts) -> Option<Violation> {
    if facts.decryption != Some(Decryption::Clear) {
        return None;
    }
    let method = facts.map.key.as_ref().map_or("NONE", |key| key.method.as_str());
    let message =
        format!("the initialization segment is announced as {method} and is clear: players decrypt it into noise");
    Some(Violation::new(message).with("url", redact::url(&facts.map.uri)).with("method", method))
}

fn mismatch(facts: &SegmentFacts, announcement: &Announcement) -> Option<Violation> {
    facts.fetched.ok()?;
    let key = facts.segment.key.as_deref();
    let method = key.map_or("NONE", |k| k.method.as_str());
    let (problem, severity) = match facts.decryption {
        Some(Decryption::Clear) => {
            (format!("is announced as {method} and is clear: players decrypt it into noise"), META.severity)
        }
        Some(_) => return None,
        None => {
            let inspection = complete_inspection(facts)?;
            let wrong = samples::mismatch(&facts.segment, inspection, announcement).map(|text| (text, META.severity));
            wrong.or_else(|| Some((samples::contradiction(&facts.segment, inspection)?, Severity::Major)))?
        }
    };
    let violation = segment_violation(facts, format!("segment {} {problem}", facts.segment.number));
    let violation = violation.with("method", method);
    Some(if severity == META.severity { violation } else { violation.severity(severity) })
}

/// Returns a violation if all segments that arrived look like noise in whole blocks of 16 bytes, as AES-128 leaves
/// them, and have no key. A single such segment may be chance or damage, so at least two are needed.
fn unannounced_noise(segments: &[&SegmentFacts], tag: &str) -> Option<Violation> {
    let noise = |s: &SegmentFacts| {
        let unknown = complete_inspection(s).is_some_and(samples::is_noise);
        let bytes = s.fetched.ok().map_or(0, |e| e.body_bytes);
        unknown && s.segment.key.is_none() && bytes > 0 && bytes.is_multiple_of(BLOCK_SIZE as u64)
    };
    let arrived: Vec<_> = segments.iter().filter(|s| s.fetched.ok().is_some()).collect();
    let last = arrived.last().filter(|_| arrived.len() >= 2 && arrived.iter().all(|s| noise(s)))?;
    let message =
        format!("segments are noise in whole blocks of 16 bytes, as AES-128 leaves them, but no {tag} announces it");
    Some(segment_violation(last, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::FailureKind;
    use packager_media::container::{Container, Inspection};
    use packager_media::crypt::DecryptError;
    use packager_media::stream::{Key, Map};
    use std::sync::Arc;

    fn under(method: &str, change: impl FnOnce(&mut SegmentFacts)) -> SegmentFacts {
        let mut segment = ts_segment(5, 0.0, 2.0);
        let uri = Some(url("key.bin").into());
        segment.segment.key =
            Some(Key { method: method.to_owned(), uri, iv: None, key_format: None, key_id: None }.into());
        change(&mut segment);
        segment
    }

    fn run(segments: impl IntoIterator<Item = SegmentFacts>) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember(segments);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_segment_that_is_what_the_playlist_announces_holds() {
        assert_holds(run([ts_segment(5, 0.0, 2.0)]));
        assert_holds(run([under("AES-128", |s| s.decryption = Some(Decryption::Done))]));
        assert_holds(run([under("SAMPLE-AES", |s| s.inspection.as_mut().unwrap().encrypted = true)]));
    }

    #[test]
    fn a_clear_segment_that_is_announced_as_encrypted_fails() {
        let clear = under("AES-128", |s| s.decryption = Some(Decryption::Clear));
        let found = violations(run([clear]));
        assert_eq!(found[0].message, "segment 5 is announced as AES-128 and is clear: players decrypt it into noise");
        assert_eq!((found[0].rendition.as_deref(), &found[0].evidence["method"]), (Some(NAME), &"AES-128".into()));
        assert_eq!(messages(run([under("SAMPLE-AES", |_| {})])), "segment 5 is announced as SAMPLE-AES and is clear");
        let subtitles = |s: &mut SegmentFacts| s.inspection.as_mut().unwrap().container = Container::WebVtt;
        assert_holds(run([under("SAMPLE-AES", subtitles)]));
    }

    #[test]
    fn samples_that_a_protected_initialization_segment_leaves_clear_hold() {
        let run = |protected: bool| {
            let mut scene = Scene::live();
            let map = Arc::new(Map { uri: url("init.mp4"), byte_range: None, key: None });
            scene.remember([under("SAMPLE-AES", |s| s.segment.map = Some(map.clone()))]);
            let inspection = Inspection { encrypted: protected, ..ts_segment(5, 0.0, 2.0).inspection.unwrap() };
            let init = InitFacts {
                map: (*map).clone(),
                fetched: answered("init.mp4", "video/mp4"),
                inspection: Some(inspection),
                decryption: None,
                digest: None,
                kept: None,
            };
            scene.rendition().inits = vec![Arc::new(init)];
            check(&scene.context(), &Params::default())
        };
        assert_holds(run(true));
        assert_eq!(messages(run(false)), "segment 5 is announced as SAMPLE-AES and is clear");
    }

    #[test]
    fn a_clear_initialization_segment_after_the_key_fails() {
        let run = |decryption| {
            let mut scene = Scene::live();
            let segment = under("AES-128", |s| s.decryption = Some(Decryption::Done));
            let key = segment.segment.key.as_deref().cloned();
            scene.remember([segment]);
            let init = InitFacts {
                map: Map { uri: url("init.mp4"), byte_range: None, key },
                fetched: answered("init.mp4", "video/mp4"),
                inspection: None,
                decryption,
                digest: None,
                kept: None,
            };
            scene.rendition().inits = vec![Arc::new(init)];
            check(&scene.context(), &Params::default())
        };
        for healthy in [None, Some(Decryption::Done), Some(Decryption::Locked)] {
            assert_holds(run(healthy));
        }
        let found = violations(run(Some(Decryption::Clear)));
        let message = "the initialization segment is announced as AES-128 and is clear: players decrypt it into noise";
        assert_eq!((found.len(), found[0].message.as_str(), found[0].severity), (1, message, None));
        assert_eq!(found[0].evidence["method"], "AES-128");
    }

    #[test]
    fn an_encrypted_segment_that_nothing_announces_fails() {
        let mut encrypted = ts_segment(5, 0.0, 2.0);
        encrypted.inspection.as_mut().unwrap().encrypted = true;
        assert!(messages(run([encrypted])).contains("is encrypted but no EXT-X-KEY announces it"));
    }

    #[test]
    fn a_pssh_that_lists_only_other_keys_is_major() {
        let listing = |kid: u8| {
            let kids = [1u32.to_be_bytes().as_slice(), &[kid; 16]].concat();
            let system = 0xedef_8ba9_79d6_4ace_a3c8_27dc_d51d_21ed_u128.to_be_bytes();
            let bytes = [&52u32.to_be_bytes()[..], b"pssh", &[1, 0, 0, 0], &system, &kids, &[0; 4]].concat();
            let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
            let mut segment = under("SAMPLE-AES", |s| s.inspection.as_mut().unwrap().encrypted = true);
            let key_format = Some("urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed".to_owned());
            let key_id = packager_media::drm::Uuid::from_slice(&[7; 16]);
            let key = (**segment.segment.key.as_ref().unwrap()).clone();
            let uri = Some(format!("data:;base64,{text}"));
            segment.segment.keys = [Key { key_format, key_id, uri, ..key }].into();
            let protection = packager_media::container::SampleEncryption { kid: key_id, ..Default::default() };
            segment.inspection.as_mut().unwrap().tracks[0].encryption = Some(Arc::new(protection));
            segment
        };
        assert_holds(run([listing(7)]));
        let found = violations(run([listing(8)]));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Major)));
        assert!(found[0].message.contains("the `pssh` of Widevine lists only 08080808-"), "{found:?}");
    }

    #[test]
    fn noise_is_called_encrypted_only_if_every_segment_is_noise_in_whole_blocks() {
        let noise = |number, bytes| {
            let mut segment = ts_segment(number, 0.0, 2.0);
            let inspection = segment.inspection.as_mut().unwrap();
            (inspection.container, inspection.head) = (Container::Unknown, vec![0x9c, 7]);
            segment.fetched.result.as_mut().unwrap().body_bytes = bytes;
            segment
        };
        assert!(messages(run([noise(5, 1600), noise(6, 1616)])).contains("as AES-128 leaves them"));
        assert_holds(run([noise(5, 1600)]));
        assert_holds(run([noise(5, 0), noise(6, 1616)]));
        assert_holds(run([noise(5, 1600), noise(6, 1617)]));
        assert_holds(run([noise(5, 1600), ts_segment(6, 2.0, 2.0)]));
        let mut text = noise(6, 1616);
        text.inspection.as_mut().unwrap().head = b"<html>".to_vec();
        assert_holds(run([noise(5, 1600), text]));
    }

    #[test]
    fn a_segment_that_fails_to_decrypt_or_whose_key_is_locked_holds() {
        let failed = |s: &mut SegmentFacts| s.decryption = Some(Decryption::Failed(DecryptError::Padding));
        assert_holds(run([under("AES-128", failed)]));
        assert_holds(run([under("AES-128", |s| (s.decryption, s.inspection) = (Some(Decryption::Locked), None))]));
    }

    #[test]
    fn segments_that_did_not_arrive_are_not_judged() {
        assert_holds(run([broken(ts_segment(5, 0.0, 2.0), FailureKind::Cut)]));
        assert_not_run(run([with_status(ts_segment(5, 0.0, 2.0), 404)]), select::NO_SEGMENT);
        assert_not_run(check(&Scene::live().context(), &Params::default()), select::NO_SEGMENT);
    }
}
