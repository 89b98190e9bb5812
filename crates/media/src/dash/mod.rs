//! Parser for DASH manifests. [`parse`] turns the bytes of an MPD into an [`Mpd`] and lists every defect with its line;
//! [`renditions_at`] returns the renditions of an MPD and their segments at an instant.
//!
//! The steps are bytes, bounds, XML tree, typed model with resolved inheritance, and renditions. A SegmentTimeline
//! takes no more memory than its text; only segments in the requested window are computed.

mod addressing;
mod base_urls;
mod channels;
mod descriptors;
mod essential;
mod event_order;
mod growing;
mod unique_ids;
mod index;
mod keys;
mod model;
mod mpd;
mod defect_log;
mod snapshot;
mod patch;
mod period;
mod shared_segments;
mod remote;
mod video_range;
mod runs;
mod spans;
mod splices;
mod template;
pub mod timing;
mod updates;
mod url_query;
mod values;

#[cfg(test)]
mod tests;

pub use base_urls::BaseUrls;
pub use growing::{GrowingSegment, growing_segments};
pub use index::{IndexRequest, MAX_INDEX_BYTES, required_indexes, resolve_index};
pub use model::{
    AdaptationSet, ContentProtection, Descriptor, EventStream, Mpd, MpdEvent, PatchLocation, Period, PlaybackRate,
    Representation, Resync, SegmentAddressing, SegmentListing, SegmentScheme, SegmentTiming, SegmentUrls,
    ServiceLatency, TimelineRun, UrlRange,
};
pub use patch::{Patch, patch};
pub use remote::{RemoteElement, required_remote_elements, resolve_remote_elements};
pub use snapshot::{
    RenditionSnapshot, current_period, listed_end_at, playable_representations, renditions_at, renumbered_by,
};
pub use spans::{SegmentSpan, segment_spans};
pub use splices::is_scte35;
pub use template::{TemplateValues, UrlTemplate};
pub use url_query::UrlQuery;

use crate::defect::{Defect, DefectKind, Position};
use crate::redact::Quoted;
use crate::xml;
use defect_log::DefectLog;
use std::borrow::Cow;
use url::Url;

/// Largest number of defects that are kept of one MPD. The last one of each kind says how many more there were.
pub const MAX_DEFECTS: usize = 128;
/// Largest number of Representations that are read of one Period; those after them are left out.
pub const MAX_REPRESENTATIONS: usize = 1_000;
/// Clause of the encoding of an XML document; HTTP answers without a charset are read as UTF-8.
const ENCODING: &str = "W3C XML 1.0 4.3.3";
/// Reference of defects about remote elements (`xlink:href`).
pub const REMOTE: &str = "ISO/IEC 23009-1 5.5";
/// Reference of defects with which players lose events.
pub const LOST_EVENTS: &str = "ISO/IEC 23009-1 5.10.2.3";
/// Reference of defects about Representations with the same segments.
pub const SHARED_SEGMENTS: &str = "ISO/IEC 23009-1 5.3.5.1, 5.3.9.4.4";
/// Largest number of [`crate::stream::Segment`]s that are computed for one rendition: the newest ones.
pub const MAX_SEGMENTS: usize = 512;

/// Parses an MPD. `base` is the URL that answered, after redirects (ISO/IEC 23009-1 5.6.4). An element that can't be
/// read becomes a defect with its line, and the rest is still read. `None` if the bytes aren't an MPD; the only defect
/// then says why.
#[must_use]
pub fn parse(bytes: &[u8], base: &Url) -> (Option<Mpd>, Vec<Defect>) {
    match read(bytes, base) {
        Ok((mpd, defects)) => (Some(mpd), defects),
        Err(((line, column), message)) => {
            let at = Position::Line { line, column };
            (None, vec![Defect { kind: DefectKind::Mpd, at, message, reference: "ISO/IEC 23009-1 5.3.1" }])
        }
    }
}

/// Returns whether the bytes look like an MPD, valid or not: they have an `MPD` tag in their first 4096 bytes.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let tag = |at: usize| head.get(at..).is_some_and(|tag| tag.starts_with(b"<MPD"));
    let is_utf16 = || memchr::memmem::find(head, b"<\0M\0P\0D").is_some();
    memchr::memchr_iter(b'<', head).any(tag) || memchr::memmem::find(head, b":MPD ").is_some() || is_utf16()
}

fn read(bytes: &[u8], base: &Url) -> Result<(Mpd, Vec<Defect>), xml::XmlError> {
    let text = xml::decode(bytes)?;
    let tree = xml::parse(&text)?;
    let root = tree.root_element();
    if !values::is(root, "MPD") {
        let name = Quoted(root.tag_name().name());
        return Err(((1, 1), format!("not an MPD: the document is a {name}")));
    }
    let mut log = DefectLog::new(&text);
    let mpd = mpd::read(root, base, &mut log);
    if matches!(text, Cow::Owned(_)) {
        log.tolerated(
            root,
            ENCODING,
            format_args!("the MPD isn't UTF-8: players that expect UTF-8 can't read it, or misread names in it"),
        );
    }
    Ok((mpd, log.finish()))
}
