use crate::checks::support::decoded;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;

pub const META: CheckMeta = CheckMeta {
    id: "macroblocking_high",
    severity: Severity::Warning,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SignalPoor"),
    help: "fails when the degree of visible block edges in the decoded picture is above `macroblocking_threshold` in two decodes in a \
           row. The degree is 0 to 1; docs/signal.md says how it is measured. Pixel art and mosaics are blocks too",
    reference: "this project (docs/signal.md)",
    needs_history: false,
};

params! {}

const NO_THRESHOLD: &str = "the template sets no `macroblocking_threshold`";

pub fn check(context: &CheckContext<'_>, _: &Params) -> CheckVerdict {
    let Some(threshold) = context.thresholds.macroblocking_threshold else { return CheckVerdict::NotRun(NO_THRESHOLD) };
    decoded::judge_picture(context, |picture| {
        let (now, before) = (picture.macroblocking?, picture.macroblocking_before?);
        (now.min(before) > threshold).then(|| {
            Violation::new(format!("the degree of macroblocking is {now:.2}, after {before:.2} in the decode before"))
                .with("macroblocking_ratio", now)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn scene(visible: &[f32]) -> Scene {
        let mut scene = Scene::live();
        scene.thresholds.macroblocking_threshold = Some(0.15);
        scene.decode(visible.iter().map(|blocks| Decode { visible_blocks: *blocks, ..Decode::moving() }));
        scene
    }

    #[test]
    fn blocks_count_in_two_decodes_in_a_row() {
        let verdict = |visible: &[f32]| check(&scene(visible).context(), &Params::default());
        assert_holds(verdict(&[0.1]));
        assert_holds(verdict(&[0.1, 0.001]));
        assert_holds(verdict(&[0.001, 0.1]));
        let found = violations(verdict(&[0.05, 0.1]));
        assert_eq!(found[0].message, "the degree of macroblocking is 0.89, after 0.67 in the decode before");
    }

    #[test]
    fn it_needs_a_threshold_and_a_decoded_picture() {
        let mut scene = scene(&[]);
        assert_not_run(
            check(&scene.context(), &Params::default()),
            "nothing is decoded, because the template sets `signal: off`",
        );
        scene.thresholds.macroblocking_threshold = None;
        assert_not_run(check(&scene.context(), &Params::default()), NO_THRESHOLD);
    }
}
