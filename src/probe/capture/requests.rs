//! Requests of a capture. Each method returns `None` if the probe's own time ended the request, so that what it says nothing about is
//! neither a fact nor a failure of the stream.

use super::Capturer;
use super::second_request::Listing;
use crate::facts::FailureKind::{Deadline, Timeout};
use crate::facts::Fetched;
use crate::fetch::FetchRequest;
use packager_media::stream::ByteRange;
use packager_media::units::Seconds;
use tokio::time::Instant;
use url::Url;

/// Shortest time that a playlist request must have had for its timeout to be reported. If the probe's deadline ends a
/// request sooner, the cause is the probe's lack of time and not the stream.
pub(super) const MIN_PLAYLIST_TIME: Seconds = Seconds(1.0);

impl Capturer<'_> {
    /// Sends a request, and hands each piece of a 2xx answer's body to `sink`. The request ends at `until`: if that is sooner than after
    /// `patience`, the result is `None`.
    pub(super) async fn get(
        &self,
        request: FetchRequest<'_>,
        until: Instant,
        patience: Seconds,
        sink: impl FnMut(&[u8]) + Send,
    ) -> Option<Fetched> {
        let began = Instant::now();
        let fetched = self.requests.client.get(request, until, sink).await;
        (!cut_by_budget(&fetched, began, patience)).then_some(fetched)
    }

    /// Sends a request as [`Self::get`] does, and returns the body too, as far as it arrived.
    pub(super) async fn body(
        &self,
        request: FetchRequest<'_>,
        until: Instant,
        patience: Seconds,
    ) -> Option<(Fetched, Vec<u8>)> {
        let mut body = Vec::new();
        let fetched = self.get(request, until, patience, |piece| body.extend_from_slice(piece)).await?;
        Some((fetched, body))
    }

    /// Fetches a manifest, playlist or another text, whose server gets the patience for playlists.
    pub(super) async fn text(&self, url: &Url, until: Instant) -> Option<(Fetched, Vec<u8>)> {
        self.text_with_patience(url, until, MIN_PLAYLIST_TIME).await
    }

    pub(super) async fn text_with_patience(
        &self,
        url: &Url,
        until: Instant,
        patience: Seconds,
    ) -> Option<(Fetched, Vec<u8>)> {
        self.body(self.text_request(url), until, patience).await
    }

    /// Fetches the headers of an answer from a media server, and nothing of its body.
    pub(super) async fn headers(&self, url: &Url, range: Option<ByteRange>, patience: Seconds) -> Option<Fetched> {
        let request = FetchRequest { range, headers_only: true, ..self.request(url) };
        self.get(request, self.budget.segments(), patience, |_| {}).await
    }

    /// Fetches the manifest of an output. If the server refuses it with the channel's cookies, it is requested once
    /// more without cookies, as by a new viewer.
    pub(super) async fn fetch_manifest(&self, url: &Url) -> Listing {
        let deadline = self.budget.manifest();
        let listing = self.fetch_listing(url, deadline).await;
        let status = listing.fetched.as_ref().and_then(|fetched| Some(fetched.result.as_ref().ok()?.status));
        if !matches!(status, Some(401 | 403)) {
            return listing;
        }
        let began = Instant::now();
        match self.requests.client.body_without_cookies(self.text_request(url), deadline).await {
            Some((fetched, body)) => {
                let fetched = Some(fetched).filter(|fetched| !cut_by_budget(fetched, began, MIN_PLAYLIST_TIME));
                Listing { arrived_at: self.clock.now(), fetched, body, ..listing }
            }
            None => listing,
        }
    }

    fn text_request<'u>(&'u self, url: &'u Url) -> FetchRequest<'u> {
        FetchRequest { max_bytes: self.bounds.max_manifest_bytes, compressed: true, ..self.request(url) }
    }

    /// Makes a request for a URL of the output, by which the whole of it is read as it is.
    pub(super) fn request<'u>(&'u self, url: &'u Url) -> FetchRequest<'u> {
        FetchRequest {
            url,
            settings: self.requests.settings(url),
            range: None,
            may_end_early: false,
            max_bytes: self.bounds.max_segment_bytes,
            compressed: false,
            headers_only: false,
            now: self.clock.now(),
        }
    }
}

/// Returns whether the probe's own deadline ended the request before it had waited for `patience` seconds. The failure
/// then isn't the stream's, and isn't reported.
fn cut_by_budget(fetched: &Fetched, began: Instant, patience: Seconds) -> bool {
    let (failure, took) = match &fetched.result {
        Err(failure) => (Some(failure), began.elapsed().into()),
        // The total excludes the wait for a free connection, which is the exporter's own.
        Ok(exchange) => (exchange.broken.as_ref(), exchange.timings.total),
    };
    failure.is_some_and(|f| f.kind == Deadline || (f.kind == Timeout && took < patience))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Exchange, Failure, FailureKind};
    use crate::testing;
    use std::time::Duration;

    fn fetched(result: Result<Exchange, Failure>) -> Fetched {
        Fetched { url: Url::parse("http://packager/a").unwrap(), result }
    }

    fn cut_after(seconds: f64, kind: FailureKind) -> Fetched {
        let mut exchange = testing::exchange(&testing::url("http://packager/a"));
        (exchange.timings.total, exchange.broken) = (Seconds(seconds), Some(testing::failure(kind)));
        fetched(Ok(exchange))
    }

    #[test]
    fn a_silent_server_is_to_blame_only_after_the_shortest_time() {
        use FailureKind::{Connect, Deadline, Timeout};
        let now = Instant::now();
        let judged = |kind, began| cut_by_budget(&fetched(Err(testing::failure(kind))), began, Seconds(1.0));
        assert!(judged(Timeout, now) && judged(Deadline, now) && !judged(Connect, now));
        let long_ago = now - Duration::from_secs(1);
        assert!(!judged(Timeout, long_ago) && judged(Deadline, long_ago));
    }

    #[test]
    fn a_body_is_judged_by_its_own_time_not_by_the_wait_for_a_connection() {
        use FailureKind::{Cut, Timeout};
        let began = Instant::now();
        let judged = |fetched| cut_by_budget(&fetched, began, Seconds(1.0));
        assert!(judged(cut_after(0.99, Timeout)) && !judged(cut_after(1.0, Timeout)) && !judged(cut_after(0.1, Cut)));
    }
}
