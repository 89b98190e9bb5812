//! Response headers in which a packager describes its state, as AWS Elemental MediaPackage does.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::faults::Effect;
use super::route::{Resource, Route};

/// Name of the channel whose packager sends these response headers.
pub(super) const CHANNEL: &str = "MP1";

const ACTIVE_INPUT: HeaderName = HeaderName::from_static("x-amzn-mediapackage-active-input");
const LAST_UPDATED: HeaderName = HeaderName::from_static("x-mediapackage-manifest-last-updated");
const SWITCH_EVERY_MS: i64 = 20_000;
const LONG_AGO_MS: i64 = 30_000;

/// Adds the packager's headers to a response with a playlist, for channels of the kind of [`CHANNEL`].
pub(super) fn headers(
    headers: &mut HeaderMap,
    route: &Route,
    effect: Option<Effect>,
    now_ms: i64,
    published_ms: Option<i64>,
) {
    if !CHANNEL.starts_with(route.channel.prefix) || !route.resource.is_playlist() {
        return;
    }
    let second = effect == Some(Effect::InputSwitched) && now_ms.div_euclid(SWITCH_EVERY_MS) % 2 == 1;
    headers.insert(ACTIVE_INPUT, HeaderValue::from_static(if second { "2" } else { "1" }));
    if let (Resource::Playlist(_), Some(at_ms)) = (&route.resource, published_ms) {
        let at_ms = if effect == Some(Effect::UpdatedLongAgo) { now_ms - LONG_AGO_MS } else { at_ms.min(now_ms) };
        headers.insert(LAST_UPDATED, HeaderValue::from(at_ms));
    }
}
