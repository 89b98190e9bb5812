//! EssentialProperty descriptors that players don't know, so that they must pass over what contains them (ISO/IEC 23009-1 5.8.4.8).

use super::defect_log::DefectLog;
use super::model::{AdaptationSet, Descriptor};
use super::remote::existing;
use super::values::{attribute, children};
use crate::redact::Quoted;
use crate::stream::Media;
use roxmltree::Node;
use std::collections::{BTreeMap, BTreeSet};

const ESSENTIAL: &str = "ISO/IEC 23009-1 5.8.4.8";
/// Schemes that Shaka Player knows. dash.js knows most of them, and no others. This list decides what players in browsers don't know.
const KNOWN: &[&str] = &[
    "http://dashif.org/guidelines/thumbnail_tile",
    "http://dashif.org/guidelines/trickmode",
    "http://dashif.org/thumbnail_tile",
    "urn:dvb:dash:fontdownload:2014",
    "urn:mpeg:dash:pattern:2024",
    "urn:mpeg:dash:preselection:2016",
    "urn:mpeg:dash:ssr:2023",
    "urn:mpeg:dash:urlparam:2014",
    "urn:mpeg:dash:urlparam:2016",
    "urn:mpeg:dash:urlparam:2025",
    "urn:mpeg:mpegB:cicp:ColourPrimaries",
    "urn:mpeg:mpegB:cicp:MatrixCoefficients",
    "urn:mpeg:mpegB:cicp:TransferCharacteristics",
];

/// Prefixes of the schemes that some players support, such as those of broadcasters' receivers: colours, tiles, sets that play together,
/// fonts and encryption. What has one of them is inspected, although [`KNOWN`] says that players in browsers pass over it.
const SUPPORTED_BY_SOME: &[&str] =
    &["urn:mpeg:mpegB:cicp:", "urn:mpeg:dash:", "urn:dvb:dash:", "urn:scte:dash:", "http://dashif.org/"];

/// Returns the scheme of the first EssentialProperty that no player is expected to support, so that all ignore its parent element.
/// `None` without one.
pub(super) fn foreign(essential: &[Descriptor]) -> Option<String> {
    let supported = |scheme: &str| SUPPORTED_BY_SOME.iter().any(|begin| scheme.starts_with(begin));
    essential.iter().map(|d| &d.scheme).find(|scheme| !supported(scheme)).cloned()
}

/// An AdaptationSet for normal playback, and the scheme for which players drop it (`None`: they play it).
type Judged<'a> = (&'a AdaptationSet, Option<String>);

/// Logs a Period in which all video, all sound, or the sound or subtitles of a language have an EssentialProperty that players don't
/// know. `sets` are its AdaptationSets.
pub(super) fn check_period(period: Node<'_, '_>, sets: &[AdaptationSet], log: &mut DefectLog<'_>) {
    let plays = |set: &AdaptationSet| !set.trick_play && !set.is_image && !set.representations.is_empty();
    let nodes = existing(period, "AdaptationSet").zip(sets).filter(|(_, set)| plays(set));
    let judged: Vec<Judged<'_>> = nodes.map(|(node, set)| (set, dropped_for(node))).collect();
    for (media, what, effect) in [(Media::Video, "video", "picture"), (Media::Audio, "sound", "sound")] {
        let Some(scheme) = dropped(judged.iter().filter(|(set, _)| set.media == media)) else { continue };
        log.wrong(period, ESSENTIAL, format_args!(
            "no {what} is left in this Period: each AdaptationSet with {what} has an EssentialProperty that dash.js and Shaka Player don't \
             know, such as {}, and must pass over it: viewers get no {effect}",
            Quoted(scheme)
        ));
    }
    for (set, scheme) in lost_languages(&judged) {
        let what = if set.media == Media::Audio { "sound" } else { "subtitles" };
        let language = set.language.as_deref().map_or_else(String::new, |language| format!(" in {}", Quoted(language)));
        log.tolerated(period, ESSENTIAL, format_args!(
            "viewers get no {what}{language} in this Period: each AdaptationSet with them has an EssentialProperty that dash.js and Shaka \
             Player don't know, such as {}, and must pass over it",
            Quoted(scheme)
        ));
    }
}

/// Returns the first scheme for which players drop all of these AdaptationSets. `None` if they play one, or there is none.
fn dropped<'a>(sets: impl Iterator<Item = &'a Judged<'a>>) -> Option<&'a str> {
    let schemes: Option<Vec<&str>> = sets.map(|(_, scheme)| scheme.as_deref()).collect();
    schemes?.first().copied()
}

/// Returns the first AdaptationSet of each language whose subtitles players all drop, or whose sound they drop while other sound is left,
/// with the scheme for which they do.
fn lost_languages<'a>(judged: &'a [Judged<'a>]) -> Vec<(&'a AdaptationSet, &'a str)> {
    let has_sound = judged.iter().any(|(set, scheme)| set.media == Media::Audio && scheme.is_none());
    let may_lose = |set: &AdaptationSet| set.media == Media::Text || (set.media == Media::Audio && has_sound);
    let mut seen = BTreeSet::new();
    let mut lost = Vec::new();
    for (set, _) in judged.iter().filter(|(set, _)| may_lose(set)) {
        let is_alike = |other: &AdaptationSet| (other.media, &other.language) == (set.media, &set.language);
        if seen.insert((set.media, &set.language))
            && let Some(scheme) = dropped(judged.iter().filter(|(other, _)| is_alike(other)))
        {
            lost.push((*set, scheme));
        }
    }
    lost
}

/// Returns a scheme for which players drop the AdaptationSet, or each of its Representations. `None` if they play one.
fn dropped_for(set: Node<'_, '_>) -> Option<String> {
    let each: Option<Vec<_>> = children(set, "Representation").map(unknown).collect();
    unknown(set).or_else(|| each?.into_iter().next())
}

/// Returns the scheme of the first EssentialProperty of an element that players don't know.
fn unknown(node: Node<'_, '_>) -> Option<String> {
    let schemes = children(node, "EssentialProperty").filter_map(|property| attribute(property, "schemeIdUri"));
    schemes.filter(|scheme| !KNOWN.contains(scheme)).map(str::to_owned).next()
}

/// Logs the EssentialProperty elements of the MPD itself with which Shaka Player refuses it (4063): of those with one `@id`, and of each
/// without, it has to know one.
pub(super) fn check_mpd(root: Node<'_, '_>, log: &mut DefectLog<'_>) {
    let mut groups: BTreeMap<String, Vec<Node<'_, '_>>> = BTreeMap::new();
    for (at, property) in children(root, "EssentialProperty").enumerate() {
        let group = attribute(property, "id").map_or_else(|| format!("{at}"), |id| format!("id {id}"));
        groups.entry(group).or_default().push(property);
    }
    let scheme = |property: &Node<'_, '_>| property.attribute("schemeIdUri").unwrap_or_default().to_owned();
    for properties in groups.values().filter(|group| !group.iter().any(|p| KNOWN.contains(&&*scheme(p)))) {
        let Some(first) = properties.first() else { continue };
        log.wrong(*first, ESSENTIAL, format_args!(
            "Shaka Player doesn't know the EssentialProperty {} of the MPD and refuses the MPD; write a SupplementalProperty",
            Quoted(&scheme(first))
        ));
    }
}
