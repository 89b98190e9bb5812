//! What one file contains.

use packager_media::codec::parameters::CodecParameters;
use packager_media::container::{Container, InitSegment, Inspection, Track};
use packager_media::redact;
use packager_media::splice::SpliceSection;
use packager_media::stream::Media;
use packager_media::units::Seconds;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

use crate::cli::scte35::SpliceReport;

/// Longest name of a file that is printed, in bytes.
const MAX_NAME: usize = 300;

/// What one file contains. Times are in seconds of the track's own clock.
#[derive(Debug, Serialize)]
pub(super) struct FileReport {
    file: String,
    pub(super) container: Container,
    bytes: u64,
    pub(super) encrypted: bool,
    pub(super) tracks: Vec<TrackReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport_stream: Option<TransportReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    splices: Vec<SpliceReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    drm_systems: Vec<String>,
    defects_total: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    defects: Vec<String>,
}

/// One track of a file.
#[derive(Debug, Serialize)]
pub(super) struct TrackReport {
    id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) media: Option<Media>,
    pub(super) codec: String,
    samples: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    decode_start_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presentation_start_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duration_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longest_gap_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_with_keyframe: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keyframes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longest_keyframe_interval_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parameters: Option<Arc<CodecParameters>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_parameters: Option<Arc<CodecParameters>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_parameter_sets: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    captions: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longest_digital_silence_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantizer: Option<QuantizerReport>,
}

/// Quantizers of the pictures of a track: the mean of each picture's first slice.
#[derive(Debug, Serialize)]
struct QuantizerReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    i_slices: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p_and_b_slices: Option<f64>,
    slices: u32,
}

/// What was measured of transport packets.
#[derive(Debug, Serialize)]
struct TransportReport {
    packets: u64,
    continuity_errors: u64,
    transport_errors: u64,
    scrambled_packets: u64,
    pcr_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    longest_pcr_interval_seconds: Option<f64>,
}

impl FileReport {
    pub(super) fn new(path: &Path, inspection: &Inspection, init: Option<&InitSegment>) -> Self {
        let carried = inspection.ts.iter().flat_map(|ts| ts.splice_sections.iter().map(|splice| &splice.section));
        let messages = inspection.events.iter().filter_map(|event| event.section.as_ref());
        let mut tracks: Vec<TrackReport> = inspection.tracks.iter().map(TrackReport::new).collect();
        if tracks.is_empty() {
            let announced = init.iter().flat_map(|init| &init.tracks);
            tracks = announced
                .map(|track| TrackReport::new(&Track::new(track.id, track.media, track.codec.clone())))
                .collect();
        }
        Self {
            file: redact::sanitize_line(&path.to_string_lossy(), MAX_NAME),
            container: inspection.container,
            bytes: inspection.bytes,
            encrypted: inspection.encrypted,
            tracks,
            transport_stream: inspection.ts.as_ref().map(|ts| TransportReport {
                packets: ts.packets,
                continuity_errors: ts.continuity_errors,
                transport_errors: ts.transport_errors,
                scrambled_packets: ts.scrambled_packets,
                pcr_count: ts.pcr_count,
                longest_pcr_interval_seconds: ts.pcr_interval_max.map(rounded),
            }),
            splices: carried.chain(messages).map(splice).collect(),
            drm_systems: inspection.pssh_boxes.iter().map(|pssh| pssh.system.to_string()).collect(),
            defects_total: inspection.defects_total,
            defects: inspection.defects.iter().map(|d| format!("{}: {} ({})", d.at, d.message, d.reference)).collect(),
        }
    }

    pub(super) fn has_defects(&self) -> bool {
        self.defects_total > 0
    }
}

impl TrackReport {
    fn new(track: &Track) -> Self {
        let video = track.media == Some(Media::Video);
        Self {
            id: track.id,
            media: track.media,
            codec: track.codec.clone(),
            samples: track.samples,
            decode_start_seconds: track.start.map(|time| rounded(time.seconds())),
            presentation_start_seconds: track.presentation_start.map(|time| rounded(time.seconds())),
            duration_seconds: track.duration().map(rounded),
            longest_gap_seconds: track.sample_gap_max.map(rounded),
            starts_with_keyframe: track.starts_with_keyframe,
            keyframes: video.then_some(track.keyframes),
            longest_keyframe_interval_seconds: track.keyframe_interval_max.map(rounded),
            parameters: track.parameters.clone(),
            changed_parameters: track.changed_parameters.clone(),
            missing_parameter_sets: Some(track.missing_parameter_sets)
                .filter(|sets| !sets.is_empty())
                .map(|sets| sets.to_string()),
            captions: track.captions,
            longest_digital_silence_seconds: track.silence.map(|silence| rounded(silence.longest)),
            quantizer: track.quantizers.map(|quantizers| QuantizerReport {
                i_slices: quantizers.intra.mean().map(hundredths),
                p_and_b_slices: quantizers.inter.mean().map(hundredths),
                slices: quantizers.intra.slices().saturating_add(quantizers.inter.slices()),
            }),
        }
    }
}

fn splice(section: &SpliceSection) -> SpliceReport {
    SpliceReport::new(section)
}

/// A value to two decimals.
fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Seconds to the millisecond.
fn rounded(seconds: Seconds) -> f64 {
    (seconds.0 * 1_000.0).round() / 1_000.0
}
