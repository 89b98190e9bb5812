use crate::checks::support::select::{self, segment_violation, undamaged_inspection};
use crate::checks::support::terms::{Terms, terms};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::container::Track;
use packager_media::stream::Media;
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "segment_duration_mismatch",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when the duration by a segment's timestamps differs from its EXTINF, or from its duration in the MPD, by more than \
           one frame and more than `tolerance`; @duration of DASH is approximate, so that half of it more is allowed",
    reference: "draft-pantos-hls-rfc8216bis-22 3, 4.4.4.1; ISO/IEC 23009-1 5.3.9.2.1; DASH-IF IOP 4.3 3.2.7.1",
    needs_history: false,
};

params! {
    /// Largest allowed difference between the measured and the declared duration of a segment, as a ratio of the
    /// declared one.
    tolerance: f64 = 0.05,
    /// Difference that is allowed in addition to the other tolerances if an MPD declares one @duration for all
    /// segments, as a ratio of @duration.
    nominal_ratio: f64 = 0.5,
    /// Difference in seconds between the measured and the declared duration that is always allowed. The duration of a
    /// frame is always allowed too.
    least_seconds: f64 = 0.05,
}

/// Difference in seconds that is allowed for an EXTINF in whole seconds, which is a rounded value (RFC 8216bis
/// 4.4.4.1).
const WHOLE_SECONDS: f64 = 0.5;
/// Longest frame, as a multiple of the mean one, up to which a frame rate is constant.
const VARIABLE: f64 = 1.2;
/// Tolerance in seconds for the binary representation of decimal fractions.
const ROUNDING: f64 = 1e-6;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let terms = terms(context.output.protocol());
    select::judge_renditions(context, "no segment with readable timestamps was inspected", |facts, past| {
        judge(facts, past, terms, params)
    })
}

fn judge(facts: &RenditionFacts, past: &RenditionHistory, terms: &Terms, params: &Params) -> Option<Vec<Violation>> {
    let segments = select::inspected_segments(facts, past)?;
    let mut measured = segments.iter().rev().filter_map(|s| Some((*s, leading(s)?))).peekable();
    measured.peek()?;
    let found = measured.filter_map(|(s, track)| {
        let violation = violation(s, track, terms, params)?;
        (!ends_period(facts, s, track) && !is_presented_as_declared(&segments, s, track)).then_some(violation)
    });
    Some(found.collect())
}

/// Whether the next segment is presented where this one ends by its declared duration, although its decode times say otherwise: at a
/// variable frame rate the last picture in decoding order needn't be the last one that is shown.
fn is_presented_as_declared(segments: &[&SegmentFacts], segment: &SegmentFacts, track: &Track) -> bool {
    let frame = track.duration().map_or(0.0, |duration| duration.0 / track.samples as f64);
    let is_variable = track.sample_gap_max.is_some_and(|gap| gap.0 > frame * VARIABLE);
    let next = segments.iter().find(|next| next.segment.follows(segment.segment.number) && !next.segment.discontinuity);
    let presented = || {
        let begin = leading(next?)?.presentation_start?;
        begin.since(track.presentation_start?)
    };
    let fits = |presented: Seconds| (presented - segment.segment.duration).0.abs() <= frame + ROUNDING;
    track.media == Some(Media::Video) && is_variable && presented().is_some_and(fits)
}

/// Whether a segment is shorter than the MPD's @duration because its Period ends, so that the next segment begins
/// another Period.
fn ends_period(facts: &RenditionFacts, segment: &SegmentFacts, track: &Track) -> bool {
    let nominal = segment.segment.media_start.is_some_and(|start| start.nominal);
    let shorter = track.duration().is_some_and(|d| d < segment.segment.duration);
    let listed = || facts.timeline.as_deref().map(|t| &t.segments[..]).unwrap_or_default().iter();
    let next = || listed().find(|s| s.after == Some(segment.segment.number));
    nominal && shorter && next().is_some_and(|s| s.discontinuity)
}

/// Returns the track whose duration EXTINF declares: video before audio (RFC 8216bis 3). `None`: the segment is
/// damaged, a gap, or its duration can't be measured.
fn leading(segment: &SegmentFacts) -> Option<&Track> {
    let inspection = undamaged_inspection(segment)?;
    let of = |media| inspection.tracks.iter().find(|t| t.media == Some(media));
    let track = of(Media::Video).or_else(|| of(Media::Audio))?;
    (!segment.segment.gap && track.samples > 1 && track.duration().is_some()).then_some(track)
}

fn violation(segment: &SegmentFacts, track: &Track, terms: &Terms, params: &Params) -> Option<Violation> {
    let (declared, measured) = (segment.segment.duration.0, track.duration()?.0);
    let frame = measured / track.samples as f64;
    let rounded = if declared.fract() == 0.0 { WHOLE_SECONDS } else { 0.0 };
    let nominal = segment.segment.media_start.is_some_and(|start| start.nominal);
    let approximate = if nominal { params.nominal_ratio * declared } else { 0.0 };
    let close = [params.least_seconds, frame, params.tolerance * declared, rounded].into_iter().fold(0.0, f64::max);
    let allowed = close + approximate;
    let off = measured - declared;
    (off.abs() > allowed + ROUNDING).then(|| {
        let message = format!(
            "segment {}: it lasts {measured:.3} s by its {} timestamps; {} is {declared:.3} s",
            segment.segment.number,
            track.media.map_or("media", Media::as_str),
            terms.segment_duration,
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
    use packager_media::stream::MediaStart;
    use packager_media::units::MediaTime;
    use std::num::NonZeroU32;

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
    fn pictures_of_a_variable_rate_last_until_the_next_segment_is_presented() {
        let run = |gap: f64, next_at: f64| {
            let at = |mut segment: SegmentFacts, presented: f64| {
                let video = &mut segment.inspection.as_mut().unwrap().tracks[0];
                video.presentation_start = Some(MediaTime::mpeg((presented * 90_000.0) as u64));
                video.sample_gap_max = Some(Seconds(gap));
                segment
            };
            let mut next = ts_segment(6, 12.0, 1.8);
            next.segment.duration = Seconds(1.8);
            let mut scene = Scene::live();
            scene.remember([at(segment(1.8, 2.0), 10.0), at(next, next_at)]);
            check(&scene.context(), &Params::default())
        };
        assert_holds(run(0.2, 11.8));
        assert_eq!(violations(run(0.2, 12.0)).len(), 1, "the next one begins later");
        assert_eq!(violations(run(0.04, 11.8)).len(), 1, "at a constant rate decode times tell the duration");
    }

    #[test]
    fn a_duration_for_all_segments_of_an_mpd_is_approximate() {
        let run = |measured: f64, nominal: bool| {
            let mut segment = segment(6.4, measured);
            let at = MediaTime::new(10_000, NonZeroU32::new(1000).unwrap());
            segment.segment.media_start = Some(MediaStart { at, nominal });
            let mut scene = Scene::live();
            scene.become_dash();
            scene.remember([segment]);
            check(&scene.context(), &Params::default())
        };
        // A half and 5 %.
        assert_holds(run(9.92, true));
        assert_holds(run(2.88, true));
        let message = "segment 5: it lasts 9.930 s by its video timestamps; its duration in the MPD is 6.400 s";
        assert_eq!(messages(run(9.93, true)), message);
        assert_eq!(violations(run(2.87, true)).len(), 1);
        assert_eq!(violations(run(6.73, false)).len(), 1, "a SegmentTimeline is exact");
    }

    #[test]
    fn the_last_segment_of_a_period_may_be_shorter_than_the_duration() {
        let run = |discontinuity: bool| {
            let mut short = segment(6.4, 1.0);
            let at = MediaTime::new(10_000, NonZeroU32::new(1000).unwrap());
            short.segment.media_start = Some(MediaStart { at, nominal: true });
            let mut scene = Scene::live();
            scene.become_dash();
            *scene.timeline() = timeline(5, 6);
            scene.timeline().segments[1].discontinuity = discontinuity;
            scene.remember([short]);
            check(&scene.context(), &Params::default())
        };
        assert_holds(run(true));
        assert_eq!(violations(run(false)).len(), 1);
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
        let mut single = segment(2.4, 9.0);
        single.inspection.as_mut().unwrap().tracks[0].samples = 1;
        assert_not_run(run(single), why);
    }
}
