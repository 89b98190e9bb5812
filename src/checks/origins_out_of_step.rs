use super::input::{self, FIRST};
use super::relation::{self, Relation, Step, last_number};
use super::{Context, Group, Meta, Verdict, Violation};
use crate::finding::Severity;

pub const META: Meta = Meta {
    id: "origins_out_of_step",
    severity: Severity::Major,
    group: Group::OverTime,
    help: "fails when answers alternate between two states: the window of a playlist went back and forward again at least twice, as when \
           two origins behind one address are out of step",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.2; HLS authoring specification 7",
    needs_history: true,
};

params! {
    /// How often the window has to go back and return within the template's hold time.
    returns: usize = 2,
}

pub fn check(context: &Context<'_>, params: &Params) -> Verdict {
    input::each(context, FIRST, |facts, past| {
        let steps = relation::recent(context, facts, past)?;
        Some(violation(&returns(&steps), params).into_iter().collect())
    })
}

/// Each step back with the step that returned to where the window had been, or beyond.
fn returns<'a, 's>(steps: &'s [Step<'a>]) -> Vec<(&'s Step<'a>, &'s Step<'a>)> {
    let mut found = Vec::new();
    let mut back: Option<&Step<'_>> = None;
    for step in steps {
        match (step.relation, back) {
            (Relation::Regressed, None) => back = Some(step),
            (Relation::Continued, Some(went)) if last_number(step.later) >= last_number(went.earlier) => {
                found.push((went, step));
                back = None;
            }
            (Relation::Restarted, _) => back = None,
            _ => {}
        }
    }
    found
}

fn violation(returns: &[(&Step<'_>, &Step<'_>)], params: &Params) -> Option<Violation> {
    if returns.len() < params.returns.max(1) {
        return None;
    }
    let (went, came) = returns.last()?;
    let (ahead, behind) = (last_number(went.earlier), last_number(went.later));
    let message = format!(
        "answers alternate between two states, {} times by now: the newest segment was {ahead}, then {behind}, then {}; two origins \
         (or caches) behind one address are out of step",
        returns.len(),
        last_number(came.later)
    );
    let violation = Violation::new(message).with("returns", returns.len()).with("ahead", ahead).with("behind", behind);
    Some(violation.with("seen_at", came.later.first_seen.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::history::Observation;

    fn run(observations: impl IntoIterator<Item = Observation>) -> Verdict {
        let mut scene = Scene::live();
        scene.observe(observations);
        check(&scene.context(), &Params::default())
    }

    /// The newest segments, a probe each 10 s, the last one 10 s ago.
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
    fn the_first_observation_says_nothing() {
        assert_not_run(run(edges(&[15])), FIRST);
    }
}
