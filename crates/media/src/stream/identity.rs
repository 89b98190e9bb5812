//! The identity of a rendition: what it is recognised by in the next manifest, whatever its bit rate, its place in the manifest
//! or the tokens in its addresses are.

use super::{Media, Rendition};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use url::Url;

/// The identity of a rendition in its output. It is the first of these that the manifest gives: a stable id, the group and name of
/// EXT-X-MEDIA, Representation@id, the path of the media playlist, the place in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RenditionIdentity {
    source: IdentitySource,
    text: String,
}

/// Where an identity comes from, the most reliable source first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum IdentitySource {
    /// STABLE-VARIANT-ID or STABLE-RENDITION-ID (RFC 8216bis 4.4.6.1, 4.4.6.2).
    StableId,
    /// TYPE, GROUP-ID and NAME of EXT-X-MEDIA: NAME is unique in a group (RFC 8216bis 4.4.6.1.1).
    GroupMember,
    /// Representation@id, which is unique in a Period (ISO/IEC 23009-1 5.3.5.2).
    Representation,
    /// Path of the media playlist. The host may be another edge's, and the query may have a token.
    Playlist,
    /// Nothing but the place among the renditions of the manifest.
    Place,
}

/// Longest text of an identity in characters. A longer one is shortened in its middle, and its hash is added.
const MAX_TEXT: usize = 256;

impl RenditionIdentity {
    /// The identity by STABLE-VARIANT-ID, or by the STABLE-RENDITION-ID of a media type. Content steering repeats the id in every
    /// pathway.
    pub(crate) fn stable_id(kind: &str, pathway: Option<&str>, id: &str) -> Self {
        Self::new(IdentitySource::StableId, &[kind, id, pathway.unwrap_or_default()])
    }

    /// The identity of an EXT-X-MEDIA by its type, group and name.
    pub(crate) fn group_member(media: Media, group: &str, name: &str) -> Self {
        Self::new(IdentitySource::GroupMember, &[media.as_str(), group, name])
    }

    /// The identity by Representation@id. The same id may stand in AdaptationSets of other media.
    pub(crate) fn representation(media: Media, id: &str) -> Self {
        Self::new(IdentitySource::Representation, &[media.as_str(), id])
    }

    /// The identity by the path of the media playlist.
    pub(crate) fn playlist(url: &Url) -> Self {
        Self::new(IdentitySource::Playlist, &[url.path()])
    }

    /// The identity of a rendition without id, name and address, by its place in the manifest.
    #[must_use]
    pub fn place(place: &str) -> Self {
        Self::new(IdentitySource::Place, &[place])
    }

    /// Whether the packager named the rendition. Renditions with other names are other content: their media sequence numbers may be
    /// independent. An address or Representation@id that changes says less: an address may have a session in its path, and segments
    /// of DASH are numbered by the presentation's time in every Representation.
    pub(super) fn is_named(&self) -> bool {
        self.source <= IdentitySource::GroupMember
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// `parts` are joined by line ends, which no attribute of a manifest contains.
    fn new(source: IdentitySource, parts: &[&str]) -> Self {
        Self { source, text: bounded(parts.join("\n")) }
    }

    fn push(&mut self, more: &str) {
        self.text = bounded(format!("{}\n{more}", self.text));
    }
}

fn bounded(text: String) -> String {
    if text.chars().count() <= MAX_TEXT {
        return text;
    }
    let mut hash = DefaultHasher::new();
    text.hash(&mut hash);
    let head: String = text.chars().take(MAX_TEXT / 3).collect();
    let tail: Vec<char> = text.chars().rev().take(MAX_TEXT / 3).collect();
    let tail: String = tail.into_iter().rev().collect();
    format!("{head}…{:016x}…{tail}", hash.finish())
}

/// Makes identities unique in a manifest: equal ones are told apart by host, size, language and codecs, then by their place among
/// equals from the highest declared bit rate to the lowest.
pub(super) fn tell_apart(renditions: &mut [&mut Rendition]) {
    for equal in equals(renditions) {
        for at in equal {
            let Some(rendition) = renditions.get_mut(at) else { continue };
            let properties = properties(rendition);
            rendition.identity.push(&properties);
        }
    }
    for mut equal in equals(renditions) {
        equal.sort_by_key(|at| renditions.get(*at).map(|r| order(r)));
        for (place, at) in (1..).zip(equal) {
            if let Some(rendition) = renditions.get_mut(at) {
                rendition.identity.push(&format!("{place}"));
            }
        }
    }
}

/// Positions of the renditions that share an identity, for each such identity.
fn equals(renditions: &[&mut Rendition]) -> Vec<Vec<usize>> {
    let mut positions: HashMap<&RenditionIdentity, Vec<usize>> = HashMap::new();
    for (at, rendition) in renditions.iter().enumerate() {
        positions.entry(&rendition.identity).or_default().push(at);
    }
    positions.into_values().filter(|equal| equal.len() > 1).collect()
}

fn properties(rendition: &Rendition) -> String {
    let host = rendition.uri.as_ref().and_then(Url::host_str).unwrap_or_default();
    let size = rendition.resolution.map(|r| r.to_string()).unwrap_or_default();
    let language = rendition.language.as_deref().unwrap_or_default();
    [host, &size, language, &rendition.codecs.join(",")].join("\n")
}

/// The order in which renditions of one kind are numbered: from the highest declared bit rate to the lowest, then by what does not
/// depend on the order of the manifest.
pub(super) fn order(rendition: &Rendition) -> (std::cmp::Reverse<u64>, RenditionIdentity, String) {
    let address = rendition.uri.as_ref().map(|uri| uri.path().to_owned()).unwrap_or_default();
    (std::cmp::Reverse(rendition.bandwidth.map_or(0, |b| b.0)), rendition.identity.clone(), address)
}
