//! How each output of a channel is asked for: its settings, its cookies, and the downloads that it shares with others.

use super::capture::{Downloads, KeyCache};
use super::channel_cookies::ChannelCookies;
use crate::catalog::{Channel, ConnectTo, Output, RequestSettings, Resolve, Template};
use crate::fetch::Client;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};
use url::{Host, Origin, Url};

/// HTTP client, request settings, keys and downloads of one output in one probe.
#[derive(Debug)]
pub(crate) struct OutputRequests {
    pub(crate) client: Client,
    /// Settings of requests to the origins of this output, and of the channel's other outputs with the same
    /// credentials.
    settings: RequestSettings,
    /// Settings of requests to other origins: without credentials and custom headers, because a playlist may name any
    /// host.
    foreign: RequestSettings,
    own_origins: Vec<Origin>,
    /// Keys that were fetched; outputs with the same settings share them.
    pub(crate) keys: Arc<KeyCache>,
    pub(crate) downloads: Arc<Downloads>,
}

impl OutputRequests {
    /// Returns the settings of a request for `url`.
    pub(crate) fn settings(&self, url: &Url) -> &RequestSettings {
        if self.own_origins.contains(&url.origin()) { &self.settings } else { &self.foreign }
    }

    /// Makes the requests of each output of the channel, in the order of the outputs.
    pub(crate) fn of_channel(
        channel: &Channel,
        template: &Template,
        client: &Client,
        cookies: &ChannelCookies,
        max_jars: usize,
    ) -> Vec<Self> {
        let settings: Vec<_> =
            channel.outputs.iter().map(|output| channel.request_settings(output, template)).collect();
        let mut shared: HashMap<&RequestSettings, (Arc<KeyCache>, Arc<Downloads>)> = HashMap::new();
        let each = channel.outputs.iter().zip(&settings).map(|(output, own)| {
            let (keys, downloads) = shared.entry(own).or_default().clone();
            let trusted = channel.outputs.iter().zip(&settings).filter(|(_, other)| own.shares_secrets_with(other));
            Self {
                client: client.with_cookies(cookies.jar(&jar_name(channel, output, own), max_jars, Instant::now())),
                settings: own.clone(),
                foreign: own.without_secrets(),
                own_origins: trusted.map(|(output, _)| output.url.origin()).collect(),
                keys,
                downloads,
            }
        });
        each.collect()
    }
}

/// The cookie jar's name: one for the channel, and one for each of its outputs with a server of its own behind the name that
/// they share. That server's cookies are nothing to the others.
fn jar_name(channel: &Channel, output: &Output, settings: &RequestSettings) -> String {
    match settings.connection.connect_to {
        Some(_) => format!("{}\n{}", channel.code, output.name),
        None => channel.code.clone(),
    }
}

/// The channel with an output for each address of those outputs that ask for it (`resolve: each`). An output whose host has no
/// address stays as it is, so that its probe reports why.
pub(crate) async fn with_each_address(
    channel: Arc<Channel>,
    template: &Template,
    client: &Client,
    deadline: Instant,
) -> Arc<Channel> {
    if channel.outputs.iter().all(|output| output.resolve == Resolve::Any) {
        return channel;
    }
    let expanded = channel.outputs.iter().map(async |output| {
        let settings = channel.request_settings(output, template);
        let (Resolve::Each, Some(Host::Domain(host))) = (output.resolve, output.url.host()) else {
            return vec![output.clone()];
        };
        let found = timeout_at(deadline, client.addresses(host, &settings.connection)).await;
        let mut addresses = found.ok().and_then(Result::ok).unwrap_or_default();
        addresses.sort_unstable();
        addresses.dedup();
        match addresses.as_slice() {
            [] => vec![output.clone()],
            addresses => addresses.iter().map(|ip| of_address(output, *ip)).collect(),
        }
    });
    let outputs = futures_util::future::join_all(expanded).await.concat();
    Arc::new(Channel { outputs, ..(*channel).clone() })
}

/// The output at one address of its host.
fn of_address(output: &Output, ip: IpAddr) -> Output {
    let mut own = Output { name: format!("{}-{ip}", output.name), resolve: Resolve::Any, ..output.clone() };
    let host = match ip {
        IpAddr::V4(ip) => Host::Ipv4(ip),
        IpAddr::V6(ip) => Host::Ipv6(ip),
    };
    own.request.connection.connect_to = Some(ConnectTo { host, port: None });
    own
}
