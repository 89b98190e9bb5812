//! Description of an elementary stream by stream_type and descriptors of the PMT.

use super::descriptors;
use crate::codec::audio::AudioFraming;
use crate::codec::parameters::CodecParameters;
use crate::codec::start_codes::VideoSyntax;
use crate::stream::Media;

/// Codec name of a stream of SCTE 35 sections.
pub const SCTE35: &str = "scte35";

/// Codec name of a stream of ID3 tags.
pub const ID3: &str = "id3";

/// How the packets of a PID carry the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carriage {
    /// As PES packets.
    Pes,
    /// As private sections (SCTE 35).
    Sections,
}

/// What a PMT tells about an elementary stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamDescription {
    pub media: Option<Media>,
    /// Short name of the codec, as in [`crate::container::Track::codec`].
    pub codec: String,
    pub carriage: Carriage,
    /// Whether the stream_type is one of sample encryption (Apple, MPEG-2 Stream Encryption Format for HLS).
    pub sample_encrypted: bool,
    /// Codec parameters that the descriptors announce.
    pub announced: Option<CodecParameters>,
}

impl StreamDescription {
    fn new(media: Option<Media>, codec: &str) -> Self {
        Self { media, codec: codec.to_owned(), carriage: Carriage::Pes, sample_encrypted: false, announced: None }
    }

    /// Describes a stream before its PMT, by the stream_id of its PES packets (ISO/IEC 13818-1 table 2-22).
    #[must_use]
    pub fn unannounced(stream_id: u8) -> Self {
        let media = match stream_id {
            0xe0..=0xef => Some(Media::Video),
            0xc0..=0xdf => Some(Media::Audio),
            _ => None,
        };
        Self::new(media, &format!("stream_id {stream_id:#04x}"))
    }

    #[must_use]
    pub fn video_syntax(&self) -> Option<VideoSyntax> {
        match self.codec.as_str() {
            "h264" => Some(VideoSyntax::H264),
            "hevc" => Some(VideoSyntax::Hevc),
            "mpeg2video" => Some(VideoSyntax::Mpeg2),
            _ => None,
        }
    }

    #[must_use]
    pub fn audio_framing(&self) -> Option<AudioFraming> {
        match self.codec.as_str() {
            "aac" => Some(AudioFraming::Adts),
            "ac-3" | "ec-3" => Some(AudioFraming::Dolby),
            "mp2" => Some(AudioFraming::Mpeg),
            _ => None,
        }
    }
}

/// Describes a stream by stream_type (ISO/IEC 13818-1 table 2-34; ATSC A/52 annex A; ANSI/SCTE 35; Apple's types of
/// sample encryption) and descriptors.
#[must_use]
pub fn describe(kind: u8, descriptors: &[u8]) -> StreamDescription {
    StreamDescription { announced: descriptors::announced_parameters(descriptors), ..by_stream_type(kind, descriptors) }
}

fn by_stream_type(kind: u8, descriptors: &[u8]) -> StreamDescription {
    let video = Some(Media::Video);
    let audio = Some(Media::Audio);
    match kind {
        0x01 => StreamDescription::new(video, "mpeg1video"),
        0x02 => StreamDescription::new(video, "mpeg2video"),
        0x03 | 0x04 => StreamDescription::new(audio, "mp2"),
        0x05 => StreamDescription { carriage: Carriage::Sections, ..StreamDescription::new(None, "private_sections") },
        0x06 => private_data_stream(descriptors),
        0x0f => StreamDescription::new(audio, "aac"),
        0x11 => StreamDescription::new(audio, "aac_latm"),
        0x15 => StreamDescription::new(None, metadata_codec(descriptors)),
        0x1b => StreamDescription::new(video, "h264"),
        0x24 => StreamDescription::new(video, "hevc"),
        0x33 => StreamDescription::new(video, "vvc"),
        0x81 => StreamDescription::new(audio, "ac-3"),
        0x86 => StreamDescription { carriage: Carriage::Sections, ..StreamDescription::new(None, SCTE35) },
        0x87 => StreamDescription::new(audio, "ec-3"),
        0xdb => StreamDescription { sample_encrypted: true, ..StreamDescription::new(video, "h264") },
        0xcf => StreamDescription { sample_encrypted: true, ..StreamDescription::new(audio, "aac") },
        0xc1 => StreamDescription { sample_encrypted: true, ..StreamDescription::new(audio, "ac-3") },
        0xc2 => StreamDescription { sample_encrypted: true, ..StreamDescription::new(audio, "ec-3") },
        other => StreamDescription::new(None, &format!("{other:#04x}")),
    }
}

/// Returns the codec of stream_type 0x15, by its metadata_descriptor (ISO/IEC 13818-1 2.6.60) or registration.
fn metadata_codec(descriptors: &[u8]) -> &'static str {
    let mut rest = descriptors;
    while let [tag, length, after @ ..] = rest {
        let Some((body, next)) = after.split_at_checked(usize::from(*length)) else { break };
        match (tag, body) {
            // These values of metadata_application_format and metadata_format mean that an identifier follows.
            (0x26, [0xff, 0xff, _, _, _, _, 0xff, b'I', b'D', b'3', b' ', ..]) => return ID3,
            (5, [b'I', b'D', b'3', b' ', ..]) => return ID3,
            (5, [b'K', b'L', b'V', b'A', ..]) => return "klv",
            _ => {}
        }
        rest = next;
    }
    "metadata"
}

/// Describes stream_type 0x06 by the descriptor tags of ETSI EN 300 468, or by the format_identifier of a registration
/// descriptor.
fn private_data_stream(descriptors: &[u8]) -> StreamDescription {
    let mut rest = descriptors;
    while let [tag, length, after @ ..] = rest {
        let Some((body, next)) = after.split_at_checked(usize::from(*length)) else { break };
        let audio = Some(Media::Audio);
        let text = Some(Media::Text);
        match (tag, body) {
            (0x6a, _) | (5, [b'A', b'C', b'-', b'3', ..]) => return StreamDescription::new(audio, "ac-3"),
            (0x7a, _) | (5, [b'E', b'A', b'C', b'3', ..]) => return StreamDescription::new(audio, "ec-3"),
            (5, [b'O', b'p', b'u', b's', ..]) => return StreamDescription::new(audio, "opus"),
            // Dolby Vision without a compatible base layer is HEVC as well.
            (5, [b'H', b'E', b'V', b'C', ..] | [b'D', b'O', b'V', b'I', ..]) => {
                return StreamDescription::new(Some(Media::Video), "hevc");
            }
            (5, [b'A', b'V', b'0', b'1', ..]) => return StreamDescription::new(Some(Media::Video), "av1"),
            (5, [b'I', b'D', b'3', b' ', ..]) => return StreamDescription::new(None, ID3),
            (0x56, _) => return StreamDescription::new(text, "dvb_teletext"),
            (0x59, _) => return StreamDescription::new(text, "dvb_subtitle"),
            _ => {}
        }
        rest = next;
    }
    StreamDescription::new(None, "0x06")
}
