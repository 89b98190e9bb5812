use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{ContentRange, Fetched, RenditionFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::redact;
use packager_media::stream::ByteRange;

pub const META: CheckMeta = CheckMeta {
    id: "byte_range_wrong",
    severity: Severity::Major,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when the server answers a request for a byte range with other, more or fewer bytes (206), or with the whole \
           resource (200); critical when the newest segment or an initialization segment can't be read for it; minor for a \
           malformed Content-Range with the right bytes. The media in such answers aren't judged",
    reference: "RFC 9110 14.2, 14.4, 15.3.7; draft-pantos-hls-rfc8216bis-22 4.4.4.2, 4.4.4.5",
    needs_history: false,
};

params! {}

const NONE: &str = "no byte range of a file was requested";

/// An answer to a request for a byte range that the playlist or MPD names.
struct RangeAnswer<'a> {
    /// Description of the requested resource, such as `segment 5`.
    what: String,
    range: ByteRange,
    fetched: &'a Fetched,
}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NONE, |facts, past| {
        let answers = range_answers(facts, past);
        let found = (!answers.is_empty()).then(|| judge(&answers))?;
        let unreadable = is_unreadable(facts, past);
        let rated = found.into_iter().map(|v| if unreadable { v.severity(Severity::Critical) } else { v });
        Some(rated.chain(answers.iter().find_map(malformed)).collect())
    })
}

/// Returns a violation for each answer with other bytes than its range request asked for. Of the answers with the whole
/// resource only the newest is reported, because a server that ignores ranges ignores all of them.
fn judge(answers: &[RangeAnswer<'_>]) -> Vec<Violation> {
    let mut found: Vec<_> = answers.iter().filter_map(wrong_bytes).collect();
    found.extend(answers.iter().find_map(whole_resource));
    found
}

/// Returns a violation if the Content-Range of an answer with the right bytes breaks its syntax, which caches and players
/// that combine ranges may not use (RFC 9110 14.4).
fn malformed(answer: &RangeAnswer<'_>) -> Option<Violation> {
    let exchange = answer.fetched.ok().filter(|e| e.status == 206)?;
    let got =
        exchange.header("content-range").filter(|got| ContentRange::parse(got).is_some_and(|r| !r.well_formed))?;
    let text = format!(
        "the answer (206) has the malformed Content-Range `{got}`; the form is `bytes FIRST-LAST/SIZE`, with `*` for an unknown size"
    );
    Some(violation(answer, &text).severity(Severity::Minor))
}

fn wrong_bytes(answer: &RangeAnswer<'_>) -> Option<Violation> {
    let exchange = answer.fetched.result.as_ref().ok()?;
    let failure = exchange.broken.as_ref().filter(|_| answer.fetched.has_wrong_range())?;
    Some(violation(answer, &failure.message))
}

/// Returns a violation if the answer has the status 200 and holds more than the requested bytes.
fn whole_resource(answer: &RangeAnswer<'_>) -> Option<Violation> {
    let exchange = answer.fetched.ok().filter(|e| e.status == 200)?;
    let length = exchange.content_length;
    let only_the_range = answer.range.offset == 0 && length.is_none_or(|n| n == answer.range.length);
    if only_the_range {
        return None;
    }
    let (first, last) = (answer.range.offset, answer.range.offset.saturating_add(answer.range.length.max(1) - 1));
    let size = length.map(|n| format!(" of {n} bytes")).unwrap_or_default();
    let text = format!(
        "bytes {first}-{last} were asked for, but the answer (200) is the whole resource{size}: players that don't cut it themselves \
         play other media"
    );
    Some(violation(answer, &text))
}

fn violation(answer: &RangeAnswer<'_>, text: &str) -> Violation {
    let exchange = answer.fetched.result.as_ref().ok();
    let header = |name: &str| exchange?.header(name).map(str::to_owned);
    let message =
        format!("{}: {text}; send the same request to the origin and to the CDN to see which is wrong", answer.what);
    Violation::new(message)
        .with("url", redact::url(&answer.fetched.url))
        .with("offset", answer.range.offset)
        .with("length", answer.range.length)
        .with("status", exchange.map(|e| e.status))
        .with("content_range", header("content-range"))
        .with("content_length", exchange.and_then(|e| e.content_length))
        .with("via", header("via").or_else(|| header("x-cache")))
}

/// Returns the successful answers to requests for byte ranges of initialization segments, segments and parts, the
/// newest segment first.
fn range_answers<'a>(facts: &'a RenditionFacts, past: &'a RenditionHistory) -> Vec<RangeAnswer<'a>> {
    let inits = facts.inits.iter().filter_map(|init| {
        Some(RangeAnswer {
            what: "initialization segment".to_owned(),
            range: init.map.byte_range?,
            fetched: &init.fetched,
        })
    });
    let segments = select::inspected_segments(facts, past).unwrap_or_default().into_iter().rev().filter_map(|s| {
        let what = format!("segment {}", s.segment.number);
        Some(RangeAnswer { what, range: s.segment.byte_range?, fetched: &s.fetched })
    });
    let parts = facts.low_latency.iter().flat_map(|l| l.parts.iter().rev()).filter_map(|p| {
        let what = format!("part {} of segment {}", p.part.index, p.part.segment);
        Some(RangeAnswer { what, range: p.part.byte_range?, fetched: &p.fetched })
    });
    let answered = |a: &RangeAnswer<'_>| a.fetched.answer().is_some();
    inits.chain(segments).chain(parts).filter(answered).collect()
}

/// Whether the range request for the newest segment or for an initialization segment was answered with other bytes, so
/// that the rendition can't be played.
fn is_unreadable(facts: &RenditionFacts, past: &RenditionHistory) -> bool {
    let newest = select::inspected_segments(facts, past).and_then(|all| all.last().copied());
    newest.is_some_and(|s| s.fetched.has_wrong_range()) || facts.inits.iter().any(|i| i.fetched.has_wrong_range())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::{Failure, FailureKind, InitFacts, SegmentFacts};
    use packager_media::stream::Map;
    use std::sync::Arc;

    const RANGE: ByteRange = ByteRange { offset: 1000, length: 500 };

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    fn answered_by(number: u64, range: ByteRange, status: u16, content_length: Option<u64>) -> SegmentFacts {
        let mut segment = ts_segment(number, 2.0 * number as f64, 2.0);
        segment.segment.byte_range = Some(range);
        let exchange = segment.fetched.result.as_mut().unwrap();
        (exchange.status, exchange.content_length) = (status, content_length);
        segment
    }

    fn wrong(number: u64) -> SegmentFacts {
        let mut segment = answered_by(number, RANGE, 206, Some(1500));
        let exchange = segment.fetched.result.as_mut().unwrap();
        let message = "bytes 1000-1499 were asked for, but the answer (206) has 1500 bytes instead of 500".to_owned();
        exchange.broken = Some(Failure { kind: FailureKind::Range, message });
        exchange.headers.push(("via".to_owned(), "1.1 cdn".to_owned()));
        segment.inspection = None;
        segment
    }

    fn scene(segments: impl IntoIterator<Item = SegmentFacts>) -> Scene {
        let mut scene = Scene::live();
        scene.remember(segments);
        scene
    }

    #[test]
    fn the_requested_bytes_hold() {
        assert_holds(run(&scene([answered_by(5, RANGE, 206, Some(500))])));
    }

    #[test]
    fn a_malformed_content_range_with_the_right_bytes_is_minor() {
        let with = |value: &str| {
            let mut segment = answered_by(5, RANGE, 206, Some(500));
            segment.fetched.result.as_mut().unwrap().headers.push(("content-range".to_owned(), value.to_owned()));
            run(&scene([segment]))
        };
        for sound in ["bytes 1000-1499/9000", "bytes 1000-1499/*", "bytes  1000-1499 / 1500"] {
            assert_holds(with(sound));
        }
        for malformed in ["bytes 1000-1499", "bytes 1000-1499/1499", "bytes 1000-1499/x"] {
            let found = violations(with(malformed));
            assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Minor)), "{malformed}");
            let message =
                format!("segment 5: the answer (206) has the malformed Content-Range `{malformed}`; the form is");
            assert!(found[0].message.starts_with(&message), "{}", found[0].message);
        }
    }

    #[test]
    fn other_bytes_fail_and_name_origin_and_cdn() {
        let mut two = scene([wrong(4), answered_by(5, RANGE, 206, Some(500))]);
        let found = violations(run(&two));
        assert_eq!(
            found[0].message,
            "segment 4: bytes 1000-1499 were asked for, but the answer (206) has 1500 bytes instead of 500; send the same request to \
             the origin and to the CDN to see which is wrong"
        );
        assert_eq!((found.len(), found[0].severity), (1, None), "the newest segment is there");
        assert_eq!((&found[0].evidence["via"], &found[0].evidence["status"]), (&"1.1 cdn".into(), &206.into()));
        two.remember([answered_by(4, RANGE, 206, Some(500)), wrong(5)]);
        assert_eq!(violations(run(&two))[0].severity, Some(Severity::Critical));
    }

    #[test]
    fn a_whole_resource_is_reported_once() {
        let found =
            violations(run(&scene([answered_by(4, RANGE, 200, Some(9000)), answered_by(5, RANGE, 200, Some(9000))])));
        assert_eq!((found.len(), found[0].severity), (1, None));
        assert!(
            found[0].message.starts_with(
                "segment 5: bytes 1000-1499 were asked for, but the answer (200) is the whole resource of 9000 bytes: "
            ),
            "{}",
            found[0].message
        );
    }

    #[test]
    fn a_range_that_is_the_whole_resource_may_be_answered_with_200() {
        let all = ByteRange { offset: 0, length: 500 };
        assert_holds(run(&scene([answered_by(5, all, 200, Some(500))])));
        assert_holds(run(&scene([answered_by(5, all, 200, None)])));
        assert_eq!(violations(run(&scene([answered_by(5, all, 200, Some(501))]))).len(), 1);
    }

    #[test]
    fn initialization_segments_are_judged_too() {
        let mut scene = scene([ts_segment(5, 10.0, 2.0)]);
        let init = InitFacts {
            map: Map { uri: url("all.mp4"), byte_range: Some(ByteRange { offset: 0, length: 700 }), key: None },
            fetched: wrong(5).fetched,
            inspection: None,
            decryption: None,
            digest: None,
            kept: None,
        };
        scene.rendition().inits = vec![Arc::new(init)];
        let found = violations(run(&scene));
        assert!(found[0].message.starts_with("initialization segment: bytes"), "{}", found[0].message);
        assert_eq!(found[0].severity, Some(Severity::Critical));
    }

    #[test]
    fn without_a_byte_range_it_does_not_run() {
        assert_not_run(run(&scene([ts_segment(5, 10.0, 2.0)])), NONE);
    }
}
