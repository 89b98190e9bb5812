use super::ll_dash_segment_unavailable::{NOT_FOLLOWED, about};
use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{FailureKind, GrowingSegmentFacts, derived};
use crate::finding::Severity;
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "ll_dash_chunks_late",
    severity: Severity::Major,
    group: CheckGroup::Dash,
    scope: CheckScope::LowLatencyDash,
    alert: None,
    help: "fails when the chunks of the newest segment of a low-latency stream don't come as they are made: they are held back \
           and come together, they are late by the MPD's clock, or the first chunk is longer than availabilityTimeOffset allows",
    reference: "ISO/IEC 23009-1 5.3.9.5.3, 5.3.13",
    needs_history: false,
};

params! {
    /// Seconds by which a chunk may come later than the others show that it could; half of a segment's growth if that is less.
    held: f64 = 1.0,
    /// Seconds by which a chunk may come later than the MPD promises by its clock.
    late: f64 = 2.0,
}

/// Seconds that are always allowed, because the network needs them.
const MIN_ALLOWED: f64 = 0.3;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NOT_FOLLOWED, |facts, _| {
        let growing = facts.growing.as_ref()?;
        if growing.chunks.is_empty() {
            return Some(silent(growing, params)?.into_iter().collect());
        }
        // A segment that was refused until it was complete is the fault of another check.
        let found = match growing.refused {
            0 => held_back(growing, params)
                .or_else(|| long_first_chunk(growing, params))
                .or_else(|| late(growing, params)),
            _ => None,
        };
        Some(found.into_iter().collect())
    })
}

/// The longest time by which a chunk may be held back.
#[must_use]
pub(super) fn allowed(growing: &GrowingSegmentFacts, params: &Params) -> Seconds {
    Seconds((growing.growth().0 / 2.0).min(params.held).max(MIN_ALLOWED))
}

/// Whether the answer or its body did not come before the request was given up.
#[must_use]
pub(super) fn is_timeout(growing: &GrowingSegmentFacts) -> bool {
    let failure = match &growing.fetched.result {
        Err(failure) => Some(failure),
        Ok(exchange) => exchange.broken.as_ref(),
    };
    failure.is_some_and(|f| matches!(f.kind, FailureKind::Timeout | FailureKind::Deadline))
}

/// The violation of a segment of which no chunk came. The outer `None`: nothing can be said, because it was refused, has no chunks,
/// or wasn't watched for long enough.
fn silent(growing: &GrowingSegmentFacts, params: &Params) -> Option<Option<Violation>> {
    let waited = growing.watched_since_promise();
    let silent = is_timeout(growing) && growing.watched > allowed(growing, params) && waited.0 > params.late;
    silent.then(|| {
        let text = format!(
            "no chunk of the newest segment has come {:.1} s after the time at which the MPD promises it",
            waited.0
        );
        Some(about(growing, text).with("waited_seconds", waited.0))
    })
}

fn held_back(growing: &GrowingSegmentFacts, params: &Params) -> Option<Violation> {
    let (held, allowed) = (derived::chunk_held_back(growing)?, allowed(growing, params));
    (held > allowed).then(|| {
        let (first, last) = (growing.chunks.first(), growing.chunks.last());
        let took = last.zip(first).map_or(Seconds::ZERO, |(last, first)| last.arrived - first.arrived);
        let text = format!(
            "chunks are held back for up to {:.1} s: {} chunks came within {:.1} s, {:.1} s after the request",
            held.0,
            growing.chunks.len(),
            took.0,
            first.map_or(0.0, |c| c.arrived.0),
        );
        about(growing, text)
            .with("held_seconds", held.0)
            .with("allowed_seconds", allowed.0)
            .with("chunks", growing.chunks.len())
    })
}

/// A violation if the first chunk isn't complete when the MPD promises it.
fn long_first_chunk(growing: &GrowingSegmentFacts, params: &Params) -> Option<Violation> {
    let first = growing.chunks.first()?.end;
    let promised = growing.promised.segment.duration - growing.growth();
    (first > promised + allowed(growing, params)).then(|| {
        let text = format!(
            "the first chunk of a segment lasts {:.2} s, but availabilityTimeOffset promises it {:.2} s after its start",
            first.0,
            promised.0.max(0.0)
        );
        about(growing, text).with("chunk_seconds", first.0).with("promised_seconds", promised.0)
    })
}

fn late(growing: &GrowingSegmentFacts, params: &Params) -> Option<Violation> {
    let late = derived::chunk_lateness(growing)?;
    (late.0 > params.late).then(|| {
        let text = format!("chunks come {:.1} s later than the MPD promises them by its clock", late.0);
        about(growing, text).with("late_seconds", late.0).with("allowed_seconds", params.late)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn run(change: impl FnOnce(&mut GrowingSegmentFacts)) -> CheckVerdict {
        let mut scene = Scene::growing();
        change(scene.growing_segment());
        check(&scene.context(), &Params::default())
    }

    /// Lets the chunks, of 0.4 s each, arrive so many seconds after the request.
    fn arrivals(growing: &mut GrowingSegmentFacts, arrivals: &[f64]) {
        growing.chunks = chunk_arrivals(arrivals, 0.4);
    }

    #[test]
    fn chunks_that_come_as_they_are_made_hold_and_so_do_those_that_were_there() {
        assert_holds(run(|_| {}));
        assert_holds(run(|g| arrivals(g, &[0.0, 0.0, 0.0, 0.4, 0.8])));
        assert_holds(run(|g| arrivals(g, &[0.5, 0.6, 1.3, 1.4])));
    }

    #[test]
    fn all_chunks_at_the_end_are_held_back() {
        let found = violations(run(|g| arrivals(g, &[1.4, 1.4, 1.4, 1.5, 1.5])));
        let text = "chunks are held back for up to 1.4 s: 5 chunks came within 0.1 s, 1.4 s after the request";
        assert_eq!((found.len(), found[0].message.as_str()), (1, text));
        assert_eq!(found[0].evidence["allowed_seconds"], 0.8);
    }

    #[test]
    fn in_short_segments_half_of_their_growth_is_allowed() {
        let held = |seconds: f64| {
            run(move |g| {
                g.promised.available = time(-0.8);
                g.promised.complete = time(0.0);
                g.promised.segment.duration = Seconds(1.0);
                g.asked_at = time(-0.8);
                g.chunks = chunk_arrivals(&[seconds; 5], 0.2);
            })
        };
        assert_holds(held(0.4));
        assert!(messages(held(0.45)).starts_with("chunks are held back"));
    }

    #[test]
    fn one_chunk_for_the_whole_segment_cannot_be_early() {
        let text =
            "the first chunk of a segment lasts 2.00 s, but availabilityTimeOffset promises it 0.40 s after its start";
        assert_eq!(messages(run(|g| g.chunks = chunk_arrivals(&[1.6], 2.0))), text);
        assert_holds(run(|g| g.chunks = chunk_arrivals(&[0.4], 0.8)));
    }

    #[test]
    fn chunks_at_their_pace_may_be_late_by_the_clock() {
        assert_holds(run(|g| arrivals(g, &[1.7, 2.1, 2.5])));
        let text = "chunks come 2.1 s later than the MPD promises them by its clock";
        assert_eq!(messages(run(|g| arrivals(g, &[1.9, 2.3, 2.7]))), text);
    }

    #[test]
    fn a_silent_segment_is_late_after_the_allowed_time_and_unknown_before() {
        let silent = |watched: f64| {
            run(move |g| {
                g.chunks.clear();
                g.watched = Seconds(watched);
                g.fetched.result.as_mut().unwrap().broken = Some(failure(FailureKind::Timeout));
            })
        };
        assert_not_run(silent(1.7), NOT_FOLLOWED);
        let text = "no chunk of the newest segment has come 2.2 s after the time at which the MPD promises it";
        assert_eq!(messages(silent(2.0)), text);
        assert_not_run(run(|g| g.chunks.clear()), NOT_FOLLOWED);
    }

    #[test]
    fn a_segment_that_was_refused_until_it_was_complete_is_another_checks() {
        assert_holds(run(|g| {
            arrivals(g, &[1.6; 5]);
            g.refused = 2;
        }));
    }
}
