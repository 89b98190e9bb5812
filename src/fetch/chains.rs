//! When the certificates of a server's chain end: seen once at the handshake, known for as long as the connection lives.

use packager_media::units::Timestamp;
use rustls_pki_types::CertificateDer;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Chains remembered; a forgotten one falls back to the server's own certificate.
const MAX_CHAINS: usize = 4096;
/// Certificates of a chain that are looked at.
const MAX_DEPTH: usize = 10;

/// End of a chain by its first certificate (DER).
#[derive(Debug, Default)]
pub(super) struct Chains(Mutex<HashMap<Box<[u8]>, Timestamp>>);

impl Chains {
    pub fn seen(&self, leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) {
        let all = std::iter::once(leaf).chain(intermediates).take(MAX_DEPTH);
        let Some(earliest) = all.filter_map(|der| not_after(der)).min() else { return };
        let mut chains = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if chains.len() >= MAX_CHAINS {
            chains.clear();
        }
        chains.insert(leaf.as_ref().into(), earliest);
    }

    /// `notAfter` of the certificate that ends first in the chain that `leaf` came with.
    pub fn expiry(&self, leaf: &[u8]) -> Option<Timestamp> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(leaf).copied();
        known.or_else(|| not_after(leaf))
    }
}

fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}
