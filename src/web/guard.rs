//! Layer in front of every route: identifies the caller, refuses requests of other sites and above the rate limit, and
//! adds security headers to the response.

use super::access::{
    AuthFailure, Caller, Identity, LOOPBACK, Session, Sessions, is_cross_site, is_own_name, is_same_origin, set_cookie,
};
use super::api::{self, Role, Token, bearer};
use super::security::{Denied, Security, WebSecurity};
use super::server::peer;
use super::{ServerState, respond};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE, TRANSFER_ENCODING, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use packager_media::units::Timestamp;
use std::sync::Arc;

/// Value of the header WWW-Authenticate for Basic authentication. The realm is mandatory (RFC 7617, 2).
const CHALLENGE: &str = "Basic realm=\"packager_exporter\", charset=\"UTF-8\"";
/// Content types that a write with a cookie may have. A browser sends none of them for a form of another site.
const COOKIE_CONTENT_TYPES: [&str; 3] = ["application/json", "text/csv", "application/x-ndjson"];

/// State of the layer in front of every route of a listening address.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) state: Arc<ServerState>,
    pub(crate) security: Arc<Security>,
    /// Whether the address can be reached from this machine only.
    pub(crate) is_loopback: bool,
}

/// Reason why a request is refused before it reaches a route: status, header and text.
type Refusal = (StatusCode, Option<(http::HeaderName, &'static str)>, String);

/// Identifies the caller of a request for any path, and passes the request on if it is not refused. If there are users,
/// every path needs one, health included, as exporter-toolkit does. A token or a session is accepted in place of a user.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let now = guard.security.current().await;
    let (mut parts, body) = request.into_parts();
    let is_api = parts.uri.path().contains("/api/");
    let secure = guard.is_secure(&now, &parts.headers);
    let mut response = match guard.admit(&now, &parts).await {
        Err(refusal) => refuse(refusal, is_api),
        Ok(caller) => {
            let caller = Arc::new(caller);
            let is_refused = caller.role.is_none() && !now.users().is_empty();
            let response = if is_refused {
                refuse(no_login(caller.failure), is_api)
            } else {
                parts.extensions.insert(Arc::clone(&caller));
                next.run(Request::from_parts(parts, body)).await
            };
            guard.after(&caller, response, secure, is_api).await
        }
    };
    now.add_headers(response.headers_mut());
    response
}

impl Guard {
    /// Returns the caller of a request.
    ///
    /// # Errors
    /// Fails if the request is above the rate limit, names another host, or is a write of another site.
    async fn admit(&self, now: &WebSecurity, request: &Parts) -> Result<Caller, Refusal> {
        Security::limit(now).map_err(denied)?;
        let (uri, headers) = (&request.uri, &request.headers);
        let external = self.state.settings.external_url.as_ref();
        let has_logins = self.state.api.tokens.is_some() || !now.users().is_empty();
        if !has_logins && self.is_loopback && !is_own_name(uri, headers, external) {
            let why = "this request names another host; use 127.0.0.1 or localhost, or set --web.external-url to the \
                       address in front of the exporter";
            return Err((StatusCode::FORBIDDEN, None, why.to_owned()));
        }
        let caller = self.identify(now, headers, has_logins).await.map_err(denied)?;
        if caller.failure == Some(AuthFailure::UntrustedProxy) {
            self.record(AuthFailure::UntrustedProxy).await?;
            return Err((StatusCode::FORBIDDEN, None, AuthFailure::UntrustedProxy.advice().to_owned()));
        }
        // Another site's page can't send a token.
        if caller.identity != Identity::Token && is_cross_site(&request.method, uri, headers, external) {
            return Err((StatusCode::FORBIDDEN, None, "a page of another site may not write here".to_owned()));
        }
        if matches!(caller.identity, Identity::Session(_)) {
            check_cookie_write(request, is_same_origin(uri, headers, external))?;
        }
        Ok(caller)
    }

    async fn identify(&self, now: &WebSecurity, headers: &HeaderMap, has_logins: bool) -> Result<Caller, Denied> {
        let at = Timestamp::now();
        if let Some(user) = now.proxies().and_then(|proxies| proxies.user(peer(), headers, now.roles())) {
            return Ok(match user {
                Ok((name, role)) => self.caller(name, role, Identity::Proxy),
                Err(failure) => self.nobody(Some(failure)),
            });
        }
        if !has_logins {
            let role = if self.is_loopback { Role::Admin } else { Role::Read };
            return Ok(self.caller(LOOPBACK.to_owned(), role, Identity::Open));
        }
        match self.token(headers, at) {
            Some(Ok(token)) => return Ok(self.caller(token.name, token.role, Identity::Token)),
            Some(Err(failure)) => return Ok(self.nobody(Some(failure))),
            None => {}
        }
        match self.security.user(now, headers).await {
            Ok(Some(name)) => {
                let role = now.roles().get(&name).copied().unwrap_or(Role::Read);
                return Ok(self.caller(name, role, Identity::User));
            }
            Ok(None) => {}
            Err(Denied::Unauthorized) => return Ok(self.nobody(Some(AuthFailure::WrongPassword))),
            Err(other) => return Err(other),
        }
        let Some(session) = self.security.sessions().of(headers, at) else { return Ok(self.nobody(None)) };
        let caller = session.and_then(|session| {
            let (name, role) = self.session_role(now, &session, at)?;
            Some(self.caller(name, role, Identity::Session(session)))
        });
        // A cookie that may be valid is neither refused nor removed: the browser of a desk or a wall would lose it.
        let awaits_key = self.security.sessions().awaits_key();
        let failure = if awaits_key { AuthFailure::UnverifiedSession } else { AuthFailure::EndedSession };
        Ok(caller.unwrap_or_else(|| self.nobody(Some(failure))))
    }

    /// Returns the token of a request. `None`: the request has none, or the exporter has none.
    fn token(&self, headers: &HeaderMap, at: Timestamp) -> Option<Result<Token, AuthFailure>> {
        let file = self.state.api.tokens.as_ref()?;
        let Some(token) = file.current().holder(bearer(headers)?).cloned() else {
            return Some(Err(AuthFailure::UnknownToken));
        };
        if token.is_expired(at) {
            return Some(Err(AuthFailure::ExpiredToken));
        }
        file.used(&token, at);
        Some(Ok(token))
    }

    /// Returns name and role of the token or user with which a session began. `None`: it is no longer valid.
    fn session_role(&self, now: &WebSecurity, session: &Session, at: Timestamp) -> Option<(String, Role)> {
        if session.is_of_user() {
            let hash = now.users().known_hash(&session.name)?;
            let role = now.roles().get(&session.name).copied().unwrap_or(Role::Read);
            return session.began_with(hash).then(|| (session.name.clone(), role));
        }
        let file = self.state.api.tokens.as_ref()?;
        let tokens = file.current();
        let token = tokens.0.iter().find(|token| token.name == session.name && !token.is_expired(at))?;
        if !session.began_with(&token.sha256) {
            return None;
        }
        file.used(token, at);
        Some((token.name.clone(), token.role))
    }

    fn caller(&self, name: String, role: Role, identity: Identity) -> Caller {
        let open_scrapes = !self.state.settings.scrape_auth;
        Caller { name, role: Some(role), identity, failure: None, open_scrapes }
    }

    fn nobody(&self, failure: Option<AuthFailure>) -> Caller {
        let open_scrapes = !self.state.settings.scrape_auth;
        Caller { name: String::new(), role: None, identity: Identity::Nobody, failure, open_scrapes }
    }

    /// Counts and delays a failed login.
    ///
    /// # Errors
    /// Fails with 429 if too many failed logins wait for their answers.
    async fn record(&self, failure: AuthFailure) -> Result<(), Refusal> {
        if failure != AuthFailure::EndedSession {
            self.state.backend.auth_failed(failure.reason());
        }
        if self.state.failures.failed(failure, peer()).await {
            return Ok(());
        }
        let why = "too many failed logins at once; try again later".to_owned();
        Err((StatusCode::TOO_MANY_REQUESTS, Some((RETRY_AFTER, "5")), why))
    }

    /// Records a failed login that the response reports, and renews or removes the cookie of a session.
    async fn after(&self, caller: &Caller, mut response: Response, secure: bool, is_api: bool) -> Response {
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(failure) = caller.failure
            && let Err(refusal) = self.record(failure).await
        {
            return refuse(refusal, is_api);
        }
        if response.headers().contains_key(SET_COOKIE) {
            return response;
        }
        let now = Timestamp::now();
        let value = match &caller.identity {
            Identity::Session(session) if session.needs_renewal(now) => {
                Some(self.security.sessions().cookie_value(&Sessions::renewed(session, now)))
            }
            _ if caller.failure == Some(AuthFailure::EndedSession) => Some(String::new()),
            _ => None,
        };
        let cookie = value.and_then(|value| set_cookie(&value, &self.state.settings.link_prefix, secure));
        if let Some(cookie) = cookie {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }

    /// Returns whether the browser reached the exporter by HTTPS, as far as the exporter can know.
    fn is_secure(&self, now: &WebSecurity, headers: &HeaderMap) -> bool {
        now.tls().is_some() || headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https")
    }
}

/// Checks a write whose caller is known by a cookie: the browser says that the exporter's own page sends it, and the
/// body is not that of a form.
fn check_cookie_write(request: &Parts, same_origin: Option<bool>) -> Result<(), Refusal> {
    let method = &request.method;
    if method.is_safe() {
        return Ok(());
    }
    if same_origin != Some(true) {
        let why = "a write with a session needs the header Origin with the exporter's own address";
        return Err((StatusCode::FORBIDDEN, None, why.to_owned()));
    }
    let kind = request.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let length = request.headers.get(CONTENT_LENGTH);
    let is_empty = length.is_none_or(|length| length == "0") && !request.headers.contains_key(TRANSFER_ENCODING);
    let is_known = COOKIE_CONTENT_TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind));
    let has_no_body = is_empty && kind.is_empty();
    if !is_known && !has_no_body {
        let why = format!("a write with a session needs Content-Type: {}", COOKIE_CONTENT_TYPES.join(" or "));
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, None, why));
    }
    Ok(())
}

/// Refuses a request without a login to an exporter with users.
fn no_login(failure: Option<AuthFailure>) -> Refusal {
    let failure = failure.filter(|failure| *failure != AuthFailure::WrongPassword);
    let why = failure.map_or("a user and password of basic_auth_users are needed", AuthFailure::advice);
    let status = failure.map_or(StatusCode::UNAUTHORIZED, AuthFailure::status);
    let header = if status == StatusCode::UNAUTHORIZED { (WWW_AUTHENTICATE, CHALLENGE) } else { (RETRY_AFTER, "1") };
    (status, Some(header), why.to_owned())
}

fn denied(denied: Denied) -> Refusal {
    let (status, header, why) = match denied {
        Denied::Unauthorized => (
            StatusCode::UNAUTHORIZED,
            (WWW_AUTHENTICATE, CHALLENGE),
            "a user and password of basic_auth_users are needed",
        ),
        Denied::TooMany => (
            StatusCode::TOO_MANY_REQUESTS,
            (RETRY_AFTER, "1"),
            "more requests than rate_limit allows; try again later or raise it in the web configuration",
        ),
        Denied::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            (RETRY_AFTER, "1"),
            "too many passwords are being checked; try again in a second",
        ),
    };
    (status, Some(header), why.to_owned())
}

/// Makes the response that refuses a request: a problem document for the API, otherwise plain text.
fn refuse((status, header, why): Refusal, is_api: bool) -> Response {
    let mut response = if is_api { api::problem(status, &why) } else { respond::text(status, why) };
    if let Some((name, value)) = header {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_status_and_header() {
        let answer = |reason, is_api| {
            let response = refuse(denied(reason), is_api);
            let header =
                |name| response.headers().get(name).map(|value: &HeaderValue| value.to_str().unwrap().to_owned());
            (response.status().as_u16(), header(WWW_AUTHENTICATE), header(RETRY_AFTER))
        };
        for is_api in [false, true] {
            assert_eq!(answer(Denied::Unauthorized, is_api), (401, Some(CHALLENGE.to_owned()), None));
            assert_eq!(answer(Denied::TooMany, is_api), (429, None, Some("1".to_owned())));
            assert_eq!(answer(Denied::Busy, is_api), (503, None, Some("1".to_owned())));
        }
    }
}
