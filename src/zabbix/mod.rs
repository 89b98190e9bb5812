//! Export of alerts to Zabbix: they are sent as trapper values over the sender protocol, and low-level discovery
//! creates their items.

mod outbox;
mod sender;

use crate::config::ConfigHandle;
use outbox::Outbox;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// The state of one alert on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AlertState {
    /// The channel's code, or `-` for an alert that concerns no channel.
    pub channel: String,
    /// The alert's name.
    pub alert: String,
    /// The alert's severity as a number: 0 resolved, 1 warning, 2 minor, 3 major, 4 critical.
    pub severity: u8,
    /// The alert's text for a person; empty when the alert is resolved.
    pub text: String,
}

/// The content of one notification from Alertmanager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AlertNotification {
    /// The states of the alerts in the notification.
    pub states: Vec<AlertState>,
    /// Whether the watchdog alert is in the notification, which shows that alerts arrive.
    pub alive: bool,
}

/// An event of the delivery of alert states to Zabbix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryEvent {
    /// The configuration in force has no Zabbix.
    Off,
    /// A request to Zabbix ended; true if Zabbix answered.
    Reached(bool),
    /// Zabbix stored the values of this number of alert states.
    Placed(u64),
    /// The exporter gave up this number of alert states, because Zabbix has no item for them.
    GivenUp(u64),
}

/// Callback that gets each event of the delivery to Zabbix.
pub(crate) type OnDelivery = Arc<dyn Fn(DeliveryEvent) + Send + Sync>;

/// The queue of notifications for Zabbix. Its clones share one queue.
#[derive(Debug, Clone)]
pub(crate) struct ZabbixQueue {
    live: Arc<ConfigHandle>,
    queue: mpsc::Sender<QueueItem>,
}

#[derive(Debug)]
enum QueueItem {
    Notification(AlertNotification),
    /// A request that waits until everything that was queued before it was sent or couldn't be sent. Then this sender
    /// is dropped, which ends the wait.
    Flush(oneshot::Sender<()>),
}

/// The reason why a notification wasn't queued for Zabbix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OfferError {
    /// No Zabbix server is configured.
    #[error("no Zabbix server is configured; set zabbix.server in exporter.yml")]
    Off,
    /// The queue of notifications for Zabbix is full.
    #[error("the queue for Zabbix is full because Zabbix accepts nothing; see the exporter's log")]
    Full,
}

impl ZabbixQueue {
    /// Starts the task that sends queued notifications to Zabbix. The address is read from the configuration for each
    /// request, so a reload changes it. The size of the queue is fixed at the start.
    #[must_use]
    pub(crate) fn start(live: Arc<ConfigHandle>, tell: OnDelivery) -> Self {
        let (queue, orders) = mpsc::channel(live.current().exporter.zabbix.queue_notifications);
        tokio::spawn(run(live.clone(), orders, tell));
        Self { live, queue }
    }

    /// Queues a notification for Zabbix, all of it or nothing, and never waits.
    ///
    /// # Errors
    /// Returns the reason when no Zabbix server is configured or the queue is full; Alertmanager repeats the
    /// notification then.
    pub(crate) fn offer(&self, notification: AlertNotification) -> Result<(), OfferError> {
        if self.live.current().exporter.zabbix.server.is_none() {
            return Err(OfferError::Off);
        }
        self.queue.try_send(QueueItem::Notification(notification)).map_err(|_| OfferError::Full)
    }

    /// Waits until all queued notifications were sent to Zabbix or couldn't be sent. Alertmanager repeats a
    /// notification only after hours, so the exporter waits for this before it ends.
    pub(crate) async fn flush(&self) {
        let (done, sent) = oneshot::channel();
        if self.queue.send(QueueItem::Flush(done)).await.is_ok() {
            let _ = sent.await;
        }
    }
}

async fn run(live: Arc<ConfigHandle>, mut orders: mpsc::Receiver<QueueItem>, tell: OnDelivery) {
    let mut outbox = Outbox::default();
    loop {
        let mut flush = None;
        tokio::select! {
            order = orders.recv(), if outbox.has_room() => match order {
                Some(QueueItem::Notification(notification)) => outbox.take(notification),
                Some(QueueItem::Flush(done)) => flush = Some(done),
                None => return,
            },
            () = sleep_until(outbox.due().unwrap_or_else(Instant::now)), if outbox.due().is_some() => {}
        }
        if outbox.may_send_now() || flush.is_some() {
            outbox.send(&live, &tell).await;
        }
        if flush.is_some() && outbox.len() > 0 {
            tracing::warn!(states = outbox.len(), "Zabbix has not accepted these alerts before the exporter ends");
        }
    }
}
