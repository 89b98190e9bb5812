//! Redirects, which are followed by hand so that the address guard judges each target like the first URL.

use crate::facts::{Exchange, Failure, FailureKind};
use crate::fetch::headers::RequestHeaders;
use crate::fetch::hop::HopAnswer;
use crate::fetch::{ClientParts, CookieJar, FetchRequest, answer, body, failure};
use http::Response;
use packager_media::redact;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// Redirects that a request has followed so far.
struct RedirectChain {
    urls: Vec<Url>,
    /// Time that the redirects before the current request took together.
    elapsed: Duration,
}

pub(super) async fn follow(
    parts: &ClientParts,
    request: &FetchRequest<'_>,
    cookies: Option<&Arc<CookieJar>>,
    deadline: Instant,
    sink: &mut (impl FnMut(&[u8]) -> ControlFlow<()> + Send),
) -> Result<Exchange, Failure> {
    let mut headers = RequestHeaders::new(request, &parts.user_agent)?.with_cookies(cookies.cloned());
    let mut trip = RedirectChain { urls: Vec::new(), elapsed: Duration::ZERO };
    let mut here = request.url.clone();
    loop {
        let began = Instant::now();
        let hop = parts.hop(&here, &headers, &request.settings.connection, deadline).await;
        let hop = hop.map_err(|f| trip.explain(f, began.elapsed()))?;
        if let Some(jar) = cookies {
            jar.store(&here, hop.response.headers(), hop.answered);
        }
        let Some(next) = redirect_target(&hop.response, &here)? else {
            let before = (trip.urls.len(), trip.elapsed);
            let exchange = answer::read_answer(parts, request, hop, here, before, deadline, sink).await;
            return Ok(Exchange { page_origin: headers.page_origin(), ..exchange });
        };
        if next.origin() != here.origin() {
            headers.leave(&here);
        }
        trip.finish_hop(here, hop, deadline).await;
        trip.check_bound(&next, parts.max_redirects)?;
        here = next;
    }
}

impl RedirectChain {
    async fn finish_hop(&mut self, url: Url, hop: HopAnswer, deadline: Instant) {
        body::drain(hop.response, deadline).await;
        self.elapsed += hop.began.elapsed();
        self.urls.push(url);
    }

    fn check_bound(&self, next: &Url, most: u32) -> Result<(), Failure> {
        let count = self.urls.len();
        if count <= most as usize {
            return Ok(());
        }
        let chain: Vec<String> = self.urls.iter().chain([next]).take(8).map(redact::bounded_url).collect();
        let message = format!("redirected {count} times (at most {most}): {}", chain.join(" → "));
        Err(Failure::new(FailureKind::Redirect, message))
    }

    /// Adds the redirecting URL to the text of a failure that happened behind a redirect, `took` after it. A redirect that took at least half
    /// of the time is to blame for a timeout.
    fn explain(&self, failure: Failure, took: Duration) -> Failure {
        let Some(from) = self.urls.last().map(redact::bounded_url) else { return failure };
        let message = if failure.kind == FailureKind::Timeout && self.elapsed >= took {
            let elapsed = failure::format_seconds(self.elapsed);
            format!("the redirect by {from} took {elapsed}, after which little time was left: {}", failure.message)
        } else {
            format!("{} (redirected by {from})", failure.message)
        };
        Failure { message, ..failure }
    }
}

/// Returns the target of a redirect (RFC 9110 15.4); `None` if `response` isn't a redirect.
fn redirect_target<B>(response: &Response<B>, here: &Url) -> Result<Option<Url>, Failure> {
    let status = response.status().as_u16();
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let broken = |why: &str| {
        let message = format!("{} answered {status} {why}", redact::bounded_url(here));
        Failure::new(FailureKind::Redirect, message)
    };
    let location = response.headers().get(http::header::LOCATION).ok_or_else(|| broken("without a Location"))?;
    // Some servers send non-ASCII bytes; browsers read them as UTF-8.
    let text = String::from_utf8_lossy(location.as_bytes());
    let mut next = here
        .join(&text)
        .map_err(|e| broken(&redact::sanitize_line(&format!("with an unusable Location: {e}"), 200)))?;
    next.set_fragment(None);
    Ok(Some(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn target(status: u16, location: Option<&[u8]>) -> Result<Option<Url>, Failure> {
        let mut response = http::Response::builder().status(status);
        if let Some(location) = location {
            response = response.header("location", location);
        }
        redirect_target(&response.body("").unwrap(), &url("http://h/a/b?c=d"))
    }

    #[test]
    fn only_the_statuses_of_a_redirect_are_followed() {
        for status in [301, 302, 303, 307, 308] {
            assert_eq!(target(status, Some(b"/x")).unwrap(), Some(url("http://h/x")), "{status}");
        }
        for status in [200, 206, 300, 304, 305, 306, 309, 404] {
            assert_eq!(target(status, Some(b"/x")).unwrap(), None, "{status}");
        }
    }

    #[test]
    fn a_location_is_resolved_against_the_current_url_without_its_fragment() {
        assert_eq!(target(302, Some(b"c?e=f#g")).unwrap(), Some(url("http://h/a/c?e=f")));
        assert_eq!(target(302, Some(b"//other/x")).unwrap(), Some(url("http://other/x")));
        assert_eq!(target(302, Some("/ü".as_bytes())).unwrap(), Some(url("http://h/%C3%BC")));
        assert_eq!(target(302, None).unwrap_err().message, "http://h/a/b?c=*** answered 302 without a Location");
        assert_eq!(target(302, Some(b"http://[bad")).unwrap_err().kind, FailureKind::Redirect);
    }

    #[test]
    fn the_number_of_redirects_may_equal_the_bound() {
        let chain = |hops: usize| RedirectChain { urls: vec![url("http://h/a"); hops], elapsed: Duration::ZERO };
        assert_eq!(chain(3).check_bound(&url("http://h/b"), 3), Ok(()));
        let refused = chain(4).check_bound(&url("http://h/b"), 3).unwrap_err();
        assert_eq!(refused.kind, FailureKind::Redirect);
        let way = "http://h/a → http://h/a → http://h/a → http://h/a → http://h/b";
        assert_eq!(refused.message, format!("redirected 4 times (at most 3): {way}"));
    }

    #[test]
    fn a_failure_names_the_redirect_that_led_to_it() {
        let failure = || Failure::new(FailureKind::Dns, "no address".to_owned());
        let chain = |urls| RedirectChain { urls, elapsed: Duration::ZERO };
        let explain = |chain: RedirectChain| chain.explain(failure(), Duration::from_secs(1));
        assert_eq!(explain(chain(Vec::new())), failure());
        let explained = explain(chain(vec![url("http://h/a"), url("http://h/b")]));
        assert_eq!(
            (explained.kind, explained.message.as_str()),
            (FailureKind::Dns, "no address (redirected by http://h/b)")
        );
    }

    #[test]
    fn a_redirect_that_took_at_least_half_of_the_time_is_to_blame_for_a_timeout() {
        let explained = |elapsed: u64, took: u64| {
            let chain = RedirectChain { urls: vec![url("http://h/a")], elapsed: Duration::from_millis(elapsed) };
            let failure = Failure::new(FailureKind::Timeout, "no connection to b:80 within 0.20 s".to_owned());
            chain.explain(failure, Duration::from_millis(took)).message
        };
        assert_eq!(
            explained(5500, 200),
            "the redirect by http://h/a took 5.5 s, after which little time was left: no connection to b:80 within 0.20 s"
        );
        assert!(explained(200, 200).starts_with("the redirect by http://h/a took 0.20 s"));
        assert_eq!(explained(199, 200), "no connection to b:80 within 0.20 s (redirected by http://h/a)");
    }
}
