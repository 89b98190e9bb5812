use super::{LONG, SHORT, client, exchange, get, request, within};
use crate::catalog::{ConnectionSettings, RequestSettings};
use crate::facts::{Failure, FailureKind};
use crate::fetch::FetchRequest;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use url::Url;

type Issuer = CertifiedIssuer<'static, KeyPair>;

/// A certificate authority made for a test, and the file that holds its certificate.
struct Authority {
    root: Issuer,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        Self::named("Studio CA")
    }

    fn named(name: &str) -> Self {
        let root = Issuer::self_signed(authority(name, 2040), KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), root.pem()).unwrap();
        Self { root, folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn settings(&self) -> RequestSettings {
        trusting(self.file())
    }

    /// Starts a server for `name` whose certificate, signed by the root, expires at the end of `year`.
    async fn server(&self, name: &str, year: i32) -> Server {
        Server::new(&self.root, name, year, &[], &[b"h2", b"http/1.1"]).await
    }
}

pub(super) fn trusting(file: PathBuf) -> RequestSettings {
    let connection = ConnectionSettings { ca_file: Some(file), ..ConnectionSettings::default() };
    RequestSettings { connection, ..RequestSettings::default() }
}

fn authority(name: &str, until: i32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = date_time_ymd(until, 12, 31);
    params
}

struct Server {
    port: u16,
    handshakes: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    /// A message on this tokio channel closes all connections of the server at once.
    down: broadcast::Sender<()>,
}

impl Server {
    async fn new(issuer: &Issuer, name: &str, year: i32, chain: &[CertificateDer<'static>], alpn: &[&[u8]]) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 12, 31);
        let leaf = params.signed_by(&key, issuer).unwrap();
        let certificates = [&[leaf.der().clone()], chain].concat();
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(certificates, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Self::serving(config).await
    }

    async fn serving(config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let handshakes = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(AtomicUsize::new(0));
        let (acceptor, count) = (TlsAcceptor::from(Arc::new(config)), Arc::clone(&handshakes));
        let all = Arc::clone(&requests);
        let down = broadcast::Sender::new(1);
        let cut = down.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, count, mut cut) = (acceptor.clone(), Arc::clone(&count), cut.subscribe());
                let all = Arc::clone(&all);
                tokio::spawn(async move {
                    let Ok(tls) = acceptor.accept(tcp).await else { return };
                    count.fetch_add(1, Ordering::SeqCst);
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let answer = |request| {
                        all.fetch_add(1, Ordering::SeqCst);
                        answer(request)
                    };
                    tokio::select! {
                        _ = server.serve_connection(TokioIo::new(tls), service_fn(answer)) => (),
                        _ = cut.recv() => (),
                    }
                });
            }
        });
        Self { port, handshakes, requests, down }
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("https://localhost:{}{path}", self.port)).unwrap()
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Cut>, std::io::Error> {
    match request.uri().path() {
        "/silent" => std::future::pending().await,
        "/reset" => Err(std::io::Error::other("reset")),
        path => Ok(Response::builder()
            .header("content-length", "5")
            .body(Cut { whole: path != "/cut", sent: false })
            .unwrap()),
    }
}

/// A body of five bytes or, if it isn't `whole`, of three bytes after which nothing more comes.
struct Cut {
    whole: bool,
    sent: bool,
}

impl Body for Cut {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        let sent = std::mem::replace(&mut self.sent, true);
        Poll::Ready(match (sent, self.whole) {
            (false, true) => Some(Ok(Frame::data(Bytes::from_static(b"hello")))),
            (false, false) => Some(Ok(Frame::data(Bytes::from_static(b"hel")))),
            (true, true) => None,
            (true, false) => return Poll::Pending,
        })
    }
}

async fn refused(request: FetchRequest<'_>) -> Failure {
    let failed = get(&client(), request).await.0.result.unwrap_err();
    assert_eq!(failed.kind, FailureKind::Tls, "{}", failed.message);
    failed
}

#[tokio::test]
async fn http2_is_spoken_over_one_connection_with_phases_and_expiry() {
    let authority = Authority::new();
    let server = authority.server("localhost", 2035).await;
    let (url, settings, client) = (server.url("/"), authority.settings(), client());
    let (first, body) = exchange(&client, FetchRequest { settings: &settings, ..request(&url) }).await;
    assert_eq!((first.version, first.status, body.as_slice()), ("HTTP/2.0", 200, &b"hello"[..]));
    assert!(first.timings.dns.is_some() && first.timings.connect.is_some() && first.timings.tls.unwrap().0 > 0.0);
    let (again, _) = exchange(&client, FetchRequest { settings: &settings, ..request(&url) }).await;
    assert!(again.timings.tls.is_none() && again.timings.connect.is_none());
    assert_eq!(server.handshakes.load(Ordering::SeqCst), 1);
    for got in [first, again] {
        assert_eq!(got.certificate_expiry.unwrap().to_string(), "2035-12-31T00:00:00Z");
    }
}

#[tokio::test]
async fn a_server_without_http2_is_asked_in_http1() {
    let authority = Authority::new();
    let server = Server::new(&authority.root, "localhost", 2035, &[], &[b"http/1.1"]).await;
    let (url, settings) = (server.url("/"), authority.settings());
    let (got, _) = exchange(&client(), FetchRequest { settings: &settings, ..request(&url) }).await;
    assert_eq!((got.version, got.complete()), ("HTTP/1.1", true));
}

#[tokio::test]
async fn the_expiry_is_that_of_the_certificate_that_ends_first() {
    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let middle = Issuer::signed_by(self::authority("Middle CA", 2031), key, &authority.root).unwrap();
    let server = Server::new(&middle, "localhost", 2038, &[middle.der().clone()], &[b"h2"]).await;
    let (url, settings) = (server.url("/"), authority.settings());
    let (got, _) = exchange(&client(), FetchRequest { settings: &settings, ..request(&url) }).await;
    assert_eq!(got.certificate_expiry.unwrap().to_string(), "2031-12-31T00:00:00Z");
    assert_eq!(got.sent_certificates_expiry, got.certificate_expiry);
}

#[tokio::test]
async fn a_certificate_that_no_path_needs_expires_without_consequence() {
    let authority = Authority::new();
    let middle = Issuer::signed_by(self::authority("Middle CA", 2031), KeyPair::generate().unwrap(), &authority.root);
    let middle = middle.unwrap();
    // The root's name, signed by one that is gone: so do CAs whose root was not yet known everywhere.
    let gone = Authority::named("Gone CA");
    let crossed = Issuer::signed_by(self::authority("Studio CA", 2020), KeyPair::generate().unwrap(), &gone.root);
    let chain = [middle.der().clone(), crossed.unwrap().der().clone()];
    let server = Server::new(&middle, "localhost", 2038, &chain, &[b"h2"]).await;
    let (url, settings) = (server.url("/"), authority.settings());
    let (got, _) = exchange(&client(), FetchRequest { settings: &settings, ..request(&url) }).await;
    assert_eq!(got.certificate_expiry.unwrap().to_string(), "2031-12-31T00:00:00Z");
    assert_eq!(got.sent_certificates_expiry.unwrap().to_string(), "2020-12-31T00:00:00Z");
}

#[tokio::test]
async fn a_root_that_ends_before_the_certificates_below_it_ends_the_path() {
    let root = Issuer::self_signed(self::authority("Studio CA", 2030), KeyPair::generate().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), root.pem()).unwrap();
    let server = Server::new(&root, "localhost", 2035, &[], &[b"h2"]).await;
    let settings = trusting(folder.path().join("ca.pem"));
    let url = server.url("/");
    let (got, _) = exchange(&client(), FetchRequest { settings: &settings, ..request(&url) }).await;
    assert_eq!(got.certificate_expiry.unwrap().to_string(), "2030-12-31T00:00:00Z");
    assert_eq!(got.sent_certificates_expiry.unwrap().to_string(), "2035-12-31T00:00:00Z");
}

#[tokio::test]
async fn an_unknown_issuer_is_refused_and_the_way_out_named() {
    let server = Authority::new().server("localhost", 2035).await;
    let url = server.url("/");
    let message = refused(request(&url)).await.message;
    let expected = format!("TLS: unknown issuer of the certificate of localhost:{}: set ca_file", server.port);
    // Where the system has no CA certificates at all, that is what the message says.
    assert!(message.starts_with(&expected) || message.contains("install ca-certificates"), "{message}");
    let message =
        refused(FetchRequest { settings: &Authority::named("Other CA").settings(), ..request(&url) }).await.message;
    assert!(message.starts_with(&expected), "{message}");
}

#[tokio::test]
async fn a_ca_with_the_trusted_name_and_another_key_has_its_own_message() {
    let server = Authority::new().server("localhost", 2035).await;
    let (url, renewed) = (server.url("/"), Authority::new());
    let message = refused(FetchRequest { settings: &renewed.settings(), ..request(&url) }).await.message;
    assert!(message.contains("doesn't match the key of the trusted CA with that name"), "{message}");
}

#[tokio::test]
async fn an_expired_certificate_is_named_with_its_date() {
    let authority = Authority::new();
    let server = authority.server("localhost", 2020).await;
    let (url, settings) = (server.url("/"), authority.settings());
    let message = refused(FetchRequest { settings: &settings, ..request(&url) }).await.message;
    let port = server.port;
    let expected =
        format!("TLS: a certificate of localhost:{port} expired on 2020-12-31T00:00:00Z; renew it on the server");
    assert_eq!(message, expected);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let server = authority.server("other.example", 2035).await;
    let (url, settings) = (server.url("/"), authority.settings());
    let message = refused(FetchRequest { settings: &settings, ..request(&url) }).await.message;
    assert!(message.contains("is for another name") && message.contains("other.example"), "{message}");
}

#[tokio::test]
async fn a_ca_file_that_cannot_be_used_is_named() {
    let authority = Authority::new();
    let server = authority.server("localhost", 2035).await;
    let url = server.url("/");
    let folder = tempfile::tempdir().unwrap();
    for (name, content, why) in [
        ("missing.pem", None, "No such file"),
        ("empty.pem", Some(""), "contains no certificate"),
        ("text.pem", Some("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"), "not PEM"),
        ("junk.pem", Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "can't be used"),
    ] {
        let file = folder.path().join(name);
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let settings = trusting(file);
        let message = refused(FetchRequest { settings: &settings, ..request(&url) }).await.message;
        assert!(message.contains(name) && message.contains(why), "{message}");
    }
}

#[tokio::test]
async fn a_changed_ca_file_is_read_again() {
    let (authority, next) = (Authority::new(), Authority::new());
    let server = next.server("localhost", 2035).await;
    let (url, settings, client) = (server.url("/"), authority.settings(), client());
    let request = FetchRequest { settings: &settings, ..request(&url) };
    assert_eq!(get(&client, request).await.0.result.unwrap_err().kind, FailureKind::Tls);
    std::fs::write(authority.file(), format!("{}{}", authority.root.pem(), next.root.pem())).unwrap();
    assert!(get(&client, request).await.0.ok().is_some());
}

#[tokio::test]
async fn a_silent_http2_stream_times_out_and_leaves_the_connection_to_others() {
    let authority = Authority::new();
    let server = authority.server("localhost", 2035).await;
    let (silent, fine, settings, client) = (server.url("/silent"), server.url("/"), authority.settings(), client());
    let ask_for = |url| FetchRequest { settings: &settings, ..request(url) };
    exchange(&client, ask_for(&fine)).await;
    let failed = within(&client, ask_for(&silent), SHORT).await.0.result.unwrap_err();
    assert_eq!(failed.kind, FailureKind::Timeout);
    assert!(failed.message.ends_with("on a kept-alive connection"), "{}", failed.message);
    exchange(&client, ask_for(&fine)).await;
    assert_eq!(server.handshakes.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_reset_http2_stream_is_a_failure() {
    let authority = Authority::new();
    let server = authority.server("localhost", 2035).await;
    let (url, settings) = (server.url("/reset"), authority.settings());
    let failed = get(&client(), FetchRequest { settings: &settings, ..request(&url) }).await.0.result.unwrap_err();
    assert_eq!(failed.kind, FailureKind::Protocol);
    let expected = format!("no valid answer from localhost:{}: stream error received: ", server.port);
    assert!(failed.message.starts_with(&expected), "{}", failed.message);
}

#[tokio::test]
async fn a_reset_stream_of_a_kept_alive_http2_connection_is_a_failure_at_once() {
    let authority = Authority::new();
    let server = authority.server("localhost", 2035).await;
    let (sound, reset, settings, client) = (server.url("/"), server.url("/reset"), authority.settings(), client());
    exchange(&client, FetchRequest { settings: &settings, ..request(&sound) }).await;
    let failed = get(&client, FetchRequest { settings: &settings, ..request(&reset) }).await.0.result.unwrap_err();
    assert!(failed.message.contains("stream error received"), "{}", failed.message);
    assert_eq!((server.requests.load(Ordering::SeqCst), server.handshakes.load(Ordering::SeqCst)), (2, 1));
}

#[tokio::test]
async fn a_cut_http2_body_is_reported_with_its_length() {
    let authority = Authority::new();
    let server = authority.server("localhost", 2035).await;
    let (url, settings) = (server.url("/cut"), authority.settings());
    let request = FetchRequest { settings: &settings, ..request(&url) };
    let fetched = client().get(request, Instant::now() + LONG, |_| drop(server.down.send(()))).await;
    let fault = fetched.result.unwrap().broken.unwrap();
    assert_eq!(fault.kind, FailureKind::Cut);
    assert!(fault.message.starts_with("the body ended after 3 of 5 bytes"), "{}", fault.message);
}

#[tokio::test]
async fn an_http2_connection_lost_between_requests_is_no_failure() {
    let authority = Authority::new();
    let server = authority.server("localhost", 2035).await;
    let (url, settings, client) = (server.url("/"), authority.settings(), client());
    for _ in 0..3 {
        exchange(&client, FetchRequest { settings: &settings, ..request(&url) }).await;
        server.down.send(()).unwrap();
    }
    assert_eq!(server.handshakes.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn an_http2_connection_lost_under_a_request_is_cut() {
    let authority = Authority::new();
    let server = authority.server("localhost", 2035).await;
    let (url, settings, client) = (server.url("/silent"), authority.settings(), client());
    let lost = async {
        while server.handshakes.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        server.down.send(()).unwrap();
    };
    let ((fetched, _), ()) = tokio::join!(get(&client, FetchRequest { settings: &settings, ..request(&url) }), lost);
    let failed = fetched.result.unwrap_err();
    assert_eq!(failed.kind, FailureKind::Cut, "{}", failed.message);
}

/// A certificate as `openssl req -x509` makes it: it calls itself a CA, and signs itself.
struct SelfSigned {
    certificate: CertificateDer<'static>,
    server: Server,
    folder: TempDir,
}

impl SelfSigned {
    async fn new(names: &[&str], common_name: &str, until: i32) -> Self {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = date_time_ymd(until, 12, 31);
        let own = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("own.pem"), own.pem()).unwrap();
        let server = Server::presenting(vec![own.der().clone()], &key).await;
        Self { certificate: own.der().clone(), server, folder }
    }

    fn listed(&self) -> RequestSettings {
        trusting(self.folder.path().join("own.pem"))
    }
}

impl Server {
    async fn presenting(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Self {
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self::serving(config).await
    }
}

#[tokio::test]
async fn a_self_signed_certificate_that_the_channel_lists_is_accepted() {
    for names in [&["localhost"][..], &[]] {
        let own = SelfSigned::new(names, "localhost", 2035).await;
        let (url, settings) = (own.server.url("/"), own.listed());
        let (got, _) = exchange(&client(), FetchRequest { settings: &settings, ..request(&url) }).await;
        assert_eq!(got.certificate_expiry.unwrap().to_string(), "2035-12-31T00:00:00Z");
        let message = refused(request(&url)).await.message;
        assert!(message.contains("ca_file") || message.contains("install ca-certificates"), "{message}");
    }
}

#[tokio::test]
async fn a_listed_certificate_needs_the_name_the_dates_and_the_key() {
    for (names, common_name, until, expected) in [
        (&["other.example"][..], "localhost", 2035, "is for another name: other.example;"),
        (&[], "other.example", 2035, "is for another name: other.example;"),
        (&["localhost"], "localhost", 2020, "expired on 2020-12-31T00:00:00Z"),
    ] {
        let own = SelfSigned::new(names, common_name, until).await;
        let (url, settings) = (own.server.url("/"), own.listed());
        let message = refused(FetchRequest { settings: &settings, ..request(&url) }).await.message;
        assert!(message.contains(expected), "{message}");
    }
    let own = SelfSigned::new(&["localhost"], "localhost", 2035).await;
    // Who has only seen the certificate can present it, but can't sign the handshake.
    let thief = Server::presenting_without_check(own.certificate.clone()).await;
    let (url, settings) = (thief.url("/"), own.listed());
    let failed = get(&client(), FetchRequest { settings: &settings, ..request(&url) }).await.0.result.unwrap_err();
    assert_eq!(failed.kind, FailureKind::Tls, "{}", failed.message);
    let another = SelfSigned::new(&["localhost"], "localhost", 2035).await;
    let url = another.server.url("/");
    assert_eq!(refused(FetchRequest { settings: &settings, ..request(&url) }).await.kind, FailureKind::Tls);
}

impl Server {
    /// Presents a certificate with the key of another.
    async fn presenting_without_check(certificate: CertificateDer<'static>) -> Self {
        let key = PrivateKeyDer::try_from(KeyPair::generate().unwrap().serialize_der()).unwrap();
        Self::claiming(certificate, key, rustls::DEFAULT_VERSIONS).await
    }

    /// Presents a certificate that the library doesn't compare with the key.
    async fn claiming(
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Self {
        let provider = rustls::crypto::ring::default_provider();
        let key = provider.key_provider.load_private_key(key).unwrap();
        let own = rustls::sign::CertifiedKey::new(vec![certificate], key);
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(own)));
        Self::serving(config).await
    }
}

#[tokio::test]
async fn an_unverified_certificate_is_accepted_only_where_the_settings_say_so() {
    let server = Authority::new().server("other.example", 2020).await;
    let url = server.url("/");
    let mut settings = RequestSettings::default();
    settings.connection.insecure_skip_verify = Some(true);
    let (got, _) = exchange(&client(), FetchRequest { settings: &settings, ..request(&url) }).await;
    assert_eq!(got.certificate_expiry.unwrap().to_string(), "2020-12-31T00:00:00Z", "it is still reported");
    settings.connection.insecure_skip_verify = Some(false);
    refused(FetchRequest { settings: &settings, ..request(&url) }).await;
}

/// A certificate of X.509 version 1, which `openssl x509 -req -signkey` makes, and its key.
const VERSION_1: [&str; 2] = [include_str!("version_1/cert.pem"), include_str!("version_1/key.pem")];

impl Server {
    async fn of_version_1(tls: &'static rustls::SupportedProtocolVersion) -> Self {
        let [certificate, key] = VERSION_1.map(str::as_bytes);
        let certificate = CertificateDer::from_pem_slice(certificate).unwrap();
        Self::claiming(certificate, PrivateKeyDer::from_pem_slice(key).unwrap(), &[tls]).await
    }
}

#[tokio::test]
async fn a_certificate_of_version_1_is_accepted_where_its_chain_needs_no_verification() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, VERSION_1[0]).unwrap();
    let mut unverified = RequestSettings::default();
    unverified.connection.insecure_skip_verify = Some(true);
    for tls in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let url = Server::of_version_1(tls).await.url("/");
        for settings in [&trusting(file.clone()), &unverified] {
            let (got, _) = exchange(&client(), FetchRequest { settings, ..request(&url) }).await;
            assert_eq!(got.certificate_expiry.unwrap().to_string(), "2126-11-06T22:36:53Z", "{tls:?}");
        }
        let failed = refused(request(&url)).await;
        assert!(failed.message.contains("X.509"), "{}", failed.message);
    }
}

#[tokio::test]
async fn the_server_name_replaces_the_host_in_sni_and_certificate_and_nowhere_else() {
    let authority = Authority::new();
    let server = authority.server("origin.internal", 2035).await;
    let (url, mut settings) = (server.url("/"), authority.settings());
    refused(FetchRequest { settings: &settings, ..request(&url) }).await;
    settings.connection.server_name = Some("origin.internal".to_owned());
    settings.connection.own_host = Some("localhost".to_owned());
    let (got, _) = exchange(&client(), FetchRequest { settings: &settings, ..request(&url) }).await;
    assert_eq!((got.status, got.final_url.host_str()), (200, Some("localhost")));
    settings.connection.own_host = Some("another.example".to_owned());
    refused(FetchRequest { settings: &settings, ..request(&url) }).await;
}

#[tokio::test]
async fn an_edge_is_asked_by_its_address_under_the_name_of_the_url() {
    let authority = Authority::new();
    let server = authority.server("live.example", 2035).await;
    let mut settings = authority.settings();
    let to = format!("127.0.0.1:{}", server.port);
    settings.connection.connect_to = Some(crate::catalog::ConnectTo::parse(&to).unwrap());
    settings.connection.own_host = Some("live.example".to_owned());
    let url = Url::parse("https://live.example/a.m3u8").unwrap();
    let (got, _) = exchange(&client(), FetchRequest { settings: &settings, ..request(&url) }).await;
    assert_eq!((got.version, got.status), ("HTTP/2.0", 200));
}

#[tokio::test]
async fn a_client_certificate_goes_to_the_channels_own_servers() {
    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority.root).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.root.der().clone()).unwrap();
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.unwrap())
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let server = Server::serving(config).await;
    let folder = &authority.folder;
    let (cert_file, key_file) = (folder.path().join("client.pem"), folder.path().join("client.key"));
    let client_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["exporter".to_owned()]).unwrap();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    std::fs::write(&cert_file, params.signed_by(&client_key, &authority.root).unwrap().pem()).unwrap();
    std::fs::write(&key_file, client_key.serialize_pem()).unwrap();
    let (url, mut settings) = (server.url("/"), authority.settings());
    let message = refused(FetchRequest { settings: &settings, ..request(&url) }).await.message;
    assert!(message.contains("demands a client certificate") && message.contains("cert_file"), "{message}");
    settings.connection.identity =
        Some(crate::catalog::ClientIdentity { cert_file: cert_file.clone(), key_file: key_file.clone() });
    exchange(&client(), FetchRequest { settings: &settings, ..request(&url) }).await;
    let foreign = settings.without_secrets();
    refused(FetchRequest { settings: &foreign, ..request(&url) }).await;
    std::fs::write(&key_file, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let message = refused(FetchRequest { settings: &settings, ..request(&url) }).await.message;
    assert!(message.contains("the key of key_file is not that of the certificate in cert_file"), "{message}");
}
