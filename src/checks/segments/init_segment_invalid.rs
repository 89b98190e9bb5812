use crate::checks::support::select::{self, complete_inspection, segment_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{InitFacts, RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::{InitState, RenditionHistory};
use packager_media::codec::rfc6381::Codec;
use packager_media::container::{Container, Inspection, Track};
use packager_media::defect::DefectKind;
use packager_media::redact;
use packager_media::stream::{Protocol, Segment, Timeline};
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "init_segment_invalid",
    severity: Severity::Critical,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when an initialization segment is cut, empty, not a media container or without a readable movie \
           box, when a sample entry lacks its decoder's configuration or announces impossible \
           initialization vectors, when fragments don't fit it (major if AAC samples \
           only last longer or shorter than at its sample rate, and for what only some players refuse, such as AAC with \
           channelConfiguration 0), or when its content changes under the same URI \
           (major if an EXT-X-DISCONTINUITY announces it, minor if it comes with a new Period, a warning if tracks and codecs stay the same). Major if segments that are fragmented MP4 by their names stand before the first EXT-X-MAP. rendition_unavailable reports one that doesn't answer",
    reference: "draft-pantos-hls-rfc8216bis-22 3.1.2, 4.4.4.5; ISO/IEC 14496-12 8.2, 8.8; ISO/IEC 23000-19 7.3.1; \
                ISO/IEC 14496-3 1.6.2.1; ISO/IEC 23001-7 8.2",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    select::judge_renditions(context, "no initialization segment was read", |facts, past| judge(context, facts, past))
}

fn judge(context: &CheckContext<'_>, facts: &RenditionFacts, past: &RenditionHistory) -> Option<Vec<Violation>> {
    let answered = |i: &&InitFacts| i.fetched.answer().is_some();
    let inits: Vec<_> =
        facts.inits.iter().map(AsRef::as_ref).filter(answered).filter(|i| !i.fetched.probe_timed_out()).collect();
    let segments = select::inspected_segments(facts, past).unwrap_or_default();
    let fragments: Vec<_> = segments.iter().rev().filter(|s| s.segment.map.is_some()).collect();
    let timeline = facts.timeline.as_deref().filter(|_| context.output.dash().is_none());
    let unmapped = timeline.and_then(unmapped);
    if inits.is_empty() && fragments.is_empty() {
        return unmapped.map(|violation| vec![violation]);
    }
    let mut found: Vec<_> = inits.iter().filter_map(|i| unplayable(i)).collect();
    // Fragments can't fit a broken initialization segment.
    if found.is_empty() {
        found.extend(inits.iter().filter_map(|i| refused(i)));
        found.extend(fragments.iter().filter_map(|s| misfit(s)));
        found.extend(fragments.iter().filter_map(|s| wrong_sample_rate(s)));
        found.extend(replaced(context, past));
    }
    found.extend(unmapped);
    Some(found)
}

/// Endings of the names of fragmented MP4 segments, without the dot.
const FRAGMENT_NAMES: [&str; 8] = ["m4s", "mp4", "m4v", "m4a", "cmfv", "cmfa", "cmft", "fmp4"];

/// Returns a violation if segments that are fragmented MP4 by their names stand before the first EXT-X-MAP of a playlist, as after the tag
/// has left the window together with its segment: nothing says how to decode them (RFC 8216bis 4.4.4.5). Without any EXT-X-MAP the segments
/// may have their own movie boxes.
fn unmapped(timeline: &Timeline) -> Option<Violation> {
    let mapped = timeline.segments.iter().find(|segment| segment.map.is_some())?;
    let is_fragment = |segment: &&Segment| {
        let ending = segment.uri.path().rsplit_once('.').map(|(_, ending)| ending);
        ending.is_some_and(|ending| FRAGMENT_NAMES.iter().any(|name| ending.eq_ignore_ascii_case(name)))
    };
    let before = timeline.segments.iter().take_while(|segment| segment.map.is_none()).filter(|segment| !segment.gap);
    let fragments: Vec<_> = before.filter(is_fragment).collect();
    let (first, last) = (fragments.first()?, fragments.last()?);
    let message = format!(
        "segments {} to {} are fragmented MP4 by their names, and the first EXT-X-MAP comes only before segment {}: players can't decode them",
        first.number, last.number, mapped.number
    );
    let violation = Violation::new(message).severity(Severity::Major).with("number", last.number);
    Some(violation.with("line", last.line).with("segments", fragments.len()))
}

/// Returns a violation for each initialization segment whose content changed under the same URI, because players fetch
/// it only once. A change with a packager restart is left out; packager_restarted reports the restart. A packager
/// writes the initialization segment before the playlist, so a change is judged when the next playlist was seen.
fn replaced(context: &CheckContext<'_>, past: &RenditionHistory) -> Vec<Violation> {
    let restarts = select::restart_times(past);
    let steps = past.inits.iter().enumerate().filter_map(|(at, later)| {
        let earlier = past.inits.iter().take(at).rfind(|s| s.same_place(later))?;
        Some((earlier, later))
    });
    let unexplained = steps.filter(|(earlier, later)| {
        let Some(next) = past.observations.iter().find(|o| o.first_seen > later.first_seen) else { return false };
        let restarted = restarts.iter().any(|at| *at > earlier.last_seen && *at <= next.first_seen);
        let recent = Seconds::between(later.first_seen, context.now) <= context.hold;
        // An ad may have an initialization segment whose address differs in the query only.
        recent && !restarted && (!is_announced(earlier, later) || earlier.facts.map.uri == later.facts.map.uri)
    });
    let protocol = context.output.protocol();
    unexplained.map(|(earlier, later)| replacement(earlier, later, protocol)).collect()
}

/// Whether a discontinuity stands between the segments of the two contents.
fn is_announced(earlier: &InitState, later: &InitState) -> bool {
    earlier.discontinuity_sequence != later.discontinuity_sequence
}

fn replacement(earlier: &InitState, later: &InitState, protocol: Protocol) -> Violation {
    let tracks = |seen: &InitState| seen.facts.inspection.as_ref().map(|i| i.tracks.clone());
    let same = tracks(earlier) == tracks(later);
    let what = match same {
        true => "its tracks and codecs are the same",
        false => "players that have the former one can't decode new segments with it",
    };
    let announced = match (is_announced(earlier, later), protocol) {
        (true, Protocol::Hls) => "at a discontinuity, but players fetch a URI once",
        (true, Protocol::Dash) => "at a new Period, and segments of the one before don't fit it any more",
        (false, _) => "and no discontinuity was announced",
    };
    let message = format!("initialization segment: the content changed under the same URI, {announced}; {what}");
    let violation = Violation::new(message)
        .with("url", redact::url(&later.facts.map.uri))
        .with("seen_at", later.first_seen.to_string())
        .with("before_until", earlier.last_seen.to_string());
    match (same, is_announced(earlier, later), protocol) {
        (true, ..) => violation.severity(Severity::Warning),
        (false, true, Protocol::Hls) => violation.severity(Severity::Major),
        // Players fetch it once in each Period.
        (false, true, Protocol::Dash) => violation.severity(Severity::Minor),
        (false, false, _) => violation,
    }
}

fn unplayable(init: &InitFacts) -> Option<Violation> {
    let exchange = init.fetched.result.as_ref().ok()?;
    let problem = match (&exchange.broken, &init.inspection) {
        _ if init.fetched.has_wrong_range() => None,
        (Some(failure), _) => Some(format!("{} (after {} bytes)", failure.message, exchange.body_bytes)),
        _ if exchange.body_bytes == 0 => Some("the body is empty".to_owned()),
        (None, Some(inspection)) => unreadable(inspection),
        (None, None) => None,
    }?;
    Some(init_violation(init, format!("initialization segment: {problem}; nothing after it can be played")))
}

/// Returns the violation of an initialization segment that some players refuse.
fn refused(init: &InitFacts) -> Option<Violation> {
    let inspection = init.inspection.as_ref().filter(|_| !init.fetched.has_wrong_range())?;
    let defect = inspection.defects.iter().find(|d| d.kind == DefectKind::InitializationRefused)?;
    let violation = init_violation(init, format!("initialization segment: {}: {}", defect.at, defect.message));
    Some(violation.severity(Severity::Major).with("reference", defect.reference))
}

fn init_violation(init: &InitFacts, message: String) -> Violation {
    let bytes = init.fetched.answer().map(|exchange| exchange.body_bytes);
    Violation::new(message).with("url", redact::url(&init.map.uri)).with("bytes", bytes)
}

fn unreadable(inspection: &Inspection) -> Option<String> {
    let defect = inspection
        .defects
        .iter()
        .find(|d| matches!(d.kind, DefectKind::Container | DefectKind::Initialization))
        .map(|d| format!("{}: {}", d.at, d.message));
    match inspection.container {
        Container::Cmaf if inspection.tracks.is_empty() && defect.is_none() => {
            Some("it has no movie box (`moov`) with a track".to_owned())
        }
        _ => defect,
    }
}

/// Returns a violation if fragments don't fit the initialization segment, such as by tracks that it doesn't have.
fn misfit(segment: &SegmentFacts) -> Option<Violation> {
    let defects = &complete_inspection(segment)?.defects;
    let of = |kind: DefectKind| defects.iter().find(|d| d.kind == kind);
    let defect = of(DefectKind::Initialization).or_else(|| of(DefectKind::InitializationRefused))?;
    let message = format!("segment {}: {}: {}", segment.segment.number, defect.at, defect.message);
    let map = segment.segment.map.as_deref().map(|m| redact::url(&m.uri));
    let violation = segment_violation(segment, message).with("map", map).with("reference", defect.reference);
    Some(if defect.kind == DefectKind::InitializationRefused { violation.severity(Severity::Major) } else { violation })
}

/// Numbers of audio samples that a coded frame of AAC-LC or HE-AAC can have (ISO/IEC 14496-3 4.5.2.1.1, 4.6.18.2).
const FRAME_SAMPLES: [f64; 4] = [960.0, 1024.0, 1920.0, 2048.0];
/// Fewest frames whose mean duration is exact enough even if one is cut short, and the share by which it may differ.
const LEAST_FRAMES: u64 = 80;
const RATE_TOLERANCE: f64 = 0.015;

/// Returns a violation if the frames of AAC in a segment last as they would at another sample rate than that of the decoder's
/// configuration: decoders play them too fast or too slow. A track with a gap is left out.
fn wrong_sample_rate(segment: &SegmentFacts) -> Option<Violation> {
    let tracks = complete_inspection(segment)?.tracks.iter().filter(|track| track.codec == "aac");
    tracks.filter_map(|track| wrong_rate_of(segment, track)).next()
}

fn wrong_rate_of(segment: &SegmentFacts, track: &Track) -> Option<Violation> {
    let parameters = track.parameters.as_ref()?;
    let rate = parameters.audio.as_ref()?.sample_rate?;
    let is_core = matches!(parameters.codec, Codec::Aac { object_type: 2 | 5 | 29 });
    if !is_core || track.samples < LEAST_FRAMES {
        return None;
    }
    let frame = track.duration()?.0 / track.samples as f64;
    let has_gap = track.sample_gap_max.is_some_and(|gap| gap.0 > frame * (1.0 + RATE_TOLERANCE));
    let samples = frame * f64::from(rate);
    if has_gap || FRAME_SAMPLES.iter().any(|known| (samples / known - 1.0).abs() <= RATE_TOLERANCE) {
        return None;
    }
    let message = format!(
        "segment {}: the initialization segment says that track {} has {rate} Hz, but its frames last {:.2} ms, which no frame of AAC does \
         at this rate: decoders play the sound at a wrong speed",
        segment.segment.number,
        track.id,
        frame * 1000.0
    );
    let map = segment.segment.map.as_deref().map(|m| redact::url(&m.uri));
    Some(segment_violation(segment, message).severity(Severity::Major).with("map", map).with("sample_rate", rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::FailureKind;
    use packager_media::codec::parameters::{AudioParameters, CodecParameters};
    use packager_media::defect::{Defect, Position};
    use packager_media::stream::{Map, Media};
    use packager_media::units::MediaTime;
    use std::num::NonZeroU32;
    use std::sync::Arc;

    const NONE: &str = "no initialization segment was read";

    fn map() -> Map {
        Map { uri: url("init.mp4"), byte_range: None, key: None }
    }

    fn fragment(number: u64) -> SegmentFacts {
        let mut segment = ts_segment(number, 0.0, 2.0);
        segment.segment.map = Some(map().into());
        let inspection = segment.inspection.as_mut().unwrap();
        (inspection.container, inspection.ts) = (Container::Cmaf, None);
        segment
    }

    fn stranger() -> Defect {
        let message = "the `traf` belongs to track 7".to_owned();
        Defect { kind: DefectKind::Initialization, at: Position::Byte(24), message, reference: "" }
    }

    fn run(change: impl FnOnce(&mut InitFacts), segment: SegmentFacts) -> CheckVerdict {
        let inspection = fragment(1).inspection;
        let mut init = InitFacts {
            map: map(),
            fetched: answered("init.mp4", "video/mp4"),
            inspection,
            decryption: None,
            digest: None,
            kept: None,
        };
        change(&mut init);
        let mut scene = Scene::live();
        scene.rendition().inits = vec![Arc::new(init)];
        scene.remember([segment]);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn fragments_that_fit_hold() {
        assert_holds(run(|_| {}, fragment(5)));
    }

    #[test]
    fn fragments_before_the_first_map_are_major() {
        let run = |ending: &str, mapped_from: usize| {
            let mut scene = Scene::live();
            for (n, segment) in scene.timeline().segments.iter_mut().enumerate() {
                segment.uri = url(&format!("720p/{}.{ending}", segment.number));
                segment.map = (n >= mapped_from).then(|| map().into());
            }
            check(&scene.context(), &Params::default())
        };
        let found = violations(run("m4s", 2));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Major)));
        let message =
            "segments 10 to 11 are fragmented MP4 by their names, and the first EXT-X-MAP comes only before segment 12";
        assert!(found[0].message.starts_with(message), "{}", found[0].message);
        assert_not_run(run("ts", 2), NONE);
        assert_not_run(run("m4s", 0), NONE);
        assert_not_run(run("mp4", 6), NONE);
    }

    #[test]
    fn a_cut_empty_or_broken_one_fails() {
        let cut = |i: &mut InitFacts| i.fetched.result.as_mut().unwrap().broken = Some(failure(FailureKind::Cut));
        assert!(messages(run(cut, fragment(5))).starts_with("initialization segment: Cut (after 1000 bytes)"));
        let empty = |i: &mut InitFacts| i.fetched.result.as_mut().unwrap().body_bytes = 0;
        assert!(messages(run(empty, fragment(5))).contains("the body is empty"));
        for kind in [DefectKind::Container, DefectKind::Initialization] {
            let defect = Defect { kind, ..stranger() };
            let broken = |i: &mut InitFacts| i.inspection.as_mut().unwrap().defects.push(defect);
            assert!(messages(run(broken, fragment(5))).contains("byte 24: the `traf`"));
        }
    }

    #[test]
    fn a_movie_without_tracks_fails_and_a_transport_stream_has_none() {
        let no_movie = |i: &mut InitFacts| i.inspection.as_mut().unwrap().tracks.clear();
        assert!(messages(run(no_movie, fragment(5))).contains("no movie box"));
        let tables = |i: &mut InitFacts| {
            let inspection = i.inspection.as_mut().unwrap();
            inspection.tracks.clear();
            inspection.container = Container::MpegTs;
        };
        assert_holds(run(tables, fragment(5)));
    }

    #[test]
    fn fragments_of_other_tracks_fail_unless_the_initialization_segment_does() {
        let mut other = fragment(5);
        other.inspection.as_mut().unwrap().defects.push(stranger());
        assert_eq!(messages(run(|_| {}, other.clone())), "segment 5: byte 24: the `traf` belongs to track 7");
        let broken = |i: &mut InitFacts| i.inspection.as_mut().unwrap().defects.push(stranger());
        assert_eq!(violations(run(broken, other)).len(), 1);
    }

    #[test]
    fn what_only_some_players_refuse_is_major_in_either_segment() {
        let refused = || Defect { kind: DefectKind::InitializationRefused, ..stranger() };
        let mut other = fragment(5);
        other.inspection.as_mut().unwrap().defects.push(refused());
        let found = violations(run(|_| {}, other));
        assert_eq!(
            (found[0].message.as_str(), found[0].severity),
            ("segment 5: byte 24: the `traf` belongs to track 7", Some(Severity::Major))
        );
        let found = violations(run(|i| i.inspection.as_mut().unwrap().defects.push(refused()), fragment(5)));
        assert_eq!(
            (found.len(), found[0].message.as_str(), found[0].severity),
            (1, "initialization segment: byte 24: the `traf` belongs to track 7", Some(Severity::Major))
        );
    }

    #[test]
    fn frames_of_aac_last_as_their_sample_rate_says() {
        let sound = |rate: u32, object_type: u8, ticks: u64, gap: f64| {
            let mut segment = fragment(5);
            let audio = AudioParameters { channels: Some(2), ..AudioParameters::at_rate(rate) };
            let mut track = Track::new(2, Some(Media::Audio), "aac".to_owned());
            track.parameters = Some(Arc::new(CodecParameters::with_audio(Codec::Aac { object_type }, audio)));
            (track.samples, track.sample_gap_max) = (90, Some(Seconds(gap + ticks as f64 / 48_000.0)));
            let scale = NonZeroU32::new(48_000).unwrap();
            (track.start, track.end) = (Some(MediaTime::new(0, scale)), Some(MediaTime::new(90 * ticks as i64, scale)));
            segment.inspection.as_mut().unwrap().tracks.push(track);
            run(|_| {}, segment)
        };
        assert_holds(sound(48_000, 2, 1024, 0.0));
        assert_holds(sound(48_000, 2, 960, 0.0));
        assert_holds(sound(24_000, 2, 2048, 0.0));
        assert_holds(sound(48_000, 5, 2048, 0.0));
        assert_holds(sound(44_100, 2, 1024, 1.0));
        let found = violations(sound(44_100, 2, 1024, 0.0));
        assert_eq!(found[0].severity, Some(Severity::Major));
        assert!(
            found[0].message.contains("track 2 has 44100 Hz, but its frames last 21.33 ms"),
            "{}",
            found[0].message
        );
        assert_eq!(violations(sound(32_000, 2, 1024, 0.0)).len(), 1);
    }

    /// Makes a test input: a rendition whose initialization segment got other content under the same URI at second
    /// `since`. `change` changes the new content.
    fn replaced_since(since: f64, change: impl FnOnce(&mut InitState)) -> Scene {
        let init = |digest| InitFacts {
            map: map(),
            fetched: answered("init.mp4", "video/mp4"),
            inspection: fragment(1).inspection,
            decryption: None,
            digest: Some(digest),
            kept: None,
        };
        let earlier = InitState::of(init(1), time(-100.0), time(since - 2.0), 0);
        let mut later = InitState::of(init(2), time(since), time(0.0), 0);
        let tracks = |seen: &mut InitState| {
            let facts = Arc::make_mut(&mut seen.facts);
            facts.inspection.as_mut().unwrap().tracks.truncate(1);
        };
        tracks(&mut later);
        change(&mut later);
        let mut scene = Scene::live();
        scene.rendition().inits = vec![later.facts.clone()];
        scene.past().inits = vec![earlier, later];
        scene.observe([observation(since as i64 - 2, 10, 15), observation(since as i64 + 2, 11, 16)]);
        scene
    }

    fn judged(scene: &Scene) -> Vec<Violation> {
        violations(check(&scene.context(), &Params::default()))
    }

    #[test]
    fn another_content_under_the_same_uri_fails_for_hold() {
        let found = judged(&replaced_since(-300.0, |_| {}));
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("the content changed under the same URI"), "{}", found[0].message);
        assert_eq!((found[0].severity, &found[0].evidence["seen_at"]), (None, &time(-300.0).to_string().into()));
        assert_eq!(judged(&replaced_since(-301.0, |_| {})), []);
    }

    #[test]
    fn the_same_tracks_in_other_bytes_are_a_warning() {
        let alike = |later: &mut InitState| {
            Arc::make_mut(&mut later.facts).inspection = fragment(1).inspection;
        };
        let found = judged(&replaced_since(-10.0, alike));
        assert_eq!(found[0].severity, Some(Severity::Warning));
        assert!(found[0].message.ends_with("its tracks and codecs are the same"));
    }

    #[test]
    fn a_discontinuity_announces_it_and_players_keep_the_former_one() {
        let mut scene = replaced_since(-10.0, |later| later.discontinuity_sequence = 1);
        let found = judged(&scene);
        assert_eq!(found[0].severity, Some(Severity::Major));
        assert!(found[0].message.contains("at a discontinuity, but players fetch a URI once"), "{}", found[0].message);
        scene.become_dash();
        assert_eq!(judged(&scene)[0].severity, Some(Severity::Minor));
        let ad = |later: &mut InitState| {
            let mut facts = (*later.facts).clone();
            facts.map.uri.set_query(Some("creative=2"));
            *later = InitState::of(facts, later.first_seen, later.last_seen, 1);
        };
        assert_eq!(judged(&replaced_since(-10.0, ad)), []);
    }

    #[test]
    fn another_uri_or_a_restart_explain_it() {
        let elsewhere = |later: &mut InitState| {
            let mut facts = (*later.facts).clone();
            facts.map.uri = url("init2.mp4");
            *later = InitState::of(facts, later.first_seen, later.last_seen, 0);
        };
        assert_eq!(judged(&replaced_since(-10.0, elsewhere)), []);
        for restarted in [-11, -8] {
            let mut scene = replaced_since(-10.0, |_| {});
            scene.observe([observation(-30, 100, 105), observation(restarted, 0, 2), observation(-6, 0, 3)]);
            assert_eq!(judged(&scene), [], "{restarted}");
        }
    }

    #[test]
    fn it_is_judged_by_the_next_playlist() {
        let mut scene = replaced_since(-10.0, |_| {});
        scene.observe([observation(-12, 10, 15)]);
        assert_eq!(judged(&scene), []);
        scene.observe([observation(-12, 10, 15), observation(-9, 11, 16)]);
        assert_eq!(judged(&scene).len(), 1);
    }

    #[test]
    fn without_one_it_does_not_run() {
        let mut scene = Scene::live();
        scene.remember([ts_segment(5, 0.0, 2.0)]);
        assert_not_run(check(&scene.context(), &Params::default()), NONE);
        let missing = InitFacts {
            map: map(),
            fetched: failed("init.mp4", FailureKind::Connect),
            inspection: None,
            decryption: None,
            digest: None,
            kept: None,
        };
        scene.rendition().inits = vec![Arc::new(missing)];
        assert_not_run(check(&scene.context(), &Params::default()), NONE);
    }
}
