use super::ll_dash_chunks_late;
use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::GrowingSegmentFacts;
use crate::facts::derived;
use crate::finding::Severity;
use packager_media::redact;
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "ll_dash_segment_unavailable",
    severity: Severity::Major,
    group: CheckGroup::Dash,
    scope: CheckScope::LowLatencyDash,
    alert: None,
    help: "fails when the newest segment of a chunked low-latency stream (availabilityTimeComplete=\"false\") can't be \
           requested at the time that availabilityTimeOffset promises: it is refused until it is complete, or for longer \
           than `late` seconds; minor if it is refused for a shorter time",
    reference: "ISO/IEC 23009-1 5.3.9.2, 5.3.9.5.3",
    needs_history: false,
};

params! {
    /// Seconds after the promised time after which a segment that is refused is late. One that is refused until it is complete fails whenever that is.
    late: f64 = 2.0,
}

pub(super) const NOT_FOLLOWED: &str = "no segment was requested while it was being made";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NOT_FOLLOWED, |facts, _| {
        let growing = facts.growing.as_ref()?;
        let found = match &growing.fetched.result {
            _ if growing.is_refused() => refused(growing, params)?,
            Ok(e) if !e.is_success() => Some(unavailable(growing)),
            Err(_) if !ll_dash_chunks_late::is_timeout(growing) => Some(unavailable(growing)),
            _ => refused_at_first(growing, params),
        };
        Some(found.into_iter().collect())
    })
}

/// The violation of a segment that was refused to the end. The outer `None`: it wasn't requested for long enough to know.
fn refused(growing: &GrowingSegmentFacts, params: &Params) -> Option<Option<Violation>> {
    let (late, status) = (growing.watched_since_promise(), growing.fetched.result.as_ref().ok()?.status);
    (late.0 > params.late).then(|| {
        let text =
            format!("the newest segment answers {status} {:.1} s after the time at which the MPD promises it", late.0);
        Some(about(growing, text).with("late_seconds", late.0).with("status", status))
    })
}

/// A violation if the segment was refused at first, and then all of its chunks came at once: major if it was refused until it was
/// complete, or for longer than `late`.
fn refused_at_first(growing: &GrowingSegmentFacts, params: &Params) -> Option<Violation> {
    let held = derived::chunk_held_back(growing).filter(|_| growing.refused > 0)?;
    let allowed = ll_dash_chunks_late::allowed(growing, &ll_dash_chunks_late::Params::default());
    if held <= allowed {
        return None;
    }
    // When it became available within the pause before the request that succeeded, nobody knows.
    let pause = growing.retry_pause();
    let refused_for = Seconds(pause.0 * f64::from(growing.refused.saturating_sub(1)));
    let last_refusal = Seconds::between(growing.promised.available, refused_for.after(growing.asked_at));
    let (late, growth) = (late_by(growing), growing.growth());
    let until_complete = late >= growth && growth.0 - last_refusal.0 <= 2.0 * pause.0;
    let times = times(growing.refused);
    let (text, severity) = if until_complete {
        let text = format!(
            "the newest segment was refused {times} until it was complete, {:.1} s after the time at which the MPD promises it",
            late.0
        );
        (text, META.severity)
    } else {
        let text = format!(
            "the newest segment was refused {times}, the last time {:.1} s after the time at which the MPD promises it",
            last_refusal.0
        );
        (text, if last_refusal.0 > params.late { META.severity } else { Severity::Minor })
    };
    let violation = about(growing, text).with("late_seconds", late.0).with("refused", growing.refused);
    Some(if severity == META.severity { violation } else { violation.severity(severity) })
}

/// Time from the promise to the first chunk's arrival.
fn late_by(growing: &GrowingSegmentFacts) -> Seconds {
    let first = growing.chunks.first().map_or(growing.watched, |c| c.arrived);
    Seconds::between(growing.promised.available, first.after(growing.asked_at))
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn unavailable(growing: &GrowingSegmentFacts) -> Violation {
    let why = growing.fetched.problem().unwrap_or_default();
    about(growing, format!("the newest segment can't be fetched while it is being made: {why}"))
}

/// A violation with the segment and the times that the MPD promises.
pub(super) fn about(growing: &GrowingSegmentFacts, text: String) -> Violation {
    let promised = &growing.promised;
    Violation::new(text)
        .with("url", redact::url(&promised.segment.uri))
        .with("line", promised.segment.line)
        .with("available_from", promised.available.to_string())
        .with("complete_at", promised.complete.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::FailureKind;

    fn run(change: impl FnOnce(&mut GrowingSegmentFacts)) -> CheckVerdict {
        let mut scene = Scene::growing();
        change(scene.growing_segment());
        check(&scene.context(), &Params::default())
    }

    fn status(growing: &mut GrowingSegmentFacts, status: u16) {
        growing.fetched.result.as_mut().unwrap().status = status;
        growing.chunks.clear();
    }

    #[test]
    fn a_segment_that_comes_while_it_is_made_holds() {
        assert_holds(run(|_| {}));
        assert_holds(run(|g| g.refused = 1));
    }

    #[test]
    fn one_that_is_refused_is_late_after_the_allowed_time_and_unknown_before() {
        let late = run(|g| {
            status(g, 404);
            g.watched = Seconds(2.0);
        });
        let text = "the newest segment answers 404 2.2 s after the time at which the MPD promises it";
        assert_eq!(messages(late), text);
        assert_not_run(
            run(|g| {
                status(g, 404);
                g.watched = Seconds(1.8);
            }),
            NOT_FOLLOWED,
        );
    }

    #[test]
    fn one_that_is_refused_until_it_is_complete_fails_however_soon_that_is() {
        let whole = |refused| {
            run(move |g| {
                g.refused = refused;
                for chunk in &mut g.chunks {
                    chunk.arrived = Seconds(1.6);
                }
            })
        };
        let text = "the newest segment was refused 4 times until it was complete, 1.8 s after the time at which the MPD promises it";
        assert_eq!(messages(whole(4)), text);
        assert_holds(whole(0));
    }

    #[test]
    fn one_that_is_refused_once_and_asked_for_again_after_a_pause_is_minor() {
        let found = violations(run(|g| {
            g.refused = 1;
            g.chunks = chunk_arrivals(&[0.9; 4], 0.4);
        }));
        let text =
            "the newest segment was refused once, the last time 0.2 s after the time at which the MPD promises it";
        assert_eq!((found[0].message.as_str(), found[0].severity), (text, Some(Severity::Minor)));
    }

    #[test]
    fn an_error_of_the_server_is_named_and_a_timeout_is_no_refusal() {
        let text = "the newest segment can't be fetched while it is being made: HTTP status 503";
        assert_eq!(messages(run(|g| status(g, 503))), text);
        let broken = |kind| run(move |g| g.fetched.result = Err(failure(kind)));
        assert!(messages(broken(FailureKind::Connect)).ends_with("Connect"));
        assert_holds(broken(FailureKind::Timeout));
    }

    #[test]
    fn without_a_growing_segment_it_is_not_run() {
        assert_not_run(check(&Scene::dash(&paced()).context(), &Params::default()), NOT_FOLLOWED);
    }
}
