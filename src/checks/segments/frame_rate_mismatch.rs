use crate::checks::support::bitstream::{self, ParsedTrack};
use crate::checks::support::select;
use crate::checks::support::terms::{Terms, terms};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::codec::parameters::VideoParameters;
use packager_media::stream::Media;
use packager_media::units;

pub const META: CheckMeta = CheckMeta {
    id: "frame_rate_mismatch",
    severity: Severity::Minor,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when the announced frame rate (FRAME-RATE of HLS, @frameRate of DASH) differs by more than `tolerance` both from the \
           timing in the bitstream and from the pictures a second that were counted in the fastest segment",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.6.2",
    needs_history: false,
};

params! {
    /// Largest allowed difference between the measured and the announced frame rate, as a ratio of the announced one.
    /// FRAME-RATE is rounded to three decimals, and 59.94 is often announced as 60.
    tolerance: f64 = 0.01,
    /// Shortest segment, in seconds, in which frames are counted.
    min_duration: f64 = 1.0,
}

const MISSING: &str = "no frame rate is announced, or no segment that is long enough was inspected";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let terms = terms(context.output.protocol());
    select::judge_renditions(context, MISSING, |facts, past| {
        let announced = facts.rendition.frame_rate.filter(|rate| *rate > 0.0)?;
        let tracks = bitstream::newest_first(context, facts, past)?;
        let counted = tracks.iter().filter_map(|track| Counted::of(track, params));
        // FRAME-RATE is the highest rate in the variant.
        let fastest = counted.max_by(|a, b| a.rate.total_cmp(&b.rate))?;
        let violation = fastest.mismatch(announced, terms, params);
        Some(violation.map(|v| v.with("line", facts.rendition.line)).into_iter().collect())
    })
}

/// A video track whose frames were counted.
struct Counted<'a> {
    track: &'a ParsedTrack<'a>,
    picture: VideoParameters,
    /// Measured frame rate in frames per second.
    rate: f64,
    /// Frames per second by which the measured rate changes with one frame more or less.
    resolution: f64,
}

impl<'a> Counted<'a> {
    /// Counts the frames of a track. `None` for audio, for a track without readable video parameters, and for one
    /// shorter than `min_duration`.
    fn of(track: &'a ParsedTrack<'a>, params: &Params) -> Option<Self> {
        let picture = track.parameters.video.filter(|_| track.track.media == Some(Media::Video))?;
        let duration = track.track.duration()?.0;
        let rate = track.track.samples as f64 / duration;
        (duration >= params.min_duration).then(|| Self { track, picture, rate, resolution: 1.0 / duration })
    }

    fn mismatch(&self, announced: f64, terms: &Terms, params: &Params) -> Option<Violation> {
        let near = |rate: f64, slack: f64| (rate - announced).abs() <= announced * params.tolerance + slack;
        // Interlaced video may be announced in fields or in frames.
        let factors: &[f64] = if self.picture.interlaced { &[1.0, 0.5, 2.0] } else { &[1.0] };
        let coded = self.picture.frame_rate.map(|r| r.value());
        let fits = |factor: &f64| {
            near(self.rate * factor, self.resolution) || coded.is_some_and(|coded| near(coded * factor, 0.0))
        };
        if factors.iter().any(fits) {
            return None;
        }
        let (announced, actual) = units::distinct(announced, coded.unwrap_or(self.rate), 3);
        let violation = self.track.mismatch(terms.frame_rate, &announced, &actual);
        Some(violation.with("measured", self.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::support::bitstream::testing::*;
    use crate::checks::testing::*;
    use packager_media::codec::parameters::Ratio;

    /// Makes a test input: a segment of 2 s that has `samples` frames and the frame rate `coded` in its bitstream.
    /// `announced` is the frame rate in the manifest.
    fn scene(announced: f64, coded: Option<Ratio>, samples: u64, interlaced: bool) -> Scene {
        let mut actual = video("avc1.64001f");
        let picture = actual.video.as_mut().unwrap();
        (picture.frame_rate, picture.interlaced) = (coded, interlaced);
        let mut scene = Scene::live();
        let mut segment = segment_with(5, actual, stereo());
        segment.inspection.as_mut().unwrap().tracks[0].samples = samples;
        scene.remember([segment]);
        scene.rendition().rendition.frame_rate = Some(announced);
        scene
    }

    fn run(announced: f64, coded: Option<Ratio>, samples: u64, interlaced: bool) -> CheckVerdict {
        check(&scene(announced, coded, samples, interlaced).context(), &Params::default())
    }

    #[test]
    fn a_rate_that_the_timing_or_the_pictures_confirm_holds() {
        assert_holds(run(59.94, Ratio::new(60_000, 1001), 120, false));
        assert_holds(run(60.0, Ratio::new(60_000, 1001), 120, false));
        assert_holds(run(50.0, Ratio::new(50, 1), 50, false));
        assert_holds(run(50.0, Ratio::new(25, 1), 100, false));
    }

    #[test]
    fn one_picture_more_or_less_is_within_the_resolution_of_the_count() {
        assert_holds(run(25.0, None, 51, false));
        assert_holds(run(25.0, None, 49, false));
        assert_eq!(violations(run(25.0, None, 52, false)).len(), 1, "26 pictures a second");
        assert_eq!(violations(run(25.0, None, 48, false)).len(), 1, "24 pictures a second");
    }

    #[test]
    fn the_tolerance_is_a_ratio_of_the_announced_rate() {
        assert_holds(run(100.0, Ratio::new(99, 1), 50, false));
        assert_holds(run(100.0, Ratio::new(101, 1), 50, false));
        assert_eq!(violations(run(100.0, Ratio::new(989, 10), 50, false)).len(), 1);
        assert_eq!(violations(run(100.0, Ratio::new(1011, 10), 50, false)).len(), 1);
    }

    #[test]
    fn the_message_has_the_announced_and_the_coded_rate() {
        let message = "FRAME-RATE is 50.000; the bitstream of segment 5 has 25.000";
        assert_eq!(messages(run(50.0, Ratio::new(25, 1), 50, false)), message);
        let found = violations(run(50.0, None, 60, false));
        assert_eq!(found[0].message, "FRAME-RATE is 50.000; the bitstream of segment 5 has 30.000");
        assert_eq!((&found[0].evidence["measured"], &found[0].evidence["line"]), (&30.0.into(), &4.into()));
        assert_eq!(found[0].rendition.as_deref(), Some(NAME));
    }

    #[test]
    fn interlaced_video_may_be_announced_in_fields_or_in_frames() {
        assert_holds(run(50.0, Ratio::new(25, 1), 50, true));
        assert_holds(run(25.0, None, 100, true));
        assert_eq!(violations(run(100.0, None, 50, true)).len(), 1);
    }

    #[test]
    fn the_fastest_segment_counts() {
        let mut scene = scene(50.0, None, 50, false);
        let fast = scene.past().segments.iter().map(|s| (**s).clone()).next().unwrap();
        let mut slow = fast.clone();
        slow.segment.number = 6;
        let mut fast = fast;
        fast.inspection.as_mut().unwrap().tracks[0].samples = 100;
        scene.remember([fast, slow]);
        assert_holds(check(&scene.context(), &Params::default()));
    }

    #[test]
    fn it_runs_only_with_an_announced_rate_and_a_segment_that_is_long_enough() {
        assert_not_run(run(0.0, None, 50, false), MISSING);
        let mut scene = scene(50.0, None, 50, false);
        let run = |scene: &Scene, min_duration| check(&scene.context(), &Params { min_duration, ..Params::default() });
        assert_eq!(violations(run(&scene, 2.0)).len(), 1);
        assert_not_run(run(&scene, 2.01), MISSING);
        scene.rendition().rendition.frame_rate = None;
        assert_not_run(run(&scene, 1.0), MISSING);
    }
}
