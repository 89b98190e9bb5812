use crate::checks::support::playlist_step::{self, PlaylistChange, PlaylistStep};
use crate::checks::support::select::{self, FIRST_OBSERVATION, undamaged_inspection};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::SegmentFacts;
use crate::finding::Severity;
use crate::history::{ListedSegment, RenditionHistory};
use packager_media::redact;
use packager_media::stream::{ByteRange, Media, Segment, Timeline};
use packager_media::units::{Seconds, Timestamp};
use std::collections::{BTreeMap, HashMap};
use url::Url;

pub const META: CheckMeta = CheckMeta {
    id: "segment_rewritten",
    severity: Severity::Major,
    group: CheckGroup::Timeline,
    scope: CheckScope::Any,
    alert: Some("PlaylistBroken"),
    help: "fails when the same media sequence number came back with another URI, duration, key, byte range or date-time, or \
           with or without an EXT-X-DISCONTINUITY before it, or under another name with media of other timestamps, or when a playlist \
           lists one file under two numbers without a discontinuity between them",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.1, 6.2.2",
    needs_history: true,
};

params! {
    /// Whether the URIs of a segment in two observations of the playlist must be equal. A part that changed in all URIs
    /// together, such as a session's id or a CDN node's folder, is no difference.
    uris: bool = true,
    /// Seconds by which the declared duration of a listed segment may change.
    duration_tolerance: f64 = 0.01,
    /// Seconds by which the PROGRAM-DATE-TIME of a listed segment may change.
    date_tolerance: f64 = 0.5,
}

/// Difference in seconds between the starts of a segment's media from which they are other media.
const OTHER_MEDIA: f64 = 1.0;
/// Tolerance in seconds for the binary representation of decimal fractions.
const ROUNDING: f64 = 1e-6;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, FIRST_OBSERVATION, |facts, past| {
        // In DASH a number is a time, and names are made from it.
        let timeline = facts.timeline.as_deref().filter(|_| context.output.dash().is_none());
        // Subtitles for which nobody speaks are often one empty file.
        let reused = timeline.filter(|_| facts.rendition.media != Media::Text).and_then(reused_name);
        let Some(steps) = playlist_step::recent_steps(context, facts, past) else {
            return reused.map(|violation| vec![violation]);
        };
        // A step back or a restart is reported as what it is, not once for each segment.
        let renumbered = |s: &PlaylistStep<'_>| playlist_step::slid_under_old_numbers(s.earlier, s.later).is_some();
        let continued = steps.iter().rev().filter(|s| s.change == PlaylistChange::Continued && !renumbered(s));
        // In DASH a date is availabilityStartTime's: where that moves, dash_mpd_regressed says so.
        let date_tolerance = if context.output.dash().is_some() { f64::INFINITY } else { params.date_tolerance };
        let params = Params { uris: params.uris && names_last(past), date_tolerance, ..params.clone() };
        // In DASH Periods are the discontinuities.
        let tags = context.output.dash().is_none();
        // A new run reaches the numbers of the one before.
        let began = select::restart_times(past).into_iter().max();
        let moved = moved_starts(past, began);
        let is_of_run = |s: &PlaylistStep<'_>| began.is_none_or(|began| s.later.first_seen >= began);
        let moved = |s: &PlaylistStep<'_>| if is_of_run(s) { other_media(s, &moved) } else { None };
        let rewritten = continued.filter_map(|s| rewritten(s, &params, tags).or_else(|| moved(s)));
        Some(reused.into_iter().chain(rewritten).collect())
    })
}

/// Returns a violation if the playlist lists a file under two numbers, as when names come again after fewer segments than the window has:
/// the file has the newer media, and who plays the older entry gets them too. A slate may be listed in a loop with a discontinuity before
/// each round. Gaps have no media, and the byte ranges of one file are different media.
fn reused_name(timeline: &Timeline) -> Option<Violation> {
    let mut first: HashMap<(&Url, Option<ByteRange>, u64), &Segment> = HashMap::new();
    let mut again = Vec::new();
    for segment in timeline.segments.iter().filter(|segment| !segment.gap) {
        let key = (&segment.uri, segment.byte_range, segment.discontinuity_sequence);
        again.extend(first.insert(key, segment).map(|before| (before, segment)));
    }
    let (older, newer) = again.last()?;
    let message = format!(
        "segments {} and {} are the same file, and no discontinuity is between them: players get the same media twice",
        older.number, newer.number
    );
    let violation = Violation::new(message).with("number", newer.number).with("older_number", older.number);
    let violation = violation.with("url", redact::url(&newer.uri)).with("line", newer.line);
    Some(violation.with("segments", again.len()))
}

/// Returns the violation if a segment that is listed under another name now, as all are, has other media: its number and its place are
/// the same, and its timestamps aren't. A packager that begins anew in another folder while its numbers go on does so.
fn other_media(step: &PlaylistStep<'_>, moved: &BTreeMap<u64, (f64, f64)>) -> Option<Violation> {
    if moved.is_empty() {
        return None;
    }
    let listed =
        playlist_step::common_segments(step.earlier, step.later).filter(|(a, b)| a.uri_identity == b.uri_identity);
    let (number, (was, is)) = listed.filter_map(|(_, b)| Some((b.number, moved.get(&b.number)?))).last()?;
    let message = format!(
        "segment {number} came back under another name with other media: it began at {was:.3} s by its timestamps, and now at {is:.3} s; \
         the packager began anew, and EXT-X-DISCONTINUITY doesn't say so"
    );
    let violation =
        Violation::new(message).with("number", number).with("before_seen_until", step.earlier.last_seen.to_string());
    Some(violation.with("seen_at", step.later.first_seen.to_string()))
}

/// Returns the segments whose media begin elsewhere under their last inspected name than under their first, by number, with both starts in
/// seconds. `began`: when the packager began its numbers again; segments that were inspected before are of another run.
fn moved_starts(past: &RenditionHistory, began: Option<Timestamp>) -> BTreeMap<u64, (f64, f64)> {
    let mut first: HashMap<u64, &SegmentFacts> = HashMap::new();
    let mut moved = BTreeMap::new();
    let of_run = |segment: &&SegmentFacts| began.is_none_or(|began| segment.inspected_at >= began);
    for segment in past.segments.iter().map(AsRef::as_ref).filter(of_run) {
        let number = segment.segment.number;
        let known = *first.entry(number).or_insert(segment);
        match moved_start(known, segment) {
            Some(starts) => drop(moved.insert(number, starts)),
            None => drop(moved.remove(&number)),
        }
    }
    moved
}

/// Returns where the media of a segment began and where they begin now, in seconds, if it has another name and these differ.
fn moved_start(was: &SegmentFacts, is: &SegmentFacts) -> Option<(f64, f64)> {
    if was.segment.uri.path() == is.segment.uri.path() {
        return None;
    }
    let start = |s: &SegmentFacts| undamaged_inspection(s)?.tracks.iter().find_map(|track| track.presentation_start);
    let (was, is) = (start(was)?, start(is)?);
    let differs = was.since(is).is_none_or(|by| by.0.abs() > OTHER_MEDIA);
    differs.then_some((was.seconds().0, is.seconds().0))
}

/// Whether any segment was seen twice under the same URI. If not, URIs aren't compared: a packager or CDN that writes
/// the viewer's session into its URIs (`media_w1234_7.ts`) names all segments anew for each probe.
fn names_last(past: &RenditionHistory) -> bool {
    playlist_step::all_steps(past).iter().any(|step| {
        playlist_step::common_segments(step.earlier, step.later).any(|(a, b)| a.uri_identity == b.uri_identity)
    })
}

/// Returns the violation if listed segments changed between two observations of the playlist. `tags` is whether
/// EXT-X-DISCONTINUITY is compared too. The tag before the first segment of the later window is never compared, because
/// it may be removed together with the segments before it (RFC 8216bis 6.2.2).
fn rewritten(step: &PlaylistStep<'_>, params: &Params, tags: bool) -> Option<Violation> {
    let first = step.later.media_sequence;
    // A line without an EXTINF that can be read is no segment; hls_syntax_error reports it.
    let are_segments = |(a, b): &(&ListedSegment, &ListedSegment)| a.duration.0 > 0.0 && b.duration.0 > 0.0;
    let changes = playlist_step::common_segments(step.earlier, step.later)
        .filter(are_segments)
        .filter_map(|(a, b)| Some((b.number, changes(a, b, params, tags && b.number != first)?)));
    let changes: Vec<_> = changes.collect();
    let (number, what) = changes.last()?;
    let others = match changes.len() {
        1 => String::new(),
        n => format!("; {n} segments were rewritten at once"),
    };
    let violation = Violation::new(format!("segment {number} came back with {what}{others}"))
        .with("number", *number)
        .with("segments", changes.len())
        .with("before_seen_until", step.earlier.last_seen.to_string());
    Some(violation.with("seen_at", step.later.first_seen.to_string()))
}

fn changes(a: &ListedSegment, b: &ListedSegment, params: &Params, tags: bool) -> Option<String> {
    let dates = a.program_date_time.zip(b.program_date_time).map_or(0.0, |(was, is)| Seconds::between(was, is).0);
    let parts = [
        (params.uris && a.uri_identity != b.uri_identity).then(|| "another URI".to_owned()),
        ((a.duration - b.duration).0.abs() > params.duration_tolerance + ROUNDING)
            .then(|| format!("another duration ({:.3} s, was {:.3} s)", b.duration.0, a.duration.0)),
        (a.byte_range != b.byte_range).then(|| "another byte range".to_owned()),
        (a.key != b.key).then(|| "another key".to_owned()),
        (tags && b.discontinuity && !a.discontinuity).then(|| "an EXT-X-DISCONTINUITY that it didn't have".to_owned()),
        (tags && a.discontinuity && !b.discontinuity).then(|| "its EXT-X-DISCONTINUITY removed".to_owned()),
        (dates.abs() > params.date_tolerance + ROUNDING).then(|| format!("a date-time moved by {dates:.3} s")),
    ];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::history::Observation;
    use std::sync::Arc;

    fn scene(change: impl FnOnce(&mut Observation)) -> Scene {
        let mut later = dated(observation(-10, 11, 16), -18.0);
        change(&mut later);
        let mut scene = Scene::live();
        scene.observe([dated(observation(-20, 10, 15), -20.0), later]);
        scene
    }

    fn run(change: impl FnOnce(&mut Observation)) -> CheckVerdict {
        check(&scene(change).context(), &Params::default())
    }

    #[test]
    fn the_same_segments_hold() {
        assert_holds(run(|_| {}));
    }

    #[test]
    fn each_property_counts() {
        let message = |change: fn(&mut ListedSegment)| messages(run(|o| change(Arc::make_mut(&mut o.segments[2]))));
        assert_eq!(message(|s| s.uri_identity = 1), "segment 13 came back with another URI");
        assert_eq!(message(|s| s.key = 1), "segment 13 came back with another key");
        let range = Some(ByteRange { offset: 0, length: 1 });
        assert_eq!(
            messages(run(|o| Arc::make_mut(&mut o.segments[2]).byte_range = range)),
            "segment 13 came back with another byte range"
        );
    }

    #[test]
    fn a_name_under_two_numbers_of_a_window_fails() {
        let run = |change: fn(&mut Segment)| {
            let mut scene = scene(|_| {});
            let segments = &mut scene.timeline().segments;
            let name = segments[0].uri.clone();
            segments[5].uri = name;
            change(&mut segments[5]);
            let again = check(&scene.context(), &Params::default());
            scene.past().observations.clear();
            (messages(again), check(&scene.context(), &Params::default()))
        };
        let message = "segments 10 and 15 are the same file, and no discontinuity is between them: players get the same media twice";
        let mut subtitles = scene(|_| {});
        let name = subtitles.timeline().segments[0].uri.clone();
        subtitles.timeline().segments[5].uri = name;
        subtitles.rendition().rendition.media = Media::Text;
        assert_holds(check(&subtitles.context(), &Params::default()));
        let (again, at_first) = run(|_| {});
        assert_eq!((again.as_str(), messages(at_first).as_str()), (message, message));
        let healthy: [fn(&mut Segment); 4] = [
            |s| s.uri = url("720p/16.ts"),
            |s| s.discontinuity_sequence = 1,
            |s| s.gap = true,
            |s| s.byte_range = Some(ByteRange { offset: 1000, length: 1000 }),
        ];
        for change in healthy {
            let (again, at_first) = run(change);
            assert_eq!(again, "");
            assert_not_run(at_first, FIRST_OBSERVATION);
        }
    }

    #[test]
    fn other_media_under_a_renamed_part_fail_and_the_same_media_hold() {
        let found = |moved: f64, folder: &str| {
            let mut scene = scene(|_| {});
            let mut again = ts_segment(13, 26.0 + moved, 2.0);
            again.segment.uri = url(&format!("{folder}/13.ts"));
            scene.remember([ts_segment(12, 24.0, 2.0), ts_segment(13, 26.0, 2.0), again]);
            check(&scene.context(), &Params::default())
        };
        let message = messages(found(-20.0, "run2"));
        assert!(
            message.starts_with("segment 13 came back under another name with other media: it began at 26.000 s"),
            "{message}"
        );
        assert_holds(found(0.5, "run2"));
        assert_holds(found(-20.0, "720p"));
    }

    #[test]
    fn a_discontinuity_stays_where_it_was_first_listed() {
        let tagged = |number: usize| run(|o| Arc::make_mut(&mut o.segments[number]).discontinuity = true);
        assert_eq!(messages(tagged(2)), "segment 13 came back with an EXT-X-DISCONTINUITY that it didn't have");
        assert_holds(tagged(5));
        assert_holds(tagged(0));
        let removed = |number: usize| {
            let mut scene = scene(|_| {});
            let earlier = Arc::make_mut(&mut scene.past().observations[0]);
            Arc::make_mut(&mut earlier.segments[number]).discontinuity = true;
            scene
        };
        let message = "segment 13 came back with its EXT-X-DISCONTINUITY removed";
        assert_eq!(messages(check(&removed(3).context(), &Params::default())), message);
        assert_holds(check(&removed(1).context(), &Params::default()));
        let mut dash = removed(3);
        dash.become_dash();
        assert_holds(check(&dash.context(), &Params::default()));
    }

    #[test]
    fn durations_and_dates_have_tolerances() {
        assert_holds(run(|o| Arc::make_mut(&mut o.segments[0]).duration = Seconds(2.01)));
        assert_eq!(
            messages(run(|o| Arc::make_mut(&mut o.segments[0]).duration = Seconds(2.011))),
            "segment 11 came back with another duration (2.011 s, was 2.000 s)"
        );
        assert_holds(run(|o| Arc::make_mut(&mut o.segments[0]).program_date_time = Some(time(-17.5))));
        assert_eq!(
            violations(run(|o| Arc::make_mut(&mut o.segments[0]).program_date_time = Some(time(-17.499)))).len(),
            1
        );
        assert_holds(run(|o| Arc::make_mut(&mut o.segments[0]).program_date_time = None));
    }

    #[test]
    fn a_line_without_a_duration_is_no_segment() {
        let mut scene = scene(|_| {});
        let mut stray = |uri_identity, duration| {
            let last = &mut Arc::make_mut(&mut scene.past().observations[0]).segments[5];
            (Arc::make_mut(last).uri_identity, Arc::make_mut(last).duration) = (uri_identity, Seconds(duration));
            check(&scene.context(), &Params::default())
        };
        assert_holds(stray(1, 0.0));
        assert_eq!(messages(stray(1, 2.0)), "segment 15 came back with another URI");
    }

    #[test]
    fn a_new_segment_is_not_compared() {
        assert_holds(run(|o| Arc::make_mut(&mut o.segments[5]).uri_identity = 1));
    }

    #[test]
    fn many_at_once_are_one_event_and_uris_may_be_left_out() {
        let mut scene = scene(|o| o.segments.iter_mut().for_each(|s| Arc::make_mut(s).uri_identity += 1000));
        let mut next = dated(observation(-5, 12, 17), -16.0);
        next.segments.iter_mut().for_each(|s| Arc::make_mut(s).uri_identity += 1000);
        scene.past().observations.push(std::sync::Arc::new(next));
        let found = violations(check(&scene.context(), &Params::default()));
        assert_eq!((found.len(), &found[0].evidence["segments"]), (1, &5.into()));
        assert_holds(check(&scene.context(), &Params { uris: false, ..Params::default() }));
    }

    #[test]
    fn a_session_in_every_name_rewrites_nothing() {
        let mut scene = Scene::live();
        let session = |n: u64| {
            let mut seen = observation(-30 + 10 * n as i64, 10 + n, 15 + n);
            seen.segments.iter_mut().for_each(|s| Arc::make_mut(s).uri_identity += 1000 * n);
            seen
        };
        scene.observe([session(0), session(1), session(2)]);
        assert_holds(check(&scene.context(), &Params::default()));
        let mut changed = session(3);
        Arc::make_mut(&mut changed.segments[1]).duration = Seconds(3.0);
        scene.past().observations.push(std::sync::Arc::new(changed));
        assert!(messages(check(&scene.context(), &Params::default())).contains("another duration"));
    }

    #[test]
    fn a_restart_rewrites_nothing() {
        let mut scene = Scene::live();
        let mut later = observation(-10, 0, 2);
        later.segments.iter_mut().for_each(|s| Arc::make_mut(s).uri_identity = 1);
        scene.observe([observation(-20, 0, 5), later]);
        assert_holds(check(&scene.context(), &Params::default()));
    }

    #[test]
    fn the_first_observation_says_nothing() {
        assert_not_run(check(&Scene::live().context(), &Params::default()), FIRST_OBSERVATION);
    }
}
