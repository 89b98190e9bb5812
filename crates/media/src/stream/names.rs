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
pub(crate) fn base_name(rendition: &Rendition, label: &str) -> String {
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
pub(crate) fn make_unique(renditions: &mut [Rendition]) {
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

#[cfg(test)]
mod tests {
    use super::*;

    use crate::stream::Resolution;
    use crate::units::BitsPerSecond;

    fn rendition(media: Media, bandwidth: Option<u64>, height: Option<u32>) -> Rendition {
        Rendition {
            name: String::new(),
            media,
            uri: None,
            id: None,
            bandwidth: bandwidth.map(BitsPerSecond),
            average_bandwidth: None,
            codecs: Vec::new(),
            resolution: height.map(|height| Resolution { width: 1, height }),
            frame_rate: None,
            language: None,
            group: None,
            video_range: None,
            captions: None,
            supplemental: Vec::new(),
            channels: None,
            line: None,
        }
    }

    #[test]
    fn a_slug_has_one_dash_for_each_run_of_other_characters_and_none_at_its_ends() {
        assert_eq!(slug("Tiếng  Việt!"), "Ti-ng-Vi-t");
        assert_eq!(slug("--a_b.c--1--"), "a_b.c-1");
        assert_eq!(slug("日本"), "");
    }

    #[test]
    fn a_slug_has_at_most_64_characters() {
        assert_eq!(slug(&"a".repeat(64)).len(), 64);
        assert_eq!(slug(&"a".repeat(65)).len(), 64);
        assert_eq!(slug(&("a".repeat(63) + " b")), "a".repeat(63), "no dash at the cut");
    }

    #[test]
    fn a_name_rounds_the_bit_rate_to_thousands() {
        let name = |media, bandwidth, height| base_name(&rendition(media, bandwidth, height), "vi");
        assert_eq!(name(Media::Video, Some(4_500_499), Some(1080)), "1080p-4500k");
        assert_eq!(name(Media::Video, Some(4_500_500), None), "4501k");
        assert_eq!(name(Media::Video, None, Some(720)), "720p");
        assert_eq!(name(Media::Video, None, None), "video-vi");
        assert_eq!(name(Media::Audio, Some(64_000), None), "audio-vi-64k");
        assert_eq!(name(Media::Text, Some(64_000), None), "text-vi");
        assert_eq!(base_name(&rendition(Media::Audio, None, None), "!"), "audio");
    }

    #[test]
    fn a_number_that_is_taken_is_passed_over() {
        let mut all: Vec<Rendition> = ["a", "a-2", "a", "a"]
            .map(|name| Rendition { name: name.to_owned(), ..rendition(Media::Audio, None, None) })
            .to_vec();
        make_unique(&mut all);
        let names: Vec<&str> = all.iter().map(|rendition| rendition.name.as_str()).collect();
        assert_eq!(names, ["a", "a-2", "a-3", "a-4"]);
    }
}
