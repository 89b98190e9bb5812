use crate::checks::support::select::{FIRST_OBSERVATION, NO_MANIFEST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use crate::history::LadderState;
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "ladder_changed",
    severity: Severity::Warning,
    group: CheckGroup::Ladder,
    scope: CheckScope::Any,
    alert: Some("ChannelChanged"),
    help: "fails when renditions appeared in or vanished from the manifest; bit rates may change",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.6",
    needs_history: true,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    if !context.output.is_readable() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    if context.output.is_media_playlist() {
        return CheckVerdict::NotRun("a media playlist given directly has no ladder");
    }
    let ladders = &context.past.ladders;
    let seen_before = |l: &LadderState| l.first_seen < context.now;
    if !ladders.first().is_some_and(|l| seen_before(l)) {
        return CheckVerdict::NotRun(FIRST_OBSERVATION);
    }
    let steps = ladders.iter().zip(ladders.iter().skip(1));
    let recent = steps.filter(|(_, later)| Seconds::between(later.first_seen, context.now) <= context.hold);
    CheckVerdict::Ran(recent.map(|(earlier, later)| violation(earlier, later)).rev().collect())
}

fn violation(earlier: &LadderState, later: &LadderState) -> Violation {
    let gone = more(earlier, later);
    let come = more(later, earlier);
    let parts = [("vanished", &gone), ("appeared", &come)];
    let said: Vec<_> = parts
        .iter()
        .filter(|(_, kinds)| !kinds.is_empty())
        .map(|(what, kinds)| format!("{what}: {}", kinds.join(", ")))
        .collect();
    Violation::new(format!("the ladder changed; {}", said.join("; ")))
        .with("vanished", gone)
        .with("appeared", come)
        .with("seen_at", later.first_seen.to_string())
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
    use std::sync::Arc;

    fn ladder(seconds: f64, kinds: &[&str]) -> Arc<LadderState> {
        let rungs = kinds.iter().map(|k| ((*k).to_owned(), 1)).collect();
        Arc::new(LadderState { first_seen: time(seconds), rungs })
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
        assert_holds(run(vec![ladder(-310.0, &both), ladder(-300.1, &both[..1])]));
    }

    #[test]
    fn one_of_two_alike_counts() {
        let mut two = ladder(-20.0, &["video"]);
        Arc::make_mut(&mut two).rungs.insert("video".to_owned(), 2);
        assert_eq!(violations(run(vec![two, ladder(-10.0, &["video"])])).len(), 1);
    }

    #[test]
    fn the_first_observation_says_nothing() {
        assert_not_run(run(vec![ladder(0.0, &["video"])]), FIRST_OBSERVATION);
        assert_not_run(run(vec![]), FIRST_OBSERVATION);
        assert_not_run(check(&Scene::unreadable().context(), &Params::default()), NO_MANIFEST);
    }
}
