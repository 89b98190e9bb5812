//! The catalogue: channels and templates as one consistent snapshot, from files, from environment variables or from the
//! rows of a database.

mod channel_row;
mod channels;
mod environment;
mod load;
mod lookup;
mod rows;
mod show;
mod table_row;
mod template_row;
mod templates;
#[cfg(test)]
mod tests;

pub(crate) use channel_row::{ChannelRow, ChannelWritten};
pub(crate) use channels::normalized;
pub(crate) use environment::Environment;
pub(crate) use load::{CatalogFiles, LoadedCatalog, load};
pub(crate) use lookup::UnknownName;
pub(crate) use rows::{channel_columns, given_columns, load_rows, template_columns};
pub(crate) use table_row::{JsonObject, TableRow, field_names, write_schema};
pub(crate) use template_row::{TemplateRow, TemplateWritten};
pub(crate) use templates::BUILT_IN;

use crate::checks::CheckSettings;
use crate::expectations::{Expectations, ExpectedLadder, Thresholds};
use packager_media::stream::Resolution;
use packager_media::units::Seconds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
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
}

/// Settings of the requests to a channel's packager: headers, User-Agent, credentials, certificate authority.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct RequestSettings {
    #[serde(serialize_with = "show::headers")]
    pub headers: Vec<(String, String)>,
    pub user_agent: Option<String>,
    pub auth: Option<Auth>,
    pub ca_file: Option<PathBuf>,
}

impl RequestSettings {
    /// Returns a copy of the request settings for hosts other than the channel's own: without custom headers and
    /// without credentials.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        Self { headers: Vec::new(), auth: None, ..self.clone() }
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Auth {
    Basic { username: String, password: String },
    Bearer { token: String },
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
    pub checks: CheckSettings,
}

/// Selection of the segments of each rendition that a probe downloads and inspects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Coverage {
    pub mode: CoverageMode,
    /// In the mode `newest` the number of segments that are inspected. In the mode `every` the largest number of
    /// segments in one probe; further segments are skipped, and the report says how many.
    pub count: u32,
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
    /// No segment is downloaded: only manifests and playlists are checked.
    None,
}

impl Default for Coverage {
    /// Returns the value of `segments` for a template that doesn't set it: every segment, at most six in a probe. Six
    /// segments of 6 s last longer than a scrape interval of 30 s, so that no segment of a healthy channel is skipped.
    fn default() -> Self {
        Self { mode: CoverageMode::Every, count: 6, oldest: true }
    }
}

impl Channel {
    /// Returns the host of the channel's first output; empty when the URL of the output has no host.
    #[must_use]
    pub(crate) fn packager(&self) -> &str {
        self.outputs.first().and_then(|output| output.url.host_str()).unwrap_or_default()
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

/// Debug output with the names of headers only, because header values may be secrets.
impl std::fmt::Debug for RequestSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let headers: Vec<&String> = self.headers.iter().map(|(name, _)| name).collect();
        let mut shown = f.debug_struct("RequestSettings");
        shown.field("headers", &headers).field("user_agent", &self.user_agent);
        shown.field("auth", &self.auth).field("ca_file", &self.ca_file).finish()
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Basic(<secret>)",
            Self::Bearer { .. } => "Bearer(<secret>)",
        })
    }
}

impl Serialize for Auth {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str("<secret>")
    }
}
