use super::{Context, Group, Meta, Verdict, Violation, input};
use crate::finding::Severity;
use crate::stream::{HintKind, Part, PreloadHint, Timeline};

pub const META: Meta = Meta {
    id: "ll_hls_preload_hint",
    severity: Severity::Major,
    group: Group::Hls,
    help: "fails when a low-latency playlist doesn't hint its next part, or hints one that is listed already; two hints of one TYPE are a \
           warning",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.5.3, 6.2.6, B.1",
    needs_history: false,
};

params! {}

pub fn check(context: &Context<'_>, _: &Params) -> Verdict {
    input::each(context, input::NO_PARTS, |facts, _| {
        let timeline = facts.timeline.as_deref().filter(|t| !t.low_latency.parts.is_empty() && !t.ended)?;
        let url = facts.playlist.as_ref().map(|p| input::shown(&p.url));
        Some(listed(timeline).into_iter().map(|v| v.with("url", url.clone())).collect())
    })
}

/// What the playlist alone shows.
fn listed(timeline: &Timeline) -> Vec<Violation> {
    let hints = &timeline.low_latency.hints;
    let of = |kind| hints.iter().filter(move |h| h.kind == kind);
    let mut found = Vec::new();
    if of(HintKind::Part).next().is_none() {
        let message = "there are parts and no EXT-X-PRELOAD-HINT with TYPE=PART: players learn of each part a round trip too late";
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
        "the hint names part {} of segment {}, which is listed already, not the next",
        part.index, part.segment
    );
    Some(Violation::new(message).with("line", hint.line).with("hint", input::shown(&hint.uri)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::stream::ByteRange;

    fn run(change: impl FnOnce(&mut Timeline)) -> Verdict {
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
        assert_eq!(message, "the hint names part 1 of segment 16, which is listed already, not the next");
    }

    #[test]
    fn parts_of_one_resource_are_told_by_their_offset() {
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

    #[test]
    fn after_the_end_and_without_parts_there_is_nothing_to_hint() {
        assert_not_run(run(|t| t.ended = true), input::NO_PARTS);
        assert_not_run(check(&Scene::live().context(), &Params::default()), input::NO_PARTS);
    }
}
