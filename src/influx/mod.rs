//! InfluxDB: each probe's report as line protocol, beside the scrape and never in its way.

mod lines;
mod send;

use crate::config::{Influxdb, Live};
use crate::report::Report;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Counts lines by what became of them.
pub type Count = Arc<dyn Fn(Fate, u64) + Send + Sync>;

/// What became of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Written,
    /// The queue was full: InfluxDB was away for too long, or is too slow.
    Dropped,
    /// InfluxDB didn't want them.
    Refused,
}

impl Fate {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Dropped => "dropped",
            Self::Refused => "refused",
        }
    }
}

/// Lines of one probe.
#[derive(Debug, Default)]
struct Lines {
    text: Vec<u8>,
    count: u64,
    /// Dropped once these and all before them are written.
    written: Option<oneshot::Sender<()>>,
}

/// The way in; cheap to clone.
#[derive(Clone)]
pub struct Influx {
    live: Arc<Live>,
    queue: mpsc::Sender<Lines>,
    count: Count,
}

impl Influx {
    /// Begins to write what is offered. Where to is read anew for each batch; the queue's size is that of the start.
    ///
    /// # Errors
    /// No HTTP client can be set up.
    pub fn start(live: Arc<Live>, count: Count) -> Result<Self, String> {
        let (queue, offered) = mpsc::channel(live.current().exporter.influxdb.queue_probes);
        let sender = send::Sender::new(live.clone(), count.clone())?;
        tokio::spawn(sender.run(offered));
        Ok(Self { live, queue, count })
    }

    /// Takes a report if there is room; never waits.
    pub fn offer(&self, report: &Report) {
        let settings: &Influxdb = &self.live.current().exporter.influxdb;
        if settings.url.is_none() {
            return;
        }
        let lines = lines::of(report);
        let count = lines.count;
        if self.queue.try_send(lines).is_err() {
            (self.count)(Fate::Dropped, count);
        }
    }

    /// Waits until everything that was offered is written or refused: for long, while InfluxDB is away.
    pub async fn flush(&self) {
        let (written, done) = oneshot::channel();
        if self.queue.send(Lines { written: Some(written), ..Lines::default() }).await.is_ok() {
            let _ = done.await;
        }
    }
}
