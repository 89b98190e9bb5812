//! The second request for what a first request didn't bring. Players repeat a request that a server refuses once, so that one
//! failure doesn't stop them.

use super::Capturer;
use super::downloads::{FreshDownload, Repeats, resource_of};
use super::media::SegmentRequest;
use super::requests::MIN_PLAYLIST_TIME;
use crate::facts::{FailureKind, Fetched, OutputFacts};
use packager_media::stream::{Protocol, Segment};
use packager_media::units::{Seconds, Timestamp};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use url::Url;

/// Time after which a failed request is repeated, as players wait.
const REPEATED_AFTER: Duration = Duration::from_secs(1);

/// Whether and until when a failed request may be repeated.
struct SecondRequest<'r> {
    /// The requests of its kind that were repeated.
    repeats: &'r Repeats,
    /// Whether what is requested was published last, so that it may be there a second later.
    is_newest: bool,
    /// Least time that the second request needs.
    needs: Seconds,
    /// Instant by which the second request has to end.
    deadline: Instant,
}

/// An answer that counts, and the failed first answer if it is that of the second request.
struct Repeated<T> {
    counts: T,
    failed_first: Option<T>,
}

impl SecondRequest<'_> {
    /// Makes the request, and once more if the first answer is one that players don't take for the last. If the second request fails too,
    /// the first answer counts, and no further request of the kind is repeated in this probe for the outputs with the same settings: the
    /// fault lasts. `fetched` gives the exchange of an answer; `None`: the probe's time ended first.
    async fn ask<T, F: Future<Output = T>>(
        &self,
        request: impl Fn() -> F,
        fetched: impl Fn(&T) -> Option<&Fetched>,
    ) -> Repeated<T> {
        let first = request().await;
        let again = fetched(&first).is_some_and(|first| may_pass(first, self.is_newest));
        if !again || !self.has_time() || !self.repeats.may_repeat() {
            return Repeated { counts: first, failed_first: None };
        }
        sleep(REPEATED_AFTER).await;
        let second = request().await;
        if fetched(&second).is_some_and(|second| second.ok().is_some()) {
            return Repeated { counts: second, failed_first: Some(first) };
        }
        self.repeats.end();
        Repeated { counts: first, failed_first: None }
    }

    fn has_time(&self) -> bool {
        let needs = Duration::try_from_secs_f64(self.needs.0).unwrap_or(REPEATED_AFTER);
        Instant::now() + REPEATED_AFTER + needs < self.deadline
    }
}

impl Capturer<'_> {
    /// Downloads a segment from its address, with a second request if the first one failed. `None`: the probe's time ended first.
    pub(super) async fn download_with_second(&self, wanted: &SegmentRequest<'_>) -> Option<FreshDownload> {
        let SegmentRequest { segment, is_newest, .. } = *wanted;
        let downloads = &self.requests.downloads;
        let request = || self.download_segment(wanted, &segment.uri);
        let second = self.second_of(segment, downloads.repeats(), is_newest);
        let answer = second.ask(request, |fresh| fresh.as_ref().map(|f| &f.body.fetched)).await;
        if let Some(first) = answer.failed_first.flatten() {
            downloads.add_repeated(&resource_of(segment), first.body.fetched);
        }
        answer.counts
    }

    /// Fetches the first byte of the oldest segment from its address, with a second request if the first one failed. `None`: the probe's
    /// time ended first.
    pub(super) async fn first_byte_with_second(&self, segment: &Segment) -> Option<Fetched> {
        let request = || self.fetch_first_byte(segment, &segment.uri);
        let second = self.second_of(segment, self.requests.downloads.oldest_repeats(), false);
        second.ask(request, Option::as_ref).await.counts
    }

    fn second_of<'r>(&self, segment: &Segment, repeats: &'r Repeats, is_newest: bool) -> SecondRequest<'r> {
        SecondRequest { repeats, is_newest, needs: self.min_download_time(segment), deadline: self.budget.segments() }
    }

    /// Fetches a manifest or playlist, with a second request if the first one failed.
    pub(super) async fn fetch_listing(&self, url: &Url, deadline: Instant) -> Listing {
        let downloads = &self.requests.downloads;
        let repeats = downloads.listing_repeats();
        let second = SecondRequest { repeats, is_newest: false, needs: MIN_PLAYLIST_TIME, deadline };
        let answer = second.ask(|| self.fetch_listing_once(url, deadline), |listing| listing.fetched.as_ref()).await;
        if let Some(first) = answer.failed_first.and_then(|first| first.fetched) {
            downloads.add_repeated(&(url.clone(), None), first);
        }
        answer.counts
    }

    async fn fetch_listing_once(&self, url: &Url, deadline: Instant) -> Listing {
        let asked_at = self.clock.now();
        let (fetched, body) = self.text(url, deadline).await.unzip();
        Listing { asked_at, arrived_at: self.clock.now(), fetched, body: body.unwrap_or_default() }
    }

    /// Stores which manifests and playlists of the output came with the second request.
    pub(super) fn store_repeated_listings(&self, facts: &mut OutputFacts) {
        let failed_first = |answer: &Fetched| self.requests.downloads.repeated(&(answer.url.clone(), None));
        let is_hls = facts.protocol() == Protocol::Hls;
        facts.manifest_failed_first = failed_first(&facts.manifest);
        for rendition in &mut facts.renditions {
            let first = rendition
                .playlist
                .as_ref()
                .filter(|playlist| playlist.url != facts.manifest.url)
                .and_then(failed_first);
            // All Representations are listed by the MPD of the playback session.
            match is_hls {
                true => rendition.playlist_failed_first = first,
                false => facts.manifest_failed_first = facts.manifest_failed_first.take().or(first),
            }
        }
    }
}

/// The answer to the request for a manifest or playlist.
pub(super) struct Listing {
    pub(super) asked_at: Timestamp,
    pub(super) arrived_at: Timestamp,
    /// The request and its answer; `None` if the probe's time ended first.
    pub(super) fetched: Option<Fetched>,
    /// Empty if there was no answer.
    pub(super) body: Vec<u8>,
}

/// Whether the failure may be gone a second later. A segment that isn't there is asked for again if it is the newest one: a playlist may
/// be ahead of its files (RFC 8216bis 6.2.1 forbids it). An older one has left the window, or stays away.
fn may_pass(fetched: &Fetched, is_newest: bool) -> bool {
    match &fetched.result {
        Ok(answer) if answer.is_success() => answer.broken.as_ref().is_some_and(|f| f.kind == FailureKind::Cut),
        Ok(answer) => match answer.status {
            408 | 425 | 429 | 500..=599 => true,
            404 | 410 => is_newest,
            _ => false,
        },
        Err(failure) => matches!(failure.kind, FailureKind::Connect | FailureKind::Cut | FailureKind::Protocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn failures_that_may_be_gone_a_second_later_are_repeated() {
        let url = testing::url("http://packager/5.ts");
        let answered = |status| {
            let exchange = crate::facts::Exchange { status, ..testing::exchange(&url) };
            Fetched { url: url.clone(), result: Ok(exchange) }
        };
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(may_pass(&answered(status), false), "{status}");
        }
        for status in [200, 206, 301, 400, 401, 403] {
            assert!(!may_pass(&answered(status), true), "{status}");
        }
        assert!(may_pass(&answered(404), true) && !may_pass(&answered(404), false));
        for kind in [FailureKind::Connect, FailureKind::Cut, FailureKind::Protocol] {
            assert!(may_pass(&testing::failed(&url, kind), false), "{kind:?}");
        }
        for kind in [FailureKind::Timeout, FailureKind::Deadline, FailureKind::Tls, FailureKind::Refused] {
            assert!(!may_pass(&testing::failed(&url, kind), true), "{kind:?}");
        }
    }
}
