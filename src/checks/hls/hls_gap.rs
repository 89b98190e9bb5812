use crate::checks::support::select::{self, NO_PLAYLIST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::stream::{Media, Segment, Timeline};

pub const META: CheckMeta = CheckMeta {
    id: "hls_gap",
    severity: Severity::Major,
    group: CheckGroup::Hls,
    scope: CheckScope::Hls,
    alert: Some("PlaylistBroken"),
    help: "fails when EXT-X-GAP marks segments in the last `within` seconds of the window, or GAP=YES parts, as missing; critical when the newest \
           three segments are gaps, where players begin and play, or the window has nothing else; minor in subtitles; segment_unavailable reports missing segments without the mark",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.7, 4.4.4.9",
    needs_history: false,
};

params! {
    /// Largest allowed number of gaps (EXT-X-GAP) in a window, and of parts with GAP=YES.
    max: usize = 0,
    /// Gaps further behind the live edge than this, in seconds, aren't judged: only those who seek back meet them.
    within: f64 = 60.0,
}

/// Number of newest segments within which players begin and play, three segments behind the live edge (RFC 8216bis 6.3.3).
const AT_THE_EDGE: usize = 3;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NO_PLAYLIST, |facts, _| {
        let timeline = facts.timeline.as_deref()?;
        let gaps_alone = timeline.segments.iter().rev().take(AT_THE_EDGE).all(|s| s.gap);
        let found = violation(timeline, params);
        let found = found.map(|v| if gaps_alone { v.severity(Severity::Critical) } else { v });
        let found = found.into_iter().chain(parts(timeline, params));
        // Picture and sound go on without subtitles, and packagers mark the time in which nobody speaks.
        let is_text = facts.rendition.media == Media::Text;
        Some(found.map(|v| if is_text { v.severity(Severity::Minor) } else { v }).collect())
    })
}

/// Returns the violation of parts with GAP=YES of segments that aren't gaps themselves.
fn parts(timeline: &Timeline, params: &Params) -> Option<Violation> {
    let parts = &timeline.low_latency.parts;
    let is_gap = |number: u64| timeline.segments.iter().any(|s| s.gap && s.number == number);
    let gaps: Vec<_> = parts.iter().filter(|part| part.gap && !is_gap(part.segment)).collect();
    let newest = gaps.last().filter(|_| gaps.len() > params.max)?;
    let message = format!(
        "{} of {} parts are gaps (GAP=YES); the newest is part {} of segment {}",
        gaps.len(),
        parts.len(),
        newest.index,
        newest.segment
    );
    let violation = Violation::new(message).with("gaps", gaps.len()).with("number", newest.segment);
    Some(violation.with("line", newest.line))
}

/// Returns the segments that begin in the last `within` seconds of the window, at least one.
fn near_the_edge(timeline: &Timeline, within: f64) -> &[Segment] {
    let mut behind = 0.0;
    let near = timeline.segments.iter().rev().take_while(|s| {
        let is_near = behind < within;
        behind += s.duration.0;
        is_near
    });
    let older = timeline.segments.len() - near.count();
    timeline.segments.get(older..).unwrap_or_default()
}

fn violation(timeline: &Timeline, params: &Params) -> Option<Violation> {
    let segments = near_the_edge(timeline, params.within);
    let gaps: Vec<_> = segments.iter().filter(|s| s.gap).collect();
    if gaps.len() <= params.max {
        return None;
    }
    let newest = gaps.last()?;
    let seconds: f64 = gaps.iter().map(|s| s.duration.0).sum();
    let message = format!(
        "{} of the newest {} segments are gaps (EXT-X-GAP), {seconds:.1} s in all; the newest is segment {}",
        gaps.len(),
        segments.len(),
        newest.number
    );
    let violation = Violation::new(message).with("gaps", gaps.len()).with("seconds", seconds);
    Some(violation.with("number", newest.number).with("line", newest.line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn run(gaps: usize, params: &Params) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.timeline().segments.iter_mut().take(gaps).for_each(|s| s.gap = true);
        check(&scene.context(), params)
    }

    #[test]
    fn a_gap_fails_and_none_holds() {
        assert_holds(run(0, &Params::default()));
        let message = "1 of the newest 6 segments are gaps (EXT-X-GAP), 2.0 s in all; the newest is segment 10";
        assert_eq!(messages(run(1, &Params::default())), message);
    }

    #[test]
    fn a_window_of_gaps_alone_is_critical() {
        let mut scene = Scene::live();
        scene.timeline().segments.iter_mut().for_each(|s| s.gap = true);
        let severity = |scene: &Scene| violations(check(&scene.context(), &Params::default()))[0].severity;
        assert_eq!(severity(&scene), Some(Severity::Critical));
        scene.timeline().segments[5].gap = false;
        assert_eq!(severity(&scene), None);
    }

    #[test]
    fn gaps_in_subtitles_are_minor() {
        for gaps in [1, 6] {
            let mut scene = Scene::live();
            scene.timeline().segments.iter_mut().take(gaps).for_each(|s| s.gap = true);
            scene.rendition().rendition.media = Media::Text;
            assert_eq!(violations(check(&scene.context(), &Params::default()))[0].severity, Some(Severity::Minor));
        }
    }

    #[test]
    fn gaps_where_players_begin_are_critical() {
        let severity = |gaps: &[usize]| {
            let mut scene = Scene::live();
            gaps.iter().for_each(|at| scene.timeline().segments[*at].gap = true);
            violations(check(&scene.context(), &Params::default()))[0].severity
        };
        assert_eq!(severity(&[3, 4, 5]), Some(Severity::Critical));
        assert_eq!([severity(&[4, 5]), severity(&[0, 1, 2, 3, 4])], [None, None]);
    }

    #[test]
    fn gaps_far_behind_the_live_edge_hold() {
        let run = |within| run(2, &Params { within, ..Params::default() });
        assert_holds(run(8.0));
        assert_eq!(
            messages(run(8.1)).split(';').next(),
            Some("1 of the newest 5 segments are gaps (EXT-X-GAP), 2.0 s in all")
        );
        assert_eq!(violations(run(60.0)).len(), 1);
    }

    #[test]
    fn parts_that_are_gaps_fail() {
        let mut scene = Scene::low_latency();
        let run = |scene: &Scene| check(&scene.context(), &Params::default());
        assert_holds(run(&scene));
        scene.timeline().low_latency.parts[6].gap = true;
        assert_eq!(messages(run(&scene)), "1 of 8 parts are gaps (GAP=YES); the newest is part 0 of segment 16");
        scene.timeline().low_latency.parts[6].gap = false;
        scene.timeline().low_latency.parts[4].gap = true;
        scene.timeline().segments.last_mut().unwrap().gap = true;
        assert!(!messages(run(&scene)).contains("parts"), "the segment says it");
    }

    #[test]
    fn a_template_may_allow_some() {
        let params = Params { max: 1, ..Params::default() };
        assert_holds(run(1, &params));
        assert_eq!(violations(run(2, &params)).len(), 1);
    }

    #[test]
    fn without_a_playlist_it_does_not_run() {
        let mut scene = Scene::live();
        scene.rendition().timeline = None;
        assert_not_run(check(&scene.context(), &Params::default()), NO_PLAYLIST);
    }
}
