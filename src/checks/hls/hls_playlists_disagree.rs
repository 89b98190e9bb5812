use crate::checks::support::date_offset::date_offset;
use crate::checks::support::select::{self, NO_MANIFEST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::redact;
use packager_media::stream::{Media, Segment, Timeline};
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "hls_playlists_disagree",
    severity: Severity::Minor,
    group: CheckGroup::Hls,
    scope: CheckScope::Hls,
    alert: None,
    help: "fails when the audio and video playlists of one output differ in target duration, playlist type, \
           discontinuities or EXT-X-ENDLIST, only some of them have EXT-X-PROGRAM-DATE-TIME, or the dates of the same media \
           differ; major where the discontinuity \
           sequence of audio isn't that of video",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.3.5, 6.2.4",
    needs_history: false,
};

params! {
    /// Largest allowed difference in seconds between the target durations of audio and video, because their segments
    /// can't be cut at the same times.
    audio_target_tolerance: f64 = 1.0,
}

const FEW: &str = "fewer than two media playlists were read";

/// Least number of segments of windows that are compared as a whole.
const LEAST_COMPARED: usize = 3;

#[derive(Clone, Copy)]
struct ComparedPlaylist<'a> {
    facts: &'a RenditionFacts,
    past: &'a RenditionHistory,
    timeline: &'a Timeline,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    if !context.output.is_readable() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let playlists: Vec<_> = context
        .renditions()
        .filter(|(r, _)| r.rendition.media != Media::Text)
        .filter_map(|(facts, past)| Some(ComparedPlaylist { facts, past, timeline: facts.timeline.as_deref()? }))
        .collect();
    if playlists.len() < 2 {
        return CheckVerdict::NotRun(FEW);
    }
    let mut found = targets(&playlists, params);
    found.extend(outliers(
        &playlists,
        |s| s.timeline.playlist_type.clone(),
        |s, r| {
            let text = |t: &Timeline| t.playlist_type.clone().unwrap_or_else(|| "none".to_owned());
            format!("EXT-X-PLAYLIST-TYPE is {}; that of {} is {}", text(s.timeline), name(r), text(r.timeline))
        },
    ));
    found.extend(outliers(
        &playlists,
        |s| is_dated(s.timeline),
        |s, r| {
            let (has, other) = if is_dated(s.timeline) { ("has", "has none") } else { ("has no", "has some") };
            format!("the playlist {has} EXT-X-PROGRAM-DATE-TIME; that of {} {other}", name(r))
        },
    ));
    found.extend(playlists.iter().filter_map(|s| ended(context, s, &playlists)));
    found.extend(dates(&playlists));
    found.extend(discontinuities(&playlists));
    CheckVerdict::Ran(found)
}

/// Returns the playlist with which the others are compared: that of the first picture, otherwise the first one.
fn reference<'p, 'a>(playlists: &'p [ComparedPlaylist<'a>]) -> Option<&'p ComparedPlaylist<'a>> {
    let picture = playlists.iter().find(|playlist| playlist.facts.rendition.media == Media::Video);
    picture.or(playlists.first())
}

/// Returns the time by which the dates of a playlist are later than those of another for the same media. `None` if they are the same or
/// nobody knows it.
fn offset_of_dates(playlist: &ComparedPlaylist<'_>, other: &ComparedPlaylist<'_>) -> Option<Seconds> {
    let own = select::inspected_segments(playlist.facts, playlist.past)?;
    date_offset(own, select::inspected_segments(other.facts, other.past)?)
}

/// Returns a violation for each playlist whose dates aren't those of the first picture, although its segments have the same numbers and
/// media: a player that switches by dates goes to another place.
fn dates(playlists: &[ComparedPlaylist<'_>]) -> Vec<Violation> {
    let Some(reference) = reference(playlists) else { return Vec::new() };
    let differs = |playlist: &ComparedPlaylist<'_>| {
        let offset = offset_of_dates(playlist, reference)?.0;
        let side = if offset > 0.0 { "later" } else { "earlier" };
        let message = format!(
            "the dates (EXT-X-PROGRAM-DATE-TIME) are {:.3} s {side} than those of {} for the same segments",
            offset.abs(),
            name(reference)
        );
        Some(violation(playlist, message).with("off_seconds", offset).with("reference_rendition", name(reference)))
    };
    playlists.iter().filter_map(differs).collect()
}

fn name<'a>(playlist: &ComparedPlaylist<'a>) -> &'a str {
    &playlist.facts.rendition.name
}

fn violation(playlist: &ComparedPlaylist<'_>, message: String) -> Violation {
    let url = playlist.facts.playlist.as_ref().map(|p| redact::url(&p.url));
    Violation::new(message).in_rendition(name(playlist)).with("url", url)
}

/// Returns a violation for each playlist whose value differs from the most frequent value. `describe` makes the message
/// from this playlist and from one that has the most frequent value.
fn outliers<T: PartialEq>(
    playlists: &[ComparedPlaylist<'_>],
    value: impl Fn(&ComparedPlaylist<'_>) -> T,
    describe: impl Fn(&ComparedPlaylist<'_>, &ComparedPlaylist<'_>) -> String,
) -> Vec<Violation> {
    // A value may take a look at each of many segments, so that it is taken once.
    let valued: Vec<_> = playlists.iter().map(|playlist| (playlist, value(playlist))).collect();
    let alike = |value: &T| valued.iter().filter(|(_, other)| other == value).count();
    // If several values are equally frequent, the first counts.
    let most = valued.iter().rev().max_by_key(|(_, value)| alike(value));
    let Some((usual, frequent)) = most else { return Vec::new() };
    let others = valued.iter().filter(|(_, value)| value != frequent);
    others.map(|(playlist, _)| violation(playlist, describe(playlist, usual))).collect()
}

fn targets(playlists: &[ComparedPlaylist<'_>], params: &Params) -> Vec<Violation> {
    let target = |s: &ComparedPlaylist<'_>| s.timeline.target_duration.map(|t| t.0);
    let describe = |s: &ComparedPlaylist<'_>, r: &ComparedPlaylist<'_>| {
        let text = |s: &ComparedPlaylist<'_>| target(s).map_or_else(|| "missing".to_owned(), |t| format!("{t} s"));
        format!("EXT-X-TARGETDURATION is {}; that of {} is {}", text(s), name(r), text(r))
    };
    let with_media =
        |media: Media| -> Vec<_> { playlists.iter().copied().filter(|s| s.facts.rendition.media == media).collect() };
    let (video, audio) = (with_media(Media::Video), with_media(Media::Audio));
    let mut found = outliers(&video, target, describe);
    found.extend(outliers(&audio, target, describe));
    if let (true, Some(v), Some(a)) = (found.is_empty(), video.first(), audio.first())
        && let (Some(video), Some(audio)) = (target(v), target(a))
        && (video - audio).abs() > params.audio_target_tolerance
    {
        found.push(violation(a, describe(a, v)));
    }
    found
}

fn is_dated(timeline: &Timeline) -> bool {
    timeline.segments.iter().any(|s| s.program_date_time.is_some())
}

/// Returns a violation if the playlist ended at least a target duration ago while another one goes on.
fn ended(
    context: &CheckContext<'_>,
    playlist: &ComparedPlaylist<'_>,
    playlists: &[ComparedPlaylist<'_>],
) -> Option<Violation> {
    let goes_on = playlists.iter().find(|s| !s.timeline.ended).filter(|_| playlist.timeline.ended)?;
    let since = playlist.past.observations.last().filter(|o| o.ended)?.first_seen;
    let target = select::target_duration(playlist.timeline)?;
    let long = Seconds::between(since, context.now) >= target;
    long.then(|| violation(playlist, format!("the playlist has EXT-X-ENDLIST; that of {} goes on", name(goes_on))))
}

/// Returns a violation for each rendition that has another discontinuity sequence than the first picture, or than the picture beside which
/// it plays, wherever the manifest lists them: for a segment with the same date or, where nothing is dated, in a whole window without a discontinuity.
fn discontinuities(playlists: &[ComparedPlaylist<'_>]) -> Vec<Violation> {
    let Some(first) = reference(playlists) else { return Vec::new() };
    let differs = |s: &ComparedPlaylist<'_>| {
        let rendition = &s.facts.rendition;
        // Sound is compared with a picture beside which it plays.
        let plays_beside = |p: &&ComparedPlaylist<'_>| {
            p.facts.rendition.media == Media::Video && p.facts.rendition.shares_group(rendition)
        };
        let beside = playlists.iter().filter(|_| rendition.media == Media::Audio).find(plays_beside);
        let reference = beside.unwrap_or(first);
        let sequence = only_sequence(s.timeline);
        if sequence.is_some() && sequence == only_sequence(reference.timeline) {
            return None;
        }
        let by_dates = if offset_of_dates(s, reference).is_none() { in_dated_segments(s, reference) } else { None };
        let found = by_dates.or_else(|| in_windows(s, reference))?;
        // Players line up picture and sound by these numbers.
        let is_other_media = rendition.media != reference.facts.rendition.media;
        let plays_together = beside.is_some() || rendition.group.is_none();
        Some(if is_other_media && plays_together { found.severity(Severity::Major) } else { found })
    };
    playlists.iter().filter(|playlist| !std::ptr::eq(*playlist, first)).filter_map(differs).collect()
}

fn in_dated_segments(s: &ComparedPlaylist<'_>, reference: &ComparedPlaylist<'_>) -> Option<Violation> {
    let pairs = same_dates(&s.timeline.segments, &reference.timeline.segments);
    let (ours, theirs) = pairs.into_iter().rev().find(|(a, b)| a.discontinuity_sequence != b.discontinuity_sequence)?;
    let message = format!(
        "segment {} has discontinuity sequence {}; the same segment of {} has {}",
        ours.number,
        ours.discontinuity_sequence,
        name(reference),
        theirs.discontinuity_sequence
    );
    Some(violation(s, message).with("number", ours.number).with("line", ours.line))
}

/// Returns a violation if all segments of each playlist have one discontinuity sequence, and that isn't the same. Both windows end at the live
/// edge. Those of fewer than three segments may have nothing in common at the moment of a discontinuity, nor may those of which one has just
/// been begun anew.
fn in_windows(s: &ComparedPlaylist<'_>, reference: &ComparedPlaylist<'_>) -> Option<Violation> {
    let is_undated = !is_dated(s.timeline) || !is_dated(reference.timeline);
    let is_long = |s: &ComparedPlaylist<'_>| s.timeline.segments.len() >= LEAST_COMPARED;
    let (ours, theirs) = (only_sequence(s.timeline)?, only_sequence(reference.timeline)?);
    if ours == theirs || !is_undated || !is_long(s) || !is_long(reference) {
        return None;
    }
    let message = format!(
        "all segments have discontinuity sequence {ours}, those of {} {theirs}; correct EXT-X-DISCONTINUITY-SEQUENCE of one of them",
        name(reference)
    );
    Some(violation(s, message).with("number", s.timeline.last_number()))
}

/// Returns the discontinuity sequence that all segments of a playlist have. `None` if they have several, or there is none.
fn only_sequence(timeline: &Timeline) -> Option<u64> {
    let first = timeline.segments.first()?.discontinuity_sequence;
    timeline.segments.iter().all(|s| s.discontinuity_sequence == first).then_some(first)
}

/// Returns pairs of segments of two playlists whose dates differ by at most a quarter of a segment's duration, in the order of time. A date
/// that stands for two segments of one playlist pairs none.
fn same_dates<'a>(a: &'a [Segment], b: &'a [Segment]) -> Vec<(&'a Segment, &'a Segment)> {
    let mut rest = unambiguous_dates(b).into_iter().peekable();
    let mut pairs = Vec::new();
    for (segment, at) in unambiguous_dates(a) {
        let near = 0.25 * segment.duration.0;
        while rest.next_if(|(_, other)| Seconds::between(*other, at).0 > near).is_some() {}
        if let Some((other, date)) = rest.peek()
            && Seconds::between(*date, at).0.abs() <= near
        {
            pairs.push((segment, *other));
        }
    }
    pairs
}

/// Returns the segments with a date that is later than all dates before it and earlier than all after it: where dates go back at a
/// discontinuity, those that the playlist has passed already stand for two segments.
fn unambiguous_dates(segments: &[Segment]) -> Vec<(&Segment, Timestamp)> {
    let dated: Vec<_> = segments.iter().filter_map(|s| Some((s, s.program_date_time?))).collect();
    let mut earliest_after: Option<Timestamp> = None;
    let mut unrepeated = Vec::new();
    for (segment, at) in dated.into_iter().rev() {
        unrepeated.push((segment, at, earliest_after.is_none_or(|later| at < later)));
        earliest_after = Some(earliest_after.map_or(at, |later| later.min(at)));
    }
    let mut latest_before: Option<Timestamp> = None;
    let mut unambiguous = Vec::new();
    for (segment, at, is_before_all) in unrepeated.into_iter().rev() {
        if is_before_all && latest_before.is_none_or(|earlier| earlier < at) {
            unambiguous.push((segment, at));
        }
        latest_before = Some(latest_before.map_or(at, |earlier| earlier.max(at)));
    }
    unambiguous
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::history::Observation;
    use std::sync::Arc;

    /// Runs hls_playlists_disagree on three video renditions with dated segments. `change` changes the last of them.
    fn run(change: impl FnOnce(&mut RenditionFacts)) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.output.renditions.push(rendition("second"));
        scene.output.renditions.push(rendition("third"));
        for facts in &mut scene.output.renditions {
            for (n, segment) in lines(facts).segments.iter_mut().enumerate() {
                segment.program_date_time = Some(time(2.0 * n as f64));
            }
        }
        change(&mut scene.output.renditions[2]);
        check(&scene.context(), &Params::default())
    }

    fn lines(facts: &mut RenditionFacts) -> &mut Timeline {
        Arc::make_mut(facts.timeline.as_mut().unwrap())
    }

    #[test]
    fn playlists_alike_hold_wherever_their_numbers_begin() {
        assert_holds(run(|_| {}));
        assert_holds(run(|f| lines(f).segments.iter_mut().for_each(|s| s.number += 1000)));
        assert_holds(run(|f| drop(lines(f).segments.remove(0))));
    }

    #[test]
    fn a_target_duration_that_differs_from_most_fails() {
        let found = violations(run(|f| lines(f).target_duration = Some(Seconds(3.0))));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, format!("EXT-X-TARGETDURATION is 3 s; that of {NAME} is 2 s"));
        assert_eq!(found[0].rendition.as_deref(), Some("third"));
    }

    #[test]
    fn audio_may_be_a_second_off() {
        let audio = |target: f64| {
            run(move |f| {
                f.rendition.media = Media::Audio;
                lines(f).target_duration = Some(Seconds(target));
            })
        };
        assert_holds(audio(3.0));
        let found = violations(audio(4.0));
        assert_eq!(
            messages(CheckVerdict::Ran(found.clone())),
            format!("EXT-X-TARGETDURATION is 4 s; that of {NAME} is 2 s")
        );
        assert_eq!(found[0].rendition.as_deref(), Some("third"));
    }

    #[test]
    fn type_dates_and_discontinuities_are_the_same_in_all() {
        assert!(messages(run(|f| lines(f).playlist_type = Some("EVENT".to_owned()))).contains("TYPE is EVENT"));
        let undated = |f: &mut RenditionFacts| lines(f).segments.iter_mut().for_each(|s| s.program_date_time = None);
        assert!(messages(run(undated)).starts_with("the playlist has no EXT-X-PROGRAM-DATE-TIME"));
        let other = messages(run(|f| lines(f).segments[3].discontinuity_sequence = 7));
        assert_eq!(other, format!("segment 13 has discontinuity sequence 7; the same segment of {NAME} has 0"));
        let of = |media: Media| {
            let found = run(move |f| {
                f.rendition.media = media;
                lines(f).segments.iter_mut().for_each(|s| s.discontinuity_sequence = 7);
            });
            violations(found).iter().map(|v| v.severity).collect::<Vec<_>>()
        };
        assert_eq!((of(Media::Video), of(Media::Audio)), (vec![None], vec![Some(Severity::Major)]));
    }

    #[test]
    fn other_dates_of_the_same_media_are_a_fault_of_the_dates() {
        let run = |off: f64, media_off: f64| {
            let mut scene = Scene::live();
            scene.output.renditions.push(rendition("360p"));
            let dated = |off: f64, media_off: f64| {
                let segment = |n: u64| {
                    let mut segment = ts_segment(10 + n, 20.0 + 2.0 * n as f64 + media_off, 2.0);
                    segment.segment.program_date_time = Some(time(2.0 * n as f64 + off));
                    Arc::new(segment)
                };
                RenditionHistory { segments: (0..6).map(segment).collect(), ..RenditionHistory::default() }
            };
            scene.history.renditions =
                [(NAME.to_owned(), dated(0.0, 0.0)), ("360p".to_owned(), dated(off, media_off))].into();
            for (facts, off) in scene.output.renditions.iter_mut().zip([0.0, off]) {
                for (n, segment) in lines(facts).segments.iter_mut().enumerate() {
                    segment.program_date_time = Some(time(2.0 * n as f64 + off));
                    // With dates that are 4 s off, these pair other segments.
                    segment.discontinuity_sequence = u64::from(n >= 3);
                }
            }
            violations(check(&scene.context(), &Params::default()))
        };
        assert_eq!(run(0.0, 0.0), []);
        let found = run(-4.0, 0.0);
        let message = format!(
            "the dates (EXT-X-PROGRAM-DATE-TIME) are 4.000 s earlier than those of {NAME} for the same segments"
        );
        assert_eq!((found.len(), &found[0].message, found[0].severity), (1, &message, None));
        assert_eq!(found[0].rendition.as_deref(), Some("360p"));
        assert!(run(-4.0, -4.0).iter().all(|v| !v.message.starts_with("the dates")), "other segments");
    }

    #[test]
    fn dates_that_occur_twice_pair_no_segments() {
        // The dates of segments 13 to 15 are those of segments 10 to 12, after a discontinuity.
        let repeated = |f: &mut RenditionFacts| {
            for segment in &mut lines(f).segments[3..] {
                segment.discontinuity_sequence = 1;
                segment.program_date_time = segment.program_date_time.map(|at| Seconds(-6.0).after(at));
            }
        };
        let run = |change: fn(&mut RenditionFacts)| {
            let mut scene = Scene::live();
            scene.output.renditions.push(rendition("second"));
            for facts in &mut scene.output.renditions {
                let segments = lines(facts).segments.iter_mut().enumerate();
                segments.for_each(|(n, segment)| segment.program_date_time = Some(time(2.0 * n as f64)));
                repeated(facts);
            }
            change(&mut scene.output.renditions[1]);
            check(&scene.context(), &Params::default())
        };
        assert_holds(run(|_| {}));
        let found = messages(run(|f| {
            let last = lines(f).segments.last_mut().unwrap();
            last.discontinuity_sequence = 2;
        }));
        assert_eq!(found, "", "its date is that of segment 12 too");
    }

    #[test]
    fn the_order_of_the_manifest_decides_nothing() {
        let run = |sound_at: usize| {
            let mut scene = Scene::live();
            scene.output.renditions.push(rendition("360p"));
            scene.output.renditions.insert(sound_at, rendition("audio-en"));
            scene.output.renditions[sound_at].rendition.media = Media::Audio;
            for facts in &mut scene.output.renditions {
                facts.rendition.group = Some("a".to_owned());
                let segments = lines(facts).segments.iter_mut().enumerate();
                segments.for_each(|(n, segment)| segment.program_date_time = Some(time(2.0 * n as f64)));
            }
            lines(&mut scene.output.renditions[sound_at]).segments[5].discontinuity_sequence = 1;
            let found = violations(check(&scene.context(), &Params::default()));
            found.into_iter().map(|v| (v.rendition.unwrap(), v.severity)).collect::<Vec<_>>()
        };
        for sound_at in 0..3 {
            assert_eq!(run(sound_at), [("audio-en".to_owned(), Some(Severity::Major))], "{sound_at}");
        }
    }

    #[test]
    fn undated_windows_have_the_same_discontinuity_sequence() {
        let run = |listed: usize, change: fn(&mut Scene)| {
            let mut scene = Scene::live();
            scene.output.renditions.push(rendition("sound"));
            scene.output.renditions[1].rendition.media = Media::Audio;
            for facts in &mut scene.output.renditions {
                let timeline = lines(facts);
                timeline.segments.iter_mut().for_each(|s| s.program_date_time = None);
                timeline.segments.drain(..6 - listed);
            }
            lines(&mut scene.output.renditions[1]).segments.iter_mut().for_each(|s| s.discontinuity_sequence = 7);
            change(&mut scene);
            check(&scene.context(), &Params::default())
        };
        let found = violations(run(6, |_| {}));
        let message = format!(
            "all segments have discontinuity sequence 7, those of {NAME} 0; correct EXT-X-DISCONTINUITY-SEQUENCE of one of them"
        );
        assert_eq!((found[0].message.as_str(), found[0].severity), (message.as_str(), Some(Severity::Major)));
        assert_eq!([run(3, |_| {}), run(2, |_| {})].map(|ran| violations(ran).len()), [1, 0]);
        assert_holds(run(6, |s| lines(&mut s.output.renditions[1]).segments[0].discontinuity_sequence = 0));
        let of_another_picture = run(6, |s| s.output.renditions[1].rendition.group = Some("backup".to_owned()));
        assert_eq!(violations(of_another_picture)[0].severity, None);
    }

    #[test]
    fn an_end_has_to_last_while_others_go_on() {
        for (seconds, fails) in [(-1, 0), (-2, 1)] {
            let mut scene = Scene::live();
            scene.output.renditions.push(rendition("second"));
            scene.timeline().ended = true;
            scene.observe([Observation { ended: true, ..observation(seconds, 10, 15) }]);
            assert_eq!(violations(check(&scene.context(), &Params::default())).len(), fails, "{seconds}");
        }
    }

    #[test]
    fn text_may_differ_and_one_playlist_has_nothing_to_compare() {
        assert_holds(run(|f| {
            f.rendition.media = Media::Text;
            lines(f).target_duration = Some(Seconds(60.0));
        }));
        assert_not_run(check(&Scene::live().context(), &Params::default()), FEW);
        assert_not_run(check(&Scene::unreadable().context(), &Params::default()), NO_MANIFEST);
    }
}
