use crate::checks::support::decoded::{self, HoldTimes};
use crate::checks::support::select::{self, segment_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{FaultSpan, RenditionFacts, SegmentFacts, quiet};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::stream::Media;
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "sound_silent",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SignalLost"),
    help: "fails when all channels of the sound are silent for longer than `warning_after` (a warning), major after `major_after`, \
           critical after `critical_after`, until there has been sound for `recovery`. Silence is digital silence in the coded frames \
           of AAC, which is read without decoding, and decoded sound below -60 dBFS",
    reference: "EBU QC 0078B (Audio Silence); ISO/IEC 14496-3 4.4.2.1",
    needs_history: false,
};

params! {
    /// Seconds of silence after which the check fails as a warning.
    warning_after: f64 = 5.0,
    /// Seconds of silence after which the failure is major.
    major_after: f64 = 10.0,
    /// Seconds of silence after which the failure is critical. The template's `hold` has to be longer than this.
    critical_after: f64 = 30.0,
    /// Seconds of sound after which the failure ends.
    recovery: f64 = 10.0,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let coded =
        select::judge_renditions(context, "no AAC sound was inspected", |facts, past| judge(facts, past, params));
    match (coded, judge_decoded(context, params)) {
        // Digital silence is silent when it is decoded, too.
        (CheckVerdict::Ran(found), decoded @ CheckVerdict::Ran(_)) if found.is_empty() => decoded,
        (CheckVerdict::NotRun(_), decoded @ CheckVerdict::Ran(_)) => decoded,
        // Sound that isn't digital silence may still be the one below the bound.
        (CheckVerdict::Ran(found), CheckVerdict::NotRun(decoded::NOT_FOLLOWED_UP)) if found.is_empty() => {
            CheckVerdict::NotRun(decoded::NOT_FOLLOWED_UP)
        }
        (coded, _) => coded,
    }
}

fn judge_decoded(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let times = HoldTimes { warning: params.warning_after, major: params.major_after, critical: params.critical_after };
    let verdict = decoded::judge_sounds(context, "no sound was decoded", |sound| {
        let span = sound.silent.longest(Seconds(params.recovery));
        Some(span.and_then(|span| Some(decoded::violation(DECODED, span, times.severity(span.duration)?))))
    });
    match verdict {
        // Players have another stream, such as another language.
        CheckVerdict::Ran(found) if decoded::any_plays(context, Seconds(params.recovery)) => {
            let milder = |violation: Violation| Violation {
                severity: violation.severity.map(|severity| severity.min(Severity::Major)),
                ..violation
            };
            CheckVerdict::Ran(found.into_iter().map(milder).collect())
        }
        verdict => verdict,
    }
}

const DECODED: &str = "the decoded sound was below -60 dBFS in all channels";

fn judge(facts: &RenditionFacts, past: &RenditionHistory, params: &Params) -> Option<Vec<Violation>> {
    let segments = select::inspected_segments(facts, past)?;
    let (newest, tracks) = (segments.last()?, quiet::silence(&segments));
    if tracks.is_empty() {
        return None;
    }
    let silent = tracks.iter().filter_map(|track| {
        let span = track.longest(Seconds(params.recovery)).filter(|s| s.duration.0 > params.warning_after)?;
        Some(violation(newest, span, params).with("track", track.id))
    });
    let mut silent: Vec<Violation> = silent.collect();
    let audio = newest.inspection.iter().flat_map(|i| &i.tracks).filter(|t| t.media == Some(Media::Audio)).count();
    // Players have another track in the same segments, such as another language.
    if silent.len() < audio {
        for violation in &mut silent {
            violation.severity = violation.severity.map(|severity| severity.min(Severity::Major));
        }
    }
    Some(silent)
}

fn violation(newest: &SegmentFacts, span: FaultSpan, params: &Params) -> Violation {
    let (number, seconds) = (newest.segment.number, span.duration.0);
    let least = if span.at_least { "at least " } else { "" };
    let until = match span.ago.0 {
        ago if ago > 0.0 => format!("it ended {ago:.1} s before the end of segment {number}"),
        _ => format!("it lasts until the end of segment {number}"),
    };
    let severity = match seconds {
        s if s >= params.critical_after => Severity::Critical,
        s if s >= params.major_after => Severity::Major,
        _ => Severity::Warning,
    };
    segment_violation(newest, format!("the sound was digital silence for {least}{seconds:.1} s; {until}"))
        .severity(severity)
        .with("silence_seconds", seconds)
        .with("ended_seconds_ago", span.ago.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::quiet::QuietSpans;

    /// A scene with consecutive segments of 2 s, oldest first, of which the named ones are silent.
    fn scene(silent: &[bool]) -> Scene {
        let mut scene = Scene::live();
        scene.remember(silent.iter().zip(5..).map(|(silent, n)| segment(n, *silent)));
        scene
    }

    fn segment(number: u64, silent: bool) -> SegmentFacts {
        let mut segment = ts_segment(number, 2.0 * number as f64, 2.0);
        segment.inspection.as_mut().unwrap().tracks[1].silence = Some(QuietSpans::of_piece(Seconds(2.0), silent));
        segment
    }

    fn verdict(silent: &[bool]) -> Vec<(Severity, String)> {
        match check(&scene(silent).context(), &Params::default()) {
            CheckVerdict::Ran(found) => found.into_iter().map(|v| (v.severity.unwrap(), v.message)).collect(),
            CheckVerdict::NotRun(reason) => panic!("{reason}"),
        }
    }

    #[test]
    fn severity_grows_with_the_silence() {
        let severity = |count: usize| {
            let segments: Vec<_> = [false].into_iter().chain(std::iter::repeat_n(true, count)).collect();
            verdict(&segments).first().map(|(severity, _)| *severity)
        };
        assert_eq!([0, 2, 3, 4, 5, 14, 15].map(severity), {
            use Severity::{Critical, Major, Warning};
            [None, None, Some(Warning), Some(Warning), Some(Major), Some(Major), Some(Critical)]
        });
    }

    #[test]
    fn the_message_says_how_long_and_until_when() {
        let lasting = verdict(&[false, true, true, true]);
        assert_eq!(lasting[0].1, "the sound was digital silence for 6.0 s; it lasts until the end of segment 8");
        let unseen = verdict(&[true, true, true, false]);
        assert_eq!(
            unseen[0].1,
            "the sound was digital silence for at least 6.0 s; it ended 2.0 s before the end of segment 8"
        );
    }

    #[test]
    fn ten_seconds_of_sound_end_it() {
        let after = |sound: usize| {
            let segments: Vec<_> = [true; 6].into_iter().chain(std::iter::repeat_n(false, sound)).collect();
            verdict(&segments).len()
        };
        assert_eq!([1, 4, 5, 6].map(after), [1, 1, 0, 0]);
    }

    #[test]
    fn a_segment_that_was_not_inspected_divides_the_silence() {
        let mut scene = Scene::live();
        scene.remember([5, 6, 8, 9].map(|n| segment(n, true)));
        assert_holds(check(&scene.context(), &Params::default()));
    }

    #[test]
    fn a_silent_second_language_in_the_same_segments_is_no_outage() {
        let mut scene = Scene::live();
        scene.remember((5..=25).map(|n| {
            let mut segment = segment(n, true);
            let inspection = segment.inspection.as_mut().unwrap();
            let mut other = inspection.tracks[1].clone();
            (other.id, other.silence) = (other.id + 1, Some(QuietSpans::of_piece(Seconds(2.0), false)));
            inspection.tracks.push(other);
            segment
        }));
        let found = violations(check(&scene.context(), &Params::default()));
        assert_eq!(found.iter().map(|v| v.severity).collect::<Vec<_>>(), [Some(Severity::Major)]);
    }

    #[test]
    fn decoded_silence_counts_where_the_coded_frames_show_none() {
        let mut scene = scene(&[false, false]);
        scene.decode((0..5).map(|_| Decode { silent: vec![(0.0, 2.0)], ..Decode::moving() }));
        let found = violations(check(&scene.context(), &Params::default()));
        assert_eq!(found[0].severity, Some(Severity::Major));
        assert!(
            found[0].message.starts_with("the decoded sound was below -60 dBFS in all channels for at least 10.0 s")
        );
        let mut coded = super::tests::scene(&[false, true, true, true]);
        coded.decode((0..5).map(|_| Decode { silent: vec![(0.0, 2.0)], ..Decode::moving() }));
        let found = violations(check(&coded.context(), &Params::default()));
        assert_eq!(found.len(), 1, "one silence is one violation");
        assert!(found[0].message.starts_with("the sound was digital silence for 6.0 s"));
    }

    #[test]
    fn decoded_silence_that_nobody_followed_up_is_not_passed() {
        let mut scene = scene(&[false, false]);
        let silent =
            (0..5).map(|n| (2.0 * f64::from(n) - 103.0, Decode { silent: vec![(0.0, 2.0)], ..Decode::moving() }));
        scene.decode_at(silent);
        assert_not_run(check(&scene.context(), &Params::default()), decoded::NOT_FOLLOWED_UP);
    }

    #[test]
    fn without_aac_it_does_not_run() {
        let mut scene = Scene::live();
        let mut other = segment(5, true);
        other.inspection.as_mut().unwrap().tracks[1].silence = None;
        scene.remember([other]);
        assert_not_run(check(&scene.context(), &Params::default()), "no AAC sound was inspected");
    }
}
