//! Tests of several exporters that share the channels of one database: who probes what, and what happens when one goes away.

use crate::database::{Stack, channel};
use crate::discovery::discovering;
use crate::exporter::{Exporter, Files, PATIENCE, command, failed, live_origin};
use crate::prometheus::{Prometheus, free_port};
use packager_testbed::pace;
use packager_testbed::static_files::StaticFiles;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Exporter of each channel, by the channel's code.
type Spread = BTreeMap<String, String>;

/// An exporter that shares the channels under its own address.
struct Sharing {
    address: String,
    exporter: Exporter,
    files: Files,
}

impl Sharing {
    async fn start(database: &str) -> Self {
        Self::at(format!("127.0.0.1:{}", free_port()), Files::new(&[]), database).await
    }

    async fn at(address: String, files: Files, database: &str) -> Self {
        let mut program = command(files.folder());
        program.env("DATABASE_URL", database);
        let exporter = Exporter::spawn_at(&address, &mut program, &["--cluster.address", &address]).await;
        Self { address, exporter, files }
    }

    async fn spread(&self) -> Spread {
        spread(&self.exporter).await
    }
}

/// Returns which exporter an exporter's service discovery names for each channel; empty text if it names none.
async fn spread(exporter: &Exporter) -> Spread {
    let (status, text) = exporter.get("/api/v1/sd").await;
    // The channels were not read yet.
    if status == 503 {
        return Spread::new();
    }
    let targets: Vec<Value> = serde_json::from_str(&text).unwrap();
    let label = |target: &Value, name: &str| target["labels"][name].as_str().unwrap_or_default().to_owned();
    targets.iter().map(|target| (label(target, "channel"), label(target, "__meta_exporter_address"))).collect()
}

fn of(spread: &Spread, address: &str) -> BTreeSet<String> {
    spread.iter().filter(|(_, exporter)| *exporter == address).map(|(code, _)| code.clone()).collect()
}

/// Makes channels of the origin's clean stream; each code is of a packager's host.
async fn make_channels(stack: &Stack, codes: impl IntoIterator<Item = String>, url: &str) -> usize {
    let mut made = 0;
    for code in codes {
        let (status, body) = stack.json("POST", "/channels", &channel(&code, url)).await;
        assert_eq!(status, 201, "{body}");
        made += 1;
    }
    stack.until("the channels are in force", async || spread(&stack.exporter).await.len() == made).await;
    made
}

/// A death is known after 10 s without a renewed row. Prometheus adds its refresh of 10 s, 5 s in which it gathers what its
/// discoveries found, and an interval of 15 s.
const MOVED_WITHIN: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn the_channels_of_an_exporter_that_dies_move_and_come_back() {
    let stack = Stack::start(&[]).await;
    let codes = (0..60).map(|n| format!("CH_{n:02}"));
    make_channels(&stack, codes, "http://origin.example/master.m3u8").await;
    assert!(spread(&stack.exporter).await.values().all(String::is_empty), "nobody shares channels");

    let database = stack.postgres.url();
    let (a, mut b, c) = tokio::join!(Sharing::start(&database), Sharing::start(&database), Sharing::start(&database));
    let of_three = async || {
        let spread = a.spread().await;
        spread.values().collect::<BTreeSet<_>>().len() == 3
    };
    stack.until("all three take channels", of_three).await;
    // They run for long, so that nobody starts together with the one that comes back.
    stack.postgres.sql("UPDATE exporters SET joined_at = joined_at - interval '1 hour'");
    let before = a.spread().await;
    for other in [&b.exporter, &c.exporter, &stack.exporter] {
        stack.until("all exporters answer alike", async || spread(other).await == before).await;
    }

    let killed = Instant::now();
    b.exporter.end("KILL").await;
    stack.until("its channels move", async || of(&a.spread().await, &b.address).is_empty()).await;
    assert!(killed.elapsed() < pace::patience(MOVED_WITHIN), "{:?}", killed.elapsed());
    let after = a.spread().await;
    assert_eq!(after, c.spread().await);
    for (code, exporter) in &before {
        assert!(*exporter == b.address || after[code] == *exporter, "{code} moved from {exporter}");
    }

    let mut again = Sharing::at(b.address.clone(), b.files, &database).await;
    let joined = "SELECT count(*) FROM exporters WHERE joined_at > now() - interval '1 minute'";
    stack.until("it joins", async || stack.postgres.sql(joined) == "1").await;
    let (soon, all) = (of(&a.spread().await, &again.address).len(), of(&before, &again.address).len());
    assert!(soon <= all / 2, "{soon} of {all} are back at once");
    stack.postgres.sql("UPDATE exporters SET joined_at = joined_at - interval '1 minute'");
    assert_eq!(a.spread().await, before, "after a minute all are back");

    again.exporter.end("TERM").await;
    assert!(of(&a.spread().await, &again.address).is_empty(), "one that is stopped gives its channels away");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_given_up_for_a_database_that_was_away() {
    let mut stack = Stack::start(&[]).await;
    make_channels(&stack, (0..20).map(|n| format!("CH_{n:02}")), "http://origin.example/master.m3u8").await;
    let row = |name: &str, steady: &str, seen: &str| {
        stack.postgres.sql(&format!(
            "INSERT INTO exporters (address, weight, joined_at, steady_since, seen_at)
             VALUES ('{name}', 1, now() - interval '1 day', now() - interval '{steady}', now() - interval '{seen}')
             ON CONFLICT (address) DO UPDATE SET steady_since = excluded.steady_since, seen_at = excluded.seen_at"
        ))
    };
    let taking = async || spread(&stack.exporter).await.into_values().collect::<BTreeSet<_>>();
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    row("a:1", "1 day", "20 seconds");
    row("b:1", "1 day", "20 seconds");
    assert_eq!(taking().await, named(&["a:1", "b:1"]), "both were away with the database");
    row("c:1", "1 second", "0 seconds");
    assert_eq!(taking().await, named(&["a:1", "b:1", "c:1"]), "the first is back; it doesn't know of the others");
    row("b:1", "1 second", "0 seconds");
    row("c:1", "20 seconds", "0 seconds");
    assert_eq!(taking().await, named(&["b:1", "c:1"]), "one renewed its row for long enough: the first is dead");
    let before = spread(&stack.exporter).await;
    stack.postgres.stop();
    assert_eq!(spread(&stack.exporter).await, before, "while the database is away nothing moves");
}

/// Prometheus spreads the probes over the exporters by the label that discovery gives, and goes on after a death.
#[tokio::test(flavor = "multi_thread")]
async fn prometheus_probes_each_channel_through_its_exporter() {
    let origin = live_origin().await;
    let stack = Stack::start(&[]).await;
    let codes = (0..9).map(|n| format!("CH_{n}"));
    make_channels(&stack, codes, &origin.url("live/TV1/master.m3u8")).await;
    let database = stack.postgres.url();
    let (a, mut b) = tokio::join!(Sharing::start(&database), Sharing::start(&database));
    let both = async || a.spread().await.into_values().collect::<BTreeSet<_>>().len() == 2;
    stack.until("both take channels", both).await;
    let before = a.spread().await;

    let address = format!("127.0.0.1:{}", free_port());
    let configuration = discovering(&a.exporter.address).replace("scrape_interval: 1s", "scrape_interval: 3s");
    let configuration = configuration.replace("scrape_timeout: 1s", "scrape_timeout: 3s");
    let prometheus = Prometheus::listening(&address, &configuration, "[]", &[]).await;
    prometheus.until("count(probe_success == 1)", 9.0, PATIENCE).await;
    for exporter in [&a.address, &b.address] {
        let probed = prometheus.query(&format!("probe_success{{exporter=\"{exporter}\"}}")).await;
        let probed: BTreeSet<String> = probed.into_iter().map(|sample| sample.labels["channel"].clone()).collect();
        assert_eq!(probed, of(&before, exporter));
    }
    b.exporter.end("KILL").await;
    prometheus.until(&format!("count(probe_success{{exporter=\"{}\"}} == 1)", a.address), 9.0, PATIENCE).await;
}

/// A playlist that stands still. The server says each time that it was just made, so that only observation shows its age.
struct FrozenPlaylist {
    folder: tempfile::TempDir,
    server: StaticFiles,
}

impl FrozenPlaylist {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = StaticFiles::serve(folder.path()).await.unwrap();
        Self { folder, server }
    }

    fn write(&self) {
        let segments = (7..13).map(|n| format!("#EXTINF:2,\n{n}.ts\n")).collect::<String>();
        let head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n";
        std::fs::write(self.folder.path().join("master.m3u8"), format!("{head}{segments}")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_goes_on_where_another_one_ended() {
    let playlist = FrozenPlaylist::new().await;
    let stack = Stack::start(&[]).await;
    make_channels(&stack, ["CH_1".to_owned()], &playlist.server.url("master.m3u8")).await;
    let database = stack.postgres.url();
    let (mut first, second) = tokio::join!(Sharing::start(&database), Sharing::start(&database));
    let probe = async |sharing: &Sharing| {
        playlist.write();
        let (status, text) = sharing.exporter.get("/probe?target=CH_1").await;
        assert!(status == 200 || status == 503, "{text}");
        failed(&text).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let stale = "hls_playlist_stale".to_owned();
    stack.until("the first exporter sees that it stands still", async || probe(&first).await.contains(&stale)).await;
    let status = async |sharing: &Sharing| {
        let (_, text) = sharing.exporter.get("/api/v1/channels/status").await;
        let body: Value = serde_json::from_str(&text).unwrap();
        let channel = &body["channels"][0];
        let failed = channel["failed"].as_array().unwrap();
        let since = failed.iter().find(|f| f["check"] == "hls_playlist_stale").map(|f| f["since"].clone());
        (channel["state"].clone(), channel["since"].clone(), since)
    };
    let before = status(&first).await;
    assert!(before.2.is_some(), "{before:?}");
    stack.until("the second knows the channel's state", async || status(&second).await == before).await;
    first.exporter.end("TERM").await;
    let failed = probe(&second).await;
    assert!(failed.contains(&stale), "the first probe finds it: {failed:?}");
    assert_eq!(status(&second).await, before, "and the state goes on");
}
