use crate::checks::support::mpd_step::{self, MpdChange, MpdRegression, MpdStep};
use crate::checks::support::representations::STATIC_MPD;
use crate::checks::support::select::{FIRST_OBSERVATION, NO_MANIFEST, cap_violations};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use crate::history::MpdState;
use packager_media::units::Timestamp;

pub const META: CheckMeta = CheckMeta {
    id: "dash_mpd_regressed",
    severity: Severity::Critical,
    group: CheckGroup::Dash,
    scope: CheckScope::Dash,
    alert: Some("OriginsOutOfStep"),
    help: "fails when an update of a live MPD changes availabilityStartTime while the timeline goes on, lists an \
           older newest segment, or moves or removes a Period that had begun; minor when only publishTime is older; \
           packager_restarted reports a packager restart",
    reference: "ISO/IEC 23009-1 5.4.1, 5.3.1.2",
    needs_history: true,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    match context.output.dash() {
        None => return CheckVerdict::NotRun(NO_MANIFEST),
        Some(dash) if !dash.mpd.dynamic => return CheckVerdict::NotRun(STATIC_MPD),
        Some(_) => {}
    }
    let Some(updates) = mpd_step::recent_steps(context) else { return CheckVerdict::NotRun(FIRST_OBSERVATION) };
    CheckVerdict::Ran(cap_violations(updates.iter().rev().filter_map(violation).collect()))
}

fn violation(update: &MpdStep<'_>) -> Option<Violation> {
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
        MpdRegression::Edge(by) => match mpd_step::regressed_period(a, b) {
            Some(at) => format!("{}; the newest listed segment is {:.3} s older", period_message(a, at), by.0),
            None => format!(
                "the newest listed segment is {:.3} s older than in the MPD before: a stale cache, or two origins out of step",
                by.0
            ),
        },
        MpdRegression::Period(at) => period_message(a, at),
        MpdRegression::Published(by) => format!(
            "publishTime went back by {:.1} s, but the timeline didn't: two origins publish the same timeline at different times, or a clock was set back",
            by.0
        ),
    };
    let violation = Violation::new(message)
        .with("before_published", text(a.publish_time))
        .with("after_published", text(b.publish_time))
        .with("seen_at", b.first_seen.to_string());
    Some(if matches!(back, MpdRegression::Published(_)) { violation.severity(Severity::Minor) } else { violation })
}

/// What is wrong with the Period at this place of the earlier state.
fn period_message(earlier: &MpdState, at: usize) -> String {
    let id = earlier.periods.get(at).and_then(|p| p.id.as_deref()).unwrap_or("without an id");
    format!("the Period {id} had begun and is now gone or begins at another time: players lose their position")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

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
