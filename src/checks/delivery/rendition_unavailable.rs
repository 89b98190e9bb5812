use crate::checks::support::select::{self, NO_PLAYLIST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Fetched, RenditionFacts};
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::Media;

pub const META: CheckMeta = CheckMeta {
    id: "rendition_unavailable",
    severity: Severity::Major,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: Some("RenditionDown"),
    help: "fails when a media playlist or an initialization segment doesn't answer or can't be read; critical when no rendition is left",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.1",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let verdict = select::judge_renditions(context, NO_PLAYLIST, |facts, _| judge(facts));
    match verdict {
        CheckVerdict::Ran(found) if none_left(context) => {
            CheckVerdict::Ran(found.into_iter().map(|v| v.severity(Severity::Critical)).collect())
        }
        other => other,
    }
}

/// Violations of one rendition; `None` if the deadline came before its playlist, or if the manifest names no playlist
/// for it.
fn judge(facts: &RenditionFacts) -> Option<Vec<Violation>> {
    let playlist = facts.playlist.as_ref().filter(|p| !p.probe_timed_out())?;
    let unreadable = || facts.timeline.is_none().then(|| unreadable(facts));
    let mut problems: Vec<_> =
        playlist.problem().or_else(unreadable).map(|p| violation("media playlist", playlist, &p)).into_iter().collect();
    for init in facts.inits.iter().filter(|i| !i.fetched.probe_timed_out()) {
        problems.extend(init.fetched.problem().map(|p| violation("initialization segment", &init.fetched, &p)));
    }
    Some(problems)
}

fn unreadable(facts: &RenditionFacts) -> String {
    let what = facts.defects.first().map_or("it could not be read", |d| d.message.as_str());
    format!("answered, but it is not a media playlist: {what}")
}

fn violation(what: &str, fetched: &Fetched, problem: &str) -> Violation {
    let violation = Violation::new(format!("{what}: {problem}")).with("url", redact::url(&fetched.url));
    match &fetched.result {
        Ok(exchange) => violation.with("status", exchange.status),
        Err(failure) => violation.with("failure", serde_json::to_value(failure.kind).unwrap_or_default()),
    }
}

/// Whether every rendition that a viewer needs failed: all video renditions, or all renditions of a radio channel.
fn none_left(context: &CheckContext<'_>) -> bool {
    let renditions = || context.output.renditions.iter();
    let video = renditions().any(|r| r.rendition.media == Media::Video);
    let mut needed = renditions().filter(|r| !video || r.rendition.media == Media::Video).peekable();
    needed.peek().is_some() && needed.all(|r| judge(r).is_some_and(|problems| !problems.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::{FailureKind, InitFacts};
    use packager_media::stream::Map;
    use std::sync::Arc;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    fn gone(name: &str) -> RenditionFacts {
        let mut playlist = answered("gone.m3u8", "text/plain");
        playlist.result.as_mut().unwrap().status = 404;
        RenditionFacts { playlist: Some(playlist), timeline: None, ..rendition(name) }
    }

    #[test]
    fn answering_renditions_hold() {
        assert_holds(run(&Scene::live()));
    }

    #[test]
    fn one_of_two_is_major_all_is_critical() {
        let mut scene = Scene::live();
        scene.output.renditions.push(gone("1080p"));
        let found = violations(run(&scene));
        assert_eq!((found.len(), found[0].severity, found[0].rendition.as_deref()), (1, None, Some("1080p")));
        assert_eq!(found[0].message, "media playlist: HTTP status 404");
        scene.output.renditions.remove(0);
        assert_eq!(violations(run(&scene))[0].severity, Some(Severity::Critical));
    }

    #[test]
    fn audio_alone_does_not_save_a_video_channel() {
        let mut scene = Scene::live();
        scene.rendition().rendition.media = Media::Audio;
        scene.output.renditions.push(gone("1080p"));
        assert_eq!(violations(run(&scene))[0].severity, Some(Severity::Critical));
    }

    #[test]
    fn out_of_time_is_not_judged() {
        let mut scene = Scene::live();
        scene.rendition().playlist = None;
        assert_not_run(run(&scene), NO_PLAYLIST);
        scene.rendition().playlist = Some(failed("720p/index.m3u8", FailureKind::Deadline));
        assert_not_run(run(&scene), NO_PLAYLIST);
        scene.output.renditions.push(gone("1080p"));
        assert_eq!(violations(run(&scene))[0].severity, None, "the other may well be there");
    }

    #[test]
    fn a_body_that_is_no_playlist_fails() {
        let mut scene = Scene::live();
        scene.rendition().timeline = None;
        assert!(messages(run(&scene)).contains("not a media playlist"));
    }

    #[test]
    fn a_missing_initialization_segment_fails() {
        let mut scene = Scene::live();
        for (kind, count) in [(FailureKind::Connect, 1), (FailureKind::Deadline, 0)] {
            let init = InitFacts {
                map: Map { uri: url("init.mp4"), byte_range: None, key: None },
                fetched: failed("init.mp4", kind),
                inspection: None,
                decryption: None,
                digest: None,
            };
            scene.rendition().inits = vec![Arc::new(init)];
            assert_eq!(violations(run(&scene)).len(), count);
        }
    }

    #[test]
    fn without_a_manifest_it_does_not_run() {
        assert_not_run(run(&Scene::unreadable()), select::NO_MANIFEST);
    }
}
