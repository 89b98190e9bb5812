//! DASH manifests: bytes → [`Mpd`] with every defect's line → at an instant, renditions with their timelines.
//!
//! The line: bytes → bounds → XML tree → typed model (what is inherited resolved) → [`outline`]. A SegmentTimeline stays
//! as short as it is written; only the window that is asked for becomes segments.

mod addressing;
mod descriptors;
mod events;
mod groups;
mod index;
mod keys;
mod model;
mod mpd;
mod notes;
mod outline;
mod patch;
mod period;
mod range;
mod runs;
mod spans;
mod splices;
mod template;
pub mod timing;
mod updates;
mod values;

#[cfg(test)]
mod tests;

pub use index::{MAX_INDEX_BYTES, Wanted, resolve, wanted};
pub use model::{
    AdaptationSet, Addressing, Descriptor, Event, EventStream, Latency, Listing, Mpd, Pace, PatchLocation, Period,
    Protection, Representation, Resource, Run, Segments, Source,
};
pub use outline::{Outline, outline, playing, rungs};
pub use patch::{Patch, patch};
pub use spans::{Span, spans};
pub use splices::is_scte35;
pub use template::{Template, Values};

use crate::defect::{Defect, DefectKind, Position};
use crate::redact::Quoted;
use crate::xml;
use notes::Notes;
use url::Url;

/// Defects kept of one MPD; of each kind the last one says how many more there were.
pub const MAX_DEFECTS: usize = 128;
/// Representations kept of one Period: the first.
pub const MAX_REPRESENTATIONS: usize = 1_000;
/// Where a remote element (`xlink:href`) is spoken of.
pub const REMOTE: &str = "ISO/IEC 23009-1 5.5";
/// Segments of one rendition that become [`crate::stream::Segment`]s: the newest.
pub const MAX_SEGMENTS: usize = 512;

/// Reads an MPD. `base` is the URL it came from after redirects (ISO/IEC 23009-1 5.6.4). Never fails: what can't be read
/// is a defect with its line, and the rest is still read. `None`: not an MPD at all; the one defect says why.
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

/// It is an MPD, sound or not: a tag of that name stands near the beginning.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let tag = |at: usize| head.get(at..).is_some_and(|tag| tag.starts_with(b"<MPD"));
    memchr::memchr_iter(b'<', head).any(tag) || memchr::memmem::find(head, b":MPD ").is_some()
}

fn read(bytes: &[u8], base: &Url) -> Result<(Mpd, Vec<Defect>), xml::XmlError> {
    let text = xml::decode(bytes)?;
    let tree = xml::parse(text)?;
    let root = tree.root_element();
    if !values::is(root, "MPD") {
        let name = Quoted(root.tag_name().name());
        return Err(((1, 1), format!("not an MPD: the document is a {name}")));
    }
    let mut notes = Notes::new(text);
    let mpd = mpd::read(root, base, &mut notes);
    Ok((mpd, notes.finish()))
}
