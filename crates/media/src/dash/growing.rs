//! Segments that players may request while they are still being made (chunked low latency).

use super::model::{Mpd, SegmentListing, SegmentScheme, SegmentTiming};
use super::snapshot::{Piece, current_period, playable_representations};
use crate::stream::{Rendition, Segment};
use crate::units::{Seconds, Timestamp};

/// A segment that can be requested before it is complete (`@availabilityTimeComplete` is false, ISO/IEC 23009-1 5.3.9.2).
#[derive(Debug, Clone, PartialEq)]
pub struct GrowingSegment {
    pub segment: Segment,
    /// The adjusted segment availability start time: the time from which the MPD promises it, by the MPD's clock
    /// (ISO/IEC 23009-1 5.3.9.5.3).
    pub available: Timestamp,
    /// Time at which all of its media have passed, by the MPD's clock.
    pub complete: Timestamp,
}

/// Most segments that are returned. Two are usual: the one that grows and the next one.
const MAX_GROWING: usize = 8;

/// The segments of `rendition` that are not complete at `now` and are promised within one segment duration, oldest first. A
/// SegmentTimeline without an open end lists only what has begun. Empty for a rendition whose segments are complete when they
/// become available, and for one of another MPD.
#[must_use]
pub fn growing_segments(mpd: &Mpd, rendition: &Rendition, now: Timestamp) -> Vec<GrowingSegment> {
    let Some(period) = current_period(mpd, now).filter(|_| mpd.dynamic) else { return Vec::new() };
    let own = playable_representations(period).find(|(_, r)| Some(r.line) == rendition.line);
    let Some((set, representation)) = own else { return Vec::new() };
    let addressing = &representation.addressing;
    let early = addressing.availability_time_offset;
    if addressing.availability_time_complete || !(early.0 > 0.0 && early.0.is_finite()) {
        return Vec::new();
    }
    let SegmentScheme::Listed(listing) = &addressing.segments else { return Vec::new() };
    let duration = duration(listing, f64::from(addressing.timescale.get()));
    let piece = Piece::new(mpd, period, set, representation);
    let segments = piece.segments_after(now, early + duration, MAX_GROWING);
    let growing = segments.into_iter().filter_map(|segment| {
        let complete = segment.duration.after(segment.program_date_time?);
        Some(GrowingSegment { available: Seconds(-early.0).after(complete), complete, segment })
    });
    growing.filter(|g| g.complete > now && g.available <= duration.after(now)).collect()
}

/// Duration of the newest segments.
fn duration(listing: &SegmentListing, timescale: f64) -> Seconds {
    let ticks = match &listing.timing {
        SegmentTiming::Fixed(duration) => *duration,
        SegmentTiming::Runs(runs) | SegmentTiming::Indexed(runs) => runs.last().map_or(0, |run| run.duration),
    };
    Seconds(ticks as f64 / timescale)
}
