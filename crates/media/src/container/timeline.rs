//! One track's time line as its samples pass by: start, end, gaps, key frames.

use super::{MAX_KEYFRAMES, Track};
use crate::stream::Media;
use crate::units::{self, MediaTime, Seconds};

/// Sample distances remembered for the usual one.
const RECENT: usize = 32;

/// Samples that stand behind one time stamp: an access unit, or the frames of one PES packet.
#[derive(Debug, Clone, Copy)]
struct Group {
    dts: i64,
    pts: i64,
    samples: u32,
    /// Their length by their own headers: PCM samples at a rate.
    pcm: u64,
    rate: u32,
    /// Length of the last of them.
    last_pcm: u32,
}

/// Time stamps of a transport stream track, 90 kHz.
#[derive(Debug, Default)]
pub struct Timeline {
    /// Samples have headers that are counted; otherwise a group is one sample unless delimiters say more.
    counted: bool,
    group: Option<Group>,
    start: Option<i64>,
    presentation_start: Option<i64>,
    samples: u64,
    gap_max: Option<i64>,
    recent: [i64; RECENT],
    intervals: usize,
    keys: Keys,
}

#[derive(Debug, Default)]
struct Keys {
    first: Option<bool>,
    count: u64,
    at: Vec<i64>,
    last: Option<i64>,
    interval_max: Option<i64>,
}

impl Timeline {
    #[must_use]
    pub fn new(counted: bool) -> Self {
        Self { counted, ..Self::default() }
    }

    /// From now on samples are (or aren't) counted by their headers: the PMT has come.
    pub fn count(&mut self, counted: bool) {
        self.counted = counted;
    }

    /// A new group with its 33-bit stamps.
    pub fn stamp(&mut self, pts: u64, dts: u64) {
        let dts = match self.group {
            Some(group) => group.dts + units::mpeg_difference(dts as i64, group.dts),
            None => dts as i64,
        };
        let pts = dts + units::mpeg_difference(pts as i64, dts);
        self.close(Some(dts));
        self.group = Some(Group { dts, pts, samples: 0, pcm: 0, rate: 0, last_pcm: 0 });
        self.start = Some(self.start.map_or(dts, |s| s.min(dts)));
        self.presentation_start = Some(self.presentation_start.map_or(pts, |s| s.min(pts)));
    }

    /// A delimited access unit.
    pub fn sample(&mut self) {
        if let Some(group) = &mut self.group {
            group.samples += 1;
        }
    }

    /// A frame whose header says how long it is.
    pub fn frame(&mut self, pcm: u32, rate: u32) {
        if let Some(group) = &mut self.group
            && pcm > 0
        {
            group.samples += 1;
            group.pcm += u64::from(pcm);
            group.rate = rate;
            group.last_pcm = pcm;
        }
    }

    /// A sample without a time (scrambled).
    pub fn untimed(&mut self) {
        self.samples += 1;
    }

    /// Whether the current access unit is a random access point.
    pub fn key(&mut self, is: bool) {
        self.keys.first.get_or_insert(is);
        if !is {
            return;
        }
        self.keys.count += 1;
        if let Some(group) = self.group {
            if let Some(last) = self.keys.last {
                let interval = group.pts - last;
                self.keys.interval_max = Some(self.keys.interval_max.map_or(interval, |m| m.max(interval)));
            }
            self.keys.last = Some(group.pts);
            if self.keys.at.len() < MAX_KEYFRAMES {
                self.keys.at.push(group.pts);
            }
        }
    }

    /// Counts the open group; `next` is the following one's decode time.
    fn close(&mut self, next: Option<i64>) {
        let Some(group) = self.group else { return };
        let samples = if self.counted { group.samples } else { group.samples.max(1) };
        self.samples += u64::from(samples);
        let (Some(next), 1..) = (next, samples) else { return };
        let interval = next - group.dts;
        if interval <= 0 {
            return;
        }
        let distance = match group.rate {
            0 => interval / i64::from(samples),
            rate => interval - ticks(group.pcm - u64::from(group.last_pcm), rate),
        };
        self.gap_max = Some(self.gap_max.map_or(distance, |m| m.max(distance)));
        if let Some(place) = self.recent.get_mut(self.intervals % RECENT) {
            *place = interval / i64::from(samples);
        }
        self.intervals += 1;
    }

    /// Where the last group ends: by its own headers, or as long as samples usually are.
    fn end(&self) -> Option<i64> {
        let group = self.group?;
        if self.counted && group.samples == 0 {
            // No frame begins in the last packet: the next one does, at its stamp.
            return Some(group.dts);
        }
        if group.rate > 0 {
            return Some(group.dts + ticks(group.pcm, group.rate));
        }
        let mut recent = self.recent;
        let recent = recent.get_mut(..self.intervals.min(RECENT))?;
        recent.sort_unstable();
        let usual = recent.get(recent.len() / 2)?;
        Some(group.dts + usual * i64::from(group.samples.max(1)))
    }

    /// Fills the track's measured fields.
    pub fn finish(mut self, track: &mut Track) {
        self.close(None);
        let at = MediaTime::mpeg_unwrapped;
        let seconds = |ticks| at(ticks).seconds();
        track.start = self.start.map(at);
        track.presentation_start = self.presentation_start.map(at);
        // Sparse tracks (timed metadata, captions) have samples, but no length.
        let continuous = matches!(track.media, Some(Media::Video | Media::Audio));
        track.end = self.end().filter(|_| continuous).map(at);
        track.samples = self.samples;
        track.sample_gap_max = self.gap_max.map(seconds);
        track.starts_with_keyframe = self.keys.first;
        track.keyframes = self.keys.count;
        track.keyframes_at = self.keys.at.iter().map(|t| at(*t)).collect();
        track.keyframe_interval_max = self.keys.interval_max.map(seconds).filter(|s| *s > Seconds::ZERO);
    }
}

fn ticks(pcm: u64, rate: u32) -> i64 {
    let rate = u64::from(rate.max(1));
    ((pcm * 90_000 + rate / 2) / rate) as i64
}
