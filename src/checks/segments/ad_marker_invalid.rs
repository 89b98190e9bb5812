use crate::checks::support::ad_breaks::{NO_MARKER, carry_splices};
use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{DashFacts, RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::dash::is_scte35;
use packager_media::defect::{Defect, DefectKind};
use packager_media::redact::Quoted;
use packager_media::stream::Timeline;
use packager_media::stream::ads::{AdRange, MarkerKind};
use packager_media::units::{MediaTime, Seconds};
use std::collections::BTreeMap;

pub const META: CheckMeta = CheckMeta {
    id: "ad_marker_invalid",
    severity: Severity::Minor,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("AdMarkersWrong"),
    help: "fails when an ad marker of a playlist, an MPD or a segment can't be read, an EXT-X-DATERANGE or an Event announces another \
           duration than the splice_info_section in it, or two different ad breaks have the same EXT-X-DATERANGE ID, or three \
           times the same id of an `emsg`",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.5.1; ANSI/SCTE 35; ANSI/SCTE 214-1 6.7; ISO/IEC 23009-1 5.10; EXT-X-CUE-OUT as \
                packagers write it",
    needs_history: false,
};

params! {
    /// Largest allowed difference in seconds between two durations of one ad break, and between two START-DATEs of one
    /// ID.
    tolerance: f64 = 0.5,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let dash = context.output.dash();
    let renditions = select::judge_renditions(context, NO_MARKER, |facts, past| judge(facts, past, dash, params));
    if dash.is_none() {
        return renditions;
    }
    // All renditions share the events of the MPD, so that these are judged once.
    let output = context.output;
    let mut timelines = output.renditions.iter().filter_map(|r| r.timeline.as_deref());
    let events: Vec<&AdRange> =
        timelines.find(|t| !t.markers.is_empty()).map(Timeline::event_ranges).into_iter().flatten().collect();
    let unreadable = unreadable_markers(&output.defects).map(|d| select::defect_violation(&output.url, d));
    let mut found = select::cap_violations(unreadable.collect());
    found.extend(events.iter().filter_map(|event| contradicted_event(event, params)));
    match renditions {
        CheckVerdict::Ran(more) => found.extend(more),
        not_run if found.is_empty() && events.is_empty() => return not_run,
        CheckVerdict::NotRun(_) => {}
    }
    CheckVerdict::Ran(found)
}

fn judge(
    facts: &RenditionFacts,
    past: &RenditionHistory,
    dash: Option<&DashFacts>,
    params: &Params,
) -> Option<Vec<Violation>> {
    let timeline = facts.timeline.as_deref()?;
    let segments = select::inspected_segments(facts, past).unwrap_or_default();
    let mut found = unreadable_in(facts, &segments);
    found.extend(dash.and_then(|_| constant_id(&segments, params)));
    if timeline.markers.is_empty() && !carry_splices(&segments) && found.is_empty() {
        return None;
    }
    if dash.is_none() {
        found.extend(reused_ids(timeline, params));
        found.extend(contradicted_ranges(timeline, params));
    }
    Some(found)
}

fn unreadable_markers(defects: &[Defect]) -> impl Iterator<Item = &Defect> {
    defects.iter().filter(|d| d.kind == DefectKind::AdMarker)
}

/// Returns a violation for each unreadable ad marker in a playlist, and in its segments that were inspected within the
/// template's `hold`.
fn unreadable_in(facts: &RenditionFacts, segments: &[&SegmentFacts]) -> Vec<Violation> {
    let listed = facts.playlist.iter().flat_map(|p| unreadable_markers(&facts.defects).map(|d| (&p.url, d)));
    let inspected = segments.iter().filter_map(|s| Some((&s.segment.uri, s.inspection.as_ref()?)));
    let carried = inspected.flat_map(|(url, i)| unreadable_markers(&i.defects).map(move |d| (url, d)));
    listed.chain(carried).map(|(url, d)| select::defect_violation(url, d)).collect()
}

/// Number of times at which event messages with one id stand once the id is taken for a constant: the beginning and the end of a break may
/// share one.
const CONSTANT_ID: usize = 3;

/// Returns the violation of SCTE 35 event messages (`emsg`) that have one id at three different times: players take them for one event.
fn constant_id(segments: &[&SegmentFacts], params: &Params) -> Option<Violation> {
    let events = segments.iter().filter_map(|s| s.inspection.as_ref()).flat_map(|i| &i.events);
    let mut times: BTreeMap<(&str, u32), Vec<MediaTime>> = BTreeMap::new();
    for event in events.filter(|event| is_scte35(&event.scheme)) {
        let Some(time) = event.time else { continue };
        let known = times.entry((event.scheme.as_str(), event.id)).or_default();
        let is_other = |other: &MediaTime| time.since(*other).is_none_or(|by| by.0.abs() > params.tolerance);
        if known.len() < CONSTANT_ID && known.iter().all(is_other) {
            known.push(time);
        }
    }
    let ((scheme, id), _) = times.into_iter().find(|(_, known)| known.len() == CONSTANT_ID)?;
    let message = format!(
        "event messages (`emsg`) of {} have the id {id} at {CONSTANT_ID} different times: players take messages with equal scheme, value and \
         id for one event, and miss the later ones",
        Quoted(scheme)
    );
    Some(Violation::new(message).with("id", id))
}

/// Returns a violation for each EXT-X-DATERANGE tag that contradicts an earlier tag with the same ID.
fn reused_ids(timeline: &Timeline, params: &Params) -> Vec<Violation> {
    let mut known: Vec<(u32, &AdRange)> = Vec::new();
    let mut found = Vec::new();
    for marker in &timeline.markers {
        let MarkerKind::Range(range) = &marker.kind else { continue };
        let Some((line, first)) = known.iter().find(|(_, r)| r.id == range.id) else {
            known.push((marker.line, range));
            continue;
        };
        let Some(difference) = difference(first, range, params) else { continue };
        let message =
            format!("line {}: EXT-X-DATERANGE has the ID `{}` of line {line} but {difference}", marker.line, range.id);
        found.push(Violation::new(message).with("line", marker.line).with("id", range.id.as_str()));
    }
    found
}

/// Returns a text with the first attribute in which the EXT-X-DATERANGE `second` contradicts `first`. `None`: there is
/// none.
fn difference(first: &AdRange, second: &AdRange, params: &Params) -> Option<String> {
    let moved = first.start.zip(second.start).map(|(a, b)| Seconds::between(a, b).0);
    if let Some(moved) = moved.filter(|by| by.abs() > params.tolerance) {
        let direction = if moved > 0.0 { "later" } else { "earlier" };
        return Some(format!("another START-DATE, {:.3} s {direction}", moved.abs()));
    }
    let (a, b) = first.duration.zip(second.duration)?;
    ((a - b).abs().0 > params.tolerance).then(|| format!("another DURATION, {} s instead of {} s", b.0, a.0))
}

/// Returns a violation for each EXT-X-DATERANGE tag that announces another duration than its splice_info_section.
fn contradicted_ranges(timeline: &Timeline, params: &Params) -> Vec<Violation> {
    let contradicted = |(line, range): (u32, AdRange)| {
        let (announced, coded) = (range.planned.or(range.duration)?, range.coded?);
        let message = format!(
            "line {line}: EXT-X-DATERANGE announces {} s; the splice_info_section in it has {} s",
            announced.0, coded.0
        );
        // DURATION is the real duration of a break that ended early.
        let early = range.planned.is_none() && announced < coded;
        let differs = !early && (announced - coded).abs().0 > params.tolerance;
        differs.then(|| Violation::new(message).with("line", line).with("id", range.id))
    };
    timeline.ad_ranges().into_iter().filter_map(contradicted).collect()
}

fn contradicted_event(range: &AdRange, params: &Params) -> Option<Violation> {
    let (announced, coded) = range.planned.zip(range.coded)?;
    let message = format!(
        "line {}: Event@duration is {} s; the splice_info_section in it has {} s",
        range.line, announced.0, coded.0
    );
    let differs = (announced - coded).abs().0 > params.tolerance;
    differs.then(|| Violation::new(message).with("line", range.line).with("event", range.id.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::support::ad_breaks::testing::*;
    use crate::checks::testing::*;
    use packager_media::container::EventMessage;
    use packager_media::defect::Position;
    use packager_media::stream::ads::AdSource;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    fn unreadable(line: u32, message: &str) -> Defect {
        let at = Position::Line { line, column: 1 };
        Defect { kind: DefectKind::AdMarker, at, message: message.to_owned(), reference: "" }
    }

    #[test]
    fn a_marker_of_the_playlist_that_cannot_be_read_fails() {
        let mut scene = Scene::live();
        scene.rendition().defects.push(unreadable(6, "EXT-X-CUE-OUT: `soon` is no number"));
        let found = violations(run(&scene));
        assert_eq!(found[0].message, "line 6, column 1: EXT-X-CUE-OUT: `soon` is no number");
        assert_eq!((found.len(), found[0].rendition.as_deref()), (1, Some(NAME)));
    }

    #[test]
    fn a_section_of_a_segment_that_cannot_be_read_fails() {
        let mut segment = ts_segment(12, 0.0, 2.0);
        let defect = Defect { at: Position::Byte(564), ..unreadable(0, "wrong CRC") };
        segment.inspection.as_mut().unwrap().defects.push(defect);
        let mut scene = Scene::live();
        scene.remember([segment]);
        let found = violations(run(&scene));
        assert_eq!((found.len(), &found[0].evidence["byte"]), (1, &564.into()));
    }

    #[test]
    fn an_id_used_for_two_breaks_fails() {
        let again =
            |start: f64| run(&marked(vec![(11, boxed(range("1", -10.0, 2.0))), (14, boxed(range("1", start, 2.0)))]));
        assert_holds(again(-10.0));
        assert_holds(again(-9.5));
        assert_holds(again(-10.5));
        let message = "line 21: EXT-X-DATERANGE has the ID `1` of line 20 but another START-DATE, 6.000 s later";
        assert_eq!(messages(again(-4.0)), message);
        assert!(messages(again(-10.6)).ends_with("another START-DATE, 0.600 s earlier"));
        let with_duration = |seconds| boxed(AdRange { duration: Some(Seconds(seconds)), ..range("1", -10.0, 2.0) });
        let run = |second| run(&marked(vec![(11, with_duration(2.0)), (14, with_duration(second))]));
        assert_holds(run(2.5));
        assert!(messages(run(2.6)).ends_with("but another DURATION, 2.6 s instead of 2 s"));
        let other_id = vec![(11, boxed(range("1", -10.0, 2.0))), (14, boxed(range("2", -4.0, 2.0)))];
        assert_holds(check(&marked(other_id).context(), &Params::default()));
    }

    #[test]
    fn a_date_range_with_another_duration_than_its_section_fails() {
        let coded = |seconds| {
            run(&marked(vec![(12, boxed(AdRange { coded: Some(Seconds(seconds)), ..range("1", -8.0, 30.0) }))]))
        };
        assert_holds(coded(30.5));
        assert_holds(coded(29.5));
        assert_eq!(violations(coded(29.4)).len(), 1);
        let message = "line 20: EXT-X-DATERANGE announces 30 s; the splice_info_section in it has 60 s";
        assert_eq!(messages(coded(60.0)), message);
    }

    #[test]
    fn a_break_that_ended_early_has_a_duration_of_its_own() {
        let ended = |seconds| AdRange {
            planned: None,
            duration: Some(Seconds(seconds)),
            coded: Some(Seconds(30.0)),
            ..range("1", -8.0, 0.0)
        };
        assert_holds(run(&marked(vec![(12, boxed(ended(12.0)))])));
        assert_eq!(violations(run(&marked(vec![(12, boxed(ended(31.0)))]))).len(), 1);
    }

    #[test]
    fn without_markers_it_does_not_run() {
        assert_not_run(run(&marked(Vec::new())), NO_MARKER);
        assert_not_run(run(&dash_scene(vec![], vec![], None, true)), NO_MARKER);
    }

    #[test]
    fn an_event_of_the_mpd_that_cannot_be_read_fails() {
        let mut scene = dash_scene(vec![], vec![], None, true);
        scene.output.defects.push(unreadable(6, "no Base64"));
        let found = violations(run(&scene));
        assert_eq!((found[0].message.as_str(), found[0].rendition.as_deref()), ("line 6, column 1: no Base64", None));
    }

    #[test]
    fn event_messages_with_one_id_at_three_times_fail() {
        let segment = |number: u64, id: u32| {
            let mut facts = ts_segment(number, 0.0, 2.0);
            let time = Some(MediaTime::mpeg_unwrapped(number as i64 * 900_000));
            let scheme = "urn:scte:scte35:2013:bin".to_owned();
            let event = EventMessage { offset: 0, scheme, id, time, section: None, expires: None };
            facts.inspection.as_mut().unwrap().events = vec![event];
            facts
        };
        let found = |ids: [u32; 3]| {
            let facts: Vec<_> = (1..).zip(ids).map(|(number, id)| segment(number, id)).collect();
            constant_id(&facts.iter().collect::<Vec<_>>(), &Params::default())
        };
        assert_eq!((found([1, 2, 3]), found([1, 1, 2])), (None, None));
        assert!(found([0, 0, 0]).unwrap().message.contains("have the id 0 at 3 different times"));
    }

    #[test]
    fn an_event_with_another_duration_than_its_section_fails_once() {
        let event = |planned| AdRange { planned: Some(Seconds(planned)), ..dash_range(AdSource::Event, -10.0, 30.0) };
        assert_holds(run(&dash_scene(vec![event(30.5)], vec![], None, true)));
        let message = "line 4: Event@duration is 60 s; the splice_info_section in it has 30 s";
        assert_eq!(messages(run(&dash_scene(vec![event(60.0)], vec![], None, true))), message);
    }
}
