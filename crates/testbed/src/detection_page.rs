//! Generator of docs/detection.md. Every run gives the same text, except for the section about real packagers.

use crate::matrix::{CleanResult, FailedCheck, FaultResult, PackagerResult, StreamResult};
use crate::programme_results::{ProgrammeResult, RotationResult};
use crate::restarts::Reported;
use packager_exporter::checks::CHECKS;
use std::fmt::Write as _;

const HEAD: &str = "\
# Detection

`make detection` writes this page; don't edit it by hand. A test measures the faults and the clean streams again and
compares.

The exporter's own code (request, capture, history, checks, report) probes the live origin of `crates/testbed`, whose
faults are single defects of otherwise clean channels. Each fault is probed 25 times at the interval of its segments (2 s
or 6 s), and 3 times when a probe takes real time, as with a server that never answers. A fault counts as found when every
check that should find it failed. A finding is false when a check of severity critical or major failed that neither should
find the fault nor is a true consequence of it. On a clean stream every finding is false.
";

/// Heading of the section of docs/detection.md that differs from run to run.
pub const PACKAGERS_HEADING: &str = "## Real packagers\n";

/// Section of docs/detection.md about what was measured by hand: real servers, and long runs under Prometheus. It isn't measured again.
const BY_HAND: &str = include_str!("detection_by_hand.md");

/// Results of all streams of the live origin.
#[derive(Debug)]
pub struct OriginResults<'a> {
    pub faults: &'a [FaultResult],
    pub clean: &'a [CleanResult],
    pub programmes: &'a [ProgrammeResult],
}

/// Returns the whole text of docs/detection.md.
pub fn document(origin: &OriginResults<'_>, packagers: &[PackagerResult]) -> String {
    reproducible_part(origin) + &packager_tables(packagers) + BY_HAND
}

/// Returns docs/detection.md up to the section about real packagers, which a test compares.
pub fn reproducible_part(origin: &OriginResults<'_>) -> String {
    let OriginResults { faults, clean, programmes } = origin;
    [
        HEAD.to_owned(),
        totals(origin),
        fault_table(faults),
        check_table(faults, programmes),
        awaiting_table(faults),
        clean_table(clean),
        programme_table(programmes),
        rotation_table(programmes),
        String::new(),
    ]
    .join("\n")
}

fn totals(origin: &OriginResults<'_>) -> String {
    let OriginResults { faults, clean, programmes } = origin;
    let judged = faults.iter().filter(|row| !row.awaits_check());
    let found = judged.clone().filter(|row| row.is_found()).count();
    let false_findings: usize = faults.iter().map(|row| row.unexpected_checks().len()).sum();
    let fails = |id: &str| {
        let mut results = faults.iter().map(|row| &row.result).chain(programmes.iter().map(|row| &row.result));
        results.any(|result| result.has_failed(id))
    };
    let covered = CHECKS.iter().filter(|meta| fails(meta.id)).count();
    let (faulty, good): (Vec<_>, Vec<_>) = programmes.iter().partition(|row| !row.programme.expected.is_empty());
    let found_programmes = faulty.iter().filter(|row| row.missing_checks().is_empty()).count();
    let false_programmes: usize = programmes.iter().map(|row| row.unexpected_checks().len()).sum();
    format!(
        "| | |\n|---|---|\n\
         | Faults found | {found} of {} |\n\
         | Faults whose check doesn't exist yet | {} |\n\
         | False findings of severity critical or major on faults | {false_findings} |\n\
         | Checks that fail on a fault | {covered} of {} |\n\
         | Faults of picture and sound found | {found_programmes} of {} |\n\
         | False findings on programmes of picture and sound | {false_programmes}, of {} programmes |\n\
         {}",
        judged.clone().count(),
        faults.len() - judged.count(),
        CHECKS.len(),
        faulty.len(),
        faulty.len() + good.len(),
        probes(clean.iter().map(|row| &row.result)),
    )
}

/// Returns rows of a Markdown table with the totals of clean streams: streams, probes and findings.
fn probes<'a>(streams: impl Iterator<Item = &'a StreamResult> + Clone) -> String {
    let probes: usize = streams.clone().map(|result| result.probes).sum();
    let serious: usize = streams.clone().map(|result| count(result.serious_failures())).sum();
    let minor: usize = streams.clone().map(|result| count(result.minor_failures())).sum();
    format!(
        "| Probes of clean streams | {probes}, of {} streams |\n\
         | False findings of severity critical or major on clean streams | {serious} |\n\
         | False findings of severity minor or warning on clean streams | {minor} |\n",
        streams.count(),
    )
}

fn count<'a>(failed: impl Iterator<Item = &'a FailedCheck>) -> usize {
    failed.map(|s| s.probes).sum()
}

fn fault_table(faults: &[FaultResult]) -> String {
    let mut text = String::from(
        "## Faults\n\nChecks that should find the fault are bold, the others are its consequences. The time is from the first probe \
         until all bold checks had failed; a fault that comes and goes begins some seconds later.\n\n\
         | Fault | Description | Failed checks | Time | Found |\n|---|---|---|---|---|\n",
    );
    for row in faults.iter().filter(|row| !row.awaits_check()) {
        let after = row.found_after().map_or_else(String::new, |after| format!("{} s", after.as_secs()));
        let (fault, mark) = (row.fault, if row.is_found() { "✓" } else { "✗" });
        let _ = writeln!(
            text,
            "| {} | {} | {} | {after} | {mark} |",
            fault.id,
            fault.description,
            failed_checks(&row.result, row.fault.expected, &row.unexpected_checks())
        );
    }
    text + &wrong_findings(faults)
}

/// Returns the failed checks of a fault with their severity: expected ones are bold, false ones are marked.
fn failed_checks(result: &StreamResult, expected: &[&str], unexpected: &[&FailedCheck]) -> String {
    let checks = result.failed_checks.iter().map(|s| match s.check {
        check if expected.contains(&check) => format!("**{check}** ({})", s.severity.as_str()),
        check if unexpected.iter().any(|s| s.check == check) => format!("✗ {check} ({})", s.severity.as_str()),
        check => format!("{check} ({})", s.severity.as_str()),
    });
    comma_separated(checks.collect())
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
        for failed in row.unexpected_checks() {
            let _ = writeln!(text, "* False: {} on {}: {}", failed.check, row.fault.id, failed.message);
        }
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn check_table(faults: &[FaultResult], programmes: &[ProgrammeResult]) -> String {
    let mut text = String::from(
        "## Checks\n\nThe faults on which each check fails; those that it should find are bold.\n\n\
         | Check | Severity | Faults |\n|---|---|---|\n",
    );
    for meta in CHECKS {
        let id = meta.id;
        let of_faults = faults.iter().map(|row| (row.fault.id.to_owned(), row.fault.expected, &row.result));
        let of_programmes = programmes.iter().map(|row| (programme_name(row), row.programme.expected, &row.result));
        let showing = of_faults.chain(of_programmes).filter(|(.., result)| result.has_failed(id));
        let names =
            showing.map(|(name, expected, _)| if expected.contains(&id) { format!("**{name}**") } else { name });
        let names = comma_separated(names.collect());
        let _ = writeln!(text, "| {id} | {} | {names} |", meta.severity.as_str());
    }
    text
}

fn awaiting_table(faults: &[FaultResult]) -> String {
    let mut text = String::from(
        "## Faults whose check doesn't exist yet\n\nThe origin can play these faults, but the check that should find them doesn't exist, so \
         they count neither as found nor as missed. The checks that fail are consequences.\n\n\
         | Fault | Description | Missing check | Failed checks |\n|---|---|---|---|\n",
    );
    for row in faults.iter().filter(|row| row.awaits_check()) {
        let fault = row.fault;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            fault.id,
            fault.description,
            fault.expected.join(", "),
            failed_checks(&row.result, row.fault.expected, &row.unexpected_checks())
        );
    }
    text
}

const STREAM_TABLE_HEAD: &str = "| Stream | Probes | Probes with a false finding, critical or major | Probes with a false finding, \
                       minor or warning |\n|---|---|---|---|\n";

fn clean_table(clean: &[CleanResult]) -> String {
    let mut text = format!("## Clean streams of the origin\n\n{STREAM_TABLE_HEAD}");
    for row in clean {
        let label = format!("{}: {}; every {} s", row.name, row.help, row.result.every.as_secs());
        stream(&mut text, &label, &row.result);
    }
    text
}

fn programme_name(row: &ProgrammeResult) -> String {
    format!("programme {}", row.programme.id)
}

fn programme_table(programmes: &[ProgrammeResult]) -> String {
    let mut text = String::from(
        "## Picture and sound\n\nProgrammes that ffmpeg encodes (`origin/programmes.rs` has its commands), in segments of 6 s, each decoded and \
         probed after each segment. Found is the duration of the fault that was listed when all bold checks had failed; cleared is the time after \
         its end until they passed again. Every finding that is neither bold nor a consequence is false, whatever its severity.\n\n\
         | Programme | Description | Probes | Failed checks | Found | Cleared | Right |\n|---|---|---|---|---|---|---|\n",
    );
    for row in programmes {
        let unexpected = row.unexpected_checks();
        let checks = failed_checks(&row.result, row.programme.expected, &unexpected);
        let seconds = |time: Option<u32>| time.map_or_else(String::new, |seconds| format!("{seconds} s"));
        let mark = if row.missing_checks().is_empty() && unexpected.is_empty() { "✓" } else { "✗" };
        let (id, description, probes) = (row.programme.id, row.programme.description, row.result.probes);
        let (found, cleared) = (seconds(row.found_after()), seconds(row.cleared_after()));
        let _ = writeln!(text, "| {id} | {description} | {probes} | {checks} | {found} | {cleared} | {mark} |");
    }
    text
}

fn rotation_table(programmes: &[ProgrammeResult]) -> String {
    let mut text = String::from(
        "## Picture and sound in rotation\n\nThe same programmes with `signal: rotation`, probed after each segment. They are decoded in the first probe, \
         before the fault begins, and the turn of the rotation doesn't come again: every further decode follows a suspicion by the coded picture or \
         sound, or a fault that was found. Suspected is the number of probes in which the picture was suspected to stand still; found is the number of \
         probes, from the first one that lists a whole segment of the fault, until all bold checks of the table above had failed.\n\n\
         | Programme | Probes | Suspected | Decoded | Found |\n|---|---|---|---|---|\n",
    );
    for (row, rotation) in programmes.iter().filter_map(|row| Some((row, row.rotation.as_ref()?))) {
        let RotationResult { result, suspicions, decodes } = rotation;
        let found = match (row.programme.faulty, row.found_in_rotation()) {
            (None, _) => String::new(),
            (Some(_), Some(probes)) => probes.to_string(),
            (Some(_), None) => "by its turn".to_owned(),
        };
        let _ = writeln!(text, "| {} | {} | {suspicions} | {decodes} | {found} |", row.programme.id, result.probes);
    }
    text
}

fn packager_tables(packagers: &[PackagerResult]) -> String {
    let unexplained: Vec<StreamResult> = packagers.iter().map(PackagerResult::false_findings).collect();
    let mut text = format!(
        "{PACKAGERS_HEADING}\nThree renditions of a test picture and a tone, encoded by ffmpeg in segments of 2 s and served as static files \
         (with nginx-rtmp by nginx). Two packagers at a time are probed in real time, while the same machine encodes.\n\n| | |\n|---|---|\n{}\n{STREAM_TABLE_HEAD}",
        probes(unexplained.iter()),
    );
    for (row, result) in packagers.iter().zip(&unexplained) {
        let label = format!("{}; every {} s", row.name, row.result.every.as_secs());
        stream(&mut text, &label, result);
    }
    text + &true_findings(packagers) + &restarts(packagers)
}

fn true_findings(packagers: &[PackagerResult]) -> String {
    let mut text = String::from(
        "\n### True findings\n\nThese packagers break a standard while they run as they should. The table has every finding of theirs.\n\n\
         | Stream | Check | Probes | Why it is true |\n|---|---|---|---|\n",
    );
    for row in packagers {
        for known in row.true_findings {
            let failed = row.result.failed_checks.iter().find(|failed| failed.check == known.check);
            let count = failed.map_or(0, |failed| failed.probes);
            let _ =
                writeln!(text, "| {} | {} | {count} of {} | {} |", row.name, known.check, row.result.probes, known.why);
        }
    }
    text
}

fn restarts(packagers: &[PackagerResult]) -> String {
    let mut text = String::from(
        "\n### Stopped and started again\n\nAfter the minute the packager is stopped like a crash, and started again when that has become critical. \
         Times are from the last write of a manifest to the end of the probe that reported the fault. A live edge is stale after 1.5 segment durations and critical after 3, counted from the probe that saw it first: with segments and \
         probes every 2 s a finding is on time up to 4 s later. Where the clock alone counts the segments ($Number$ with a duration), nothing is missing before the next segment is due: \
         ffmpeg and dashsink declare a start that makes their segments some seconds early, so that players still find what they ask for that long after the stop.\n\n\
         | Stream | First finding | Critical | Started again | On time |\n|---|---|---|---|---|\n",
    );
    for row in packagers {
        let Some(restart) = &row.restart else { continue };
        let cell = |reported: &Option<Reported>| {
            let Some(reported) = reported else { return "not reported".to_owned() };
            let of = reported.renditions.map_or_else(
                || "the output".to_owned(),
                |count| format!("{count} of {} renditions", restart.renditions),
            );
            match reported.after.as_secs_f64() {
                // A restart is reported by the first probe of it, which has no time of its own.
                0.0 => format!("{}, {of}", reported.check),
                seconds => format!("{} after {seconds:.1} s, {of}", reported.check),
            }
        };
        let [stale, critical, restarted] = [&restart.stale, &restart.critical, &restart.restarted].map(cell);
        let mark = if restart.is_on_time() { "✓" } else { "✗" };
        let _ = writeln!(text, "| {} | {stale} | {critical} | {restarted} | {mark} |", row.name);
    }
    text
}

fn stream(text: &mut String, name: &str, result: &StreamResult) {
    let name_of = |s: &FailedCheck| format!("{} in {}", s.check, s.probes);
    let cell = |checks: Vec<String>| if checks.is_empty() { "0".to_owned() } else { checks.join(", ") };
    let (serious, minor) =
        (cell(result.serious_failures().map(name_of).collect()), cell(result.minor_failures().map(name_of).collect()));
    let _ = writeln!(text, "| {name} | {} | {serious} | {minor} |", result.probes);
}
