//! Endpoint for the list of checks, from which pages and scripts take what a check means.

use super::authorization::{Authorized, Read};
use super::openapi::answers;
use super::request::NoParameters;
use super::{Answer, Shared, json};
use crate::checks::{CHECKS, CheckGroup, CheckMeta};
use crate::finding::Severity;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// List of all checks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Checks)]
struct CheckList {
    checks: Vec<CheckEntry>,
}

/// One check, as the exporter describes it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Check)]
struct CheckEntry {
    #[schema(value_type = String)]
    id: &'static str,
    #[schema(value_type = String, pattern = "^[a-z_]+$")]
    group: CheckGroup,
    /// Severity of a failure for which neither the template nor the check sets another severity.
    #[schema(value_type = String, pattern = "^(critical|major|minor|warning)$")]
    severity: Severity,
    /// Description of the failure: one sentence that begins with "fails when".
    #[schema(value_type = String)]
    help: &'static str,
    /// Standard and clause that the check enforces.
    #[schema(value_type = String)]
    reference: &'static str,
    /// Name of the shipped alert that reports the check.
    #[schema(value_type = String)]
    alert: &'static str,
    /// Path of the alert's runbook, with the prefix of the exporter.
    runbook: String,
}

impl CheckEntry {
    fn new(meta: &CheckMeta, link_prefix: &str) -> Self {
        let CheckMeta { id, group, severity, help, reference, .. } = *meta;
        let alert = meta.alert.unwrap_or(match severity {
            Severity::Critical => "ChannelDown",
            Severity::Major => "ChannelDegraded",
            Severity::Minor => "ChannelDefect",
            Severity::Warning => "ChannelAdvisory",
        });
        Self { id, group, severity, help, reference, alert, runbook: format!("{link_prefix}/runbooks/{alert}") }
    }
}

/// Lists all checks: what each means, how severe its failure is, and the runbook.
#[utoipa::path(get, path = "/checks", tag = "channels", operation_id = "checks",
    responses((status = 200, description = "The checks, in the order of the report", body = CheckList),
        answers::AccessErrors, (status = 400, description = "There is a parameter",
            body = super::bodies::ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn list(_: Authorized<Read>, Extract(state): Shared, _: NoParameters) -> Answer {
    let prefix = &state.settings.link_prefix;
    let checks = CHECKS.iter().map(|meta| CheckEntry::new(meta, prefix)).collect();
    Ok(json(StatusCode::OK, &CheckList { checks }))
}
