//! Tests of servers that begin a playback session with each request for a manifest, and of servers that require a
//! cookie.

use packager_exporter::checks::CheckResult;
use packager_exporter::probe::ProbeRequest;
use packager_exporter::report::{Report, TextDetail, log, text};
use packager_testbed::harness::{ChannelSpec, Harness, TEMPLATES};
use packager_testbed::origin::LoggedRequest;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(2);

fn channel<'a>(code: &'a str, path: &'a str) -> ChannelSpec<'a> {
    ChannelSpec { code, path, template: "T2" }
}

fn failed(report: &Report) -> Vec<&'static str> {
    report.outcomes.iter().filter(|o| o.result == CheckResult::Failed).map(|o| o.check.id).collect()
}

/// Returns the folders of playback sessions whose media playlists or MPDs were requested; multivariant playlists don't
/// count.
fn sessions_asked(harness: &Harness) -> BTreeSet<String> {
    let is_session = |f: &&str| f.strip_prefix('s').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let folder = |path: &str| path.split('/').find(is_session).map(str::to_owned);
    let listed = |path: &str| path.ends_with("index.m3u8") || path.ends_with(".mpd");
    harness.origin.requests().iter().filter(|r| listed(&r.path)).filter_map(|r| folder(&r.path)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_of_all_scrapers_follow_one_session_until_it_ends() {
    for path in ["live/TV1/sessions.m3u8", "live/TV1/redirect.m3u8", "live/CM1/sessions.mpd"] {
        let templates = format!("{TEMPLATES}\nOTHER:\n  extends: T2\n  hold: 30s\n");
        let harness = Harness::new(&[channel("C", path)], &templates, "").await;
        let other = || ProbeRequest { target: "C".to_owned(), template: Some("OTHER".to_owned()), output: None };
        let mut asked = Vec::new();
        for probe in 0..30 {
            harness.origin.clear_requests();
            let (one, two) = tokio::join!(harness.probe("C"), harness.prober.probe(other(), Duration::from_secs(600)));
            for report in [one, two.unwrap().report] {
                assert_eq!(
                    failed(&report),
                    [""; 0],
                    "{path}, probe {probe}: {}",
                    text(&report, false, TextDetail::Full)
                );
            }
            asked.push(sessions_asked(&harness));
            harness.advance(EVERY);
        }
        let all: BTreeSet<_> = asked.iter().flatten().collect();
        assert_eq!(all.len(), 2, "{path}: one session for 40 s, then the next: {all:?}");
        let changes = asked.iter().filter(|sessions| sessions.len() > 1).count();
        assert!(changes <= 1, "{path}: both only where the first had ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_stand_still_are_reported_on_time_and_for_as_long_as_they_do() {
    for (path, check) in [
        ("fault/session_stale/TV1/sessions.m3u8", "hls_playlist_stale"),
        ("fault/dash_session_stale/CM1/sessions.mpd", "dash_mpd_stale"),
    ] {
        let harness = Harness::new(&[channel("C", path)], TEMPLATES, "").await;
        let mut found = Vec::new();
        for _ in 0..90 {
            let report = harness.probe("C").await;
            found.push((failed(&report).contains(&check), report.success));
            harness.advance(EVERY);
        }
        // The packager stops after 10 s. With segments of 2 s the last one is seen at 10 s, and the next is due at 13 s.
        let first = found.iter().position(|(stale, _)| *stale).unwrap();
        assert!((6..=8).contains(&first), "{path}: after {first} probes");
        // Segments of an MPD leave its window by the clock, and then other checks report that nothing is left.
        let listed = if check == "dash_mpd_stale" { first + 5 } else { found.len() };
        assert!(found.iter().take(listed).skip(first).all(|(stale, _)| *stale), "{path}: {found:?}");
        assert!(found.iter().skip(first + 3).all(|(_, success)| !success), "{path}: critical, {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_stands_still_alone_is_reported_for_a_minute_and_left() {
    let path = "fault/session_frozen/TV1/sessions.m3u8";
    let harness = Harness::new(&[channel("C", path)], TEMPLATES, "").await;
    let mut stale = Vec::new();
    for _ in 0..60 {
        stale.push(failed(&*harness.probe("C").await).contains(&"hls_playlist_stale"));
        harness.advance(EVERY);
    }
    let first = stale.iter().position(|stale| *stale).unwrap();
    let last = stale.iter().rposition(|stale| *stale).unwrap();
    assert!((6..=8).contains(&first), "after {first} probes");
    assert!((36..=42).contains(&last), "66 s after it stopped another session begins: {last}");
    assert_eq!(sessions_asked(&harness).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_within_a_session_is_found_as_on_a_fixed_address() {
    let harness = Harness::new(
        &[
            channel("RESTART", "fault/session_restarted/TV1/sessions.m3u8"),
            channel("MISSING", "fault/session_rendition_404/TV1/sessions.m3u8"),
        ],
        TEMPLATES,
        "",
    )
    .await;
    let mut restarts = 0;
    for _ in 0..20 {
        restarts += usize::from(failed(&*harness.probe("RESTART").await).contains(&"packager_restarted"));
        assert!(failed(&*harness.probe("MISSING").await).contains(&"rendition_unavailable"));
        harness.advance(EVERY);
    }
    assert!(restarts > 0);
    harness.origin.clear_requests();
    harness.probe("MISSING").await;
    let requests = harness.origin.requests();
    let playlists = requests.iter().filter(|r| r.path.ends_with("index.m3u8")).map(|r| r.path.as_str());
    let folder = |path: &str| path.rsplit('/').nth(2).map(str::to_owned);
    let mut by_session: BTreeMap<_, usize> = BTreeMap::new();
    playlists.for_each(|path| *by_session.entry(folder(path)).or_default() += 1);
    let mut counts: Vec<usize> = by_session.into_values().collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 4], "the missing playlist once more in a new session, the others in the old one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_comes_back_to_its_own_folder_for_its_own_channel_and_is_never_shown() {
    let channels = [
        channel("COOKIE", "live/TV1/cookie.m3u8"),
        channel("OTHER", "live/TV1/guarded/master.m3u8"),
        channel("ELSEWHERE", "fault/cookie_elsewhere/TV1/cookie.m3u8"),
    ];
    let harness = Harness::new(&channels, TEMPLATES, "").await;
    for _ in 0..20 {
        let report = harness.probe("COOKIE").await;
        assert_eq!(failed(&report), [""; 0]);
        for form in [
            serde_json::to_string(&report).unwrap(),
            text(&report, true, TextDetail::Full),
            log(&report),
            format!("{report:?}"),
        ] {
            assert!(!form.contains("hdntl") && !form.contains("st~"), "{form}");
        }
        harness.advance(EVERY);
    }
    let has_cookie = |request: &LoggedRequest| request.headers.iter().any(|(name, _)| name == "cookie");
    let sent = |folder: &str| {
        let requests = harness.origin.requests();
        let in_folder = || requests.iter().filter(|r| r.path.starts_with(folder));
        (in_folder().filter(|r| has_cookie(r)).count(), in_folder().count())
    };
    let (with, all) = sent("/live/TV1/");
    assert_eq!(all - with, 1, "only the first request of all had none");
    harness.origin.clear_requests();
    assert_eq!(failed(&*harness.probe("OTHER").await), ["manifest_unavailable"]);
    assert!(failed(&*harness.probe("ELSEWHERE").await).contains(&"rendition_unavailable"));
    assert_eq!(sent("/").0, 0, "another channel, and another folder");
}
