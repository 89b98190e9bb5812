//! Expiry of servers' certificate chains. A chain is visible only during the TLS handshake, but its expiry is needed
//! with every answer on a kept-alive connection.

use packager_media::units::Timestamp;
use rustls::RootCertStore;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, UnixTime};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Largest number of remembered certificate chains. For a forgotten chain, the expiry of the server's own certificate
/// is used.
const MAX_CHAINS: usize = 4096;
/// Largest number of certificates that are read of one chain.
const MAX_DEPTH: usize = 10;

/// Expiry times of the certificates of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChainExpiry {
    /// Earliest `notAfter` of all certificates that the server sent.
    pub(crate) sent: Timestamp,
    /// Earliest `notAfter` of the certificates from the server's own to a trusted one, both included. A server may send
    /// others, such as an expired one that cross-signs a root.
    pub(crate) verified: Timestamp,
}

/// Expiry times of each certificate chain, by the DER bytes of the server's own certificate.
#[derive(Debug, Default)]
pub(super) struct ChainExpiries(Mutex<HashMap<Box<[u8]>, ChainExpiry>>);

impl ChainExpiries {
    /// Remembers the expiry of a certificate chain that was verified. `verified` is the earliest expiry on the path by
    /// which it was verified. If it is `None`, the expiry of the server's own certificate is used.
    pub(crate) fn record(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        verified: Option<Timestamp>,
    ) {
        let all = std::iter::once(leaf).chain(intermediates).take(MAX_DEPTH);
        let Some(sent) = all.filter_map(|der| not_after(der)).min() else { return };
        let verified = verified.or_else(|| not_after(leaf)).unwrap_or(sent);
        let mut chains = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if chains.len() >= MAX_CHAINS {
            chains.clear();
        }
        chains.insert(leaf.as_ref().into(), ChainExpiry { sent, verified });
    }

    /// Returns the expiry of the chain that the server sent with its own certificate `leaf` (DER); `None` if it can't
    /// be read.
    pub(crate) fn expiry(&self, leaf: &[u8]) -> Option<ChainExpiry> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(leaf).copied();
        known.or_else(|| not_after(leaf).map(|at| ChainExpiry { sent: at, verified: at }))
    }
}

/// The trusted certificates, and when each expires, which the TLS library doesn't keep.
#[derive(Debug, Clone)]
pub(super) struct Roots {
    /// The trusted certificates. All clients that trust the same certificates share this store.
    pub(crate) store: Arc<RootCertStore>,
    /// Expiry time of each trusted certificate, by its public key; the latest of those with the same key.
    expiries: HashMap<Vec<u8>, Timestamp>,
}

impl Default for Roots {
    /// Makes a set without trusted certificates.
    fn default() -> Self {
        Self { store: Arc::new(RootCertStore::empty()), expiries: HashMap::new() }
    }
}

impl Roots {
    /// Adds a trusted certificate.
    ///
    /// # Errors
    /// The TLS library can't use the certificate.
    pub(crate) fn add(&mut self, der: CertificateDer<'_>) -> Result<(), rustls::Error> {
        let expiry = webpki::anchor_from_trusted_cert(&der)
            .ok()
            .and_then(|anchor| Some((anchor.subject_public_key_info.as_ref().to_vec(), not_after(&der)?)));
        Arc::make_mut(&mut self.store).add(der)?;
        // A renewed certificate may have the key of the one before: one that is valid is enough (RFC 5280 6.1).
        if let Some((key, at)) = expiry {
            let known = self.expiries.entry(key).or_insert(at);
            *known = at.max(*known);
        }
        Ok(())
    }

    /// Returns the earliest expiry on the path from `leaf` to a trusted certificate; `None` if there is no such path.
    pub(crate) fn path_expiry(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Option<Timestamp> {
        let end_entity = EndEntityCert::try_from(leaf).ok()?;
        let usage = KeyUsage::server_auth();
        let path = end_entity
            .verify_for_usage(algorithms.all, &self.store.roots, intermediates, now, usage, None, None)
            .ok()?;
        self.earliest(leaf, &path)
    }

    fn earliest(&self, leaf: &CertificateDer<'_>, path: &VerifiedPath<'_>) -> Option<Timestamp> {
        let between = path.intermediate_certificates().filter_map(|certificate| not_after(&certificate.der()));
        let root = self.expiries.get(path.anchor().subject_public_key_info.as_ref()).copied();
        not_after(leaf).into_iter().chain(between).chain(root).min()
    }
}

fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn certificate(year: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(year, 1, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn chains_of_several_servers_are_remembered() {
        let (first, second, intermediate) = (certificate(2040), certificate(2041), certificate(2035));
        let chains = ChainExpiries::default();
        for leaf in [&first, &second] {
            chains.record(leaf, std::slice::from_ref(&intermediate), None);
        }
        let expected = |leaf: &CertificateDer<'_>| {
            Some(ChainExpiry { sent: not_after(&intermediate).unwrap(), verified: not_after(leaf).unwrap() })
        };
        assert_eq!([&first, &second].map(|leaf| chains.expiry(leaf)), [&first, &second].map(expected));
    }

    #[test]
    fn a_renewed_root_with_the_same_key_ends_when_the_later_one_does() {
        let key = KeyPair::generate().unwrap();
        let root = |year: i32| {
            let mut params = CertificateParams::default();
            params.not_after = date_time_ymd(year, 1, 1);
            params.self_signed(&key).unwrap().der().clone()
        };
        for years in [[2035, 2040], [2040, 2035]] {
            let mut roots = Roots::default();
            years.into_iter().for_each(|year| roots.add(root(year)).unwrap());
            assert_eq!(roots.expiries.values().copied().collect::<Vec<_>>(), [not_after(&root(2040)).unwrap()]);
        }
    }
}
