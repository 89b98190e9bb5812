use crate::checks::support::mpd_step::{self, MpdChange, MpdRegression, MpdStep};
use crate::checks::support::playlist_step::{self, PlaylistChange, PlaylistStep, newest_number};
use crate::checks::support::select::{self, FIRST_OBSERVATION};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;

pub const META: CheckMeta = CheckMeta {
    id: "origins_out_of_step",
    severity: Severity::Major,
    group: CheckGroup::OverTime,
    scope: CheckScope::Any,
    alert: Some("OriginsOutOfStep"),
    help: "fails when answers alternate between two states: the window of a playlist or MPD went back and forward again at least twice, as when \
           two origins behind one address are out of step",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.2; HLS authoring specification 7; ISO/IEC 23009-1 5.4.1",
    needs_history: true,
};

params! {
    /// Number of times within the template's `hold` that the window must go back and return before the check fails.
    returns: usize = 2,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    if context.output.dash().is_some() {
        let Some(updates) = mpd_step::recent_steps(context) else { return CheckVerdict::NotRun(FIRST_OBSERVATION) };
        return CheckVerdict::Ran(of_mpd(&updates, params).into_iter().collect());
    }
    select::judge_renditions(context, FIRST_OBSERVATION, |facts, past| {
        let steps = playlist_step::recent_steps(context, facts, past)?;
        Some(violation(&returns(&steps), params).into_iter().collect())
    })
}

/// Returns pairs of changes of a playlist: one with which its window went back, and the later one with which it reached
/// the earlier position again.
fn returns<'a, 's>(steps: &'s [PlaylistStep<'a>]) -> Vec<(&'s PlaylistStep<'a>, &'s PlaylistStep<'a>)> {
    let mut found = Vec::new();
    let mut back: Option<&PlaylistStep<'_>> = None;
    for step in steps {
        match (step.change, back) {
            (PlaylistChange::Regressed, None) if !step.is_cut => back = Some(step),
            (PlaylistChange::Continued, Some(went)) if newest_number(step.later) >= newest_number(went.earlier) => {
                found.push((went, step));
                back = None;
            }
            (PlaylistChange::Restarted, _) => back = None,
            _ => {}
        }
    }
    found
}

/// Returns the violation of an MPD that repeatedly went back and returned. Updates in which only publishTime went back
/// don't count, because they harm no player.
fn of_mpd(updates: &[MpdStep<'_>], params: &Params) -> Option<Violation> {
    let (mut count, mut back): (usize, Option<&MpdStep<'_>>) = (0, None);
    let mut last = None;
    for update in updates {
        match (update.change, back) {
            (MpdChange::Restarted, _) => back = None,
            (_, Some(went)) if mpd_step::has_returned(went, update.later) => {
                (count, back, last) = (count + 1, None, Some(update));
            }
            (MpdChange::Regressed(MpdRegression::Published(_)), _) => {}
            (MpdChange::Regressed(_), None) => back = Some(update),
            _ => {}
        }
    }
    let last = last.filter(|_| count >= params.returns.max(1))?;
    let message = format!(
        "MPDs of two states alternate, {count} times by now: two origins (or caches) behind one address are out of step"
    );
    Some(Violation::new(message).with("returns", count).with("seen_at", last.later.first_seen.to_string()))
}

fn violation(returns: &[(&PlaylistStep<'_>, &PlaylistStep<'_>)], params: &Params) -> Option<Violation> {
    if returns.len() < params.returns.max(1) {
        return None;
    }
    let (went, came) = returns.last()?;
    let (ahead, behind) = (newest_number(went.earlier), newest_number(went.later));
    let message = format!(
        "answers alternate between two states, {} times by now: the newest segment was {ahead}, then {behind}, then {}; two origins \
         (or caches) behind one address are out of step",
        returns.len(),
        newest_number(came.later)
    );
    let violation = Violation::new(message).with("returns", returns.len()).with("ahead", ahead).with("behind", behind);
    Some(violation.with("seen_at", came.later.first_seen.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::history::{Observation, PeriodStart};
    use packager_media::units::Seconds;

    fn run(observations: impl IntoIterator<Item = Observation>) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.observe(observations);
        check(&scene.context(), &Params::default())
    }

    /// Makes observations with these numbers of the newest segment, one for each probe. Probes are 10 s apart, and the
    /// last one is 10 s before the time of the probe.
    fn edges(edges: &[u64]) -> Vec<Observation> {
        let count = edges.len() as i64;
        (0..).zip(edges).map(|(n, last)| observation(10 * (n - count), last - 5, *last)).collect()
    }

    #[test]
    fn forward_holds() {
        assert_holds(run(edges(&[15, 16, 16, 20])));
    }

    #[test]
    fn going_back_and_returning_twice_fails() {
        assert_holds(run(edges(&[15, 13, 16, 17])));
        assert_holds(run(edges(&[15, 13, 16, 14])));
        let message = messages(run(edges(&[15, 13, 16, 14, 17])));
        assert!(message.contains("2 times by now: the newest segment was 16, then 14, then 17"), "{message}");
    }

    #[test]
    fn a_window_whose_end_is_missing_at_times_is_not_two_states() {
        let cut = [(10, 15), (10, 12), (12, 17), (12, 13), (14, 19)];
        assert_holds(run((0..).zip(cut).map(|(n, (first, last))| observation(10 * (n - 5), first, last))));
    }

    #[test]
    fn two_origins_of_a_window_that_grows_are_two_states() {
        let seen = [149, 150, 147, 151, 148, 152].into_iter();
        assert_eq!(violations(run((0..).zip(seen).map(|(n, last)| observation(10 * (n - 6), 100, last)))).len(), 1);
    }

    #[test]
    fn a_window_that_went_back_and_goes_on_from_there_has_not_returned() {
        assert_holds(run(edges(&[15, 12, 13, 11, 12])));
    }

    #[test]
    fn a_restart_is_no_return() {
        let restart = [observation(-40, 100, 105), observation(-30, 0, 2), observation(-20, 3, 8)];
        assert_holds(run(restart));
    }

    #[test]
    fn it_is_gone_after_hold() {
        let mut seen = edges(&[15, 13, 16, 14, 17]);
        seen.iter_mut().take(2).for_each(|o| o.first_seen = time(-301.0));
        assert_holds(run(seen));
    }

    #[test]
    fn mpds_that_alternate_fail_from_the_second_return_on() {
        let run = |edges: &[f64]| {
            let mut scene = Scene::dash(&timed("<S t=\"980000\" d=\"2000\" r=\"9\"/>"));
            scene.published((0..).zip(edges).map(|(n, edge)| mpd(-100 + 10 * n, *edge)));
            check(&scene.context(), &Params::default())
        };
        assert_holds(run(&[980.0, 976.0, 982.0, 984.0]));
        assert_holds(run(&[980.0, 976.0, 982.0, 978.0]));
        assert!(messages(run(&[980.0, 976.0, 982.0, 978.0, 984.0])).contains("2 times by now"));
        assert_holds(run(&[980.0, 974.0, 976.0, 972.0, 974.0]));
    }

    #[test]
    fn a_period_whose_start_slides_with_the_window_is_not_two_states() {
        let run = |starts: &[f64]| {
            let mut scene = Scene::dash(&timed("<S t=\"980000\" d=\"2000\" r=\"9\"/>"));
            let states = (0..).zip(starts).map(|(n, start)| {
                let mut state = mpd(-100 + 10 * n, 980.0 + 2.0 * n as f64);
                state.periods = vec![PeriodStart::new(Some("p".to_owned()), Seconds(*start))];
                state
            });
            scene.published(states);
            check(&scene.context(), &Params::default())
        };
        assert_holds(run(&[0.0, 2.0, 4.0, 6.0, 8.0]));
        assert!(messages(run(&[0.0, 2.0, 0.0, 2.0, 0.0])).contains("2 times by now"), "one that comes back is");
    }

    #[test]
    fn the_first_observation_says_nothing() {
        assert_not_run(run(edges(&[15])), FIRST_OBSERVATION);
    }
}
