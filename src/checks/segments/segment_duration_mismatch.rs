use crate::checks::support::select::{self, segment_violation, undamaged_inspection};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::container::Track;
use packager_media::stream::Media;

pub const META: CheckMeta = CheckMeta {
    id: "segment_duration_mismatch",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when the duration by a segment's timestamps differs from its EXTINF by more than one frame and \
           more than `tolerance`",
    reference: "draft-pantos-hls-rfc8216bis-22 3, 4.4.4.1",
    needs_history: false,
};

params! {
    /// Largest difference between the measured duration and EXTINF, as a ratio of EXTINF.
    tolerance: f64 = 0.05,
    /// Difference in seconds that is always allowed; the duration of a frame is allowed too.
    least_seconds: f64 = 0.05,
}

/// Seconds that are allowed for an EXTINF in whole seconds, which is a rounded value (4.4.4.1).
const WHOLE_SECONDS: f64 = 0.5;
/// Seconds for the rounding of decimal fractions.
const ROUNDING: f64 = 1e-6;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, "no segment with readable timestamps was inspected", |facts, past| {
        judge(facts, past, params)
    })
}

fn judge(facts: &RenditionFacts, past: &RenditionHistory, params: &Params) -> Option<Vec<Violation>> {
    let segments = select::inspected_segments(facts, past)?;
    let mut measured = segments.iter().rev().filter_map(|s| Some((*s, leading(s)?))).peekable();
    measured.peek()?;
    Some(measured.filter_map(|(s, track)| violation(s, track, params)).collect())
}

/// The track whose duration EXTINF gives: video before audio (RFC 8216bis 3). `None` for a damaged segment.
fn leading(segment: &SegmentFacts) -> Option<&Track> {
    let inspection = undamaged_inspection(segment)?;
    let of = |media| inspection.tracks.iter().find(|t| t.media == Some(media));
    let track = of(Media::Video).or_else(|| of(Media::Audio))?;
    (!segment.segment.gap && track.samples > 1 && track.duration().is_some()).then_some(track)
}

fn violation(segment: &SegmentFacts, track: &Track, params: &Params) -> Option<Violation> {
    let (declared, measured) = (segment.segment.duration.0, track.duration()?.0);
    let frame = measured / track.samples as f64;
    let rounded = if declared.fract() == 0.0 { WHOLE_SECONDS } else { 0.0 };
    let allowed = [params.least_seconds, frame, params.tolerance * declared, rounded].into_iter().fold(0.0, f64::max);
    let off = measured - declared;
    (off.abs() > allowed + ROUNDING).then(|| {
        let message = format!(
            "segment {}: it lasts {measured:.3} s by its {} timestamps; EXTINF is {declared:.3} s",
            segment.segment.number,
            track.media.map_or("media", Media::as_str),
        );
        segment_violation(segment, message)
            .with("measured_seconds", measured)
            .with("declared_seconds", declared)
            .with("allowed_seconds", allowed)
            .with("track", track.id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::units::Seconds;

    fn segment(declared: f64, measured: f64) -> SegmentFacts {
        let mut segment = ts_segment(5, 10.0, measured);
        segment.segment.duration = Seconds(declared);
        segment
    }

    fn run(segment: SegmentFacts) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember([segment]);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn five_percent_are_allowed() {
        assert_holds(run(segment(6.006, 6.006)));
        assert_holds(run(segment(6.4, 6.72)));
        assert_holds(run(segment(6.4, 6.08)));
        assert_eq!(
            messages(run(segment(6.4, 6.73))),
            "segment 5: it lasts 6.730 s by its video timestamps; EXTINF is 6.400 s"
        );
        assert_eq!(violations(run(segment(6.4, 6.07))).len(), 1);
    }

    #[test]
    fn short_segments_may_differ_by_a_frame() {
        assert_holds(run(segment(0.48, 0.53)));
        assert_eq!(violations(run(segment(0.48, 0.54))).len(), 1);
        let mut slow = segment(0.9, 1.1);
        slow.inspection.as_mut().unwrap().tracks[0].samples = 5;
        assert_holds(run(slow));
    }

    #[test]
    fn whole_seconds_are_rounded() {
        assert_holds(run(segment(6.0, 6.5)));
        assert_eq!(violations(run(segment(6.0, 6.51))).len(), 1);
    }

    #[test]
    fn audio_counts_where_there_is_no_video() {
        let mut segment = segment(2.4, 3.0);
        segment.inspection.as_mut().unwrap().tracks.remove(0);
        assert!(messages(run(segment)).contains("audio timestamps"));
    }

    #[test]
    fn damaged_or_unreadable_segments_are_not_measured() {
        let why = "no segment with readable timestamps was inspected";
        let mut lossy = segment(2.4, 9.0);
        lossy.inspection.as_mut().unwrap().ts.as_mut().unwrap().continuity_errors = 1;
        assert_not_run(run(lossy), why);
        let mut dark = segment(2.4, 9.0);
        dark.inspection.as_mut().unwrap().tracks.clear();
        assert_not_run(run(dark), why);
    }
}
