//! Names of segments over several probes: URIs in which one common part was renamed everywhere count as the same URIs.
//!
//! A packager or CDN may write the viewer's session into every path (`media_w1234_7.ts`), and an edge server to which a
//! request was redirected may have its own folder. Each session then lists the same segments under other names.
//! Therefore names are compared after such a part is put back to what it was when it was first seen.

use packager_media::stream::{Key, Segment, Timeline};
use packager_media::units::{Seconds, Timestamp};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use url::Url;

/// Largest number of segment URIs of a playlist that are remembered for the comparison with the next one: the newest
/// segments' URIs.
const MAX_URIS: usize = 32;
/// Largest length in bytes of a URI that is split into words and separators to find renamed parts.
const MAX_URI: usize = 2048;
/// Largest difference in seconds between two program date-times of the same segment; dates further apart belong to two
/// segments (RFC 8216bis 6.2.1).
pub(crate) const SAME_DATE: f64 = 2.0;

/// URIs of the newest segments in the last playlist, and the parts that were renamed in all its URIs.
#[derive(Debug, Clone, Default)]
pub(super) struct UriNames {
    names: Vec<KnownName>,
    renaming: Renaming,
}

/// Name of a listed segment.
#[derive(Debug, Clone)]
struct KnownName {
    number: u64,
    /// Path of the segment's URI (and query, if that identifies the segment), with renamed parts put back to what they
    /// were when they were first seen.
    name: String,
    date: Option<Timestamp>,
}

/// Parts of segment URIs that the packager or CDN renamed in all segments, such as a session's id, with their earlier
/// text. Empty if nothing was renamed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Renaming(Vec<RenamedPart>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct RenamedPart {
    /// Index of the part in the current URI, split into words and separators by [`parts`].
    at: usize,
    now: Vec<String>,
    first: Vec<String>,
}

impl UriNames {
    /// Compares the listed URIs with the remembered ones, and returns which parts were renamed in all of them. If no
    /// listed segment is remembered, it returns the renaming of the last playlist.
    pub(super) fn renaming(&self, timeline: &Timeline, query_identifies: bool) -> Renaming {
        let known: HashMap<u64, &KnownName> = self.names.iter().map(|known| (known.number, known)).collect();
        let listed = newest(timeline, query_identifies);
        let pairs: Vec<(&KnownName, &KnownName)> =
            listed.iter().filter_map(|new| Some((*known.get(&new.number)?, new))).collect();
        if pairs.is_empty() {
            return self.renaming.clone();
        }
        if pairs.iter().any(|(old, new)| old.name == new.name) || !self.goes_on(&listed, &pairs) {
            return Renaming::default();
        }
        self.common_part(&listed, &pairs).unwrap_or_default()
    }

    /// Remembers the URIs of the segments in a playlist, with renamed parts put back to what they were when they were
    /// first seen.
    pub(super) fn remember(&mut self, timeline: &Timeline, query_identifies: bool, renaming: Renaming) {
        self.names = newest(timeline, query_identifies);
        for known in &mut self.names {
            known.name = renaming.first_name(&known.name);
        }
        self.renaming = renaming;
    }

    /// Returns the [`uri_identity`] of a resource that isn't a segment, such as an initialization segment. If it
    /// contains a part that was renamed in the segments' URIs, at any place, the part is put back to its first text.
    pub(super) fn resource_identity(&self, uri: &Url, query_identifies: bool) -> u64 {
        hash_of(self.renaming.renamed_back(&name_of(uri, query_identifies)))
    }

    /// Returns whether the playlist continues the remembered one: its newest number isn't lower, or the same numbers
    /// have the same dates. A restarted packager that uses the same numbers in another folder does neither, so its
    /// other folder isn't taken for a renaming.
    fn goes_on(&self, listed: &[KnownName], pairs: &[(&KnownName, &KnownName)]) -> bool {
        let newest = |names: &[KnownName]| names.last().map(|known| known.number);
        let same_date = |(old, new): &(&KnownName, &KnownName)| {
            old.date.zip(new.date).is_some_and(|(was, is)| Seconds::between(was, is).0.abs() <= SAME_DATE)
        };
        newest(listed) >= newest(&self.names) || pairs.iter().all(same_date)
    }

    /// Returns the change of parts that is the same in most segments. It must be so for more than half of the segments
    /// in both lists. More than half of the listed URIs must contain the new text, and more than half of the remembered
    /// URIs the old text. `None`: there is no such change, because the parts that differ belong to single segments.
    fn common_part(&self, listed: &[KnownName], pairs: &[(&KnownName, &KnownName)]) -> Option<Renaming> {
        let mut counts: HashMap<Renaming, usize> = HashMap::new();
        for (old, new) in pairs {
            *counts.entry(Renaming::between(&old.name, &new.name)?).or_insert(0) += 1;
        }
        let (renaming, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        let common = |names: &[KnownName], has: &dyn Fn(&Renaming, &[&str]) -> bool| {
            let fitting: HashSet<&str> =
                names.iter().map(|known| known.name.as_str()).filter(|name| has(&renaming, &parts(name))).collect();
            let all: HashSet<&str> = names.iter().map(|known| known.name.as_str()).collect();
            2 * fitting.len() > all.len() && (fitting.len() > 1 || count > 1)
        };
        let everywhere = common(listed, &Renaming::is_now) && common(&self.names, &Renaming::was_first);
        (2 * count > pairs.len() && everywhere).then_some(renaming)
    }
}

impl Renaming {
    /// Returns the parts in which two names differ. `None` if a name is too long to be compared.
    fn between(first: &str, now: &str) -> Option<Self> {
        if first.len().max(now.len()) > MAX_URI {
            return None;
        }
        let (first, now) = (parts(first), parts(now));
        let owned = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<String>>();
        if first.len() == now.len() {
            let pairs = (0..).zip(first.iter().zip(&now)).filter(|(_, (first, now))| first != now);
            let part = |(at, (first, now)): (usize, (&&str, &&str))| RenamedPart {
                at,
                now: owned(&[*now]),
                first: owned(&[*first]),
            };
            return Some(Self(pairs.map(part).collect()));
        }
        let begin = first.iter().zip(&now).take_while(|(a, b)| a == b).count();
        let longest_end = first.len().min(now.len()) - begin;
        let ends = first.iter().rev().zip(now.iter().rev()).take(longest_end);
        let end = ends.take_while(|(a, b)| a == b).count();
        let middle = |parts: &[&str]| owned(parts.get(begin..parts.len() - end).unwrap_or_default());
        Some(Self(vec![RenamedPart { at: begin, now: middle(&now), first: middle(&first) }]))
    }

    /// Returns whether a URI, split into its parts, has the current text of each renamed part at the same index.
    fn is_now(&self, parts: &[&str]) -> bool {
        self.0.iter().all(|part| has(parts, part.at, &part.now))
    }

    /// Returns whether a URI, split into its parts, has the first text of each renamed part at the same index.
    fn was_first(&self, parts: &[&str]) -> bool {
        self.0.iter().all(|part| has(parts, part.at, &part.first))
    }

    /// Returns a URI in which each renamed part has its first text again. A URI that doesn't contain the current text
    /// of the renamed parts is returned unchanged.
    fn first_name(&self, name: &str) -> String {
        let parts = parts(name);
        if self.0.is_empty() || !self.is_now(&parts) {
            return name.to_owned();
        }
        let mut text = String::with_capacity(name.len());
        let mut next = 0;
        for part in &self.0 {
            text.extend(parts.get(next..part.at).unwrap_or_default().iter().copied());
            text.extend(part.first.iter().map(String::as_str));
            next = part.at + part.now.len();
        }
        text.extend(parts.get(next..).unwrap_or_default().iter().copied());
        text
    }

    /// Returns the [`uri_identity`] of a segment, in whose URI each renamed part has its first text again.
    pub(super) fn segment_identity(&self, uri: &Url, query_identifies: bool) -> u64 {
        hash_of(self.first_name(&name_of(uri, query_identifies)))
    }

    /// Returns a hash of a key's method, URI and IV. The host of an http(s) URI is left out, as for segments.
    pub(super) fn key_identity(&self, key: &Key, query_identifies: bool) -> u64 {
        let uri = key.uri.as_deref().unwrap_or_default();
        let http = Url::parse(uri).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let name = match http {
            Some(url) => name_of(&url, query_identifies),
            None if query_identifies => uri.to_owned(),
            None => uri.split('?').next().unwrap_or_default().to_owned(),
        };
        hash_of((&key.method, self.renamed_back(&name), &key.iv))
    }

    fn renamed_back(&self, name: &str) -> String {
        let mut text: Vec<String> = parts(name).into_iter().map(str::to_owned).collect();
        for part in self.0.iter().filter(|part| !part.now.is_empty()) {
            let place = text.windows(part.now.len()).position(|window| window == part.now.as_slice());
            if let Some(at) = place {
                text.splice(at..at + part.now.len(), part.first.iter().cloned());
            }
        }
        text.concat()
    }
}

/// Returns a hash of the part of a URI that identifies a resource. It leaves out the host, which may be another CDN
/// node's after a redirect, and the query unless `query_identifies`, because queries often contain tokens that change
/// with every request.
pub(super) fn uri_identity(uri: &Url, query_identifies: bool) -> u64 {
    hash_of(name_of(uri, query_identifies))
}

fn hash_of(value: impl Hash) -> u64 {
    let mut hash = DefaultHasher::new();
    value.hash(&mut hash);
    hash.finish()
}

fn has(parts: &[&str], at: usize, wanted: &[String]) -> bool {
    parts.get(at..at + wanted.len()).is_some_and(|there| there.iter().zip(wanted).all(|(a, b)| a == b))
}

/// Splits a name into parts: consecutive letters and digits are one part, and each other character is one.
fn parts(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let length = match first.is_alphanumeric() {
            true => rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (part, after) = rest.split_at(length);
        parts.push(part);
        rest = after;
    }
    parts
}

fn name_of(uri: &Url, query_identifies: bool) -> String {
    let query = uri.query().filter(|_| query_identifies);
    query.map_or_else(|| uri.path().to_owned(), |query| format!("{}?{query}", uri.path()))
}

/// Returns the names of the newest listed segments, oldest first.
fn newest(timeline: &Timeline, query_identifies: bool) -> Vec<KnownName> {
    let skip = timeline.segments.len().saturating_sub(MAX_URIS);
    let known = |s: &Segment| KnownName {
        number: s.number,
        name: name_of(&s.uri, query_identifies),
        date: s.program_date_time,
    };
    timeline.segments.iter().skip(skip).map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn segment(number: u64, path: &str) -> Segment {
        let uri = testing::url("https://edge1.example.com/").join(path).unwrap();
        Segment { after: None, ..testing::segment(number, uri) }
    }

    /// Makes a playlist with segments of the numbers `first` to `last`, whose paths `path` returns.
    fn list(first: u64, last: u64, path: impl Fn(u64) -> String) -> Timeline {
        Timeline { segments: (first..=last).map(|n| segment(n, &path(n))).collect(), ..Timeline::default() }
    }

    /// Compares each of these playlists with the previous one. Returns for each playlist after the first the numbers of
    /// the segments whose URI identities changed.
    fn changed(lists: &[Timeline]) -> Vec<Vec<u64>> {
        let mut names = UriNames::default();
        let mut before: HashMap<u64, u64> = HashMap::new();
        let mut changed = Vec::new();
        for list in lists {
            let renaming = names.renaming(list, false);
            let identity = |s: &Segment| (s.number, renaming.segment_identity(&s.uri, false));
            let now: HashMap<u64, u64> = list.segments.iter().map(identity).collect();
            let mut numbers: Vec<u64> =
                now.iter().filter(|(n, id)| before.get(n).is_some_and(|old| old != *id)).map(|(n, _)| *n).collect();
            numbers.sort_unstable();
            changed.push(numbers);
            names.remember(list, false, renaming);
            before = now;
        }
        changed.split_off(1)
    }

    fn holds(first: impl Fn(u64) -> String, second: impl Fn(u64) -> String, third: impl Fn(u64) -> String) {
        let none: Vec<u64> = Vec::new();
        let lists = [list(5, 10, first), list(6, 11, second), list(7, 12, third)];
        assert_eq!(changed(&lists), [none.clone(), none]);
    }

    #[test]
    fn a_part_that_all_names_have_may_be_another_one() {
        holds(|n| format!("media_w1_{n}.ts"), |n| format!("media_w22_{n}.ts"), |n| format!("media_w7_{n}.ts"));
        holds(|n| format!("s/a1/{n}.ts"), |n| format!("s/b2/{n}.ts"), |n| format!("s/a1/{n}.ts"));
        holds(|n| format!("{n}/w1.ts"), |n| format!("{n}/w2.ts"), |n| format!("{n}/w3.ts"));
        holds(|n| format!("5/a/{n}.ts"), |n| format!("9/a/{n}.ts"), |n| format!("10/a/{n}.ts"));
        holds(|n| format!("s1/v_s1_{n}.ts"), |n| format!("s2/v_s2_{n}.ts"), |n| format!("s2/v_s2_{n}.ts"));
        holds(|n| format!("live/{n}.ts"), |n| format!("edge/7/live/{n}.ts"), |n| format!("live/{n}.ts"));
        let id = "3f2a-11ee_be56";
        holds(|n| format!("a-b/{n}.ts"), move |n| format!("{id}/{n}.ts"), |n| format!("plain/{n}.ts"));
    }

    #[test]
    fn one_segment_in_common_is_enough_where_all_names_have_the_part() {
        let lists = [list(5, 10, |n| format!("w1_{n}.ts")), list(10, 15, |n| format!("w2_{n}.ts"))];
        assert_eq!(changed(&lists), [Vec::<u64>::new()]);
        let next = [lists, [list(20, 25, |n| format!("w2_{n}.ts")), list(21, 26, |n| format!("w2_{n}.ts"))]].concat();
        assert_eq!(changed(&next)[2], Vec::<u64>::new(), "a window that was missed ends no renaming");
        let lists =
            [list(5, 10, |n| format!("{n}.ts")), list(10, 15, |n| format!("{n}{}.ts", if n == 10 { "b" } else { "" }))];
        assert_eq!(changed(&lists), [vec![10]]);
    }

    #[test]
    fn names_that_differ_by_their_own_parts_are_others() {
        let plain = |n| format!("{n}.ts");
        assert_eq!(changed(&[list(5, 10, plain), list(6, 11, |n| format!("{}.ts", n + 1))]), [vec![6, 7, 8, 9, 10]]);
        assert_eq!(changed(&[list(5, 9, plain), list(5, 9, |n| format!("1{n}.ts"))]), [vec![5, 6, 7, 8, 9]]);
        assert_eq!(changed(&[list(5, 9, plain), list(9, 9, |n| format!("{n}b.ts"))]), [vec![9]]);
        let some = |n| format!("{}/{n}.ts", if n < 8 { "a" } else { "b" });
        assert_eq!(changed(&[list(5, 10, |n| format!("a/{n}.ts")), list(5, 10, some)]), [vec![8, 9, 10]]);
    }

    #[test]
    fn a_rewritten_segment_is_found_among_renamed_ones() {
        let lists = [
            list(5, 10, |n| format!("w1/{n}.ts")),
            list(6, 11, |n| if n == 8 { "w2/slate.ts".to_owned() } else { format!("w2/{n}.ts") }),
        ];
        assert_eq!(changed(&lists), [vec![8]]);
    }

    #[test]
    fn a_window_that_went_back_was_not_renamed_unless_its_dates_say_so() {
        let mut lists = [list(5, 10, |n| format!("run1/{n}.ts")), list(3, 8, |n| format!("run2/{n}.ts"))];
        assert_eq!(changed(&lists), [vec![5, 6, 7, 8]]);
        for segment in lists.iter_mut().flat_map(|list| &mut list.segments) {
            segment.program_date_time = Some(Timestamp::from_second(1_800_000_000 + segment.number as i64).unwrap());
        }
        assert_eq!(changed(&lists), [Vec::<u64>::new()]);
    }

    #[test]
    fn a_key_is_renamed_with_the_segments_and_its_host_does_not_count() {
        let key = |uri: &str| Key {
            method: "AES-128".into(),
            uri: Some(uri.into()),
            iv: None,
            key_format: None,
            key_id: None,
        };
        let mut names = UriNames::default();
        let first = list(5, 10, |n| format!("live/s1/{n}.ts"));
        names.remember(&first, false, Renaming::default());
        let renaming = names.renaming(&list(6, 11, |n| format!("live/s2/{n}.ts")), false);
        let before = Renaming::default().key_identity(&key("https://edge1.example.com/keys/s1/1.key?token=1"), false);
        let now = |uri: &str| renaming.key_identity(&key(uri), false);
        assert_eq!(now("https://edge2.example.com/keys/s2/1.key?token=2"), before);
        assert_ne!(now("https://edge2.example.com/keys/s2/2.key?token=2"), before);
        assert_ne!(now("skd://s1/1"), now("skd://s1/2"));
    }

    #[test]
    fn names_of_hostile_length_are_compared_as_a_whole() {
        let long = |session: &'static str| move |n| format!("{session}/{}/{n}.ts", "x/".repeat(3_000));
        assert_eq!(changed(&[list(5, 6, long("a")), list(5, 6, long("b"))]), [vec![5, 6]]);
    }
}
