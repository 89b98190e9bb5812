use super::origin::{Origin, head, ok, with};
use super::{SHORT, client, exchange, get, request, within};
use crate::facts::{Failure, FailureKind};
use crate::fetch::FetchRequest;
use async_compression::tokio::write::{BrotliEncoder, GzipEncoder};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::AsyncWriteExt;

async fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzipEncoder::new(Vec::new());
    encoder.write_all(data).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

async fn brotli(data: &[u8]) -> Vec<u8> {
    let mut encoder = BrotliEncoder::new(Vec::new());
    encoder.write_all(data).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

/// Fetches from a server that answers `answer`, and returns the body and the failure that cut it.
async fn broken(answer: Vec<u8>) -> (Vec<u8>, Option<Failure>) {
    let origin = Origin::once(answer).await;
    let url = origin.url("/");
    let (got, body) = exchange(&client(), FetchRequest { compressed: true, max_bytes: 100_000, ..request(&url) }).await;
    assert_eq!(got.body_bytes, body.len() as u64);
    (body, got.broken)
}

fn is(broken: Option<Failure>, kind: FailureKind, message: &str) {
    let broken = broken.unwrap();
    assert_eq!((broken.kind, broken.message.as_str()), (kind, message));
}

#[tokio::test]
async fn gzip_and_brotli_are_decoded() {
    let text = b"#EXTM3U\n".repeat(1000);
    let (body, fault) = broken(with("content-encoding: gzip\r\n", &gzip(&text).await)).await;
    assert_eq!((body, fault), (text.clone(), None));
    let (body, fault) = broken(with("content-encoding: br\r\n", &brotli(&text).await)).await;
    assert_eq!((body, fault), (text.clone(), None));
    // RFC 1952 2.2: a gzip file may have several members.
    let two = [gzip(b"one ").await, gzip(b"two").await].concat();
    assert_eq!(broken(with("content-encoding: x-gzip\r\n", &two)).await, (b"one two".to_vec(), None));
}

#[tokio::test]
async fn codings_on_top_of_each_other_are_decoded_in_reverse_order() {
    let text = b"#EXTM3U\n".repeat(1000);
    let twice = gzip(&gzip(&text).await).await;
    for headers in ["content-encoding: gzip, gzip\r\n", "content-encoding: gzip\r\ncontent-encoding: gzip\r\n"] {
        assert_eq!(broken(with(headers, &twice)).await, (text.clone(), None));
    }
    let both = brotli(&gzip(&text).await).await;
    assert_eq!(broken(with("content-encoding: gzip, br\r\n", &both)).await, (text.clone(), None));
    let (_, fault) = broken(with("content-encoding: gzip, gzip\r\n", &gzip(&text).await)).await;
    assert_eq!(fault.unwrap().kind, FailureKind::Encoding, "it was compressed once");
}

#[tokio::test]
async fn an_empty_body_is_no_fault() {
    assert_eq!(broken(ok(b"")).await, (Vec::new(), None));
    assert_eq!(broken(with("content-encoding: gzip\r\n", b"")).await, (Vec::new(), None));
}

#[tokio::test]
async fn a_body_that_cannot_be_decompressed_is_an_encoding_failure() {
    let (_, fault) = broken(with("content-encoding: gzip\r\n", b"#EXTM3U, not gzip at all")).await;
    let fault = fault.unwrap();
    assert_eq!(fault.kind, FailureKind::Encoding);
    assert!(fault.message.starts_with("the body can't be decompressed: "), "{}", fault.message);
    let whole = gzip(&b"#EXTM3U\n".repeat(1000)).await;
    let (_, fault) = broken(with("content-encoding: gzip\r\n", &whole[..whole.len() - 9])).await;
    assert_eq!(fault.unwrap().kind, FailureKind::Encoding);
    let (_, fault) = broken(with("content-encoding: zstd\r\n", b"x")).await;
    is(fault, FailureKind::Encoding, "Content-Encoding `zstd` is not supported; use gzip, br or identity");
}

#[tokio::test]
async fn a_gzip_bomb_stops_at_the_bound() {
    let bomb = gzip(&vec![0; 64 << 20]).await;
    assert!(bomb.len() < 100_000, "the bound on what is sent would do");
    let (body, fault) = broken(with("content-encoding: gzip\r\n", &bomb)).await;
    assert_eq!(body.len(), 100_000);
    is(fault, FailureKind::TooLarge, "the body is longer than 100000 bytes; the rest was not read");
}

#[tokio::test]
async fn an_endless_body_stops_at_the_bound_and_its_connection_is_closed() {
    let sent = Arc::new(AtomicU64::new(0));
    let (ended, mut end) = tokio::sync::mpsc::unbounded_channel();
    let count = Arc::clone(&sent);
    let origin = Origin::raw(move |mut stream, _| {
        let (count, ended) = (Arc::clone(&count), ended.clone());
        async move {
            head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            while stream.write_all(&[b'x'; 65_536]).await.is_ok() {
                count.fetch_add(65_536, Ordering::SeqCst);
            }
            ended.send(()).unwrap();
        }
    })
    .await;
    let url = origin.url("/");
    let (got, body) = exchange(&client(), request(&url)).await;
    assert_eq!((got.body_bytes, body.len()), (1 << 20, 1 << 20));
    is(got.broken, FailureKind::TooLarge, "the body is longer than 1048576 bytes; the rest was not read");
    end.recv().await.unwrap();
    assert!(sent.load(Ordering::SeqCst) < 64 << 20);
}

#[tokio::test]
async fn a_body_announced_as_too_long_is_not_read() {
    let origin = Origin::once("HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\nx").await;
    let url = origin.url("/");
    let (got, body) = exchange(&client(), request(&url)).await;
    assert_eq!((got.content_length, body.len()), (Some(9_000_000), 0));
    is(
        got.broken,
        FailureKind::TooLarge,
        "the server announces 9000000 bytes, more than the 1048576 that are allowed; the body was not read",
    );
}

#[tokio::test]
async fn a_cut_body_is_reported_with_its_length() {
    let mut cut = b"HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n".to_vec();
    cut.extend_from_slice(&[b'x'; 1000]);
    let (body, fault) = broken(cut).await;
    assert_eq!(body.len(), 1000);
    is(fault, FailureKind::Cut, "the body ended after 1000 of 4000 bytes");
    let (body, fault) = broken(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n".to_vec()).await;
    assert_eq!(body, b"abc");
    is(fault, FailureKind::Cut, "the body ended after 3 bytes: the connection was closed before the last chunk");
}

#[tokio::test]
async fn a_body_that_stalls_ends_at_the_deadline_and_keeps_what_arrived() {
    let origin = Origin::raw(|mut stream, _| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let url = origin.url("/");
    let (fetched, body) = within(&client(), request(&url), SHORT).await;
    assert_eq!(body, b"abc");
    let fault = fetched.result.unwrap().broken.unwrap();
    assert_eq!(fault.kind, FailureKind::Timeout);
    assert!(
        fault.message.starts_with("the time ended within the body: 3 of 10 bytes arrived within "),
        "{}",
        fault.message
    );
}

#[tokio::test]
async fn only_the_body_of_a_2xx_answer_reaches_the_sink() {
    let origin = Origin::once("HTTP/1.1 404 Not Found\r\ncontent-length: 6\r\n\r\n<html>").await;
    let url = origin.url("/");
    let (fetched, body) = get(&client(), request(&url)).await;
    assert!(body.is_empty());
    assert_eq!(fetched.problem().as_deref(), Some("HTTP status 404"));
    assert!(fetched.ok().is_none() && fetched.result.unwrap().complete());
}
