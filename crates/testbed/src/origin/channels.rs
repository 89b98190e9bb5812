//! Clean channels of the origin. The letters of a channel's name give its kind, and the number distinguishes channels
//! of that kind.

use super::encryption::Cipher;
use super::{captions, i_frames, packager_headers, webvtt};

/// A kind of clean channel of the origin, with the name of its first channel.
#[derive(Debug)]
pub struct Channel {
    pub name: &'static str,
    pub help: &'static str,
    pub(super) prefix: &'static str,
    pub(super) format: Format,
    /// Number of media units of 2 s in a segment of the channel.
    pub(super) units: i64,
    pub(super) window: i64,
    /// Number of segments from one announced discontinuity to the next; `None` for a channel without discontinuities.
    pub(super) discontinuity_every: Option<i64>,
    /// Whether the channel's playlists are low-latency ones and list parts.
    pub(super) parts: bool,
    /// Whether the channel has ad breaks.
    pub(super) ads: bool,
    pub(super) cipher: Cipher,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Ts,
    Cmaf,
    /// Segments of packed audio: AAC frames after an ID3 tag.
    Packed,
}

/// Codec and content of the rungs of an origin's channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ladder {
    Avc,
    /// Video rungs in H.264 with closed captions.
    Captioned,
    /// Video rungs in HEVC Main 10 with PQ.
    Hevc,
    /// Audio rungs in AAC, without video.
    AudioOnly,
}

impl Channel {
    /// Returns whether the channel's parts are byte ranges of their segment.
    pub(super) fn ranged(&self) -> bool {
        self.prefix == "LB"
    }

    pub(super) fn ladder(&self) -> Ladder {
        match self.prefix {
            "HV" => Ladder::Hevc,
            "AU" | "AT" => Ladder::AudioOnly,
            captions::TRANSPORT | captions::CMAF => Ladder::Captioned,
            _ => Ladder::Avc,
        }
    }
}

static CHANNELS: [Channel; 24] = [
    Channel {
        name: "TV1",
        help: "HLS with muxed transport streams, four rungs, segments of 2 s, a window of ten",
        prefix: "TV",
        format: Format::Ts,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "HD1",
        help: "HLS with muxed transport streams, four rungs, segments of 6 s, a window of six",
        prefix: "HD",
        format: Format::Ts,
        units: 3,
        window: 6,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "CM1",
        help: "HLS with CMAF, four rungs and an audio rendition, segments of 2 s, a window of ten",
        prefix: "CM",
        format: Format::Cmaf,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "CH1",
        help: "HLS with CMAF, four rungs and an audio rendition, segments of 6 s, a window of six",
        prefix: "CH",
        format: Format::Cmaf,
        units: 3,
        window: 6,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "DI1",
        help: "Like TV1, with a correctly announced discontinuity every 20 s, at which timestamps begin again",
        prefix: "DI",
        format: Format::Ts,
        units: 1,
        window: 10,
        discontinuity_every: Some(10),
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
        discontinuity_every: None,
        parts: true,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "LB1",
        help: "Like LL1, with parts that are byte ranges of their segment",
        prefix: "LB",
        format: Format::Cmaf,
        units: 1,
        window: 15,
        discontinuity_every: None,
        parts: true,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "AD1",
        help: "Like TV1, with an ad break of 10 s every 24 s, announced by cue tags, date ranges and SCTE-35, with ID3 tags, DSM-CC and announced jumps of a continuity counter",
        prefix: "AD",
        format: Format::Ts,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: true,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "AM1",
        help: "Like CM1, with the ad breaks of AD1, with SCTE-35 in event messages, segment indexes and producer reference times",
        prefix: "AM",
        format: Format::Cmaf,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: true,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "AE1",
        help: "Like TV1, encrypted with AES-128, with a new key every five segments",
        prefix: "AE",
        format: Format::Ts,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Aes128,
    },
    Channel {
        name: "CB1",
        help: "Like CM1, with samples encrypted with cbcs, for FairPlay and Widevine",
        prefix: "CB",
        format: Format::Cmaf,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Cbcs,
    },
    Channel {
        name: "CE1",
        help: "Like CM1, with samples encrypted with cenc, for Widevine",
        prefix: "CE",
        format: Format::Cmaf,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Cenc,
    },
    Channel {
        name: "SA1",
        help: "Like TV1, with samples encrypted with SAMPLE-AES, for FairPlay",
        prefix: "SA",
        format: Format::Ts,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::SampleAes,
    },
    Channel {
        name: "LE1",
        help: "Like LL1, segments and parts encrypted with AES-128, with a new key every five segments",
        prefix: "LE",
        format: Format::Cmaf,
        units: 1,
        window: 15,
        discontinuity_every: None,
        parts: true,
        ads: false,
        cipher: Cipher::Aes128,
    },
    Channel {
        name: i_frames::CHANNEL,
        help: "Like TV1, with an I-frame playlist for each rung and EXT-X-BITRATE",
        prefix: "IF",
        format: Format::Ts,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: webvtt::CHANNEL,
        help: "Like TV1, with WebVTT subtitles",
        prefix: "SU",
        format: Format::Ts,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: packager_headers::CHANNEL,
        help: "Like TV1, from a packager whose headers name its active input and the time of each playlist",
        prefix: "MP",
        format: Format::Ts,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "HV1",
        help: "Like CM1, in HEVC with HDR10",
        prefix: "HV",
        format: Format::Cmaf,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "AU1",
        help: "Audio only: three rungs of packed AAC with ID3 tags between the frames, segments of 2 s, a window of ten",
        prefix: "AU",
        format: Format::Packed,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "AT1",
        help: "Audio only: three rungs of AAC in transport streams, segments of 2 s, a window of ten",
        prefix: "AT",
        format: Format::Ts,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "CC1",
        help: "Like TV1, with CEA-608 and CEA-708 in every picture",
        prefix: "CC",
        format: Format::Ts,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "CT1",
        help: "Like CM1, with CEA-608 and CEA-708 in every picture, and subtitles in MP4 as WebVTT and as TTML",
        prefix: "CT",
        format: Format::Cmaf,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "BM1",
        help: "Like TV1, with a measured BANDWIDTH and another order of the variants every 2 s",
        prefix: "BM",
        format: Format::Ts,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
    Channel {
        name: "SE1",
        help: "Like TV1, with a session in every path that the multivariant playlist changes every 6 s",
        prefix: "SE",
        format: Format::Ts,
        units: 1,
        window: 10,
        discontinuity_every: None,
        parts: false,
        ads: false,
        cipher: Cipher::Clear,
    },
];

/// Returns the first channel of each kind; `TV2`, `TV3` and so on are further channels of the kind of `TV1`.
pub fn channels() -> &'static [Channel] {
    &CHANNELS
}

/// Returns kind and number, from 1, of the channel with this name; `None` if there is none.
pub(super) fn find(name: &str) -> Option<(&'static Channel, i64)> {
    CHANNELS.iter().find_map(|channel| {
        let number: i64 = name.strip_prefix(channel.prefix)?.parse().ok()?;
        (1..=100_000).contains(&number).then_some((channel, number))
    })
}
