use crate::checks::support::select::{NO_MANIFEST, cap_violations, defect_violation};
use crate::checks::support::terms::{Terms, terms};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::defect::{Defect, DefectKind, Position};
use packager_media::stream::{Media, Rendition};

pub const META: CheckMeta = CheckMeta {
    id: "ladder_attributes_invalid",
    severity: Severity::Minor,
    group: CheckGroup::Ladder,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when BANDWIDTH, CODECS or RESOLUTION of a variant is missing, empty or malformed, when AVERAGE-BANDWIDTH is above BANDWIDTH, or in an MPD @bandwidth, @codecs, \
           @width or @height of a Representation of video (the frame rate where require_frame_rate is set), or when two variants of one media \
           playlist differ in RESOLUTION, FRAME-RATE or VIDEO-RANGE; major when EXT-X-STREAM-INF has no BANDWIDTH, or EXT-X-MEDIA no TYPE, \
           GROUP-ID or NAME, or one that doesn't look like it (BANDWIDTH with quotes or letters, NAME without quotes): Android's players \
           refuse the whole playlist. BANDWIDTH=0 is major too: players take the variant whatever the network bears",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.6.2; HLS authoring specification 9; ISO/IEC 23009-1 5.3.5.2, 5.3.7.2",
    needs_history: false,
};

params! {
    /// Whether a frame rate is required. It isn't by default, because common packagers omit it.
    require_frame_rate: bool = false,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let output = context.output;
    if !output.is_readable() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    if output.is_media_playlist() {
        return CheckVerdict::NotRun("a media playlist given directly has no ladder");
    }
    let is_attribute = |d: &&Defect| matches!(d.kind, DefectKind::Attribute | DefectKind::AttributeMissing);
    let malformed: Vec<_> = output.defects.iter().filter(is_attribute).collect();
    let rated = |d: &&Defect| {
        let violation = defect_violation(&output.url, d);
        if d.kind == DefectKind::AttributeMissing { violation.severity(Severity::Major) } else { violation }
    };
    let mut found = cap_violations(malformed.iter().map(rated).collect());
    let listed = output.renditions.iter().map(|r| &r.rendition);
    for rendition in listed.filter(|r| r.media == Media::Video && !r.is_alternative) {
        let terms = terms(output.protocol());
        let missing =
            missing(rendition, terms, params).into_iter().filter(|name| !reported(&malformed, rendition, name));
        found.extend(missing.map(|name| violation(rendition, terms, name)));
        // The parser of MPDs reports a @bandwidth of 0 of any Representation.
        if output.dash().is_none() {
            found.extend(impossible_rates(rendition, terms));
        }
    }
    CheckVerdict::Ran(found)
}

fn missing(rendition: &Rendition, terms: &Terms, params: &Params) -> Vec<&'static str> {
    let absent = [
        (terms.bandwidth, rendition.bandwidth.is_none()),
        (terms.codecs, rendition.codecs.is_empty()),
        (terms.resolution, rendition.resolution.is_none()),
        (terms.frame_rate, params.require_frame_rate && rendition.frame_rate.is_none()),
    ];
    absent.into_iter().filter(|(_, absent)| *absent).map(|(name, _)| name).collect()
}

/// Returns the violations of bit rates that no media have: a peak of 0, and an average above the peak.
fn impossible_rates(rendition: &Rendition, terms: &Terms) -> Vec<Violation> {
    let Some(peak) = rendition.bandwidth else { return Vec::new() };
    let at = rendition.line.map_or_else(String::new, |line| format!("line {line}: "));
    let rated = |message: String, name: &str| {
        let violation = Violation::new(format!("{at}{message}")).in_rendition(&rendition.name);
        violation.with("attribute", name).with("line", rendition.line)
    };
    let zero = (peak.0 == 0).then(|| {
        let message = format!("{} is 0: players take the variant whatever the network bears", terms.bandwidth);
        rated(message, terms.bandwidth).severity(Severity::Major)
    });
    let average = rendition.average_bandwidth.filter(|average| average.0 > peak.0 && peak.0 > 0);
    let above = average.map(|average| {
        let message = format!("AVERAGE-BANDWIDTH ({}) is above BANDWIDTH ({}), the peak", average.0, peak.0);
        rated(message, "AVERAGE-BANDWIDTH")
    });
    zero.into_iter().chain(above).collect()
}

/// Whether the parser has already reported the attribute `name` as malformed on the line of this rendition.
fn reported(malformed: &[&Defect], rendition: &Rendition, name: &str) -> bool {
    malformed.iter().any(|d| {
        let here = matches!(d.at, Position::Line { line, .. } if Some(line) == rendition.line);
        here && name.split(" and ").any(|attribute| d.message.contains(attribute))
    })
}

fn violation(rendition: &Rendition, terms: &Terms, name: &str) -> Violation {
    let variant = terms.variant;
    let message = match rendition.line {
        Some(line) => format!("line {line}: {variant} has no {name}"),
        None => format!("{variant} has no {name}"),
    };
    Violation::new(message).in_rendition(&rendition.name).with("attribute", name).with("line", rendition.line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::ManifestFacts;
    use packager_media::units::BitsPerSecond;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_full_variant_holds() {
        assert_holds(run(&Scene::live()));
    }

    #[test]
    fn each_missing_attribute_fails() {
        let mut scene = Scene::live();
        let declared = &mut scene.rendition().rendition;
        (declared.bandwidth, declared.codecs, declared.resolution) = (None, Vec::new(), None);
        let found = violations(run(&scene));
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].message, "line 4: EXT-X-STREAM-INF has no BANDWIDTH");
        assert_eq!(found[0].rendition.as_deref(), Some(NAME));
    }

    #[test]
    fn a_peak_of_0_is_major_and_an_average_above_the_peak_is_minor() {
        let run = |peak: u64, average: Option<u64>| {
            let mut scene = Scene::live();
            let declared = &mut scene.rendition().rendition;
            declared.bandwidth = Some(BitsPerSecond(peak));
            declared.average_bandwidth = average.map(BitsPerSecond);
            violations(run(&scene))
        };
        assert_eq!(run(1, None), []);
        assert_eq!(run(300_000, Some(300_000)), []);
        let found = run(0, Some(200_000));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Major)));
        assert_eq!(found[0].message, "line 4: BANDWIDTH is 0: players take the variant whatever the network bears");
        let mut mpd = Scene::live();
        mpd.become_dash();
        mpd.rendition().rendition.bandwidth = Some(BitsPerSecond(0));
        assert_holds(super::check(&mpd.context(), &Params::default()));
        let found = run(300_000, Some(300_001));
        assert_eq!((found.len(), found[0].severity, found[0].rendition.as_deref()), (1, None, Some(NAME)));
        assert_eq!(found[0].message, "line 4: AVERAGE-BANDWIDTH (300001) is above BANDWIDTH (300000), the peak");
    }

    #[test]
    fn an_mpd_is_spoken_of_in_its_own_terms() {
        let mut scene = Scene::live();
        scene.become_dash();
        let declared = &mut scene.rendition().rendition;
        (declared.bandwidth, declared.codecs, declared.resolution) = (None, Vec::new(), None);
        let found = violations(run(&scene));
        let messages: Vec<_> = found.iter().map(|v| v.message.as_str()).collect();
        let names = ["@bandwidth", "@codecs", "@width and @height"];
        assert_eq!(messages, names.map(|name| format!("line 4: the Representation has no {name}")));
        let said = |message: &str| Defect {
            kind: DefectKind::Attribute,
            at: Position::Line { line: 4, column: 1 },
            message: message.to_owned(),
            reference: "",
        };
        scene.output.defects =
            vec![said("Representation `v`: @codecs is empty"), said("Representation `v`: @height is empty")];
        assert_eq!(violations(run(&scene)).len(), 3, "the parser's two, and @bandwidth");
    }

    #[test]
    fn the_frame_rate_only_where_it_is_asked_for() {
        let mut scene = Scene::live();
        scene.rendition().rendition.frame_rate = None;
        assert_holds(run(&scene));
        let params = Params { require_frame_rate: true, ..Params::default() };
        assert_eq!(messages(check(&scene.context(), &params)), "line 4: EXT-X-STREAM-INF has no FRAME-RATE");
    }

    #[test]
    fn audio_has_no_resolution() {
        let mut scene = Scene::live();
        scene.rendition().rendition.media = Media::Audio;
        scene.rendition().rendition.resolution = None;
        assert_holds(run(&scene));
    }

    #[test]
    fn what_the_parser_said_is_not_said_again() {
        let mut scene = Scene::live();
        scene.rendition().rendition.resolution = None;
        scene.output.defects.push(Defect {
            kind: DefectKind::Attribute,
            at: Position::Line { line: 4, column: 30 },
            message: "RESOLUTION `1280*720` is not <width>x<height>".to_owned(),
            reference: "4.4.6.2",
        });
        assert_eq!(messages(run(&scene)), "line 4, column 30: RESOLUTION `1280*720` is not <width>x<height>");
    }

    #[test]
    fn without_a_multivariant_playlist_it_does_not_run() {
        assert_not_run(run(&Scene::unreadable()), NO_MANIFEST);
        let mut scene = Scene::live();
        scene.output.content = ManifestFacts::HlsMedia;
        assert!(matches!(run(&scene), CheckVerdict::NotRun(_)));
    }
}
