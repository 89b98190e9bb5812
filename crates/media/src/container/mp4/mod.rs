//! ISO base media file format, fragmented (ISO/IEC 14496-12; CMAF, ISO/IEC 23000-19).
//!
//! `moov`, `moof` and the boxes beside the media are buffered within bounds and read; everything else passes by.

mod beside;
mod boxes;
mod fragment;
mod in_band;
mod init;
mod protection;
mod sample_entry;
mod segment_index;
mod subtitles;
mod track;

use super::defects::Defects;
use super::{Init, Inspection, MAX_SYSTEMS};
use crate::defect::DefectKind;
use crate::drm::Pssh;
use beside::Beside;
use boxes::{Boxed, Header, name};
use fragment::Fragments;
pub use segment_index::{IndexedPart, SegmentIndex, segment_index};

/// A larger `moov` or `moof` isn't read. Real ones have a few kilobytes.
const BUFFER_MAX: u64 = 4 << 20;

#[derive(Debug)]
pub struct Mp4 {
    state: State,
    /// Bytes seen.
    offset: u64,
    fragments: Fragments,
    /// Of the resource's own `moov`.
    init: Option<Init>,
    mdat: bool,
    systems: Vec<Pssh>,
    beside: Beside,
    defects: Defects,
}

#[derive(Debug)]
enum State {
    Header(Vec<u8>),
    /// A box that is read when it is complete.
    Collect {
        header: Header,
        at: u64,
        body: Vec<u8>,
    },
    /// A box that isn't; `left` is `None` for one that reaches to the end.
    Skip {
        header: Header,
        at: u64,
        left: Option<u64>,
    },
    /// A header made no sense: nothing behind it can be found.
    Lost,
}

impl Mp4 {
    #[must_use]
    pub fn new(init: Option<Init>, defects: Defects) -> Self {
        let state = State::Header(Vec::new());
        Self {
            state,
            offset: 0,
            fragments: Fragments::new(init),
            init: None,
            mdat: false,
            systems: Vec::new(),
            beside: Beside::default(),
            defects,
        }
    }

    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let used = match &mut self.state {
                State::Header(held) => {
                    let used = (Header::wanted(held).saturating_sub(held.len())).min(bytes.len());
                    held.extend_from_slice(bytes.get(..used).unwrap_or_default());
                    used
                }
                State::Collect { header, body, .. } => {
                    let used = bounded(header.size.unwrap_or(0) - header.length - body.len() as u64, bytes);
                    body.extend_from_slice(bytes.get(..used).unwrap_or_default());
                    used
                }
                State::Skip { left: Some(left), .. } => {
                    let used = bounded(*left, bytes);
                    *left -= used as u64;
                    self.fragments.pass(self.offset, bytes.get(..used).unwrap_or_default());
                    used
                }
                State::Skip { left: None, .. } | State::Lost => bytes.len(),
            };
            self.offset += used as u64;
            bytes = bytes.get(used..).unwrap_or_default();
            self.advance();
        }
    }

    /// Goes on to the next state when the current one has what it needs. An empty box needs no bytes.
    fn advance(&mut self) {
        if let State::Header(held) = &self.state
            && held.len() == Header::wanted(held)
            && let Some(header) = Header::read(held)
        {
            self.begin(header);
        }
        match std::mem::replace(&mut self.state, State::Lost) {
            State::Collect { header, at, body } if header.size == Some(header.length + body.len() as u64) => {
                self.state = State::Header(Vec::new());
                self.read(&Boxed::new(header.kind, at, &body, at + header.length));
            }
            State::Skip { left: Some(0), .. } => self.state = State::Header(Vec::new()),
            state => self.state = state,
        }
    }

    fn begin(&mut self, header: Header) {
        let at = self.offset - header.length;
        if let Some(fault) = header.fault(at) {
            self.defects.add(DefectKind::Container, fault.at, boxes::CLAUSE, || fault.message);
            self.state = State::Lost;
            return;
        }
        self.beside.reached(at, &mut self.defects);
        if &header.kind == b"mdat" {
            self.mdat = true;
            self.fragments.mdat(header.size.map_or(u64::MAX, |s| s - header.length));
        }
        let wanted = matches!(&header.kind, b"moov" | b"moof");
        let left = header.size.map(|size| size - header.length);
        self.state = match left {
            Some(left) if wanted && left <= BUFFER_MAX => State::Collect { header, at, body: Vec::new() },
            Some(left) if beside::wanted(header.kind) && left <= beside::BUFFER_MAX => {
                State::Collect { header, at, body: Vec::new() }
            }
            _ => State::Skip { header, at, left },
        };
        if wanted && matches!(self.state, State::Skip { .. }) {
            self.unread(header, at);
        }
    }

    /// A movie box that is too large or has no size.
    fn unread(&mut self, header: Header, at: u64) {
        self.fragments.any |= &header.kind == b"moof";
        self.defects.add(DefectKind::Container, at, boxes::CLAUSE, || {
            let size = header.size.map_or("no size".to_owned(), |s| format!("{s} bytes"));
            format!("box {} at byte {at} has {size}; it is read up to {BUFFER_MAX} bytes", name(header.kind))
        });
    }

    fn read(&mut self, found: &Boxed<'_>) {
        if beside::wanted(found.kind) {
            return self.beside.read(found, self.fragments.init(), &mut self.defects);
        }
        self.systems(found);
        if &found.kind == b"moof" {
            return self.fragments.moof(found, &mut self.defects);
        }
        let init = init::read(found, &mut self.defects);
        self.fragments.initialize(&init);
        self.init = Some(init);
    }

    fn systems(&mut self, movie: &Boxed<'_>) {
        let boxes = movie.children().map_while(Result::ok).filter(|b| &b.kind == b"pssh");
        for pssh in boxes.filter_map(|b| Pssh::read(b.body)) {
            if self.systems.len() < MAX_SYSTEMS && !self.systems.contains(&pssh) {
                self.systems.push(pssh);
            }
        }
    }

    pub fn finish(mut self, inspection: &mut Inspection) -> (Defects, Option<Init>) {
        self.truncated();
        if matches!(&self.state, State::Header(held) if held.is_empty()) {
            self.beside.ended(self.offset, self.fragments.any, &mut self.defects);
        }
        if !matches!(self.state, State::Lost) {
            self.fragments.settle(&mut self.defects);
        }
        if !self.fragments.any && (self.mdat || self.init.is_none()) {
            self.defects.add(DefectKind::Container, 0, "ISO/IEC 14496-12 8.8.4; ISO/IEC 23000-19 7.3.2", || {
                "the segment has no movie fragment (`moof`)".to_owned()
            });
        }
        inspection.systems = self.systems;
        inspection.encrypted |= self.fragments.encrypted();
        inspection.tracks = self.fragments.finish();
        inspection.events = self.beside.finish(&inspection.tracks);
        (self.defects, self.init)
    }

    fn truncated(&mut self) {
        let end = self.offset;
        let (at, what) = match &self.state {
            State::Header(held) if !held.is_empty() => (end - held.len() as u64, "inside a box header".to_owned()),
            State::Collect { header, at, .. } | State::Skip { header, at, left: Some(_) } => {
                let size = header.size.unwrap_or(0);
                (*at, format!("{} bytes into box {} of {size} bytes", end - at, name(header.kind)))
            }
            _ => return,
        };
        self.defects.add(DefectKind::Container, at, boxes::CLAUSE, || {
            format!("truncated: the body ends at byte {end}, {what}")
        });
    }
}

fn bounded(left: u64, bytes: &[u8]) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len())
}
