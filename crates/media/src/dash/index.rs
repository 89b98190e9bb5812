//! Segment indexes (`sidx`) of the files that SegmentBase describes: their subsegments become segments (ISO/IEC 23009-1
//! 5.3.9.2, 6.3.4.2; ISO/IEC 14496-12 8.16.3).

use super::model::{
    Mpd, SegmentAddressing, SegmentListing, SegmentScheme, SegmentTiming, SegmentUrls, TimelineRun, UrlRange,
};
use super::timing;
use crate::container;
use crate::defect::{Defect, DefectKind, Position};
use crate::stream::ByteRange;
use crate::units::Timestamp;
use url::Url;

/// Largest number of segment indexes that are read of one MPD: those of the newest Periods.
pub(super) const MAX_INDEXES: usize = 64;
/// Largest number of bytes that are read of one segment index. A subsegment takes 12 of them.
pub const MAX_INDEX_BYTES: u64 = 1 << 20;
/// Largest number of bytes that are read of all segment indexes of an MPD together. In memory a subsegment takes some
/// 200 bytes.
const MAX_ALL_BYTES: u64 = 4 << 20;

const INDEX: &str = "ISO/IEC 23009-1 5.3.9.2";

/// A segment index that has to be downloaded before the segments of a Representation are known.
#[derive(Debug, Clone)]
pub struct IndexRequest {
    pub url: Url,
    pub range: ByteRange,
    /// URL of the file, without the parameters that annex I of ISO/IEC 23009-1 adds.
    file: Url,
    place: (usize, usize, usize),
}

/// Returns requests for the segment indexes that are needed to know which segments can be played at `now`, those of the
/// newest Period first. They are at most [`MAX_INDEXES`] with 4 MiB in total.
#[must_use]
pub fn required_indexes(mpd: &Mpd, now: Timestamp) -> Vec<IndexRequest> {
    let mut requests = Vec::new();
    for (at, period) in mpd.periods.iter().enumerate().rev().filter(|(_, p)| timing::is_period_in_window(mpd, p, now)) {
        for (set_at, set) in period.sets.iter().enumerate() {
            for (representation_at, representation) in set.representations.iter().enumerate() {
                let SegmentScheme::Single { index: Some(range) } = representation.addressing.segments else { continue };
                if representation.uninspected.is_none() {
                    let place = (at, set_at, representation_at);
                    let file = representation.base.first.clone();
                    requests.push(IndexRequest { url: representation.query.apply(file.clone()), range, file, place });
                }
            }
        }
    }
    requests.truncate(MAX_INDEXES);
    let mut left = MAX_ALL_BYTES;
    let room = |w: &IndexRequest| left.checked_sub(w.range.length.min(MAX_INDEX_BYTES)).map(|rest| left = rest);
    let many = requests.iter().map_while(room).count();
    requests.truncate(many);
    requests
}

/// Makes the subsegments of a segment index the segments of the Representation to which `request` belongs. `read` is
/// the content of the requested byte range, or the reason why it couldn't be downloaded. Returns a defect of the MPD if
/// the index can't be read, otherwise `None`.
pub fn resolve_index(mpd: &mut Mpd, request: &IndexRequest, read: Result<Vec<u8>, String>) -> Option<Defect> {
    let (period, set, representation) = request.place;
    let representation = mpd.periods.get_mut(period)?.sets.get_mut(set)?.representations.get_mut(representation)?;
    let listed = read.and_then(|bytes| listed(&representation.addressing, request, &bytes));
    match listed {
        Ok(addressing) => representation.addressing = addressing,
        Err(why) => {
            let ByteRange { offset, length } = request.range;
            let last = offset.saturating_add(length).saturating_sub(1);
            let message = format!("SegmentBase@indexRange {offset}-{last} of {}: {why}", request.url);
            let at = Position::Line { line: representation.line, column: 1 };
            return Some(Defect { kind: DefectKind::Mpd, at, message, reference: INDEX });
        }
    }
    None
}

fn listed(addressing: &SegmentAddressing, request: &IndexRequest, bytes: &[u8]) -> Result<SegmentAddressing, String> {
    let index = container::segment_index(bytes)?;
    let mut offset = request.range.offset.saturating_add(index.first_part_offset);
    let (mut runs, mut urls): (Vec<TimelineRun>, Vec<UrlRange>) = (Vec::new(), Vec::new());
    let (mut start, timescale) = (index.earliest_presentation_time, index.timescale);
    for part in &index.parts {
        let (length, duration) = (u64::from(part.bytes), u64::from(part.duration));
        let range = Some(ByteRange { offset, length });
        match runs.last_mut().filter(|run| run.duration == duration) {
            Some(run) => run.count = run.count.map(|count| count + 1),
            None => runs.push(TimelineRun { number: urls.len() as u64, start, duration, count: Some(1), gap_ticks: 0 }),
        }
        urls.push(UrlRange { url: request.file.clone(), range });
        offset = offset.saturating_add(length);
        start = start.saturating_add(duration);
    }
    let before = ByteRange { offset: 0, length: request.range.offset };
    let own = (before.length > 0).then(|| UrlRange { url: request.file.clone(), range: Some(before) });
    let offset = u128::from(addressing.presentation_time_offset) * u128::from(timescale.get());
    let listing = SegmentListing {
        start_number: 0,
        end_number: None,
        timing: SegmentTiming::Indexed(runs.into()),
        urls: SegmentUrls::List(urls.into()),
    };
    Ok(SegmentAddressing {
        timescale,
        presentation_time_offset: u64::try_from(offset / u128::from(addressing.timescale.get())).unwrap_or(u64::MAX),
        // Without an Initialization the file initializes itself: what is before its index.
        initialization: addressing.initialization.clone().or(own),
        segments: SegmentScheme::Listed(listing),
        ..addressing.clone()
    })
}
