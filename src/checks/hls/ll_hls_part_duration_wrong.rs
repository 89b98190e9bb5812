use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::{Part, Timeline};

pub const META: CheckMeta = CheckMeta {
    id: "ll_hls_part_duration_wrong",
    severity: Severity::Major,
    group: CheckGroup::Hls,
    scope: CheckScope::LowLatencyHls,
    alert: None,
    help: "fails when a part of a low-latency playlist is longer than PART-TARGET, PART-TARGET is missing, or a \
           part is shorter than 85 % of PART-TARGET although it isn't the last part of its segment, independent or \
           before a gap",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.3.7, 4.4.4.9",
    needs_history: false,
};

params! {
    /// Seconds by which a part may be longer than PART-TARGET or shorter than 85 % of it, because packagers round both.
    tolerance: f64 = 0.001,
}

/// Smallest duration of a part that must be a full one, as a ratio of PART-TARGET (RFC 8216bis 4.4.4.9).
const MIN_RATIO: f64 = 0.85;
/// Tolerance in seconds for the binary representation of decimal fractions.
const ROUNDING: f64 = 1e-6;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, select::NO_PARTS, |facts, _| {
        let timeline = facts.timeline.as_deref().filter(|t| !t.low_latency.parts.is_empty())?;
        let url = facts.playlist.as_ref().map(|p| redact::url(&p.url));
        Some(judge(timeline, params).into_iter().map(|v| v.with("url", url.clone())).collect())
    })
}

fn judge(timeline: &Timeline, params: &Params) -> Vec<Violation> {
    let parts = &timeline.low_latency.parts;
    let Some(target) = timeline.low_latency.part_target else {
        let message = "the playlist has parts but no EXT-X-PART-INF; players need PART-TARGET to request parts in time";
        return vec![Violation::new(message).with("parts", parts.len())];
    };
    let nexts = parts.iter().skip(1).map(Some).chain([None]);
    // The newest parts come first, because viewers get them now.
    let pairs: Vec<_> = parts.iter().zip(nexts).collect();
    pairs.into_iter().rev().filter_map(|(part, next)| wrong_duration(part, next, target.0, params)).collect()
}

fn wrong_duration(part: &Part, next: Option<&Part>, target: f64, params: &Params) -> Option<Violation> {
    let duration = part.duration.0;
    let slack = params.tolerance + ROUNDING;
    let wrong = if duration > target + slack {
        format!("longer than PART-TARGET ({target} s)")
    } else if duration + slack < MIN_RATIO * target && must_be_whole(part, next) {
        format!("shorter than 85 % of PART-TARGET ({target} s)")
    } else {
        return None;
    };
    let message = format!("part {} of segment {} lasts {duration:.3} s: {wrong}", part.index, part.segment);
    let violation = Violation::new(message).with("line", part.line).with("number", part.segment);
    Some(violation.with("part", part.index).with("duration_seconds", duration).with("part_target_seconds", target))
}

/// Whether the part must have a full duration: it isn't the last of its segment, since another part of the segment
/// follows.
fn must_be_whole(part: &Part, next: Option<&Part>) -> bool {
    !part.independent && !part.gap && next.is_some_and(|next| next.segment == part.segment && !next.gap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::units::Seconds;

    fn run(change: impl FnOnce(&mut Timeline)) -> CheckVerdict {
        let mut scene = Scene::low_latency();
        change(scene.timeline());
        check(&scene.context(), &Params::default())
    }

    /// Returns a function that changes the playlist: the second of the four parts of segment 15 then lasts `seconds`.
    fn lasting(seconds: f64) -> impl Fn(&mut Timeline) {
        move |t| t.low_latency.parts[3].duration = Seconds(seconds)
    }

    #[test]
    fn the_target_itself_and_85_percent_of_it_are_allowed() {
        assert_holds(run(|_| {}));
        assert_holds(run(lasting(0.501)));
        assert_holds(run(lasting(0.424)));
        assert_eq!(
            messages(run(lasting(0.502))),
            "part 1 of segment 15 lasts 0.502 s: longer than PART-TARGET (0.5 s)"
        );
        assert!(messages(run(lasting(0.423))).ends_with("shorter than 85 % of PART-TARGET (0.5 s)"));
    }

    #[test]
    fn the_last_part_an_independent_one_and_one_before_a_gap_may_be_short() {
        assert_holds(run(|t| t.low_latency.parts[5].duration = Seconds(0.1)));
        assert_holds(run(|t| t.low_latency.parts.last_mut().unwrap().duration = Seconds(0.1)));
        assert_holds(run(|t| {
            lasting(0.1)(t);
            t.low_latency.parts[3].independent = true;
        }));
        assert_holds(run(|t| {
            lasting(0.1)(t);
            t.low_latency.parts[4].gap = true;
        }));
    }

    #[test]
    fn an_independent_part_is_bound_from_above() {
        assert_eq!(violations(run(|t| t.low_latency.parts[2].duration = Seconds(0.6))).len(), 1);
    }

    #[test]
    fn parts_need_a_target() {
        assert!(messages(run(|t| t.low_latency.part_target = None)).contains("no EXT-X-PART-INF"));
    }

    #[test]
    fn a_playlist_without_parts_is_not_judged() {
        assert_not_run(check(&Scene::live().context(), &Params::default()), select::NO_PARTS);
    }
}
