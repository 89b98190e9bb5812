use crate::checks::passed_segments::GOOD_AFTERWARDS;
use crate::checks::support::select::{self};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{KeyFacts, RenditionFacts};
use crate::finding::Severity;
use packager_media::redact;

pub const META: CheckMeta = CheckMeta {
    id: "key_unavailable",
    severity: Severity::Critical,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when the URI of a key or of a licence doesn't answer, or a key in a file doesn't have the 16 bytes of AES-128 \
           or the 32 bytes of AES-256; major where none of the newest three segments needs it",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.4",
    needs_history: false,
};

params! {
    /// Whether a key may be answered with 401 or 403, because viewers have credentials that the exporter doesn't have.
    /// Segments that are encrypted with such a key aren't inspected.
    forbidden_ok: bool = false,
}

const MISSING: &str = "no key was requested";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, MISSING, |facts, _| {
        let requested = !facts.keys.is_empty();
        requested.then(|| facts.keys.iter().filter_map(|key| unusable(facts, key, params)).collect())
    })
}

/// Returns whether players have passed all listed segments with the key: none of the newest segments has it, at which players begin
/// (RFC 8216bis 6.3.3).
fn is_passed(rendition: &RenditionFacts, key: &KeyFacts) -> bool {
    let Some(timeline) = rendition.timeline.as_deref().filter(|t| t.segments.len() > GOOD_AFTERWARDS) else {
        return false;
    };
    let mut newest = timeline.segments.iter().rev().take(GOOD_AFTERWARDS);
    newest.all(|segment| !segment.keys.iter().any(|needed| needed.same_source(&key.key)))
}

fn unusable(rendition: &RenditionFacts, facts: &KeyFacts, params: &Params) -> Option<Violation> {
    let exchange = facts.fetched.result.as_ref().ok();
    let status = exchange.map(|e| e.status);
    let forbidden = matches!(status, Some(401 | 403));
    if facts.usable() || facts.fetched.probe_timed_out() || (params.forbidden_ok && forbidden) {
        return None;
    }
    let name = if facts.key.format() == "identity" { "key" } else { "licence URI" };
    let message = match facts.fetched.problem() {
        Some(problem) if forbidden => format!(
            "the {name} doesn't answer: {problem}; add its credentials to the channel's `request`, or set \
             checks.key_unavailable.forbidden_ok"
        ),
        Some(problem) => format!("the {name} doesn't answer: {problem}"),
        None => {
            let bytes = exchange.map_or(0, |e| e.body_bytes);
            let length = facts.key.length();
            format!("the key has {bytes} bytes instead of {length}: players can't decrypt anything with it")
        }
    };
    let violation =
        Violation::new(message).with("url", redact::url(&facts.fetched.url)).with("method", &*facts.key.method);
    let violation = violation.with("key_format", facts.key.format()).with("status", status);
    let violation = violation.with("asked_at", facts.asked_at.to_string());
    Some(if is_passed(rendition, facts) { violation.severity(Severity::Major) } else { violation })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::FailureKind;
    use packager_media::crypt::AesKey;
    use packager_media::stream::Key;
    use std::sync::Arc;

    fn run(facts: KeyFacts, forbidden_ok: bool) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.rendition().keys = vec![Arc::new(facts)];
        check(&scene.context(), &Params { forbidden_ok, ..Params::default() })
    }

    fn answering(status: u16, bytes: usize) -> KeyFacts {
        let mut fetched = answered("key.bin?t=s3cret", "application/octet-stream");
        let exchange = fetched.result.as_mut().unwrap();
        (exchange.status, exchange.body_bytes) = (status, bytes as u64);
        let secret = AesKey::new(&vec![7; bytes]).filter(|_| status == 200);
        let uri = Some(url("key.bin?t=s3cret").into());
        let key = Key { method: "AES-128".to_owned(), uri, iv: None, key_format: None, key_id: None };
        KeyFacts { key, asked_at: time(0.0), fetched, secret }
    }

    #[test]
    fn a_key_of_16_bytes_holds_and_another_length_fails() {
        assert_holds(run(answering(200, 16), false));
        let message = "the key has 15 bytes instead of 16: players can't decrypt anything with it";
        assert_eq!(messages(run(answering(200, 15), false)), message);
        assert!(messages(run(answering(200, 17), false)).contains("has 17 bytes instead of 16"));
    }

    #[test]
    fn a_key_that_only_older_segments_need_is_major() {
        let severity = |with_key: u64| {
            let mut scene = Scene::live();
            let facts = answering(403, 0);
            let timeline = Arc::make_mut(scene.rendition().timeline.as_mut().unwrap());
            let from_newest = timeline.segments.iter_mut().rev();
            from_newest.skip(with_key as usize).take(1).for_each(|s| s.keys = vec![facts.key.clone()].into());
            scene.rendition().keys = vec![Arc::new(facts)];
            violations(check(&scene.context(), &Params::default())).remove(0).severity
        };
        assert_eq!([severity(0), severity(2), severity(3)], [None, None, Some(Severity::Major)]);
    }

    #[test]
    fn a_key_of_aes_256_has_32_bytes() {
        let answering = |method: &str, bytes| {
            let mut facts = answering(200, bytes);
            facts.key.method = method.to_owned();
            run(facts, false)
        };
        for method in ["AES-256", "AES-256-CTR", "AES-256-GCM"] {
            assert_holds(answering(method, 32));
            assert!(messages(answering(method, 16)).starts_with("the key has 16 bytes instead of 32: "));
        }
        assert!(messages(answering("SAMPLE-AES", 32)).starts_with("the key has 32 bytes instead of 16: "));
    }

    #[test]
    fn a_key_that_does_not_answer_fails_with_a_masked_url() {
        assert_eq!(messages(run(answering(404, 0), false)), "the key doesn't answer: HTTP status 404");
        let violation = violations(run(answering(500, 0), false)).remove(0);
        assert_eq!(violation.evidence["url"], "https://packager.example/tv1/key.bin?t=***");
        assert_eq!((violation.rendition.as_deref(), &violation.evidence["status"]), (Some(NAME), &500.into()));
    }

    #[test]
    fn a_request_that_the_probe_ended_is_not_judged() {
        for (kind, count) in [(FailureKind::Connect, 1), (FailureKind::Deadline, 0)] {
            let facts = KeyFacts { fetched: failed("key.bin", kind), secret: None, ..answering(200, 16) };
            assert_eq!(violations(run(facts, false)).len(), count);
        }
    }

    #[test]
    fn forbidden_ok_allows_401_and_403_only() {
        for status in [401, 403] {
            assert!(messages(run(answering(status, 0), false)).contains("checks.key_unavailable.forbidden_ok"));
            assert_holds(run(answering(status, 0), true));
        }
        assert_eq!(violations(run(answering(404, 0), true)).len(), 1);
    }

    #[test]
    fn a_licence_uri_may_refuse_a_request_but_not_fail() {
        let licence = |status| {
            let mut facts = KeyFacts { secret: None, ..answering(status, 0) };
            facts.key.key_format = Some("com.widevine".to_owned());
            run(facts, false)
        };
        assert_holds(licence(405));
        assert_eq!(messages(licence(502)), "the licence URI doesn't answer: HTTP status 502");
    }

    #[test]
    fn without_a_key_it_does_not_run() {
        assert_not_run(check(&Scene::live().context(), &Params::default()), MISSING);
    }
}
