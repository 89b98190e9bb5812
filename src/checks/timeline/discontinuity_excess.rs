use crate::checks::support::select::{self, NO_PLAYLIST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::stream::Timeline;

pub const META: CheckMeta = CheckMeta {
    id: "discontinuity_excess",
    severity: Severity::Major,
    group: CheckGroup::Timeline,
    scope: CheckScope::Any,
    alert: Some("PlaylistBroken"),
    help: "fails when the window has more discontinuities between its segments than the template allows: each makes players start their \
           decoders anew",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.3",
    needs_history: false,
};

params! {
    /// Number of discontinuities that every window of a playlist may have.
    max: u64 = 3,
    /// Number of discontinuities that a window may have for each minute of its length, if that gives more than `max`.
    /// Ad breaks of ten-second spots have six a minute.
    max_per_minute: f64 = 6.0,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NO_PLAYLIST, |facts, _| {
        Some(violation(facts.timeline.as_deref()?, params).into_iter().collect())
    })
}

fn violation(timeline: &Timeline, params: &Params) -> Option<Violation> {
    // One before the first segment parts it from what has left the window: it is none within the window's length.
    let counted = || timeline.segments.iter().skip(1).filter(|s| s.discontinuity);
    let count = counted().count();
    let window = timeline.window().0;
    let allowed = (params.max as f64).max(params.max_per_minute * window / 60.0);
    if count as f64 <= allowed {
        return None;
    }
    let segments = timeline.segments.len();
    let message = format!(
        "{count} discontinuities in a window of {segments} segments ({window:.0} s); no more than {} are allowed",
        allowed.floor()
    );
    let lines: Vec<u32> = counted().map(|s| s.line).take(16).collect();
    Some(Violation::new(message).with("discontinuities", count).with("allowed", allowed).with("lines", lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::units::Seconds;

    /// Runs discontinuity_excess on a playlist of `segments` segments of 2 s, of which `discontinuities` after the first begin with a
    /// discontinuity.
    fn run(segments: u64, discontinuities: usize) -> CheckVerdict {
        let mut scene = Scene::live();
        *scene.timeline() = timeline(1, segments);
        scene.timeline().segments.iter_mut().skip(1).take(discontinuities).for_each(|s| s.discontinuity = true);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn three_hold_in_a_short_window_and_four_fail() {
        assert_holds(run(6, 3));
        assert_eq!(
            messages(run(6, 4)),
            "4 discontinuities in a window of 6 segments (12 s); no more than 3 are allowed"
        );
    }

    #[test]
    fn a_longer_window_may_have_more() {
        assert_holds(run(60, 12));
        assert_eq!(violations(run(60, 13)).len(), 1);
        // 4 where 3.8 are allowed.
        let message = "4 discontinuities in a window of 19 segments (38 s); no more than 3 are allowed";
        assert_eq!(messages(run(19, 4)), message);
    }

    #[test]
    fn spots_of_ten_seconds_hold_and_shorter_ones_fail() {
        // Each spot is a segment of 6 s and the rest; a discontinuity stands before each, also before the first segment.
        let run = |rest: f64| {
            let mut scene = Scene::live();
            *scene.timeline() = timeline(1, 8);
            for (n, segment) in scene.timeline().segments.iter_mut().enumerate() {
                (segment.duration, segment.discontinuity) = (Seconds(if n % 2 == 0 { 6.0 } else { rest }), n % 2 == 0);
            }
            scene.timeline().segments.pop();
            check(&scene.context(), &Params { max: 0, ..Params::default() })
        };
        assert_holds(run(4.0));
        assert_eq!(violations(run(1.9)).len(), 1);
    }

    #[test]
    fn without_a_playlist_it_does_not_run() {
        let mut scene = Scene::live();
        scene.rendition().timeline = None;
        assert_not_run(check(&scene.context(), &Params::default()), NO_PLAYLIST);
    }
}
