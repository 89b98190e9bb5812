use crate::checks::support::select::{self, NO_PLAYLIST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::ads::MarkerKind;
use packager_media::stream::{Media, Protocol, Segment, Timeline};
use packager_media::units;
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "segment_duration_off_target",
    severity: Severity::Major,
    group: CheckGroup::Timeline,
    scope: CheckScope::Any,
    alert: Some("PlaylistBroken"),
    help: "fails when a listed segment is outside segment_duration_target ± segment_duration_tolerance. The segments on both sides of a \
           discontinuity or an ad marker, which cut them, are exempt, and so are the last before the end and subtitles of an MPD",
    reference: "template: segment_duration_target; draft-pantos-hls-rfc8216bis-22 4.4.4.1",
    needs_history: false,
};

params! {
    /// Share of the listed segments whose duration may be outside the tolerance, from 0 to 1.
    allowed_ratio: f64 = 0.0,
}

/// Tolerance in seconds for the binary representation of decimal fractions: 5.4 s must count as 6.0 s − 10 %.
const ROUNDING: f64 = 1e-6;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let Some(target) = context.thresholds.segment_duration_target else {
        return CheckVerdict::NotRun("the template sets no segment_duration_target");
    };
    let tolerance = context.thresholds.segment_duration_tolerance * target;
    select::judge_renditions(context, NO_PLAYLIST, |facts, _| {
        // A SegmentTimeline of subtitles may list each text by itself.
        let is_sparse = context.output.protocol() == Protocol::Dash && facts.rendition.media == Media::Text;
        let timeline = facts.timeline.as_ref().filter(|_| !is_sparse)?;
        Some(judge(timeline, target, tolerance, params.allowed_ratio).into_iter().collect())
    })
}

fn judge(timeline: &Timeline, target: f64, tolerance: f64, allowed_ratio: f64) -> Option<Violation> {
    let distance = |s: &Segment| (s.duration.0 - target).abs();
    let outside: Vec<_> = bound(timeline).filter(|s| distance(s) > tolerance + ROUNDING).collect();
    let listed = timeline.segments.len();
    let worst = outside.iter().copied().max_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    if outside.len() as f64 <= allowed_ratio * listed as f64 {
        return None;
    }
    let (least, most) = (target - tolerance, target + tolerance);
    let bound = if worst.duration.0 > target { most } else { least };
    let (lasts, _) = units::distinct(worst.duration.0, bound, 3);
    let message = format!(
        "segment {} lasts {lasts} s; {least:.3} to {most:.3} s are expected; {} of {listed} listed segments are outside",
        worst.number,
        outside.len(),
    );
    let violation = Violation::new(message)
        .with("number", worst.number)
        .with("line", worst.line)
        .with("url", redact::url(&worst.uri))
        .with("duration_seconds", worst.duration.0);
    Some(violation.with("target_seconds", target).with("tolerance_seconds", tolerance).with("segments", outside.len()))
}

/// Returns the segments that must keep the target duration: all except those that begin or end at a discontinuity or an ad marker,
/// where the packager cuts whatever it has, and those that end the playlist.
fn bound(timeline: &Timeline) -> impl Iterator<Item = &Segment> {
    let segments = &timeline.segments;
    let next = segments.iter().skip(1).map(Some).chain([None]);
    let goes_on = |next: Option<&Segment>| next.map_or(!timeline.ended, |n| !n.discontinuity);
    let splices = Splices::of(timeline);
    let each = segments.iter().zip(next).zip(timeline.start_dates());
    let bound = each.filter(move |((s, next), start)| !s.discontinuity && goes_on(*next) && !splices.cut(s, *start));
    bound.map(|((segment, _), _)| segment)
}

/// Where ad markers begin and end breaks.
struct Splices {
    /// Numbers of the segments that follow a tag.
    numbers: Vec<u64>,
    dates: Vec<Timestamp>,
}

/// Longest time in seconds by which the date of a splice may be outside of the segment that it cuts: it is at a frame, and dates are
/// rounded.
const NEAR: f64 = 0.5;

impl Splices {
    fn of(timeline: &Timeline) -> Self {
        let (mut numbers, mut dates) = (Vec::new(), Vec::new());
        for marker in &timeline.markers {
            match &marker.kind {
                MarkerKind::Out { .. } | MarkerKind::In => numbers.push(marker.number),
                // Heartbeats and programme boundaries cut nothing.
                MarkerKind::Splice(section) if section.cues.is_empty() => {}
                MarkerKind::Splice(_) => numbers.push(marker.number),
                MarkerKind::Range(range) if !range.out && !range.returned => {}
                MarkerKind::Range(range) => {
                    let end = range.start.zip(range.announced()).map(|(start, lasts)| lasts.after(start));
                    dates.extend(range.start.into_iter().chain(range.end).chain(end));
                }
                MarkerKind::Continues { .. } => {}
            }
        }
        Self { numbers, dates }
    }

    /// Whether a splice begins or ends the segment, which begins at the date `start`.
    fn cut(&self, segment: &Segment, start: Option<Timestamp>) -> bool {
        let near = |date: &Timestamp| {
            let into = start.map(|start| Seconds::between(start, *date).0);
            into.is_some_and(|into| into >= -NEAR && into <= segment.duration.0 + NEAR)
        };
        let is_beside = |number: &u64| *number == segment.number || *number == segment.number + 1;
        self.numbers.iter().any(is_beside) || self.dates.iter().any(near)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::stream::ads::{AdRange, Marker};

    fn run(durations: &[f64], change: impl FnOnce(&mut Timeline)) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.thresholds.segment_duration_target = Some(6.0);
        *scene.timeline() = timeline(10, 9 + durations.len() as u64);
        for (segment, seconds) in scene.timeline().segments.iter_mut().zip(durations) {
            segment.duration = Seconds(*seconds);
        }
        change(scene.timeline());
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn the_tolerance_itself_is_allowed() {
        assert_holds(run(&[6.0, 5.4, 6.6], |_| {}));
    }

    #[test]
    fn beyond_it_the_worst_is_named() {
        let found = violations(run(&[6.0, 5.39, 6.0, 7.5, 6.61], |_| {}));
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].evidence["number"], &found[0].evidence["segments"]), (&13.into(), &3.into()));
        assert!(found[0].message.contains("5.400 to 6.600 s are expected"), "{}", found[0].message);
    }

    #[test]
    fn segments_beside_a_discontinuity_and_the_last_before_the_end_are_exempt() {
        assert_holds(run(&[6.0, 1.0, 6.0], |t| t.segments[2].discontinuity = true));
        assert_holds(run(&[6.0, 6.0, 1.0], |t| t.segments[2].discontinuity = true));
        assert_eq!(violations(run(&[1.0, 6.0, 6.0, 1.0], |t| t.segments[2].discontinuity = true)).len(), 1);
        assert_holds(run(&[6.0, 1.0], |t| t.ended = true));
        assert_eq!(violations(run(&[6.0, 1.0], |_| {})).len(), 1);
    }

    const SPLICED: [f64; 6] = [6.0, 2.4, 6.0, 6.0, 3.6, 6.0];

    fn marked(durations: &[f64], markers: Vec<(u64, MarkerKind)>) -> CheckVerdict {
        run(durations, |timeline| {
            timeline.segments[0].program_date_time = Some(time(0.0));
            timeline.markers = markers.into_iter().map(|(number, kind)| Marker { kind, number, line: 20 }).collect();
        })
    }

    #[test]
    fn segments_that_ad_markers_cut_are_exempt() {
        let out = || MarkerKind::Out { announced: Some(Seconds(15.6)) };
        assert_holds(marked(&SPLICED, vec![(12, out()), (15, MarkerKind::In)]));
        let goes_on = || MarkerKind::Continues { elapsed: None, announced: None };
        let found = violations(marked(&SPLICED, vec![(12, out()), (13, goes_on()), (15, goes_on())]));
        assert_eq!(found[0].evidence["number"], 14, "a break that goes on cuts nothing");
        assert_eq!(violations(marked(&[6.0, 6.0, 6.0, 2.4], vec![(11, out())])).len(), 1);
        assert_holds(marked(&[6.0, 2.4], vec![(12, out())]));
    }

    #[test]
    fn segments_that_a_date_range_cuts_are_exempt() {
        let range = |start: f64, lasts: f64| {
            let range =
                AdRange { start: Some(time(start)), planned: Some(Seconds(lasts)), out: true, ..AdRange::default() };
            vec![(10, MarkerKind::Range(Box::new(range)))]
        };
        assert_holds(marked(&SPLICED, range(8.4, 15.6)));
        assert_eq!(violations(marked(&SPLICED, range(8.4, 60.0)))[0].evidence["number"], 14);
    }

    #[test]
    fn subtitles_of_an_mpd_are_as_long_as_their_texts() {
        let mut scene = Scene::dash(&timed("<S t=\"980000\" d=\"1200\"/><S t=\"990000\" d=\"2000\"/>"));
        scene.thresholds.segment_duration_target = Some(2.0);
        assert_eq!(violations(check(&scene.context(), &Params::default())).len(), 1);
        scene.rendition().rendition.media = Media::Text;
        assert_not_run(check(&scene.context(), &Params::default()), NO_PLAYLIST);
    }

    #[test]
    fn a_template_may_allow_a_few() {
        let mut scene = Scene::live();
        scene.thresholds.segment_duration_target = Some(2.0);
        scene.timeline().segments[0].duration = Seconds(1.0);
        let allowed = |ratio| Params { allowed_ratio: ratio, ..Params::default() };
        assert_holds(check(&scene.context(), &allowed(1.0 / 6.0)));
        assert_eq!(violations(check(&scene.context(), &allowed(0.16))).len(), 1);
    }

    #[test]
    fn without_a_target_or_a_playlist_it_does_not_run() {
        let mut scene = Scene::live();
        let run = |scene: &Scene| check(&scene.context(), &Params::default());
        assert_not_run(run(&scene), "the template sets no segment_duration_target");
        scene.thresholds.segment_duration_target = Some(2.0);
        scene.rendition().timeline = None;
        assert_not_run(run(&scene), NO_PLAYLIST);
    }
}
