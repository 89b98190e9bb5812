use crate::checks::support::select::NO_MANIFEST;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::Fetched;
use crate::finding::Severity;
use packager_media::redact;

pub const META: CheckMeta = CheckMeta {
    id: "manifest_uncompressed",
    severity: Severity::Warning,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when a large playlist is sent without content encoding although gzip was offered",
    reference: "draft-pantos-hls-rfc8216bis-22 10; HLS authoring specification 7",
    needs_history: false,
};

params! {
    /// Smallest size of a playlist, in bytes, from which on it must be compressed. A window of some minutes has a few
    /// thousand bytes, one of hours a hundred thousand.
    min_bytes: u64 = 65_536,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let output = context.output;
    if output.manifest.ok().is_none() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let listing = output.protocol().listing();
    let mut found: Vec<_> = violation(&output.manifest, listing, params).into_iter().collect();
    for facts in output.renditions.iter().filter(|_| output.has_playlists()) {
        let large = facts.playlist.as_ref().and_then(|p| violation(p, listing, params));
        found.extend(large.map(|v| v.in_rendition(&facts.rendition.name)));
    }
    CheckVerdict::Ran(found)
}

fn violation(fetched: &Fetched, listing: &str, params: &Params) -> Option<Violation> {
    let exchange = fetched.ok()?;
    let plain = exchange.content_encoding.as_deref().is_none_or(|e| e.trim().eq_ignore_ascii_case("identity"));
    if !plain || exchange.body_bytes < params.min_bytes {
        return None;
    }
    let message =
        format!("the {listing} of {} bytes is sent without gzip; it is fetched again and again", exchange.body_bytes);
    Some(Violation::new(message).with("url", redact::url(&fetched.url)).with("bytes", exchange.body_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::ManifestFacts;

    fn run(bytes: u64, encoding: Option<&str>) -> CheckVerdict {
        let mut scene = Scene::live();
        let exchange = scene.rendition().playlist.as_mut().unwrap().result.as_mut().unwrap();
        (exchange.body_bytes, exchange.content_encoding) = (bytes, encoding.map(str::to_owned));
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_large_playlist_is_compressed() {
        assert_holds(run(65_535, None));
        assert_eq!(violations(run(65_536, None)).len(), 1);
        assert_eq!(violations(run(65_536, Some("identity"))).len(), 1);
        assert_holds(run(1_000_000, Some("gzip")));
        assert_holds(run(1_000_000, Some("br")));
    }

    #[test]
    fn a_media_playlist_given_directly_counts_once() {
        let mut scene = Scene::live();
        scene.output.content = ManifestFacts::HlsMedia;
        let large = |fetched: &mut Fetched| fetched.result.as_mut().unwrap().body_bytes = 100_000;
        large(&mut scene.output.manifest);
        large(scene.rendition().playlist.as_mut().unwrap());
        assert_eq!(violations(check(&scene.context(), &Params::default())).len(), 1);
    }

    #[test]
    fn without_an_answer_it_does_not_run() {
        let mut scene = Scene::unreadable();
        scene.output.manifest = failed("master.m3u8", crate::facts::FailureKind::Connect);
        assert_not_run(check(&scene.context(), &Params::default()), NO_MANIFEST);
    }
}
