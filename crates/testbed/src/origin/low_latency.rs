//! Low-Latency HLS: parts of 0.4 s, hints, reports, blocking reloads and delta updates (RFC 8216bis 6.2.5, 6.2.6, B.1).
//!
//! A request for what isn't there yet waits for it. On a manual clock, which nobody moves meanwhile, and at a fixed
//! instant it is answered at once, as if the time had come.

use std::fmt::Write;
use std::time::Duration;

use super::answer::Ask;
use super::faults::Effect;
use super::media::{self, AAC_FRAME, AUDIO_TIMESCALE, RUNGS, UNIT_MS};
use super::mp4::{self, AUDIO_PART, PARTS};
use super::timeline::{ENCODER_LATENCY_MS, EPOCH_MS, Rendition, TARGET, Timeline};

pub const PART_MS: i64 = UNIT_MS / PARTS;
/// Of whole segments the newest so many are listed with their parts.
const WITH_PARTS: i64 = 3;
/// CAN-SKIP-UNTIL in segments: six target durations (4.4.3.8).
const SKIP_UNTIL: i64 = 6;

/// What a low-latency playlist lists besides its segments.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    pub rendition: Rendition,
    /// The segment that isn't whole yet, and how many of its parts are there.
    pub open: i64,
    pub parts: i64,
    /// Segments replaced by EXT-X-SKIP.
    pub skipped: i64,
}

impl Live {
    pub fn at(timeline: &Timeline, now_ms: i64, rendition: Rendition) -> Self {
        let open = timeline.edge(now_ms);
        let parts = (now_ms - ENCODER_LATENCY_MS - EPOCH_MS - timeline.start_unit(open) * UNIT_MS).div_euclid(PART_MS);
        Self { rendition, open, parts, skipped: 0 }
    }

    pub fn published_ms(&self, timeline: &Timeline) -> i64 {
        published_ms(timeline, self.open, self.parts - 1)
    }
}

/// When a part is listed.
fn published_ms(timeline: &Timeline, index: i64, part: i64) -> i64 {
    EPOCH_MS + timeline.start_unit(index) * UNIT_MS + (part + 1) * PART_MS + ENCODER_LATENCY_MS
}

/// Delivery directives of a playlist's query (6.2.5).
#[derive(Clone, Copy, Debug, Default)]
pub struct Directives {
    pub msn: Option<i64>,
    pub part: Option<i64>,
    pub skip: bool,
}

pub fn directives(query: Option<&str>) -> Directives {
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

/// The instant whose playlist answers the request: now, or when what it asks for is there. `None`: it asks for too much.
pub async fn reload(ask: &Ask<'_>, timeline: &Timeline, now_ms: i64, asked: Directives) -> Option<i64> {
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
    Some(wait(ask, now_ms, published_ms(timeline, index, part)).await)
}

/// Whether a part may be asked for, and is there once this has come back: it is listed, or it is the hinted next one.
pub async fn part_comes(ask: &Ask<'_>, timeline: &Timeline, now_ms: i64, index: i64, part: i64) -> bool {
    let there_ms = published_ms(timeline, index, part);
    let known = (0..PARTS).contains(&part) && index > timeline.edge(now_ms) - WITH_PARTS - timeline.window;
    let missing = match timeline.effect {
        Some(Effect::HintUnanswered) => there_ms > now_ms,
        Some(Effect::PartsMissing) => there_ms <= now_ms && there_ms > now_ms - 2 * PART_MS,
        _ => false,
    };
    let comes = known && !missing && there_ms - now_ms <= PART_MS;
    if comes {
        wait(ask, now_ms, there_ms).await;
    }
    comes
}

async fn wait(ask: &Ask<'_>, now_ms: i64, until_ms: i64) -> i64 {
    let ahead = until_ms - now_ms;
    if ahead > 0 && !ask.state.clock.is_manual() && ask.route.at_ms.is_none() {
        tokio::time::sleep(Duration::from_millis(ahead.unsigned_abs())).await;
    }
    now_ms.max(until_ms)
}

pub fn part_bytes(timeline: &Timeline, index: i64, rendition: Rendition, at: i64) -> Vec<u8> {
    let (media, unit) = (media::media(), timeline.start_unit(index));
    match rendition {
        Rendition::Rung(rung) => mp4::part(&media.video[rung], mp4::Kind::Video, unit, at),
        Rendition::Audio | Rendition::Text | Rendition::Ttml => mp4::part(&media.audio, mp4::Kind::Audio, unit, at),
    }
}

/// The first so many parts of a segment, one behind the other.
pub fn bytes(timeline: &Timeline, index: i64, rendition: Rendition, parts: i64) -> Vec<u8> {
    (0..parts).flat_map(|at| part_bytes(timeline, index, rendition, at)).collect()
}

/// Segment and part of a part's name; or of the name that only a wrong hint gives it.
pub fn place(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("part_").or_else(|| name.strip_prefix("next_"))?.split_once('_')
}

/// How many of `listed` segments a delta update leaves out.
pub fn skippable(listed: usize) -> i64 {
    (listed as i64 - SKIP_UNTIL).max(0)
}

/// Target duration of a rendition's parts, in seconds.
fn target(rendition: Rendition) -> f64 {
    match rendition {
        Rendition::Rung(_) | Rendition::Text | Rendition::Ttml => PART_MS as f64 / 1000.0,
        Rendition::Audio => audio_part_s(AUDIO_PART),
    }
}

fn audio_part_s(frames: i64) -> f64 {
    (frames * AAC_FRAME) as f64 / AUDIO_TIMESCALE as f64
}

/// Duration of a part in seconds; the last of an audio segment is shorter than the others.
fn duration(timeline: &Timeline, rendition: Rendition, index: i64, part: i64) -> f64 {
    match rendition {
        Rendition::Audio if part == PARTS - 1 => {
            audio_part_s(media::audio_frames(timeline.start_unit(index)) - AUDIO_PART * (PARTS - 1))
        }
        _ => target(rendition),
    }
}

pub fn header(text: &mut String, timeline: &Timeline, live: &Live) {
    let target = match timeline.effect {
        Some(Effect::PartTarget) => 0.3,
        _ => (target(live.rendition) * 1e5).ceil() / 1e5,
    };
    let hold_back = if timeline.effect == Some(Effect::PartHoldBack) { 0.6 } else { 1.3 };
    let _ = writeln!(text, "#EXT-X-PART-INF:PART-TARGET={target:.5}");
    let skip = SKIP_UNTIL * UNIT_MS / 1000;
    text.push_str("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,");
    let _ = writeln!(text, "CAN-SKIP-UNTIL={skip}.0,HOLD-BACK=6.0,PART-HOLD-BACK={hold_back:.1}");
}

/// The parts of a listed segment.
pub fn parts_of(timeline: &Timeline, live: &Live, index: i64, suffix: &str) -> String {
    let mut text = String::new();
    if index >= live.open - WITH_PARTS {
        let lost = i64::from(timeline.effect == Some(Effect::PartsSum));
        parts(&mut text, timeline, live, index, PARTS - lost, suffix);
    }
    text
}

fn parts(text: &mut String, timeline: &Timeline, live: &Live, index: i64, count: i64, suffix: &str) {
    let number = index + timeline.base;
    for part in 0..count {
        let seconds = duration(timeline, live.rendition, index, part);
        let all = live.rendition == Rendition::Audio || timeline.effect == Some(Effect::PartsIndependent);
        let independent = if all || part == 0 { ",INDEPENDENT=YES" } else { "" };
        let _ = write!(text, "#EXT-X-PART:DURATION={seconds:.5},");
        if timeline.ranged {
            let _ = write!(text, "URI=\"{}{number}.m4s{suffix}\",", timeline.stem);
            range(text, timeline, live.rendition, index, part);
        } else {
            let _ = write!(text, "URI=\"part_{number}_{part}.m4s{suffix}\"");
        }
        let _ = writeln!(text, "{independent}");
    }
}

/// Only the first has an offset: each of the others goes on where the one before it ended (4.4.4.9).
fn range(text: &mut String, timeline: &Timeline, rendition: Rendition, index: i64, part: i64) {
    let lost = if timeline.effect == Some(Effect::PartRangeShort) { 100 } else { 0 };
    let length = part_bytes(timeline, index, rendition, part).len() - lost;
    let offset = if part == 0 { "@0" } else { "" };
    let _ = write!(text, "BYTERANGE=\"{length}{offset}\"");
}

fn hint(text: &mut String, timeline: &Timeline, live: &Live, number: i64, suffix: &str) {
    text.push_str("#EXT-X-PRELOAD-HINT:TYPE=PART,");
    if timeline.ranged {
        let before = bytes(timeline, live.open, live.rendition, live.parts).len();
        let start = if timeline.effect == Some(Effect::HintStart) { before + 100 } else { before };
        let _ = writeln!(text, "URI=\"{}{number}.m4s{suffix}\",BYTERANGE-START={start}", timeline.stem);
    } else {
        let name = if timeline.effect == Some(Effect::HintRenamed) { "next" } else { "part" };
        let _ = writeln!(text, "URI=\"{name}_{number}_{}.m4s{suffix}\"", live.parts);
    }
}

/// What stands behind the last whole segment: the parts of the next, the hint, and where the other renditions are.
pub fn tail(text: &mut String, timeline: &Timeline, live: &Live, suffix: &str) {
    parts(text, timeline, live, live.open, live.parts, suffix);
    let number = live.open + timeline.base;
    if timeline.effect != Some(Effect::HintMissing) {
        hint(text, timeline, live, number, suffix);
    }
    // All renditions are published together.
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
            Rendition::Text => super::subtitles::FOLDER,
            Rendition::Ttml => super::texts::TTML,
        };
        let _ = write!(text, "#EXT-X-RENDITION-REPORT:URI=\"../{folder}/index.m3u8{suffix}\"");
        let _ = writeln!(text, ",LAST-MSN={msn},LAST-PART={part}");
    }
}
