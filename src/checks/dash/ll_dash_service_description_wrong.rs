use crate::checks::support::select::NO_MANIFEST;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::derived;
use crate::finding::Severity;
use packager_media::dash::{self, Mpd, PlaybackRate, ServiceLatency};
use packager_media::stream::Media;

pub const META: CheckMeta = CheckMeta {
    id: "ll_dash_service_description_wrong",
    severity: Severity::Minor,
    group: CheckGroup::Dash,
    scope: CheckScope::LowLatencyDash,
    alert: None,
    help: "fails when the ServiceDescription of a low-latency MPD can't be followed: Latency has no target or contradicts itself, \
           PlaybackRate excludes the normal speed, or chunks come later than the target latency",
    reference: "ISO/IEC 23009-1 K.3.2, K.3.3; DASH-IF IOP Part 4",
    needs_history: false,
};

params! {}

const NO_LOW_LATENCY: &str = "no segment of the MPD can be requested while it is being made";

pub fn check(context: &CheckContext<'_>, _: &Params) -> CheckVerdict {
    let Some(dash) = context.output.dash() else { return CheckVerdict::NotRun(NO_MANIFEST) };
    let mpd = dash.mpd.as_ref();
    let grows = |period| dash::playable_representations(period).any(|(_, r)| !r.addressing.availability_time_complete);
    if !mpd.dynamic || !dash.period_at(context.now).is_some_and(grows) {
        return CheckVerdict::NotRun(NO_LOW_LATENCY);
    }
    let mut found: Vec<Violation> = mpd.latency.as_ref().into_iter().flat_map(contradictions).collect();
    found.extend(mpd.playback_rate.as_ref().and_then(wrong_rate));
    found.extend(unreachable_target(context, mpd));
    CheckVerdict::Ran(found)
}

fn contradictions(latency: &ServiceLatency) -> Vec<Violation> {
    let ServiceLatency { target, min, max } = *latency;
    let pairs = [("min", min, "target", target), ("target", target, "max", max), ("min", min, "max", max)];
    let wrong = pairs.into_iter().find_map(|(low, below, high, above)| {
        let (below, above) = below.zip(above).filter(|(below, above)| below > above)?;
        let text =
            format!("Latency@{low} of the ServiceDescription is {} s, more than @{high} of {} s", below.0, above.0);
        Some(Violation::new(text).with(low, below.0).with(high, above.0))
    });
    let missing = target.is_none().then(|| {
        Violation::new("Latency of the ServiceDescription has no target: players choose one of their own")
            .severity(Severity::Warning)
    });
    wrong.into_iter().chain(missing).collect()
}

/// A violation if players can't play at normal speed, or not at all.
fn wrong_rate(rate: &PlaybackRate) -> Option<Violation> {
    let (min, max) = (rate.min.unwrap_or(1.0), rate.max.unwrap_or(1.0));
    (min > 1.0 || max < 1.0 || min <= 0.0).then(|| {
        let text = format!(
            "PlaybackRate of the ServiceDescription allows speeds from {min} to {max}: that excludes the normal speed 1"
        );
        Violation::new(text).with("min", min).with("max", max)
    })
}

/// A violation if the chunks of all renditions of a kind come later than the target latency.
fn unreachable_target(context: &CheckContext<'_>, mpd: &Mpd) -> Option<Violation> {
    let target = mpd.latency?.target?;
    let growing = context.output.renditions.iter().filter(|r| r.rendition.media != Media::Text);
    let latency = growing.filter_map(|r| derived::chunk_latency(r.growing.as_ref()?)).map(|l| l.0).reduce(f64::max)?;
    (latency > target.0).then(|| {
        let text = format!(
            "chunks come {latency:.1} s after their time, so players can't keep the target latency of {} s",
            target.0
        );
        Violation::new(text).with("latency_seconds", latency).with("target_seconds", target.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn run(description: &str, change: impl FnOnce(&mut Scene)) -> CheckVerdict {
        let mut scene = Scene::growing_described(description);
        change(&mut scene);
        check(&scene.context(), &Params::default())
    }

    fn of(description: &str) -> CheckVerdict {
        run(description, |_| {})
    }

    #[test]
    fn a_description_that_can_be_followed_holds() {
        assert_holds(of(""));
        assert_holds(of(
            "<Latency target=\"3500\" min=\"2000\" max=\"6000\"/><PlaybackRate min=\"0.96\" max=\"1.04\"/>",
        ));
        assert_holds(of("<Latency target=\"2000\" min=\"2000\" max=\"2000\"/><PlaybackRate max=\"1.1\"/>"));
    }

    #[test]
    fn latencies_in_the_wrong_order_contradict_each_other() {
        let text = "Latency@min of the ServiceDescription is 4 s, more than @target of 3.5 s";
        assert_eq!(messages(of("<Latency target=\"3500\" min=\"4000\"/>")), text);
        assert!(messages(of("<Latency target=\"3500\" max=\"3000\"/>")).contains("@target of"));
        let found = violations(of("<Latency min=\"4000\" max=\"3000\"/>"));
        assert_eq!((found.len(), found[1].severity), (2, Some(Severity::Warning)), "no target either");
    }

    #[test]
    fn players_must_be_allowed_the_normal_speed() {
        let text =
            "PlaybackRate of the ServiceDescription allows speeds from 0.5 to 0.9: that excludes the normal speed 1";
        assert_eq!(messages(of("<PlaybackRate min=\"0.5\" max=\"0.9\"/>")), text);
        assert!(messages(of("<PlaybackRate min=\"1.02\"/>")).contains("from 1.02 to 1:"));
        assert!(messages(of("<PlaybackRate min=\"0\" max=\"1\"/>")).contains("from 0 to 1:"));
    }

    #[test]
    fn a_target_before_the_chunks_cannot_be_kept() {
        // Chunks of 0.4 s come when they are complete.
        assert_holds(of("<Latency target=\"500\"/>"));
        let text = "chunks come 0.4 s after their time, so players can't keep the target latency of 0.3 s";
        assert_eq!(messages(of("<Latency target=\"300\"/>")), text);
    }

    #[test]
    fn an_mpd_of_complete_segments_is_not_judged() {
        assert_not_run(check(&Scene::dash(&paced()).context(), &Params::default()), NO_LOW_LATENCY);
    }
}
