//! Every flag and its default.

use super::logging::{Format, Level};
use crate::config::Source;
use crate::web::api::Role;
use crate::web::listen::ListenAddress;
use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// Each kept probe has up to 64 KiB of text.
const MAX_HISTORY: u64 = 10_000;

/// Probes live HLS and DASH channels for Prometheus.
///
/// Without a subcommand it serves: `packager_exporter --config.file exporter.yml`.
#[derive(Debug, Parser)]
#[command(name = "packager_exporter", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub serve: Serve,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer scrapes (the default)
    Serve(Box<Serve>),
    /// Probe one channel now and print what was found: exit 0 healthy, 1 a critical or major check failed, 2 usage
    Probe(Probe),
    /// Read the configuration and say what is wrong in it
    CheckConfig(CheckConfig),
    /// Bring the database of DATABASE_URL to this version's schema; `serve` does so too
    Migrate(Migrate),
    /// Create and change channels in the database from a CSV file or JSON lines, all or none
    Import(Import),
    /// Bring another system's channels into the database
    Sync {
        #[command(subcommand)]
        command: SyncCommand,
    },
    /// Print the database's channels as CSV
    Export(Export),
    /// Tokens for the API
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Every check with its severity, parameters and standard
    ListChecks(ListChecks),
    /// Every metric, as docs/metrics.md has it
    ListMetrics,
}

#[derive(Debug, Clone, Args)]
pub struct Config {
    /// The exporter's configuration [default: config/exporter.yml, where there is one]
    #[arg(long = "config.file", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

impl Config {
    /// The file and the environment.
    pub fn source(&self) -> Source {
        Source { file: self.file.clone(), variables: std::env::vars().collect() }
    }
}

#[derive(Debug, Clone, Args)]
pub struct Log {
    /// Least severity that is logged
    #[arg(long = "log.level", value_enum, default_value = "info")]
    pub level: Level,
    /// Log lines as logfmt or JSON
    #[arg(long = "log.format", value_enum, default_value = "logfmt")]
    pub format: Format,
}

#[derive(Debug, Clone, Args)]
pub struct Serve {
    #[command(flatten)]
    pub config: Config,
    /// Read the configuration, say whether it is good, and end
    #[arg(long = "config.check")]
    pub config_check: bool,
    #[command(flatten)]
    pub log: Log,
    /// Address to listen on; may be repeated
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = ":10115")]
    pub listen: Vec<ListenAddress>,
    /// TLS and users, in exporter-toolkit's format; read again when it changes
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub web_config: Option<PathBuf>,
    /// Where the routes begin [default: the path of --web.external-url]
    #[arg(long = "web.route-prefix", value_name = "PATH", value_parser = prefix)]
    pub route_prefix: Option<String>,
    /// The URL under which browsers reach the exporter, such as a reverse proxy's
    #[arg(long = "web.external-url", value_name = "URL", value_parser = external_url)]
    pub external_url: Option<Url>,
    /// Serve the API and its page here instead of beside /probe; may be repeated
    #[arg(long = "api.listen-address", value_name = "ADDRESS")]
    pub api_listen: Vec<ListenAddress>,
    /// Hashes of the tokens that may use the API; see `packager_exporter token`
    #[arg(long = "api.tokens-file", value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// This exporter's name in the table `probes`: /api/v1/sd shows its channels alone
    #[arg(long = "probe.name", value_name = "NAME")]
    pub probe_name: Option<String>,
    /// Alertmanager's address; an acknowledged alert is silenced there
    #[arg(long = "alertmanager.url", value_name = "URL", value_parser = external_url)]
    pub alertmanager: Option<Url>,
    /// How long resolved alerts are kept
    #[arg(long = "alerts.retention", value_name = "DURATION", default_value = "90d", value_parser = period)]
    pub alerts_kept: Duration,
    /// Seconds taken off Prometheus's scrape timeout, so that the answer is in time
    #[arg(long = "timeout-offset", value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    pub timeout_offset: Duration,
    /// Probes kept for the page at /; failures as many again
    #[arg(long = "history.limit", value_name = "N", default_value_t = 100, value_parser = RangedU64ValueParser::<usize>::new().range(..=MAX_HISTORY))]
    pub history_limit: usize,
}

#[derive(Debug, Clone, Args)]
pub struct Probe {
    /// A channel's code, or a manifest's URL
    #[arg(value_name = "CODE|URL")]
    pub target: String,
    /// Another template than the channel's own
    #[arg(long, value_name = "NAME")]
    pub template: Option<String>,
    /// Only this output
    #[arg(long, value_name = "NAME")]
    pub output: Option<String>,
    /// Probe again each this long (2s, 1m); checks that compare need it
    #[arg(long, value_name = "DURATION", value_parser = period)]
    pub every: Option<Duration>,
    /// With --every: for how long [default: until interrupted]
    #[arg(long = "for", value_name = "DURATION", value_parser = period, requires = "every")]
    pub lasting: Option<Duration>,
    /// How long one probe may take
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = period)]
    pub timeout: Duration,
    /// The report as text for a person, as JSON or as the metrics that a scrape would get
    #[arg(long, value_enum, default_value = "text")]
    pub format: ReportFormat,
    #[command(flatten)]
    pub config: Config,
}

#[derive(Debug, Clone, Args)]
pub struct Migrate {}

#[derive(Debug, Clone, Args)]
pub struct Export {}

#[derive(Debug, Clone, Args)]
pub struct Import {
    /// channels.csv with a header line, or channels.jsonl
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, Subcommand)]
pub enum SyncCommand {
    /// Programs of Inspector LIVE (`inspector_live` in exporter.yml) become channels: exit 1 where one was left out, 2 where nothing could be read
    Inspector(SyncInspector),
}

#[derive(Debug, Clone, Args)]
pub struct SyncInspector {
    /// One of `inspector_live` [default: all]
    pub name: Option<String>,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub log: Log,
    #[command(flatten)]
    pub config: Config,
}

#[derive(Debug, Clone, Args)]
pub struct TokensFile {
    /// The file that --api.tokens-file names
    #[arg(long = "api.tokens-file", value_name = "FILE")]
    pub path: PathBuf,
}

#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, this once
    Create {
        #[command(flatten)]
        file: TokensFile,
        /// Who has it; stands in the audit lines
        name: String,
        /// read, operate (alerts too) or admin (everything)
        #[arg(long, value_enum, default_value = "read")]
        role: Role,
    },
    /// Names and roles
    List {
        #[command(flatten)]
        file: TokensFile,
    },
    /// Take a token away
    Revoke {
        #[command(flatten)]
        file: TokensFile,
        name: String,
    },
}

#[derive(Debug, Clone, Args)]
pub struct CheckConfig {
    #[command(flatten)]
    pub config: Config,
}

#[derive(Debug, Clone, Args)]
pub struct ListChecks {
    /// The list as text for a person, as docs/checks.md or as JSON
    #[arg(long, value_enum, default_value = "text")]
    pub format: ListFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    Text,
    /// One report a line
    Json,
    Prometheus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    Text,
    Markdown,
    Json,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    seconds.ok_or_else(|| "write seconds, such as 0.5".to_owned())
}

fn period(text: &str) -> Result<Duration, String> {
    let period = humantime::parse_duration(text).map_err(|e| format!("{e}; write it as 10s, 500ms or 1m"))?;
    if period.is_zero() { Err("must be longer than nothing".to_owned()) } else { Ok(period) }
}

/// `/prefix` without a slash at its end; `/` is empty.
fn prefix(text: &str) -> Result<String, String> {
    let inner = text.trim_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    if !inner.chars().all(plain) || inner.split('/').any(|part| part == "." || part == "..") || inner.contains("//") {
        return Err("write a path such as /packager, of letters, digits and - . _ ~".to_owned());
    }
    Ok(if inner.is_empty() { String::new() } else { format!("/{inner}") })
}

fn external_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("{e}; write it as https://host/path"))?;
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
        return Err("write http:// or https://, a host and a path; no query".to_owned());
    }
    prefix(url.path())?;
    Ok(url)
}

impl Serve {
    /// Where the routes are, and where links point.
    pub fn prefixes(&self) -> (String, String) {
        let path = self.external_url.as_ref().map(|u| u.path().trim_end_matches('/').to_owned());
        let route = self.route_prefix.clone().or_else(|| path.clone()).unwrap_or_default();
        let link = path.unwrap_or_else(|| route.clone());
        (route, link)
    }
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
