//! Looks up channels and templates by name. The error for an unknown name suggests the nearest known one.

use super::{CatalogSnapshot, Channel, Output, RequestSettings, Template};
use crate::assignment::hash as stable_hash;
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
    /// Makes a channel for a URL that is not in the catalogue. Nothing is expected of its ladder.
    #[must_use]
    pub fn of_url(url: Url, template: &str) -> Self {
        let code = code_of_url(&url);
        Self {
            name: code.clone(),
            code,
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

/// Returns the code of a channel that is only a URL: the URL without query and fragment, and with `***` in the place of secrets. If that
/// leaves something out, a hash of the whole URL follows, so that two channels of one server that differ only there stay apart.
fn code_of_url(url: &Url) -> String {
    let (mut whole, mut bare) = (url.clone(), url.clone());
    whole.set_fragment(None);
    bare.set_fragment(None);
    bare.set_query(None);
    let shown = redact::url(&bare);
    if shown == whole.as_str() {
        return shown;
    }
    format!("{shown}#{:08x}", stable_hash(whole.as_str()) >> 32)
}

fn unknown_name<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a String>) -> UnknownName {
    let meant = nearest(name, known.map(String::as_str));
    let hint = meant.map_or(String::new(), |n| format!("; did you mean `{n}`?"));
    UnknownName(format!("unknown {kind} `{}`{hint}", redact::escape(name, MAX_SHOWN_CHARS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_differ_in_their_query_are_two_channels_and_no_code_shows_a_token() {
        let code = |url: &str| Channel::of_url(Url::parse(url).unwrap(), "default").code;
        assert_eq!(code("http://h/live.m3u8#top"), "http://h/live.m3u8");
        let (first, second) = (code("http://h/live.m3u8?id=1"), code("http://h/live.m3u8?id=2"));
        assert!(
            first.starts_with("http://h/live.m3u8#") && first != second && first == code("http://h/live.m3u8?id=1#x")
        );
        let token = code("http://h/hdnts=exp=1~hmac=beef/x.m3u8");
        assert!(token.starts_with("http://h/***/x.m3u8#") && !token.contains("beef"), "{token}");
        assert_ne!(token, code("http://h/hdnts=exp=1~hmac=cafe/x.m3u8"));
    }
}
