use super::{Own, SERIES_DROPPED, gauges};
use prometheus::proto::{MetricFamily, MetricType};
use std::fmt::Write;

/// docs/metrics.md: every metric with labels and meaning, from what the exporter itself answers with.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(
        "# Metrics\n\nGenerated from the exporter's own tables.\n\n## `/probe`\n\n\
         Gauges, measured anew by every probe. What a probe didn't measure is absent: never 0, never the last value. \
         At most 2000 series a probe.\n\n| name | labels | meaning |\n|---|---|---|\n",
    );
    for gauge in gauges().chain([&SERIES_DROPPED]) {
        row(&mut out, gauge.name, gauge.labels.iter().copied(), gauge.help);
    }
    out.push_str(
        "\n## `/metrics`\n\nThe exporter's own, and on Linux the usual `process_*` metrics.\n\n\
         | name | type | labels | meaning |\n|---|---|---|---|\n",
    );
    let families = Own::new().map(|own| own.families()).unwrap_or_default();
    for family in families.iter().filter(|f| f.name().starts_with("packager_exporter_")) {
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
