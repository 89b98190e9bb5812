//! Which channels there are and what each promises: one snapshot from files, from the environment or from
//! rows of a database.

mod channels;
mod environment;
mod load;
mod lookup;
mod rows;
mod show;
mod templates;
#[cfg(test)]
mod tests;

pub use environment::Environment;
pub use load::{Files, Loaded, load};
pub use lookup::Unknown;
pub use rows::{channel_columns, given_columns, load_rows, template_columns};
pub use templates::BUILT_IN;

use crate::checks::{CheckSettings, Expectations, ExpectedLadder, Thresholds};
use packager_media::stream::Resolution;
use packager_media::units::Seconds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use url::Url;

/// One consistent state of the catalogue.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub channels: BTreeMap<String, Arc<Channel>>,
    pub templates: BTreeMap<String, Arc<Template>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Channel {
    pub code: String,
    pub name: String,
    /// `LIVE` or another type; only LIVE channels are refused an ENDLIST.
    pub channel_type: String,
    pub tier: Option<u32>,
    pub codec: Option<String>,
    pub resolution: Option<Resolution>,
    pub fps: Option<f64>,
    pub is_4k: bool,
    pub is_hdr: bool,
    pub template: String,
    /// The exporter that watches it.
    pub probe: Option<String>,
    pub enabled: bool,
    /// At least one; the first is the reference for skew between outputs.
    pub outputs: Vec<Output>,
    /// Overrides the template's ladder.
    pub ladder: Option<ExpectedLadder>,
    pub request: RequestSettings,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Output {
    pub name: String,
    /// Shown without the values of its query: tokens stand there.
    #[serde(serialize_with = "show::url")]
    pub url: Url,
}

/// How a channel's packager wants to be asked.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct RequestSettings {
    #[serde(serialize_with = "show::headers")]
    pub headers: Vec<(String, String)>,
    pub user_agent: Option<String>,
    pub auth: Option<Auth>,
    pub ca_file: Option<PathBuf>,
}

impl RequestSettings {
    /// For a host that isn't the channel's: no custom headers, no credentials.
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
    /// Not among the keys of a template: it stands in front of them.
    #[serde(skip)]
    pub name: String,
    /// A probe's own bound; the scrape timeout may be shorter.
    pub timeout: Seconds,
    #[serde(flatten)]
    pub thresholds: Thresholds,
    pub segments: Coverage,
    pub ladder: ExpectedLadder,
    /// How long an event (restart, jump, bad segment) stays reported.
    pub hold: Seconds,
    /// A segment's query string is part of its identity (off: tokens change on every request).
    pub query_identifies: bool,
    pub checks: CheckSettings,
}

/// Which segments a probe downloads, in each rendition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Coverage {
    pub mode: CoverageMode,
    /// `newest`: how many. `every`: the most in one probe; what is skipped is said.
    pub count: u32,
    /// Ask for the window's oldest segment too (one byte of it).
    pub oldest: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoverageMode {
    /// The newest `count` of the playlist.
    Newest,
    /// Every segment since the last probe.
    Every,
    /// None: manifests only.
    None,
}

impl Default for Coverage {
    /// Six segments of 6 s outlast a scrape interval of 30 s, so that nothing is skipped in healthy running.
    fn default() -> Self {
        Self { mode: CoverageMode::Every, count: 6, oldest: true }
    }
}

impl Channel {
    /// What the checks hold this channel to.
    #[must_use]
    pub fn expected(&self, template: &Template) -> Expectations {
        Expectations {
            live: self.channel_type.eq_ignore_ascii_case("live"),
            resolution: self.resolution,
            frame_rate: self.fps,
            codec: self.codec.clone(),
            hdr: Some(self.is_hdr),
            ladder: self.ladder.clone().unwrap_or_else(|| template.ladder.clone()),
        }
    }
}

/// Headers carry keys too: their names show, their values don't.
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
