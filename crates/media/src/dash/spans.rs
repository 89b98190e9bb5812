//! Which segments a Representation has in a stretch of media time, without counting through those before.

use super::model::{Addressing, Listing, Pace, Run, Segments, Source};
use std::ops::Range;

/// One segment: its number and its nominal time, in ticks of its timescale on the media timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub number: u64,
    pub start: u64,
    pub duration: u64,
}

impl Span {
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.duration)
    }
}

/// What is asked for, in ticks on the media timeline.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    /// Segments that end after this.
    pub from: i128,
    /// Of those whose times are only computed (a fixed duration, an open run), and of a file's parts: the ones over by then.
    pub until: i128,
    /// The Period's end: nothing starts there or later.
    pub end: i128,
}

/// The newest `most` of the stretch, oldest first, and the very first of it. A listing's own end bounds it too.
#[must_use]
pub fn spans(addressing: &Addressing, stretch: Stretch, most: usize) -> (Vec<Span>, Option<Span>) {
    let Segments::Listed(listing) = &addressing.segments else { return (Vec::new(), None) };
    let mut newest = Vec::new();
    let mut first = None;
    for run in runs(listing, addressing.presentation_time_offset).iter().rev() {
        let places = places(run, listing, stretch);
        if places.is_empty() {
            continue;
        }
        first = span(run, places.start);
        let room = u64::try_from(most - newest.len().min(most)).unwrap_or(u64::MAX);
        let begin = places.start.max(places.end.saturating_sub(room));
        newest.extend((begin..places.end).rev().map_while(|place| span(run, place)));
    }
    newest.reverse();
    (newest, first)
}

fn runs(listing: &Listing, offset: u64) -> std::borrow::Cow<'_, [Run]> {
    match &listing.pace {
        Pace::Runs(runs) | Pace::Indexed(runs) => (&**runs).into(),
        Pace::Fixed(duration) => {
            let number = listing.start_number;
            vec![Run { number, start: offset, duration: *duration, count: None, apart: 0 }].into()
        }
    }
}

/// Which of a run's segments, by their place in it. Most runs are all in the stretch: those cost no division.
fn places(run: &Run, listing: &Listing, stretch: Stretch) -> Range<u64> {
    let (start, duration) = (i128::from(run.start), i128::from(run.duration.max(1)));
    let fit = |until: i128| (until - start).div_euclid(duration);
    let wanted = if stretch.from <= start { 0 } else { fit(stretch.from).max(0) };
    let written = match (run.count, &listing.pace) {
        (Some(count), Pace::Indexed(_)) => fit(stretch.until).min(i128::from(count)),
        (Some(count), _) => i128::from(count),
        (None, _) => fit(stretch.until),
    };
    let whole = start.saturating_add(written.saturating_mul(duration)) <= stretch.end;
    let within = if whole { written } else { written.min(fit(stretch.end + duration - 1)) };
    let end = within.min(i128::from(named(run, listing))).max(wanted);
    place(wanted)..place(end)
}

/// How many from this run's first on have a name: up to the listing's last number or URL.
fn named(run: &Run, listing: &Listing) -> u64 {
    let listed = match &listing.source {
        Source::Template(_) => u64::MAX,
        Source::Urls(urls) => listing.start_number.saturating_add(urls.len() as u64),
    };
    let last = listing.end_number.map_or(u64::MAX, |last| last.saturating_add(1));
    listed.min(last).saturating_sub(run.number)
}

fn place(at: i128) -> u64 {
    u64::try_from(at.max(0)).unwrap_or(u64::MAX)
}

fn span(run: &Run, place: u64) -> Option<Span> {
    let start = run.start.checked_add(run.duration.checked_mul(place)?)?;
    Some(Span { number: run.number.checked_add(place)?, start, duration: run.duration })
}
