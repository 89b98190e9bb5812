//! Timeline of one transport stream or packed audio track: start, end, gaps and key frames.

use super::{MAX_KEYFRAMES, StampOrder, Track};
use crate::stream::Media;
use crate::units::{self, MediaTime, Seconds};

/// Number of recent sample distances whose median is used as the duration of the last sample.
const MAX_RECENT: usize = 32;

/// Number of equal time stamps from which on they stand still.
const MIN_STANDING: u64 = 5;
/// Time in ticks of 90 kHz by which audio frames have to last longer than twice their time stamps, to count as standing still.
const STANDING_TICKS: i64 = 45_000;

/// Samples that share one time stamp: one access unit, or the frames of one PES packet.
#[derive(Debug, Clone, Copy)]
struct StampedSamples {
    dts: i64,
    pts: i64,
    samples: u32,
    /// Sum of the durations that the audio frame headers give, in PCM samples at `rate`.
    pcm: u64,
    /// PCM samples per second of the audio frames; 0 without frames.
    rate: u32,
    /// Duration of the last audio frame in PCM samples.
    last_pcm: u32,
}

/// Collects the time stamps of one MPEG-TS or packed audio track, on a 90 kHz clock.
#[derive(Debug, Default)]
pub(super) struct SampleTimeline {
    /// Whether samples are counted by their own headers. Otherwise a time stamp stands for one sample, or for as many
    /// as access unit delimiters show.
    self_delimiting: bool,
    group: Option<StampedSamples>,
    start: Option<i64>,
    presentation_start: Option<i64>,
    samples: u64,
    gap_max: Option<i64>,
    /// Longest step back of the decode time, and longest time by which a PTS is earlier than its DTS; 0 when there is none.
    back_max: i64,
    presented_early_max: i64,
    /// Latest decode time.
    latest: Option<i64>,
    /// Number of time stamps.
    stamp_count: u64,
    /// Duration of all audio frames by their headers, in ticks of 90 kHz.
    frame_ticks: i64,
    recent_distances: [i64; MAX_RECENT],
    distance_count: usize,
    keyframes: KeyframeTimes,
}

#[derive(Debug, Default)]
struct KeyframeTimes {
    first: Option<bool>,
    count: u64,
    times: Vec<i64>,
    last: Option<i64>,
    interval_max: Option<i64>,
}

impl SampleTimeline {
    #[must_use]
    pub(super) fn new(self_delimiting: bool) -> Self {
        Self { self_delimiting, ..Self::default() }
    }

    /// Whether no time stamp has come yet.
    pub(super) fn is_empty(&self) -> bool {
        self.group.is_none()
    }

    /// Changes how samples are counted. This is needed when the PMT comes after the first packets of the stream.
    pub(super) fn set_self_delimiting(&mut self, self_delimiting: bool) {
        self.self_delimiting = self_delimiting;
    }

    /// Begins the samples of a new PTS and DTS. Both have 33 bits and may have wrapped.
    pub(super) fn begin_group(&mut self, pts: u64, dts: u64) {
        let dts = match self.group {
            Some(group) => group.dts + units::mpeg_difference(dts as i64, group.dts),
            None => dts as i64,
        };
        let pts = dts + units::mpeg_difference(pts as i64, dts);
        self.presented_early_max = self.presented_early_max.max(dts - pts);
        self.close_group(Some(dts));
        self.stamp_count += 1;
        self.latest = self.latest.max(Some(dts));
        self.group = Some(StampedSamples { dts, pts, samples: 0, pcm: 0, rate: 0, last_pcm: 0 });
        self.start = Some(self.start.map_or(dts, |s| s.min(dts)));
        self.presentation_start = Some(self.presentation_start.map_or(pts, |s| s.min(pts)));
    }

    /// Counts a video access unit that begins with a delimiter.
    pub(super) fn count_access_unit(&mut self) {
        if let Some(group) = &mut self.group {
            group.samples += 1;
        }
    }

    /// Counts an audio frame of `pcm` samples at `rate` Hz; a frame of 0 samples adds no time and doesn't count.
    pub(super) fn add_frame(&mut self, pcm: u32, rate: u32) {
        if let Some(group) = &mut self.group
            && pcm > 0
        {
            group.samples += 1;
            group.pcm += u64::from(pcm);
            group.rate = rate;
            group.last_pcm = pcm;
        }
    }

    /// Counts a sample whose time can't be read because it is scrambled.
    pub(super) fn count_untimed(&mut self) {
        self.samples += 1;
    }

    /// Notes whether the current video access unit is a random access point.
    pub(super) fn set_random_access(&mut self, random_access: bool) {
        self.keyframes.first.get_or_insert(random_access);
        if !random_access {
            return;
        }
        self.keyframes.count += 1;
        if let Some(group) = self.group {
            if let Some(last) = self.keyframes.last {
                let interval = group.pts - last;
                self.keyframes.interval_max = Some(self.keyframes.interval_max.map_or(interval, |m| m.max(interval)));
            }
            self.keyframes.last = Some(group.pts);
            if self.keyframes.times.len() < MAX_KEYFRAMES {
                self.keyframes.times.push(group.pts);
            }
        }
    }

    /// Counts the samples that have the current time stamp. `next` is the decode time of the following samples, or
    /// `None` at the end of the segment.
    fn close_group(&mut self, next: Option<i64>) {
        let Some(group) = self.group else { return };
        let samples = if self.self_delimiting { group.samples } else { group.samples.max(1) };
        self.samples += u64::from(samples);
        self.frame_ticks += mpeg_ticks(group.pcm, group.rate);
        let (Some(next), 1..) = (next, samples) else { return };
        let interval = next - group.dts;
        if interval <= 0 {
            self.back_max = self.back_max.max(-interval);
            return;
        }
        let distance = match group.rate {
            0 => interval / i64::from(samples),
            rate => interval - mpeg_ticks(group.pcm - u64::from(group.last_pcm), rate),
        };
        self.gap_max = Some(self.gap_max.map_or(distance, |m| m.max(distance)));
        if let Some(slot) = self.recent_distances.get_mut(self.distance_count % MAX_RECENT) {
            *slot = interval / i64::from(samples);
        }
        self.distance_count += 1;
    }

    /// Returns the decode time at which the last sample ends, by the audio frame headers or by the median of recent
    /// sample distances. `None` when neither is known.
    fn end_time(&self) -> Option<i64> {
        let group = self.group?;
        if self.self_delimiting && group.samples == 0 {
            // No frame begins in the last packet: the next frame begins at its time stamp.
            return Some(group.dts);
        }
        if group.rate > 0 {
            return Some(group.dts + mpeg_ticks(group.pcm, group.rate));
        }
        let mut recent_distances = self.recent_distances;
        let recent_distances = recent_distances.get_mut(..self.distance_count.min(MAX_RECENT))?;
        recent_distances.sort_unstable();
        let median = recent_distances.get(recent_distances.len() / 2)?;
        Some(group.dts + median * i64::from(group.samples.max(1)))
    }

    /// Returns the faults in the order of the time stamps.
    fn order(&self) -> StampOrder {
        let seconds = |ticks: i64| (ticks > 0).then(|| MediaTime::mpeg_unwrapped(ticks).seconds());
        let span = self.latest.zip(self.start).map_or(0, |(latest, start)| latest - start);
        let last = self.group.map_or(0, |group| mpeg_ticks(group.pcm, group.rate));
        let stand_still = match self.frame_ticks {
            0 => self.stamp_count >= MIN_STANDING && span == 0,
            ticks => self.stamp_count >= MIN_STANDING && ticks - last > 2 * span + STANDING_TICKS,
        };
        StampOrder {
            back_max: seconds(self.back_max),
            presented_early_max: seconds(self.presented_early_max),
            stand_still,
        }
    }

    /// Fills in the measured times and counts of `track`.
    pub(super) fn finish(mut self, track: &mut Track) {
        self.close_group(None);
        let at = MediaTime::mpeg_unwrapped;
        let seconds = |ticks| at(ticks).seconds();
        track.start = self.start.map(at);
        track.presentation_start = self.presentation_start.map(at);
        // Sparse tracks (timed metadata, captions) have samples, but no continuous duration.
        let continuous = matches!(track.media, Some(Media::Video | Media::Audio));
        track.end = self.end_time().filter(|_| continuous).map(at);
        track.samples = self.samples;
        track.sample_gap_max = self.gap_max.map(seconds);
        track.stamps = if continuous { self.order() } else { StampOrder::default() };
        track.starts_with_keyframe = self.keyframes.first;
        track.keyframes = self.keyframes.count;
        track.keyframe_times = self.keyframes.times.iter().map(|t| at(*t)).collect();
        track.keyframe_interval_max = self.keyframes.interval_max.map(seconds).filter(|s| *s > Seconds::ZERO);
    }
}

fn mpeg_ticks(pcm: u64, rate: u32) -> i64 {
    let rate = u64::from(rate.max(1));
    ((pcm * 90_000 + rate / 2) / rate) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a track of this kind of media with the measurements of the timeline.
    fn measured(media: Option<Media>, timeline: SampleTimeline) -> Track {
        let mut track = Track::new(1, media, String::new());
        timeline.finish(&mut track);
        track
    }

    /// Returns a video track with one sample for each pair of PTS and DTS.
    fn video(stamps: &[(u64, u64)]) -> Track {
        let mut timeline = SampleTimeline::new(false);
        stamps.iter().for_each(|(pts, dts)| timeline.begin_group(*pts, *dts));
        measured(Some(Media::Video), timeline)
    }

    /// Returns decode start, presentation start, end and longest sample distance of a track in ticks of 90 kHz.
    fn ticks(track: &Track) -> [Option<i64>; 4] {
        let gap = track.sample_gap_max.map(|s| (s.0 * 90_000.0).round() as i64);
        let [start, presentation, end] = [track.start, track.presentation_start, track.end].map(|t| t.map(|t| t.ticks));
        [start, presentation, end, gap]
    }

    #[test]
    fn video_ends_one_median_distance_behind_its_last_stamp() {
        let track = video(&[(7200, 0), (3600, 3600), (14_400, 7200), (21_600, 14_400)]);
        assert_eq!((ticks(&track), track.samples), ([0, 3600, 18_000, 7200].map(Some), 4));
        // Of two distances the longer one counts.
        assert_eq!(ticks(&video(&[(0, 0), (3600, 3600), (10_800, 10_800)]))[2], Some(18_000));
        assert_eq!(ticks(&video(&[(9, 5)])), [Some(5), Some(9), None, None], "no distance is known");
        assert_eq!(ticks(&video(&[])), [None; 4]);
    }

    #[test]
    fn the_median_is_that_of_the_newest_32_distances() {
        let mut dts = 0;
        let mut stamps = vec![(0, 0)];
        for distance in std::iter::repeat_n(7200, 17).chain(std::iter::repeat_n(3600, 17)) {
            dts += distance;
            stamps.push((dts, dts));
        }
        assert_eq!(ticks(&video(&stamps))[2], Some(dts as i64 + 3600));
    }

    #[test]
    fn stamps_continue_across_the_wrap_of_the_clock() {
        let last = (1u64 << 33) - 1800;
        let track = video(&[(1800, last), (5400, 1800)]);
        let start = last as i64;
        assert_eq!(ticks(&track), [start, start + 3600, start + 7200, 3600].map(Some));
    }

    #[test]
    fn a_step_back_is_no_distance_and_moves_the_start() {
        let track = video(&[(7200, 7200), (3600, 3600), (3600, 3600)]);
        assert_eq!((ticks(&track), track.samples), ([Some(3600), Some(3600), None, None], 3));
    }

    #[test]
    fn access_units_share_the_distance_of_their_stamp() {
        let mut timeline = SampleTimeline::new(false);
        timeline.count_access_unit();
        timeline.begin_group(0, 0);
        timeline.count_access_unit();
        timeline.count_access_unit();
        timeline.begin_group(7200, 7200);
        timeline.count_access_unit();
        timeline.count_access_unit();
        timeline.count_untimed();
        let track = measured(Some(Media::Video), timeline);
        assert_eq!((ticks(&track), track.samples), ([0, 0, 14_400, 3600].map(Some), 5));
    }

    #[test]
    fn frames_end_by_their_own_length() {
        let mut timeline = SampleTimeline::new(true);
        timeline.add_frame(1024, 48_000);
        timeline.begin_group(0, 0);
        timeline.add_frame(1024, 48_000);
        timeline.add_frame(0, 48_000);
        timeline.add_frame(512, 48_000);
        // The last frame begins at 1920: 2880 ticks lie between it and the next one.
        timeline.begin_group(4800, 4800);
        timeline.add_frame(1024, 44_100);
        let track = measured(Some(Media::Audio), timeline);
        assert_eq!((ticks(&track), track.samples), ([0, 0, 4800 + 2090, 2880].map(Some), 3));
    }

    #[test]
    fn a_packet_without_a_frame_ends_at_its_stamp() {
        let mut timeline = SampleTimeline::new(false);
        timeline.set_self_delimiting(true);
        timeline.begin_group(0, 0);
        timeline.add_frame(1024, 48_000);
        timeline.begin_group(1920, 1920);
        let track = measured(Some(Media::Audio), timeline);
        assert_eq!((ticks(&track), track.samples), ([0, 0, 1920, 1920].map(Some), 1));
    }

    #[test]
    fn only_video_and_audio_have_an_end() {
        for (media, end) in [(Some(Media::Video), Some(7200)), (Some(Media::Text), None), (None, None)] {
            let mut timeline = SampleTimeline::new(false);
            timeline.begin_group(0, 0);
            timeline.begin_group(3600, 3600);
            assert_eq!(ticks(&measured(media, timeline))[2], end, "{media:?}");
        }
    }

    #[test]
    fn key_frames_are_counted_with_their_presentation_times() {
        let mut timeline = SampleTimeline::new(false);
        timeline.set_random_access(true);
        for n in 0..18u64 {
            timeline.begin_group(7200 * n, 3600 * n);
            timeline.set_random_access(n != 4);
        }
        let track = measured(Some(Media::Video), timeline);
        assert_eq!((track.starts_with_keyframe, track.keyframes), (Some(true), 18));
        assert_eq!(track.keyframe_interval_max, Some(Seconds(0.16)));
        let times: Vec<i64> = track.keyframe_times.iter().map(|t| t.ticks).collect();
        let expected: Vec<i64> = (0..17).filter(|n| *n != 4).map(|n| 7200 * n).collect();
        assert_eq!(times, expected, "the first 16");
        let mut timeline = SampleTimeline::new(false);
        timeline.set_random_access(false);
        timeline.begin_group(0, 0);
        timeline.set_random_access(true);
        timeline.set_random_access(true);
        let track = measured(Some(Media::Video), timeline);
        assert_eq!((track.starts_with_keyframe, track.keyframes, track.keyframe_interval_max), (Some(false), 2, None));
    }

    #[test]
    fn frame_lengths_are_rounded_to_ticks() {
        assert_eq!(
            [mpeg_ticks(1, 48_000), mpeg_ticks(1, 90_001), mpeg_ticks(1, 180_001), mpeg_ticks(7, 0)],
            [2, 1, 0, 630_000]
        );
    }
}
