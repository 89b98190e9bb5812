use crate::checks::support::mpd_step::{self, MpdChange, MpdStep};
use crate::checks::support::representations::STATIC_MPD;
use crate::checks::support::select::{NO_MANIFEST, cap_violations};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use crate::history::{MpdState, PeriodStart};
use packager_media::dash::{Mpd, Period};
use packager_media::redact::Quoted;
use std::collections::BTreeMap;
use std::sync::Arc;

pub const META: CheckMeta = CheckMeta {
    id: "dash_period_id_wrong",
    severity: Severity::Major,
    group: CheckGroup::Dash,
    scope: CheckScope::Dash,
    alert: None,
    help: "fails when a Period@id of a live MPD stands twice, is another one in an update of the MPD, or is used again for a later \
           Period; minor when one of several Periods has no id, a warning when the only Period has none",
    reference: "ISO/IEC 23009-1 5.3.2.2; DASH-IF IOP 4.4.3.3",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let dash = match context.output.dash() {
        None => return CheckVerdict::NotRun(NO_MANIFEST),
        Some(dash) if !dash.mpd.dynamic => return CheckVerdict::NotRun(STATIC_MPD),
        Some(dash) => dash,
    };
    let steps = mpd_step::recent_steps(context).unwrap_or_default();
    let mut found: Vec<_> = missing(&dash.mpd).into_iter().collect();
    found.extend(twice(&dash.mpd));
    found.extend(changed(&steps));
    found.extend(used_again(&steps, &context.past.mpds));
    CheckVerdict::Ran(cap_violations(found))
}

fn missing(mpd: &Mpd) -> Option<Violation> {
    let nameless: Vec<_> = mpd.periods.iter().filter(|p| p.id.is_none()).collect();
    let (first, all) = (nameless.first()?, mpd.periods.len());
    let (message, severity) = match all {
        1 => ("the Period has no id; a live MPD must give it one".to_owned(), Severity::Warning),
        _ => (
            format!(
                "{} of {all} Periods have no id: players can't tell from one update to the next which Period is which",
                nameless.len()
            ),
            Severity::Minor,
        ),
    };
    let violation = Violation::new(format!("line {}: {message}", first.line)).severity(severity);
    Some(violation.with("line", first.line).with("periods", all))
}

fn twice(mpd: &Mpd) -> Vec<Violation> {
    let mut by_id: BTreeMap<&str, Vec<&Period>> = BTreeMap::new();
    for period in &mpd.periods {
        if let Some(id) = &period.id {
            by_id.entry(id).or_default().push(period);
        }
    }
    let shared = by_id.into_iter().filter_map(|(id, periods)| match periods.as_slice() {
        [first, second, ..] => Some((id, first.line, second.line, periods.len())),
        _ => None,
    });
    let violation = |(id, first, second, count): (&str, u32, u32, usize)| {
        Violation::new(format!(
            "line {second}: Period@id {} stands {count} times, first on line {first}: players take these Periods for one",
            Quoted(id)
        ))
        .with("line", second)
        .with("count", count)
    };
    shared.map(violation).collect()
}

/// Returns a violation for the newest Period that had another id in an earlier MPD. It also says how many updates of
/// the MPD changed the id of a Period.
fn changed(steps: &[MpdStep<'_>]) -> Option<Violation> {
    let renamed = |step: &MpdStep<'_>| {
        let same = |p: &&PeriodStart, q: &PeriodStart| (p.start - q.start).0.abs() <= SAME_START;
        let in_both = |p: &&PeriodStart| step.earlier.periods.iter().filter(|q| same(p, q)).count() == 1;
        let mut later = step.later.periods.iter().rev().filter(in_both);
        later.find_map(|p| {
            let before = step.earlier.periods.iter().find(|q| same(&p, q))?;
            let (was, is) = (before.id.clone()?, p.id.clone()?);
            let still_there = step.later.periods.iter().any(|q| q.id.as_ref() == Some(&was));
            (was != is && !still_there).then_some((p.start, was, is))
        })
    };
    let continued = steps.iter().rev().filter(|s| s.change != MpdChange::Restarted);
    let all: Vec<_> = continued.filter_map(|s| Some((s, renamed(s)?))).collect();
    let (step, (start, was, is)) = all.first()?;
    let more =
        if all.len() > 1 { format!(", and {} earlier updates did the same", all.len() - 1) } else { String::new() };
    let message = format!(
        "the Period that begins at {:.3} s of the presentation had the id {} and now has {}{more}: players take it for another Period",
        start.0,
        Quoted(was),
        Quoted(is)
    );
    Some(Violation::new(message).with("updates", all.len()).with("seen_at", step.later.first_seen.to_string()))
}

/// Seconds by which the start of one Period may differ in two MPDs because of rounding.
const SAME_START: f64 = 0.1;

/// Returns a violation for each update of the MPD in which a new Period has the id of an earlier Period.
fn used_again(steps: &[MpdStep<'_>], states: &[Arc<MpdState>]) -> Vec<Violation> {
    let restarted = steps.iter().filter(|s| s.change == MpdChange::Restarted).map(|s| s.later.first_seen).max();
    let run: Vec<_> =
        states.iter().map(AsRef::as_ref).filter(|s| restarted.is_none_or(|at| s.first_seen >= at)).collect();
    let violation = |step: &MpdStep<'_>| {
        let new = step.later.periods.iter().rev().filter(|p| mpd_step::begins_later(step.earlier, p.start));
        new.filter_map(|p| {
            let same = |q: &&PeriodStart| q.id.is_some() && q.id == p.id && !mpd_step::is_same_start(q.start, p.start);
            let earlier = run.iter().rev().filter(|s| s.first_seen < step.later.first_seen);
            let before = earlier.flat_map(|s| &s.periods).find(same)?;
            let message = format!(
                "Period@id {} is used again: it named the Period at {:.3} s of the presentation, and now the one at {:.3} s; players \
                 mix them up",
                Quoted(p.id.as_deref()?),
                before.start.0,
                p.start.0
            );
            Some(Violation::new(message).with("seen_at", step.later.first_seen.to_string()))
        })
        .next()
    };
    steps.iter().rev().filter(|s| s.change != MpdChange::Restarted).filter_map(violation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::units::Seconds;

    fn run(states: impl IntoIterator<Item = MpdState>) -> CheckVerdict {
        let mut scene = Scene::dash(&timed("<S t=\"980000\" d=\"2000\" r=\"9\"/>"));
        scene.published(states);
        check(&scene.context(), &Params::default())
    }

    fn state(second: i64, edge: f64, periods: &[(&str, f64)]) -> MpdState {
        let period = |(id, start): &(&str, f64)| PeriodStart::new(Some((*id).to_owned()), Seconds(*start));
        MpdState { periods: periods.iter().map(period).collect(), ..mpd(second, edge) }
    }

    fn of_mpd(periods: &str) -> Vec<Violation> {
        violations(check(&Scene::dash(&dynamic(periods)).context(), &Params::default()))
    }

    const TIMELINE: &str = "<S t=\"0\" d=\"2000\"/>";

    #[test]
    fn one_id_for_each_period_holds() {
        assert_eq!(of_mpd(&(period("a", 0, TIMELINE) + &period("b", 980, TIMELINE))), []);
        assert_holds(run([state(-20, 980.0, &[("a", 0.0)]), state(-10, 990.0, &[("a", 0.0), ("b", 980.0)])]));
    }

    #[test]
    fn a_missing_id_is_minor_among_several_periods_and_a_warning_alone() {
        let nameless = |start: u32| period("x", start, TIMELINE).replace(" id=\"x\" start", " start");
        let found = of_mpd(&nameless(0));
        assert_eq!(found[0].severity, Some(Severity::Warning));
        assert_eq!(found[0].message, "line 1: the Period has no id; a live MPD must give it one");
        let found = of_mpd(&(nameless(0) + &period("b", 980, TIMELINE)));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Minor)));
        assert!(found[0].message.starts_with("line 1: 1 of 2 Periods have no id: "), "{}", found[0].message);
    }

    #[test]
    fn an_id_that_stands_twice_is_major_and_named() {
        let found = of_mpd(&(period("ad", 0, TIMELINE) + "\n" + &period("ad", 980, TIMELINE)));
        assert_eq!((found.len(), found[0].severity), (1, None));
        assert_eq!(
            found[0].message,
            "line 2: Period@id `ad` stands 2 times, first on line 1: players take these Periods for one"
        );
    }

    #[test]
    fn another_id_in_each_update_is_one_violation() {
        let found = violations(run([
            state(-20, 980.0, &[("a", 0.0)]),
            state(-18, 982.0, &[("b", 0.0)]),
            state(-16, 984.0, &[("c", 0.05)]),
        ]));
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].message,
            "the Period that begins at 0.050 s of the presentation had the id `b` and now has `c`, and 1 earlier updates did the \
             same: players take it for another Period"
        );
    }

    #[test]
    fn an_id_that_is_used_again_is_named_with_both_periods() {
        let gone_between = [
            state(-30, 970.0, &[("ad", 950.0)]),
            state(-20, 980.0, &[("tv", 970.0)]),
            state(-10, 990.0, &[("tv", 970.0), ("ad", 980.0)]),
        ];
        assert_eq!(
            messages(run(gone_between.clone())),
            "Period@id `ad` is used again: it named the Period at 950.000 s of the presentation, and now the one at 980.000 s; players \
             mix them up"
        );
        let [first, _, third] = gone_between;
        assert!(messages(run([first, third])).contains("is used again"), "also in the next MPD");
    }

    #[test]
    fn a_restart_begins_anew() {
        assert_holds(run([state(-30, 980.0, &[("a", 900.0)]), state(-20, 10.0, &[("a", 0.0)])]));
    }

    #[test]
    fn a_static_mpd_and_none_are_not_judged() {
        let fixed = timed("").replace("type=\"dynamic\"", "type=\"static\"");
        assert_not_run(check(&Scene::dash(&fixed).context(), &Params::default()), STATIC_MPD);
        assert_not_run(check(&Scene::unreadable().context(), &Params::default()), NO_MANIFEST);
    }
}
