//! From a fault to a phone: live origins, PostgreSQL, exporter, Prometheus, Alertmanager, Slack, mail and Zabbix, all as shipped but
//! for addresses and times. Every time is a fifth of the shipped one, the scrape interval too.

mod faster;
mod receivers;
mod stand;

pub use faster::{FASTER, faster, rules};

use crate::prometheus::shipped;
use packager_testbed::origin::Origin;
use serde_json::json;
use stand::{Stand, origin};
use std::process::Command;
use std::time::Duration;

/// ChannelDown's `for` and two scrapes, in seconds of Prometheus's own clock.
const WITHIN: f64 = (20.0 + 2.0 * 15.0) / FASTER as f64;
/// Routes: labels, and who is told.
const ROUTES: [(&[&str], &str); 9] = [
    (&["alertname=Watchdog", "severity=none"], "zabbix,dead-mans-switch"),
    (&["alertname=ChannelDown", "severity=critical", "tier=1", "channel=A"], "alert-database,zabbix,page"),
    (&["alertname=ChannelDown", "severity=critical", "tier=2", "channel=A"], "alert-database,zabbix,slack"),
    (&["alertname=PackagerDown", "severity=critical", "packager=p"], "alert-database,zabbix,page"),
    (&["alertname=ExporterDown", "severity=critical", "instance=e"], "alert-database,zabbix,page"),
    (&["alertname=ChannelNotProbed", "severity=major", "channel=A"], "alert-database,zabbix,slack"),
    (&["alertname=RenditionDown", "severity=major", "tier=1", "channel=A"], "alert-database,zabbix,slack"),
    (&["alertname=ChannelDefect", "severity=minor", "tier=1", "channel=A"], "alert-database,slack-quiet"),
    (&["alertname=ChannelAdvisory", "severity=warning", "tier=1", "channel=A"], "alert-database,e-mail"),
];

#[test]
fn amtool_accepts_the_shipped_configuration_and_routes_each_kind_of_alert() {
    let file = shipped().join("alertmanager.yml");
    let amtool = |arguments: &[&str]| {
        let output = Command::new("amtool").args(arguments).output();
        let output = output.expect("amtool (Debian: apt-get install prometheus-alertmanager) must be in PATH");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    };
    amtool(&["check-config", file.to_str().unwrap()]);
    for (labels, told) in ROUTES {
        let told = format!("--verify.receivers={told}");
        let begin = ["config", "routes", "test", "--config.file", file.to_str().unwrap(), &told];
        amtool(&[&begin[..], labels].concat());
    }
}

/// An exporter that refuses a hundred channels: Slack would cut the message anywhere.
#[test]
fn a_message_of_many_alerts_names_ten_and_says_how_many_there_are() {
    let alert = |n: usize| {
        json!({"status": if n < 100 { "firing" } else { "resolved" }, "labels": {"severity": "major"},
            "annotations": {"summary": format!("CH_{n:03} is not watched"), "description": "up: 0"},
            "startsAt": "2026-01-31T18:00:00Z", "endsAt": "2026-01-31T19:00:00Z"})
    };
    let data = json!({"status": "firing", "alerts": (0..112).map(alert).collect::<Vec<_>>()});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.json");
    std::fs::write(&file, data.to_string()).unwrap();
    let mut amtool = Command::new("amtool");
    amtool.args(["template", "render", "--template.text", "{{ template \"packager.text\" . }}"]);
    amtool.arg("--template.glob").arg(shipped().join("alertmanager/*.tmpl")).arg("--template.data").arg(file);
    let output = amtool.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = |end: &str| text.lines().filter(|line| line.contains(end)).count();
    assert_eq!((lines("is not watched*"), lines(": over since 19:00:00 UTC")), (20, 10), "{text}");
    assert!(text.contains("and others: 100 in all\n") && text.contains("and others: 12 are over\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_reaches_everybody_once_and_so_does_its_end() {
    let (lone, ten) = (origin("127.0.0.1:0").await, origin("127.0.0.2:0").await);
    let codes: Vec<String> = (0..10).map(|n| format!("TEN_{n}")).collect();
    let mut channels = vec![("LONE", lone.url("live/TV1/master.m3u8")), ("RUNG", lone.url("live/TV3/master.m3u8"))];
    channels.extend(codes.iter().map(|code| (code.as_str(), ten.url("live/TV2/master.m3u8"))));
    let mut stand = Stand::start(FASTER).await;
    catalogue(&stand, &channels).await;

    // No fault: everything was probed and judged for some time, and nobody was told of anything.
    stand.prometheus.until("count(count_over_time(probe_success[5m]) >= 5)", 12.0, stand::PATIENCE).await;
    let healthy = stand.prometheus.query("ALERTS{alertname!=\"Watchdog\", alertstate=\"firing\"}").await;
    assert!(healthy.is_empty() && stand.told("", "").is_empty(), "{healthy:#?} {:#?}", stand.told("", ""));
    stand
        .until("Zabbix hears the watchdog", async || {
            stand.zabbix.value("packager.alerting.alive").ok_or_else(String::new)
        })
        .await;

    a_channel_and_a_rendition(&stand, &lone).await;
    the_database(&mut stand).await;
    the_exporter(&mut stand).await;
    a_packager(&stand, ten).await;

    let about = ["ChannelDown LONE", "RenditionDown RUNG", "DatabaseAway", "ExporterDown", "PackagerDown 127.0.0.2"];
    for status in ["FIRING", "RESOLVED"] {
        let told: Vec<usize> = about.iter().map(|about| stand.told(status, about).len()).collect();
        assert_eq!(told, [1; 5], "{status}: {:#?}", stand.told("", ""));
    }
    assert_eq!(stand.told("", "").len(), 2 * about.len(), "nothing else: {:#?}", stand.told("", ""));
    // The pages alone go by mail, and each end too.
    let paged = ["ChannelDown LONE", "ExporterDown", "PackagerDown 127.0.0.2"];
    for about in paged {
        stand.mail(&format!("Subject: [FIRING critical] {about}")).await;
        stand.mail(&format!("Subject: [RESOLVED] {about}")).await;
    }
    assert_eq!(stand.mailed("").len(), 2 * paged.len(), "mails, and none twice: {:#?}", stand.mailed(""));
}

/// No fault, the shipped times, and everybody who could be told. `QUIET_SECONDS` says how long (`make quiet`).
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_without_its_faults_tells_nobody_anything() {
    let origin = origin("127.0.0.3:0").await;
    let stand = Stand::start(1).await;
    let codes = demo(&stand, &origin).await;
    let lasting = std::env::var("QUIET_SECONDS").map_or(90.0, |text| text.parse::<f64>().unwrap());
    let scrapes = format!("count(count_over_time(probe_success[1h]) >= {})", (lasting / 15.0).floor());
    let patience = Duration::from_secs_f64(lasting) + stand::PATIENCE;
    stand.prometheus.until(&scrapes, codes as f64, patience).await;

    let alerts = "max by (alertname, channel, check) (max_over_time(ALERTS{alertname!=\"Watchdog\", alertstate=\"firing\"}[1h]))";
    let fired = stand.prometheus.query(alerts).await;
    let unseen = stand.prometheus.query("min_over_time(up[1h]) == 0 or min_over_time(probe_success[1h]) == 0").await;
    assert!(fired.is_empty() && unseen.is_empty(), "{fired:#?} {unseen:#?}");
    assert!(stand.told("", "").is_empty() && stand.mailed("").is_empty(), "{:#?}", stand.told("", ""));
    assert_eq!(stand.zabbix.value("packager.alerting.alive").as_deref(), Some("1"), "and yet alerts arrive");
    let rows = stand.api("GET", "/alerts", &serde_json::Value::Null).await;
    assert_eq!(rows["alerts"], json!([]), "{rows}");
}

/// The demo's templates and clean channels, made over the API; how many.
async fn demo(stand: &Stand, origin: &Origin) -> usize {
    let folder = shipped().join("../examples/demo/config");
    let read = |name: &str| serde_yaml::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap();
    let (templates, channels): (serde_json::Value, serde_json::Value) = (read("templates.yml"), read("channels.yml"));
    for (name, keys) in templates.as_object().unwrap() {
        let mut settings = keys.clone();
        let target = settings.as_object_mut().unwrap().remove("segment_duration_target");
        let template = json!({"template_name": name, "segment_duration_target": target, "settings": settings});
        stand.make("/templates", &template).await;
    }
    let mut made = 0;
    for channel in channels["channels"].as_array().unwrap() {
        let code = channel["channel_code"].as_str().unwrap();
        if code.starts_with("CLEAN") {
            let path = channel["input_url"].as_str().unwrap().split_once(":18085/").unwrap().1;
            let found =
                stand.api("GET", &format!("/templates/{}", channel["template"].as_str().unwrap()), &json!(null)).await;
            let channel =
                json!({"channel_code": code, "tier": 1, "input_url": origin.url(path), "template_id": found["id"]});
            stand.make("/channels", &channel).await;
            made += 1;
        }
    }
    made
}

/// `channels`: code and URL of each.
async fn catalogue(stand: &Stand, channels: &[(&str, String)]) {
    // Playlists alone: a busy machine that is slow with segments has no part in these faults.
    let settings =
        json!({"timeout": "2s", "hold": "20s", "ladder": {"minimum_video": 1}, "segments": {"mode": "none"}});
    let template = json!({"template_name": "T2", "segment_duration_target": 2.0, "settings": settings});
    let id = stand.make("/templates", &template).await["template_id"].clone();
    for (code, url) in channels {
        let channel = json!({"channel_code": code, "tier": 1, "input_url": url, "template_id": id});
        stand.make("/channels", &channel).await;
    }
}

async fn a_channel_and_a_rendition(stand: &Stand, origin: &Origin) {
    assert!(origin.switch("TV1", Some("master_404")) && origin.switch("TV3", Some("rendition_404")));
    let alert = &stand.alerts("alertname=\"ChannelDown\"", "active", 1).await[0];
    let fired: jiff::Timestamp = alert["startsAt"].as_str().unwrap().parse().unwrap();
    let failed =
        "min_over_time((timestamp(probe_success{channel=\"LONE\"}) and probe_success{channel=\"LONE\"} == 0)[5m:1s])";
    let took = fired.as_nanosecond() as f64 / 1e9 - stand.prometheus.one(failed).await.unwrap();
    assert!(took <= WITHIN, "ChannelDown fired {took:.1} s after the first bad scrape, allowed are {WITHIN} s");
    stand.alerts("alertname=\"RenditionDown\"", "active", 1).await;
    let row = stand.kept("ChannelDown", Some("LONE"), "firing").await;
    stand.kept("RenditionDown", Some("RUNG"), "firing").await;

    let page = stand.message("FIRING", "ChannelDown LONE").await;
    for part in [
        "#fpt-play-alerts\n[FIRING critical] ChannelDown LONE (tier 1)\nhttps://",
        "/runbooks/ChannelDown.md\n*LONE is down*\n",
        "(probe_success is 0). Failed checks with their number of violations: manifest_unavailable (hls) 1",
        "|runbook>",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let mail = stand.mail("ChannelDown LONE").await;
    for part in [
        "Subject: [FIRING critical] ChannelDown LONE (tier 1)",
        "LONE is down",
        "manifest_unavailable (hls) 1",
        "What to do: https://",
    ] {
        assert!(mail.contains(part), "{part} is not in {mail}");
    }
    let message = stand.message("FIRING", "RenditionDown RUNG").await;
    for part in [
        "[FIRING major] RenditionDown RUNG (tier 1)",
        "of hls is down*",
        "(available: 0)",
        "404 of the playlist",
        "/runbooks/RenditionDown.md",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    let rendition = stand.prometheus.query("packager_rendition_available{channel=\"RUNG\"} == 0").await;
    assert!(message.contains(&rendition[0].labels["rendition"]), "{rendition:?} is not in {message}");
    stand.valued("LONE", "ChannelDown", &["4"]).await;
    stand.valued("RUNG", "RenditionDown", &["3"]).await;

    let id = &row["id"];
    let done = stand.api("POST", &format!("/alerts/{id}/acknowledge"), &json!({"by": "lan", "for": "2h"})).await;
    assert!(done["status"] == "acknowledged" && done["silence_id"].is_string(), "{done}");
    stand.alerts("alertname=\"ChannelDown\"", "suppressed", 1).await;

    assert!(origin.switch("TV1", None) && origin.switch("TV3", None));
    let row = stand.kept("ChannelDown", Some("LONE"), "resolved").await;
    assert!(row["acknowledged_by"] == "lan" && row["resolved_by"] == "alertmanager", "{row}");
    stand.kept("RenditionDown", Some("RUNG"), "resolved").await;
    stand.valued("LONE", "ChannelDown", &["4", "0"]).await;
    stand.valued("RUNG", "RenditionDown", &["3", "0"]).await;
    let over = stand.message("RESOLVED", "ChannelDown LONE").await;
    assert!(over.contains("*LONE is down*: over since"), "{over}");
    stand.message("RESOLVED", "RenditionDown RUNG").await;
    stand.mail("[RESOLVED] ChannelDown LONE").await;
}

async fn the_database(stand: &mut Stand) {
    stand.postgres.stop();
    stand.alerts("alertname=\"DatabaseAway\"", "active", 1).await;
    let message = stand.message("FIRING", "DatabaseAway").await;
    assert!(message.contains("can't reach its database") && message.contains("/runbooks/DatabaseAway.md"), "{message}");
    stand.valued("-", "DatabaseAway", &["3"]).await;
    stand.postgres.start_again();
    // It began while nothing could be written, and was written before it ended: an end alone is not told.
    stand.kept("DatabaseAway", None, "resolved").await;
    stand.message("RESOLVED", "DatabaseAway").await;
    stand.valued("-", "DatabaseAway", &["3", "0"]).await;
}

/// Whom the exporter tells, the database and Zabbix, hears of it once it is back.
async fn the_exporter(stand: &mut Stand) {
    stand.kill_exporter();
    stand.alerts("alertname=\"ExporterDown\"", "active", 1).await;
    let message = stand.message("FIRING", "ExporterDown").await;
    assert!(message.contains("Its channels are not watched (up: 0)"), "{message}");
    let mail = stand.mail("ExporterDown").await;
    assert!(mail.contains("/runbooks/ExporterDown.md"), "{mail}");
    stand.alerts("alertname=\"ChannelNotProbed\"", "suppressed", 12).await;
    stand.start_exporter().await;
    stand.kept("ExporterDown", None, "resolved").await;
    stand.valued("-", "ExporterDown", &["4", "0"]).await;
    stand.message("RESOLVED", "ExporterDown").await;
}

async fn a_packager(stand: &Stand, ten: Origin) {
    let address = ten.addr.to_string();
    drop(ten);
    stand.alerts("alertname=\"PackagerDown\"", "active", 1).await;
    stand.alerts("alertname=\"ChannelDown\"", "suppressed", 10).await;
    let message = stand.message("FIRING", "PackagerDown 127.0.0.2").await;
    for part in ["100% of the channels of 127.0.0.2 are down", "TEN_7", "/runbooks/PackagerDown.md"] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    stand.mail("[FIRING critical] PackagerDown 127.0.0.2").await;
    stand.kept("PackagerDown", None, "firing").await;
    stand.valued("127.0.0.2", "PackagerDown", &["4"]).await;
    let _again = origin(&address).await;
    stand.kept("PackagerDown", None, "resolved").await;
    stand.valued("127.0.0.2", "PackagerDown", &["4", "0"]).await;
    stand.message("RESOLVED", "PackagerDown").await;
    stand.mail("[RESOLVED] PackagerDown").await;
    assert_eq!(stand.zabbix.value("packager.alert[TEN_7,ChannelDown]"), None, "one page, not ten");
}
