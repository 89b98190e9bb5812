//! Downloads that outputs share: a segment that several outputs of a channel list is downloaded once in a probe, if the outputs are asked
//! with the same settings.

use super::media::ReadInit;
use crate::facts::{Decryption, Fetched};
use bytes::Bytes;
use packager_media::container::Inspection;
use packager_media::stream::{ByteRange, Key, Map, Segment};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::OnceCell;
use url::Url;

/// A downloaded segment. Several outputs share it, although each of their playlists may declare another number or
/// duration for it.
#[derive(Debug, Clone)]
pub(super) struct DownloadedBody {
    pub(crate) fetched: Fetched,
    pub(crate) inspection: Option<Inspection>,
    pub(crate) decryption: Option<Decryption>,
    /// Clear bytes of the segment, as long as an output that decodes it keeps them.
    pub(crate) kept: Option<Weak<Bytes>>,
}

/// A download that has just ended, with the clear bytes for the output that asked for it. The download itself keeps none: what an output
/// keeps is bounded.
#[derive(Debug)]
pub(super) struct FreshDownload {
    pub(super) body: DownloadedBody,
    pub(super) bytes: Option<Arc<Bytes>>,
}

/// Cell for the result of one download. `None` in it means that the probe's time ended first.
type DownloadCell<T> = Arc<OnceCell<Option<T>>>;

/// The downloads of the outputs of one probe that are asked with the same settings: segments, whose number is bounded, and initialization
/// segments.
#[derive(Debug, Default)]
pub(crate) struct Downloads {
    segments: Mutex<HashMap<DownloadKey, DownloadCell<Arc<DownloadedBody>>>>,
    inits: Mutex<HashMap<Map, DownloadCell<ReadInit>>>,
    /// Answers of the URLs that turned out not to have a resource, if the MPD gives alternative URLs for it. The key is
    /// the resource at its first URL.
    failed: Mutex<HashMap<Resource, Vec<Fetched>>>,
    /// First answers to the requests that succeeded when they were repeated.
    repeated: Mutex<HashMap<Resource, Fetched>>,
    /// Requests for inspected segments of these outputs that were repeated.
    repeats: Repeats,
    /// Requests for the oldest segments of these outputs that were repeated.
    oldest_repeats: Repeats,
    /// Requests for manifests and playlists of these outputs that were repeated.
    listing_repeats: Repeats,
    /// URLs that have a segment for players that ignore the MPD's Location. The key is the resource below the Location, which
    /// doesn't have it.
    without_location: Mutex<HashMap<Resource, Url>>,
    /// Largest size of a segment whose bytes are kept, because one of the outputs may decode it; 0 if none does.
    largest_kept: AtomicUsize,
}

/// Largest number of failed requests of one kind that a probe repeats for the outputs that are asked with the same settings.
const MAX_REPEATS: usize = 16;

/// Number of repeated requests of one kind, for the outputs of one probe that are asked with the same settings.
#[derive(Debug, Default)]
pub(super) struct Repeats(AtomicUsize);

impl Repeats {
    /// Whether a failed request may be repeated, which counts it.
    pub(super) fn may_repeat(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) < MAX_REPEATS
    }

    /// Lets no further request be repeated.
    pub(super) fn end(&self) {
        self.0.store(MAX_REPEATS, Ordering::Relaxed);
    }
}

/// A segment, an initialization segment, a manifest or a playlist: a file, or a part of one.
pub(super) type Resource = (Url, Option<ByteRange>);

pub(super) fn resource_of(segment: &Segment) -> Resource {
    (segment.uri.clone(), segment.byte_range)
}

/// Properties that a segment must have in two playlists or MPDs to be downloaded only once: they name the same bytes,
/// and these are read in the same way.
#[derive(Debug, PartialEq, Eq, Hash)]
struct DownloadKey {
    uri: Url,
    byte_range: Option<ByteRange>,
    map: Option<Arc<Map>>,
    /// Key that encrypts the segment as a whole, and the segment's number, which may be the initialization vector.
    /// `None` for other segments.
    key: Option<(Key, u64)>,
}

impl Downloads {
    /// Keeps the bytes of segments that may be decoded, if they are at most `largest`. To be called before the first download.
    pub(crate) fn keep_bytes(&self, largest: usize) {
        self.largest_kept.fetch_max(largest, Ordering::Relaxed);
    }

    /// Largest size of a segment whose bytes are kept; 0 if none is.
    pub(super) fn largest_kept(&self) -> usize {
        self.largest_kept.load(Ordering::Relaxed)
    }

    pub(super) fn segment(&self, segment: &Segment) -> DownloadCell<Arc<DownloadedBody>> {
        let key = segment.key.as_deref().filter(|key| key.encrypts_wholly());
        let whole = DownloadKey {
            uri: segment.uri.clone(),
            byte_range: segment.byte_range,
            map: segment.map.clone(),
            key: key.map(|key| (key.clone(), segment.number)),
        };
        cell(&self.segments, whole)
    }

    /// Remembers the answer of a URL that doesn't have a resource. `first` is the resource at its first base URL.
    pub(super) fn add_failed(&self, first: &Resource, fetched: Fetched) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.entry(first.clone()).or_default().push(fetched);
    }

    /// Returns the answers of all URLs that don't have a resource. `first` is the resource at its first base URL.
    pub(super) fn failed(&self, first: &Resource) -> Vec<Fetched> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get(first).cloned().unwrap_or_default()
    }

    /// The repeated requests for inspected segments.
    pub(super) fn repeats(&self) -> &Repeats {
        &self.repeats
    }

    /// The repeated requests for the oldest segments. They are counted apart from those for inspected segments.
    pub(super) fn oldest_repeats(&self) -> &Repeats {
        &self.oldest_repeats
    }

    /// The repeated requests for manifests and playlists.
    pub(super) fn listing_repeats(&self) -> &Repeats {
        &self.listing_repeats
    }

    /// Remembers the failed first request for a resource whose second request succeeded.
    pub(super) fn add_repeated(&self, resource: &Resource, first: Fetched) {
        self.repeated.lock().unwrap_or_else(PoisonError::into_inner).insert(resource.clone(), first);
    }

    /// Returns the failed first request for a resource whose second request succeeded; `None` if the first request
    /// succeeded.
    pub(super) fn repeated(&self, resource: &Resource) -> Option<Fetched> {
        self.repeated.lock().unwrap_or_else(PoisonError::into_inner).get(resource).cloned()
    }

    /// Remembers the URL `other` that has a segment for players that ignore Location, which is missing at `first`.
    pub(super) fn add_without_location(&self, first: &Resource, other: Url) {
        let mut found = self.without_location.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert(first.clone(), other);
    }

    /// Returns the URL that has a segment for players that ignore Location. `None` if none was found.
    pub(super) fn without_location(&self, first: &Resource) -> Option<Url> {
        self.without_location.lock().unwrap_or_else(PoisonError::into_inner).get(first).cloned()
    }

    pub(super) fn init(&self, map: &Map) -> DownloadCell<ReadInit> {
        cell(&self.inits, map.clone())
    }
}

fn cell<K: Eq + Hash, T>(places: &Mutex<HashMap<K, DownloadCell<T>>>, what: K) -> DownloadCell<T> {
    places.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default().clone()
}
