use crate::checks::support::decoded::{self, HoldTimes};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict};
use crate::finding::Severity;
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "picture_black",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SignalLost"),
    help: "fails when the decoded picture is black (98 % of it within a tenth of white, with or without a small logo) for `warning_after` (a warning), major after `major_after`, critical after \
           `critical_after`, until it has been something else for `recovery`. A fade through black is shorter",
    reference: "EBU QC: Black Frames",
    needs_history: false,
};

params! {
    /// Seconds after which the check fails as a warning.
    warning_after: f64 = 5.0,
    /// Seconds after which the failure is major.
    major_after: f64 = 10.0,
    /// Seconds after which the failure is critical.
    critical_after: f64 = 30.0,
    /// Seconds of another picture after which the failure ends.
    recovery: f64 = 10.0,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let times = HoldTimes { warning: params.warning_after, major: params.major_after, critical: params.critical_after };
    decoded::judge_picture(context, |picture| {
        let span = picture.black.longest(Seconds(params.recovery))?;
        Some(decoded::violation("the picture was black", span, times.severity(span.duration)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn verdict(decodes: impl IntoIterator<Item = Decode>) -> Vec<(Severity, String)> {
        let mut scene = Scene::live();
        scene.decode(decodes);
        let found = violations(check(&scene.context(), &Params::default()));
        found.into_iter().map(|v| (v.severity.unwrap(), v.message)).collect()
    }

    #[test]
    fn severity_grows_with_the_time() {
        let fault = || Decode { black: vec![(0.0, 2.0)], ..Decode::moving() };
        let severity = |count: usize| verdict(std::iter::repeat_with(fault).take(count)).first().map(|(s, _)| *s);
        assert_eq!([2, 3, 5, 15].map(severity), {
            use Severity::{Critical, Major, Warning};
            [None, Some(Warning), Some(Major), Some(Critical)]
        });
        let ended = verdict(std::iter::repeat_with(fault).take(4).chain([Decode::moving()]));
        assert_eq!(
            ended[0].1,
            "the picture was black for at least 8.0 s; it ended 2.0 s before the end of the newest decoded segment"
        );
    }

    #[test]
    fn without_a_decoded_picture_it_does_not_run() {
        let scene = Scene::live();
        assert_not_run(
            check(&scene.context(), &Params::default()),
            "nothing is decoded, because the template sets `signal: off`",
        );
    }
}
