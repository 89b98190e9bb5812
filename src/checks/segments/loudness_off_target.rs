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
    help: "fails when the programme loudness of the last 30 minutes differs from `loudness_target` by more than \
           `loudness_tolerance`. It is pooled from all decodes, and there is no verdict before they cover `least_covered` of programme \
           time",
    reference: "EBU R 128; ITU-R BS.1770-4",
    needs_history: false,
};

params! {
    /// Seconds of programme time that the decodes have to cover.
    least_covered: f64 = 600.0,
    /// Seconds of sound that have to be decoded.
    least_decoded: f64 = 15.0,
}

const NO_TARGET: &str = "the template sets no `loudness_target`";
const TOO_LITTLE: &str = "too little sound was decoded in the last 30 minutes";
/// Allowed distance in LU if the template sets no `loudness_tolerance`.
const DEFAULT_TOLERANCE: f64 = 2.0;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let Some(target) = context.thresholds.loudness_target else { return CheckVerdict::NotRun(NO_TARGET) };
    let tolerance = context.thresholds.loudness_tolerance.unwrap_or(DEFAULT_TOLERANCE);
    let (covered, decoded) = (Seconds(params.least_covered), Seconds(params.least_decoded));
    decoded::judge_sounds(context, TOO_LITTLE, |sound| {
        let loudness = sound.loudness.integrated(context.now, covered, decoded)?;
        Some(((loudness - target).abs() > tolerance).then(|| violation(loudness, target, tolerance)))
    })
}

fn violation(loudness: f64, target: f64, tolerance: f64) -> Violation {
    let side = if loudness > target { "louder" } else { "quieter" };
    let off = (loudness - target).abs();
    let text = format!(
        "the loudness of the last 30 minutes is {loudness:.1} LUFS: {off:.1} LU {side} than {target} LUFS, where {tolerance} LU are \
         allowed"
    );
    Violation::new(text).with("loudness_lufs", loudness).with("target_lufs", target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    /// A scene in which sound of this loudness is decoded for 2 s once a minute.
    fn scene(minutes: i64, lufs: f32) -> Scene {
        let mut scene = Scene::live();
        (scene.thresholds.loudness_target, scene.thresholds.loudness_tolerance) = (Some(-23.0), Some(2.0));
        scene.decode_at((0..=minutes).rev().map(|minute| (-60.0 * minute as f64, Decode { lufs, ..Decode::moving() })));
        scene
    }

    fn verdict(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn loudness_is_judged_after_ten_minutes() {
        assert_not_run(verdict(&scene(9, -30.0)), TOO_LITTLE);
        assert_holds(verdict(&scene(10, -24.9)));
        let found = violations(verdict(&scene(10, -30.0)));
        assert_eq!(
            found[0].message,
            "the loudness of the last 30 minutes is -30.0 LUFS: 7.0 LU quieter than -23 LUFS, where 2 LU are allowed"
        );
        assert!(violations(verdict(&scene(10, -20.5)))[0].message.contains("2.5 LU louder"));
    }

    #[test]
    fn it_needs_a_target_and_decoded_sound() {
        let mut scene = Scene::live();
        assert_not_run(verdict(&scene), NO_TARGET);
        scene.thresholds.loudness_target = Some(-23.0);
        assert_not_run(verdict(&scene), "picture and sound were not decoded");
    }
}
