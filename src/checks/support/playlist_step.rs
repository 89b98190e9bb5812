//! Classifies each update of a media playlist: the playlist continued, went back, or restarted.
//!
//! Every check that compares observations uses this module, so that one event (a restart, a stale origin) is reported
//! by one check and explained to all others.

use crate::checks::CheckContext;
use crate::facts::RenditionFacts;
pub(in crate::checks) use crate::history::PlaylistChange;
use crate::history::{ListedSegment, Observation, ObservedChange, RenditionHistory, SAME_DATE};
use packager_media::units::Seconds;
use std::collections::HashMap;
use std::sync::Arc;

/// Two consecutive observations of a rendition's playlist, and the kind of change between them.
#[derive(Debug, Clone, Copy)]
pub(in crate::checks) struct PlaylistStep<'a> {
    pub earlier: &'a Observation,
    pub later: &'a Observation,
    pub change: PlaylistChange,
    /// Index of the later observation in [`RenditionHistory`].
    pub index: usize,
    /// Whether only the end of the earlier window is missing in the later one, as when a server sends a playlist that is being written.
    /// An older copy of a window that slides begins earlier too, and one of a window that grows was seen before.
    pub is_cut: bool,
}

/// Returns the changes between consecutive observations of the playlist whose later observation was first seen within
/// the template's `hold`. `None`: the rendition was seen for the first time, or this probe has no playlist of it.
pub(in crate::checks) fn recent_steps<'a>(
    context: &CheckContext<'_>,
    facts: &RenditionFacts,
    past: &'a RenditionHistory,
) -> Option<Vec<PlaylistStep<'a>>> {
    facts.timeline.as_ref()?;
    let seen_twice =
        past.observations.len() > 1 || past.observations.first().is_some_and(|o| o.last_seen > o.first_seen);
    let within = |s: &PlaylistStep<'_>| Seconds::between(s.later.first_seen, context.now) <= context.hold;
    seen_twice.then(|| all_steps(past).into_iter().filter(within).collect())
}

/// Returns every remembered change between consecutive observations of the playlist, oldest first. Observations without
/// segments are left out, because they have no media sequence number to compare.
pub(in crate::checks) fn all_steps(past: &RenditionHistory) -> Vec<PlaylistStep<'_>> {
    let seen = |index: usize| past.observations.get(index).map(AsRef::as_ref);
    let step = |observed: &ObservedChange| {
        let ObservedChange { earlier, later: index, change, is_cut } = *observed;
        Some(PlaylistStep { earlier: seen(earlier)?, later: seen(index)?, change, index, is_cut })
    };
    past.changes.get_or_derive(|| classify(past)).iter().filter_map(step).collect()
}

fn classify(past: &RenditionHistory) -> Vec<ObservedChange> {
    let seen: Vec<_> =
        past.observations.iter().map(AsRef::as_ref).enumerate().filter(|(_, o)| !o.segments.is_empty()).collect();
    let pairs = seen.iter().zip(seen.iter().skip(1)).enumerate();
    pairs
        .map(|(n, ((earlier_at, earlier), (later_at, later)))| {
            let before = || seen.iter().take(n).map(|(_, o)| *o);
            let change = change_between(before(), earlier, later);
            let is_cut = change == PlaylistChange::Regressed && is_cut(before(), earlier, later);
            ObservedChange { earlier: *earlier_at, later: *later_at, change, is_cut }
        })
        .collect()
}

/// Returns the number of the newest segment; for an empty window, the number before its first segment.
pub(in crate::checks) fn newest_number(observation: &Observation) -> u64 {
    observation.segments.last().map_or(observation.media_sequence.saturating_sub(1), |s| s.number)
}

/// Returns pairs of segments that two observations of a playlist list under the same number.
pub(in crate::checks) fn common_segments<'a>(
    a: &'a Observation,
    b: &'a Observation,
) -> impl Iterator<Item = (&'a ListedSegment, &'a ListedSegment)> {
    let mut rest = b.segments.iter().map(Arc::as_ref).peekable();
    a.segments.iter().map(Arc::as_ref).filter_map(move |old| {
        while rest.next_if(|new| new.number < old.number).is_some() {}
        rest.next_if(|new| new.number == old.number).map(|new| (old, new))
    })
}

/// Returns the number of segments by which a playlist slid while its numbers stayed: each segment that both observations list has a
/// lower number in the later one. `None`: it didn't, or no segment is in both.
pub(in crate::checks) fn slid_under_old_numbers(a: &Observation, b: &Observation) -> Option<u64> {
    if common_segments(a, b).any(|(old, new)| old.uri_identity == new.uri_identity) {
        return None;
    }
    let numbers: HashMap<_, u64> = a.segments.iter().map(|s| ((s.uri_identity, s.byte_range), s.number)).collect();
    let known =
        |s: &ListedSegment| numbers.get(&(s.uri_identity, s.byte_range))?.checked_sub(s.number).filter(|by| *by > 0);
    let slid: Vec<u64> = b.segments.iter().filter_map(|s| known(s)).collect();
    let by = *slid.first()?;
    let enough = slid.len() >= b.segments.len().saturating_sub(1).min(2);
    (enough && slid.iter().all(|other| *other == by)).then_some(by)
}

fn change_between<'a>(
    before: impl Iterator<Item = &'a Observation>,
    a: &Observation,
    b: &Observation,
) -> PlaylistChange {
    let back = b.media_sequence < a.media_sequence || newest_number(b) < newest_number(a);
    match back {
        _ if new_dates_under_old_numbers(a, b) => PlaylistChange::Restarted,
        false if has_other_numbers(a, b) => PlaylistChange::Restarted,
        false => PlaylistChange::Continued,
        true if window_refills_from_start(a, b) => PlaylistChange::Restarted,
        true if common_segments(a, b).any(|(old, new)| old.is_same_media(new))
            || lists_same_segments_renumbered(a, b) =>
        {
            PlaylistChange::Regressed
        }
        true => match has_newer_dates(a, b) {
            Some(true) => PlaylistChange::Restarted,
            Some(false) => PlaylistChange::Regressed,
            None if seen_before(before, b) && !new_run_could_reach(a, b) => PlaylistChange::Regressed,
            None => PlaylistChange::Restarted,
        },
    }
}

/// Whether observation `b` of a playlist is that of a window without its end. `before` are the observations before `a`.
fn is_cut<'a>(mut before: impl Iterator<Item = &'a Observation>, a: &Observation, b: &Observation) -> bool {
    let grows = a.media_sequence == b.media_sequence && before.any(|o| o.media_sequence == a.media_sequence);
    a.media_sequence > 0 && b.media_sequence >= a.media_sequence && newest_number(b) < newest_number(a) && !grows
}

/// Whether each number that both observations of a playlist list has a later date in `b` than every segment of `a`,
/// because a restarted packager overwrote the files.
fn new_dates_under_old_numbers(a: &Observation, b: &Observation) -> bool {
    let dates = || b.segments.iter().filter_map(|s| s.program_date_time);
    // Dates that are all the same are those of the request, and say nothing about the segments.
    if let (Some(first), Some(last)) = (dates().min(), dates().max())
        && b.segments.len() > 1
        && Seconds::between(first, last).0 <= SAME_DATE
    {
        return false;
    }
    let Some(newest) = a.segments.iter().filter_map(|s| s.program_date_time).max() else { return false };
    let mut moved = common_segments(a, b).map(|(old, new)| match (old.program_date_time, new.program_date_time) {
        (Some(was), Some(is)) => Seconds::between(was, is).0 > SAME_DATE && is >= newest,
        _ => false,
    });
    moved.next().is_some_and(|first| first && moved.all(|m| m))
}

/// Distance of segment numbers that no stream reaches in the time between two probes: a packager that was restarted counts from the Unix
/// time, and didn't before.
const OTHER_NUMBERS: u64 = 100_000_000;

/// Whether the numbers of observation `b` are so far ahead of those of `a` that they have another beginning.
fn has_other_numbers(a: &Observation, b: &Observation) -> bool {
    b.media_sequence.saturating_sub(newest_number(a)) >= OTHER_NUMBERS
}

/// Whether the segment numbers of observation `b` begin with 0 or 1 and its window is shorter than that of `a`, as
/// after a packager restart.
fn window_refills_from_start(a: &Observation, b: &Observation) -> bool {
    b.media_sequence <= 1 && b.segments.len() < a.segments.len() && newest_number(b) < newest_number(a)
}

/// Whether observation `b` of a playlist lists segments of observation `a` under other numbers.
fn lists_same_segments_renumbered(a: &Observation, b: &Observation) -> bool {
    b.media_sequence > 1 && b.segments.iter().any(|new| a.segments.iter().any(|old| old.is_same_media(new)))
}

/// Returns whether the newest date in observation `b` of a playlist is later than that in `a`. `None`: one of them has
/// no dates.
fn has_newer_dates(a: &Observation, b: &Observation) -> Option<bool> {
    let newest = |o: &Observation| o.segments.iter().filter_map(|s| s.program_date_time).max();
    Some(newest(b)? > newest(a)?)
}

fn seen_before<'a>(mut before: impl Iterator<Item = &'a Observation>, b: &Observation) -> bool {
    before.any(|o| common_segments(o, b).any(|(old, new)| old.is_same_media(new)))
}

/// Whether a packager that restarted with number 0 after observation `a` of the playlist had enough time until
/// observation `b` to make the segments that `b` lists.
fn new_run_could_reach(a: &Observation, b: &Observation) -> bool {
    let count = b.segments.len().max(1) as f64;
    let segment = b.segments.iter().map(|s| s.duration.0).sum::<f64>() / count;
    (newest_number(b) as f64 + 1.0) * segment <= Seconds::between(a.last_seen, b.first_seen).0 + 2.0 * segment
}

#[cfg(test)]
mod tests {
    use super::PlaylistChange::{Continued, Regressed, Restarted};
    use super::*;
    use crate::checks::testing::*;

    fn relations(observations: impl IntoIterator<Item = Observation>) -> Vec<PlaylistChange> {
        let mut scene = Scene::live();
        scene.observe(observations);
        let (_, past) = scene.context().renditions().next().unwrap();
        all_steps(past).iter().map(|s| s.change).collect()
    }

    #[test]
    fn forward_is_continued() {
        assert_eq!(
            relations([observation(-20, 10, 15), observation(-10, 12, 17), observation(0, 500, 505)]),
            [Continued; 2]
        );
    }

    #[test]
    fn origins_out_of_step_go_back_and_forth() {
        let steps = [observation(-30, 10, 15), observation(-20, 9, 14), observation(-10, 11, 16)];
        assert_eq!(relations(steps), [Regressed, Continued]);
    }

    #[test]
    fn the_newest_segment_withdrawn_is_regressed() {
        assert_eq!(relations([observation(-30, 10, 15), observation(-20, 10, 14)]), [Regressed]);
    }

    #[test]
    fn numbers_far_back_are_a_restart_even_with_the_same_names() {
        assert_eq!(relations([observation(-20, 1000, 1005), observation(-10, 0, 3)]), [Restarted]);
        assert_eq!(relations([observation(-60, 1000, 1005), observation(-10, 20, 25)]), [Restarted]);
    }

    #[test]
    fn numbers_that_count_from_the_unix_time_now_are_a_restart() {
        assert_eq!(relations([observation(-20, 0, 5), observation(-10, 1_796_052_263, 1_796_052_264)]), [Restarted]);
        assert_eq!(relations([observation(-20, 0, 5), observation(-10, 90_000_000, 90_000_005)]), [Continued]);
    }

    #[test]
    fn a_window_that_fills_again_from_the_beginning_is_a_restart() {
        assert_eq!(relations([observation(-20, 0, 5), observation(-10, 0, 1)]), [Restarted]);
        assert_eq!(relations([observation(-20, 2, 7), observation(-10, 1, 6)]), [Regressed]);
    }

    #[test]
    fn a_stale_origin_beyond_the_window_is_known_from_memory() {
        let steps = [observation(-40, 100, 105), observation(-20, 110, 115), observation(-10, 100, 105)];
        assert_eq!(relations(steps), [Continued, Regressed]);
    }

    #[test]
    fn an_empty_window_says_nothing() {
        let empty = |seconds| Observation { segments: Vec::new(), media_sequence: 0, ..observation(seconds, 0, 0) };
        assert_eq!(relations([observation(-30, 50, 55), empty(-20), observation(-10, 52, 57)]), [Continued]);
        assert_eq!(relations([observation(-30, 50, 55), empty(-20), observation(-10, 0, 2)]), [Restarted]);
    }

    #[test]
    fn dates_tell_new_content_from_old() {
        let a = dated(observation(-30, 50, 55), -12.0);
        assert_eq!(relations([a.clone(), dated(observation(-10, 49, 54), 10.0)]), [Restarted]);
        assert_eq!(relations([a.clone(), dated(observation(-10, 50, 55), 10.0)]), [Restarted]);
        assert_eq!(relations([a.clone(), dated(observation(-10, 30, 35), 10.0)]), [Restarted]);
        assert_eq!(relations([a.clone(), dated(observation(-10, 30, 35), -52.0)]), [Regressed]);
        assert_eq!(relations([a, dated(observation(-10, 49, 54), -14.0)]), [Regressed]);
    }

    #[test]
    fn the_time_of_the_request_as_the_date_of_all_segments_is_no_restart() {
        let asked = |seconds: i64, first, last| {
            let mut seen = dated(observation(seconds, first, last), 0.0);
            for segment in &mut seen.segments {
                Arc::make_mut(segment).program_date_time = Some(time(seconds as f64));
            }
            seen
        };
        assert_eq!(relations([asked(-20, 50, 55), asked(-18, 51, 56), asked(-8, 51, 56)]), [Continued; 2]);
    }

    #[test]
    fn the_same_files_under_lower_numbers_are_regressed() {
        let a = observation(-30, 50, 55);
        let mut b = observation(-20, 40, 45);
        for (new, old) in b.segments.iter_mut().zip(&a.segments) {
            Arc::make_mut(new).uri_identity = old.uri_identity;
        }
        assert_eq!(relations([a, b]), [Regressed]);
    }

    #[test]
    fn an_unchanged_playlist_seen_twice_has_history() {
        let mut scene = Scene::live();
        scene.observe([observation(-10, 1, 5)]);
        let context = scene.context();
        let (facts, past) = context.renditions().next().unwrap();
        assert!(recent_steps(&context, facts, past).is_none());
        scene.past().observations =
            vec![std::sync::Arc::new(Observation { last_seen: time(0.0), ..observation(-10, 1, 5) })];
        let context = scene.context();
        let (facts, past) = context.renditions().next().unwrap();
        assert!(recent_steps(&context, facts, past).unwrap().is_empty());
    }

    #[test]
    fn an_event_is_recent_until_hold_has_passed() {
        for (seconds, count) in [(-300, 1), (-301, 0)] {
            let mut scene = Scene::live();
            scene.observe([observation(-400, 1, 5), observation(seconds, 2, 6)]);
            let context = scene.context();
            let (facts, past) = context.renditions().next().unwrap();
            assert_eq!(recent_steps(&context, facts, past).unwrap().len(), count);
        }
    }
}
