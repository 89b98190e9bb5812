use super::origin::{Origin, head};
use super::{LONG, SHORT, client, failure, get, request, within};
use crate::config;
use crate::facts::FailureKind;
use crate::fetch::Client;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;
use url::Url;

#[tokio::test]
async fn a_refused_connection_names_the_address() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let failed = failure(&client(), &format!("http://{free}/x?token=hush")).await;
    assert_eq!(failed.kind, FailureKind::Connect);
    let message =
        format!("connection refused by {free}: no service listens on this port; check the service and the port");
    assert_eq!(failed.message, message);
    let by_name = failure(&client(), &format!("http://localhost:{}/", free.port())).await;
    assert!(by_name.message.contains(&format!("{free} (localhost)")), "{}", by_name.message);
}

#[tokio::test]
async fn a_name_without_address_is_a_dns_failure() {
    let failed = failure(&client(), "http://packager-01.invalid/").await;
    assert_eq!(failed.kind, FailureKind::Dns);
    assert!(failed.message.starts_with("no address for packager-01.invalid: "), "{}", failed.message);
}

#[tokio::test]
async fn a_name_is_judged_by_what_dns_answers() {
    let origin = Origin::once("").await;
    let closed =
        Client::new(&config::FetchSettings { allow_private_addresses: false, ..config::FetchSettings::default() })
            .unwrap();
    let failed = failure(&closed, &format!("http://localhost:{}/", origin.address.port())).await;
    assert_eq!(failed.kind, FailureKind::Refused);
    assert!(failed.message.starts_with("refused: localhost resolves to "), "{}", failed.message);
    assert!(failed.message.contains("fetch.allow_private_addresses"));
    let literal = failure(&closed, origin.url("/").as_str()).await;
    assert!(literal.message.starts_with("refused: 127.0.0.1 is a private or loopback address"), "{}", literal.message);
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn a_silent_server_times_out_at_the_deadline() {
    let origin = Origin::raw(|stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let url = origin.url("/");
    let began = Instant::now();
    let failed = within(&client(), request(&url), SHORT).await.0.result.unwrap_err();
    assert!(began.elapsed() < LONG / 2);
    assert_eq!(failed.kind, FailureKind::Timeout);
    let expected = format!("no answer from {} within ", origin.address);
    assert!(
        failed.message.starts_with(&expected) && failed.message.ends_with("after connecting"),
        "{}",
        failed.message
    );
}

#[tokio::test]
async fn a_passed_deadline_is_no_fault_of_the_server() {
    let origin = Origin::once("").await;
    let url = origin.url("/");
    let failed = within(&client(), request(&url), Duration::ZERO).await.0.result.unwrap_err();
    assert_eq!(failed.kind, FailureKind::Deadline);
    assert_eq!(origin.connections(), 0);
}

/// A listener whose backlog is full drops further SYN packets, as a firewall does.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connect_timeout_names_the_address() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(0).unwrap();
    let address = full.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(SHORT, TcpStream::connect(address)).await {
        waiting.push(stream);
    }
    let client =
        Client::new(&config::FetchSettings { connect_timeout: 0.15, ..config::FetchSettings::default() }).unwrap();
    let failed = failure(&client, &format!("http://{address}/")).await;
    assert_eq!(failed.kind, FailureKind::Connect);
    let expected = format!("no connection to {address} within ");
    assert!(failed.message.starts_with(&expected), "{}", failed.message);
}

#[tokio::test]
async fn a_tls_handshake_that_hangs_is_named() {
    let origin = Origin::raw(|stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let url = Url::parse(&format!("https://{}/", origin.address)).unwrap();
    let client =
        Client::new(&config::FetchSettings { connect_timeout: 0.15, ..config::FetchSettings::default() }).unwrap();
    let failed = get(&client, request(&url)).await.0.result.unwrap_err();
    assert_eq!(failed.kind, FailureKind::Tls);
    assert!(failed.message.starts_with("the TLS handshake with 127.0.0.1:"), "{}", failed.message);
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_a_protocol_failure() {
    let origin = Origin::once("SSH-2.0-OpenSSH_9.6\r\n").await;
    let failed = failure(&client(), origin.url("/").as_str()).await;
    assert_eq!(failed.kind, FailureKind::Protocol);
    assert!(failed.message.contains("something that isn't HTTP"), "{}", failed.message);
}

#[tokio::test]
async fn a_connection_closed_before_the_headers_is_cut() {
    for sent in ["", "HTTP/1.1 200 OK\r\ncontent-"] {
        let origin = Origin::once(sent).await;
        let failed = failure(&client(), origin.url("/").as_str()).await;
        assert_eq!(failed.kind, FailureKind::Cut);
        let message = format!("{} closed the connection before its headers were complete", origin.address);
        assert_eq!(failed.message, message);
        assert_eq!(origin.connections(), 1, "a fresh connection's failure is the server's: not repeated");
    }
}

#[tokio::test]
async fn a_reset_is_cut() {
    let origin = Origin::raw(|mut stream, _| async move {
        head(&mut stream).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let failed = failure(&client(), origin.url("/").as_str()).await;
    assert_eq!(failed.kind, FailureKind::Cut);
    assert!(failed.message.contains("reset"), "{}", failed.message);
}

#[tokio::test]
async fn https_to_an_http_port_and_the_other_way_round() {
    let origin = Origin::raw(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        let _ = head(&mut stream).await;
    })
    .await;
    let failed = failure(&client(), &format!("https://{}/", origin.address)).await;
    assert_eq!(failed.kind, FailureKind::Tls);
    assert!(failed.message.contains("doesn't speak TLS on this port"), "{}", failed.message);
}

#[test]
fn a_setting_nothing_could_be_fetched_with_is_named() {
    let broken = |settings: config::FetchSettings| Client::new(&settings).unwrap_err().to_string();
    for connect_timeout in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let message = broken(config::FetchSettings { connect_timeout, ..config::FetchSettings::default() });
        assert!(message.starts_with("fetch.connect_timeout"), "{message}");
    }
    let message = broken(config::FetchSettings { user_agent: "a\nb".to_owned(), ..config::FetchSettings::default() });
    assert!(message.starts_with("fetch.user_agent"), "{message}");
}
