//! What a request brings: parameters, body and precondition, all strict.

use super::problem::Problem;
use crate::document::{Document, suggestion};
use axum::body::Body;
use axum::extract::{FromRequestParts, Path};
use http::header::{CONTENT_TYPE, IF_MATCH};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use packager_media::redact;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

/// A channel with a long ladder has 10 KB.
pub const MAX_BODY: usize = 256 << 10;
const MAX_PAGE: usize = 1000;
const USUAL_PAGE: usize = 100;
/// For a body to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
const MAX_VALUE: usize = 512;

/// A query string's parameters; each has to be taken, or [`Parameters::end`] refuses it.
pub struct Parameters {
    left: BTreeMap<String, String>,
    known: Vec<&'static str>,
}

impl Parameters {
    pub fn read(raw: Option<&str>) -> Result<Self, Problem> {
        let mut left = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
            if value.len() > MAX_VALUE || value.contains('\0') {
                return Err(Problem::bad(format!(
                    "parameter `{}` has over {MAX_VALUE} bytes or a NUL",
                    name.escape_debug()
                )));
            }
            if left.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(Problem::bad(format!("parameter `{}` is given twice", name.escape_debug())));
            }
        }
        Ok(Self { left, known: Vec::new() })
    }

    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        self.left.remove(name).filter(|value| !value.is_empty())
    }

    pub fn value<T: FromStr>(&mut self, name: &'static str, what: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let value = text.parse().map_err(|_| Problem::bad(format!("parameter `{name}` must be {what}")))?;
        Ok(Some(value))
    }

    /// `limit`, and the id in `cursor`.
    pub fn page(&mut self) -> Result<(usize, Option<i64>), Problem> {
        let limit = self.value("limit", "a number from 1 to 1000")?.unwrap_or(USUAL_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Problem::bad(format!("parameter `limit` must be 1 to {MAX_PAGE}")));
        }
        Ok((limit, self.value("cursor", "the `next_cursor` of the page before")?))
    }

    pub fn end(self) -> Result<(), Problem> {
        let Some(name) = self.left.keys().next() else { return Ok(()) };
        let hint = suggestion(name, &self.known);
        Err(Problem::bad(format!("unknown parameter `{}`{hint}", redact::escape(name, 60))))
    }
}

/// The key in a path: an id, code or name. What is asked by key takes no parameters.
pub struct Key(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(key) = path.map_err(|_| Problem::bad("the key in the path is not UTF-8"))?;
        if key.len() > MAX_VALUE || key.contains('\0') {
            return Err(Problem::bad(format!("the key in the path has over {MAX_VALUE} bytes or a NUL")));
        }
        Parameters::read(parts.uri.query())?.end()?;
        Ok(Self(key))
    }
}

/// A JSON body. Another content type is refused: a browser's form can't send this one to a foreign host.
pub async fn document(headers: &HeaderMap, body: Body) -> Result<Document, Problem> {
    let text = text(headers, body, &["application/json"], MAX_BODY).await?.1;
    Document::parse_json("body".to_owned(), text).map_err(|errors| {
        let mut problem = Problem::fields(&errors);
        problem.set_status(StatusCode::BAD_REQUEST);
        problem
    })
}

/// The body and which of `kinds` it is.
pub async fn text(
    headers: &HeaderMap,
    body: Body,
    kinds: &[&'static str],
    most: usize,
) -> Result<(&'static str, String), Problem> {
    let given = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let given = given.split(';').next().unwrap_or_default().trim();
    let kind = kinds.iter().find(|kind| kind.eq_ignore_ascii_case(given)).ok_or_else(|| {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("send Content-Type: {}", kinds.join(" or ")))
    })?;
    let read = tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, most)).await;
    let read = read.map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive within 30 s"))?;
    let bytes = read.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body could not be read, or is above {most} bytes"))
    })?;
    let text = String::from_utf8(bytes.into())
        .map_err(|e| Problem::bad(format!("not UTF-8 at byte {}", e.utf8_error().valid_up_to())))?;
    if text.contains('\0') || text.contains("\\u0000") {
        return Err(Problem::bad("a text holds the character NUL, which the database can't keep"));
    }
    Ok((kind, text))
}

/// The version that `If-Match` names (RFC 9110, 13.1.1); `*` is any.
pub fn expected(headers: &HeaderMap) -> Result<Option<i32>, Problem> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let tag = value.to_str().unwrap_or_default().trim();
    if tag == "*" {
        return Ok(None);
    }
    if tag.is_empty() || tag.contains(',') {
        return Err(Problem::bad("If-Match must be the one ETag that was read, or *"));
    }
    let version = tag.strip_prefix('"').and_then(|t| t.strip_suffix('"')).and_then(|t| t.parse().ok());
    // Another's tag is no tag of ours: the precondition fails.
    version.map(Some).ok_or_else(|| {
        Problem::new(StatusCode::PRECONDITION_FAILED, "If-Match is not an ETag of this entry; read it again")
    })
}
