//! The movie box (`moov`) of MP4: the facts about its tracks that fragments need.

use super::boxes::{BoxError, Mp4Box, printable_kind};
use super::encryption;
use super::sample_entry;
use crate::codec::parameter_sets::DecoderSets;
use crate::codec::parameters::{CodecParameters, ParameterSetKinds};
use crate::codec::rfc6381::Codec;
use crate::container::defects::DefectLog;
use crate::container::{InitSegment, InitTrack, MAX_SAMPLE_ENTRIES, MAX_TRACKS, SampleEncryption};
use crate::defect::DefectKind;
use crate::drm::ProtectionScheme;
use crate::stream::Media;
use mp4_atom::{Elst, Mdhd, Mvhd, Tkhd, Trex};
use std::num::NonZeroU32;
use std::sync::Arc;

/// Reads a `moov`. A part that can't be read becomes a defect; the tracks that can be read are kept.
pub(super) fn read_moov(moov: &Mp4Box<'_>, defects: &mut DefectLog) -> InitSegment {
    let mut movie = MovieBox::default();
    for child in moov.children() {
        let outcome = child.and_then(|b| match &b.kind {
            b"mvhd" => b.decode::<Mvhd>().map(|mvhd| movie.timescale = mvhd.timescale),
            b"trak" => read_trak(&b).map(|t| movie.add_track(t)),
            b"mvex" => movie.read_mvex(&b),
            _ => Ok(()),
        });
        report(outcome, defects);
    }
    for error in movie.errors(moov.offset) {
        defects.add(DefectKind::Initialization, error.offset, "ISO/IEC 14496-12 8.8.3; ISO/IEC 23000-19 7.3.2", || {
            error.message
        });
    }
    movie.tracks.iter().for_each(|track| track.report_configuration(defects));
    movie.finish()
}

#[derive(Debug, Default)]
struct MovieBox {
    timescale: u32,
    /// Whether the `moov` has an `mvex`, which announces movie fragments.
    fragmented: bool,
    tracks: Vec<TrackBox>,
    defaults: Vec<Trex>,
}

/// The contents of one `trak` box, as far as they could be read.
#[derive(Debug, Default)]
struct TrackBox {
    offset: u64,
    id: u32,
    timescale: u32,
    handler: [u8; 4],
    /// The first sample entry of the track; `None` when it couldn't be read.
    entry: Option<SampleEntry>,
    sample_encryptions: Vec<Option<Arc<SampleEncryption>>>,
    edits: Option<Elst>,
}

/// A sample entry of MP4; a protected one is stored with its original format.
#[derive(Debug)]
struct SampleEntry {
    format: [u8; 4],
    parameters: Option<CodecParameters>,
    nal_length: Option<usize>,
    missing_parameter_sets: ParameterSetKinds,
    /// Box with the configuration of an audio decoder that the entry must have and lacks.
    missing_configuration: Option<&'static str>,
    /// Whether a program_config_element defines the channels of AAC.
    has_program_config: bool,
    stored_sets: DecoderSets,
}

impl SampleEntry {
    /// Returns the name of the codec. `mp4a` may hold other audio than AAC; its `esds` tells which (ISO/IEC 14496-14 6.7.2).
    fn codec_name(&self) -> String {
        match self.parameters.as_ref().map(|parameters| parameters.codec).filter(|_| &self.format == b"mp4a") {
            Some(Codec::Mp3) => "mp3".to_owned(),
            Some(Codec::Ac3) => "ac-3".to_owned(),
            Some(Codec::Eac3) => "ec-3".to_owned(),
            _ => codec_name(self.format),
        }
    }
}

impl MovieBox {
    fn add_track(&mut self, track: TrackBox) {
        if self.tracks.len() < MAX_TRACKS {
            self.tracks.push(track);
        }
    }

    fn read_mvex(&mut self, mvex: &Mp4Box<'_>) -> Result<(), BoxError> {
        self.fragmented = true;
        for child in mvex.children() {
            let child = child?;
            if &child.kind == b"trex" && self.defaults.len() < MAX_TRACKS {
                self.defaults.push(child.decode()?);
            }
        }
        Ok(())
    }

    fn errors(&self, at: u64) -> Vec<BoxError> {
        let mut found = Vec::new();
        let mut add_error = |at: u64, message: String| found.push(BoxError { offset: at, message });
        if self.tracks.is_empty() {
            add_error(at, "the `moov` has no track".to_owned());
        }
        if !self.fragmented {
            add_error(at, "the `moov` has no `mvex`: no fragment may follow it".to_owned());
        }
        for (n, track) in self.tracks.iter().enumerate() {
            let id = track.id;
            if id == 0 || self.tracks.iter().take(n).any(|t| t.id == id) {
                add_error(track.offset, format!("track_ID {id} is zero or used twice"));
            }
            if track.timescale == 0 {
                add_error(track.offset, format!("track {id} has no `mdhd`, or a timescale of 0"));
            }
            if track.entry.is_none() {
                add_error(track.offset, format!("track {id} has no sample entry in `stsd`"));
            }
            if let Some(name) = track.entry.as_ref().and_then(|entry| entry.missing_configuration) {
                add_error(
                    track.offset,
                    format!("the sample entry of track {id} has no {name}: players can't set up its decoder"),
                );
            }
            let common =
                |p: &&Arc<SampleEncryption>| p.scheme.is_some_and(ProtectionScheme::is_common) && p.kid.is_none();
            if let Some(scheme) = track.sample_encryptions.iter().flatten().find(common).and_then(|p| p.scheme) {
                add_error(
                    track.offset,
                    format!("track {id} is protected with {scheme} and has no `tenc`: its key is unknown"),
                );
            }
            if self.fragmented && self.defaults.iter().all(|d| d.track_id != id) {
                add_error(track.offset, format!("track {id} has no `trex`"));
            }
        }
        found
    }

    fn finish(self) -> InitSegment {
        let tracks = self.tracks.iter().map(|t| {
            let trex = self.defaults.iter().find(|d| d.track_id == t.id);
            InitTrack {
                id: t.id,
                media: media_of_handler(t.handler),
                codec: t.entry.as_ref().map_or_else(String::new, SampleEntry::codec_name),
                sample_entries: t.sample_encryptions.clone(),
                default_sample_entry: trex.map_or(1, |d| d.default_sample_description_index),
                timescale: NonZeroU32::new(t.timescale),
                presentation_shift: t.presentation_shift(self.timescale),
                default_duration: trex.map(|d| d.default_sample_duration),
                default_size: trex.map(|d| d.default_sample_size),
                default_flags: trex.map_or(0, |d| d.default_sample_flags),
                parameters: t.entry.as_ref().and_then(|e| e.parameters.clone()).map(Arc::new),
                nal_length_size: t.entry.as_ref().and_then(|e| e.nal_length),
                missing_parameter_sets: t.entry.as_ref().map(|e| e.missing_parameter_sets).unwrap_or_default(),
                stored_sets: t.stored_sets(),
                sets_in_samples: t.entry.as_ref().is_some_and(|e| has_sets_in_samples(e.format)),
            }
        });
        InitSegment { tracks: tracks.collect() }
    }
}

impl TrackBox {
    /// Adds a defect for initialization vectors that no player can use, and for channels of AAC for which only some players refuse the
    /// track.
    fn report_configuration(&self, defects: &mut DefectLog) {
        if let Some(problem) = self.sample_encryptions.iter().flatten().find_map(|p| p.vector_problem()) {
            defects.add(DefectKind::Initialization, self.offset, "ISO/IEC 23001-7 8.2", || {
                format!("the `tenc` of track {} {problem}: players can't decrypt the samples", self.id)
            });
        }
        if self.entry.as_ref().is_some_and(|entry| entry.has_program_config) {
            defects.add(DefectKind::InitializationRefused, self.offset, "ISO/IEC 14496-3 1.6.2.1, 4.4.1", || {
                format!(
                    "the AudioSpecificConfig of track {} has channelConfiguration 0, which leaves the channels to a program_config_element: \
                     Chromium refuses the track; use a layout of the standard's table, such as 1, 2 or 6",
                    self.id
                )
            });
        }
    }

    /// Returns the parameter sets in the track's sample entry. Where there are several entries, a fragment may use another one.
    fn stored_sets(&self) -> DecoderSets {
        let only = self.entry.as_ref().filter(|_| self.sample_encryptions.len() < 2);
        only.map_or_else(DecoderSets::unknown, |entry| entry.stored_sets.clone())
    }

    /// Returns the number of ticks that the edit list adds to composition times: empty edits delay the track, and the
    /// first other edit gives the media time that is presented first (ISO/IEC 14496-12 8.6.6).
    fn presentation_shift(&self, movie_timescale: u32) -> i64 {
        let mut delay = 0u64;
        for edit in self.edits.iter().flat_map(|e| &e.entries) {
            match edit.media_time {
                None => delay = delay.saturating_add(edit.segment_duration),
                Some(media_time) => {
                    let delay = u128::from(delay) * u128::from(self.timescale) / u128::from(movie_timescale.max(1));
                    let delay = i64::try_from(delay).unwrap_or(0);
                    return delay.saturating_sub_unsigned(media_time);
                }
            }
        }
        0
    }
}

fn read_trak(trak: &Mp4Box<'_>) -> Result<TrackBox, BoxError> {
    let mut track = TrackBox { offset: trak.offset, ..TrackBox::default() };
    for child in trak.children() {
        let child = child?;
        match &child.kind {
            b"tkhd" => track.id = child.decode::<Tkhd>()?.track_id,
            b"edts" => track.edits = read_edit_list(&child)?,
            b"mdia" => read_mdia(&child, &mut track)?,
            _ => {}
        }
    }
    Ok(track)
}

fn read_edit_list(edts: &Mp4Box<'_>) -> Result<Option<Elst>, BoxError> {
    let elst = find_child(edts, b"elst")?;
    elst.map(|b| b.decode()).transpose()
}

fn read_mdia(mdia: &Mp4Box<'_>, track: &mut TrackBox) -> Result<(), BoxError> {
    for child in mdia.children() {
        let child = child?;
        match &child.kind {
            b"mdhd" => track.timescale = child.decode::<Mdhd>()?.timescale,
            // Read by hand: the handler name behind it may be in any encoding.
            b"hdlr" => {
                let handler = child.body.get(8..).and_then(<[u8]>::first_chunk::<4>);
                track.handler = *handler.ok_or_else(|| child.error("ends before its handler_type".to_owned()))?;
            }
            b"minf" => read_sample_entries(&child, track)?,
            _ => {}
        }
    }
    Ok(())
}

/// Reads the first sample entry of `minf/stbl/stsd`, and the encryption of all sample entries.
fn read_sample_entries(minf: &Mp4Box<'_>, track: &mut TrackBox) -> Result<(), BoxError> {
    let Some(stbl) = find_child(minf, b"stbl")? else { return Ok(()) };
    let Some(stsd) = find_child(&stbl, b"stsd")? else { return Ok(()) };
    for found in stsd.children_after(8).take(MAX_SAMPLE_ENTRIES) {
        let found = found?;
        let protected = matches!(&found.kind, b"encv" | b"enca" | b"enct" | b"encs");
        let (original, protection) = match protected {
            true => Some(encryption::entry_encryption(&found))
                .map_or((None, None), |(format, p)| (format, Some(Arc::new(p)))),
            false => (None, None),
        };
        track.sample_encryptions.push(protection);
        track.entry.get_or_insert_with(|| read_sample_entry(&found, original.unwrap_or(found.kind), track.handler));
    }
    Ok(())
}

/// Reads a sample entry as the format `format`: its own format, or the original format of a protected entry.
fn read_sample_entry(found: &Mp4Box<'_>, format: [u8; 4], handler: [u8; 4]) -> SampleEntry {
    let parameters = match media_of_handler(handler) {
        Some(Media::Video) => sample_entry::video_parameters(found),
        Some(Media::Audio) => sample_entry::audio_parameters(found, format),
        _ => None,
    };
    SampleEntry {
        format,
        parameters,
        nal_length: sample_entry::nal_length_size(found),
        missing_parameter_sets: sample_entry::missing_parameter_sets(found, &codec_name(format)),
        missing_configuration: sample_entry::missing_configuration(found, format),
        has_program_config: media_of_handler(handler) == Some(Media::Audio) && sample_entry::has_program_config(found),
        stored_sets: match media_of_handler(handler) {
            Some(Media::Video) => sample_entry::stored_sets(found),
            _ => DecoderSets::unknown(),
        },
    }
}

fn find_child<'a>(parent: &Mp4Box<'a>, kind: &[u8; 4]) -> Result<Option<Mp4Box<'a>>, BoxError> {
    for child in parent.children() {
        let child = child?;
        if &child.kind == kind {
            return Ok(Some(child));
        }
    }
    Ok(None)
}

fn report(outcome: Result<(), BoxError>, defects: &mut DefectLog) {
    if let Err(error) = outcome {
        defects.add(DefectKind::Initialization, error.offset, "ISO/IEC 14496-12 8.2.1", || error.message);
    }
}

/// Returns the kind of media for a handler_type (ISO/IEC 14496-12 8.4.3 and clause 12); `None` for other handlers.
fn media_of_handler(handler: [u8; 4]) -> Option<Media> {
    match &handler {
        b"vide" => Some(Media::Video),
        b"soun" => Some(Media::Audio),
        b"text" | b"subt" | b"sbtl" | b"clcp" => Some(Media::Text),
        _ => None,
    }
}

/// Returns whether samples of this sample entry format may carry parameter sets (ISO/IEC 14496-15 5.4.2.1, 8.4.1; Dolby
/// Vision Streams Within the ISO Base Media File Format 3.2; AV1 Codec ISO Media File Format Binding 2.4).
fn has_sets_in_samples(format: [u8; 4]) -> bool {
    matches!(&format, b"avc3" | b"avc4" | b"dvav" | b"hev1" | b"dvhe" | b"av01" | b"dav1")
}

fn codec_name(format: [u8; 4]) -> String {
    match &format {
        b"avc1" | b"avc2" | b"avc3" | b"avc4" | b"dva1" | b"dvav" => "h264".to_owned(),
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => "hevc".to_owned(),
        b"av01" | b"dav1" => "av1".to_owned(),
        b"vp08" => "vp8".to_owned(),
        b"vp09" => "vp9".to_owned(),
        b"vvc1" | b"vvi1" => "vvc".to_owned(),
        b"mp4a" => "aac".to_owned(),
        b"Opus" => "opus".to_owned(),
        b"fLaC" => "flac".to_owned(),
        b"ac-3" | b"ec-3" | b"ac-4" | b"wvtt" | b"stpp" => String::from_utf8_lossy(&format).into_owned(),
        _ => printable_kind(format).trim_matches('`').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mp4_atom::ElstEntry;

    fn presentation_shift(entries: Vec<ElstEntry>) -> i64 {
        TrackBox { timescale: 48_000, edits: Some(Elst { entries }), ..TrackBox::default() }.presentation_shift(1000)
    }

    fn edit(segment_duration: u64, media_time: Option<u64>) -> ElstEntry {
        ElstEntry { segment_duration, media_time, media_rate: 1.into() }
    }

    #[test]
    fn an_edit_list_moves_presentation_times() {
        assert_eq!(presentation_shift(vec![edit(0, Some(1024))]), -1024);
        assert_eq!(presentation_shift(vec![edit(500, None), edit(0, Some(1024))]), 24_000 - 1024);
        assert_eq!(presentation_shift(vec![edit(u64::MAX, None), edit(0, Some(u64::MAX))]), i64::MIN, "hostile");
        assert_eq!(presentation_shift(Vec::new()), 0);
    }

    #[test]
    fn an_empty_edit_list_without_media_moves_nothing() {
        assert_eq!(presentation_shift(vec![edit(500, None)]), 0);
        assert_eq!(
            presentation_shift(vec![edit(250, None), edit(250, None), edit(9, Some(0)), edit(9, Some(7))]),
            24_000
        );
        let track = TrackBox {
            timescale: 10,
            edits: Some(Elst { entries: vec![edit(3, None), edit(0, Some(0))] }),
            ..TrackBox::default()
        };
        assert_eq!([track.presentation_shift(0), track.presentation_shift(2)], [30, 15]);
    }

    #[test]
    fn handlers_and_formats_have_their_media_and_codec() {
        let (video, audio, text) = (Some(Media::Video), Some(Media::Audio), Some(Media::Text));
        let handlers = [b"vide", b"soun", b"text", b"subt", b"sbtl", b"clcp", b"meta"].map(|h| media_of_handler(*h));
        assert_eq!(handlers, [video, audio, text, text, text, text, None]);
        for (formats, codec) in [
            (&[b"avc1", b"avc2", b"avc3", b"avc4", b"dva1", b"dvav"][..], "h264"),
            (&[b"hvc1", b"hev1", b"dvh1", b"dvhe"], "hevc"),
            (&[b"av01", b"dav1"], "av1"),
            (&[b"vvc1", b"vvi1"], "vvc"),
            (&[b"vp08"], "vp8"),
            (&[b"vp09"], "vp9"),
            (&[b"mp4a"], "aac"),
            (&[b"Opus"], "opus"),
            (&[b"fLaC"], "flac"),
            (&[b"ec-3"], "ec-3"),
            (&[b"stpp"], "stpp"),
            (&[b"abcd"], "abcd"),
            (&[b"ab\0\x01"], "0x61620001"),
        ] {
            formats.iter().for_each(|format| assert_eq!(codec_name(**format), codec));
        }
    }
}
