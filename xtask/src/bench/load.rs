//! Benchmark of many channels at the cadence of real scrapes: exporter, origin and scraper on the same machine. It takes ten minutes, and the
//! origin needs most of two cores: `cargo xtask bench load` runs it by itself.

use crate::bench::capacity::Exporter;
use crate::bench::meter;
use crate::bench::setup::{self, Origin};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

const CHANNELS: usize = 1_000;
/// Scrape interval, and Prometheus' scrape timeout.
const EVERY: Duration = Duration::from_secs(15);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Rounds that are measured: the first one, in which every channel is new, isn't.
const ROUNDS: u32 = 40;

/// Every segment of every rendition, without decoding.
const TEMPLATES: &str = "
T:
  timeout: 10s
  segments: {mode: every, count: 10}
  hold: 60s
  signal: off
  ladder: {minimum_video: 1}
";

/// What one scrape showed.
#[derive(Debug, Clone, Copy)]
struct Scrape {
    took: Duration,
    succeeded: bool,
}

/// What the scraper and the processes showed of one run.
struct Load {
    scrapes: Vec<Scrape>,
    exporter_cores: f64,
    origin_cores: f64,
    memory: u64,
    megabits: f64,
}

pub(super) fn measure(runtime: &Runtime, origin: &Origin) -> String {
    let load = runtime.block_on(run(origin));
    let mut times: Vec<Duration> = load.scrapes.iter().map(|scrape| scrape.took).collect();
    times.sort();
    let at = |share: f64| meter::format_duration(times[((times.len() - 1) as f64 * share) as usize]);
    let count = |is: fn(&Scrape) -> bool| load.scrapes.iter().filter(|scrape| is(scrape)).count();
    format!(
        "## {CHANNELS} channels at once\n\n{CHANNELS} channels of four renditions in segments of 2 s, every segment of each, without decoding. Each is \
         scraped every {} s, evenly spread, for {:.0} minutes; origin, exporter and scraper share the two cores. A scrape is late if its answer takes more than \
         {} s, Prometheus' usual timeout. The first round, in which every channel is new, isn't counted.\n\n\
         | scrapes | failed | late | median | 99 % | longest | exporter | origin | memory of the exporter | traffic |\n\
         |---|---|---|---|---|---|---|---|---|---|\n\
         | {} | {} | {} | {} | {} | {} | {:.2} cores | {:.2} cores | {} | {:.1} Gbit/s |\n",
        EVERY.as_secs(),
        (EVERY * ROUNDS).as_secs_f64() / 60.0,
        TIMEOUT.as_secs(),
        times.len(),
        count(|scrape| !scrape.succeeded),
        count(|scrape| scrape.took > TIMEOUT),
        at(0.5),
        at(0.99),
        at(1.0),
        load.exporter_cores,
        load.origin_cores,
        meter::megabytes(load.memory),
        load.megabits / 1e3,
    )
}

async fn run(origin: &Origin) -> Load {
    let folder = tempfile::tempdir().expect("a folder");
    let url = origin.url("live/TV1/master.m3u8");
    setup::configure(folder.path(), &setup::unseen_channels(&url, CHANNELS), "");
    std::fs::write(folder.path().join("templates.yml"), TEMPLATES).expect("a file");
    let exporter = Arc::new(Exporter::launch(folder, &[]).await);
    let begin = Instant::now();
    let mut channels = JoinSet::new();
    for number in 0..CHANNELS {
        let first = begin + EVERY.mul_f64(number as f64 / CHANNELS as f64);
        channels.spawn(channel(Arc::clone(&exporter), format!("CH{number}"), first));
    }
    sleep_until(begin + EVERY).await;
    let at_first = (exporter.cpu(), meter::cpu_of(origin.id()), exporter.fetched().await);
    sleep_until(begin + EVERY * (ROUNDS + 1)).await;
    let at_last = (exporter.cpu(), meter::cpu_of(origin.id()), exporter.fetched().await);
    let seconds = (EVERY * ROUNDS).as_secs_f64();
    let scrapes = channels.join_all().await.into_iter().flatten().collect();
    Load {
        scrapes,
        exporter_cores: at_last.0.saturating_sub(at_first.0).as_secs_f64() / seconds,
        origin_cores: at_last.1.saturating_sub(at_first.1).as_secs_f64() / seconds,
        memory: exporter.peak_memory(),
        megabits: (at_last.2 - at_first.2) as f64 * 8.0 / 1e6 / seconds,
    }
}

/// Scrapes one channel at its times, as Prometheus does: the next scrape waits for the answer.
async fn channel(exporter: Arc<Exporter>, code: String, first: Instant) -> Vec<Scrape> {
    let mut scrapes = Vec::new();
    for round in 0..=ROUNDS {
        sleep_until(first + EVERY * round).await;
        let asked = Instant::now();
        let text = exporter.get(&format!("probe?target={code}")).await;
        if round > 0 {
            scrapes.push(Scrape { took: asked.elapsed(), succeeded: text.contains("\nprobe_success 1") });
        }
    }
    scrapes
}
