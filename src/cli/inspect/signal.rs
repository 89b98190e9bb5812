//! What decoding shows.

use packager_media::container::Container;
use packager_signal::{
    Coded, DecodeOutputs, Decoded, Decoder, Launcher, NotDecoded, PictureChoice, Pictures, Sound, Span,
};
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;

use super::file::FileReport;
use crate::cli::args::Inspect;
use crate::probe::LAUNCHER;

/// What decoding all files shows, or why they were not decoded. Times are seconds since the first picture or sample.
#[derive(Debug, Default, Serialize)]
pub(super) struct SignalReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    not_decoded: Option<String>,
    /// What of the media isn't in the report, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    incomplete: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pictures: Option<PicturesReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sounds: Vec<SoundReport>,
    #[serde(skip_serializing_if = "String::is_empty")]
    decoder_messages: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct PicturesReport {
    count: u32,
    resolution: String,
    interlaced: bool,
    duration_seconds: f64,
    frozen: Vec<String>,
    black: Vec<String>,
    single_color: Vec<String>,
    macroblocking: Option<f64>,
    decode_errors: u32,
    spatial_information: f64,
    spatial_information_mean: f64,
    temporal_information: Option<f64>,
    temporal_information_mean: Option<f64>,
}

#[derive(Debug, Serialize)]
struct SoundReport {
    channels: Vec<&'static str>,
    sample_rate: u32,
    duration_seconds: f64,
    silent: Vec<String>,
    dead_channels: Vec<String>,
    clipped_ratio: f64,
    integrated_lufs: Option<f64>,
    momentary_max_lufs: Option<f64>,
    short_term_max_lufs: Option<f64>,
    true_peak_dbtp: Option<f64>,
}

/// Decodes all files as one stream. `None` if there is nothing that could be decoded.
pub(super) async fn decode(args: &Inspect, files: &[FileReport], contents: Vec<Vec<u8>>) -> Option<SignalReport> {
    let container = container(files)?;
    if files.iter().any(|file| file.encrypted) {
        return Some(SignalReport {
            not_decoded: Some("the media are encrypted".to_owned()),
            ..SignalReport::default()
        });
    }
    Some(
        decode_as(container, args, files, contents)
            .await
            .unwrap_or_else(|reason| SignalReport { not_decoded: Some(reason), ..SignalReport::default() }),
    )
}

async fn decode_as(
    container: packager_signal::Container,
    args: &Inspect,
    files: &[FileReport],
    contents: Vec<Vec<u8>>,
) -> Result<SignalReport, String> {
    let decoder =
        Decoder::find(args.ffmpeg.as_deref(), Launcher::this_program(LAUNCHER)).await.map_err(|e| e.to_string())?;
    let longest = |file: &FileReport| file.tracks.iter().filter_map(|track| track.duration_seconds).fold(0.0, f64::max);
    let coded = Coded {
        container,
        // It is the first file, in its place.
        initialization: None,
        audio_streams: Vec::new(),
        segments: contents.into_iter().map(Into::into).collect(),
        duration: files.iter().map(longest).sum(),
        pixels: None,
    };
    let wanted = DecodeOutputs { pictures: PictureChoice::Every, sound: true, thumbnail: false };
    // A person waits for it.
    let deadline = Instant::now() + Duration::from_secs(300);
    let found = decoder.decode(&coded, wanted, deadline).await.map_err(|error| error.to_string())?;
    Ok(SignalReport {
        not_decoded: None,
        incomplete: incomplete(&found),
        pictures: found.pictures.as_ref().map(pictures),
        sounds: found.sounds.iter().map(sound).collect(),
        decoder_messages: found.messages,
        cpu_seconds: Some(rounded(found.cpu.as_secs_f64())),
    })
}

/// What of the media was not decoded, in words.
fn incomplete(found: &Decoded) -> Vec<String> {
    let failed = |what: &str, error: &Option<NotDecoded>| error.as_ref().map(|why| format!("no {what}: {why}"));
    let cut = found.cut.then(|| "only the first 250 s of sound and 31,250 pictures were decoded".to_owned());
    [failed("pictures", &found.pictures_failed), failed("sound", &found.sound_failed), cut]
        .into_iter()
        .flatten()
        .collect()
}

/// The container of all files. `None` if it is none that is decoded, or if files differ.
fn container(files: &[FileReport]) -> Option<packager_signal::Container> {
    let first = files.first()?;
    if files.iter().any(|file| file.container != first.container) {
        return None;
    }
    let codec = first.tracks.iter().map(|track| track.codec.as_str()).find(|codec| *codec != "id3");
    match (first.container, codec) {
        (Container::MpegTs, _) => Some(packager_signal::Container::MpegTs),
        (Container::Cmaf, _) => Some(packager_signal::Container::Mp4),
        (Container::PackedAudio, Some("aac")) => Some(packager_signal::Container::Adts),
        (Container::PackedAudio, Some("ac-3")) => Some(packager_signal::Container::Ac3),
        (Container::PackedAudio, Some("ec-3")) => Some(packager_signal::Container::Eac3),
        (Container::PackedAudio, Some(_)) => Some(packager_signal::Container::MpegAudio),
        _ => None,
    }
}

fn pictures(found: &Pictures) -> PicturesReport {
    PicturesReport {
        count: found.count,
        resolution: format!("{}x{}", found.width, found.height),
        interlaced: found.interlaced,
        duration_seconds: rounded(found.duration),
        frozen: spans(&found.frozen),
        black: spans(&found.black),
        single_color: spans(&found.single_color),
        macroblocking: found.macroblocking().map(rounded),
        decode_errors: found.decode_errors,
        spatial_information: rounded(found.complexity.spatial),
        spatial_information_mean: rounded(found.complexity.spatial_mean),
        temporal_information: found.complexity.temporal.map(rounded),
        temporal_information_mean: found.complexity.temporal_mean.map(rounded),
    }
}

fn sound(found: &Sound) -> SoundReport {
    let mut pool = packager_signal::LoudnessPool::new(found.duration);
    pool.push(0.0, found.duration, &found.blocks);
    let dead = found
        .channels
        .iter()
        .flat_map(|channel| spans(&channel.dead).into_iter().map(|span| format!("{} {span}", channel.position.name())));
    SoundReport {
        channels: found.channels.iter().map(|channel| channel.position.name()).collect(),
        sample_rate: found.sample_rate,
        duration_seconds: rounded(found.duration),
        silent: spans(&found.silent),
        dead_channels: dead.collect(),
        clipped_ratio: rounded(found.clipped),
        integrated_lufs: pool.integrated(0.0).map(rounded),
        momentary_max_lufs: found.momentary_max.map(rounded),
        short_term_max_lufs: found.short_term_max.map(rounded),
        true_peak_dbtp: found.true_peak.map(rounded),
    }
}

/// Spans as `2.4 s to 5.4 s`.
fn spans(spans: &[Span]) -> Vec<String> {
    spans.iter().map(|span| format!("{:.2} s to {:.2} s", span.start, span.end)).collect()
}

/// A number with three decimals.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
