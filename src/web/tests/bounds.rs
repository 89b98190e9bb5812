use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

const GET: &[u8] = b"GET /probe?target=A HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Makes a backend whose probe waits. The first [`Notify`] is notified when a probe has begun; a notification of the
/// second lets it end.
fn gated() -> (Fake, Arc<Notify>, Arc<Notify>) {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (b, g) = (Arc::clone(&begun), Arc::clone(&go));
    let probe = move |ask: ProbeRequest, timeout: Duration| -> BoxFuture<'static, Answer> {
        let (b, g) = (Arc::clone(&b), Arc::clone(&g));
        Box::pin(async move {
            b.notify_one();
            g.notified().await;
            answers(&ask, timeout).map(Arc::new)
        })
    };
    (Fake { probe: Box::new(probe), ..backend(answers) }, begun, go)
}

async fn start(backend: Fake, bounds: Bounds) -> Running {
    Running::start(backend, Settings::default(), Security::load(None).unwrap(), bounds).await
}

/// Reads everything that the server sends until it closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes)).await.expect("it closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_client_that_dawdles_over_its_request_is_let_go_and_a_slow_probe_is_not() {
    let (backend, begun, go) = gated();
    let server = start(backend, Bounds { first_request: Duration::from_millis(50), ..Bounds::default() }).await;
    let mut probing = TcpStream::connect(server.address).await.unwrap();
    probing.write_all(GET).await.unwrap();
    begun.notified().await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    assert_eq!((rest(&mut silent).await, rest(&mut slow).await), (String::new(), String::new()));
    go.notify_one();
    assert!(rest(&mut probing).await.contains("\nprobe_success 1\n"));
}

#[tokio::test]
async fn a_second_request_head_that_never_ends_is_let_go() {
    let server = start(backend(answers), Bounds { keep_alive: Duration::from_millis(50), ..Bounds::default() }).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n").await.unwrap();
    assert!(rest(&mut stream).await.contains("Healthy"));
}

#[tokio::test]
async fn a_head_too_large_or_with_too_many_fields_is_431() {
    let server = start(backend(answers), Bounds::default()).await;
    let many = "X-A: b\r\n".repeat(200);
    let large = format!("X-A: {}\r\n", "b".repeat(100_000));
    for fields in [many, large] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let _ = stream.write_all(format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n").as_bytes()).await;
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 431");
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_gives_its_place_to_the_next() {
    let endless = Fake { self_metrics: "x".repeat(64 << 20), ..backend(answers) };
    let bounds = Bounds { connections: 1, reserved: 0, write_stall: Duration::from_millis(50), ..Bounds::default() };
    let server = start(endless, bounds).await;
    let mut stuck = TcpStream::connect(server.address).await.unwrap();
    stuck.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    stuck.readable().await.unwrap();
    let (status, _) = tokio::time::timeout(Duration::from_secs(10), server.get("/-/healthy")).await.expect("served");
    assert_eq!(status, 200);
}

/// Opens connections from 127.0.0.2.
async fn connect_from_another(server: &Running) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    socket.connect(server.address).await.unwrap()
}

#[tokio::test]
async fn two_thousand_idle_connections_of_one_address_shut_nobody_out() {
    let server = start(backend(answers), Bounds::default()).await;
    let mut idle = Vec::new();
    for _ in 0..Bounds::default().connections {
        let mut stream = connect_from_another(&server).await;
        stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        stream.readable().await.unwrap();
        idle.push(stream);
    }
    let probe = async || tokio::time::timeout(Duration::from_secs(5), server.get("/probe?target=A")).await.unwrap();
    for _ in 0..3 {
        assert!(probe().await.1.contains("\nprobe_success 1\n"));
    }
    let mut one_more = connect_from_another(&server).await;
    one_more.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(rest(&mut one_more).await.contains("Healthy"), "its oldest idle connection made room");
    assert!(rest(&mut idle[0]).await.contains("Healthy"), "and was closed");
}

#[tokio::test]
async fn while_every_connection_is_busy_probes_and_health_have_places_of_their_own() {
    let (backend, begun, go) = gated();
    let server = start(backend, Bounds { connections: 2, reserved: 2, ..Bounds::default() }).await;
    let mut busy = [TcpStream::connect(server.address).await.unwrap(), connect_from_another(&server).await];
    for stream in &mut busy {
        stream.write_all(GET).await.unwrap();
        begun.notified().await;
    }
    // Both addresses have half of the places.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.3:0".parse().unwrap()).unwrap();
    let mut third = socket.connect(server.address).await.unwrap();
    third.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(rest(&mut third).await.starts_with("HTTP/1.1 503"));
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.3:0".parse().unwrap()).unwrap();
    let mut healthy = socket.connect(server.address).await.unwrap();
    healthy.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(rest(&mut healthy).await.contains("Healthy"));
    for stream in &mut busy {
        go.notify_one();
        assert!(rest(stream).await.contains("\nprobe_success 1\n"));
    }
}

#[tokio::test]
async fn the_end_waits_for_a_probe_in_flight_and_takes_no_new_connection() {
    let (backend, begun, go) = gated();
    let mut server = start(backend, Bounds::default()).await;
    let mut probing = TcpStream::connect(server.address).await.unwrap();
    probing.write_all(GET).await.unwrap();
    begun.notified().await;
    let _idle = TcpStream::connect(server.address).await.unwrap();
    server.stop.take().unwrap().send(()).unwrap();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.ended.is_finished());
    go.notify_one();
    assert!(rest(&mut probing).await.contains("\nprobe_success 1\n"));
    tokio::time::timeout(Duration::from_secs(2), server.ended).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn a_probe_that_outlasts_the_drain_is_cut_off() {
    let (backend, begun, _go) = gated();
    let server = start(backend, Bounds { drain: Duration::from_millis(50), ..Bounds::default() }).await;
    let mut probing = TcpStream::connect(server.address).await.unwrap();
    probing.write_all(GET).await.unwrap();
    begun.notified().await;
    server.finish().await;
}
