use crate::checks::support::select::{self, segment_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Decryption, InitFacts, SegmentFacts};
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::Key;

pub const META: CheckMeta = CheckMeta {
    id: "decryption_failed",
    severity: Severity::Critical,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when a segment or an initialization segment doesn't decrypt with its AES-128 key and initialization vector",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.4, 5.2",
    needs_history: false,
};

params! {}

const MISSING: &str = "no segment under AES-128 was decrypted";

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    select::judge_renditions(context, MISSING, |facts, past| {
        let segments = select::inspected_segments(facts, past).unwrap_or_default();
        let tried = |decryption: Option<Decryption>| decryption.is_some_and(|d| d != Decryption::Locked);
        if !segments.iter().any(|s| tried(s.decryption)) && !facts.inits.iter().any(|i| tried(i.decryption)) {
            return None;
        }
        let inits = facts.inits.iter().filter_map(|init| failed_init(init));
        Some(inits.chain(segments.iter().rev().filter_map(|s| failed_segment(s))).collect())
    })
}

fn failed_init(facts: &InitFacts) -> Option<Violation> {
    let Some(Decryption::Failed(misfit)) = facts.decryption else { return None };
    let violation = Violation::new(format!("the initialization segment doesn't decrypt: {misfit}"));
    Some(violation.with("url", redact::url(&facts.map.uri)).with("vector", facts.map.key.as_ref().map(vector)))
}

fn failed_segment(facts: &SegmentFacts) -> Option<Violation> {
    facts.fetched.ok()?;
    let Some(Decryption::Failed(misfit)) = facts.decryption else { return None };
    let key = facts.segment.key.as_deref();
    let violation = segment_violation(facts, format!("segment {} doesn't decrypt: {misfit}", facts.segment.number));
    Some(violation.with("method", key.map(|k| k.method.as_str())).with("vector", key.map(vector)))
}

/// Returns a text with the initialization vector that a player uses with a key.
fn vector(key: &Key) -> String {
    key.iv.clone().unwrap_or_else(|| "media sequence number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::FailureKind;
    use packager_media::crypt::DecryptError;
    use packager_media::stream::Map;
    use std::sync::Arc;

    fn key(iv: Option<&str>) -> Key {
        let iv = iv.map(str::to_owned);
        Key { method: "AES-128".to_owned(), uri: Some(url("key.bin").into()), iv, key_format: None, key_id: None }
    }

    fn decrypted(number: u64, decryption: Decryption) -> SegmentFacts {
        let mut segment = ts_segment(number, 0.0, 2.0);
        segment.segment.key = Some(key(None).into());
        segment.decryption = Some(decryption);
        segment
    }

    fn run(segments: impl IntoIterator<Item = SegmentFacts>) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember(segments);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_segment_that_decrypts_or_is_clear_holds() {
        assert_holds(run([decrypted(5, Decryption::Done)]));
        assert_holds(run([decrypted(5, Decryption::Clear)]));
    }

    #[test]
    fn a_segment_that_does_not_decrypt_fails_with_the_reason() {
        let failing = |misfit| messages(run([decrypted(5, Decryption::Failed(misfit))]));
        assert!(failing(DecryptError::Padding).starts_with("segment 5 doesn't decrypt: "));
        assert!(failing(DecryptError::Padding).contains("PKCS7"));
        assert!(failing(DecryptError::Length(17)).contains("17 bytes are not a whole number of blocks"));
        assert!(failing(DecryptError::WrongKey).contains("another key"));
        assert!(failing(DecryptError::WrongVector).contains("initialization vector is wrong"));
    }

    #[test]
    fn every_segment_that_fails_is_reported_with_its_vector_and_rendition() {
        let mut explicit = decrypted(6, Decryption::Failed(DecryptError::WrongKey));
        explicit.segment.key = Some(key(Some("0x07")).into());
        let found = violations(run([decrypted(5, Decryption::Failed(DecryptError::WrongKey)), explicit]));
        let seen: Vec<_> =
            found.iter().map(|v| (&v.evidence["number"], v.evidence["vector"].as_str().unwrap())).collect();
        assert_eq!(seen, [(&6.into(), "0x07"), (&5.into(), "media sequence number")]);
        assert!(found.iter().all(|v| v.rendition.as_deref() == Some(NAME)));
    }

    #[test]
    fn an_initialization_segment_that_does_not_decrypt_fails() {
        let map = Map { uri: url("init.mp4"), byte_range: None, key: Some(key(None)) };
        let decryption = Some(Decryption::Failed(DecryptError::WrongKey));
        let fetched = answered("init.mp4", "video/mp4");
        let init = InitFacts { map, fetched, inspection: None, decryption, digest: None, kept: None };
        let mut scene = Scene::live();
        scene.rendition().inits = vec![Arc::new(init)];
        let found = messages(check(&scene.context(), &Params::default()));
        assert!(found.starts_with("the initialization segment doesn't decrypt"), "{found}");
    }

    #[test]
    fn without_an_attempt_to_decrypt_it_does_not_run() {
        assert_not_run(run([ts_segment(5, 0.0, 2.0)]), MISSING);
        assert_not_run(run([decrypted(5, Decryption::Locked)]), MISSING);
        let cut = broken(decrypted(5, Decryption::Failed(DecryptError::Length(17))), FailureKind::Cut);
        assert_holds(run([cut]));
    }
}
