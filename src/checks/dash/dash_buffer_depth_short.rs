use crate::checks::support::representations::STATIC_MPD;
use crate::checks::support::select::NO_MANIFEST;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::OutputFacts;
use crate::finding::Severity;
use packager_media::dash::{Mpd, Representation, ServiceLatency, current_period, playable_representations};
use packager_media::stream::Media;
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "dash_buffer_depth_short",
    severity: Severity::Minor,
    group: CheckGroup::Dash,
    scope: CheckScope::Dash,
    alert: None,
    help: "fails when timeShiftBufferDepth is shorter than `min`, than suggestedPresentationDelay or than the target latency of \
           ServiceDescription, or the listed segments are shorter than suggestedPresentationDelay: a player that stays that far behind \
           requests segments that are gone; also fails when that target isn't between its own min and max, major when \
           suggestedPresentationDelay is shorter than a segment (minor if only by the fraction of a second), but not in low latency: \
           players take it as it is and run dry",
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
    let too_short = short_depth(&dash.mpd, params)
        .or_else(|| short_delay(context.output, &dash.mpd, dash.listed_at))
        .or_else(|| short_list(context.output, &dash.mpd, dash.listed_at));
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

/// Returns a violation if the MPD lists fewer seconds of segments than suggestedPresentationDelay asks players to stay behind, although
/// its Period has lasted for longer and its list goes on.
fn short_list(output: &OutputFacts, mpd: &Mpd, now: Timestamp) -> Option<Violation> {
    let delay = mpd.suggested_presentation_delay?;
    let period = current_period(mpd, now)?;
    let begun = period.start?.after(mpd.availability_start?);
    // Segments that the clock counts are in no list.
    let is_listed = |r: &Representation| r.addressing.segments.runs().is_some();
    if !playable_representations(period).all(|(_, r)| is_listed(r)) {
        return None;
    }
    let media = output.renditions.iter().filter(|r| r.rendition.media != Media::Text);
    let timelines = media.filter_map(|r| r.timeline.as_deref()).filter(|t| !t.ended);
    let longest = timelines.max_by(|a, b| a.window().0.total_cmp(&b.window().0))?;
    let last = longest.segments.last()?;
    let end = last.duration.after(last.program_date_time?);
    let (window, segment) = (longest.window().0, last.duration.0);
    let is_new = Seconds::between(begun, now).0 <= delay.0 + 2.0 * segment;
    // How old a list is, dash_mpd_stale judges.
    let is_old = Seconds::between(end, now).0 > 3.0 * segment;
    // A segment stays available for its own duration after it left the time-shift buffer.
    (window + segment < delay.0 - ROUNDING && !is_new && !is_old).then(|| {
        let message = format!(
            "the MPD lists {window:.1} s of segments; suggestedPresentationDelay is {} s: players that stay so far behind begin before the \
             oldest segment",
            delay.0
        );
        Violation::new(message).with("listed_seconds", window).with("delay_seconds", delay.0)
    })
}

/// Returns a violation if suggestedPresentationDelay leaves players no whole segment. ffmpeg writes the duration of one, and leaves out
/// the fraction of a second, which is minor. dash.js ignores 0, Shaka Player takes it as it is. In low latency segments are played while they are made, and ServiceDescription has another delay.
fn short_delay(output: &OutputFacts, mpd: &Mpd, now: Timestamp) -> Option<Violation> {
    let delay = mpd.suggested_presentation_delay?;
    let is_early = |r: &Representation| r.addressing.availability_time_offset.0 > 0.0;
    let period = current_period(mpd, now)?;
    if mpd.latency.is_some() || playable_representations(period).any(|(_, r)| is_early(r)) {
        return None;
    }
    let media = output.renditions.iter().filter(|r| r.rendition.media != Media::Text);
    let segment = media.filter_map(|r| Some(r.timeline.as_deref()?.segments.last()?.duration.0)).reduce(f64::max)?;
    (delay.0 < segment - ROUNDING).then(|| {
        let message = format!(
            "suggestedPresentationDelay is {} s, and a segment lasts {segment:.1} s: players that stay so close to the live edge run dry; \
             make it at least three segments",
            delay.0
        );
        let violation = Violation::new(message).with("delay_seconds", delay.0).with("segment_seconds", segment);
        let is_rounded = delay.0 >= segment.floor() - ROUNDING;
        violation.severity(if is_rounded { Severity::Minor } else { Severity::Major })
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
        assert_eq!((severity("PT2S"), severity("PT1.9S")), (None, None));
        let major = Some(Some(Severity::Major));
        assert_eq!((severity("PT1.8S"), severity("PT0.1S"), severity("PT0S")), (major, major, major));
        let cut = violations(delayed("PT1S", |mpd| mpd.replace("duration=\"2000\"", "duration=\"1920\"")));
        assert_eq!(cut[0].severity, Some(Severity::Minor), "as ffmpeg writes it");
        assert_holds(delayed("PT2S", |mpd| mpd.replace("duration=\"2000\"", "duration=\"1920\"")));
        assert_eq!(
            messages(delayed("PT1S", |mpd| mpd)),
            "suggestedPresentationDelay is 1 s, and a segment lasts 2.0 s: players that stay so close to the live edge run dry; make it \
             at least three segments"
        );
    }

    #[test]
    fn the_list_holds_the_delay() {
        let listed = |period: &str, t: u32, delay: &str| {
            let text = timed(&format!("<S t=\"{t}\" d=\"1920\" r=\"2\"/>")).replace("PT0S", period);
            let delay = format!("suggestedPresentationDelay=\"{delay}\" minBufferTime");
            check(&Scene::dash(&text.replace("minBufferTime", &delay)).context(), &Params::default())
        };
        let found = violations(listed("PT0S", 994_240, "PT8S"));
        assert_eq!((found.len(), found[0].severity), (1, None));
        assert!(found[0].message.starts_with("the MPD lists 5.8 s of segments; suggestedPresentationDelay is 8 s"));
        assert_holds(listed("PT0S", 994_240, "PT5S"));
        assert_holds(listed("PT994S", 240, "PT8S"));
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
