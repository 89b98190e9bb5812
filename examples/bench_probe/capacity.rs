//! The exporter itself, as it runs in a plant: CPU of a whole scrape, and channels a core.

use crate::meter;
use crate::stand::{self, Channel, Origin};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::runtime::Runtime;

const SCRAPES: usize = 400;
const INTERVAL: f64 = 15.0;
const KINDS: [(&str, &str); 2] = [("TV", "2 s segments"), ("HD", "6 s segments")];

struct Exporter(Child);

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn measure(runtime: &Runtime, origin: &Origin) -> String {
    let mut out = format!(
        "## Channels a core\n\nThe exporter as a process, {SCRAPES} scrapes of `/probe` over HTTP one after the other, another \
         channel each; its own CPU from /proc. Channels a core = {INTERVAL} s scrape interval ÷ CPU of a scrape.\n\n\
         | channel | MB a scrape | CPU a scrape | channels a core at {INTERVAL} s |\n|---|---|---|---|\n"
    );
    let mut points = Vec::new();
    for (kind, what) in KINDS {
        let (cpu, bytes) = runtime.block_on(kind_of(origin, kind));
        let channels = INTERVAL / cpu.as_secs_f64();
        let (bytes, time) = (bytes as f64 / 1e6, meter::shown(cpu));
        out.push_str(&format!("| four renditions, {what} | {bytes:.2} | {time} | {channels:.0} |\n"));
        points.push((bytes, cpu.as_secs_f64() * 1e3));
    }
    let slope = (points[1].1 - points[0].1) / (points[1].0 - points[0].0);
    let fixed = points[0].1 - slope * points[0].0;
    // A ladder of 15 Mbit/s in all over one interval.
    let megabytes = 15.0 / 8.0 * INTERVAL;
    let full = fixed + slope * megabytes;
    format!(
        "{out}\nThe line through both: {fixed:.1} ms a scrape and {slope:.2} ms a megabyte. With *every* segment inspected, a \
         ladder of 15 Mbit/s in all brings 15 Mbit/s × {INTERVAL} s ÷ 8 = {megabytes:.0} MB a scrape: {fixed:.1} + {megabytes:.0} × \
         {slope:.2} = {full:.0} ms, so {INTERVAL} s ÷ {full:.0} ms = **{:.0} channels a core**; leave half of it free. The network \
         is the nearer bound: {:.0} such channels are {:.1} Gbit/s.\n",
        INTERVAL * 1e3 / full,
        INTERVAL * 1e3 / full,
        INTERVAL * 1e3 / full * 15.0 / 1e3
    )
}

/// Mean CPU and bytes of a scrape.
async fn kind_of(origin: &Origin, kind: &str) -> (Duration, u64) {
    let url = origin.url(&format!("live/{kind}1/master.m3u8"));
    let channels: Vec<Channel> = stand::strangers(&url, SCRAPES + 50);
    let folder = tempfile::tempdir().expect("a folder");
    stand::configure(folder.path(), &channels, "");
    let address = free_address();
    let program = std::env::current_exe().expect("this program");
    let program = program.ancestors().nth(2).expect("a target folder").join("packager_exporter");
    let mut command = Command::new(&program);
    command.arg("serve").arg("--config.file").arg(folder.path().join("exporter.yml"));
    command.args(["--web.listen-address", &address, "--log.level", "warn"]).stdout(Stdio::null()).stderr(Stdio::null());
    let child =
        command.spawn().unwrap_or_else(|e| panic!("{}: {e}; run `make bench`, which builds it", program.display()));
    let exporter = Exporter(child);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    while client.get(format!("http://{address}/-/ready")).send().await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let scrape = async |n: usize| {
        let asked = client.get(format!("http://{address}/probe?target=CH{n}")).send().await;
        let text = asked.expect("an answer").text().await.expect("an exposition");
        assert!(text.contains("\nprobe_success 1"), "the origin's clean channel has to be clean");
    };
    for n in SCRAPES..SCRAPES + 50 {
        scrape(n).await;
    }
    let (before, fetched) = (meter::cpu_of(exporter.0.id()), fetched(&client, &address).await);
    for n in 0..SCRAPES {
        scrape(n).await;
    }
    let cpu = meter::cpu_of(exporter.0.id()) - before;
    let bytes = self::fetched(&client, &address).await - fetched;
    (cpu / SCRAPES as u32, bytes / SCRAPES as u64)
}

async fn fetched(client: &reqwest::Client, address: &str) -> u64 {
    let asked = client.get(format!("http://{address}/metrics")).send().await;
    let text = asked.expect("an answer").text().await.expect("an exposition");
    let line = text.lines().find(|line| line.starts_with("packager_exporter_fetched_bytes_total "));
    let number = line.and_then(|line| line.split(' ').nth(1)).expect("the exporter counts the bytes");
    number.parse::<f64>().expect("a number") as u64
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").to_string()
}
