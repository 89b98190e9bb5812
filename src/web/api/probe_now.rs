//! Endpoints that probe a channel at once and answer with the report: a channel of the catalogue, or one that is about to be saved.

use super::authorization::{Admin, Authorized, Operate};
use super::bodies::ReportDocument;
use super::openapi::answers;
use super::problem::Problem;
use super::request::{JsonBody, Key, NoParameters};
use super::{Answer, Shared, json};
use crate::catalog::ChannelWritten;
use crate::probe::{ProbeError, ProbeRequest};
use axum::extract::State as Extract;
use http::StatusCode;
use std::time::Duration;

/// Longest time of a probe that a person asks for: shorter than the timeouts of common proxies.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Probes a channel of the catalogue now, and answers with the report. The probe counts as any other: it updates the channel's
/// state.
#[utoipa::path(post, path = "/channels/{key}/probe", tag = "channels", operation_id = "probe_now",
    params(("key" = String, Path, description = "Id or code")),
    responses((status = 200, description = "The report, also of a broken stream", body = ReportDocument), answers::DeleteErrors,
        answers::EntryErrors))]
pub(super) async fn probe(_: Authorized<Operate>, Extract(state): Shared, Key(key): Key) -> Answer {
    let channel = state.known_channel(&key).await?;
    let request = ProbeRequest { target: channel.code.clone(), template: None, output: None };
    let report = state.backend.probe(request, TIMEOUT).await.map_err(problem)?;
    state.record(&report, None, false);
    Ok(json(StatusCode::OK, &*report))
}

/// Probes a channel that is not saved yet, and answers with the report. Nothing is written, and no state changes.
#[utoipa::path(post, path = "/channels/probe", tag = "channels", operation_id = "probe_draft",
    request_body = ChannelWritten,
    responses((status = 200, description = "The report, also of a broken stream", body = ReportDocument), answers::WriteErrors))]
pub(super) async fn probe_draft(
    _: Authorized<Admin>,
    Extract(state): Shared,
    _: NoParameters,
    JsonBody(body): JsonBody,
) -> Answer {
    let channel = state.store()?.draft_channel(&body).await?;
    let report = state.backend.probe_draft(channel, TIMEOUT).await.map_err(problem)?;
    Ok(json(StatusCode::OK, &*report))
}

fn problem(error: ProbeError) -> Problem {
    match error {
        ProbeError::BadRequest(why) => Problem::bad(why),
        ProbeError::Overloaded(why) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}
