//! HTTPS of the origin with a generated certificate.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

/// The certificate that an HTTPS origin serves with, and its authority.
pub(super) struct TlsIdentity {
    pub acceptor: TlsAcceptor,
    /// Certificate of the authority, in PEM format.
    pub authority: String,
}

/// Makes a certificate for 127.0.0.1 that expires in `days` days by the system's clock, by which clients check it.
pub(super) fn certificate_for_days(days: u64) -> TlsIdentity {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Live origin CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");

    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    params.not_after = date_time_ymd(1970, 1, 1) + now + Duration::from_secs(days * 86_400);
    let leaf = params.signed_by(&key, &authority).expect("a certificate");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows them")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).expect("a key"))
        .expect("key and certificate fit");
    TlsIdentity { acceptor: TlsAcceptor::from(Arc::new(config)), authority: authority.pem() }
}
