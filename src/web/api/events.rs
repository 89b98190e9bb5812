//! Endpoint `GET /api/v1/events`: server-sent events (HTML Living Standard, 9.2).

use super::authorization::{Authorized, Read};
use super::openapi::answers;
use super::problem::Problem;
use super::request::Parameters;
use super::{Answer, Shared};
use crate::store::ChannelFilter;
use crate::web::ServerState;
use crate::web::events::{Listener, MAX_LISTENERS, PROBE, Received, STATE};
use axum::extract::State as Extract;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, interval, sleep_until};

/// Time after which a browser reconnects to the stream of events.
const RETRY: Duration = Duration::from_secs(3);
/// Header of the response that makes nginx forward events without buffering.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Events that a client requested.
#[derive(Debug, Clone, Default)]
struct Selection {
    /// Code of the only channel whose events are sent. `None`: events of all channels are sent.
    channel: Option<String>,
    /// Whether the client gets changes of channels' states and a summary of all channels every few seconds. Otherwise
    /// it gets an event for each probe.
    changes: bool,
}

struct Pace {
    /// Time without events after which a comment is sent, so that neither side nor a proxy considers the connection
    /// dead.
    heartbeat: Duration,
    /// Time between two summaries of all channels, for a client that requested changes of states.
    tick: Duration,
    /// Longest duration of a stream of events. Then the client connects again, and is refused if its token was revoked
    /// in the meantime.
    longest: Duration,
}

const PACE: Pace =
    Pace { heartbeat: Duration::from_secs(15), tick: Duration::from_secs(5), longest: Duration::from_secs(3600) };

/// Streams the results of probes and, with a database, changes of alerts, when they happen. docs/api.md describes the
/// events.
#[utoipa::path(get, path = "/events", tag = "events", operation_id = "events",
    params(("channel" = Option<String>, Query, description = "Code of a channel: only its events"),
        ("changes" = Option<bool>, Query, description = "Events `state` and `tick` in place of `probe`")),
    responses((status = 200, description = "Events `probe` or `state` and `tick`, `alert` and `lagged`, each with JSON in `data`", body = String,
        content_type = "text/event-stream"), answers::ReadErrors, answers::EntryErrors))]
pub(super) async fn events(_: Authorized<Read>, Extract(state): Shared, mut parameters: Parameters) -> Answer {
    let channel = parameters.text("channel");
    let changes = parameters.value("changes", "true or false")?.unwrap_or(false);
    parameters.end()?;
    if let Some(code) = &channel {
        let config = state.backend.config();
        config.snapshot.channel(code).map_err(|e| Problem::new(StatusCode::NOT_FOUND, e.to_string()))?;
    }
    let listener = state.listen().ok_or_else(|| {
        let why = format!(
            "{MAX_LISTENERS} clients listen already, or half as many of this address, or the exporter is stopping; try \
             again later"
        );
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, why)
    })?;
    Ok(answer(state, listener, Selection { channel, changes }, &PACE))
}

fn answer(state: Arc<ServerState>, listener: Listener, selection: Selection, pace: &Pace) -> Response {
    let hello = stream::once(std::future::ready(Event::default().retry(RETRY).comment("listening")));
    let events = hello.chain(events_of(state, listener, selection, pace)).map(Ok::<_, Infallible>);
    let unbuffered = [(UNBUFFERED, HeaderValue::from_static("no"))];
    (unbuffered, Sse::new(events).keep_alive(KeepAlive::new().interval(pace.heartbeat))).into_response()
}

/// Streams the events of the selection until the server stops or the stream has lasted its longest time.
fn events_of(
    state: Arc<ServerState>,
    listener: Listener,
    selection: Selection,
    pace: &Pace,
) -> impl Stream<Item = Event> + use<> {
    let end = Instant::now() + pace.longest;
    let ticks = interval(pace.tick);
    stream::unfold((state, listener, ticks), move |(state, mut listener, mut ticks)| {
        let selection = selection.clone();
        async move {
            loop {
                let event = tokio::select! {
                    received = listener.next() => selection.event(&received?),
                    _ = ticks.tick(), if selection.changes => tick(&state),
                    () = sleep_until(end) => return None,
                };
                if let Some(event) = event {
                    return Some((event, (state, listener, ticks)));
                }
            }
        }
    })
}

/// Makes the event with the summary of all channels; `None` while none is known.
fn tick(state: &ServerState) -> Option<Event> {
    state.refuse_before_catalog().ok()?;
    let data = serde_json::to_string(&state.summary(&ChannelFilter::default())).ok()?;
    Some(Event::default().event("tick").data(data))
}

/// Data of the event `lagged`, which reports lost events.
#[derive(Serialize)]
struct Lagged {
    /// Number of lost events; `null` if the number is unknown.
    missed: Option<u64>,
}

impl Selection {
    /// Makes the server-sent event for a received item. `None`: the client did not request such events.
    fn event(&self, received: &Received) -> Option<Event> {
        match received {
            Received::Event(event) => {
                let unwanted = if self.changes { PROBE } else { STATE };
                let wanted = event.name != unwanted
                    && self.channel.as_ref().is_none_or(|code| event.channel.as_ref() == Some(code));
                wanted.then(|| Event::default().event(event.name).data(&event.data))
            }
            Received::Lost(missed) => {
                let data = serde_json::to_string(&Lagged { missed: *missed }).ok()?;
                Some(Event::default().event("lagged").data(data))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::events::Events;

    #[tokio::test]
    async fn silence_is_filled_with_comments_and_the_stream_ends_in_time() {
        let state = crate::web::tests::idle_state();
        let events = Events::default();
        let (heartbeat, longest) = (Duration::from_millis(10), Duration::from_millis(300));
        let pace = Pace { heartbeat, tick: longest, longest };
        let answer = answer(state, events.listen(None).unwrap(), Selection::default(), &pace);
        let text = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        let (hello, comments) = text.split_once("\n\n").unwrap();
        assert_eq!(hello, "retry: 3000\n: listening");
        assert!(comments.starts_with(":\n\n") && comments.replace(":\n\n", "").is_empty(), "{text}");
    }
}
