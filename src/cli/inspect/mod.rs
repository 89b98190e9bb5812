//! `inspect`: says what is in recorded segments, for a person with a file: containers, tracks, times, defects; and what decoding
//! shows.

mod file;
mod signal;

use super::args::{Inspect, InspectFormat};
use super::{Exit, database, out};
use packager_media::container::{InitSegment, SegmentInspector};
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use file::FileReport;
use signal::SignalReport;

/// Largest number of bytes that all files together may have.
const MAX_BYTES: u64 = 512 << 20;

/// What is in the files, and what decoding all of them shows.
#[derive(Debug, Serialize)]
struct Report {
    files: Vec<FileReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<SignalReport>,
}

/// Inspects the files in the given order: an initialization segment comes before its segments.
///
/// # Errors
/// A file can't be read, the files are too large, or standard output can't be written.
pub(super) fn run(args: &Inspect) -> Result<Exit, String> {
    let contents = read_all(&args.files)?;
    let mut init = None;
    let mut files = Vec::new();
    for (path, bytes) in args.files.iter().zip(&contents) {
        let (report, own_init) = inspect(path, bytes, init.as_ref());
        init = own_init.or(init);
        files.push(report);
    }
    let signal = if args.no_decode {
        None
    } else {
        database::block_on(async { Ok(signal::decode(args, &files, contents).await) })?
    };
    let unhealthy = files.iter().any(FileReport::has_defects);
    let report = Report { files, signal };
    out::print(&rendered(&report, args.format)?)?;
    Ok(if unhealthy { Exit::Unhealthy } else { Exit::Healthy })
}

fn rendered(report: &Report, format: InspectFormat) -> Result<String, String> {
    match format {
        InspectFormat::Text => serde_yaml::to_string(report).map_err(|error| error.to_string()),
        InspectFormat::Json => {
            serde_json::to_string_pretty(report).map(|text| text + "\n").map_err(|error| error.to_string())
        }
    }
}

fn inspect(path: &Path, bytes: &[u8], init: Option<&InitSegment>) -> (FileReport, Option<InitSegment>) {
    let mut inspector = SegmentInspector::new(init);
    inspector.push(bytes);
    let (inspection, own_init) = inspector.finish();
    (FileReport::new(path, &inspection, own_init.as_ref()), own_init)
}

/// Reads all files; `-` is standard input.
fn read_all(paths: &[impl AsRef<Path>]) -> Result<Vec<Vec<u8>>, String> {
    let mut left = MAX_BYTES;
    let mut contents = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let failed = |error: std::io::Error| format!("can't read {}: {error}", path.display());
        let bytes = if path == Path::new("-") {
            read(std::io::stdin().lock(), left)
        } else {
            File::open(path).and_then(|file| read(file, left))
        };
        let bytes = bytes.map_err(failed)?;
        left = left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| format!("the files have more than {} MB", MAX_BYTES >> 20))?;
        contents.push(bytes);
    }
    Ok(contents)
}

/// Reads one byte more than may be read, so that too large a file is noticed.
fn read(input: impl Read, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_segment_is_said_to_be_none() {
        let (report, init) = inspect(Path::new("x.html"), b"<html>not found</html>", None);
        assert!(init.is_none() && report.has_defects());
        let text = rendered(&Report { files: vec![report], signal: None }, InspectFormat::Text).unwrap();
        assert!(text.starts_with("files:\n- file: x.html\n  container: unknown\n  bytes: 22\n"), "{text}");
        assert!(text.contains("not a media segment"), "{text}");
    }
}
