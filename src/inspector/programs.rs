//! Fetches the list of programs from Inspector LIVE with one GET, bounded in bytes, time and number.

use crate::catalog::{Auth, ConnectionSettings, RequestSettings};
use crate::config::{FetchSettings, InspectorSettings};
use crate::document::read_text;
use crate::fetch::{Client, FetchRequest};
use packager_media::units::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// Fetches the programs of an Inspector LIVE server as JSON values.
///
/// # Errors
/// Returns why the list of programs can't be read and what to do about it. No message contains the token.
pub(crate) async fn fetch_programs(
    settings: &FetchSettings,
    inspector: &InspectorSettings,
) -> Result<Vec<Value>, String> {
    let url = inspector.url.as_ref().ok_or("the source has no `url`")?;
    let request_settings = RequestSettings {
        headers: vec![("Accept".to_owned(), "application/json".to_owned())],
        auth: read_token(inspector)?.map(|token| Auth::Bearer { token }),
        connection: ConnectionSettings { ca_file: inspector.ca_file.clone(), ..ConnectionSettings::default() },
        ..RequestSettings::default()
    };
    let client = Client::new(settings).map_err(|e| e.to_string())?;
    let request = FetchRequest {
        url,
        settings: &request_settings,
        range: None,
        may_end_early: false,
        max_bytes: inspector.max_bytes,
        compressed: true,
        headers_only: false,
        now: Timestamp::now(),
    };
    let (fetched, body) = client.body(request, Instant::now() + inspector.timeout.duration()).await;
    if let Some(problem) = fetched.problem() {
        return Err(explain_problem(&problem, fetched.result.as_ref().map_or(0, |answer| answer.status)));
    }
    let path = inspector.programs.clone();
    let read = tokio::task::spawn_blocking(move || program_list(&body, &path)).await;
    let programs = read.map_err(|e| format!("reading the answer failed: {e}"))??;
    let (many, most) = (programs.len(), inspector.max_programs);
    if many > most {
        return Err(format!("the answer has {many} programs, more than `max_programs` ({most})"));
    }
    Ok(programs)
}

/// Reads the token of an Inspector LIVE server. It is read for each synchronisation, so that a new token needs no
/// reload.
fn read_token(inspector: &InspectorSettings) -> Result<Option<String>, String> {
    let Some(file) = &inspector.token_file else { return Ok(None) };
    let name = file.display();
    let text = read_text(file, MAX_TOKEN_BYTES).map_err(|e| format!("token_file {name} {e}"))?;
    let token = text.trim();
    if token.is_empty() || token.contains(|c: char| !c.is_ascii_graphic()) {
        return Err(format!("token_file {name} must contain one token of printable ASCII and nothing else"));
    }
    Ok(Some(token.to_owned()))
}

fn explain_problem(problem: &str, status: u16) -> String {
    match status {
        401 | 403 => format!("{problem}: Inspector LIVE refuses the token; write a new token into `token_file`"),
        404 => format!("{problem}: there are no programs at this address; correct `url`"),
        _ => problem.to_owned(),
    }
}

fn program_list(body: &[u8], path: &str) -> Result<Vec<Value>, String> {
    let mut answer: Value = serde_json::from_slice(body).map_err(|e| format!("the answer is not JSON: {e}"))?;
    let mut found = Some(&mut answer);
    for key in path.split('.').filter(|key| !key.is_empty()) {
        found = found.and_then(|value| value.get_mut(key));
    }
    match found.map(Value::take) {
        Some(Value::Array(programs)) if programs.is_empty() => {
            Err(format!("the list `{path}` in the answer is empty, so nothing was changed"))
        }
        Some(Value::Array(programs)) => Ok(programs),
        _ => Err(format!("the answer has no list `{path}`; set `programs` to the path of the list")),
    }
}
