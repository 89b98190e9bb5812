use crate::checks::support::date_offset::date_offset;
use crate::checks::support::select::{self, FIRST_OBSERVATION, NO_MANIFEST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::{Observation, RenditionHistory};
use packager_media::stream::{Media, Timeline};
use packager_media::units;
use packager_media::units::{MediaTime, Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "rendition_skew",
    severity: Severity::Major,
    group: CheckGroup::Timeline,
    scope: CheckScope::Any,
    alert: Some("PlaylistBroken"),
    help: "fails when the live edge of an audio or video rendition stays behind that of another by more than a segment and a target \
           duration, in media time: players that switch stall. Compared are those whose edge is known. Minor if subtitles are behind by three more target durations (by dates): \
           nobody who plays live sees them",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.1, 6.2.4",
    needs_history: true,
};

params! {
    /// Target durations of skew that are allowed in addition to the longest segment, because playlists are fetched one
    /// after the other.
    extra_targets: f64 = 1.0,
}

const FEW: &str = "fewer than two live renditions whose edges can be compared";

struct Subject<'a> {
    facts: &'a RenditionFacts,
    past: &'a RenditionHistory,
    timeline: &'a Timeline,
    /// Time by which the dates are wrongly later than those of the first rendition for the same media.
    dates_off: Seconds,
}

impl Subject<'_> {
    /// Returns the live edge of the rendition at a time, or now. `None`: it isn't known on this clock.
    fn edge(&self, basis: EdgeClock, at: Option<Timestamp>) -> Option<LiveEdge> {
        let edge = edge(self.past, basis, at)?;
        Some(match edge {
            LiveEdge::Date(_) => edge.moved_by(Seconds(-self.dates_off.0)),
            LiveEdge::Media(_) => edge,
        })
    }
}

/// Clock on which the live edges of all renditions are compared: their dates, or the media time of their inspected
/// segments.
#[derive(Clone, Copy, PartialEq)]
enum EdgeClock {
    Dates,
    Media,
}

/// Live edge of a rendition: the end of its newest segment.
#[derive(Clone, Copy)]
enum LiveEdge {
    Date(Timestamp),
    Media(MediaTime),
}

impl LiveEdge {
    fn moved_by(self, length: Seconds) -> Self {
        match self {
            Self::Date(at) => Self::Date(length.after(at)),
            Self::Media(at) => Self::Media(at.moved_by(length)),
        }
    }

    /// Returns the seconds from the live edge `earlier` to this one. `None`: they are on different clocks.
    fn since(self, earlier: Self) -> Option<f64> {
        match (self, earlier) {
            (Self::Date(later), Self::Date(earlier)) => Some(Seconds::between(earlier, later).0),
            (Self::Media(later), Self::Media(earlier)) => Some(later.since(earlier)?.0),
            _ => None,
        }
    }
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    if !context.output.is_readable() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let mut inspected = context.renditions().filter(|(facts, _)| facts.rendition.media != Media::Text);
    let reference = inspected.find_map(|(facts, past)| select::inspected_segments(facts, past)).unwrap_or_default();
    let dates_off = |facts: &RenditionFacts, past: &RenditionHistory| {
        date_offset(select::inspected_segments(facts, past)?, reference.iter().copied())
    };
    let live = context
        .renditions()
        .filter_map(|(facts, past)| {
            let timeline = facts.timeline.as_deref()?;
            Some(Subject { facts, past, timeline, dates_off: dates_off(facts, past).unwrap_or_default() })
        })
        .filter(|s| !s.timeline.ended);
    let (texts, subjects): (Vec<_>, Vec<_>) = live.partition(|s| s.facts.rendition.media == Media::Text);
    let targets = subjects.iter().filter_map(|s| select::target_duration(s.timeline));
    let Some(target) = targets.map(|t| t.0).reduce(f64::max) else { return CheckVerdict::NotRun(FEW) };
    let before = Seconds(-target).after(context.now);
    let (basis, now) = current_edges(&subjects);
    if now.len() < 2 {
        return CheckVerdict::NotRun(FEW);
    }
    let known = |(subject, now)| Some(Compared { subject, now, earlier: subject.edge(basis, Some(before))? });
    let compared: Vec<Compared<'_>> = now.into_iter().filter_map(known).collect();
    let (Some(ahead), true) = (MostAdvanced::of(&compared), compared.len() > 1) else {
        return CheckVerdict::NotRun(FIRST_OBSERVATION);
    };
    let longest =
        |of: &[Subject<'_>]| of.iter().flat_map(|s| &s.timeline.segments).map(|s| s.duration.0).fold(0.0, f64::max);
    let allowed = longest(&subjects) + params.extra_targets * target;
    let mut found: Vec<_> = compared.iter().filter_map(|rendition| ahead.judge(rendition, allowed)).collect();
    let allowed = longest(&texts).max(longest(&subjects)) + (params.extra_targets + HOLD_BACK) * target;
    // Without dates the live edge of subtitles isn't known, because the times of cues say nothing about it.
    found.extend(texts.iter().filter(|_| basis == EdgeClock::Dates).filter_map(|text| {
        let (now, earlier) = text.edge(basis, None).zip(text.edge(basis, Some(before)))?;
        Some(ahead.judge(&Compared { subject: text, now, earlier }, allowed)?.severity(Severity::Minor))
    }));
    CheckVerdict::Ran(found)
}

/// Number of target durations that players stay behind the live edge at least (RFC 8216bis 4.4.3.8, HOLD-BACK).
const HOLD_BACK: f64 = 3.0;

/// The most advanced live edge of the compared renditions, now and a target duration ago.
struct MostAdvanced<'a> {
    /// Name of the rendition that is the most advanced now.
    name: &'a str,
    now: LiveEdge,
    earlier: LiveEdge,
}

/// A rendition with its live edge now and a target duration ago.
struct Compared<'a> {
    subject: &'a Subject<'a>,
    now: LiveEdge,
    earlier: LiveEdge,
}

impl<'a> MostAdvanced<'a> {
    fn of(compared: &[Compared<'a>]) -> Option<Self> {
        let (leader, now) = furthest_ahead(compared, |rendition| rendition.now)?;
        let (_, earlier) = furthest_ahead(compared, |rendition| rendition.earlier)?;
        Some(Self { name: &leader.facts.rendition.name, now, earlier })
    }

    /// Returns a violation if a rendition is behind by more than `allowed` seconds both times.
    fn judge(&self, rendition: &Compared<'_>, allowed: f64) -> Option<Violation> {
        let Compared { subject, now, earlier } = *rendition;
        let behind = self.now.since(now)?;
        if behind <= allowed || self.earlier.since(earlier)? <= allowed {
            return None;
        }
        let leader = self.name;
        let (late, most) = units::distinct(behind, allowed, 1);
        let message = format!("the live edge is {late} s behind that of {leader}; no more than {most} s are allowed");
        let violation =
            Violation::new(message).in_rendition(&subject.facts.rendition.name).with("behind_seconds", behind);
        let violation = violation.with("reference_rendition", leader).with("allowed_seconds", allowed);
        Some(violation.with("last_number", subject.timeline.last_number()))
    }
}

fn furthest_ahead<'a>(
    compared: &[Compared<'a>],
    edge: fn(&Compared<'a>) -> LiveEdge,
) -> Option<(&'a Subject<'a>, LiveEdge)> {
    let ahead = |a: (_, LiveEdge), b: (_, LiveEdge)| if b.1.since(a.1).is_some_and(|by| by > 0.0) { b } else { a };
    compared.iter().map(|rendition| (rendition.subject, edge(rendition))).reduce(ahead)
}

/// Returns the clock on which the live edges of most renditions are known, and the renditions with these edges. One whose edge is
/// unknown or on another time scale than the first's is left out. Dates go before media time.
fn current_edges<'a>(subjects: &'a [Subject<'a>]) -> (EdgeClock, Vec<(&'a Subject<'a>, LiveEdge)>) {
    let [dates, media] = [EdgeClock::Dates, EdgeClock::Media].map(|basis| {
        let known: Vec<_> = subjects.iter().filter_map(|s| Some((s, s.edge(basis, None)?))).collect();
        let first = known.first().map(|(_, edge)| *edge);
        known.into_iter().filter(|(_, edge)| first.is_some_and(|first| edge.since(first).is_some())).collect::<Vec<_>>()
    });
    if media.len() > dates.len() { (EdgeClock::Media, media) } else { (EdgeClock::Dates, dates) }
}

fn edge(past: &RenditionHistory, basis: EdgeClock, at: Option<Timestamp>) -> Option<LiveEdge> {
    let known = |o: &Observation| at.is_none_or(|at| o.first_seen <= at);
    let observation = past.observations.iter().rev().find(|o| known(o))?;
    let mut tail = Seconds::ZERO;
    for segment in observation.segments.iter().rev() {
        let found = match basis {
            EdgeClock::Dates => segment.program_date_time.map(|date| LiveEdge::Date(segment.duration.after(date))),
            EdgeClock::Media => {
                past.segments.iter().rev().find(|s| s.segment.number == segment.number).and_then(|s| media_end(s))
            }
        };
        if let Some(end) = found {
            return Some(end.moved_by(tail));
        }
        if segment.discontinuity {
            return None;
        }
        tail = tail + segment.duration;
    }
    None
}

/// Returns the end of a segment's media: that of its video track, otherwise that of its audio track.
fn media_end(segment: &SegmentFacts) -> Option<LiveEdge> {
    let tracks = &select::undamaged_inspection(segment)?.tracks;
    let of = |media: Media| tracks.iter().filter(move |t| t.media == Some(media)).find_map(|t| t.end);
    of(Media::Video).or_else(|| of(Media::Audio)).map(LiveEdge::Media)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use std::sync::Arc;

    /// Makes a test input: two renditions with dated segments of 2 s. The second rendition's live edge is behind the
    /// first's by `before` seconds 2 s before the probe, and by `now` seconds in the probe. A skew of 4 s is allowed.
    fn dated_scene(before: f64, now: f64) -> Scene {
        let mut scene = Scene::live();
        scene.output.renditions.push(rendition("other"));
        let seen = |behind: [f64; 2]| {
            let both = [(-2, behind[0]), (0, behind[1])];
            let seen = both.map(|(at, behind)| Arc::new(dated(observation(at, 10, 15), at as f64 - 12.0 - behind)));
            RenditionHistory { observations: seen.to_vec(), ..RenditionHistory::default() }
        };
        let names = [(NAME, seen([0.0; 2])), ("other", seen([before, now]))];
        scene.history.renditions = names.into_iter().map(|(n, p)| (n.to_owned(), p)).collect();
        scene
    }

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_segment_and_a_target_duration_hold_and_more_fails() {
        assert_holds(run(&dated_scene(0.0, 0.0)));
        assert_holds(run(&dated_scene(4.0, 4.0)));
        let found = violations(run(&dated_scene(4.1, 4.2)));
        assert_eq!(
            found[0].message,
            format!("the live edge is 4.2 s behind that of {NAME}; no more than 4.0 s are allowed")
        );
        assert_eq!(found[0].rendition.as_deref(), Some("other"));
        let found = violations(run(&dated_scene(-6.0, -6.0)));
        assert_eq!(found[0].rendition.as_deref(), Some(NAME), "the one behind is said");
    }

    #[test]
    fn subtitles_behind_where_players_play_are_minor() {
        let severity = |behind: f64| {
            let mut scene = dated_scene(0.0, 0.0);
            let mut text = rendition("text");
            text.rendition.media = Media::Text;
            scene.output.renditions.push(text);
            let late = dated_scene(behind, behind).history.renditions["other"].clone();
            scene.history.renditions.insert("text".to_owned(), late);
            violations(run(&scene)).into_iter().map(|v| (v.rendition.unwrap(), v.severity)).collect::<Vec<_>>()
        };
        assert_eq!(severity(10.0), []);
        assert_eq!(severity(10.1), [("text".to_owned(), Some(Severity::Minor))]);
    }

    #[test]
    fn dates_that_are_off_for_the_same_media_are_no_skew() {
        let run = |media_off: f64| {
            let mut scene = dated_scene(6.0, 6.0);
            for (name, dates, media) in [(NAME, 0.0, 0.0), ("other", -6.0, media_off)] {
                let segment = |n: u64| {
                    let at = 2.0 * n as f64;
                    let mut segment = ts_segment(n, 100.0 + at + media, 2.0);
                    segment.segment.program_date_time = Some(time(-12.0 + at + dates));
                    Arc::new(segment)
                };
                scene.history.renditions.get_mut(name).unwrap().segments = (10..16).map(segment).collect();
            }
            run(&scene)
        };
        assert_holds(run(0.0));
        assert_eq!(violations(run(-6.0)).len(), 1, "the media are behind too");
    }

    #[test]
    fn it_has_to_last() {
        assert_holds(run(&dated_scene(0.0, 6.0)));
        assert_holds(run(&dated_scene(6.0, 0.0)));
    }

    #[test]
    fn without_dates_inspected_media_tells() {
        let wrap = (1u64 << 33) as f64 / 90_000.0;
        for (behind, fails) in [(0.0, 0), (6.0, 1)] {
            let mut scene = dated_scene(0.0, 0.0);
            for (name, start) in [(NAME, 0.0), ("other", wrap - behind)] {
                let past = scene.history.renditions.get_mut(name).unwrap();
                let seen = [observation(-2, 9, 14), observation(0, 10, 15)];
                past.observations = seen.map(Arc::new).to_vec();
                past.segments = vec![Arc::new(ts_segment(13, start, 2.0))];
            }
            assert_eq!(violations(run(&scene)).len(), fails, "{behind}");
        }
    }

    #[test]
    fn decode_times_of_fragmented_mp4_do_not_wrap_and_are_not_compared_with_transport_streams() {
        let wrap = (1u64 << 33) as f64 / 90_000.0;
        let run = |starts: [f64; 2], fragmented: [bool; 2]| {
            let mut scene = dated_scene(0.0, 0.0);
            for (name, (start, fragmented)) in [NAME, "other"].into_iter().zip(starts.into_iter().zip(fragmented)) {
                let past = scene.history.renditions.get_mut(name).unwrap();
                past.observations = [observation(-2, 9, 14), observation(0, 10, 15)].map(Arc::new).to_vec();
                let mut segment = ts_segment(13, start, 2.0);
                if fragmented {
                    to_fragmented(&mut segment);
                }
                past.segments = vec![Arc::new(segment)];
            }
            run(&scene)
        };
        assert_holds(run([0.0, wrap], [false, false]));
        let found = violations(run([0.0, wrap], [true, true]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].rendition.as_deref(), Some(NAME), "it is 26.5 hours behind");
        assert_not_run(run([0.0, 0.0], [true, false]), FEW);
    }

    #[test]
    fn a_rendition_without_a_date_does_not_hide_the_skew_of_others() {
        let mut scene = dated_scene(6.0, 6.0);
        scene.output.renditions.push(rendition("undated"));
        let observations = [observation(-2, 9, 14), observation(0, 10, 15)].map(Arc::new).to_vec();
        let undated = RenditionHistory { observations, ..RenditionHistory::default() };
        scene.history.renditions.insert("undated".to_owned(), undated);
        let found = violations(run(&scene));
        assert_eq!((found.len(), found[0].rendition.as_deref()), (1, Some("other")));
        scene.history.renditions.get_mut("other").unwrap().observations.clear();
        assert_not_run(run(&scene), FEW);
    }

    #[test]
    fn text_and_ended_playlists_are_left_out() {
        let mut scene = dated_scene(6.0, 6.0);
        scene.output.renditions[1].rendition.media = Media::Text;
        assert_not_run(run(&scene), FEW);
        let mut scene = dated_scene(6.0, 6.0);
        scene.timeline().ended = true;
        assert_not_run(run(&scene), FEW);
    }

    #[test]
    fn the_first_observation_says_nothing() {
        let mut scene = dated_scene(6.0, 6.0);
        scene.history.renditions.values_mut().for_each(|past| drop(past.observations.remove(0)));
        assert_not_run(run(&scene), FIRST_OBSERVATION);
        assert_not_run(run(&Scene::unreadable()), NO_MANIFEST);
    }
}
