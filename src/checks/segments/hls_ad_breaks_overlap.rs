use crate::checks::support::ad_breaks::{NO_MARKER, duration_text, time_slack};
use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::stream::Timeline;
use packager_media::stream::ads::{AdBreak, BreakState};

pub const META: CheckMeta = CheckMeta {
    id: "hls_ad_breaks_overlap",
    severity: Severity::Minor,
    group: CheckGroup::Segments,
    scope: CheckScope::Hls,
    alert: Some("AdMarkersWrong"),
    help: "fails when an ad break begins before EXT-X-CUE-IN has closed the one before it; a break that lasted as long as announced needs \
           no EXT-X-CUE-IN",
    reference: "EXT-X-CUE-OUT and EXT-X-CUE-IN as packagers write them; ANSI/SCTE 35",
    needs_history: false,
};

params! {
    /// Seconds by which an ad break may be longer or shorter than announced and still end by itself. At least a target
    /// duration is always allowed.
    tolerance: f64 = 1.0,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NO_MARKER, |facts, _| {
        let timeline = facts.timeline.as_deref().filter(|t| !t.markers.is_empty())?;
        let breaks = timeline.ad_breaks();
        Some(breaks.iter().filter_map(|b| overlapped(b, timeline, params)).collect())
    })
}

fn overlapped(ad_break: &AdBreak, timeline: &Timeline, params: &Params) -> Option<Violation> {
    let slack = time_slack(params.tolerance, timeline);
    let durations = ad_break.announced.zip(ad_break.elapsed);
    let ended_by_itself = durations.is_some_and(|(announced, elapsed)| (elapsed - announced).abs() <= slack);
    if ad_break.state != BreakState::Overrun || ended_by_itself {
        return None;
    }
    let later = ad_break.elapsed.map_or_else(String::new, |e| format!(" {:.1} s later", e.0));
    let (tag, line, announced) = (ad_break.source.tag(), ad_break.line, duration_text(ad_break.announced));
    let message = format!(
        "line {line}: the ad break of this {tag} ({announced} announced) isn't closed; another ad break begins{later}"
    );
    Some(Violation::new(message).with("line", line).with("elapsed_seconds", ad_break.elapsed.map(|e| e.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::support::ad_breaks::testing::*;
    use crate::checks::testing::*;
    use packager_media::stream::ads::MarkerKind;

    /// Runs hls_ad_breaks_overlap on an ad break that begins with segment 11 and announces `announced` seconds, and
    /// another that begins with segment 13, 4 s later.
    fn run(announced: f64) -> CheckVerdict {
        check(&marked(vec![(11, out(announced)), (13, out(4.0))]).context(), &Params::default())
    }

    #[test]
    fn a_break_that_begins_in_an_open_one_fails() {
        let message = "line 20: the ad break of this EXT-X-CUE-OUT (30 s announced) isn't closed; another ad break begins 4.0 s later";
        let found = violations(run(30.0));
        assert_eq!((found.len(), found[0].message.as_str()), (1, message));
        assert_eq!((found[0].rendition.as_deref(), &found[0].evidence["elapsed_seconds"]), (Some(NAME), &4.0.into()));
    }

    #[test]
    fn a_break_that_lasted_as_long_as_announced_ends_by_itself() {
        assert_holds(run(4.0));
        assert_holds(run(6.0));
        assert_holds(run(2.0));
        assert_eq!(violations(run(6.1)).len(), 1);
        assert_eq!(violations(run(1.9)).len(), 1);
    }

    #[test]
    fn a_larger_tolerance_than_the_target_duration_counts() {
        let scene = marked(vec![(11, out(7.0)), (13, out(4.0))]);
        assert_eq!(violations(check(&scene.context(), &Params::default())).len(), 1);
        assert_holds(check(&scene.context(), &Params { tolerance: 3.0, ..Params::default() }));
    }

    #[test]
    fn a_closed_break_holds() {
        let markers = vec![(11, out(30.0)), (12, MarkerKind::In), (13, out(4.0))];
        assert_holds(check(&marked(markers).context(), &Params::default()));
    }

    #[test]
    fn without_markers_it_does_not_run() {
        assert_not_run(check(&marked(Vec::new()).context(), &Params::default()), NO_MARKER);
    }
}
