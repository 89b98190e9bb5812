//! Typed model of an MPD. Inheritance is resolved: durations, URLs and addressing stand at the elements to which they
//! apply.

use super::base_urls::BaseUrls;
use super::template::UrlTemplate;
use super::url_query::UrlQuery;
use crate::splice::SpliceSection;
use crate::steering::ContentSteering;
use crate::stream::{ByteRange, Media, Resolution, Uninspected};
use crate::units::{Seconds, Timestamp};
use std::num::NonZeroU32;
use std::sync::Arc;
use url::Url;

/// A Media Presentation Description (ISO/IEC 23009-1 5.3.1). An attribute that is absent or malformed is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mpd {
    pub id: Option<String>,
    /// Whether MPD@type is `dynamic`, which is a live presentation.
    pub dynamic: bool,
    /// Whether MPD@type is `list`: the Periods name other MPDs (ISO/IEC 23009-1:2026 5.3.1.2), which are not followed.
    pub list: bool,
    pub profiles: Vec<String>,
    pub availability_start: Option<Timestamp>,
    pub availability_end: Option<Timestamp>,
    pub publish_time: Option<Timestamp>,
    /// MPD@minimumUpdatePeriod; `None` in a dynamic MPD means that the MPD won't be updated.
    pub minimum_update_period: Option<Seconds>,
    pub min_buffer_time: Option<Seconds>,
    pub time_shift_buffer_depth: Option<Seconds>,
    pub suggested_presentation_delay: Option<Seconds>,
    pub max_segment_duration: Option<Seconds>,
    /// MPD@mediaPresentationDuration; `None` if it is absent.
    pub duration: Option<Seconds>,
    /// URLs from which players request the next update of the MPD.
    pub locations: Vec<Url>,
    pub patch_locations: Vec<PatchLocation>,
    /// The steering server of ContentSteering. `None` without the element, and if it has no URL of the scheme http or https.
    pub steering: Option<ContentSteering>,
    pub utc_timings: Vec<Descriptor>,
    pub latency: Option<ServiceLatency>,
    pub playback_rate: Option<PlaybackRate>,
    pub periods: Vec<Period>,
}

/// A URL from which players request patches of the MPD (ISO/IEC 23009-1 5.15.2).
#[derive(Debug, Clone, PartialEq)]
pub struct PatchLocation {
    pub url: Url,
    /// PatchLocation@ttl: time after MPD@publishTime for which the packager keeps patches available. `None` if the MPD
    /// doesn't say.
    pub ttl: Option<Seconds>,
}

/// Latency element of the ServiceDescription: the latency that the service asks players to keep.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ServiceLatency {
    pub target: Option<Seconds>,
    pub min: Option<Seconds>,
    pub max: Option<Seconds>,
}

/// PlaybackRate of the ServiceDescription (ISO/IEC 23009-1 K.3.3): the speeds, 1.0 being normal, at which players may play while
/// they correct their latency.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PlaybackRate {
    pub min: Option<f64>,
    pub max: Option<f64>,
}

/// What a Resync element says of the resynchronization points within each segment (ISO/IEC 23009-1 5.3.13.2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resync {
    /// Resync@type: 0 for the beginning of any chunk; otherwise the largest SAP type with which the chunk begins.
    pub sap_type: u32,
    /// Resync@dT: the longest time between two consecutive points of a segment. `None`: the MPD does not say it.
    pub max_interval: Option<Seconds>,
    /// Resync@dImax: the largest distance in bytes between two consecutive points, divided by Representation@bandwidth. `None`:
    /// the MPD does not say it.
    pub max_bytes_by_bandwidth: Option<f64>,
}

/// A descriptor element of an MPD, with a scheme and a value: Role, Accessibility, UTCTiming, or a property.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Descriptor {
    pub scheme: String,
    pub value: Option<String>,
}

/// A Period of an MPD (ISO/IEC 23009-1 5.3.2).
#[derive(Debug, Clone, PartialEq)]
pub struct Period {
    pub id: Option<String>,
    /// Start of the Period since the beginning of the presentation. `None` if the Period is announced early and has no
    /// start yet (ISO/IEC 23009-1 5.3.2.1).
    pub start: Option<Seconds>,
    /// Time from the start of the Period to the start of the next one or to the end of the presentation. `None` if the
    /// end isn't known yet.
    pub duration: Option<Seconds>,
    /// Whether Period@duration is 0, with which a Period may be empty (ISO/IEC 23009-1 5.3.2.2).
    pub has_no_length: bool,
    /// Whether the Period is a remote element whose content isn't known.
    pub is_remote: bool,
    pub sets: Vec<AdaptationSet>,
    pub events: Vec<EventStream>,
    /// Line of the Period element in the MPD, from 1.
    pub line: u32,
}

/// An AdaptationSet of an MPD (ISO/IEC 23009-1 5.3.3).
#[derive(Debug, Clone, PartialEq)]
pub struct AdaptationSet {
    pub id: Option<String>,
    pub media: Media,
    /// Whether the AdaptationSet serves only trick play or thumbnails for seeking, so that it is no rung of the ladder.
    pub trick_play: bool,
    /// Whether the AdaptationSet is declared to consist of images.
    pub is_image: bool,
    /// Whether the AdaptationSet is a remote element whose content isn't known.
    pub is_remote: bool,
    /// Scheme of the first EssentialProperty that players aren't expected to support, so that they ignore the
    /// AdaptationSet (ISO/IEC 23009-1 5.8.4.8). `None` without one.
    pub unsupported_property: Option<String>,
    pub language: Option<String>,
    pub label: Option<String>,
    pub roles: Vec<Descriptor>,
    pub accessibility: Vec<Descriptor>,
    pub essential: Vec<Descriptor>,
    pub supplemental: Vec<Descriptor>,
    /// InbandEventStream elements: the schemes of the `emsg` boxes that the segments may contain.
    pub inband_events: Vec<Descriptor>,
    pub protections: Vec<ContentProtection>,
    pub representations: Vec<Representation>,
}

/// A ContentProtection element of an MPD (ISO/IEC 23009-1 5.8.4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentProtection {
    pub scheme: String,
    /// Value of the ContentProtection: the protection scheme (`cenc`, `cbcs`) in the common descriptor, the name of the
    /// DRM system in the others.
    pub value: Option<String>,
    pub default_kid: Option<String>,
    /// The `pssh` box in Base64, from `cenc:pssh`. `None` if there is none, or if no player could use it, which is a
    /// defect.
    pub pssh: Option<String>,
}

/// An EventStream of a Period (ISO/IEC 23009-1 5.10.2).
#[derive(Debug, Clone, PartialEq)]
pub struct EventStream {
    pub scheme: String,
    pub value: Option<String>,
    pub timescale: NonZeroU32,
    /// Event time in ticks that corresponds to the start of the Period (EventStream@presentationTimeOffset).
    pub presentation_time_offset: u64,
    /// Events of the EventStream in document order; the oldest are left out when there are too many.
    pub events: Vec<MpdEvent>,
    pub line: u32,
}

/// An event of an EventStream. Its times are in ticks of the EventStream's timescale.
#[derive(Debug, Clone, PartialEq)]
pub struct MpdEvent {
    pub id: Option<String>,
    pub time: u64,
    pub duration: Option<u64>,
    /// SCTE 35 section that the event carries; `None` for other schemes and for a section that can't be read.
    pub section: Option<Box<SpliceSection>>,
    pub line: u32,
}

/// A Representation (ISO/IEC 23009-1 5.3.5), with the attributes that it inherits from its AdaptationSet.
#[derive(Debug, Clone, PartialEq)]
pub struct Representation {
    pub id: String,
    pub bandwidth: Option<u64>,
    pub codecs: Vec<String>,
    pub mime_type: Option<String>,
    pub resolution: Option<Resolution>,
    pub frame_rate: Option<f64>,
    /// The first AudioChannelConfiguration of the Representation, as written; `None` without one.
    pub channels: Option<Descriptor>,
    pub protections: Vec<ContentProtection>,
    pub base: BaseUrls,
    pub addressing: SegmentAddressing,
    /// Scheme of the first EssentialProperty that players aren't expected to support, so that they ignore the
    /// Representation. `None` without one.
    pub foreign: Option<String>,
    /// Reason why the media of the Representation aren't inspected; `None` if they are.
    pub uninspected: Option<Uninspected>,
    /// Parameters that annex I of ISO/IEC 23009-1 adds to the URLs of the Representation's segments.
    pub query: UrlQuery,
    /// The Resync elements in force: the Representation's own, else those of its AdaptationSet; at most four.
    pub resyncs: Vec<Resync>,
    pub line: u32,
}

impl Representation {
    /// Returns whether players get the same from two Representations: everything is equal except their position in the
    /// MPD. Such Representations may share an id (ISO/IEC 23009-1 5.3.5.2).
    #[must_use]
    pub fn is_identical(&self, other: &Self) -> bool {
        let Self {
            id, bandwidth, codecs, mime_type, resolution, frame_rate, channels, base, addressing, query, ..
        } = self;
        (id, bandwidth, codecs, mime_type, resolution)
            == (&other.id, &other.bandwidth, &other.codecs, &other.mime_type, &other.resolution)
            && (frame_rate, channels, base, addressing, query)
                == (&other.frame_rate, &other.channels, &other.base, &other.addressing, &other.query)
    }
}

/// URLs and times of a Representation's segments (ISO/IEC 23009-1 5.3.9).
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentAddressing {
    pub timescale: NonZeroU32,
    /// Media time in ticks that corresponds to the start of the Period (@presentationTimeOffset).
    pub presentation_time_offset: u64,
    /// @availabilityTimeOffset: time by which a segment may be requested before its media time has passed. Infinite for
    /// `INF`.
    pub availability_time_offset: Seconds,
    /// @availabilityTimeComplete: whether the segment is complete when it may be requested. False in chunked low
    /// latency, where it still grows.
    pub availability_time_complete: bool,
    pub initialization: Option<UrlRange>,
    pub segments: SegmentScheme,
}

impl SegmentAddressing {
    /// Returns where the list of segments ends after the start of the Period, and the duration of the last segment in it.
    /// `None` if the MPD has no explicit list: the clock says how far the segments go, or a file has an index.
    #[must_use]
    pub fn listed_end(&self) -> Option<(Seconds, Seconds)> {
        let SegmentScheme::Listed(listing) = &self.segments else { return None };
        let (end, last) = match &listing.timing {
            SegmentTiming::Runs(runs) => runs.last().and_then(|run| Some((run.end()?, run.duration)))?,
            SegmentTiming::Fixed(duration) => {
                let listed = duration.checked_mul(listing.listed_count()?)?;
                (self.presentation_time_offset.checked_add(listed)?, *duration)
            }
            SegmentTiming::Indexed(_) => return None,
        };
        let seconds = |ticks: i128| Seconds(ticks as f64 / f64::from(self.timescale.get()));
        let after_start = i128::from(end) - i128::from(self.presentation_time_offset);
        Some((seconds(after_start), seconds(i128::from(last))))
    }
}

/// Kind of description that the MPD gives of a Representation's segments.
#[derive(Debug, Clone, PartialEq)]
pub enum SegmentScheme {
    /// The Representation is one file, from SegmentBase or a BaseURL alone. `index` is the byte range of its segment
    /// index, if the MPD gives one.
    Single {
        index: Option<ByteRange>,
    },
    Listed(SegmentListing),
    /// The description of the segments is of a kind that this exporter doesn't read.
    Uninspected(Uninspected),
    /// The description of the segments is too damaged to be played.
    Unusable,
}

impl SegmentScheme {
    /// Returns the runs of the SegmentTimeline; `None` if segments have a fixed duration or are subsegments of one
    /// file.
    #[must_use]
    pub fn runs(&self) -> Option<&[TimelineRun]> {
        match self {
            Self::Listed(SegmentListing { timing: SegmentTiming::Runs(runs), .. }) => Some(runs),
            _ => None,
        }
    }

    /// Returns whether all segments have the same nominal `@duration`, so that the clock says which of them exist within the Period
    /// (ISO/IEC 23009-1 5.3.9.2).
    #[must_use]
    pub fn is_paced(&self) -> bool {
        matches!(self, Self::Listed(SegmentListing { timing: SegmentTiming::Fixed(_), .. }))
    }
}

/// Description of segments by a SegmentTemplate, a SegmentList, or the segment index of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentListing {
    /// Number of the Period's first segment (@startNumber).
    pub start_number: u64,
    pub end_number: Option<u64>,
    pub timing: SegmentTiming,
    pub urls: SegmentUrls,
}

impl SegmentListing {
    /// Returns the number of segments that have a SegmentURL, or a number up to @endNumber; `None` if a template gives them
    /// all.
    fn listed_count(&self) -> Option<u64> {
        let numbered = self.end_number.map(|end| end.saturating_add(1).saturating_sub(self.start_number));
        match &self.urls {
            SegmentUrls::List(urls) => Some(numbered.map_or(urls.len() as u64, |count| count.min(urls.len() as u64))),
            SegmentUrls::Template(_) => numbered,
        }
    }
}

/// Where the durations of the segments come from: `@duration`, a SegmentTimeline, or a segment index (`sidx`).
#[derive(Debug, Clone, PartialEq)]
pub enum SegmentTiming {
    /// Every segment has this nominal duration in ticks, at least 1.
    Fixed(u64),
    /// The SegmentTimeline of the MPD gives the durations of the segments.
    Runs(Arc<[TimelineRun]>),
    /// The segments are subsegments of one file, with the durations in its segment index. The file is complete from the
    /// start, but in a live presentation the newest segment is the one that a player would play now.
    Indexed(Arc<[TimelineRun]>),
}

/// A run of a SegmentTimeline: consecutive segments of one duration, from one S element (ISO/IEC 23009-1 5.3.9.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimelineRun {
    /// Number of the run's first segment.
    pub number: u64,
    /// Media time in ticks of the run's first segment.
    pub start: u64,
    /// Duration in ticks of each segment of the run, at least 1.
    pub duration: u64,
    /// Number of segments in the run. `None` if the run continues to the end of the Period, or to the live edge.
    pub count: Option<u64>,
    /// Ticks from the end of the previous run to the start of this one: positive for a gap, negative for an overlap.
    pub gap_ticks: i64,
}

impl TimelineRun {
    /// Returns the end of the run's last segment in ticks. `None` if the run is open, or ends beyond 64 bits.
    #[must_use]
    pub fn end(&self) -> Option<u64> {
        self.start.checked_add(self.duration.checked_mul(self.count?)?)
    }

    /// Returns the start of a segment of the run in ticks that no double holds exactly. `None` if every start is exact, as all up to
    /// 2^53 are, or if the run is open and begins with an exact start.
    #[must_use]
    pub fn inexact_time(&self) -> Option<u64> {
        let is_inexact = |time: &u64| (*time as f64) as u128 != u128::from(*time);
        let second = self.count.filter(|count| *count > 1).and_then(|_| self.start.checked_add(self.duration));
        // With an exact start and an exact distance every further start is exact, too.
        [Some(self.start), second].into_iter().flatten().find(is_inexact)
    }
}

/// Where the URLs of the segments come from: a template, or the SegmentURL elements of a SegmentList.
#[derive(Debug, Clone, PartialEq)]
pub enum SegmentUrls {
    Template(UrlTemplate),
    List(Arc<[UrlRange]>),
}

/// A URL with an optional byte range of its resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlRange {
    pub url: Url,
    /// Byte range of the resource; `None` means the whole resource.
    pub range: Option<ByteRange>,
}
