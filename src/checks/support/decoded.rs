//! Selects the state of decoded picture and sound that several checks judge.

use super::select;
use crate::checks::{CheckContext, CheckVerdict, Violation};
use crate::facts::{FaultSpan, RenditionFacts, SegmentFacts, Undecoded, quiet};
use crate::finding::Severity;
use crate::history::{PictureHistory, RenditionHistory, SignalHistory, SoundHistory};
use packager_media::stream::Media;
use packager_media::units::Seconds;

/// Shortest silence of an audio stream that doesn't play.
const LEAST_SILENCE: Seconds = Seconds(1.0);

/// Returns the state of a rendition's decoded picture and sound, if its newest decode is young enough to count.
pub(in crate::checks) fn signal<'a>(
    context: &CheckContext<'_>,
    past: &'a RenditionHistory,
) -> Option<&'a SignalHistory> {
    let age = Seconds::between(past.signal.decoded_at()?, context.now);
    (age <= context.output.signal.valid_for).then_some(&*past.signal)
}

/// Time after the newest decode for which a failure counts. A longer fault is decoded again within this time.
const FAILURE_COUNTS: Seconds = Seconds(90.0);
/// Reason why a check doesn't run whose failure was seen too long ago.
pub(in crate::checks) const NOT_FOLLOWED_UP: &str =
    "the last decode showed a fault and is older than 90 s, so that nobody knows whether the fault lasts";

const NOTHING_TO_JUDGE: &str = "the decoded media have nothing that the check judges";

/// Judges what `judge` reads of each rendition's decodes, such as of its picture; it returns `None` where nothing can be judged. The check
/// doesn't run if no rendition is judged, or if one shows a fault and its newest decode is older than 90 s.
pub(in crate::checks) fn judge_decodes(
    context: &CheckContext<'_>,
    judge: impl Fn(&RenditionFacts, &SignalHistory) -> Option<Vec<Violation>>,
) -> CheckVerdict {
    let (mut is_judged, mut is_old, mut found) = (false, false, Vec::new());
    for (facts, past) in context.renditions() {
        let Some((signal, violations)) = signal(context, past).and_then(|s| Some((s, judge(facts, s)?))) else {
            continue;
        };
        is_judged = true;
        if !violations.is_empty() && age(context, signal).is_none_or(|age| age > FAILURE_COUNTS) {
            is_old = true;
            continue;
        }
        found.extend(violations.into_iter().map(|violation| violation.in_rendition(facts.rendition.name.as_str())));
    }
    match is_judged {
        true if is_old && found.is_empty() => CheckVerdict::NotRun(NOT_FOLLOWED_UP),
        true => CheckVerdict::Ran(found),
        false => not_run(context, NOTHING_TO_JUDGE, |signal| signal.picture_failed().or(signal.sound_failed())),
    }
}

/// Judges the picture of the rendition that was decoded last. It stands for all rungs, so that a violation concerns the whole output.
/// The check doesn't run if no decoded picture counts, or if it shows a fault and is older than 90 s.
pub(in crate::checks) fn judge_picture(
    context: &CheckContext<'_>,
    judge: impl Fn(&PictureHistory) -> Option<Violation>,
) -> CheckVerdict {
    let decoded = context.renditions().filter_map(|(facts, past)| {
        let signal = signal(context, past)?;
        Some((&facts.rendition.name, signal.picture()?, age(context, signal)?))
    });
    let Some((name, picture, age)) = decoded.min_by(|(.., a), (.., b)| a.0.total_cmp(&b.0)) else {
        return not_run(context, "the decoded media have no picture", SignalHistory::picture_failed);
    };
    match judge(picture) {
        Some(_) if age > FAILURE_COUNTS => CheckVerdict::NotRun(NOT_FOLLOWED_UP),
        violation => {
            let violation = violation.map(|violation| violation.with("decoded_rendition", name.as_str()));
            CheckVerdict::Ran(violation.into_iter().collect())
        }
    }
}

/// Judges each decoded audio stream; `judge` returns `None` for a stream that it can't judge. Sound within the segments of the
/// decoded rung stands for that of all rungs. The check doesn't run if no stream is judged, for the reason `missing` if sound was
/// decoded, or if a stream shows a fault and its decode is older than 90 s.
pub(in crate::checks) fn judge_sounds(
    context: &CheckContext<'_>,
    missing: &'static str,
    judge: impl Fn(&SoundHistory) -> Option<Option<Violation>>,
) -> CheckVerdict {
    judge_sounds_within(context, FAILURE_COUNTS, missing, judge)
}

/// Judges each decoded audio stream as [`judge_sounds`] does, but a failure counts for the time `counts` after the newest decode.
pub(in crate::checks) fn judge_sounds_within(
    context: &CheckContext<'_>,
    counts: Seconds,
    missing: &'static str,
    judge: impl Fn(&SoundHistory) -> Option<Option<Violation>>,
) -> CheckVerdict {
    let (mut is_decoded, mut is_judged, mut is_old, mut found) = (false, false, false, Vec::new());
    for (facts, past) in context.renditions() {
        let Some(signal) = signal(context, past) else { continue };
        for (number, sound) in (1..).zip(signal.sounds()) {
            is_decoded = true;
            let Some(violation) = judge(sound) else { continue };
            is_judged = true;
            let Some(violation) = violation else { continue };
            if age(context, signal).is_none_or(|age| age > counts) {
                is_old = true;
                continue;
            }
            let name = facts.rendition.name.as_str();
            let violation = violation.with("decoded_rendition", name).with("audio_stream", number);
            let is_muxed = is_muxed(signal);
            found.push(if is_muxed { violation } else { violation.in_rendition(name) });
        }
    }
    match (is_judged, is_decoded) {
        (true, _) if is_old && found.is_empty() => CheckVerdict::NotRun(NOT_FOLLOWED_UP),
        (true, _) => CheckVerdict::Ran(found),
        (false, true) => CheckVerdict::NotRun(missing),
        (false, false) => not_run(context, "the decoded media have no sound", SignalHistory::sound_failed),
    }
}

/// Time since the newest decode.
fn age(context: &CheckContext<'_>, signal: &SignalHistory) -> Option<Seconds> {
    signal.decoded_at().map(|at| Seconds::between(at, context.now))
}

/// Whether the decoded sound lies in the segments of a picture.
fn is_muxed(signal: &SignalHistory) -> bool {
    signal.picture().is_some() || signal.picture_failed().is_some()
}

/// The verdict where no decoded media count. `failed` says why a decode gave nothing of what the check judges; `absent` is the reason where
/// the media have none of it.
fn not_run(
    context: &CheckContext<'_>,
    absent: &'static str,
    failed: impl Fn(&SignalHistory) -> Option<Undecoded>,
) -> CheckVerdict {
    let failed = || context.renditions().find_map(|(_, past)| failed(signal(context, past)?));
    let is_decoded = context.renditions().any(|(_, past)| signal(context, past).is_some());
    if is_decoded && failed().is_none() && context.output.signal.missing == Undecoded::Waiting {
        return CheckVerdict::NotRun(absent);
    }
    let reason = if context.output.is_readable() {
        let undecoded = || failed().unwrap_or(context.output.signal.missing);
        select::uninspected(context).unwrap_or_else(|| undecoded().text())
    } else {
        select::NO_MANIFEST
    };
    CheckVerdict::NotRun(reason)
}

/// Whether all known sound of the output was silent for half of a fault of the picture, or for `enough` seconds of it. It is `false` if no
/// sound is known.
pub(in crate::checks) fn is_silent_during(context: &CheckContext<'_>, fault: FaultSpan, enough: f64) -> bool {
    let needed = (fault.duration.0 / 2.0).min(enough);
    let known = known_sounds(context, |duration, ago| {
        let began = (fault.ago.0 + fault.duration.0).min(ago.0 + duration.0);
        began - fault.ago.0.max(ago.0) >= needed
    });
    !known.is_empty() && known.iter().all(|is_silent| *is_silent)
}

/// Whether an audio stream of the output is known to have sound, and to have had it for `recovery`.
pub(in crate::checks) fn any_plays(context: &CheckContext<'_>, recovery: Seconds) -> bool {
    let is_recent = |duration, ago: Seconds| duration >= LEAST_SILENCE && (ago.0 <= 0.0 || ago < recovery);
    known_sounds(context, is_recent).contains(&false)
}

/// Whether each known audio stream of the output has a silence that counts, by its duration and the time since its end: decoded, or by its
/// coded frames. If the sound in the segments of a rung was decoded, it stands for that of all rungs.
fn known_sounds(context: &CheckContext<'_>, counts: impl Fn(Seconds, Seconds) -> bool) -> Vec<bool> {
    let muxed = |past| signal(context, past).is_some_and(|signal| is_muxed(signal) && !signal.sounds().is_empty());
    let is_decoded = context.renditions().any(|(_, past)| muxed(past));
    let mut known = Vec::new();
    for (facts, past) in context.renditions() {
        let sounds = signal(context, past).map(SignalHistory::sounds).unwrap_or_default();
        let decoded = |sound: &SoundHistory| sound.silent.spans().iter().any(|span| counts(span.duration, span.ago));
        let segments = select::inspected_segments(facts, past).unwrap_or_default();
        let coded = quiet::silence(&segments);
        let is_quiet = |span: &FaultSpan| counts(span.duration, span.ago);
        let coded: Vec<(u32, bool)> = coded.iter().map(|track| (track.id, track.spans.iter().any(is_quiet))).collect();
        let has_picture = has_picture(&segments);
        if !sounds.is_empty() {
            let coded_too = coded.len() == sounds.len();
            let is_coded = |place: usize, sound: &SoundHistory| match sound.stream {
                Some(stream) => coded.contains(&(stream, true)),
                None => coded_too && coded.get(place).is_some_and(|(_, silent)| *silent),
            };
            known.extend(sounds.iter().enumerate().map(|(n, sound)| decoded(sound) || is_coded(n, sound)));
        } else if !(is_decoded && has_picture) {
            known.extend(coded.iter().map(|(_, silent)| *silent));
        }
    }
    known
}

/// Whether the newest of the segments has a video track.
fn has_picture(segments: &[&SegmentFacts]) -> bool {
    let tracks = segments.last().and_then(|segment| segment.inspection.as_ref()).into_iter().flat_map(|i| &i.tracks);
    tracks.into_iter().any(|track| track.media == Some(Media::Video))
}

/// Durations in seconds from which a fault that lasts is a warning, major and critical.
#[derive(Debug, Clone, Copy)]
pub(in crate::checks) struct HoldTimes {
    pub warning: f64,
    pub major: f64,
    pub critical: f64,
}

impl HoldTimes {
    /// Returns the severity of a fault of this duration; `None` if it is too short to be reported.
    pub(in crate::checks) fn severity(self, duration: Seconds) -> Option<Severity> {
        // Durations are sums of the durations of segments.
        match duration.0 + 1e-3 {
            seconds if seconds >= self.critical => Some(Severity::Critical),
            seconds if seconds >= self.major => Some(Severity::Major),
            seconds if seconds >= self.warning => Some(Severity::Warning),
            _ => None,
        }
    }
}

/// Returns the next worse severity.
pub(in crate::checks) fn worse(severity: Severity) -> Severity {
    match severity {
        Severity::Warning => Severity::Minor,
        Severity::Minor => Severity::Major,
        Severity::Major | Severity::Critical => Severity::Critical,
    }
}

/// Makes the violation for a span of a fault. `what` says what the picture or sound was, such as `the picture was black`.
pub(in crate::checks) fn violation(what: &str, span: FaultSpan, severity: Severity) -> Violation {
    let FaultSpan { duration, ago, at_least } = span;
    let least = if at_least { "at least " } else { "" };
    let until = match ago.0 {
        ago if ago > 0.0 => format!("it ended {ago:.1} s before the end of the newest decoded segment"),
        _ => "it lasts until the end of the newest decoded segment".to_owned(),
    };
    Violation::new(format!("{what} for {least}{:.1} s; {until}", duration.0))
        .severity(severity)
        .with("fault_seconds", duration.0)
        .with("ended_seconds_ago", ago.0)
}
