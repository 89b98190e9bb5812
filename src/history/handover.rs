//! What the history hands over of an output to the exporter that probes it next: this one after a restart, or another one.
//!
//! Of each rendition it is the newest state of its playlist with a few segments, since when its live edge stands where it is,
//! and the newest inspected segment. A playlist that stands still is thus found without waiting anew, and no segment goes
//! uninspected because of the change.

use super::clock_step::ObservedTimes;
use super::memory::RenditionMemory;
use super::observation::{ListedSegment, Observation};
use crate::assignment;
use packager_media::stream::{ByteRange, RenditionIdentity};
use packager_media::units::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

/// Number of listed segments that are handed over of each rendition, the newest ones.
const MAX_SEGMENTS: usize = 4;
/// Longest time since a rendition was last seen for which it is taken over. After a longer time nobody watched the channel.
pub(super) const MAX_UNSEEN: Seconds = Seconds(300.0);

/// Handover of an output: what an exporter remembers of it, for the exporter that probes it next. All times are by the
/// clock of the exporter that wrote the handover.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputHandover {
    /// Hash of the URL of the output's manifest. An output with another URL takes nothing over.
    url: u64,
    /// Whether the query of a URI identifies a segment, in addition to its path.
    query_identifies: bool,
    /// Hash of a fixed text by the function that hashes URIs and identities, which may differ in another version.
    hash_check: u64,
    /// Renditions by the hashes of their identities, because identities may contain secrets of a URL.
    renditions: Vec<(u64, RenditionHandover)>,
}

/// Part of a handover that describes one rendition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RenditionHandover {
    /// Time since when the live edge stands where it is, in microseconds since 1970.
    edge_since: i64,
    first_seen: i64,
    last_seen: i64,
    media_sequence: u64,
    discontinuity_sequence: u64,
    /// `None`: an MPD, which has no target duration.
    target_duration: Option<f64>,
    ended: bool,
    window: f64,
    starts_with_discontinuity: bool,
    segments: Vec<SegmentHandover>,
    /// Number of the newest inspected segment; `None` if none was.
    inspected: Option<u64>,
}

/// A listed segment: number, hash of its URI, duration, byte range, date, discontinuity, discontinuity sequence and key.
type SegmentHandover = (u64, u64, f64, Option<(u64, u64)>, Option<i64>, bool, u64, u64);

/// Renditions that were taken over and that no probe has seen here yet, by the hashes of their identities.
#[derive(Debug, Default)]
pub(super) struct TakenOver(HashMap<u64, RenditionMemory>);

impl OutputHandover {
    /// Makes the handover of the remembered renditions of the output with this URL.
    pub(super) fn new<'a>(
        url: &str,
        query_identifies: bool,
        renditions: impl Iterator<Item = (&'a RenditionIdentity, &'a RenditionMemory)>,
    ) -> Self {
        let handed = |(identity, memory)| Some((hash_of(identity), RenditionHandover::new(memory)?));
        let mut renditions: Vec<_> = renditions.filter_map(handed).collect();
        renditions.sort_unstable_by_key(|(identity, _)| *identity);
        Self { url: assignment::hash(url), query_identifies, hash_check: hash_of("check"), renditions }
    }

    /// Returns the renditions to take over for the output with this URL. `by` is added to their times, which makes them times of
    /// this exporter's clock.
    pub(super) fn take(self, url: &str, query_identifies: bool, by: Seconds, now: Timestamp) -> TakenOver {
        let fits = self.url == assignment::hash(url)
            && self.query_identifies == query_identifies
            && self.hash_check == hash_of("check");
        let renditions = self.renditions.into_iter().filter(|_| fits).filter_map(|(identity, handed)| {
            let memory = handed.restore(by)?;
            memory.was_seen_within(MAX_UNSEEN, now).then_some((identity, memory))
        });
        TakenOver(renditions.collect())
    }

    /// Returns a hash of the handover without the times at which renditions were last seen, to notice a change.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut handover = self.clone();
        handover.renditions.iter_mut().for_each(|(_, rendition)| rendition.last_seen = 0);
        hash_of(serde_json::to_string(&handover).unwrap_or_default())
    }

    /// Returns whether no rendition is handed over.
    pub(crate) fn is_empty(&self) -> bool {
        self.renditions.is_empty()
    }
}

impl RenditionHandover {
    fn new(memory: &RenditionMemory) -> Option<Self> {
        let (state, edge_since) = (memory.past.observations.last()?, memory.past.edge_since?);
        let skip = state.segments.len().saturating_sub(MAX_SEGMENTS);
        let inspected = memory.past.segments.newest_number().max(memory.past.heads.newest_number());
        Some(Self {
            edge_since: edge_since.as_microsecond(),
            first_seen: state.first_seen.as_microsecond(),
            last_seen: state.last_seen.as_microsecond(),
            media_sequence: state.media_sequence,
            discontinuity_sequence: state.discontinuity_sequence,
            target_duration: state.target_duration.map(|duration| duration.0),
            ended: state.ended,
            window: state.window.0,
            starts_with_discontinuity: state.starts_with_discontinuity,
            segments: state.segments.iter().skip(skip).map(|segment| hand_over(segment)).collect(),
            inspected: inspected.max(memory.inspected_elsewhere),
        })
    }

    /// Returns the memory of the rendition. `None`: a time is outside of what clocks name.
    fn restore(self, by: Seconds) -> Option<RenditionMemory> {
        let time = |microseconds| Timestamp::from_microsecond(microseconds).ok();
        let mut state = Observation {
            first_seen: time(self.first_seen)?,
            last_seen: time(self.last_seen)?,
            media_sequence: self.media_sequence,
            discontinuity_sequence: self.discontinuity_sequence,
            target_duration: self.target_duration.map(Seconds),
            ended: self.ended,
            window: Seconds(self.window),
            starts_with_discontinuity: self.starts_with_discontinuity,
            segments: self.segments.into_iter().map(|segment| Arc::new(take_over(segment))).collect(),
        };
        state.shift(by);
        let mut edge_since = time(self.edge_since)?;
        edge_since.shift(by);
        Some(RenditionMemory::taken_over(state, edge_since, self.inspected))
    }
}

impl TakenOver {
    /// Whether nothing was taken over, or everything was given away.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Moves the memory of a rendition to `renditions`, if it was taken over, is not too old, and nothing is remembered of it there.
    pub(super) fn give(
        &mut self,
        identity: &RenditionIdentity,
        now: Timestamp,
        renditions: &mut HashMap<RenditionIdentity, RenditionMemory>,
    ) {
        if self.0.is_empty() || renditions.contains_key(identity) {
            return;
        }
        if let Some(memory) = self.0.remove(&hash_of(identity)).filter(|memory| memory.was_seen_within(MAX_UNSEEN, now))
        {
            renditions.insert(identity.clone(), memory);
        }
    }
}

impl ObservedTimes for TakenOver {
    fn shift(&mut self, by: Seconds) {
        self.0.values_mut().for_each(|memory| memory.shift(by));
    }
}

fn hand_over(segment: &ListedSegment) -> SegmentHandover {
    let ListedSegment {
        number,
        uri_identity,
        duration,
        byte_range,
        program_date_time,
        discontinuity,
        discontinuity_sequence,
        key,
    } = *segment;
    let range = byte_range.map(|range| (range.offset, range.length));
    let date = program_date_time.map(|date| date.as_microsecond());
    (number, uri_identity, duration.0, range, date, discontinuity, discontinuity_sequence, key)
}

fn take_over(handed: SegmentHandover) -> ListedSegment {
    let (number, uri_identity, duration, range, date, discontinuity, discontinuity_sequence, key) = handed;
    ListedSegment {
        number,
        uri_identity,
        duration: Seconds(duration),
        byte_range: range.map(|(offset, length)| ByteRange { offset, length }),
        program_date_time: date.and_then(|date| Timestamp::from_microsecond(date).ok()),
        discontinuity,
        discontinuity_sequence,
        key,
    }
}

/// Returns the hash by which URIs are compared, too.
fn hash_of(value: impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
