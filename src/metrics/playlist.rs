//! Gauges of the media playlists, for `/probe`.

use super::series::count;
use super::{Gauge, RENDITION, gauge};

/// Gauges of each rendition's media playlist.
pub(crate) const GAUGES: &[Gauge] = &[
    gauge(
        "packager_playlist_http_status_code",
        RENDITION,
        "HTTP status code of the media playlist. Absent if no answer arrived.",
        |v, s| s.renditions(v, |r| r.playlist.playlist_http_status_code.map(f64::from)),
    ),
    gauge(
        "packager_playlist_fetch_duration_seconds",
        RENDITION,
        "Duration in seconds of the media playlist's request including redirects. Absent if the playlist didn't \
         arrive completely.",
        |v, s| s.renditions(v, |r| r.playlist.playlist_fetch_duration_seconds),
    ),
    gauge(
        "packager_playlist_size_bytes",
        RENDITION,
        "Size of the decoded media playlist in bytes. Absent unless it arrived completely with a 2xx status.",
        |v, s| s.renditions(v, |r| count(r.playlist.playlist_size_bytes)),
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
        "packager_playlist_discontinuity_sequence",
        RENDITION,
        "Discontinuity sequence number of the oldest listed segment (EXT-X-DISCONTINUITY-SEQUENCE). Absent if the \
         media playlist couldn't be read.",
        |v, s| s.renditions(v, |r| count(r.playlist.playlist_discontinuity_sequence)),
    ),
    gauge(
        "packager_playlist_target_duration_seconds",
        RENDITION,
        "Declared upper bound of segment durations in seconds (EXT-X-TARGETDURATION). Absent if the playlist \
         declares none.",
        |v, s| s.renditions(v, |r| r.playlist.playlist_target_duration_seconds),
    ),
    gauge(
        "packager_playlist_window_seconds",
        RENDITION,
        "Sum of the listed segments' durations in seconds. Absent if the media playlist couldn't be read.",
        |v, s| s.renditions(v, |r| r.playlist.playlist_window_seconds),
    ),
    gauge(
        "packager_playlist_segments",
        RENDITION,
        "Number of listed segments. Absent if the media playlist couldn't be read.",
        |v, s| {
            s.renditions(v, |r| count(r.playlist.playlist_segments));
        },
    ),
    gauge(
        "packager_playlist_discontinuities",
        RENDITION,
        "Number of discontinuities in the playlist's window. Absent if the media playlist couldn't be read.",
        |v, s| {
            s.renditions(v, |r| count(r.playlist.playlist_discontinuities));
        },
    ),
];
