use crate::checks::support::ad_breaks;
use crate::checks::support::select::{self, segment_violation, undamaged_inspection};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{OutputFacts, RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::container::{Container, Inspection, Track};
use packager_media::defect::DefectKind;
use packager_media::stream::{Media, Rendition};
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "tracks_missing",
    severity: Severity::Critical,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when the audio or video that CODECS or the rendition's TYPE announces is missing in a segment, or \
           has no samples there. Without CODECS, the PMT or the movie box, other segments of the rendition and the sound of other \
           variants announce it. Major where only one of several audio or video tracks stopped, and between two discontinuities, as of an ad without sound: when segments inspected after them have \
           all again, or for as long as the longest announced ad break lasts, while segments before them are known to have all, and for a stream that the PMT lists and of which nothing comes, for which some players wait. \
           Critical after that time, and from the beginning where no ad break is announced: sound that went away with an encoder's \
           restart looks the same",
    reference: "draft-pantos-hls-rfc8216bis-22 3, 4.4.6.1, 4.4.6.2; ETSI TR 101 290 5.2.1 (1.6)",
    needs_history: false,
};

params! {
    /// Shortest segment, in seconds, that is judged. The rest of a segment before a discontinuity can be shorter than
    /// an audio frame.
    min_duration: f64 = 0.5,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let output = context.output;
    select::judge_renditions(context, "no segment with announced tracks was inspected", |facts, past| {
        let has_codecs = !facts.rendition.codecs.is_empty() || facts.rendition.media != Media::Video;
        let announced =
            if has_codecs { announced_media(facts, output) } else { media_without_codecs(context, facts, past) };
        if announced.is_empty() {
            return None;
        }
        let announcement = if has_codecs { "the announced" } else { "the other segments'" };
        judge(facts, past, (announcement, &announced), params)
    })
}

fn judge(
    facts: &RenditionFacts,
    past: &RenditionHistory,
    announced: (&str, &[Media]),
    params: &Params,
) -> Option<Vec<Violation>> {
    let mut segments = select::inspected_segments(facts, past)?;
    segments.retain(|s| s.segment.duration.0 >= params.min_duration);
    let readable: Vec<_> = segments.iter().rev().filter_map(|s| Some((*s, readable(s)?))).collect();
    let stopped = stopped_track(&readable).or_else(|| empty_track(&readable, &facts.rendition));
    readable.first()?;
    let judged: Vec<_> = readable.into_iter().map(|(s, i)| (s, violation(s, i, announced))).collect();
    Some(rate_inserts(judged, ad_breaks::longest(facts, past)).into_iter().chain(stopped).collect())
}

/// Returns a violation if a track of the newest segment has no samples, although it had some in an earlier segment, and another
/// track of its media has some now. `segments` begins with the newest.
fn stopped_track(segments: &[(&SegmentFacts, &Inspection)]) -> Option<Violation> {
    let ((newest, inspection), earlier) = segments.split_first()?;
    let had = |track: &Track| {
        earlier.iter().flat_map(|(_, i)| &i.tracks).any(|t| (t.id, t.media) == (track.id, track.media) && t.samples > 0)
    };
    let goes_on = |media: Media| inspection.tracks.iter().any(|t| t.media == Some(media) && t.samples > 0);
    let judged = |track: &&Track| track.media.is_some_and(|m| matches!(m, Media::Audio | Media::Video) && goes_on(m));
    let stopped = inspection.tracks.iter().filter(judged).find(|track| track.samples == 0 && had(track))?;
    let name = stopped.media.map_or("track", Media::as_str);
    let (number, codec, id) = (newest.segment.number, &stopped.codec, stopped.id);
    let message = format!(
        "segment {number}: one of several {name} tracks ({codec}, track {id}) has no samples; in earlier segments it had some"
    );
    Some(segment_violation(newest, message).with("missing", name).severity(Severity::Major))
}

/// Returns a violation if the PMT lists video or audio of which no packet comes in any of the two newest segments. Media3 waits for the
/// format of each stream that it can decode before it shows anything, except for H.264 and AAC that CODECS doesn't name, because packagers list
/// them for nothing. `segments` begins with the newest.
fn empty_track(segments: &[(&SegmentFacts, &Inspection)], rendition: &Rendition) -> Option<Violation> {
    let ((newest, inspection), earlier) = segments.split_first()?;
    let is_empty = |track: &Track, inspection: &Inspection| {
        inspection.tracks.iter().any(|t| (t.id, t.media, t.samples) == (track.id, track.media, 0))
    };
    let names = |prefix: &str| rendition.codecs.is_empty() || rendition.codecs.iter().any(|c| c.starts_with(prefix));
    let is_awaited = |track: &&Track| match (track.media, track.codec.as_str()) {
        (Some(Media::Video), "h264") => rendition.media == Media::Video && names("avc"),
        (Some(Media::Video), "hevc") => rendition.media == Media::Video,
        (Some(Media::Audio), "aac") => names("mp4a"),
        (Some(Media::Audio), codec) => matches!(codec, "ac-3" | "ec-3" | "mp2" | "mp3"),
        _ => false,
    };
    let empty = |track: &&Track| {
        inspection.container == Container::MpegTs
            && track.samples == 0
            && earlier.first().is_some_and(|(_, before)| is_empty(track, before))
    };
    let track = inspection.tracks.iter().filter(is_awaited).find(empty)?;
    let (number, codec, id) = (newest.segment.number, &track.codec, track.id);
    let name = track.media.map_or("track", Media::as_str);
    let message = format!(
        "segment {number}: the PMT lists {name} ({codec}, PID {id}) of which no packet comes: Android's players (Media3) wait for it and don't \
         begin; list it when it begins"
    );
    Some(segment_violation(newest, message).with("missing", name).severity(Severity::Major))
}

/// Returns the media types that the segments of a variant without CODECS must contain: what the tables of any of its remembered
/// segments list, and the sound in the segments of other variants without CODECS. Their picture doesn't count: one may be sound
/// only.
fn media_without_codecs(context: &CheckContext<'_>, facts: &RenditionFacts, past: &RenditionHistory) -> Vec<Media> {
    let listed = |past: &RenditionHistory| -> Vec<Media> {
        let inspections = past.segments.iter().filter_map(|segment| readable(segment));
        inspections.flat_map(|i| &i.tracks).filter_map(|t| t.media).filter(|m| *m != Media::Text).collect()
    };
    let alike = |other: &RenditionFacts| {
        let (own, other) = (&facts.rendition, &other.rendition);
        let same_sound = other.group == own.group || other.shares_group(own);
        other.codecs.is_empty() && other.media == Media::Video && same_sound
    };
    let others = context.renditions().filter(|(other, _)| alike(other)).flat_map(|(_, past)| listed(past));
    let mut announced: Vec<_> = listed(past).into_iter().chain(others.filter(|m| *m == Media::Audio)).collect();
    announced.sort();
    announced.dedup();
    announced
}

/// Returns the violations, newest segment first, and rates those of inserts as major. An insert is a run of incomplete segments
/// with discontinuity sequence numbers of its own, after which complete segments come, or which follows complete ones and isn't
/// longer than `longest`.
fn rate_inserts(judged: Vec<(&SegmentFacts, Option<Violation>)>, longest: Seconds) -> Vec<Violation> {
    let sequence = |s: &SegmentFacts| s.segment.discontinuity_sequence;
    let complete: Vec<u64> = judged.iter().filter(|(_, v)| v.is_none()).map(|(s, _)| sequence(s)).collect();
    let at_edge = judged.iter().take_while(|(_, v)| v.is_some());
    let lasts = at_edge.map(|(s, _)| s.segment.duration.0).sum::<f64>();
    let is_short = !complete.is_empty() && lasts <= longest.0;
    let mut complete_later = false;
    let mut found = Vec::new();
    for (segment, violation) in judged {
        complete_later |= violation.is_none();
        let is_insert = (complete_later || is_short) && !complete.contains(&sequence(segment));
        found.extend(violation.map(|v| if is_insert { v.severity(Severity::Major) } else { v }));
    }
    found
}

/// Returns the media types that the rendition's own segments must contain. Audio that has playlists of its own isn't in
/// the segments of a variant. An undefined audio group announces nothing; ladder_groups_invalid reports it.
fn announced_media(facts: &RenditionFacts, output: &OutputFacts) -> Vec<Media> {
    let rendition = &facts.rendition;
    if rendition.media != Media::Video {
        return [rendition.media].into_iter().filter(|m| *m == Media::Audio).collect();
    }
    let separate = output.renditions.iter().any(|r| r.rendition.media == Media::Audio)
        || output.defects.iter().any(|d| d.kind == DefectKind::Groups);
    let has_own = rendition.group.is_none() || rendition.muxed_audio.is_some() || !separate;
    let mut announced = Vec::new();
    for codec in &rendition.codecs {
        announced.extend(media_of(codec).filter(|m| *m == Media::Video || has_own));
    }
    announced.sort();
    announced.dedup();
    announced
}

/// Returns the media type of a codec string. `None`: its sample entry isn't common in HLS or DASH.
fn media_of(codec: &str) -> Option<Media> {
    let family = codec.split('.').next().unwrap_or_default().to_ascii_lowercase();
    match family.as_str() {
        "avc1" | "avc3" | "hvc1" | "hev1" | "dvh1" | "dvhe" | "dva1" | "dvav" | "dav1" | "av01" | "vp09" | "mp4v" => {
            Some(Media::Video)
        }
        "mp4a" | "ac-3" | "ec-3" | "ac-4" | "opus" | "flac" | "alac" => Some(Media::Audio),
        _ => None,
    }
}

/// Returns the inspection of a segment whose tracks are known: it isn't damaged, and its tables or movie box were read.
fn readable(segment: &SegmentFacts) -> Option<&Inspection> {
    let inspection = undamaged_inspection(segment)?;
    let unknown = inspection.defects.iter().any(|d| d.kind == DefectKind::Tables)
        || inspection.tracks.iter().any(|t| t.media.is_none() && inspection.container == Container::Cmaf);
    let media = !matches!(inspection.container, Container::Unknown | Container::WebVtt | Container::Ttml);
    (media && !unknown).then_some(inspection)
}

fn violation(
    segment: &SegmentFacts,
    inspection: &Inspection,
    (announcement, announced): (&str, &[Media]),
) -> Option<Violation> {
    let of = |media: Media| inspection.tracks.iter().filter(move |t| t.media == Some(media));
    let missing = announced.iter().find(|m| of(**m).all(|t| t.samples == 0))?;
    let name = missing.as_str();
    let what = match of(*missing).next() {
        None => format!("{announcement} {name} isn't there"),
        Some(track) => format!("the announced {name} ({}, track {}) has no samples", track.codec, track.id),
    };
    let there: Vec<_> = inspection.tracks.iter().map(|t| format!("{}: {} samples", t.codec, t.samples)).collect();
    let there = if there.is_empty() { "nothing".to_owned() } else { there.join(", ") };
    let message = format!("segment {}: {what}; it has {there}", segment.segment.number);
    Some(segment_violation(segment, message).with("missing", name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::defect::{Defect, Position};
    use packager_media::stream::ads::{Marker, MarkerKind};

    const NONE: &str = "no segment with announced tracks was inspected";

    fn run(change: impl FnOnce(&mut Inspection)) -> CheckVerdict {
        run_with(change, |_| {})
    }

    fn run_with(change: impl FnOnce(&mut Inspection), scenery: impl FnOnce(&mut Scene)) -> CheckVerdict {
        let mut scene = Scene::live();
        let mut segment = ts_segment(5, 10.0, 2.0);
        change(segment.inspection.as_mut().unwrap());
        scene.remember([segment]);
        scenery(&mut scene);
        check(&scene.context(), &Params::default())
    }

    fn video_only(inspection: &mut Inspection) {
        inspection.tracks.retain(|t| t.media == Some(Media::Video));
    }

    fn audio_rendition(scene: &mut Scene) {
        scene.rendition().rendition.group = Some("aac".to_owned());
        let mut audio = rendition("audio-en");
        (audio.rendition.media, audio.rendition.codecs) = (Media::Audio, Vec::new());
        scene.output.renditions.push(audio);
    }

    #[test]
    fn what_is_announced_and_there_holds() {
        assert_holds(run(|_| {}));
    }

    #[test]
    fn announced_audio_that_is_missing_or_empty_fails() {
        let message = "segment 5: the announced audio isn't there; it has h264: 50 samples";
        assert_eq!(messages(run(video_only)), message);
        let empty = messages(run(|i| i.tracks[1].samples = 0));
        assert!(empty.starts_with("segment 5: the announced audio (aac, track 257) has no samples"), "{empty}");
        assert!(messages(run(|i| i.tracks.clear())).contains("the announced video isn't there; it has nothing"));
        assert_holds(run(|i| i.tracks[1].samples = 1));
    }

    #[test]
    fn audio_of_a_group_with_playlists_is_not_expected_beside_the_video() {
        assert_holds(run_with(video_only, audio_rendition));
        let muxed = |scene: &mut Scene| scene.rendition().rendition.group = Some("aac".to_owned());
        assert_eq!(violations(run_with(video_only, muxed)).len(), 1, "the group's members have no URI");
    }

    /// Returns the severities of segments 0 to 3 of 2 s without sound, of which `silent` are and which have the discontinuity
    /// sequence numbers `sequences`. An ad break of `announced` seconds begins with segment 2.
    fn severities(silent: &[u64], sequences: [u64; 4], announced: Option<f64>) -> Vec<Option<Severity>> {
        let mut scene = Scene::live();
        scene.timeline().target_duration = Some(Seconds(2.0));
        let out = announced.map(|seconds| MarkerKind::Out { announced: Some(Seconds(seconds)) });
        scene.timeline().markers = out.map(|kind| Marker { kind, number: 2, line: 20 }).into_iter().collect();
        scene.remember((0..4).map(|n| {
            let mut segment = ts_segment(n, 2.0 * n as f64, 2.0);
            segment.segment.discontinuity_sequence = sequences[n as usize];
            if silent.contains(&n) {
                video_only(segment.inspection.as_mut().unwrap());
            }
            segment
        }));
        let found = violations(check(&scene.context(), &Params::default()));
        found.iter().map(|v| v.severity).collect::<Vec<_>>()
    }

    const MAJOR: Option<Severity> = Some(Severity::Major);

    #[test]
    fn an_insert_without_sound_between_discontinuities_is_major() {
        assert_eq!(severities(&[1, 2], [0, 1, 1, 2], None), [MAJOR, MAJOR]);
        assert_eq!(severities(&[0, 1], [0, 0, 1, 1], None), [MAJOR, MAJOR], "the exporter was started within it");
        assert_eq!(severities(&[1, 2], [0, 0, 1, 2], None), [MAJOR, None], "segment 0 of the same run has sound");
        assert_eq!(severities(&[2, 3], [0; 4], None), [None, None], "the sound went away without a discontinuity");
        assert_eq!(severities(&[0, 1, 2, 3], [0, 0, 1, 1], Some(60.0)), [None; 4]);
    }

    #[test]
    fn sound_that_does_not_come_back_is_critical_unless_an_ad_break_of_that_length_is_announced() {
        assert_eq!(
            severities(&[2, 3], [0, 0, 1, 1], None),
            [None, None],
            "an encoder that was restarted without sound"
        );
        assert_eq!(severities(&[2, 3], [5, 5, 0, 0], None), [None, None], "with its numbers from the beginning");
        assert_eq!(severities(&[2, 3], [0, 0, 1, 1], Some(30.0)), [MAJOR, MAJOR]);
        assert_eq!(severities(&[2, 3], [0, 0, 1, 2], Some(2.0)), [MAJOR, MAJOR], "a cue tag stands between segments");
        assert_eq!(severities(&[2, 3], [0, 0, 1, 1], Some(1.9)), [None, None], "it should be over");
    }

    #[test]
    fn a_short_rest_may_lack_a_track() {
        let mut scene = Scene::live();
        let rest = |duration| {
            let mut segment = ts_segment(5, 10.0, duration);
            video_only(segment.inspection.as_mut().unwrap());
            segment
        };
        scene.remember([rest(0.5)]);
        assert_eq!(violations(check(&scene.context(), &Params::default())).len(), 1);
        scene.remember([rest(0.49)]);
        assert_not_run(check(&scene.context(), &Params::default()), NONE);
    }

    #[test]
    fn an_undefined_group_says_nothing() {
        let undefined = |scene: &mut Scene| {
            scene.rendition().rendition.group = Some("aac".to_owned());
            let at = Position::Line { line: 2, column: 1 };
            scene.output.defects.push(Defect { kind: DefectKind::Groups, at, message: String::new(), reference: "" });
        };
        assert_holds(run_with(video_only, undefined));
    }

    #[test]
    fn an_audio_rendition_has_audio() {
        let audio = |scene: &mut Scene| scene.rendition().rendition.media = Media::Audio;
        assert_holds(run_with(|i| i.tracks.retain(|t| t.media == Some(Media::Audio)), audio));
        assert_eq!(violations(run_with(video_only, audio)).len(), 1);
    }

    #[test]
    fn tables_that_could_not_be_read_say_nothing_of_tracks() {
        let defect =
            Defect { kind: DefectKind::Tables, at: Position::Whole, message: "no PAT".to_owned(), reference: "" };
        assert_not_run(run(|i| (i.tracks, i.defects) = (Vec::new(), vec![defect])), NONE);
        let unknown = |i: &mut Inspection| {
            i.container = Container::Cmaf;
            i.tracks.iter_mut().for_each(|t| t.media = None);
        };
        assert_not_run(run(unknown), NONE);
    }

    #[test]
    fn without_codecs_the_tables_and_other_segments_announce() {
        let none = |scene: &mut Scene| scene.rendition().rendition.codecs.clear();
        assert_holds(run_with(video_only, none));
        let empty = messages(run_with(|i| i.tracks[1].samples = 0, none));
        assert!(empty.starts_with("segment 5: the announced audio (aac, track 257) has no samples"), "{empty}");
        assert_eq!(violations(run_with(|i| i.tracks.iter_mut().for_each(|t| t.samples = 0), none)).len(), 1);
        assert_not_run(run_with(|i| i.tracks.clear(), none), NONE);
        let after_one_with_sound = |scene: &mut Scene| {
            none(scene);
            let mut silent = ts_segment(6, 12.0, 2.0);
            video_only(silent.inspection.as_mut().unwrap());
            scene.remember([ts_segment(5, 10.0, 2.0), silent]);
        };
        let message = "segment 6: the other segments' audio isn't there; it has h264: 50 samples";
        assert_eq!(messages(run_with(|_| {}, after_one_with_sound)), message);
    }

    #[test]
    fn a_variant_without_codecs_has_the_sound_of_the_others_and_may_lack_their_picture() {
        let beside = |change: fn(&mut Inspection)| {
            run_with(
                |_| {},
                |scene| {
                    scene.rendition().rendition.codecs.clear();
                    let mut other = rendition("480p");
                    other.rendition.codecs.clear();
                    scene.output.renditions.push(other);
                    let mut segment = ts_segment(5, 10.0, 2.0);
                    change(segment.inspection.as_mut().unwrap());
                    scene.history.renditions.entry("480p".to_owned()).or_default().segments = vec![segment.into()];
                },
            )
        };
        assert_eq!(violations(beside(video_only)).len(), 1);
        assert_holds(beside(|i| i.tracks.retain(|t| t.media == Some(Media::Audio))));
    }

    #[test]
    fn a_second_track_that_stops_or_never_begins_is_major() {
        let samples = |second: [u64; 2]| {
            run_with(
                |_| {},
                |scene| {
                    scene.remember([5, 6].map(|n| {
                        let mut segment = ts_segment(n, 2.0 * n as f64, 2.0);
                        let tracks = &mut segment.inspection.as_mut().unwrap().tracks;
                        let mut track = tracks[1].clone();
                        (track.id, track.samples) = (258, second[n as usize - 5]);
                        tracks.push(track);
                        segment
                    }));
                },
            )
        };
        let found = violations(samples([90, 0]));
        assert_eq!(found.iter().map(|v| v.severity).collect::<Vec<_>>(), [MAJOR]);
        assert!(found[0].message.starts_with("segment 6: one of several audio tracks (aac, track 258)"), "{found:?}");
        let found = violations(samples([0, 0]));
        assert_eq!(found.iter().map(|v| v.severity).collect::<Vec<_>>(), [MAJOR]);
        assert!(found[0].message.starts_with("segment 6: the PMT lists audio (aac, PID 258) of which no packet comes"));
        let names = |codecs: &[&str]| Rendition {
            codecs: codecs.iter().map(|codec| (*codec).to_owned()).collect(),
            ..rendition("720p").rendition
        };
        let mut ghost = ts_segment(5, 10.0, 2.0);
        ghost.inspection.as_mut().unwrap().tracks[1].samples = 0;
        let inspected = || (&ghost, ghost.inspection.as_ref().unwrap());
        let is_found = |rendition| empty_track(&[inspected(), inspected()], &rendition).is_some();
        assert!(is_found(names(&[])) && is_found(names(&["avc1.4d401f", "mp4a.40.2"])));
        assert!(!is_found(names(&["avc1.4d401f"])), "players leave out AAC that CODECS doesn't name");
        assert_holds(samples([0, 90]));
        assert_holds(samples([90, 90]));
    }
}
