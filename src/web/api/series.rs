//! Endpoint for the course of a measured value over time: from Prometheus, or from the last probes of this exporter.

use super::authorization::{Authorized, Read};
use super::openapi::answers;
use super::problem::Problem;
use super::request::{KeyBesideParameters, Parameters};
use super::{Answer, Shared, json};
use crate::catalog::{Channel, UnknownName};
use crate::prometheus_api::{PrometheusApi, PrometheusError, RangeSeries, TimeRange};
use crate::web::ServerState;
use crate::web::series::{Chart, SeriesLine, SeriesMetric};
use axum::extract::State as Extract;
use http::StatusCode;
use packager_media::units::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// Longest range in seconds.
const MAX_RANGE: u32 = 7 * 86_400;
const DEFAULT_RANGE: u32 = 3600;
/// Largest number of points of a line.
const MAX_POINTS: u32 = 1000;
/// Number of points of a line if the request has no `step`.
const USUAL_POINTS: u32 = 240;
/// Smallest distance of two points in seconds, which is also that of the shipped configuration's scrapes.
const MIN_STEP: u32 = 15;
/// Distance of two points in seconds from which on a point is computed over all scrapes since the point before.
const WINDOW_FROM: u32 = 60;
/// Largest number of lines of an answer.
const MAX_LINES: usize = 64;
const RANGE_HELP: &str = "a number of seconds from 60 to 604800";

/// Parameters of a series, for the OpenAPI document.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
struct SeriesParameters {
    #[param(pattern = "^(mos|loudness|bitrate|latency|download_ratio)$")]
    metric: String,
    /// Seconds before now at which the series begins. Without the parameter it is an hour. Without Prometheus the series has at most
    /// the last 60 probes.
    #[param(minimum = 60, maximum = 604800)]
    range: Option<u32>,
    /// Distance of two points in seconds. Without the parameter it is chosen for about 240 points. Without Prometheus the points are
    /// the probes.
    #[param(minimum = 1, maximum = 604800)]
    step: Option<u32>,
}

/// Source of the values of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SeriesSource {
    /// The values come from the Prometheus of --prometheus.url.
    Prometheus,
    /// The values come from the last 60 probes that the answering exporter ran since its start.
    Memory,
}

/// Course of a measured value of one channel over time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Series)]
struct SeriesDocument {
    channel: String,
    metric: SeriesMetric,
    source: SeriesSource,
    /// Why the values don't come from Prometheus although --prometheus.url is set; `null` otherwise.
    #[schema(required)]
    why: Option<String>,
    /// Distance of two times in seconds; `null` if the times are those of probes.
    #[schema(required)]
    step: Option<u32>,
    /// Times of the values, in seconds since 1970, ascending.
    times: Vec<i64>,
    /// Lines of the chart. A line without any value is left out.
    lines: Vec<SeriesLine>,
    /// Thresholds of the channel's template that belong to the metric, such as `min_mos`, `loudness_target` and
    /// `loudness_tolerance`.
    thresholds: BTreeMap<String, f64>,
}

/// Reads the course of a measured value. What was not measured is `null`, never 0, and never joined.
#[utoipa::path(get, path = "/channels/{key}/series", tag = "channels", operation_id = "channel_series",
    params(("key" = String, Path, description = "Id or code"), SeriesParameters),
    responses((status = 200, description = "The series", body = SeriesDocument), answers::ReadErrors, answers::EntryErrors))]
pub(super) async fn series(
    _: Authorized<Read>,
    Extract(state): Shared,
    KeyBesideParameters(key): KeyBesideParameters,
    mut parameters: Parameters,
) -> Answer {
    let (metric, range, step) = requested(&mut parameters)?;
    parameters.end()?;
    let channel = state.known_channel(&key).await?;
    let now = Timestamp::now().as_second();
    let mut why = None;
    let mut found = None;
    if let Some(prometheus) = &state.api.prometheus {
        match state.prometheus_chart(prometheus, &channel.code, metric, range, step, now).await {
            Ok(chart) => found = Some(chart),
            Err(reason) => why = Some(reason),
        }
    }
    let (source, step) =
        if found.is_some() { (SeriesSource::Prometheus, Some(step)) } else { (SeriesSource::Memory, None) };
    let since = now.saturating_sub(range.into());
    let chart = found.unwrap_or_else(|| Arc::new(state.series().chart(&channel.code, metric, since)));
    let Chart { times, lines } = (*chart).clone();
    let thresholds = thresholds(&state, &channel, metric);
    let document =
        SeriesDocument { channel: channel.code.clone(), metric, source, why, step, times, lines, thresholds };
    Ok(json(StatusCode::OK, &document))
}

/// Reads the metric, and the range and the step in seconds.
fn requested(parameters: &mut Parameters) -> Result<(SeriesMetric, u32, u32), Problem> {
    let name = parameters.text("metric").unwrap_or_default();
    let metric = SeriesMetric::NAMES.iter().find(|(known, _)| *known == name).map(|(_, metric)| *metric);
    let metric = metric.ok_or_else(|| {
        let names: Vec<&str> = SeriesMetric::NAMES.iter().map(|(name, _)| *name).collect();
        Problem::bad(format!("parameter `metric` must be one of {}", names.join(", ")))
    })?;
    let range = parameters.given::<u32>("range", RANGE_HELP)?.unwrap_or(DEFAULT_RANGE);
    if !(60..=MAX_RANGE).contains(&range) {
        return Err(Problem::bad(format!("parameter `range` must be {RANGE_HELP}")));
    }
    let step = parameters.given::<u32>("step", "a number of seconds from 1")?;
    let step = step.unwrap_or_else(|| (range / USUAL_POINTS).max(MIN_STEP));
    if step == 0 || range / step >= MAX_POINTS {
        return Err(Problem::bad(format!(
            "parameter `step` must be so large that there are at most {MAX_POINTS} points"
        )));
    }
    Ok((metric, range, step))
}

/// Returns the query for a metric of the channel with this code. The list of queries is closed: no text of a client but the code,
/// which the catalogue knows, is part of one.
fn query(metric: SeriesMetric, code: &str, step: u32) -> String {
    let code = code.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    // A point stands for all scrapes since the one before, so that a short fault is not lost between two points.
    let values = |over_time: &str, name: &str, matcher: &str| {
        let selector = format!("{name}{{channel=\"{code}\"{matcher}}}");
        if step > WINDOW_FROM { format!("{over_time}_over_time({selector}[{step}s])") } else { selector }
    };
    let declared = ",kind=\"declared\"";
    let values = match metric {
        SeriesMetric::Bitrate => values("avg", "packager_rendition_bandwidth_bits_per_second", ",kind=\"measured\""),
        SeriesMetric::Latency => values("max", "packager_live_edge_latency_seconds", ""),
        SeriesMetric::DownloadRatio => format!(
            "{} / ignoring (kind) {}",
            values("max", "packager_segment_download_duration_seconds", ""),
            values("avg", "packager_segment_duration_seconds", declared)
        ),
        SeriesMetric::Loudness => values("avg", "packager_signal_loudness_lufs", ""),
        SeriesMetric::Mos => values("avg", "packager_video_mos", ""),
    };
    format!("max by (output, rendition) ({values})")
}

fn thresholds(state: &ServerState, channel: &Channel, metric: SeriesMetric) -> BTreeMap<String, f64> {
    let config = state.backend.config();
    let Ok(template) = config.snapshot.template(&channel.template) else { return BTreeMap::new() };
    let names: &[&str] = match metric {
        SeriesMetric::Mos => &["min_mos"],
        SeriesMetric::Loudness => &["loudness_target", "loudness_tolerance"],
        SeriesMetric::Bitrate | SeriesMetric::Latency | SeriesMetric::DownloadRatio => &[],
    };
    let all = template.numeric_thresholds().into_iter();
    all.filter(|(name, value)| names.contains(&name.as_str()) && value.is_finite()).collect()
}

/// Arranges the series of an answer by equidistant times. A time for which a series has no point is `None`.
fn chart(series: &[RangeSeries], range: TimeRange) -> Chart {
    let TimeRange { start, end, step } = range;
    let times: Vec<i64> = (0..).map(|n| start + n * i64::from(step)).take_while(|at| *at <= end).collect();
    let label = |series: &RangeSeries, name: &str| series.labels.get(name).cloned().unwrap_or_default();
    let line = |series: &RangeSeries| {
        let points: BTreeMap<i64, f64> = series.points().collect();
        let values = times.iter().map(|at| points.get(at).copied()).collect();
        SeriesLine { output: label(series, "output"), rendition: label(series, "rendition"), values }
    };
    let lines = series.iter().take(MAX_LINES).map(line).collect();
    Chart { times, lines }
}

impl ServerState {
    /// Returns the channel of the catalogue in force with the id or code `key`.
    ///
    /// # Errors
    /// Fails with 404 if there is no such channel, and with 503 if `key` is no code in force and the database can't be reached.
    pub(super) async fn known_channel(&self, key: &str) -> Result<Arc<Channel>, Problem> {
        let find = |code: &str| self.backend.config().snapshot.channel(code).cloned();
        let missing = |e: UnknownName| Problem::new(StatusCode::NOT_FOUND, e.to_string());
        match (find(key), &self.api.store) {
            (Err(_), Some(store)) => find(&store.channel(key).await?.row.channel_code).map_err(missing),
            (found, _) => found.map_err(missing),
        }
    }

    async fn prometheus_chart(
        &self,
        prometheus: &PrometheusApi,
        code: &str,
        metric: SeriesMetric,
        range: u32,
        step: u32,
        now: i64,
    ) -> Result<Arc<Chart>, String> {
        // Ends at a multiple of the step, so that a point doesn't move from one answer to the next.
        let end = now - now.rem_euclid(step.into());
        let points = range / step;
        let key = (code.to_owned(), metric, end, step, points);
        let answers = || self.series_answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let cell = answers().answer_cell(key)?;
        let range = TimeRange { start: end - i64::from(points) * i64::from(step), end, step };
        let ask = async || match prometheus.query_range(&query(metric, code, step), range).await {
            Ok(found) => Ok(Arc::new(chart(&found, range))),
            Err(error) => {
                if let PrometheusError::Away(why) = &error {
                    answers().note_away(why);
                }
                Err(error.to_string())
            }
        };
        cell.get_or_init(ask).await.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(query: &str) -> Result<(SeriesMetric, u32, u32), String> {
        let mut parameters = Parameters::read(Some(query)).map_err(|e| e.detail().to_owned())?;
        requested(&mut parameters).map_err(|e| e.detail().to_owned())
    }

    #[test]
    fn a_request_has_a_known_metric_and_at_most_a_week_and_a_thousand_points() {
        assert_eq!(read("metric=mos"), Ok((SeriesMetric::Mos, 3600, 15)));
        assert_eq!(read("metric=bitrate&range=86400"), Ok((SeriesMetric::Bitrate, 86_400, 360)));
        assert_eq!(read("metric=latency&range=604800&step=606"), Ok((SeriesMetric::Latency, 604_800, 606)));
        for bad in [
            "",
            "metric=up",
            "metric=mos&range=604801",
            "metric=mos&range=59",
            "metric=mos&step=0",
            "metric=mos&step=3",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_query_matches_one_channel_whatever_its_code_is() {
        let expected = "max by (output, rendition) (packager_live_edge_latency_seconds{channel=\"a\\\"} or up{\\\\\"})";
        assert_eq!(query(SeriesMetric::Latency, "a\"} or up{\\", 15), expected);
        let expected = "max by (output, rendition) (avg_over_time(packager_rendition_bandwidth_bits_per_second{channel=\"A\",kind=\"measured\"}[61s]))";
        assert_eq!(query(SeriesMetric::Bitrate, "A", 61), expected);
        let expected = "max by (output, rendition) (packager_segment_download_duration_seconds{channel=\"A\"} / ignoring (kind) \
            packager_segment_duration_seconds{channel=\"A\",kind=\"declared\"})";
        assert_eq!(query(SeriesMetric::DownloadRatio, "A", 60), expected);
    }

    #[test]
    fn a_point_that_prometheus_does_not_have_is_a_gap() {
        let series: RangeSeries =
            serde_json::from_value(json!({"metric": {"output": "hls"}, "values": [[100, "1"], [130, "2"]]})).unwrap();
        let chart = chart(&[series], TimeRange { start: 100, end: 130, step: 15 });
        assert_eq!(chart.times, [100, 115, 130]);
        assert_eq!(chart.lines[0].values, [Some(1.0), None, Some(2.0)]);
        assert_eq!((chart.lines[0].output.as_str(), chart.lines[0].rendition.as_str()), ("hls", ""));
    }
}
