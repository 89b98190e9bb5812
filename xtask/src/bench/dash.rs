//! Benchmark of probes of large MPDs: CPU time from the request over HTTP to the verdicts.

use crate::bench::meter;
use crate::bench::setup::{Origin, ProbeSetup, unseen_channels};
use packager_exporter::checks::CheckResult;
use packager_media::dash;
use packager_media::units::Timestamp;
use packager_testbed::large_mpds::{LARGE_MPDS, LargeMpd};
use packager_testbed::static_files::StaticFiles;
use std::time::Duration;
use tokio::runtime::Runtime;
use url::Url;

const PROBES: usize = 30;
const BUDGET: Duration = Duration::from_secs(10);

pub(super) fn measure(runtime: &Runtime, origin: &Origin) -> String {
    let mut out = format!(
        "## DASH: large MPDs\n\nFour video Representations and one of audio, segments of 2 s. Reading means parsing the MPD and \
         computing the segments of the moment. A probe fetches and inspects segments and runs every check; its time includes \
         serving the MPD, which this process does. Medians of {PROBES}; CPU is user and system time of all threads. Target: \
         under 50 ms of CPU.\n\n| MPD | size | reading | CPU: probe | wall: probe | failed checks |\n|---|---|---|---|---|---|\n"
    );
    for mpd in &LARGE_MPDS {
        out.push_str(&row(runtime, origin, mpd));
    }
    out
}

fn row(runtime: &Runtime, origin: &Origin, mpd: &LargeMpd) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let channel = origin.url("live/CM1/");
    let server = runtime.block_on(StaticFiles::serve(folder.path())).expect("a port");
    let setup = ProbeSetup::new(&unseen_channels(&server.url("live.mpd"), PROBES), "");
    let base = Url::parse(&channel).expect("a URL");
    let (mut cpu, mut wall, mut reading, mut size, mut failed) = (vec![], vec![], vec![], 0, vec![]);
    for probe in 0..PROBES {
        let now = Timestamp::now();
        let text = mpd.text(&channel, now.as_second());
        size = text.len();
        std::fs::write(folder.path().join("live.mpd"), &text).expect("room");
        reading.push(meter::median_of(1, || {
            let parsed = dash::parse(text.as_bytes(), &base).0.expect("an MPD");
            dash::renditions_at(&parsed, now)
        }));
        let (began, before) = (std::time::Instant::now(), meter::cpu());
        let report = runtime.block_on(setup.probe(&format!("CH{probe}"), BUDGET));
        wall.push(began.elapsed());
        cpu.push(meter::cpu().saturating_sub(before));
        failed = report.outcomes.iter().filter(|o| o.result == CheckResult::Failed).map(|o| o.check.id).collect();
    }
    failed.sort_unstable();
    format!(
        "| {} | {} kB | {} | **{}** | {} | {} |\n",
        mpd.description,
        size / 1000,
        meter::format_duration(meter::median(&reading)),
        meter::format_duration(meter::median(&cpu)),
        meter::format_duration(meter::median(&wall)),
        if failed.is_empty() { "none".to_owned() } else { failed.join(", ") }
    )
}
