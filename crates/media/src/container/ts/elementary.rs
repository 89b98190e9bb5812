//! One elementary stream: PES packets → samples on a time line.

use super::habit::Habit;
use super::id3::Tags;
use super::packet::Packet;
use super::pes;
use super::stream_type::{self, Carriage, Stream};
use crate::codec::audio::Framer;
use crate::codec::nal::{Access, Unit};
use crate::codec::opus::Packets;
use crate::codec::parameters::{Headers, Parameters};
use crate::codec::picture::Scanner;
use crate::codec::rfc6381::Codec;
use crate::container::Track;
use crate::container::defects::Defects;
use crate::container::timeline::Timeline;
use crate::defect::DefectKind;
use crate::stream::Media;
use std::sync::Arc;

const CLAUSE: &str = "ISO/IEC 13818-1 2.4.3.7";

#[derive(Debug)]
pub struct Elementary {
    pub pid: u16,
    pub stream: Stream,
    reader: pes::Reader,
    timeline: Timeline,
    parser: Parser,
    access_unit: AccessUnit,
    habit: Habit,
    /// Samples were seen that can't be looked into.
    scrambled: bool,
}

#[derive(Debug)]
enum Parser {
    Video(Box<Scanner>),
    Audio(Framer),
    Opus(Packets),
    /// A PES packet is a sample.
    Metadata(Tags),
    Opaque,
}

/// The picture that is being read.
#[derive(Debug, Default)]
struct AccessUnit {
    recovery: bool,
    judged: bool,
}

impl Elementary {
    #[must_use]
    pub fn new(pid: u16, stream: Stream) -> Self {
        let parser = Parser::of(&stream);
        let timeline = Timeline::new(parser.counts());
        Self {
            pid,
            stream,
            reader: pes::Reader::default(),
            timeline,
            parser,
            access_unit: AccessUnit::default(),
            habit: Habit::default(),
            scrambled: false,
        }
    }

    /// The PMT came after the stream's first packets.
    pub fn announce(&mut self, stream: Stream) {
        if self.stream != stream {
            self.parser = Parser::of(&stream);
            self.timeline.count(self.parser.counts());
            self.stream = stream;
        }
    }

    /// A packet with payload; `true` when the PES header says that it is scrambled.
    pub fn push(&mut self, at: u64, packet: &Packet<'_>, defects: &mut Defects) -> bool {
        if packet.scrambled || self.stream.carriage == Carriage::Sections {
            self.scrambled |= packet.scrambled;
            if packet.start {
                self.timeline.untimed();
            }
            return packet.scrambled;
        }
        if packet.start {
            self.flush();
        }
        let step = self.reader.push(packet.start, packet.payload);
        let mut scrambled = false;
        match step.header {
            Some(Ok(header)) => scrambled = self.begin(header),
            Some(Err(fault)) => complain(at, self.pid, fault, defects),
            None => {}
        }
        if !self.scrambled {
            self.body(step.body);
        }
        if let (Parser::Metadata(tags), false) = (&mut self.parser, self.scrambled)
            && let Some(first) = tags.push(step.body)
        {
            untagged(at, self.pid, first, defects);
        }
        scrambled
    }

    /// Packets of this stream were lost before the next one.
    pub fn reset(&mut self) {
        self.reader.reset();
        match &mut self.parser {
            Parser::Video(scanner) => scanner.reset(),
            Parser::Audio(framer) => framer.reset(),
            Parser::Opus(packets) => packets.reset(),
            Parser::Metadata(tags) => tags.reset(),
            Parser::Opaque => {}
        }
    }

    #[must_use]
    pub fn finish(mut self) -> Track {
        self.flush();
        let headers = self.parser.headers();
        let mut track = Track::new(u32::from(self.pid), self.stream.media, self.stream.codec);
        track.parameters = combined(headers.first, self.stream.announced).map(Arc::new);
        track.changed = headers.changed.map(Arc::new);
        track.captions = headers.captions.filter(|_| !self.scrambled);
        self.timeline.finish(&mut track);
        if track.media != Some(Media::Video) || self.scrambled {
            track.starts_with_keyframe = None;
        }
        track
    }

    fn begin(&mut self, header: pes::Header) -> bool {
        if header.scrambled {
            self.scrambled = true;
            self.timeline.count(false);
        }
        if let Parser::Metadata(tags) = &mut self.parser {
            tags.begin(header.aligned);
        }
        if let (Some(pts), Some(dts)) = (header.pts, header.dts) {
            self.habit.stamp(dts);
            self.timeline.stamp(pts, dts);
            self.access_unit = AccessUnit::default();
        }
        header.scrambled
    }

    fn body(&mut self, body: &[u8]) {
        let Self { parser, timeline, access_unit, habit, .. } = self;
        match parser {
            Parser::Video(scanner) if access_unit.judged && habit.alone() => scanner.pass(),
            Parser::Video(scanner) => scanner.push(body, |unit| {
                habit.unit(unit);
                access_unit.unit(unit, timeline);
            }),
            Parser::Audio(framer) => framer.push(body, |frame| timeline.frame(frame.samples, frame.rate)),
            Parser::Opus(packets) => packets.push(body, |frame| timeline.frame(frame.samples, frame.rate)),
            Parser::Metadata(_) | Parser::Opaque => {}
        }
    }

    /// The last NAL unit of a PES packet ends with it.
    fn flush(&mut self) {
        let Self { parser, timeline, access_unit, .. } = self;
        if let Parser::Video(scanner) = parser {
            scanner.flush(|unit| access_unit.unit(unit, timeline));
        }
    }
}

impl Parser {
    fn of(stream: &Stream) -> Self {
        match (stream.video(), stream.audio()) {
            (Some(syntax), _) => Self::Video(Box::new(Scanner::new(syntax))),
            (_, Some(framing)) => Self::Audio(Framer::new(framing)),
            _ if stream.codec == stream_type::ID3 => Self::Metadata(Tags::default()),
            _ if stream.codec == "opus" => Self::Opus(Packets::default()),
            _ => Self::Opaque,
        }
    }

    /// Samples have headers of their own.
    fn counts(&self) -> bool {
        matches!(self, Self::Audio(_) | Self::Opus(_))
    }

    fn headers(self) -> Headers {
        match self {
            Self::Video(scanner) => scanner.finish(),
            Self::Audio(framer) => framer.headers(),
            Self::Opus(_) | Self::Metadata(_) | Self::Opaque => Headers::default(),
        }
    }
}

/// What the bitstream says goes before what the PMT does, and Dolby Vision is said there only.
fn combined(read: Option<Parameters>, announced: Option<Parameters>) -> Option<Parameters> {
    let Some(mut read) = read else {
        return announced.filter(|a| !matches!(a.codec, Codec::DolbyVision { .. }));
    };
    if let (Some(picture), Some(Some(said))) = (&mut read.picture, announced.map(|a| a.picture)) {
        picture.dolby_vision = said.dolby_vision;
    }
    Some(read)
}

impl AccessUnit {
    fn unit(&mut self, unit: Unit, timeline: &mut Timeline) {
        match unit {
            Unit::Delimiter => {
                *self = Self::default();
                timeline.sample();
            }
            Unit::RecoveryPoint => self.recovery = true,
            Unit::Slice(access) if !self.judged => {
                self.judged = true;
                timeline.key(access == Access::Random || (access == Access::Intra && self.recovery));
            }
            Unit::Slice(_) => {}
        }
    }
}

fn untagged(at: u64, pid: u16, [a, b, c]: [u8; 3], defects: &mut Defects) {
    defects.add(DefectKind::SideBox, at, "ID3v2.4 3.1; Apple, Timed Metadata for HTTP Live Streaming", || {
        format!(
            "PID {pid}: timed metadata is announced as ID3 and begins with {a:02x} {b:02x} {c:02x}; a tag has `ID3`"
        )
    });
}

fn complain(at: u64, pid: u16, fault: pes::Fault, defects: &mut Defects) {
    defects.add(DefectKind::Container, at, CLAUSE, || match fault {
        pes::Fault::StartCode([a, b, c]) => {
            format!("PID {pid}: a PES packet has to begin with 00 00 01, found {a:02x} {b:02x} {c:02x}")
        }
        pes::Fault::Stamp => format!("PID {pid}: PTS or DTS of a PES header has wrong marker bits or is cut off"),
    });
}
