//! Judges whether an MPD presents audio and video of one media clock at the same time.

use crate::checks::support::select::cap_violations;
use crate::checks::{CheckContext, Violation};
use crate::facts::RenditionFacts;
use packager_media::dash::{Representation, SegmentAddressing, TimelineRun, playable_representations};
use packager_media::stream::{Media, labels};

/// Largest distance in seconds between the S elements of audio and video for the same time: packagers cut audio at the frame next
/// to the start of a picture, and the longest frames (HE-AAC at 24 kHz) last 0.085 s.
const ALIGNED: f64 = 0.1;
/// Smallest number of audio segments that have to be aligned with video segments.
const LEAST: usize = 3;

/// Returns the violations of audio whose SegmentTimeline is that of video, but whose presentationTimeOffset shifts it by more than
/// `max` seconds: the presentation time of a sample is its media time − presentationTimeOffset + Period@start (ISO/IEC 23009-1
/// 5.3.9.6, 7.2.1). Audio on a clock of its own has other times in its list, and says nothing. Empty for HLS.
pub(super) fn shifted_audio(context: &CheckContext<'_>, max: f64) -> Vec<Violation> {
    let Some(dash) = context.output.dash() else { return Vec::new() };
    let Some(period) = dash.period_at(context.now) else { return Vec::new() };
    let of = |media: Media| playable_representations(period).filter(move |(set, _)| set.media == media).map(|(_, r)| r);
    let Some(video) = of(Media::Video).find(|r| r.addressing.segments.runs().is_some()) else { return Vec::new() };
    let found = of(Media::Audio).filter_map(|audio| {
        let by = offset(&audio.addressing) - offset(&video.addressing);
        let facts = context.output.renditions.iter().find(|f| is_audio(f, audio))?;
        let name = &facts.rendition.name;
        (by.abs() > max && have_one_clock(&audio.addressing, &video.addressing, by)).then(|| violation(by, name, video))
    });
    cap_violations(found.collect())
}

fn is_audio(facts: &RenditionFacts, representation: &Representation) -> bool {
    facts.rendition.media == Media::Audio && facts.rendition.id == Some(labels::slug(&representation.id))
}

fn violation(by: f64, name: &str, video: &Representation) -> Violation {
    let side = if by > 0.0 { "before" } else { "after" };
    let message = format!(
        "the MPD presents audio {:.3} s {side} the video that was made with it: their S elements have the same times, their \
         presentationTimeOffsets differ",
        by.abs()
    );
    Violation::new(message).with("offset_seconds", -by).with("reference_line", video.line).in_rendition(name)
}

fn offset(addressing: &SegmentAddressing) -> f64 {
    addressing.presentation_time_offset as f64 / f64::from(addressing.timescale.get())
}

/// Returns whether two SegmentTimelines list the same media times: most segments begin together, and so do the oldest and the newest
/// ones. `by` is the distance of their presentationTimeOffsets in seconds. At the ends one of them may have a segment more, unless
/// `by` is a multiple of a segment: then two clocks that are so far apart would look alike.
fn have_one_clock(audio: &SegmentAddressing, video: &SegmentAddressing, by: f64) -> bool {
    let (Some(sounds), Some(pictures)) = (starts(audio), starts(video)) else { return false };
    let near = |a: Option<&f64>, b: Option<&f64>, most: f64| a.zip(b).is_some_and(|(a, b)| (a - b).abs() <= most);
    let aligned = sounds.iter().filter(|at| {
        let next = pictures.partition_point(|picture| *picture < **at - ALIGNED);
        near(Some(*at), pictures.get(next), ALIGNED)
    });
    let aligned = aligned.count();
    let Some((_, segment)) = video.listed_end() else { return false };
    let is_multiple = (by - (by / segment.0).round() * segment.0).abs() <= 2.0 * ALIGNED;
    let most = if is_multiple { ALIGNED } else { ALIGNED + segment.0 };
    near(sounds.first(), pictures.first(), most)
        && near(sounds.last(), pictures.last(), most)
        && aligned >= LEAST
        && 2 * aligned > sounds.len()
}

/// Most segments of a list that are compared: the newest ones.
const MOST: usize = 1000;

/// Returns the starts of the listed segments in seconds of media time, oldest first. `None` for segments by the clock.
fn starts(addressing: &SegmentAddressing) -> Option<Vec<f64>> {
    let scale = f64::from(addressing.timescale.get());
    let runs = addressing.segments.runs()?;
    let of_run = |run: &TimelineRun| {
        let (start, duration) = (run.start as f64, run.duration as f64);
        let count = run.count.unwrap_or(0).min(MOST as u64);
        (0..count).map(move |n| (start + n as f64 * duration) / scale)
    };
    let all = runs.iter().rev().flat_map(|run| of_run(run).collect::<Vec<_>>().into_iter().rev());
    let mut newest: Vec<f64> = all.take(MOST).collect();
    newest.reverse();
    Some(newest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    /// Makes a live MPD with video of 2 s segments from 980 s and audio. Audio has its own S elements, in ticks of 48 kHz, and
    /// both have a presentationTimeOffset in seconds.
    fn scene(audio: &str, offsets: (u64, u64)) -> Scene {
        let template = |scale: u64, offset: u64, timeline: &str| {
            format!(
                "<SegmentTemplate timescale=\"{scale}\" presentationTimeOffset=\"{}\" media=\"$RepresentationID$/$Time$\">\
                 <SegmentTimeline>{timeline}</SegmentTimeline></SegmentTemplate>",
                offset * scale
            )
        };
        let set = |kind: &str, codec: &str, template: String| {
            format!(
                "<AdaptationSet contentType=\"{kind}\" mimeType=\"{kind}/mp4\">{template}<Representation id=\"{kind}\" \
                 bandwidth=\"1\" codecs=\"{codec}\"/></AdaptationSet>"
            )
        };
        let video = set("video", "avc1.64001f", template(1000, offsets.0, "<S t=\"980000\" d=\"2000\" r=\"9\"/>"));
        let audio = set("audio", "mp4a.40.2", template(48_000, offsets.1, audio));
        Scene::dash(&dynamic(&format!("<Period id=\"p0\" start=\"PT0S\">\n{video}\n{audio}</Period>")))
    }

    /// S elements of audio that begin `late` seconds after those of video, with segments of 95 and 93 frames.
    fn sound(late: f64) -> String {
        let begin = ((980.0 + late) * 48_000.0).round() as u64;
        let pairs = "<S d=\"96256\"/><S d=\"95232\"/>".repeat(5);
        pairs.replacen("<S d", &format!("<S t=\"{begin}\" d"), 1)
    }

    fn run(audio: &str, offsets: (u64, u64)) -> Vec<Violation> {
        shifted_audio(&scene(audio, offsets).context(), 0.5)
    }

    #[test]
    fn audio_of_the_same_clock_has_the_same_offset() {
        assert_eq!(run(&sound(0.0), (0, 0)), []);
        assert_eq!(run(&sound(0.02), (5, 5)), []);
        let found = run(&sound(0.02), (0, 1));
        assert!(found[0].message.starts_with("the MPD presents audio 1.000 s before the video"), "{found:?}");
        assert_eq!((found.len(), found[0].rendition.as_deref()), (1, Some("audio")));
        assert!(run(&sound(0.0), (2, 0))[0].message.contains("audio 2.000 s after the video"));
    }

    #[test]
    fn audio_on_its_own_clock_with_a_matching_offset_is_in_sync() {
        for late in [1.0, 2.0, 4.0, 1000.0] {
            assert_eq!(run(&sound(late), (0, late as u64)), [], "{late}");
        }
        assert_eq!(run(&sound(0.3), (0, 1)), [], "the lists don't agree");
    }

    #[test]
    fn one_of_the_two_may_list_a_segment_more() {
        assert_eq!(run(&format!("{}<S d=\"96256\"/>", sound(0.0)), (0, 1)).len(), 1);
        assert_eq!(
            run(&format!("{}<S d=\"96256\"/>", sound(0.0)), (0, 2)),
            [],
            "it may be a clock that is a segment ahead"
        );
        assert_eq!(run(&sound(0.0), (0, 2)).len(), 1);
    }

    #[test]
    fn too_few_segments_and_segments_by_the_clock_say_nothing() {
        assert_eq!(run("<S t=\"47040000\" d=\"96256\"/>", (0, 1)), []);
        assert_eq!(run("<S t=\"47040000\" d=\"96000\" r=\"-1\"/>", (0, 1)), []);
        let found = shifted_audio(&Scene::live().context(), 0.5);
        assert_eq!(found, []);
    }
}
