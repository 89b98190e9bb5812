//! Check that Representations with initialization segments of their own have segments of their own.

use super::SHARED_SEGMENTS;
use super::defect_log::DefectLog;
use super::model::{AdaptationSet, Period, Representation, SegmentScheme, SegmentUrls};
use super::remote::existing;
use super::template::TemplateValues;
use super::values::children;
use crate::redact::Quoted;
use crate::stream::Media;
use roxmltree::Node;
use std::collections::HashMap;

/// Logs Representations of a Period that have the segment URLs of another one. `periods` are the newest Periods of the MPD, as far as
/// they were read.
pub(super) fn check_shared_segments(root: Node<'_, '_>, periods: &[Period], log: &mut DefectLog<'_>) {
    let unread = existing(root, "Period").count().saturating_sub(periods.len());
    for (node, period) in existing(root, "Period").skip(unread).zip(periods) {
        let mut known: HashMap<String, (&AdaptationSet, &Representation)> = HashMap::new();
        for (set_node, set) in existing(node, "AdaptationSet").zip(&period.sets) {
            if set.trick_play || set.is_image {
                continue;
            }
            for (one, representation) in children(set_node, "Representation").zip(&set.representations) {
                let Some(url) = segment_url(representation) else { continue };
                match known.get(&url) {
                    Some(first) if are_shared(first.1, representation) => {
                        log_shared(one, *first, (set, representation), log);
                    }
                    Some(_) => {}
                    None => drop(known.insert(url, (set, representation))),
                }
            }
        }
    }
}

/// Returns the URL of a segment, by which Representations are compared. `None` if no template or list names the segments, or there is no
/// initialization segment: the segments then say themselves what they are.
fn segment_url(representation: &Representation) -> Option<String> {
    representation.addressing.initialization.as_ref()?;
    let SegmentScheme::Listed(listing) = &representation.addressing.segments else { return None };
    match &listing.urls {
        SegmentUrls::Template(template) => {
            let bandwidth = representation.bandwidth.unwrap_or(0);
            let values = TemplateValues { representation: &representation.id, bandwidth, number: 1, time: 1 };
            let url = representation.base.first.join(&template.fill(values)).ok()?;
            Some(representation.query.apply(url).to_string())
        }
        SegmentUrls::List(urls) => urls.first().map(|first| format!("{} {:?}", first.url, first.range)),
    }
}

/// Whether two Representations of which one segment has the same URL have all segments in common. An id that stands twice has a defect
/// of its own.
fn are_shared(first: &Representation, second: &Representation) -> bool {
    let (a, b) = (&first.addressing, &second.addressing);
    first.id != second.id
        && (a.timescale, a.presentation_time_offset) == (b.timescale, b.presentation_time_offset)
        && are_timed_alike(&a.segments, &b.segments)
}

/// Whether both list segments of the same numbers and times. How their URLs are written doesn't count.
fn are_timed_alike(first: &SegmentScheme, second: &SegmentScheme) -> bool {
    match (first, second) {
        (SegmentScheme::Listed(a), SegmentScheme::Listed(b)) => {
            (a.start_number, a.end_number, &a.timing) == (b.start_number, b.end_number, &b.timing)
        }
        _ => first == second,
    }
}

/// A Representation and its AdaptationSet.
type Placed<'a> = (&'a AdaptationSet, &'a Representation);

fn log_shared(node: Node<'_, '_>, first: Placed<'_>, second: Placed<'_>, log: &mut DefectLog<'_>) {
    let ((first_set, first), (set, representation)) = (first, second);
    let ids = format!("the Representations {} and {}", Quoted(&first.id), Quoted(&representation.id));
    if first.addressing.initialization == representation.addressing.initialization {
        log.group_tolerated(node, SHARED_SEGMENTS, format_args!("{ids} have the same segments: they are one stream"));
    } else if set.media != Media::Video && !std::ptr::eq(first_set, set) {
        log.group_tolerated(
            node,
            SHARED_SEGMENTS,
            format_args!("{ids} have the same segments, although their AdaptationSets are different: viewers get one of them for both"),
        );
    } else {
        log.group(
            node,
            SHARED_SEGMENTS,
            format_args!(
                "{ids} have the same segments, but different initialization segments: players decode them with wrong settings; write \
                 $RepresentationID$ into @media"
            ),
        );
    }
}
