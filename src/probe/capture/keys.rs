//! Decryption keys. The rendition that needs a key first fetches it for all outputs of the probe that are asked with the same settings, and
//! the history remembers it for the template's `hold`.

use super::Capturer;
use super::requests::MIN_PLAYLIST_TIME;
use crate::facts::KeyFacts;
use crate::fetch::FetchRequest;
use crate::history::AlreadyInspected;
use packager_media::crypt::{AesKey, Decryptor, InitVector};
use packager_media::stream::{Key, Segment, Timeline};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
use url::Url;

/// Largest number of bytes that are read of a key. A key has 16; more are read to report the real length.
const MAX_BYTES: u64 = 1024;
/// Largest number of keys that one probe fetches for the outputs that are asked with the same settings: one for each of sixteen segments of
/// 64 renditions.
const MAX_KEYS: usize = 1024;

type KeyCell = Arc<OnceCell<Option<Arc<KeyFacts>>>>;

/// Keys that one probe has fetched for the outputs that are asked with the same settings, by URI and key format.
#[derive(Debug, Default)]
pub(crate) struct KeyCache(Mutex<HashMap<(String, String), KeyCell>>);

impl KeyCache {
    /// Returns the cell that holds the answer for one key. `None` if there are too many keys.
    fn cell(&self, key: &Key, uri: &str) -> Option<KeyCell> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (uri.to_owned(), key.format().to_owned());
        let full = keys.len() >= MAX_KEYS && !keys.contains_key(&name);
        (!full).then(|| keys.entry(name).or_default().clone())
    }
}

/// Access to a body: its decryptor if it is encrypted as a whole, or why there is none.
pub(super) enum Access {
    /// The playlist announces no encryption of the whole body.
    Unencrypted,
    /// The key is known, so that the body can be decrypted.
    Key(Box<Decryptor>),
    /// No key arrived, or its format is one that only a player's DRM system understands.
    NoKey,
}

impl Capturer<'_> {
    /// Fetches the keys of the segments that this probe will download (`planned`), of the newest listed segment, and those of listed
    /// segments that no player could use in an earlier probe, all at the same time. Keys without an http(s) URI are left out.
    pub(super) async fn fetch_keys(
        &self,
        timeline: &Timeline,
        planned: &[&Segment],
        known: &AlreadyInspected,
    ) -> Vec<Arc<KeyFacts>> {
        let mut wanted: Vec<&Key> = Vec::new();
        let again = known.without_usable_key(timeline);
        for key in planned.iter().copied().chain(timeline.segments.last()).chain(again).flat_map(|s| s.keys.iter()) {
            if http_url(key).is_some() && !wanted.iter().any(|k| k.same_source(key)) && wanted.len() < MAX_KEYS {
                wanted.push(key);
            }
        }
        let asked = futures_util::future::join_all(wanted.into_iter().map(|key| self.key(key, known))).await;
        asked.into_iter().flatten().collect()
    }

    /// Returns the access to a body that is encrypted as a whole with `key`, if there is one. `number` is the segment's media sequence
    /// number, which is the initialization vector if the playlist gives none. `None`: the probe's time ended before the key arrived.
    pub(super) async fn access(
        &self,
        key: Option<&Key>,
        number: Option<u64>,
        known: &AlreadyInspected,
    ) -> Option<Access> {
        let Some(key) = key else { return Some(Access::Unencrypted) };
        let vector = match (&key.iv, number) {
            (Some(written), _) => InitVector::parse(written),
            (None, number) => number.map(InitVector::from_sequence_number),
        };
        let (true, Some(vector)) = (is_aes_128(key) && http_url(key).is_some(), vector) else {
            return Some(Access::NoKey);
        };
        Some(match &self.key(key, known).await?.secret {
            Some(secret) => Access::Key(Box::new(Decryptor::new(secret, vector))),
            None => Access::NoKey,
        })
    }

    /// Fetches one key, or returns the answer that is remembered. `None` if the key has no http(s) URI, or the probe's
    /// time ended first.
    async fn key(&self, key: &Key, known: &AlreadyInspected) -> Option<Arc<KeyFacts>> {
        let url = http_url(key)?;
        let place = self.requests.keys.cell(key, url.as_str())?;
        let fetch = async || match known.key(key, self.clock.now(), self.template.hold) {
            Some(remembered) => Some(remembered),
            None => self.fetch_key(key, &url).await,
        };
        place.get_or_init(fetch).await.clone()
    }

    async fn fetch_key(&self, key: &Key, url: &Url) -> Option<Arc<KeyFacts>> {
        let asked_at = self.clock.now();
        let plain = key.format() == "identity";
        let request = FetchRequest { max_bytes: MAX_BYTES, headers_only: !plain, ..self.request(url) };
        let (fetched, body) = self.body(request, self.budget.segments(), MIN_PLAYLIST_TIME).await?;
        let secret = fetched.ok().filter(|_| plain).and_then(|_| AesKey::new(&body));
        Some(Arc::new(KeyFacts { key: key.clone(), asked_at, fetched, secret }))
    }
}

/// Returns whether the key is a file of 16 bytes that decrypts whole bodies.
fn is_aes_128(key: &Key) -> bool {
    key.method == "AES-128" && key.format() == "identity"
}

/// Returns the http(s) URL of a key. `None` for other schemes (`skd:`, `data:`), which only the player's DRM system
/// understands.
fn http_url(key: &Key) -> Option<Url> {
    Url::parse(key.uri.as_deref()?).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}
