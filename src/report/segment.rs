use super::derive::{self, finite, inspections};
use super::measured::unmeasured;
use crate::container::TsFacts;
use crate::facts::{RenditionFacts, SegmentFacts};
use serde::Serialize;

measured! {
    /// As the playlist declares it, and as the timestamps say.
    DurationView { declared: f64, measured: f64 }
}

/// The newest segment fetched in this probe.
#[derive(Debug, Default, Serialize)]
pub struct SegmentView {
    #[serde(skip_serializing_if = "unmeasured")]
    pub segment_duration_seconds: DurationView,
    #[serde(flatten)]
    pub transfer: TransferView,
}

measured! {
    /// How the newest segment arrived.
    TransferView {
        segment_number: u64,
        segment_http_status_code: u16,
        segment_download_duration_seconds: f64,
        segment_time_to_first_byte_seconds: f64,
        segment_size_bytes: u64,
        segment_bitrate_bits_per_second: f64,
        segment_download_ratio: f64,
    }
}

measured! {
    /// What the segments inspected in this probe say together.
    ContinuityView {
        ts_continuity_errors: u64,
        ts_transport_errors: u64,
        ts_pcr_interval_max_seconds: f64,
        keyframe_interval_max_seconds: f64,
        timestamp_gap_seconds: f64,
        av_offset_seconds: f64,
    }
}

impl SegmentView {
    pub fn new(facts: &SegmentFacts) -> Self {
        let declared = finite(facts.segment.duration);
        let measured = facts.inspection.as_ref().and_then(derive::measured_duration);
        Self { segment_duration_seconds: DurationView { declared, measured }, transfer: TransferView::new(facts) }
    }
}

impl TransferView {
    /// Sizes and times only of a segment that arrived whole: half a body is no size.
    fn new(facts: &SegmentFacts) -> Self {
        let whole = facts.fetched.ok();
        let declared = facts.segment.duration.0;
        Self {
            segment_number: Some(facts.segment.number),
            segment_http_status_code: facts.fetched.result.as_ref().ok().map(|e| e.status),
            segment_download_duration_seconds: whole.and_then(|e| finite(e.timings.total)),
            segment_time_to_first_byte_seconds: whole.and_then(|e| finite(e.timings.first_byte)),
            segment_size_bytes: whole.map(|e| e.body_bytes),
            segment_bitrate_bits_per_second: whole.and_then(|e| derive::ratio(e.body_bytes as f64 * 8.0, declared)),
            segment_download_ratio: whole.and_then(|e| derive::ratio(e.timings.total.0, declared)),
        }
    }
}

impl ContinuityView {
    pub fn new(facts: &RenditionFacts) -> Self {
        let ts = || inspections(facts).filter_map(|i| i.ts.as_ref());
        let sum = |count: fn(&TsFacts) -> u64| ts().map(count).reduce(u64::saturating_add);
        let newest = facts.segments.last().and_then(|s| s.inspection.as_ref());
        Self {
            ts_continuity_errors: sum(|t| t.continuity_errors),
            ts_transport_errors: sum(|t| t.transport_errors),
            ts_pcr_interval_max_seconds: ts().filter_map(|t| t.pcr_interval_max).filter_map(finite).reduce(f64::max),
            keyframe_interval_max_seconds: derive::keyframe_interval_max(facts),
            timestamp_gap_seconds: derive::timestamp_gap(&facts.segments),
            av_offset_seconds: newest.and_then(derive::av_offset),
        }
    }
}
