//! Page at `/`: the state of every channel, recent probes, and a form to probe a channel by hand. Every text in it is
//! escaped.

use super::access::{Allowed, Read};
use super::api::openapi::answers;
use super::channel_table::{self, Filter, whole_second};
use super::recent::RecentProbe;
use super::{ServerState, respond};
use crate::report::ChannelCondition;
use axum::response::Response;
use axum::{Extension, extract};
use http::{HeaderMap, StatusCode};
use std::fmt::Write;
use std::sync::Arc;

/// Largest number of channel codes that the form offers. More would make the page slow.
const MAX_CODES: usize = 2000;
pub(super) const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ccc}\
td{overflow-wrap:anywhere}.bad{color:#b00020;font-weight:600}.poor{color:#8a4b00;font-weight:600}.good{color:#17692b}.dim{color:#5c5c5c}form>*{margin-right:.6rem}";

/// Pages to which other pages link, because the same address serves them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Links {
    /// Whether the web page at `/ui/` is served.
    pub(super) has_ui: bool,
    /// Whether the page at `/` is served.
    pub(super) has_home: bool,
}

/// Shows the state of every channel, recent probes, and a form to probe a channel by hand.
#[utoipa::path(get, path = "/", tag = "probing", operation_id = "page",
    params(("state" = Option<String>, Query, description = "Shows channels of this state only", pattern = "^(|down|degraded|unknown|up|disabled)$"),
        ("q" = Option<String>, Query, description = "Part of the code or name of the shown channels"),
        ("tier" = Option<u32>, Query, description = "Tier of the shown channels"),
        ("packager" = Option<String>, Query, description = "Host of the first output of the shown channels")),
    responses((status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 400, description = "A parameter can't be read", body = String, content_type = "text/plain"), answers::PlainTextErrors))]
pub(super) async fn page(
    _: Allowed<Read>,
    extract::State(state): extract::State<Arc<ServerState>>,
    Extension(links): Extension<Links>,
    extract::RawQuery(raw): extract::RawQuery,
    headers: HeaderMap,
) -> Response {
    let filter = match Filter::read(raw.as_deref().unwrap_or_default()) {
        Ok(filter) => filter,
        Err(why) => return respond::text(StatusCode::BAD_REQUEST, why),
    };
    let entries = state.recent().list();
    let config = state.backend.config();
    let codes = config.snapshot.channels.keys().take(MAX_CODES);
    let base = escape(&state.settings.link_prefix);
    let version = env!("CARGO_PKG_VERSION");
    let ui = if links.has_ui { format!("<a href=\"{base}/ui/\">Web page</a> · ") } else { String::new() };
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>packager_exporter</title>\
<meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\n\
<h1>packager_exporter {version}</h1>\n\
<p>{ui}<a href=\"{base}/metrics\">Metrics</a> · <a href=\"{base}/config\">Configuration</a> · \
<a href=\"{base}/runbooks\">Runbooks</a> · <a href=\"{base}/-/healthy\">Healthy</a> · <a href=\"{base}/-/ready\">Ready</a></p>\n{}{}{}</body></html>\n",
        channel_table::section(&state, &base, &filter, links.has_ui),
        form(&base, codes),
        table(&base, &entries),
    );
    respond::compressible(&headers, respond::HTML, page.into_bytes()).await
}

fn form<'a>(base: &str, codes: impl Iterator<Item = &'a String>) -> String {
    let mut options = String::new();
    for code in codes {
        let _ = write!(options, "<option value=\"{}\">", escape(code));
    }
    format!(
        "<h2>Probe a channel</h2>\n<form action=\"{base}/probe\" method=\"get\">\
<label>Channel <input name=\"target\" list=\"codes\" required autocomplete=\"off\"></label>\
<datalist id=\"codes\">{options}</datalist>\
<label>Template <input name=\"template\" placeholder=\"the channel's own\"></label>\
<label><input type=\"checkbox\" name=\"debug\" value=\"true\" checked> with log</label>\
<button>Probe</button></form>\n"
    )
}

fn table(base: &str, entries: &[RecentProbe]) -> String {
    let mut rows = String::new();
    for entry in entries {
        rows.push_str(&row(base, entry));
    }
    if entries.is_empty() {
        rows.push_str("<tr><td colspan=\"7\">None yet.</td></tr>\n");
    }
    format!(
        "<h2>Recent probes</h2>\n<table><thead><tr><th>When (UTC)</th><th>Target</th><th>Template</th><th>Result</th><th>Failed checks</th>\
<th>Duration</th><th>Log</th></tr></thead><tbody>\n{rows}</tbody></table>\n"
    )
}

fn row(base: &str, entry: &RecentProbe) -> String {
    let when = whole_second(&entry.started_at);
    let (class, result) = match entry.condition {
        ChannelCondition::Up => ("good", "ok"),
        ChannelCondition::Degraded => ("poor", "degraded"),
        ChannelCondition::Down => ("bad", "failed"),
    };
    let output = entry.output.as_ref().map(|o| format!(" ({})", escape(o))).unwrap_or_default();
    format!(
        "<tr><td>{when}</td><td>{}{output}</td><td>{}</td><td class=\"{class}\">{result}</td><td>{}</td>\
<td>{:.3} s</td><td><a href=\"{base}/logs?id={}\">log</a></td></tr>\n",
        escape(&entry.target),
        escape(&entry.template),
        entry.failed.join(", "),
        entry.duration.0,
        entry.id,
    )
}

/// Shows the log of a probe, which is the same as the answer to `/probe` with `debug=true`. With `id` it is the log of
/// the probe with this number on the page. With `target` it is the log of one probe of this channel: the one with the
/// worst failed check within the last hour, or the newest one if no check failed.
#[utoipa::path(get, path = "/logs", tag = "probing", operation_id = "logs",
    params(("id" = Option<u64>, Query, description = "Number of the probe; the page links to each log"),
        ("target" = Option<String>, Query, description = "Code of a channel, in place of `id`", example = "CH_TV_HD_001")),
    responses((status = 200, description = "The log", body = String, content_type = "text/plain"),
        (status = 400, description = "Neither a number as `id` nor a `target`", body = String, content_type = "text/plain"),
        (status = 404, description = "No such probe is kept", body = String, content_type = "text/plain"), answers::PlainTextErrors))]
pub(super) async fn logs(
    _: Allowed<Read>,
    extract::State(state): extract::State<Arc<ServerState>>,
    extract::RawQuery(raw): extract::RawQuery,
) -> Response {
    let raw = raw.unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(raw.as_bytes());
    match (pairs.next(), pairs.next()) {
        (Some((name, id)), None) if name == "id" && id.parse::<u64>().is_ok() => {
            let text = id.parse().ok().and_then(|id| state.recent().text(id));
            text_or_not_found(text.as_deref(), &format!("probe {id} is no longer kept (--history.limit)"))
        }
        (Some((name, code)), None) if name == "target" => {
            let text = state.last_fault_report(&code).map(|report| super::probe::debug_text(&report));
            text_or_not_found(
                text.as_deref(),
                "this exporter has not probed all outputs of such a channel of its catalogue",
            )
        }
        _ => respond::text(
            StatusCode::BAD_REQUEST,
            "ask for /logs?id=NUMBER or /logs?target=CODE; the page at / links to each log",
        ),
    }
}

fn text_or_not_found(text: Option<&str>, otherwise: &str) -> Response {
    match text {
        Some(text) => respond::text(StatusCode::OK, text),
        None => respond::text(StatusCode::NOT_FOUND, otherwise),
    }
}

pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_markup_is_escaped() {
        assert_eq!(escape("<a b=\"c\" d='e'>&ế"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;ế");
    }
}
