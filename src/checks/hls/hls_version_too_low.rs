use crate::checks::support::select::{NO_MANIFEST, defect_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::defect::{Defect, DefectKind};
use url::Url;

pub const META: CheckMeta = CheckMeta {
    id: "hls_version_too_low",
    severity: Severity::Minor,
    group: CheckGroup::Hls,
    scope: CheckScope::Hls,
    alert: None,
    help: "fails when EXT-X-VERSION is lower than the version that a playlist's tags and attributes need, or is \
           missing although they need one",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.1.2, 8",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let output = context.output;
    if !output.is_readable() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let mut found: Vec<_> = lower(&output.url, &output.defects).collect();
    for facts in &output.renditions {
        let url = facts.playlist.as_ref().map_or(&output.url, |p| &p.url);
        found.extend(lower(url, &facts.defects).map(|v| v.in_rendition(&facts.rendition.name)));
    }
    CheckVerdict::Ran(found)
}

fn lower<'a>(url: &'a Url, defects: &'a [Defect]) -> impl Iterator<Item = Violation> + use<'a> {
    defects.iter().filter(|d| d.kind == DefectKind::Version).map(|d| defect_violation(url, d))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::defect::Position;

    fn wrong(kind: DefectKind) -> Defect {
        Defect { kind, at: Position::Line { line: 5, column: 1 }, message: "needs 3".to_owned(), reference: "" }
    }

    #[test]
    fn manifest_and_media_playlists_are_judged() {
        let mut scene = Scene::live();
        assert_holds(check(&scene.context(), &Params::default()));
        scene.output.defects = vec![wrong(DefectKind::Version), wrong(DefectKind::Syntax)];
        scene.rendition().defects = vec![wrong(DefectKind::Version)];
        let found = violations(check(&scene.context(), &Params::default()));
        assert_eq!(found.iter().map(|v| v.rendition.as_deref()).collect::<Vec<_>>(), [None, Some(NAME)]);
        assert_eq!(found[0].message, "line 5, column 1: needs 3");
    }

    #[test]
    fn without_a_playlist_it_does_not_run() {
        assert_not_run(check(&Scene::unreadable().context(), &Params::default()), NO_MANIFEST);
    }
}
