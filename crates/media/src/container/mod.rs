//! Media segments, inspected while they arrive: bytes → tracks, timestamps, key frames, continuity.
//!
//! Nothing here keeps a segment whole, allocates by a length that the input names, or panics. A broken
//! input is described by [`Defect`]s with byte offsets; what could be learned before it stays.

mod audio;
mod defects;
mod mp4;
mod protection;
mod sniff;
mod text;
mod timeline;
mod ts;

use crate::codec::parameters::Parameters;
use crate::defect::{Defect, DefectKind};
use crate::drm::Pssh;
use crate::splice::Section;
use crate::stream::Media;
use crate::units::{MPEG_TIMESCALE, MediaTime, Seconds};
use audio::PackedAudio;
use defects::Defects;
use mp4::Mp4;
pub use mp4::{IndexedPart, SegmentIndex, segment_index};
pub use protection::{Pattern, Protection};
use serde::Serialize;
use sniff::Kind;
pub use sniff::{Clear, WINDOW, clear};
use std::num::NonZeroU32;
use std::sync::Arc;
use text::WebVtt;
use ts::Ts;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    MpegTs,
    /// ISO BMFF, fragmented.
    Cmaf,
    PackedAudio,
    WebVtt,
    /// Not recognised: HTML, noise, nothing.
    Unknown,
}

/// What inspecting one media segment (or initialization segment) has learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    pub container: Container,
    pub bytes: u64,
    pub tracks: Vec<Track>,
    pub ts: Option<TsFacts>,
    /// Bounded: at most [`MAX_DEFECTS`] are kept, `defects_total` counts all.
    pub defects: Vec<Defect>,
    pub defects_total: u64,
    /// The first bytes, for a finding's evidence when the container isn't recognised (at most 32).
    pub head: Vec<u8>,
    /// Scrambled (TS transport_scrambling_control) or protected (senc, encv/enca) samples were seen.
    pub encrypted: bool,
    /// Of WebVTT.
    pub cues: Option<Cues>,
    /// `pssh` boxes of the movie and of its fragments, each once, at most [`MAX_SYSTEMS`].
    pub systems: Vec<Pssh>,
    /// Event messages (`emsg`) of fragmented MP4 in their order, bounded.
    pub events: Vec<Event>,
}

/// An event message (ISO/IEC 23009-1 5.10.3.3).
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Byte offset of its box.
    pub at: u64,
    /// scheme_id_uri, bounded.
    pub scheme: String,
    pub id: u32,
    /// When it happens, on the presentation timeline; `None` where it counts from the beginning of a segment whose times aren't
    /// known.
    pub time: Option<MediaTime>,
    /// Of SCTE 35 (`urn:scte:scte35:2013:bin`), where it could be read.
    pub section: Option<Section>,
}

/// The times of a WebVTT segment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cues {
    pub map: Option<TimestampMap>,
    /// Of the cues' own times the first and the last; `None` without a cue.
    pub span: Option<(Seconds, Seconds)>,
}

/// Subtitles of a track of fragmented MP4 (`stpp`, `wvtt`).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Subtitles {
    /// Samples that could be read.
    pub samples: u64,
    /// Cues in them; a pause has none.
    pub cues: u64,
    /// Of TTML: when the first begins and the last ends on the track's clock, an end perhaps never.
    pub span: Option<(Seconds, Seconds)>,
}

/// X-TIMESTAMP-MAP (RFC 8216 3.5): a cue's time and the MPEG time stamp that is the same instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimestampMap {
    pub local: Seconds,
    /// 90 kHz, as written: it may exceed 33 bits.
    pub mpeg: u64,
}

impl Cues {
    /// When the first cue appears on the clock of MPEG. Without a map both clocks begin together.
    #[must_use]
    pub fn begin(&self) -> Option<MediaTime> {
        let map = self.map.unwrap_or(TimestampMap { local: Seconds::ZERO, mpeg: 0 });
        let later = (self.span?.0.0 - map.local.0) * f64::from(MPEG_TIMESCALE.get());
        Some(MediaTime::mpeg(map.mpeg.wrapping_add_signed(later.round() as i64)))
    }

    /// From the first cue's appearance to the last one's end.
    #[must_use]
    pub fn length(&self) -> Option<Seconds> {
        self.span.map(|(from, to)| to - from)
    }
}

/// `pssh` boxes kept of one resource.
pub const MAX_SYSTEMS: usize = 16;

pub const MAX_DEFECTS: usize = 16;

/// Tracks kept of one resource.
pub const MAX_TRACKS: usize = 64;

/// Key frames of a track whose times are kept.
pub const MAX_KEYFRAMES: usize = 16;

#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// PID, or track_ID.
    pub id: u32,
    pub media: Option<Media>,
    /// `h264`, `hevc`, `aac`, `ac-3`, `ec-3`, `av1`, `opus`, `id3`, `wvtt`… or the raw four-character code / stream type.
    pub codec: String,
    /// Smallest decode time; for TS unwrapped so that `end - start` is a plain difference.
    pub start: Option<MediaTime>,
    /// Smallest presentation time.
    pub presentation_start: Option<MediaTime>,
    /// Decode time at which the next segment has to go on: last decode time plus last sample's duration.
    pub end: Option<MediaTime>,
    /// Samples (access units; for TS audio the PES packets' frames where countable, else PES packets).
    pub samples: u64,
    /// Video: the first access unit is a random access point. `None` where it can't be told (encrypted).
    pub starts_with_keyframe: Option<bool>,
    pub keyframes: u64,
    /// Longest distance between key frames that begin in this segment.
    pub keyframe_interval_max: Option<Seconds>,
    /// Largest distance between consecutive decode times inside the segment.
    pub sample_gap_max: Option<Seconds>,
    /// What its headers say of picture or sound: the segment's first ones, or the sample entry's. `None` where there
    /// were none, or none that can be read.
    pub parameters: Option<Arc<Parameters>>,
    /// What they said later in the segment, where that is something else.
    pub changed: Option<Arc<Parameters>>,
    /// Video: closed captions (CEA-608 or CEA-708) come with its pictures; `None` where that can't be told.
    pub captions: Option<bool>,
    /// Text in MP4: what its samples have to show; `None` where none could be read.
    pub subtitles: Option<Subtitles>,
    /// Video: presentation times of the key frames in their order, the first [`MAX_KEYFRAMES`].
    pub keyframes_at: Vec<MediaTime>,
    /// MP4: how its samples here are encrypted; `None` where they are clear.
    pub protection: Option<Arc<Protection>>,
}

impl Track {
    /// A track of which nothing was measured.
    #[must_use]
    pub fn new(id: u32, media: Option<Media>, codec: String) -> Self {
        Self {
            id,
            media,
            codec,
            start: None,
            presentation_start: None,
            end: None,
            samples: 0,
            starts_with_keyframe: None,
            keyframes: 0,
            keyframe_interval_max: None,
            sample_gap_max: None,
            parameters: None,
            changed: None,
            captions: None,
            subtitles: None,
            keyframes_at: Vec::new(),
            protection: None,
        }
    }

    /// Media duration: from the first decode time to where the next segment goes on.
    #[must_use]
    pub fn duration(&self) -> Option<Seconds> {
        self.end?.since(self.start?)
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct TsFacts {
    pub packets: u64,
    pub continuity_errors: u64,
    pub transport_errors: u64,
    /// Packets whose payload is scrambled by transport_scrambling_control.
    pub scrambled: u64,
    pub pcr_interval_max: Option<Seconds>,
    /// Program clock references on the PID that the PMT names (before one was read: on the first PID that has any).
    pub pcrs: u64,
    /// The first of them, on the 90 kHz clock of PTS and DTS.
    pub pcr_first: Option<MediaTime>,
    pub pat_at: Option<u64>,
    pub pmt_at: Option<u64>,
    /// SCTE 35 sections on PIDs of stream type 0x86 in their order, at most [`MAX_SECTIONS`].
    pub sections: Vec<TsSection>,
    /// Per PID the first and the last continuity counter with payload, for the comparison across segments.
    pub counters: Vec<Counter>,
}

/// SCTE 35 sections kept of one segment.
pub const MAX_SECTIONS: usize = 64;

/// A splice_info_section and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct TsSection {
    pub pid: u16,
    /// Byte offset of the packet in which it begins.
    pub at: u64,
    pub section: Section,
}

impl Inspection {
    /// SCTE 35 sections that lead out of the programme or back: no heartbeats.
    #[must_use]
    pub fn splices(&self) -> usize {
        let carried = self.ts.iter().flat_map(|ts| ts.sections.iter().map(|s| &s.section));
        let messages = self.events.iter().filter_map(|e| e.section.as_ref());
        carried.chain(messages).filter(|s| !s.cues.is_empty()).count()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    pub pid: u16,
    pub first: u8,
    pub last: u8,
    /// The first packet signalled a discontinuity (adaptation field discontinuity_indicator).
    pub discontinuity: bool,
}

/// What a media segment needs to know of its initialization segment (EXT-X-MAP), learned by inspecting that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Init {
    /// In the order of the `moov`; at most [`MAX_TRACKS`].
    pub tracks: Vec<InitTrack>,
}

/// One `trak` with its `trex` (ISO/IEC 14496-12 8.3, 8.8.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitTrack {
    pub id: u32,
    pub media: Option<Media>,
    /// As in [`Track::codec`]; of a protected entry the original format.
    pub codec: String,
    /// Of each sample entry; `None` of a clear one. At most [`MAX_ENTRIES`].
    pub entries: Vec<Option<Arc<Protection>>>,
    /// Of the samples of a fragment that names none, from 1.
    pub default_entry: u32,
    /// `None` when `mdhd` is missing or says 0: fragments of this track have no times.
    pub timescale: Option<NonZeroU32>,
    /// Ticks that the edit list adds to composition times.
    pub presentation_shift: i64,
    /// `None` without a `trex`.
    pub default_duration: Option<u32>,
    pub default_size: Option<u32>,
    pub default_flags: u32,
    /// Of the first sample entry.
    pub parameters: Option<Arc<Parameters>>,
    /// Bytes of a NAL unit's length in its samples; `None` where they have none.
    pub nal_length: Option<usize>,
}

/// Sample entries kept of one track: a clear and an encrypted one where encryption begins later.
pub const MAX_ENTRIES: usize = 8;

impl InitTrack {
    /// A protected entry is `encv`, `enca` or another of that kind.
    #[must_use]
    pub fn encrypted(&self) -> bool {
        self.entries.iter().flatten().any(|p| !p.clear)
    }
}

/// Inspects one resource as its bytes arrive.
#[derive(Debug)]
pub struct Inspector {
    init: Option<Init>,
    bytes: u64,
    /// The first bytes, until they say what the container is.
    head: Vec<u8>,
    parser: Option<Parser>,
}

#[derive(Debug)]
enum Parser {
    Ts(Box<Ts>),
    Mp4(Box<Mp4>),
    PackedAudio(Box<PackedAudio>),
    WebVtt(WebVtt),
    /// Nothing more is read: not recognised, or packets of another size.
    Blind(Container, Defects),
}

/// Bytes kept for [`Inspection::head`].
const HEAD_KEPT: usize = 32;

impl Inspector {
    /// `init`: the initialization section in force for a fragmented MP4 segment.
    #[must_use]
    pub fn new(init: Option<&Init>) -> Self {
        Self { init: init.cloned(), bytes: 0, head: Vec::new(), parser: None }
    }

    /// The next bytes, in pieces of any size.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        if let Some(parser) = &mut self.parser {
            return parser.push(bytes);
        }
        let (head, rest) = bytes.split_at(bytes.len().min(sniff::WINDOW - self.head.len()));
        self.head.extend_from_slice(head);
        if self.head.len() == sniff::WINDOW {
            self.decide().push(rest);
        }
    }

    /// What was learned. `Init` is `Some` where a `moov` was read.
    #[must_use]
    pub fn finish(mut self) -> (Inspection, Option<Init>) {
        if self.parser.is_none() {
            self.decide();
        }
        let mut inspection = Inspection {
            container: Container::Unknown,
            bytes: self.bytes,
            tracks: Vec::new(),
            ts: None,
            defects: Vec::new(),
            defects_total: 0,
            // Copied: collecting in place would keep the whole window's memory for as long as the history lasts.
            head: self.head.get(..HEAD_KEPT).unwrap_or(&self.head).to_vec(),
            encrypted: false,
            systems: Vec::new(),
            events: Vec::new(),
            cues: None,
        };
        let Some(parser) = self.parser else { return (inspection, None) };
        let (defects, init) = parser.finish(&mut inspection);
        (inspection.defects, inspection.defects_total) = defects.finish();
        inspection.tracks.shrink_to_fit();
        (inspection, init)
    }

    /// Chooses the parser by the first bytes and hands them to it.
    fn decide(&mut self) -> &mut Parser {
        let parser = Parser::new(&self.head, self.init.take());
        let parser = self.parser.insert(parser);
        parser.push(&self.head);
        self.head.truncate(HEAD_KEPT);
        parser
    }
}

impl Parser {
    fn new(head: &[u8], init: Option<Init>) -> Self {
        let mut defects = Defects::default();
        match sniff::kind(head) {
            Kind::Ts => Self::Ts(Box::new(Ts::new(defects))),
            Kind::Mp4 => Self::Mp4(Box::new(Mp4::new(init, defects))),
            Kind::PackedAudio => Self::PackedAudio(Box::new(PackedAudio::new(defects))),
            Kind::WebVtt => Self::WebVtt(WebVtt::new(defects)),
            Kind::TsWrapped(size) => {
                defects.add(DefectKind::Container, 0, "ISO/IEC 13818-1 2.4.3.2; RFC 8216 3.2", || {
                    format!("transport stream packets of {size} bytes; a segment has packets of 188 bytes")
                });
                Self::Blind(Container::MpegTs, defects)
            }
            Kind::Unknown => {
                let looks = sniff::describe(head);
                defects.add(DefectKind::Container, 0, "RFC 8216 3.1", || format!("not a media segment: {looks}"));
                Self::Blind(Container::Unknown, defects)
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Ts(ts) => ts.push(bytes),
            Self::Mp4(mp4) => mp4.push(bytes),
            Self::PackedAudio(audio) => audio.push(bytes),
            Self::WebVtt(text) => text.push(bytes),
            Self::Blind(..) => {}
        }
    }

    fn finish(self, inspection: &mut Inspection) -> (Defects, Option<Init>) {
        let (container, (defects, init)) = match self {
            Self::Ts(ts) => (Container::MpegTs, (ts.finish(inspection), None)),
            Self::Mp4(mp4) => (Container::Cmaf, mp4.finish(inspection)),
            Self::PackedAudio(audio) => (Container::PackedAudio, (audio.finish(inspection), None)),
            Self::WebVtt(text) => (Container::WebVtt, (text.finish(inspection), None)),
            Self::Blind(container, defects) => (container, (defects, None)),
        };
        inspection.container = container;
        (defects, init)
    }
}

#[cfg(test)]
mod tests;
