use crate::checks::support::select::{FIRST_OBSERVATION, NO_MANIFEST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use crate::history::{LadderState, RepresentationIds, RepresentationPlace};
use packager_media::redact::Quoted;
use packager_media::units::Seconds;
use std::sync::Arc;

pub const META: CheckMeta = CheckMeta {
    id: "ladder_changed",
    severity: Severity::Warning,
    group: CheckGroup::Ladder,
    scope: CheckScope::Any,
    alert: Some("ChannelChanged"),
    help: "fails when renditions appeared in or vanished from the manifest, or the Representations of a Period have other ids than in \
           the MPD before; bit rates may change. Critical while all renditions with sound or all with video are gone that were there \
           within a day before, major while only their CODECS or an ad's Period say so, and where a media playlist is in the place of \
           the multivariant one, or a Representation leaves its Period while that plays, or its AdaptationSet has another id, language, \
           role, accessibility, codec or channels there under a SegmentTimeline; minor if Representations of the Period that plays change \
           places, by which Media3 knows them. An ad in a Period of its own may have other renditions while the programme's \
           Period is in the MPD",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.6; ISO/IEC 23009-1 5.3.2, 5.3.5.2, 5.4.1",
    needs_history: true,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    if !context.output.is_readable() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let ladders = &context.past.ladders;
    if context.output.is_media_playlist() && ladders.iter().all(|l| l.is_media_playlist()) {
        return CheckVerdict::NotRun("a media playlist given directly has no ladder");
    }
    let seen_before = |l: &LadderState| l.first_seen < context.now;
    if !ladders.first().is_some_and(|l| seen_before(l)) {
        return CheckVerdict::NotRun(FIRST_OBSERVATION);
    }
    let steps = ladders.iter().zip(ladders.iter().skip(1));
    let newest = ladders.last();
    // What viewers have lost is said as long as it is lost.
    let lasts = |earlier: &LadderState, later: &LadderState| {
        later.has_lost(earlier) && newest.is_some_and(|newest| newest.has_lost(earlier))
    };
    let is_recent = |later: &LadderState| Seconds::between(later.first_seen, context.now) <= context.hold;
    let recent: Vec<_> = steps.filter(|(earlier, later)| is_recent(later) || lasts(earlier, later)).collect();
    let changed = recent.iter().rev().filter(|(earlier, later)| !earlier.same_ladder(later));
    let changed = changed.map(|(earlier, later)| {
        let effect = newest.and_then(|newest| effect(earlier, later, newest));
        violation(earlier, later, effect)
    });
    let others = renamed(&recent).into_iter().chain(moved(&recent)).chain(reidentified(&recent));
    CheckVerdict::Ran(changed.chain(others).collect())
}

/// Returns a violation for the newest MPD in which an AdaptationSet of the Period that plays isn't recognised by dash.js, with the number
/// of such MPDs.
fn reidentified(steps: &[(&Arc<LadderState>, &Arc<LadderState>)]) -> Option<Violation> {
    let other_identity = |(earlier, later): &(&Arc<LadderState>, &Arc<LadderState>)| {
        let (a, b) = (earlier.representations.as_ref()?, later.representations.as_ref()?);
        let mut pairs = a.all.iter().filter_map(|one| Some((a.only(&one.id)?, b.only(&one.id)?)));
        let (id, (name, was, is)) = pairs.find_map(|(was, is)| Some((&was.id, was.other_identity(is)?)))?;
        let text = format!("{name} of the Representation {} was {} and is {}", Quoted(id), Quoted(was), Quoted(is));
        a.same_period(b).then_some((later.first_seen, text))
    };
    let all: Vec<_> = steps.iter().rev().filter_map(other_identity).collect();
    let (seen, text) = all.first()?;
    let message = format!(
        "{text} in the Period that plays now: dash.js takes its AdaptationSet for another one, keeps the list of segments that it has, and \
         gets no more; such properties may change with a new Period only"
    );
    let violation = Violation::new(message).with("changes", all.len()).with("seen_at", seen.to_string());
    Some(violation.severity(Severity::Major))
}

/// Returns a violation for the newest MPD in which a Representation of the Period that plays has another place, with the number of
/// such MPDs. An MPD in which a Representation left its Period has its own violation.
fn moved(steps: &[(&Arc<LadderState>, &Arc<LadderState>)]) -> Option<Violation> {
    let other_place = |(earlier, later): &(&Arc<LadderState>, &Arc<LadderState>)| {
        let (a, b) = (earlier.representations.clone()?, later.representations.clone()?);
        let kept = a.same_period(&b) && a.missing_in(&b).next().is_none();
        let pairs = a.all.iter().filter(|_| kept).filter_map(|one| Some((a.only(&one.id)?, b.only(&one.id)?)));
        let (was, is) = pairs.into_iter().find(|(was, is)| !was.is_at(is))?;
        Some((later.first_seen, was.clone(), is.clone()))
    };
    let all: Vec<_> = steps.iter().rev().filter_map(other_place).collect();
    let (seen, was, is) = all.first()?;
    let place_text = |one: &RepresentationPlace| format!("number {} of AdaptationSet {}", one.position, one.set);
    let message = format!(
        "the Representation {} was {} of the Period that plays now, and is {}: Media3 finds Representations by their places and may play \
         another one; keep their order",
        Quoted(&was.id),
        place_text(was),
        place_text(is)
    );
    let violation = Violation::new(message).with("changes", all.len()).with("seen_at", seen.to_string());
    Some(violation.severity(Severity::Minor))
}

/// Returns a violation for the newest MPD in which the same Representations have other ids, with the number of such MPDs.
fn renamed(steps: &[(&Arc<LadderState>, &Arc<LadderState>)]) -> Option<Violation> {
    let all: Vec<_> =
        steps.iter().rev().filter_map(|(earlier, later)| Some((*later, other_id(earlier, later)?))).collect();
    let (later, (was, is)) = all.first()?;
    let more = match all.len() {
        1 => String::new(),
        2 => "; an earlier update did the same".to_owned(),
        n => format!("; {} earlier updates did the same", n - 1),
    };
    let message = format!(
        "a Representation of the Period that plays now had the id {} and now has {}{more}: players take it for another one and may \
         begin anew",
        Quoted(was),
        Quoted(is)
    );
    let violation = Violation::new(message).with("before", was.as_str()).with("after", is.as_str());
    Some(violation.with("changes", all.len()).with("seen_at", later.first_seen.to_string()))
}

/// Returns an id that the Period of two MPDs has in the first one only, and one that it has in the second one only. `None` if
/// the ladders or the Periods differ, or each id is still there.
fn other_id<'a>(earlier: &'a LadderState, later: &'a LadderState) -> Option<(&'a String, &'a String)> {
    let ids = |ladder: &'a LadderState| -> Option<&'a RepresentationIds> { ladder.representations.as_ref() };
    let (a, b) = (ids(earlier)?, ids(later)?);
    let same = earlier.rungs == later.rungs && a.same_period(b);
    Some((&a.missing_in(b).next()?.id, &b.missing_in(a).next()?.id)).filter(|_| same)
}

/// Whether a Representation has left its Period between two MPDs, and none has come in its place.
fn has_left(earlier: &LadderState, later: &LadderState) -> bool {
    let (Some(a), Some(b)) = (&earlier.representations, &later.representations) else { return false };
    a.same_period(b) && b.all.len() < a.all.len() && a.missing_in(b).next().is_some()
}

/// Returns what a step between two ladders means for viewers, and how severe that is, as long as the `newest` ladder is no better. `None`
/// if they can still play picture and sound, and no Representation has left its Period.
fn effect(earlier: &LadderState, later: &LadderState, newest: &LadderState) -> Option<(&'static str, Severity)> {
    let lost = |has: fn(&LadderState) -> bool| has(earlier) && !has(later) && !has(newest);
    if lost(|ladder| !ladder.is_media_playlist()) {
        return Some((
            "the answer is a media playlist now, as of a slate in the place of the channel",
            Severity::Major,
        ));
    }
    // With the same renditions it is their CODECS that say so, or the Period of an ad.
    let severity = if newest.rungs == earlier.rungs { Severity::Major } else { Severity::Critical };
    // Older Periods of an MPD may still have it.
    let is_period = newest.representations.is_some();
    if lost(|ladder| ladder.has_picture) {
        let text = if is_period { NO_PICTURE_IN_PERIOD } else { NO_PICTURE };
        return Some((text, severity));
    }
    if lost(|ladder| ladder.has_sound) {
        let text = if is_period { NO_SOUND_IN_PERIOD } else { NO_SOUND };
        return Some((text, severity));
    }
    let left = "Media3 finds the Representations of a Period by their places: it stops, or decodes with the settings of another one";
    has_left(earlier, later).then_some((left, Severity::Major))
}

const NO_PICTURE: &str = "viewers get no picture: nothing in the manifest has any";
const NO_PICTURE_IN_PERIOD: &str = "viewers get no picture: nothing in the Period that plays has any";
const NO_SOUND: &str = "viewers get no sound: nothing in the manifest has any";
const NO_SOUND_IN_PERIOD: &str = "viewers get no sound: nothing in the Period that plays has any";

fn violation(earlier: &LadderState, later: &LadderState, effect: Option<(&str, Severity)>) -> Violation {
    let mut gone = more(earlier, later);
    let mut come = more(later, earlier);
    // Sound may come and go within the same renditions, by their codecs, and both with the Period of an ad.
    if gone.is_empty() && come.is_empty() {
        let kinds =
            [("picture", earlier.has_picture, later.has_picture), ("sound", earlier.has_sound, later.has_sound)];
        gone.extend(kinds.iter().filter(|(_, was, is)| *was && !*is).map(|(kind, ..)| (*kind).to_owned()));
        come.extend(kinds.iter().filter(|(_, was, is)| !*was && *is).map(|(kind, ..)| (*kind).to_owned()));
    }
    let parts = [("vanished", &gone), ("appeared", &come)];
    let said: Vec<_> = parts
        .iter()
        .filter(|(_, kinds)| !kinds.is_empty())
        .map(|(what, kinds)| format!("{what}: {}", kinds.join(", ")))
        .collect();
    let said_effect = effect.map_or_else(String::new, |(effect, _)| format!("; {effect}"));
    let violation = Violation::new(format!("the ladder changed; {}{said_effect}", said.join("; ")))
        .with("vanished", gone)
        .with("appeared", come)
        .with("seen_at", later.first_seen.to_string());
    match effect {
        Some((_, severity)) => violation.severity(severity),
        None => violation,
    }
}

/// Returns descriptions of the renditions that ladder `a` has and ladder `b` doesn't have.
fn more(a: &LadderState, b: &LadderState) -> Vec<String> {
    let in_b = |kind: &String| b.rungs.get(kind).copied().unwrap_or(0);
    a.rungs.iter().filter(|(kind, count)| **count > in_b(kind)).map(|(kind, _)| kind.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn ladder(seconds: f64, kinds: &[&str]) -> Arc<LadderState> {
        let rungs = kinds.iter().map(|k| ((*k).to_owned(), 1)).collect();
        let has = |media: &str| kinds.iter().any(|k| k.starts_with(media));
        let (has_sound, has_picture) = (has("audio"), has("video"));
        Arc::new(LadderState { first_seen: time(seconds), rungs, representations: None, has_sound, has_picture })
    }

    fn run(ladders: Vec<Arc<LadderState>>) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.history.ladders = ladders;
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_ladder_that_stays_holds() {
        assert_holds(run(vec![ladder(-2.0, &["video 1920x1080"])]));
    }

    #[test]
    fn what_vanished_and_came_is_said_newest_first_until_hold_has_passed() {
        let both = ["audio en", "video 1920x1080"];
        let found = run(vec![ladder(-310.0, &both), ladder(-300.0, &both[..1]), ladder(-290.0, &both)]);
        let vanished = "the ladder changed; vanished: video 1920x1080";
        assert_eq!(messages(found), format!("{}\n{vanished}", vanished.replace("vanished", "appeared")));
        let more = ["audio en", "audio vi", "video 1920x1080"];
        assert_holds(run(vec![ladder(-310.0, &more), ladder(-300.1, &both)]));
    }

    #[test]
    fn all_sound_or_all_video_that_is_gone_is_critical_until_it_comes_back() {
        let both = ["audio en", "audio vi", "text en", "video 1920x1080"];
        let severity = |left: &[&str]| violations(run(vec![ladder(-20.0, &both), ladder(-10.0, left)]))[0].severity;
        assert_eq!(severity(&both[3..]), Some(Severity::Critical));
        assert_eq!(severity(&both[..3]), Some(Severity::Critical));
        let long = violations(run(vec![ladder(-9000.0, &both), ladder(-8000.0, &both[3..])]));
        assert_eq!(long[0].severity, Some(Severity::Critical), "as long as it is gone");
        assert_eq!((severity(&both[1..]), severity(&["audio en", "audio vi", "video 1920x1080"])), (None, None));
        let message = messages(run(vec![ladder(-20.0, &both[1..]), ladder(-10.0, &both[2..])]));
        assert!(
            message.ends_with("vanished: audio vi; viewers get no sound: nothing in the manifest has any"),
            "{message}"
        );
        let back = violations(run(vec![ladder(-20.0, &both), ladder(-10.0, &both[3..]), ladder(-5.0, &both)]));
        assert_eq!(back.iter().map(|v| v.severity).collect::<Vec<_>>(), [None, None]);
        let radio = vec![ladder(-20.0, &both[..2]), ladder(-10.0, &both[..1])];
        assert_eq!(violations(run(radio))[0].severity, None, "there was no video");
    }

    #[test]
    fn sound_that_vanishes_from_the_codecs_of_the_same_renditions_is_said() {
        let muxed = |seconds, has_sound| Arc::new(LadderState { has_sound, ..(*ladder(seconds, &["video"])).clone() });
        let found = violations(run(vec![muxed(-20.0, true), muxed(-10.0, false)]));
        assert_eq!(found[0].severity, Some(Severity::Major));
        assert!(found[0].message.starts_with("the ladder changed; vanished: sound; viewers get no sound"), "{found:?}");
        let found = violations(run(vec![muxed(-20.0, false), muxed(-10.0, true)]));
        assert_eq!((found[0].severity, found[0].message.as_str()), (None, "the ladder changed; appeared: sound"));
    }

    #[test]
    fn a_picture_that_vanishes_with_a_period_is_said_of_the_period() {
        let of = |seconds, period: &str, has_picture| {
            let mut state = with_ids(seconds, period, &["v1"]);
            Arc::make_mut(&mut state).has_picture = has_picture;
            state
        };
        assert_eq!(
            messages(run(vec![of(-20.0, "p", true), of(-10.0, "ad", false)])),
            "the ladder changed; vanished: picture; viewers get no picture: nothing in the Period that plays has any"
        );
    }

    #[test]
    fn a_slate_in_the_place_of_the_channel_is_major_until_the_channel_is_back() {
        let (all, slate) = (["audio en", "video 1920x1080"], ["media playlist"]);
        let found = violations(run(vec![ladder(-20.0, &all), ladder(-10.0, &slate)]));
        assert_eq!(found[0].severity, Some(Severity::Major));
        assert!(found[0].message.contains("appeared: media playlist; the answer is a media playlist now"), "{found:?}");
        let back = violations(run(vec![ladder(-20.0, &all), ladder(-10.0, &slate), ladder(-5.0, &all)]));
        assert_eq!(back.iter().map(|v| v.severity).collect::<Vec<_>>(), [None, None]);
        let mut direct = Scene::live();
        direct.output.content = crate::facts::ManifestFacts::HlsMedia;
        direct.history.ladders = vec![ladder(-20.0, &slate)];
        assert_not_run(check(&direct.context(), &Params::default()), "a media playlist given directly has no ladder");
    }

    #[test]
    fn one_of_two_alike_counts() {
        let mut two = ladder(-20.0, &["video"]);
        Arc::make_mut(&mut two).rungs.insert("video".to_owned(), 2);
        assert_eq!(violations(run(vec![two, ladder(-10.0, &["video"])])).len(), 1);
    }

    fn with_ids(seconds: f64, period: &str, ids: &[&str]) -> Arc<LadderState> {
        let mut state = ladder(seconds, &["video"]);
        let period = (Some(period.to_owned()), Seconds(0.0));
        let place = |(at, id): (usize, &&str)| RepresentationPlace {
            id: (*id).to_owned(),
            set: 1,
            position: at + 1,
            identity: Vec::new(),
        };
        let all = ids.iter().enumerate().map(place).collect();
        Arc::make_mut(&mut state).representations = Some(RepresentationIds { period, all });
        state
    }

    #[test]
    fn representations_with_other_ids_in_the_same_period_are_reported_once() {
        let states = [
            with_ids(-30.0, "p", &["a1", "v1"]),
            with_ids(-20.0, "p", &["a1", "v2"]),
            with_ids(-10.0, "p", &["a1", "v3"]),
        ];
        let found = violations(run(states.to_vec()));
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].message,
            "a Representation of the Period that plays now had the id `v2` and now has `v3`; an earlier update did the same: players \
             take it for another one and may begin anew"
        );
        assert_eq!(found[0].evidence["changes"], 2);
    }

    #[test]
    fn ids_of_another_period_or_of_another_ladder_are_no_other_ids() {
        assert_holds(run(vec![with_ids(-20.0, "p", &["v1"]), with_ids(-10.0, "q", &["v2"])]));
        assert_holds(run(vec![with_ids(-20.0, "p", &["v1"]), with_ids(-10.0, "p", &["v1", "v2"])]));
        let mut wider = with_ids(-10.0, "p", &["v2", "v3"]);
        Arc::make_mut(&mut wider).rungs.insert("video".to_owned(), 2);
        let found = messages(run(vec![with_ids(-20.0, "p", &["v1"]), wider]));
        assert_eq!(found, "the ladder changed; appeared: video");
    }

    #[test]
    fn a_representation_that_leaves_a_period_that_plays_is_major() {
        let wide = |seconds, period: &str| {
            let mut state = with_ids(seconds, period, &["v1", "v2"]);
            Arc::make_mut(&mut state).rungs.insert("video".to_owned(), 2);
            state
        };
        let found = violations(run(vec![wide(-20.0, "p"), with_ids(-10.0, "p", &["v1"])]));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Major)));
        assert!(
            found[0].message.contains("vanished: video; Media3 finds the Representations of a Period"),
            "{found:?}"
        );
        let severity = |later: Arc<LadderState>| violations(run(vec![wide(-20.0, "p"), later]))[0].severity;
        assert_eq!(severity(with_ids(-10.0, "q", &["v1"])), None, "the next Period has fewer");
        let mut other = with_ids(-10.0, "p", &["v1", "v3"]);
        Arc::make_mut(&mut other).rungs = [("video".to_owned(), 1), ("audio".to_owned(), 1)].into();
        assert_eq!(severity(other), None, "another one has come");
        let back = violations(run(vec![with_ids(-20.0, "p", &["v1"]), wide(-10.0, "p")]));
        assert_eq!((back.len(), back[0].severity), (1, None));
    }

    #[test]
    fn representations_that_change_places_are_minor() {
        let states = || vec![with_ids(-20.0, "p", &["v1", "a1"]), with_ids(-10.0, "p", &["a1", "v1"])];
        let found = violations(run(states()));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Minor)));
        assert!(
            found[0].message.starts_with(
                "the Representation `v1` was number 1 of AdaptationSet 1 of the Period that plays now, and is number 2 of AdaptationSet 1"
            ),
            "{found:?}"
        );
        assert_holds(run(vec![with_ids(-20.0, "p", &["v1", "a1"]), with_ids(-10.0, "q", &["a1", "v1"])]));
        let more = vec![with_ids(-20.0, "p", &["v1"]), with_ids(-10.0, "p", &["v1", "v2"])];
        assert_holds(run(more));
        let alike = vec![with_ids(-20.0, "p", &["v1", "v1"]), with_ids(-10.0, "p", &["v1", "v1", "v2"])];
        assert_holds(run(alike));
    }

    #[test]
    fn a_set_that_changes_its_identity_within_a_period_is_major() {
        let of = |seconds, period: &str, id: &str| {
            let mut state = with_ids(seconds, period, &["v1"]);
            let ids = Arc::make_mut(&mut state).representations.as_mut().unwrap();
            ids.all[0].identity = [id, "vi", "", "", "avc1", ""].map(str::to_owned).into();
            state
        };
        assert_holds(run(vec![of(-20.0, "p", "1"), of(-10.0, "p", "1")]));
        assert_holds(run(vec![of(-20.0, "p", "1"), of(-10.0, "q", "2")]));
        let found = violations(run(vec![of(-30.0, "p", "1"), of(-20.0, "p", "2"), of(-10.0, "p", "3")]));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Major)));
        let begins =
            "AdaptationSet@id of the Representation `v1` was `2` and is `3` in the Period that plays now: dash.js";
        assert!(found[0].message.starts_with(begins), "{found:?}");
        assert_eq!(found[0].evidence["changes"], 2);
    }

    #[test]
    fn the_first_observation_says_nothing() {
        assert_not_run(run(vec![ladder(0.0, &["video"])]), FIRST_OBSERVATION);
        assert_not_run(run(vec![]), FIRST_OBSERVATION);
        assert_not_run(check(&Scene::unreadable().context(), &Params::default()), NO_MANIFEST);
    }
}
