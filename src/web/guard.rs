//! Layer in front of every route: checks users and rate limit, and adds security headers to the response.

use super::api::{self, TokenFile};
use super::respond;
use super::security::{Denied, Security};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use std::sync::Arc;

/// Value of the header WWW-Authenticate for Basic authentication. The realm is mandatory (RFC 7617, 2).
const CHALLENGE: &str = "Basic realm=\"packager_exporter\", charset=\"UTF-8\"";

/// State of the layer that checks users and rate limit in front of every route.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) security: Arc<Security>,
    pub(crate) tokens: Option<Arc<TokenFile>>,
}

/// Checks user and rate limit of a request for any path, health included, as exporter-toolkit does. A token of the API
/// is accepted in place of a user.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let now = guard.security.current().await;
    let holder = guard.tokens.is_some_and(|tokens| tokens.current().knows(request.headers()));
    let api = request.uri().path().contains("/api/");
    let mut response = match guard.security.admit(&now, request.headers(), holder).await {
        Ok(()) => next.run(request).await,
        Err(denied) => refuse(denied, api),
    };
    now.add_headers(response.headers_mut());
    response
}

/// Makes the response that refuses a request: a problem document for the API, otherwise plain text.
fn refuse(denied: Denied, api: bool) -> Response {
    let (status, header, value, why) = match denied {
        Denied::Unauthorized => (
            StatusCode::UNAUTHORIZED,
            WWW_AUTHENTICATE,
            CHALLENGE,
            "a user and password of basic_auth_users are needed",
        ),
        Denied::TooMany => (
            StatusCode::TOO_MANY_REQUESTS,
            RETRY_AFTER,
            "1",
            "more requests than rate_limit allows; try again later or raise it in the web configuration",
        ),
        Denied::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            RETRY_AFTER,
            "1",
            "too many passwords are being checked; try again in a second",
        ),
    };
    let mut response = if api { api::problem(status, why) } else { respond::text(status, why) };
    response.headers_mut().insert(header, HeaderValue::from_static(value));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_status_and_header() {
        let answer = |denied, api| {
            let response = refuse(denied, api);
            let header =
                |name| response.headers().get(name).map(|value: &HeaderValue| value.to_str().unwrap().to_owned());
            (response.status().as_u16(), header(WWW_AUTHENTICATE), header(RETRY_AFTER))
        };
        for api in [false, true] {
            assert_eq!(answer(Denied::Unauthorized, api), (401, Some(CHALLENGE.to_owned()), None));
            assert_eq!(answer(Denied::TooMany, api), (429, None, Some("1".to_owned())));
            assert_eq!(answer(Denied::Busy, api), (503, None, Some("1".to_owned())));
        }
    }
}
