use crate::checks::support::select::{self, complete_inspection, segment_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentExtent, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::container::{SyncFlagMismatch, Track};
use packager_media::stream::Media;
use packager_media::units;

pub const META: CheckMeta = CheckMeta {
    id: "keyframe_missing",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when the video of a segment doesn't start with a random access point, key frames are more than \
           `max_interval` apart, or all key frames of H.264 in transport streams are recovery points without random_access_indicator, from which \
           Android's players don't start; critical when the newest consecutive segments have none for 10 s: nobody can start or switch. In fragmented \
           MP4 the sample flags say which pictures are key frames; also fails when they call an IDR picture at the start none, and, minor, when \
           they call P or B pictures key frames (major for the first one of a segment)",
    reference: "draft-pantos-hls-rfc8216bis-22 3, 4.4.2.1; ISO/IEC 23000-19 7.3.2.2; ISO/IEC 14496-12 8.8.3.1",
    needs_history: false,
};

params! {
    /// Longest time in seconds between key frames. If it is not set, the interval isn't judged.
    max_interval: Option<f64> = None,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, "no segment with readable video was inspected", |facts, past| {
        judge(facts, past, params)
    })
}

fn judge(facts: &RenditionFacts, past: &RenditionHistory, params: &Params) -> Option<Vec<Violation>> {
    let segments = select::segments_and_heads(facts, past)?;
    let tracks: Vec<_> = segments.iter().rev().filter_map(|s| Some((*s, video(s)?))).collect();
    tracks.first()?;
    let found = tracks.iter().filter_map(|(s, track)| violation(s, track, params));
    // Some players look at the pictures, whatever the flags say.
    let has_key_frames = tracks.iter().any(|(_, track)| track.flag_mismatch.is_some_and(|m| m.false_non_sync > 0));
    let nobody_starts = is_without(&tracks) && !has_key_frames;
    let rated = found.map(|v| if nobody_starts { v.severity(Severity::Critical) } else { v });
    Some(rated.chain(unmarked(&tracks)).collect())
}

/// Number of key frames that show how a packager makes all of them.
const ENOUGH_KEY_FRAMES: u64 = 2;

/// Returns a violation if no segment has an IDR picture, and no recovery point is marked by random_access_indicator: Media3 waits for one
/// of them. `newest_first` are the inspected segments.
fn unmarked(newest_first: &[(&SegmentFacts, &Track)]) -> Option<Violation> {
    let (newest, track) = newest_first.first()?;
    let all = || newest_first.iter().map(|(_, track)| track);
    let count: u64 = all().map(|t| t.keyframes).sum();
    let unmarked: u64 = all().map(|t| t.unmarked_recovery_points).sum();
    if count < ENOUGH_KEY_FRAMES || count != unmarked {
        return None;
    }
    let message = format!(
        "segment {}: none of {count} key frames is an IDR picture, and their packets have no random_access_indicator: Android's players \
         (Media3) never begin",
        newest.segment.number
    );
    Some(segment_violation(newest, message).with("track", track.id).with("keyframes", count))
}

/// Time in seconds without a key frame after which players that wait for one have given up.
const LONGEST_WAIT: f64 = 10.0;

/// Whether none of the newest consecutive segments has a key frame, for at least [`LONGEST_WAIT`]. Of a segment of which only the first bytes
/// were fetched nobody knows it. `newest_first` are the inspected segments.
fn is_without(newest_first: &[(&SegmentFacts, &Track)]) -> bool {
    let (mut lasts, mut later) = (0.0, None::<&SegmentFacts>);
    for (facts, track) in newest_first {
        let goes_on = later.is_none_or(|later| later.segment.follows(facts.segment.number));
        if !goes_on || facts.extent != SegmentExtent::Whole || track.keyframes > 0 {
            return false;
        }
        lasts += facts.segment.duration.0;
        if lasts >= LONGEST_WAIT {
            return true;
        }
        later = Some(facts);
    }
    false
}

/// Returns the video track of a segment. `None`: key frames can't be seen, as in encrypted video.
fn video(segment: &SegmentFacts) -> Option<&Track> {
    let tracks = &complete_inspection(segment)?.tracks;
    tracks.iter().find(|t| t.media == Some(Media::Video) && t.starts_with_keyframe.is_some())
}

fn violation(segment: &SegmentFacts, track: &Track, params: &Params) -> Option<Violation> {
    let number = segment.segment.number;
    let interval = track.keyframe_interval_max.map(|i| i.0);
    let mismatch = track.flag_mismatch.unwrap_or_default();
    let message = match (interval, params.max_interval) {
        _ if track.starts_with_keyframe == Some(false) && mismatch.is_first_false_non_sync => format!(
            "segment {number}: the sample flags say that the first picture is no key frame (sample_is_non_sync_sample), but it is an IDR \
             picture: players that trust them don't switch or join here"
        ),
        _ if track.starts_with_keyframe == Some(false) => {
            let later = match (segment.extent, track.keyframes) {
                (SegmentExtent::Head { .. }, 0) => "",
                (_, 0) => ", and has none",
                _ => ", although it has some later",
            };
            format!(
                "segment {number}: the video doesn't start with a key frame{later}: players can't switch or join here"
            )
        }
        (Some(is), Some(most)) if is > most => {
            let (is, most) = units::distinct(is, most, 3);
            format!("segment {number}: {is} s between key frames; no more than {most} s are allowed")
        }
        _ => return wrongly_flagged(segment, track, mismatch),
    };
    Some(evidence(segment, track, message))
}

/// Returns the violation of P and B pictures that the sample flags call key frames.
fn wrongly_flagged(segment: &SegmentFacts, track: &Track, mismatch: SyncFlagMismatch) -> Option<Violation> {
    let number = segment.segment.number;
    let SyncFlagMismatch { false_sync, is_first_false_sync, .. } = mismatch;
    let (message, severity) = match false_sync {
        0 => return None,
        _ if is_first_false_sync => {
            let first = "the sample flags say that the first picture is a key frame, but it is a P or B picture";
            (
                format!("segment {number}: {first}: players that switch or join here show a damaged picture"),
                Severity::Major,
            )
        }
        _ => {
            let flagged = match false_sync {
                1 => "1 P or B picture is flagged as a key frame".to_owned(),
                count => format!("{count} P and B pictures are flagged as key frames"),
            };
            let why = "sample_is_non_sync_sample isn't set: players that seek or switch there show a damaged picture";
            (format!("segment {number}: {flagged}, because {why}"), Severity::Minor)
        }
    };
    Some(evidence(segment, track, message).severity(severity).with("wrongly_flagged", false_sync))
}

fn evidence(segment: &SegmentFacts, track: &Track, message: String) -> Violation {
    segment_violation(segment, message)
        .with("track", track.id)
        .with("keyframes", track.keyframes)
        .with("interval_seconds", track.keyframe_interval_max.map(|interval| interval.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::units::Seconds;

    fn run(change: impl FnOnce(&mut Track), params: &Params) -> CheckVerdict {
        let mut segment = ts_segment(5, 0.0, 2.0);
        change(&mut segment.inspection.as_mut().unwrap().tracks[0]);
        let mut scene = Scene::live();
        scene.remember([segment]);
        check(&scene.context(), params)
    }

    #[test]
    fn a_key_frame_at_the_start_holds() {
        assert_holds(run(|_| {}, &Params::default()));
    }

    #[test]
    fn none_at_the_start_fails() {
        let late = messages(run(|t| t.starts_with_keyframe = Some(false), &Params::default()));
        assert!(late.contains("although it has some later"), "{late}");
        let none = messages(run(|t| (t.starts_with_keyframe, t.keyframes) = (Some(false), 0), &Params::default()));
        assert!(none.contains("and has none:"), "{none}");
    }

    #[test]
    fn recovery_points_are_marked_unless_there_are_idr_pictures() {
        let with = |keyframes: u64, unmarked: u64| {
            run(|t| (t.keyframes, t.unmarked_recovery_points) = (keyframes, unmarked), &Params::default())
        };
        assert_holds(with(2, 0));
        assert_holds(with(2, 1));
        assert_holds(with(1, 1));
        assert!(messages(with(2, 2)).contains("none of 2 key frames is an IDR picture"));
    }

    #[test]
    fn a_picture_without_any_key_frame_is_critical() {
        let severity_at = |step: u64, count: u64, keyframes: u64| {
            let numbers = (1..=count).map(|n| n * step);
            let mut segments: Vec<_> = numbers.map(|n| ts_segment(n, 2.0 * n as f64, 2.0)).collect();
            for segment in &mut segments {
                let track = &mut segment.inspection.as_mut().unwrap().tracks[0];
                (track.starts_with_keyframe, track.keyframes) = (Some(false), 0);
            }
            segments[0].inspection.as_mut().unwrap().tracks[0].keyframes = keyframes;
            let mut scene = Scene::live();
            scene.remember(segments);
            violations(check(&scene.context(), &Params::default()))[0].severity
        };
        let severity = |count, keyframes| severity_at(1, count, keyframes);
        assert_eq!([severity(5, 0), severity(4, 0), severity(5, 1)], [Some(Severity::Critical), None, None]);
        assert_eq!(severity_at(30, 5, 0), None, "segments that aren't consecutive say nothing about those between");
    }

    #[test]
    fn a_head_that_does_not_begin_with_a_key_frame_fails() {
        let mut segment = ts_segment(5, 0.0, 2.0);
        let track = &mut segment.inspection.as_mut().unwrap().tracks[0];
        (track.starts_with_keyframe, track.keyframes) = (Some(false), 0);
        segment.extent = SegmentExtent::Head { size: None };
        let mut scene = Scene::live();
        scene.past().segments.clear();
        scene.past().heads = vec![std::sync::Arc::new(segment)];
        let found = messages(check(&scene.context(), &Params::default()));
        assert!(found.contains("doesn't start with a key frame: players"), "{found}");
    }

    #[test]
    fn the_longest_interval_is_the_templates() {
        let every = |seconds| move |t: &mut Track| t.keyframe_interval_max = Some(Seconds(seconds));
        let params = Params { max_interval: Some(2.0), ..Params::default() };
        assert_holds(run(every(2.0), &params));
        assert_eq!(
            messages(run(every(2.04), &params)),
            "segment 5: 2.040 s between key frames; no more than 2.000 s are allowed"
        );
        assert_holds(run(every(10.0), &Params::default()));
    }

    fn run_flags(starts: bool, mismatch: SyncFlagMismatch) -> Vec<Violation> {
        let change = |t: &mut Track| (t.starts_with_keyframe, t.flag_mismatch) = (Some(starts), Some(mismatch));
        violations(run(change, &Params::default()))
    }

    #[test]
    fn pictures_that_the_flags_call_key_frames_are_minor_and_major_at_the_start() {
        let none = SyncFlagMismatch::default();
        assert_eq!(run_flags(true, none), []);
        let found = run_flags(true, SyncFlagMismatch { false_sync: 48, ..none });
        assert_eq!(found[0].severity, Some(Severity::Minor));
        assert!(found[0].message.starts_with("segment 5: 48 P and B pictures are flagged as key frames"), "{found:?}");
        let found = run_flags(true, SyncFlagMismatch { false_sync: 1, is_first_false_sync: true, ..none });
        assert_eq!(found[0].severity, Some(Severity::Major));
        assert!(found[0].message.contains("but it is a P or B picture"), "{found:?}");
    }

    #[test]
    fn an_idr_picture_that_the_flags_call_none_is_told_from_a_missing_one() {
        let flags =
            SyncFlagMismatch { false_non_sync: 1, is_first_false_non_sync: true, ..SyncFlagMismatch::default() };
        let found = run_flags(false, flags);
        assert_eq!((found.len(), found[0].severity), (1, None));
        assert!(found[0].message.contains("but it is an IDR picture"), "{found:?}");
        let later = SyncFlagMismatch { is_first_false_non_sync: false, ..flags };
        assert!(run_flags(false, later)[0].message.contains("doesn't start with a key frame"));
    }

    #[test]
    fn pictures_without_a_flag_are_key_frames_for_some_players() {
        let severity = |mismatch: Option<SyncFlagMismatch>| {
            let mut segments: Vec<_> = (1..=5).map(|n| ts_segment(n, 2.0 * n as f64, 2.0)).collect();
            for segment in &mut segments {
                let track = &mut segment.inspection.as_mut().unwrap().tracks[0];
                (track.starts_with_keyframe, track.keyframes, track.flag_mismatch) = (Some(false), 0, mismatch);
            }
            let mut scene = Scene::live();
            scene.remember(segments);
            violations(check(&scene.context(), &Params::default()))[0].severity
        };
        let flags =
            SyncFlagMismatch { false_non_sync: 1, is_first_false_non_sync: true, ..SyncFlagMismatch::default() };
        assert_eq!([severity(None), severity(Some(flags))], [Some(Severity::Critical), None]);
    }

    #[test]
    fn a_violation_names_rendition_track_and_key_frames() {
        let found = violations(run(|t| (t.starts_with_keyframe, t.keyframes) = (Some(false), 2), &Params::default()));
        assert_eq!((found.len(), found[0].rendition.as_deref(), found[0].severity), (1, Some(NAME), None));
        assert_eq!((&found[0].evidence["track"], &found[0].evidence["keyframes"]), (&256.into(), &2.into()));
    }

    #[test]
    fn encrypted_video_and_audio_are_not_judged() {
        let why = "no segment with readable video was inspected";
        assert_not_run(run(|t| t.starts_with_keyframe = None, &Params::default()), why);
        assert_not_run(run(|t| t.media = Some(Media::Audio), &Params::default()), why);
    }
}
