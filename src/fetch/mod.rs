//! HTTP client of the probes. It measures the phases of a request, bounds every body in bytes and time, and passes the
//! body on as it arrives.

mod http_clients;
mod answer;
mod body;
mod chain_expiries;
mod cookies;
mod dial;
mod failure;
mod follow;
mod guard;
mod headers;
mod hop;
mod resolve;
mod signed_url;
mod host_limits;
mod tcp_dialer;
mod tls;
mod tls_failure;
mod connect_trace;

#[cfg(test)]
mod tests;

use crate::catalog::{ConnectionSettings, IpProtocol, RequestSettings};
use crate::config;
use crate::facts::{Failure, Fetched};
pub(crate) use cookies::CookieJar;
use guard::AddressGuard;
use host_limits::HostLimits;
use http_clients::HttpClients;
pub(crate) use http_clients::{read_service_answer, service_client};
use packager_media::stream::ByteRange;
use packager_media::units::Timestamp;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
pub(crate) use tcp_dialer::first_to_connect;
use tokio::time::Instant;
use url::Url;

/// A GET request for one resource of a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FetchRequest<'a> {
    pub(crate) url: &'a Url,
    /// Headers, credentials and CA file of the channel's requests.
    pub(crate) settings: &'a RequestSettings,
    /// Byte range of the resource that is wanted; `None` asks for the whole resource.
    pub(crate) range: Option<ByteRange>,
    /// Whether the resource may end within `range`, because only its first bytes are wanted, however many it has.
    pub(crate) may_end_early: bool,
    /// Largest number of decoded body bytes that are read. A longer body is a failure of kind `TooLarge`.
    pub(crate) max_bytes: u64,
    /// Whether the request accepts gzip and brotli. It does for playlists; media is requested without content encoding.
    pub(crate) compressed: bool,
    /// Whether only status and headers are wanted, so that the body isn't read.
    pub(crate) headers_only: bool,
    /// The instant of the request, from which the tokens of signed URLs are valid.
    pub(crate) now: Timestamp,
}

/// The HTTP client, which keeps connections alive across probes. Its clones share the connections and the cookies.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    parts: Arc<ClientParts>,
    /// Cookies of the channel for which the client sends requests; `None` if answers can't set any.
    cookies: Option<Arc<CookieJar>>,
}

#[derive(Debug)]
struct ClientParts {
    agents: HttpClients,
    guard: AddressGuard,
    host_limits: HostLimits,
    max_redirects: u32,
    user_agent: http::HeaderValue,
}

/// Error of a setting with which no HTTP client can be made; the text names the setting.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClientError(pub String);

impl Client {
    /// Makes a client from the fetch settings, and reads the system's CA certificates once.
    ///
    /// # Errors
    /// A setting makes requests impossible; the error names it.
    pub(crate) fn new(settings: &config::FetchSettings) -> Result<Self, ClientError> {
        let guard = AddressGuard { allow_private: settings.allow_private_addresses };
        let user_agent = http::HeaderValue::from_str(&settings.user_agent)
            .map_err(|_| ClientError("fetch.user_agent: may hold printable ASCII only".to_owned()))?;
        let parts = ClientParts {
            agents: HttpClients::new(settings, guard)?,
            guard,
            host_limits: HostLimits::new(settings.max_connections_per_host),
            max_redirects: settings.max_redirects,
            user_agent,
        };
        Ok(Self { parts: Arc::new(parts), cookies: None })
    }

    /// Returns a client that shares the connections of this one and keeps cookies in `jar`.
    pub(crate) fn with_cookies(&self, jar: Arc<CookieJar>) -> Self {
        Self { parts: Arc::clone(&self.parts), cookies: Some(jar) }
    }

    /// The addresses of a host that may be asked with these settings, at most 16.
    ///
    /// # Errors
    /// DNS has none, or the address guard refuses all of them.
    pub(crate) async fn addresses(&self, host: &str, settings: &ConnectionSettings) -> Result<Vec<IpAddr>, Failure> {
        let protocol = settings.ip_protocol.unwrap_or(IpProtocol::Any);
        self.parts.agents.resolver.with_protocol(protocol).addresses(host).await
    }

    /// Sends the request, follows redirects, hands each piece of a 2xx answer's decoded body to `sink`, and returns the
    /// answer or the failure no later than `deadline`.
    ///
    /// The body of an answer outside of 2xx isn't read, apart from a few bytes that keep the connection usable. If
    /// nothing could be tried before the deadline (it had passed, or every connection to the host was in use), the
    /// failure is of kind `Deadline`, which says nothing about the server. A server that didn't answer in time is a
    /// failure of kind `Timeout`.
    pub(crate) async fn get(
        &self,
        request: FetchRequest<'_>,
        deadline: Instant,
        mut sink: impl FnMut(&[u8]) + Send,
    ) -> Fetched {
        let take = |piece: &[u8]| {
            sink(piece);
            ControlFlow::Continue(())
        };
        self.get_while(request, deadline, take).await
    }

    /// Does what [`Self::get`] does until `sink` has enough. The rest of the body stays unread, and what arrived counts as
    /// the whole body.
    pub(crate) async fn get_while(
        &self,
        request: FetchRequest<'_>,
        deadline: Instant,
        mut sink: impl FnMut(&[u8]) -> ControlFlow<()> + Send,
    ) -> Fetched {
        // The future is boxed because a rendition's capture awaits it in a dozen places, and would otherwise hold room
        // for all of them at once (25 kB for each rendition in flight).
        let result = Box::pin(follow::follow(&self.parts, &request, self.cookies.as_ref(), deadline, &mut sink)).await;
        Fetched { url: request.url.clone(), result }
    }

    /// Sends the request without cookies, as a new viewer does, if the channel has cookies for its URL. If a complete
    /// 2xx answer comes, its cookies replace the channel's. `None` if there are no such cookies or there is no such
    /// answer.
    pub(crate) async fn body_without_cookies(
        &self,
        request: FetchRequest<'_>,
        deadline: Instant,
    ) -> Option<(Fetched, Vec<u8>)> {
        let jar = self.cookies.as_ref().filter(|jar| jar.has_any_for(request.url))?;
        let fresh = Arc::new(CookieJar::default());
        let (fetched, body) = self.with_cookies(Arc::clone(&fresh)).body(request, deadline).await;
        fetched.ok()?;
        jar.replace_for(request.url, &fresh);
        Some((fetched, body))
    }

    /// Sends a request as [`Self::get`] does, and returns the body too. The body of a 2xx answer is returned as far as
    /// it arrived; it is empty for every other answer.
    pub(crate) async fn body(&self, request: FetchRequest<'_>, deadline: Instant) -> (Fetched, Vec<u8>) {
        let mut body = Vec::new();
        let fetched = self.get(request, deadline, |piece| body.extend_from_slice(piece)).await;
        (fetched, body)
    }
}
