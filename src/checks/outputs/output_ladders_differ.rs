use crate::checks::support::language;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::OutputFacts;
use crate::finding::Severity;
use packager_media::stream::Media;
use std::collections::BTreeSet;

pub const META: CheckMeta = CheckMeta {
    id: "output_ladders_differ",
    severity: Severity::Minor,
    group: CheckGroup::Outputs,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when an output lacks a resolution or an audio language that another output of the channel offers",
    reference: "design of the ladder (template)",
    needs_history: false,
};

params! {
    /// Resolutions that only one of the outputs may have, such as `3840x2160` if only DASH has UHD.
    except: Vec<String> = Vec::new(),
}

const ALONE: &str = "the channel has no other output";
const UNREAD: &str = "fewer than two outputs have renditions that could be compared";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let mut others = context.others().peekable();
    if others.peek().is_none() {
        return CheckVerdict::NotRun(ALONE);
    }
    let mut readable = others.filter(|o| o.is_readable() && !o.is_media_playlist()).peekable();
    if readable.peek().is_none() || !context.output.is_readable() || context.output.is_media_playlist() {
        return CheckVerdict::NotRun(UNREAD);
    }
    let own = (resolutions(context.output), languages(context.output));
    let lacking = readable.flat_map(|other| {
        let resolutions = missing(&own.0, resolutions(other), |r| !own.0.is_empty() && !params.except.contains(r));
        // A code of another length may be the same language (ISO 639-1 `en`, 639-2 `eng`).
        let languages = missing(&own.1, languages(other), |tag| own.1.iter().any(|o| o.len() == tag.len()));
        let resolutions = resolutions.map(|list| violation("resolution", &list, &other.name));
        resolutions.into_iter().chain(languages.map(|list| violation("audio language", &list, &other.name)))
    });
    CheckVerdict::Ran(lacking.collect())
}

fn violation(what: &str, list: &[String], other: &str) -> Violation {
    let message = format!("{what} {} isn't there; output {other} has it", list.join(", "));
    Violation::new(message).with("missing", list.to_vec()).with("reference_output", other)
}

/// Returns the resolutions or languages in `other` that `own` lacks and for which `matters` is true; `None` if there
/// are none.
fn missing(own: &BTreeSet<String>, other: BTreeSet<String>, matters: impl Fn(&String) -> bool) -> Option<Vec<String>> {
    let lacking: Vec<String> = other.into_iter().filter(|item| !own.contains(item) && matters(item)).collect();
    (!lacking.is_empty()).then_some(lacking)
}

fn resolutions(output: &OutputFacts) -> BTreeSet<String> {
    let video = output.renditions.iter().filter(|r| r.rendition.media == Media::Video);
    video.filter_map(|r| r.rendition.resolution.map(|r| r.to_string())).collect()
}

/// Returns the primary language subtags of an output's audio renditions, because packagers may write `en` in one manifest and
/// `en-US` or `eng` in the other.
fn languages(output: &OutputFacts) -> BTreeSet<String> {
    let audio = output.renditions.iter().filter(|r| r.rendition.media == Media::Audio);
    audio.filter_map(|r| r.rendition.language.as_deref().map(language::primary)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::ManifestFacts;
    use packager_media::stream::{Protocol, Resolution};

    fn video(name: &str, height: u32) -> crate::facts::RenditionFacts {
        let mut facts = rendition(name);
        facts.rendition.resolution = Some(Resolution { width: height * 16 / 9, height });
        facts
    }

    fn audio(language: Option<&str>) -> crate::facts::RenditionFacts {
        let mut facts = rendition("audio");
        facts.rendition.media = Media::Audio;
        facts.rendition.language = language.map(str::to_owned);
        facts
    }

    /// Makes a test input with two outputs: the judged output has the renditions `own`, the other one (`dash`) the
    /// renditions `other`.
    fn scene(own: Vec<crate::facts::RenditionFacts>, other: Vec<crate::facts::RenditionFacts>) -> Scene {
        let mut scene = Scene::live();
        scene.output.renditions = own;
        let mut dash = scene.output.clone();
        (dash.name, dash.renditions) = ("dash".to_owned(), other);
        scene.others = vec![dash];
        scene
    }

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn the_output_that_lacks_a_rung_is_told_and_the_other_is_not() {
        let (full, less) = (vec![video("a", 1080), video("b", 720)], vec![video("a", 1080)]);
        assert_eq!(
            messages(run(&scene(less.clone(), full.clone()))),
            "resolution 1280x720 isn't there; output dash has it"
        );
        assert_holds(run(&scene(full.clone(), less.clone())));
        assert_holds(run(&scene(full.clone(), full.clone())));
        let params = Params { except: vec!["1280x720".to_owned()], ..Params::default() };
        assert_holds(check(&scene(less, full).context(), &params));
    }

    #[test]
    fn languages_are_compared_by_their_primary_subtag_where_both_name_them() {
        let of = |tags: &[Option<&str>]| tags.iter().map(|tag| audio(*tag)).collect::<Vec<_>>();
        let (both, one) = (of(&[Some("en-US"), Some("vi")]), of(&[Some("en")]));
        assert_eq!(messages(run(&scene(one.clone(), both))), "audio language vi isn't there; output dash has it");
        assert_holds(run(&scene(of(&[None]), one)));
    }

    #[test]
    fn a_channel_with_one_output_or_one_that_is_unreadable_is_not_judged() {
        assert_not_run(run(&Scene::live()), ALONE);
        let mut unreadable = scene(vec![video("a", 1080)], vec![video("a", 720)]);
        unreadable.others[0].content = ManifestFacts::Unreadable(Protocol::Hls);
        assert_not_run(run(&unreadable), UNREAD);
        let mut direct = scene(vec![video("a", 1080)], vec![video("a", 720)]);
        direct.output.content = ManifestFacts::HlsMedia;
        assert_not_run(run(&direct), UNREAD);
    }
}
