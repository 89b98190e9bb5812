//! Playback sessions that the exporter follows, one for each output. A player requests a manifest once and then
//! continues with the media playlists that it lists (RFC 8216bis 6.3.4), or with the Location of the MPD (ISO/IEC
//! 23009-1 5.4.1). A server may give other URLs in each answer, so that each belongs to its own session. States of two
//! sessions can't be compared, so later probes request the URLs of the same session.

mod matching;

use crate::eviction::evict;
use crate::facts::EndedSession;
use crate::history::OutputKey;
use packager_media::stream::Presentation;
use packager_media::units::{Seconds, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use url::Url;

/// Time after which a session is left although it continues, so that the URLs that new viewers get are requested too.
const MAX_AGE: Seconds = Seconds(3600.0);
/// Time without a probe after which a session is left, because servers end a session that nobody uses.
const MAX_UNUSED: Seconds = Seconds(300.0);

/// Shortest time in seconds between two requests that are a pause.
const SHORTEST_PAUSE: f64 = 0.5;
/// Factor by which equal intervals of probes may differ.
const PAUSE_TOLERANCE: f64 = 1.1;

/// Playback sessions of all outputs, at most one for each, whatever the number of templates and of Prometheus servers.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<SessionTable>);

#[derive(Debug, Default)]
struct SessionTable {
    /// The number of the newest session.
    newest: u64,
    by_output: HashMap<OutputKey, Session>,
}

/// URLs that a manifest gives players for the rest of a playback session.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SessionAddresses {
    /// The multivariant playlist of an HLS session, with the URIs of its media playlists and the variables that these
    /// may import.
    Playlists(Presentation),
    /// The URL that answered with a media playlist or an MPD: the output's own, or the target of a redirect.
    Manifest(Url),
    /// The Location to which the MPD of a DASH session sends its players.
    Location(Url),
}

/// A playback session of one output.
#[derive(Debug, Clone)]
struct Session {
    number: u64,
    /// Configured URL of the output's manifest.
    output_url: Url,
    addresses: SessionAddresses,
    /// Time at which the output's manifest last gave the URLs of this playback session.
    begun_at: Timestamp,
    used_at: Timestamp,
    /// Whether the next probe has to begin another session, because a URL of this one failed.
    abandoned: bool,
    /// Longest pause between two requests after which the session went on.
    longest_pause: Seconds,
    /// Pause before the newest request, which may have ended the session.
    last_pause: Seconds,
    /// The session before, if the server ended it although it was in use.
    ended: Option<EndedSession>,
    /// Whether the session's Location was requested. The MPD there may have other URIs than the MPD that contained the
    /// Location. So from then on only the MPD at the Location belongs to the session.
    entered: bool,
}

/// The playback session that a probe uses for an output, and the URLs that it requests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SessionStep {
    /// Number of the playback session, which no other session of any output has. A session gets a new number when its
    /// Location is requested for the first time.
    pub(crate) number: u64,
    /// URLs that the probe requests instead of those in the newest manifest, because the playback session began with an
    /// earlier manifest. `None` if the newest manifest's URLs belong to the session.
    pub(crate) followed: Option<SessionAddresses>,
    /// Whether the playback session has just begun, so that no URL of it was requested before.
    pub(crate) begun: bool,
    /// The session before, if the server ended it although it was in use.
    pub(crate) ended: Option<EndedSession>,
}

/// Why a playback session is replaced by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionEnd {
    /// The server refused its URLs, ended its playlists, or answered with something else than a playlist or MPD.
    ByServer,
    /// The exporter left it, because it stands still or fails.
    Left,
}

impl Sessions {
    /// Returns the playback session to use for an output whose newest manifest gives the URLs `newest`. A new session
    /// begins if there is none, or if the known one is abandoned, too old, unused for too long, or lacks a rendition of
    /// the newest manifest. If there are `max_outputs` sessions, the one that wasn't used for the longest time is
    /// forgotten.
    pub(crate) fn step(
        &self,
        key: &OutputKey,
        output_url: &Url,
        newest: &SessionAddresses,
        now: Timestamp,
        max_outputs: usize,
    ) -> SessionStep {
        let mut table = self.lock();
        let known = table.by_output.get(key).is_some_and(|session| {
            session.output_url == *output_url && (session.is_usable(now) || session.addresses == *newest)
        });
        let step = if known { table.continue_session(key, newest, now) } else { None };
        step.unwrap_or_else(|| table.begin(key, output_url, newest, now, max_outputs))
    }

    /// Ends the playback session with the number `ended` and begins another one from the newest manifest. If another probe has done so
    /// already, its session is used.
    pub(crate) fn replace(
        &self,
        key: &OutputKey,
        (ended, end): (u64, SessionEnd),
        newest: &SessionAddresses,
        now: Timestamp,
    ) -> SessionStep {
        let mut table = self.lock();
        let Some(session) = table.by_output.get(key) else {
            // Forgotten meanwhile, because there are too many outputs: this probe's facts are compared with nothing.
            table.newest += 1;
            return SessionStep { number: table.newest, followed: None, begun: true, ended: None };
        };
        let (output_url, other) = (session.output_url.clone(), session.number != ended);
        let in_use = if end == SessionEnd::ByServer { session.ended_in_use(now) } else { None };
        let (step, max_outputs) =
            (if other { table.continue_session(key, newest, now) } else { None }, table.by_output.len());
        step.unwrap_or_else(|| {
            let step = table.begin(key, &output_url, newest, now, max_outputs);
            if let Some(session) = table.by_output.get_mut(key) {
                session.ended = in_use;
            }
            SessionStep { ended: in_use, ..step }
        })
    }

    /// Makes the next probe begin another session, because a URL of this one failed.
    pub(crate) fn abandon(&self, key: &OutputKey, number: u64) {
        if let Some(session) = self.lock().by_output.get_mut(key).filter(|s| s.number == number) {
            session.abandoned = true;
        }
    }

    /// Makes `address` the URL of a playback session's next requests, because the session's MPD gives it as its
    /// Location.
    pub(crate) fn move_to(&self, key: &OutputKey, number: u64, address: Url) {
        if let Some(session) = self.lock().by_output.get_mut(key).filter(|s| s.number == number) {
            session.addresses = SessionAddresses::Location(address);
        }
    }

    /// Moves the times of all sessions by a step of the exporter's clock, so that sessions keep their age. `by` is
    /// negative for a clock that was set back.
    pub(crate) fn follow_clock_step(&self, by: Seconds) {
        for session in self.lock().by_output.values_mut() {
            (session.begun_at, session.used_at) = (by.after(session.begun_at), by.after(session.used_at));
        }
    }

    fn lock(&self) -> MutexGuard<'_, SessionTable> {
        // The table is valid after every statement, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionTable {
    /// Continues an output's playback session with the addresses of the newest manifest, and returns which addresses to
    /// fetch. `None`: there is no session, or it lacks a rendition that the newest manifest lists.
    fn continue_session(&mut self, key: &OutputKey, newest: &SessionAddresses, now: Timestamp) -> Option<SessionStep> {
        let session = self.by_output.get_mut(key)?;
        let followed = session.addresses.followed_by(newest)?;
        let same = followed == *newest;
        if same {
            session.addresses.clone_from(newest);
            (session.begun_at, session.abandoned) = (now, false);
        }
        let enters = !same && !session.entered && matches!(session.addresses, SessionAddresses::Location(_));
        if enters {
            self.newest += 1;
            (session.number, session.entered) = (self.newest, true);
        }
        session.use_at(now);
        let followed = (!same || session.entered).then_some(followed);
        Some(SessionStep { number: session.number, followed, begun: enters, ended: session.ended })
    }

    fn begin(
        &mut self,
        key: &OutputKey,
        output_url: &Url,
        newest: &SessionAddresses,
        now: Timestamp,
        max_outputs: usize,
    ) -> SessionStep {
        self.newest += 1;
        let (number, output_url, addresses) = (self.newest, output_url.clone(), newest.clone());
        let session = Session {
            number,
            output_url,
            addresses,
            begun_at: now,
            used_at: now,
            abandoned: false,
            longest_pause: Seconds::ZERO,
            last_pause: Seconds::ZERO,
            ended: None,
            entered: false,
        };
        self.by_output.insert(key.clone(), session);
        evict(&mut self.by_output, max_outputs.max(1), Some(key), |session| session.used_at);
        SessionStep { number, followed: None, begun: true, ended: None }
    }
}

impl Session {
    /// Records a request at `now`. Those of two scrapers at the same time are one.
    fn use_at(&mut self, now: Timestamp) {
        let pause = Seconds::between(self.used_at, now);
        if pause.0 >= SHORTEST_PAUSE {
            self.longest_pause = Seconds(self.longest_pause.0.max(self.last_pause.0));
            self.last_pause = pause;
        }
        self.used_at = self.used_at.max(now);
    }

    /// Returns the record of the session, which its server ended at `now`. `None`: the pause before was longer than those after which the
    /// session went on, so that the server may have ended it because nobody used it.
    fn ended_in_use(&self, now: Timestamp) -> Option<EndedSession> {
        let in_use = self.last_pause.0 > 0.0 && self.last_pause.0 <= PAUSE_TOLERANCE * self.longest_pause.0;
        let before = self.ended.map_or(0, |ended| ended.in_a_row);
        let lasted = Seconds::between(self.begun_at, now);
        in_use.then_some(EndedSession { at: now, lasted, in_a_row: before.saturating_add(1) })
    }

    fn is_usable(&self, now: Timestamp) -> bool {
        let (age, unused) = (Seconds::between(self.begun_at, now), Seconds::between(self.used_at, now));
        !self.abandoned && age <= MAX_AGE && unused <= MAX_UNUSED
    }
}

impl SessionAddresses {
    /// Returns the addresses to request in this playback session, for the renditions in `newest`. `None` if the session
    /// lacks a rendition of `newest`.
    fn followed_by(&self, newest: &Self) -> Option<Self> {
        match (self, newest) {
            (Self::Manifest(_) | Self::Location(_), Self::Manifest(_) | Self::Location(_)) => Some(self.clone()),
            (Self::Playlists(session), Self::Playlists(newest)) => {
                matching::with_addresses_of(session, newest).map(Self::Playlists)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
