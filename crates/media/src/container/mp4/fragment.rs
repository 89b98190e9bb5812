//! Movie fragments: `moof` and the `mdat` behind it.

use super::boxes::{self, Boxed, Fault};
use super::in_band::Heads;
use super::protection::{self, Groups};
use super::subtitles::Texts;
use super::track::Fragmented;
use crate::container::defects::Defects;
use crate::container::{Init, InitTrack, MAX_TRACKS, Track};
use crate::defect::DefectKind;
use mp4_atom::{Tfdt, Tfhd, Trun};

/// The tracks of a segment, fragment by fragment.
#[derive(Debug)]
pub struct Fragments {
    init: Option<Init>,
    tracks: Vec<Fragmented>,
    open: Option<Open>,
    heads: Heads,
    texts: Texts,
    /// A `moof` was seen.
    pub any: bool,
    /// Samples were seen that are encrypted, or said to be.
    encrypted: bool,
}

/// A `moof` whose samples are still to come.
#[derive(Debug)]
struct Open {
    at: u64,
    /// Bytes that its samples need, where that is known.
    needs: Option<u64>,
    /// Bytes of `mdat` since.
    has: Option<u64>,
}

impl Fragments {
    #[must_use]
    pub fn new(init: Option<Init>) -> Self {
        Self {
            init,
            tracks: Vec::new(),
            open: None,
            heads: Heads::default(),
            texts: Texts::default(),
            any: false,
            encrypted: false,
        }
    }

    /// The resource has a `moov` of its own.
    pub fn initialize(&mut self, init: &Init) {
        self.init = Some(init.clone());
    }

    /// The initialization segment in force.
    #[must_use]
    pub fn init(&self) -> Option<&Init> {
        self.init.as_ref()
    }

    pub fn moof(&mut self, moof: &Boxed<'_>, defects: &mut Defects) {
        self.settle(defects);
        self.any = true;
        let mut needs = Some(0u64);
        for child in moof.children() {
            let bytes = match child {
                Ok(traf) if &traf.kind == b"traf" => self.traf(&traf, moof.at, defects),
                Ok(_) => Ok(Some(0)),
                Err(fault) => Err(fault),
            };
            match bytes {
                Ok(bytes) => needs = needs.zip(bytes).map(|(a, b)| a.saturating_add(b)),
                Err(fault) => {
                    needs = None;
                    defects.add(DefectKind::Container, fault.at, boxes::CLAUSE, || fault.message);
                }
            }
        }
        self.open = Some(Open { at: moof.at, needs, has: None });
    }

    /// An `mdat` begins; `bytes` is its payload, `u64::MAX` to the end of the resource.
    pub fn mdat(&mut self, bytes: u64) {
        if let Some(open) = &mut self.open {
            open.has = Some(open.has.unwrap_or(0).saturating_add(bytes));
        }
    }

    /// Bytes of media that stand at `at`.
    pub fn pass(&mut self, at: u64, bytes: &[u8]) {
        self.heads.pass(at, bytes);
        self.texts.pass(at, bytes);
    }

    /// The fragment before is complete.
    pub fn settle(&mut self, defects: &mut Defects) {
        for (id, head) in self.heads.take() {
            self.tracks.iter_mut().filter(|t| t.id == id).for_each(|t| t.in_band.sample(&head));
        }
        let tracks = &mut self.tracks;
        self.texts.settle(defects, |id, found| {
            tracks.iter_mut().filter(|t| t.id == id).for_each(|t| t.subtitles.get_or_insert_default().add(found));
        });
        let Some(Open { at, needs, has }) = self.open.take() else { return };
        match (needs, has) {
            (Some(0), None) => {}
            (_, None) => {
                defects.add(DefectKind::Container, at, "ISO/IEC 14496-12 8.8.4; ISO/IEC 23000-19 7.3.2", || {
                    format!("the `moof` at byte {at} has no `mdat` behind it")
                })
            }
            (Some(needs), Some(has)) if needs > has => {
                defects.add(DefectKind::Container, at, "ISO/IEC 14496-12 8.8.8", || {
                    format!("the `moof` at byte {at} describes {needs} bytes of samples, its `mdat` holds {has}")
                });
            }
            _ => {}
        }
    }

    /// Bytes of the fragment's samples, where they are known.
    fn traf(&mut self, traf: &Boxed<'_>, moof: u64, defects: &mut Defects) -> Result<Option<u64>, Fault> {
        let parts = Parts::read(traf)?;
        let Some(tfhd) = parts.tfhd else { return Err(traf.fault("has no `tfhd`".to_owned())) };
        let Some(track) = self.track(tfhd.track_id, traf.at, defects) else { return Ok(None) };
        let defaults = track.defaults(&tfhd);
        match parts.tfdt {
            Some(tfdt) => track.seek(i64::try_from(tfdt.base_media_decode_time).unwrap_or(i64::MAX)),
            None => defects.add(DefectKind::Container, traf.at, "ISO/IEC 14496-12 8.8.12; RFC 8216 3.3", || {
                format!("the `traf` of track {} at byte {} has no `tfdt`: its time is unknown", tfhd.track_id, traf.at)
            }),
        }
        let mut bytes = Some(0u64);
        for run in &parts.runs {
            let needs = track.run(run, defaults);
            bytes = bytes.zip(needs).map(|(a, b)| a.saturating_add(b));
        }
        let protection = track.entry(&tfhd).map(|entry| parts.groups.over(entry));
        let vector_size = protection.as_ref().and_then(|p| p.vector_size);
        let encrypted = track.protect(protection, parts.senc.as_ref().is_some_and(protection::describes));
        if let (Some(offset), false) = (parts.runs.first().and_then(|run| run.data_offset), encrypted) {
            let (size, form) = (track.peeks(&parts.runs, defaults), track.form());
            let from = tfhd.base_data_offset.unwrap_or(moof).saturating_add_signed(offset.into());
            if let Some(size) = size {
                self.heads.want(tfhd.track_id, from, size);
            }
            if let Some(form) = form {
                self.texts.want(tfhd.track_id, form, from, &parts.runs, defaults.size);
            }
        }
        self.encrypted |= encrypted;
        if let (Some(senc), Some(vector_size)) = (&parts.senc, vector_size)
            && let Err(fault) = protection::samples(senc, vector_size, &parts.runs, defaults.size)
        {
            defects.add(DefectKind::Container, fault.at, "ISO/IEC 23001-7 7.2", || fault.message);
        }
        Ok(bytes)
    }

    /// The track with this id, new or known; a defect when the initialization segment doesn't have it.
    fn track(&mut self, id: u32, at: u64, defects: &mut Defects) -> Option<&mut Fragmented> {
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
        self.tracks.push(Fragmented::new(id, track));
        self.tracks.last_mut()
    }

    /// Of a lone initialization segment: what it announces.
    #[must_use]
    pub fn encrypted(&self) -> bool {
        let announced = || self.init.iter().flat_map(|i| &i.tracks).any(InitTrack::encrypted);
        if self.any { self.encrypted } else { announced() }
    }

    /// The tracks seen; of a lone initialization segment those that it announces.
    #[must_use]
    pub fn finish(self) -> Vec<Track> {
        if self.any {
            return self.tracks.into_iter().map(Fragmented::finish).collect();
        }
        let announced = self.init.into_iter().flat_map(|i| i.tracks);
        let track = |t: InitTrack| Track {
            protection: t.entries.into_iter().flatten().next(),
            parameters: t.parameters,
            ..Track::new(t.id, t.media, t.codec)
        };
        announced.map(track).collect()
    }
}

/// The boxes of a `traf` that are read.
#[derive(Debug, Default)]
struct Parts<'a> {
    tfhd: Option<Tfhd>,
    tfdt: Option<Tfdt>,
    runs: Vec<Trun>,
    senc: Option<Boxed<'a>>,
    groups: Groups<'a>,
}

impl<'a> Parts<'a> {
    fn read(traf: &Boxed<'a>) -> Result<Self, Fault> {
        let mut parts = Self::default();
        for child in traf.children() {
            let child = child?;
            match &child.kind {
                b"tfhd" => parts.tfhd = Some(child.leaf()?),
                b"tfdt" => parts.tfdt = Some(child.leaf()?),
                b"trun" => parts.runs.push(child.leaf()?),
                b"senc" => parts.senc = Some(child),
                b"sgpd" | b"sbgp" => parts.groups.add(&child),
                _ => {}
            }
        }
        Ok(parts)
    }
}
