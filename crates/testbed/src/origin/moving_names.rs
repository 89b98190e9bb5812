//! Multivariant playlists that change although the channel doesn't: measured bit rates and a changing order of the
//! variants, or a session in every path.

use super::channels::Channel;

/// Name of the channel whose packager writes the bit rates that it measured, and lists its variants in another order
/// each time.
pub(super) const MEASURED: &str = "BM1";
/// Name of the channel whose paths contain a session: each multivariant playlist uses the newest one.
pub(super) const SESSIONS: &str = "SE1";

const MOVES_EVERY_MS: i64 = 2_000;
const SESSION_MS: i64 = 6_000;

pub(super) fn is_measured(channel: &Channel) -> bool {
    MEASURED.starts_with(channel.prefix)
}

pub(super) fn has_sessions(channel: &Channel) -> bool {
    SESSIONS.starts_with(channel.prefix)
}

/// Returns the difference in bit/s between the measured and the real bit rate of the rung `at` at an instant.
pub(super) fn measured_surplus(at: usize, now_ms: i64) -> u64 {
    let turn = now_ms.div_euclid(MOVES_EVERY_MS) as u64;
    turn.wrapping_mul(7919).wrapping_add(104_729 * at as u64) % 20_000
}

/// Returns the number of positions by which the list of variants is rotated at an instant.
pub(super) fn rotation(now_ms: i64) -> usize {
    now_ms.div_euclid(MOVES_EVERY_MS).rem_euclid(16) as usize
}

/// Returns the folder with the playback session's id to which the origin's multivariant playlist refers at an instant,
/// with a slash at its end.
pub(super) fn session_folder(now_ms: i64) -> String {
    format!("w{}/", 100_000_000 + now_ms.div_euclid(SESSION_MS).wrapping_mul(7919).rem_euclid(800_000_000))
}

/// Returns the part of a path behind the session's folder; the whole path if it has none.
pub(super) fn without_session<'p, 'a>(channel: &Channel, rest: &'p [&'a str]) -> &'p [&'a str] {
    let is_session = |folder: &str| folder.strip_prefix('w').is_some_and(|id| id.parse::<u32>().is_ok());
    match rest {
        [folder, rest @ ..] if has_sessions(channel) && is_session(folder) => rest,
        _ => rest,
    }
}
