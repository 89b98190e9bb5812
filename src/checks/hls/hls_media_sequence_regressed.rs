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
    help: "fails when the window of a playlist goes back to segments that it listed before: a stale cache, two \
           origins out of step, or a playlist that is sent before it is written; major where it goes back by a single segment, as between two edges of a CDN: players keep the \
           newer playlist. packager_restarted reports a packager restart. It also fails when the window moves on and \
           its numbers don't, or by less",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.3.2, 6.2.2",
    needs_history: true,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    select::judge_renditions(context, FIRST_OBSERVATION, |facts, past| {
        let steps = playlist_step::recent_steps(context, facts, past)?;
        let back = steps.iter().rev().filter(|s| s.change == PlaylistChange::Regressed).map(violation);
        // While it goes on, one step stands for all.
        let continued = steps.iter().rev().filter(|s| s.change == PlaylistChange::Continued);
        Some(back.chain(continued.filter_map(standing_still).take(1)).collect())
    })
}

/// Returns the violation if the window moved on and its numbers didn't, or by less. Players know segments by their numbers.
fn standing_still(step: &PlaylistStep<'_>) -> Option<Violation> {
    let (a, b) = (step.earlier, step.later);
    let by = playlist_step::slid_under_old_numbers(a, b)?;
    let moved = b.media_sequence.saturating_sub(a.media_sequence);
    let message = format!(
        "the window moved on by {} segments, and EXT-X-MEDIA-SEQUENCE (0 without the tag) only from {} to {}: players take new \
         segments for those that they have",
        by + moved,
        a.media_sequence,
        b.media_sequence
    );
    Some(Violation::new(message).with("segments", by + moved).with("seen_at", b.first_seen.to_string()))
}

fn violation(step: &PlaylistStep<'_>) -> Violation {
    let (a, b) = (step.earlier, step.later);
    let cause = if step.is_cut {
        "only its end is missing, as when a playlist is sent while it is being written"
    } else if b.last_number() >= a.last_number() {
        "older segments came back, as when the window is made longer; EXT-X-MEDIA-SEQUENCE must not decrease"
    } else {
        "a stale cache, or two origins out of step"
    };
    let message = format!(
        "media sequence went back from {}–{} to {}–{}: {cause}",
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
    use std::sync::Arc;

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
    fn a_window_without_its_end_is_one_that_was_cut() {
        let message = |first, last| messages(run([observation(-20, 10, 15), observation(-10, first, last)]));
        assert!(
            message(10, 13).ends_with("only its end is missing, as when a playlist is sent while it is being written")
        );
        assert!(message(11, 14).ends_with("as when a playlist is sent while it is being written"));
        assert!(message(8, 13).ends_with("a stale cache, or two origins out of step"));
    }

    #[test]
    fn a_window_that_grows_at_its_old_end_lists_older_segments_again() {
        let cause = |first, last| {
            let message = messages(run([observation(-20, 12, 17), observation(-10, first, last)]));
            message.split_once(": ").unwrap().1.to_owned()
        };
        let grown =
            "older segments came back, as when the window is made longer; EXT-X-MEDIA-SEQUENCE must not decrease";
        assert_eq!([cause(10, 17), cause(10, 18)], [grown; 2]);
        assert_eq!(cause(10, 16), "a stale cache, or two origins out of step");
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
    fn a_window_that_moves_on_under_the_same_numbers_fails() {
        let renumbered = |second: i64, first: u64, last: u64, back: u64| {
            let mut seen = observation(second, first, last);
            seen.media_sequence -= back;
            for segment in &mut seen.segments {
                Arc::make_mut(segment).number -= back;
            }
            seen
        };
        let standing =
            messages(run([observation(-20, 100, 107), renumbered(-10, 101, 108, 1), renumbered(-8, 102, 109, 2)]));
        assert_eq!(
            standing,
            "the window moved on by 1 segments, and EXT-X-MEDIA-SEQUENCE (0 without the tag) only from 100 to 100: players take \
             new segments for those that they have"
        );
        let slow = messages(run([observation(-20, 100, 107), renumbered(-10, 102, 109, 1)]));
        assert!(slow.starts_with(
            "the window moved on by 2 segments, and EXT-X-MEDIA-SEQUENCE (0 without the tag) only from 100 to 101"
        ));
        assert_holds(run([observation(-20, 100, 107), observation(-10, 102, 109)]));
        let mut reused = observation(-10, 108, 115);
        let first: Vec<u64> = observation(-20, 100, 107).segments.iter().map(|s| s.uri_identity).collect();
        for (segment, name) in reused.segments.iter_mut().zip(first) {
            Arc::make_mut(segment).uri_identity = name;
        }
        assert_holds(run([observation(-20, 100, 107), reused]));
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
