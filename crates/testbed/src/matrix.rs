//! Every fault of the origin against every check, and the clean channels against all of them.
//!
//! Each stream has a stage of its own, so none sees another's history or waits for another's requests. The clock is
//! set by hand; only what is slow by nature takes its time.

// A figure of a broken set-up would be worse than none.
#![allow(clippy::expect_used)]

use crate::harness::{Channel, Stage, TEMPLATES};
use crate::origin::{Fault, faults};
use futures_util::StreamExt;
use futures_util::stream;
use packager_exporter::checks::{self, CheckResult};
use packager_exporter::finding::Severity;
use packager_exporter::report::Report;
use std::time::Duration;

/// A check that failed on a stream.
#[derive(Debug, Clone)]
pub struct Shown {
    pub check: &'static str,
    /// The worst that was seen.
    pub severity: Severity,
    /// How many probes showed it, and the first that did, from 0.
    pub probes: usize,
    pub first: usize,
    /// What the first of them said.
    pub message: String,
}

/// What a stream's probes came to.
#[derive(Debug, Clone)]
pub struct Seen {
    pub probes: usize,
    pub every: Duration,
    /// In the order of the catalogue.
    pub shown: Vec<Shown>,
}

#[derive(Debug, Clone)]
pub struct FaultRow {
    pub fault: &'static Fault,
    pub seen: Seen,
}

#[derive(Debug, Clone)]
pub struct CleanRow {
    pub name: String,
    pub help: &'static str,
    pub seen: Seen,
}

#[derive(Debug)]
pub struct PackagerRow {
    pub name: &'static str,
    pub seen: Seen,
}

impl Seen {
    pub fn new(every: Duration) -> Self {
        Self { probes: 0, every, shown: Vec::new() }
    }

    /// Takes in one more probe.
    pub fn take(&mut self, report: &Report) {
        for outcome in report.outcomes.iter().filter(|o| o.result == CheckResult::Failed) {
            let (check, first) = (outcome.check, self.probes);
            let message = || outcome.findings.first().map(|f| f.message.clone()).unwrap_or_default();
            match self.shown.iter_mut().find(|s| s.check == check) {
                Some(known) => {
                    known.probes += 1;
                    known.severity = known.severity.max(outcome.severity);
                }
                None => {
                    let severity = outcome.severity;
                    self.shown.push(Shown { check, severity, probes: 1, first, message: message() });
                }
            }
        }
        self.probes += 1;
    }

    /// Into the order of the catalogue.
    pub fn sort(&mut self) {
        let place = |check: &str| checks::list().iter().position(|listed| listed.meta.id == check);
        self.shown.sort_by_key(|shown| place(shown.check));
    }

    pub fn shows(&self, check: &str) -> bool {
        self.shown.iter().any(|s| s.check == check)
    }

    /// Failed checks of severity critical or major.
    pub fn serious(&self) -> impl Iterator<Item = &Shown> {
        self.shown.iter().filter(|s| s.severity >= Severity::Major)
    }

    /// Failed checks that say no more than minor or warning.
    pub fn mild(&self) -> impl Iterator<Item = &Shown> {
        self.shown.iter().filter(|s| s.severity < Severity::Major)
    }
}

impl FaultRow {
    /// A check that this fault is made for doesn't exist yet.
    pub fn waits(&self) -> bool {
        self.fault.expect.iter().any(|check| !exists(check))
    }

    /// Expected and not seen.
    pub fn missing(&self) -> Vec<&'static str> {
        self.fault.expect.iter().copied().filter(|check| exists(check) && !self.seen.shows(check)).collect()
    }

    /// Critical or major, and neither expected nor a consequence.
    pub fn unexpected(&self) -> Vec<&Shown> {
        let explained = |check: &str| self.fault.expect.contains(&check) || self.fault.follows.contains(&check);
        self.seen.serious().filter(|s| !explained(s.check)).collect()
    }

    pub fn found(&self) -> bool {
        !self.waits() && self.missing().is_empty()
    }

    /// Time from the first probe until every expected check had failed.
    pub fn found_after(&self) -> Option<Duration> {
        let first = |check: &&str| self.seen.shown.iter().find(|s| s.check == *check).map(|s| s.first);
        let last = self.fault.expect.iter().map(first).collect::<Option<Vec<_>>>()?.into_iter().max()?;
        u32::try_from(last).ok().map(|probes| self.seen.every * probes)
    }
}

/// Checks that no fault can make fail here, and why.
pub const WITHOUT_FAULT: &[(&str, &str)] = &[];

pub fn exists(check: &str) -> bool {
    checks::list().iter().any(|listed| listed.meta.id == check)
}

/// Streams that are probed at the same time: as many as there are cores to inspect their segments, and some more
/// that only wait.
const AT_ONCE: usize = 2;
const SLOW_AT_ONCE: usize = 4;

/// Faults that take real time in each probe.
const SLOW: &[&str] = &[
    "ll_reload_late",
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
/// A minute of probes, every 2 s.
const CLEAN_PROBES: usize = 31;
const EVERY: Duration = Duration::from_secs(2);
/// Three minutes of scrapes. Between two of them most of a window of 20 s passes.
const SCRAPES: usize = 13;
const SCRAPE: Duration = Duration::from_secs(15);

/// Plays every fault.
pub async fn play() -> Vec<FaultRow> {
    play_some(|_| true).await
}

/// Those whose id `named` is true of.
pub async fn play_some(named: impl Fn(&str) -> bool) -> Vec<FaultRow> {
    let chosen = faults().iter().filter(|fault| named(fault.id));
    let (slow, fast): (Vec<_>, Vec<_>) = chosen.partition(|fault| SLOW.contains(&fault.id));
    let (slow, fast) = tokio::join!(run(slow, SLOW_AT_ONCE), run(fast, AT_ONCE));
    let mut rows: Vec<_> = slow.into_iter().chain(fast).collect();
    rows.sort_by_key(|row| faults().iter().position(|fault| fault.id == row.fault.id));
    rows
}

async fn run(faults: Vec<&'static Fault>, at_once: usize) -> Vec<FaultRow> {
    let running = stream::iter(faults).map(|fault| tokio::spawn(row(fault)));
    running.buffered(at_once).map(|row| row.expect("a probe doesn't panic")).collect().await
}

async fn row(fault: &'static Fault) -> FaultRow {
    let path = format!("fault/{}/{}/{} {}", fault.id, fault.channel, fault.path, fault.beside);
    let probes = if SLOW.contains(&fault.id) { SLOW_PROBES } else { PROBES };
    let (template, every) = match fault.id {
        "dash_encryption_rotation" => ("TR", EVERY),
        _ => pace(fault.channel),
    };
    FaultRow { fault, seen: watch(fault.id, path, template, probes, every).await }
}

/// Template and time between the probes: a channel with segments of 6 s is watched for as many segments.
fn pace(channel: &str) -> (&'static str, Duration) {
    match channel.get(..2) {
        Some("HD" | "CH") => ("T6", 3 * EVERY),
        Some("AD" | "AM") => ("TA", EVERY),
        Some("HV") => ("TH", EVERY),
        Some("AU" | "AT") => ("TO", EVERY),
        Some("AE") => ("TR", EVERY),
        // FairPlay is HLS's.
        Some("CB") if channel.ends_with("as DASH") => ("TW", EVERY),
        Some("CB") => ("TC", EVERY),
        Some("CE") => ("TW", EVERY),
        _ => ("T2", EVERY),
    }
}

/// Probes each clean channel for a minute, and those with the shortest window as rarely as Prometheus does.
pub async fn watch_clean() -> Vec<CleanRow> {
    watch_some(|_| true).await
}

/// Those whose name `named` is true of.
pub async fn watch_some(named: impl Fn(&str) -> bool) -> Vec<CleanRow> {
    let all = clean_channels().into_iter().map(|channel| (channel, EVERY, CLEAN_PROBES));
    let rare = |name: &str| ["TV1", "CM1", "DI1"].contains(&name);
    let rarely = clean_channels().into_iter().filter(|(name, ..)| rare(name));
    let rarely = rarely.map(|channel| (channel, SCRAPE, SCRAPES));
    let running = stream::iter(all.chain(rarely).filter(|((name, ..), ..)| named(name)).collect::<Vec<_>>()).map(
        |((name, path, help), every, probes)| {
            tokio::spawn(async move {
                let seen = watch(&name, path, pace(&name).0, probes, every).await;
                CleanRow { name, help, seen }
            })
        },
    );
    running.buffered(AT_ONCE).map(|row| row.expect("a probe doesn't panic")).collect().await
}

/// Name, path and what it is.
fn clean_channels() -> Vec<(String, String, &'static str)> {
    let own = crate::origin::channels().iter();
    let own = own.map(|c| (c.name.to_owned(), format!("live/{}/master.m3u8", c.name), c.help));
    let others = [
        ("TV1 with tokens", "token/TV1/master.m3u8", "As TV1, with another token on each URI of each playlist"),
        ("TV1 over HTTPS", "live/TV1/master.m3u8", "As TV1, with a certificate that ends in ninety days"),
        ("CM1 as DASH", "live/CM1/number.mpd", "The segments of CM1 in an MPD with $Number$ and a duration"),
        ("CM1 as DASH by time", "live/CM1/time.mpd", "The segments of CM1 in an MPD with $Time$ and a SegmentTimeline"),
        ("CM1 as DASH in Periods", "live/CM1/periods.mpd", "The same in Periods of five segments"),
        ("CM1 as DASH with patches", "live/CM1/updates.mpd", "By time, with Location, PatchLocation and EventStream"),
        ("AM1 as DASH", "live/AM1/time.mpd", "Ad breaks in an EventStream (xml+bin) and in event messages"),
        ("AM1 as DASH by number", "live/AM1/number.mpd", "The same with an EventStream in XML"),
        ("AM1 as DASH in Periods", "live/AM1/periods.mpd", "The same, each event in its Period"),
        ("AM1 as DASH with messages", "live/AM1/messages.mpd", "Ad breaks in event messages only"),
        ("CM1 as DASH in runs", "live/CM1/runs.mpd", "By number, with a SegmentTimeline whose S repeat"),
        ("CM1 as DASH without end", "live/CM1/open.mpd", "By time, with an S that repeats up to the live edge (r=-1)"),
        ("CM1 as DASH in lists", "live/CM1/list.mpd", "SegmentLists with SegmentTimelines"),
        (
            "CM1 as DASH with ads",
            "live/CM1/breaks.mpd",
            "Every other Period an ad, with Representations, numbers and media times of its own",
        ),
        (
            "CM1 as DASH with ads in files",
            "live/CM1/files.mpd",
            "The same, each Representation of an ad one file with a segment index (SegmentBase)",
        ),
        ("CB1 as DASH", "live/CB1/time.mpd", "The segments of CB1, under cbcs, in an MPD with ContentProtection"),
        ("LL1 as DASH", "live/LL1/low_latency.mpd", "The segments of LL1, by number, to be asked for while they grow"),
        ("CT1 as DASH", "live/CT1/time.mpd", "Closed captions announced by Accessibility, subtitles as wvtt and stpp"),
        ("CT1 as DASH in Periods", "live/CT1/periods.mpd", "The same in Periods of five segments"),
        ("CE1 as DASH", "live/CE1/time.mpd", "The segments of CE1, under cenc, in an MPD with ContentProtection"),
        (
            "HV1 as DASH",
            "live/HV1/time.mpd",
            "The segments of HV1, HDR10 in HEVC, in an MPD that leaves the range to them",
        ),
        (
            "CM1 as HLS and DASH",
            "live/CM1/master.m3u8 live/CM1/time.mpd",
            "Both outputs of CM1, probed and compared together",
        ),
        ("TV1 in a folder", "folder/TV1.m3u8", "A media playlist, beside those of other channels in one folder"),
    ];
    let others = others.map(|(name, path, help)| (name.to_owned(), path.to_owned(), help));
    own.chain(others).collect()
}

/// Days until the certificate of a fault or a clean channel over HTTPS ends.
fn certificate(name: &str) -> Option<u64> {
    match name {
        "certificate_expiring" | "dash_tls_expiry" => Some(2),
        "TV1 over HTTPS" => Some(90),
        _ => None,
    }
}

async fn watch(name: &str, path: String, template: &'static str, probes: usize, every: Duration) -> Seen {
    let channel = Channel { code: "CH", path: path.trim_end(), template };
    let stage = match certificate(name) {
        Some(days) => Stage::secured(&[channel], TEMPLATES, days).await,
        None => Stage::new(&[channel], TEMPLATES, "").await,
    };
    let mut seen = Seen::new(every);
    for _ in 0..probes {
        seen.take(&*stage.probe("CH").await);
        stage.advance(every);
    }
    seen.sort();
    seen
}
