//! Endpoint of a channel's thumbnail.

use super::authorization::{Authorized, Read};
use super::openapi::answers;
use super::problem::Problem;
use super::request::Key;
use super::{Answer, Shared};
use crate::report::Report;
use axum::body::Body;
use axum::extract::State as Extract;
use axum::response::IntoResponse;
use http::header::{AGE, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};
use packager_media::units::{Seconds, Timestamp};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime};

const JPEG: HeaderValue = HeaderValue::from_static("image/jpeg");

/// A JPEG file, for the OpenAPI document.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code)]
pub(super) struct JpegFile(Vec<u8>);

/// Reads the thumbnail of a channel: a JPEG of the last picture that the newest decode gave, at most 320 pixels wide. Its age is
/// in the header `Age`. Pictures are decoded as the template's `signal` says.
#[utoipa::path(get, path = "/channels/{key}/thumbnail", tag = "channels", operation_id = "channel_thumbnail",
    params(("key" = String, Path, description = "Id or code"), ("If-None-Match" = Option<String>, Header,
        description = "ETag that was read; 304 when the thumbnail is the same")),
    responses((status = 200, description = "The thumbnail", body = JpegFile, content_type = "image/jpeg",
            headers(("ETag" = String, description = "Hash of the thumbnail, for If-None-Match"),
                ("Age" = i64, description = "Age of the thumbnail in seconds"),
                ("Last-Modified" = String, description = "Time at which the thumbnail was made"))),
        (status = 304, description = "The thumbnail with this ETag is still the newest"),
        answers::ReadErrors, answers::EntryErrors))]
pub(super) async fn thumbnail(
    _: Authorized<Read>,
    Extract(state): Shared,
    Key(key): Key,
    headers: HeaderMap,
) -> Answer {
    let mut report = state.last_report(&key);
    if let (None, Some(store)) = (&report, &state.api.store) {
        let channel = store.channel(&key).await?.row;
        report = state.last_report(&channel.channel_code);
    }
    let missing = |detail: String| Problem::new(StatusCode::NOT_FOUND, detail);
    let report = report.ok_or_else(|| {
        missing(format!("`{}` was not probed since the start; ask /probe?target= first", key.escape_debug()))
    })?;
    let Some(thumbnail) = report.thumbnail() else { return Err(missing(without_thumbnail(&report))) };
    let mut digest = DefaultHasher::new();
    thumbnail.jpeg.hash(&mut digest);
    let tag = format!("\"{:016x}\"", digest.finish());
    let given = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known = given.split(',').any(|known| known.trim() == tag);
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, JPEG)], Body::from(thumbnail.jpeg.clone())).into_response()
    };
    let age = Seconds::between(thumbnail.made_at, Timestamp::now()).0.max(0.0);
    let fields = [
        (ETAG, tag),
        (AGE, format!("{age:.0}")),
        (LAST_MODIFIED, httpdate::fmt_http_date(system_time(thumbnail.made_at))),
        // What a login was asked for is kept by the user's own browser only.
        (CACHE_CONTROL, "private, no-cache".to_owned()),
    ];
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// Says why a channel has no thumbnail, and what to do.
fn without_thumbnail(report: &Report) -> String {
    let why = report.capture.outputs.first().map_or("no output was probed", |output| output.signal.missing.text());
    format!("`{}` has no thumbnail yet: {why}", report.channel.code.escape_debug())
}

fn system_time(at: Timestamp) -> SystemTime {
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}
