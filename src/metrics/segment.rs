use super::series::count;
use super::{Gauge, RENDITION, gauge};

/// The segments fetched in this probe. One that an earlier probe inspected isn't fetched again, so that these
/// gauges are absent from a probe that found nothing new.
pub const GAUGES: &[Gauge] = &[
    gauge(
        "packager_segment_http_status_code",
        RENDITION,
        "HTTP status code of the newest segment fetched in this probe; absent when no answer came.",
        |v, s| s.renditions(v, |r| r.segment.transfer.segment_http_status_code.map(f64::from)),
    ),
    gauge(
        "packager_segment_duration_seconds",
        &["output", "rendition", "kind"],
        "Duration in seconds of the newest segment fetched in this probe: declared by the playlist, and measured by \
         its timestamps.",
        |v, s| {
            s.kinds(v, |r| {
                let duration = &r.segment.segment_duration_seconds;
                [("declared", duration.declared), ("measured", duration.measured)]
            });
        },
    ),
    gauge(
        "packager_segment_download_duration_seconds",
        RENDITION,
        "How long the newest segment's request took with its redirects, in seconds.",
        |v, s| s.renditions(v, |r| r.segment.transfer.segment_download_duration_seconds),
    ),
    gauge(
        "packager_segment_time_to_first_byte_seconds",
        RENDITION,
        "Time from the newest segment's request to the start of its answer, in seconds, without connecting.",
        |v, s| s.renditions(v, |r| r.segment.transfer.segment_time_to_first_byte_seconds),
    ),
    gauge("packager_segment_size_bytes", RENDITION, "Size of the newest segment in bytes.", |v, s| {
        s.renditions(v, |r| count(r.segment.transfer.segment_size_bytes));
    }),
    gauge(
        "packager_segment_bitrate_bits_per_second",
        RENDITION,
        "Size of the newest segment over its declared duration, in bits per second.",
        |v, s| s.renditions(v, |r| r.segment.transfer.segment_bitrate_bits_per_second),
    ),
    gauge(
        "packager_segment_download_ratio",
        RENDITION,
        "Download time of the newest segment over its declared duration, a ratio: at 1 a player stalls.",
        |v, s| s.renditions(v, |r| r.segment.transfer.segment_download_ratio),
    ),
    gauge(
        "packager_ts_continuity_errors",
        RENDITION,
        "Number of continuity counter errors within the transport stream segments inspected in this probe.",
        |v, s| s.renditions(v, |r| count(r.continuity.ts_continuity_errors)),
    ),
    gauge(
        "packager_ts_transport_errors",
        RENDITION,
        "Number of packets with the transport error indicator in the segments inspected in this probe.",
        |v, s| s.renditions(v, |r| count(r.continuity.ts_transport_errors)),
    ),
    gauge(
        "packager_ts_pcr_interval_max_seconds",
        RENDITION,
        "Longest distance between program clock references in the segments inspected in this probe, in seconds.",
        |v, s| s.renditions(v, |r| r.continuity.ts_pcr_interval_max_seconds),
    ),
    gauge(
        "packager_keyframe_interval_max_seconds",
        RENDITION,
        "Longest distance between key frames in the segments inspected in this probe, in seconds.",
        |v, s| s.renditions(v, |r| r.continuity.keyframe_interval_max_seconds),
    ),
    gauge(
        "packager_timestamp_gap_seconds",
        RENDITION,
        "Largest distance (gap or overlap) between the end of a segment inspected in this probe and the start of the \
         next, in seconds; not across an announced discontinuity.",
        |v, s| s.renditions(v, |r| r.continuity.timestamp_gap_seconds),
    ),
    gauge(
        "packager_av_offset_seconds",
        RENDITION,
        "Start of audio minus start of video in the newest segment, in seconds: positive when audio begins later; \
         only where both are in one segment.",
        |v, s| s.renditions(v, |r| r.continuity.av_offset_seconds),
    ),
];
