//! Bearer tokens with roles, from a file that contains their hashes.

use crate::document::{self, Document, DocumentErrors};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Role of a token. A role has all permissions of the roles before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Role that may read everything.
    Read,
    /// Role that may read everything and write alerts.
    Operate,
    /// Role that may read and write everything.
    Admin,
}

/// One token of the tokens file. Tokens have 256 random bits, so a plain hash is enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    pub name: String,
    pub role: Role,
    /// SHA-256 of the token's text, in hexadecimal digits.
    pub sha256: String,
}

/// All tokens of the tokens file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tokens(pub Vec<Token>);

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tokens: Vec<Token>,
}

impl Tokens {
    /// Reads the tokens file at `path`.
    ///
    /// # Errors
    /// Fails with line and column of every fault, or if the file can't be read.
    pub(crate) fn load(path: &Path) -> Result<Self, DocumentErrors> {
        Self::read(&Document::open(path)?)
    }

    /// Reads the API tokens from the parsed tokens file.
    ///
    /// # Errors
    /// Fails with line and column of every fault.
    pub(super) fn read(document: &Document) -> Result<Self, DocumentErrors> {
        let file: File = document::deserialize(&document.root).map_err(|faults| document.errors(faults))?;
        Ok(Self(file.tokens))
    }

    /// Returns name, role and hash of an API token by the token's text. `None`: the token is unknown.
    pub(super) fn holder(&self, token: &str) -> Option<&Token> {
        let hash = hash(token);
        // Hashes are compared, so the time of the comparison reveals nothing about the token.
        self.0.iter().find(|known| known.sha256.eq_ignore_ascii_case(&hash))
    }

    /// Returns whether a request has a known token of any role.
    #[must_use]
    pub(crate) fn knows(&self, headers: &HeaderMap) -> bool {
        bearer(headers).is_some_and(|token| self.holder(token).is_some())
    }
}

/// Returns the SHA-256 of a token's text, in hexadecimal digits.
#[must_use]
pub(crate) fn hash(token: &str) -> String {
    digest(&SHA256, token.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the token in an `Authorization: Bearer` header (RFC 6750, 2.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        let token = |name: &str, role, text| Token { name: name.to_owned(), role, sha256: hash(text).to_uppercase() };
        Tokens(vec![token("reader", Role::Read, "r"), token("admin", Role::Admin, "a")])
    }

    fn headers(value: &str) -> HeaderMap {
        [(AUTHORIZATION, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn a_hash_is_the_sha_256_of_the_text_in_hexadecimal() {
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_token_is_found_by_its_hash_in_any_case() {
        assert_eq!(tokens().holder("a").map(|token| token.name.as_str()), Some("admin"));
        assert!(tokens().holder("b").is_none() && tokens().holder("").is_none());
    }

    #[test]
    fn only_a_known_bearer_token_is_known() {
        let knows = |value: &str| tokens().knows(&headers(value));
        assert!(knows("Bearer a") && knows("bearer  r "));
        for other in ["Bearer", "Bearer b", "Basic a", "a", "Bearera"] {
            assert!(!knows(other), "{other}");
        }
        assert!(!tokens().knows(&HeaderMap::new()));
    }

    #[test]
    fn roles_rise_from_read_to_admin() {
        assert!(Role::Read < Role::Operate && Role::Operate < Role::Admin);
    }
}
