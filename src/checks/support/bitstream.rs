//! Codec parameters in inspected segments, for the checks that compare them with the manifest.

use crate::checks::support::select::{self, segment_violation};
use crate::checks::{CheckContext, Violation};
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::history::RenditionHistory;
use packager_media::codec::parameters::CodecParameters;
use packager_media::container::Track;

/// A track of an inspected segment, with the codec parameters that its headers declare.
pub(in crate::checks) struct ParsedTrack<'a> {
    pub segment: &'a SegmentFacts,
    pub track: &'a Track,
    pub parameters: &'a CodecParameters,
}

impl ParsedTrack<'_> {
    /// Makes a violation whose message and evidence have the manifest's attribute, its announced value, and the value
    /// in the bitstream.
    pub(crate) fn mismatch(&self, attribute: &str, announced: &str, actual: &str) -> Violation {
        let number = self.segment.segment.number;
        let message = format!("{attribute} is {announced}; the bitstream of segment {number} has {actual}");
        segment_violation(self.segment, message)
            .with("attribute", attribute)
            .with("declared", announced)
            .with("actual", actual)
    }
}

/// Returns the tracks of an undamaged segment that have samples and readable codec parameters.
pub(in crate::checks) fn parsed_tracks(segment: &SegmentFacts) -> Vec<ParsedTrack<'_>> {
    let tracks = select::undamaged_inspection(segment).map_or(&[][..], |i| &i.tracks).iter().filter(|t| t.samples > 0);
    tracks.filter_map(|track| Some(ParsedTrack { segment, track, parameters: track.parameters.as_deref()? })).collect()
}

/// Returns the parsed tracks of all inspected segments that the rendition's attributes describe ([`select::described`]), the newest
/// segment first. `None`: there are none.
///
/// A check reports the first track that differs, because one wrong attribute is one fault, however many segments show
/// it.
pub(in crate::checks) fn newest_first<'a>(
    context: &CheckContext<'_>,
    facts: &RenditionFacts,
    past: &'a RenditionHistory,
) -> Option<Vec<ParsedTrack<'a>>> {
    parsed_newest_first(&select::described(context, select::inspected_segments(facts, past)?))
}

/// Returns the parsed tracks as [`newest_first`] does, with those of segments of which only the first bytes were fetched: codec
/// parameters stand there.
pub(in crate::checks) fn newest_first_with_heads<'a>(
    context: &CheckContext<'_>,
    facts: &RenditionFacts,
    past: &'a RenditionHistory,
) -> Option<Vec<ParsedTrack<'a>>> {
    parsed_newest_first(&select::described(context, select::segments_and_heads(facts, past)?))
}

/// Returns the parsed tracks of these segments, those of the last one first. `None`: there are none.
pub(in crate::checks) fn parsed_newest_first<'a>(segments: &[&'a SegmentFacts]) -> Option<Vec<ParsedTrack<'a>>> {
    let tracks: Vec<_> = segments.iter().rev().flat_map(|segment| parsed_tracks(segment)).collect();
    (!tracks.is_empty()).then_some(tracks)
}

/// Segments with chosen codec parameters, for the tests of checks.
#[cfg(test)]
pub(in crate::checks) mod testing {
    use super::*;
    use crate::checks::testing::{Scene, ts_segment};
    use packager_media::codec::parameters::{AudioParameters, Ratio, VideoParameters};
    use packager_media::codec::rfc6381::Codec;
    use packager_media::stream::{Rendition, Resolution};
    use std::sync::Arc;

    /// Returns the parameters of video with 1280x720 pixels and 25 frames per second.
    pub(crate) fn video(codec: &str) -> CodecParameters {
        let resolution = Some(Resolution { width: 1280, height: 720 });
        let picture = VideoParameters { resolution, frame_rate: Ratio::new(25, 1), ..VideoParameters::default() };
        CodecParameters::with_video(Codec::parse(codec).unwrap(), picture)
    }

    pub(crate) fn audio(codec: &str, channels: u16, rate: u32) -> CodecParameters {
        let sound = AudioParameters { channels: Some(channels), ..AudioParameters::at_rate(rate) };
        CodecParameters::with_audio(Codec::parse(codec).unwrap(), sound)
    }

    /// Returns the parameters of stereo AAC at 48 kHz.
    pub(crate) fn stereo() -> CodecParameters {
        audio("mp4a.40.2", 2, 48_000)
    }

    /// Makes a transport stream segment of 2 s with a video and an audio track that have these parameters.
    pub(crate) fn segment_with(number: u64, video: CodecParameters, audio: CodecParameters) -> SegmentFacts {
        let mut segment = ts_segment(number, 2.0 * number as f64, 2.0);
        let tracks = &mut segment.inspection.as_mut().unwrap().tracks;
        for (track, parameters) in tracks.iter_mut().zip([video, audio]) {
            track.parameters = Some(Arc::new(parameters));
        }
        segment
    }

    /// Makes a test input: a rendition with one segment that has this video and stereo AAC. `change` changes what the
    /// manifest announces for the rendition.
    pub(crate) fn scene_with(video: CodecParameters, change: impl FnOnce(&mut Rendition)) -> Scene {
        let mut scene = Scene::live();
        scene.remember([segment_with(5, video, stereo())]);
        change(&mut scene.rendition().rendition);
        scene
    }
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;
    use crate::checks::testing::*;
    use packager_media::stream::Media;

    fn numbers(scene: &Scene) -> Option<Vec<(u64, Option<Media>)>> {
        let context = scene.context();
        let (facts, past) = context.renditions().next().unwrap();
        let tracks = newest_first(&context, facts, past)?;
        Some(tracks.iter().map(|t| (t.segment.segment.number, t.track.media)).collect())
    }

    #[test]
    fn tracks_come_from_the_newest_segment_first() {
        let mut scene = Scene::live();
        scene.remember([5, 6].map(|n| segment_with(n, video("avc1.64001f"), stereo())));
        let (picture, sound) = (Some(Media::Video), Some(Media::Audio));
        assert_eq!(numbers(&scene).unwrap(), [(6, picture), (6, sound), (5, picture), (5, sound)]);
    }

    #[test]
    fn tracks_of_another_period_are_left_out() {
        let listed = |id: &str, start: u32| period(id, start, "<S t=\"0\" d=\"2000\" r=\"9\"/>");
        let mut scene = Scene::dash(&dynamic(&(listed("p0", 960) + &listed("p1", 980))));
        let segments = [(5, 960), (6, 980)].map(|(n, sequence)| {
            let mut segment = segment_with(n, video("avc1.64001f"), stereo());
            segment.segment.discontinuity_sequence = sequence;
            std::sync::Arc::new(segment)
        });
        let past = RenditionHistory { segments: segments.to_vec(), ..RenditionHistory::default() };
        scene.history.renditions = [(scene.output.renditions[0].rendition.name.clone(), past)].into();
        let (picture, sound) = (Some(Media::Video), Some(Media::Audio));
        assert_eq!(numbers(&scene).unwrap(), [(6, picture), (6, sound)]);
    }

    #[test]
    fn tracks_without_samples_or_parameters_and_damaged_segments_are_left_out() {
        let mut segment = segment_with(5, video("avc1.64001f"), stereo());
        segment.inspection.as_mut().unwrap().tracks[0].samples = 0;
        let mut scene = Scene::live();
        scene.remember([segment.clone()]);
        assert_eq!(numbers(&scene).unwrap(), [(5, Some(Media::Audio))]);
        segment.inspection.as_mut().unwrap().tracks[1].parameters = None;
        scene.remember([segment]);
        assert_eq!(numbers(&scene), None);
        let mut damaged = segment_with(5, video("avc1.64001f"), stereo());
        damaged.inspection.as_mut().unwrap().ts.as_mut().unwrap().continuity_errors = 1;
        scene.remember([damaged]);
        assert_eq!(numbers(&scene), None);
    }
}
