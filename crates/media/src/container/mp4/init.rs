//! The movie box: what fragments need to know of their tracks.

use super::boxes::{Boxed, Fault, name};
use super::protection;
use super::sample_entry;
use crate::codec::parameters::Parameters;
use crate::container::defects::Defects;
use crate::container::{Init, InitTrack, MAX_ENTRIES, MAX_TRACKS, Protection};
use crate::defect::DefectKind;
use crate::drm::Scheme;
use crate::stream::Media;
use mp4_atom::{Elst, Mdhd, Mvhd, Tkhd, Trex};
use std::num::NonZeroU32;
use std::sync::Arc;

/// Reads a `moov`; what can't be read becomes a defect, and the tracks that can stay.
pub fn read(moov: &Boxed<'_>, defects: &mut Defects) -> Init {
    let mut movie = Movie::default();
    for child in moov.children() {
        let outcome = child.and_then(|b| match &b.kind {
            b"mvhd" => b.leaf::<Mvhd>().map(|mvhd| movie.timescale = mvhd.timescale),
            b"trak" => track(&b).map(|t| movie.add(t)),
            b"mvex" => movie.extends(&b),
            _ => Ok(()),
        });
        note(outcome, defects);
    }
    for fault in movie.problems(moov.at) {
        defects.add(DefectKind::Initialization, fault.at, "ISO/IEC 14496-12 8.8.3; ISO/IEC 23000-19 7.3.2", || {
            fault.message
        });
    }
    movie.finish()
}

#[derive(Debug, Default)]
struct Movie {
    timescale: u32,
    /// An `mvex` was seen: the movie goes on in fragments.
    fragmented: bool,
    tracks: Vec<Trak>,
    defaults: Vec<Trex>,
}

/// One `trak` as far as it was read.
#[derive(Debug, Default)]
struct Trak {
    at: u64,
    id: u32,
    timescale: u32,
    handler: [u8; 4],
    /// The first sample entry.
    entry: Option<Entry>,
    protections: Vec<Option<Arc<Protection>>>,
    edits: Option<Elst>,
}

/// A sample entry, the original format of a protected one resolved.
#[derive(Debug)]
struct Entry {
    format: [u8; 4],
    parameters: Option<Parameters>,
    nal_length: Option<usize>,
}

impl Movie {
    fn add(&mut self, track: Trak) {
        if self.tracks.len() < MAX_TRACKS {
            self.tracks.push(track);
        }
    }

    fn extends(&mut self, mvex: &Boxed<'_>) -> Result<(), Fault> {
        self.fragmented = true;
        for child in mvex.children() {
            let child = child?;
            if &child.kind == b"trex" && self.defaults.len() < MAX_TRACKS {
                self.defaults.push(child.leaf()?);
            }
        }
        Ok(())
    }

    fn problems(&self, at: u64) -> Vec<Fault> {
        let mut found = Vec::new();
        let mut say = |at: u64, message: String| found.push(Fault { at, message });
        if self.tracks.is_empty() {
            say(at, "the `moov` has no track".to_owned());
        }
        if !self.fragmented {
            say(at, "the `moov` has no `mvex`: no fragment may follow it".to_owned());
        }
        for (n, track) in self.tracks.iter().enumerate() {
            let id = track.id;
            if id == 0 || self.tracks.iter().take(n).any(|t| t.id == id) {
                say(track.at, format!("track_ID {id} is zero or used twice"));
            }
            if track.timescale == 0 {
                say(track.at, format!("track {id} has no `mdhd`, or a timescale of 0"));
            }
            if track.entry.is_none() {
                say(track.at, format!("track {id} has no sample entry in `stsd`"));
            }
            let common = |p: &&Arc<Protection>| p.scheme.is_some_and(Scheme::is_common) && p.kid.is_none();
            if let Some(scheme) = track.protections.iter().flatten().find(common).and_then(|p| p.scheme) {
                say(track.at, format!("track {id} is protected with {scheme} and has no `tenc`: its key isn't named"));
            }
            if self.fragmented && self.defaults.iter().all(|d| d.track_id != id) {
                say(track.at, format!("track {id} has no `trex`"));
            }
        }
        found
    }

    fn finish(self) -> Init {
        let tracks = self.tracks.iter().map(|t| {
            let trex = self.defaults.iter().find(|d| d.track_id == t.id);
            InitTrack {
                id: t.id,
                media: media(t.handler),
                codec: t.entry.as_ref().map_or_else(String::new, |e| codec(e.format)),
                entries: t.protections.clone(),
                default_entry: trex.map_or(1, |d| d.default_sample_description_index),
                timescale: NonZeroU32::new(t.timescale),
                presentation_shift: t.shift(self.timescale),
                default_duration: trex.map(|d| d.default_sample_duration),
                default_size: trex.map(|d| d.default_sample_size),
                default_flags: trex.map_or(0, |d| d.default_sample_flags),
                parameters: t.entry.as_ref().and_then(|e| e.parameters.clone()).map(Arc::new),
                nal_length: t.entry.as_ref().and_then(|e| e.nal_length),
            }
        });
        Init { tracks: tracks.collect() }
    }
}

impl Trak {
    /// ISO/IEC 14496-12 8.6.6: empty edits delay the track, the first real one says which media time comes first.
    fn shift(&self, movie_timescale: u32) -> i64 {
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

fn track(trak: &Boxed<'_>) -> Result<Trak, Fault> {
    let mut track = Trak { at: trak.at, ..Trak::default() };
    for child in trak.children() {
        let child = child?;
        match &child.kind {
            b"tkhd" => track.id = child.leaf::<Tkhd>()?.track_id,
            b"edts" => track.edits = edits(&child)?,
            b"mdia" => media_box(&child, &mut track)?,
            _ => {}
        }
    }
    Ok(track)
}

fn edits(edts: &Boxed<'_>) -> Result<Option<Elst>, Fault> {
    let elst = find(edts, b"elst")?;
    elst.map(|b| b.leaf()).transpose()
}

fn media_box(mdia: &Boxed<'_>, track: &mut Trak) -> Result<(), Fault> {
    for child in mdia.children() {
        let child = child?;
        match &child.kind {
            b"mdhd" => track.timescale = child.leaf::<Mdhd>()?.timescale,
            // By hand: the name behind it is in any encoding.
            b"hdlr" => {
                let handler = child.body.get(8..).and_then(<[u8]>::first_chunk::<4>);
                track.handler = *handler.ok_or_else(|| child.fault("ends before its handler_type".to_owned()))?;
            }
            b"minf" => entries(&child, track)?,
            _ => {}
        }
    }
    Ok(())
}

/// `minf/stbl/stsd`: the first sample entry, and how each is protected.
fn entries(minf: &Boxed<'_>, track: &mut Trak) -> Result<(), Fault> {
    let Some(stbl) = find(minf, b"stbl")? else { return Ok(()) };
    let Some(stsd) = find(&stbl, b"stsd")? else { return Ok(()) };
    for found in stsd.children_behind(8).take(MAX_ENTRIES) {
        let found = found?;
        let protected = matches!(&found.kind, b"encv" | b"enca" | b"enct" | b"encs");
        let (original, protection) = match protected {
            true => Some(protection::of_entry(&found)).map_or((None, None), |(format, p)| (format, Some(Arc::new(p)))),
            false => (None, None),
        };
        track.protections.push(protection);
        track.entry.get_or_insert_with(|| entry(&found, original.unwrap_or(found.kind), track.handler));
    }
    Ok(())
}

/// `format` is the entry's own, or the original one of a protected entry.
fn entry(found: &Boxed<'_>, format: [u8; 4], handler: [u8; 4]) -> Entry {
    let parameters = match media(handler) {
        Some(Media::Video) => sample_entry::picture(found),
        Some(Media::Audio) => sample_entry::sound(found, format),
        _ => None,
    };
    Entry { format, parameters, nal_length: sample_entry::nal_length(found) }
}

fn find<'a>(parent: &Boxed<'a>, kind: &[u8; 4]) -> Result<Option<Boxed<'a>>, Fault> {
    for child in parent.children() {
        let child = child?;
        if &child.kind == kind {
            return Ok(Some(child));
        }
    }
    Ok(None)
}

fn note(outcome: Result<(), Fault>, defects: &mut Defects) {
    if let Err(fault) = outcome {
        defects.add(DefectKind::Initialization, fault.at, "ISO/IEC 14496-12 8.2.1", || fault.message);
    }
}

/// handler_type, ISO/IEC 14496-12 8.4.3 and clause 12.
fn media(handler: [u8; 4]) -> Option<Media> {
    match &handler {
        b"vide" => Some(Media::Video),
        b"soun" => Some(Media::Audio),
        b"text" | b"subt" | b"sbtl" | b"clcp" => Some(Media::Text),
        _ => None,
    }
}

fn codec(format: [u8; 4]) -> String {
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
        _ => name(format).trim_matches('`').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mp4_atom::ElstEntry;

    fn shift(entries: Vec<ElstEntry>) -> i64 {
        Trak { timescale: 48_000, edits: Some(Elst { entries }), ..Trak::default() }.shift(1000)
    }

    fn edit(segment_duration: u64, media_time: Option<u64>) -> ElstEntry {
        ElstEntry { segment_duration, media_time, media_rate: 1.into() }
    }

    #[test]
    fn an_edit_list_moves_presentation_times() {
        assert_eq!(shift(vec![edit(0, Some(1024))]), -1024);
        assert_eq!(shift(vec![edit(500, None), edit(0, Some(1024))]), 24_000 - 1024);
        assert_eq!(shift(vec![edit(u64::MAX, None), edit(0, Some(u64::MAX))]), i64::MIN, "hostile");
        assert_eq!(shift(Vec::new()), 0);
    }
}
