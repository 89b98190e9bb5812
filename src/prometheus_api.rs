//! Client of Prometheus' HTTP API: range queries for the charts of the web page.

use crate::fetch::{read_service_answer, service_client};
use crate::service_contact::{ContactRecord, ServiceContact};
use packager_media::redact;
use packager_media::units::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Longest time of one request to Prometheus. A person waits for it in front of a chart, which has the last probes without it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// Largest answer of Prometheus that is read, in bytes. A thousand points of 64 series have about 2 MB.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// Client of one Prometheus, or of another server with the same API. A clone is cheap.
#[derive(Debug, Clone)]
pub(crate) struct PrometheusApi {
    client: reqwest::Client,
    /// URL of Prometheus without a slash at its end.
    base: Arc<str>,
    /// The same for messages, without user and password.
    redacted_url: Arc<str>,
    contact: ContactRecord,
}

/// A time range with equidistant points, as Prometheus' API v1 takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeRange {
    /// Time of the first point, in seconds since 1970.
    pub(crate) start: i64,
    /// Time of the last point, in seconds since 1970.
    pub(crate) end: i64,
    /// Distance of two points in seconds, at least 1.
    pub(crate) step: u32,
}

/// One series of the answer to a range query.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct RangeSeries {
    #[serde(rename = "metric")]
    pub(crate) labels: BTreeMap<String, String>,
    /// Points of the series: the time in seconds since 1970, and the value as text, such as `1.5` or `NaN`. A point without a
    /// value is missing.
    values: Vec<(f64, String)>,
}

impl RangeSeries {
    /// Returns the finite values of the series with their times in seconds since 1970.
    pub(crate) fn points(&self) -> impl Iterator<Item = (i64, f64)> {
        let value = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
        self.values.iter().filter_map(move |(at, text)| {
            let at = Timestamp::from_millisecond((at * 1000.0) as i64).ok()?;
            Some((at.as_second(), value(text)?))
        })
    }
}

/// Answer of Prometheus' API to a range query. Other members are ignored.
#[derive(Debug, Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    result: Vec<RangeSeries>,
}

/// Reason why a query has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PrometheusError {
    /// Prometheus can't be reached, or gives no whole answer in time.
    #[error("{0}")]
    Away(String),
    /// Prometheus refuses the query, or its answer isn't understood.
    #[error("{0}")]
    Refused(String),
}

impl PrometheusApi {
    /// Makes a client for the Prometheus at `url`.
    ///
    /// # Errors
    /// Returns the reason if the HTTP client can't be set up.
    pub(crate) fn new(url: &Url) -> Result<Self, String> {
        let client = service_client(REQUEST_TIMEOUT).map_err(|e| format!("no HTTP client for Prometheus: {e}"))?;
        let base = url.as_str().trim_end_matches('/').into();
        let redacted_url = redact::url(url).trim_end_matches('/').into();
        Ok(Self { client, base, redacted_url, contact: ContactRecord::default() })
    }

    /// Returns when Prometheus last answered a query of a chart.
    pub(crate) fn contact(&self) -> ServiceContact {
        self.contact.contact()
    }

    /// Runs a range query, and returns its series.
    ///
    /// # Errors
    /// Returns why Prometheus gave no usable answer within 3 s.
    pub(crate) async fn query_range(&self, query: &str, range: TimeRange) -> Result<Vec<RangeSeries>, PrometheusError> {
        let answered = self.send_query(query, range).await;
        self.contact.record(&answered, Timestamp::now());
        answered
    }

    async fn send_query(&self, query: &str, range: TimeRange) -> Result<Vec<RangeSeries>, PrometheusError> {
        let why = |e: String| format!("Prometheus at {} gave no usable answer: {e}", self.redacted_url);
        let (away, refused) = (|e| PrometheusError::Away(why(e)), |e| PrometheusError::Refused(why(e)));
        let url = Url::parse(&format!("{}/api/v1/query_range", self.base));
        let mut url = url.map_err(|e| refused(e.to_string()))?;
        let TimeRange { start, end, step } = range;
        url.query_pairs_mut()
            .append_pair("query", query)
            .append_pair("start", &start.to_string())
            .append_pair("end", &end.to_string())
            .append_pair("step", &step.to_string());
        let response = self.client.get(url).send().await.map_err(|e| away(e.without_url().to_string()))?;
        let response = response.error_for_status().map_err(|e| refused(e.without_url().to_string()))?;
        let body = read_service_answer(response, MAX_ANSWER_BYTES).await.map_err(away)?;
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|e| refused(format!("it is not understood: {e}")))?;
        Ok(answer.data.result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_message_shows_the_password_of_prometheus() {
        let api = PrometheusApi::new(&Url::parse("http://noc:s3cret@127.0.0.1:1").unwrap()).unwrap();
        let why = api.query_range("up", TimeRange { start: 0, end: 60, step: 60 }).await.unwrap_err().to_string();
        assert!(why.starts_with("Prometheus at http://***@127.0.0.1:1 gave no usable answer: "), "{why}");
        assert!(!why.contains("s3cret"), "{why}");
        assert!(api.contact().failing_since.is_some(), "{:?}", api.contact());
    }

    #[test]
    fn a_series_has_its_finite_points() {
        let text = r#"{"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": {"output": "hls"}, "values": [[100, "1.5"], [115.0, "NaN"], [130, "+Inf"], [145, "2"]]}]}}"#;
        let answer: Answer = serde_json::from_str(text).unwrap();
        assert_eq!(answer.data.result[0].labels["output"], "hls");
        assert_eq!(answer.data.result[0].points().collect::<Vec<_>>(), [(100, 1.5), (145, 2.0)]);
    }
}
