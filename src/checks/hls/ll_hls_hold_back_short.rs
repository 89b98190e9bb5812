use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::{ServerControl, Timeline};

pub const META: CheckMeta = CheckMeta {
    id: "ll_hls_hold_back_short",
    severity: Severity::Major,
    group: CheckGroup::Hls,
    scope: CheckScope::LowLatencyHls,
    alert: None,
    help: "fails when PART-HOLD-BACK is missing although there are parts, PART-HOLD-BACK is less than \
           `part_targets` part target durations, or HOLD-BACK is less than `targets` target durations; a warning if \
           PART-HOLD-BACK is less than `recommended_part_targets` part target durations, or EXT-X-SERVER-CONTROL \
           differs between renditions",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.3.8, 6.2.4",
    needs_history: false,
};

params! {
    /// Smallest required value of PART-HOLD-BACK in part target durations.
    part_targets: f64 = 2.0,
    /// Smallest recommended value of PART-HOLD-BACK in part target durations.
    recommended_part_targets: f64 = 3.0,
    /// Smallest required value of HOLD-BACK in target durations.
    targets: f64 = 3.0,
}

/// Tolerance in seconds for a packager's rounding of decimal fractions.
const ROUNDING: f64 = 0.001;
const NO_CONTROL: &str = "no playlist has parts or EXT-X-SERVER-CONTROL";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let part_target = |r: &RenditionFacts| r.timeline.as_deref().and_then(|t| t.low_latency.part_target).map(|t| t.0);
    let longest_part = context.output.renditions.iter().filter_map(part_target).fold(0.0, f64::max);
    let usual = context.output.renditions.iter().find_map(|r| Some((&r.rendition.name, control(r)?)));
    select::judge_renditions(context, NO_CONTROL, |facts, _| {
        let timeline = facts.timeline.as_deref()?;
        if !timeline.is_low_latency() && usual.is_none() {
            return None;
        }
        let mut found = hold_back(timeline, params);
        found.extend(part_hold_back(timeline, longest_part, params));
        found.extend(usual.and_then(|(name, usual)| differs(control(facts), name, usual)));
        let url = facts.playlist.as_ref().map(|p| redact::url(&p.url));
        Some(found.into_iter().map(|v| v.with("url", url.clone())).collect())
    })
}

fn control(facts: &RenditionFacts) -> Option<ServerControl> {
    facts.timeline.as_deref()?.low_latency.control
}

fn hold_back(timeline: &Timeline, params: &Params) -> Vec<Violation> {
    let value = timeline.low_latency.control.and_then(|c| c.hold_back);
    let (Some(value), Some(target)) = (value, timeline.target_duration) else { return Vec::new() };
    let least = params.targets * target.0;
    let short = value.0 + ROUNDING < least;
    let message =
        format!("HOLD-BACK is {} s; at least {} target durations, {least} s, are required", value.0, params.targets);
    short
        .then(|| Violation::new(message).with("hold_back_seconds", value.0).with("least_seconds", least))
        .into_iter()
        .collect()
}

/// Returns a violation if PART-HOLD-BACK is missing or too short. `longest_part` is the longest part target of all
/// renditions in seconds, which determines the recommended PART-HOLD-BACK of each of them.
fn part_hold_back(timeline: &Timeline, longest_part: f64, params: &Params) -> Option<Violation> {
    let target = timeline.low_latency.part_target?.0;
    let Some(value) = timeline.low_latency.control.and_then(|c| c.part_hold_back) else {
        let message = "there is no PART-HOLD-BACK, which EXT-X-PART-INF requires: players stay at regular latency";
        return Some(Violation::new(message).with("part_target_seconds", target));
    };
    let (least, advised) = (params.part_targets * target, params.recommended_part_targets * longest_part);
    let violation = |text: String| Violation::new(text).with("part_hold_back_seconds", value.0);
    if value.0 + ROUNDING < least {
        let text = format!(
            "PART-HOLD-BACK is {} s; at least {} part targets, {least:.3} s, are required",
            value.0, params.part_targets
        );
        return Some(violation(text).with("least_seconds", least));
    }
    let advice = format!(
        "PART-HOLD-BACK is {} s; {} part targets, {advised:.3} s, are recommended",
        value.0, params.recommended_part_targets
    );
    (value.0 + ROUNDING < advised).then(|| violation(advice).with("least_seconds", advised).severity(Severity::Warning))
}

fn differs(own: Option<ServerControl>, name: &str, usual: ServerControl) -> Option<Violation> {
    let message = match own {
        Some(own) if own == usual => return None,
        Some(_) => format!("EXT-X-SERVER-CONTROL has other attributes than that of {name}"),
        None => format!("there is no EXT-X-SERVER-CONTROL, but {name} has one"),
    };
    Some(Violation::new(message).with("reference_rendition", name).severity(Severity::Warning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::units::Seconds;

    fn run(change: impl FnOnce(&mut ServerControl)) -> CheckVerdict {
        let mut scene = Scene::low_latency();
        change(scene.timeline().low_latency.control.as_mut().unwrap());
        check(&scene.context(), &Params::default())
    }

    /// Tests PART-HOLD-BACK with a PART-TARGET of 0.5 s and an EXT-X-TARGETDURATION of 2 s.
    #[test]
    fn two_part_targets_are_required_and_three_recommended() {
        assert_holds(run(|_| {}));
        let short = violations(run(|c| c.part_hold_back = Some(Seconds(1.49))));
        assert_eq!(short[0].severity, Some(Severity::Warning));
        assert_eq!(short[0].message, "PART-HOLD-BACK is 1.49 s; 3 part targets, 1.500 s, are recommended");
        assert_eq!(violations(run(|c| c.part_hold_back = Some(Seconds(1.0))))[0].severity, Some(Severity::Warning));
        let wrong = violations(run(|c| c.part_hold_back = Some(Seconds(0.99))));
        assert_eq!(wrong[0].severity, None);
        assert_eq!(wrong[0].message, "PART-HOLD-BACK is 0.99 s; at least 2 part targets, 1.000 s, are required");
    }

    #[test]
    fn parts_require_it() {
        assert!(messages(run(|c| c.part_hold_back = None)).starts_with("there is no PART-HOLD-BACK"));
        let mut scene = Scene::low_latency();
        scene.timeline().low_latency.control = None;
        assert_eq!(violations(check(&scene.context(), &Params::default())).len(), 1);
    }

    #[test]
    fn hold_back_is_three_target_durations_or_left_out() {
        assert_holds(run(|c| c.hold_back = None));
        assert_holds(run(|c| c.hold_back = Some(Seconds(6.0))));
        assert!(messages(run(|c| c.hold_back = Some(Seconds(5.9)))).starts_with("HOLD-BACK is 5.9 s"));
    }

    #[test]
    fn renditions_say_the_same() {
        let mut scene = Scene::low_latency();
        let mut second = scene.rendition().clone();
        second.rendition.name = "second".to_owned();
        scene.output.renditions.push(second);
        assert_holds(check(&scene.context(), &Params::default()));
        scene.timeline().low_latency.control.as_mut().unwrap().can_block_reload = false;
        let found = violations(check(&scene.context(), &Params::default()));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Warning)));
        scene.timeline().low_latency.control = None;
        assert!(messages(check(&scene.context(), &Params::default())).contains("but second has one"));
    }

    #[test]
    fn a_playlist_of_regular_latency_is_not_judged() {
        assert_not_run(check(&Scene::live().context(), &Params::default()), NO_CONTROL);
    }
}
