//! Tests of the states of channels: how probes and time change them, and how the API returns them.

use super::*;
use crate::alertmanager::Alertmanager;
use crate::checks::delivery::{manifest_unavailable, rendition_unavailable};
use crate::checks::hls::hls_playlist_stale;
use crate::checks::{CheckMeta, CheckOutcome, CheckResult};
use crate::finding::Severity;
use crate::prometheus_api::PrometheusApi;
use crate::store::{StatusRow, Store};
use crate::web::status::{ChannelState, ChannelStates, ChannelStatus};
use serde_json::{Value, json};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn failed(check: &'static CheckMeta, severity: Severity, output: &str) -> CheckOutcome {
    let (output, result) = (output.to_owned(), CheckResult::Failed);
    CheckOutcome { check, severity, reason: None, missing: None, output, result, findings: Vec::new() }
}

/// Makes the report of a probe at `second`, which is a success unless a critical check failed.
fn probed(second: i64, outcomes: Vec<CheckOutcome>) -> Report {
    let success = outcomes.iter().all(|outcome| outcome.severity < Severity::Critical);
    Report { started_at: at(second), success, outcomes, ..report("CH", "TPL_HD", Duration::from_secs(9)) }
}

fn down(second: i64) -> Report {
    probed(second, vec![failed(&manifest_unavailable::META, Severity::Critical, "hls")])
}

fn healthy(second: i64) -> Report {
    probed(second, Vec::new())
}

fn status(states: &ChannelStates, second: i64) -> ChannelStatus {
    states.status(&channel("CH"), at(second))
}

fn state_after(reports: &[Report], second: i64) -> ChannelState {
    let mut states = ChannelStates::default();
    for report in reports {
        states.observe(report, true);
    }
    status(&states, second).state
}

#[test]
fn a_state_follows_success_and_the_worst_failed_check() {
    let with = |severity| vec![failed(&hls_playlist_stale::META, severity, "hls")];
    for (severity, state) in [
        (Severity::Warning, ChannelState::Up),
        (Severity::Minor, ChannelState::Degraded),
        (Severity::Major, ChannelState::Degraded),
        (Severity::Critical, ChannelState::Down),
    ] {
        assert_eq!(state_after(&[probed(0, with(severity))], 1), state, "{severity:?}");
    }
    assert_eq!(state_after(&[healthy(0)], 1), ChannelState::Up);
    let without_check = Report { success: false, ..healthy(0) };
    assert_eq!(state_after(&[without_check], 1), ChannelState::Down, "no check ran on an output");
}

#[test]
fn a_state_lasts_since_its_first_probe_and_only_the_first_since_the_start_is_inexact() {
    let mut states = ChannelStates::default();
    let mut since = |report: &Report| {
        states.observe(report, true);
        let status = status(&states, 60);
        (status.since, status.since_exact)
    };
    assert_eq!(since(&down(0)), (Some(at(0)), false), "it may have been down before the start");
    assert_eq!(since(&down(15)), (Some(at(0)), false));
    assert_eq!(since(&healthy(30)), (Some(at(30)), true));
    assert_eq!(since(&healthy(45)), (Some(at(30)), true));
}

#[test]
fn failed_checks_come_once_worst_first_each_since_its_own_beginning() {
    let (stale, missing) = (&hls_playlist_stale::META, &rendition_unavailable::META);
    let mut states = ChannelStates::default();
    states.observe(&probed(0, vec![failed(stale, Severity::Minor, "hls")]), true);
    states.observe(
        &probed(
            15,
            vec![
                failed(stale, Severity::Minor, "hls"),
                failed(missing, Severity::Minor, "hls"),
                failed(missing, Severity::Major, "dash"),
            ],
        ),
        true,
    );
    let status = status(&states, 16);
    let found: Vec<_> =
        status.failed.iter().map(|failed| (failed.check.as_str(), failed.severity, failed.since)).collect();
    assert_eq!(found, [(missing.id, Severity::Major, at(15)), (stale.id, Severity::Minor, at(0))]);
    assert_eq!((status.severity, status.since), (Some(Severity::Major), Some(at(0))), "it is still degraded");
}

#[test]
fn a_channel_that_nobody_probes_for_three_intervals_is_unknown() {
    let every_30_s = [healthy(0), down(30)];
    assert_eq!(state_after(&every_30_s, 120), ChannelState::Down);
    assert_eq!(state_after(&every_30_s, 121), ChannelState::Unknown);
    assert_eq!(state_after(&[], 0), ChannelState::Unknown, "never probed");
    let by_hand = [down(0), down(1), down(2)];
    assert_eq!(state_after(&by_hand, 62), ChannelState::Down, "an interval is taken for 20 s at least");
    assert_eq!(state_after(&by_hand, 63), ChannelState::Unknown);
    let interrupted = [healthy(0), healthy(301)];
    assert_eq!(state_after(&interrupted, 301 + 61), ChannelState::Unknown, "301 s is an interruption");
    let slow = [healthy(0), healthy(300)];
    assert_eq!(state_after(&slow, 1200), ChannelState::Up);
    assert_eq!(state_after(&slow, 1201), ChannelState::Unknown);
}

#[test]
fn an_unknown_or_disabled_channel_has_no_severity_and_says_when_it_was_last_heard() {
    let mut states = ChannelStates::default();
    states.observe(&down(0), true);
    let unknown = status(&states, 1000);
    assert_eq!((unknown.severity, unknown.since, unknown.since_exact), (None, Some(at(0)), false));
    assert_eq!(unknown.failed.len(), 1, "the last probe's checks");
    let disabled = states.status(&Channel { enabled: false, ..channel("CH") }, at(1));
    assert_eq!((disabled.state, disabled.severity), (ChannelState::Disabled, None));
}

#[test]
fn an_older_or_equal_report_is_no_news_and_only_a_difference_is_a_change() {
    let mut states = ChannelStates::default();
    assert!(states.observe(&down(30), true), "the first");
    assert!(!states.observe(&down(30), true) && !states.observe(&healthy(29), true));
    assert_eq!(status(&states, 31).state, ChannelState::Down);
    assert!(!states.observe(&down(45), true), "the time of the probe is no change");
    assert!(states.observe(&healthy(60), true));
    assert_eq!(status(&states, 61).last_probe.unwrap().started_at, at(60));
}

#[tokio::test]
async fn a_report_that_comes_after_a_later_one_is_not_in_the_history() {
    let channels = [("CH".to_owned(), Arc::new(channel("CH")))];
    let snapshot = CatalogSnapshot { channels: channels.into(), ..CatalogSnapshot::default() };
    let store = Store::new("postgresql://nobody@127.0.0.1:9/none").unwrap();
    let api = Api { store: Some(store), ..Api::default() };
    let fake = Fake { config: config_of(snapshot), ..backend(answers) };
    let state = ServerState::new(Arc::new(fake), Settings::default(), api);
    for report in [down(30), healthy(45), down(40)] {
        state.record(&Arc::new(report), None, true);
    }
    let since: Vec<_> = state.state_changes.take().iter().map(|change| change.since).collect();
    assert_eq!(since, [at(30), at(45)], "the slow probe of 40 came last");
}

#[test]
fn only_a_report_that_is_later_is_news_or_one_after_the_clock_was_set_back() {
    let mut states = ChannelStates::default();
    assert!(states.is_news(&down(30)));
    states.observe(&down(30), true);
    assert!(!states.is_news(&down(30)) && !states.is_news(&healthy(29)));
    assert!(states.is_news(&healthy(31)) && states.is_news(&healthy(-3600)));
}

#[test]
fn a_clock_that_is_set_back_stops_no_state() {
    let mut states = ChannelStates::default();
    states.observe(&down(3600), true);
    assert!(!states.observe(&healthy(3480), true), "a probe that took 120 s");
    assert!(states.observe(&healthy(3479), true));
    let status = status(&states, 3480);
    assert_eq!((status.state, status.since), (ChannelState::Up, Some(at(3479))));
}

#[test]
fn a_summary_counts_each_channel_once() {
    let mut states = ChannelStates::default();
    for (code, report) in [("A", healthy(0)), ("B", down(5)), ("C", down(0))] {
        states.observe(&Report { channel: Arc::new(channel(code)), ..report }, true);
    }
    let all = [
        Channel { tier: Some(1), is_4k: true, ..channel("A") },
        Channel { tier: Some(1), ..channel("B") },
        Channel { enabled: false, is_4k: true, tier: Some(2), ..channel("C") },
        channel("D"),
    ];
    let summary = states.summary(all.iter(), at(10));
    let counts = summary.states;
    assert_eq!((counts.up, counts.degraded, counts.down, counts.unknown, counts.disabled), (1, 0, 1, 1, 1));
    assert_eq!((summary.total, summary.active, summary.is_4k), (4, 3, 1));
    assert_eq!(summary.severities.critical, 1, "not the disabled one");
    assert_eq!((summary.tiers, summary.heard_at), ([(1, 2)].into(), Some(at(5))));
    let later = states.summary(all.iter(), at(1000));
    assert_eq!((later.states.unknown, later.severities.critical), (3, 0));
}

/// Starts a server with the channels `CH_1` (tier 1, 4K), `down`, and `OFF`, which is disabled. Its probes begin at the
/// present time.
async fn server() -> Running {
    let channels = [
        Channel { tier: Some(1), is_4k: true, ..channel("CH_1") },
        channel("down"),
        Channel { enabled: false, ..channel("OFF") },
    ];
    let channels = channels.map(|channel| (channel.code.clone(), Arc::new(channel)));
    let snapshot = CatalogSnapshot { channels: channels.into(), ..CatalogSnapshot::default() };
    let now = |ask: &ProbeRequest, timeout| {
        answers(ask, timeout).map(|report| Report { started_at: Timestamp::now(), ..report })
    };
    Running::plain(Fake { config: config_of(snapshot), ..backend(now) }).await
}

async fn states_of(server: &Running, query: &str) -> Vec<(String, String)> {
    let (status, text) = server.get(&format!("/api/v1/channels/status{query}")).await;
    assert_eq!(status, 200, "{text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["source"], "memory");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    body["channels"].as_array().unwrap().iter().map(|c| (text(&c["code"]), text(&c["state"]))).collect()
}

#[tokio::test]
async fn all_states_are_one_answer_and_each_filter_selects() {
    let server = server().await;
    server.get("/probe?target=CH_1").await;
    server.get("/probe?target=down").await;
    let all = [("CH_1", "up"), ("OFF", "disabled"), ("down", "down")].map(|(c, s)| (c.to_owned(), s.to_owned()));
    assert_eq!(states_of(&server, "").await, all);
    for (query, codes) in [
        ("?state=down", vec!["down"]),
        ("?state=up,disabled", vec!["CH_1", "OFF"]),
        ("?tier=1", vec!["CH_1"]),
        ("?enabled=true&is_4k=false", vec!["down"]),
        ("?q=ch", vec!["CH_1"]),
        ("?template=TPL", vec![]),
    ] {
        let found: Vec<String> = states_of(&server, query).await.into_iter().map(|(code, _)| code).collect();
        assert_eq!(found, codes, "{query}");
    }
    for bad in ["?state=broken", "?state=up,", "?tier=x", "?limit=1", "?sate=up"] {
        assert_eq!(server.get(&format!("/api/v1/channels/status{bad}")).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn an_unchanged_answer_is_304_until_the_next_probe() {
    let server = server().await;
    let ask = |tag: String| client().get(server.url("/api/v1/channels/status")).header("If-None-Match", tag).send();
    let first = ask("\"other\"".to_owned()).await.unwrap();
    assert_eq!((first.status().as_u16(), &first.headers()["cache-control"]), (200, &"no-cache".parse().unwrap()));
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    let again = ask(format!("\"other\", {tag}")).await.unwrap();
    assert_eq!((again.status().as_u16(), again.headers()["etag"].to_str().unwrap()), (304, tag.as_str()));
    server.get("/probe?target=CH_1").await;
    assert_eq!(ask(tag).await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_summary_says_what_is_not_connected() {
    let server = server().await;
    server.get("/probe?target=down").await;
    let (status, text) = server.get("/api/v1/channels/summary?enabled=true").await;
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &body["source"], &body["total"]), (200, &json!("memory"), &json!(2)));
    assert_eq!(body["states"], json!({"up": 0, "degraded": 0, "down": 1, "unknown": 1, "disabled": 0}));
    assert_eq!((&body["has_database"], &body["has_alertmanager"]), (&json!(false), &json!(false)));
    assert_eq!(server.get("/api/v1/channels/summary?state=up").await.0, 400);
}

#[tokio::test]
async fn the_summary_says_where_probes_are_served_and_when_other_services_answered() {
    let external = || Some(url::Url::parse("https://noc.example/px/").unwrap());
    let summary = async |external_url, is_apart, service: Option<&str>| {
        let url = service.map(|url| url::Url::parse(url).unwrap());
        let api = Api {
            is_apart,
            alertmanager: url.as_ref().map(|url| Alertmanager::new(url).unwrap()),
            prometheus: url.as_ref().map(|url| PrometheusApi::new(url).unwrap()),
            ..Api::default()
        };
        let _ = match &api.alertmanager {
            Some(alertmanager) => alertmanager.firing().await.err(),
            None => None,
        };
        let grafana_url = service.map(|_| url::Url::parse("https://graphs.example/g/").unwrap());
        let settings = Settings { external_url, grafana_url, link_prefix: "/px".to_owned(), ..Settings::default() };
        let state = ServerState::new(Arc::new(backend(answers)), settings, api);
        let server = Running::serving(state, Security::load(None).unwrap(), Bounds::default()).await;
        serde_json::from_str::<Value>(&server.get("/api/v1/channels/summary").await.1).unwrap()
    };
    let alone = summary(None, true, None).await;
    let services = ["probing_base", "alertmanager", "prometheus", "grafana"];
    assert_eq!(services.map(|name| &alone[name]), [&Value::Null; 4]);
    assert_eq!(summary(external(), true, None).await["probing_base"], "https://noc.example/px");
    assert_eq!(summary(external(), false, None).await["probing_base"], "/px");
    let away = summary(None, false, Some("http://127.0.0.1:1")).await;
    assert!(
        away["alertmanager"]["answered_at"].is_null() && away["alertmanager"]["failing_since"].is_string(),
        "{away}"
    );
    assert_eq!(away["grafana"], "https://graphs.example/g");
    assert_eq!(away["prometheus"], json!({"answered_at": null, "failing_since": null}), "nobody has opened a chart");
}

#[tokio::test]
async fn a_person_who_tries_another_template_or_one_output_changes_no_state() {
    let server = server().await;
    server.get("/probe?target=CH_1&template=TPL_4K").await;
    server.get("/probe?target=CH_1&output=hls").await;
    assert_eq!(states_of(&server, "?q=CH_1").await[0].1, "unknown");
    let scrape = client().get(server.url("/probe?target=CH_1&template=TPL_4K"));
    scrape.header("X-Prometheus-Scrape-Timeout-Seconds", "9").send().await.unwrap();
    assert_eq!(states_of(&server, "?q=CH_1").await[0].1, "up", "a target's label `template` is meant");
}

/// Makes the row that an exporter wrote `age` seconds ago, after it had observed `reports`.
fn written_by(exporter: &str, reports: &[Report], age: f64) -> StatusRow {
    let mut states = ChannelStates::default();
    for report in reports {
        states.observe(report, true);
    }
    let status = states.take_unwritten(true).pop().unwrap();
    StatusRow { exporter: exporter.to_owned(), status, age: Seconds(age) }
}

#[test]
fn the_state_of_another_exporter_counts_where_this_one_has_no_current_one() {
    let mut states = ChannelStates::default();
    assert!(states.merge(written_by("b", &[healthy(0), down(15)], 1.0), "a", at(16)));
    let known = status(&states, 16);
    assert_eq!((known.state, known.since, known.since_exact), (ChannelState::Down, Some(at(15)), true));
    assert_eq!(known.exporter.as_deref(), Some("b"));
    assert_eq!(status(&states, 15 + 60 + 65).state, ChannelState::Down);
    assert_eq!(status(&states, 15 + 60 + 66).state, ChannelState::Unknown);

    states.observe(&healthy(20), true);
    let own = status(&states, 21);
    assert_eq!((own.state, own.exporter), (ChannelState::Up, None));
    assert!(!states.merge(written_by("b", &[healthy(0), down(30)], 1.0), "a", at(31)), "its own state is current");
    assert_eq!(status(&states, 81).state, ChannelState::Down, "this exporter's probes ended");
}

/// A person on the page of one exporter probes a channel that Prometheus has another one probe.
#[test]
fn probing_by_hand_twice_does_not_hold_back_what_another_exporter_sees() {
    let mut states = ChannelStates::default();
    states.observe(&healthy(0), false);
    states.observe(&healthy(290), false);
    assert!(states.merge(written_by("b", &[healthy(285), down(300)], 1.0), "a", at(301)));
    let known = status(&states, 302);
    assert_eq!((known.state, known.since, known.exporter.as_deref()), (ChannelState::Down, Some(at(300)), Some("b")));
    states.observe(&healthy(310), false);
    assert_eq!(status(&states, 311).state, ChannelState::Up, "the newest probe counts");
    assert!(states.merge(written_by("b", &[healthy(285), down(315)], 0.0), "a", at(315)));
    assert_eq!(status(&states, 316).state, ChannelState::Down);
}

#[test]
fn a_channel_that_moved_shows_the_new_exporters_state_after_one_missed_probe() {
    let mut states = ChannelStates::default();
    states.observe(&healthy(0), true);
    states.observe(&healthy(30), true);
    states.merge(written_by("b", &[healthy(15), down(45)], 0.0), "a", at(45));
    assert_eq!(status(&states, 75).state, ChannelState::Up, "its own next probe may still come");
    assert_eq!(status(&states, 76).state, ChannelState::Down);
}

#[test]
fn probes_by_hand_do_not_change_the_interval_of_scrapes() {
    let mut states = ChannelStates::default();
    for (second, scraped) in [(0, false), (200, false), (210, true), (225, true), (400, false)] {
        states.observe(&healthy(second), scraped);
    }
    assert_eq!(status(&states, 460).state, ChannelState::Up, "20 s are assumed at least");
    assert_eq!(status(&states, 461).state, ChannelState::Unknown, "and not the 190 s between the last two");
}

#[test]
fn a_state_goes_on_from_another_exporter_and_over_a_restart() {
    let mut moved = ChannelStates::default();
    moved.merge(written_by("b", &[healthy(0), down(15)], 5.0), "a", at(20));
    moved.observe(&down(30), true);
    let known = status(&moved, 31);
    assert_eq!((known.since, known.since_exact, known.failed[0].since), (Some(at(15)), true, at(15)));

    // The database answers after the first probe.
    let mut restarted = ChannelStates::default();
    restarted.observe(&down(60), true);
    assert!(restarted.merge(written_by("a", &[healthy(0), down(15)], 46.0), "a", at(61)));
    let known = status(&restarted, 61);
    assert_eq!((known.since, known.since_exact, known.failed[0].since), (Some(at(15)), true, at(15)));
    assert_eq!(known.exporter, None);
    assert!(!restarted.merge(written_by("a", &[healthy(0), down(15)], 47.0), "a", at(62)), "nothing new");
}

#[test]
fn a_state_is_not_continued_over_a_time_that_nobody_saw() {
    let mut states = ChannelStates::default();
    states.merge(written_by("a", &[healthy(0), down(15)], 2985.0), "a", at(3000));
    states.observe(&down(3001), true);
    let known = status(&states, 3002);
    assert_eq!((known.since, known.since_exact, known.failed[0].since), (Some(at(3001)), false, at(3001)));

    let mut late = ChannelStates::default();
    late.observe(&down(3001), true);
    assert!(!late.merge(written_by("gone", &[healthy(0), down(15)], 2985.0), "a", at(3002)));
    assert_eq!(status(&late, 3002).since, Some(at(3001)));
}

#[test]
fn an_own_state_begins_anew_after_a_time_that_nobody_saw() {
    let since = |reports: &[Report]| {
        let mut states = ChannelStates::default();
        for report in reports {
            states.observe(report, true);
        }
        let known = states.status(&channel("CH"), reports.last().unwrap().started_at);
        (known.since, known.since_exact, known.failed[0].since)
    };
    assert_eq!(since(&[healthy(0), down(15), down(15 + 125)]), (Some(at(15)), true, at(15)));
    assert_eq!(since(&[healthy(0), down(15), down(15 + 126)]), (Some(at(141)), false, at(141)));
    assert_eq!(since(&[healthy(0), down(3600)]), (Some(at(3600)), false, at(3600)), "it may be down since an hour");
    assert_eq!(since(&[down(0), down(300)]), (Some(at(0)), false, at(0)), "the interval isn't known yet");
}

#[test]
fn a_state_goes_on_from_the_exporter_that_probed_last() {
    let mut states = ChannelStates::default();
    let mut observe = |report: &Report, other: Option<StatusRow>, second| {
        states.observe(report, true);
        if let Some(row) = other {
            states.merge(row, "a", at(second));
        }
        let known = status(&states, second);
        (known.since, known.since_exact)
    };
    observe(&healthy(0), None, 0);
    observe(&down(15), None, 15);
    // Exporter b probed for an hour, in which the channel was up and went down again.
    let b = written_by("b", &[healthy(30), healthy(3585), healthy(3600), down(3615)], 5.0);
    observe(&down(16), Some(b), 3620);
    assert_eq!(observe(&down(3630), None, 3631), (Some(at(3615)), true), "not since it was down an hour before");
    let b = written_by("b", &[healthy(7000), healthy(7015)], 5.0);
    assert_eq!(observe(&down(3645), Some(b), 7020), (Some(at(7000)), false), "up at b");
    assert_eq!(observe(&down(7030), None, 7031), (Some(at(7030)), true), "b saw it up 15 s before");
}

#[test]
fn the_age_of_a_row_is_the_databases_and_not_a_difference_of_clocks() {
    let mut states = ChannelStates::default();
    states.merge(written_by("slow", &[healthy(0), down(15)], 1.0), "a", at(600));
    assert_eq!(status(&states, 601).state, ChannelState::Down, "its clock is ten minutes behind");
    states.merge(written_by("b", &[healthy(560), healthy(590)], 0.5), "a", at(610));
    assert_eq!(status(&states, 611).state, ChannelState::Up, "the row that was written last counts");
}

#[test]
fn an_ended_state_of_another_exporter_is_not_continued() {
    let mut states = ChannelStates::default();
    states.merge(written_by("b", &[down(0)], 10.0), "a", at(10));
    states.observe(&healthy(20), true);
    let known = status(&states, 21);
    assert_eq!((known.state, known.since, known.since_exact), (ChannelState::Up, Some(at(20)), true));
}

#[test]
fn each_change_is_written_once_and_the_time_of_a_probe_with_the_next_times() {
    let mut states = ChannelStates::default();
    states.observe(&down(0), true);
    let written = states.take_unwritten(false);
    assert_eq!(written.iter().map(|status| status.since).collect::<Vec<_>>(), [at(0)]);
    states.observe(&down(15), true);
    assert_eq!(states.take_unwritten(false), []);
    assert_eq!(states.take_unwritten(true)[0].last_probe.started_at, at(15));
    assert_eq!(states.take_unwritten(true), []);
    states.put_back(&written);
    assert_eq!(states.take_unwritten(false).len(), 1, "the newest status of what could not be written");
}
