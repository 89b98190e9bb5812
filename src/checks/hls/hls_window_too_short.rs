use crate::checks::support::playlist_step::{self, PlaylistChange, PlaylistStep};
use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::redact;
use packager_media::stream::Timeline;
use packager_media::units;

pub const META: CheckMeta = CheckMeta {
    id: "hls_window_too_short",
    severity: Severity::Minor,
    group: CheckGroup::Hls,
    scope: CheckScope::Hls,
    alert: None,
    help: "fails when a live playlist lists fewer than `target_durations` target durations (major) or fewer than \
           `segments` segments (warning), or when segments leave the start of a playlist with EXT-X-PLAYLIST-TYPE:EVENT, or when EXT-X-START \
           lets players begin where they stall: nearer to the live edge than they are to hold back (major within one target duration, or part target in low latency), in \
           the first segments, which are about to leave, or outside the window; a playlist that is still filling after a start isn't judged",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.2.2, 4.4.3.5, 4.4.3.8, 6.2.1, 6.2.2, 6.3.3; HLS authoring specification 8",
    needs_history: false,
};

params! {
    /// Smallest length of a live window in target durations (required).
    target_durations: f64 = 3.0,
    /// Smallest number of segments in a live window (recommended).
    segments: u32 = 6,
}

const NO_FULL_WINDOW: &str = "no live playlist with a full window was read";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NO_FULL_WINDOW, |facts, past| {
        let timeline = facts.timeline.as_deref()?;
        let url = facts.playlist.as_ref().map(|p| redact::url(&p.url));
        let slid = slid_event(context, facts, past);
        let judged = !timeline.ended && !filling(timeline, past);
        let has_slid = slid.is_some();
        let short = judged.then(|| judge(timeline, params));
        let start = judged.then(|| wrong_start(timeline));
        let found = slid.into_iter().chain(short.flatten()).chain(start.flatten());
        (judged || has_slid).then(|| found.map(|v| v.with("url", url.clone())).collect())
    })
}

/// Returns a violation if segments left the start of an EVENT playlist, to which a server may only append (RFC 8216bis 4.4.3.5,
/// 6.2.1). A playlist that shares no segment with the one before is another event.
fn slid_event(context: &CheckContext<'_>, facts: &RenditionFacts, past: &RenditionHistory) -> Option<Violation> {
    facts.timeline.as_deref().filter(|timeline| timeline.playlist_type.as_deref() == Some("EVENT"))?;
    let steps = playlist_step::recent_steps(context, facts, past)?;
    let slid = |step: &&PlaylistStep<'_>| {
        step.change == PlaylistChange::Continued
            && step.later.media_sequence > step.earlier.media_sequence
            && playlist_step::common_segments(step.earlier, step.later).next().is_some()
    };
    let step = steps.iter().rev().find(slid)?;
    let (was, is) = (step.earlier.media_sequence, step.later.media_sequence);
    let message = format!(
        "EXT-X-PLAYLIST-TYPE is EVENT, but segments left the start of the playlist (media sequence {was}, then {is}): players \
         offer to rewind to them; remove the tag from a window that slides"
    );
    let violation = Violation::new(message).with("before_first", was).with("after_first", is);
    Some(violation.with("seen_at", step.later.first_seen.to_string()).severity(Severity::Minor))
}

/// Whether the window is still being filled, because no segment has left it since the packager started.
fn filling(timeline: &Timeline, past: &RenditionHistory) -> bool {
    let restarted = || playlist_step::all_steps(past).iter().any(|s| s.change == PlaylistChange::Restarted);
    timeline.media_sequence <= 1 || restarted()
}

/// Returns a violation if EXT-X-START lets players begin a sliding window where they stall. They obey it to the letter.
fn wrong_start(timeline: &Timeline) -> Option<Violation> {
    let offset = timeline.start_offset.filter(|_| timeline.playlist_type.is_none())?;
    let (window, target) = (timeline.window().0, timeline.target_duration?.0);
    let control = timeline.low_latency.control;
    let part = control.and_then(|c| c.part_hold_back).filter(|_| timeline.is_low_latency());
    let hold_back = part.or(control.and_then(|c| c.hold_back)).map_or(3.0 * target, |s| s.0);
    let unit = timeline.low_latency.part_target.filter(|_| timeline.is_low_latency()).map_or(target, |part| part.0);
    let (why, severity) = match offset {
        o if o.abs() > window => ("outside the window; players begin at its end or start", Severity::Minor),
        o if o < 0.0 && -o < hold_back && -o <= unit => {
            ("at the live edge: players have nothing to buffer and stall", Severity::Major)
        }
        o if o < 0.0 && -o < hold_back => {
            ("nearer to the live edge than players are to hold back: they may stall", Severity::Minor)
        }
        o if (0.0..target).contains(&o) => {
            ("in the oldest segment, which leaves the window while players load it", Severity::Minor)
        }
        _ => return None,
    };
    let message =
        format!("EXT-X-START has TIME-OFFSET={offset}, which is {why}; remove the tag from a window that slides");
    let violation = Violation::new(message).severity(severity).with("start_offset_seconds", offset);
    Some(violation.with("window_seconds", window).with("hold_back_seconds", hold_back))
}

fn judge(timeline: &Timeline, params: &Params) -> Option<Violation> {
    let window = timeline.window().0;
    let listed = timeline.segments.len();
    let target = timeline.target_duration.map_or(0.0, |t| t.0);
    // A target duration is rounded to a whole second (4.4.3.1): segments of 5.5 s are segments of 6.
    let least = params.target_durations * (target - 0.5);
    let (message, severity) = if window < least {
        let (holds, bound) = units::distinct(window, least, 1);
        let text = format!(
            "the window holds {holds} s: less than {bound} s, which are {} target durations of {target} s, each rounded",
            params.target_durations
        );
        (text, Severity::Major)
    } else if listed < params.segments as usize {
        (format!("the window lists {listed} segments; {} or more are recommended", params.segments), Severity::Warning)
    } else {
        return None;
    };
    let violation = Violation::new(message).with("window_seconds", window).with("segments", listed);
    Some(violation.with("target_duration_seconds", target).severity(severity))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::stream::ServerControl;
    use packager_media::units::Seconds;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    fn listing(first: u64, last: u64) -> Scene {
        let mut scene = Scene::live();
        *scene.timeline() = timeline(first, last);
        scene
    }

    #[test]
    fn six_segments_hold_five_are_a_warning() {
        assert_holds(run(&listing(10, 15)));
        let found = violations(run(&listing(10, 14)));
        assert_eq!(found[0].severity, Some(Severity::Warning));
        assert_eq!(found[0].message, "the window lists 5 segments; 6 or more are recommended");
    }

    #[test]
    fn three_target_durations_are_the_least_but_for_rounding() {
        let mut scene = listing(10, 12);
        assert_eq!(violations(run(&scene))[0].severity, Some(Severity::Warning));
        scene.timeline().segments.iter_mut().for_each(|s| s.duration = Seconds(1.5));
        assert_eq!(violations(run(&scene))[0].severity, Some(Severity::Warning));
        scene.timeline().segments[0].duration = Seconds(1.49);
        assert_eq!(violations(run(&scene))[0].severity, Some(Severity::Major));
        assert_eq!(violations(run(&listing(10, 11)))[0].severity, Some(Severity::Major));
    }

    #[test]
    fn players_begin_where_there_is_something_to_buffer() {
        let severity = |offset: f64, change: fn(&mut Timeline)| {
            let mut scene = listing(10, 15);
            scene.timeline().start_offset = Some(offset);
            change(scene.timeline());
            violations(run(&scene)).first().map(|v| v.severity)
        };
        let (major, minor) = (Some(Some(Severity::Major)), Some(Some(Severity::Minor)));
        let live = |offset| severity(offset, |_| {});
        assert_eq!([live(-2.0), live(-2.1), live(-5.9), live(-6.0)], [major, minor, minor, None]);
        assert_eq!([live(0.0), live(1.9), live(2.0), live(12.0)], [minor, minor, None, None]);
        assert_eq!([live(12.1), live(-12.1), live(-12.0)], [minor, minor, None]);
        assert_eq!(severity(0.0, |t| t.playlist_type = Some("EVENT".to_owned())), None);
        let held = |t: &mut Timeline| {
            t.low_latency.control = Some(ServerControl { hold_back: Some(Seconds(8.0)), ..ServerControl::default() });
        };
        assert_eq!([severity(-7.9, held), severity(-8.0, held)], [minor, None]);
        let low_latency = |offset: f64| {
            let mut scene = Scene::low_latency();
            scene.timeline().start_offset = Some(offset);
            let hold_back = scene.timeline().low_latency.control.unwrap().part_hold_back.unwrap().0;
            (violations(run(&scene)).iter().map(|v| v.severity).next(), hold_back)
        };
        let (_, hold_back) = low_latency(-1.0);
        let part = Scene::low_latency().timeline().low_latency.part_target.unwrap().0;
        assert_eq!(low_latency(-hold_back).0, None);
        assert_eq!(
            [low_latency(-part).0, low_latency(-part - 0.1).0],
            [Some(Some(Severity::Major)), Some(Some(Severity::Minor))]
        );
    }

    #[test]
    fn a_window_that_is_still_filling_is_not_judged() {
        assert_not_run(run(&listing(0, 1)), NO_FULL_WINDOW);
        assert_not_run(run(&listing(1, 2)), NO_FULL_WINDOW);
        assert_eq!(violations(run(&listing(2, 3))).len(), 1);
        let mut restarted = listing(7, 8);
        restarted.observe([observation(-60, 900, 905), observation(-10, 7, 8)]);
        assert_not_run(run(&restarted), NO_FULL_WINDOW);
    }

    fn event(observations: [crate::history::Observation; 2]) -> Scene {
        let mut scene = listing(12, 17);
        scene.timeline().playlist_type = Some("EVENT".to_owned());
        scene.observe(observations);
        scene
    }

    #[test]
    fn an_event_playlist_that_loses_its_start_fails() {
        let mut scene = event([observation(-20, 10, 15), observation(-10, 12, 17)]);
        let found = violations(run(&scene));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Minor)));
        let message =
            "EXT-X-PLAYLIST-TYPE is EVENT, but segments left the start of the playlist (media sequence 10, then 12): ";
        assert!(found[0].message.starts_with(message), "{}", found[0].message);
        scene.timeline().playlist_type = None;
        assert_holds(run(&scene));
    }

    #[test]
    fn an_event_playlist_that_grows_or_begins_anew_holds() {
        assert_holds(run(&event([observation(-20, 10, 15), observation(-10, 10, 17)])));
        assert_holds(run(&event([observation(-20, 4, 9), observation(-10, 12, 17)])));
    }

    #[test]
    fn an_ended_playlist_may_be_short() {
        let mut scene = listing(10, 10);
        scene.timeline().ended = true;
        assert_not_run(run(&scene), NO_FULL_WINDOW);
    }
}
