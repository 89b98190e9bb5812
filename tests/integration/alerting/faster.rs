//! The shipped rules and configurations, faster: a documented generator, so that nothing else differs. The shipped times are held
//! by the tests of `rules/tests`.

use crate::prometheus::shipped;

pub const FASTER: u64 = 5;

/// Every length of time divided by this, but where a message is repeated.
pub fn faster(text: &str, times: u64) -> String {
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

pub fn rules(times: u64) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(shipped().join("../rules")).unwrap().map(|entry| entry.unwrap());
    let rules = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".rules.yml"));
    rules
        .map(|e| {
            (e.file_name().to_string_lossy().into_owned(), faster(&std::fs::read_to_string(e.path()).unwrap(), times))
        })
        .collect()
}
