//! Compares the SCTE-35 splices in segments with the ad breaks that the manifest announces.

use crate::checks::Violation;
use crate::checks::support::select;
use crate::facts::SegmentFacts;
use packager_media::container::Inspection;
use packager_media::splice::{SpliceCue, SpliceSection};
use packager_media::stream::ads::{AdBreak, AdSource, Marker, MarkerKind};
use packager_media::stream::{Media, Timeline};
use packager_media::units::{MediaTime, Seconds, Timestamp};

/// Returns a violation for each ad break that an SCTE-35 section in a segment begins and that no marker of the manifest
/// announces. `marker` is the name of such markers in this protocol, for the message.
pub(super) fn unannounced_splices(
    segments: &[&SegmentFacts],
    breaks: &[AdBreak],
    timeline: &Timeline,
    marker: &'static str,
) -> Vec<Violation> {
    let dates = timeline.start_dates();
    let mut known = Vec::new();
    let mut found = Vec::new();
    for (segment, carried, cue) in opening_splices(segments) {
        let Some(number) = splice_segment(segment, &carried, segments) else { continue };
        // A section is repeated until its splice comes.
        if known.contains(&(cue.event_id, number)) {
            continue;
        }
        known.push((cue.event_id, number));
        let Some(place) = timeline.segments.iter().position(|s| s.number == number) else { continue };
        // The packager had a segment's time to write the marker, and the marker has not left with its segment.
        let judged = place > 0 && place + 2 < timeline.segments.len();
        if judged && !is_announced(number, dates.get(place).copied().flatten(), breaks, timeline) {
            let message = format!(
                "segment {} has an SCTE-35 section {} that begins an ad break at segment {number} (event {}), but no {marker} \
                 announces it",
                segment.segment.number, carried.location, cue.event_id
            );
            let violation =
                select::segment_violation(segment, message).with("byte", carried.byte).with("event", cue.event_id);
            found.push(violation.with("announced_seconds", cue.duration.map(|d| d.0)));
        }
    }
    found
}

/// Location and time of an SCTE-35 section in a segment. The section is in transport stream packets or in an event
/// message.
struct CarriedSection {
    /// Location of the section in the segment, as text for a message: `on PID 258` or `in an emsg`.
    location: String,
    byte: u64,
    /// Media time of the splice. `None`: the splice is immediate.
    at: Option<MediaTime>,
}

impl CarriedSection {
    fn all(inspection: &Inspection) -> impl Iterator<Item = (Self, &SpliceSection)> {
        let sections = inspection.ts.iter().flat_map(|ts| &ts.splice_sections);
        let sections = sections.map(|s| {
            (Self { location: format!("on PID {}", s.pid), byte: s.offset, at: s.section.splice_time }, &s.section)
        });
        // The message's own time counts: the time in its section is of another clock.
        let messages = inspection.events.iter().filter_map(|e| {
            Some((Self { location: "in an emsg".to_owned(), byte: e.offset, at: e.time }, e.section.as_ref()?))
        });
        sections.chain(messages)
    }
}

/// Returns every SCTE-35 section of these segments that begins an ad break.
fn opening_splices<'a>(segments: &[&'a SegmentFacts]) -> Vec<(&'a SegmentFacts, CarriedSection, &'a SpliceCue)> {
    let in_segment = |s: &&'a SegmentFacts| {
        let segment: &'a SegmentFacts = s;
        let sections = select::complete_inspection(segment).into_iter().flat_map(CarriedSection::all);
        sections.filter_map(move |(carried, section)| Some((segment, carried, section.first_out()?)))
    };
    segments.iter().flat_map(in_segment).collect()
}

/// Returns the number of the segment that contains the time of the splice. `None`: this segment wasn't inspected. An
/// immediate splice is in the segment that contains its section.
fn splice_segment(carrier: &SegmentFacts, carried: &CarriedSection, segments: &[&SegmentFacts]) -> Option<u64> {
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

/// Whether the manifest announces a splice in segment `number`. It does if a marker is at most one segment away. It
/// also does if the segment is inside an announced ad break, because each advertisement of a break may have a splice
/// section.
fn is_announced(number: u64, date: Option<Timestamp>, breaks: &[AdBreak], timeline: &Timeline) -> bool {
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

#[cfg(test)]
mod tests {
    use super::super::{Params, check};
    use super::*;
    use crate::checks::support::ad_breaks::NO_MARKER;
    use crate::checks::support::ad_breaks::testing::*;
    use crate::checks::testing::*;
    use packager_media::container::{EventMessage, TsSpliceSection};
    use packager_media::splice::SpliceDirection;

    /// Makes a test input: a rendition with the inspected segments 10 to 15, the first of which begins at media time 0
    /// s. Segment 10 has a section for a splice at media time `at` in seconds. The playlist has the ad markers
    /// `markers`.
    fn carrying(at: f64, markers: Vec<(u64, MarkerKind)>) -> Scene {
        let mut scene = marked(markers);
        let mut segments: Vec<_> = (10..16).map(|n| ts_segment(n, 2.0 * (n - 10) as f64, 2.0)).collect();
        let cue =
            SpliceCue { event_id: 7, direction: SpliceDirection::Out, duration: Some(Seconds(4.0)), auto_return: None };
        let section = SpliceSection {
            command_type: Some(5),
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
        let message = "segment 10 has an SCTE-35 section on PID 258 that begins an ad break at segment 12 (event 7), \
                       but no ad marker of the playlist announces it";
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
            inspection.events =
                vec![EventMessage { offset: 24, scheme, id: 7, time, section: Some(section), expires: None }];
            scene.remember(segments);
            check(&scene.context(), &Params::default())
        };
        assert_holds(run(4, vec![(12, out(4.0))]));
        let message = "segment 10 has an SCTE-35 section in an emsg that begins an ad break at segment 12 (event 7), \
                       but no ad marker of the playlist announces it";
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
    fn without_markers_or_splices_it_does_not_run() {
        assert_not_run(check(&marked(Vec::new()).context(), &Params::default()), NO_MARKER);
    }
}
