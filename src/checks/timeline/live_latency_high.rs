use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::derived;
use crate::finding::Severity;
use packager_media::dash::playable_representations;
use packager_media::stream::Timeline;
use packager_media::units;
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "live_latency_high",
    severity: Severity::Major,
    group: CheckGroup::Timeline,
    scope: CheckScope::Any,
    alert: Some("LiveLatencyHigh"),
    help: "fails when the live edge (the newest segment's end by EXT-X-PROGRAM-DATE-TIME) is behind the wall clock by more than `max`, \
           or in DASH by a segment more than the most that ServiceDescription's Latency allows players",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.6, 6.2.1; ISO/IEC 23009-1 annex K.3.2; template",
    needs_history: false,
};

params! {
    /// Seconds by which the live edge may be behind the present. The default leaves room for encoders that write the
    /// time of capture, with 10 s segments.
    max: f64 = 45.0,
}

const UNDATED: &str = "no live playlist carries EXT-X-PROGRAM-DATE-TIME, and no live MPD has an availabilityStartTime";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, UNDATED, |facts, _| {
        let timeline = facts.timeline.as_deref().filter(|t| !t.ended)?;
        let latency = derived::live_edge_latency(facts, context.now)?;
        let found = judge(timeline, latency, params).or_else(|| described(context, timeline, latency));
        Some(found.into_iter().collect())
    })
}

/// Allowed time between the moment at which a segment is available by the MPD and the request of the probe.
const EDGE: Seconds = Seconds(1.0);

/// Returns a violation if no player can keep the maximum latency of the MPD's ServiceDescription, because even the next
/// segment will be older. Low-latency chunks, which arrive before their segment is complete, count as available.
fn described(context: &CheckContext<'_>, timeline: &Timeline, latency: Seconds) -> Option<Violation> {
    let mpd = &context.output.dash()?.mpd;
    let max = mpd.latency?.max?;
    let early =
        mpd.periods.iter().flat_map(playable_representations).map(|(_, r)| r.addressing.availability_time_offset.0);
    // An ad may be available long before; that makes no later segment of the programme available.
    let spare =
        early.filter(|early| early.is_finite()).fold(0.0, f64::max) + EDGE.0 + timeline.segments.last()?.duration.0;
    (latency.0 > max.0 + spare).then(|| {
        let message = format!(
            "the live edge is {:.1} s behind the clock; ServiceDescription has players stay within {} s",
            latency.0, max.0
        );
        Violation::new(message).with("latency_seconds", latency.0).with("max_seconds", max.0)
    })
}

fn judge(timeline: &Timeline, latency: Seconds, params: &Params) -> Option<Violation> {
    (latency.0 > params.max).then(|| {
        let (behind, most) = units::distinct(latency.0, params.max, 1);
        let message = format!("the live edge is {behind} s behind the clock; no more than {most} s are allowed");
        Violation::new(message)
            .with("latency_seconds", latency.0)
            .with("max_seconds", params.max)
            .with("live_edge", timeline.live_edge().map(|t| t.to_string()))
            .with("last_number", timeline.last_number())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    /// Makes a test input: a rendition whose newest segment ended `seconds` before the time of the probe.
    fn behind(seconds: f64) -> Scene {
        let mut scene = Scene::live();
        scene.timeline().segments[5].program_date_time = Some(time(-seconds - 2.0));
        scene
    }

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn the_bound_itself_is_allowed() {
        assert_holds(run(&behind(45.0)));
        assert_eq!(
            messages(run(&behind(45.1))),
            "the live edge is 45.1 s behind the clock; no more than 45.0 s are allowed"
        );
    }

    #[test]
    fn a_live_edge_ahead_belongs_to_program_date_time() {
        assert_holds(run(&behind(-60.0)));
    }

    #[test]
    fn without_dates_or_after_the_end_it_does_not_run() {
        assert_not_run(run(&Scene::live()), UNDATED);
        let mut scene = behind(100.0);
        scene.timeline().ended = true;
        assert_not_run(run(&scene), UNDATED);
    }

    #[test]
    fn a_live_edge_that_no_player_of_the_service_may_follow_fails() {
        // Segments of 2 s; the newest ends 10 s before now.
        let early = |max: f64, offset: f64| {
            let mut scene = Scene::dash(&timed("<S t=\"980000\" d=\"2000\" r=\"4\"/>"));
            let mpd = std::sync::Arc::make_mut(&mut scene.mpd_facts().mpd);
            let sets = mpd.periods.iter_mut().flat_map(|period| &mut period.sets);
            sets.flat_map(|set| &mut set.representations)
                .for_each(|r| r.addressing.availability_time_offset = Seconds(offset));
            mpd.latency = Some(packager_media::dash::ServiceLatency { max: Some(Seconds(max)), ..Default::default() });
            check(&scene.context(), &Params::default())
        };
        let described = |max| early(max, 0.0);
        assert_holds(described(7.0));
        let message = "the live edge is 10.0 s behind the clock; ServiceDescription has players stay within 6.9 s";
        assert_eq!(messages(described(6.9)), message);
        assert_holds(early(5.5, 1.5));
        assert_eq!(messages(early(6.9, f64::INFINITY)), message, "an ad that is available as a whole");
    }
}
