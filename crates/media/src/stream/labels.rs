//! Labels of renditions: the names in gauges, findings and reports. No other module assigns them.
//!
//! A label says what the rendition is and never its bit rate, because packagers that measure BANDWIDTH write another
//! value in every manifest:
//!
//! * video: its height, `1080p` (`video` without a RESOLUTION); I-frame playlists: the same after `iframe-`;
//! * audio and text: `audio-vi`, `text-en`, by their language, else by the packager's name for them;
//! * then the codec unless it is the usual one (H.264 for video, AAC for audio; never for text): `1080p-hevc`, `audio-vi-ec3`;
//! * then `-hdr` for VIDEO-RANGE PQ or HLG.
//!
//! Equal labels are numbered from the highest declared bit rate to the lowest when they are first seen: `720p`, `720p-2`. So every
//! exporter gives the same labels to the same manifest, also after a restart. After that a label belongs to an identity
//! ([`LabelMemory`]): another bit rate, another order or a rendition that comes or goes doesn't rename the others.

use super::identity::{self, RenditionIdentity};
use super::{Media, Rendition};
use crate::units::{Seconds, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

const MAX_SLUG: usize = 64;
/// Largest number of characters that the manifest can choose in a label. Language tags have at most 35 (RFC 5646
/// 4.4.1).
const MAX_CHOSEN: usize = 36;
/// Time after which a label is free for any rendition, if no manifest lists its rendition any more.
const FORGET: Seconds = Seconds(3600.0);
/// Largest number of labels of renditions that are no longer listed. While there are more, new renditions are labelled
/// by their kind of media alone, so that a manifest with ever new names can't make ever more series.
const MAX_FREE: usize = 128;
/// Largest number of pairs of playlist addresses that are compared for one label.
const MAX_PAIRS: usize = 4096;

/// Returns `text` as an identifier of ASCII letters, digits, `-`, `_` and `.`, at most 64 characters. Consecutive other
/// characters become one `-`, and none stands at either end; the result is empty if nothing is left.
#[must_use]
pub fn slug(text: &str) -> String {
    bounded_slug(text, MAX_SLUG)
}

fn bounded_slug(text: &str, most: usize) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if slug.len() >= most {
            break;
        }
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '.' => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// Label of a rendition before a number is added.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct BaseLabel {
    /// `video`, `audio`, `text` or `iframe`; the label of a rendition that declares nothing else.
    kind: &'static str,
    /// First part of a label: kind of media with height or language, such as `1080p` or `audio-vi`. If the rendition's
    /// height or language changes, it gets another label.
    subject: String,
    /// Second part of a label: codec and dynamic range, such as `-hevc-hdr`; empty for H.264 or AAC without HDR. If
    /// they become known only after the label was given, the label doesn't change.
    details: String,
}

impl fmt::Display for BaseLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.subject, self.details)
    }
}

impl BaseLabel {
    fn of(rendition: &Rendition, i_frames: bool) -> Self {
        let kind = if i_frames { "iframe" } else { rendition.media.as_str() };
        let subject = match rendition.media {
            Media::Video => {
                let height = rendition.resolution.map(|r| format!("{}p", r.height));
                match height {
                    Some(height) if i_frames => format!("iframe-{height}"),
                    Some(height) => height,
                    None => kind.to_owned(),
                }
            }
            Media::Audio | Media::Text => match chosen(rendition) {
                chosen if chosen.is_empty() => kind.to_owned(),
                chosen => format!("{kind}-{chosen}"),
            },
        };
        let codec = unusual_codec(rendition).map(|codec| format!("-{codec}")).unwrap_or_default();
        let hdr = matches!(rendition.video_range.as_deref(), Some("PQ" | "HLG"));
        Self { kind, subject, details: format!("{codec}{}", if hdr { "-hdr" } else { "" }) }
    }

    /// Returns the label that uses only the rendition's kind of media.
    fn generic(&self) -> Self {
        Self { kind: self.kind, subject: self.kind.to_owned(), details: String::new() }
    }

    fn is_generic(&self) -> bool {
        self.subject == self.kind
    }
}

/// Returns the language of the rendition, else the name that the packager gave it. Languages are compared without
/// regard to case (RFC 5646 2.1.1).
fn chosen(rendition: &Rendition) -> String {
    let language = rendition.language.as_deref().map(|tag| bounded_slug(&tag.to_ascii_lowercase(), MAX_CHOSEN));
    let title = || rendition.title.as_deref().map(|title| bounded_slug(title, MAX_CHOSEN));
    language.filter(|tag| !tag.is_empty()).or_else(title).unwrap_or_default()
}

/// Returns the name in labels of the rendition's first known codec for its own kind of media. `None` if that is the
/// usual codec, which labels don't name, or if no codec is known.
fn unusual_codec(rendition: &Rendition) -> Option<&'static str> {
    let name: fn(&str) -> Option<&'static str> = match rendition.media {
        Media::Video => video_codec,
        Media::Audio => audio_codec,
        Media::Text => return None,
    };
    rendition.codecs.iter().find_map(|codec| name(&codec.to_ascii_lowercase())).filter(|name| !name.is_empty())
}

/// Returns what a rendition's label says of its video codec, from the sample entry's name. Empty for H.264, which labels
/// don't mention; `None` for an unknown codec.
fn video_codec(codec: &str) -> Option<&'static str> {
    Some(match codec.split('.').next()? {
        "avc1" | "avc2" | "avc3" | "avc4" | "dva1" | "dvav" => "",
        "hvc1" | "hvc2" | "hvc3" | "hev1" | "hev2" | "hev3" | "dvh1" | "dvhe" => "hevc",
        "vvc1" | "vvi1" | "dvc1" | "dvi1" => "vvc",
        "av01" | "dav1" => "av1",
        "vp08" | "vp8" => "vp8",
        "vp09" | "vp9" => "vp9",
        "evc1" => "evc",
        "mp4v" => "mp4v",
        _ => return None,
    })
}

/// Returns the label name of an audio codec by its sample entry and, for `mp4a`, its object type (MP4 Registration
/// Authority); empty for AAC, `None` for an unknown codec.
fn audio_codec(codec: &str) -> Option<&'static str> {
    Some(match codec.split('.').next()? {
        "mp4a" => match codec {
            "mp4a.40.34" | "mp4a.69" | "mp4a.6b" | "mp4a.40.33" => "mp3",
            "mp4a.a5" => "ac3",
            "mp4a.a6" => "ec3",
            "mp4a.ad" => "opus",
            _ => "",
        },
        "mp3" => "mp3",
        "ac-3" => "ac3",
        "ec-3" => "ec3",
        "ac-4" => "ac4",
        "opus" => "opus",
        "flac" => "flac",
        "alac" => "alac",
        "vorbis" => "vorbis",
        "dtsc" | "dtse" | "dtsh" | "dtsl" | "dtsx" | "dtsy" => "dts",
        "mha1" | "mha2" | "mhm1" | "mhm2" => "mpegh",
        "iamf" => "iamf",
        "apac" => "apac",
        _ => return None,
    })
}

/// Makes the identities of a manifest's renditions unique, and assigns labels as if the manifest were the first of its
/// output.
pub(crate) fn assign_at_first_sight(renditions: &mut [&mut Rendition], i_frames: &mut [&mut Rendition]) {
    identity::tell_apart(renditions);
    identity::tell_apart(i_frames);
    LabelMemory::default().assign(renditions, i_frames, Timestamp::UNIX_EPOCH);
}

/// The labels that the renditions of one output have had, to keep them across manifests.
#[derive(Debug, Clone, Default)]
pub struct LabelMemory {
    entries: Vec<LabelEntry>,
}

/// A label and the rendition that has it, or had it last.
#[derive(Debug, Clone)]
struct LabelEntry {
    label: String,
    base: BaseLabel,
    identity: RenditionIdentity,
    /// Path of the rendition's playlist; `None` without one.
    address: Option<String>,
    /// Whether the newest manifest lists the rendition.
    listed: bool,
    last_listed: Timestamp,
}

/// A rendition that continues a rendition of the previous manifest under a new identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Succession {
    /// Identity that the previous manifest listed.
    pub from: RenditionIdentity,
    /// Identity by which the newest manifest lists the same rendition now.
    pub to: RenditionIdentity,
}

/// A rendition of the newest manifest while it is being labelled.
struct Draft<'r> {
    rendition: &'r mut Rendition,
    base: BaseLabel,
    /// Index of the rendition's label in [`LabelMemory`]; `None` until a label was assigned.
    entry: Option<usize>,
}

impl<'r> Draft<'r> {
    fn new(rendition: &'r mut Rendition, i_frames: bool) -> Self {
        Self { base: BaseLabel::of(rendition, i_frames), rendition, entry: None }
    }
}

impl LabelMemory {
    /// Moves the times at which renditions were listed by a step of the clock: forwards above 0, back below.
    pub fn shift(&mut self, by: Seconds) {
        self.entries.iter_mut().for_each(|entry| entry.last_listed = by.after(entry.last_listed));
    }

    /// Assigns labels to the renditions of a manifest. A rendition keeps the label of its identity, unless it declares
    /// another height or language than the label says. A new rendition takes the label of an equal rendition that is no
    /// longer listed, or else a new label.
    ///
    /// Returns the renditions that continue under another identity than before. Their playlist has the same path, or
    /// neither the old nor the new identity was chosen by the packager.
    pub fn assign(
        &mut self,
        renditions: &mut [&mut Rendition],
        i_frames: &mut [&mut Rendition],
        now: Timestamp,
    ) -> Vec<Succession> {
        self.entries.retain(|e| e.listed || Seconds::between(e.last_listed, now) < FORGET);
        let renditions = renditions.iter_mut().map(|r| Draft::new(r, false));
        let mut drafts: Vec<Draft<'_>> = renditions.chain(i_frames.iter_mut().map(|r| Draft::new(r, true))).collect();
        self.recognize(&mut drafts);
        let mut successions = self.renamed(&mut drafts);
        let known: HashSet<usize> = drafts.iter().filter_map(|d| d.entry).collect();
        let mut new: Vec<&mut Draft<'_>> = drafts.iter_mut().filter(|d| d.entry.is_none()).collect();
        new.sort_by_cached_key(|d| identity::order(d.rendition));
        successions.extend(self.place(&mut new, &known));
        self.list(drafts, now);
        successions
    }

    /// Finds the labels of renditions whose identity is known from an earlier manifest.
    fn recognize(&self, drafts: &mut [Draft<'_>]) {
        let mut known: HashMap<&RenditionIdentity, Vec<(usize, &LabelEntry)>> = HashMap::new();
        for (at, entry) in self.entries.iter().enumerate() {
            known.entry(&entry.identity).or_default().push((at, entry));
        }
        for draft in drafts {
            let entries = known.get(&draft.rendition.identity).map(Vec::as_slice).unwrap_or_default();
            let fitting = entries.iter().filter(|(_, e)| e.base.fits(&draft.base));
            draft.entry = fitting.max_by_key(|(_, e)| (e.listed, e.last_listed)).map(|(at, _)| *at);
        }
    }

    /// Finds the labels of audio and text renditions without language whose packager has given them another name, such as one with
    /// a measured bit rate: their playlist has the same path. Returns them as renditions that continue under another identity.
    fn renamed(&self, drafts: &mut [Draft<'_>]) -> Vec<Succession> {
        let taken: HashSet<usize> = drafts.iter().filter_map(|d| d.entry).collect();
        let mut at_address: HashMap<(&str, String), Vec<usize>> = HashMap::new();
        for (at, entry) in self.entries.iter().enumerate().filter(|(at, e)| e.listed && !taken.contains(at)) {
            if let Some(address) = &entry.address {
                at_address.entry((entry.base.kind, address.clone())).or_default().push(at);
            }
        }
        let mut successions = Vec::new();
        for draft in drafts.iter_mut().filter(|d| d.entry.is_none() && d.rendition.language.is_none()) {
            let Some(address) = address(draft.rendition).filter(|_| draft.rendition.media != Media::Video) else {
                continue;
            };
            // An address that several labels have had says nothing, and one that was taken leads to no second rendition.
            let Some(only) = at_address.remove(&(draft.base.kind, address)).filter(|all| all.len() == 1) else {
                continue;
            };
            let Some((at, entry)) = only.first().and_then(|at| Some((*at, self.entries.get(*at)?))) else { continue };
            successions.push(Succession { from: entry.identity.clone(), to: draft.rendition.identity.clone() });
            draft.entry = Some(at);
        }
        successions
    }

    /// Assigns labels to the new renditions, in the order in which labels get their numbers. `known` are the indexes of
    /// the labels that other renditions of the manifest have. Returns the renditions that continue under another
    /// identity.
    fn place(&mut self, new: &mut [&mut Draft<'_>], known: &HashSet<usize>) -> Vec<Succession> {
        let mut free = self.free_labels(known);
        let crowded = self.entries.len() - known.len() >= MAX_FREE;
        let bases: HashSet<BaseLabel> = self.entries.iter().filter(|_| crowded).map(|e| e.base.clone()).collect();
        let mut groups: BTreeMap<BaseLabel, Vec<&mut Draft<'_>>> = BTreeMap::new();
        for draft in new {
            if crowded && !bases.contains(&draft.base) {
                draft.base = draft.base.generic();
            }
            groups.entry(draft.base.clone()).or_default().push(draft);
        }
        let names: HashSet<String> = groups.keys().map(BaseLabel::to_string).collect();
        let mut successions = Vec::new();
        for (base, mut equal) in groups {
            let mut free = free.remove(&base).unwrap_or_default();
            for (draft, entry) in self.successors(&equal, &free) {
                free.retain(|at| *at != entry);
                let (Some(draft), Some(before)) = (equal.get_mut(draft), self.entries.get(entry)) else { continue };
                successions.push(Succession { from: before.identity.clone(), to: draft.rendition.identity.clone() });
                draft.entry = Some(entry);
            }
            let rest = equal.into_iter().filter(|d| d.entry.is_none());
            self.number(&base, &names, rest, free.into_iter());
        }
        successions
    }

    /// Returns the indexes of the labels that no rendition of the manifest has, for each label without number. They are
    /// in the order of their numbers.
    fn free_labels(&self, known: &HashSet<usize>) -> BTreeMap<BaseLabel, Vec<usize>> {
        let mut free: Vec<_> = (0..).zip(&self.entries).filter(|(at, _)| !known.contains(at)).collect();
        free.sort_by_key(|(_, entry)| (entry.label.len(), &entry.label));
        let mut by_base: BTreeMap<BaseLabel, Vec<usize>> = BTreeMap::new();
        for (at, entry) in free {
            by_base.entry(entry.base.clone()).or_default().push(at);
        }
        by_base
    }

    /// Pairs new renditions with unused labels whose earlier rendition they continue. Returns indexes into `new` and
    /// into the memory of labels. The pairs with the most similar addresses come first, because several renditions may
    /// have changed the session in their addresses at once.
    fn successors(&self, new: &[&mut Draft<'_>], free: &[usize]) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        for (draft, rendition) in new.iter().map(|d| &*d.rendition).enumerate() {
            let entries = free.iter().filter_map(|at| Some((*at, self.entries.get(*at)?)));
            let left = MAX_PAIRS.saturating_sub(pairs.len());
            pairs.extend(entries.filter_map(|(at, e)| Some((e.similarity(rendition)?, draft, at))).take(left));
        }
        pairs.sort_by_key(|(similarity, ..)| std::cmp::Reverse(*similarity));
        let (mut drafts, mut entries) = (HashSet::new(), HashSet::new());
        let unused = pairs.into_iter().filter(|(_, draft, entry)| {
            let unused = !drafts.contains(draft) && !entries.contains(entry);
            unused && drafts.insert(*draft) && entries.insert(*entry)
        });
        unused.map(|(_, draft, entry)| (draft, entry)).collect()
    }

    /// Gives each new rendition an unused label of its kind, or else a new label with the lowest number. `names` are
    /// the labels without numbers that the manifest's other renditions need. They aren't used as numbered labels,
    /// because a rendition may be named `en-2`.
    fn number<'d, 'r: 'd>(
        &mut self,
        base: &BaseLabel,
        names: &HashSet<String>,
        new: impl Iterator<Item = &'d mut Draft<'r>>,
        mut free: impl Iterator<Item = usize>,
    ) {
        let taken: HashSet<String> = self.entries.iter().map(|e| e.label.clone()).collect();
        let numbered = (2..).map(|n: u32| format!("{base}-{n}")).filter(|label| !names.contains(label));
        let mut labels = std::iter::once(base.to_string()).chain(numbered).filter(|label| !taken.contains(label));
        for draft in new {
            draft.entry = free.next().or_else(|| {
                let entry = LabelEntry::new(labels.next()?, base, &draft.rendition.identity);
                self.entries.push(entry);
                self.entries.len().checked_sub(1)
            });
        }
    }

    /// Writes the labels into the renditions, and remembers which labels the manifest lists.
    fn list(&mut self, drafts: Vec<Draft<'_>>, now: Timestamp) {
        self.entries.iter_mut().for_each(|e| e.listed = false);
        for Draft { rendition, entry, .. } in drafts {
            let Some(entry) = entry.and_then(|at| self.entries.get_mut(at)) else { continue };
            rendition.name.clone_from(&entry.label);
            entry.identity.clone_from(&rendition.identity);
            entry.address = address(rendition);
            (entry.listed, entry.last_listed) = (true, now.max(entry.last_listed));
        }
    }
}

impl BaseLabel {
    /// Returns whether a rendition may keep this label although its declaration now leads to the label `now`. It may if
    /// the kind of media is the same, and the height or language is the same or no longer declared.
    fn fits(&self, now: &Self) -> bool {
        self.kind == now.kind && (self.subject == now.subject || now.is_generic())
    }
}

impl LabelEntry {
    fn new(label: String, base: &BaseLabel, identity: &RenditionIdentity) -> Self {
        Self {
            label,
            base: base.clone(),
            identity: identity.clone(),
            address: None,
            listed: false,
            last_listed: Timestamp::UNIX_EPOCH,
        }
    }

    /// Returns how similar the addresses of this label's earlier rendition and of the new rendition are; higher is more
    /// similar, and `usize::MAX` is equal. `None` if the new rendition can't be its continuation.
    fn similarity(&self, new: &Rendition) -> Option<usize> {
        if self.address.is_some() && self.address == address(new) {
            return Some(usize::MAX);
        }
        let unnamed = !self.identity.is_named() && !new.identity.is_named();
        (unnamed && self.listed).then(|| common_ends(self.identity.text(), new.identity.text()))
    }
}

/// Returns the path of the rendition's playlist; `None` without one.
fn address(rendition: &Rendition) -> Option<String> {
    rendition.uri.as_ref().map(|uri| uri.path().to_owned())
}

/// Returns the number of bytes that two texts have in common at their beginnings and ends.
fn common_ends(a: &str, b: &str) -> usize {
    let begin = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let end = a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count();
    (begin + end).min(a.len()).min(b.len())
}

#[cfg(test)]
mod tests;
