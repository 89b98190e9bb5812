//! Gauges of the media playlists, for `/probe`.

use super::series::count;
use super::{Gauge, OUTPUT, RENDITION, gauge};

/// Gauges of each rendition's media playlist, and of all playlists of an output together.
pub(crate) const GAUGES: &[Gauge] = &[
    gauge(
        "packager_playlist_fetch_duration_seconds",
        OUTPUT,
        "Longest duration in seconds of a media playlist's request including redirects. Absent if no playlist arrived \
         completely.",
        |v, s| s.outputs(v, |o| o.summary.playlist_fetch_duration_seconds),
    ),
    gauge(
        "packager_playlist_size_bytes",
        OUTPUT,
        "Size of the largest decoded media playlist in bytes. Absent unless one arrived completely with a 2xx status.",
        |v, s| s.outputs(v, |o| count(o.summary.playlist_size_bytes)),
    ),
    gauge(
        "packager_playlist_age_seconds",
        RENDITION,
        "Time in seconds since the media playlist's live edge last advanced. Absent if the media playlist couldn't \
         be read.",
        |v, s| s.renditions(v, |r| r.playlist.playlist_age_seconds),
    ),
    gauge(
        "packager_live_edge_latency_seconds",
        RENDITION,
        "Wall clock minus the live edge's program date-time, in seconds. Absent if the playlist has no program \
         date-time.",
        |v, s| s.renditions(v, |r| r.playlist.live_edge_latency_seconds),
    ),
    gauge(
        "packager_playlist_media_sequence",
        RENDITION,
        "Media sequence number of the oldest listed segment (EXT-X-MEDIA-SEQUENCE). Absent if the media playlist \
         couldn't be read.",
        |v, s| s.renditions(v, |r| count(r.playlist.playlist_media_sequence)),
    ),
    gauge(
        "packager_playlist_target_duration_seconds",
        OUTPUT,
        "Longest declared upper bound of segment durations in seconds (EXT-X-TARGETDURATION). Absent if no playlist declares \
         one.",
        |v, s| s.outputs(v, |o| o.summary.playlist_target_duration_seconds),
    ),
    gauge(
        "packager_playlist_window_seconds",
        OUTPUT,
        "Sum of the listed segments' durations in seconds, in the media playlist with the shortest window. Absent if no media \
         playlist could be read.",
        |v, s| s.outputs(v, |o| o.summary.playlist_window_seconds),
    ),
    gauge(
        "packager_playlist_segments",
        OUTPUT,
        "Number of listed segments in the media playlist with the fewest. Absent if no media playlist could be read.",
        |v, s| s.outputs(v, |o| count(o.summary.playlist_segments)),
    ),
    gauge(
        "packager_playlist_discontinuities",
        OUTPUT,
        "Number of discontinuities in the window of the media playlist with the most. Absent if no media playlist could be \
         read.",
        |v, s| s.outputs(v, |o| count(o.summary.playlist_discontinuities)),
    ),
];
