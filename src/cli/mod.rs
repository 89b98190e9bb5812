//! The command line: subcommands, flags named like those of Prometheus's own components, and exit codes.

mod args;
mod backend;
mod check_config;
mod database;
mod generated;
mod healthcheck;
mod inspect;
mod list_checks;
mod logging;
mod out;
mod probe;
mod scte35;
mod serve;
mod sync;

use crate::metrics;
use crate::probe::LAUNCHER;
use crate::web::security::Security;
use args::{Cli, Command, Config, SyncCommand};
use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;

/// Exit code of a command, for scripts and cron jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The command succeeded; for `probe`: no critical or major check failed.
    Healthy = 0,
    /// A critical or major check of the channel failed.
    Unhealthy = 1,
    /// Wrong flags, an unknown channel or template, or a faulty configuration.
    Usage = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Runs the command line `arguments`, whose first element is the program's name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Before anything else: the process has one thread now, and becomes ffmpeg.
    if arguments.get(1).is_some_and(|subcommand| subcommand == LAUNCHER) {
        let error = packager_signal::confine::exec(arguments.into_iter().skip(2));
        out::error(&format!("packager_exporter: {error}\n"));
        return Exit::Usage.into();
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    match run(cli) {
        Ok(exit) => exit.into(),
        Err(why) => {
            out::error(&format!("packager_exporter: {why}\n"));
            Exit::Usage.into()
        }
    }
}

/// Prints help, version or a usage error. clap returns help and version as errors, but they belong on standard output.
fn usage(error: &clap::Error) -> Exit {
    let text = error.render().to_string();
    if error.use_stderr() {
        out::error(&text);
        return Exit::Usage;
    }
    out::print(&text).map_or(Exit::Usage, |()| Exit::Healthy)
}

fn run(cli: Cli) -> Result<Exit, String> {
    match cli.command.unwrap_or_else(|| Command::Serve(Box::new(cli.serve))) {
        Command::Serve(args) if args.config_check => {
            Security::load(args.web_config.as_deref())?;
            check_config(&args.config)
        }
        Command::Serve(args) => serve::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::CheckConfig(args) => check_config(&args.config),
        Command::ListChecks(args) => print_and_exit(&list_checks::list_checks(args.format)),
        Command::Inspect(args) => inspect::run(&args),
        Command::Scte35(args) => scte35::run(&args),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Migrate(args) => database::migrate(&args),
        Command::Import(args) => database::import(&args),
        Command::Export(args) => database::export(&args),
        Command::Sync { command: SyncCommand::Inspector(args) } => sync::run(&args),
        Command::Token { command } => database::token(&command),
        Command::ListMetrics => print_and_exit(&metrics::reference()),
        Command::Completions { shell } => print_and_exit(&generated::completions(shell)?),
        Command::ManPages { folder } => generated::write_man_pages(&folder).map(|()| Exit::Healthy),
    }
}

fn check_config(config: &Config) -> Result<Exit, String> {
    let summary = check_config::check_config(&config.source()).map_err(|errors| errors.to_string())?;
    print_and_exit(&summary.to_string())
}

fn print_and_exit(text: &str) -> Result<Exit, String> {
    out::print(text).map(|()| Exit::Healthy)
}
