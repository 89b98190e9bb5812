//! The model that HLS and DASH share: a presentation of renditions, each with a timeline of segments.

pub mod ads;
mod codecs;
pub(crate) mod date;
mod identity;
pub mod labels;
mod low_latency;
mod pathways;

pub use codecs::is_audio_codec;
pub use identity::RenditionIdentity;
pub use low_latency::{HintKind, LowLatency, Part, PreloadHint, RenditionReport, ServerControl};

use crate::drm::{self, DrmSystem, Uuid};
use crate::steering::ContentSteering;
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

/// A video rendition (a rung of the ladder), an audio rendition or a text rendition.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendition {
    /// Readable label of the rendition, stable and unique in its output: `1080p`, `audio-vie`. [`labels`] assigns it.
    pub name: String,
    /// Identity by which the rendition is recognised in the next manifest.
    pub identity: RenditionIdentity,
    /// Kind of media of the rendition; a video variant of HLS may contain audio too.
    pub media: Media,
    /// URL of the rendition's own playlist; `None` if the manifest lists its segments itself or names no usable URI.
    pub uri: Option<Url>,
    /// Id that the packager gave the rendition, as [`labels::slug`] makes it: a stable id, the NAME of EXT-X-MEDIA, or
    /// Representation@id. `None` without one.
    pub id: Option<String>,
    /// Name that the packager gave the rendition for people: NAME, or the Label of an AdaptationSet. `None` without
    /// one.
    pub title: Option<String>,
    /// Declared peak bit rate: BANDWIDTH, or `@bandwidth`. `None` if the manifest declares none.
    pub bandwidth: Option<BitsPerSecond>,
    /// AVERAGE-BANDWIDTH of a variant (HLS); `None` without it.
    pub average_bandwidth: Option<BitsPerSecond>,
    /// Declared codecs of the rendition: RFC 6381 strings, split at commas.
    pub codecs: Vec<String>,
    /// AUDIO group and codecs of each variant that declares the rendition's playlist, where several variants declare the same playlist with
    /// codecs of their own (HLS). Empty otherwise. `codecs` has the codecs of all these variants.
    pub variant_codecs: Vec<(Option<String>, Vec<String>)>,
    /// Declared size of the rendition's pictures; `None` if the manifest declares none.
    pub resolution: Option<Resolution>,
    /// Declared frame rate in frames per second; `None` if the manifest declares none.
    pub frame_rate: Option<f64>,
    /// Language tag (BCP 47) of the rendition; `None` if the manifest declares none.
    pub language: Option<String>,
    /// Group of the rendition. HLS: the AUDIO group that a variant refers to, or the GROUP-ID of an EXT-X-MEDIA. DASH:
    /// a group of video and audio whose media times can be compared. `None` without one.
    pub group: Option<String>,
    /// Further groups of the rendition, where several tags of the manifest declare its playlist (HLS): a variant for each AUDIO group.
    pub further_groups: Vec<String>,
    /// Languages of the sound in the segments of an HLS variant itself, although it refers to an audio group: those of the
    /// group's EXT-X-MEDIA without URI (RFC 8216bis 4.4.6.2.1). `None` if the group has no such member, or there is no group.
    pub muxed_audio: Option<Vec<String>>,
    /// PATHWAY-ID of a variant (HLS), which is `.` without the attribute. `None` for another rendition.
    pub pathway: Option<String>,
    /// VIDEO-RANGE of a variant (HLS): `SDR`, `HLG` or `PQ`. `None` without it.
    pub video_range: Option<String>,
    /// Whether the manifest declares closed captions in the pictures; `None` if it says nothing.
    pub captions: Option<bool>,
    /// SUPPLEMENTAL-CODECS (HLS) such as `dvh1.08.07/db4h`, split at commas.
    pub supplemental: Vec<String>,
    /// CHANNELS (HLS) as written, such as `6` or `16/JOC`, or the number of channels by AudioChannelConfiguration (DASH). `None`
    /// without it.
    pub channels: Option<String>,
    /// Number of channels by AudioChannelConfiguration (DASH) if its value is meant as an index and not as a number of channels. `None`
    /// if it can't be.
    pub channels_by_index: Option<u16>,
    /// Whether Role says that the rendition is for all viewers (`main`), or for some of them, such as a commentary or sign language
    /// (DASH). `None` if the manifest gives it no role.
    pub is_main: Option<bool>,
    /// Whether the rendition is declared by EXT-X-MEDIA alone (HLS), so that players start with another one.
    pub is_alternative: bool,
    /// Whether players take the rendition of its group if the viewer has no other wish: DEFAULT=YES of EXT-X-MEDIA (HLS).
    pub is_default: bool,
    /// Reason why the media of the rendition aren't inspected; `None` if they are.
    pub uninspected: Option<Uninspected>,
    /// Line of the manifest that declares the rendition, from 1. `None` if it isn't known.
    pub line: Option<u32>,
}

/// Reason why the media of a rendition aren't inspected: the exporter doesn't read this kind of media. That is no fault
/// of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Uninspected {
    /// The segments of the rendition are WebM (Matroska).
    WebM,
    /// The segments of the rendition are encrypted as a whole (ISO/IEC 23009-4).
    SegmentEncryption,
    /// The segment URLs have parameters that only a player can fill in (ISO/IEC 23009-1 annex I).
    UrlParameters,
    /// The MPD describes segment sequences: `$SubNumber$`, or S@k above 1 (ISO/IEC 23009-1:2026 5.3.9.7).
    SegmentSequence,
    /// The SegmentTimeline has Pattern elements (ISO/IEC 23009-1:2026 5.3.9.6).
    TimelinePattern,
    /// The rendition has an EssentialProperty (ISO/IEC 23009-1) that changes how the media are played.
    Property,
}

impl Uninspected {
    /// Returns the reason why the media aren't inspected, in words for people.
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

    /// Returns whether even the times of the rendition's segments are unknown. For the other reasons the manifest tells
    /// the times, and only the content of the segments isn't inspected.
    #[must_use]
    pub const fn hides_times(self) -> bool {
        matches!(self, Self::SegmentSequence | Self::TimelinePattern)
    }
}

impl Rendition {
    /// Makes a rendition of which only kind of media and identity are known. Its name is empty until [`labels`] assigns
    /// one.
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
            variant_codecs: Vec::new(),
            resolution: None,
            frame_rate: None,
            language: None,
            group: None,
            further_groups: Vec::new(),
            muxed_audio: None,
            pathway: None,
            is_alternative: false,
            is_default: false,
            video_range: None,
            captions: None,
            supplemental: Vec::new(),
            uninspected: None,
            channels: None,
            channels_by_index: None,
            is_main: None,
            line: None,
        }
    }

    /// Iterates over all groups of the rendition.
    pub fn groups(&self) -> impl Iterator<Item = &String> {
        self.group.iter().chain(&self.further_groups)
    }

    /// Returns whether the two renditions have a group in common, so that players play them together.
    #[must_use]
    pub fn shares_group(&self, other: &Self) -> bool {
        self.groups().any(|group| other.groups().any(|of_other| of_other == group))
    }
}

/// Size of pictures in pixels; displayed as `1920x1080`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Resolution {
    /// Width of pictures in pixels.
    pub width: u32,
    /// Height of pictures in pixels.
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

/// The segments of a rendition as its playlist or the MPD lists them at an instant, with what the playlist says about
/// all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// EXT-X-VERSION of the playlist; `None` without the tag.
    pub version: Option<u32>,
    /// EXT-X-MEDIA-SEQUENCE of the playlist: number of its first segment. 0 without the tag.
    pub media_sequence: u64,
    /// Whether EXT-X-MEDIA-SEQUENCE has an unreadable value. The segments are numbered from 0 then, and their numbers can't be
    /// compared with those of other playlists.
    pub unnumbered: bool,
    /// EXT-X-DISCONTINUITY-SEQUENCE of the playlist; 0 without the tag.
    pub discontinuity_sequence: u64,
    /// EXT-X-TARGETDURATION of the playlist; `None` without the tag.
    pub target_duration: Option<Seconds>,
    /// Whether the list of segments is complete: EXT-X-ENDLIST, or `MPD@type="static"`.
    pub ended: bool,
    /// EXT-X-PLAYLIST-TYPE of the playlist: `EVENT` or `VOD`. `None` without the tag.
    pub playlist_type: Option<String>,
    /// Whether the playlist has EXT-X-INDEPENDENT-SEGMENTS.
    pub independent_segments: bool,
    /// TIME-OFFSET of EXT-X-START in seconds: the place where players begin, from the start of the playlist or, if negative, from its end
    /// (RFC 8216bis 4.4.2.2). `None` without the tag.
    pub start_offset: Option<f64>,
    /// Whether the playlist has EXT-X-I-FRAMES-ONLY.
    pub i_frames_only: bool,
    /// The segments that the playlist or MPD lists, oldest first.
    pub segments: Vec<Segment>,
    /// Parts, preload hints, rendition reports and delivery directives of low-latency HLS.
    pub low_latency: LowLatency,
    /// Ad markers in the order of the playlist; the newest ones if there are too many.
    pub markers: Vec<ads::Marker>,
}

impl Timeline {
    /// Returns the number of the newest segment; `None` for an empty list.
    #[must_use]
    pub fn last_number(&self) -> Option<u64> {
        self.segments.last().map(|s| s.number)
    }

    /// Returns the sum of the listed segment durations.
    #[must_use]
    pub fn window(&self) -> Seconds {
        self.segments.iter().map(|s| s.duration).sum()
    }

    /// Returns the wall-clock time of the live edge: the end of the newest part or segment. It is the newest explicit
    /// program date-time, carried forward by the durations after it (RFC 8216bis 4.4.4.6). `None` without such a date,
    /// or with a discontinuity after it.
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

    /// Returns the wall-clock time at which the newest whole segment ends; `None` as for [`Timeline::live_edge`].
    #[must_use]
    pub fn segments_edge(&self) -> Option<Timestamp> {
        self.dated_edge(Seconds::ZERO)
    }

    /// Returns the wall-clock time at which the newest whole segment ends, plus `tail`; `None` as for
    /// [`Timeline::live_edge`].
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

/// A segment of a rendition as a playlist or an MPD lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Number of the segment. HLS: its media sequence number. DASH: its start on the presentation's timeline in
    /// milliseconds.
    pub number: u64,
    /// Number of the segment before this one; `None` if it isn't known, as it may be for the first of a list.
    pub after: Option<u64>,
    /// Number of the run of segments between two discontinuities in which the segment is. HLS: its discontinuity sequence number.
    /// DASH: the start of its Period in milliseconds.
    pub discontinuity_sequence: u64,
    /// Absolute URL of the segment's resource.
    pub uri: Url,
    /// Byte range of the segment in its resource; `None` means the whole resource.
    pub byte_range: Option<ByteRange>,
    /// Duration of the segment as listed.
    pub duration: Seconds,
    /// EXT-X-BITRATE in force for the segment; `None` without one.
    pub bit_rate: Option<BitsPerSecond>,
    /// Start of a DASH segment in its own media time, as the MPD gives it. `None` for HLS, and if the MPD doesn't give
    /// it.
    pub media_start: Option<MediaStart>,
    /// Whether EXT-X-DISCONTINUITY stands before the segment.
    pub discontinuity: bool,
    /// Program date-time at which the segment begins; `None` unless the playlist gives one for this very segment.
    pub program_date_time: Option<Timestamp>,
    /// Whether the segment has EXT-X-GAP, which means that it isn't available.
    pub gap: bool,
    /// Initialization segment of this segment; `None` without one. Segments with the same one share it, because a window may
    /// list thousands.
    pub map: Option<Arc<Map>>,
    /// Key in force for the segment, preferably the one of KEYFORMAT identity; `None` for a clear segment.
    pub key: Option<Arc<Key>>,
    /// All keys in force for the segment, one for each KEYFORMAT: they lead to the same media key.
    pub keys: Arc<[Key]>,
    /// Line of the segment's URI in the playlist, from 1.
    pub line: u32,
}

/// Start of a DASH segment according to a SegmentTimeline or SegmentTemplate@duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaStart {
    /// Start of the segment in its own media time.
    pub at: MediaTime,
    /// Whether the start is computed as a multiple of SegmentTemplate@duration, from which real segments may deviate.
    pub nominal: bool,
}

impl Segment {
    /// Returns whether the segment comes right after the segment with the number `previous`. Numbers alone can't tell:
    /// those of HLS count segments, those of DASH milliseconds. False for the first segment of an MPD's list.
    #[must_use]
    pub fn follows(&self, previous: u64) -> bool {
        self.after == Some(previous)
    }

    /// Returns whether the segment is encrypted as a whole, by AES-128, AES-256, AES-256-CTR or AES-256-GCM. Without the
    /// key not even the container of such a segment can be identified.
    #[must_use]
    pub fn wholly_encrypted(&self) -> bool {
        self.key.as_deref().is_some_and(Key::encrypts_wholly)
    }
}

/// A range of bytes in a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// Offset of the range's first byte in the resource.
    pub offset: u64,
    /// Number of bytes of the range.
    pub length: u64,
}

/// The initialization segment of media segments (EXT-X-MAP, or an initialization segment of DASH).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Map {
    /// Absolute URL of the resource that holds the initialization segment.
    pub uri: Url,
    /// Byte range of the initialization segment in its resource; `None` means the whole resource.
    pub byte_range: Option<ByteRange>,
    /// Key that encrypts the initialization segment as a whole, whose tag stands before EXT-X-MAP (RFC 8216bis
    /// 4.4.4.5). `None` for a clear one.
    pub key: Option<Key>,
}

/// A key in force for segments: EXT-X-KEY of HLS, or a ContentProtection of DASH.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// METHOD of the key as written: `AES-128`, `SAMPLE-AES`, `SAMPLE-AES-CTR`.
    pub method: String,
    /// URI of the key: absolute if its scheme is http or https, else as written (`skd:`, `data:`). `None` without one.
    pub uri: Option<String>,
    /// IV attribute of the key as written; `None` without one.
    pub iv: Option<String>,
    /// KEYFORMAT attribute of the key as written; `None` without one. [`Key::format`] returns the default then.
    pub key_format: Option<String>,
    /// KEYID attribute, which packagers for Widevine write; `None` without one.
    pub key_id: Option<Uuid>,
}

impl Key {
    /// Returns whether the key encrypts segments and parts as a whole, and not only their samples. RFC 8216bis 4.4.4.4
    /// defines AES-128 and AES-256-GCM; hls.js and Shaka Player also decrypt AES-256 and AES-256-CTR.
    #[must_use]
    pub fn encrypts_wholly(&self) -> bool {
        matches!(self.method.as_str(), "AES-128" | "AES-256" | "AES-256-CTR" | "AES-256-GCM")
    }

    /// Returns whether some player decrypts with the METHOD of an EXT-X-KEY. Players ignore a tag with another METHOD
    /// (RFC 8216bis 6.3.1) and take its segments for clear ones. SAMPLE-AES-CENC is an older name of SAMPLE-AES-CTR.
    #[must_use]
    pub fn has_known_method(&self) -> bool {
        self.encrypts_wholly() || matches!(self.method.as_str(), "SAMPLE-AES" | "SAMPLE-AES-CTR" | "SAMPLE-AES-CENC")
    }

    /// Returns the number of bytes of a key in a file (KEYFORMAT identity): 32 for the methods with AES-256, 16 for others.
    #[must_use]
    pub fn length(&self) -> usize {
        if self.method.starts_with("AES-256") { 32 } else { 16 }
    }

    /// Returns whether two keys have the same URI and KEYFORMAT, so that they come from the same file or licence; their
    /// IVs may differ.
    #[must_use]
    pub fn same_source(&self, other: &Self) -> bool {
        self.uri == other.uri && self.format() == other.format()
    }

    /// Returns the KEYFORMAT of the key, which is `identity` by default.
    #[must_use]
    pub fn format(&self) -> &str {
        self.key_format.as_deref().unwrap_or("identity")
    }

    /// Returns the DRM system that KEYFORMAT names; `None` for another format.
    #[must_use]
    pub fn system(&self) -> Option<DrmSystem> {
        DrmSystem::from_key_format(self.format())
    }

    /// Returns the identifiers of the media keys, from KEYID and from the `pssh` box of a `data:` URI; empty if there
    /// are none.
    #[must_use]
    pub fn kids(&self) -> Vec<Uuid> {
        let listed = self.pssh_kids().into_iter().filter(|kid| Some(*kid) != self.key_id);
        self.key_id.into_iter().chain(listed).collect()
    }

    /// Returns the identifiers of the media keys that the `pssh` box of a `data:` URI lists; empty if it lists none.
    #[must_use]
    pub fn pssh_kids(&self) -> Vec<Uuid> {
        let boxes = self.uri.as_deref().map(drm::pssh_boxes_in_data_uri).unwrap_or_default();
        boxes.into_iter().flat_map(|pssh| pssh.kids).collect()
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
    fn a_method_says_what_is_encrypted_and_how_long_its_key_is() {
        let of = |method| {
            let key = key(method, None, None);
            (key.encrypts_wholly(), key.has_known_method(), key.length())
        };
        assert_eq!(of("AES-128"), (true, true, 16));
        assert_eq!(["AES-256", "AES-256-CTR", "AES-256-GCM"].map(of), [(true, true, 32); 3]);
        assert_eq!(["SAMPLE-AES", "SAMPLE-AES-CTR", "SAMPLE-AES-CENC"].map(of), [(false, true, 16); 3]);
        assert_eq!(["aes-128", "AES128", "AES-512", "NONSENSE"].map(of), [(false, false, 16); 4]);
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
