//! Tests that measure the results of docs/detection.md again: every fault is found by its checks, and nothing else is
//! found.

use packager_exporter::checks::{CHECKS, CheckResult};
use packager_testbed::detection_page::{self, OriginResults};
use packager_testbed::harness::{ChannelSpec, Harness, TEMPLATES};
use packager_testbed::matrix::{self, CleanResult, FaultResult};
use packager_testbed::pace;
use packager_testbed::programme_results::{ProgrammeResult, probe_programmes};
use std::path::Path;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Minor findings and warnings that a clean stream may have: stream, check and reason.
const TOLERATED: &[(&str, &str, &str)] = &[];

async fn fault_results() -> &'static [FaultResult] {
    static RESULTS: OnceCell<Vec<FaultResult>> = OnceCell::const_new();
    RESULTS.get_or_init(matrix::probe_faults).await
}

async fn clean_results() -> &'static [CleanResult] {
    static RESULTS: OnceCell<Vec<CleanResult>> = OnceCell::const_new();
    RESULTS.get_or_init(matrix::probe_clean_streams).await
}

async fn programme_results() -> &'static [ProgrammeResult] {
    static RESULTS: OnceCell<Vec<ProgrammeResult>> = OnceCell::const_new();
    let exporter = Path::new(env!("CARGO_BIN_EXE_packager_exporter"));
    RESULTS.get_or_init(|| probe_programmes(exporter)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_fails_the_checks_made_for_it_and_no_others_but_its_consequences() {
    let mut wrong = Vec::new();
    for row in fault_results().await {
        wrong.extend(row.missing_checks().iter().map(|check| format!("{}: {check} didn't fail", row.fault.id)));
        let unexpected = row.unexpected_checks().into_iter();
        wrong.extend(unexpected.map(|s| format!("{}: {} failed: {}", row.fault.id, s.check, s.message)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_picture_and_sound_fails_its_checks_and_a_good_programme_none() {
    let mut wrong = Vec::new();
    for row in programme_results().await {
        wrong.extend(row.missing_checks().iter().map(|check| format!("{}: {check} didn't fail", row.programme.id)));
        let unexpected = row.unexpected_checks().into_iter();
        wrong.extend(unexpected.map(|s| format!("{}: {} failed: {}", row.programme.id, s.check, s.message)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Programmes whose fault the coded picture or sound shows.
const FOUND_WITHOUT_TURN: &[&str] =
    &["frozen", "frozen_hevc", "frozen_interlaced", "black", "black_logo", "bars", "silent_digital"];

#[tokio::test(flavor = "multi_thread")]
async fn an_encoder_without_input_is_found_within_two_probes_although_its_turn_is_far_away() {
    let rows = programme_results().await;
    let found =
        |id: &&str| rows.iter().find(|row| row.programme.id == *id).and_then(ProgrammeResult::found_in_rotation);
    let late: Vec<_> = FOUND_WITHOUT_TURN.iter().filter(|id| found(id).is_none_or(|probes| probes > 2)).collect();
    assert!(late.is_empty(), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_programme_is_not_suspected() {
    let mut wrong = Vec::new();
    for row in programme_results().await.iter().filter(|row| row.programme.expected.is_empty()) {
        let rotation = row.rotation.as_ref().unwrap();
        // The first decode shows a pause of a drama, whose end is then followed up.
        let decodes = if row.programme.id == "good_drama" { 0 } else { rotation.decodes };
        if rotation.suspicions + decodes > 0 || !rotation.result.failed_checks.is_empty() {
            wrong.push((row.programme.id, rotation));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_check_has_a_fault_made_for_it() {
    let faults = fault_results().await.iter().map(|row| (row.fault.expected, &row.result));
    let programmes = programme_results().await.iter().map(|row| (row.programme.expected, &row.result));
    let all: Vec<_> = faults.chain(programmes).collect();
    let made = |id: &str| all.iter().any(|(expected, result)| expected.contains(&id) && result.has_failed(id));
    let without: Vec<_> = CHECKS.iter().map(|meta| meta.id).filter(|id| !made(id)).collect();
    assert!(without.is_empty(), "no fault of the origin makes these fail: {without:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_listed_consequence_of_a_fault_shows_or_has_no_check_yet() {
    let mut idle = Vec::new();
    for row in fault_results().await {
        let checks =
            row.fault.consequences.iter().filter(|check| matrix::check_exists(check) && !row.result.has_failed(check));
        idle.extend(checks.map(|check| (row.fault.id, *check)));
    }
    // These come after the last probe of the matrix, or between two probes.
    let later = [
        ("hls_target_duration_exceeded", "hls_playlist_stale"),
        ("hls_playlist_stale", "live_latency_high"),
        ("measured_bandwidth_stale", "live_latency_high"),
        ("session_paths_stale", "live_latency_high"),
    ];
    assert_eq!(idle, later, "a consequence that never shows hides a false finding");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_channel_has_no_finding() {
    let mut wrong = Vec::new();
    for row in clean_results().await {
        let tolerated = |check: &str| TOLERATED.iter().any(|(name, id, _)| *name == row.name && *id == check);
        let minor = row.result.minor_failures().filter(|s| !tolerated(s.check));
        let false_ones = row.result.serious_failures().chain(minor);
        wrong.extend(false_ones.map(|s| format!("{}: {} in {} probes: {}", row.name, s.check, s.probes, s.message)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_matches_the_measurement() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/detection.md");
    let document = std::fs::read_to_string(&file).unwrap_or_default();
    let (faults, clean) = (fault_results().await, clean_results().await);
    let measured =
        detection_page::reproducible_part(&OriginResults { faults, clean, programmes: programme_results().await });
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let packagers =
            document.find(detection_page::PACKAGERS_HEADING).and_then(|at| document.get(at..)).unwrap_or_default();
        return std::fs::write(file, measured + packagers).expect("docs/detection.md can be written");
    }
    let changed: Vec<_> = measured.lines().filter(|line| !document.lines().any(|known| known == *line)).collect();
    assert!(
        changed.is_empty(),
        "docs/detection.md is out of date; run `make detection`. Measured:\n{}",
        changed.join("\n")
    );
    assert!(document.starts_with(&measured), "docs/detection.md is out of date; run `make detection`");
}

/// Name and path of the test origin's streams that are written in unusual but valid styles of packagers.
const DIALECTS: &[(&str, &str)] = &[
    ("loose", "dialect/loose/TV1/master.m3u8"),
    ("dated", "dialect/dated/TV1/master.m3u8"),
    ("rich", "dialect/rich/TV1/master.m3u8"),
    ("event", "dialect/event/TV1/master.m3u8"),
    ("discontinuities, loose", "dialect/loose/DI1/master.m3u8"),
    ("CMAF, event", "dialect/event/CM1/master.m3u8"),
    ("one media playlist", "dialect/dated/TV1/1080p/index.m3u8"),
    ("without byte ranges", "dialect/unranged/TV1/master.m3u8"),
    ("steered", "dialect/steered/TV1/master.m3u8"),
    ("MPD, steered", "dialect/steered/CM1/time.mpd"),
    ("MPD, standard", "dialect/standard/CM1/number.mpd?token=7"),
    ("MPD in Periods, standard", "dialect/standard/CM1/periods.mpd?token=7"),
];

#[tokio::test(flavor = "multi_thread")]
async fn ten_minutes_of_every_dialect_have_no_finding() {
    let streams = DIALECTS.iter().map(|(name, path)| tokio::spawn(probe_dialect(name, path)));
    let mut wrong = Vec::new();
    for found in streams.collect::<Vec<_>>() {
        wrong.extend(found.await.unwrap());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Probes a stream of the origin in an unusual but valid style for ten minutes of the origin's clock. If there are
/// findings and a busy machine may be the reason, it probes again. Returns the findings.
async fn probe_dialect(name: &str, path: &str) -> Vec<String> {
    for _ in 0..3 {
        let wrong = probe_dialect_once(name, path).await;
        if wrong.is_empty() || tokio::task::block_in_place(pace::slowdown) < 1.5 {
            return wrong;
        }
        println!("{name}: probed again on a busy machine after {wrong:?}");
    }
    probe_dialect_once(name, path).await
}

async fn probe_dialect_once(name: &str, path: &str) -> Vec<String> {
    let templates = format!("{TEMPLATES}TN:\n  extends: T2\n  segments: {{mode: newest, count: 1, oldest: true}}\n");
    let harness = Harness::new(&[ChannelSpec { code: "CH", path, template: "TN" }], &templates, "").await;
    let mut wrong = Vec::new();
    for probe in 0..30 {
        let report = harness.probe("CH").await;
        for outcome in &report.outcomes {
            let idle = outcome.result != CheckResult::Ok && MUST_PASS.contains(&outcome.check.id);
            if outcome.result == CheckResult::Failed || idle {
                let message =
                    outcome.findings.first().map(|f| f.message.as_str()).or(outcome.reason).unwrap_or_default();
                wrong.push(format!("{name}, probe {probe}: {}: {message}", outcome.check.id));
            }
        }
        harness.advance(Duration::from_secs(20));
    }
    wrong
}

/// Ids of the checks that have to pass in every probe of a stream in an unusual but valid style.
const MUST_PASS: [&str; 4] =
    ["hls_syntax_error", "segment_unavailable", "timestamp_discontinuity", "hls_program_date_time_wrong"];
