use crate::catalog::{Coverage, CoverageMode};
use crate::history::Known;
use crate::stream::{Map, Segment, Timeline};

/// Which of a rendition's listed segments this probe downloads.
#[derive(Debug, PartialEq)]
pub struct Plan<'a> {
    /// Oldest first.
    pub segments: Vec<&'a Segment>,
    /// Wanted, but over the bound.
    pub skipped: u64,
    /// Initialization segments that the newest and the planned segments need.
    pub maps: Vec<&'a Map>,
}

/// A segment inspected before isn't planned again; EXT-X-GAP segments don't exist (RFC 8216bis 4.4.4.7).
/// On the first probe `every` has no earlier one to go on from and takes the newest.
#[must_use]
pub fn plan<'a>(timeline: &'a Timeline, rendition: &str, known: &Known, coverage: Coverage) -> Plan<'a> {
    let count = coverage.count as usize;
    let there = timeline.segments.iter().filter(|s| !s.gap);
    let wanted: Vec<&Segment> = match (coverage.mode, known.last_inspected(rendition, timeline)) {
        (CoverageMode::None, _) => Vec::new(),
        (CoverageMode::Newest, _) => last(there.collect(), count).0,
        (CoverageMode::Every, None) => last(there.collect(), 1).0,
        (CoverageMode::Every, Some(done)) => there.filter(|s| s.number > done).collect(),
    };
    let fresh = wanted.into_iter().filter(|s| known.segment(rendition, s).is_none()).collect();
    let (segments, skipped) = last(fresh, count);
    let mut maps: Vec<&Map> = Vec::new();
    for map in segments.iter().copied().chain(timeline.segments.last()).filter_map(|s| s.map.as_ref()) {
        if !maps.contains(&map) {
            maps.push(map);
        }
    }
    Plan { segments, skipped, maps }
}

/// The last `count`, and how many were left out.
fn last(mut segments: Vec<&Segment>, count: usize) -> (Vec<&Segment>, u64) {
    let excess = segments.len().saturating_sub(count);
    segments.drain(..excess);
    (segments, excess as u64)
}
