//! The model that HLS and DASH share: a presentation of renditions, each with a timeline of segments.

pub mod ads;
mod codecs;
pub(crate) mod date;
mod identity;
mod key;
pub mod labels;
mod low_latency;
mod pathways;
mod rendition;
mod timeline;

pub use codecs::is_audio_codec;
pub use identity::RenditionIdentity;
pub use key::Key;
pub use low_latency::{HintKind, LowLatency, Part, PreloadHint, RenditionReport, ServerControl};
pub use rendition::{Rendition, Resolution, Uninspected};
pub use timeline::{ByteRange, Map, MediaStart, Segment, Timeline};

use crate::steering::ContentSteering;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A streaming protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP Live Streaming (RFC 8216bis).
    Hls,
    /// Dynamic Adaptive Streaming over HTTP (ISO/IEC 23009-1).
    Dash,
}

impl Protocol {
    /// Returns the protocol of a manifest's URL, which may have placeholders: DASH if its path ends in `.mpd`, else
    /// HLS.
    #[must_use]
    pub fn of_address(url: &str) -> Self {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let mpd = path.get(path.len().saturating_sub(4)..).is_some_and(|end| end.eq_ignore_ascii_case(".mpd"));
        if mpd { Self::Dash } else { Self::Hls }
    }

    /// Returns the protocol's word for the document that lists the segments: `playlist` or `MPD`.
    #[must_use]
    pub const fn listing(self) -> &'static str {
        match self {
            Self::Hls => "playlist",
            Self::Dash => "MPD",
        }
    }

    /// Returns the protocol's name in reports and labels: `hls` or `dash`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hls => "hls",
            Self::Dash => "dash",
        }
    }
}

/// The kind of media of a rendition or track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// The media are pictures.
    Video,
    /// The media are sound.
    Audio,
    /// The media are subtitles.
    Text,
}

impl Media {
    /// Returns the name of the kind of media in reports and labels: `video`, `audio` or `text`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Text => "text",
        }
    }
}

/// The content of the manifest that lists the renditions: an HLS multivariant playlist, or an MPD.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Presentation {
    /// Video, audio and text renditions in the order of the manifest.
    pub renditions: Vec<Rendition>,
    /// Playlists of EXT-X-I-FRAME-STREAM-INF (HLS), for trick play. They are no rungs of the ladder.
    pub i_frames: Vec<Rendition>,
    /// Names and values of EXT-X-DEFINE (HLS), which media playlists may import.
    pub variables: BTreeMap<String, String>,
    /// Number of variants that the multivariant playlist declares (HLS).
    pub variants: VariantCounts,
    /// HLS: EXT-X-INDEPENDENT-SEGMENTS, which applies to all media playlists (RFC 8216bis 4.4.2.1).
    pub independent_segments: bool,
    /// HLS: TIME-OFFSET of EXT-X-START in seconds, which applies to all media playlists (RFC 8216bis 4.4.2.2). `None` without the tag.
    pub start_offset: Option<f64>,
    /// The steering server of EXT-X-CONTENT-STEERING (HLS). `None` without the tag, and if its SERVER-URI isn't of the scheme http
    /// or https: a `data:` URI has the answer itself.
    pub steering: Option<ContentSteering>,
}

/// Numbers of variants and of other tags that an HLS multivariant playlist declares. A player starts with a variant, not
/// with a rendition of EXT-X-MEDIA.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VariantCounts {
    /// Number of EXT-X-STREAM-INF tags.
    pub declared: usize,
    /// Number of EXT-X-STREAM-INF tags that have a URI of the scheme http or https.
    pub requestable: usize,
    /// Number of EXT-X-I-FRAME-STREAM-INF tags, which are for trick play only.
    pub i_frames: usize,
    /// Number of EXT-X-MEDIA tags of audio, subtitles and closed captions.
    pub media: usize,
    /// Number of EXT-X-MEDIA tags of audio, subtitles and closed captions without LANGUAGE.
    pub media_without_language: usize,
    /// Line of the first EXT-X-MEDIA tag without LANGUAGE, from 1. `None` if every tag has it.
    pub first_without_language: Option<u32>,
    /// Number of EXT-X-MEDIA tags of subtitles and closed captions.
    pub captions: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_of_a_url_is_by_the_end_of_its_path() {
        for url in ["http://p/a.mpd", "http://p/a.MPD?x=1", "http://p/{code}.mpd#t=1", ".mpd"] {
            assert_eq!(Protocol::of_address(url), Protocol::Dash, "{url}");
        }
        for url in ["http://p/a.m3u8", "http://p/mpd", "http://p/a?x=.mpd", "http://p/a.mpd/b", "", "é"] {
            assert_eq!(Protocol::of_address(url), Protocol::Hls, "{url}");
        }
    }
}
