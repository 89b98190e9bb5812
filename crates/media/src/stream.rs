//! The model of both protocols: a presentation of renditions, each with a timeline of segments.

pub mod ads;
pub(crate) mod date;
mod identity;
pub mod labels;
mod low_latency;

pub use identity::RenditionIdentity;
pub use low_latency::{HintKind, LowLatency, Part, PreloadHint, RenditionReport, ServerControl};

use crate::drm::{self, DrmSystem, Uuid};
use crate::units::{BitsPerSecond, MediaTime, Seconds, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;

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
    /// The protocol of a manifest's URL, which may have placeholders: DASH if its path ends in `.mpd`, else HLS.
    #[must_use]
    pub fn of_address(url: &str) -> Self {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let mpd = path.get(path.len().saturating_sub(4)..).is_some_and(|end| end.eq_ignore_ascii_case(".mpd"));
        if mpd { Self::Dash } else { Self::Hls }
    }

    /// The protocol's name for what lists the segments: `playlist`, `MPD`.
    #[must_use]
    pub const fn listing(self) -> &'static str {
        match self {
            Self::Hls => "playlist",
            Self::Dash => "MPD",
        }
    }

    /// Name in reports and labels: `hls`, `dash`.
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
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Subtitles.
    Text,
}

impl Media {
    /// Name in reports and labels: `video`, `audio`, `text`.
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
    /// HLS: the playlists of EXT-X-I-FRAME-STREAM-INF, for trick play. They are no rungs of the ladder.
    pub i_frames: Vec<Rendition>,
    /// HLS: names and values of EXT-X-DEFINE, which media playlists may import.
    pub variables: BTreeMap<String, String>,
    /// HLS: how many variants the playlist declares.
    pub variants: VariantCounts,
}

/// The number of variants that an HLS multivariant playlist declares. Renditions of EXT-X-MEDIA don't count: a player starts
/// with a variant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VariantCounts {
    /// EXT-X-STREAM-INF tags.
    pub declared: usize,
    /// Those of them with a URI of the scheme http or https.
    pub requestable: usize,
    /// EXT-X-I-FRAME-STREAM-INF tags, for trick play only.
    pub i_frames: usize,
}

/// A video rendition (a rung of the ladder), an audio rendition or a text rendition.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendition {
    /// Readable label, stable and unique in its output: `1080p`, `audio-vie`. [`labels`] assigns it.
    pub name: String,
    /// What the rendition is recognised by in the next manifest.
    pub identity: RenditionIdentity,
    /// Kind of media; a variant of video may contain audio too.
    pub media: Media,
    /// URL of its own playlist; `None` if the manifest lists its segments itself or names no usable URI.
    pub uri: Option<Url>,
    /// The packager's id as [`labels::slug`] makes it: a stable id, the NAME of EXT-X-MEDIA, or Representation@id. `None` without one.
    pub id: Option<String>,
    /// The packager's name for people: NAME, or the Label of an AdaptationSet.
    pub title: Option<String>,
    /// Declared peak bit rate: BANDWIDTH, or `@bandwidth`.
    pub bandwidth: Option<BitsPerSecond>,
    /// HLS: AVERAGE-BANDWIDTH.
    pub average_bandwidth: Option<BitsPerSecond>,
    /// Declared codecs: RFC 6381 strings, split at commas.
    pub codecs: Vec<String>,
    /// Declared size of the pictures.
    pub resolution: Option<Resolution>,
    /// Declared frames a second.
    pub frame_rate: Option<f64>,
    /// Language tag (BCP 47).
    pub language: Option<String>,
    /// HLS: the AUDIO group that a variant refers to, or the GROUP-ID of which this rendition is a member. DASH: a group of video
    /// and audio whose media times can be compared.
    pub group: Option<String>,
    /// HLS: VIDEO-RANGE (`SDR`, `HLG`, `PQ`).
    pub video_range: Option<String>,
    /// Whether the manifest declares closed captions in the pictures; `None` if it says nothing.
    pub captions: Option<bool>,
    /// HLS: SUPPLEMENTAL-CODECS such as `dvh1.08.07/db4h`, split at commas.
    pub supplemental: Vec<String>,
    /// HLS: CHANNELS as written, such as `6` or `16/JOC`.
    pub channels: Option<String>,
    /// Why its media are not inspected; `None` if they are.
    pub uninspected: Option<Uninspected>,
    /// Line of the manifest that declares it, from 1.
    pub line: Option<u32>,
}

/// Why the media of a rendition are not inspected: they are of a kind that this exporter does not read. That is no fault of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Uninspected {
    /// WebM (Matroska) segments.
    WebM,
    /// Segment encryption of ISO/IEC 23009-4.
    SegmentEncryption,
    /// URL parameters of ISO/IEC 23009-1 annex I that only a player can fill in.
    UrlParameters,
    /// Segment sequences: `$SubNumber$`, or S@k above 1 (ISO/IEC 23009-1:2026 5.3.9.7).
    SegmentSequence,
    /// A SegmentTimeline with Pattern elements (ISO/IEC 23009-1:2026 5.3.9.6).
    TimelinePattern,
    /// An EssentialProperty of ISO/IEC 23009-1 that changes how the media are played.
    Property,
}

impl Uninspected {
    /// The reason in words for people.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::WebM => "WebM segments are not looked into",
            Self::SegmentEncryption => {
                "segments encrypted after ISO/IEC 23009-4 (urn:mpeg:dash:sea) are not looked into"
            }
            Self::UrlParameters => {
                "segments whose URLs need parameters that only a player has (annex I) are not looked into"
            }
            Self::SegmentSequence => "segment sequences ($SubNumber$, S@k) are not looked into",
            Self::TimelinePattern => "segments of a SegmentTimeline with Pattern are not looked into",
            Self::Property => {
                "segments under an EssentialProperty that this exporter does not implement are not looked into"
            }
        }
    }

    /// Whether not even the times of the segments are known.
    #[must_use]
    pub const fn hides_times(self) -> bool {
        matches!(self, Self::SegmentSequence | Self::TimelinePattern)
    }
}

impl Rendition {
    /// A rendition of which only its media and its identity are known. Its name is empty until [`labels`] assigns one.
    #[must_use]
    pub fn new(media: Media, identity: RenditionIdentity) -> Self {
        Self {
            name: String::new(),
            media,
            identity,
            uri: None,
            id: None,
            title: None,
            bandwidth: None,
            average_bandwidth: None,
            codecs: Vec::new(),
            resolution: None,
            frame_rate: None,
            language: None,
            group: None,
            video_range: None,
            captions: None,
            supplemental: Vec::new(),
            uninspected: None,
            channels: None,
            line: None,
        }
    }
}

/// Size of pictures; as text `1920x1080`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Resolution {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
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

/// The segments of a rendition as its playlist, or the MPD, lists them at an instant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// EXT-X-VERSION.
    pub version: Option<u32>,
    /// EXT-X-MEDIA-SEQUENCE: number of the first segment; 0 without the tag.
    pub media_sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE; 0 without the tag.
    pub discontinuity_sequence: u64,
    /// EXT-X-TARGETDURATION.
    pub target_duration: Option<Seconds>,
    /// The list is complete: EXT-X-ENDLIST, or `MPD@type="static"`.
    pub ended: bool,
    /// EXT-X-PLAYLIST-TYPE: `EVENT` or `VOD`.
    pub playlist_type: Option<String>,
    /// EXT-X-INDEPENDENT-SEGMENTS.
    pub independent_segments: bool,
    /// EXT-X-I-FRAMES-ONLY.
    pub i_frames_only: bool,
    /// The listed segments, oldest first.
    pub segments: Vec<Segment>,
    /// Parts, hints and delivery directives of low-latency HLS.
    pub low_latency: LowLatency,
    /// Ad markers in their order; the newest ones if there are too many.
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

    /// The live edge on the wall clock: the end of the newest part or segment. It is the newest explicit program date-time, carried
    /// forward by the durations after it (RFC 8216bis 4.4.4.6). `None` without such a date, or with a discontinuity after it.
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

    /// End of the newest whole segment on the wall clock; `None` as for [`Timeline::live_edge`].
    #[must_use]
    pub fn segments_edge(&self) -> Option<Timestamp> {
        self.dated_edge(Seconds::ZERO)
    }

    /// End of the newest whole segment plus `tail`.
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

/// A segment of a rendition as it is listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// HLS: media sequence number. DASH: start on the presentation's timeline in milliseconds.
    pub number: u64,
    /// Number of the segment before this one; `None` if that is unknown, as for the first of a list may be.
    pub after: Option<u64>,
    /// Discontinuity sequence number.
    pub discontinuity_sequence: u64,
    /// Absolute URL of its resource.
    pub uri: Url,
    /// Bytes of the resource; `None`: all of it.
    pub byte_range: Option<ByteRange>,
    /// Listed duration.
    pub duration: Seconds,
    /// EXT-X-BITRATE in force.
    pub bit_rate: Option<BitsPerSecond>,
    /// DASH: the beginning in the segment's own media time as the MPD gives it.
    pub media_start: Option<MediaStart>,
    /// EXT-X-DISCONTINUITY is before it.
    pub discontinuity: bool,
    /// Date of its beginning, only where the playlist gives one for this segment.
    pub program_date_time: Option<Timestamp>,
    /// EXT-X-GAP: the segment isn't available.
    pub gap: bool,
    /// Initialization section; `None` without one.
    pub map: Option<Map>,
    /// Key in force, that of KEYFORMAT identity first; `None` for a clear segment.
    pub key: Option<Key>,
    /// All keys in force, one for each KEYFORMAT: they lead to the same media key.
    pub keys: Arc<[Key]>,
    /// Line of its URI, from 1.
    pub line: u32,
}

/// Beginning of a DASH segment by a SegmentTimeline or by SegmentTemplate@duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaStart {
    /// Beginning in the segment's own media time.
    pub at: MediaTime,
    /// The time is a multiple of SegmentTemplate@duration: real segments may deviate from it.
    pub nominal: bool,
}

impl Segment {
    /// Whether the segment comes right after the one numbered `previous`, with none between them. Only the list says so:
    /// numbers of HLS count segments, those of DASH count milliseconds. The first segment of an MPD's list follows none.
    #[must_use]
    pub fn follows(&self, previous: u64) -> bool {
        self.after == Some(previous)
    }

    /// Whether the segment is encrypted as a whole, by AES-128 or AES-256-GCM (RFC 8216bis 4.4.4.4): without the key not even its
    /// container can be identified.
    #[must_use]
    pub fn wholly_encrypted(&self) -> bool {
        self.key.as_ref().is_some_and(Key::encrypts_wholly)
    }
}

/// A range of bytes of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

/// The media initialization section of segments (EXT-X-MAP, or an initialization segment of DASH).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Map {
    /// Absolute URL of its resource.
    pub uri: Url,
    /// Bytes of the resource; `None`: all of it.
    pub byte_range: Option<ByteRange>,
    /// The key that encrypts the section as a whole: one whose tag is before EXT-X-MAP (RFC 8216bis 4.4.4.5).
    pub key: Option<Key>,
}

/// A key in force: EXT-X-KEY, or the content protection of DASH.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// METHOD as written: `AES-128`, `SAMPLE-AES`, `SAMPLE-AES-CTR`.
    pub method: String,
    /// URI: absolute if it is one of http or https, else as written (`skd:`, `data:`).
    pub uri: Option<String>,
    /// IV as written.
    pub iv: Option<String>,
    /// KEYFORMAT as written; [`Key::format`] has the default.
    pub key_format: Option<String>,
    /// KEYID, which packagers for Widevine write.
    pub key_id: Option<Uuid>,
}

impl Key {
    /// Whether the key encrypts segments and parts as a whole, not only their samples.
    #[must_use]
    pub fn encrypts_wholly(&self) -> bool {
        self.method == "AES-128" || self.method == "AES-256-GCM"
    }

    /// Whether both are the same file or licence; their IVs may differ.
    #[must_use]
    pub fn same_source(&self, other: &Self) -> bool {
        self.uri == other.uri && self.format() == other.format()
    }

    /// KEYFORMAT, which is `identity` by default.
    #[must_use]
    pub fn format(&self) -> &str {
        self.key_format.as_deref().unwrap_or("identity")
    }

    /// The DRM system that KEYFORMAT names; `None` for another format.
    #[must_use]
    pub fn system(&self) -> Option<DrmSystem> {
        DrmSystem::from_key_format(self.format())
    }

    /// Identifiers of the media keys, from KEYID and from the `pssh` box of a `data:` URI; empty if there are none.
    #[must_use]
    pub fn kids(&self) -> Vec<Uuid> {
        let boxes = self.uri.as_deref().map(drm::pssh_boxes_in_data_uri).unwrap_or_default();
        self.key_id.into_iter().chain(boxes.into_iter().flat_map(|pssh| pssh.kids)).collect()
    }
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

    #[test]
    fn a_resolution_is_two_numbers() {
        let read = |text: &str| Resolution::try_from(text.to_owned());
        assert_eq!(read("1920x1080"), Ok(Resolution { width: 1920, height: 1080 }));
        assert_eq!(String::from(read("1x2").unwrap()), "1x2");
        for text in ["1080p", "1920x", "x1080", "1920X1080", "1x2x3", "-1x1", "4294967296x1"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    fn key(method: &str, uri: Option<&str>, format: Option<&str>) -> Key {
        let (uri, key_format) = (uri.map(str::to_owned), format.map(str::to_owned));
        Key { method: method.to_owned(), uri, iv: None, key_format, key_id: None }
    }

    #[test]
    fn only_two_methods_encrypt_a_segment_as_a_whole() {
        let whole = |method| key(method, None, None).encrypts_wholly();
        assert_eq!(
            ["AES-128", "AES-256-GCM", "SAMPLE-AES", "SAMPLE-AES-CTR", "aes-128"].map(whole),
            [true, true, false, false, false]
        );
    }

    #[test]
    fn keys_are_of_one_source_by_uri_and_format_and_the_default_format_is_identity() {
        let plain = key("AES-128", Some("k"), None);
        assert!(plain.same_source(&key("AES-128", Some("k"), Some("identity"))));
        let vector = Key { iv: Some("0x1".to_owned()), ..plain.clone() };
        assert!(plain.same_source(&vector));
        assert!(!plain.same_source(&key("AES-128", Some("l"), None)));
        assert!(!plain.same_source(&key("AES-128", Some("k"), Some("com.apple.streamingkeydelivery"))));
    }

    fn segment(date: Option<i64>, discontinuity: bool) -> Segment {
        Segment {
            number: 0,
            after: None,
            discontinuity_sequence: 0,
            uri: Url::parse("http://packager/x").unwrap(),
            byte_range: None,
            duration: Seconds(2.0),
            bit_rate: None,
            media_start: None,
            discontinuity,
            program_date_time: date.map(|second| Timestamp::from_second(second).unwrap()),
            gap: false,
            map: None,
            key: None,
            keys: Arc::default(),
            line: 1,
        }
    }

    #[test]
    fn the_edge_is_the_newest_date_and_the_durations_after_it_but_not_over_a_discontinuity() {
        let edge = |segments: Vec<Segment>| {
            let edge = Timeline { segments, ..Timeline::default() }.segments_edge();
            edge.map(|at| at.as_second())
        };
        assert_eq!(edge(vec![]), None);
        assert_eq!(edge(vec![segment(None, false)]), None);
        assert_eq!(edge(vec![segment(Some(90), false), segment(Some(100), true), segment(None, false)]), Some(104));
        assert_eq!(edge(vec![segment(Some(100), false), segment(None, true)]), None);
        let timeline = Timeline { segments: vec![segment(None, false); 3], ..Timeline::default() };
        assert_eq!((timeline.window(), timeline.last_number()), (Seconds(6.0), Some(0)));
    }
}
