use super::testing::{audio, broken, clean, cut, finding, outcome, output, report, unreachable, video};
use super::*;
use crate::checks::CheckResult;
use crate::facts::{Failure, FailureKind};
use crate::finding::Severity;
use packager_media::container::Container;
use packager_media::defect::{Defect, DefectKind, Position};
use packager_media::stream::Key;
use packager_media::units::MediaTime;
use serde_json::Value;

fn json(report: &Report) -> Value {
    serde_json::to_value(report).unwrap()
}

fn first(report: &Report) -> Value {
    json(report)["outputs"][0]["renditions"][0].clone()
}

#[test]
fn json_has_the_contracts_shape() {
    let json = json(&broken());
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    for key in ["target", "template", "started_at", "duration_seconds", "success", "deadline_exceeded", "outputs"] {
        assert!(keys.contains(&&key.to_owned()), "{key}");
    }
    assert_eq!(json["target"], "CH_TV_HD_001");
    assert_eq!(json["started_at"], "2026-03-01T12:00:00Z");
    assert_eq!(json["outputs"][0]["protocol"], "hls");
    let not_run = serde_json::json!({
        "check": "ts_continuity_error", "severity": "critical", "output": "backup", "result": "not_run",
        "reason": "no segment was fetched",
    });
    assert_eq!(json["checks"][2], not_run);
    let found = &json["findings"][1];
    assert_eq!(found["check"], "rendition_unavailable");
    assert_eq!(found["rendition"], "1080p-4500k");
    assert_eq!(found["reference"], "RFC 9110 15");
    assert_eq!(json["findings"].as_array().unwrap().len(), 4);
}

#[test]
fn no_form_of_a_report_lets_a_secret_out() {
    let report = broken();
    let forms = [serde_json::to_string(&report).unwrap(), text(&report, true), log(&report)];
    for form in &forms {
        assert!(!form.contains("s3cret") && !form.contains("p4ssw0rd"), "{form}");
        assert!(form.contains("https://***@origin.example/live/master.m3u8?token=***"), "{form}");
    }
    assert!(log(&clean()).contains("8450005.ts?token=***"));
}

#[test]
fn a_stream_cannot_send_escape_sequences_to_the_terminal() {
    for form in [text(&broken(), false), log(&broken())] {
        assert!(!form.contains('\u{1b}'), "{form}");
        assert!(form.contains("[2JOops"), "what it sent is still shown");
    }
}

#[test]
fn the_text_says_verdict_renditions_and_what_failed_with_its_evidence() {
    let text = text(&broken(), false);
    assert!(
        text.starts_with("FAILED  CH_TV_HD_001 (Đà Nẵng TV), template TPL_LIVE_HD, 2026-03-01T12:00:00.000Z: "),
        "{text}"
    );
    assert!(text.contains("2 of 3 checks failed, 1 not run, 1.25 s, cut short by the deadline"), "{text}");
    assert!(text.contains("192.0.2.7:443 refused the connection"), "{text}");
    assert!(text.contains("\nmajor  rendition_unavailable  hls\n  1080p-4500k: HTTP status 404\n"), "{text}");
    assert!(text.contains("    url=https://backup.example/m.m3u8?token=***"), "{text}");
    assert!(text.contains("  reference: RFC 9110 15"), "{text}");
    assert!(text.contains("\nnot run, backup, no segment was fetched: ts_continuity_error\n"), "{text}");
}

#[test]
fn the_table_aligns_and_shows_a_dash_for_what_was_not_measured() {
    let text = text(&broken(), false);
    let table: Vec<&str> = text.lines().filter(|l| l.contains("rendition  ") || l.contains("p-")).take(5).collect();
    assert!(table[0].starts_with("  rendition    resolution"), "{text}");
    assert!(table[1].ends_with('-') && table[1].contains("1920x1080"), "{text}");
    let clean = super::text(&clean(), false);
    let row = clean.lines().find(|l| l.contains("1080p-4500k")).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells[..4], ["1080p-4500k", "1920x1080", "6.000", "s"]);
    assert!(row.contains("  8450005  3.38 MB "), "{row}");
}

#[test]
fn colour_is_only_where_it_is_asked_for() {
    assert!(text(&clean(), true).starts_with("\u{1b}[1;32mOK\u{1b}[0m"));
    assert!(!text(&clean(), false).contains('\u{1b}'));
}

#[test]
fn a_thousand_violations_of_one_check_do_not_bury_the_rest() {
    let mut report = clean();
    let mut many = outcome("segment_duration_off_target", Severity::Major, "hls", CheckResult::Failed);
    many.findings = (0..1_000).map(|n| finding(&many, None, &format!("violation {n}"))).collect();
    report.outcomes.push(many);
    let text = text(&report, false);
    assert!(text.contains("and 995 more"), "{text}");
    assert!(!text.contains("violation 5"), "{text}");
}

#[test]
fn the_log_tells_each_request_defect_and_outcome_with_its_time() {
    let mut report = broken();
    report.capture.outputs[0].defects.push(Defect {
        kind: DefectKind::Syntax,
        at: Position::Line { line: 7, column: 2 },
        message: "BANDWIDTH is missing".into(),
        reference: "draft-pantos-hls-rfc8216bis 4.4.6.2",
    });
    let log = log(&report);
    let line = |start: &str| log.lines().find(|l| l.starts_with(start)).unwrap_or_else(|| panic!("{start}\n{log}"));
    assert!(line("at=+0.000s msg=manifest output=hls").contains("status=200 version=HTTP/1.1"));
    assert!(line("at=+0.000s msg=manifest output=backup").contains("refused the connection"));
    assert!(line("at=+0.125s msg=playlist output=hls rendition=1080p-4500k").contains("problem=\"HTTP status 404\""));
    assert!(line("at=+1.000s msg=segment output=hls rendition=360p-800k segment=8450004").contains("bytes=600000"));
    assert!(line("at=+0.125s msg=defect output=hls position=\"line 7, column 2\"").contains("BANDWIDTH is missing"));
    assert!(line("at=+1.250s msg=\"check failed\" output=hls check=rendition_unavailable").contains("violations=3"));
    assert!(line("at=+1.250s msg=\"check not run\"").contains("no segment was fetched"));
    assert!(log.ends_with("msg=\"probe ends\" success=false deadline_exceeded=true\n"), "{log}");
}

#[test]
fn a_gap_between_consecutive_segments_is_measured_and_one_at_a_discontinuity_is_not() {
    let gap = |change: fn(&mut crate::facts::SegmentFacts)| {
        let mut report = clean();
        change(Arc::make_mut(&mut report.capture.outputs[0].renditions[0].segments[1]));
        first(&report)["timestamp_gap_seconds"].as_f64()
    };
    let later = |s: &mut crate::facts::SegmentFacts| {
        s.inspection.as_mut().unwrap().tracks[0].start = Some(MediaTime::mpeg(5 * 540_000 + 45_000));
    };
    assert_eq!(gap(|_| {}), Some(0.0));
    assert_eq!(gap(later), Some(0.5));
    assert_eq!(
        gap(|s| s.inspection.as_mut().unwrap().tracks[0].start = Some(MediaTime::mpeg(5 * 540_000 - 9_000))),
        Some(0.1),
        "an overlap is a distance too"
    );
    assert_eq!(gap(|s| s.segment.discontinuity = true), None);
    assert_eq!(gap(|s| s.segment.number += 1), None, "not consecutive");
}

#[test]
fn the_mpeg_clocks_wrap_is_no_gap_and_no_offset() {
    let mut report = clean();
    let segments = &mut report.capture.outputs[0].renditions[0].segments;
    let before = Arc::make_mut(&mut segments[0]).inspection.as_mut().unwrap();
    before.tracks.truncate(1);
    before.tracks[0].end = Some(MediaTime::mpeg((1 << 33) - 900));
    let after = Arc::make_mut(&mut segments[1]).inspection.as_mut().unwrap();
    after.tracks[0].start = Some(MediaTime::mpeg(0));
    after.tracks[0].presentation_start = Some(MediaTime::mpeg((1 << 33) - 900));
    after.tracks[1].presentation_start = Some(MediaTime::mpeg(900));
    assert_eq!(first(&report)["timestamp_gap_seconds"], 0.01);
    assert_eq!(first(&report)["av_offset_seconds"], 0.02);
}

#[test]
fn measured_bandwidth_counts_only_segments_that_arrived_whole() {
    let mut report = clean();
    cut(&mut report.capture.outputs[0].renditions[0]);
    let rate = &first(&report)["rendition_bandwidth_bits_per_second"];
    assert_eq!(rate["measured"], 4_500_000.0);
    assert_eq!(rate["declared"], 4_500_000);
}

#[test]
fn skew_needs_two_live_edges() {
    let late = |seconds: f64| {
        let mut report = report(vec![output("hls", vec![video(720, 2500), audio()])]);
        let timeline = Arc::make_mut(report.capture.outputs[0].renditions[1].timeline.as_mut().unwrap());
        let newest = timeline.segments.last_mut().unwrap();
        newest.program_date_time = newest.program_date_time.map(|at| Seconds(-seconds).after(at));
        json(&report)["outputs"][0]["rendition_skew_seconds"].as_f64()
    };
    assert_eq!(late(0.0), Some(0.0));
    assert_eq!(late(12.0), Some(12.0));
    let alone = report(vec![output("hls", vec![video(720, 2500)])]);
    assert_eq!(json(&alone)["outputs"][0].get("rendition_skew_seconds"), None);
}

#[test]
fn latency_is_taken_at_the_instant_the_playlist_was_asked_for() {
    let mut report = clean();
    assert_eq!(first(&report)["live_edge_latency_seconds"], 4.125);
    report.capture.outputs[0].renditions[0].playlist_at = None;
    assert_eq!(first(&report)["live_edge_latency_seconds"], 4.0);
}

#[test]
fn a_playlist_that_the_deadline_cut_says_nothing_of_the_rendition() {
    let mut report = clean();
    let facts = &mut report.capture.outputs[0].renditions[0];
    facts.timeline = None;
    facts.segments.clear();
    facts.playlist.as_mut().unwrap().result =
        Err(Failure { kind: FailureKind::Deadline, message: "out of time".into() });
    assert_eq!(first(&report).get("rendition_available"), None);
    report.capture.outputs[0].renditions[0].playlist = None;
    assert_eq!(first(&report).get("rendition_available"), None);
}

#[test]
fn the_output_says_container_and_encryption_only_where_it_knows() {
    let mut report = report(vec![output("hls", vec![video(720, 2500)]), unreachable("backup")]);
    let info = |report: &Report, output: usize| json(report)["outputs"][output]["output_info"].clone();
    assert_eq!(
        info(&report, 0),
        serde_json::json!({"container": "mpeg_ts", "low_latency": "false", "encrypted": "false"})
    );
    assert_eq!(info(&report, 1), serde_json::json!({"container": "", "low_latency": "", "encrypted": ""}));
    let facts = &mut report.capture.outputs[0].renditions[0];
    let key = Key { method: "AES-128".into(), uri: None, iv: None, key_format: None, key_id: None };
    Arc::make_mut(facts.timeline.as_mut().unwrap()).segments[3].key = Some(key);
    for segment in &mut facts.segments {
        Arc::make_mut(segment).inspection.as_mut().unwrap().container = Container::Unknown;
    }
    assert_eq!(info(&report, 0), serde_json::json!({"container": "", "low_latency": "false", "encrypted": "true"}));
}

#[test]
fn drm_systems_are_named_once_for_all() {
    let mut report = report(vec![output("hls", vec![video(720, 2500), video(1080, 5000)])]);
    assert!(!text(&report, false).contains("encrypted for"));
    for facts in &mut report.capture.outputs[0].renditions {
        let format = |name: &str| Some(name.to_owned());
        let key = |key_format| Key { method: "SAMPLE-AES".into(), uri: None, iv: None, key_format, key_id: None };
        let keys = ["com.apple.streamingkeydelivery", "com.microsoft.playready"].map(|f| key(format(f)));
        Arc::make_mut(facts.timeline.as_mut().unwrap()).segments.last_mut().unwrap().keys = keys.into();
    }
    assert_eq!(first(&report)["drm"], serde_json::json!(["playready", "fairplay"]));
    assert!(text(&report, false).contains("\nencrypted for PlayReady, FairPlay\n"));
}
