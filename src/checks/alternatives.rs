//! Rates a critical fault that only some renditions of an output have as major, because players go on with another
//! rendition. It stays critical if nothing is left that can be played: no HLS variant with sound of its audio group in the language with
//! which players begin, no video or no audio of an MPD, or in an MPD only such as a commentary or sign language.

use super::CheckContext;
use super::verdict::RawOutcome;
use crate::finding::Severity;
use packager_media::stream::{Media, Protocol, Rendition};
use std::collections::BTreeSet;

/// Largest number of renditions that a violation names as alternatives for players.
const MAX_NAMED: usize = 8;

/// Rates a critical violation of a single rendition as major if another rendition of the same media type has no
/// critical violation, and adds the names of such renditions to its evidence. If the template sets the check's
/// severity, it is not changed.
pub(super) fn rate(context: &CheckContext<'_>, outcomes: &mut [RawOutcome]) {
    let critical = |o: &RawOutcome| o.critical_violations().filter_map(|v| v.rendition.clone()).collect::<Vec<_>>();
    let dead: BTreeSet<String> = outcomes.iter().flat_map(critical).collect();
    if dead.is_empty() {
        return;
    }
    let renditions: Vec<&Rendition> = context.output.renditions.iter().map(|r| &r.rendition).collect();
    let is_dash = context.output.protocol() == Protocol::Dash;
    let lost = lost(context.output.protocol(), &renditions, &dead);
    let is_alive = |r: &Rendition, media: Media| r.media == media && !dead.contains(&r.name);
    for violation in outcomes.iter_mut().flat_map(RawOutcome::critical_by_itself) {
        let of = renditions.iter().find(|r| Some(&r.name) == violation.rendition.as_ref());
        let together = |a: &Rendition, b: &Rendition| a.group == b.group || a.shares_group(b);
        let group_plays = |r: &Rendition| sound_plays(|o| together(o, r), &renditions, &dead) == Some(true);
        let has_other = |r: &Rendition| !is_dash && group_plays(r);
        let is_lost = |r: &Rendition| lost.contains(&r.media) && !(r.media == Media::Audio && has_other(r));
        let Some(rendition) = of.filter(|r| !is_lost(r)) else { continue };
        let others = renditions.iter().filter(|r| is_alive(r, rendition.media));
        let names: Vec<&str> = others.take(MAX_NAMED).map(|r| r.name.as_str()).collect();
        violation.severity = Some(Severity::Major);
        violation.evidence.insert("alternatives".to_owned(), names.into());
    }
}

/// Returns the media types that viewers have lost: no rendition is left with which an output can be played. `dead` has the names
/// of the renditions that can't be played.
fn lost(protocol: Protocol, renditions: &[&Rendition], dead: &BTreeSet<String>) -> Vec<Media> {
    let of = |media: Media| renditions.iter().filter(move |r| r.media == media);
    let is_dead = |r: &&&Rendition| dead.contains(&r.name);
    let has_video = of(Media::Video).next().is_some();
    if has_video && protocol != Protocol::Dash {
        let is_variant = |r: &&&Rendition| !r.is_alternative;
        let plays = of(Media::Video).filter(is_variant).any(|v| !is_dead(&v) && has_sound(v, renditions, dead));
        return if plays { Vec::new() } else { vec![Media::Video, Media::Audio] };
    }
    let first = renditions.first().map(|r| r.media);
    let needed = match (has_video, of(Media::Audio).next().is_some()) {
        (true, true) => vec![Media::Video, Media::Audio],
        (true, false) => vec![Media::Video],
        (false, true) => vec![Media::Audio],
        (false, false) => first.into_iter().collect(),
    };
    needed.into_iter().filter(|media| principal(renditions, *media).all(|r| dead.contains(&r.name))).collect()
}

/// Returns the renditions of a media type that are meant for all viewers: those with the role `main` (DASH); if none has it, those
/// without a role if they are in one language; else all of them.
fn principal<'a>(renditions: &'a [&'a Rendition], media: Media) -> impl Iterator<Item = &'a Rendition> {
    let of = move || renditions.iter().copied().filter(move |r| r.media == media);
    let has_main = of().any(|r| r.is_main == Some(true));
    let languages: BTreeSet<_> = of().filter(|r| r.is_main.is_none()).map(|r| r.language.as_deref()).collect();
    let (chosen, by_role) = if has_main { (Some(true), true) } else { (None, languages.len() == 1) };
    of().filter(move |r| !by_role || r.is_main == chosen)
}

/// Whether an HLS variant has sound that can be played: its own, or a rendition of one of its audio groups (RFC 8216bis
/// 4.4.6.2.1). A group that no variant names helps nobody.
fn has_sound(variant: &Rendition, renditions: &[&Rendition], dead: &BTreeSet<String>) -> bool {
    let is_own = variant.muxed_audio.is_some() || variant.group.is_none();
    is_own || sound_plays(|r| r.shares_group(variant), renditions, dead).unwrap_or(true)
}

/// Whether the audio renditions of a group can be played: one of them or, where one has DEFAULT=YES, one in its language, because players
/// begin with it and don't go on in another language. `None`: the group has no renditions.
fn sound_plays(
    is_member: impl Fn(&Rendition) -> bool,
    renditions: &[&Rendition],
    dead: &BTreeSet<String>,
) -> Option<bool> {
    let members: Vec<_> = renditions.iter().filter(|r| r.media == Media::Audio && is_member(r)).collect();
    // A playlist may be the default of one of its groups only, so that any of several defaults counts.
    let mut defaults = members.iter().filter(|r| r.is_default).peekable();
    let has_default = defaults.peek().is_some();
    let languages: BTreeSet<_> = defaults.map(|r| &r.language).collect();
    let stands_in = |r: &Rendition| !has_default || languages.contains(&r.language);
    (!members.is_empty()).then(|| members.iter().any(|r| !dead.contains(&r.name) && stands_in(r)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::delivery::segment_unavailable::META as CRITICAL;
    use crate::checks::testing::*;
    use crate::checks::{CheckMeta, CheckVerdict, Violation};
    use crate::facts::RenditionFacts;

    fn of(media: Media, group: Option<&str>, name: &str) -> RenditionFacts {
        let mut facts = rendition(name);
        (facts.rendition.media, facts.rendition.group) = (media, group.map(str::to_owned));
        facts
    }

    /// Returns the severity of the violation of each rendition in `faulty`, if the output has the renditions
    /// `renditions` and each faulty one has one critical violation.
    fn severities(renditions: Vec<RenditionFacts>, faulty: &[&str]) -> Vec<Option<Severity>> {
        let mut scene = Scene::live();
        scene.output.renditions = renditions;
        let violations = faulty.iter().map(|name| Violation::new("gone").in_rendition(name)).collect();
        let mut outcomes = [RawOutcome { meta: &CRITICAL, severity: None, verdict: CheckVerdict::Ran(violations) }];
        rate(&scene.context(), &mut outcomes);
        outcomes[0].violations().iter().map(|v| v.severity).collect()
    }

    const MAJOR: Option<Severity> = Some(Severity::Major);

    fn two(group: Option<&str>) -> Vec<RenditionFacts> {
        vec![of(Media::Video, group, "1080p"), of(Media::Video, group, "720p")]
    }

    fn with_sound(group: Option<&str>) -> Vec<RenditionFacts> {
        let mut all = two(group);
        all.extend([
            of(Media::Audio, group, "audio-vi"),
            of(Media::Audio, group, "audio-en"),
            of(Media::Text, None, "text"),
        ]);
        all
    }

    #[test]
    fn one_of_two_is_major_and_both_are_critical() {
        assert_eq!(severities(two(None), &["1080p"]), [MAJOR]);
        assert_eq!(severities(two(None), &["1080p", "720p"]), [None, None]);
        assert_eq!(severities(vec![of(Media::Video, None, "media")], &["media"]), [None], "there is no other");
    }

    #[test]
    fn sound_of_its_own_is_needed_and_subtitles_are_not() {
        let group = Some("a");
        assert_eq!(severities(with_sound(group), &["audio-vi"]), [MAJOR]);
        assert_eq!(severities(with_sound(group), &["audio-vi", "audio-en"]), [None, None]);
        assert_eq!(severities(with_sound(group), &["text"]), [MAJOR]);
        assert_eq!(severities(with_sound(group), &["1080p", "720p", "audio-vi"]), [None, None, MAJOR]);
    }

    #[test]
    fn sound_in_another_language_does_not_stand_in_for_the_default() {
        let mut renditions = with_sound(Some("a"));
        for (facts, language) in renditions.iter_mut().skip(2).zip(["vi", "en"]) {
            facts.rendition.language = Some(language.to_owned());
        }
        renditions[2].rendition.is_default = true;
        assert_eq!(severities(renditions.clone(), &["audio-vi"]), [None]);
        assert_eq!(severities(renditions.clone(), &["audio-en"]), [MAJOR]);
        renditions[3].rendition.language = Some("vi".to_owned());
        assert_eq!(severities(renditions, &["audio-vi"]), [MAJOR]);
    }

    #[test]
    fn sound_beside_variants_that_have_it_is_an_alternative() {
        assert_eq!(severities(with_sound(None), &["audio-vi", "audio-en"]), [MAJOR, MAJOR]);
        let radio = vec![of(Media::Audio, None, "a"), of(Media::Audio, None, "b")];
        assert_eq!(severities(radio.clone(), &["a"]), [MAJOR]);
        assert_eq!(severities(radio, &["a", "b"]), [None, None]);
    }

    /// Returns the severities of [`severities`] for a DASH output with one video rendition and the sound in `sound`: name, language, and
    /// whether its role is `main`.
    fn dash_severities(sound: &[(&str, &str, Option<bool>)], faulty: &[&str]) -> Vec<Option<Severity>> {
        let mut scene = Scene::live();
        scene.become_dash();
        let audio = |(name, language, is_main): &(&str, &str, Option<bool>)| {
            let mut facts = of(Media::Audio, Some("offset-0ms"), name);
            (facts.rendition.language, facts.rendition.is_main) = (Some((*language).to_owned()), *is_main);
            facts
        };
        scene.output.renditions = sound.iter().map(audio).collect();
        scene.output.renditions.push(of(Media::Video, Some("offset-0ms"), "1080p"));
        let violations = faulty.iter().map(|name| Violation::new("gone").in_rendition(name)).collect();
        let mut outcomes = [RawOutcome { meta: &CRITICAL, severity: None, verdict: CheckVerdict::Ran(violations) }];
        rate(&scene.context(), &mut outcomes);
        outcomes[0].violations().iter().map(|v| v.severity).collect()
    }

    #[test]
    fn sound_for_some_viewers_does_not_stand_in_for_the_main_one_of_an_mpd() {
        let roles = [("a", "en", Some(true)), ("b", "en", Some(false)), ("c", "vi", None)];
        assert_eq!(dash_severities(&roles, &["a"]), [None], "a commentary and another language live");
        assert_eq!(dash_severities(&roles, &["b", "c"]), [MAJOR, MAJOR]);
        let two = [("a", "en", Some(true)), ("b", "vi", Some(true))];
        assert_eq!(
            (dash_severities(&two, &["a"]), dash_severities(&two, &["a", "b"])),
            (vec![MAJOR], vec![None, None])
        );
        let without = [("a", "en", None), ("b", "en", None), ("c", "en", Some(false))];
        assert_eq!(
            (dash_severities(&without, &["a"]), dash_severities(&without, &["a", "b"])),
            (vec![MAJOR], vec![None, None])
        );
        let languages = [("a", "en", None), ("b", "vi", None), ("c", "en", Some(false))];
        assert_eq!(dash_severities(&languages, &["a", "b"]), [MAJOR, MAJOR], "nothing says which is the main one");
        let only = [("a", "en", Some(false)), ("b", "vi", Some(false))];
        assert_eq!(
            (dash_severities(&only, &["a"]), dash_severities(&only, &["a", "b"])),
            (vec![MAJOR], vec![None, None])
        );
    }

    #[test]
    fn a_variant_needs_a_living_rendition_of_its_own_audio_group() {
        let crossed = vec![
            of(Media::Video, Some("high"), "1080p"),
            of(Media::Video, Some("low"), "720p"),
            of(Media::Audio, Some("high"), "audio-high"),
            of(Media::Audio, Some("low"), "audio-low"),
        ];
        assert_eq!(severities(crossed.clone(), &["1080p", "audio-low"]), [None, None], "no variant is whole");
        assert_eq!(severities(crossed, &["1080p", "audio-high"]), [MAJOR, MAJOR]);
        let unnamed = vec![
            of(Media::Video, Some("a"), "1080p"),
            of(Media::Audio, Some("a"), "audio-vi"),
            of(Media::Audio, Some("b"), "audio-b"),
        ];
        assert_eq!(severities(unnamed, &["audio-vi"]), [None], "no variant names the other group");
    }

    #[test]
    fn a_variant_of_two_audio_groups_plays_with_either() {
        let mut renditions = vec![
            of(Media::Video, Some("aac"), "1080p"),
            of(Media::Audio, Some("aac"), "audio-aac"),
            of(Media::Audio, Some("ac3"), "audio-ac3"),
        ];
        renditions[0].rendition.further_groups = vec!["ac3".to_owned()];
        assert_eq!(severities(renditions.clone(), &["audio-aac"]), [MAJOR]);
        assert_eq!(severities(renditions.clone(), &["audio-ac3"]), [MAJOR]);
        assert_eq!(severities(renditions, &["audio-aac", "audio-ac3"]), [None, None]);
    }

    #[test]
    fn a_camera_angle_does_not_stand_in_for_the_variants() {
        let mut renditions = two(None);
        let mut angle = of(Media::Video, Some("angles"), "stage");
        angle.rendition.is_alternative = true;
        renditions.push(angle);
        assert_eq!(severities(renditions.clone(), &["1080p", "720p"]), [None, None]);
        assert_eq!(severities(renditions, &["stage"]), [MAJOR]);
    }

    #[test]
    fn sound_in_the_segments_of_a_variant_outlasts_its_alternatives() {
        let mut renditions = with_sound(Some("a"));
        for variant in renditions.iter_mut().filter(|r| r.rendition.media == Media::Video) {
            variant.rendition.muxed_audio = Some(vec!["vi".to_owned()]);
        }
        assert_eq!(severities(renditions, &["audio-vi", "audio-en"]), [MAJOR, MAJOR]);
    }

    #[test]
    fn what_is_left_is_named() {
        let mut scene = Scene::live();
        scene.output.renditions = with_sound(Some("a"));
        let verdict = CheckVerdict::Ran(vec![Violation::new("gone").in_rendition("1080p")]);
        let mut outcomes = [RawOutcome { meta: &CRITICAL, severity: None, verdict }];
        rate(&scene.context(), &mut outcomes);
        assert_eq!(outcomes[0].violations()[0].evidence["alternatives"], serde_json::json!(["720p"]));
    }

    #[test]
    fn faults_of_several_checks_add_up() {
        let mut scene = Scene::live();
        scene.output.renditions = two(None);
        let raw = |meta: &'static CheckMeta, name: &str| {
            let verdict = CheckVerdict::Ran(vec![Violation::new("gone").in_rendition(name)]);
            RawOutcome { meta, severity: None, verdict }
        };
        let other = &crate::checks::segments::container_invalid::META;
        let mut outcomes = [raw(&CRITICAL, "1080p"), raw(other, "720p")];
        rate(&scene.context(), &mut outcomes);
        assert!(outcomes.iter().all(|o| o.violations()[0].severity.is_none()), "nothing is left");
    }

    #[test]
    fn a_severity_of_the_template_and_a_fault_of_the_whole_output_stay() {
        let mut scene = Scene::live();
        scene.output.renditions = two(None);
        let verdict = CheckVerdict::Ran(vec![Violation::new("gone").in_rendition("1080p"), Violation::new("all")]);
        let mut outcomes = [
            RawOutcome { meta: &CRITICAL, severity: Some(Severity::Critical), verdict: verdict.clone() },
            RawOutcome { meta: &CRITICAL, severity: None, verdict },
        ];
        rate(&scene.context(), &mut outcomes);
        let severities = |n: usize| outcomes[n].violations().iter().map(|v| v.severity).collect::<Vec<_>>();
        assert_eq!((severities(0), severities(1)), (vec![None, None], vec![MAJOR, None]));
    }
}
