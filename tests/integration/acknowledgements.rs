//! Tests that people who acknowledge alerts, take that back or resolve them don't undo each other's work, also when Alertmanager or
//! a client fails in between.

use crate::database::{EVENING, Stack, alert};
use crate::silences::{acknowledge_new_alert, alertmanager, free_address};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

#[tokio::test(flavor = "multi_thread")]
async fn several_alerts_are_acknowledged_and_the_wrong_ones_taken_back() {
    let stack = Stack::start(&[]).await;
    stack.webhook(&[alert("f1", "firing", EVENING), alert("f2", "firing", EVENING)]).await;
    let several = json!({"ids": [1, 2, 99, 2], "by": "lan", "comment": "restart", "for": "2h"});
    let (status, done) = stack.json("POST", "/alerts/acknowledge", &several).await;
    let states = |done: &Value| {
        let alerts = done["alerts"].as_array().unwrap();
        alerts.iter().map(|alert| (alert["id"].clone(), alert["status"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(
        (status, states(&done)),
        (200, vec![(json!(1), json!("acknowledged")), (json!(2), json!("acknowledged"))])
    );
    assert_eq!((&done["refused"][0]["id"], &done["refused"][0]["status"]), (&json!(99), &json!(404)));

    let one = json!({"id": 2, "acknowledged_at": done["alerts"][1]["acknowledged_at"]});
    let (status, done) = stack.json("POST", "/alerts/unacknowledge", &json!({"alerts": [one], "by": "minh"})).await;
    assert_eq!((status, states(&done)), (200, vec![(json!(2), json!("firing"))]));
    let taken_back = stack.alert(&json!(2)).await;
    for field in ["acknowledged_at", "acknowledged_by", "comment", "silence_id"] {
        assert_eq!(taken_back[field], Value::Null, "{field}");
    }
    let events = stack.get("/alerts/2/history").await.1["events"].clone();
    let event = events.as_array().unwrap().last().unwrap().clone();
    assert_eq!((&event["event"], &event["by"]), (&json!("unacknowledged"), &json!("minh")), "{events}");

    assert_eq!(stack.json("POST", "/alerts/1/unacknowledge", &json!({"for": "1h"})).await.0, 422);
    assert_eq!(stack.json("POST", "/alerts/1/unacknowledge", &json!({"by": "lan"})).await.1["status"], "firing");
    let (status, done) = stack.json("POST", "/alerts/resolve", &json!({"ids": [1, 2], "by": "lan"})).await;
    assert_eq!((status, states(&done).len()), (200, 2), "{done}");
    assert_eq!(stack.json("POST", "/alerts/2/unacknowledge", &json!({"by": "lan"})).await.0, 409);
    for bad in [json!({"ids": []}), json!({"ids": [1], "for": "soon"})] {
        assert_eq!(stack.json("POST", "/alerts/acknowledge", &bad).await.0, 400, "{bad}");
    }
    for bad in [json!({"alerts": []}), json!({"alerts": [{"id": 1, "acknowledged_at": "soon"}]})] {
        assert_eq!(stack.json("POST", "/alerts/unacknowledge", &bad).await.0, 400, "{bad}");
    }
    assert_eq!(stack.json("POST", "/alerts/unacknowledge", &json!({"alerts": [{"id": 1}]})).await.0, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_person_acknowledged_is_not_taken_back() {
    let stack = Stack::start(&[]).await;
    stack.webhook(&[alert("f1", "firing", EVENING), alert("f2", "firing", EVENING)]).await;
    assert_eq!(stack.json("POST", "/alerts/1/acknowledge", &json!({"by": "lan"})).await.0, 200);
    let both = json!({"ids": [1, 2], "by": "minh"});
    let (status, done) = stack.json("POST", "/alerts/acknowledge", &both).await;
    let ids = |alerts: &Value| alerts.as_array().unwrap().iter().map(|one| one["id"].clone()).collect::<Vec<_>>();
    assert_eq!((status, ids(&done["alerts"]), ids(&done["unchanged"])), (200, vec![json!(2)], vec![json!(1)]));
    assert_eq!(done["unchanged"][0]["acknowledged_by"], "lan");

    // Lan takes hers back and acknowledges again; Minh's page still has the first one.
    let meant = |alert: &Value| json!({"id": alert["id"], "acknowledged_at": alert["acknowledged_at"]});
    let first = done["unchanged"][0].clone();
    assert_eq!(stack.json("POST", "/alerts/1/unacknowledge", &json!({"by": "lan"})).await.0, 200);
    assert_eq!(stack.json("POST", "/alerts/1/acknowledge", &json!({"by": "lan"})).await.0, 200);
    let undo = json!({"alerts": [meant(&first), meant(&done["alerts"][0])], "by": "minh"});
    let (status, undone) = stack.json("POST", "/alerts/unacknowledge", &undo).await;
    assert_eq!((status, ids(&undone["alerts"])), (200, vec![json!(2)]), "{undone}");
    let refused = &undone["refused"][0];
    assert_eq!((&refused["id"], &refused["status"]), (&json!(1), &json!(409)));
    assert!(refused["detail"].as_str().unwrap().contains("lan acknowledged it at 2"), "{refused}");
    let kept = stack.alert(&json!(1)).await;
    assert_eq!((&kept["status"], &kept["acknowledged_by"]), (&json!("acknowledged"), &json!("lan")));

    // Taken back twice: the second time there is nothing left to do.
    let (_, again) = stack.json("POST", "/alerts/unacknowledge", &json!({"alerts": [meant(&done["alerts"][0])]})).await;
    assert_eq!((ids(&again["alerts"]), ids(&again["unchanged"])), (vec![], vec![json!(2)]), "{again}");
    let one = json!({"acknowledged_at": first["acknowledged_at"]});
    assert_eq!(stack.json("POST", "/alerts/1/unacknowledge", &one).await.0, 409);
    let one = json!({"acknowledged_at": kept["acknowledged_at"]});
    assert_eq!(stack.json("POST", "/alerts/1/unacknowledge", &one).await.1["status"], "firing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_is_taken_back_only_when_its_silence_has_ended() {
    let address = free_address();
    let url = format!("http://{address}");
    let stack = Stack::start(&["--alertmanager.url", &url]).await;
    let first = alertmanager(&address, &stack.exporter.address);
    let id = acknowledge_new_alert(&stack, &url).await;
    let silence = stack.alert(&id).await["silence_id"].as_str().unwrap().to_owned();
    drop(first);
    for what in ["unacknowledge", "resolve"] {
        let (status, body) = stack.json("POST", &format!("/alerts/{id}/{what}"), &json!({"by": "lan"})).await;
        assert!(status == 502 && body["detail"].as_str().unwrap().contains("nothing was changed"), "{body}");
    }
    let before = stack.alert(&id).await;
    assert_eq!((&before["status"], &before["silence_id"]), (&json!("acknowledged"), &json!(silence)));

    // A new Alertmanager doesn't know the silence: it has ended.
    let _second = alertmanager(&address, &stack.exporter.address);
    let take_back = async || stack.json("POST", &format!("/alerts/{id}/unacknowledge"), &json!({"by": "lan"})).await.0;
    stack.until("it is taken back", async || take_back().await == 200).await;
    assert_eq!(stack.alert(&id).await["status"], "firing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_that_somebody_ended_in_alertmanager_holds_no_acknowledgement() {
    let address = free_address();
    let url = format!("http://{address}");
    let stack = Stack::start(&["--alertmanager.url", &url]).await;
    let _alertmanager = alertmanager(&address, &stack.exporter.address);
    let id = acknowledge_new_alert(&stack, &url).await;
    let silence = format!("{url}/api/v2/silence/{}", stack.alert(&id).await["silence_id"].as_str().unwrap());
    assert_eq!(stack.client.delete(&silence).send().await.unwrap().status(), 200);
    let (status, taken_back) = stack.json("POST", &format!("/alerts/{id}/unacknowledge"), &json!({"by": "lan"})).await;
    assert_eq!((status, &taken_back["status"]), (200, &json!("firing")), "{taken_back}");
}

/// An Alertmanager whose answer to a silence waits for `go_on`. It counts the silences, and the requests for its alerts.
struct SlowAlertmanager {
    url: String,
    silences: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
    go_on: Arc<Notify>,
}

impl SlowAlertmanager {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (silences, asked, go_on) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (begun, wait, alerts) = (silences.clone(), go_on.clone(), asked.clone());
        let silence = async move || {
            begun.fetch_add(1, Ordering::SeqCst);
            wait.notified().await;
            json!({"silenceID": "slow-1"}).to_string()
        };
        let list = async move || {
            alerts.fetch_add(1, Ordering::SeqCst);
            json!([]).to_string()
        };
        // It starts later than any alert: none has ended because it isn't in the list.
        let status = async || json!({"uptime": "2100-01-01T00:00:00Z"}).to_string();
        let app = axum::Router::new()
            .route("/api/v2/silences", post(silence))
            .route("/api/v2/alerts", get(list))
            .route("/api/v2/status", get(status));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, silences, asked, go_on }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_acknowledged_with_its_silence_although_the_client_went_away() {
    let slow = SlowAlertmanager::start().await;
    let stack = Stack::start(&["--alertmanager.url", &slow.url]).await;
    stack.webhook(&[alert("f1", "firing", EVENING), alert("f2", "firing", EVENING)]).await;
    for (path, body, id) in [
        ("/alerts/1/acknowledge", json!({"by": "lan"}), json!(1)),
        ("/alerts/acknowledge", json!({"ids": [2], "by": "lan"}), json!(2)),
    ] {
        let before = slow.silences.load(Ordering::SeqCst);
        let request = stack.request("POST", path).header("content-type", "application/json").body(body.to_string());
        let client = tokio::spawn(request.send());
        stack.until("the silence is set", async || slow.silences.load(Ordering::SeqCst) > before).await;
        client.abort();
        assert!(client.await.unwrap_err().is_cancelled());
        slow.go_on.notify_one();
        stack.until("the alert has it", async || stack.alert(&id).await["silence_id"] == "slow-1").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alertmanager_is_asked_once_for_all_alerts_that_one_request_resolves() {
    let slow = SlowAlertmanager::start().await;
    let stack = Stack::start(&["--alertmanager.url", &slow.url]).await;
    let alerts: Vec<Value> = (1..=40).map(|n| alert(&format!("f{n}"), "firing", EVENING)).collect();
    stack.webhook(&alerts).await;
    let ids: Vec<usize> = (1..=40).collect();
    let before = slow.asked.load(Ordering::SeqCst);
    let (status, done) = stack.json("POST", "/alerts/resolve", &json!({"ids": ids, "by": "lan"})).await;
    assert_eq!((status, done["alerts"].as_array().unwrap().len()), (200, 40), "{done}");
    let asked = slow.asked.load(Ordering::SeqCst) - before;
    // The exporter follows the alerts beside it, every 5 s.
    assert!((1..=10).contains(&asked), "{asked}");
}
