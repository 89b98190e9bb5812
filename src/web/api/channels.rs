//! Channels. Without a database they are read from the catalogue in force.

use super::authorization::{Admin, Authorized, Read};
use super::openapi::{answers, schema};
use super::problem::Problem;
use super::request::{IfMatch, JsonBody, Key, NoParameters, Parameters};
use super::{Answer, Shared, created, json, listed, page, shown};
use crate::catalog::{self, Channel};
use crate::document::Document;
use crate::store::{ChannelFilter, Page};
use crate::web::State;
use axum::extract::State as Extract;
use http::StatusCode;
use serde_json::{Map, Value, json as value};

/// What the list may be narrowed to, for the document.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
struct Filters {
    #[param(minimum = 0, maximum = 2147483647)]
    tier: Option<i32>,
    is_4k: Option<bool>,
    enabled: Option<bool>,
    /// A template's name.
    #[param(max_length = 512)]
    template: Option<String>,
    /// Part of the code or name, in any case.
    #[param(max_length = 512)]
    q: Option<String>,
}

/// Channels by id, a page at a time.
#[utoipa::path(get, path = "/channels", tag = "channels", operation_id = "list_channels", params(Filters, schema::Pages),
    responses((status = 200, description = "A page", body = schema::Channels), answers::Reading))]
pub async fn list(_: Authorized<Read>, Extract(state): Shared, mut parameters: Parameters) -> Answer {
    let (limit, after) = parameters.page()?;
    let filter = ChannelFilter {
        tier: tier(&mut parameters)?,
        is_4k: parameters.value("is_4k", "true or false")?,
        enabled: parameters.value("enabled", "true or false")?,
        template: parameters.text("template"),
        q: parameters.text("q"),
        after: after.unwrap_or(0),
        limit,
    };
    parameters.end()?;
    let page = match &state.api.store {
        Some(store) => store.channels(&filter).await?,
        None => of_files(&state, &filter),
    };
    Ok(listed("channels", page))
}

/// One channel.
#[utoipa::path(get, path = "/channels/{key}", tag = "channels", operation_id = "channel", params(("key" = String, Path, description = "Id or code")),
    responses((status = 200, description = "The channel", body = schema::Channel, headers(("ETag" = String, description = "Of this version; for If-Match"))), answers::Reading, answers::Keyed))]
pub async fn one(_: Authorized<Read>, Extract(state): Shared, Key(key): Key) -> Answer {
    if let Some(store) = &state.api.store {
        return Ok(shown(&store.channel(&key).await?));
    }
    let loaded = state.backend.config();
    let missing = |e: catalog::Unknown| Problem::new(StatusCode::NOT_FOUND, e.to_string());
    Ok(json(StatusCode::OK, &document(loaded.snapshot.channel(&key).map_err(missing)?)))
}

/// Creates a channel.
#[utoipa::path(post, path = "/channels", tag = "channels", operation_id = "create_channel", request_body = schema::ChannelWritten,
    responses((status = 201, description = "Created", body = schema::ChannelDone, headers(("Location" = String))), answers::Writing, answers::Conflicting))]
pub async fn create(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    _: NoParameters,
    JsonBody(body): JsonBody,
) -> Answer {
    let columns = columns(&body)?;
    let code = columns.get("channel_code").and_then(Value::as_str).unwrap_or_default().to_owned();
    let id = state.store()?.create_channel(columns).await?;
    caller.audit("channel created", &code);
    let answer = value!({"status": "ok", "channel_id": id, "message": "Channel created successfully"});
    Ok(created(&state, "channels", &code, &answer))
}

/// Replaces a channel: what isn't sent gets its default.
#[utoipa::path(put, path = "/channels/{key}", tag = "channels", operation_id = "replace_channel", params(("key" = String, Path, description = "Id or code"), ("If-Match" = Option<String>, Header, description = "The ETag that was read; 412 where the entry has another")), request_body = schema::ChannelWritten,
    responses((status = 200, description = "The channel now", body = schema::Channel, headers(("ETag" = String, description = "Of this version; for If-Match"))), answers::Writing, answers::Keyed, answers::Conditional))]
pub async fn replace(
    caller: Authorized<Admin>,
    state: Shared,
    key: Key,
    version: IfMatch,
    JsonBody(body): JsonBody,
) -> Answer {
    write(&caller, state, key, version, &body, false).await
}

/// Changes what is sent; `null` takes away.
#[utoipa::path(patch, path = "/channels/{key}", tag = "channels", operation_id = "change_channel", params(("key" = String, Path, description = "Id or code"), ("If-Match" = Option<String>, Header, description = "The ETag that was read; 412 where the entry has another")), request_body = schema::ChannelWritten,
    responses((status = 200, description = "The channel now", body = schema::Channel, headers(("ETag" = String, description = "Of this version; for If-Match"))), answers::Writing, answers::Keyed, answers::Conditional))]
pub async fn change(
    caller: Authorized<Admin>,
    state: Shared,
    key: Key,
    version: IfMatch,
    JsonBody(body): JsonBody,
) -> Answer {
    write(&caller, state, key, version, &body, true).await
}

async fn write(
    caller: &Authorized<Admin>,
    Extract(state): Shared,
    Key(key): Key,
    IfMatch(expected): IfMatch,
    body: &Document,
    merge: bool,
) -> Answer {
    let given = catalog::given_columns(body).map_err(|errors| Problem::fields(&errors))?;
    let after = state.store()?.change_channel(&key, given, merge, expected).await?;
    caller.audit(if merge { "channel changed" } else { "channel replaced" }, &key);
    Ok(shown(&after))
}

/// Disables a channel: the guide's soft delete.
#[utoipa::path(delete, path = "/channels/{key}", tag = "channels", operation_id = "disable_channel", params(("key" = String, Path, description = "Id or code"), ("If-Match" = Option<String>, Header, description = "The ETag that was read; 412 where the entry has another")),
    responses((status = 200, description = "Disabled; discovery drops it", body = schema::ChannelDone), answers::Removing, answers::Keyed, answers::Conditional))]
pub async fn disable(
    caller: Authorized<Admin>,
    Extract(state): Shared,
    Key(key): Key,
    IfMatch(expected): IfMatch,
) -> Answer {
    let off = Map::from_iter([("enabled".to_owned(), Value::Bool(false))]);
    let after = state.store()?.change_channel(&key, off, true, expected).await?;
    caller.audit("channel disabled", &key);
    let id = after.document.get("id").cloned().unwrap_or_default();
    Ok(json(StatusCode::OK, &value!({"status": "ok", "channel_id": id, "message": "Channel disabled"})))
}

/// The last probe's whole report.
#[utoipa::path(get, path = "/channels/{key}/report", tag = "channels", operation_id = "channel_report", params(("key" = String, Path, description = "Id or code")),
    responses((status = 200, description = "The report", body = schema::Report), answers::Guarded, answers::Keyed))]
pub async fn report(_: Authorized<Read>, Extract(state): Shared, Key(key): Key) -> Answer {
    let mut report = state.last_report(&key);
    if let (None, Some(store)) = (&report, &state.api.store) {
        let channel = store.channel(&key).await?.document;
        report = channel.get("channel_code").and_then(Value::as_str).and_then(|code| state.last_report(code));
    }
    let report = report.ok_or_else(|| {
        let detail = format!("`{}` was not probed since the start; ask /probe?target= first", key.escape_debug());
        Problem::new(StatusCode::NOT_FOUND, detail)
    })?;
    Ok(json(StatusCode::OK, &serde_json::to_value(&*report).unwrap_or_default()))
}

fn columns(body: &Document) -> Result<Map<String, Value>, Problem> {
    catalog::channel_columns(body).map_err(|errors| Problem::fields(&errors))
}

fn tier(parameters: &mut Parameters) -> Result<Option<i32>, Problem> {
    let tier = parameters.value::<i32>("tier", "a number from 0 to 2147483647")?;
    if tier.is_some_and(i32::is_negative) {
        return Err(Problem::bad("parameter `tier` must be a number from 0 to 2147483647"));
    }
    Ok(tier)
}

/// The catalogue's channels numbered in the order of their codes, for the pages.
fn of_files(state: &State, filter: &ChannelFilter) -> Page {
    let loaded = state.backend.config();
    let q = filter.q.as_ref().map(|q| q.to_lowercase());
    let fits = |c: &Channel| {
        filter.tier.is_none_or(|tier| c.tier.is_some_and(|t| i64::from(t) == i64::from(tier)))
            && filter.is_4k.is_none_or(|is| is == c.is_4k)
            && filter.enabled.is_none_or(|is| is == c.enabled)
            && filter.template.as_ref().is_none_or(|t| *t == c.template)
            && q.as_ref().is_none_or(|q| format!("{} {}", c.code, c.name).to_lowercase().contains(q.as_str()))
    };
    let numbered = (1..).zip(loaded.snapshot.channels.values()).filter(|(_, c)| fits(c));
    page(numbered, filter.after, filter.limit, |c| document(c))
}

fn document(channel: &Channel) -> Value {
    let shown = serde_json::to_value(channel).unwrap_or_default();
    let url_of = |name: usize| shown.pointer(&format!("/outputs/{name}/url")).cloned();
    let others = channel.outputs.iter().enumerate().skip(1).filter_map(|(i, o)| Some((o.name.clone(), url_of(i)?)));
    value!({
        "channel_code": channel.code, "channel_name": channel.name, "channel_type": channel.channel_type,
        "tier": channel.tier, "codec": channel.codec, "resolution": shown.get("resolution"), "fps": channel.fps,
        "is_4k": channel.is_4k, "is_hdr": channel.is_hdr, "input_url": url_of(0),
        "outputs": Value::Object(others.collect()), "ladder": shown.get("ladder"),
        "template_name": channel.template, "enabled": channel.enabled,
    })
}
