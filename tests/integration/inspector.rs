//! Tests that programs of Inspector LIVE become channels, with a mock server with TLS, the program, and a real
//! PostgreSQL.

use crate::exporter::{Exporter, Files, PATIENCE, command, exit_and_output};
use packager_testbed::pace;
use packager_testbed::postgres::Postgres;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

/// State of the mock server: its answer, and the heads of the requests so far.
#[derive(Default)]
struct MockState {
    /// Status and body of the mock's answer; `None` for no answer at all.
    answer: Option<(u16, String)>,
    heads: Vec<String>,
}

struct Inspector {
    port: u16,
    ca: String,
    state: Arc<Mutex<MockState>>,
}

impl Inspector {
    async fn start() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, state) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(MockState::default())));
        let (acceptor, answering) = (TlsAcceptor::from(Arc::new(config)), state.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, state) = (acceptor.clone(), answering.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    let answer = {
                        let mut state = state.lock().unwrap();
                        state.heads.push(String::from_utf8(head).unwrap());
                        state.answer.clone()
                    };
                    let Some((status, body)) = answer else { return std::future::pending().await };
                    let head = format!(
                        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                        body.len()
                    );
                    let _ = stream.write_all(head.as_bytes()).await;
                    let _ = stream.write_all(body.as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { port, ca: issuer.pem(), state }
    }

    fn answer_with(&self, status: u16, body: impl Into<String>) {
        self.state.lock().unwrap().answer = Some((status, body.into()));
    }

    fn serve_programs(&self, programs: &Value) {
        self.answer_with(200, json!({"programs": programs}).to_string());
    }

    fn heads(&self) -> Vec<String> {
        self.state.lock().unwrap().heads.clone()
    }
}

struct Stack {
    inspector: Inspector,
    postgres: Postgres,
    files: Files,
}

impl Stack {
    async fn start() -> Self {
        let stack = Self { inspector: Inspector::start().await, postgres: Postgres::start(), files: Files::new(&[]) };
        stack.files.write("ca.pem", &stack.inspector.ca);
        stack.files.write("inspector.token", "s3cret-one\n");
        stack.configure("");
        stack
    }

    fn configure(&self, more: &str) {
        let port = self.inspector.port;
        let timeout = pace::patience(Duration::from_secs(2)).as_millis();
        let text = format!(
            "{}inspector_live:\n  - name: live-packager-01\n    url: https://127.0.0.1:{port}/api/v1/programs\n    \
             token_file: inspector.token\n    ca_file: ca.pem\n    timeout: {timeout}ms\n{more}",
            if more.contains("closed") { "fetch: {allow_private_addresses: false}\n" } else { "" }
        );
        self.files.write("exporter.yml", &text);
    }

    /// Runs `sync inspector` in a separate thread, because the mock answers in this one.
    async fn sync(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut program = command(self.files.folder());
        program.env("DATABASE_URL", self.postgres.url()).args(["sync", "inspector"]).args(arguments);
        tokio::task::spawn_blocking(move || exit_and_output(&program.output().unwrap())).await.unwrap()
    }

    fn sql(&self, sql: &str) -> String {
        self.postgres.sql(sql)
    }
}

fn program(id: &str, name: &str) -> Value {
    json!({"id": id, "name": name, "codec": "H.264", "resolution": "1920x1080", "fps": 25})
}

fn example_programs() -> Value {
    json!([
        program("CH_TV_HD_001", "FPT Channel 1"),
        program("CH_TV_HD_002", "FPT Channel 2"),
        {"id": "CH_TV_4K_001", "name": "FPT 4K Channel", "codec": "HEVC", "resolution": "UHD 3840x2160", "fps": 50},
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_become_channels_and_a_dry_run_changes_nothing() {
    let stack = Stack::start().await;
    stack.inspector.serve_programs(&example_programs());
    let (code, output, error) = stack.sync(&["--dry-run"]).await;
    assert_eq!(code, 0, "{output}{error}");
    assert!(output.contains("+ CH_TV_4K_001") && output.contains("3 added, 0 changed, 0 unchanged"), "{output}");
    assert_eq!(stack.sql("SELECT count(*) FROM channels"), "0");
    let head = stack.inspector.heads().pop().unwrap();
    assert!(head.starts_with("GET /api/v1/programs HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("authorization: bearer s3cret-one\r\n"), "{head}");

    let (code, output, error) = stack.sync(&[]).await;
    assert_eq!(code, 0, "{output}{error}");
    let audit = "who=inspector_live/live-packager-01 what=\"channel created\" key=CH_TV_HD_001";
    assert!(error.contains(audit), "{error}");
    let row = "SELECT channel_name, channel_type, tier, codec, resolution, fps, is_4k, is_hdr, probe_id, input_url, template_id, \
               source FROM channels WHERE channel_code = ";
    assert_eq!(
        stack.sql(&format!("{row}'CH_TV_4K_001'")),
        "FPT 4K Channel|LIVE|1|HEVC|3840x2160|50|t||3|http://packager-01/live/CH_TV_4K_001/master.m3u8|2|\
         inspector_live/live-packager-01"
    );
    assert!(stack.sql(&format!("{row}'CH_TV_HD_001'")).contains("|25|f||3|"));
    let (_, output, _) = stack.sync(&[]).await;
    assert!(output.contains("0 added, 0 changed, 3 unchanged"), "{output}");
    assert_eq!(stack.sql("SELECT max(version) FROM channels"), "2", "what is unchanged is not written");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_keep_what_the_source_does_not_own() {
    let stack = Stack::start().await;
    stack.inspector.serve_programs(&example_programs());
    stack.sync(&[]).await;
    stack.sql(
        "UPDATE channels SET tier = 2, template_id = 2, input_url = 'http://p-9/x.m3u8' WHERE channel_code = 'CH_TV_HD_001';
         UPDATE channels SET enabled = false WHERE channel_code = 'CH_TV_HD_002';
         INSERT INTO channels (channel_code, channel_name, input_url) VALUES ('MINE', 'Mine', 'http://p-1/m.m3u8')",
    );
    let mut programs = example_programs();
    programs[0]["name"] = json!("FPT One");
    programs[0]["fps"] = json!(50);
    programs.as_array_mut().unwrap().push(program("MINE", "Theirs"));
    stack.inspector.serve_programs(&programs);
    let (code, output, _) = stack.sync(&[]).await;
    assert_eq!(code, 0, "{output}");
    for line in [
        "  ~ CH_TV_HD_001\n",
        "channel_name: \"FPT Channel 1\" -> \"FPT One\"\n",
        "fps: 25 -> 50\n",
        "! MINE: left alone, it is of no source (`adopt: true` takes it over)\n",
        "0 added, 1 changed, 2 unchanged, 0 disabled, 0 no longer there, 1 left alone, 0 left out\n",
    ] {
        assert!(output.contains(line), "{line}: {output}");
    }
    assert_eq!(
        stack.sql(
            "SELECT channel_name, fps, tier, template_id, input_url FROM channels WHERE channel_code = 'CH_TV_HD_001'"
        ),
        "FPT One|50|2|2|http://p-9/x.m3u8"
    );
    assert_eq!(stack.sql("SELECT enabled FROM channels WHERE channel_code = 'CH_TV_HD_002'"), "f");
    assert_eq!(stack.sql("SELECT channel_name FROM channels WHERE channel_code = 'MINE'"), "Mine");

    stack.configure("    adopt: true\n");
    let (_, output, _) = stack.sync(&["live-packager-01"]).await;
    assert!(output.contains("~ MINE") && output.contains("1 changed, 3 unchanged"), "{output}");
    assert_eq!(stack.sql("SELECT channel_name, source IS NULL FROM channels WHERE channel_code = 'MINE'"), "Theirs|f");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_programs_are_disabled_only_on_request_and_never_many_at_once() {
    let stack = Stack::start().await;
    let all: Vec<Value> = (0..10).map(|i| program(&format!("CH_{i}"), &format!("Channel {i}"))).collect();
    stack.inspector.serve_programs(&json!(all));
    stack.sync(&[]).await;
    stack.sql(
        "INSERT INTO channels (channel_code, channel_name, input_url) VALUES ('MINE', 'Mine', 'http://p-1/m.m3u8')",
    );
    let disabled = || {
        stack.sql(
            "SELECT coalesce(string_agg(channel_code, ',' ORDER BY channel_code), '') FROM channels WHERE NOT enabled",
        )
    };

    stack.inspector.serve_programs(&json!(all[2..]));
    let (code, output, _) = stack.sync(&[]).await;
    assert!(code == 0 && output.contains("! CH_0: no longer there, stays in force"), "{output}");
    assert_eq!(disabled(), "");

    stack.configure("    disable_missing: true\n");
    stack.inspector.serve_programs(&json!(all[3..]));
    let (code, output, _) = stack.sync(&[]).await;
    assert!(code == 1 && output.contains("3 of 10 channels are missing at once"), "{code} {output}");
    assert_eq!(disabled(), "");

    stack.inspector.serve_programs(&json!([&all[2..], &[json!({"name": "no id"})]].concat()));
    let (code, output, _) = stack.sync(&[]).await;
    assert!(code == 1 && output.contains("without a readable id"), "{code} {output}");
    assert_eq!(disabled(), "");

    let broken = json!({"id": "CH_1", "name": {}});
    stack.inspector.serve_programs(&json!([&all[2..], &[broken]].concat()));
    let (code, output, _) = stack.sync(&[]).await;
    assert!(code == 1 && output.contains("- CH_0: no longer there, disabled"), "{code} {output}");
    assert_eq!(disabled(), "CH_0", "a program that can't be read is there all the same");

    stack.inspector.serve_programs(&json!(all));
    let (_, output, _) = stack.sync(&[]).await;
    assert!(output.contains("enabled: false -> true"), "{output}");
    assert_eq!(disabled(), "");
    assert_eq!(stack.sql("SELECT count(*) FROM channels WHERE missing_since IS NOT NULL"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_bad_answer_changes_anything() {
    let stack = Stack::start().await;
    stack.configure("    disable_missing: true\n    max_disabled: 1\n    max_bytes: 4096\n    max_programs: 5\n");
    stack.inspector.serve_programs(&example_programs());
    stack.sync(&[]).await;
    let rows = || stack.sql("SELECT string_agg(channel_code || version || enabled, ',' ORDER BY id) FROM channels");
    let before = rows();
    let many: Vec<Value> = (0..6).map(|i| json!({"id": i, "name": "n"})).collect();
    let answers = [
        (401, "{}".to_owned(), "write a new token into `token_file`"),
        (503, "down".to_owned(), "HTTP status 503"),
        (200, "{\"programs\": [{\"id\": \"CH".to_owned(), "not JSON"),
        (200, "{\"programs\": []}".to_owned(), "is empty"),
        (200, "{\"items\": []}".to_owned(), "no list `programs`"),
        (200, "[".repeat(4000), "not JSON"),
        (200, json!({"programs": many}).to_string(), "more than `max_programs` (5)"),
        (200, "x".repeat(5000), "4096"),
        (200, json!({"programs": [{"id": {}}]}).to_string(), "none of the 1 programs"),
    ];
    for (status, body, expected) in answers {
        stack.inspector.answer_with(status, body);
        let (code, _, error) = stack.sync(&[]).await;
        assert!(code == 2 && error.contains(expected), "{expected}: {code} {error}");
        assert!(!error.contains("s3cret"), "{error}");
        assert_eq!(rows(), before, "{expected}");
    }
    stack.inspector.state.lock().unwrap().answer = None;
    let (code, _, error) = stack.sync(&[]).await;
    assert_eq!((code, rows()), (2, before.clone()), "{error}");

    stack.files.write("inspector.token", "");
    let (code, _, error) = stack.sync(&[]).await;
    assert!(code == 2 && error.contains("must contain one token"), "{error}");
    stack.files.write("inspector.token", "s3cret-two");
    stack.inspector.serve_programs(&example_programs());
    assert_eq!(stack.sync(&[]).await.0, 0);
    assert!(stack.inspector.heads().pop().unwrap().contains("Bearer s3cret-two"), "the file is read each time");
    stack.configure("    programs: programs # closed\n");
    let (code, _, error) = stack.sync(&[]).await;
    assert!(code == 2 && error.contains("fetch.allow_private_addresses"), "{error}");
    stack.files.write("ca.pem", &Inspector::start().await.ca);
    stack.configure("");
    let (code, _, error) = stack.sync(&[]).await;
    assert!(code == 2 && error.to_lowercase().contains("certificate"), "{error}");
    assert_eq!(rows(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_synchronises_by_itself_and_reports_success_and_failure() {
    let stack = Stack::start().await;
    stack.configure("    every: 10s\n");
    stack.inspector.serve_programs(&example_programs());
    let mut serve = command(stack.files.folder());
    serve.env("DATABASE_URL", stack.postgres.url());
    let exporter = Exporter::spawn(&mut serve, &[]).await;
    wait_until(&exporter, "probes know the channel", "/metrics", "packager_exporter_catalog_channels 3").await;
    let name = "{source=\"live-packager-01\"}";
    wait_until(&exporter, "it succeeded", "/metrics", &format!("packager_exporter_sync_successful{name} 1")).await;
    let created = "packager_exporter_sync_changes_total{change=\"created\",source=\"live-packager-01\"} 3";
    wait_until(&exporter, "what was written", "/metrics", created).await;

    stack.inspector.answer_with(401, "{}");
    wait_until(&exporter, "it failed", "/metrics", &format!("packager_exporter_sync_successful{name} 0")).await;
    assert!(exporter.log().contains("synchronisation failed; nothing was changed"), "{}", exporter.log());
    assert!(!exporter.log().contains("s3cret"));

    // A change of exporter.yml starts a synchronisation without waiting for the interval.
    let mut programs = example_programs();
    programs.as_array_mut().unwrap().push(program("CH_NEW", "New"));
    stack.inspector.serve_programs(&programs);
    stack.configure("    every: 1h\n");
    wait_until(&exporter, "the new channel", "/metrics", "packager_exporter_catalog_channels 4").await;
    stack.files.write("exporter.yml", "history: {max_outputs: 100}\n");
    let began = Instant::now();
    while exporter.get("/metrics").await.1.contains("packager_exporter_sync_successful{") {
        assert!(began.elapsed() < PATIENCE, "a source that is gone stays in /metrics");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn wait_until(exporter: &Exporter, what: &str, path: &str, part: &str) {
    let began = Instant::now();
    loop {
        let (_, text) = exporter.get(path).await;
        if text.contains(part) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not in time: {what}\n{text}\n{}", exporter.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
