//! MPDs of the CMAF channels (ISO/IEC 23009-1), over the same segments as their playlists.

use std::fmt::Write;

use super::addressing::{self, Span};
use super::ads;
use super::captions;
use super::cenc;
use super::channels::Ladder;
use super::faults::Effect;
use super::media::{self, AUDIO_TIMESCALE, UNIT_MS, VIDEO_TIMESCALE};
use super::playlist::{self, date};
use super::timeline::{ENCODER_LATENCY_MS, EPOCH_MS, Rendition, Segment, TARGET, Timeline};
use super::{subtitles, texts, updates};

/// How the MPD tells its segments apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `number.mpd`: `$Number$` with a duration.
    Number,
    /// `time.mpd`, `updates.mpd` and `messages.mpd`: `$Time$` with a SegmentTimeline.
    Time,
    /// `periods.mpd`: `$Number$` with a SegmentTimeline, and another Period every few segments.
    Periods,
    /// `breaks.mpd`: every other Period is an ad, with Representations, numbers and media times of its own.
    Breaks,
    /// `files.mpd`: as `breaks.mpd`, and each Representation of an ad is one file with an index.
    Files,
    /// `runs.mpd`: `$Number$` with a SegmentTimeline whose S repeat.
    Runs,
    /// `open.mpd`: `$Time$`, and an S that repeats up to whatever is there by now.
    Open,
    /// `list.mpd`: a SegmentList with a SegmentTimeline.
    List,
    /// `low_latency.mpd`: `$Number$`, and segments that may be asked for while they grow.
    LowLatency,
}

/// Segments of a Period.
pub const PERIOD: i64 = 5;
/// Its ad breaks are in event messages only.
const MESSAGES: &str = "messages.mpd";

pub fn form(file: &str) -> Option<Form> {
    match file {
        "number.mpd" => Some(Form::Number),
        "time.mpd" | MESSAGES | updates::MPD => Some(Form::Time),
        "periods.mpd" => Some(Form::Periods),
        "breaks.mpd" => Some(Form::Breaks),
        "files.mpd" => Some(Form::Files),
        "runs.mpd" => Some(Form::Runs),
        "open.mpd" => Some(Form::Open),
        "list.mpd" => Some(Form::List),
        "low_latency.mpd" => Some(Form::LowLatency),
        _ => None,
    }
}

/// The text, and when it was published.
pub fn mpd(timeline: &Timeline, form: Form, file: &str, now_ms: i64, turn: u64) -> (String, i64) {
    let listing = timeline.listing(now_ms, Rendition::Rung(0), turn);
    let length_ms = timeline.layout[0] * UNIT_MS;
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text.push_str("<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" profiles=\"urn:mpeg:dash:profile:isoff-live:2011\"");
    let kind = if timeline.effect == Some(Effect::LiveEnded) { "static" } else { "dynamic" };
    let _ = write!(text, " type=\"{kind}\" minBufferTime=\"PT4S\"");
    let late_ms = match timeline.effect {
        Some(Effect::MpdStart(seconds)) => seconds * 1000,
        Some(Effect::MpdStartMoves) if now_ms.div_euclid(20_000) % 2 == 1 => 3000,
        _ => timeline.run_start(now_ms) * UNIT_MS,
    };
    if timeline.effect != Some(Effect::MpdAttribute) {
        let _ = write!(text, " availabilityStartTime=\"{}\"", date(EPOCH_MS + ENCODER_LATENCY_MS + late_ms));
    }
    let behind = if let Some(Effect::Behind(seconds)) = timeline.effect { seconds } else { 0 };
    let (depth, update) = (timeline.window * length_ms / 1000 + behind, length_ms / 1000);
    let older = timeline.effect == Some(Effect::MpdPublished) && now_ms.div_euclid(20_000) % 2 == 1;
    let published_ms = listing.published_ms - if older { 60_000 } else { 0 };
    let _ = write!(text, " publishTime=\"{}\" minimumUpdatePeriod=\"PT{update}S\"", date(published_ms));
    let longest = if timeline.effect == Some(Effect::MpdMaximum) { update / 2 } else { update + 1 };
    if timeline.effect == Some(Effect::MpdDepth) {
        let _ = write!(text, " suggestedPresentationDelay=\"PT{}S\"", depth + update);
    }
    if file == updates::MPD {
        let _ = write!(text, " id=\"{}\"", updates::ID);
    }
    let _ = writeln!(text, " timeShiftBufferDepth=\"PT{depth}S\" maxSegmentDuration=\"PT{longest}S\">");
    if let Some(latency) = updates::latency(file, timeline.effect) {
        text.push_str(&latency);
    }
    if file == updates::MPD {
        text.push_str(&updates::addresses(listing.published_ms));
    }
    if form == Form::LowLatency {
        let latency = "<Latency target=\"3500\" min=\"2000\" max=\"6000\"/>";
        let _ = writeln!(text, "<ServiceDescription id=\"0\">{latency}</ServiceDescription>");
    }
    let periods = periods(form, &listing.segments);
    for (at, index) in periods.iter().enumerate() {
        let next = periods.get(at + 1).copied();
        let ads = timeline.ads && file != MESSAGES;
        let events =
            || ads::event_stream(timeline, &listing.segments, *index..next.unwrap_or(i64::MAX), form == Form::Number);
        let events = if ads { events() } else { String::new() };
        period(&mut text, timeline, form, Span { from: *index, until: next, now_ms, turn }, &events);
    }
    if file == updates::MPD {
        text = text.replacen("<AdaptationSet", &(updates::events(timeline.effect) + "<AdaptationSet"), 1);
    }
    if timeline.effect == Some(Effect::Uncompressed) {
        let _ = writeln!(text, "<!-- {} -->", "x".repeat(70_000));
    }
    if timeline.effect != Some(Effect::MpdCut) {
        let file = if timeline.effect == Some(Effect::MpdClock) { "clock" } else { &format!("{file}?clock") };
        let _ =
            writeln!(text, "<UTCTiming schemeIdUri=\"urn:mpeg:dash:utc:http-head:2014\" value=\"{file}\"/>\n</MPD>");
    }
    (text, listing.published_ms)
}

/// The first segment of each Period in the window.
fn periods(form: Form, listed: &[Segment]) -> Vec<i64> {
    let first = |s: &Segment| s.index.div_euclid(PERIOD) * PERIOD;
    let mut periods: Vec<i64> = match form {
        Form::Periods | Form::Breaks | Form::Files => listed.iter().map(first).collect(),
        _ => vec![0],
    };
    periods.dedup();
    periods
}

fn period(text: &mut String, timeline: &Timeline, form: Form, span: Span, events: &str) {
    let from = span.from;
    let start = timeline.start_unit(from) * UNIT_MS;
    let _ = writeln!(text, "<Period id=\"p{from}\" start=\"PT{}S\">", start as f64 / 1000.0);
    text.push_str(events);
    let mut set = |rendition: Rendition, id: usize| {
        let (kind, container) = match rendition {
            Rendition::Rung(_) => ("video", "video/mp4"),
            Rendition::Audio => ("audio", "audio/mp4"),
            Rendition::Text | Rendition::Ttml => ("text", "application/mp4"),
        };
        let id = if timeline.effect == Some(Effect::LadderGroups) { 1 } else { id };
        let language = if kind != "video" { " lang=\"en\"" } else { "" };
        let _ = writeln!(
            text,
            "<AdaptationSet id=\"{id}\" contentType=\"{kind}\" mimeType=\"{container}\" segmentAlignment=\"true\" startWithSAP=\"1\"{language}>"
        );
        if timeline.ads && kind == "video" && timeline.effect != Some(Effect::MessagesUndeclared) {
            text.push_str("<InbandEventStream schemeIdUri=\"urn:scte:scte35:2013:bin\" value=\"1001\"/>\n");
        }
        text.push_str(&cenc::protection(timeline.cipher, timeline.base, timeline.effect));
        if timeline.effect == Some(Effect::MpdEssential) && kind == "video" {
            text.push_str("<EssentialProperty schemeIdUri=\"urn:example:holograms\" value=\"1\"/>\n");
        }
        if timeline.ladder == Ladder::Captioned && kind == "video" {
            text.push_str(captions::ACCESSIBILITY);
        }
        let all = if kind != "video" { 0..1 } else { 0..timeline.ladder.rungs().len() };
        let gone = |at: usize| {
            let dropped = timeline.effect == Some(Effect::MpdRung) && timeline.ladder.rungs()[at].name == "540p";
            dropped || !playlist::is_listed(timeline.effect, at, span.now_ms)
        };
        for at in all.filter(|at| kind != "video" || !gone(*at)) {
            let rendition = if kind == "video" { Rendition::Rung(at) } else { rendition };
            representation(text, timeline, rendition, form, span);
        }
        text.push_str("</AdaptationSet>\n");
    };
    set(Rendition::Rung(0), 1);
    set(Rendition::Audio, 2);
    if timeline.texts {
        set(Rendition::Text, 3);
        set(Rendition::Ttml, 4);
    }
    text.push_str("</Period>\n");
}

fn representation(text: &mut String, timeline: &Timeline, rendition: Rendition, form: Form, span: Span) {
    let prefix = if span.is_ad(form) { "ad-" } else { "" };
    opening(text, timeline, rendition, span, prefix);
    addressing::write(text, timeline, rendition, form, span);
    text.push_str("</Representation>\n");
}

/// Everything of a Representation but where its segments are.
fn opening(text: &mut String, timeline: &Timeline, rendition: Rendition, span: Span, prefix: &str) {
    let media = media::media();
    let rate = |units: &[&[u8]]| {
        let sizes: Vec<usize> = units.iter().map(|unit| unit.len()).collect();
        let rate = media::bit_rates(&sizes, &timeline.layout).0;
        let told = match timeline.effect {
            Some(Effect::BandwidthExceeded) => rate / 2,
            Some(Effect::BitrateCollapsed) => rate * 10,
            _ => rate,
        };
        told.div_ceil(1000) * 1000
    };
    match rendition {
        Rendition::Rung(at) => {
            let rung = &timeline.ladder.rungs()[at];
            let rate = rate(&media.track(timeline.ladder, at).units);
            let _ = write!(text, "<Representation id=\"{prefix}{}\" bandwidth=\"{rate}\"", rung.name);
            let spoilt = timeline.effect.filter(|_| rendition == TARGET);
            if spoilt == Some(Effect::LadderAttributes) {
                text.push_str(" frameRate=\"fast\">\n");
            } else {
                let codec = if timeline.effect == Some(Effect::CodecMatches) { "avc1.4d4028" } else { rung.codec };
                let height = if spoilt == Some(Effect::ResolutionMatches) { 800 } else { rung.height };
                let pace = if spoilt == Some(Effect::FrameRateMatches) { 50 } else { 25 };
                let _ = write!(text, " codecs=\"{codec}\" width=\"{}\"", rung.width);
                let _ = writeln!(text, " height=\"{height}\" frameRate=\"{pace}\">");
            }
        }
        Rendition::Text | Rendition::Ttml => {
            let segment = timeline.segment(span.from, 0, rendition, span.from);
            let rate = rate(&[&texts::segment(rendition, &segment, None)[..]; 4]);
            let (id, codec) = (folder(timeline, rendition), texts::codec(rendition));
            let _ = writeln!(text, "<Representation id=\"{id}\" bandwidth=\"{rate}\" codecs=\"{codec}\">");
        }
        Rendition::Audio => {
            let rate = rate(&media.audio.units);
            let _ = writeln!(
                text,
                "<Representation id=\"{prefix}audio\" bandwidth=\"{rate}\" codecs=\"mp4a.40.2\" audioSamplingRate=\"48000\">"
            );
            let channels = if timeline.effect == Some(Effect::ChannelsMatch) { 6 } else { 2 };
            let scheme = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011";
            let _ = writeln!(text, "<AudioChannelConfiguration schemeIdUri=\"{scheme}\" value=\"{channels}\"/>");
        }
    }
}

/// Where its files are.
pub fn folder(timeline: &Timeline, rendition: Rendition) -> &'static str {
    match rendition {
        Rendition::Rung(at) => timeline.ladder.rungs()[at].name,
        Rendition::Audio => "audio",
        Rendition::Text => subtitles::FOLDER,
        Rendition::Ttml => texts::TTML,
    }
}

pub fn timescale(rendition: Rendition) -> i64 {
    if rendition == Rendition::Audio { AUDIO_TIMESCALE } else { VIDEO_TIMESCALE }
}

pub fn ticks(rendition: Rendition, unit: i64) -> i64 {
    match rendition {
        Rendition::Audio => media::audio_start(unit),
        Rendition::Rung(_) | Rendition::Text | Rendition::Ttml => unit * UNIT_MS * VIDEO_TIMESCALE / 1000,
    }
}

/// The name by number of a segment that is asked for by its time.
pub fn by_number(timeline: &Timeline, rendition: Rendition, name: &str, now_ms: i64) -> Option<String> {
    let asked: i64 = name.strip_prefix("t_")?.parse().ok().filter(|t| (0..1 << 50).contains(t))?;
    let near = asked / (timescale(rendition) * UNIT_MS / 1000);
    let unit = (near - 1..=near + 1).find(|unit| ticks(rendition, *unit) == asked)?;
    let index = unit.div_euclid(timeline.layout[0]);
    (timeline.start_unit(index) == unit).then(|| timeline.name_in_run(index, now_ms))
}

/// The name by number of an ad's segment, and where the media of its Period begin, in units.
pub fn of_ad(timeline: &Timeline, name: &str) -> Option<(String, i64)> {
    let (from, number) = name.strip_prefix("ad")?.split_once('_')?;
    let from: i64 = from.parse().ok().filter(|from| (0..1 << 40).contains(from))?;
    let place: i64 = number.parse().ok().filter(|n| (1..=PERIOD).contains(n))?;
    Some((format!("{}{}", timeline.stem, from + place - 1 + timeline.base), timeline.start_unit(from)))
}
