//! Export to InfluxDB: each report is queued as line protocol and sent in the background, so that a probe never waits
//! for it.

mod lines;
mod send;

use crate::config::{ConfigHandle, InfluxdbSettings};
use crate::report::Report;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Callback that counts lines sent to InfluxDB; it gets a result and the number of lines with this result.
pub(crate) type CountLines = Arc<dyn Fn(LineResult, u64) + Send + Sync>;

/// Result of sending lines to InfluxDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineResult {
    /// InfluxDB accepted the lines.
    Written,
    /// The exporter dropped the lines, because the queue was full: InfluxDB was unreachable for too long or is too
    /// slow.
    Dropped,
    /// InfluxDB refused the lines.
    Refused,
}

impl LineResult {
    /// Returns the value of the label `result` of the metric that counts lines.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Dropped => "dropped",
            Self::Refused => "refused",
        }
    }
}

/// Line protocol of one or more probes, ready to be sent to InfluxDB.
#[derive(Debug, Default)]
struct LineBatch {
    text: Vec<u8>,
    count: u64,
    /// Sender of [`InfluxQueue::flush`], which waits until it is dropped. That happens when these lines and all earlier
    /// lines of the queue have been sent.
    written: Option<oneshot::Sender<()>>,
}

/// The queue of lines for InfluxDB. Its clones share one queue.
#[derive(Clone)]
pub(crate) struct InfluxQueue {
    live: Arc<ConfigHandle>,
    queue: mpsc::Sender<LineBatch>,
    count: CountLines,
}

impl InfluxQueue {
    /// Starts the task that sends queued lines to InfluxDB. The address is read from the configuration for each batch,
    /// so a reload changes it. The size of the queue is fixed at the start.
    ///
    /// # Errors
    /// Returns the reason when no HTTP client can be made.
    pub(crate) fn start(live: Arc<ConfigHandle>, count: CountLines) -> Result<Self, String> {
        let (queue, offered) = mpsc::channel(live.current().exporter.influxdb.queue_probes);
        let sender = send::BatchSender::new(live.clone(), count.clone())?;
        tokio::spawn(sender.run(offered));
        Ok(Self { live, queue, count })
    }

    /// Queues the report as lines for InfluxDB if the queue has room; otherwise its lines are dropped. It never waits.
    pub(crate) fn offer(&self, report: &Report) {
        let settings: &InfluxdbSettings = &self.live.current().exporter.influxdb;
        if settings.url.is_none() {
            return;
        }
        let lines = lines::report_lines(report);
        let count = lines.count;
        if self.queue.try_send(lines).is_err() {
            (self.count)(LineResult::Dropped, count);
        }
    }

    /// Waits until InfluxDB has accepted or refused all queued lines, which takes long while InfluxDB is unreachable.
    pub(crate) async fn flush(&self) {
        let (written, done) = oneshot::channel();
        if self.queue.send(LineBatch { written: Some(written), ..LineBatch::default() }).await.is_ok() {
            let _ = done.await;
        }
    }
}
