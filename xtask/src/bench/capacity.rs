//! Benchmark of the exporter as a process: CPU time of a whole scrape, and the number of channels that one core can
//! probe.

use crate::bench::meter;
use crate::bench::setup::{self, Channel, Origin};
use reqwest::Client;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const KINDS: [(&str, &str); 2] = [("TV", "2 s segments"), ("HD", "6 s segments")];
/// Number of consecutive scrapes of channels of one kind that are measured together. `BLOCKS` is the number of such
/// measurements for each kind.
const BLOCK: usize = 20;
const BLOCKS: usize = 31;
const INTERVAL: f64 = 15.0;
/// Bit rate of all renditions of a ladder together, in Mbit/s.
const LADDER_MBIT: f64 = 15.0;

pub(super) fn measure(runtime: &Runtime, origin: &Origin) -> String {
    let points = runtime.block_on(points(origin));
    let mut out = format!(
        "## Channels per core\n\nThe exporter runs as a process and answers `/probe` over HTTP: one scrape after the other, each of another channel, \
         the two kinds in turn. CPU time is the exporter's own from /proc, the median of {BLOCKS} blocks of {BLOCK} scrapes. \
         Channels per core = scrape interval of {INTERVAL} s ÷ CPU time of a scrape.\n\n\
         | channel | MB per scrape | CPU per scrape | channels per core at {INTERVAL} s |\n|---|---|---|---|\n"
    );
    for ((_, what), (megabytes, ms)) in KINDS.iter().zip(points) {
        let channels = INTERVAL * 1e3 / ms;
        out.push_str(&format!("| four renditions, {what} | {megabytes:.2} | {ms:.2} ms | {channels:.0} |\n"));
    }
    out + &every_segment(points)
}

/// Estimates the CPU time for a ladder whose every segment is downloaded, on the line through two measured points
/// (megabytes, milliseconds).
fn every_segment([(small, few), (large, more)]: [(f64, f64); 2]) -> String {
    let slope = (more - few) / (large - small);
    let fixed = few - slope * small;
    let megabytes = LADDER_MBIT / 8.0 * INTERVAL;
    let scrape = fixed + slope * megabytes;
    let channels = INTERVAL * 1e3 / scrape;
    format!(
        "\nThe line through both: {fixed:.1} ms per scrape and {slope:.2} ms per megabyte. With *every* segment inspected, a ladder of \
         {LADDER_MBIT} Mbit/s in total has {LADDER_MBIT} Mbit/s × {INTERVAL} s ÷ 8 = {megabytes:.0} MB per scrape: {fixed:.1} + \
         {megabytes:.0} × {slope:.2} = {scrape:.0} ms, so {INTERVAL} s ÷ {scrape:.0} ms = **{channels:.0} channels per core**. \
         This is calculated from the line, not measured; leave half of it free. The network is the closer limit: {channels:.0} such \
         channels need {:.1} Gbit/s.\n",
        channels * LADDER_MBIT / 1e3
    )
}

/// Measures megabytes and milliseconds of CPU time for a scrape of each kind of channel.
async fn points(origin: &Origin) -> [(f64, f64); 2] {
    let exporter = Exporter::start(origin).await;
    let mut times: [Vec<Duration>; 2] = Default::default();
    let mut bytes = [0; 2];
    for block in 0..=BLOCKS {
        for (at, (kind, _)) in KINDS.iter().enumerate() {
            let (cpu, fetched) = (exporter.cpu(), exporter.fetched().await);
            for n in 0..BLOCK {
                exporter.scrape(&format!("{kind}-{}", block * BLOCK + n)).await;
            }
            let (spent, brought) = (exporter.cpu().saturating_sub(cpu), exporter.fetched().await - fetched);
            // The first block opens the connections.
            if block > 0 {
                times[at].push(spent / BLOCK as u32);
                bytes[at] += brought;
            }
        }
    }
    [0, 1].map(|at| (bytes[at] as f64 / 1e6 / (BLOCKS * BLOCK) as f64, meter::median(&times[at]).as_secs_f64() * 1e3))
}

/// A running `packager_exporter serve`; it ends when this value is dropped.
pub(super) struct Exporter {
    process: Child,
    address: String,
    pub client: Client,
    _folder: TempDir,
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Exporter {
    async fn start(origin: &Origin) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        setup::configure(folder.path(), &channels(origin), "");
        Self::launch(folder, &[]).await
    }

    /// Starts the exporter with the configuration in `folder` and the environment variables `variables`.
    pub(super) async fn launch(folder: TempDir, variables: &[(&str, &str)]) -> Self {
        let address = free_address();
        let program = std::env::current_exe().expect("this program").with_file_name("packager_exporter");
        let mut command = Command::new(&program);
        command
            .envs(variables.iter().copied())
            .arg("serve")
            .arg("--config.file")
            .arg(folder.path().join("exporter.yml"));
        command.args(["--web.listen-address", &address, "--log.level", "warn"]);
        let started = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process =
            started.unwrap_or_else(|e| panic!("{}: {e}; run `make bench`, which builds it", program.display()));
        let client = Client::builder().no_proxy().build().expect("a client");
        let mut exporter = Self { process, address, client, _folder: folder };
        while exporter.client.get(exporter.url("-/ready")).send().await.is_err() {
            assert!(matches!(exporter.process.try_wait(), Ok(None)), "the exporter did not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        exporter
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub(super) async fn get(&self, path: &str) -> String {
        let answer = self.client.get(self.url(path)).send().await.expect("an answer");
        answer.text().await.expect("an exposition")
    }

    /// Returns user and system time of the exporter.
    pub(super) fn cpu(&self) -> Duration {
        meter::cpu_of(self.process.id())
    }

    /// Returns the exporter's peak resident memory in bytes.
    pub(super) fn peak_memory(&self) -> u64 {
        meter::peak_memory_of(self.process.id())
    }

    async fn scrape(&self, code: &str) {
        let text = self.get(&format!("probe?target={code}")).await;
        assert!(text.contains("\nprobe_success 1"), "the origin's clean channel has to be clean");
    }

    /// Returns the number of bytes that the exporter's probes have fetched.
    pub(super) async fn fetched(&self) -> u64 {
        let text = self.get("metrics").await;
        let line = text.lines().find(|line| line.starts_with("packager_exporter_fetched_bytes_total "));
        let number = line.and_then(|line| line.split(' ').nth(1)).expect("the exporter counts the bytes");
        number.parse::<f64>().expect("a number") as u64
    }
}

/// Returns a channel for each scrape, so that none of them is in the history.
fn channels(origin: &Origin) -> Vec<Channel> {
    let of = |kind: &str| {
        let url = origin.url(&format!("live/{kind}1/master.m3u8"));
        let kind = kind.to_owned();
        (0..(BLOCKS + 1) * BLOCK).map(move |n| (format!("{kind}-{n}"), url.clone()))
    };
    KINDS.iter().flat_map(|(kind, _)| of(kind)).collect()
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").to_string()
}
