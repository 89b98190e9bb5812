use super::series::{Series, count, flag, renditions};
use super::{Gauge, RENDITION, gauge};
use crate::report::View;

/// Each rung, audio and text rendition as the manifest describes it, and how far this probe got with it.
pub const GAUGES: &[Gauge] = &[
    gauge(
        "packager_rendition_info",
        &["output", "rendition", "media", "codecs", "resolution", "frame_rate", "language", "id"],
        "1, its labels being what the manifest says of the rendition.",
        info,
    ),
    gauge(
        "packager_rendition_available",
        RENDITION,
        "1 when the rendition's playlist and newest segment answered, else 0; absent when there was no time to ask.",
        |v, s| s.renditions(v, |r| r.ladder.rendition_available.and_then(flag)),
    ),
    gauge(
        "packager_rendition_bandwidth_bits_per_second",
        &["output", "rendition", "kind"],
        "Bit rate in bits per second: declared (BANDWIDTH), average (AVERAGE-BANDWIDTH), and measured over this \
         probe's segments (without the audio group that the declared ones count in).",
        |v, s| {
            s.kinds(v, |r| {
                let rate = &r.rendition_bandwidth_bits_per_second;
                [("declared", count(rate.declared)), ("average", count(rate.average)), ("measured", rate.measured)]
            });
        },
    ),
    gauge("packager_rendition_height_pixels", RENDITION, "Declared height of the picture in pixels.", |v, s| {
        s.renditions(v, |r| r.ladder.rendition_height_pixels.map(f64::from));
    }),
    gauge("packager_rendition_frame_rate", RENDITION, "Declared frame rate in frames per second.", |v, s| {
        s.renditions(v, |r| r.ladder.rendition_frame_rate);
    }),
    gauge("packager_segments_inspected", RENDITION, "Number of segments fetched in this probe.", |v, s| {
        s.renditions(v, |r| count(r.ladder.segments_inspected));
    }),
    gauge(
        "packager_segments_skipped",
        RENDITION,
        "Number of segments that the template's coverage wanted and bounds (its count, probe.max_segments) or the deadline left out of this probe.",
        |v, s| s.renditions(v, |r| count(r.ladder.segments_skipped)),
    ),
];

fn info(view: &View<'_>, series: &mut Series<'_>) {
    for (at, output, r) in renditions(view) {
        let i = &r.rendition_info;
        let values = [output.name, r.name, r.media, &i.codecs, &i.resolution, &i.frame_rate, i.language, i.id];
        series.of_rendition(at, &values, Some(1.0));
    }
}
