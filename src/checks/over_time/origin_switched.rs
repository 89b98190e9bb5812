use crate::checks::support::select::{self, FIRST_OBSERVATION, NO_MANIFEST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Exchange, RenditionFacts};
use crate::finding::Severity;
use crate::history::InputState;
use packager_media::redact;
use packager_media::units;
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "origin_switched",
    severity: Severity::Warning,
    group: CheckGroup::OverTime,
    scope: CheckScope::Any,
    alert: Some("ChannelChanged"),
    help: "fails when the packager's own headers (AWS Elemental MediaPackage) name another active input than before, or say that a \
           playlist was last updated several target durations ago",
    reference: "AWS Elemental MediaPackage: X-Amzn-Mediapackage-Active-Input, X-MediaPackage-Manifest-Last-ManifestAge",
    needs_history: true,
};

params! {
    /// Age of a live playlist in target durations from which on the check fails.
    updated_within: f64 = 3.0,
}

const NONE: &str = "no answer has the packager's headers";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    if !context.output.is_readable() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let states = &context.past.inputs;
    let ages: Vec<_> = context.output.renditions.iter().filter_map(|r| Some((r, ManifestAge::of(r)?))).collect();
    let compared = states.first().is_some_and(|s| s.first_seen < context.now);
    if !compared && ages.is_empty() {
        return CheckVerdict::NotRun(if states.is_empty() { NONE } else { FIRST_OBSERVATION });
    }
    let steps = states.iter().zip(states.iter().skip(1));
    let recent = steps.filter(|(_, later)| Seconds::between(later.first_seen, context.now) <= context.hold);
    let mut found: Vec<_> = recent.rev().filter_map(|(earlier, later)| switched(earlier, later)).collect();
    let listing = context.output.protocol().listing();
    found.extend(
        ages.iter()
            .filter_map(|(r, updated)| updated.violation(listing, params).map(|v| v.in_rendition(&r.rendition.name))),
    );
    CheckVerdict::Ran(found)
}

/// Returns a violation if the packager has an active input that it didn't have before. An input that vanished is not
/// reported, because the input that replaced it is.
fn switched(earlier: &InputState, later: &InputState) -> Option<Violation> {
    let come: Vec<&str> = later.inputs.difference(&earlier.inputs).map(String::as_str).collect();
    if come.is_empty() {
        return None;
    }
    let before: Vec<&str> = earlier.inputs.iter().map(String::as_str).collect();
    let message = format!(
        "the packager switched its active input from {} to {}: look at the encoder or contribution of the former",
        before.join(", "),
        come.join(", ")
    );
    let violation = Violation::new(message).with("before", before).with("after", come);
    Some(violation.with("seen_at", later.first_seen.to_string()))
}

/// Age of a live media playlist or MPD, as its HTTP answer states it.
struct ManifestAge<'a> {
    exchange: &'a Exchange,
    updated: Timestamp,
    /// Seconds since the manifest was last updated. The present time is the server's Date header if there is one,
    /// because the exporter's clock may be wrong.
    age: Seconds,
    target: Seconds,
}

impl<'a> ManifestAge<'a> {
    fn of(facts: &'a RenditionFacts) -> Option<Self> {
        let timeline = facts.timeline.as_deref().filter(|t| !t.ended)?;
        let exchange = facts.playlist.as_ref()?.ok()?;
        let updated = exchange.manifest_updated()?;
        let answered = exchange.date.or(facts.playlist_at)?;
        let target = select::target_duration(timeline)?;
        Some(Self { exchange, updated, age: Seconds::between(updated, answered), target })
    }

    fn violation(&self, listing: &str, params: &Params) -> Option<Violation> {
        let bound = params.updated_within * self.target.0;
        if self.age.0 < bound {
            return None;
        }
        let (age, most) = (units::fixed(self.age.0, 1), units::fixed(bound, 1));
        let message = format!(
            "the packager says that it last updated the {listing} {age} s before it answered; less than {most} s are allowed"
        );
        let violation = Violation::new(message).with("url", redact::url(&self.exchange.final_url));
        Some(violation.with("last_updated", self.updated.to_string()).with("age", self.age.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use std::sync::Arc;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    fn seen(seconds: f64, inputs: &[&str]) -> Arc<InputState> {
        Arc::new(InputState { first_seen: time(seconds), inputs: inputs.iter().map(|i| (*i).to_owned()).collect() })
    }

    fn with(states: Vec<Arc<InputState>>) -> Scene {
        let mut scene = Scene::live();
        scene.history.inputs = states;
        scene
    }

    fn updated(header: &str) -> Scene {
        let mut scene = Scene::live();
        let exchange = scene.rendition().playlist.as_mut().unwrap().result.as_mut().unwrap();
        exchange.headers = vec![("x-mediapackage-manifest-last-updated".to_owned(), header.to_owned())];
        scene
    }

    fn milliseconds(seconds: f64) -> String {
        time(seconds).as_millisecond().to_string()
    }

    #[test]
    fn one_input_holds_and_another_is_said_until_hold_has_passed() {
        assert_holds(run(&with(vec![seen(-10.0, &["1"])])));
        let found = violations(run(&with(vec![seen(-400.0, &["1"]), seen(-300.0, &["2"])])));
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("from 1 to 2"), "{}", found[0].message);
        assert_holds(run(&with(vec![seen(-400.0, &["1"]), seen(-300.1, &["2"])])));
    }

    #[test]
    fn a_switch_that_a_probe_caught_half_way_is_told_once() {
        let half = vec![seen(-9.0, &["1"]), seen(-6.0, &["1", "2"]), seen(-3.0, &["2"])];
        assert_eq!(violations(run(&with(half))).len(), 1);
        let back = vec![seen(-9.0, &["1"]), seen(-6.0, &["2"]), seen(-3.0, &["1"])];
        assert_eq!(violations(run(&with(back))).len(), 2);
    }

    #[test]
    fn three_target_durations_are_the_boundary_of_an_update() {
        assert_holds(run(&updated(&milliseconds(-5.999))));
        let found = violations(run(&updated(&milliseconds(-6.0))));
        assert_eq!((found.len(), found[0].rendition.as_deref()), (1, Some(NAME)));
    }

    #[test]
    fn the_servers_own_clock_measures_its_own_time() {
        let mut scene = updated(&milliseconds(-100.0));
        let exchange = scene.rendition().playlist.as_mut().unwrap().result.as_mut().unwrap();
        exchange.date = Some(time(-99.0));
        assert_holds(run(&scene));
    }

    #[test]
    fn an_ended_playlist_and_what_is_no_time_say_nothing() {
        let mut scene = updated(&milliseconds(-100.0));
        scene.timeline().ended = true;
        assert_not_run(run(&scene), NONE);
        for nonsense in ["", "soon", "99999999999999999999"] {
            assert_not_run(run(&updated(nonsense)), NONE);
        }
    }

    #[test]
    fn without_headers_or_an_earlier_probe_there_is_nothing_to_compare() {
        assert_not_run(run(&Scene::live()), NONE);
        assert_not_run(run(&with(vec![seen(0.0, &["1"])])), FIRST_OBSERVATION);
        assert_not_run(run(&Scene::unreadable()), NO_MANIFEST);
    }
}
