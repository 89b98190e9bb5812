//! Tests with many clients that write to the API at the same time.

use crate::database::{EVENING, LATER, Stack, alert, channel};
use futures_util::future::join_all;
use serde_json::{Value, json};

const CLIENTS: usize = 32;

#[tokio::test(flavor = "multi_thread")]
async fn read_change_write_with_if_match_loses_no_update() {
    let stack = Stack::start(&[]).await;
    let mut body = channel("CH_1", "http://a/b.m3u8");
    body["tier"] = json!(0);
    stack.json("POST", "/channels", &body).await;
    let increment_tier = async || {
        for _ in 0..1000 {
            let answer = stack.request("GET", "/channels/CH_1").send().await.unwrap();
            let tag = answer.headers()["etag"].clone();
            let read: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            let next = json!({"tier": read["tier"].as_i64().unwrap() + 1}).to_string();
            let write = stack.request("PATCH", "/channels/CH_1").header("if-match", tag);
            match stack.send(write.header("content-type", "application/json").body(next)).await {
                (200, _) => return,
                (412 | 503, _) => {}
                other => panic!("{other:?}"),
            }
        }
        panic!("never the fastest");
    };
    join_all((0..CLIENTS).map(|_| increment_tier())).await;
    let (_, after) = stack.get("/channels/CH_1").await;
    assert_eq!((&after["tier"], &after["version"]), (&json!(CLIENTS), &json!(CLIENTS + 1)));
    let imports = join_all((0..CLIENTS).map(|n| {
        let stack = &stack;
        async move {
            let csv = format!("channel_code,tier\nCH_1,{n}\n");
            let json = format!("{{\"channel_code\": \"CH_1\", \"codec\": \"C{n}\"}}\n");
            let import_lines = async || {
                let request = stack.request("POST", "/channels/import").header("content-type", "application/x-ndjson");
                stack.send(request.body(json.clone())).await
            };
            let imported = stack.retry(async || stack.csv("/channels/import", &csv).await).await.0;
            (imported, stack.retry(import_lines).await.0)
        }
    }));
    assert_eq!(imports.await, [(200, 200); CLIENTS]);
    let (_, after) = stack.get("/channels/CH_1").await;
    assert!(after["codec"].as_str().unwrap().starts_with('C') && after["channel_name"] == "FPT CH_1", "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledge_resolve_and_notifications_at_once_end_in_one_history() {
    let stack = Stack::start(&[]).await;
    let alerts_in = |status: &str, starts_at: &str| -> Vec<Value> {
        (0..20).map(|i| alert(&format!("f{i}"), status, starts_at)).collect()
    };
    assert_eq!(stack.webhook(&alerts_in("firing", EVENING)).await.0, 200);
    let work = join_all((0..CLIENTS).map(|client| {
        let stack = &stack;
        async move {
            let mut seen = Vec::new();
            for round in 0..5 {
                let id = (client * 7 + round * 3) % 20 + 1;
                let by = json!({"by": format!("c{client}")});
                let path = |action: &str| format!("/alerts/{id}/{action}");
                seen.push(match (client + round) % 4 {
                    0 => stack.retry(async || stack.json("POST", &path("acknowledge"), &by).await).await.0,
                    1 => stack.retry(async || stack.json("POST", &path("resolve"), &by).await).await.0,
                    2 => {
                        let mut alerts = alerts_in("firing", EVENING);
                        alerts.rotate_left(client % 20);
                        stack.retry(async || stack.webhook(&alerts).await).await.0
                    }
                    _ => {
                        let mut alerts = alerts_in("firing", LATER);
                        alerts.rotate_left((client * 3) % 20);
                        alerts.truncate(5);
                        stack.retry(async || stack.webhook(&alerts).await).await.0
                    }
                });
            }
            seen
        }
    }));
    let seen: Vec<u16> = work.await.into_iter().flatten().collect();
    assert!(seen.iter().all(|status| [200, 409].contains(status)), "409: acknowledged after its end; {seen:?}");
    let mut end = alerts_in("resolved", EVENING);
    end.extend(alerts_in("resolved", LATER));
    assert_eq!(stack.webhook(&end).await.0, 200);
    let counts = "SELECT count(*), count(DISTINCT (fingerprint, starts_at)), count(*) FILTER (WHERE status = 'resolved'
                  AND resolved_by = 'alertmanager') FROM alerts";
    assert_eq!(stack.postgres.sql(counts), "40|40|40");
    assert_eq!(stack.get("/alerts/active").await.1["alerts"], json!([]));
}
