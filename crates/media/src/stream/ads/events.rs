//! Ad breaks of DASH. An Event of the MPD or an event message of a segment announces one splice, and two of them make a
//! break. Packagers choose the event numbers freely, and some give all splices the same number, so a return is matched
//! by number and by time.

use super::{AdBreak, AdRange, AdSource, BreakState};
use crate::splice::{SpliceDirection, SpliceSection};
use crate::units::{Seconds, Timestamp};

/// Largest distance in seconds between two times that count as the same splice: sections are repeated, and clocks
/// rounded.
const SAME: f64 = 0.5;
/// Largest number of ad ranges that are kept of one rendition: the newest ones.
const MAX_RANGES: usize = 64;

/// An SCTE 35 section with the time of the splice that it announces.
#[derive(Debug, Clone, Copy)]
pub struct TimedSection<'a> {
    /// Kind of element or box that carried the SCTE 35 section.
    pub source: AdSource,
    /// Wall-clock time of the SCTE 35 splice.
    pub at: Timestamp,
    /// Duration of the event that carries the section; `None` if the event has none.
    pub duration: Option<Seconds>,
    /// Contents of the SCTE 35 section.
    pub section: &'a SpliceSection,
    /// Line of the Event in the MPD, from 1; 0 for an event message.
    pub line: u32,
}

impl TimedSection<'_> {
    /// Returns the ad range that the section opens or, as a range without start, ends; empty for a section that does
    /// neither. A section that ends an advertisement and begins the next opens a range.
    #[must_use]
    pub fn ranges(&self) -> Vec<AdRange> {
        let opens = self.section.first_out().is_some();
        let cues = self.section.cues.iter().filter(|cue| !opens || cue.direction == SpliceDirection::Out);
        let range = |cue: &crate::splice::SpliceCue| {
            let out = cue.direction == SpliceDirection::Out;
            AdRange {
                source: self.source,
                id: format!("{}", cue.event_id),
                start: Some(self.at).filter(|_| out),
                end: Some(self.at).filter(|_| !out),
                planned: self.duration.filter(|_| out),
                coded: cue.duration.filter(|_| out),
                auto_return: cue.auto_return,
                out,
                returned: !out,
                line: self.line,
                ..AdRange::default()
            }
        };
        cues.map(range).take(1).collect()
    }
}

/// Merges a result of [`TimedSection::ranges`] into the known ad ranges, which are in the order of their times. A
/// return to the programme ends the newest open break that has the same event number. If there is none, it ends the
/// newest open break.
pub fn merge_range(known: &mut Vec<AdRange>, range: AdRange) {
    let near = |a: Option<Timestamp>, b: Option<Timestamp>| {
        a.zip(b).is_some_and(|(a, b)| Seconds::between(a, b).abs().0 <= SAME)
    };
    let known_index = match range.end.filter(|_| range.start.is_none()) {
        Some(_) if known.iter().any(|k| near(k.end, range.end)) => return,
        Some(end) => {
            let open = |k: &AdRange| k.end.is_none() && k.start.is_some_and(|start| start < end);
            known.iter().rposition(|k| open(k) && k.id == range.id).or_else(|| known.iter().rposition(open))
        }
        None => known.iter().rposition(|k| k.id == range.id && near(k.start, range.start)),
    };
    match known_index.and_then(|at| known.get_mut(at)) {
        Some(known_range) => known_range.merge(&range),
        None => {
            let later = |k: &AdRange| k.start.or(k.end) > range.start.or(range.end);
            let at = known.iter().rposition(|k| !later(k)).map_or(0, |at| at + 1);
            known.insert(at, range);
        }
    }
    known.drain(..known.len().saturating_sub(MAX_RANGES));
}

/// Iterates over the ad breaks of `ranges` with their state at the live edge `edge`; none if `edge` is `None`. A break
/// ends when its announced duration has passed, or at its section that returns to the programme. The duration isn't
/// used if the stream sends such sections for other breaks, and the break doesn't declare auto_return: then it stays
/// open until its section comes.
pub fn breaks(ranges: &[AdRange], edge: Option<Timestamp>) -> impl Iterator<Item = AdBreak> {
    let ended = ranges.iter().any(|r| r.out && r.end.is_some());
    ranges.iter().filter_map(move |range| {
        let (start, edge) = (range.start?, edge?);
        let announced = range.planned.or(range.coded);
        let since = Seconds::between(start, edge);
        let to_the_end = range.end.map(|end| Seconds::between(start, end));
        let awaited = ended && range.auto_return != Some(true);
        let until = to_the_end.or(announced.filter(|_| !awaited)).filter(|length| since >= *length);
        let (state, elapsed) = match until {
            _ if since.0 < 0.0 => (BreakState::Ahead, None),
            Some(length) => (BreakState::Closed, Some(length)),
            None => (BreakState::Open, Some(since)),
        };
        Some(AdBreak {
            source: range.source,
            id: Some(range.id.clone()),
            line: range.line,
            from: None,
            until: None,
            start: Some(start),
            announced,
            elapsed,
            state,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Timestamp {
        Seconds(seconds).after(Timestamp::from_second(1_800_000_000).unwrap())
    }

    fn out(id: &str, start: f64, auto_return: Option<bool>) -> AdRange {
        let (start, coded) = (Some(at(start)), Some(Seconds(30.0)));
        AdRange {
            source: AdSource::Event,
            id: id.to_owned(),
            start,
            coded,
            auto_return,
            out: true,
            ..AdRange::default()
        }
    }

    fn back(id: &str, end: f64) -> AdRange {
        let end = Some(at(end));
        AdRange { source: AdSource::Event, id: id.to_owned(), end, returned: true, ..AdRange::default() }
    }

    fn joined(all: Vec<AdRange>) -> Vec<AdRange> {
        let mut known = Vec::new();
        all.into_iter().for_each(|range| merge_range(&mut known, range));
        known
    }

    fn ends(all: Vec<AdRange>) -> Vec<Option<f64>> {
        joined(all).iter().map(|r| r.end.map(|end| Seconds::between(at(0.0), end).0)).collect()
    }

    fn states(all: Vec<AdRange>, edge: f64) -> Vec<(BreakState, Option<f64>)> {
        breaks(&joined(all), Some(at(edge))).map(|b| (b.state, b.elapsed.map(|e| e.0))).collect()
    }

    #[test]
    fn a_way_back_ends_the_break_of_its_number() {
        assert_eq!(ends(vec![out("1", 0.0, None), out("2", 10.0, None), back("1", 20.0)]), [Some(20.0), None]);
        assert_eq!(ends(vec![out("1", 0.0, None), back("9", 20.0)]), [Some(20.0)], "numbers of its own");
        assert_eq!(ends(vec![out("1", 0.0, None), back("1", 20.0), out("1", 40.0, None)]), [Some(20.0), None]);
        assert_eq!(ends(vec![out("1", 40.0, None), back("1", 20.0)]), [Some(20.0), None], "one of before the window");
    }

    #[test]
    fn what_is_told_again_is_told_once() {
        let again = vec![out("1", 0.0, None), out("1", 0.5, None), back("1", 20.0), back("1", 20.5)];
        assert_eq!(ends(again), [Some(20.0)]);
        assert_eq!(ends(vec![out("1", 0.0, None), out("1", 0.6, None)]), [None, None]);
    }

    #[test]
    fn a_break_with_a_duration_ends_with_it() {
        assert_eq!(states(vec![out("1", 0.0, None)], -1.0), [(BreakState::Ahead, None)]);
        assert_eq!(states(vec![out("1", 0.0, None)], 29.9), [(BreakState::Open, Some(29.9))]);
        assert_eq!(states(vec![out("1", 0.0, Some(false))], 30.0), [(BreakState::Closed, Some(30.0))]);
        let endless = AdRange { coded: None, ..out("1", 0.0, None) };
        assert_eq!(states(vec![endless], 300.0), [(BreakState::Open, Some(300.0))]);
    }

    #[test]
    fn where_others_were_ended_one_that_does_not_return_by_itself_stays_open() {
        let then = |auto_return| vec![out("1", 0.0, Some(false)), back("1", 30.0), out("2", 60.0, auto_return)];
        let last = |auto_return, edge| states(then(auto_return), edge)[1];
        assert_eq!(last(Some(false), 95.0), (BreakState::Open, Some(35.0)));
        assert_eq!(last(None, 95.0), (BreakState::Open, Some(35.0)));
        assert_eq!(last(Some(true), 95.0), (BreakState::Closed, Some(30.0)));
        let closed = [then(None), vec![back("2", 70.0)]].concat();
        assert_eq!(states(closed.clone(), 69.0)[1], (BreakState::Open, Some(9.0)), "its end is announced ahead");
        assert_eq!(states(closed, 70.0)[1], (BreakState::Closed, Some(10.0)));
    }

    #[test]
    fn of_too_many_the_newest_are_kept() {
        let many: Vec<_> = (0..100).map(|n| out("1", f64::from(n), None)).collect();
        let kept = joined(many);
        assert_eq!((kept.len(), kept[0].start), (MAX_RANGES, Some(at(36.0))));
    }
}
