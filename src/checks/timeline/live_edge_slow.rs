use crate::checks::support::playlist_step::{self, PlaylistChange, PlaylistStep, newest_number};
use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use crate::history::{Observation, RenditionHistory};
use packager_media::redact;
use packager_media::stream::{Media, Timeline};
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "live_edge_slow",
    severity: Severity::Major,
    group: CheckGroup::Timeline,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when the new segments of a live rendition last less than the time in which they came, over at least `min_seconds`: \
           the packager works more slowly than real time. A single interruption doesn't count; hls_playlist_stale and \
           dash_mpd_stale report it. Subtitles of DASH aren't judged, because their list may leave out the time in which nobody speaks",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.1, 6.2.2; ISO/IEC 23009-1 5.3.1.2",
    needs_history: true,
};

params! {
    /// Smallest allowed number of seconds of new media for each second of time.
    min_rate: f64 = 0.95,
    /// Shortest time in seconds over which the rate of new media is measured.
    min_seconds: f64 = 30.0,
    /// Duration of new media that may always be lacking, in target durations and at least 3 s, because the newest segment
    /// may be late.
    allowance_targets: f64 = 1.0,
}

/// Shortest duration of media, in seconds, that may always be missing, whatever the target duration is.
const MIN_ALLOWANCE: f64 = 3.0;
/// Time in target durations for which probes must have seen the live edge stand still for it to count as an interruption.
const INTERRUPTION_TARGETS: f64 = 1.0;
const TOO_SHORT: &str = "the live edge wasn't seen to advance for long enough";

/// Two consecutive observations of a playlist between which the live edge advanced or stayed, with the seconds of new
/// media.
struct Advance<'a> {
    from: &'a Observation,
    to: &'a Observation,
    media: f64,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, TOO_SHORT, |facts, past| judge(context, facts, past, params))
}

fn judge(
    context: &CheckContext<'_>,
    facts: &RenditionFacts,
    past: &RenditionHistory,
    params: &Params,
) -> Option<Vec<Violation>> {
    if has_pauses(context, facts) {
        return None;
    }
    let timeline = facts.timeline.as_deref().filter(|t| !t.ended && has_exact_durations(context, t))?;
    let target = select::target_duration(timeline)?;
    let advances = advances(context, past);
    let (seconds, media) = measure(&advances)?;
    if seconds < params.min_seconds {
        return None;
    }
    // An interruption is one long step. Where it is left out, a packager that keeps up has kept up.
    let stood = |a: &&Advance<'_>| Seconds::between(a.from.first_seen, a.from.last_seen).0;
    let interruptions = advances.iter().filter(|a| stood(a) > INTERRUPTION_TARGETS * target.0);
    let interruption = interruptions.map(|a| elapsed(a.from, a.to) - a.media).fold(0.0, f64::max);
    let missing = seconds - media - interruption;
    let allowed = (params.allowance_targets * target.0).max(MIN_ALLOWANCE);
    // A packager that keeps up again is no longer slow.
    let half = advances.iter().position(|a| until_end(&advances, a) * 2.0 <= seconds)?;
    let still = measure(advances.get(half..)?).is_some_and(|(time, media)| media < params.min_rate * time);
    let slow = media < params.min_rate * seconds && missing > allowed && still;
    Some(slow.then(|| violation(facts, (seconds, media), params)).into_iter().collect())
}

fn violation(facts: &RenditionFacts, (seconds, media): (f64, f64), params: &Params) -> Violation {
    let rate = media / seconds;
    let message = format!(
        "{media:.1} s of new media came within {seconds:.1} s, {rate:.2} of real time; at least {:.2} is needed: players stall again \
         and again, and the latency grows; see the load and the input of the encoder",
        params.min_rate
    );
    Violation::new(message)
        .with("url", facts.playlist.as_ref().map(|p| redact::url(&p.url)))
        .with("media_seconds", media)
        .with("seconds", seconds)
        .with("rate", rate)
}

/// Whether the durations in the playlist or MPD are exact. Below EXT-X-VERSION 3, EXTINF is rounded to whole seconds
/// (RFC 8216bis 7).
fn has_exact_durations(context: &CheckContext<'_>, timeline: &Timeline) -> bool {
    let whole = || timeline.segments.iter().all(|s| s.duration.0.fract() == 0.0);
    context.output.dash().is_some() || timeline.version.is_some_and(|v| v >= 3) || !whole()
}

/// Whether the rendition is subtitles of DASH, whose SegmentTimeline may leave out the time in which nobody speaks.
fn has_pauses(context: &CheckContext<'_>, facts: &RenditionFacts) -> bool {
    context.output.dash().is_some() && facts.rendition.media == Media::Text
}

/// Returns the changes between observations within the template's `hold`, up to the newest advance of the live edge.
/// They begin after the last change at which the window went back, restarted, or skipped segments.
fn advances<'a>(context: &CheckContext<'_>, past: &'a RenditionHistory) -> Vec<Advance<'a>> {
    let mut run: Vec<Advance<'a>> = Vec::new();
    for step in playlist_step::all_steps(past) {
        match new_media(&step) {
            Some(media) => run.push(Advance { from: step.earlier, to: step.later, media }),
            None => run.clear(),
        }
    }
    run.retain(|a| Seconds::between(a.from.first_seen, context.now) <= context.hold);
    let newest = run.iter().rposition(|a| a.media > 0.0);
    run.truncate(newest.map_or(0, |at| at + 1));
    run
}

/// Returns the seconds of new segments between two observations. `None`: the window went back or restarted, or segments
/// between the two observations weren't seen.
fn new_media(step: &PlaylistStep<'_>) -> Option<f64> {
    let newest = newest_number(step.earlier);
    let linked = step.later.segments.iter().any(|s| s.number == newest)
        || step.later.segments.first().is_some_and(|s| s.number.checked_sub(1) == Some(newest));
    let new = step.later.segments.iter().filter(|s| s.number > newest);
    (step.change == PlaylistChange::Continued && linked).then(|| new.map(|s| s.duration.0).sum())
}

/// Returns the smallest possible time between the first and the newest position of the live edge, and the duration of
/// the media between them, in seconds. The first position was reached at the latest when it was first seen. The newest
/// position was reached after the position before it was last seen.
fn measure(advances: &[Advance<'_>]) -> Option<(f64, f64)> {
    let (first, last) = (advances.first()?, advances.last()?);
    let seconds = between(first.from, last.from);
    (seconds > 0.0).then(|| (seconds, advances.iter().map(|a| a.media).sum()))
}

fn between(first: &Observation, last: &Observation) -> f64 {
    Seconds::between(first.first_seen, last.last_seen).0
}

fn elapsed(from: &Observation, to: &Observation) -> f64 {
    Seconds::between(from.first_seen, to.first_seen).0
}

/// Returns the seconds from the change `step` to the newest change, each measured at its earlier observation.
fn until_end(advances: &[Advance<'_>], step: &Advance<'_>) -> f64 {
    advances.last().map_or(0.0, |last| between(step.from, last.from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use std::sync::Arc;

    /// Makes a test input: a rendition with segments of 2 s that was probed every `every` seconds for 120 s. `edge`
    /// returns the number of the newest segment at a second.
    fn scene(every: i64, edge: impl Fn(i64) -> u64) -> Scene {
        let mut scene = Scene::live();
        let mut states: Vec<crate::history::Observation> = Vec::new();
        for second in (-120..=0).step_by(every as usize) {
            let last = edge(second);
            match states.last_mut() {
                Some(known) if known.last_number() == Some(last) => known.last_seen = time(second as f64),
                _ => states.push(observation(second, last - 5, last)),
            }
        }
        scene.observe(states);
        scene
    }

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    /// Returns a function from a second to the number of the newest segment then, for media that arrive at `rate` times
    /// real time.
    fn at(rate: f64) -> impl Fn(i64) -> u64 {
        move |second| 1000 + ((second + 120) as f64 * rate / 2.0).floor() as u64
    }

    #[test]
    fn a_window_that_only_gets_shorter_adds_no_time() {
        let mut scene = scene(2, |second| at(1.0)(second.min(-30)));
        let newest = at(1.0)(-30);
        scene.past().observations.push(Arc::new(observation(0, newest - 4, newest)));
        assert_holds(run(&scene));
    }

    #[test]
    fn real_time_holds_at_any_interval_of_probes() {
        for every in [1, 2, 3, 5] {
            assert_holds(run(&scene(every, at(1.0))));
            assert_holds(run(&scene(every, at(1.2))));
            assert_holds(run(&scene(every, at(0.97))));
        }
    }

    #[test]
    fn four_fifths_of_real_time_fail() {
        for every in [1, 2, 3, 5] {
            assert_eq!(violations(run(&scene(every, at(0.8)))).len(), 1, "{every}");
        }
        let found = violations(run(&scene(2, at(0.8))));
        assert!(
            found[0].message.ends_with(
                " of real time; at least 0.95 is needed: players stall again and again, and the latency grows; see the load and the \
                 input of the encoder"
            ),
            "{}",
            found[0].message
        );
        let rate = found[0].evidence["rate"].as_f64().unwrap();
        assert!((0.78..0.84).contains(&rate), "{rate}");
        assert!(violations(run(&scene(2, at(0.9)))).len() == 1);
    }

    #[test]
    fn an_interruption_is_no_slowness() {
        let stalled = |second: i64| at(1.0)(if second < -60 { second } else { (second - 20).max(-60) });
        assert_holds(run(&scene(2, stalled)));
    }

    #[test]
    fn segments_that_come_in_groups_hold() {
        let grouped = |second: i64| at(1.0)(second.div_euclid(8) * 8);
        assert_holds(run(&scene(2, grouped)));
    }

    #[test]
    fn a_packager_that_keeps_up_again_holds() {
        let recovered = |second: i64| {
            let slow = at(0.8)(second.min(-60)) as i64;
            (slow + (second + 60).max(0) / 2) as u64
        };
        assert_holds(run(&scene(2, recovered)));
    }

    #[test]
    fn half_a_minute_is_needed() {
        let mut short = scene(2, at(0.8));
        short.past().observations.drain(..38);
        assert_not_run(run(&short), TOO_SHORT);
    }

    #[test]
    fn subtitles_of_dash_may_leave_out_silence() {
        let mut scene = scene(2, at(0.8));
        scene.become_dash();
        assert_eq!(violations(run(&scene)).len(), 1, "video has no pauses");
        scene.rendition().rendition.media = Media::Text;
        assert_not_run(run(&scene), TOO_SHORT);
    }

    #[test]
    fn a_restart_begins_anew() {
        let restarted = |second: i64| if second < -20 { at(0.8)(second) } else { 6 + ((second + 20) / 2) as u64 };
        assert_not_run(run(&scene(2, restarted)), TOO_SHORT);
    }

    #[test]
    fn durations_rounded_to_whole_seconds_are_not_measured() {
        let mut rounded = scene(2, at(0.8));
        rounded.timeline().version = Some(2);
        assert_not_run(run(&rounded), TOO_SHORT);
        Arc::make_mut(rounded.rendition().timeline.as_mut().unwrap()).segments[0].duration = Seconds(1.96);
        assert_eq!(violations(run(&rounded)).len(), 1);
    }

    #[test]
    fn an_ended_playlist_and_a_first_probe_are_not_judged() {
        let mut ended = scene(2, at(0.8));
        ended.timeline().ended = true;
        assert_not_run(run(&ended), TOO_SHORT);
        assert_not_run(run(&Scene::live()), TOO_SHORT);
    }
}
