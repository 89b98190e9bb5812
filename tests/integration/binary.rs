//! Tests of the program as an operator runs it.

use crate::exporter::{Exporter, Files, catalogue, command, exit_and_output, failed, live_origin, run, value};
use packager_testbed::origin::Origin;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

/// A manifest URL at which nothing listens.
const DEAD: &str = "http://127.0.0.1:1/master.m3u8";
const T2: &str = "T2";

fn clean(origin: &Origin) -> String {
    origin.url("live/TV1/master.m3u8")
}

fn fault(origin: &Origin, id: &str) -> String {
    origin.url(&format!("fault/{id}/TV1/master.m3u8"))
}

/// Returns whether the text names the line of a mistake in channels.yml.
fn names_the_line(text: &str, line: usize) -> bool {
    text.contains(&format!("channels.yml:{line}:"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_answers_for_live_dead_and_unknown_channels() {
    let origin = live_origin().await;
    let files = Files::new(&[("CLEAN_1", clean(&origin), T2), ("DEAD", DEAD.to_owned(), T2)]);
    let exporter = Exporter::start(files.folder()).await;

    let (status, text) = exporter.get("/probe?target=CLEAN_1").await;
    assert_eq!((status, value(&text, "probe_success"), failed(&text)), (200, Some(1.0), vec![]), "{text}");
    let (status, text) = exporter.get("/probe?target=DEAD").await;
    assert_eq!((status, value(&text, "probe_success")), (200, Some(0.0)), "{text}");
    assert_eq!(failed(&text), ["manifest_unavailable"]);
    let (status, text) = exporter.get("/probe?target=CLEAM_1").await;
    assert!(status == 400 && text.contains("`CLEAN_1`"), "{status}: {text}");

    let (status, text) = exporter.get("/probe?target=DEAD&debug=true").await;
    assert_eq!(status, 200);
    let parts = ["Logs for the probe:", "Metrics that would have been returned:", "Template configuration:"];
    let places: Vec<usize> = parts.iter().map(|part| text.find(part).expect(part)).collect();
    assert!(places.is_sorted(), "{text}");
    assert!(text[..places[1]].contains("refused"), "the reason is in the log: {text}");

    for (path, says) in [("/-/healthy", "Healthy"), ("/-/ready", "Ready"), ("/config", "CLEAN_1"), ("/", "CLEAN_1")] {
        let (status, text) = exporter.get(path).await;
        assert!(status == 200 && text.contains(says), "{path}: {status} {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_scrapers_and_a_person_at_the_same_time_get_one_captures_verdict() {
    let origin = live_origin().await;
    // Its segments take 3 s, so that the three overlap.
    let files = Files::new(&[("SLOW", fault(&origin, "slow_first_byte"), T2)]);
    let exporter = Exporter::start(files.folder()).await;
    let (path, debug) = ("/probe?target=SLOW", "/probe?target=SLOW&debug=true");
    let (a, b, c) = tokio::join!(exporter.get(path), exporter.get(path), exporter.get(debug));
    let verdict = |text: &str| {
        let lines = text.lines().filter(|line| line.starts_with("packager_check_ok{"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(verdict(&a.1), verdict(&b.1));
    assert_eq!(verdict(&a.1), verdict(&c.1));
    assert_eq!(failed(&a.1), ["segment_download_slow"], "{}", a.1);
    assert_eq!(origin.requests().iter().filter(|r| r.path.ends_with("master.m3u8")).count(), 1);
}

/// A segment is downloaded once, so the second of two scrapers finds the newest one inspected already.
#[tokio::test(flavor = "multi_thread")]
async fn every_scraper_gets_the_same_series() {
    let origin = live_origin().await;
    let files = Files::new(&[("TV", clean(&origin), T2)]);
    let exporter = Exporter::start(files.folder()).await;
    let path = "/probe?target=TV";
    // From the second segment on there is a gap to measure.
    let is_known = |text: &str| text.contains("\npackager_timestamp_gap_seconds{") && !text.contains("\"first_probe\"");
    exporter.until(path, |_, text| is_known(text)).await;
    let series = |text: &str| {
        // It counts this probe's own answers, and the second one may have no segment to fetch.
        let is_own = |line: &&str| line.starts_with('#') || line.starts_with("packager_cdn_cache{");
        let lines = text.lines().filter(|line| !is_own(line));
        lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect::<BTreeSet<_>>()
    };
    let (first, second) = (exporter.get(path).await.1, exporter.get(path).await.1);
    assert!(second.contains("\npackager_segment_size_bytes{"), "{second}");
    let missing: Vec<_> = series(&first).symmetric_difference(&series(&second)).cloned().collect();
    assert_eq!(missing, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_catalogue_is_in_force_without_a_restart() {
    let origin = live_origin().await;
    let files = Files::new(&[("OLD", clean(&origin), T2)]);
    let exporter = Exporter::start(files.folder()).await;
    assert_eq!(exporter.get("/probe?target=NEW").await.0, 400);
    files.write("channels.yml", &catalogue(&[("NEW", clean(&origin), T2)]));
    let text = exporter.until("/probe?target=NEW", |status, _| status == 200).await;
    assert_eq!(value(&text, "probe_success"), Some(1.0), "{text}");
    assert_eq!(exporter.get("/probe?target=OLD").await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_catalogue_is_refused_by_file_and_line_and_the_old_one_stays() {
    let files = Files::new(&[("OLD", DEAD.to_owned(), T2)]);
    let exporter = Exporter::start(files.folder()).await;
    let good = catalogue(&[("OLD", DEAD.to_owned(), T2), ("NEW", DEAD.to_owned(), T2)]);

    files.write("channels.yml", "channels:\n  BAD:\n    input_ulr: http://packager/x.m3u8\n");
    let (status, text) = exporter.post("/-/reload").await;
    assert!(status == 500 && names_the_line(&text, 3) && text.contains("`input_url`"), "{status}: {text}");
    assert_eq!(exporter.get("/probe?target=OLD").await.0, 200);
    let reloaded = |text: &str| value(text, "packager_exporter_config_last_reload_successful");
    assert_eq!(reloaded(&exporter.get("/metrics").await.1), Some(0.0));

    files.write("channels.yml", &good);
    let (status, text) = exporter.post("/-/reload").await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(exporter.get("/probe?target=NEW").await.0, 200);
    assert_eq!(reloaded(&exporter.get("/metrics").await.1), Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_reloads_and_sigterm_ends_cleanly() {
    let files = Files::new(&[("OLD", DEAD.to_owned(), T2)]);
    let mut exporter = Exporter::start(files.folder()).await;
    files.write("channels.yml", &catalogue(&[("NEW", DEAD.to_owned(), T2)]));
    exporter.signal("HUP");
    exporter.until("/-/healthy", |_, _| exporter.log().contains("configuration read again")).await;
    assert_eq!(exporter.get("/probe?target=NEW").await.0, 200);

    let status = exporter.end("TERM").await;
    assert_eq!(status.code(), Some(0), "{}", exporter.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exporter_may_have_as_many_files_open_as_its_surroundings_allow() {
    let files = Files::new(&[("DEAD", DEAD.to_owned(), T2)]);
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "ulimit -Sn 256 && ulimit -Hn 2048 && exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_packager_exporter"),
    ]);
    let exporter = Exporter::spawn(shell.current_dir(files.folder()), &[]).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", exporter.child.id())).unwrap();
    let open_files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    assert_eq!(open_files.split_whitespace().take(2).collect::<Vec<_>>(), ["2048", "2048"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_alone_makes_a_catalogue() {
    let origin = live_origin().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path());
    command.env("PACKAGER_URL", origin.url("")).env("CHANNELS", "TV1,TV2").env("SEGMENT_DURATION_TARGET", "2.0");
    let exporter = Exporter::spawn(&mut command, &[]).await;
    for code in ["TV1", "TV2"] {
        let (status, text) = exporter.get(&format!("/probe?target={code}")).await;
        assert_eq!((status, value(&text, "probe_success"), failed(&text)), (200, Some(1.0), vec![]), "{text}");
    }
    assert!(exporter.get("/probe?target=TV3").await.0 == 400);
}

#[test]
fn a_configuration_is_checked_without_serving() {
    let files = Files::new(&[("DEAD", DEAD.to_owned(), T2)]);
    let ways: [&[&str]; 3] = [&["--config.check"], &["serve", "--config.check"], &["check-config"]];
    for way in ways {
        let (code, out, _) = run(files.folder(), way);
        assert!(code == 0 && out.contains("1 channels (1 enabled)"), "{way:?}: {code} {out}");
    }
    files.write("channels.yml", "channels:\n  BAD: {input_url: 'ftp://packager/x'}\n");
    for way in ways {
        let (code, _, why) = run(files.folder(), way);
        assert!(code == 2 && names_the_line(&why, 2), "{way:?}: {code} {why}");
    }
    let (code, _, why) = run(files.folder(), &["serve", "--web.listen-address", "127.0.0.1:0"]);
    assert!(code == 2 && names_the_line(&why, 2), "serving refuses it too: {code} {why}");
}

/// Runs the program as [`run`] does, while the origin in this process keeps answering.
async fn run_concurrently(files: &Files, arguments: &[&str]) -> (i32, String, String) {
    let mut command = command(files.folder());
    command.args(arguments);
    exit_and_output(&tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_at_a_terminal_ends_with_its_verdict() {
    let origin = live_origin().await;
    let broken = fault(&origin, "container_invalid");
    let files = Files::new(&[("CLEAN_1", clean(&origin), T2), ("BROKEN", broken.clone(), T2)]);

    let (code, out, why) = run_concurrently(&files, &["probe", "CLEAN_1"]).await;
    assert_eq!(code, 0, "{out}{why}");
    let (code, out, _) = run_concurrently(&files, &["probe", "BROKEN"]).await;
    assert!(code == 1 && out.contains("container_invalid"), "{code} {out}");
    let (code, _, why) = run_concurrently(&files, &["probe", "CLEAM_1"]).await;
    assert!(code == 2 && why.contains("`CLEAN_1`"), "{code} {why}");
    let elsewhere = tempfile::tempdir().unwrap();
    let (code, _, why) = run(elsewhere.path(), &["probe", "CLEAN_1"]);
    assert!(code == 2 && why.contains("--config.file"), "{code} {why}");

    let url = clean(&origin);
    for (target, expected) in [(&url, 0), (&broken, 1)] {
        let with_format = |format: &'static str| ["probe", target, "--template", T2, "--format", format];
        let (code, out, why) = run_concurrently(&files, &with_format("json")).await;
        assert_eq!(code, expected, "{out}{why}");
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["success"], expected == 0);
        let (code, out, _) = run_concurrently(&files, &with_format("text")).await;
        assert_eq!((code, out.contains("container_invalid")), (expected, expected == 1), "{out}");
        let (code, out, _) = run_concurrently(&files, &with_format("prometheus")).await;
        assert_eq!((code, value(&out, "probe_success")), (expected, Some(f64::from(1 - expected))), "{out}");
    }
}

/// The test runs the commands of a runbook with its own channel names and addresses.
#[tokio::test(flavor = "multi_thread")]
async fn the_runbooks_commands_distinguish_a_faulty_from_a_clean_channel() {
    let origin = live_origin().await;
    let files = Files::new(&[("CLEAN_1", clean(&origin), T2), ("BROKEN", fault(&origin, "container_invalid"), T2)]);
    files.write("exporter.yml", "{}\n");
    let exporter = Exporter::start(files.folder()).await;
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks/ChannelDown.md");
    let page = std::fs::read_to_string(page).unwrap();
    let commands: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    let [through_the_exporter, by_itself] = commands[..] else { panic!("{commands:?}") };
    let run_for = |code: &str, command: &str| {
        let command = command.replace("EXPORTER:10115", &exporter.address).replace("CH_TV_HD_001", code);
        let command = command.replace("/etc/packager_exporter/exporter.yml", "config/exporter.yml");
        let command = command.replace("packager_exporter probe", "\"$PROGRAM\" probe");
        let mut shell = Command::new("sh");
        shell.current_dir(files.folder()).env("PROGRAM", crate::exporter::PROGRAM).args(["-c", &command]);
        exit_and_output(&tokio::task::block_in_place(|| shell.output().unwrap()))
    };
    let (_, found, error) = run_for("UNKNOWN", through_the_exporter);
    assert!(!found.contains("verdict=") && error.contains("400"), "a refusal is no verdict: {found}{error}");
    for (code, faulty) in [("CLEAN_1", false), ("BROKEN", true)] {
        let pasted = |command: &str| run_for(code, command);
        let (_, found, error) = pasted(through_the_exporter);
        let verdict = found.lines().next().unwrap_or_default();
        assert!(verdict.contains("verdict="), "the first line has the verdict: {found}{error}");
        assert_eq!(
            (found.contains("container_invalid"), verdict.contains("verdict=ok")),
            (faulty, !faulty),
            "{found}{error}"
        );
        let (exit, report, error) = pasted(by_itself);
        assert_eq!((exit, report.contains("container_invalid  ")), (i32::from(faulty), faulty), "{report}{error}");
    }
}

/// Interrupts a repeated probe after `count` reports, and returns its exit code and these reports.
fn interrupt_after_reports(files: &Files, count: usize, arguments: &[&str]) -> (Option<i32>, Vec<serde_json::Value>) {
    let mut child = command(files.folder()).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(count);
    let reports = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    assert!(Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success());
    (child.wait().unwrap().code(), reports)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_probe_exits_by_its_last_verdict() {
    let origin = live_origin().await;
    let files = Files::new(&[("CLEAN_1", clean(&origin), T2), ("BROKEN", fault(&origin, "container_invalid"), T2)]);
    for (code, exit) in [("CLEAN_1", 0), ("BROKEN", 1)] {
        let arguments = ["probe", code, "--every", "1h", "--format", "json"];
        let (code_at_end, reports) = tokio::task::block_in_place(|| interrupt_after_reports(&files, 1, &arguments));
        assert_eq!(code_at_end, Some(exit), "{code}: {reports:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_is_repeated_for_a_time_ends_with_it() {
    let origin = live_origin().await;
    let files = Files::new(&[("CLEAN_1", clean(&origin), T2)]);
    let arguments = ["probe", "CLEAN_1", "--every", "2s", "--for", "3s", "--format", "json"];
    let (code, out, why) = run_concurrently(&files, &arguments).await;
    assert_eq!(code, 0, "{out}{why}");
    assert!((1..=2).contains(&out.lines().count()), "one at the beginning, one after 2 s, none after 4 s: {out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_is_repeated_prints_one_json_report_a_line() {
    let origin = live_origin().await;
    let files = Files::new(&[("CLEAN_1", clean(&origin), T2)]);
    let arguments = ["probe", "CLEAN_1", "--every", "2s", "--for", "1h", "--format", "json"];
    let (code, reports) = tokio::task::block_in_place(|| interrupt_after_reports(&files, 2, &arguments));
    assert_eq!(code, Some(0), "{reports:?}");
    assert!(reports.iter().all(|r| r["success"] == true && r["target"] == "CLEAN_1"), "{reports:?}");
    let ran = |report: &serde_json::Value| {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|c| c["check"] == "hls_media_sequence_regressed").unwrap()["result"].clone()
    };
    assert_eq!((ran(&reports[0]), ran(&reports[1])), ("not_run".into(), "ok".into()), "the second one compares");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_check_says_whether_the_exporter_is_ready() {
    let files = Files::new(&[]);
    let check = |url: &str| run(files.folder(), &["healthcheck", url]);
    let exporter = Exporter::start(files.folder()).await;
    let (code, text, error) = check(&format!("http://{}/-/ready", exporter.address));
    assert_eq!((code, text.as_str()), (0, "ready: status 200\n"), "{error}");
    let (code, text, _) = check(&format!("http://{}/-/redy", exporter.address));
    assert!(code == 1 && text.starts_with("not ready: status 404"), "{text}");
    let address = exporter.address.clone();
    drop(exporter);
    let (code, text, _) = check(&format!("http://{address}/-/ready"));
    assert!(code == 1 && text.contains("Connection refused"), "{text}");

    let mut program = command(files.folder());
    program.env("DATABASE_URL", format!("postgres://u:p@{address}/d"));
    let exporter = Exporter::spawn(&mut program, &[]).await;
    let (code, text, _) = check(&format!("http://{}/-/ready", exporter.address));
    assert!(code == 1 && text.starts_with("not ready: status 503") && text.contains("database"), "{text}");

    let made = rcgen::generate_simple_self_signed(["monitoring.example".to_owned()]).unwrap();
    files.write("cert.pem", &made.cert.pem());
    files.write("key.pem", &made.signing_key.serialize_pem());
    let user = bcrypt::hash("pass-word", 4).unwrap();
    let tls = "tls_server_config: {cert_file: cert.pem, key_file: key.pem}";
    files.write("web.yml", &format!("{tls}\nbasic_auth_users: {{prometheus: '{user}'}}\n"));
    let web = files.path("web.yml");
    let arguments = ["--web.config.file", web.to_str().unwrap()];
    let exporter = Exporter::spawn(&mut command(files.folder()), &arguments).await;
    let (code, text, error) = check(&format!("https://{}/-/ready", exporter.address));
    assert_eq!((code, text.as_str()), (0, "ready: status 401\n"), "{error}");
}
