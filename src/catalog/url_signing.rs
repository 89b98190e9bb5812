//! Signed URLs: what a channel's CDN or server wants to see with each request, and with which key it is made.

use super::request_keys::SecretFiles;
use crate::document::{Fault, Node, TimeLength};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;

/// How tokens for requests are made. The tokens are made in `fetch/signed_url.rs`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct UrlSigning {
    #[serde(flatten)]
    pub scheme: SigningScheme,
    /// Key as the scheme wants it: a shared secret, or a private key in DER.
    pub key: SigningKey,
    /// Seconds for which a token is valid.
    pub lifetime: u32,
    /// Seconds by which the signing server's clock is ahead of the exporter's.
    pub clock_offset: i32,
    /// Beginning of the paths of the URLs that are signed.
    pub path_prefix: String,
}

/// A scheme of tokens, with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "scheme", rename_all = "snake_case")]
pub enum SigningScheme {
    /// Akamai's Auth Token 2.0 with an access list.
    AkamaiEdgeAuth { parameter: String, send: TokenPlace, acl: String, salt: SigningKey },
    /// Amazon CloudFront's signed cookies with a custom policy.
    Cloudfront { key_pair_id: String, resource: Option<String> },
    /// nginx's `secure_link` and `secure_link_md5`.
    NginxSecureLink { expression: String, parameter: String, expires_parameter: String },
    /// Wowza's SecureToken version 2.
    WowzaSecureToken { parameter: String, hash: SigningHash, client_address: Option<String> },
    /// An HMAC over parts of the request, put together as two templates say.
    Hmac {
        hash: SigningHash,
        message: String,
        token: String,
        parameter: String,
        send: TokenPlace,
        encoding: TokenEncoding,
    },
}

/// Where a token is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPlace {
    #[default]
    Query,
    Cookie,
}

/// Hash function of a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningHash {
    Sha1,
    #[default]
    Sha256,
    Sha384,
    Sha512,
}

/// How the bytes of a signature are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenEncoding {
    #[default]
    Hex,
    Base64,
    /// RFC 4648 5, without padding.
    Base64url,
}

/// A key, which is never shown.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct SigningKey(pub Vec<u8>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl Serialize for SigningKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str("<secret>")
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SchemeName {
    AkamaiEdgeAuth,
    Cloudfront,
    NginxSecureLink,
    WowzaSecureToken,
    #[default]
    Hmac,
}

/// The keys of the section `signed_url`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UrlSigningKeys {
    scheme: Option<SchemeName>,
    key_file: Option<PathBuf>,
    salt_file: Option<PathBuf>,
    lifetime: Option<TimeLength>,
    clock_offset: i32,
    path_prefix: Option<String>,
    send: TokenPlace,
    parameter: Option<String>,
    expires_parameter: Option<String>,
    acl: Option<String>,
    key_pair_id: Option<String>,
    resource: Option<String>,
    expression: Option<String>,
    client_address: Option<String>,
    hash: SigningHash,
    message: Option<String>,
    token: Option<String>,
    encoding: TokenEncoding,
}

const DEFAULT_LIFETIME: f64 = 600.0;
/// Placeholders of the templates `expression`, `message` and `token`.
const PLACEHOLDERS: [&str; 7] = ["{path}", "{host}", "{expires}", "{start}", "{key}", "{signature}", "{prefix}"];

/// Checks the section and reads its key.
pub(super) fn url_signing(
    written: &UrlSigningKeys,
    node: &Node,
    secrets: &mut SecretFiles<'_>,
) -> Result<UrlSigning, Vec<Fault>> {
    let fault = |key: &str, why: &str| vec![Fault::value(node.index_of(key), why)];
    let scheme = written.scheme.ok_or_else(|| {
        let known = "akamai_edge_auth, cloudfront, nginx_secure_link, wowza_secure_token or hmac";
        fault("scheme", &format!("`scheme` is missing; write {known}"))
    })?;
    let file =
        written.key_file.as_ref().ok_or_else(|| fault("key_file", "`key_file` is missing: the file with the key"))?;
    let text = secrets.get(file).map_err(|why| fault("key_file", &why))?;
    let key = key_bytes(scheme, &text).map_err(|why| fault("key_file", &why))?;
    let salt = written.salt_file.as_ref().map(|file| secrets.get(file)).transpose();
    let salt = salt.map_err(|why| fault("salt_file", &why))?.unwrap_or_default();
    let lifetime = written.lifetime.map_or(DEFAULT_LIFETIME, |length| length.0);
    if !(5.0..=31.0 * 86_400.0).contains(&lifetime) {
        return Err(fault("lifetime", "must be 5s to 31d"));
    }
    let prefix = written.path_prefix.clone().unwrap_or_else(|| "/".to_owned());
    if !prefix.starts_with('/') {
        return Err(fault("path_prefix", "must begin with /"));
    }
    check_texts(written).map_err(|(key, why)| fault(key, &why))?;
    let scheme = signing_scheme(written, scheme, &prefix, salt).map_err(|(key, why)| fault(key, &why))?;
    let lifetime = lifetime as u32;
    Ok(UrlSigning { scheme, key: SigningKey(key), lifetime, clock_offset: written.clock_offset, path_prefix: prefix })
}

type KeyFault = (&'static str, String);

fn signing_scheme(
    written: &UrlSigningKeys,
    scheme: SchemeName,
    prefix: &str,
    salt: String,
) -> Result<SigningScheme, KeyFault> {
    let parameter = |usual: &str| written.parameter.clone().unwrap_or_else(|| usual.to_owned());
    let needed = |key: &'static str, text: &Option<String>| {
        text.clone().ok_or_else(|| (key, format!("`{key}` is missing; docs/operations.md has examples")))
    };
    Ok(match scheme {
        SchemeName::AkamaiEdgeAuth => SigningScheme::AkamaiEdgeAuth {
            parameter: parameter("hdnts"),
            send: written.send,
            acl: written.acl.clone().unwrap_or_else(|| format!("{prefix}*")),
            salt: SigningKey(salt.into_bytes()),
        },
        SchemeName::Cloudfront => SigningScheme::Cloudfront {
            key_pair_id: needed("key_pair_id", &written.key_pair_id)?,
            resource: written.resource.clone(),
        },
        SchemeName::NginxSecureLink => SigningScheme::NginxSecureLink {
            expression: needed("expression", &written.expression)?,
            parameter: parameter("md5"),
            expires_parameter: written.expires_parameter.clone().unwrap_or_else(|| "expires".to_owned()),
        },
        SchemeName::WowzaSecureToken if written.hash == SigningHash::Sha1 => {
            return Err(("hash", "must be sha256, sha384 or sha512".to_owned()));
        }
        SchemeName::WowzaSecureToken => SigningScheme::WowzaSecureToken {
            parameter: parameter("wowzatoken"),
            hash: written.hash,
            client_address: written.client_address.clone(),
        },
        SchemeName::Hmac => SigningScheme::Hmac {
            hash: written.hash,
            message: needed("message", &written.message)?,
            token: written.token.clone().unwrap_or_else(|| "{signature}".to_owned()),
            parameter: parameter("token"),
            send: written.send,
            encoding: written.encoding,
        },
    })
}

/// Every text is a part of a URL or a header; a template has known placeholders only.
fn check_texts(written: &UrlSigningKeys) -> Result<(), KeyFault> {
    let names = [
        ("parameter", &written.parameter),
        ("expires_parameter", &written.expires_parameter),
        ("key_pair_id", &written.key_pair_id),
        ("client_address", &written.client_address),
    ];
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    for (key, text) in names {
        if text.as_ref().is_some_and(|text| text.is_empty() || text.len() > 128 || !text.chars().all(is_name)) {
            return Err((key, "must be 1 to 128 letters, digits, `_`, `-`, `.`, `:`".to_owned()));
        }
    }
    let texts = [("acl", &written.acl), ("resource", &written.resource)];
    for (key, text) in texts {
        let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | ';' | '~' | '&');
        if text.as_ref().is_some_and(|text| text.is_empty() || text.len() > 1024 || !text.chars().all(fits)) {
            return Err((key, "must be a path or URL, perhaps with `*`".to_owned()));
        }
    }
    let templates = [("expression", &written.expression), ("message", &written.message), ("token", &written.token)];
    for (key, template) in templates {
        let rest =
            PLACEHOLDERS.iter().fold(template.clone().unwrap_or_default(), |text, known| text.replace(known, ""));
        if rest.contains(['{', '}']) || rest.chars().any(|c| !(' '..='~').contains(&c)) || rest.len() > 1024 {
            return Err((key, format!("must be printable ASCII with these placeholders: {}", PLACEHOLDERS.join(" "))));
        }
    }
    Ok(())
}

fn key_bytes(scheme: SchemeName, text: &str) -> Result<Vec<u8>, String> {
    match scheme {
        SchemeName::AkamaiEdgeAuth => {
            decode_hex(text).ok_or_else(|| "must have the key as hexadecimal digits, an even number of them".to_owned())
        }
        SchemeName::Cloudfront => private_key(text),
        _ => Ok(text.as_bytes().to_vec()),
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pairs = text.as_bytes().chunks(2);
    let decode = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    pairs.map(decode).collect()
}

/// The RSA key of a PEM file as ring reads it.
fn private_key(text: &str) -> Result<Vec<u8>, String> {
    use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
    let wrong = "must have an RSA private key of 2048 bits or more in PEM, without passphrase";
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| wrong.to_owned())?;
    let der = key.secret_der().to_vec();
    rsa_key(&der).map(|_| der).ok_or_else(|| wrong.to_owned())
}

/// Reads an RSA private key in DER, of PKCS #8 or PKCS #1.
pub(crate) fn rsa_key(der: &[u8]) -> Option<ring::signature::RsaKeyPair> {
    let key = ring::signature::RsaKeyPair::from_pkcs8(der);
    key.or_else(|_| ring::signature::RsaKeyPair::from_der(der)).ok()
}
