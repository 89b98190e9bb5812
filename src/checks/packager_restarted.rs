use super::input::{self, FIRST};
use super::relation::{self, Relation, Step, last_number};
use super::{Context, Group, Meta, Verdict, Violation};
use crate::finding::Severity;

pub const META: Meta = Meta {
    id: "packager_restarted",
    severity: Severity::Major,
    group: Group::OverTime,
    help: "fails when new segments came under media sequence numbers that began again: reported for the template's hold time, then \
           the new run is the baseline",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.3.2, 6.2.2",
    needs_history: true,
};

params! {}

pub fn check(context: &Context<'_>, _params: &Params) -> Verdict {
    input::each(context, FIRST, |facts, past| {
        let steps = relation::recent(context, facts, past)?;
        Some(steps.iter().rev().filter(|s| s.relation == Relation::Restarted).map(violation).collect())
    })
}

fn violation(step: &Step<'_>) -> Violation {
    let (a, b) = (step.earlier, step.later);
    let message = format!(
        "the packager began again: media sequence {}–{} became {}–{} with other segments; players that were watching lose the stream",
        a.media_sequence,
        last_number(a),
        b.media_sequence,
        last_number(b),
    );
    Violation::new(message)
        .with("before_first", a.media_sequence)
        .with("before_last", last_number(a))
        .with("after_first", b.media_sequence)
        .with("after_last", last_number(b))
        .with("before_seen_until", a.last_seen.to_string())
        .with("seen_at", b.first_seen.to_string())
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

    #[test]
    fn a_playlist_that_goes_on_holds() {
        assert_holds(run([observation(-20, 10, 15), observation(-10, 12, 17)]));
    }

    #[test]
    fn a_restart_is_reported_once_and_then_the_baseline() {
        let steps = [observation(-30, 900, 905), observation(-20, 0, 2), observation(-10, 3, 8)];
        let found = violations(run(steps));
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("media sequence 900–905 became 0–2"), "{}", found[0].message);
        assert_holds(run([observation(-330, 900, 905), observation(-301, 0, 2), observation(-10, 3, 8)]));
    }

    #[test]
    fn origins_out_of_step_are_no_restart() {
        assert_holds(run([observation(-20, 10, 15), observation(-10, 9, 14)]));
    }

    #[test]
    fn the_first_observation_says_nothing() {
        assert_not_run(run([observation(0, 0, 2)]), FIRST);
    }
}
