mod reload;
mod short_list;
mod validity_events;

use crate::checks::support::select::{NO_MANIFEST, cap_violations, defect_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{LocationFacts, PatchFacts};
use crate::finding::Severity;
use packager_media::dash::{self, Mpd, Patch};
use packager_media::defect::DefectKind;
use packager_media::redact;
use packager_media::units::{Seconds, Timestamp};
use reload::Reload;

pub const META: CheckMeta = CheckMeta {
    id: "dash_update_failed",
    severity: Severity::Warning,
    group: CheckGroup::Dash,
    scope: CheckScope::Dash,
    alert: None,
    help: "fails when the MPD's Location doesn't answer with an MPD of the same presentation, or PatchLocation doesn't answer with a \
           patch that applies to the MPD, or has no patch within its ttl: players download the whole MPD instead, or lose the channel at \
           an update. Also fails when the list of segments ends before players reload the MPD, because minimumUpdatePeriod is missing or \
           too long and the segments have no events that tell players to reload it, when such an event ended the validity of an MPD that \
           is still there, or when the list is shorter than minimumUpdatePeriod and one segment, so that players never learn of some \
           segments. Major if so or if the Location leads to no MPD, critical if players stand still for more than half of the time or \
           the MPD at the Location stands still",
    reference: "ISO/IEC 23009-1 5.3.1.2, 5.4.1, 5.15",
    needs_history: false,
};

params! {}

/// Largest difference in seconds between two availabilityStartTimes that count as the same presentation, because
/// packagers round them.
const START_TOLERANCE: f64 = 1.0;
/// HTTP statuses with which a server says that there is no patch: no content, not modified, not found, gone, too early.
const NO_PATCH: &[u16] = &[204, 304, 404, 410, 425];
const MISSING: &str = "the MPD has no list of segments that ends, its segments have no events that end its validity, and no Location and \
                       no patch was requested";

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let output = context.output;
    let Some(dash) = output.dash() else { return CheckVerdict::NotRun(NO_MANIFEST) };
    let defects = output.defects.iter().filter(|d| d.kind == DefectKind::Update);
    let mut found: Vec<_> = defects.map(|d| defect_violation(&output.url, d)).collect();
    let asked_at = dash.mpd_time(dash.asked_at);
    match reload::reload(&dash.mpd, asked_at, validity_events::are_never_sent(context)) {
        Reload::WithoutList
            if found.is_empty()
                && dash.location.is_none()
                && dash.patch.is_none()
                && !validity_events::are_sent(context) =>
        {
            return CheckVerdict::NotRun(MISSING);
        }
        Reload::WithoutList | Reload::Otherwise => {}
        Reload::ByPeriod(late) => found.extend(late.or_else(|| short_list::short_list(context, dash))),
    }
    found.extend(validity_events::outlived_mpd(context, dash));
    let now = dash.mpd_time(context.now);
    found.extend(dash.location.as_ref().and_then(|location| wrong_location(location, &dash.mpd, now)));
    if let Some(facts) = &dash.patch {
        found.extend(missing_patch(facts));
        found.extend(facts.patch.as_ref().and_then(|patch| wrong_patch(facts, patch)));
        found.extend(facts.defects.iter().map(|d| with_patch(facts, defect_violation(&facts.fetched.url, d))));
    }
    CheckVerdict::Ran(cap_violations(found))
}

fn wrong_location(facts: &LocationFacts, mpd: &Mpd, now: Timestamp) -> Option<Violation> {
    if facts.fetched.probe_timed_out() {
        return None;
    }
    let (problem, severity) = match (facts.fetched.problem(), &facts.mpd) {
        (Some(problem), _) => (format!("doesn't answer: {problem}"), Severity::Major),
        (None, None) => ("answers, but not with an MPD".to_owned(), Severity::Major),
        (None, Some(there)) => match other_presentation(mpd, there) {
            Some(other) => (format!("answers with {other}"), Severity::Warning),
            None => (
                format!("answers with an MPD that is {:.0} s behind this one", behind(mpd, there, now)?),
                Severity::Critical,
            ),
        },
    };
    let message = format!("Location {problem}; players that go there for updates lose the channel");
    Some(Violation::new(message).with("url", redact::url(&facts.fetched.url)).severity(severity))
}

/// Longest time in seconds by which the MPD at the Location may be behind, beyond three of its longest segments: edges of a
/// CDN are some seconds apart.
const LOCATION_BEHIND: f64 = 10.0;

/// Returns the seconds by which the newest segment of the MPD `there` is behind that of `mpd` at `now`. `None`: it isn't behind
/// for longer than edges of a CDN are apart, or one of them lists no segment.
fn behind(mpd: &Mpd, there: &Mpd, now: Timestamp) -> Option<f64> {
    let newest = |mpd: &Mpd| {
        let segments =
            dash::renditions_at(mpd, now).into_iter().filter_map(|r| r.timeline.segments.into_iter().next_back());
        segments
            .map(|s| (s.number as f64 / 1000.0 + s.duration.0, s.duration.0))
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
    };
    // All segments of an MPD that stands still leave its time-shift buffer in the end.
    let without_buffer = || newest(&Mpd { time_shift_buffer_depth: None, ..there.clone() });
    let ((edge, _), (edge_there, longest)) = (newest(mpd)?, newest(there).or_else(without_buffer)?);
    Some(edge - edge_there).filter(|behind| *behind > LOCATION_BEHIND + 3.0 * longest)
}

/// Returns a text that says in which way the MPD `there` belongs to another presentation than `mpd`: by its id, its
/// type or its availabilityStartTime. `None`: it may be the same presentation.
fn other_presentation(mpd: &Mpd, there: &Mpd) -> Option<String> {
    let start = mpd.availability_start.zip(there.availability_start).map(|(a, b)| Seconds::between(a, b));
    match (&mpd.id, &there.id) {
        (Some(own), Some(other)) if own != other => {
            Some(format!("the MPD of another presentation: its id is `{other}`, not `{own}`"))
        }
        _ if mpd.dynamic && !there.dynamic => Some("a static MPD".to_owned()),
        _ => start.filter(|by| by.0.abs() > START_TOLERANCE).map(|by| {
            let direction = if by.0 > 0.0 { "later" } else { "earlier" };
            format!("another presentation: its availabilityStartTime is {:.1} s {direction}", by.0.abs())
        }),
    }
}

/// Returns a violation if the answer isn't a patch although the MPD announces one. An MPD is a valid answer too.
fn missing_patch(facts: &PatchFacts) -> Option<Violation> {
    if facts.fetched.probe_timed_out() || facts.full_mpd || facts.patch.is_some() {
        return None;
    }
    let status = facts.fetched.result.as_ref().ok().map(|e| e.status);
    let no_patch = status.is_some_and(|status| NO_PATCH.contains(&status));
    let promised = facts.ttl.filter(|_| facts.outdated);
    let message = match (facts.fetched.problem(), promised) {
        (_, None) if no_patch => return None,
        (_, Some(ttl)) if no_patch => format!(
            "there is no patch for the MPD published at {} (HTTP status {}), although the MPD was updated since and its ttl is \
             {:.0} s: players download the whole MPD",
            facts.patched.publish_time,
            status.unwrap_or_default(),
            ttl.0
        ),
        (Some(problem), _) => format!("PatchLocation doesn't answer: {problem}"),
        // A body that is no patch has a defect that says so.
        (None, _) if facts.defects.is_empty() => "PatchLocation answers with an empty body".to_owned(),
        (None, _) => return None,
    };
    Some(with_patch(facts, Violation::new(message)))
}

/// Returns a violation if the patch is for another MPD, or doesn't lead to a later MPD.
fn wrong_patch(facts: &PatchFacts, patch: &Patch) -> Option<Violation> {
    let of = &facts.patched;
    let other_id = patch.mpd_id.as_ref().filter(|id| of.id.as_ref().is_some_and(|own| own != *id));
    let other_time = patch.original_publish_time.filter(|time| *time != of.publish_time);
    // Some servers answer with an empty patch if there is no update yet.
    let back = patch.publish_time.filter(|time| match patch.operations {
        0 => *time < of.publish_time,
        _ => *time <= of.publish_time,
    });
    let message = match (other_id, other_time, back) {
        (Some(id), ..) => {
            format!("the patch is for an MPD with the id `{id}`, not `{}`", of.id.as_deref().unwrap_or(""))
        }
        (None, Some(time), _) => {
            format!(
                "the patch is for the MPD published at {time}; the MPD that names it was published at {}",
                of.publish_time
            )
        }
        (None, None, Some(time)) => {
            format!(
                "the patch leads to publishTime {time}, which isn't later than {}, the publishTime of the MPD that it is for",
                of.publish_time
            )
        }
        (None, None, None) => return None,
    };
    Some(with_patch(facts, Violation::new(message)))
}

fn with_patch(facts: &PatchFacts, violation: Violation) -> Violation {
    violation
        .with("url", redact::url(&facts.fetched.url))
        .with("original_publish_time", facts.patched.publish_time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::{FailureKind, Fetched, PatchableMpd};
    use packager_media::dash::PatchLocation;
    use packager_media::defect::{Defect, Position};
    use std::sync::Arc;

    fn scene() -> Scene {
        Scene::dash(&timed("<S t=\"990000\" d=\"2000\" r=\"4\"/>"))
    }

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    fn located(fetched: Fetched, change: impl FnOnce(&mut Mpd)) -> CheckVerdict {
        let mut scene = scene();
        let dash = scene.mpd_facts();
        Arc::make_mut(&mut dash.mpd).id = Some("tv1".to_owned());
        let mut mpd = (*dash.mpd).clone();
        change(&mut mpd);
        dash.location = Some(LocationFacts { fetched, mpd: Some(Box::new(mpd)) });
        run(&scene)
    }

    fn there() -> Fetched {
        answered("session/7.mpd", "application/dash+xml")
    }

    #[test]
    fn a_location_has_the_same_presentation() {
        assert_holds(located(there(), |_| {}));
        assert_holds(located(there(), |mpd| mpd.id = None));
        assert!(messages(located(there(), |mpd| mpd.id = Some("tv2".into()))).contains("its id is `tv2`, not `tv1`"));
        assert!(messages(located(there(), |mpd| mpd.dynamic = false)).contains("a static MPD"));
        let moved = |by: f64| located(there(), |mpd| mpd.availability_start = Some(time(-1000.0 + by)));
        assert_holds(moved(1.0));
        assert_holds(moved(-1.0));
        assert!(messages(moved(1.1)).contains("is 1.1 s later") && messages(moved(-1.1)).contains("earlier"));
    }

    #[test]
    fn a_location_that_stands_still_stays_critical_when_its_segments_have_left_the_buffer() {
        let listed = |t: u32| {
            let text = timed(&format!("<S t=\"{t}\" d=\"2000\" r=\"4\"/>"));
            let there_now = dash::parse(text.as_bytes(), &url("manifest.mpd")).0.unwrap();
            located(there(), |mpd| mpd.periods = there_now.periods)
        };
        assert_holds(listed(976_000));
        for (t, seconds) in [(970_000, 20), (800_000, 190)] {
            let found = violations(listed(t));
            assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Critical)), "{t}");
            assert!(found[0].message.contains(&format!("an MPD that is {seconds} s behind this one")), "{found:?}");
        }
    }

    #[test]
    fn a_location_that_is_not_there_fails_and_one_without_time_does_not() {
        let missing = messages(located(with(404), |_| {}));
        assert!(missing.starts_with("Location doesn't answer: HTTP status 404"), "{missing}");
        assert_eq!(violations(located(failed("x", FailureKind::Refused), |_| {})).len(), 1);
        assert_holds(located(failed("x", FailureKind::Deadline), |_| {}));
        let mut scene = scene();
        scene.mpd_facts().location = Some(LocationFacts { fetched: there(), mpd: None });
        assert!(messages(run(&scene)).contains("not with an MPD"));
    }

    fn with(status: u16) -> Fetched {
        let mut fetched = answered("tv.mpp", "application/dash-patch+xml");
        fetched.result.as_mut().unwrap().status = status;
        fetched
    }

    /// Makes the facts of a patch request that was answered with `status`. The MPD was published 20 s before the time
    /// of the probe and updated since.
    fn facts(status: u16) -> PatchFacts {
        let ttl = Some(Seconds(60.0));
        let locations = vec![PatchLocation { url: url("tv.mpp"), ttl }];
        let of = PatchableMpd { id: Some("tv1".into()), publish_time: time(-20.0), locations, text: Vec::new() };
        let patch = (status == 200).then(|| Patch {
            mpd_id: Some("tv1".to_owned()),
            original_publish_time: Some(time(-20.0)),
            publish_time: Some(time(-18.0)),
            operations: 1,
        });
        let (of, fetched) = (Arc::new(of), with(status));
        PatchFacts { patched: of, outdated: true, ttl, fetched, patch, full_mpd: false, defects: Vec::new() }
    }

    fn patched(facts: PatchFacts) -> CheckVerdict {
        let mut scene = scene();
        scene.mpd_facts().patch = Some(facts);
        run(&scene)
    }

    #[test]
    fn a_patch_is_there_within_its_ttl_once_the_mpd_was_updated() {
        assert_holds(patched(facts(200)));
        for status in [204, 404, 410, 425] {
            assert!(
                messages(patched(facts(status))).contains("there is no patch for the MPD published at"),
                "{status}"
            );
            assert_holds(patched(PatchFacts { outdated: false, ..facts(status) }));
            assert_holds(patched(PatchFacts { ttl: None, ..facts(status) }));
        }
        for status in [403, 500] {
            let found = messages(patched(PatchFacts { outdated: false, ..facts(status) }));
            assert!(found.starts_with("PatchLocation doesn't answer: HTTP status"), "{found}");
        }
        assert_holds(patched(PatchFacts { fetched: failed("tv.mpp", FailureKind::Deadline), ..facts(404) }));
    }

    #[test]
    fn what_came_is_a_patch_or_a_whole_mpd() {
        let nothing = PatchFacts { patch: None, ..facts(200) };
        assert_holds(patched(PatchFacts { full_mpd: true, ..nothing.clone() }));
        assert_eq!(messages(patched(nothing.clone())), "PatchLocation answers with an empty body");
        let at = Position::Line { line: 1, column: 1 };
        let page = Defect { kind: DefectKind::Update, at, message: "not a patch".into(), reference: "" };
        assert_eq!(messages(patched(PatchFacts { defects: vec![page], ..nothing })), "line 1, column 1: not a patch");
    }

    fn changed(change: impl FnOnce(&mut Patch)) -> CheckVerdict {
        let mut facts = facts(200);
        change(facts.patch.as_mut().unwrap());
        patched(facts)
    }

    #[test]
    fn a_patch_is_for_the_mpd_that_names_it_and_leads_on() {
        assert!(messages(changed(|p| p.mpd_id = Some("tv2".into()))).contains("the id `tv2`, not `tv1`"));
        assert!(
            messages(changed(|p| p.original_publish_time = Some(time(-22.0)))).starts_with("the patch is for the MPD")
        );
        assert!(messages(changed(|p| p.publish_time = Some(time(-20.0)))).contains("which isn't later than"));
        assert_holds(changed(|p| (p.publish_time, p.operations) = (Some(time(-20.0)), 0)));
        assert_eq!(violations(changed(|p| (p.publish_time, p.operations) = (Some(time(-20.5)), 0))).len(), 1);
    }

    #[test]
    fn a_defect_of_a_location_fails_and_without_one_it_does_not_run() {
        let mut scene = scene();
        let at = Position::Line { line: 3, column: 1 };
        let wrong = |kind| Defect { kind, at, message: "Location `` is no URL".into(), reference: "" };
        assert_holds(run(&scene));
        assert_not_run(run(&Scene::dash(&paced())), MISSING);
        scene.output.defects = vec![wrong(DefectKind::Update), wrong(DefectKind::Mpd), wrong(DefectKind::EventStream)];
        assert_eq!(violations(run(&scene)).len(), 1);
        scene.output.content = crate::facts::ManifestFacts::Unreadable(packager_media::stream::Protocol::Dash);
        assert_not_run(run(&scene), NO_MANIFEST);
    }
}
