//! An MPD: the clock it names, and at that time its renditions with their media.

use super::{Capturer, PLAYLIST_PATIENCE, RENDITIONS_AT_ONCE, Variables, inconclusive, unasked, updates};
use crate::catalog::Coverage;
use crate::facts::{ClockFacts, DashFacts, Fetched, OutputFacts, RenditionFacts};
use crate::fetch::Ask;
use crate::history::Known;
use futures_util::stream::{self, StreamExt};
use packager_media::dash::timing::{self, Source};
use packager_media::dash::{self, Descriptor, MAX_INDEX_BYTES, Mpd, Outline, Wanted};
use packager_media::defect::Defect;
use packager_media::stream::Protocol;
use packager_media::units::{Seconds, Timestamp};
use std::pin::pin;
use std::sync::Arc;
use tokio::time::Instant;
use url::Url;

/// A segment whose time is only computed is asked for that much after it: clocks differ, and packagers write files.
const EDGE: Seconds = Seconds(1.0);
const MAX_TIME_BYTES: u64 = 4096;

impl Capturer<'_> {
    /// Reads the MPD and what it leads to; answers when it was read. `None`: it is no MPD.
    pub(super) async fn dash(
        &self,
        facts: &mut OutputFacts,
        body: &[u8],
        asked_at: Timestamp,
        known: &Known,
    ) -> Option<Instant> {
        facts.protocol = Protocol::Dash;
        let base = facts.manifest.ok()?.final_url.clone();
        let (mpd, defects) = dash::parse(body, &base);
        facts.defects = defects;
        let mpd = Arc::new(mpd?);
        facts.parsed = true;
        let clock = self.utc(&mpd, &base).await;
        let patchable = updates::patchable(&mpd, body);
        let mut dash = DashFacts { clock, mpd, asked_at, location: None, patch: None, patchable };
        let mpds_now = dash.ahead().after(self.clock.now());
        let now = Seconds(-EDGE.0).after(mpds_now);
        let (all_read, defects) = self.indexes(Arc::make_mut(&mut dash.mpd), now).await;
        facts.defects.extend(defects);
        let mpd = dash.mpd.clone();
        let outlines = dash::outline(&mpd, now);
        let arrived = Instant::now();
        let all = outlines.len();
        let captures = outlines.into_iter().enumerate().map(|(n, outline)| {
            let facts = if all_read { listed(outline, &facts.manifest, asked_at) } else { unasked(outline.rendition) };
            self.representation(facts, known, self.share(n, all))
        });
        let patchable = dash.patchable.clone();
        let (renditions, location, patch) = tokio::join!(
            stream::iter(captures).buffered(RENDITIONS_AT_ONCE).collect(),
            self.location(&mpd, &facts.manifest),
            self.patch(patchable.as_ref(), known, mpds_now)
        );
        facts.renditions = renditions;
        (dash.location, dash.patch) = (location, patch);
        facts.dash = Some(dash);
        Some(arrived)
    }

    async fn representation(&self, mut facts: RenditionFacts, known: &Known, coverage: Coverage) -> RenditionFacts {
        self.media(&mut facts, &Variables::new(), known, coverage).await;
        facts
    }

    /// What SegmentBase names as its segments takes its place; what isn't there or says nothing of use is told. False: the
    /// probe's own time was up before all were read, so that nothing can be said of what is listed.
    async fn indexes(&self, mpd: &mut Mpd, now: Timestamp) -> (bool, Vec<Defect>) {
        let asked = dash::wanted(mpd, now).into_iter().map(async |wanted| (self.index(&wanted).await, wanted));
        let mut answers = pin!(stream::iter(asked).buffered(RENDITIONS_AT_ONCE));
        let (mut all_read, mut defects) = (true, Vec::new());
        while let Some((read, wanted)) = answers.next().await {
            match read {
                Some(read) => defects.extend(dash::resolve(mpd, &wanted, read)),
                None => all_read = false,
            }
        }
        (all_read, defects)
    }

    /// `None`: the probe's own time was up.
    async fn index(&self, wanted: &Wanted) -> Option<Result<Vec<u8>, String>> {
        if wanted.range.length > MAX_INDEX_BYTES {
            return Some(Err(format!("more than {MAX_INDEX_BYTES} bytes, which aren't asked for")));
        }
        let (began, mut bytes) = (Instant::now(), Vec::new());
        let ask = Ask { range: Some(wanted.range), ..self.ask(&wanted.url) };
        // A 206 may go on and on.
        let keep = |piece: &[u8]| {
            let room = wanted.range.length.saturating_sub(bytes.len() as u64);
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            bytes.extend_from_slice(piece.get(..room).unwrap_or(piece));
        };
        let fetched = self.client.get(ask, self.budget.playlists(), keep).await;
        if inconclusive(&fetched, began, PLAYLIST_PATIENCE) {
            return None;
        }
        Some(fetched.problem().map_or(Ok(bytes), Err))
    }

    async fn utc(&self, mpd: &Mpd, base: &Url) -> Option<ClockFacts> {
        let read = |timing: &Descriptor| (timing.clone(), timing::source(timing, base));
        let readable = |s: &Option<Source>| s.as_ref().is_some_and(|s| *s != Source::Network);
        let all: Vec<_> = mpd.utc_timings.iter().map(read).collect();
        let (timing, source) = all.iter().find(|(_, s)| readable(s)).or(all.first())?.clone();
        let began = self.clock.now();
        let (fetched, time) = match &source {
            // As of the MPD's making: with publishTime it would only say how old that is.
            Some(Source::Direct(_) | Source::Network) | None => (None, None),
            Some(Source::Date(url)) => self.dated(url).await,
            Some(Source::Body(url)) => self.told(url).await,
        };
        let half = Seconds(Seconds::between(began, self.clock.now()).0 / 2.0);
        let ahead = time.map(|time| Seconds::between(half.after(began), time));
        Some(ClockFacts { timing, source, fetched, ahead })
    }

    /// By the Date header, which counts whole seconds.
    async fn dated(&self, url: &Url) -> (Option<Fetched>, Option<Timestamp>) {
        let (fetched, _) = self.time(url, true).await;
        let date = fetched.as_ref().and_then(|f| f.ok()?.date);
        (fetched, date.map(|date| Seconds(0.5).after(date)))
    }

    async fn told(&self, url: &Url) -> (Option<Fetched>, Option<Timestamp>) {
        let (fetched, body) = self.time(url, false).await;
        let there = fetched.as_ref().is_some_and(|f| f.ok().is_some());
        (fetched, timing::read_time(&body).filter(|_| there))
    }

    /// `None`: the probe's own time was up.
    async fn time(&self, url: &Url, headers_only: bool) -> (Option<Fetched>, Vec<u8>) {
        let began = Instant::now();
        let ask = Ask { max_bytes: MAX_TIME_BYTES, headers_only, ..self.ask(url) };
        let (fetched, body) = self.client.body(ask, self.budget.manifest()).await;
        (Some(fetched).filter(|f| !inconclusive(f, began, PLAYLIST_PATIENCE)), body)
    }
}

/// The MPD is its renditions' playlist.
fn listed(outline: Outline, manifest: &Fetched, asked_at: Timestamp) -> RenditionFacts {
    let mut facts = unasked(outline.rendition);
    facts.playlist = Some(manifest.clone());
    facts.playlist_at = Some(asked_at);
    facts.timeline = Some(Arc::new(outline.timeline));
    facts
}
