//! `GET /api/v1/events`: server-sent events (HTML Living Standard, 9.2).

use super::authorization::{Authorized, Read};
use super::openapi::answers;
use super::problem::Problem;
use super::request::Parameters;
use super::{Answer, Shared};
use crate::web::events::{Heard, Listener, MAX_LISTENERS};
use axum::extract::State as Extract;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::json;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A browser comes back after so long.
const RETRY: Duration = Duration::from_secs(3);
/// nginx holds answers back otherwise.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

struct Pace {
    /// A comment in silence, so that neither side and no proxy takes the connection for dead.
    heartbeat: Duration,
    /// A stream ends then and its client comes back: whoever may not read any more is refused there.
    longest: Duration,
}

const PACE: Pace = Pace { heartbeat: Duration::from_secs(15), longest: Duration::from_secs(3600) };

/// Probe results as they come, alert changes where there is a database; docs/api.md has the events.
#[utoipa::path(get, path = "/events", tag = "events", operation_id = "events",
    params(("channel" = Option<String>, Query, description = "A channel's code: its events alone")),
    responses((status = 200, description = "Events `probe`, `alert` and `lagged`, each with JSON in `data`", body = String,
        content_type = "text/event-stream"), answers::Reading, answers::Keyed))]
pub async fn events(_: Authorized<Read>, Extract(state): Shared, mut parameters: Parameters) -> Answer {
    let channel = parameters.text("channel");
    parameters.end()?;
    if let Some(code) = &channel {
        let loaded = state.backend.config();
        loaded.snapshot.channel(code).map_err(|e| Problem::new(StatusCode::NOT_FOUND, e.to_string()))?;
    }
    let listener = state.listen().ok_or_else(|| {
        let why = format!("{MAX_LISTENERS} clients listen already, or the exporter is stopping; ask again later");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, why)
    })?;
    Ok(answer(listener, channel, &PACE))
}

fn answer(listener: Listener, channel: Option<String>, pace: &Pace) -> Response {
    let hello = stream::once(std::future::ready(Event::default().retry(RETRY).comment("listening")));
    let events = hello.chain(heard(listener, channel, pace.longest)).map(Ok::<_, Infallible>);
    let unbuffered = [(UNBUFFERED, HeaderValue::from_static("no"))];
    (unbuffered, Sse::new(events).keep_alive(KeepAlive::new().interval(pace.heartbeat))).into_response()
}

fn heard(listener: Listener, channel: Option<String>, longest: Duration) -> impl Stream<Item = Event> {
    let end = Instant::now() + longest;
    stream::unfold((listener, channel), move |(mut listener, channel)| async move {
        loop {
            let heard = timeout_at(end, listener.next()).await.ok()??;
            if let Some(event) = event(&heard, channel.as_deref()) {
                return Some((event, (listener, channel)));
            }
        }
    })
}

/// `None`: of another channel.
fn event(heard: &Heard, channel: Option<&str>) -> Option<Event> {
    match heard {
        Heard::Event(event) => {
            let wanted = channel.is_none_or(|code| event.channel.as_deref() == Some(code));
            wanted.then(|| Event::default().event(event.name).data(&event.data))
        }
        Heard::Lost(missed) => Some(Event::default().event("lagged").data(json!({"missed": missed}).to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::events::Events;

    #[tokio::test]
    async fn silence_is_filled_with_comments_and_the_stream_ends_in_time() {
        let events = Events::default();
        let pace = Pace { heartbeat: Duration::from_millis(10), longest: Duration::from_millis(300) };
        let answer = answer(events.listen().unwrap(), None, &pace);
        let text = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        let (hello, comments) = text.split_once("\n\n").unwrap();
        assert_eq!(hello, "retry: 3000\n: listening");
        assert!(comments.starts_with(":\n\n") && comments.replace(":\n\n", "").is_empty(), "{text}");
    }
}
