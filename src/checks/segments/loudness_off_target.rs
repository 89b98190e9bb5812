use crate::checks::support::decoded;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "loudness_off_target",
    severity: Severity::Minor,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SignalPoor"),
    help: "fails when the programme loudness of the last 3 hours differs from `loudness_target` by more than \
           `loudness_tolerance`. It is pooled from one decode a minute at most, and there is no verdict before `least_samples` of them \
           with `least_decoded` of sound",
    reference: "EBU R 128; ITU-R BS.1770-4",
    needs_history: false,
};

params! {
    /// Number of decodes that are needed, in minutes of their own.
    least_samples: u32 = 20,
    /// Seconds of sound that they need together; at most 20 s of each count.
    least_decoded: f64 = 180.0,
}

const NO_TARGET: &str = "the template sets no `loudness_target`";
const TOO_LITTLE: &str = "there are too few samples of the loudness in the last 3 hours";
/// Allowed distance in LU if the template sets no `loudness_tolerance`.
const DEFAULT_TOLERANCE: f64 = 2.0;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let Some(target) = context.thresholds.loudness_target else { return CheckVerdict::NotRun(NO_TARGET) };
    let tolerance = context.thresholds.loudness_tolerance.unwrap_or(DEFAULT_TOLERANCE);
    let samples = usize::try_from(params.least_samples).unwrap_or(usize::MAX);
    // The samples of hours stand for the programme, whether it was decoded now or 5 minutes ago.
    decoded::judge_sounds_within(context, context.output.signal.valid_for, TOO_LITTLE, |sound| {
        let loudness = sound.loudness.integrated(context.now, samples, Seconds(params.least_decoded))?;
        Some(((loudness - target).abs() > tolerance).then(|| violation(loudness, target, tolerance)))
    })
}

fn violation(loudness: f64, target: f64, tolerance: f64) -> Violation {
    let side = if loudness > target { "louder" } else { "quieter" };
    let off = (loudness - target).abs();
    let text = format!(
        "the loudness of the last 3 hours is {loudness:.1} LUFS: {off:.1} LU {side} than {target} LUFS, where {tolerance} LU are \
         allowed"
    );
    Violation::new(text).with("loudness_lufs", loudness).with("target_lufs", target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    /// A scene in which sound of this loudness is decoded for 10 s once a minute.
    fn scene(minutes: i64, lufs: f32) -> Scene {
        let mut scene = Scene::live();
        (scene.thresholds.loudness_target, scene.thresholds.loudness_tolerance) = (Some(-23.0), Some(2.0));
        scene.decode_at(
            (0..=minutes)
                .rev()
                .map(|minute| (-60.0 * minute as f64, Decode { lufs, seconds: 10.0, ..Decode::moving() })),
        );
        scene
    }

    fn verdict(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn loudness_is_judged_after_twenty_samples() {
        assert_not_run(verdict(&scene(18, -30.0)), TOO_LITTLE);
        assert_holds(verdict(&scene(19, -24.9)));
        let found = violations(verdict(&scene(19, -30.0)));
        assert_eq!(
            found[0].message,
            "the loudness of the last 3 hours is -30.0 LUFS: 7.0 LU quieter than -23 LUFS, where 2 LU are allowed"
        );
        assert!(violations(verdict(&scene(19, -20.5)))[0].message.contains("2.5 LU louder"));
    }

    #[test]
    fn it_needs_a_target_and_decoded_sound() {
        let mut scene = Scene::live();
        assert_not_run(verdict(&scene), NO_TARGET);
        scene.thresholds.loudness_target = Some(-23.0);
        assert_not_run(verdict(&scene), "nothing is decoded, because the template sets `signal: off`");
    }
}
