use crate::checks::support::playlist_step::{self, PlaylistChange, PlaylistStep, newest_number};
use crate::checks::support::select::{self, FIRST_OBSERVATION};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use crate::history::{Observation, RenditionHistory};
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "hls_media_sequence_jump",
    severity: Severity::Major,
    group: CheckGroup::Hls,
    scope: CheckScope::Hls,
    alert: Some("PlaylistBroken"),
    help: "fails when a playlist advances by more segments than fit into the time that passed",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.2",
    needs_history: true,
};

params! {
    /// Number of segments by which a playlist may advance beyond the time that passed, because a packager catches up
    /// after a pause.
    slack_segments: f64 = 3.0,
    /// Factor by which segments may come faster than real time.
    speed: f64 = 1.5,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, FIRST_OBSERVATION, |facts, past| {
        let steps = playlist_step::recent_steps(context, facts, past)?;
        Some(steps.iter().rev().filter_map(|s| jump(s, past, params)).collect())
    })
}

fn jump(step: &PlaylistStep<'_>, past: &RenditionHistory, params: &Params) -> Option<Violation> {
    let (a, b) = (step.earlier, step.later);
    let advanced = newest_number(b).saturating_sub(newest_number(a));
    // A step forward that only undoes a step back is explained by an earlier observation.
    let mut before = past.observations.iter().take(step.index);
    if step.change != PlaylistChange::Continued || before.any(|o| explained(o, b, params)) {
        return None;
    }
    let elapsed = Seconds::between(a.first_seen, b.first_seen).0;
    let message = format!(
        "the playlist advanced by {advanced} segments in {elapsed:.1} s, from {}–{} to {}–{}: viewers miss the segments between",
        a.media_sequence,
        newest_number(a),
        b.media_sequence,
        newest_number(b),
    );
    let violation = Violation::new(message)
        .with("before_last", newest_number(a))
        .with("after_first", b.media_sequence)
        .with("after_last", newest_number(b))
        .with("advanced_segments", advanced);
    Some(violation.with("elapsed_seconds", elapsed).with("seen_at", b.first_seen.to_string()))
}

/// Whether a playlist can have advanced from observation `a` to `b` in the time between both.
fn explained(a: &Observation, b: &Observation, params: &Params) -> bool {
    let count = b.segments.len() as f64;
    let mean = b.segments.iter().map(|s| s.duration.0).sum::<f64>() / count;
    if mean.is_nan() || mean <= 0.0 {
        return true;
    }
    let advanced = newest_number(b).saturating_sub(newest_number(a)) as f64;
    let elapsed = Seconds::between(a.first_seen, b.first_seen).0.max(0.0);
    advanced <= elapsed / mean * params.speed + params.slack_segments
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
    fn ten_seconds_explain_seven_segments_of_two_and_three_more() {
        assert_holds(run([observation(-20, 10, 15), observation(-10, 20, 25)]));
        let message = messages(run([observation(-20, 10, 15), observation(-10, 21, 26)]));
        assert!(
            message.starts_with("the playlist advanced by 11 segments in 10.0 s, from 10–15 to 21–26"),
            "{message}"
        );
    }

    #[test]
    fn a_burst_after_a_standstill_is_explained() {
        let stood = Observation { last_seen: time(-11.0), ..observation(-60, 10, 15) };
        assert_holds(run([stood, observation(-10, 30, 35)]));
    }

    #[test]
    fn coming_back_after_a_step_back_is_no_jump() {
        let steps = [observation(-60, 100, 105), observation(-50, 60, 65), observation(-49, 105, 110)];
        assert_holds(run(steps));
    }

    #[test]
    fn a_restart_is_no_jump() {
        assert_holds(run([observation(-20, 100, 105), observation(-10, 0, 2)]));
    }

    #[test]
    fn the_first_observation_says_nothing() {
        assert_not_run(run([observation(0, 10, 15)]), FIRST_OBSERVATION);
    }
}
