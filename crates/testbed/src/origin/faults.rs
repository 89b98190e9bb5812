//! Faults that the origin can play: each is a single defect, with the checks that should find it.

mod ad_markers;
mod dash;
mod effect;
mod low_latency;
mod manifests;
mod playlists;
mod segments;
mod sessions;

pub(super) use effect::Effect;

use std::sync::LazyLock;

/// A single defect of a channel that the origin can play.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub id: &'static str,
    pub description: &'static str,
    /// Ids of the checks that have to fail when the origin plays the fault.
    pub expected: &'static [&'static str],
    /// Ids of the checks that may fail too when the origin plays the fault, as a consequence.
    pub consequences: &'static [&'static str],
    /// The channel on which tests play the fault; the origin can play it on any other channel too.
    pub channel: &'static str,
    pub path: &'static str,
    /// Path of a second, clean output of the channel on which the fault is played; empty for none.
    pub second_output: &'static str,
    pub(super) effect: Effect,
}

/// All faults, in the order in which reports list them.
static FAULTS: LazyLock<Vec<Fault>> = LazyLock::new(|| {
    [
        manifests::MANIFESTS,
        manifests::RENDITIONS,
        segments::SEGMENTS,
        playlists::LADDER,
        playlists::PLAYLISTS,
        low_latency::LOW_LATENCY_HLS,
        ad_markers::AD_MARKERS,
        dash::DASH,
        playlists::AUTHORING,
        low_latency::LOW_LATENCY_DASH,
        sessions::SESSION_FAULTS,
    ]
    .concat()
});

pub fn faults() -> &'static [Fault] {
    &FAULTS
}

pub(super) fn find(id: &str) -> Option<&'static Fault> {
    FAULTS.iter().find(|fault| fault.id == id)
}

const MASTER: &str = "master.m3u8";
const NUMBER: &str = "number.mpd";
const TIME: &str = "time.mpd";
const LOW_LATENCY: &str = "low_latency.mpd";
const UPDATES: &str = "updates.mpd";
const MESSAGES: &str = "messages.mpd";
const SESSIONS: &str = "sessions.m3u8";

const fn fault(
    id: &'static str,
    effect: Effect,
    channel: &'static str,
    description: &'static str,
    expected: &'static [&'static str],
    consequences: &'static [&'static str],
) -> Fault {
    Fault { id, description, expected, consequences, channel, path: MASTER, second_output: "", effect }
}
