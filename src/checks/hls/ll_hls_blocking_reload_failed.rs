use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{BlockingReloadFacts, RenditionFacts};
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::Timeline;
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "ll_hls_blocking_reload_failed",
    severity: Severity::Major,
    group: CheckGroup::Hls,
    scope: CheckScope::LowLatencyHls,
    alert: None,
    help: "fails when the server answers a blocking reload for the next part (CAN-BLOCK-RELOAD=YES) with an error, \
           with a playlist that lacks the part, or later than `part_targets` part target durations; minor where a playlist with parts offers no blocking reload",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.5.2, 4.4.3.8, B.1",
    needs_history: false,
};

params! {
    /// Part target durations after which the next part is late. At least 1 s is always allowed. Players that keep the
    /// recommended PART-HOLD-BACK have no media left by then.
    part_targets: f64 = 3.0,
}

/// Smallest allowed time in seconds for the answer to a blocking reload, because the network needs it.
const MIN_ALLOWED: f64 = 1.0;
const NOT_REQUESTED: &str = "no blocking reload of a playlist with parts was requested in time";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NOT_REQUESTED, |facts, _| {
        if let Some(unsupported) = facts.timeline.as_deref().and_then(unsupported) {
            return Some(vec![unsupported]);
        }
        let reload = facts.low_latency.as_ref()?.reload.as_ref()?;
        let problem = problem(reload).or_else(|| late(facts, reload, params));
        Some(problem.into_iter().map(|v| with_request(v, reload)).collect())
    })
}

/// Returns the violation of a live playlist with parts whose server offers no blocking reload, which Low-Latency HLS demands
/// (RFC 8216bis B.1).
fn unsupported(timeline: &Timeline) -> Option<Violation> {
    let live = &timeline.low_latency;
    let offers = live.control.is_some_and(|control| control.can_block_reload);
    (!timeline.ended && !live.parts.is_empty() && !offers).then(|| {
        let message = "the playlist lists parts, and EXT-X-SERVER-CONTROL has no CAN-BLOCK-RELOAD=YES: players play without low latency";
        Violation::new(message).severity(Severity::Minor)
    })
}

/// Returns the time, from the request for the next part, after which the part is late.
#[must_use]
pub fn late_after(params: &Params, part_target: Seconds) -> Seconds {
    Seconds((params.part_targets * part_target.0).max(MIN_ALLOWED))
}

fn with_request(violation: Violation, reload: &BlockingReloadFacts) -> Violation {
    let took = reload.fetched.result.as_ref().ok().map(|e| e.timings.total.0);
    let violation = violation.with("url", redact::url(&reload.fetched.url)).with("seconds", took);
    violation.with("number", reload.segment).with("part", reload.part)
}

fn problem(reload: &BlockingReloadFacts) -> Option<Violation> {
    let (segment, part) = (reload.segment, reload.part);
    if let Some(why) = reload.fetched.problem() {
        return Some(Violation::new(format!("the blocking reload for part {part} of segment {segment} failed: {why}")));
    }
    let Some(timeline) = reload.timeline.as_deref() else {
        return Some(Violation::new("the answer to the blocking reload isn't a media playlist"));
    };
    (!timeline.ended && newest(timeline) < (segment, part)).then(|| {
        let (number, newest) = newest(timeline);
        let end = match newest {
            u64::MAX => format!("ends with segment {number}"),
            part => format!("ends at part {part} of segment {number}"),
        };
        let text = format!(
            "the blocking reload for part {part} of segment {segment} was answered with a playlist that {end}: the server doesn't wait"
        );
        Violation::new(text).with("last_number", number).with("last_part", Some(newest).filter(|part| *part < u64::MAX))
    })
}

/// Returns segment number and index of the newest part. The index is `u64::MAX` if the newest segment is complete.
fn newest(timeline: &Timeline) -> (u64, u64) {
    let part = timeline.low_latency.parts.last().map(|p| (p.segment, p.index));
    let segment = timeline.last_number().map(|n| (n, u64::MAX));
    part.max(segment).unwrap_or((timeline.media_sequence, 0))
}

fn late(facts: &RenditionFacts, reload: &BlockingReloadFacts, params: &Params) -> Option<Violation> {
    let target = facts.timeline.as_deref()?.low_latency.part_target?;
    let (took, allowed) = (reload.fetched.ok()?.timings.total, late_after(params, target));
    (took > allowed).then(|| {
        let text = format!(
            "the next part was listed {:.2} s after the request; parts last {} s, and players stall after {:.2} s",
            took.0, target.0, allowed.0
        );
        Violation::new(text).with("allowed_seconds", allowed.0).with("part_target_seconds", target.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::FailureKind;
    use std::sync::Arc;

    fn run(change: impl FnOnce(&mut BlockingReloadFacts)) -> CheckVerdict {
        let mut scene = Scene::low_latency();
        change(scene.rendition().low_latency.as_mut().unwrap().reload.as_mut().unwrap());
        check(&scene.context(), &Params::default())
    }

    fn answered_with(reload: &mut BlockingReloadFacts) -> &mut Timeline {
        Arc::make_mut(reload.timeline.as_mut().unwrap())
    }

    #[test]
    fn the_part_that_was_asked_for_holds_and_so_do_later_ones() {
        assert_holds(run(|_| {}));
        assert_holds(run(|r| answered_with(r).low_latency.parts.push(part(16, 3))));
        assert_holds(run(|r| answered_with(r).low_latency.parts.push(part(17, 0))));
    }

    #[test]
    fn the_segment_as_a_whole_holds_its_parts() {
        assert_holds(run(|r| {
            answered_with(r).low_latency.parts.clear();
            answered_with(r).segments.push(segment(16));
        }));
    }

    #[test]
    fn an_answer_without_the_part_did_not_wait() {
        let message = messages(run(|r| drop(answered_with(r).low_latency.parts.pop())));
        assert!(message.starts_with("the blocking reload for part 2 of segment 16 was answered"), "{message}");
        assert!(message.ends_with("ends at part 1 of segment 16: the server doesn't wait"), "{message}");
        assert_holds(run(|r| {
            answered_with(r).low_latency.parts.pop();
            answered_with(r).ended = true;
        }));
    }

    #[test]
    fn an_answer_that_ends_with_a_whole_segment_names_no_part() {
        let found = violations(run(|r| answered_with(r).low_latency.parts.clear())).remove(0);
        assert!(found.message.ends_with("a playlist that ends with segment 15: the server doesn't wait"), "{found:?}");
        assert_eq!(found.evidence["last_number"], 15);
        assert!(found.evidence["last_part"].is_null());
    }

    #[test]
    fn three_part_targets_are_in_time_and_a_second_always_is() {
        let after = |seconds: f64| run(move |r| r.fetched.result.as_mut().unwrap().timings.total = Seconds(seconds));
        assert_holds(after(1.5));
        assert!(messages(after(1.51)).starts_with("the next part was listed 1.51 s after the request"));
        assert_eq!(late_after(&Params::default(), Seconds(0.2)), Seconds(1.0));
    }

    #[test]
    fn no_answer_and_no_playlist_fail() {
        let message = messages(run(|r| r.fetched = failed("720p/index.m3u8", FailureKind::Timeout)));
        assert_eq!(message, "the blocking reload for part 2 of segment 16 failed: Timeout");
        assert!(messages(run(|r| r.timeline = None)).ends_with("isn't a media playlist"));
    }

    #[test]
    fn parts_without_blocking_reload_are_minor() {
        let mut scene = Scene::low_latency();
        scene.rendition().low_latency.as_mut().unwrap().reload = None;
        scene.timeline().low_latency.control.as_mut().unwrap().can_block_reload = false;
        let found = violations(check(&scene.context(), &Params::default())).remove(0);
        assert!(found.message.ends_with("no CAN-BLOCK-RELOAD=YES: players play without low latency"));
        assert_eq!(found.severity, Some(Severity::Minor));
        scene.timeline().low_latency.control = None;
        assert_eq!(violations(check(&scene.context(), &Params::default())).len(), 1);
        scene.timeline().low_latency.parts.clear();
        assert_not_run(check(&scene.context(), &Params::default()), NOT_REQUESTED);
    }

    #[test]
    fn what_was_not_asked_is_not_judged() {
        let mut scene = Scene::low_latency();
        scene.rendition().low_latency.as_mut().unwrap().reload = None;
        assert_not_run(check(&scene.context(), &Params::default()), NOT_REQUESTED);
        assert_not_run(check(&Scene::live().context(), &Params::default()), NOT_REQUESTED);
    }
}
