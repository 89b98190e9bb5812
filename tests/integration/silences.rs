//! Tests that acknowledged alerts are silenced in a real Alertmanager.

use crate::database::{EVENING, Stack, alert};
use crate::exporter::Files;
use crate::prometheus::free_port;
use crate::zabbix::Trapper;
use packager_testbed::postgres::Postgres;
use serde_json::{Value, json};

/// An Alertmanager whose only receiver is the exporter's webhook; it is killed when this value is dropped.
pub(crate) struct Alertmanager {
    child: std::process::Child,
    _folder: tempfile::TempDir,
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn free_address() -> String {
    format!("127.0.0.1:{}", free_port())
}

/// Starts an Alertmanager without stored data.
pub(crate) fn alertmanager(address: &str, exporter: &str) -> Alertmanager {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "route: {{receiver: db, group_wait: 0s, group_interval: 1s}}\nreceivers:\n- name: db\n  webhook_configs:\n  \
         - {{url: 'http://{exporter}/api/v1/alerts/webhook', send_resolved: true}}\n\
         inhibit_rules: [{{source_matchers: [alertname=PackagerDown], target_matchers: ['channel=~\".+\"'], equal: [packager]}}]\n"
    );
    std::fs::write(folder.path().join("am.yml"), text).unwrap();
    let debian = std::path::Path::new("/usr/bin/prometheus-alertmanager").exists();
    let mut program = std::process::Command::new(if debian { "prometheus-alertmanager" } else { "alertmanager" });
    program.current_dir(folder.path()).args([
        "--config.file=am.yml",
        "--storage.path=data",
        "--cluster.listen-address=",
    ]);
    program.arg(format!("--web.listen-address={address}"));
    let quiet = std::process::Stdio::null;
    let child = program.stdout(quiet()).stderr(quiet()).spawn().expect("Alertmanager; scripts/install_test_tools.sh");
    Alertmanager { child, _folder: folder }
}

fn labels() -> Value {
    json!({"alertname": "RenditionDown", "severity": "major", "channel": "CH_1"})
}

/// Posts an alert to Alertmanager, and returns whether it was accepted.
async fn post_alert(stack: &Stack, url: &str, alert: Value) -> bool {
    let post = stack.client.post(format!("{url}/api/v2/alerts")).header("content-type", "application/json");
    post.body(json!([alert]).to_string()).send().await.is_ok_and(|answer| answer.status().is_success())
}

/// Posts an alert with [`labels`] until Alertmanager accepts it, acknowledges it in the API, and returns its id.
pub(crate) async fn acknowledge_new_alert(stack: &Stack, url: &str) -> Value {
    stack.until("Alertmanager answers", async || post_alert(stack, url, json!({"labels": labels()})).await).await;
    let active = async || stack.get("/alerts/active?severity=major&channel=CH_1").await.1["alerts"][0].clone();
    stack.until("the webhook delivered it", async || active().await["status"] == "firing").await;
    let id = active().await["id"].clone();
    let (status, body) =
        stack.json("POST", &format!("/alerts/{id}/acknowledge"), &json!({"by": "lan", "for": "2h"})).await;
    assert!(status == 200 && body["silence_id"].is_string(), "{body}");
    id
}

/// Ends the alert of [`acknowledge_new_alert`] in Alertmanager, and waits until the exporter has found out.
async fn end_alert(stack: &Stack, url: &str, id: &Value) {
    let ended = json!({"labels": labels(), "endsAt": "2026-01-31T18:00:00Z", "startsAt": "2026-01-31T17:00:00Z"});
    assert!(post_alert(stack, url, ended).await, "the end is accepted, and no webhook is sent for a silenced alert");
    stack.until("its end is found out", async || stack.alert(id).await["status"] == "resolved").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_alert_is_silenced_in_alertmanager_until_it_ends() {
    let address = free_address();
    let url = format!("http://{address}");
    let stack = Stack::start(&["--alertmanager.url", &url]).await;
    stack.webhook(&[alert("f0", "firing", EVENING)]).await;
    let (status, body) = stack.json("POST", "/alerts/1/acknowledge", &json!({"by": "lan"})).await;
    assert!(status == 502 && body["detail"].as_str().unwrap().contains("nothing was changed"), "{body}");
    assert_eq!(stack.alert(&json!(1)).await["status"], "firing");

    let _alertmanager = alertmanager(&address, &stack.exporter.address);
    let id = acknowledge_new_alert(&stack, &url).await;
    let ask = async |path: &str| {
        let text = stack.client.get(format!("{url}{path}")).send().await.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let state = async || ask("/api/v2/alerts").await[0]["status"]["state"].clone();
    stack.until("it is silenced", async || state().await == "suppressed").await;

    end_alert(&stack, &url, &id).await;
    assert_eq!(stack.alert(&id).await["resolved_by"], "alertmanager");
    let silence = async || ask("/api/v2/silences").await[0]["status"]["state"].clone();
    stack.until("the silence is ended", async || silence().await == "expired").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zabbix_learns_of_the_end_of_a_silenced_alert() {
    let trapper = Trapper::start().await;
    let address = free_address();
    let url = format!("http://{address}");
    let files = Files::new(&[]);
    files.write("exporter.yml", &format!("zabbix: {{server: '{}'}}\n", trapper.address));
    let stack = Stack::within(files, Postgres::start(), &["--alertmanager.url", &url]).await;
    let _alertmanager = alertmanager(&address, &stack.exporter.address);
    let id = acknowledge_new_alert(&stack, &url).await;
    let firing = json!({"status": "firing", "fingerprint": "f", "startsAt": EVENING, "labels": labels()});
    let body = json!({"version": "4", "status": "firing", "receiver": "zabbix", "alerts": [firing]});
    assert_eq!(stack.json("POST", "/alerts/zabbix", &body).await.0, 202);
    let value = || trapper.value("packager.alert[CH_1,RenditionDown]");
    stack.until("Zabbix has a problem", async || value().as_deref() == Some("3")).await;
    // The webhook of this Alertmanager goes to the database alone, as if the alert were still silenced.
    end_alert(&stack, &url, &id).await;
    stack.until("Zabbix's problem ends", async || value().as_deref() == Some("0")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alertmanager_that_has_just_started_ends_no_acknowledged_alert() {
    let address = free_address();
    let url = format!("http://{address}");
    let stack = Stack::start(&["--alertmanager.url", &url]).await;
    let first = alertmanager(&address, &stack.exporter.address);
    stack.webhook(&[alert("f0", "firing", EVENING)]).await;
    let lan = json!({"by": "lan"});
    let acknowledge = async || stack.json("POST", "/alerts/1/acknowledge", &lan).await.0;
    stack.until("it is acknowledged", async || acknowledge().await == 200).await;
    drop(first);

    let _second = alertmanager(&address, &stack.exporter.address);
    let later = acknowledge_new_alert(&stack, &url).await;
    end_alert(&stack, &url, &later).await;
    let before = stack.alert(&json!(1)).await;
    assert_eq!(before["status"], "acknowledged", "it forgot the alert, which Prometheus sends again: {before}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_still_fires_is_not_resolved_by_hand() {
    let address = free_address();
    let url = format!("http://{address}");
    let stack = Stack::start(&["--alertmanager.url", &url]).await;
    stack.webhook(&[alert("f0", "firing", EVENING)]).await;
    let (status, body) = stack.json("POST", "/alerts/1/resolve", &json!({"by": "lan"})).await;
    assert!(status == 502 && body["detail"].as_str().unwrap().contains("nothing was changed"), "{body}");

    let _alertmanager = alertmanager(&address, &stack.exporter.address);
    let id = acknowledge_new_alert(&stack, &url).await;
    let (status, body) = stack.json("POST", &format!("/alerts/{id}/resolve"), &json!({"by": "lan"})).await;
    assert!(status == 409 && body["detail"].as_str().unwrap().contains("still firing in Alertmanager"), "{body}");
    assert_eq!(stack.alert(&id).await["status"], "acknowledged");
    end_alert(&stack, &url, &id).await;
    // The first one, which this Alertmanager never had.
    let (status, body) = stack.json("POST", "/alerts/1/resolve", &json!({"by": "lan"})).await;
    assert_eq!((status, &body["resolved_by"]), (200, &json!("lan")));
}

/// The exporter reads inhibited alerts from Alertmanager's API, because Alertmanager sends no notification about them.
#[tokio::test(flavor = "multi_thread")]
async fn an_inhibited_alert_is_in_the_history_of_its_channel_with_its_present_text() {
    let address = free_address();
    let url = format!("http://{address}");
    let stack = Stack::start(&["--alertmanager.url", &url]).await;
    let _alertmanager = alertmanager(&address, &stack.exporter.address);
    let packager = json!({"labels": {"alertname": "PackagerDown", "severity": "critical", "packager": "p"}});
    stack.until("Alertmanager answers", async || post_alert(&stack, &url, packager.clone()).await).await;
    stack.until("it is notified", async || stack.get("/alerts/active").await.1["alerts"] != json!([])).await;
    let down = |summary: &str| {
        json!({"labels": {"alertname": "ChannelDown", "severity": "critical", "channel": "CH_1", "packager": "p"},
            "annotations": {"summary": summary}})
    };
    assert!(post_alert(&stack, &url, down("CH_1 is down: 1")).await);
    let row = async || stack.get("/alerts?channel=CH_1").await.1["alerts"][0].clone();
    stack.until("it is known", async || row().await["inhibited_by"].as_array().is_some_and(|by| by.len() == 1)).await;
    assert!(post_alert(&stack, &url, down("CH_1 is down: 2")).await);
    stack.until("its text follows", async || row().await["summary"] == "CH_1 is down: 2").await;

    let mut end = down("CH_1 is down: 2");
    end["startsAt"] = json!("2026-01-31T17:00:00Z");
    end["endsAt"] = json!("2026-01-31T18:00:00Z");
    assert!(post_alert(&stack, &url, end).await);
    stack.until("its end is found", async || row().await["status"] == "resolved").await;
    let history = stack.get(&format!("/alerts/{}/history", row().await["id"])).await.1;
    let events: Vec<_> = history["events"].as_array().unwrap().iter().map(|e| (&e["event"], &e["summary"])).collect();
    let (first, second) = (json!("CH_1 is down: 1"), json!("CH_1 is down: 2"));
    let expected = [(json!("fired"), &first), (json!("text_changed"), &second), (json!("resolved"), &second)];
    assert_eq!(events, expected.iter().map(|(event, text)| (event, *text)).collect::<Vec<_>>());
    let (status, history) = stack.get("/channels/CH_1/history").await;
    let alerts = history["alerts"].as_array().unwrap();
    assert!(status == 200 && alerts.len() == 1 && alerts[0]["alertname"] == "ChannelDown", "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_in_maintenance_is_silenced_until_somebody_ends_it() {
    let address = free_address();
    let url = format!("http://{address}");
    let stack = Stack::start(&["--alertmanager.url", &url]).await;
    let new = crate::database::channel("CH_1", "http://packager-01/live/CH_1/master.m3u8");
    assert_eq!(stack.json("POST", "/channels", &new).await.0, 201);
    let begin = async |body: Value| stack.json("POST", "/channels/CH_1/maintenance", &body).await;
    stack.until("the channel is in force", async || begin(json!({"by": "lan"})).await.0 == 502).await;
    let _alertmanager = alertmanager(&address, &stack.exporter.address);
    let hour = json!({"by": "lan", "comment": "encoder", "for": "1h"});
    stack.until("Alertmanager takes it", async || begin(hour.clone()).await.0 == 200).await;

    assert!(post_alert(&stack, &url, json!({"labels": labels()})).await);
    let suppressed = async || {
        let text = stack.client.get(format!("{url}/api/v2/alerts")).send().await.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&text).unwrap()[0]["status"]["state"] == "suppressed"
    };
    stack.until("the alert is silenced", suppressed).await;

    let (status, longer) = begin(json!({"by": "minh", "for": "2h"})).await;
    assert_eq!((status, &longer["comment"], &longer["channel"]), (200, &json!("maintenance"), &json!("CH_1")));
    assert_eq!(begin(json!({"by": "minh", "scope": "packager"})).await.1["packager"], "packager-01");
    let listed = stack.get("/channels/CH_1/maintenance").await.1["maintenances"].clone();
    let people: Vec<_> = listed.as_array().unwrap().iter().map(|one| (&one["scope"], &one["created_by"])).collect();
    // The end of the packager's, after an hour, comes first; the longer one replaced the first.
    assert_eq!(people, [(&json!("packager"), &json!("minh")), (&json!("channel"), &json!("minh"))], "{listed}");
    assert_eq!(stack.get("/maintenance").await.1["maintenances"], listed);

    let ended = stack.send(stack.request("DELETE", "/channels/CH_1/maintenance")).await;
    assert_eq!((ended.0, &ended.1["maintenances"]), (200, &json!([listed[1]])), "not that of the packager");
    assert_eq!(stack.get("/maintenance").await.1["maintenances"], json!([listed[0]]));
    let ended = end(&stack, &listed[0]["id"]).await;
    assert_eq!(ended, (200, listed[0].clone()));
    assert_eq!(stack.get("/maintenance").await.1, json!({"maintenances": []}));
    assert_eq!(end(&stack, &listed[0]["id"]).await.0, 404);
    assert_eq!(stack.get("/channels/CH_9/maintenance").await.0, 404);
}

async fn end(stack: &Stack, id: &Value) -> (u16, Value) {
    stack.send(stack.request("DELETE", &format!("/maintenance/{}", id.as_str().unwrap()))).await
}

/// A maintenance for the night is made in Alertmanager, as others do it.
#[tokio::test(flavor = "multi_thread")]
async fn a_maintenance_that_is_planned_stays_until_somebody_ends_exactly_that_one() {
    let address = free_address();
    let url = format!("http://{address}");
    let stack = Stack::start(&["--alertmanager.url", &url]).await;
    let _alertmanager = alertmanager(&address, &stack.exporter.address);
    let new = crate::database::channel("CH_1", "http://packager-01/live/CH_1/master.m3u8");
    assert_eq!(stack.json("POST", "/channels", &new).await.0, 201);
    let matcher = |name: &str| json!({"name": name, "value": "CH_1", "isRegex": false, "isEqual": true});
    let (begin, end_of_it) = ("2100-01-01T01:00:00Z", "2100-01-01T05:00:00Z");
    let silence = |matcher: Value, starts_at: &str| json!({"matchers": [matcher], "startsAt": starts_at, "endsAt": end_of_it, "createdBy": "minh", "comment": "night"});
    let post = async |body: Value| {
        let post = stack.client.post(format!("{url}/api/v2/silences")).header("content-type", "application/json");
        post.body(body.to_string()).send().await.ok()
    };
    stack.until("Alertmanager answers", async || post(silence(matcher("channel"), begin)).await.is_some()).await;
    let other = post(silence(matcher("alertname"), begin)).await.unwrap().text().await.unwrap();
    let other = serde_json::from_str::<Value>(&other).unwrap()["silenceID"].clone();

    let begin = async || stack.json("POST", "/channels/CH_1/maintenance", &json!({"by": "lan"})).await.0 == 200;
    stack.until("the channel is in force", begin).await;
    let listed = async || stack.get("/channels/CH_1/maintenance").await.1["maintenances"].clone();
    let people = |listed: &Value| {
        let listed = listed.as_array().unwrap().iter();
        listed.map(|one| (one["created_by"].clone(), one["in_force"].clone())).collect::<Vec<_>>()
    };
    let (lan, minh) = ((json!("lan"), json!(true)), (json!("minh"), json!(false)));
    assert_eq!(people(&listed().await), [lan, minh.clone()], "a new one replaces none that is planned");
    assert_eq!(stack.send(stack.request("DELETE", "/channels/CH_1/maintenance")).await.0, 200);
    let planned = listed().await;
    assert_eq!(people(&planned), [minh]);
    assert_eq!(end(&stack, &other).await.0, 404, "another silence is no maintenance");
    assert_eq!(end(&stack, &planned[0]["id"]).await.0, 200);
    assert_eq!(listed().await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_probed_before_it_is_saved() {
    let origin = crate::exporter::live_origin().await;
    let stack = Stack::start(&[]).await;
    let draft = crate::database::channel("CH_NEW", &origin.url("live/TV1/master.m3u8"));
    let (status, report) = stack.json("POST", "/channels/probe", &draft).await;
    assert_eq!((status, &report["success"]), (200, &json!(true)), "{report}");
    assert!(report["outputs"][0]["renditions"].as_array().unwrap().len() > 1, "{report}");
    assert_eq!(stack.get("/channels/CH_NEW").await.0, 404, "nothing is saved");
    let bad = json!({"channel_code": "CH_NEW", "input_url": "ftp://a/b", "fps": 0});
    let (status, problem) = stack.json("POST", "/channels/probe", &bad).await;
    assert_eq!((status, problem["errors"].as_array().unwrap().len()), (422, 2), "{problem}");
    let none = json!({"channel_code": "CH_NEW", "input_url": origin.url("live/TV1/master.m3u8"), "template_id": 99});
    assert_eq!(stack.json("POST", "/channels/probe", &none).await.0, 422);

    assert_eq!(stack.json("POST", "/channels", &draft).await.0, 201);
    let now = async || stack.send(stack.request("POST", "/channels/CH_NEW/probe")).await;
    stack.until("it can be probed", async || now().await.0 == 200).await;
    assert_eq!(now().await.1["target"], "CH_NEW");
    let series = stack.get("/channels/CH_NEW/series?metric=bitrate").await.1;
    assert!(series["lines"].as_array().is_some_and(|lines| !lines.is_empty()), "{series}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_comes_by_webhook_and_by_api_is_one_alert() {
    let address = free_address();
    let url = format!("http://{address}");
    let stack = Stack::start(&["--alertmanager.url", &url]).await;
    let _alertmanager = alertmanager(&address, &stack.exporter.address);
    // The webhook has the nanoseconds, and the API the milliseconds alone.
    let alert = |summary: &str| json!({"labels": labels(), "annotations": {"summary": summary}, "startsAt": EVENING});
    stack.until("Alertmanager answers", async || post_alert(&stack, &url, alert("1")).await).await;
    let alerts = async || stack.get("/alerts?channel=CH_1").await.1["alerts"].clone();
    stack.until("the webhook delivered it", async || alerts().await[0]["status"] == "firing").await;
    assert!(post_alert(&stack, &url, alert("2")).await);
    stack.until("its text follows the API", async || alerts().await[0]["summary"] == "2").await;
    let alerts = alerts().await;
    assert_eq!(alerts.as_array().unwrap().len(), 1, "{alerts}");
}
