//! The segment index of a file: what a SegmentBase means by its segments (ISO/IEC 23009-1 5.3.9.2, 6.3.4.2; ISO/IEC 14496-12 8.16.3).

use super::model::{Addressing, Listing, Mpd, Pace, Resource, Run, Segments, Source};
use super::timing;
use crate::container;
use crate::defect::{Defect, DefectKind, Position};
use crate::stream::ByteRange;
use crate::units::Timestamp;
use url::Url;

/// Indexes read in one probe: those of the newest Periods.
pub const MAX_INDEXES: usize = 64;
/// Of one index: a subsegment is 12 bytes.
pub const MAX_INDEX_BYTES: u64 = 1 << 20;
/// Of all of them: what is made of a subsegment takes some 200 bytes.
const MAX_ALL_BYTES: u64 = 4 << 20;

const INDEX: &str = "ISO/IEC 23009-1 5.3.9.2";

/// Where a Representation's index is, and whose it is.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub url: Url,
    pub range: ByteRange,
    place: (usize, usize, usize),
}

/// The indexes that say what may be played now, the newest Period's first.
#[must_use]
pub fn wanted(mpd: &Mpd, now: Timestamp) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for (at, period) in mpd.periods.iter().enumerate().rev().filter(|(_, p)| timing::in_window(mpd, p, now)) {
        for (set_at, set) in period.sets.iter().enumerate() {
            for (representation_at, representation) in set.representations.iter().enumerate() {
                if let Segments::Single { index: Some(range) } = representation.addressing.segments {
                    let place = (at, set_at, representation_at);
                    wanted.push(Wanted { url: representation.base.clone(), range, place });
                }
            }
        }
    }
    wanted.truncate(MAX_INDEXES);
    let mut left = MAX_ALL_BYTES;
    let room = |w: &Wanted| left.checked_sub(w.range.length.min(MAX_INDEX_BYTES)).map(|rest| left = rest);
    let many = wanted.iter().map_while(room).count();
    wanted.truncate(many);
    wanted
}

/// The Representation has the subsegments of its index for segments. What can't be read of it is a defect of the MPD, which
/// says that it lies there.
pub fn resolve(mpd: &mut Mpd, wanted: &Wanted, read: Result<Vec<u8>, String>) -> Option<Defect> {
    let (period, set, representation) = wanted.place;
    let representation = mpd.periods.get_mut(period)?.sets.get_mut(set)?.representations.get_mut(representation)?;
    let listed = read.and_then(|bytes| listed(&representation.addressing, wanted, &bytes));
    match listed {
        Ok(addressing) => representation.addressing = addressing,
        Err(why) => {
            let ByteRange { offset, length } = wanted.range;
            let last = offset.saturating_add(length).saturating_sub(1);
            let message = format!("SegmentBase@indexRange {offset}-{last} of {}: {why}", wanted.url);
            let at = Position::Line { line: representation.line, column: 1 };
            return Some(Defect { kind: DefectKind::Mpd, at, message, reference: INDEX });
        }
    }
    None
}

fn listed(addressing: &Addressing, wanted: &Wanted, bytes: &[u8]) -> Result<Addressing, String> {
    let index = container::segment_index(bytes)?;
    let mut offset = wanted.range.offset.saturating_add(index.first_part);
    let (mut runs, mut urls): (Vec<Run>, Vec<Resource>) = (Vec::new(), Vec::new());
    let (mut start, timescale) = (index.start, index.timescale);
    for part in &index.parts {
        let (length, duration) = (u64::from(part.bytes), u64::from(part.duration));
        let range = Some(ByteRange { offset, length });
        match runs.last_mut().filter(|run| run.duration == duration) {
            Some(run) => run.count = run.count.map(|count| count + 1),
            None => runs.push(Run { number: urls.len() as u64, start, duration, count: Some(1), apart: 0 }),
        }
        urls.push(Resource { url: wanted.url.clone(), range });
        offset = offset.saturating_add(length);
        start = start.saturating_add(duration);
    }
    let before = ByteRange { offset: 0, length: wanted.range.offset };
    let own = (before.length > 0).then(|| Resource { url: wanted.url.clone(), range: Some(before) });
    let offset = u128::from(addressing.presentation_time_offset) * u128::from(timescale.get());
    let listing = Listing {
        start_number: 0,
        end_number: None,
        pace: Pace::Indexed(runs.into()),
        source: Source::Urls(urls.into()),
    };
    Ok(Addressing {
        timescale,
        presentation_time_offset: u64::try_from(offset / u128::from(addressing.timescale.get())).unwrap_or(u64::MAX),
        // Without an Initialization the file initializes itself: what is before its index.
        initialization: addressing.initialization.clone().or(own),
        segments: Segments::Listed(listing),
        ..addressing.clone()
    })
}
