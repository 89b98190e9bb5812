use super::origin::{Origin, ok, redirect};
use super::{client, exchange, failure, request};
use crate::catalog::{Auth, RequestSettings};
use crate::facts::FailureKind;
use crate::fetch::FetchRequest;

#[tokio::test]
async fn redirects_are_followed_and_counted() {
    let origin = Origin::answering(|head| match head.split(' ').nth(1).unwrap() {
        "/a/one" => redirect("two?x=1"),
        "/a/two?x=1" => redirect("/three#fragment"),
        _ => ok(b"here"),
    })
    .await;
    let url = origin.url("/a/one");
    let (got, body) = exchange(&client(), request(&url)).await;
    assert_eq!(
        (got.redirects, got.final_url.as_str(), body.as_slice()),
        (2, origin.url("/three").as_str(), &b"here"[..])
    );
}

#[tokio::test]
async fn a_loop_ends_at_the_bound_and_shows_its_way_without_secrets() {
    let origin = Origin::answering(|_| redirect("/b?token=hush")).await;
    let failed = failure(&client(), origin.url("/a").as_str()).await;
    assert_eq!(failed.kind, FailureKind::Redirect);
    let at = origin.address;
    let way = format!("redirected 6 times (at most 5): http://{at}/a → http://{at}/b?token=*** → ");
    assert!(failed.message.starts_with(&way), "{}", failed.message);
    assert!(!failed.message.contains("hush"));
    assert_eq!(origin.heads().len(), 6);
}

#[tokio::test]
async fn a_redirect_to_a_refused_address_is_refused() {
    for to in ["http://169.254.169.254/latest/meta-data/", "http://[::ffff:a9fe:a9fe]/", "file:///etc/passwd"] {
        let origin = Origin::answering(move |_| redirect(to)).await;
        let failed = failure(&client(), origin.url("/a").as_str()).await;
        assert_eq!(failed.kind, FailureKind::Refused, "{to}");
        assert!(failed.message.contains(&format!("(redirected by http://{}/a)", origin.address)), "{}", failed.message);
    }
}

#[tokio::test]
async fn a_redirect_without_a_usable_location_is_a_failure() {
    let origin = Origin::once("HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n").await;
    let failed = failure(&client(), origin.url("/a?k=v").as_str()).await;
    assert_eq!(failed.kind, FailureKind::Redirect);
    assert_eq!(failed.message, format!("http://{}/a?k=*** answered 302 without a Location", origin.address));
    let origin = Origin::answering(|_| redirect("http://[bad")).await;
    assert_eq!(failure(&client(), origin.url("/").as_str()).await.kind, FailureKind::Redirect);
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let other = Origin::answering(|_| ok(b"")).await;
    let there = other.url("/there").to_string();
    let origin =
        Origin::answering(move |head| if head.starts_with("get /a ") { redirect("/b") } else { redirect(&there) })
            .await;
    let settings = RequestSettings {
        headers: vec![("x-api-key".to_owned(), "k".to_owned())],
        user_agent: Some("player/1".to_owned()),
        auth: Some(Auth::Bearer { token: "tkn".to_owned() }),
        ..RequestSettings::default()
    };
    let url = origin.url("/a");
    exchange(&client(), FetchRequest { settings: &settings, ..request(&url) }).await;
    assert!(origin.heads().iter().all(|h| h.contains("authorization: bearer tkn") && h.contains("x-api-key: k")));
    assert_eq!(origin.heads().len(), 2);
    let head = &other.heads()[0];
    assert!(!head.contains("authorization") && !head.contains("x-api-key") && head.contains("player/1"), "{head}");
}

#[tokio::test]
async fn credentials_dropped_once_do_not_come_back() {
    let first = Origin::answering(|_| ok(b"")).await;
    let back = first.url("/back").to_string();
    let other = Origin::answering(move |_| redirect(&back)).await;
    let there = other.url("/").to_string();
    let origin = Origin::answering(move |_| redirect(&there)).await;
    let settings =
        RequestSettings { auth: Some(Auth::Bearer { token: "tkn".to_owned() }), ..RequestSettings::default() };
    let url = origin.url("/");
    exchange(&client(), FetchRequest { settings: &settings, ..request(&url) }).await;
    assert!(!first.heads()[0].contains("authorization"));
}
