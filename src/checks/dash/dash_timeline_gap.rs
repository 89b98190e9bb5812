use crate::checks::support::representations::{self, LiveRepresentation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::dash::{Period, TimelineRun};
use packager_media::stream::Media;

pub const META: CheckMeta = CheckMeta {
    id: "dash_timeline_gap",
    severity: Severity::Major,
    group: CheckGroup::Dash,
    scope: CheckScope::Dash,
    alert: None,
    help: "fails when a SegmentTimeline has a gap or an overlap near the live edge, begins after its Period, or ends before the next \
           Period begins. Subtitles may pause",
    reference: "ISO/IEC 23009-1 5.3.9.6",
    needs_history: false,
};

params! {
    /// Longest allowed gap or overlap in seconds, because packagers round to their timescale.
    tolerance: f64 = 0.1,
    /// Seconds before the live edge in which gaps are reported. A gap stays in the time-shift buffer long after viewers
    /// have passed it.
    within: f64 = 60.0,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    representations::judge_live_representations(context, |rung| {
        if rung.facts.rendition.media == Media::Text {
            return Vec::new();
        }
        let mut found = timeline_gaps(rung, params);
        found.extend(gap_before_period(context, rung, params));
        found.extend(gap_in_beginning(context, rung, params));
        found
    })
}

fn timeline_gaps(rung: &LiveRepresentation<'_>, params: &Params) -> Vec<Violation> {
    let runs = rung.timeline_runs().unwrap_or_default();
    let edge = runs.last().map_or(0, |last| last.end().unwrap_or(last.start));
    let near = |run: &&TimelineRun| rung.seconds(i128::from(edge) - i128::from(run.start)) <= params.within;
    let gap = |run: &TimelineRun| rung.seconds(i128::from(run.gap_ticks));
    let wrong = runs.iter().filter(near).filter(|run| gap(run).abs() > params.tolerance);
    wrong.map(|run| violation(rung, run, gap(run))).collect()
}

fn violation(rung: &LiveRepresentation<'_>, run: &TimelineRun, gap: f64) -> Violation {
    let what = if gap > 0.0 { "a gap" } else { "an overlap" };
    let message = format!("{what} of {:.3} s before the segment at t={}", gap.abs(), run.start);
    let violation = Violation::new(message).with("apart_seconds", gap).with("time", run.start);
    violation.with("number", run.number).with("line", rung.representation.line)
}

/// Returns the Period before the one that plays now; `None` if the MPD lists none.
fn period_before<'a>(context: &CheckContext<'a>, rung: &LiveRepresentation<'_>) -> Option<&'a Period> {
    let periods = &context.output.dash()?.mpd.periods;
    let at = periods.iter().position(|p| std::ptr::eq(p, rung.period))?;
    periods.get(at.checked_sub(1)?)
}

/// Returns a violation if the Period before the one that plays now ended too early, unless it ended more than `within`
/// seconds ago.
fn gap_before_period(context: &CheckContext<'_>, rung: &LiveRepresentation<'_>, params: &Params) -> Option<Violation> {
    let period = period_before(context, rung)?;
    let rungs = || packager_media::dash::playable_representations(period);
    let same = rungs().find(|(_, r)| r.id == rung.representation.id);
    // An ad has Representations of its own.
    let media = rung.facts.rendition.media;
    let representation = same.or_else(|| rungs().find(|(set, _)| set.media == media))?.1;
    let own = LiveRepresentation { period, representation, ..*rung };
    let ended = own.wall_clock_time(own.timeline_runs()?.last()?.end()?)?;
    let begins = rung.period.start?.after(rung.mpd.availability_start?);
    let gap = packager_media::units::Seconds::between(ended, begins).0;
    let past = packager_media::units::Seconds::between(begins, rung.now).0;
    (gap > params.tolerance && past <= params.within).then(|| {
        let message = format!("the last segment ends {gap:.3} s before the next Period begins");
        Violation::new(message).with("apart_seconds", gap).with("line", representation.line)
    })
}

/// Whether the MPD lists media of the same kind in the Period before the one that plays now.
fn reaches_back(context: &CheckContext<'_>, rung: &LiveRepresentation<'_>) -> bool {
    let Some(before) = period_before(context, rung) else { return false };
    let mut rungs = packager_media::dash::playable_representations(before);
    rungs.any(|(set, representation)| {
        let own = LiveRepresentation { period: before, representation, ..*rung };
        set.media == rung.facts.rendition.media && own.timeline_runs().is_some_and(|runs| !runs.is_empty())
    })
}

/// Returns a violation if the first segment of the Period that plays now begins after the Period, for `within` seconds. The beginning may have
/// left the window, unless that reaches back into the Period before.
fn gap_in_beginning(context: &CheckContext<'_>, rung: &LiveRepresentation<'_>, params: &Params) -> Option<Violation> {
    let runs = rung.timeline_runs()?;
    let first = runs.first()?;
    let begins = rung.period.start?.after(rung.mpd.availability_start?);
    let past = packager_media::units::Seconds::between(begins, rung.now).0;
    let gap = packager_media::units::Seconds::between(begins, rung.wall_clock_time(first.start)?).0;
    // Media that are far away belong elsewhere: dash_live_edge_unavailable reports them.
    let is_gap = gap > params.tolerance && gap <= params.within;
    (is_gap && past <= params.within && reaches_back(context, rung)).then(|| {
        let message = format!("the first segment begins {gap:.3} s after its Period");
        let violation = Violation::new(message).with("apart_seconds", gap).with("time", first.start);
        violation.with("number", first.number).with("line", rung.representation.line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn run(timeline: &str) -> CheckVerdict {
        check(&Scene::dash(&timed(timeline)).context(), &Params::default())
    }

    #[test]
    fn gaps_and_overlaps_near_the_edge_beyond_the_tolerance_fail() {
        assert_holds(run("<S t=\"980000\" d=\"2000\" r=\"9\"/>"));
        assert_holds(run("<S t=\"980000\" d=\"2000\" r=\"8\"/><S t=\"998100\" d=\"1900\"/>"));
        let found = violations(run("<S t=\"980000\" d=\"2000\" r=\"7\"/><S t=\"998000\" d=\"2000\"/>"));
        assert_eq!(found[0].message, "a gap of 2.000 s before the segment at t=998000");
        let found = violations(run("<S t=\"980000\" d=\"2000\" r=\"8\"/><S t=\"997899\" d=\"2000\"/>"));
        assert_eq!(found[0].message, "an overlap of 0.101 s before the segment at t=997899");
    }

    #[test]
    fn subtitles_may_pause() {
        let text = |timeline: &str| timed(timeline).replace("video", "text");
        let of = |mpd: &str| check(&Scene::dash(mpd).context(), &Params::default());
        let paused = "<S t=\"960000\" d=\"4000\"/><S t=\"990000\" d=\"4000\"/>";
        assert_holds(of(&text(paused)));
        assert_eq!(violations(of(&timed(paused))).len(), 1);
    }

    #[test]
    fn a_gap_that_viewers_are_past_is_past() {
        let at = |start: u32| {
            run(&format!(
                "<S t=\"900000\" d=\"1000\"/><S t=\"{start}\" d=\"1000\" r=\"{}\"/>",
                (1_000_000 - start) / 1000 - 1
            ))
        };
        assert_eq!(violations(at(940_000)).len(), 1);
        assert_holds(at(939_000));
    }

    #[test]
    fn a_violation_names_the_size_and_the_place() {
        let found = violations(run("<S t=\"980000\" d=\"2000\" r=\"7\"/><S t=\"998000\" d=\"2000\"/>"));
        assert_eq!((found.len(), found[0].severity), (1, None));
        assert_eq!((&found[0].evidence["apart_seconds"], &found[0].evidence["time"]), (&2.0.into(), &998_000.into()));
    }

    #[test]
    fn a_period_has_media_from_its_beginning() {
        let of = |start: u32, first: u32| {
            let before = period("p0", 0, &format!("<S t=\"900000\" d=\"2000\" r=\"{}\"/>", (start - 900) / 2 - 1));
            let count = (1000 - start - first / 1000) / 2 - 1;
            let timeline = format!("<S t=\"{first}\" d=\"2000\" r=\"{count}\"/>");
            check(&Scene::dash(&dynamic(&(before + &period("p1", start, &timeline)))).context(), &Params::default())
        };
        assert_holds(of(980, 0));
        assert_holds(of(980, 100));
        assert_eq!(messages(of(980, 4000)), "the first segment begins 4.000 s after its Period");
        let alone = period("p1", 980, "<S t=\"4000\" d=\"2000\" r=\"7\"/>");
        assert_holds(check(&Scene::dash(&dynamic(&alone)).context(), &Params::default()));
    }

    #[test]
    fn a_period_has_media_up_to_the_next() {
        let of = |r: u32| {
            let first = period("p0", 0, &format!("<S t=\"900000\" d=\"2000\" r=\"{r}\"/>"));
            check(
                &Scene::dash(&dynamic(&(first + &period("p1", 980, "<S t=\"0\" d=\"2000\" r=\"9\"/>")))).context(),
                &Params::default(),
            )
        };
        assert_holds(of(39));
        let ad = period("p0", 0, "<S t=\"900000\" d=\"2000\" r=\"38\"/>")
            .replace("<Representation id=\"", "<Representation id=\"ad-");
        let both = dynamic(&(ad + &period("p1", 980, "<S t=\"0\" d=\"2000\" r=\"9\"/>")));
        assert_eq!(violations(check(&Scene::dash(&both).context(), &Params::default())).len(), 1);
        assert_eq!(violations(of(38))[0].message, "the last segment ends 2.000 s before the next Period begins");
    }
}
