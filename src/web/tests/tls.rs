use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Certificate, Identity, Version};
use tempfile::TempDir;

/// A certificate authority that a test makes.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Issues a certificate for the name `san`, and returns certificate and private key in PEM.
    fn issue(&self, san: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![san.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn issue_to(&self, directory: &TempDir) {
        let (certificate, key) = self.issue("localhost");
        std::fs::write(directory.path().join("cert.pem"), certificate).unwrap();
        std::fs::write(directory.path().join("key.pem"), key).unwrap();
    }
}

fn write(directory: &TempDir, more: &str) -> std::path::PathBuf {
    let path = directory.path().join("web.yml");
    let text = format!("tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n{more}");
    std::fs::write(&path, text).unwrap();
    path
}

fn trusting(authority: &Authority, server: &Running) -> reqwest::ClientBuilder {
    let root = Certificate::from_pem(authority.0.pem().as_bytes()).unwrap();
    builder().tls_certs_only([root]).resolve("localhost", server.address)
}

async fn get(client: reqwest::ClientBuilder, server: &Running) -> Result<reqwest::Response, reqwest::Error> {
    let url = format!("https://localhost:{}/-/healthy", server.address.port());
    client.build().unwrap().get(url).send().await
}

#[tokio::test]
async fn http2_by_alpn_unless_it_is_off() {
    let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
    authority.issue_to(&directory);
    for (more, version) in [("", Version::HTTP_2), ("http_server_config:\n  http2: false\n", Version::HTTP_11)] {
        let server = Running::secured(&write(&directory, more)).await;
        let response = get(trusting(&authority, &server), &server).await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, version));
        server.finish().await;
    }
}

#[tokio::test]
async fn a_new_certificate_is_picked_up_and_a_bad_one_leaves_the_old() {
    let (old, new, directory) = (Authority::new(), Authority::new(), TempDir::new().unwrap());
    old.issue_to(&directory);
    let server = Running::secured(&write(&directory, "")).await;
    assert!(get(trusting(&old, &server), &server).await.is_ok());
    std::fs::write(directory.path().join("cert.pem"), "half a certif").unwrap();
    assert!(get(trusting(&old, &server), &server).await.is_ok());
    new.issue_to(&directory);
    assert!(get(trusting(&new, &server), &server).await.is_ok());
    assert!(get(trusting(&old, &server), &server).await.is_err());
    std::fs::write(directory.path().join("web.yml"), "").unwrap();
    assert!(get(trusting(&new, &server), &server).await.is_ok(), "TLS isn't switched off by an empty file");
}

#[tokio::test]
async fn a_client_certificate_of_the_right_authority_and_name_is_required() {
    let (authority, other, directory) = (Authority::new(), Authority::new(), TempDir::new().unwrap());
    authority.issue_to(&directory);
    std::fs::write(directory.path().join("ca.pem"), authority.0.pem()).unwrap();
    let more = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans: [10.0.0.7, prometheus.example]\n";
    let server = Running::secured(&write(&directory, more)).await;
    let with = |(certificate, key): (String, String)| {
        trusting(&authority, &server).identity(Identity::from_pem((certificate + &key).as_bytes()).unwrap())
    };
    assert!(get(trusting(&authority, &server), &server).await.is_err(), "no certificate");
    assert!(get(with(other.issue("prometheus.example")), &server).await.is_err(), "another authority");
    assert!(get(with(authority.issue("grafana.example")), &server).await.is_err(), "another name");
    assert_eq!(get(with(authority.issue("prometheus.example")), &server).await.unwrap().status(), 200);
    assert_eq!(get(with(authority.issue("10.0.0.7")), &server).await.unwrap().status(), 200);
}

#[tokio::test]
async fn any_client_certificate_will_do_where_the_file_says_so() {
    let (authority, other, directory) = (Authority::new(), Authority::new(), TempDir::new().unwrap());
    authority.issue_to(&directory);
    let server = Running::secured(&write(&directory, "  client_auth_type: RequireAnyClientCert\n")).await;
    let (certificate, key) = other.issue("anyone.example");
    let identity = Identity::from_pem((certificate + &key).as_bytes()).unwrap();
    assert!(get(trusting(&authority, &server), &server).await.is_err());
    assert!(get(trusting(&authority, &server).identity(identity), &server).await.is_ok());
}

#[test]
fn what_rustls_can_not_is_refused_by_name_and_what_go_calls_by_another_name_is_known() {
    let (authority, directory) = (Authority::new(), TempDir::new().unwrap());
    authority.issue_to(&directory);
    let load = |more: &str| Security::load(Some(&write(&directory, more))).map(drop);
    let good = [
        "  min_version: TLS12\n  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n",
        "  min_version: TLS13\n  cipher_suites: [TLS_AES_128_GCM_SHA256]\n  prefer_server_cipher_suites: false\n",
        "  curve_preferences: [CurveP256, X25519]\n  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: cert.pem\n",
    ];
    for more in good {
        assert_eq!(load(more), Ok(()), "{more}");
    }
    let bad = [
        ("  min_version: TLS10\n", "`TLS10` is not supported"),
        ("  min_version: TLS13\n  max_version: TLS12\n", "above max_version"),
        ("  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]\n", "`TLS_RSA_WITH_AES_128_CBC_SHA` is not supported"),
        ("  curve_preferences: [CurveP521]\n", "`CurveP521` is not supported"),
        ("  client_ca_file: cert.pem\n", "RequireAndVerifyClientCert is likely meant"),
        ("  client_auth_type: RequireAndVerifyClientCert\n", "needs client_ca_file"),
        ("  client_auth_type: RequestClientCert\n  client_allowed_sans: [a]\n", "client_allowed_sans needs"),
    ];
    for (more, expected) in bad {
        let error = load(more).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    std::fs::write(directory.path().join("key.pem"), authority.issue("localhost").1).unwrap();
    assert!(load("").unwrap_err().contains("don't go together"));
}
