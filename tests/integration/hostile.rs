//! Tests with responses that would exhaust or hang a careless client. The exporter runs in a separate process, so that
//! its memory can be measured.

use crate::exporter::{Exporter, Files, failed, live_origin, value};
use packager_testbed::pace;
use packager_testbed::static_files::StaticFiles;
use std::time::{Duration, Instant};

/// Fault of the origin, id of the check that has to fail, and part of its message.
const HOSTILE: [(&str, &str, &str); 9] = [
    ("master_404", "manifest_unavailable", "status 404"),
    ("renditions_all_404", "rendition_unavailable", "status 404"),
    ("manifest_html", "manifest_unavailable", "HTML"),
    ("manifest_empty", "manifest_unavailable", "empty"),
    ("manifest_huge", "manifest_unavailable", "8388608"),
    ("gzip_bomb", "manifest_unavailable", "8388608"),
    ("redirect_loop", "manifest_unavailable", "redirect"),
    ("silent", "manifest_unavailable", "no answer"),
    ("lines_10m", "manifest_unavailable", "8388608"),
];
/// Prometheus's scrape timeout on an idle machine.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(5);
const MOST_MEMORY: u64 = 100 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn hostile_answers_are_failed_checks_in_time_and_in_bounded_memory() {
    let origin = live_origin().await;
    let channels = HOSTILE.map(|(fault, ..)| (fault, origin.url(&format!("fault/{fault}/TV1/master.m3u8")), "T2"));
    let files = Files::new(&channels);
    let exporter = Exporter::start(files.folder()).await;
    let answers = HOSTILE.map(|(fault, check, words)| judge(&exporter, fault, check, words));
    let figures = futures_util::future::join_all(answers).await;
    let peak = peak_memory(exporter.child.id());
    println!("peak memory {:.1} MB; answered after {figures:#.2?}", peak as f64 / 1e6);
    assert!(peak < MOST_MEMORY, "{:.1} MB", peak as f64 / 1e6);
}

/// Name of the MPD file, id of the check that has to fail, and part of its message.
const HOSTILE_MPDS: [(&str, &str, &str); 3] = [
    ("bomb", "dash_syntax_error", "a document type declaration"),
    ("deep", "dash_syntax_error", "nest more than 48 deep"),
    ("huge", "manifest_unavailable", "8388608"),
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_mpds_are_failed_checks_in_time_and_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("bomb.mpd", xml_bomb());
    write("deep.mpd", format!("<MPD>{}", "<Period>".repeat(1_000_000)));
    write("huge.mpd", format!("<MPD>{}</MPD>", "<Period id=\"1\"/>\n".repeat((100 << 20) / 17)));
    let server = StaticFiles::serve(folder.path()).await.unwrap();
    let files = Files::new(&HOSTILE_MPDS.map(|(name, ..)| (name, server.url(&format!("{name}.mpd")), "T2")));
    let exporter = Exporter::start(files.folder()).await;
    let answers = HOSTILE_MPDS.map(|(name, check, words)| judge(&exporter, name, check, words));
    let figures = futures_util::future::join_all(answers).await;
    let peak = peak_memory(exporter.child.id());
    println!("peak memory {:.1} MB; answered after {figures:#.2?}", peak as f64 / 1e6);
    assert!(peak < MOST_MEMORY, "{:.1} MB", peak as f64 / 1e6);
}

/// Returns an MPD whose entities expand to a thousand million words.
fn xml_bomb() -> String {
    let entity = |n: usize| format!("<!ENTITY e{n} \"{}\">", format!("&e{};", n - 1).repeat(10));
    let entities: String = (1..10).map(entity).collect();
    format!("<?xml version=\"1.0\"?><!DOCTYPE MPD [<!ENTITY e0 \"word\">{entities}]><MPD>&e9;</MPD>")
}

async fn judge(exporter: &Exporter, fault: &'static str, check: &str, words: &str) -> (&'static str, Duration) {
    // The template's timeout is scaled too, and shorter.
    let timeout = 2 * pace::patience(SCRAPE_TIMEOUT);
    let began = Instant::now();
    let (status, text) = exporter.scrape(&format!("/probe?target={fault}&debug=true"), timeout).await;
    let took = began.elapsed();
    assert!(took < timeout, "{fault}: answered after {took:?} of {timeout:?}");
    assert_eq!((status, value(&text, "probe_success")), (200, Some(0.0)), "{fault}: {text}");
    assert!(failed(&text).contains(&check), "{fault}: {text}");
    let reason =
        text.lines().find(|line| line.contains("msg=violation ") && line.contains(&format!(" check={check} ")));
    assert!(reason.is_some_and(|reason| reason.contains(words)), "{fault} should say {words}: {reason:?}");
    (fault, took)
}

/// Returns the peak resident memory of a process in bytes.
fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: u64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kilobytes << 10
}
