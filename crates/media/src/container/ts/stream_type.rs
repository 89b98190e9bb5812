//! Description of an MPEG-TS elementary stream by stream_type and descriptors of the PMT.

use super::descriptors;
use crate::codec::audio::AudioFraming;
use crate::codec::parameters::CodecParameters;
use crate::codec::start_codes::VideoSyntax;
use crate::stream::Media;

/// Codec name of an elementary stream with SCTE 35 sections.
pub(super) const SCTE35: &str = "scte35";

/// Codec name of an elementary stream with ID3 tags.
pub(super) const ID3: &str = "id3";

/// Packaging of an elementary stream in the packets of its PID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carriage {
    /// The stream is carried in PES packets.
    Pes,
    /// The stream is carried in private sections, as SCTE 35 is.
    Sections,
}

/// Description of an elementary stream, from its entry in the PMT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StreamDescription {
    pub(super) media: Option<Media>,
    /// Short name of the stream's codec, as in [`crate::container::Track::codec`].
    pub(super) codec: String,
    pub(super) carriage: Carriage,
    /// Whether the stream_type is one of sample encryption (Apple, MPEG-2 Stream Encryption Format for HLS).
    pub(super) sample_encrypted: bool,
    /// Codec parameters that the descriptors announce; `None` when they announce none.
    pub(super) announced: Option<CodecParameters>,
}

impl StreamDescription {
    fn new(media: Option<Media>, codec: &str) -> Self {
        Self { media, codec: codec.to_owned(), carriage: Carriage::Pes, sample_encrypted: false, announced: None }
    }

    /// Describes an elementary stream whose PMT was not received yet, by the stream_id of its PES packets (ISO/IEC
    /// 13818-1, table 2-22).
    #[must_use]
    pub(super) fn unannounced(stream_id: u8) -> Self {
        let media = match stream_id {
            0xe0..=0xef => Some(Media::Video),
            0xc0..=0xdf => Some(Media::Audio),
            _ => None,
        };
        Self::new(media, &format!("stream_id {stream_id:#04x}"))
    }

    #[must_use]
    pub(super) fn video_syntax(&self) -> Option<VideoSyntax> {
        match self.codec.as_str() {
            "h264" => Some(VideoSyntax::H264),
            "hevc" => Some(VideoSyntax::Hevc),
            "mpeg2video" => Some(VideoSyntax::Mpeg2),
            _ => None,
        }
    }

    #[must_use]
    pub(super) fn audio_framing(&self) -> Option<AudioFraming> {
        match self.codec.as_str() {
            "aac" => Some(AudioFraming::Adts),
            "ac-3" | "ec-3" => Some(AudioFraming::Dolby),
            "mp2" => Some(AudioFraming::Mpeg),
            _ => None,
        }
    }
}

/// Describes an elementary stream by its stream_type (ISO/IEC 13818-1 table 2-34; ATSC A/52 annex A; ANSI/SCTE 35;
/// Apple's types of sample encryption) and its descriptors.
#[must_use]
pub(super) fn describe(kind: u8, descriptors: &[u8]) -> StreamDescription {
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
        // Pictures only together with those of another stream.
        0x36 => StreamDescription::new(None, "lcevc"),
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

/// Returns the codec of a stream of stream_type 0x15, by its metadata_descriptor (ISO/IEC 13818-1 2.6.60) or
/// registration descriptor.
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

/// Describes a stream of stream_type 0x06 by the descriptor tags of ETSI EN 300 468, or by the format_identifier of a
/// registration descriptor.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stream_type_has_its_codec_and_media() {
        let (video, audio) = (Some(Media::Video), Some(Media::Audio));
        for (kind, media, codec, encrypted) in [
            (0x01, video, "mpeg1video", false),
            (0x02, video, "mpeg2video", false),
            (0x03, audio, "mp2", false),
            (0x04, audio, "mp2", false),
            (0x05, None, "private_sections", false),
            (0x06, None, "0x06", false),
            (0x0f, audio, "aac", false),
            (0x11, audio, "aac_latm", false),
            (0x15, None, "metadata", false),
            (0x1b, video, "h264", false),
            (0x24, video, "hevc", false),
            (0x33, video, "vvc", false),
            (0x81, audio, "ac-3", false),
            (0x86, None, SCTE35, false),
            (0x87, audio, "ec-3", false),
            (0xdb, video, "h264", true),
            (0xcf, audio, "aac", true),
            (0xc1, audio, "ac-3", true),
            (0xc2, audio, "ec-3", true),
            (0x42, None, "0x42", false),
        ] {
            let stream = describe(kind, &[]);
            assert_eq!((stream.media, stream.codec.as_str(), stream.sample_encrypted), (media, codec, encrypted));
            let sections = matches!(kind, 0x05 | 0x86);
            assert_eq!(stream.carriage == Carriage::Sections, sections, "{kind:#x}");
        }
    }

    #[test]
    fn descriptors_name_the_codec_of_private_data_and_metadata() {
        let (video, audio, text) = (Some(Media::Video), Some(Media::Audio), Some(Media::Text));
        for (descriptors, media, codec) in [
            (&b"\x6a\x01\0"[..], audio, "ac-3"),
            (b"\x05\x04AC-3", audio, "ac-3"),
            (b"\x7a\x01\0", audio, "ec-3"),
            (b"\x05\x04EAC3", audio, "ec-3"),
            (b"\x05\x04Opus", audio, "opus"),
            (b"\x05\x04HEVC", video, "hevc"),
            (b"\x05\x04DOVI", video, "hevc"),
            (b"\x05\x04AV01", video, "av1"),
            (b"\x05\x04ID3 ", None, "id3"),
            (b"\x56\x00", text, "dvb_teletext"),
            (b"\x0a\x02xx\x59\x00", text, "dvb_subtitle"),
            (b"\x05\x04none", None, "0x06"),
            (b"\x6a\x09\0", None, "0x06"),
        ] {
            let stream = describe(0x06, descriptors);
            assert_eq!((stream.media, stream.codec.as_str()), (media, codec), "{descriptors:?}");
        }
        let metadata = |descriptors: &[u8]| describe(0x15, descriptors).codec;
        assert_eq!(metadata(b"\x0a\0\x05\x04ID3 "), "id3");
        assert_eq!(metadata(b"\x05\x04KLVA"), "klv");
        assert_eq!(metadata(b"\x26\x0e\xff\xffID3 \xffID3 \0\0"), "metadata", "cut off");
        assert_eq!(metadata(b"\x26\x0b\xff\xffID3 \xffID3 "), "id3");
        assert_eq!(metadata(b"\x26\x0b\xff\xffID3 \xfeID3 "), "metadata");
    }

    #[test]
    fn a_stream_id_gives_the_media_of_an_unannounced_stream() {
        for (stream_id, media) in [
            (0xbf, None),
            (0xc0, Some(Media::Audio)),
            (0xdf, Some(Media::Audio)),
            (0xe0, Some(Media::Video)),
            (0xef, Some(Media::Video)),
            (0xf0, None),
        ] {
            let stream = StreamDescription::unannounced(stream_id);
            assert_eq!((stream.media, stream.codec), (media, format!("stream_id {stream_id:#04x}")));
        }
    }

    #[test]
    fn only_codecs_with_a_parser_have_a_syntax_or_framing() {
        let of = |kind| {
            let stream = describe(kind, &[]);
            (stream.video_syntax(), stream.audio_framing())
        };
        assert_eq!(of(0x1b), (Some(VideoSyntax::H264), None));
        assert_eq!(of(0x24), (Some(VideoSyntax::Hevc), None));
        assert_eq!(of(0x02), (Some(VideoSyntax::Mpeg2), None));
        assert_eq!(of(0x0f), (None, Some(AudioFraming::Adts)));
        assert_eq!([of(0x81), of(0x87)], [(None, Some(AudioFraming::Dolby)); 2]);
        assert_eq!(of(0x03), (None, Some(AudioFraming::Mpeg)));
        assert_eq!([of(0x01), of(0x33), of(0x11)], [(None, None); 3]);
    }
}
