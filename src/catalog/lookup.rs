//! Looks up channels and templates by name. The error for an unknown name suggests the nearest known one.

use super::{CatalogSnapshot, Channel, Output, RequestSettings, Template};
use crate::document::nearest;
use packager_media::redact;
use packager_media::stream::Protocol;
use std::sync::Arc;
use url::Url;

/// Longest part of an unknown name in a request that an error message repeats, in characters.
const MAX_SHOWN_CHARS: usize = 128;

/// Error for a channel or template that the catalogue does not have; the message suggests the nearest known name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownName(pub String);

impl CatalogSnapshot {
    /// Returns the channel with the code `code`, whether it is enabled or disabled.
    pub fn channel(&self, code: &str) -> Result<&Arc<Channel>, UnknownName> {
        self.channels.get(code).ok_or_else(|| {
            if self.channels.is_empty() {
                return UnknownName(format!(
                    "unknown channel `{}`: the catalogue is empty; list channels in channels.yml, or set PACKAGER_URL and CHANNELS",
                    redact::escape(code, MAX_SHOWN_CHARS)
                ));
            }
            unknown_name("channel", code, self.channels.keys())
        })
    }

    /// Returns the template with the name `name`.
    pub fn template(&self, name: &str) -> Result<&Arc<Template>, UnknownName> {
        self.templates.get(name).ok_or_else(|| unknown_name("template", name, self.templates.keys()))
    }
}

impl Channel {
    /// Makes a channel for a URL that is not in the catalogue. The channel's code is the URL without the query, and
    /// nothing is expected of its ladder.
    #[must_use]
    pub fn of_url(url: Url, template: &str) -> Self {
        let mut code = url.clone();
        code.set_query(None);
        code.set_fragment(None);
        Self {
            name: code.to_string(),
            code: code.into(),
            channel_type: "LIVE".to_owned(),
            tier: None,
            codec: None,
            resolution: None,
            fps: None,
            is_4k: false,
            is_hdr: None,
            template: template.to_owned(),
            probe: None,
            enabled: true,
            outputs: vec![Output::new(Protocol::of_address(url.path()).name(), url)],
            ladder: None,
            request: RequestSettings::default(),
        }
    }
}

fn unknown_name<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a String>) -> UnknownName {
    let meant = nearest(name, known.map(String::as_str));
    let hint = meant.map_or(String::new(), |n| format!("; did you mean `{n}`?"));
    UnknownName(format!("unknown {kind} `{}`{hint}", redact::escape(name, MAX_SHOWN_CHARS)))
}
