//! The clean channels. The letters of a name choose the kind, the number after them one of many.

use super::crypt::Cipher;
use super::{captions, i_frames, packager, subtitles};

/// A kind of clean channel, under the name of its first.
#[derive(Debug)]
pub struct Channel {
    pub name: &'static str,
    pub help: &'static str,
    pub(super) prefix: &'static str,
    pub(super) format: Format,
    /// Units of 2 s in a segment, and segments in the window.
    pub(super) units: i64,
    pub(super) window: i64,
    /// Segments between announced discontinuities.
    pub(super) reset: Option<i64>,
    /// Low-latency: segments in parts.
    pub(super) parts: bool,
    /// It has ad breaks.
    pub(super) ads: bool,
    pub(super) cipher: Cipher,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Ts,
    Cmaf,
    /// Bare audio frames behind an ID3 tag.
    Packed,
}

/// What the rungs of a channel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ladder {
    Avc,
    /// The same with closed captions.
    Captioned,
    /// Main 10 with PQ.
    Hevc,
    /// AAC alone.
    Sound,
}

impl Channel {
    /// Parts are byte ranges of the segment that they make up.
    pub(super) fn ranged(&self) -> bool {
        self.prefix == "LB"
    }

    pub(super) fn ladder(&self) -> Ladder {
        match self.prefix {
            "HV" => Ladder::Hevc,
            "AU" | "AT" => Ladder::Sound,
            captions::TRANSPORT | captions::CMAF => Ladder::Captioned,
            _ => Ladder::Avc,
        }
    }
}

static CHANNELS: [Channel; 22] = [
    Channel {
        name: "TV1",
        help: "HLS with muxed transport streams, four rungs, segments of 2 s, ten in the window",
        prefix: "TV",
        format: Format::Ts,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "HD1",
        help: "HLS with muxed transport streams, four rungs, segments of 6 s, six in the window",
        prefix: "HD",
        format: Format::Ts,
        units: 3,
        window: 6,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "CM1",
        help: "HLS with CMAF, four rungs and an audio rendition, segments of 2 s, ten in the window",
        prefix: "CM",
        format: Format::Cmaf,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "CH1",
        help: "HLS with CMAF, four rungs and an audio rendition, segments of 6 s, six in the window",
        prefix: "CH",
        format: Format::Cmaf,
        units: 3,
        window: 6,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "DI1",
        help: "As TV1, with a properly announced discontinuity every 20 s, where timestamps begin again",
        prefix: "DI",
        format: Format::Ts,
        units: 1,
        window: 10,
        reset: Some(10),
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "LL1",
        help: "Low-Latency HLS with CMAF, four rungs and an audio rendition, segments of 2 s in parts of 0.4 s",
        prefix: "LL",
        format: Format::Cmaf,
        units: 1,
        window: 15,
        reset: None,
        parts: true,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "LB1",
        help: "As LL1, with parts that are byte ranges of their segment",
        prefix: "LB",
        format: Format::Cmaf,
        units: 1,
        window: 15,
        reset: None,
        parts: true,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "AD1",
        help: "As TV1, with an ad break of 10 s every 24 s, announced by cue tags, date ranges and SCTE-35; with ID3 tags",
        prefix: "AD",
        format: Format::Ts,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: true,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "AM1",
        help: "As CM1, with the ad breaks of AD1, SCTE-35 in event messages; with index and producer reference times",
        prefix: "AM",
        format: Format::Cmaf,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: true,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "AE1",
        help: "As TV1, encrypted with AES-128, with another key every five segments",
        prefix: "AE",
        format: Format::Ts,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::Aes128,
    },
    Channel {
        name: "CB1",
        help: "As CM1, its samples encrypted with cbcs, for FairPlay and Widevine",
        prefix: "CB",
        format: Format::Cmaf,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::Cbcs,
    },
    Channel {
        name: "CE1",
        help: "As CM1, its samples encrypted with cenc, for Widevine",
        prefix: "CE",
        format: Format::Cmaf,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::Cenc,
    },
    Channel {
        name: "SA1",
        help: "As TV1, its samples encrypted with SAMPLE-AES, for FairPlay",
        prefix: "SA",
        format: Format::Ts,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::SampleAes,
    },
    Channel {
        name: "LE1",
        help: "As LL1, segments and parts encrypted with AES-128, with another key every five segments",
        prefix: "LE",
        format: Format::Cmaf,
        units: 1,
        window: 15,
        reset: None,
        parts: true,
        ads: false,
        cipher: Cipher::Aes128,
    },
    Channel {
        name: i_frames::CHANNEL,
        help: "As TV1, with an I-frame playlist for each rung and EXT-X-BITRATE",
        prefix: "IF",
        format: Format::Ts,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: subtitles::CHANNEL,
        help: "As TV1, with WebVTT subtitles",
        prefix: "SU",
        format: Format::Ts,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: packager::CHANNEL,
        help: "As TV1, from a packager whose headers name its active input and when it wrote each playlist",
        prefix: "MP",
        format: Format::Ts,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "HV1",
        help: "As CM1 in HEVC, HDR10",
        prefix: "HV",
        format: Format::Cmaf,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "AU1",
        help: "Audio alone: three rungs of packed AAC, segments of 2 s, ten in the window",
        prefix: "AU",
        format: Format::Packed,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "AT1",
        help: "Audio alone: three rungs of AAC in transport streams, segments of 2 s, ten in the window",
        prefix: "AT",
        format: Format::Ts,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "CC1",
        help: "As TV1, with CEA-608 and CEA-708 in every picture",
        prefix: "CC",
        format: Format::Ts,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "CT1",
        help: "As CM1, with CEA-608 and CEA-708 in every picture, and subtitles in MP4 as WebVTT and as TTML",
        prefix: "CT",
        format: Format::Cmaf,
        units: 1,
        window: 10,
        reset: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
];

/// The clean channels; `TV2`, `TV3`… are further ones of the kind of `TV1`.
pub fn channels() -> &'static [Channel] {
    &CHANNELS
}

/// A channel's kind and its number, from 1.
pub fn find(name: &str) -> Option<(&'static Channel, i64)> {
    CHANNELS.iter().find_map(|channel| {
        let number: i64 = name.strip_prefix(channel.prefix)?.parse().ok()?;
        (1..=100_000).contains(&number).then_some((channel, number))
    })
}
