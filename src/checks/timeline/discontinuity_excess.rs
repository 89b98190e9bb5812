use crate::checks::support::select::{self, NO_PLAYLIST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use packager_media::dash::Mpd;
use packager_media::stream::{Map, Segment, Timeline};

pub const META: CheckMeta = CheckMeta {
    id: "discontinuity_excess",
    severity: Severity::Major,
    group: CheckGroup::Timeline,
    scope: CheckScope::Any,
    alert: Some("PlaylistBroken"),
    help: "fails when the window has more discontinuities between its segments than the template allows: each makes players start their \
           decoders anew. In an MPD it counts Periods with another initialization segment whose AdaptationSet announces neither \
           period-continuity nor period-connectivity. A warning if ad breaks are announced, or what lies between lasts longer than 4 s, as \
           spots do",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.3; ISO/IEC 23009-1 5.3.2.4",
    needs_history: false,
};

params! {
    /// Number of discontinuities that every window of a playlist may have.
    max: u64 = 3,
    /// Number of discontinuities that a window may have for each minute of its length, if that gives more than `max`.
    /// Ad breaks of ten-second spots have six a minute.
    max_per_minute: f64 = 6.0,
}

/// Schemes with which an AdaptationSet says that players may go on from one Period to the next without a new decoder.
const CONTINUITY: [&str; 2] = ["urn:mpeg:dash:period-continuity:2015", "urn:mpeg:dash:period-connectivity:2015"];
/// Time in seconds for which each spot of an ordinary ad break lasts longer.
const SHORT_SPOT: f64 = 4.0;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NO_PLAYLIST, |facts, _| {
        Some(violation(context, facts, facts.timeline.as_deref()?, params).into_iter().collect())
    })
}

fn violation(
    context: &CheckContext<'_>,
    facts: &RenditionFacts,
    timeline: &Timeline,
    params: &Params,
) -> Option<Violation> {
    let mpd = context.output.dash().map(|dash| &*dash.mpd);
    // One before the first segment parts it from what has left the window: it is none within the window's length.
    let pairs = timeline.segments.iter().zip(timeline.segments.iter().skip(1)).zip(1..);
    let counted = pairs.filter(|((before, segment), _)| {
        segment.discontinuity && mpd.is_none_or(|mpd| starts_decoder(mpd, facts, before, segment))
    });
    let starts: Vec<usize> = counted.map(|(_, at)| at).collect();
    let (count, window) = (starts.len(), timeline.window().0);
    let allowed = (params.max as f64).max(params.max_per_minute * window / 60.0);
    if count as f64 <= allowed {
        return None;
    }
    let segments = timeline.segments.len();
    let what = if mpd.is_some() { "Periods with another initialization segment" } else { "discontinuities" };
    let message = format!(
        "{count} {what} in a window of {segments} segments ({window:.0} s); no more than {} are allowed",
        allowed.floor()
    );
    let lines: Vec<u32> = starts.iter().filter_map(|at| Some(timeline.segments.get(*at)?.line)).take(16).collect();
    let violation =
        Violation::new(message).with("discontinuities", count).with("allowed", allowed).with("lines", lines);
    // Where every segment has one, the packager writes them for nothing.
    let is_each = starts.len() + 1 >= segments;
    let is_ad_break = !is_each && (has_markers(context) || are_spots(timeline, &starts));
    Some(if is_ad_break { violation.severity(Severity::Warning) } else { violation })
}

/// Whether players start their decoders anew for the first segment of a Period, `segment`: it has another initialization segment than
/// the segment before it, and its AdaptationSet doesn't say that it continues (ISO/IEC 23009-1 5.3.2.4).
fn starts_decoder(mpd: &Mpd, facts: &RenditionFacts, before: &Segment, segment: &Segment) -> bool {
    // Query strings contain tokens that change with every request.
    let file = |map: &Map| (map.uri.path().to_owned(), map.byte_range);
    let digest = |map: &Map| facts.inits.iter().find(|init| init.map == *map)?.digest;
    let is_same = match (before.map.as_deref(), segment.map.as_deref()) {
        (Some(a), Some(b)) => file(a) == file(b) || digest(a).is_some_and(|one| digest(b) == Some(one)),
        (None, None) => true,
        _ => false,
    };
    let periods = mpd.periods.iter().filter(|p| p.discontinuity_sequence() == segment.discontinuity_sequence);
    let sets = periods.flat_map(|p| &p.sets).filter(|set| set.media == facts.rendition.media);
    let own = sets.filter(|set| set.representations.iter().any(|r| r.line == segment.line));
    let mut supplemental = own.flat_map(|set| &set.supplemental);
    !is_same && !supplemental.any(|property| CONTINUITY.contains(&property.scheme.as_str()))
}

/// Whether the playlist or the MPD announces ad breaks.
fn has_markers(context: &CheckContext<'_>) -> bool {
    let mut timelines = context.output.renditions.iter().filter_map(|r| r.timeline.as_deref());
    timelines.any(|timeline| !timeline.markers.is_empty())
}

/// Whether what lies between the discontinuities is as long as the spots of an ordinary ad break. `starts` are the positions of the
/// segments with a discontinuity.
fn are_spots(timeline: &Timeline, starts: &[usize]) -> bool {
    let lasts = |from: usize, to: usize| -> f64 {
        timeline.segments.get(from..to).unwrap_or_default().iter().map(|s| s.duration.0).sum()
    };
    let is_spot = |(from, to): (&usize, &usize)| lasts(*from, *to) > SHORT_SPOT;
    starts.iter().zip(starts.iter().skip(1)).all(is_spot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::stream::ads::{Marker, MarkerKind};
    use packager_media::units::Seconds;

    /// Runs discontinuity_excess on a playlist of `segments` segments of 2 s, of which `discontinuities` after the first begin with a
    /// discontinuity.
    fn run(segments: u64, discontinuities: usize) -> CheckVerdict {
        let mut scene = Scene::live();
        *scene.timeline() = timeline(1, segments);
        scene.timeline().segments.iter_mut().skip(1).take(discontinuities).for_each(|s| s.discontinuity = true);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn three_hold_in_a_short_window_and_four_fail() {
        assert_holds(run(6, 3));
        assert_eq!(
            messages(run(6, 4)),
            "4 discontinuities in a window of 6 segments (12 s); no more than 3 are allowed"
        );
    }

    #[test]
    fn a_longer_window_may_have_more() {
        assert_holds(run(60, 12));
        assert_eq!(violations(run(60, 13)).len(), 1);
        // 4 where 3.8 are allowed.
        let message = "4 discontinuities in a window of 19 segments (38 s); no more than 3 are allowed";
        assert_eq!(messages(run(19, 4)), message);
    }

    #[test]
    fn spots_of_ten_seconds_hold_and_shorter_ones_fail() {
        // Each spot is a segment of 6 s and the rest; a discontinuity stands before each, also before the first segment.
        let run = |rest: f64| {
            let mut scene = Scene::live();
            *scene.timeline() = timeline(1, 8);
            for (n, segment) in scene.timeline().segments.iter_mut().enumerate() {
                (segment.duration, segment.discontinuity) = (Seconds(if n % 2 == 0 { 6.0 } else { rest }), n % 2 == 0);
            }
            scene.timeline().segments.pop();
            check(&scene.context(), &Params { max: 0, ..Params::default() })
        };
        assert_holds(run(4.0));
        let found = violations(run(1.9));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Warning)));
    }

    #[test]
    fn bumpers_of_six_seconds_and_announced_breaks_are_a_warning_at_most() {
        let severity = |starts: &[usize], has_marker: bool| {
            let mut scene = Scene::live();
            *scene.timeline() = timeline(1, 15);
            for at in starts {
                scene.timeline().segments[*at].discontinuity = true;
            }
            let marker = Marker { kind: MarkerKind::In, number: 3, line: 4 };
            scene.timeline().markers.extend(has_marker.then_some(marker));
            violations(check(&scene.context(), &Params::default()))[0].severity
        };
        assert_eq!(severity(&[2, 5, 8, 11], false), Some(Severity::Warning), "three bumpers and the return");
        assert_eq!(severity(&[2, 5, 7, 11], false), None, "a bumper of 4 s");
        assert_eq!(severity(&[2, 5, 7, 11], true), Some(Severity::Warning));
    }

    #[test]
    fn periods_with_the_same_initialization_segment_or_announced_continuity_are_no_discontinuities() {
        let run = |init: &str, inside: &str| {
            let period = |start: u32| {
                let init = init.replace("N", &start.to_string());
                format!(
                    "<Period id=\"{start}\" start=\"PT{start}S\"><AdaptationSet mimeType=\"video/mp4\">{inside}<SegmentTemplate \
                     timescale=\"1000\" initialization=\"{init}\" media=\"{start}/$Time$\"><SegmentTimeline><S t=\"0\" d=\"1000\" \
                     r=\"2\"/></SegmentTimeline></SegmentTemplate><Representation id=\"v1\" bandwidth=\"1\" codecs=\"avc1.64001f\" width=\"1280\" \
                     height=\"720\"/>\
                     </AdaptationSet></Period>"
                )
            };
            let periods: String = [985, 988, 991, 994, 997].into_iter().map(period).collect();
            check(&Scene::dash(&dynamic(&periods)).context(), &Params::default())
        };
        assert_holds(run("i.mp4", ""));
        let found = violations(run("iN.mp4", ""));
        assert_eq!((found.len(), found[0].severity), (1, None));
        assert_eq!(
            found[0].message,
            "4 Periods with another initialization segment in a window of 15 segments (15 s); no more than 3 are allowed"
        );
        let continuity = "<SupplementalProperty schemeIdUri=\"urn:mpeg:dash:period-continuity:2015\" value=\"985\"/>";
        assert_holds(run("iN.mp4", continuity));
    }

    #[test]
    fn without_a_playlist_it_does_not_run() {
        let mut scene = Scene::live();
        scene.rendition().timeline = None;
        assert_not_run(check(&scene.context(), &Params::default()), NO_PLAYLIST);
    }
}
