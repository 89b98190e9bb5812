//! Tests of templates that extend others, with a real PostgreSQL.

use crate::database::{Stack, channel};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn no_change_of_a_template_takes_away_channels_of_the_templates_that_extend_it() {
    let stack = Stack::start(&[]).await;
    let base =
        |name: &str, segments: &str| json!({"template_name": name, "settings": {"segments": {"mode": segments}}});
    let (status, made) = stack.json("POST", "/templates", &base("BASE", "heads")).await;
    assert_eq!(status, 201, "{made}");
    let own = json!({"template_name": "OWN", "settings": {"extends": "BASE", "segments": {"budget": "2 Mbit/s"}}});
    let (status, made) = stack.json("POST", "/templates", &own).await;
    assert_eq!(status, 201, "{made}");
    let mut watched = channel("CH_1", "http://127.0.0.1:9/m.m3u8");
    watched["template_id"] = made["template_id"].clone();
    assert_eq!(stack.json("POST", "/channels", &watched).await.0, 201);
    stack.until("the channel is in force", async || stack.get("/sd").await.1 != json!([])).await;

    let (status, renamed) = stack.json("PUT", "/templates/BASE", &base("OTHER", "heads")).await;
    assert_eq!((status, &renamed["detail"]), (409, &json!("template `OWN` extends this one; change that first")));
    let (status, changed) = stack.json("PUT", "/templates/BASE", &base("BASE", "newest")).await;
    assert_eq!(status, 409, "{changed}");
    assert!(
        changed["detail"].as_str().unwrap().contains("`OWN` extends this one and would become invalid"),
        "{changed}"
    );
    assert_eq!(stack.json("DELETE", "/templates/BASE", &json!({})).await.0, 409);

    let mut patient = base("BASE", "heads");
    patient["settings"]["timeout"] = json!("20s");
    let (status, changed) = stack.json("PUT", "/templates/BASE", &patient).await;
    assert_eq!((status, &changed["settings"]["timeout"]), (200, &json!("20s")));
    let (status, body) = stack.json("PUT", "/templates/OWN", &base("OWN_2", "newest")).await;
    assert_eq!(status, 200, "nobody extends it: {body}");
    let (status, body) = stack.json("PUT", "/templates/BASE", &base("OTHER", "newest")).await;
    assert_eq!(status, 200, "nobody extends it any more: {body}");
}
