//! Estimates of a rendition's mean opinion score over a day, by which a fall shows.

use super::clock_step::ObservedTimes;
use crate::facts::RenditionFacts;
use crate::facts::mos::{PictureContent, mean_opinion_score, picture_coding};
use packager_media::units::{Seconds, Timestamp};
use std::collections::VecDeque;

/// Time for which samples are remembered.
const REMEMBERED: i64 = 86_400;
/// Least seconds between two samples. A day then has 360 at most.
const BETWEEN_SAMPLES: i64 = 240;

/// Least spatial information of pictures for which content helps the estimate, in units of 8-bit luma.
const LEAST_DETAIL: f64 = 10.0;

/// Estimates of a rendition: by the quantizer of each inspected segment, and by quantizer and content of each decode. An estimate of
/// the one kind is never compared with one of the other.
#[derive(Debug, Clone, Default)]
pub struct MosHistory {
    pub inspected: MosTrend,
    pub decoded: MosTrend,
}

/// Estimates in the order of the stream, and samples of the last 24 h.
#[derive(Debug, Clone, Default)]
pub struct MosTrend {
    /// Number of the newest segment, and its estimate.
    newest: Option<(u64, f64)>,
    /// The estimate before the newest one.
    before: Option<f64>,
    samples: VecDeque<MosSample>,
}

/// One sample, in few bytes because there are many.
#[derive(Debug, Clone, Copy)]
struct MosSample {
    /// Seconds since the epoch.
    at: i64,
    mos: f32,
}

impl MosHistory {
    /// Adds what a probe inspected and decoded of a rendition. `upscaling` as in [`crate::facts::mos::PictureCoding`].
    pub(super) fn take(&mut self, facts: &RenditionFacts, upscaling: f64) {
        for segment in &facts.segments {
            if let Some(coding) = picture_coding(&[segment.as_ref()], upscaling) {
                let mos = mean_opinion_score(coding, None);
                self.inspected.take(segment.segment.number, mos, segment.inspected_at);
            }
        }
        let Some(decoded) = &facts.decoded else { return };
        let Some(complexity) = decoded.signal.pictures.as_ref().map(|pictures| pictures.complexity) else { return };
        // A slate or a black picture: the estimate would fall with its content, not with its quality.
        let Some(temporal) = complexity.temporal_mean.filter(|_| complexity.spatial_mean >= LEAST_DETAIL) else {
            return;
        };
        let is_decoded = |number: u64| (decoded.first..=decoded.last).contains(&number);
        let segments = facts.segments.iter().map(AsRef::as_ref).filter(|segment| is_decoded(segment.segment.number));
        if let Some(coding) = picture_coding(&segments.collect::<Vec<_>>(), upscaling) {
            let content = PictureContent { spatial: complexity.spatial_mean, temporal };
            self.decoded.take(decoded.last, mean_opinion_score(coding, Some(content)), decoded.decoded_at);
        }
    }

    /// Number of the newest segment with an estimate; `None` without one.
    pub(super) fn newest_number(&self) -> Option<u64> {
        let number = |trend: &MosTrend| trend.newest.map(|(number, _)| number);
        number(&self.inspected).max(number(&self.decoded))
    }

    /// Forgets the newest estimates, because the numbers of the segments begin again. The samples stay: they tell of the
    /// programme, whoever packages it.
    pub(super) fn begin_again(&mut self) {
        for trend in [&mut self.inspected, &mut self.decoded] {
            (trend.newest, trend.before) = (None, None);
        }
    }
}

impl MosTrend {
    /// Adds the estimate for the segment `number`, or for segments up to it. One that isn't newer is no news.
    fn take(&mut self, number: u64, mos: f64, now: Timestamp) {
        if self.newest.is_some_and(|(newest, _)| number <= newest) {
            return;
        }
        self.before = self.newest.replace((number, mos)).map(|(_, before)| before);
        let at = now.as_second();
        if self.samples.back().is_none_or(|last| at - last.at >= BETWEEN_SAMPLES) {
            self.samples.retain(|sample| at - sample.at < REMEMBERED);
            self.samples.push_back(MosSample { at, mos: mos as f32 });
        }
    }

    /// The newest estimate; `None` before the first.
    #[must_use]
    pub fn newest(&self) -> Option<f64> {
        self.newest.map(|(_, mos)| mos)
    }

    /// Returns the better (higher) of the two newest estimates. `None` before the second estimate.
    #[must_use]
    pub fn better_of_two(&self) -> Option<f64> {
        Some(self.newest()?.max(self.before?))
    }

    /// The median of the samples of the last 24 h; `None` if there are fewer than `least`.
    #[must_use]
    pub fn median(&self, now: Timestamp, least: usize) -> Option<f64> {
        let recent = self.samples.iter().filter(|sample| now.as_second() - sample.at < REMEMBERED);
        let mut samples: Vec<f32> = recent.map(|sample| sample.mos).collect();
        samples.sort_unstable_by(f32::total_cmp);
        let half = samples.len() / 2;
        let (low, high) = (samples.get((samples.len().max(1) - 1) / 2)?, samples.get(half)?);
        (samples.len() >= least).then(|| f64::midpoint(f64::from(*low), f64::from(*high)))
    }
}

impl ObservedTimes for MosHistory {
    fn shift(&mut self, by: Seconds) {
        let by = by.0.round() as i64;
        let Self { inspected, decoded } = self;
        let samples = inspected.samples.iter_mut().chain(&mut decoded.samples);
        samples.for_each(|sample| sample.at = sample.at.saturating_add(by));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn trend(estimates: impl IntoIterator<Item = (u64, f64, i64)>) -> MosTrend {
        let mut trend = MosTrend::default();
        estimates.into_iter().for_each(|(number, mos, seconds)| trend.take(number, mos, at(seconds)));
        trend
    }

    #[test]
    fn an_estimate_counts_once_and_two_in_a_row_are_compared() {
        let trend = trend([(1, 4.0, 0), (2, 3.0, 6), (2, 1.0, 7), (1, 1.0, 8)]);
        assert_eq!((trend.newest(), trend.better_of_two()), (Some(3.0), Some(4.0)));
        assert_eq!(self::trend([(1, 4.0, 0)]).better_of_two(), None);
    }

    #[test]
    fn the_median_is_of_samples_four_minutes_apart_within_a_day() {
        let trend = trend((0..9).map(|n| (n, [1.0, 5.0, 2.0][n as usize % 3], n as i64 * 239)));
        assert_eq!(trend.median(at(2000), 5), Some(2.0), "of 1, 2, 5, 1, 2");
        assert_eq!(trend.median(at(2000), 6), None);
        assert_eq!(trend.median(at(86_400), 4), Some(2.0), "the first one is a day old");
        assert_eq!(MosTrend::default().median(at(0), 0), None);
        let many = self::trend((0..1000).map(|n| (n, 3.0, n as i64 * 240)));
        assert!(many.samples.len() <= 360, "{}", many.samples.len());
    }

    #[test]
    fn samples_outlast_numbers_that_begin_again_and_a_clock_that_is_set() {
        let inspected = trend((0..30).map(|n| (n, 4.0, n as i64 * 300)));
        let mut history = MosHistory { inspected, ..MosHistory::default() };
        assert_eq!(history.newest_number(), Some(29));
        history.begin_again();
        history.shift(Seconds(1_000_000.0));
        assert_eq!((history.newest_number(), history.inspected.better_of_two()), (None, None));
        assert_eq!(history.inspected.median(at(1_009_000), 30), Some(4.0));
    }
}
