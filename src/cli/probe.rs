//! Subcommand `probe CODE|URL`: runs the same probe as a scrape and prints its report.

use super::args::{Probe, ReportFormat};
use super::{Exit, database, out};
use crate::catalog::CatalogSnapshot;
use crate::config::{self, Config, ConfigHandle};
use crate::finding::Severity;
use crate::metrics;
use crate::probe::{Clock, ProbeRequest, Prober, ProberParts};
use crate::report::{self, Report, TextDetail};
use crate::store::Store;
use packager_media::units::Timestamp;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Arc;
use tokio::time::Instant;
use url::Url;

/// End of the error message for a command that was called in a folder without the exporter's configuration.
const NOTHING_READ: &str =
    "; no configuration is here: name the exporter's with --config.file, or set its DATABASE_URL";

/// Runs the subcommand `probe`.
///
/// # Errors
/// Fails for an unknown channel or template, a faulty configuration, an unreachable database, or an output that can
/// not be written.
pub(super) fn run(args: &Probe) -> Result<Exit, String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|e| format!("can't start threads: {e}"))?;
    let ended = runtime.block_on(async {
        let mut seen = ProbeResults::default();
        tokio::select! {
            ended = probes(args, &mut seen) => ended?,
            _ = tokio::signal::ctrl_c() => {}
        }
        seen.shown.end();
        seen.exit.ok_or_else(|| "interrupted before the first probe ended: the channel wasn't judged".to_owned())
    });
    runtime.shutdown_background();
    ended
}

/// Result of all probes of the command so far, which counts even if the command is interrupted.
#[derive(Default)]
struct ProbeResults {
    /// Worst exit code of the probes so far. `None`: the first probe has not ended.
    exit: Option<Exit>,
    shown: TerminalOutput,
}

async fn probes(args: &Probe, seen: &mut ProbeResults) -> Result<(), String> {
    let source = args.config.source();
    let mut loaded = config::load(&source).map_err(|errors| errors.to_string())?;
    let store = database::optional_store(&source)?;
    let hint = if loaded.files.is_empty() && store.is_none() { NOTHING_READ } else { "" };
    if let Some(store) = store {
        loaded.snapshot = catalog_of_database(&store, &source.variables, &args.target).await?;
    }
    let live = Arc::new(ConfigHandle::fixed(allow_any_host(loaded, &args.target), Timestamp::now()));
    let parts = ProberParts { signal: Some(args.signal.settings(true)), ..ProberParts::new(live, Clock::System) };
    let prober = Prober::new(parts).map_err(|e| e.to_string())?;
    let ask =
        ProbeRequest { target: args.target.clone(), template: args.template.clone(), output: args.output.clone() };
    let began = Instant::now();
    loop {
        let next = args.every.map(|every| Instant::now() + every);
        let report =
            prober.probe(ask.clone(), args.timeout).await.map_err(|refused| format!("{refused}{hint}"))?.report;
        let healthy = !unhealthy(&report) && seen.exit != Some(Exit::Unhealthy);
        seen.exit = Some(if healthy { Exit::Healthy } else { Exit::Unhealthy });
        seen.shown.show(args, &report)?;
        match next {
            Some(next) if args.lasting.is_none_or(|lasting| next < began + lasting) => {
                tokio::time::sleep_until(next).await;
            }
            _ => return Ok(()),
        }
    }
}

/// Reads the catalogue from the database, as `serve` does. Faulty rows that concern `target` are printed as errors.
async fn catalog_of_database(
    store: &Store,
    variables: &BTreeMap<String, String>,
    target: &str,
) -> Result<CatalogSnapshot, String> {
    let read = store.catalogue(variables).await;
    let (snapshot, bad) =
        read.map_err(|e| format!("the database that DATABASE_URL names: {e}; without DATABASE_URL the files count"))?;
    for row in bad.0.iter().map(ToString::to_string).filter(|row| row.contains(target)) {
        out::error(&format!("packager_exporter: a row of the catalogue is not in force: {row}\n"));
    }
    Ok(snapshot)
}

/// Allows the host of `target`, if that is a URL, as a target of probes. The configured list of hosts restricts
/// requests over HTTP, not a person at a terminal.
fn allow_any_host(mut loaded: Config, target: &str) -> Config {
    if let Some(host) = Url::parse(target).ok().and_then(|url| url.host_str().map(str::to_owned)) {
        let targets = &mut loaded.exporter.probe.url_targets;
        (targets.enabled, targets.with_credentials) = (true, true);
        targets.allowed_hosts.push(host);
    }
    loaded
}

/// Whether the report has colours: on a terminal, unless NO_COLOR (no-color.org) says otherwise.
fn has_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::io::stdout().is_terminal()
}

fn unhealthy(report: &Report) -> bool {
    report.worst_severity().is_some_and(|severity| severity >= Severity::Major)
}

/// State of the output to the terminal. With `--every` a report is printed only when the failed checks or their
/// severities change.
#[derive(Default)]
struct TerminalOutput {
    probes: u64,
    failed: Option<FailedChecks>,
    progress: bool,
}

impl TerminalOutput {
    fn show(&mut self, args: &Probe, report: &Report) -> Result<(), String> {
        self.probes += 1;
        match args.format {
            ReportFormat::Json => {
                let line = serde_json::to_string(report).map_err(|e| format!("can't write the report: {e}"))?;
                out::print(&(line + "\n"))?;
            }
            ReportFormat::Prometheus => out::print(&metrics::exposition(report))?,
            ReportFormat::Text => self.text(args, report)?,
        }
        if args.every.is_some() && std::io::stderr().is_terminal() {
            self.progress(report);
        }
        Ok(())
    }

    fn text(&mut self, args: &Probe, report: &Report) -> Result<(), String> {
        let failed = failed(report);
        if self.failed.as_ref() != Some(&failed) {
            self.end();
            let detail = if args.verbose { TextDetail::Full } else { TextDetail::Summary };
            out::print(&report::text(report, has_colour(), detail))?;
            self.failed = Some(failed);
        }
        Ok(())
    }

    fn progress(&mut self, report: &Report) {
        let verdict = if unhealthy(report) { "unhealthy" } else { "healthy" };
        let failed = failed(report).len();
        let took = report.duration.0;
        out::error(&format!("\r\x1b[Kprobe {}: {verdict}, {failed} checks failed, took {took:.2} s", self.probes));
        self.progress = true;
    }

    /// Ends the progress line on the terminal, so that the next output begins on a new line.
    fn end(&mut self) {
        if std::mem::take(&mut self.progress) {
            out::error("\n");
        }
    }
}

/// Output, id and severity of each failed check.
type FailedChecks = Vec<(String, &'static str, Severity)>;

fn failed(report: &Report) -> FailedChecks {
    report.failed().map(|o| (o.output.clone(), o.check.id, o.severity)).collect()
}
