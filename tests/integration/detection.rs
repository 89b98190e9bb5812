//! What `make detection` writes into docs/detection.md, measured again and judged: each fault is found by the checks
//! that are made for it, and nothing is said that isn't so.

use packager_exporter::checks::{self, CheckResult};
use packager_testbed::harness::{Channel, Stage, TEMPLATES};
use packager_testbed::markdown;
use packager_testbed::matrix::{self, CleanRow, FaultRow};
use std::path::Path;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Minor findings and warnings that a clean channel may show: stream, check and reason.
const TOLERATED: &[(&str, &str, &str)] = &[];

async fn played() -> &'static [FaultRow] {
    static PLAYED: OnceCell<Vec<FaultRow>> = OnceCell::const_new();
    PLAYED.get_or_init(matrix::play).await
}

async fn watched() -> &'static [CleanRow] {
    static WATCHED: OnceCell<Vec<CleanRow>> = OnceCell::const_new();
    WATCHED.get_or_init(matrix::watch_clean).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_fails_the_checks_made_for_it_and_no_others_but_its_consequences() {
    let mut wrong = Vec::new();
    for row in played().await {
        wrong.extend(row.missing().iter().map(|check| format!("{}: {check} didn't fail", row.fault.id)));
        let unexpected = row.unexpected().into_iter();
        wrong.extend(unexpected.map(|s| format!("{}: {} failed: {}", row.fault.id, s.check, s.message)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_check_has_a_fault_made_for_it() {
    let rows = played().await;
    let made = |id: &str| rows.iter().any(|row| row.fault.expect.contains(&id) && row.seen.shows(id));
    let excused = |id: &str| matrix::WITHOUT_FAULT.iter().any(|(check, _)| *check == id);
    let without: Vec<_> =
        checks::list().into_iter().map(|l| l.meta.id).filter(|id| !made(id) && !excused(id)).collect();
    assert!(without.is_empty(), "no fault of the origin makes these fail: {without:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consequence_is_claimed_only_where_it_is_seen_or_waits_for_its_check() {
    let mut idle = Vec::new();
    for row in played().await {
        let checks = row.fault.follows.iter().filter(|check| matrix::exists(check) && !row.seen.shows(check));
        idle.extend(checks.map(|check| (row.fault.id, *check)));
    }
    // They come later than the probes of this matrix reach, or between them.
    let later = [("hls_target_duration_exceeded", "hls_playlist_stale"), ("hls_playlist_stale", "live_latency_high")];
    assert_eq!(idle, later, "a `follows` that never shows hides a false finding");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_channel_has_no_finding() {
    let mut wrong = Vec::new();
    for row in watched().await {
        let tolerated = |check: &str| TOLERATED.iter().any(|(name, id, _)| *name == row.name && *id == check);
        let mild = row.seen.mild().filter(|s| !tolerated(s.check));
        let false_ones = row.seen.serious().chain(mild);
        wrong.extend(false_ones.map(|s| format!("{}: {} in {} probes: {}", row.name, s.check, s.probes, s.message)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_says_what_is_measured() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/detection.md");
    let document = std::fs::read_to_string(&file).unwrap_or_default();
    let measured = markdown::repeatable(played().await, watched().await);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let packagers = document.find(markdown::REAL).and_then(|at| document.get(at..)).unwrap_or_default();
        return std::fs::write(file, measured + packagers).expect("docs/detection.md can be written");
    }
    let old = measured.lines().find(|line| !document.lines().any(|known| known == *line));
    assert_eq!(old, None, "docs/detection.md is out of date; run `make detection`");
    assert!(document.starts_with(&measured), "docs/detection.md is out of date; run `make detection`");
}

/// What packagers write differently and may: stream and path.
const ODD: &[(&str, &str)] = &[
    ("loose", "odd/loose/TV1/master.m3u8"),
    ("dated", "odd/dated/TV1/master.m3u8"),
    ("rich", "odd/rich/TV1/master.m3u8"),
    ("event", "odd/event/TV1/master.m3u8"),
    ("discontinuities, loose", "odd/loose/DI1/master.m3u8"),
    ("CMAF, event", "odd/event/CM1/master.m3u8"),
    ("one media playlist", "odd/dated/TV1/1080p/index.m3u8"),
];

#[tokio::test(flavor = "multi_thread")]
async fn ten_minutes_of_what_packagers_write_differently_have_no_finding() {
    let watched = ODD.iter().map(|(name, path)| tokio::spawn(watch_odd(name, path)));
    let mut wrong = Vec::new();
    for found in watched.collect::<Vec<_>>() {
        wrong.extend(found.await.unwrap());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn watch_odd(name: &str, path: &str) -> Vec<String> {
    let templates = format!("{TEMPLATES}TN:\n  extends: T2\n  segments: {{mode: newest, count: 1, oldest: true}}\n");
    let stage = Stage::new(&[Channel { code: "CH", path, template: "TN" }], &templates, "").await;
    let mut wrong = Vec::new();
    for probe in 0..30 {
        let report = stage.probe("CH").await;
        for outcome in &report.outcomes {
            let idle = outcome.result != CheckResult::Ok && RUNS.contains(&outcome.check);
            if outcome.result == CheckResult::Failed || idle {
                let said = outcome.findings.first().map(|f| f.message.as_str()).or(outcome.reason).unwrap_or_default();
                wrong.push(format!("{name}, probe {probe}: {}: {said}", outcome.check));
            }
        }
        stage.advance(Duration::from_secs(20));
    }
    wrong
}

/// Checks that judge each of them.
const RUNS: [&str; 4] =
    ["hls_syntax_error", "segment_unavailable", "timestamp_discontinuity", "hls_program_date_time_wrong"];
