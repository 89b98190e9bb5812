//! What HLS and DASH both become: a presentation of renditions, each with a timeline of segments.

pub(crate) mod date;
mod low_latency;
pub mod names;

pub use low_latency::{HintKind, LowLatency, Part, PreloadHint, RenditionReport, ServerControl};

use crate::drm::{self, Id, System};
use crate::units::{BitsPerSecond, MediaTime, Seconds, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;

pub mod ads;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    Hls,
    Dash,
}

impl Protocol {
    /// By an address, which may still have placeholders: that of an MPD ends in `.mpd`.
    #[must_use]
    pub fn of_address(url: &str) -> Self {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let mpd = path.get(path.len().saturating_sub(4)..).is_some_and(|end| end.eq_ignore_ascii_case(".mpd"));
        if mpd { Self::Dash } else { Self::Hls }
    }

    /// What lists the segments, as this protocol calls it.
    #[must_use]
    pub const fn listing(self) -> &'static str {
        match self {
            Self::Hls => "playlist",
            Self::Dash => "MPD",
        }
    }

    /// `hls`, `dash`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hls => "hls",
            Self::Dash => "dash",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    Video,
    Audio,
    Text,
}

impl Media {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Text => "text",
        }
    }
}

/// The manifest that lists the renditions (HLS multivariant playlist, DASH MPD).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Presentation {
    pub renditions: Vec<Rendition>,
    /// HLS: EXT-X-I-FRAME-STREAM-INF, for trick play. They are no rungs of the ladder.
    pub i_frames: Vec<Rendition>,
    /// HLS: names and values of EXT-X-DEFINE, which the media playlists may import.
    pub variables: BTreeMap<String, String>,
}

/// One rung of the ladder, one audio or one text rendition.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendition {
    /// Stable, readable for a person, unique in its output: `1080p-4500k`, `audio-vie-128k`.
    pub name: String,
    pub media: Media,
    /// Where its own playlist is; `None` where the manifest itself carries it, or names none.
    pub uri: Option<Url>,
    /// The packager's own id, cleaned and bounded.
    pub id: Option<String>,
    pub bandwidth: Option<BitsPerSecond>,
    pub average_bandwidth: Option<BitsPerSecond>,
    /// RFC 6381 strings, split at commas.
    pub codecs: Vec<String>,
    pub resolution: Option<Resolution>,
    pub frame_rate: Option<f64>,
    /// BCP 47.
    pub language: Option<String>,
    /// HLS: the AUDIO group that a variant refers to, or the GROUP-ID that this rendition is a member of.
    /// DASH: video and audio of one group have media times that can be compared.
    pub group: Option<String>,
    pub video_range: Option<String>,
    /// Its pictures are said to have closed captions (`true`), or none (CLOSED-CAPTIONS=NONE).
    pub captions: Option<bool>,
    /// HLS: SUPPLEMENTAL-CODECS, split at commas: `dvh1.08.07/db4h`.
    pub supplemental: Vec<String>,
    /// HLS: CHANNELS as written: `6`, `16/JOC`.
    pub channels: Option<String>,
    /// Line of the manifest that declares it, from 1.
    pub line: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Resolution {
    pub width: u32,
    pub height: u32,
}

impl std::fmt::Display for Resolution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl From<Resolution> for String {
    fn from(r: Resolution) -> Self {
        r.to_string()
    }
}

impl TryFrom<String> for Resolution {
    type Error = String;
    fn try_from(s: String) -> Result<Self, Self::Error> {
        let parts = s.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
        let (width, height) = parts.ok_or_else(|| format!("`{s}` is not a resolution; write it as 1920x1080"))?;
        Ok(Self { width, height })
    }
}

/// A rendition's segments as its playlist (or the MPD's timeline) lists them at one instant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    pub version: Option<u32>,
    pub media_sequence: u64,
    pub discontinuity_sequence: u64,
    pub target_duration: Option<Seconds>,
    /// EXT-X-ENDLIST, or MPD@type="static".
    pub ended: bool,
    /// EXT-X-PLAYLIST-TYPE: `EVENT` or `VOD`.
    pub playlist_type: Option<String>,
    pub independent_segments: bool,
    /// EXT-X-I-FRAMES-ONLY.
    pub i_frames_only: bool,
    pub segments: Vec<Segment>,
    pub low_latency: LowLatency,
    /// Ad markers in their order, the newest of too many.
    pub markers: Vec<ads::Marker>,
}

impl Timeline {
    /// Number of the newest segment; `None` for an empty list.
    #[must_use]
    pub fn last_number(&self) -> Option<u64> {
        self.segments.last().map(|s| s.number)
    }

    /// Sum of the listed durations.
    #[must_use]
    pub fn window(&self) -> Seconds {
        self.segments.iter().map(|s| s.duration).sum()
    }

    /// Where the live edge is on the wall clock: the end of the newest part, or segment. The newest explicit
    /// program date-time, carried forward by the durations after it (RFC 8216bis 4.4.4.6).
    #[must_use]
    pub fn live_edge(&self) -> Option<Timestamp> {
        let mut tail = Seconds::ZERO;
        for part in self.open_parts().rev() {
            tail = tail + part.duration;
            if let Some(at) = part.program_date_time {
                return Some(tail.after(at));
            }
            if part.discontinuity {
                return None;
            }
        }
        self.dated_edge(tail)
    }

    /// Where the newest whole segment ends on the wall clock.
    #[must_use]
    pub fn segments_edge(&self) -> Option<Timestamp> {
        self.dated_edge(Seconds::ZERO)
    }

    /// `tail` lies behind the newest whole segment.
    fn dated_edge(&self, mut tail: Seconds) -> Option<Timestamp> {
        for segment in self.segments.iter().rev() {
            tail = tail + segment.duration;
            if let Some(at) = segment.program_date_time {
                return Some(tail.after(at));
            }
            if segment.discontinuity {
                return None;
            }
        }
        None
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Media sequence number; in DASH its start in milliseconds on the presentation's timeline.
    pub number: u64,
    /// Number of the segment it is listed after; one that was listed first may not say.
    pub after: Option<u64>,
    /// Discontinuity sequence number it belongs to.
    pub discontinuity_sequence: u64,
    pub uri: Url,
    pub byte_range: Option<ByteRange>,
    pub duration: Seconds,
    /// EXT-X-BITRATE in force.
    pub bit_rate: Option<BitsPerSecond>,
    /// DASH: where the MPD says that it begins in its own media time.
    pub media_start: Option<MediaStart>,
    /// EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
    /// Only where the playlist says it for this very segment.
    pub program_date_time: Option<Timestamp>,
    pub gap: bool,
    pub map: Option<Map>,
    pub key: Option<Key>,
    /// Every key in force, one of each KEYFORMAT: all lead to the same media key.
    pub keys: Arc<[Key]>,
    /// Line of its URI, from 1.
    pub line: u32,
}

/// Of DASH: by a SegmentTimeline, or by the pace of SegmentTemplate@duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaStart {
    pub at: MediaTime,
    /// By a fixed pace, around which real segments may lie.
    pub nominal: bool,
}

impl Segment {
    /// AES-128 and AES-256-GCM encrypt the segment as a whole (RFC 8216bis 4.4.4.4): without the key nothing
    /// inside can be read, not even what container it is.
    #[must_use]
    pub fn wholly_encrypted(&self) -> bool {
        self.key.as_ref().is_some_and(Key::encrypts_wholly)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    pub offset: u64,
    pub length: u64,
}

/// The media initialization section (EXT-X-MAP).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Map {
    pub uri: Url,
    pub byte_range: Option<ByteRange>,
    /// The key that encrypts it as a whole: one whose tag stands before its own (RFC 8216bis 4.4.4.5).
    pub key: Option<Key>,
}

/// EXT-X-KEY in force. `method` as written: `AES-128`, `SAMPLE-AES`, `SAMPLE-AES-CTR`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    pub method: String,
    pub uri: Option<String>,
    pub iv: Option<String>,
    pub key_format: Option<String>,
    /// KEYID, as packagers for Widevine write it.
    pub key_id: Option<Id>,
}

impl Key {
    /// Whole segments, and the parts of them, not only their samples.
    #[must_use]
    pub fn encrypts_wholly(&self) -> bool {
        self.method == "AES-128" || self.method == "AES-256-GCM"
    }

    /// The same file or licence: tags differ by IV too.
    #[must_use]
    pub fn same_source(&self, other: &Self) -> bool {
        self.uri == other.uri && self.format() == other.format()
    }

    /// KEYFORMAT, or what it is where none is given.
    #[must_use]
    pub fn format(&self) -> &str {
        self.key_format.as_deref().unwrap_or("identity")
    }

    /// The DRM system that KEYFORMAT names.
    #[must_use]
    pub fn system(&self) -> Option<System> {
        System::of_key_format(self.format())
    }

    /// The keys that it names, by KEYID or in the `pssh` of its `data:` URI. Empty where it names none.
    #[must_use]
    pub fn kids(&self) -> Vec<Id> {
        let boxes = self.uri.as_deref().map(drm::in_data_uri).unwrap_or_default();
        self.key_id.into_iter().chain(boxes.into_iter().flat_map(|pssh| pssh.kids)).collect()
    }
}
