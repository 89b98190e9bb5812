//! Selects the renditions, inspected segments, and pairs of consecutive segments that several checks judge.

use crate::checks::support::playlist_step::{self, PlaylistChange};
use crate::checks::{CheckContext, CheckVerdict, Violation};
pub(in crate::checks) use crate::facts::derived::{complete_inspection, undamaged_inspection};
use crate::facts::{RenditionFacts, SegmentFacts, derived};
use crate::history::RenditionHistory;
use packager_media::container::Container;
use packager_media::dash;
use packager_media::defect::{Defect, Position};
use packager_media::redact;
use packager_media::stream::{ByteRange, Timeline, Uninspected};
use packager_media::units::{Seconds, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;
use url::Url;

pub(in crate::checks) const NO_MANIFEST: &str = "the manifest could not be read";
pub(in crate::checks) const NO_PLAYLIST: &str = "no media playlist or MPD could be read";
pub(in crate::checks) const NO_PARTS: &str = "no playlist lists parts";
pub(in crate::checks) const NO_SEGMENT: &str = "no segment was inspected";
const ONLY_HEADS: &str = "only the first bytes of the segments were fetched (segments.mode heads)";
const LIST: &str = "the MPDs that a list MPD (MPD@type `list`) names are not looked into";
pub(in crate::checks) const FIRST_OBSERVATION: &str = "first observation";

/// Largest number of violations that one check reports for one rendition. The last of them says how many more there
/// are.
pub(in crate::checks) const MAX_VIOLATIONS: usize = 16;

/// Judges each rendition separately. `judge` returns `None` to leave a rendition out because its input is missing. If
/// all renditions are left out, the check has not run, for the reason `missing`.
pub(in crate::checks) fn judge_renditions<'a>(
    context: &CheckContext<'a>,
    missing: &'static str,
    judge: impl Fn(&'a RenditionFacts, &'a RenditionHistory) -> Option<Vec<Violation>>,
) -> CheckVerdict {
    let mut ran = false;
    let mut found = Vec::new();
    for (facts, past) in context.renditions() {
        let Some(violations) = judge(facts, past) else { continue };
        ran = true;
        found.extend(cap_violations(violations).into_iter().map(|v| v.in_rendition(&facts.rendition.name)));
    }
    match ran {
        true => CheckVerdict::Ran(found),
        false if context.output.is_readable() => {
            let known = uninspected(context).or(only_heads(context).then_some(ONLY_HEADS));
            CheckVerdict::NotRun(known.unwrap_or(missing))
        }
        false => CheckVerdict::NotRun(NO_MANIFEST),
    }
}

/// Whether only the first bytes of segments are known, so that a check that needs a whole segment finds nothing to judge.
fn only_heads(context: &CheckContext<'_>) -> bool {
    let mut renditions = context.renditions();
    context.renditions().all(|(_, past)| past.segments.is_empty()) && renditions.any(|(_, past)| !past.heads.is_empty())
}

/// Returns the reason why segments of the output are not inspected, for a check that finds nothing to judge. `None`:
/// all are inspected.
pub(in crate::checks) fn uninspected(context: &CheckContext<'_>) -> Option<&'static str> {
    let list = context.output.dash().is_some_and(|dash| dash.mpd.list);
    let of_rendition = || context.output.renditions.iter().find_map(|r| r.rendition.uninspected);
    if list { Some(LIST) } else { of_rendition().map(Uninspected::reason) }
}

/// Returns the first [`MAX_VIOLATIONS`] violations. The message of the last one says how many were left out.
pub(in crate::checks) fn cap_violations(mut violations: Vec<Violation>) -> Vec<Violation> {
    let more = violations.len().saturating_sub(MAX_VIOLATIONS);
    violations.truncate(MAX_VIOLATIONS);
    if let Some(last) = violations.last_mut().filter(|_| more > 0) {
        last.message.push_str(&format!(" (and {more} more like these)"));
        last.evidence.insert("more".to_owned(), more.into());
    }
    violations
}

/// Returns the target duration of a playlist: EXT-X-TARGETDURATION, or the duration of the longest listed segment if
/// the tag is missing. `None`: the playlist is empty, too.
pub(in crate::checks) fn target_duration(timeline: &Timeline) -> Option<Seconds> {
    let longest = || timeline.segments.iter().map(|s| s.duration.0).reduce(f64::max).map(Seconds);
    timeline.target_duration.or_else(longest).filter(|t| t.0 > 0.0)
}

/// Returns the segments of a rendition that a check judges: those inspected within the template's `hold`, each once, in
/// the order of inspection. `None`: the probe could not inspect the segments for which the template asks.
pub(in crate::checks) fn inspected_segments<'a>(
    facts: &RenditionFacts,
    past: &'a RenditionHistory,
) -> Option<Vec<&'a SegmentFacts>> {
    if past.segments.is_empty() || (!facts.covered && facts.segments.is_empty()) {
        return None;
    }
    let judged = past.judged.get_or_derive(|| judged_downloads(&past.segments));
    Some(judged.iter().filter_map(|index| past.segments.get(*index)).map(AsRef::as_ref).collect())
}

/// Returns the indices of the downloads that checks judge, one of each segment.
fn judged_downloads(downloads: &[Arc<SegmentFacts>]) -> Vec<usize> {
    let mut positions: HashMap<(u64, &Url, Option<ByteRange>), usize> = HashMap::new();
    let mut judged: Vec<(usize, u8)> = Vec::new();
    for (index, download) in downloads.iter().enumerate() {
        let (segment, rank) = (&download.segment, fetch_rank(download));
        let position = *positions.entry((segment.number, &segment.uri, segment.byte_range)).or_insert(judged.len());
        match judged.get_mut(position) {
            Some(known) if rank > known.1 => *known = (index, rank),
            Some(_) => {}
            None => judged.push((index, rank)),
        }
    }
    judged.into_iter().map(|(index, _)| index).collect()
}

/// Returns those of the segments that the rendition's attributes in the manifest describe. In an MPD those are the segments of the
/// current Period, because a Representation in another Period has attributes of its own (ISO/IEC 23009-1 5.3.2.1, 5.3.5.2).
pub(in crate::checks) fn described<'a>(
    context: &CheckContext<'_>,
    mut segments: Vec<&'a SegmentFacts>,
) -> Vec<&'a SegmentFacts> {
    let current = context.output.dash().and_then(|dash| dash::current_period(&dash.mpd, dash.listed_at));
    if let Some(sequence) = current.map(dash::Period::discontinuity_sequence) {
        segments.retain(|s| s.segment.discontinuity_sequence == sequence);
    }
    segments
}

/// Returns the segments that a check judges by what their first bytes show: those inspected as a whole and those of which only the
/// first bytes were fetched, in the order of inspection. `None`: the probe could not inspect the segments for which the template
/// asks.
pub(in crate::checks) fn segments_and_heads<'a>(
    facts: &RenditionFacts,
    past: &'a RenditionHistory,
) -> Option<Vec<&'a SegmentFacts>> {
    let mut segments = inspected_segments(facts, past).unwrap_or_default();
    if facts.covered || !facts.heads.is_empty() {
        segments = merged(segments, &past.heads);
    }
    (!segments.is_empty()).then_some(segments)
}

/// Time by which one segment must have been inspected after another to be of a later probe. A probe requests its newest segments first.
const LATER_PROBE: Seconds = Seconds(5.0);

/// Merges segments and heads, each in the order of inspection: those of an earlier probe first, those of one probe by their number.
fn merged<'a>(segments: Vec<&'a SegmentFacts>, heads: &'a [Arc<SegmentFacts>]) -> Vec<&'a SegmentFacts> {
    let mut all = Vec::with_capacity(segments.len() + heads.len());
    let mut heads = heads.iter().map(AsRef::as_ref).peekable();
    for segment in segments {
        let is_before = |head: &&SegmentFacts| {
            let later = Seconds::between(head.inspected_at, segment.inspected_at);
            later > LATER_PROBE || (later.0.abs() <= LATER_PROBE.0 && head.segment.number < segment.segment.number)
        };
        while let Some(head) = heads.next_if(is_before) {
            all.push(head);
        }
        all.push(segment);
    }
    all.extend(heads);
    all
}

/// Returns the rank of a download among several downloads of one segment. The highest counts: a failure ranks above an
/// answer, and a download that the probe's deadline ended ranks lowest.
fn fetch_rank(segment: &SegmentFacts) -> u8 {
    match (segment.fetched.probe_timed_out(), segment.fetched.ok().is_some()) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    }
}

/// Returns the [`described`] segments whose bytes can be counted as media: they arrived completely, or their first bytes did and the
/// server says how many there are; they have a duration and are in a known container.
pub(in crate::checks) fn measurable_segments<'a>(
    context: &CheckContext<'_>,
    facts: &RenditionFacts,
    past: &'a RenditionHistory,
) -> Option<Vec<&'a SegmentFacts>> {
    let media = |s: &SegmentFacts| s.inspection.as_ref().is_none_or(|i| i.container != Container::Unknown);
    let bytes = |s: &SegmentFacts| derived::bits(s).is_some_and(|bits| bits > 0.0);
    let counts = |s: &&SegmentFacts| bytes(s) && media(s) && s.segment.duration.0 > 0.0;
    let measured: Vec<_> = described(context, segments_and_heads(facts, past)?).into_iter().filter(counts).collect();
    (!measured.is_empty()).then_some(measured)
}

/// Returns pairs of segments that a player plays one after the other: consecutive numbers, no discontinuity announced,
/// the same initialization segment, both undamaged, and no packager restart between their inspections.
pub(in crate::checks) fn consecutive_pairs<'a>(
    segments: &[&'a SegmentFacts],
    past: &RenditionHistory,
) -> Vec<(&'a SegmentFacts, &'a SegmentFacts)> {
    pairs(segments, past, derived::plays_on)
}

/// Returns pairs of segments as [`consecutive_pairs`], also of segments with different initialization segments.
pub(in crate::checks) fn listed_pairs<'a>(
    segments: &[&'a SegmentFacts],
    past: &RenditionHistory,
) -> Vec<(&'a SegmentFacts, &'a SegmentFacts)> {
    pairs(segments, past, derived::is_listed_on)
}

fn pairs<'a>(
    segments: &[&'a SegmentFacts],
    past: &RenditionHistory,
    belong: fn(&SegmentFacts, &SegmentFacts) -> bool,
) -> Vec<(&'a SegmentFacts, &'a SegmentFacts)> {
    let restarts = restart_times(past);
    // A playlist is observed before its segments are fetched.
    let restarted = |before: &SegmentFacts, next: &SegmentFacts| {
        restarts.iter().any(|at| before.inspected_at < *at && next.inspected_at >= *at)
    };
    let mut latest: HashMap<u64, &'a SegmentFacts> = HashMap::new();
    let mut pairs = Vec::new();
    for &next in segments {
        let before = next.segment.after.and_then(|n| latest.get(&n));
        pairs.extend(before.filter(|b| belong(b, next) && !restarted(b, next)).map(|&b| (b, next)));
        latest.insert(next.segment.number, next);
    }
    pairs
}

/// Returns the times at which a restart of the packager was first seen.
pub(in crate::checks) fn restart_times(past: &RenditionHistory) -> Vec<Timestamp> {
    let steps = playlist_step::all_steps(past).into_iter();
    steps.filter(|s| s.change == PlaylistChange::Restarted).map(|s| s.later.first_seen).collect()
}

/// Makes a violation whose evidence has the segment's number, URL, line and the time of its inspection.
pub(in crate::checks) fn segment_violation(segment: &SegmentFacts, message: impl Into<String>) -> Violation {
    Violation::new(message)
        .with("number", segment.segment.number)
        .with("url", redact::url(&segment.segment.uri))
        .with("line", segment.segment.line)
        .with("inspected_at", segment.inspected_at.to_string())
}

/// Makes a violation from a defect that a parser found.
pub(in crate::checks) fn defect_violation(url: &Url, defect: &Defect) -> Violation {
    let place_text = match defect.at {
        Position::Whole => String::new(),
        at => format!("{at}: "),
    };
    let violation = Violation::new(format!("{place_text}{}", defect.message))
        .with("url", redact::url(url))
        .with("reference", defect.reference);
    match defect.at {
        Position::Line { line, column } => violation.with("line", line).with("column", column),
        Position::Byte(at) => violation.with("byte", at),
        Position::Whole => violation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::SegmentExtent;
    use packager_media::stream::Map;

    #[test]
    fn media_that_are_not_looked_into_are_the_reason_why_a_check_does_not_run() {
        let mut scene = Scene::live();
        let run =
            |scene: &Scene, judged: bool| judge_renditions(&scene.context(), "missing", |_, _| judged.then(Vec::new));
        assert_not_run(run(&scene, false), "missing");
        scene.rendition().rendition.uninspected = Some(Uninspected::WebM);
        assert_not_run(run(&scene, false), "WebM segments are not looked into");
        assert_holds(run(&scene, true));
        scene.become_dash();
        scene.rendition().rendition.uninspected = None;
        std::sync::Arc::make_mut(&mut scene.mpd_facts().mpd).list = true;
        assert_not_run(run(&scene, false), LIST);
    }

    #[test]
    fn heads_are_judged_by_checks_that_ask_for_them_alone() {
        let mut scene = Scene::live();
        scene.past().segments.clear();
        let extent = SegmentExtent::Head { size: Some(500_000) };
        scene.past().heads = vec![std::sync::Arc::new(SegmentFacts { extent, ..ts_segment(5, 10.0, 2.0) })];
        let judged = |segments: Option<Vec<&SegmentFacts>>| segments.map(|_| Vec::new());
        let whole = judge_renditions(&scene.context(), "missing", |f, p| judged(inspected_segments(f, p)));
        assert_not_run(whole, "only the first bytes of the segments were fetched (segments.mode heads)");
        assert_holds(judge_renditions(&scene.context(), "missing", |f, p| judged(segments_and_heads(f, p))));
        let context = scene.context();
        let (facts, past) = context.renditions().next().unwrap();
        let measured = measurable_segments(&context, facts, past).unwrap();
        assert_eq!(derived::bits(measured[0]), Some(4_000_000.0), "the size that the server names");
    }

    #[test]
    fn attributes_of_an_mpd_describe_the_current_period_alone() {
        let first = period("p0", 0, "<S t=\"980000\" d=\"2000\" r=\"4\"/>");
        let scene = Scene::dash(&dynamic(&(first + &period("p1", 990, "<S t=\"0\" d=\"2000\" r=\"4\"/>"))));
        let of = |sequence: u64| {
            let mut segment = ts_segment(sequence, 0.0, 2.0);
            segment.segment.discontinuity_sequence = sequence;
            segment
        };
        let listed = scene.output.renditions[0].timeline.as_ref().unwrap();
        let sequences = listed.segments.iter().map(|s| s.discontinuity_sequence).collect::<Vec<_>>();
        assert_eq!(sequences, [[0; 5], [990; 5]].concat());
        let segments = [of(0), of(990)];
        let of = |scene: &Scene| {
            let kept = described(&scene.context(), segments.iter().collect());
            kept.iter().map(|s| s.segment.number).collect::<Vec<_>>()
        };
        assert_eq!((of(&scene), of(&Scene::live())), (vec![990], vec![0, 990]));
    }

    #[test]
    fn what_is_cut_is_said() {
        let many = (0..20).map(|n| Violation::new(format!("{n}"))).collect();
        let kept = cap_violations(many);
        assert_eq!(kept.len(), MAX_VIOLATIONS);
        assert_eq!(kept[15].message, "15 (and 4 more like these)");
        assert_eq!(kept[15].evidence["more"], 4);
    }

    #[test]
    fn a_segment_inspected_twice_counts_once_and_its_failure_wins() {
        let mut scene = Scene::live();
        let (good, bad) = (ts_segment(5, 10.0, 2.0), with_status(ts_segment(5, 10.0, 2.0), 404));
        scene.remember([good.clone(), bad, good]);
        let (facts, past) = scene.context().renditions().next().unwrap();
        let seen = inspected_segments(facts, past).unwrap();
        assert_eq!(seen.len(), 1);
        assert!(seen[0].fetched.ok().is_none());
    }

    #[test]
    fn a_token_does_not_make_another_initialization_section() {
        let mut scene = Scene::live();
        let under = |number: u64, map: &str| {
            let mut segment = ts_segment(number, 2.0 * number as f64, 2.0);
            segment.segment.map = Some(Map { uri: url(map), byte_range: None, key: None }.into());
            segment
        };
        scene.remember([under(4, "init.mp4?t=1"), under(5, "init.mp4?t=2"), under(6, "init2.mp4?t=2")]);
        let (facts, past) = scene.context().renditions().next().unwrap();
        let pairs = consecutive_pairs(&inspected_segments(facts, past).unwrap(), past);
        assert_eq!(pairs.iter().map(|(_, n)| n.segment.number).collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn a_discontinuity_or_a_restart_breaks_the_chain() {
        let mut scene = Scene::live();
        let mut cut = ts_segment(6, 12.0, 2.0);
        cut.segment.discontinuity = true;
        scene.remember([ts_segment(4, 8.0, 2.0), ts_segment(5, 10.0, 2.0), cut]);
        let (facts, past) = scene.context().renditions().next().unwrap();
        let pairs = consecutive_pairs(&inspected_segments(facts, past).unwrap(), past);
        assert_eq!(pairs.iter().map(|(_, n)| n.segment.number).collect::<Vec<_>>(), [5]);

        let mut scene = Scene::live();
        scene.observe([observation(-30, 2, 5), observation(-10, 0, 2)]);
        scene.remember([at(ts_segment(1, 0.0, 2.0), -31), at(ts_segment(2, 0.0, 2.0), -9)]);
        let (facts, past) = scene.context().renditions().next().unwrap();
        assert!(consecutive_pairs(&inspected_segments(facts, past).unwrap(), past).is_empty());
    }
}
