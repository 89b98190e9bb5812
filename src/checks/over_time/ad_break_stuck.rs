use crate::checks::support::select::{self, NO_PLAYLIST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::stream::ads::{self, AdBreak, AdSource, BreakState};
use packager_media::stream::{Media, Timeline};
use packager_media::units;
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "ad_break_stuck",
    severity: Severity::Minor,
    group: CheckGroup::OverTime,
    scope: CheckScope::Any,
    alert: Some("AdMarkersWrong"),
    help: "fails when an ad break stays open longer than it was announced (or than a break may last, where nothing was announced), or \
           when no ad break began for as long as the template allows. A break of EXT-X-CUE-OUT ends by itself after its announced \
           duration where no EXT-X-CUE-IN was ever listed and no EXT-X-CUE-OUT-CONT follows",
    reference: "EXT-X-CUE-OUT and EXT-X-CUE-IN as packagers write them; draft-pantos-hls-rfc8216bis-22 4.4.5.1; ANSI/SCTE 35 9.8; \
                ANSI/SCTE 214-1 6.7",
    needs_history: false,
};

params! {
    /// Seconds by which an ad break may be longer than announced. Two target durations are always allowed.
    tolerance: f64 = 5.0,
    /// Longest allowed ad break that announces no duration, in seconds.
    longest: f64 = 1200.0,
    /// Longest allowed time in seconds without an ad marker, counted from the first probe on. It is not set for
    /// channels that may have no markers.
    cue_within: Option<f64> = None,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NO_PLAYLIST, |facts, past| {
        let timeline = facts.timeline.as_deref()?;
        let open = by_cue(past).into_iter().chain(by_range(timeline)).chain(by_event(context, facts, past));
        let stuck = open.filter_map(|open| stuck(&open, timeline, params));
        let silent = silent(past, context.now, params).filter(|_| !timeline.ended && marked(context, facts, past));
        Some(stuck.chain(silent).collect())
    })
}

/// Whether ad markers are expected in a rendition. Audio and subtitle renditions of a channel with video may have none.
fn marked(context: &CheckContext<'_>, facts: &RenditionFacts, past: &RenditionHistory) -> bool {
    let is_video = |facts: &RenditionFacts| facts.rendition.media == Media::Video;
    is_video(facts) || last_marker(past).is_some() || !context.output.renditions.iter().any(is_video)
}

/// An ad break that has begun and not ended at the live edge.
struct OpenBreak {
    source: AdSource,
    elapsed: Seconds,
    announced: Option<Seconds>,
    number: Option<u64>,
    line: Option<u32>,
}

/// Returns the ad break that cue tags began and that is open. Its length is counted in media time up to the live edge,
/// so it doesn't grow while the live edge stands still.
fn by_cue(past: &RenditionHistory) -> Option<OpenBreak> {
    let open = past.ads.open?;
    let elapsed = Seconds::between(open.opened, past.edge_since?);
    Some(OpenBreak { source: AdSource::Cue, elapsed, announced: open.announced, number: open.from, line: None })
}

/// Returns the open ad breaks of EXT-X-DATERANGE tags without a duration. A tag with a duration ends its break by
/// itself.
fn by_range(timeline: &Timeline) -> Vec<OpenBreak> {
    let endless =
        |b: &&AdBreak| b.source == AdSource::DateRange && b.state == BreakState::Open && b.announced.is_none();
    let breaks = timeline.ad_breaks();
    let open = breaks.iter().filter(endless).filter_map(|b| {
        Some(OpenBreak { source: b.source, elapsed: b.elapsed?, announced: None, number: None, line: Some(b.line) })
    });
    open.collect()
}

/// Returns the open ad breaks of SCTE-35 events that need a second event to end. Events of an MPD are judged only for
/// the first of the renditions that share them.
fn by_event(context: &CheckContext<'_>, facts: &RenditionFacts, past: &RenditionHistory) -> Vec<OpenBreak> {
    let edge = facts.timeline.as_deref().and_then(Timeline::live_edge);
    let marked = |name: &str| context.past.renditions.get(name).is_some_and(|p| !p.ads.events.is_empty());
    let first = context.output.renditions.iter().map(|r| &r.rendition.name).find(|name| marked(name));
    let shared = if first == Some(&facts.rendition.name) { &past.ads.events[..] } else { &[] };
    let breaks = ads::breaks(shared, edge).chain(ads::breaks(&past.ads.messages, edge));
    let open = breaks.filter(|b| b.state == BreakState::Open).filter_map(|b| {
        let line = Some(b.line).filter(|line| *line > 0);
        Some(OpenBreak { source: b.source, elapsed: b.elapsed?, announced: b.announced, number: None, line })
    });
    open.collect()
}

fn stuck(open: &OpenBreak, timeline: &Timeline, params: &Params) -> Option<Violation> {
    let slack = params.tolerance.max(2.0 * select::target_duration(timeline).unwrap_or_default().0);
    let allowed = open.announced.map_or(params.longest, |a| a.0) + slack;
    if open.elapsed.0 <= allowed {
        return None;
    }
    let tag = open.source.tag();
    let announced = match open.announced {
        Some(a) => format!("{} s were announced", a.0),
        None => "no duration was announced".to_owned(),
    };
    let message = format!("the ad break of {tag} has lasted for {:.1} s and isn't closed; {announced}", open.elapsed.0);
    let violation = Violation::new(message).with("elapsed_seconds", open.elapsed.0);
    let violation = violation.with("announced_seconds", open.announced.map(|a| a.0));
    Some(violation.with("number", open.number).with("line", open.line))
}

/// Returns the time at which the newest ad marker of a playlist, MPD or segment was seen. `None`: no marker was seen.
fn last_marker(past: &RenditionHistory) -> Option<Timestamp> {
    past.ads.last_cue.max(past.ads.last_message)
}

fn silent(past: &RenditionHistory, now: Timestamp, params: &Params) -> Option<Violation> {
    let allowed = params.cue_within?;
    let since = last_marker(past).or(past.ads.watched_since)?;
    let silence = Seconds::between(since, now).0;
    let (seconds, every) = units::distinct(silence, allowed, 0);
    let message = || format!("no ad marker for {seconds} s; one is expected every {every} s");
    (silence > allowed).then(|| Violation::new(message()).with("seconds", silence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::history::{AdHistory, OpenAdBreak};
    use packager_media::stream::ads::{AdRange, Marker, MarkerKind};

    /// Makes a test input: a rendition with an open ad break. The live edge last advanced 1 s before the probe, and the
    /// break had lasted for `elapsed` seconds then. Segments last 2 s.
    fn open_for(elapsed: f64, announced: Option<f64>) -> Scene {
        let mut scene = Scene::live();
        let opened = time(-1.0 - elapsed);
        let open = OpenAdBreak { opened, announced: announced.map(Seconds), from: Some(3) };
        scene.past().edge_since = Some(time(-1.0));
        scene.past().ads =
            AdHistory { open: Some(open), last_cue: None, watched_since: Some(time(-50.0)), ..AdHistory::default() };
        scene
    }

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_break_may_be_a_little_longer_than_announced() {
        assert_holds(run(&open_for(35.0, Some(30.0))));
        let message = "the ad break of EXT-X-CUE-OUT has lasted for 35.1 s and isn't closed; 30 s were announced";
        assert_eq!(messages(run(&open_for(35.1, Some(30.0)))), message);
    }

    #[test]
    fn two_target_durations_are_always_allowed() {
        let mut scene = open_for(42.0, Some(30.0));
        scene.timeline().target_duration = Some(Seconds(6.0));
        assert_holds(run(&scene));
        scene.timeline().target_duration = Some(Seconds(5.0));
        assert_eq!(violations(run(&scene)).len(), 1);
    }

    #[test]
    fn a_break_without_a_duration_may_last_for_twenty_minutes() {
        assert_holds(run(&open_for(1205.0, None)));
        assert!(messages(run(&open_for(1206.0, None))).ends_with("no duration was announced"));
    }

    #[test]
    fn a_date_range_without_any_end_is_stuck_too() {
        let ranged = |start: f64, planned: Option<f64>| {
            let mut scene = Scene::live();
            let planned = planned.map(Seconds);
            let range =
                AdRange { id: "7".to_owned(), start: Some(time(start)), planned, out: true, ..AdRange::default() };
            let timeline = scene.timeline();
            timeline.segments[0].program_date_time = Some(time(-12.0));
            timeline.markers = vec![Marker { kind: MarkerKind::Range(Box::new(range)), number: 10, line: 5 }];
            run(&scene)
        };
        assert_holds(ranged(-1205.0, None));
        assert_eq!(violations(ranged(-1206.0, None))[0].evidence["line"], 5);
        assert_holds(ranged(-1206.0, Some(30.0)));
    }

    #[test]
    fn silence_fails_only_where_the_template_limits_it() {
        let mut scene = Scene::live();
        scene.past().ads =
            AdHistory { open: None, last_cue: None, watched_since: Some(time(-600.0)), ..AdHistory::default() };
        assert_holds(run(&scene));
        let params = Params { cue_within: Some(600.0), ..Params::default() };
        assert_holds(check(&scene.context(), &params));
        let params = Params { cue_within: Some(599.0), ..Params::default() };
        assert_eq!(messages(check(&scene.context(), &params)), "no ad marker for 600 s; one is expected every 599 s");
        scene.past().ads.last_cue = Some(time(-10.0));
        assert_holds(check(&scene.context(), &params));
    }

    #[test]
    fn sound_beside_a_video_may_go_without_markers() {
        let params = Params { cue_within: Some(60.0), ..Params::default() };
        let found = |beside: bool, last_cue: Option<f64>| {
            let mut scene = Scene::live();
            scene.past().ads = AdHistory {
                open: None,
                last_cue: last_cue.map(time),
                watched_since: Some(time(-600.0)),
                ..AdHistory::default()
            };
            scene.rendition().rendition.media = Media::Audio;
            if beside {
                let mut video = rendition("video");
                video.timeline = None;
                scene.output.renditions.push(video);
            }
            violations(check(&scene.context(), &params)).len()
        };
        assert_eq!([found(true, None), found(true, Some(-100.0)), found(false, None)], [0, 1, 1]);
    }

    #[test]
    fn without_a_playlist_it_does_not_run() {
        let mut scene = Scene::live();
        scene.rendition().timeline = None;
        assert_not_run(run(&scene), NO_PLAYLIST);
    }

    /// Makes a test input: a live MPD with two ad breaks from `source`, which is Events or event messages. The first
    /// break has ended. The second was announced for 30 s and began `since` seconds before `edge_after`, a time in
    /// seconds after the probe.
    fn announced_break(since: f64, source: AdSource, edge_after: f64) -> Scene {
        let mut scene = Scene::dash(&timed("<S t=\"990000\" d=\"2000\" r=\"4\"/>"));
        let range = |start: f64, end: Option<f64>| AdRange {
            source,
            id: "1".to_owned(),
            start: Some(time(start)),
            end: end.map(time),
            coded: Some(Seconds(30.0)),
            auto_return: Some(false),
            out: true,
            line: 4,
            ..AdRange::default()
        };
        let ranges = vec![range(-2000.0, Some(-1970.0)), range(edge_after - since, None)];
        let name = scene.rendition().rendition.name.clone();
        let ads = match source {
            AdSource::Event => AdHistory { events: ranges, ..AdHistory::default() },
            _ => AdHistory { messages: ranges, ..AdHistory::default() },
        };
        let past = crate::history::RenditionHistory { ads, ..Default::default() };
        scene.history.renditions = [(name, past)].into();
        scene
    }

    #[test]
    fn a_break_of_events_that_nothing_ends_fails() {
        // The live edge is where the newest segment ends: now.
        assert_holds(run(&announced_break(35.0, AdSource::Event, 0.0)));
        let message = "the ad break of EventStream has lasted for 35.1 s and isn't closed; 30 s were announced";
        let found = violations(run(&announced_break(35.1, AdSource::Event, 0.0)));
        assert_eq!((found[0].message.as_str(), found[0].evidence["line"].as_u64()), (message, Some(4)));
        assert_holds(run(&announced_break(35.0, AdSource::Message, 0.0)));
        let message = "the ad break of emsg has lasted for 35.1 s and isn't closed; 30 s were announced";
        assert_eq!(messages(run(&announced_break(35.1, AdSource::Message, 0.0))), message);
    }

    #[test]
    fn messages_break_the_silence_too() {
        let mut scene = Scene::live();
        let watched_since = Some(time(-600.0));
        let params = Params { cue_within: Some(60.0), ..Params::default() };
        scene.past().ads = AdHistory { watched_since, last_message: Some(time(-60.0)), ..AdHistory::default() };
        assert_holds(check(&scene.context(), &params));
        scene.past().ads.last_message = Some(time(-61.0));
        assert_eq!(violations(check(&scene.context(), &params)).len(), 1);
    }
}
