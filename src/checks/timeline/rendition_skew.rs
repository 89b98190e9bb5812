use crate::checks::support::select::{self, FIRST_OBSERVATION, NO_MANIFEST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::{Observation, RenditionPast};
use packager_media::container::Container;
use packager_media::stream::{Media, Timeline};
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "rendition_skew",
    severity: Severity::Major,
    group: CheckGroup::Timeline,
    help: "fails when the live edge of an audio or video rendition stays behind that of another by more than a segment and a target \
           duration, in media time: players that switch stall",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.1, 6.2.4",
    needs_history: true,
};

params! {
    /// Target durations that are allowed beyond the longest segment: playlists are fetched one after the other.
    extra_targets: f64 = 1.0,
}

const FEW: &str = "fewer than two live renditions whose edges can be compared";

/// Where PTS and DTS begin again, in seconds.
const WRAP: f64 = (1u64 << 33) as f64 / 90_000.0;

struct Subject<'a> {
    facts: &'a RenditionFacts,
    past: &'a RenditionPast,
    timeline: &'a Timeline,
}

/// How edges are told: all by their dates, or all by the media time of inspected segments.
#[derive(Clone, Copy, PartialEq)]
enum Basis {
    Dates,
    Media,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    if !context.output.parsed {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let live = context.renditions().filter(|(r, _)| r.rendition.media != Media::Text);
    let subjects: Vec<_> = live
        .filter_map(|(facts, past)| Some(Subject { facts, past, timeline: facts.timeline.as_deref()? }))
        .filter(|s| !s.timeline.ended)
        .collect();
    let targets = subjects.iter().filter_map(|s| select::target_duration(s.timeline));
    let Some(target) = targets.map(|t| t.0).reduce(f64::max) else { return CheckVerdict::NotRun(FEW) };
    let before = Seconds(-target).after(context.now);
    let Some((basis, now)) =
        [Basis::Dates, Basis::Media].into_iter().find_map(|b| Some((b, edges(&subjects, b, None)?)))
    else {
        return CheckVerdict::NotRun(FEW);
    };
    let Some(earlier) = edges(&subjects, basis, Some(before)) else { return CheckVerdict::NotRun(FIRST_OBSERVATION) };
    let longest = subjects.iter().flat_map(|s| &s.timeline.segments).map(|s| s.duration.0).fold(0.0, f64::max);
    let allowed = longest + params.extra_targets * target;
    CheckVerdict::Ran(judge(&subjects, &now, &earlier, allowed, basis))
}

/// Behind now, and behind already a target duration ago.
fn judge(subjects: &[Subject<'_>], now: &[f64], earlier: &[f64], allowed: f64, basis: Basis) -> Vec<Violation> {
    let (Some(ahead), Some(was_ahead)) = (foremost(now, basis), foremost(earlier, basis)) else { return Vec::new() };
    let each = subjects.iter().zip(now.iter().zip(earlier));
    each.filter_map(|(subject, (edge, was))| {
        let behind = later(ahead.1, *edge, basis);
        if behind <= allowed || later(was_ahead.1, *was, basis) <= allowed {
            return None;
        }
        let leader = subjects.get(ahead.0).map_or("", |s| &s.facts.rendition.name);
        let message = format!("the live edge is {behind:.1} s behind that of {leader}; {allowed:.1} s are allowed");
        let violation =
            Violation::new(message).in_rendition(&subject.facts.rendition.name).with("behind_seconds", behind);
        let violation = violation.with("reference_rendition", leader).with("allowed_seconds", allowed);
        Some(violation.with("last_number", subject.timeline.last_number()))
    })
    .collect()
}

fn foremost(edges: &[f64], basis: Basis) -> Option<(usize, f64)> {
    let ahead = |a: (usize, f64), b: (usize, f64)| if later(b.1, a.1, basis) > 0.0 { b } else { a };
    edges.iter().copied().enumerate().reduce(ahead)
}

/// `a - b`; media times the shorter way round the clock.
fn later(a: f64, b: f64, basis: Basis) -> f64 {
    match basis {
        Basis::Dates => a - b,
        Basis::Media => (a - b + WRAP / 2.0).rem_euclid(WRAP) - WRAP / 2.0,
    }
}

/// The edge of each subject as it was known at `at`, or is known now. `None` where there are fewer than two, or one
/// can't be told.
fn edges(subjects: &[Subject<'_>], basis: Basis, at: Option<Timestamp>) -> Option<Vec<f64>> {
    if subjects.len() < 2 {
        return None;
    }
    let containers: Vec<_> = subjects.iter().filter_map(|s| container(s.past)).collect();
    let mixed = containers.iter().any(|c| Some(c) != containers.first());
    if basis == Basis::Media && mixed {
        return None;
    }
    subjects.iter().map(|s| edge(s.past, basis, at)).collect()
}

/// Of one family: MPEG clocks, or `tfdt`.
fn container(past: &RenditionPast) -> Option<bool> {
    let inspection = past.segments.iter().rev().find_map(|s| select::undamaged_inspection(s))?;
    Some(matches!(inspection.container, Container::MpegTs | Container::PackedAudio))
}

fn edge(past: &RenditionPast, basis: Basis, at: Option<Timestamp>) -> Option<f64> {
    let known = |o: &Observation| at.is_none_or(|at| o.first_seen <= at);
    let observation = past.observations.iter().rev().find(|o| known(o))?;
    let mut tail = 0.0;
    for segment in observation.segments.iter().rev() {
        let found = match basis {
            Basis::Dates => segment.program_date_time.map(|d| d.as_millisecond() as f64 / 1000.0 + segment.duration.0),
            Basis::Media => {
                past.segments.iter().rev().find(|s| s.segment.number == segment.number).and_then(|s| end(s))
            }
        };
        if let Some(end) = found {
            return Some(end + tail);
        }
        if segment.discontinuity {
            return None;
        }
        tail += segment.duration.0;
    }
    None
}

/// Where the segment's media ends, by the track that the rendition is for.
fn end(segment: &SegmentFacts) -> Option<f64> {
    let tracks = &select::undamaged_inspection(segment)?.tracks;
    let of = |media: Media| tracks.iter().find(|t| t.media == Some(media) && t.end.is_some());
    let track = of(Media::Video).or_else(|| of(Media::Audio))?;
    Some(track.end?.seconds().0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use std::sync::Arc;

    /// Two renditions of 2 s segments with dates; the second one's edge is behind by so many seconds, at the
    /// observation 2 s ago and now. By 4 s it may be.
    fn dated_scene(before: f64, now: f64) -> Scene {
        let mut scene = Scene::live();
        scene.output.renditions.push(rendition("other"));
        let seen = |behind: [f64; 2]| {
            let both = [(-2, behind[0]), (0, behind[1])];
            let seen = both.map(|(at, behind)| Arc::new(dated(observation(at, 10, 15), at as f64 - 12.0 - behind)));
            RenditionPast { observations: seen.to_vec(), ..RenditionPast::default() }
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
        assert_eq!(found[0].message, format!("the live edge is 4.2 s behind that of {NAME}; 4.0 s are allowed"));
        assert_eq!(found[0].rendition.as_deref(), Some("other"));
        let found = violations(run(&dated_scene(-6.0, -6.0)));
        assert_eq!(found[0].rendition.as_deref(), Some(NAME), "the one behind is said");
    }

    #[test]
    fn it_has_to_last() {
        assert_holds(run(&dated_scene(0.0, 6.0)));
        assert_holds(run(&dated_scene(6.0, 0.0)));
    }

    #[test]
    fn without_dates_inspected_media_tells() {
        for (behind, fails) in [(0.0, 0), (6.0, 1)] {
            let mut scene = dated_scene(0.0, 0.0);
            for (name, start) in [(NAME, 0.0), ("other", WRAP - behind)] {
                let past = scene.history.renditions.get_mut(name).unwrap();
                let seen = [observation(-2, 9, 14), observation(0, 10, 15)];
                past.observations = seen.map(Arc::new).to_vec();
                past.segments = vec![Arc::new(ts_segment(13, start, 2.0))];
            }
            assert_eq!(violations(run(&scene)).len(), fails, "{behind}");
        }
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
