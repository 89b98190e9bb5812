use super::input::{self, about, sound};
use super::{Context, Group, Meta, Verdict, Violation};
use crate::container::{Container, Inspection, Track};
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionPast;
use crate::stream::Media;
use crate::units::MPEG_TIMESCALE;

pub const META: Meta = Meta {
    id: "av_offset",
    severity: Severity::Major,
    group: Group::Segments,
    help: "fails when audio and video of one segment start further apart than the template allows",
    reference: "draft-pantos-hls-rfc8216bis-22 3; ISO/IEC 13818-1 2.7.5; HLS authoring specification 7",
    needs_history: false,
};

params! {
    /// Most seconds between the first presentation times of audio and video. Packagers put some frames of audio into the segment before or after.
    max: f64 = 0.5,
}

pub fn check(context: &Context<'_>, params: &Params) -> Verdict {
    input::each(context, "no segment with both audio and video was inspected", |facts, past| judge(facts, past, params))
}

fn judge(facts: &RenditionFacts, past: &RenditionPast, params: &Params) -> Option<Vec<Violation>> {
    let segments = input::inspected(facts, past)?;
    let mut offsets = segments.iter().rev().filter_map(|s| Some((*s, offset(s)?))).peekable();
    offsets.peek()?;
    Some(offsets.filter(|(_, off)| off.abs() > params.max).map(|(s, off)| violation(s, off)).collect())
}

/// Seconds by which audio starts after video; of several audio tracks the one furthest off.
fn offset(segment: &SegmentFacts) -> Option<f64> {
    let inspection = sound(segment)?;
    let of = |media: Media| inspection.tracks.iter().filter(move |t| t.media == Some(media) && t.samples > 0);
    let video = of(Media::Video).next()?;
    of(Media::Audio).filter_map(|a| between(inspection, video, a)).max_by(|a, b| a.abs().total_cmp(&b.abs()))
}

fn between(inspection: &Inspection, video: &Track, audio: &Track) -> Option<f64> {
    let (video, audio) = (video.presentation_start?, audio.presentation_start?);
    let mpeg = inspection.container == Container::MpegTs && audio.timescale == MPEG_TIMESCALE;
    Some(if mpeg { audio.mpeg_since(video).0 } else { audio.since(video).0 })
}

fn violation(segment: &SegmentFacts, offset: f64) -> Violation {
    let side = if offset > 0.0 { "after" } else { "before" };
    let message = format!("segment {}: audio starts {:.3} s {side} video", segment.segment.number, offset.abs());
    about(segment, message).with("offset_seconds", offset)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const NONE: &str = "no segment with both audio and video was inspected";

    fn segment(video: f64, audio: f64) -> SegmentFacts {
        let mut segment = ts_segment(5, 0.0, 2.0);
        let tracks = vec![track(256, Media::Video, video, 2.0), track(257, Media::Audio, audio, 2.0)];
        segment.inspection.as_mut().unwrap().tracks = tracks;
        segment
    }

    fn run(segments: impl IntoIterator<Item = SegmentFacts>) -> Verdict {
        let mut scene = Scene::live();
        scene.remember(segments);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn half_a_second_holds_on_both_sides_and_more_fails() {
        assert_holds(run([segment(10.0, 10.5)]));
        assert_holds(run([segment(10.0, 9.5)]));
        assert_eq!(messages(run([segment(10.0, 10.51)])), "segment 5: audio starts 0.510 s after video");
        assert_eq!(messages(run([segment(10.0, 9.0)])), "segment 5: audio starts 1.000 s before video");
    }

    #[test]
    fn the_clock_may_wrap_between_them() {
        let wrap = (1u64 << 33) as f64 / 90_000.0;
        assert_holds(run([segment(wrap - 0.1, 0.1)]));
    }

    #[test]
    fn separate_or_empty_tracks_are_not_compared() {
        let mut alone = segment(10.0, 20.0);
        alone.inspection.as_mut().unwrap().tracks.truncate(1);
        assert_not_run(run([alone]), NONE);
        let mut empty = segment(10.0, 20.0);
        empty.inspection.as_mut().unwrap().tracks[1].samples = 0;
        assert_not_run(run([empty]), NONE);
    }
}
