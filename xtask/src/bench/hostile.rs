//! Benchmark of responses that would harm a careless client: time, memory and finding of a probe, each in its own
//! process.

use crate::bench::meter;
use crate::bench::setup::{self, Origin, ProbeSetup};
use std::time::{Duration, Instant};

const FAULTS: [&str; 9] = [
    "master_404",
    "renditions_all_404",
    "manifest_html",
    "manifest_empty",
    "manifest_huge",
    "gzip_bomb",
    "redirect_loop",
    "silent",
    "lines_10m",
];

/// Time limit of a probe of a hostile origin.
const BUDGET: Duration = Duration::from_secs(5);

pub(super) fn measure(origin: &Origin) -> String {
    let mut out = format!(
        "## Hostile responses\n\nOne probe with a budget of {} s, each in a process of its own. Memory is the peak, and the part of \
         it that the probe added.\n\n\
         | fault of the origin | time | peak | added | worst finding |\n|---|---|---|---|---|\n",
        BUDGET.as_secs()
    );
    for fault in FAULTS {
        let line = setup::run_in_child(&["hostile", &origin.base, fault]);
        out.push_str(&format!("| `{fault}` | {} |\n", line.replace(origin.base.as_str(), "http://origin")));
    }
    out
}

/// Probes one fault and prints the measured values as the last cells of the fault's row in the table.
pub(super) async fn child(base: &str, fault: &str) {
    let url = format!("{base}/fault/{fault}/TV1/master.m3u8");
    let setup = ProbeSetup::new(&[("CH".to_owned(), url)], "");
    let rest = meter::peak_memory();
    let began = Instant::now();
    let report = setup.probe("CH", BUDGET).await;
    let (took, peak) = (began.elapsed(), meter::peak_memory());
    assert!(took < BUDGET, "{fault}: the answer came after its time");
    let worst = report.outcomes.iter().flat_map(|o| &o.findings).max_by_key(|f| f.severity);
    let (check, message) = worst.map_or(("none", "nothing"), |f| (f.check, f.message.as_str()));
    let added = meter::megabytes(peak.saturating_sub(rest));
    println!(
        "{} | {} | {added} | {check}: {}",
        meter::format_duration(took),
        meter::megabytes(peak),
        message.replace('|', "\\|")
    );
}
