//! Elementary streams of MPEG-TS: their PES packets become samples on a timeline.

use super::access_units::AccessUnits;
use super::id3::Id3Prefix;
use super::packet::TsPacket;
use super::pes;
use super::stream_type::{self, Carriage, StreamDescription};
use crate::codec::audio::AudioFramer;
use crate::codec::opus::OpusFramer;
use crate::codec::parameters::{CodecParameters, TrackHeaders};
use crate::codec::rfc6381::Codec;
use crate::codec::start_codes::NalScanner;
use crate::container::Track;
use crate::container::defects::DefectLog;
use crate::container::timeline::SampleTimeline;
use crate::defect::DefectKind;
use crate::quiet::QuietSpans;
use crate::stream::Media;
use std::sync::Arc;

const PES_CLAUSE: &str = "ISO/IEC 13818-1 2.4.3.7";

/// Reads the packets of one PID that carries an elementary stream.
#[derive(Debug)]
pub(super) struct ElementaryStream {
    pub(super) pid: u16,
    pub(super) description: StreamDescription,
    pes: pes::PesReader,
    timeline: SampleTimeline,
    parser: PayloadParser,
    units: AccessUnits,
    lengths: pes::PesLengths,
    /// Whether the rest of the current PES packet is passed over.
    skips_rest: bool,
    /// Whether a packet of the elementary stream was scrambled.
    scrambled: bool,
    /// Kind of media that the stream_id of a PES packet shows. It counts for a stream whose stream_type says nothing of it.
    seen_media: Option<Media>,
}

/// The reader for the codec of an elementary stream.
#[derive(Debug)]
enum PayloadParser {
    Video(Box<NalScanner>),
    Audio(Box<AudioFramer>),
    Opus(OpusFramer),
    /// Timed metadata, where each PES packet is one sample.
    Metadata(Id3Prefix),
    /// A codec that isn't read; only its time stamps are.
    Opaque,
}

impl ElementaryStream {
    #[must_use]
    pub(super) fn new(pid: u16, description: StreamDescription) -> Self {
        let parser = PayloadParser::for_stream(&description);
        let timeline = SampleTimeline::new(parser.self_delimiting());
        Self {
            pid,
            description,
            pes: pes::PesReader::default(),
            timeline,
            parser,
            units: AccessUnits::default(),
            lengths: pes::PesLengths::default(),
            skips_rest: false,
            scrambled: false,
            seen_media: None,
        }
    }

    /// Replaces the description of the stream by that in a PMT. The payload parser begins anew if the description is
    /// another one, as when the PMT comes after the first packets of the stream.
    pub(super) fn announce(&mut self, description: StreamDescription) {
        if self.description != description {
            self.parser = PayloadParser::for_stream(&description);
            self.timeline.set_self_delimiting(self.parser.self_delimiting());
            self.description = description;
            self.skips_rest = false;
        }
    }

    /// Reads a transport packet with payload, and returns whether the packet or its PES header marks it as scrambled.
    pub(super) fn push(&mut self, at: u64, packet: &TsPacket<'_>, defects: &mut DefectLog) -> bool {
        if self.skips_rest && !packet.unit_start && !packet.scrambled {
            self.lengths.add(packet.payload.len());
            return false;
        }
        self.read_packet(at, packet, defects)
    }

    fn read_packet(&mut self, at: u64, packet: &TsPacket<'_>, defects: &mut DefectLog) -> bool {
        if packet.scrambled || self.description.carriage == Carriage::Sections {
            self.scrambled |= packet.scrambled;
            self.lengths = pes::PesLengths::default();
            if packet.unit_start {
                self.timeline.count_untimed();
            }
            return packet.scrambled;
        }
        if packet.unit_start {
            self.skips_rest = false;
            self.flush_last_unit();
            self.units.mark(packet.random_access);
            self.compare_length(at, packet.payload, defects);
        } else {
            self.lengths.add(packet.payload.len());
        }
        let step = self.pes.push(packet.unit_start, packet.payload);
        let mut scrambled = false;
        match step.header {
            Some(Ok(header)) => scrambled = self.begin_pes(at, header),
            // Nobody knows whether it has to be a PES packet.
            Some(Err(_)) if self.description.carriage == Carriage::Unknown => self.timeline.count_untimed(),
            Some(Err(fault)) => report_pes_error(at, self.pid, fault, defects),
            None => {}
        }
        if !self.scrambled {
            self.read_payload(step.body);
        }
        if let (PayloadParser::Metadata(tags), false) = (&mut self.parser, self.scrambled)
            && let Some(first) = tags.push(step.body)
        {
            report_missing_id3(at, self.pid, first, defects);
        }
        scrambled
    }

    /// Forgets the open PES packet, because packets of this stream were lost.
    pub(super) fn reset(&mut self) {
        self.skips_rest = false;
        self.lengths = pes::PesLengths::default();
        self.pes.reset();
        match &mut self.parser {
            PayloadParser::Video(scanner) => scanner.reset(),
            PayloadParser::Audio(framer) => framer.reset(),
            PayloadParser::Opus(packets) => packets.reset(),
            PayloadParser::Metadata(tags) => tags.reset(),
            PayloadParser::Opaque => {}
        }
    }

    /// Compares PES_packet_length of the PES packet before with its bytes, and begins the one whose first bytes are `payload`.
    fn compare_length(&mut self, at: u64, payload: &[u8], defects: &mut DefectLog) {
        let length = match payload {
            [0, 0, 1, _, high, low, ..] => Some(u16::from_be_bytes([*high, *low])).filter(|length| *length > 0),
            _ => None,
        };
        let is_played = matches!(self.description.media, Some(Media::Video | Media::Audio));
        if let Some((at, said, came)) = self.lengths.begin(at, length, payload.len()).filter(|_| is_played) {
            let pid = self.pid;
            defects.add(DefectKind::Packing, at, PES_CLAUSE, || {
                format!("PID {pid}: PES_packet_length is {said}, and {came} bytes come: players drop the rest, or the whole PES packet")
            });
        }
    }

    #[must_use]
    pub(super) fn finish(mut self, defects: &mut DefectLog) -> Track {
        self.flush_last_unit();
        if !self.scrambled {
            self.units.report(self.pid, self.description.codec == "h264", defects);
        }
        let silence = self.parser.silence().filter(|_| !self.scrambled);
        let headers = self.parser.headers();
        let media = self.description.media.or(self.seen_media);
        let mut track = Track::new(u32::from(self.pid), media, self.description.codec);
        track.parameters = merge_announced(headers.first, self.description.announced).map(Arc::new);
        track.changed_parameters = headers.changed.map(Arc::new);
        track.silence = silence;
        track.captions = headers.captions.filter(|_| !self.scrambled);
        if !self.scrambled {
            track.missing_parameter_sets = headers.missing_sets;
            track.quantizers = headers.quantizers;
            track.still_pictures = headers.still_pictures;
        }
        track.unmarked_recovery_points = self.units.unmarked_recovery_points();
        self.timeline.finish(&mut track);
        if track.media != Some(Media::Video) || self.scrambled {
            track.starts_with_keyframe = None;
        }
        track
    }

    fn begin_pes(&mut self, at: u64, header: pes::PesHeader) -> bool {
        if self.description.carriage == Carriage::Unknown {
            self.seen_media = stream_type::media_of_stream_id(header.stream_id);
        }
        if header.scrambled {
            self.scrambled = true;
            self.timeline.set_self_delimiting(false);
        }
        if let PayloadParser::Metadata(tags) = &mut self.parser {
            tags.begin(header.data_aligned);
        }
        if let (Some(pts), Some(dts)) = (header.pts, header.dts) {
            self.units.begin_packet(dts);
            self.timeline.begin_group(pts, dts);
        } else if self.description.media == Some(Media::Video) && self.timeline.is_empty() {
            self.units.begin_untimed(at);
        }
        header.scrambled
    }

    fn read_payload(&mut self, body: &[u8]) {
        let Self { parser, timeline, units, skips_rest, .. } = self;
        match parser {
            PayloadParser::Video(scanner) if units.needs_no_more() && scanner.has_unit() => {
                scanner.skip_rest();
                // Without a body the header of the PES packet may still be incomplete.
                *skips_rest = !body.is_empty();
            }
            PayloadParser::Video(scanner) => scanner.push(body, |unit| units.add(unit, timeline)),
            PayloadParser::Audio(framer) => framer.push(body, |frame| timeline.add_frame(frame.samples, frame.rate)),
            PayloadParser::Opus(packets) => packets.push(body, |frame| timeline.add_frame(frame.samples, frame.rate)),
            PayloadParser::Metadata(_) | PayloadParser::Opaque => {}
        }
    }

    /// Ends the last NAL unit of a PES packet, because no start code follows it.
    fn flush_last_unit(&mut self) {
        let Self { parser, timeline, units, .. } = self;
        if let PayloadParser::Video(scanner) = parser {
            scanner.flush(|unit| units.add(unit, timeline));
        }
    }
}

impl PayloadParser {
    fn for_stream(stream: &StreamDescription) -> Self {
        match (stream.video_syntax(), stream.audio_framing()) {
            (Some(syntax), _) => Self::Video(Box::new(NalScanner::new(syntax))),
            (_, Some(framing)) => Self::Audio(Box::new(AudioFramer::new(framing))),
            _ if stream.codec == stream_type::ID3 => Self::Metadata(Id3Prefix::default()),
            _ if stream.codec == "opus" => Self::Opus(OpusFramer::default()),
            _ => Self::Opaque,
        }
    }

    /// Returns whether the headers of the audio frames tell the number of samples. Otherwise a time stamp stands for
    /// one sample, or for as many as access unit delimiters show.
    fn self_delimiting(&self) -> bool {
        matches!(self, Self::Audio(_) | Self::Opus(_))
    }

    fn silence(&self) -> Option<QuietSpans> {
        match self {
            Self::Audio(framer) => framer.silence(),
            _ => None,
        }
    }

    fn headers(self) -> TrackHeaders {
        match self {
            Self::Video(scanner) => scanner.finish(),
            Self::Audio(framer) => framer.headers(),
            Self::Opus(_) | Self::Metadata(_) | Self::Opaque => TrackHeaders::default(),
        }
    }
}

/// Merges the codec parameters of the bitstream with those of the PMT. The bitstream takes precedence; only the PMT
/// announces Dolby Vision.
fn merge_announced(read: Option<CodecParameters>, announced: Option<CodecParameters>) -> Option<CodecParameters> {
    let Some(mut read) = read else {
        return announced.filter(|a| !matches!(a.codec, Codec::DolbyVision { .. }));
    };
    if let (Some(picture), Some(Some(announced_video))) = (&mut read.video, announced.map(|a| a.video)) {
        picture.dolby_vision = announced_video.dolby_vision;
    }
    Some(read)
}

fn report_missing_id3(at: u64, pid: u16, [a, b, c]: [u8; 3], defects: &mut DefectLog) {
    defects.add(DefectKind::SideBox, at, "ID3v2.4 3.1; Apple, Timed Metadata for HTTP Live Streaming", || {
        format!(
            "PID {pid}: timed metadata is announced as ID3 and begins with {a:02x} {b:02x} {c:02x} instead of `ID3`"
        )
    });
}

fn report_pes_error(at: u64, pid: u16, fault: pes::PesError, defects: &mut DefectLog) {
    defects.add(DefectKind::Container, at, PES_CLAUSE, || match fault {
        pes::PesError::StartCode([a, b, c]) => {
            format!("PID {pid}: a PES packet has to begin with 00 00 01, found {a:02x} {b:02x} {c:02x}")
        }
        pes::PesError::Timestamp => {
            format!("PID {pid}: PTS or DTS of a PES header has wrong marker bits or is cut off")
        }
    });
}
