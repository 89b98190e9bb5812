//! Thresholds of the templates in force, as a metric on `/metrics`: they are the same for every channel with the
//! template, so that a probe doesn't repeat them.

use super::SelfMetrics;
use crate::metrics::series::{metric, pair};
use prometheus::proto::{Metric, MetricFamily, MetricType};
use std::sync::{Arc, Mutex, PoisonError};

/// The series of the metric `packager_template_threshold`. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct TemplateThresholds(Arc<Mutex<Vec<Metric>>>);

impl SelfMetrics {
    /// Records every threshold of the templates in force, as template, name of the threshold and value. They replace those
    /// recorded before.
    pub fn template_thresholds<'a>(&self, thresholds: impl IntoIterator<Item = (&'a str, String, f64)>) {
        let series = |(template, name, value): (&str, String, f64)| {
            metric(vec![pair("name", name), pair("template", template.to_owned())], value)
        };
        let finite = thresholds.into_iter().filter(|(_, _, value)| value.is_finite());
        let all = finite.map(series).collect();
        *self.thresholds.0.lock().unwrap_or_else(PoisonError::into_inner) = all;
    }
}

impl TemplateThresholds {
    /// Returns the metric with its series. `None`: no template is in force.
    pub(super) fn family(&self) -> Option<MetricFamily> {
        let metrics = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut family = MetricFamily::default();
        family.set_name("packager_template_threshold".to_owned());
        family.set_help(
            "A threshold of a template in force, in the unit of the value that it is compared with. packager_channel_info names \
             the template of each channel."
                .to_owned(),
        );
        family.set_field_type(MetricType::GAUGE);
        family.set_metric(metrics);
        Some(family).filter(|family| !family.get_metric().is_empty())
    }
}
