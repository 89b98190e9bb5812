//! Ad markers of a playlist and the ad breaks that they announce. A playlist may announce a break by cue tags (EXT-X-CUE-OUT and
//! similar, which no standard defines), by date ranges (EXT-X-DATERANGE with SCTE35 attributes), or by both. Each is read on its
//! own, so that a check can compare them.

mod elapsed;
mod events;

pub use events::{TimedSection, breaks, merge_range};

use super::Timeline;
use crate::splice::SpliceSection;
use crate::units::{Seconds, Timestamp};
use elapsed::ElapsedMedia;
use std::collections::HashMap;

/// A tag that announces the beginning, continuation or end of an ad break.
#[derive(Debug, Clone, PartialEq)]
pub struct Marker {
    pub kind: MarkerKind,
    /// Media sequence number of the segment that follows the marker's tag.
    pub number: u64,
    /// Line of the ad marker's tag in the playlist, from 1.
    pub line: u32,
}

/// Kind of an ad marker, with the values of its tag.
#[derive(Debug, Clone, PartialEq)]
pub enum MarkerKind {
    /// EXT-X-CUE-OUT: the ad break begins with the segment that follows.
    Out {
        /// Announced duration of the ad break; `None` where the tag gives none.
        announced: Option<Seconds>,
    },
    /// EXT-X-CUE-OUT-CONT: the ad break goes on.
    Continues {
        /// Time since the beginning of the ad break; `None` where the tag gives none.
        elapsed: Option<Seconds>,
        /// Announced duration of the ad break; `None` where the tag gives none.
        announced: Option<Seconds>,
    },
    /// EXT-X-CUE-IN: the programme goes on with the segment that follows.
    In,
    /// EXT-X-DATERANGE with an SCTE35 attribute, or an SCTE 35 event of DASH.
    Range(Box<AdRange>),
    /// An SCTE 35 section without another ad marker that carries it: EXT-OATCLS-SCTE35, EXT-X-SCTE35.
    Splice(Box<SpliceSection>),
}

/// EXT-X-DATERANGE with an SCTE35 attribute (RFC 8216bis 4.4.5.1), or the break that events of DASH announce.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AdRange {
    /// Kind of tag, element or box that announced the ad break.
    pub source: AdSource,
    /// ID of the EXT-X-DATERANGE, or for events of DASH the event number of the splice.
    pub id: String,
    /// START-DATE of the range, or when an event leaves the programme; `None` if not given.
    pub start: Option<Timestamp>,
    /// END-DATE of the range, or when an event returns to the programme; `None` if not given.
    pub end: Option<Timestamp>,
    /// DURATION of the range: how long the break lasted. `None` if not given.
    pub duration: Option<Seconds>,
    /// PLANNED-DURATION of the range, or the duration of an event. `None` if not given.
    pub planned: Option<Seconds>,
    /// Whether the range leaves the programme: it has SCTE35-OUT, or a command that opens a break.
    pub out: bool,
    /// Whether the range returns to the programme: it has SCTE35-IN, or a command that only returns.
    pub returned: bool,
    /// Whether the range has END-ON-NEXT: it ends where the next range of its CLASS begins.
    pub end_on_next: bool,
    /// Duration of the break in the SCTE 35 section that SCTE35-OUT or the event carries; `None` if the section has
    /// none.
    pub coded: Option<Seconds>,
    /// auto_return of an event's SCTE 35 section: the break ends after its duration without another event. `None` if
    /// the section doesn't say.
    pub auto_return: Option<bool>,
    /// Line of the tag or Event that opened the break, from 1; 0 for event messages of segments.
    pub line: u32,
}

impl AdRange {
    /// Returns the announced duration of the break: the actual one if it is known, else the planned one, else that of
    /// the SCTE 35 section. `None` if there is none.
    #[must_use]
    pub fn announced(&self) -> Option<Seconds> {
        let span = || Some(Seconds::between(self.start?, self.end?));
        self.duration.or_else(span).or(self.planned).or(self.coded)
    }

    /// Adds the attributes of a later EXT-X-DATERANGE with the same ID (RFC 8216bis 4.4.5.1: attributes may be added,
    /// not changed).
    fn merge(&mut self, later: &Self) {
        self.start = self.start.or(later.start);
        self.end = self.end.or(later.end);
        self.duration = self.duration.or(later.duration);
        self.planned = self.planned.or(later.planned);
        self.coded = self.coded.or(later.coded);
        self.out |= later.out;
        self.returned |= later.returned;
        self.end_on_next |= later.end_on_next;
        self.auto_return = self.auto_return.or(later.auto_return);
    }
}

/// Kind of tag, element or box that announces an ad break.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AdSource {
    /// The break is announced by EXT-X-CUE-OUT or another cue tag of a playlist.
    Cue,
    /// The break is announced by EXT-X-DATERANGE.
    #[default]
    DateRange,
    /// The break is announced by an Event of an MPD.
    Event,
    /// The break is announced by an event message (`emsg`) of a segment.
    Message,
}

impl AdSource {
    /// Returns the name of the tag, element or box that announces the ad break.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Cue => "EXT-X-CUE-OUT",
            Self::DateRange => "EXT-X-DATERANGE",
            Self::Event => "EventStream",
            Self::Message => "emsg",
        }
    }
}

/// An ad break as one source announces it: cue tags or EXT-X-DATERANGE of a playlist, Events of an MPD, or event
/// messages of segments.
#[derive(Debug, Clone, PartialEq)]
pub struct AdBreak {
    /// Kind of tag, element or box that announced the break.
    pub source: AdSource,
    /// ID of the ad break's date range, or event number of its splice; `None` for cue tags.
    pub id: Option<String>,
    /// Line of the tag that opened the break, or of the first tag that continues it, from 1; 0 for event messages.
    pub line: u32,
    /// Number of the break's first segment; `None` if the break began before the window or is announced by a date only.
    pub from: Option<u64>,
    /// Number of the first segment after the ad break; `None` unless a cue tag ends the break.
    pub until: Option<u64>,
    /// Wall-clock time at which the ad break began; `None` if no date gives it.
    pub start: Option<Timestamp>,
    /// Announced duration of the ad break; `None` if nothing announces one.
    pub announced: Option<Seconds>,
    /// Media time from the beginning of the break to its end or to the live edge; `None` if it isn't known.
    pub elapsed: Option<Seconds>,
    /// State of the break at the live edge.
    pub state: BreakState,
}

/// State of an ad break at the live edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakState {
    /// The ad break is announced and begins after the live edge.
    Ahead,
    /// The live edge is in the ad break.
    Open,
    /// The ad break is over, by a tag or by the duration of its date range.
    Closed,
    /// The ad break wasn't ended before another one began.
    Overrun,
}

impl AdBreak {
    /// Returns whether the playlist lists the beginning of the ad break, and not only its continuation.
    fn starts(&self) -> bool {
        self.from.is_some() || self.source != AdSource::Cue
    }

    /// Returns the prefix `line 12: ` for a message about the break; empty for event messages.
    #[must_use]
    pub fn place_text(&self) -> String {
        if self.line == 0 { String::new() } else { format!("line {}: ", self.line) }
    }
}

impl Timeline {
    /// Returns all ad breaks that the playlist or MPD announces: those of cue tags in their order, then those of date
    /// ranges, then those of events.
    #[must_use]
    pub fn ad_breaks(&self) -> Vec<AdBreak> {
        if self.markers.is_empty() {
            return Vec::new();
        }
        let mut breaks = self.cue_breaks();
        let edge = self.live_edge();
        let ranges = self.ad_ranges();
        breaks.extend(ranges.iter().filter_map(|(line, range)| range_break(*line, range, edge)));
        let events: Vec<AdRange> = self.event_ranges().cloned().collect();
        breaks.extend(events::breaks(&events, edge));
        breaks
    }

    /// Iterates over the ad ranges that events of an MPD announce.
    pub fn event_ranges(&self) -> impl Iterator<Item = &AdRange> {
        self.markers.iter().filter_map(|marker| match &marker.kind {
            MarkerKind::Range(range) if range.source == AdSource::Event => Some(range.as_ref()),
            _ => None,
        })
    }

    /// Returns whether the live edge is in an ad break that the playlist announces.
    #[must_use]
    pub fn in_ad_break(&self) -> bool {
        self.ad_breaks().iter().any(|b| b.state == BreakState::Open)
    }

    /// Returns the number of beginnings and ends of ad breaks that the playlist announces, counted for the kind of
    /// source that announces most.
    #[must_use]
    pub fn splices(&self) -> usize {
        let breaks = self.ad_breaks();
        let of = |source: AdSource| {
            let begun = breaks.iter().filter(|b| b.source == source && b.state != BreakState::Ahead);
            begun.map(|b| usize::from(b.starts()) + usize::from(b.state == BreakState::Closed)).sum::<usize>()
        };
        of(AdSource::Cue).max(of(AdSource::DateRange)).max(of(AdSource::Event))
    }

    /// Returns the ad date ranges of the playlist, each with the line of its first tag; tags with one ID are merged.
    #[must_use]
    pub fn ad_ranges(&self) -> Vec<(u32, AdRange)> {
        let mut ranges: Vec<(u32, AdRange)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for marker in &self.markers {
            let MarkerKind::Range(range) = &marker.kind else { continue };
            if range.source != AdSource::DateRange {
                continue;
            }
            let place = *places.entry(&range.id).or_insert(ranges.len());
            match ranges.get_mut(place) {
                Some((_, known)) => known.merge(range),
                None => ranges.push((marker.line, range.as_ref().clone())),
            }
        }
        ranges
    }

    /// Returns the wall-clock time at which each segment begins: explicit program date-times, carried forward and back
    /// by durations, but not across a discontinuity. `None` for a segment without a date in reach.
    #[must_use]
    pub fn start_dates(&self) -> Vec<Option<Timestamp>> {
        let mut dates = Vec::with_capacity(self.segments.len());
        let mut next = None;
        for segment in &self.segments {
            let carried = next.filter(|_| !segment.discontinuity);
            let date = segment.program_date_time.or(carried);
            next = date.map(|d| segment.duration.after(d));
            dates.push(date);
        }
        let pairs = self.segments.iter().zip(self.segments.iter().skip(1));
        for (at, (segment, following)) in pairs.enumerate().rev() {
            let after = dates.get(at + 1).copied().flatten().filter(|_| !following.discontinuity);
            if let Some(date @ None) = dates.get_mut(at) {
                *date = after.map(|d| Seconds(-segment.duration.0).after(d));
            }
        }
        dates
    }

    fn cue_breaks(&self) -> Vec<AdBreak> {
        let is_cue = |m: &Marker| !matches!(m.kind, MarkerKind::Range(_) | MarkerKind::Splice(_));
        if !self.markers.iter().any(is_cue) {
            return Vec::new();
        }
        let (starts, elapsed_media) = (self.start_dates(), ElapsedMedia::of(&self.segments));
        let mut breaks: Vec<AdBreak> = Vec::new();
        let open = |b: &&mut AdBreak| b.state == BreakState::Open;
        for marker in &self.markers {
            match marker.kind {
                MarkerKind::Out { announced } => {
                    if let Some(before) = breaks.last_mut().filter(open) {
                        before.end(&elapsed_media, marker.number, BreakState::Overrun);
                    }
                    let start = self.index_of(marker.number).and_then(|at| *starts.get(at)?);
                    breaks.push(cue_break(marker, Some(marker.number), start, announced));
                }
                MarkerKind::Continues { elapsed, announced } => match breaks.last_mut().filter(open) {
                    Some(known) => known.announced = known.announced.or(announced),
                    None => {
                        let date = self.index_of(marker.number).and_then(|at| *starts.get(at)?);
                        let start = date.and_then(|d| Some(Seconds(-elapsed?.0).after(d)));
                        let mut begun = cue_break(marker, None, start, announced);
                        begun.elapsed = elapsed.map(|e| e + elapsed_media.from(marker.number));
                        breaks.push(begun);
                    }
                },
                MarkerKind::In => {
                    if let Some(known) = breaks.last_mut().filter(open) {
                        known.end(&elapsed_media, marker.number, BreakState::Closed);
                    }
                }
                MarkerKind::Range(_) | MarkerKind::Splice(_) => {}
            }
        }
        for known in &mut breaks {
            if known.state == BreakState::Open
                && let Some(from) = known.from
            {
                known.elapsed = Some(elapsed_media.from(from));
            }
        }
        breaks
    }

    fn index_of(&self, number: u64) -> Option<usize> {
        let first = self.segments.first()?.number;
        usize::try_from(number.checked_sub(first)?).ok()
    }
}

impl AdBreak {
    /// Ends a break of cue tags where segment `number` begins.
    fn end(&mut self, media: &ElapsedMedia<'_>, number: u64, state: BreakState) {
        self.state = state;
        self.until = Some(number);
        self.elapsed = match (self.from, self.elapsed) {
            (Some(from), _) => Some(media.between(from, number)),
            (None, Some(elapsed)) => Some(elapsed - media.from(number)),
            (None, None) => None,
        };
    }
}

fn cue_break(marker: &Marker, from: Option<u64>, start: Option<Timestamp>, announced: Option<Seconds>) -> AdBreak {
    let (source, line, state) = (AdSource::Cue, marker.line, BreakState::Open);
    AdBreak { source, id: None, line, from, until: None, start, announced, elapsed: None, state }
}

/// Returns the ad break of a date range; `None` if the range opens none. A break with a duration ends after it even
/// without SCTE35-IN, because packagers end breaks with auto_return in this way.
fn range_break(line: u32, range: &AdRange, edge: Option<Timestamp>) -> Option<AdBreak> {
    let (start, edge) = (range.start?, edge?);
    if !range.out || range.end_on_next {
        return None;
    }
    let announced = range.announced();
    let since = Seconds::between(start, edge);
    let over = announced.is_some_and(|a| since >= a);
    let (state, elapsed) = match (since.0 < 0.0, range.returned, over) {
        (true, ..) => (BreakState::Ahead, None),
        (_, _, true) => (BreakState::Closed, announced),
        (_, true, false) => (BreakState::Closed, None),
        (_, false, false) => (BreakState::Open, Some(since)),
    };
    let (source, id) = (AdSource::DateRange, Some(range.id.clone()));
    Some(AdBreak { source, id, line, from: None, until: None, start: Some(start), announced, elapsed, state })
}

#[cfg(test)]
mod tests {
    use super::super::Segment;
    use super::*;

    const ZERO: i64 = 1_800_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(ZERO + seconds).unwrap()
    }

    /// Makes a playlist of segments 10 to 15, each of 2 s, with these ad markers (segment number and kind); the first
    /// segment has the date of second 0.
    fn timeline(markers: &[(u64, MarkerKind)]) -> Timeline {
        let segment = |number: u64| Segment {
            number,
            after: number.checked_sub(1),
            discontinuity_sequence: 0,
            uri: url::Url::parse("http://packager/x").unwrap(),
            byte_range: None,
            duration: Seconds(2.0),
            discontinuity: false,
            program_date_time: (number == 10).then(|| at(0)),
            gap: false,
            map: None,
            key: None,
            keys: std::sync::Arc::default(),
            bit_rate: None,
            media_start: None,
            line: 1,
        };
        let marker = |(number, kind): &(u64, MarkerKind)| Marker { kind: kind.clone(), number: *number, line: 7 };
        Timeline {
            version: None,
            media_sequence: 10,
            discontinuity_sequence: 0,
            target_duration: None,
            ended: false,
            playlist_type: None,
            independent_segments: false,
            start_offset: None,
            segments: (10..16).map(segment).collect(),
            markers: markers.iter().map(marker).collect(),
            ..Timeline::default()
        }
    }

    fn out(seconds: f64) -> MarkerKind {
        MarkerKind::Out { announced: Some(Seconds(seconds)) }
    }

    fn range(id: &str, start: i64, planned: Option<f64>) -> AdRange {
        let planned = planned.map(Seconds);
        AdRange { id: id.to_owned(), start: Some(at(start)), planned, out: true, ..AdRange::default() }
    }

    fn shape(timeline: &Timeline) -> Vec<(Option<u64>, Option<f64>, BreakState)> {
        timeline.ad_breaks().iter().map(|b| (b.from, b.elapsed.map(|e| e.0), b.state)).collect()
    }

    #[test]
    fn cue_tags_open_and_close_a_break() {
        let closed = timeline(&[(11, out(4.0)), (13, MarkerKind::In)]);
        assert_eq!(shape(&closed), [(Some(11), Some(4.0), BreakState::Closed)]);
        assert_eq!(closed.ad_breaks()[0].start, Some(at(2)));
        assert_eq!(shape(&timeline(&[(14, out(30.0))])), [(Some(14), Some(4.0), BreakState::Open)]);
        let second = timeline(&[(11, out(4.0)), (14, out(4.0))]);
        let overrun = (Some(11), Some(6.0), BreakState::Overrun);
        assert_eq!(shape(&second), [overrun, (Some(14), Some(4.0), BreakState::Open)]);
    }

    #[test]
    fn a_break_that_began_before_the_window_is_told_by_its_continuation() {
        let goes_on =
            |elapsed| MarkerKind::Continues { elapsed: Some(Seconds(elapsed)), announced: Some(Seconds(30.0)) };
        let open = timeline(&[(10, goes_on(8.0)), (11, goes_on(10.0))]);
        assert_eq!(shape(&open), [(None, Some(20.0), BreakState::Open)]);
        assert_eq!(open.ad_breaks()[0].start, Some(at(-8)));
        let closed = timeline(&[(10, goes_on(8.0)), (12, MarkerKind::In)]);
        assert_eq!(shape(&closed), [(None, Some(12.0), BreakState::Closed)]);
        assert_eq!(shape(&timeline(&[(12, MarkerKind::In)])), []);
    }

    #[test]
    fn a_date_range_is_ahead_open_or_closed_by_its_dates() {
        // The live edge is second 12.
        let state = |range: AdRange| {
            let breaks = timeline(&[(10, MarkerKind::Range(Box::new(range)))]).ad_breaks();
            breaks.first().map(|b| (b.state, b.elapsed.map(|e| e.0)))
        };
        assert_eq!(state(range("a", 13, Some(30.0))), Some((BreakState::Ahead, None)));
        assert_eq!(state(range("a", 8, Some(30.0))), Some((BreakState::Open, Some(4.0))));
        assert_eq!(state(range("a", 8, Some(4.0))), Some((BreakState::Closed, Some(4.0))));
        assert_eq!(state(range("a", 8, None)), Some((BreakState::Open, Some(4.0))));
        assert_eq!(state(AdRange { returned: true, ..range("a", 8, None) }), Some((BreakState::Closed, None)));
        assert_eq!(state(AdRange { out: false, ..range("a", 8, None) }), None);
        assert_eq!(state(AdRange { end_on_next: true, ..range("a", 8, None) }), None);
    }

    #[test]
    fn tags_with_one_id_are_one_range() {
        let back = AdRange { id: "a".to_owned(), returned: true, duration: Some(Seconds(3.0)), ..AdRange::default() };
        let both = [range("a", 2, Some(30.0)), back].map(|r| (10, MarkerKind::Range(Box::new(r))));
        let breaks = timeline(&both).ad_breaks();
        assert_eq!(breaks.len(), 1);
        assert_eq!((breaks[0].state, breaks[0].announced), (BreakState::Closed, Some(Seconds(3.0))));
    }

    #[test]
    fn many_breaks_of_a_long_playlist_are_found() {
        let mut long = timeline(&[]);
        let first = long.segments[0].clone();
        long.segments = (10..100_010).map(|number| Segment { number, ..first.clone() }).collect();
        let pairs = (0..2000u64).flat_map(|n| [(10 + 50 * n, out(60.0)), (40 + 50 * n, MarkerKind::In)]);
        let ranges = (0..2000).map(|n| (10, MarkerKind::Range(Box::new(range(&format!("range {n}"), n, None)))));
        long.markers = pairs.chain(ranges).map(|(number, kind)| Marker { kind, number, line: 7 }).collect();
        // A search from the beginning for each break would take minutes.
        let breaks = long.ad_breaks();
        assert_eq!(breaks.len(), 4000);
        assert!(breaks.iter().take(2000).all(|b| b.elapsed == Some(Seconds(60.0)) && b.state == BreakState::Closed));
        assert_eq!(breaks[1999].from, Some(10 + 50 * 1999));
    }

    #[test]
    fn dates_reach_back_to_the_windows_first_segment_but_not_over_a_discontinuity() {
        let mut timeline = timeline(&[]);
        timeline.segments[0].program_date_time = None;
        timeline.segments[3].program_date_time = Some(at(6));
        timeline.segments[2].discontinuity = true;
        let dates = timeline.start_dates();
        assert_eq!(dates, [None, None, Some(at(4)), Some(at(6)), Some(at(8)), Some(at(10))]);
    }
}
