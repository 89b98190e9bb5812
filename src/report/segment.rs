//! What the report says about a rendition's inspected segments: HTTP answers, durations, tracks, continuity and
//! timestamps.

use super::derive::{self, finite, inspections};
use super::measured::unmeasured;
use crate::facts::{SegmentFacts, derived};
use packager_media::codec::parameters::CodecParameters;
use packager_media::container::{SampleEncryption, TsFacts};
use packager_media::stream::Media;
use serde::Serialize;
use std::sync::Arc;

measured! {
    /// Duration of a segment in seconds: `declared` is that in the playlist, `measured` that of the timestamps in the
    /// segment.
    DurationView { declared: f64, measured: f64 }
}

/// Duration and download of the newest inspected segment.
#[derive(Debug, Default, Serialize)]
pub struct SegmentView {
    #[serde(skip_serializing_if = "unmeasured")]
    pub segment_duration_seconds: DurationView,
    #[serde(flatten)]
    pub transfer: TransferView,
}

measured! {
    /// The transfer of the newest inspected segment, by this or an earlier probe.
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
    /// Continuity errors (sum) and longest intervals (maximum) of all inspected segments that are still listed and were
    /// inspected within the template's `hold`.
    ContinuityView {
        ts_continuity_errors: u64,
        ts_transport_errors: u64,
        ts_pcr_interval_max_seconds: f64,
        keyframe_interval_max_seconds: f64,
        timestamp_gap_seconds: f64,
        av_offset_seconds: f64,
    }
}

/// A track of a segment, with the codec parameters in its headers.
#[derive(Debug, Serialize)]
pub struct TrackView<'a> {
    pub id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<Media>,
    pub format: &'a str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<&'a CodecParameters>,
    /// Encryption of the track's samples. `None`: the samples are clear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protection: Option<&'a SampleEncryption>,
}

/// Returns the tracks of an inspected segment.
pub(crate) fn tracks(facts: &SegmentFacts) -> Vec<TrackView<'_>> {
    let tracks = facts.inspection.iter().flat_map(|i| &i.tracks);
    tracks
        .map(|t| {
            let (parameters, protection) = (t.parameters.as_deref(), t.encryption.as_deref());
            TrackView { id: t.id, media: t.media, format: &t.codec, parameters, protection }
        })
        .collect()
}

impl SegmentView {
    pub fn new(facts: &SegmentFacts) -> Self {
        let declared = finite(facts.segment.duration);
        let measured = facts.inspection.as_ref().and_then(derive::measured_duration);
        Self { segment_duration_seconds: DurationView { declared, measured }, transfer: TransferView::new(facts) }
    }
}

impl TransferView {
    /// Makes the values of a segment's download. Sizes and times are `None` unless the whole body arrived, because the
    /// size of a partial body has no meaning.
    fn new(facts: &SegmentFacts) -> Self {
        let whole = facts.fetched.ok();
        let declared = facts.segment.duration.0;
        Self {
            segment_number: Some(facts.segment.number),
            segment_http_status_code: facts.fetched.result.as_ref().ok().map(|e| e.status),
            segment_download_duration_seconds: whole.and_then(|e| finite(e.timings.total)),
            segment_time_to_first_byte_seconds: whole.and_then(|e| finite(e.timings.first_byte)),
            segment_size_bytes: whole.map(|e| e.body_bytes),
            segment_bitrate_bits_per_second: derived::bit_rate([facts]),
            segment_download_ratio: whole.and_then(|e| derive::ratio(e.timings.total.0, declared)),
        }
    }
}

impl ContinuityView {
    /// Sums the continuity errors and finds the longest intervals of a rendition's inspected segments, which are given
    /// oldest first.
    pub fn new(segments: &[Arc<SegmentFacts>]) -> Self {
        let ts = || inspections(segments).filter_map(|i| i.ts.as_ref());
        let sum = |count: fn(&TsFacts) -> u64| ts().map(count).reduce(u64::saturating_add);
        let newest = segments.last().and_then(|s| derived::undamaged_inspection(s));
        Self {
            ts_continuity_errors: sum(|t| t.continuity_errors),
            ts_transport_errors: sum(|t| t.transport_errors),
            ts_pcr_interval_max_seconds: ts().filter_map(|t| t.pcr_interval_max).filter_map(finite).reduce(f64::max),
            keyframe_interval_max_seconds: derive::keyframe_interval_max(segments),
            timestamp_gap_seconds: derive::timestamp_gap(segments),
            av_offset_seconds: newest.and_then(derived::av_offset).and_then(finite),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packager_media::codec::parameters::{Ratio, VideoParameters};
    use packager_media::codec::rfc6381::Codec;
    use packager_media::drm::{ProtectionScheme, Uuid};
    use packager_media::stream::Resolution;
    use serde_json::json;

    #[test]
    fn a_track_shows_the_parameters_in_its_headers_and_nothing_else() {
        let codec = Codec::Avc { profile: 100, constraints: 0, level: 31 };
        let resolution = Some(Resolution { width: 1280, height: 720 });
        let picture = VideoParameters { resolution, frame_rate: Ratio::new(50, 2), ..VideoParameters::default() };
        let parameters = CodecParameters::with_video(codec, picture);
        let shown = |parameters, protection| {
            serde_json::to_value(TrackView {
                id: 256,
                media: Some(Media::Video),
                format: "h264",
                parameters,
                protection,
            })
            .unwrap()
        };
        let expected = json!({
            "id": 256, "media": "video", "format": "h264", "codec": "avc1.64001f", "profile": "High", "level": "3.1",
            "resolution": "1280x720", "frame_rate": 25.0
        });
        assert_eq!(shown(Some(&parameters), None), expected);
        assert_eq!(shown(None, None), json!({ "id": 256, "media": "video", "format": "h264" }));
        let (scheme, kid) = (Some(ProtectionScheme::CBCS), Uuid::from_slice(&[7; 16]));
        let protection = SampleEncryption { scheme, kid, ..SampleEncryption::default() };
        let kid = "07070707-0707-0707-0707-070707070707";
        assert_eq!(shown(None, Some(&protection))["protection"], json!({ "scheme": "cbcs", "kid": kid }));
    }
}
