//! The shipped alert rules and configurations with shorter times, generated so that nothing else differs. The tests in
//! `rules/tests` check the shipped times.

use crate::prometheus::shipped;
use packager_testbed::pace;
use std::sync::OnceLock;

/// Returns the factor by which the times of these tests are shorter than the shipped ones: 5 on an idle machine, less
/// on a busy machine, which couldn't scrape and evaluate so often. It is the same in all tests of a run.
pub(crate) fn factor() -> u64 {
    static FACTOR: OnceLock<u64> = OnceLock::new();
    *FACTOR.get_or_init(|| match pace::slowdown() {
        slowdown if slowdown < 1.5 => 5,
        slowdown if slowdown < 3.0 => 3,
        _ => 2,
    })
}

/// Returns a configuration with every duration divided by `times`, except `repeat_interval`.
pub(crate) fn faster(text: &str, times: u64) -> String {
    let shorter = |line: &str| {
        let keys = [
            "for:",
            "keep_firing_for:",
            "interval:",
            "refresh_interval:",
            "scrape_interval:",
            "evaluation_interval:",
            "scrape_timeout:",
            "group_wait:",
            "group_interval:",
        ];
        let (key, value) = line.trim().split_once(' ')?;
        let unit = value.chars().last().filter(|_| keys.contains(&key))?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            _ => return None,
        };
        let milliseconds = value.trim_end_matches(unit).parse::<u64>().ok()? * seconds * 1000 / times;
        Some(line.replace(value, &format!("{milliseconds}ms")))
    };
    text.lines().map(|line| shorter(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

/// Returns name and text of each shipped rule file, with every duration divided by `times`.
pub(crate) fn rules(times: u64) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(shipped().join("../rules")).unwrap().map(|entry| entry.unwrap());
    let rules = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".rules.yml"));
    rules
        .map(|e| {
            (e.file_name().to_string_lossy().into_owned(), faster(&std::fs::read_to_string(e.path()).unwrap(), times))
        })
        .collect()
}
