//! Low-Latency HLS of the origin: parts of 0.4 s, preload hints, rendition reports, blocking reloads and delta updates
//! (RFC 8216bis 6.2.5, 6.2.6, B.1).
//!
//! A request for a part or playlist of the near future waits for it. On a manual clock, which nobody moves meanwhile,
//! and at a fixed instant, it is answered at once, as if the time had come.

use std::fmt::Write;
use std::time::Duration;

use super::faults::Effect;
use super::fixtures::{self, AAC_FRAME, AUDIO_TIMESCALE, RUNGS, UNIT_MS, VIDEO_TIMESCALE};
use super::mp4::{self, AUDIO_PART, PARTS};
use super::response::RequestContext;
use super::timeline::{ENCODER_LATENCY_MS, EPOCH_MS, Rendition, Segment, TARGET, Timeline};

pub(super) const PART_MS: i64 = UNIT_MS / PARTS;
/// Number of the newest complete segments that are listed with their parts.
const WITH_PARTS: i64 = 3;
/// CAN-SKIP-UNTIL in segments: six target durations (RFC 8216bis 4.4.3.8).
const SKIP_UNTIL: i64 = 6;

/// Live edge of a low-latency playlist: the segment that is still being written.
#[derive(Clone, Copy, Debug)]
pub(super) struct LiveEdge {
    pub rendition: Rendition,
    /// Index of the segment that is still being written.
    pub open: i64,
    pub parts: i64,
    /// Number of segments that EXT-X-SKIP replaces in the playlist.
    pub skipped: i64,
}

impl LiveEdge {
    pub(super) fn at(timeline: &Timeline, now_ms: i64, rendition: Rendition) -> Self {
        let open = timeline.edge(now_ms);
        let parts = (now_ms - ENCODER_LATENCY_MS - EPOCH_MS - timeline.start_unit(open) * UNIT_MS).div_euclid(PART_MS);
        Self { rendition, open, parts, skipped: 0 }
    }

    pub(super) fn published_ms(&self, timeline: &Timeline) -> i64 {
        published_ms(timeline, self.open, self.parts - 1)
    }
}

/// Returns the instant from which on a part is listed, in milliseconds of Unix time.
fn published_ms(timeline: &Timeline, index: i64, part: i64) -> i64 {
    EPOCH_MS + timeline.start_unit(index) * UNIT_MS + (part + 1) * PART_MS + ENCODER_LATENCY_MS
}

/// Delivery directives in the query of a playlist request (RFC 8216bis 6.2.5).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Directives {
    pub msn: Option<i64>,
    pub part: Option<i64>,
    pub skip: bool,
}

pub(super) fn directives(query: Option<&str>) -> Directives {
    let mut found = Directives::default();
    for (name, value) in query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "_HLS_msn" => found.msn = value.parse().ok(),
            "_HLS_part" => found.part = value.parse().ok(),
            "_HLS_skip" => found.skip = matches!(value, "YES" | "v2"),
            _ => {}
        }
    }
    found
}

/// Waits until the playlist that a request asks for exists, and returns its instant in milliseconds of Unix time;
/// `None` if the request is too far ahead.
pub(super) async fn blocking_reload(
    request: &RequestContext<'_>,
    timeline: &Timeline,
    now_ms: i64,
    asked: Directives,
) -> Option<i64> {
    let Some(msn) = asked.msn else { return asked.part.is_none().then_some(now_ms) };
    match timeline.effect {
        Some(Effect::ReloadEarly) => return Some(now_ms),
        Some(Effect::ReloadLate) => tokio::time::sleep(Duration::from_millis(1500)).await,
        _ => {}
    }
    let index = msn - timeline.base;
    if index > timeline.edge(now_ms) + 1 {
        return None;
    }
    let (index, part) = match asked.part {
        Some(part) if part >= PARTS => (index + 1, 0),
        Some(part) => (index, part),
        None => (index, PARTS - 1),
    };
    Some(wait(request, now_ms, published_ms(timeline, index, part)).await)
}

/// Waits for a part that is listed or hinted, and returns `true`; returns `false` at once if it is neither.
pub(super) async fn wait_for_part(
    request: &RequestContext<'_>,
    timeline: &Timeline,
    now_ms: i64,
    index: i64,
    part: i64,
) -> bool {
    let there_ms = published_ms(timeline, index, part);
    let known = (0..PARTS).contains(&part) && index > timeline.edge(now_ms) - WITH_PARTS - timeline.window;
    let missing = match timeline.effect {
        Some(Effect::HintUnanswered) => there_ms > now_ms,
        Some(Effect::PartsMissing) => there_ms <= now_ms && there_ms > now_ms - 2 * PART_MS,
        _ => false,
    };
    let available = known && !missing && there_ms - now_ms <= PART_MS;
    if available {
        wait(request, now_ms, there_ms).await;
    }
    available
}

/// The segment that is being written, once its first part is.
pub(super) fn open_segment(timeline: &Timeline, now_ms: i64, rendition: Rendition) -> Option<Segment> {
    let edge = LiveEdge::at(timeline, now_ms, rendition);
    (edge.parts > 0).then(|| timeline.segment(edge.open, 0, rendition, edge.open))
}

/// The parts of a segment that is being written, each with the time from now until it is sent; `None` when the segment
/// can't be requested yet. On a clock that stands still, the next segment and one without parts are answered as if the time
/// of their first part had come.
pub(super) fn growing_segment(
    request: &RequestContext<'_>,
    timeline: &Timeline,
    now_ms: i64,
    rendition: Rendition,
    name: &str,
) -> Option<Vec<(Duration, Vec<u8>)>> {
    let edge = timeline.edge(now_ms);
    let index = (edge..=edge + 1).find(|index| name == timeline.segment(*index, 0, rendition, *index).name)?;
    let (begun_ms, complete_ms) = (published_ms(timeline, index, 0), published_ms(timeline, index, PARTS - 1));
    let stands_still = request.state.clock.is_manual() || request.route.at_ms.is_some();
    let refused = timeline.effect == Some(Effect::GrowingSegmentRefused) && now_ms < complete_ms;
    // An MPD that dates segments too early has no part in what the origin has.
    let dated_early = matches!(timeline.effect, Some(Effect::MpdStart(_)));
    if refused || (now_ms < begun_ms && (!stands_still || dated_early)) {
        return None;
    }
    let sent_from_ms = now_ms.max(begun_ms);
    let after = |at_ms: i64| Duration::from_millis((at_ms - sent_from_ms).max(0).unsigned_abs());
    let part = |at| (after(published_ms(timeline, index, at)), part_bytes(timeline, index, rendition, at));
    Some(match timeline.effect {
        Some(Effect::ChunksAtEnd) => (0..PARTS).map(|at| (after(complete_ms), part(at).1)).collect(),
        Some(Effect::OneChunk) => vec![(after(complete_ms), one_chunk(timeline, index, rendition))],
        _ => (0..PARTS).map(part).collect(),
    })
}

/// A segment as a single fragment.
pub(super) fn one_chunk(timeline: &Timeline, index: i64, rendition: Rendition) -> Vec<u8> {
    let (media, unit) = (fixtures::fixtures(), timeline.start_unit(index));
    let (track, kind) = match rendition {
        Rendition::Rung(rung) => (&media.video[rung], mp4::TrackKind::Video),
        Rendition::Audio | Rendition::WebVtt | Rendition::Ttml => (&media.audio, mp4::TrackKind::Audio),
    };
    mp4::segment(track, kind, unit, timeline.layout[0], 0, None)
}

/// Longest duration of a rendition's parts, in ticks of its timescale.
pub(super) fn part_ticks(rendition: Rendition) -> i64 {
    match rendition {
        Rendition::Audio => AUDIO_PART * AAC_FRAME,
        Rendition::Rung(_) | Rendition::WebVtt | Rendition::Ttml => PART_MS * VIDEO_TIMESCALE / 1000,
    }
}

async fn wait(request: &RequestContext<'_>, now_ms: i64, until_ms: i64) -> i64 {
    let ahead = until_ms - now_ms;
    if ahead > 0 && !request.state.clock.is_manual() && request.route.at_ms.is_none() {
        tokio::time::sleep(Duration::from_millis(ahead.unsigned_abs())).await;
    }
    now_ms.max(until_ms)
}

pub(super) fn part_bytes(timeline: &Timeline, index: i64, rendition: Rendition, at: i64) -> Vec<u8> {
    let (media, unit) = (fixtures::fixtures(), timeline.start_unit(index));
    match rendition {
        Rendition::Rung(rung) => mp4::part(&media.video[rung], mp4::TrackKind::Video, unit, at),
        Rendition::Audio | Rendition::WebVtt | Rendition::Ttml => {
            mp4::part(&media.audio, mp4::TrackKind::Audio, unit, at)
        }
    }
}

/// Returns the first `parts` parts of a segment, concatenated.
pub(super) fn first_parts(timeline: &Timeline, index: i64, rendition: Rendition, parts: i64) -> Vec<u8> {
    (0..parts).flat_map(|at| part_bytes(timeline, index, rendition, at)).collect()
}

/// Returns segment number and part number from the name of a part, also from the wrong name that a fault hints at;
/// `None` for other names.
pub(super) fn parse_part_name(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("part_").or_else(|| name.strip_prefix("next_"))?.split_once('_')
}

/// Returns the number of segments that a delta update leaves out of `listed` segments.
pub(super) fn skippable(listed: usize) -> i64 {
    (listed as i64 - SKIP_UNTIL).max(0)
}

/// Returns the target duration of a rendition's parts in seconds.
fn part_target_s(rendition: Rendition) -> f64 {
    match rendition {
        Rendition::Rung(_) | Rendition::WebVtt | Rendition::Ttml => PART_MS as f64 / 1000.0,
        Rendition::Audio => audio_part_s(AUDIO_PART),
    }
}

fn audio_part_s(frames: i64) -> f64 {
    (frames * AAC_FRAME) as f64 / AUDIO_TIMESCALE as f64
}

/// Returns the duration of a part in seconds; the last part of an audio segment is shorter than the others.
fn part_duration_s(timeline: &Timeline, rendition: Rendition, index: i64, part: i64) -> f64 {
    match rendition {
        Rendition::Audio if part == PARTS - 1 => {
            audio_part_s(fixtures::audio_frames(timeline.start_unit(index)) - AUDIO_PART * (PARTS - 1))
        }
        _ => part_target_s(rendition),
    }
}

pub(super) fn write_header(text: &mut String, timeline: &Timeline, live: &LiveEdge) {
    let target = match timeline.effect {
        Some(Effect::PartTarget) => 0.3,
        _ => (part_target_s(live.rendition) * 1e5).ceil() / 1e5,
    };
    let hold_back = if timeline.effect == Some(Effect::PartHoldBack) { 0.6 } else { 1.3 };
    let _ = writeln!(text, "#EXT-X-PART-INF:PART-TARGET={target:.5}");
    let skip = SKIP_UNTIL * UNIT_MS / 1000;
    text.push_str("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,");
    let _ = writeln!(text, "CAN-SKIP-UNTIL={skip}.0,HOLD-BACK=6.0,PART-HOLD-BACK={hold_back:.1}");
}

/// Returns the EXT-X-PART tags of a listed segment; empty for a segment that is too old to have parts.
pub(super) fn parts_of(timeline: &Timeline, live: &LiveEdge, index: i64, suffix: &str) -> String {
    let mut text = String::new();
    if index >= live.open - WITH_PARTS {
        let lost = i64::from(timeline.effect == Some(Effect::PartsSum));
        write_parts(&mut text, timeline, live, index, PARTS - lost, suffix);
    }
    text
}

fn write_parts(text: &mut String, timeline: &Timeline, live: &LiveEdge, index: i64, count: i64, suffix: &str) {
    let number = index + timeline.base;
    for part in 0..count {
        let seconds = part_duration_s(timeline, live.rendition, index, part);
        let all = live.rendition == Rendition::Audio || timeline.effect == Some(Effect::PartsIndependent);
        let independent = if all || part == 0 { ",INDEPENDENT=YES" } else { "" };
        let _ = write!(text, "#EXT-X-PART:DURATION={seconds:.5},");
        if timeline.ranged {
            let _ = write!(text, "URI=\"{}{number}.m4s{suffix}\",", timeline.stem);
            part_byte_range(text, timeline, live.rendition, index, part);
        } else {
            let _ = write!(text, "URI=\"part_{number}_{part}.m4s{suffix}\"");
        }
        let _ = writeln!(text, "{independent}");
    }
}

/// Writes the BYTERANGE of a part. Only the first part has an offset: each other part begins where the part before it
/// ends (RFC 8216bis 4.4.4.9).
fn part_byte_range(text: &mut String, timeline: &Timeline, rendition: Rendition, index: i64, part: i64) {
    let lost = if timeline.effect == Some(Effect::PartRangeShort) { 100 } else { 0 };
    let length = part_bytes(timeline, index, rendition, part).len() - lost;
    let offset = if part == 0 { "@0" } else { "" };
    let _ = write!(text, "BYTERANGE=\"{length}{offset}\"");
}

fn write_preload_hint(text: &mut String, timeline: &Timeline, live: &LiveEdge, number: i64, suffix: &str) {
    text.push_str("#EXT-X-PRELOAD-HINT:TYPE=PART,");
    if timeline.ranged {
        let before = first_parts(timeline, live.open, live.rendition, live.parts).len();
        let start = if timeline.effect == Some(Effect::HintStart) { before + 100 } else { before };
        let _ = writeln!(text, "URI=\"{}{number}.m4s{suffix}\",BYTERANGE-START={start}", timeline.stem);
    } else {
        let name = if timeline.effect == Some(Effect::HintRenamed) { "next" } else { "part" };
        let _ = writeln!(text, "URI=\"{name}_{number}_{}.m4s{suffix}\"", live.parts);
    }
}

/// Writes the end of a low-latency playlist after the last complete segment: the parts of the next segment, the preload
/// hint and the rendition reports.
pub(super) fn write_edge(text: &mut String, timeline: &Timeline, live: &LiveEdge, suffix: &str) {
    write_parts(text, timeline, live, live.open, live.parts, suffix);
    let number = live.open + timeline.base;
    if timeline.effect != Some(Effect::HintMissing) {
        write_preload_hint(text, timeline, live, number, suffix);
    }
    // All renditions are published at the same time.
    let (mut msn, mut part) = if live.parts == 0 { (number - 1, PARTS - 1) } else { (number, live.parts - 1) };
    if timeline.effect == Some(Effect::ReportsBehind) {
        (msn, part) = (msn - 2, part.min(PARTS - 1));
    }
    let all = (0..RUNGS.len()).map(Rendition::Rung).chain([Rendition::Audio]);
    let missing = |r: &Rendition| timeline.effect == Some(Effect::ReportsMissing) && *r == TARGET;
    for other in all.filter(|r| *r != live.rendition && !missing(r)) {
        let folder = match other {
            Rendition::Rung(at) => RUNGS[at].name,
            Rendition::Audio => "audio",
            Rendition::WebVtt => super::webvtt::FOLDER,
            Rendition::Ttml => super::mp4_subtitles::TTML,
        };
        let _ = write!(text, "#EXT-X-RENDITION-REPORT:URI=\"../{folder}/index.m3u8{suffix}\"");
        let _ = writeln!(text, ",LAST-MSN={msn},LAST-PART={part}");
    }
}
