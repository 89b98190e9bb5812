//! Programmes of picture and sound against the checks that need a decoder: each programme is probed after each of its
//! segments, on a clock that is set by hand.

// A figure of a broken set-up would be worse than none.
#![allow(clippy::expect_used)]

use crate::harness::Harness;
use crate::matrix::{FailedCheck, StreamResult};
use crate::origin::{Programme, SEGMENT_SECONDS, programmes};
use futures_util::{StreamExt as _, stream};
use packager_exporter::report::Report;
use std::path::Path;
use std::time::Duration;

/// Number of programmes that are encoded and probed at the same time: one and a half for each of two cores, because probes also wait.
const AT_ONCE: usize = 3;
/// Number of segments that are listed when a programme begins to play, each for the first time.
const LISTED: u32 = 6;
/// Number of probes of a programme that is good, or faulty from beginning to end: two rounds of a minute.
const PROBES: u32 = 20;
/// Number of probes, one a minute, of a programme whose loudness is judged: the verdict needs samples of 20 minutes.
const LOUDNESS_PROBES: u32 = 24;

/// Templates of the programmes. `SIGNAL` is how they are decoded: every segment, or in samples of each minute for the loudness.
const TEMPLATE: &str = "
PG:
  timeout: 60s
  SIGNAL
  segment_duration_target: 6.0
  segments: {mode: every, count: 6}
  loudness_target: -23.0
  loudness_tolerance: 4.0
  macroblocking_threshold: 0.15
  freeze_threshold_ms: 1000
  min_mos: 3.0
PR:
  extends: PG
  signal: rotation
  signal_interval: 1h
";

/// Results of the probes of one programme.
#[derive(Debug, Clone)]
pub struct ProgrammeResult {
    pub programme: &'static Programme,
    pub result: StreamResult,
    /// What the same probes found with `signal: rotation`, whose turn doesn't come; `None` for a programme whose loudness is judged.
    pub rotation: Option<RotationResult>,
}

/// Results of the probes of one programme with `signal: rotation`: it is decoded in the first probe, before its fault, and then only because
/// the coded picture or sound is suspected of a fault.
#[derive(Debug, Clone)]
pub struct RotationResult {
    pub result: StreamResult,
    /// Number of probes in which the picture was suspected to stand still.
    pub suspicions: usize,
    /// Number of probes after the first one that decoded.
    pub decodes: usize,
}

impl ProgrammeResult {
    /// Returns the ids of the checks that should have found the fault and didn't.
    #[must_use]
    pub fn missing_checks(&self) -> Vec<&'static str> {
        self.programme.expected.iter().copied().filter(|check| !self.result.has_failed(check)).collect()
    }

    /// Returns the checks that failed, although they should neither find the programme's fault nor are its consequences.
    #[must_use]
    pub fn unexpected_checks(&self) -> Vec<&FailedCheck> {
        let Programme { expected, consequences, .. } = self.programme;
        let is_explained = |check: &str| expected.contains(&check) || consequences.contains(&check);
        self.result.failed_checks.iter().filter(|failed| !is_explained(failed.check)).collect()
    }

    /// Returns the seconds of the fault that had been listed when the last of the expected checks failed first. `None`: one
    /// of them never failed, or the fault has no beginning.
    #[must_use]
    pub fn found_after(&self) -> Option<u32> {
        let (begins, _) = self.programme.fault_seconds()?;
        let last = self.expected_failures()?.iter().map(|failed| listed_seconds(failed.first)).max()?;
        last.checked_sub(begins)
    }

    /// Returns the seconds after the fault that had been listed when all expected checks passed again. `None`: one of them
    /// never failed, or the fault has no end.
    #[must_use]
    pub fn cleared_after(&self) -> Option<u32> {
        let (_, ends) = self.programme.fault_seconds()?;
        let last = self.expected_failures()?.iter().map(|failed| listed_seconds(failed.first + failed.probes)).max()?;
        last.checked_sub(ends)
    }

    /// Returns the number of probes in rotation, from the first one in which a whole segment of the fault was listed, until all expected
    /// checks had failed. `None`: one of them never failed, or the programme has no fault that begins.
    #[must_use]
    pub fn found_in_rotation(&self) -> Option<u32> {
        let (begins, _) = self.programme.fault_seconds()?;
        let failures = failures(&self.rotation.as_ref()?.result, self.programme.expected)?;
        let last = failures.iter().map(|failed| listed_seconds(failed.first)).max()?;
        Some(last.checked_sub(begins)? / SEGMENT_SECONDS)
    }

    fn expected_failures(&self) -> Option<Vec<&FailedCheck>> {
        failures(&self.result, self.programme.expected)
    }
}

/// Returns the failures of these checks; `None` if one of them never failed.
fn failures<'a>(result: &'a StreamResult, checks: &[&str]) -> Option<Vec<&'a FailedCheck>> {
    checks.iter().map(|check| result.failed_checks.iter().find(|failed| failed.check == *check)).collect()
}

impl RotationResult {
    fn new(every: Duration) -> Self {
        Self { result: StreamResult::new(every), suspicions: 0, decodes: 0 }
    }

    fn record(&mut self, report: &Report) {
        let outputs = || report.capture.outputs.iter();
        let is_suspected = outputs().any(|output| report.still_suspected(output) == Some(true));
        let is_decoded = outputs().flat_map(|output| &output.renditions).any(|rendition| rendition.decoded.is_some());
        self.suspicions += usize::from(is_suspected);
        self.decodes += usize::from(is_decoded && self.result.probes > 0);
        self.result.record(report);
    }
}

/// Returns the seconds of the programme that are listed in the probe with this index.
fn listed_seconds(probe: usize) -> u32 {
    (LISTED + u32::try_from(probe).unwrap_or(u32::MAX - LISTED)) * SEGMENT_SECONDS
}

/// Probes the programmes whose id satisfies `matches`. `exporter` is the exporter's program, which confines itself and
/// becomes ffmpeg.
pub async fn probe_programmes_named(exporter: &Path, matches: impl Fn(&str) -> bool) -> Vec<ProgrammeResult> {
    let chosen: Vec<_> = programmes().iter().filter(|programme| matches(programme.id)).collect();
    let running = stream::iter(chosen).map(|programme| {
        let exporter = exporter.to_owned();
        tokio::spawn(async move { probe_programme(programme, &exporter).await })
    });
    running.buffered(AT_ONCE).map(|row| row.expect("a probe doesn't panic")).collect().await
}

/// Probes every programme.
pub async fn probe_programmes(exporter: &Path) -> Vec<ProgrammeResult> {
    probe_programmes_named(exporter, |_| true).await
}

async fn probe_programme(programme: &'static Programme, exporter: &Path) -> ProgrammeResult {
    let is_loudness = programme.expected.contains(&"loudness_off_target");
    let signal = if is_loudness { "signal: rotation\n  signal_interval: 1m" } else { "signal: full" };
    let harness = Harness::with_programme(programme.id, &TEMPLATE.replace("SIGNAL", signal), exporter).await;
    let (every, probes) = match programme.faulty {
        // One round.
        Some(_) => (SEGMENT_SECONDS, programme.segments() - LISTED + 1),
        None if is_loudness => (60, LOUDNESS_PROBES),
        None => (SEGMENT_SECONDS, PROBES),
    };
    let every = Duration::from_secs(u64::from(every));
    let mut result = StreamResult::new(every);
    let mut rotation = (!is_loudness).then(|| RotationResult::new(every));
    for _ in 0..probes {
        result.record(&*harness.probe(Harness::PROGRAMME).await);
        if let Some(rotation) = &mut rotation {
            rotation.record(&*harness.probe(Harness::PROGRAMME_IN_ROTATION).await);
        }
        harness.advance(every);
    }
    result.sort();
    ProgrammeResult { programme, result, rotation }
}
