//! Capture within the playback session that the exporter follows, as a player does. It requests the media playlists
//! that an earlier multivariant playlist listed, or the Location of an earlier MPD. Each probe also requests the
//! manifest, which shows what a new viewer would get. The URLs in it are requested only if another session begins.

use super::hls::{Variables, parse_media_playlist};
use super::second_request::Listing;
use super::{Capturer, RENDITIONS_AT_ONCE};
use crate::facts::{Fetched, SessionFacts};
use crate::history::AlreadyInspected;
use crate::probe::sessions::{SessionAddresses, SessionEnd, SessionStep};
use futures_util::stream::{self, StreamExt};
use packager_media::dash::{Mpd, Period, playable_representations};
use packager_media::defect::Defect;
use packager_media::stream::{Media, Presentation, Rendition, Resolution, Timeline};
use packager_media::units::Timestamp;
use tokio::time::Instant;
use url::Url;

/// Largest number of playback sessions whose URLs one probe requests. If the first session is over, the second is one
/// that another probe has begun meanwhile.
const TURNS: usize = 2;
/// Largest number of failed playlists of a session for which the playlists of new viewers are requested.
const MAX_COMPARED: usize = 4;

/// A media playlist that was requested.
pub(super) struct PlaylistAnswer {
    pub(super) asked_at: Timestamp,
    pub(super) arrived_at: Timestamp,
    /// The request for the media playlist; `None` if the probe's time ended first.
    pub(super) fetched: Option<Fetched>,
    /// Media playlist in the answer to the request for it; `None` if the answer isn't a media playlist.
    pub(super) timeline: Option<Timeline>,
    pub(super) defects: Vec<Defect>,
    pub(super) arrived: Instant,
}

/// An MPD that was requested and arrived.
pub(super) struct MpdAnswer {
    pub(super) mpd: Mpd,
    pub(super) defects: Vec<Defect>,
    pub(super) body: Vec<u8>,
    pub(super) asked_at: Timestamp,
    pub(super) arrived_at: Timestamp,
    pub(super) fetched: Fetched,
}

/// Renditions to capture, with the media playlists that were already fetched, in the order of the renditions; the list
/// is empty if none were.
pub(super) struct FollowedPresentation {
    pub(super) session: SessionFacts,
    pub(super) presentation: Presentation,
    pub(super) playlists: Vec<PlaylistAnswer>,
}

/// What the answer to a request in a playback session says about the session: it continues, is over, or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionSign {
    GoesOn,
    /// The server doesn't know the playback session any more, or has ended it. This is no fault if another session can
    /// begin.
    Over,
    /// The address failed, but not with an answer that means an ended session. Viewers of the session have lost the
    /// stream. The failure is reported, and the next probe begins another session.
    Failed,
}

/// Why a playback session gave no MPD with which it goes on.
enum NoMpd {
    /// The probe's time ended first. This says nothing about the session.
    OutOfTime,
    /// The server doesn't know the session any more, or it stands still, or its MPD can't be read or isn't that of new viewers: another
    /// one has to begin.
    Over(SessionEnd),
    /// The answer failed, but not with a status that means an ended session. Another one has to begin.
    Failed(Box<Fetched>),
}

/// Facts of a capture of the newest manifest whose session wasn't read: number 0 is older than any session, so that nothing is
/// compared with it.
const NOT_COMPARED: SessionFacts = SessionFacts { number: Some(0), followed: false, begun: false, ended: None };

impl Capturer<'_> {
    /// Fetches the media playlists of the playback session that the exporter follows, if their URLs differ from those
    /// in the manifest `newest`. If the session is over, a new session with the URLs of `newest` begins.
    pub(super) async fn follow_presentation(&self, newest: Presentation) -> FollowedPresentation {
        let known = self.inspected_before();
        let newest = SessionAddresses::Playlists(newest);
        let mut step = self.session_step(&newest);
        for _ in 0..TURNS {
            let Some(SessionAddresses::Playlists(followed)) = step.followed.take() else { break };
            let frozen = is_frozen(&followed, &newest, step.number, &known);
            let playlists = match frozen {
                true => Err(SessionEnd::Left),
                false => self.fetch_playlists(&followed, &newest).await,
            };
            match playlists {
                Ok(playlists) => {
                    if self.fails_alone(&playlists, &newest).await {
                        self.sessions.abandon(&self.key, step.number);
                    }
                    let session = step.facts(true);
                    return FollowedPresentation { session, presentation: followed, playlists };
                }
                Err(end) => step = self.replace_session(step.number, &newest, end),
            }
        }
        let presentation = match newest {
            SessionAddresses::Playlists(presentation) => presentation,
            SessionAddresses::Manifest(_) | SessionAddresses::Location(_) => Presentation::default(),
        };
        let session = step.facts(false);
        FollowedPresentation { session, presentation, playlists: Vec::new() }
    }

    /// Fetches all media playlists of a playback session at the same time.
    ///
    /// # Errors
    /// The session is over.
    async fn fetch_playlists(
        &self,
        followed: &Presentation,
        newest: &SessionAddresses,
    ) -> Result<Vec<PlaylistAnswer>, SessionEnd> {
        let mut asked = Vec::new();
        for rendition in &followed.renditions {
            asked.push(self.fetch_listed(rendition, &followed.variables));
        }
        let answers: Vec<_> = stream::iter(asked).buffered(RENDITIONS_AT_ONCE).collect().await;
        let mut over = (0..).zip(&answers).filter(|(_, answer)| answer.sign() == SessionSign::Over).map(|(at, _)| at);
        let Some(first) = over.next() else { return Ok(answers) };
        let partly = over.count() + 1 < answers.iter().filter(|answer| answer.fetched.is_some()).count();
        if partly && !self.is_listed_anew(first, newest).await {
            return Ok(answers);
        }
        Err(answers.get(first).map_or(SessionEnd::Left, PlaylistAnswer::end))
    }

    /// Returns whether a playlist of the followed session failed that new viewers get. A rendition that fails for everybody is no fault
    /// of the session, and another session wouldn't have it.
    async fn fails_alone(&self, playlists: &[PlaylistAnswer], newest: &SessionAddresses) -> bool {
        let failed = (0..).zip(playlists).filter(|(_, answer)| answer.sign() == SessionSign::Failed);
        for (index, _) in failed.take(MAX_COMPARED) {
            if self.is_listed_anew(index, newest).await {
                return true;
            }
        }
        false
    }

    /// Returns whether `newest` lists a live playlist for the rendition at `index`. If it doesn't, the rendition is
    /// missing for new viewers too. Then its failure doesn't mean that the followed session is over.
    async fn is_listed_anew(&self, index: usize, newest: &SessionAddresses) -> bool {
        let SessionAddresses::Playlists(newest) = newest else { return true };
        let Some(rendition) = newest.renditions.get(index) else { return true };
        let answer = self.fetch_listed(rendition, &newest.variables).await;
        answer.fetched.is_some() && answer.sign() == SessionSign::GoesOn
    }

    async fn fetch_listed(&self, rendition: &Rendition, variables: &Variables) -> PlaylistAnswer {
        match &rendition.uri {
            Some(url) => self.fetch_playlist(url, variables).await,
            None => PlaylistAnswer::none(self.clock.now()),
        }
    }

    /// Fetches and parses one media playlist.
    pub(super) async fn fetch_playlist(&self, url: &Url, variables: &Variables) -> PlaylistAnswer {
        let listing = self.fetch_listing(url, self.budget.playlists()).await;
        let arrived = Instant::now();
        let Listing { asked_at, arrived_at, fetched: Some(fetched), body } = listing else {
            return PlaylistAnswer { arrived, ..PlaylistAnswer::none(listing.asked_at) };
        };
        let read = fetched.ok().map(|exchange| parse_media_playlist(&body, &exchange.final_url, variables));
        let (timeline, defects) = read.unwrap_or_default();
        PlaylistAnswer { asked_at, arrived_at, fetched: Some(fetched), timeline, defects, arrived }
    }

    /// Fetches the media playlist at the URL to which the output's URL was redirected when the playback session began.
    /// `None` if the newest answer came from the same URL, if a new session begins with it, or if the probe's time ended first.
    pub(super) async fn follow_media_playlist(&self, newest: &Url) -> (SessionFacts, Option<PlaylistAnswer>) {
        let newest = SessionAddresses::Manifest(newest.clone());
        let mut step = self.session_step(&newest);
        for _ in 0..TURNS {
            let Some(SessionAddresses::Manifest(url)) = step.followed.take() else { break };
            let frozen = self.inspected_before().any_frozen(step.number);
            let answer = if frozen { None } else { Some(self.fetch_playlist(&url, &Variables::new()).await) };
            if answer.as_ref().is_some_and(|answer| answer.fetched.is_none()) {
                return (NOT_COMPARED, None);
            }
            let end = answer.as_ref().map_or(SessionEnd::Left, PlaylistAnswer::end);
            if let Some(answer) = answer.filter(|a| a.sign() != SessionSign::Over) {
                if answer.sign() == SessionSign::Failed {
                    self.sessions.abandon(&self.key, step.number);
                }
                return (step.facts(true), Some(answer));
            }
            step = self.replace_session(step.number, &newest, end);
        }
        (step.facts(false), None)
    }

    /// Fetches the live MPD at the playback session's URL, which is its first Location or the target of a redirect.
    /// `Err` if this is also the URL that `newest` gives, if a new session begins with `newest`, or if the probe's time ended first. It
    /// contains the failed answer of the session's URL, if that is the reason.
    pub(super) async fn follow_mpd(&self, newest: &MpdAnswer) -> (SessionFacts, Result<MpdAnswer, Option<Fetched>>) {
        let Some(addresses) = newest.next_address().filter(|_| newest.mpd.dynamic) else {
            return (SessionFacts::default(), Err(None));
        };
        let mut step = self.session_step(&addresses);
        let mut failed = None;
        for _ in 0..TURNS {
            let Some(SessionAddresses::Manifest(url) | SessionAddresses::Location(url)) = step.followed.take() else {
                break;
            };
            let end = match self.fetch_session_mpd(step.number, &url, &newest.mpd).await {
                Ok(answer) => return (step.facts(true), Ok(answer)),
                Err(NoMpd::OutOfTime) => return (NOT_COMPARED, Err(None)),
                Err(NoMpd::Over(end)) => {
                    failed = None;
                    end
                }
                Err(NoMpd::Failed(answer)) => {
                    failed = Some(*answer);
                    SessionEnd::Left
                }
            };
            step = self.replace_session(step.number, &addresses, end);
        }
        (step.facts(false), Err(failed))
    }

    /// Fetches the MPD of a playback session.
    ///
    /// # Errors
    /// Why there is no MPD with which the session goes on.
    async fn fetch_session_mpd(&self, session: u64, url: &Url, newest: &Mpd) -> Result<MpdAnswer, NoMpd> {
        if self.inspected_before().any_frozen(session) {
            return Err(NoMpd::Over(SessionEnd::Left));
        }
        match self.fetch_mpd(url).await {
            Ok(answer) if goes_on(&answer.mpd, newest) => {
                if let Some(next) = answer.mpd.locations.first().filter(|next| *next != url) {
                    self.sessions.move_to(&self.key, session, next.clone());
                }
                Ok(answer)
            }
            Ok(_) => Err(NoMpd::Over(SessionEnd::Left)),
            Err(None) => Err(NoMpd::OutOfTime),
            Err(Some(fetched)) if sign_of(&fetched, false) == SessionSign::Failed => {
                Err(NoMpd::Failed(Box::new(fetched)))
            }
            Err(Some(_)) => Err(NoMpd::Over(SessionEnd::ByServer)),
        }
    }

    /// Fetches an MPD. `Err` contains the answer that isn't an MPD; it is `None` if the probe's time ended first.
    async fn fetch_mpd(&self, url: &Url) -> Result<MpdAnswer, Option<Fetched>> {
        let listing = self.fetch_listing(url, self.budget.playlists()).await;
        let Listing { asked_at, arrived_at, fetched: Some(fetched), body } = listing else { return Err(None) };
        let Some(base) = fetched.ok().map(|exchange| exchange.final_url.clone()) else { return Err(Some(fetched)) };
        match self.parse_mpd(&body, &base).await {
            (Some(mpd), defects) => Ok(MpdAnswer { mpd, defects, body, asked_at, arrived_at, fetched }),
            (None, _) => Err(Some(fetched)),
        }
    }

    fn inspected_before(&self) -> AlreadyInspected {
        self.history.already_inspected(&self.key, self.template.retention())
    }

    fn session_step(&self, newest: &SessionAddresses) -> SessionStep {
        self.sessions.step(&self.key, &self.output.url, newest, self.clock.now(), self.max_outputs)
    }

    fn replace_session(&self, ended: u64, newest: &SessionAddresses, end: SessionEnd) -> SessionStep {
        self.sessions.replace(&self.key, (ended, end), newest, self.clock.now())
    }
}

impl SessionStep {
    /// Returns the session facts of a capture. `followed` is whether its playlists or MPD came from the session's URLs,
    /// and not from those of the newest manifest. If the newest manifest was used although the session's URLs differ,
    /// the session number is 0. This is older than any session, so that nothing is compared with the capture.
    fn facts(&self, followed: bool) -> SessionFacts {
        let number = if self.followed.is_none() { self.number } else { 0 };
        SessionFacts { number: Some(number), followed, begun: self.begun, ended: self.ended }
    }
}

impl PlaylistAnswer {
    /// Makes the answer of a playlist that wasn't requested because there was no time.
    fn none(asked_at: Timestamp) -> Self {
        Self {
            asked_at,
            arrived_at: asked_at,
            fetched: None,
            timeline: None,
            defects: Vec::new(),
            arrived: Instant::now(),
        }
    }

    /// Returns why a session with this answer is over. An answer that is no playlist, such as a login page with status 200, ends it as a
    /// refusal does: players don't request the manifest again.
    fn end(&self) -> SessionEnd {
        match self.sign() {
            SessionSign::Over => SessionEnd::ByServer,
            SessionSign::GoesOn | SessionSign::Failed => SessionEnd::Left,
        }
    }

    fn sign(&self) -> SessionSign {
        let live = self.timeline.as_ref().is_some_and(|timeline| !timeline.ended);
        self.fetched.as_ref().map_or(SessionSign::GoesOn, |fetched| sign_of(fetched, live))
    }
}

impl MpdAnswer {
    /// Returns the address from which a player requests the next update: the first Location, or the address that
    /// answered.
    fn next_address(&self) -> Option<SessionAddresses> {
        let answered = &self.fetched.ok()?.final_url;
        let location = self.mpd.locations.first().filter(|location| *location != answered);
        Some(match location {
            Some(location) => SessionAddresses::Location(location.clone()),
            None => SessionAddresses::Manifest(answered.clone()),
        })
    }
}

/// Returns whether an answer says that its playback session continues, is over, or failed. `live` is whether the answer
/// is a live playlist. A server refuses an unknown session with a status of the client's fault. The statuses 408, 425
/// and 429 only ask the client to come again (RFC 9110 15.5.9, RFC 8470 5.2, RFC 6585 4), so the session failed.
fn sign_of(fetched: &Fetched, live: bool) -> SessionSign {
    match &fetched.result {
        Ok(exchange) if (400..500).contains(&exchange.status) && !matches!(exchange.status, 408 | 425 | 429) => {
            SessionSign::Over
        }
        _ if fetched.ok().is_none() => SessionSign::Failed,
        _ if live => SessionSign::GoesOn,
        _ => SessionSign::Over,
    }
}

/// Returns whether a rendition's playlist has stood still for so long that viewers of the session have left, and the
/// newest manifest lists another playlist for it.
fn is_frozen(followed: &Presentation, newest: &SessionAddresses, session: u64, known: &AlreadyInspected) -> bool {
    let SessionAddresses::Playlists(newest) = newest else { return false };
    let pairs = followed.renditions.iter().zip(&newest.renditions);
    pairs
        .into_iter()
        .any(|(followed, newest)| followed.uri != newest.uri && known.is_frozen(session, &followed.identity))
}

/// Returns whether a playback session can continue with its MPD `session` although new viewers get the MPD `newest`.
/// The session's MPD must be live. If both MPDs are in the same Period, both must have the same Representations, by their
/// ids or, where a packager writes other ids into each MPD, by what they declare. Otherwise the ladder was changed, and new
/// viewers get another one.
fn goes_on(session: &Mpd, newest: &Mpd) -> bool {
    let (Some(ours), Some(theirs)) = (session.periods.last(), newest.periods.last()) else { return session.dynamic };
    let same_ladder = || ids(ours) == ids(theirs) || declarations(ours) == declarations(theirs);
    session.dynamic && (ours.id.is_none() || ours.id != theirs.id || same_ladder())
}

fn ids(period: &Period) -> Vec<(Media, &str)> {
    let mut ids: Vec<_> = playable_representations(period).map(|(set, r)| (set.media, r.id.as_str())).collect();
    ids.sort_unstable();
    ids
}

/// What a Representation declares: kind of media, size, language and codecs.
type Declaration<'a> = (Media, Option<Resolution>, Option<&'a str>, &'a [String]);

/// Returns what the Representations of a Period declare, without bit rates, which may be measured.
fn declarations(period: &Period) -> Vec<Declaration<'_>> {
    let all = playable_representations(period);
    let mut all: Vec<_> =
        all.map(|(set, r)| (set.media, r.resolution, set.language.as_deref(), r.codecs.as_slice())).collect();
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::FailureKind;
    use crate::testing;

    fn answer(status: u16, timeline: Option<Timeline>) -> PlaylistAnswer {
        let url = testing::url("http://packager/720p.m3u8?session=1");
        let mut exchange = testing::exchange(&url);
        exchange.status = status;
        let fetched = Some(Fetched { url, result: Ok(exchange) });
        PlaylistAnswer { fetched, timeline, ..PlaylistAnswer::none(testing::at(0)) }
    }

    #[test]
    fn a_refusal_an_ended_playlist_and_an_answer_that_is_no_playlist_end_a_session() {
        let live = || testing::timeline(Vec::new());
        assert_eq!(answer(403, None).end(), SessionEnd::ByServer);
        assert_eq!(answer(200, Some(Timeline { ended: true, ..live() })).end(), SessionEnd::ByServer);
        assert_eq!(answer(200, None).end(), SessionEnd::ByServer, "a login page");
        assert_eq!(answer(200, Some(live())).end(), SessionEnd::Left);
        assert_eq!(answer(503, None).end(), SessionEnd::Left, "a status of the server's fault");
        let cut = testing::failed(&testing::url("http://packager/720p.m3u8"), FailureKind::Timeout);
        let cut = PlaylistAnswer { fetched: Some(cut), ..PlaylistAnswer::none(testing::at(0)) };
        assert_eq!(cut.end(), SessionEnd::Left);
    }
}
