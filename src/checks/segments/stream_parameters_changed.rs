use crate::checks::support::bitstream::{self, ParsedTrack, parsed_tracks};
use crate::checks::support::select::{self, segment_violation, undamaged_inspection};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::SegmentFacts;
use crate::finding::Severity;
use packager_media::codec::parameters::{AudioParameters, CodecParameters, VideoParameters};
use packager_media::codec::rfc6381::Codec;
use packager_media::container::{Container, Inspection};
use packager_media::stream::Media;

pub const META: CheckMeta = CheckMeta {
    id: "stream_parameters_changed",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when resolution, video range, sample rate or number of channels changes inside a segment, or these, the container or the codec of \
           fragmented MP4 between two segments without a discontinuity; a warning for the channels of AC-3 and E-AC-3, of which each frame says its own",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.3",
    needs_history: false,
};

params! {}

const MISSING: &str = "no segment with readable codec parameters was inspected";

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    select::judge_renditions(context, MISSING, |facts, past| {
        let segments = select::inspected_segments(facts, past)?;
        let tracks = bitstream::parsed_newest_first(&segments)?;
        let inside = tracks.iter().find_map(changed_inside);
        let pairs = select::listed_pairs(&segments, past).into_iter().rev();
        let between = pairs.filter_map(|(before, next)| changed_between(before, next)).next();
        Some([inside, between].into_iter().flatten().collect())
    })
}

fn changed_inside(track: &ParsedTrack<'_>) -> Option<Violation> {
    let changed = track.track.changed_parameters.as_deref()?;
    let (first, then) = difference(track.parameters, changed)?;
    let number = track.segment.segment.number;
    let message = format!("segment {number} begins with {first} and changes to {then} without a discontinuity");
    let violation = rated(segment_violation(track.segment, message), track.parameters, changed);
    Some(violation.with("declared", first).with("actual", then))
}

fn changed_between(before: &SegmentFacts, next: &SegmentFacts) -> Option<Violation> {
    if let Some((was, is)) = container_or_codec(before, next) {
        let (number, last) = (next.segment.number, before.segment.number);
        let message = format!("segment {number} is {is} and segment {last} before it {was}, without a discontinuity");
        return Some(segment_violation(next, message).with("declared", was).with("actual", is));
    }
    let old = parsed_tracks(before);
    parsed_tracks(next).iter().find_map(|new| {
        let same_track = old.iter().find(|s| s.track.id == new.track.id)?;
        let (was, is) = difference(same_track.parameters, new.parameters)?;
        let (number, last) = (next.segment.number, before.segment.number);
        let message = format!("segment {number} has {is} and segment {last} before it {was}, without a discontinuity");
        let violation = rated(segment_violation(next, message), same_track.parameters, new.parameters);
        Some(violation.with("declared", was).with("actual", is))
    })
}

/// Returns the containers of two segments, or the codecs of the one track of a kind in fragmented MP4, if they differ. Those of a transport stream
/// stand in its tables, which `ts_tables_invalid` compares.
fn container_or_codec(before: &SegmentFacts, next: &SegmentFacts) -> Option<(String, String)> {
    let (a, b) = (undamaged_inspection(before)?, undamaged_inspection(next)?);
    if let Some((was, is)) = container_name(a).zip(container_name(b)).filter(|(was, is)| was != is) {
        return Some((was.to_owned(), is.to_owned()));
    }
    let only = |i: &Inspection, media: Media| {
        let mut codecs = i.tracks.iter().filter(|t| t.media == Some(media)).map(|t| t.codec.clone());
        codecs.next().filter(|_| codecs.next().is_none())
    };
    let is_fragmented = a.container == Container::Cmaf;
    let codecs = [Media::Video, Media::Audio].into_iter().filter_map(|media| only(a, media).zip(only(b, media)));
    codecs.filter(|_| is_fragmented).find(|(was, is)| was != is)
}

/// Returns the name of the container of a segment with sound or picture; `None` for another segment.
fn container_name(inspection: &Inspection) -> Option<&'static str> {
    match inspection.container {
        Container::MpegTs => Some("MPEG-TS"),
        Container::Cmaf => Some("fragmented MP4"),
        Container::PackedAudio => Some("packed audio"),
        Container::WebVtt | Container::Ttml | Container::Unknown => None,
    }
}

/// Makes the violation a warning if only the channels of AC-3 or E-AC-3 differ. Their decoders take them from each frame: broadcasts change
/// between stereo and 5.1 with their programmes.
fn rated(violation: Violation, a: &CodecParameters, b: &CodecParameters) -> Violation {
    let is_dolby = |parameters: &CodecParameters| matches!(parameters.codec, Codec::Ac3 | Codec::Eac3);
    let with_channels_of_a = |b: &CodecParameters| {
        let channels = a.audio.and_then(|sound| sound.channels);
        CodecParameters { audio: b.audio.map(|sound| AudioParameters { channels, ..sound }), ..b.clone() }
    };
    match is_dolby(a) && is_dolby(b) && difference(a, &with_channels_of_a(b)).is_none() {
        true => violation.severity(Severity::Warning),
        false => violation,
    }
}

/// Returns the first parameter that differs in a way that a player's decoder notices, as two texts with its unit: that
/// of `a` and that of `b`.
fn difference(a: &CodecParameters, b: &CodecParameters) -> Option<(String, String)> {
    let sound = a.audio.zip(b.audio);
    let picture = a.video.zip(b.video);
    let unit = |unit: &'static str| move |(a, b): (String, String)| (format!("{a}{unit}"), format!("{b}{unit}"));
    let text = |a: Option<u32>, b: Option<u32>| a.zip(b).map(|(a, b)| (a.to_string(), b.to_string()));
    let rate = sound.and_then(|(a, b)| text(a.sample_rate, b.sample_rate)).map(unit(" Hz"));
    let channels = |s: AudioParameters| s.channels.map(u32::from);
    let channels = sound.and_then(|(a, b)| text(channels(a), channels(b))).map(unit(" channels"));
    let size = |p: VideoParameters| p.resolution.map(|r| r.to_string());
    let size = picture.and_then(|(a, b)| size(a).zip(size(b))).map(unit(" pixels"));
    let range = |p: VideoParameters| p.dynamic_range().map(|r| r.as_str().to_owned());
    let range = picture.and_then(|(a, b)| range(a).zip(range(b))).map(unit(" range"));
    [rate, channels, size, range].into_iter().flatten().find(|(a, b)| a != b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::support::bitstream::testing::*;
    use crate::checks::testing::*;
    use packager_media::stream::{Map, Resolution};
    use std::sync::Arc;

    /// Runs stream_parameters_changed on one segment in the middle of which every track's parameters change.
    fn inside(change: &dyn Fn(&mut CodecParameters)) -> CheckVerdict {
        let mut segment = segment_with(5, video("avc1.64001f"), stereo());
        for track in &mut segment.inspection.as_mut().unwrap().tracks {
            let mut changed = track.parameters.as_deref().unwrap().clone();
            change(&mut changed);
            track.changed_parameters = Some(Arc::new(changed));
        }
        let mut scene = Scene::live();
        scene.remember([segment]);
        check(&scene.context(), &Params::default())
    }

    fn smaller(p: &mut CodecParameters) {
        p.video.iter_mut().for_each(|p| p.resolution = Some(Resolution { width: 960, height: 540 }));
    }

    #[test]
    fn another_resolution_or_channel_count_inside_a_segment_fails() {
        let message = "segment 5 begins with 1280x720 pixels and changes to 960x540 pixels without a discontinuity";
        assert_eq!(messages(inside(&smaller)), message);
        let found = messages(inside(&|p| p.audio.iter_mut().for_each(|s| s.channels = Some(6))));
        assert!(found.contains("2 channels and changes to 6 channels"), "{found}");
    }

    #[test]
    fn another_level_inside_a_segment_holds() {
        assert_holds(inside(&|p| p.level = None));
    }

    fn between(next: CodecParameters, discontinuity: bool) -> CheckVerdict {
        let mut scene = Scene::live();
        let mut second = segment_with(6, video("avc1.64001f"), next);
        second.segment.discontinuity = discontinuity;
        scene.remember([segment_with(5, video("avc1.64001f"), stereo()), second]);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn another_sample_rate_between_segments_fails_without_a_discontinuity() {
        assert_holds(between(audio("mp4a.40.2", 2, 48_000), false));
        assert_holds(between(audio("mp4a.40.2", 2, 44_100), true));
        let found = violations(between(audio("mp4a.40.2", 2, 44_100), false));
        let message = "segment 6 has 44100 Hz and segment 5 before it 48000 Hz, without a discontinuity";
        assert_eq!((found.len(), found[0].message.as_str()), (1, message));
        assert_eq!(found[0].rendition.as_deref(), Some(NAME));
    }

    #[test]
    fn another_container_or_codec_fails_without_a_discontinuity() {
        let run = |change: fn(&mut [SegmentFacts; 2])| {
            let mut segments = [ts_segment(5, 10.0, 2.0), ts_segment(6, 12.0, 2.0)];
            segments.iter_mut().for_each(to_fragmented);
            let parameters = video("avc1.64001f");
            segments.iter_mut().for_each(|s| {
                s.inspection.as_mut().unwrap().tracks[0].parameters = Some(Arc::new(parameters.clone()));
            });
            change(&mut segments);
            let mut scene = Scene::live();
            scene.remember(segments);
            check(&scene.context(), &Params::default())
        };
        fn inspection(segment: &mut SegmentFacts) -> &mut Inspection {
            segment.inspection.as_mut().unwrap()
        }
        assert_holds(run(|_| {}));
        let found = messages(run(|[_, next]| inspection(next).container = Container::MpegTs));
        assert_eq!(found, "segment 6 is MPEG-TS and segment 5 before it fragmented MP4, without a discontinuity");
        let found = messages(run(|[_, next]| inspection(next).tracks[0].codec = "hevc".to_owned()));
        assert_eq!(found, "segment 6 is hevc and segment 5 before it h264, without a discontinuity");
        assert_holds(run(|[_, next]| {
            inspection(next).tracks[0].codec = "hevc".to_owned();
            next.segment.discontinuity = true;
        }));
        assert_holds(run(|both| {
            both.iter_mut().for_each(|s| inspection(s).container = Container::MpegTs);
            inspection(&mut both[1]).tracks[0].codec = "hevc".to_owned();
        }));
    }

    #[test]
    fn the_channels_of_ac3_change_with_the_programme() {
        let between = |first: &str, second: CodecParameters| {
            let mut scene = Scene::live();
            let first = segment_with(5, video("avc1.64001f"), audio(first, 2, 48_000));
            scene.remember([first, segment_with(6, video("avc1.64001f"), second)]);
            violations(check(&scene.context(), &Params::default())).remove(0).severity
        };
        for codec in ["ac-3", "ec-3"] {
            assert_eq!(between(codec, audio(codec, 6, 48_000)), Some(Severity::Warning));
            assert_eq!(between(codec, audio(codec, 6, 44_100)), None, "the sample rate too");
        }
        assert_eq!(between("mp4a.40.2", audio("mp4a.40.2", 6, 48_000)), None);
    }

    #[test]
    fn another_initialization_segment_is_no_discontinuity() {
        let mut scene = Scene::live();
        let mut second = segment_with(6, video("avc1.64001f"), audio("mp4a.40.2", 2, 44_100));
        let uri = url("new/init.mp4");
        second.segment.map = Some(Arc::new(Map { uri, byte_range: None, key: None }));
        scene.remember([segment_with(5, video("avc1.64001f"), stereo()), second]);
        assert_eq!(violations(check(&scene.context(), &Params::default())).len(), 1);
    }

    #[test]
    fn only_tracks_with_the_same_id_are_compared() {
        let mut scene = Scene::live();
        let mut second = segment_with(6, video("avc1.64001f"), audio("mp4a.40.2", 2, 44_100));
        second.inspection.as_mut().unwrap().tracks[1].id = 300;
        scene.remember([segment_with(5, video("avc1.64001f"), stereo()), second]);
        assert_holds(check(&scene.context(), &Params::default()));
    }

    #[test]
    fn a_change_inside_and_one_between_segments_are_two_violations() {
        let mut first = segment_with(5, video("avc1.64001f"), stereo());
        let track = &mut first.inspection.as_mut().unwrap().tracks[0];
        let mut changed = track.parameters.as_deref().unwrap().clone();
        smaller(&mut changed);
        track.changed_parameters = Some(Arc::new(changed));
        let mut scene = Scene::live();
        scene.remember([first, segment_with(6, video("avc1.64001f"), audio("mp4a.40.2", 6, 48_000))]);
        assert_eq!(violations(check(&scene.context(), &Params::default())).len(), 2);
    }

    #[test]
    fn without_parameters_it_does_not_run() {
        let mut scene = Scene::live();
        let mut segment = ts_segment(5, 10.0, 2.0);
        segment.inspection.as_mut().unwrap().tracks.iter_mut().for_each(|t| t.parameters = None);
        scene.remember([segment]);
        assert_not_run(check(&scene.context(), &Params::default()), MISSING);
    }
}
