//! Compares EXT-X-CUE-OUT with EXT-X-DATERANGE: a playlist that uses both must announce each ad break with both, and
//! with the same values.

use super::Params;
use crate::checks::Violation;
use crate::checks::support::ad_breaks::{starts_match, time_slack};
use packager_media::stream::Timeline;
use packager_media::stream::ads::{AdBreak, AdSource};
use packager_media::units::{Seconds, Timestamp};

pub(super) fn differing_tags(breaks: &[AdBreak], timeline: &Timeline, params: &Params) -> Vec<Violation> {
    let slack = time_slack(params.date_tolerance, timeline);
    let from_source = |source: AdSource| breaks.iter().filter(move |b| b.source == source);
    if from_source(AdSource::Cue).next().is_none() || from_source(AdSource::DateRange).next().is_none() {
        return Vec::new();
    }
    let starts_inside = |b: &&AdBreak| b.start.is_some_and(|start| well_inside(start, timeline, slack));
    let cues = from_source(AdSource::Cue).filter(|b| b.from.is_some()).filter(starts_inside);
    let ranges: Vec<_> = from_source(AdSource::DateRange).filter(starts_inside).collect();
    let mut found = Vec::new();
    for cue in cues {
        match ranges.iter().find(|range| starts_match(cue, range, slack)) {
            Some(range) => found.extend(announced_differently(cue, range, params)),
            None => found.push(unmatched(cue, AdSource::DateRange)),
        }
    }
    let without_cue =
        ranges.iter().filter(|range| !from_source(AdSource::Cue).any(|cue| starts_match(cue, range, slack)));
    found.extend(without_cue.map(|range| unmatched(range, AdSource::Cue)));
    found
}

/// Whether a time is more than `slack` away from both ends of the window. Near the ends one of two markers may have
/// left already, or may still be missing.
fn well_inside(start: Timestamp, timeline: &Timeline, slack: Seconds) -> bool {
    let first = timeline.start_dates().into_iter().flatten().next();
    let (Some(first), Some(edge)) = (first, timeline.live_edge()) else { return false };
    slack.after(first) < start && slack.after(start) < edge
}

fn announced_differently(cue: &AdBreak, range: &AdBreak, params: &Params) -> Option<Violation> {
    let (a, b) = cue.announced.zip(range.announced)?;
    let message = format!(
        "line {}: EXT-X-CUE-OUT announces {} s; EXT-X-DATERANGE in line {} announces {} s for the same break",
        cue.line, a.0, range.line, b.0
    );
    let differs = (a - b).abs().0 > params.duration_tolerance;
    differs.then(|| Violation::new(message).with("line", cue.line).with("id", range.id.clone()))
}

fn unmatched(ad_break: &AdBreak, missing: AdSource) -> Violation {
    let (tag, other, line) = (ad_break.source.tag(), missing.tag(), ad_break.line);
    let at = ad_break.start.map_or_else(String::new, |at| format!(" at {at}"));
    let message =
        format!("line {line}: {tag} begins an ad break{at} that no {other} announces; the playlist uses both tags");
    Violation::new(message).with("line", line).with("id", ad_break.id.clone())
}

#[cfg(test)]
mod tests {
    use super::super::{Params, check};
    use crate::checks::CheckVerdict;
    use crate::checks::support::ad_breaks::testing::*;
    use crate::checks::testing::*;
    use packager_media::stream::ads::MarkerKind;

    fn run(markers: Vec<(u64, MarkerKind)>) -> CheckVerdict {
        check(&marked(markers).context(), &Params::default())
    }

    #[test]
    fn a_break_that_both_tags_announce_alike_holds() {
        assert_holds(run(vec![(12, boxed(range("1", -8.0, 4.0))), (12, out(4.0)), (14, MarkerKind::In)]));
        assert_holds(run(vec![(12, out(30.0))]));
        // The splice lies inside the segment before.
        assert_holds(run(vec![(13, boxed(range("1", -7.5, 4.5))), (13, out(4.0))]));
    }

    #[test]
    fn durations_that_differ_fail() {
        let announced = |cue: f64| run(vec![(12, boxed(range("1", -8.0, 30.0))), (12, out(cue))]);
        assert_holds(announced(30.5));
        assert_holds(announced(29.5));
        assert_eq!(violations(announced(29.4)).len(), 1);
        let message =
            "line 21: EXT-X-CUE-OUT announces 60 s; EXT-X-DATERANGE in line 20 announces 30 s for the same break";
        let found = violations(announced(60.0));
        assert_eq!((found[0].message.as_str(), found[0].rendition.as_deref()), (message, Some(NAME)));
    }

    #[test]
    fn a_break_that_only_one_tag_announces_fails() {
        let both = vec![(11, boxed(range("1", -9.9, 2.0))), (11, out(2.0)), (12, MarkerKind::In)];
        let with_cue = [both.clone(), vec![(13, out(30.0))]].concat();
        assert!(messages(run(with_cue)).contains("line 23: EXT-X-CUE-OUT begins an ad break at"));
        let with_range = [both, vec![(13, boxed(range("2", -6.0, 30.0)))]].concat();
        assert!(messages(run(with_range)).contains("that no EXT-X-CUE-OUT announces"));
    }

    #[test]
    fn starts_a_target_duration_apart_match() {
        let run = |start| violations(run(vec![(12, boxed(range("1", start, 4.0))), (12, out(4.0))])).len();
        assert_eq!([run(-6.0), run(-5.9)], [0, 2]);
    }

    #[test]
    fn near_the_ends_of_the_window_a_marker_may_be_missing() {
        let before = vec![(10, boxed(range("1", -60.0, 52.0))), (14, out(30.0))];
        assert_eq!(violations(run(before)).len(), 1, "well inside");
        assert_holds(run(vec![(10, boxed(range("1", -60.0, 52.0))), (15, out(30.0))]));
        assert_holds(run(vec![(10, boxed(range("1", 20.0, 52.0))), (15, out(30.0))]));
    }
}
