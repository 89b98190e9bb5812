//! Selects the state of decoded picture and sound that several checks judge.

use super::select;
use crate::checks::{CheckContext, CheckVerdict, Violation};
use crate::facts::quiet;
use crate::finding::Severity;
use crate::history::{FaultSpan, PictureHistory, RenditionHistory, SignalHistory, SoundHistory};
use packager_media::units::Seconds;

/// Shortest silence that makes a frozen picture worse.
const LEAST_SILENCE: Seconds = Seconds(1.0);

/// Returns the state of a rendition's decoded picture and sound, if its newest decode is young enough to count.
pub(in crate::checks) fn signal<'a>(
    context: &CheckContext<'_>,
    past: &'a RenditionHistory,
) -> Option<&'a SignalHistory> {
    let age = Seconds::between(past.signal.decoded_at()?, context.now);
    (age <= context.output.signal.valid_for).then_some(&*past.signal)
}

/// Judges the picture of the rendition that was decoded. It stands for all rungs, so that a violation concerns the whole output. The
/// check doesn't run if no decoded picture counts.
pub(in crate::checks) fn judge_picture(
    context: &CheckContext<'_>,
    judge: impl Fn(&PictureHistory) -> Option<Violation>,
) -> CheckVerdict {
    let mut decoded = context.renditions().filter_map(|(facts, past)| {
        let picture = signal(context, past)?.picture.as_ref()?;
        Some((&facts.rendition.name, picture))
    });
    match decoded.next() {
        Some((name, picture)) => {
            let violation = judge(picture).map(|violation| violation.with("decoded_rendition", name.as_str()));
            CheckVerdict::Ran(violation.into_iter().collect())
        }
        None => not_run(context),
    }
}

/// Judges each decoded audio stream; `judge` returns `None` for a stream that it can't judge. Sound within the segments of the
/// decoded rung stands for that of all rungs. The check doesn't run if no stream is judged, for the reason `missing` if sound was
/// decoded.
pub(in crate::checks) fn judge_sounds(
    context: &CheckContext<'_>,
    missing: &'static str,
    judge: impl Fn(&SoundHistory) -> Option<Option<Violation>>,
) -> CheckVerdict {
    let (mut is_decoded, mut is_judged, mut found) = (false, false, Vec::new());
    for (facts, past) in context.renditions() {
        let Some(signal) = signal(context, past) else { continue };
        for (number, sound) in (1..).zip(&signal.sounds) {
            is_decoded = true;
            let Some(violation) = judge(sound) else { continue };
            is_judged = true;
            let Some(violation) = violation else { continue };
            let name = facts.rendition.name.as_str();
            let violation = violation.with("decoded_rendition", name).with("audio_stream", number);
            let is_muxed = signal.picture.is_some();
            found.push(if is_muxed { violation } else { violation.in_rendition(name) });
        }
    }
    match (is_judged, is_decoded) {
        (true, _) => CheckVerdict::Ran(found),
        (false, true) => CheckVerdict::NotRun(missing),
        (false, false) => not_run(context),
    }
}

/// The verdict where no decoded media count.
fn not_run(context: &CheckContext<'_>) -> CheckVerdict {
    let reason = if context.output.is_readable() {
        select::uninspected(context).unwrap_or(context.output.signal.missing)
    } else {
        select::NO_MANIFEST
    };
    CheckVerdict::NotRun(reason)
}

/// Whether the sound of the output is silent, or was within `recovery`: decoded, or by its coded frames.
pub(in crate::checks) fn is_silent(context: &CheckContext<'_>, recovery: Seconds) -> bool {
    let long = |duration: Seconds| duration >= LEAST_SILENCE;
    context.renditions().any(|(facts, past)| {
        let mut sounds = signal(context, past).into_iter().flat_map(|signal| &signal.sounds);
        let decoded = sounds.any(|sound| sound.silent.longest(recovery).is_some_and(|span| long(span.duration)));
        let segments = select::inspected_segments(facts, past).unwrap_or_default();
        let coded = || quiet::silence(&segments).iter().any(|t| t.longest(recovery).is_some_and(|s| long(s.duration)));
        decoded || coded()
    })
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
