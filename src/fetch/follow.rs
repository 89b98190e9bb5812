//! From what was asked for to the last answer: redirects followed by hand, each judged like the first URL.

use crate::facts::{Exchange, Failure, FailureKind};
use crate::fetch::headers::Headers;
use crate::fetch::hop::Hop;
use crate::fetch::{Ask, Parts, answer, body};
use packager_media::redact;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// The hops so far; the last is the one to ask next.
struct Trip {
    urls: Vec<Url>,
    /// Time of the hops that are done.
    spent: Duration,
}

pub(super) async fn follow(
    parts: &Parts,
    ask: &Ask<'_>,
    deadline: Instant,
    sink: &mut (impl FnMut(&[u8]) + Send),
) -> Result<Exchange, Failure> {
    let mut headers = Headers::new(ask, &parts.user_agent)?;
    let mut trip = Trip { urls: Vec::new(), spent: Duration::ZERO };
    let mut here = ask.url.clone();
    loop {
        let hop = parts.hop(&here, &headers, ask.settings.ca_file.as_deref(), deadline).await;
        let hop = hop.map_err(|f| trip.explained(f))?;
        let Some(next) = target(&hop.response, &here)? else {
            let redirects = trip.urls.len();
            return Ok(answer::finish(parts, ask, hop, here, (redirects, trip.spent), deadline, sink).await);
        };
        if next.origin() != here.origin() {
            headers.drop_private();
        }
        trip.leave(here, hop, deadline).await;
        trip.bounded(&next, parts.max_redirects)?;
        here = next;
    }
}

impl Trip {
    async fn leave(&mut self, url: Url, hop: Hop, deadline: Instant) {
        body::drain(hop.response, deadline).await;
        self.spent += hop.began.elapsed();
        self.urls.push(url);
    }

    fn bounded(&self, next: &Url, most: u32) -> Result<(), Failure> {
        let count = self.urls.len();
        if count <= most as usize {
            return Ok(());
        }
        let chain: Vec<String> = self.urls.iter().chain([next]).take(8).map(redact::bounded_url).collect();
        let message = format!("redirected {count} times (at most {most}): {}", chain.join(" → "));
        Err(Failure::new(FailureKind::Redirect, message))
    }

    /// A failure behind a redirect says who sent us there.
    fn explained(&self, failure: Failure) -> Failure {
        match self.urls.last() {
            Some(from) => Failure {
                message: format!("{} (redirected by {})", failure.message, redact::bounded_url(from)),
                ..failure
            },
            None => failure,
        }
    }
}

/// Where `response` sends the client (RFC 9110 15.4); `None` for an answer that is no redirect.
fn target(response: &reqwest::Response, here: &Url) -> Result<Option<Url>, Failure> {
    let status = response.status().as_u16();
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let broken = |why: &str| {
        let message = format!("{} answered {status} {why}", redact::bounded_url(here));
        Failure::new(FailureKind::Redirect, message)
    };
    let location = response.headers().get(http::header::LOCATION).ok_or_else(|| broken("without a Location"))?;
    // Non-ASCII bytes appear in the wild; browsers read them as UTF-8.
    let text = String::from_utf8_lossy(location.as_bytes());
    let mut next = here
        .join(&text)
        .map_err(|e| broken(&redact::sanitize_line(&format!("with an unusable Location: {e}"), 200)))?;
    next.set_fragment(None);
    Ok(Some(next))
}
