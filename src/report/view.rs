//! All values of a report. Gauges and JSON use the same names for them.

use super::derive::finite;
use super::{OutputView, Report};
use crate::catalog::{Channel, Template};
use crate::checks::CheckOutcome;
use crate::facts::StageDurations;
use crate::finding::{Finding, Severity};
use packager_media::redact;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Everything that a report says. A gauge has the name of a field with `packager_` or `probe_` before it. Gauges, JSON,
/// text and line protocol are made from this one struct, so that they can't differ.
#[derive(Debug, Serialize)]
pub struct ReportView<'a> {
    pub target: &'a str,
    pub template: &'a str,
    /// Time at which the probe began, as RFC 3339 text.
    pub started_at: String,
    pub duration_seconds: f64,
    pub timeout_seconds: f64,
    pub success: bool,
    pub deadline_exceeded: bool,
    pub stage_duration_seconds: StagesView,
    pub channel_info: ChannelInfoView<'a>,
    pub threshold: BTreeMap<String, f64>,
    pub outputs: Vec<OutputView<'a>>,
    pub checks: &'a [CheckOutcome],
    pub findings: Vec<FindingView<'a>>,
}

measured! {
    /// Seconds that a probe spent in each of its stages.
    StagesView { manifest: f64, playlists: f64, segments: f64, checks: f64 }
}

/// Description of the channel in the catalogue. A value is the empty string when the catalogue doesn't set it.
#[derive(Debug, Serialize)]
pub struct ChannelInfoView<'a> {
    pub code: &'a str,
    pub name: &'a str,
    #[serde(rename = "type")]
    pub channel_type: &'a str,
    pub tier: String,
    pub codec: &'a str,
    pub resolution: String,
    pub fps: String,
    pub hdr: &'static str,
    pub template: &'a str,
}

/// A finding that is serialised with its secrets redacted.
#[derive(Debug)]
pub struct FindingView<'a>(pub &'a Finding);

impl<'a> ReportView<'a> {
    pub(super) fn new(report: &'a Report) -> Self {
        let ladder = report.channel.expected(&report.template).ladder;
        let outputs = report.capture.outputs.iter().map(|o| OutputView::new(report, o, &ladder)).collect();
        Self {
            target: &report.channel.code,
            template: &report.template.name,
            started_at: report.started_at.to_string(),
            duration_seconds: finite(report.duration).unwrap_or_default(),
            timeout_seconds: finite(report.timeout).unwrap_or_default(),
            success: report.success,
            deadline_exceeded: report.capture.deadline_exceeded,
            stage_duration_seconds: StagesView::new(&report.capture.stages),
            channel_info: ChannelInfoView::new(&report.channel, &report.template),
            threshold: report.template.numeric_thresholds().into_iter().filter(|(_, n)| n.is_finite()).collect(),
            outputs,
            checks: &report.outcomes,
            findings: report.outcomes.iter().flat_map(|o| &o.findings).map(FindingView).collect(),
        }
    }
}

impl StagesView {
    fn new(stages: &StageDurations) -> Self {
        Self {
            manifest: finite(stages.manifest),
            playlists: finite(stages.playlists),
            segments: finite(stages.segments),
            checks: finite(stages.checks),
        }
    }
}

impl<'a> ChannelInfoView<'a> {
    fn new(channel: &'a Channel, template: &'a Template) -> Self {
        Self {
            code: &channel.code,
            name: &channel.name,
            channel_type: &channel.channel_type,
            tier: channel.tier.map(|t| t.to_string()).unwrap_or_default(),
            codec: channel.codec.as_deref().unwrap_or_default(),
            resolution: channel.resolution.map(|r| r.to_string()).unwrap_or_default(),
            fps: channel.fps.map(|f| f.to_string()).unwrap_or_default(),
            hdr: channel.is_hdr.map_or("", |hdr| if hdr { "true" } else { "false" }),
            template: &template.name,
        }
    }
}

impl Serialize for FindingView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct FindingJson<'a> {
            check: &'a str,
            severity: Severity,
            output: &'a str,
            rendition: Option<&'a str>,
            message: &'a str,
            evidence: Map<String, Value>,
            reference: &'a str,
        }
        let f = self.0;
        let evidence = f.evidence.iter().map(|(name, value)| (name.clone(), mask_value(value))).collect();
        let message = &redact::text(&f.message);
        let rendition = f.rendition.as_deref();
        FindingJson {
            check: f.check,
            severity: f.severity,
            output: &f.output,
            rendition,
            message,
            evidence,
            reference: f.reference,
        }
        .serialize(serializer)
    }
}

/// Returns the evidence of a violation with secrets redacted. It recurses into nested values, whose depth is small,
/// because only checks make them.
pub(crate) fn mask_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(redact::text(text).into_owned()),
        Value::Array(items) => items.iter().map(mask_value).collect(),
        Value::Object(fields) => fields.iter().map(|(name, field)| (name.clone(), mask_value(field))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
