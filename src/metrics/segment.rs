//! Gauges of the segments, for `/probe`.

use super::series::count;
use super::{Gauge, RENDITION, gauge};

/// Gauges of segments that this or an earlier probe inspected. A segment is inspected once, and its values stay while
/// the window lists it. So every scraper gets the same series, no matter which probe downloaded the segment.
pub(crate) const GAUGES: &[Gauge] = &[
    gauge(
        "packager_segment_http_status_code",
        RENDITION,
        "HTTP status code of the newest listed segment that was requested, by this or an earlier probe. Absent if none \
         was requested or no answer arrived.",
        |v, s| s.renditions(v, |r| r.segment.transfer.segment_http_status_code.map(f64::from)),
    ),
    gauge(
        "packager_segment_duration_seconds",
        &["output", "rendition", "kind"],
        "Duration in seconds of the newest inspected segment: declared by the playlist, and measured by its timestamps. \
         The measured value is absent if the segment has no readable timestamps.",
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
        "Duration in seconds of the request for the newest inspected segment, including redirects. Absent unless the \
         segment arrived completely.",
        |v, s| s.renditions(v, |r| r.segment.transfer.segment_download_duration_seconds),
    ),
    gauge(
        "packager_segment_time_to_first_byte_seconds",
        RENDITION,
        "Time in seconds from the request for the newest inspected segment to the start of its answer, without the time \
         to connect. Absent unless the segment arrived completely.",
        |v, s| s.renditions(v, |r| r.segment.transfer.segment_time_to_first_byte_seconds),
    ),
    gauge(
        "packager_segment_size_bytes",
        RENDITION,
        "Size in bytes of the newest inspected segment. Absent unless the segment arrived completely.",
        |v, s| {
            s.renditions(v, |r| count(r.segment.transfer.segment_size_bytes));
        },
    ),
    gauge(
        "packager_segment_bitrate_bits_per_second",
        RENDITION,
        "Bit rate in bits per second of the newest inspected segment: its size divided by its declared duration. Absent \
         unless the segment arrived completely.",
        |v, s| s.renditions(v, |r| r.segment.transfer.segment_bitrate_bits_per_second),
    ),
    gauge(
        "packager_segment_download_ratio",
        RENDITION,
        "Download time of the newest inspected segment, divided by its declared duration. A player stalls at 1 or above. \
         Absent unless the segment arrived completely.",
        |v, s| s.renditions(v, |r| r.segment.transfer.segment_download_ratio),
    ),
    gauge(
        "packager_ts_continuity_errors",
        RENDITION,
        "Number of continuity counter errors within the transport stream segments that are listed and were inspected \
         within the template's `hold`. Absent without such segments.",
        |v, s| s.renditions(v, |r| count(r.continuity.ts_continuity_errors)),
    ),
    gauge(
        "packager_ts_transport_errors",
        RENDITION,
        "Number of packets with the transport error indicator in the transport stream segments that are listed and were \
         inspected within the template's `hold`. Absent without such segments.",
        |v, s| s.renditions(v, |r| count(r.continuity.ts_transport_errors)),
    ),
    gauge(
        "packager_ts_pcr_interval_max_seconds",
        RENDITION,
        "Longest time in seconds between two program clock references in the transport stream segments that are listed \
         and were inspected within the template's `hold`. Absent without such segments.",
        |v, s| s.renditions(v, |r| r.continuity.ts_pcr_interval_max_seconds),
    ),
    gauge(
        "packager_keyframe_interval_max_seconds",
        RENDITION,
        "Longest time in seconds between two key frames of one segment, over the segments that are listed and were \
         inspected within the template's `hold`. Absent if no segment has two key frames.",
        |v, s| s.renditions(v, |r| r.continuity.keyframe_interval_max_seconds),
    ),
    gauge(
        "packager_timestamp_gap_seconds",
        RENDITION,
        "Largest gap or overlap in seconds between the end of a segment and the start of the segment that follows it, over \
         the segments that are listed and were inspected within the template's `hold`. Announced discontinuities are left \
         out. Absent if no two consecutive segments were inspected.",
        |v, s| s.renditions(v, |r| r.continuity.timestamp_gap_seconds),
    ),
    gauge(
        "packager_av_offset_seconds",
        RENDITION,
        "Start of audio minus start of video in seconds in the newest inspected segment. It is positive if audio starts \
         later. Absent unless the segment contains both.",
        |v, s| s.renditions(v, |r| r.continuity.av_offset_seconds),
    ),
    gauge(
        "packager_signal_silence_seconds",
        RENDITION,
        "Seconds of digital silence in all channels of the AAC sound, up to the end of the newest inspected segment: at \
         most the length of the listed segments that were inspected. 0 if the sound isn't silent. With several audio \
         tracks it is that of the longest silence. Absent without AAC sound.",
        |v, s| s.renditions(v, |r| r.signal.signal_silence_seconds),
    ),
];
