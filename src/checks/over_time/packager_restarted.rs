use crate::checks::support::mpd_step::{self, MpdChange, MpdStep};
use crate::checks::support::playlist_step::{self, PlaylistChange, PlaylistStep, newest_number};
use crate::checks::support::select::{self, FIRST_OBSERVATION};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::units::Timestamp;

pub const META: CheckMeta = CheckMeta {
    id: "packager_restarted",
    severity: Severity::Major,
    group: CheckGroup::OverTime,
    scope: CheckScope::Any,
    alert: Some("PackagerRestarted"),
    help: "fails when new segments came under media sequence numbers, or an MPD's presentation time, that began again: reported for the \
           template's hold time, then the new run is the baseline",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.3.2, 6.2.2; ISO/IEC 23009-1 5.4.1",
    needs_history: true,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    if context.output.dash().is_some() {
        let Some(updates) = mpd_step::recent_steps(context) else { return CheckVerdict::NotRun(FIRST_OBSERVATION) };
        return CheckVerdict::Ran(
            updates.iter().rev().filter(|u| u.change == MpdChange::Restarted).map(of_mpd).collect(),
        );
    }
    select::judge_renditions(context, FIRST_OBSERVATION, |facts, past| {
        let steps = playlist_step::recent_steps(context, facts, past)?;
        Some(steps.iter().rev().filter(|s| s.change == PlaylistChange::Restarted).map(violation).collect())
    })
}

fn of_mpd(update: &MpdStep<'_>) -> Violation {
    let (a, b) = (update.earlier, update.later);
    let shown = |at: Option<Timestamp>| at.map_or_else(|| "none".to_owned(), |at| at.to_string());
    let how = match a.availability_start == b.availability_start {
        true => "under the same availabilityStartTime".to_owned(),
        false => {
            let [before, after] = [a, b].map(|mpd| shown(mpd.availability_start));
            format!("availabilityStartTime was {before} and is {after}")
        }
    };
    let message = format!(
        "the packager began again: presentation time starts anew, {how}; players that were watching lose the stream"
    );
    Violation::new(message).with("before_seen_until", a.last_seen.to_string()).with("seen_at", b.first_seen.to_string())
}

fn violation(step: &PlaylistStep<'_>) -> Violation {
    let (a, b) = (step.earlier, step.later);
    let same = b.segments.iter().filter(|new| a.segments.iter().any(|old| old.is_same_media(new))).count();
    let (what, with) = match 2 * same > b.segments.len() {
        true => ("the same segments have other numbers now", ""),
        false => ("the packager began again", " with other segments"),
    };
    let message = format!(
        "{what}: media sequence {}–{} became {}–{}{with}; players that were watching lose the stream",
        a.media_sequence,
        newest_number(a),
        b.media_sequence,
        newest_number(b),
    );
    Violation::new(message)
        .with("before_first", a.media_sequence)
        .with("before_last", newest_number(a))
        .with("after_first", b.media_sequence)
        .with("after_last", newest_number(b))
        .with("before_seen_until", a.last_seen.to_string())
        .with("seen_at", b.first_seen.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::history::Observation;

    fn run(observations: impl IntoIterator<Item = Observation>) -> CheckVerdict {
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

    fn run_mpd(states: impl IntoIterator<Item = crate::history::MpdState>) -> CheckVerdict {
        let mut scene = Scene::dash(&timed("<S t=\"980000\" d=\"2000\" r=\"9\"/>"));
        scene.published(states);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn an_mpd_whose_time_began_again_is_reported_for_hold() {
        assert_holds(run_mpd([mpd(-20, 980.0), mpd(-10, 990.0)]));
        assert_holds(run_mpd([mpd(-20, 980.0), mpd(-10, 974.0)]));
        assert!(messages(run_mpd([mpd(-320, 680.0), mpd(-300, 4.0)])).contains("presentation time starts anew"));
        assert_holds(run_mpd([mpd(-320, 680.0), mpd(-301, 4.0), mpd(-10, 290.0)]));
        assert_not_run(run_mpd([mpd(0, 980.0)]), FIRST_OBSERVATION);
    }

    #[test]
    fn the_first_observation_says_nothing() {
        assert_not_run(run([observation(0, 0, 2)]), FIRST_OBSERVATION);
    }
}
