//! Keeps the alert states that Zabbix hasn't stored yet.
//!
//! Zabbix says how many values of a request it couldn't store, but not which. So the states of such a request are sent
//! again one by one, and delay no others.

use super::sender::TrapperSender;
use super::{AlertNotification, AlertState, DeliveryEvent, OnDelivery};
use crate::config::ConfigHandle;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Key of the discovery rule in Zabbix. The keys of its item prototypes are `packager.alert[{#CHANNEL},{#ALERT}]` and
/// `packager.alert.text[{#CHANNEL},{#ALERT}]`.
const DISCOVERY: &str = "packager.alerts.discovery";
/// Key of the Zabbix item that gets a 1 with each notification of the watchdog alert. The Zabbix template raises a
/// problem when no value arrives any more.
const ALIVE: &str = "packager.alerting.alive";
const RETRY: Duration = Duration::from_secs(1);
const RETRY_AT_MOST: Duration = Duration::from_secs(30);
/// Largest number of attempts to send an alert state. Zabbix creates discovered items within a minute, so a state that
/// it can't store after these attempts has no item.
const TRIES: u32 = 10;
/// Largest number of alerts in one discovery, and of alerts that wait for Zabbix at the same time.
const MAX_PAIRS: usize = 20_000;
/// Largest number of alerts in one request to Zabbix.
const AT_ONCE: usize = 1_000;

/// Channel code and name of an alert.
type AlertKey = (String, String);

#[derive(Debug)]
struct PendingState {
    severity: u8,
    text: String,
    tries: u32,
    due: Instant,
}

/// The alert states that Zabbix hasn't stored yet, and when they are sent.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Every alert since the exporter's start, for Zabbix's low-level discovery.
    known: BTreeSet<AlertKey>,
    discover: bool,
    /// The newest unsent state of each alert. A state that a newer one replaced while Zabbix was unreachable is not
    /// sent.
    pending: BTreeMap<AlertKey, PendingState>,
    alive: bool,
    /// Earliest time of the next attempt to send, after a failure. `None`: the last attempt reached Zabbix.
    not_before: Option<Instant>,
    pause: Duration,
}

impl Outbox {
    /// Takes the alert states of a notification, to be sent to Zabbix. An alert is discovered when it fires: the end of an alert
    /// that this exporter doesn't know needs no item.
    pub(crate) fn take(&mut self, notification: AlertNotification) {
        self.alive |= notification.alive;
        for AlertState { channel, alert, severity, text } in notification.states {
            let pair = (channel, alert);
            self.discover |= severity > 0 && self.known.insert(pair.clone());
            self.pending.insert(pair, PendingState { severity, text, tries: 0, due: Instant::now() });
        }
        while self.known.len() > MAX_PAIRS {
            self.known.pop_first();
        }
    }

    /// Returns the number of alert states that Zabbix hasn't stored.
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Returns whether there is room for the alert states of another notification.
    pub(crate) fn has_room(&self) -> bool {
        self.pending.len() < MAX_PAIRS
    }

    /// Returns whether alert states may be sent to Zabbix now. During the pause after a failure they may not.
    pub(crate) fn may_send_now(&self) -> bool {
        self.not_before.is_none_or(|instant| instant <= Instant::now())
    }

    /// Returns when alert states are to be sent to Zabbix next if no notification arrives. `None`: no state waits.
    pub(crate) fn due(&self) -> Option<Instant> {
        if self.not_before.is_some() {
            return self.not_before;
        }
        let earliest = self.pending.values().map(|waiting| waiting.due).min();
        if self.alive || self.discover { Some(Instant::now()) } else { earliest }
    }

    /// Sends to Zabbix the alert states that are due, and reports the events. States that Zabbix doesn't store wait for
    /// the next attempt.
    pub(crate) async fn send(&mut self, live: &ConfigHandle, tell: &OnDelivery) {
        let loaded = live.current();
        let settings = &loaded.exporter.zabbix;
        let Some((server, port)) = settings.address() else {
            *self = Self::default();
            tell(DeliveryEvent::Off);
            return;
        };
        let to = TrapperSender { server, port, host: &settings.host };
        match self.send_due(&to, tell).await {
            Ok(false) => self.not_before = None,
            Ok(true) => {
                (self.not_before, self.pause) = (None, Duration::ZERO);
                tell(DeliveryEvent::Reached(true));
            }
            Err(why) => {
                tell(DeliveryEvent::Reached(false));
                self.pause = (self.pause * 2).clamp(RETRY, RETRY_AT_MOST);
                self.not_before = Some(Instant::now() + self.pause);
                tracing::warn!(why, retry_in = ?self.pause, "Zabbix did not accept the alerts; they will be \
                     sent again");
            }
        }
    }

    /// Sends to Zabbix the alert states that are due, and returns whether there were any.
    async fn send_due(&mut self, to: &TrapperSender<'_>, tell: &OnDelivery) -> Result<bool, String> {
        let now = Instant::now();
        let due: Vec<AlertKey> =
            self.pending.iter().filter(|(_, w)| w.due <= now).map(|(pair, _)| pair.clone()).collect();
        if !self.alive && !self.discover && due.is_empty() {
            return Ok(false);
        }
        if self.alive {
            to.send(&[(ALIVE.to_owned(), "1".to_owned())]).await?;
            self.alive = false;
        }
        let (ends, due): (Vec<_>, Vec<_>) = due.into_iter().partition(|pair| self.is_end_of_unknown(pair));
        let again = due.iter().any(|pair| self.pending.get(pair).is_some_and(|w| w.tries > 0));
        if self.discover || again {
            to.send(&[(DISCOVERY.to_owned(), discovery(&self.known))]).await?;
            self.discover = false;
        }
        for some in due.chunks(AT_ONCE) {
            let all: Vec<_> = some.iter().flat_map(|pair| self.values(pair)).collect();
            if to.send(&all).await? {
                some.iter().for_each(|pair| drop(self.pending.remove(pair)));
                tell(DeliveryEvent::Placed(some.len() as u64));
                continue;
            }
            for pair in some {
                let placed = some.len() > 1 && to.send(&self.values(pair)).await?;
                self.settle(pair, placed, to.host, tell);
            }
        }
        // Zabbix stores those values of a request for which it has items. Without an item there is no problem that could end.
        for some in ends.chunks(AT_ONCE) {
            let all: Vec<_> = some.iter().flat_map(|pair| self.values(pair)).collect();
            if to.send(&all).await? {
                tell(DeliveryEvent::Placed(some.len() as u64));
            }
            some.iter().for_each(|pair| drop(self.pending.remove(pair)));
        }
        Ok(true)
    }

    /// Returns whether the waiting state of an alert is its end, and this exporter hasn't seen the alert fire since its start.
    fn is_end_of_unknown(&self, pair: &AlertKey) -> bool {
        self.pending.get(pair).is_some_and(|waiting| waiting.severity == 0) && !self.known.contains(pair)
    }

    fn values(&self, pair: &AlertKey) -> Vec<(String, String)> {
        let (channel, alert) = pair;
        let waiting = self.pending.get(pair).map(|w| (w.severity, w.text.clone()));
        let of = |(severity, text): (u8, String)| {
            [
                (format!("packager.alert[{channel},{alert}]"), severity.to_string()),
                (format!("packager.alert.text[{channel},{alert}]"), text),
            ]
        };
        waiting.into_iter().flat_map(of).collect()
    }

    /// Removes an alert state that Zabbix stored. A state that Zabbix couldn't store is kept for another attempt, for
    /// as long as low-level discovery may take to create its item.
    fn settle(&mut self, pair: &AlertKey, placed: bool, host: &str, tell: &OnDelivery) {
        if placed {
            self.pending.remove(pair);
            return tell(DeliveryEvent::Placed(1));
        }
        let Some(waiting) = self.pending.get_mut(pair) else { return };
        waiting.due = Instant::now() + (RETRY * 2u32.pow(waiting.tries.min(5))).min(RETRY_AT_MOST);
        waiting.tries += 1;
        if waiting.tries > TRIES {
            let (channel, alert) = pair;
            tracing::error!(channel, alert, host, "Zabbix has no item for this alert; link the template to this host");
            self.pending.remove(pair);
            tell(DeliveryEvent::GivenUp(1));
        }
    }
}

fn discovery(known: &BTreeSet<AlertKey>) -> String {
    let pair = |(channel, alert): &AlertKey| json!({"{#CHANNEL}": channel, "{#ALERT}": alert});
    known.iter().map(pair).collect::<serde_json::Value>().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    fn outbox() -> (Outbox, AlertKey) {
        let mut outbox = Outbox::default();
        let state =
            AlertState { channel: "TV1".to_owned(), alert: "Down".to_owned(), severity: 4, text: "why".to_owned() };
        outbox.take(AlertNotification { states: vec![state], alive: false });
        (outbox, ("TV1".to_owned(), "Down".to_owned()))
    }

    fn recorder() -> (OnDelivery, Arc<Mutex<Vec<DeliveryEvent>>>) {
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        (Arc::new(move |event| sink.lock().unwrap().push(event)), events)
    }

    #[test]
    fn a_state_becomes_its_two_values() {
        let (outbox, key) = outbox();
        let expected = [("packager.alert[TV1,Down]", "4"), ("packager.alert.text[TV1,Down]", "why")];
        assert_eq!(outbox.values(&key), expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(discovery(&outbox.known), r##"[{"{#CHANNEL}":"TV1","{#ALERT}":"Down"}]"##);
    }

    #[test]
    fn a_state_that_zabbix_cannot_store_is_tried_ten_times_with_growing_pauses() {
        let (mut outbox, key) = outbox();
        let (on_delivery, events) = recorder();
        let mut pauses = Vec::new();
        for _ in 0..TRIES {
            let began = Instant::now();
            outbox.settle(&key, false, "host", &on_delivery);
            pauses.push((outbox.pending[&key].due - began).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]);
        assert!(events.lock().unwrap().is_empty());
        outbox.settle(&key, false, "host", &on_delivery);
        assert_eq!((outbox.len(), events.lock().unwrap().as_slice()), (0, &[DeliveryEvent::GivenUp(1)][..]));
    }

    #[test]
    fn a_stored_state_is_counted_and_a_newer_one_starts_over() {
        let (mut outbox, key) = outbox();
        let (on_delivery, events) = recorder();
        outbox.settle(&key, false, "host", &on_delivery);
        let state = AlertState { channel: key.0.clone(), alert: key.1.clone(), severity: 0, text: String::new() };
        outbox.take(AlertNotification { states: vec![state], alive: true });
        assert_eq!((outbox.len(), outbox.pending[&key].tries, outbox.pending[&key].severity), (1, 0, 0));
        outbox.settle(&key, true, "host", &on_delivery);
        assert_eq!((outbox.len(), events.lock().unwrap().as_slice()), (0, &[DeliveryEvent::Placed(1)][..]));
        assert!(outbox.due().is_some_and(|due| due <= Instant::now()), "the watchdog's value is due");
    }

    #[test]
    fn the_end_of_an_alert_that_never_fired_here_makes_no_item() {
        let (mut outbox, key) = outbox();
        let end = |channel: &str| AlertState {
            channel: channel.to_owned(),
            alert: key.1.clone(),
            severity: 0,
            text: String::new(),
        };
        outbox.discover = false;
        outbox.take(AlertNotification { states: vec![end("TV1"), end("TV2")], alive: false });
        let unknown = ("TV2".to_owned(), key.1.clone());
        assert!(!outbox.discover && !outbox.known.contains(&unknown));
        assert!(outbox.is_end_of_unknown(&unknown) && !outbox.is_end_of_unknown(&key));
    }

    #[test]
    fn nothing_is_sent_during_the_pause_after_a_failure() {
        let (mut outbox, _) = outbox();
        assert!(outbox.may_send_now() && outbox.has_room());
        let later = Instant::now() + Duration::from_secs(60);
        outbox.not_before = Some(later);
        assert!(!outbox.may_send_now());
        assert_eq!(outbox.due(), Some(later));
        assert_eq!(Outbox::default().due(), None);
    }
}
