//! The MPD element itself.

use super::descriptors;
use super::model::{Latency, Mpd, Period};
use super::notes::Notes;
use super::period;
use super::values::{attribute, child, children, duration, instant, number, string, words};
use super::{events, groups, updates};
use crate::redact::Quoted;
use crate::units::Seconds;
use roxmltree::Node;
use url::Url;

const MPD: &str = "ISO/IEC 23009-1 5.3.1.2";
const PERIOD: &str = "ISO/IEC 23009-1 5.3.2.1";
/// More are no channel's.
const MAX_PERIODS: usize = 10_000;

pub(super) fn read(root: Node<'_, '_>, base: &Url, notes: &mut Notes<'_>) -> Mpd {
    let mut mpd = Mpd {
        id: string(root, "id"),
        dynamic: dynamic(root, notes),
        profiles: words(root, "profiles", &[',']),
        availability_start: instant(root, "availabilityStartTime", notes),
        availability_end: instant(root, "availabilityEndTime", notes),
        publish_time: instant(root, "publishTime", notes),
        minimum_update_period: duration(root, "minimumUpdatePeriod", notes),
        min_buffer_time: duration(root, "minBufferTime", notes),
        time_shift_buffer_depth: duration(root, "timeShiftBufferDepth", notes),
        suggested_presentation_delay: duration(root, "suggestedPresentationDelay", notes),
        max_segment_duration: duration(root, "maxSegmentDuration", notes),
        duration: duration(root, "mediaPresentationDuration", notes),
        locations: updates::locations(root, base, notes),
        patch_locations: updates::patches(root, base, notes),
        utc_timings: descriptors::all(root, "UTCTiming", notes),
        latency: latency(root, notes),
        periods: Vec::new(),
    };
    required(root, &mpd, notes);
    mpd.periods = periods(root, base, &mpd, notes);
    events::ordered(root, notes);
    groups::told_apart(root, notes);
    mpd
}

fn dynamic(root: Node<'_, '_>, notes: &mut Notes<'_>) -> bool {
    match attribute(root, "type") {
        None | Some("static") => false,
        Some("dynamic") => true,
        Some(other) => {
            notes.wrong(root, MPD, format_args!("MPD@type is {}: neither static nor dynamic", Quoted(other)));
            false
        }
    }
}

/// Attributes that the standard asks for.
fn required(root: Node<'_, '_>, mpd: &Mpd, notes: &mut Notes<'_>) {
    let missing = [
        (mpd.profiles.is_empty(), "profiles"),
        (attribute(root, "minBufferTime").is_none(), "minBufferTime"),
        (mpd.dynamic && attribute(root, "availabilityStartTime").is_none(), "availabilityStartTime"),
        (mpd.dynamic && attribute(root, "publishTime").is_none(), "publishTime"),
    ];
    for (_, name) in missing.iter().filter(|(missing, _)| *missing) {
        let kind = if mpd.dynamic { "dynamic" } else { "static" };
        notes.wrong(root, MPD, format_args!("MPD@{name} is missing; a {kind} MPD must have it"));
    }
}

fn latency(root: Node<'_, '_>, notes: &mut Notes<'_>) -> Option<Latency> {
    let node = child(child(root, "ServiceDescription")?, "Latency")?;
    let mut milliseconds = |name| number(node, name, notes).map(|n: u32| Seconds(f64::from(n) / 1000.0));
    Some(Latency { target: milliseconds("target"), min: milliseconds("min"), max: milliseconds("max") })
}

/// The newest, each with its start and its duration.
fn periods(root: Node<'_, '_>, base: &Url, mpd: &Mpd, notes: &mut Notes<'_>) -> Vec<Period> {
    let count = children(root, "Period").count();
    if count == 0 {
        notes.wrong(root, PERIOD, format_args!("an MPD without a Period"));
    }
    let base = period::base(root, base, notes);
    let times = times(root, mpd, notes);
    let surplus = count.saturating_sub(MAX_PERIODS);
    if surplus > 0 {
        notes.wrong(root, PERIOD, format_args!("the oldest {surplus} Periods were left out; {MAX_PERIODS} are read"));
    }
    let mut reader = period::Reader::new(notes);
    let all = children(root, "Period").zip(times).skip(surplus);
    all.map(|(node, time)| reader.period(node, &base, time)).collect()
}

/// Start and duration of every Period (ISO/IEC 23009-1 5.3.2.1): from its own attributes or its neighbours'.
fn times(root: Node<'_, '_>, mpd: &Mpd, notes: &mut Notes<'_>) -> Vec<period::Times> {
    let mut times: Vec<period::Times> = Vec::new();
    for node in children(root, "Period") {
        let before = times.last().map(|t| (t.start, t.duration));
        let follows = match before {
            None if !mpd.dynamic => Some(Seconds::ZERO),
            None => None,
            Some((start, duration)) => start.zip(duration).map(|(start, duration)| start + duration),
        };
        let start = duration(node, "start", notes);
        // ffmpeg and others leave it out of a live presentation's only Period.
        let alone = before.is_none().then_some(Seconds::ZERO).filter(|_| attribute(node, "start").is_none());
        times.push((start.or(follows).or(alone), duration(node, "duration", notes)).into());
    }
    let mut next = mpd.duration;
    for time in times.iter_mut().rev() {
        let until = next.zip(time.start).map(|(end, start)| end - start).filter(|d| d.0 >= 0.0);
        time.duration = until.or(time.duration);
        next = time.start.or(next);
    }
    times
}
