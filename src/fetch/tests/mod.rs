//! Tests of the HTTP client with real servers on the loopback interface.

mod bodies;
mod connections;
mod cookies;
mod failures;
mod origin;
mod redirects;
mod requests;
mod routes;
mod secure;

use crate::catalog::RequestSettings;
use crate::config;
use crate::facts::{Exchange, Failure, Fetched};
use crate::fetch::{Client, FetchRequest};
use packager_media::units::Timestamp;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

pub(super) const LONG: Duration = Duration::from_secs(20);
pub(super) const SHORT: Duration = Duration::from_millis(150);

pub(super) fn client() -> Client {
    Client::new(&config::FetchSettings::default()).unwrap()
}

pub(super) fn plain() -> &'static RequestSettings {
    static PLAIN: std::sync::OnceLock<RequestSettings> = std::sync::OnceLock::new();
    PLAIN.get_or_init(RequestSettings::default)
}

pub(super) fn request(url: &Url) -> FetchRequest<'_> {
    let now = Timestamp::UNIX_EPOCH;
    FetchRequest {
        url,
        settings: plain(),
        range: None,
        may_end_early: false,
        max_bytes: 1 << 20,
        compressed: false,
        headers_only: false,
        now,
    }
}

/// Sends an HTTP request, and returns the record of the exchange (status, headers, times or failure) and the body.
pub(super) async fn get(client: &Client, request: FetchRequest<'_>) -> (Fetched, Vec<u8>) {
    within(client, request, LONG).await
}

pub(super) async fn within(client: &Client, request: FetchRequest<'_>, time: Duration) -> (Fetched, Vec<u8>) {
    client.body(request, Instant::now() + time).await
}

pub(super) async fn exchange(client: &Client, request: FetchRequest<'_>) -> (Exchange, Vec<u8>) {
    let (fetched, body) = get(client, request).await;
    (fetched.result.unwrap(), body)
}

pub(super) async fn failure(client: &Client, url: &str) -> Failure {
    let url = Url::parse(url).unwrap();
    get(client, request(&url)).await.0.result.unwrap_err()
}
