use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::DeltaUpdateFacts;
use crate::finding::Severity;
use packager_media::hls;
use packager_media::redact;
use packager_media::stream::{Segment, Timeline};
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "ll_hls_delta_update_wrong",
    severity: Severity::Major,
    group: CheckGroup::Hls,
    scope: CheckScope::LowLatencyHls,
    alert: None,
    help: "fails when the answer to _HLS_skip=YES isn't a delta update, or the playlist rebuilt from it differs \
           from the whole playlist; minor if CAN-SKIP-UNTIL is less than `targets` target durations, or a segment \
           inside it is skipped",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.3.8, 4.4.5.2, 6.2.5.1, 6.3.7",
    needs_history: false,
};

params! {
    /// Largest allowed difference in seconds between durations, and between dates, of the rebuilt and the whole
    /// playlist.
    tolerance: f64 = 0.01,
    /// Smallest value of CAN-SKIP-UNTIL in target durations.
    targets: f64 = 6.0,
}

/// Tolerance in seconds for the binary representation of decimal fractions.
const ROUNDING: f64 = 1e-6;
const NOT_REQUESTED: &str = "no delta update of a playlist with CAN-SKIP-UNTIL was requested in time";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NOT_REQUESTED, |facts, _| {
        let delta = facts.low_latency.as_ref()?.delta.as_ref()?;
        let whole = facts.timeline.as_deref()?;
        let boundary = whole.low_latency.control?.can_skip_until?;
        let mut found: Vec<_> = answer(delta, whole, boundary, params).into_iter().collect();
        found.extend(boundary_too_near(whole, boundary, params));
        Some(found.into_iter().map(|v| v.with("url", redact::url(&delta.fetched.url))).collect())
    })
}

fn boundary_too_near(whole: &Timeline, boundary: Seconds, params: &Params) -> Option<Violation> {
    let least = params.targets * whole.target_duration?.0;
    let text = format!(
        "CAN-SKIP-UNTIL is {} s; at least {} target durations, {least} s, are required",
        boundary.0, params.targets
    );
    (boundary.0 + ROUNDING < least).then(|| Violation::new(text).severity(Severity::Minor))
}

fn answer(delta: &DeltaUpdateFacts, whole: &Timeline, boundary: Seconds, params: &Params) -> Option<Violation> {
    if let Some(why) = delta.fetched.problem() {
        return Some(Violation::new(format!("the request for a delta update failed: {why}")));
    }
    let Some(update) = delta.timeline.as_deref() else {
        return Some(Violation::new("the delta update isn't a media playlist"));
    };
    // An ended playlist is sent whole (6.2.5.1).
    if update.ended {
        return None;
    }
    let Some(skipped) = update.low_latency.skipped else { return not_skipped(update, boundary) };
    let Some(rebuilt) = hls::apply_delta_update(whole, update) else {
        let first = update.media_sequence;
        let known = whole.segments.first().map_or(whole.media_sequence, |s| s.number);
        // A playlist too long to be kept whole can't be rebuilt here.
        let text = format!(
            "the delta update skips {skipped} segments from {first}, but the whole playlist that was fetched just before doesn't \
             list all of them"
        );
        return (known == whole.media_sequence).then(|| Violation::new(text).with("skipped", skipped));
    };
    differs(whole, &rebuilt, skipped, params)
        .or_else(|| skipped_too_much(&rebuilt, skipped, boundary))
        .map(|v| v.with("skipped", skipped))
}

/// Returns a violation if the answer to the request for a delta update is the whole playlist, although at least one
/// segment could have been skipped.
fn not_skipped(update: &Timeline, boundary: Seconds) -> Option<Violation> {
    let target = select::target_duration(update)?;
    let (window, first) = (update.window(), update.segments.first()?.duration);
    let beyond = window - first - boundary;
    (beyond > target).then(|| {
        let text = format!(
            "the answer to _HLS_skip=YES is the whole playlist of {:.0} s, although CAN-SKIP-UNTIL is {} s",
            window.0, boundary.0
        );
        Violation::new(text).with("segments", update.segments.len())
    })
}

/// Returns a violation for the newest segment that the whole playlist and the playlist rebuilt from the delta update
/// list differently. If no URI is the same in both, each answer has its own URIs (such as a session in paths), and URIs
/// aren't compared.
fn differs(whole: &Timeline, rebuilt: &Timeline, skipped: u64, params: &Params) -> Option<Violation> {
    let find = |number: u64| whole.segments.iter().find(|s| s.number == number);
    let received = rebuilt.segments.iter().skip(usize::try_from(skipped).ok()?);
    let pairs: Vec<_> = received.filter_map(|s| Some((find(s.number)?, s))).collect();
    let names = pairs.iter().any(|(a, b)| a.uri.path() == b.uri.path());
    let (segment, what) = pairs.iter().rev().find_map(|(a, b)| Some((*b, difference(a, b, names, params)?)))?;
    let text = format!(
        "segment {} has {what} in the playlist rebuilt from the delta update than in the whole playlist",
        segment.number
    );
    Some(Violation::new(text).with("number", segment.number).with("line", segment.line))
}

fn difference(whole: &Segment, rebuilt: &Segment, names: bool, params: &Params) -> Option<&'static str> {
    let differ = |seconds: f64| seconds.abs() > params.tolerance + ROUNDING;
    let dates = whole.program_date_time.zip(rebuilt.program_date_time);
    match () {
        () if names && whole.uri.path() != rebuilt.uri.path() => Some("another URI"),
        () if differ(whole.duration.0 - rebuilt.duration.0) => Some("another duration"),
        () if whole.byte_range != rebuilt.byte_range => Some("another byte range"),
        () if whole.discontinuity_sequence != rebuilt.discontinuity_sequence => Some("another discontinuity sequence"),
        () if dates.is_some_and(|(a, b)| differ(Seconds::between(a, b).0)) => Some("another date"),
        () => None,
    }
}

/// Returns a violation if a delta update skips a segment that is completely inside the skip boundary (CAN-SKIP-UNTIL).
fn skipped_too_much(rebuilt: &Timeline, skipped: u64, boundary: Seconds) -> Option<Violation> {
    let last = usize::try_from(skipped).ok()?.checked_sub(1)?;
    let from_end: f64 = rebuilt.segments.iter().skip(last).map(|s| s.duration.0).sum();
    let number = rebuilt.segments.get(last)?.number;
    (from_end + 0.01 < boundary.0).then(|| {
        let text = format!(
            "the delta update skips segment {number}, {from_end:.1} s from the end; CAN-SKIP-UNTIL is {} s",
            boundary.0
        );
        Violation::new(text).with("number", number).severity(Severity::Minor)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::FailureKind;
    use std::sync::Arc;

    /// Runs ll_hls_delta_update_wrong on a playlist of segments 1 to 15 with 2 s each. CAN-SKIP-UNTIL is 12 s, so the
    /// delta update contains segments 10 to 15, before `change` changes it.
    fn run(change: impl FnOnce(&mut DeltaUpdateFacts)) -> CheckVerdict {
        let mut scene = Scene::low_latency();
        let delta = scene.rendition().low_latency.as_mut().unwrap().delta.as_mut().unwrap();
        (update(delta).media_sequence, update(delta).low_latency.skipped) = (1, Some(9));
        change(delta);
        let low_latency = scene.timeline().low_latency.clone();
        *scene.timeline() = Timeline { low_latency, ..timeline(1, 15) };
        check(&scene.context(), &Params::default())
    }

    fn update(delta: &mut DeltaUpdateFacts) -> &mut Timeline {
        Arc::make_mut(delta.timeline.as_mut().unwrap())
    }

    /// Returns a function that changes a delta update: it then lists the segments from `first` on and skips the
    /// segments before.
    fn from(first: u64) -> impl FnOnce(&mut DeltaUpdateFacts) {
        move |d| {
            update(d).segments = sent(first, 15);
            update(d).low_latency.skipped = Some(first - 1);
        }
    }

    fn sent(first: u64, last: u64) -> Vec<Segment> {
        (first..=last).map(segment).collect()
    }

    #[test]
    fn what_rebuilds_the_whole_playlist_holds() {
        assert_holds(run(|_| {}));
        assert_holds(run(from(8)));
        assert_holds(run(|d| update(d).segments.push(segment(16))));
    }

    #[test]
    fn a_wrong_count_shifts_all_segments() {
        let message = messages(run(|d| {
            update(d).segments = (9..=14).map(|n| Segment { number: n, ..segment(n + 1) }).collect();
            update(d).segments[0].uri = segment(9).uri;
        }));
        assert_eq!(
            message,
            "segment 14 has another URI in the playlist rebuilt from the delta update than in the whole playlist"
        );
    }

    #[test]
    fn durations_dates_and_discontinuities_are_the_same() {
        let message = |change: fn(&mut Segment)| messages(run(|d| change(&mut update(d).segments[2])));
        assert!(message(|s| s.duration = Seconds(2.1)).contains("segment 12 has another duration"));
        assert!(message(|s| s.discontinuity_sequence = 1).contains("segment 12 has another discontinuity sequence"));
    }

    #[test]
    fn names_of_a_session_are_not_compared() {
        assert_holds(run(|d| update(d).segments.iter_mut().for_each(|s| s.uri = url(&format!("s7/{}.ts", s.number)))));
    }

    #[test]
    fn skipping_what_the_player_never_had_fails() {
        let message = messages(run(|d| {
            update(d).media_sequence = 12;
            update(d).segments = sent(21, 25);
        }));
        assert!(message.starts_with("the delta update skips 9 segments from 12"), "{message}");
    }

    #[test]
    fn the_whole_playlist_is_no_delta_update_unless_nothing_could_be_skipped() {
        let whole = |first| {
            run(move |d| {
                update(d).low_latency.skipped = None;
                (update(d).media_sequence, update(d).segments) = (first, sent(first, 15));
            })
        };
        assert_eq!(
            messages(whole(1)),
            "the answer to _HLS_skip=YES is the whole playlist of 30 s, although CAN-SKIP-UNTIL is 12 s"
        );
        assert_holds(whole(8));
        assert_eq!(violations(whole(7)).len(), 1);
    }

    #[test]
    fn segments_within_the_boundary_stay() {
        assert_holds(run(from(11)));
        let found = violations(run(from(12)));
        assert_eq!(found[0].severity, Some(Severity::Minor));
        assert_eq!(found[0].message, "the delta update skips segment 11, 10.0 s from the end; CAN-SKIP-UNTIL is 12 s");
    }

    #[test]
    fn the_boundary_is_six_target_durations() {
        let mut scene = Scene::low_latency();
        scene.timeline().low_latency.control.as_mut().unwrap().can_skip_until = Some(Seconds(11.0));
        scene.timeline().segments = sent(1, 15);
        scene.timeline().media_sequence = 1;
        assert!(messages(check(&scene.context(), &Params::default())).starts_with("CAN-SKIP-UNTIL is 11 s"));
    }

    #[test]
    fn an_error_fails_and_an_ended_playlist_is_sent_whole() {
        let message = messages(run(|d| d.fetched = failed("720p/index.m3u8", FailureKind::Cut)));
        assert_eq!(message, "the request for a delta update failed: Cut");
        assert!(messages(run(|d| d.timeline = None)).contains("isn't a media playlist"));
        assert_holds(run(|d| {
            update(d).low_latency.skipped = None;
            (update(d).ended, update(d).segments) = (true, sent(1, 15));
        }));
    }

    #[test]
    fn what_was_not_asked_is_not_judged() {
        let mut scene = Scene::low_latency();
        scene.rendition().low_latency.as_mut().unwrap().delta = None;
        assert_not_run(check(&scene.context(), &Params::default()), NOT_REQUESTED);
    }
}
