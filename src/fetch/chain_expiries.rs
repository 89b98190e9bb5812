//! Expiry of servers' certificate chains. A chain is seen at the handshake only, but a kept-alive connection needs its
//! expiry with every answer.

use packager_media::units::Timestamp;
use rustls_pki_types::CertificateDer;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The largest number of remembered chains. For a forgotten chain the expiry of the server's own certificate stands in.
const MAX_CHAINS: usize = 4096;
/// The largest number of certificates of one chain that are read.
const MAX_DEPTH: usize = 10;

/// Expiry of each chain, by the DER bytes of the server's own certificate.
#[derive(Debug, Default)]
pub(super) struct ChainExpiries(Mutex<HashMap<Box<[u8]>, Timestamp>>);

impl ChainExpiries {
    pub(crate) fn record(&self, leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) {
        let all = std::iter::once(leaf).chain(intermediates).take(MAX_DEPTH);
        let Some(earliest) = all.filter_map(|der| not_after(der)).min() else { return };
        let mut chains = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if chains.len() >= MAX_CHAINS {
            chains.clear();
        }
        chains.insert(leaf.as_ref().into(), earliest);
    }

    /// The earliest `notAfter` in the chain that the server sent with `leaf` (DER). `None` means that it can't be read.
    pub(crate) fn expiry(&self, leaf: &[u8]) -> Option<Timestamp> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(leaf).copied();
        known.or_else(|| not_after(leaf))
    }
}

fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}
