use crate::checks::support::date_offset::date_offset;
use crate::checks::support::mpd_step;
use crate::checks::support::select::{self, NO_MANIFEST, segment_violation, undamaged_inspection};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::SegmentFacts;
use crate::finding::Severity;
use packager_media::container::Track;
use packager_media::stream::{Media, Segment};
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "renditions_misaligned",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when the same segment starts at different media times in different video renditions, or most key \
           frames inside segments do: players that switch repeat or skip pictures",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.4; HLS authoring specification 1.20, 7",
    needs_history: false,
};

params! {
    /// Number of frames by which the starts of a segment in two renditions may differ, at the frame rate of the slower
    /// rendition.
    frames: f64 = 1.0,
}

const FEW: &str = "no segment was inspected in two video renditions";

/// A segment with its video track.
type VideoSegment<'a> = (&'a SegmentFacts, &'a Track);

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    if !context.output.is_readable() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let video = context.renditions().filter(|(facts, _)| facts.rendition.media == Media::Video);
    let mut renditions = video.filter_map(|(facts, past)| {
        let segments = select::inspected_segments(facts, past)?;
        let places: Vec<VideoSegment<'_>> = segments.into_iter().filter_map(|s| Some((s, track(s)?))).collect();
        (!places.is_empty()).then(|| (&facts.rendition.name, places, select::restart_times(past)))
    });
    let Some((name, reference, began)) = renditions.next() else { return CheckVerdict::NotRun(FEW) };
    let (mut compared, mut found) = (false, Vec::new());
    for (other, places, mut restarts) in renditions {
        restarts.extend(&began);
        restarts.extend(mpd_step::availability_start_changes(context));
        let dates_off = date_offset(places.iter().map(|(s, _)| *s), reference.iter().map(|(s, _)| *s));
        let dates_off = dates_off.unwrap_or_default();
        let matched = |p| matching(p, &reference, &restarts, dates_off);
        let pairs: Vec<_> = places.iter().rev().filter_map(|p| Some((p, matched(p)?))).collect();
        compared |= !pairs.is_empty();
        found.extend(keyframes(&pairs, name, params).map(|v| v.in_rendition(other)));
        let off = pairs.into_iter().filter_map(|(p, r)| violation(p, r, name, params)).collect();
        found.extend(select::cap_violations(off).into_iter().map(|v| v.in_rendition(other)));
    }
    if compared { CheckVerdict::Ran(found) } else { CheckVerdict::NotRun(FEW) }
}

fn track(segment: &SegmentFacts) -> Option<&Track> {
    let tracks = &undamaged_inspection(segment)?.tracks;
    tracks.iter().find(|t| t.media == Some(Media::Video) && t.presentation_start.is_some() && t.samples > 0)
}

/// Returns the segment of the rendition to compare with that is for the same time as the segment `place`. If both have
/// a date, the dates must be near each other. Otherwise the numbers must be equal and the media times near each other,
/// because the numbers of renditions may be independent (RFC 8216bis 6.3.2). `dates_off` is the time by which the dates of the rendition are
/// wrongly later than those of the other one.
fn matching<'p, 'a>(
    place: &VideoSegment<'_>,
    reference: &'p [VideoSegment<'a>],
    restarts: &[Timestamp],
    dates_off: Seconds,
) -> Option<&'p VideoSegment<'a>> {
    let near = 0.5 * place.0.segment.duration.0;
    let fits = |other: &&VideoSegment<'_>| {
        let (a, b) = (&place.0.segment, &other.0.segment);
        let (at, other_at) = (place.0.inspected_at, other.0.inspected_at);
        // A new packager run has other timestamps.
        if restarts.iter().any(|began| (at < *began) != (other_at < *began)) {
            return false;
        }
        if a.discontinuity_sequence != b.discontinuity_sequence || (a.duration.0 - b.duration.0).abs() >= near {
            return false;
        }
        match (a.program_date_time, b.program_date_time) {
            (Some(a), Some(b)) => (Seconds::between(b, a) - dates_off).0.abs() < near,
            _ => a.number == b.number && start_offset(place, other).is_some_and(|off| off.abs() < near),
        }
    };
    reference.iter().rev().find(fits)
}

/// Returns the seconds by which the segment `place` starts after the segment `other` for players.
fn start_offset(place: &VideoSegment<'_>, other: &VideoSegment<'_>) -> Option<f64> {
    let off = place.1.presentation_start?.since(other.1.presentation_start?)?;
    Some((off - clock_offset(&place.0.segment, &other.0.segment).unwrap_or_default()).0)
}

/// Returns by how much the media time of the segment `a` is ahead of that of `b` for the same time of an MPD's presentation, because
/// each AdaptationSet has a presentationTimeOffset of its own. `None` for HLS.
fn clock_offset(a: &Segment, b: &Segment) -> Option<Seconds> {
    let media = a.media_start?.at.since(b.media_start?.at)?;
    Some(media - Seconds::between(b.program_date_time?, a.program_date_time?))
}

/// Returns a violation if most key frames inside segments are at different times in both renditions. One rendition may
/// have more key frames than the other, at scene changes.
fn keyframes(pairs: &[(&VideoSegment<'_>, &VideoSegment<'_>)], name: &str, params: &Params) -> Option<Violation> {
    let (mut all, mut misplaced) = (0, Vec::new());
    for (place, reference) in pairs {
        let (Some(own), Some(others)) = (inner_keyframes(place), inner_keyframes(reference)) else { continue };
        let slack = params.frames * frame_duration(place, reference) + 0.001;
        let (few, many) = if own.len() <= others.len() { (own, others) } else { (others, own) };
        let unmatched = few.iter().copied().filter(|a| many.iter().all(|b| (a - b).abs() > slack));
        all += few.len();
        misplaced.extend(unmatched.map(|at| (*place, at)));
    }
    let (place, at) = misplaced.first().filter(|_| all >= MIN_KEYFRAMES && 2 * misplaced.len() > all)?;
    let (number, count) = (place.0.segment.number, misplaced.len());
    let message = format!(
        "{count} of {all} key frames inside segments are at other times than in {name}, for example {at:.3} s into segment {number}"
    );
    Some(segment_violation(place.0, message).with("reference_rendition", name).with("keyframes", count).with("of", all))
}

/// Smallest number of key frames that decide whether key frames inside segments are at the same times. If there are
/// fewer, all may be at scene changes.
const MIN_KEYFRAMES: usize = 3;

/// Returns the seconds from the segment's first frame to each later key frame. `None`: not all key frames are known.
fn inner_keyframes(place: &VideoSegment<'_>) -> Option<Vec<f64>> {
    let track = place.1;
    let start = track.presentation_start?;
    let known = track.keyframe_times.len() as u64 == track.keyframes && track.starts_with_keyframe == Some(true);
    let inside = track.keyframe_times.iter().skip(1);
    known.then(|| inside.filter_map(|time| Some(time.since(start)?.0)).collect())
}

/// Returns the duration in seconds of a frame of the slower rendition.
fn frame_duration(place: &VideoSegment<'_>, reference: &VideoSegment<'_>) -> f64 {
    [place, reference].iter().filter_map(|p| Some(p.1.duration()?.0 / p.1.samples as f64)).fold(0.0, f64::max)
}

fn violation(place: &VideoSegment<'_>, reference: &VideoSegment<'_>, name: &str, params: &Params) -> Option<Violation> {
    let off = start_offset(place, reference)?;
    // A millisecond is added for timescales that can't express a frame's duration.
    if off.abs() <= params.frames * frame_duration(place, reference) + 0.001 {
        return None;
    }
    let side = if off > 0.0 { "after" } else { "before" };
    let number = place.0.segment.number;
    let message = format!("segment {number} starts {:.3} s {side} the same segment of {name}", off.abs());
    let violation = segment_violation(place.0, message).with("reference_rendition", name).with("off_seconds", off);
    Some(violation.with("reference_number", reference.0.segment.number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::history::RenditionHistory;
    use packager_media::stream::MediaStart;
    use packager_media::units::{MPEG_TIMESCALE, MediaTime};
    use std::sync::Arc;

    /// Makes a test input: two renditions with 25 frames per second. Each of their segments is given by number, start
    /// in seconds, and optional date.
    fn scene(reference: &[(u64, f64, Option<f64>)], other: &[(u64, f64, Option<f64>)]) -> Scene {
        let mut scene = Scene::live();
        scene.output.renditions.push(rendition("other"));
        let segment = |(n, start, date): &(u64, f64, Option<f64>)| {
            let mut segment = ts_segment(*n, *start, 2.0);
            segment.segment.program_date_time = date.map(time);
            Arc::new(segment)
        };
        let past = |list: &[_]| RenditionHistory {
            segments: list.iter().map(segment).collect(),
            ..RenditionHistory::default()
        };
        scene.history.renditions = [(NAME.to_owned(), past(reference)), ("other".to_owned(), past(other))].into();
        scene
    }

    fn run(reference: &[(u64, f64, Option<f64>)], other: &[(u64, f64, Option<f64>)]) -> CheckVerdict {
        check(&scene(reference, other).context(), &Params::default())
    }

    #[test]
    fn a_frame_holds_and_more_fails() {
        assert_holds(run(&[(5, 10.0, None)], &[(5, 10.04, None)]));
        let message = messages(run(&[(5, 10.0, None)], &[(5, 10.08, None)]));
        assert_eq!(message, format!("segment 5 starts 0.080 s after the same segment of {NAME}"));
        assert!(messages(run(&[(5, 10.0, None)], &[(5, 9.5, None)])).contains("0.500 s before"));
    }

    /// Runs renditions_misaligned on segments 5 and 6 in both renditions. `own` and `other` are the seconds from each
    /// segment's first frame to its later key frames.
    fn with_keyframes(own: &[f64], other: &[f64]) -> CheckVerdict {
        let times = [(5, 10.0, None), (6, 12.0, None)];
        let mut scene = scene(&times, &times);
        for (name, inside) in [(NAME, own), ("other", other)] {
            for segment in &mut scene.history.renditions.get_mut(name).unwrap().segments {
                let video = &mut Arc::make_mut(segment).inspection.as_mut().unwrap().tracks[0];
                let start = video.presentation_start.unwrap();
                let at = |s: &f64| start.moved_by(Seconds(*s));
                video.keyframe_times = [0.0].iter().chain(inside).map(at).collect();
                video.keyframes = video.keyframe_times.len() as u64;
            }
        }
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn key_frames_inside_segments_are_aligned() {
        assert_holds(with_keyframes(&[0.5, 1.0, 1.5], &[0.5, 1.04, 1.5]));
        let message = messages(with_keyframes(&[0.5, 1.5], &[0.6, 1.6]));
        assert_eq!(
            message,
            format!(
                "4 of 4 key frames inside segments are at other times than in {NAME}, for example 0.600 s into segment 6"
            )
        );
    }

    #[test]
    fn key_frames_at_changes_of_scene_are_no_fault() {
        assert_holds(with_keyframes(&[0.5, 1.0, 1.5], &[1.0]));
        assert_holds(with_keyframes(&[], &[0.3]));
        assert_holds(with_keyframes(&[0.5, 1.5], &[0.5, 1.6]));
        assert_holds(with_keyframes(&[0.5, 1.0, 1.3], &[0.5, 1.0, 1.7]));
        assert_holds(with_keyframes(&[0.3], &[0.9]));
    }

    #[test]
    fn numbers_may_be_independent() {
        assert_not_run(run(&[(5, 10.0, None)], &[(5, 16.0, None)]), FEW);
        assert_holds(run(&[(5, 10.0, Some(0.0))], &[(900, 10.0, Some(0.01))]));
    }

    #[test]
    fn dates_find_the_segment_however_far_its_times_are_off() {
        let found = violations(run(&[(5, 10.0, Some(0.0))], &[(6, 50.0, Some(0.2))]));
        assert_eq!(
            (&found[0].evidence["off_seconds"], &found[0].evidence["reference_number"]),
            (&40.0.into(), &5.into())
        );
        assert_not_run(run(&[(5, 10.0, Some(0.0))], &[(5, 10.0, Some(1.0))]), FEW);
    }

    #[test]
    fn dates_that_are_off_for_the_same_media_move_no_media() {
        let reference = [(5, 10.0, Some(0.0)), (6, 12.0, Some(2.0)), (7, 14.0, Some(4.0))];
        // By their dates, which are 2 s late, the segments would be those before.
        assert_holds(run(&reference, &[(5, 10.0, Some(2.0)), (6, 12.0, Some(4.0)), (7, 14.0, Some(6.0))]));
        assert_eq!(violations(run(&reference, &[(5, 12.0, Some(2.0)), (6, 14.5, Some(4.0))])).len(), 1);
    }

    #[test]
    fn another_discontinuity_is_another_time_line() {
        let mut scene = scene(&[(5, 10.0, None)], &[(5, 10.5, None)]);
        let past = scene.history.renditions.get_mut("other").unwrap();
        Arc::make_mut(&mut past.segments[0]).segment.discontinuity_sequence = 1;
        assert_not_run(check(&scene.context(), &Params::default()), FEW);
    }

    #[test]
    fn a_restart_between_their_inspections_begins_another_time_line() {
        for (began, runs) in [(-20, true), (-5, false)] {
            let mut scene = scene(&[(5, 10.0, Some(0.0))], &[(5, 50.0, Some(0.0))]);
            let past = scene.past();
            past.segments = past.segments.iter().map(|s| Arc::new(at((**s).clone(), -10))).collect();
            scene.observe([observation(-40, 100, 105), observation(began, 0, 2)]);
            let verdict = check(&scene.context(), &Params::default());
            assert_eq!(matches!(verdict, CheckVerdict::Ran(found) if found.len() == 1), runs, "{began}");
        }
    }

    #[test]
    fn media_times_of_adaptation_sets_may_have_different_offsets() {
        let with_offset = |late: f64, listed_late: f64| {
            let mut scene = scene(&[(5, 10.0, Some(0.0))], &[(5, 3610.0 + late, Some(listed_late))]);
            for (name, at) in [(NAME, 10.0), ("other", 3610.0 + listed_late)] {
                let segment = Arc::make_mut(&mut scene.history.renditions.get_mut(name).unwrap().segments[0]);
                to_fragmented(segment);
                let at = MediaTime::new((at * 90_000.0) as i64, MPEG_TIMESCALE);
                segment.segment.media_start = Some(MediaStart { at, nominal: false });
            }
            check(&scene.context(), &Params::default())
        };
        assert_holds(with_offset(0.0, 0.0));
        assert!(messages(with_offset(0.5, 0.0)).contains("0.500 s after"), "another start than the MPD says");
        assert!(messages(with_offset(0.5, 0.5)).contains("0.500 s after"), "the MPD says it");
    }

    #[test]
    fn a_wrap_of_the_clock_is_no_difference() {
        let wrap = (1u64 << 33) as f64 / 90_000.0;
        assert_holds(run(&[(5, wrap - 0.01, None)], &[(5, 0.01, None)]));
    }

    #[test]
    fn one_rendition_has_nothing_to_compare() {
        assert_not_run(check(&Scene::live().context(), &Params::default()), FEW);
        assert_not_run(check(&Scene::unreadable().context(), &Params::default()), NO_MANIFEST);
    }
}
