//! Endpoints for channels. Without a database they read the catalogue in force.

use super::authorization::{Admin, Authorized, Read};
use super::bodies::{self, ChannelDone, ChannelPage};
use super::openapi::answers;
use super::problem::Problem;
use super::request::{IfMatch, JsonBody, Key, KeyBesideParameters, NoParameters, Parameters};
use super::{Answer, Shared, created, json, versioned};
use crate::catalog::{Channel, ChannelRow, ChannelWritten, UnknownName, normalized};
use crate::document::Document;
use crate::store::{Change, ChannelFilter, ChannelPast, Page};
use crate::web::ServerState;
use axum::extract::State as Extract;
use http::StatusCode;
use packager_media::units::{Seconds, Timestamp};
use std::time::Duration;

/// Filters of the list of channels, for the OpenAPI document.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
pub(super) struct Filters {
    #[param(minimum = 0, maximum = 2147483647)]
    tier: Option<i32>,
    is_4k: Option<bool>,
    enabled: Option<bool>,
    /// Name of the listed channels' template.
    #[param(max_length = 512)]
    template: Option<String>,
    /// Text that is contained in code or name of the listed channels; upper and lower case are the same.
    #[param(max_length = 512)]
    q: Option<String>,
}

/// Lists channels by id, a page at a time.
#[utoipa::path(get, path = "/channels", tag = "channels", operation_id = "list_channels",
    params(Filters, bodies::Pages),
    responses((status = 200, description = "A page", body = ChannelPage), answers::ReadErrors))]
pub(super) async fn list(_: Authorized<Read>, Extract(state): Shared, mut parameters: Parameters) -> Answer {
    let (limit, after) = parameters.page()?;
    let filter = ChannelFilter { after: after.unwrap_or(0), limit, ..filter(&mut parameters)? };
    parameters.end()?;
    let page = match &state.api.store {
        Some(store) => store.channels(&filter).await?,
        None => page_of_files(&state, &filter),
    };
    Ok(json(StatusCode::OK, &ChannelPage::from(page)))
}

/// Reads one channel.
#[utoipa::path(get, path = "/channels/{key}", tag = "channels", operation_id = "channel",
    params(("key" = String, Path, description = "Id or code")),
    responses((status = 200, description = "The channel", body = ChannelRow,
        headers(("ETag" = String, description = "Version of the channel, for If-Match"))),
        answers::ReadErrors, answers::EntryErrors))]
pub(super) async fn one(_: Authorized<Read>, Extract(state): Shared, Key(key): Key) -> Answer {
    if let Some(store) = &state.api.store {
        return Ok(versioned(&store.channel(&key).await?));
    }
    let config = state.backend.config();
    let missing = |e: UnknownName| Problem::new(StatusCode::NOT_FOUND, e.to_string());
    let channel = config.snapshot.channel(&key).map_err(missing)?;
    Ok(json(StatusCode::OK, &ChannelRow::from(&**channel)))
}

/// Creates a channel in the database.
#[utoipa::path(post, path = "/channels", tag = "channels", operation_id = "create_channel",
    request_body = ChannelWritten,
    responses((status = 201, description = "Created", body = ChannelDone, headers(("Location" = String))),
        answers::WriteErrors, answers::ConflictErrors))]
pub(super) async fn create(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    _: NoParameters,
    JsonBody(body): JsonBody,
) -> Answer {
    let (code, channel_id) = state.store()?.create_channel(&body).await?;
    caller.audit("channel created", &code);
    let done = ChannelDone { status: bodies::OK, channel_id, message: "Channel created successfully" };
    Ok(created(&state, "channels", &code, &done))
}

/// Replaces a channel. A field that is left out gets its default.
#[utoipa::path(put, path = "/channels/{key}", tag = "channels", operation_id = "replace_channel",
    params(("key" = String, Path, description = "Id or code"), ("If-Match" = Option<String>, Header,
        description = "ETag that was read; 412 when the channel has another version")),
    request_body = ChannelWritten,
    responses((status = 200, description = "The channel after the write", body = ChannelRow,
        headers(("ETag" = String, description = "Version of the channel, for If-Match"))),
        answers::WriteErrors, answers::EntryErrors, answers::PreconditionErrors))]
pub(super) async fn replace(
    caller: Authorized<Admin>,
    state: Shared,
    key: Key,
    version: IfMatch,
    JsonBody(body): JsonBody,
) -> Answer {
    write(&caller, state, key, version, &body, Change::Replace).await
}

/// Changes the fields of a channel that the body contains. `null` removes a value.
#[utoipa::path(patch, path = "/channels/{key}", tag = "channels", operation_id = "change_channel",
    params(("key" = String, Path, description = "Id or code"), ("If-Match" = Option<String>, Header,
        description = "ETag that was read; 412 when the channel has another version")),
    request_body = ChannelWritten,
    responses((status = 200, description = "The channel after the write", body = ChannelRow,
        headers(("ETag" = String, description = "Version of the channel, for If-Match"))),
        answers::WriteErrors, answers::EntryErrors, answers::PreconditionErrors))]
pub(super) async fn change(
    caller: Authorized<Admin>,
    state: Shared,
    key: Key,
    version: IfMatch,
    JsonBody(body): JsonBody,
) -> Answer {
    write(&caller, state, key, version, &body, Change::Merge).await
}

async fn write(
    caller: &Authorized<Admin>,
    Extract(state): Shared,
    Key(key): Key,
    IfMatch(expected): IfMatch,
    body: &Document,
    change: Change,
) -> Answer {
    let after = state.store()?.change_channel(&key, body, change, expected).await?;
    let action = match change {
        Change::Merge => "channel changed",
        Change::Replace => "channel replaced",
    };
    caller.audit(action, &key);
    Ok(versioned(&after))
}

/// Disables a channel. Its row stays, so that its history keeps the name.
#[utoipa::path(delete, path = "/channels/{key}", tag = "channels", operation_id = "disable_channel",
    params(("key" = String, Path, description = "Id or code"), ("If-Match" = Option<String>, Header,
        description = "ETag that was read; 412 when the channel has another version")),
    responses((status = 200, description = "Disabled; discovery drops it", body = ChannelDone),
        answers::DeleteErrors, answers::EntryErrors, answers::PreconditionErrors))]
pub(super) async fn disable(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    Key(key): Key,
    IfMatch(expected): IfMatch,
) -> Answer {
    let after = state.store()?.disable_channel(&key, expected).await?;
    caller.audit("channel disabled", &key);
    let channel_id = after.row.id.unwrap_or_default();
    Ok(json(StatusCode::OK, &ChannelDone { status: bodies::OK, channel_id, message: "Channel disabled" }))
}

/// Reads the whole report of a channel's last probe.
#[utoipa::path(get, path = "/channels/{key}/report", tag = "channels", operation_id = "channel_report",
    params(("key" = String, Path, description = "Id or code")),
    responses((status = 200, description = "The report", body = bodies::ReportDocument),
        answers::AccessErrors, answers::EntryErrors))]
pub(super) async fn report(_: Authorized<Read>, Extract(state): Shared, Key(key): Key) -> Answer {
    let mut report = state.last_report(&key);
    if let (None, Some(store)) = (&report, &state.api.store) {
        let channel = store.channel(&key).await?.row;
        report = state.last_report(&channel.channel_code);
    }
    let report = report.ok_or_else(|| {
        let detail = format!("`{}` was not probed since the start; ask /probe?target= first", key.escape_debug());
        Problem::new(StatusCode::NOT_FOUND, detail)
    })?;
    Ok(json(StatusCode::OK, &*report))
}

/// Reads the filter of a list of channels from the parameters [`Filters`]; the page is not set.
pub(super) fn filter(parameters: &mut Parameters) -> Result<ChannelFilter, Problem> {
    Ok(ChannelFilter {
        tier: tier(parameters)?,
        is_4k: parameters.value("is_4k", "true or false")?,
        enabled: parameters.value("enabled", "true or false")?,
        template: parameters.text("template"),
        q: parameters.text("q").map(|text| normalized(&text)),
        ..ChannelFilter::default()
    })
}

/// Longest time before now for which the API returns a channel's states and alerts.
const MAX_HISTORY: Duration = Duration::from_secs(30 * 86_400);
const DEFAULT_HISTORY: Duration = Duration::from_secs(86_400);

/// Reads the states and alerts of a channel from the time `since`, which is at most 30 days ago; without `since` those
/// of the last day. The list contains alerts of which nobody was notified because another alert inhibited them.
#[utoipa::path(get, path = "/channels/{key}/history", tag = "channels", operation_id = "channel_history",
    params(("key" = String, Path, description = "Id or code"),
        ("since" = Option<String>, Query, description = "RFC 3339, at most 30 days ago", format = DateTime)),
    responses((status = 200, description = "States and alerts", body = bodies::ChannelHistory), answers::ReadErrors,
        answers::EntryErrors))]
pub(super) async fn history(
    _: Authorized<Read>,
    Extract(state): Shared,
    KeyBesideParameters(key): KeyBesideParameters,
    mut parameters: Parameters,
) -> Answer {
    let store = state.store()?;
    let now = Timestamp::now();
    let since = since(parameters.text("since").as_deref(), now)?;
    parameters.end()?;
    let known = store.channel(&key).await;
    let code = known.as_ref().map_or(key.as_str(), |channel| &channel.row.channel_code).to_owned();
    let ChannelPast { states, complete_since, alerts } = store.channel_history(&code, since).await?;
    if states.is_empty() && alerts.is_empty() {
        // A channel that was deleted keeps its history.
        known?;
    }
    let (since, states_complete_since) = (since.to_string(), complete_since);
    Ok(json(StatusCode::OK, &bodies::ChannelHistory { channel: code, since, states_complete_since, states, alerts }))
}

/// Returns the beginning of a history from the parameter `since`.
fn since(text: Option<&str>, now: Timestamp) -> Result<Timestamp, Problem> {
    let before = |duration: Duration| Seconds(-duration.as_secs_f64()).after(now);
    let Some(text) = text else { return Ok(before(DEFAULT_HISTORY)) };
    let since = text.parse::<Timestamp>().ok().filter(|since| *since >= before(MAX_HISTORY) && *since <= now);
    since.ok_or_else(|| {
        Problem::bad("parameter `since` must be a time of the last 30 days, such as 2026-01-31T18:00:00Z")
    })
}

fn tier(parameters: &mut Parameters) -> Result<Option<i32>, Problem> {
    let tier = parameters.value::<i32>("tier", "a number from 0 to 2147483647")?;
    if tier.is_some_and(i32::is_negative) {
        return Err(Problem::bad("parameter `tier` must be a number from 0 to 2147483647"));
    }
    Ok(tier)
}

/// Returns whether a channel of the catalogue in force passes the filter.
pub(super) fn fits(filter: &ChannelFilter, channel: &Channel) -> bool {
    let named = |q: &String| format!("{} {}", channel.code, channel.name).to_lowercase().contains(&q.to_lowercase());
    filter.tier.is_none_or(|tier| channel.tier.is_some_and(|own| i64::from(own) == i64::from(tier)))
        && filter.is_4k.is_none_or(|is| is == channel.is_4k)
        && filter.enabled.is_none_or(|is| is == channel.enabled)
        && filter.template.as_ref().is_none_or(|template| *template == channel.template)
        && filter.q.as_ref().is_none_or(named)
}

/// Makes a page of the channels of channels.yml. Their positions in the order of codes, from 1, serve as ids.
fn page_of_files(state: &ServerState, filter: &ChannelFilter) -> Page<ChannelRow> {
    let config = state.backend.config();
    let numbered = (1..).zip(config.snapshot.channels.values()).filter(|(n, c)| *n > filter.after && fits(filter, c));
    Page::of(numbered.map(|(n, channel)| (n, ChannelRow::from(&**channel))), filter.limit)
}
