use crate::checks::support::select::{self, NO_PLAYLIST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::{Segment, Timeline};
use packager_media::units;

pub const META: CheckMeta = CheckMeta {
    id: "segment_duration_off_target",
    severity: Severity::Major,
    group: CheckGroup::Timeline,
    scope: CheckScope::Any,
    alert: Some("PlaylistBroken"),
    help: "fails when a listed segment is outside segment_duration_target ± segment_duration_tolerance; the last before a \
           discontinuity or before the end is exempt",
    reference: "template: segment_duration_target; draft-pantos-hls-rfc8216bis-22 4.4.4.1",
    needs_history: false,
};

params! {
    /// Share of the listed segments whose duration may be outside the tolerance, from 0 to 1.
    allowed_ratio: f64 = 0.0,
}

/// Tolerance in seconds for the binary representation of decimal fractions: 5.4 s must count as 6.0 s − 10 %.
const ROUNDING: f64 = 1e-6;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let Some(target) = context.thresholds.segment_duration_target else {
        return CheckVerdict::NotRun("the template sets no segment_duration_target");
    };
    let tolerance = context.thresholds.segment_duration_tolerance * target;
    select::judge_renditions(context, NO_PLAYLIST, |facts, _| {
        let timeline = facts.timeline.as_ref()?;
        Some(judge(timeline, target, tolerance, params.allowed_ratio).into_iter().collect())
    })
}

fn judge(timeline: &Timeline, target: f64, tolerance: f64, allowed_ratio: f64) -> Option<Violation> {
    let distance = |s: &Segment| (s.duration.0 - target).abs();
    let outside: Vec<_> = bound(timeline).filter(|s| distance(s) > tolerance + ROUNDING).collect();
    let listed = timeline.segments.len();
    let worst = outside.iter().copied().max_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    if outside.len() as f64 <= allowed_ratio * listed as f64 {
        return None;
    }
    let (least, most) = (target - tolerance, target + tolerance);
    let bound = if worst.duration.0 > target { most } else { least };
    let (lasts, _) = units::distinct(worst.duration.0, bound, 3);
    let message = format!(
        "segment {} lasts {lasts} s; {least:.3} to {most:.3} s are expected; {} of {listed} listed segments are outside",
        worst.number,
        outside.len(),
    );
    let violation = Violation::new(message)
        .with("number", worst.number)
        .with("line", worst.line)
        .with("url", redact::url(&worst.uri))
        .with("duration_seconds", worst.duration.0);
    Some(violation.with("target_seconds", target).with("tolerance_seconds", tolerance).with("segments", outside.len()))
}

/// Returns the segments that must keep the target duration: all except those that end at a discontinuity or at the end
/// of the playlist.
fn bound(timeline: &Timeline) -> impl Iterator<Item = &Segment> {
    let segments = &timeline.segments;
    let next = segments.iter().skip(1).map(Some).chain([None]);
    segments.iter().zip(next).filter(|(_, next)| next.map_or(!timeline.ended, |n| !n.discontinuity)).map(|(s, _)| s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::units::Seconds;

    fn run(durations: &[f64], change: impl FnOnce(&mut Timeline)) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.thresholds.segment_duration_target = Some(6.0);
        *scene.timeline() = timeline(10, 9 + durations.len() as u64);
        for (segment, seconds) in scene.timeline().segments.iter_mut().zip(durations) {
            segment.duration = Seconds(*seconds);
        }
        change(scene.timeline());
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn the_tolerance_itself_is_allowed() {
        assert_holds(run(&[6.0, 5.4, 6.6], |_| {}));
    }

    #[test]
    fn beyond_it_the_worst_is_named() {
        let found = violations(run(&[6.0, 5.39, 6.0, 7.5, 6.61], |_| {}));
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].evidence["number"], &found[0].evidence["segments"]), (&13.into(), &3.into()));
        assert!(found[0].message.contains("5.400 to 6.600 s are expected"), "{}", found[0].message);
    }

    #[test]
    fn the_last_before_a_discontinuity_or_the_end_is_exempt() {
        assert_holds(run(&[6.0, 1.0, 6.0], |t| t.segments[2].discontinuity = true));
        assert_eq!(violations(run(&[6.0, 6.0, 1.0], |t| t.segments[2].discontinuity = true)).len(), 1);
        assert_holds(run(&[6.0, 1.0], |t| t.ended = true));
        assert_eq!(violations(run(&[6.0, 1.0], |_| {})).len(), 1);
    }

    #[test]
    fn a_template_may_allow_a_few() {
        let mut scene = Scene::live();
        scene.thresholds.segment_duration_target = Some(2.0);
        scene.timeline().segments[0].duration = Seconds(1.0);
        let allowed = |ratio| Params { allowed_ratio: ratio, ..Params::default() };
        assert_holds(check(&scene.context(), &allowed(1.0 / 6.0)));
        assert_eq!(violations(check(&scene.context(), &allowed(0.16))).len(), 1);
    }

    #[test]
    fn without_a_target_or_a_playlist_it_does_not_run() {
        let mut scene = Scene::live();
        let run = |scene: &Scene| check(&scene.context(), &Params::default());
        assert_not_run(run(&scene), "the template sets no segment_duration_target");
        scene.thresholds.segment_duration_target = Some(2.0);
        scene.rendition().timeline = None;
        assert_not_run(run(&scene), NO_PLAYLIST);
    }
}
