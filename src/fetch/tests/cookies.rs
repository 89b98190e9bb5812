use super::origin::{Origin, ok, redirect, with};
use super::{LONG, client, exchange, request};
use crate::catalog::RequestSettings;
use crate::fetch::{Client, CookieJar, FetchRequest};
use std::sync::Arc;
use tokio::time::Instant;

fn keeping() -> Client {
    client().with_cookies(Arc::new(CookieJar::default()))
}

/// Returns the Cookie headers of the requests that the origin received, one text for each request.
fn cookies(origin: &Origin) -> Vec<String> {
    let lines = |head: &String| {
        head.lines().filter_map(|l| l.strip_prefix("cookie: ")).map(str::to_owned).collect::<Vec<_>>().join(" + ")
    };
    origin.heads().iter().map(lines).collect()
}

fn set(cookie: &str, body: &[u8]) -> Vec<u8> {
    with(&format!("set-cookie: {cookie}\r\n"), body)
}

#[tokio::test]
async fn a_cookie_comes_back_from_redirects_on_and_to_no_other_host() {
    let other = Origin::answering(|_| ok(b"")).await;
    let there = format!("http://localhost:{}/there", other.address.port());
    let origin = Origin::answering(move |head| match head.split(' ').nth(1).unwrap() {
        "/a" => {
            let answer = String::from_utf8(redirect("/b")).unwrap();
            answer.replace("\r\n\r\n", "\r\nset-cookie: a=1\r\nset-cookie: b=2; path=/b\r\n\r\n").into_bytes()
        }
        "/b" => redirect(&there),
        _ => ok(b""),
    })
    .await;
    let (one, another) = (keeping(), keeping());
    for client in [&one, &one.clone(), &another, &client()] {
        exchange(client, request(&origin.url("/a"))).await;
    }
    let first = ["", "b=2; a=1"];
    let again = ["a=1", "b=2; a=1"];
    let without = ["", ""];
    assert_eq!(cookies(&origin), [first, again, first, without].concat());
    assert_eq!(cookies(&other), [""; 4]);
}

#[tokio::test]
async fn the_channels_own_cookies_stand_in_one_header_with_the_kept_ones() {
    let origin = Origin::answering(|_| set("kept=1; path=/", b"")).await;
    let settings = RequestSettings {
        headers: vec![("Cookie".to_owned(), "own=1; kept=mine".to_owned())],
        ..RequestSettings::default()
    };
    let (client, url) = (keeping(), origin.url("/"));
    exchange(&client, request(&url)).await;
    exchange(&client, FetchRequest { settings: &settings, ..request(&url) }).await;
    let other =
        RequestSettings { headers: vec![("cookie".to_owned(), "own=1".to_owned())], ..RequestSettings::default() };
    exchange(&client, FetchRequest { settings: &other, ..request(&url) }).await;
    assert_eq!(cookies(&origin), ["", "own=1; kept=mine", "own=1; kept=1"]);
}

#[tokio::test]
async fn what_is_refused_with_cookies_may_be_answered_without() {
    let origin = Origin::answering(|head| match head.contains("cookie: ") {
        _ if head.starts_with("get /closed") => b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_vec(),
        false => set("fresh=1", b"here"),
        true => set("old=1", b""),
    })
    .await;
    let (client, url, closed) = (keeping(), origin.url("/m"), origin.url("/closed"));
    let again = async |url| client.body_without_cookies(request(url), Instant::now() + LONG).await;
    assert!(again(&url).await.is_none(), "there are none yet");
    exchange(&client, request(&url)).await;
    exchange(&client, request(&url)).await;
    assert!(again(&closed).await.is_none(), "refused without them too");
    assert_eq!(again(&url).await.unwrap().1, b"here");
    exchange(&client, request(&url)).await;
    assert_eq!(cookies(&origin), ["", "fresh=1", "", "", "fresh=1"]);
}
