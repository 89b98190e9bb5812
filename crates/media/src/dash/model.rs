//! An MPD as it is written, with what is inherited resolved: durations, URLs, addressing.

use super::template::Template;
use crate::splice::Section;
use crate::stream::{ByteRange, Media, Resolution};
use crate::units::{Seconds, Timestamp};
use std::num::NonZeroU32;
use std::sync::Arc;
use url::Url;

/// ISO/IEC 23009-1 5.3.1.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mpd {
    pub id: Option<String>,
    /// `type="dynamic"`: a live presentation.
    pub dynamic: bool,
    pub profiles: Vec<String>,
    pub availability_start: Option<Timestamp>,
    pub availability_end: Option<Timestamp>,
    pub publish_time: Option<Timestamp>,
    /// `None` in a dynamic MPD: it will not be updated.
    pub minimum_update_period: Option<Seconds>,
    pub min_buffer_time: Option<Seconds>,
    pub time_shift_buffer_depth: Option<Seconds>,
    pub suggested_presentation_delay: Option<Seconds>,
    pub max_segment_duration: Option<Seconds>,
    pub duration: Option<Seconds>,
    /// Where the next update is to be asked for.
    pub locations: Vec<Url>,
    pub patch_locations: Vec<PatchLocation>,
    pub utc_timings: Vec<Descriptor>,
    pub latency: Option<Latency>,
    pub periods: Vec<Period>,
}

/// Where patches of this MPD are to be asked for (ISO/IEC 23009-1 5.15.2).
#[derive(Debug, Clone, PartialEq)]
pub struct PatchLocation {
    pub url: Url,
    /// After publishTime, how long patches of it are there. `None`: nothing is promised.
    pub ttl: Option<Seconds>,
}

/// ServiceDescription's Latency.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Latency {
    pub target: Option<Seconds>,
    pub min: Option<Seconds>,
    pub max: Option<Seconds>,
}

/// A scheme and what it says: Role, Accessibility, UTCTiming, properties.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Descriptor {
    pub scheme: String,
    pub value: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Period {
    pub id: Option<String>,
    /// From the beginning of the presentation. `None`: announced, but not begun (ISO/IEC 23009-1 5.3.2.1).
    pub start: Option<Seconds>,
    /// Up to the next Period or the end of the presentation; `None` while nobody knows.
    pub duration: Option<Seconds>,
    pub sets: Vec<AdaptationSet>,
    pub events: Vec<EventStream>,
    pub line: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AdaptationSet {
    pub id: Option<String>,
    pub media: Media,
    /// For trick play, or pictures for seeking, only: no rung of the ladder.
    pub trick: bool,
    /// An EssentialProperty that players can't be expected to know, by its scheme: they pass over the set.
    pub foreign: Option<String>,
    pub language: Option<String>,
    pub label: Option<String>,
    pub roles: Vec<Descriptor>,
    pub accessibility: Vec<Descriptor>,
    pub essential: Vec<Descriptor>,
    pub supplemental: Vec<Descriptor>,
    /// Schemes of events inside the segments (`emsg`).
    pub inband_events: Vec<Descriptor>,
    pub protections: Vec<Protection>,
    pub representations: Vec<Representation>,
}

/// ContentProtection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    pub scheme: String,
    /// `cenc`, `cbcs` for the common scheme; the DRM's name otherwise.
    pub value: Option<String>,
    pub default_kid: Option<String>,
    /// `cenc:pssh`: the box, in Base64.
    pub pssh: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct EventStream {
    pub scheme: String,
    pub value: Option<String>,
    pub timescale: NonZeroU32,
    /// In ticks: what of an event's time is the Period's start.
    pub presentation_time_offset: u64,
    /// The newest of too many.
    pub events: Vec<Event>,
    pub line: u32,
}

/// In ticks of the stream's timescale.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: Option<String>,
    pub time: u64,
    pub duration: Option<u64>,
    /// Of SCTE 35, where it could be read.
    pub section: Option<Box<Section>>,
    pub line: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Representation {
    pub id: String,
    pub bandwidth: Option<u64>,
    pub codecs: Vec<String>,
    pub mime_type: Option<String>,
    pub resolution: Option<Resolution>,
    pub frame_rate: Option<f64>,
    /// Of the first AudioChannelConfiguration, as written.
    pub channels: Option<Descriptor>,
    pub protections: Vec<Protection>,
    pub base: Url,
    pub addressing: Addressing,
    /// As that of the set.
    pub foreign: Option<String>,
    pub line: u32,
}

/// Where a Representation's segments are, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Addressing {
    pub timescale: NonZeroU32,
    /// In ticks: the media time that is the Period's start.
    pub presentation_time_offset: u64,
    /// How much earlier than whole a segment may be asked for.
    pub availability_time_offset: Seconds,
    /// False: at that earlier time it is still growing (chunked low latency).
    pub availability_time_complete: bool,
    pub initialization: Option<Resource>,
    pub segments: Segments,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Segments {
    /// SegmentBase, or a BaseURL alone: one file, its `sidx` lies in this range where one is given.
    Single {
        index: Option<ByteRange>,
    },
    Listed(Listing),
    /// What is written can't be played.
    Unusable,
}

impl Segments {
    /// Its SegmentTimeline; `None` where segments come at a fixed pace, or are the parts of one file.
    #[must_use]
    pub fn runs(&self) -> Option<&[Run]> {
        match self {
            Self::Listed(Listing { pace: Pace::Runs(runs), .. }) => Some(runs),
            _ => None,
        }
    }
}

/// SegmentTemplate or SegmentList.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    pub start_number: u64,
    pub end_number: Option<u64>,
    pub pace: Pace,
    pub source: Source,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Pace {
    /// Every segment nominally lasts as many ticks; never 0.
    Fixed(u64),
    /// SegmentTimeline.
    Runs(Arc<[Run]>),
    /// The parts of one file, from its index. They are all there; a player comes to each in its time.
    Indexed(Arc<[Run]>),
}

/// One S of a SegmentTimeline: segments of one duration, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Number of the first.
    pub number: u64,
    /// Media time of the first, in ticks.
    pub start: u64,
    /// In ticks, never 0.
    pub duration: u64,
    /// `None`: up to the end of the Period, or of what is there by now.
    pub count: Option<u64>,
    /// It doesn't begin where the one before ended: ticks between (a gap), or less than 0 (an overlap).
    pub apart: i64,
}

impl Run {
    /// Where its last segment ends, in ticks. `None`: it is open, or ends beyond what ticks can count.
    #[must_use]
    pub fn end(&self) -> Option<u64> {
        self.start.checked_add(self.duration.checked_mul(self.count?)?)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    Template(Template),
    Urls(Arc<[Resource]>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub url: Url,
    pub range: Option<ByteRange>,
}
