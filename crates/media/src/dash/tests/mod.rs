mod ahead;
mod bounds;
mod fixtures;
mod index;
mod rules;
mod splices;
mod timing;
mod updates;

use super::{Mpd, RenditionSnapshot, renditions_at};
use crate::defect::{Defect, Position};
use crate::units::Timestamp;
use std::path::Path;
use url::Url;

fn base() -> Url {
    Url::parse("https://origin.example.com/live/ch1/manifest.mpd?token=1").unwrap()
}

fn fixture(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dash");
    std::fs::read(root.join(name).join("manifest.mpd")).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn read(text: &str) -> (Mpd, Vec<Defect>) {
    let (mpd, defects) = super::parse(text.as_bytes(), &base());
    (mpd.unwrap_or_else(|| panic!("{defects:?}")), defects)
}

fn clean(name: &str) -> Mpd {
    let (mpd, defects) = super::parse(&fixture(name), &base());
    assert_eq!(defects, [], "{name}");
    mpd.unwrap()
}

fn snapshots_of(name: &str, now: &str) -> Vec<RenditionSnapshot> {
    renditions_at(&clean(name), at(now))
}

/// Returns the path of each listed segment without the folder `/live/` before it.
fn paths(snapshot: &RenditionSnapshot) -> Vec<String> {
    let path = |url: &Url| url.path().trim_start_matches("/live/").to_owned();
    snapshot.timeline.segments.iter().map(|s| path(&s.uri)).collect()
}

fn lines(defects: &[Defect]) -> Vec<u32> {
    let line = |d: &Defect| match d.at {
        Position::Line { line, .. } => line,
        other => panic!("{other:?}"),
    };
    defects.iter().map(line).collect()
}

/// Makes a live MPD that began at midnight, with one video Representation that contains the elements `inside`.
fn live(inside: &str) -> String {
    live_with("", inside)
}

/// Makes the MPD of [`live`] with further attributes of its MPD element.
fn live_with(attributes: &str, inside: &str) -> String {
    format!(
        r#"<MPD type="dynamic" profiles="p" minBufferTime="PT2S" availabilityStartTime="2026-01-01T00:00:00Z"
publishTime="2026-01-01T00:00:00Z" {attributes}><Period id="1" start="PT0S"><AdaptationSet mimeType="video/mp4">
<Representation id="v" bandwidth="1000" codecs="avc1.64001f">{inside}</Representation></AdaptationSet></Period></MPD>"#
    )
}
