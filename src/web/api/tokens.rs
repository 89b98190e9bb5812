//! Bearer tokens with roles, from a file that contains their hashes.

use crate::document::{self, Document, DocumentErrors};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use packager_media::units::Timestamp;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use utoipa::ToSchema;

/// Role of a token. A role has all permissions of the roles before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Role that may read everything.
    Read,
    /// Role that may read everything and write alerts.
    Operate,
    /// Role that may read and write everything.
    Admin,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        })
    }
}

/// One token of the tokens file. Tokens have 256 random bits, so a plain hash is enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    pub name: String,
    pub role: Role,
    /// SHA-256 of the token's text, in hexadecimal digits.
    pub sha256: String,
    /// Time from which the token is refused. `None`: the token does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "expiry")]
    pub expires: Option<Timestamp>,
}

impl Token {
    /// Returns whether the token is refused at `now` because of its age.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Form of `expires` in the tokens file.
mod expiry {
    use packager_media::units::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => to.collect_str(at),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        let text = String::deserialize(from)?;
        let at = text.parse().map_err(|_| {
            de::Error::custom(format!("`{}` is not a time such as 2027-01-31T00:00:00Z", text.escape_debug()))
        })?;
        Ok(Some(at))
    }
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

    /// Returns an API token by the token's text, also if it has expired. `None`: the token is unknown.
    pub(crate) fn holder(&self, token: &str) -> Option<&Token> {
        let hash = hash(token);
        // Hashes are compared, so the time of the comparison reveals nothing about the token.
        self.0.iter().find(|known| known.sha256.eq_ignore_ascii_case(&hash))
    }
}

/// Returns the SHA-256 of a token's text, in hexadecimal digits.
#[must_use]
pub(crate) fn hash(token: &str) -> String {
    digest(&SHA256, token.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the token in an `Authorization: Bearer` header (RFC 6750 2.1). `None` without the header, and for another
/// scheme.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        let token = |name: &str, role, text| Token {
            name: name.to_owned(),
            role,
            sha256: hash(text).to_uppercase(),
            expires: None,
        };
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
    fn the_token_follows_the_scheme_bearer() {
        assert_eq!((bearer(&headers("Bearer a")), bearer(&headers("bearer  r "))), (Some("a"), Some("r")));
        for other in ["Bearer", "Basic a", "a", "Bearera"] {
            assert_eq!(bearer(&headers(other)), None, "{other}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn a_token_expires_at_its_time_and_a_malformed_time_is_refused_with_its_line() {
        let read = |expires: &str| {
            let text = format!("tokens:\n  - {{name: a, role: read, sha256: x, expires: {expires}}}\n");
            Document::parse("t.yml".to_owned(), text).and_then(|document| Tokens::read(&document))
        };
        let tokens = read("2027-01-31T00:00:00Z").unwrap();
        let expired = |at: &str| tokens.0[0].is_expired(at.parse().unwrap());
        assert!(!expired("2027-01-30T23:59:59Z") && expired("2027-01-31T00:00:00Z"));
        let error = read("soon").unwrap_err().to_string();
        assert!(error.starts_with("t.yml:2") && error.contains("`soon` is not a time"), "{error}");
        let written = serde_json::to_value(&tokens.0[0]).unwrap();
        assert_eq!(written["expires"], "2027-01-31T00:00:00Z");
    }

    #[test]
    fn roles_rise_from_read_to_admin() {
        assert!(Role::Read < Role::Operate && Role::Operate < Role::Admin);
    }
}
