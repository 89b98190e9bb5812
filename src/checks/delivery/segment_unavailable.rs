use crate::checks::support::select::{self, NO_SEGMENT};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{FailureKind, Fetched, RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::redact;

pub const META: CheckMeta = CheckMeta {
    id: "segment_unavailable",
    severity: Severity::Critical,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when a listed segment, newest or oldest of the window, isn't there: no answer, or a status other than 2xx",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.1, 6.2.2",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NO_SEGMENT, judge)
}

fn judge(facts: &RenditionFacts, past: &RenditionHistory) -> Option<Vec<Violation>> {
    let segments = select::inspected_segments(facts, past).unwrap_or_default();
    let oldest = facts.oldest.as_ref().filter(|o| !o.segment.gap && !o.fetched.probe_timed_out());
    // EXT-X-GAP says itself that the segment isn't there (RFC 8216bis 4.4.4.7).
    let mut asked = segments.into_iter().filter(|s| !s.segment.gap && !s.fetched.probe_timed_out()).peekable();
    if oldest.is_none() && asked.peek().is_none() {
        return None;
    }
    let mut found: Vec<_> = oldest
        .and_then(|o| Some((o, missing(&o.fetched)?)))
        .map(|(o, problem)| {
            Violation::new(format!("oldest listed segment {}: {problem}", o.segment.number))
                .with("number", o.segment.number)
                .with("url", redact::url(&o.segment.uri))
                .with("line", o.segment.line)
                .with("status", status(&o.fetched))
        })
        .into_iter()
        .collect();
    let newest_first = asked.collect::<Vec<_>>().into_iter().rev();
    found.extend(newest_first.filter_map(|s| Some(violation(s, &missing(&s.fetched)?))));
    Some(found)
}

fn violation(segment: &SegmentFacts, problem: &str) -> Violation {
    let which = if segment.newest { "newest segment" } else { "segment" };
    select::segment_violation(segment, format!("{which} {}: {problem}", segment.segment.number))
        .with("status", status(&segment.fetched))
}

fn status(fetched: &Fetched) -> Option<u16> {
    fetched.result.as_ref().ok().map(|e| e.status)
}

/// Why a segment can't be played for want of an answer; `None` if it can. Truncated bodies belong to
/// `container_invalid`, slow ones to `segment_download_slow`.
fn missing(fetched: &Fetched) -> Option<String> {
    match &fetched.result {
        Ok(exchange) if exchange.is_success() => None,
        Err(f) if matches!(f.kind, FailureKind::TooLarge | FailureKind::Encoding) => None,
        _ => fetched.problem(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::OldestSegmentFacts;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    fn scene(segments: impl IntoIterator<Item = SegmentFacts>) -> Scene {
        let mut scene = Scene::live();
        scene.remember(segments);
        scene
    }

    #[test]
    fn segments_that_are_there_hold() {
        assert_holds(run(&scene([ts_segment(5, 0.0, 2.0)])));
    }

    #[test]
    fn a_newest_segment_that_is_not_there_fails() {
        let found = violations(run(&scene([ts_segment(4, 0.0, 2.0), with_status(ts_segment(5, 2.0, 2.0), 404)])));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "newest segment 5: HTTP status 404");
        assert_eq!(found[0].evidence["status"], 404);
        assert_eq!(found[0].evidence["url"], "https://packager.example/tv1/720p/5.ts?token=***");
    }

    #[test]
    fn no_connection_fails_but_the_probes_deadline_does_not() {
        let with = |kind| SegmentFacts { fetched: failed("5.ts", kind), inspection: None, ..ts_segment(5, 0.0, 2.0) };
        assert_eq!(violations(run(&scene([with(FailureKind::Connect)]))).len(), 1);
        assert_eq!(violations(run(&scene([with(FailureKind::Timeout)]))).len(), 1);
        assert_not_run(run(&scene([with(FailureKind::Deadline)])), NO_SEGMENT);
    }

    #[test]
    fn a_cut_body_was_there() {
        assert_holds(run(&scene([broken(ts_segment(5, 0.0, 2.0), FailureKind::Cut)])));
    }

    #[test]
    fn a_gap_is_absent_by_design() {
        let mut gap = with_status(ts_segment(5, 0.0, 2.0), 404);
        gap.segment.gap = true;
        assert_holds(run(&scene([ts_segment(4, 0.0, 2.0), gap.clone()])));
        assert_not_run(run(&scene([gap])), NO_SEGMENT);
    }

    #[test]
    fn the_oldest_segment_has_to_be_there_too() {
        let mut scene = Scene::live();
        let mut fetched = answered("720p/10.ts", "video/mp2t");
        scene.rendition().oldest = Some(OldestSegmentFacts { segment: segment(10), fetched: fetched.clone() });
        assert_holds(run(&scene));
        fetched.result.as_mut().unwrap().status = 403;
        scene.rendition().oldest = Some(OldestSegmentFacts { segment: segment(10), fetched });
        assert_eq!(messages(run(&scene)), "oldest listed segment 10: HTTP status 403");
    }

    #[test]
    fn without_segments_it_does_not_run() {
        assert_not_run(run(&Scene::live()), NO_SEGMENT);
        let mut scene = scene([with_status(ts_segment(5, 2.0, 2.0), 404)]);
        scene.rendition().covered = false;
        assert_not_run(run(&scene), NO_SEGMENT);
    }
}
