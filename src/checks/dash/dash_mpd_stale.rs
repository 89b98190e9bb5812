use crate::checks::support::live_edge_age::{self, AgeLimits, AgeUnit, PublishedAt};
use crate::checks::support::representations::STATIC_MPD;
use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use crate::history::{Observation, RenditionHistory};
use packager_media::dash::{Mpd, Representation, playable_representations};
use packager_media::stream::{Media, Timeline, labels};
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "dash_mpd_stale",
    severity: Severity::Major,
    group: CheckGroup::Dash,
    scope: CheckScope::Dash,
    alert: Some("MpdStale"),
    help: "fails when the list of segments in a live MPD (SegmentTimeline, SegmentList, or numbers up to @endNumber or the end of the Period) has had \
           no segment that has newly become available for `major_after` times its longest segment (or minimumUpdatePeriod, if that is \
           longer, but at most the delay of players: suggestedPresentationDelay, four segments or 10 s); critical after `critical_after`. On a first probe the age is taken from publishTime or Last-Modified. \
           dash_live_edge_unavailable judges segments that only the clock counts. Minor for subtitles, which may pause, and only if all of \
           them have had no new segment for the delay of players and their longest pause before",
    reference: "ISO/IEC 23009-1 5.4.1, 5.3.1.2, 5.3.9",
    needs_history: false,
};

params! {
    /// Time without a new segment after which the check fails, as a multiple of the longest segment, or of
    /// minimumUpdatePeriod if this is longer, up to the delay of players.
    major_after: f64 = 1.5,
    /// Time without a new segment after which the failure is critical, as a multiple of the longest segment or of
    /// minimumUpdatePeriod.
    critical_after: f64 = 3.0,
    /// Seconds by which the newest segment may be behind the clock because of latency. The clock counts only if the MPD
    /// has neither publishTime nor Last-Modified and wasn't yet seen to advance.
    date_allowance: f64 = 120.0,
}

const NO_LIST: &str = "no list of segments with a history was read";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let Some(dash) = context.output.dash() else { return CheckVerdict::NotRun(select::NO_MANIFEST) };
    if !dash.mpd.dynamic {
        return CheckVerdict::NotRun(STATIC_MPD);
    }
    let Params { major_after, critical_after, date_allowance, .. } = *params;
    let limits = AgeLimits { major_after, critical_after, date_allowance };
    // The unit of subtitles is the whole time for which they may pause.
    let text_limits = AgeLimits { major_after: 1.0, critical_after: f64::INFINITY, ..limits };
    let period = dash.period_at(context.now);
    let period_ends = period.is_some_and(|period| period.duration.is_some());
    let has_end =
        |r: &Representation| r.addressing.listed_end().is_some() || (period_ends && r.addressing.segments.is_paced());
    let listed: Vec<_> = period.into_iter().flat_map(playable_representations).filter(|(_, r)| has_end(r)).collect();
    let judged = |facts: &RenditionFacts, past: &RenditionHistory| {
        let id = facts.rendition.id.as_deref();
        let same = |r: &Representation| Some(labels::slug(&r.id).as_str()) == id;
        listed.iter().find(|(set, r)| set.media == facts.rendition.media && same(r))?;
        let timeline = facts.timeline.as_deref().filter(|t| !t.ended)?;
        let is_text = facts.rendition.media == Media::Text;
        let unit = if is_text { pause_unit(&dash.mpd, past, timeline)? } else { age_unit(&dash.mpd, timeline)? };
        let limits = if is_text { &text_limits } else { &limits };
        if renewed(past).is_some_and(|at| Seconds::between(at, context.now).0 <= unit.length.0 * limits.major_after) {
            return Some(Vec::new());
        }
        let made = published_at(&dash.mpd, facts);
        let found = live_edge_age::judge(context, (facts, past, timeline), &unit, &made, limits)?;
        let rated = found.into_iter().map(|v| if is_text { v.severity(Severity::Minor) } else { v });
        Some(rated.map(|v| with_publication(v, context)).collect::<Vec<_>>())
    };
    let mut texts = context.renditions().filter(|(facts, _)| facts.rendition.media == Media::Text);
    let some_text_goes_on = texts.any(|(facts, past)| judged(facts, past).is_some_and(|found| found.is_empty()));
    select::judge_renditions(context, NO_LIST, |facts, past| {
        let is_pause = facts.rendition.media == Media::Text && some_text_goes_on;
        judged(facts, past).map(|found| if is_pause { Vec::new() } else { found })
    })
}

/// Returns when another segment was last seen at the end of the list under the same time. Packagers that number a
/// SegmentList onwards (@startNumber) give its newest segment the same time in each MPD. `None`: it wasn't seen.
fn renewed(past: &RenditionHistory) -> Option<Timestamp> {
    let newest = |o: &Observation| o.segments.last().map(|s| (s.number, s.uri_identity));
    let pairs = past.observations.iter().zip(past.observations.iter().skip(1));
    let mut replaced = pairs.rev().filter(|(a, b)| match (newest(a), newest(b)) {
        (Some((number, uri)), Some((same, other))) => number == same && uri != other,
        _ => false,
    });
    replaced.next().map(|(_, b)| b.first_seen)
}

/// Returns the unit in which the age of the live edge is counted: the longest segment, or minimumUpdatePeriod if this
/// is longer, because no new segment can be listed between two updates of the MPD. Whatever minimumUpdatePeriod says, players
/// have media only for their delay: a list has to go on until the next update (ISO/IEC 23009-1 5.4.1).
fn age_unit(mpd: &Mpd, timeline: &Timeline) -> Option<AgeUnit> {
    let longest = live_edge_age::target_duration_unit(timeline)?.length;
    let update = mpd.minimum_update_period.unwrap_or(Seconds::ZERO);
    let delay = mpd.player_delay(longest);
    Some(match update {
        update if update <= longest => AgeUnit { length: longest, name: "segment duration" },
        update if update <= delay => AgeUnit { length: update, name: "minimum update period" },
        _ => AgeUnit { length: delay, name: "player delay" },
    })
}

/// Returns the time for which subtitles may have no new segment: the delay of players and the longest pause between two segments that
/// the MPD lists or listed. A SegmentTimeline may leave out the times at which nobody speaks. `None` if no list had two segments,
/// which would show a pause.
fn pause_unit(mpd: &Mpd, past: &RenditionHistory, timeline: &Timeline) -> Option<AgeUnit> {
    let listed = timeline.segments.iter().map(|s| (s.number, s.duration)).collect();
    let seen = past.observations.iter().map(|o| o.segments.iter().map(|s| (s.number, s.duration)).collect());
    let lists: Vec<Vec<(u64, Seconds)>> = seen.chain([listed]).collect();
    // The newest list that tells it: the last texts leave the window when there are no more.
    let telling = lists.iter().rfind(|list| list.len() > 1)?;
    let longest = telling.iter().map(|(_, lasts)| *lasts).max_by(|a, b| a.0.total_cmp(&b.0))?;
    let pause = |pair: &[(u64, Seconds)]| match pair {
        [(start, lasts), (next, _)] => next.saturating_sub(*start) as f64 / 1000.0 - lasts.0,
        _ => 0.0,
    };
    let longest_pause = lists.iter().flat_map(|list| list.windows(2)).map(pause).fold(0.0, f64::max);
    Some(AgeUnit { length: mpd.player_delay(longest) + Seconds(longest_pause), name: "subtitle pause" })
}

/// Returns the later of publishTime and Last-Modified, because some packagers update only one of them.
fn published_at(mpd: &Mpd, facts: &RenditionFacts) -> PublishedAt {
    let modified = live_edge_age::last_modified(facts);
    match mpd.publish_time {
        Some(at) if modified.at.is_none_or(|modified| modified < at) => {
            PublishedAt { at: Some(at), source: "publishTime" }
        }
        _ => modified,
    }
}

/// Adds to a violation that publishTime still advances, if it does: then not the packager but its input has stopped.
fn with_publication(mut violation: Violation, context: &CheckContext<'_>) -> Violation {
    let [.., a, b] = context.past.mpds.as_slice() else { return violation };
    if a.window.is_some() && a.window == b.window && a.publish_time < b.publish_time {
        violation.message.push_str("; publishTime goes on: the packager works, look at its input");
    }
    violation.with("published", b.publish_time.map(|at| at.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    const LISTED: &str = "<S t=\"980000\" d=\"2000\" r=\"9\"/>";

    /// Makes a test input: a live MPD whose live edge last advanced `seconds` before the time of the probe.
    fn still(mpd: &str, seconds: f64) -> Scene {
        let mut scene = Scene::dash(mpd);
        let name = scene.rendition().rendition.name.clone();
        scene.observe([observation(-100, 9, 14), observation(-50, 10, 15)]);
        scene.past().edge_since = Some(time(-seconds));
        let past = scene.past().clone();
        scene.history.renditions.insert(name, past);
        scene
    }

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn major_above_one_and_a_half_and_critical_above_three_segments() {
        assert_holds(run(&still(&timed(LISTED), 3.0)));
        assert_eq!(violations(run(&still(&timed(LISTED), 3.01)))[0].severity, None);
        let found = violations(run(&still(&timed(LISTED), 6.01)));
        assert_eq!(found[0].severity, Some(Severity::Critical));
        assert_eq!(found[0].message, "no new segment for 6.0 s: 3.0 segment durations of 2 s; the newest is 998000");
    }

    #[test]
    fn a_longer_minimum_update_period_is_what_counts() {
        let mpd = timed(LISTED).replace("minimumUpdatePeriod=\"PT2S\"", "minimumUpdatePeriod=\"PT10S\"");
        assert_holds(run(&still(&mpd, 15.0)));
        assert!(messages(run(&still(&mpd, 15.1))).contains("1.5 minimum update periods of 10 s"));
    }

    #[test]
    fn a_minimum_update_period_beyond_the_delay_of_players_does_not_hide_a_dead_list() {
        let mpd = timed(LISTED).replace("minimumUpdatePeriod=\"PT2S\"", "minimumUpdatePeriod=\"PT1H\"");
        assert_holds(run(&still(&mpd, 15.0)));
        assert!(messages(run(&still(&mpd, 15.1))).contains("1.5 player delays of 10 s"));
        assert_eq!(violations(run(&still(&mpd, 30.1)))[0].severity, Some(Severity::Critical));
        let later = mpd.replace("minBufferTime", "suggestedPresentationDelay=\"PT40S\" minBufferTime");
        assert_holds(run(&still(&later, 60.0)));
        assert_eq!(violations(run(&still(&later, 60.1))).len(), 1);
    }

    #[test]
    fn an_mpd_that_is_published_anew_without_new_segments_says_so() {
        let mut scene = still(&timed(LISTED), 5.0);
        scene.published([mpd(-10, 1000.0), mpd(-2, 1000.0)]);
        assert!(messages(run(&scene)).ends_with("publishTime goes on: the packager works, look at its input"));
    }

    /// Makes a test input: subtitles with these S elements, whose newest segment was listed `seconds` before the probe.
    fn text(timeline: &str, seconds: f64) -> Scene {
        let mut scene = still(&timed(timeline).replace("video", "text"), seconds);
        let name = scene.rendition().rendition.name.clone();
        let past = scene.history.renditions.get_mut(&name).unwrap();
        past.observations.iter_mut().for_each(|seen| std::sync::Arc::make_mut(seen).segments.clear());
        scene
    }

    #[test]
    fn subtitles_may_pause_as_long_as_before_and_the_delay_of_players() {
        let sparse = "<S t=\"946000\" d=\"4000\"/><S t=\"970000\" d=\"4000\"/>";
        assert_holds(run(&text(sparse, 36.0)));
        let found = violations(run(&text(sparse, 36.1)));
        assert_eq!(found[0].severity, Some(Severity::Minor));
        assert!(found[0].message.starts_with("no new segment for 36.1 s: 1.0 subtitle pauses of 36 s"), "{found:?}");
        assert_eq!(violations(run(&text(LISTED, 10.1))).len(), 1, "they never paused");
        assert_not_run(run(&text("<S t=\"970000\" d=\"4000\"/>", 100.0)), NO_LIST);
    }

    #[test]
    fn subtitles_of_one_language_may_pause_while_those_of_another_go_on() {
        let mut scene = text(LISTED, 10.1);
        let mut other = scene.rendition().clone();
        other.rendition.name = "other".to_owned();
        scene.output.renditions.push(other);
        let mut past = scene.history.renditions.values().next().unwrap().clone();
        assert_eq!(violations(run(&scene)).len(), 1, "nothing is known of the other");
        scene.history.renditions.insert("other".to_owned(), past.clone());
        assert_eq!(violations(run(&scene)).len(), 2);
        past.edge_since = Some(time(-1.0));
        scene.history.renditions.insert("other".to_owned(), past);
        assert_holds(run(&scene));
    }

    #[test]
    fn the_first_probe_believes_publish_time_unless_the_edge_contradicts() {
        let published = |seconds: f64, timeline: &str| {
            let mpd =
                timed(timeline).replace("minBufferTime", &format!("publishTime=\"{}\" minBufferTime", time(-seconds)));
            let mut scene = still(&mpd, 0.0);
            let past = scene.history.renditions.values_mut();
            past.for_each(|p| p.observations.truncate(1));
            run(&scene)
        };
        let old = "<S t=\"940000\" d=\"2000\" r=\"9\"/>";
        assert_holds(published(3.0, old));
        let found = violations(published(30.0, old));
        assert_eq!(
            (found[0].severity, &found[0].evidence["source"]),
            (Some(Severity::Critical), &"publishTime".into())
        );
        assert_holds(published(5000.0, LISTED));
    }

    /// Makes the text of a live MPD whose segments of 2 s are in a SegmentList of `count`, the newest of which has just
    /// ended if there are 500.
    fn in_list(count: usize) -> String {
        let urls: String = (0..count).map(|n| format!("<SegmentURL media=\"{n}.m4s\"/>")).collect();
        let template =
            "<SegmentTemplate timescale=\"1000\" duration=\"2000\" media=\"$RepresentationID$/$Number$.m4s\"/>";
        paced().replace(template, &format!("<SegmentList timescale=\"1000\" duration=\"2000\">{urls}</SegmentList>"))
    }

    #[test]
    fn a_segment_list_and_a_last_number_end_the_list_too() {
        let numbered = |last| paced().replace(" duration=", &format!(" endNumber=\"{last}\" duration="));
        for mpd in [in_list(498), numbered(498)] {
            assert_holds(run(&still(&mpd, 3.0)));
            assert_eq!(violations(run(&still(&mpd, 6.01)))[0].severity, Some(Severity::Critical));
        }
    }

    #[test]
    fn a_list_that_is_numbered_onwards_under_the_same_times_is_not_stale() {
        let mut scene = still(&in_list(498), 60.0);
        let name = scene.rendition().rendition.name.clone();
        let past = scene.history.renditions.get_mut(&name).unwrap();
        let at = |second, uri| {
            let mut seen = observation(second, 10, 15);
            let mut segments: Vec<_> = seen.segments.iter().map(|s| **s).collect();
            segments.last_mut().unwrap().uri_identity = uri;
            seen.segments = segments.into_iter().map(std::sync::Arc::new).collect();
            std::sync::Arc::new(seen)
        };
        past.observations = vec![at(-50, 1), at(-2, 2)];
        assert_holds(run(&scene));
        let past = scene.history.renditions.get_mut(&name).unwrap();
        past.observations = vec![at(-50, 1), at(-4, 2)];
        assert_eq!(violations(run(&scene)).len(), 1);
    }

    #[test]
    fn what_comes_by_the_clock_is_not_judged() {
        assert_not_run(run(&still(&paced(), 100.0)), NO_LIST);
        assert_not_run(run(&still(&timed("<S t=\"0\" d=\"2000\" r=\"-1\"/>"), 100.0)), NO_LIST);
    }
}
