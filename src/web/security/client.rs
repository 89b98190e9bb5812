//! Client certificates for TLS: the types of client authentication that Go has, and the allowed subject alternative
//! names.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::net::IpAddr;
use std::sync::Arc;
use x509_parser::extensions::GeneralName;

/// Verifier of client certificates. In every mode the client must prove that it has the certificate's private key.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    provider: Arc<CryptoProvider>,
    /// Verifier of the certificate chain up to a root. `None`: any certificate is accepted.
    chain: Option<Arc<dyn ClientCertVerifier>>,
    mandatory: bool,
    /// Subject alternative names, one of which a client certificate must have. Empty: any name is accepted.
    allowed_sans: Vec<String>,
}

impl ClientVerifier {
    /// Makes the verifier of client certificates. `roots` are the accepted authorities; `None` accepts a certificate of
    /// any authority. `mandatory` says whether a client must send a certificate. `allowed_sans` are the accepted
    /// subject alternative names; empty accepts every name.
    ///
    /// # Errors
    /// Fails if a root can't be a certificate authority.
    pub(crate) fn new(
        provider: Arc<CryptoProvider>,
        roots: Option<Vec<CertificateDer<'static>>>,
        mandatory: bool,
        allowed_sans: Vec<String>,
    ) -> Result<Self, String> {
        let chain = roots.map(|roots| chain(roots, Arc::clone(&provider))).transpose()?;
        Ok(Self { provider, chain, mandatory, allowed_sans })
    }
}

fn chain(
    roots: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root).map_err(|e| format!("client_ca_file holds a certificate that can't be a CA: {e}"))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider);
    builder.build().map(|v| v as Arc<dyn ClientCertVerifier>).map_err(|e| format!("client_ca_file: {e}"))
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.as_ref().map_or(&[], |chain| chain.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(chain) = &self.chain {
            chain.verify_client_cert(end_entity, intermediates, now)?;
        }
        if !self.allowed_sans.is_empty() && !sans(end_entity)?.iter().any(|san| self.allowed_sans.contains(san)) {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Returns the DNS, e-mail, URI and IP names of a certificate. exporter-toolkit compares them exactly, without
/// wildcards.
fn sans(certificate: &CertificateDer<'_>) -> Result<Vec<String>, Error> {
    let bad = |_| Error::from(CertificateError::BadEncoding);
    let (_, certificate) =
        x509_parser::parse_x509_certificate(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let Some(extension) = certificate.subject_alternative_name().map_err(bad)? else { return Ok(Vec::new()) };
    Ok(extension.value.general_names.iter().filter_map(name).collect())
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(n) | GeneralName::RFC822Name(n) | GeneralName::URI(n) => Some((*n).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(|ip| ip.to_string())
        }
        _ => None,
    }
}
