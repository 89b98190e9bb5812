//! Faults of playback sessions and cookies, and faults that show beside a second output.

use super::{Effect, Fault, NUMBER, SESSIONS, fault};

#[rustfmt::skip]
pub(super) const SESSION_FAULTS: &[Fault] = &[
    Fault { path: SESSIONS, ..fault("session_stale", Effect::Stale, "TV1", "Each request for the master playlist begins a session, and the playlists of all sessions stop changing.",
        &["hls_playlist_stale"], &["live_latency_high"]) },
    Fault { path: SESSIONS, ..fault("session_frozen", Effect::SessionFrozen, "TV1", "Each request for the master playlist begins a session, and the playlists of the first session stop changing.",
        &["hls_playlist_stale"], &[]) },
    Fault { path: SESSIONS, ..fault("sessions_end", Effect::SessionsShort, "TV1", "Each request for the master playlist begins a session, and each session ends after 10 s.",
        &["rendition_unavailable"], &[]) },
    Fault { path: "sessions.mpd", ..fault("dash_sessions_end", Effect::SessionsShort, "CM1", "The Location of the MPD is a new session each time, and each session ends after 10 s.",
        &["rendition_unavailable"], &[]) },
    Fault { path: SESSIONS, ..fault("session_restarted", Effect::Restarted, "TV1", "The sequence and the timestamps begin again within a session.",
        &["packager_restarted"], &[]) },
    Fault { path: SESSIONS, ..fault("session_rendition_404", Effect::RenditionMissing, "TV1", "The playlist of 720p answers 404 in every session.",
        &["rendition_unavailable"], &[]) },
    Fault { path: "redirect.m3u8", ..fault("session_redirect_stale", Effect::Stale, "TV1", "The master playlist redirects to a new session each time, and the playlists of all sessions stop changing.",
        &["hls_playlist_stale"], &["live_latency_high"]) },
    Fault { path: "sessions.mpd", ..fault("dash_session_stale", Effect::Stale, "CM1", "The Location of the MPD is a new session each time, and the MPDs of all sessions stop being updated.",
        &["dash_mpd_stale"], &["dash_live_edge_unavailable"]) },
    Fault { path: "cookie.m3u8", ..fault("cookie_elsewhere", Effect::CookieElsewhere, "TV1", "The cookie without which playlists are refused is for another path, so that no player sends it.",
        &["rendition_unavailable"], &[]) },
    Fault { second_output: "live/TV1/master.m3u8", ..fault("edges_out_of_step", Effect::LiveEdgeBehind(10), "TV1",
        "Two edges list the same segments, and the first is 10 s behind the second.", &["edges_out_of_step"], &[]) },
    Fault { second_output: "live/CM1/time.mpd", ..fault("output_skew", Effect::LiveEdgeBehind(35), "CM1",
        "The HLS output is half a minute behind the DASH output.", &["output_skew"], &[]) },
    Fault { path: NUMBER, second_output: "live/CM1/master.m3u8", ..fault("output_ladders_differ", Effect::MpdRungMissing, "CM1",
        "540p is in the HLS output but not in the MPD.", &["output_ladders_differ"], &[]) },
];
