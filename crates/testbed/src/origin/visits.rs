//! What a manifest begins for the player that asks for it: a playback session, or access by a cookie. Nothing is
//! remembered: the session's folder says when it began.

use http::HeaderMap;
use http::header;

use super::faults::Effect;
use super::timeline::Timeline;

/// What a request is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visit {
    /// A channel without sessions and cookies.
    Plain,
    /// A manifest that begins a session and names the addresses in the session's folder.
    Opens,
    /// A multivariant playlist that redirects to the one in the folder of a new session.
    Redirects,
    /// A request within a session.
    Session(Session),
    /// A multivariant playlist that sets the cookie.
    SetsCookie,
    /// A request that is refused without the cookie.
    Guarded,
}

/// A session of a player.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// Index of the first segment that was listed, which has the number 0.
    start: i64,
    /// Index of the newest segment of the channel when the session began.
    begun: i64,
    /// Number of sessions before it.
    number: u64,
}

/// Segments after which a session ends: its playlists answer 404 then.
const SESSION_LENGTH: i64 = 20;
/// Folder of what is refused without the cookie.
const GUARDED: &str = "guarded";
const COOKIE: &str = "hdntl";
/// Milliseconds for which the cookie is good.
const COOKIE_MS: i64 = 30_000;

impl Session {
    /// The session that begins at `now_ms`, after `number` others, with what its packager lists at `listed_ms`.
    pub(super) fn begin(timeline: &Timeline, now_ms: i64, listed_ms: i64, number: u64) -> Self {
        let begun = timeline.edge(now_ms);
        let late_ms = Self { start: 0, begun, number }.late_ms();
        Self { start: timeline.edge(listed_ms - late_ms) - timeline.window, begun, number }
    }

    /// Name of the session's folder.
    pub(super) fn folder(self) -> String {
        format!("s{}_{}_{}", self.start, self.begun, self.number)
    }

    fn parse(folder: &str) -> Option<Self> {
        let (start, rest) = folder.strip_prefix('s')?.split_once('_')?;
        let (begun, number) = rest.split_once('_')?;
        let index = |text: &str| text.parse().ok().filter(|index| (0..1 << 40).contains(index));
        Some(Self { start: index(start)?, begun: index(begun)?, number: number.parse().ok()? })
    }

    /// Offset of media sequence numbers, with which the session counts from 0.
    pub(super) fn base(self) -> i64 {
        -self.start
    }

    /// Milliseconds by which the session's server is behind: every second session is on a slower one.
    pub(super) fn late_ms(self) -> i64 {
        if self.number % 2 == 1 { 6000 } else { 0 }
    }

    /// Whether the session is the one whose packager stops under the fault that stops one.
    pub(super) fn is_frozen(self, effect: Option<Effect>) -> bool {
        effect == Some(Effect::SessionFrozen) && self.number == 0
    }

    pub(super) fn is_over(self, timeline: &Timeline, now_ms: i64) -> bool {
        timeline.edge(now_ms) - self.begun > SESSION_LENGTH && timeline.effect != Some(Effect::SessionFrozen)
    }
}

/// The visit that the path within a channel says, and the rest of that path.
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

/// A playlist with all URIs in `folder`.
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

/// The Set-Cookie header of the multivariant playlist at `path`.
pub(super) fn set_cookie(path: &str, effect: Option<Effect>, now_ms: i64) -> String {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let place = if effect == Some(Effect::CookieElsewhere) { "/elsewhere" } else { folder };
    format!("{COOKIE}=st~{now_ms}; Path={place}/; Max-Age={}; HttpOnly", COOKIE_MS / 1000)
}

/// Whether a request has a cookie that is still good.
pub(super) fn is_admitted(headers: &HeaderMap, now_ms: i64) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split("; "));
    let value = pairs.find_map(|pair| pair.strip_prefix(COOKIE)?.strip_prefix("=st~"));
    value.and_then(|at| at.parse::<i64>().ok()).is_some_and(|at| (0..=COOKIE_MS).contains(&(now_ms - at)))
}
