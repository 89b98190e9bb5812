use crate::checks::support::CAME_WITH_SECOND_REQUEST;
use crate::checks::support::select::{self, NO_PLAYLIST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Fetched, RenditionFacts, derived};
use crate::finding::Severity;
use packager_media::redact;
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "rendition_unavailable",
    severity: Severity::Critical,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: Some("RenditionDown"),
    help: "fails when a media playlist or an initialization segment doesn't answer or can't be read; major when the server ends one \
           playback session after the other (a status of 4xx or a page instead of a playlist for the URLs that the manifest gave, or EXT-X-ENDLIST) although it is in use: players don't request the \
           manifest again; minor for a media playlist that comes with a second request 1 s after the first failed (a status of the server's \
           fault, or a cut answer)",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.1, 6.3.4; ISO/IEC 23009-1 5.4.1",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    match select::judge_renditions(context, NO_PLAYLIST, |facts, _| judge(facts)) {
        CheckVerdict::Ran(mut found) => {
            found.extend(sessions_end(context));
            CheckVerdict::Ran(found)
        }
        not_run => not_run,
    }
}

/// Number of playback sessions in a row that end while they are in use, from which on the server is at fault: a single one ends with its
/// server.
const ENDED_IN_A_ROW: u32 = 2;

fn sessions_end(context: &CheckContext<'_>) -> Option<Violation> {
    let ended = context.output.session.ended.filter(|ended| ended.in_a_row >= ENDED_IN_A_ROW)?;
    if Seconds::between(ended.at, context.now) > context.hold {
        return None;
    }
    let message = format!(
        "the server ended {} playback sessions in a row although they were in use, the last one after {:.0} s: players don't request the \
         manifest again, so viewers lose the stream then",
        ended.in_a_row, ended.lasted.0
    );
    let violation = Violation::new(message).severity(Severity::Major).with("url", redact::url(&context.output.url));
    Some(violation.with("ended_at", ended.at.to_string()).with("lasted_seconds", ended.lasted.0))
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
    problems.extend(facts.playlist_failed_first.as_ref().and_then(failed_first));
    Some(problems)
}

/// Returns the violation of a media playlist that came with the second request.
fn failed_first(first: &Fetched) -> Option<Violation> {
    let problem = format!("{}; {CAME_WITH_SECOND_REQUEST}", first.problem()?);
    Some(violation("media playlist", first, &problem).severity(Severity::Minor))
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
    use crate::facts::{EndedSession, FailedAddress, FailureKind, InitFacts};
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
    fn sessions_that_end_in_a_row_although_they_are_in_use_are_major() {
        let ended = |in_a_row, seconds_ago: f64| {
            let mut scene = Scene::live();
            scene.output.session.ended =
                Some(EndedSession { at: time(-seconds_ago), lasted: Seconds(300.0), in_a_row });
            run(&scene)
        };
        assert_holds(ended(1, 0.0));
        let found = violations(ended(2, 0.0));
        assert_eq!(found[0].severity, Some(Severity::Major));
        let message =
            "the server ended 2 playback sessions in a row although they were in use, the last one after 300 s";
        assert!(found[0].message.starts_with(message), "{}", found[0].message);
        assert_eq!(violations(ended(2, 300.0)).len(), 1);
        assert_holds(ended(2, 301.0));
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
    fn a_playlist_that_comes_with_the_second_request_is_minor() {
        let mut scene = Scene::live();
        scene.rendition().playlist_failed_first = Some(failed("720p/index.m3u8", FailureKind::Cut));
        let found = violations(run(&scene));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Minor)));
        assert_eq!(found[0].message, "media playlist: Cut; it came with a second request 1 s later");
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
