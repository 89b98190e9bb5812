//! Timeline of one transport stream or packed audio track: start, end, gaps and key frames.

use super::{MAX_KEYFRAMES, Track};
use crate::stream::Media;
use crate::units::{self, MediaTime, Seconds};

/// Number of recent sample distances whose median stands for the duration of the last sample.
const MAX_RECENT: usize = 32;

/// Samples that share one time stamp: one access unit, or the frames of one PES packet.
#[derive(Debug, Clone, Copy)]
struct StampedSamples {
    dts: i64,
    pts: i64,
    samples: u32,
    /// Sum of the frame lengths that the frame headers give, in PCM samples at `rate`.
    pcm: u64,
    /// PCM samples per second; 0 without frames.
    rate: u32,
    /// Length of the last frame, in PCM samples.
    last_pcm: u32,
}

/// Collects the time stamps of one track, on a 90 kHz clock.
#[derive(Debug, Default)]
pub struct SampleTimeline {
    /// Whether each sample has a header that is counted. Otherwise a time stamp stands for one sample, or for as many
    /// as access unit delimiters show.
    self_delimiting: bool,
    group: Option<StampedSamples>,
    start: Option<i64>,
    presentation_start: Option<i64>,
    samples: u64,
    gap_max: Option<i64>,
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
    pub fn new(self_delimiting: bool) -> Self {
        Self { self_delimiting, ..Self::default() }
    }

    /// Changes how samples are counted, when the PMT comes after the first packets.
    pub fn set_self_delimiting(&mut self, self_delimiting: bool) {
        self.self_delimiting = self_delimiting;
    }

    /// Begins the samples of a new time stamp. Both stamps have 33 bits and may have wrapped.
    pub fn begin_group(&mut self, pts: u64, dts: u64) {
        let dts = match self.group {
            Some(group) => group.dts + units::mpeg_difference(dts as i64, group.dts),
            None => dts as i64,
        };
        let pts = dts + units::mpeg_difference(pts as i64, dts);
        self.close_group(Some(dts));
        self.group = Some(StampedSamples { dts, pts, samples: 0, pcm: 0, rate: 0, last_pcm: 0 });
        self.start = Some(self.start.map_or(dts, |s| s.min(dts)));
        self.presentation_start = Some(self.presentation_start.map_or(pts, |s| s.min(pts)));
    }

    /// Counts an access unit that begins with a delimiter.
    pub fn count_access_unit(&mut self) {
        if let Some(group) = &mut self.group {
            group.samples += 1;
        }
    }

    /// Counts an audio frame of `pcm` samples at `rate`; a frame of 0 samples adds no time and doesn't count.
    pub fn add_frame(&mut self, pcm: u32, rate: u32) {
        if let Some(group) = &mut self.group
            && pcm > 0
        {
            group.samples += 1;
            group.pcm += u64::from(pcm);
            group.rate = rate;
            group.last_pcm = pcm;
        }
    }

    /// Counts a sample whose time isn't readable, because it is scrambled.
    pub fn count_untimed(&mut self) {
        self.samples += 1;
    }

    /// Notes whether the current access unit is a random access point.
    pub fn set_random_access(&mut self, random_access: bool) {
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

    /// Counts the samples of the open time stamp. `next` is the decode time of the following one, `None` at the end.
    fn close_group(&mut self, next: Option<i64>) {
        let Some(group) = self.group else { return };
        let samples = if self.self_delimiting { group.samples } else { group.samples.max(1) };
        self.samples += u64::from(samples);
        let (Some(next), 1..) = (next, samples) else { return };
        let interval = next - group.dts;
        if interval <= 0 {
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

    /// Returns the decode time behind the last sample, by the frame headers or by the median of recent sample
    /// distances.
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

    /// Fills in the measured fields of the track.
    pub fn finish(mut self, track: &mut Track) {
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
