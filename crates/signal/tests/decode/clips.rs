//! Clips made by ffmpeg, and a decoder for them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use packager_signal::{Coded, Container, DecodeOutputs, Decoded, Decoder, Launcher, PictureChoice, Pictures, Span};
use tokio::time::Instant;

/// Long enough for a machine that does other work.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn launcher() -> Launcher {
    Launcher { program: env!("CARGO_BIN_EXE_confined_test_launcher").into(), arguments: Vec::new() }
}

pub(crate) async fn decoder() -> Decoder {
    Decoder::find(None, launcher()).await.unwrap()
}

fn run_ffmpeg(arguments: &[&str]) -> Vec<u8> {
    let arguments: Vec<&str> = arguments.iter().flat_map(|argument| argument.split_whitespace()).collect();
    let output = Command::new("ffmpeg").args(["-v", "error", "-nostdin", "-y"]).args(&arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A clip as one transport stream. Each argument is split at its spaces.
pub(crate) fn clip(arguments: &[&str]) -> Bytes {
    run_ffmpeg(&[arguments, &["-f mpegts pipe:1"]].concat()).into()
}

/// A clip as segments of transport streams of about 4 s.
pub(crate) fn segments(arguments: &[&str]) -> Vec<Bytes> {
    let folder = tempfile::tempdir().unwrap();
    let pattern = folder.path().join("%03d.ts");
    run_ffmpeg(
        &[arguments, &["-f segment -segment_time 4 -segment_format mpegts", pattern.to_str().unwrap()]].concat(),
    );
    files(folder.path())
}

/// A clip as fragmented MP4: the initialization segment and one segment.
pub(crate) fn fragmented(arguments: &[&str]) -> (Bytes, Bytes) {
    let movie: Bytes =
        run_ffmpeg(&[arguments, &["-f mp4 -movflags empty_moov+default_base_moof+frag_keyframe pipe:1"]].concat())
            .into();
    let at = movie.windows(4).position(|name| name == b"moof").unwrap() - 4;
    (movie.slice(..at), movie.slice(at..))
}

fn files(folder: &Path) -> Vec<Bytes> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap().into()).collect()
}

pub(crate) fn transport_stream(segments: Vec<Bytes>, duration: f64) -> Coded {
    let (container, pixels) = (Container::MpegTs, Some(640 * 360));
    Coded { container, initialization: None, audio_streams: Vec::new(), segments, duration, pixels }
}

pub(crate) const PICTURES: DecodeOutputs =
    DecodeOutputs { pictures: PictureChoice::Every, sound: false, thumbnail: false };
pub(crate) const SOUND: DecodeOutputs = DecodeOutputs { pictures: PictureChoice::No, sound: true, thumbnail: false };

pub(crate) async fn decode(coded: &Coded, wanted: DecodeOutputs) -> Decoded {
    decoder().await.decode(coded, wanted, Instant::now() + PATIENCE).await.unwrap()
}

pub(crate) async fn pictures(clip: Bytes, duration: f64) -> Pictures {
    decode(&transport_stream(vec![clip], duration), PICTURES).await.pictures.unwrap()
}

/// Spans rounded to hundredths of a second, for messages and comparison.
pub(crate) fn rounded(spans: &[Span]) -> Vec<(f64, f64)> {
    let hundredth = |seconds: f64| (seconds * 100.0).round() / 100.0;
    spans.iter().map(|span| (hundredth(span.start), hundredth(span.end))).collect()
}

/// Whether one of the spans is as long as the whole media, whose duration is given in seconds.
pub(crate) fn covers(spans: &[Span], duration: f64) -> bool {
    duration > 0.0 && spans.iter().any(|span| span.duration() >= duration - 1e-6)
}

/// Whether the spans that are longer than half a second are the expected ones, within 0.2 s.
pub(crate) fn near(found: &[Span], expected: &[(f64, f64)]) -> bool {
    let long: Vec<&Span> = found.iter().filter(|span| span.duration() > 0.5).collect();
    long.len() == expected.len()
        && long
            .iter()
            .zip(expected)
            .all(|(span, (start, end))| (span.start - start).abs() <= 0.2 && (span.end - end).abs() <= 0.2)
}
