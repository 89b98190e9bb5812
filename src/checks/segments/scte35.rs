mod events;
mod renditions;

use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::container::Inspection;
use packager_media::defect::{Defect, DefectKind};
use packager_media::splice::{SpliceCue, SpliceSection};
use packager_media::stream::ads::{AdBreak, AdRange, AdSource, BreakState, Marker, MarkerKind};
use packager_media::stream::{Media, Timeline};
use packager_media::units::{MediaTime, Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "scte35",
    severity: Severity::Minor,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("AdMarkersWrong"),
    help: "fails when an ad marker can't be read, segments carry a splice that the playlist doesn't announce (where it announces any), \
           an ad break begins inside one that wasn't closed, EXT-X-CUE-OUT and EXT-X-DATERANGE tell of different breaks, the \
           renditions of an output tell of different ones, or an ID is used for two; in DASH also when the MPD's events and the event \
           messages of segments tell of different breaks, or no InbandEventStream declares the messages",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.5.1; ANSI/SCTE 35; ANSI/SCTE 214-1 6.7; ISO/IEC 23009-1 5.10; EXT-X-CUE-OUT as \
                packagers write it",
    needs_history: false,
};

params! {
    /// Seconds by which the durations that two markers give one break may differ.
    duration_tolerance: f64 = 0.5,
    /// Seconds by which the beginnings may differ; a target duration is always allowed, for cue tags stand between segments.
    date_tolerance: f64 = 1.0,
    /// Whether the playlist has to announce the splices of its segments even if it never announced one.
    expected: bool = false,
}

const NO_MARKER: &str = "no ad marker was seen";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    if let Some(dash) = context.output.dash() {
        return events::check(context, dash, params);
    }
    let mut verdict = select::judge_renditions(context, NO_MARKER, |facts, past| judge(facts, past, params));
    if let CheckVerdict::Ran(found) = &mut verdict {
        found.extend(renditions::apart(context, params));
    }
    verdict
}

fn judge(facts: &RenditionFacts, past: &RenditionHistory, params: &Params) -> Option<Vec<Violation>> {
    let timeline = facts.timeline.as_deref()?;
    let segments = select::inspected_segments(facts, past).unwrap_or_default();
    let mut found = unreadable(facts, &segments);
    let carried = segments.iter().filter_map(|s| select::complete_inspection(s)).any(|i| i.splice_count() > 0);
    if timeline.markers.is_empty() && !carried && found.is_empty() {
        return None;
    }
    let breaks = timeline.ad_breaks();
    if params.expected || !timeline.markers.is_empty() || past.ads.last_cue.is_some() {
        found.extend(unannounced(&segments, &breaks, timeline, "ad marker of the playlist"));
    }
    found.extend(overruns(&breaks, timeline, params));
    found.extend(reused(timeline, params));
    found.extend(coded_otherwise(timeline, params));
    found.extend(apart(&breaks, timeline, params));
    Some(found)
}

/// Of the playlist, and of the segments inspected within `hold`.
fn unreadable(facts: &RenditionFacts, segments: &[&SegmentFacts]) -> Vec<Violation> {
    let unread = |d: &&Defect| d.kind == DefectKind::AdMarker;
    let listed = facts.playlist.iter().flat_map(|p| facts.defects.iter().filter(unread).map(|d| (&p.url, d)));
    let inspected = segments.iter().filter_map(|s| Some((&s.segment.uri, s.inspection.as_ref()?)));
    let carried = inspected.flat_map(|(url, i)| i.defects.iter().filter(unread).map(move |d| (url, d)));
    listed.chain(carried).map(|(url, d)| select::defect_violation(url, d)).collect()
}

/// Ways out of the programme that segments carry and no marker of the playlist tells of.
fn unannounced(
    segments: &[&SegmentFacts],
    breaks: &[AdBreak],
    timeline: &Timeline,
    lister: &'static str,
) -> Vec<Violation> {
    let dates = timeline.start_dates();
    let mut known = Vec::new();
    let mut found = Vec::new();
    for (segment, carried, cue) in openings(segments) {
        let Some(number) = target(segment, &carried, segments) else { continue };
        // A section is repeated until its splice comes.
        if known.contains(&(cue.event_id, number)) {
            continue;
        }
        known.push((cue.event_id, number));
        let Some(place) = timeline.segments.iter().position(|s| s.number == number) else { continue };
        // The packager had a segment's time to write the marker, and the marker has not left with its segment.
        let judged = place > 0 && place + 2 < timeline.segments.len();
        if judged && !told(number, dates.get(place).copied().flatten(), breaks, timeline) {
            let message = format!(
                "segment {}: an SCTE-35 section {} leads out of the programme at segment {number} (event {}); no {lister} \
                 tells of it",
                segment.segment.number, carried.place, cue.event_id
            );
            let violation =
                select::segment_violation(segment, message).with("byte", carried.byte).with("event", cue.event_id);
            found.push(violation.with("announced_seconds", cue.duration.map(|d| d.0)));
        }
    }
    found
}

/// A section of a transport stream or of an event message.
struct Carried {
    /// `on PID 258`, `in an emsg`.
    place: String,
    byte: u64,
    at: Option<MediaTime>,
}

impl Carried {
    fn of(inspection: &Inspection) -> impl Iterator<Item = (Self, &SpliceSection)> {
        let sections = inspection.ts.iter().flat_map(|ts| &ts.splice_sections).map(|s| {
            (Self { place: format!("on PID {}", s.pid), byte: s.offset, at: s.section.splice_time }, &s.section)
        });
        // The message's own time says when; that of its section is of another clock.
        let messages = inspection.events.iter().filter_map(|e| {
            Some((Self { place: "in an emsg".to_owned(), byte: e.offset, at: e.time }, e.section.as_ref()?))
        });
        sections.chain(messages)
    }
}

fn openings<'a>(segments: &[&'a SegmentFacts]) -> Vec<(&'a SegmentFacts, Carried, &'a SpliceCue)> {
    let of = |s: &&'a SegmentFacts| {
        let segment: &'a SegmentFacts = s;
        let sections = select::complete_inspection(segment).into_iter().flat_map(Carried::of);
        sections.filter_map(move |(carried, section)| Some((segment, carried, section.first_out()?)))
    };
    segments.iter().flat_map(of).collect()
}

/// Number of the segment in which the splice comes; `None` where it wasn't inspected. An immediate splice comes in the
/// segment that carries it.
fn target(carrier: &SegmentFacts, carried: &Carried, segments: &[&SegmentFacts]) -> Option<u64> {
    let Some(at) = carried.at else { return Some(carrier.segment.number) };
    let holds = |s: &&&SegmentFacts| {
        let tracks = select::undamaged_inspection(s).map_or(&[][..], |i| &i.tracks);
        let times = tracks.iter().filter(|t| t.media == Some(Media::Video)).filter_map(|t| Some((t.start?, t.end?)));
        // By decode times: pictures are reordered by less than the segment by which a marker may be off.
        times.into_iter().any(|(start, end)| {
            at.since(start).is_some_and(|later| later.0 >= 0.0) && at.since(end).is_some_and(|later| later.0 < 0.0)
        })
    };
    segments.iter().find(holds).map(|s| s.segment.number)
}

/// A marker stands there, or the segment is inside a break: each advertisement of one may have a section.
fn told(number: u64, date: Option<Timestamp>, breaks: &[AdBreak], timeline: &Timeline) -> bool {
    let near = |n: u64| n.abs_diff(number) <= 1;
    let section = |m: &Marker| matches!(&m.kind, MarkerKind::Splice(s) if s.first_out().is_some());
    let bare = timeline.markers.iter().any(|m| section(m) && m.number + 4 >= number && m.number <= number + 1);
    let slack = select::target_duration(timeline).unwrap_or_default();
    bare || breaks.iter().any(|b| match b.source {
        AdSource::Cue => {
            let begun = b.from.is_none_or(|from| from <= number || near(from));
            begun && b.until.is_none_or(|until| number < until)
        }
        AdSource::DateRange | AdSource::Event | AdSource::Message => b.start.zip(date).is_some_and(|(start, date)| {
            let since = Seconds::between(start, date).0;
            since >= -slack.0 && b.announced.is_none_or(|a| since <= a.0 + slack.0)
        }),
    })
}

fn announced(announced: Option<Seconds>) -> String {
    announced.map_or_else(|| "no duration".to_owned(), |a| format!("{} s", a.0))
}

/// A break that another one follows without EXT-X-CUE-IN; where it lasted as long as announced it ended by itself.
fn overruns(breaks: &[AdBreak], timeline: &Timeline, params: &Params) -> Vec<Violation> {
    let slack = params.date_tolerance.max(select::target_duration(timeline).unwrap_or_default().0);
    let by_itself = |b: &AdBreak| b.announced.zip(b.elapsed).is_some_and(|(a, e)| (e - a).abs().0 <= slack);
    let never_closed = breaks.iter().filter(|b| b.state == BreakState::Overrun && !by_itself(b));
    let violation = |b: &AdBreak| {
        let after = b.elapsed.map_or_else(String::new, |e| format!(", {:.1} s later", e.0));
        let (tag, line, told) = (b.source.tag(), b.line, announced(b.announced));
        let message = format!(
            "line {line}: the ad break of this {tag} ({told} announced) is never closed; another begins{after}"
        );
        Violation::new(message).with("line", line).with("elapsed_seconds", b.elapsed.map(|e| e.0))
    };
    never_closed.map(violation).collect()
}

/// Two tags with one ID that contradict each other: two breaks under one name.
fn reused(timeline: &Timeline, params: &Params) -> Vec<Violation> {
    let mut known: Vec<(u32, &AdRange)> = Vec::new();
    let mut found = Vec::new();
    for marker in &timeline.markers {
        let MarkerKind::Range(range) = &marker.kind else { continue };
        let Some((line, first)) = known.iter().find(|(_, r)| r.id == range.id) else {
            known.push((marker.line, range));
            continue;
        };
        let Some(what) = contradiction(first, range, params) else { continue };
        let message =
            format!("line {}: EXT-X-DATERANGE has the ID `{}` of line {line} and {what}", marker.line, range.id);
        found.push(Violation::new(message).with("line", marker.line).with("id", range.id.as_str()));
    }
    found
}

fn contradiction(first: &AdRange, second: &AdRange, params: &Params) -> Option<String> {
    let apart = first.start.zip(second.start).map(|(a, b)| Seconds::between(a, b));
    if let Some(apart) = apart.filter(|a| a.abs().0 > params.duration_tolerance) {
        return Some(format!("another START-DATE, {:.3} s later", apart.0));
    }
    let (a, b) = first.duration.zip(second.duration)?;
    ((a - b).abs().0 > params.duration_tolerance).then(|| format!("another DURATION, {} s for {} s", b.0, a.0))
}

/// A date range whose attributes say another duration than the section in it.
fn coded_otherwise(timeline: &Timeline, params: &Params) -> Vec<Violation> {
    let differs = |(line, range): (u32, AdRange)| {
        let (told, coded) = (range.planned.or(range.duration)?, range.coded?);
        let message =
            format!("line {line}: EXT-X-DATERANGE announces {} s, the splice_info_section in it {} s", told.0, coded.0);
        // A break that came back early has a DURATION of its own.
        let early = range.planned.is_none() && told < coded;
        let differs = !early && (told - coded).abs().0 > params.duration_tolerance;
        differs.then(|| Violation::new(message).with("line", line).with("id", range.id))
    };
    timeline.ad_ranges().into_iter().filter_map(differs).collect()
}

/// Where both ways of announcing are in use, each break of the window is told by both, and told alike.
fn apart(breaks: &[AdBreak], timeline: &Timeline, params: &Params) -> Vec<Violation> {
    let slack = Seconds(params.date_tolerance.max(select::target_duration(timeline).unwrap_or_default().0));
    let of = |source: AdSource| breaks.iter().filter(move |b| b.source == source);
    let begins = |b: &&AdBreak| b.start.is_some_and(|start| inside(start, timeline, slack));
    let (cues, ranges): (Vec<_>, Vec<_>) = (
        of(AdSource::Cue).filter(|b| b.from.is_some()).filter(begins).collect(),
        of(AdSource::DateRange).filter(begins).collect(),
    );
    if of(AdSource::Cue).next().is_none() || of(AdSource::DateRange).next().is_none() {
        return Vec::new();
    }
    let meets =
        |a: &AdBreak, b: &AdBreak| a.start.zip(b.start).is_some_and(|(a, b)| Seconds::between(a, b).abs() <= slack);
    let mut found = Vec::new();
    for cue in &cues {
        match ranges.iter().find(|range| meets(cue, range)) {
            Some(range) => found.extend(told_otherwise(cue, range, params)),
            None => found.push(alone(cue, AdSource::DateRange)),
        }
    }
    let untold = ranges.iter().filter(|range| !of(AdSource::Cue).any(|cue| meets(cue, range)));
    found.extend(untold.map(|range| alone(range, AdSource::Cue)));
    found
}

/// Well inside the window: near its ends a marker may just have left, or be still to come.
fn inside(start: Timestamp, timeline: &Timeline, slack: Seconds) -> bool {
    let first = timeline.start_dates().into_iter().flatten().next();
    let (Some(first), Some(edge)) = (first, timeline.live_edge()) else { return false };
    slack.after(first) < start && slack.after(start) < edge
}

fn told_otherwise(cue: &AdBreak, range: &AdBreak, params: &Params) -> Option<Violation> {
    let (a, b) = cue.announced.zip(range.announced)?;
    let message = format!(
        "line {}: EXT-X-CUE-OUT announces {} s, EXT-X-DATERANGE in line {} announces {} s for the same break",
        cue.line, a.0, range.line, b.0
    );
    let differs = (a - b).abs().0 > params.duration_tolerance;
    differs.then(|| Violation::new(message).with("line", cue.line).with("id", range.id.clone()))
}

fn alone(told: &AdBreak, missing: AdSource) -> Violation {
    let (tag, other, line) = (told.source.tag(), missing.tag(), told.line);
    let at = told.start.map_or_else(String::new, |at| format!(" at {at}"));
    let message = format!("line {line}: {tag} begins an ad break{at} that no {other} tells of; the playlist uses both");
    Violation::new(message).with("line", line).with("id", told.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::container::{EventMessage, TsSpliceSection};
    use packager_media::defect::{Defect, Position};
    use packager_media::splice::{SpliceDirection, SpliceSection};
    use packager_media::units::MediaTime;

    /// Segments 10 to 15 of 2 s; the first begins at second -12, the live edge is now.
    fn with(markers: Vec<(u64, MarkerKind)>) -> Scene {
        let mut scene = Scene::live();
        let timeline = scene.timeline();
        timeline.segments[0].program_date_time = Some(time(-12.0));
        let marker = |(n, (number, kind))| Marker { kind, number, line: n as u32 };
        timeline.markers = (20..).zip(markers).map(|(n, m)| marker((n, m))).collect();
        scene
    }

    fn run(markers: Vec<(u64, MarkerKind)>) -> CheckVerdict {
        check(&with(markers).context(), &Params::default())
    }

    fn out(seconds: f64) -> MarkerKind {
        MarkerKind::Out { announced: Some(Seconds(seconds)) }
    }

    fn range(id: &str, start: f64, planned: f64) -> AdRange {
        let (start, planned) = (Some(time(start)), Some(Seconds(planned)));
        AdRange { id: id.to_owned(), start, planned, out: true, ..AdRange::default() }
    }

    fn boxed(range: AdRange) -> MarkerKind {
        MarkerKind::Range(Box::new(range))
    }

    #[test]
    fn a_break_told_by_both_alike_holds() {
        assert_holds(run(vec![(12, boxed(range("1", -8.0, 4.0))), (12, out(4.0)), (14, MarkerKind::In)]));
        assert_holds(run(vec![(12, out(30.0))]));
        // The splice lies inside the segment before.
        assert_holds(run(vec![(13, boxed(range("1", -7.5, 4.5))), (13, out(4.0))]));
    }

    #[test]
    fn durations_that_differ_fail() {
        let told = |cue: f64| run(vec![(12, boxed(range("1", -8.0, 30.0))), (12, out(cue))]);
        assert_holds(told(30.5));
        let message =
            "line 21: EXT-X-CUE-OUT announces 60 s, EXT-X-DATERANGE in line 20 announces 30 s for the same break";
        assert_eq!(messages(told(60.0)), message);
    }

    #[test]
    fn a_break_that_only_one_of_both_tells_of_fails() {
        let both = vec![(11, boxed(range("1", -9.9, 2.0))), (11, out(2.0)), (12, MarkerKind::In)];
        let with_cue = [both.clone(), vec![(13, out(30.0))]].concat();
        assert!(messages(run(with_cue)).contains("line 23: EXT-X-CUE-OUT begins an ad break at"));
        let with_range = [both, vec![(13, boxed(range("2", -6.0, 30.0)))]].concat();
        assert!(messages(run(with_range)).contains("that no EXT-X-CUE-OUT tells of"));
    }

    #[test]
    fn near_the_windows_ends_a_marker_may_be_missing() {
        let before = vec![(10, boxed(range("1", -60.0, 52.0))), (14, out(30.0))];
        assert_eq!(violations(run(before)).len(), 1, "well inside");
        assert_holds(run(vec![(10, boxed(range("1", -60.0, 52.0))), (15, out(30.0))]));
        assert_holds(run(vec![(10, boxed(range("1", 20.0, 52.0))), (15, out(30.0))]));
    }

    #[test]
    fn a_break_inside_one_that_was_not_closed_fails() {
        assert_holds(run(vec![(11, out(4.0)), (13, out(4.0))]));
        let message =
            "line 20: the ad break of this EXT-X-CUE-OUT (30 s announced) is never closed; another begins, 4.0 s later";
        assert_eq!(messages(run(vec![(11, out(30.0)), (13, out(4.0))])), message);
    }

    #[test]
    fn an_id_used_for_two_breaks_fails() {
        let again = |start: f64| run(vec![(11, boxed(range("1", -10.0, 2.0))), (14, boxed(range("1", start, 2.0)))]);
        assert_holds(again(-10.0));
        let message = "line 21: EXT-X-DATERANGE has the ID `1` of line 20 and another START-DATE, 6.000 s later";
        assert_eq!(messages(again(-4.0)), message);
    }

    #[test]
    fn a_section_with_another_duration_fails() {
        let coded = |seconds: f64| boxed(AdRange { coded: Some(Seconds(seconds)), ..range("1", -8.0, 30.0) });
        assert_holds(run(vec![(12, coded(30.03))]));
        let message = "line 20: EXT-X-DATERANGE announces 30 s, the splice_info_section in it 60 s";
        assert_eq!(messages(run(vec![(12, coded(60.0))])), message);
        let early = AdRange {
            planned: None,
            duration: Some(Seconds(12.0)),
            coded: Some(Seconds(30.0)),
            ..range("1", -8.0, 0.0)
        };
        assert_holds(run(vec![(12, boxed(early))]));
    }

    #[test]
    fn a_marker_that_can_not_be_read_fails() {
        let mut scene = Scene::live();
        let at = Position::Line { line: 6, column: 1 };
        let (kind, message) = (DefectKind::AdMarker, "EXT-X-CUE-OUT: `soon` is no number".to_owned());
        scene.rendition().defects.push(Defect { kind, at, message, reference: "" });
        let message = "line 6, column 1: EXT-X-CUE-OUT: `soon` is no number";
        assert_eq!(messages(check(&scene.context(), &Params::default())), message);
    }

    /// Segments 10 to 15 inspected, the first at second 0 of the media; segment 10 announces a splice at `at`.
    fn carrying(at: f64, markers: Vec<(u64, MarkerKind)>) -> Scene {
        let mut scene = with(markers);
        let mut segments: Vec<_> = (10..16).map(|n| ts_segment(n, 2.0 * (n - 10) as f64, 2.0)).collect();
        let cue =
            SpliceCue { event_id: 7, direction: SpliceDirection::Out, duration: Some(Seconds(4.0)), auto_return: None };
        let section = SpliceSection {
            command_type: 5,
            splice_time: Some(MediaTime::mpeg((at * 90_000.0) as u64)),
            cues: vec![cue],
        };
        let carried = TsSpliceSection { pid: 258, offset: 564, section };
        segments[0].inspection.as_mut().unwrap().ts.as_mut().unwrap().splice_sections = vec![carried.clone(), carried];
        scene.remember(segments);
        scene
    }

    #[test]
    fn a_splice_that_the_playlist_announces_holds() {
        let holds = |markers| assert_holds(check(&carrying(4.0, markers).context(), &Params::default()));
        holds(vec![(12, out(4.0))]);
        holds(vec![(13, out(4.0))]);
        holds(vec![(11, out(30.0))]);
        holds(vec![(10, MarkerKind::Continues { elapsed: None, announced: None })]);
        holds(vec![(12, boxed(range("1", -8.0, 4.0)))]);
    }

    #[test]
    fn a_splice_that_the_playlist_does_not_announce_fails_once() {
        let fails = |markers| messages(check(&carrying(4.0, markers).context(), &Params::default()));
        let message = "segment 10: an SCTE-35 section on PID 258 leads out of the programme at segment 12 (event 7); \
                       no ad marker of the playlist tells of it";
        assert_eq!(fails(vec![(15, out(4.0))]), message);
        assert_eq!(fails(vec![(10, MarkerKind::In)]), message);
        assert_eq!(fails(vec![(10, out(4.0)), (12, MarkerKind::In)]), message);
    }

    #[test]
    fn an_event_message_is_judged_by_its_own_time() {
        let run = |at: i64, markers| {
            let mut scene = carrying(30.0, markers);
            let mut segments: Vec<_> = scene.past().segments.iter().map(|s| (**s).clone()).collect();
            let inspection = segments[0].inspection.as_mut().unwrap();
            let section = inspection.ts.as_mut().unwrap().splice_sections.remove(0).section;
            segments.iter_mut().for_each(to_fragmented);
            let inspection = segments[0].inspection.as_mut().unwrap();
            let (time, scheme) =
                (Some(MediaTime::new(at * 90_000, packager_media::units::MPEG_TIMESCALE)), String::new());
            inspection.events = vec![EventMessage { offset: 24, scheme, id: 7, time, section: Some(section) }];
            scene.remember(segments);
            check(&scene.context(), &Params::default())
        };
        assert_holds(run(4, vec![(12, out(4.0))]));
        let message = "segment 10: an SCTE-35 section in an emsg leads out of the programme at segment 12 (event 7); \
                       no ad marker of the playlist tells of it";
        assert_eq!(messages(run(4, vec![(15, out(4.0))])), message);
    }

    #[test]
    fn a_playlist_without_any_marker_need_not_announce_unless_the_template_says_so() {
        let scene = carrying(4.0, vec![]);
        assert_holds(check(&scene.context(), &Params::default()));
        let params = Params { expected: true, ..Params::default() };
        assert_eq!(violations(check(&scene.context(), &params)).len(), 1);
    }

    #[test]
    fn a_splice_at_the_live_edge_or_outside_of_the_window_is_not_judged() {
        for at in [0.0, 8.0, 9.9, 30.0] {
            assert_holds(check(&carrying(at, vec![(15, MarkerKind::In)]).context(), &Params::default()));
        }
        assert_eq!(
            violations(check(&carrying(7.9, vec![(15, MarkerKind::In)]).context(), &Params::default())).len(),
            1
        );
    }

    #[test]
    fn without_markers_it_does_not_run() {
        assert_not_run(run(Vec::new()), NO_MARKER);
    }
}
