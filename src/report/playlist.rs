//! What the report says about a rendition's media playlist: HTTP answer, live edge, age and segments.

use super::derive::finite;
use crate::facts::{Fetched, RenditionFacts, derived};
use packager_media::stream::Timeline;
use packager_media::units::{Seconds, Timestamp};

measured! {
    /// HTTP answer and content of a media playlist. With DASH the MPD counts as the playlist of each rendition.
    PlaylistView {
        playlist_http_status_code: u16,
        playlist_fetch_duration_seconds: f64,
        playlist_size_bytes: u64,
        playlist_age_seconds: f64,
        playlist_media_sequence: u64,
        playlist_discontinuity_sequence: u64,
        playlist_target_duration_seconds: f64,
        playlist_window_seconds: f64,
        playlist_segments: u64,
        playlist_discontinuities: u64,
        live_edge_latency_seconds: f64,
    }
}

impl PlaylistView {
    /// Makes the report's part about a rendition's playlist. `age` is the time since its live edge last advanced. If
    /// the time of the playlist's request isn't known, `now` is used instead.
    pub fn new(facts: &RenditionFacts, age: Option<Seconds>, now: Timestamp) -> Self {
        let exchange = facts.playlist.as_ref().and_then(|f| f.result.as_ref().ok());
        let whole = facts.playlist.as_ref().and_then(Fetched::ok);
        let listed = facts.timeline.as_deref();
        Self {
            playlist_http_status_code: exchange.map(|e| e.status),
            playlist_fetch_duration_seconds: exchange.filter(|e| e.complete()).and_then(|e| finite(e.timings.total)),
            playlist_size_bytes: whole.map(|e| e.body_bytes),
            playlist_age_seconds: age.and_then(finite),
            playlist_media_sequence: listed.map(|t| t.media_sequence),
            playlist_discontinuity_sequence: listed.map(|t| t.discontinuity_sequence),
            playlist_target_duration_seconds: listed.and_then(|t| t.target_duration).and_then(finite),
            playlist_window_seconds: listed.map(Timeline::window).and_then(finite),
            playlist_segments: listed.map(|t| t.segments.len() as u64),
            playlist_discontinuities: listed.map(discontinuities),
            live_edge_latency_seconds: derived::live_edge_latency(facts, now).and_then(finite),
        }
    }
}

fn discontinuities(timeline: &Timeline) -> u64 {
    timeline.segments.iter().filter(|s| s.discontinuity).count() as u64
}
