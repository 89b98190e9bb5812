//! Names of renditions: readable, the same in every probe, unique in their output.

use crate::stream::{Media, Rendition};
use std::collections::{HashMap, HashSet};

const MAX_NAME: usize = 64;

/// `text` as an identifier of ASCII letters, digits, `-`, `_` and `.`, at most 64 of them. Every run of other characters becomes
/// one `-`, and none stands at either end; the result is empty if nothing is left.
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if slug.len() >= MAX_NAME {
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

/// Name of a rendition before [`make_unique`]. `label` is its language, or the name that the packager gives it; it becomes part of
/// the names of audio and text.
pub fn base_name(rendition: &Rendition, label: &str) -> String {
    let label = Some(slug(label)).filter(|l| !l.is_empty());
    let rate = rendition.bandwidth.map(|b| format!("{}k", b.0.saturating_add(500) / 1000));
    let height = rendition.resolution.map(|r| format!("{}p", r.height));
    let media = Some(rendition.media.as_str().to_owned());
    let parts = match rendition.media {
        Media::Video if height.is_some() || rate.is_some() => [height, rate, None],
        Media::Video | Media::Text => [media, label, None],
        Media::Audio => [media, label, rate],
    };
    parts.into_iter().flatten().collect::<Vec<String>>().join("-")
}

/// Makes names unique: the second rendition of one name gets `-2`, the third `-3`, in the order of the manifest.
pub fn make_unique(renditions: &mut [Rendition]) {
    let mut taken: HashSet<String> = HashSet::new();
    let mut next: HashMap<String, u32> = HashMap::new();
    for rendition in renditions {
        let base = rendition.name.clone();
        while !taken.insert(rendition.name.clone()) {
            let number = next.entry(base.clone()).or_insert(1);
            *number += 1;
            rendition.name = format!("{base}-{number}");
        }
    }
}
