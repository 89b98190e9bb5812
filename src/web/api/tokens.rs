//! Who may do what: bearer tokens with a role, from a file that holds their hashes.

use crate::document::{self, Document, Errors};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Read,
    /// Alerts too.
    Operate,
    /// Everything.
    Admin,
}

/// A token of the file. Tokens have 256 random bits, so that a plain hash keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub name: String,
    pub role: Role,
    /// Of the token's text, hexadecimal.
    pub sha256: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens(pub Vec<Token>);

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tokens: Vec<Token>,
}

impl Tokens {
    /// # Errors
    /// A file that can't be read, with line and column of what is wrong.
    pub fn load(path: &Path) -> Result<Self, Errors> {
        Self::read(&Document::open(path)?)
    }

    /// # Errors
    /// The same of a file that is read already.
    pub(super) fn read(document: &Document) -> Result<Self, Errors> {
        let file: File = document::read(&document.root).map_err(|faults| document.errors(faults))?;
        Ok(Self(file.tokens))
    }

    /// Whose token it is.
    pub(super) fn holder(&self, token: &str) -> Option<&Token> {
        let hash = hash(token);
        // Equality of hashes: how long it takes tells nothing of the token.
        self.0.iter().find(|known| known.sha256.eq_ignore_ascii_case(&hash))
    }

    /// A request carries a token that is known, whatever its role.
    #[must_use]
    pub fn knows(&self, headers: &HeaderMap) -> bool {
        bearer(headers).is_some_and(|token| self.holder(token).is_some())
    }
}

/// SHA-256 of a token, hexadecimal.
#[must_use]
pub fn hash(token: &str) -> String {
    digest(&SHA256, token.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Token of an `Authorization: Bearer` header (RFC 6750, 2.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
