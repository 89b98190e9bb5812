//! Alerts as values for Zabbix's trapper, over the sender protocol. Items come by low-level discovery.

mod outbox;
mod sender;

use crate::config::Live;
use outbox::Outbox;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

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

/// What became of states, and of Zabbix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Whether Zabbix took the last request.
    Reached(bool),
    /// So many states have their value in Zabbix.
    Placed(u64),
    /// So many never will: Zabbix has no item for them.
    GivenUp(u64),
}

pub type Tell = Arc<dyn Fn(News) + Send + Sync>;

/// The way in; cheap to clone.
#[derive(Debug, Clone)]
pub struct Zabbix {
    live: Arc<Live>,
    queue: mpsc::Sender<Order>,
}

#[derive(Debug)]
enum Order {
    Tell(Told),
    /// Dropped once all before it was sent or couldn't be.
    Flush(oneshot::Sender<()>),
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
    pub fn start(live: Arc<Live>, tell: Tell) -> Self {
        let (queue, orders) = mpsc::channel(live.current().exporter.zabbix.queue_notifications);
        tokio::spawn(run(live.clone(), orders, tell));
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
        self.queue.try_send(Order::Tell(told)).map_err(|_| Refused::Full)
    }

    /// Waits until what was taken is sent, or Zabbix can't take it now. Alertmanager doesn't tell it again for hours.
    pub async fn flush(&self) {
        let (done, sent) = oneshot::channel();
        if self.queue.send(Order::Flush(done)).await.is_ok() {
            let _ = sent.await;
        }
    }
}

async fn run(live: Arc<Live>, mut orders: mpsc::Receiver<Order>, tell: Tell) {
    let mut outbox = Outbox::default();
    loop {
        let mut flush = None;
        tokio::select! {
            order = orders.recv(), if outbox.has_room() => match order {
                Some(Order::Tell(told)) => outbox.take(told),
                Some(Order::Flush(done)) => flush = Some(done),
                None => return,
            },
            () = sleep_until(outbox.due().unwrap_or_else(Instant::now)), if outbox.due().is_some() => {}
        }
        if outbox.may_send() || flush.is_some() {
            outbox.send(&live, &tell).await;
        }
        if flush.is_some() && outbox.len() > 0 {
            tracing::warn!(states = outbox.len(), "Zabbix hasn't taken these alerts yet");
        }
    }
}
