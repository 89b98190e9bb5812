//! docs/detection.md. All but the real packagers' section comes out the same each time.

use crate::matrix::{CleanRow, FaultRow, PackagerRow, Seen, Shown, WITHOUT_FAULT};
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
pub const REAL: &str = "## Real packagers\n";

/// The whole document.
pub fn document(faults: &[FaultRow], clean: &[CleanRow], packagers: &[PackagerRow]) -> String {
    repeatable(faults, clean) + &real(packagers)
}

/// What a test compares: all before the real packagers.
pub fn repeatable(faults: &[FaultRow], clean: &[CleanRow]) -> String {
    let totals = totals(faults, clean);
    [HEAD.to_owned(), totals, found(faults), by_check(faults), waiting(faults), clean_streams(clean), String::new()]
        .join("\n")
}

fn totals(faults: &[FaultRow], clean: &[CleanRow]) -> String {
    let judged = faults.iter().filter(|row| !row.waits());
    let found = judged.clone().filter(|row| row.found()).count();
    let false_there: usize = faults.iter().map(|row| row.unexpected().len()).sum();
    let covered = checks::list().iter().filter(|l| faults.iter().any(|row| row.seen.shows(l.meta.id))).count();
    format!(
        "| | |\n|---|---|\n\
         | Faults found | {found} of {} |\n\
         | Faults that wait for their check | {} |\n\
         | False findings beside them, critical or major | {false_there} |\n\
         | Checks that a fault makes fail | {covered} of {} |\n\
         {}",
        judged.clone().count(),
        faults.len() - judged.count(),
        checks::list().len(),
        probes(clean.iter().map(|row| &row.seen)),
    )
}

/// The totals of clean streams, as rows.
fn probes<'a>(streams: impl Iterator<Item = &'a Seen> + Clone) -> String {
    let probes: usize = streams.clone().map(|seen| seen.probes).sum();
    let serious: usize = streams.clone().map(|seen| count(seen.serious())).sum();
    let mild: usize = streams.clone().map(|seen| count(seen.mild())).sum();
    format!(
        "| Probes of clean streams | {probes}, of {} streams |\n\
         | False findings on them, critical or major | {serious} |\n\
         | False findings on them, minor or warning | {mild} |\n",
        streams.count(),
    )
}

fn count<'a>(shown: impl Iterator<Item = &'a Shown>) -> usize {
    shown.map(|s| s.probes).sum()
}

fn found(faults: &[FaultRow]) -> String {
    let mut text = String::from(
        "## Faults\n\nIn bold the checks that are made for the fault, the others are its consequences. The time is that from the \
         first probe until they had failed; a fault that comes and goes begins some seconds after it.\n\n\
         | Fault | What it is | Failed checks | After | Found |\n|---|---|---|---|---|\n",
    );
    for row in faults.iter().filter(|row| !row.waits()) {
        let after = row.found_after().map_or_else(String::new, |after| format!("{} s", after.as_secs()));
        let (fault, mark) = (row.fault, if row.found() { "✓" } else { "✗" });
        let _ = writeln!(text, "| {} | {} | {} | {after} | {mark} |", fault.id, fault.help, failed(row));
    }
    text + &wrong(faults)
}

/// Each failed check with its severity: what is made for the fault in bold, what is false marked.
fn failed(row: &FaultRow) -> String {
    let unexpected: Vec<&str> = row.unexpected().iter().map(|s| s.check).collect();
    let shown = row.seen.shown.iter().map(|s| match s.check {
        check if row.fault.expect.contains(&check) => format!("**{check}** ({})", s.severity.as_str()),
        check if unexpected.contains(&check) => format!("✗ {check} ({})", s.severity.as_str()),
        check => format!("{check} ({})", s.severity.as_str()),
    });
    list(shown.collect())
}

fn list(items: Vec<String>) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

fn wrong(faults: &[FaultRow]) -> String {
    let mut text = String::new();
    for row in faults {
        for check in row.missing() {
            let _ = writeln!(text, "* Not found: {} by {check}.", row.fault.id);
        }
        for shown in row.unexpected() {
            let _ = writeln!(text, "* False: {} on {}: {}", shown.check, row.fault.id, shown.message);
        }
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn by_check(faults: &[FaultRow]) -> String {
    let mut text = String::from(
        "## Checks\n\nThe faults that make each check fail; in bold those that it is made for.\n\n\
         | Check | Severity | Faults |\n|---|---|---|\n",
    );
    for listed in checks::list() {
        let id = listed.meta.id;
        let showing = faults.iter().filter(|row| row.seen.shows(id));
        let names = showing.map(|row| {
            let own = row.fault.expect.contains(&id);
            if own { format!("**{}**", row.fault.id) } else { row.fault.id.to_owned() }
        });
        let names: Vec<_> = names.collect();
        let excuse = WITHOUT_FAULT.iter().find(|(check, _)| *check == id && names.is_empty());
        let names = excuse.map_or_else(|| list(names), |(_, why)| format!("none: {why}"));
        let _ = writeln!(text, "| {id} | {} | {names} |", listed.meta.severity.as_str());
    }
    text
}

fn waiting(faults: &[FaultRow]) -> String {
    let mut text = String::from(
        "## Faults that wait for their check\n\nThe origin can play them; the check that is made for them doesn't exist yet, so \
         they count neither as found nor as missed. What fails today is a consequence.\n\n\
         | Fault | What it is | Waits for | Failed checks |\n|---|---|---|---|\n",
    );
    for row in faults.iter().filter(|row| row.waits()) {
        let fault = row.fault;
        let _ = writeln!(text, "| {} | {} | {} | {} |", fault.id, fault.help, fault.expect.join(", "), failed(row));
    }
    text
}

const STREAMS: &str = "| Stream | Probes | Probes with a false finding, critical or major | Probes with one, minor or \
                       warning |\n|---|---|---|---|\n";

fn clean_streams(clean: &[CleanRow]) -> String {
    let mut text = format!("## Clean streams of the origin\n\n{STREAMS}");
    for row in clean {
        let pace = format!("{}: {}; every {} s", row.name, row.help, row.seen.every.as_secs());
        stream(&mut text, &pace, &row.seen);
    }
    text
}

fn real(packagers: &[PackagerRow]) -> String {
    let mut text = format!(
        "{REAL}\nThree renditions of a test picture and a tone, encoded by ffmpeg in segments of 2 s, served as plain files \
         (nginx-rtmp: by its nginx); probed in real time, two at once, while the same machine encodes them.\n\n| | |\n|---|---|\n{}\n{STREAMS}",
        probes(packagers.iter().map(|row| &row.seen)),
    );
    for row in packagers {
        let pace = format!("{}; every {} s", row.name, row.seen.every.as_secs());
        stream(&mut text, &pace, &row.seen);
    }
    text
}

fn stream(text: &mut String, name: &str, seen: &Seen) {
    let name_of = |s: &Shown| format!("{} in {}", s.check, s.probes);
    let of = |shown: Vec<String>| if shown.is_empty() { "0".to_owned() } else { shown.join(", ") };
    let (serious, mild) = (of(seen.serious().map(name_of).collect()), of(seen.mild().map(name_of).collect()));
    let _ = writeln!(text, "| {name} | {} | {serious} | {mild} |", seen.probes);
}
