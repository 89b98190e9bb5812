use crate::checks::support::select::{self, NO_SEGMENT, complete_inspection, segment_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::container::{ContinuityCounter, Inspection, TsFacts};
use packager_media::defect::DefectKind;
use std::collections::BTreeMap;

pub const META: CheckMeta = CheckMeta {
    id: "ts_continuity_error",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::TransportStream,
    alert: Some("SegmentsBroken"),
    help: "fails when the continuity counters of a transport stream break inside a segment or between consecutive \
           segments, or a packet has the transport error indicator",
    reference: "ISO/IEC 13818-1 2.4.3.3; ETSI TR 101 290 5.2.1 (1.4), 5.2.2 (2.1); draft-pantos-hls-rfc8216bis-22 3",
    needs_history: false,
};

params! {
    /// Whether the continuity counters of consecutive segments are compared too. A packager that restarts the counters
    /// in each segment gets a warning.
    across: bool = true,
}

type Pair<'a> = (&'a SegmentFacts, &'a SegmentFacts);

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let missing = "no transport stream segment was inspected";
    let none = context.output.renditions.iter().all(|r| r.segments.is_empty() && !r.covered);
    select::judge_renditions(context, if none { NO_SEGMENT } else { missing }, |facts, past| judge(facts, past, params))
}

fn judge(facts: &RenditionFacts, past: &RenditionHistory, params: &Params) -> Option<Vec<Violation>> {
    let segments = select::inspected_segments(facts, past)?;
    let mut within = segments.iter().rev().filter_map(|s| Some((s, complete_inspection(s)?.ts.as_ref()?))).peekable();
    within.peek()?;
    let mut found: Vec<_> = within.filter_map(|(s, ts)| broken(s, ts)).collect();
    if params.across {
        let pairs = select::consecutive_pairs(&segments, past);
        found.extend(pairs.iter().rev().filter_map(|pair| across(pair, &pairs)));
        found.extend(restarted_counters(&pairs));
    }
    Some(found)
}

fn broken(segment: &SegmentFacts, ts: &TsFacts) -> Option<Violation> {
    let parts = [
        (ts.continuity_errors, "continuity counter errors"),
        (ts.transport_errors, "packets with the transport error indicator"),
    ];
    let text: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if text.is_empty() {
        return None;
    }
    let first = segment.inspection.iter().flat_map(|i| &i.defects).find(|d| d.kind == DefectKind::Continuity);
    let place_text = first.map_or_else(String::new, |d| format!("; the first at {}: {}", d.at, d.message));
    let message =
        format!("segment {}: {} in {} packets{place_text}", segment.segment.number, text.join(", "), ts.packets);
    let violation = segment_violation(segment, message).with("continuity_errors", ts.continuity_errors);
    Some(violation.with("transport_errors", ts.transport_errors))
}

/// Returns a violation if continuity counters don't continue from the previous segment, although they do so between
/// most segments of this packager.
///
/// RFC 8216bis 3 requires continuous counters. Some packagers restart them in each segment, and players cope: see
/// [`restarted_counters`]. So a break counts as lost packets only for a PID that is continuous at most boundaries of
/// segments.
fn across(pair: &Pair<'_>, pairs: &[Pair<'_>]) -> Option<Violation> {
    let breaks: BTreeMap<u16, (u8, u8)> = steps(pair)
        .filter(|(last, first)| !follows(*last, *first) && mostly_continuous(first.pid, pairs))
        .map(|(last, first)| (first.pid, (last.last, first.first)))
        .collect();
    let (pid, (last, first)) = breaks.first_key_value()?;
    let (before, segment) = (pair.0.segment.number, pair.1.segment.number);
    let others = if breaks.len() > 1 { format!(", {} PIDs in all", breaks.len()) } else { String::new() };
    let message = format!(
        "segment {segment}: the continuity counter of PID {pid} begins with {first} after segment {before} ended with {last}{others}: \
         packets are missing between them"
    );
    Some(
        segment_violation(pair.1, message)
            .with("pid", *pid)
            .with("last", *last)
            .with("first", *first)
            .with("pids", breaks.len()),
    )
}

/// Returns the counters before and after the boundary of two segments for each elementary stream. PAT and PMT are left
/// out, because they are repeated in each segment, and packagers count them separately.
fn steps<'a>(pair: &Pair<'a>) -> impl Iterator<Item = (ContinuityCounter, ContinuityCounter)> + use<'a> {
    let (before, next) = (pair.0.inspection.as_ref(), pair.1.inspection.as_ref());
    let counters = |i: Option<&'a Inspection>| i.and_then(|i| i.ts.as_ref()).map_or(&[][..], |t| t.counters.as_slice());
    let elementary = move |pid: u16| next.is_some_and(|i| i.tracks.iter().any(|t| t.id == u32::from(pid)));
    let earlier = counters(before);
    let firsts = counters(next).iter().copied().filter(move |c| elementary(c.pid));
    firsts.filter_map(move |first| earlier.iter().copied().find(|c| c.pid == first.pid).map(|last| (last, first)))
}

fn follows(last: ContinuityCounter, first: ContinuityCounter) -> bool {
    first.discontinuity || first.first == (last.last + 1) % 16
}

fn mostly_continuous(pid: u16, pairs: &[Pair<'_>]) -> bool {
    let all: Vec<_> = pairs.iter().flat_map(steps).filter(|(_, first)| first.pid == pid).collect();
    let kept = all.iter().filter(|(last, first)| follows(*last, *first)).count();
    let always_the_same = all.iter().all(|(last, first)| last.first == first.first);
    kept >= 2 && kept >= all.len() - kept && !always_the_same
}

/// Returns a warning if continuity counters restart in each segment, which breaks the standard but harms no player.
fn restarted_counters(pairs: &[Pair<'_>]) -> Option<Violation> {
    let again = |pair: &&Pair<'_>| {
        let mut steps = steps(pair).peekable();
        steps.peek().is_some() && steps.all(|(last, first)| !follows(last, first) && first.first == last.first)
    };
    let (_, newest) = pairs.last()?;
    let count = pairs.iter().filter(again).count();
    // A counter that begins again agrees with the one before it by chance in one case of 16.
    (count >= 2 && count * 4 >= pairs.len() * 3).then(|| {
        let message = format!(
            "continuity counters restart in each segment ({count} of {} boundaries); RFC 8216bis requires them to continue",
            pairs.len()
        );
        segment_violation(newest, message).severity(Severity::Warning)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::container::Container;

    fn run(segments: impl IntoIterator<Item = SegmentFacts>) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember(segments);
        check(&scene.context(), &Params::default())
    }

    /// Makes segments 1 to 8. `counters` returns the first and last continuity counter of the video in a segment.
    fn stream(counters: impl Fn(u64) -> (u8, u8)) -> Vec<SegmentFacts> {
        let one = |n: u64| {
            let mut segment = ts_segment(n, 2.0 * n as f64, 2.0);
            let counter = &mut facts(&mut segment).counters[0];
            (counter.first, counter.last) = counters(n);
            segment
        };
        (1..=8).map(one).collect()
    }

    fn facts(segment: &mut SegmentFacts) -> &mut TsFacts {
        segment.inspection.as_mut().unwrap().ts.as_mut().unwrap()
    }

    fn going_on(n: u64) -> (u8, u8) {
        (((n * 5) % 16) as u8, ((n * 5 + 4) % 16) as u8)
    }

    #[test]
    fn counters_that_go_on_hold() {
        assert_holds(run(stream(going_on)));
    }

    #[test]
    fn errors_within_a_segment_fail() {
        let mut segment = ts_segment(5, 0.0, 2.0);
        facts(&mut segment).continuity_errors = 1;
        facts(&mut segment).transport_errors = 2;
        let expected =
            "segment 5: 1 continuity counter errors, 2 packets with the transport error indicator in 6 packets";
        assert_eq!(messages(run([segment])), expected);
    }

    #[test]
    fn one_segment_off_fails_at_both_its_ends() {
        let off = |n| if n == 4 { (9, 13) } else { going_on(n) };
        let found = violations(run(stream(off)));
        assert_eq!(found.iter().map(|v| v.evidence["number"].as_u64().unwrap()).collect::<Vec<_>>(), [5, 4]);
        assert_eq!((&found[1].evidence["last"], &found[1].evidence["first"]), (&3.into(), &9.into()));
    }

    #[test]
    fn beginning_each_segment_anew_is_a_habit_and_a_warning() {
        let both = |n: u64| {
            let mut segment = ts_segment(n, 2.0 * n as f64, 2.0);
            facts(&mut segment).counters.iter_mut().for_each(|c| (c.first, c.last) = (5, (n * 7 % 16) as u8));
            segment
        };
        let found = violations(run((1..=8).map(both)));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Some(Severity::Warning));
        assert!(found[0].message.contains("7 of 7 boundaries"), "{}", found[0].message);
        assert_holds(run((1..=2).map(both)));
        assert_eq!(violations(run((1..=3).map(both))).len(), 1);
    }

    #[test]
    fn counters_without_any_order_tell_nothing() {
        assert_holds(run(stream(|n| (((n * n * 5) % 16) as u8, ((n * 11) % 16) as u8))));
        assert_holds(run(stream(|_| (0, 15))));
    }

    #[test]
    fn two_segments_are_too_few_to_know_the_packager() {
        let off = |n| if n == 2 { (9, 13) } else { going_on(n) };
        assert_holds(run(stream(off).into_iter().take(2)));
    }

    #[test]
    fn an_announced_discontinuity_may_break_them() {
        let off = |n| if n >= 4 { going_on(n + 1) } else { going_on(n) };
        assert_eq!(violations(run(stream(off))).len(), 1);
        let mut announced = stream(off);
        announced[3].segment.discontinuity = true;
        assert_holds(run(announced));
        let mut indicated = stream(off);
        facts(&mut indicated[3]).counters[0].discontinuity = true;
        assert_holds(run(indicated));
    }

    #[test]
    fn tables_are_not_compared() {
        let mut segments = stream(going_on);
        for (n, segment) in segments.iter_mut().enumerate() {
            let last = if n == 5 { 9 } else { n as u8 };
            facts(segment).counters.push(ContinuityCounter { pid: 0, first: last, last, discontinuity: false });
        }
        assert_holds(run(segments));
    }

    #[test]
    fn the_comparison_across_can_be_switched_off() {
        let mut scene = Scene::live();
        scene.remember(stream(|n| if n == 4 { (9, 13) } else { going_on(n) }));
        assert_holds(check(&scene.context(), &Params { across: false, ..Params::default() }));
    }

    #[test]
    fn other_containers_have_no_counters() {
        let mut segment = ts_segment(5, 0.0, 2.0);
        let inspection = segment.inspection.as_mut().unwrap();
        (inspection.container, inspection.ts) = (Container::Cmaf, None);
        assert_not_run(run([segment]), "no transport stream segment was inspected");
    }
}
