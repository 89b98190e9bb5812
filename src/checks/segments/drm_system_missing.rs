use crate::checks::support::ad_breaks;
use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::drm::DrmSystem;
use packager_media::stream::{Media, Protocol, Segment, Timeline};
use packager_media::units::{Seconds, Timestamp};
use std::collections::BTreeSet;

pub const META: CheckMeta = CheckMeta {
    id: "drm_system_missing",
    severity: Severity::Critical,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when an encrypted rendition offers no key for a DRM system that the template expects, or a video rendition is clear \
           although the template expects DRM systems. Inserted ads may be clear: segments between two discontinuities or in a Period of \
           their own that follow encrypted ones, for `longest_insert` seconds or as long as the longest announced ad break",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.4; ISO/IEC 23009-1 5.8.4.1",
    needs_history: false,
};

params! {
    /// Expected DRM systems: `widevine`, `playready`, `fairplay`, `clearkey`. If the list is empty, the check does not
    /// run.
    systems: Vec<DrmSystem> = Vec::new(),
    /// Longest time in seconds for which inserted segments may be clear. A longer ad break that is announced may be clear throughout.
    longest_insert: f64 = 300.0,
}

const MISSING: &str = "the template expects no DRM system, or no segment is listed";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, MISSING, |facts, past| judge(context, facts, past, params))
}

fn judge(
    context: &CheckContext<'_>,
    facts: &RenditionFacts,
    past: &RenditionHistory,
    params: &Params,
) -> Option<Vec<Violation>> {
    let (protocol, expected) = (context.output.protocol(), &params.systems[..]);
    let timeline = facts.timeline.as_deref()?;
    let newest = timeline.segments.last().filter(|_| !expected.is_empty())?;
    let (in_media, mut offered) = (facts.systems_in_media(), facts.offered_systems());
    // Players of DASH also take `pssh` boxes of the media; those of HLS take EXT-X-KEY only.
    if protocol != Protocol::Hls {
        offered.extend(&in_media);
    }
    let is_clear = newest.keys.is_empty() && (protocol == Protocol::Hls || in_media.is_empty());
    if is_clear && !is_insert(timeline, facts, past, (params, context.now)) {
        let is_video = facts.rendition.media == Media::Video;
        return Some(is_video.then(|| clear_video(newest, expected)).into_iter().collect());
    }
    let encrypted = timeline.segments.iter().rfind(|s| !s.keys.is_empty());
    let Some(judged) = encrypted.or((!is_clear).then_some(newest)) else { return Some(Vec::new()) };
    let missing = expected.iter().filter(|system| !offered.contains(system));
    Some(missing.map(|system| missing_system(*system, judged, &offered, in_media.contains(system))).collect())
}

/// Whether the clear segments at the live edge are inserted: none of them continues encrypted ones, and the live edge was encrypted
/// within the time of an insert. Before any probe has seen that, the segments before them or an announced ad break tell it.
fn is_insert(
    timeline: &Timeline,
    facts: &RenditionFacts,
    past: &RenditionHistory,
    (params, now): (&Params, Timestamp),
) -> bool {
    let known = timeline.segments.iter().chain(past.segments.iter().map(|s| &s.segment));
    let encrypted: BTreeSet<u64> = known.filter(|s| !s.keys.is_empty()).map(|s| s.discontinuity_sequence).collect();
    let clear = || timeline.segments.iter().rev().take_while(|s| s.keys.is_empty());
    let listed: Seconds = clear().map(|s| s.duration).sum();
    let lasts = past.last_encrypted.map_or(listed, |at| Seconds::between(at, now));
    let was_encrypted = past.last_encrypted.is_some() || !encrypted.is_empty();
    (was_encrypted || ad_breaks::is_in_break(timeline, past))
        && !clear().any(|s| encrypted.contains(&s.discontinuity_sequence))
        && lasts.0 <= params.longest_insert.max(ad_breaks::longest(facts, past).0)
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
    use packager_media::stream::ads::{Marker, MarkerKind};

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

    /// Returns the messages for video whose segments 10 and 11 have a FairPlay key and those from 12 on none. `sequences` are the
    /// discontinuity sequence numbers of both kinds.
    fn clear_from_12_on(sequences: [u64; 2], longest_insert: f64, change: impl FnOnce(&mut Scene)) -> String {
        let mut scene = Scene::live();
        for segment in &mut scene.timeline().segments {
            let is_clear = segment.number > 11;
            segment.discontinuity_sequence = sequences[usize::from(is_clear)];
            segment.keys = if is_clear { [].into() } else { [key(FAIRPLAY)].into() };
        }
        change(&mut scene);
        messages(check(
            &scene.context(),
            &Params { systems: vec![DrmSystem::FairPlay], longest_insert, ..Params::default() },
        ))
    }

    const CLEAR: &str = "segment 15 is announced as clear; the template expects FairPlay";

    #[test]
    fn a_clear_ad_between_discontinuities_holds_and_clear_programme_fails() {
        assert_eq!(clear_from_12_on([0, 1], 8.0, |_| {}), "");
        assert_eq!(clear_from_12_on([0, 1], 7.9, |_| {}), CLEAR, "longer than an ad may be");
        assert_eq!(clear_from_12_on([0, 0], 300.0, |_| {}), CLEAR, "there is no discontinuity");
        let without_keys = |scene: &mut Scene| scene.timeline().segments.drain(..2).for_each(drop);
        assert_eq!(clear_from_12_on([0, 1], 300.0, without_keys), CLEAR, "nothing was encrypted");
    }

    #[test]
    fn in_an_announced_break_and_after_inspected_encrypted_segments_a_window_may_be_clear() {
        let remembered = |scene: &mut Scene| {
            scene.timeline().segments.drain(..2).for_each(drop);
            let mut encrypted = ts_segment(11, 22.0, 2.0);
            encrypted.segment.keys = [key(FAIRPLAY)].into();
            scene.remember([encrypted]);
        };
        assert_eq!(clear_from_12_on([0, 1], 300.0, remembered), "");
        assert_eq!(clear_from_12_on([0, 0], 300.0, remembered), CLEAR);
        let announced = |seconds: f64| {
            clear_from_12_on([0, 1], 1.0, |scene| {
                let kind = MarkerKind::Out { announced: Some(Seconds(seconds)) };
                scene.timeline().segments.drain(..2).for_each(drop);
                scene.timeline().markers = vec![Marker { kind, number: 12, line: 20 }];
            })
        };
        assert_eq!([announced(60.0), announced(5.0)], ["".to_owned(), CLEAR.to_owned()]);
    }

    #[test]
    fn the_time_since_the_live_edge_was_encrypted_counts_whatever_the_window_and_the_history_hold() {
        let since = |seconds: f64| {
            clear_from_12_on([0, 1], 300.0, |scene| {
                scene.timeline().segments.drain(..2).for_each(drop);
                scene.past().last_encrypted = Some(time(-seconds));
            })
        };
        assert_eq!([since(120.0), since(300.0), since(301.0)], [String::new(), String::new(), CLEAR.to_owned()]);
    }

    #[test]
    fn during_a_clear_ad_the_programme_is_judged() {
        let mut scene = Scene::live();
        for segment in &mut scene.timeline().segments {
            segment.discontinuity_sequence = u64::from(segment.number > 11);
            segment.keys = if segment.number > 11 { [].into() } else { [key(PLAYREADY)].into() };
        }
        let found =
            violations(check(&scene.context(), &Params { systems: vec![DrmSystem::FairPlay], ..Params::default() }));
        assert_eq!((found.len(), &found[0].evidence["number"]), (1, &11.into()));
    }

    #[test]
    fn a_clear_ad_in_a_period_of_its_own_holds() {
        let protection =
            "<ContentProtection schemeIdUri=\"urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed\"/><SegmentTemplate";
        let clear = period("p1", 990, "<S t=\"0\" d=\"2000\" r=\"4\"/>");
        let run = |first: &str| {
            let scene = Scene::dash(&dynamic(&format!("{first}{clear}")));
            check(&scene.context(), &Params { systems: vec![DrmSystem::Widevine], ..Params::default() })
        };
        let first = period("p0", 0, "<S t=\"980000\" d=\"2000\" r=\"4\"/>");
        assert_holds(run(&first.replacen("<SegmentTemplate", protection, 1)));
        assert_eq!(violations(run(&first)).len(), 1);
    }

    #[test]
    fn without_an_expected_system_it_does_not_run() {
        assert_not_run(run(&[], Media::Video, &[]), MISSING);
    }
}
