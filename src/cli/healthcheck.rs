//! `healthcheck`: asks a running exporter whether it is ready. Images without a shell have no other program for that.

use super::args::Healthcheck;
use super::{Exit, database, out};
use packager_media::redact;

/// Longest answer that is read, in bytes.
const MAX_ANSWER: usize = 4096;
/// Longest reason that is printed, in bytes.
const MAX_LINE: usize = 500;

/// Asks once.
///
/// # Errors
/// The HTTP client can't be set up, or standard output can't be written.
pub(super) fn run(args: &Healthcheck) -> Result<Exit, String> {
    let answer = database::block_on(async {
        // The certificate names the exporter's public name, not this machine's loopback address, and nothing secret is sent.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(args.timeout)
            .tls_danger_accept_invalid_certs(true)
            .tls_danger_accept_invalid_hostnames(true)
            .build()
            .map_err(|e| e.to_string())?;
        Ok(ask(&client, args.url.as_str()).await)
    })?;
    let (exit, line) = match answer {
        Ok(text) => (Exit::Healthy, text),
        Err(text) => (Exit::Unhealthy, text),
    };
    out::print(&format!("{line}\n")).map(|()| exit)
}

/// One line that says what was answered: `Ok` if the exporter is ready.
async fn ask(client: &reqwest::Client, url: &str) -> Result<String, String> {
    let answer = client.get(url).send().await.map_err(|e| format!("not ready: {url} doesn't answer: {}", cause(&e)))?;
    let status = answer.status();
    if status.is_success() || status == reqwest::StatusCode::UNAUTHORIZED {
        return Ok(format!("ready: status {}", status.as_u16()));
    }
    let text = crate::fetch::read_service_answer(answer, MAX_ANSWER).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let line = redact::sanitize_line(text.lines().next().unwrap_or_default(), MAX_LINE);
    Err(format!("not ready: status {} {line}", status.as_u16()))
}

/// The innermost reason, such as `Connection refused (os error 111)`.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
