//! docs/detection.md. All but the real packagers' section comes out the same each time.

use crate::matrix::{CleanResult, FailedCheck, FaultResult, PackagerResult, StreamResult, WITHOUT_FAULT};
use packager_exporter::checks;
use std::fmt::Write as _;

const HEAD: &str = "\
# Detection

Written by `make detection`; don't edit it by hand. A test measures the faults and the clean streams again and compares.

What is measured: the exporter's own line (request, capture, history, checks, report) probes the live origin of
`crates/testbed`, whose faults are single defects of otherwise clean channels. Each fault is probed 25 times, as
often as its segments last (2 s or 6 s); those that take their time, such as a silent server, 3 times. A fault counts as
found when every check that is made for it failed. A finding is false when a check of severity critical or major failed
that is neither made for the fault nor a true consequence of it; on a clean stream every finding is false.
";

/// Where the section begins that comes out differently each time.
pub const PACKAGERS_HEADING: &str = "## Real packagers\n";

/// The whole document.
pub fn document(faults: &[FaultResult], clean: &[CleanResult], packagers: &[PackagerResult]) -> String {
    reproducible_part(faults, clean) + &packager_table(packagers)
}

/// What a test compares: all before the real packagers.
pub fn reproducible_part(faults: &[FaultResult], clean: &[CleanResult]) -> String {
    let totals = totals(faults, clean);
    [
        HEAD.to_owned(),
        totals,
        fault_table(faults),
        check_table(faults),
        awaiting_table(faults),
        clean_table(clean),
        String::new(),
    ]
    .join("\n")
}

fn totals(faults: &[FaultResult], clean: &[CleanResult]) -> String {
    let judged = faults.iter().filter(|row| !row.awaits_check());
    let found = judged.clone().filter(|row| row.is_found()).count();
    let false_findings: usize = faults.iter().map(|row| row.unexpected_checks().len()).sum();
    let covered = checks::list().iter().filter(|l| faults.iter().any(|row| row.result.has_failed(l.meta.id))).count();
    format!(
        "| | |\n|---|---|\n\
         | Faults found | {found} of {} |\n\
         | Faults that wait for their check | {} |\n\
         | False findings beside them, critical or major | {false_findings} |\n\
         | Checks that a fault makes fail | {covered} of {} |\n\
         {}",
        judged.clone().count(),
        faults.len() - judged.count(),
        checks::list().len(),
        probes(clean.iter().map(|row| &row.result)),
    )
}

/// The totals of clean streams, as rows.
fn probes<'a>(streams: impl Iterator<Item = &'a StreamResult> + Clone) -> String {
    let probes: usize = streams.clone().map(|result| result.probes).sum();
    let serious: usize = streams.clone().map(|result| count(result.serious_failures())).sum();
    let minor: usize = streams.clone().map(|result| count(result.minor_failures())).sum();
    format!(
        "| Probes of clean streams | {probes}, of {} streams |\n\
         | False findings on them, critical or major | {serious} |\n\
         | False findings on them, minor or warning | {minor} |\n",
        streams.count(),
    )
}

fn count<'a>(shown: impl Iterator<Item = &'a FailedCheck>) -> usize {
    shown.map(|s| s.probes).sum()
}

fn fault_table(faults: &[FaultResult]) -> String {
    let mut text = String::from(
        "## Faults\n\nIn bold the checks that are made for the fault, the others are its consequences. The time is that from the \
         first probe until they had failed; a fault that comes and goes begins some seconds after it.\n\n\
         | Fault | What it is | Failed checks | After | Found |\n|---|---|---|---|---|\n",
    );
    for row in faults.iter().filter(|row| !row.awaits_check()) {
        let after = row.found_after().map_or_else(String::new, |after| format!("{} s", after.as_secs()));
        let (fault, mark) = (row.fault, if row.is_found() { "✓" } else { "✗" });
        let _ = writeln!(text, "| {} | {} | {} | {after} | {mark} |", fault.id, fault.description, failed_checks(row));
    }
    text + &wrong_findings(faults)
}

/// Each failed check with its severity: what is made for the fault in bold, what is false marked.
fn failed_checks(row: &FaultResult) -> String {
    let unexpected: Vec<&str> = row.unexpected_checks().iter().map(|s| s.check).collect();
    let shown = row.result.failed_checks.iter().map(|s| match s.check {
        check if row.fault.expected.contains(&check) => format!("**{check}** ({})", s.severity.as_str()),
        check if unexpected.contains(&check) => format!("✗ {check} ({})", s.severity.as_str()),
        check => format!("{check} ({})", s.severity.as_str()),
    });
    comma_separated(shown.collect())
}

fn comma_separated(items: Vec<String>) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

fn wrong_findings(faults: &[FaultResult]) -> String {
    let mut text = String::new();
    for row in faults {
        for check in row.missing_checks() {
            let _ = writeln!(text, "* Not found: {} by {check}.", row.fault.id);
        }
        for shown in row.unexpected_checks() {
            let _ = writeln!(text, "* False: {} on {}: {}", shown.check, row.fault.id, shown.message);
        }
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn check_table(faults: &[FaultResult]) -> String {
    let mut text = String::from(
        "## Checks\n\nThe faults that make each check fail; in bold those that it is made for.\n\n\
         | Check | Severity | Faults |\n|---|---|---|\n",
    );
    for listed in checks::list() {
        let id = listed.meta.id;
        let showing = faults.iter().filter(|row| row.result.has_failed(id));
        let names = showing.map(|row| {
            let own = row.fault.expected.contains(&id);
            if own { format!("**{}**", row.fault.id) } else { row.fault.id.to_owned() }
        });
        let names: Vec<_> = names.collect();
        let excuse = WITHOUT_FAULT.iter().find(|(check, _)| *check == id && names.is_empty());
        let names = excuse.map_or_else(|| comma_separated(names), |(_, why)| format!("none: {why}"));
        let _ = writeln!(text, "| {id} | {} | {names} |", listed.meta.severity.as_str());
    }
    text
}

fn awaiting_table(faults: &[FaultResult]) -> String {
    let mut text = String::from(
        "## Faults that wait for their check\n\nThe origin can play them; the check that is made for them doesn't exist yet, so \
         they count neither as found nor as missed. What fails today is a consequence.\n\n\
         | Fault | What it is | Waits for | Failed checks |\n|---|---|---|---|\n",
    );
    for row in faults.iter().filter(|row| row.awaits_check()) {
        let fault = row.fault;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            fault.id,
            fault.description,
            fault.expected.join(", "),
            failed_checks(row)
        );
    }
    text
}

const STREAM_TABLE_HEAD: &str = "| Stream | Probes | Probes with a false finding, critical or major | Probes with one, minor or \
                       warning |\n|---|---|---|---|\n";

fn clean_table(clean: &[CleanResult]) -> String {
    let mut text = format!("## Clean streams of the origin\n\n{STREAM_TABLE_HEAD}");
    for row in clean {
        let label = format!("{}: {}; every {} s", row.name, row.help, row.result.every.as_secs());
        stream(&mut text, &label, &row.result);
    }
    text
}

fn packager_table(packagers: &[PackagerResult]) -> String {
    let mut text = format!(
        "{PACKAGERS_HEADING}\nThree renditions of a test picture and a tone, encoded by ffmpeg in segments of 2 s, served as plain files \
         (nginx-rtmp: by its nginx); probed in real time, two at once, while the same machine encodes them.\n\n| | |\n|---|---|\n{}\n{STREAM_TABLE_HEAD}",
        probes(packagers.iter().map(|row| &row.result)),
    );
    for row in packagers {
        let label = format!("{}; every {} s", row.name, row.result.every.as_secs());
        stream(&mut text, &label, &row.result);
    }
    text
}

fn stream(text: &mut String, name: &str, result: &StreamResult) {
    let name_of = |s: &FailedCheck| format!("{} in {}", s.check, s.probes);
    let cell = |shown: Vec<String>| if shown.is_empty() { "0".to_owned() } else { shown.join(", ") };
    let (serious, minor) =
        (cell(result.serious_failures().map(name_of).collect()), cell(result.minor_failures().map(name_of).collect()));
    let _ = writeln!(text, "| {name} | {} | {serious} | {minor} |", result.probes);
}
