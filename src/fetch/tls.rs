//! TLS settings of the probes' HTTP client. Every connection verifies the server's whole certificate chain and none
//! resumes a session, so that the exporter sees what a new viewer sees.

use crate::fetch::chain_expiries::{ChainExpiries, Roots};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use webpki::RawPublicKeyEntity;
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};

/// A client's certificate, its intermediate certificates, and its private key.
pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What a channel's settings say of TLS.
#[derive(Default)]
pub(super) struct TlsSettings {
    pub(crate) roots: Arc<Roots>,
    /// The certificates of the channel's `ca_file`. A server that presents one of them itself needs no issuer.
    pub(crate) listed: Vec<CertificateDer<'static>>,
    pub(crate) identity: Option<Identity>,
    /// Whether any certificate is accepted.
    pub(crate) insecure: bool,
}

/// Makes the TLS configuration of the probes' HTTP client.
///
/// # Errors
/// Returns the TLS library's error when it can't use the certificates or its own cipher suites.
pub(super) fn client_config(settings: TlsSettings, chains: Arc<ChainExpiries>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let store = Arc::clone(&settings.roots.store);
    let inner = match WebPkiServerVerifier::builder_with_provider(store, Arc::clone(&provider)).build() {
        Ok(verifier) => Some(verifier),
        Err(VerifierBuilderError::NoRootAnchors) => None,
        Err(e) => return Err(e.to_string()),
    };
    let TlsSettings { roots, listed, identity, insecure } = settings;
    let verifier = ChainVerifier { inner, roots, listed, insecure, provider: Arc::clone(&provider), chains };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match identity {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|e| match e {
            Error::InconsistentKeys(_) => "the key of key_file is not that of the certificate in cert_file".to_owned(),
            other => other.to_string(),
        })?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Verifies certificates in the standard way, and also accepts a server certificate that is itself in the channel's `ca_file`.
/// It records when a valid chain expires.
#[derive(Debug)]
struct ChainVerifier {
    /// `None` when there is no trusted CA certificate at all.
    inner: Option<Arc<WebPkiServerVerifier>>,
    roots: Arc<Roots>,
    listed: Vec<CertificateDer<'static>>,
    insecure: bool,
    provider: Arc<CryptoProvider>,
    chains: Arc<ChainExpiries>,
}

impl ChainVerifier {
    fn verify_chain(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        if self.listed.iter().any(|listed| listed.as_ref() == leaf.as_ref()) {
            return verify_listed(leaf, name, now);
        }
        let inner = self.inner.as_deref().ok_or_else(|| {
            Error::General("this system has no CA certificates: install ca-certificates, or set ca_file".to_owned())
        })?;
        inner.verify_server_cert(leaf, intermediates, name, ocsp, now).map(drop)
    }
}

impl ChainVerifier {
    /// Returns the result of verifying a handshake's signature, or if the library can't read the certificate (version 1 of X.509, as
    /// `openssl x509 -req` makes) and its chain needs no verification, that of `with_key`, which gets the certificate's public key.
    fn or_with_key(
        &self,
        result: Result<HandshakeSignatureValid, Error>,
        leaf: &CertificateDer<'_>,
        with_key: impl FnOnce(&SubjectPublicKeyInfoDer<'_>) -> Option<HandshakeSignatureValid>,
    ) -> Result<HandshakeSignatureValid, Error> {
        let needs_no_chain = self.insecure || self.listed.iter().any(|listed| listed.as_ref() == leaf.as_ref());
        if !needs_no_chain || result.is_ok() {
            return result;
        }
        let Ok((_, certificate)) = X509Certificate::from_der(leaf) else { return result };
        with_key(&SubjectPublicKeyInfoDer::from(certificate.public_key().raw)).map_or(result, Ok)
    }
}

impl ServerCertVerifier for ChainVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.insecure {
            self.verify_chain(leaf, intermediates, name, ocsp, now)?;
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        self.chains.record(leaf, intermediates, self.roots.path_expiry(leaf, intermediates, now, algorithms));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let result = verify_tls12_signature(message, leaf, signed, algorithms);
        self.or_with_key(result, leaf, |key| {
            let by_scheme = algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
            let entity = RawPublicKeyEntity::try_from(key).ok()?;
            let mut usable = by_scheme.flat_map(|(_, all)| all.iter());
            usable
                .any(|one| entity.verify_signature(*one, message, signed.signature()).is_ok())
                .then(HandshakeSignatureValid::assertion)
        })
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let result = verify_tls13_signature(message, leaf, signed, algorithms);
        self.or_with_key(result, leaf, |key| verify_tls13_signature_with_raw_key(message, key, signed, algorithms).ok())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Verifies dates and name of a certificate that the channel's `ca_file` has itself. That the server owns its key is verified with
/// the handshake's signature. Whether the certificate calls itself a CA doesn't matter: `openssl req -x509` makes such.
fn verify_listed(leaf: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
    let (_, certificate) = X509Certificate::from_der(leaf).map_err(|_| CertificateError::BadEncoding)?;
    let at = |time: x509_parser::time::ASN1Time| {
        UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or_default()))
    };
    let (not_before, not_after) = (at(certificate.validity().not_before), at(certificate.validity().not_after));
    if now.as_secs() < not_before.as_secs() {
        return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
    }
    if now.as_secs() > not_after.as_secs() {
        return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
    }
    match certificate_names(&certificate) {
        // A certificate without names of hosts, which names its server in the subject alone as before RFC 2818 3.1.
        None => verify_common_name(&certificate, name),
        Some(_) => {
            let end_entity = webpki::EndEntityCert::try_from(leaf).map_err(|_| CertificateError::BadEncoding)?;
            end_entity.verify_is_valid_for_subject_name(name).map_err(|_| wrong_name(&certificate, name))
        }
    }
}

/// The names and addresses of a certificate's hosts. `None`: the certificate has no such extension.
fn certificate_names(certificate: &X509Certificate<'_>) -> Option<Vec<String>> {
    let mut extensions = certificate.extensions().iter().map(x509_parser::extensions::X509Extension::parsed_extension);
    let names = extensions.find_map(|extension| match extension {
        ParsedExtension::SubjectAlternativeName(names) => Some(names),
        _ => None,
    })?;
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
        },
        _ => None,
    };
    Some(names.general_names.iter().filter_map(name).collect())
}

fn verify_common_name(certificate: &X509Certificate<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    let mut common_names = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let wanted = name.to_str();
    match common_names.any(|common| common.eq_ignore_ascii_case(&wanted)) {
        true => Ok(()),
        false => Err(wrong_name(certificate, name)),
    }
}

fn wrong_name(certificate: &X509Certificate<'_>, name: &ServerName<'_>) -> Error {
    let subject = || certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok()).map(str::to_owned);
    let presented = certificate_names(certificate).unwrap_or_else(|| subject().collect());
    CertificateError::NotValidForNameContext { expected: name.to_owned(), presented }.into()
}
