//! Benchmark of a probe and of the plain download of the same bytes, measured alternately: wall-clock and CPU time.

use crate::bench::plain_download::PlainDownload;
use crate::bench::setup::{Origin, ProbeSetup, unseen_channels};
use crate::bench::{WARM_UP, meter};
use packager_exporter::{metrics, report};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const PAIRS: usize = 400;
const CASES: [(&str, &str); 2] = [("TV1", "2 s segments"), ("HD1", "6 s segments")];

#[derive(Default)]
struct Samples {
    wall: Vec<Duration>,
    cpu: Vec<Duration>,
}

impl Samples {
    fn measure<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (began, cpu) = (Instant::now(), meter::cpu());
        let done = work();
        self.wall.push(began.elapsed());
        self.cpu.push(meter::cpu().saturating_sub(cpu));
        done
    }
}

pub(super) fn measure(runtime: &Runtime, origin: &Origin) -> String {
    let mut out = format!(
        "## A probe compared with a plain download\n\n{PAIRS} pairs for each channel, the two in turn; wall times are medians, \
         CPU times (user and system) are means. Target: at most 1.10 of the wall time.\n\n\
         | channel | bytes | wall: probe | download | **ratio** | the same at 1 Gbit/s | CPU: probe | download | **ratio** |\n\
         |---|---|---|---|---|---|---|---|---|\n"
    );
    let mut own = String::new();
    for (channel, what) in CASES {
        let url = origin.url(&format!("live/{channel}/master.m3u8"));
        let (row, after) = case(runtime, &url);
        out.push_str(&format!("| four renditions, {what} | {row} |\n"));
        own.push_str(&format!("| four renditions, {what} | {after} |\n"));
    }
    format!(
        "{out}\n*The same at 1 Gbit/s* is calculated, not measured: the extra time of the probe is added to the time that the bytes need \
         at that rate.\n\nMedian times of the steps that follow a probe in `/probe`:\n\n| channel | exposition | text kept for the page |\n\
         |---|---|---|\n{own}"
    )
}

fn case(runtime: &Runtime, url: &str) -> (String, String) {
    let setup = std::sync::Arc::new(ProbeSetup::new(&unseen_channels(url, PAIRS * 4), ""));
    let download_client = PlainDownload::new();
    let mut code = 0;
    let mut probe = || {
        code += 1;
        let (setup, code) = (setup.clone(), format!("CH{code}"));
        let task = async move { setup.probe(&code, Duration::from_secs(10)).await };
        runtime.block_on(async { tokio::spawn(task).await.expect("a report") })
    };
    let download = || {
        let (download_client, url) = (download_client.clone(), url.to_owned());
        runtime
            .block_on(async { tokio::spawn(async move { download_client.download(&url).await }).await.expect("bytes") })
    };
    let until = Instant::now() + WARM_UP;
    while Instant::now() < until {
        assert!(probe().success, "the origin's clean channel has to be clean");
        download();
    }
    let (mut probes, mut downloads) = (Samples::default(), Samples::default());
    let mut bytes = Vec::new();
    for pair in 0..PAIRS {
        if pair % 2 == 0 {
            drop(probes.measure(&mut probe));
        }
        bytes.push(downloads.measure(download));
        if pair % 2 == 1 {
            drop(probes.measure(&mut probe));
        }
    }
    let report = probe();
    let exposition = meter::median_of(200, || metrics::exposition(&report));
    let text = meter::median_of(200, || (report::log(&report), report.template.to_yaml()));
    (
        row(meter::median(&bytes), &probes, &downloads),
        format!("{} | {}", meter::format_duration(exposition), meter::format_duration(text)),
    )
}

fn row(bytes: u64, probes: &Samples, downloads: &Samples) -> String {
    let (wall, plain) = (meter::median(&probes.wall), meter::median(&downloads.wall));
    let (cpu, plain_cpu) = (meter::mean(&probes.cpu), meter::mean(&downloads.cpu));
    let wire = Duration::from_secs_f64(bytes as f64 * 8.0 / 1e9);
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    format!(
        "{} | {} | {} | **{:.2}** | {:.2} | {} | {} | **{:.2}**",
        meter::megabytes(bytes),
        meter::format_duration(wall),
        meter::format_duration(plain),
        ratio(wall, plain),
        ratio(wire + wall.saturating_sub(plain), wire),
        meter::format_duration(cpu),
        meter::format_duration(plain_cpu),
        ratio(cpu, plain_cpu)
    )
}
