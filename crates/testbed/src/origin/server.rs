//! Connections of the origin, and the few paths that belong to no channel.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::resettable::ResettableStream;
use super::response::{RequestContext, answer};
use super::state::OriginState;
use super::{channels, faults, programmes, route};

/// Accepts connections until the task is cancelled, which also closes them.
pub(super) async fn accept(listener: TcpListener, state: Arc<OriginState>, secure: Option<TlsAcceptor>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, state.clone(), secure.clone()));
            }
            // Out of descriptors, or the peer is gone already.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, state: Arc<OriginState>, secure: Option<TlsAcceptor>) {
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    match secure {
        None => requests(ResettableStream::new(stream, reset.clone()), state, reset).await,
        // The handshake fails with a client that doesn't trust the certificate.
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                requests(stream, state, reset).await;
            }
        }
    }
}

async fn requests(wire: impl AsyncRead + AsyncWrite + Unpin, state: Arc<OriginState>, reset: Arc<AtomicBool>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (state, reset) = (state.clone(), reset.clone());
        async move { Ok::<_, Infallible>(handle(&state, reset, &request).await) }
    });
    // A client that disconnects and a body that a fault cuts off are errors that mean nothing here.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(wire), service).await;
}

async fn handle(state: &OriginState, reset: Arc<AtomicBool>, request: &Request<Incoming>) -> Response<Body> {
    let _in_flight = state.begin_request();
    let (method, path, headers) = (request.method(), request.uri().path(), request.headers());
    let query = request.uri().query();
    state.log(method, request.uri(), headers);
    if let Some(rest) = path.strip_prefix("/control/") {
        return control(state, method, rest);
    }
    if *method != Method::GET && *method != Method::HEAD {
        return plain_text(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only\n".to_owned());
    }
    if path == "/" {
        return plain_text(StatusCode::OK, index());
    }
    if let Some(rest) = path.strip_prefix("/programme/") {
        return programme(state, rest);
    }
    match route::parse(path) {
        Some(route) => answer(&RequestContext { state, route: &route, path, query, method, headers, reset }).await,
        None => plain_text(StatusCode::NOT_FOUND, format!("no such path: {path}\n")),
    }
}

fn programme(state: &OriginState, rest: &str) -> Response<Body> {
    match state.programmes.file(rest, state.started_ms, state.clock.now_ms()) {
        Some((kind, body)) => of_type(StatusCode::OK, kind, body.into()),
        None => plain_text(StatusCode::NOT_FOUND, format!("no such file of an encoded programme: {rest}\n")),
    }
}

fn control(state: &OriginState, method: &Method, rest: &str) -> Response<Body> {
    let (channel, fault) = match rest.split_once('/') {
        Some((channel, fault)) => (channel, Some(fault)),
        None => (rest, None),
    };
    if channels::find(channel).is_none() {
        return plain_text(StatusCode::NOT_FOUND, format!("no such channel: {channel}\n"));
    }
    match (method.as_str(), fault) {
        ("DELETE", None) => {
            state.set_fault(channel, None);
            plain_text(StatusCode::OK, format!("{channel} is clean\n"))
        }
        ("POST" | "PUT", Some(id)) => match faults::find(id) {
            Some(fault) => {
                state.set_fault(channel, Some(fault));
                plain_text(StatusCode::OK, format!("{channel}: {}\n", fault.description))
            }
            None => plain_text(StatusCode::NOT_FOUND, format!("no such fault: {id}\n")),
        },
        _ => plain_text(
            StatusCode::METHOD_NOT_ALLOWED,
            "POST /control/CHANNEL/FAULT or DELETE /control/CHANNEL\n".to_owned(),
        ),
    }
}

/// Returns the origin's index page: channels and faults, one per line.
pub fn index() -> String {
    let mut text = String::from("Channels:\n");
    for channel in channels::channels() {
        let _ = writeln!(text, "  /live/{}/master.m3u8  {}", channel.name, channel.help);
    }
    text.push_str("  /token/TV1/master.m3u8  Like TV1, with a new token on every URI of every playlist\n");
    text.push_str("  /live/TV1/sessions.m3u8, /live/TV1/redirect.m3u8  Like TV1, with a session for each request\n");
    text.push_str(
        "  /live/TV1/cookie.m3u8  Like TV1, with a cookie without which playlists and segments are refused\n",
    );
    text.push_str("  /folder/TV1.m3u8, /folder/TV2.m3u8  Media playlists of two channels in one folder\n");
    text.push_str("Faults:\n");
    for fault in faults::faults() {
        let _ = writeln!(text, "  /fault/{}/{}/{}  {}", fault.id, fault.channel, fault.path, fault.description);
    }
    text.push_str("Programmes, each if the origin was started with --programme ID:\n");
    for programme in programmes::programmes() {
        let _ = writeln!(text, "  /programme/{}/live.m3u8  {}", programme.id, programme.description);
    }
    text
}

fn plain_text(status: StatusCode, text: String) -> Response<Body> {
    of_type(status, "text/plain; charset=utf-8", Body::from(text))
}

fn of_type(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
