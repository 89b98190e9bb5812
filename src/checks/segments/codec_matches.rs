use crate::checks::support::dolby_vision;
use crate::checks::support::select::{self, segment_violation, undamaged_inspection};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{OutputFacts, RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::codec::parameters::{AudioParameters, CodecParameters, VideoParameters};
use packager_media::codec::rfc6381::{Codec, HevcProfileTierLevel};
use packager_media::container::Track;
use packager_media::stream::{Media, Rendition, Resolution};

pub const META: CheckMeta = CheckMeta {
    id: "codec_matches",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when CODECS, SUPPLEMENTAL-CODECS (Dolby Vision), RESOLUTION, FRAME-RATE or CHANNELS differ from what the bitstream says (a higher profile or level than needed \
           is no fault), or resolution, range, sample rate or channels change between segments or inside one without a discontinuity",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.3, 4.4.6.1, 4.4.6.2; RFC 6381 3.3, 3.4",
    needs_history: false,
};

params! {
    /// Pixels by which RESOLUTION may differ from the picture in width and in height: some packagers name the size before cropping.
    resolution_tolerance: u32 = 8,
    /// By which part FRAME-RATE may differ: it is rounded to three decimals, and 59.94 is often called 60.
    frame_rate_tolerance: f64 = 0.01,
    /// Segments shorter than this, in seconds, aren't used to measure a frame rate.
    min_duration: f64 = 1.0,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let output = context.output;
    select::judge_renditions(context, "no segment with readable codec parameters was inspected", |facts, past| {
        judge(facts, past, output, params)
    })
}

fn judge(
    facts: &RenditionFacts,
    past: &RenditionHistory,
    output: &OutputFacts,
    params: &Params,
) -> Option<Vec<Violation>> {
    let segments = select::inspected_segments(facts, past)?;
    let seen: Vec<Seen<'_>> = segments.iter().rev().flat_map(|s| readable(s)).collect();
    if seen.is_empty() {
        return None;
    }
    let declared = codecs(&facts.rendition, output);
    // Of each kind the newest: one wrong attribute is one fault, however many segments show it.
    let newest = |fault: &dyn Fn(&Seen<'_>) -> Option<Violation>| seen.iter().find_map(fault);
    let mut found = Vec::new();
    for media in [Media::Video, Media::Audio] {
        found.extend(newest(&|s| (s.track.media == Some(media)).then(|| codec(s, &declared))?));
    }
    found.extend(newest(&|s| supplemental(s, &facts.rendition)));
    found.extend(newest(&|s| resolution(s, &facts.rendition, params)));
    found.extend(frame_rate(&seen, &facts.rendition, params));
    found.extend(channels(&seen, &facts.rendition));
    found.extend(newest(&inside));
    found.extend(select::consecutive_pairs(&segments, past).into_iter().rev().find_map(|(a, b)| changed(a, b)));
    Some(found)
}

/// A track whose headers were read.
struct Seen<'a> {
    segment: &'a SegmentFacts,
    track: &'a Track,
    parameters: &'a CodecParameters,
}

impl Seen<'_> {
    fn violation(&self, attribute: &str, declared: &str, actual: &str) -> Violation {
        let number = self.segment.segment.number;
        let message = format!("{attribute} is {declared}, the bitstream of segment {number} says {actual}");
        segment_violation(self.segment, message)
            .with("attribute", attribute)
            .with("declared", declared)
            .with("actual", actual)
    }
}

fn readable(segment: &SegmentFacts) -> Vec<Seen<'_>> {
    let tracks = undamaged_inspection(segment).map_or(&[][..], |i| &i.tracks);
    let read = |track: &'_ Track| track.parameters.is_some() && track.samples > 0;
    let tracks = tracks.iter().filter(|t| read(t));
    tracks.filter_map(|track| Some(Seen { segment, track, parameters: track.parameters.as_deref()? })).collect()
}

/// The codec strings that concern a rendition's segments. An audio rendition has none of its own: those of the
/// variants that name its group speak for it.
fn codecs(rendition: &Rendition, output: &OutputFacts) -> Vec<String> {
    if rendition.media == Media::Video || !rendition.codecs.is_empty() || rendition.group.is_none() {
        return rendition.codecs.clone();
    }
    let others = output.renditions.iter().map(|r| &r.rendition);
    let variants = others.filter(|r| r.media == Media::Video && r.group == rendition.group);
    let mut all: Vec<String> = variants.flat_map(|r| r.codecs.iter().cloned()).collect();
    all.sort();
    all.dedup();
    all
}

/// Fails where strings of the track's medium are declared, and none covers what is there.
fn codec(seen: &Seen<'_>, declared: &[String]) -> Option<Violation> {
    let actual = seen.parameters;
    let same_medium = |c: &Codec| c.is_video() == actual.codec.is_video();
    let read: Vec<(&String, Codec)> = declared.iter().filter_map(|s| Some((s, Codec::parse(s)?))).collect();
    let (text, _) = read.iter().find(|(_, c)| same_medium(c))?;
    if read.iter().any(|(_, c)| covers(*c, actual)) {
        return None;
    }
    // The string of the same codec is the one that was meant.
    let near = read.iter().find(|(_, c)| std::mem::discriminant(c) == std::mem::discriminant(&actual.codec));
    let text = near.map_or(*text, |(text, _)| *text);
    let named = match (actual.profile, &actual.level) {
        (Some(profile), Some(level)) => format!("{} ({profile}, level {level})", actual.codec),
        (Some(profile), None) => format!("{} ({profile})", actual.codec),
        _ => actual.codec.to_string(),
    };
    Some(seen.violation("CODECS", text, &named))
}

/// A fragmented MP4's sample entry says whether there is Dolby Vision; a transport stream's descriptor may be left out.
fn supplemental(seen: &Seen<'_>, rendition: &Rendition) -> Option<Violation> {
    let told = seen.segment.segment.map.is_some();
    let picture = seen.parameters.video.filter(|_| told && seen.track.media == Some(Media::Video))?;
    let (declared, actual) = dolby_vision::differs(&rendition.supplemental, picture.dolby_vision)?;
    Some(seen.violation("SUPPLEMENTAL-CODECS", declared, &actual).with("line", rendition.line))
}

/// A decoder for `declared` plays `actual`.
fn covers(declared: Codec, actual: &CodecParameters) -> bool {
    let dolby_vision = actual.video.and_then(|p| p.dolby_vision);
    match (declared, actual.codec) {
        (Codec::Avc { profile, level, .. }, Codec::Avc { profile: p, level: l, .. }) => {
            avc_rank(profile) >= avc_rank(p) && level >= l
        }
        (Codec::Hevc(declared), Codec::Hevc(actual)) => {
            // Profile 5 can't be shown by a player without Dolby Vision.
            hevc(declared, actual) && dolby_vision.is_none_or(|d| d.profile != 5)
        }
        (Codec::DolbyVision { profile, level }, actual) => {
            carries(profile, actual) && dolby_vision.is_none_or(|d| profile == d.profile && level >= d.level)
        }
        // An object type indication leaves the layer of MPEG audio open (RFC 6381 3.3).
        (Codec::Mp3 | Codec::Mp2, Codec::Mp3 | Codec::Mp2) => true,
        (
            Codec::Av1 { profile, level, high_tier, bit_depth },
            Codec::Av1 { profile: p, level: l, high_tier: h, bit_depth: b },
        ) => profile >= p && level >= l && (high_tier || !h) && bit_depth >= b,
        (Codec::Aac { object_type }, Codec::Aac { object_type: actual }) => aac(object_type, actual),
        (declared, actual) => declared == actual,
    }
}

/// Dolby Vision's profile 9 is in H.264, 10 in AV1, the others in HEVC.
fn carries(profile: u8, actual: Codec) -> bool {
    match actual {
        Codec::Avc { .. } => profile == 9,
        Codec::Av1 { .. } => profile == 10,
        Codec::Hevc(_) => !matches!(profile, 9 | 10),
        _ => false,
    }
}

/// Profiles of which each decodes those before it (ISO/IEC 14496-10 A.2); others stand alone.
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

/// ISO/IEC 23008-2 A.3: the compatibility flags name every profile whose decoders play it.
fn hevc(declared: HevcProfileTierLevel, actual: HevcProfileTierLevel) -> bool {
    let flagged = actual.compatibility.checked_shl(declared.profile.into()).is_some_and(|c| c & 1 << 31 != 0);
    let profile = declared.profile == actual.profile || flagged || (declared.profile == 2 && actual.profile == 1);
    // Tiers exist from level 4 (120) on.
    let tier = declared.high_tier || !actual.high_tier || actual.level < 120;
    profile && tier && declared.level >= actual.level
}

/// Low complexity and both high efficiencies pass for each other: replication of the upper band and parametric stereo
/// may show in the payload only, and each decoder plays the core of the others.
fn aac(declared: u8, actual: u8) -> bool {
    let family = |object_type| if matches!(object_type, 2 | 5 | 29) { 2 } else { object_type };
    family(declared) == family(actual)
}

fn resolution(seen: &Seen<'_>, rendition: &Rendition, params: &Params) -> Option<Violation> {
    let declared = rendition.resolution?;
    let picture = seen.parameters.video?;
    let actual = picture.resolution?;
    let near = |a: u32, b: u32| a.abs_diff(b) <= params.resolution_tolerance;
    let fits = |shape: Resolution| near(shape.width, declared.width) && near(shape.height, declared.height);
    if shapes(actual, &picture).into_iter().any(fits) {
        return None;
    }
    let evidence = seen.violation("RESOLUTION", &declared.to_string(), &actual.to_string());
    Some(evidence.with("line", rendition.line))
}

/// The picture as it is coded, and stretched to square samples, in width or in height.
fn shapes(coded: Resolution, picture: &VideoParameters) -> Vec<Resolution> {
    let mut shapes = vec![coded];
    if let Some(aspect) = picture.sample_aspect {
        let scaled = |length: u32, by: f64| (f64::from(length) * by).round() as u32;
        shapes.push(Resolution { width: scaled(coded.width, aspect.value()), ..coded });
        shapes.push(Resolution { height: scaled(coded.height, 1.0 / aspect.value()), ..coded });
    }
    shapes
}

/// FRAME-RATE is the highest in the variant. Fails where neither the bitstream's own timing nor the pictures of any
/// segment bear it out.
fn frame_rate(seen: &[Seen<'_>], rendition: &Rendition, params: &Params) -> Option<Violation> {
    let declared = rendition.frame_rate.filter(|rate| *rate > 0.0)?;
    let measured = seen.iter().filter_map(|s| Some((s, s.parameters.video?, measured(s, params)?)));
    let (fastest, picture, (rate, slack)) = measured.max_by(|(.., (a, _)), (.., (b, _))| a.total_cmp(b))?;
    let near = |a: f64, slack: f64| (a - declared).abs() <= declared * params.frame_rate_tolerance + slack;
    // Of interlaced video one counts fields, the other frames.
    let factors: &[f64] = if picture.interlaced { &[1.0, 0.5, 2.0] } else { &[1.0] };
    let own = picture.frame_rate.map(|r| r.value());
    let fits = |factor: &f64| near(rate * factor, slack) || own.is_some_and(|own| near(own * factor, 0.0));
    if factors.iter().any(fits) {
        return None;
    }
    let violation = fastest.violation("FRAME-RATE", &format!("{declared:.3}"), &format!("{:.3}", own.unwrap_or(rate)));
    Some(violation.with("measured", rate).with("line", rendition.line))
}

/// Pictures a second in a segment, and what one picture more or less makes of it.
fn measured(seen: &Seen<'_>, params: &Params) -> Option<(f64, f64)> {
    let duration = seen.track.duration()?.0;
    let long = duration >= params.min_duration && seen.track.media == Some(Media::Video);
    long.then(|| (seen.track.samples as f64 / duration, 1.0 / duration))
}

/// CHANNELS is the most of any segment. Dolby streams may come with fewer: programmes differ.
fn channels(seen: &[Seen<'_>], rendition: &Rendition) -> Option<Violation> {
    let text = rendition.channels.as_deref()?;
    let mut parts = text.split('/');
    let declared: u16 = parts.next()?.parse().ok()?;
    // Object audio: the number counts objects too, and the core has six channels.
    if parts.next().is_some_and(|coding| coding != "-" && !coding.is_empty()) {
        return None;
    }
    let of = |s: &Seen<'_>| s.parameters.audio.and_then(|sound| sound.channels);
    let most = seen.iter().max_by_key(|s| of(s))?;
    let actual = of(most)?;
    let fewer = matches!(most.parameters.codec, Codec::Ac3 | Codec::Eac3) || may_be_stereo(most.parameters, actual);
    let wrong = actual > declared || (actual < declared && !fewer);
    let violation = || most.violation("CHANNELS", text, &actual.to_string()).with("line", rendition.line);
    wrong.then(violation)
}

/// Parametric stereo that only the payload shows: mono at half the rate.
fn may_be_stereo(parameters: &CodecParameters, channels: u16) -> bool {
    let rate = parameters.audio.and_then(|s| s.sample_rate).unwrap_or(0);
    channels == 1 && rate <= 24_000 && matches!(parameters.codec, Codec::Aac { .. })
}

/// Inside a segment picture or sound takes another form.
fn inside(seen: &Seen<'_>) -> Option<Violation> {
    let (a, b) = difference(seen.parameters, seen.track.changed_parameters.as_deref()?)?;
    let number = seen.segment.segment.number;
    let message = format!("segment {number} begins with {a} and goes on with {b}, without a discontinuity");
    Some(segment_violation(seen.segment, message).with("declared", a).with("actual", b))
}

/// Between two segments that are played one after the other they do.
fn changed(before: &SegmentFacts, next: &SegmentFacts) -> Option<Violation> {
    let old = readable(before);
    readable(next).iter().find_map(|now| {
        let then = old.iter().find(|s| s.track.id == now.track.id)?;
        let (a, b) = difference(then.parameters, now.parameters)?;
        let (number, last) = (next.segment.number, before.segment.number);
        let message = format!("segment {number} has {b}, segment {last} before it {a}, without a discontinuity");
        Some(segment_violation(next, message).with("declared", a).with("actual", b))
    })
}

/// What a player notices, in words.
fn difference(a: &CodecParameters, b: &CodecParameters) -> Option<(String, String)> {
    let sound = a.audio.zip(b.audio);
    let picture = a.video.zip(b.video);
    let of = |unit: &'static str| move |(a, b): (String, String)| (format!("{a}{unit}"), format!("{b}{unit}"));
    let text = |a: Option<u32>, b: Option<u32>| a.zip(b).map(|(a, b)| (a.to_string(), b.to_string()));
    let rate = sound.and_then(|(a, b)| text(a.sample_rate, b.sample_rate)).map(of(" Hz"));
    let channels = |s: AudioParameters| s.channels.map(u32::from);
    let channels = sound.and_then(|(a, b)| text(channels(a), channels(b))).map(of(" channels"));
    let size = |p: VideoParameters| p.resolution.map(|r| r.to_string());
    let size = picture.and_then(|(a, b)| size(a).zip(size(b))).map(of(" pixels"));
    let range = |p: VideoParameters| p.dynamic_range().map(|r| r.as_str().to_owned());
    let range = picture.and_then(|(a, b)| range(a).zip(range(b))).map(of(" range"));
    [rate, channels, size, range].into_iter().flatten().find(|(a, b)| a != b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::codec::parameters::Ratio;
    use std::sync::Arc;

    fn video(codec: &str) -> CodecParameters {
        let resolution = Some(Resolution { width: 1280, height: 720 });
        let picture = VideoParameters { resolution, frame_rate: Ratio::new(25, 1), ..VideoParameters::default() };
        CodecParameters::with_video(Codec::parse(codec).unwrap(), picture)
    }

    fn audio(codec: &str, channels: u16, rate: u32) -> CodecParameters {
        let sound = AudioParameters { channels: Some(channels), ..AudioParameters::at_rate(rate) };
        CodecParameters::with_audio(Codec::parse(codec).unwrap(), sound)
    }

    /// A segment with these tracks.
    fn holding(number: u64, video: CodecParameters, audio: CodecParameters) -> SegmentFacts {
        let mut segment = ts_segment(number, 2.0 * number as f64, 2.0);
        let tracks = &mut segment.inspection.as_mut().unwrap().tracks;
        for (track, parameters) in tracks.iter_mut().zip([video, audio]) {
            track.parameters = Some(Arc::new(parameters));
        }
        segment
    }

    fn run(video: CodecParameters, audio: CodecParameters, change: impl FnOnce(&mut Rendition)) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember([holding(5, video, audio)]);
        change(&mut scene.rendition().rendition);
        check(&scene.context(), &Params::default())
    }

    fn with_codecs(actual: &str, sound: &str, declared: &[&str]) -> CheckVerdict {
        let declared = declared.iter().map(|c| (*c).to_owned()).collect();
        run(video(actual), audio(sound, 2, 48_000), |r| r.codecs = declared)
    }

    #[test]
    fn what_a_declared_decoder_plays_holds() {
        for (actual, sound, declared) in [
            ("avc1.64001f", "mp4a.40.2", ["avc1.64001f", "mp4a.40.2"]),
            ("avc1.64001f", "mp4a.40.2", ["avc3.640028", "mp4a.40.5"]),
            ("avc1.42c01e", "mp4a.40.5", ["avc1.4d401f", "mp4a.40.2"]),
            ("avc1.4d0c1f", "mp4a.40.29", ["avc1.4d401f", "mp4a.67"]),
            ("hvc1.1.6.L93.90", "ac-3", ["hev1.2.4.L120.B0", "ac-3"]),
            ("hvc1.4.6.L93.90", "ec-3", ["hvc1.2.6.L93.90", "ec-3"]),
            ("av01.0.04M.08", "opus", ["av01.0.05M.10", "Opus"]),
            ("avc1.64001f", "mp4a.40.2", ["vp09.00.10.08", "alac"]),
        ] {
            assert_holds(with_codecs(actual, sound, &declared));
        }
    }

    #[test]
    fn a_lower_profile_or_level_than_the_streams_fails() {
        let message = "CODECS is avc1.4d401f, the bitstream of segment 5 says avc1.64001f (High, level 3.1)";
        assert_eq!(messages(with_codecs("avc1.64001f", "mp4a.40.2", &["avc1.4d401f", "mp4a.40.2"])), message);
        for (actual, declared) in [
            ("avc1.640028", "avc1.64001f"),
            ("hvc1.2.4.L153.B0", "hvc1.1.6.L153.B0"),
            ("hvc1.2.4.H153.B0", "hvc1.2.4.L153.B0"),
            ("hvc1.2.4.L153.B0", "hvc1.2.4.L120.B0"),
            ("av01.0.08M.10", "av01.0.08M.08"),
            ("hvc1.1.6.L93.90", "avc1.64001f"),
        ] {
            let found = violations(with_codecs(actual, "mp4a.40.2", &[declared, "mp4a.40.2"]));
            assert_eq!(found.len(), 1, "{actual} {declared}: {found:?}");
        }
    }

    #[test]
    fn other_sound_than_declared_fails() {
        let message = "CODECS is mp4a.40.2, the bitstream of segment 5 says ac-3";
        assert_eq!(messages(with_codecs("avc1.64001f", "ac-3", &["avc1.64001f", "mp4a.40.2"])), message);
        assert_eq!(violations(with_codecs("avc1.64001f", "ec-3", &["avc1.64001f", "ac-3"])).len(), 1);
        assert_eq!(violations(with_codecs("avc1.64001f", "mp4a.40.42", &["mp4a.40.2"])).len(), 1);
        assert_holds(with_codecs("avc1.64001f", "mp4a.40.2", &["avc1.64001f"]));
    }

    #[test]
    fn dolby_vision_profile_5_needs_its_own_string() {
        let run = |profile, declared: &str| {
            let mut actual = video("hvc1.2.4.L153.B0");
            let dolby_vision =
                Some(packager_media::codec::parameters::DolbyVisionConfig { profile, level: 6, compatibility: 0 });
            actual.video.as_mut().unwrap().dolby_vision = dolby_vision;
            run(actual, audio("mp4a.40.2", 2, 48_000), |r| r.codecs = vec![declared.to_owned()])
        };
        assert_holds(run(5, "dvh1.05.06"));
        assert_holds(run(8, "hvc1.2.4.L153.B0"));
        assert_eq!(violations(run(5, "hvc1.2.4.L153.B0")).len(), 1);
        assert_eq!(violations(run(5, "dvh1.05.05")).len(), 1);
    }

    fn sized(width: u32, height: u32, aspect: Option<Ratio>) -> CheckVerdict {
        let mut actual = video("avc1.64001f");
        let picture = actual.video.as_mut().unwrap();
        (picture.resolution, picture.sample_aspect) = (Some(Resolution { width, height }), aspect);
        run(actual, audio("mp4a.40.2", 2, 48_000), |_| {})
    }

    #[test]
    fn resolution_is_the_pictures_within_a_few_pixels_or_stretched() {
        assert_holds(sized(1280, 728, None));
        assert_holds(sized(1272, 720, None));
        assert_holds(sized(960, 720, Ratio::new(4, 3)));
        assert_holds(sized(1280, 576, Ratio::new(4, 5)));
        let message = "RESOLUTION is 1280x720, the bitstream of segment 5 says 1280x729";
        assert_eq!(messages(sized(1280, 729, None)), message);
        assert_eq!(violations(sized(960, 720, None)).len(), 1);
    }

    fn timed(declared: f64, own: Option<Ratio>, samples: u64, interlaced: bool) -> CheckVerdict {
        let mut actual = video("avc1.64001f");
        let picture = actual.video.as_mut().unwrap();
        (picture.frame_rate, picture.interlaced) = (own, interlaced);
        let mut scene = Scene::live();
        let mut segment = holding(5, actual, audio("mp4a.40.2", 2, 48_000));
        segment.inspection.as_mut().unwrap().tracks[0].samples = samples;
        scene.remember([segment]);
        scene.rendition().rendition.frame_rate = Some(declared);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_frame_rate_is_borne_out_by_timing_or_by_pictures() {
        assert_holds(timed(59.94, Ratio::new(60_000, 1001), 120, false));
        assert_holds(timed(60.0, Ratio::new(60_000, 1001), 120, false));
        assert_holds(timed(50.0, Ratio::new(50, 1), 50, false));
        assert_holds(timed(25.0, None, 51, false));
        let message = "FRAME-RATE is 50.000, the bitstream of segment 5 says 25.000";
        assert_eq!(messages(timed(50.0, Ratio::new(25, 1), 50, false)), message);
        assert_eq!(violations(timed(25.0, None, 48, false)).len(), 1, "24 pictures a second");
    }

    #[test]
    fn fields_may_be_counted_instead_of_frames() {
        assert_holds(timed(50.0, Ratio::new(25, 1), 50, true));
        assert_holds(timed(25.0, None, 100, true));
        assert_eq!(violations(timed(50.0, None, 100, false)).len(), 0);
        assert_eq!(violations(timed(100.0, None, 50, true)).len(), 1);
    }

    fn group(codec: &str, actual: u16, rate: u32, declared: &str) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.rendition().rendition.group = Some("a".to_owned());
        let mut facts = rendition("audio-en");
        let r = &mut facts.rendition;
        (r.media, r.codecs, r.group) = (Media::Audio, Vec::new(), Some("a".to_owned()));
        (r.channels, r.resolution, r.frame_rate) = (Some(declared.to_owned()), None, None);
        scene.output.renditions.push(facts);
        let mut segment = holding(5, video("avc1.64001f"), audio(codec, actual, rate));
        segment.inspection.as_mut().unwrap().tracks.remove(0);
        let past = RenditionHistory { segments: vec![Arc::new(segment)], ..RenditionHistory::default() };
        scene.history.renditions.insert("audio-en".to_owned(), past);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn an_audio_rendition_is_held_to_its_variants_codecs_and_its_channels() {
        assert_holds(group("mp4a.40.2", 2, 48_000, "2"));
        assert_holds(group("mp4a.40.2", 1, 24_000, "2"));
        assert_eq!(messages(group("mp4a.40.2", 2, 48_000, "6")), "CHANNELS is 6, the bitstream of segment 5 says 2");
        assert_eq!(violations(group("mp4a.40.2", 1, 48_000, "2")).len(), 1);
        let found = violations(group("ec-3", 6, 48_000, "6"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "CODECS is mp4a.40.2, the bitstream of segment 5 says ec-3");
        assert_eq!(found[0].rendition.as_deref(), Some("audio-en"));
    }

    #[test]
    fn dolby_may_carry_fewer_channels_and_objects_are_not_counted() {
        let channels = |v: CheckVerdict| violations(v).iter().filter(|v| v.message.starts_with("CHANNELS")).count();
        assert_eq!(channels(group("ac-3", 2, 48_000, "6")), 0);
        assert_eq!(channels(group("ac-3", 6, 48_000, "2")), 1);
        assert_eq!(channels(group("ec-3", 6, 48_000, "16/JOC")), 0);
    }

    #[test]
    fn another_form_inside_a_segment_fails() {
        let run = |change: &dyn Fn(&mut CodecParameters)| {
            let mut segment = holding(5, video("avc1.64001f"), audio("mp4a.40.2", 2, 48_000));
            for track in &mut segment.inspection.as_mut().unwrap().tracks {
                let mut changed = track.parameters.as_deref().unwrap().clone();
                change(&mut changed);
                track.changed_parameters = Some(Arc::new(changed));
            }
            let mut scene = Scene::live();
            scene.remember([segment]);
            check(&scene.context(), &Params::default())
        };
        assert_holds(run(&|p| p.level = None));
        let smaller = Resolution { width: 960, height: 540 };
        let message = messages(run(&|p| p.video.iter_mut().for_each(|p| p.resolution = Some(smaller))));
        assert!(message.contains("begins with 1280x720 pixels and goes on with 960x540 pixels"), "{message}");
        let message = messages(run(&|p| p.audio.iter_mut().for_each(|s| s.channels = Some(6))));
        assert!(message.contains("2 channels and goes on with 6 channels"), "{message}");
    }

    #[test]
    fn dolby_vision_is_in_the_codec_of_its_profile() {
        assert_holds(with_codecs("hvc1.2.4.L153.B0", "ec-3", &["dvh1.08.06", "ec-3"]));
        assert_holds(with_codecs("avc1.640028", "ec-3", &["dvav.09.05", "ec-3"]));
        assert_holds(with_codecs("av01.0.13M.10", "ec-3", &["dav1.10.06", "ec-3"]));
        assert!(messages(with_codecs("avc1.640028", "ec-3", &["dvh1.08.06", "ec-3"])).contains("CODECS is dvh1.08.06"));
    }

    #[test]
    fn another_sample_rate_without_a_discontinuity_fails() {
        let run = |rate, discontinuity| {
            let mut scene = Scene::live();
            let one = |number, rate| holding(number, video("avc1.64001f"), audio("mp4a.40.2", 2, rate));
            let mut second = one(6, rate);
            second.segment.discontinuity = discontinuity;
            scene.remember([one(5, 48_000), second]);
            check(&scene.context(), &Params::default())
        };
        assert_holds(run(48_000, false));
        assert_holds(run(44_100, true));
        let message = "segment 6 has 44100 Hz, segment 5 before it 48000 Hz, without a discontinuity";
        assert_eq!(messages(run(44_100, false)), message);
    }

    #[test]
    fn without_parameters_it_does_not_run() {
        let mut scene = Scene::live();
        let mut segment = ts_segment(5, 10.0, 2.0);
        segment.inspection.as_mut().unwrap().tracks.iter_mut().for_each(|t| t.parameters = None);
        scene.remember([segment]);
        let why = "no segment with readable codec parameters was inspected";
        assert_not_run(check(&scene.context(), &Params::default()), why);
    }
}
