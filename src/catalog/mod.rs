//! The catalogue: channels and templates as one consistent snapshot, from files, from environment variables or from the
//! rows of a database.

mod channel_row;
mod channels;
mod environment;
mod load;
mod lookup;
mod request_keys;
mod request_settings;
mod rows;
mod secret_places;
mod secret_references;
mod show;
mod table_row;
mod template_row;
mod templates;
mod url_signing;
#[cfg(test)]
mod tests;

pub(crate) use channel_row::{ChannelRow, ChannelWritten};
pub(crate) use channels::normalized;
pub(crate) use environment::Environment;
pub(crate) use load::{CatalogFiles, LoadedCatalog, load};
pub(crate) use lookup::UnknownName;
pub(crate) use request_keys::{SecretFiles, SecretSource};
pub(crate) use request_settings::{
    Auth, ClientIdentity, ConnectTo, ConnectionSettings, IpProtocol, ProxySettings, RequestSettings,
};
pub(crate) use rows::{
    channel_columns, channel_of, given_columns, load_rows, template_broken_by, template_columns, with_hidden_restored,
};
pub(crate) use secret_places::SecretPlaces;
pub(crate) use secret_references::restore_hidden;
pub(crate) use table_row::{JsonObject, TableRow, field_names, write_schema};
pub(crate) use template_row::{TemplateRow, TemplateWritten};
pub(crate) use templates::BUILT_IN;
#[cfg(test)]
pub(crate) use url_signing::SigningKey;
pub(crate) use url_signing::rsa_key;
pub(crate) use url_signing::{SigningHash, SigningScheme, TokenEncoding, TokenPlace, UrlSigning};

use crate::checks::CheckSettings;
use crate::document::BitRate;
use crate::expectations::{Expectations, ExpectedLadder, Thresholds};
use crate::history::Retention;
use packager_media::stream::Resolution;
use packager_media::units::Seconds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;

/// One consistent state of the catalogue: channels by code, templates by name.
#[derive(Debug, Clone, Default)]
pub struct CatalogSnapshot {
    pub channels: BTreeMap<String, Arc<Channel>>,
    pub templates: BTreeMap<String, Arc<Template>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Channel {
    pub code: String,
    pub name: String,
    /// `LIVE` or another type of channel. Only for a LIVE channel is EXT-X-ENDLIST a fault.
    pub channel_type: String,
    pub tier: Option<u32>,
    pub codec: Option<String>,
    pub resolution: Option<Resolution>,
    pub fps: Option<f64>,
    pub is_4k: bool,
    /// Whether the channel is HDR. `None`: unknown, so no dynamic range is expected.
    pub is_hdr: Option<bool>,
    pub template: String,
    /// Name of the exporter that probes the channel. `None`: any exporter may.
    pub probe: Option<String>,
    pub enabled: bool,
    /// Outputs of the channel, at least one. The skew of the other outputs is measured against the first.
    pub outputs: Vec<Output>,
    /// Ladder of the channel, which replaces that of the template. `None`: the template's ladder applies.
    pub ladder: Option<ExpectedLadder>,
    pub request: RequestSettings,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Output {
    pub name: String,
    /// URL of the output's manifest. It is serialized without the values of its query, which may be tokens.
    #[serde(serialize_with = "show::url")]
    pub url: Url,
    /// `each`: every address of the URL's host is probed as an output of its own.
    #[serde(skip_serializing_if = "Resolve::is_any")]
    pub resolve: Resolve,
    /// The output's own settings, which hold over those of the channel and the template.
    #[serde(flatten)]
    pub request: RequestSettings,
}

/// Which addresses of a host are probed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolve {
    /// One of them, as a player does it.
    #[default]
    Any,
    /// Each, as an output of its own.
    Each,
}

impl Resolve {
    fn is_any(&self) -> bool {
        *self == Self::Any
    }
}

impl Output {
    /// An output without settings of its own.
    #[must_use]
    pub fn new(name: &str, url: Url) -> Self {
        Self { name: name.to_owned(), url, resolve: Resolve::Any, request: RequestSettings::default() }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Template {
    /// Name of the template. In templates.yml it is the key of the template's section.
    #[serde(skip)]
    pub name: String,
    /// Longest time of a probe. The scrape timeout of a request may shorten it.
    pub timeout: Seconds,
    #[serde(flatten)]
    pub thresholds: Thresholds,
    pub segments: Coverage,
    pub ladder: ExpectedLadder,
    /// Time for which a check keeps reporting an event, such as a restart, a jump of the timeline or a bad segment.
    pub hold: Seconds,
    /// Whether the query string of a URL is a part of a segment's identity. `false` (the default) suits URLs with
    /// tokens that change with every request.
    pub query_identifies: bool,
    /// Whether picture and sound are decoded, and how often.
    pub signal: SignalMode,
    /// Longest time between two decodes of a channel's picture and sound in the mode `rotation`.
    pub signal_interval: Seconds,
    /// Settings of the requests to every channel that is probed with this template, below the channel's own.
    #[serde(skip_serializing_if = "RequestSettings::is_empty")]
    pub request: RequestSettings,
    pub checks: CheckSettings,
}

impl Template {
    /// How long an output's history is kept, and how its segments are recognised.
    pub(crate) fn retention(&self) -> Retention {
        Retention { hold: self.hold, query_identifies: self.query_identifies }
    }
}

/// Selection of the segments of each rendition that a probe downloads and inspects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Coverage {
    pub mode: CoverageMode,
    /// In the mode `newest` the number of segments that are inspected. In the modes `every` and `heads` the largest number
    /// of segments in one probe; further segments are skipped, and the report says how many.
    pub count: u32,
    /// Bits per second that a channel may take in the mode `heads`, by the bit rates that the manifest declares. The rest after
    /// the heads is for segments as a whole. `None`: one of eight segments is downloaded as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<BitRate>,
    /// Whether a probe also requests one byte of the window's oldest segment, to see that it is still available.
    pub oldest: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoverageMode {
    /// The newest `count` segments of the playlist are downloaded.
    Newest,
    /// Every segment that was listed since the last probe is downloaded.
    Every,
    /// The first bytes of every segment that was listed since the last probe are downloaded, and as many segments as a whole as
    /// `budget` allows.
    Heads,
    /// No segment is downloaded: only manifests and playlists are checked.
    None,
}

impl Default for Coverage {
    /// Returns the value of `segments` for a template that doesn't set it: every segment, at most six in a probe. Six
    /// segments of 6 s last longer than a scrape interval of 30 s, so that no segment of a healthy channel is skipped.
    fn default() -> Self {
        Self { mode: CoverageMode::Every, count: 6, budget: None, oldest: true }
    }
}

/// How often the picture and sound of a channel are decoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalMode {
    /// Nothing is decoded. The checks that need decoded pictures or sound don't run.
    Off,
    /// Each channel is decoded once within `signal_interval`, at once when its coded sound is silent or its coded picture looks still,
    /// and in every probe while the last decode shows a fault.
    #[default]
    Rotation,
    /// The newest inspected segments are decoded in every probe.
    Full,
}

/// Default of `signal_interval`, in seconds.
pub(crate) const SIGNAL_INTERVAL: f64 = 300.0;

impl Channel {
    /// Returns the host of the channel's first output; empty when the URL of the output has no host.
    #[must_use]
    pub(crate) fn packager(&self) -> &str {
        self.outputs.first().and_then(|output| output.url.host_str()).unwrap_or_default()
    }

    /// Returns the settings of requests for an output that is judged by `template`: the output's own over the channel's over
    /// the template's.
    #[must_use]
    pub(crate) fn request_settings(&self, output: &Output, template: &Template) -> RequestSettings {
        let mut settings = output.request.over(&self.request).over(&template.request);
        settings.page_origin =
            template.checks.cors_missing.page_origin().map(|page| settings.header("origin").unwrap_or(page));
        let connection = &mut settings.connection;
        let is_redirected = connection.connect_to.is_some() || connection.server_name.is_some();
        connection.own_host = output.url.host_str().filter(|_| is_redirected).map(str::to_owned);
        connection.own_port = output.url.port_or_known_default().filter(|_| is_redirected);
        settings
    }

    /// Returns the expectations that checks compare this channel with.
    #[must_use]
    pub fn expected(&self, template: &Template) -> Expectations {
        Expectations {
            live: self.channel_type.eq_ignore_ascii_case("live"),
            resolution: self.resolution,
            frame_rate: self.fps,
            codec: self.codec.clone(),
            hdr: self.is_hdr,
            ladder: self.ladder.clone().unwrap_or_else(|| template.ladder.clone()),
        }
    }
}
