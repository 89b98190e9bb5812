//! What the report says about all renditions of an output together: the worst value of one, or the sum of all.

use super::RenditionView;

measured! {
    /// Values of all renditions of an output together, under the names that they have for one rendition. The gauges have
    /// no others of these values, so that a ladder of many renditions has few series.
    SummaryView {
        segments_inspected: u64,
        segments_skipped: u64,
        playlist_fetch_duration_seconds: f64,
        playlist_size_bytes: u64,
        playlist_discontinuity_sequence: u64,
        playlist_target_duration_seconds: f64,
        playlist_window_seconds: f64,
        playlist_segments: u64,
        playlist_discontinuities: u64,
        key_first_byte_seconds: f64,
        chunk_latency_seconds: f64,
        chunk_held_back_seconds: f64,
        ts_continuity_errors: u64,
        ts_transport_errors: u64,
        ts_pcr_interval_max_seconds: f64,
        keyframe_interval_max_seconds: f64,
        timestamp_gap_seconds: f64,
        av_offset_seconds: f64,
    }
}

impl SummaryView {
    /// Sums errors and numbers of segments, takes the shortest window and list of segments, the offset that is farthest
    /// from 0, and the largest of all other values. A value that no rendition has is absent.
    pub fn new(renditions: &[RenditionView<'_>]) -> Self {
        let of = Renditions(renditions);
        Self {
            segments_inspected: of.sum(|r| r.ladder.segments_inspected),
            segments_skipped: of.sum(|r| r.ladder.segments_skipped),
            playlist_fetch_duration_seconds: of.largest(|r| r.playlist.playlist_fetch_duration_seconds),
            playlist_size_bytes: of.most(|r| r.playlist.playlist_size_bytes),
            playlist_discontinuity_sequence: of.most(|r| r.playlist.playlist_discontinuity_sequence),
            playlist_target_duration_seconds: of.largest(|r| r.playlist.playlist_target_duration_seconds),
            playlist_window_seconds: of.values(|r| r.playlist.playlist_window_seconds).reduce(f64::min),
            playlist_segments: of.values(|r| r.playlist.playlist_segments).min(),
            playlist_discontinuities: of.most(|r| r.playlist.playlist_discontinuities),
            key_first_byte_seconds: of.largest(|r| r.ladder.key_first_byte_seconds),
            chunk_latency_seconds: of.largest(|r| r.ladder.chunk_latency_seconds),
            chunk_held_back_seconds: of.largest(|r| r.ladder.chunk_held_back_seconds),
            ts_continuity_errors: of.sum(|r| r.continuity.ts_continuity_errors),
            ts_transport_errors: of.sum(|r| r.continuity.ts_transport_errors),
            ts_pcr_interval_max_seconds: of.largest(|r| r.continuity.ts_pcr_interval_max_seconds),
            keyframe_interval_max_seconds: of.largest(|r| r.continuity.keyframe_interval_max_seconds),
            timestamp_gap_seconds: of.largest(|r| r.continuity.timestamp_gap_seconds),
            av_offset_seconds: of.values(|r| r.continuity.av_offset_seconds).reduce(farthest_from_zero),
        }
    }
}

struct Renditions<'v, 'a>(&'v [RenditionView<'a>]);

impl<'a> Renditions<'_, 'a> {
    fn values<T>(&self, value: impl Fn(&RenditionView<'a>) -> Option<T>) -> impl Iterator<Item = T> {
        self.0.iter().filter_map(value)
    }

    fn sum(&self, count: impl Fn(&RenditionView<'a>) -> Option<u64>) -> Option<u64> {
        self.values(count).reduce(u64::saturating_add)
    }

    fn most(&self, count: impl Fn(&RenditionView<'a>) -> Option<u64>) -> Option<u64> {
        self.values(count).max()
    }

    fn largest(&self, value: impl Fn(&RenditionView<'a>) -> Option<f64>) -> Option<f64> {
        self.values(value).reduce(f64::max)
    }
}

fn farthest_from_zero(one: f64, other: f64) -> f64 {
    if other.abs() > one.abs() { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{broken, clean};

    #[test]
    fn errors_are_summed_windows_are_the_shortest_and_offsets_the_farthest_from_zero() {
        let report = clean();
        let mut view = report.view();
        let renditions = &mut view.outputs[0].renditions;
        let values = [(Some(1), Some(60.0), Some(0.2)), (Some(4), Some(48.0), Some(-0.3)), (None, None, None)];
        for (rendition, (errors, window, offset)) in renditions.iter_mut().zip(values) {
            rendition.continuity.ts_continuity_errors = errors;
            rendition.playlist.playlist_window_seconds = window;
            rendition.playlist.playlist_size_bytes = errors;
            rendition.continuity.av_offset_seconds = offset;
        }
        let summary = SummaryView::new(renditions);
        assert_eq!((summary.ts_continuity_errors, summary.playlist_size_bytes), (Some(5), Some(4)));
        assert_eq!((summary.playlist_window_seconds, summary.av_offset_seconds), (Some(48.0), Some(-0.3)));
    }

    #[test]
    fn an_output_without_renditions_has_no_values() {
        let report = broken();
        let backup = report.view().outputs.pop().unwrap();
        assert_eq!((backup.name, backup.summary), ("backup", SummaryView::default()));
    }
}
