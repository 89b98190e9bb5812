//! Tests with requests of careless and hostile clients of the API: each is answered with a problem document and changes
//! nothing.

use crate::database::{EVENING, Stack, alert, channel};
use serde_json::{Value, json};

const INJECTION: &str = "x'); DROP TABLE channels; --";

#[tokio::test(flavor = "multi_thread")]
async fn sql_in_a_text_is_a_text() {
    let stack = Stack::start(&[]).await;
    let mut body = channel("CH_1", "http://a/b.m3u8");
    body["channel_name"] = json!(INJECTION);
    assert_eq!(stack.json("POST", "/channels", &body).await.0, 201);
    let list = async |path: &str, name: &str, value: &str| {
        let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let (status, body) = stack.get(&format!("{path}?{name}={value}")).await;
        (status, body["channels"].as_array().or(body["alerts"].as_array()).map(Vec::len))
    };
    assert_eq!(list("/channels", "q", INJECTION).await, (200, Some(1)), "found by its very name");
    assert_eq!(list("/channels", "template", INJECTION).await, (200, Some(0)));
    assert_eq!(list("/channels", "cursor", "0 OR 1=1").await.0, 400);
    for name in ["channel", "severity"] {
        assert_eq!(list("/alerts", name, "' OR '1'='1").await, (200, Some(0)), "{name}");
    }
    assert_eq!(list("/alerts", "status", INJECTION).await.0, 400);
    let csv = format!("channel_code,channel_name,input_url\nCH_2,\"{INJECTION}\",http://a/c.m3u8\n");
    assert_eq!(stack.csv("/channels/import", &csv).await.0, 200);
    let mut notification = alert(INJECTION, "firing", EVENING);
    notification["labels"]["channel"] = json!(INJECTION);
    assert_eq!(stack.webhook(&[notification]).await.0, 200);
    let by = json!({"by": INJECTION, "comment": INJECTION});
    assert_eq!(stack.json("POST", "/alerts/1/acknowledge", &by).await.0, 200);
    let kept = stack.alert(&json!(1)).await;
    for field in ["fingerprint", "channel", "acknowledged_by", "comment"] {
        assert_eq!(kept[field], INJECTION, "{field}");
    }
    let names = stack.postgres.sql("SELECT count(*) FROM channels WHERE channel_name LIKE '%DROP TABLE%'");
    assert_eq!(names, "2");
}

/// Alertmanager never repeats a notification that was refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_nul_in_one_alert_costs_no_alert_of_the_notification() {
    let stack = Stack::start(&[]).await;
    let mut with_nul = alert("f1", "firing", EVENING);
    with_nul["annotations"] = json!({"summary": "a\0b", "description": "the text \\u0000"});
    assert_eq!(stack.webhook(&[alert("f0", "firing", EVENING), with_nul]).await.0, 200);
    let alerts = stack.get("/alerts").await.1["alerts"].clone();
    assert_eq!((&alerts[1]["fingerprint"], &alerts[0]["fingerprint"]), (&json!("f0"), &json!("f1")), "{alerts}");
    assert_eq!(alerts[0]["annotations"], json!({"summary": "a\u{FFFD}b", "description": "the text \\u0000"}));
    let comment = json!({"by": "lan", "comment": "\\u0000"});
    assert_eq!(stack.json("POST", "/alerts/1/acknowledge", &comment).await.0, 200);
    assert_eq!(stack.json("POST", "/alerts/2/acknowledge", &json!({"by": "lan", "comment": "\0"})).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_bodies_change_nothing() {
    let stack = Stack::start(&[]).await;
    stack.webhook(&[alert("f0", "firing", EVENING)]).await;
    let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    let webhook = |alerts: Value| json!({"version": "4", "alerts": alerts}).to_string().into_bytes();
    let mut no_time = alert("f1", "firing", "noon");
    let no_status = alert("f1", "burning", EVENING);
    let mut number = alert("f1", "firing", EVENING);
    number["labels"]["channel"] = json!(1);
    no_time["endsAt"] = json!("midnight");
    let (json, csv, lines) = ("application/json", "text/csv", "application/x-ndjson");
    let cases: Vec<(&str, &str, Vec<u8>, u16)> = vec![
        ("/alerts/webhook", json, deep.clone().into_bytes(), 400),
        ("/alerts/webhook", json, b"[]".to_vec(), 400),
        ("/alerts/webhook", json, b"{\"version\": \"3\", \"alerts\": []}".to_vec(), 400),
        ("/alerts/webhook", json, b"{\"version\": \"4\"}".to_vec(), 400),
        ("/alerts/webhook", json, b"{\"version\": \"4\", \"alerts\": \"\xff\"}".to_vec(), 400),
        ("/alerts/webhook", json, webhook(json!([no_time])), 400),
        ("/alerts/webhook", json, webhook(json!([no_status])), 400),
        ("/alerts/webhook", json, webhook(json!([number])), 400),
        ("/alerts/webhook", json, vec![b' '; (32 << 20) + 1], 413),
        ("/alerts/webhook", csv, webhook(json!([])), 415),
        ("/alerts/1/acknowledge", json, deep.clone().into_bytes(), 400),
        ("/alerts/1/acknowledge", json, b"{\"by\": 7}".to_vec(), 422),
        ("/alerts/1/acknowledge", json, b"{\"whom\": \"lan\"}".to_vec(), 422),
        ("/alerts/1/acknowledge", json, b"{\"for\": \"soon\"}".to_vec(), 400),
        ("/alerts/1/resolve", json, b"\"\xc3\"".to_vec(), 400),
        ("/channels/import", csv, b"channel_code,input_url\nA\xe9,http://a/b.m3u8\n".to_vec(), 400),
        ("/channels/import", csv, b"channel_code,input_url\nA,http://a/b.m3u8\nB,\n".to_vec(), 422),
        ("/channels/import", csv, vec![b'x'; (32 << 20) + 1], 413),
        ("/channels/import", lines, format!("{deep}\n").into_bytes(), 422),
        ("/channels/import", lines, b"{\"channel_code\": \"A\", \"tier\": \"one\", \"input_url\": 5}\n".to_vec(), 422),
        (
            "/channels/import",
            lines,
            b"{\"channel_code\": \"A\", \"tier\": 1, \"tier\": 2, \"input_url\": \"http://a/b\"}\n".to_vec(),
            422,
        ),
        ("/templates", json, deep.into_bytes(), 400),
        ("/templates", json, b"{\"template_name\": \"T\", \"min_mos\": \"high\"}".to_vec(), 422),
        ("/probes", json, b"{\"probe_name\": \"P\", \"kind\": \"dog\"}".to_vec(), 422),
    ];
    for (path, kind, body, expected) in cases {
        let excerpt = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let request = stack.request("POST", path).header("content-type", kind).body(body);
        let (status, answer) = stack.send(request).await;
        assert_eq!(status, expected, "{path} {excerpt}: {answer}");
    }
    let kept = "SELECT (SELECT count(*) FROM channels), (SELECT string_agg(status, '') FROM alerts),
                       (SELECT count(*) FROM templates), (SELECT count(*) FROM probes)";
    assert_eq!(stack.postgres.sql(kept), "0|firing|2|3");
}
