//! Endpoints for the state of all channels at once, and for the numbers of channels on the web page.

use super::authorization::{Authorized, Read};
use super::channels::{self, Filters};
use super::openapi::answers;
use super::problem::Problem;
use super::request::Parameters;
use super::{Answer, Shared, hash};
use crate::alertmanager::Alertmanager;
use crate::catalog::Channel;
use crate::config::Config;
use crate::prometheus_api::PrometheusApi;
use crate::store::ChannelFilter;
use crate::web::ServerState;
use crate::web::respond;
use crate::web::status::{ChannelState, ChannelStatus, StatusSource};
use crate::web::summary::Summary;
use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use packager_media::units::Timestamp;
use serde::Serialize;
use url::Url;
use utoipa::ToSchema;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// States of the channels that a filter selects, as the answer to a request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChannelStatuses)]
pub(super) struct StatusDocument {
    source: StatusSource,
    channels: Vec<ChannelStatus>,
}

/// Filter by channel state, for the OpenAPI document.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
struct StateFilter {
    /// States to select, separated by commas. Without the parameter all are selected.
    #[param(pattern = "^(|(up|degraded|down|unknown|disabled)(,(up|degraded|down|unknown|disabled))*)$")]
    state: Option<String>,
}

/// Reads the state of all channels in one answer: the failed checks, their severities and since when they fail, by the
/// last probe of each channel.
#[utoipa::path(get, path = "/channels/status", tag = "channels", operation_id = "channel_statuses",
    params(Filters, StateFilter, ("If-None-Match" = Option<String>, Header,
        description = "ETag that was read; 304 when the answer would be the same")),
    responses((status = 200, description = "Every selected channel, by code", body = StatusDocument,
            headers(("ETag" = String, description = "Hash of the answer, for If-None-Match"))),
        (status = 304, description = "Nothing has changed since the answer with this ETag"), answers::ReadErrors))]
pub(super) async fn statuses(
    _: Authorized<Read>,
    Extract(state): Shared,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Answer {
    let filter = channels::filter(&mut parameters)?;
    let wanted = wanted_states(&mut parameters)?;
    parameters.end()?;
    state.refuse_before_catalog()?;
    let document = StatusDocument { source: state.status_source(), channels: state.statuses(&filter, &wanted) };
    let body = serde_json::to_string(&document)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(tagged(&headers, body).await)
}

/// Counts channels by state, severity and tier. The filters are those of the list of channels.
#[utoipa::path(get, path = "/channels/summary", tag = "channels", operation_id = "channel_summary", params(Filters),
    responses((status = 200, description = "The numbers", body = Summary), answers::ReadErrors))]
pub(super) async fn summary(_: Authorized<Read>, Extract(state): Shared, mut parameters: Parameters) -> Answer {
    let filter = channels::filter(&mut parameters)?;
    parameters.end()?;
    state.refuse_before_catalog()?;
    Ok(super::json(StatusCode::OK, &state.summary(&filter)))
}

impl ServerState {
    /// Refuses a request for all channels while none is known, because a page would take an empty answer for an empty catalogue.
    ///
    /// # Errors
    /// The problem is 503, with the reason.
    pub(super) fn refuse_before_catalog(&self) -> Result<(), Problem> {
        self.unread_catalog().map_or(Ok(()), |why| Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, why)))
    }

    fn status_source(&self) -> StatusSource {
        if self.api.store.is_some() { StatusSource::Database } else { StatusSource::Memory }
    }

    fn statuses(&self, filter: &ChannelFilter, wanted: &[ChannelState]) -> Vec<ChannelStatus> {
        let config = self.backend.config();
        let (states, now) = (self.states(), Timestamp::now());
        let all = selected(&config, filter).map(|channel| states.status(channel, now));
        all.filter(|status| wanted.is_empty() || wanted.contains(&status.state)).collect()
    }

    /// Counts the channels that the filter selects, by state, severity and tier.
    pub(super) fn summary(&self, filter: &ChannelFilter) -> Summary {
        let config = self.backend.config();
        let summary = self.states().summary(selected(&config, filter), Timestamp::now());
        let source = self.status_source();
        Summary {
            source,
            has_database: self.api.store.is_some(),
            has_alertmanager: self.api.alertmanager.is_some(),
            alertmanager: self.api.alertmanager.as_ref().map(Alertmanager::contact),
            prometheus: self.api.prometheus.as_ref().map(PrometheusApi::contact),
            probing_base: self.probing_base(),
            grafana: self.settings.grafana_url.as_ref().map(without_end),
            installation: self.settings.page_title.clone(),
            ..summary
        }
    }

    fn probing_base(&self) -> Option<String> {
        if !self.api.is_apart {
            return Some(self.settings.link_prefix.clone());
        }
        self.settings.external_url.as_ref().map(without_end)
    }
}

/// Returns a URL without a slash at its end.
fn without_end(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn selected<'a>(config: &'a Config, filter: &'a ChannelFilter) -> impl Iterator<Item = &'a Channel> {
    config.snapshot.channels.values().map(AsRef::as_ref).filter(|channel| channels::fits(filter, channel))
}

/// Parses the states in the parameter `state`; empty if the parameter is missing.
fn wanted_states(parameters: &mut Parameters) -> Result<Vec<ChannelState>, Problem> {
    let text = parameters.text("state").unwrap_or_default();
    let named = |name: &str| match name {
        "up" => Ok(ChannelState::Up),
        "degraded" => Ok(ChannelState::Degraded),
        "down" => Ok(ChannelState::Down),
        "unknown" => Ok(ChannelState::Unknown),
        "disabled" => Ok(ChannelState::Disabled),
        _ => Err(Problem::bad(
            "parameter `state` must be up, degraded, down, unknown or disabled, or several with commas",
        )),
    };
    if text.is_empty() { Ok(Vec::new()) } else { text.split(',').map(named).collect() }
}

/// Makes a response with JSON and its hash as ETag. The status is 304 if the request names the same hash (RFC 9110,
/// 13.1.2).
async fn tagged(request: &HeaderMap, body: String) -> Response {
    let tag = format!("W/\"{}\"", hash(&body).get(..32).unwrap_or_default());
    let given = request.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut response = if given.split(',').any(|known| known.trim() == tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        respond::compressible(request, JSON, body.into_bytes()).await
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    response
}
