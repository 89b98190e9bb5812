//! Keys of a Representation's segments: its ContentProtection in the form that EXT-X-KEY has in HLS (ISO/IEC 23009-1
//! 5.8.4.1, ISO/IEC 23001-7 11).

use super::model::{AdaptationSet, ContentProtection, Representation};
use crate::drm::Uuid;
use crate::stream::Key;
use std::sync::Arc;

/// schemeIdUri of the ContentProtection whose value is the protection scheme (`cenc`, `cbcs`).
const COMMON: &str = "urn:mpeg:dash:mp4protection:2011";
/// Text that stands for the method of a key when the MPD names no protection scheme.
const ANY: &str = "common encryption";

/// Returns the keys of a Representation: one for the protection scheme if the MPD names it, and one for each DRM
/// system. Elements of the Representation come before those of its AdaptationSet. Empty for clear segments.
pub(super) fn content_keys(set: &AdaptationSet, representation: &Representation) -> Arc<[Key]> {
    let mut all: Vec<&ContentProtection> = Vec::new();
    for one in representation.protections.iter().chain(&set.protections) {
        if !all.iter().any(|known| known.scheme.eq_ignore_ascii_case(&one.scheme)) {
            all.push(one);
        }
    }
    let is_common = |p: &ContentProtection| p.scheme.eq_ignore_ascii_case(COMMON);
    let is_system = |p: &ContentProtection| p.scheme.get(..9).is_some_and(|urn| urn.eq_ignore_ascii_case("urn:uuid:"));
    let common = all.iter().copied().find(|p| is_common(p));
    let method = common.and_then(|p| p.value.as_deref()).map_or_else(|| ANY.to_owned(), str::to_ascii_lowercase);
    let kid = common.and_then(only_kid);
    let key = |p: &&ContentProtection| Key {
        method: method.clone(),
        uri: p.pssh.as_ref().map(|pssh| format!("data:;base64,{pssh}")),
        iv: None,
        key_format: Some(p.scheme.to_ascii_lowercase()),
        key_id: only_kid(p).or(kid),
    };
    let systems = all.iter().copied().filter(|p| is_system(p));
    common.into_iter().chain(systems).collect::<Vec<_>>().iter().map(key).collect()
}

/// Returns the default_KID of a ContentProtection. `None` if it has none or several, because then only the samples tell
/// which one they need.
fn only_kid(protection: &ContentProtection) -> Option<Uuid> {
    let mut kids = protection.default_kid.as_deref()?.split_whitespace();
    kids.next().filter(|_| kids.next().is_none()).and_then(Uuid::parse)
}
