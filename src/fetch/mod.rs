//! HTTP with phase timings and bounds: one function, the body handed on as it arrives.

mod agents;
mod answer;
mod body;
mod chains;
mod failure;
mod follow;
mod guard;
mod headers;
mod hop;
mod resolve;
mod slots;
mod tls;
mod trail;

#[cfg(test)]
mod tests;

use crate::catalog::RequestSettings;
use crate::config;
use crate::facts::Fetched;
use agents::Agents;
pub use agents::{bounded, service_client};
use guard::Guard;
use packager_media::stream::ByteRange;
use slots::Slots;
use std::sync::Arc;
use tokio::time::Instant;
use url::Url;

/// What to ask for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub url: &'a Url,
    pub settings: &'a RequestSettings,
    pub range: Option<ByteRange>,
    /// Most decoded body bytes; more is a failure `TooLarge`.
    pub max_bytes: u64,
    /// Accept gzip and brotli (playlists); media is asked for as it is.
    pub compressed: bool,
    /// Look at status and headers, read no body.
    pub headers_only: bool,
}

/// Keeps connections alive across probes; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    agents: Agents,
    guard: Guard,
    slots: Slots,
    max_redirects: u32,
    user_agent: http::HeaderValue,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClientError(pub String);

impl Client {
    /// Reads the system's CA certificates, once.
    ///
    /// # Errors
    /// A setting that no request could be made with: names the setting.
    pub fn new(settings: &config::Fetch) -> Result<Self, ClientError> {
        let guard = Guard { allow_private: settings.allow_private_addresses };
        let user_agent = http::HeaderValue::from_str(&settings.user_agent)
            .map_err(|_| ClientError("fetch.user_agent: may hold printable ASCII only".to_owned()))?;
        Ok(Self(Arc::new(Parts {
            agents: Agents::new(settings, guard)?,
            guard,
            slots: Slots::new(settings.max_connections_per_host),
            max_redirects: settings.max_redirects,
            user_agent,
        })))
    }

    /// GETs `ask.url`, hands each piece of a 2xx answer's decoded body to `sink`, and says how it went. Never
    /// later than `deadline`.
    ///
    /// Bodies of other answers stay unread, but for a few bytes that keep the connection usable. Where nothing
    /// could even be tried before the deadline (it had passed, or every connection to the host was taken), the
    /// failure is `Deadline`: it says nothing about the server. A server that didn't answer in time is `Timeout`.
    pub async fn get(&self, ask: Ask<'_>, deadline: Instant, mut sink: impl FnMut(&[u8]) + Send) -> Fetched {
        // On the heap for as long as it lasts: a rendition's capture has a dozen places that ask, and held all their
        // states at once (25 kB a rendition in flight).
        let result = Box::pin(follow::follow(&self.0, &ask, deadline, &mut sink)).await;
        Fetched { url: ask.url.clone(), result }
    }

    /// The same, and the body of a 2xx answer, whole, as far as it came; empty of any other.
    pub async fn body(&self, ask: Ask<'_>, deadline: Instant) -> (Fetched, Vec<u8>) {
        let mut body = Vec::new();
        let fetched = self.get(ask, deadline, |piece| body.extend_from_slice(piece)).await;
        (fetched, body)
    }
}
