//! What a decode is given, and what is asked of it.

use bytes::Bytes;

/// The container of the coded segments. It is the caller's knowledge: nothing is detected from the bytes, because a
/// detected container could be a playlist that names files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// An MPEG transport stream (ISO/IEC 13818-1).
    MpegTs,
    /// Fragmented MP4 (ISO/IEC 14496-12). It needs the initialization segment.
    Mp4,
    /// AAC frames with ADTS headers (ISO/IEC 14496-3), with or without an ID3 tag.
    Adts,
    /// Raw AC-3 frames (ETSI TS 102 366).
    Ac3,
    /// Raw Enhanced AC-3 frames (ETSI TS 102 366 annex E).
    Eac3,
    /// Raw frames of MPEG audio layer I, II or III.
    MpegAudio,
}

impl Container {
    /// The name of ffmpeg's demuxer.
    pub(crate) fn demuxer(self) -> &'static str {
        match self {
            Self::MpegTs => "mpegts",
            Self::Mp4 => "mov",
            Self::Adts => "aac",
            Self::Ac3 => "ac3",
            Self::Eac3 => "eac3",
            Self::MpegAudio => "mp3",
        }
    }

    /// Whether the container can have pictures.
    pub(crate) fn has_pictures(self) -> bool {
        matches!(self, Self::MpegTs | Self::Mp4)
    }
}

/// Coded media: consecutive segments of one rendition, decrypted.
#[derive(Debug, Clone)]
pub struct Coded {
    /// The container of all segments.
    pub container: Container,
    /// The initialization segment of fragmented MP4. `None` for other containers.
    pub initialization: Option<Bytes>,
    /// The numbers of the audio streams that have samples: PIDs of MPEG-TS, track_ID of MP4. ffmpeg gives nothing at all if a stream
    /// that it is asked for has no packet. Empty: every audio stream, at most 8.
    pub audio_streams: Vec<u32>,
    /// The segments in order. They follow each other without a gap.
    pub segments: Vec<Bytes>,
    /// The duration of all segments together in seconds, as the playlist says. Decoding stops after twice this duration
    /// and 10 s, so that media without end are bounded.
    pub duration: f64,
    /// Width times height of the pictures, as the manifest or the parameter sets say. It chooses the memory limit: 600 MB up to
    /// 1080 lines, else 1 GB. `None` is treated as large. Pictures of more than 4096 × 2304 pixels aren't decoded.
    pub pixels: Option<u32>,
}

/// Which pictures are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureChoice {
    /// No picture.
    No,
    /// Key frames only. Much cheaper, but a freeze, black or one colour between two key frames isn't seen, and their
    /// durations are lower bounds.
    KeyFrames,
    /// Every picture.
    Every,
}

/// Results that the caller of a decode wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeOutputs {
    /// The pictures to decode.
    pub pictures: PictureChoice,
    /// Whether sound is decoded.
    pub sound: bool,
    /// Whether a thumbnail is made of the newest picture. It needs pictures.
    pub thumbnail: bool,
}
