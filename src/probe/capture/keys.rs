//! Keys: each asked for once in a probe, by whichever rendition needs it first, and remembered for `hold`.

use super::{Capturer, PLAYLIST_PATIENCE, inconclusive};
use crate::facts::KeyFacts;
use crate::fetch::Ask;
use crate::history::Known;
use packager_media::crypt::{Decryptor, Secret, Vector};
use packager_media::stream::{Key, Segment, Timeline};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;

/// A key has 16; more are read to say how many came instead.
const MAX_BYTES: u64 = 1024;
/// Keys asked for in one probe. More are no channel's.
const MAX_KEYS: usize = 64;

type Answer = Arc<OnceCell<Option<Arc<KeyFacts>>>>;

/// The keys of one probe.
#[derive(Debug, Default)]
pub struct Ring(Mutex<HashMap<(String, String), Answer>>);

impl Ring {
    /// The place of one key; `None` when there are too many.
    fn place(&self, key: &Key, uri: &str) -> Option<Answer> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (uri.to_owned(), key.format().to_owned());
        let full = keys.len() >= MAX_KEYS && !keys.contains_key(&name);
        (!full).then(|| keys.entry(name).or_default().clone())
    }
}

/// What opens a body that is encrypted as a whole.
pub(super) enum Lock {
    Open(Box<Decryptor>),
    /// No key came, or it is none for this exporter.
    Shut,
    /// The probe's own time was up before the key came.
    OutOfTime,
}

impl Capturer<'_> {
    /// The keys of the newest listed and of the planned segments that have an http(s) URI; all of them at once.
    pub(super) async fn keys(&self, timeline: &Timeline, planned: &[&Segment], known: &Known) -> Vec<Arc<KeyFacts>> {
        let mut wanted: Vec<&Key> = Vec::new();
        for key in planned.iter().copied().chain(timeline.segments.last()).flat_map(|s| s.keys.iter()) {
            if address(key).is_some() && !wanted.iter().any(|k| k.same_source(key)) && wanted.len() < MAX_KEYS {
                wanted.push(key);
            }
        }
        let asked = futures_util::future::join_all(wanted.into_iter().map(|key| self.key(key, known))).await;
        asked.into_iter().flatten().collect()
    }

    /// What opens a body under `key`; `number` is the segment's, where it may stand for the IV attribute.
    pub(super) async fn lock(&self, key: &Key, number: Option<u64>, known: &Known) -> Lock {
        let vector = match (&key.iv, number) {
            (Some(written), _) => Vector::written(written),
            (None, number) => number.map(Vector::of_number),
        };
        let (true, Some(vector)) = (is_plain(key) && address(key).is_some(), vector) else { return Lock::Shut };
        let Some(facts) = self.key(key, known).await else { return Lock::OutOfTime };
        match &facts.secret {
            Some(secret) => Lock::Open(Box::new(Decryptor::new(secret, vector))),
            None => Lock::Shut,
        }
    }

    /// `None`: not a key that can be asked for, or no time to.
    async fn key(&self, key: &Key, known: &Known) -> Option<Arc<KeyFacts>> {
        let url = address(key)?;
        let place = self.keys.place(key, url.as_str())?;
        let ask = async || match known.key(key, self.clock.now(), self.template.hold) {
            Some(remembered) => Some(remembered),
            None => self.fetch_key(key, &url).await,
        };
        place.get_or_init(ask).await.clone()
    }

    async fn fetch_key(&self, key: &Key, url: &Url) -> Option<Arc<KeyFacts>> {
        let (began, asked_at) = (Instant::now(), self.clock.now());
        let plain = key.format() == "identity";
        let ask = Ask { max_bytes: MAX_BYTES, headers_only: !plain, ..self.ask(url) };
        let (fetched, body) = self.client.body(ask, self.budget.segments()).await;
        if inconclusive(&fetched, began, PLAYLIST_PATIENCE) {
            return None;
        }
        let secret = fetched.ok().filter(|_| plain).and_then(|_| Secret::new(&body));
        Some(Arc::new(KeyFacts { key: key.clone(), asked_at, fetched, secret }))
    }
}

/// A key that is a file of 16 bytes, and opens whole bodies.
fn is_plain(key: &Key) -> bool {
    key.method == "AES-128" && key.format() == "identity"
}

/// Other schemes (`skd:`, `data:`) are for the player's own DRM.
fn address(key: &Key) -> Option<Url> {
    Url::parse(key.uri.as_deref()?).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}
