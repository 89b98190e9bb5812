//! Converts `tls_server_config` of the web configuration to the server configuration of rustls. Protocols and cipher
//! suites that Go has and rustls doesn't have (TLS 1.0, CBC, P-521) are refused by name.

use super::client::ClientVerifier;
use super::file::{ClientAuth, Material, Pem, TlsConfig};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

/// Makes the TLS configuration of the server.
///
/// # Errors
/// Fails if a key has a value that is not supported. The message has the key, the value and the supported values.
pub(crate) fn server_config(material: &Material) -> Result<Arc<ServerConfig>, String> {
    let tls = material.config.tls_server_config.clone().unwrap_or_default();
    let cert = material.cert.as_ref().ok_or("tls_server_config: cert_file (or cert) is missing")?;
    let key = material.key.as_ref().ok_or("tls_server_config: key_file (or key) is missing")?;
    let provider = Arc::new(provider(&tls)?);
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions(&tls)?)
            .map_err(|e| format!("tls_server_config: min_version, max_version and cipher_suites leave nothing: {e}"))?;
    let builder = match clients(&tls, material.client_ca.as_ref(), provider)? {
        Some(verifier) => builder.with_client_cert_verifier(Arc::new(verifier)),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(certificates(cert)?, private_key(key)?)
        .map_err(|e| format!("certificate {} and key {} don't go together: {e}", cert.from, key.from))?;
    config.ignore_client_order = tls.prefer_server_cipher_suites.unwrap_or(true);
    let http2: &[&[u8]] = if material.config.http_server_config.http2 { &[b"h2"] } else { &[] };
    config.alpn_protocols = http2.iter().copied().chain([b"http/1.1".as_slice()]).map(<[u8]>::to_vec).collect();
    Ok(Arc::new(config))
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.bytes).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(format!("{} holds no CERTIFICATE in PEM", pem.from)),
        Err(e) => Err(format!("{} is not a certificate in PEM: {e}", pem.from)),
    }
}

fn private_key(pem: &Pem) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(&pem.bytes).map_err(|e| {
        format!("{} is not a private key in PEM (PKCS #8, PKCS #1 or SEC 1, without a passphrase): {e}", pem.from)
    })
}

fn clients(tls: &TlsConfig, ca: Option<&Pem>, provider: Arc<CryptoProvider>) -> Result<Option<ClientVerifier>, String> {
    let auth = tls.client_auth_type;
    let verifies = matches!(auth, ClientAuth::VerifyClientCertIfGiven | ClientAuth::RequireAndVerifyClientCert);
    let requires = matches!(auth, ClientAuth::RequireAnyClientCert | ClientAuth::RequireAndVerifyClientCert);
    if !tls.client_allowed_sans.is_empty() && !requires {
        return Err("client_allowed_sans needs client_auth_type RequireAndVerifyClientCert or RequireAnyClientCert: \
                    the others let a client in without a certificate"
            .to_owned());
    }
    match (auth, ca) {
        (ClientAuth::NoClientCert, None) => return Ok(None),
        (ClientAuth::NoClientCert, Some(_)) => {
            return Err("client_ca_file is set but client_auth_type isn't; RequireAndVerifyClientCert is likely meant"
                .to_owned());
        }
        (_, None) if verifies => return Err(format!("client_auth_type {auth:?} needs client_ca_file")),
        _ => {}
    }
    let roots = if verifies { ca.map(certificates).transpose()? } else { None };
    ClientVerifier::new(provider, roots, requires, tls.client_allowed_sans.clone()).map(Some)
}

fn versions(tls: &TlsConfig) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let rank = |name: &str, given: &Option<String>, default: u8| match given.as_deref() {
        None | Some("") => Ok(default),
        Some("TLS12") => Ok(12),
        Some("TLS13") => Ok(13),
        Some(other) => Err(format!("tls_server_config: {name} `{other}` is not supported; TLS12 and TLS13 are")),
    };
    let (min, max) = (rank("min_version", &tls.min_version, 12)?, rank("max_version", &tls.max_version, 13)?);
    if min > max {
        return Err("tls_server_config: min_version is above max_version".to_owned());
    }
    let all = [(12, &version::TLS12), (13, &version::TLS13)];
    Ok(all.into_iter().filter(|(rank, _)| (min..=max).contains(rank)).map(|(_, v)| v).collect())
}

fn provider(tls: &TlsConfig) -> Result<CryptoProvider, String> {
    let mut provider = ring::default_provider();
    if !tls.cipher_suites.is_empty() {
        provider.cipher_suites = suites(&tls.cipher_suites)?;
    }
    if !tls.curve_preferences.is_empty() {
        provider.kx_groups = tls.curve_preferences.iter().map(|name| curve(name)).collect::<Result<_, _>>()?;
    }
    Ok(provider)
}

/// Returns the configured cipher suites of TLS 1.2, in the order of `names`, and every suite of TLS 1.3. As in Go, the
/// configured list does not restrict the suites of TLS 1.3.
fn suites(names: &[String]) -> Result<Vec<SupportedCipherSuite>, String> {
    let all = ring::ALL_CIPHER_SUITES;
    let mut chosen: Vec<_> = all.iter().copied().filter(|s| s.tls13().is_some()).collect();
    for name in names {
        let found = all.iter().find(|s| go_name(s) == *name).copied();
        let suite = found.ok_or_else(|| {
            let known: Vec<_> = all.iter().map(go_name).collect();
            format!("tls_server_config: cipher suite `{name}` is not supported; these are: {}", known.join(", "))
        })?;
        if suite.tls13().is_none() {
            chosen.push(suite);
        }
    }
    Ok(chosen)
}

/// Returns the name of a cipher suite as Go and IANA write it, `TLS_…`. rustls writes `TLS13_…` for suites of TLS 1.3.
fn go_name(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1)
}

fn curve(name: &str) -> Result<&'static dyn SupportedKxGroup, String> {
    match name {
        "X25519" => Ok(ring::kx_group::X25519),
        "CurveP256" => Ok(ring::kx_group::SECP256R1),
        "CurveP384" => Ok(ring::kx_group::SECP384R1),
        _ => Err(format!("tls_server_config: curve `{name}` is not supported; X25519, CurveP256 and CurveP384 are")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(min: Option<&str>, max: Option<&str>) -> Result<Vec<rustls::ProtocolVersion>, String> {
        let (min_version, max_version) = (min.map(str::to_owned), max.map(str::to_owned));
        let all = versions(&TlsConfig { min_version, max_version, ..TlsConfig::default() })?;
        Ok(all.into_iter().map(|version| version.version).collect())
    }

    #[test]
    fn versions_go_from_the_least_to_the_highest_and_both_ends_count() {
        use rustls::ProtocolVersion::{TLSv1_2, TLSv1_3};
        assert_eq!(between(None, None), Ok(vec![TLSv1_2, TLSv1_3]));
        assert_eq!(between(Some(""), Some("TLS12")), Ok(vec![TLSv1_2]));
        assert_eq!(between(Some("TLS13"), None), Ok(vec![TLSv1_3]));
        assert!(between(Some("TLS13"), Some("TLS12")).unwrap_err().contains("min_version is above max_version"));
        assert!(between(Some("TLS11"), None).unwrap_err().contains("min_version `TLS11`"));
        assert!(between(None, Some("SSL30")).unwrap_err().contains("max_version `SSL30`"));
    }

    #[test]
    fn named_suites_restrict_tls_1_2_and_an_unknown_one_is_refused_with_the_known() {
        let name = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".to_owned();
        let chosen = suites(&[name.clone(), "TLS_AES_128_GCM_SHA256".to_owned()]).unwrap();
        let (new, old): (Vec<_>, Vec<_>) = chosen.iter().partition(|suite| suite.tls13().is_some());
        assert_eq!((new.len(), old.len()), (3, 1));
        assert_eq!(go_name(old[0]), name);
        let error = suites(&["TLS_RSA_WITH_RC4_128_SHA".to_owned()]).unwrap_err();
        assert!(error.contains("`TLS_RSA_WITH_RC4_128_SHA` is not supported") && error.contains(&name), "{error}");
    }

    #[test]
    fn each_curve_of_go_that_rustls_has_is_taken() {
        let group = |name| curve(name).map(|curve| curve.name());
        assert_eq!(group("X25519"), Ok(rustls::NamedGroup::X25519));
        assert_eq!(group("CurveP256"), Ok(rustls::NamedGroup::secp256r1));
        assert_eq!(group("CurveP384"), Ok(rustls::NamedGroup::secp384r1));
        assert!(group("CurveP521").unwrap_err().contains("`CurveP521` is not supported"));
    }

    #[test]
    fn client_authentication_and_its_authority_belong_together() {
        let pem = Pem { from: "ca.pem".to_owned(), bytes: Vec::new() };
        let of = |client_auth_type, sans: &[&str], ca: Option<&Pem>| {
            let client_allowed_sans = sans.iter().map(|san| (*san).to_owned()).collect();
            let tls = TlsConfig { client_auth_type, client_allowed_sans, ..TlsConfig::default() };
            clients(&tls, ca, Arc::new(ring::default_provider())).map(|verifier| verifier.is_some())
        };
        use ClientAuth::{NoClientCert, RequestClientCert, RequireAndVerifyClientCert, RequireAnyClientCert};
        assert_eq!((of(NoClientCert, &[], None), of(RequestClientCert, &[], None)), (Ok(false), Ok(true)));
        assert_eq!(of(RequireAnyClientCert, &["a"], None), Ok(true));
        assert!(of(NoClientCert, &[], Some(&pem)).unwrap_err().contains("client_auth_type isn't"));
        assert!(of(RequireAndVerifyClientCert, &[], None).unwrap_err().contains("needs client_ca_file"));
        assert!(of(RequestClientCert, &["a"], None).unwrap_err().contains("client_allowed_sans needs"));
        assert!(of(RequireAndVerifyClientCert, &[], Some(&pem)).unwrap_err().contains("ca.pem holds no CERTIFICATE"));
    }
}
