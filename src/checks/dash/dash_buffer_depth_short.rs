use crate::checks::support::representations::STATIC_MPD;
use crate::checks::support::select::NO_MANIFEST;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::dash::ServiceLatency;

pub const META: CheckMeta = CheckMeta {
    id: "dash_buffer_depth_short",
    severity: Severity::Minor,
    group: CheckGroup::Dash,
    scope: CheckScope::Dash,
    alert: None,
    help: "fails when timeShiftBufferDepth is shorter than `min`, than suggestedPresentationDelay or than the \
           target latency of ServiceDescription: a player that stays that far behind requests segments that are \
           gone; also fails when that target isn't between its own min and max",
    reference: "ISO/IEC 23009-1 5.3.1.2, annex K.3.2",
    needs_history: false,
};

params! {
    /// Smallest allowed length of the time-shift buffer in seconds.
    min: f64 = 0.0,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let Some(dash) = context.output.dash() else { return CheckVerdict::NotRun(NO_MANIFEST) };
    if !dash.mpd.dynamic {
        return CheckVerdict::NotRun(STATIC_MPD);
    }
    if let Some(message) = dash.mpd.latency.as_ref().and_then(contradiction) {
        return CheckVerdict::Ran(vec![Violation::new(message)]);
    }
    let Some(depth) = dash.mpd.time_shift_buffer_depth else { return CheckVerdict::Ran(Vec::new()) };
    let delay = dash.mpd.suggested_presentation_delay.map_or(0.0, |d| d.0);
    let target = dash.mpd.latency.and_then(|l| l.target).map_or(0.0, |t| t.0);
    let message = if depth.0 < target {
        format!("timeShiftBufferDepth is {} s; ServiceDescription asks players to stay {target} s behind", depth.0)
    } else if depth.0 < delay {
        format!("timeShiftBufferDepth is {} s; suggestedPresentationDelay is {delay} s", depth.0)
    } else if depth.0 < params.min {
        format!("timeShiftBufferDepth is {} s; {} s are expected", depth.0, params.min)
    } else {
        return CheckVerdict::Ran(Vec::new());
    };
    CheckVerdict::Ran(vec![Violation::new(message).with("depth_seconds", depth.0).with("delay_seconds", delay)])
}

fn contradiction(latency: &ServiceLatency) -> Option<String> {
    let ServiceLatency { target, min, max } = *latency;
    let order = [("min", min, "target", target), ("target", target, "max", max), ("min", min, "max", max)];
    order.into_iter().find_map(|(lesser, a, greater, b)| {
        let (a, b) = (a?.0, b?.0);
        (a > b)
            .then(|| format!("ServiceDescription contradicts itself: Latency@{lesser} is {a} s, @{greater} is {b} s"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn run(depth: f64, delay: f64, min: f64) -> CheckVerdict {
        let mut scene = Scene::dash(&paced());
        let mpd = std::sync::Arc::make_mut(&mut scene.mpd_facts().mpd);
        mpd.time_shift_buffer_depth = Some(packager_media::units::Seconds(depth));
        mpd.suggested_presentation_delay = Some(packager_media::units::Seconds(delay));
        check(&scene.context(), &Params { min, ..Params::default() })
    }

    #[test]
    fn the_buffer_holds_the_delay_and_what_the_template_asks() {
        assert_holds(run(6.0, 6.0, 6.0));
        assert_eq!(
            violations(run(5.9, 6.0, 0.0))[0].message,
            "timeShiftBufferDepth is 5.9 s; suggestedPresentationDelay is 6 s"
        );
        assert_eq!(violations(run(29.9, 6.0, 30.0))[0].message, "timeShiftBufferDepth is 29.9 s; 30 s are expected");
    }

    fn described(target: f64, min: f64, max: f64) -> CheckVerdict {
        let mut scene = Scene::dash(&paced());
        let mpd = std::sync::Arc::make_mut(&mut scene.mpd_facts().mpd);
        mpd.time_shift_buffer_depth = Some(packager_media::units::Seconds(30.0));
        let [target, min, max] = [target, min, max].map(|s| Some(packager_media::units::Seconds(s)));
        mpd.latency = Some(ServiceLatency { target, min, max });
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn the_target_of_latency_lies_in_the_buffer_and_between_its_bounds() {
        assert_holds(described(30.0, 30.0, 30.0));
        let message = "timeShiftBufferDepth is 30 s; ServiceDescription asks players to stay 31 s behind";
        assert_eq!(messages(described(31.0, 2.0, 40.0)), message);
        let message = "ServiceDescription contradicts itself: Latency@min is 4 s, @target is 3 s";
        assert_eq!(messages(described(3.0, 4.0, 8.0)), message);
        assert!(messages(described(9.0, 4.0, 8.0)).ends_with("Latency@target is 9 s, @max is 8 s"));
    }
}
