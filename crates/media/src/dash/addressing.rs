//! Parser for SegmentTemplate, SegmentList and SegmentBase, with inherited attributes and elements (ISO/IEC 23009-1
//! 5.3.9).

use super::base_urls::by_priority;
use super::defect_log::DefectLog;
use super::model::{
    SegmentAddressing, SegmentListing, SegmentScheme, SegmentTiming, SegmentUrls, TimelineRun, UrlRange,
};
use super::runs;
use super::template::{TemplateValues, UrlTemplate};
use super::values::{attribute, boolean, child, children, number, offset, range, string, timescale};
use crate::redact::Quoted;
use crate::stream::Uninspected;
use crate::units::Seconds;
use roxmltree::{Node, NodeId};
use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use url::Url;

const LIST: &str = "ISO/IEC 23009-1 5.3.9.3";
const TEMPLATE: &str = "ISO/IEC 23009-1 5.3.9.4";
const DURATION: &str = "ISO/IEC 23009-1 5.3.9.2";

/// SegmentTimelines, lists of SegmentURLs and places of BaseURLs that were already read, because many Representations inherit the
/// same one.
#[derive(Default)]
pub(super) struct Timelines {
    runs: HashMap<(NodeId, u64), Arc<[TimelineRun]>>,
    urls: HashMap<(NodeId, Url), Arc<[UrlRange]>>,
    /// Number of SegmentURLs that are kept in all SegmentLists together.
    kept: usize,
    /// The first BaseURL of each element that was asked for one: an MPD may have a thousand Periods among which to look for it.
    first_bases: HashMap<NodeId, Option<NodeId>>,
    /// SegmentLists whose length was already reported to differ from their SegmentTimeline.
    compared: HashSet<NodeId>,
}

/// Largest number of SegmentURLs that are kept of one MPD.
const MAX_URLS: usize = 100_000;

/// Occurrences of an element in a Representation, its AdaptationSet and its Period, innermost first. The innermost
/// occurrence of an attribute counts.
struct Inherited<'a, 'd>(Vec<Node<'a, 'd>>);

impl<'a, 'd> Inherited<'a, 'd> {
    fn new(way: &[Node<'a, 'd>], name: &'static str) -> Self {
        Self(way.iter().filter_map(|level| child(*level, name)).collect())
    }

    fn innermost(&self) -> Option<Node<'a, 'd>> {
        self.0.first().copied()
    }

    /// Returns the innermost occurrence of the element that has the attribute `name`; `None` if no occurrence has it.
    fn with(&self, name: &str) -> Option<Node<'a, 'd>> {
        self.0.iter().copied().find(|node| attribute(*node, name).is_some())
    }

    fn child(&self, name: &'static str) -> Option<Node<'a, 'd>> {
        self.0.iter().find_map(|node| child(*node, name))
    }
}

/// Parses the segment addressing of a Representation. `way` is the Representation, its AdaptationSet and its Period.
pub(super) fn read(
    way: &[Node<'_, '_>],
    base: &Url,
    timelines: &mut Timelines,
    log: &mut DefectLog<'_>,
) -> SegmentAddressing {
    for name in ["SegmentTemplate", "SegmentList", "SegmentBase"] {
        let element = Inherited::new(way, name);
        if let Some(node) = element.innermost() {
            let mut reader = Reader { way, node, element, base, timelines, log };
            return reader.read(name);
        }
    }
    SegmentAddressing {
        timescale: NonZeroU32::MIN,
        presentation_time_offset: 0,
        availability_time_offset: Seconds::ZERO,
        availability_time_complete: true,
        initialization: None,
        segments: SegmentScheme::Single { index: None },
    }
}

impl Timelines {
    /// The first BaseURL of the Representation, its AdaptationSet, its Period and the MPD, as far as they have one.
    fn base_urls<'a, 'd: 'a>(&mut self, way: &[Node<'a, 'd>]) -> Vec<Node<'a, 'd>> {
        let mpd = way.last().and_then(Node::parent_element);
        let mut first = |level: Node<'a, 'd>| {
            let known = self.first_bases.entry(level.id());
            let id = known.or_insert_with(|| by_priority(level).next().map(|node| node.id()));
            level.document().get_node((*id)?)
        };
        way.iter().copied().chain(mpd).filter_map(&mut first).collect()
    }
}

struct Reader<'r, 'a, 'd, 't> {
    way: &'r [Node<'a, 'd>],
    /// The element at which defects are reported: the SegmentBase, SegmentList or SegmentTemplate nearest to the
    /// Representation.
    node: Node<'a, 'd>,
    element: Inherited<'a, 'd>,
    base: &'r Url,
    timelines: &'r mut Timelines,
    log: &'r mut DefectLog<'t>,
}

impl Reader<'_, '_, '_, '_> {
    fn read(&mut self, name: &str) -> SegmentAddressing {
        let segments = match name {
            "SegmentTemplate" => self.template(),
            "SegmentList" => self.list(),
            _ => self.single(),
        };
        let scale = self.element.with("timescale").and_then(|node| timescale(node, "timescale", self.log));
        SegmentAddressing {
            timescale: scale.unwrap_or(NonZeroU32::MIN),
            presentation_time_offset: self.number("presentationTimeOffset").unwrap_or(0),
            availability_time_offset: self.early(),
            availability_time_complete: self.complete(),
            initialization: self.initialization(),
            segments,
        }
    }

    fn number(&mut self, name: &'static str) -> Option<u64> {
        number(self.element.with(name)?, name, self.log)
    }

    /// Returns the sum of the availabilityTimeOffset of the element and of every inherited BaseURL (ISO/IEC 23009-1
    /// 5.3.9.5.3).
    fn early(&mut self) -> Seconds {
        let own = self.element.with("availabilityTimeOffset");
        let nodes: Vec<_> = own.into_iter().chain(self.timelines.base_urls(self.way)).collect();
        nodes.into_iter().filter_map(|node| offset(node, "availabilityTimeOffset", self.log)).sum()
    }

    /// Whether neither the element nor an inherited BaseURL says that segments still grow (ISO/IEC 23009-1 5.3.9.2, 5.6).
    fn complete(&mut self) -> bool {
        let own = self.element.with("availabilityTimeComplete");
        let nodes: Vec<_> = own.into_iter().chain(self.timelines.base_urls(self.way)).collect();
        !nodes.into_iter().any(|node| boolean(node, "availabilityTimeComplete", self.log) == Some(false))
    }

    fn single(&mut self) -> SegmentScheme {
        let index = self.element.with("indexRange").and_then(|node| range(node, "indexRange", self.log));
        SegmentScheme::Single { index }
    }

    fn template(&mut self) -> SegmentScheme {
        let Some(media) = self.element.with("media").and_then(|node| self.parsed(node, "media")) else {
            if self.element.with("media").is_none() {
                self.log.wrong(self.node, TEMPLATE, format_args!("SegmentTemplate@media is missing"));
            }
            return SegmentScheme::Unusable;
        };
        if media.has_sub_number() {
            return SegmentScheme::Uninspected(Uninspected::SegmentSequence);
        }
        if media.has_number() == media.has_time() {
            let has = if media.has_time() { "has both" } else { "has neither" };
            let what = "must have either $Number$ or $Time$ to tell segments apart";
            self.log.wrong(self.node, TEMPLATE, format_args!("SegmentTemplate@media {what}; it {has}"));
        }
        self.listing(SegmentUrls::Template(media))
    }

    fn list(&mut self) -> SegmentScheme {
        let node = self.element.0.iter().copied().find(|node| child(*node, "SegmentURL").is_some());
        let Some(node) = node else {
            self.log.wrong(self.node, LIST, format_args!("SegmentList without SegmentURL"));
            return SegmentScheme::Unusable;
        };
        let urls = self.urls(node);
        let segments = self.listing(SegmentUrls::List(urls));
        self.counted(node, &segments);
        segments
    }

    /// Logs a SegmentList with more or fewer URLs than its SegmentTimeline has segments: some URLs then get times of
    /// other segments.
    fn counted(&mut self, list: Node<'_, '_>, segments: &SegmentScheme) {
        let SegmentScheme::Listed(SegmentListing {
            timing: SegmentTiming::Runs(runs),
            urls: SegmentUrls::List(urls),
            ..
        }) = segments
        else {
            return;
        };
        let counts = runs.iter().map(|run| run.count).collect::<Option<Vec<_>>>();
        let Some(timed) = counts.map(|c| c.into_iter().fold(0, u64::saturating_add)) else { return };
        let named = urls.len() as u64;
        if timed != named && self.timelines.kept < MAX_URLS && self.timelines.compared.insert(list.id()) {
            self.log.wrong(
                list,
                LIST,
                format_args!("SegmentList with {named} SegmentURL for the {timed} segments of its SegmentTimeline"),
            );
        }
    }

    fn listing(&mut self, source: SegmentUrls) -> SegmentScheme {
        let start_number = self.number("startNumber").unwrap_or(1);
        let end_number = self.number("endNumber");
        let fixed = self.number("duration").filter(|d| *d > 0);
        let timeline = self.element.child("SegmentTimeline");
        if let Some(why) = timeline.and_then(runs::uninspected) {
            return SegmentScheme::Uninspected(why);
        }
        let pace = match (timeline, fixed) {
            (Some(timeline), _) => Some(SegmentTiming::Runs(self.runs(timeline, start_number))),
            (None, Some(duration)) => Some(SegmentTiming::Fixed(duration)),
            (None, None) => None,
        };
        let Some(pace) = pace else {
            self.without_pace();
            return SegmentScheme::Unusable;
        };
        SegmentScheme::Listed(SegmentListing { start_number, end_number, timing: pace, urls: source })
    }

    /// Logs that nothing says how long segments last. A malformed @duration is logged where it is read.
    fn without_pace(&mut self) {
        let name = self.node.tag_name().name();
        match self.element.with("duration").and_then(|node| attribute(node, "duration")) {
            None => {
                self.log.wrong(self.node, DURATION, format_args!("{name} with neither @duration nor SegmentTimeline"))
            }
            Some(zero) if zero.trim().parse() == Ok(0_u64) => {
                self.log.wrong(self.node, DURATION, format_args!("{name}@duration is 0; segments need a duration"));
            }
            Some(_) => {}
        }
    }

    fn runs(&mut self, timeline: Node<'_, '_>, start_number: u64) -> Arc<[TimelineRun]> {
        let key = (timeline.id(), start_number);
        if let Some(known) = self.timelines.runs.get(&key) {
            return known.clone();
        }
        let runs: Arc<[TimelineRun]> = runs::read(timeline, start_number, self.log).into();
        self.timelines.runs.insert(key, runs.clone());
        if self.element.with("media").and_then(|node| attribute(node, "media")).is_some_and(|m| m.contains("$Time")) {
            self.inexact_time(timeline, &runs);
        }
        runs
    }

    /// Logs a SegmentTimeline with a time that dash.js and Shaka Player round, so that they ask for another segment.
    fn inexact_time(&mut self, timeline: Node<'_, '_>, runs: &[TimelineRun]) {
        let Some(time) = runs.iter().find_map(TimelineRun::inexact_time) else { return };
        self.log.wrong(timeline, DURATION, format_args!(
            "the segment at t={time} has a time beyond 2^53 that no double holds: dash.js and Shaka Player round it and request another \
             $Time$; use a smaller timescale, or times that begin with the presentation"
        ));
    }

    fn urls(&mut self, list: Node<'_, '_>) -> Arc<[UrlRange]> {
        let key = (list.id(), self.base.clone());
        if let Some(known) = self.timelines.urls.get(&key) {
            return known.clone();
        }
        let room = MAX_URLS.saturating_sub(self.timelines.kept);
        let urls: Arc<[UrlRange]> =
            children(list, "SegmentURL").take(room).map(|node| self.resource(node, "media", "mediaRange")).collect();
        self.timelines.kept += urls.len();
        self.timelines.urls.insert(key, urls.clone());
        urls
    }

    /// Parses the URL and the byte range of a resource, which are attributes of the element. If the element has no URL,
    /// the resource is the one at the BaseURL.
    fn resource(&mut self, node: Node<'_, '_>, url: &'static str, bytes: &'static str) -> UrlRange {
        let text = attribute(node, url).unwrap_or_default();
        let url = self.base.join(text).unwrap_or_else(|e| {
            self.log.wrong(node, LIST, format_args!("{} is no URL: {e}", Quoted(text)));
            self.base.clone()
        });
        UrlRange { url, range: range(node, bytes, self.log) }
    }

    fn parsed(&mut self, node: Node<'_, '_>, name: &'static str) -> Option<UrlTemplate> {
        match UrlTemplate::parse(attribute(node, name)?) {
            Ok(template) => Some(template),
            Err(why) => {
                self.log.wrong(node, TEMPLATE, format_args!("SegmentTemplate@{name}: {why}"));
                None
            }
        }
    }

    fn initialization(&mut self) -> Option<UrlRange> {
        if let Some(node) = self.element.child("Initialization") {
            return Some(self.resource(node, "sourceURL", "range"));
        }
        let node = self.element.with("initialization")?;
        let template = self.parsed(node, "initialization")?;
        if template.has_number() || template.has_time() {
            let what = "must have neither $Number$ nor $Time$: the segments share one initialization segment";
            self.log.wrong(node, TEMPLATE, format_args!("SegmentTemplate@initialization {what}"));
        }
        let representation = *self.way.first()?;
        let id = string(representation, "id").unwrap_or_default();
        let bandwidth = number(representation, "bandwidth", &mut DefectLog::new("")).unwrap_or(0);
        let url = template.fill(TemplateValues { representation: &id, bandwidth, number: 0, time: 0 });
        self.base.join(&url).ok().map(|url| UrlRange { url, range: None })
    }
}
