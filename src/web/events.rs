//! What happens, told to whoever listens: probes as they are answered, alerts as they change. Telling never waits: a listener
//! that is too slow loses the oldest, and is told how many.

use super::State;
use crate::checks::CheckResult;
use crate::report::Report;
use crate::store::AlertNews;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Ten seconds of 5,000 channels at Prometheus' usual interval.
const KEPT: usize = 4096;
/// Listeners at a time. Each takes a connection, of which probes need some.
pub const MAX_LISTENERS: usize = 64;

/// One event, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    pub name: &'static str,
    /// The channel's code, where there is one.
    pub channel: Option<String>,
    /// JSON in one line.
    pub data: String,
}

#[derive(Debug, Clone)]
enum News {
    Event(Arc<Event>),
    /// Some may be lost; nobody knows how many.
    Gap,
    End,
}

/// What a listener hears next.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Event(Arc<Event>),
    /// So many were lost, where that is known.
    Lost(Option<u64>),
}

#[derive(Debug)]
pub struct Events {
    sender: Sender<News>,
    places: Arc<Semaphore>,
}

impl Default for Events {
    fn default() -> Self {
        Self { sender: Sender::new(KEPT), places: Arc::new(Semaphore::new(MAX_LISTENERS)) }
    }
}

impl Events {
    /// `None`: all places are taken.
    pub fn listen(&self) -> Option<Listener> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Listener { news: self.sender.subscribe(), _place: place })
    }

    /// Whether it is worth making an event.
    fn is_heard(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    fn tell(&self, name: &'static str, channel: Option<String>, data: &Value) {
        self.send(News::Event(Arc::new(Event { name, channel, data: data.to_string() })));
    }

    fn send(&self, news: News) {
        // Nobody listens: nothing to do.
        let _ = self.sender.send(news);
    }

    /// Ends every listener's stream: a stopping server waits for its answers.
    pub fn end(&self) {
        self.send(News::End);
    }
}

/// A place among the listeners.
#[derive(Debug)]
pub struct Listener {
    news: Receiver<News>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// `None` at the end.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.news.recv().await {
            Ok(News::Event(event)) => Some(Heard::Event(event)),
            Ok(News::Gap) => Some(Heard::Lost(None)),
            Err(RecvError::Lagged(lost)) => Some(Heard::Lost(Some(lost))),
            Ok(News::End) | Err(RecvError::Closed) => None,
        }
    }
}

impl State {
    /// `None` where the server is stopping, or has no place.
    pub(super) fn listen(&self) -> Option<Listener> {
        let listener = self.events.listen();
        // Asked for after the place is taken: a stop in between is heard by one or the other.
        listener.filter(|_| !self.stopping.load(Ordering::SeqCst))
    }

    /// A probe of the catalogue's channel was answered; `output`, where it was of that one alone.
    pub(super) fn tell_probe(&self, report: &Report, output: Option<&str>) {
        if !self.events.is_heard() {
            return;
        }
        let mut data = Map::new();
        data.insert("channel".to_owned(), report.channel.code.clone().into());
        data.insert("template".to_owned(), report.template.name.clone().into());
        data.insert("output".to_owned(), output.into());
        data.insert("success".to_owned(), report.success.into());
        data.insert("failed".to_owned(), failed(report).into());
        data.insert("started_at".to_owned(), report.started_at.to_string().into());
        data.insert("duration_seconds".to_owned(), report.duration.0.into());
        self.events.tell("probe", Some(report.channel.code.clone()), &Value::Object(data));
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn is_listened_to(&self) -> bool {
        self.events.is_heard()
    }

    /// Alerts changed, here or elsewhere.
    pub fn tell_alert(&self, news: AlertNews) {
        match news {
            AlertNews::Changed { change, alert } => {
                let channel = alert.get("channel").and_then(Value::as_str).map(str::to_owned);
                self.events.tell("alert", channel, &json!({"change": change, "alert": alert}));
            }
            AlertNews::Gap => self.events.send(News::Gap),
        }
    }
}

/// Ids of the checks that failed, each once: a check runs on every output.
pub fn failed(report: &Report) -> Vec<&'static str> {
    let mut failed = Vec::new();
    for outcome in report.outcomes.iter().filter(|o| o.result == CheckResult::Failed) {
        if !failed.contains(&outcome.check) {
            failed.push(outcome.check);
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
        let mut listener = events.listen().unwrap();
        let kept = u64::try_from(KEPT).unwrap();
        (0..kept + 3).for_each(|i| events.tell("probe", None, &json!(i)));
        assert_eq!(listener.next().await, Some(Heard::Lost(Some(3))));
        let Some(Heard::Event(event)) = listener.next().await else { panic!("the oldest that is left") };
        assert_eq!(event.data, "3");
        events.end();
        let mut count = 0;
        while let Some(heard) = listener.next().await {
            count += 1;
            assert!(count <= kept, "{heard:?}");
        }
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_its_listener_has_gone() {
        let events = Events::default();
        let mut all: Vec<Listener> = std::iter::from_fn(|| events.listen()).collect();
        assert_eq!(all.len(), MAX_LISTENERS);
        all.pop();
        assert!(events.listen().is_some());
    }
}
