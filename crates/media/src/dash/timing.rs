//! Availability times of segments (ISO/IEC 23009-1 5.3.9.5.3), and the clocks to which an MPD refers.

use super::model::{Descriptor, Mpd, Period, SegmentAddressing, SegmentScheme, SegmentTiming};
use super::spans::SegmentSpan;
use crate::stream::date;
use crate::units::{Seconds, Timestamp};
use url::Url;

/// Returns whether a segment of `period` can be played at `now`: the Period has begun, and its end is still in the
/// time-shift buffer.
#[must_use]
pub fn is_period_in_window(mpd: &Mpd, period: &Period, now: Timestamp) -> bool {
    let Some(start) = period.start else { return false };
    if !mpd.dynamic {
        return true;
    }
    let Some(elapsed) = mpd.availability_start.map(|begin| Seconds::between(begin, now)) else { return false };
    let gone =
        period.duration.zip(mpd.time_shift_buffer_depth).is_some_and(|(lasts, kept)| start + lasts + kept < elapsed);
    start <= elapsed && !gone
}

/// Number of segments by which dash.js stays behind the live edge without suggestedPresentationDelay.
const DELAY_SEGMENTS: f64 = 4.0;
/// Seconds that any player is taken to be behind the live edge at least.
const LEAST_DELAY: f64 = 10.0;

impl Mpd {
    /// Returns the time by which players are behind the live edge, and for which they have media when no new segment comes:
    /// suggestedPresentationDelay, four segments or 10 s, whichever is longest. `segment` is the duration of a segment.
    #[must_use]
    pub fn player_delay(&self, segment: Seconds) -> Seconds {
        let suggested = self.suggested_presentation_delay.map_or(0.0, |delay| delay.0);
        Seconds(suggested.max(DELAY_SEGMENTS * segment.0).max(LEAST_DELAY))
    }

    /// Returns whether the presentation has ended at `now`: the MPD is static, its availabilityEndTime has passed, or its
    /// mediaPresentationDuration has, and no minimumUpdatePeriod says that it may still be extended (ISO/IEC 23009-1
    /// 5.3.1.2).
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        let total = self.duration.filter(|_| self.minimum_update_period.is_none());
        let last = total.zip(self.availability_start).map(|(total, start)| total.after(start));
        !self.dynamic || self.availability_end.is_some_and(|end| end <= now) || last.is_some_and(|end| end <= now)
    }
}

/// Returns how much earlier a segment is complete than at the end of its media time (availabilityTimeOffset). Zero if
/// the segment is available before it is complete (availabilityTimeComplete is false).
#[must_use]
pub fn early_availability(addressing: &SegmentAddressing) -> Seconds {
    if addressing.availability_time_complete { addressing.availability_time_offset } else { Seconds::ZERO }
}

/// How much longer than the longest segment an availabilityTimeOffset of one segment may be, because audio is cut at whole frames.
const FRAME_SLACK: f64 = 1.1;

/// Number of segments by which those of a Period without end are looked at ahead of the clock if its offset is `INF`. The first of them
/// may become complete while it is requested.
const SEGMENTS_AHEAD: f64 = 2.0;

/// Returns how much earlier than by the wall clock a segment counts as the newest one of a live Period, because its
/// availabilityTimeOffset lets players request it before its media time has passed. That is the whole offset if it isn't longer
/// than a segment, and if the clock alone counts the segments of a Period whose end isn't known; two segments if it is `INF` there.
/// Otherwise it is zero: an offset of `INF` makes all of an ad available when it begins, and players still play it at the clock's pace
/// (ISO/IEC 23009-1 5.3.9.5.3). Zero for subsegments of one file, too.
#[must_use]
pub fn live_edge_offset(period: &Period, addressing: &SegmentAddressing) -> Seconds {
    let offset = early_availability(addressing);
    let SegmentScheme::Listed(listing) = &addressing.segments else { return Seconds::ZERO };
    let (longest, goes_on) = match &listing.timing {
        _ if offset == Seconds::ZERO => return offset,
        SegmentTiming::Indexed(_) => return Seconds::ZERO,
        SegmentTiming::Fixed(duration) => (*duration, true),
        SegmentTiming::Runs(runs) => {
            let longest = runs.iter().map(|run| run.duration).max().unwrap_or(0);
            (longest, runs.last().is_some_and(|run| run.count.is_none()))
        }
    };
    let is_paced = goes_on && period.duration.is_none();
    if is_paced && !offset.0.is_finite() {
        return Seconds(SEGMENTS_AHEAD * longest as f64 / f64::from(addressing.timescale.get()));
    }
    let longest = FRAME_SLACK * longest as f64 / f64::from(addressing.timescale.get());
    if offset.0 <= longest || is_paced { offset } else { Seconds::ZERO }
}

/// Returns the start of a segment on the timeline of the presentation. `None` if the start of the Period is unknown.
#[must_use]
pub fn presentation_time(period: &Period, addressing: &SegmentAddressing, span: SegmentSpan) -> Option<Seconds> {
    let ticks = i128::from(span.start) - i128::from(addressing.presentation_time_offset);
    Some(period.start? + Seconds(ticks as f64 / f64::from(addressing.timescale.get())))
}

/// Largest number of URLs that are read of one UTCTiming element.
const MAX_CLOCK_URLS: usize = 4;

/// Source of the time that a UTCTiming element refers to (ISO/IEC 23009-1 5.8.4.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClockSource {
    /// The UTCTiming element itself contains the time at which the MPD was made.
    Direct(Timestamp),
    /// The Date header of the clock's answer to a HEAD request is the time.
    Date(Url),
    /// The body of the clock's answer is the time as xs:dateTime or ISO 8601.
    Body(Url),
    /// The clock answers over NTP or SNTP instead of HTTP.
    Network,
}

/// Returns the clocks to which a UTCTiming element refers, in their order: a player that gets no time from one asks the
/// next. `base` resolves relative URLs. Empty if the scheme is unknown, or the value is no time or URL.
#[must_use]
pub fn clock_sources(timing: &Descriptor, base: &Url) -> Vec<ClockSource> {
    let kind = timing.scheme.strip_prefix("urn:mpeg:dash:utc:").and_then(|kind| kind.split(':').next());
    let value = timing.value.as_deref().unwrap_or_default();
    let urls = || value.split_whitespace().take(MAX_CLOCK_URLS).filter_map(|url| base.join(url).ok());
    match kind.unwrap_or_default() {
        "direct" => date::parse(value).map(|d| ClockSource::Direct(d.at)).into_iter().collect(),
        "http-head" => urls().map(ClockSource::Date).collect(),
        "http-xsdate" | "http-iso" => urls().map(ClockSource::Body).collect(),
        "ntp" | "sntp" | "http-ntp" => vec![ClockSource::Network],
        _ => Vec::new(),
    }
}

/// Parses the time in the body of a clock's answer. `None` if the body is no xs:dateTime or ISO 8601 date.
#[must_use]
pub fn parse_clock_body(body: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(body.get(..body.len().min(128))?).ok()?;
    date::parse(text.trim()).map(|d| d.at)
}
