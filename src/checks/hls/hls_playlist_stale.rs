use crate::checks::support::live_edge_age::{self, AgeLimits};
use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::stream::Media;
use std::cell::LazyCell;

pub const META: CheckMeta = CheckMeta {
    id: "hls_playlist_stale",
    severity: Severity::Major,
    group: CheckGroup::Hls,
    scope: CheckScope::Hls,
    alert: Some("PlaylistStale"),
    help: "fails when a live playlist has had no new segment for `major_after` target durations; critical after \
           `critical_after`. On a first probe the age is taken from Last-Modified, or from an \
           EXT-X-PROGRAM-DATE-TIME far in the past, and is never critical. Minor for subtitles while picture or sound goes on",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.1",
    needs_history: false,
};

params! {
    /// Number of target durations without a new segment after which the check fails.
    major_after: f64 = 1.5,
    /// Number of target durations without a new segment after which the failure is critical.
    critical_after: f64 = 3.0,
    /// Seconds by which the newest segment's date may be behind the clock because of latency. The date counts only if
    /// the playlist has no Last-Modified and wasn't yet seen to advance.
    date_allowance: f64 = 120.0,
}

const NO_LIVE: &str = "no live playlist with a history was read";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let Params { major_after, critical_after, date_allowance, .. } = *params;
    let limits = AgeLimits { major_after, critical_after, date_allowance };
    let judge = |facts: &RenditionFacts, past: &RenditionHistory| {
        let timeline = facts.timeline.as_deref().filter(|t| !t.ended)?;
        let (unit, made) = (live_edge_age::target_duration_unit(timeline)?, live_edge_age::last_modified(facts));
        live_edge_age::judge(context, (facts, past, timeline), &unit, &made, &limits)
    };
    let is_text = |facts: &RenditionFacts| facts.rendition.media == Media::Text;
    let programme_goes_on = LazyCell::new(|| {
        let mut others = context.renditions().filter(|(facts, _)| !is_text(facts));
        others.any(|(facts, past)| judge(facts, past).is_some_and(|found| found.is_empty()))
    });
    select::judge_renditions(context, NO_LIVE, |facts, past| {
        let is_minor = is_text(facts) && *programme_goes_on;
        let rated = |v: Violation| if is_minor { v.severity(Severity::Minor) } else { v };
        Some(judge(facts, past)?.into_iter().map(rated).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    /// Makes a test input: an HLS rendition whose live edge last advanced `seconds` before the time of the probe.
    /// Segments last 2 s.
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
    fn subtitles_that_stand_still_are_minor_while_the_picture_goes_on() {
        let run = |picture: f64| {
            let mut scene = still(picture);
            let mut text = rendition("text-en");
            text.rendition.media = Media::Text;
            scene.output.renditions.push(text);
            let past = still(100.0).history.renditions.remove(NAME).unwrap();
            scene.history.renditions.insert("text-en".to_owned(), past);
            violations(run(&scene)).into_iter().map(|v| (v.rendition.unwrap(), v.severity)).collect::<Vec<_>>()
        };
        assert_eq!(run(1.0), [("text-en".to_owned(), Some(Severity::Minor))]);
        let critical = [NAME, "text-en"].map(|name| (name.to_owned(), Some(Severity::Critical)));
        assert_eq!(run(100.0), critical, "everything stands still");
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
        assert_eq!((found[0].severity, &found[0].evidence["source"]), (None, &"Last-Modified".into()));
        let message = "by Last-Modified there was no new segment for 7.0 s: 3.5 target durations of 2 s; the newest is 15; \
                       only this header says so, and the next probe decides";
        assert_eq!(found[0].message, message, "some servers never change the header");
    }

    #[test]
    fn a_target_duration_without_a_new_segment_confirms_last_modified() {
        for (seconds, severity) in [(1.9, None), (2.0, Some(Severity::Critical))] {
            let mut scene = first_seen();
            modified(&mut scene, 7.0);
            scene.past().edge_since = Some(time(-seconds));
            let found = violations(run(&scene));
            assert_eq!(found[0].severity, severity, "{seconds}");
            assert_eq!(found[0].message.contains("only this header"), severity.is_none(), "{seconds}");
        }
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
