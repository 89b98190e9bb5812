//! `cargo xtask detection`: prints docs/detection.md, and missed faults and false findings on standard error. With
//! arguments it probes only the faults and clean streams whose names begin with one of them (`-- mpd_ CM1`), and prints
//! the checks that failed.

use packager_testbed::detection_page::{self, OriginResults};
use packager_testbed::programme_results::RotationResult;
use packager_testbed::{matrix, packagers, programme_results};
use std::io::{self, Write as _};
use std::path::PathBuf;

/// Prints docs/detection.md, or the results of the named faults and clean streams.
///
/// # Errors
/// A packager can't be started, or the page can't be written.
pub(crate) async fn run(only: &[String]) -> io::Result<()> {
    let mut log = io::stderr();
    if !only.is_empty() {
        return named(only).await;
    }
    writeln!(log, "faults of the live origin …")?;
    let faults = matrix::probe_faults().await;
    writeln!(log, "clean streams of the live origin …")?;
    let clean = matrix::probe_clean_streams().await;
    writeln!(log, "programmes of picture and sound …")?;
    let programmes = programme_results::probe_programmes(&exporter()?).await;
    writeln!(log, "real packagers, for twelve minutes …")?;
    let packagers = packagers::watch().await?;
    let origin = OriginResults { faults: &faults, clean: &clean, programmes: &programmes };
    io::stdout().write_all(detection_page::document(&origin, &packagers).as_bytes())?;

    let mut wrong: Vec<String> = clean.iter().flat_map(|row| false_findings(&row.name, &row.result)).collect();
    for row in &packagers {
        wrong.extend(false_findings(row.name, &row.false_findings()));
        wrong.extend(row.restart.iter().filter(|r| !r.is_on_time()).map(|r| format!("late: {}: {r:?}", row.name)));
    }
    for row in &faults {
        wrong.extend(row.missing_checks().iter().map(|check| format!("not found: {} by {check}", row.fault.id)));
        let unexpected = row.unexpected_checks().into_iter();
        wrong.extend(unexpected.map(|s| format!("false: {} on {}: {}", s.check, row.fault.id, s.message)));
    }
    for row in &programmes {
        let id = row.programme.id;
        wrong.extend(row.missing_checks().iter().map(|check| format!("not found: {id} by {check}")));
        wrong.extend(row.unexpected_checks().iter().map(|s| format!("false: {} on {id}: {}", s.check, s.message)));
    }
    for line in &wrong {
        writeln!(log, "{line}")?;
    }
    Ok(())
}

/// Returns the path of the exporter's program, which `make detection` builds beside this one.
fn exporter() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("packager_exporter");
    if path.is_file() {
        Ok(path)
    } else {
        Err(io::Error::other(format!("build the exporter first: there is no {}", path.display())))
    }
}

fn false_findings(name: &str, result: &matrix::StreamResult) -> Vec<String> {
    let failed = result.failed_checks.iter();
    failed.map(|s| format!("false: {} on {name}: {}", s.check, s.message)).collect()
}

async fn named(only: &[String]) -> io::Result<()> {
    let matches = |name: &str| only.iter().any(|begin| name.starts_with(begin.as_str()));
    let mut out = io::stdout();
    for row in matrix::probe_faults_named(matches).await {
        let verdict = if row.is_found() && row.unexpected_checks().is_empty() { "found" } else { "WRONG" };
        writeln!(
            out,
            "{verdict} {} (expected {:?}, consequences {:?})",
            row.fault.id, row.fault.expected, row.fault.consequences
        )?;
        print_failed_checks(&mut out, &row.result)?;
    }
    for row in matrix::probe_clean_streams_named(matches).await {
        writeln!(out, "{} {}", if row.result.failed_checks.is_empty() { "clean" } else { "WRONG" }, row.name)?;
        print_failed_checks(&mut out, &row.result)?;
    }
    for row in programme_results::probe_programmes_named(&exporter()?, matches).await {
        let is_right = row.missing_checks().is_empty() && row.unexpected_checks().is_empty();
        let times = (row.found_after(), row.cleared_after());
        writeln!(
            out,
            "{} {}: found and cleared after {times:?} s",
            if is_right { "right" } else { "WRONG" },
            row.programme.id
        )?;
        print_failed_checks(&mut out, &row.result)?;
        if let Some(rotation) = &row.rotation {
            let RotationResult { suspicions, decodes, result } = rotation;
            let found = row.found_in_rotation();
            writeln!(out, "  in rotation: {suspicions} suspicions, {decodes} decodes, found in probe {found:?}")?;
            print_failed_checks(&mut out, result)?;
        }
    }
    for row in packagers::watch_named(matches).await? {
        writeln!(out, "{} {}", if row.result.failed_checks.is_empty() { "clean" } else { "WRONG" }, row.name)?;
        print_failed_checks(&mut out, &row.result)?;
        if let Some(restart) = &row.restart {
            writeln!(out, "{} {restart:?}", if restart.is_on_time() { "on time" } else { "LATE" })?;
        }
    }
    Ok(())
}

fn print_failed_checks(out: &mut io::Stdout, result: &matrix::StreamResult) -> io::Result<()> {
    for s in &result.failed_checks {
        writeln!(out, "  {:?} {} in {} of {}: {}", s.severity, s.check, s.probes, result.probes, s.message)?;
    }
    Ok(())
}
