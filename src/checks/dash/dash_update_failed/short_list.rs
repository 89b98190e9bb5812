//! Judges whether the MPD lists segments for as long as players wait before they reload it.

use crate::checks::{CheckContext, Violation};
use crate::facts::DashFacts;
use crate::finding::Severity;
use crate::history::{MpdState, MpdWindow};
use packager_media::dash::{current_period, playable_representations};
use packager_media::stream::Media;
use packager_media::units::Seconds;

/// Largest difference in seconds that rounding makes between the length of a list and the time for which it is needed.
const ROUNDING: f64 = 0.1;

/// Returns the violation of a live MPD whose list of segments is shorter than minimumUpdatePeriod and one segment: a segment that comes
/// after an update is gone from the list before the next one. The list has to be that short throughout that time, because it grows
/// after the packager's start. `None` if the MPD has no list that ends, or isn't updated.
pub(super) fn short_list(context: &CheckContext<'_>, dash: &DashFacts) -> Option<Violation> {
    let update = dash.mpd.minimum_update_period.filter(|_| dash.mpd.dynamic)?;
    let period = current_period(&dash.mpd, dash.listed_at)?;
    let timed = playable_representations(period).filter(|(set, _)| set.media != Media::Text);
    let segment = timed.filter_map(|(_, r)| Some(r.addressing.listed_end()?.1.0)).reduce(f64::max)?;
    let needed = update.0 + segment;
    let since = Seconds(-needed).after(dash.asked_at);
    let states = &context.past.mpds;
    let first = states.iter().rposition(|state| state.first_seen <= since)?;
    let lengths: Option<Vec<f64>> = states.iter().skip(first).map(|state| length(state)).collect();
    let longest = lengths?.into_iter().fold(listed_length(MpdState::of(dash).window)?, f64::max);
    (longest < needed - ROUNDING).then(|| {
        let message = format!(
            "the MPD lists segments for {longest:.1} s, and players reload it after minimumUpdatePeriod, {} s: some segments are never in \
             an MPD that they get, and Media3 stops (BehindLiveWindowException); list at least {needed:.1} s",
            update.0
        );
        let violation = Violation::new(message).with("listed_seconds", longest).with("needed_seconds", needed);
        violation.severity(Severity::Major)
    })
}

fn length(state: &MpdState) -> Option<f64> {
    listed_length(state.window)
}

/// Returns the seconds from the start of the first listed segment to the end of the last one. `None` without a SegmentTimeline.
fn listed_length(window: Option<MpdWindow>) -> Option<f64> {
    match window? {
        MpdWindow::Timeline { start, end, .. } => Some((end - start).0),
        MpdWindow::Paced { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    /// Returns the violation of an MPD that lists `count` segments of 2 s, after states of the MPD that were seen at a second before the
    /// probe and had a list of some length in seconds. Players reload the MPD after 6 s.
    fn run(count: u32, earlier: &[(i64, f64)]) -> Option<Violation> {
        let text = timed(&format!("<S t=\"980000\" d=\"2000\" r=\"{}\"/>", count - 1))
            .replace("PT2S\"><Period", "PT6S\"><Period");
        let mut scene = Scene::dash(&text);
        let state = |(second, length): &(i64, f64)| {
            let (end, media_end) = (Seconds(1000.0), Seconds(1000.0));
            let window = Some(MpdWindow::Timeline { start: Seconds(1000.0 - length), end, media_end });
            MpdState { window, ..mpd(*second, 1000.0) }
        };
        scene.published(earlier.iter().map(state));
        let context = scene.context();
        short_list(&context, context.output.dash().unwrap())
    }

    #[test]
    fn a_list_is_as_long_as_the_time_between_updates_and_one_segment_more() {
        assert_eq!(run(4, &[(-9, 6.0)]), None);
        let found = run(3, &[(-9, 6.0)]).unwrap();
        assert_eq!(found.severity, Some(Severity::Major));
        assert!(found.message.starts_with("the MPD lists segments for 6.0 s"), "{found:?}");
        assert!(found.message.ends_with("list at least 8.0 s"), "{found:?}");
    }

    #[test]
    fn a_list_that_was_short_for_less_time_may_still_grow() {
        assert!(run(3, &[(-20, 8.0), (-8, 6.0)]).is_some(), "8 s is as long as it has to be short");
        assert_eq!(run(3, &[(-20, 8.0), (-7, 6.0)]), None);
        assert_eq!(run(3, &[(-9, 4.0), (-4, 8.0), (-2, 6.0)]), None);
        assert_eq!(run(3, &[]), None, "it is seen for the first time");
    }
}
