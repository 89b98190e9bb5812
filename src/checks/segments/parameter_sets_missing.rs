use crate::checks::support::select::{self, segment_violation, undamaged_inspection};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::container::{Container, Track};
use packager_media::redact;

pub const META: CheckMeta = CheckMeta {
    id: "parameter_sets_missing",
    severity: Severity::Critical,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when the first key frame of a segment comes without its parameter sets (SPS and PPS of H.264; VPS, SPS and PPS \
           of HEVC; the sequence header of AV1 or MPEG-2), which are neither before it in the segment nor in the initialization segment, \
           or that lack the identifier to which its slices refer: no decoder can begin there",
    reference: "ISO/IEC 14496-10 7.4.1.2.1; ISO/IEC 23008-2 7.4.2.4.2; ISO/IEC 14496-15 5.3.3.1, 8.3.3.1; ISO/IEC 13818-2 6.1.1.6; AV1 Codec ISO \
                Media File Format Binding 2.4, 2.5",
    needs_history: false,
};

params! {}

const NONE: &str = "no segment with H.264, HEVC, AV1 or MPEG-2 was inspected";

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NONE, judge)
}

fn judge(facts: &RenditionFacts, past: &RenditionHistory) -> Option<Vec<Violation>> {
    let segments = select::segments_and_heads(facts, past)?;
    let tracks = segments.iter().rev().flat_map(|s| undamaged_inspection(s).into_iter().map(|i| (*s, i)));
    let tracks = tracks.flat_map(|(s, i)| i.tracks.iter().map(move |t| (s, i.container, t)));
    let mut video =
        tracks.filter(|(.., t)| matches!(t.codec.as_str(), "h264" | "hevc" | "av1" | "mpeg2video")).peekable();
    video.peek()?;
    Some(video.filter_map(|(segment, container, track)| violation(segment, container, track)).collect())
}

fn violation(segment: &SegmentFacts, container: Container, track: &Track) -> Option<Violation> {
    let missing = Some(track.missing_parameter_sets).filter(|m| !m.is_empty())?;
    let number = segment.segment.number;
    let (are, do_not) = if missing.sequence_header { ("is", "doesn't") } else { ("are", "don't") };
    let message = match container {
        Container::Cmaf => format!(
            "segment {number}: {missing} of {} {are} neither in the initialization segment nor before the first key frame: players \
             can't decode the picture",
            track.codec
        ),
        _ => format!(
            "segment {number}: {missing} of {} {do_not} come before the first key frame: players that begin here can't decode the \
             picture; let the encoder repeat its headers at each key frame",
            track.codec
        ),
    };
    let map = segment.segment.map.as_deref().map(|m| redact::url(&m.uri));
    let violation = segment_violation(segment, message).with("track", track.id).with("missing", missing.to_string());
    Some(if container == Container::Cmaf { violation.with("map", map) } else { violation })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::codec::parameters::ParameterSetKinds;
    use packager_media::stream::Map;

    fn run(segments: impl IntoIterator<Item = SegmentFacts>) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember(segments);
        check(&scene.context(), &Params::default())
    }

    fn without(number: u64, missing: ParameterSetKinds) -> SegmentFacts {
        let mut segment = ts_segment(number, 2.0 * number as f64, 2.0);
        segment.inspection.as_mut().unwrap().tracks[0].missing_parameter_sets = missing;
        segment
    }

    const PPS: ParameterSetKinds = ParameterSetKinds { vps: false, sps: false, pps: true, sequence_header: false };

    #[test]
    fn key_frames_with_their_parameter_sets_hold() {
        assert_holds(run([ts_segment(5, 10.0, 2.0)]));
    }

    #[test]
    fn a_key_frame_without_them_fails() {
        let found = violations(run([ts_segment(4, 8.0, 2.0), without(5, PPS)]));
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].message,
            "segment 5: PPS of h264 don't come before the first key frame: players that begin here can't decode the picture; \
             let the encoder repeat its headers at each key frame"
        );
        assert_eq!((&found[0].evidence["missing"], &found[0].evidence["track"]), (&"PPS".into(), &256.into()));
    }

    #[test]
    fn mpeg_2_needs_a_sequence_header() {
        let mut segment = without(5, ParameterSetKinds::MPEG2);
        segment.inspection.as_mut().unwrap().tracks[0].codec = "mpeg2video".to_owned();
        let message = messages(run([segment]));
        assert!(
            message.starts_with("segment 5: sequence header of mpeg2video doesn't come before the first key frame"),
            "{message}"
        );
    }

    #[test]
    fn fragments_name_their_initialization_segment() {
        let mut segment = without(5, ParameterSetKinds::H264);
        to_fragmented(&mut segment);
        segment.segment.map = Some(Map { uri: url("init.mp4?token=x"), byte_range: None, key: None }.into());
        let found = violations(run([segment]));
        let begins =
            "segment 5: SPS and PPS of h264 are neither in the initialization segment nor before the first key frame";
        assert!(found[0].message.starts_with(begins), "{}", found[0].message);
        assert_eq!(found[0].evidence["map"], "https://packager.example/tv1/init.mp4?token=***");
    }

    #[test]
    fn a_damaged_segment_is_left_to_other_checks() {
        let mut damaged = without(5, PPS);
        damaged.inspection.as_mut().unwrap().ts.as_mut().unwrap().continuity_errors = 1;
        assert_not_run(run([damaged.clone()]), NONE);
        assert_holds(run([ts_segment(4, 8.0, 2.0), damaged]));
    }

    #[test]
    fn other_codecs_are_not_judged() {
        let mut audio = ts_segment(5, 10.0, 2.0);
        audio.inspection.as_mut().unwrap().tracks.remove(0);
        assert_not_run(run([audio]), NONE);
    }
}
