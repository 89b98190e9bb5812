mod presentation_offsets;

use crate::checks::support::date_offset::date_offset;
use crate::checks::support::mpd_step;
use crate::checks::support::select::{self, segment_violation, undamaged_inspection};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts, derived};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::stream::{Media, Segment};
use packager_media::units::{MediaTime, Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "av_out_of_sync",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when audio and video start more than `max` seconds apart, in one segment or in the segments of an audio \
           and a video playlist for the same time. Where an MPD times segments by a fixed @duration, which is approximate, \
           the distance has to be the same in the newest five pairs of segments. Also fails when an MPD shifts audio by its \
           presentationTimeOffset although its S elements are those of video",
    reference: "draft-pantos-hls-rfc8216bis-22 3; ISO/IEC 13818-1 2.7.5; ISO/IEC 23009-1 5.3.9.2, 7.2.1; HLS authoring specification 7",
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
    let judged = context.renditions().filter_map(|(facts, past)| judge_separate_audio(context, facts, past, params));
    let shifted = presentation_offsets::shifted_audio(context, params.max);
    let separate: Vec<_> = judged.chain((!shifted.is_empty()).then_some(shifted)).collect();
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
    let far = offsets.filter(|(segment, off)| off.abs() > params.max + slow_picture(segment));
    Some(far.map(|(s, off)| violation(s, off)).collect())
}

/// Duration in seconds from which on a picture is long beside `max`, as that of a radio channel with a picture a second.
const SLOW_PICTURE: f64 = 0.2;

/// Returns the mean duration of a segment's pictures in seconds if it is long: the first one is shown that much later where pictures are
/// reordered. Otherwise 0.
fn slow_picture(segment: &SegmentFacts) -> f64 {
    let tracks = segment.inspection.as_ref().map_or(&[][..], |i| &i.tracks);
    let video = tracks.iter().find(|t| t.media == Some(Media::Video) && t.samples > 0);
    let mean = video.and_then(|t| Some(t.duration()?.0 / t.samples as f64));
    mean.filter(|mean| *mean >= SLOW_PICTURE).unwrap_or(0.0)
}

/// Returns the violations of an audio rendition compared with the first video rendition that names its group. `None`:
/// no segments of both for the same time were inspected.
fn judge_separate_audio(
    context: &CheckContext<'_>,
    facts: &RenditionFacts,
    past: &RenditionHistory,
    params: &Params,
) -> Option<Vec<Violation>> {
    let own = Some(&facts.rendition).filter(|r| r.media == Media::Audio)?;
    let named = |f: &RenditionFacts| f.rendition.media == Media::Video && f.rendition.shares_group(own);
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
    let dates_off = date_offset(sounds.iter().map(|s| s.segment), pictures.iter().map(|p| p.segment));
    let dates_off = dates_off.unwrap_or_default();
    let after = |sound: &TrackStart<'_>, picture: &TrackStart<'_>| sound.after(picture, &restarts, dates_off);
    let off = |sound: &TrackStart<'_>| pictures.iter().rev().find_map(|picture| after(sound, picture));
    let offsets: Vec<_> = sounds.iter().rev().filter_map(|s| Some((s.segment, off(s)?))).collect();
    let steady = steady_pairs(&offsets);
    let slack = |nth: usize, off: &StartOffset| if nth < steady { 0.0 } else { off.slack };
    let limit = |nth: usize, off: &StartOffset| params.max + off.slow_picture + slack(nth, off);
    let far = offsets.iter().enumerate().filter(|(nth, (_, off))| off.seconds.abs() > limit(*nth, off));
    let found = far.map(|(_, (s, off))| {
        violation(s, off.seconds).in_rendition(&facts.rendition.name).with("reference_rendition", name.as_str())
    });
    (!offsets.is_empty()).then(|| select::cap_violations(found.collect()))
}

/// Distance between the starts of an audio and a video segment for the same time.
struct StartOffset {
    /// Seconds by which audio starts later than video; negative if it starts earlier.
    seconds: f64,
    /// Seconds by which the two starts may differ although audio and video are in sync: half of each segment that the MPD
    /// times by a fixed `@duration`, which is approximate (ISO/IEC 23009-1 5.3.9.2). 0 for exact times.
    slack: f64,
    /// Seconds by which the first picture may be shown later ([`slow_picture`]).
    slow_picture: f64,
}

/// Number of pairs of segments, at least, that show that their offset is steady.
const STEADY_PAIRS: usize = 5;
/// Largest difference in seconds between offsets that are equal: the longest audio frame (HE-AAC at 48 kHz) and rounding.
const STEADY: f64 = 0.05;

/// Returns the number of newest pairs of segments, newest first, that have the same offset; 0 if fewer than five have it.
///
/// The pairs before a step of the offset don't count: an offset that begins now is steady after five pairs. Those without
/// a step between them must all be alike. Audio segments that are a little shorter than the MPD says drift
/// away from the video segments with their number, by less than a step in each pair, and are in sync nevertheless.
fn steady_pairs(offsets: &[(&SegmentFacts, StartOffset)]) -> usize {
    let values = || offsets.iter().map(|(_, off)| off.seconds);
    let steps = values().zip(values().skip(1)).take_while(|(later, earlier)| (later - earlier).abs() <= STEADY);
    let run = (1 + steps.count()).min(offsets.len());
    let spread = values().take(run).fold(f64::MIN, f64::max) - values().take(run).fold(f64::MAX, f64::min);
    if run >= STEADY_PAIRS && spread <= STEADY { run } else { 0 }
}

/// First presentation time of a segment that has a single track of video or audio, beside which it may have others, such as ID3.
struct TrackStart<'a> {
    segment: &'a SegmentFacts,
    at: MediaTime,
}

fn starts<'a>(facts: &RenditionFacts, past: &'a RenditionHistory, media: Media) -> Option<Vec<TrackStart<'a>>> {
    let only = |segment: &'a SegmentFacts| {
        let tracks = undamaged_inspection(segment)?.tracks.iter();
        let mut played = tracks.filter(|t| matches!(t.media, Some(Media::Video | Media::Audio)));
        let (Some(track), None) = (played.next(), played.next()) else { return None };
        let at = track.presentation_start.filter(|_| track.media == Some(media) && track.samples > 0)?;
        Some(TrackStart { segment, at })
    };
    let starts: Vec<_> = select::inspected_segments(facts, past)?.into_iter().filter_map(only).collect();
    (!starts.is_empty()).then_some(starts)
}

impl TrackStart<'_> {
    /// Returns the time by which this audio segment starts after the segment `video`. If both have a date, the
    /// difference of their dates is subtracted. `None`: the segments aren't for the same time.
    ///
    /// Without dates only the number identifies the time, and the numbers of playlists may be independent (RFC 8216bis
    /// 6.3.2). So a distance of half a segment or more may mean another segment then. `dates_off` is the time by which the dates of audio are
    /// wrongly later than those of video.
    fn after(&self, video: &Self, restarts: &[Timestamp], dates_off: Seconds) -> Option<StartOffset> {
        let (a, b) = (&self.segment.segment, &video.segment.segment);
        let (at, video_at) = (self.segment.inspected_at, video.segment.inspected_at);
        let runs = restarts.iter().any(|began| (at < *began) != (video_at < *began));
        if runs || a.discontinuity_sequence != b.discontinuity_sequence {
            return None;
        }
        let near = 0.5 * a.duration.0.min(b.duration.0);
        let off = self.at.since(video.at)?.0;
        let seconds = match (a.program_date_time, b.program_date_time) {
            (Some(a), Some(b)) => {
                let later = (Seconds::between(b, a) - dates_off).0;
                (later.abs() < near).then_some(off - later)
            }
            _ => (a.number == b.number && off.abs() < near).then_some(off),
        };
        let approximate = |s: &Segment| s.media_start.is_some_and(|start| start.nominal);
        let slack = [a, b].into_iter().filter(|s| approximate(s)).map(|s| 0.5 * s.duration.0).sum();
        let slow_picture = slow_picture(video.segment);
        seconds.map(|seconds| StartOffset { seconds, slack, slow_picture })
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
    use packager_media::stream::MediaStart;

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
    fn a_picture_a_second_may_be_shown_a_picture_later() {
        let with_pictures = |samples: u64, audio: f64| {
            let mut segment = segment(10.0, audio);
            segment.inspection.as_mut().unwrap().tracks[0].samples = samples;
            run([segment])
        };
        assert_holds(with_pictures(2, 9.0));
        assert_eq!(violations(with_pictures(2, 8.4)).len(), 1);
        assert_eq!(violations(with_pictures(20, 9.0)).len(), 1, "ten a second");
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
    fn dates_that_are_off_for_the_same_media_move_no_sound() {
        let run = |media_off: f64| {
            let mut scene = scene_with_offset((10.0, Some(0.0)), (10.0 + media_off, Some(0.9)));
            for past in scene.history.renditions.values_mut() {
                let mut next = (*past.segments[0]).clone();
                next.segment.number = 6;
                next.segment.program_date_time = next.segment.program_date_time.map(|at| Seconds(2.0).after(at));
                let track = &mut next.inspection.as_mut().unwrap().tracks[0];
                track.presentation_start = track.presentation_start.map(|start| start.moved_by(Seconds(2.0)));
                past.segments.push(std::sync::Arc::new(next));
            }
            check(&scene.context(), &Params::default())
        };
        assert_holds(run(0.02));
        assert_eq!(violations(run(1.8)).len(), 2, "the media are elsewhere by the dates");
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

    #[test]
    fn id3_beside_sound_is_no_second_track_and_other_sound_is() {
        let run = |media: Option<Media>| {
            let mut scene = scene_with_offset((10.0, Some(0.0)), (11.0, Some(0.0)));
            for past in scene.history.renditions.values_mut() {
                let tracks = &mut std::sync::Arc::make_mut(&mut past.segments[0]).inspection.as_mut().unwrap().tracks;
                tracks.push(packager_media::container::Track { media, ..track(300, Media::Audio, 10.0, 2.0) });
            }
            check(&scene.context(), &Params::default())
        };
        assert_eq!(messages(run(None)), "segment 5: audio starts 1.000 s after video");
        assert_eq!(violations(run(Some(Media::Text))).len(), 1);
        assert_not_run(run(Some(Media::Audio)), NONE);
    }

    /// Runs the check on segments of 2 s that an MPD times by `@duration`. Audio starts `first` seconds after video in the
    /// first pair, and `drift` seconds later in each of the following ones.
    fn run_nominal(pairs: u64, first: f64, drift: f64) -> CheckVerdict {
        run_late(pairs, |n| first + drift * n as f64)
    }

    /// Runs the check on such segments. Audio starts `late` seconds after video in the pair with a number, from 0.
    fn run_late(pairs: u64, late: impl Fn(u64) -> f64) -> CheckVerdict {
        let mut scene = scene_with_offset((0.0, Some(0.0)), (0.0, Some(0.0)));
        for past in scene.history.renditions.values_mut() {
            let model = past.segments[0].clone();
            let media = model.inspection.as_ref().unwrap().tracks[0].media;
            past.segments = (0..pairs)
                .map(|n| {
                    let late = if media == Some(Media::Audio) { late(n) } else { 0.0 };
                    let mut segment = ts_segment(n, 2.0 * n as f64 + late, 2.0);
                    segment.segment.program_date_time = Some(time(2.0 * n as f64));
                    to_fragmented(&mut segment);
                    let at = segment.inspection.as_ref().unwrap().tracks[0].presentation_start.unwrap();
                    segment.segment.media_start = Some(MediaStart { at, nominal: true });
                    segment.inspection.as_mut().unwrap().tracks.retain(|t| t.media == media);
                    std::sync::Arc::new(segment)
                })
                .collect();
        }
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn an_offset_that_begins_is_steady_after_five_pairs_and_one_odd_pair_does_not_hide_it() {
        let since = |begin: u64| run_late(25, move |n| if n < begin { 0.0 } else { 0.8 });
        assert_holds(since(21));
        assert_eq!(violations(since(20)).len(), 5);
        let odd = run_late(25, |n| if n == 19 { 0.7 } else { 0.8 });
        assert_eq!(violations(odd).len(), 5, "the odd pair is older than the newest five");
        assert_holds(run_late(25, |n| if n < 20 { 0.8 } else { 0.0 }));
        assert_holds(run_late(31, |n| 0.3 + 0.0107 * n as f64));
    }

    #[test]
    fn audio_that_drifts_from_its_numbers_is_in_sync_and_a_steady_offset_is_not() {
        assert_holds(run_nominal(31, 0.3, 0.016));
        assert_holds(run_nominal(4, 1.0, 0.0));
        let found = violations(run_nominal(5, 1.0, 0.0));
        assert!(!found.is_empty() && found.iter().all(|v| v.message.contains("1.000 s after")), "{found:?}");
        assert_holds(run_nominal(5, 0.5, 0.0));
        assert_eq!(violations(run_nominal(1, 2.6, 0.0)).len(), 1, "more than half of each segment");
    }
}
