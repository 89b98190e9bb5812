//! Packed audio: an ID3 tag with the time stamp, then bare audio frames (RFC 8216 3.4).

use super::defects::Defects;
use super::timeline::Timeline;
use super::{Inspection, Track};
use crate::codec::audio::{Frame, Framer, Framing};
use crate::codec::parameters::Headers;
use crate::defect::DefectKind;
use crate::stream::Media;
use std::sync::Arc;

/// The tag's beginning that is searched for the time stamp.
const TAG_HELD: usize = 4096;
const OWNER: &[u8] = b"com.apple.streaming.transportStreamTimestamp\0";

#[derive(Debug)]
pub struct PackedAudio {
    state: State,
    codec: &'static str,
    /// The tag has a time stamp.
    stamped: bool,
    timeline: Timeline,
    defects: Defects,
}

#[derive(Debug)]
enum State {
    /// Up to ten bytes: is there a tag?
    Open(Vec<u8>),
    Tag {
        held: Vec<u8>,
        left: usize,
    },
    /// Up to two bytes: which frames?
    First(Vec<u8>),
    Frames(Framer),
}

impl PackedAudio {
    #[must_use]
    pub fn new(defects: Defects) -> Self {
        let state = State::Open(Vec::new());
        Self { state, codec: "unknown", stamped: false, timeline: Timeline::new(true), defects }
    }

    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let used = match &mut self.state {
                State::Open(held) => fill(held, 10, bytes),
                State::Tag { held, left } => {
                    let used = (*left).min(bytes.len());
                    fill(held, TAG_HELD, bytes.get(..used).unwrap_or_default());
                    *left -= used;
                    used
                }
                State::First(held) => fill(held, 2, bytes),
                State::Frames(framer) => {
                    let (timeline, codec, stamped) = (&mut self.timeline, &mut self.codec, self.stamped);
                    framer.push(bytes, |frame| count(frame, timeline, codec, stamped));
                    bytes.len()
                }
            };
            bytes = bytes.get(used..).unwrap_or_default();
            self.advance();
        }
    }

    fn advance(&mut self) {
        match std::mem::replace(&mut self.state, State::First(Vec::new())) {
            State::Open(held) if held.len() == 10 => self.opened(held),
            State::Tag { held, left: 0 } => {
                if let Some(stamp) = stamp(&held) {
                    self.stamped = true;
                    self.timeline.stamp(stamp, stamp);
                }
                self.state = State::First(Vec::new());
            }
            State::First(held) if held.len() == 2 => self.first(&held),
            state => self.state = state,
        }
    }

    /// ID3v2.4 3.1: the length has 28 bits, 7 a byte, and leaves header and footer out.
    fn opened(&mut self, held: Vec<u8>) {
        if let [b'I', b'D', b'3', _, _, flags, a, b, c, d] = held.as_slice() {
            let size = [a, b, c, d].iter().fold(0usize, |n, byte| n << 7 | usize::from(**byte & 0x7f));
            let footer = if flags & 0x10 != 0 { 10 } else { 0 };
            self.state = State::Tag { left: size + footer, held };
            self.advance();
        } else {
            self.state = State::First(Vec::new());
            self.push(&held);
        }
    }

    fn first(&mut self, held: &[u8]) {
        let framing = match held {
            [0x0b, 0x77] => Framing::Dolby,
            [0xff, b] if b & 0xf6 != 0xf0 => Framing::Mpeg,
            _ => Framing::Adts,
        };
        self.codec = match framing {
            Framing::Adts => "aac",
            Framing::Dolby => "ac-3",
            Framing::Mpeg => "mp3",
        };
        self.state = State::Frames(Framer::new(framing));
        self.push(held);
    }

    pub fn finish(mut self, inspection: &mut Inspection) -> Defects {
        if let State::Tag { left, .. } = &self.state {
            let end = inspection.bytes;
            self.defects.add(DefectKind::Container, 0, "ID3v2.4 3.1", || {
                format!("truncated: the body ends at byte {end}, {left} bytes before the end of its ID3 tag")
            });
        }
        let (stray, headers) = match &mut self.state {
            State::Frames(framer) => (framer.take_stray(), framer.headers()),
            _ => (0, Headers::default()),
        };
        if stray > 0 {
            self.defects
                .add(DefectKind::Container, 0, "RFC 8216 3.4", || format!("{stray} bytes belong to no audio frame"));
        }
        if matches!(self.state, State::Frames(_)) && !self.stamped {
            self.defects.add(DefectKind::Container, 0, "RFC 8216 3.4", || {
                "packed audio without its time stamp (an ID3 PRIV frame at the start): players can't place it"
                    .to_owned()
            });
        }
        let mut track = Track::new(0, Some(Media::Audio), self.codec.to_owned());
        self.timeline.finish(&mut track);
        track.parameters = headers.first.map(Arc::new);
        track.changed = headers.changed.map(Arc::new);
        inspection.tracks = vec![track];
        self.defects
    }
}

/// Takes bytes until `held` has `wanted`; how many of `bytes` it used up (all of them when it needs no more).
fn fill(held: &mut Vec<u8>, wanted: usize, bytes: &[u8]) -> usize {
    let used = wanted.saturating_sub(held.len()).min(bytes.len());
    held.extend_from_slice(bytes.get(..used).unwrap_or_default());
    used
}

fn count(frame: Frame, timeline: &mut Timeline, codec: &mut &'static str, stamped: bool) {
    if frame.enhanced() {
        *codec = "ec-3";
    }
    if stamped {
        timeline.frame(frame.samples, frame.rate);
    } else {
        timeline.untimed();
    }
}

/// The PRIV frame's 33-bit MPEG-2 time stamp in eight bytes.
fn stamp(tag: &[u8]) -> Option<u64> {
    let at = memchr::memmem::find(tag, OWNER)?;
    let bytes = tag.get(at + OWNER.len()..)?.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*bytes) & 0x1_ffff_ffff)
}
