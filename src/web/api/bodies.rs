//! Bodies of the API's requests and answers, except the rows of tables.

use crate::catalog::{ChannelRow, TemplateRow};
use crate::store::{AlertEventRow, AlertRow, ChannelStateRow, ImportCounts, Page, ProbeRow};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Value of `status` in every body that reports a success.
pub(super) const OK: &str = "ok";

/// Problem document (RFC 9457), which reports an error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({"type": "about:blank", "title": "Not Found", "status": 404, "detail": "there is no channel `CH_9`"}))]
pub(super) struct ProblemDocument {
    /// Type of the problem, always `about:blank`: the HTTP status says what kind of problem it is.
    pub(super) r#type: &'static str,
    pub(super) title: &'static str,
    pub(super) status: u16,
    pub(super) detail: String,
    /// Every bad field or row; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Option<Vec<Fault>>)]
    pub(super) errors: Vec<Fault>,
}

/// One bad field or row of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Fault {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub(super) line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub(super) column: Option<usize>,
    pub(super) detail: String,
}

/// Parameters of every list in pages, for the OpenAPI document. [`super::request::Parameters`] reads them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
pub(super) struct Pages {
    /// Largest number of channels, templates, probes or alerts on a page. Without the parameter it is 100.
    #[param(minimum = 1, maximum = 1000, required = false)]
    limit: u32,
    /// Value of `next_cursor` of the previous page. Without the parameter the first page is returned.
    #[param(pattern = "^[0-9]{0,18}$", required = false)]
    cursor: String,
}

/// One page of a list of channels.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Channels)]
pub(super) struct ChannelPage {
    channels: Vec<ChannelRow>,
    /// Value of `cursor` for the next page; `null` on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// One page of a list of templates.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Templates)]
pub(super) struct TemplatePage {
    templates: Vec<TemplateRow>,
    /// Value of `cursor` for the next page; `null` on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// One page of a list of probes (exporters and appliances).
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Probes)]
pub(super) struct ProbePage {
    probes: Vec<ProbeRow>,
    /// Value of `cursor` for the next page; `null` on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// One page of a list of alerts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Alerts)]
pub(super) struct AlertPage {
    alerts: Vec<AlertRow>,
    /// Value of `cursor` for the next page; `null` on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

impl From<Page<ChannelRow>> for ChannelPage {
    fn from(page: Page<ChannelRow>) -> Self {
        Self { channels: page.rows, next_cursor: page.next.map(|id| id.to_string()) }
    }
}

impl From<Page<TemplateRow>> for TemplatePage {
    fn from(page: Page<TemplateRow>) -> Self {
        Self { templates: page.rows, next_cursor: page.next.map(|id| id.to_string()) }
    }
}

impl From<Page<ProbeRow>> for ProbePage {
    fn from(page: Page<ProbeRow>) -> Self {
        Self { probes: page.rows, next_cursor: page.next.map(|id| id.to_string()) }
    }
}

impl From<Page<AlertRow>> for AlertPage {
    fn from(page: Page<AlertRow>) -> Self {
        Self { alerts: page.rows, next_cursor: page.next.map(|id| id.to_string()) }
    }
}

/// Answer to the creation and the disabling of a channel.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "ok", "channel_id": 1, "message": "Channel created successfully"}))]
pub(super) struct ChannelDone {
    #[schema(value_type = String)]
    pub(super) status: &'static str,
    pub(super) channel_id: i32,
    #[schema(value_type = String)]
    pub(super) message: &'static str,
}

/// Answer to the creation of a template.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "ok", "template_id": 3, "message": "Template created successfully"}))]
pub(super) struct TemplateDone {
    #[schema(value_type = String)]
    pub(super) status: &'static str,
    pub(super) template_id: i32,
    #[schema(value_type = String)]
    pub(super) message: &'static str,
}

/// Answer to a request that created a row in the table `probes`, which describes an exporter.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "ok", "probe_id": 4, "message": "Probe created successfully"}))]
pub(super) struct ProbeDone {
    #[schema(value_type = String)]
    pub(super) status: &'static str,
    pub(super) probe_id: i32,
    #[schema(value_type = String)]
    pub(super) message: &'static str,
}

/// Answer to a deletion in the API.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "ok", "message": "Template deleted"}))]
pub(super) struct Done {
    #[schema(value_type = String)]
    pub(super) status: &'static str,
    #[schema(value_type = String)]
    pub(super) message: &'static str,
}

/// Answer to an import of channels.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "ok", "dry_run": false, "created": 3, "updated": 0, "unchanged": 0}))]
pub(super) struct Imported {
    #[schema(value_type = String)]
    status: &'static str,
    /// Whether the import only checked its rows and wrote nothing.
    dry_run: bool,
    #[schema(value_type = u32)]
    created: usize,
    #[schema(value_type = u32)]
    updated: usize,
    #[schema(value_type = u32)]
    unchanged: usize,
}

impl Imported {
    pub(super) fn new(counts: ImportCounts, dry_run: bool) -> Self {
        let ImportCounts { created, updated, unchanged } = counts;
        Self { status: OK, dry_run, created, updated, unchanged }
    }
}

/// Report of a channel's last probe: every finding with its evidence.
#[derive(ToSchema)]
#[schema(as = Report)]
#[allow(dead_code)]
pub(super) struct ReportDocument {
    success: bool,
}

/// History of a channel, each list newest first and at most 1,000 entries.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChannelHistory {
    /// Code of the channel whose history this is.
    pub(super) channel: String,
    /// Beginning of the history, RFC 3339. States and alerts that ended earlier are left out.
    #[schema(format = DateTime)]
    pub(super) since: String,
    /// Time from which on no state is missing, RFC 3339: `since`, or later where there were more than 1,000.
    #[schema(format = DateTime)]
    pub(super) states_complete_since: String,
    pub(super) states: Vec<ChannelStateRow>,
    pub(super) alerts: Vec<AlertRow>,
}

/// Events in the history of an alert, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertHistory {
    pub(super) events: Vec<AlertEventRow>,
}

/// Answer to a notification of Alertmanager's webhook: the number of written alerts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "ok", "alerts": 1}))]
pub(super) struct WebhookDone {
    #[schema(value_type = String)]
    pub(super) status: &'static str,
    #[schema(value_type = u32)]
    pub(super) alerts: usize,
}

/// Answer to a notification that is forwarded to Zabbix.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "ok", "values": 1}))]
pub(super) struct ZabbixDone {
    #[schema(value_type = String)]
    pub(super) status: &'static str,
    #[schema(value_type = u32)]
    pub(super) values: usize,
}

/// One target of Prometheus HTTP service discovery.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"targets": ["CH_TV_HD_001"], "labels": {"__param_target": "CH_TV_HD_001",
    "__param_template": "TPL_LIVE_HD", "channel": "CH_TV_HD_001", "packager": "packager-01", "tier": "1"}}))]
pub(super) struct Target {
    pub(super) targets: Vec<String>,
    pub(super) labels: BTreeMap<String, String>,
}

/// State of the exporter: whether it works, version, and numbers of channels and templates.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Health, example = json!({"status": "healthy", "database": "connected", "timestamp": "2026-01-31T18:00:00Z",
    "version": "0.1.0", "channels": 412, "templates": 3, "reasons": []}))]
pub(super) struct HealthDocument {
    #[schema(value_type = String, pattern = "^(healthy|degraded|unhealthy)$")]
    pub(super) status: &'static str,
    #[schema(value_type = String, pattern = "^(connected|disconnected|not configured)$")]
    pub(super) database: &'static str,
    #[schema(format = DateTime)]
    pub(super) timestamp: String,
    #[schema(value_type = String)]
    pub(super) version: &'static str,
    #[schema(value_type = u32)]
    pub(super) channels: usize,
    #[schema(value_type = u32)]
    pub(super) templates: usize,
    /// Reasons why the exporter is not healthy; empty if it is.
    pub(super) reasons: Vec<String>,
}
