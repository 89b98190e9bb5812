use crate::checks::support::select::{self, NO_SEGMENT};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Exchange, FailureKind, RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::units;

pub const META: CheckMeta = CheckMeta {
    id: "segment_download_slow",
    severity: Severity::Major,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: Some("SegmentDownloadSlow"),
    help: "fails when a segment takes longer to download than max_download_time, or longer than it plays (slower than real time)",
    reference: "template: max_download_time; draft-pantos-hls-rfc8216bis-22 6.2.1",
    needs_history: false,
};

params! {}

/// Shortest playing time in seconds that is assumed for a segment. Without this bound the short rest of a segment
/// before a discontinuity would count as slow because of the fixed cost of a request.
pub const SHORTEST_PLAY: f64 = 1.0;

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let most = context.thresholds.max_download_time;
    select::judge_renditions(context, NO_SEGMENT, |facts, past| judge(facts, past, most))
}

fn judge(facts: &RenditionFacts, past: &RenditionHistory, most: f64) -> Option<Vec<Violation>> {
    let segments = select::inspected_segments(facts, past)?;
    let mut judged = segments.iter().rev().filter_map(|s| slow(s, most)).peekable();
    judged.peek()?;
    Some(judged.flatten().collect())
}

/// Returns the violation of a download that took longer than `most` seconds or longer than the segment's duration;
/// `Some(None)` if it was fast enough. `None`: the download's duration is unknown.
fn slow(segment: &SegmentFacts, most: f64) -> Option<Option<Violation>> {
    let exchange = segment.fetched.answer()?;
    let (took, plays) = (exchange.timings.total.0, segment.segment.duration.0);
    let stopped = match exchange.broken.as_ref().map(|f| f.kind) {
        None => false,
        Some(FailureKind::Timeout) => true,
        // The probe gave up; what it waited until then is still a fact.
        Some(FailureKind::Deadline) if took > most => true,
        Some(_) => return None,
    };
    let number = segment.segment.number;
    let reason = match () {
        () if stopped => format!("{} bytes in {took:.3} s and still not complete", exchange.body_bytes),
        () if took > most => {
            let (took, most) = units::distinct(took, most, 3);
            format!("took {took} s; no more than {most} s are allowed")
        }
        () if plays > 0.0 && took > plays.max(SHORTEST_PLAY) => {
            let (took, plays) = units::distinct(took, plays, 3);
            format!("took {took} s for {plays} s of media: slower than real time, players stall")
        }
        () => return Some(None),
    };
    Some(Some(evidence(segment, exchange, format!("segment {number}: {reason}"))))
}

fn evidence(segment: &SegmentFacts, exchange: &Exchange, message: String) -> Violation {
    select::segment_violation(segment, message)
        .with("seconds", exchange.timings.total.0)
        .with("first_byte_seconds", exchange.timings.first_byte.0)
        .with("duration_seconds", segment.segment.duration.0)
        .with("bytes", exchange.body_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::units::Seconds;

    fn took(seconds: f64, duration: f64) -> SegmentFacts {
        let mut segment = ts_segment(5, 0.0, duration);
        segment.fetched.result.as_mut().unwrap().timings.total = Seconds(seconds);
        segment
    }

    fn run(segment: SegmentFacts) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember([segment]);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn the_bound_itself_is_allowed() {
        assert_holds(run(took(2.0, 6.0)));
        assert_eq!(messages(run(took(2.001, 6.0))), "segment 5: took 2.001 s; no more than 2.000 s are allowed");
    }

    #[test]
    fn slower_than_real_time_fails_below_the_bound() {
        assert_holds(run(took(1.0, 1.0)));
        assert!(messages(run(took(1.001, 1.0))).contains("slower than real time"));
    }

    #[test]
    fn the_short_rest_before_a_discontinuity_is_not_slow() {
        assert_holds(run(took(0.4, 0.2)));
        assert_eq!(violations(run(took(1.001, 0.2))).len(), 1);
    }

    #[test]
    fn a_body_that_never_ends_fails_with_the_bytes_so_far() {
        let message = messages(run(broken(took(8.0, 6.0), FailureKind::Timeout)));
        assert_eq!(message, "segment 5: 1000 bytes in 8.000 s and still not complete");
    }

    #[test]
    fn the_probes_deadline_counts_only_beyond_the_bound() {
        assert_eq!(violations(run(broken(took(2.5, 6.0), FailureKind::Deadline))).len(), 1);
        assert_not_run(run(broken(took(1.5, 6.0), FailureKind::Deadline)), NO_SEGMENT);
    }

    #[test]
    fn a_missing_or_cut_segment_has_no_speed() {
        assert_not_run(run(with_status(took(5.0, 6.0), 404)), NO_SEGMENT);
        assert_not_run(run(broken(took(5.0, 6.0), FailureKind::Cut)), NO_SEGMENT);
    }
}
