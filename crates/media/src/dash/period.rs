//! Parser for Periods, AdaptationSets and Representations.

use super::addressing::{self, Timelines};
use super::base_urls::BaseUrls;
use super::defect_log::DefectLog;
use super::descriptors::{self, ProtectionSources};
use super::essential;
use super::model::{AdaptationSet, Period, Representation, Resync, SegmentAddressing, SegmentScheme};
use super::remote::{self, existing};
use super::url_query::UrlQuery;
use super::values::{self, attribute, bounded, child, children, decimal, frame_rate, number, string, words};
use crate::redact::Quoted;
use crate::stream::{Media, Resolution, Uninspected};
use crate::units::Seconds;
use roxmltree::Node;
use std::num::NonZeroU32;
use url::Url;

const REPRESENTATION: &str = "ISO/IEC 23009-1 5.3.5.2";
/// Clause of the attributes that a Representation may inherit from its AdaptationSet.
const COMMON: &str = "ISO/IEC 23009-1 5.3.7.2";
/// ISO/IEC 23009-1 5.3.7.2 leaves @codecs optional; DVB-DASH asks for it, and players in browsers choose by it.
const CODECS: &str = "ETSI TS 103 285 4.4, 6.1.1";
/// Schemes of trick play and of thumbnails for seeking (DASH-IF IOP 4.3, 3.2.9 and 6.2.6).
const TRICK: &[&str] = &[
    "http://dashif.org/guidelines/trickmode",
    "http://dashif.org/guidelines/thumbnail_tile",
    "http://dashif.org/thumbnail_tile",
];
/// Prefix of the schemes of segment encryption and authentication (ISO/IEC 23009-4).
const SEGMENT_ENCRYPTION: &str = "urn:mpeg:dash:sea:";
/// Prefixes of the EssentialProperty schemes of ISO/IEC 23009-1 that leave segments and their URLs as they are, or that this
/// exporter implements.
const DONE: &[&str] = &[
    "urn:mpeg:dash:14496:10:frame_packing_arrangement_type:",
    "urn:mpeg:dash:13818:1:stereo_video_format_type:",
    "urn:mpeg:dash:adaptation-set-switching:",
    "urn:mpeg:dash:period-c",
    "urn:mpeg:dash:preselection:",
    "urn:mpeg:dash:role:",
    "urn:mpeg:dash:srd:",
    "urn:mpeg:dash:ssr:",
    "urn:mpeg:dash:stereoid:",
    "urn:mpeg:dash:urlparam:",
];

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
    /// URL of the MPD, whose query may be inserted into the URLs of segments.
    mpd_url: &'n Url,
    /// SegmentTimelines that were already parsed: each is parsed once, however many Representations inherit it.
    timelines: Timelines,
    protection_sources: ProtectionSources<'n>,
    /// The MPD element if it has parameters for the URLs of segments: it isn't searched for each Representation.
    mpd_with_query: Option<Node<'n, 'n>>,
    /// Number of Representations that were read in the current Period.
    count: usize,
}

impl<'n, 't> Reader<'n, 't> {
    pub(super) fn new(root: Node<'n, 'n>, mpd_url: &'n Url, log: &'n mut DefectLog<'t>) -> Self {
        let protection_sources = ProtectionSources::of(root);
        let mpd_with_query = Some(root).filter(|root| UrlQuery::is_declared_in(*root));
        Self { log, mpd_url, timelines: Timelines::default(), protection_sources, mpd_with_query, count: 0 }
    }

    pub(super) fn period(&mut self, node: Node<'_, '_>, base: &BaseUrls, times: PeriodTimes) -> Period {
        self.count = 0;
        self.unfollowed(node);
        let base = BaseUrls::of(node, base, self.log);
        let sets: Vec<_> = existing(node, "AdaptationSet").map(|set| self.set(&[set, node], &base)).collect();
        essential::check_period(node, &sets, self.log);
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
            has_no_length: values::duration(node, "duration", &mut DefectLog::new("")) == Some(Seconds::ZERO),
            is_remote: remote::href(node).is_some(),
            sets,
            events: descriptors::event_streams(node, self.log),
            line: self.log.line(node),
        }
    }

    /// Parses an AdaptationSet. `way` is the AdaptationSet and its Period.
    fn set(&mut self, way: &[Node<'_, '_>; 2], base: &BaseUrls) -> AdaptationSet {
        let [node, period] = *way;
        self.unfollowed(node);
        let base = BaseUrls::of(node, base, self.log);
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
            is_image: ["contentType", "mimeType"].iter().filter_map(|name| attribute(node, name)).any(is_image),
            is_remote: remote::href(node).is_some(),
            unsupported_property: essential::foreign(&essential),
            language: string(node, "lang").filter(|l| !l.is_empty() && l != "und"),
            label: child(node, "Label").and_then(|l| l.text()).map(|text| bounded(text.trim())),
            roles: descriptors::descriptors(node, "Role", self.log),
            accessibility: descriptors::descriptors(node, "Accessibility", self.log),
            essential,
            supplemental,
            inband_events: descriptors::descriptors(node, "InbandEventStream", self.log),
            protections: descriptors::protections(node, &self.protection_sources, self.log),
            representations,
        }
    }

    /// Parses a Representation with the attributes that it inherits. `way` is the Representation, its AdaptationSet and
    /// its Period.
    fn representation(&mut self, way: &[Node<'_, '_>; 3], base: &BaseUrls) -> Representation {
        let [node, set, period] = *way;
        let base = BaseUrls::of(node, base, self.log);
        self.required(node, set);
        let log = &mut *self.log;
        let own = |name: &str| if attribute(node, name).is_some() { node } else { set };
        let size = |name, log: &mut DefectLog<'_>| number::<u32>(own(name), name, log).filter(|n| *n > 0);
        let resolution = size("width", log).zip(size("height", log));
        let levels: Vec<_> = [node, set, period].into_iter().chain(self.mpd_with_query).collect();
        let (query, unknown_query) = match UrlQuery::of(&levels, self.mpd_url) {
            Ok(query) => (query, None),
            Err(why) => (UrlQuery::default(), Some(why)),
        };
        let mime_type = string(own("mimeType"), "mimeType");
        let channels = child(node, "AudioChannelConfiguration").or(child(set, "AudioChannelConfiguration"));
        let essential = descriptors::descriptors(node, "EssentialProperty", log);
        let addressing = addressing::read(way, &base.first, &mut self.timelines, log);
        Representation {
            id: string(node, "id").unwrap_or_default(),
            bandwidth: number(node, "bandwidth", log),
            codecs: words(own("codecs"), "codecs", &[',']),
            uninspected: uninspected(&addressing, mime_type.as_deref(), &[node, set]).or(unknown_query),
            query,
            mime_type,
            resolution: resolution.map(|(width, height)| Resolution { width, height }),
            frame_rate: frame_rate(own("frameRate"), log),
            channels: channels.and_then(|c| descriptors::descriptor(c, log)),
            protections: descriptors::protections(node, &self.protection_sources, log),
            foreign: essential::foreign(&essential),
            resyncs: resyncs(&[node, set], addressing.timescale, log),
            addressing,
            line: log.line(node),
            base,
        }
    }

    fn required(&mut self, node: Node<'_, '_>, set: Node<'_, '_>) {
        match attribute(node, "id") {
            None => self.log.wrong(node, REPRESENTATION, format_args!("Representation@id is missing")),
            Some("") => self.log.wrong(node, REPRESENTATION, format_args!("Representation@id is empty")),
            Some(_) => {}
        }
        let written = |name: &str| attribute(node, name).or(attribute(set, name));
        // A malformed bandwidth is reported where it is read.
        if attribute(node, "bandwidth").is_none() {
            self.attribute(node, "bandwidth", None, REPRESENTATION);
        }
        let mime = written("mimeType");
        let is_media = mime.is_some_and(|mime| mime.starts_with("video/") || mime.starts_with("audio/"));
        if is_media && attribute(node, "bandwidth").is_some_and(|text| text.parse::<u64>() == Ok(0)) {
            let id = Quoted(attribute(node, "id").unwrap_or_default());
            self.log.attribute(
                node,
                REPRESENTATION,
                format_args!("Representation {id}: @bandwidth is 0: players choose a Representation by it"),
            );
        }
        if mime.is_none_or(str::is_empty) {
            self.attribute(node, "mimeType", mime, COMMON);
        }
        let codecs = written("codecs");
        if codecs.is_none_or(str::is_empty) && !names_its_codec(mime.unwrap_or_default()) {
            self.attribute(node, "codecs", codecs, CODECS);
        }
    }

    /// Logs an attribute of a Representation that is missing or empty; `written` is its text, and `reference` the clause that
    /// asks for it.
    fn attribute(&mut self, node: Node<'_, '_>, name: &str, written: Option<&str>, reference: &'static str) {
        let id = Quoted(attribute(node, "id").unwrap_or_default());
        let what = if written.is_some() { "empty" } else { "missing" };
        self.log.attribute(node, reference, format_args!("Representation {id}: @{name} is {what}"));
    }

    /// Logs a remote element, whose content is not fetched.
    fn unfollowed(&mut self, node: Node<'_, '_>) {
        let Some(href) = remote::href(node) else { return };
        let name = node.tag_name().name();
        self.log.wrong(
            node,
            super::REMOTE,
            format_args!("{name}@xlink:href {} is not followed: what it stands for isn't probed", Quoted(href)),
        );
    }
}

/// Most Resync elements that are read of one Representation.
const MAX_RESYNCS: usize = 4;

/// The Resync elements of the innermost of `levels` that has any. `@dT` is in ticks of `timescale`.
fn resyncs(levels: &[Node<'_, '_>; 2], timescale: NonZeroU32, log: &mut DefectLog<'_>) -> Vec<Resync> {
    let Some(level) = levels.iter().find(|level| child(**level, "Resync").is_some()) else { return Vec::new() };
    let read = |node| Resync {
        sap_type: number(node, "type", log).unwrap_or(0),
        max_interval: number::<u64>(node, "dT", log).map(|dt| Seconds(dt as f64 / f64::from(timescale.get()))),
        max_bytes_by_bandwidth: decimal(node, "dImax", log),
    };
    children(*level, "Resync").take(MAX_RESYNCS).map(read).collect()
}

/// Returns whether a MIME type needs no `codecs` beside it: it is one of images, or of text without a container (RFC
/// 6381 3.1).
fn names_its_codec(mime: &str) -> bool {
    mime.starts_with("text/") || mime.starts_with("image/") || mime == "application/ttml+xml"
}

/// Returns the reason why the media of a Representation aren't inspected; `None` if they are. `levels` are the
/// Representation and its AdaptationSet.
fn uninspected(addressing: &SegmentAddressing, mime: Option<&str>, levels: &[Node<'_, '_>; 2]) -> Option<Uninspected> {
    if let SegmentScheme::Uninspected(why) = addressing.segments {
        return Some(why);
    }
    if mime.is_some_and(|mime| mime.ends_with("/webm")) {
        return Some(Uninspected::WebM);
    }
    let schemes =
        |name| levels.iter().flat_map(move |level| children(*level, name)).filter_map(|d| attribute(d, "schemeIdUri"));
    let sea = |scheme: &str| scheme.starts_with(SEGMENT_ENCRYPTION);
    if schemes("ContentProtection").chain(schemes("EssentialProperty")).any(sea) {
        return Some(Uninspected::SegmentEncryption);
    }
    let done =
        |scheme: &str| !scheme.starts_with("urn:mpeg:dash:") || DONE.iter().any(|begin| scheme.starts_with(begin));
    (!schemes("EssentialProperty").all(done)).then_some(Uninspected::Property)
}

/// Returns whether a content type or a MIME type is one of images.
fn is_image(kind: &str) -> bool {
    kind.split('/').next() == Some("image")
}

/// Returns the kind of media of an AdaptationSet by contentType, mimeType, codecs and picture size, in this order.
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
