//! How an MPD tells its segments apart: template, timeline, list (ISO/IEC 23009-1 5.3.9).

use std::fmt::Write;

use super::dash::{Form, PERIOD, folder, ticks, timescale};
use super::faults::Effect;
use super::indexed;
use super::low_latency::PART_MS;
use super::media::UNIT_MS;
use super::timeline::{Rendition, Segment, TARGET, Timeline};

/// Which segments of a Period, and when it is asked for.
#[derive(Clone, Copy)]
pub struct Span {
    pub from: i64,
    pub until: Option<i64>,
    pub now_ms: i64,
    pub turn: u64,
}

impl Span {
    /// Every other Period of `breaks.mpd` and `files.mpd` is an ad: its Representations, numbers and media times are its own.
    pub fn is_ad(self, form: Form) -> bool {
        matches!(form, Form::Breaks | Form::Files) && self.from.div_euclid(PERIOD) % 2 == 1
    }
}

pub fn write(text: &mut String, timeline: &Timeline, rendition: Rendition, form: Form, span: Span) {
    // The frames of the sound make no segments of one length.
    let paced = match form {
        Form::Number | Form::LowLatency => true,
        Form::Open => rendition == Rendition::Audio,
        _ => false,
    };
    match form {
        Form::Files if span.is_ad(form) => indexed::write(text, timeline, rendition, span),
        _ if paced => self::paced(text, timeline, rendition, form, span),
        Form::List => list(text, timeline, rendition, span),
        _ => template(text, timeline, rendition, form, span),
    }
}

fn paced(text: &mut String, timeline: &Timeline, rendition: Rendition, form: Form, span: Span) {
    let (scale, number) = (timescale(rendition), span.from + timeline.base);
    let ticks = timeline.layout[0] * UNIT_MS * scale / 1000;
    open(text, rendition, "$RepresentationID$/seg_$Number$");
    match (form, timeline.effect) {
        (Form::LowLatency, _) => {
            let early = (timeline.layout[0] * UNIT_MS - PART_MS) as f64 / 1000.0;
            let _ = write!(text, " availabilityTimeOffset=\"{early}\" availabilityTimeComplete=\"false\"");
        }
        (_, Some(Effect::OffsetTooLong)) => text.push_str(" availabilityTimeOffset=\"15\""),
        _ => {}
    }
    let _ = writeln!(text, " startNumber=\"{number}\" duration=\"{ticks}\"/>");
}

fn template(text: &mut String, timeline: &Timeline, rendition: Rendition, form: Form, span: Span) {
    let listed = listed(timeline, rendition, span);
    let (media, number) = match form {
        _ if span.is_ad(form) => {
            let place = listed.first().map_or(0, |s| s.index - span.from);
            (format!("{}/ad{}_$Number$", folder(timeline, rendition), span.from), place + 1)
        }
        Form::Time | Form::Open => ("$RepresentationID$/t_$Time$".to_owned(), span.from + timeline.base),
        _ => {
            let first = listed.first().map_or(span.from, |s| s.index) + timeline.base;
            let shifted = i64::from(timeline.effect == Some(Effect::NumbersShifted));
            ("$RepresentationID$/seg_$Number$".to_owned(), first - shifted)
        }
    };
    open(text, rendition, &media);
    let _ = writeln!(text, " startNumber=\"{number}\"{}>", offset(timeline, rendition, form, span));
    runs(text, timeline, rendition, form, span, &listed);
    text.push_str("</SegmentTemplate>\n");
}

fn open(text: &mut String, rendition: Rendition, media: &str) {
    let (scale, folder) = (timescale(rendition), media.split('/').next().unwrap_or_default());
    let _ = write!(
        text,
        "<SegmentTemplate timescale=\"{scale}\" media=\"{media}.m4s\" initialization=\"{folder}/init.mp4\""
    );
}

fn list(text: &mut String, timeline: &Timeline, rendition: Rendition, span: Span) {
    let listed = listed(timeline, rendition, span);
    let (scale, folder) = (timescale(rendition), folder(timeline, rendition));
    let _ = writeln!(text, "<SegmentList timescale=\"{scale}\"><Initialization sourceURL=\"{folder}/init.mp4\"/>");
    runs(text, timeline, rendition, Form::List, span, &listed);
    let short = timeline.effect == Some(Effect::ListShort) && rendition == TARGET;
    let left_out = if short { listed.len().checked_sub(3) } else { None };
    for (_, segment) in listed.iter().enumerate().filter(|(at, _)| Some(*at) != left_out) {
        let _ = writeln!(text, "<SegmentURL media=\"{folder}/{}.m4s\"/>", segment.name);
    }
    text.push_str("</SegmentList>\n");
}

/// The media time at the Period's start.
fn offset(timeline: &Timeline, rendition: Rendition, form: Form, span: Span) -> String {
    if span.is_ad(form) || timeline.effect == Some(Effect::PeriodOffset) {
        return String::new();
    }
    let ticks = timeline.start_unit(span.from) * UNIT_MS * timescale(rendition) / 1000;
    format!(" presentationTimeOffset=\"{ticks}\"")
}

fn listed(timeline: &Timeline, rendition: Rendition, span: Span) -> Vec<Segment> {
    let within = |s: &Segment| s.index >= span.from && span.until.is_none_or(|until| s.index < until);
    let mut listed = timeline.listing(span.now_ms, rendition, span.turn).segments;
    listed.retain(within);
    if timeline.effect == Some(Effect::PeriodShort) && listed.last().is_some_and(|s| Some(s.index + 1) == span.until) {
        listed.pop();
    }
    if timeline.effect == Some(Effect::MpdGap) && rendition == TARGET && listed.len() > 3 {
        listed.remove(listed.len() - 3);
    }
    listed
}

fn runs(text: &mut String, timeline: &Timeline, rendition: Rendition, form: Form, span: Span, listed: &[Segment]) {
    text.push_str("<SegmentTimeline>\n");
    let before = if span.is_ad(form) { timeline.start_unit(span.from) } else { 0 };
    let place = |s: &Segment| {
        let unit = s.media_unit - before;
        (ticks(rendition, unit), ticks(rendition, unit + s.units))
    };
    let spoilt = timeline.effect.filter(|_| rendition == TARGET);
    let mut at = 0;
    while let Some(segment) = listed.get(at) {
        let (start, end) = place(segment);
        let goes_on = |(n, s): (usize, &Segment)| {
            let (next, after) = place(s);
            next == start + (n as i64 + 1) * (end - start) && after - next == end - start
        };
        let rest = listed.iter().skip(at + 1).enumerate();
        let single = form == Form::Time || spoilt == Some(Effect::MpdOverlap);
        let repeated = if single { 0 } else { rest.take_while(|next| goes_on(*next)).count() };
        let third = at + 3 == listed.len() && spoilt == Some(Effect::MpdOverlap);
        let early = if third { timescale(rendition) / 2 } else { 0 };
        let length = match spoilt {
            Some(Effect::MpdLength) => String::new(),
            _ => format!(" d=\"{}\"", end - start + early),
        };
        let repeat = match repeated {
            0 => String::new(),
            _ if form == Form::Open => " r=\"-1\"".to_owned(),
            more => format!(" r=\"{more}\""),
        };
        let _ = writeln!(text, "<S t=\"{}\"{length}{repeat}/>", start - early);
        at += 1 + repeated;
    }
    text.push_str("</SegmentTimeline>");
}
