//! Gauges of the renditions, for `/probe`.

use super::series::{Series, count, flag, renditions};
use super::{Gauge, RENDITION, gauge};
use crate::report::ReportView;

/// Gauges of each video, audio and text rendition: its description in the manifest, availability and bit rate.
pub(crate) const GAUGES: &[Gauge] = &[
    gauge(
        "packager_rendition_info",
        &["output", "rendition", "media", "codecs", "resolution", "frame_rate", "language", "id"],
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
        "Bit rate in bits per second: declared (BANDWIDTH), and measured over the segments that are listed and were inspected \
         within the template's `hold`. The measured value excludes the audio group, which the declared value includes. Each \
         is absent if it isn't known.",
        |v, s| {
            s.kinds(v, |r| {
                let rate = &r.rendition_bandwidth_bits_per_second;
                [("declared", count(rate.declared)), ("measured", rate.measured)]
            });
        },
    ),
];

fn info(view: &ReportView<'_>, series: &mut Series<'_>) {
    for (at, output, r) in renditions(view) {
        let i = &r.rendition_info;
        let mut codecs: Vec<&str> = i.codecs.split(',').collect();
        codecs.sort_unstable();
        let values = [output.name, r.name, r.media, &codecs.join(","), &i.resolution, &i.frame_rate, i.language, i.id];
        series.set_of_rendition(at, &values, Some(1.0));
    }
}
