//! Classifies each update of a live MPD: the MPD continued, went back, or restarted.
//!
//! For playlists [`crate::checks::support::playlist_step`] does the same. A playlist lists every segment. An MPD may
//! declare only durations, and then the clock decides which segments exist. So the segments of two MPDs can't be
//! compared: a change of a clock would look like the packager's fault.

use crate::checks::CheckContext;
use crate::history::{MpdState, MpdWindow, PeriodStart, SAME_START};
use packager_media::units::{Seconds, Timestamp};

/// Largest difference in seconds between two times that count as equal.
const SAME: f64 = SAME_START;
/// Largest difference in seconds between the ends of two segments that count as the same instant.
const CLOSE: f64 = 0.1;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::checks) enum MpdChange {
    Continued,
    /// The MPD is older than one that was seen before, or it moves segments that players have already fetched.
    Regressed(MpdRegression),
    /// The timeline of the MPD's presentation began anew.
    Restarted,
}

/// Kind of change by which an MPD went back compared with the previous one. If there are several, it is the worst.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::checks) enum MpdRegression {
    /// availabilityStartTime changed on the same timeline, or returned to an earlier value. The value is the
    /// difference, negative if it is earlier.
    Start(Seconds),
    /// availabilityStartTime moves with the clock from request to request, by the time given here at this update. That is no restart:
    /// it happened at the update before or after this one, too.
    MovingStart(Seconds),
    /// The newest segment of the MPD is older than the newest one before, by the time given here.
    Edge(Seconds),
    /// A Period that had begun was moved, removed or replaced, or one that was announced was withdrawn.
    Period(PeriodRegression),
    /// Only publishTime of the MPD is earlier than before, by the time given here.
    Published(Seconds),
}

/// Change of a Period that had begun or was announced. Positions are those in the earlier state of the MPD.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::checks) enum PeriodRegression {
    /// A Period was moved: the one at this position now begins at this time of the presentation.
    Moved(usize, Seconds),
    /// The Period at this position was removed, and an older Period is the newest.
    Gone(usize),
    /// All Periods that the window covered were removed, and others are in their place.
    Replaced,
    /// The Period at this position was announced, had not begun, and was removed without another in its place.
    Withdrawn(usize),
}

/// Two consecutive states of an output's MPD, and the kind of change between them.
#[derive(Debug, Clone, Copy)]
pub(in crate::checks) struct MpdStep<'a> {
    pub earlier: &'a MpdState,
    pub later: &'a MpdState,
    pub change: MpdChange,
}

/// Returns the updates of the MPD whose later state was first seen within the template's `hold`. `None`: the MPD was
/// seen only once, or this probe has no MPD.
pub(in crate::checks) fn recent_steps<'a>(context: &CheckContext<'a>) -> Option<Vec<MpdStep<'a>>> {
    context.output.dash()?;
    let states = &context.past.mpds;
    let twice = states.len() > 1 || states.first().is_some_and(|s| s.last_seen > s.first_seen);
    let within = |u: &MpdStep<'_>| Seconds::between(u.later.first_seen, context.now) <= context.hold;
    let pairs = || states.iter().zip(states.iter().skip(1));
    let with_clock: Vec<Option<Seconds>> = pairs().map(|(a, b)| moved_with_clock(a, b)).collect();
    let has_moved = |n: usize| with_clock.get(n).is_some_and(Option::is_some);
    let moving = |n: usize| {
        let by = with_clock.get(n).copied().flatten()?;
        (has_moved(n + 1) || n.checked_sub(1).is_some_and(has_moved)).then_some(by)
    };
    let updates = pairs().enumerate().map(|(n, (earlier, later))| {
        let before: Vec<&MpdState> = states.iter().take(n).map(AsRef::as_ref).collect();
        let change = match moving(n) {
            Some(by) => MpdChange::Regressed(MpdRegression::MovingStart(by)),
            None => change_between(&before, earlier, later),
        };
        MpdStep { earlier, later, change }
    });
    twice.then(|| updates.filter(within).collect())
}

/// Returns by how much availabilityStartTime moved from MPD `a` to MPD `b`, if it moved by the time that passed between their requests.
/// `None` also if it may be a restart: the timeline of `b` doesn't go on, and it began after `a` was seen and has available segments.
fn moved_with_clock(a: &MpdState, b: &MpdState) -> Option<Seconds> {
    let moved = start_moved(a, b).filter(|moved| moved.0 > SAME)?;
    let passed = Seconds::between(a.last_seen, b.first_seen);
    let is_new_run = !timeline_continues(a, b) && started_after(a, b) && !has_just_begun(b);
    ((moved - passed).0.abs() <= SAME && !is_new_run).then_some(moved)
}

/// Whether the clock says that no segment of an MPD with a fixed segment duration was complete when the MPD was first seen.
fn has_just_begun(state: &MpdState) -> bool {
    let (Some(MpdWindow::Paced { duration, .. }), Some(start)) = (state.window, state.availability_start) else {
        return false;
    };
    Seconds::between(start, state.first_seen) < duration
}

/// Returns the times at which a changed availabilityStartTime was first seen. Segment dates before and after such a
/// time can't be compared.
pub(in crate::checks) fn availability_start_changes(context: &CheckContext<'_>) -> Vec<Timestamp> {
    let states = &context.past.mpds;
    let pairs = states.iter().zip(states.iter().skip(1));
    pairs.filter(|(a, b)| a.availability_start != b.availability_start).map(|(_, b)| b.first_seen).collect()
}

/// Whether a Period that begins at `start` begins after everything that the MPD `a` listed.
pub(in crate::checks) fn begins_later(a: &MpdState, start: Seconds) -> bool {
    match a.window {
        Some(MpdWindow::Timeline { end, .. }) => start.0 >= end.0 - CLOSE,
        _ => a.availability_start.is_none_or(|at| Seconds::between(a.last_seen, start.after(at)).0 >= -SAME),
    }
}

/// Whether two start times are those of the same Period.
pub(in crate::checks) fn is_same_start(a: Seconds, b: Seconds) -> bool {
    (a - b).0.abs() <= SAME
}

/// Whether both the live edge and the publishTime of MPD `b` are at or after those of MPD `a`.
fn has_caught_up(a: &MpdState, b: &MpdState) -> bool {
    let start = start_moved(a, b).is_none_or(|moved| moved.0.abs() <= SAME);
    start && live_edge_decrease(a, b).is_none() && publish_time_decrease(a, b).is_none()
}

/// Whether the MPD `later` is back at the live edge and publishTime that the MPD had before the regression in `step`,
/// or beyond them. If a Period was moved or removed, a Period must begin at its time again.
pub(in crate::checks) fn has_returned(step: &MpdStep<'_>, later: &MpdState) -> bool {
    let begins = |p: &PeriodStart| later.periods.iter().any(|q| is_same_start(q.start, p.first_start));
    let periods = match step.change {
        MpdChange::Regressed(MpdRegression::Period(
            PeriodRegression::Moved(at, _) | PeriodRegression::Gone(at) | PeriodRegression::Withdrawn(at),
        )) => step.earlier.periods.get(at).is_some_and(begins),
        MpdChange::Regressed(MpdRegression::Period(PeriodRegression::Replaced)) => {
            step.earlier.periods.iter().any(begins)
        }
        _ => true,
    };
    periods && has_caught_up(step.earlier, later)
}

fn change_between(before: &[&MpdState], a: &MpdState, b: &MpdState) -> MpdChange {
    let published = publish_time_decrease(a, b);
    if let Some(moved) = start_moved(a, b).filter(|moved| moved.0.abs() > SAME) {
        let seen = before.iter().any(|o| start_moved(o, b).is_some_and(|m| m.0.abs() <= SAME));
        let anew = moved.0 > 0.0 && published.is_none() && !seen && (!timeline_continues(a, b) || started_after(a, b));
        return if anew { MpdChange::Restarted } else { MpdChange::Regressed(MpdRegression::Start(moved)) };
    }
    let older_edge = live_edge_decrease(a, b);
    if older_edge.is_some() {
        let seen = before.iter().any(|o| live_edge_decrease(o, b).is_none() && windows_overlap(o, b));
        if published.is_none() && !seen && !windows_overlap(a, b) {
            return MpdChange::Restarted;
        }
    }
    let moved = moved_period(a, b).map(MpdRegression::Period);
    let gone = || {
        let begun = regressed_period(a, b).or_else(|| replaced_periods(a, b));
        begun.or_else(|| withdrawn_period(a, b)).map(MpdRegression::Period)
    };
    let back = moved.or(older_edge.map(MpdRegression::Edge)).or_else(gone);
    back.or(published.map(MpdRegression::Published)).map_or(MpdChange::Continued, MpdChange::Regressed)
}

fn start_moved(a: &MpdState, b: &MpdState) -> Option<Seconds> {
    Some(Seconds::between(a.availability_start?, b.availability_start?))
}

fn publish_time_decrease(a: &MpdState, b: &MpdState) -> Option<Seconds> {
    Some(Seconds::between(b.publish_time?, a.publish_time?)).filter(|by| by.0 > SAME)
}

/// Returns by how much MPD `b` ends before what MPD `a` listed and may not take back.
fn live_edge_decrease(a: &MpdState, b: &MpdState) -> Option<Seconds> {
    let Some(MpdWindow::Timeline { end, .. }) = b.window else { return None };
    Some(a.settled_end()? - end).filter(|by| by.0 > CLOSE)
}

fn windows_overlap(a: &MpdState, b: &MpdState) -> bool {
    match (a.window, b.window) {
        (Some(MpdWindow::Timeline { start, end, .. }), Some(MpdWindow::Timeline { start: from, end: until, .. })) => {
            until.0 > start.0 + CLOSE && from.0 < end.0 - CLOSE
        }
        _ => false,
    }
}

/// Whether media times or segment numbers continue from MPD `a` to MPD `b`, whatever availabilityStartTime is.
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

/// Whether the presentation of MPD `b` began after MPD `a` was last seen. Media times alone don't show a restart,
/// because a packager that takes them from a time code in its input continues them after a restart.
fn started_after(a: &MpdState, b: &MpdState) -> bool {
    b.availability_start.is_some_and(|start| Seconds::between(a.last_seen, start).0 >= -SAME)
}

/// Returns the change of a Period that had begun when MPD `a` was seen: it is moved in MPD `b`, or it is missing from
/// `b` while an earlier Period is the newest.
pub(in crate::checks) fn regressed_period(a: &MpdState, b: &MpdState) -> Option<PeriodRegression> {
    moved_period(a, b).or_else(|| gone_period(a, b))
}

/// Returns the Periods that had begun when MPD `a` was seen, with their positions.
fn begun_periods(a: &MpdState) -> impl Iterator<Item = (usize, &PeriodStart)> {
    let begun = |start: Seconds| a.availability_start.is_some_and(|at| start.after(at) <= a.last_seen);
    a.periods.iter().enumerate().filter(move |(_, p)| begun(p.start))
}

/// Returns the first Period that had begun when MPD `a` was seen and that begins at another time in MPD `b`, or whose start has
/// moved in small steps since it was first seen. Periods are matched by id, unless two Periods in one MPD have the same id. A Period without an id was moved if no Period of
/// `b` begins at its time, and `b` has a new Period without an id. If the new start is after everything that `a`
/// listed, the Period is a new one and wasn't moved.
fn moved_period(a: &MpdState, b: &MpdState) -> Option<PeriodRegression> {
    let by_id = |state: &'_ MpdState, id: &str| -> Vec<Seconds> {
        let named = state.periods.iter().filter(|p| p.id.as_deref() == Some(id));
        named.map(|p| p.start).collect()
    };
    let stays = |start: Seconds| b.periods.iter().any(|p| is_same_start(p.start, start));
    let moved = |(at, period): (usize, &PeriodStart)| {
        let to = match &period.id {
            Some(id) => match (by_id(a, id).as_slice(), by_id(b, id).as_slice()) {
                ([_], [to]) => Some(*to).filter(|to| has_moved(period, *to)),
                _ => None,
            },
            None => {
                let mut nameless = b.periods.iter().filter(|p| p.id.is_none());
                if let Some(same) = nameless.find(|p| is_same_start(p.start, period.start)) {
                    return drifted(period, same.start).then_some(PeriodRegression::Moved(at, same.start));
                }
                let known = |start: Seconds| a.periods.iter().any(|p| is_same_start(p.start, start));
                let others = b.periods.iter().filter(|p| p.id.is_none() && !known(p.start));
                others.map(|p| p.start).find(|_| !stays(period.start))
            }
        }?;
        (!begins_later(a, to)).then_some(PeriodRegression::Moved(at, to))
    };
    begun_periods(a).find_map(moved)
}

fn has_moved(period: &PeriodStart, to: Seconds) -> bool {
    !is_same_start(to, period.start) || drifted(period, to)
}

/// Whether a Period has moved away from its first start, with no step of its own that is more than rounding.
pub(in crate::checks) fn drifted(period: &PeriodStart, to: Seconds) -> bool {
    is_same_start(to, period.start) && !is_same_start(to, period.first_start)
}

/// Returns the first Period that had begun when MPD `a` was seen and is missing from MPD `b`, while a Period that began
/// earlier is the newest.
fn gone_period(a: &MpdState, b: &MpdState) -> Option<PeriodRegression> {
    let newest = b.periods.iter().map(|p| p.start.0).fold(f64::MIN, f64::max);
    let gone = |period: &PeriodStart| !is_listed(b, period) && newest < period.start.0 - SAME;
    begun_periods(a).find(|(_, p)| gone(p)).map(|(at, _)| PeriodRegression::Gone(at))
}

/// Returns [`PeriodRegression::Replaced`] if MPD `b` has none of the Periods of MPD `a`, although less time has passed
/// than the window of `a` is long. `None` if `b` has a Period that `a` announced, because it follows the others as
/// planned.
fn replaced_periods(a: &MpdState, b: &MpdState) -> Option<PeriodRegression> {
    let (Some(MpdWindow::Timeline { start, end, .. }), Some(MpdWindow::Timeline { .. })) = (a.window, b.window) else {
        return None;
    };
    let passed = Seconds::between(a.last_seen, b.first_seen) + Seconds(CLOSE) >= end - start;
    let mut begun = begun_periods(a).peekable();
    let announced = b.periods.iter().any(|p| is_listed(a, p));
    let all_gone = !announced && begun.peek().is_some() && begun.all(|(_, p)| !is_listed(b, p));
    (all_gone && !passed).then_some(PeriodRegression::Replaced)
}

/// Returns the first Period that MPD `a` announced and MPD `b` lacks, if `b` has fewer Periods than `a` had from the first Period of `b`
/// on. Media3 counts so, and takes such an MPD for one of another server that is out of step.
fn withdrawn_period(a: &MpdState, b: &MpdState) -> Option<PeriodRegression> {
    let first = b.periods.first()?.start;
    let kept = a.periods.iter().filter(|p| p.start >= first).count();
    let begun = begun_periods(a).count();
    let announced = a.periods.iter().enumerate().skip(begun);
    let withdrawn = announced.filter(|(_, p)| !is_listed(b, p)).map(|(at, _)| PeriodRegression::Withdrawn(at)).next();
    withdrawn.filter(|_| kept > b.periods.len())
}

/// Whether the MPD lists the Period by its id, or another Period that begins at its time.
fn is_listed(state: &MpdState, period: &PeriodStart) -> bool {
    let same_id = |p: &PeriodStart| p.id.is_some() && p.id == period.id;
    state.periods.iter().any(|p| same_id(p) || is_same_start(p.start, period.start))
}

#[cfg(test)]
mod tests {
    use super::MpdChange::{Continued, Regressed, Restarted};
    use super::MpdRegression::{Edge, MovingStart, Period, Published, Start};
    use super::PeriodRegression::{Gone, Moved, Replaced, Withdrawn};
    use super::*;
    use crate::checks::testing::*;

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
    fn a_break_that_is_listed_ahead_may_end_early_and_what_was_available_may_not_go() {
        let ahead =
            |second: i64, edge: f64| MpdState { settled_until: Some(time(second as f64 + 2.0)), ..mpd(second, edge) };
        assert_eq!(changes([ahead(-40, 1020.0), ahead(-8, 996.0)]), [Continued]);
        assert_eq!(changes([ahead(-40, 970.0), ahead(-38, 956.0)]), [Regressed(Edge(Seconds(6.0)))]);
    }

    #[test]
    fn a_time_that_began_again_under_the_same_start_is_a_restart() {
        assert_eq!(changes([mpd(-30, 980.0), mpd(-20, 10.0)]), [Restarted]);
        let stale = MpdState { publish_time: Some(time(-60.0)), ..mpd(-20, 10.0) };
        assert_eq!(changes([mpd(-30, 980.0), stale]), [Regressed(Edge(Seconds(970.0)))]);
        let again = [mpd(-50, 900.0), mpd(-30, 980.0), mpd(-20, 900.0)];
        assert_eq!(changes(again)[1], Regressed(Edge(Seconds(80.0))), "seen before");
    }

    #[test]
    fn a_start_that_moves_with_the_clock_is_no_restart() {
        let paced = |second: i64, start: f64| MpdState {
            availability_start: Some(time(start)),
            window: Some(MpdWindow::Paced { zero: time(start), duration: Seconds(2.0) }),
            ..mpd(second, 0.0)
        };
        let by = |seconds| Regressed(MovingStart(Seconds(seconds)));
        let states = |before: f64| [-30, -20, -8].map(|second| paced(second, second as f64 - before));
        assert_eq!(changes(states(0.5)), [by(10.0), by(12.0)]);
        assert_eq!(changes(states(3600.0)), [by(10.0), by(12.0)], "the time of the request less an hour");
        assert_eq!(changes(states(4.0)), [Restarted; 2], "a packager that restarts has segments");
        assert_eq!(changes([paced(-30, -1000.0), paced(-20, -20.5), paced(-8, -20.5)]), [Restarted, Continued]);
        let timed = [-30, -20, -8].map(|second| moved(mpd(second, 1000.0 + second as f64), 1000.0 + second as f64));
        assert_eq!(changes(timed), [by(10.0), by(12.0)], "the timeline goes on");
        let anew = [-30, -20, -8].map(|second| moved(mpd(second, 30.0 - second as f64), 1000.0 + second as f64));
        assert_eq!(changes(anew)[0], Restarted, "the timeline begins anew each time");
    }

    /// Changes the state of an MPD: its availabilityStartTime is `moved` seconds after the usual one.
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

    /// Makes the state of an MPD with these Periods, given by id and start in seconds. Its window of 20 s ends `edge`
    /// seconds after the start of the presentation. An empty id means that the Period has none.
    fn with_edge(second: i64, edge: f64, periods: &[(&str, f64)]) -> MpdState {
        let period = |(id, start): &(&str, f64)| {
            PeriodStart::new(Some((*id).to_owned()).filter(|id| !id.is_empty()), Seconds(*start))
        };
        MpdState { periods: periods.iter().map(period).collect(), ..mpd(second, edge) }
    }

    fn with(second: i64, periods: &[(&str, f64)]) -> MpdState {
        with_edge(second, 980.0, periods)
    }

    fn period(change: PeriodRegression) -> MpdChange {
        Regressed(Period(change))
    }

    #[test]
    fn small_steps_of_a_period_add_up() {
        for id in ["p", ""] {
            let at = |second, start, first| {
                let mut state = with(second, &[(id, start)]);
                state.periods[0].first_start = Seconds(first);
                state
            };
            assert_eq!(changes([at(-30, 10.9, 10.0), at(-20, 11.0, 10.0)]), [Continued]);
            let steps = [at(-40, 10.9, 10.0), at(-30, 11.8, 11.8), at(-20, 12.7, 11.8)];
            assert_eq!(changes(steps.clone()), [period(Moved(0, Seconds(11.8))), Continued]);
            let step = MpdStep { earlier: &steps[0], later: &steps[1], change: period(Moved(0, Seconds(11.8))) };
            assert!(!has_returned(&step, &steps[1]) && has_returned(&step, &with(-10, &[(id, 10.2)])));
        }
    }

    #[test]
    fn a_period_may_not_move_or_go_back() {
        let first = || with(-30, &[("a", 0.0), ("b", 900.0)]);
        assert_eq!(changes([first(), with(-20, &[("b", 900.0), ("c", 980.0)])]), [Continued]);
        assert_eq!(changes([first(), with(-20, &[("a", 0.0), ("b", 902.0)])]), [period(Moved(1, Seconds(902.0)))]);
        assert_eq!(changes([first(), with(-20, &[("a", 0.0), ("b", 901.0)])]), [Continued], "rounded");
        assert_eq!(changes([first(), with(-20, &[("a", 0.0)])]), [period(Gone(1))]);
        let earlier = with_edge(-20, 974.0, &[("a", 0.0), ("b", 890.0)]);
        assert_eq!(changes([first(), earlier]), [period(Moved(1, Seconds(890.0)))], "before the older edge");
    }

    #[test]
    fn a_period_that_moved_returns_at_its_own_time() {
        let slid = |start: f64| with(-10, &[("a", 0.0), ("b", start)]);
        let states = [with(-30, &[("a", 0.0), ("b", 900.0)]), with(-20, &[("a", 0.0), ("b", 902.0)])];
        let step = MpdStep { earlier: &states[0], later: &states[1], change: period(Moved(1, Seconds(902.0))) };
        assert!(has_returned(&step, &slid(900.0)));
        assert!(!has_returned(&step, &slid(904.0)), "a start that slides never returns");
        let edge = MpdStep { change: Regressed(Edge(Seconds(2.0))), ..step };
        assert!(has_returned(&edge, &slid(904.0)));
        let replaced = MpdStep { change: period(Replaced), ..step };
        assert!(has_returned(&replaced, &slid(904.0)) && !has_returned(&replaced, &with(-10, &[("c", 970.0)])));
    }

    #[test]
    fn an_id_that_stands_twice_or_is_used_again_moves_nothing() {
        let twice = |second| with(second, &[("a", 0.0), ("a", 900.0)]);
        assert_eq!(changes([twice(-30), twice(-20)]), [Continued]);
        let again = [with(-30, &[("a", 900.0)]), with_edge(-20, 990.0, &[("b", 970.0), ("a", 980.0)])];
        assert_eq!(changes(again), [Continued]);
        let inside = [with(-30, &[("a", 900.0)]), with(-20, &[("a", 979.8)])];
        assert_eq!(changes(inside), [period(Moved(0, Seconds(979.8)))]);
    }

    #[test]
    fn a_period_without_an_id_moves_when_another_begins_inside_of_it() {
        assert_eq!(changes([with(-30, &[("", 960.0)]), with(-28, &[("", 962.0)])]), [period(Moved(0, Seconds(962.0)))]);
        assert_eq!(changes([with(-30, &[("", 960.0)]), with(-28, &[("", 960.9)])]), [Continued], "rounded");
        let split = [with(-30, &[("", 960.0)]), with(-28, &[("", 960.0), ("", 970.0)])];
        assert_eq!(changes(split), [Continued], "a Period that ends earlier than was listed");
        let next = [with(-30, &[("", 900.0), ("", 960.0)]), with_edge(-20, 990.0, &[("", 960.0), ("", 980.0)])];
        assert_eq!(changes(next), [Continued]);
    }

    #[test]
    fn periods_may_not_be_replaced_before_their_window_has_passed() {
        let next = |second: i64| with_edge(second, 982.0, &[("b", 980.0)]);
        assert_eq!(changes([with(-30, &[("a", 0.0)]), next(-28)]), [period(Replaced)]);
        assert_eq!(changes([with(-30, &[("a", 0.0)]), next(-10)]), [Continued], "its window of 20 s has passed");
        let announced = [with(-30, &[("a", 0.0), ("b", 980.0)]), next(-28)];
        assert_eq!(changes(announced), [Continued], "a Period that was announced takes over");
        assert_eq!(
            changes([with(-30, &[("a", 0.0)]), with(-28, &[("b", 0.0)])]),
            [Continued],
            "only the id is another"
        );
    }

    #[test]
    fn an_announced_period_may_not_be_withdrawn_without_another_in_its_place() {
        let announced = || with(-30, &[("a", 0.0), ("ad", 1100.0), ("b", 1130.0)]);
        assert_eq!(changes([announced(), with(-20, &[("a", 0.0)])]), [period(Withdrawn(1))]);
        assert_eq!(changes([announced(), with(-20, &[("a", 0.0), ("ad", 1100.0)])]), [period(Withdrawn(2))]);
        let moved = [("a", 0.0), ("ad2", 1102.5), ("b2", 1132.5)];
        assert_eq!(changes([announced(), with(-20, &moved)]), [Continued], "as many Periods are there");
        let later = [announced(), with_edge(150, 1150.0, &[("b", 1130.0)])];
        assert_eq!(changes(later), [Continued], "the Periods before it have left the window");
        let back = [announced(), with(-20, &[("a", 0.0)]), with(-10, &[("a", 0.0), ("ad", 1100.0), ("b", 1130.0)])];
        let step = MpdStep { earlier: &back[0], later: &back[1], change: period(Withdrawn(1)) };
        assert!(has_returned(&step, &back[2]) && !has_returned(&step, &back[1]));
    }

    #[test]
    fn publish_time_alone_counts_beyond_a_second() {
        let at = |second: i64, published: f64| MpdState { publish_time: Some(time(published)), ..mpd(second, 980.0) };
        assert_eq!(changes([at(-20, -20.0), at(-10, -21.0)]), [Continued]);
        assert_eq!(changes([at(-20, -20.0), at(-10, -21.5)]), [Regressed(Published(Seconds(1.5)))]);
    }
}
