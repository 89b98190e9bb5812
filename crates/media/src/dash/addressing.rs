//! SegmentTemplate, SegmentList and SegmentBase with what they inherit (ISO/IEC 23009-1 5.3.9).

use super::model::{Addressing, Listing, Pace, Resource, Run, Segments, Source};
use super::notes::Notes;
use super::runs;
use super::template::{Template, Values};
use super::values::{attribute, boolean, child, children, number, offset, range, string, timescale};
use crate::redact::Quoted;
use crate::units::Seconds;
use roxmltree::{Node, NodeId};
use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use url::Url;

const LIST: &str = "ISO/IEC 23009-1 5.3.9.3";
const TEMPLATE: &str = "ISO/IEC 23009-1 5.3.9.4";
const DURATION: &str = "ISO/IEC 23009-1 5.3.9.2";

/// What was read already: by element, and by the number that its first segment has.
#[derive(Default)]
pub(super) struct Timelines {
    runs: HashMap<(NodeId, u64), Arc<[Run]>>,
    urls: HashMap<(NodeId, Url), Arc<[Resource]>>,
    /// SegmentURLs kept in all.
    kept: usize,
    /// SegmentLists whose timeline was found to say something else.
    compared: HashSet<NodeId>,
}

/// SegmentURLs kept of one MPD.
const MAX_URLS: usize = 100_000;

/// The element as it stands in the Representation, its set and its Period: the innermost that says something counts.
struct Inherited<'a, 'd>(Vec<Node<'a, 'd>>);

impl<'a, 'd> Inherited<'a, 'd> {
    fn new(way: &[Node<'a, 'd>], name: &'static str) -> Self {
        Self(way.iter().filter_map(|level| child(*level, name)).collect())
    }

    fn innermost(&self) -> Option<Node<'a, 'd>> {
        self.0.first().copied()
    }

    /// The element that says `name`.
    fn with(&self, name: &str) -> Option<Node<'a, 'd>> {
        self.0.iter().copied().find(|node| attribute(*node, name).is_some())
    }

    fn child(&self, name: &'static str) -> Option<Node<'a, 'd>> {
        self.0.iter().find_map(|node| child(*node, name))
    }
}

/// `way`: the Representation, its Adaptation Set and its Period.
pub(super) fn read(way: &[Node<'_, '_>], base: &Url, timelines: &mut Timelines, notes: &mut Notes<'_>) -> Addressing {
    for name in ["SegmentTemplate", "SegmentList", "SegmentBase"] {
        let element = Inherited::new(way, name);
        if let Some(node) = element.innermost() {
            let mut reader = Reader { way, node, element, base, timelines, notes };
            return reader.read(name);
        }
    }
    Addressing {
        timescale: NonZeroU32::MIN,
        presentation_time_offset: 0,
        availability_time_offset: Seconds::ZERO,
        availability_time_complete: true,
        initialization: None,
        segments: Segments::Single { index: None },
    }
}

struct Reader<'r, 'a, 'd, 't> {
    way: &'r [Node<'a, 'd>],
    /// For defects.
    node: Node<'a, 'd>,
    element: Inherited<'a, 'd>,
    base: &'r Url,
    timelines: &'r mut Timelines,
    notes: &'r mut Notes<'t>,
}

impl Reader<'_, '_, '_, '_> {
    fn read(&mut self, name: &str) -> Addressing {
        let segments = match name {
            "SegmentTemplate" => self.template(),
            "SegmentList" => self.list(),
            _ => self.single(),
        };
        let scale = self.element.with("timescale").and_then(|node| timescale(node, "timescale", self.notes));
        Addressing {
            timescale: scale.unwrap_or(NonZeroU32::MIN),
            presentation_time_offset: self.number("presentationTimeOffset").unwrap_or(0),
            availability_time_offset: self.early(),
            availability_time_complete: self.complete(),
            initialization: self.initialization(),
            segments,
        }
    }

    fn number(&mut self, name: &'static str) -> Option<u64> {
        number(self.element.with(name)?, name, self.notes)
    }

    /// Those of the element and of every BaseURL on the way add up (ISO/IEC 23009-1 5.3.9.5.3).
    fn early(&mut self) -> Seconds {
        let own = self.element.with("availabilityTimeOffset");
        let bases = self.way.iter().filter_map(|level| child(*level, "BaseURL"));
        let nodes: Vec<_> = own.into_iter().chain(bases).collect();
        nodes.into_iter().filter_map(|node| offset(node, "availabilityTimeOffset", self.notes)).sum()
    }

    fn complete(&mut self) -> bool {
        let said = self.element.with("availabilityTimeComplete");
        said.and_then(|node| boolean(node, "availabilityTimeComplete", self.notes)).unwrap_or(true)
    }

    fn single(&mut self) -> Segments {
        let index = self.element.with("indexRange").and_then(|node| range(node, "indexRange", self.notes));
        Segments::Single { index }
    }

    fn template(&mut self) -> Segments {
        let Some(media) = self.element.with("media").and_then(|node| self.parsed(node, "media")) else {
            if self.element.with("media").is_none() {
                self.notes.wrong(self.node, TEMPLATE, format_args!("SegmentTemplate@media is missing"));
            }
            return Segments::Unusable;
        };
        if media.has_number() == media.has_time() {
            let what = "must have one of $Number$ and $Time$ to tell segments apart";
            self.notes.wrong(self.node, TEMPLATE, format_args!("SegmentTemplate@media {what}"));
        }
        self.listing(Source::Template(media))
    }

    fn list(&mut self) -> Segments {
        let node = self.element.0.iter().copied().find(|node| child(*node, "SegmentURL").is_some());
        let Some(node) = node else {
            self.notes.wrong(self.node, LIST, format_args!("SegmentList without SegmentURL"));
            return Segments::Unusable;
        };
        let urls = self.urls(node);
        let segments = self.listing(Source::Urls(urls));
        self.counted(node, &segments);
        segments
    }

    /// Each segment of the timeline has its SegmentURL: without one, those behind it have another's time.
    fn counted(&mut self, list: Node<'_, '_>, segments: &Segments) {
        let Segments::Listed(Listing { pace: Pace::Runs(runs), source: Source::Urls(urls), .. }) = segments else {
            return;
        };
        let counts = runs.iter().map(|run| run.count).collect::<Option<Vec<_>>>();
        let Some(timed) = counts.map(|c| c.into_iter().fold(0, u64::saturating_add)) else { return };
        let named = urls.len() as u64;
        if timed != named && self.timelines.kept < MAX_URLS && self.timelines.compared.insert(list.id()) {
            self.notes.wrong(
                list,
                LIST,
                format_args!("SegmentList with {named} SegmentURL for the {timed} segments of its SegmentTimeline"),
            );
        }
    }

    fn listing(&mut self, source: Source) -> Segments {
        let start_number = self.number("startNumber").unwrap_or(1);
        let end_number = self.number("endNumber");
        let fixed = self.number("duration").filter(|d| *d > 0);
        let pace = match (self.element.child("SegmentTimeline"), fixed) {
            (Some(timeline), _) => Some(Pace::Runs(self.runs(timeline, start_number))),
            (None, Some(duration)) => Some(Pace::Fixed(duration)),
            (None, None) => None,
        };
        let Some(pace) = pace else {
            let name = self.node.tag_name().name();
            self.notes.wrong(self.node, DURATION, format_args!("{name} with neither @duration nor SegmentTimeline"));
            return Segments::Unusable;
        };
        Segments::Listed(Listing { start_number, end_number, pace, source })
    }

    fn runs(&mut self, timeline: Node<'_, '_>, start_number: u64) -> Arc<[Run]> {
        let key = (timeline.id(), start_number);
        if let Some(known) = self.timelines.runs.get(&key) {
            return known.clone();
        }
        let runs: Arc<[Run]> = runs::read(timeline, start_number, self.notes).into();
        self.timelines.runs.insert(key, runs.clone());
        runs
    }

    fn urls(&mut self, list: Node<'_, '_>) -> Arc<[Resource]> {
        let key = (list.id(), self.base.clone());
        if let Some(known) = self.timelines.urls.get(&key) {
            return known.clone();
        }
        let room = MAX_URLS.saturating_sub(self.timelines.kept);
        let urls: Arc<[Resource]> =
            children(list, "SegmentURL").take(room).map(|node| self.resource(node, "media", "mediaRange")).collect();
        self.timelines.kept += urls.len();
        self.timelines.urls.insert(key, urls.clone());
        urls
    }

    /// Without a URL of its own it is a range of the BaseURL.
    fn resource(&mut self, node: Node<'_, '_>, url: &'static str, bytes: &'static str) -> Resource {
        let text = attribute(node, url).unwrap_or_default();
        let url = self.base.join(text).unwrap_or_else(|e| {
            self.notes.wrong(node, LIST, format_args!("{} is no URL: {e}", Quoted(text)));
            self.base.clone()
        });
        Resource { url, range: range(node, bytes, self.notes) }
    }

    fn parsed(&mut self, node: Node<'_, '_>, name: &'static str) -> Option<Template> {
        match Template::parse(attribute(node, name)?) {
            Ok(template) => Some(template),
            Err(why) => {
                self.notes.wrong(node, TEMPLATE, format_args!("SegmentTemplate@{name}: {why}"));
                None
            }
        }
    }

    fn initialization(&mut self) -> Option<Resource> {
        if let Some(node) = self.element.child("Initialization") {
            return Some(self.resource(node, "sourceURL", "range"));
        }
        let node = self.element.with("initialization")?;
        let template = self.parsed(node, "initialization")?;
        if template.has_number() || template.has_time() {
            let what = "has neither a $Number$ nor a $Time$ that it could name";
            self.notes.wrong(node, TEMPLATE, format_args!("SegmentTemplate@initialization {what}"));
        }
        let representation = *self.way.first()?;
        let id = string(representation, "id").unwrap_or_default();
        let bandwidth = number(representation, "bandwidth", &mut Notes::new("")).unwrap_or(0);
        let url = template.fill(Values { representation: &id, bandwidth, number: 0, time: 0 });
        self.base.join(&url).ok().map(|url| Resource { url, range: None })
    }
}
