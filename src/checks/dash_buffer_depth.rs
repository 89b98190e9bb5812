use super::input::NO_MANIFEST;
use super::representations::STATIC;
use super::{Context, Group, Meta, Verdict, Violation};
use crate::finding::Severity;

pub const META: Meta = Meta {
    id: "dash_buffer_depth",
    severity: Severity::Minor,
    group: Group::Dash,
    help: "fails when timeShiftBufferDepth is shorter than `min`, or than suggestedPresentationDelay: a player that keeps the delay asks for \
           what is gone",
    reference: "ISO/IEC 23009-1 5.3.1.2",
    needs_history: false,
};

params! {
    /// Seconds that the time-shift buffer has to hold.
    min: f64 = 0.0,
}

pub fn check(context: &Context<'_>, params: &Params) -> Verdict {
    let Some(dash) = &context.output.dash else { return Verdict::NotRun(NO_MANIFEST) };
    if !dash.mpd.dynamic {
        return Verdict::NotRun(STATIC);
    }
    let Some(depth) = dash.mpd.time_shift_buffer_depth else { return Verdict::Ran(Vec::new()) };
    let delay = dash.mpd.suggested_presentation_delay.map_or(0.0, |d| d.0);
    let message = if depth.0 < delay {
        format!("timeShiftBufferDepth is {} s, suggestedPresentationDelay {delay} s", depth.0)
    } else if depth.0 < params.min {
        format!("timeShiftBufferDepth is {} s; {} s are expected", depth.0, params.min)
    } else {
        return Verdict::Ran(Vec::new());
    };
    Verdict::Ran(vec![Violation::new(message).with("depth_seconds", depth.0).with("delay_seconds", delay)])
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn run(depth: f64, delay: f64, min: f64) -> Verdict {
        let mut scene = Scene::dash(&paced());
        let mpd = std::sync::Arc::make_mut(&mut scene.output.dash.as_mut().unwrap().mpd);
        mpd.time_shift_buffer_depth = Some(crate::units::Seconds(depth));
        mpd.suggested_presentation_delay = Some(crate::units::Seconds(delay));
        check(&scene.context(), &Params { min, ..Params::default() })
    }

    #[test]
    fn the_buffer_holds_the_delay_and_what_the_template_asks() {
        assert_holds(run(6.0, 6.0, 6.0));
        assert_eq!(
            violations(run(5.9, 6.0, 0.0))[0].message,
            "timeShiftBufferDepth is 5.9 s, suggestedPresentationDelay 6 s"
        );
        assert_eq!(violations(run(29.9, 6.0, 30.0))[0].message, "timeShiftBufferDepth is 29.9 s; 30 s are expected");
    }
}
