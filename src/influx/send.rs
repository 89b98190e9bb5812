//! Sends batches of lines to InfluxDB: to `/api/v2/write` with a token, or to `/write` of InfluxDB 1.

use super::{CountLines, LineBatch, LineResult};
use crate::backoff::Backoff;
use crate::config::{ConfigHandle, InfluxdbSettings};
use crate::fetch::{read_service_answer, service_client};
use async_compression::tokio::write::GzipEncoder;
use bytes::Bytes;
use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

/// Longest time of one write request to InfluxDB.
const PATIENCE: Duration = Duration::from_secs(10);
/// Number of lines at which a batch is sent, as InfluxDB recommends.
const BATCH_LINES: u64 = 5_000;
const BATCH_BYTES: usize = 4 << 20;
/// Time after which a batch is sent even if it isn't full.
const FLUSH: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(500);
const RETRY_AT_MOST: Duration = Duration::from_secs(30);
/// Largest part of InfluxDB's answer that is read for the log, in bytes.
const MAX_ANSWER: usize = 64 << 10;

pub(crate) struct BatchSender {
    live: Arc<ConfigHandle>,
    client: reqwest::Client,
    count: CountLines,
}

/// The reason why InfluxDB did not store a batch of lines.
enum WriteError {
    /// The batch may be written later, at the earliest after the given time, which is the answer's Retry-After.
    Temporary(String, Duration),
    /// InfluxDB will never accept the batch.
    Permanent(String),
    /// InfluxDB stored all lines but this number, which it will never accept.
    Partial(String, u64),
}

impl BatchSender {
    pub(crate) fn new(live: Arc<ConfigHandle>, count: CountLines) -> Result<Self, String> {
        let client = service_client(PATIENCE).map_err(|e| format!("no HTTP client for InfluxDB: {e}"))?;
        Ok(Self { live, client, count })
    }

    /// Sends batches of lines to InfluxDB until the queue is closed.
    pub(crate) async fn run(self, mut offered: mpsc::Receiver<LineBatch>) {
        while let Some(batch) = next_batch(&mut offered).await {
            self.deliver(batch).await;
        }
    }

    /// Sends a batch until InfluxDB accepts or refuses it. Meanwhile the queue fills up; when it is full, reports are
    /// dropped.
    async fn deliver(&self, batch: LineBatch) {
        if batch.count == 0 {
            return;
        }
        let Ok(body) = gzip(&batch.text).await else { return (self.count)(LineResult::Refused, batch.count) };
        let mut backoff = Backoff::new(RETRY, RETRY_AT_MOST);
        loop {
            let loaded = self.live.current();
            match self.post(&loaded.exporter.influxdb, body.clone()).await {
                Ok(()) => return (self.count)(LineResult::Written, batch.count),
                Err(WriteError::Permanent(why)) => {
                    tracing::error!(why, lines = batch.count, "InfluxDB refused a batch of lines; they are lost");
                    return (self.count)(LineResult::Refused, batch.count);
                }
                Err(WriteError::Partial(why, dropped)) => {
                    let dropped = dropped.min(batch.count);
                    tracing::error!(why, dropped, lines = batch.count, "InfluxDB refused some lines; they are lost");
                    (self.count)(LineResult::Refused, dropped);
                    return (self.count)(LineResult::Written, batch.count - dropped);
                }
                Err(WriteError::Temporary(why, least)) => {
                    let pause = backoff.failed().max(least);
                    tracing::warn!(why, retry_in = ?pause, "InfluxDB did not accept the lines; they will be \
                         sent again");
                    sleep(pause).await;
                }
            }
        }
    }

    async fn post(&self, settings: &InfluxdbSettings, body: Bytes) -> Result<(), WriteError> {
        let Some(url) = settings.write_url() else {
            return Err(WriteError::Permanent("influxdb.url was removed from exporter.yml".to_owned()));
        };
        let mut request = self.client.post(url).header(CONTENT_ENCODING, "gzip").body(body);
        request = request.header(CONTENT_TYPE, "text/plain; charset=utf-8");
        if let Some(value) = settings.authorization() {
            request = request.header(AUTHORIZATION, value);
        }
        let response =
            request.send().await.map_err(|e| WriteError::Temporary(with_causes(&e.without_url()), Duration::ZERO))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        // Retry-After (RFC 9110 10.2.3); InfluxDB gives it in seconds.
        let least = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let least = Duration::from_secs(least.unwrap_or(0)).min(RETRY_AT_MOST);
        let text = read_service_answer(response, MAX_ANSWER).await.unwrap_or_default();
        let why = format!("{status}: {}", String::from_utf8_lossy(&text).chars().take(300).collect::<String>().trim());
        if let Some(dropped) = dropped_lines(&String::from_utf8_lossy(&text)) {
            return Err(WriteError::Partial(why, dropped));
        }
        // An operator may correct a wrong token or create a missing bucket, so these are tried again.
        let later = status.is_server_error()
            || matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS
                    | StatusCode::REQUEST_TIMEOUT
                    | StatusCode::UNAUTHORIZED
                    | StatusCode::FORBIDDEN
                    | StatusCode::NOT_FOUND
            );
        Err(if later { WriteError::Temporary(why, least) } else { WriteError::Permanent(why) })
    }
}

/// Returns the number of lines that InfluxDB dropped, if it says that it stored the others: `partial write: … dropped=3`.
fn dropped_lines(answer: &str) -> Option<u64> {
    let (_, after) = answer.split_once("partial write")?.1.split_once("dropped=")?;
    let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after.get(..end)?.parse().ok()
}

async fn next_batch(offered: &mut mpsc::Receiver<LineBatch>) -> Option<LineBatch> {
    let mut batch = offered.recv().await?;
    let flush = Instant::now() + FLUSH;
    while batch.count < BATCH_LINES && batch.text.len() < BATCH_BYTES && batch.written.is_none() {
        let Ok(Some(more)) = timeout_at(flush, offered.recv()).await else { break };
        batch.text.extend_from_slice(&more.text);
        batch.count += more.count;
        batch.written = more.written;
    }
    Some(batch)
}

/// Returns an error's text with the texts of its causes, because the text of a reqwest error names no cause.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

async fn gzip(text: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzipEncoder::new(Vec::with_capacity(text.len() / 4));
    encoder.write_all(text).await?;
    encoder.shutdown().await?;
    Ok(encoder.into_inner().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_write_says_how_many_lines_were_dropped() {
        let of_1 = r#"{"error":"partial write: field type conflict: input field \"v\" is type string dropped=12"}"#;
        assert_eq!(dropped_lines(of_1), Some(12));
        assert_eq!(dropped_lines(r#"{"message":"partial write: points beyond retention policy dropped=1"}"#), Some(1));
        for whole in ["", r#"{"error":"unable to parse 'x'"}"#, "dropped=1", "partial write: dropped=x"] {
            assert_eq!(dropped_lines(whole), None, "{whole}");
        }
    }
}
