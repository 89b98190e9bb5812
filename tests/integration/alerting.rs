//! Tests of the whole way from a fault to a phone: live origins, PostgreSQL, exporter, Prometheus, Alertmanager, Slack,
//! mail and Zabbix, all as shipped except for addresses and times. All times, the scrape interval included, are shorter
//! by [`factor`].

mod faster;
mod receivers;
mod stack;

pub(crate) use faster::{factor, faster, rules};

use crate::prometheus::shipped;
use packager_testbed::origin::Origin;
use packager_testbed::pace;
use serde_json::json;
use stack::{AlertingStack, origin};
use std::process::Command;
use std::time::Duration;

/// Returns the longest time in seconds of Prometheus's clock from the first failed scrape until ChannelDown fires: its
/// `for` and two scrape intervals, longer on a busy machine.
fn longest_until_firing() -> f64 {
    (20.0 + 2.0 * 15.0) / factor() as f64 * pace::slowdown()
}

/// Labels of an alert, and the receivers that have to get it.
const ROUTES: [(&[&str], &str); 11] = [
    (&["alertname=Watchdog", "severity=none"], "zabbix,dead-mans-switch"),
    (&["alertname=ChannelDownInhibitor", "severity=none", "tier=1", "channel=A"], "nobody"),
    (&["alertname=ChannelBudgetBurnsFast", "severity=major", "tier=1", "channel=A"], "alert-database,zabbix,slack"),
    (&["alertname=ChannelDown", "severity=critical", "tier=1", "channel=A"], "alert-database,zabbix,page"),
    (&["alertname=ChannelDown", "severity=critical", "tier=2", "channel=A"], "alert-database,zabbix,slack"),
    (&["alertname=PackagerDown", "severity=critical", "packager=p"], "alert-database,zabbix,page"),
    (&["alertname=ExporterDown", "severity=critical", "instance=e"], "alert-database,zabbix,page"),
    (&["alertname=ChannelNotProbed", "severity=major", "channel=A"], "alert-database,zabbix,slack"),
    (&["alertname=RenditionDown", "severity=major", "tier=1", "channel=A"], "alert-database,zabbix,slack"),
    (&["alertname=ChannelDefect", "severity=minor", "tier=1", "channel=A"], "alert-database,slack-quiet"),
    (&["alertname=ChannelAdvisory", "severity=warning", "tier=1", "channel=A"], "alert-database,e-mail"),
];

/// Words in alertmanager.yml that switch receivers on.
pub(crate) const RECEIVERS: [&str; 5] = ["database", "slack", "mail", "zabbix", "switch"];

/// Returns the shipped alertmanager.yml with these receivers switched on, as the comment in the file says.
pub(crate) fn alertmanager_with(receivers: &[&str]) -> String {
    let text = std::fs::read_to_string(shipped().join("alertmanager.yml")).unwrap();
    let switched = |line: &str| {
        let comment = line.trim_start_matches(' ');
        let word = comment.strip_prefix('#').and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let is_on = receivers.contains(&word);
        let rest = comment.split_once(' ').filter(|_| is_on).map(|(_, rest)| rest);
        rest.map_or(line.to_owned(), |rest| " ".repeat(line.len() - comment.len()) + rest)
    };
    text.lines().map(|line| switched(line) + "\n").collect()
}

fn amtool(arguments: &[&str]) {
    let output = Command::new("amtool").args(arguments).output();
    let output = output.expect("amtool (Debian: apt-get install prometheus-alertmanager) must be in PATH");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
}

/// Only the receivers that the user has switched on send. Alertmanager counts each notification that it can't send, so
/// an installation without receivers would otherwise raise an alert about itself.
#[test]
fn the_shipped_receivers_send_nothing_until_they_are_switched_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alertmanager.yml");
    for chosen in 0..1 << RECEIVERS.len() {
        let on: Vec<&str> = (0..RECEIVERS.len()).filter(|i| chosen >> i & 1 == 1).map(|i| RECEIVERS[i]).collect();
        let text = alertmanager_with(&on);
        // The file of Slack's URL isn't there.
        let text = text.replace("slack_api_url_file: /etc/alertmanager/slack_webhook_url", "slack_api_url: http://s/");
        std::fs::write(&file, &text).unwrap();
        amtool(&["check-config", file.to_str().unwrap()]);
        let document: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        let receivers = document["receivers"].as_sequence().unwrap();
        let sending = receivers.iter().filter(|receiver| receiver.as_mapping().unwrap().len() > 1);
        let names: Vec<&str> = sending.map(|receiver| receiver["name"].as_str().unwrap()).collect();
        let expected: &[&str] = match on.as_slice() {
            [] => &[],
            ["database"] => &["alert-database"],
            ["slack"] | ["mail"] => &["page", "slack", "slack-quiet", "e-mail"],
            ["zabbix"] => &["zabbix"],
            ["switch"] => &["dead-mans-switch"],
            _ => continue,
        };
        assert_eq!(names, expected);
    }
}

#[test]
fn amtool_accepts_the_shipped_configuration_and_routes_each_kind_of_alert() {
    let file = shipped().join("alertmanager.yml");
    amtool(&["check-config", file.to_str().unwrap()]);
    for (labels, receivers) in ROUTES {
        let receivers = format!("--verify.receivers={receivers}");
        let begin = ["config", "routes", "test", "--config.file", file.to_str().unwrap(), &receivers];
        amtool(&[&begin[..], labels].concat());
    }
}

/// A message is short enough for Slack, which would cut a long message at an arbitrary place.
#[test]
fn a_message_of_many_alerts_names_ten_and_counts_the_others() {
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
async fn every_fault_and_its_end_reach_every_receiver_once() {
    let (lone, ten) = (origin("127.0.0.1:0").await, origin("127.0.0.2:0").await);
    let codes: Vec<String> = (0..10).map(|n| format!("TEN_{n}")).collect();
    let mut channels = vec![("LONE", lone.url("live/TV1/master.m3u8")), ("RUNG", lone.url("live/TV3/master.m3u8"))];
    channels.extend(codes.iter().map(|code| (code.as_str(), ten.url("live/TV2/master.m3u8"))));
    let mut stack = AlertingStack::start(factor()).await;
    catalogue(&stack, &channels).await;

    // Without a fault everything was probed and judged for some time, and nobody got a message.
    stack.prometheus.until("count(count_over_time(probe_success[5m]) >= 5)", 12.0, stack::PATIENCE).await;
    let healthy = stack.prometheus.query("ALERTS{severity!=\"none\", alertstate=\"firing\"}").await;
    assert!(
        healthy.is_empty() && stack.slack_messages("", "").is_empty(),
        "{healthy:#?} {:#?}",
        stack.slack_messages("", "")
    );
    stack
        .until("Zabbix hears the watchdog", async || {
            stack.zabbix.value("packager.alerting.alive").ok_or_else(String::new)
        })
        .await;

    a_channel_and_a_rendition(&stack, &lone).await;
    the_database(&mut stack).await;
    the_exporter(&mut stack).await;
    a_packager(&stack, ten).await;

    let about = ["ChannelDown LONE", "RenditionDown RUNG", "DatabaseAway", "ExporterDown", "PackagerDown 127.0.0.2"];
    for status in ["FIRING", "RESOLVED"] {
        let messages: Vec<usize> = about.iter().map(|about| stack.slack_messages(status, about).len()).collect();
        assert_eq!(messages, [1; 5], "{status}: {:#?}", stack.slack_messages("", ""));
    }
    assert_eq!(
        stack.slack_messages("", "").len(),
        2 * about.len(),
        "other messages: {:#?}",
        stack.slack_messages("", "")
    );
    for about in about {
        stack.wait_for_mail_about("FIRING", about).await;
        stack.wait_for_mail_about("RESOLVED", about).await;
    }
    assert_eq!(stack.mails_about("").len(), 2 * about.len(), "mails, and none twice: {:#?}", stack.mails_about(""));
}

/// The test takes `QUIET_SECONDS` at the shipped times, with every receiver (`make quiet`).
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_without_its_faults_sends_no_alert() {
    let origin = origin("127.0.0.3:0").await;
    let stack = AlertingStack::start(1).await;
    let codes = demo(&stack, &origin).await;
    let lasting = std::env::var("QUIET_SECONDS").map_or(90.0, |text| text.parse::<f64>().unwrap());
    let scrapes = format!("count(count_over_time(probe_success[1h]) >= {})", (lasting / 15.0).floor());
    let patience = Duration::from_secs_f64(lasting) + stack::PATIENCE;
    stack.prometheus.until(&scrapes, codes as f64, patience).await;

    let alerts =
        "max by (alertname, channel, check) (max_over_time(ALERTS{severity!=\"none\", alertstate=\"firing\"}[1h]))";
    let fired = stack.prometheus.query(alerts).await;
    let unseen = stack.prometheus.query("min_over_time(up[1h]) == 0 or min_over_time(probe_success[1h]) == 0").await;
    assert!(fired.is_empty() && unseen.is_empty(), "{fired:#?} {unseen:#?}");
    assert!(
        stack.slack_messages("", "").is_empty() && stack.mails_about("").is_empty(),
        "{:#?}",
        stack.slack_messages("", "")
    );
    assert_eq!(stack.zabbix.value("packager.alerting.alive").as_deref(), Some("1"), "and yet alerts arrive");
    let rows = stack.api("GET", "/alerts", &serde_json::Value::Null).await;
    assert_eq!(rows["alerts"], json!([]), "{rows}");
}

/// Creates the demo's templates and clean channels through the API, and returns the number of channels.
async fn demo(stack: &AlertingStack, origin: &Origin) -> usize {
    let folder = shipped().join("../examples/demo/config");
    let read = |name: &str| serde_yaml::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap();
    let (templates, channels): (serde_json::Value, serde_json::Value) = (read("templates.yml"), read("channels.yml"));
    for (name, keys) in templates.as_object().unwrap() {
        let mut settings = keys.clone();
        let target = settings.as_object_mut().unwrap().remove("segment_duration_target");
        let template = json!({"template_name": name, "segment_duration_target": target, "settings": settings});
        stack.create("/templates", &template).await;
    }
    let mut made = 0;
    for channel in channels["channels"].as_array().unwrap() {
        let code = channel["channel_code"].as_str().unwrap();
        if code.starts_with("CLEAN") {
            let path = channel["input_url"].as_str().unwrap().split_once(":18085/").unwrap().1;
            let found =
                stack.api("GET", &format!("/templates/{}", channel["template"].as_str().unwrap()), &json!(null)).await;
            let channel =
                json!({"channel_code": code, "tier": 1, "input_url": origin.url(path), "template_id": found["id"]});
            stack.create("/channels", &channel).await;
            made += 1;
        }
    }
    made
}

/// Creates the channels `channels` (code and URL of each) with a template that downloads no segments.
async fn catalogue(stack: &AlertingStack, channels: &[(&str, String)]) {
    // Without segments a busy machine can't fail a check of their download time.
    let settings = json!({"timeout": format!("{}ms", pace::patience(Duration::from_secs(2)).as_millis()), "hold": "20s", "ladder": {"minimum_video": 1}, "segments": {"mode": "none"}});
    let template = json!({"template_name": "T2", "segment_duration_target": 2.0, "settings": settings});
    let id = stack.create("/templates", &template).await["template_id"].clone();
    for (code, url) in channels {
        let mut channel = json!({"channel_code": code, "tier": 1, "input_url": url, "template_id": id});
        if *code == "LONE" {
            channel["channel_name"] = json!("Lone channel");
        }
        stack.create("/channels", &channel).await;
    }
}

async fn a_channel_and_a_rendition(stack: &AlertingStack, origin: &Origin) {
    assert!(origin.set_fault("TV1", Some("master_404")) && origin.set_fault("TV3", Some("rendition_404")));
    let alert = &stack.wait_for_alerts("alertname=\"ChannelDown\"", "active", 1).await[0];
    let fired: jiff::Timestamp = alert["startsAt"].as_str().unwrap().parse().unwrap();
    let failed =
        "min_over_time((timestamp(probe_success{channel=\"LONE\"}) and probe_success{channel=\"LONE\"} == 0)[5m:1s])";
    let took = fired.as_nanosecond() as f64 / 1e9 - stack.prometheus.one(failed).await.unwrap();
    let longest = longest_until_firing();
    assert!(took <= longest, "ChannelDown fired {took:.1} s after the first bad scrape, allowed are {longest} s");
    stack.wait_for_alerts("alertname=\"RenditionDown\"", "active", 1).await;
    let row = stack.wait_for_row("ChannelDown", Some("LONE"), "firing").await;
    stack.wait_for_row("RenditionDown", Some("RUNG"), "firing").await;

    let page = stack.wait_for_slack("FIRING", "ChannelDown LONE").await;
    for part in [
        "#fpt-play-alerts\n[FIRING critical] ChannelDown LONE (tier 1)\nhttp://127.0.0.1:",
        "/runbooks/ChannelDown\n*LONE (Lone channel) is down*\n",
        "(probe_success is 0). Failed checks with their number of violations: manifest_unavailable (hls) 1",
        "|runbook>",
        "/logs?target=LONE|log>",
        "http://grafana.example/d/packager-channel?var-channel=LONE|dashboard>",
        "Measured: manifest_unavailable (hls) status 404; ",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let mail = stack.wait_for_mail("ChannelDown LONE").await;
    for part in [
        "Subject: [FIRING critical] ChannelDown LONE (tier 1)",
        "LONE (Lone channel) is down",
        "manifest_unavailable (hls) 1",
        "What to do: http://127.0.0.1:",
        "Log: http://127.0.0.1:",
    ] {
        assert!(mail.contains(part), "{part} is not in {mail}");
    }
    for part in ["/runbooks/ChannelDown", "/logs?target=LONE"] {
        let url =
            page.split(['<', '|', '\n', '>']).find(|piece| piece.starts_with("http://127") && piece.ends_with(part));
        let answer = stack.follow_link(url.unwrap_or_else(|| panic!("{part} is not in {page}"))).await;
        assert!(answer.contains("manifest_unavailable"), "{answer}");
    }
    let message = stack.wait_for_slack("FIRING", "RenditionDown RUNG").await;
    for part in [
        "[FIRING major] RenditionDown RUNG (tier 1)",
        "of hls is down*",
        "(available: 0)",
        "last HTTP status: 404 (rendition_unavailable)",
        "/runbooks/RenditionDown",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    let rendition = stack.prometheus.query("packager_rendition_available{channel=\"RUNG\"} == 0").await;
    assert!(message.contains(&rendition[0].labels["rendition"]), "{rendition:?} is not in {message}");
    stack.wait_for_zabbix("LONE", "ChannelDown", &["4"]).await;
    stack.wait_for_zabbix("RUNG", "RenditionDown", &["3"]).await;

    let id = &row["id"];
    let done = stack.api("POST", &format!("/alerts/{id}/acknowledge"), &json!({"by": "lan", "for": "2h"})).await;
    assert!(done["status"] == "acknowledged" && done["silence_id"].is_string(), "{done}");
    stack.wait_for_alerts("alertname=\"ChannelDown\"", "suppressed", 1).await;

    assert!(origin.set_fault("TV1", None) && origin.set_fault("TV3", None));
    let row = stack.wait_for_row("ChannelDown", Some("LONE"), "resolved").await;
    assert!(row["acknowledged_by"] == "lan" && row["resolved_by"] == "alertmanager", "{row}");
    stack.wait_for_row("RenditionDown", Some("RUNG"), "resolved").await;
    stack.wait_for_zabbix("LONE", "ChannelDown", &["4", "0"]).await;
    stack.wait_for_zabbix("RUNG", "RenditionDown", &["3", "0"]).await;
    let over = stack.wait_for_slack("RESOLVED", "ChannelDown LONE").await;
    assert!(over.contains("*LONE (Lone channel) is down*: over since"), "{over}");
    stack.wait_for_slack("RESOLVED", "RenditionDown RUNG").await;
    stack.wait_for_mail("[RESOLVED] ChannelDown LONE").await;
}

async fn the_database(stack: &mut AlertingStack) {
    stack.postgres.stop();
    stack.wait_for_alerts("alertname=\"DatabaseAway\"", "active", 1).await;
    let message = stack.wait_for_slack("FIRING", "DatabaseAway").await;
    assert!(message.contains("can't reach its database") && message.contains("/runbooks/DatabaseAway"), "{message}");
    stack.wait_for_zabbix("-", "DatabaseAway", &["3"]).await;
    stack.postgres.start_again();
    // The alert began while nothing could be written, and was written before it ended: an end alone is not sent.
    stack.wait_for_row("DatabaseAway", None, "resolved").await;
    stack.wait_for_slack("RESOLVED", "DatabaseAway").await;
    stack.wait_for_zabbix("-", "DatabaseAway", &["3", "0"]).await;
}

/// Stops the exporter. Slack and mail get the alert about it at once. The database and Zabbix learn of it after the
/// exporter has started again, because they get alerts from the exporter.
async fn the_exporter(stack: &mut AlertingStack) {
    stack.kill_exporter();
    stack.wait_for_alerts("alertname=\"ExporterDown\"", "active", 1).await;
    let message = stack.wait_for_slack("FIRING", "ExporterDown").await;
    assert!(message.contains("Its channels are not watched (up: 0)"), "{message}");
    let mail = stack.wait_for_mail("ExporterDown").await;
    assert!(mail.contains("/runbooks/ExporterDown"), "{mail}");
    stack.wait_for_alerts("alertname=\"ChannelNotProbed\"", "suppressed", 12).await;
    stack.start_exporter().await;
    stack.wait_for_row("ExporterDown", None, "resolved").await;
    stack.wait_for_zabbix("-", "ExporterDown", &["4", "0"]).await;
    stack.wait_for_slack("RESOLVED", "ExporterDown").await;
}

async fn a_packager(stack: &AlertingStack, ten: Origin) {
    let address = ten.addr.to_string();
    drop(ten);
    stack.wait_for_alerts("alertname=\"PackagerDown\"", "active", 1).await;
    stack.wait_for_alerts("alertname=\"ChannelDown\"", "suppressed", 10).await;
    let message = stack.wait_for_slack("FIRING", "PackagerDown 127.0.0.2").await;
    for part in ["100% of the channels of 127.0.0.2 are down", "TEN_7", "/runbooks/PackagerDown"] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    stack.wait_for_mail("[FIRING critical] PackagerDown 127.0.0.2").await;
    stack.wait_for_row("PackagerDown", None, "firing").await;
    // Nobody is notified of these, and yet each channel's history has its outage.
    for n in 0..10 {
        let what = format!("ChannelDown of TEN_{n} is inhibited in the database");
        stack
            .until(&what, async || {
                let row = stack.wait_for_row("ChannelDown", Some(&format!("TEN_{n}")), "firing").await;
                let is_inhibited = row["inhibited_by"].as_array().is_some_and(|by| by.len() == 1);
                is_inhibited.then_some(()).ok_or_else(|| row.to_string())
            })
            .await;
    }
    stack.wait_for_zabbix("127.0.0.2", "PackagerDown", &["4"]).await;
    let _again = origin(&address).await;
    stack.wait_for_row("PackagerDown", None, "resolved").await;
    for n in 0..10 {
        stack.wait_for_row("ChannelDown", Some(&format!("TEN_{n}")), "resolved").await;
    }
    stack.wait_for_zabbix("127.0.0.2", "PackagerDown", &["4", "0"]).await;
    stack.wait_for_slack("RESOLVED", "PackagerDown").await;
    stack.wait_for_mail("[RESOLVED] PackagerDown").await;
    assert_eq!(stack.zabbix.value("packager.alert[TEN_7,ChannelDown]"), None, "one page, not ten");
}
