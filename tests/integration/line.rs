//! Tests of a probe's way from the request to the report, against the live origin.

use packager_exporter::checks::CheckResult;
use packager_exporter::facts::SegmentFacts;
use packager_exporter::metrics::exposition;
use packager_exporter::probe::ProbeError;
use packager_exporter::report::Report;
use packager_media::stream::Rendition;
use packager_testbed::harness::{ChannelSpec, Harness, TEMPLATES};
use packager_testbed::pace;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Template like T2 with a timeout that no test waits for, so that the timeout of the scrape limits the probe.
const PATIENT: &str = "\nPATIENT:\n  extends: T2\n  timeout: 10m\n";

fn channel<'a>(code: &'a str, path: &'a str) -> ChannelSpec<'a> {
    ChannelSpec { code, path, template: "T2" }
}

fn failed(report: &Report) -> Vec<&'static str> {
    report.outcomes.iter().filter(|o| o.result == CheckResult::Failed).map(|o| o.check.id).collect()
}

fn downloads(harness: &Harness) -> usize {
    harness
        .origin
        .requests()
        .iter()
        .filter(|r| r.path.contains("/seg_") && !r.headers.iter().any(|(n, _)| n == "range"))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_at_the_same_time_share_one_capture_and_its_verdict() {
    let harness = Harness::new(&[channel("TV1", "live/TV1/master.m3u8")], TEMPLATES, "").await;
    let timeout = Duration::from_secs(10);
    let (a, b, c) = tokio::join!(
        harness.probe_within("TV1", timeout),
        harness.probe_within("TV1", timeout),
        harness.probe_within("TV1", timeout)
    );
    let reports = [a.unwrap(), b.unwrap(), c.unwrap()];
    assert_eq!(reports.iter().filter(|p| p.shared).count(), 2);
    assert!(reports.iter().all(|p| std::sync::Arc::ptr_eq(&p.report, &reports[0].report)));
    let masters = harness.origin.requests().iter().filter(|r| r.path.ends_with("master.m3u8")).count();
    assert_eq!(masters, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_is_downloaded_once_and_every_new_one_is() {
    let harness = Harness::new(&[channel("TV1", "live/TV1/master.m3u8")], TEMPLATES, "").await;
    harness.probe("TV1").await;
    assert_eq!(downloads(&harness), 4, "the newest of each of four rungs");
    harness.probe("TV1").await;
    assert_eq!(downloads(&harness), 4, "nothing new");
    harness.advance(Duration::from_secs(6));
    let report = harness.probe("TV1").await;
    assert_eq!(downloads(&harness), 16, "three new segments in each rung");
    assert_eq!(failed(&report), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_requested_once_while_it_is_cached_and_decrypts_its_segments() {
    let templates = format!("{TEMPLATES}\nNEWEST:\n  extends: T2\n  segments: {{mode: newest, count: 1}}\n");
    let channel = ChannelSpec { template: "NEWEST", ..channel("AE1", "live/AE1/master.m3u8") };
    let harness = Harness::new(&[channel], &templates, "").await;
    let report = harness.probe("AE1").await;
    assert_eq!(failed(&report), [""; 0]);
    let inspected = report.capture.outputs.iter().flat_map(|o| &o.renditions).flat_map(|r| &r.segments);
    assert!(inspected.clone().all(|s| s.inspection.as_ref().is_some_and(|i| i.tracks.len() == 2)));
    harness.probe("AE1").await;
    let keys = || harness.origin.requests().iter().filter(|r| r.path.contains("/key_")).count();
    assert_eq!(keys(), 4, "one in the folder of each of four rungs");
    harness.origin.clear_requests();
    harness.advance(Duration::from_secs(21));
    harness.probe("AE1").await;
    assert_eq!(keys(), 4, "another key by now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_makes_nothing_old() {
    let channels = [channel("TV1", "live/TV1/master.m3u8"), channel("CM1", "live/CM1/master.m3u8")];
    let harness = Harness::new(&channels, TEMPLATES, "").await;
    // Further than a playlist may stand still, and less than what makes a live edge late.
    for step in [0, 5000, -5000] {
        harness.step_clock(step);
        for code in ["TV1", "CM1"] {
            assert_eq!(failed(&*harness.probe(code).await), [""; 0], "{code} after a step of {step} ms");
        }
        harness.advance(Duration::from_secs(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_playlist_is_as_old_as_it_was_when_the_clock_is_set() {
    let harness = Harness::new(&[channel("S", "fault/hls_playlist_stale/TV1/master.m3u8")], TEMPLATES, "").await;
    harness.probe("S").await;
    // It stands still from the tenth second on.
    for _ in 0..9 {
        harness.advance(Duration::from_secs(2));
        harness.step_clock(-60_000);
        harness.probe("S").await;
    }
    assert!(failed(&*harness.probe("S").await).contains(&"hls_playlist_stale"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_listed_segment_is_inspected_when_the_whole_window_is_new() {
    let harness = Harness::new(&[channel("TV1", "live/TV1/master.m3u8")], TEMPLATES, "").await;
    harness.probe("TV1").await;
    harness.advance(Duration::from_secs(60));
    harness.probe("TV1").await;
    assert_eq!(downloads(&harness), 4 + 40, "the window's ten in each of four rungs, none of which was seen before");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_renditions_of_a_probe_share_one_limit_of_segments_and_count_the_skipped_ones() {
    let channels = [channel("TV1", "live/TV1/master.m3u8")];
    let harness = Harness::new(&channels, TEMPLATES, "probe: {max_segments: 6}").await;
    harness.probe("TV1").await;
    harness.advance(Duration::from_secs(6));
    let report = harness.probe("TV1").await;
    assert_eq!(downloads(&harness), 4 + 6, "of the three new segments in each of four rungs");
    let renditions = &report.capture.outputs[0].renditions;
    assert_eq!(renditions.iter().map(|r| r.skipped).collect::<Vec<_>>(), [1, 1, 2, 2]);
    assert_eq!((failed(&report), report.capture.deadline_exceeded), (vec![], false));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_channels_in_one_folder_do_not_mix_and_changing_tokens_rewrite_nothing() {
    let channels =
        [channel("A", "folder/TV1.m3u8"), channel("B", "folder/TV2.m3u8"), channel("TOKEN", "token/TV1/master.m3u8")];
    let harness = Harness::new(&channels, TEMPLATES, "").await;
    for _ in 0..10 {
        for code in ["A", "B", "TOKEN"] {
            assert_eq!(failed(&*harness.probe(code).await), [""; 0], "{code}");
        }
        harness.advance(Duration::from_secs(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_says_nothing_is_a_failed_check_before_the_deadline() {
    let silent = ChannelSpec { template: "PATIENT", ..channel("S", "fault/silent/TV1/master.m3u8") };
    let harness = Harness::new(&[silent], &format!("{TEMPLATES}{PATIENT}"), "").await;
    let timeout = pace::patience(Duration::from_secs(2));
    let began = Instant::now();
    let report = harness.probe_within("S", timeout).await.unwrap().report;
    assert!(began.elapsed() < timeout, "took {:?} of {timeout:?}", began.elapsed());
    assert!(!report.success);
    assert_eq!(failed(&report), ["manifest_unavailable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_bound_a_probe_waits_and_is_then_refused_while_the_first_goes_on() {
    let patient = |code, path| ChannelSpec { template: "PATIENT", ..channel(code, path) };
    let channels = [patient("S", "fault/silent/TV1/master.m3u8"), patient("TV1", "live/TV1/master.m3u8")];
    let harness = Harness::new(&channels, &format!("{TEMPLATES}{PATIENT}"), "probe: {max_in_flight: 1}").await;
    let timeout = pace::patience(Duration::from_millis(500));
    let slow = harness.probe_within("S", 6 * timeout);
    let refused = async {
        // The slow probe holds the only permit once its request is at the origin.
        while harness.origin.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        let began = Instant::now();
        (harness.probe_within("TV1", timeout).await, began.elapsed())
    };
    let (slow, (refused, waited)) = tokio::join!(slow, refused);
    assert!(matches!(refused, Err(ProbeError::Overloaded(_))), "{refused:?}");
    assert!(waited < timeout, "refused before its own deadline: {waited:?}");
    assert!(!slow.unwrap().report.success);
    assert!(harness.probe("TV1").await.success, "the permit is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_is_a_target_only_where_the_settings_allow_its_host() {
    let harness = Harness::new(&[channel("TV1", "live/TV1/master.m3u8")], TEMPLATES, "").await;
    let url = harness.origin.url("live/TV1/master.m3u8");
    let refused = harness.probe_within(&url, Duration::from_secs(5)).await;
    assert!(matches!(&refused, Err(ProbeError::BadRequest(why)) if why.contains("url_targets")), "{refused:?}");

    let allowed = "probe: {url_targets: {enabled: true, allowed_hosts: [127.0.0.1], template: T2}}";
    let harness = Harness::new(&[], TEMPLATES, allowed).await;
    let url = harness.origin.url("live/TV1/master.m3u8");
    assert!(harness.probe_within(&url, Duration::from_secs(5)).await.unwrap().report.success);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_go_to_the_channels_own_origin_and_to_no_host_that_its_playlist_names() {
    let elsewhere = Harness::new(&[], TEMPLATES, "").await;
    let named = elsewhere.origin.url("live/TV1/360p/index.m3u8");
    let own = axum::Router::new().route(
        "/master.m3u8",
        axum::routing::get(move |headers: axum::http::HeaderMap| async move {
            assert_eq!(headers["authorization"], "Bearer SECRET");
            (
                [("content-type", "application/vnd.apple.mpegurl")],
                format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{named}\n"),
            )
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let master = format!("http://{}/master.m3u8", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, own).await });
    let catalogue = format!(
        "channels:\n  - {{channel_code: A, input_url: '{master}', template: T2, request: {{bearer_token: SECRET, headers: {{x-key: K}}}}}}\n"
    );
    let (prober, _files) =
        packager_testbed::harness::prober(&catalogue, TEMPLATES, "", packager_exporter::probe::Clock::System);
    let ask = packager_exporter::probe::ProbeRequest { target: "A".to_owned(), template: None, output: None };
    let report = prober.probe(ask, Duration::from_secs(10)).await.unwrap().report;
    assert_eq!(report.capture.outputs[0].manifest.problem(), None);
    let requests = elsewhere.origin.requests();
    assert!(!requests.is_empty());
    assert!(
        requests.iter().flat_map(|r| &r.headers).all(|(n, _)| n != "authorization" && n != "x-key"),
        "{requests:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_low_latency_rendition_gets_the_requests_of_a_player_once_per_probe() {
    let harness = Harness::new(&[channel("LL1", "live/LL1/master.m3u8")], TEMPLATES, "").await;
    assert_eq!(failed(&*harness.probe("LL1").await), [""; 0]);
    let requests = harness.origin.requests();
    let asked = |directive: &str| {
        requests.iter().filter(|r| r.query.as_deref().is_some_and(|query| query.contains(directive))).count()
    };
    assert_eq!((asked("_HLS_msn="), asked("_HLS_skip=YES")), (5, 5), "four rungs and an audio rendition");
    let parts = requests.iter().filter(|r| r.path.contains("/part_")).count();
    assert_eq!(parts, 5 * 3, "the hinted one and the two newest");
}

/// A probe that may take only 1 s can't judge a blocking reload that the server answers after 1.5 s: the check calls it
/// late only from 1.2 s on.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocking_reload_that_outlasts_the_probe_is_not_run() {
    let harness = Harness::new(&[channel("LL1", "fault/ll_reload_late/LL1/master.m3u8")], TEMPLATES, "").await;
    let report = harness.probe_within("LL1", Duration::from_secs(1)).await.unwrap().report;
    let reload = report.outcomes.iter().find(|o| o.check.id == "ll_hls_blocking_reload_failed").unwrap();
    assert_eq!((reload.result, report.capture.deadline_exceeded), (CheckResult::NotRun, true));
    assert_eq!(failed(&report), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_of_an_mpd_are_requested_once_per_probe_unless_the_check_is_disabled() {
    let templates =
        format!("{TEMPLATES}\nNO_UPDATES:\n  extends: T2\n  checks: {{dash_update_failed: {{enabled: false}}}}\n");
    let own = channel("CM1", "live/CM1/updates.mpd");
    let no_updates = ChannelSpec { template: "NO_UPDATES", ..channel("CM2", "live/CM1/updates.mpd") };
    let harness = Harness::new(&[own, no_updates], &templates, "").await;
    let asked = || {
        let requests = harness.origin.requests();
        let queries = |file: &str| {
            let matching = requests.iter().filter(|r| r.path.ends_with(file)).filter_map(|r| r.query.clone());
            matching.filter(|query| !query.contains("clock")).collect::<Vec<_>>()
        };
        (queries("updates.mpd"), queries("updates.mpp"))
    };
    assert_eq!(failed(&*harness.probe("CM1").await), [""; 0]);
    let (locations, first) = asked();
    assert_eq!((locations.len(), first.len()), (1, 1));
    harness.advance(Duration::from_secs(10));
    assert_eq!(failed(&*harness.probe("CM1").await), [""; 0]);
    let (locations, second) = asked();
    assert_eq!((locations.len(), second.len()), (2, 2));
    assert_eq!(second[0], second[1], "the patch of the MPD seen before, which there is by now");
    harness.probe("CM2").await;
    assert_eq!((asked().0.len(), asked().1.len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_that_list_the_same_segments_download_them_once() {
    let harness = Harness::new(&[channel("CM1", "live/CM1/master.m3u8 live/CM1/runs.mpd")], TEMPLATES, "").await;
    for (after, segments) in [(0, 5), (10, 25)] {
        harness.advance(Duration::from_secs(after));
        harness.origin.clear_requests();
        let report = harness.probe("CM1").await;
        assert_eq!(failed(&report), [""; 0]);
        assert_eq!(downloads(&harness), segments, "four rungs and the sound");
        let inits = harness.origin.requests().iter().filter(|r| r.path.ends_with("init.mp4")).count();
        assert_eq!(inits, 5);
        for output in &report.capture.outputs {
            let inspected = output.renditions.iter().flat_map(|r| &r.segments).filter(|s| s.inspection.is_some());
            assert_eq!(inspected.count(), segments, "{}", output.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hls_and_dash_of_the_same_segments_are_the_same_renditions_with_the_same_measures() {
    let hls = channel("HLS", "live/CM1/master.m3u8");
    let dash = channel("DASH", "live/CM1/runs.mpd");
    let harness = Harness::new(&[hls, dash], TEMPLATES, "").await;
    let (mut hls_measures, mut dash_measures) = (Vec::new(), Vec::new());
    for found in [1, 2, 2] {
        let (hls, dash) = (harness.probe("HLS").await, harness.probe("DASH").await);
        hls_measures.extend(segment_measures(&hls));
        dash_measures.extend(segment_measures(&dash));
        let gauges = segment_gauges(&hls);
        assert_eq!(gauges, segment_gauges(&dash));
        let gaps = gauges.iter().filter(|[name, ..]| name == "packager_timestamp_gap_seconds").count();
        assert_eq!(gaps, usize::from(found > 1), "a gap is measured between two segments of one probe");
        harness.advance(Duration::from_secs(4));
    }
    hls_measures.sort();
    dash_measures.sort();
    assert_eq!(hls_measures.len(), 5 * (1 + 2 + 2));
    assert_eq!(hls_measures, dash_measures);
}

/// Largest number of series of a clean channel with four rungs, by which docs/operations.md sizes Prometheus.
const MAX_SERIES_OF_FOUR_RUNGS: usize = 150;

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_channel_of_four_rungs_has_few_series() {
    for path in ["live/TV1/master.m3u8", "live/HD1/master.m3u8"] {
        let template = if path.contains("HD1") { "T6" } else { "T2" };
        let harness = Harness::new(&[ChannelSpec { template, ..channel("CH", path) }], TEMPLATES, "").await;
        let mut text = String::new();
        for _ in 0..4 {
            text = exposition(harness.probe("CH").await.as_ref());
            harness.advance(Duration::from_secs(6));
        }
        // A busy machine downloads slowly, which is a finding with series of its own.
        let of_findings = ["#", "packager_check_violations", "packager_violation_measured", "packager_check_not_run"];
        let is_of_finding = |line: &&str| of_findings.iter().any(|begin| line.starts_with(begin));
        let series: Vec<&str> = text.lines().filter(|line| !is_of_finding(line)).collect();
        assert!(series.len() <= MAX_SERIES_OF_FOUR_RUNGS, "{path}: {} series\n{text}", series.len());
    }
}

/// Gauges that depend only on the segments, however a manifest lists them and however fast they arrive.
const SEGMENT_GAUGES: [&str; 6] = [
    "packager_rendition_available",
    "packager_segment_duration_seconds",
    "packager_segment_size_bytes",
    "packager_keyframe_interval_max_seconds",
    "packager_timestamp_gap_seconds",
    "packager_av_offset_seconds",
];

/// Returns name, rendition (empty for a gauge of the whole output), kind and value of each sample of [`SEGMENT_GAUGES`], sorted. Values are rounded to
/// thousandths, as playlists write durations.
fn segment_gauges(report: &Report) -> Vec<[String; 4]> {
    let renditions = report.capture.outputs.iter().flat_map(|o| &o.renditions).map(|r| &r.rendition);
    let described: BTreeMap<&str, String> = renditions.map(|r| (r.name.as_str(), description(r))).collect();
    let text = exposition(report);
    let sample = |line: &str| {
        let (name, rest) = line.split_once('{').filter(|(name, _)| SEGMENT_GAUGES.contains(name))?;
        let (labels, value) = rest.rsplit_once("} ").unwrap();
        let label = |name: &str| {
            let label = labels.split(',').find_map(|label| label.strip_prefix(name)?.strip_prefix("=\""));
            label.map(|value| value.trim_end_matches('"')).unwrap_or_default()
        };
        let thousandths = (value.parse::<f64>().unwrap() * 1000.0).round();
        let rendition = described.get(label("rendition")).cloned().unwrap_or_default();
        Some([name.to_owned(), rendition, label("kind").to_owned(), thousandths.to_string()])
    };
    let mut samples: Vec<_> = text.lines().filter_map(sample).collect();
    samples.sort();
    samples
}

/// Returns a rendition's declared properties that are the same in HLS and DASH. Bit rate and name aren't, because the
/// bit rate of an HLS variant includes its audio.
fn description(rendition: &Rendition) -> String {
    let Rendition { media, resolution, frame_rate, language, .. } = rendition;
    format!("{media:?} {resolution:?} {frame_rate:?} {language:?}")
}

/// Returns rendition, path, declared duration in milliseconds and measured tracks of each segment.
fn segment_measures(report: &Report) -> Vec<[String; 4]> {
    let renditions = report.capture.outputs.iter().flat_map(|o| &o.renditions);
    let each = renditions.flat_map(|r| r.segments.iter().map(move |s| (&r.rendition, s)));
    let measures = |(rendition, facts): (&Rendition, &Arc<SegmentFacts>)| {
        let declared = (facts.segment.duration.0 * 1000.0).round();
        let tracks = &facts.inspection.as_ref().unwrap().tracks;
        let times = tracks.iter().map(|t| (t.id, t.start, t.presentation_start, t.end, t.samples));
        [
            description(rendition),
            facts.segment.uri.path().to_owned(),
            declared.to_string(),
            format!("{:?}", times.collect::<Vec<_>>()),
        ]
    };
    each.map(measures).collect()
}
