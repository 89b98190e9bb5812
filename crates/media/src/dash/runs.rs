//! SegmentTimeline: S elements → runs, none of them longer in memory than it is written (ISO/IEC 23009-1 5.3.9.6).

use super::model::Run;
use super::notes::Notes;
use super::values::{attributes, children, whole};
use roxmltree::Node;

const TIMELINE: &str = "ISO/IEC 23009-1 5.3.9.6";

/// An S that can't be used ends what can be known of its neighbours' times; it is left out.
pub(super) fn read(timeline: Node<'_, '_>, start_number: u64, notes: &mut Notes<'_>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut next = Some(0);
    for node in children(timeline, "S") {
        let [t, n, d, r] = attributes(node, ["t", "n", "d", "r"]);
        let written = t.and_then(|t| whole(node, "t", t, notes));
        close(&mut runs, written, node, notes);
        next = runs.last().map_or(next, Run::end);
        let number = n.and_then(|n| whole(node, "n", n, notes));
        let number = number.or_else(|| runs.last().map_or(Some(start_number), after));
        let (Some(start), Some(number), Some(duration)) = (written.or(next), number, length(node, d, notes)) else {
            continue;
        };
        let apart = next.filter(|_| !runs.is_empty()).map_or(0, |next| start as i128 - i128::from(next));
        let apart = i64::try_from(apart).unwrap_or(if apart < 0 { i64::MIN } else { i64::MAX });
        runs.push(Run { number, start, duration, count: count(node, r, notes), apart });
    }
    runs
}

/// A run that repeats "until the next S" ends where that begins.
fn close(runs: &mut [Run], next: Option<u64>, node: Node<'_, '_>, notes: &mut Notes<'_>) {
    let Some(open) = runs.last_mut().filter(|run| run.count.is_none()) else { return };
    let Some(next) = next.filter(|next| *next > open.start) else {
        notes.wrong(node, TIMELINE, format_args!("S follows one with a negative @r, and needs a @t after it"));
        open.count = Some(1);
        return;
    };
    open.count = Some((next - open.start).div_ceil(open.duration));
}

fn length(node: Node<'_, '_>, d: Option<&str>, notes: &mut Notes<'_>) -> Option<u64> {
    let duration = d.and_then(|d| whole(node, "d", d, notes)).filter(|d| *d > 0);
    if duration.is_none() {
        let what = if d.is_some() { "no length" } else { "missing" };
        notes.wrong(node, TIMELINE, format_args!("S@d is {what}"));
    }
    duration
}

/// `None`: an open end. `r` counts the repetitions after the first.
fn count(node: Node<'_, '_>, r: Option<&str>, notes: &mut Notes<'_>) -> Option<u64> {
    let repeat: i64 = r.and_then(|r| whole(node, "r", r, notes)).unwrap_or(0);
    u64::try_from(repeat).ok().map(|r| r + 1)
}

fn after(run: &Run) -> Option<u64> {
    run.number.checked_add(run.count?)
}
