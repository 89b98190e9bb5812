use super::series::count;
use super::{Gauge, RENDITION, gauge};

/// Each rendition's media playlist.
pub const GAUGES: &[Gauge] = &[
    gauge(
        "packager_playlist_http_status_code",
        RENDITION,
        "HTTP status code of the media playlist; absent when no answer came.",
        |v, s| s.renditions(v, |r| r.playlist.playlist_http_status_code.map(f64::from)),
    ),
    gauge(
        "packager_playlist_fetch_duration_seconds",
        RENDITION,
        "How long the media playlist's request took with its redirects, in seconds.",
        |v, s| s.renditions(v, |r| r.playlist.playlist_fetch_duration_seconds),
    ),
    gauge(
        "packager_playlist_size_bytes",
        RENDITION,
        "Size of the media playlist in bytes, content encoding undone.",
        |v, s| s.renditions(v, |r| count(r.playlist.playlist_size_bytes)),
    ),
    gauge(
        "packager_playlist_age_seconds",
        RENDITION,
        "Time since the media playlist's live edge last advanced, in seconds.",
        |v, s| s.renditions(v, |r| r.playlist.playlist_age_seconds),
    ),
    gauge(
        "packager_live_edge_latency_seconds",
        RENDITION,
        "Wall clock minus the live edge's program date-time, in seconds.",
        |v, s| s.renditions(v, |r| r.playlist.live_edge_latency_seconds),
    ),
    gauge(
        "packager_playlist_media_sequence",
        RENDITION,
        "Media sequence number of the oldest listed segment (EXT-X-MEDIA-SEQUENCE).",
        |v, s| s.renditions(v, |r| count(r.playlist.playlist_media_sequence)),
    ),
    gauge(
        "packager_playlist_discontinuity_sequence",
        RENDITION,
        "Discontinuity sequence number of the oldest listed segment (EXT-X-DISCONTINUITY-SEQUENCE).",
        |v, s| s.renditions(v, |r| count(r.playlist.playlist_discontinuity_sequence)),
    ),
    gauge(
        "packager_playlist_target_duration_seconds",
        RENDITION,
        "Declared upper bound of segment durations in seconds (EXT-X-TARGETDURATION).",
        |v, s| s.renditions(v, |r| r.playlist.playlist_target_duration_seconds),
    ),
    gauge(
        "packager_playlist_window_seconds",
        RENDITION,
        "Sum of the listed segments' durations in seconds.",
        |v, s| s.renditions(v, |r| r.playlist.playlist_window_seconds),
    ),
    gauge("packager_playlist_segments", RENDITION, "Number of listed segments.", |v, s| {
        s.renditions(v, |r| count(r.playlist.playlist_segments));
    }),
    gauge("packager_playlist_discontinuities", RENDITION, "Number of discontinuities in the window.", |v, s| {
        s.renditions(v, |r| count(r.playlist.playlist_discontinuities));
    }),
];
