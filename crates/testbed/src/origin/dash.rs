//! MPDs of the origin's CMAF channels (ISO/IEC 23009-1), with the same segments as their HLS playlists.

use std::fmt::Write;

use super::ad_breaks;
use super::addressing::{self, PeriodRange};
use super::captions;
use super::cenc;
use super::channels::Ladder;
use super::faults::Effect;
use super::fixtures::{self, AUDIO_TIMESCALE, UNIT_MS, VIDEO_TIMESCALE};
use super::playlist::{self, date};
use super::timeline::{ENCODER_LATENCY_MS, EPOCH_MS, Rendition, Segment, TARGET, Timeline};
use super::{low_latency, mp4_subtitles, mpd_updates, nothing_to_play, webvtt};

/// Variant of a channel's MPD, by its segment addressing and division into Periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MpdVariant {
    /// `number.mpd` has `$Number$` with a constant duration.
    Number,
    /// `time.mpd`, `updates.mpd` and `messages.mpd` have `$Time$` with a SegmentTimeline.
    Time,
    /// `periods.mpd` has `$Number$` with a SegmentTimeline, and a new Period every [`PERIOD`] segments.
    Periods,
    /// In `breaks.mpd` every second Period is an ad, with its own Representations, numbers and media times.
    Breaks,
    /// `files.mpd` is like `breaks.mpd`, but each Representation of an ad is one file with a segment index.
    Files,
    /// `early.mpd` is like `breaks.mpd`, but an ad is listed as a whole from its beginning, and all of its segments are available
    /// then (@availabilityTimeOffset is INF).
    Early,
    /// `runs.mpd` has `$Number$` with a SegmentTimeline whose S elements repeat.
    Runs,
    /// `open.mpd` has `$Time$` with an S element that repeats up to the live edge (@r is -1).
    Open,
    /// `ahead.mpd` is like `time.mpd`, and lists the segments of the next 10 s, which aren't available yet.
    Ahead,
    /// `list.mpd` has a SegmentList with a SegmentTimeline.
    List,
    /// `low_latency.mpd` has `$Number$` with segments that may be requested while they are still being written.
    LowLatency,
    /// `low_latency_time.mpd`: `$Number$` with a SegmentTimeline that lists the segment that is being written.
    LowLatencyTime,
}

impl MpdVariant {
    /// Whether segments may be requested while they are being written.
    pub(super) fn is_low_latency(self) -> bool {
        matches!(self, Self::LowLatency | Self::LowLatencyTime)
    }
}

/// Number of segments in a Period of the origin's MPDs.
pub(super) const PERIOD: i64 = 5;
/// Name of the MPD without an EventStream: its ad breaks are only in event messages of the segments.
const MESSAGES: &str = "messages.mpd";

pub(super) fn variant_of_file(file: &str) -> Option<MpdVariant> {
    match file {
        "number.mpd" => Some(MpdVariant::Number),
        "time.mpd" | MESSAGES | mpd_updates::MPD => Some(MpdVariant::Time),
        "periods.mpd" => Some(MpdVariant::Periods),
        "breaks.mpd" => Some(MpdVariant::Breaks),
        "files.mpd" => Some(MpdVariant::Files),
        "early.mpd" => Some(MpdVariant::Early),
        "runs.mpd" => Some(MpdVariant::Runs),
        "open.mpd" => Some(MpdVariant::Open),
        "ahead.mpd" => Some(MpdVariant::Ahead),
        "list.mpd" => Some(MpdVariant::List),
        "low_latency.mpd" => Some(MpdVariant::LowLatency),
        "low_latency_time.mpd" => Some(MpdVariant::LowLatencyTime),
        _ => None,
    }
}

/// Returns the text of the MPD, and its publish time in milliseconds of Unix time.
pub(super) fn mpd(timeline: &Timeline, variant: MpdVariant, file: &str, now_ms: i64, turn: u64) -> (String, i64) {
    let listing = timeline.listing(now_ms, Rendition::Rung(0), turn);
    let length_ms = timeline.layout[0] * UNIT_MS;
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text.push_str("<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" profiles=\"urn:mpeg:dash:profile:isoff-live:2011\"");
    let kind = if timeline.effect == Some(Effect::LiveEnded) { "static" } else { "dynamic" };
    let _ = write!(text, " type=\"{kind}\" minBufferTime=\"PT4S\"");
    let late_ms = match timeline.effect {
        Some(Effect::MpdStart(seconds)) => seconds * 1000,
        Some(Effect::MpdStartAhead) => (now_ms.div_euclid(3_600_000) + 2) * 3_600_000 - EPOCH_MS - ENCODER_LATENCY_MS,
        Some(Effect::MpdStartMoves) if now_ms.div_euclid(20_000) % 2 == 1 => 3000,
        _ => timeline.run_start(now_ms) * UNIT_MS,
    };
    if timeline.effect != Some(Effect::AvailabilityStartMissing) {
        let _ = write!(text, " availabilityStartTime=\"{}\"", date(EPOCH_MS + ENCODER_LATENCY_MS + late_ms));
    }
    let behind = if let Some(Effect::LiveEdgeBehind(seconds)) = timeline.effect { seconds } else { 0 };
    let (depth, update) = (timeline.window * length_ms / 1000 + behind, length_ms / 1000);
    let reload = match timeline.effect {
        Some(Effect::UpdatesSparse) => depth,
        _ if variant == MpdVariant::Ahead => addressing::AHEAD_MS / 1000,
        _ => update,
    };
    let older = timeline.effect == Some(Effect::PublishTimeRegressed) && now_ms.div_euclid(20_000) % 2 == 1;
    let published_ms = listing.published_ms - if older { 60_000 } else { 0 };
    let _ = write!(text, " publishTime=\"{}\" minimumUpdatePeriod=\"PT{reload}S\"", date(published_ms));
    let longest = if timeline.effect == Some(Effect::MaxSegmentDurationShort) { update / 2 } else { update + 1 };
    if timeline.effect == Some(Effect::TimeShiftBufferShort) {
        let _ = write!(text, " suggestedPresentationDelay=\"PT{}S\"", depth + update);
    }
    if file == mpd_updates::MPD {
        let _ = write!(text, " id=\"{}\"", mpd_updates::ID);
    }
    let _ = writeln!(text, " timeShiftBufferDepth=\"PT{depth}S\" maxSegmentDuration=\"PT{longest}S\">");
    if timeline.effect == Some(Effect::FirstBaseUrlDead) {
        text.push_str("<BaseURL>gone/</BaseURL>\n<BaseURL>./</BaseURL>\n");
    }
    if timeline.effect == Some(Effect::SecondBaseUrlDead) {
        text.push_str("<BaseURL>./</BaseURL>\n<BaseURL>gone/</BaseURL>\n");
    }
    if let Some(latency) = mpd_updates::service_description(file, timeline.effect) {
        text.push_str(&latency);
    }
    if file == mpd_updates::MPD {
        text.push_str(&mpd_updates::locations(listing.published_ms));
    }
    if variant.is_low_latency() {
        let latency = "<Latency target=\"3500\" min=\"2000\" max=\"6000\"/>";
        let fastest = if timeline.effect == Some(Effect::PlaybackRateSlow) { "0.98" } else { "1.04" };
        let rate = format!("<PlaybackRate min=\"0.96\" max=\"{fastest}\"/>");
        let _ = writeln!(text, "<ServiceDescription id=\"0\">{latency}{rate}</ServiceDescription>");
    }
    let periods = periods(timeline.effect, variant, &listing.segments);
    for (at, index) in periods.iter().enumerate() {
        let next = periods.get(at + 1).copied();
        let ads = timeline.ads && file != MESSAGES;
        let events = || {
            ad_breaks::event_stream(
                timeline,
                &listing.segments,
                *index..next.unwrap_or(i64::MAX),
                variant == MpdVariant::Number,
            )
        };
        let events = if ads { events() } else { String::new() };
        period(&mut text, timeline, variant, PeriodRange { from: *index, until: next, now_ms, turn }, &events);
    }
    if timeline.effect == Some(Effect::PeriodWithdrawn) && now_ms.div_euclid(20_000) % 2 == 0 {
        text.push_str(&nothing_to_play::announced_period(&text));
    }
    if file == mpd_updates::MPD {
        text = text.replacen("<AdaptationSet", &(mpd_updates::event_stream(timeline.effect) + "<AdaptationSet"), 1);
    }
    if timeline.effect == Some(Effect::Uncompressed) {
        let _ = writeln!(text, "<!-- {} -->", "x".repeat(70_000));
    }
    if timeline.effect == Some(Effect::FirstClockDead) {
        text.push_str("<UTCTiming schemeIdUri=\"urn:mpeg:dash:utc:http-iso:2014\" value=\"clock\"/>\n");
    }
    if timeline.effect != Some(Effect::MpdTruncated) {
        let file = if timeline.effect == Some(Effect::UtcTimingMissing) { "clock" } else { &format!("{file}?clock") };
        let head = "<UTCTiming schemeIdUri=\"urn:mpeg:dash:utc:http-head:2014\"";
        let second = match timeline.effect {
            Some(Effect::SecondClockLate) => format!("{head} value=\"{file}=late\"/>\n"),
            _ => String::new(),
        };
        let _ = writeln!(text, "{head} value=\"{file}\"/>\n{second}</MPD>");
    }
    (text, listing.published_ms)
}

/// Returns the index of the first segment of each Period in the window.
fn periods(effect: Option<Effect>, variant: MpdVariant, listed: &[Segment]) -> Vec<i64> {
    let first = |s: &Segment| s.index.div_euclid(PERIOD) * PERIOD;
    let mut periods: Vec<i64> = match variant {
        MpdVariant::Periods | MpdVariant::Breaks | MpdVariant::Files | MpdVariant::Early => {
            listed.iter().map(first).collect()
        }
        _ => vec![0],
    };
    periods.dedup();
    match effect {
        Some(Effect::PeriodStartSlides) => listed.first().map(|s| s.index).into_iter().collect(),
        Some(Effect::PeriodsReplaced) => periods.split_off(periods.len().saturating_sub(1)),
        _ => periods,
    }
}

/// Returns the id attribute of a Period, with a blank before it; empty if the fault removes it.
fn period_id(effect: Option<Effect>, span: PeriodRange) -> String {
    let number = match effect {
        Some(Effect::PeriodIdMissing | Effect::PeriodStartSlides) => return String::new(),
        Some(Effect::PeriodIdTwice) => "0".to_owned(),
        Some(Effect::PeriodIdRandom) => format!("{}-{}", span.from, span.turn),
        Some(Effect::PeriodIdReused) => span.from.div_euclid(PERIOD).rem_euclid(4).to_string(),
        _ => span.from.to_string(),
    };
    format!(" id=\"p{number}\"")
}

fn period(text: &mut String, timeline: &Timeline, variant: MpdVariant, span: PeriodRange, events: &str) {
    let from = span.from;
    let start = timeline.start_unit(from) * UNIT_MS;
    let id = period_id(timeline.effect, span);
    let length = match variant {
        MpdVariant::Early if span.is_ad(variant) => {
            format!(" duration=\"PT{}S\"", PERIOD * timeline.layout[0] * UNIT_MS / 1000)
        }
        _ => String::new(),
    };
    let _ = writeln!(text, "<Period{id} start=\"PT{}S\"{length}>", start as f64 / 1000.0);
    text.push_str(events);
    let mut set = |rendition: Rendition, id: usize| {
        let (kind, container) = match rendition {
            Rendition::Rung(_) => ("video", "video/mp4"),
            Rendition::Audio => ("audio", "audio/mp4"),
            Rendition::WebVtt | Rendition::Ttml => ("text", "application/mp4"),
        };
        let id = if timeline.effect == Some(Effect::LadderGroups) { 1 } else { id };
        let language = if kind != "video" { " lang=\"en\"" } else { "" };
        let _ = writeln!(
            text,
            "<AdaptationSet id=\"{id}\" contentType=\"{kind}\" mimeType=\"{container}\" segmentAlignment=\"true\" startWithSAP=\"1\"{language}>"
        );
        if timeline.ads && kind == "video" && timeline.effect != Some(Effect::EventMessagesUndeclared) {
            text.push_str("<InbandEventStream schemeIdUri=\"urn:scte:scte35:2013:bin\" value=\"1001\"/>\n");
        }
        text.push_str(&cenc::content_protection(timeline.cipher, timeline.base, timeline.effect));
        if timeline.effect == Some(Effect::MpdEssential) && kind == "video" {
            text.push_str("<EssentialProperty schemeIdUri=\"urn:example:holograms\" value=\"1\"/>\n");
        }
        if timeline.ladder == Ladder::Captioned && kind == "video" {
            text.push_str(captions::ACCESSIBILITY);
        }
        let all = if kind != "video" { 0..1 } else { 0..timeline.ladder.rungs().len() };
        let gone = |at: usize| {
            let dropped = timeline.effect == Some(Effect::MpdRungMissing) && timeline.ladder.rungs()[at].name == "540p";
            dropped || !playlist::is_listed(timeline.effect, at, span.now_ms)
        };
        for at in all.filter(|at| kind != "video" || !gone(*at)) {
            let rendition = if kind == "video" { Rendition::Rung(at) } else { rendition };
            representation(text, timeline, rendition, variant, span);
        }
        text.push_str("</AdaptationSet>\n");
    };
    let mut sets = [(Rendition::Rung(0), 1), (Rendition::Audio, 2)];
    if timeline.effect == Some(Effect::MpdSetsSwapped) && span.now_ms.div_euclid(20_000) % 2 == 1 {
        sets.reverse();
    }
    for (rendition, id) in sets {
        set(rendition, id);
    }
    if timeline.mp4_subtitles {
        set(Rendition::WebVtt, 3);
        set(Rendition::Ttml, 4);
    }
    text.push_str("</Period>\n");
}

fn representation(
    text: &mut String,
    timeline: &Timeline,
    rendition: Rendition,
    variant: MpdVariant,
    span: PeriodRange,
) {
    let prefix = if span.is_ad(variant) { "ad-" } else { "" };
    write_representation_attributes(text, timeline, rendition, span, prefix);
    if variant.is_low_latency() {
        let ticks = low_latency::part_ticks(rendition);
        let ticks = if timeline.effect == Some(Effect::ResyncShort) { ticks / 2 } else { ticks };
        let _ = writeln!(text, "<Resync dT=\"{ticks}\" type=\"0\"/>");
    }
    addressing::write(text, timeline, rendition, variant, span);
    text.push_str("</Representation>\n");
}

/// Writes the start tag and the descriptors of a Representation, without its segment addressing.
fn write_representation_attributes(
    text: &mut String,
    timeline: &Timeline,
    rendition: Rendition,
    span: PeriodRange,
    prefix: &str,
) {
    let media = fixtures::fixtures();
    let rate = |units: &[&[u8]]| {
        let sizes: Vec<usize> = units.iter().map(|unit| unit.len()).collect();
        let rate = fixtures::bit_rates(&sizes, &timeline.layout).0;
        let declared = match timeline.effect {
            Some(Effect::BandwidthExceeded) => rate / 2,
            Some(Effect::BitrateCollapsed) => rate * 10,
            _ => rate,
        };
        declared.div_ceil(1000) * 1000
    };
    match rendition {
        Rendition::Rung(at) => {
            let rung = &timeline.ladder.rungs()[at];
            let rate = rate(&media.track(timeline.ladder, at).units);
            let _ = write!(text, "<Representation id=\"{prefix}{}\" bandwidth=\"{rate}\"", rung.name);
            let target_effect = timeline.effect.filter(|_| rendition == TARGET);
            if target_effect == Some(Effect::LadderAttributes) {
                text.push_str(" frameRate=\"fast\">\n");
            } else {
                let codec = if timeline.effect == Some(Effect::CodecMismatch) { "avc1.4d4028" } else { rung.codec };
                let height = if target_effect == Some(Effect::ResolutionMismatch) { 800 } else { rung.height };
                let pace = if target_effect == Some(Effect::FrameRateMismatch) { 50 } else { 25 };
                let _ = write!(text, " codecs=\"{codec}\" width=\"{}\"", rung.width);
                let _ = writeln!(text, " height=\"{height}\" frameRate=\"{pace}\">");
            }
        }
        Rendition::WebVtt | Rendition::Ttml => {
            let segment = timeline.segment(span.from, 0, rendition, span.from);
            let rate = rate(&[&mp4_subtitles::segment(rendition, &segment, None)[..]; 4]);
            let (id, codec) = (folder(timeline, rendition), mp4_subtitles::codec(rendition));
            let _ = writeln!(text, "<Representation id=\"{id}\" bandwidth=\"{rate}\" codecs=\"{codec}\">");
        }
        Rendition::Audio => {
            let rate = rate(&media.audio.units);
            let _ = writeln!(
                text,
                "<Representation id=\"{prefix}audio\" bandwidth=\"{rate}\" codecs=\"mp4a.40.2\" audioSamplingRate=\"48000\">"
            );
            let channels = if timeline.effect == Some(Effect::ChannelCountMismatch) { 6 } else { 2 };
            let scheme = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011";
            let _ = writeln!(text, "<AudioChannelConfiguration schemeIdUri=\"{scheme}\" value=\"{channels}\"/>");
        }
    }
}

/// Returns the name of the folder with a rendition's segments.
pub(super) fn folder(timeline: &Timeline, rendition: Rendition) -> &'static str {
    match rendition {
        Rendition::Rung(at) => timeline.ladder.rungs()[at].name,
        Rendition::Audio => "audio",
        Rendition::WebVtt => webvtt::FOLDER,
        Rendition::Ttml => mp4_subtitles::TTML,
    }
}

pub(super) fn timescale(rendition: Rendition) -> i64 {
    if rendition == Rendition::Audio { AUDIO_TIMESCALE } else { VIDEO_TIMESCALE }
}

pub(super) fn ticks(rendition: Rendition, unit: i64) -> i64 {
    match rendition {
        Rendition::Audio => fixtures::audio_start(unit),
        Rendition::Rung(_) | Rendition::WebVtt | Rendition::Ttml => unit * UNIT_MS * VIDEO_TIMESCALE / 1000,
    }
}

/// Returns the `$Number$` name of the segment whose `$Time$` name has this media time; `None` if no segment begins
/// then.
pub(super) fn segment_name_at_time(
    timeline: &Timeline,
    rendition: Rendition,
    name: &str,
    now_ms: i64,
) -> Option<String> {
    let asked: i64 = name.strip_prefix("t_")?.parse().ok().filter(|t| (0..1 << 50).contains(t))?;
    let near = asked / (timescale(rendition) * UNIT_MS / 1000);
    let unit = (near - 1..=near + 1).find(|unit| ticks(rendition, *unit) == asked)?;
    let index = unit.div_euclid(timeline.layout[0]);
    (timeline.start_unit(index) == unit).then(|| timeline.name_in_run(index, now_ms))
}

/// Beginning of the names of an ad's segments in `early.mpd`.
pub(super) const EARLY: &str = "early";

/// Returns how much earlier than by the clock a segment with this name is available, in milliseconds.
pub(super) fn early_ms(timeline: &Timeline, name: &str) -> i64 {
    if name.starts_with(EARLY) { PERIOD * timeline.layout[0] * UNIT_MS } else { 0 }
}

/// Returns the `$Number$` name of a segment in an ad, and the index of the 2 s of media with which the ad's Period
/// begins; `None` if `name` isn't a segment of an ad.
pub(super) fn ad_segment_name(timeline: &Timeline, name: &str) -> Option<(String, i64)> {
    let (from, number) = name.strip_prefix(EARLY).or_else(|| name.strip_prefix("ad"))?.split_once('_')?;
    let from: i64 = from.parse().ok().filter(|from| (0..1 << 40).contains(from))?;
    let position: i64 = number.parse().ok().filter(|n| (1..=PERIOD).contains(n))?;
    Some((format!("{}{}", timeline.stem, from + position - 1 + timeline.base), timeline.start_unit(from)))
}
