//! History of the encryption key in use over several probes.

use crate::facts::RenditionFacts;
use packager_media::crypt::AesKey;
use packager_media::drm::Uuid;
use packager_media::stream::{Segment, Timeline};
use packager_media::units::{Seconds, Timestamp};

/// The key of the newest segments, and the time since which it is in use. It is remembered for longer than the
/// template's `hold`, because keys stay for hours.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyUsage {
    /// Time by the exporter's clock at which the first segment with this key was the newest one. The key may have been
    /// used even before the first probe.
    pub since: Timestamp,
    key: Identity,
}

/// Properties of a key, the most reliable first. Its URI may stay while the key changes, and its key may stay while the
/// URI changes.
#[derive(Debug, Clone, PartialEq)]
struct Identity {
    secret: Option<AesKey>,
    /// Key identifier of the encrypted samples; `None` if it isn't known.
    kid: Option<Uuid>,
    /// KEYFORMAT, URI and KEYID of each key in force.
    named: Vec<(String, Option<String>, Option<Uuid>)>,
}

impl KeyUsage {
    #[cfg(test)]
    pub fn of(since: Timestamp) -> Self {
        Self { since, key: Identity { secret: None, kid: None, named: Vec::new() } }
    }

    /// Returns the key that is in use in the newest playlist, `timeline`. Its live edge hasn't moved since
    /// `edge_since`. While the newest segment is clear, as in ads, the key that was in use before remains.
    pub(super) fn next(
        before: Option<Self>,
        facts: &RenditionFacts,
        timeline: &Timeline,
        edge_since: Timestamp,
    ) -> Option<Self> {
        let Some(newest) = timeline.segments.last().filter(|s| !s.keys.is_empty()) else { return before };
        let key = Identity::of(newest, facts);
        match before {
            Some(known) if known.key.same(&key) => Some(Self { since: known.since, key: known.key.or(key) }),
            Some(known) if known.key.named == key.named => Some(Self { since: edge_since, key }),
            _ => Some(Self { since: Seconds(-alike(timeline, newest).0).after(edge_since), key }),
        }
    }
}

impl Identity {
    fn of(segment: &Segment, facts: &RenditionFacts) -> Self {
        let asked = segment.key.as_deref().and_then(|key| facts.keys.iter().find(|k| k.key.same_source(key)));
        let inspected = facts.segments.iter().rfind(|s| s.segment.number == segment.number);
        let mut tracks = inspected.and_then(|s| s.inspection.as_ref()).into_iter().flat_map(|i| &i.tracks);
        Self {
            secret: asked.and_then(|k| k.secret.clone()),
            kid: tracks.find_map(|t| t.encryption.as_ref()?.kid),
            named: segment.keys.iter().map(|k| (k.format().to_owned(), k.uri.clone(), k.key_id)).collect(),
        }
    }

    fn same(&self, other: &Self) -> bool {
        match (&self.secret, &other.secret, self.kid, other.kid) {
            (Some(one), Some(another), ..) => one == another,
            (.., Some(one), Some(another)) => one == another,
            _ => self.named == other.named,
        }
    }

    /// Fills the key, KID and URIs that the newer probe lacks with those of this earlier probe.
    fn or(self, newer: Self) -> Self {
        Self { secret: newer.secret.or(self.secret), kid: newer.kid.or(self.kid), named: newer.named }
    }
}

/// Returns the total duration of the newest segments that have the same keys.
fn alike(timeline: &Timeline, newest: &Segment) -> Seconds {
    let same = |s: &&Segment| {
        s.keys.len() == newest.keys.len()
            && s.keys.iter().zip(newest.keys.iter()).all(|(a, b)| a.same_source(b) && a.key_id == b.key_id)
    };
    timeline.segments.iter().rev().take_while(same).map(|s| s.duration).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{FailureKind, KeyFacts};
    use crate::testing::{self, at};
    use packager_media::stream::{Key, Media, Rendition, RenditionIdentity};
    use std::sync::Arc;

    fn key(uri: &str) -> Key {
        let uri = Some(uri.to_owned());
        Key { method: "AES-128".to_owned(), uri, iv: None, key_format: None, key_id: None }
    }

    /// Makes a playlist with segments of 2 s, each with the key of this URI, or clear for an empty URI.
    fn timeline(uris: &[&str]) -> Timeline {
        let segment = |(n, uri): (usize, &&str)| Segment {
            key: Some(key(uri).into()).filter(|_| !uri.is_empty()),
            keys: (!uri.is_empty()).then(|| key(uri)).into_iter().collect(),
            ..testing::segment(n as u64, testing::url("http://packager/1.ts"))
        };
        Timeline { segments: uris.iter().enumerate().map(segment).collect(), ..Timeline::default() }
    }

    /// Makes a test input: a rendition for which these key URIs answered with these keys. A key consists of 16 times
    /// the given byte.
    fn facts(answers: &[(&str, u8)]) -> RenditionFacts {
        let fetched = testing::failed(&testing::url("http://packager/key"), FailureKind::Timeout);
        let answer = |(uri, byte): &(&str, u8)| {
            let secret = AesKey::new(&[*byte; 16]);
            Arc::new(KeyFacts { key: key(uri), asked_at: at(0), fetched: fetched.clone(), secret })
        };
        let rendition = Rendition { name: "v".into(), ..Rendition::new(Media::Video, RenditionIdentity::place("v")) };
        RenditionFacts { keys: answers.iter().map(answer).collect(), ..RenditionFacts::unrequested(rendition) }
    }

    fn next(before: Option<KeyUsage>, uris: &[&str], answers: &[(&str, u8)], second: i64) -> Option<KeyUsage> {
        KeyUsage::next(before, &facts(answers), &timeline(uris), at(second))
    }

    #[test]
    fn a_key_counts_from_its_first_segment_and_over_clear_ads() {
        let first = next(None, &["", "a", "b", "b"], &[], 100);
        assert_eq!(first.as_ref().unwrap().since, at(96));
        let later = next(first.clone(), &["b", "b", "b"], &[], 102);
        assert_eq!(later.unwrap().since, at(96), "the list forgets, the memory doesn't");
        assert_eq!(next(first.clone(), &["b", "b", "c"], &[], 102).unwrap().since, at(100));
        let in_ad = next(first, &["b", ""], &[], 102);
        let after_ad = |uri| next(in_ad.clone(), &["", uri, uri], &[], 200).unwrap().since;
        assert_eq!((after_ad("b"), after_ad("c")), (at(96), at(196)));
        assert_eq!(next(None, &["", ""], &[], 100), None);
    }

    #[test]
    fn the_key_itself_counts_more_than_its_address() {
        let first = next(None, &["a", "a"], &[("a", 1)], 100);
        let renamed = next(first.clone(), &["a", "b"], &[("b", 1)], 102);
        assert_eq!(renamed.unwrap().since, at(96), "another address gives out the same key");
        let replaced = next(first.clone(), &["a", "a", "a"], &[("a", 2)], 102);
        assert_eq!(replaced.unwrap().since, at(102), "the same address gives out another key");
        let unasked = next(first, &["a", "a"], &[], 102).unwrap();
        assert_eq!(next(Some(unasked), &["a", "b"], &[("b", 1)], 104).unwrap().since, at(96));
    }

    #[test]
    fn in_an_mpd_a_key_begins_with_the_period_that_names_it() {
        let period = |id: &str, start: u32, kid: u8| {
            let protection = format!(
                "<ContentProtection schemeIdUri=\"urn:mpeg:dash:mp4protection:2011\" value=\"cenc\" \
                 default_KID=\"000102{kid:02}-0405-0607-0809-0a0b0c0d0e0f\"/>"
            );
            format!(
                "<Period id=\"{id}\" start=\"PT{start}S\"><AdaptationSet mimeType=\"video/mp4\">{protection}<SegmentTemplate \
                 media=\"{id}/$Number$\" duration=\"2\"/><Representation id=\"v\" bandwidth=\"1\"/></AdaptationSet></Period>"
            )
        };
        let listed = |second: i64, periods: &[String]| {
            let head =
                format!("<MPD type=\"dynamic\" availabilityStartTime=\"{}\" timeShiftBufferDepth=\"PT60S\">", at(0));
            let base = testing::url("http://packager/tv.mpd");
            let mpd =
                packager_media::dash::parse(format!("{head}{}</MPD>", periods.concat()).as_bytes(), &base).0.unwrap();
            packager_media::dash::renditions_at(&mpd, at(second)).remove(0).timeline
        };
        let (first, second) = (period("a", 0, 1), period("b", 30, 2));
        let facts = facts(&[]);
        let before = KeyUsage::next(None, &facts, &listed(30, std::slice::from_ref(&first)), at(30));
        assert_eq!(before.as_ref().unwrap().since, at(0));
        let rotated = KeyUsage::next(before.clone(), &facts, &listed(40, &[first.clone(), second]), at(40));
        assert_eq!(rotated.unwrap().since, at(30));
        let same = KeyUsage::next(before, &facts, &listed(40, &[first, period("b", 30, 1)]), at(40));
        assert_eq!(same.unwrap().since, at(0), "another Period, the same key");
    }
}
