use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use packager_media::drm::DrmSystem;
use packager_media::stream::{Media, Protocol, Segment};
use std::collections::BTreeSet;

pub const META: CheckMeta = CheckMeta {
    id: "drm_system_missing",
    severity: Severity::Critical,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when an encrypted rendition offers no key for a DRM system that the template expects, or a video rendition is clear \
           although the template expects DRM systems",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.4; ISO/IEC 23009-1 5.8.4.1",
    needs_history: false,
};

params! {
    /// Expected DRM systems: `widevine`, `playready`, `fairplay`, `clearkey`. If the list is empty, the check does not
    /// run.
    systems: Vec<DrmSystem> = Vec::new(),
}

const MISSING: &str = "the template expects no DRM system, or no segment is listed";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, MISSING, |facts, _| judge(context.output.protocol(), facts, &params.systems))
}

fn judge(protocol: Protocol, facts: &RenditionFacts, expected: &[DrmSystem]) -> Option<Vec<Violation>> {
    let newest = facts.timeline.as_deref()?.segments.last().filter(|_| !expected.is_empty())?;
    let (in_media, mut offered) = (facts.systems_in_media(), facts.offered_systems());
    // Players of DASH also take `pssh` boxes of the media; those of HLS take EXT-X-KEY only.
    if protocol != Protocol::Hls {
        offered.extend(&in_media);
    }
    if newest.keys.is_empty() && offered.is_empty() {
        let is_video = facts.rendition.media == Media::Video;
        return Some(is_video.then(|| clear_video(newest, expected)).into_iter().collect());
    }
    let missing = expected.iter().filter(|system| !offered.contains(system));
    Some(missing.map(|system| missing_system(*system, newest, &offered, in_media.contains(system))).collect())
}

fn clear_video(newest: &Segment, expected: &[DrmSystem]) -> Violation {
    let message = format!("segment {} is announced as clear; the template expects {}", newest.number, names(expected));
    Violation::new(message).with("number", newest.number).with("line", newest.line)
}

fn missing_system(system: DrmSystem, newest: &Segment, offered: &BTreeSet<DrmSystem>, in_media: bool) -> Violation {
    let whose =
        if offered.is_empty() { "nor for any other system".to_owned() } else { format!("only for {}", names(offered)) };
    let media = if in_media { "; the media have a `pssh` box of it" } else { "" };
    let message =
        format!("no key is offered for {system}, {whose}{media}: players that support only {system} can't play it");
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

    fn run(formats: &[&str], media: Media, expected: &[DrmSystem]) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.rendition().rendition.media = media;
        let keys: Vec<_> = formats.iter().map(|format| key(format)).collect();
        scene.timeline().segments.last_mut().unwrap().keys = keys.into();
        check(&scene.context(), &Params { systems: expected.to_vec(), ..Params::default() })
    }

    #[test]
    fn a_rendition_that_offers_every_expected_system_holds() {
        let both = [DrmSystem::FairPlay, DrmSystem::PlayReady];
        assert_holds(run(&[FAIRPLAY, PLAYREADY], Media::Video, &both));
        assert_holds(run(&[FAIRPLAY, PLAYREADY], Media::Video, &both[..1]));
    }

    #[test]
    fn an_expected_system_that_is_not_offered_fails() {
        let both = [DrmSystem::FairPlay, DrmSystem::PlayReady];
        let found = violations(run(&[FAIRPLAY], Media::Audio, &both));
        assert_eq!(found.len(), 1);
        let message =
            "no key is offered for PlayReady, only for FairPlay: players that support only PlayReady can't play it";
        assert_eq!((found[0].message.as_str(), found[0].rendition.as_deref()), (message, Some(NAME)));
        assert!(messages(run(&["identity"], Media::Video, &both[..1])).contains("FairPlay, nor for any other system"));
        assert_eq!(violations(run(&["identity"], Media::Video, &both)).len(), 2);
    }

    #[test]
    fn clear_video_fails_and_clear_sound_holds() {
        let expected = [DrmSystem::Widevine];
        assert_eq!(
            messages(run(&[], Media::Video, &expected)),
            "segment 15 is announced as clear; the template expects Widevine"
        );
        assert_holds(run(&[], Media::Audio, &expected));
    }

    #[test]
    fn without_an_expected_system_it_does_not_run() {
        assert_not_run(run(&[], Media::Video, &[]), MISSING);
    }
}
