//! Alerts as values for Zabbix's trapper, over the sender protocol. Items come by low-level discovery.

use crate::config::Live;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use zbx_sender::{Response, SendValue, Sender};

/// Key of the discovery rule; keys of its item prototypes are `packager.alert[{#CHANNEL},{#ALERT}]` and
/// `packager.alert.text[{#CHANNEL},{#ALERT}]`.
const DISCOVERY: &str = "packager.alerts.discovery";
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(1);
const RETRY_AT_MOST: Duration = Duration::from_secs(30);
/// Zabbix makes discovered items within a minute; what it still doesn't know after these tries has no item.
const TRIES: u32 = 10;
/// Pairs that are told in one discovery.
const MAX_PAIRS: usize = 20_000;

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

/// The way in; cheap to clone.
#[derive(Debug, Clone)]
pub struct Zabbix {
    live: Arc<Live>,
    queue: mpsc::Sender<Vec<State>>,
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

    /// Takes a notification's states, all or none; never waits.
    ///
    /// # Errors
    /// There is no server, or no room: Alertmanager tells it again.
    pub fn offer(&self, states: Vec<State>) -> Result<(), Refused> {
        if self.live.current().exporter.zabbix.server.is_none() {
            return Err(Refused::Off);
        }
        self.queue.try_send(states).map_err(|_| Refused::Full)
    }
}

async fn run(live: Arc<Live>, mut offered: mpsc::Receiver<Vec<State>>) {
    let mut known: BTreeSet<(String, String)> = BTreeSet::new();
    while let Some(states) = offered.recv().await {
        let before = known.len();
        known.extend(states.iter().map(|s| (s.channel.clone(), s.alert.clone())));
        while known.len() > MAX_PAIRS {
            known.pop_first();
        }
        let discovery = (known.len() != before).then(|| discovery(&known));
        deliver(&live, discovery, &states).await;
    }
}

fn discovery(known: &BTreeSet<(String, String)>) -> String {
    let pair = |(channel, alert): &(String, String)| json!({"{#CHANNEL}": channel, "{#ALERT}": alert});
    known.iter().map(pair).collect::<serde_json::Value>().to_string()
}

/// Tries until Zabbix has it. What its server takes and can't place is tried again for as long as discovery may last.
async fn deliver(live: &Live, discovery: Option<String>, states: &[State]) {
    let (mut wait, mut tries) = (RETRY, 0);
    loop {
        let loaded = live.current();
        let settings = &loaded.exporter.zabbix;
        let Some((server, port)) = settings.address() else { return };
        let mut values: Vec<SendValue> = Vec::new();
        let mut add = |key: String, value: &str| values.push((settings.host.as_str(), key.as_str(), value).into());
        if let Some(discovery) = &discovery {
            add(DISCOVERY.to_owned(), discovery);
        }
        for State { channel, alert, severity, text } in states {
            add(format!("packager.alert[{channel},{alert}]"), &severity.to_string());
            add(format!("packager.alert.text[{channel},{alert}]"), text);
        }
        let sender = Sender::new(server, port);
        match timeout(PATIENCE, sender.send_async(values)).await {
            Ok(Ok(response)) if placed(&response) => return,
            Ok(Ok(_)) if tries >= TRIES => {
                let channel = states.first().map(|s| s.channel.as_str());
                tracing::error!(
                    channel,
                    host = settings.host,
                    "Zabbix has no item for it; is the template linked to this host?"
                );
                return;
            }
            Ok(Ok(_)) => tries += 1,
            Ok(Err(error)) => tracing::warn!(%error, retry_in = ?wait, "Zabbix takes nothing"),
            Err(_) => tracing::warn!(retry_in = ?wait, "Zabbix doesn't answer"),
        }
        sleep(wait).await;
        wait = (wait * 2).min(RETRY_AT_MOST);
    }
}

fn placed(response: &Response) -> bool {
    response.success() && response.failed_cnt() == Some(0)
}
