use crate::checks::support::mpd_step;
use crate::checks::support::select::{self, segment_violation, undamaged_inspection};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts, derived};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::stream::Media;
use packager_media::units::{MediaTime, Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "av_out_of_sync",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when audio and video start more than `max` seconds apart, in one segment or in the segments of an audio \
           and a video playlist for the same time",
    reference: "draft-pantos-hls-rfc8216bis-22 3; ISO/IEC 13818-1 2.7.5; HLS authoring specification 7",
    needs_history: false,
};

params! {
    /// Largest allowed distance in seconds between the first presentation times of audio and video. Packagers put some
    /// frames of audio into the segment before or after.
    max: f64 = 0.5,
}

const NONE: &str = "no segment with both audio and video, and no pair of segments of the same time was inspected";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let together = select::judge_renditions(context, NONE, |facts, past| judge(facts, past, params));
    let separate: Vec<_> =
        context.renditions().filter_map(|(facts, past)| judge_separate_audio(context, facts, past, params)).collect();
    match (together, separate.is_empty()) {
        (together, true) => together,
        (CheckVerdict::Ran(found), _) => {
            CheckVerdict::Ran(found.into_iter().chain(separate.into_iter().flatten()).collect())
        }
        (_, false) => CheckVerdict::Ran(separate.into_iter().flatten().collect()),
    }
}

fn judge(facts: &RenditionFacts, past: &RenditionHistory, params: &Params) -> Option<Vec<Violation>> {
    let segments = select::inspected_segments(facts, past)?;
    let mut offsets = segments.iter().rev().filter_map(|s| Some((*s, offset(s)?))).peekable();
    offsets.peek()?;
    Some(offsets.filter(|(_, off)| off.abs() > params.max).map(|(s, off)| violation(s, off)).collect())
}

/// Returns the violations of an audio rendition compared with the first video rendition that names its group. `None`:
/// no segments of both for the same time were inspected.
fn judge_separate_audio(
    context: &CheckContext<'_>,
    facts: &RenditionFacts,
    past: &RenditionHistory,
    params: &Params,
) -> Option<Vec<Violation>> {
    let group = facts.rendition.group.as_ref().filter(|_| facts.rendition.media == Media::Audio)?;
    let named = |f: &RenditionFacts| f.rendition.media == Media::Video && f.rendition.group.as_ref() == Some(group);
    let videos = context.renditions().filter(|(f, _)| named(f));
    let (name, pictures, mut restarts) = videos
        .filter_map(|(f, past)| {
            let pictures = starts(f, past, Media::Video)?;
            Some((&f.rendition.name, pictures, select::restart_times(past)))
        })
        .next()?;
    restarts.extend(select::restart_times(past));
    restarts.extend(mpd_step::availability_start_changes(context));
    let sounds = starts(facts, past, Media::Audio)?;
    let off = |sound: &TrackStart<'_>| pictures.iter().rev().find_map(|picture| sound.after(picture, &restarts));
    let offsets: Vec<_> = sounds.iter().rev().filter_map(|s| Some((s.segment, off(s)?))).collect();
    let far = offsets.iter().filter(|(_, off)| off.abs() > params.max);
    let found = far.map(|(s, off)| {
        violation(s, *off).in_rendition(&facts.rendition.name).with("reference_rendition", name.as_str())
    });
    (!offsets.is_empty()).then(|| select::cap_violations(found.collect()))
}

/// First presentation time of a segment that has a single track.
struct TrackStart<'a> {
    segment: &'a SegmentFacts,
    at: MediaTime,
}

fn starts<'a>(facts: &RenditionFacts, past: &'a RenditionHistory, media: Media) -> Option<Vec<TrackStart<'a>>> {
    let only = |segment: &'a SegmentFacts| {
        let inspection = undamaged_inspection(segment)?;
        let [track] = inspection.tracks.as_slice() else { return None };
        let at = track.presentation_start.filter(|_| track.media == Some(media) && track.samples > 0)?;
        Some(TrackStart { segment, at })
    };
    let starts: Vec<_> = select::inspected_segments(facts, past)?.into_iter().filter_map(only).collect();
    (!starts.is_empty()).then_some(starts)
}

impl TrackStart<'_> {
    /// Returns the seconds by which this audio segment starts after the segment `video`. If both have a date, the
    /// difference of their dates is subtracted. `None`: the segments aren't for the same time.
    ///
    /// Without dates only the number identifies the time, and the numbers of playlists may be independent (RFC 8216bis
    /// 6.3.2). So a distance of half a segment or more may mean another segment then.
    fn after(&self, video: &Self, restarts: &[Timestamp]) -> Option<f64> {
        let (a, b) = (&self.segment.segment, &video.segment.segment);
        let (at, video_at) = (self.segment.inspected_at, video.segment.inspected_at);
        let runs = restarts.iter().any(|began| (at < *began) != (video_at < *began));
        if runs || a.discontinuity_sequence != b.discontinuity_sequence {
            return None;
        }
        let near = 0.5 * a.duration.0.min(b.duration.0);
        let off = self.at.since(video.at)?.0;
        match (a.program_date_time, b.program_date_time) {
            (Some(a), Some(b)) => {
                let later = Seconds::between(b, a).0;
                (later.abs() < near).then_some(off - later)
            }
            _ => (a.number == b.number && off.abs() < near).then_some(off),
        }
    }
}

/// Returns by how many seconds audio starts after video in an undamaged segment. `None` unless the segment has samples
/// of both.
fn offset(segment: &SegmentFacts) -> Option<f64> {
    derived::av_offset(undamaged_inspection(segment)?).map(|offset| offset.0)
}

fn violation(segment: &SegmentFacts, offset: f64) -> Violation {
    let side = if offset > 0.0 { "after" } else { "before" };
    let message = format!("segment {}: audio starts {:.3} s {side} video", segment.segment.number, offset.abs());
    segment_violation(segment, message).with("offset_seconds", offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn segment(video: f64, audio: f64) -> SegmentFacts {
        let mut segment = ts_segment(5, 0.0, 2.0);
        let tracks = vec![track(256, Media::Video, video, 2.0), track(257, Media::Audio, audio, 2.0)];
        segment.inspection.as_mut().unwrap().tracks = tracks;
        segment
    }

    fn run(segments: impl IntoIterator<Item = SegmentFacts>) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember(segments);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn half_a_second_holds_on_both_sides_and_more_fails() {
        assert_holds(run([segment(10.0, 10.5)]));
        assert_holds(run([segment(10.0, 9.5)]));
        assert_eq!(messages(run([segment(10.0, 10.51)])), "segment 5: audio starts 0.510 s after video");
        assert_eq!(messages(run([segment(10.0, 9.0)])), "segment 5: audio starts 1.000 s before video");
    }

    #[test]
    fn the_clock_may_wrap_between_them() {
        let wrap = (1u64 << 33) as f64 / 90_000.0;
        assert_holds(run([segment(wrap - 0.1, 0.1)]));
        let mut fragmented = segment(wrap - 0.1, 0.1);
        to_fragmented(&mut fragmented);
        assert_eq!(violations(run([fragmented])).len(), 1, "decode times of fragmented MP4 do not wrap");
    }

    #[test]
    fn separate_or_empty_tracks_are_not_compared() {
        let mut alone = segment(10.0, 20.0);
        alone.inspection.as_mut().unwrap().tracks.truncate(1);
        assert_not_run(run([alone]), NONE);
        let mut empty = segment(10.0, 20.0);
        empty.inspection.as_mut().unwrap().tracks[1].samples = 0;
        assert_not_run(run([empty]), NONE);
    }

    /// Makes a test input: a video and an audio playlist of one group. Each has segment 5, which begins at the given
    /// media time and date.
    fn scene_with_offset(video: (f64, Option<f64>), audio: (f64, Option<f64>)) -> Scene {
        let mut scene = Scene::live();
        scene.output.renditions.push(rendition("audio"));
        let alone = |media, (start, date): (f64, Option<f64>)| {
            let mut segment = ts_segment(5, start, 2.0);
            segment.segment.program_date_time = date.map(time);
            to_fragmented(&mut segment);
            let inspection = segment.inspection.as_mut().unwrap();
            inspection.tracks.retain(|t| t.media == Some(media));
            RenditionHistory { segments: vec![std::sync::Arc::new(segment)], ..RenditionHistory::default() }
        };
        let pasts = [(Media::Video, alone(Media::Video, video)), (Media::Audio, alone(Media::Audio, audio))];
        for (facts, (media, past)) in scene.output.renditions.iter_mut().zip(pasts) {
            facts.rendition.media = media;
            facts.rendition.group = Some("aac".to_owned());
            scene.history.renditions.insert(facts.rendition.name.clone(), past);
        }
        scene
    }

    fn run_apart(video: (f64, Option<f64>), audio: (f64, Option<f64>)) -> CheckVerdict {
        check(&scene_with_offset(video, audio).context(), &Params::default())
    }

    #[test]
    fn separate_playlists_are_compared_by_their_dates() {
        assert_holds(run_apart((10.0, Some(0.0)), (10.02, Some(0.02))));
        assert_holds(run_apart((10.0, Some(0.0)), (10.9, Some(0.9))));
        let message = messages(run_apart((10.0, Some(0.0)), (11.0, Some(0.0))));
        assert_eq!(message, "segment 5: audio starts 1.000 s after video");
        assert!(messages(run_apart((10.0, Some(0.0)), (10.0, Some(0.9)))).contains("0.900 s before"));
        assert_not_run(run_apart((10.0, Some(0.0)), (10.0, Some(1.0))), NONE);
    }

    #[test]
    fn without_dates_they_are_compared_by_their_numbers_where_times_are_near() {
        assert_holds(run_apart((10.0, None), (10.5, None)));
        assert!(messages(run_apart((10.0, None), (10.9, None))).contains("0.900 s after"));
        assert_not_run(run_apart((10.0, None), (11.0, None)), NONE);
        let mut other = scene_with_offset((10.0, None), (10.9, None));
        other.output.renditions[1].rendition.group = Some("other".to_owned());
        assert_not_run(check(&other.context(), &Params::default()), NONE);
    }
}
