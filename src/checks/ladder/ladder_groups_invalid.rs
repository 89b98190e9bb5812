use crate::checks::support::select::{NO_MANIFEST, cap_violations, defect_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::dash::SHARED_SEGMENTS;
use packager_media::defect::DefectKind;

pub const META: CheckMeta = CheckMeta {
    id: "ladder_groups_invalid",
    severity: Severity::Major,
    group: CheckGroup::Ladder,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when a variant names a group that isn't defined, or a group has a NAME twice or several defaults; a warning when \
           groups of one type have other members or an audio group has nothing to choose by itself. In an MPD: when the id of an \
           AdaptationSet or a Representation stands twice in a Period, or two Representations with different initialization segments have \
           the same segments; minor if they are of different languages, or if their initialization segment is the same, too",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.6.1, 4.4.6.1.1, 4.4.6.2; ISO/IEC 23009-1 5.3.3.2, 5.3.5.2",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let output = context.output;
    if !output.is_readable() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    if output.is_media_playlist() {
        return CheckVerdict::NotRun("a media playlist given directly has no groups");
    }
    let of = |kind: DefectKind| output.defects.iter().filter(move |d| d.kind == kind);
    let mut found: Vec<Violation> = of(DefectKind::Groups).map(|d| defect_violation(&output.url, d)).collect();
    found.extend(of(DefectKind::GroupTolerated).map(|d| {
        let severity = if d.reference == SHARED_SEGMENTS { Severity::Minor } else { Severity::Warning };
        defect_violation(&output.url, d).severity(severity)
    }));
    CheckVerdict::Ran(cap_violations(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::ManifestFacts;
    use packager_media::defect::{Defect, Position};

    fn run(kinds: &[DefectKind]) -> CheckVerdict {
        let mut scene = Scene::live();
        let defect = |kind: &DefectKind| Defect {
            kind: *kind,
            at: Position::Line { line: 2, column: 1 },
            message: format!("{kind:?}"),
            reference: "",
        };
        scene.output.defects = kinds.iter().map(defect).collect();
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn groups_in_order_hold_and_other_defects_are_others() {
        assert_holds(run(&[]));
        assert_holds(run(&[DefectKind::Syntax, DefectKind::Attribute, DefectKind::Version]));
    }

    #[test]
    fn representations_that_are_one_stream_are_minor() {
        let mut scene = Scene::live();
        let at = Position::Line { line: 2, column: 1 };
        let defect = |kind| Defect { kind, at, message: "shared".to_owned(), reference: SHARED_SEGMENTS };
        scene.output.defects = vec![defect(DefectKind::Groups), defect(DefectKind::GroupTolerated)];
        let found = violations(check(&scene.context(), &Params::default()));
        assert_eq!(found.iter().map(|v| v.severity).collect::<Vec<_>>(), [None, Some(Severity::Minor)]);
    }

    #[test]
    fn broken_groups_fail_and_habits_are_warnings() {
        let found = violations(run(&[DefectKind::GroupTolerated, DefectKind::Groups]));
        let said: Vec<_> = found.iter().map(|v| (v.message.as_str(), v.severity)).collect();
        let warning = Some(Severity::Warning);
        assert_eq!(said, [("line 2, column 1: Groups", None), ("line 2, column 1: GroupTolerated", warning)]);
    }

    #[test]
    fn without_a_multivariant_playlist_it_does_not_run() {
        assert_not_run(check(&Scene::unreadable().context(), &Params::default()), NO_MANIFEST);
        let mut scene = Scene::live();
        scene.output.content = ManifestFacts::HlsMedia;
        assert_not_run(check(&scene.context(), &Params::default()), "a media playlist given directly has no groups");
    }
}
