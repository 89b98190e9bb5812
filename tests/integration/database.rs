//! Tests of catalogue, API and alerts with a real PostgreSQL.

use crate::exporter::{Exporter, Files, PATIENCE, command, exit_and_output, live_origin, value};
use futures_util::future::join_all;
use packager_testbed::postgres::Postgres;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub(crate) struct Stack {
    pub exporter: Exporter,
    pub postgres: Postgres,
    pub client: reqwest::Client,
    _files: Files,
}

impl Stack {
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        Self::on(Postgres::start(), arguments).await
    }

    /// Starts an exporter on this database, and waits until its catalogue is in force.
    pub(crate) async fn on(postgres: Postgres, arguments: &[&str]) -> Self {
        Self::within(Files::new(&[]), postgres, arguments).await
    }

    /// Starts an exporter with these files on this database, and waits until its catalogue is in force.
    pub(crate) async fn within(files: Files, postgres: Postgres, arguments: &[&str]) -> Self {
        let mut program = command(files.folder());
        program.env("DATABASE_URL", postgres.url());
        let exporter = Exporter::spawn(&mut program, arguments).await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let stack = Self { exporter, postgres, client, _files: files };
        stack.until("the catalogue is read", async || stack.get("/health").await.1["status"] == "healthy").await;
        stack
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let kind = response.headers().get("content-type").map(|k| k.to_str().unwrap().to_owned()).unwrap_or_default();
        let text = response.text().await.unwrap();
        // The state of an exporter has one form, also when it is unhealthy.
        if status >= 400 && !text.starts_with("{\"status\":\"unhealthy\"") {
            assert_eq!(kind, "application/problem+json", "{status} {text}");
        }
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (status, body)
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}/api/v1{path}", self.exporter.address);
        self.client.request(method.parse().unwrap(), url)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.request("GET", path)).await
    }

    pub(crate) async fn json(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.send(self.request(method, path).header("content-type", "application/json").body(body.to_string())).await
    }

    pub(crate) async fn csv(&self, path: &str, text: &str) -> (u16, Value) {
        self.send(self.request("POST", path).header("content-type", "text/csv").body(text.to_owned())).await
    }

    pub(crate) async fn webhook(&self, alerts: &[Value]) -> (u16, Value) {
        let body = json!({"version": "4", "groupKey": "{}:{}", "status": "firing", "receiver": "alert-database",
            "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am", "alerts": alerts});
        self.json("POST", "/alerts/webhook", &body).await
    }

    pub(crate) async fn until(&self, what: &str, mut done: impl AsyncFnMut() -> bool) {
        let began = Instant::now();
        while !done().await {
            assert!(began.elapsed() < PATIENCE, "not in time: {what}\n{}", self.exporter.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends a request until the answer isn't 503, as a client does that respects Retry-After. A busy machine may keep
    /// every connection to the database in use for longer than a request waits for one.
    pub(crate) async fn retry(&self, send: impl AsyncFn() -> (u16, Value)) -> (u16, Value) {
        let began = Instant::now();
        loop {
            let answer = send().await;
            if answer.0 != 503 || began.elapsed() > PATIENCE {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub(crate) async fn alert(&self, id: &Value) -> Value {
        self.get(&format!("/alerts/{id}")).await.1
    }
}

pub(crate) fn channel(code: &str, url: &str) -> Value {
    json!({"channel_code": code, "channel_name": format!("FPT {code}"), "channel_type": "LIVE", "tier": 1,
        "codec": "H.264", "resolution": "1920x1080", "fps": 25, "is_4k": false, "is_hdr": false, "probe_id": 3,
        "input_url": url, "template_id": 1, "enabled": true})
}

pub(crate) fn alert(fingerprint: &str, status: &str, starts_at: &str) -> Value {
    let ends_at = if status == "resolved" { "2026-01-31T19:00:00Z" } else { "0001-01-01T00:00:00Z" };
    json!({"status": status, "labels": {"alertname": "ChannelDown", "severity": "critical", "channel": "CH_1"},
        "annotations": {"summary": "CH_1 is down", "description": "no rendition"}, "startsAt": starts_at,
        "endsAt": ends_at, "generatorURL": "http://p", "fingerprint": fingerprint})
}

pub(crate) const EVENING: &str = "2026-01-31T18:00:00.123456789Z";
pub(crate) const LATER: &str = "2026-01-31T20:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_made_over_the_api_is_probed_discovered_and_disabled() {
    let origin = live_origin().await;
    let stack = Stack::start(&[]).await;
    assert_eq!(stack.postgres.sql("SELECT count(*) FROM channels"), "0");
    let url = origin.url("live/TV1/master.m3u8");
    let (status, body) = stack.json("POST", "/channels", &channel("CH_1", &url)).await;
    assert_eq!(
        (status, &body),
        (201, &json!({"status": "ok", "channel_id": 1, "message": "Channel created successfully"}))
    );
    let (status, body) = stack.json("POST", "/channels", &channel("CH_1", &url)).await;
    assert!(status == 409 && body["detail"].as_str().unwrap().contains("channel_code"), "{body}");

    stack.until("discovery has it", async || stack.get("/sd").await.1[0]["targets"] == json!(["CH_1"])).await;
    let labels = stack.get("/sd").await.1[0]["labels"].clone();
    assert_eq!((&labels["__param_target"], &labels["__param_template"]), (&json!("CH_1"), &json!("TPL_LIVE_HD")));
    assert_eq!((&labels["tier"], &labels["packager"]), (&json!("1"), &json!("127.0.0.1")));
    let (_, text) = stack.exporter.get("/probe?target=CH_1").await;
    assert_eq!(value(&text, "probe_success"), Some(1.0), "{text}");
    let elsewhere = tempfile::tempdir().unwrap();
    let probe_in_terminal = |code: &str| {
        let mut program = command(elsewhere.path());
        program.env("DATABASE_URL", stack.postgres.url()).args(["probe", code]);
        exit_and_output(&tokio::task::block_in_place(|| program.output().unwrap()))
    };
    let (code, text, _) = probe_in_terminal("CH_1");
    // One of severity major fails: the template wants segments of another duration.
    assert!(code == 1 && text.starts_with("DEGRADED  CH_1 (FPT CH_1), template TPL_LIVE_HD"), "{text}");
    let (code, _, error) = probe_in_terminal("CH_2");
    assert!(code == 2 && error.contains("unknown channel `CH_2`"), "{error}");
    let (status, report) = stack.get("/channels/CH_1/report").await;
    assert_eq!((status, &report["success"]), (200, &json!(true)), "{report}");
    assert_eq!(stack.get("/channels/1/report").await.1["target"], "CH_1", "by its id too");

    stack
        .postgres
        .sql("UPDATE templates SET min_mos = 3.75, max_download_time = 1.5 WHERE template_name = 'TPL_LIVE_HD'");
    let threshold = "packager_template_threshold{name=\"max_download_time\",template=\"TPL_LIVE_HD\"} 1.5";
    let in_force = async || stack.exporter.get("/metrics").await.1.lines().any(|line| line == threshold);
    stack.until(threshold, in_force).await;

    let (_, one) = stack.get("/channels/1").await;
    assert_eq!((&one["channel_code"], &one["template_name"]), (&json!("CH_1"), &json!("TPL_LIVE_HD")));
    let (status, body) = stack.json("PATCH", "/channels/CH_1", &json!({"tier": 2, "codec": null})).await;
    assert_eq!((status, &body["tier"], &body["codec"], &body["fps"]), (200, &json!(2), &json!(null), &json!(25)));
    let read = json!({"template_name": "TPL_LIVE_HD", "version": 1});
    assert_eq!(stack.json("PATCH", "/channels/CH_1", &read).await.0, 200, "what was read may be sent back");
    let (status, body) = stack.json("PATCH", "/channels/1", &json!({"template_name": "TPL_LIVE_4K_HDR"})).await;
    assert!(status == 422 && body["detail"].as_str().unwrap().ends_with("write `template_id`"), "{body}");
    let (status, body) = stack.json("POST", "/channels?dry_run=true", &channel("CH_2", &url)).await;
    assert!(status == 400 && body["detail"].as_str().unwrap().starts_with("unknown parameter"), "{body}");
    let stale =
        stack.request("PATCH", "/channels/1").header("content-type", "application/json").header("if-match", "\"1\"");
    assert_eq!(stack.send(stale.body("{\"tier\": 3}")).await.0, 412);
    let (status, body) = stack.json("PUT", "/channels/CH_1", &json!({"input_url": url})).await;
    assert_eq!((status, &body["tier"], &body["template_id"]), (200, &json!(null), &json!(null)));

    assert_eq!(stack.send(stack.request("DELETE", "/channels/CH_1")).await.0, 200);
    assert_eq!(stack.get("/channels?enabled=false").await.1["channels"][0]["channel_code"], "CH_1");
    stack.until("discovery drops it", async || stack.get("/sd").await.1 == json!([])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_made_replaced_and_deleted() {
    let stack = Stack::start(&[]).await;
    let (status, made) = stack.json("POST", "/templates", &json!({"template_name": "T2", "min_mos": 3.0})).await;
    assert!(status == 201 && made["template_id"].is_number(), "{made}");
    assert_eq!(stack.get("/templates/T2").await.1["settings"], json!({}));
    let other = json!({"template_name": "T3", "max_download_time": 1.0, "settings": {"timeout": "5s"}});
    assert_eq!(stack.json("PUT", "/templates/T2", &other).await.0, 200);
    let now = stack.get("/templates/T3").await.1;
    assert!(now["id"] == made["template_id"] && now["settings"]["timeout"] == "5s", "{now}");
    assert_eq!(stack.json("DELETE", "/templates/T3", &json!({})).await.0, 200);
    assert_eq!(stack.get("/templates/T3").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_all_or_nothing_and_idempotent_and_reads_an_export() {
    let stack = Stack::start(&[]).await;
    let guide = "channel_code,channel_name,channel_type,tier,codec,resolution,fps,is_4k,is_hdr,probe_id,input_url,template_id\n\
        CH_TV_HD_001,FPT Channel 1,LIVE,1,H.264,1920x1080,25,false,false,3,http://packager-01/live/CH_TV_HD_001/master.m3u8,1\n\
        CH_TV_HD_002,FPT Channel 2,LIVE,1,H.264,1920x1080,25,false,false,3,http://packager-01/live/CH_TV_HD_002/master.m3u8,1\n\
        CH_TV_4K_001,FPT 4K Channel,LIVE,1,HEVC,3840x2160,25,true,true,3,http://packager-01/live/CH_TV_4K_001/master.m3u8,2\n";
    let counts = |body: &Value| (body["created"].clone(), body["updated"].clone(), body["unchanged"].clone());
    let expected = |a: i32, b: i32, c: i32| (json!(a), json!(b), json!(c));
    let (status, body) = stack.csv("/channels/import?dry_run=true", guide).await;
    assert_eq!((status, counts(&body)), (200, expected(3, 0, 0)), "{body}");
    assert_eq!(stack.postgres.sql("SELECT count(*) FROM channels"), "0");
    assert_eq!(counts(&stack.csv("/channels/import", guide).await.1), expected(3, 0, 0));
    assert_eq!(counts(&stack.csv("/channels/import", guide).await.1), expected(0, 0, 3), "again");
    let changed = "channel_code,tier\nCH_TV_HD_002,2\n";
    assert_eq!(counts(&stack.csv("/channels/import", changed).await.1), expected(0, 1, 0));
    let (_, two) = stack.get("/channels/CH_TV_HD_002").await;
    assert_eq!((&two["tier"], &two["codec"]), (&json!(2), &json!("H.264")), "the rest stays");

    let bad = "channel_code,input_url,fps,template_id\nNEW,http://a/b.m3u8,25,1\nBAD,ftp://a/b,0,9\nNEW,http://a/c.m3u8,25,1\n";
    let (status, body) = stack.csv("/channels/import", bad).await;
    let errors = body["errors"].to_string();
    assert_eq!(status, 422, "{body}");
    for part in ["\"line\":3", "fps: is 0", "`ftp:`", "stands in line 2 already"] {
        assert!(errors.contains(part), "{part} in {errors}");
    }
    let every = "channel_code,input_url,tier,template_id\nA B,http://a/b.m3u8,x,1\nC,http://a/b.m3u8,1,9\nD\n";
    let (_, body) = stack.csv("/channels/import", every).await;
    let errors: Vec<_> =
        body["errors"].as_array().unwrap().iter().map(|e| (e["line"].as_i64(), &e["detail"])).collect();
    let [(Some(2), tier), (Some(2), code), (Some(3), template), (Some(4), _)] = errors[..] else { panic!("{body}") };
    assert_eq!(
        (tier, template),
        (&json!("tier: `x` is not a whole number"), &json!("template_id: 9 is not among the templates"))
    );
    assert!(code.as_str().unwrap().starts_with("channel_code: `A B` is not"), "{code}");
    let cut = "channel_code,input_url,tier\nC,http://a/b.m3u8,1\n\"D\nE,";
    let (status, body) = stack.csv("/channels/import", cut).await;
    assert_eq!((status, &body["errors"][0]["line"]), (422, &json!(3)), "a file that ends inside a quotation: {body}");
    assert_eq!(stack.postgres.sql("SELECT count(*) FROM channels"), "3");
    let drawn = "SELECT last_value FROM pg_sequences WHERE sequencename = 'channels_id_seq'";
    let before = stack.postgres.sql(drawn);
    assert_eq!(counts(&stack.csv("/channels/import", guide).await.1), expected(0, 1, 2));
    assert_eq!(counts(&stack.csv("/channels/import", changed).await.1), expected(0, 1, 0));
    assert_eq!(stack.postgres.sql(drawn), before, "what is there already takes no id");

    let (_, export) = stack.get("/channels/export").await;
    assert_eq!(counts(&stack.csv("/channels/import", export.as_str().unwrap()).await.1), expected(0, 0, 3), "{export}");
    let (_, first) = stack.get("/channels?limit=2").await;
    let (_, second) = stack.get(&format!("/channels?limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    let codes = |page: &Value| {
        page["channels"].as_array().unwrap().iter().map(|c| c["channel_code"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (codes(&first).len(), codes(&second), &second["next_cursor"]),
        (2, vec![json!("CH_TV_4K_001")], &json!(null))
    );
    assert_eq!(stack.get("/channels?is_4k=true&tier=1").await.1["channels"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_of_an_alert_may_arrive_in_any_order() {
    let stack = Stack::start(&[]).await;
    stack.json("POST", "/channels", &channel("CH_1", "http://127.0.0.1:1/m.m3u8")).await;
    assert_eq!(stack.webhook(&[alert("f1", "firing", EVENING)]).await.0, 200);
    assert_eq!(stack.webhook(&[alert("f1", "firing", EVENING)]).await.0, 200);
    let (_, active) = stack.get("/alerts/active").await;
    let active = active["alerts"].as_array().unwrap();
    assert_eq!(active.len(), 1, "a repeat changes nothing");
    let id = active[0]["id"].clone();
    assert_eq!((&active[0]["channel_id"], &active[0]["summary"]), (&json!(1), &json!("CH_1 is down")));

    let acknowledgement = json!({"by": "lan", "comment": "packager restarts", "for": "2h"});
    let (status, body) = stack.json("POST", &format!("/alerts/{id}/acknowledge"), &acknowledgement).await;
    assert_eq!((status, &body["status"], &body["acknowledged_by"]), (200, &json!("acknowledged"), &json!("lan")));
    stack.webhook(&[alert("f1", "firing", EVENING)]).await;
    assert_eq!(stack.alert(&id).await["status"], "acknowledged", "a repeat doesn't take it back");

    stack.webhook(&[alert("f1", "resolved", EVENING)]).await;
    stack.webhook(&[alert("f1", "firing", EVENING)]).await;
    let ended = stack.alert(&id).await;
    assert_eq!(
        (&ended["status"], &ended["resolved_by"]),
        (&json!("resolved"), &json!("alertmanager")),
        "a late one is late"
    );
    assert_eq!(stack.send(stack.request("POST", &format!("/alerts/{id}/acknowledge"))).await.0, 409);

    stack.webhook(&[alert("f1", "firing", LATER)]).await;
    let (_, active) = stack.get("/alerts/active?severity=critical&channel=CH_1").await;
    let again = active["alerts"][0]["id"].clone();
    assert_ne!(again, id, "it fires anew: another entry");
    stack.json("POST", &format!("/alerts/{again}/resolve"), &json!({"by": "lan"})).await;
    assert_eq!(stack.get("/alerts/active").await.1["alerts"], json!([]));
    stack.webhook(&[alert("f1", "firing", LATER)]).await;
    assert_eq!(stack.alert(&again).await["status"], "firing", "closed by hand and still firing: open again");
    stack.webhook(&[alert("f1", "firing", "2026-01-31T21:00:00Z")]).await;
    assert_eq!(stack.alert(&again).await["status"], "resolved", "the notification of its end is missing");
    assert_eq!(
        stack.get("/alerts?status=resolved&since=2026-01-31T19:30:00Z").await.1["alerts"].as_array().unwrap().len(),
        1
    );
    let count =
        async |filter: &str| stack.get(&format!("/alerts?{filter}")).await.1["alerts"].as_array().unwrap().len();
    let all = count("limit=100").await;
    assert_eq!(
        [count("active_since=2026-01-31T00:00:00Z").await, count("active_since=2100-01-01T00:00:00Z").await],
        [all, 1]
    );
    assert_eq!(count("alertname=Watchdog").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_past_their_retention_are_forgotten_however_many_they_are() {
    let stack = Stack::start(&[]).await;
    stack.postgres.sql(
        "INSERT INTO alerts (fingerprint, alertname, status, labels, annotations, starts_at, ends_at)
         SELECT to_hex(n), 'A', CASE WHEN n % 3 = 0 THEN 'firing' ELSE 'resolved' END, '{}', '{}', now(),
                now() - make_interval(days => CASE WHEN n % 3 = 1 THEN 91 ELSE 89 END)
         FROM generate_series(1, 36000) n",
    );
    let store = packager_exporter::store::Store::new(&stack.postgres.url()).unwrap();
    let kept = std::time::Duration::from_secs(90 * 86_400);
    assert_eq!(store.delete_old_alerts(kept).await.unwrap(), 12_000);
    assert_eq!(store.delete_old_alerts(kept).await.unwrap(), 0);
    assert_eq!(stack.postgres.sql("SELECT count(*) FROM alerts WHERE status = 'resolved'"), "12000");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_database_probing_goes_on_and_nothing_is_lost() {
    let origin = live_origin().await;
    let mut stack = Stack::start(&[]).await;
    stack.json("POST", "/channels", &channel("CH_1", &origin.url("live/TV1/master.m3u8"))).await;
    stack.until("it is in force", async || stack.get("/sd").await.1[0]["targets"] == json!(["CH_1"])).await;
    stack.postgres.stop();

    let (_, text) = stack.exporter.get("/probe?target=CH_1").await;
    assert_eq!(value(&text, "probe_success"), Some(1.0), "{text}");
    let (status, body) = stack.get("/health").await;
    assert_eq!((status, &body["status"], &body["database"]), (200, &json!("degraded"), &json!("disconnected")));
    assert_eq!(stack.get("/sd").await.1.as_array().unwrap().len(), 1, "discovery keeps its targets");
    let up = async |value: &str| {
        stack.exporter.get("/metrics").await.1.contains(&format!("packager_exporter_database_up {value}\n"))
    };
    stack.until("the exporter says so", async || up("0").await).await;
    assert_eq!(stack.webhook(&[alert("f1", "firing", EVENING)]).await.0, 503, "Alertmanager sends it again");
    assert_eq!(stack.json("POST", "/channels", &channel("CH_2", "http://a/b.m3u8")).await.0, 503);

    stack.postgres.start_again();
    stack.until("the database is back", async || stack.webhook(&[alert("f1", "firing", EVENING)]).await.0 == 200).await;
    stack.until("it is followed again", async || stack.get("/health").await.1["status"] == "healthy").await;
    assert!(up("1").await);
    assert_eq!(stack.postgres.sql("SELECT count(*) FROM alerts"), "1");
    stack.postgres.sql("UPDATE templates SET settings = '{\"hodl\": 1}' WHERE template_name = 'TPL_LIVE_4K_HDR'");
    stack
        .until("a bad row is reported", async || stack.get("/health").await.1["reasons"].to_string().contains("hodl"))
        .await;
    assert!(stack.exporter.get("/metrics").await.1.contains("packager_exporter_catalog_bad_rows 1\n"));
    stack.postgres.sql("UPDATE channels SET enabled = false");
    stack.until("changes arrive again", async || stack.get("/sd").await.1 == json!([])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_requests_get_problem_documents() {
    let stack = Stack::start(&[]).await;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let bodies = [
        ("{", 400),
        ("[]", 422),
        ("null", 422),
        (deep.as_str(), 400),
        ("{\"channel_code\": \"A\\u0000\"}", 400),
        ("{\"channel_code\": 1, \"input_url\": []}", 422),
        ("{\"channel_code\": \"A\", \"channel_code\": \"B\"}", 400),
        ("{\"channel_code\": \"A'; DROP TABLE channels; --\", \"input_url\": \"http://a/b\"}", 422),
        ("{\"channel_code\": \"A\", \"input_url\": \"http://a/b\", \"tier\": 99999999999}", 422),
        ("{\"channel_code\": \"A\", \"input_url\": \"http://a/b\", \"tier\": 4000000000}", 422),
        ("{\"channel_code\": \"A\", \"input_url\": \"http://a/b\", \"template_id\": 77}", 422),
    ];
    for (body, expected) in bodies {
        let request =
            stack.request("POST", "/channels").header("content-type", "application/json").body(body.to_owned());
        let (status, answer) = stack.send(request).await;
        assert_eq!(status, expected, "{body}: {answer}");
    }
    for path in
        ["/channels?tier=x", "/channels?limit=0", "/channels?cursor=-x", "/channels?teir=1", "/alerts?since=noon"]
    {
        assert_eq!(stack.get(path).await.0, 400, "{path}");
    }
    for path in ["/channels/none", "/channels/%27%20OR%201=1", "/alerts/99", "/alerts/x", "/templates/9", "/nothing"] {
        assert_eq!(stack.get(path).await.0, 404, "{path}");
    }
    assert_eq!(stack.json("GET", "/channels?q=%27%25%00", &json!({})).await.0, 400, "NUL");
    let huge =
        stack.request("POST", "/channels").header("content-type", "application/json").body("x".repeat(300 << 10));
    assert_eq!(stack.send(huge).await.0, 413);
    let latin =
        stack.request("POST", "/channels").header("content-type", "application/json").body(vec![b'"', 0xe9, b'"']);
    assert_eq!(stack.send(latin).await.0, 400);
    assert_eq!(stack.send(stack.request("POST", "/channels").body("{}")).await.0, 415);
    let foreign = stack.request("DELETE", "/channels/1").header("sec-fetch-site", "cross-site");
    assert_eq!(stack.send(foreign).await.0, 403);
    assert_eq!(stack.send(stack.request("DELETE", "/templates/TPL_LIVE_HD")).await.0, 200, "no channel uses it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_terminal_imports_exports_and_makes_tokens() {
    let stack = Stack::start(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut program = command(folder.path());
        exit_and_output(&program.env("DATABASE_URL", stack.postgres.url()).args(arguments).output().unwrap())
    };
    let (code, text, _) = run(&["migrate"]);
    assert!(
        code == 0 && text.contains("up to date at version ") && text.contains("no migration was missing"),
        "{text}"
    );
    std::fs::write(
        folder.path().join("c.csv"),
        "channel_code,input_url,tier\nA,http://a/m.m3u8,1\nB,http://a/n.m3u8,x\n",
    )
    .unwrap();
    let (code, _, error) = run(&["import", "c.csv"]);
    assert!(code == 2 && error.contains("nothing was imported") && error.contains("c.csv:3:1: tier: `x`"), "{error}");
    std::fs::write(folder.path().join("c.jsonl"), "{\"channel_code\": \"A\", \"input_url\": \"http://a/m.m3u8\"}\n")
        .unwrap();
    let (code, text, _) = run(&["import", "c.jsonl", "--dry-run"]);
    assert_eq!((code, text.as_str()), (0, "1 rows: 1 channels would be created, 0 would be updated, 0 unchanged\n"));
    assert_eq!(run(&["import", "c.jsonl"]).0, 0);
    let (_, text, stderr) = run(&["export"]);
    assert!(text.starts_with("channel_code,channel_name,") && text.contains("\nA,A,LIVE,"), "{text}");
    assert_eq!(stderr, "1 channels exported\n");
    let rows: String = (0..5001).map(|n| format!("M{n},http://a/{n}.m3u8\n")).collect();
    std::fs::write(folder.path().join("many.csv"), format!("channel_code,input_url\n{rows}")).unwrap();
    let (code, text, stderr) = run(&["import", "many.csv"]);
    assert_eq!((code, stderr.as_str()), (0, "5000 of 5001 rows\n"), "{text}");
    assert_eq!(text, "5001 rows: 5001 channels created, 0 updated, 0 unchanged\n");
    assert_eq!(run(&["export"]).1.lines().count(), 5003, "a header, A, and these");

    let create = |name: &str| run(&["token", "create", "--api.tokens-file", "t.yml", "--role", "operate", name]);
    let (code, text, _) = create("noc");
    let token = text.lines().next().unwrap().to_owned();
    let kept = std::fs::read_to_string(folder.path().join("t.yml")).unwrap();
    assert!(code == 0 && token.len() == 43 && !kept.contains(&token), "{text}{kept}");
    assert_eq!(create("noc").0, 2, "the name is taken");
    assert_eq!(run(&["token", "list", "--api.tokens-file", "t.yml"]).1, "noc  operate\n");
    assert_eq!(run(&["token", "revoke", "--api.tokens-file", "t.yml", "noc"]).0, 0);
    assert_eq!(run(&["token", "list", "--api.tokens-file", "t.yml"]).1, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_lose_nothing() {
    let stack = Stack::start(&[]).await;
    stack.json("POST", "/channels", &channel("CH_1", "http://a/b.m3u8")).await;
    let rounds = (0..32).map(|client| {
        let stack = &stack;
        async move {
            let rows: String = (0..20).map(|i| format!("C_{},http://a/{client}.m3u8\n", (i + client) % 20)).collect();
            let csv = format!("channel_code,input_url\n{rows}");
            let (imported, _) = stack.retry(async || stack.csv("/channels/import", &csv).await).await;
            let mut alerts: Vec<Value> = (0..20).map(|i| alert(&format!("f{i}"), "firing", EVENING)).collect();
            alerts.rotate_left(client % 20);
            let (taken, _) = stack.retry(async || stack.webhook(&alerts).await).await;
            let patch = json!({"tier": client});
            let (patched, _) = stack.retry(async || stack.json("PATCH", "/channels/CH_1", &patch).await).await;
            (imported, taken, patched)
        }
    });
    for (client, done) in join_all(rounds).await.into_iter().enumerate() {
        assert_eq!(done, (200, 200, 200), "client {client}");
    }
    assert_eq!(stack.postgres.sql("SELECT count(*) FROM channels"), "21");
    assert_eq!(stack.postgres.sql("SELECT count(*) FROM alerts"), "20");
    assert_eq!(
        stack.postgres.sql("SELECT version FROM channels WHERE channel_code = 'CH_1'"),
        "33",
        "each write counted"
    );
    let acknowledged = join_all((0..32).map(|client| {
        let stack = &stack;
        async move {
            let by = json!({"by": format!("c{client}")});
            stack.retry(async || stack.json("POST", "/alerts/1/acknowledge", &by).await).await.1
        }
    }));
    let by: Vec<Value> = acknowledged.await.into_iter().map(|a| a["acknowledged_by"].clone()).collect();
    assert!(by.iter().all(|who| who == &by[0] && who.is_string()), "one was first: {by:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_of_a_token_limits_its_requests() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.yml");
    let hash = |token: &str| {
        let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let token = |name: &str, role: &str| format!("  - {{name: {name}, role: {role}, sha256: {}}}\n", hash(name));
    let text = format!("tokens:\n{}{}{}", token("reader", "read"), token("noc", "operate"), token("boss", "admin"));
    std::fs::write(&file, text).unwrap();
    let stack = Stack::start(&["--api.tokens-file", file.to_str().unwrap()]).await;
    let body = channel("CH_1", "http://a/b.m3u8").to_string();
    for (token, list, write, notify) in [
        ("", 401, 401, 401),
        ("x", 401, 401, 401),
        ("reader", 200, 403, 403),
        ("noc", 200, 403, 200),
        ("boss", 200, 201, 200),
    ] {
        let with = |method: &str, path: &str| {
            let request = stack.request(method, path).header("content-type", "application/json");
            if token.is_empty() { request } else { request.bearer_auth(token) }
        };
        assert_eq!(stack.send(with("GET", "/channels")).await.0, list, "{token}");
        assert_eq!(stack.send(with("POST", "/channels").body(body.clone())).await.0, write, "{token}");
        let body = json!({"version": "4", "alerts": [alert("f1", "firing", EVENING)]}).to_string();
        assert_eq!(stack.send(with("POST", "/alerts/webhook").body(body)).await.0, notify, "{token}");
    }
    assert_eq!(stack.get("/sd").await.0, 200);
    assert!(
        stack.exporter.log().contains("who=boss what=\"channel created\" key=CH_1 from=127.0.0.1"),
        "{}",
        stack.exporter.log()
    );

    let files = Files::new(&[]);
    let mut open = command(files.folder());
    open.env("DATABASE_URL", stack.postgres.url()).args(["serve", "--web.listen-address", "0.0.0.0:0"]);
    let output = open.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("--api.tokens-file"), "{error}");
}

/// The row of an alert shows only its last state; its history shows who acknowledged it before.
#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_an_alert_keeps_what_its_row_forgets() {
    let stack = Stack::start(&[]).await;
    stack.webhook(&[alert("f1", "firing", EVENING)]).await;
    let act = async |what: &str, body: Value| assert_eq!(stack.json("POST", what, &body).await.0, 200, "{what}");
    act("/alerts/1/acknowledge", json!({"by": "lan", "comment": "packager-01 restarts"})).await;
    act("/alerts/1/resolve", json!({"by": "minh", "comment": "over"})).await;
    stack.webhook(&[alert("f1", "firing", EVENING)]).await;
    assert_eq!(stack.alert(&json!(1)).await["acknowledged_by"], Value::Null);
    stack.webhook(&[alert("f1", "resolved", EVENING)]).await;
    let (status, body) = stack.get("/alerts/1/history").await;
    let events = body["events"].as_array().unwrap().iter();
    let events: Vec<_> = events.map(|e| [&e["event"], &e["by"], &e["comment"]].map(Value::clone)).collect();
    let event = |event: &str, by: &str, comment: Value| [json!(event), json!(by), comment];
    let mut expected = vec![
        event("fired", "alertmanager", Value::Null),
        event("acknowledged", "lan", json!("packager-01 restarts")),
        event("resolved", "minh", json!("over")),
        event("reopened", "alertmanager", Value::Null),
        event("resolved", "alertmanager", Value::Null),
    ];
    // The end that Alertmanager names is in the past of this test.
    let last = expected.pop().unwrap();
    expected.insert(1, last);
    assert_eq!((status, events), (200, expected), "{body}");
    assert_eq!(stack.get("/alerts/9/history").await.0, 404);
}

/// Returns the status of the only channel, as the exporter answers it.
async fn only_status(exporter: &Exporter) -> Value {
    let (status, text) = exporter.get("/api/v1/channels/status").await;
    assert_eq!(status, 200, "{text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["source"], "database", "{body}");
    body["channels"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_exporter_of_a_database_knows_the_state_of_a_channel_and_a_restart_forgets_nothing() {
    let origin = live_origin().await;
    let first = Stack::start(&["--probe.name", "first"]).await;
    let files = Files::new(&[]);
    let mut program = command(files.folder());
    let second = Exporter::spawn(program.env("DATABASE_URL", first.postgres.url()), &["--probe.name", "second"]).await;
    let made = first.json("POST", "/channels", &channel("CH_1", &origin.url("live/TV1/master.m3u8"))).await;
    assert_eq!(made.0, 201);
    first
        .until("it is probed", async || first.exporter.get("/probe?target=CH_1").await.1.contains("probe_success 1"))
        .await;
    first.until("the other knows it", async || only_status(&second).await["last_probe"].is_object()).await;
    assert_eq!(only_status(&second).await["exporter"], "first");
    assert!(origin.set_fault("TV1", Some("master_404")));
    assert!(first.exporter.get("/probe?target=CH_1").await.1.contains("probe_success 0"));
    first.until("the other knows the fault", async || only_status(&second).await["state"] == "down").await;
    let (here, there) = (only_status(&first.exporter).await, only_status(&second).await);
    assert_eq!(here["failed"][0]["check"], "manifest_unavailable", "{here}");
    assert_eq!((&here["since"], &here["failed"]), (&there["since"], &there["failed"]), "{here} {there}");
    assert_eq!(here["exporter"], Value::Null);

    let Stack { exporter, postgres, .. } = first;
    drop(exporter);
    let again = Stack::on(postgres, &["--probe.name", "first"]).await;
    again.until("the state is read", async || only_status(&again.exporter).await["state"] == "down").await;
    assert!(again.exporter.get("/probe?target=CH_1").await.1.contains("probe_success 0"));
    let after = only_status(&again.exporter).await;
    assert_eq!((&after["since"], &after["since_exact"]), (&here["since"], &json!(true)), "{here} {after}");
    assert_eq!((&after["failed"], &after["exporter"]), (&here["failed"], &Value::Null), "{here} {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_a_channel_has_a_state_for_every_change() {
    let origin = live_origin().await;
    let stack = Stack::start(&["--probe.name", "edge"]).await;
    let made = stack.json("POST", "/channels", &channel("CH_1", &origin.url("live/TV1/master.m3u8"))).await;
    assert_eq!(made.0, 201);
    let probe = async || stack.exporter.get("/probe?target=CH_1").await;
    stack.until("it is probed", async || probe().await.1.contains("probe_success 1")).await;
    assert!(origin.set_fault("TV1", Some("master_404")));
    assert!(probe().await.1.contains("probe_success 0"));
    probe().await;
    assert!(origin.set_fault("TV1", None));
    stack.until("it is well again", async || probe().await.1.contains("probe_success 1")).await;
    let states = async || stack.get("/channels/CH_1/history").await.1["states"].clone();
    let of = |states: &Value, key: &str| -> Vec<Value> {
        states.as_array().unwrap().iter().map(|state| state[key].clone()).collect()
    };
    stack
        .until("they are written", async || {
            let states = states().await;
            let down = of(&states, "state").iter().position(|state| state == "down");
            down.is_some_and(|down| down > 0 && down + 1 < states.as_array().unwrap().len())
        })
        .await;
    let states = states().await;
    let down = states.as_array().unwrap().iter().find(|state| state["state"] == "down").unwrap();
    assert_eq!((&down["severity"], &down["exporter"]), (&json!("critical"), &json!("edge")), "{states}");
    assert!(down["failed_checks"].as_array().unwrap().contains(&json!("manifest_unavailable")), "{states}");
    assert_eq!(of(&states, "until").iter().filter(|until| until.is_null()).count(), 1, "{states}");
    let since = of(&states, "since").into_iter();
    let since: Vec<jiff::Timestamp> = since.map(|at| at.as_str().unwrap().parse().unwrap()).collect();
    assert!(since.is_sorted_by(|newer, older| newer >= older), "{states}");
    for bad in ["?since=2020-01-01T00:00:00Z", "?since=soon", "?until=1"] {
        assert_eq!(stack.get(&format!("/channels/CH_1/history{bad}")).await.0, 400, "{bad}");
    }
    assert_eq!(stack.get("/channels/CH_9/history").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_says_from_when_on_its_states_are_complete() {
    let stack = Stack::start(&[]).await;
    assert_eq!(stack.json("POST", "/channels", &channel("CH_1", "http://127.0.0.1:9/m.m3u8")).await.0, 201);
    // One exporter sees no change, the other one each 30 s for ten hours.
    stack.postgres.sql(
        "INSERT INTO channel_states (channel_code, exporter, state, failed_checks, since, seen_at)
         SELECT 'CH_1', exporter, state, '{}'::text[], at, greatest(at, seen)
         FROM (SELECT 'calm' AS exporter, 'up' AS state, now() - interval '11 hours' AS at, now() AS seen
               UNION ALL
               (SELECT 'busy', CASE n % 2 WHEN 0 THEN 'up' ELSE 'down' END, now() - n * interval '30 seconds', now() - n * interval '30 seconds'
                FROM generate_series(1200, 1, -1) n ORDER BY n DESC)) r",
    );
    let history = stack.get("/channels/CH_1/history").await.1;
    let states = history["states"].as_array().unwrap();
    assert_eq!(states.len(), 1000);
    assert!(states.iter().any(|state| state["exporter"] == "calm"), "a state that lasts is never left out");
    let at = |text: &Value| text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let oldest =
        states.iter().filter(|state| state["exporter"] == "busy").map(|state| at(&state["since"])).min().unwrap();
    assert_eq!(at(&history["states_complete_since"]), oldest);
    let short = stack.get("/channels/CH_1/history?since=2100-01-01T00:00:00Z").await.0;
    assert_eq!(short, 400, "a time that has not come");
}

/// The clock of the exporter was an hour ahead when it saw the outage, and was set back before it saw the end.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_in_the_history_ends_although_the_clock_was_set_back() {
    let stack = Stack::start(&[]).await;
    assert_eq!(stack.json("POST", "/channels", &channel("CH_1", "http://127.0.0.1:9/m.m3u8")).await.0, 201);
    stack.postgres.sql(
        "INSERT INTO channel_states (channel_code, exporter, state, failed_checks, since, seen_at)
         SELECT 'CH_1', exporter, state, '{}'::text[], now() + at, now() + at
         FROM (VALUES ('a', 'up', interval '-2 hours'), ('a', 'down', '1 hour'), ('b', 'down', '-1 hour'), ('a', 'up', '-1 minute'))
           AS r (exporter, state, at)",
    );
    let states = stack.get("/channels/CH_1/history").await.1["states"].clone();
    let of = |state: &Value| {
        let ends = match &state["until"] {
            Value::Null => "lasts",
            until if *until == state["since"] => "at once",
            _ => "later",
        };
        (state["exporter"].clone(), state["state"].clone(), ends)
    };
    let found: Vec<_> = states.as_array().unwrap().iter().map(of).collect();
    let expected = [("a", "up", "lasts"), ("b", "down", "lasts"), ("a", "down", "at once"), ("a", "up", "later")];
    assert_eq!(found, expected.map(|(exporter, state, ends)| (json!(exporter), json!(state), ends)), "{states}");
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_of_the_environment_are_created_once_and_then_belong_to_the_database() {
    let postgres = Postgres::start();
    let files = Files::new(&[]);
    let start = async |channels: &str| {
        let mut program = command(files.folder());
        program.env("DATABASE_URL", postgres.url());
        program.env("PACKAGER_URL", "http://packager-01.internal").env("CHANNELS", channels);
        let exporter = Exporter::spawn(&mut program, &[]).await;
        exporter.until("/-/ready", |status, _| status == 200).await;
        exporter
    };
    let rows = || postgres.sql("SELECT channel_code, input_url, enabled FROM channels ORDER BY id");
    let exporter = start("CH_1,CH_2").await;
    let first = "CH_1|http://packager-01.internal/live/CH_1/master.m3u8|t\n\
                 CH_2|http://packager-01.internal/live/CH_2/master.m3u8|t";
    assert_eq!(rows(), first);
    exporter.until("/probe?target=CH_3", |status, _| status == 400).await;
    drop(exporter);

    postgres.sql("UPDATE channels SET enabled = false WHERE channel_code = 'CH_1'");
    postgres.sql("UPDATE channels SET input_url = 'http://other/2.m3u8' WHERE channel_code = 'CH_2'");
    let exporter = start("CH_1,CH_2,CH_3").await;
    assert!(
        exporter.log().contains("channels of the environment created in the database\" channels=1"),
        "{}",
        exporter.log()
    );
    let third = "CH_3|http://packager-01.internal/live/CH_3/master.m3u8|t";
    assert_eq!(
        rows(),
        format!("CH_1|http://packager-01.internal/live/CH_1/master.m3u8|f\nCH_2|http://other/2.m3u8|t\n{third}")
    );
    assert_eq!(postgres.sql("SELECT max(id) FROM channels"), "3", "no id was used up");
}
