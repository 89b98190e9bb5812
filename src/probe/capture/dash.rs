//! Capture of an MPD: its clock and, by that clock, its renditions with their media.

use super::growing::GrowingSegments;
use super::hls::Variables;
use super::requests::MIN_PLAYLIST_TIME;
use super::sessions::MpdAnswer;
use super::{Capturer, DecodedRenditions, RENDITIONS_AT_ONCE, updates};
use crate::catalog::Coverage;
use crate::facts::{
    ClockFacts, DashFacts, Fetched, LocationFacts, ManifestFacts, OutputFacts, RenditionFacts, SessionFacts,
};
use crate::fetch::FetchRequest;
use crate::history::AlreadyInspected;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use packager_media::dash::timing::{self, ClockSource};
use packager_media::dash::{self, Descriptor, IndexRequest, MAX_INDEX_BYTES, Mpd, RenditionSnapshot};
use packager_media::defect::Defect;
use packager_media::stream::{Protocol, Rendition, Uninspected};
use packager_media::units::{Seconds, Timestamp};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// Time after its computed availability at which a segment is first requested, because clocks differ and packagers need
/// time to write files.
const EDGE_MARGIN: Seconds = Seconds(1.0);
const MAX_TIME_BYTES: u64 = 4096;
/// Largest number of UTCTiming clocks that are asked.
const MAX_CLOCKS: usize = 4;
/// Time that a UTCTiming clock may take before it counts as dead.
const CLOCK_TIME: Duration = Duration::from_secs(2);

impl Capturer<'_> {
    /// Parses the MPD and captures what it describes. Returns the instant at which the MPD had been read; `None` if it
    /// isn't an MPD.
    pub(super) async fn capture_mpd(
        &self,
        facts: &mut OutputFacts,
        body: &[u8],
        (asked_at, arrived_at): (Timestamp, Timestamp),
    ) -> Option<Instant> {
        facts.content = ManifestFacts::Unreadable(Protocol::Dash);
        let base = facts.manifest.ok()?.final_url.clone();
        let (mpd, defects) = self.parse_mpd(body, &base).await;
        facts.defects.clone_from(&defects);
        let (body, fetched) = (body.to_vec(), facts.manifest.clone());
        let newest = MpdAnswer { mpd: mpd?, defects, body, asked_at, arrived_at, fetched };
        let (session, followed) = self.follow_mpd(&newest).await;
        facts.session = session;
        let (answer, failed) = match followed {
            Ok(answer) => (answer, None),
            Err(failed) => (newest, failed),
        };
        if facts.defects.is_empty() {
            facts.defects.clone_from(&answer.defects);
        }
        self.capture_listed(facts, answer, failed).await
    }

    /// Captures the renditions that an MPD lists. `failed` is the answer of the playback session's own Location if it
    /// failed.
    async fn capture_listed(
        &self,
        facts: &mut OutputFacts,
        answer: MpdAnswer,
        failed: Option<Fetched>,
    ) -> Option<Instant> {
        let MpdAnswer { mpd, body, asked_at, arrived_at, fetched, .. } = answer;
        let base = fetched.ok()?.final_url.clone();
        let mpd = Arc::new(mpd);
        let Clocks { used: clock, dead: dead_clocks, others: other_clocks } = self.read_clocks(&mpd, &base).await;
        let patchable = updates::patchable(&mpd, &body);
        let earlier_offset = self.history.clock_offset(&self.key, &facts.url, self.template.retention());
        let known = DashFacts { arrived_at, clock, dead_clocks, other_clocks, ..DashFacts::new(mpd, asked_at) };
        let mut dash = DashFacts { earlier_offset, patchable, ..known };
        let mpds_now = dash.mpd_time(self.clock.now());
        let now = Seconds(-EDGE_MARGIN.0).after(mpds_now);
        dash.listed_at = now;
        let (all_read, defects) = self.read_indexes(Arc::make_mut(&mut dash.mpd), now).await;
        facts.defects.extend(defects);
        let mpd = dash.mpd.clone();
        let mut snapshots = dash::renditions_at(&mpd, now);
        let mut renditions: Vec<&mut Rendition> = snapshots.iter_mut().map(|s| &mut s.rendition).collect();
        self.choose_decoded(DecodedRenditions::of(renditions.iter().map(|r| &**r)));
        self.set_allowed_share(&renditions, asked_at);
        let known = self.recognize(facts, &mut renditions, &mut [], asked_at);
        let arrived = Instant::now();
        let all = snapshots.len();
        let offset = dash.clock_offset();
        let times = ListedTimes { asked_at, arrived_at, offset, listed_at: mpds_now };
        let captures = snapshots.into_iter().enumerate().map(|(n, snapshot)| {
            let growing = GrowingSegments::of(&mpd, &snapshot.rendition, mpds_now, offset);
            let times_known = !snapshot.rendition.uninspected.is_some_and(Uninspected::hides_times);
            let facts = if all_read && times_known {
                listed_rendition(snapshot, &fetched, times)
            } else {
                RenditionFacts::unrequested(snapshot.rendition)
            };
            self.capture_representation(facts, &known, self.coverage_share(n, all), growing)
        });
        let patchable = dash.patchable.clone();
        let (renditions, location, patch, steering) = tokio::join!(
            stream::iter(captures).buffered(RENDITIONS_AT_ONCE).collect(),
            self.session_location(facts.session, failed, &mpd, &fetched),
            self.fetch_patch(patchable.as_ref(), &known, mpds_now),
            self.ask_steering_server(mpd.steering.clone(), Protocol::Dash, &[], &known)
        );
        facts.steering = steering;
        facts.renditions = renditions;
        (dash.location, dash.patch) = (location, patch);
        facts.content = ManifestFacts::Dash(Box::new(dash));
        Some(arrived)
    }

    /// Returns the answer of the MPD's Location. In a playback session this is the Location that the session follows:
    /// `failed` if it didn't answer with an MPD, otherwise the answer `fetched`, from which `mpd` was parsed.
    async fn session_location(
        &self,
        session: SessionFacts,
        failed: Option<Fetched>,
        mpd: &Mpd,
        fetched: &Fetched,
    ) -> Option<LocationFacts> {
        match failed {
            Some(fetched) => Some(LocationFacts { fetched, mpd: None }),
            None if session.followed => {
                Some(LocationFacts { fetched: fetched.clone(), mpd: Some(Box::new(mpd.clone())) })
            }
            None => self.fetch_location(mpd, fetched).await,
        }
    }

    async fn capture_representation(
        &self,
        mut facts: RenditionFacts,
        known: &AlreadyInspected,
        coverage: Coverage,
        growing: GrowingSegments,
    ) -> RenditionFacts {
        if facts.rendition.uninspected.is_none() {
            self.capture_media(&mut facts, &Variables::new(), known, coverage, &growing).await;
        }
        facts
    }

    /// Replaces each SegmentBase by the segments in its segment index, and returns the defects of indexes that are
    /// missing or unusable. `false` means that the probe's time ended before all indexes were read, so that the
    /// segments aren't known.
    async fn read_indexes(&self, mpd: &mut Mpd, now: Timestamp) -> (bool, Vec<Defect>) {
        let asked =
            dash::required_indexes(mpd, now).into_iter().map(async |wanted| (self.fetch_index(&wanted).await, wanted));
        let mut answers = pin!(stream::iter(asked).buffered(RENDITIONS_AT_ONCE));
        let (mut all_read, mut defects) = (true, Vec::new());
        while let Some((read, wanted)) = answers.next().await {
            match read {
                Some(read) => defects.extend(dash::resolve_index(mpd, &wanted, read)),
                None => all_read = false,
            }
        }
        (all_read, defects)
    }

    /// Fetches the segment index of one SegmentBase. `None` if the probe's time ended first.
    async fn fetch_index(&self, wanted: &IndexRequest) -> Option<Result<Vec<u8>, String>> {
        if wanted.range.length > MAX_INDEX_BYTES {
            return Some(Err(format!("the index has more than {MAX_INDEX_BYTES} bytes and was not fetched")));
        }
        let mut bytes = Vec::new();
        let request = FetchRequest { range: Some(wanted.range), ..self.request(&wanted.url) };
        // A server may send more bytes than the range has.
        let keep = |piece: &[u8]| {
            let room = wanted.range.length.saturating_sub(bytes.len() as u64);
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            bytes.extend_from_slice(piece.get(..room).unwrap_or(piece));
        };
        let fetched = self.get(request, self.budget.playlists(), MIN_PLAYLIST_TIME, keep).await?;
        Some(fetched.problem().map_or(Ok(bytes), Err))
    }

    /// Asks the clocks of UTCTiming, at most four, all at once. Players ask them in their order until one gives a time (ISO/IEC 23009-1
    /// 5.8.4.11), and each player may reach another one.
    async fn read_clocks(&self, mpd: &Mpd, base: &Url) -> Clocks {
        let sources = |timing: &Descriptor| {
            let sources = timing::clock_sources(timing, base).into_iter().map(Some).collect::<Vec<_>>();
            if sources.is_empty() { vec![None] } else { sources }
        };
        let all = mpd.utc_timings.iter().flat_map(|timing| sources(timing).into_iter().map(|s| (timing.clone(), s)));
        let readable = |source: &Option<ClockSource>| !matches!(source, None | Some(ClockSource::Network));
        let (asked, unread): (Vec<_>, Vec<_>) = all.partition(|(_, source)| readable(source));
        let answers = asked.into_iter().take(MAX_CLOCKS).map(|(timing, source)| self.read_clock(timing, source));
        let mut answers = join_all(answers).await.into_iter();
        let mut dead = Vec::new();
        // Without an answer the probe's time has ended, and nothing is known of the clock.
        let is_dead = |clock: &ClockFacts| clock.offset.is_none() && clock.fetched.is_some();
        for clock in answers.by_ref() {
            if !is_dead(&clock) {
                let others = answers.filter(|other| other.offset.is_some()).collect();
                return Clocks { used: Some(clock), dead, others };
            }
            dead.push(clock);
        }
        let first = if dead.is_empty() { None } else { Some(dead.remove(0)) };
        let unread = unread.into_iter().next();
        let unread = unread.map(|(timing, source)| ClockFacts { timing, source, fetched: None, offset: None });
        Clocks { used: first.or(unread), dead, others: Vec::new() }
    }

    async fn read_clock(&self, timing: Descriptor, source: Option<ClockSource>) -> ClockFacts {
        let (fetched, time) = match &source {
            // `direct` gives the time at which the MPD was made, which says nothing about the current time.
            Some(ClockSource::Direct(_) | ClockSource::Network) | None => (None, None),
            Some(ClockSource::Date(url)) => self.time_by_date_header(url).await,
            Some(ClockSource::Body(url)) => self.time_by_body(url).await,
        };
        // The time was read in the middle between the request and the first byte, whatever the connection took.
        let waited = |fetched: &Fetched| fetched.ok().map(|e| Seconds(e.timings.body.0 + e.timings.first_byte.0 / 2.0));
        let since = fetched.as_ref().and_then(waited).unwrap_or(Seconds::ZERO);
        let ahead = time.map(|time| Seconds::between(Seconds(-since.0).after(self.clock.now()), time));
        ClockFacts { timing, source, fetched, offset: ahead }
    }

    /// Requests the server's time by its Date header. The header counts whole seconds, so half a second is added.
    async fn time_by_date_header(&self, url: &Url) -> (Option<Fetched>, Option<Timestamp>) {
        let Some((fetched, _)) = self.fetch_time(url, true).await else { return (None, None) };
        let date = fetched.ok().and_then(|answer| answer.date);
        (Some(fetched), date.map(|date| Seconds(0.5).after(date)))
    }

    async fn time_by_body(&self, url: &Url) -> (Option<Fetched>, Option<Timestamp>) {
        let Some((fetched, body)) = self.fetch_time(url, false).await else { return (None, None) };
        let time = fetched.ok().and_then(|_| timing::parse_clock_body(&body));
        (Some(fetched), time)
    }

    /// Fetches the resource of a UTCTiming clock. `None` if the probe's time ended first.
    async fn fetch_time(&self, url: &Url, headers_only: bool) -> Option<(Fetched, Vec<u8>)> {
        let request = FetchRequest { max_bytes: MAX_TIME_BYTES, headers_only, ..self.request(url) };
        let deadline = self.budget.manifest().min(Instant::now() + CLOCK_TIME);
        self.body(request, deadline, MIN_PLAYLIST_TIME).await
    }
}

/// The clocks of UTCTiming that were asked.
struct Clocks {
    /// The first clock that gave a time; else the first one. `None` if the MPD has no UTCTiming.
    used: Option<ClockFacts>,
    /// Clocks before `used` that gave no time, or after it if none gave a time.
    dead: Vec<ClockFacts>,
    /// Clocks after `used` that gave a time.
    others: Vec<ClockFacts>,
}

/// Times of an MPD: of its request, of its answer, and the time by the MPD's clock at which its segments were listed. `offset` is that
/// clock minus the exporter's.
#[derive(Debug, Clone, Copy)]
struct ListedTimes {
    asked_at: Timestamp,
    arrived_at: Timestamp,
    offset: Seconds,
    listed_at: Timestamp,
}

/// Makes the record of a rendition that an MPD lists; the MPD takes the place of its playlist.
fn listed_rendition(snapshot: RenditionSnapshot, manifest: &Fetched, times: ListedTimes) -> RenditionFacts {
    let mut facts = RenditionFacts::unrequested(snapshot.rendition);
    facts.base_urls = snapshot.base_urls;
    facts.playlist = Some(manifest.clone());
    (facts.playlist_at, facts.playlist_arrived_at) = (Some(times.asked_at), Some(times.arrived_at));
    // The end of a list was known when the MPD was asked for; segments that the clock counts go on meanwhile.
    let edge_at = if snapshot.is_counted { times.listed_at } else { times.offset.after(times.asked_at) };
    facts.edge_at = Some(edge_at);
    facts.timeline = Some(Arc::new(snapshot.timeline));
    facts
}
