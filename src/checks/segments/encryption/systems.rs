//! DRM systems against what the template expects.

use crate::checks::Violation;
use crate::facts::RenditionFacts;
use packager_media::drm::DrmSystem;
use packager_media::stream::{Media, Protocol, Segment};
use std::collections::BTreeSet;

/// `None` where nothing is expected, or nothing is listed.
pub(super) fn faults(protocol: Protocol, facts: &RenditionFacts, expected: &[DrmSystem]) -> Option<Vec<Violation>> {
    let newest = facts.timeline.as_deref()?.segments.last().filter(|_| !expected.is_empty())?;
    let (in_media, mut offered) = (facts.systems_in_media(), facts.offered_systems());
    if protocol != Protocol::Hls {
        offered.extend(&in_media);
    }
    if newest.keys.is_empty() && offered.is_empty() {
        let is_video = facts.rendition.media == Media::Video;
        return Some(is_video.then(|| clear(newest, expected)).into_iter().collect());
    }
    let missing = expected.iter().filter(|system| !offered.contains(system));
    Some(missing.map(|system| missing_one(*system, newest, &offered, in_media.contains(system))).collect())
}

fn clear(newest: &Segment, expected: &[DrmSystem]) -> Violation {
    let message = format!("segment {} is announced as clear; the template expects {}", newest.number, names(expected));
    Violation::new(message).with("number", newest.number).with("line", newest.line)
}

fn missing_one(system: DrmSystem, newest: &Segment, offered: &BTreeSet<DrmSystem>, in_media: bool) -> Violation {
    let whose = if offered.is_empty() { "for none at all".to_owned() } else { format!("only for {}", names(offered)) };
    let but = if in_media { "; the media have a `pssh` of it" } else { "" };
    let message =
        format!("no key is offered for {system}, {whose}{but}: players that have only {system} can't play it");
    let offered: Vec<_> = offered.iter().map(|s| s.as_str()).collect();
    Violation::new(message).with("number", newest.number).with("line", newest.line).with("offered", offered)
}

fn names<'a>(systems: impl IntoIterator<Item = &'a DrmSystem>) -> String {
    systems.into_iter().map(DrmSystem::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::stream::Key;

    fn key(format: &str) -> Key {
        Key { method: "SAMPLE-AES".to_owned(), uri: None, iv: None, key_format: Some(format.to_owned()), key_id: None }
    }

    const FAIRPLAY: &str = "com.apple.streamingkeydelivery";
    const PLAYREADY: &str = "com.microsoft.playready";

    fn run(formats: &[&str], media: Media, expected: &[DrmSystem]) -> Option<Vec<String>> {
        let mut scene = Scene::live();
        scene.rendition().rendition.media = media;
        let keys: Vec<_> = formats.iter().map(|format| key(format)).collect();
        scene.timeline().segments.last_mut().unwrap().keys = keys.into();
        let found = faults(Protocol::Hls, scene.rendition(), expected)?;
        Some(found.into_iter().map(|v| v.message).collect())
    }

    #[test]
    fn each_expected_system_has_to_be_offered() {
        let both = [DrmSystem::FairPlay, DrmSystem::PlayReady];
        assert_eq!(run(&[FAIRPLAY, PLAYREADY], Media::Video, &both), Some(vec![]));
        assert_eq!(run(&[FAIRPLAY, PLAYREADY], Media::Video, &both[..1]), Some(vec![]), "more than promised");
        let found = run(&[FAIRPLAY], Media::Audio, &both).unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("no key is offered for PlayReady, only for FairPlay"), "{found:?}");
        assert!(run(&["identity"], Media::Video, &both[..1]).unwrap()[0].contains("for FairPlay, for none at all"));
    }

    #[test]
    fn a_clear_picture_fails_where_a_system_is_expected_and_clear_sound_does_not() {
        let expected = [DrmSystem::Widevine];
        assert!(run(&[], Media::Video, &expected).unwrap()[0].contains("clear; the template expects Widevine"));
        assert_eq!(run(&[], Media::Audio, &expected), Some(vec![]));
        assert_eq!(run(&[], Media::Video, &[]), None, "nothing is expected");
    }
}
