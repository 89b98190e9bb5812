use crate::checks::support::select::{self, NO_PLAYLIST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Fetched, RenditionFacts, derived};
use crate::finding::Severity;
use packager_media::redact;

pub const META: CheckMeta = CheckMeta {
    id: "rendition_unavailable",
    severity: Severity::Critical,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: Some("RenditionDown"),
    help: "fails when a media playlist or an initialization segment doesn't answer or can't be read",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.1",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NO_PLAYLIST, |facts, _| judge(facts))
}

/// Returns the violations of one rendition. `None`: the deadline of the probe passed before its playlist was fetched,
/// or the manifest names no playlist for it.
fn judge(facts: &RenditionFacts) -> Option<Vec<Violation>> {
    let playlist = facts.playlist.as_ref().filter(|p| !p.probe_timed_out())?;
    let unreadable = || facts.timeline.is_none().then(|| unreadable(facts));
    let mut problems: Vec<_> =
        playlist.problem().or_else(unreadable).map(|p| violation("media playlist", playlist, &p)).into_iter().collect();
    let inits = derived::missing_inits(facts);
    problems.extend(inits.map(|(init, problem)| violation("initialization segment", &init.fetched, &problem)));
    problems.extend(elsewhere(facts));
    Some(problems)
}

/// Returns a violation if an initialization segment is missing at one BaseURL and available at the next, with which
/// players go on.
fn elsewhere(facts: &RenditionFacts) -> Option<Violation> {
    let failed = facts.failed_addresses.iter().find(|f| f.number.is_none() && f.found_at.is_some())?;
    let next = redact::url(failed.found_at.as_ref()?);
    let problem = format!("{}; players go on with the next BaseURL, {next}", failed.fetched.problem()?);
    Some(
        violation("initialization segment", &failed.fetched, &problem).with("found_at", next).severity(Severity::Major),
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::{FailedAddress, FailureKind, InitFacts};
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
    fn a_playlist_that_is_not_there_fails() {
        let mut scene = Scene::live();
        scene.output.renditions.push(gone("1080p"));
        let found = violations(run(&scene));
        assert_eq!((found.len(), found[0].rendition.as_deref()), (1, Some("1080p")));
        assert_eq!(found[0].message, "media playlist: HTTP status 404");
    }

    #[test]
    fn out_of_time_is_not_judged() {
        let mut scene = Scene::live();
        scene.rendition().playlist = None;
        assert_not_run(run(&scene), NO_PLAYLIST);
        scene.rendition().playlist = Some(failed("720p/index.m3u8", FailureKind::Deadline));
        assert_not_run(run(&scene), NO_PLAYLIST);
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
                kept: None,
            };
            scene.rendition().inits = vec![Arc::new(init)];
            assert_eq!(violations(run(&scene)).len(), count);
        }
    }

    #[test]
    fn an_initialization_segment_at_the_next_base_url_is_major() {
        let mut scene = Scene::live();
        let mut fetched = answered("a/init.mp4", "video/mp4");
        fetched.result.as_mut().unwrap().status = 404;
        scene.rendition().failed_addresses =
            vec![FailedAddress { number: None, fetched, found_at: Some(url("b/init.mp4")), without_location: None }];
        let found = violations(run(&scene));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Major)));
        let message = "initialization segment: HTTP status 404; players go on with the next BaseURL, https://packager.example/tv1/b/init.mp4";
        assert_eq!(found[0].message, message);
    }

    #[test]
    fn without_a_manifest_it_does_not_run() {
        assert_not_run(run(&Scene::unreadable()), select::NO_MANIFEST);
    }
}
