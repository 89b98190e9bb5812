//! Subcommand `sync inspector`: synchronises the database with Inspector LIVE once, for a terminal or cron, and prints
//! every difference.

use super::args::SyncInspector;
use super::{Exit, database, logging, out};
use crate::config::{ConfigHandle, InspectorSettings};
use crate::inspector;
use crate::store::{Store, Synced};
use packager_media::units::Timestamp;
use serde_json::Value;
use std::fmt::Write as _;

/// Runs the subcommand `sync inspector`.
///
/// # Errors
/// Returns the faults of the configuration, or the sources that could not be read; the channels of the other sources
/// were written.
pub(super) fn run(args: &SyncInspector) -> Result<Exit, String> {
    logging::start(args.log.level, args.log.format);
    let live = ConfigHandle::start(args.config.source(), Timestamp::now()).map_err(|errors| errors.to_string())?;
    let sources = select_sources(&live, args.name.as_deref())?;
    database::block_on(async {
        let store = database::store(&args.config.source())?;
        store.migrate().await.map_err(|e| e.to_string())?;
        sync_all(&live, &store, &sources, args.dry_run).await
    })
}

fn select_sources(live: &ConfigHandle, name: Option<&str>) -> Result<Vec<InspectorSettings>, String> {
    let all = live.current().exporter.inspector_live.clone();
    let names: Vec<String> = all.iter().map(|source| source.name.clone()).collect();
    let sources: Vec<InspectorSettings> =
        all.into_iter().filter(|source| name.is_none_or(|name| source.name == name)).collect();
    match name {
        _ if !sources.is_empty() => Ok(sources),
        Some(name) if !names.is_empty() => {
            Err(format!("inspector_live has no `{}`, but {}", name.escape_debug(), names.join(", ")))
        }
        _ => Err("exporter.yml has no `inspector_live`; docs/operations.md shows how to write it".to_owned()),
    }
}

async fn sync_all(
    live: &ConfigHandle,
    store: &Store,
    sources: &[InspectorSettings],
    dry_run: bool,
) -> Result<Exit, String> {
    let mut exit = Exit::Healthy;
    let mut failed = Vec::new();
    for inspector in sources {
        let source = inspector::source(inspector);
        match inspector::sync(live, store, inspector, dry_run).await {
            Ok(done) => {
                if !dry_run {
                    inspector::log(&source, &done);
                }
                out::print(&describe_changes(&source, &done, dry_run))?;
                if !done.bad.is_empty() || done.held.is_some() {
                    exit = Exit::Unhealthy;
                }
            }
            Err(why) => failed.push(format!("{source}: {why}")),
        }
    }
    if failed.is_empty() { Ok(exit) } else { Err(failed.join("\n")) }
}

/// Returns the differences of a synchronisation as lines: `+` added, `~` changed, `-` disabled, `!` needs attention.
fn describe_changes(source: &str, done: &Synced, dry_run: bool) -> String {
    let mut text = format!("{source}{}\n", if dry_run { " (dry run: nothing is written)" } else { "" });
    for code in &done.added {
        let _ = writeln!(text, "  + {code}");
    }
    for changed in &done.changed {
        let _ = writeln!(text, "  ~ {}", changed.code);
        for (column, before, after) in &changed.fields {
            let _ = writeln!(text, "      {column}: {} -> {}", value_text(before), value_text(after));
        }
    }
    for code in &done.disabled {
        let _ = writeln!(text, "  - {code}: no longer there, disabled");
    }
    for code in &done.missing {
        let _ = writeln!(text, "  ! {code}: no longer there, stays in force");
    }
    for (code, whose) in &done.foreign {
        let whose = whose.as_deref().unwrap_or("no source (`adopt: true` takes it over)");
        let _ = writeln!(text, "  ! {code}: left alone, it is of {whose}");
    }
    for (at, why) in &done.bad {
        let _ = writeln!(text, "  ! {at}: left out: {why}");
    }
    if let Some(why) = &done.held {
        let _ = writeln!(text, "  ! {why}");
    }
    let (added, changed, disabled) = (done.added.len(), done.changed.len(), done.disabled.len());
    let (missing, foreign, bad) = (done.missing.len(), done.foreign.len(), done.bad.len());
    let _ = writeln!(
        text,
        "{added} added, {changed} changed, {} unchanged, {disabled} disabled, {missing} no longer there, \
         {foreign} left alone, {bad} left out",
        done.unchanged
    );
    text
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |n| n.to_string()),
        other => other.to_string(),
    }
}
