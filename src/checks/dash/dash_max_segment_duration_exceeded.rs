use crate::checks::support::representations::{self, LiveRepresentation};
use crate::checks::support::select::NO_MANIFEST;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;

pub const META: CheckMeta = CheckMeta {
    id: "dash_max_segment_duration_exceeded",
    severity: Severity::Minor,
    group: CheckGroup::Dash,
    scope: CheckScope::Dash,
    alert: None,
    help: "fails when a listed segment is longer than the MPD's maxSegmentDuration",
    reference: "ISO/IEC 23009-1 5.3.1.2",
    needs_history: false,
};

params! {
    /// Seconds by which a segment may be longer than maxSegmentDuration, because packagers round the attribute.
    tolerance: f64 = 0.5,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let Some(dash) = context.output.dash() else { return CheckVerdict::NotRun(NO_MANIFEST) };
    if dash.mpd.max_segment_duration.is_none() {
        return CheckVerdict::NotRun("the MPD has no maxSegmentDuration");
    }
    representations::judge_live_representations(context, |rung| judge(rung, params).into_iter().collect())
}

fn judge(rung: &LiveRepresentation<'_>, params: &Params) -> Option<Violation> {
    let max = rung.mpd.max_segment_duration?.0;
    let timeline = rung.facts.timeline.as_deref()?;
    let longest = timeline.segments.iter().max_by(|a, b| a.duration.0.total_cmp(&b.duration.0))?;
    (longest.duration.0 > max + params.tolerance).then(|| {
        let message = format!("a segment lasts {} s; maxSegmentDuration is {max} s", longest.duration.0);
        Violation::new(message).with("duration_seconds", longest.duration.0).with("max_seconds", max)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    #[test]
    fn a_segment_may_be_longer_by_the_rounding() {
        let run = |d: u32| {
            check(&Scene::dash(&timed(&format!("<S t=\"990000\" d=\"{d}\" r=\"1\"/>"))).context(), &Params::default())
        };
        assert_holds(run(2500));
        assert_eq!(violations(run(2501))[0].message, "a segment lasts 2.501 s; maxSegmentDuration is 2 s");
    }
}
