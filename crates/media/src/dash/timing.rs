//! When a segment is to be there, by a clock that is handed in (ISO/IEC 23009-1 5.3.9.5.3, DASH-IF restricted timing
//! model), and which clock the MPD means.

use super::model::{Addressing, Descriptor, Mpd, Period};
use super::spans::Span;
use crate::stream::date;
use crate::units::{Seconds, Timestamp};
use url::Url;

/// From when to when a segment is to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Availability {
    pub from: Timestamp,
    /// `None`: it stays.
    pub until: Option<Timestamp>,
}

/// How a moment lies to an [`Availability`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Due {
    /// It comes that much later.
    Early(Seconds),
    Now,
    /// It may have gone that long ago.
    Late(Seconds),
}

/// What an answer (there or not) says at that moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    Good,
    /// It was there that long before its time: the packager's clock, or availabilityStartTime, is off.
    TooEarly(Seconds),
    /// It is due and isn't there.
    Missing,
}

impl Availability {
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Due {
        if now < self.from {
            return Due::Early(Seconds::between(now, self.from));
        }
        match self.until {
            Some(until) if now > until => Due::Late(Seconds::between(until, now)),
            _ => Due::Now,
        }
    }

    /// Both clocks may be off by `slack`: within it at either end any answer is good.
    #[must_use]
    pub fn judge(&self, now: Timestamp, there: bool, slack: Seconds) -> Verdict {
        match (self.at(now), there) {
            (Due::Early(by), true) if by > slack => Verdict::TooEarly(by),
            (Due::Now, false) if self.well_within(now, slack) => Verdict::Missing,
            _ => Verdict::Good,
        }
    }

    fn well_within(&self, now: Timestamp, slack: Seconds) -> bool {
        let begun = Seconds::between(self.from, now) >= slack;
        begun && self.until.is_none_or(|until| Seconds::between(now, until) >= slack)
    }
}

/// `None` for a static MPD, or where the times aren't known. A segment may be asked for when its media time has passed
/// (earlier by the offset where it is whole then), and stays for the time-shift buffer and its own length after its end.
#[must_use]
pub fn availability(mpd: &Mpd, period: &Period, addressing: &Addressing, span: Span) -> Option<Availability> {
    let start = mpd.availability_start.filter(|_| mpd.dynamic)?;
    let ticks = addressing.timescale;
    let length = Seconds(span.duration as f64 / f64::from(ticks.get()));
    let end = presented(period, addressing, span)? + length;
    let early = early(addressing);
    let from = if early.0.is_finite() { (end - early).after(start) } else { period.start?.after(start) };
    let until = mpd.time_shift_buffer_depth.map(|depth| (end + depth + length).after(start));
    Some(Availability { from, until })
}

/// Whether anything of a Period may be played at that moment.
#[must_use]
pub fn in_window(mpd: &Mpd, period: &Period, now: Timestamp) -> bool {
    let Some(start) = period.start else { return false };
    if !mpd.dynamic {
        return true;
    }
    let Some(elapsed) = mpd.availability_start.map(|begin| Seconds::between(begin, now)) else { return false };
    let gone =
        period.duration.zip(mpd.time_shift_buffer_depth).is_some_and(|(lasts, kept)| start + lasts + kept < elapsed);
    start <= elapsed && !gone
}

/// How much earlier than by its media time a segment is whole: one that is still growing isn't.
#[must_use]
pub fn early(addressing: &Addressing) -> Seconds {
    if addressing.availability_time_complete { addressing.availability_time_offset } else { Seconds::ZERO }
}

/// Where a segment begins on the presentation's timeline.
#[must_use]
pub fn presented(period: &Period, addressing: &Addressing, span: Span) -> Option<Seconds> {
    let ticks = i128::from(span.start) - i128::from(addressing.presentation_time_offset);
    Some(period.start? + Seconds(ticks as f64 / f64::from(addressing.timescale.get())))
}

/// How a UTCTiming scheme gives the time (ISO/IEC 23009-1 5.8.4.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The MPD says it itself, as of its making.
    Direct(Timestamp),
    /// The Date header of an answer to HEAD.
    Date(Url),
    /// The body of an answer is an xs:dateTime or ISO 8601.
    Body(Url),
    /// NTP and SNTP: not asked by this exporter.
    Network,
}

/// The clock that one UTCTiming means. `None`: a scheme that nobody knows, or a value that is none.
#[must_use]
pub fn source(timing: &Descriptor, base: &Url) -> Option<Source> {
    let kind = timing.scheme.strip_prefix("urn:mpeg:dash:utc:")?.split(':').next()?;
    let value = timing.value.as_deref().unwrap_or_default();
    // Several addresses may be given: any of them will do.
    let url = || base.join(value.split_whitespace().next()?).ok();
    match kind {
        "direct" => date::parse(value).map(|d| Source::Direct(d.at)),
        "http-head" => url().map(Source::Date),
        "http-xsdate" | "http-iso" => url().map(Source::Body),
        "ntp" | "sntp" | "http-ntp" => Some(Source::Network),
        _ => None,
    }
}

/// The time in the body of an answer.
#[must_use]
pub fn read_time(body: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(body.get(..body.len().min(128))?).ok()?;
    date::parse(text.trim()).map(|d| d.at)
}
