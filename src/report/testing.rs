//! Reports of invented probes, for tests and benches (feature `testing`).

// Only tests and benches run it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::catalog::{Channel, Coverage, CoverageMode, Output, RequestSettings, SignalMode, Template};
use crate::checks::delivery::manifest_unavailable;
use crate::checks::{CHECKS, CheckMeta, CheckOutcome, CheckResult, CheckSettings, MissingInput};
use crate::expectations::{ExpectedLadder, ExpectedRung, Thresholds};
use crate::facts::{
    Capture, ChunkArrival, Exchange, Failure, FailureKind, Fetched, GrowingSegmentFacts, KeyFacts, ManifestFacts,
    OutputFacts, RenditionFacts, SegmentFacts, StageDurations, Timings,
};
use crate::finding::{Finding, Severity};
use crate::history::SignalHistory;
use crate::report::{OutputFromHistory, RenditionFromHistory, Report};
use crate::testing::{self, url};
use packager_media::codec::quantizer::SliceQuantizers;
use packager_media::codec::still::StillPictures;
use packager_media::container::{Container, Inspection, Track, TsFacts};
use packager_media::dash::GrowingSegment;
use packager_media::quiet::QuietSpans;
use packager_media::stream::{
    Key, Media, Protocol, Rendition, RenditionIdentity, Resolution, Segment, Timeline, VariantCounts,
};
use packager_media::units::{BitsPerSecond, MediaTime, Seconds, Timestamp};
use std::sync::Arc;
use url::Url;

pub const FIRST: u64 = 8_450_000;

/// Makes the report of a healthy channel: one output in MPEG-TS, with two rungs and an audio rendition, and two
/// inspected segments in each.
pub fn clean() -> Report {
    let mut report = report(vec![output("hls", vec![video(1080, 4500), video(720, 2500), audio()])]);
    for rendition in &report.capture.outputs[0].renditions {
        of_rendition(&mut report.history[0], &rendition.rendition.name).edge_age = Some(Seconds(1.5));
    }
    (report.history[0].ad_break, report.history[0].coverage) = (Some(false), Some(0.75));
    report.capture.outputs[0].signal.valid_for = Seconds(660.0);
    let [top, second] = [0, 1].map(|rung| &report.capture.outputs[0].renditions[rung]);
    let mut inspected_only = SignalHistory::default();
    inspected_only.take_mos(top, 1.0);
    for (name, signal) in [("1080p", inspected_only), ("720p", decoded(second))] {
        of_rendition(&mut report.history[0], name).signal = Some(Arc::new(signal));
    }
    report.outcomes = vec![
        outcome("manifest_unavailable", Severity::Critical, "hls", CheckResult::Ok),
        outcome("segment_duration_off_target", Severity::Major, "hls", CheckResult::Ok),
        not_run("hls_media_sequence_regressed", "hls", "first observation"),
    ];
    report
}

fn of_rendition<'a>(history: &'a mut OutputFromHistory, name: &str) -> &'a mut RenditionFromHistory {
    history.renditions.entry(name.to_owned()).or_default()
}

/// The state of a rendition that was decoded once a minute for twenty minutes, and whose newest segment was decoded then.
fn decoded(rendition: &RenditionFacts) -> SignalHistory {
    let mut signal = SignalHistory::default();
    let newest = rendition.segments.last().unwrap().segment.number;
    let decoded = Some(Arc::new(testing::decoded_facts(newest, at(0.0), testing::decoded(6.0, -23.0))));
    signal.take_mos(&RenditionFacts { decoded, ..rendition.clone() }, 1.5);
    for minute in 0..=20 {
        let decoded = testing::decoded(10.0, -23.0);
        signal.take(&testing::decoded_facts(minute, at(60.0 * (minute as f64 - 20.0)), decoded));
    }
    signal
}

/// Makes the report of a channel with faults: a lost rung, HTML in place of a playlist, a rung for which there was no
/// time, a truncated segment, two renditions with the same name, hostile names, tokens in URLs, and a second output
/// that doesn't answer.
pub fn broken() -> Report {
    let mut renditions = vec![video(1080, 4500), video(720, 2500), video(540, 1500), video(360, 800), video(360, 800)];
    lose(&mut renditions[0]);
    html(&mut renditions[1]);
    leave_out(&mut renditions[2]);
    cut(&mut renditions[3]);
    renditions[4].rendition.id = Some("the \"second\" of one name\\\n\u{1b}[31m".into());
    renditions.push(captions());
    let mut hls = output("hls", renditions);
    hls.url = url("https://user:p4ssw0rd@origin.example/live/master.m3u8?token=s3cret");
    hls.manifest.url = hls.url.clone();
    let mut report = report(vec![hls, unreachable("backup")]);
    report.success = false;
    report.capture.deadline_exceeded = true;
    report.outcomes = troubles();
    report
}

fn troubles() -> Vec<CheckOutcome> {
    let mut lost = outcome("manifest_unavailable", Severity::Critical, "backup", CheckResult::Failed);
    lost.findings =
        vec![finding(&lost, None, "GET https://user:p4ssw0rd@backup.example/m.m3u8?token=s3cret: connection refused")];
    lost.findings[0].evidence.insert("url".into(), "https://backup.example/m.m3u8?token=s3cret".into());
    lost.findings[0].evidence.insert("attempts".into(), serde_json::json!([1, { "uri": "m.m3u8?sig=s3cret" }]));
    let mut renditions = outcome("rendition_unavailable", Severity::Major, "hls", CheckResult::Failed);
    renditions.findings = vec![
        finding(&renditions, Some("1080p"), "HTTP status 404"),
        finding(&renditions, Some("720p"), "HTML instead of a playlist: `<title>\u{1b}[2JOops</title>`"),
        finding(&renditions, Some("720p"), "no EXTM3U"),
    ];
    vec![lost, renditions, not_run("ts_continuity_error", "backup", "no segment was fetched")]
}

/// Makes a large report, to measure the cost of exposition: every gauge of every rendition has a value, and each output
/// has `checks` outcomes.
pub fn large(outputs: usize, renditions: usize, checks: usize) -> Report {
    let outputs = (0..outputs).map(|o| {
        let rungs = (0..renditions).map(|r| video(240 + 120 * r as u32, 800 + 700 * r as u64));
        output(&format!("output-{o}"), rungs.collect())
    });
    let mut report = report(outputs.collect());
    for (output, history) in report.capture.outputs.iter().zip(&mut report.history) {
        for rendition in &output.renditions {
            of_rendition(history, &rendition.rendition.name).edge_age = Some(Seconds(2.0));
        }
        for check in 0..checks {
            let id: &'static str = Box::leak(format!("a_check_of_usual_length_{check}").into_boxed_str());
            let mut one = outcome(id, Severity::Major, &output.name, CheckResult::Failed);
            one.findings = vec![finding(&one, Some(&output.renditions[0].rendition.name), "a violation")];
            report.outcomes.push(one);
        }
    }
    report
}

pub fn report(outputs: Vec<OutputFacts>) -> Report {
    let ladder = ExpectedLadder {
        video: vec![ExpectedRung::default(), ExpectedRung::default()],
        audio_languages: vec!["vi".into()],
        ..ExpectedLadder::default()
    };
    let history = outputs.iter().map(|o| OutputFromHistory {
        container: Some(Container::MpegTs).filter(|_| o.is_readable()),
        ..OutputFromHistory::default()
    });
    let history = history.collect();
    let channel = Channel {
        code: "CH_TV_HD_001".into(),
        name: "Đà Nẵng TV".into(),
        channel_type: "LIVE".into(),
        tier: Some(1),
        codec: Some("h264".into()),
        resolution: Some(Resolution { width: 1920, height: 1080 }),
        fps: Some(29.97),
        is_4k: false,
        is_hdr: Some(false),
        template: "TPL_LIVE_HD".into(),
        probe: None,
        enabled: true,
        outputs: outputs.iter().map(|o| Output::new(&o.name, o.url.clone())).collect(),
        ladder: None,
        request: RequestSettings::default(),
    };
    Report {
        channel: Arc::new(channel),
        template: Arc::new(template(ladder)),
        started_at: at(0.0),
        duration: Seconds(1.25),
        timeout: Seconds(9.5),
        success: true,
        capture: Capture {
            started_at: at(0.0),
            deadline_exceeded: false,
            outputs,
            stages: StageDurations {
                manifest: Seconds(0.125),
                playlists: Seconds(0.25),
                segments: Seconds(0.75),
                checks: Seconds(0.0625),
            },
        },
        outcomes: Vec::new(),
        history,
    }
}

fn template(ladder: ExpectedLadder) -> Template {
    let thresholds = Thresholds { segment_duration_target: Some(6.0), ..Thresholds::default() };
    Template {
        name: "TPL_LIVE_HD".into(),
        timeout: Seconds(10.0),
        thresholds,
        segments: Coverage { mode: CoverageMode::Newest, count: 2, budget: None, oldest: false },
        ladder,
        hold: Seconds(300.0),
        query_identifies: false,
        signal: SignalMode::Rotation,
        signal_interval: Seconds(300.0),
        request: RequestSettings::default(),
        checks: CheckSettings::default(),
    }
}

pub fn output(name: &str, renditions: Vec<RenditionFacts>) -> OutputFacts {
    let url = url("https://origin.example/live/master.m3u8");
    let mut manifest = answer(&url, 1_024);
    if let Ok(exchange) = &mut manifest.result {
        exchange.certificate_expiry = Some(at(86_400.0 * 60.0));
        exchange.sent_certificates_expiry = Some(at(86_400.0 * 30.0));
        exchange.timings.dns = Some(Seconds(0.002));
        exchange.timings.connect = Some(Seconds(0.004));
        exchange.timings.tls = Some(Seconds(0.008));
    }
    OutputFacts {
        manifest,
        content: ManifestFacts::HlsMultivariant(VariantCounts {
            declared: 1,
            requestable: 1,
            ..VariantCounts::default()
        }),
        ..testing::output(name, &url, renditions)
    }
}

pub fn unreachable(name: &str) -> OutputFacts {
    let mut output = output(name, Vec::new());
    output.content = ManifestFacts::Unreadable(Protocol::Hls);
    output.manifest.result =
        Err(Failure { kind: FailureKind::Connect, message: "192.0.2.7:443 refused the connection".into() });
    output
}

pub fn video(height: u32, kilobits: u64) -> RenditionFacts {
    let name = format!("{height}p");
    let rendition = Rendition {
        name: name.clone(),
        uri: Some(url(&format!("https://origin.example/live/{name}.m3u8"))),
        bandwidth: Some(BitsPerSecond(kilobits * 1_000)),
        average_bandwidth: Some(BitsPerSecond(kilobits * 900)),
        codecs: vec!["avc1.640028".into(), "mp4a.40.2".into()],
        resolution: Some(Resolution { width: height * 16 / 9, height }),
        frame_rate: Some(29.97),
        line: Some(3),
        ..Rendition::new(Media::Video, RenditionIdentity::place(&name))
    };
    facts(rendition, kilobits * 750)
}

pub fn audio() -> RenditionFacts {
    let mut facts = video(0, 128);
    facts.rendition.name = "audio-vie".into();
    facts.rendition.media = Media::Audio;
    facts.rendition.codecs = vec!["mp4a.40.2".into()];
    facts.rendition.resolution = None;
    facts.rendition.frame_rate = None;
    facts.rendition.language = Some("vi".into());
    for segment in &mut facts.segments {
        let tracks = Arc::make_mut(segment).inspection.as_mut().map(|i| &mut i.tracks).unwrap();
        tracks.retain(|t| t.media == Some(Media::Audio));
    }
    facts
}

/// Makes a rendition of closed captions inside the video, which has no playlist of its own.
pub fn captions() -> RenditionFacts {
    let mut facts = audio();
    facts.rendition.name = "text-vie".into();
    facts.rendition.media = Media::Text;
    facts.rendition.bandwidth = None;
    facts.rendition.average_bandwidth = None;
    facts.rendition.codecs.clear();
    facts.rendition.uri = None;
    RenditionFacts { playlist: None, timeline: None, segments: Vec::new(), ..facts }
}

fn facts(rendition: Rendition, segment_bytes: u64) -> RenditionFacts {
    let playlist = rendition.uri.as_ref().map(|uri| answer(uri, 480));
    let segments: Vec<Segment> = (0..6).map(|n| segment(&rendition.name, n)).collect();
    let inspected = segments.iter().skip(4).map(|s| Arc::new(inspected(s, segment_bytes))).collect();
    let timeline = Timeline {
        version: Some(6),
        discontinuity_sequence: 3,
        target_duration: Some(Seconds(6.0)),
        ..testing::timeline(segments)
    };
    let uri = url("https://keys.example/1");
    let key =
        Key { method: "AES-128".to_owned(), uri: Some(uri.to_string()), iv: None, key_format: None, key_id: None };
    let key = KeyFacts { key, asked_at: at(0.5), fetched: answer(&uri, 0), secret: None };
    let growing = GrowingSegmentFacts {
        promised: GrowingSegment { segment: segment(&rendition.name, 6), available: at(0.0), complete: at(1.5) },
        asked_at: at(0.25),
        refused: 0,
        fetched: answer(&url("https://origin.example/live/growing.m4s"), 0),
        watched: Seconds(1.0),
        chunks: [0.25, 0.75, 1.0].map(|s| ChunkArrival { arrived: Seconds(s), end: Seconds(s + 4.5) }).into(),
    };
    RenditionFacts {
        playlist,
        playlist_at: Some(at(0.125)),
        timeline: Some(Arc::new(timeline)),
        segments: inspected,
        keys: vec![Arc::new(key)],
        growing: Some(growing),
        ..RenditionFacts::unrequested(rendition)
    }
}

fn segment(rendition: &str, n: u64) -> Segment {
    let uri = url(&format!("https://origin.example/live/{rendition}/{}.ts?token=s3cret", FIRST + n));
    Segment {
        discontinuity_sequence: 3,
        duration: Seconds(6.0),
        program_date_time: Some(at(n as f64 * 6.0 - 40.0)),
        line: 8 + 3 * n as u32,
        ..testing::segment(FIRST + n, uri)
    }
}

fn inspected(segment: &Segment, bytes: u64) -> SegmentFacts {
    let start = (segment.number - FIRST) * 540_000;
    let ts = TsFacts { packets: bytes / 188, pcr_interval_max: Some(Seconds(0.04)), ..TsFacts::default() };
    let inspection = Inspection {
        tracks: vec![track(256, Media::Video, start), track(257, Media::Audio, start + 1_800)],
        ts: Some(ts),
        ..testing::inspection(Container::MpegTs, bytes)
    };
    SegmentFacts {
        fetched: answer(&segment.uri, bytes),
        inspection: Some(inspection),
        ..testing::segment_facts(segment.clone(), at(1.0))
    }
}

fn track(id: u32, media: Media, start: u64) -> Track {
    let mut quantizers = SliceQuantizers::default();
    quantizers.inter.add(27);
    Track {
        start: Some(MediaTime::mpeg(start)),
        presentation_start: Some(MediaTime::mpeg(start)),
        end: Some(MediaTime::mpeg(start + 540_000)),
        samples: 180,
        starts_with_keyframe: Some(true),
        keyframes: 3,
        keyframe_interval_max: (media == Media::Video).then_some(Seconds(2.0)),
        silence: (media == Media::Audio).then(|| QuietSpans::of_piece(Seconds(6.0), false)),
        quantizers: (media == Media::Video).then_some(quantizers),
        still_pictures: (media == Media::Video).then_some(StillPictures { judged: 177, still: 12 }),
        ..testing::track(id, media)
    }
}

/// Makes a complete answer with status 200 and a body of `bytes` bytes, which took 0.25 s.
pub fn answer(url: &Url, bytes: u64) -> Fetched {
    let timings = Timings { first_byte: Seconds(0.05), body: Seconds(0.2), total: Seconds(0.25), ..Timings::default() };
    let headers = [("cache-status", "edge; hit"), ("age", "2")].map(|(n, v)| (n.to_owned(), v.to_owned())).into();
    let exchange =
        Exchange { timings, content_length: Some(bytes), body_bytes: bytes, headers, ..testing::exchange(url) };
    Fetched { url: url.clone(), result: Ok(exchange) }
}

/// Changes a rendition so that its playlist answers 404.
pub fn lose(facts: &mut RenditionFacts) {
    facts.playlist.as_mut().unwrap().result.as_mut().unwrap().status = 404;
    facts.timeline = None;
    facts.segments.clear();
}

/// Changes a rendition so that its playlist answers 200 with a body that isn't a playlist.
pub fn html(facts: &mut RenditionFacts) {
    facts.timeline = None;
    facts.segments.clear();
}

/// Changes a rendition so that the deadline of the probe passed before its newest segment was fetched.
pub fn leave_out(facts: &mut RenditionFacts) {
    facts.segments.clear();
    facts.skipped = 2;
    facts.covered = false;
}

/// Changes a rendition so that the body of its newest segment is truncated.
pub fn cut(facts: &mut RenditionFacts) {
    let newest = Arc::make_mut(facts.segments.last_mut().unwrap());
    newest.fetched.result.as_mut().unwrap().broken =
        Some(Failure { kind: FailureKind::Cut, message: "the body ended after 1,000 of 600,000 bytes".into() });
}

pub fn outcome(check: &'static str, severity: Severity, output: &str, result: CheckResult) -> CheckOutcome {
    let check = CHECKS.iter().find(|meta| meta.id == check).copied().unwrap_or_else(|| unlisted(check));
    CheckOutcome { check, severity, output: output.into(), result, findings: Vec::new(), reason: None, missing: None }
}

/// Makes metadata of a check that doesn't exist. Its memory is leaked, because metadata of checks is static.
fn unlisted(id: &'static str) -> &'static CheckMeta {
    Box::leak(Box::new(CheckMeta { id, ..manifest_unavailable::META }))
}

pub fn not_run(check: &'static str, output: &str, why: &'static str) -> CheckOutcome {
    let missing = Some(MissingInput::History);
    CheckOutcome { reason: Some(why), missing, ..outcome(check, Severity::Critical, output, CheckResult::NotRun) }
}

pub fn finding(outcome: &CheckOutcome, rendition: Option<&str>, message: &str) -> Finding {
    Finding {
        check: outcome.check.id,
        severity: outcome.severity,
        output: outcome.output.clone(),
        rendition: rendition.map(str::to_owned),
        message: message.into(),
        evidence: serde_json::Map::new(),
        reference: "RFC 9110 15",
    }
}

/// Returns the time `seconds` after 2026-03-01T12:00:00Z.
pub fn at(seconds: f64) -> Timestamp {
    Seconds(seconds).after(Timestamp::from_second(1_772_366_400).unwrap())
}
