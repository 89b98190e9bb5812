mod bounds;
mod damage;
mod delta;
mod fixtures;
mod groups_versions;
mod low_latency;
mod markers;
mod media_model;
mod multivariant_model;
mod rules;
mod violations;

use super::Playlist;
use crate::defect::{Defect, DefectKind, Position};
use crate::stream::{Presentation, Timeline};
use crate::units::Seconds;
use std::path::{Path, PathBuf};
use url::Url;

fn base() -> Url {
    Url::parse("https://origin.example.com/live/ch1/index.m3u8?token=1").unwrap()
}

/// Parses a playlist and leaves out the defects of groups, versions and ad markers, which have their own tests. The
/// examples here are too short to be without them.
fn parse(bytes: &[u8], base: &Url) -> (Playlist, Vec<Defect>) {
    let (playlist, mut defects) = super::parse(bytes, base);
    use DefectKind::{Attribute, AttributeMissing, Metadata, Syntax, SyntaxFatal, SyntaxTolerated};
    let kept = |kind| matches!(kind, Syntax | SyntaxFatal | SyntaxTolerated | Metadata | Attribute | AttributeMissing);
    defects.retain(|d| kept(d.kind));
    (playlist, defects)
}

fn timeline(text: &str) -> (Timeline, Vec<Defect>) {
    match parse(text.as_bytes(), &base()) {
        (Playlist::Media(timeline), defects) => (timeline, defects),
        other => panic!("no media playlist: {other:?}"),
    }
}

fn presentation(text: &str) -> (Presentation, Vec<Defect>) {
    match parse(text.as_bytes(), &base()) {
        (Playlist::Multivariant(presentation), defects) => (presentation, defects),
        other => panic!("no multivariant playlist: {other:?}"),
    }
}

/// Returns kind, line and column of each defect of a playlist.
fn places(defects: &[Defect]) -> Vec<(DefectKind, u32, u32)> {
    let place = |d: &Defect| match d.at {
        Position::Line { line, column } => (d.kind, line, column),
        other => panic!("{other:?} of {}", d.message),
    };
    defects.iter().map(place).collect()
}

/// Returns path and bytes of every playlist under `tests/fixtures/hls`.
fn fixtures() -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hls");
    let mut found = Vec::new();
    for folder in std::fs::read_dir(root).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}
