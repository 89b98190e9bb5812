use super::origin::{Origin, head, ok};
use super::{LONG, SHORT, client, exchange, get, request, within};
use crate::config;
use crate::facts::FailureKind;
use crate::fetch::{Client, FetchRequest};
use packager_media::stream::ByteRange;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Barrier, Notify};
use url::Url;

#[tokio::test]
async fn a_kept_alive_connection_spares_its_phases() {
    let origin = Origin::answering(|_| ok(b"hello")).await;
    let url = Url::parse(&format!("http://localhost:{}/", origin.address.port())).unwrap();
    let client = client();
    let (first, _) = exchange(&client, request(&url)).await;
    let (again, _) = exchange(&client, request(&url)).await;
    assert_eq!(origin.connections(), 1);
    assert!(first.timings.dns.is_some() && first.timings.connect.is_some() && first.timings.tls.is_none());
    assert_eq!((again.timings.dns, again.timings.connect, again.timings.tls), (None, None, None));
    let t = first.timings;
    let parts = t.dns.unwrap().0 + t.connect.unwrap().0 + t.first_byte.0 + t.body.0;
    assert!(parts <= t.total.0 && t.first_byte.0 > 0.0, "{t:?}");
}

#[tokio::test]
async fn a_connection_that_has_reached_its_age_gets_no_further_request() {
    let origin = Origin::answering(|_| ok(b"hello")).await;
    let url = origin.url("/");
    let settings = config::FetchSettings { max_connection_age: 1e-9, ..config::FetchSettings::default() };
    let client = Client::new(&settings).unwrap();
    for _ in 0..3 {
        exchange(&client, request(&url)).await;
    }
    assert_eq!(origin.connections(), 3);
}

/// The server times out each connection on its second request, as one does that notices an idle connection at this moment.
#[tokio::test]
async fn a_408_on_a_kept_alive_connection_says_nothing_about_the_request() {
    const TIMED_OUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let origin = Origin::raw(|mut stream, number| async move {
        head(&mut stream).await;
        let answer = if number == 2 { TIMED_OUT.to_vec() } else { ok(b"hello") };
        stream.write_all(&answer).await.unwrap();
        head(&mut stream).await;
        let _ = stream.write_all(TIMED_OUT).await;
    })
    .await;
    let url = origin.url("/");
    let client = client();
    for expected in [200, 200, 408] {
        assert_eq!(exchange(&client, request(&url)).await.0.status, expected, "408 counts on a new connection");
    }
    assert_eq!(origin.connections(), 3);
}

#[tokio::test]
async fn an_address_in_the_url_has_no_dns_phase() {
    let origin = Origin::answering(|_| ok(b"")).await;
    let url = origin.url("/");
    let (got, _) = exchange(&client(), request(&url)).await;
    assert!(got.timings.dns.is_none() && got.timings.connect.is_some());
}

#[tokio::test]
async fn errors_redirects_and_single_bytes_keep_the_connection() {
    let origin = Origin::answering(|head| match head.split(' ').nth(1).unwrap() {
        "/gone" => b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone".to_vec(),
        "/moved" => b"HTTP/1.1 301 Moved\r\nlocation: /\r\ncontent-length: 5\r\n\r\nmoved".to_vec(),
        "/part" => b"HTTP/1.1 206 Partial\r\ncontent-range: bytes 0-0/9\r\ncontent-length: 1\r\n\r\nx".to_vec(),
        _ => ok(b"here"),
    })
    .await;
    let client = client();
    for path in ["/gone", "/moved", "/", "/"] {
        let url = origin.url(path);
        exchange(&client, request(&url)).await;
    }
    let url = origin.url("/part");
    let range = Some(ByteRange { offset: 0, length: 1 });
    let (got, body) = exchange(&client, FetchRequest { range, headers_only: true, ..request(&url) }).await;
    assert_eq!((got.status, body.len(), got.complete()), (206, 0, true));
    exchange(&client, request(&url)).await;
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn headers_only_leaves_a_long_body_alone() {
    let origin = Origin::raw(|mut stream, _| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let url = origin.url("/");
    let (got, body) = exchange(&client(), FetchRequest { headers_only: true, ..request(&url) }).await;
    assert_eq!((got.status, got.broken, body.len()), (200, None, 0));
    assert_eq!(got.content_length, Some(9_000_000));
}

/// The server closes each connection on its second request, as one does whose keep-alive timeout ends at this moment.
#[tokio::test]
async fn a_kept_alive_connection_that_closes_under_a_request_is_no_failure() {
    let origin = Origin::raw(|mut stream, _| async move {
        head(&mut stream).await;
        stream.write_all(&ok(b"hello")).await.unwrap();
        head(&mut stream).await;
    })
    .await;
    let url = origin.url("/");
    let client = client();
    for _ in 0..3 {
        let (fetched, body) = get(&client, request(&url)).await;
        assert!(fetched.ok().is_some(), "{:?}", fetched.problem());
        assert_eq!(body, b"hello");
    }
    assert_eq!(origin.connections(), 3);
}

/// The server closes all connections that were used once when the next request comes, so that the second attempt fails too.
#[tokio::test]
async fn several_kept_alive_connections_that_close_are_no_failure() {
    let together = Arc::new(Barrier::new(4));
    let origin = Origin::raw(move |mut stream, number| {
        let together = Arc::clone(&together);
        async move {
            head(&mut stream).await;
            if number < 4 {
                together.wait().await;
            }
            stream.write_all(&ok(b"hello")).await.unwrap();
            head(&mut stream).await;
        }
    })
    .await;
    let url = origin.url("/");
    let client = client();
    for (fetched, _) in futures_util::future::join_all((0..4).map(|_| get(&client, request(&url)))).await {
        assert!(fetched.ok().is_some(), "{:?}", fetched.problem());
    }
    let (fetched, body) = get(&client, request(&url)).await;
    assert!(fetched.ok().is_some(), "{:?}", fetched.problem());
    assert_eq!((body.as_slice(), origin.connections()), (b"hello".as_slice(), 5));
}

#[tokio::test]
async fn a_host_gets_no_more_requests_at_once_than_allowed() {
    let (busy, most, both) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
    let seen = Arc::clone(&most);
    let origin = Origin::raw(move |mut stream, _| {
        let (busy, most, both) = (Arc::clone(&busy), Arc::clone(&seen), Arc::clone(&both));
        async move {
            while head(&mut stream).await.is_some() {
                most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                both.wait().await;
                busy.fetch_sub(1, Ordering::SeqCst);
                stream.write_all(&ok(b"")).await.unwrap();
            }
        }
    })
    .await;
    let url = origin.url("/");
    let client =
        Client::new(&config::FetchSettings { max_connections_per_host: 2, ..config::FetchSettings::default() })
            .unwrap();
    let all = (0..8).map(|_| get(&client, request(&url)));
    for (fetched, _) in futures_util::future::join_all(all).await {
        assert!(fetched.ok().is_some(), "{:?}", fetched.problem());
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_wait_for_a_connection_that_never_becomes_free_says_nothing_about_the_server() {
    let asked = Arc::new(Notify::new());
    let signal = Arc::clone(&asked);
    let origin = Origin::raw(move |mut stream, _| {
        let signal = Arc::clone(&signal);
        async move {
            head(&mut stream).await;
            signal.notify_one();
            std::future::pending::<()>().await;
        }
    })
    .await;
    let url = origin.url("/");
    let client =
        Client::new(&config::FetchSettings { max_connections_per_host: 1, ..config::FetchSettings::default() })
            .unwrap();
    let (holder, held) = (client.clone(), url.clone());
    let holding = tokio::spawn(async move { within(&holder, request(&held), LONG).await });
    asked.notified().await;
    let failed = within(&client, request(&url), SHORT).await.0.result.unwrap_err();
    assert_eq!(failed.kind, FailureKind::Deadline);
    assert!(failed.message.contains("all 1 connections to 127.0.0.1:"), "{}", failed.message);
    holding.abort();
}
