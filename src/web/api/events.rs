//! `GET /api/v1/events`: server-sent events (HTML Living Standard, 9.2).

use super::authorization::{Authorized, Read};
use super::openapi::answers;
use super::problem::Problem;
use super::request::Parameters;
use super::{Answer, Shared};
use crate::web::events::{Listener, MAX_LISTENERS, Received};
use axum::extract::State as Extract;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Time after which a browser connects again.
const RETRY: Duration = Duration::from_secs(3);
/// Header that makes nginx pass events on at once.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

struct Pace {
    /// Time without events after which a comment is sent, so that neither side nor a proxy takes the connection for
    /// dead.
    heartbeat: Duration,
    /// Longest time of a stream. The client connects again, and is refused if its token was revoked in the meantime.
    longest: Duration,
}

const PACE: Pace = Pace { heartbeat: Duration::from_secs(15), longest: Duration::from_secs(3600) };

/// Streams probe results and, with a database, changes of alerts, as they happen; docs/api.md describes the events.
#[utoipa::path(get, path = "/events", tag = "events", operation_id = "events",
    params(("channel" = Option<String>, Query, description = "Code of a channel: only its events")),
    responses((status = 200, description = "Events `probe`, `alert` and `lagged`, each with JSON in `data`", body = String,
        content_type = "text/event-stream"), answers::Reading, answers::Keyed))]
pub(super) async fn events(_: Authorized<Read>, Extract(state): Shared, mut parameters: Parameters) -> Answer {
    let channel = parameters.text("channel");
    parameters.end()?;
    if let Some(code) = &channel {
        let config = state.backend.config();
        config.snapshot.channel(code).map_err(|e| Problem::new(StatusCode::NOT_FOUND, e.to_string()))?;
    }
    let listener = state.listen().ok_or_else(|| {
        let why = format!("{MAX_LISTENERS} clients listen already, or the exporter is stopping; try again later");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, why)
    })?;
    Ok(answer(listener, channel, &PACE))
}

fn answer(listener: Listener, channel: Option<String>, pace: &Pace) -> Response {
    let hello = stream::once(std::future::ready(Event::default().retry(RETRY).comment("listening")));
    let events = hello.chain(events_of(listener, channel, pace.longest)).map(Ok::<_, Infallible>);
    let unbuffered = [(UNBUFFERED, HeaderValue::from_static("no"))];
    (unbuffered, Sse::new(events).keep_alive(KeepAlive::new().interval(pace.heartbeat))).into_response()
}

fn events_of(listener: Listener, channel: Option<String>, longest: Duration) -> impl Stream<Item = Event> {
    let end = Instant::now() + longest;
    stream::unfold((listener, channel), move |(mut listener, channel)| async move {
        loop {
            let received = timeout_at(end, listener.next()).await.ok()??;
            if let Some(event) = event(&received, channel.as_deref()) {
                return Some((event, (listener, channel)));
            }
        }
    })
}

/// Data of the event `lagged`.
#[derive(Serialize)]
struct Lagged {
    /// Number of lost events; `null` when it is unknown.
    missed: Option<u64>,
}

/// Server-sent event; `None` for an event of another channel than `channel`.
fn event(received: &Received, channel: Option<&str>) -> Option<Event> {
    match received {
        Received::Event(event) => {
            let wanted = channel.is_none_or(|code| event.channel.as_deref() == Some(code));
            wanted.then(|| Event::default().event(event.name).data(&event.data))
        }
        Received::Lost(missed) => {
            let data = serde_json::to_string(&Lagged { missed: *missed }).ok()?;
            Some(Event::default().event("lagged").data(data))
        }
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
