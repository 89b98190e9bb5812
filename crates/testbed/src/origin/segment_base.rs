//! Ads in files: all media of a Period in one file with a segment index, addressed by SegmentBase (ISO/IEC 14496-12
//! 8.16.3).

use std::fmt::Write;

use super::addressing::PeriodRange;
use super::dash::{self, PERIOD, ticks, timescale};
use super::faults::Effect;
use super::fixtures::{self, Track};
use super::mp4::{self, TrackKind};
use super::timeline::{Rendition, TARGET, Timeline};

/// Size in bytes of a `sidx` box of version 0 with an entry for each segment of a Period.
const INDEX_BYTES: usize = 32 + 12 * PERIOD as usize;

/// Returns the name of the file for the Period that begins with the segment `from`.
pub(super) fn name(from: i64) -> String {
    format!("file{from}.mp4")
}

/// Returns the index of the first segment in the Period of this file; `None` for other names.
pub(super) fn period_of_file(file: &str) -> Option<i64> {
    let from = file.strip_prefix("file")?.strip_suffix(".mp4")?.parse().ok()?;
    (0..1 << 40).contains(&from).then_some(from)
}

pub(super) fn write(text: &mut String, timeline: &Timeline, rendition: Rendition, span: PeriodRange) {
    let (first, scale) = (track(timeline, rendition).0.init.len(), timescale(rendition));
    let late = if target_effect(timeline, rendition) == Some(Effect::IndexRangeWrong) { 16 } else { 0 };
    let (from, to) = (first + late, first + INDEX_BYTES - 1);
    let (folder, file) = (dash::folder(timeline, rendition), name(span.from));
    let _ = writeln!(
        text,
        "<BaseURL>{folder}/{file}</BaseURL>\n<SegmentBase timescale=\"{scale}\" indexRange=\"{from}-{to}\" indexRangeExact=\"true\">\
         <Initialization range=\"0-{}\"/></SegmentBase>",
        first - 1
    );
}

fn track(timeline: &Timeline, rendition: Rendition) -> (&'static Track, TrackKind) {
    match rendition {
        Rendition::Rung(at) => (fixtures::fixtures().track(timeline.ladder, at), TrackKind::Video),
        _ => (&fixtures::fixtures().audio, TrackKind::Audio),
    }
}

fn target_effect(timeline: &Timeline, rendition: Rendition) -> Option<Effect> {
    timeline.effect.filter(|_| rendition == TARGET)
}

/// Makes the file of a rendition for one Period. Its media times begin at 0.
pub(super) fn file(timeline: &Timeline, rendition: Rendition, from: i64) -> Vec<u8> {
    let (track, kind) = track(timeline, rendition);
    let begin = timeline.start_unit(from);
    let (mut entries, mut segments): (Vec<u32>, Vec<u8>) = (Vec::new(), Vec::new());
    for index in from..from + PERIOD {
        let segment = timeline.segment(index, 0, rendition, index);
        let unit = segment.media_unit - begin;
        let bytes = mp4::segment(track, kind, unit, segment.units, 0, None);
        let longer = if target_effect(timeline, rendition) == Some(Effect::IndexSizesWrong) { 100 } else { 0 };
        let duration = ticks(rendition, unit + segment.units) - ticks(rendition, unit);
        // Each begins with a key frame (SAP of type 1).
        entries.extend([bytes.len() as u32 + longer, duration as u32, 0x9000_0000]);
        segments.extend(bytes);
    }
    let head = [0, 1, timescale(rendition) as u32, 0, 0, PERIOD as u32];
    let fields: Vec<u8> = head.into_iter().chain(entries).flat_map(u32::to_be_bytes).collect();
    [track.init, &mp4::mp4_box(b"sidx", &[&fields]), &segments].concat()
}
