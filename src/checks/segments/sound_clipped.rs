use crate::checks::support::decoded;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;

pub const META: CheckMeta = CheckMeta {
    id: "sound_clipped",
    severity: Severity::Minor,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SignalPoor"),
    help: "fails when at least the share `ratio` of the decoded samples is clipped (runs of four or more samples at full scale), in \
           two decodes in a row",
    reference: "EBU QC: Audio Clipping",
    needs_history: false,
};

params! {
    /// Share of clipped samples, 0 to 1.
    ratio: f64 = 0.01,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    decoded::judge_sounds(context, "the sound was decoded only once", |sound| {
        let (now, before) = (sound.clipped?, sound.clipped_before?);
        Some((now.min(before) >= params.ratio).then(|| violation(now, before, sound.true_peak)))
    })
}

fn violation(now: f64, before: f64, true_peak: Option<f64>) -> Violation {
    let text =
        format!("{:.1} % of the samples are clipped, after {:.1} % in the decode before", now * 100.0, before * 100.0);
    let violation = Violation::new(text).with("clipped_ratio", now);
    match true_peak {
        Some(peak) => violation.with("true_peak_dbtp", peak),
        None => violation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn verdict(shares: &[f64]) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.decode(shares.iter().map(|clipped| Decode { clipped: *clipped, ..Decode::moving() }));
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn clipping_counts_in_two_decodes_in_a_row() {
        assert_holds(verdict(&[0.3, 0.0]));
        assert_holds(verdict(&[0.0, 0.3]));
        let found = violations(verdict(&[0.02, 0.3]));
        assert_eq!(found[0].message, "30.0 % of the samples are clipped, after 2.0 % in the decode before");
        assert_holds(verdict(&[0.009, 0.3]));
        assert_not_run(verdict(&[0.3]), "the sound was decoded only once");
    }
}
