//! The arguments of the command line: every subcommand and flag with its default.

use super::logging::{Format, Level};
use crate::config::ConfigPaths;
use crate::probe::SignalSettings;
use crate::store::SharingExporter;
use crate::web::api::Role;
use crate::web::listen::ListenAddress;
use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// Largest number of probes that `--history.limit` allows. Each kept probe holds up to 64 KiB of text.
const MAX_HISTORY: u64 = 10_000;
/// Largest number of decodes that `--signal.max-decodes` allows. Each may take two processes of up to 1 GB.
const MAX_DECODES: u64 = 1024;

/// Probes live HLS and DASH channels for Prometheus.
///
/// Without a subcommand it serves: `packager_exporter --config.file exporter.yml`.
#[derive(Debug, Parser)]
#[command(name = "packager_exporter", version, args_conflicts_with_subcommands = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub serve: Serve,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Answer scrapes (the default)
    Serve(Box<Serve>),
    /// Probe one channel now and print the findings. Exit code: 0 healthy, 1 a critical or major check failed, 2
    /// wrong usage
    Probe(Probe),
    /// Check the configuration files and list every fault
    CheckConfig(CheckConfig),
    /// Print what recorded segments contain, and what decoding them shows. Exit code: 0 no defect, 1 a defect, 2 wrong
    /// usage
    Inspect(Inspect),
    /// Print what an SCTE 35 section says
    Scte35(Scte35),
    /// Ask a running exporter whether it is ready, for health checks of containers. Exit code: 0 ready, 1 not ready
    Healthcheck(Healthcheck),
    /// Migrate the database of DATABASE_URL to the schema of this version (`serve` does this at its start, too)
    Migrate(Migrate),
    /// Create and update channels in the database from a CSV or JSON lines file: all or none
    Import(Import),
    /// Synchronise the database's channels with another system
    Sync {
        #[command(subcommand)]
        command: SyncCommand,
    },
    /// Print the database's channels as CSV
    Export(Export),
    /// Manage the tokens of the API
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// List every check with its severity, parameters and standard
    ListChecks(ListChecks),
    /// List every metric, in the form of docs/metrics.md
    ListMetrics,
    /// Print the completion script for a shell
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder, one for each subcommand
    ManPages {
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
}

#[derive(Debug, Clone, Args)]
pub(super) struct Config {
    /// Configuration file of the exporter [default: config/exporter.yml if it exists]
    #[arg(long = "config.file", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

impl Config {
    /// Returns the sources of the configuration: the file that the flag names, and the environment variables.
    pub(super) fn source(&self) -> ConfigPaths {
        ConfigPaths { file: self.file.clone(), variables: std::env::vars().collect() }
    }
}

#[derive(Debug, Clone, Args)]
pub(super) struct Log {
    /// Lowest severity to log
    #[arg(long = "log.level", value_enum, default_value = "info")]
    pub level: Level,
    /// Format of log lines
    #[arg(long = "log.format", value_enum, default_value = "logfmt")]
    pub format: Format,
}

#[derive(Debug, Clone, Args)]
pub(super) struct Signal {
    /// ffmpeg, which decodes picture and sound [default: ffmpeg of the PATH]
    #[arg(long = "signal.ffmpeg", value_name = "PATH")]
    pub ffmpeg: Option<PathBuf>,
    /// Largest number of decodes at the same time [default: one less than there are processors, at least 1]
    #[arg(long = "signal.max-decodes", value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_DECODES))]
    pub max_decodes: Option<usize>,
}

#[derive(Debug, Clone, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    pub config: Config,
    /// Check the configuration and exit
    #[arg(long = "config.check")]
    pub config_check: bool,
    #[command(flatten)]
    pub log: Log,
    /// Address to listen on; may be repeated
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = ":10115")]
    pub listen: Vec<ListenAddress>,
    /// File with TLS settings and users, in the format of Prometheus's exporter-toolkit; it is read again when it
    /// changes
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub web_config: Option<PathBuf>,
    /// Prefix of all routes [default: the path of --web.external-url]
    #[arg(long = "web.route-prefix", value_name = "PATH", value_parser = prefix)]
    pub route_prefix: Option<String>,
    /// URL under which browsers reach the exporter, for example through a reverse proxy
    #[arg(long = "web.external-url", value_name = "URL", value_parser = public_url)]
    pub external_url: Option<Url>,
    /// Name of this installation on the web page: in its header and in the title of the browser's tab
    #[arg(long = "web.page-title", value_name = "NAME", value_parser = page_title)]
    pub page_title: Option<String>,
    /// Require a token or user for /probe, /metrics and service discovery, too, if there are tokens or users
    #[arg(long = "web.scrape-auth")]
    pub scrape_auth: bool,
    /// URL of Grafana with the shipped dashboards, for the links in alerts and on the web page
    #[arg(long = "grafana.url", value_name = "URL", value_parser = public_url)]
    pub grafana_url: Option<Url>,
    /// Address for the API and the page, instead of --web.listen-address; may be repeated
    #[arg(long = "api.listen-address", value_name = "ADDRESS")]
    pub api_listen: Vec<ListenAddress>,
    /// File with the hashes of the API's tokens; see `packager_exporter token`
    #[arg(long = "api.tokens-file", value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// Name of this exporter in the table `probes`: /api/v1/sd lists only its channels
    #[arg(long = "probe.name", value_name = "NAME")]
    pub probe_name: Option<String>,
    /// Address under which Prometheus reaches this exporter, such as exporter-01.internal:10115. With it, the exporters of a
    /// database share its channels: /api/v1/sd names one of them for each channel
    #[arg(long = "cluster.address", value_name = "HOST:PORT", value_parser = reachable)]
    pub cluster_address: Option<String>,
    /// Share of the channels that this exporter takes, relative to the others', from 0.01 to 100
    #[arg(long = "cluster.weight", value_name = "WEIGHT", default_value = "1", value_parser = weight, requires = "cluster_address")]
    pub cluster_weight: f64,
    /// Address of Alertmanager, where acknowledged alerts are silenced
    #[arg(long = "alertmanager.url", value_name = "URL", value_parser = external_url)]
    pub alertmanager: Option<Url>,
    /// Address of Prometheus, which has the values of the page's charts
    #[arg(long = "prometheus.url", value_name = "URL", value_parser = external_url)]
    pub prometheus: Option<Url>,
    /// Retention of resolved alerts
    #[arg(long = "alerts.retention", value_name = "DURATION", default_value = "90d", value_parser = period)]
    pub alerts_kept: Duration,
    /// Seconds to subtract from Prometheus's scrape timeout, so that the answer arrives in time
    #[arg(long = "timeout-offset", value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    pub timeout_offset: Duration,
    /// Number of probes kept for the page at /, and as many failed ones in addition
    #[arg(long = "history.limit", value_name = "N", default_value_t = 100, value_parser = RangedU64ValueParser::<usize>::new().range(..=MAX_HISTORY))]
    pub history_limit: usize,
    #[command(flatten)]
    pub signal: Signal,
}

#[derive(Debug, Clone, Args)]
pub(super) struct Probe {
    /// Code of a channel, or URL of a manifest
    #[arg(value_name = "CODE|URL")]
    pub target: String,
    /// Template to use instead of the channel's own
    #[arg(long, value_name = "NAME")]
    pub template: Option<String>,
    /// Probe only this output of the channel
    #[arg(long, value_name = "NAME")]
    pub output: Option<String>,
    /// Probe repeatedly at this interval (2s, 1m). Checks that compare two probes need it
    #[arg(long, value_name = "DURATION", value_parser = period)]
    pub every: Option<Duration>,
    /// Ends the repetition of --every after this time (30m, 1h) [default: until interrupted]
    #[arg(long = "for", value_name = "DURATION", value_parser = period, requires = "every")]
    pub lasting: Option<Duration>,
    /// Timeout of one probe
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = period)]
    pub timeout: Duration,
    /// List the checks that were not run, too, with their reasons
    #[arg(long)]
    pub verbose: bool,
    /// Format of the report: text, JSON, or the metrics that a scrape gets
    #[arg(long, value_enum, default_value = "text")]
    pub format: ReportFormat,
    #[command(flatten)]
    pub signal: Signal,
    #[command(flatten)]
    pub config: Config,
}

#[derive(Debug, Clone, Args)]
pub(super) struct Inspect {
    /// Files in order, the initialization segment first; - is standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Don't decode picture and sound
    #[arg(long)]
    pub no_decode: bool,
    /// ffmpeg, which decodes picture and sound [default: ffmpeg of the PATH]
    #[arg(long = "signal.ffmpeg", value_name = "PATH")]
    pub ffmpeg: Option<PathBuf>,
    /// Format of the report
    #[arg(long, value_enum, default_value = "text")]
    pub format: InspectFormat,
}

#[derive(Debug, Clone, Args)]
pub(super) struct Scte35 {
    /// The section in base64 (/DA…) or hexadecimal (0xFC30…)
    #[arg(value_name = "BASE64|HEX")]
    pub section: String,
    /// Format of the report
    #[arg(long, value_enum, default_value = "text")]
    pub format: InspectFormat,
}

#[derive(Debug, Clone, Args)]
pub(super) struct Healthcheck {
    /// URL to ask. Its certificate isn't verified; an answer that asks for a user counts as ready
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:10115/-/ready", value_parser = external_url)]
    pub url: Url,
    /// Timeout of the request
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = period)]
    pub timeout: Duration,
}

#[derive(Debug, Clone, Args)]
pub(super) struct Migrate {}

#[derive(Debug, Clone, Args)]
pub(super) struct Export {}

#[derive(Debug, Clone, Args)]
pub(super) struct Import {
    /// CSV file with a header line, or JSON lines (.jsonl, .ndjson)
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print the changes without making them
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum SyncCommand {
    /// Create and update channels from the programs of Inspector LIVE (`inspector_live` in exporter.yml). Exit code:
    /// 1 a program was left out, 2 no list could be read
    Inspector(SyncInspector),
}

#[derive(Debug, Clone, Args)]
pub(super) struct SyncInspector {
    /// Name of one source in `inspector_live` [default: all]
    pub name: Option<String>,
    /// Print the changes without making them
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub log: Log,
    #[command(flatten)]
    pub config: Config,
}

#[derive(Debug, Clone, Args)]
pub(super) struct TokensFile {
    /// File with the hashes of the API's tokens
    #[arg(long = "api.tokens-file", value_name = "FILE")]
    pub path: PathBuf,
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum TokenCommand {
    /// Create a token and print it; it can not be printed again
    Create {
        #[command(flatten)]
        file: TokensFile,
        /// Name of the token's holder; it appears in audit log lines
        name: String,
        /// Role: read, operate (read, and work on alerts) or admin (everything)
        #[arg(long, value_enum, default_value = "read")]
        role: Role,
        /// Time from now after which the token is refused (90d, 1year) [default: never]
        #[arg(long, value_name = "DURATION", value_parser = period)]
        expires: Option<Duration>,
    },
    /// List the names, roles and expiry of all tokens
    List {
        #[command(flatten)]
        file: TokensFile,
    },
    /// Revoke a token
    Revoke {
        #[command(flatten)]
        file: TokensFile,
        name: String,
    },
}

#[derive(Debug, Clone, Args)]
pub(super) struct CheckConfig {
    #[command(flatten)]
    pub config: Config,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ListChecks {
    /// Format of the list: text, the Markdown of docs/checks.md, or JSON
    #[arg(long, value_enum, default_value = "text")]
    pub format: ListFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    Text,
    /// JSON, one report on each line
    Json,
    Prometheus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ListFormat {
    Text,
    Markdown,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum InspectFormat {
    Text,
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

/// Parses an address that other machines can connect to: a host and a port.
fn reachable(text: &str) -> Result<String, String> {
    let form = || "write host:port as Prometheus reaches it, such as exporter-01.internal:10115".to_owned();
    let address = text.parse::<ListenAddress>().map_err(|_| form())?;
    let is_any = address.url_host(String::new) != text;
    if is_any || text.starts_with(':') || text.ends_with(":0") || text.len() > 255 {
        Err(form())
    } else {
        Ok(text.to_owned())
    }
}

fn weight(text: &str) -> Result<f64, String> {
    let weight = text.parse::<f64>().ok().filter(|weight| (0.01..=100.0).contains(weight));
    weight.ok_or_else(|| "write a number from 0.01 to 100".to_owned())
}

/// Parses a route prefix and removes the slash at its end; the result is empty for `/`.
fn prefix(text: &str) -> Result<String, String> {
    let inner = text.trim_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    if !inner.chars().all(plain) || inner.split('/').any(|part| part == "." || part == "..") || inner.contains("//") {
        return Err("write a path such as /packager, of letters, digits and - . _ ~".to_owned());
    }
    Ok(if inner.is_empty() { String::new() } else { format!("/{inner}") })
}

/// Parses a URL that everybody may read, in metrics and on pages.
fn public_url(text: &str) -> Result<Url, String> {
    let url = external_url(text)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("write it without user and password: links in alerts and on pages contain it".to_owned());
    }
    Ok(url)
}

/// Longest name of an installation, in characters: longer ones hide the title of the screen in a browser's tab.
const MAX_PAGE_TITLE: usize = 60;

/// Parses the name of an installation: one line of text.
fn page_title(text: &str) -> Result<String, String> {
    let title = text.trim();
    if title.is_empty() || title.chars().count() > MAX_PAGE_TITLE || title.chars().any(char::is_control) {
        return Err(format!("write a name of 1 to {MAX_PAGE_TITLE} characters on one line, such as \"NOC Hà Nội\""));
    }
    Ok(title.to_owned())
}

fn external_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("{e}; write it as https://host/path"))?;
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
        return Err("write http:// or https://, a host and a path; no query".to_owned());
    }
    prefix(url.path())?;
    Ok(url)
}

impl Signal {
    /// Returns the settings of decoding. `at_once`: the first probe of a channel decodes it.
    pub(super) fn settings(&self, at_once: bool) -> SignalSettings {
        let (ffmpeg, max_decodes) = (self.ffmpeg.clone(), self.max_decodes);
        SignalSettings { ffmpeg, max_decodes, at_once, launcher: None }
    }
}

/// Base URLs of the links in alerts, without a slash at the end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Links {
    pub exporter: String,
    /// Base URL of Grafana. It is empty if no URL is set.
    pub grafana: String,
}

/// Returns the host name of this machine.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}

impl Serve {
    /// Returns what this exporter says of itself to the exporters with which it shares the channels. `None`: it shares none.
    pub(super) fn sharing(&self) -> Option<SharingExporter> {
        let (probe, weight) = (self.probe_name.clone(), self.cluster_weight);
        self.cluster_address.clone().map(|address| SharingExporter { address, probe, weight })
    }

    /// Returns the name of this exporter in the database: its `--cluster.address`, its `--probe.name`, or its URL.
    pub(super) fn name(&self) -> String {
        let given = self.cluster_address.as_ref().or(self.probe_name.as_ref());
        given.cloned().unwrap_or_else(|| self.links().exporter)
    }

    /// Returns the base URLs of the links in alerts. Without --web.external-url the exporter's URL is made of its first
    /// listening address, with the machine's host name if that address is a wildcard such as `0.0.0.0`.
    pub(super) fn links(&self) -> Links {
        let plain = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
        let exporter = self.external_url.as_ref().map_or_else(
            || {
                let listen = self.listen.first().map(|a| a.url_host(host_name)).unwrap_or_default();
                format!("http://{listen}{}", self.prefixes().1)
            },
            plain,
        );
        Links { exporter, grafana: self.grafana_url.as_ref().map(plain).unwrap_or_default() }
    }

    /// Returns the prefix of the routes, and the prefix of links in pages.
    pub(super) fn prefixes(&self) -> (String, String) {
        let path = self.external_url.as_ref().map(|u| u.path().trim_end_matches('/').to_owned());
        let route = self.route_prefix.clone().or_else(|| path.clone()).unwrap_or_default();
        let link = path.unwrap_or_else(|| route.clone());
        (route, link)
    }
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
