//! Movie fragments of MP4: a `moof` box and the `mdat` behind it.

use super::audio_samples::AudioSamples;
use super::boxes::{self, BoxError, Mp4Box};
use super::encryption::{self, EncryptionGroups};
use super::sample_places::{ByteRange, DataBase, SamplePlaces};
use super::subtitles::SubtitleSamples;
use super::track::FragmentedTrack;
use crate::container::defects::DefectLog;
use crate::container::{InitSegment, InitTrack, MAX_FRAGMENT_ENDS, MAX_TRACKS, Track};
use crate::defect::DefectKind;
use crate::units::Seconds;
use mp4_atom::{Tfdt, Tfhd, Trun};

/// Reads the movie fragments of a segment into its tracks.
#[derive(Debug)]
pub(super) struct Fragments {
    init: Option<InitSegment>,
    tracks: Vec<FragmentedTrack>,
    open: Option<OpenFragment>,
    subtitle_samples: SubtitleSamples,
    audio_samples: AudioSamples,
    /// Whether the resource has a movie fragment (`moof`).
    pub(super) has_moof: bool,
    /// Whether a fragment has encrypted samples, or a `senc` box that describes some.
    encrypted: bool,
    /// Time from the start of the first track to the end of each fragment that has arrived whole.
    ends: Vec<Seconds>,
}

/// A movie fragment whose media data is still to come.
#[derive(Debug)]
struct OpenFragment {
    at: u64,
    /// Number of bytes that the samples of the fragment need; `None` when the size of a sample isn't known.
    sample_bytes: Option<u64>,
    /// Number of `mdat` bytes that followed the `moof`; `None` without an `mdat`.
    mdat_bytes: Option<u64>,
    places: SamplePlaces,
}

impl Fragments {
    #[must_use]
    pub(super) fn new(init: Option<InitSegment>) -> Self {
        Self {
            init,
            tracks: Vec::new(),
            open: None,
            subtitle_samples: SubtitleSamples::default(),
            audio_samples: AudioSamples::default(),
            has_moof: false,
            encrypted: false,
            ends: Vec::new(),
        }
    }

    /// Takes the `moov` of the resource itself as its initialization segment.
    pub(super) fn set_init(&mut self, init: &InitSegment) {
        self.init = Some(init.clone());
    }

    /// Returns the initialization segment in force; `None` without one.
    #[must_use]
    pub(super) fn init(&self) -> Option<&InitSegment> {
        self.init.as_ref()
    }

    pub(super) fn read_moof(&mut self, moof: &Mp4Box<'_>, defects: &mut DefectLog) {
        self.close_fragment(true, defects);
        self.has_moof = true;
        let mut sample_bytes = Some(0u64);
        let mut base = DataBase::new(moof.offset);
        let mut places = SamplePlaces::default();
        if moof.children().all(|child| child.is_ok_and(|child| &child.kind != b"mfhd")) {
            defects.add(DefectKind::ContainerRefused, moof.offset, "ISO/IEC 14496-12 8.8.5", || {
                format!("the `moof` at byte {} has no `mfhd`: Chromium refuses the segment", moof.offset)
            });
        }
        for child in moof.children() {
            let bytes = match child {
                Ok(traf) if &traf.kind == b"traf" => self.read_traf(&traf, &mut base, &mut places, defects),
                Ok(_) => Ok(Some(0)),
                Err(error) => Err(error),
            };
            match bytes {
                Ok(bytes) => sample_bytes = sample_bytes.zip(bytes).map(|(a, b)| a.saturating_add(b)),
                Err(error) => {
                    sample_bytes = None;
                    defects.add(DefectKind::Container, error.offset, boxes::BOX_CLAUSE, || error.message);
                }
            }
        }
        self.open = Some(OpenFragment { at: moof.offset, sample_bytes, mdat_bytes: None, places });
    }

    /// Begins an `mdat` whose payload begins at byte offset `from` of the resource and has `bytes`; `u64::MAX` stands for one that
    /// reaches to the end of the resource.
    pub(super) fn begin_mdat(&mut self, from: u64, bytes: u64) {
        if let Some(open) = &mut self.open {
            open.places.add_media(ByteRange { from, to: from.saturating_add(bytes) });
            open.mdat_bytes = Some(open.mdat_bytes.unwrap_or(0).saturating_add(bytes));
        }
    }

    /// Notes that the media data behind the newest `moof` have arrived.
    pub(super) fn end_mdat(&mut self) {
        let duration = self.tracks.first().and_then(FragmentedTrack::duration);
        if let Some(end) = duration.filter(|_| self.open.is_some() && self.ends.len() < MAX_FRAGMENT_ENDS)
            && self.ends.last().is_none_or(|last| *last < end)
        {
            self.ends.push(end);
        }
    }

    /// Time from the start of the first track to the end of each fragment that has arrived whole.
    #[must_use]
    pub(super) fn ends(&self) -> &[Seconds] {
        &self.ends
    }

    /// Passes on media data that begins at byte offset `at` of the resource.
    pub(super) fn pass_media(&mut self, at: u64, bytes: &[u8]) {
        self.tracks.iter_mut().for_each(|track| track.in_band.pass_media(at, bytes));
        self.subtitle_samples.pass_media(at, bytes);
        self.audio_samples.pass_media(at, bytes);
    }

    /// Ends the open movie fragment: reads its collected samples and compares the size of its samples with its media
    /// data. `is_complete` is whether all `mdat` boxes of the fragment were seen.
    pub(super) fn close_fragment(&mut self, is_complete: bool, defects: &mut DefectLog) {
        let broken: Vec<_> = self.tracks.iter_mut().filter_map(|track| track.in_band.end_fragment(track.id)).collect();
        let with_headers = self.audio_samples.end_fragment();
        let tracks = &mut self.tracks;
        self.subtitle_samples.read_complete(defects, |id, found| {
            tracks.iter_mut().filter(|t| t.id == id).for_each(|t| t.subtitles.get_or_insert_default().merge(found));
        });
        if self.report_misplaced(is_complete, defects) {
            return;
        }
        for (kind, at, message) in broken {
            defects.add(kind, at, "ISO/IEC 14496-15 4.3.3, 5.3.3.1", || message);
        }
        for (at, message) in with_headers {
            defects.add(DefectKind::ContainerRefused, at, "ISO/IEC 14496-14 5.2; ISO/IEC 14496-3 1.6.2", || message);
        }
    }

    /// Ends the open movie fragment, and returns whether its samples aren't where it says: then what was read of them means nothing.
    fn report_misplaced(&mut self, is_complete: bool, defects: &mut DefectLog) -> bool {
        let Some(OpenFragment { at, sample_bytes, mdat_bytes, places }) = self.open.take() else { return false };
        match (sample_bytes, mdat_bytes) {
            (Some(0), None) => return false,
            (_, None) => {
                defects.add(DefectKind::Container, at, "ISO/IEC 14496-12 8.8.4; ISO/IEC 23000-19 7.3.2", || {
                    format!("the `moof` at byte {at} has no `mdat` behind it")
                })
            }
            (Some(sample_bytes), Some(mdat_bytes)) if sample_bytes > mdat_bytes => {
                defects.add(DefectKind::Container, at, "ISO/IEC 14496-12 8.8.8", || {
                    format!("the `moof` at byte {at} describes {sample_bytes} bytes of samples, its `mdat` holds {mdat_bytes}")
                });
            }
            // In a resource that is cut, the media data may be in an `mdat` that didn't come.
            _ => match places.misplaced().filter(|_| is_complete) {
                Some(message) => defects.add(DefectKind::Container, at, "ISO/IEC 14496-12 8.8.7, 8.8.8", || message),
                None => return false,
            },
        }
        true
    }

    /// Reads a track fragment (`traf`), and returns the number of bytes of its samples; `None` when the size of a
    /// sample isn't known.
    fn read_traf(
        &mut self,
        traf: &Mp4Box<'_>,
        base: &mut DataBase,
        places: &mut SamplePlaces,
        defects: &mut DefectLog,
    ) -> Result<Option<u64>, BoxError> {
        let parts = TrafBoxes::read(traf)?;
        let Some(tfhd) = &parts.tfhd else { return Err(traf.error("has no `tfhd`".to_owned())) };
        let Some(track) = self.track_of_id(tfhd.track_id, traf.offset, defects) else { return Ok(None) };
        let defaults = track.defaults(tfhd);
        match &parts.tfdt {
            Some(tfdt) => track.set_decode_time(i64::try_from(tfdt.base_media_decode_time).unwrap_or(i64::MAX)),
            None => defects.add(DefectKind::Container, traf.offset, "ISO/IEC 14496-12 8.8.12; RFC 8216 3.3", || {
                format!(
                    "the `traf` of track {} at byte {} has no `tfdt`: its time is unknown",
                    tfhd.track_id, traf.offset
                )
            }),
        }
        if tfhd.base_data_offset.is_some() {
            let clause = "W3C, ISO BMFF Byte Stream Format 4 (Media Segments)";
            defects.add(DefectKind::ContainerRefused, traf.offset, clause, || {
                format!(
                    "the `traf` of track {} at byte {} has base-data-offset, a position in the file: browsers refuse the segment; set \
                     default-base-is-moof instead",
                    tfhd.track_id, traf.offset
                )
            });
        }
        track.begin_fragment(base.moof);
        let sizes: Vec<Option<u64>> = parts.runs.iter().map(|run| track.add_run(run, defaults)).collect();
        track.report_refused(tfhd, parts.has_saiz, traf.offset, defects);
        let place = base.place_runs(tfhd.base_data_offset, parts.default_base_is_moof, &parts.runs, &sizes);
        if place.is_unambiguous {
            place.runs.iter().for_each(|run| places.add_run(tfhd.track_id, *run));
        }
        let protection = track.sample_entry(tfhd).map(|entry| parts.groups.effective(entry));
        let vector_size = protection.as_ref().and_then(|p| p.iv_size);
        let is_described = parts.senc.as_ref().is_some_and(encryption::describes_samples);
        let encrypted = track.set_encryption(protection.clone(), is_described);
        if encrypted && encryption::sample_count(&parts.runs) > 0 {
            let has_vectors = is_described || parts.has_auxiliary;
            track.check_protection(protection.as_deref(), has_vectors, traf.offset, defects);
        }
        if let (Some(senc), Some(vector_size)) = (&parts.senc, vector_size) {
            match encryption::check_samples(senc, vector_size, &parts.runs, defaults.size) {
                Err(error) => defects.add(DefectKind::Container, error.offset, "ISO/IEC 23001-7 7.2", || error.message),
                // Then every sample has subsamples.
                Ok(()) if encrypted && is_described && place.is_unambiguous && encryption::has_subsamples(senc) => {
                    place.first.iter().for_each(|from| track.in_band.expect_encrypted(*from, &parts.runs, defaults));
                }
                Ok(()) => {}
            }
        }
        if let Some(from) = place.first.filter(|_| !encrypted) {
            let (format, aac) = (track.subtitle_format(), track.aac_timescale());
            track.in_band.expect(from, place.is_unambiguous, &parts.runs, defaults);
            if let Some(format) = format {
                self.subtitle_samples.request(tfhd.track_id, format, from, &parts.runs, defaults.size);
            }
            if let Some(timescale) = aac {
                self.audio_samples.expect(tfhd.track_id, timescale, from, &parts.runs, defaults);
            }
        }
        self.encrypted |= encrypted;
        Ok(sizes.into_iter().try_fold(0, |sum: u64, bytes| Some(sum.saturating_add(bytes?))))
    }

    /// Returns the track with this track_ID, and creates it if it is new. A track_ID that the initialization segment
    /// doesn't have is a defect.
    fn track_of_id(&mut self, id: u32, at: u64, defects: &mut DefectLog) -> Option<&mut FragmentedTrack> {
        if let Some(known) = self.tracks.iter().position(|t| t.id == id) {
            return self.tracks.get_mut(known);
        }
        let track = self.init.as_ref().and_then(|i| i.tracks.iter().find(|t| t.id == id)).cloned();
        if let (Some(init), None) = (&self.init, &track) {
            let known = init.tracks.iter().map(|t| t.id.to_string()).collect::<Vec<_>>().join(", ");
            defects.add(DefectKind::Initialization, at, "ISO/IEC 14496-12 8.8.7", || {
                format!("the `traf` at byte {at} belongs to track {id}, the initialization segment has {known}")
            });
        }
        if self.tracks.len() >= MAX_TRACKS {
            return None;
        }
        self.tracks.push(FragmentedTrack::new(id, track));
        self.tracks.last_mut()
    }

    /// Returns whether a segment has encrypted samples; for an initialization segment, whether one of its tracks is
    /// encrypted.
    #[must_use]
    pub(super) fn encrypted(&self) -> bool {
        let announced = || self.init.iter().flat_map(|i| &i.tracks).any(InitTrack::encrypted);
        if self.has_moof { self.encrypted } else { announced() }
    }

    /// Returns the tracks of the movie fragments; for an initialization segment, the tracks that it announces.
    #[must_use]
    pub(super) fn finish(self) -> Vec<Track> {
        if self.has_moof {
            let audio = self.audio_samples;
            let track = |t: FragmentedTrack| Track { silence: audio.silence(t.id), ..t.finish() };
            return self.tracks.into_iter().map(track).collect();
        }
        let announced = self.init.into_iter().flat_map(|i| i.tracks);
        let track = |t: InitTrack| Track {
            encryption: t.sample_entries.into_iter().flatten().next(),
            parameters: t.parameters,
            ..Track::new(t.id, t.media, t.codec)
        };
        announced.map(track).collect()
    }
}

/// default-base-is-moof in the highest byte of the flags of `tfhd` (ISO/IEC 14496-12 8.8.7).
const DEFAULT_BASE_IS_MOOF: u8 = 0x02;

/// Extended type of the box of PIFF 1.1 that became `senc`.
const PIFF_SAMPLE_ENCRYPTION: [u8; 16] =
    [0xa2, 0x39, 0x4f, 0x52, 0x5a, 0x9b, 0x4f, 0x14, 0xa2, 0x44, 0x6c, 0x42, 0x7c, 0x64, 0x8d, 0xf4];

/// The child boxes of a track fragment (`traf`) that are read.
#[derive(Debug, Default)]
struct TrafBoxes<'a> {
    tfhd: Option<Tfhd>,
    /// default-base-is-moof of the `tfhd`.
    default_base_is_moof: bool,
    tfdt: Option<Tfdt>,
    runs: Vec<Trun>,
    senc: Option<Mp4Box<'a>>,
    /// Whether the fragment has auxiliary information of its samples in another form than `senc`: by `saiz`, or in the box of PIFF 1.1.
    has_auxiliary: bool,
    has_saiz: bool,
    groups: EncryptionGroups<'a>,
}

impl<'a> TrafBoxes<'a> {
    fn read(traf: &Mp4Box<'a>) -> Result<Self, BoxError> {
        let mut parts = Self::default();
        for child in traf.children() {
            let child = child?;
            match &child.kind {
                b"tfhd" => {
                    parts.tfhd = Some(child.decode()?);
                    parts.default_base_is_moof =
                        child.body.get(1).is_some_and(|flags| flags & DEFAULT_BASE_IS_MOOF != 0);
                }
                b"tfdt" => parts.tfdt = Some(child.decode()?),
                b"trun" => parts.runs.push(child.decode()?),
                b"senc" => parts.senc = Some(child),
                b"saiz" => (parts.has_auxiliary, parts.has_saiz) = (true, true),
                b"uuid" => parts.has_auxiliary |= child.body.starts_with(&PIFF_SAMPLE_ENCRYPTION),
                b"sgpd" | b"sbgp" => parts.groups.add(&child),
                _ => {}
            }
        }
        Ok(parts)
    }
}
