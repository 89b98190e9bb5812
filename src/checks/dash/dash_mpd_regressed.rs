use crate::checks::support::mpd_step::{self, MpdChange, MpdRegression, MpdStep, PeriodRegression};
use crate::checks::support::representations::STATIC_MPD;
use crate::checks::support::select::{FIRST_OBSERVATION, NO_MANIFEST, cap_violations};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{OutputFacts, RenditionFacts};
use crate::finding::Severity;
use crate::history::MpdState;
use packager_media::redact::Quoted;
use packager_media::stream::Media;
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "dash_mpd_regressed",
    severity: Severity::Critical,
    group: CheckGroup::Dash,
    scope: CheckScope::Dash,
    alert: Some("OriginsOutOfStep"),
    help: "fails when an update of a live MPD changes availabilityStartTime while the timeline goes on, or moves it with the clock at \
           each request, lists an older newest segment, or moves, removes or replaces a Period that had begun; major when the timeline \
           goes back by a single segment of picture or sound (the shortest of their newest ones), as between two edges of a CDN, or a \
           Period moves in steps of up to a second, or an announced Period is withdrawn; minor when only publishTime is older; packager_restarted reports a packager restart, and \
           dash_period_id_wrong another id of a Period",
    reference: "ISO/IEC 23009-1 5.4.1, 5.3.1.2",
    needs_history: true,
};

params! {}

/// Seconds by which the duration of a segment and the step between two MPDs may differ because of rounding.
const ROUNDING: f64 = 0.1;

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    match context.output.dash() {
        None => return CheckVerdict::NotRun(NO_MANIFEST),
        Some(dash) if !dash.mpd.dynamic => return CheckVerdict::NotRun(STATIC_MPD),
        Some(_) => {}
    }
    let Some(updates) = mpd_step::recent_steps(context) else { return CheckVerdict::NotRun(FIRST_OBSERVATION) };
    let segment = newest_duration(context.output);
    let is_moving =
        |update: &&MpdStep<'_>| matches!(update.change, MpdChange::Regressed(MpdRegression::MovingStart(_)));
    // A start that moves with each request is one fault, whose newest step is reported.
    let newest_move = updates.iter().rfind(is_moving);
    let others = updates.iter().rev().filter(|update| !is_moving(update));
    let reported = newest_move.into_iter().chain(others);
    CheckVerdict::Ran(cap_violations(reported.filter_map(|update| violation(update, segment)).collect()))
}

/// Returns the duration of the shortest newest segment of the output's video and audio renditions; zero if none lists a
/// segment. Segments of subtitles can be as long as the window.
fn newest_duration(output: &OutputFacts) -> Seconds {
    let newest = |r: &RenditionFacts| r.timeline.as_deref()?.segments.last().map(|s| s.duration.0);
    let renditions = output.renditions.iter().filter(|r| r.rendition.media != Media::Text);
    Seconds(renditions.filter_map(newest).reduce(f64::min).unwrap_or_default())
}

/// Returns the violation of an update that went back. `segment` is the duration of a segment.
fn violation(update: &MpdStep<'_>, segment: Seconds) -> Option<Violation> {
    let MpdChange::Regressed(back) = update.change else { return None };
    let (a, b) = (update.earlier, update.later);
    let text = |at: Option<Timestamp>| at.map_or_else(|| "none".to_owned(), |at| at.to_string());
    let message = match back {
        MpdRegression::Start(by) => format!(
            "availabilityStartTime changed from {} to {} ({:+.3} s) while the presentation goes on, or back to one seen before: players \
             seek segments at the wrong time",
            text(a.availability_start),
            text(b.availability_start),
            by.0
        ),
        MpdRegression::MovingStart(by) => format!(
            "availabilityStartTime moves with each request, from {} to {} ({:+.3} s, as much as the clock) at the last update: by the clock \
             no newer segment becomes available; write the time at which the presentation began",
            text(a.availability_start),
            text(b.availability_start),
            by.0
        ),
        MpdRegression::Edge(by) => match mpd_step::regressed_period(a, b) {
            Some(period) => {
                format!("{}; the newest listed segment is {:.3} s older", period_message(a, b, period), by.0)
            }
            None => format!(
                "the newest listed segment is {:.3} s older than in the MPD before: a stale cache, or two origins out of step",
                by.0
            ),
        },
        MpdRegression::Period(period) => period_message(a, b, period),
        MpdRegression::Published(by) => format!(
            "publishTime went back by {:.1} s, but the timeline didn't: two origins publish the same timeline at different times, or a clock was set back",
            by.0
        ),
    };
    let violation = Violation::new(message + &other_id(a, b))
        .with("before_published", text(a.publish_time))
        .with("after_published", text(b.publish_time))
        .with("seen_at", b.first_seen.to_string());
    let severity = match back {
        MpdRegression::Published(_) => Some(Severity::Minor),
        // Players have all that the older MPD lists.
        MpdRegression::Edge(by) if by.0 <= segment.0 + ROUNDING && mpd_step::regressed_period(a, b).is_none() => {
            Some(Severity::Major)
        }
        // Players follow each small step, and are late for what a clock starts.
        MpdRegression::Period(PeriodRegression::Moved(at, to))
            if a.periods.get(at).is_some_and(|period| mpd_step::drifted(period, to)) =>
        {
            Some(Severity::Major)
        }
        // Only Media3 minds, after some attempts.
        MpdRegression::Period(PeriodRegression::Withdrawn(_)) => Some(Severity::Major),
        _ => None,
    };
    Some(Violation { severity: severity.or(violation.severity), ..violation })
}

/// Returns a text that follows a message, and says that the MPD `b` has another id than the MPD `a` before it; empty if it has the same.
fn other_id(a: &MpdState, b: &MpdState) -> String {
    match (&a.id, &b.id) {
        (Some(was), Some(is)) if was != is => {
            format!(
                "; the MPD before had the id {}, this one has {}: it may be another channel's",
                Quoted(was),
                Quoted(is)
            )
        }
        _ => String::new(),
    }
}

fn period_message(a: &MpdState, b: &MpdState, change: PeriodRegression) -> String {
    let name = |at: usize| {
        let period = a.periods.get(at);
        let id = period.and_then(|p| p.id.as_deref());
        let start = period.map_or(0.0, |p| p.first_start.0);
        (id.map_or_else(|| "a Period without an id".to_owned(), |id| format!("the Period {}", Quoted(id))), start)
    };
    match change {
        PeriodRegression::Moved(at, to) => {
            let (name, start) = name(at);
            format!(
                "{name} had begun at {start:.3} s of the presentation and now begins at {:.3} s: players lose their position",
                to.0
            )
        }
        PeriodRegression::Gone(at) => {
            let (name, start) = name(at);
            format!("{name} had begun at {start:.3} s of the presentation and is gone: players lose their position")
        }
        PeriodRegression::Withdrawn(at) => {
            let (name, start) = name(at);
            format!(
                "{name} was announced for {start:.3} s of the presentation and is withdrawn without another Period in its place: Media3 \
                 takes the MPD for that of a server that is behind, and stops (DashManifestStaleException)"
            )
        }
        PeriodRegression::Replaced => {
            let start = b.periods.first().map_or(0.0, |p| p.start.0);
            format!(
                "all Periods that had begun are gone while their segments should still be listed; the oldest one now begins at \
                 {start:.3} s of the presentation: players that are behind the live edge lose their position"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::history::PeriodStart;

    fn run(states: impl IntoIterator<Item = MpdState>) -> CheckVerdict {
        let mut scene = Scene::dash(&timed("<S t=\"980000\" d=\"2000\" r=\"9\"/>"));
        scene.published(states);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn an_update_goes_on() {
        assert_holds(run([mpd(-20, 980.0), mpd(-10, 990.0)]));
    }

    #[test]
    fn an_older_edge_and_another_start_are_critical_and_publish_time_alone_is_minor() {
        let found = violations(run([mpd(-20, 980.0), mpd(-10, 974.0)]));
        assert_eq!(found[0].severity, None);
        assert!(found[0].message.starts_with("the newest listed segment is 6.000 s older"), "{found:?}");
        let moved = MpdState { availability_start: Some(time(-985.0)), ..mpd(-10, 990.0) };
        assert!(messages(run([mpd(-20, 980.0), moved])).contains("(+15.000 s)"));
        let older = MpdState { publish_time: Some(time(-25.0)), ..mpd(-10, 990.0) };
        assert_eq!(violations(run([mpd(-20, 980.0), older]))[0].severity, Some(Severity::Minor));
    }

    #[test]
    fn a_start_that_moves_with_each_request_is_reported_once() {
        let at = |second: i64| MpdState {
            availability_start: Some(time(second as f64)),
            ..mpd(second, 1000.0 + second as f64)
        };
        let found = violations(run([at(-40), at(-30), at(-20), at(-10)]));
        assert_eq!((found.len(), found[0].severity), (1, None));
        let begins = format!("availabilityStartTime moves with each request, from {} to {}", time(-20.0), time(-10.0));
        assert!(found[0].message.starts_with(&begins), "{found:?}");
        assert_holds(run([at(-40), MpdState { availability_start: Some(time(-40.0)), ..at(-30) }]));
    }

    #[test]
    fn an_mpd_of_another_channel_is_named() {
        let state = |second: i64, edge: f64, id: &str| MpdState { id: Some(id.to_owned()), ..mpd(second, edge) };
        let message = messages(run([state(-20, 980.0, "ch1"), state(-10, 974.0, "ch2")]));
        assert!(message.ends_with("the MPD before had the id `ch1`, this one has `ch2`: it may be another channel's"));
        assert!(!messages(run([state(-20, 980.0, "ch1"), state(-10, 974.0, "ch1")])).contains("the id"));
    }

    #[test]
    fn a_step_back_by_one_segment_is_major() {
        let severity = |edge| violations(run([mpd(-20, 980.0), mpd(-10, edge)]))[0].severity;
        assert_eq!([severity(978.0), severity(977.0)], [Some(Severity::Major), None]);
    }

    #[test]
    fn the_segment_of_a_step_is_the_shortest_of_picture_and_sound() {
        let severity = |media: Media, seconds: f64| {
            let mut scene = Scene::dash(&timed("<S t=\"980000\" d=\"2000\" r=\"9\"/>"));
            let mut other = scene.rendition().clone();
            other.rendition.media = media;
            let timeline = std::sync::Arc::make_mut(other.timeline.as_mut().unwrap());
            timeline.segments.last_mut().unwrap().duration = Seconds(seconds);
            scene.output.renditions.push(other);
            scene.published([mpd(-20, 980.0), mpd(-10, 978.0)]);
            violations(check(&scene.context(), &Params::default()))[0].severity
        };
        assert_eq!(severity(Media::Text, 0.5), Some(Severity::Major));
        assert_eq!(severity(Media::Audio, 60.0), Some(Severity::Major));
        assert_eq!(severity(Media::Audio, 1.0), None);
        let mut scene = Scene::dash(&timed("<S t=\"980000\" d=\"2000\" r=\"9\"/>"));
        let mut text = scene.rendition().clone();
        text.rendition.media = Media::Text;
        let timeline = std::sync::Arc::make_mut(text.timeline.as_mut().unwrap());
        timeline.segments.last_mut().unwrap().duration = Seconds(60.0);
        scene.output.renditions.push(text);
        scene.published([mpd(-20, 980.0), mpd(-10, 970.0)]);
        assert_eq!(violations(check(&scene.context(), &Params::default()))[0].severity, None, "10 s back");
    }

    #[test]
    fn a_period_that_moves_is_named_with_both_times() {
        let state = |second: i64, edge: f64, periods: &[(Option<&str>, f64)]| {
            let period = |(id, start): &(Option<&str>, f64)| PeriodStart::new(id.map(str::to_owned), Seconds(*start));
            MpdState { periods: periods.iter().map(period).collect(), ..mpd(second, edge) }
        };
        let message = |later: MpdState| messages(run([state(-20, 980.0, &[(Some("ad"), 970.0)]), later]));
        assert_eq!(
            message(state(-18, 982.0, &[(Some("ad"), 956.0)])),
            "the Period `ad` had begun at 970.000 s of the presentation and now begins at 956.000 s: players lose their position"
        );
        assert!(
            message(state(-18, 982.0, &[(Some("x"), 950.0)]))
                .starts_with("the Period `ad` had begun at 970.000 s of the presentation and is gone")
        );
        assert!(message(state(-18, 982.0, &[(Some("x"), 980.0)])).contains("the oldest one now begins at 980.000 s"));
        let nameless = messages(run([state(-20, 980.0, &[(None, 970.0)]), state(-18, 982.0, &[(None, 972.0)])]));
        assert!(nameless.starts_with("a Period without an id had begun at 970.000 s"), "{nameless}");
    }

    #[test]
    fn an_announced_period_that_is_withdrawn_is_major() {
        let state = |second: i64, starts: &[f64]| {
            let period = |start: &f64| PeriodStart::new(Some(start.to_string()), Seconds(*start));
            MpdState { periods: starts.iter().map(period).collect(), ..mpd(second, 980.0) }
        };
        let found = violations(run([state(-20, &[0.0, 1100.0]), state(-10, &[0.0])]));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Major)));
        let begins = "the Period `1100` was announced for 1100.000 s of the presentation and is withdrawn";
        assert!(found[0].message.starts_with(begins), "{}", found[0].message);
    }

    #[test]
    fn a_period_that_moves_in_small_steps_is_major() {
        let state = |second: i64, start: f64, first: f64| {
            let period =
                PeriodStart { first_start: Seconds(first), ..PeriodStart::new(Some("p".to_owned()), Seconds(start)) };
            MpdState { periods: vec![period], ..mpd(second, 980.0) }
        };
        assert_holds(run([state(-30, 10.5, 10.0), state(-20, 11.0, 10.0)]));
        let found = violations(run([state(-30, 10.5, 10.0), state(-20, 11.25, 11.25), state(-10, 12.0, 11.25)]));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Major)));
        let begins = "the Period `p` had begun at 10.000 s of the presentation and now begins at 11.250 s";
        assert!(found[0].message.starts_with(begins), "{}", found[0].message);
    }

    #[test]
    fn a_restart_is_not_a_step_back_and_an_event_is_gone_after_hold() {
        assert_holds(run([mpd(-20, 980.0), mpd(-10, 4.0)]));
        assert_eq!(violations(run([mpd(-320, 700.0), mpd(-300, 694.0)])).len(), 1);
        assert_holds(run([mpd(-320, 700.0), mpd(-301, 694.0)]));
    }

    #[test]
    fn the_first_mpd_and_a_static_one_say_nothing() {
        assert_not_run(run([mpd(0, 980.0)]), FIRST_OBSERVATION);
        let fixed = timed("").replace("type=\"dynamic\"", "type=\"static\"");
        assert_not_run(check(&Scene::dash(&fixed).context(), &Params::default()), STATIC_MPD);
    }
}
