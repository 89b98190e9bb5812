//! What several outputs list is downloaded once in a probe: by whichever of them wants it first.

use super::media::ReadInit;
use crate::facts::{Decryption, Fetched};
use packager_media::container::Inspection;
use packager_media::stream::{ByteRange, Key, Map, Segment};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
use url::Url;

/// A segment as it came. Outputs differ in what they say of it.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub fetched: Fetched,
    pub inspection: Option<Inspection>,
    pub decryption: Option<Decryption>,
}

/// `None` in it: the probe's own time was up.
type Place<T> = Arc<OnceCell<Option<T>>>;

/// The downloads of one probe: its segments, of which there is a bound, and what initializes them.
#[derive(Debug, Default)]
pub struct Shelf {
    segments: Mutex<HashMap<Whole, Place<Arc<Body>>>>,
    inits: Mutex<HashMap<Map, Place<ReadInit>>>,
}

/// The same bytes read the same way.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Whole {
    uri: Url,
    byte_range: Option<ByteRange>,
    map: Option<Map>,
    /// What encrypts it as a whole; the number may stand for the vector.
    key: Option<(Key, u64)>,
}

impl Shelf {
    pub(super) fn segment(&self, segment: &Segment) -> Place<Arc<Body>> {
        let key = segment.key.as_ref().filter(|key| key.encrypts_wholly());
        let whole = Whole {
            uri: segment.uri.clone(),
            byte_range: segment.byte_range,
            map: segment.map.clone(),
            key: key.map(|key| (key.clone(), segment.number)),
        };
        place(&self.segments, whole)
    }

    pub(super) fn init(&self, map: &Map) -> Place<ReadInit> {
        place(&self.inits, map.clone())
    }
}

fn place<K: Eq + Hash, T>(places: &Mutex<HashMap<K, Place<T>>>, what: K) -> Place<T> {
    places.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default().clone()
}
