//! The identity of a rendition, by which it is recognised in the next manifest. It doesn't depend on bit rate, order in
//! the manifest or tokens in URLs.

use super::{Media, Rendition};
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use url::Url;

/// Identity of a rendition in its output: the first of these that the manifest gives. They are a stable id, the group
/// and name of EXT-X-MEDIA, Representation@id, the path of the media playlist, and the position in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RenditionIdentity {
    source: IdentitySource,
    text: String,
}

/// Source of a rendition's identity, the most reliable source first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum IdentitySource {
    /// STABLE-VARIANT-ID or STABLE-RENDITION-ID (RFC 8216bis 4.4.6.1, 4.4.6.2).
    StableId,
    /// TYPE, GROUP-ID and NAME of EXT-X-MEDIA: NAME is unique in a group (RFC 8216bis 4.4.6.1.1).
    GroupMember,
    /// Representation@id, which is unique in a Period (ISO/IEC 23009-1 5.3.5.2).
    Representation,
    /// Path of the media playlist. Host and query are left out, because they may be another edge server's or hold a
    /// token.
    Playlist,
    /// Position among the renditions of the manifest, if there is nothing better.
    Place,
}

/// Largest length of an identity's text in characters. A longer text is shortened in its middle, and its hash is added.
const MAX_TEXT: usize = 256;

impl RenditionIdentity {
    /// Makes the identity of a rendition with STABLE-VARIANT-ID or STABLE-RENDITION-ID; `kind` distinguishes the
    /// namespaces of these ids. The pathway is part of the identity, because content steering repeats the id in every
    /// pathway.
    pub(crate) fn stable_id(kind: &str, pathway: Option<&str>, id: &str) -> Self {
        Self::new(IdentitySource::StableId, &[kind, id, pathway.unwrap_or_default()])
    }

    /// Makes the identity of an EXT-X-MEDIA rendition from its type, group and name.
    pub(crate) fn group_member(media: Media, group: &str, name: &str) -> Self {
        Self::new(IdentitySource::GroupMember, &[media.as_str(), group, name])
    }

    /// Makes the identity of a DASH rendition from Representation@id and its kind of media, because the same id may
    /// stand in AdaptationSets of other media.
    pub(crate) fn representation(media: Media, id: &str) -> Self {
        Self::new(IdentitySource::Representation, &[media.as_str(), id])
    }

    /// Makes the identity of a rendition from the path of its media playlist.
    pub(crate) fn playlist(url: &Url) -> Self {
        Self::new(IdentitySource::Playlist, &[url.path()])
    }

    /// Makes the identity of a rendition without id, name and address from its position in the manifest.
    #[must_use]
    pub fn place(place: &str) -> Self {
        Self::new(IdentitySource::Place, &[place])
    }

    /// Returns whether the packager named the rendition. Renditions with other names are other content: their media
    /// sequence numbers may be independent. A changed address or Representation@id says less, because an address may
    /// have a session in its path, and DASH segments are numbered by the presentation's time in every Representation.
    pub(super) fn is_named(&self) -> bool {
        self.source <= IdentitySource::GroupMember
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Makes an identity from text parts. They are joined by line ends, which no attribute of a manifest contains.
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

/// Longest value of a query parameter that names a rendition, in bytes. Longer ones are tokens.
const MAX_QUERY_VALUE: usize = 16;

/// Makes the identities of a manifest's renditions unique: equal ones are distinguished by host, size, language and
/// codecs, then by the query parameters in which they differ (`?id=1`, `?id=2`), then by a number in the order of the declared
/// bit rate, highest first.
pub(super) fn tell_apart(renditions: &mut [&mut Rendition]) {
    for equal in equals(renditions) {
        for at in equal {
            let Some(rendition) = renditions.get_mut(at) else { continue };
            let properties = properties(rendition);
            rendition.identity.push(&properties);
        }
    }
    for equal in equals(renditions) {
        for (at, parameters) in differing_parameters(renditions, &equal) {
            if let Some(rendition) = renditions.get_mut(at) {
                rendition.identity.push(&parameters);
            }
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

/// Returns, for each identity that several renditions share, the positions of these renditions.
fn equals(renditions: &[&mut Rendition]) -> Vec<Vec<usize>> {
    let mut positions: HashMap<&RenditionIdentity, Vec<usize>> = HashMap::new();
    for (at, rendition) in renditions.iter().enumerate() {
        positions.entry(&rendition.identity).or_default().push(at);
    }
    positions.into_values().filter(|equal| equal.len() > 1).collect()
}

/// Returns the positions of the renditions with the query parameters in which they differ from each other, such as `id=1`. A token
/// that all of them share says nothing, and a long one may be another in each manifest.
fn differing_parameters(renditions: &[&mut Rendition], equal: &[usize]) -> Vec<(usize, String)> {
    let parameters = |at: &usize| -> BTreeMap<String, String> {
        let uri = renditions.get(*at).and_then(|r| r.uri.as_ref());
        uri.into_iter()
            .flat_map(Url::query_pairs)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect()
    };
    let all: Vec<_> = equal.iter().map(|at| (*at, parameters(at))).collect();
    let mut values: BTreeMap<&String, HashMap<&String, usize>> = BTreeMap::new();
    for (name, value) in all.iter().flat_map(|(_, own)| own) {
        *values.entry(name).or_default().entry(value).or_default() += 1;
    }
    let shared = |name: &String, value: &String| values.get(name).and_then(|of| of.get(value)) == Some(&all.len());
    let distinguishing_text = |own: &BTreeMap<String, String>| {
        let short = own.iter().filter(|(name, value)| value.len() <= MAX_QUERY_VALUE && !shared(name, value));
        short.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    };
    all.iter().map(|(at, own)| (*at, distinguishing_text(own))).filter(|(_, text)| !text.is_empty()).collect()
}

fn properties(rendition: &Rendition) -> String {
    let host = rendition.uri.as_ref().and_then(Url::host_str).unwrap_or_default();
    let size = rendition.resolution.map(|r| r.to_string()).unwrap_or_default();
    let language = rendition.language.as_deref().unwrap_or_default();
    [host, &size, language, &rendition.codecs.join(",")].join("\n")
}

/// Returns the sort key by which renditions of one kind are numbered: from the highest declared bit rate to the lowest,
/// then by properties that don't depend on the order of the manifest.
pub(super) fn order(rendition: &Rendition) -> (std::cmp::Reverse<u64>, RenditionIdentity, String) {
    let address = rendition.uri.as_ref().map(|uri| uri.path().to_owned()).unwrap_or_default();
    (std::cmp::Reverse(rendition.bandwidth.map_or(0, |b| b.0)), rendition.identity.clone(), address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::BitsPerSecond;

    /// Returns the identities of variants with these addresses and bit rates, which differ in nothing else.
    fn identities(variants: &[(&str, u64)]) -> Vec<RenditionIdentity> {
        let variant = |(address, bandwidth): &(&str, u64)| {
            let uri: Url = format!("https://packager.example/{address}").parse().unwrap();
            let identity = RenditionIdentity::playlist(&uri);
            Rendition {
                uri: Some(uri),
                bandwidth: Some(BitsPerSecond(*bandwidth)),
                ..Rendition::new(Media::Video, identity)
            }
        };
        let mut renditions: Vec<Rendition> = variants.iter().map(variant).collect();
        tell_apart(&mut renditions.iter_mut().collect::<Vec<_>>());
        renditions.into_iter().map(|r| r.identity).collect()
    }

    #[test]
    fn variants_that_differ_in_a_query_parameter_keep_their_identity_in_every_order_of_bit_rates() {
        let [a, b] = <[_; 2]>::try_from(identities(&[("v?id=1&t=7", 450), ("v?id=2&t=7", 460)])).unwrap();
        assert_ne!(a, b);
        assert_eq!(
            identities(&[("v?id=1&t=8", 490), ("v?id=2&t=8", 460)]),
            [a.clone(), b.clone()],
            "a shared token says nothing"
        );
        assert_eq!(identities(&[("v?id=2", 460), ("v?id=1", 450)]), [b, a]);
    }

    #[test]
    fn a_long_parameter_is_a_token_and_the_bit_rate_counts() {
        let signed = |first: u64| identities(&[("v?sig=0123456789abcdef0", first), ("v?sig=fedcba98765432100", 460)]);
        let [a, b] = <[_; 2]>::try_from(signed(450)).unwrap();
        assert_eq!(signed(490), [b, a]);
    }
}
