//! `GET /probe`: the status is 400 for a bad request, 503 if the exporter is overloaded, and 200 otherwise, also for a
//! broken stream.

use super::access::{Allowed, Scrape};
use super::api::openapi::answers;
use super::recent::RecentProbe;
use super::{ServerState, events, params, respond};
use crate::metrics;
use crate::probe::ProbeError;
use crate::report::{self, Report};
use axum::extract;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use packager_media::redact;
use std::sync::Arc;

/// Probes a channel and returns its metrics, even if the channel is down.
#[utoipa::path(get, path = "/probe", tag = "probing", operation_id = "probe_channel", params(params::ProbeParameters,
        ("X-Prometheus-Scrape-Timeout-Seconds" = Option<f64>, Header, description = "Seconds after which the scraper gives up; above 0")),
    responses((status = 200, description = "Text exposition 0.0.4; with `debug` the log before it", body = String, content_type = "text/plain"),
        (status = 400, description = "A parameter can't be read, or names an unknown channel, template or output", body = String, content_type = "text/plain"), answers::PlainTextErrors))]
pub(super) async fn probe(
    _: Allowed<Scrape>,
    extract::State(state): extract::State<Arc<ServerState>>,
    extract::RawQuery(raw): extract::RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = match params::query(raw.as_deref().unwrap_or_default()) {
        Ok(query) => query,
        Err(why) => return respond::text(StatusCode::BAD_REQUEST, why),
    };
    let timeout = match params::timeout(&headers, state.settings.timeout_offset) {
        Ok(timeout) => timeout,
        Err(why) => return respond::text(StatusCode::BAD_REQUEST, why),
    };
    let report = match state.backend.probe(query.ask.clone(), timeout).await {
        Ok(report) => report,
        Err(ProbeError::BadRequest(why)) => {
            return match state.unread_catalog() {
                // Of a channel that may exist nobody should hear that it doesn't.
                Some(unread) => respond::text(StatusCode::SERVICE_UNAVAILABLE, unread),
                None => respond::text(StatusCode::BAD_REQUEST, why),
            };
        }
        Err(ProbeError::Overloaded(why)) => return respond::text(StatusCode::SERVICE_UNAVAILABLE, why),
    };
    state.record(&report, query.ask.output.as_deref(), headers.contains_key(params::TIMEOUT_HEADER));
    let metrics = metrics::exposition(&report).into_bytes();
    let keep = state.recent().is_enabled();
    let debug = if keep || query.debug { text_of(&report, &metrics) } else { String::new() };
    if keep {
        state.recent().push(entry(query.ask.target, query.ask.output, &report, &debug));
    }
    if query.debug {
        return respond::text(StatusCode::OK, debug);
    }
    respond::exposition(&headers, metrics).await
}

/// Returns log, metrics and template of a probe as text, in the form of blackbox_exporter.
pub(super) fn debug_text(report: &Report) -> String {
    text_of(report, metrics::exposition(report).as_bytes())
}

fn text_of(report: &Report, metrics: &[u8]) -> String {
    let logs = report::log(report);
    let metrics = String::from_utf8_lossy(metrics);
    let template = report.template.to_yaml();
    format!(
        "Logs for the probe:\n{logs}\n\n\nMetrics that would have been returned:\n{metrics}\n\n\nTemplate configuration:\n{template}"
    )
}

fn entry(target: String, output: Option<String>, report: &Report, text: &str) -> RecentProbe {
    RecentProbe {
        id: 0,
        // Everyone who may see the page would see the tokens of a URL.
        target: redact::text(&target).into_owned(),
        template: report.template.name.clone(),
        output,
        condition: report.condition(),
        failed: events::failed_checks(report),
        started_at: report.started_at,
        duration: report.duration,
        text: text.into(),
    }
}
