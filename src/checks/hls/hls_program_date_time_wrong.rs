use crate::checks::support::select::{self, NO_PLAYLIST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::{Segment, Timeline};
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "hls_program_date_time_wrong",
    severity: Severity::Major,
    group: CheckGroup::Hls,
    scope: CheckScope::Hls,
    alert: Some("PlaylistBroken"),
    help: "fails when EXT-X-PROGRAM-DATE-TIME is missing although `expected` is set, repeats, jumps by more than \
           the durations between explain, or is in the future; minor where dates go back at a discontinuity to times that the playlist has \
           passed already",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.6, 6.2.1",
    needs_history: false,
};

params! {
    /// Whether every playlist must have dates. The standard leaves this to the packager.
    expected: bool = false,
    /// Largest allowed difference in seconds between a date and the sum of the previous date and the durations between
    /// both. The standard allows less than 1 s.
    jump_tolerance: f64 = 1.0,
    /// Seconds by which the start of the newest segment may be in the future, because clocks differ.
    future_tolerance: f64 = 5.0,
}

const UNDATED: &str = "no playlist carries EXT-X-PROGRAM-DATE-TIME, and it is not expected";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let playlist_read = context.output.renditions.iter().any(|r| r.timeline.is_some());
    let missing = if playlist_read { UNDATED } else { NO_PLAYLIST };
    select::judge_renditions(context, missing, |facts, _| {
        let timeline = facts.timeline.as_deref().filter(|t| !t.segments.is_empty())?;
        if timeline.segments.iter().all(|s| s.program_date_time.is_none()) {
            return params.expected.then(|| vec![absent(timeline)]);
        }
        let mut found: Vec<_> = future(context.now, timeline, params).into_iter().collect();
        found.extend(jumps(timeline, params));
        Some(found)
    })
}

fn absent(timeline: &Timeline) -> Violation {
    Violation::new("no EXT-X-PROGRAM-DATE-TIME; switch it on in the packager, or set `expected: false`")
        .with("segments", timeline.segments.len())
}

fn future(now: Timestamp, timeline: &Timeline, params: &Params) -> Option<Violation> {
    let newest = timeline.segments.last()?;
    let start = Seconds(-newest.duration.0).after(timeline.segments_edge()?);
    let ahead = Seconds::between(now, start).0;
    (ahead > params.future_tolerance).then(|| {
        let message =
            format!("the newest segment {} starts {ahead:.1} s in the future; compare the clocks (NTP)", newest.number);
        date_violation(newest, message).with("date", start.to_string()).with("now", now.to_string())
    })
}

/// Returns a violation for each explicit date that doesn't follow from the previous date and the durations between
/// both.
fn jumps(timeline: &Timeline, params: &Params) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut last: Option<(&Segment, Timestamp)> = None;
    let mut earliest: Option<Timestamp> = None;
    let mut between = Interval::default();
    for segment in &timeline.segments {
        between.discontinuity |= segment.discontinuity;
        if let Some(date) = segment.program_date_time {
            found.extend(last.and_then(|before| {
                let repeated = || between.repeats(before, (segment, date), earliest?, params);
                between.judge(before, (segment, date), params).or_else(repeated)
            }));
            last = Some((segment, date));
            earliest = Some(earliest.map_or(date, |earliest| earliest.min(date)));
            between = Interval::default();
        }
        between.add(segment);
    }
    found
}

/// Duration of the media between two consecutive dates of a playlist, with how far it may be rounded, and whether a
/// discontinuity is between the dates.
#[derive(Default)]
struct Interval {
    duration: Seconds,
    /// Seconds by which the sum of the durations may be rounded: half a second for each EXTINF in whole seconds (RFC
    /// 8216bis 4.4.4.1).
    rounding: f64,
    discontinuity: bool,
}

impl Interval {
    fn add(&mut self, segment: &Segment) {
        self.duration = self.duration + segment.duration;
        self.rounding += if segment.duration.0.fract() == 0.0 { 0.5 } else { 0.0 };
    }

    fn judge(
        &self,
        (before, was): (&Segment, Timestamp),
        (segment, is): (&Segment, Timestamp),
        params: &Params,
    ) -> Option<Violation> {
        let off = Seconds::between(was, is).0 - self.duration.0;
        let allowed = params.jump_tolerance.max(self.rounding);
        let message = if is == was && self.duration.0 > 0.0 {
            format!("segments {} and {} carry the same date {is}", before.number, segment.number)
        } else if !self.discontinuity && off.abs() > allowed {
            let direction = if off > 0.0 { "forward" } else { "back" };
            format!("the date of segment {} jumps {direction} by {:.3} s against EXTINF", segment.number, off.abs())
        } else {
            return None;
        };
        Some(
            date_violation(segment, message)
                .with("date", is.to_string())
                .with("before", was.to_string())
                .with("off_seconds", off),
        )
    }

    /// Returns a violation if the dates go back at a discontinuity, but not before the playlist's first date `earliest`: then several segments
    /// have the same times, and a player that looks for one of these times finds the wrong segment. Inserted media may have dates of their
    /// own, which are far away.
    fn repeats(
        &self,
        (before, was): (&Segment, Timestamp),
        (segment, is): (&Segment, Timestamp),
        earliest: Timestamp,
        params: &Params,
    ) -> Option<Violation> {
        let off = Seconds::between(was, is).0 - self.duration.0;
        let allowed = params.jump_tolerance.max(self.rounding);
        if !self.discontinuity || off >= -allowed || is < earliest {
            return None;
        }
        let message = format!(
            "the dates go back by {:.3} s at the discontinuity between the segments {} and {}, to times that older segments have",
            off.abs(),
            before.number,
            segment.number
        );
        let violation = date_violation(segment, message).severity(Severity::Minor).with("date", is.to_string());
        Some(violation.with("before", was.to_string()).with("off_seconds", off))
    }
}

fn date_violation(segment: &Segment, message: String) -> Violation {
    Violation::new(message)
        .with("number", segment.number)
        .with("line", segment.line)
        .with("url", redact::url(&segment.uri))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    /// Makes a test input: a media playlist in which every segment from 10 to 15 has a date and lasts 2.002 s. The
    /// first segment starts 14 s before the time of the probe.
    fn dated(change: impl FnOnce(&mut Timeline)) -> Scene {
        let mut scene = Scene::live();
        for (n, segment) in scene.timeline().segments.iter_mut().enumerate() {
            segment.duration = Seconds(2.002);
            segment.program_date_time = Some(time(-14.0 + 2.002 * n as f64));
        }
        change(scene.timeline());
        scene
    }

    fn date(timeline: &mut Timeline, n: usize, seconds: f64) {
        timeline.segments[n].program_date_time = Some(time(seconds));
    }

    #[test]
    fn continuous_dates_hold_and_so_do_sparse_ones() {
        assert_holds(run(&dated(|_| {})));
        assert_holds(run(&dated(|t| t.segments.iter_mut().skip(1).take(4).for_each(|s| s.program_date_time = None))));
    }

    #[test]
    fn a_jump_beyond_the_tolerance_fails() {
        assert_holds(run(&dated(|t| date(t, 5, -14.0 + 10.01 + 0.999))));
        let message = messages(run(&dated(|t| date(t, 5, -14.0 + 10.01 + 1.001))));
        assert_eq!(message, "the date of segment 15 jumps forward by 1.001 s against EXTINF");
        let message = messages(run(&dated(|t| date(t, 5, -14.0 + 10.01 - 1.5))));
        assert_eq!(message, "the date of segment 15 jumps back by 1.500 s against EXTINF");
    }

    #[test]
    fn a_discontinuity_may_jump_but_not_repeat() {
        assert_holds(run(&dated(|t| {
            t.segments[5].discontinuity = true;
            date(t, 5, -100.0);
        })));
        let message = messages(run(&dated(|t| {
            t.segments[1].discontinuity = true;
            date(t, 1, -14.0);
            t.segments.truncate(2);
        })));
        assert!(message.starts_with("segments 10 and 11 carry the same date"), "{message}");
    }

    #[test]
    fn dates_that_repeat_at_a_discontinuity_are_minor() {
        let run = |off: f64, discontinuity: bool| {
            run(&dated(|t| {
                (3..6).for_each(|n| date(t, n, -14.0 + 2.002 * n as f64 + off));
                t.segments[3].discontinuity = discontinuity;
            }))
        };
        let found = violations(run(-4.0, true));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Minor)));
        let message = "the dates go back by 4.000 s at the discontinuity between the segments 12 and 13, to times that older segments have";
        assert_eq!(found[0].message, message);
        assert_eq!(violations(run(-4.0, false))[0].severity, None, "without a discontinuity it is a jump");
        for off in [-0.9, 0.9, 4.0, -3600.0] {
            assert_holds(run(off, true));
        }
    }

    #[test]
    fn whole_seconds_may_be_rounded() {
        let scene = |off: f64| {
            let mut scene = Scene::live();
            date(scene.timeline(), 0, -14.0);
            date(scene.timeline(), 4, -14.0 + 8.0 + off);
            scene
        };
        assert_holds(run(&scene(2.0)));
        assert_eq!(violations(run(&scene(2.1))).len(), 1);
    }

    #[test]
    fn the_newest_segment_may_not_start_in_the_future() {
        let ahead = |seconds: f64| dated(|t| (0..6).for_each(|n| date(t, n, seconds - 2.002 * (5 - n) as f64)));
        assert_holds(run(&ahead(5.0)));
        let message = messages(run(&ahead(5.1)));
        assert_eq!(message, "the newest segment 15 starts 5.1 s in the future; compare the clocks (NTP)");
    }

    #[test]
    fn no_dates_fail_only_where_they_are_expected() {
        let scene = Scene::live();
        assert_not_run(run(&scene), UNDATED);
        let params = Params { expected: true, ..Params::default() };
        assert!(messages(check(&scene.context(), &params)).starts_with("no EXT-X-PROGRAM-DATE-TIME"));
    }

    #[test]
    fn without_a_playlist_it_does_not_run() {
        let mut scene = Scene::live();
        scene.rendition().timeline = None;
        assert_not_run(run(&scene), NO_PLAYLIST);
    }
}
