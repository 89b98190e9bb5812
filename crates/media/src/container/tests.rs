mod side_boxes;
mod damage;
mod mp4;
mod other;
mod encryption;
mod subtitles;
mod surgery;
mod ts;
mod ts_types;

use super::*;
use crate::defect::Position;

/// Makes an MP4 box with the content that these parts have together.
fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, &content].concat()
}

/// Reads a file of `tests/fixtures/container`, where `make.sh` generates the files.
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/container/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn inspect(bytes: &[u8]) -> Inspection {
    inspect_with(None, bytes)
}

fn inspect_with(init: Option<&InitSegment>, bytes: &[u8]) -> Inspection {
    let mut inspector = SegmentInspector::new(init);
    inspector.push(bytes);
    inspector.finish().0
}

fn init_of(name: &str) -> InitSegment {
    let mut inspector = SegmentInspector::new(None);
    inspector.push(&fixture(name));
    inspector.finish().1.unwrap()
}

/// Returns of a track: decode start, presentation start and end in ticks; number of samples and of key frames; whether
/// it starts with a key frame.
fn summary(track: &Track) -> (i64, i64, i64, u64, u64, Option<bool>) {
    let ticks = |time: Option<MediaTime>| time.unwrap().ticks;
    let (start, presentation, end) = (ticks(track.start), ticks(track.presentation_start), ticks(track.end));
    (start, presentation, end, track.samples, track.keyframes, track.starts_with_keyframe)
}

/// Returns kind, byte offset and message of each defect of an inspected segment.
fn defects(inspection: &Inspection) -> Vec<(DefectKind, u64, String)> {
    let byte = |at| if let Position::Byte(at) = at { at } else { u64::MAX };
    inspection.defects.iter().map(|d| (d.kind, byte(d.at), d.message.clone())).collect()
}

fn millis(seconds: Option<Seconds>) -> Option<i64> {
    seconds.map(|s| (s.0 * 1000.0).round() as i64)
}
