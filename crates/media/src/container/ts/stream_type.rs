//! Description of an MPEG-TS elementary stream by stream_type and descriptors of the PMT.

use super::descriptors::{self, EXTENSION_TAG, descriptors_of};
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
    /// The stream is carried in sections, as SCTE 35 is.
    Sections,
    /// The stream_type is user private or reserved: the stream may be carried in PES packets, sections or something else.
    Unknown,
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

    fn video(codec: &str) -> Self {
        Self::new(Some(Media::Video), codec)
    }

    fn audio(codec: &str) -> Self {
        Self::new(Some(Media::Audio), codec)
    }

    fn sections(codec: &str) -> Self {
        Self { carriage: Carriage::Sections, ..Self::new(None, codec) }
    }

    fn unknown(kind: u8) -> Self {
        Self { carriage: Carriage::Unknown, ..Self::new(None, &format!("{kind:#04x}")) }
    }

    fn sample_encrypted(self) -> Self {
        Self { sample_encrypted: true, ..self }
    }

    /// Describes an elementary stream whose PMT was not received yet, by the stream_id of its PES packets (ISO/IEC
    /// 13818-1, table 2-22).
    #[must_use]
    pub(super) fn unannounced(stream_id: u8) -> Self {
        Self::new(media_of_stream_id(stream_id), &format!("stream_id {stream_id:#04x}"))
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

/// Returns the kind of media of PES packets with this stream_id (ISO/IEC 13818-1, table 2-22). `None` for a stream_id that says
/// nothing of it, such as that of private data.
#[must_use]
pub(super) fn media_of_stream_id(stream_id: u8) -> Option<Media> {
    match stream_id {
        0xe0..=0xef => Some(Media::Video),
        0xc0..=0xdf => Some(Media::Audio),
        _ => None,
    }
}

fn by_stream_type(kind: u8, descriptors: &[u8]) -> StreamDescription {
    match kind {
        0x01 => StreamDescription::video("mpeg1video"),
        0x02 => StreamDescription::video("mpeg2video"),
        0x03 | 0x04 => StreamDescription::audio("mp2"),
        0x05 => StreamDescription::sections("private_sections"),
        0x06 => private_data_stream(descriptors).unwrap_or_else(|| StreamDescription::new(None, "0x06")),
        0x0a..=0x0d | 0x14 => StreamDescription::sections("dsm-cc"),
        0x0f => StreamDescription::audio("aac"),
        0x10 => StreamDescription::video("mpeg4video"),
        0x11 => StreamDescription::audio("aac_latm"),
        0x13 => StreamDescription::sections("mpeg4_systems"),
        0x15 => StreamDescription::new(None, metadata_codec(descriptors)),
        0x16..=0x19 => StreamDescription::sections("metadata"),
        0x1b => StreamDescription::video("h264"),
        0x1c => StreamDescription::audio("mpeg4_audio"),
        0x21 => StreamDescription::video("jpeg2000"),
        0x24 => StreamDescription::video("hevc"),
        0x2c | 0x2f | 0x30 => StreamDescription::sections(&format!("{kind:#04x}")),
        0x2d | 0x2e => StreamDescription::audio("mhas"),
        0x32 => StreamDescription::video("jpegxs"),
        0x33 => StreamDescription::video("vvc"),
        0x35 => StreamDescription::video("evc"),
        // Pictures only together with those of another stream.
        0x36 => StreamDescription::new(None, "lcevc"),
        0x80..=0xff => user_private(kind, descriptors),
        other => StreamDescription::unknown(other),
    }
}

/// Describes an elementary stream of a user private stream_type. Its registration descriptor tells whose type it is; without one
/// the types of ATSC, SCTE and Apple are in use.
fn user_private(kind: u8, descriptors: &[u8]) -> StreamDescription {
    let registered = registrations(descriptors);
    let known = match kind {
        _ if registered.clone().any(|format| format == b"HDMV") => blu_ray(kind),
        0x81 => Some(StreamDescription::audio("ac-3")),
        0x86 => Some(StreamDescription::sections(SCTE35)),
        0x87 => Some(StreamDescription::audio("ec-3")),
        0xdb => Some(StreamDescription::video("h264").sample_encrypted()),
        0xcf => Some(StreamDescription::audio("aac").sample_encrypted()),
        0xc1 => Some(StreamDescription::audio("ac-3").sample_encrypted()),
        0xc2 => Some(StreamDescription::audio("ec-3").sample_encrypted()),
        _ => None,
    };
    let otherwise = || match kind {
        // SCTE 27 subtitles; tables of ATSC A/90 data services.
        0x82 => StreamDescription::sections("scte27"),
        0x95 => StreamDescription::sections("dsm-cc"),
        0x8a => StreamDescription::audio("dts"),
        0xea => StreamDescription::video("vc1"),
        0xd2 => StreamDescription::video("avs2"),
        0xd4 => StreamDescription::video("avs3"),
        other => StreamDescription::unknown(other),
    };
    known.or_else(|| registered.filter_map(by_registration).next()).unwrap_or_else(otherwise)
}

/// Describes an elementary stream of a stream_type of Blu-ray, which a registration descriptor `HDMV` announces.
fn blu_ray(kind: u8) -> Option<StreamDescription> {
    Some(match kind {
        0x80 => StreamDescription::audio("pcm"),
        0x81 => StreamDescription::audio("ac-3"),
        0x83 => StreamDescription::audio("truehd"),
        0x84 | 0x87 | 0xa1 => StreamDescription::audio("ec-3"),
        0x82 | 0x85 | 0x86 | 0xa2 => StreamDescription::audio("dts"),
        _ => return None,
    })
}

/// Iterates over the format identifiers of the registration descriptors (ISO/IEC 13818-1 2.6.8).
fn registrations(descriptors: &[u8]) -> impl Iterator<Item = &[u8; 4]> + Clone {
    descriptors_of(descriptors).filter(|(tag, _)| *tag == 5).filter_map(|(_, body)| body.first_chunk::<4>())
}

/// Describes an elementary stream by the format_identifier of its registration descriptor. `None` for an identifier that names no
/// codec.
fn by_registration(format: &[u8; 4]) -> Option<StreamDescription> {
    Some(match format {
        b"AC-3" => StreamDescription::audio("ac-3"),
        b"EAC3" => StreamDescription::audio("ec-3"),
        b"AC-4" => StreamDescription::audio("ac-4"),
        b"DTS1" | b"DTS2" | b"DTS3" => StreamDescription::audio("dts"),
        b"BSSD" => StreamDescription::audio("s302m"),
        b"Opus" => StreamDescription::audio("opus"),
        // Dolby Vision without a compatible base layer is HEVC as well.
        b"HEVC" | b"DOVI" => StreamDescription::video("hevc"),
        b"AV01" => StreamDescription::video("av1"),
        b"VC-1" => StreamDescription::video("vc1"),
        b"ID3 " => StreamDescription::new(None, ID3),
        b"KLVA" => StreamDescription::new(None, "klv"),
        _ => return None,
    })
}

/// Returns the codec of a stream of stream_type 0x15, by its metadata_descriptor (ISO/IEC 13818-1 2.6.60) or
/// registration descriptor.
fn metadata_codec(descriptors: &[u8]) -> &'static str {
    let read = descriptors_of(descriptors).find_map(|(tag, body)| match (tag, body) {
        // These values of metadata_application_format and metadata_format mean that an identifier follows.
        (0x26, [0xff, 0xff, _, _, _, _, 0xff, b'I', b'D', b'3', b' ', ..]) => Some(ID3),
        (5, [b'I', b'D', b'3', b' ', ..]) => Some(ID3),
        (5, [b'K', b'L', b'V', b'A', ..]) => Some("klv"),
        _ => None,
    });
    read.unwrap_or("metadata")
}

/// Describes a stream of stream_type 0x06 by the descriptor tags of ETSI EN 300 468, or by the format_identifier
/// of a registration descriptor. `None` if no descriptor names a codec.
fn private_data_stream(descriptors: &[u8]) -> Option<StreamDescription> {
    let text = |codec| Some(StreamDescription::new(Some(Media::Text), codec));
    descriptors_of(descriptors).find_map(|(tag, body)| match (tag, body) {
        (5, [a, b, c, d, ..]) => by_registration(&[*a, *b, *c, *d]),
        (0x6a, _) => Some(StreamDescription::audio("ac-3")),
        (0x7a, _) => Some(StreamDescription::audio("ec-3")),
        (0x7b, _) | (EXTENSION_TAG, [0x0e | 0x21, ..]) => Some(StreamDescription::audio("dts")),
        // The descriptor doesn't say whether the frames have ADTS headers.
        (0x7c, _) => Some(StreamDescription::audio("aac_latm")),
        (EXTENSION_TAG, [0x15, ..]) => Some(StreamDescription::audio("ac-4")),
        (EXTENSION_TAG, [0x20, ..]) => text("ttml"),
        (0x56, _) => text("dvb_teletext"),
        (0x59, _) => text("dvb_subtitle"),
        _ => None,
    })
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
            (0x0b, None, "dsm-cc", false),
            (0x10, video, "mpeg4video", false),
            (0x13, None, "mpeg4_systems", false),
            (0x16, None, "metadata", false),
            (0x1c, audio, "mpeg4_audio", false),
            (0x2d, audio, "mhas", false),
            (0x2e, audio, "mhas", false),
            (0x82, None, "scte27", false),
            (0x8a, audio, "dts", false),
            (0xc0, None, "0xc0", false),
            (0xea, video, "vc1", false),
            (0xdb, video, "h264", true),
            (0xcf, audio, "aac", true),
            (0xc1, audio, "ac-3", true),
            (0xc2, audio, "ec-3", true),
            (0x42, None, "0x42", false),
        ] {
            let stream = describe(kind, &[]);
            assert_eq!((stream.media, stream.codec.as_str(), stream.sample_encrypted), (media, codec, encrypted));
        }
    }

    #[test]
    fn each_stream_type_is_carried_as_the_standards_say() {
        let carried = |carriage| (0..=0xff).filter(move |kind| describe(*kind, &[]).carriage == carriage);
        let sections: Vec<u8> = carried(Carriage::Sections).collect();
        let expected =
            [0x05, 0x0a, 0x0b, 0x0c, 0x0d, 0x13, 0x14, 0x16, 0x17, 0x18, 0x19, 0x2c, 0x2f, 0x30, 0x82, 0x86, 0x95];
        assert_eq!(sections, expected);
        for kind in [0x00, 0x07, 0x08, 0x0e, 0x1a, 0x42, 0x7f, 0x80, 0x90, 0xa0, 0xc0, 0xff] {
            assert_eq!(describe(kind, &[]).carriage, Carriage::Unknown, "{kind:#x}");
        }
        for kind in [0x01, 0x06, 0x0f, 0x15, 0x1b, 0x24, 0x81, 0x87, 0xdb] {
            assert_eq!(describe(kind, &[]).carriage, Carriage::Pes, "{kind:#x}");
        }
    }

    #[test]
    fn a_registration_names_the_codec_of_a_user_private_type() {
        let of = |kind, descriptors: &[u8]| {
            let stream = describe(kind, descriptors);
            (stream.media, stream.codec, stream.carriage)
        };
        let sound = |codec: &str| (Some(Media::Audio), codec.to_owned(), Carriage::Pes);
        assert_eq!(of(0xc0, b"\x05\x04AC-4"), sound("ac-4"));
        assert_eq!(of(0x82, b"\x05\x04DTS1"), sound("dts"));
        assert_eq!(of(0x86, b"\x05\x04HDMV"), sound("dts"));
        assert_eq!(of(0x83, b"\x05\x04HDMV"), sound("truehd"));
        assert_eq!(of(0x86, b"\x05\x04CUEI"), (None, SCTE35.to_owned(), Carriage::Sections));
        assert_eq!(of(0x90, b"\x05\x04HDMV").2, Carriage::Unknown);
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
            (b"\x7f\x01\x15", audio, "ac-4"),
            (b"\x05\x04AC-4", audio, "ac-4"),
            (b"\x7b\x05\0\0\0\0\0", audio, "dts"),
            (b"\x7f\x02\x0e\0", audio, "dts"),
            (b"\x05\x04DTS2", audio, "dts"),
            (b"\x7c\x01\x58", audio, "aac_latm"),
            (b"\x0a\x04vie\0\x7f\x01\x06\x7f\x01\x15", audio, "ac-4"),
            (b"\x05\x04BSSD", audio, "s302m"),
            (b"\x7f\x01\x20", text, "ttml"),
            (b"\x7f\0", None, "0x06"),
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
