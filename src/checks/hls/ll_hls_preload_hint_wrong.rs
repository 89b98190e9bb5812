use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{BlockingReloadFacts, PreloadHintFacts};
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::{HintKind, Part, PreloadHint, Timeline};
use packager_media::units;

pub const META: CheckMeta = CheckMeta {
    id: "ll_hls_preload_hint_wrong",
    severity: Severity::Major,
    group: CheckGroup::Hls,
    scope: CheckScope::LowLatencyHls,
    alert: None,
    help: "fails when a low-latency playlist has no hint of its next part, its hint names a part that is already \
           listed, or the hinted part can't be fetched, arrives late or is then listed under another name; a \
           warning for two hints of one TYPE",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.5.3, 6.2.6, B.1",
    needs_history: false,
};

params! {
    /// Part target durations within which the hinted part must arrive. At least 1 s is always allowed.
    part_targets: f64 = 3.0,
}

/// Smallest allowed time in seconds for the arrival of a hinted part, because the network needs it.
const MIN_ALLOWED: f64 = 1.0;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, select::NO_PARTS, |facts, _| {
        let timeline = facts.timeline.as_deref().filter(|t| !t.low_latency.parts.is_empty() && !t.ended)?;
        let url = facts.playlist.as_ref().map(|p| redact::url(&p.url));
        let mut found = wrong_hints(timeline);
        let asked = facts.low_latency.as_ref().and_then(|l| Some((l.hint.as_ref()?, l.reload.as_ref())));
        found.extend(asked.and_then(|(hint, reload)| wrong_hinted_part(timeline, hint, reload, params)));
        Some(found.into_iter().map(|v| v.with("url", url.clone())).collect())
    })
}

/// Returns a violation if the hinted part can't be fetched, arrives late, or is listed differently in the next
/// playlist.
fn wrong_hinted_part(
    timeline: &Timeline,
    asked: &PreloadHintFacts,
    reload: Option<&BlockingReloadFacts>,
    params: &Params,
) -> Option<Violation> {
    let about =
        |text: String| Violation::new(text).with("line", asked.hint.line).with("hint", redact::url(&asked.hint.uri));
    let next = reload.and_then(listed_next).filter(|_| !reload.is_some_and(|r| lists(r, &asked.hint)));
    // A hinted part needn't exist if a discontinuity shows that plans changed, as at an early return from a break (6.2.6).
    if next.is_some_and(|part| part.discontinuity) {
        return None;
    }
    if let Some(why) = asked.fetched.problem() {
        return Some(about(format!("the hinted part can't be fetched: {why}")));
    }
    if let Some(part) = next {
        let same_file = part.uri.path() == asked.hint.uri.path();
        let what = if same_file { "from another byte" } else { "under another name" };
        let text = format!("the hinted part was then listed {what}: players fetch it twice");
        return Some(about(text).with("listed", redact::url(&part.uri)));
    }
    let (timings, target) = (asked.fetched.ok()?.timings, timeline.low_latency.part_target?);
    let (took, allowed) = (timings.total - timings.body, (params.part_targets * target.0).max(MIN_ALLOWED));
    (took.0 > allowed).then(|| {
        let (late, most) = units::distinct(took.0, allowed, 2);
        about(format!("the hinted part arrived {late} s after the request; no more than {most} s are allowed"))
            .with("seconds", took.0)
            .with("allowed_seconds", allowed)
    })
}

/// Returns the part that follows the newest one, as the reloaded playlist lists it: in the same segment, or the first
/// of the next segment.
fn listed_next(reload: &BlockingReloadFacts) -> Option<&Part> {
    let parts = &reload.timeline.as_deref()?.low_latency.parts;
    let find = |segment, index| parts.iter().find(|p| p.segment == segment && p.index == index);
    find(reload.segment, reload.part).or_else(|| find(reload.segment.checked_add(1)?, 0))
}

/// Whether the reloaded playlist lists the hinted part. Queries aren't compared, because tokens change from one
/// playlist to the next.
fn lists(reload: &BlockingReloadFacts, hint: &PreloadHint) -> bool {
    let start = |part: &Part| part.byte_range.map_or(0, |range| range.offset);
    let same = |part: &Part| part.uri.path() == hint.uri.path() && start(part) == hint.start.unwrap_or(0);
    reload.timeline.as_deref().is_some_and(|t| t.low_latency.parts.iter().any(same))
}

/// Returns the violations of preload hints that the playlist shows without any further request.
fn wrong_hints(timeline: &Timeline) -> Vec<Violation> {
    let hints = &timeline.low_latency.hints;
    let of = |kind| hints.iter().filter(move |h| h.kind == kind);
    let mut found = Vec::new();
    if of(HintKind::Part).next().is_none() {
        let message = "the playlist has parts but no EXT-X-PRELOAD-HINT with TYPE=PART: players learn of each part a round trip too late";
        found.push(Violation::new(message));
    }
    for (kind, name) in [(HintKind::Part, "PART"), (HintKind::Map, "MAP")] {
        if let Some(second) = of(kind).nth(1) {
            let message = format!("there is more than one EXT-X-PRELOAD-HINT with TYPE={name}; one is recommended");
            found.push(Violation::new(message).with("line", second.line).severity(Severity::Warning));
        }
    }
    found.extend(of(HintKind::Part).find_map(|hint| stale(hint, &timeline.low_latency.parts)));
    found
}

fn stale(hint: &PreloadHint, parts: &[Part]) -> Option<Violation> {
    let part = parts.iter().rev().find(|part| hint.names(part))?;
    let message = format!(
        "the hint names part {} of segment {}, which is already listed, not the next part",
        part.index, part.segment
    );
    Some(Violation::new(message).with("line", hint.line).with("hint", redact::url(&hint.uri)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::stream::ByteRange;
    use packager_media::units::Seconds;

    fn run(change: impl FnOnce(&mut Timeline)) -> CheckVerdict {
        let mut scene = Scene::low_latency();
        change(scene.timeline());
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn the_next_part_is_hinted() {
        assert_holds(run(|_| {}));
        assert!(messages(run(|t| t.low_latency.hints.clear())).contains("no EXT-X-PRELOAD-HINT with TYPE=PART"));
        assert_eq!(violations(run(|t| t.low_latency.hints[0].kind = HintKind::Map)).len(), 1);
    }

    #[test]
    fn a_hint_of_what_is_listed_is_stale() {
        let message = messages(run(|t| t.low_latency.hints[0].uri = part(16, 1).uri));
        assert_eq!(message, "the hint names part 1 of segment 16, which is already listed, not the next part");
    }

    #[test]
    fn parts_of_one_resource_are_identified_by_their_offset() {
        let ranges = |start: u64| {
            move |t: &mut Timeline| {
                let (last, hint) = (t.low_latency.parts.last_mut().unwrap(), &mut t.low_latency.hints[0]);
                (last.byte_range, hint.start) = (Some(ByteRange { offset: 500, length: 100 }), Some(start));
                hint.uri = last.uri.clone();
            }
        };
        assert_holds(run(ranges(600)));
        assert_eq!(violations(run(ranges(500))).len(), 1);
    }

    #[test]
    fn a_second_hint_of_one_type_is_a_warning() {
        let doubled = |t: &mut Timeline| t.low_latency.hints.push(t.low_latency.hints[0].clone());
        assert_eq!(violations(run(doubled))[0].severity, Some(Severity::Warning));
    }

    fn asked(change: impl FnOnce(&mut crate::facts::LowLatencyFacts)) -> CheckVerdict {
        let mut scene = Scene::low_latency();
        change(scene.rendition().low_latency.as_mut().unwrap());
        check(&scene.context(), &Params::default())
    }

    fn listed_as(reload: &mut BlockingReloadFacts, change: impl FnOnce(&mut Part)) {
        let next = std::sync::Arc::make_mut(reload.timeline.as_mut().unwrap());
        change(next.low_latency.parts.last_mut().unwrap());
    }

    #[test]
    fn the_hinted_part_answers_in_time() {
        let after = |total: f64, body: f64| {
            asked(move |l| {
                let timings = &mut l.hint.as_mut().unwrap().fetched.result.as_mut().unwrap().timings;
                (timings.total, timings.body) = (Seconds(total), Seconds(body));
            })
        };
        assert_holds(after(1.5, 0.0));
        assert_holds(after(9.0, 8.0));
        assert_eq!(
            messages(after(1.6, 0.0)),
            "the hinted part arrived 1.60 s after the request; no more than 1.50 s are allowed"
        );
        let missing = asked(|l| l.hint.as_mut().unwrap().fetched.result.as_mut().unwrap().status = 404);
        assert_eq!(messages(missing), "the hinted part can't be fetched: HTTP status 404");
    }

    #[test]
    fn it_is_listed_under_the_name_that_was_hinted() {
        let moved = |part: &mut Part| part.uri = url("720p/other.m4s");
        let renamed = |l: &mut crate::facts::LowLatencyFacts| listed_as(l.reload.as_mut().unwrap(), moved);
        assert!(messages(asked(renamed)).ends_with("under another name: players fetch it twice"));
        let later = |part: &mut Part| part.byte_range = Some(ByteRange { offset: 100, length: 900 });
        let other = |l: &mut crate::facts::LowLatencyFacts| listed_as(l.reload.as_mut().unwrap(), later);
        assert!(messages(asked(other)).ends_with("from another byte: players fetch it twice"));
        assert_holds(asked(|l| listed_as(l.reload.as_mut().unwrap(), |p| p.uri.set_query(Some("token=2")))));
    }

    #[test]
    fn a_break_that_ends_early_makes_other_parts() {
        assert_holds(asked(|l| {
            l.hint.as_mut().unwrap().fetched.result.as_mut().unwrap().status = 404;
            listed_as(l.reload.as_mut().unwrap(), |p| {
                (p.uri, p.segment, p.index, p.discontinuity) = (url("720p/back.m4s"), 17, 0, true);
            });
        }));
    }

    #[test]
    fn after_the_end_and_without_parts_there_is_nothing_to_hint() {
        assert_not_run(run(|t| t.ended = true), select::NO_PARTS);
        assert_not_run(check(&Scene::live().context(), &Params::default()), select::NO_PARTS);
    }
}
