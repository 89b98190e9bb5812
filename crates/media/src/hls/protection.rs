//! Keys and the initialization section in force for the segments that follow (RFC 8216bis 4.4.4.4, 4.4.4.5).

use super::attributes::AttributeList;
use super::defects::DefectList;
use super::lines::PlaylistLine;
use super::m3u8;
use super::uris;
use crate::drm::Uuid;
use crate::stream::{ByteRange, Key, Map};
use std::sync::Arc;
use url::Url;

/// Largest number of key formats that are in force at once; no real stream has more.
const MAX_KEYS: usize = 16;

#[derive(Default)]
pub(super) struct Protection {
    /// Keys in force, one for each KEYFORMAT, in the order of their tags.
    keys: Vec<Key>,
    /// A copy of the keys in force that is shared by the segments that follow.
    shared: Arc<[Key]>,
    /// The key of KEYFORMAT identity, else the first key in force.
    preferred: Option<Arc<Key>>,
    map: Option<Arc<Map>>,
}

impl Protection {
    /// Reads an EXT-X-KEY, which replaces the key of its KEYFORMAT; METHOD=NONE ends all keys.
    pub(super) fn key(&mut self, list: &AttributeList<'_>, base: &Url) {
        self.replace(list, base);
        self.shared = self.keys.as_slice().into();
        let preferred = self.keys.iter().find(|k| k.format() == "identity").or(self.keys.first());
        self.preferred = preferred.cloned().map(Arc::new);
    }

    fn replace(&mut self, list: &AttributeList<'_>, base: &Url) {
        if list.written("METHOD") == Some("NONE") {
            self.keys.clear();
            return;
        }
        let Some(read) = m3u8::key(list) else { return };
        let uri = read.uri.map(|uri| absolute(base, uri));
        let key_id = list.written("KEYID").and_then(Uuid::parse);
        let key = Key { method: read.method.to_string(), uri, iv: read.iv, key_format: read.keyformat, key_id };
        if let Some(same) = self.keys.iter_mut().find(|k| k.format() == key.format()) {
            *same = key;
        } else if self.keys.len() < MAX_KEYS {
            self.keys.push(key);
        }
    }

    /// Reads an EXT-X-MAP; without a usable URI the segments have no map.
    pub(super) fn map<'a>(
        &mut self,
        list: &AttributeList<'a>,
        base: &Url,
        line: &PlaylistLine<'a>,
        defects: &mut DefectList,
    ) {
        let byte_range = m3u8::map(list).byte_range;
        let byte_range = byte_range.map(|r| ByteRange { offset: r.offset.unwrap_or(0), length: r.length });
        let uri = list.quoted("URI").and_then(|uri| uris::resolve(base, uri, line, defects));
        let key = self.preferred.as_deref().filter(|key| key.encrypts_wholly()).cloned();
        self.map = uri.map(|uri| Arc::new(Map { uri, byte_range, key }));
    }

    pub(super) fn in_force_map(&self) -> Option<Arc<Map>> {
        self.map.clone()
    }

    pub(super) fn in_force(&self) -> Arc<[Key]> {
        self.shared.clone()
    }

    /// Returns the key in force of KEYFORMAT identity, else the first key in force; `None` without one. All keys in
    /// force lead to the same media key.
    pub(super) fn in_force_key(&self) -> Option<Arc<Key>> {
        self.preferred.clone()
    }
}

/// Returns the URI of a key. It may have any scheme (`skd:`, `data:`), so that only a relative one is resolved against
/// `base`.
fn absolute(base: &Url, uri: String) -> String {
    match Url::parse(&uri) {
        Err(url::ParseError::RelativeUrlWithoutBase) => base.join(&uri).map_or(uri, String::from),
        _ => uri,
    }
}
