//! The ways in which connections reach their servers: other addresses, proxies, source addresses.

use super::origin::{Origin, head, ok};
use super::{client, exchange, get, request};
use crate::catalog::{Auth, ConnectTo, ConnectionSettings, IpProtocol, ProxySettings, RequestSettings};
use crate::config;
use crate::facts::{Failure, FailureKind};
use crate::fetch::{Client, FetchRequest};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use url::Url;

fn settings(connection: ConnectionSettings) -> RequestSettings {
    RequestSettings { connection, ..RequestSettings::default() }
}

fn connecting_to(address: &str, host: &str) -> RequestSettings {
    settings(ConnectionSettings {
        connect_to: Some(ConnectTo::parse(address).unwrap()),
        own_host: Some(host.to_owned()),
        own_port: Some(80),
        ..ConnectionSettings::default()
    })
}

fn through(proxy: SocketAddr, scheme: &str, no_proxy: &[&str]) -> RequestSettings {
    let proxy_auth = Some(Auth::Basic { username: "noc".to_owned(), password: "s3cret".to_owned() });
    let no_proxy = no_proxy.iter().map(|host| (*host).to_owned()).collect();
    let proxy_url = Url::parse(&format!("{scheme}://{proxy}")).unwrap();
    settings(ConnectionSettings {
        proxy: Some(ProxySettings { proxy_url, proxy_auth, no_proxy }),
        ..ConnectionSettings::default()
    })
}

async fn refused(client: &Client, url: &str, settings: &RequestSettings) -> Failure {
    let url = Url::parse(url).unwrap();
    get(client, FetchRequest { settings, ..request(&url) }).await.0.result.unwrap_err()
}

/// A proxy that opens tunnels and remembers the heads of the requests for them.
async fn tunnelling_proxy(seen: Arc<Mutex<Vec<String>>>, status: &'static str) -> Origin {
    Origin::raw(move |mut stream, _| {
        let seen = Arc::clone(&seen);
        async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1).unwrap().replace("localhost", "127.0.0.1");
            seen.lock().unwrap().push(head);
            stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await.unwrap();
            if let Ok(mut server) = TcpStream::connect(target).await {
                let _ = copy_bidirectional(&mut stream, &mut server).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn another_address_gets_the_requests_under_the_urls_own_host_and_for_that_host_alone() {
    let (edge, other) = (Origin::answering(|_| ok(b"edge")).await, Origin::answering(|_| ok(b"other")).await);
    let (client, own) = (client(), connecting_to(&edge.address.to_string(), "live.example"));
    let url = Url::parse("http://live.example/a.m3u8").unwrap();
    assert_eq!(exchange(&client, FetchRequest { settings: &own, ..request(&url) }).await.1, b"edge");
    assert!(edge.heads()[0].contains("host: live.example\r\n"), "{:?}", edge.heads());
    // The port is that of the output's URL alone: another service of the host is at the same address.
    let url = Url::parse(&format!("http://live.example:{}/b.m3u8", other.address.port())).unwrap();
    assert_eq!(exchange(&client, FetchRequest { settings: &own, ..request(&url) }).await.1, b"other");
    let url = other.url("/");
    assert_eq!(exchange(&client, FetchRequest { settings: &own, ..request(&url) }).await.1, b"other");
}

#[tokio::test]
async fn two_addresses_of_a_name_never_share_a_connection() {
    let (first, second) = (Origin::answering(|_| ok(b"1")).await, Origin::answering(|_| ok(b"2")).await);
    let (client, url) = (client(), Url::parse("http://live.example/").unwrap());
    for (origin, expected) in [(&first, b"1"), (&second, b"2"), (&first, b"1")] {
        let own = connecting_to(&origin.address.to_string(), "live.example");
        assert_eq!(exchange(&client, FetchRequest { settings: &own, ..request(&url) }).await.1, expected);
    }
    assert_eq!((first.connections(), second.connections()), (1, 1));
}

#[tokio::test]
async fn a_name_to_connect_to_is_looked_up_and_its_port_is_the_urls() {
    let origin = Origin::answering(|_| ok(b"here")).await;
    let own = settings(ConnectionSettings {
        ip_protocol: Some(IpProtocol::Ip4),
        ..connecting_to("localhost", "live.example").connection
    });
    let url = Url::parse(&format!("http://live.example:{}/", origin.address.port())).unwrap();
    assert_eq!(exchange(&client(), FetchRequest { settings: &own, ..request(&url) }).await.1, b"here");
}

#[tokio::test]
async fn the_address_guard_judges_every_address_that_a_setting_names() {
    let closed =
        Client::new(&config::FetchSettings { allow_private_addresses: false, ..config::FetchSettings::default() });
    let closed = closed.unwrap();
    let metadata = "169.254.169.254:80";
    for (settings, url) in [
        (connecting_to(metadata, "live.example"), "http://live.example/"),
        (connecting_to("[::ffff:169.254.169.254]:80", "live.example"), "http://live.example/"),
        (through(metadata.parse().unwrap(), "http", &[]), "http://192.0.2.1/"),
        (through(metadata.parse().unwrap(), "socks5", &[]), "http://192.0.2.1/"),
    ] {
        let failed = refused(&client(), url, &settings).await;
        assert_eq!(failed.kind, FailureKind::Refused, "{}", failed.message);
    }
    let private = connecting_to("127.0.0.1:9", "live.example");
    let failed = refused(&closed, "http://live.example/", &private).await;
    assert!(failed.message.contains("fetch.allow_private_addresses"), "{}", failed.message);
}

#[tokio::test]
async fn the_address_guard_judges_hosts_behind_a_proxy() {
    let proxy = Origin::answering(|_| ok(b"proxied")).await;
    for scheme in ["http", "socks5"] {
        let settings = through(proxy.address, scheme, &[]);
        let failed = refused(&client(), "http://169.254.169.254/", &settings).await;
        assert_eq!(failed.kind, FailureKind::Refused, "{}", failed.message);
        let failed = refused(&client(), "http://no-such-name.invalid/", &settings).await;
        assert_eq!(failed.kind, FailureKind::Dns, "{}", failed.message);
    }
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
async fn a_proxy_gets_the_whole_url_of_an_http_request_and_its_own_credentials() {
    let proxy = Origin::answering(|_| ok(b"proxied")).await;
    let direct = Origin::answering(|_| ok(b"direct")).await;
    let (client, url) = (client(), direct.url("/a?b=c"));
    let settings = through(proxy.address, "http", &[]);
    assert_eq!(exchange(&client, FetchRequest { settings: &settings, ..request(&url) }).await.1, b"proxied");
    let heads = proxy.heads();
    assert!(heads[0].starts_with(&format!("get {url} http/1.1\r\n")), "{heads:?}");
    assert!(heads[0].contains("proxy-authorization: basic bm9jonmzy3jlda==\r\n"), "{heads:?}");
    let settings = through(proxy.address, "http", &["127.0.0.0/8"]);
    assert_eq!(exchange(&client, FetchRequest { settings: &settings, ..request(&url) }).await.1, b"direct");
    assert!(!direct.heads()[0].contains("proxy-authorization"), "{:?}", direct.heads());
}

#[tokio::test]
async fn with_another_address_a_proxy_opens_a_tunnel_to_it() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (edge, proxy) = (
        Origin::answering(|_| ok(b"edge")).await,
        tunnelling_proxy(Arc::clone(&seen), "200 Connection established").await,
    );
    let mut settings = through(proxy.address, "http", &[]);
    let own = connecting_to(&edge.address.to_string(), "live.example").connection;
    (settings.connection.connect_to, settings.connection.own_host) = (own.connect_to, own.own_host);
    settings.connection.own_port = own.own_port;
    let url = Url::parse("http://live.example/a").unwrap();
    assert_eq!(exchange(&client(), FetchRequest { settings: &settings, ..request(&url) }).await.1, b"edge");
    let tunnel = seen.lock().unwrap()[0].to_lowercase();
    assert!(tunnel.starts_with(&format!("connect {} http/1.1\r\n", edge.address)), "{tunnel}");
    assert!(tunnel.contains("proxy-authorization: basic bm9jonmzy3jlda==\r\n"), "{tunnel}");
    assert!(edge.heads()[0].starts_with("get /a ") && !edge.heads()[0].contains("proxy-authorization"));
}

#[tokio::test]
async fn a_tunnel_leads_to_the_address_that_was_judged() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (edge, proxy) = (Origin::answering(|_| ok(b"edge")).await, tunnelling_proxy(Arc::clone(&seen), "200 OK").await);
    let mut settings = through(proxy.address, "http", &[]);
    settings.connection.ip_protocol = Some(IpProtocol::Ip4);
    // What makes an http request go through a tunnel.
    settings.connection.connect_to = Some(ConnectTo::parse(&format!("localhost:{}", edge.address.port())).unwrap());
    settings.connection.own_host = Some("live.example".to_owned());
    let url = Url::parse("http://live.example/a").unwrap();
    assert_eq!(exchange(&client(), FetchRequest { settings: &settings, ..request(&url) }).await.1, b"edge");
    let tunnel = seen.lock().unwrap()[0].clone();
    assert!(tunnel.starts_with(&format!("CONNECT 127.0.0.1:{} ", edge.address.port())), "no name to look up: {tunnel}");
}

#[tokio::test]
async fn what_a_proxy_refuses_is_its_failure_and_not_the_servers() {
    for (status, expected) in
        [("407 Proxy Authentication Required", "proxy_auth"), ("403 Forbidden", "refused to connect to")]
    {
        let proxy = tunnelling_proxy(Arc::default(), status).await;
        let settings = through(proxy.address, "http", &[]);
        let failed = refused(&client(), "https://127.0.0.1:9/", &settings).await;
        assert_eq!(failed.kind, FailureKind::Connect);
        let named = format!("the proxy {}", proxy.address);
        assert!(failed.message.contains(&named) && failed.message.contains(expected), "{}", failed.message);
        assert!(!failed.message.contains("s3cret"));
    }
    let forwarder =
        Origin::answering(|_| b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n".to_vec())
            .await;
    let failed = refused(&client(), "http://127.0.0.1:9/", &through(forwarder.address, "http", &[])).await;
    assert!(failed.kind == FailureKind::Connect && failed.message.contains("proxy_auth"), "{}", failed.message);
    let not_socks = refused(&client(), "http://127.0.0.1:9/", &through(forwarder.address, "socks5", &[])).await;
    assert!(not_socks.message.contains(&forwarder.address.to_string()), "{}", not_socks.message);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failed = refused(&client(), "http://127.0.0.1:9/", &through(gone, "http", &[])).await;
    assert!(failed.message.contains("check proxy_url"), "{}", failed.message);
}

#[tokio::test]
async fn connections_come_from_the_source_address() {
    let peers = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&peers);
    let origin = Origin::raw(move |mut stream, _| {
        seen.lock().unwrap().push(stream.peer_addr().unwrap().ip().to_string());
        async move {
            head(&mut stream).await;
            let _ = stream.write_all(&ok(b"")).await;
        }
    })
    .await;
    let own = settings(ConnectionSettings {
        source_address: Some("127.0.0.2".parse().unwrap()),
        ..ConnectionSettings::default()
    });
    let url = origin.url("/");
    exchange(&client(), FetchRequest { settings: &own, ..request(&url) }).await;
    assert_eq!(*peers.lock().unwrap(), ["127.0.0.2"]);
    let foreign = settings(ConnectionSettings {
        source_address: Some("192.0.2.7".parse().unwrap()),
        ..ConnectionSettings::default()
    });
    let failed = refused(&client(), url.as_str(), &foreign).await;
    assert_eq!(failed.kind, FailureKind::Connect);
    assert!(failed.message.contains("source_address"), "{}", failed.message);
}

#[tokio::test]
async fn a_name_without_an_address_of_the_wanted_kind_says_so() {
    // RFC 6761 6.3: `localhost` has the loopback addresses; this host's may have IPv4 alone.
    let resolver = crate::fetch::resolve::Resolver::new(crate::fetch::guard::AddressGuard { allow_private: true });
    for (protocol, v4) in [(IpProtocol::Ip4, true), (IpProtocol::Ip6, false)] {
        match resolver.with_protocol(protocol).addresses("localhost").await {
            Ok(addresses) => assert!(addresses.iter().all(|ip| ip.is_ipv4() == v4), "{addresses:?}"),
            Err(failure) => assert!(failure.message.contains("DNS has no IPv"), "{}", failure.message),
        }
    }
}
