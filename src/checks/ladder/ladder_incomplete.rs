use crate::checks::support::language;
use crate::checks::support::select::{self, NO_MANIFEST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::expectations::{ExpectedLadder, ExpectedRung};
use crate::finding::Severity;
use packager_media::stream::{Media, Rendition};
use std::collections::BTreeSet;

pub const META: CheckMeta = CheckMeta {
    id: "ladder_incomplete",
    severity: Severity::Major,
    group: CheckGroup::Ladder,
    scope: CheckScope::Any,
    alert: Some("LadderIncomplete"),
    help: "fails when a promised rung, resolution, bit rate, codec, frame rate or language is missing; critical below the \
           template's minimum of video rungs",
    reference: "template: ladder; draft-pantos-hls-rfc8216bis-22 4.4.6.1, 4.4.6.2",
    needs_history: false,
};

params! {
    /// Allowed distance from the bandwidth of an expected rung, as a ratio of it, for rungs that set no tolerance of
    /// their own.
    bandwidth_tolerance: f64 = 0.2,
    /// Allowed distance from an expected frame rate, in frames per second: 59.94 counts as 60.
    frame_rate_tolerance: f64 = 0.5,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    if !context.output.is_readable() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    if context.output.is_media_playlist() {
        return CheckVerdict::NotRun("a media playlist given directly has no ladder");
    }
    if context.output.renditions.is_empty()
        && let Some(reason) = select::uninspected(context)
    {
        return CheckVerdict::NotRun(reason);
    }
    let expected = context.expected;
    let channel = expected.resolution.is_some() || expected.frame_rate.is_some() || expected.codec.is_some();
    if !channel && expected.ladder == ExpectedLadder::default() {
        return CheckVerdict::NotRun(
            "nothing is promised: neither a ladder nor the channel's resolution, frame rate or codec",
        );
    }
    let listed: Vec<_> = context.output.renditions.iter().map(|r| &r.rendition).collect();
    let video: Vec<_> = listed.iter().copied().filter(|r| r.media == Media::Video).collect();
    let mut found: Vec<_> = too_few(&video, &expected.ladder).into_iter().collect();
    found.extend(missing_rungs(&video, &expected.ladder.video, params));
    found.extend(missing_languages(&listed, Media::Audio, &expected.ladder.audio_languages));
    found.extend(missing_languages(&listed, Media::Text, &expected.ladder.text_languages));
    found.extend(channel_promise(context, &video, params));
    CheckVerdict::Ran(found)
}

fn too_few(video: &[&Rendition], ladder: &ExpectedLadder) -> Option<Violation> {
    // A backup stream of the same rung doesn't make the ladder longer.
    let name = |r: &Rendition| r.bandwidth.is_none().then(|| r.name.clone());
    let rungs: BTreeSet<_> = video.iter().map(|r| (r.resolution, r.bandwidth, name(r))).collect();
    let minimum = ladder.minimum_video.filter(|m| rungs.len() < *m as usize)?;
    let message = format!("{} video rungs are listed; fewer than {minimum} count as unwatchable", rungs.len());
    let violation = Violation::new(message).with("listed", rungs.len()).with("minimum", minimum);
    Some(violation.severity(Severity::Critical))
}

/// Returns a violation for each expected rung that no rendition fills. Each rendition fills one rung at most. The
/// assignment is a maximum matching, so that the order of the lists doesn't matter.
fn missing_rungs(video: &[&Rendition], rungs: &[ExpectedRung], params: &Params) -> Vec<Violation> {
    let mut taken: Vec<Option<usize>> = vec![None; video.len()];
    for rung in 0..rungs.len() {
        let mut tried = vec![false; video.len()];
        assign_rung(rung, rungs, video, params, &mut taken, &mut tried);
    }
    let missing = rungs.iter().enumerate().filter(|(n, _)| !taken.contains(&Some(*n)));
    missing.map(|(_, rung)| Violation::new(format!("promised rung is missing: {}", describe(rung)))).collect()
}

fn assign_rung(
    rung: usize,
    rungs: &[ExpectedRung],
    video: &[&Rendition],
    params: &Params,
    taken: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    for (n, rendition) in video.iter().enumerate() {
        let fits = rungs.get(rung).is_some_and(|r| fits(r, rendition, params));
        let fresh = tried.get_mut(n).is_some_and(|t| !std::mem::replace(t, fits || *t));
        if !fits || !fresh {
            continue;
        }
        let holder = taken.get(n).copied().flatten();
        if holder.is_none_or(|other| assign_rung(other, rungs, video, params, taken, tried)) {
            if let Some(slot) = taken.get_mut(n) {
                *slot = Some(rung);
            }
            return true;
        }
    }
    false
}

fn fits(rung: &ExpectedRung, rendition: &Rendition, params: &Params) -> bool {
    let bandwidth = |promised: f64| {
        let tolerance = rung.bandwidth_tolerance.unwrap_or(params.bandwidth_tolerance) * promised;
        rendition.bandwidth.is_some_and(|b| (b.0 as f64 - promised).abs() <= tolerance)
    };
    rung.resolution.is_none_or(|r| rendition.resolution == Some(r))
        && rung.bandwidth.is_none_or(|b| bandwidth(b.0 as f64))
        && rung.codec.as_deref().is_none_or(|c| rendition.codecs.iter().any(|s| s.starts_with(c)))
        && rung.frame_rate.is_none_or(|f| near(rendition.frame_rate, f, params))
}

fn near(declared: Option<f64>, promised: f64, params: &Params) -> bool {
    declared.is_some_and(|d| (d - promised).abs() <= params.frame_rate_tolerance)
}

fn describe(rung: &ExpectedRung) -> String {
    let parts = [
        rung.resolution.map(|r| r.to_string()),
        rung.bandwidth.map(|b| format!("{} bit/s", b.0)),
        rung.codec.clone(),
        rung.frame_rate.map(|f| format!("{f} fps")),
    ];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if text.is_empty() { "one more video rendition".to_owned() } else { text }
}

fn missing_languages(listed: &[&Rendition], media: Media, promised: &[String]) -> Vec<Violation> {
    let muxed = listed.iter().filter(|_| media == Media::Audio).filter_map(|r| r.muxed_audio.as_ref()).flatten();
    let apart = listed.iter().filter(|r| r.media == media).filter_map(|r| r.language.as_deref());
    let mut declared: Vec<_> = apart.chain(muxed.map(String::as_str)).collect();
    // Each variant of a group declares the same.
    declared.dedup();
    let there = |wanted: &str| declared.iter().any(|d| speaks(d, wanted));
    let missing = promised.iter().filter(|wanted| !there(wanted));
    missing
        .map(|wanted| {
            Violation::new(format!("promised {} language is missing: {wanted}", media.as_str()))
                .with("language", wanted.as_str())
                .with("declared", declared.join(", "))
        })
        .collect()
}

/// Whether the language of a rendition satisfies an expected language by basic filtering (RFC 4647, 3.3.1): `en-GB`
/// and `eng` satisfy `en`.
fn speaks(declared: &str, wanted: &str) -> bool {
    let (declared, wanted) = (language::canonical(declared), language::canonical(wanted));
    declared.strip_prefix(&wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Returns a violation for each of the channel's own codec, resolution and frame rate that no rendition declares. Each
/// is judged only if any rendition declares this property.
fn channel_promise(context: &CheckContext<'_>, video: &[&Rendition], params: &Params) -> Vec<Violation> {
    let expected = context.expected;
    let resolutions: Vec<_> = video.iter().filter_map(|r| r.resolution).collect();
    let rates: Vec<_> = video.iter().filter_map(|r| r.frame_rate).collect();
    let codecs: Vec<_> = video.iter().flat_map(|r| &r.codecs).map(String::as_str).collect();
    let mut found = Vec::new();
    if let Some(r) = expected.resolution.filter(|r| !resolutions.is_empty() && !resolutions.contains(r)) {
        let declared: Vec<_> = resolutions.iter().map(ToString::to_string).collect();
        found.push(absent("resolution", &r.to_string(), &declared.join(", ")));
    }
    if let Some(f) =
        expected.frame_rate.filter(|f| !rates.is_empty() && !rates.iter().any(|r| near(Some(*r), *f, params)))
    {
        let declared: Vec<_> = rates.iter().map(ToString::to_string).collect();
        found.push(absent("frame rate", &f.to_string(), &declared.join(", ")));
    }
    if let Some(name) = expected.codec.as_deref() {
        let starts = samples(name);
        let known = !starts.is_empty() && !codecs.is_empty();
        if known && !codecs.iter().any(|c| starts.iter().any(|s| c.starts_with(s))) {
            found.push(absent("codec", name, &codecs.join(", ")));
        }
    }
    found
}

fn absent(what: &str, promised: &str, declared: &str) -> Violation {
    let message = format!("no rendition declares the channel's {what} {promised} (declared: {declared})");
    Violation::new(message).with("promised", promised).with("declared", declared)
}

/// Returns the sample entry names that stand for a codec in CODECS strings (RFC 6381).
fn samples(codec: &str) -> &'static [&'static str] {
    match codec.to_ascii_lowercase().as_str() {
        "h264" | "h.264" | "avc" => &["avc1", "avc3", "dva1", "dvav"],
        "hevc" | "h265" | "h.265" => &["hvc1", "hev1", "dvh1", "dvhe"],
        "av1" => &["av01", "dav1"],
        "vp9" => &["vp09"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::ManifestFacts;
    use packager_media::stream::Resolution;
    use packager_media::units::BitsPerSecond;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    fn size(width: u32, height: u32) -> Resolution {
        Resolution { width, height }
    }

    fn rung(resolution: Option<Resolution>, bandwidth: Option<u64>) -> ExpectedRung {
        ExpectedRung { resolution, bandwidth: bandwidth.map(BitsPerSecond), ..ExpectedRung::default() }
    }

    /// Makes a test input with two renditions: 720p at 3 Mbit/s and 1080p at 5 Mbit/s.
    fn two_rungs() -> Scene {
        let mut scene = Scene::live();
        let mut top = rendition("1080p");
        top.rendition.resolution = Some(size(1920, 1080));
        top.rendition.bandwidth = Some(BitsPerSecond(5_000_000));
        scene.output.renditions.push(top);
        scene
    }

    #[test]
    fn a_promised_ladder_that_is_there_holds() {
        let mut scene = two_rungs();
        scene.expected.resolution = Some(size(1920, 1080));
        scene.expected.frame_rate = Some(25.0);
        scene.expected.codec = Some("h264".to_owned());
        scene.expected.ladder.video = vec![rung(Some(size(1920, 1080)), None), rung(Some(size(1280, 720)), None)];
        scene.expected.ladder.minimum_video = Some(2);
        assert_holds(run(&scene));
    }

    #[test]
    fn a_missing_rung_fails() {
        let mut scene = two_rungs();
        scene.expected.ladder.video = vec![rung(Some(size(640, 360)), Some(800_000))];
        assert_eq!(messages(run(&scene)), "promised rung is missing: 640x360, 800000 bit/s");
    }

    #[test]
    fn each_rung_needs_its_own_rendition_in_any_order() {
        let mut scene = two_rungs();
        scene.expected.ladder.video = vec![ExpectedRung::default(), rung(Some(size(1280, 720)), None)];
        assert_holds(run(&scene));
        scene.expected.ladder.video.push(ExpectedRung::default());
        assert_eq!(violations(run(&scene)).len(), 1);
    }

    #[test]
    fn the_bandwidth_tolerance_itself_is_allowed() {
        for (promised, count) in [(2_500_000, 0), (2_499_000, 1), (3_750_000, 0), (3_751_000, 1)] {
            let mut scene = Scene::live();
            scene.expected.ladder.video = vec![rung(None, Some(promised))];
            assert_eq!(violations(run(&scene)).len(), count, "{promised}");
        }
    }

    #[test]
    fn a_rungs_codec_and_frame_rate_count() {
        let mut scene = Scene::live();
        scene.expected.ladder.video = vec![ExpectedRung { codec: Some("hvc1".to_owned()), ..ExpectedRung::default() }];
        assert_eq!(messages(run(&scene)), "promised rung is missing: hvc1");
        scene.expected.ladder.video = vec![ExpectedRung { frame_rate: Some(50.0), ..ExpectedRung::default() }];
        assert_eq!(messages(run(&scene)), "promised rung is missing: 50 fps");
    }

    #[test]
    fn below_the_minimum_is_critical_and_backups_do_not_count() {
        let mut scene = Scene::live();
        scene.output.renditions.push(rendition("720p-2"));
        scene.expected.ladder.minimum_video = Some(1);
        assert_holds(run(&scene));
        scene.expected.ladder.minimum_video = Some(2);
        assert_eq!(violations(run(&scene))[0].severity, Some(Severity::Critical));
    }

    #[test]
    fn promised_languages_have_to_be_there() {
        let mut scene = Scene::live();
        scene.rendition().rendition.media = Media::Audio;
        scene.rendition().rendition.language = Some("en-GB".to_owned());
        scene.expected.ladder.audio_languages = vec!["en".to_owned(), "vie".to_owned()];
        assert_eq!(messages(run(&scene)), "promised audio language is missing: vie");
        scene.expected.ladder.audio_languages = vec!["eng".to_owned()];
        assert_holds(run(&scene));
        scene.expected.ladder.audio_languages = vec!["vi".to_owned()];
        scene.rendition().rendition.language = None;
        scene.rendition().rendition.muxed_audio = Some(vec!["vie".to_owned()]);
        assert_holds(run(&scene));
        scene.expected.ladder = ExpectedLadder { text_languages: vec!["en".to_owned()], ..ExpectedLadder::default() };
        assert_eq!(messages(run(&scene)), "promised text language is missing: en");
    }

    #[test]
    fn the_channels_own_promise_is_kept() {
        let mut scene = Scene::live();
        scene.expected.resolution = Some(size(1920, 1080));
        scene.expected.frame_rate = Some(50.0);
        scene.expected.codec = Some("hevc".to_owned());
        let text = messages(run(&scene));
        assert!(text.contains("resolution 1920x1080 (declared: 1280x720)"), "{text}");
        assert!(text.contains("frame rate 50 (declared: 25)") && text.contains("codec hevc"), "{text}");
    }

    #[test]
    fn what_no_rendition_declares_is_not_missed() {
        let mut scene = Scene::live();
        scene.expected.resolution = Some(size(1920, 1080));
        scene.expected.frame_rate = Some(60.0);
        scene.expected.codec = Some("hevc".to_owned());
        let declared = &mut scene.rendition().rendition;
        (declared.resolution, declared.frame_rate, declared.codecs) = (None, Some(59.94), Vec::new());
        assert_holds(run(&scene));
    }

    #[test]
    fn without_a_promise_or_a_ladder_it_does_not_run() {
        let mut scene = Scene::live();
        assert!(matches!(run(&scene), CheckVerdict::NotRun(why) if why.starts_with("nothing is promised")));
        scene.expected.resolution = Some(size(1920, 1080));
        scene.output.content = ManifestFacts::HlsMedia;
        assert!(matches!(run(&scene), CheckVerdict::NotRun(_)));
        assert_not_run(run(&Scene::unreadable()), NO_MANIFEST);
    }
}
