//! The subcommands that work on the database and the tokens: migrate, import, export, token.

use super::args::{Export, Import, Migrate, TokenCommand};
use super::{Exit, out};
use crate::catalog::SecretPlaces;
use crate::config::ConfigPaths;
use crate::store::Store;
use crate::web::api::{Role, Token, Tokens, csv_of, hash, is_name, rows_of};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use packager_media::units::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::future::Future;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

/// Largest import file in bytes. A file with 50,000 channels has 10 MB.
const MAX_FILE: u64 = 32 << 20;

/// Connects to the database of `DATABASE_URL`, whose rows may name files below the `catalog.secrets` of `source`.
///
/// # Errors
/// Fails if the variable is not set, or is not the URL of a PostgreSQL database.
pub(super) fn store(source: &ConfigPaths) -> Result<Store, String> {
    optional_store(source)?.ok_or_else(|| "set DATABASE_URL=postgres://user:password@host:5432/database".to_owned())
}

/// Connects to the database of `DATABASE_URL`. `None`: the variable is unset or empty.
pub(super) fn optional_store(source: &ConfigPaths) -> Result<Option<Store>, String> {
    let url = std::env::var("DATABASE_URL").ok().filter(|url| !url.trim().is_empty());
    let store = url.map(|url| Store::new(url.trim())).transpose()?;
    // A faulty configuration is reported by the command itself, if it needs one.
    let secrets = || {
        let catalog = crate::config::load(source).ok()?.exporter.catalog;
        Some(SecretPlaces::new(catalog.secrets, catalog.secret_variables.as_deref(), &source.variables))
    };
    Ok(store.map(|store| store.with_secrets(secrets().unwrap_or_default())))
}

/// The configuration of the usual place, for commands that have no flag for another.
fn environment() -> ConfigPaths {
    ConfigPaths { file: None, variables: std::env::vars().collect() }
}

pub(super) fn block_on<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|e| format!("can't start threads: {e}"))?;
    runtime.block_on(work)
}

pub(super) fn migrate(_: &Migrate) -> Result<Exit, String> {
    let (before, after) = block_on(async {
        let store = store(&environment())?;
        let before = store.schema().await.map_err(|e| e.to_string())?;
        store.migrate().await.map_err(|e| e.to_string())?;
        Ok((before, store.schema().await.map_err(|e| e.to_string())?))
    })?;
    let applied = match after - before {
        0 => "no migration was missing".to_owned(),
        _ => format!("migrations {} to {after} applied", before + 1),
    };
    out::print(&format!("The schema is up to date at version {after}: {applied}.\n")).map(|()| Exit::Healthy)
}

/// Imports channels from a CSV file, or from JSON lines if the file's name ends with `.jsonl` or `.ndjson`.
pub(super) fn import(args: &Import) -> Result<Exit, String> {
    let name = args.file.display();
    let text = crate::document::read_text(&args.file, MAX_FILE).map_err(|e| format!("{name} {e}"))?;
    let lines = args.file.extension().is_some_and(|e| e == "jsonl" || e == "ndjson");
    let rows = rows_of(&text, lines).map_err(|errors| with_file_name(&args.file, &errors.to_string()))?;
    let total = rows.len();
    let progress = |done: usize| {
        if done < total {
            out::error(&format!("{done} of {total} rows\n"));
        }
    };
    let done = block_on(async {
        let store = store(&environment())?;
        store.migrate().await.map_err(|e| e.to_string())?;
        store
            .import_channels(rows, args.dry_run, progress)
            .await
            .map_err(|e| with_file_name(&args.file, &e.to_string()))
    })?;
    let would = if args.dry_run { "would be " } else { "" };
    let summary = format!(
        "{total} rows: {} channels {would}created, {} {would}updated, {} unchanged\n",
        done.created, done.updated, done.unchanged
    );
    out::print(&summary).map(|()| Exit::Healthy)
}

/// Adds the file's name to each line of `problems` that begins with a line number.
fn with_file_name(file: &Path, problems: &str) -> String {
    let named = problems.lines().map(|line| match line.strip_prefix("line:") {
        Some(rest) => format!("{}:{rest}", file.display()),
        None => line.to_owned(),
    });
    format!("nothing was imported\n{}", named.collect::<Vec<_>>().join("\n"))
}

pub(super) fn export(_: &Export) -> Result<Exit, String> {
    let channels = block_on(async { store(&environment())?.all_channels().await.map_err(|e| e.to_string()) })?;
    out::print(&csv_of(&channels).map_err(|e| e.to_string())?)?;
    out::error(&format!("{} channels exported\n", channels.len()));
    Ok(Exit::Healthy)
}

pub(super) fn token(command: &TokenCommand) -> Result<Exit, String> {
    let text = match command {
        TokenCommand::Create { file, name, role, expires } => create(&file.path, name, *role, *expires)?,
        TokenCommand::List { file } => listed(&load(&file.path)?),
        TokenCommand::Revoke { file, name } => revoke(&file.path, name)?,
    };
    out::print(&text).map(|()| Exit::Healthy)
}

fn load(file: &Path) -> Result<Tokens, String> {
    Tokens::load(file).map_err(|errors| errors.to_string())
}

fn create(file: &Path, name: &str, role: Role, expires: Option<Duration>) -> Result<String, String> {
    let mut tokens = if file.exists() { load(file)? } else { Tokens::default() };
    if tokens.0.iter().any(|token| token.name == name) {
        return Err(format!("{} has a token `{name}` already; revoke it first", file.display()));
    }
    if !is_name(name) {
        return Err("the name must have 1 to 128 characters and no control characters".to_owned());
    }
    let expires = match expires {
        Some(after) => Some(Timestamp::now().checked_add(after).map_err(|_| "--expires is too far away".to_owned())?),
        None => None,
    };
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "this machine gives no random bytes".to_owned())?;
    let token = BASE64_URL_SAFE_NO_PAD.encode(bytes);
    tokens.0.push(Token { name: name.to_owned(), role, sha256: hash(&token), expires });
    write(file, &tokens)?;
    Ok(format!(
        "{token}\nIt is shown this once; {} keeps its hash. A running exporter lets it in within seconds.\n",
        file.display()
    ))
}

fn listed(tokens: &Tokens) -> String {
    let line = |token: &Token| {
        let expires = token.expires.map(|at| format!("  expires {at}")).unwrap_or_default();
        format!("{}  {}{expires}\n", token.name, token.role)
    };
    tokens.0.iter().map(line).collect()
}

fn revoke(file: &Path, name: &str) -> Result<String, String> {
    let mut tokens = load(file)?;
    let before = tokens.0.len();
    tokens.0.retain(|token| token.name != name);
    if tokens.0.len() == before {
        return Err(format!("{} has no token `{name}`", file.display()));
    }
    write(file, &tokens)?;
    Ok(format!("Token `{name}` is revoked. A running exporter shuts it out within seconds.\n"))
}

/// Writes the tokens file by replacing it in one step, because a half-written file would refuse every token.
fn write(file: &Path, tokens: &Tokens) -> Result<(), String> {
    let why = |e: &dyn std::fmt::Display| format!("{} can't be written: {e}", file.display());
    let text = serde_yaml::to_string(&serde_json::json!({ "tokens": tokens.0 })).map_err(|e| why(&e))?;
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let written = std::fs::File::create(&name).and_then(|mut new| {
        new.write_all(text.as_bytes())?;
        new.sync_all()
    });
    written.and_then(|()| std::fs::rename(&name, file)).map_err(|e| why(&e))
}
