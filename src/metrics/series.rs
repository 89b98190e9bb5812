//! Label sets and values of one gauge, as the prometheus crate's encoder takes them.
//!
//! The families are built directly, not through `GaugeVec` and `Registry`: what those add (locks, hashed lookup,
//! descriptors that outlive a probe) serves metrics that live on; for the contract's 933 series
//! it took 2.5 times as long (10.2 ms to 4.0 ms, both unoptimised).

use super::Gauge;
use crate::report::{OutputView, RenditionView, View};
use packager_media::redact;
use prometheus::proto::{self, LabelPair, MetricFamily, MetricType};
use std::collections::HashSet;

/// Most characters of a label value. A stream can't choose one freely.
const MAX_LABEL: usize = 128;

/// How many series a probe may still answer with, and which renditions may not answer.
#[derive(Debug)]
pub struct Room {
    left: usize,
    dropped: u64,
    /// Renditions (by their place in the report) whose labels an earlier one has. Without this their values would
    /// fill in for what the earlier one didn't measure.
    twins: HashSet<usize>,
}

impl Room {
    pub fn new(series: usize, view: &View<'_>) -> Self {
        let mut seen = HashSet::new();
        let names = renditions(view).map(|(at, output, rendition)| (at, key(&[output.name, rendition.name])));
        let twins = names.filter_map(|(at, name)| (!seen.insert(name)).then_some(at)).collect();
        Self { left: series, dropped: 0, twins }
    }

    /// As a gauge's value.
    pub fn dropped(&self) -> f64 {
        self.dropped as f64
    }
}

/// Cleaned label values in one string. NUL is cleaned out of each, so that it can't be forged as the separator.
fn key(values: &[&str]) -> String {
    values.iter().map(|v| redact::sanitize_label(v, MAX_LABEL)).collect::<Vec<_>>().join("\0")
}

/// One gauge's series while they are gathered.
#[derive(Debug)]
pub struct Series<'a> {
    labels: &'static [&'static str],
    metrics: Vec<proto::Metric>,
    seen: HashSet<String>,
    room: &'a mut Room,
}

impl Series<'_> {
    /// `values` in the order of the gauge's labels. Nothing for a value that is absent or not finite; a label set
    /// that was there before is dropped and counted, as is what finds no room.
    pub fn set(&mut self, values: &[&str], value: Option<f64>) {
        let Some(value) = value.filter(|v| v.is_finite()) else { return };
        let cleaned: Vec<_> = values.iter().map(|v| redact::sanitize_label(v, MAX_LABEL)).collect();
        if self.room.left == 0 || !self.seen.insert(cleaned.join("\0")) {
            self.room.dropped += 1;
            return;
        }
        self.room.left -= 1;
        let pairs = self.labels.iter().zip(cleaned).map(|(name, value)| pair(name, value.into_owned()));
        self.metrics.push(metric(pairs.collect(), value));
    }

    pub fn outputs(&mut self, view: &View<'_>, value: impl Fn(&OutputView<'_>) -> Option<f64>) {
        for output in &view.outputs {
            self.set(&[output.name], value(output));
        }
    }

    pub fn renditions(&mut self, view: &View<'_>, value: impl Fn(&RenditionView<'_>) -> Option<f64>) {
        for (at, output, rendition) in renditions(view) {
            self.of_rendition(at, &[output.name, rendition.name], value(rendition));
        }
    }

    /// One series a kind: the third label's value, and the gauge's.
    pub fn kinds<const N: usize>(
        &mut self,
        view: &View<'_>,
        values: impl Fn(&RenditionView<'_>) -> [(&'static str, Option<f64>); N],
    ) {
        for (at, output, rendition) in renditions(view) {
            for (kind, value) in values(rendition) {
                self.of_rendition(at, &[output.name, rendition.name, kind], value);
            }
        }
    }

    /// `at`: the rendition's place in the report.
    pub fn of_rendition(&mut self, at: usize, values: &[&str], value: Option<f64>) {
        if self.room.twins.contains(&at) {
            self.room.dropped += u64::from(value.is_some());
        } else {
            self.set(values, value);
        }
    }
}

/// Every rendition with its place in the report.
pub fn renditions<'v>(view: &'v View<'_>) -> impl Iterator<Item = (usize, &'v OutputView<'v>, &'v RenditionView<'v>)> {
    let each =
        view.outputs.iter().flat_map(|output| output.renditions.iter().map(move |rendition| (output, rendition)));
    each.enumerate().map(|(at, (output, rendition))| (at, output, rendition))
}

/// `None` for a gauge without a single series: the format knows no empty family.
pub fn family(gauge: &Gauge, view: &View<'_>, room: &mut Room) -> Option<MetricFamily> {
    let mut series = Series { labels: gauge.labels, metrics: Vec::new(), seen: HashSet::new(), room };
    (gauge.fill)(view, &mut series);
    Some(series.metrics).filter(|m| !m.is_empty()).map(|metrics| of_gauge(gauge, metrics))
}

pub fn single(gauge: &Gauge, value: f64) -> MetricFamily {
    of_gauge(gauge, vec![metric(Vec::new(), value)])
}

fn of_gauge(gauge: &Gauge, metrics: Vec<proto::Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(gauge.name.to_owned());
    family.set_help(gauge.help.to_owned());
    family.set_field_type(MetricType::GAUGE);
    family.set_metric(metrics);
    family
}

fn metric(labels: Vec<LabelPair>, value: f64) -> proto::Metric {
    let mut gauge = proto::Gauge::default();
    gauge.set_value(value);
    let mut metric = proto::Metric::from_label(labels);
    metric.set_gauge(gauge);
    metric
}

fn pair(name: &str, value: String) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value);
    pair
}

/// A count as a gauge's value.
pub fn count(n: Option<u64>) -> Option<f64> {
    n.map(|n| n as f64)
}

/// 1 or 0.
pub fn flag(yes: bool) -> Option<f64> {
    Some(f64::from(u8::from(yes)))
}
