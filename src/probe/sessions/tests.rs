use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn url(path: &str) -> Url {
    Url::parse("http://origin/").unwrap().join(path).unwrap()
}

fn key(channel: &str) -> OutputKey {
    OutputKey { channel: channel.to_owned(), output: "dash".to_owned() }
}

fn manifest(path: &str) -> SessionAddresses {
    SessionAddresses::Manifest(url(path))
}

/// Runs the session step of a probe of `TV1` whose newest manifest is at `path`. Returns the session's number, and the
/// URL that the probe requests in place of the one in the newest manifest; `None` if both are the same.
fn step(sessions: &Sessions, path: &str, second: i64) -> (u64, Option<SessionAddresses>) {
    let step = sessions.step(&key("TV1"), &url("tv1.mpd"), &manifest(path), at(second), 10);
    (step.number, step.followed)
}

#[test]
fn a_session_is_followed_while_it_is_used() {
    let sessions = Sessions::default();
    assert_eq!(step(&sessions, "s1", 0), (1, None));
    assert_eq!(step(&sessions, "s2", 15), (1, Some(manifest("s1"))));
    assert_eq!(step(&sessions, "s3", 315), (1, Some(manifest("s1"))), "unused for 300 s");
    assert_eq!(step(&sessions, "s4", 616), (2, None), "unused for 301 s");
    assert_eq!(step(&sessions, "s5", 617), (2, Some(manifest("s4"))));
}

#[test]
fn a_session_is_left_after_an_hour_and_an_address_that_stays_is_not_a_session_that_ends() {
    let sessions = Sessions::default();
    let number_at = |path: &str, second| step(&sessions, path, second).0;
    let steps: Vec<u64> = (0..=12).map(|n| number_at(&format!("s{n}"), n * 300)).collect();
    assert_eq!(steps, [1; 13]);
    assert_eq!(step(&sessions, "s99", 3601), (2, None));
    let fixed = Sessions::default();
    assert_eq!(step(&fixed, "tv1.mpd", 0), (1, None));
    assert_eq!(step(&fixed, "tv1.mpd", 100_000), (1, None));
}

#[test]
fn what_ended_or_failed_is_replaced_once() {
    let sessions = Sessions::default();
    step(&sessions, "s1", 0);
    let replaced =
        |ended, path: &str| sessions.replace(&key("TV1"), (ended, SessionEnd::ByServer), &manifest(path), at(5));
    assert_eq!(replaced(1, "s2"), SessionStep { number: 2, followed: None, begun: true, ended: None });
    assert_eq!(
        replaced(1, "s3"),
        SessionStep { number: 2, followed: Some(manifest("s2")), begun: false, ended: None },
        "another probe was first"
    );
    sessions.abandon(&key("TV1"), 1);
    assert_eq!(step(&sessions, "s4", 6), (2, Some(manifest("s2"))), "an older session's failure");
    sessions.abandon(&key("TV1"), 2);
    assert_eq!(step(&sessions, "s5", 7), (3, None));
    assert_eq!(
        sessions.replace(&key("TV2"), (3, SessionEnd::ByServer), &manifest("s6"), at(8)),
        SessionStep { number: 4, followed: None, begun: true, ended: None }
    );
}

#[test]
fn a_session_moves_where_its_own_manifest_leads() {
    let sessions = Sessions::default();
    step(&sessions, "s1", 0);
    sessions.move_to(&key("TV1"), 1, url("s1b"));
    sessions.move_to(&key("TV1"), 7, url("another"));
    assert_eq!(step(&sessions, "s2", 1), (2, Some(SessionAddresses::Location(url("s1b")))));
}

#[test]
fn a_location_is_another_listing_than_the_mpd_that_names_it_once_it_is_followed() {
    let sessions = Sessions::default();
    let location = |path: &str| SessionAddresses::Location(url(path));
    let step = |path: &str, second| sessions.step(&key("TV1"), &url("tv1.mpd"), &location(path), at(second), 10);
    assert_eq!(step("s1", 0), SessionStep { number: 1, followed: None, begun: true, ended: None });
    assert_eq!(step("s1", 1), SessionStep { number: 1, followed: None, begun: false, ended: None }, "one that stays");
    assert_eq!(step("s2", 2), SessionStep { number: 2, followed: Some(location("s1")), begun: true, ended: None });
    assert_eq!(step("s3", 3), SessionStep { number: 2, followed: Some(location("s1")), begun: false, ended: None });
    assert_eq!(
        step("s1", 4),
        SessionStep { number: 2, followed: Some(location("s1")), begun: false, ended: None },
        "named again"
    );
}

#[test]
fn a_clock_that_is_set_ages_no_session() {
    let sessions = Sessions::default();
    step(&sessions, "s1", 0);
    sessions.follow_clock_step(Seconds(86_400.0));
    assert_eq!(step(&sessions, "s2", 86_400), (1, Some(manifest("s1"))));
}

#[test]
fn another_manifest_begins_a_session() {
    let sessions = Sessions::default();
    step(&sessions, "s1", 0);
    let moved = sessions.step(&key("TV1"), &url("moved.mpd"), &manifest("s2"), at(1), 10);
    assert_eq!(moved, SessionStep { number: 2, followed: None, begun: true, ended: None });
    let hls = SessionAddresses::Playlists(Presentation::default());
    let now_hls = sessions.step(&key("TV1"), &url("moved.mpd"), &hls, at(2), 10);
    assert_eq!(now_hls, SessionStep { number: 3, followed: None, begun: true, ended: None });
}

#[test]
fn sessions_are_bounded_and_the_one_unused_for_longest_goes() {
    let sessions = Sessions::default();
    let number = |channel: &str, path: &str, second| {
        sessions.step(&key(channel), &url("tv.mpd"), &manifest(path), at(second), 2).number
    };
    assert_eq!((number("A", "a1", 0), number("B", "b1", 1), number("A", "a2", 2)), (1, 2, 1));
    assert_eq!(number("C", "c1", 3), 3);
    assert_eq!((number("A", "a3", 4), number("B", "b2", 5)), (1, 4), "B was forgotten");
}

#[test]
fn a_session_that_its_server_ends_after_a_usual_pause_was_in_use() {
    let ended = |pauses: &[i64], end: SessionEnd| {
        let (sessions, mut now, mut number) = (Sessions::default(), 0, 1);
        let mut last = None;
        for round in 0..3 {
            step(&sessions, &format!("a{round}"), now);
            for pause in pauses {
                now += pause;
                (number, _) = step(&sessions, "new", now);
            }
            let step = sessions.replace(&key("TV1"), (number, end), &manifest(&format!("a{}", round + 1)), at(now));
            last = step.ended;
        }
        last.map(|ended| (ended.lasted.0, ended.in_a_row))
    };
    assert_eq!(ended(&[15, 15, 15], SessionEnd::ByServer), Some((45.0, 3)));
    assert_eq!(ended(&[15, 14, 16], SessionEnd::ByServer).map(|(_, in_a_row)| in_a_row), Some(3), "an uneven scrape");
    assert_eq!(ended(&[15, 15, 30], SessionEnd::ByServer), None, "it may have been unused for too long");
    assert_eq!(ended(&[15], SessionEnd::ByServer), None, "nobody knows which pause it bears");
    assert_eq!(ended(&[15, 15, 15], SessionEnd::Left), None);
}
