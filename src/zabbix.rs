//! Alerts as values for Zabbix's trapper, over the sender protocol. Items come by low-level discovery.
//!
//! Zabbix says how many values of a request it could place, not which. So what it can't place waits by itself, and holds
//! up nothing else.

use crate::config::Live;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use zbx_sender::{Response, SendValue, Sender};

/// Key of the discovery rule; keys of its item prototypes are `packager.alert[{#CHANNEL},{#ALERT}]` and
/// `packager.alert.text[{#CHANNEL},{#ALERT}]`.
const DISCOVERY: &str = "packager.alerts.discovery";
/// Key of the item that is 1 whenever the watchdog's notification arrives; the template raises the alarm when it stops.
const ALIVE: &str = "packager.alerting.alive";
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(1);
const RETRY_AT_MOST: Duration = Duration::from_secs(30);
/// Zabbix makes discovered items within a minute; what it still doesn't know after these tries has no item.
const TRIES: u32 = 10;
/// Pairs that are told in one discovery, and that wait at the same time.
const MAX_PAIRS: usize = 20_000;
/// Pairs of one request.
const AT_ONCE: usize = 1_000;

/// How an alert stands on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// A channel's code, or `-` for what concerns no channel.
    pub channel: String,
    pub alert: String,
    /// 0 resolved, 1 warning, 2 minor, 3 major, 4 critical.
    pub severity: u8,
    /// For a person; empty when resolved.
    pub text: String,
}

/// What a notification says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    pub states: Vec<State>,
    /// The watchdog was among it: alerts get through.
    pub alive: bool,
}

/// The way in; cheap to clone.
#[derive(Debug, Clone)]
pub struct Zabbix {
    live: Arc<Live>,
    queue: mpsc::Sender<Told>,
}

/// Why states aren't taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("no Zabbix server is known; set zabbix.server in exporter.yml")]
    Off,
    #[error("Zabbix takes nothing and the queue is full; see the exporter's log")]
    Full,
}

impl Zabbix {
    /// Begins to send what is offered. Where to is read anew each time; the queue's size is that of the start.
    #[must_use]
    pub fn start(live: Arc<Live>) -> Self {
        let (queue, offered) = mpsc::channel(live.current().exporter.zabbix.queue_notifications);
        tokio::spawn(run(live.clone(), offered));
        Self { live, queue }
    }

    /// Takes a notification, all of it or nothing; never waits.
    ///
    /// # Errors
    /// There is no server, or no room: Alertmanager tells it again.
    pub fn offer(&self, told: Told) -> Result<(), Refused> {
        if self.live.current().exporter.zabbix.server.is_none() {
            return Err(Refused::Off);
        }
        self.queue.try_send(told).map_err(|_| Refused::Full)
    }
}

async fn run(live: Arc<Live>, mut offered: mpsc::Receiver<Told>) {
    let mut outbox = Outbox::default();
    loop {
        tokio::select! {
            told = offered.recv(), if outbox.waiting.len() < MAX_PAIRS => match told {
                Some(told) => outbox.take(told),
                None => return,
            },
            () = sleep_until(outbox.due().unwrap_or_else(Instant::now)), if outbox.due().is_some() => {}
        }
        if outbox.not_before.is_none_or(|instant| instant <= Instant::now()) {
            outbox.send(&live).await;
        }
    }
}

type Pair = (String, String);

#[derive(Debug)]
struct Waiting {
    severity: u8,
    text: String,
    tries: u32,
    due: Instant,
}

/// What Zabbix hasn't taken yet.
#[derive(Debug, Default)]
struct Outbox {
    /// For the discovery: every pair of this run.
    known: BTreeSet<Pair>,
    discover: bool,
    /// The newest state of each pair: what was true while Zabbix was away and is over is told no more.
    waiting: BTreeMap<Pair, Waiting>,
    alive: bool,
    /// While Zabbix is away: when it is tried again, and how long that pause is.
    not_before: Option<Instant>,
    pause: Duration,
}

impl Outbox {
    fn take(&mut self, told: Told) {
        self.alive |= told.alive;
        for State { channel, alert, severity, text } in told.states {
            let pair = (channel, alert);
            self.discover |= self.known.insert(pair.clone());
            self.waiting.insert(pair, Waiting { severity, text, tries: 0, due: Instant::now() });
        }
        while self.known.len() > MAX_PAIRS {
            self.known.pop_first();
        }
    }

    /// When there is something to do without anything new.
    fn due(&self) -> Option<Instant> {
        if self.not_before.is_some() {
            return self.not_before;
        }
        let earliest = self.waiting.values().map(|waiting| waiting.due).min();
        if self.alive || self.discover { Some(Instant::now()) } else { earliest }
    }

    async fn send(&mut self, live: &Live) {
        let loaded = live.current();
        let settings = &loaded.exporter.zabbix;
        let Some((server, port)) = settings.address() else {
            *self = Self::default();
            return;
        };
        let to = To { sender: Sender::new(server, port), host: &settings.host };
        match self.told(&to).await {
            Ok(()) => (self.not_before, self.pause) = (None, Duration::ZERO),
            Err(why) => {
                self.pause = (self.pause * 2).clamp(RETRY, RETRY_AT_MOST);
                self.not_before = Some(Instant::now() + self.pause);
                tracing::warn!(why, retry_in = ?self.pause, "Zabbix takes nothing");
            }
        }
    }

    async fn told(&mut self, to: &To<'_>) -> Result<(), String> {
        if self.alive {
            to.values(&[(ALIVE.to_owned(), "1".to_owned())]).await?;
            self.alive = false;
        }
        let now = Instant::now();
        let due: Vec<Pair> = self.waiting.iter().filter(|(_, w)| w.due <= now).map(|(pair, _)| pair.clone()).collect();
        let again = due.iter().any(|pair| self.waiting.get(pair).is_some_and(|w| w.tries > 0));
        if self.discover || again {
            to.values(&[(DISCOVERY.to_owned(), discovery(&self.known))]).await?;
            self.discover = false;
        }
        for some in due.chunks(AT_ONCE) {
            let all: Vec<_> = some.iter().flat_map(|pair| self.values(pair)).collect();
            if to.values(&all).await? {
                some.iter().for_each(|pair| drop(self.waiting.remove(pair)));
                continue;
            }
            for pair in some {
                let placed = some.len() > 1 && to.values(&self.values(pair)).await?;
                self.settle(pair, placed, to.host);
            }
        }
        Ok(())
    }

    fn values(&self, pair: &Pair) -> Vec<(String, String)> {
        let (channel, alert) = pair;
        let waiting = self.waiting.get(pair).map(|w| (w.severity, w.text.clone()));
        let of = |(severity, text): (u8, String)| {
            [
                (format!("packager.alert[{channel},{alert}]"), severity.to_string()),
                (format!("packager.alert.text[{channel},{alert}]"), text),
            ]
        };
        waiting.into_iter().flat_map(of).collect()
    }

    /// What Zabbix can't place is tried again for as long as discovery may last.
    fn settle(&mut self, pair: &Pair, placed: bool, host: &str) {
        let Some(waiting) = self.waiting.get_mut(pair) else { return };
        waiting.due = Instant::now() + (RETRY * 2u32.pow(waiting.tries.min(5))).min(RETRY_AT_MOST);
        waiting.tries += 1;
        let given_up = waiting.tries > TRIES;
        if given_up {
            let (channel, alert) = pair;
            tracing::error!(channel, alert, host, "Zabbix has no item for it; is the template linked to this host?");
        }
        if placed || given_up {
            self.waiting.remove(pair);
        }
    }
}

fn discovery(known: &BTreeSet<Pair>) -> String {
    let pair = |(channel, alert): &Pair| json!({"{#CHANNEL}": channel, "{#ALERT}": alert});
    known.iter().map(pair).collect::<serde_json::Value>().to_string()
}

struct To<'a> {
    sender: Sender,
    host: &'a str,
}

impl To<'_> {
    /// Whether all of them were placed.
    async fn values(&self, values: &[(String, String)]) -> Result<bool, String> {
        let of = |(key, value): &'_ (String, String)| SendValue::from((self.host, key.as_str(), value.as_str()));
        match timeout(PATIENCE, self.sender.send_async(values.iter().map(of).collect::<Vec<_>>())).await {
            Ok(Ok(response)) => Ok(placed(&response)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {PATIENCE:?}")),
        }
    }
}

fn placed(response: &Response) -> bool {
    response.success() && response.failed_cnt() == Some(0)
}
