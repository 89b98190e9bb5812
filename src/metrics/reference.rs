//! Writes the reference of all metrics, docs/metrics.md.

use super::{SERIES_DROPPED, SelfMetrics, gauges};
use prometheus::proto::{MetricFamily, MetricType};
use std::fmt::Write;

/// Returns the text of docs/metrics.md: every metric with labels and meaning. It is made from the tables that fill the
/// expositions.
#[must_use]
pub(crate) fn reference() -> String {
    let mut out = String::from(
        "# Metrics\n\nGenerated from the exporter's own tables by `packager_exporter list-metrics`.\n\n## `/probe`\n\n\
         Gauges that every probe measures anew. A value that the probe didn't measure is absent; it is never 0 and never \
         the last value. A probe has at most 2000 series.\n\nThe label `rendition` names a rendition in its output. It \
         never contains the bit rate, because some packagers write another bit rate in every manifest. Video is named by \
         its height (`1080p`), audio and text by their language (`audio-vi`, `text-en`), or by the packager's name for \
         them if the manifest has no language. The codec follows unless it is H.264 or AAC (`1080p-hevc`, \
         `audio-vi-ec3`), then `hdr` for PQ and HLG (`2160p-hevc-hdr`). Equal names are numbered from the highest to the \
         lowest bit rate (`720p`, `720p-2`) when they are first seen. A rendition keeps its name while the manifest lists \
         it, whatever its bit rate, its place in the manifest or the session in its URL is.\n\n| name | labels | meaning |\n|---|---|---|\n",
    );
    for gauge in gauges().chain([&SERIES_DROPPED]) {
        row(&mut out, gauge.name, gauge.labels.iter().copied(), gauge.help);
    }
    out.push_str(
        "\n## `/metrics`\n\nThe exporter's own metrics, and on Linux the usual `process_*` metrics.\n\n\
         | name | type | labels | meaning |\n|---|---|---|---|\n",
    );
    let families = SelfMetrics::new().map(|own| own.families()).unwrap_or_default();
    for family in families.iter().filter(|f| f.name().starts_with("packager_")) {
        own_row(&mut out, family);
    }
    out
}

fn row<'a>(out: &mut String, name: &str, labels: impl Iterator<Item = &'a str>, help: &str) {
    let _ = writeln!(out, "| `{name}` | {} | {help} |", labels.collect::<Vec<_>>().join(", "));
}

fn own_row(out: &mut String, family: &MetricFamily) {
    let kind = match family.get_field_type() {
        MetricType::COUNTER => "counter",
        MetricType::HISTOGRAM => "histogram",
        _ => "gauge",
    };
    let labels = family.get_metric().first().map(|m| m.get_label()).unwrap_or_default();
    let labels: Vec<&str> = labels.iter().map(|l| l.name()).collect();
    let _ = writeln!(out, "| `{}` | {kind} | {} | {} |", family.name(), labels.join(", "), family.help());
}
