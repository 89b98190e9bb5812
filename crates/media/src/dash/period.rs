//! Periods, AdaptationSets and Representations.

use super::addressing::{self, Timelines};
use super::defect_log::DefectLog;
use super::descriptors;
use super::model::{AdaptationSet, Descriptor, Period, Representation};
use super::values::{attribute, bounded, child, children, frame_rate, number, string, words};
use crate::redact::Quoted;
use crate::stream::{Media, Resolution};
use crate::units::Seconds;
use roxmltree::Node;
use url::Url;

const REPRESENTATION: &str = "ISO/IEC 23009-1 5.3.5.2";
/// Schemes of trick play and of thumbnails for seeking (DASH-IF IOP 4.3, 3.2.9 and 6.2.6).
const TRICK: &[&str] = &[
    "http://dashif.org/guidelines/trickmode",
    "http://dashif.org/guidelines/thumbnail_tile",
    "http://dashif.org/thumbnail_tile",
];
/// Prefixes of EssentialProperty schemes that players are expected to support: colours, tiles, sets that play together, fonts
/// and encryption.
const KNOWN: &[&str] =
    &["urn:mpeg:mpegB:cicp:", "urn:mpeg:dash:", "urn:dvb:dash:", "urn:scte:dash:", "http://dashif.org/"];

/// Start of a Period since the beginning of the presentation, and its duration.
#[derive(Debug, Clone, Copy)]
pub(super) struct PeriodTimes {
    pub start: Option<Seconds>,
    pub duration: Option<Seconds>,
}

impl From<(Option<Seconds>, Option<Seconds>)> for PeriodTimes {
    fn from((start, duration): (Option<Seconds>, Option<Seconds>)) -> Self {
        Self { start, duration }
    }
}

pub(super) struct Reader<'n, 't> {
    log: &'n mut DefectLog<'t>,
    /// Each SegmentTimeline is read once, however many Representations inherit it.
    timelines: Timelines,
    /// Number of Representations read in this Period.
    count: usize,
}

impl<'n, 't> Reader<'n, 't> {
    pub(super) fn new(log: &'n mut DefectLog<'t>) -> Self {
        Self { log, timelines: Timelines::default(), count: 0 }
    }

    pub(super) fn period(&mut self, node: Node<'_, '_>, base: &Url, times: PeriodTimes) -> Period {
        self.count = 0;
        self.unfollowed(node);
        let base = self::base(node, base, self.log);
        let sets: Vec<_> = children(node, "AdaptationSet").map(|set| self.set(&[set, node], &base)).collect();
        self.unplayable(node, &sets);
        if self.count > super::MAX_REPRESENTATIONS {
            let (count, limit) = (self.count, super::MAX_REPRESENTATIONS);
            self.log.wrong(
                node,
                REPRESENTATION,
                format_args!("{count} Representations in a Period; the first {limit} are read"),
            );
        }
        Period {
            id: string(node, "id"),
            start: times.start,
            duration: times.duration,
            sets,
            events: descriptors::event_streams(node, self.log),
            line: self.log.line(node),
        }
    }

    /// An AdaptationSet. `way` is the AdaptationSet and its Period.
    fn set(&mut self, way: &[Node<'_, '_>; 2], base: &Url) -> AdaptationSet {
        let [node, period] = *way;
        self.unfollowed(node);
        let base = self::base(node, base, self.log);
        let essential = descriptors::descriptors(node, "EssentialProperty", self.log);
        let supplemental = descriptors::descriptors(node, "SupplementalProperty", self.log);
        let mut representations = Vec::new();
        for one in children(node, "Representation") {
            self.count += 1;
            if self.count <= super::MAX_REPRESENTATIONS {
                representations.push(self.representation(&[one, node, period], &base));
            }
        }
        AdaptationSet {
            id: string(node, "id"),
            media: media(node, &representations),
            trick_play: essential.iter().chain(&supplemental).any(|d| TRICK.contains(&d.scheme.as_str())),
            unsupported_property: foreign(&essential),
            language: string(node, "lang").filter(|l| !l.is_empty() && l != "und"),
            label: child(node, "Label").and_then(|l| l.text()).map(|text| bounded(text.trim())),
            roles: descriptors::descriptors(node, "Role", self.log),
            accessibility: descriptors::descriptors(node, "Accessibility", self.log),
            essential,
            supplemental,
            inband_events: descriptors::descriptors(node, "InbandEventStream", self.log),
            protections: descriptors::protections(node, self.log),
            representations,
        }
    }

    /// A Representation with the attributes that it inherits. `way` is the Representation, its AdaptationSet and its Period.
    fn representation(&mut self, way: &[Node<'_, '_>; 3], base: &Url) -> Representation {
        let [node, set, _] = *way;
        let base = self::base(node, base, self.log);
        self.required(node, set);
        let log = &mut *self.log;
        let own = |name: &str| if attribute(node, name).is_some() { node } else { set };
        let size = |name, log: &mut DefectLog<'_>| number::<u32>(own(name), name, log).filter(|n| *n > 0);
        let resolution = size("width", log).zip(size("height", log));
        let channels = child(node, "AudioChannelConfiguration").or(child(set, "AudioChannelConfiguration"));
        Representation {
            id: string(node, "id").unwrap_or_default(),
            bandwidth: number(node, "bandwidth", log),
            codecs: words(own("codecs"), "codecs", &[',']),
            mime_type: string(own("mimeType"), "mimeType"),
            resolution: resolution.map(|(width, height)| Resolution { width, height }),
            frame_rate: frame_rate(own("frameRate"), log),
            channels: channels.and_then(|c| descriptors::descriptor(c, log)),
            protections: descriptors::protections(node, log),
            foreign: foreign(&descriptors::descriptors(node, "EssentialProperty", log)),
            addressing: addressing::read(way, &base, &mut self.timelines, log),
            line: log.line(node),
            base,
        }
    }

    /// Logs a Period in which every video AdaptationSet has an unsupported EssentialProperty.
    fn unplayable(&mut self, period: Node<'_, '_>, sets: &[AdaptationSet]) {
        let foreign = |set: &AdaptationSet| {
            let each: Option<Vec<_>> = set.representations.iter().map(|r| r.foreign.as_ref()).collect();
            set.unsupported_property.clone().or_else(|| each?.first().map(|scheme| (*scheme).clone()))
        };
        let video = || {
            sets.iter().filter(|set| set.media == Media::Video && !set.trick_play && !set.representations.is_empty())
        };
        let schemes: Option<Vec<String>> = video().map(foreign).collect();
        if let Some(scheme) = schemes.as_ref().and_then(|schemes| schemes.first()) {
            self.log.wrong(period, "ISO/IEC 23009-1 5.8.4.8", format_args!(
                "no video is left in this Period: each AdaptationSet has an EssentialProperty that players don't know, such as {}, \
                 and must pass over it",
                Quoted(scheme)
            ));
        }
    }

    fn required(&mut self, node: Node<'_, '_>, set: Node<'_, '_>) {
        if attribute(node, "id").is_none() {
            self.log.wrong(node, REPRESENTATION, format_args!("Representation@id is missing"));
        }
        let id = attribute(node, "id").unwrap_or_default();
        let missing = |name: &str| attribute(node, name).is_none() && attribute(set, name).is_none();
        if attribute(node, "bandwidth").is_none() {
            self.attribute(node, id, "bandwidth");
        }
        if missing("mimeType") {
            self.attribute(node, id, "mimeType");
        }
        if missing("codecs") && !attribute(set, "mimeType").is_some_and(|m| m.starts_with("text/")) {
            self.attribute(node, id, "codecs");
        }
    }

    fn attribute(&mut self, node: Node<'_, '_>, id: &str, name: &str) {
        self.log.attribute(node, REPRESENTATION, format_args!("Representation {}: @{name} is missing", Quoted(id)));
    }

    /// Logs a remote element, whose content is not fetched.
    fn unfollowed(&mut self, node: Node<'_, '_>) {
        let Some(href) = attribute(node, "href").filter(|_| attribute(node, "bandwidth").is_none()) else { return };
        if href != "urn:mpeg:dash:resolve-to-zero:2013" {
            let name = node.tag_name().name();
            self.log.wrong(
                node,
                super::REMOTE,
                format_args!("{name}@xlink:href {} is not followed: what it stands for isn't probed", Quoted(href)),
            );
        }
    }
}

/// Scheme of the first EssentialProperty that players are not expected to support. They ignore its parent element
/// (ISO/IEC 23009-1 5.8.4.8).
fn foreign(essential: &[Descriptor]) -> Option<String> {
    let known = |scheme: &str| KNOWN.iter().any(|begin| scheme.starts_with(begin));
    essential.iter().map(|d| &d.scheme).find(|scheme| !known(scheme)).cloned()
}

/// The first BaseURL of an element, resolved against `outer`. Further ones are alternatives.
pub(super) fn base(node: Node<'_, '_>, outer: &Url, log: &mut DefectLog<'_>) -> Url {
    let Some(found) = child(node, "BaseURL") else { return outer.clone() };
    let text = found.text().unwrap_or_default().trim();
    outer.join(text).unwrap_or_else(|e| {
        log.wrong(found, "ISO/IEC 23009-1 5.6.4", format_args!("BaseURL {} is no URL: {e}", Quoted(text)));
        outer.clone()
    })
}

/// Media type by contentType, mimeType, codecs and picture size, in this order.
fn media(set: Node<'_, '_>, representations: &[Representation]) -> Media {
    let first = representations.first();
    let mime = attribute(set, "mimeType").or(first.and_then(|r| r.mime_type.as_deref())).unwrap_or_default();
    let named = |name: &str| match name.split('/').next() {
        Some("video" | "image") => Some(Media::Video),
        Some("audio") => Some(Media::Audio),
        Some("text") => Some(Media::Text),
        _ => None,
    };
    let codec = first.and_then(|r| r.codecs.first()).map_or("", String::as_str);
    let text = || {
        (codec.starts_with("stpp") || codec.starts_with("wvtt") || mime == "application/ttml+xml")
            .then_some(Media::Text)
    };
    let sound = || first.is_some_and(|r| r.resolution.is_none() && r.channels.is_some()).then_some(Media::Audio);
    let kind = attribute(set, "contentType").and_then(named).or(named(mime)).or_else(text).or_else(sound);
    kind.unwrap_or(Media::Video)
}
