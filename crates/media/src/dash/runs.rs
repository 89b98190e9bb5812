//! Parser for a SegmentTimeline: each S element becomes a run, which takes the same memory whatever number of segments
//! it stands for (ISO/IEC 23009-1 5.3.9.6).

use super::defect_log::DefectLog;
use super::model::TimelineRun;
use super::values::{attributes, child, children, whole_number};
use crate::stream::Uninspected;
use roxmltree::Node;

const TIMELINE: &str = "ISO/IEC 23009-1 5.3.9.6";

/// Returns the reason why a SegmentTimeline isn't read: it repeats a Pattern of durations, or its elements are
/// sequences of segments. `None` if it is read.
pub(super) fn uninspected(timeline: Node<'_, '_>) -> Option<Uninspected> {
    if child(timeline, "Pattern").is_some() {
        return Some(Uninspected::TimelinePattern);
    }
    let sequence = |k: &str| k != "1";
    children(timeline, "S").any(|s| s.attribute("k").is_some_and(sequence)).then_some(Uninspected::SegmentSequence)
}

/// Parses the S elements of a SegmentTimeline to runs; the first segment has the number `start_number`. An S that can't
/// be read is left out.
pub(super) fn read(timeline: Node<'_, '_>, start_number: u64, log: &mut DefectLog<'_>) -> Vec<TimelineRun> {
    let mut runs: Vec<TimelineRun> = Vec::new();
    let mut next = Some(0);
    for node in children(timeline, "S") {
        let [t, n, d, r] = attributes(node, ["t", "n", "d", "r"]);
        let written = t.and_then(|t| whole_number(node, "t", t, log));
        close(&mut runs, written, node, log);
        next = runs.last().map_or(next, TimelineRun::end);
        let number = n.and_then(|n| whole_number(node, "n", n, log));
        let number = number.or_else(|| runs.last().map_or(Some(start_number), after));
        let (Some(start), Some(number), Some(duration)) = (written.or(next), number, length(node, d, log)) else {
            continue;
        };
        let apart = next.filter(|_| !runs.is_empty()).map_or(0, |next| start as i128 - i128::from(next));
        let apart = i64::try_from(apart).unwrap_or(if apart < 0 { i64::MIN } else { i64::MAX });
        runs.push(TimelineRun { number, start, duration, count: count(node, r, log), gap_ticks: apart });
    }
    runs
}

/// Ends an open run, whose S element repeats until the next S element, at the start of the latter.
fn close(runs: &mut [TimelineRun], next: Option<u64>, node: Node<'_, '_>, log: &mut DefectLog<'_>) {
    let Some(open) = runs.last_mut().filter(|run| run.count.is_none()) else { return };
    let Some(next) = next.filter(|next| *next > open.start) else {
        log.wrong(
            node,
            TIMELINE,
            format_args!("S follows an S with a negative @r, and has no @t later than that one's"),
        );
        open.count = Some(1);
        return;
    };
    open.count = Some((next - open.start).div_ceil(open.duration));
}

fn length(node: Node<'_, '_>, d: Option<&str>, log: &mut DefectLog<'_>) -> Option<u64> {
    let duration = d.and_then(|d| whole_number(node, "d", d, log)).filter(|d| *d > 0);
    if duration.is_none() {
        let what = if d.is_some() { "no length" } else { "missing" };
        log.wrong(node, TIMELINE, format_args!("S@d is {what}"));
    }
    duration
}

/// Returns the number of segments of an S element; `None` for an open run. S@r counts the repetitions after the first
/// segment.
fn count(node: Node<'_, '_>, r: Option<&str>, log: &mut DefectLog<'_>) -> Option<u64> {
    let repeat: i64 = r.and_then(|r| whole_number(node, "r", r, log)).unwrap_or(0);
    u64::try_from(repeat).ok().map(|r| r + 1)
}

fn after(run: &TimelineRun) -> Option<u64> {
    run.number.checked_add(run.count?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses S elements, the first segment with number 1, and returns the runs and the messages of the defects.
    fn runs(elements: &str) -> (Vec<TimelineRun>, Vec<String>) {
        let text = format!("<SegmentTimeline>{elements}</SegmentTimeline>");
        let tree = roxmltree::Document::parse(&text).unwrap();
        let mut log = DefectLog::new(&text);
        let runs = read(tree.root_element(), 1, &mut log);
        (runs, log.finish().into_iter().map(|d| d.message).collect())
    }

    /// Parses S elements, and returns number, start, duration, count and gap of each run.
    fn values(elements: &str) -> Vec<(u64, u64, u64, Option<u64>, i64)> {
        runs(elements).0.iter().map(|r| (r.number, r.start, r.duration, r.count, r.gap_ticks)).collect()
    }

    #[test]
    fn a_run_starts_where_the_one_before_ended_unless_it_says_otherwise() {
        assert_eq!(values(r#"<S d="10" r="2"/><S d="4"/>"#), [(1, 0, 10, Some(3), 0), (4, 30, 4, Some(1), 0)]);
        assert_eq!(values(r#"<S t="7" d="10"/><S t="18" d="4"/>"#)[1], (2, 18, 4, Some(1), 1));
        assert_eq!(values(r#"<S t="7" d="10"/><S t="16" d="4"/>"#)[1], (2, 16, 4, Some(1), -1));
        assert_eq!(values(r#"<S t="7" d="10" n="40" r="1"/><S d="4"/>"#)[1].0, 42);
    }

    #[test]
    fn an_open_run_ends_where_the_next_one_begins() {
        assert_eq!(values(r#"<S t="0" d="10" r="-1"/>"#), [(1, 0, 10, None, 0)]);
        let exact = values(r#"<S t="0" d="10" r="-1"/><S t="30" d="4"/>"#);
        assert_eq!(exact, [(1, 0, 10, Some(3), 0), (4, 30, 4, Some(1), 0)]);
        let overlapping = values(r#"<S t="0" d="10" r="-1"/><S t="31" d="4"/>"#);
        assert_eq!(overlapping, [(1, 0, 10, Some(4), 0), (5, 31, 4, Some(1), -9)]);
    }

    #[test]
    fn an_open_run_whose_successor_has_no_later_start_is_one_segment_and_a_defect() {
        for next in [r#"<S d="4"/>"#, r#"<S t="0" d="4"/>"#] {
            let (runs, defects) = runs(&format!(r#"<S t="0" d="10" r="-1"/>{next}"#));
            assert_eq!((runs[0].count, defects.len()), (Some(1), 1), "{next}");
        }
    }

    #[test]
    fn a_run_without_a_duration_is_left_out_with_a_defect() {
        let (runs, defects) = runs(r#"<S t="0" d="10"/><S/><S d="0"/><S d="4"/>"#);
        assert_eq!((runs.len(), defects.len()), (2, 2));
        assert_eq!(runs[1].start, 10);
    }

    #[test]
    fn times_beyond_2_to_the_53_may_be_no_double() {
        let inexact =
            |start, duration, count| TimelineRun { number: 1, start, duration, count, gap_ticks: 0 }.inexact_time();
        const LAST: u64 = 1 << 53;
        assert_eq!((inexact(LAST - 1, 1, Some(2)), inexact(LAST - 1, 1, Some(1))), (None, None));
        assert_eq!(inexact(LAST + 1, 2, Some(1)), Some(LAST + 1));
        assert_eq!((inexact(LAST, 1, Some(2)), inexact(LAST, 2, Some(9))), (Some(LAST + 1), None));
        assert_eq!((inexact(LAST, 1, Some(1)), inexact(LAST, 1, None)), (None, None));
        assert_eq!(inexact(u64::MAX, 1, Some(2)), Some(u64::MAX));
    }

    #[test]
    fn the_end_of_a_run_beyond_64_bits_is_unknown() {
        let run = TimelineRun { number: 1, start: u64::MAX - 20, duration: 10, count: Some(2), gap_ticks: 0 };
        assert_eq!(run.end(), Some(u64::MAX));
        assert_eq!(TimelineRun { start: run.start + 1, ..run }.end(), None);
    }
}
