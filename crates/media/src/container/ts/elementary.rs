//! Elementary streams of MPEG-TS: their PES packets become samples on a timeline.

use super::id3::Id3Prefix;
use super::packet::TsPacket;
use super::pes;
use super::pes_packing::PesPacking;
use super::stream_type::{self, Carriage, StreamDescription};
use crate::codec::audio::AudioFramer;
use crate::codec::nal::{NalUnit, SliceKind};
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
/// Number of pictures without a delimiter from which on a stream counts as one without delimiters.
const MIN_PICTURES: u64 = 2;

/// Reads the packets of one PID that carries an elementary stream.
#[derive(Debug)]
pub(super) struct ElementaryStream {
    pub(super) pid: u16,
    pub(super) description: StreamDescription,
    pes: pes::PesReader,
    timeline: SampleTimeline,
    parser: PayloadParser,
    access_unit: AccessUnit,
    packing: PesPacking,
    lengths: PesLengths,
    /// random_access_indicator of the transport packet in which the current PES packet begins.
    marked: bool,
    /// Byte offset of the first PES packet without PTS, before any with one.
    untimed_at: Option<u64>,
    /// Whether a picture begins in a PES packet before any with a PTS.
    begins_untimed: bool,
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

/// State of the video access unit that is being read, and what all of them have in common.
#[derive(Debug, Default)]
struct AccessUnit {
    has_recovery_point: bool,
    slice_seen: bool,
    /// Whether the access unit began with a delimiter.
    delimited: bool,
    /// Number of access units with a slice, of delimiters at their beginning, and of delimiters inside of them.
    pictures: u64,
    delimiters: u64,
    repeated_delimiters: u64,
    unmarked_recovery_points: u64,
}

/// Compares PES_packet_length with the bytes of each PES packet (ISO/IEC 13818-1 2.4.3.7).
#[derive(Debug, Default)]
struct PesLengths {
    /// Byte offset, PES_packet_length and number of bytes behind it of the PES packet that is being read. `None` when the length isn't
    /// said, or packets were lost.
    current: Option<(u64, u64, u64)>,
}

impl PesLengths {
    /// Begins a PES packet at byte offset `at`, of which `payload` bytes came, and compares the one before with its length.
    fn begin(&mut self, at: u64, length: Option<u16>, payload: usize) -> Option<(u64, u64, u64)> {
        let before = self.current.take().filter(|(_, said, came)| said != came);
        self.current = length.map(|said| (at, u64::from(said), (payload as u64).saturating_sub(6)));
        before
    }

    fn add(&mut self, payload: usize) {
        if let Some((_, _, came)) = &mut self.current {
            *came += payload as u64;
        }
    }
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
            access_unit: AccessUnit::default(),
            packing: PesPacking::default(),
            lengths: PesLengths::default(),
            marked: false,
            untimed_at: None,
            begins_untimed: false,
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
            self.lengths = PesLengths::default();
            if packet.unit_start {
                self.timeline.count_untimed();
            }
            return packet.scrambled;
        }
        if packet.unit_start {
            self.skips_rest = false;
            self.marked = packet.random_access;
            self.flush_last_unit();
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
        self.lengths = PesLengths::default();
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

    /// Reports how access units and PES packets are divided so that some players lose pictures.
    fn report_packing(&self, defects: &mut DefectLog) {
        let (pid, unit) = (self.pid, &self.access_unit);
        if self.scrambled {
            return;
        }
        if self.description.codec == "h264" && unit.pictures >= MIN_PICTURES && unit.delimiters * 2 < unit.pictures {
            defects.add(DefectKind::Packing, 0, "ITU-T H.222.0 2.14.1", || {
                format!(
                    "PID {pid}: {} of {} H.264 pictures have an access unit delimiter, which each needs in a transport stream: Android's \
                     players (Media3) and video.js take all pictures up to the next delimiter for one",
                    unit.delimiters, unit.pictures
                )
            });
        }
        if unit.repeated_delimiters > 0 {
            let count = unit.repeated_delimiters;
            defects.add(DefectKind::Packing, 0, "ISO/IEC 14496-10 7.4.1.2.3", || {
                format!("PID {pid}: {count} access unit delimiters stand inside of access units: players cut the pictures there")
            });
        }
        if self.packing.is_crowded() {
            defects.add(DefectKind::Packing, 0, "ISO/IEC 13818-1 2.4.3.7 (allowed)", || {
                format!(
                    "PID {pid}: a PES packet has several pictures and one time stamp, which most players give to all of them: the picture \
                     stands and jumps. Write a PES packet for each picture"
                )
            });
        }
        if let Some(at) = self.untimed_at.filter(|_| self.begins_untimed) {
            defects.add(DefectKind::Packing, at, "ISO/IEC 13818-1 2.7.5", || {
                format!("PID {pid}: the first picture has no PTS: players drop it, and with it the key frame")
            });
        }
    }

    #[must_use]
    pub(super) fn finish(mut self, defects: &mut DefectLog) -> Track {
        self.flush_last_unit();
        self.report_packing(defects);
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
        track.unmarked_recovery_points = self.access_unit.unmarked_recovery_points;
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
            self.packing.begin_packet(dts);
            self.timeline.begin_group(pts, dts);
            self.access_unit.begin();
        } else if self.description.media == Some(Media::Video) && self.timeline.is_empty() {
            self.untimed_at.get_or_insert(at);
        }
        header.scrambled
    }

    fn read_payload(&mut self, body: &[u8]) {
        let Self { parser, timeline, access_unit, packing, skips_rest, marked, begins_untimed, .. } = self;
        match parser {
            PayloadParser::Video(scanner)
                if access_unit.slice_seen && packing.one_unit_per_packet() && scanner.has_unit() =>
            {
                scanner.skip_rest();
                // Without a body the header of the PES packet may still be incomplete.
                *skips_rest = !body.is_empty();
            }
            PayloadParser::Video(scanner) => scanner.push(body, |unit| {
                if access_unit.add_unit(unit, *marked, timeline) {
                    packing.count_unit();
                    *begins_untimed |= timeline.is_empty();
                }
            }),
            PayloadParser::Audio(framer) => framer.push(body, |frame| timeline.add_frame(frame.samples, frame.rate)),
            PayloadParser::Opus(packets) => packets.push(body, |frame| timeline.add_frame(frame.samples, frame.rate)),
            PayloadParser::Metadata(_) | PayloadParser::Opaque => {}
        }
    }

    /// Ends the last NAL unit of a PES packet, because no start code follows it.
    fn flush_last_unit(&mut self) {
        let Self { parser, timeline, access_unit, packing, marked, begins_untimed, .. } = self;
        if let PayloadParser::Video(scanner) = parser {
            scanner.flush(|unit| {
                if access_unit.add_unit(unit, *marked, timeline) {
                    packing.count_unit();
                    *begins_untimed |= timeline.is_empty();
                }
            });
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

impl AccessUnit {
    /// Begins an access unit; what all have in common stays.
    fn begin(&mut self) {
        (self.has_recovery_point, self.slice_seen, self.delimited) = (false, false, false);
    }

    /// Reads a NAL unit, and returns whether an access unit begins with it. `marked` is the random_access_indicator of the PES packet's
    /// first transport packet.
    fn add_unit(&mut self, unit: NalUnit, marked: bool, timeline: &mut SampleTimeline) -> bool {
        match unit {
            NalUnit::Delimiter if self.delimited && !self.slice_seen => self.repeated_delimiters += 1,
            NalUnit::Delimiter => {
                self.begin();
                self.delimited = true;
                self.delimiters += 1;
                timeline.count_access_unit();
                return true;
            }
            NalUnit::RecoveryPoint => self.has_recovery_point = true,
            NalUnit::Slice(access) if !self.slice_seen => {
                self.slice_seen = true;
                self.pictures += 1;
                let recovers = access == SliceKind::Intra && self.has_recovery_point;
                self.unmarked_recovery_points += u64::from(recovers && !marked);
                timeline.set_random_access(access == SliceKind::RandomAccess || recovers);
            }
            NalUnit::Slice(_) => {}
        }
        false
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_several_slices_is_one_key_frame() {
        let (mut unit, mut timeline) = (AccessUnit::default(), SampleTimeline::new(true));
        timeline.begin_group(0, 0);
        for _ in 0..2 {
            unit.add_unit(NalUnit::Delimiter, true, &mut timeline);
            for _ in 0..3 {
                unit.add_unit(NalUnit::Slice(SliceKind::RandomAccess), true, &mut timeline);
            }
        }
        let mut track = Track::new(256, Some(Media::Video), "h264".to_owned());
        timeline.finish(&mut track);
        assert_eq!((track.samples, track.keyframes, track.starts_with_keyframe), (2, 2, Some(true)));
    }
}
