//! Bodies and answers as the document describes them. They are made by SQL and checked by the catalogue's own reading; a
//! test compares what is served with what stands here.

#![allow(dead_code)]

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// RFC 9457.
#[derive(ToSchema)]
#[schema(example = json!({"type": "about:blank", "title": "Not Found", "status": 404, "detail": "there is no channel `CH_9`"}))]
pub struct Problem {
    /// `about:blank`: the status says it.
    r#type: String,
    title: String,
    status: u16,
    detail: String,
    /// Every bad field or row, where there are such.
    errors: Option<Vec<Fault>>,
}

/// One bad field or row.
#[derive(ToSchema)]
pub struct Fault {
    line: Option<u32>,
    column: Option<u32>,
    detail: String,
}

/// What a list takes.
#[derive(IntoParams, Deserialize)]
#[into_params(parameter_in = Query)]
pub struct Pages {
    /// Entries on a page; 100 where it isn't given.
    #[param(minimum = 1, maximum = 1000, required = false)]
    limit: u32,
    /// `next_cursor` of the page before.
    #[param(pattern = "^[0-9]{0,18}$", required = false)]
    cursor: String,
}

/// Fields of a channel that may be written.
#[derive(ToSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"channel_code": "CH_TV_HD_001", "channel_name": "FPT Channel 1 HD", "tier": 1,
    "resolution": "1920x1080", "fps": 25, "input_url": "http://packager-01/live/CH_TV_HD_001/master.m3u8",
    "outputs": {"dash": "http://packager-01/live/CH_TV_HD_001/manifest.mpd"}, "template_id": 1, "probe_id": 3}))]
pub struct ChannelWritten {
    /// Unique; can't change. 1 to 64 letters, digits, `_`, `.`, `-`, with a letter or digit.
    #[schema(pattern = "^[_.-]*[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length = 64)]
    channel_code: Option<String>,
    /// The code, where it isn't given.
    #[schema(min_length = 1, max_length = 256)]
    channel_name: Option<String>,
    /// `LIVE`, where it isn't given.
    #[schema(min_length = 1, max_length = 256)]
    channel_type: Option<String>,
    #[schema(minimum = 0, maximum = 2147483647)]
    tier: Option<i64>,
    #[schema(min_length = 1, max_length = 256)]
    codec: Option<String>,
    #[schema(pattern = "^[1-9][0-9]{0,4}x[1-9][0-9]{0,4}$")]
    resolution: Option<String>,
    #[schema(minimum = 1, maximum = 300)]
    fps: Option<f64>,
    is_4k: Option<bool>,
    is_hdr: Option<bool>,
    #[schema(minimum = 1, maximum = 2147483647)]
    probe_id: Option<i64>,
    /// The output `hls`. `{code}` in it is the code.
    #[schema(pattern = "^https?://", max_length = 4096)]
    input_url: Option<String>,
    /// Further outputs by name: `dash`, `backup` and so on.
    outputs: Option<BTreeMap<String, Option<String>>>,
    /// What this channel promises instead of its template's `ladder`; docs/checks.md.
    #[schema(value_type = Option<Object>)]
    ladder: Option<Value>,
    #[schema(minimum = 1, maximum = 2147483647)]
    template_id: Option<i64>,
    /// `true`, where it isn't given.
    enabled: Option<bool>,
    /// Taken and left alone, as the other fields that a read has beside these.
    #[schema(value_type = Value, required = false)]
    id: Option<Value>,
    #[schema(value_type = Value, required = false)]
    probe_name: Option<Value>,
    #[schema(value_type = Value, required = false)]
    template_name: Option<Value>,
    #[schema(value_type = Value, required = false)]
    source: Option<Value>,
    #[schema(value_type = Value, required = false)]
    missing_since: Option<Value>,
    #[schema(value_type = Value, required = false)]
    version: Option<Value>,
    #[schema(value_type = Value, required = false)]
    created_at: Option<Value>,
    #[schema(value_type = Value, required = false)]
    updated_at: Option<Value>,
}

/// A channel. Out of channels.yml it has no ids, version and times.
#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    id: Option<i32>,
    channel_code: String,
    channel_name: String,
    channel_type: String,
    #[schema(required)]
    tier: Option<u32>,
    #[schema(required)]
    codec: Option<String>,
    #[schema(required)]
    resolution: Option<String>,
    #[schema(required)]
    fps: Option<f64>,
    is_4k: bool,
    is_hdr: bool,
    probe_id: Option<i32>,
    #[schema(required)]
    input_url: Option<String>,
    outputs: BTreeMap<String, Option<String>>,
    #[schema(required, value_type = Option<Object>)]
    ladder: Option<Value>,
    template_id: Option<i32>,
    #[schema(required)]
    template_name: Option<String>,
    enabled: bool,
    /// Which synchronisation brought it: `inspector_live/NAME`; `null`: a person.
    source: Option<String>,
    /// Since when its source doesn't have it any more, and it is disabled for that.
    #[schema(format = DateTime)]
    missing_since: Option<String>,
    /// Its ETag.
    version: Option<i32>,
    #[schema(format = DateTime)]
    created_at: Option<String>,
    #[schema(format = DateTime)]
    updated_at: Option<String>,
}

#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Channels {
    channels: Vec<Channel>,
    /// The next page's `cursor`; `null` on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "ok", "channel_id": 1, "message": "Channel created successfully"}))]
pub struct ChannelDone {
    status: String,
    channel_id: i32,
    message: String,
}

#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "ok", "dry_run": false, "created": 3, "updated": 0, "unchanged": 0}))]
pub struct Imported {
    status: String,
    /// Nothing was written.
    dry_run: bool,
    created: u32,
    updated: u32,
    unchanged: u32,
}

/// The last probe of a channel; every finding with its evidence.
#[derive(ToSchema, Serialize)]
pub struct Report {
    success: bool,
}

/// Thresholds in columns; everything else that templates.yml may have in `settings`.
#[derive(ToSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"template_name": "TPL_LIVE_HD", "min_mos": 3.5, "segment_duration_target": 6.0,
    "max_download_time": 2.0, "settings": {"timeout": "8s"}}))]
pub struct TemplateWritten {
    #[schema(pattern = "^[A-Za-z0-9_.-]{1,64}$")]
    template_name: String,
    #[schema(minimum = 1, maximum = 5)]
    min_mos: Option<f64>,
    /// LUFS.
    #[schema(minimum = -70, maximum = 0)]
    loudness_target: Option<f64>,
    /// LU.
    #[schema(minimum = 0, maximum = 30)]
    loudness_tolerance: Option<f64>,
    #[schema(minimum = 0, maximum = 1)]
    macroblocking_threshold: Option<f64>,
    #[schema(minimum = 0, maximum = 600000)]
    freeze_threshold_ms: Option<f64>,
    /// Seconds.
    #[schema(minimum = 0.1, maximum = 120)]
    segment_duration_target: Option<f64>,
    /// A ratio.
    #[schema(minimum = 0, maximum = 1)]
    segment_duration_tolerance: Option<f64>,
    /// Seconds.
    #[schema(minimum = 0.01, maximum = 600)]
    max_download_time: Option<f64>,
    #[schema(value_type = Option<Object>)]
    settings: Option<Value>,
    /// Taken and left alone, as the other fields that a read has beside these.
    #[schema(value_type = Value, required = false)]
    id: Option<Value>,
    #[schema(value_type = Value, required = false)]
    version: Option<Value>,
    #[schema(value_type = Value, required = false)]
    created_at: Option<Value>,
    #[schema(value_type = Value, required = false)]
    updated_at: Option<Value>,
}

#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    id: i32,
    template_name: String,
    #[schema(required)]
    min_mos: Option<f64>,
    #[schema(required)]
    loudness_target: Option<f64>,
    #[schema(required)]
    loudness_tolerance: Option<f64>,
    #[schema(required)]
    macroblocking_threshold: Option<f64>,
    #[schema(required)]
    freeze_threshold_ms: Option<f64>,
    #[schema(required)]
    segment_duration_target: Option<f64>,
    #[schema(required)]
    segment_duration_tolerance: Option<f64>,
    #[schema(required)]
    max_download_time: Option<f64>,
    #[schema(value_type = Object)]
    settings: Value,
    /// Its ETag.
    version: i32,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Templates {
    templates: Vec<Template>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "ok", "template_id": 3, "message": "Template created successfully"}))]
pub struct TemplateDone {
    status: String,
    template_id: i32,
    message: String,
}

#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    Exporter,
    InspectorLive,
}

#[derive(ToSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"probe_name": "packager", "location": "Packagers", "kind": "exporter"}))]
pub struct ProbeWritten {
    #[schema(pattern = "^[A-Za-z0-9_.-]{1,64}$")]
    probe_name: String,
    #[schema(max_length = 256)]
    location: Option<String>,
    /// `exporter` or `inspector_live`; `exporter`, where it isn't given.
    #[schema(pattern = "^(exporter|inspector_live)$")]
    kind: Option<String>,
    #[schema(pattern = "^https?://", max_length = 2048)]
    url: Option<String>,
    enabled: Option<bool>,
    /// Taken and left alone, as the other fields that a read has beside these.
    #[schema(value_type = Value, required = false)]
    id: Option<Value>,
    #[schema(value_type = Value, required = false)]
    version: Option<Value>,
    #[schema(value_type = Value, required = false)]
    created_at: Option<Value>,
    #[schema(value_type = Value, required = false)]
    updated_at: Option<Value>,
}

#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    id: i32,
    probe_name: String,
    #[schema(required)]
    location: Option<String>,
    kind: ProbeKind,
    #[schema(required)]
    url: Option<String>,
    enabled: bool,
    /// Its ETag.
    version: i32,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Probes {
    probes: Vec<Probe>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "ok", "probe_id": 4, "message": "Probe created successfully"}))]
pub struct ProbeDone {
    status: String,
    probe_id: i32,
    message: String,
}

#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "ok", "message": "Template deleted"}))]
pub struct Done {
    status: String,
    message: String,
}

#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    Firing,
    Acknowledged,
    Resolved,
}

#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    id: i64,
    /// Alertmanager's.
    fingerprint: String,
    alertname: String,
    #[schema(required)]
    channel_id: Option<i32>,
    /// The label `channel`.
    #[schema(required)]
    channel: Option<String>,
    #[schema(required)]
    severity: Option<String>,
    status: AlertStatus,
    #[schema(required)]
    summary: Option<String>,
    #[schema(required)]
    description: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    starts_at: String,
    #[schema(required)]
    ends_at: Option<String>,
    #[schema(required)]
    acknowledged_at: Option<String>,
    #[schema(required)]
    acknowledged_by: Option<String>,
    #[schema(required)]
    comment: Option<String>,
    #[schema(required)]
    resolved_at: Option<String>,
    /// `alertmanager`, or who closed it by hand.
    #[schema(required)]
    resolved_by: Option<String>,
    /// The silence in Alertmanager that the acknowledgement set.
    #[schema(required)]
    silence_id: Option<String>,
}

#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    alerts: Vec<Alert>,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(ToSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"by": "lan", "comment": "packager-01 restarts", "for": "2h"}))]
pub struct Said {
    /// The token's name, where it isn't given.
    #[schema(min_length = 1, max_length = 128)]
    by: Option<String>,
    #[schema(max_length = 4096)]
    comment: Option<String>,
    /// Acknowledge alone: how long the silence lasts, such as `30m` or `8h`; 1 h, where it isn't given.
    #[schema(max_length = 64)]
    r#for: Option<String>,
}

/// Version 4 of Alertmanager's webhook; fields beside these are left alone.
#[derive(ToSchema, Serialize, Deserialize)]
#[schema(example = json!({"version": "4", "status": "firing", "receiver": "database", "alerts": [{"status": "firing",
    "labels": {"alertname": "ChannelDown", "severity": "critical", "channel": "CH_TV_HD_001"},
    "annotations": {"summary": "CH_TV_HD_001 is down"}, "startsAt": "2026-01-31T18:00:00Z",
    "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "1a2b3c4d5e6f7081"}]}))]
pub struct Webhook {
    #[schema(pattern = "^4$")]
    version: String,
    alerts: Vec<Notified>,
    /// How many Alertmanager left out.
    #[serde(rename = "truncatedAlerts", default)]
    #[schema(value_type = usize, required = false)]
    truncated: u64,
}

#[derive(ToSchema, Serialize, Deserialize)]
pub struct Notified {
    #[schema(min_length = 1, max_length = 128)]
    fingerprint: String,
    #[schema(pattern = "^(firing|resolved)$")]
    status: String,
    labels: BTreeMap<String, String>,
    #[schema(required = false)]
    annotations: BTreeMap<String, String>,
    #[serde(rename = "startsAt")]
    #[schema(format = DateTime)]
    starts_at: String,
    #[serde(rename = "endsAt")]
    #[schema(format = DateTime)]
    ends_at: Option<String>,
}

#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "ok", "alerts": 1}))]
pub struct WebhookDone {
    status: String,
    alerts: u32,
}

#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "ok", "values": 1}))]
pub struct ZabbixDone {
    status: String,
    values: u32,
}

/// One target of Prometheus HTTP service discovery.
#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"targets": ["CH_TV_HD_001"], "labels": {"__param_target": "CH_TV_HD_001",
    "__param_template": "TPL_LIVE_HD", "channel": "CH_TV_HD_001", "packager": "packager-01", "tier": "1"}}))]
pub struct Target {
    targets: Vec<String>,
    labels: BTreeMap<String, String>,
}

#[derive(ToSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "healthy", "database": "connected", "timestamp": "2026-01-31T18:00:00Z",
    "version": "0.1.0", "channels": 412, "templates": 3, "reasons": []}))]
pub struct Health {
    #[schema(pattern = "^(healthy|degraded|unhealthy)$")]
    status: String,
    #[schema(pattern = "^(connected|disconnected|not configured)$")]
    database: String,
    #[schema(format = DateTime)]
    timestamp: String,
    version: String,
    channels: u32,
    templates: u32,
    /// Why it is not healthy.
    reasons: Vec<String>,
}
