//! What a PMT's stream_type and descriptors say about an elementary stream.

use super::announced;
use crate::codec::audio::Framing;
use crate::codec::parameters::Parameters;
use crate::codec::picture::Syntax;
use crate::stream::Media;

/// Codec of a stream of SCTE 35 sections.
pub const SCTE35: &str = "scte35";

/// Codec of a stream of ID3 tags.
pub const ID3: &str = "id3";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carriage {
    /// PES packets.
    Pes,
    /// Private sections (SCTE 35).
    Sections,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    pub media: Option<Media>,
    pub codec: String,
    pub carriage: Carriage,
    /// Sample encryption by stream type (Apple, MPEG-2 Stream Encryption Format for HLS).
    pub encrypted: bool,
    /// What its descriptors say of picture or sound.
    pub announced: Option<Parameters>,
}

impl Stream {
    fn new(media: Option<Media>, codec: &str) -> Self {
        Self { media, codec: codec.to_owned(), carriage: Carriage::Pes, encrypted: false, announced: None }
    }

    /// A stream that no PMT has announced: its PES stream_id is all there is (ISO/IEC 13818-1 table 2-22).
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
    pub fn video(&self) -> Option<Syntax> {
        match self.codec.as_str() {
            "h264" => Some(Syntax::H264),
            "hevc" => Some(Syntax::Hevc),
            "mpeg2video" => Some(Syntax::Mpeg2),
            _ => None,
        }
    }

    #[must_use]
    pub fn audio(&self) -> Option<Framing> {
        match self.codec.as_str() {
            "aac" => Some(Framing::Adts),
            "ac-3" | "ec-3" => Some(Framing::Dolby),
            "mp2" => Some(Framing::Mpeg),
            _ => None,
        }
    }
}

/// ISO/IEC 13818-1 table 2-34; ATSC A/52 annex A; ANSI/SCTE 35; Apple's sample encryption types.
#[must_use]
pub fn stream(kind: u8, descriptors: &[u8]) -> Stream {
    Stream { announced: announced::parameters(descriptors), ..typed(kind, descriptors) }
}

fn typed(kind: u8, descriptors: &[u8]) -> Stream {
    let video = Some(Media::Video);
    let audio = Some(Media::Audio);
    match kind {
        0x01 => Stream::new(video, "mpeg1video"),
        0x02 => Stream::new(video, "mpeg2video"),
        0x03 | 0x04 => Stream::new(audio, "mp2"),
        0x05 => Stream { carriage: Carriage::Sections, ..Stream::new(None, "private_sections") },
        0x06 => private(descriptors),
        0x0f => Stream::new(audio, "aac"),
        0x11 => Stream::new(audio, "aac_latm"),
        0x15 => Stream::new(None, metadata(descriptors)),
        0x1b => Stream::new(video, "h264"),
        0x24 => Stream::new(video, "hevc"),
        0x33 => Stream::new(video, "vvc"),
        0x81 => Stream::new(audio, "ac-3"),
        0x86 => Stream { carriage: Carriage::Sections, ..Stream::new(None, SCTE35) },
        0x87 => Stream::new(audio, "ec-3"),
        0xdb => Stream { encrypted: true, ..Stream::new(video, "h264") },
        0xcf => Stream { encrypted: true, ..Stream::new(audio, "aac") },
        0xc1 => Stream { encrypted: true, ..Stream::new(audio, "ac-3") },
        0xc2 => Stream { encrypted: true, ..Stream::new(audio, "ec-3") },
        other => Stream::new(None, &format!("{other:#04x}")),
    }
}

/// stream_type 0x15: metadata of which a metadata_descriptor (ISO/IEC 13818-1 2.6.60) or a registration says what it is.
fn metadata(descriptors: &[u8]) -> &'static str {
    let mut rest = descriptors;
    while let [tag, length, after @ ..] = rest {
        let Some((body, next)) = after.split_at_checked(usize::from(*length)) else { break };
        match (tag, body) {
            // metadata_application_format and metadata_format say that an identifier follows.
            (0x26, [0xff, 0xff, _, _, _, _, 0xff, b'I', b'D', b'3', b' ', ..]) => return ID3,
            (5, [b'I', b'D', b'3', b' ', ..]) => return ID3,
            (5, [b'K', b'L', b'V', b'A', ..]) => return "klv",
            _ => {}
        }
        rest = next;
    }
    "metadata"
}

/// stream_type 0x06: ETSI EN 300 468 descriptor tags, or a registration descriptor's format_identifier.
fn private(descriptors: &[u8]) -> Stream {
    let mut rest = descriptors;
    while let [tag, length, after @ ..] = rest {
        let Some((body, next)) = after.split_at_checked(usize::from(*length)) else { break };
        let audio = Some(Media::Audio);
        let text = Some(Media::Text);
        match (tag, body) {
            (0x6a, _) | (5, [b'A', b'C', b'-', b'3', ..]) => return Stream::new(audio, "ac-3"),
            (0x7a, _) | (5, [b'E', b'A', b'C', b'3', ..]) => return Stream::new(audio, "ec-3"),
            (5, [b'O', b'p', b'u', b's', ..]) => return Stream::new(audio, "opus"),
            // Dolby Vision without a base layer for others is HEVC as well.
            (5, [b'H', b'E', b'V', b'C', ..] | [b'D', b'O', b'V', b'I', ..]) => {
                return Stream::new(Some(Media::Video), "hevc");
            }
            (5, [b'A', b'V', b'0', b'1', ..]) => return Stream::new(Some(Media::Video), "av1"),
            (5, [b'I', b'D', b'3', b' ', ..]) => return Stream::new(None, ID3),
            (0x56, _) => return Stream::new(text, "dvb_teletext"),
            (0x59, _) => return Stream::new(text, "dvb_subtitle"),
            _ => {}
        }
        rest = next;
    }
    Stream::new(None, "0x06")
}
