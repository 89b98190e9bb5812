use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::{Part, Segment, Timeline};

pub const META: CheckMeta = CheckMeta {
    id: "ll_hls_parts_sum_mismatch",
    severity: Severity::Major,
    group: CheckGroup::Hls,
    scope: CheckScope::LowLatencyHls,
    alert: None,
    help: "fails when the durations of a segment's parts add up to another duration than its EXTINF: players at the \
           live edge miss or repeat media",
    reference: "draft-pantos-hls-rfc8216bis-22 3.2, 4.4.4.1, 4.4.4.9",
    needs_history: false,
};

params! {
    /// Largest allowed difference in seconds between the sum of a segment's parts and its EXTINF, because each duration
    /// is rounded.
    tolerance: f64 = 0.05,
}

/// Tolerance in seconds for the binary representation of decimal fractions.
const ROUNDING: f64 = 1e-6;
const NO_SEGMENT: &str = "no segment is listed together with its parts";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NO_SEGMENT, |facts, _| {
        let timeline = facts.timeline.as_deref()?;
        let segments: Vec<_> = segments_with_parts(timeline);
        let url = facts.playlist.as_ref().map(|p| redact::url(&p.url));
        let judged = segments.iter().rev().filter_map(|(s, parts)| mismatch(s, parts, params));
        (!segments.is_empty()).then(|| judged.map(|v| v.with("url", url.clone())).collect())
    })
}

/// Returns the listed segments with all their parts. The oldest segment that has parts is left out, because some of its
/// parts may have been removed already (RFC 8216bis 6.2.2).
fn segments_with_parts(timeline: &Timeline) -> Vec<(&Segment, &[Part])> {
    let groups = timeline.low_latency.parts.chunk_by(|a, b| a.segment == b.segment);
    let listed = |number: u64| timeline.segments.iter().find(|s| s.number == number);
    groups.skip(1).filter_map(|parts| Some((listed(parts.first()?.segment)?, parts))).collect()
}

fn mismatch(segment: &Segment, parts: &[Part], params: &Params) -> Option<Violation> {
    let (sum, declared) = (parts.iter().map(|p| p.duration.0).sum::<f64>(), segment.duration.0);
    let off = sum - declared;
    (off.abs() > params.tolerance + ROUNDING).then(|| {
        let (number, count) = (segment.number, parts.len());
        let message =
            format!("the {count} parts of segment {number} last {sum:.3} s together; its EXTINF is {declared:.3} s");
        let violation = Violation::new(message).with("number", number).with("line", segment.line);
        violation.with("parts", count).with("parts_seconds", sum).with("declared_seconds", declared)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::units::Seconds;

    fn run(change: impl FnOnce(&mut Timeline)) -> CheckVerdict {
        let mut scene = Scene::low_latency();
        change(scene.timeline());
        check(&scene.context(), &Params::default())
    }

    /// Tests a playlist with two parts of segment 14, all four of segment 15, and two of segment 16, which isn't
    /// complete.
    #[test]
    fn parts_that_add_up_within_the_tolerance_hold() {
        assert_holds(run(|_| {}));
        assert_holds(run(|t| t.segments[5].duration = Seconds(2.05)));
        let message = messages(run(|t| t.segments[5].duration = Seconds(2.051)));
        assert_eq!(message, "the 4 parts of segment 15 last 2.000 s together; its EXTINF is 2.051 s");
    }

    #[test]
    fn a_lost_part_fails() {
        assert!(messages(run(|t| drop(t.low_latency.parts.remove(3)))).contains("last 1.500 s together"));
    }

    #[test]
    fn the_oldest_segment_with_parts_may_have_lost_some() {
        let only_one = |t: &mut Timeline| t.low_latency.parts.retain(|p| p.segment > 14);
        assert_not_run(run(only_one), NO_SEGMENT);
        assert_not_run(check(&Scene::live().context(), &Params::default()), NO_SEGMENT);
    }
}
