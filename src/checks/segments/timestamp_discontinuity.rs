use crate::checks::support::select::{self, NO_SEGMENT, segment_violation, undamaged_inspection};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts, derived};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::container::Track;
use packager_media::stream::Media;
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "timestamp_discontinuity",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when decode times jump or overlap between consecutive segments, or jump, go back or stand still inside a segment, without \
           an announced discontinuity, also where the initialization segment changes; critical for video whose time stamps stand still; \
           minor for a PTS that is up to 0.1 s earlier than its DTS",
    reference: "draft-pantos-hls-rfc8216bis-22 3, 4.4.4.3; ISO/IEC 13818-1 2.4.3.7, 2.7.5; ISO/IEC 14496-12 8.8.12",
    needs_history: false,
};

params! {
    /// Longest gap or overlap in seconds between the end of a segment and the start of the next one. The longest
    /// distance between two of their samples is always allowed.
    tolerance: f64 = 0.1,
    /// Longest time in seconds between two samples of one track inside a segment.
    max_sample_gap: f64 = 1.0,
    /// Longest time in seconds between two samples of audio whose every frame is known (AAC, AC-3, E-AC-3, MPEG
    /// layers), because these frames last some hundredths of a second.
    max_audio_gap: f64 = 0.2,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NO_SEGMENT, |facts, past| judge(facts, past, params))
}

fn judge(facts: &RenditionFacts, past: &RenditionHistory, params: &Params) -> Option<Vec<Violation>> {
    let segments = select::inspected_segments(facts, past)?;
    if !segments.iter().any(|s| tracks(s).next().is_some()) {
        return None;
    }
    let mut found: Vec<_> = segments.iter().rev().filter_map(|s| within(s, params)).collect();
    found.extend(segments.iter().rev().flat_map(|s| disordered(s)));
    found.extend(select::listed_pairs(&segments, past).iter().rev().flat_map(|(a, b)| between(a, b, params)));
    Some(found)
}

/// Returns the video and audio tracks of a segment that have timestamps. Samples of text and metadata may be far apart,
/// so their tracks are left out.
fn tracks(segment: &SegmentFacts) -> impl Iterator<Item = &Track> {
    let tracks = undamaged_inspection(segment).map_or(&[][..], |i| i.tracks.as_slice());
    tracks.iter().filter(|t| matches!(t.media, Some(Media::Video | Media::Audio)) && t.start.is_some())
}

fn within(segment: &SegmentFacts, params: &Params) -> Option<Violation> {
    let (track, gap) = tracks(segment)
        .filter_map(|t| Some((t, t.sample_gap_max?.0)))
        .filter(|(track, gap)| *gap > max_gap(track, params))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let name = name(track);
    let message = format!(
        "segment {}: {name} decode time jumps forward by {gap:.3} s within the segment",
        segment.segment.number
    );
    Some(segment_violation(segment, message).with("track", track.id).with("gap_seconds", gap))
}

/// Time in seconds by which a DTS may be earlier than the one before it, and a PTS than its DTS, because packagers round them.
const ROUNDING: f64 = 0.01;
/// Time in seconds from which on a PTS that is earlier than its DTS comes too late for the picture.
const TOO_LATE: f64 = 0.1;

/// Returns the violations of a segment's tracks whose time stamps stand still or go back.
fn disordered(segment: &SegmentFacts) -> impl Iterator<Item = Violation> {
    let number = segment.segment.number;
    tracks(segment).filter_map(move |track| {
        let (name, stamps) = (name(track), track.stamps);
        let (severity, text) = match (stamps.back_max, stamps.presented_early_max) {
            _ if stamps.stand_still && track.media == Some(Media::Video) => {
                (Some(Severity::Critical), "all pictures have the same time stamp: players show one of them".to_owned())
            }
            _ if stamps.stand_still => (
                None,
                format!("the time stamps of {name} stand still while its frames go on: players drop or misplace them"),
            ),
            (Some(back), _) if back.0 > ROUNDING => {
                let hint = match track.media {
                    Some(Media::Video) if back.0 < 0.5 => {
                        ": pictures that are decoded in another order than shown need a DTS"
                    }
                    _ => "",
                };
                (None, format!("{name} decode time goes back by {:.3} s within the segment{hint}", back.0))
            }
            (_, Some(early)) if early.0 > ROUNDING => {
                let severity = if early.0 > TOO_LATE { Severity::Major } else { Severity::Minor };
                (
                    Some(severity),
                    format!("{name} is to be presented up to {:.3} s before it is decoded (PTS before DTS)", early.0),
                )
            }
            _ => return None,
        };
        let violation = segment_violation(segment, format!("segment {number}: {text}")).with("track", track.id);
        Some(match severity {
            Some(severity) => violation.severity(severity),
            None => violation,
        })
    })
}

fn max_gap(track: &Track, params: &Params) -> f64 {
    let counted = matches!(track.codec.as_str(), "aac" | "ac-3" | "ec-3" | "mp2" | "mp3");
    if counted {
        return params.max_audio_gap.min(params.max_sample_gap);
    }
    // Slides or a still of a radio channel have a picture every few seconds.
    let usual = track.duration().filter(|_| track.samples > 1).map_or(0.0, |d| d.0 / track.samples as f64);
    params.max_sample_gap.max(USUAL_GAPS * usual)
}

/// Longest distance of two samples, in mean distances of the segment, that is no jump however few samples there are.
const USUAL_GAPS: f64 = 1.5;

fn between(before: &SegmentFacts, next: &SegmentFacts, params: &Params) -> Vec<Violation> {
    let inspections = undamaged_inspection(before).zip(undamaged_inspection(next));
    let same = |t: &Track| inspections.and_then(|(before, next)| derived::continued_track(before, next, t));
    let pairs = tracks(next).filter_map(|t| Some((same(t)?, t)));
    pairs.filter_map(|(b, t)| Some((t, off(b, t, params)?))).map(|(t, off)| violation(before, next, t, off)).collect()
}

/// Returns the time by which a track starts later than it ended in the previous segment (earlier if negative). `None`:
/// the time is within the tolerance, or unknown.
fn off(before: &Track, next: &Track, params: &Params) -> Option<Seconds> {
    let off = derived::track_gap(before, next)?;
    // The duration of the last sample is an estimate, as good as the samples are regular.
    let irregular = [before, next].iter().filter_map(|t| t.sample_gap_max).map(|g| g.0).fold(0.0, f64::max);
    (off.0.abs() > params.tolerance.max(irregular.min(1.0))).then_some(off)
}

fn violation(before: &SegmentFacts, next: &SegmentFacts, track: &Track, off: Seconds) -> Violation {
    let (number, name) = (next.segment.number, name(track));
    let what = match off.0 {
        ahead if ahead > 0.0 => format!("{name} jumps forward by {ahead:.3} s"),
        back if -back < next.segment.duration.0 => format!("{name} overlaps by {:.3} s", -back),
        back => format!("{name} jumps back by {:.3} s", -back),
    };
    let message =
        format!("segment {number}: {what} after segment {} with no discontinuity announced", before.segment.number);
    segment_violation(next, message).with("track", track.id).with("off_seconds", off.0)
}

fn name(track: &Track) -> &'static str {
    track.media.map_or("the track", Media::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::container::StampOrder;
    use packager_media::stream::Map;
    use packager_media::units::MediaTime;
    use std::sync::Arc;

    fn run(segments: impl IntoIterator<Item = SegmentFacts>) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember(segments);
        check(&scene.context(), &Params::default())
    }

    /// Makes segments 5 and 6, of which segment 6 starts `off` seconds after the end of segment 5.
    fn pair(off: f64) -> [SegmentFacts; 2] {
        [ts_segment(5, 10.0, 2.0), ts_segment(6, 12.0 + off, 2.0)]
    }

    #[test]
    fn continuous_and_nearly_continuous_times_hold() {
        assert_holds(run(pair(0.0)));
        assert_holds(run(pair(0.1)));
        assert_holds(run(pair(-0.1)));
    }

    #[test]
    fn each_track_that_jumps_or_overlaps_fails() {
        let text = messages(run(pair(10.0)));
        let video = "segment 6: video jumps forward by 10.000 s after segment 5 with no discontinuity announced";
        assert_eq!(text, format!("{video}\n{}", video.replace("video", "audio")));
        assert!(messages(run(pair(0.101))).contains("jumps forward by 0.101 s"));
        assert!(messages(run(pair(-0.5))).contains("overlaps by 0.500 s"));
        assert!(messages(run(pair(-9.0))).contains("jumps back by 9.000 s"));
    }

    #[test]
    fn an_announced_discontinuity_may_jump() {
        let [a, mut b] = pair(10.0);
        b.segment.discontinuity = true;
        assert_holds(run([a, b]));
    }

    #[test]
    fn another_initialization_segment_announces_no_discontinuity() {
        let run = |off: f64, track: u32| {
            let mut segments = pair(off);
            segments.iter_mut().for_each(to_fragmented);
            for (segment, name) in segments.iter_mut().zip(["init.mp4", "ad.mp4"]) {
                segment.segment.map = Some(Arc::new(Map { uri: url(name), byte_range: None, key: None }));
            }
            segments[1].inspection.as_mut().unwrap().tracks[0].id = track;
            run(segments)
        };
        assert_holds(run(0.1, 256));
        assert_holds(run(0.1, 1));
        for track in [256, 1] {
            assert!(messages(run(-9.0, track)).starts_with("segment 6: video jumps back by 9.000 s after segment 5"));
        }
    }

    #[test]
    fn segments_that_are_not_neighbours_are_not_compared() {
        let [a, _] = pair(0.0);
        assert_holds(run([a, ts_segment(7, 100.0, 2.0)]));
    }

    #[test]
    fn a_restart_explains_a_jump() {
        let mut scene = Scene::live();
        scene.remember([at(ts_segment(1, 500.0, 2.0), -31), at(ts_segment(2, 0.0, 2.0), -9)]);
        scene.observe([observation(-30, 0, 5), observation(-10, 0, 2)]);
        assert_holds(check(&scene.context(), &Params::default()));
    }

    #[test]
    fn the_mpeg_clock_may_wrap() {
        let wrap = (1u64 << 33) as f64 / 90_000.0;
        let mut segments = [ts_segment(5, wrap - 2.0, 2.0), ts_segment(6, 0.0, 2.0)];
        assert_holds(run(segments.clone()));
        segments.iter_mut().for_each(to_fragmented);
        assert_eq!(violations(run(segments)).len(), 2);
    }

    #[test]
    fn sparse_samples_widen_the_tolerance() {
        let mut segments = pair(0.5);
        for segment in &mut segments {
            let tracks = &mut segment.inspection.as_mut().unwrap().tracks;
            tracks.truncate(1);
            tracks.iter_mut().for_each(|t| t.sample_gap_max = Some(Seconds(0.6)));
        }
        assert_holds(run(segments));
    }

    #[test]
    fn the_distance_between_samples_is_the_least_tolerance() {
        let sparse = |off: f64, gap: f64| {
            let mut segments = pair(off);
            for segment in &mut segments {
                let tracks = &mut segment.inspection.as_mut().unwrap().tracks;
                tracks.truncate(1);
                tracks.iter_mut().for_each(|t| t.sample_gap_max = Some(Seconds(gap)));
            }
            run(segments)
        };
        assert_holds(sparse(-0.6, 0.6));
        assert_eq!(violations(sparse(0.61, 0.6)).len(), 1);
        assert_eq!(violations(sparse(-0.61, 0.6)).len(), 1);
    }

    #[test]
    fn an_overlap_is_shorter_than_a_segment() {
        assert!(messages(run(pair(-1.9))).contains("overlaps by 1.900 s"));
        assert!(messages(run(pair(-2.0))).contains("jumps back by 2.000 s"));
    }

    #[test]
    fn a_violation_names_rendition_track_and_offset() {
        let found = violations(run(pair(1.0)));
        assert!(found.iter().all(|v| v.rendition.as_deref() == Some(NAME) && v.severity.is_none()));
        let tracks: Vec<_> = found.iter().map(|v| (&v.evidence["track"], &v.evidence["off_seconds"])).collect();
        assert_eq!(tracks, [(&256.into(), &1.0.into()), (&257.into(), &1.0.into())]);
    }

    #[test]
    fn a_jump_within_a_segment_fails() {
        let with = |gap| {
            let mut segment = ts_segment(5, 10.0, 2.0);
            segment.inspection.as_mut().unwrap().tracks[0].sample_gap_max = Some(Seconds(gap));
            segment
        };
        assert_holds(run([with(1.0)]));
        let mut silent = with(0.04);
        let track = &mut silent.inspection.as_mut().unwrap().tracks[1];
        track.sample_gap_max = Some(Seconds(0.2));
        assert_holds(run([silent.clone()]));
        silent.inspection.as_mut().unwrap().tracks[1].sample_gap_max = Some(Seconds(0.235));
        assert!(messages(run([silent.clone()])).contains("audio decode time jumps forward by 0.235 s within"));
        silent.inspection.as_mut().unwrap().tracks[1].codec = "aac_latm".to_owned();
        assert_holds(run([silent]));
        assert_eq!(
            messages(run([with(1.2)])),
            "segment 5: video decode time jumps forward by 1.200 s within the segment"
        );
    }

    #[test]
    fn slides_with_a_picture_every_few_seconds_do_not_jump() {
        let with = |samples: u64, gap: f64| {
            let mut segment = ts_segment(5, 10.0, 6.0);
            let track = &mut segment.inspection.as_mut().unwrap().tracks[0];
            (track.samples, track.sample_gap_max) = (samples, Some(Seconds(gap)));
            run([segment])
        };
        assert_holds(with(3, 2.0));
        assert_eq!(violations(with(3, 3.1)).len(), 1);
        assert_eq!(violations(with(150, 2.0)).len(), 1);
    }

    #[test]
    fn damaged_segments_are_left_to_the_checks_that_report_the_damage() {
        let [mut a, b] = pair(10.0);
        a.inspection.as_mut().unwrap().defects.push(packager_media::defect::Defect {
            kind: packager_media::defect::DefectKind::Container,
            at: packager_media::defect::Position::Byte(376),
            message: "sync lost".to_owned(),
            reference: "",
        });
        assert_holds(run([a, b]));
    }

    #[test]
    fn time_stamps_that_stand_still_or_go_back_fail() {
        let with = |track: usize, stamps: StampOrder| {
            let mut segment = ts_segment(5, 10.0, 2.0);
            segment.inspection.as_mut().unwrap().tracks[track].stamps = stamps;
            let found = violations(run([segment])).into_iter().next();
            found.map(|v| (v.severity, v.message.trim_start_matches("segment 5: ").to_owned()))
        };
        let back = |track, seconds| {
            with(track, StampOrder { back_max: Some(Seconds(seconds)), ..StampOrder::default() }).unwrap()
        };
        let still = |track| with(track, StampOrder { stand_still: true, ..StampOrder::default() }).unwrap();
        assert_eq!(still(0).0, Some(Severity::Critical));
        assert_eq!(still(1).0, None);
        assert_eq!(back(0, 0.5), (None, "video decode time goes back by 0.500 s within the segment".to_owned()));
        assert!(back(0, 0.04).1.ends_with("need a DTS"));
        assert!(back(1, 0.04).1.ends_with("within the segment"));
        let early = |seconds| {
            with(0, StampOrder { presented_early_max: Some(Seconds(seconds)), ..StampOrder::default() })
                .map(|f| f.0.unwrap())
        };
        assert_eq!(
            [early(0.01), early(0.011), early(0.1), early(0.101)],
            [None, Some(Severity::Minor), Some(Severity::Minor), Some(Severity::Major)]
        );
    }

    #[test]
    fn text_is_sparse() {
        let mut segments = pair(10.0);
        for segment in &mut segments {
            segment.inspection.as_mut().unwrap().tracks.iter_mut().for_each(|t| t.media = Some(Media::Text));
        }
        assert_not_run(run(segments), NO_SEGMENT);
    }

    #[test]
    fn a_track_without_times_is_not_compared() {
        let [mut a, b] = pair(10.0);
        a.inspection.as_mut().unwrap().tracks.iter_mut().for_each(|t| t.end = None::<MediaTime>);
        assert_holds(run([a, b]));
    }
}
