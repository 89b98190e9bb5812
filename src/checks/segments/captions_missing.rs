mod fragmented;

use crate::checks::support::ad_breaks;
use crate::checks::support::select::{self, segment_violation, undamaged_inspection};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::container::{Container, WebVttCues};
use packager_media::defect::DefectKind;
use packager_media::stream::ads::MarkerKind;
use packager_media::stream::{Media, Protocol, Segment};
use packager_media::units::{MediaTime, Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "captions_missing",
    severity: Severity::Minor,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when WebVTT subtitles can't be read, or X-TIMESTAMP-MAP puts all cues of a segment outside of the \
           time of the video, or names a time stamp of more than 33 bits (judged with transport streams, whose clock the tag \
           names); when subtitles in MP4 \
           (stpp, wvtt) have no samples, samples without a TTML document or cues, or TTML cues outside of their \
           samples; or when closed captions (CEA-608 or CEA-708) are announced and no inspected picture has any. What is missing has to \
           be missing since the last discontinuity or the beginning of the Period, and outside of ad breaks",
    reference: "RFC 8216 3.5; RFC 8216bis 4.4.6.2; W3C WebVTT 4.1; W3C TTML2; ISO/IEC 14496-30; ATSC A/53 part 4, 6.2; SCTE 214-1 (CEA-608 \
                and CEA-708 in DASH)",
    needs_history: false,
};

params! {
    /// Seconds by which all cues of a segment may be outside of the segment's time.
    tolerance: f64 = 2.0,
    /// Seconds of the programme for which announced closed captions, or all samples of subtitles, may be missing. Inserted ads often
    /// have none.
    closed_captions_timeout: f64 = 30.0,
}

const NONE: &str = "no segment of subtitles was inspected, nor enough video with closed captions announced";
/// Smallest number of inspected segments without captions at which the check can fail.
const MIN_SEGMENTS: usize = 3;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let video = context.renditions().find_map(|(facts, past)| VideoStarts::new(facts, past));
    select::judge_renditions(context, NONE, |facts, past| judge(context, facts, past, video.as_ref(), params))
}

fn judge(
    context: &CheckContext<'_>,
    facts: &RenditionFacts,
    past: &RenditionHistory,
    video: Option<&VideoStarts<'_>>,
    params: &Params,
) -> Option<Vec<Violation>> {
    let restarts = select::restart_times(past);
    let segments = select::inspected_segments(facts, past)?;
    let mut texts = segments.iter().rev().filter_map(|s| Some((*s, text(s)?))).peekable();
    if texts.peek().is_none() {
        return fragmented::judge(context, (facts, past), &segments, params)
            .or_else(|| judge_closed_captions(context, (facts, past), segments, params));
    }
    let judged = texts.map(|(segment, cues)| {
        let found = unreadable(segment).or_else(|| overlong(segment, cues).filter(|_| video.is_some()));
        found.or_else(|| misplaced(segment, cues, video?.at_time_of(segment, &restarts)?, params))
    });
    Some(judged.flatten().collect())
}

/// Judges closed captions inside the video. One segment with captions is enough to pass. `None`: too few segments were
/// inspected.
fn judge_closed_captions(
    context: &CheckContext<'_>,
    (facts, past): (&RenditionFacts, &RenditionHistory),
    segments: Vec<&SegmentFacts>,
    params: &Params,
) -> Option<Vec<Violation>> {
    facts.rendition.captions.filter(|announced| *announced)?;
    let described = select::described(context, segments);
    let looked: Vec<_> = described.into_iter().filter_map(|s| Some((s, carries_captions(s)?))).collect();
    if looked.iter().any(|(_, carried)| *carried) {
        return Some(Vec::new());
    }
    let looked: Vec<_> = looked.into_iter().map(|(segment, _)| segment).collect();
    let Lack { last, count, seconds } = lack(facts, past, &looked, params)?;
    let announcer = if context.output.protocol() == Protocol::Dash { "Accessibility" } else { "CLOSED-CAPTIONS" };
    let message = format!(
        "{announcer} announces captions, but none of {count} segments within {seconds:.0} s has CEA-608 or CEA-708"
    );
    Some(vec![segment_violation(last, message).with("segments", count)])
}

/// Segments of the programme that all lack captions or subtitles.
struct Lack<'a> {
    last: &'a SegmentFacts,
    count: usize,
    /// Time within which they were inspected, or their duration if that is longer.
    seconds: f64,
}

/// Returns for how long the newest of `segments`, which all lack captions, have lacked them. Only those since the last discontinuity
/// count, because inserted ads before it often have none. `None`: too few or too short, or the live edge is in an ad break.
fn lack<'a>(
    facts: &RenditionFacts,
    past: &RenditionHistory,
    segments: &[&'a SegmentFacts],
    params: &Params,
) -> Option<Lack<'a>> {
    let last = *segments.last()?;
    let sequence = last.segment.discontinuity_sequence;
    // What came before the end of the newest break may be an ad.
    let markers = facts.timeline.as_deref().map(|timeline| &timeline.markers[..]).unwrap_or_default();
    let returned = markers.iter().filter(|m| m.kind == MarkerKind::In).map(|m| m.number).max().unwrap_or(0);
    let is_of_run = |s: &Segment| s.discontinuity_sequence == sequence && s.number >= returned;
    let run: Vec<_> = segments.iter().filter(|s| is_of_run(&s.segment)).collect();
    let media: f64 = run.iter().map(|s| s.segment.duration.0).sum();
    let seconds = Seconds::between(run.first()?.inspected_at, last.inspected_at).0.max(media);
    let in_break = facts.timeline.as_deref().is_some_and(|timeline| ad_breaks::is_in_break(timeline, past));
    let lasts = run.len() >= MIN_SEGMENTS && seconds >= params.closed_captions_timeout && !in_break;
    lasts.then_some(Lack { last, count: run.len(), seconds })
}

/// Whether the video of a segment contains closed captions. `None`: it isn't known.
fn carries_captions(segment: &SegmentFacts) -> Option<bool> {
    let video = undamaged_inspection(segment)?.tracks.iter().find(|t| t.media == Some(Media::Video))?;
    // Encryption may hide captions.
    video.captions.filter(|carried| *carried || video.encryption.is_none())
}

fn text(segment: &SegmentFacts) -> Option<&WebVttCues> {
    select::complete_inspection(segment)?.cues.as_ref()
}

fn unreadable(segment: &SegmentFacts) -> Option<Violation> {
    let inspection = segment.inspection.as_ref()?;
    let defect = inspection.defects.iter().find(|d| d.kind == DefectKind::Cues)?;
    let message = format!("segment {}: {}", segment.segment.number, defect.message);
    Some(segment_violation(segment, message).with("defects", inspection.defects_total))
}

/// Returns a violation if X-TIMESTAMP-MAP has a timestamp that MPEG-2 can't have (RFC 8216 3.5; ISO/IEC 13818-1
/// 2.4.3.7).
fn overlong(segment: &SegmentFacts, cues: &WebVttCues) -> Option<Violation> {
    let stamp = cues.map.map(|map| map.mpeg).filter(|mpeg| *mpeg >= 1 << 33)?;
    let number = segment.segment.number;
    let message = format!(
        "segment {number}: X-TIMESTAMP-MAP has MPEGTS:{stamp}, more than the 33 bits of the video's time stamps, which wrap at \
         8589934592: players show its cues at another time or not at all"
    );
    Some(segment_violation(segment, message).with("mpegts", stamp))
}

/// Start times of the segments of a video rendition in MPEG transport streams.
struct VideoStarts<'a> {
    starts: Vec<(&'a SegmentFacts, MediaTime)>,
    restarts: Vec<Timestamp>,
}

impl<'a> VideoStarts<'a> {
    fn new(facts: &RenditionFacts, past: &'a RenditionHistory) -> Option<Self> {
        let start = |segment: &'a SegmentFacts| {
            let inspection = undamaged_inspection(segment).filter(|i| i.container == Container::MpegTs)?;
            let mut pictures = inspection.tracks.iter().filter(|t| t.media == Some(Media::Video));
            let at = pictures.next()?.presentation_start?;
            Some((segment, at))
        };
        let starts: Vec<_> = select::inspected_segments(facts, past)?.into_iter().filter_map(start).collect();
        (!starts.is_empty()).then(|| Self { starts, restarts: select::restart_times(past) })
    }

    /// Returns the start of the video segment for the time of the subtitle segment `text`, and the seconds by which the
    /// subtitle segment begins later. `None`: there is no such video segment.
    ///
    /// Without dates only the segment number identifies the time.
    fn at_time_of(&self, text: &SegmentFacts, restarts: &[Timestamp]) -> Option<(MediaTime, f64)> {
        self.starts.iter().rev().find_map(|(video, at)| {
            let (a, b) = (&text.segment, &video.segment);
            let (seen, video_seen) = (text.inspected_at, video.inspected_at);
            let mut began = restarts.iter().chain(&self.restarts);
            if began.any(|at| (seen < *at) != (video_seen < *at))
                || a.discontinuity_sequence != b.discontinuity_sequence
            {
                return None;
            }
            match (a.program_date_time, b.program_date_time) {
                (Some(a_date), Some(b_date)) => {
                    let later = Seconds::between(b_date, a_date).0;
                    (later.abs() < b.duration.0).then_some((*at, later))
                }
                _ => (a.number == b.number).then_some((*at, 0.0)),
            }
        })
    }
}

/// Returns a violation if all cues of a subtitle segment are outside of the segment's time. Cues that last for several
/// segments are in each of them, so that one cue inside is enough.
fn misplaced(
    segment: &SegmentFacts,
    cues: &WebVttCues,
    (video, later): (MediaTime, f64),
    params: &Params,
) -> Option<Violation> {
    let begin = cues.start()?.since(video)?.0 - later;
    let end = begin + cues.duration()?.0;
    let duration = segment.segment.duration.0;
    let (off, side) = match () {
        () if begin > duration + params.tolerance => (begin - duration, "after"),
        () if end < -params.tolerance => (-end, "before"),
        () => return None,
    };
    let cause = match cues.map {
        Some(_) => "by X-TIMESTAMP-MAP",
        None => "without X-TIMESTAMP-MAP, which puts cue time 0 at time stamp 0,",
    };
    let number = segment.segment.number;
    let message = format!("segment {number}: {cause} its cues appear {off:.1} s {side} the video of the same time");
    Some(segment_violation(segment, message).with("offset_seconds", if side == "after" { off } else { -off }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::container::TimestampMap;
    use packager_media::defect::{Defect, Position};
    use packager_media::stream::ads::{Marker, MarkerKind};
    use std::sync::Arc;

    /// Runs captions_missing on a WebVTT segment beside a video segment. Both last 2 s, and the video begins at 10 s.
    /// The segment has a cue from `from` to `to` seconds of a clock that is 10 s behind that of the video.
    fn run(from: f64, to: f64, change: impl FnOnce(&mut SegmentFacts)) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember([ts_segment(5, 10.0, 2.0)]);
        let mut text = ts_segment(5, 0.0, 2.0);
        let inspection = text.inspection.as_mut().unwrap();
        (inspection.container, inspection.ts) = (Container::WebVtt, None);
        inspection.tracks.clear();
        let map = Some(TimestampMap { local: Seconds(0.0), mpeg: 900_000 });
        inspection.cues = Some(WebVttCues { map, span: Some((Seconds(from), Seconds(to))) });
        change(&mut text);
        let mut subtitles = rendition("text-en");
        subtitles.rendition.media = Media::Text;
        scene.output.renditions.push(subtitles);
        scene.history.renditions.entry("text-en".to_owned()).or_default().segments = vec![Arc::new(text)];
        check(&scene.context(), &Params::default())
    }

    fn cues(segment: &mut SegmentFacts) -> &mut WebVttCues {
        segment.inspection.as_mut().unwrap().cues.as_mut().unwrap()
    }

    #[test]
    fn cues_within_two_seconds_of_the_segment_hold() {
        for (from, to) in [(0.5, 1.5), (4.0, 5.0), (-4.0, -2.0), (-100.0, 100.0)] {
            assert_holds(run(from, to, |_| {}));
        }
        assert_holds(run(0.0, 0.0, |text| cues(text).span = None));
    }

    #[test]
    fn cues_elsewhere_fail_whichever_way_round() {
        let message = "segment 5: by X-TIMESTAMP-MAP its cues appear 8.5 s after the video of the same time";
        assert_eq!(messages(run(10.5, 11.0, |_| {})), message);
        assert!(messages(run(4.01, 5.0, |_| {})).contains("2.0 s after"));
        assert!(messages(run(-4.0, -2.01, |_| {})).contains("2.0 s before"));
        let unmapped = messages(run(0.5, 1.5, |text| cues(text).map = None));
        assert!(unmapped.contains("without X-TIMESTAMP-MAP") && unmapped.contains("before the video"), "{unmapped}");
    }

    #[test]
    fn a_wrapped_clock_is_no_distance_and_time_stamps_have_33_bits() {
        let at = |mpeg| {
            move |text: &mut SegmentFacts| cues(text).map = Some(TimestampMap { local: Seconds(100_000.0), mpeg })
        };
        // Cues 0.5 s after the video, by a map of a time before the clock wrapped.
        assert_holds(run(100_020.5, 100_021.5, at((1 << 33) - 900_000)));
        let found = violations(run(100_000.5, 100_001.5, at(1 << 33)));
        assert_eq!((found.len(), &found[0].evidence["mpegts"]), (1, &(1_u64 << 33).into()));
        assert!(
            found[0].message.starts_with("segment 5: X-TIMESTAMP-MAP has MPEGTS:8589934592, more than the 33 bits")
        );
    }

    #[test]
    fn what_cannot_be_read_fails_wherever_it_is() {
        let broken = |text: &mut SegmentFacts| {
            let message = "the cue at byte 8 ends before it begins".to_owned();
            let defect = Defect { kind: DefectKind::Cues, at: Position::Byte(8), message, reference: "" };
            text.inspection.as_mut().unwrap().defects.push(defect);
        };
        assert_eq!(messages(run(0.5, 1.5, broken)), "segment 5: the cue at byte 8 ends before it begins");
    }

    #[test]
    fn another_segment_or_a_discontinuity_between_is_not_compared() {
        assert_holds(run(50.0, 51.0, |text| text.segment.number = 6));
        assert_holds(run(50.0, 51.0, |text| text.segment.discontinuity_sequence = 1));
    }

    /// Runs captions_missing on video segments of 2 s, inspected every 2 s. `announced`: whether the variant announces
    /// closed captions; `carried`: whether each segment contains them.
    fn closed(announced: Option<bool>, carried: &[Option<bool>]) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.output.renditions[0].rendition.captions = announced;
        let count = carried.len() as u64;
        scene.remember((0..count).zip(carried).map(|(n, carried)| {
            let mut segment = at(ts_segment(n, 2.0 * n as f64, 2.0), 2 * n as i64 - 60);
            segment.inspection.as_mut().unwrap().tracks[0].captions = *carried;
            segment
        }));
        check(&scene.context(), &Params::default())
    }

    /// Runs captions_missing on 30 s of video without the captions that the playlist announces. The newest `inserted` segments come
    /// after a discontinuity.
    fn uncaptioned(inserted: usize, change: impl FnOnce(&mut Scene)) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.rendition().rendition.captions = Some(true);
        scene.remember((0..15_usize).map(|n| {
            let mut segment = ts_segment(n as u64, 2.0 * n as f64, 2.0);
            segment.segment.discontinuity_sequence = u64::from(n + inserted >= 15);
            segment.inspection.as_mut().unwrap().tracks[0].captions = Some(false);
            segment
        }));
        change(&mut scene);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn inserted_ads_may_have_no_captions_and_the_programme_may_not() {
        assert_eq!(violations(uncaptioned(0, |_| {})).len(), 1);
        assert_eq!(violations(uncaptioned(15, |_| {})).len(), 1, "no ad lasts so long");
        assert_not_run(uncaptioned(7, |_| {}), NONE);
        let marked = |first: u64, kinds: &[MarkerKind]| {
            uncaptioned(0, |scene| {
                let markers = (first..).zip(kinds).map(|(number, kind)| Marker { kind: kind.clone(), number, line: 5 });
                scene.timeline().markers = markers.collect();
            })
        };
        let out = MarkerKind::Out { announced: Some(Seconds(120.0)) };
        assert_not_run(marked(10, std::slice::from_ref(&out)), NONE);
        assert_not_run(marked(10, &[out, MarkerKind::In]), NONE);
        assert_eq!(violations(marked(0, &[MarkerKind::In])).len(), 1, "the break is over for long enough");
    }

    #[test]
    fn announced_closed_captions_fail_after_half_a_minute_without_any() {
        let fourteen = [Some(false); 14];
        assert_not_run(closed(Some(true), &fourteen), NONE);
        let message = messages(closed(Some(true), &[Some(false); 15]));
        assert!(message.contains("none of 15 segments within 30 s"), "{message}");
        assert_holds(closed(Some(true), &[&fourteen[..], &[Some(true)]].concat()));
        assert_not_run(closed(Some(true), &[None; 30]), NONE);
        let seldom = |count: u64| {
            let mut scene = Scene::live();
            scene.output.renditions[0].rendition.captions = Some(true);
            scene.remember((0..count).map(|n| {
                let mut segment = at(ts_segment(n, 2.0 * n as f64, 2.0), 30 * n as i64 - 60);
                segment.inspection.as_mut().unwrap().tracks[0].captions = Some(false);
                segment
            }));
            check(&scene.context(), &Params::default())
        };
        assert_not_run(seldom(2), NONE);
        assert!(messages(seldom(3)).contains("none of 3 segments within 60 s"));
    }

    #[test]
    fn what_is_not_announced_is_not_missed_and_may_be_there() {
        assert_not_run(closed(None, &[Some(false); 20]), NONE);
        assert_not_run(closed(Some(false), &[Some(true); 20]), NONE);
    }

    #[test]
    fn without_subtitles_it_has_not_run() {
        let mut scene = Scene::live();
        scene.remember([ts_segment(5, 10.0, 2.0)]);
        assert_not_run(check(&scene.context(), &Params::default()), NONE);
    }
}
