//! Runbooks of the alerts at `/runbooks/NAME`. They are embedded in the binary, so that the link in an alert's message
//! works wherever the exporter is reachable.

use super::api::openapi::answers;
use super::page::{Links, STYLE, escape};
use super::{ServerState, respond};
use axum::Extension;
use axum::extract::{Path, State as Extract};
use axum::response::Response;
use http::StatusCode;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};
use std::fmt::Write as _;
use std::sync::Arc;

/// Name and Markdown text of each runbook in `docs/runbooks`, sorted by name.
const RUNBOOKS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/runbooks.rs"));

/// Lists the runbooks of all alerts.
#[utoipa::path(get, path = "/runbooks", tag = "probing", operation_id = "runbooks",
    responses((status = 200, description = "The list", body = String, content_type = "text/html"), answers::PlainTextErrors))]
pub(super) async fn list(Extract(state): Extract<Arc<ServerState>>, Extension(links): Extension<Links>) -> Response {
    let base = escape(&state.settings.link_prefix);
    let mut items = String::new();
    for (name, _) in RUNBOOKS {
        let _ = writeln!(items, "<li><a href=\"{base}/runbooks/{name}\">{name}</a></li>");
    }
    respond::html(document("Runbooks", &base, links, &format!("<h1>Runbooks</h1>\n<ul>\n{items}</ul>\n")))
}

/// Shows the runbook of an alert.
#[utoipa::path(get, path = "/runbooks/{name}", tag = "probing", operation_id = "runbook",
    params(("name" = String, Path, description = "Name of an alert", example = "ChannelDown")),
    responses((status = 200, description = "The runbook", body = String, content_type = "text/html"),
        (status = 404, description = "There is no such runbook", body = String, content_type = "text/plain"), answers::PlainTextErrors))]
pub(super) async fn one(
    Extract(state): Extract<Arc<ServerState>>,
    Extension(links): Extension<Links>,
    Path(name): Path<String>,
) -> Response {
    let name = name.strip_suffix(".md").unwrap_or(&name);
    match RUNBOOKS.iter().find(|(known, _)| *known == name) {
        Some((name, text)) => {
            let base = escape(&state.settings.link_prefix);
            respond::html(document(name, &base, links, &rendered(text)))
        }
        None => respond::text(StatusCode::NOT_FOUND, "there is no such runbook; /runbooks lists all"),
    }
}

fn document(title: &str, base: &str, links: Links, body: &str) -> String {
    let home = if links.has_home { "/" } else { "/ui/" };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} - packager_exporter</title>\
<meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}pre{{overflow-x:auto;padding:.6rem;\
background:#f3f3f3}}</style></head><body>\n<p><a href=\"{base}{home}\">packager_exporter</a> · \
<a href=\"{base}/runbooks\">Runbooks</a></p>\n{body}</body></html>\n"
    )
}

/// Converts Markdown to HTML. HTML in the text is shown as text, images are left out, and a link becomes plain text
/// unless it leads to another runbook or a web page.
fn rendered(markdown: &str) -> String {
    let mut links = Vec::new();
    let safe = Parser::new_ext(markdown, Options::ENABLE_TABLES).filter_map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        Event::Start(Tag::Link { link_type, dest_url, .. }) => {
            let target = target(&dest_url);
            links.push(target.is_some());
            let (title, id) = (CowStr::from(""), CowStr::from(""));
            target.map(|target| Event::Start(Tag::Link { link_type, dest_url: target.into(), title, id }))
        }
        Event::End(TagEnd::Link) => links.pop().filter(|kept| *kept).map(|_| Event::End(TagEnd::Link)),
        event => Some(event),
    });
    let mut out = String::with_capacity(markdown.len() * 3 / 2);
    html::push_html(&mut out, safe);
    out
}

/// Returns the target of a link in a runbook, relative to `/runbooks/NAME`. `None`: the link becomes plain text.
fn target(link: &str) -> Option<String> {
    if link.starts_with("https://") || link.starts_with("http://") {
        return Some(link.to_owned());
    }
    let name = link.strip_suffix(".md")?;
    RUNBOOKS.iter().any(|(known, _)| *known == name).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runbook_may_have_no_markup_of_its_own_and_no_link_that_runs_anything() {
        let text = "<script>alert(1)</script>\n\nA <b>bold</b> [x](javascript:alert(1)) ![i](http://h/i.png)\n";
        let html = rendered(text);
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && html.contains("&lt;b&gt;bold"), "{html}");
        assert!(!html.contains("javascript:") && !html.contains("<img") && html.contains(" x "), "{html}");
    }

    #[test]
    fn a_link_to_another_runbook_leads_to_its_page() {
        let html =
            rendered("See [PackagerDown](PackagerDown.md), [no page](Nothing.md) and [there](https://example.com/a).");
        assert!(html.contains("<a href=\"PackagerDown\">PackagerDown</a>, no page and"), "{html}");
        assert!(html.contains("<a href=\"https://example.com/a\">there</a>"), "{html}");
    }

    #[test]
    fn every_runbook_is_inside_and_loses_no_link() {
        assert!(RUNBOOKS.len() > 40 && RUNBOOKS.is_sorted());
        for (name, text) in RUNBOOKS {
            let html = rendered(text);
            assert!(html.starts_with(&format!("<h1>{name}</h1>")) && html.contains("<pre><code"), "{name}: {html}");
            assert_eq!(html.matches("<a href=").count(), text.matches("](").count(), "{name}: {html}");
        }
    }
}
