//! Errors of the API as problem documents (RFC 9457).

use super::bodies::{Fault, ProblemDocument};
use super::json_as;
use crate::document::{self, DocumentErrors};
use crate::store::StoreError;
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

/// Error of an API request, which becomes a problem document (RFC 9457).
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    errors: Vec<Fault>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), errors: Vec::new() }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Makes the problem of a body with bad fields: status 422, with every field in `errors`.
    pub(crate) fn fields(errors: &DocumentErrors) -> Self {
        Self::listing(errors, |e| Fault {
            line: e.position.map(|(line, _)| line),
            column: e.position.map(|(_, column)| column),
            detail: e.message.clone(),
        })
    }

    /// Makes the problem of an import with bad rows: status 422, with every row in `errors`.
    pub(crate) fn lines(errors: &DocumentErrors) -> Self {
        Self::listing(errors, |e| Fault {
            line: e.position.map(|(line, _)| line),
            column: None,
            detail: e.message.clone(),
        })
    }

    fn listing(errors: &DocumentErrors, fault: impl Fn(&document::Problem) -> Fault) -> Self {
        let all: Vec<Fault> = errors.0.iter().map(fault).collect();
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
        let document = ProblemDocument {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: self.detail,
            errors: self.errors,
        };
        let mut response = json_as("application/problem+json", self.status, &document);
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    async fn answer(problem: Problem) -> (u16, http::HeaderMap, Value) {
        let (parts, body) = problem.into_response().into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_problem_has_type_title_status_and_detail_and_errors_only_when_there_are_some() {
        let (status, headers, body) = answer(Problem::bad("why")).await;
        let expected = json!({"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "why"});
        assert_eq!((status, body), (400, expected));
        assert_eq!(headers["content-type"], "application/problem+json");
        assert!(!headers.contains_key("retry-after") && !headers.contains_key("www-authenticate"));
        let fault = |position, message: &str| document::Problem {
            source: "body".to_owned(),
            position,
            message: message.to_owned(),
        };
        let errors = DocumentErrors(vec![fault(Some((3, 7)), "first"), fault(None, "second")]);
        let (status, _, body) = answer(Problem::fields(&errors)).await;
        let expected = json!([{"line": 3, "column": 7, "detail": "first"}, {"detail": "second"}]);
        assert_eq!((status, &body["errors"], &body["detail"]), (422, &expected, &json!("first (and 1 more)")));
        let errors = DocumentErrors(vec![fault(Some((3, 7)), "first")]);
        let (_, _, body) = answer(Problem::lines(&errors)).await;
        assert_eq!((&body["errors"], &body["detail"]), (&json!([{"line": 3, "detail": "first"}]), &json!("first")));
    }

    #[tokio::test]
    async fn the_headers_that_a_status_demands_are_there() {
        let (_, headers, _) = answer(Problem::new(StatusCode::UNAUTHORIZED, "")).await;
        assert_eq!(headers["www-authenticate"], "Bearer");
        let (_, headers, _) = answer(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "")).await;
        assert_eq!(headers["retry-after"], "5");
    }

    #[test]
    fn every_error_of_the_database_has_its_status() {
        let text = || "why".to_owned();
        let errors = [
            (StoreError::Away(text()), 503),
            (StoreError::Missing(text()), 404),
            (StoreError::Conflict(text()), 409),
            (StoreError::Changed(2), 412),
            (StoreError::field("tier", "why"), 422),
            (StoreError::Refused(text()), 500),
        ];
        for (error, status) in errors {
            assert_eq!(Problem::from(error).status().as_u16(), status);
        }
    }
}
