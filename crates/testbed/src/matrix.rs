//! The detection matrix: every fault of the origin against every check, and every clean channel against all checks.
//!
//! Each stream has its own harness, so that no stream sees another's history or waits for another's requests. The clock
//! is set by hand; only faults that are slow by nature take real time.

// A figure of a broken set-up would be worse than none.
#![allow(clippy::expect_used)]

use crate::harness::{ChannelSpec, Harness, TEMPLATES};
use crate::origin::{Fault, faults};
use crate::pace;
use crate::restarts::RestartResult;
use futures_util::StreamExt;
use futures_util::stream;
use packager_exporter::checks::{CHECKS, CheckResult};
use packager_exporter::finding::Severity;
use packager_exporter::report::Report;
use std::time::Duration;

/// A check that failed in at least one probe of a stream.
#[derive(Debug, Clone)]
pub struct FailedCheck {
    /// Id of the failed check.
    pub check: &'static str,
    /// Worst severity of the failed check over all probes.
    pub severity: Severity,
    /// Number of probes in which the check failed.
    pub probes: usize,
    /// Index of the first probe in which the check failed, from 0.
    pub first: usize,
    /// Message of the check's first finding in the first probe in which it failed.
    pub message: String,
}

/// Results of all probes of one stream.
#[derive(Debug, Clone)]
pub struct StreamResult {
    /// Number of probes of the stream.
    pub probes: usize,
    /// Time between two probes of the stream.
    pub every: Duration,
    /// Checks that failed; after [`Self::sort`] in the order of the list of checks.
    pub failed_checks: Vec<FailedCheck>,
}

/// Results of the probes that were made while the live origin played one fault.
#[derive(Debug, Clone)]
pub struct FaultResult {
    pub fault: &'static Fault,
    pub result: StreamResult,
}

/// Results of the probes of one clean stream of the origin.
#[derive(Debug, Clone)]
pub struct CleanResult {
    /// Name of the clean stream, such as `CM1 as DASH`.
    pub name: String,
    /// Description of the clean stream.
    pub help: &'static str,
    pub result: StreamResult,
}

/// Results of the probes of one real packager.
#[derive(Debug)]
pub struct PackagerResult {
    /// Name of the packager with its output format.
    pub name: &'static str,
    /// Findings that are true, since the packager breaks a standard.
    pub true_findings: &'static [TrueFinding],
    /// A minute of probes while the packager ran.
    pub result: StreamResult,
    /// What was reported when the packager was stopped and started again; `None` when it wasn't.
    pub restart: Option<RestartResult>,
}

/// A finding on a real packager's healthy stream that is true.
#[derive(Debug, Clone, Copy)]
pub struct TrueFinding {
    pub check: &'static str,
    /// What the packager does, and the clause that it breaks.
    pub why: &'static str,
}

impl PackagerResult {
    /// Returns the result without the checks in `true_findings`; each check that is left failed on a healthy stream.
    pub fn false_findings(&self) -> StreamResult {
        let is_false = |failed: &&FailedCheck| !self.true_findings.iter().any(|known| known.check == failed.check);
        let failed_checks = self.result.failed_checks.iter().filter(is_false).cloned().collect();
        StreamResult { failed_checks, ..self.result.clone() }
    }
}

impl StreamResult {
    /// Makes a result without probes; `every` is the time between two probes.
    pub fn new(every: Duration) -> Self {
        Self { probes: 0, every, failed_checks: Vec::new() }
    }

    /// Adds the report of the stream's next probe.
    pub fn record(&mut self, report: &Report) {
        for outcome in report.outcomes.iter().filter(|o| o.result == CheckResult::Failed) {
            let (check, first) = (outcome.check.id, self.probes);
            let message = || outcome.findings.first().map(|f| f.message.clone()).unwrap_or_default();
            match self.failed_checks.iter_mut().find(|failed| failed.check == check) {
                Some(known) => {
                    known.probes += 1;
                    known.severity = known.severity.max(outcome.severity);
                }
                None => {
                    let severity = outcome.severity;
                    self.failed_checks.push(FailedCheck { check, severity, probes: 1, first, message: message() });
                }
            }
        }
        self.probes += 1;
    }

    /// Sorts the failed checks of the stream into the order of the list of checks.
    pub fn sort(&mut self) {
        let position = |check: &str| CHECKS.iter().position(|meta| meta.id == check);
        self.failed_checks.sort_by_key(|failed| position(failed.check));
    }

    /// Returns whether the check failed in at least one probe of the stream.
    pub fn has_failed(&self, check: &str) -> bool {
        self.failed_checks.iter().any(|failed| failed.check == check)
    }

    /// Iterates over the failed checks of severity critical or major.
    pub fn serious_failures(&self) -> impl Iterator<Item = &FailedCheck> {
        self.failed_checks.iter().filter(|failed| failed.severity >= Severity::Major)
    }

    /// Iterates over the failed checks of severity minor or warning.
    pub fn minor_failures(&self) -> impl Iterator<Item = &FailedCheck> {
        self.failed_checks.iter().filter(|failed| failed.severity < Severity::Major)
    }
}

impl FaultResult {
    /// Returns whether a check that should find the fault doesn't exist yet.
    pub fn awaits_check(&self) -> bool {
        self.fault.expected.iter().any(|check| !check_exists(check))
    }

    /// Returns the ids of the checks that should have failed for the fault and didn't.
    pub fn missing_checks(&self) -> Vec<&'static str> {
        let missing = |check: &&str| check_exists(check) && !self.result.has_failed(check);
        self.fault.expected.iter().copied().filter(missing).collect()
    }

    /// Returns the checks of severity critical or major that failed although the fault names them neither as expected
    /// nor as consequences.
    pub fn unexpected_checks(&self) -> Vec<&FailedCheck> {
        let is_explained =
            |check: &str| self.fault.expected.contains(&check) || self.fault.consequences.contains(&check);
        self.result.serious_failures().filter(|failed| !is_explained(failed.check)).collect()
    }

    /// Returns whether every check that should find the fault failed.
    pub fn is_found(&self) -> bool {
        !self.awaits_check() && self.missing_checks().is_empty()
    }

    /// Returns the time from the first probe until every expected check had failed; `None` if one of them never failed.
    pub fn found_after(&self) -> Option<Duration> {
        let first = |check: &&str| self.result.failed_checks.iter().find(|s| s.check == *check).map(|s| s.first);
        let last = self.fault.expected.iter().map(first).collect::<Option<Vec<_>>>()?.into_iter().max()?;
        u32::try_from(last).ok().map(|probes| self.result.every * probes)
    }
}

/// Returns whether the exporter has a check with this id.
pub fn check_exists(check: &str) -> bool {
    CHECKS.iter().any(|meta| meta.id == check)
}

/// Number of streams that are probed at the same time: two for each of two cores, because probes also wait, such as for a second request.
/// Those of the slow faults mostly wait.
const AT_ONCE: usize = 4;
const SLOW_AT_ONCE: usize = 6;

/// Ids of the faults that take real time in each probe.
const SLOW: &[&str] = &[
    "ll_reload_late",
    "ll_dash_whole",
    "ll_dash_whole_timeline",
    "ll_dash_early",
    "ll_dash_burst",
    "ll_dash_one_chunk",
    "ll_dash_resync",
    "ll_dash_rate",
    "silent",
    "segment_slow",
    "dash_segment_slow",
    "slow_first_byte",
    "manifest_huge",
    "manifest_endless",
    "gzip_bomb",
    "lines_10m",
];
const SLOW_PROBES: usize = 3;
const PROBES: usize = 25;
/// Number of probes of a clean stream: one minute with a probe every 2 s.
const CLEAN_PROBES: usize = 31;
const EVERY: Duration = Duration::from_secs(2);
/// Number of probes of a healthy stream. At Prometheus's interval of 15 s they take three minutes, and most segments of
/// a window of 20 s leave it between two probes.
const SCRAPES: usize = 13;
const SCRAPE: Duration = Duration::from_secs(15);

/// Largest number of attempts at a stream whose result is surprising while the machine is too slow to trust it.
pub(crate) const ATTEMPTS: usize = 4;
/// Slowdown of the machine (see [`pace::slowdown`]) from which on a surprising result isn't trusted.
pub(crate) const BUSY: f64 = 1.5;

/// Probes every fault of the origin.
pub async fn probe_faults() -> Vec<FaultResult> {
    probe_faults_named(|_| true).await
}

/// Probes the faults of the origin whose id satisfies `matches`.
pub async fn probe_faults_named(matches: impl Fn(&str) -> bool) -> Vec<FaultResult> {
    let chosen = faults().iter().filter(|fault| matches(fault.id));
    let (slow, fast): (Vec<_>, Vec<_>) = chosen.partition(|fault| SLOW.contains(&fault.id));
    let (slow, fast) = tokio::join!(probe_at_once(slow, SLOW_AT_ONCE), probe_at_once(fast, AT_ONCE));
    let mut rows: Vec<_> = slow.into_iter().chain(fast).collect();
    rows.sort_by_key(|row| faults().iter().position(|fault| fault.id == row.fault.id));
    rows
}

async fn probe_at_once(faults: Vec<&'static Fault>, at_once: usize) -> Vec<FaultResult> {
    let running = stream::iter(faults).map(|fault| tokio::spawn(probe_fault(fault)));
    running.buffer_unordered(at_once).map(|row| row.expect("a probe doesn't panic")).collect().await
}

async fn probe_fault(fault: &'static Fault) -> FaultResult {
    let path = format!("fault/{}/{}/{} {}", fault.id, fault.channel, fault.path, fault.second_output);
    let probes = if SLOW.contains(&fault.id) { SLOW_PROBES } else { PROBES };
    let (template, every) = match fault.id {
        "dash_key_rotation_late" => ("TR", EVERY),
        "dash_hdr_unsignalled" => ("TS", EVERY),
        "hls_authoring" => ("TI", EVERY),
        _ => template_and_interval(fault.channel),
    };
    let is_explained = |check: &str| fault.expected.contains(&check) || fault.consequences.contains(&check);
    let is_surprising = |result: &StreamResult| {
        let missing = fault.expected.iter().any(|check| check_exists(check) && !result.has_failed(check));
        missing || result.failed_checks.iter().any(|failed| !is_explained(failed.check))
    };
    FaultResult { fault, result: probe_stream(fault.id, &path, template, (probes, every), is_surprising).await }
}

/// Returns the template of a channel and the time between its probes. A channel with segments of 6 s is probed for as
/// many segments as one with segments of 2 s.
fn template_and_interval(channel: &str) -> (&'static str, Duration) {
    match channel.get(..2) {
        Some("HD" | "CH") => ("T6", 3 * EVERY),
        Some("AD" | "AM") => ("TA", EVERY),
        Some("HV") => ("TH", EVERY),
        Some("AU" | "AT") => ("TO", EVERY),
        Some("AE") => ("TR", EVERY),
        // FairPlay is for HLS only.
        Some("CB") if channel.ends_with("as DASH") => ("TW", EVERY),
        Some("CB") => ("TC", EVERY),
        Some("CE") => ("TW", EVERY),
        _ => ("T2", EVERY),
    }
}

/// Probes each clean channel for a minute, and the channels with the shortest window once more at Prometheus's
/// interval.
pub async fn probe_clean_streams() -> Vec<CleanResult> {
    probe_clean_streams_named(|_| true).await
}

/// Probes the clean channels whose name satisfies `matches`.
pub async fn probe_clean_streams_named(matches: impl Fn(&str) -> bool) -> Vec<CleanResult> {
    let all = clean_channels().into_iter().map(|channel| (channel, EVERY, CLEAN_PROBES));
    let has_short_window = |name: &str| ["TV1", "CM1", "DI1"].contains(&name);
    let scraped = clean_channels().into_iter().filter(|(name, ..)| has_short_window(name));
    let scraped = scraped.map(|channel| (channel, SCRAPE, SCRAPES));
    let chosen: Vec<_> = all.chain(scraped).filter(|((name, ..), ..)| matches(name)).collect();
    let running = stream::iter(chosen).enumerate().map(|(place, ((name, path, help), every, probes))| {
        tokio::spawn(async move {
            let (template, _) = template_and_interval(&name);
            let is_surprising = |result: &StreamResult| !result.failed_checks.is_empty();
            let result = probe_stream(&name, &path, template, (probes, every), is_surprising).await;
            (place, CleanResult { name, help, result })
        })
    });
    let running = running.buffer_unordered(AT_ONCE).map(|row| row.expect("a probe doesn't panic"));
    let mut rows: Vec<_> = running.collect().await;
    rows.sort_by_key(|(place, _)| *place);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Returns name, path on the origin and description of each clean stream.
fn clean_channels() -> Vec<(String, String, &'static str)> {
    let own = crate::origin::channels().iter();
    let own = own.map(|c| (c.name.to_owned(), format!("live/{}/master.m3u8", c.name), c.help));
    let others = [
        ("TV1 with tokens", "token/TV1/master.m3u8", "Like TV1, with a new token on every URI of every playlist"),
        ("TV1 over HTTPS", "live/TV1/master.m3u8", "Like TV1, with a certificate that expires in ninety days"),
        ("CM1 as DASH", "live/CM1/number.mpd", "The segments of CM1 in an MPD with $Number$ and a duration"),
        ("CM1 as DASH by time", "live/CM1/time.mpd", "The segments of CM1 in an MPD with $Time$ and a SegmentTimeline"),
        ("CM1 as DASH in Periods", "live/CM1/periods.mpd", "Like CM1 as DASH, in Periods of five segments"),
        (
            "CM1 as DASH with patches",
            "live/CM1/updates.mpd",
            "By time, with Location, PatchLocation and an EventStream",
        ),
        ("AM1 as DASH", "live/AM1/time.mpd", "Ad breaks in an EventStream (xml+bin) and in event messages"),
        ("AM1 as DASH by number", "live/AM1/number.mpd", "Like AM1 as DASH, with an EventStream in XML"),
        (
            "AM1 as DASH in Periods",
            "live/AM1/periods.mpd",
            "Like AM1 as DASH, in Periods, with each event in its Period",
        ),
        ("AM1 as DASH with messages", "live/AM1/messages.mpd", "Ad breaks in event messages (emsg) only"),
        ("CM1 as DASH in runs", "live/CM1/runs.mpd", "By number, with a SegmentTimeline whose S elements repeat"),
        (
            "CM1 as DASH ahead",
            "live/CM1/ahead.mpd",
            "By time, with the segments of the next 10 s, which aren't available yet",
        ),
        ("CM1 as DASH in lists", "live/CM1/list.mpd", "SegmentLists with SegmentTimelines"),
        (
            "CM1 as DASH without a buffer",
            "dialect/bufferless/CM1/time.mpd",
            "By time, with a time-shift buffer of 0 s, so that each segment is available for its own duration",
        ),
        (
            "CM1 as DASH with ads",
            "live/CM1/breaks.mpd",
            "Every second Period is an ad, with Representations, numbers and media times of its own",
        ),
        (
            "CM1 as DASH with ads in files",
            "live/CM1/files.mpd",
            "Like CM1 as DASH with ads; each Representation of an ad is one file with a segment index (SegmentBase)",
        ),
        (
            "CM1 as DASH with early ads",
            "live/CM1/early.mpd",
            "Like CM1 as DASH with ads; an ad is listed and available as a whole when it begins (availabilityTimeOffset INF)",
        ),
        (
            "CB1 as DASH",
            "live/CB1/time.mpd",
            "The segments of CB1, encrypted with cbcs, in an MPD with ContentProtection",
        ),
        (
            "LL1 as DASH",
            "live/LL1/low_latency.mpd",
            "The segments of LL1, by number, requested while they are still being written",
        ),
        (
            "LL1 as DASH by time",
            "live/LL1/low_latency_time.mpd",
            "Like LL1 as DASH, with a SegmentTimeline that lists the segment that is being written",
        ),
        (
            "CT1 as DASH",
            "live/CT1/time.mpd",
            "Closed captions announced by Accessibility, and subtitles as wvtt and stpp",
        ),
        ("CT1 as DASH in Periods", "live/CT1/periods.mpd", "Like CT1 as DASH, in Periods of five segments"),
        (
            "CE1 as DASH",
            "live/CE1/time.mpd",
            "The segments of CE1, encrypted with cenc, in an MPD with ContentProtection",
        ),
        (
            "HV1 as DASH",
            "live/HV1/time.mpd",
            "The segments of HV1, HDR10 in HEVC, in an MPD that doesn't signal the range itself",
        ),
        (
            "CM1 as HLS and DASH",
            "live/CM1/master.m3u8 live/CM1/time.mpd",
            "Both outputs of CM1, probed and compared together",
        ),
        ("HLS of HV1, of which nobody said that it is HDR", "live/HV1/master.m3u8", "A channel without is_hdr"),
        (
            "TV1 in sessions",
            "live/TV1/sessions.m3u8",
            "Each request for the master begins a session of 40 s that counts from 0",
        ),
        ("TV1 in sessions by redirect", "live/TV1/redirect.m3u8", "The master redirects to that of a new session"),
        (
            "TV1 with a cookie",
            "live/TV1/cookie.m3u8",
            "The master sets a cookie of 30 s without which all else answers 403",
        ),
        (
            "CM1 as DASH in sessions",
            "live/CM1/sessions.mpd",
            "The Location of the MPD is a session of 40 s; every second one is 6 s behind",
        ),
        ("TV1 in a folder", "folder/TV1.m3u8", "A media playlist in a folder with the playlists of other channels"),
    ];
    let others = others.map(|(name, path, help)| (name.to_owned(), path.to_owned(), help));
    own.chain(others).collect()
}

/// Returns the number of days until the certificate of an HTTPS fault or clean channel expires; `None` for plain HTTP.
fn certificate_days(name: &str) -> Option<u64> {
    match name {
        "certificate_expiring" | "dash_tls_expiry" => Some(2),
        "TV1 over HTTPS" => Some(90),
        _ => None,
    }
}

/// Probes a stream several times at an interval. When the result is surprising and the machine is busy, the stream is
/// probed again, because a clean segment that a busy machine delivers late is slow by every measure.
async fn probe_stream(
    name: &str,
    path: &str,
    template: &'static str,
    (probes, every): (usize, Duration),
    is_surprising: impl Fn(&StreamResult) -> bool,
) -> StreamResult {
    let mut attempt = 1;
    loop {
        let result = probe_stream_once(name, path, template, (probes, every)).await;
        if attempt == ATTEMPTS || !is_surprising(&result) {
            return result;
        }
        let slowdown = tokio::task::block_in_place(pace::slowdown);
        if slowdown < BUSY {
            return result;
        }
        eprintln!("{name}: probed again, this machine works {slowdown:.1} times slower than an idle one");
        attempt += 1;
    }
}

async fn probe_stream_once(
    name: &str,
    path: &str,
    template: &'static str,
    (probes, every): (usize, Duration),
) -> StreamResult {
    let channel = ChannelSpec { code: "CH", path: path.trim_end(), template };
    let harness = match certificate_days(name) {
        Some(days) => Harness::with_tls(&[channel], TEMPLATES, days).await,
        None => Harness::new(&[channel], TEMPLATES, "").await,
    };
    let mut result = StreamResult::new(every);
    for _ in 0..probes {
        result.record(&*harness.probe("CH").await);
        harness.advance(every);
    }
    result.sort();
    result
}
