//! Renditions: what a manifest says of each quality, audio track and subtitle.

use super::{Media, RenditionIdentity};
use crate::units::BitsPerSecond;
use serde::{Deserialize, Serialize};
use url::Url;

/// A video rendition (a rung of the ladder), an audio rendition or a text rendition.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendition {
    /// Readable label of the rendition, stable and unique in its output: `1080p`, `audio-vie`. [`labels`](super::labels) assigns it.
    pub name: String,
    /// Identity by which the rendition is recognised in the next manifest.
    pub identity: RenditionIdentity,
    /// Kind of media of the rendition; a video variant of HLS may contain audio too.
    pub media: Media,
    /// URL of the rendition's own playlist; `None` if the manifest lists its segments itself or names no usable URI.
    pub uri: Option<Url>,
    /// Id that the packager gave the rendition, as [`labels::slug`](super::labels::slug) makes it: a stable id, the NAME of EXT-X-MEDIA, or
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
    /// Makes a rendition of which only kind of media and identity are known. Its name is empty until [`labels`](super::labels) assigns
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolution_is_two_numbers() {
        let read = |text: &str| Resolution::try_from(text.to_owned());
        assert_eq!(read("1920x1080"), Ok(Resolution { width: 1920, height: 1080 }));
        assert_eq!(String::from(read("1x2").unwrap()), "1x2");
        for text in ["1080p", "1920x", "x1080", "1920X1080", "1x2x3", "-1x1", "4294967296x1"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
