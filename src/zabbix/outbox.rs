//! What Zabbix hasn't taken yet.
//!
//! Zabbix says how many values of a request it could place, not which. So what it can't place waits by itself, and holds
//! up nothing else.

use super::sender::Sender;
use super::{News, State, Tell, Told};
use crate::config::Live;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Key of the discovery rule; keys of its item prototypes are `packager.alert[{#CHANNEL},{#ALERT}]` and
/// `packager.alert.text[{#CHANNEL},{#ALERT}]`.
const DISCOVERY: &str = "packager.alerts.discovery";
/// Key of the item that is 1 whenever the watchdog's notification arrives; the template raises the alarm when it stops.
const ALIVE: &str = "packager.alerting.alive";
const RETRY: Duration = Duration::from_secs(1);
const RETRY_AT_MOST: Duration = Duration::from_secs(30);
/// Zabbix makes discovered items within a minute; what it still doesn't know after these tries has no item.
const TRIES: u32 = 10;
/// Pairs that are told in one discovery, and that wait at the same time.
const MAX_PAIRS: usize = 20_000;
/// Pairs of one request.
const AT_ONCE: usize = 1_000;

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
pub struct Outbox {
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
    pub fn take(&mut self, told: Told) {
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

    /// States that Zabbix hasn't placed.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether more may be taken.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < MAX_PAIRS
    }

    /// Not while it rests after a failure.
    pub fn may_send(&self) -> bool {
        self.not_before.is_none_or(|instant| instant <= Instant::now())
    }

    /// When there is something to do without anything new.
    pub fn due(&self) -> Option<Instant> {
        if self.not_before.is_some() {
            return self.not_before;
        }
        let earliest = self.waiting.values().map(|waiting| waiting.due).min();
        if self.alive || self.discover { Some(Instant::now()) } else { earliest }
    }

    /// Sends what is due; what Zabbix doesn't take waits.
    pub async fn send(&mut self, live: &Live, tell: &Tell) {
        let loaded = live.current();
        let settings = &loaded.exporter.zabbix;
        let Some((server, port)) = settings.address() else {
            *self = Self::default();
            return;
        };
        let to = Sender { server, port, host: &settings.host };
        match self.told(&to, tell).await {
            Ok(false) => self.not_before = None,
            Ok(true) => {
                (self.not_before, self.pause) = (None, Duration::ZERO);
                tell(News::Reached(true));
            }
            Err(why) => {
                tell(News::Reached(false));
                self.pause = (self.pause * 2).clamp(RETRY, RETRY_AT_MOST);
                self.not_before = Some(Instant::now() + self.pause);
                tracing::warn!(why, retry_in = ?self.pause, "Zabbix takes nothing");
            }
        }
    }

    /// Whether there was anything to send.
    async fn told(&mut self, to: &Sender<'_>, tell: &Tell) -> Result<bool, String> {
        let now = Instant::now();
        let due: Vec<Pair> = self.waiting.iter().filter(|(_, w)| w.due <= now).map(|(pair, _)| pair.clone()).collect();
        if !self.alive && !self.discover && due.is_empty() {
            return Ok(false);
        }
        if self.alive {
            to.send(&[(ALIVE.to_owned(), "1".to_owned())]).await?;
            self.alive = false;
        }
        let again = due.iter().any(|pair| self.waiting.get(pair).is_some_and(|w| w.tries > 0));
        if self.discover || again {
            to.send(&[(DISCOVERY.to_owned(), discovery(&self.known))]).await?;
            self.discover = false;
        }
        for some in due.chunks(AT_ONCE) {
            let all: Vec<_> = some.iter().flat_map(|pair| self.values(pair)).collect();
            if to.send(&all).await? {
                some.iter().for_each(|pair| drop(self.waiting.remove(pair)));
                tell(News::Placed(some.len() as u64));
                continue;
            }
            for pair in some {
                let placed = some.len() > 1 && to.send(&self.values(pair)).await?;
                self.settle(pair, placed, to.host, tell);
            }
        }
        Ok(true)
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
    fn settle(&mut self, pair: &Pair, placed: bool, host: &str, tell: &Tell) {
        if placed {
            self.waiting.remove(pair);
            return tell(News::Placed(1));
        }
        let Some(waiting) = self.waiting.get_mut(pair) else { return };
        waiting.due = Instant::now() + (RETRY * 2u32.pow(waiting.tries.min(5))).min(RETRY_AT_MOST);
        waiting.tries += 1;
        if waiting.tries > TRIES {
            let (channel, alert) = pair;
            tracing::error!(channel, alert, host, "Zabbix has no item for it; is the template linked to this host?");
            self.waiting.remove(pair);
            tell(News::GivenUp(1));
        }
    }
}

fn discovery(known: &BTreeSet<Pair>) -> String {
    let pair = |(channel, alert): &Pair| json!({"{#CHANNEL}": channel, "{#ALERT}": alert});
    known.iter().map(pair).collect::<serde_json::Value>().to_string()
}
