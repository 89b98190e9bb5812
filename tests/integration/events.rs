//! Tests of server-sent events of probes and alerts.

use crate::database::{EVENING, Stack, alert, channel};
use crate::exporter::{PATIENCE, live_origin};
use serde_json::{Value, json};
use std::time::Instant;

struct EventStream {
    response: reqwest::Response,
    read: String,
}

impl EventStream {
    async fn open(stack: &Stack, path: &str) -> Self {
        let response = stack.request("GET", path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let mut stream = Self { response, read: String::new() };
        assert!(stream.block().await.starts_with("retry: "));
        stream
    }

    /// Returns the next block of the event stream, up to an empty line.
    async fn block(&mut self) -> String {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let block = block.to_owned();
                self.read = rest.to_owned();
                return block;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("an event in time");
            self.read.push_str(std::str::from_utf8(&chunk.unwrap().unwrap()).unwrap());
        }
    }

    /// Returns name and data of the next server-sent event.
    async fn event(&mut self) -> (String, Value) {
        let began = Instant::now();
        loop {
            let block = self.block().await;
            assert!(began.elapsed() < PATIENCE, "comments, and no event");
            let field = |name: &str| block.lines().find_map(|l| l.strip_prefix(name)).map(str::to_owned);
            if let (Some(name), Some(data)) = (field("event: "), field("data: ")) {
                return (name, serde_json::from_str(&data).unwrap());
            }
        }
    }

    /// Returns change, fingerprint and status of the next server-sent event, which has to be one about an alert.
    async fn alert_change(&mut self) -> (Value, Value, Value) {
        let (name, data) = self.event().await;
        assert_eq!(name, "alert", "{data}");
        (data["change"].clone(), data["alert"]["fingerprint"].clone(), data["alert"]["status"].clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_alert_changes_are_events_whoever_made_them() {
    let origin = live_origin().await;
    let mut stack = Stack::start(&[]).await;
    stack.json("POST", "/channels", &channel("CH_1", &origin.url("live/TV1/master.m3u8"))).await;
    stack.until("it is in force", async || stack.get("/sd").await.1[0]["targets"] == json!(["CH_1"])).await;
    let mut events = EventStream::open(&stack, "/events?channel=CH_1").await;
    stack.exporter.get("/probe?target=CH_1").await;
    let (name, probe) = events.event().await;
    assert_eq!(
        (name.as_str(), &probe["channel"], &probe["template"]),
        ("probe", &json!("CH_1"), &json!("TPL_LIVE_HD"))
    );
    // Its segments have 2 s, its template expects 6.
    assert_eq!(
        (&probe["success"], &probe["failed"]),
        (&json!(true), &json!(["segment_duration_off_target"])),
        "{probe}"
    );

    let other = json!({"status": "firing", "labels": {"alertname": "X", "channel": "CH_2"}, "annotations": {},
        "startsAt": EVENING, "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "f0"});
    stack.webhook(&[other, alert("f1", "firing", EVENING)]).await;
    let expected = |change: &str, status: &str| (json!(change), json!("f1"), json!(status));
    assert_eq!(events.alert_change().await, expected("fired", "firing"), "CH_2's is another's");
    stack.webhook(&[alert("f1", "firing", EVENING)]).await;
    let id = stack.get("/alerts/active?channel=CH_1").await.1["alerts"][0]["id"].clone();
    stack.json("POST", &format!("/alerts/{id}/acknowledge"), &json!({"by": "lan"})).await;
    assert_eq!(events.alert_change().await, expected("acknowledged", "acknowledged"), "a repeat is no change");
    stack.webhook(&[alert("f1", "resolved", EVENING)]).await;
    assert_eq!(events.alert_change().await, expected("resolved", "resolved"));
    stack.postgres.sql(&format!("UPDATE alerts SET status = 'firing' WHERE id = {id}"));
    assert_eq!(events.alert_change().await, expected("fired", "firing"), "by psql");

    stack.postgres.stop();
    stack.postgres.start_again();
    let (name, data) = events.event().await;
    assert_eq!((name.as_str(), &data), ("lagged", &json!({"missed": null})), "changes may be missed");
    stack
        .until("alerts are taken again", async || stack.webhook(&[alert("f1", "resolved", EVENING)]).await.0 == 200)
        .await;
    assert_eq!(events.alert_change().await, expected("resolved", "resolved"));
}
