//! Parser for the MPD element and the times of its Periods.

use super::base_urls::BaseUrls;
use super::defect_log::DefectLog;
use super::descriptors;
use super::model::{Mpd, Period, PlaybackRate, ServiceLatency};
use super::period;
use super::remote::{self, existing};
use super::snapshot::playable_representations;
use super::values::{attribute, child, decimal, duration, instant, number, string, words};
use super::{essential, event_order, shared_segments, unique_ids, updates};
use crate::container::VALIDITY_EVENTS;
use crate::redact::Quoted;
use crate::units::Seconds;
use roxmltree::Node;
use url::Url;

const MPD: &str = "ISO/IEC 23009-1 5.3.1.2";
const PERIOD: &str = "ISO/IEC 23009-1 5.3.2.1";
/// Largest number of Periods that are read of one MPD: the newest ones.
const MAX_PERIODS: usize = 10_000;

pub(super) fn read(root: Node<'_, '_>, base: &Url, log: &mut DefectLog<'_>) -> Mpd {
    let mut mpd = Mpd {
        id: string(root, "id"),
        dynamic: dynamic(root, log),
        list: attribute(root, "type") == Some("list"),
        profiles: words(root, "profiles", &[',']),
        availability_start: instant(root, "availabilityStartTime", log),
        availability_end: instant(root, "availabilityEndTime", log),
        publish_time: instant(root, "publishTime", log),
        minimum_update_period: duration(root, "minimumUpdatePeriod", log),
        min_buffer_time: duration(root, "minBufferTime", log),
        time_shift_buffer_depth: duration(root, "timeShiftBufferDepth", log),
        suggested_presentation_delay: duration(root, "suggestedPresentationDelay", log),
        max_segment_duration: duration(root, "maxSegmentDuration", log),
        duration: duration(root, "mediaPresentationDuration", log),
        locations: updates::locations(root, base, log),
        patch_locations: updates::patches(root, base, log),
        steering: updates::steering(root, base, log),
        utc_timings: descriptors::descriptors(root, "UTCTiming", log),
        latency: latency(root, log),
        playback_rate: playback_rate(root, log),
        periods: Vec::new(),
    };
    required(root, &mpd, log);
    essential::check_mpd(root, log);
    mpd.periods = periods(root, base, &mpd, log);
    reopen_last_period(root, &mut mpd, log);
    event_order::check_event_order(root, log);
    event_order::check_event_ids(root, log);
    event_order::check_event_times(root, &mpd, log);
    unique_ids::check_unique_ids(root, &mpd.periods, log);
    shared_segments::check_shared_segments(root, &mpd.periods, log);
    mpd
}

fn dynamic(root: Node<'_, '_>, log: &mut DefectLog<'_>) -> bool {
    match attribute(root, "type") {
        None | Some("static" | "list") => false,
        Some("dynamic") => true,
        Some(other) => {
            log.wrong(root, MPD, format_args!("MPD@type is {}, which is neither static nor dynamic", Quoted(other)));
            false
        }
    }
}

/// Logs mandatory attributes of the MPD element that are missing.
fn required(root: Node<'_, '_>, mpd: &Mpd, log: &mut DefectLog<'_>) {
    let always = ["profiles", "minBufferTime"];
    let live: &[&str] = if mpd.dynamic { &["availabilityStartTime", "publishTime"] } else { &[] };
    for name in always.iter().chain(live).filter(|name| attribute(root, name).is_none()) {
        let kind = if mpd.dynamic { "dynamic" } else { "static" };
        let message = format!("MPD@{name} is missing; a {kind} MPD must have it");
        if *name == "profiles" || (*name == "publishTime" && !needs_publish_time(root, mpd)) {
            log.tolerated(root, MPD, format_args!("{message}"));
        } else {
            log.wrong(root, MPD, format_args!("{message}"));
        }
    }
    if mpd.profiles.is_empty() && attribute(root, "profiles").is_some() {
        log.tolerated(root, MPD, format_args!("MPD@profiles names no profile"));
    }
}

/// Returns whether players need the publishTime of an MPD: for its patches, and for events that say until when it is valid (ISO/IEC
/// 23009-1 5.10.4, 5.15).
fn needs_publish_time(root: Node<'_, '_>, mpd: &Mpd) -> bool {
    let is_validity = |node: Node<'_, '_>| attribute(node, "schemeIdUri") == Some(VALIDITY_EVENTS);
    !mpd.patch_locations.is_empty() || root.descendants().any(is_validity)
}

fn latency(root: Node<'_, '_>, log: &mut DefectLog<'_>) -> Option<ServiceLatency> {
    let node = child(child(root, "ServiceDescription")?, "Latency")?;
    let mut milliseconds = |name| number(node, name, log).map(|n: u32| Seconds(f64::from(n) / 1000.0));
    Some(ServiceLatency { target: milliseconds("target"), min: milliseconds("min"), max: milliseconds("max") })
}

fn playback_rate(root: Node<'_, '_>, log: &mut DefectLog<'_>) -> Option<PlaybackRate> {
    let node = child(child(root, "ServiceDescription")?, "PlaybackRate")?;
    Some(PlaybackRate { min: decimal(node, "min", log), max: decimal(node, "max", log) })
}

/// Parses the newest Periods of the MPD, each with its start and its duration.
fn periods(root: Node<'_, '_>, base: &Url, mpd: &Mpd, log: &mut DefectLog<'_>) -> Vec<Period> {
    let count = existing(root, "Period").count();
    if count == 0 && !mpd.list {
        log.wrong(root, PERIOD, format_args!("the MPD has no Period"));
    }
    let mpd_url = base;
    let base = BaseUrls::of(root, &BaseUrls::of_document(base, &mpd.locations), log);
    let times = times(root, mpd, log);
    let surplus = count.saturating_sub(MAX_PERIODS);
    if surplus > 0 {
        log.wrong(root, PERIOD, format_args!("the oldest {surplus} Periods were left out; {MAX_PERIODS} are read"));
    }
    let mut reader = period::Reader::new(root, mpd_url, log);
    let all = existing(root, "Period").zip(times).skip(surplus);
    all.map(|(node, time)| reader.period(node, &base, time)).collect()
}

/// Logs a mediaPresentationDuration that ends before the segments that the MPD lists, and removes the end that the last
/// Period has from it: the MPD is still updated, so that the segments are right and the duration is wrong. Players don't notice if
/// they are behind the live edge by more than that.
fn reopen_last_period(root: Node<'_, '_>, mpd: &mut Mpd, log: &mut DefectLog<'_>) {
    let Some(total) = mpd.duration.filter(|_| mpd.dynamic && mpd.minimum_update_period.is_some()) else { return };
    let Some(period) = mpd.periods.last() else { return };
    let own = existing(root, "Period").last().and_then(|node| attribute(node, "duration"));
    let Some((start, lasts)) = period.start.zip(period.duration).filter(|_| own.is_none()) else { return };
    let ends = playable_representations(period).filter_map(|(_, r)| r.addressing.listed_end());
    let Some((end, last)) = ends.reduce(|a, b| if b.0 > a.0 { b } else { a }) else { return };
    if end - last < lasts {
        return;
    }
    let until = (start + end).0;
    let message = format!(
        "MPD@mediaPresentationDuration ends the presentation after {:.1} s, but segments are listed until {until:.1} s: players \
         stop there or don't start",
        total.0
    );
    if (end - lasts).0 > mpd.player_delay(last).0 {
        log.fatal(root, MPD, format_args!("{message}"));
    } else {
        log.wrong(root, MPD, format_args!("{message}"));
    }
    if let Some(period) = mpd.periods.last_mut() {
        period.duration = None;
    }
}

/// Returns start and duration of every Period, from its own attributes or those of its neighbours (ISO/IEC 23009-1
/// 5.3.2.1).
fn times(root: Node<'_, '_>, mpd: &Mpd, log: &mut DefectLog<'_>) -> Vec<period::PeriodTimes> {
    let mut times: Vec<period::PeriodTimes> = Vec::new();
    for node in existing(root, "Period") {
        let before = times.last().map(|t| (t.start, t.duration));
        let follows = match before {
            None if !mpd.dynamic => Some(Seconds::ZERO),
            None => None,
            Some((start, duration)) => start.zip(duration).map(|(start, duration)| start + duration),
        };
        let start = duration(node, "start", log);
        // Some players take 0 for the start that a live presentation's first Period doesn't have.
        let alone = before.is_none().then_some(Seconds::ZERO).filter(|_| attribute(node, "start").is_none());
        if mpd.dynamic && alone.is_some() && remote::href(node).is_none() {
            log.fatal(node, PERIOD, format_args!(
                "the first Period of a dynamic MPD has no start, which makes it an Early Available Period: dash.js and Media3 have no \
                 Period to play; write start=\"PT0S\""
            ));
        }
        times.push((start.or(follows).or(alone), duration(node, "duration", log)).into());
    }
    let mut next = mpd.duration;
    for time in times.iter_mut().rev() {
        let until = next.zip(time.start).map(|(end, start)| end - start).filter(|d| d.0 >= 0.0);
        time.duration = until.or(time.duration);
        next = time.start.or(next);
    }
    times
}
