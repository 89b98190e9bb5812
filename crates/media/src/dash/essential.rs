//! EssentialProperty descriptors that players don't know, so that they must pass over what contains them (ISO/IEC 23009-1 5.8.4.8).

use super::defect_log::DefectLog;
use super::model::AdaptationSet;
use super::remote::existing;
use super::values::{attribute, children};
use crate::redact::Quoted;
use crate::stream::Media;
use roxmltree::Node;
use std::collections::BTreeMap;

const ESSENTIAL: &str = "ISO/IEC 23009-1 5.8.4.8";
/// Schemes that Shaka Player knows. dash.js knows most of them, and no others.
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

/// Logs a Period in which every video AdaptationSet has an EssentialProperty that players don't know. `sets` are its AdaptationSets.
pub(super) fn check_period(period: Node<'_, '_>, sets: &[AdaptationSet], log: &mut DefectLog<'_>) {
    let is_video = |set: &AdaptationSet| {
        set.media == Media::Video && !set.trick_play && !set.is_image && !set.representations.is_empty()
    };
    let video = existing(period, "AdaptationSet").zip(sets).filter(|(_, set)| is_video(set));
    let schemes: Option<Vec<String>> = video.map(|(node, _)| dropped_for(node)).collect();
    if let Some(scheme) = schemes.as_ref().and_then(|schemes| schemes.first()) {
        log.wrong(period, ESSENTIAL, format_args!(
            "no video is left in this Period: each AdaptationSet has an EssentialProperty that dash.js and Shaka Player don't know, such \
             as {}, and must pass over it",
            Quoted(scheme)
        ));
    }
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
