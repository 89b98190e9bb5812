use crate::checks::support::CAME_WITH_SECOND_REQUEST;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Fetched, OutputFacts};
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::Protocol;

pub const META: CheckMeta = CheckMeta {
    id: "manifest_unavailable",
    severity: Severity::Critical,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when the top manifest has no answer in time (the probe's time, if the scrape timeout leaves less), a DNS or TLS failure, a status other than 2xx, an empty body, \
           a body over the size bound, or a body that isn't a playlist; major if it comes with a second request 1 s after the first failed (a status of the \
           server's fault, or a cut answer), because some players make none",
    reference: "RFC 9110 15; draft-pantos-hls-rfc8216bis-22 4, 4.1",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let manifest = &context.output.manifest;
    let Some(problem) = problem(context.output) else {
        return CheckVerdict::Ran(
            context.output.manifest_failed_first.as_ref().and_then(failed_first).into_iter().collect(),
        );
    };
    let mut violation = Violation::new(format!("manifest: {problem}")).with("url", redact::url(&manifest.url));
    if let Ok(exchange) = &manifest.result {
        violation = violation.with("status", exchange.status).with("bytes", exchange.body_bytes);
        if exchange.final_url != manifest.url {
            violation = violation.with("final_url", redact::url(&exchange.final_url));
        }
    }
    CheckVerdict::Ran(vec![violation])
}

/// Returns the violation of a manifest that came with the second request.
fn failed_first(first: &Fetched) -> Option<Violation> {
    let message = format!("manifest: {}; {CAME_WITH_SECOND_REQUEST}", first.problem()?);
    let status = first.result.as_ref().ok().map(|exchange| exchange.status);
    let violation = Violation::new(message).with("url", redact::url(&first.url)).with("status", status);
    Some(violation.severity(Severity::Major))
}

fn problem(output: &OutputFacts) -> Option<String> {
    match output.manifest.ok() {
        None => Some(output.manifest.problem().unwrap_or_else(|| "no answer".to_owned())),
        Some(exchange) if exchange.body_bytes == 0 => {
            Some(format!("HTTP status {}, but the body is empty", exchange.status))
        }
        Some(exchange) if !output.is_readable() => {
            let what = output.defects.first().map_or("it could not be read", |d| d.message.as_str());
            let kind = if output.protocol() == Protocol::Dash { "an MPD" } else { "a playlist" };
            Some(format!("HTTP status {}, but the body is not {kind}: {what}", exchange.status))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::FailureKind;
    use packager_media::defect::{Defect, DefectKind, Position};

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_playlist_holds() {
        assert_holds(run(&Scene::live()));
    }

    #[test]
    fn no_answer_fails_whatever_the_reason() {
        use FailureKind::{Connect, Dns, Refused, Timeout, Tls};
        for kind in [Refused, Dns, Connect, Tls, Timeout] {
            let mut scene = Scene::unreadable();
            scene.output.manifest = failed("master.m3u8", kind);
            assert_eq!(messages(run(&scene)), format!("manifest: {kind:?}"));
        }
    }

    #[test]
    fn a_probe_whose_time_ended_before_the_manifest_came_says_so() {
        let mut scene = Scene::unreadable();
        scene.output.manifest = failed("master.m3u8", FailureKind::Deadline);
        assert_eq!(messages(run(&scene)), "manifest: Deadline");
    }

    #[test]
    fn only_2xx_is_an_answer() {
        for (status, count) in [(199, 1), (200, 0), (299, 0), (300, 1), (404, 1), (503, 1)] {
            let mut scene = Scene::live();
            scene.output.manifest.result.as_mut().unwrap().status = status;
            assert_eq!(violations(run(&scene)).len(), count, "{status}");
        }
    }

    #[test]
    fn a_manifest_that_comes_with_the_second_request_is_major() {
        let mut scene = Scene::live();
        let mut first = answered("master.m3u8", "text/plain");
        first.result.as_mut().unwrap().status = 503;
        scene.output.manifest_failed_first = Some(first);
        let found = violations(run(&scene));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Major)));
        assert_eq!(found[0].message, "manifest: HTTP status 503; it came with a second request 1 s later");
    }

    #[test]
    fn empty_and_oversized_bodies_fail() {
        let mut scene = Scene::unreadable();
        scene.output.manifest.result.as_mut().unwrap().body_bytes = 0;
        assert!(messages(run(&scene)).contains("empty"));
        let mut scene = Scene::unreadable();
        scene.output.manifest.result.as_mut().unwrap().broken = Some(failure(FailureKind::TooLarge));
        assert_eq!(messages(run(&scene)), "manifest: TooLarge");
    }

    #[test]
    fn a_page_with_status_200_is_no_manifest() {
        let mut scene = Scene::unreadable();
        scene.output.defects.push(Defect {
            kind: DefectKind::Syntax,
            at: Position::Line { line: 1, column: 1 },
            message: "an HTML page".to_owned(),
            reference: "",
        });
        assert_eq!(messages(run(&scene)), "manifest: HTTP status 200, but the body is not a playlist: an HTML page");
        scene.output.content = crate::facts::ManifestFacts::Unreadable(Protocol::Dash);
        assert_eq!(messages(run(&scene)), "manifest: HTTP status 200, but the body is not an MPD: an HTML page");
    }

    #[test]
    fn the_evidence_shows_no_token() {
        let mut scene = Scene::live();
        scene.output.manifest = failed("master.m3u8?token=secret", FailureKind::Dns);
        assert_eq!(violations(run(&scene))[0].evidence["url"], "https://packager.example/tv1/master.m3u8?token=***");
    }
}
