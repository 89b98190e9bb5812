use crate::checks::support::select::{self, NO_MANIFEST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Fetched, RenditionFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::redact;

pub const META: CheckMeta = CheckMeta {
    id: "cors_missing",
    severity: Severity::Major,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when expected is set and a playlist, initialization segment, segment or key has no Access-Control-Allow-Origin: \
           browsers refuse it",
    reference: "Fetch Standard 3.3 (CORS protocol)",
    needs_history: false,
};

params! {
    /// Whether players in browsers use this channel, so that CORS headers are required.
    expected: bool = false,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    if !params.expected {
        return CheckVerdict::NotRun("no browsers are expected (checks.cors_missing.expected)");
    }
    let output = context.output;
    if output.manifest.ok().is_none() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let mut found: Vec<_> = violation("the manifest", &output.manifest).into_iter().collect();
    if let CheckVerdict::Ran(more) =
        select::judge_renditions(context, NO_MANIFEST, |facts, past| judge(facts, past, !output.has_playlists()))
    {
        found.extend(more);
    }
    CheckVerdict::Ran(found)
}

/// Returns the violations of the first answer for each kind of resource (playlist, initialization segment, segment, key),
/// because a server has one CORS configuration for a kind. `None`: no answer can be judged.
fn judge(facts: &RenditionFacts, past: &RenditionHistory, direct: bool) -> Option<Vec<Violation>> {
    let playlist = facts.playlist.iter().filter(|_| !direct).find_map(|p| violation("the media playlist", p));
    let init = facts.inits.iter().find_map(|i| violation("the initialization segment", &i.fetched));
    let segments = select::inspected_segments(facts, past).unwrap_or_default();
    let segment = segments.iter().rev().find_map(|s| violation("a segment", &s.fetched));
    let key = facts.keys.iter().find_map(|key| violation("the key", &key.fetched));
    Some([playlist, init, segment, key].into_iter().flatten().collect())
}

fn violation(what: &str, fetched: &Fetched) -> Option<Violation> {
    let exchange = fetched.ok()?;
    if exchange.headers.iter().any(|(name, _)| name == "access-control-allow-origin") {
        return None;
    }
    let message = format!("{what} is answered without Access-Control-Allow-Origin: players in browsers can't read it");
    Some(Violation::new(message).with("url", redact::url(&fetched.url)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::ManifestFacts;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params { expected: true, ..Params::default() })
    }

    fn allow(fetched: &mut Fetched) {
        let exchange = fetched.result.as_mut().unwrap();
        exchange.headers.push(("access-control-allow-origin".to_owned(), "*".to_owned()));
    }

    #[test]
    fn only_where_browsers_are_expected() {
        let verdict = check(&Scene::live().context(), &Params::default());
        assert_not_run(verdict, "no browsers are expected (checks.cors_missing.expected)");
    }

    #[test]
    fn each_kind_of_resource_needs_the_header() {
        let mut scene = Scene::live();
        scene.remember([ts_segment(5, 0.0, 2.0), ts_segment(6, 2.0, 2.0)]);
        assert_eq!(violations(run(&scene)).len(), 3, "manifest, media playlist, segments");
        allow(&mut scene.output.manifest);
        allow(scene.rendition().playlist.as_mut().unwrap());
        assert!(messages(run(&scene)).starts_with("a segment is answered without"));
        let mut allowed = [ts_segment(5, 0.0, 2.0), ts_segment(6, 2.0, 2.0)];
        allowed.iter_mut().for_each(|s| allow(&mut s.fetched));
        scene.remember(allowed);
        assert_holds(run(&scene));
    }

    #[test]
    fn a_media_playlist_given_directly_is_one_resource() {
        let mut scene = Scene::live();
        scene.output.content = ManifestFacts::HlsMedia;
        assert_eq!(violations(run(&scene)).len(), 1);
    }

    #[test]
    fn without_an_answer_it_does_not_run() {
        let mut scene = Scene::unreadable();
        scene.output.manifest = failed("master.m3u8", crate::facts::FailureKind::Connect);
        assert_not_run(run(&scene), NO_MANIFEST);
    }
}
