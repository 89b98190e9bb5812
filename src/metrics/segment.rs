//! Gauges of the segments, for `/probe`.

use super::series::count;
use super::{Gauge, OUTPUT, RENDITION, gauge};

/// Gauges of segments that this or an earlier probe inspected. A segment is inspected once, and its values stay while
/// the window lists it. So every scraper gets the same series, no matter which probe downloaded the segment.
pub(crate) const GAUGES: &[Gauge] = &[
    gauge(
        "packager_segments_inspected",
        OUTPUT,
        "Number of segments fetched and inspected in this probe. Absent if no media playlist could be read.",
        |v, s| s.outputs(v, |o| count(o.summary.segments_inspected)),
    ),
    gauge(
        "packager_segments_skipped",
        OUTPUT,
        "Number of segments that the template's coverage asks for and this probe left out, because of a bound (the \
         coverage's count, probe.max_segments) or the deadline. Absent if no media playlist could be read.",
        |v, s| s.outputs(v, |o| count(o.summary.segments_skipped)),
    ),
    gauge(
        "packager_coverage_ratio",
        OUTPUT,
        "Share of the media listed within the template's hold that probes inspected, from 0 to 1, by the duration of the segments; \
         a segment of which only the first bytes were fetched counts by its bytes. Absent if no new segment was listed.",
        |v, s| s.outputs(v, |o| o.coverage_ratio),
    ),
    gauge(
        "packager_key_first_byte_seconds",
        OUTPUT,
        "Longest time in seconds from the request for a key or licence to the first byte of its answer, without connecting. Absent \
         if this probe requested none: keys are remembered for the template's hold time.",
        |v, s| s.outputs(v, |o| o.summary.key_first_byte_seconds),
    ),
    gauge(
        "packager_chunk_latency_seconds",
        OUTPUT,
        "Low-latency DASH: shortest time in seconds from the presentation time of a chunk's beginning, by the MPD, to its \
         arrival: players can't be nearer to the live edge. It is that of the rendition with the longest. Absent if no segment \
         was followed while it was being made.",
        |v, s| s.outputs(v, |o| o.summary.chunk_latency_seconds),
    ),
    gauge(
        "packager_chunk_held_back_seconds",
        OUTPUT,
        "Low-latency DASH: longest time in seconds by which a chunk of the newest segment arrived later than the other chunks \
         show that it could. Absent if fewer than two chunks of a segment were followed while it was being made.",
        |v, s| s.outputs(v, |o| o.summary.chunk_held_back_seconds),
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
        "packager_ts_continuity_errors",
        OUTPUT,
        "Number of continuity counter errors in the transport stream segments of all renditions that are listed and were inspected \
         within the template's `hold`. Absent without such segments.",
        |v, s| s.outputs(v, |o| count(o.summary.ts_continuity_errors)),
    ),
    gauge(
        "packager_ts_transport_errors",
        OUTPUT,
        "Number of packets with the transport error indicator in the transport stream segments of all renditions that are listed and were inspected \
         within the template's `hold`. Absent without such segments.",
        |v, s| s.outputs(v, |o| count(o.summary.ts_transport_errors)),
    ),
    gauge(
        "packager_ts_pcr_interval_max_seconds",
        OUTPUT,
        "Longest time in seconds between two program clock references in the transport stream segments of all renditions that are listed and were inspected \
         within the template's `hold`. Absent without such segments.",
        |v, s| s.outputs(v, |o| o.summary.ts_pcr_interval_max_seconds),
    ),
    gauge(
        "packager_keyframe_interval_max_seconds",
        OUTPUT,
        "Longest time in seconds between two key frames of one segment, over the segments of all renditions that are listed and \
         were inspected within the template's `hold`. Absent if no segment has two key frames.",
        |v, s| s.outputs(v, |o| o.summary.keyframe_interval_max_seconds),
    ),
    gauge(
        "packager_timestamp_gap_seconds",
        OUTPUT,
        "Largest gap or overlap in seconds between the end of a segment and the start of the segment that follows it, over \
         the segments of all renditions that are listed and were inspected within the template's `hold`. Announced \
         discontinuities are left out. Absent if no two consecutive segments were inspected.",
        |v, s| s.outputs(v, |o| o.summary.timestamp_gap_seconds),
    ),
    gauge(
        "packager_av_offset_seconds",
        OUTPUT,
        "Start of audio minus start of video in seconds in the newest inspected segment of a rendition, for the rendition in \
         which it is farthest from 0. It is positive if audio starts later. Absent unless a segment contains both.",
        |v, s| s.outputs(v, |o| o.summary.av_offset_seconds),
    ),
];
