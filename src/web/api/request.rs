//! Strict extractors for API requests: query parameters, the key in the path, the precondition and the body.

use super::problem::Problem;
use crate::document::{self, Document, suggestion};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use http::header::{CONTENT_TYPE, IF_MATCH};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use packager_media::redact;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

/// Largest JSON body of a request, in bytes. A channel with a long ladder has about 10 KB.
pub(super) const MAX_JSON_BYTES: usize = 256 << 10;
/// Largest number of rows on a page of a list.
const MAX_PAGE: usize = 1000;
const DEFAULT_PAGE: usize = 100;
/// Answer to a text with the character NUL.
pub(super) const NUL: &str = "a text holds the character NUL, which the database can't keep";
/// Longest time within which the body of a request must have arrived.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest value of a query parameter and longest key in a path, in bytes.
const MAX_VALUE_BYTES: usize = 512;

/// Parameters of a query string. A handler takes each parameter that it knows, and [`Parameters::end`] refuses the
/// others.
pub(super) struct Parameters {
    left: BTreeMap<String, String>,
    known: Vec<&'static str>,
}

impl Parameters {
    pub(super) fn read(query: Option<&str>) -> Result<Self, Problem> {
        let mut left = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if value.len() > MAX_VALUE_BYTES || value.contains('\0') {
                let name = name.escape_debug();
                return Err(Problem::bad(format!("parameter `{name}` has over {MAX_VALUE_BYTES} bytes or a NUL")));
            }
            if left.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(Problem::bad(format!("parameter `{}` is given twice", name.escape_debug())));
            }
        }
        Ok(Self { left, known: Vec::new() })
    }

    /// Takes the value of a query parameter. `None`: the parameter is missing or empty.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        self.left.remove(name).filter(|value| !value.is_empty())
    }

    /// Takes and parses the value of a query parameter. `None`: the parameter is missing or empty.
    ///
    /// # Errors
    /// Fails if the value does not parse. The message says that it must be `expected`.
    pub(super) fn value<T: FromStr>(&mut self, name: &'static str, expected: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let value = text.parse().map_err(|_| Problem::bad(format!("parameter `{name}` must be {expected}")))?;
        Ok(Some(value))
    }

    /// Takes and parses the value of a query parameter. `None`: the parameter is missing.
    ///
    /// # Errors
    /// Fails if the value is empty or does not parse. The message says that it must be `expected`.
    pub(super) fn given<T: FromStr>(&mut self, name: &'static str, expected: &str) -> Result<Option<T>, Problem> {
        let is_empty = self.left.get(name).is_some_and(String::is_empty);
        if is_empty {
            return Err(Problem::bad(format!("parameter `{name}` must be {expected}")));
        }
        self.value(name, expected)
    }

    /// Takes `limit` (default 100, at most 1000) and the id in `cursor`. The id is `None` for the first page.
    pub(super) fn page(&mut self) -> Result<(usize, Option<i64>), Problem> {
        let limit = self.value("limit", "a number from 1 to 1000")?.unwrap_or(DEFAULT_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Problem::bad(format!("parameter `limit` must be 1 to {MAX_PAGE}")));
        }
        Ok((limit, self.value("cursor", "the `next_cursor` of the page before")?))
    }

    /// Refuses query parameters that the handler did not take.
    pub(super) fn end(self) -> Result<(), Problem> {
        let Some(name) = self.left.keys().next() else { return Ok(()) };
        let hint = suggestion(name, &self.known);
        Err(Problem::bad(format!("unknown parameter `{}`{hint}", redact::escape(name, 60))))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(parts.uri.query())
    }
}

/// Extractor for endpoints without query parameters, which refuses every parameter.
pub(super) struct NoParameters;

impl<S: Send + Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Parameters::read(parts.uri.query())?.end()?;
        Ok(Self)
    }
}

/// Extractor of a key in a path: an id, code or name. It refuses query parameters.
pub(super) struct Key(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let KeyBesideParameters(key) = KeyBesideParameters::from_request_parts(parts, state).await?;
        NoParameters::from_request_parts(parts, state).await?;
        Ok(Self(key))
    }
}

/// Extractor of a key in a path, for an endpoint that takes [`Parameters`] too.
pub(super) struct KeyBesideParameters(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for KeyBesideParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(key) = path.map_err(|_| Problem::bad("the key in the path is not UTF-8"))?;
        if key.len() > MAX_VALUE_BYTES || key.contains('\0') {
            return Err(Problem::bad(format!("the key in the path has over {MAX_VALUE_BYTES} bytes or a NUL")));
        }
        Ok(Self(key))
    }
}

/// Extractor of an alert's id in a path. For a text that is not a number the answer is 404.
pub(super) struct AlertId(pub(super) i64);

impl<S: Send + Sync> FromRequestParts<S> for AlertId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Key(id) = Key::from_request_parts(parts, state).await?;
        let id = id.parse().map_err(|_| Problem::new(StatusCode::NOT_FOUND, "an alert's id is a number"))?;
        Ok(Self(id))
    }
}

/// Extractor of the version that `If-Match` demands of a channel, template or probe (RFC 9110, 13.1.1). `None`: the
/// header is missing or `*`.
pub(super) struct IfMatch(pub(super) Option<i32>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        expected_version(&parts.headers).map(Self)
    }
}

fn expected_version(headers: &HeaderMap) -> Result<Option<i32>, Problem> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let tag = value.to_str().unwrap_or_default().trim();
    if tag == "*" {
        return Ok(None);
    }
    if tag.is_empty() || tag.contains(',') {
        return Err(Problem::bad("If-Match must be the one ETag that was read, or *"));
    }
    let version = tag.strip_prefix('"').and_then(|t| t.strip_suffix('"')).and_then(|t| t.parse().ok());
    // A tag of another server is no tag of this entry: the precondition fails.
    version.map(Some).ok_or_else(|| {
        Problem::new(StatusCode::PRECONDITION_FAILED, "If-Match is not an ETag of this entry; read it again")
    })
}

/// Extractor of a JSON body of at most [`MAX_JSON_BYTES`]. Other content types are refused with 415. This prevents
/// cross-site requests: a browser sends other types without a CORS preflight, but not JSON.
pub(super) struct JsonBody(pub(super) Document);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (_, text) = text(request, &["application/json"], MAX_JSON_BYTES).await?;
        let document = Document::parse_json("body".to_owned(), text)
            .map_err(|errors| Problem::fields(&errors).with_status(StatusCode::BAD_REQUEST))?;
        if document.root.has_nul() { Err(Problem::bad(NUL)) } else { Ok(Self(document)) }
    }
}

/// Reads a JSON body as a `T`, as [`JsonBody`] does. Every unknown key and every bad value is an error.
pub(super) async fn typed_json<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let JsonBody(body) = JsonBody::from_request(request, &()).await?;
    document::deserialize(&body.root).map_err(|faults| Problem::fields(&body.errors(faults)))
}

/// Reads a body of at most `max_bytes` as text, and returns it with its content type, which must be one of
/// `content_types`.
pub(super) async fn text(
    request: Request,
    content_types: &[&'static str],
    max_bytes: usize,
) -> Result<(&'static str, String), Problem> {
    let (parts, body) = request.into_parts();
    let given = parts.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let given = given.split(';').next().unwrap_or_default().trim();
    let content_type = content_types.iter().find(|known| known.eq_ignore_ascii_case(given)).ok_or_else(|| {
        let detail = format!("send Content-Type: {}", content_types.join(" or "));
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    })?;
    let read = tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, max_bytes)).await;
    let read = read.map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive within 30 s"))?;
    let bytes = read.map_err(|_| {
        let detail = format!("the body could not be read, or is above {max_bytes} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    })?;
    let text = document::text_of(bytes.into()).map_err(|why| Problem::bad(format!("the body {why}")))?;
    if text.contains('\0') {
        return Err(Problem::bad(NUL));
    }
    Ok((content_type, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn status<T>(result: Result<T, Problem>) -> Result<T, u16> {
        result.map_err(|problem| problem.status().as_u16())
    }

    fn page(query: &str) -> Result<(usize, Option<i64>), u16> {
        status(Parameters::read(Some(query)).and_then(|mut parameters| parameters.page()))
    }

    #[test]
    fn a_page_has_1_to_1000_entries_and_100_by_default() {
        assert_eq!(page(""), Ok((100, None)));
        assert_eq!((page("limit=1"), page("limit=1000")), (Ok((1, None)), Ok((1000, None))));
        for bad in ["limit=0", "limit=1001", "limit=-1", "limit=ten", "cursor=x", "cursor=9223372036854775808"] {
            assert_eq!(page(bad), Err(400), "{bad}");
        }
        assert_eq!(page("cursor=42&limit=7"), Ok((7, Some(42))));
        assert_eq!(page("cursor=&limit="), Ok((100, None)), "an empty value counts as missing");
    }

    #[test]
    fn a_value_that_may_not_be_empty_may_be_missing() {
        let given = |query: &str| {
            status(
                Parameters::read(Some(query)).and_then(|mut parameters| parameters.given::<u32>("shard", "a number")),
            )
        };
        assert_eq!((given(""), given("shard=7")), (Ok(None), Ok(Some(7))));
        assert_eq!((given("shard="), given("shard=x")), (Err(400), Err(400)));
    }

    #[test]
    fn a_value_has_at_most_512_bytes_no_nul_and_comes_once() {
        let read = |query: &str| status(Parameters::read(Some(query)).map(|_| ()));
        assert_eq!(read(&format!("q={}", "x".repeat(512))), Ok(()));
        assert_eq!(read(&format!("q={}", "x".repeat(513))), Err(400));
        assert_eq!(read("q=a%00b"), Err(400));
        assert_eq!(read("q=a&q=a"), Err(400));
        assert_eq!(status(Parameters::read(None).map(|_| ())), Ok(()));
    }

    #[test]
    fn a_parameter_that_the_handler_did_not_take_is_refused_with_the_nearest_known_one() {
        let mut parameters = Parameters::read(Some("teir=1")).unwrap();
        assert_eq!(parameters.text("tier"), None);
        let problem = parameters.end().unwrap_err();
        assert!(problem.detail().starts_with("unknown parameter `teir`; did you mean `tier`?"), "{}", problem.detail());
        let mut parameters = Parameters::read(Some("tier=1")).unwrap();
        assert_eq!(status(parameters.value::<i32>("tier", "a number")), Ok(Some(1)));
        assert!(parameters.end().is_ok());
    }

    fn if_match(value: &str) -> Result<Option<i32>, u16> {
        status(expected_version(&[(IF_MATCH, value.parse().unwrap())].into_iter().collect()))
    }

    #[test]
    fn if_match_is_one_etag_or_a_star() {
        assert_eq!(status(expected_version(&HeaderMap::new())), Ok(None));
        assert_eq!((if_match("*"), if_match("\"3\""), if_match(" \"3\" ")), (Ok(None), Ok(Some(3)), Ok(Some(3))));
        for bad in ["", "\"1\", \"2\""] {
            assert_eq!(if_match(bad), Err(400), "{bad}");
        }
        for foreign in ["3", "\"3", "W/\"3\"", "\"abc\"", "\"99999999999\""] {
            assert_eq!(if_match(foreign), Err(412), "{foreign}");
        }
    }

    async fn body(content_type: &str, body: impl Into<Body>) -> Result<(), u16> {
        let request = Request::builder().header(CONTENT_TYPE, content_type).body(body.into()).unwrap();
        status(JsonBody::from_request(request, &()).await.map(|_| ()))
    }

    #[tokio::test]
    async fn a_json_body_has_its_content_type_and_at_most_256_kib() {
        let json = |bytes: usize| format!("[\"{}\"]", "x".repeat(bytes - 4));
        assert_eq!(body("Application/JSON; charset=utf-8", json(MAX_JSON_BYTES)).await, Ok(()));
        assert_eq!(body("application/json", json(MAX_JSON_BYTES + 1)).await, Err(413));
        for kind in ["text/plain", "", "application/jsonp", "application/x-www-form-urlencoded"] {
            assert_eq!(body(kind, "{}").await, Err(415), "{kind}");
        }
        for bad in [&b"{"[..], b"\xff{}", b"\"a\0b\"", br#""\u0000""#, br#"[{"a": "b\u0000"}]"#, br#"{"\u0000": 1}"#] {
            assert_eq!(body("application/json", bad).await, Err(400), "{bad:?}");
        }
        let six_characters = &br#"{"comment": "write \\u0000"}"#[..];
        assert_eq!(body("application/json", six_characters).await, Ok(()));
    }

    #[tokio::test]
    async fn the_content_type_that_a_body_has_is_one_of_the_offered() {
        let request = || Request::builder().header(CONTENT_TYPE, "text/csv").body(Body::from("a")).unwrap();
        let kinds = ["application/x-ndjson", "text/csv"];
        assert_eq!(status(text(request(), &kinds, 1).await), Ok(("text/csv", "a".to_owned())));
        let problem = text(request(), &["a/b", "c/d"], 1).await.unwrap_err();
        assert_eq!(problem.detail(), "send Content-Type: a/b or c/d");
    }
}
