//! Timeline of one track over the fragments of a segment.

use super::in_band::InBandHeaders;
use super::subtitles::SubtitleFormat;
use crate::codec::parameters::CodecParameters;
use crate::container::{InitTrack, MAX_KEYFRAMES, SampleEncryption, Subtitles, Track};
use crate::stream::Media;
use crate::units::MediaTime;
use mp4_atom::{Tfhd, Trun, TrunEntry, TrunSamples};
use std::sync::Arc;

/// Sample flags (ISO/IEC 14496-12 8.8.3.1): sample_is_non_sync_sample, and sample_depends_on with value 1 (not an I
/// picture).
const SAMPLE_IS_NON_SYNC: u32 = 0x0001_0000;
const DEPENDS_ON_MASK: u32 = 0x0300_0000;
const DEPENDS_ON_OTHERS: u32 = 0x0100_0000;

/// Measures one track over the fragments of a segment.
#[derive(Debug)]
pub struct FragmentedTrack {
    pub id: u32,
    init: Option<InitTrack>,
    pub in_band: InBandHeaders,
    start: Option<i64>,
    presentation_start: Option<i64>,
    /// Decode time of the next sample; `None` before the first `tfdt`, and behind a sample of unknown duration.
    next: Option<i64>,
    last: Option<i64>,
    samples: u64,
    gap_max: Option<i64>,
    first_is_sync: Option<bool>,
    sync_count: u64,
    last_sync: Option<i64>,
    sync_interval_max: Option<i64>,
    sync_times: Vec<i64>,
    /// Encryption of the newest encrypted samples.
    protection: Option<Arc<SampleEncryption>>,
    /// Subtitles of the samples that could be read.
    pub subtitles: Option<Subtitles>,
}

/// Sample properties that a run inherits from `tfhd`, or otherwise from `trex`.
#[derive(Debug, Clone, Copy)]
pub struct SampleDefaults {
    duration: Option<u32>,
    pub size: Option<u32>,
    flags: u32,
}

impl FragmentedTrack {
    #[must_use]
    pub fn new(id: u32, init: Option<InitTrack>) -> Self {
        Self {
            id,
            in_band: init.as_ref().map(InBandHeaders::for_track).unwrap_or_default(),
            init,
            start: None,
            presentation_start: None,
            next: None,
            last: None,
            samples: 0,
            gap_max: None,
            first_is_sync: None,
            sync_count: 0,
            last_sync: None,
            sync_interval_max: None,
            sync_times: Vec::new(),
            protection: None,
            subtitles: None,
        }
    }

    #[must_use]
    pub fn defaults(&self, tfhd: &Tfhd) -> SampleDefaults {
        let init = self.init.as_ref();
        SampleDefaults {
            duration: tfhd.default_sample_duration.or_else(|| init?.default_duration),
            size: tfhd.default_sample_size.or_else(|| init?.default_size),
            flags: tfhd.default_sample_flags.unwrap_or_else(|| init.map_or(0, |i| i.default_flags)),
        }
    }

    /// Returns how the samples of a subtitle track carry their text; `None` for other tracks.
    #[must_use]
    pub fn subtitle_format(&self) -> Option<SubtitleFormat> {
        SubtitleFormat::from_codec(&self.init.as_ref()?.codec)
    }

    /// Returns the size of the first sample when the codec headers in it are read.
    #[must_use]
    pub fn first_sample_size(&self, runs: &[Trun], defaults: SampleDefaults) -> Option<u32> {
        let size = match &runs.first().filter(|_| self.in_band.is_read())?.samples {
            TrunSamples::Explicit(entries) => entries.first()?.size,
            TrunSamples::Inherited { .. } => None,
        };
        size.or(defaults.size)
    }

    /// Returns the encryption of the sample entry that the fragment's samples refer to; `None` for a clear one.
    #[must_use]
    pub fn sample_entry(&self, tfhd: &Tfhd) -> Option<&Arc<SampleEncryption>> {
        let init = self.init.as_ref()?;
        let entry = tfhd.sample_description_index.unwrap_or(init.default_sample_entry);
        init.sample_entries.get(usize::try_from(entry.checked_sub(1)?).ok()?)?.as_ref()
    }

    /// Takes the encryption of a fragment's samples, and returns whether they are encrypted. `described` tells that the
    /// fragment has a `senc` with samples, which means encryption even when the sample entry is a clear one.
    pub fn set_encryption(&mut self, protection: Option<Arc<SampleEncryption>>, described: bool) -> bool {
        let encrypted = protection.as_ref().map_or(described, |p| !p.clear);
        self.protection = protection.filter(|_| encrypted).or(self.protection.take());
        encrypted
    }

    /// Sets the decode time of the next sample (`tfdt`).
    pub fn set_decode_time(&mut self, decode_time: i64) {
        self.next = Some(decode_time);
    }

    /// Adds a run, and returns the bytes of its samples; `None` when one size isn't known.
    pub fn add_run(&mut self, run: &Trun, defaults: SampleDefaults) -> Option<u64> {
        match &run.samples {
            TrunSamples::Explicit(entries) => {
                // All samples count, also behind one whose size isn't known.
                let mut bytes = Some(0u64);
                for entry in entries {
                    self.add_sample(entry, defaults);
                    let size = entry.size.or(defaults.size);
                    bytes = bytes.zip(size).map(|(sum, size)| sum.saturating_add(u64::from(size)));
                }
                bytes
            }
            TrunSamples::Inherited { count: 0, .. } => Some(0),
            TrunSamples::Inherited { count, first_flags } => {
                self.add_sample(&TrunEntry { flags: *first_flags, ..TrunEntry::default() }, defaults);
                self.add_identical(u64::from(count - 1), defaults);
                Some(u64::from(defaults.size?) * u64::from(*count))
            }
        }
    }

    fn add_sample(&mut self, entry: &TrunEntry, defaults: SampleDefaults) {
        let sync = is_sync(entry.flags.unwrap_or(defaults.flags));
        self.samples += 1;
        self.first_is_sync.get_or_insert(sync);
        self.sync_count += u64::from(sync);
        let Some(decode) = self.next else { return };
        let shift = self.init.as_ref().map_or(0, |i| i.presentation_shift);
        let presentation = decode.saturating_add(entry.cts.unwrap_or(0)).saturating_add(shift);
        self.start = min_of(self.start, decode);
        self.presentation_start = min_of(self.presentation_start, presentation);
        if let Some(last) = self.last {
            self.gap_max = max_of(self.gap_max, decode.saturating_sub(last));
        }
        self.last = Some(decode);
        if sync {
            if let Some(last) = self.last_sync {
                self.sync_interval_max = max_of(self.sync_interval_max, presentation.saturating_sub(last));
            }
            self.last_sync = Some(presentation);
            if self.sync_times.len() < MAX_KEYFRAMES {
                self.sync_times.push(presentation);
            }
        }
        let duration = entry.duration.or(defaults.duration);
        self.next = duration.map(|d| decode.saturating_add(i64::from(d)));
    }

    /// Adds samples that inherit everything, in one step: a box of 16 bytes may claim four thousand million of them.
    fn add_identical(&mut self, count: u64, defaults: SampleDefaults) {
        if count == 0 {
            return;
        }
        let sync = is_sync(defaults.flags);
        self.samples = self.samples.saturating_add(count);
        if sync {
            self.sync_count = self.sync_count.saturating_add(count);
        }
        let (Some(next), Some(duration)) = (self.next, defaults.duration.map(i64::from)) else {
            self.next = None;
            return;
        };
        let steps = i64::try_from(count).unwrap_or(i64::MAX);
        let end = next.saturating_add(duration.saturating_mul(steps));
        self.gap_max = max_of(self.gap_max, duration);
        self.last = Some(end.saturating_sub(duration));
        if sync {
            self.sync_interval_max = max_of(self.sync_interval_max, duration);
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
        set_headers(&mut track, self.in_band, entry);
        track.encryption = self.protection;
        track.subtitles = self.subtitles;
        if media == Some(Media::Video) {
            track.starts_with_keyframe = self.first_is_sync;
            track.keyframes = self.sync_count;
        }
        let Some(timescale) = self.init.and_then(|i| i.timescale) else { return track };
        let at = |ticks| MediaTime::new(ticks, timescale);
        track.start = self.start.map(at);
        track.presentation_start = self.presentation_start.map(at);
        track.end = self.next.filter(|_| self.samples > 0).map(at);
        track.sample_gap_max = self.gap_max.map(|t| at(t).seconds());
        if media == Some(Media::Video) {
            track.keyframe_interval_max = self.sync_interval_max.map(|t| at(t).seconds());
            track.keyframe_times = self.sync_times.iter().map(|t| at(*t)).collect();
        }
        track
    }
}

/// Takes the codec headers of the samples. When they equal the parameters of the sample entry, the entry's are kept,
/// because all segments share them.
fn set_headers(track: &mut Track, in_band: InBandHeaders, entry: Option<Arc<CodecParameters>>) {
    let headers = in_band.finish(entry.as_deref().cloned());
    track.parameters = match (headers.first, entry) {
        (Some(read), Some(entry)) if read == *entry => Some(entry),
        (read, _) => read.map(Arc::new),
    };
    track.changed_parameters = headers.changed.map(Arc::new);
    track.captions = headers.captions;
}

fn is_sync(flags: u32) -> bool {
    flags & SAMPLE_IS_NON_SYNC == 0 && flags & DEPENDS_ON_MASK != DEPENDS_ON_OTHERS
}

fn min_of(old: Option<i64>, new: i64) -> Option<i64> {
    Some(old.map_or(new, |o| o.min(new)))
}

fn max_of(old: Option<i64>, new: i64) -> Option<i64> {
    Some(old.map_or(new, |o| o.max(new)))
}
