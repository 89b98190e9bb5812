use super::input;
use super::{Context, Group, Meta, Verdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use crate::history::RenditionPast;
use crate::stream::Timeline;
use crate::units::Seconds;

pub const META: Meta = Meta {
    id: "playlist_stale",
    severity: Severity::Major,
    group: Group::Timeline,
    help: "fails when a live playlist has not got a new segment for 1.5 target durations, critical after 3; on a first probe from \
           Last-Modified, or from a PROGRAM-DATE-TIME far in the past",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.1",
    needs_history: false,
};

params! {
    /// Target durations without a new segment from which on it fails.
    major_after: f64 = 1.5,
    /// Target durations without a new segment from which on it is critical.
    critical_after: f64 = 3.0,
    /// Seconds by which the newest date may be behind the clock and be latency. Used only before the playlist was seen to advance, without Last-Modified.
    date_allowance: f64 = 120.0,
}

/// How long the live edge has stood still at least, and what says so.
struct Still {
    age: Seconds,
    source: &'static str,
    /// A date may be wrong by itself: alone it is not enough for a critical verdict.
    sure: bool,
}

const NO_LIVE: &str = "no live playlist with a history was read";

pub fn check(context: &Context<'_>, params: &Params) -> Verdict {
    input::each(context, NO_LIVE, |facts, past| {
        let timeline = facts.timeline.as_deref()?;
        if timeline.ended {
            return None;
        }
        let target = input::target_duration(timeline)?;
        let still = still(context, facts, past, timeline, params)?;
        Some(judge(facts, timeline, target, &still, params).into_iter().collect())
    })
}

fn judge(
    facts: &RenditionFacts,
    timeline: &Timeline,
    target: Seconds,
    still: &Still,
    params: &Params,
) -> Option<Violation> {
    let targets = still.age.0 / target.0;
    if targets <= params.major_after {
        return None;
    }
    let message = format!(
        "no new segment for {:.1} s: {targets:.1} target durations of {} s; the newest is {}",
        still.age.0,
        target.0,
        timeline.last_number().map_or_else(|| "none".to_owned(), |n| n.to_string()),
    );
    let violation = Violation::new(message)
        .with("url", facts.playlist.as_ref().map(|p| input::shown(&p.url)))
        .with("age_seconds", still.age.0)
        .with("target_duration_seconds", target.0)
        .with("last_number", timeline.last_number())
        .with("source", still.source);
    let critical = still.sure && targets > params.critical_after;
    Some(if critical { violation.severity(Severity::Critical) } else { violation })
}

/// What we saw ourselves counts. Only while the playlist has never been seen to advance may its headers and
/// dates make it older than that: once it advances they are either right or irrelevant.
fn still(
    context: &Context<'_>,
    facts: &RenditionFacts,
    past: &RenditionPast,
    timeline: &Timeline,
    params: &Params,
) -> Option<Still> {
    let seen = Still { age: Seconds::between(past.edge_since?, context.now), source: "observed", sure: true };
    if past.observations.len() > 1 {
        return Some(seen);
    }
    let latency = timeline.live_edge().map(|edge| Seconds::between(edge, context.now));
    let claimed = match (unmodified(context, facts), latency) {
        // A live edge near the clock contradicts a Last-Modified that a server has set once and for all.
        (Some(age), Some(latency)) if latency.0 < age.0 => Still { age: latency, source: "Last-Modified", sure: true },
        (Some(age), _) => Still { age, source: "Last-Modified", sure: true },
        (None, Some(latency)) => {
            Still { age: latency - Seconds(params.date_allowance), source: "PROGRAM-DATE-TIME", sure: false }
        }
        (None, None) => return Some(seen),
    };
    Some(if claimed.age > seen.age { claimed } else { seen })
}

/// Age of the playlist by its server's own clock.
fn unmodified(context: &Context<'_>, facts: &RenditionFacts) -> Option<Seconds> {
    let exchange = facts.playlist.as_ref()?.ok()?;
    Some(Seconds::between(exchange.last_modified?, exchange.date.unwrap_or(context.now)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn run(scene: &Scene) -> Verdict {
        check(&scene.context(), &Params::default())
    }

    /// Advanced for the last time `seconds` ago; segments last 2 s.
    fn still(seconds: f64) -> Scene {
        let mut scene = Scene::live();
        scene.observe([observation(-200, 9, 14), observation(-100, 10, 15)]);
        scene.past().edge_since = Some(time(-seconds));
        scene
    }

    fn first_seen() -> Scene {
        let mut scene = Scene::live();
        scene.observe([observation(0, 10, 15)]);
        scene.past().edge_since = Some(time(0.0));
        scene
    }

    fn modified(scene: &mut Scene, seconds: f64) {
        let exchange = scene.rendition().playlist.as_mut().unwrap().result.as_mut().unwrap();
        (exchange.last_modified, exchange.date) = (Some(time(1000.0 - seconds)), Some(time(1000.0)));
    }

    #[test]
    fn major_above_one_and_a_half_and_critical_above_three_target_durations() {
        assert_holds(run(&still(3.0)));
        assert_eq!(violations(run(&still(3.01)))[0].severity, None);
        assert_eq!(violations(run(&still(6.0)))[0].severity, None);
        let found = violations(run(&still(6.01)));
        assert_eq!(found[0].severity, Some(Severity::Critical));
        assert_eq!(found[0].message, "no new segment for 6.0 s: 3.0 target durations of 2 s; the newest is 15");
    }

    #[test]
    fn a_missing_target_duration_is_replaced_by_the_longest_segment() {
        let mut scene = still(3.01);
        scene.timeline().target_duration = None;
        assert_eq!(violations(run(&scene)).len(), 1);
    }

    #[test]
    fn an_ended_playlist_is_not_judged() {
        let mut scene = still(100.0);
        scene.timeline().ended = true;
        assert_not_run(run(&scene), NO_LIVE);
    }

    #[test]
    fn the_first_probe_believes_last_modified_by_the_servers_clock() {
        let mut scene = first_seen();
        modified(&mut scene, 3.0);
        assert_holds(run(&scene));
        modified(&mut scene, 7.0);
        let found = violations(run(&scene));
        assert_eq!(
            (found[0].severity, &found[0].evidence["source"]),
            (Some(Severity::Critical), &"Last-Modified".into())
        );
    }

    #[test]
    fn once_seen_to_advance_last_modified_no_longer_counts() {
        let mut scene = still(1.0);
        modified(&mut scene, 5000.0);
        assert_holds(run(&scene));
    }

    #[test]
    fn a_live_edge_at_the_clock_contradicts_last_modified() {
        let mut scene = first_seen();
        modified(&mut scene, 5000.0);
        scene.timeline().segments[5].program_date_time = Some(time(-4.0));
        assert_holds(run(&scene));
    }

    #[test]
    fn a_date_alone_counts_beyond_the_allowance_and_never_as_critical() {
        let mut scene = first_seen();
        for (behind, count) in [(123.0, 0), (123.1, 1), (9000.0, 1)] {
            scene.timeline().segments[5].program_date_time = Some(time(-behind - 2.0));
            let found = violations(run(&scene));
            assert_eq!(found.len(), count, "{behind}");
            assert!(found.iter().all(|v| v.severity.is_none()));
        }
    }

    #[test]
    fn a_playlist_never_remembered_is_not_judged() {
        assert_not_run(run(&Scene::live()), NO_LIVE);
    }
}
