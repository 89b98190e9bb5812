//! Timeline of one MP4 track over the fragments of a segment.

use super::in_band::InBandSamples;
use super::nal_samples::IS_NON_SYNC;
use super::subtitles::SubtitleFormat;
use crate::codec::parameters::CodecParameters;
use crate::codec::rfc6381::Codec;
use crate::container::defects::DefectLog;
use crate::container::{InitTrack, MAX_KEYFRAMES, SampleEncryption, Subtitles, Track};
use crate::defect::DefectKind;
use crate::stream::Media;
use crate::units::{MediaTime, Seconds};
use mp4_atom::{Tfhd, Trun, TrunEntry, TrunSamples};
use std::num::NonZeroU32;
use std::sync::Arc;

/// sample_depends_on in the sample flags (ISO/IEC 14496-12 8.8.3.1), and its value 1 (not an I picture).
const DEPENDS_ON_MASK: u32 = 0x0300_0000;
const DEPENDS_ON_OTHERS: u32 = 0x0100_0000;

/// Measures one MP4 track over the fragments of a segment.
#[derive(Debug)]
pub(super) struct FragmentedTrack {
    pub(super) id: u32,
    init: Option<InitTrack>,
    pub(super) in_band: InBandSamples,
    start: Option<i64>,
    presentation_start: Option<i64>,
    /// Decode time in ticks of the next sample; `None` before the first `tfdt`, and behind a sample of unknown
    /// duration.
    next: Option<i64>,
    last: Option<i64>,
    samples: u64,
    gap_max: Option<i64>,
    /// Byte offset and first decode time of the newest fragment.
    fragment: Option<(u64, Option<i64>)>,
    fragment_interval_max: Option<i64>,
    fragment_bytes_max: Option<u64>,
    /// Whether a sample of the newest fragment has the reserved value of sample_depends_on.
    has_reserved_flags: bool,
    first_is_sync: Option<bool>,
    sync_count: u64,
    last_sync: Option<i64>,
    sync_interval_max: Option<i64>,
    sync_times: Vec<i64>,
    /// Encryption of the newest encrypted samples of the track; `None` while all are clear.
    protection: Option<Arc<SampleEncryption>>,
    /// Subtitles of the track's samples that could be read; `None` while there are none.
    pub(super) subtitles: Option<Subtitles>,
}

/// Sample properties that a track run inherits from `tfhd`, or otherwise from `trex`.
#[derive(Debug, Clone, Copy)]
pub(super) struct SampleDefaults {
    pub(super) duration: Option<u32>,
    pub(super) size: Option<u32>,
    pub(super) flags: u32,
}

impl FragmentedTrack {
    #[must_use]
    pub(super) fn new(id: u32, init: Option<InitTrack>) -> Self {
        Self {
            id,
            in_band: init.as_ref().map(InBandSamples::for_track).unwrap_or_default(),
            init,
            start: None,
            presentation_start: None,
            next: None,
            last: None,
            samples: 0,
            gap_max: None,
            fragment: None,
            fragment_interval_max: None,
            fragment_bytes_max: None,
            has_reserved_flags: false,
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
    pub(super) fn defaults(&self, tfhd: &Tfhd) -> SampleDefaults {
        let init = self.init.as_ref();
        SampleDefaults {
            duration: tfhd.default_sample_duration.or_else(|| init?.default_duration),
            size: tfhd.default_sample_size.or_else(|| init?.default_size),
            flags: tfhd.default_sample_flags.unwrap_or_else(|| init.map_or(0, |i| i.default_flags)),
        }
    }

    /// Returns the format in which a subtitle track carries its text; `None` for other tracks.
    #[must_use]
    pub(super) fn subtitle_format(&self) -> Option<SubtitleFormat> {
        SubtitleFormat::from_codec(&self.init.as_ref()?.codec)
    }

    /// Returns the ticks per second of an AAC track whose samples are raw_data_blocks; `None` for other tracks.
    #[must_use]
    pub(super) fn aac_timescale(&self) -> Option<NonZeroU32> {
        let init = self.init.as_ref()?;
        let codec = init.parameters.as_ref()?.codec;
        init.timescale.filter(|_| matches!(codec, Codec::Aac { object_type: 1..=5 | 29 }))
    }

    /// Returns the encryption of the sample entry to which the fragment's samples refer; `None` for a clear one.
    #[must_use]
    pub(super) fn sample_entry(&self, tfhd: &Tfhd) -> Option<&Arc<SampleEncryption>> {
        let init = self.init.as_ref()?;
        let entry = tfhd.sample_description_index.unwrap_or(init.default_sample_entry);
        init.sample_entries.get(usize::try_from(entry.checked_sub(1)?).ok()?)?.as_ref()
    }

    /// Adds a defect for each property of a fragment, whose `traf` is at byte `at`, for which some players refuse it: a sample entry with
    /// number 0 (ISO/IEC 14496-12 8.8.3, 8.8.7) and the reserved value of sample_depends_on (8.8.3.1), which Chromium refuses, and
    /// auxiliary information (`saiz`, 8.7.8) of samples that aren't encrypted, at which Media3 stops.
    pub(super) fn report_refused(&mut self, tfhd: &Tfhd, has_saiz: bool, at: u64, defects: &mut DefectLog) {
        let has_reserved_flags = std::mem::take(&mut self.has_reserved_flags);
        let (Some(init), id) = (&self.init, self.id) else { return };
        // Chromium takes 0 in the `tfhd` as none.
        let own = tfhd.sample_description_index.filter(|entry| *entry > 0);
        let entry = own.unwrap_or(init.default_sample_entry);
        if entry == 0 {
            defects.add(DefectKind::InitializationRefused, at, "ISO/IEC 14496-12 8.8.3, 8.8.7", || {
                format!(
                    "the `traf` of track {id} at byte {at} uses sample entry 0 by the `trex`, and the first one has number 1: \
                     Chromium refuses the segment"
                )
            });
        }
        if has_reserved_flags {
            defects.add(DefectKind::ContainerRefused, at, "ISO/IEC 14496-12 8.8.3.1", || {
                format!(
                    "the `traf` of track {id} at byte {at} has samples with sample_depends_on 3, a reserved value: Chromium refuses the \
                     segment"
                )
            });
        }
        let number = usize::try_from(entry).ok().and_then(|entry| entry.checked_sub(1));
        let is_clear = number.and_then(|number| init.sample_entries.get(number)).is_some_and(Option::is_none);
        if has_saiz && is_clear {
            defects.add(DefectKind::ContainerRefused, at, "ISO/IEC 14496-12 8.7.8; ISO/IEC 23001-7 7.1", || {
                format!(
                    "the `traf` of track {id} at byte {at} has auxiliary information of encrypted samples (`saiz`), and its sample entry is \
                     clear: Media3 stops with an error"
                )
            });
        }
    }

    /// Stores the encryption of a fragment's samples if they are encrypted, and returns whether they are. `described`
    /// is whether the fragment has a `senc` with samples; they are then encrypted even if the sample entry isn't.
    pub(super) fn set_encryption(&mut self, protection: Option<Arc<SampleEncryption>>, described: bool) -> bool {
        let encrypted = protection.as_ref().map_or(described, |p| !p.clear);
        self.protection = protection.filter(|_| encrypted).or(self.protection.take());
        encrypted
    }

    /// Adds a defect if players can't decrypt the encrypted samples of the fragment whose `traf` is at byte `at`: nobody knows their
    /// initialization vectors or subsamples, or the initialization segment declares no protection. `has_vectors` is whether the fragment
    /// describes its samples.
    pub(super) fn check_protection(
        &self,
        protection: Option<&SampleEncryption>,
        has_vectors: bool,
        at: u64,
        defects: &mut DefectLog,
    ) {
        let (id, is_known) = (self.id, self.init.is_some());
        let is_nal = self.init.as_ref().is_some_and(|init| matches!(init.codec.as_str(), "h264" | "hevc"));
        match protection {
            None if is_known => {
                defects.add(DefectKind::Initialization, at, "ISO/IEC 23001-7 8.2", || {
                    format!(
                        "the `traf` of track {id} at byte {at} has encrypted samples (`senc`), and the initialization segment declares \
                         no protection (`sinf`): players ask for no key"
                    )
                });
            }
            Some(protection) if !has_vectors && protection.iv_size.is_some_and(|size| size > 0 || is_nal) => {
                defects.add(DefectKind::Container, at, "ISO/IEC 23001-7 7, 9.5", || {
                    format!(
                        "the `traf` of track {id} at byte {at} has encrypted samples without initialization vectors or subsamples \
                         (`senc`, `saiz`): players can't decrypt them"
                    )
                });
            }
            _ => {}
        }
    }

    /// Sets the decode time in ticks of the next sample (`tfdt`).
    pub(super) fn set_decode_time(&mut self, decode_time: i64) {
        self.next = Some(decode_time);
    }

    /// Begins a fragment whose `moof` is at byte `at` and whose decode time was set.
    pub(super) fn begin_fragment(&mut self, at: u64) {
        if let Some((before, start)) = self.fragment.replace((at, self.next)) {
            self.fragment_bytes_max = self.fragment_bytes_max.max(Some(at.saturating_sub(before)));
            if let Some((start, next)) = start.zip(self.next) {
                self.fragment_interval_max = max_of(self.fragment_interval_max, next.saturating_sub(start));
            }
        }
    }

    /// Returns the decode time from the first sample to the end of the last one; `None` without times.
    #[must_use]
    pub(super) fn duration(&self) -> Option<Seconds> {
        let at = |ticks| Some(MediaTime::new(ticks, self.init.as_ref()?.timescale?));
        at(self.next?)?.since(at(self.start?)?)
    }

    /// Adds a track run (`trun`), and returns the number of bytes of its samples; `None` when the size of a sample
    /// isn't known.
    pub(super) fn add_run(&mut self, run: &Trun, defaults: SampleDefaults) -> Option<u64> {
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
        let flags = entry.flags.unwrap_or(defaults.flags);
        let sync = is_sync(flags);
        self.has_reserved_flags |= flags & DEPENDS_ON_MASK == DEPENDS_ON_MASK;
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

    /// Adds `count` samples that inherit all their properties, in one step, because a box of 16 bytes may claim four
    /// thousand million of them.
    fn add_identical(&mut self, count: u64, defaults: SampleDefaults) {
        if count == 0 {
            return;
        }
        let sync = is_sync(defaults.flags);
        self.has_reserved_flags |= defaults.flags & DEPENDS_ON_MASK == DEPENDS_ON_MASK;
        self.samples = self.samples.saturating_add(count);
        if sync {
            self.sync_count = self.sync_count.saturating_add(count);
        }
        // Without a duration the end of the sample before isn't known either: it has the same defaults.
        let (Some(next), Some(duration)) = (self.next, defaults.duration.map(i64::from)) else { return };
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
    pub(super) fn finish(self) -> Track {
        let (media, codec) = self.init.as_ref().map_or((None, String::new()), |i| (i.media, i.codec.clone()));
        let mut track = Track::new(self.id, media, codec);
        track.sets_in_samples = self.init.as_ref().is_some_and(|i| i.sets_in_samples);
        track.samples = self.samples;
        track.fragment_bytes_max = self.fragment_bytes_max;
        let entry = self.init.as_ref().and_then(|i| i.parameters.clone());
        // Without a configuration samples can't be read. Sets of encrypted samples can't be seen.
        let unseen = |i: &&InitTrack| i.sets_in_samples && i.encrypted();
        let all_known = self.init.as_ref().filter(|i| !self.in_band.is_read() && !unseen(i));
        let missing = all_known.map(|i| i.missing_parameter_sets);
        set_headers(&mut track, self.in_band, entry);
        track.missing_parameter_sets = missing.unwrap_or(track.missing_parameter_sets);
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
        track.fragment_interval_max = self.fragment_interval_max.map(|t| at(t).seconds());
        if media == Some(Media::Video) {
            track.keyframe_interval_max = self.sync_interval_max.map(|t| at(t).seconds());
            track.keyframe_times = self.sync_times.iter().map(|t| at(*t)).collect();
        }
        track
    }
}

/// Stores the codec parameters that the samples contain in the track. If they equal those of the sample entry, the
/// track keeps the sample entry's copy, which all segments share in memory.
fn set_headers(track: &mut Track, in_band: InBandSamples, entry: Option<Arc<CodecParameters>>) {
    let (headers, flag_mismatch) = in_band.finish(entry.as_deref().cloned());
    track.flag_mismatch = flag_mismatch;
    track.parameters = match (headers.first, entry) {
        (Some(read), Some(entry)) if read == *entry => Some(entry),
        (read, _) => read.map(Arc::new),
    };
    track.changed_parameters = headers.changed.map(Arc::new);
    track.captions = headers.captions;
    track.missing_parameter_sets = headers.missing_sets;
    track.quantizers = headers.quantizers;
    track.still_pictures = headers.still_pictures;
}

fn is_sync(flags: u32) -> bool {
    flags & IS_NON_SYNC == 0 && flags & DEPENDS_ON_MASK != DEPENDS_ON_OTHERS
}

fn min_of(old: Option<i64>, new: i64) -> Option<i64> {
    Some(old.map_or(new, |o| o.min(new)))
}

fn max_of(old: Option<i64>, new: i64) -> Option<i64> {
    Some(old.map_or(new, |o| o.max(new)))
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::codec::parameter_sets::DecoderSets;
    use crate::codec::parameters::ParameterSetKinds;
    use std::num::NonZeroU32;

    fn init(media: Media) -> InitTrack {
        InitTrack {
            id: 1,
            media: Some(media),
            codec: "h264".to_owned(),
            sample_entries: Vec::new(),
            default_sample_entry: 1,
            timescale: NonZeroU32::new(1000),
            presentation_shift: -20,
            default_duration: Some(100),
            default_size: Some(7),
            default_flags: IS_NON_SYNC,
            parameters: None,
            nal_length_size: None,
            missing_parameter_sets: ParameterSetKinds::default(),
            stored_sets: DecoderSets::unknown(),
            sets_in_samples: false,
        }
    }

    fn video() -> FragmentedTrack {
        FragmentedTrack::new(1, Some(init(Media::Video)))
    }

    fn entry(duration: Option<u32>, size: Option<u32>, flags: Option<u32>, cts: i64) -> TrunEntry {
        TrunEntry { duration, size, flags, cts: Some(cts) }
    }

    fn run(samples: TrunSamples) -> Trun {
        Trun { data_offset: None, samples }
    }

    fn ticks(track: &Track) -> [Option<i64>; 3] {
        [track.start, track.presentation_start, track.end].map(|t| t.map(|t| t.ticks))
    }

    #[test]
    fn explicit_samples_are_measured_one_by_one() {
        let mut track = video();
        let defaults = track.defaults(&Tfhd::default());
        track.set_decode_time(1000);
        let entries = vec![
            entry(None, Some(10), Some(0), 50),
            entry(Some(100), None, None, 0),
            entry(Some(300), Some(5), Some(0), 10),
        ];
        assert_eq!(track.add_run(&run(TrunSamples::Explicit(entries)), defaults), Some(22));
        let track = track.finish();
        assert_eq!(ticks(&track), [1000, 1030, 1500].map(Some));
        assert_eq!((track.samples, track.keyframes, track.starts_with_keyframe), (3, 2, Some(true)));
        assert_eq!((track.sample_gap_max, track.keyframe_interval_max), (Some(Seconds(0.1)), Some(Seconds(0.16))));
        assert_eq!(track.keyframe_times.iter().map(|t| t.ticks).collect::<Vec<_>>(), [1030, 1190]);
    }

    #[test]
    fn inherited_samples_are_measured_at_once() {
        for (count, end, gap, keyframes) in [(0, None, None, 0), (1, Some(100), None, 1), (4, Some(400), Some(0.1), 4)]
        {
            let mut track = video();
            let defaults = track.defaults(&Tfhd { default_sample_flags: Some(0), ..Tfhd::default() });
            track.set_decode_time(0);
            let bytes = track.add_run(&run(TrunSamples::Inherited { count, first_flags: None }), defaults);
            assert_eq!(bytes, Some(7 * u64::from(count)));
            let track = track.finish();
            assert_eq!((track.samples, track.keyframes), (u64::from(count), keyframes), "{count}");
            assert_eq!((ticks(&track)[2], track.sample_gap_max.map(|s| s.0)), (end, gap), "{count}");
            assert_eq!(track.keyframe_interval_max, track.sample_gap_max);
        }
        let mut track = video();
        let defaults = track.defaults(&Tfhd::default());
        track.set_decode_time(0);
        track.add_run(&run(TrunSamples::Inherited { count: 3, first_flags: Some(0) }), defaults);
        let track = track.finish();
        assert_eq!((track.keyframes, track.starts_with_keyframe, track.keyframe_interval_max), (1, Some(true), None));
    }

    #[test]
    fn runs_continue_at_the_end_of_the_one_before() {
        let mut track = video();
        let defaults = track.defaults(&Tfhd::default());
        track.set_decode_time(500);
        for count in [2, 3] {
            track.add_run(&run(TrunSamples::Inherited { count, first_flags: Some(0) }), defaults);
        }
        let track = track.finish();
        assert_eq!((ticks(&track), track.samples), ([500, 480, 1000].map(Some), 5));
        assert_eq!((track.sample_gap_max, track.keyframe_interval_max), (Some(Seconds(0.1)), Some(Seconds(0.2))));
    }

    #[test]
    fn a_sample_of_unknown_duration_ends_the_times() {
        let mut track = FragmentedTrack::new(1, Some(InitTrack { default_duration: None, ..init(Media::Video) }));
        let defaults = track.defaults(&Tfhd::default());
        track.set_decode_time(0);
        track.add_run(&run(TrunSamples::Inherited { count: 3, first_flags: None }), defaults);
        let track = track.finish();
        assert_eq!((ticks(&track), track.samples), ([Some(0), Some(-20), None], 3));
        let mut empty = video();
        empty.set_decode_time(5);
        assert_eq!(ticks(&empty.finish()), [None; 3]);
    }

    #[test]
    fn defaults_of_the_fragment_precede_those_of_the_movie() {
        let tfhd = Tfhd {
            default_sample_duration: Some(1),
            default_sample_size: Some(2),
            default_sample_flags: Some(3),
            ..Tfhd::default()
        };
        let of = |d: SampleDefaults| (d.duration, d.size, d.flags);
        assert_eq!(of(video().defaults(&tfhd)), (Some(1), Some(2), 3));
        assert_eq!(of(video().defaults(&Tfhd::default())), (Some(100), Some(7), IS_NON_SYNC));
        assert_eq!(of(FragmentedTrack::new(1, None).defaults(&Tfhd::default())), (None, None, 0));
    }

    #[test]
    fn an_unknown_size_makes_the_sum_unknown() {
        let mut track = FragmentedTrack::new(1, None);
        let defaults = track.defaults(&Tfhd::default());
        let entries = vec![entry(None, Some(4), None, 0), entry(None, None, None, 0)];
        assert_eq!(track.add_run(&run(TrunSamples::Explicit(entries)), defaults), None);
        assert_eq!(track.add_run(&run(TrunSamples::Inherited { count: 2, first_flags: None }), defaults), None);
        assert_eq!(track.finish().samples, 4);
    }

    #[test]
    fn two_flags_make_a_sync_sample() {
        let flags = [0, 0x0001_0000, 0x0100_0000, 0x0200_0000, 0x0300_0000, 0x0201_0000, 0xfc00_ffff];
        assert_eq!(flags.map(is_sync), [true, false, false, true, true, false, true]);
    }

    #[test]
    fn what_some_players_refuse_is_a_defect_of_its_own() {
        let found = |default_sample_entry, tfhd: Tfhd, flags: &[u32], has_saiz, is_clear: bool| {
            let sample_entries = vec![(!is_clear).then(Arc::default)];
            let init = InitTrack { default_sample_entry, sample_entries, ..init(Media::Video) };
            let mut track = FragmentedTrack::new(1, Some(init));
            let defaults = track.defaults(&tfhd);
            let entries = flags.iter().map(|flags| entry(None, None, Some(*flags), 0)).collect();
            track.add_run(&run(TrunSamples::Explicit(entries)), defaults);
            let mut defects = DefectLog::default();
            track.report_refused(&tfhd, has_saiz, 9, &mut defects);
            track.report_refused(
                &Tfhd { sample_description_index: Some(1), ..Tfhd::default() },
                false,
                9,
                &mut defects,
            );
            defects.finish().0.into_iter().map(|d| (d.kind, d.message)).collect::<Vec<_>>()
        };
        let numbered = |number| Tfhd { sample_description_index: Some(number), ..Tfhd::default() };
        let none = Tfhd::default;
        assert_eq!(found(1, none(), &[0x0200_0000, 0x0101_0000], false, true), []);
        assert_eq!(found(0, numbered(1), &[0], false, true), [], "the fragment names the entry");
        assert_eq!(found(1, none(), &[0], true, false), [], "encrypted samples");
        assert_eq!(found(0, none(), &[0], false, true)[0].0, DefectKind::InitializationRefused);
        assert_eq!(found(1, numbered(0), &[0], false, true), [], "0 in the fragment is as good as none");
        assert_eq!(found(0, numbered(0), &[0], false, true).len(), 1);
        for (flags, has_saiz, text) in [(0x0301_0000, false, "sample_depends_on 3"), (0, true, "(`saiz`)")] {
            let found = found(1, none(), &[0, flags], has_saiz, true);
            assert_eq!((found.len(), found[0].0), (1, DefectKind::ContainerRefused));
            assert!(found[0].1.contains(text), "{found:?}");
        }
    }

    #[test]
    fn samples_are_encrypted_by_their_entry_or_by_their_description() {
        let protected = |clear| Some(Arc::new(SampleEncryption { clear, ..SampleEncryption::default() }));
        let mut track = video();
        assert!(!track.set_encryption(None, false) && track.set_encryption(None, true));
        assert!(!track.set_encryption(protected(true), true));
        assert!(track.set_encryption(protected(false), false));
        assert!(!track.set_encryption(protected(true), false));
        assert_eq!(track.finish().encryption.map(|e| e.clear), Some(false), "that of the newest encrypted samples");
    }

    #[test]
    fn an_entry_without_its_parameter_sets_is_judged_where_the_samples_cannot_have_them() {
        let missing = |sets_in_samples, sample_entries| {
            let missing_parameter_sets = ParameterSetKinds::H264;
            let init = InitTrack { missing_parameter_sets, sets_in_samples, sample_entries, ..init(Media::Video) };
            FragmentedTrack::new(1, Some(init)).finish().missing_parameter_sets
        };
        let encrypted = || vec![Some(Arc::default())];
        let (all, none) = (ParameterSetKinds::H264, ParameterSetKinds::default());
        assert_eq!([missing(false, Vec::new()), missing(false, encrypted())], [all; 2]);
        assert_eq!([missing(true, Vec::new()), missing(true, encrypted())], [all, none]);
    }

    #[test]
    fn audio_has_no_key_frames() {
        let mut track = FragmentedTrack::new(1, Some(init(Media::Audio)));
        let defaults = track.defaults(&Tfhd::default());
        track.set_decode_time(0);
        track.add_run(&run(TrunSamples::Inherited { count: 3, first_flags: Some(0) }), defaults);
        let track = track.finish();
        assert_eq!((track.keyframes, track.starts_with_keyframe, track.keyframe_times.len()), (0, None, 0));
        assert_eq!((ticks(&track)[2], track.samples), (Some(300), 3));
    }
}
