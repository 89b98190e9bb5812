//! Fragmented ISO base media files (ISO/IEC 14496-12), CMAF among them (ISO/IEC 23000-19).
//!
//! `moov`, `moof`, `emsg`, `prft` and `sidx` are buffered within bounds and read; all other boxes pass without being
//! kept.

mod audio_samples;
mod side_boxes;
mod boxes;
mod expected_samples;
mod fragment;
mod in_band;
mod nal_lengths;
mod nal_samples;
mod init;
mod encryption;
mod sample_entry;
mod sample_places;
mod segment_index;
mod subtitles;
mod track;

use super::defects::DefectLog;
use super::{InitSegment, Inspection, MAX_PSSH_BOXES};
use crate::defect::DefectKind;
use crate::drm::Pssh;
use crate::units::Seconds;
use boxes::{BoxHeader, Mp4Box, printable_kind};
use fragment::Fragments;
pub use segment_index::{IndexedPart, SegmentIndex, segment_index};
use side_boxes::SideBoxes;

/// Size in bytes of the largest `moov` or `moof` that is read. Real ones have a few kilobytes.
const MAX_MOVIE_BOX: u64 = 4 << 20;

#[derive(Debug)]
pub(super) struct Mp4Reader {
    state: Mp4State,
    /// Byte offset in the resource of the next byte to be read.
    offset: u64,
    fragments: Fragments,
    /// Facts of the resource's own `moov`; `None` without one.
    init: Option<InitSegment>,
    has_mdat: bool,
    pssh_boxes: Vec<Pssh>,
    side_boxes: SideBoxes,
    defects: DefectLog,
}

#[derive(Debug)]
enum Mp4State {
    /// The bytes of an MP4 box header are being collected.
    Header(Vec<u8>),
    /// The body of an MP4 box is being collected, and is read when it is complete.
    Body { header: BoxHeader, at: u64, body: Vec<u8> },
    /// The body of an MP4 box is left out. `left` counts its remaining bytes; `None` means that it reaches to the end
    /// of the resource.
    Passed { header: BoxHeader, at: u64, left: Option<u64> },
    /// A box header was invalid, so no box behind it can be found.
    Lost,
}

impl Mp4Reader {
    #[must_use]
    pub(super) fn new(init: Option<InitSegment>, defects: DefectLog) -> Self {
        let state = Mp4State::Header(Vec::new());
        Self {
            state,
            offset: 0,
            fragments: Fragments::new(init),
            init: None,
            has_mdat: false,
            pssh_boxes: Vec::new(),
            side_boxes: SideBoxes::default(),
            defects,
        }
    }

    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let used = match &mut self.state {
                Mp4State::Header(header_bytes) => {
                    let used =
                        (BoxHeader::length_needed(header_bytes).saturating_sub(header_bytes.len())).min(bytes.len());
                    header_bytes.extend_from_slice(bytes.get(..used).unwrap_or_default());
                    used
                }
                Mp4State::Body { header, body, .. } => {
                    let used = available(header.size.unwrap_or(0) - header.length - body.len() as u64, bytes);
                    body.extend_from_slice(bytes.get(..used).unwrap_or_default());
                    used
                }
                Mp4State::Passed { left: Some(left), .. } => {
                    let used = available(*left, bytes);
                    *left -= used as u64;
                    self.fragments.pass_media(self.offset, bytes.get(..used).unwrap_or_default());
                    used
                }
                Mp4State::Passed { left: None, .. } => {
                    self.fragments.pass_media(self.offset, bytes);
                    bytes.len()
                }
                Mp4State::Lost => bytes.len(),
            };
            self.offset += used as u64;
            bytes = bytes.get(used..).unwrap_or_default();
            self.advance();
        }
    }

    /// Goes on to the next state as soon as the current one has all the bytes that it needs. An empty box needs none.
    fn advance(&mut self) {
        if let Mp4State::Header(header_bytes) = &self.state
            && header_bytes.len() == BoxHeader::length_needed(header_bytes)
            && let Some(header) = BoxHeader::parse(header_bytes)
        {
            self.begin_box(header);
        }
        match std::mem::replace(&mut self.state, Mp4State::Lost) {
            Mp4State::Body { header, at, body } if header.size == Some(header.length + body.len() as u64) => {
                self.state = Mp4State::Header(Vec::new());
                self.read_box(&Mp4Box::new(header.kind, at, &body, at + header.length));
            }
            Mp4State::Passed { header, left: Some(0), .. } => {
                if &header.kind == b"mdat" {
                    self.fragments.end_mdat();
                }
                self.state = Mp4State::Header(Vec::new());
            }
            state => self.state = state,
        }
    }

    fn begin_box(&mut self, header: BoxHeader) {
        let at = self.offset - header.length;
        if let Some(error) = header.error_at(at) {
            self.defects.add(DefectKind::Container, error.offset, boxes::BOX_CLAUSE, || error.message);
            self.state = Mp4State::Lost;
            return;
        }
        self.side_boxes.check_part_ends(at, &mut self.defects);
        if &header.kind == b"mdat" {
            self.has_mdat = true;
            self.fragments.begin_mdat(self.offset, header.size.map_or(u64::MAX, |s| s - header.length));
        }
        let is_movie_box = matches!(&header.kind, b"moov" | b"moof");
        let left = header.size.map(|size| size - header.length);
        self.state = match left {
            Some(left) if is_movie_box && left <= MAX_MOVIE_BOX => Mp4State::Body { header, at, body: Vec::new() },
            Some(left) if side_boxes::is_side_box(header.kind) && left <= side_boxes::MAX_SIDE_BOX => {
                Mp4State::Body { header, at, body: Vec::new() }
            }
            _ => Mp4State::Passed { header, at, left },
        };
        if is_movie_box && matches!(self.state, Mp4State::Passed { .. }) {
            self.report_unread(header, at);
        }
    }

    /// Reports a `moov` or `moof` that is too large to be read or has no size.
    fn report_unread(&mut self, header: BoxHeader, at: u64) {
        self.fragments.has_moof |= &header.kind == b"moof";
        self.defects.add(DefectKind::Container, at, boxes::BOX_CLAUSE, || {
            let size = header.size.map_or("no size".to_owned(), |s| format!("{s} bytes"));
            format!(
                "box {} at byte {at} has {size}; it is read up to {MAX_MOVIE_BOX} bytes",
                printable_kind(header.kind)
            )
        });
    }

    fn read_box(&mut self, found: &Mp4Box<'_>) {
        if side_boxes::is_side_box(found.kind) {
            return self.side_boxes.read_box(found, self.fragments.init(), &mut self.defects);
        }
        self.collect_pssh(found);
        if &found.kind == b"moof" {
            return self.fragments.read_moof(found, &mut self.defects);
        }
        let init = init::read_moov(found, &mut self.defects);
        self.fragments.set_init(&init);
        self.init = Some(init);
    }

    fn collect_pssh(&mut self, movie: &Mp4Box<'_>) {
        let boxes = movie.children().map_while(Result::ok).filter(|b| &b.kind == b"pssh");
        for pssh in boxes.filter_map(|b| Pssh::parse(b.body)) {
            if self.pssh_boxes.len() < MAX_PSSH_BOXES && !self.pssh_boxes.contains(&pssh) {
                self.pssh_boxes.push(pssh);
            }
        }
    }

    /// Media time from the start of the segment to the end of each fragment that has arrived whole.
    pub(super) fn fragment_ends(&self) -> &[Seconds] {
        self.fragments.ends()
    }

    pub(super) fn finish(mut self, inspection: &mut Inspection) -> (DefectLog, Option<InitSegment>) {
        self.report_truncation();
        let is_complete = match &self.state {
            Mp4State::Header(header_bytes) => header_bytes.is_empty(),
            Mp4State::Passed { left, .. } => left.is_none(),
            Mp4State::Body { .. } | Mp4State::Lost => false,
        };
        if matches!(self.state, Mp4State::Header(_)) && is_complete {
            self.side_boxes.check_last_part(self.offset, self.fragments.has_moof, &mut self.defects);
        }
        if !matches!(self.state, Mp4State::Lost) {
            self.fragments.close_fragment(is_complete, &mut self.defects);
        }
        if !self.fragments.has_moof && (self.has_mdat || self.init.is_none()) {
            self.defects.add(DefectKind::Container, 0, "ISO/IEC 14496-12 8.8.4; ISO/IEC 23000-19 7.3.2", || {
                "the segment has no movie fragment (`moof`)".to_owned()
            });
        }
        inspection.has_moov = self.init.is_some();
        inspection.pssh_boxes = self.pssh_boxes;
        inspection.encrypted |= self.fragments.encrypted();
        inspection.tracks = self.fragments.finish();
        inspection.events = self.side_boxes.finish(&inspection.tracks);
        (self.defects, self.init)
    }

    fn report_truncation(&mut self) {
        let end = self.offset;
        let (at, what) = match &self.state {
            Mp4State::Header(header_bytes) if !header_bytes.is_empty() => {
                (end - header_bytes.len() as u64, "inside a box header".to_owned())
            }
            Mp4State::Body { header, at, .. } | Mp4State::Passed { header, at, left: Some(_) } => {
                let size = header.size.unwrap_or(0);
                (*at, format!("{} bytes into box {} of {size} bytes", end - at, printable_kind(header.kind)))
            }
            _ => return,
        };
        self.defects.add(DefectKind::Container, at, boxes::BOX_CLAUSE, || {
            format!("truncated: the body ends at byte {end}, {what}")
        });
    }
}

fn available(left: u64, bytes: &[u8]) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len())
}
