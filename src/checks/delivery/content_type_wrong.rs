use crate::checks::support::select::{self, NO_MANIFEST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Fetched, RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::container::Container;
use packager_media::redact;
use packager_media::stream::{Media, Protocol};
use std::collections::BTreeMap;

pub const META: CheckMeta = CheckMeta {
    id: "content_type_wrong",
    severity: Severity::Warning,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when a playlist or segment is served without a media type, or with another than those registered for what it is",
    reference: "draft-pantos-hls-rfc8216bis-22 4, 11.1; RFC 3555 4.2; ISO/IEC 23009-1 Annex C; ISO/IEC 14496-12 Annex O; HLS authoring specification 9",
    needs_history: false,
};

params! {
    /// Further media types that are accepted for playlists and segments, such as `application/octet-stream`.
    accept: Vec<String> = Vec::new(),
}

const PLAYLIST: &[&str] =
    &["application/vnd.apple.mpegurl", "audio/mpegurl", "application/x-mpegurl", "audio/x-mpegurl"];
const MPD: &[&str] = &["application/dash+xml"];
const TS: &[&str] = &["video/mp2t"];
const MP4: &[&str] = &["video/mp4", "audio/mp4", "application/mp4", "video/iso.segment", "audio/iso.segment"];
const PACKED: &[&str] =
    &["audio/aac", "audio/aacp", "audio/x-aac", "audio/mpeg", "audio/mp3", "audio/ac3", "audio/eac3", "audio/ac4"];
const TEXT: &[&str] = &["text/vtt"];
const TTML: &[&str] = &["application/ttml+xml"];

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let output = context.output;
    let registered = if output.protocol() == Protocol::Dash { MPD } else { PLAYLIST };
    let mut found: Vec<_> = violation("manifest", &output.manifest, registered, params).into_iter().collect();
    match select::judge_renditions(context, NO_MANIFEST, |facts, past| {
        judge(facts, past, !output.has_playlists(), params)
    }) {
        CheckVerdict::Ran(more) => found.extend(more),
        CheckVerdict::NotRun(why) if output.manifest.ok().is_none() => return CheckVerdict::NotRun(why),
        CheckVerdict::NotRun(_) => {}
    }
    CheckVerdict::Ran(found)
}

fn judge(facts: &RenditionFacts, past: &RenditionHistory, direct: bool, params: &Params) -> Option<Vec<Violation>> {
    let media = facts.playlist.as_ref().filter(|_| !direct);
    let mut found: Vec<_> = media.and_then(|m| violation("media playlist", m, PLAYLIST, params)).into_iter().collect();
    for init in &facts.inits {
        // PAT and PMT may be an initialization segment (RFC 8216bis 3.1.1).
        let is_ts = init.inspection.as_ref().is_some_and(|i| i.container == Container::MpegTs);
        let allowed = if is_ts { [TS, MP4].concat() } else { MP4.to_vec() };
        found.extend(violation("initialization segment", &init.fetched, &allowed, params));
    }
    let media_type = facts.rendition.media;
    // One violation a type, not one a segment: the server is configured once.
    let mut by_type = BTreeMap::new();
    for segment in select::segments_and_heads(facts, past).unwrap_or_default() {
        by_type.insert(given(&segment.fetched), segment);
    }
    found.extend(
        by_type.into_values().filter_map(|s| violation("segments", &s.fetched, &allowed(s, media_type), params)),
    );
    Some(found)
}

/// Returns the media types that a segment may be served with: those of its container, or of all containers that its rendition can
/// have if it is in none that is known.
fn allowed(segment: &SegmentFacts, media: Media) -> Vec<&'static str> {
    // The first ones are recommended: a segment with an initialization segment is fragmented MP4.
    let is_mp4 = segment.segment.map.is_some();
    let any = match (media == Media::Text, is_mp4) {
        (true, false) => [TEXT, MP4, TTML].concat(),
        (true, true) => [MP4, TEXT, TTML].concat(),
        (false, false) => [TS, MP4, PACKED, TEXT].concat(),
        (false, true) => [MP4, TS, PACKED, TEXT].concat(),
    };
    match segment.inspection.as_ref().map(|i| i.container) {
        Some(Container::MpegTs) => TS.to_vec(),
        Some(Container::Cmaf) => MP4.to_vec(),
        Some(Container::PackedAudio) => PACKED.to_vec(),
        Some(Container::WebVtt) => TEXT.to_vec(),
        Some(Container::Ttml) => TTML.to_vec(),
        Some(Container::Unknown) | None => any,
    }
}

/// Returns the media type of the Content-Type header without parameters, in lower case. `None`: the header is missing.
fn given(fetched: &Fetched) -> Option<String> {
    let header = fetched.ok()?.content_type.as_deref()?;
    Some(header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()).filter(|t| !t.is_empty())
}

fn violation(what: &str, fetched: &Fetched, allowed: &[&str], params: &Params) -> Option<Violation> {
    fetched.ok()?;
    let given = given(fetched);
    let message = match given.as_deref() {
        Some(t) if allowed.contains(&t) || params.accept.iter().any(|a| a.eq_ignore_ascii_case(t)) => return None,
        Some(t) => format!("{what}: served as {t}; configure {}", preferred(allowed)),
        None => format!("{what}: served without Content-Type; configure {}", preferred(allowed)),
    };
    Some(Violation::new(message).with("url", redact::url(&fetched.url)).with("content_type", given))
}

fn preferred(allowed: &[&str]) -> String {
    allowed.iter().take(2).copied().collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::ManifestFacts;
    use packager_media::stream::Map;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    fn served(content_type: Option<&str>, container: Container) -> Scene {
        let mut segment = ts_segment(5, 0.0, 2.0);
        segment.fetched.result.as_mut().unwrap().content_type = content_type.map(str::to_owned);
        segment.inspection.as_mut().unwrap().container = container;
        let mut scene = Scene::live();
        scene.remember([segment]);
        scene
    }

    #[test]
    fn a_type_that_fits_the_initialization_segment_is_recommended() {
        let mut page = ts_segment(5, 0.0, 2.0);
        page.fetched = answered("720p/5.m4s", "text/html");
        page.inspection = None;
        let message = |page: &SegmentFacts| {
            let mut scene = Scene::live();
            scene.remember([page.clone()]);
            messages(check(&scene.context(), &Params::default()))
        };
        assert!(message(&page).ends_with("segments: served as text/html; configure video/mp2t or video/mp4"));
        page.segment.map = Some(Map { uri: url("init.mp4"), byte_range: None, key: None }.into());
        assert!(message(&page).ends_with("segments: served as text/html; configure video/mp4 or audio/mp4"));
    }

    #[test]
    fn registered_types_hold_in_any_case_and_with_parameters() {
        assert_holds(run(&served(Some("video/MP2T"), Container::MpegTs)));
        assert_holds(run(&served(Some("audio/mp4"), Container::Cmaf)));
        assert_holds(run(&served(Some("text/vtt; charset=utf-8"), Container::WebVtt)));
        assert_holds(run(&served(Some("audio/aac"), Container::PackedAudio)));
        assert_holds(run(&served(Some("audio/ac4"), Container::PackedAudio)));
        assert_holds(run(&served(Some("application/ttml+xml; charset=utf-8"), Container::Ttml)));
    }

    #[test]
    fn another_containers_type_fails() {
        let message = messages(run(&served(Some("video/mp2t"), Container::Cmaf)));
        assert_eq!(message, "segments: served as video/mp2t; configure video/mp4 or audio/mp4");
    }

    #[test]
    fn no_type_fails() {
        assert!(messages(run(&served(None, Container::MpegTs))).contains("without Content-Type"));
    }

    #[test]
    fn a_template_may_accept_more() {
        let scene = served(Some("binary/octet-stream"), Container::MpegTs);
        assert_eq!(violations(run(&scene)).len(), 1);
        let params = Params { accept: vec!["Binary/Octet-Stream".to_owned()], ..Params::default() };
        assert_holds(check(&scene.context(), &params));
    }

    #[test]
    fn playlists_are_judged_each_once() {
        let mut scene = Scene::live();
        scene.output.manifest = answered("master.m3u8", "text/html");
        scene.rendition().playlist = Some(answered("720p/index.m3u8", "text/plain"));
        assert_eq!(violations(run(&scene)).len(), 2);
        scene.output.content = ManifestFacts::HlsMedia;
        assert_eq!(violations(run(&scene)).len(), 1, "the manifest is the media playlist");
    }

    #[test]
    fn one_violation_for_many_segments() {
        let mut scene = Scene::live();
        let segments =
            (1..9).map(|n| SegmentFacts { fetched: answered("x.ts", "text/plain"), ..ts_segment(n, 0.0, 2.0) });
        scene.remember(segments);
        assert_eq!(violations(run(&scene)).len(), 1);
    }

    #[test]
    fn without_an_answer_it_does_not_run() {
        let mut scene = Scene::unreadable();
        scene.output.manifest.result.as_mut().unwrap().status = 500;
        assert_not_run(run(&scene), NO_MANIFEST);
    }
}
