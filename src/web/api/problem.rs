//! Errors as problem documents (RFC 9457).

use crate::document::{self, Errors};
use crate::store::StoreError;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    errors: Vec<Value>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), errors: Vec::new() }
    }

    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Every bad field.
    pub fn fields(errors: &Errors) -> Self {
        Self::listing(errors, |e| match e.position {
            Some((line, column)) => json!({"line": line, "column": column, "detail": e.message}),
            None => json!({"detail": e.message}),
        })
    }

    /// Every bad row.
    pub fn lines(errors: &Errors) -> Self {
        Self::listing(errors, |e| json!({"line": e.position.map(|(line, _)| line), "detail": e.message}))
    }

    fn listing(errors: &Errors, shown: impl Fn(&document::Problem) -> Value) -> Self {
        let all: Vec<Value> = errors.0.iter().map(shown).collect();
        let first = errors.0.first().map(|e| e.message.clone()).unwrap_or_default();
        let more = if all.len() > 1 { format!(" (and {} more)", all.len() - 1) } else { String::new() };
        let detail = format!("{first}{more}");
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, detail, errors: all }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            StoreError::Away(_) => StatusCode::SERVICE_UNAVAILABLE,
            StoreError::Missing(_) => StatusCode::NOT_FOUND,
            StoreError::Conflict(_) => StatusCode::CONFLICT,
            StoreError::Changed(_) => StatusCode::PRECONDITION_FAILED,
            StoreError::Invalid(errors) => return Self::fields(errors),
            StoreError::Refused(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::error!(%error, "database");
        }
        Self::new(status, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let (false, Some(body)) = (self.errors.is_empty(), body.as_object_mut()) {
            body.insert("errors".to_owned(), self.errors.into());
        }
        let kind = (CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let mut response = (self.status, [kind], Body::from(body.to_string())).into_response();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}
