//! The second request for a segment whose first request failed. Players repeat a request that a server refuses once, so that one
//! failure doesn't stop them.

use super::Capturer;
use super::downloads::{FreshDownload, Repeats, resource_of};
use super::media::Wanted;
use crate::facts::{FailureKind, Fetched};
use packager_media::stream::Segment;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Time after which a failed request is repeated, as players wait.
const REPEATED_AFTER: Duration = Duration::from_secs(1);

impl Capturer<'_> {
    /// Downloads a segment from its address, and once more if the first answer is one that players don't take for the last. `None`: the
    /// probe's time ended first. If the second request fails too, the first answer counts, and this probe repeats no further request:
    /// the fault lasts.
    pub(super) async fn download_with_second(&self, wanted: &Wanted<'_>) -> Option<FreshDownload> {
        let url = &wanted.segment.uri;
        let first = self.download_segment(wanted, url).await?;
        let downloads = &self.requests.downloads;
        let may_pass = may_pass(&first.body.fetched, wanted.is_newest);
        if !may_pass || !self.may_ask_again(wanted.segment, downloads.repeats()).await {
            return Some(first);
        }
        match self.download_segment(wanted, url).await {
            Some(second) if second.body.fetched.ok().is_some() => {
                downloads.add_repeated(&resource_of(wanted.segment), first.body.fetched);
                Some(second)
            }
            _ => {
                downloads.repeats().end();
                Some(first)
            }
        }
    }

    /// Fetches the first byte of the oldest segment from its address, and once more as [`Self::download_with_second`] does; then the second
    /// answer alone counts. `None`: the probe's time ended first.
    pub(super) async fn first_byte_with_second(&self, segment: &Segment) -> Option<Fetched> {
        let first = self.fetch_first_byte(segment, &segment.uri).await?;
        let repeats = self.requests.downloads.oldest_repeats();
        if !may_pass(&first, false) || !self.may_ask_again(segment, repeats).await {
            return Some(first);
        }
        match self.fetch_first_byte(segment, &segment.uri).await {
            Some(second) if second.ok().is_some() => Some(second),
            _ => {
                repeats.end();
                Some(first)
            }
        }
    }

    /// Returns whether a failed request for a segment is to be repeated, after the time that players wait.
    async fn may_ask_again(&self, segment: &Segment, repeats: &Repeats) -> bool {
        let least = Duration::try_from_secs_f64(self.min_download_time(segment).0).unwrap_or(REPEATED_AFTER);
        let has_time = Instant::now() + REPEATED_AFTER + least < self.budget.segments();
        let again = has_time && repeats.may_repeat();
        if again {
            sleep(REPEATED_AFTER).await;
        }
        again
    }
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
