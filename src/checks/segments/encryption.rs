mod rotation;
mod samples;
mod systems;

use crate::checks::support::select::{self, complete_inspection, segment_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Decryption, InitFacts, KeyFacts, RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::container::Container;
use packager_media::crypt::BLOCK_SIZE;
use packager_media::drm::DrmSystem;
use packager_media::redact;
use packager_media::stream::{Key, Protocol};
use std::sync::Arc;

pub const META: CheckMeta = CheckMeta {
    id: "encryption",
    severity: Severity::Critical,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when a segment is announced as encrypted and is clear, or the other way round, doesn't decrypt with its AES-128 key and \
           initialization vector, is encrypted with another scheme or key than playlist or MPD name, when a key doesn't answer, hasn't 16 \
           bytes or isn't replaced in time, or a DRM system is missing that the template expects",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.4, 5.2; ISO/IEC 23001-7; ISO/IEC 23009-1 5.8.4.1",
    needs_history: false,
};

params! {
    /// A key that answers 401 or 403 is no fault: viewers have credentials that the exporter lacks. What such a key encrypts isn't looked into
    forbidden_ok: bool = false,
    /// DRM systems for which each encrypted rendition has to offer a key, and one of which has to protect each video: `widevine`, `playready`, `fairplay`, `clearkey`
    drm: Vec<DrmSystem> = Vec::new(),
    /// Most seconds that one key may be used for; absent where keys needn't change. Counts from the first probe on
    rotation_within: Option<f64> = None,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NOTHING, |facts, past| {
        let judged = judge(context.output.protocol(), facts, past, params);
        let promised = systems::faults(context.output.protocol(), facts, &params.drm);
        let rotated = rotation::judge(past, params.rotation_within);
        judged.into_iter().chain(promised).chain(rotated).reduce(|all, more| [all, more].concat())
    })
}

const NOTHING: &str = "no segment was inspected and no key was asked for";

/// By what encryption is announced.
fn tag(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Hls => "EXT-X-KEY",
        Protocol::Dash => "ContentProtection",
    }
}

fn judge(
    protocol: Protocol,
    facts: &RenditionFacts,
    past: &RenditionHistory,
    params: &Params,
) -> Option<Vec<Violation>> {
    let segments = select::inspected_segments(facts, past).unwrap_or_default();
    let known = |s: &&SegmentFacts| s.inspection.is_some() || s.decryption.is_some();
    if facts.keys.is_empty() && !segments.iter().any(known) {
        return None;
    }
    let mut found: Vec<_> = facts.keys.iter().filter_map(|key| key_fault(key, params)).collect();
    found.extend(facts.inits.iter().filter_map(|init| init_fault(init)));
    found.extend(unannounced(&segments, tag(protocol)));
    // An MPD announces for a whole Representation what a player finds sample by sample: there may be a clear lead.
    let protected = |init: &Arc<InitFacts>| init.inspection.as_ref().is_some_and(|i| i.encrypted);
    let may_be_clear = protocol == Protocol::Dash && facts.inits.iter().any(protected);
    let announced = samples::Announced { tag: tag(protocol), may_be_clear };
    found.extend(segments.iter().rev().filter_map(|s| segment_fault(s, &announced)));
    Some(found)
}

fn key_fault(facts: &KeyFacts, params: &Params) -> Option<Violation> {
    let exchange = facts.fetched.result.as_ref().ok();
    let status = exchange.map(|e| e.status);
    if facts.usable() || facts.fetched.probe_timed_out() || (params.forbidden_ok && matches!(status, Some(401 | 403))) {
        return None;
    }
    let what = if facts.key.format() == "identity" { "key" } else { "licence address" };
    let message = match facts.fetched.problem() {
        Some(problem) if matches!(status, Some(401 | 403)) => format!(
            "the {what} doesn't answer: {problem}; give the channel's `request` its credentials, or set checks.encryption.forbidden_ok"
        ),
        Some(problem) => format!("the {what} doesn't answer: {problem}"),
        None => {
            let bytes = exchange.map_or(0, |e| e.body_bytes);
            format!("the key has {bytes} bytes instead of {BLOCK_SIZE}: nothing can be decrypted with it")
        }
    };
    let violation =
        Violation::new(message).with("url", redact::url(&facts.fetched.url)).with("method", &*facts.key.method);
    Some(
        violation
            .with("key_format", facts.key.format())
            .with("status", status)
            .with("asked_at", facts.asked_at.to_string()),
    )
}

fn init_fault(facts: &InitFacts) -> Option<Violation> {
    let Some(Decryption::Failed(misfit)) = facts.decryption else { return None };
    let violation = Violation::new(format!("the initialization segment doesn't decrypt: {misfit}"));
    Some(violation.with("url", redact::url(&facts.map.uri)).with("vector", facts.map.key.as_ref().map(vector)))
}

fn segment_fault(facts: &SegmentFacts, announced: &samples::Announced) -> Option<Violation> {
    facts.fetched.ok()?;
    let key = facts.segment.key.as_ref();
    let method = key.map_or("NONE", |k| k.method.as_str());
    let problem = match facts.decryption {
        Some(Decryption::Clear) => format!("is announced as {method} and is clear: players decrypt it into noise"),
        Some(Decryption::Failed(misfit)) => format!("doesn't decrypt: {misfit}"),
        Some(_) => return None,
        None => samples::fault(&facts.segment, complete_inspection(facts)?, announced)?,
    };
    let violation =
        segment_violation(facts, format!("segment {} {problem}", facts.segment.number)).with("method", method);
    Some(violation.with("vector", key.map(vector)))
}

/// Bodies encrypted as a whole look like noise of whole blocks. One may be chance or damage, so all have to.
fn unannounced(segments: &[&SegmentFacts], tag: &str) -> Option<Violation> {
    let noise = |s: &SegmentFacts| {
        let unknown = complete_inspection(s)
            .is_some_and(|i| i.container == Container::Unknown && !i.head.iter().all(u8::is_ascii));
        let bytes = s.fetched.ok().map_or(0, |e| e.body_bytes);
        unknown && s.segment.key.is_none() && bytes > 0 && bytes.is_multiple_of(BLOCK_SIZE as u64)
    };
    let arrived: Vec<_> = segments.iter().filter(|s| s.fetched.ok().is_some()).collect();
    let last = arrived.last().filter(|_| arrived.len() >= 2 && arrived.iter().all(|s| noise(s)))?;
    let message =
        format!("segments are noise in whole blocks of 16 bytes, as AES-128 leaves them, and no {tag} says so");
    Some(segment_violation(last, message))
}

/// Which initialization vector a player takes.
fn vector(key: &Key) -> String {
    key.iv.clone().unwrap_or_else(|| "media sequence number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::FailureKind;
    use packager_media::crypt::{AesKey, DecryptError};
    use packager_media::stream::Map;

    fn key(method: &str) -> Key {
        Key {
            method: method.to_owned(),
            uri: Some(url("key.bin?t=s3cret").into()),
            iv: None,
            key_format: None,
            key_id: None,
        }
    }

    fn under(method: &str, change: impl FnOnce(&mut SegmentFacts)) -> SegmentFacts {
        let mut segment = ts_segment(5, 0.0, 2.0);
        segment.segment.key = Some(key(method));
        change(&mut segment);
        segment
    }

    fn run(segments: impl IntoIterator<Item = SegmentFacts>) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember(segments);
        check(&scene.context(), &Params::default())
    }

    fn run_key(facts: KeyFacts, params: &Params) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.rendition().keys = vec![Arc::new(facts)];
        check(&scene.context(), params)
    }

    fn answering(status: u16, bytes: usize) -> KeyFacts {
        let mut fetched = answered("key.bin?t=s3cret", "application/octet-stream");
        let exchange = fetched.result.as_mut().unwrap();
        (exchange.status, exchange.body_bytes) = (status, bytes as u64);
        let secret = AesKey::new(&vec![7; bytes]).filter(|_| status == 200);
        KeyFacts { key: key("AES-128"), asked_at: time(0.0), fetched, secret }
    }

    #[test]
    fn what_is_announced_and_found_holds() {
        assert_holds(run([ts_segment(5, 0.0, 2.0)]));
        assert_holds(run([under("AES-128", |s| s.decryption = Some(Decryption::Done))]));
        assert_holds(run([under("SAMPLE-AES", |s| s.inspection.as_mut().unwrap().encrypted = true)]));
        assert_holds(run_key(answering(200, 16), &Params::default()));
    }

    #[test]
    fn announced_and_clear_fails() {
        let clear = under("AES-128", |s| s.decryption = Some(Decryption::Clear));
        assert!(messages(run([clear])).starts_with("segment 5 is announced as AES-128 and is clear"));
        assert_eq!(messages(run([under("SAMPLE-AES", |_| {})])), "segment 5 is announced as SAMPLE-AES and is clear");
        let subtitles = |s: &mut SegmentFacts| s.inspection.as_mut().unwrap().container = Container::WebVtt;
        assert_holds(run([under("SAMPLE-AES", subtitles)]));
    }

    #[test]
    fn encrypted_and_not_announced_fails() {
        let mut scrambled = ts_segment(5, 0.0, 2.0);
        scrambled.inspection.as_mut().unwrap().encrypted = true;
        assert!(messages(run([scrambled])).contains("no EXT-X-KEY says so"));
    }

    #[test]
    fn noise_is_called_encrypted_only_where_all_of_it_looks_so() {
        let noise = |number, bytes| {
            let mut segment = ts_segment(number, 0.0, 2.0);
            let inspection = segment.inspection.as_mut().unwrap();
            (inspection.container, inspection.head) = (Container::Unknown, vec![0x9c, 7]);
            segment.fetched.result.as_mut().unwrap().body_bytes = bytes;
            segment
        };
        assert!(messages(run([noise(5, 1600), noise(6, 1616)])).contains("as AES-128 leaves them"));
        assert_holds(run([noise(5, 1600)]));
        assert_holds(run([noise(5, 1600), noise(6, 1617)]));
        assert_holds(run([noise(5, 1600), ts_segment(6, 2.0, 2.0)]));
    }

    #[test]
    fn what_does_not_decrypt_says_why() {
        let failing = |misfit| messages(run([under("AES-128", |s| s.decryption = Some(Decryption::Failed(misfit)))]));
        assert!(failing(DecryptError::Padding).contains("PKCS7"));
        assert!(failing(DecryptError::Length(17)).contains("17 bytes are not a whole number of blocks"));
        assert!(failing(DecryptError::WrongKey).contains("another key"));
        assert!(failing(DecryptError::WrongVector).contains("vector is another"));
        let map = Map { uri: url("init.mp4"), byte_range: None, key: Some(key("AES-128")) };
        let fetched = answered("init.mp4", "video/mp4");
        let init = InitFacts {
            map,
            fetched,
            inspection: None,
            decryption: Some(Decryption::Failed(DecryptError::WrongKey)),
            digest: None,
        };
        let mut scene = Scene::live();
        scene.rendition().inits = vec![Arc::new(init)];
        scene.remember([ts_segment(5, 0.0, 2.0)]);
        assert!(
            messages(check(&scene.context(), &Params::default())).starts_with("the initialization segment doesn't")
        );
    }

    #[test]
    fn a_key_has_to_answer_with_16_bytes() {
        let strict = Params::default();
        assert!(messages(run_key(answering(404, 0), &strict)).contains("HTTP status 404"));
        assert!(messages(run_key(answering(200, 15), &strict)).contains("has 15 bytes instead of 16"));
        assert!(messages(run_key(answering(200, 17), &strict)).contains("has 17 bytes instead of 16"));
        let violation = violations(run_key(answering(500, 0), &strict)).remove(0);
        assert_eq!(violation.evidence["url"], "https://packager.example/tv1/key.bin?t=***");
        for (kind, count) in [(FailureKind::Connect, 1), (FailureKind::Deadline, 0)] {
            let facts = KeyFacts { fetched: failed("key.bin", kind), secret: None, ..answering(200, 16) };
            assert_eq!(violations(run_key(facts, &strict)).len(), count);
        }
    }

    #[test]
    fn a_key_for_viewers_only_may_be_left_to_them() {
        assert!(messages(run_key(answering(403, 0), &Params::default())).contains("forbidden_ok"));
        let lenient = Params { forbidden_ok: true, ..Params::default() };
        assert_holds(run_key(answering(403, 0), &lenient));
        assert_eq!(violations(run_key(answering(404, 0), &lenient)).len(), 1);
    }

    #[test]
    fn a_licence_is_there_when_anything_answers() {
        let licence = |status| {
            let mut facts = KeyFacts { secret: None, ..answering(status, 0) };
            facts.key.key_format = Some("com.widevine".to_owned());
            run_key(facts, &Params::default())
        };
        assert_holds(licence(405));
        assert_eq!(messages(licence(502)), "the licence address doesn't answer: HTTP status 502");
    }

    #[test]
    fn what_is_locked_or_did_not_arrive_says_nothing() {
        assert_holds(run([under("AES-128", |s| (s.decryption, s.inspection) = (Some(Decryption::Locked), None))]));
        assert_holds(run([broken(ts_segment(5, 0.0, 2.0), FailureKind::Cut)]));
        assert_not_run(run([with_status(ts_segment(5, 0.0, 2.0), 404)]), NOTHING);
        assert_not_run(check(&Scene::live().context(), &Params::default()), NOTHING);
    }
}
