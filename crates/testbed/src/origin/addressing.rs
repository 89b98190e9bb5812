//! Writer of the segment addressing in the origin's MPDs: template, timeline and list (ISO/IEC 23009-1 5.3.9).

use std::fmt::Write;

use super::dash::{self, MpdVariant, PERIOD, folder, ticks, timescale};
use super::faults::Effect;
use super::fixtures::UNIT_MS;
use super::low_latency::{self, PART_MS};
use super::segment_base;
use super::timeline::{Rendition, Segment, TARGET, Timeline};

/// Segments of a Period that an MPD lists, with indexes `from..until`; no end if `until` is `None`. `now_ms` is the
/// time of the request for the MPD, and `turn` the number of requests before it.
#[derive(Clone, Copy)]
pub(super) struct PeriodRange {
    pub from: i64,
    pub until: Option<i64>,
    pub now_ms: i64,
    pub turn: u64,
}

impl PeriodRange {
    /// Returns whether the Period is an ad with its own Representations, numbers and media times, as every second
    /// Period of `breaks.mpd`, `files.mpd` and `early.mpd` is.
    pub(super) fn is_ad(self, variant: MpdVariant) -> bool {
        matches!(variant, MpdVariant::Breaks | MpdVariant::Files | MpdVariant::Early)
            && self.from.div_euclid(PERIOD) % 2 == 1
    }
}

pub(super) fn write(
    text: &mut String,
    timeline: &Timeline,
    rendition: Rendition,
    variant: MpdVariant,
    span: PeriodRange,
) {
    // Whole audio frames don't make segments of equal duration.
    let has_constant_duration = match variant {
        MpdVariant::Number | MpdVariant::LowLatency => true,
        MpdVariant::Open => rendition == Rendition::Audio,
        _ => false,
    };
    match variant {
        MpdVariant::Files if span.is_ad(variant) => segment_base::write(text, timeline, rendition, span),
        _ if has_constant_duration => by_duration(text, timeline, rendition, variant, span),
        MpdVariant::List => segment_list(text, timeline, rendition, span),
        _ => segment_template(text, timeline, rendition, variant, span),
    }
}

fn by_duration(text: &mut String, timeline: &Timeline, rendition: Rendition, variant: MpdVariant, span: PeriodRange) {
    let (scale, number) = (timescale(rendition), span.from + timeline.base);
    let ticks = timeline.layout[0] * UNIT_MS * scale / 1000;
    open_segment_template(text, rendition, "$RepresentationID$/seg_$Number$");
    match (variant, timeline.effect) {
        (MpdVariant::LowLatency, _) => text.push_str(&early_availability(timeline)),
        (_, Some(Effect::OffsetTooLong)) => text.push_str(" availabilityTimeOffset=\"15\""),
        _ => {}
    }
    let _ = writeln!(text, " startNumber=\"{number}\" duration=\"{ticks}\"/>");
}

/// The attributes that promise a segment as soon as its first part is written.
fn early_availability(timeline: &Timeline) -> String {
    let early = (timeline.layout[0] * UNIT_MS - PART_MS) as f64 / 1000.0;
    format!(" availabilityTimeOffset=\"{early}\" availabilityTimeComplete=\"false\"")
}

fn segment_template(
    text: &mut String,
    timeline: &Timeline,
    rendition: Rendition,
    variant: MpdVariant,
    span: PeriodRange,
) {
    let mut listed = listed_segments(timeline, rendition, span);
    let is_early = variant == MpdVariant::Early && span.is_ad(variant);
    if variant == MpdVariant::Ahead {
        listed = with_coming(timeline, rendition, span, AHEAD_MS, listed);
    } else if is_early {
        let whole = PeriodRange { until: Some(span.from + PERIOD), ..span };
        listed = with_coming(timeline, rendition, whole, PERIOD * timeline.layout[0] * UNIT_MS, listed);
    }
    if variant == MpdVariant::LowLatencyTime {
        listed.extend(low_latency::open_segment(timeline, span.now_ms, rendition));
    }
    let (media, number) = match variant {
        _ if span.is_ad(variant) => {
            let position = listed.first().map_or(0, |s| s.index - span.from);
            let name = if is_early { dash::EARLY } else { "ad" };
            (format!("{}/{name}{}_$Number$", folder(timeline, rendition), span.from), position + 1)
        }
        MpdVariant::Time | MpdVariant::Open | MpdVariant::Ahead => {
            ("$RepresentationID$/t_$Time$".to_owned(), span.from + timeline.base)
        }
        _ => {
            let first = listed.first().map_or(span.from, |s| s.index) + timeline.base;
            let shifted = i64::from(timeline.effect == Some(Effect::NumbersShifted));
            ("$RepresentationID$/seg_$Number$".to_owned(), first - shifted)
        }
    };
    open_segment_template(text, rendition, &media);
    if variant == MpdVariant::LowLatencyTime {
        text.push_str(&early_availability(timeline));
    }
    if is_early {
        text.push_str(" availabilityTimeOffset=\"INF\"");
    }
    let _ =
        writeln!(text, " startNumber=\"{number}\"{}>", presentation_time_offset(timeline, rendition, variant, span));
    write_segment_timeline(text, timeline, rendition, variant, span, &listed);
    text.push_str("</SegmentTemplate>\n");
}

fn open_segment_template(text: &mut String, rendition: Rendition, media: &str) {
    let (scale, folder) = (timescale(rendition), media.split('/').next().unwrap_or_default());
    let _ = write!(
        text,
        "<SegmentTemplate timescale=\"{scale}\" media=\"{media}.m4s\" initialization=\"{folder}/init.mp4\""
    );
}

fn segment_list(text: &mut String, timeline: &Timeline, rendition: Rendition, span: PeriodRange) {
    let listed = listed_segments(timeline, rendition, span);
    let (scale, folder) = (timescale(rendition), folder(timeline, rendition));
    let is_renumbered = timeline.effect == Some(Effect::ListRenumbered);
    let first = listed.first().map_or(0, |s| s.index);
    let pace = if is_renumbered {
        format!(" duration=\"{}\" startNumber=\"{}\"", timeline.layout[0] * UNIT_MS * scale / 1000, first + 1)
    } else {
        String::new()
    };
    let _ =
        writeln!(text, "<SegmentList timescale=\"{scale}\"{pace}><Initialization sourceURL=\"{folder}/init.mp4\"/>");
    if !is_renumbered {
        write_segment_timeline(text, timeline, rendition, MpdVariant::List, span, &listed);
    }
    let short = timeline.effect == Some(Effect::ListShort) && rendition == TARGET;
    let left_out = if short { listed.len().checked_sub(3) } else { None };
    for (_, segment) in listed.iter().enumerate().filter(|(at, _)| Some(*at) != left_out) {
        let _ = writeln!(text, "<SegmentURL media=\"{folder}/{}.m4s\"/>", segment.name);
    }
    text.push_str("</SegmentList>\n");
}

/// Returns the attribute presentationTimeOffset: the media time at the start of the Period.
fn presentation_time_offset(
    timeline: &Timeline,
    rendition: Rendition,
    variant: MpdVariant,
    span: PeriodRange,
) -> String {
    if span.is_ad(variant) || timeline.effect == Some(Effect::PeriodOffset) {
        return String::new();
    }
    let ticks = timeline.start_unit(span.from) * UNIT_MS * timescale(rendition) / 1000;
    format!(" presentationTimeOffset=\"{ticks}\"")
}

/// Time for which `ahead.mpd` lists segments that aren't available yet, in milliseconds.
pub(super) const AHEAD_MS: i64 = 10_000;

/// Returns the listed segments and those of the next `ahead_ms` milliseconds.
fn with_coming(
    timeline: &Timeline,
    rendition: Rendition,
    span: PeriodRange,
    ahead_ms: i64,
    mut listed: Vec<Segment>,
) -> Vec<Segment> {
    let newest = listed.last().map_or(i64::MIN, |s| s.index);
    let later = listed_segments(timeline, rendition, PeriodRange { now_ms: span.now_ms + ahead_ms, ..span });
    listed.extend(later.into_iter().filter(|s| s.index > newest));
    listed
}

fn listed_segments(timeline: &Timeline, rendition: Rendition, span: PeriodRange) -> Vec<Segment> {
    let within = |s: &Segment| s.index >= span.from && span.until.is_none_or(|until| s.index < until);
    let mut listed = timeline.listing(span.now_ms, rendition, span.turn).segments;
    listed.retain(within);
    if timeline.effect == Some(Effect::PeriodShort) && listed.last().is_some_and(|s| Some(s.index + 1) == span.until) {
        listed.pop();
    }
    if timeline.effect == Some(Effect::PeriodLate) && listed.first().is_some_and(|s| s.index == span.from) {
        listed.remove(0);
    }
    if timeline.effect == Some(Effect::MpdGap) && rendition == TARGET && listed.len() > 3 {
        listed.remove(listed.len() - 3);
    }
    listed
}

fn write_segment_timeline(
    text: &mut String,
    timeline: &Timeline,
    rendition: Rendition,
    variant: MpdVariant,
    span: PeriodRange,
    listed: &[Segment],
) {
    text.push_str("<SegmentTimeline>\n");
    let before = if span.is_ad(variant) { timeline.start_unit(span.from) } else { 0 };
    let media_span = |s: &Segment| {
        let unit = s.media_unit - before;
        (ticks(rendition, unit), ticks(rendition, unit + s.units))
    };
    let target_effect = timeline.effect.filter(|_| rendition == TARGET);
    let mut at = 0;
    while let Some(segment) = listed.get(at) {
        let (start, end) = media_span(segment);
        let continues_run = |(n, s): (usize, &Segment)| {
            let (next, after) = media_span(s);
            next == start + (n as i64 + 1) * (end - start) && after - next == end - start
        };
        let rest = listed.iter().skip(at + 1).enumerate();
        let single = variant == MpdVariant::Time || target_effect == Some(Effect::MpdOverlap);
        let repeated = if single { 0 } else { rest.take_while(|next| continues_run(*next)).count() };
        let third = at + 3 == listed.len() && target_effect == Some(Effect::MpdOverlap);
        let early = if third { timescale(rendition) / 2 } else { 0 };
        let length = match target_effect {
            Some(Effect::TimelineDurationMissing) => String::new(),
            _ => format!(" d=\"{}\"", end - start + early),
        };
        let repeat = match repeated {
            0 => String::new(),
            _ if variant == MpdVariant::Open => " r=\"-1\"".to_owned(),
            more => format!(" r=\"{more}\""),
        };
        let _ = writeln!(text, "<S t=\"{}\"{length}{repeat}/>", start - early);
        at += 1 + repeated;
    }
    text.push_str("</SegmentTimeline>");
}
