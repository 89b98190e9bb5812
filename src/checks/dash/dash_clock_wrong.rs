use crate::checks::support::representations::STATIC_MPD;
use crate::checks::support::select::NO_MANIFEST;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::ClockFacts;
use crate::finding::Severity;
use packager_media::dash::{Mpd, playable_representations, timing::ClockSource};
use packager_media::redact::{self, Quoted};
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "dash_clock_wrong",
    severity: Severity::Major,
    group: CheckGroup::Dash,
    scope: CheckScope::Dash,
    alert: None,
    help: "fails when no clock of UTCTiming can be read, or the one that players use differs from the exporter's clock by more than \
           `max`, or another clock of UTCTiming differs from that one by more than `max`; minor when a clock gives no time and the next \
           one does, which players ask then; a warning when a live MPD without SegmentTimeline has no UTCTiming: players then use their \
           own clocks",
    reference: "ISO/IEC 23009-1 5.8.4.11; DASH-IF IOP 4.3",
    needs_history: false,
};

const NTP: &str = "UTCTiming names only NTP clocks, which the exporter can't read";

params! {
    /// Largest allowed difference in seconds between the clock of UTCTiming and the exporter's clock.
    max: f64 = 2.0,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let Some(dash) = context.output.dash() else { return CheckVerdict::NotRun(NO_MANIFEST) };
    if !dash.mpd.dynamic {
        return CheckVerdict::NotRun(STATIC_MPD);
    }
    // The exporter speaks only HTTP, and no form of an NTP timestamp over HTTP is standardised.
    if dash.clock.as_ref().is_some_and(|clock| clock.source == Some(ClockSource::Network)) {
        return CheckVerdict::NotRun(NTP);
    }
    let mut found: Vec<_> = match &dash.clock {
        Some(clock) => wrong_clock(clock, params).or_else(|| {
            let took = context.output.manifest.ok().map_or(Seconds::ZERO, |exchange| exchange.timings.total);
            old_time(clock, &dash.mpd, (dash.asked_at, took), params)
        }),
        None => needs_clock(&dash.mpd).then(|| {
            let message =
                "no UTCTiming, and no SegmentTimeline: which segment is the newest depends on each player's clock";
            Violation::new(message).severity(Severity::Warning)
        }),
    }
    .into_iter()
    .collect();
    let next = dash.clock.as_ref().filter(|clock| gives_time(clock));
    found.extend(dash.dead_clocks.iter().filter_map(|dead| dead_clock(dead, next)));
    found.extend(dash.clock.as_ref().and_then(|clock| differing_clock(clock, &dash.other_clocks, params)));
    CheckVerdict::Ran(found)
}

/// Returns a violation if one of the `others` gives another time than the clock that players ask first. Players for which the first one
/// doesn't answer, or that don't know its scheme, request segments that don't exist yet or are gone.
fn differing_clock(first: &ClockFacts, others: &[ClockFacts], params: &Params) -> Option<Violation> {
    let name = |clock: &ClockFacts| {
        clock.fetched.as_ref().map_or_else(|| clock.timing.scheme.clone(), |f| redact::url(&f.url))
    };
    let own = first.offset?;
    let ahead = |clock: &ClockFacts| Some((clock.offset? - own).0);
    let (other, ahead) =
        others.iter().filter_map(|clock| Some((clock, ahead(clock)?))).find(|(_, by)| by.abs() > params.max)?;
    let direction = if ahead > 0.0 { "ahead of" } else { "behind" };
    let message = format!(
        "the clocks of UTCTiming differ: {} is {:.1} s {direction} {}, and players use either; see NTP on both servers",
        name(other),
        ahead.abs(),
        name(first)
    );
    Some(Violation::new(message).with("ahead_seconds", ahead).with("max_seconds", params.max))
}

fn gives_time(clock: &ClockFacts) -> bool {
    clock.offset.is_some() || matches!(clock.source, Some(ClockSource::Direct(_)))
}

/// Returns the violation of a UTCTiming clock that gave no time. `next` is the clock that gave a time, to which players
/// go on.
fn dead_clock(dead: &ClockFacts, next: Option<&ClockFacts>) -> Option<Violation> {
    let violation = no_time(dead)?;
    let Some(next) = next else { return Some(violation) };
    let which = next.fetched.as_ref().map_or_else(|| next.timing.scheme.clone(), |f| redact::url(&f.url));
    let message = format!("{}; players go on to the next, {which}", violation.message);
    Some(Violation { message, ..violation }.severity(Severity::Minor))
}

fn needs_clock(mpd: &Mpd) -> bool {
    mpd.periods.iter().flat_map(playable_representations).any(|(_, r)| r.addressing.segments.is_paced())
}

fn wrong_clock(clock: &ClockFacts, params: &Params) -> Option<Violation> {
    let scheme = &clock.timing.scheme;
    let violation = |message: String| Violation::new(message).with("scheme", scheme.as_str());
    if clock.source.is_none() {
        let value = Quoted(clock.timing.value.as_deref().unwrap_or_default()).to_string();
        let scheme = Quoted(scheme);
        return Some(match scheme.0.starts_with(STANDARD) {
            true => violation(format!("UTCTiming {scheme} has the value {value}, which gives no time")),
            // Players pass over schemes that they don't know.
            false => violation(format!("UTCTiming has the unknown scheme {scheme}: players use their own clocks"))
                .severity(Severity::Warning),
        });
    }
    if let Some(ahead) = clock.offset {
        return (ahead.0.abs() > params.max).then(|| {
            let direction = if ahead.0 > 0.0 { "ahead of" } else { "behind" };
            let message = format!(
                "the clock of UTCTiming is {:.1} s {direction} the exporter's; one of the two is wrong (check NTP on both)",
                ahead.0.abs()
            );
            violation(message).with("ahead_seconds", ahead.0).with("max_seconds", params.max)
        });
    }
    no_time(clock)
}

/// Beginning of the schemes that the standard defines.
const STANDARD: &str = "urn:mpeg:dash:utc:";
/// Longest minimumUpdatePeriod in seconds for which an MPD with the time in itself may have been kept by a cache.
const LONGEST_CACHED: f64 = 10.0;

/// Returns a violation if the MPD contains the time itself (scheme `direct`), and it isn't the present time. Players take it for
/// the time at which they got the MPD. A cache may have kept the MPD for one minimumUpdatePeriod, and a server may make it until the
/// end of its answer. The MPD was asked for at `asked_at`, and its answer `took` so long.
fn old_time(
    clock: &ClockFacts,
    mpd: &Mpd,
    (asked_at, took): (Timestamp, Seconds),
    params: &Params,
) -> Option<Violation> {
    let Some(ClockSource::Direct(said)) = clock.source else { return None };
    let cached = mpd.minimum_update_period.map_or(0.0, |period| period.0.clamp(0.0, LONGEST_CACHED));
    let behind = Seconds::between(said, asked_at).0;
    (behind > params.max + cached || behind < -params.max - took.0).then(|| {
        let direction = if behind > 0.0 { "behind" } else { "ahead of" };
        let message = format!(
            "the time in the MPD (UTCTiming `direct`) is {:.1} s {direction} the exporter's clock: players take it for the present \
             time; see whether a cache keeps the MPD too long",
            behind.abs()
        );
        Violation::new(message).with("ahead_seconds", -behind).with("max_seconds", params.max + cached)
    })
}

/// Returns a violation if a UTCTiming clock was requested and gave no time. `None` for the scheme `direct` and for NTP,
/// which give nothing to compare with.
fn no_time(clock: &ClockFacts) -> Option<Violation> {
    let asked = matches!(clock.source, Some(ClockSource::Date(_) | ClockSource::Body(_)));
    let fetched = clock.fetched.as_ref().filter(|f| asked && !f.probe_timed_out())?;
    let why = fetched.problem().unwrap_or_else(|| "the answer isn't a time".to_owned());
    let violation = Violation::new(format!("the clock of UTCTiming gives no time: {why}"));
    Some(violation.with("scheme", clock.timing.scheme.as_str()).with("url", redact::url(&fetched.url)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::dash::Descriptor;

    fn run(clock: Option<ClockFacts>, mpd: &str) -> CheckVerdict {
        let mut scene = Scene::dash(mpd);
        scene.mpd_facts().clock = clock;
        check(&scene.context(), &Params::default())
    }

    fn clock(ahead: Option<f64>, status: u16) -> ClockFacts {
        let mut fetched = answered("time", "text/plain");
        fetched.result.as_mut().unwrap().status = status;
        ClockFacts {
            timing: Descriptor { scheme: "urn:mpeg:dash:utc:http-xsdate:2014".into(), value: Some("time".into()) },
            source: Some(ClockSource::Body(fetched.url.clone())),
            fetched: Some(fetched),
            offset: ahead.map(Seconds),
        }
    }

    #[test]
    fn the_two_clocks_may_be_apart_by_two_seconds() {
        let mpd = timed("<S t=\"990000\" d=\"2000\" r=\"4\"/>");
        assert_holds(run(Some(clock(Some(-2.0), 200)), &mpd));
        let found = violations(run(Some(clock(Some(-2.1), 200)), &mpd));
        assert!(found[0].message.starts_with("the clock of UTCTiming is 2.1 s behind the exporter's"), "{found:?}");
        assert_eq!(violations(run(Some(clock(Some(2.1), 200)), &mpd)).len(), 1);
    }

    #[test]
    fn the_direction_and_the_limit_are_named() {
        let mpd = timed("<S t=\"990000\" d=\"2000\" r=\"4\"/>");
        assert_holds(run(Some(clock(Some(2.0), 200)), &mpd));
        let found = violations(run(Some(clock(Some(2.1), 200)), &mpd));
        assert!(found[0].message.starts_with("the clock of UTCTiming is 2.1 s ahead of the exporter's"), "{found:?}");
        assert_eq!((&found[0].evidence["max_seconds"], found[0].severity), (&2.0.into(), None));
    }

    #[test]
    fn a_clock_that_gives_no_time_fails_and_one_that_is_not_asked_does_not() {
        let mpd = timed("<S t=\"990000\" d=\"2000\" r=\"4\"/>");
        assert!(violations(run(Some(clock(None, 404)), &mpd))[0].message.contains("HTTP status 404"));
        assert!(violations(run(Some(clock(None, 200)), &mpd))[0].message.contains("no time"));
        let ntp = ClockFacts { source: Some(ClockSource::Network), fetched: None, ..clock(None, 200) };
        assert_not_run(run(Some(ntp), &mpd), NTP);
        let strange = ClockFacts { source: None, fetched: None, ..clock(None, 200) };
        let found = violations(run(Some(strange.clone()), &mpd));
        assert!(found[0].severity.is_none() && found[0].message.contains("gives no time"), "{found:?}");
        let timing = Descriptor { scheme: "urn:example:sundial".into(), value: None };
        let found = violations(run(Some(ClockFacts { timing, ..strange }), &mpd));
        assert_eq!(found[0].severity, Some(Severity::Warning), "players pass over it");
    }

    #[test]
    fn the_time_in_the_mpd_itself_has_to_be_the_present_one() {
        // minimumUpdatePeriod is 2 s.
        let direct =
            |age: f64| ClockFacts { source: Some(ClockSource::Direct(time(-age))), fetched: None, ..clock(None, 200) };
        let mpd = timed("<S t=\"990000\" d=\"2000\" r=\"4\"/>");
        for good in [4.0, 0.0, -2.0] {
            assert_holds(run(Some(direct(good)), &mpd));
        }
        let found = violations(run(Some(direct(30.0)), &mpd));
        assert!(found[0].message.contains("is 30.0 s behind the exporter's clock"), "{found:?}");
        let early = violations(run(Some(direct(-9.0)), &mpd));
        assert_eq!(early.len(), 1, "no answer took so long");
    }

    #[test]
    fn a_dead_clock_before_one_that_works_is_minor() {
        let run = |dead: ClockFacts, used: ClockFacts| {
            let mut scene = Scene::dash(&timed("<S t=\"990000\" d=\"2000\" r=\"4\"/>"));
            let facts = scene.mpd_facts();
            (facts.clock, facts.dead_clocks) = (Some(used), vec![dead]);
            violations(check(&scene.context(), &Params::default()))
        };
        let found = run(clock(None, 404), clock(Some(0.1), 200));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Minor)));
        let message = "the clock of UTCTiming gives no time: HTTP status 404; players go on to the next, https://packager.example/tv1/time";
        assert_eq!(found[0].message, message);
        let all_dead = run(clock(None, 404), clock(None, 404));
        assert_eq!((all_dead.len(), all_dead[0].severity, all_dead[1].severity), (2, None, None));
        let wrong = run(clock(None, 404), clock(Some(9.0), 200));
        assert_eq!((wrong[0].severity, wrong[1].severity), (None, Some(Severity::Minor)));
    }

    #[test]
    fn the_clocks_of_an_mpd_may_differ_by_two_seconds() {
        let run = |own: f64, others: &[f64]| {
            let mut scene = Scene::dash(&timed("<S t=\"990000\" d=\"2000\" r=\"4\"/>"));
            let facts = scene.mpd_facts();
            facts.clock = Some(clock(Some(own), 200));
            facts.other_clocks = others.iter().map(|ahead| clock(Some(*ahead), 200)).collect();
            check(&scene.context(), &Params::default())
        };
        assert_holds(run(1.0, &[-1.0, 3.0]));
        let found = violations(run(1.0, &[1.5, -1.1]));
        assert_eq!((found.len(), found[0].severity), (1, None));
        let message = "the clocks of UTCTiming differ: https://packager.example/tv1/time is 2.1 s behind ";
        assert!(found[0].message.starts_with(message), "{found:?}");
        assert!(messages(run(1.0, &[3.1])).contains("is 2.1 s ahead of"));
    }

    #[test]
    fn without_one_a_fixed_pace_is_a_warning_and_a_timeline_is_nothing() {
        assert_eq!(violations(run(None, &paced()))[0].severity, Some(Severity::Warning));
        assert_holds(run(None, &timed("<S t=\"990000\" d=\"2000\" r=\"4\"/>")));
    }
}
