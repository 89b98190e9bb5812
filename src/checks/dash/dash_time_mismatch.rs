use crate::checks::support::select::{self, segment_violation, undamaged_inspection};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::SegmentFacts;
use crate::finding::Severity;
use packager_media::container::{Container, Track};
use packager_media::dash::Mpd;
use packager_media::stream::Media;
use packager_media::units;

pub const META: CheckMeta = CheckMeta {
    id: "dash_time_mismatch",
    severity: Severity::Major,
    group: CheckGroup::Dash,
    scope: CheckScope::Dash,
    alert: None,
    help: "fails when the media of a segment begin (tfdt, or the earliest presentation time) at another media time \
           than the MPD announces: t of SegmentTimeline, or the time that follows from the number, @duration and \
           presentationTimeOffset, where half a segment more is allowed. Critical if they begin further off than players are behind the \
           live edge (suggestedPresentationDelay, four segments or 10 s, whichever is longest): players find no media where they play",
    reference: "ISO/IEC 23009-1 5.3.9.6, 5.3.9.2; DASH-IF IOP 4.3 3.2.7.1",
    needs_history: false,
};

params! {
    /// Seconds by which the media may begin before or after the time in a SegmentTimeline. Beyond this, players take
    /// the segment for another one or leave a gap. A difference within one sample is never reported.
    tolerance: f64 = 0.1,
    /// Difference that is allowed in addition to `tolerance` for segments with a fixed `@duration`, as a ratio of the
    /// segment's duration.
    nominal_ratio: f64 = 0.5,
}

const NONE: &str = "no fragmented segment of an MPD with times was inspected";
/// Tolerance in seconds, because the timescales of MPD and media round differently.
const ROUNDING: f64 = 0.001;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let mpd = context.output.dash().map(|dash| &*dash.mpd);
    select::judge_renditions(context, NONE, |facts, past| {
        let media = facts.rendition.media;
        let segments = select::inspected_segments(facts, past)?;
        let mut judged = segments.iter().rev().filter_map(|s| Some((s, start_offset(s, media)?))).peekable();
        judged.peek()?;
        Some(judged.filter_map(|(segment, (off, sample))| violation(segment, (off, sample), mpd, params)).collect())
    })
}

/// Returns the seconds by which the media begin after the time in the MPD (negative: before it), and the duration of
/// the longest sample in seconds. Some packagers write the first decode time into the MPD, others the earliest
/// presentation time. The time that is nearer to the MPD's is used.
fn start_offset(facts: &SegmentFacts, media: Media) -> Option<(f64, f64)> {
    let announced = facts.segment.media_start?.at;
    let inspection = undamaged_inspection(facts).filter(|i| i.container == Container::Cmaf)?;
    let of = |t: &&Track| t.media == Some(media) && t.samples > 0 && media != Media::Text;
    let track = inspection.tracks.iter().find(of)?;
    let offs =
        [track.start, track.presentation_start].into_iter().flatten().filter_map(|at| Some(at.since(announced)?.0));
    let off = offs.reduce(|a, b| if b.abs() < a.abs() { b } else { a })?;
    Some((off, track.sample_gap_max.map_or(0.0, |gap| gap.0)))
}

fn violation(facts: &SegmentFacts, (off, sample): (f64, f64), mpd: Option<&Mpd>, params: &Params) -> Option<Violation> {
    let announced = facts.segment.media_start?;
    let least = params.tolerance.max(sample);
    let drift = if announced.nominal { params.nominal_ratio * facts.segment.duration.0 } else { 0.0 };
    let allowed = least + drift;
    if off.abs() <= allowed + ROUNDING {
        return None;
    }
    let where_ = if off > 0.0 { "after" } else { "before" };
    let (by, most) = units::distinct(off.abs(), allowed, 3);
    let what = if announced.nominal { "of its number" } else { "in the SegmentTimeline" };
    let at = announced.at.seconds().0;
    let message = format!(
        "segment {}: the media begin {by} s {where_} the time {what} ({at:.3} s of media time); no more than {most} s are allowed",
        facts.segment.number
    );
    let violation = segment_violation(facts, message).with("off_seconds", off).with("media_time_seconds", at);
    let is_far = mpd.is_some_and(|mpd| off.abs() > mpd.player_delay(facts.segment.duration).0);
    Some(if is_far { violation.severity(Severity::Critical) } else { violation })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::stream::MediaStart;
    use packager_media::units::{MediaTime, Seconds};
    use std::num::NonZeroU32;

    /// Makes a segment that begins at 10 s by the MPD. Its first decode time is `off` seconds later, and its first
    /// presentation time 80 ms after that.
    fn segment(off: f64, nominal: bool) -> SegmentFacts {
        let mut segment = ts_segment(5, 10.0 + off, 2.0);
        let at = MediaTime::new(10_000, NonZeroU32::new(1000).unwrap());
        segment.segment.media_start = Some(MediaStart { at, nominal });
        to_fragmented(&mut segment);
        let inspection = segment.inspection.as_mut().unwrap();
        let track = &mut inspection.tracks[0];
        track.presentation_start = Some(MediaTime { ticks: track.start.unwrap().ticks + 7200, ..track.start.unwrap() });
        segment
    }

    fn run(segment: SegmentFacts) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember([segment]);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_timeline_names_the_decode_time_or_the_presentation_time() {
        for holds in [0.0, 0.1, -0.08, -0.18] {
            assert_holds(run(segment(holds, false)));
        }
        let found = messages(run(segment(0.102, false)));
        assert!(found.contains("begin 0.102 s after the time in the SegmentTimeline (10.000 s"), "{found}");
        assert!(messages(run(segment(-0.182, false))).contains("0.102 s before"));
    }

    #[test]
    fn a_long_sample_widens_the_tolerance() {
        let mut slow = segment(0.5, false);
        slow.inspection.as_mut().unwrap().tracks[0].sample_gap_max = Some(Seconds(0.5));
        assert_holds(run(slow));
    }

    #[test]
    fn a_number_allows_half_a_segment() {
        assert_holds(run(segment(1.1, true)));
        assert!(messages(run(segment(1.11, true))).contains("the time of its number"));
        assert!(messages(run(segment(-1.19, true))).contains("1.110 s before"));
    }

    #[test]
    fn media_further_off_than_players_are_behind_the_live_edge_are_critical() {
        let severity = |off: f64, nominal: bool| {
            let mut scene = Scene::dash(&paced());
            scene.output.renditions = vec![rendition(NAME)];
            scene.remember([segment(off, nominal)]);
            violations(check(&scene.context(), &Params::default()))[0].severity
        };
        for nominal in [false, true] {
            assert_eq!((severity(10.0, nominal), severity(10.01, nominal)), (None, Some(Severity::Critical)));
            assert_eq!(severity(-10.09, nominal), Some(Severity::Critical), "its first picture is 10.01 s early");
        }
    }

    #[test]
    fn what_has_no_time_in_the_mpd_or_none_of_its_own_is_not_judged() {
        assert_not_run(run(ts_segment(5, 99.0, 2.0)), NONE);
        let mut text = segment(9.0, false);
        text.inspection.as_mut().unwrap().tracks.clear();
        assert_not_run(run(text), NONE);
    }
}
