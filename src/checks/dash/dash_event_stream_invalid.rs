use crate::checks::support::select::{NO_MANIFEST, cap_violations, defect_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict};
use crate::finding::Severity;
use packager_media::dash::LOST_EVENTS;
use packager_media::defect::{Defect, DefectKind};

pub const META: CheckMeta = CheckMeta {
    id: "dash_event_stream_invalid",
    severity: Severity::Warning,
    group: CheckGroup::Dash,
    scope: CheckScope::Dash,
    alert: None,
    help: "fails when an EventStream of the MPD has no schemeIdUri or no valid timescale, or its Events aren't in order: players miss events. \
           Minor if one id stands at three times or more, or an Event lies more than ten years ahead",
    reference: "ISO/IEC 23009-1 5.10.2",
    needs_history: false,
};

params! {}

const MISSING: &str = "the MPD has no EventStream";

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let output = context.output;
    let Some(dash) = output.dash() else { return CheckVerdict::NotRun(NO_MANIFEST) };
    let defects = output.defects.iter().filter(|d| d.kind == DefectKind::EventStream);
    let violation = |d: &Defect| {
        let violation = defect_violation(&output.url, d);
        if d.reference == LOST_EVENTS { violation.severity(Severity::Minor) } else { violation }
    };
    let found: Vec<_> = defects.map(violation).collect();
    if found.is_empty() && dash.mpd.periods.iter().all(|p| p.events.is_empty()) {
        return CheckVerdict::NotRun(MISSING);
    }
    CheckVerdict::Ran(cap_violations(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::defect::Position;

    fn scene(stream: &str) -> Scene {
        let mpd = timed("<S t=\"990000\" d=\"2000\" r=\"4\"/>");
        Scene::dash(&mpd.replacen("<AdaptationSet", &format!("{stream}<AdaptationSet"), 1))
    }

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn an_event_stream_without_defects_holds() {
        assert_holds(run(&scene("<EventStream schemeIdUri=\"urn:x\" timescale=\"1\"><Event/></EventStream>")));
    }

    #[test]
    fn a_defect_of_an_event_stream_fails_and_other_defects_are_left_to_other_checks() {
        let mut scene = scene("");
        let at = Position::Line { line: 3, column: 1 };
        let defect = |kind| Defect { kind, at, message: "EventStream without schemeIdUri".into(), reference: "" };
        scene.output.defects =
            vec![defect(DefectKind::EventStream), defect(DefectKind::Mpd), defect(DefectKind::Update)];
        assert_eq!(messages(run(&scene)), "line 3, column 1: EventStream without schemeIdUri");
    }

    #[test]
    fn events_that_players_lose_are_minor() {
        let mut scene = scene("");
        let at = Position::Line { line: 3, column: 1 };
        let defect = |reference| Defect { kind: DefectKind::EventStream, at, message: "lost".into(), reference };
        scene.output.defects = vec![defect(LOST_EVENTS), defect("")];
        let severities: Vec<_> = violations(run(&scene)).iter().map(|v| v.severity).collect();
        assert_eq!(severities, [Some(Severity::Minor), None]);
    }

    #[test]
    fn without_an_event_stream_or_an_mpd_it_does_not_run() {
        let mut scene = scene("");
        assert_not_run(run(&scene), MISSING);
        scene.output.content = crate::facts::ManifestFacts::Unreadable(packager_media::stream::Protocol::Dash);
        assert_not_run(run(&scene), NO_MANIFEST);
    }
}
