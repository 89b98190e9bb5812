//! TLS settings of the probes' HTTP client. Every connection verifies the server's whole certificate chain and none
//! resumes a session, so that the exporter sees what a new viewer sees.

use crate::fetch::chain_expiries::{ChainExpiries, Roots};
use crate::fetch::connect_trace;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::client::{VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, DigitallySignedStruct, Error, NamedGroup, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::sync::Arc;
use tokio::time::Instant;

/// Makes the TLS configuration of the probes' HTTP client.
///
/// # Errors
/// The TLS library can't use the CA certificates or its own cipher suites; the error is its own.
pub(super) fn client_config(roots: Roots, chains: Arc<ChainExpiries>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let inner = match WebPkiServerVerifier::builder_with_provider(Arc::new(roots.store.clone()), Arc::clone(&provider))
        .build()
    {
        Ok(verifier) => Some(verifier),
        Err(VerifierBuilderError::NoRootAnchors) => None,
        Err(e) => return Err(e.to_string()),
    };
    let verifier = ChainExpiryVerifier { inner, roots, provider: Arc::clone(&provider), chains };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.resumption = Resumption::store(Arc::new(NoSessionStore));
    Ok(config)
}

/// The standard certificate verification, which also records when a valid chain expires.
#[derive(Debug)]
struct ChainExpiryVerifier {
    /// Verifier of the TLS library; `None` if there is no trusted CA certificate at all.
    inner: Option<Arc<WebPkiServerVerifier>>,
    roots: Roots,
    provider: Arc<CryptoProvider>,
    chains: Arc<ChainExpiries>,
}

impl ChainExpiryVerifier {
    fn inner(&self) -> Result<&WebPkiServerVerifier, Error> {
        self.inner.as_deref().ok_or_else(|| {
            Error::General("this system has no CA certificates: install ca-certificates, or set ca_file".to_owned())
        })
    }
}

impl ServerCertVerifier for ChainExpiryVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let valid = self.inner()?.verify_server_cert(leaf, intermediates, name, ocsp, now)?;
        let algorithms = &self.provider.signature_verification_algorithms;
        self.chains.record(leaf, intermediates, self.roots.path_expiry(leaf, intermediates, now, algorithms));
        Ok(valid)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner()?.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner()?.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A TLS session store that keeps nothing, because a resumed session would skip the certificate's verification. rustls
/// asks the store for a hint while it makes the ClientHello, and that instant separates TCP from TLS time.
#[derive(Debug)]
struct NoSessionStore;

impl ClientSessionStore for NoSessionStore {
    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        connect_trace::mark(|marks| marks.hello = marks.hello.or(Some(Instant::now())));
        None
    }

    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}
