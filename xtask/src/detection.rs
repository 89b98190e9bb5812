//! Detection, measured: `make detection` writes what this prints to docs/detection.md. What is missed or false is
//! said on standard error too; the tests judge it. With arguments it plays only the faults and clean channels whose
//! names begin so (`-- mpd_ CM1`), and prints what each was found by.

use packager_testbed::{markdown, matrix, packagers};
use std::io::{self, Write as _};

/// # Errors
///
/// When a packager can not be started, or the page can not be written.
pub async fn run(only: &[String]) -> io::Result<()> {
    let mut log = io::stderr();
    if !only.is_empty() {
        return some(only).await;
    }
    writeln!(log, "every fault of the live origin …")?;
    let faults = matrix::play().await;
    writeln!(log, "its clean channels …")?;
    let clean = matrix::watch_clean().await;
    writeln!(log, "real packagers, for four minutes …")?;
    let packagers = packagers::watch().await?;
    io::stdout().write_all(markdown::document(&faults, &clean, &packagers).as_bytes())?;

    let streams = clean.iter().map(|row| (row.name.as_str(), &row.seen));
    let streams = streams.chain(packagers.iter().map(|row| (row.name, &row.seen)));
    let mut wrong: Vec<String> = streams
        .flat_map(|(name, seen)| seen.shown.iter().map(move |s| format!("false: {} on {name}: {}", s.check, s.message)))
        .collect();
    for row in &faults {
        wrong.extend(row.missing().iter().map(|check| format!("not found: {} by {check}", row.fault.id)));
        let unexpected = row.unexpected().into_iter();
        wrong.extend(unexpected.map(|s| format!("false: {} on {}: {}", s.check, row.fault.id, s.message)));
    }
    for line in &wrong {
        writeln!(log, "{line}")?;
    }
    Ok(())
}

async fn some(only: &[String]) -> io::Result<()> {
    let named = |name: &str| only.iter().any(|begin| name.starts_with(begin.as_str()));
    let mut out = io::stdout();
    for row in matrix::play_some(named).await {
        let verdict = if row.found() && row.unexpected().is_empty() { "found" } else { "WRONG" };
        writeln!(out, "{verdict} {} (expected {:?}, follows {:?})", row.fault.id, row.fault.expect, row.fault.follows)?;
        print(&mut out, &row.seen)?;
    }
    for row in matrix::watch_some(named).await {
        writeln!(out, "{} {}", if row.seen.shown.is_empty() { "clean" } else { "WRONG" }, row.name)?;
        print(&mut out, &row.seen)?;
    }
    Ok(())
}

fn print(out: &mut io::Stdout, seen: &matrix::Seen) -> io::Result<()> {
    for s in &seen.shown {
        writeln!(out, "  {:?} {} in {} of {}: {}", s.severity, s.check, s.probes, seen.probes, s.message)?;
    }
    Ok(())
}
