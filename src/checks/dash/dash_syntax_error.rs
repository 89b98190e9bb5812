use crate::checks::support::select::{NO_MANIFEST, cap_violations, defect_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict};
use crate::finding::Severity;
use packager_media::dash::REMOTE;
use packager_media::defect::{Defect, DefectKind};

pub const META: CheckMeta = CheckMeta {
    id: "dash_syntax_error",
    severity: Severity::Major,
    group: CheckGroup::Dash,
    scope: CheckScope::Dash,
    alert: None,
    help: "fails when an MPD can't be read or breaks its standard: it isn't well-formed XML, has a document type, lacks a required \
           attribute, has a bad duration or date, a template or timeline that names no segments, a $Time$ beyond 2^53 that players \
           round, or a SegmentBase whose index is missing or empty, or all of its video, all of its sound, or the MPD itself, has an \
           EssentialProperty that players don't know; critical if players don't start because the first Period of a live MPD has no start, or its \
           mediaPresentationDuration ends before what players play now; minor for a remote element, which isn't followed, \
           such an EssentialProperty on the sound or subtitles of one language, a missing @profiles, an MPD that isn't UTF-8, and a missing @publishTime of an MPD without patches and validity events",
    reference: "ISO/IEC 23009-1 5.3",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let output = context.output;
    if output.manifest.ok().is_none_or(|e| e.body_bytes == 0) {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let of = |kind: DefectKind| output.defects.iter().filter(move |d| d.kind == kind);
    let violation = |d: &Defect| {
        let violation = defect_violation(&output.url, d);
        match d.kind {
            DefectKind::MpdFatal => violation.severity(Severity::Critical),
            DefectKind::MpdTolerated => violation.severity(Severity::Minor),
            _ if d.reference == REMOTE => violation.severity(Severity::Minor),
            _ => violation,
        }
    };
    let found = of(DefectKind::MpdFatal).chain(of(DefectKind::Mpd)).chain(of(DefectKind::MpdTolerated)).map(violation);
    CheckVerdict::Ran(cap_violations(found.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::defect::Position;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_remote_element_is_minor() {
        let mut scene = Scene::dash(&paced());
        scene.output.defects.push(Defect { reference: REMOTE, ..wrong(DefectKind::Mpd) });
        assert_eq!(violations(run(&scene))[0].severity, Some(Severity::Minor));
        scene.output.defects[0].reference = "";
        assert_eq!(violations(run(&scene))[0].severity, None);
    }

    #[test]
    fn what_players_cannot_start_with_is_critical_and_what_they_do_not_need_is_minor() {
        let mut scene = Scene::dash(&paced());
        scene.output.defects = [DefectKind::MpdTolerated, DefectKind::Mpd, DefectKind::MpdFatal].map(wrong).into();
        let severities: Vec<_> = violations(run(&scene)).iter().map(|v| v.severity).collect();
        assert_eq!(severities, [Some(Severity::Critical), None, Some(Severity::Minor)]);
    }

    fn wrong(kind: DefectKind) -> Defect {
        let at = Position::Line { line: 7, column: 3 };
        Defect { kind, at, message: "S@d is missing".to_owned(), reference: "ISO/IEC 23009-1 5.3.9.6" }
    }

    #[test]
    fn every_defect_of_the_mpd_is_a_violation_with_its_line() {
        let mut scene = Scene::live();
        assert_holds(run(&scene));
        scene.output.defects = vec![wrong(DefectKind::Mpd), wrong(DefectKind::Attribute)];
        let found = violations(run(&scene));
        assert_eq!(found.len(), 1, "attributes of the ladder have a check of their own");
        assert_eq!(found[0].evidence["line"], 7);
    }

    #[test]
    fn without_a_manifest_it_does_not_run() {
        let mut scene = Scene::live();
        scene.output.manifest.result.as_mut().unwrap().status = 404;
        assert_not_run(run(&scene), NO_MANIFEST);
    }
}
