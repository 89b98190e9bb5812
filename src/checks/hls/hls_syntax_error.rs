use crate::checks::support::select::{self, NO_MANIFEST, cap_violations, defect_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use packager_media::defect::{Defect, DefectKind};
use packager_media::redact;
use packager_media::stream::Timeline;
use url::Url;

pub const META: CheckMeta = CheckMeta {
    id: "hls_syntax_error",
    severity: Severity::Major,
    group: CheckGroup::Hls,
    scope: CheckScope::Hls,
    alert: Some("PlaylistBroken"),
    help: "fails when a playlist breaks the format: it isn't UTF-8, has a BOM or no EXTM3U, repeats an attribute, \
           has a misplaced tag, a bad number, whitespace before it or a date that Android's players can't read, or lacks a required tag or URI; critical for what players refuse: a variable without a value, no EXTM3U or EXT-X-TARGETDURATION, no EXTINF with a duration at all, a tag that must not be repeated, a byte range \
           without a beginning, or a delta update (EXT-X-SKIP) that nobody asked for; minor for a malformed date range, \
           for text that isn't in normalization form C, for what has no effect (CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL, a preload hint at \
           the end of the stream), and for what players read as it was meant: whitespace or a last comma in an \
           attribute list, EXTINF without a comma, a date without a time zone",
    reference: "draft-pantos-hls-rfc8216bis-22 4",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let output = context.output;
    if output.manifest.ok().is_none_or(|e| e.body_bytes == 0) {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let mut found = cap_violations(syntax(&output.url, &output.defects));
    let direct = found.clone();
    if let CheckVerdict::Ran(more) =
        select::judge_renditions(context, NO_MANIFEST, |facts, _| judge(facts, &output.url))
    {
        // A media playlist that is the channel's URL is also the manifest: its defects are reported once.
        let known = |v: &Violation| output.is_media_playlist() && direct.iter().any(|d| d.message == v.message);
        found.extend(more.into_iter().filter(|v| !known(v)));
    }
    CheckVerdict::Ran(found)
}

fn judge(facts: &RenditionFacts, manifest: &Url) -> Option<Vec<Violation>> {
    let url = facts.playlist.as_ref().map_or(manifest, |p| &p.url);
    let mut found = syntax(url, &facts.defects);
    found.extend(facts.timeline.as_deref().and_then(|timeline| unrequested_delta(url, timeline)));
    Some(found)
}

/// Returns a violation if the answer to a plain request is a delta update, with which no player can begin (RFC 8216bis 6.2.5.1).
fn unrequested_delta(url: &Url, timeline: &Timeline) -> Option<Violation> {
    let skipped = timeline.low_latency.skipped?;
    let message = format!(
        "the playlist skips {skipped} segments (EXT-X-SKIP) although the request had no _HLS_skip: players can't begin with it; a cache that \
         ignores the query answers so: make _HLS_skip part of its key"
    );
    let violation = Violation::new(message).severity(Severity::Critical);
    Some(violation.with("url", redact::url(url)).with("skipped", skipped))
}

fn syntax(url: &Url, defects: &[Defect]) -> Vec<Violation> {
    let violation = |d: &Defect| match d.kind {
        DefectKind::Syntax => Some(defect_violation(url, d)),
        DefectKind::SyntaxFatal => Some(defect_violation(url, d).severity(Severity::Critical)),
        DefectKind::Metadata | DefectKind::SyntaxTolerated => Some(defect_violation(url, d).severity(Severity::Minor)),
        _ => None,
    };
    defects.iter().filter_map(violation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::ManifestFacts;
    use packager_media::defect::Position;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    fn wrong(line: u32) -> Defect {
        Defect {
            kind: DefectKind::Syntax,
            at: Position::Line { line, column: 8 },
            message: "`6,5` is not a number".to_owned(),
            reference: "4.4.4.1",
        }
    }

    #[test]
    fn what_makes_players_refuse_the_playlist_is_critical() {
        let mut scene = Scene::live();
        scene.output.defects = vec![Defect { kind: DefectKind::SyntaxFatal, ..wrong(3) }];
        assert_eq!(violations(run(&scene))[0].severity, Some(Severity::Critical));
    }

    #[test]
    fn a_delta_update_that_nobody_asked_for_is_critical() {
        let mut scene = Scene::live();
        scene.timeline().low_latency.skipped = Some(20);
        let found = violations(run(&scene));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Critical)));
        assert!(found[0].message.starts_with("the playlist skips 20 segments (EXT-X-SKIP) although"), "{found:?}");
    }

    #[test]
    fn clean_playlists_hold() {
        assert_holds(run(&Scene::live()));
    }

    #[test]
    fn defects_are_reported_with_their_place_and_clause() {
        let mut scene = Scene::live();
        scene.output.defects.push(wrong(2));
        scene.rendition().defects.push(wrong(7));
        let found = violations(run(&scene));
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].rendition.as_deref(), found[1].rendition.as_deref()), (None, Some(NAME)));
        assert_eq!(found[1].message, "line 7, column 8: `6,5` is not a number");
        assert_eq!((&found[1].evidence["line"], &found[1].evidence["reference"]), (&7.into(), &"4.4.4.1".into()));
    }

    #[test]
    fn what_players_ignore_or_read_as_it_was_meant_is_minor() {
        let mut scene = Scene::live();
        for kind in [DefectKind::Metadata, DefectKind::SyntaxTolerated] {
            scene.rendition().defects = vec![Defect { kind, ..wrong(7) }];
            assert_eq!(violations(run(&scene))[0].severity, Some(Severity::Minor), "{kind:?}");
        }
    }

    #[test]
    fn other_kinds_belong_to_other_checks() {
        let mut scene = Scene::live();
        scene.output.defects.push(Defect { kind: DefectKind::Attribute, ..wrong(2) });
        assert_holds(run(&scene));
    }

    #[test]
    fn a_broken_playlist_does_not_flood() {
        let mut scene = Scene::live();
        scene.rendition().defects = (0..17).map(wrong).collect();
        let found = violations(run(&scene));
        assert_eq!(found.len(), 16);
        assert!(found[15].message.ends_with("(and 1 more like these)"));
    }

    #[test]
    fn a_direct_playlists_defects_are_reported_once() {
        let mut scene = Scene::live();
        scene.output.content = ManifestFacts::HlsMedia;
        scene.output.defects.push(wrong(2));
        scene.rendition().defects.push(wrong(2));
        assert_eq!(violations(run(&scene)).len(), 1);
    }

    #[test]
    fn a_body_that_is_no_playlist_fails_too() {
        let mut scene = Scene::unreadable();
        scene.output.defects.push(Defect { at: Position::Whole, message: "an HTML page".to_owned(), ..wrong(1) });
        assert_eq!(messages(run(&scene)), "an HTML page");
    }

    #[test]
    fn without_a_text_it_does_not_run() {
        let mut scene = Scene::unreadable();
        scene.output.manifest.result.as_mut().unwrap().status = 404;
        assert_not_run(run(&scene), NO_MANIFEST);
    }
}
