use crate::checks::support::representations::STATIC_MPD;
use crate::checks::support::select::NO_MANIFEST;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::OutputFacts;
use crate::finding::Severity;
use packager_media::dash::{Mpd, Representation, ServiceLatency, current_period, playable_representations};
use packager_media::stream::Media;
use packager_media::units::Timestamp;

pub const META: CheckMeta = CheckMeta {
    id: "dash_buffer_depth_short",
    severity: Severity::Minor,
    group: CheckGroup::Dash,
    scope: CheckScope::Dash,
    alert: None,
    help: "fails when timeShiftBufferDepth is shorter than `min`, than suggestedPresentationDelay or than the target latency of \
           ServiceDescription: a player that stays that far behind requests segments that are gone; also fails when that target isn't \
           between its own min and max, major when suggestedPresentationDelay is shorter than a segment, but not in low latency: dash.js \
           and Shaka Player take it as it is and run dry",
    reference: "ISO/IEC 23009-1 5.3.1.2, annex K.3.2",
    needs_history: false,
};

params! {
    /// Smallest allowed length of the time-shift buffer in seconds.
    min: f64 = 0.0,
}

/// Largest difference in seconds between a duration and its rounded form.
const ROUNDING: f64 = 0.1;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let Some(dash) = context.output.dash() else { return CheckVerdict::NotRun(NO_MANIFEST) };
    if !dash.mpd.dynamic {
        return CheckVerdict::NotRun(STATIC_MPD);
    }
    if let Some(message) = dash.mpd.latency.as_ref().and_then(contradiction) {
        return CheckVerdict::Ran(vec![Violation::new(message)]);
    }
    let too_short = short_depth(&dash.mpd, params).or_else(|| short_delay(context.output, &dash.mpd, dash.listed_at));
    CheckVerdict::Ran(too_short.into_iter().collect())
}

fn short_depth(mpd: &Mpd, params: &Params) -> Option<Violation> {
    let depth = mpd.time_shift_buffer_depth?;
    let delay = mpd.suggested_presentation_delay.map_or(0.0, |d| d.0);
    let target = mpd.latency.and_then(|l| l.target).map_or(0.0, |t| t.0);
    let message = if depth.0 < target {
        format!("timeShiftBufferDepth is {} s; ServiceDescription asks players to stay {target} s behind", depth.0)
    } else if depth.0 < delay {
        format!("timeShiftBufferDepth is {} s; suggestedPresentationDelay is {delay} s", depth.0)
    } else if depth.0 < params.min {
        format!("timeShiftBufferDepth is {} s; {} s are expected", depth.0, params.min)
    } else {
        return None;
    };
    Some(Violation::new(message).with("depth_seconds", depth.0).with("delay_seconds", delay))
}

/// Returns a violation if suggestedPresentationDelay leaves players no whole segment. ffmpeg writes the duration of one. dash.js
/// takes 0 for no delay at all. In low latency segments are played while they are made, and ServiceDescription has another delay.
fn short_delay(output: &OutputFacts, mpd: &Mpd, now: Timestamp) -> Option<Violation> {
    let delay = mpd.suggested_presentation_delay.filter(|delay| delay.0 > 0.0)?;
    let is_early = |r: &Representation| r.addressing.availability_time_offset.0 > 0.0;
    let period = current_period(mpd, now)?;
    if mpd.latency.is_some() || playable_representations(period).any(|(_, r)| is_early(r)) {
        return None;
    }
    let media = output.renditions.iter().filter(|r| r.rendition.media != Media::Text);
    let segment = media.filter_map(|r| Some(r.timeline.as_deref()?.segments.last()?.duration.0)).reduce(f64::max)?;
    // ffmpeg leaves out the fraction of a second.
    (delay.0 < segment.floor() - ROUNDING).then(|| {
        let message = format!(
            "suggestedPresentationDelay is {} s, and a segment lasts {segment:.1} s: players that stay so close to the live edge run dry; \
             make it at least three segments",
            delay.0
        );
        let violation = Violation::new(message).with("delay_seconds", delay.0).with("segment_seconds", segment);
        violation.severity(Severity::Major)
    })
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

    /// Runs the check for an MPD with this suggestedPresentationDelay and segments of 2 s.
    fn delayed(delay: &str, change: impl Fn(String) -> String) -> CheckVerdict {
        let mpd = paced().replace("minBufferTime", &format!("suggestedPresentationDelay=\"{delay}\" minBufferTime"));
        check(&Scene::dash(&change(mpd)).context(), &Params::default())
    }

    #[test]
    fn the_delay_of_players_is_a_segment_at_least() {
        let severity = |delay| match delayed(delay, |mpd| mpd) {
            CheckVerdict::Ran(found) => found.first().map(|v| v.severity),
            CheckVerdict::NotRun(why) => panic!("{why}"),
        };
        assert_eq!((severity("PT2S"), severity("PT1.9S"), severity("PT0S")), (None, None, None));
        assert_eq!(severity("PT1.8S"), Some(Some(Severity::Major)));
        assert_holds(delayed("PT1S", |mpd| mpd.replace("duration=\"2000\"", "duration=\"1920\"")));
        assert_eq!(
            messages(delayed("PT1S", |mpd| mpd)),
            "suggestedPresentationDelay is 1 s, and a segment lasts 2.0 s: players that stay so close to the live edge run dry; make it \
             at least three segments"
        );
    }

    #[test]
    fn in_low_latency_players_may_be_closer_than_a_segment() {
        assert_holds(delayed("PT1S", |mpd| mpd.replace(" duration=", " availabilityTimeOffset=\"1.6\" duration=")));
        let latency = "<ServiceDescription><Latency target=\"1500\"/></ServiceDescription><Period";
        assert_holds(delayed("PT1S", |mpd| mpd.replace("<Period", latency)));
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
