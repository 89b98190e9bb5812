use crate::checks::support::playlist_step::{self, PlaylistChange, PlaylistStep};
use crate::checks::support::select::{self, NO_PLAYLIST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::Timeline;

pub const META: CheckMeta = CheckMeta {
    id: "hls_target_duration_exceeded",
    severity: Severity::Major,
    group: CheckGroup::Hls,
    scope: CheckScope::Hls,
    alert: Some("PlaylistBroken"),
    help: "fails when an EXTINF, rounded to the nearest second, is greater than EXT-X-TARGETDURATION, or \
           EXT-X-TARGETDURATION changes",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.3.1, 6.2.1",
    needs_history: false,
};

params! {
    /// Whether a target duration that changes is reported (RFC 8216bis 6.2.1: it MUST NOT change). Some packagers raise
    /// it while a long segment is listed.
    changes: bool = true,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NO_PLAYLIST, |facts, past| {
        let mut found: Vec<_> = too_long(facts.timeline.as_ref()?).into_iter().collect();
        if params.changes {
            let steps = playlist_step::recent_steps(context, facts, past).unwrap_or_default();
            found.extend(steps.iter().filter_map(changed));
        }
        Some(found)
    })
}

fn too_long(timeline: &Timeline) -> Option<Violation> {
    let target = timeline.target_duration?.0;
    let mut long = timeline.segments.iter().filter(|s| s.duration.0.round() > target);
    let count = long.clone().count();
    let worst = long.next().map(|first| long.fold(first, |a, b| if b.duration.0 > a.duration.0 { b } else { a }))?;
    let message = format!(
        "segment {} lasts {:.3} s, rounded above EXT-X-TARGETDURATION:{target}; {count} of {} listed segments do",
        worst.number,
        worst.duration.0,
        timeline.segments.len(),
    );
    let violation = Violation::new(message)
        .with("number", worst.number)
        .with("line", worst.line)
        .with("url", redact::url(&worst.uri))
        .with("duration_seconds", worst.duration.0);
    Some(violation.with("target_duration_seconds", target).with("segments", count))
}

fn changed(step: &PlaylistStep<'_>) -> Option<Violation> {
    let (was, is) = (step.earlier.target_duration?.0, step.later.target_duration?.0);
    (step.change != PlaylistChange::Restarted && was != is).then(|| {
        Violation::new(format!("EXT-X-TARGETDURATION changed from {was} to {is}; fix it to one value in the packager"))
            .with("before_seconds", was)
            .with("after_seconds", is)
            .with("seen_at", step.later.first_seen.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::history::Observation;
    use packager_media::units::Seconds;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn durations_are_rounded_to_the_nearest_second() {
        let mut scene = Scene::live();
        scene.timeline().segments[2].duration = Seconds(2.499);
        assert_holds(run(&scene));
        scene.timeline().segments[2].duration = Seconds(2.5);
        scene.timeline().segments[3].duration = Seconds(9.0);
        let found = violations(run(&scene));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].evidence["number"], 13);
        assert!(found[0].message.contains("2 of 6 listed"), "{}", found[0].message);
    }

    #[test]
    fn without_the_tag_there_is_no_bound() {
        let mut scene = Scene::live();
        scene.timeline().target_duration = None;
        assert_holds(run(&scene));
    }

    #[test]
    fn a_change_fails_unless_a_restart_explains_it() {
        let target = |seconds: f64, o| Observation { target_duration: Some(Seconds(seconds)), ..o };
        let mut scene = Scene::live();
        scene.observe([observation(-20, 10, 15), target(6.0, observation(-10, 11, 16))]);
        assert!(messages(run(&scene)).starts_with("EXT-X-TARGETDURATION changed from 2 to 6"));
        assert_holds(check(&scene.context(), &Params { changes: false, ..Params::default() }));
        scene.observe([observation(-20, 100, 105), target(6.0, observation(-10, 0, 2))]);
        assert_holds(run(&scene));
        scene.observe([observation(-400, 10, 15), target(6.0, observation(-301, 11, 16))]);
        assert_holds(run(&scene));
    }

    #[test]
    fn without_a_playlist_it_does_not_run() {
        let mut scene = Scene::live();
        scene.rendition().timeline = None;
        assert_not_run(run(&scene), NO_PLAYLIST);
    }
}
