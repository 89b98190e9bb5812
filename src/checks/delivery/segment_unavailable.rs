use crate::checks::support::CAME_WITH_SECOND_REQUEST;
use crate::checks::support::select::{self, NO_SEGMENT};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{DeadAlternative, FailureKind, Fetched, RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::redact;

pub const META: CheckMeta = CheckMeta {
    id: "segment_unavailable",
    severity: Severity::Critical,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when a listed segment, newest or oldest of the window, isn't there: no answer, or a status other than 2xx; major for the oldest, which \
           only those who seek back miss, and for one that an alternative BaseURL has; minor for one that only an alternative BaseURL lacks, and for one that comes with a second request 1 s after the first failed (a status \
           of the server's fault, a cut answer, or 404 of the newest); an oldest one that comes so is there. A segment that is missing below the \
           MPD's Location is critical also if it is below the MPD's own URL, because players follow Location",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.1, 6.2.2; ISO/IEC 23009-1 5.6.5; ETSI TS 103 285 10.8.2",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NO_SEGMENT, judge)
}

fn judge(facts: &RenditionFacts, past: &RenditionHistory) -> Option<Vec<Violation>> {
    let segments = select::inspected_segments(facts, past).unwrap_or_default();
    let oldest = facts.oldest.as_ref().filter(|o| !o.segment.gap && !o.fetched.probe_timed_out());
    // EXT-X-GAP says itself that the segment isn't there (RFC 8216bis 4.4.4.7).
    let mut asked = segments.into_iter().filter(|s| !s.segment.gap && !s.fetched.probe_timed_out()).peekable();
    if oldest.is_none() && asked.peek().is_none() {
        return None;
    }
    let mut found: Vec<_> = oldest
        .and_then(|o| Some((o, missing(&o.fetched)?)))
        .map(|(o, problem)| {
            Violation::new(format!("oldest listed segment {}: {problem}", o.segment.number))
                .with("number", o.segment.number)
                .with("url", redact::url(&o.segment.uri))
                .with("line", o.segment.line)
                .with("status", status(&o.fetched))
                .severity(Severity::Major)
        })
        .into_iter()
        .collect();
    found.extend(elsewhere(facts));
    found.extend(dead_alternatives(facts));
    found.extend(repeated(facts));
    let newest_first = asked.collect::<Vec<_>>().into_iter().rev();
    found.extend(newest_first.filter_map(|s| Some(violation(facts, s, &missing(&s.fetched)?))));
    Some(found)
}

fn violation(facts: &RenditionFacts, segment: &SegmentFacts, problem: &str) -> Violation {
    let which = if segment.newest { "newest segment" } else { "segment" };
    let number = segment.segment.number;
    let failed = || facts.failed_addresses.iter().filter(|f| f.number == Some(number));
    let others: Vec<String> =
        failed().map(|f| redact::url(&f.fetched.url)).filter(|url| *url != redact::url(&segment.fetched.url)).collect();
    let also = if others.is_empty() { String::new() } else { format!("; nor is it at {}", others.join(", ")) };
    let ignoring = failed().find_map(|f| f.without_location.as_ref()).map(redact::url);
    let only = ignoring.as_ref().map_or_else(String::new, |url| {
        format!(
            "; only players that ignore the MPD's Location have it, at {url}: correct the Location or what it leads to"
        )
    });
    let violation = select::segment_violation(segment, format!("{which} {number}: {problem}{also}{only}"))
        .with("status", status(&segment.fetched));
    if let Some(url) = ignoring { violation.with("without_location", url) } else { violation }
}

/// Returns a violation if segments are missing at one BaseURL and available at the next, with which players go on.
fn elsewhere(facts: &RenditionFacts) -> Option<Violation> {
    let missed = || facts.failed_addresses.iter().filter(|f| f.number.is_some() && f.found_at.is_some());
    let last = missed().next_back()?;
    let (number, problem, next) = (last.number?, missing(&last.fetched)?, last.found_at.as_ref()?);
    let (url, next) = (redact::url(&last.fetched.url), redact::url(next));
    let message = format!("segment {number} is not at {url}: {problem}; players go on with the next BaseURL, {next}");
    let violation = Violation::new(message).with("number", number).with("url", url).with("found_at", next);
    Some(violation.with("status", status(&last.fetched)).with("segments", missed().count()).severity(Severity::Major))
}

/// Returns a violation if segments of this probe came with the second request only, as players get them too.
fn repeated(facts: &RenditionFacts) -> Option<Violation> {
    let last = facts.repeated.last()?;
    let problem = last.fetched.problem()?;
    let message = format!("segment {}: {problem}; {CAME_WITH_SECOND_REQUEST}", last.number);
    let violation = Violation::new(message).with("number", last.number).with("url", redact::url(&last.fetched.url));
    Some(
        violation
            .with("status", status(&last.fetched))
            .with("segments", facts.repeated.len())
            .severity(Severity::Minor),
    )
}

/// Returns a violation for each alternative BaseURL without a segment that the first one has. Where the first one lacks segments,
/// the alternatives are named with them.
fn dead_alternatives(facts: &RenditionFacts) -> Vec<Violation> {
    let judged = facts.dead_alternatives.iter().filter(|_| facts.failed_addresses.is_empty());
    let violation = |dead: &DeadAlternative| {
        let (problem, url) = (missing(&dead.fetched)?, redact::url(&dead.fetched.url));
        let message = format!(
            "segment {} is not at the alternative BaseURL, {url}: {problem}; players that change over to it stop",
            dead.number
        );
        let violation = Violation::new(message).with("number", dead.number).with("url", url);
        Some(violation.with("status", status(&dead.fetched)).severity(Severity::Minor))
    };
    judged.filter_map(violation).collect()
}

fn status(fetched: &Fetched) -> Option<u16> {
    fetched.result.as_ref().ok().map(|e| e.status)
}

/// Returns the reason why a segment can't be played because it has no successful answer. `None`: it has one. Truncated
/// bodies are reported by `container_invalid`, slow ones by `segment_download_slow`.
fn missing(fetched: &Fetched) -> Option<String> {
    match &fetched.result {
        Ok(exchange) if exchange.is_success() => None,
        Err(f) if matches!(f.kind, FailureKind::TooLarge | FailureKind::Encoding) => None,
        _ => fetched.problem(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::{FailedAddress, OldestSegmentFacts, RepeatedRequest};

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    fn scene(segments: impl IntoIterator<Item = SegmentFacts>) -> Scene {
        let mut scene = Scene::live();
        scene.remember(segments);
        scene
    }

    #[test]
    fn segments_that_are_there_hold() {
        assert_holds(run(&scene([ts_segment(5, 0.0, 2.0)])));
    }

    #[test]
    fn a_newest_segment_that_is_not_there_fails() {
        let found = violations(run(&scene([ts_segment(4, 0.0, 2.0), with_status(ts_segment(5, 2.0, 2.0), 404)])));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "newest segment 5: HTTP status 404");
        assert_eq!(found[0].evidence["status"], 404);
        assert_eq!(found[0].evidence["url"], "https://packager.example/tv1/720p/5.ts?token=***");
    }

    #[test]
    fn no_connection_fails_but_the_probes_deadline_does_not() {
        let with = |kind| SegmentFacts { fetched: failed("5.ts", kind), inspection: None, ..ts_segment(5, 0.0, 2.0) };
        assert_eq!(violations(run(&scene([with(FailureKind::Connect)]))).len(), 1);
        assert_eq!(violations(run(&scene([with(FailureKind::Timeout)]))).len(), 1);
        assert_not_run(run(&scene([with(FailureKind::Deadline)])), NO_SEGMENT);
    }

    #[test]
    fn a_segment_that_comes_with_the_second_request_is_minor() {
        let mut scene = scene([ts_segment(5, 0.0, 2.0)]);
        let mut fetched = answered("720p/5.ts", "video/mp2t");
        fetched.result.as_mut().unwrap().status = 503;
        scene.rendition().repeated = vec![RepeatedRequest { number: 5, fetched }];
        let found = violations(run(&scene));
        assert_eq!(found[0].message, "segment 5: HTTP status 503; it came with a second request 1 s later");
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Minor)));
    }

    #[test]
    fn a_cut_body_was_there() {
        assert_holds(run(&scene([broken(ts_segment(5, 0.0, 2.0), FailureKind::Cut)])));
    }

    #[test]
    fn a_gap_is_absent_by_design() {
        let mut gap = with_status(ts_segment(5, 0.0, 2.0), 404);
        gap.segment.gap = true;
        assert_holds(run(&scene([ts_segment(4, 0.0, 2.0), gap.clone()])));
        assert_not_run(run(&scene([gap])), NO_SEGMENT);
    }

    #[test]
    fn the_oldest_segment_has_to_be_there_too() {
        let mut scene = Scene::live();
        let mut fetched = answered("720p/10.ts", "video/mp2t");
        scene.rendition().oldest = Some(OldestSegmentFacts { segment: segment(10), fetched: fetched.clone() });
        assert_holds(run(&scene));
        fetched.result.as_mut().unwrap().status = 403;
        scene.rendition().oldest = Some(OldestSegmentFacts { segment: segment(10), fetched });
        let found = violations(run(&scene));
        assert_eq!(found[0].message, "oldest listed segment 10: HTTP status 403");
        assert_eq!(found[0].severity, Some(Severity::Major), "whoever plays at the live edge doesn't need it");
    }

    fn failed_address(number: Option<u64>, path: &str, found_at: Option<&str>) -> FailedAddress {
        let mut fetched = answered(path, "text/plain");
        fetched.result.as_mut().unwrap().status = 503;
        FailedAddress { number, fetched, found_at: found_at.map(url), without_location: None }
    }

    #[test]
    fn a_segment_at_the_next_base_url_is_major() {
        let mut scene = scene([ts_segment(5, 0.0, 2.0)]);
        scene.rendition().failed_addresses = vec![
            failed_address(None, "a/init.mp4", Some("b/init.mp4")),
            failed_address(Some(5), "a/5.ts", Some("b/5.ts")),
        ];
        let found = violations(run(&scene));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Major)));
        let message = "segment 5 is not at https://packager.example/tv1/a/5.ts: HTTP status 503; players go on with the next BaseURL, \
                       https://packager.example/tv1/b/5.ts";
        assert_eq!(found[0].message, message);
    }

    #[test]
    fn a_segment_that_only_an_alternative_lacks_is_minor() {
        let mut scene = scene([ts_segment(5, 0.0, 2.0)]);
        let mut fetched = answered("b/3.ts", "text/plain");
        fetched.result.as_mut().unwrap().status = 404;
        scene.rendition().dead_alternatives = vec![DeadAlternative { number: 3, fetched }];
        let found = violations(run(&scene));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Minor)));
        let message = "segment 3 is not at the alternative BaseURL, https://packager.example/tv1/b/3.ts: HTTP status 404; players that \
                       change over to it stop";
        assert_eq!(found[0].message, message);
        scene.rendition().failed_addresses = vec![failed_address(Some(5), "a/5.ts", Some("c/5.ts"))];
        assert_eq!(violations(run(&scene)).len(), 1, "the alternatives are judged with the first one");
    }

    #[test]
    fn a_segment_for_players_that_ignore_location_stays_critical() {
        let mut scene = scene([with_status(ts_segment(5, 0.0, 2.0), 404)]);
        let failed = failed_address(Some(5), "720p/5.ts?token=x", None);
        let without_location = Some(url("start/5.ts"));
        scene.rendition().failed_addresses = vec![FailedAddress { without_location, ..failed }];
        let found = violations(run(&scene));
        assert_eq!((found.len(), found[0].severity), (1, None));
        let start = "newest segment 5: HTTP status 404; only players that ignore the MPD's Location have it, at \
                     https://packager.example/tv1/start/5.ts";
        assert!(found[0].message.starts_with(start), "{}", found[0].message);
    }

    #[test]
    fn a_segment_at_no_base_url_names_each() {
        let mut scene = scene([with_status(ts_segment(5, 0.0, 2.0), 404)]);
        scene.rendition().failed_addresses = vec![failed_address(Some(5), "b/5.ts", None)];
        let message = "newest segment 5: HTTP status 404; nor is it at https://packager.example/tv1/b/5.ts";
        assert_eq!(messages(run(&scene)), message);
    }

    #[test]
    fn without_segments_it_does_not_run() {
        assert_not_run(run(&Scene::live()), NO_SEGMENT);
        let mut scene = scene([with_status(ts_segment(5, 2.0, 2.0), 404)]);
        scene.rendition().covered = false;
        assert_not_run(run(&scene), NO_SEGMENT);
    }
}
