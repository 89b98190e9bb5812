use crate::checks::support::decoded::{self, HoldTimes};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict};
use crate::finding::Severity;
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "picture_frozen",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SignalLost"),
    help: "fails when the decoded picture doesn't change for `freeze_threshold_ms` (a warning; 1,000 without it), major after \
           `major_after`, critical after `critical_after`, until it has moved for `recovery`. From major on, one severity worse if all \
           sound was silent for half of that time, or for `major_after` of it. A picture that is black or has one colour fails the checks of these instead",
    reference: "EBU QC: Freeze Frames",
    needs_history: false,
};

params! {
    /// Seconds of a frozen picture after which the failure is major.
    major_after: f64 = 10.0,
    /// Seconds of a frozen picture after which the failure is critical.
    critical_after: f64 = 30.0,
    /// Seconds of a moving picture after which the failure ends.
    recovery: f64 = 10.0,
}

/// Shortest freeze in milliseconds that is reported if the template sets no `freeze_threshold_ms`.
const DEFAULT_THRESHOLD: f64 = 1000.0;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let warning = context.thresholds.freeze_threshold_ms.unwrap_or(DEFAULT_THRESHOLD) / 1000.0;
    let times = HoldTimes { warning, major: params.major_after, critical: params.critical_after };
    let recovery = Seconds(params.recovery);
    decoded::judge_picture(context, |picture| {
        let span = picture.frozen.longest(recovery)?;
        let severity = times.severity(span.duration)?;
        let others = [&picture.black, &picture.single_color];
        // Most of what is black doesn't move either.
        if others.iter().filter_map(|spans| spans.longest(recovery)).any(|s| s.duration.0 * 2.0 >= span.duration.0) {
            return None;
        }
        if severity != Severity::Warning && decoded::is_silent_during(context, span, times.major) {
            let what = "the sound was silent, and the picture was frozen";
            return Some(decoded::violation(what, span, decoded::worse(severity)).with("silent", true));
        }
        Some(decoded::violation("the picture was frozen", span, severity))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn verdict(scene: &Scene) -> Vec<(Severity, String)> {
        let found = violations(check(&scene.context(), &Params::default()));
        found.into_iter().map(|v| (v.severity.unwrap(), v.message)).collect()
    }

    #[test]
    fn severity_grows_with_the_freeze() {
        let severity = |count: u64| {
            let mut scene = Scene::live();
            scene.decode((0..count).map(|_| Decode::frozen()));
            verdict(&scene).first().map(|(severity, _)| *severity)
        };
        assert_eq!([1, 2, 3, 14, 15].map(severity).map(Option::unwrap), {
            use Severity::{Critical, Major, Warning};
            [Warning, Warning, Warning, Major, Critical]
        });
        assert_eq!(severity(5), Some(Severity::Major), "10 s");
        let mut short = Scene::live();
        short.decode([Decode::moving(), Decode { frozen: vec![(1.1, 2.0)], ..Decode::moving() }]);
        assert!(verdict(&short).is_empty());
        short.thresholds.freeze_threshold_ms = Some(500.0);
        let message = "the picture was frozen for 0.9 s; it lasts until the end of the newest decoded segment";
        assert_eq!(verdict(&short), [(Severity::Warning, message.to_owned())]);
    }

    #[test]
    fn ten_seconds_of_moving_pictures_end_it() {
        let after = |moving: usize| {
            let mut scene = Scene::live();
            let all = std::iter::repeat_with(Decode::frozen)
                .take(6)
                .chain(std::iter::repeat_with(Decode::moving).take(moving));
            scene.decode(all);
            verdict(&scene).len()
        };
        assert_eq!([1, 4, 5].map(after), [1, 1, 0]);
    }

    #[test]
    fn silence_makes_it_worse() {
        let mut scene = Scene::live();
        scene.decode((0..6).map(|_| Decode { silent: vec![(0.0, 2.0)], ..Decode::frozen() }));
        assert_eq!(verdict(&scene)[0].0, Severity::Critical);
        assert!(
            verdict(&scene)[0].1.starts_with("the sound was silent, and the picture was frozen for at least 12.0 s;")
        );
    }

    #[test]
    fn a_pause_of_the_sound_after_the_freeze_does_not_make_it_worse() {
        let mut scene = Scene::live();
        let freeze = (0..6).map(|_| Decode::frozen());
        let pause = Decode { silent: vec![(0.2, 1.8)], ..Decode::moving() };
        scene.decode(freeze.chain([Decode::moving(), pause]));
        assert_eq!(verdict(&scene)[0].0, Severity::Major);
        let mut short = Scene::live();
        short.decode((0..2).map(|_| Decode { silent: vec![(0.0, 2.0)], ..Decode::frozen() }));
        assert_eq!(verdict(&short)[0].0, Severity::Warning, "a warning stays one");
    }

    #[test]
    fn a_silent_track_beside_one_with_sound_does_not_make_it_worse() {
        let mut scene = Scene::live();
        scene.decode((0..6).map(|_| Decode { second_is_silent: true, ..Decode::frozen() }));
        assert_eq!(verdict(&scene)[0].0, Severity::Major);
    }

    #[test]
    fn a_freeze_whose_end_was_not_decoded_is_not_judged() {
        let judged = |ago: f64| {
            let mut scene = Scene::live();
            scene.decode_at((0..6).map(|n| (2.0 * f64::from(n) - 10.0 - ago, Decode::frozen())));
            check(&scene.context(), &Params::default())
        };
        assert_eq!(violations(judged(80.0)).len(), 1);
        assert_not_run(judged(95.0), decoded::NOT_FOLLOWED_UP);
    }

    #[test]
    fn a_black_picture_is_reported_as_black() {
        let mut scene = Scene::live();
        scene.decode((0..6).map(|_| Decode { black: vec![(0.0, 2.0)], ..Decode::frozen() }));
        assert!(verdict(&scene).is_empty());
    }

    #[test]
    fn without_a_decoded_picture_it_does_not_run() {
        let mut scene = Scene::live();
        assert_not_run(
            check(&scene.context(), &Params::default()),
            "nothing is decoded, because the template sets `signal: off`",
        );
        scene.decode([Decode::frozen()]);
        scene.output.signal.valid_for = Seconds(-1.0);
        assert_not_run(
            check(&scene.context(), &Params::default()),
            "nothing is decoded, because the template sets `signal: off`",
        );
    }
}
