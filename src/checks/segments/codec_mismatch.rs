use crate::checks::support::bitstream::{self, ParsedTrack};
use crate::checks::support::select;
use crate::checks::support::terms::{Terms, terms};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{OutputFacts, RenditionFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::codec::parameters::CodecParameters;
use packager_media::codec::rfc6381::{Codec, HevcProfileTierLevel};
use packager_media::stream::{Media, Rendition};

pub const META: CheckMeta = CheckMeta {
    id: "codec_mismatch",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when no announced codec string (CODECS of HLS, @codecs of DASH) can be read or covers the codec, profile and level of the bitstream; \
           a string with a higher profile or level than the bitstream's passes; it also fails when strings are announced and none is for \
           sound, although the segments or the variant's audio group have sound. Minor if hvc1 is announced and the sample entry is hev1 \
           (dvh1 and dvhe alike), which Apple's players don't play",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.6.2; RFC 6381 3.3, 3.4; HLS authoring specification 1.10",
    needs_history: false,
};

params! {}

const MISSING: &str = "no codec is announced, or no segment with readable codec parameters was inspected";

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let terms = terms(context.output.protocol());
    select::judge_renditions(context, MISSING, |facts, past| {
        let announced = announced_codecs(&facts.rendition, context.output);
        let silent = codecs_without_sound(&facts.rendition, context.output);
        let tracks = bitstream::newest_first_with_heads(context, facts, past).filter(|_| !announced.is_empty())?;
        let newest = |media: Media| {
            // The sound in the segments of a picture may be that of one of its audio groups only.
            let is_own = media == facts.rendition.media;
            let variants = if is_own { variants_codecs(&facts.rendition, &announced) } else { vec![&announced[..]] };
            let tracks = || tracks.iter().filter(|t| t.track.media == Some(media));
            // A picture in a rendition of sound is what tracks_missing reports.
            let is_expected = facts.rendition.media == Media::Video || media != Media::Video;
            let differs = |codecs: &[String]| tracks().find_map(|track| mismatch(track, codecs, terms, is_expected));
            let differing = variants.iter().copied().find_map(differs);
            let silent = silent.as_deref().filter(|_| media == Media::Audio);
            differing.or_else(|| Some(without_sound(tracks().next()?, silent?, terms)))
        };
        let older = older_video(context, facts, past, &announced, terms);
        Some([Media::Video, Media::Audio].into_iter().filter_map(newest).chain(older).collect())
    })
}

/// Returns a violation if the newest segment has video of MPEG-1 or MPEG-2, whose parameters aren't read, and another codec is announced.
fn older_video(
    context: &CheckContext<'_>,
    facts: &RenditionFacts,
    past: &RenditionHistory,
    announced: &[String],
    terms: &Terms,
) -> Option<Violation> {
    let segments = select::described(context, select::segments_and_heads(facts, past)?);
    let segment = segments.iter().rfind(|segment| select::undamaged_inspection(segment).is_some())?;
    let tracks = select::undamaged_inspection(segment)?.tracks.iter();
    let track = tracks.filter(|t| t.media == Some(Media::Video) && t.samples > 0).find(|t| is_older_video(&t.codec))?;
    let text = announced.iter().find(|text| Codec::parse(text).is_some_and(|codec| codec.is_video()))?;
    let number = segment.segment.number;
    let message = format!("{} is {text}; the bitstream of segment {number} has {}", terms.codecs, track.codec);
    let violation = select::segment_violation(segment, message).with("attribute", terms.codecs);
    Some(violation.with("declared", text.as_str()).with("actual", track.codec.as_str()))
}

fn is_older_video(codec: &str) -> bool {
    matches!(codec, "mpeg1video" | "mpeg2video")
}

/// Returns the codec strings that apply to a rendition's segments. In HLS an audio rendition has none of its own; the
/// strings of the variants that name its group apply.
fn announced_codecs(rendition: &Rendition, output: &OutputFacts) -> Vec<String> {
    if rendition.media == Media::Video || !rendition.codecs.is_empty() || rendition.group.is_none() {
        return rendition.codecs.clone();
    }
    let others = output.renditions.iter().map(|r| &r.rendition);
    let variants = others.filter(|r| r.media == Media::Video && r.shares_group(rendition));
    let mut all: Vec<String> = variants.flat_map(|r| lists_with(r, rendition)).flatten().cloned().collect();
    all.sort();
    all.dedup();
    all
}

/// Returns each list of codecs that a variant declares together with the rendition: with the group of an audio rendition, or for the
/// variant's own playlist.
fn lists_with<'r>(variant: &'r Rendition, rendition: &'r Rendition) -> impl Iterator<Item = &'r Vec<String>> {
    let is_own =
        |group: Option<&String>| rendition.media == Media::Video || rendition.groups().any(|own| Some(own) == group);
    let of_group = variant.variant_codecs.iter().filter(move |(group, _)| is_own(group.as_ref()));
    let all = Some(&variant.codecs).filter(|_| variant.variant_codecs.is_empty());
    of_group.map(|(_, codecs)| codecs).chain(all)
}

/// Returns the codecs of a variant that declares codecs, but none for sound: of a variant whose playlist the rendition is, or one whose group
/// the audio rendition is in. `None` if there is no such variant, and for DASH.
fn codecs_without_sound(rendition: &Rendition, output: &OutputFacts) -> Option<Vec<String>> {
    let is_video = rendition.media == Media::Video;
    if output.dash().is_some() || (!is_video && !rendition.codecs.is_empty()) {
        return None;
    }
    let is_own_variant = |r: &Rendition| if is_video { r.name == rendition.name } else { r.shares_group(rendition) };
    let others = output.renditions.iter().map(|r| &r.rendition);
    let mut variants = others.filter(|r| r.media == Media::Video && is_own_variant(r));
    variants.find_map(|variant| lists_with(variant, rendition).find(|codecs| names_no_sound(codecs)).cloned())
}

/// Returns whether codec strings are announced and each of them is one for video or text.
fn names_no_sound(codecs: &[String]) -> bool {
    let is_single = |text: &str| !text.trim().contains(char::is_whitespace);
    let is_no_sound = |text: &String| is_single(text) && NO_SOUND.iter().any(|name| starts_with(text, name));
    !codecs.is_empty() && codecs.iter().all(is_no_sound)
}

/// Returns the codecs of each variant whose playlist the rendition is: a player that chooses one decodes by its strings. Otherwise those that
/// are announced.
fn variants_codecs<'r>(rendition: &'r Rendition, announced: &'r [String]) -> Vec<&'r [String]> {
    match rendition.variant_codecs.as_slice() {
        [] => vec![announced],
        variants => variants.iter().map(|(_, codecs)| codecs.as_slice()).collect(),
    }
}

/// Returns a violation if codec strings for the track's media type are announced and none of them covers the track. If the rendition
/// is expected to have the track, none that can be read is a violation too.
fn mismatch(track: &ParsedTrack<'_>, announced: &[String], terms: &Terms, is_expected: bool) -> Option<Violation> {
    let actual = track.parameters;
    let same_medium = |c: &Codec| c.is_video() == actual.codec.is_video();
    let parsed: Vec<(&String, Codec)> = announced.iter().filter_map(|s| Some((s, Codec::parse(s)?))).collect();
    let Some((first, _)) = parsed.iter().find(|(_, c)| same_medium(c)) else {
        return unread(track, announced, terms).filter(|_| is_expected);
    };
    if let Some((text, _)) = parsed.iter().find(|(_, c)| covers(*c, actual)) {
        return other_sample_entry(track, &parsed, text, terms);
    }
    // The string of the same codec is the one that was meant.
    let same_codec = parsed.iter().find(|(_, c)| std::mem::discriminant(c) == std::mem::discriminant(&actual.codec));
    let text = same_codec.map_or(*first, |(text, _)| *text);
    let name = match (actual.profile, &actual.level) {
        (Some(profile), Some(level)) => format!("{} ({profile}, level {level})", actual.codec),
        (Some(profile), None) => format!("{} ({profile})", actual.codec),
        _ => actual.codec.to_string(),
    };
    Some(track.mismatch(terms.codecs, text, &name))
}

/// Names of HEVC sample entries whose parameter sets stand in the sample entry, and of those that allow them in the samples (ISO/IEC
/// 14496-15 8.4.1).
const HEVC_ENTRIES: [(&str, &str); 2] = [("hvc1", "hev1"), ("dvh1", "dvhe")];

/// Returns a violation for an HEVC track whose sample entry allows parameter sets in the samples, although each string that covers it names
/// an entry that doesn't. The first part of a string is the name of the sample entry (RFC 6381 3.3).
fn other_sample_entry(
    track: &ParsedTrack<'_>,
    announced: &[(&String, Codec)],
    text: &str,
    terms: &Terms,
) -> Option<Violation> {
    let is_hevc = matches!(track.parameters.codec, Codec::Hevc(_));
    let names_in_samples = |text: &str| HEVC_ENTRIES.iter().any(|(_, name)| starts_with(text, name));
    if !is_hevc || !track.track.sets_in_samples || announced.iter().any(|(text, _)| names_in_samples(text)) {
        return None;
    }
    let (_, actual) = HEVC_ENTRIES.iter().find(|(name, _)| starts_with(text, name))?;
    let number = track.segment.segment.number;
    let message = format!(
        "{} is {text}; the sample entry of segment {number} is {actual}, which Apple's players don't play",
        terms.codecs
    );
    let violation = select::segment_violation(track.segment, message).severity(Severity::Minor);
    Some(violation.with("attribute", terms.codecs).with("declared", text).with("actual", *actual))
}

/// Returns a violation for a track for whose medium no announced string can be read. Players leave out renditions with strings that
/// they don't know. `None` for the older form of H.264 strings, which players read, and for sound without a string of its own, which
/// [`without_sound`] reports.
fn unread(track: &ParsedTrack<'_>, announced: &[String], terms: &Terms) -> Option<Violation> {
    let is_video = track.parameters.codec.is_video();
    let unread = || announced.iter().filter(|text| Codec::parse(text).is_none());
    if is_video && unread().any(|text| is_older_avc(text)) {
        return None;
    }
    let text = match is_video {
        true => announced.join(","),
        false => unread().find(|text| !NO_SOUND.iter().any(|name| starts_with(text, name)))?.clone(),
    };
    let mut violation = track.mismatch(terms.codecs, &text, &track.parameters.codec.to_string());
    violation.message.push_str("; players leave out a rendition whose strings they can't play");
    Some(violation)
}

/// Returns the violation for sound of which no announced string speaks.
fn without_sound(track: &ParsedTrack<'_>, announced: &[String], terms: &Terms) -> Violation {
    let mut violation = track.mismatch(terms.codecs, &announced.join(","), &track.parameters.codec.to_string());
    violation.message.push_str(", and no string is for sound; players that prepare by the strings play without sound");
    violation
}

/// Beginnings of codec strings for video and text.
const NO_SOUND: [&str; 20] = [
    "avc", "hvc", "hev", "h26", "dvh", "dva", "dav", "av01", "vp0", "vp8", "vp9", "vvc", "vvi", "mp4v", "lvc", "evc",
    "stpp", "wvtt", "tx3g", "c608",
];

fn starts_with(text: &str, name: &str) -> bool {
    text.trim().get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name))
}

/// Whether a string has the form `avc1.77.30`: profile and level of H.264 as decimal numbers, as older packagers write them.
fn is_older_avc(text: &str) -> bool {
    let mut parts = text.trim().split('.');
    let is_number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u8>().is_ok());
    parts.next() == Some("avc1") && is_number(parts.next()) && is_number(parts.next()) && parts.next().is_none()
}

/// Whether a decoder for the codec `declared` can play a bitstream with the parameters `actual`.
fn covers(declared: Codec, actual: &CodecParameters) -> bool {
    let dolby_vision = actual.video.and_then(|p| p.dolby_vision);
    match (declared, actual.codec) {
        (Codec::Avc { profile, level, .. }, Codec::Avc { profile: p, level: l, .. }) => {
            avc_rank(profile) >= avc_rank(p) && level >= l
        }
        (Codec::Hevc(declared), Codec::Hevc(actual)) => {
            // Profile 5 can't be shown by a player without Dolby Vision.
            hevc_covers(declared, actual) && dolby_vision.is_none_or(|d| d.profile != 5)
        }
        (Codec::DolbyVision { profile, level }, actual) => {
            dolby_vision_base(profile, actual) && dolby_vision.is_none_or(|d| profile == d.profile && level >= d.level)
        }
        // An object type indication leaves the layer of MPEG audio open (RFC 6381 3.3).
        (Codec::Mp3 | Codec::Mp2, Codec::Mp3 | Codec::Mp2) => true,
        (
            Codec::Av1 { profile, level, high_tier, bit_depth },
            Codec::Av1 { profile: p, level: l, high_tier: h, bit_depth: b },
        ) => profile >= p && level >= l && (high_tier || !h) && bit_depth >= b,
        (Codec::Aac { object_type }, Codec::Aac { object_type: actual }) => aac_covers(object_type, actual),
        (declared, actual) => declared == actual,
    }
}

/// Whether `actual` is the base codec of a Dolby Vision profile: H.264 for profile 9, AV1 for profile 10, HEVC for the
/// other profiles.
fn dolby_vision_base(profile: u8, actual: Codec) -> bool {
    match actual {
        Codec::Avc { .. } => profile == 9,
        Codec::Av1 { .. } => profile == 10,
        Codec::Hevc(_) => !matches!(profile, 9 | 10),
        _ => false,
    }
}

/// Returns the rank of an H.264 profile: a decoder for a ranked profile plays every lower rank (ISO/IEC 14496-10 A.2).
/// A decoder for an unranked profile plays only this profile.
fn avc_rank(profile: u8) -> u16 {
    match profile {
        66 => 1,
        77 => 2,
        100 => 3,
        110 => 4,
        122 => 5,
        244 => 6,
        other => 100 + u16::from(other),
    }
}

/// Whether an HEVC decoder for `declared` can play `actual`. The compatibility flags of `actual` name every profile
/// whose decoders can (ISO/IEC 23008-2 A.3).
fn hevc_covers(declared: HevcProfileTierLevel, actual: HevcProfileTierLevel) -> bool {
    let flagged = actual.compatibility.checked_shl(declared.profile.into()).is_some_and(|c| c & 1 << 31 != 0);
    let profile = declared.profile == actual.profile || flagged || (declared.profile == 2 && actual.profile == 1);
    // Tiers exist from level 4 (120) on.
    let tier = declared.high_tier || !actual.high_tier || actual.level < 120;
    profile && tier && declared.level >= actual.level
}

/// Whether an AAC decoder for `declared` can play `actual`. AAC-LC, HE-AAC and HE-AACv2 are interchangeable: band
/// replication and parametric stereo may be signalled in the payload only, and each decoder plays the core of the
/// others.
fn aac_covers(declared: u8, actual: u8) -> bool {
    let family = |object_type| if matches!(object_type, 2 | 5 | 29) { 2 } else { object_type };
    family(declared) == family(actual)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::support::bitstream::testing::*;
    use crate::checks::testing::*;
    use packager_media::codec::parameters::DolbyVisionConfig;
    use std::sync::Arc;

    fn run(actual: CodecParameters, sound: CodecParameters, announced: &[&str]) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember([segment_with(5, actual, sound)]);
        scene.rendition().rendition.codecs = announced.iter().map(|c| (*c).to_owned()).collect();
        check(&scene.context(), &Params::default())
    }

    fn with_codecs(actual: &str, sound: &str, announced: &[&str]) -> CheckVerdict {
        run(video(actual), audio(sound, 2, 48_000), announced)
    }

    #[test]
    fn a_sample_entry_with_sets_in_the_samples_is_announced_as_such() {
        let run = |in_samples: bool, announced: &str| {
            let mut scene = Scene::live();
            let mut segment = segment_with(5, video("hvc1.2.4.L120.B0"), audio("mp4a.40.2", 2, 48_000));
            segment.inspection.as_mut().unwrap().tracks[0].sets_in_samples = in_samples;
            scene.remember([segment]);
            scene.rendition().rendition.codecs = announced.split(',').chain(["mp4a.40.2"]).map(str::to_owned).collect();
            check(&scene.context(), &Params::default())
        };
        let found = violations(run(true, "hvc1.2.4.L120.B0"));
        let message =
            "CODECS is hvc1.2.4.L120.B0; the sample entry of segment 5 is hev1, which Apple's players don't play";
        assert_eq!((found[0].message.as_str(), found[0].severity), (message, Some(Severity::Minor)));
        let dolby = messages(run(true, "dvh1.08.06"));
        assert_eq!(dolby, message.replace("hvc1.2.4.L120.B0", "dvh1.08.06").replace("hev1", "dvhe"));
        for announced in ["hev1.2.4.L120.B0", "hvc1.2.4.L120.B0,hev1.2.4.L120.B0", "dvhe.08.06"] {
            assert_holds(run(true, announced));
        }
        assert_holds(run(false, "hvc1.2.4.L120.B0"));
        assert_eq!(violations(run(true, "hvc1.1.6.L120.B0"))[0].severity, None, "a profile that doesn't fit is major");
    }

    #[test]
    fn a_bitstream_that_a_decoder_of_the_announced_codec_plays_holds() {
        for (actual, sound, declared) in [
            ("avc1.64001f", "mp4a.40.2", ["avc1.64001f", "mp4a.40.2"]),
            ("avc1.64001f", "mp4a.40.2", ["avc3.640028", "mp4a.40.5"]),
            ("avc1.42c01e", "mp4a.40.5", ["avc1.4d401f", "mp4a.40.2"]),
            ("avc1.4d0c1f", "mp4a.40.29", ["avc1.4d401f", "mp4a.67"]),
            ("hvc1.1.6.L93.90", "ac-3", ["hev1.2.4.L120.B0", "ac-3"]),
            ("hvc1.4.6.L93.90", "ec-3", ["hvc1.2.6.L93.90", "ec-3"]),
            ("hvc1.1.6.H93.90", "ec-3", ["hvc1.1.6.L93.90", "ec-3"]),
            ("av01.0.04M.08", "opus", ["av01.0.05M.10", "Opus"]),
            ("av01.0.04M.08", "opus", ["av01.0.04H.08", "Opus"]),
            ("avc1.64001f", "mp4a.40.2", ["avc1.100.31", "mp4a.40.2"]),
        ] {
            assert_holds(with_codecs(actual, sound, &declared));
        }
    }

    #[test]
    fn mpeg_2_under_the_name_of_another_codec_fails() {
        let found = |codec: &str| {
            let mut segment = segment_with(5, video("avc1.64001f"), stereo());
            let track = &mut segment.inspection.as_mut().unwrap().tracks[0];
            (track.codec, track.parameters) = (codec.to_owned(), None);
            let mut scene = Scene::live();
            scene.remember([segment]);
            scene.rendition().rendition.codecs = vec!["avc1.64001f".to_owned(), "mp4a.40.2".to_owned()];
            violations(check(&scene.context(), &Params::default()))
        };
        assert_eq!(found("mpeg2video")[0].message, "CODECS is avc1.64001f; the bitstream of segment 5 has mpeg2video");
        assert!(found("h264").is_empty(), "parameters that can't be read are no other codec");
    }

    #[test]
    fn strings_that_no_player_reads_fail() {
        for (declared, fails) in [
            (["wxyz.1", "mp4a.40.2"], 1),
            (["h264", "aac"], 2),
            (["avc.4d401e", "mp4a.40.2"], 1),
            (["avc1.64001f mp4a.40.2", "stpp"], 1),
            (["avc1.64001f", "mp4a"], 1),
            (["vp09.00.10.08", "alac"], 2),
            (["mp4a.40.2", "wvtt"], 1),
            (["avc1.64001f", "stpp"], 1),
            (["avc1.64001f", "mp4a.40.2"], 0),
        ] {
            let found = violations(with_codecs("avc1.64001f", "mp4a.40.2", &declared));
            assert_eq!(found.len(), fails, "{declared:?}: {found:?}");
        }
        let message = messages(with_codecs("avc1.64001f", "mp4a.40.2", &["wxyz.1", "mp4a.40.2"]));
        assert!(
            message.starts_with("CODECS is wxyz.1,mp4a.40.2; the bitstream of segment 5 has avc1.64001f; players"),
            "{message}"
        );
    }

    #[test]
    fn a_lower_profile_level_tier_or_depth_than_the_bitstreams_fails() {
        let message = "CODECS is avc1.4d401f; the bitstream of segment 5 has avc1.64001f (High, level 3.1)";
        assert_eq!(messages(with_codecs("avc1.64001f", "mp4a.40.2", &["avc1.4d401f", "mp4a.40.2"])), message);
        for (actual, declared) in [
            ("avc1.640028", "avc1.64001f"),
            ("avc1.4d401f", "avc1.42c01f"),
            ("avc1.6e001f", "avc1.64001f"),
            ("avc1.7a001f", "avc1.6e001f"),
            ("avc1.f4001f", "avc1.7a001f"),
            ("avc1.58401f", "avc1.4d401f"),
            ("hvc1.2.4.L153.B0", "hvc1.1.6.L153.B0"),
            ("hvc1.2.4.H153.B0", "hvc1.2.4.L153.B0"),
            ("hvc1.2.4.H120.B0", "hvc1.2.4.L120.B0"),
            ("hvc1.2.4.L153.B0", "hvc1.2.4.L120.B0"),
            ("av01.0.08M.10", "av01.0.08M.08"),
            ("av01.0.08H.08", "av01.0.08M.08"),
            ("av01.0.08M.08", "av01.0.05M.08"),
            ("av01.1.08M.08", "av01.0.08M.08"),
            ("hvc1.1.6.L93.90", "avc1.64001f"),
        ] {
            let found = violations(with_codecs(actual, "mp4a.40.2", &[declared, "mp4a.40.2"]));
            assert_eq!(found.len(), 1, "{actual} {declared}: {found:?}");
        }
    }

    #[test]
    fn the_string_of_the_same_codec_is_named() {
        let found = messages(with_codecs("avc1.640028", "mp4a.40.2", &["hvc1.1.6.L93.90", "avc1.64001f"]));
        assert!(found.starts_with("CODECS is avc1.64001f;"), "{found}");
    }

    #[test]
    fn sound_of_another_codec_than_announced_fails() {
        let message = "CODECS is mp4a.40.2; the bitstream of segment 5 has ac-3";
        assert_eq!(messages(with_codecs("avc1.64001f", "ac-3", &["avc1.64001f", "mp4a.40.2"])), message);
        assert_eq!(violations(with_codecs("avc1.64001f", "ec-3", &["avc1.64001f", "ac-3"])).len(), 1);
        assert_eq!(violations(with_codecs("avc1.64001f", "mp4a.40.42", &["avc1.64001f", "mp4a.40.2"])).len(), 1);
    }

    #[test]
    fn sound_without_a_string_fails() {
        let message = "CODECS is avc1.64001f; the bitstream of segment 5 has mp4a.40.2, and no string is for sound; \
                       players that prepare by the strings play without sound";
        let found = violations(with_codecs("avc1.64001f", "mp4a.40.2", &["avc1.64001f"]));
        assert_eq!((found.len(), found[0].message.as_str(), found[0].severity), (1, message, None));
        assert_not_run(with_codecs("avc1.64001f", "mp4a.40.2", &[]), MISSING);
        let mut scene = Scene::live();
        let mut picture_only = segment_with(5, video("avc1.64001f"), stereo());
        picture_only.inspection.as_mut().unwrap().tracks.pop();
        scene.remember([picture_only]);
        scene.rendition().rendition.codecs = vec!["avc1.64001f".to_owned()];
        assert_holds(check(&scene.context(), &Params::default()));
    }

    #[test]
    fn sound_of_a_group_without_a_string_in_one_of_the_variants_fails() {
        let run = |codecs: [&[&str]; 2]| {
            let mut scene = grouped_scene("mp4a.40.2", "a");
            let mut lower = scene.rendition().clone();
            lower.rendition.name = "360p".to_owned();
            let [upper, lower_codecs] = codecs.map(|codecs| codecs.iter().map(|c| (*c).to_owned()).collect());
            scene.rendition().rendition.codecs = upper;
            lower.rendition.codecs = lower_codecs;
            scene.output.renditions.push(lower);
            violations(check(&scene.context(), &Params::default()))
        };
        let full: &[&str] = &["avc1.64001f", "mp4a.40.2"];
        assert_eq!(run([full, full]), []);
        assert_eq!(run([full, &[]]), [], "without CODECS players look into the segments");
        let found = run([full, &["avc1.64001f"]]);
        assert_eq!((found.len(), found[0].rendition.as_deref()), (1, Some("audio-en")));
        assert!(found[0].message.starts_with("CODECS is avc1.64001f; the bitstream of segment 5 has mp4a.40.2, and"));
    }

    #[test]
    fn video_and_audio_fail_apart_and_once_for_many_segments() {
        let mut scene = Scene::live();
        scene.remember([5, 6].map(|n| segment_with(n, video("avc1.640028"), audio("ac-3", 2, 48_000))));
        let found = violations(check(&scene.context(), &Params::default()));
        let seen: Vec<_> =
            found.iter().map(|v| (v.evidence["declared"].as_str().unwrap(), &v.evidence["number"])).collect();
        assert_eq!(seen, [("avc1.64001f", &6.into()), ("mp4a.40.2", &6.into())]);
        assert!(found.iter().all(|v| v.rendition.as_deref() == Some(NAME) && v.severity.is_none()));
    }

    #[test]
    fn dolby_vision_profile_5_needs_its_own_string() {
        let run = |profile, declared: &str| {
            let mut actual = video("hvc1.2.4.L153.B0");
            let dolby_vision = Some(DolbyVisionConfig { profile, level: 6, compatibility: 0 });
            actual.video.as_mut().unwrap().dolby_vision = dolby_vision;
            run(actual, stereo(), &[declared, "mp4a.40.2"])
        };
        assert_holds(run(5, "dvh1.05.06"));
        assert_holds(run(5, "dvh1.05.07"));
        assert_holds(run(8, "hvc1.2.4.L153.B0"));
        assert_eq!(violations(run(5, "hvc1.2.4.L153.B0")).len(), 1);
        assert_eq!(violations(run(5, "dvh1.05.05")).len(), 1);
        assert_eq!(violations(run(8, "dvh1.05.06")).len(), 1);
    }

    #[test]
    fn dolby_vision_is_in_the_codec_of_its_profile() {
        assert_holds(with_codecs("hvc1.2.4.L153.B0", "ec-3", &["dvh1.08.06", "ec-3"]));
        assert_holds(with_codecs("avc1.640028", "ec-3", &["dvav.09.05", "ec-3"]));
        assert_holds(with_codecs("av01.0.13M.10", "ec-3", &["dav1.10.06", "ec-3"]));
        assert!(messages(with_codecs("avc1.640028", "ec-3", &["dvh1.08.06", "ec-3"])).contains("CODECS is dvh1.08.06"));
        assert_eq!(violations(with_codecs("av01.0.13M.10", "ec-3", &["dvh1.08.06", "ec-3"])).len(), 1);
        assert_eq!(violations(with_codecs("hvc1.2.4.L153.B0", "ec-3", &["dav1.10.06", "ec-3"])).len(), 1);
    }

    /// Runs codec_mismatch on an audio rendition in the group `group` that has no codecs of its own. A video rendition
    /// names the group "a" and announces the codecs; `actual` is the codec of the audio segment.
    fn grouped(actual: &str, group: &str) -> CheckVerdict {
        check(&grouped_scene(actual, group).context(), &Params::default())
    }

    fn grouped_scene(actual: &str, group: &str) -> Scene {
        let mut scene = Scene::live();
        scene.rendition().rendition.group = Some("a".to_owned());
        scene.rendition().rendition.further_groups = vec!["c".to_owned()];
        let mut facts = rendition("audio-en");
        let r = &mut facts.rendition;
        (r.media, r.codecs, r.group) = (Media::Audio, Vec::new(), Some(group.to_owned()));
        scene.output.renditions.push(facts);
        let mut segment = segment_with(5, video("avc1.64001f"), audio(actual, 2, 48_000));
        segment.inspection.as_mut().unwrap().tracks.remove(0);
        let past = RenditionHistory { segments: vec![Arc::new(segment)], ..RenditionHistory::default() };
        scene.history.renditions.insert("audio-en".to_owned(), past);
        scene
    }

    #[test]
    fn an_audio_rendition_is_compared_with_the_codecs_of_the_variants_that_name_its_group() {
        assert_holds(grouped("mp4a.40.2", "a"));
        let found = violations(grouped("ec-3", "a"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "CODECS is mp4a.40.2; the bitstream of segment 5 has ec-3");
        assert_eq!(found[0].rendition.as_deref(), Some("audio-en"));
        assert_not_run(grouped("ec-3", "b"), MISSING);
        assert_holds(grouped("mp4a.40.2", "c"));
        let apart = |actual, codecs: [&str; 2]| {
            let mut scene = grouped_scene(actual, "c");
            let [a, c] = codecs.map(|codec| vec!["avc1.64001f".to_owned(), codec.to_owned()]);
            scene.rendition().rendition.variant_codecs = vec![(Some("a".to_owned()), a), (Some("c".to_owned()), c)];
            check(&scene.context(), &Params::default())
        };
        assert_holds(apart("ec-3", ["mp4a.40.2", "ec-3"]));
        assert_eq!(
            violations(apart("mp4a.40.2", ["mp4a.40.2", "ec-3"])).len(),
            1,
            "the variant with this group says ec-3"
        );
        assert_eq!(violations(grouped("ec-3", "c")).len(), 1, "a further group of the variant");
    }

    #[test]
    fn without_announced_or_readable_codecs_it_does_not_run() {
        assert_not_run(run(video("avc1.64001f"), stereo(), &[]), MISSING);
        let mut segment = ts_segment(5, 10.0, 2.0);
        segment.inspection.as_mut().unwrap().tracks.iter_mut().for_each(|t| t.parameters = None);
        let mut scene = Scene::live();
        scene.remember([segment]);
        assert_not_run(check(&scene.context(), &Params::default()), MISSING);
    }
}
