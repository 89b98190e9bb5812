//! When each decoded picture is shown, and the spans of media that follow from what pictures show.

use crate::messages::PictureInfo;
use crate::span::{Span, Spans};

/// A longer time between two pictures is a gap: the media are interrupted there, and so is what pictures show.
const GAP: f64 = 1.0;
/// The duration of a picture where nothing is known, in seconds.
const UNKNOWN: f64 = 0.04;

/// The times of all decoded pictures.
#[derive(Debug)]
pub(super) struct Times {
    /// Seconds since the first picture. A gap counts as one picture: a clock that jumps is no media.
    starts: Vec<f64>,
    /// Whether the media are interrupted before each picture.
    interrupted: Vec<bool>,
    /// From the start of a picture to its end, where no other follows.
    shown: f64,
    /// The median of the times between pictures.
    pub(super) usual: f64,
    key_frames_only: bool,
}

impl Times {
    /// Takes the times that ffmpeg reported. Where a time is missing or goes back, pictures follow each other at the
    /// rate of the stream.
    pub(super) fn new(count: usize, infos: &[PictureInfo], rate: Option<f64>, key_frames_only: bool) -> Self {
        let nominal = rate.map_or(UNKNOWN, |rate| 1.0 / rate);
        let said: Option<Vec<f64>> = infos.iter().take(count).map(|info| info.time).collect();
        let said = said.filter(|times| times.len() == count && times.is_sorted());
        let first = said.as_ref().and_then(|times| times.first().copied()).unwrap_or(0.0);
        let starts: Vec<f64> = match said {
            Some(times) => times.into_iter().map(|time| time - first).collect(),
            None => (0..count).map(|index| index as f64 * nominal).collect(),
        };
        let mut steps: Vec<f64> =
            starts.windows(2).map(|pair| pair.iter().rev().copied().reduce(|b, a| b - a).unwrap_or(0.0)).collect();
        steps.sort_by(f64::total_cmp);
        let usual = steps.get(steps.len() / 2).copied().filter(|step| *step > 0.0).unwrap_or(nominal);
        let shown = if key_frames_only { nominal } else { usual };
        let mut times = Self { starts: Vec::new(), interrupted: Vec::new(), shown, usual, key_frames_only };
        let mut jumped = 0.0;
        let mut before = None;
        for start in starts {
            let step = before.map_or(0.0, |before| start - before);
            let interrupted = step > GAP && !key_frames_only;
            if interrupted {
                jumped += step - usual;
            }
            times.starts.push(start - jumped);
            times.interrupted.push(interrupted);
            before = Some(start);
        }
        times
    }

    /// From the start of the first picture to the end of the last one.
    pub(super) fn duration(&self) -> f64 {
        self.starts.last().map_or(0.0, |last| last + self.shown)
    }

    /// The spans of consecutive pictures that have the same mark. `None` marks a picture that belongs to no span.
    pub(super) fn spans(&self, mark: impl Fn(usize) -> Option<u32>) -> Vec<Span> {
        let mut spans = Spans::default();
        let mut before: Option<(f64, Option<u32>)> = None;
        for (index, (start, &interrupted)) in self.starts.iter().zip(&self.interrupted).enumerate() {
            let mark = mark(index);
            if let Some((shown_at, mark_before)) = before {
                // Between key frames nothing is known: what ends there ends with the key frame that showed it last.
                if interrupted || (self.key_frames_only && mark != mark_before) {
                    spans.close(shown_at + self.shown, false);
                } else if mark != mark_before {
                    spans.close(*start, false);
                }
            }
            spans.judge(*start, mark.is_some());
            before = Some((*start, mark));
        }
        spans.finish(self.duration())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn infos(times: &[f64]) -> Vec<PictureInfo> {
        times.iter().map(|time| PictureInfo { time: Some(*time), interlaced: false }).collect()
    }

    fn spans(times: &Times, marks: &[Option<u32>]) -> Vec<(f64, f64)> {
        let spans = times.spans(|index| marks[index]);
        spans.iter().map(|span| ((span.start * 100.0).round() / 100.0, (span.end * 100.0).round() / 100.0)).collect()
    }

    #[test]
    fn two_freezes_that_follow_each_other_are_two_spans() {
        let times = Times::new(6, &infos(&[7.0, 7.5, 8.0, 8.5, 9.0, 9.5]), Some(25.0), false);
        assert_eq!((times.usual, times.duration()), (0.5, 3.0));
        let marks = [None, Some(1), Some(1), Some(2), Some(2), None];
        assert_eq!(spans(&times, &marks), [(0.5, 1.5), (1.5, 2.5)]);
    }

    #[test]
    fn a_gap_of_the_media_ends_a_span() {
        let times = Times::new(4, &infos(&[0.0, 0.5, 60.0, 60.5]), Some(2.0), false);
        assert_eq!(spans(&times, &[Some(0); 4]), [(0.0, 1.0), (1.0, 2.0)]);
        assert_eq!(times.duration(), 2.0, "the gap is no media");
    }

    #[test]
    fn spans_of_key_frames_are_lower_bounds() {
        let times = Times::new(4, &infos(&[0.0, 2.0, 4.0, 6.0]), Some(25.0), true);
        assert_eq!(spans(&times, &[Some(0), Some(0), None, Some(0)]), [(0.0, 2.04), (6.0, 6.04)]);
    }

    #[test]
    fn without_times_the_rate_of_the_stream_counts() {
        let backwards = Times::new(3, &infos(&[0.0, 9.0, 4.0]), Some(50.0), false);
        assert!((backwards.duration() - 0.06).abs() < 1e-9);
        let short = Times::new(3, &[], None, false);
        assert!((short.duration() - 0.12).abs() < 1e-9);
        assert_eq!(Times::new(0, &[], None, false).duration(), 0.0);
    }
}
