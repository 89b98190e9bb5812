use crate::checks::support::select::NO_MANIFEST;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Fetched, ManifestFacts, RenditionFacts};
use crate::finding::Severity;
use packager_media::{redact, units};

pub const META: CheckMeta = CheckMeta {
    id: "manifest_slow",
    severity: Severity::Major,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when the manifest, a media playlist, an initialization segment or a key takes longer to arrive than max_download_time, or a \
           media playlist longer than its target duration; minor for a multivariant playlist, which players fetch once",
    reference: "template: max_download_time; draft-pantos-hls-rfc8216bis-22 6.3.4; ISO/IEC 23009-1 5.4.1",
    needs_history: false,
};

params! {}

/// Shortest time in seconds after which an answer is slow: shorter target durations aren't a reason for another bound.
const SHORTEST_BOUND: f64 = 1.0;

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let output = context.output;
    if output.manifest.ok().is_none() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let most = context.thresholds.max_download_time;
    let is_multivariant = matches!(output.content, ManifestFacts::HlsMultivariant(_));
    let bound = |facts: &RenditionFacts| {
        let target = facts.timeline.as_ref().and_then(|timeline| timeline.target_duration);
        target.map_or(most, |target| most.min(target.0.max(SHORTEST_BOUND)))
    };
    let of_manifest = match &output.content {
        ManifestFacts::HlsMedia => output.renditions.first().map_or(most, bound),
        _ => most,
    };
    let manifest = slow(&output.manifest, output.protocol().listing(), of_manifest)
        .map(|violation| if is_multivariant { violation.severity(Severity::Minor) } else { violation });
    let playlists = output.renditions.iter().filter(|_| is_multivariant).filter_map(|facts| {
        Some(slow(facts.playlist.as_ref()?, "media playlist", bound(facts))?.in_rendition(&facts.rendition.name))
    });
    let inits = output.renditions.iter().flat_map(|facts| slow_inits(facts, most));
    let keys = output.renditions.iter().flat_map(|facts| slow_keys(facts, most));
    CheckVerdict::Ran(manifest.into_iter().chain(playlists).chain(inits).chain(keys).collect())
}

fn slow_inits(facts: &RenditionFacts, most: f64) -> impl Iterator<Item = Violation> {
    let name = &facts.rendition.name;
    facts
        .inits
        .iter()
        .filter_map(move |init| Some(slow(&init.fetched, "initialization segment", most)?.in_rendition(name)))
}

fn slow_keys(facts: &RenditionFacts, most: f64) -> impl Iterator<Item = Violation> {
    facts.keys.iter().filter_map(move |key| {
        let violation = slow(&key.fetched, "key", most)?.in_rendition(&facts.rendition.name);
        Some(violation.with("asked_at", key.asked_at.to_string()))
    })
}

/// Returns the violation of an answer that took longer than `most` seconds from the request to its last byte.
fn slow(fetched: &Fetched, what: &str, most: f64) -> Option<Violation> {
    let exchange = fetched.ok()?;
    let took = exchange.timings.total.0;
    if took <= most {
        return None;
    }
    let (shown, allowed) = units::distinct(took, most, 3);
    let message = format!("the {what} took {shown} s; no more than {allowed} s are allowed");
    Some(
        Violation::new(message)
            .with("url", redact::url(&fetched.url))
            .with("seconds", took)
            .with("first_byte_seconds", exchange.timings.first_byte.0)
            .with("bytes", exchange.body_bytes),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::InitFacts;
    use packager_media::stream::Map;
    use packager_media::units::Seconds;
    use std::sync::Arc;

    fn takes(fetched: &mut Fetched, seconds: f64) {
        fetched.result.as_mut().unwrap().timings.total = Seconds(seconds);
    }

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_media_playlist_may_take_the_allowed_time_and_no_longer() {
        let after = |seconds| {
            let mut scene = Scene::live();
            takes(scene.rendition().playlist.as_mut().unwrap(), seconds);
            run(&scene)
        };
        assert_holds(after(2.0));
        assert_eq!(messages(after(2.001)), "the media playlist took 2.001 s; no more than 2.000 s are allowed");
        assert_eq!(violations(after(2.001)).remove(0).severity, None);
    }

    #[test]
    fn a_media_playlist_of_short_segments_may_take_their_duration() {
        let after = |target: f64, seconds| {
            let mut scene = Scene::live();
            Arc::make_mut(scene.rendition().timeline.as_mut().unwrap()).target_duration = Some(Seconds(target));
            takes(scene.rendition().playlist.as_mut().unwrap(), seconds);
            run(&scene)
        };
        assert_holds(after(1.5, 1.5));
        assert_eq!(violations(after(1.5, 1.6)).len(), 1);
        assert_holds(after(0.5, 1.0));
        assert_eq!(violations(after(0.5, 1.1)).len(), 1);
    }

    #[test]
    fn a_media_playlist_that_is_the_manifest_has_the_bound_of_a_media_playlist() {
        let after = |seconds| {
            let mut scene = Scene::live();
            scene.output.content = ManifestFacts::HlsMedia;
            Arc::make_mut(scene.rendition().timeline.as_mut().unwrap()).target_duration = Some(Seconds(1.0));
            takes(&mut scene.output.manifest, seconds);
            run(&scene)
        };
        assert_holds(after(1.0));
        assert_eq!(messages(after(1.8)), "the playlist took 1.800 s; no more than 1.000 s are allowed");
    }

    #[test]
    fn a_slow_multivariant_playlist_is_minor_and_a_slow_mpd_major() {
        let mut scene = Scene::live();
        takes(&mut scene.output.manifest, 2.5);
        assert_eq!(violations(run(&scene)).remove(0).severity, Some(Severity::Minor));
        let mut scene = Scene::dash(&timed("<S t=\"980000\" d=\"2000\" r=\"9\"/>"));
        takes(&mut scene.output.manifest, 2.5);
        let found = violations(run(&scene)).remove(0);
        assert_eq!(
            (found.severity, found.message.as_str()),
            (None, "the MPD took 2.500 s; no more than 2.000 s are allowed")
        );
    }

    #[test]
    fn a_slow_initialization_segment_delays_each_viewer_that_starts() {
        let after = |seconds| {
            let mut scene = Scene::live();
            let mut fetched = scene.output.manifest.clone();
            takes(&mut fetched, seconds);
            let map = Map { uri: fetched.url.clone(), byte_range: None, key: None };
            let init = InitFacts { map, fetched, inspection: None, decryption: None, digest: None, kept: None };
            scene.rendition().inits = vec![Arc::new(init)];
            run(&scene)
        };
        assert_holds(after(2.0));
        assert_eq!(messages(after(3.0)), "the initialization segment took 3.000 s; no more than 2.000 s are allowed");
    }

    #[test]
    fn without_a_manifest_it_does_not_run() {
        let mut scene = Scene::live();
        scene.output.manifest.result.as_mut().unwrap().status = 404;
        assert_not_run(run(&scene), NO_MANIFEST);
    }
}
