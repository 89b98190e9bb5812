//! One track's time line over the fragments of a segment.

use super::in_band::InBand;
use super::subtitles::Form;
use crate::codec::parameters::Parameters;
use crate::container::{InitTrack, MAX_KEYFRAMES, Protection, Subtitles, Track};
use crate::stream::Media;
use crate::units::MediaTime;
use mp4_atom::{Tfhd, Trun, TrunEntry, TrunSamples};
use std::sync::Arc;

/// ISO/IEC 14496-12 8.8.3.1: sample_is_non_sync_sample, and sample_depends_on with value 1 (not an I picture).
const NON_SYNC: u32 = 0x0001_0000;
const DEPENDS_ON: u32 = 0x0300_0000;
const DEPENDS: u32 = 0x0100_0000;

#[derive(Debug)]
pub struct Fragmented {
    pub id: u32,
    init: Option<InitTrack>,
    pub in_band: InBand,
    start: Option<i64>,
    presentation_start: Option<i64>,
    /// Decode time at which the next sample stands; `None` before the first `tfdt` and behind samples of unknown duration.
    next: Option<i64>,
    last: Option<i64>,
    samples: u64,
    gap_max: Option<i64>,
    first_sync: Option<bool>,
    syncs: u64,
    last_sync: Option<i64>,
    sync_interval_max: Option<i64>,
    syncs_at: Vec<i64>,
    /// Of the newest encrypted samples.
    protection: Option<Arc<Protection>>,
    /// Of its samples that could be read.
    pub subtitles: Option<Subtitles>,
}

/// What a sample inherits from `tfhd`, or else from `trex`.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    duration: Option<u32>,
    pub size: Option<u32>,
    flags: u32,
}

impl Fragmented {
    #[must_use]
    pub fn new(id: u32, init: Option<InitTrack>) -> Self {
        Self {
            id,
            in_band: init.as_ref().map(InBand::of).unwrap_or_default(),
            init,
            start: None,
            presentation_start: None,
            next: None,
            last: None,
            samples: 0,
            gap_max: None,
            first_sync: None,
            syncs: 0,
            last_sync: None,
            sync_interval_max: None,
            syncs_at: Vec::new(),
            protection: None,
            subtitles: None,
        }
    }

    #[must_use]
    pub fn defaults(&self, tfhd: &Tfhd) -> Defaults {
        let init = self.init.as_ref();
        Defaults {
            duration: tfhd.default_sample_duration.or_else(|| init?.default_duration),
            size: tfhd.default_sample_size.or_else(|| init?.default_size),
            flags: tfhd.default_sample_flags.unwrap_or_else(|| init.map_or(0, |i| i.default_flags)),
        }
    }

    /// Of subtitles: how its samples carry them.
    #[must_use]
    pub fn form(&self) -> Option<Form> {
        Form::of(&self.init.as_ref()?.codec)
    }

    /// The size of the first sample, where it is worth a look inside.
    #[must_use]
    pub fn peeks(&self, runs: &[Trun], defaults: Defaults) -> Option<u32> {
        let size = match &runs.first().filter(|_| self.in_band.open())?.samples {
            TrunSamples::Explicit(entries) => entries.first()?.size,
            TrunSamples::Inherited { .. } => None,
        };
        size.or(defaults.size)
    }

    /// Of the sample entry that the fragment's samples refer to; `None` for a clear one.
    #[must_use]
    pub fn entry(&self, tfhd: &Tfhd) -> Option<&Arc<Protection>> {
        let init = self.init.as_ref()?;
        let entry = tfhd.sample_description_index.unwrap_or(init.default_entry);
        init.entries.get(usize::try_from(entry.checked_sub(1)?).ok()?)?.as_ref()
    }

    /// Takes in how a fragment's samples are protected; whether they are encrypted. `described`: the fragment has a
    /// `senc` with samples, which says so where the sample entry is a clear one.
    pub fn protect(&mut self, protection: Option<Arc<Protection>>, described: bool) -> bool {
        let encrypted = protection.as_ref().map_or(described, |p| !p.clear);
        self.protection = protection.filter(|_| encrypted).or(self.protection.take());
        encrypted
    }

    /// `tfdt`: the next sample's decode time.
    pub fn seek(&mut self, decode_time: i64) {
        self.next = Some(decode_time);
    }

    /// Adds a run; its samples' bytes, where they are known.
    pub fn run(&mut self, run: &Trun, defaults: Defaults) -> Option<u64> {
        match &run.samples {
            TrunSamples::Explicit(entries) => {
                // Every sample counts, even where a size is unknown.
                let mut bytes = Some(0u64);
                for entry in entries {
                    self.sample(entry, defaults);
                    let size = entry.size.or(defaults.size);
                    bytes = bytes.zip(size).map(|(sum, size)| sum.saturating_add(u64::from(size)));
                }
                bytes
            }
            TrunSamples::Inherited { count: 0, .. } => Some(0),
            TrunSamples::Inherited { count, first_flags } => {
                self.sample(&TrunEntry { flags: *first_flags, ..TrunEntry::default() }, defaults);
                self.alike(u64::from(count - 1), defaults);
                Some(u64::from(defaults.size?) * u64::from(*count))
            }
        }
    }

    fn sample(&mut self, entry: &TrunEntry, defaults: Defaults) {
        let sync = is_sync(entry.flags.unwrap_or(defaults.flags));
        self.samples += 1;
        self.first_sync.get_or_insert(sync);
        self.syncs += u64::from(sync);
        let Some(decode) = self.next else { return };
        let shift = self.init.as_ref().map_or(0, |i| i.presentation_shift);
        let presentation = decode.saturating_add(entry.cts.unwrap_or(0)).saturating_add(shift);
        self.start = least(self.start, decode);
        self.presentation_start = least(self.presentation_start, presentation);
        if let Some(last) = self.last {
            self.gap_max = most(self.gap_max, decode.saturating_sub(last));
        }
        self.last = Some(decode);
        if sync {
            if let Some(last) = self.last_sync {
                self.sync_interval_max = most(self.sync_interval_max, presentation.saturating_sub(last));
            }
            self.last_sync = Some(presentation);
            if self.syncs_at.len() < MAX_KEYFRAMES {
                self.syncs_at.push(presentation);
            }
        }
        let duration = entry.duration.or(defaults.duration);
        self.next = duration.map(|d| decode.saturating_add(i64::from(d)));
    }

    /// Samples that inherit everything, at once: a box of 16 bytes may claim four thousand million.
    fn alike(&mut self, count: u64, defaults: Defaults) {
        if count == 0 {
            return;
        }
        let sync = is_sync(defaults.flags);
        self.samples = self.samples.saturating_add(count);
        if sync {
            self.syncs = self.syncs.saturating_add(count);
        }
        let (Some(next), Some(duration)) = (self.next, defaults.duration.map(i64::from)) else {
            self.next = None;
            return;
        };
        let steps = i64::try_from(count).unwrap_or(i64::MAX);
        let end = next.saturating_add(duration.saturating_mul(steps));
        self.gap_max = most(self.gap_max, duration);
        self.last = Some(end.saturating_sub(duration));
        if sync {
            self.sync_interval_max = most(self.sync_interval_max, duration);
            let shift = self.init.as_ref().map_or(0, |i| i.presentation_shift);
            self.last_sync = self.last.map(|l| l.saturating_add(shift));
        }
        self.next = Some(end);
    }

    #[must_use]
    pub fn finish(self) -> Track {
        let (media, codec) = self.init.as_ref().map_or((None, String::new()), |i| (i.media, i.codec.clone()));
        let mut track = Track::new(self.id, media, codec);
        track.samples = self.samples;
        let entry = self.init.as_ref().and_then(|i| i.parameters.clone());
        said(&mut track, self.in_band, entry);
        track.protection = self.protection;
        track.subtitles = self.subtitles;
        if media == Some(Media::Video) {
            track.starts_with_keyframe = self.first_sync;
            track.keyframes = self.syncs;
        }
        let Some(timescale) = self.init.and_then(|i| i.timescale) else { return track };
        let at = |ticks| MediaTime::new(ticks, timescale);
        track.start = self.start.map(at);
        track.presentation_start = self.presentation_start.map(at);
        track.end = self.next.filter(|_| self.samples > 0).map(at);
        track.sample_gap_max = self.gap_max.map(|t| at(t).seconds());
        if media == Some(Media::Video) {
            track.keyframe_interval_max = self.sync_interval_max.map(|t| at(t).seconds());
            track.keyframes_at = self.syncs_at.iter().map(|t| at(*t)).collect();
        }
        track
    }
}

/// What the samples say, and the entry where they say no more than that: it is shared by all segments.
fn said(track: &mut Track, in_band: InBand, entry: Option<Arc<Parameters>>) {
    let headers = in_band.finish(entry.as_deref().cloned());
    track.parameters = match (headers.first, entry) {
        (Some(read), Some(entry)) if read == *entry => Some(entry),
        (read, _) => read.map(Arc::new),
    };
    track.changed = headers.changed.map(Arc::new);
    track.captions = headers.captions;
}

fn is_sync(flags: u32) -> bool {
    flags & NON_SYNC == 0 && flags & DEPENDS_ON != DEPENDS
}

fn least(old: Option<i64>, new: i64) -> Option<i64> {
    Some(old.map_or(new, |o| o.min(new)))
}

fn most(old: Option<i64>, new: i64) -> Option<i64> {
    Some(old.map_or(new, |o| o.max(new)))
}
