//! Batches to InfluxDB: `/api/v2/write` with a token, or `/write` of version 1.

use super::{Count, Fate, Lines};
use crate::config::{Influxdb, Live};
use crate::fetch::{bounded, service_client};
use async_compression::tokio::write::GzipEncoder;
use bytes::Bytes;
use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

const PATIENCE: Duration = Duration::from_secs(10);
/// InfluxDB's own advice for a batch.
const BATCH_LINES: u64 = 5_000;
const BATCH_BYTES: usize = 4 << 20;
/// A batch that isn't full goes after this.
const FLUSH: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(500);
const RETRY_AT_MOST: Duration = Duration::from_secs(30);
/// Most of an answer that is read, to be logged.
const MAX_ANSWER: usize = 64 << 10;

pub struct Sender {
    live: Arc<Live>,
    client: reqwest::Client,
    count: Count,
}

/// Why a batch isn't there.
enum Failure {
    /// It may be there later, not before so long where the answer says it.
    Again(String, Duration),
    /// It never will.
    Refused(String),
}

impl Sender {
    pub fn new(live: Arc<Live>, count: Count) -> Result<Self, String> {
        let client = service_client(PATIENCE).map_err(|e| format!("no HTTP client for InfluxDB: {e}"))?;
        Ok(Self { live, client, count })
    }

    /// Writes until nobody can offer any more.
    pub async fn run(self, mut offered: mpsc::Receiver<Lines>) {
        while let Some(batch) = gather(&mut offered).await {
            self.deliver(batch).await;
        }
    }

    /// Tries until it is written or refused. Meanwhile the queue takes what is offered, and drops what is too much.
    async fn deliver(&self, batch: Lines) {
        if batch.count == 0 {
            return;
        }
        let Ok(body) = gzip(&batch.text).await else { return (self.count)(Fate::Refused, batch.count) };
        let mut wait = RETRY;
        loop {
            let loaded = self.live.current();
            match self.post(&loaded.exporter.influxdb, body.clone()).await {
                Ok(()) => return (self.count)(Fate::Written, batch.count),
                Err(Failure::Refused(why)) => {
                    tracing::error!(why, lines = batch.count, "InfluxDB refused a batch");
                    return (self.count)(Fate::Refused, batch.count);
                }
                Err(Failure::Again(why, least)) => {
                    let pause = wait.max(least);
                    tracing::warn!(why, retry_in = ?pause, "InfluxDB takes nothing");
                    sleep(pause).await;
                    wait = (wait * 2).min(RETRY_AT_MOST);
                }
            }
        }
    }

    async fn post(&self, settings: &Influxdb, body: Bytes) -> Result<(), Failure> {
        let Some(url) = settings.write_url() else { return Err(Failure::Refused("it was taken out".to_owned())) };
        let mut request = self.client.post(url).header(CONTENT_ENCODING, "gzip").body(body);
        request = request.header(CONTENT_TYPE, "text/plain; charset=utf-8");
        if let Some(value) = settings.authorization() {
            request = request.header(AUTHORIZATION, value);
        }
        let response = request.send().await.map_err(|e| Failure::Again(shown(&e.without_url()), Duration::ZERO))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        // RFC 9110 10.2.3; InfluxDB says seconds.
        let least = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let least = Duration::from_secs(least.unwrap_or(0)).min(RETRY_AT_MOST);
        let text = bounded(response, MAX_ANSWER).await.unwrap_or_default();
        let why = format!("{status}: {}", String::from_utf8_lossy(&text).chars().take(300).collect::<String>().trim());
        // A wrong token, a bucket that isn't there: somebody may put it right.
        let later = status.is_server_error()
            || matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS
                    | StatusCode::REQUEST_TIMEOUT
                    | StatusCode::UNAUTHORIZED
                    | StatusCode::FORBIDDEN
                    | StatusCode::NOT_FOUND
            );
        Err(if later { Failure::Again(why, least) } else { Failure::Refused(why) })
    }
}

async fn gather(offered: &mut mpsc::Receiver<Lines>) -> Option<Lines> {
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

/// With its causes: reqwest's own text is only that it couldn't send.
fn shown(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

async fn gzip(text: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzipEncoder::new(Vec::with_capacity(text.len() / 4));
    encoder.write_all(text).await?;
    encoder.shutdown().await?;
    Ok(encoder.into_inner().into())
}
