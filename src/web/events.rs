//! Sends events to the clients of the event stream: results of probes, and changes of channels and alerts. Sending
//! never waits: a client that is too slow loses its oldest events and learns how many.

use super::ServerState;
use super::access::network;
use super::server::peer;
use super::status::ChannelStatus;
use crate::report::Report;
use crate::store::{AlertEvent, AlertRow};
use serde::Serialize;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender};

/// Number of events that are kept for slow listeners: about ten seconds of 5,000 channels at Prometheus' usual
/// interval.
const KEPT: usize = 4096;
/// Largest number of clients of the event stream at the same time. Each takes one of the server's connections, and
/// probes need connections too. One address may have half of them.
pub(crate) const MAX_LISTENERS: usize = 256;

/// Name of the event that reports the result of a probe.
pub(crate) const PROBE: &str = "probe";
/// Name of the event that reports a changed state of a channel.
pub(crate) const STATE: &str = "state";

/// One server-sent event, ready to be sent to listeners.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    /// Code of the channel that the event is about. `None`: the event is about no channel.
    pub(crate) channel: Option<String>,
    /// Data of the server-sent event, as JSON in one line.
    pub(crate) data: String,
}

/// Data of the event `probe`: the result of a probe of a channel.
#[derive(Serialize)]
struct ProbeData<'a> {
    channel: &'a str,
    template: &'a str,
    /// Name of the output that was probed; `null` if all outputs were probed.
    output: Option<&'a str>,
    success: bool,
    failed: Vec<&'static str>,
    started_at: String,
    duration_seconds: f64,
}

/// Data of the event `alert`: an alert and the kind of its change.
#[derive(Serialize)]
struct AlertData<'a> {
    change: &'static str,
    alert: &'a AlertRow,
}

/// Message to every client of the event stream: an event, or that events may have been lost.
#[derive(Debug, Clone)]
enum Message {
    Event(Arc<Event>),
    /// An unknown number of events may have been lost.
    Gap,
    End,
}

/// What a client of the event stream receives: an event, or that events were lost.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Event(Arc<Event>),
    /// Events were lost; the number is `None` if it is unknown.
    Lost(Option<u64>),
}

/// Address of each client of the event stream, once for each of its streams. `None` is a client without an address.
type Clients = Arc<Mutex<Vec<Option<IpAddr>>>>;

#[derive(Debug)]
pub(crate) struct Events {
    sender: Sender<Message>,
    clients: Clients,
}

impl Default for Events {
    fn default() -> Self {
        Self { sender: Sender::new(KEPT), clients: Clients::default() }
    }
}

impl Events {
    /// Adds a listener to events. `None`: there are [`MAX_LISTENERS`] already, or half as many of this address.
    pub(crate) fn listen(&self, client: Option<IpAddr>) -> Option<Listener> {
        let client = client.map(network);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let own = clients.iter().filter(|known| **known == client).count();
        if clients.len() >= MAX_LISTENERS || own >= MAX_LISTENERS / 2 {
            return None;
        }
        clients.push(client);
        let seat = Seat { clients: Arc::clone(&self.clients), client };
        Some(Listener { messages: self.sender.subscribe(), _seat: seat })
    }

    fn has_listeners(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    fn send_event(&self, name: &'static str, channel: Option<String>, data: &impl Serialize) {
        if let Ok(data) = serde_json::to_string(data) {
            self.send(Message::Event(Arc::new(Event { name, channel, data })));
        }
    }

    fn send(&self, message: Message) {
        // An error means that nobody listens.
        let _ = self.sender.send(message);
    }

    /// Ends the stream of every listener, because a stopping server waits until all its answers have ended.
    pub(crate) fn end(&self) {
        self.send(Message::End);
    }
}

/// Receiver of events for one client of the event stream. Dropping it makes room for another client.
#[derive(Debug)]
pub(crate) struct Listener {
    messages: Receiver<Message>,
    _seat: Seat,
}

/// One of the places of the event stream, which is free again when the value is dropped.
#[derive(Debug)]
struct Seat {
    clients: Clients,
    client: Option<IpAddr>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = clients.iter().position(|known| *known == self.client) {
            clients.swap_remove(index);
        }
    }
}

impl Listener {
    /// Waits for the next item of the stream. `None`: the server is stopping.
    pub(crate) async fn next(&mut self) -> Option<Received> {
        match self.messages.recv().await {
            Ok(Message::Event(event)) => Some(Received::Event(event)),
            Ok(Message::Gap) => Some(Received::Lost(None)),
            Err(RecvError::Lagged(lost)) => Some(Received::Lost(Some(lost))),
            Ok(Message::End) | Err(RecvError::Closed) => None,
        }
    }
}

impl ServerState {
    /// Adds a listener to events. `None`: the server is stopping, or it has too many listeners, of all clients or of
    /// this one.
    pub(super) fn listen(&self) -> Option<Listener> {
        let listener = self.events.listen(peer());
        // Checked after the listener is there: a stop in between ends the listener or is seen here.
        listener.filter(|_| !self.stopping.load(Ordering::SeqCst))
    }

    /// Sends the event that a channel of the catalogue was probed. `output` is the name of the only output that was
    /// probed. `None`: all outputs were probed.
    pub(super) fn send_probe(&self, report: &Report, output: Option<&str>) {
        if !self.events.has_listeners() {
            return;
        }
        let data = ProbeData {
            channel: &report.channel.code,
            template: &report.template.name,
            output,
            success: report.success,
            failed: failed_checks(report),
            started_at: report.started_at.to_string(),
            duration_seconds: report.duration.0,
        };
        self.events.send_event(PROBE, Some(report.channel.code.clone()), &data);
    }

    /// Sends the event that the state of a channel changed.
    pub(super) fn send_state(&self, status: &ChannelStatus) {
        if self.events.has_listeners() {
            self.events.send_event(STATE, Some(status.code.clone()), status);
        }
    }

    /// Returns whether anybody listens to events.
    #[must_use]
    pub(crate) fn has_listeners(&self) -> bool {
        self.events.has_listeners()
    }

    /// Sends the event that an alert changed.
    pub(crate) fn send_alert(&self, event: AlertEvent) {
        match event {
            AlertEvent::Changed { change, alert } => {
                self.events.send_event("alert", alert.channel.clone(), &AlertData { change, alert: &alert });
            }
            AlertEvent::Gap => self.events.send(Message::Gap),
        }
    }
}

/// Returns the ids of the failed checks. A check that failed on several outputs is listed once.
pub(crate) fn failed_checks(report: &Report) -> Vec<&'static str> {
    let mut failed = Vec::new();
    for outcome in report.failed() {
        if !failed.contains(&outcome.check.id) {
            failed.push(outcome.check.id);
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_listener_loses_the_oldest_and_is_told_how_many() {
        let events = Events::default();
        let mut listener = events.listen(None).unwrap();
        let kept = u64::try_from(KEPT).unwrap();
        (0..kept + 3).for_each(|i| events.send_event("probe", None, &i));
        assert_eq!(listener.next().await, Some(Received::Lost(Some(3))));
        let Some(Received::Event(event)) = listener.next().await else { panic!("the oldest that is left") };
        assert_eq!(event.data, "3");
        events.end();
        let mut count = 0;
        while let Some(heard) = listener.next().await {
            count += 1;
            assert!(count <= kept, "{heard:?}");
        }
    }

    #[tokio::test]
    async fn an_address_has_half_of_the_places_and_a_place_is_free_when_its_listener_has_gone() {
        let events = Events::default();
        let [a, b, c] = [1, 2, 3].map(|last| Some(IpAddr::from([10, 0, 0, last])));
        let mut all: Vec<Listener> = std::iter::from_fn(|| events.listen(a)).collect();
        assert_eq!(all.len(), MAX_LISTENERS / 2);
        let _others: Vec<Listener> = std::iter::from_fn(|| events.listen(b)).collect();
        assert!(events.listen(c).is_none(), "both have half");
        all.pop();
        assert!(events.listen(b).is_none());
        assert!(events.listen(c).is_some_and(|_| events.listen(a).is_none()));
        assert!(events.listen(a).is_some());
    }
}
