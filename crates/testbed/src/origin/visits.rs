//! Playback sessions and cookies of the origin, which begin when a player requests a manifest. No state is kept: the
//! name of a session's folder contains when the session began.

use http::HeaderMap;
use http::header;

use super::faults::Effect;
use super::timeline::Timeline;

/// What a request to the origin does in a playback session or in access by cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visit {
    /// The request is for a channel without sessions and cookies.
    Plain,
    /// The request is for a manifest that begins a session and has URIs in the session's folder.
    Opens,
    /// The request is for a multivariant playlist that redirects to the one in the folder of a new session.
    Redirects,
    /// The request's path is in the folder of this playback session.
    Session(Session),
    /// The request is for a multivariant playlist that sets the cookie.
    SetsCookie,
    /// The request is refused without the cookie.
    Guarded,
}

/// A playback session of one player.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// Index of the first segment that was listed in the session. It has the number 0 in the session's playlists.
    start: i64,
    /// Index of the newest segment of the channel when the session began.
    begun: i64,
    /// Number of sessions that began before this one.
    number: u64,
}

/// Number of segments after which a session ends: then its playlists answer 404.
const SESSION_LENGTH: i64 = 20;
/// Number of segments after which a session ends under the fault of short sessions.
const SHORT_SESSION: i64 = 5;
/// Name of the origin's folder whose files are refused without the cookie.
const GUARDED: &str = "guarded";
const COOKIE: &str = "hdntl";
/// Milliseconds for which the origin's cookie is valid.
const COOKIE_MS: i64 = 30_000;

impl Session {
    /// Begins a session at `now_ms`, when `number` sessions have begun before. Its first playlist lists the segments of
    /// the instant `listed_ms`, which is earlier than `now_ms` for faults.
    pub(super) fn begin(timeline: &Timeline, now_ms: i64, listed_ms: i64, number: u64) -> Self {
        let begun = timeline.edge(now_ms);
        let late_ms = Self { start: 0, begun, number }.late_ms();
        Self { start: timeline.edge(listed_ms - late_ms) - timeline.window, begun, number }
    }

    /// Returns the name of the session's folder.
    pub(super) fn folder(self) -> String {
        format!("s{}_{}_{}", self.start, self.begun, self.number)
    }

    fn parse(folder: &str) -> Option<Self> {
        let (start, rest) = folder.strip_prefix('s')?.split_once('_')?;
        let (begun, number) = rest.split_once('_')?;
        let index = |text: &str| text.parse().ok().filter(|index| (0..1 << 40).contains(index));
        Some(Self { start: index(start)?, begun: index(begun)?, number: number.parse().ok()? })
    }

    /// Returns the number that is added to a segment's index to get its media sequence number, so that the session's
    /// first segment has the number 0.
    pub(super) fn base(self) -> i64 {
        -self.start
    }

    /// Returns the milliseconds by which the session's server is behind: every second session has a slower server.
    pub(super) fn late_ms(self) -> i64 {
        if self.number % 2 == 1 { 6000 } else { 0 }
    }

    /// Returns whether the fault stops the packager of this session.
    pub(super) fn is_frozen(self, effect: Option<Effect>) -> bool {
        effect == Some(Effect::SessionFrozen) && self.number == 0
    }

    pub(super) fn is_over(self, timeline: &Timeline, now_ms: i64) -> bool {
        let length = if timeline.effect == Some(Effect::SessionsShort) { SHORT_SESSION } else { SESSION_LENGTH };
        timeline.edge(now_ms) - self.begun > length && timeline.effect != Some(Effect::SessionFrozen)
    }
}

/// Returns what a request does in a playback session or in access by cookie, such as beginning a session, and the rest
/// of the path. Both come from the path within a channel.
pub(super) fn parse<'a>(rest: &'a [&'a str]) -> (Visit, Vec<&'a str>) {
    match rest {
        ["sessions.m3u8"] => (Visit::Opens, vec!["master.m3u8"]),
        ["sessions.mpd"] => (Visit::Opens, vec!["time.mpd"]),
        ["redirect.m3u8"] => (Visit::Redirects, vec!["master.m3u8"]),
        ["cookie.m3u8"] => (Visit::SetsCookie, vec!["master.m3u8"]),
        [GUARDED, rest @ ..] => (Visit::Guarded, rest.to_vec()),
        [folder, inside @ ..] => match Session::parse(folder).filter(|_| !inside.is_empty()) {
            Some(session) => (Visit::Session(session), inside.to_vec()),
            None => (Visit::Plain, rest.to_vec()),
        },
        [] => (Visit::Plain, Vec::new()),
    }
}

/// Returns the text of a playlist with all its URIs moved into `folder`.
pub(super) fn in_folder(text: &str, folder: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        lines.push(match line {
            _ if line.starts_with('#') => line.replace("URI=\"", &format!("URI=\"{folder}/")),
            _ if line.is_empty() => String::new(),
            _ => format!("{folder}/{line}"),
        });
    }
    lines.join("\n") + "\n"
}

pub(super) fn guarded(text: &str) -> String {
    in_folder(text, GUARDED)
}

/// Returns the Set-Cookie header for the multivariant playlist at `path`.
pub(super) fn set_cookie(path: &str, effect: Option<Effect>, now_ms: i64) -> String {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let place = if effect == Some(Effect::CookieElsewhere) { "/elsewhere" } else { folder };
    format!("{COOKIE}=st~{now_ms}; Path={place}/; Max-Age={}; HttpOnly", COOKIE_MS / 1000)
}

/// Returns whether the request has a cookie that is still valid.
pub(super) fn is_admitted(headers: &HeaderMap, now_ms: i64) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split("; "));
    let value = pairs.find_map(|pair| pair.strip_prefix(COOKIE)?.strip_prefix("=st~"));
    value.and_then(|at| at.parse::<i64>().ok()).is_some_and(|at| (0..=COOKIE_MS).contains(&(now_ms - at)))
}
