use super::origin::{Origin, ok, with};
use super::{client, exchange, request};
use crate::catalog::{Auth, RequestSettings};
use crate::facts::FailureKind;
use crate::fetch::FetchRequest;
use packager_media::stream::ByteRange;

#[tokio::test]
async fn an_answer_becomes_facts() {
    let headers = "content-type: application/vnd.apple.mpegurl\r\ncache-control: max-age=2\r\nage: 1\r\n\
        last-modified: Tue, 15 Nov 1994 12:45:26 GMT\r\ndate: Tue, 15 Nov 1994 12:45:30 GMT\r\n\
        x-mediapackage-manifest-last-sequence: 7\r\nset-cookie: secret=1\r\netag: \"a\tb\"\r\n";
    let origin = Origin::answering(move |_| with(headers, b"#EXTM3U\n")).await;
    let url = origin.url("/a.m3u8");
    let (got, body) = exchange(&client(), request(&url)).await;
    assert_eq!((got.status, got.version, body.as_slice()), (200, "HTTP/1.1", b"#EXTM3U\n".as_slice()));
    assert_eq!((got.body_bytes, got.content_length), (8, Some(8)));
    assert_eq!(got.content_type.as_deref(), Some("application/vnd.apple.mpegurl"));
    assert_eq!(got.last_modified.unwrap().to_string(), "1994-11-15T12:45:26Z");
    assert_eq!(got.date.unwrap().to_string(), "1994-11-15T12:45:30Z");
    let names: Vec<&str> = got.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["cache-control", "age", "x-mediapackage-manifest-last-sequence", "etag"]);
    assert!(got.headers.contains(&("etag".to_owned(), "\"a b\"".to_owned())));
    assert!(got.certificate_expiry.is_none() && got.complete());
}

#[tokio::test]
async fn the_channels_headers_and_credentials_are_sent() {
    let origin = Origin::answering(|_| ok(b"")).await;
    let url = origin.url("/");
    let settings = RequestSettings {
        headers: vec![("X-Tenant".to_owned(), "blue".to_owned())],
        user_agent: Some("player/1".to_owned()),
        auth: Some(Auth::Basic { username: "u".to_owned(), password: "p".to_owned() }),
        ..RequestSettings::default()
    };
    exchange(&client(), FetchRequest { settings: &settings, compressed: true, ..request(&url) }).await;
    let bearer = RequestSettings { auth: Some(Auth::Bearer { token: "tkn".to_owned() }), ..RequestSettings::default() };
    exchange(&client(), FetchRequest { settings: &bearer, ..request(&url) }).await;
    let heads = origin.heads();
    for line in ["x-tenant: blue", "user-agent: player/1", "authorization: basic dtpw", "accept-encoding: gzip, br"] {
        assert!(heads[0].contains(line), "{line}: {}", heads[0]);
    }
    for line in ["user-agent: packager_exporter/", "authorization: bearer tkn", "accept-encoding: identity"] {
        assert!(heads[1].contains(line), "{line}: {}", heads[1]);
    }
}

#[tokio::test]
async fn the_channels_credentials_go_before_those_in_its_url() {
    let origin = Origin::answering(|_| ok(b"")).await;
    let mut url = origin.url("/");
    url.set_username("other").unwrap();
    exchange(&client(), request(&url)).await;
    let bearer = RequestSettings {
        headers: vec![("authorization".to_owned(), "from headers".to_owned())],
        auth: Some(Auth::Bearer { token: "tkn".to_owned() }),
        ..RequestSettings::default()
    };
    exchange(&client(), FetchRequest { settings: &bearer, ..request(&url) }).await;
    let heads = origin.heads();
    assert!(heads[0].contains("authorization: basic"), "{}", heads[0]);
    assert_eq!(heads[1].matches("authorization:").count(), 1);
    assert!(heads[1].contains("authorization: bearer tkn"), "{}", heads[1]);
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_named() {
    let origin = Origin::answering(|_| ok(b"")).await;
    let url = origin.url("/");
    for name in ["x y", "Transfer-Encoding"] {
        let settings =
            RequestSettings { headers: vec![(name.to_owned(), "v".to_owned())], ..RequestSettings::default() };
        let failed =
            super::get(&client(), FetchRequest { settings: &settings, ..request(&url) }).await.0.result.unwrap_err();
        assert_eq!(failed.kind, FailureKind::Protocol);
        assert!(failed.message.contains(name), "{}", failed.message);
    }
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn a_range_is_asked_for_and_cut_out_of_a_whole() {
    let origin = Origin::answering(|head| {
        if head.starts_with("get /partial") {
            b"HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 2-4/10\r\ncontent-length: 3\r\n\r\ncde".to_vec()
        } else {
            ok(b"abcdefghij")
        }
    })
    .await;
    let range = Some(ByteRange { offset: 2, length: 3 });
    for path in ["/partial", "/whole"] {
        let url = origin.url(path);
        let (got, body) = exchange(&client(), FetchRequest { range, ..request(&url) }).await;
        assert_eq!((body.as_slice(), got.body_bytes, got.broken), (b"cde".as_slice(), 3, None), "{path}");
    }
    assert!(origin.heads().iter().all(|head| head.contains("range: bytes=2-4\r\n")));
}

#[tokio::test]
async fn a_part_of_what_was_asked_for_whole_is_cut() {
    let origin = Origin::answering(|head| {
        let range = if head.starts_with("get /half") { "0-2/6" } else { "0-2/3" };
        format!("HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {range}\r\ncontent-length: 3\r\n\r\nabc")
            .into_bytes()
    })
    .await;
    let got = async |path: &str| exchange(&client(), request(&origin.url(path))).await.0.broken;
    let half = got("/half").await.unwrap();
    assert_eq!(half.kind, FailureKind::Cut);
    assert!(half.message.ends_with("is a part of it: Content-Range `bytes 0-2/6`"), "{}", half.message);
    assert_eq!(got("/whole").await, None);
}

#[tokio::test]
async fn the_first_bytes_are_all_bytes_of_a_short_resource_and_no_more_of_a_long_one() {
    let origin = Origin::answering(|head| {
        if head.starts_with("get /short") {
            b"HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-2/3\r\ncontent-length: 3\r\n\r\nabc".to_vec()
        } else if head.starts_with("get /whole") {
            ok(b"abc")
        } else {
            ok(b"abcdefghij")
        }
    })
    .await;
    let range = Some(ByteRange { offset: 0, length: 5 });
    for (path, first) in [("/short", "abc"), ("/whole", "abc"), ("/ignored", "abcde")] {
        let url = origin.url(path);
        let wanted = FetchRequest { range, may_end_early: true, ..request(&url) };
        let (got, body) = exchange(&client(), wanted).await;
        assert_eq!((body.as_slice(), got.broken), (first.as_bytes(), None), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_answer_to_a_range_request_is_a_failure() {
    let origin = Origin::answering(|head| {
        if head.starts_with("get /other") {
            b"HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-2/10\r\ncontent-length: 3\r\n\r\nabc".to_vec()
        } else if head.starts_with("get /chunked") {
            b"HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 2-4/10\r\ntransfer-encoding: chunked\r\n\r\n5\r\ncdefg\r\n0\r\n\r\n"
                .to_vec()
        } else {
            ok(b"abcd")
        }
    })
    .await;
    let broken = async |path: &str, range: ByteRange| {
        let url = origin.url(path);
        exchange(&client(), FetchRequest { range: Some(range), ..request(&url) }).await.0.broken.unwrap()
    };
    let wrong = broken("/other", ByteRange { offset: 2, length: 3 }).await;
    assert_eq!(wrong.kind, FailureKind::Range);
    assert_eq!(wrong.message, "bytes 2-4 were asked for, but the answer (206) has the Content-Range `bytes 0-2/10`");
    let long = broken("/chunked", ByteRange { offset: 2, length: 3 }).await;
    assert_eq!(
        (long.kind, long.message.as_str()),
        (FailureKind::Range, "bytes 2-4 were asked for, but the answer (206) has 5 bytes instead of 3")
    );
    let short = broken("/whole", ByteRange { offset: 3, length: 3 }).await;
    assert_eq!(
        (short.kind, short.message.as_str()),
        (FailureKind::Range, "bytes 3-5 were asked for, but the whole resource has 4 bytes")
    );
    let far = broken("/whole", ByteRange { offset: u64::MAX - 1, length: 9 }).await;
    assert_eq!(far.kind, FailureKind::Range);
}
