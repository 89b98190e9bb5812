//! Gauges of the renditions, for `/probe`.

use super::series::{Series, count, flag, renditions};
use super::{Gauge, RENDITION, gauge};
use crate::report::ReportView;

/// Gauges of each video, audio and text rendition: its description in the manifest, and how much of it was inspected.
pub(crate) const GAUGES: &[Gauge] = &[
    gauge(
        "packager_rendition_info",
        &["output", "rendition", "media", "codecs", "resolution", "language", "id"],
        "Always 1. The labels describe the rendition as the manifest has it; a label is empty if the manifest \
         doesn't give it. Codecs are in alphabetical order. What a packager measures and changes in every manifest has \
         a gauge of its own and no label.",
        info,
    ),
    gauge(
        "packager_rendition_available",
        RENDITION,
        "1 if the rendition's playlist and newest segment are available, 0 otherwise. Absent if there was no time to \
         request them, and for a rendition without a playlist of its own.",
        |v, s| s.renditions(v, |r| r.ladder.rendition_available.and_then(flag)),
    ),
    gauge(
        "packager_rendition_bandwidth_bits_per_second",
        &["output", "rendition", "kind"],
        "Bit rate in bits per second: declared (BANDWIDTH), average (AVERAGE-BANDWIDTH), and measured over the \
         segments that are listed and were inspected within the template's `hold`. The measured value excludes the audio \
         group, which the other two include. Each is absent if it isn't known.",
        |v, s| {
            s.kinds(v, |r| {
                let rate = &r.rendition_bandwidth_bits_per_second;
                [("declared", count(rate.declared)), ("average", count(rate.average)), ("measured", rate.measured)]
            });
        },
    ),
    gauge(
        "packager_rendition_height_pixels",
        RENDITION,
        "Declared height of the picture in pixels. Absent if the manifest declares none.",
        |v, s| {
            s.renditions(v, |r| r.ladder.rendition_height_pixels.map(f64::from));
        },
    ),
    gauge(
        "packager_rendition_frame_rate",
        RENDITION,
        "Declared frame rate in frames per second. Absent if the manifest declares none.",
        |v, s| {
            s.renditions(v, |r| r.ladder.rendition_frame_rate);
        },
    ),
    gauge(
        "packager_segments_inspected",
        RENDITION,
        "Number of segments fetched and inspected in this probe. Absent if the media playlist couldn't be read.",
        |v, s| {
            s.renditions(v, |r| count(r.ladder.segments_inspected));
        },
    ),
    gauge(
        "packager_segments_skipped",
        RENDITION,
        "Number of segments that the template's coverage asks for and this probe left out, because of a bound (the \
         coverage's count, probe.max_segments) or the deadline. Absent if the media playlist couldn't be read.",
        |v, s| s.renditions(v, |r| count(r.ladder.segments_skipped)),
    ),
    gauge(
        "packager_key_first_byte_seconds",
        RENDITION,
        "Longest time in seconds from the request for a key or licence to the first byte of its answer, without connecting. Absent \
         if this probe requested none: keys are remembered for the template's hold time.",
        |v, s| s.renditions(v, |r| r.ladder.key_first_byte_seconds),
    ),
    gauge(
        "packager_chunk_latency_seconds",
        RENDITION,
        "Low-latency DASH: shortest time in seconds from the presentation time of a chunk's beginning, by the MPD, to its \
         arrival: players can't be nearer to the live edge. Absent if no segment was followed while it was being made.",
        |v, s| s.renditions(v, |r| r.ladder.chunk_latency_seconds),
    ),
    gauge(
        "packager_chunk_held_back_seconds",
        RENDITION,
        "Low-latency DASH: longest time in seconds by which a chunk of the newest segment arrived later than the other chunks \
         show that it could. Absent if fewer than two chunks of a segment were followed while it was being made.",
        |v, s| s.renditions(v, |r| r.ladder.chunk_held_back_seconds),
    ),
];

fn info(view: &ReportView<'_>, series: &mut Series<'_>) {
    for (at, output, r) in renditions(view) {
        let i = &r.rendition_info;
        let mut codecs: Vec<&str> = i.codecs.split(',').collect();
        codecs.sort_unstable();
        let values = [output.name, r.name, r.media, &codecs.join(","), &i.resolution, i.language, i.id];
        series.set_of_rendition(at, &values, Some(1.0));
    }
}
