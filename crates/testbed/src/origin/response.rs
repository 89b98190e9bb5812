//! Responses of the origin to requests, faults included.

mod headers;
mod manifests;
mod media;

use super::dialects::{self, Dialect};
use super::faults::Effect;
use super::route::{Mode, Resource, Route};
use super::state::{OriginState, STALE_AFTER_MS};
use super::timeline::Timeline;
use super::visits::{self, Session, Visit};
use super::{mpd_updates, steering};
use axum::body::Body;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub(super) const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";
const PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n";

/// A request for a resource of one of the origin's channels, with the state of the origin.
pub(super) struct RequestContext<'a> {
    pub state: &'a OriginState,
    pub route: &'a Route,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
    /// Whether the connection is to be reset at the end of the response body.
    pub reset: Arc<AtomicBool>,
}

/// A response of the origin before the headers that all responses have are added.
struct Reply {
    status: StatusCode,
    kind: &'static str,
    body: Content,
    modified_ms: Option<i64>,
}

enum Content {
    Whole(Bytes),
    /// A response body that misbehaves, with the length that it announces and its content coding.
    Stream(Body, Option<u64>, Option<&'static str>),
}

pub(super) async fn answer(request: &RequestContext<'_>) -> Response<Body> {
    let now_ms = request.route.at_ms.unwrap_or_else(|| request.state.clock.now_ms());
    let (effect, since_ms) = request.state.effect_of(request.route);
    let listed_ms = match effect {
        Some(Effect::Stale) => now_ms.min(since_ms),
        Some(Effect::LiveEdgeBehind(seconds)) => now_ms - 1000 * seconds,
        // From the start of the origin on.
        Some(Effect::EdgeSlow) => now_ms - (now_ms - since_ms + STALE_AFTER_MS).max(0) / 5,
        _ => now_ms,
    };
    let mut timeline = Timeline::new(request.route.channel, request.route.number, effect);
    timeline.requested_ms = now_ms;
    let session = session_of(request, &timeline, now_ms, listed_ms);
    let listed_ms = match session {
        Some(session) if session.is_frozen(effect) => listed_ms.min(since_ms),
        Some(session) => listed_ms - session.late_ms(),
        None => listed_ms,
    };
    match (request.route.visit, &request.route.resource) {
        // An MPD numbers segments from the beginning of its Period.
        (_, Resource::Mpd(..)) => {}
        (Visit::Session(session), _) => timeline.base = session.base(),
        _ => {}
    }
    if matches!(request.route.mode, Mode::Folder) {
        timeline.stem = format!("{}_", request.route.name);
    }
    if let Mode::Dialect(style) = request.route.mode {
        style.timeline(&mut timeline, listed_ms);
    }
    let mut reply = match refusal(request, &timeline, now_ms) {
        Some(refusal) => refusal,
        None => reply(request, &timeline, listed_ms).await,
    };
    manifests::apply_dialect(request, &mut reply);
    apply_session(request, session, &mut reply);
    if let Some(modified) = &mut reply.modified_ms {
        *modified += match effect {
            Some(Effect::LiveEdgeBehind(seconds)) => 1000 * seconds,
            _ => session.map_or(0, Session::late_ms),
        };
    }
    let mut response = headers::finish(request, effect, now_ms, reply);
    let more = match (request.route.visit, session) {
        (Visit::Redirects, Some(session)) => Some((header::LOCATION, format!("{}/master.m3u8", session.folder()))),
        (Visit::SetsCookie, _) => Some((header::SET_COOKIE, visits::set_cookie(request.path, effect, now_ms))),
        _ => None,
    };
    if let Some((name, Ok(value))) = more.map(|(name, text)| (name, HeaderValue::from_str(&text))) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Returns the playback session that the request begins or is part of; `None` without one.
fn session_of(request: &RequestContext<'_>, timeline: &Timeline, now_ms: i64, listed_ms: i64) -> Option<Session> {
    match request.route.visit {
        Visit::Opens | Visit::Redirects => {
            Some(Session::begin(timeline, now_ms, listed_ms, request.state.next_request_number("session")))
        }
        Visit::Session(session) => Some(session),
        Visit::Plain | Visit::SetsCookie | Visit::Guarded => None,
    }
}

/// Returns the reply to a request that is redirected or not admitted; `None` for other requests.
fn refusal(request: &RequestContext<'_>, timeline: &Timeline, now_ms: i64) -> Option<Reply> {
    match request.route.visit {
        Visit::Redirects => Some(plain_text(StatusCode::FOUND, "in a session\n")),
        Visit::Guarded if !visits::is_admitted(request.headers, now_ms) => {
            Some(plain_text(StatusCode::FORBIDDEN, "no cookie, no stream\n"))
        }
        Visit::Session(session) if request.route.resource.is_playlist() && session.is_over(timeline, now_ms) => {
            Some(not_found())
        }
        _ => None,
    }
}

/// Rewrites the URIs of a manifest that begins a playback session, so that they name the session's folder. In a
/// manifest with access by cookie they name the folder that is refused without the cookie.
fn apply_session(request: &RequestContext<'_>, session: Option<Session>, reply: &mut Reply) {
    if !matches!(request.route.visit, Visit::Opens | Visit::SetsCookie) {
        return;
    }
    let (Content::Whole(bytes), true) = (&reply.body, reply.status.is_success()) else { return };
    let text = String::from_utf8_lossy(bytes);
    let text = match (request.route.visit, session, &request.route.resource) {
        (Visit::Opens, Some(session), Resource::Master) => visits::in_folder(&text, &session.folder()),
        (Visit::Opens, Some(session), _) => {
            let location = format!("<Location>{}/time.mpd</Location>\n<Period", session.folder());
            text.replacen("<Period", &location, 1)
        }
        (Visit::SetsCookie, ..) => visits::guarded(&text),
        _ => return,
    };
    reply.body = Content::Whole(text.into());
}

async fn reply(request: &RequestContext<'_>, timeline: &Timeline, now_ms: i64) -> Reply {
    if timeline.effect == Some(Effect::Silent) {
        std::future::pending::<()>().await;
    }
    if timeline.effect == Some(Effect::EveryThirdPlaylistFails)
        && request.route.resource.is_playlist()
        && request.state.next_request_number("flaky") % 3 == 2
    {
        return plain_text(StatusCode::SERVICE_UNAVAILABLE, "busy\n");
    }
    let is_busy = match (timeline.effect, &request.route.resource) {
        (Some(Effect::ManifestBusyOnce), Resource::Master | Resource::Mpd(..))
        | (Some(Effect::PlaylistBusyOnce), Resource::Playlist(_)) => {
            request.state.next_request_number(request.path).is_multiple_of(5)
        }
        (Some(Effect::SegmentBusyOnce), Resource::Segment(_, name)) => {
            name.ends_with('0') && request.state.next_request_number(request.path) == 0
        }
        _ => false,
    };
    if is_busy {
        return plain_text(StatusCode::SERVICE_UNAVAILABLE, "busy\n");
    }
    if matches!(request.route.mode, Mode::Dialect(Dialect::Standard))
        && matches!(request.route.resource, Resource::Init(_) | Resource::Segment(..))
        && request.query != Some(dialects::PARAMETERS)
    {
        return not_found();
    }
    let is_slow = match timeline.effect {
        Some(Effect::PlaylistSlow) => matches!(request.route.resource, Resource::Playlist(_)),
        Some(Effect::KeySlow) => matches!(request.route.resource, Resource::Key(_)),
        _ => false,
    };
    if is_slow {
        tokio::time::sleep(Duration::from_millis(2_200)).await;
    }
    match &request.route.resource {
        Resource::Master => manifests::master(request, timeline, now_ms).await,
        Resource::Patch => manifests::patch(request, timeline, now_ms),
        Resource::Steering => match steering::answer(manifests::steering_fault(timeline.effect)) {
            Some(text) => ok("application/json", text.into(), None),
            None => plain_text(StatusCode::SERVICE_UNAVAILABLE, "busy\n"),
        },
        Resource::Mpd(..)
            if request.query == Some(mpd_updates::LOCATION_QUERY)
                && mpd_updates::location_is_missing(timeline.effect) =>
        {
            not_found()
        }
        Resource::Mpd(variant, file) => {
            // A request for the clock is not a player's.
            let request_number =
                if request.query == Some("clock") { 0 } else { request.state.next_request_number(request.path) };
            let reply = manifests::mpd(timeline, *variant, file, now_ms, request_number);
            if request.query == Some(mpd_updates::LOCATION_QUERY) {
                manifests::location_reply(timeline.effect, reply)
            } else {
                reply
            }
        }
        Resource::Playlist(rendition) => manifests::media_playlist(request, timeline, now_ms, *rendition).await,
        Resource::IFrames(rendition) => manifests::i_frame_playlist(request, timeline, now_ms, *rendition),
        Resource::Init(rendition) => media::init(timeline, now_ms, *rendition),
        Resource::IndexedFile(rendition, from) => media::indexed_file(timeline, *rendition, *from),
        Resource::Key(number) => media::key(timeline.effect, *number),
        Resource::Segment(rendition, name) => media::segment(request, timeline, now_ms, *rendition, name).await,
        Resource::Part(rendition, number, at) => {
            media::part(request, timeline, now_ms, *rendition, (*number, *at)).await
        }
    }
}

fn ok(kind: &'static str, content: Bytes, modified_ms: Option<i64>) -> Reply {
    Reply { status: StatusCode::OK, kind, body: Content::Whole(content), modified_ms }
}

fn plain_text(status: StatusCode, text: &'static str) -> Reply {
    Reply { status, kind: "text/plain", body: Content::Whole(Bytes::from_static(text.as_bytes())), modified_ms: None }
}

fn not_found() -> Reply {
    plain_text(StatusCode::NOT_FOUND, "not found\n")
}
