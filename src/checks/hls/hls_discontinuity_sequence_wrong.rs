use crate::checks::support::playlist_step::{self, PlaylistChange, PlaylistStep};
use crate::checks::support::select::{self, FIRST_OBSERVATION};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use crate::history::{Observation, RenditionHistory};

pub const META: CheckMeta = CheckMeta {
    id: "hls_discontinuity_sequence_wrong",
    severity: Severity::Major,
    group: CheckGroup::Hls,
    scope: CheckScope::Hls,
    alert: Some("PlaylistBroken"),
    help: "fails when the discontinuity sequence decreases, doesn't count a discontinuity that left the window, or \
           is missing after a discontinuity left the window",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.3.3, 6.2.2",
    needs_history: true,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    select::judge_renditions(context, FIRST_OBSERVATION, |facts, past| {
        let steps = playlist_step::recent_steps(context, facts, past)?;
        let breaks: Vec<_> = playlist_step::all_steps(past)
            .iter()
            .filter(|s| s.change != PlaylistChange::Continued)
            .map(|s| s.index)
            .collect();
        Some(steps.iter().rev().filter_map(|s| judge(s, past, &breaks)).collect())
    })
}

fn judge(step: &PlaylistStep<'_>, past: &RenditionHistory, breaks: &[usize]) -> Option<Violation> {
    if step.change != PlaylistChange::Continued {
        return None;
    }
    let (a, b) = (step.earlier, step.later);
    let (is, due) = (b.discontinuity_sequence, expected(step, past, breaks));
    let message = match due {
        _ if is < a.discontinuity_sequence => {
            format!("discontinuity sequence went down from {} to {is}", a.discontinuity_sequence)
        }
        Some(Due::Value(due)) if is == 0 => {
            format!(
                "a discontinuity left the window, but EXT-X-DISCONTINUITY-SEQUENCE is missing or 0; it should be {due}"
            )
        }
        Some(Due::Value(due)) => {
            format!("discontinuity sequence is {is}; after the discontinuities that left the window it should be {due}")
        }
        Some(Due::AtMost(most)) => format!(
            "discontinuity sequence is {is}; with the discontinuities and segments since the window before it should be at most {most}"
        ),
        None => return None,
    };
    let violation = Violation::new(message)
        .with("before", a.discontinuity_sequence)
        .with("after", b.discontinuity_sequence)
        .with("media_sequence", b.media_sequence);
    Some(violation.with("seen_at", b.first_seen.to_string()))
}

/// Discontinuity sequence that a playlist should have: a value, or a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Value(u64),
    /// Largest possible discontinuity sequence of a playlist that lists no segment of the earlier window. The exact
    /// value isn't known, because any of the unseen segments may have had a discontinuity.
    AtMost(u64),
}

/// Returns the discontinuity sequence that the later playlist should have. `None`: its value is right or can't be
/// judged.
///
/// A segment keeps its discontinuity sequence number (RFC 8216bis, 6.2.2). Packagers differ on whether an
/// EXT-X-DISCONTINUITY before the window's first segment is already counted. So the later playlist is judged only if
/// its first segment has no such tag. It is compared with the newest earlier window whose first segment has none
/// either. The windows that were seen between the two show how the numbers continue.
fn expected(step: &PlaylistStep<'_>, past: &RenditionHistory, breaks: &[usize]) -> Option<Due> {
    let b = step.later;
    if b.starts_with_discontinuity {
        return None;
    }
    let begin = baseline(step, past, breaks)?;
    let run = past.observations.get(begin..=step.index)?;
    let linked: Vec<&Observation> = run.iter().map(AsRef::as_ref).filter(|o| !o.segments.is_empty()).collect();
    let is = b.discontinuity_sequence;
    let moved = linked.iter().zip(linked.iter().skip(1)).try_fold(0, |moved, (a, b)| Some(moved + moved_by(a, b)?));
    if let Some(moved) = moved {
        let due = u64::try_from(i128::from(is) + moved).ok()?;
        return (due != is).then_some(Due::Value(due));
    }
    // Nothing in common: it can't be lower than that of the newest segment seen before, and no more discontinuities can have
    // left than there were segments.
    let newest = linked.first()?.segments.last()?;
    let unseen = b.media_sequence.saturating_sub(newest.number);
    let most = newest.discontinuity_sequence.saturating_add(unseen);
    match is {
        is if is < newest.discontinuity_sequence => Some(Due::Value(newest.discontinuity_sequence)),
        is if is > most => Some(Due::AtMost(most)),
        _ => None,
    }
}

/// Returns the difference between the discontinuity sequence numbers that two windows give to the same segment: that of
/// `a` minus that of `b`. `None`: the windows have no segment in common.
fn moved_by(a: &Observation, b: &Observation) -> Option<i128> {
    let (old, new) = playlist_step::common_segments(a, b).next()?;
    Some(i128::from(old.discontinuity_sequence) - i128::from(new.discontinuity_sequence))
}

/// Returns the index, in the history, of the newest earlier window that the same packager run published and whose first
/// segment has no EXT-X-DISCONTINUITY. `breaks` are the indexes of the observations with which packager runs begin.
fn baseline(step: &PlaylistStep<'_>, past: &RenditionHistory, breaks: &[usize]) -> Option<usize> {
    let begin = breaks.iter().copied().filter(|index| *index < step.index).max().unwrap_or(0);
    let run = past.observations.get(begin..step.index)?;
    let place = run.iter().rposition(|o| !o.segments.is_empty() && !o.starts_with_discontinuity)?;
    Some(begin + place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use std::sync::Arc;

    /// Makes an observation of a playlist with the EXT-X-DISCONTINUITY-SEQUENCE `sequence` and an EXT-X-DISCONTINUITY
    /// before each of the segments `tags`.
    fn window(seconds: i64, first: u64, last: u64, sequence: u64, tags: &[u64]) -> Observation {
        let mut observation = observation(seconds, first, last);
        observation.discontinuity_sequence = sequence;
        let mut current = sequence;
        for segment in observation.segments.iter_mut().map(Arc::make_mut) {
            segment.discontinuity = tags.contains(&segment.number);
            current += u64::from(segment.discontinuity);
            segment.discontinuity_sequence = current;
        }
        observation.starts_with_discontinuity = tags.contains(&first);
        observation
    }

    fn run(observations: impl IntoIterator<Item = Observation>) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.observe(observations);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_counted_discontinuity_holds() {
        assert_holds(run([window(-20, 10, 15, 3, &[12]), window(-10, 11, 16, 3, &[12]), window(0, 13, 18, 4, &[])]));
    }

    #[test]
    fn a_packager_may_count_it_while_it_stands_first() {
        assert_holds(run([window(-20, 11, 15, 3, &[12]), window(-10, 12, 16, 4, &[12]), window(0, 13, 17, 4, &[])]));
        assert_holds(run([window(-20, 11, 15, 3, &[12]), window(-10, 12, 16, 4, &[]), window(0, 13, 17, 4, &[])]));
    }

    #[test]
    fn a_tag_before_the_segments_remembered_of_a_long_window_stands_first_too() {
        let long = |seconds, first, counted, tag_first| {
            let all = window(seconds, first, first + 5, counted, if tag_first { &[12] } else { &[] });
            Observation { segments: all.segments.into_iter().skip(2).collect(), ..all }
        };
        assert_holds(run([long(-20, 11, 4, false), long(-10, 12, 4, true), long(0, 13, 4, false)]));
    }

    #[test]
    fn one_that_was_not_counted_fails_once() {
        let steps = [
            window(-30, 11, 15, 0, &[12]),
            window(-20, 12, 16, 0, &[12]),
            window(-10, 13, 17, 0, &[]),
            window(0, 14, 18, 0, &[]),
        ];
        assert_eq!(
            messages(run(steps)),
            "a discontinuity left the window, but EXT-X-DISCONTINUITY-SEQUENCE is missing or 0; it should be 1"
        );
    }

    #[test]
    fn a_step_without_reason_fails() {
        let message = messages(run([window(-20, 10, 15, 3, &[]), window(-10, 11, 16, 5, &[])]));
        assert!(message.starts_with("discontinuity sequence is 5; after the discontinuities"), "{message}");
        assert!(message.ends_with("it should be 3"), "{message}");
    }

    #[test]
    fn down_fails() {
        let message = messages(run([window(-20, 10, 15, 3, &[]), window(-10, 11, 16, 2, &[])]));
        assert_eq!(message, "discontinuity sequence went down from 3 to 2");
    }

    #[test]
    fn windows_without_a_common_segment_have_a_lower_bound_only() {
        assert_holds(run([window(-60, 10, 15, 3, &[12]), window(-10, 30, 35, 6, &[])]));
        assert_eq!(violations(run([window(-60, 10, 15, 3, &[12]), window(-10, 30, 35, 3, &[])])).len(), 1);
    }

    #[test]
    fn windows_of_two_segments_are_linked_by_those_between_them() {
        let steps = |first_counts: u64, end: u64| {
            let first = window(-10, 12, 13, first_counts, &[12]);
            [window(-20, 11, 12, 3, &[12]), first, window(0, 13, 14, end, &[])]
        };
        assert_holds(run(steps(3, 4)));
        assert_holds(run(steps(4, 4)));
        for first_counts in [3, 4] {
            let message = messages(run(steps(first_counts, 5)));
            assert!(
                message.starts_with("discontinuity sequence is 5;") && message.ends_with("should be 4"),
                "{message}"
            );
        }
    }

    #[test]
    fn no_more_discontinuities_can_have_left_than_there_were_segments() {
        let next =
            |first: u64, sequence| run([window(-20, 10, 11, 3, &[]), window(0, first, first + 1, sequence, &[])]);
        assert_holds(next(12, 3));
        assert_holds(next(12, 4));
        assert_eq!(
            messages(next(12, 5)),
            "discontinuity sequence is 5; with the discontinuities and segments since the window before it should be at most 4"
        );
        assert_holds(next(14, 6));
        assert_eq!(violations(next(14, 7)).len(), 1);
    }

    #[test]
    fn a_restart_begins_anew() {
        assert_holds(run([window(-20, 100, 105, 7, &[]), window(-10, 0, 2, 0, &[]), window(0, 1, 6, 0, &[])]));
    }

    #[test]
    fn the_first_observation_says_nothing() {
        assert_not_run(run([window(0, 10, 15, 3, &[])]), FIRST_OBSERVATION);
    }
}
