use crate::checks::support::playlist_step::{self, PlaylistChange, PlaylistStep, newest_number};
use crate::checks::support::select::{self, FIRST_OBSERVATION};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use crate::history::Observation;

pub const META: CheckMeta = CheckMeta {
    id: "hls_media_sequence_regressed",
    severity: Severity::Critical,
    group: CheckGroup::Hls,
    scope: CheckScope::Hls,
    alert: Some("OriginsOutOfStep"),
    help: "fails when the window of a playlist goes back to segments that it listed before: a stale cache, or two \
           origins out of step; major where it goes back by a single segment, as between two edges of a CDN: players keep the \
           newer playlist. packager_restarted reports a packager restart",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.3.2, 6.2.2",
    needs_history: true,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    select::judge_renditions(context, FIRST_OBSERVATION, |facts, past| {
        let steps = playlist_step::recent_steps(context, facts, past)?;
        Some(steps.iter().rev().filter(|s| s.change == PlaylistChange::Regressed).map(violation).collect())
    })
}

fn violation(step: &PlaylistStep<'_>) -> Violation {
    let (a, b) = (step.earlier, step.later);
    let message = format!(
        "media sequence went back from {}–{} to {}–{}: a stale cache, or two origins out of step",
        a.media_sequence,
        newest_number(a),
        b.media_sequence,
        newest_number(b),
    );
    let violation = Violation::new(message)
        .with("before_first", a.media_sequence)
        .with("before_last", newest_number(a))
        .with("after_first", b.media_sequence)
        .with("after_last", newest_number(b))
        .with("shared_segments", playlist_step::common_segments(a, b).count())
        .with("seen_at", b.first_seen.to_string());
    if is_one_update(a, b) { violation.severity(Severity::Major) } else { violation }
}

/// Whether the playlist went back by no more than one segment, of which players notice nothing: they have all that it lists.
fn is_one_update(a: &Observation, b: &Observation) -> bool {
    let near = |was: u64, is: u64| was.abs_diff(is) <= 1;
    near(a.media_sequence, b.media_sequence)
        && near(newest_number(a), newest_number(b))
        && playlist_step::common_segments(a, b).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn run(observations: impl IntoIterator<Item = Observation>) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.observe(observations);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn forward_and_standing_still_hold() {
        assert_holds(run([observation(-20, 10, 15), observation(-10, 10, 16), observation(0, 12, 17)]));
    }

    #[test]
    fn one_step_back_fails() {
        let message = messages(run([observation(-20, 10, 15), observation(-10, 9, 14)]));
        assert!(message.starts_with("media sequence went back from 10–15 to 9–14"), "{message}");
    }

    #[test]
    fn a_step_back_by_one_segment_is_major_and_by_two_critical() {
        let severity = |first, last| {
            let found = violations(run([observation(-20, 10, 15), observation(-10, first, last)]));
            found.iter().map(|v| v.severity).collect::<Vec<_>>()
        };
        assert_eq!(severity(9, 14), [Some(Severity::Major)]);
        assert_eq!([severity(8, 13), severity(10, 13)], [[None], [None]]);
    }

    #[test]
    fn a_restart_is_not_a_step_back() {
        assert_holds(run([observation(-20, 100, 105), observation(-10, 0, 2)]));
    }

    #[test]
    fn an_event_is_gone_after_hold() {
        assert_eq!(violations(run([observation(-320, 10, 15), observation(-300, 9, 14)])).len(), 1);
        assert_holds(run([observation(-320, 10, 15), observation(-301, 9, 14)]));
    }

    #[test]
    fn the_first_observation_says_nothing() {
        assert_not_run(run([observation(0, 10, 15)]), FIRST_OBSERVATION);
        assert_not_run(run([]), FIRST_OBSERVATION);
    }
}
