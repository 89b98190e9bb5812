//! What a report takes from the history, because earlier probes have a part in it: every scraper gets the same values of it.

use crate::facts::{OutputFacts, RenditionFacts, SegmentFacts};
use crate::history::{OutputHistory, RenditionHistory, SignalHistory};
use packager_media::container::Container;
use packager_media::stream::Timeline;
use packager_media::units::{Seconds, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What a report takes from the history of one output.
#[derive(Debug, Clone, Default)]
pub struct OutputFromHistory {
    /// Container of the newest segment that this or an earlier probe inspected; of a video rendition, if the output has video. `None`
    /// without such a segment.
    pub container: Option<Container>,
    /// Whether the live edge of any rendition is in an ad break. `None` without a readable media playlist.
    pub ad_break: Option<bool>,
    /// Share of the new media that probes inspected within the template's `hold`, from 0 to 1. `None` without new media.
    pub coverage: Option<f64>,
    /// What the report takes from the history of each rendition, by its name.
    pub renditions: HashMap<String, RenditionFromHistory>,
}

/// What a report takes from the history of one rendition.
#[derive(Debug, Clone, Default)]
pub struct RenditionFromHistory {
    /// Time since the live edge last advanced, at least 0. `None`: the playlist couldn't be read, or nothing is remembered.
    pub edge_age: Option<Seconds>,
    /// The listed segments that this or an earlier probe inspected, oldest first. `None`: the playlist couldn't be read.
    pub inspected: Option<Vec<Arc<SegmentFacts>>>,
    /// State of picture and sound by what this and earlier probes decoded. `None`: nothing is known.
    pub signal: Option<Arc<SignalHistory>>,
}

impl OutputFromHistory {
    /// Takes from the history `past` what the report of a probe at `now` needs.
    pub(crate) fn new(facts: &OutputFacts, past: &OutputHistory, now: Timestamp) -> Self {
        let renditions = facts.renditions.iter().map(|rendition| {
            let name = &rendition.rendition.name;
            (name.clone(), RenditionFromHistory::new(rendition, past.renditions.get(name), now))
        });
        Self {
            container: container(facts, past),
            ad_break: ad_break(facts, past),
            coverage: past.coverage(),
            renditions: renditions.collect(),
        }
    }
}

impl RenditionFromHistory {
    fn new(facts: &RenditionFacts, past: Option<&RenditionHistory>, now: Timestamp) -> Self {
        let timeline = facts.timeline.as_deref();
        let edge_since = timeline.and(past).and_then(|past| past.edge_since);
        let remembered = past.map_or(&facts.segments, |past| &past.segments);
        Self {
            edge_age: edge_since.map(|since| Seconds(Seconds::between(since, now).0.max(0.0))),
            inspected: timeline.map(|timeline| listed(timeline, remembered)),
            signal: past.map(|past| &past.signal).filter(|signal| !signal.is_empty()).cloned(),
        }
    }
}

/// Returns those of the inspected segments that the playlist lists, oldest first.
fn listed(timeline: &Timeline, inspected: &[Arc<SegmentFacts>]) -> Vec<Arc<SegmentFacts>> {
    // A window may list thousands of segments, of which few were inspected.
    let known: HashSet<u64> = inspected.iter().map(|s| s.segment.number).collect();
    let numbers = timeline.segments.iter().map(|s| s.number);
    let listed: HashSet<u64> = numbers.filter(|number| known.contains(number)).collect();
    let mut segments: Vec<_> = inspected.iter().filter(|s| listed.contains(&s.segment.number)).cloned().collect();
    segments.sort_by_key(|s| s.segment.number);
    segments
}

fn container(facts: &OutputFacts, past: &OutputHistory) -> Option<Container> {
    let newest = |past: &RenditionHistory| {
        let mut containers = past.segments.iter().rev().filter_map(|s| s.inspection.as_ref()).map(|i| i.container);
        containers.find(|container| *container != Container::Unknown)
    };
    let known = facts
        .renditions
        .iter()
        .filter_map(|r| Some((r.rendition.media, &r.rendition.name, newest(past.renditions.get(&r.rendition.name)?)?)));
    known.min_by_key(|(media, name, _)| (*media, *name)).map(|(.., container)| container)
}

fn ad_break(facts: &OutputFacts, past: &OutputHistory) -> Option<bool> {
    let mut read = facts.renditions.iter().filter_map(|r| Some((r, r.timeline.as_deref()?))).peekable();
    read.peek()?;
    Some(read.any(|(r, timeline)| {
        let remembered = past.renditions.get(&r.rendition.name).map(|past| &past.ads);
        let known = remembered.is_some_and(|ads| ads.open.is_some() || ads.is_in_break(timeline.live_edge()));
        known || timeline.in_ad_break()
    }))
}
