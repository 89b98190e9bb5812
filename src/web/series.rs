//! Measured values of the last probes by channel, for the charts of the web page when there is no Prometheus; and the answers of
//! Prometheus that are used again.

use crate::report::{RenditionView, ReportView};
use packager_media::units::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use utoipa::ToSchema;

/// Number of probes of a channel that are remembered.
const MAX_SAMPLES: usize = 60;
/// Largest number of renditions of a channel that are remembered. With [`MAX_SAMPLES`] and the metrics that reports have, a
/// channel has at most 60 kB, and one of five renditions 6 kB.
const MAX_LINES: usize = 48;
/// Factor of the usual distance of two probes from which on there is a gap between them.
const GAP_FACTOR: i64 = 3;
/// Time for which an answer of Prometheus is used again.
const ANSWER_AGE: Duration = Duration::from_secs(10);
/// Time for which a Prometheus that didn't answer is not asked again. Pages ask every 15 s.
const AWAY_AGE: Duration = Duration::from_secs(10);
/// Largest number of answers of Prometheus that are kept.
const MAX_ANSWERS: usize = 256;

/// A measured value whose course over time can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SeriesMetric {
    /// Mean opinion score of the picture, 1 to 5.
    Mos,
    /// Loudness in LUFS.
    Loudness,
    /// Measured bit rate in bits per second.
    Bitrate,
    /// Latency of the live edge in seconds.
    Latency,
    /// Download time of the newest segment in parts of its duration.
    DownloadRatio,
}

impl SeriesMetric {
    /// Names of all metrics, as the parameter `metric` has them.
    pub(super) const NAMES: [(&'static str, Self); 5] = [
        ("mos", Self::Mos),
        ("loudness", Self::Loudness),
        ("bitrate", Self::Bitrate),
        ("latency", Self::Latency),
        ("download_ratio", Self::DownloadRatio),
    ];

    /// Returns the index of the metric's value in a sample. `None`: reports don't have the metric.
    fn value_index(self) -> Option<usize> {
        match self {
            Self::Bitrate => Some(0),
            Self::Latency => Some(1),
            Self::DownloadRatio => Some(2),
            Self::Loudness => Some(3),
            Self::Mos => None,
        }
    }
}

/// Values of one rendition in a sample, by [`SeriesMetric::value_index`]. A value that the probe didn't measure is NaN.
type SampleValues = [f32; 4];

fn values(rendition: &RenditionView<'_>) -> SampleValues {
    [
        rendition.rendition_bandwidth_bits_per_second.measured,
        rendition.playlist.live_edge_latency_seconds,
        rendition.segment.transfer.segment_download_ratio,
        rendition.signal.signal_loudness_lufs,
    ]
    .map(|value| value.map_or(f32::NAN, |value| value as f32))
}

/// A rendition of a chart: name of the output and name of the rendition.
type SeriesKey = (Arc<str>, Arc<str>);

/// What one probe measured.
#[derive(Debug)]
struct Sample {
    /// Start of the probe, in seconds since 1970.
    at: i64,
    /// Values by the index of the line. Lines beyond the end were not known yet.
    values: Box<[SampleValues]>,
}

/// The last probes of one channel, oldest first.
#[derive(Debug, Default)]
struct ChannelSamples {
    lines: Vec<SeriesKey>,
    samples: VecDeque<Sample>,
}

/// The last probes of each channel, by its code.
#[derive(Debug, Default)]
pub(super) struct SeriesMemory(BTreeMap<String, ChannelSamples>);

/// One line of a chart. Its values belong to the times of the answer, in the same order.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct SeriesLine {
    /// Name of the output; empty if the value belongs to the whole channel.
    pub(super) output: String,
    /// Name of the rendition; empty if the value belongs to the whole output.
    pub(super) rendition: String,
    /// Values of the line, one for each entry of the answer's `times`. `null`: nothing was measured at that time.
    pub(super) values: Vec<Option<f64>>,
}

/// Times and lines of a chart.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Chart {
    /// Times of the values, in seconds since 1970, ascending.
    pub(super) times: Vec<i64>,
    pub(super) lines: Vec<SeriesLine>,
}

impl SeriesMemory {
    /// Remembers what a probe of all outputs measured. `channels` is the number of channels in the catalogue, above which the
    /// channels with the oldest probes are forgotten.
    pub(super) fn push(&mut self, report: &ReportView<'_>, started_at: Timestamp, channels: usize) {
        let at = started_at.as_second();
        self.0.entry(report.target.to_owned()).or_default().push(report, at);
        if self.0.len() > channels.max(1) {
            let newest = |probes: &ChannelSamples| probes.samples.back().map(|sample| sample.at);
            let oldest = self.0.iter().min_by_key(|(_, samples)| newest(samples)).map(|(code, _)| code.clone());
            if let Some(code) = oldest {
                self.0.remove(&code);
            }
        }
    }

    /// Returns the values of a metric that the channel's probes since `since` measured, in seconds since 1970. A time without
    /// values stands where no probe ran.
    pub(super) fn chart(&self, code: &str, metric: SeriesMetric, since: i64) -> Chart {
        let (Some(samples), Some(value_index)) = (self.0.get(code), metric.value_index()) else {
            return Chart::default();
        };
        samples.chart(value_index, since)
    }
}

impl ChannelSamples {
    fn push(&mut self, report: &ReportView<'_>, at: i64) {
        // Another probe of the same second, or one after the clock was set back.
        if self.samples.back().is_some_and(|last| last.at >= at) {
            if self.samples.back().is_some_and(|last| last.at > at + 120) {
                self.samples.clear();
            } else {
                return;
            }
        }
        let renditions = report.outputs.iter().flat_map(|o| o.renditions.iter().map(move |r| (o.name, r)));
        let measured: Vec<(&str, &RenditionView<'_>)> =
            renditions.filter(|(_, r)| values(r).iter().any(|value| !value.is_nan())).take(MAX_LINES).collect();
        let is_new = |(output, r): &&(&str, &RenditionView<'_>)| self.index(output, r.name).is_none();
        if self.lines.len() + measured.iter().filter(is_new).count() > MAX_LINES {
            // The renditions of an earlier ladder: the chart begins anew.
            *self = Self::default();
        }
        let mut sample = vec![[f32::NAN; 4]; self.lines.len()];
        for (output, rendition) in measured {
            let own = values(rendition);
            match self.index(output, rendition.name).and_then(|index| sample.get_mut(index)) {
                Some(values) => *values = own,
                None => {
                    self.lines.push((output.into(), rendition.name.into()));
                    sample.push(own);
                }
            }
        }
        if self.samples.len() == MAX_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { at, values: sample.into() });
    }

    fn index(&self, output: &str, rendition: &str) -> Option<usize> {
        self.lines.iter().position(|(o, r)| **o == *output && **r == *rendition)
    }

    fn chart(&self, value_index: usize, since: i64) -> Chart {
        let samples: Vec<&Sample> = self.samples.iter().filter(|sample| sample.at >= since).collect();
        let usual = usual_distance(&samples);
        let mut columns: Vec<(i64, Option<&Sample>)> = Vec::with_capacity(samples.len());
        for sample in samples {
            if let Some((last, Some(_))) = columns.last()
                && sample.at - last > usual * GAP_FACTOR
            {
                columns.push(((sample.at + last) / 2, None));
            }
            columns.push((sample.at, Some(sample)));
        }
        let value = |sample: Option<&Sample>, line: usize| {
            let value = f64::from(*sample?.values.get(line)?.get(value_index)?);
            value.is_finite().then_some(value)
        };
        let lines = self.lines.iter().enumerate().map(|(index, (output, rendition))| SeriesLine {
            output: output.to_string(),
            rendition: rendition.to_string(),
            values: columns.iter().map(|(_, sample)| value(*sample, index)).collect(),
        });
        Chart {
            lines: lines.filter(|line| line.values.iter().any(Option::is_some)).collect(),
            times: columns.iter().map(|(at, _)| *at).collect(),
        }
    }
}

/// Returns the median distance of two consecutive samples in seconds, at least 1.
fn usual_distance(samples: &[&Sample]) -> i64 {
    let mut distances: Vec<i64> =
        samples.windows(2).filter_map(|pair| Some(pair.get(1)?.at - pair.first()?.at)).collect();
    distances.sort_unstable();
    distances.get(distances.len() / 2).copied().unwrap_or(1).max(1)
}

/// What an answer of Prometheus depends on: channel code, metric, end of the range and distance of two points in seconds, and the
/// number of points.
pub(super) type AnswerKey = (String, SeriesMetric, i64, u32, u32);

/// Answer of Prometheus to one question, or why it gave none. It is empty while the question is asked.
pub(super) type SeriesAnswer = Arc<OnceCell<Result<Arc<Chart>, String>>>;

/// Answers of Prometheus that are at most [`ANSWER_AGE`] old, so that many open pages cost one query; and when it last didn't
/// answer, so that a page of ten charts doesn't wait ten times.
#[derive(Debug, Default)]
pub(super) struct SeriesAnswers {
    kept: BTreeMap<AnswerKey, (Instant, SeriesAnswer)>,
    /// Time at which Prometheus didn't answer, and why. `None`: it always did.
    away: Option<(Instant, String)>,
}

impl SeriesAnswers {
    /// Returns the cell of the answer to a question. Whoever finds it empty asks Prometheus; others who have the same question meanwhile wait
    /// for that answer.
    ///
    /// # Errors
    /// Returns why Prometheus didn't answer another question less than [`AWAY_AGE`] ago.
    pub(super) fn answer_cell(&mut self, key: AnswerKey) -> Result<SeriesAnswer, String> {
        self.kept.retain(|_, (at, _)| at.elapsed() < ANSWER_AGE);
        if let Some((_, kept)) = self.kept.get(&key) {
            return Ok(Arc::clone(kept));
        }
        if let Some((_, why)) = self.away.as_ref().filter(|(at, _)| at.elapsed() < AWAY_AGE) {
            return Err(why.clone());
        }
        let cell = SeriesAnswer::default();
        if self.kept.len() < MAX_ANSWERS {
            self.kept.insert(key, (Instant::now(), Arc::clone(&cell)));
        }
        Ok(cell)
    }

    /// Remembers that Prometheus didn't answer.
    pub(super) fn note_away(&mut self, why: &str) {
        self.away = Some((Instant::now(), why.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report;
    use crate::report::testing::{broken, clean};

    fn at(mut report: Report, second: i64) -> Report {
        report.started_at = Timestamp::from_second(second).unwrap();
        report
    }

    fn memory(reports: &[Report]) -> SeriesMemory {
        let mut memory = SeriesMemory::default();
        reports.iter().for_each(|report| memory.push(&report.view(), report.started_at, 10));
        memory
    }

    #[test]
    fn a_value_that_was_not_measured_and_a_time_without_probes_are_gaps() {
        let reports = [at(clean(), 100), at(clean(), 115), at(broken(), 130), at(clean(), 145), at(clean(), 400)];
        let code = reports[0].channel.code.clone();
        let chart = memory(&reports).chart(&code, SeriesMetric::Bitrate, 0);
        assert_eq!(chart.times, [100, 115, 130, 145, 272, 400]);
        assert!(!chart.lines.is_empty());
        for line in &chart.lines {
            assert_eq!(line.values.len(), chart.times.len());
            assert_eq!(line.values[4], None, "nobody probed");
            assert!(line.values.iter().flatten().all(|value| *value > 0.0), "{line:?}");
        }
        assert_eq!(memory(&reports).chart(&code, SeriesMetric::Bitrate, 145).times, [145, 400]);
        assert_eq!(memory(&reports).chart(&code, SeriesMetric::Mos, 0), Chart::default());
        assert_eq!(memory(&reports).chart("CH_9", SeriesMetric::Bitrate, 0), Chart::default());
    }

    #[test]
    fn the_last_sixty_probes_are_remembered_and_the_same_probe_once() {
        let reports: Vec<Report> = (0..70).map(|n| at(clean(), 15 * n)).collect();
        let code = reports[0].channel.code.clone();
        let mut memory = memory(&reports);
        memory.push(&reports[69].view(), reports[69].started_at, 10);
        let chart = memory.chart(&code, SeriesMetric::Latency, 0);
        assert_eq!((chart.times.len(), chart.times[0]), (60, 150));
    }

    #[test]
    fn a_channel_that_left_the_catalogue_makes_room() {
        let mut memory = SeriesMemory::default();
        let named = |code: &str, second| {
            let mut report = at(clean(), second);
            let channel = crate::catalog::Channel { code: code.to_owned(), ..(*report.channel).clone() };
            report.channel = Arc::new(channel);
            report
        };
        for report in [named("OLD", 1), named("A", 20), named("B", 30)] {
            memory.push(&report.view(), report.started_at, 2);
        }
        assert_eq!(memory.0.keys().collect::<Vec<_>>(), ["A", "B"]);
    }
}
