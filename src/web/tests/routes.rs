use super::*;
use crate::checks::hls::hls_playlist_stale;
use crate::checks::{CheckOutcome, CheckResult};
use crate::finding::{Finding, Severity};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};

#[tokio::test]
async fn a_failed_probe_is_200_with_its_metrics() {
    let server = Running::plain(backend(answers)).await;
    let response = client().get(server.url("/probe?target=down")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    assert!(text.contains("\nprobe_success 0\n"), "{text}");
}

#[tokio::test]
async fn a_broken_request_is_400_and_a_full_exporter_503_each_with_its_reason() {
    let server = Running::plain(backend(answers)).await;
    let cases = [
        ("/probe", 400, "`target` is missing"),
        ("/probe?target=A&tempalte=B", 400, "did you mean `template`?"),
        ("/probe?target=nobody", 400, "unknown channel `nobody`; see /config"),
        ("/probe?target=busy", 503, "64 probes are in flight; raise max_probes"),
    ];
    for (path, status, expected) in cases {
        let (got, body) = server.get(path).await;
        assert_eq!(got, status, "{path}: {body}");
        assert!(body.contains(expected), "{path}: {body}");
    }
}

#[tokio::test]
async fn the_scrape_timeout_less_the_offset_reaches_the_probe() {
    let server = Running::plain(backend(answers)).await;
    let ask = |timeout: &'static str| {
        let url = server.url("/probe?target=A&debug=true");
        async move { client().get(url).header("X-Prometheus-Scrape-Timeout-Seconds", timeout).send().await.unwrap() }
    };
    assert!(ask("8").await.text().await.unwrap().contains("target=A template=TPL_HD timeout=7.500s"));
    let bad = ask("soon").await;
    assert_eq!(bad.status(), 400);
    assert!(bad.text().await.unwrap().contains("`soon`"));
    assert!(server.get("/probe?target=A&debug=true").await.1.contains("timeout=10.000s"), "without the header");
}

#[tokio::test]
async fn debug_shows_log_metrics_and_template() {
    let server = Running::plain(backend(answers)).await;
    let (status, body) = server.get("/probe?target=down&template=TPL_4K&debug=true").await;
    assert_eq!(status, 200);
    let logs = body.find("\nat=+0.000s msg=\"probe begins\" target=down").unwrap();
    let verdict = body.lines().nth(1).unwrap();
    assert!(body.starts_with("Logs for the probe:\n") && verdict.contains(" msg=verdict verdict="), "{verdict}");
    let metrics = body.find("Metrics that would have been returned:\n# HELP").unwrap();
    let template = body.find("Template configuration:\nTPL_4K:").unwrap();
    assert!(logs < metrics && metrics < template, "{body}");
    assert!(body.contains("  segment_duration_tolerance: 0.1"), "{body}");
}

#[tokio::test]
async fn the_page_lists_probes_with_their_logs_and_escapes_everything() {
    let channels = [("<b>\"CH_2".to_owned(), Arc::new(channel("CH_2")))].into();
    let config = config_of(CatalogSnapshot { channels, ..CatalogSnapshot::default() });
    let server = Running::plain(Fake { config, ..backend(answers) }).await;
    server.get("/probe?target=%3Cscript%3Ealert(%27x%27)%3C/script%3E&template=%22%3E%3Cimg%3E").await;
    server.get("/probe?target=down").await;
    let response = client().get(server.url("/")).send().await.unwrap();
    assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self'"), "{policy}");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let page = response.text().await.unwrap();
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b>"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"), "{page}");
    assert!(page.contains("1970-01-01T00:00:00Z") && page.contains("class=\"bad\">failed"), "{page}");
    assert!(page.find("id=2").unwrap() < page.find("id=1").unwrap(), "newest first: {page}");
    let (status, log) = server.get("/logs?id=2").await;
    assert_eq!(status, 200);
    assert!(log.contains("target=down") && log.contains("Template configuration:"), "{log}");
    assert_eq!(server.get("/logs?id=99").await.0, 404);
    assert_eq!(server.get("/logs?target=down").await.0, 404, "no channel of the catalogue");
    for bad in ["/logs", "/logs?id=x", "/logs?target=a&target=b"] {
        assert_eq!(server.get(bad).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn the_page_has_a_row_for_each_channel_and_no_green_over_a_major_finding() {
    let channels =
        ["CH_OK", "CH_POOR", "CH_DOWN", "CH_NEW"].map(|code| (code.to_owned(), Arc::new(channel(code)))).into();
    let config = config_of(CatalogSnapshot { channels, ..CatalogSnapshot::default() });
    let answer = |ask: &ProbeRequest, timeout: Duration| {
        let severity = match ask.target.as_str() {
            "CH_POOR" => Some(Severity::Major),
            "CH_DOWN" => Some(Severity::Critical),
            _ => None,
        };
        let finding = |severity| Finding {
            check: hls_playlist_stale::META.id,
            severity,
            output: "hls".to_owned(),
            rendition: None,
            message: "no new segment for 9 s <b>".to_owned(),
            evidence: serde_json::Map::new(),
            reference: "",
        };
        let outcomes = severity.map(|severity| CheckOutcome {
            check: &hls_playlist_stale::META,
            severity,
            output: "hls".to_owned(),
            result: CheckResult::Failed,
            findings: vec![finding(severity)],
            reason: None,
            missing: None,
        });
        let success = severity < Some(Severity::Critical);
        let started_at = Timestamp::now();
        Ok(Report {
            outcomes: outcomes.into_iter().collect(),
            success,
            started_at,
            ..report(&ask.target, "TPL_HD", timeout)
        })
    };
    let server = Running::plain(Fake { config, ..backend(answer) }).await;
    for code in ["CH_OK", "CH_POOR", "CH_DOWN"] {
        server.get(&format!("/probe?target={code}")).await;
    }
    let (_, page) = server.get("/").await;
    let cell = |code: &str| {
        let row = page.split("<tr>").find(|row| row.contains(&format!("ui/channels/{code}\""))).unwrap();
        row.split("</td>").nth(1).unwrap().trim_start_matches("<td class=").to_owned()
    };
    assert_eq!(
        ["CH_OK", "CH_POOR", "CH_DOWN", "CH_NEW"].map(cell),
        ["\"good\">ok", "\"poor\">degraded", "\"bad\">failed", "\"dim\">not probed"]
    );
    let first = |code: &str| page.find(&format!("ui/channels/{code}\"")).unwrap();
    assert!(
        first("CH_DOWN") < first("CH_POOR") && first("CH_POOR") < first("CH_NEW") && first("CH_NEW") < first("CH_OK")
    );
    assert!(
        page.contains("critical hls_playlist_stale: no new segment for 9 s &lt;b&gt;") && !page.contains("<b>"),
        "{page}"
    );
    let recent = page.split("Recent probes").nth(1).unwrap();
    let words = ["class=\"bad\">failed", "class=\"poor\">degraded", "class=\"good\">ok"];
    assert!(words.iter().all(|word| recent.matches(word).count() == 1), "{recent}");
    let (_, filtered) = server.get("/?state=degraded&q=poor").await;
    assert!(filtered.contains("ui/channels/CH_POOR") && !filtered.contains("ui/channels/CH_DOWN"), "{filtered}");
    assert!(filtered.contains("value=\"degraded\" selected") && filtered.contains("1 failed"), "the counts are of all");
    assert_eq!(server.get("/?state=green").await.0, 400);
}

#[tokio::test]
async fn the_runbook_of_an_alert_is_a_page() {
    let server = Running::plain(backend(answers)).await;
    let response = client().get(server.url("/runbooks/ChannelDown")).send().await.unwrap();
    assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    let page = response.text().await.unwrap();
    assert!(page.contains("<h1>ChannelDown</h1>") && page.contains("<a href=\"PackagerDown\">"), "{page}");
    assert_eq!(server.get("/runbooks/ChannelDown.md").await.1, page, "as the links of older rules");
    assert!(server.get("/runbooks").await.1.contains("<a href=\"/runbooks/ChannelDown\">ChannelDown</a>"));
    for nothing in ["/runbooks/Nothing", "/runbooks/..%2F..%2FREADME"] {
        assert_eq!(server.get(nothing).await.0, 404, "{nothing}");
    }
}

#[tokio::test]
async fn what_an_operator_asks() {
    let server = Running::plain(backend(answers)).await;
    assert_eq!(server.get("/metrics").await, (200, "packager_exporter_up 1\n".to_owned()));
    assert_eq!(server.get("/config").await, (200, Config::default().to_yaml()));
    assert_eq!(server.get("/-/healthy").await.0, 200);
    assert_eq!(server.get("/-/ready").await.0, 200);
    server.state.stop();
    let (status, why) = server.get("/-/ready").await;
    assert_eq!((status, why.as_str()), (503, "Not ready: shutting down\n"));
    assert_eq!(server.get("/-/healthy").await.0, 200, "a restart wouldn't help");
    assert_eq!(server.get("/nothing").await.0, 404);
}

#[tokio::test]
async fn reload_is_a_post_and_a_bad_file_is_500_with_its_reason() {
    let bad = Fake { reload: Err("exporter.yml:3: unknown key `fetsh`".to_owned()), ..backend(answers) };
    for (backend, status, expected) in [(backend(answers), 200, "Reloaded"), (bad, 500, "exporter.yml:3: unknown key")]
    {
        let server = Running::plain(backend).await;
        let response = client().post(server.url("/-/reload")).send().await.unwrap();
        assert_eq!(response.status(), status);
        assert!(response.text().await.unwrap().contains(expected));
        let get = client().get(server.url("/-/reload")).send().await.unwrap();
        assert_eq!(get.status(), 405);
        assert!(get.headers()["allow"].to_str().unwrap().contains("POST"));
    }
}

#[tokio::test]
async fn head_answers_without_a_body() {
    let server = Running::plain(backend(answers)).await;
    for path in ["/", "/metrics", "/-/healthy", "/probe?target=A"] {
        let response = client().head(server.url(path)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert!(response.bytes().await.unwrap().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_large_exposition_is_compressed_for_who_accepts_it() {
    let large = "packager_exporter_probes_total 1\n".repeat(1000);
    let server = Running::plain(Fake { self_metrics: large.clone(), ..backend(answers) }).await;
    let url = server.url("/metrics");
    let zipped = client().get(&url).header("Accept-Encoding", "gzip").send().await.unwrap();
    assert_eq!(zipped.headers()[CONTENT_ENCODING], "gzip");
    let bytes = zipped.bytes().await.unwrap();
    assert!(bytes.len() < large.len() / 10);
    let mut text = Vec::new();
    let mut decoder = async_compression::tokio::bufread::GzipDecoder::new(&bytes[..]);
    tokio::io::AsyncReadExt::read_to_end(&mut decoder, &mut text).await.unwrap();
    assert_eq!(text, large.as_bytes());
    assert_eq!(client().get(&url).send().await.unwrap().text().await.unwrap(), large);
}

#[tokio::test]
async fn routes_move_under_the_prefix_and_links_follow_the_external_url() {
    let settings = Settings { route_prefix: "/px".into(), link_prefix: "/mon/px".into(), ..Settings::default() };
    let security = Security::load(None).unwrap();
    let server = Running::start(backend(answers), settings, security, Bounds::default()).await;
    assert_eq!(server.get("/px/probe?target=A").await.0, 200);
    assert_eq!(server.get("/px/-/healthy").await.0, 200);
    assert_eq!(server.get("/probe?target=A").await.0, 404);
    let (status, page) = server.get("/px/").await;
    assert_eq!(status, 200);
    assert!(page.contains("href=\"/mon/px/logs?id=1\"") && page.contains("action=\"/mon/px/probe\""), "{page}");
    for path in ["/", "/px"] {
        let response = client().get(server.url(path)).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.headers()[LOCATION].to_str().unwrap()), (302, "/mon/px/"));
    }
    assert_eq!(client().get(server.url("/px/-/reload")).send().await.unwrap().status(), 405);
}
