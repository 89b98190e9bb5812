//! Judges subtitles in fragmented MP4, TTML documents (`stpp`) and WebVTT in boxes (`wvtt`), and TTML documents without a container.

use super::{Lack, Params, lack, unreadable};
use crate::checks::support::select::{self, segment_violation};
use crate::checks::{CheckContext, Violation};
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::history::RenditionHistory;
use packager_media::container::{Container, Track};
use packager_media::stream::{Media, Protocol};

const FORMS: [&str; 2] = ["stpp", "wvtt"];

/// Returns the violations of subtitle segments in fragmented MP4 or TTML. `None`: none of the segments is one with clear
/// subtitles.
pub(super) fn judge(
    context: &CheckContext<'_>,
    (facts, past): (&RenditionFacts, &RenditionHistory),
    segments: &[&SegmentFacts],
    params: &Params,
) -> Option<Vec<Violation>> {
    if facts.rendition.media != Media::Text {
        return None;
    }
    let looked: Vec<_> = segments.iter().filter_map(|s| Some((*s, text(s)?))).collect();
    let (last, track) = looked.last()?;
    if let Some(announced) =
        announced_form(facts).filter(|form| FORMS.contains(&track.codec.as_str()) && *form != track.codec)
    {
        let message = format!("the subtitles are announced as {announced}; their track is {}", track.codec);
        return Some(vec![segment_violation(last, message)]);
    }
    if looked.iter().all(|(_, track)| track.samples == 0) {
        return without_samples((facts, past), &looked, params);
    }
    let judged = looked.iter().rev().map(|(s, track)| unreadable(s).or_else(|| misplaced(context, s, track, params)));
    Some(judged.flatten().collect())
}

fn text(segment: &SegmentFacts) -> Option<&Track> {
    let has_text = |container| matches!(container, Container::Cmaf | Container::Ttml);
    let inspection = select::undamaged_inspection(segment).filter(|i| has_text(i.container))?;
    inspection.tracks.iter().find(|t| t.media == Some(Media::Text) && t.encryption.is_none())
}

/// Returns the announced form of subtitles, such as `stpp` for the codec `stpp.ttml.im1t`. `None`: no known form is
/// announced.
fn announced_form(facts: &RenditionFacts) -> Option<&'static str> {
    let codecs = || facts.rendition.codecs.iter().filter_map(|c| c.split('.').next());
    FORMS.into_iter().find(|form| codecs().any(|codec| codec == *form))
}

/// Returns a violation if no subtitle segment has a sample. While nobody speaks a packager writes an empty sample, so a
/// missing sample means that the packager lost its subtitles.
fn without_samples(
    (facts, past): (&RenditionFacts, &RenditionHistory),
    looked: &[(&SegmentFacts, &Track)],
    params: &Params,
) -> Option<Vec<Violation>> {
    let segments: Vec<_> = looked.iter().map(|(segment, _)| *segment).collect();
    let Lack { last, count, seconds } = lack(facts, past, &segments, params)?;
    let (_, track) = looked.last()?;
    let message = format!(
        "none of {count} segments within {seconds:.0} s has a sample in its track of subtitles ({})",
        track.codec
    );
    Some(vec![segment_violation(last, message).with("segments", count)])
}

/// Returns a violation if all subtitle cues are outside of the sample that contains them: players never show such cues
/// (ISO/IEC 14496-30 5.6).
fn misplaced(context: &CheckContext<'_>, segment: &SegmentFacts, track: &Track, params: &Params) -> Option<Violation> {
    let subtitles = track.subtitles.filter(|s| s.cues > 0)?;
    let ((first, last), start, end) = (subtitles.span?, track.presentation_start?, track.end?);
    let (from, to) = (start.seconds().0, end.seconds().0);
    // At one @duration for all segments, one may begin half of it earlier or later (ISO/IEC 23009-1 5.3.9.2.1).
    let nominal = segment.segment.media_start.is_some_and(|start| start.nominal);
    let tolerance = params.tolerance + if nominal { 0.5 * segment.segment.duration.0 } else { 0.0 };
    let inside = |begin: f64| first.0 <= begin + (to - from) + tolerance && last.0 >= begin - tolerance;
    let number = segment.segment.number;
    let allowed = match context.output.protocol() {
        Protocol::Hls => inside(from),
        // Some writers count from the start of the Period instead of in media time. With several Periods that start isn't
        // known here.
        Protocol::Dash => {
            let alone = context.output.dash().is_some_and(|d| d.mpd.periods.len() == 1);
            !alone || inside(from) || inside(number as f64 / 1000.0)
        }
    };
    let message = || {
        format!(
            "segment {number}: its TTML cues are from {:.1} s to {:.1} s, but the samples that carry them are from {from:.1} s to {to:.1} s \
             of the same clock: no player shows them",
            first.0, last.0
        )
    };
    (!allowed)
        .then(|| segment_violation(segment, message()).with("first_cue_seconds", first.0).with("sample_seconds", from))
}

#[cfg(test)]
mod tests {
    use super::super::{META, NONE, check};
    use super::*;
    use crate::checks::CheckVerdict;
    use crate::checks::testing::*;
    use packager_media::container::Subtitles;
    use packager_media::defect::{Defect, DefectKind, Position};
    use packager_media::units::Seconds;
    use std::sync::Arc;

    /// Makes `count` subtitle segments of 2 s, of which the first begins at 10 s of media time.
    fn segments(count: u64, codec: &str, change: impl Fn(&mut SegmentFacts)) -> Vec<SegmentFacts> {
        let one = |n: u64| {
            let mut segment = at(ts_segment(n, 10.0 + 2.0 * n as f64, 2.0), 2 * n as i64 - 60);
            let inspection = segment.inspection.as_mut().unwrap();
            (inspection.container, inspection.ts) = (Container::Cmaf, None);
            inspection.tracks.truncate(1);
            let track = &mut inspection.tracks[0];
            (track.media, track.codec) = (Some(Media::Text), codec.to_owned());
            track.subtitles = Some(Subtitles { samples: 1, cues: 1, span: None });
            change(&mut segment);
            segment
        };
        (0..count).map(one).collect()
    }

    fn track(segment: &mut SegmentFacts) -> &mut Track {
        &mut segment.inspection.as_mut().unwrap().tracks[0]
    }

    fn run(announced: &str, segments: Vec<SegmentFacts>) -> CheckVerdict {
        let mut scene = Scene::live();
        let facts = scene.rendition();
        facts.rendition.media = Media::Text;
        facts.rendition.codecs = vec![announced.to_owned()];
        scene.past().segments = segments.into_iter().map(Arc::new).collect();
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn samples_that_can_be_read_hold_with_or_without_a_cue() {
        assert_holds(run("wvtt", segments(3, "wvtt", |_| {})));
        assert_holds(run("stpp.ttml.im1t", segments(3, "stpp", |s| track(s).subtitles.as_mut().unwrap().cues = 0)));
        assert_eq!(META.id, "captions_missing");
    }

    #[test]
    fn a_track_without_samples_fails_after_half_a_minute() {
        let empty = |s: &mut SegmentFacts| (track(s).samples, track(s).subtitles) = (0, None);
        assert_not_run(run("wvtt", segments(14, "wvtt", empty)), NONE);
        let message = "none of 15 segments within 30 s has a sample in its track of subtitles (wvtt)";
        assert_eq!(messages(run("wvtt", segments(15, "wvtt", empty))), message);
        let mut one = segments(15, "wvtt", empty);
        one[7] = segments(8, "wvtt", |_| {}).remove(7);
        assert_holds(run("wvtt", one));
    }

    #[test]
    fn another_form_than_announced_fails() {
        let message = "the subtitles are announced as stpp; their track is wvtt";
        assert_eq!(messages(run("stpp.ttml.im1t", segments(1, "wvtt", |_| {}))), message);
        assert_holds(run("stpp.ttml.im1t", segments(1, "tx3g", |_| {})));
    }

    #[test]
    fn what_can_not_be_read_fails() {
        let broken = |s: &mut SegmentFacts| {
            let (kind, message) = (DefectKind::Cues, "the sample at byte 96 is no TTML document".to_owned());
            s.inspection.as_mut().unwrap().defects.push(Defect {
                kind,
                at: Position::Byte(96),
                message,
                reference: "",
            });
        };
        let found = messages(run("stpp", segments(1, "stpp", broken)));
        assert_eq!(found, "segment 0: the sample at byte 96 is no TTML document");
    }

    #[test]
    fn cues_outside_of_their_sample_fail() {
        let shown = |from: f64, to: f64| {
            run(
                "stpp",
                segments(1, "stpp", |s| {
                    track(s).subtitles.as_mut().unwrap().span = Some((Seconds(from), Seconds(to)));
                }),
            )
        };
        // The sample lasts from 10 s to 12 s.
        for (from, to) in [(10.0, 12.0), (14.0, 15.0), (0.0, 8.0), (0.0, f64::INFINITY)] {
            assert_holds(shown(from, to));
        }
        let message = "segment 0: its TTML cues are from 0.0 s to 7.9 s, but the samples that carry them are from 10.0 s to 12.0 s of the \
                       same clock: no player shows them";
        assert_eq!(messages(shown(0.0, 7.9)), message);
        assert_eq!(violations(shown(14.1, 15.0)).len(), 1);
    }

    #[test]
    fn encrypted_subtitles_are_not_judged() {
        let hidden = |s: &mut SegmentFacts| {
            track(s).encryption = Some(Arc::default());
            track(s).samples = 0;
        };
        assert_not_run(run("wvtt", segments(20, "wvtt", hidden)), NONE);
    }
}
