use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{OutputFacts, SteeringFacts};
use crate::finding::Severity;
use packager_media::redact::{self, Quoted};
use packager_media::steering::SteeringManifest;
use packager_media::stream::Protocol;

pub const META: CheckMeta = CheckMeta {
    id: "content_steering_failed",
    severity: Severity::Warning,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when the steering server of the manifest (EXT-X-CONTENT-STEERING, ContentSteering) doesn't answer, answers with what \
           players ignore, or names none of the manifest's pathways, so that viewers can't be moved to another CDN. Major if it sends \
           players to a pathway of which no playlist answers. The server is asked as often as its TTL says, and at least once a minute",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.6.6; draft-pantos-content-steering-00; ETSI TS 103 998",
    needs_history: false,
};

params! {}

const MISSING: &str = "the manifest names no steering server, or it was not asked";
/// HTTP statuses with which a steering server says that players shall not ask it again, or later.
const NOT_NOW: &[u16] = &[410, 429];

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let Some(facts) = &context.output.steering else { return CheckVerdict::NotRun(MISSING) };
    let violation = wrong(context.output, facts).map(|violation| {
        let pathways = facts.steering.pathways.iter().cloned().collect::<Vec<_>>();
        violation.with("url", redact::url(&facts.fetched.url)).with("pathways", pathways)
    });
    CheckVerdict::Ran(violation.into_iter().collect())
}

fn wrong(output: &OutputFacts, facts: &SteeringFacts) -> Option<Violation> {
    let stay = "players stay on their CDN and can't be moved to another one";
    if facts.fetched.result.as_ref().is_ok_and(|answer| NOT_NOW.contains(&answer.status)) {
        return None;
    }
    if let Some(problem) = facts.fetched.problem() {
        return Some(Violation::new(format!("the steering server doesn't answer: {problem}; {stay}")));
    }
    match facts.manifest.as_ref()? {
        Err(why) => Some(Violation::new(format!("players ignore the answer of the steering server: {why}; {stay}"))),
        Ok(manifest) => wrong_pathway(output, facts, manifest, stay),
    }
}

fn wrong_pathway(
    output: &OutputFacts,
    facts: &SteeringFacts,
    manifest: &SteeringManifest,
    stay: &str,
) -> Option<Violation> {
    let Some(chosen) = manifest.chosen(&facts.steering) else {
        let named = manifest.priority.iter().take(8).map(|id| Quoted(id).to_string()).collect::<Vec<_>>().join(", ");
        let message = format!("the steering server names {named}, which are no pathways of the manifest; {stay}");
        return Some(Violation::new(message));
    };
    if chosen.clone.is_some() {
        return facts.has_dead_clone().then(|| dead_clone(facts, chosen.id));
    }
    let variants = output.renditions.iter().filter(|r| r.rendition.pathway.as_deref() == Some(chosen.id));
    let mut playlists = variants.filter_map(|r| r.playlist.as_ref()).filter(|p| !p.probe_timed_out()).peekable();
    let is_dead = output.protocol() == Protocol::Hls
        && playlists.peek().is_some()
        && playlists.all(|playlist| playlist.problem().is_some());
    is_dead.then(|| {
        let id = Quoted(chosen.id);
        let message = format!("the steering server sends players to the pathway {id}, of which no playlist answers");
        Violation::new(message).severity(Severity::Major)
    })
}

fn dead_clone(facts: &SteeringFacts, id: &str) -> Violation {
    let problems = facts.cloned.iter().filter_map(|playlist| {
        let problem = playlist.problem.as_ref()?;
        Some(format!("{}: {problem}", redact::url(&playlist.url)))
    });
    let message = format!(
        "the steering server sends players to the pathway {}, which it adds itself and of which no playlist answers",
        Quoted(id)
    );
    Violation::new(message).severity(Severity::Major).with("playlists", problems.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::{ClonedPlaylist, FailureKind, Fetched, RenditionFacts};
    use packager_media::steering::{ContentSteering, parse_steering_manifest};
    use std::sync::Arc;

    /// Makes a scene whose variant belongs to the pathway `a`, and another one of `b` that answers 404.
    fn scene(fetched: Fetched, answer: Option<&str>) -> Scene {
        let mut scene = Scene::live();
        scene.rendition().rendition.pathway = Some("a".to_owned());
        let mut dead = answered("b/index.m3u8", "text/plain");
        dead.result.as_mut().unwrap().status = 404;
        let mut other = RenditionFacts { playlist: Some(dead), timeline: None, ..rendition("720p-b") };
        other.rendition.pathway = Some("b".to_owned());
        scene.output.renditions.push(other);
        let pathways = ["a".to_owned(), "b".to_owned()].into();
        let steering = ContentSteering { server: url("steering"), first_pathway: Some("a".to_owned()), pathways };
        let manifest = answer.map(|text| parse_steering_manifest(text.as_bytes()));
        scene.output.steering =
            Some(Arc::new(SteeringFacts { steering, asked_at: time(0.0), fetched, manifest, cloned: Vec::new() }));
        scene
    }

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    fn answer(priority: &str) -> CheckVerdict {
        let text = format!("{{\"VERSION\":1,\"TTL\":300,\"PATHWAY-PRIORITY\":[{priority}]}}");
        run(&scene(answered("steering", "application/json"), Some(&text)))
    }

    fn with(status: u16) -> CheckVerdict {
        let mut fetched = answered("steering", "application/json");
        fetched.result.as_mut().unwrap().status = status;
        run(&scene(fetched, None))
    }

    #[test]
    fn a_steering_server_that_names_a_pathway_that_plays_holds() {
        assert_holds(answer("\"a\",\"b\""));
        assert_holds(answer("\"z\",\"a\""));
        assert_not_run(run(&Scene::live()), MISSING);
    }

    #[test]
    fn a_server_without_an_answer_fails_unless_it_says_when_to_ask() {
        let message = messages(with(503));
        assert!(
            message.starts_with("the steering server doesn't answer: HTTP status 503; players stay on"),
            "{message}"
        );
        assert_holds(with(410));
        assert_holds(with(429));
        assert_eq!(violations(run(&scene(failed("steering", FailureKind::Connect), None))).len(), 1);
    }

    #[test]
    fn an_answer_that_players_ignore_fails() {
        let found = messages(run(&scene(answered("steering", "text/html"), Some("{\"VERSION\":1}"))));
        assert!(found.starts_with("players ignore the answer of the steering server: TTL is missing"), "{found}");
        let found = messages(answer("\"y\",\"z\""));
        assert!(found.starts_with("the steering server names `y`, `z`, which are no pathways"), "{found}");
    }

    #[test]
    fn a_pathway_that_does_not_answer_is_major() {
        let found = violations(answer("\"b\",\"a\""));
        assert_eq!(found[0].severity, Some(Severity::Major));
        assert!(found[0].message.ends_with("the pathway `b`, of which no playlist answers"), "{}", found[0].message);
        let mut scene = scene(answered("steering", "application/json"), None);
        let steering = Arc::make_mut(scene.output.steering.as_mut().unwrap());
        let clones = r#"{"VERSION":1,"TTL":9,"PATHWAY-PRIORITY":["c"],"PATHWAY-CLONES":[{"BASE-ID":"b","ID":"c"}]}"#;
        steering.manifest = Some(parse_steering_manifest(clones.as_bytes()));
        let playlist = |problem: Option<&str>| {
            let problem = problem.map(str::to_owned);
            ClonedPlaylist { url: url("c/index.m3u8?token=secret"), problem }
        };
        let mut with = |cloned: Vec<ClonedPlaylist>| {
            Arc::make_mut(scene.output.steering.as_mut().unwrap()).cloned = cloned;
            run(&scene)
        };
        assert_holds(with(Vec::new()));
        assert_holds(with(vec![playlist(Some("HTTP status 404")), playlist(None)]));
        let found = violations(with(vec![playlist(Some("HTTP status 404"))]));
        assert_eq!(found[0].severity, Some(Severity::Major));
        assert!(found[0].message.contains("the pathway `c`, which it adds itself"), "{}", found[0].message);
        assert!(!found[0].evidence["playlists"].to_string().contains("secret"));
    }
}
