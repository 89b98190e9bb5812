use super::testing::{audio, broken, clean, cut, finding, outcome, output, report, unreachable, video};
use super::*;
use crate::checks::CheckResult;
use crate::facts::{Exchange, Failure, FailureKind, Fetched, InitFacts, SegmentFacts, derived};
use crate::finding::Severity;
use packager_media::container::Inspection;
use packager_media::defect::{Defect, DefectKind, Position};
use packager_media::stream::{Key, Map, Media};
use packager_media::units::{MPEG_TIMESCALE, MediaTime};
use serde_json::Value;

fn json(report: &Report) -> Value {
    serde_json::to_value(report).unwrap()
}

fn first(report: &Report) -> Value {
    json(report)["outputs"][0]["renditions"][0].clone()
}

#[test]
fn json_has_the_documented_shape() {
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
    assert_eq!(found["rendition"], "1080p");
    assert_eq!(found["reference"], "RFC 9110 15");
    assert_eq!(json["findings"].as_array().unwrap().len(), 4);
}

#[test]
fn no_form_of_a_report_lets_a_secret_out() {
    let report = broken();
    let forms = [serde_json::to_string(&report).unwrap(), text(&report, true, TextDetail::Full), log(&report)];
    for form in &forms {
        assert!(!form.contains("s3cret") && !form.contains("p4ssw0rd"), "{form}");
        assert!(form.contains("https://***@origin.example/live/master.m3u8?token=***"), "{form}");
    }
    assert!(log(&clean()).contains("8450005.ts?token=***"));
}

#[test]
fn a_stream_cannot_send_escape_sequences_to_the_terminal() {
    for form in [text(&broken(), false, TextDetail::Full), log(&broken())] {
        assert!(!form.contains('\u{1b}'), "{form}");
        assert!(form.contains("[2JOops"), "what it sent is still shown");
    }
}

#[test]
fn the_text_has_the_verdict_the_renditions_and_failed_checks_with_evidence() {
    let text = text(&broken(), false, TextDetail::Full);
    assert!(
        text.starts_with("FAILED  CH_TV_HD_001 (Đà Nẵng TV), template TPL_LIVE_HD, 2026-03-01T12:00:00.000Z: "),
        "{text}"
    );
    assert!(text.contains("2 of 3 checks failed, 1 not run, 1.25 s, cut short by the deadline"), "{text}");
    assert!(text.contains("192.0.2.7:443 refused the connection"), "{text}");
    assert!(text.contains("\nmajor  rendition_unavailable  hls\n  1080p: HTTP status 404\n"), "{text}");
    assert!(text.contains("    url=https://backup.example/m.m3u8?token=***"), "{text}");
    assert!(text.contains("  reference: RFC 9110 15"), "{text}");
    assert!(text.contains("\nnot run, backup, no segment was fetched: ts_continuity_error\n"), "{text}");
}

#[test]
fn the_table_is_aligned_and_has_a_dash_for_a_value_that_was_not_measured() {
    let text = text(&broken(), false, TextDetail::Full);
    let table: Vec<&str> = text.lines().filter(|l| l.contains("rendition  ") || l.contains("p   ")).take(5).collect();
    assert!(table[0].starts_with("  rendition  resolution"), "{text}");
    assert!(table[1].ends_with('-') && table[1].contains("1920x1080"), "{text}");
    let clean = super::text(&clean(), false, TextDetail::Full);
    let row = clean.lines().find(|l| l.contains("1080p")).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells[..4], ["1080p", "1920x1080", "6.000", "s"]);
    assert!(row.contains("  8450005  3.38 MB "), "{row}");
}

#[test]
fn a_screen_counts_what_was_not_run_and_has_the_worst_failed_check_before_the_table() {
    let text = text(&broken(), false, TextDetail::Summary);
    assert!(text.ends_with("\n1 not run (--verbose)\n"), "{text}");
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
    assert!(place("manifest_unavailable") < place("rendition_unavailable"), "critical before major");
    assert!(place("rendition_unavailable") < place("  rendition  resolution"), "{text}");
    let healthy = super::text(&clean(), false, TextDetail::Summary);
    assert!(healthy.starts_with("OK  ") && healthy.lines().count() < 24, "{healthy}");
}

#[test]
fn a_log_begins_with_the_verdict_and_its_findings() {
    let log = log(&broken());
    let mut lines = log.lines();
    assert!(lines.next().unwrap().contains("msg=verdict verdict=failed checks=3 failed=2 not_run=1"), "{log}");
    assert!(lines.next().unwrap().contains("msg=violation severity=critical"), "{log}");
    assert!(log.find("msg=violation").unwrap() < log.find("msg=\"probe begins\"").unwrap());
    assert!(log.rfind("msg=violation").unwrap() < log.find("msg=\"probe begins\"").unwrap(), "each is there once");
}

#[test]
fn an_output_whose_certificates_are_not_verified_says_so_in_every_form() {
    let mut report = clean();
    for form in [text(&report, false, TextDetail::Summary), log(&report), serde_json::to_string(&report).unwrap()] {
        assert!(!form.contains("insecure_skip_verify"), "{form}");
    }
    let mut channel = (*report.channel).clone();
    channel.outputs[0].request.connection.insecure_skip_verify = Some(true);
    report.channel = std::sync::Arc::new(channel);
    for form in [text(&report, false, TextDetail::Summary), log(&report), serde_json::to_string(&report).unwrap()] {
        assert!(form.contains("insecure_skip_verify"), "{form}");
    }
}

#[test]
fn colour_is_only_where_it_is_asked_for() {
    assert!(text(&clean(), true, TextDetail::Full).starts_with("\u{1b}[1;32mOK\u{1b}[0m"));
    assert!(!text(&clean(), false, TextDetail::Full).contains('\u{1b}'));
}

#[test]
fn a_thousand_violations_of_one_check_do_not_bury_the_rest() {
    let mut report = clean();
    let mut many = outcome("segment_duration_off_target", Severity::Major, "hls", CheckResult::Failed);
    many.findings = (0..1_000).map(|n| finding(&many, None, &format!("violation {n}"))).collect();
    report.outcomes.push(many);
    let text = text(&report, false, TextDetail::Full);
    assert!(text.contains("and 995 more"), "{text}");
    assert!(!text.contains("violation 5"), "{text}");
}

#[test]
fn the_log_has_each_request_defect_and_outcome_with_its_time() {
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
    assert!(line("at=+0.125s msg=playlist output=hls rendition=1080p").contains("problem=\"HTTP status 404\""));
    assert!(line("at=+1.000s msg=segment output=hls rendition=360p segment=8450004").contains("bytes=600000"));
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
    assert_eq!(gap(|s| s.segment.after = s.segment.after.map(|n| n + 1)), None, "not consecutive");
    assert_eq!(gap(|s| s.segment.discontinuity_sequence += 1), None);
    assert_eq!(gap(|s| s.segment.number += 6_000), Some(0.0), "numbers of DASH are milliseconds");
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
fn a_rendition_is_available_if_the_newest_segment_that_any_probe_requested_came() {
    let available = |change: fn(&mut RenditionFacts)| {
        let mut report = clean();
        let facts = &mut report.capture.outputs[0].renditions[0];
        let mut gone = (**facts.segments.last().unwrap()).clone();
        gone.fetched.result.as_mut().unwrap().status = 404;
        let history = report.history[0].renditions.get_mut(&facts.rendition.name).unwrap();
        history.inspected = Some(vec![Arc::new(gone)]);
        facts.segments.clear();
        change(facts);
        first(&report)["rendition_available"].as_bool()
    };
    assert_eq!(available(|_| {}), Some(false), "an earlier probe found it missing");
    assert_eq!(available(|facts| facts.heads = clean().capture.outputs[0].renditions[0].segments.clone()), Some(true));
}

#[test]
fn a_rendition_without_its_initialization_segment_is_not_available() {
    use crate::testing as invented;
    let available = |fetched: Fetched| {
        let mut report = clean();
        let facts = &mut report.capture.outputs[0].renditions[0];
        let map = Map { uri: fetched.url.clone(), byte_range: None, key: None };
        let init = InitFacts { map, fetched, inspection: None, decryption: None, digest: None, kept: None };
        facts.inits = vec![Arc::new(init)];
        first(&report)["rendition_available"].as_bool()
    };
    let url = invented::url("http://packager/init.mp4");
    let answered =
        |status: u16| Fetched { result: Ok(Exchange { status, ..invented::exchange(&url) }), url: url.clone() };
    assert_eq!(available(answered(200)), Some(true));
    assert_eq!(available(answered(404)), Some(false));
    assert_eq!(available(invented::failed(&url, FailureKind::Deadline)), Some(true), "it wasn't asked for");
    assert_eq!(available(invented::failed(&url, FailureKind::Range)), Some(false), "an error is no wrong range");
}

#[test]
fn a_rendition_that_paused_or_ended_has_no_skew() {
    let skew = |change: fn(&mut RenditionFacts)| {
        let mut report = report(vec![output("hls", vec![video(720, 2500), video(480, 1000), audio()])]);
        let other = &mut report.capture.outputs[0].renditions[2];
        let timeline = Arc::make_mut(other.timeline.as_mut().unwrap());
        let newest = timeline.segments.last_mut().unwrap();
        newest.program_date_time = newest.program_date_time.map(|at| Seconds(-30.0).after(at));
        change(other);
        json(&report)["outputs"][0]["rendition_skew_seconds"].as_f64()
    };
    assert_eq!(skew(|_| {}), Some(30.0));
    assert_eq!(skew(|other| other.rendition.media = Media::Text), Some(0.0));
    assert_eq!(skew(|other| Arc::make_mut(other.timeline.as_mut().unwrap()).ended = true), Some(0.0));
}

#[test]
fn latency_is_taken_at_the_instant_the_playlist_was_asked_for() {
    let mut report = clean();
    assert_eq!(first(&report)["live_edge_latency_seconds"], 4.125);
    report.capture.outputs[0].renditions[0].playlist_at = None;
    assert_eq!(first(&report)["live_edge_latency_seconds"], 4.0);
}

#[test]
fn a_playlist_that_the_deadline_cut_says_nothing_about_the_rendition() {
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
fn an_outputs_container_and_encryption_are_empty_when_unknown() {
    let mut report = report(vec![output("hls", vec![video(720, 2500)]), unreachable("backup")]);
    let info = |report: &Report, output: usize| json(report)["outputs"][output]["output_info"].clone();
    assert_eq!(
        info(&report, 0),
        serde_json::json!({"container": "mpeg_ts", "low_latency": "false", "encrypted": "false"})
    );
    assert_eq!(info(&report, 1), serde_json::json!({"container": "", "low_latency": "", "encrypted": ""}));
    let facts = &mut report.capture.outputs[0].renditions[0];
    let key = Key { method: "AES-128".into(), uri: None, iv: None, key_format: None, key_id: None };
    Arc::make_mut(facts.timeline.as_mut().unwrap()).segments[3].key = Some(key.into());
    report.history[0].container = None;
    assert_eq!(info(&report, 0), serde_json::json!({"container": "", "low_latency": "false", "encrypted": "true"}));
}

#[test]
fn drm_systems_are_named_once_for_all() {
    let mut report = report(vec![output("hls", vec![video(720, 2500), video(1080, 5000)])]);
    assert!(!text(&report, false, TextDetail::Full).contains("encrypted for"));
    for facts in &mut report.capture.outputs[0].renditions {
        let format = |name: &str| Some(name.to_owned());
        let key = |key_format| Key { method: "SAMPLE-AES".into(), uri: None, iv: None, key_format, key_id: None };
        let keys = ["com.apple.streamingkeydelivery", "com.microsoft.playready"].map(|f| key(format(f)));
        Arc::make_mut(facts.timeline.as_mut().unwrap()).segments.last_mut().unwrap().keys = keys.into();
    }
    assert_eq!(first(&report)["drm"], serde_json::json!(["playready", "fairplay"]));
    assert!(text(&report, false, TextDetail::Full).contains("\nencrypted for PlayReady, FairPlay\n"));
}

/// Returns the newest segment of the report's first rendition, for a test to change.
fn newest(report: &mut Report) -> &mut SegmentFacts {
    Arc::make_mut(report.capture.outputs[0].renditions[0].segments.last_mut().unwrap())
}

fn inspection(report: &mut Report) -> &mut Inspection {
    newest(report).inspection.as_mut().unwrap()
}

#[test]
fn the_bit_rate_is_that_of_all_segments_together() {
    let mut segments: Vec<SegmentFacts> =
        clean().capture.outputs[0].renditions[0].segments.iter().map(|s| (**s).clone()).collect();
    for (segment, (bytes, seconds)) in segments.iter_mut().zip([(1_000, 2.0), (3_000, 6.0)]) {
        segment.fetched.result.as_mut().unwrap().body_bytes = bytes;
        segment.segment.duration = Seconds(seconds);
    }
    assert_eq!(derived::bit_rate(&segments), Some(4_000.0));
    assert_eq!(derived::bit_rate(&segments[..1]), Some(4_000.0));
    segments[1].fetched.result.as_mut().unwrap().body_bytes = 6_000;
    assert_eq!(derived::bit_rate(&segments), Some(7_000.0));
    segments[1].fetched.result.as_mut().unwrap().status = 404;
    assert_eq!(derived::bit_rate(&segments), Some(4_000.0), "an error page is no segment");
    segments[0].segment.duration = Seconds::ZERO;
    assert_eq!(derived::bit_rate(&segments), None, "divided by nothing");
    assert_eq!(derived::bit_rate(&[]), None);
}

#[test]
fn the_av_offset_is_of_the_audio_track_furthest_off_and_negative_when_audio_is_first() {
    let mut report = clean();
    let offset = |report: &Report| first(report)["av_offset_seconds"].as_f64();
    assert_eq!(offset(&report), Some(0.02));
    let inspection = inspection(&mut report);
    let mut second = inspection.tracks[1].clone();
    second.presentation_start =
        inspection.tracks[0].presentation_start.map(|t| MediaTime::mpeg(t.ticks as u64 - 9_000));
    inspection.tracks.push(second);
    assert_eq!(offset(&report), Some(-0.1));
    self::inspection(&mut report).tracks[2].samples = 0;
    assert_eq!(offset(&report), Some(0.02), "a track without samples starts nowhere");
    self::inspection(&mut report).tracks[0].samples = 0;
    assert_eq!(offset(&report), None);
}

#[test]
fn the_mpeg_clock_wraps_and_that_of_fragments_does_not() {
    let gap = |time: fn(i64) -> MediaTime| {
        let mut report = clean();
        let segments = &mut report.capture.outputs[0].renditions[0].segments;
        for (segment, at) in segments.iter_mut().zip([(1 << 33) - 900, 0]) {
            let inspection = Arc::make_mut(segment).inspection.as_mut().unwrap();
            inspection.tracks.truncate(1);
            inspection.tracks[0].end = Some(time(at));
            inspection.tracks[0].start = Some(time(at));
        }
        first(&report)["timestamp_gap_seconds"].as_f64()
    };
    assert_eq!(gap(MediaTime::mpeg_unwrapped), Some(0.01));
    assert!(gap(|at| MediaTime::new(at, MPEG_TIMESCALE)).unwrap() > 95_000.0);
}

#[test]
fn a_segments_measured_duration_is_its_videos() {
    let mut report = clean();
    let measured = |report: &Report| first(report)["segment_duration_seconds"]["measured"].as_f64();
    inspection(&mut report).tracks[1].end = None;
    assert_eq!(measured(&report), Some(6.0));
    let tracks = &mut inspection(&mut report).tracks;
    tracks[1].end = tracks[1].start.map(|t| MediaTime::mpeg(t.ticks as u64 + 450_000));
    assert_eq!(measured(&report), Some(6.0));
    inspection(&mut report).tracks[0].end = None;
    assert_eq!(measured(&report), Some(5.0), "without video's end it is audio's");
    inspection(&mut report).tracks.clear();
    assert_eq!(measured(&report), None);
}

#[test]
fn a_segments_transfer_is_as_its_answer_says() {
    let mut report = clean();
    newest(&mut report).segment.duration = Seconds(4.0);
    let exchange = newest(&mut report).fetched.result.as_mut().unwrap();
    exchange.body_bytes = 3_000;
    exchange.timings.first_byte = Seconds(0.5);
    exchange.timings.body = Seconds(1.0);
    exchange.timings.total = Seconds(2.0);
    let values = first(&report);
    assert_eq!(values["segment_number"], testing::FIRST + 5);
    assert_eq!(values["segment_http_status_code"], 200);
    assert_eq!(values["segment_download_duration_seconds"], 2.0);
    assert_eq!(values["segment_time_to_first_byte_seconds"], 0.5);
    assert_eq!(values["segment_size_bytes"], 3_000);
    assert_eq!(values["segment_bitrate_bits_per_second"], 6_000.0);
    assert_eq!(values["segment_download_ratio"], 0.5);
    newest(&mut report).fetched.result.as_mut().unwrap().status = 503;
    let values = first(&report);
    assert_eq!(values["segment_http_status_code"], 503);
    for name in ["segment_download_duration_seconds", "segment_size_bytes", "segment_bitrate_bits_per_second"] {
        assert_eq!(values.get(name), None, "{name}");
    }
}

#[test]
fn errors_within_segments_add_up_and_intervals_are_the_longest() {
    let mut report = clean();
    for (n, segment) in (1..).zip(&mut report.capture.outputs[0].renditions[0].segments) {
        let inspection = Arc::make_mut(segment).inspection.as_mut().unwrap();
        let ts = inspection.ts.as_mut().unwrap();
        (ts.continuity_errors, ts.transport_errors) = (n, 10 * n);
        ts.pcr_interval_max = Some(Seconds(0.1 * n as f64));
        inspection.tracks[0].keyframe_interval_max = Some(Seconds(3.0 - n as f64));
    }
    let values = first(&report);
    assert_eq!((&values["ts_continuity_errors"], &values["ts_transport_errors"]), (&3.into(), &30.into()));
    assert_eq!(
        (&values["ts_pcr_interval_max_seconds"], &values["keyframe_interval_max_seconds"]),
        (&0.2.into(), &2.0.into())
    );
}

#[test]
fn the_playlists_values_are_those_of_its_answer_and_its_list() {
    let mut report = clean();
    let facts = &mut report.capture.outputs[0].renditions[0];
    let timeline = Arc::make_mut(facts.timeline.as_mut().unwrap());
    timeline.segments[2].discontinuity = true;
    timeline.segments[0].duration = Seconds(5.0);
    let values = first(&report);
    assert_eq!(values["playlist_http_status_code"], 200);
    assert_eq!(values["playlist_fetch_duration_seconds"], 0.25);
    assert_eq!(values["playlist_size_bytes"], 480);
    assert_eq!(values["playlist_age_seconds"], 1.5);
    assert_eq!(values["playlist_media_sequence"], testing::FIRST);
    assert_eq!(values["playlist_discontinuity_sequence"], 3);
    assert_eq!(values["playlist_target_duration_seconds"], 6.0);
    assert_eq!(values["playlist_window_seconds"], 35.0);
    assert_eq!((&values["playlist_segments"], &values["playlist_discontinuities"]), (&6.into(), &1.into()));
    assert_eq!((&values["segments_inspected"], &values["segments_skipped"]), (&2.into(), &0.into()));
}

#[test]
fn a_phase_of_the_manifests_request_is_under_its_own_name() {
    let mut report = clean();
    let timings = &mut report.capture.outputs[0].manifest.result.as_mut().unwrap().timings;
    (timings.dns, timings.connect, timings.tls) = (Some(Seconds(1.0)), Some(Seconds(2.0)), Some(Seconds(3.0)));
    (timings.first_byte, timings.body) = (Seconds(4.0), Seconds(5.0));
    let phases = serde_json::json!({"resolve": 1.0, "connect": 2.0, "tls": 3.0, "processing": 4.0, "transfer": 5.0});
    assert_eq!(json(&report)["outputs"][0]["http_duration_seconds"], phases);
}

#[test]
fn sizes_in_the_table_change_their_unit_at_a_thousand() {
    let mut report = clean();
    let mut shown = |bytes| {
        newest(&mut report).fetched.result.as_mut().unwrap().body_bytes = bytes;
        text(&report, false, TextDetail::Full)
    };
    for (bytes, expected) in [
        (999, " 999 B "),
        (1_000, " 1.0 kB "),
        (999_900, " 999.9 kB "),
        (1_000_000, " 1.00 MB "),
        (2_345_000, " 2.35 MB "),
    ] {
        let text = shown(bytes);
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn a_value_in_the_log_is_quoted_when_it_has_to_be() {
    let mut report = clean();
    let mut line = |message: &str| {
        report.outcomes[2].reason = Some(Box::leak(message.to_owned().into_boxed_str()));
        let log = log(&report);
        log.lines().find(|l| l.contains("check not run")).unwrap().rsplit_once("reason=").unwrap().1.to_owned()
    };
    assert_eq!(line("plain"), "plain");
    assert_eq!(line("two words"), "\"two words\"");
    assert_eq!(line("a=b"), "\"a=b\"");
    assert_eq!(line("say \"x\""), "\"say \\\"x\\\"\"");
}
