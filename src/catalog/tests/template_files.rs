//! Templates, their bases and their mistakes.

use super::*;

#[test]
fn a_template_reads_the_guides_columns_and_lengths_of_time() {
    let text = "T: {min_mos: 3.5, loudness_target: -23, freeze_threshold_ms: 1000, timeout: 500ms, hold: 2m, max_download_time: 2}\n";
    let snapshot = templates(text).unwrap();
    let t = snapshot.template("T").unwrap();
    assert_eq!((t.timeout, t.hold), (Seconds(0.5), Seconds(120.0)));
    assert_eq!((t.thresholds.min_mos, t.thresholds.loudness_target), (Some(3.5), Some(-23.0)));
    assert_eq!((t.thresholds.freeze_threshold_ms, t.thresholds.max_download_time), (Some(1000.0), 2.0));
}

#[test]
fn a_template_extends_another_key_by_key() {
    let text = "\
BASE: {min_mos: 3.5, hold: 10, checks: {segment_duration_off_target: {allowed_ratio: 0.5, severity: minor}}, segments: {mode: newest, count: 2}}
MIDDLE: {extends: BASE, hold: 20, checks: {segment_duration_off_target: {severity: critical}}}
TOP: {extends: MIDDLE, min_mos: null, segments: {count: 3}}
";
    let snapshot = templates(text).unwrap();
    let top = snapshot.template("TOP").unwrap();
    assert_eq!((top.hold, top.thresholds.min_mos), (Seconds(20.0), None));
    assert_eq!(top.segments, Coverage { mode: CoverageMode::Newest, count: 3, budget: None, oldest: true });
    assert_eq!(top.checks.segment_duration_off_target.allowed_ratio, 0.5);
    assert_eq!(top.checks.segment_duration_off_target.severity, Some(crate::finding::Severity::Critical));
}

#[test]
fn decoding_is_rotated_unless_a_template_says_otherwise() {
    let text = "A: {}\nB: {signal: off}\nC: {extends: B, signal: full, signal_interval: 1m}\n";
    let snapshot = templates(text).unwrap();
    let read = |name: &str| {
        let template = snapshot.template(name).unwrap();
        (template.signal, template.signal_interval.0)
    };
    assert_eq!(read("A"), (SignalMode::Rotation, 300.0));
    assert_eq!(read("B"), (SignalMode::Off, 300.0));
    assert_eq!(read("C"), (SignalMode::Full, 60.0));
    let error = templates("A: {signal: always, signal_interval: 1}\n").unwrap_err();
    assert!(error.contains("known: off, rotation, full") || error.contains("Known: off, rotation, full"), "{error}");
    let error = templates("A: {signal_interval: 1}\n").unwrap_err();
    assert_eq!(error, ":1:22: A.signal_interval: is 1; allowed is 10 to 86400 (seconds)");
}

#[test]
fn a_circle_and_a_missing_base_are_refused() {
    let error = templates("A: {extends: B}\nB: {extends: A}\nC: {extends: A}\n").unwrap_err();
    assert!(error.contains(":2:14: B.extends: `A` extends itself: A → B → A"), "{error}");
    assert!(error.contains("`C` extends itself: C → A → B → A"), "{error}");
    assert_eq!(templates("A: {extends: A}\n").unwrap_err(), ":1:14: A.extends: `A` extends itself: A → A");
    assert_eq!(
        templates("TPL_HD: {}\nB: {extends: TPL_HDD}\n").unwrap_err(),
        ":2:14: B.extends: there is no template `TPL_HDD`; did you mean `TPL_HD`? Known: B, TPL_HD, default"
    );
}

#[test]
fn a_slip_of_the_keyboard_never_switches_a_check_off() {
    let text = "\
TPL_LIVE_HD:
  min_mos: high
  checks:
    segment_duration_off_target:
      tolerence: 3
      enabled: maybe
    segment_duration_off_targets: {enabled: false}
  ladder:
    video:
      - {resolution: 1920x1080}
      - {resolutoin: 1280x720, bandwidth: fast}
  segments: {mode: newst}
  segment_duration_tolerance: 10
";
    let error = templates(text).unwrap_err();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines[0], ":2:12: TPL_LIVE_HD.min_mos: expected a number, found the text `high`");
    assert!(
        lines[1].starts_with(":5:7: unknown key `tolerence` in TPL_LIVE_HD.checks.segment_duration_off_target"),
        "{error}"
    );
    assert!(lines[1].contains("known: enabled, severity"), "{error}");
    assert_eq!(
        lines[2],
        ":6:16: TPL_LIVE_HD.checks.segment_duration_off_target.enabled: expected true or false, found the text `maybe`"
    );
    assert!(
        lines[3].starts_with(
            ":7:5: unknown key `segment_duration_off_targets` in TPL_LIVE_HD.checks; did you mean `segment_duration_off_target`?"
        ),
        "{error}"
    );
    assert!(
        lines[4]
            .starts_with(":11:10: unknown key `resolutoin` in TPL_LIVE_HD.ladder.video[1]; did you mean `resolution`?"),
        "{error}"
    );
    assert!(lines[5].starts_with(":11:43: TPL_LIVE_HD.ladder.video[1].bandwidth: expected a whole number"), "{error}");
    assert_eq!(
        lines[6],
        ":12:20: TPL_LIVE_HD.segments.mode: `newst` is not possible here; did you mean `newest`? Known: newest, every, heads, none"
    );
    assert!(lines[7].starts_with(":13:31: TPL_LIVE_HD.segment_duration_tolerance: is 10"), "{error}");
    assert_eq!(lines.len(), 8, "{error}");
}

#[test]
fn a_mistake_in_a_base_is_told_once() {
    let error = templates("A: {min_mos: x}\nB: {extends: A}\nC: {extends: A}\n").unwrap_err();
    assert_eq!(error, ":1:14: A.min_mos: expected a number, found the text `x`");
}

#[test]
fn values_out_of_range_are_refused() {
    let error = templates("A:\n  segment_duration_tolerance: 10\n  min_mos: 9\n  timeout: 0\n  segments: {count: 0}\n  hold: 10 parsecs\n").unwrap_err();
    assert_eq!(
        error,
        ":2:31: A.segment_duration_tolerance: is 10; allowed is 0 to 1 (a ratio: 0.1 is 10 %)\n\
         :3:12: A.min_mos: is 9; allowed is 1 to 5 (a mean opinion score)\n\
         :4:12: A.timeout: is 0; allowed is 0.5 to 600 (seconds)\n\
         :5:21: A.segments.count: is 0; allowed is 1 to 1000 segments\n\
         :6:9: A.hold: expected a length of time (seconds, or text such as 10s or 500ms), found the text `10 parsecs`"
    );
}

#[test]
fn numbers_are_the_thresholds_and_the_parameters_of_enabled_checks() {
    let snapshot =
        templates("T: {min_mos: 3.5}\nOFF: {extends: T, checks: {segment_duration_off_target: {enabled: false}}}\n")
            .unwrap();
    let numbers = snapshot.template("T").unwrap().numeric_thresholds();
    let value = |name: &str| numbers.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
    assert_eq!(value("min_mos"), Some(3.5));
    assert_eq!(value("max_download_time"), Some(2.0));
    assert_eq!(value("segment_duration_off_target_allowed_ratio"), Some(0.0));
    assert_eq!(value("loudness_target"), None, "not set, so not a number");
    assert!(!numbers.iter().any(|(name, _)| name.starts_with("segments") || name == "timeout"));
    let off = snapshot.template("OFF").unwrap().numeric_thresholds();
    assert!(!off.iter().any(|(name, _)| name == "segment_duration_off_target_allowed_ratio"));
}

#[test]
fn a_budget_is_a_bit_rate_and_of_heads_alone() {
    let read = |segments: &str| {
        let text = format!("T:\n  segments: {{{segments}}}\n");
        templates(&text).map(|read| read.template("T").unwrap().segments.budget.map(|budget| budget.0))
    };
    assert_eq!(read("mode: heads, budget: 4 Mbit/s"), Ok(Some(4_000_000)));
    assert_eq!((read("mode: heads, budget: 96000"), read("mode: heads")), (Ok(Some(96_000)), Ok(None)));
    assert!(read("mode: heads, budget: 4 MB").unwrap_err().contains("a bit rate"));
    assert!(read("mode: every, budget: 4 Mbit/s").unwrap_err().contains("is for the mode `heads` only"));
}
