//! How a state of a live MPD follows the one before it: it went on, went back, or began again.
//!
//! The counterpart of [`crate::checks::support::playlist_step`]. What a playlist lists, an MPD partly leaves to the clock, so its renditions
//! can't be compared by what they list at two instants: that would accuse the packager of every slip of a clock.

use crate::checks::CheckContext;
use crate::history::{MpdState, MpdWindow};
use packager_media::units::{Seconds, Timestamp};

/// Seconds by which two times must differ to count as different: packagers write times with three decimals or none.
const SAME: f64 = 1.0;
/// Seconds by which the ends of two segments may differ and still count as one instant.
const CLOSE: f64 = 0.1;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::checks) enum MpdChange {
    Continued,
    /// The MPD is older than one already seen, or it moves segments that players have already fetched.
    Regressed(MpdRegression),
    /// The presentation time began anew.
    Restarted,
}

/// The worst of what went back from one MPD to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::checks) enum MpdRegression {
    /// availabilityStartTime changed under the same timeline, or returned to an earlier value.
    Start(Seconds),
    /// The newest segment is older than the newest segment before, by this time.
    Edge(Seconds),
    /// A Period that had begun is gone or begins at another time; the number is its index in the earlier MPD.
    Period(usize),
    /// Only publishTime went back, by this time.
    Published(Seconds),
}

/// Two consecutive states of an output's MPD and the relation between them.
#[derive(Debug, Clone, Copy)]
pub(in crate::checks) struct MpdStep<'a> {
    pub earlier: &'a MpdState,
    pub later: &'a MpdState,
    pub change: MpdChange,
}

/// The steps whose later state was first seen within `hold`. `None` if the MPD was seen only once, or if this probe has
/// no MPD.
pub(in crate::checks) fn recent_steps<'a>(context: &CheckContext<'a>) -> Option<Vec<MpdStep<'a>>> {
    context.output.dash()?;
    let states = &context.past.mpds;
    let twice = states.len() > 1 || states.first().is_some_and(|s| s.last_seen > s.first_seen);
    let within = |u: &MpdStep<'_>| Seconds::between(u.later.first_seen, context.now) <= context.hold;
    let pairs = states.iter().zip(states.iter().skip(1)).enumerate();
    let updates = pairs.map(|(n, (earlier, later))| {
        let before: Vec<&MpdState> = states.iter().take(n).map(AsRef::as_ref).collect();
        MpdStep { earlier, later, change: change_between(&before, earlier, later) }
    });
    twice.then(|| updates.filter(within).collect())
}

/// Times at which a changed availabilityStartTime was first seen: segment dates before and after such a time can't be
/// compared.
pub(in crate::checks) fn availability_start_changes(context: &CheckContext<'_>) -> Vec<Timestamp> {
    let states = &context.past.mpds;
    let pairs = states.iter().zip(states.iter().skip(1));
    pairs.filter(|(a, b)| a.availability_start != b.availability_start).map(|(_, b)| b.first_seen).collect()
}

/// Whether state `b` has reached the live edge and publishTime of state `a`, or is beyond them, and has its Periods where `a` had them.
pub(in crate::checks) fn has_caught_up(a: &MpdState, b: &MpdState) -> bool {
    let edge = match (a.window, b.window) {
        (Some(MpdWindow::Timeline { end: was, .. }), Some(MpdWindow::Timeline { end: is, .. })) => {
            is.0 >= was.0 - CLOSE
        }
        _ => true,
    };
    let start = start_moved(a, b).is_none_or(|moved| moved.0.abs() <= SAME);
    start && edge && publish_time_decrease(a, b).is_none() && regressed_period(a, b).is_none()
}

fn change_between(before: &[&MpdState], a: &MpdState, b: &MpdState) -> MpdChange {
    let published = publish_time_decrease(a, b);
    if let Some(moved) = start_moved(a, b).filter(|moved| moved.0.abs() > SAME) {
        let seen = before.iter().any(|o| start_moved(o, b).is_some_and(|m| m.0.abs() <= SAME));
        let anew = moved.0 > 0.0 && published.is_none() && !seen && (!timeline_continues(a, b) || started_after(a, b));
        return if anew { MpdChange::Restarted } else { MpdChange::Regressed(MpdRegression::Start(moved)) };
    }
    if let Some(by) = live_edge_decrease(a, b) {
        let seen = before.iter().any(|o| live_edge_decrease(o, b).is_none() && windows_overlap(o, b));
        let anew = published.is_none() && !seen && !windows_overlap(a, b);
        return if anew { MpdChange::Restarted } else { MpdChange::Regressed(MpdRegression::Edge(by)) };
    }
    let back = regressed_period(a, b).map(MpdRegression::Period).or(published.map(MpdRegression::Published));
    back.map_or(MpdChange::Continued, MpdChange::Regressed)
}

fn start_moved(a: &MpdState, b: &MpdState) -> Option<Seconds> {
    Some(Seconds::between(a.availability_start?, b.availability_start?))
}

fn publish_time_decrease(a: &MpdState, b: &MpdState) -> Option<Seconds> {
    Some(Seconds::between(b.publish_time?, a.publish_time?)).filter(|by| by.0 > SAME)
}

fn live_edge_decrease(a: &MpdState, b: &MpdState) -> Option<Seconds> {
    match (a.window?, b.window?) {
        (MpdWindow::Timeline { end: was, .. }, MpdWindow::Timeline { end: is, .. }) => {
            Some(was - is).filter(|by| by.0 > CLOSE)
        }
        _ => None,
    }
}

fn windows_overlap(a: &MpdState, b: &MpdState) -> bool {
    match (a.window, b.window) {
        (Some(MpdWindow::Timeline { start, end, .. }), Some(MpdWindow::Timeline { start: from, end: until, .. })) => {
            until.0 > start.0 + CLOSE && from.0 < end.0 - CLOSE
        }
        _ => false,
    }
}

/// Whether the media times or numbers of two states continue, whatever availabilityStartTime is.
fn timeline_continues(a: &MpdState, b: &MpdState) -> bool {
    match (a.window, b.window) {
        (Some(MpdWindow::Timeline { media_end: was, .. }), Some(MpdWindow::Timeline { media_end: is, .. })) => {
            is.0 >= was.0 - CLOSE
        }
        (Some(MpdWindow::Paced { zero: was, duration }), Some(MpdWindow::Paced { zero: is, .. })) => {
            Seconds::between(was, is).0.abs() <= duration.0
        }
        _ => false,
    }
}

/// Whether run `b` began after run `a` was last seen. Media times alone don't show this: those of a source's time code
/// continue through a restart.
fn started_after(a: &MpdState, b: &MpdState) -> bool {
    b.availability_start.is_some_and(|start| Seconds::between(a.last_seen, start).0 >= -SAME)
}

/// Index in `a` of a Period that had begun when `a` was seen and that is moved in `b`, or that is gone from `b` while
/// an earlier Period is the newest.
pub(in crate::checks) fn regressed_period(a: &MpdState, b: &MpdState) -> Option<usize> {
    let begun = |start: Seconds| a.availability_start.is_some_and(|at| start.after(at) <= a.last_seen);
    let newest = b.periods.iter().map(|p| p.start.0).fold(f64::MIN, f64::max);
    a.periods.iter().position(|period| {
        let same = b.periods.iter().find(|p| p.id.is_some() && p.id == period.id);
        let moved = same.is_some_and(|p| (p.start - period.start).0.abs() > SAME);
        let gone = same.is_none() && newest < period.start.0 - SAME;
        begun(period.start) && (moved || gone)
    })
}

#[cfg(test)]
mod tests {
    use super::MpdChange::{Continued, Regressed, Restarted};
    use super::MpdRegression::{Edge, Period, Published, Start};
    use super::*;
    use crate::checks::testing::*;
    use crate::history::PeriodStart;

    fn changes(states: impl IntoIterator<Item = MpdState>) -> Vec<MpdChange> {
        let mut scene = Scene::dash(&timed("<S t=\"980000\" d=\"2000\" r=\"9\"/>"));
        scene.published(states);
        recent_steps(&scene.context()).unwrap().iter().map(|u| u.change).collect()
    }

    #[test]
    fn an_mpd_that_is_updated_goes_on() {
        assert_eq!(changes([mpd(-20, 980.0), mpd(-10, 990.0), mpd(0, 990.0)]), [Continued; 2]);
    }

    #[test]
    fn an_older_edge_is_regressed_and_returns() {
        let steps = [mpd(-30, 980.0), mpd(-20, 974.0), mpd(-10, 986.0)];
        assert_eq!(changes(steps.clone()), [Regressed(Edge(Seconds(6.0))), Continued]);
        assert!(has_caught_up(&steps[0], &steps[2]) && !has_caught_up(&steps[0], &steps[1]));
        assert_eq!(changes([mpd(-30, 980.0), mpd(-20, 979.95)]), [Continued], "rounded");
    }

    #[test]
    fn a_time_that_began_again_under_the_same_start_is_a_restart() {
        assert_eq!(changes([mpd(-30, 980.0), mpd(-20, 10.0)]), [Restarted]);
        let stale = MpdState { publish_time: Some(time(-60.0)), ..mpd(-20, 10.0) };
        assert_eq!(changes([mpd(-30, 980.0), stale]), [Regressed(Edge(Seconds(970.0)))]);
        let again = [mpd(-50, 900.0), mpd(-30, 980.0), mpd(-20, 900.0)];
        assert_eq!(changes(again)[1], Regressed(Edge(Seconds(80.0))), "seen before");
    }

    /// A state whose availabilityStartTime is later by `moved` seconds.
    fn moved(state: MpdState, moved: f64) -> MpdState {
        MpdState { availability_start: Some(time(-1000.0 + moved)), ..state }
    }

    #[test]
    fn another_start_is_a_restart_where_media_time_began_again() {
        assert_eq!(changes([mpd(-30, 980.0), moved(mpd(-20, 10.0), 970.0)]), [Restarted]);
        assert_eq!(
            changes([mpd(-30, 980.0), moved(mpd(-20, 990.0), 970.0)]),
            [Restarted],
            "times go on, the run is new"
        );
        assert_eq!(changes([mpd(-30, 980.0), moved(mpd(-20, 990.0), 15.0)]), [Regressed(Start(Seconds(15.0)))]);
        assert_eq!(changes([mpd(-30, 980.0), moved(mpd(-20, 10.0), -15.0)]), [Regressed(Start(Seconds(-15.0)))]);
        assert_eq!(changes([mpd(-30, 980.0), moved(mpd(-20, 990.0), 1.0)]), [Continued], "rounded");
        let back = [mpd(-40, 980.0), moved(mpd(-30, 10.0), 970.0), mpd(-20, 990.0)];
        assert_eq!(changes(back)[1], Regressed(Start(Seconds(-970.0))));
        let twice = [moved(mpd(-50, 20.0), 970.0), mpd(-30, 980.0), moved(mpd(-20, 30.0), 970.0)];
        assert_eq!(changes(twice)[1], Regressed(Start(Seconds(970.0))), "two origins");
    }

    #[test]
    fn at_a_fixed_pace_numbers_tell_whether_it_goes_on() {
        let paced = |state: MpdState, zero: f64| MpdState {
            window: Some(MpdWindow::Paced { zero: time(zero), duration: Seconds(2.0) }),
            ..state
        };
        let first = || paced(mpd(-500, 0.0), -1000.0);
        assert_eq!(changes([first(), paced(moved(mpd(-20, 0.0), 400.0), -600.0)]), [Restarted]);
        let goes_on = paced(moved(mpd(-20, 0.0), 400.0), -999.0);
        assert_eq!(changes([first(), goes_on]), [Regressed(Start(Seconds(400.0)))]);
        assert_eq!(changes([first(), paced(mpd(-20, 0.0), -1000.0)]), [Continued]);
    }

    #[test]
    fn a_period_may_not_move_or_go_back() {
        let with = |second: i64, periods: &[(&str, f64)]| MpdState {
            periods: periods
                .iter()
                .map(|(id, s)| PeriodStart { id: Some((*id).to_owned()), start: Seconds(*s) })
                .collect(),
            ..mpd(second, 980.0)
        };
        let first = || with(-30, &[("a", 0.0), ("b", 900.0)]);
        assert_eq!(changes([first(), with(-20, &[("b", 900.0), ("c", 980.0)])]), [Continued]);
        assert_eq!(changes([first(), with(-20, &[("a", 0.0), ("b", 902.0)])]), [Regressed(Period(1))]);
        assert_eq!(changes([first(), with(-20, &[("a", 0.0)])]), [Regressed(Period(1))]);
        let ahead = with(-30, &[("a", 0.0), ("b", 2000.0)]);
        assert_eq!(changes([ahead, with(-20, &[("a", 0.0)])]), [Continued], "announced and taken back");
    }

    #[test]
    fn publish_time_alone_counts_beyond_a_second() {
        let at = |second: i64, published: f64| MpdState { publish_time: Some(time(published)), ..mpd(second, 980.0) };
        assert_eq!(changes([at(-20, -20.0), at(-10, -21.0)]), [Continued]);
        assert_eq!(changes([at(-20, -20.0), at(-10, -21.5)]), [Regressed(Published(Seconds(1.5)))]);
    }
}
