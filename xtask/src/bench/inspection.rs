//! Benchmark of segment inspection, compared with `ffprobe` on the same file.

use crate::bench::meter;
use packager_media::container::{InitSegment, SegmentInspector};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TOTAL: usize = 64 << 20;
/// Number of bytes that the inspector gets at a time, as from one network read.
const PIECE: usize = 64 << 10;
const RUNS: usize = 7;

pub(super) fn measure() -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let ts = folder.path().join("segment.ts");
    write(&ts, &[], &media("1080p_0.ts"));
    let track = media("1080p.mp4");
    let (header, fragments) = track.split_at(memchr::memmem::find(&track, b"moof").expect("a fragment") - 4);
    let init = init(header);
    let cmaf = folder.path().join("track.mp4");
    write(&cmaf, header, fragments);
    let files = [("MPEG-TS (H.264, AAC)", ts, None, 0), ("CMAF (H.264)", cmaf, init, header.len() as u64)];
    let mut out = format!(
        "## Inspection\n\nMedians of {RUNS} runs on one core with a file of {} MB in the page cache, in pieces of 64 KiB. The rows are: inspection \
         of bytes in memory, like those of a network read; inspection of the file; reading the file without inspection; and \
         ffprobe with the same file.\n\n\
         | | GB/s | time, in memory = 1 | time, from the file = 1 |\n|---|---|---|---|\n",
        TOTAL / 1_000_000,
    );
    for (kind, file, init, from) in files {
        let bytes = std::fs::read(&file).expect("the file");
        let memory = meter::median_of(RUNS, &mut || inspect(bytes[from as usize..].chunks(PIECE), init.as_ref()));
        let (ours, samples) = time(|| run(&file, init.as_ref(), from));
        let reading = meter::median_of(RUNS, &mut || read(&file, from, |_| {}));
        let row = |name: &str, time: Duration| {
            let ratio = |to: Duration| time.as_secs_f64() / to.as_secs_f64();
            let (speed, memory, ours) = (rate(time), ratio(memory), ratio(ours));
            format!("| {name} | {speed:.2} | {memory:.2} | {ours:.2} |\n")
        };
        out.push_str(&row(&format!("**{kind}**, in memory"), memory));
        out.push_str(&row("read from the file", ours));
        out.push_str(&row("the file read and not inspected", reading));
        for (name, arguments) in FFPROBE {
            out.push_str(&ffprobe(&file, arguments).map_or_else(
                || format!("| `{name}`: not installed here | | | |\n"),
                |theirs| row(&format!("`{name}`"), theirs),
            ));
        }
        // A repeated transport stream is discontinuous, repeated fragments aren't.
        if init.is_some()
            && let Some(packets) = packets(&file)
        {
            assert_eq!(samples, packets, "samples of {kind} against ffprobe's packets");
        }
    }
    out.push_str(
        "\nThe target is 1/50 of ffprobe's time. Reading limits the last column: no inspection of a file can be faster than \
         reading it. With `-show_packets` ffprobe prints a line for each packet. Neither ffprobe nor the inspection decodes anything.\n",
    );
    out
}

fn rate(time: Duration) -> f64 {
    TOTAL as f64 / 1e9 / time.as_secs_f64()
}

/// Name in the report and arguments of ffprobe, for two measurements. With `-show_packets` ffprobe prints every packet.
/// With `-count_packets` it prints almost nothing, so the time is mostly that of reading.
const FFPROBE: [(&str, &[&str]); 2] = [
    ("ffprobe -show_packets", &["-show_packets"]),
    ("ffprobe -count_packets", &["-count_packets", "-show_entries", "stream=nb_read_packets"]),
];

fn media(name: &str) -> Vec<u8> {
    let path = format!("{}/../crates/testbed/media/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn init(header: &[u8]) -> Option<InitSegment> {
    let mut inspector = SegmentInspector::new(None);
    inspector.push(header);
    inspector.finish().1
}

/// Writes a file of `header` and then `content` repeatedly, up to [`TOTAL`] bytes.
fn write(path: &Path, header: &[u8], content: &[u8]) {
    let mut file = std::fs::File::create(path).expect("a file");
    file.write_all(header).expect("room");
    for _ in 0..TOTAL / content.len() {
        file.write_all(content).expect("room");
    }
}

/// Inspects a file from the byte `from` on, and returns the number of samples.
fn run(path: &Path, init: Option<&InitSegment>, from: u64) -> u64 {
    let mut inspector = SegmentInspector::new(init);
    read(path, from, |piece| inspector.push(piece));
    samples(inspector)
}

fn inspect<'a>(pieces: impl Iterator<Item = &'a [u8]>, init: Option<&InitSegment>) -> u64 {
    let mut inspector = SegmentInspector::new(init);
    pieces.for_each(|piece| inspector.push(piece));
    samples(inspector)
}

fn samples(inspector: SegmentInspector) -> u64 {
    let samples = inspector.finish().0.tracks.iter().map(|t| t.samples).sum();
    assert!(samples > 0, "the file was not understood");
    samples
}

fn read(path: &Path, from: u64, mut to: impl FnMut(&[u8])) {
    let mut file = std::fs::File::open(path).expect("the file");
    file.seek(SeekFrom::Start(from)).expect("the file");
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece).expect("the file") {
            0 => break,
            read => to(&piece[..read]),
        }
    }
}

fn time(mut work: impl FnMut() -> u64) -> (Duration, u64) {
    let samples = work();
    (meter::median_of(RUNS, &mut work), samples)
}

/// Returns the number of packets that ffprobe counts; `None` when it isn't installed.
fn packets(path: &Path) -> Option<u64> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "quiet", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"]);
    let output = command.arg(path).output().ok()?;
    let text = String::from_utf8(output.stdout).expect("numbers");
    text.trim().parse().ok()
}

fn ffprobe(path: &Path, arguments: &[&str]) -> Option<Duration> {
    let mut times = Vec::new();
    for _ in 0..3 {
        let began = Instant::now();
        let mut command = Command::new("ffprobe");
        command.args(["-v", "quiet"]).args(arguments).arg(path).stdout(Stdio::null()).stdin(Stdio::null());
        command.status().ok()?;
        times.push(began.elapsed());
    }
    Some(meter::median(&times))
}
