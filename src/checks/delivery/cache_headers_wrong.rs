use crate::checks::support::live_edge_age::{self, AgeUnit};
use crate::checks::support::representations;
use crate::checks::support::select::{self, NO_MANIFEST};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Exchange, RenditionFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::dash::Mpd;
use packager_media::redact;
use packager_media::stream::Media;
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "cache_headers_wrong",
    severity: Severity::Warning,
    group: CheckGroup::Delivery,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when caches may keep a live media playlist for longer than half a target duration, kept it for longer than a target \
           duration, may answer with one that is older while they ask for a new one or the origin fails \
           (stale-while-revalidate, stale-if-error), or may not keep segments. For an MPD the longest segment stands for the target \
           duration where the MPD lists segments, and minimumUpdatePeriod, if that is longer, where the clock alone counts them",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.1, 6.3.4; ISO/IEC 23009-1 5.3.1.2, 5.4.1; RFC 9111 4.2, 5.1, 5.2.2; RFC 5861 3, 4; HLS \
                authoring specification 7",
    needs_history: false,
};

params! {
    /// Longest time, in target durations (MPD: segment durations or minimum update periods), for which a cache may keep a live media
    /// playlist or MPD. Headers count whole seconds, so one second is always allowed.
    playlist_targets: f64 = 0.5,
    /// Greatest allowed age (header `Age`) of a cached media playlist or MPD, in the same unit.
    age_targets: f64 = 1.0,
}

/// Number of target durations after which hls_playlist_stale calls a playlist that doesn't move an outage.
const ERROR_TARGETS: f64 = 3.0;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let judged = select::judge_renditions(context, NO_MANIFEST, |facts, past| {
        let timeline = facts.timeline.as_deref()?;
        let exchange = facts.playlist.as_ref()?.ok()?;
        let is_playlist = context.output.dash().is_none() && !timeline.ended;
        let unit = live_edge_age::target_duration_unit(timeline).filter(|_| is_playlist);
        let playlist = unit.and_then(|unit| listed(exchange, context.output.protocol().listing(), &unit, params));
        Some(playlist.into_iter().chain(segments(facts, past)).collect())
    });
    match judged {
        CheckVerdict::Ran(found) => CheckVerdict::Ran(judge_mpd(context, params).into_iter().chain(found).collect()),
        not_run => not_run,
    }
}

/// Judges the answer with a live MPD, which all of its renditions share.
fn judge_mpd(context: &CheckContext<'_>, params: &Params) -> Option<Violation> {
    let unit = mpd_unit(context, &context.output.dash().filter(|dash| dash.mpd.dynamic)?.mpd)?;
    listed(context.output.manifest.ok()?, context.output.protocol().listing(), &unit, params)
}

/// Returns the time after which players need a new MPD: the longest segment if it lists segments up to an end, otherwise
/// minimumUpdatePeriod. A player that has a number template needs no new MPD for the next segment. `None`: the MPD announces no
/// update, or has ended.
fn mpd_unit(context: &CheckContext<'_>, mpd: &Mpd) -> Option<AgeUnit> {
    let live = context.output.renditions.iter().filter_map(|facts| {
        let timeline = facts.timeline.as_deref().filter(|t| !t.ended && facts.rendition.media != Media::Text)?;
        let has_end = representations::of_rendition(context, facts)?.addressing.listed_end().is_some();
        Some((live_edge_age::target_duration_unit(timeline)?.length, has_end))
    });
    let (listed, counted): (Vec<_>, Vec<_>) = live.partition(|(_, has_end)| *has_end);
    let shortest = |of: &[(Seconds, bool)]| of.iter().map(|(longest, _)| longest.0).reduce(f64::min).map(Seconds);
    if let Some(length) = shortest(&listed) {
        return Some(AgeUnit { length, name: "segment duration" });
    }
    let (segment, update) = (shortest(&counted)?, mpd.minimum_update_period?);
    Some(match update > segment {
        true => AgeUnit { length: update, name: "minimum update period" },
        false => AgeUnit { length: segment, name: "segment duration" },
    })
}

/// Returns a violation if caches may answer with a `listing` that is too old, or did.
fn listed(exchange: &Exchange, listing: &str, unit: &AgeUnit, params: &Params) -> Option<Violation> {
    let AgeUnit { length: Seconds(target), name } = *unit;
    let stale = staleness(exchange);
    let (fresh, age) = (freshness(exchange), exchange.header("age").and_then(|a| a.trim().parse::<f64>().ok()));
    let allowed = (params.playlist_targets * target).max(1.0);
    let oldest = (params.age_targets * target).max(1.0);
    let message = match (fresh, age) {
        (Some(kept), _) if kept > allowed => {
            format!(
                "caches may keep the live {listing} for {kept} s, at most {allowed} s of a {name} of {target} s are sound"
            )
        }
        (_, Some(old)) if old > oldest => {
            format!("the {listing} with which a cache answered is {old} s old; the {name} is {target} s")
        }
        _ if stale.while_revalidate > oldest => format!(
            "caches may answer with a live {listing} that is {} s old (stale-while-revalidate); the {name} is {target} s",
            stale.while_revalidate
        ),
        _ if stale.if_error > ERROR_TARGETS * target => format!(
            "caches may answer with a live {listing} that is {} s old while the origin fails (stale-if-error): players wait instead \
             of going to another server; at most {ERROR_TARGETS} {name}s of {target} s are sound",
            stale.if_error
        ),
        _ => return None,
    };
    let violation = Violation::new(message).with("url", redact::url(&exchange.final_url));
    let control = exchange.header("cache-control").map(str::to_owned);
    Some(violation.with("cache_control", control).with("fresh_seconds", fresh).with("age_seconds", age))
}

/// Returns the seconds for which a cache may use the answer (RFC 9111 4.2.1): that of a CDN, which goes by s-maxage, or that of a
/// browser, which goes by max-age (5.2.2.10), whichever is longer. `None`: no header says it.
fn freshness(exchange: &Exchange) -> Option<f64> {
    let directives = directives(exchange);
    let has = |name: &str| directives.iter().any(|d| d.eq_ignore_ascii_case(name));
    if has("no-store") || has("no-cache") {
        return Some(0.0);
    }
    let seconds = |name: &str| seconds(&directives, name);
    let browser = seconds("max-age").or_else(|| expires(exchange));
    let shared = if has("private") { Some(0.0) } else { seconds("s-maxage").or(browser) };
    browser.into_iter().chain(shared).reduce(f64::max)
}

/// Returns the seconds of a directive of Cache-Control. `None` without a readable one.
fn seconds(directives: &[&str], name: &str) -> Option<f64> {
    let values = directives.iter().filter_map(|d| d.split_once('='));
    let mut named = values.filter(|(n, _)| n.trim().eq_ignore_ascii_case(name));
    named.next()?.1.trim().trim_matches('"').parse::<f64>().ok()
}

/// Ages in seconds up to which caches may answer with what isn't fresh any more (RFC 5861 3, 4); 0 where they may not.
#[derive(Default)]
struct Staleness {
    while_revalidate: f64,
    if_error: f64,
}

/// Returns how old the answer of a cache may be beyond its freshness. Directives that forbid stale answers go before
/// (RFC 9111 4.2.4, 5.2.2).
fn staleness(exchange: &Exchange) -> Staleness {
    let directives = directives(exchange);
    let forbids = ["no-store", "no-cache", "must-revalidate", "proxy-revalidate"];
    if directives.iter().any(|d| forbids.iter().any(|name| d.eq_ignore_ascii_case(name))) {
        return Staleness::default();
    }
    let fresh = freshness(exchange).unwrap_or(0.0);
    let until = |name: &str| seconds(&directives, name).map_or(0.0, |more| fresh + more);
    Staleness { while_revalidate: until("stale-while-revalidate"), if_error: until("stale-if-error") }
}

fn expires(exchange: &Exchange) -> Option<f64> {
    let text = exchange.header("expires")?;
    let at = httpdate::parse_http_date(text).ok().and_then(|t| Timestamp::try_from(t).ok());
    // RFC 9111 5.3: what is no date, such as `0` or `-1`, is in the past.
    let Some(at) = at else { return Some(0.0) };
    Some(Seconds::between(exchange.date?, at).0.max(0.0))
}

/// Returns a violation if caches may not keep the newest segment. `no-cache` passes, because a cache may keep such an
/// answer and revalidate it.
fn segments(facts: &RenditionFacts, past: &RenditionHistory) -> Option<Violation> {
    let segments = select::inspected_segments(facts, past)?;
    let (segment, directive) = segments.iter().rev().find_map(|s| Some((s, refused(s.fetched.ok()?)?.to_owned())))?;
    let message =
        format!("segments are answered with Cache-Control: {directive}: each viewer's request reaches the origin");
    Some(select::segment_violation(segment, message).with("directive", directive))
}

fn refused(exchange: &Exchange) -> Option<&str> {
    let refuses = |d: &&str| d.eq_ignore_ascii_case("no-store") || d.eq_ignore_ascii_case("private");
    directives(exchange).into_iter().find(refuses)
}

fn directives(exchange: &Exchange) -> Vec<&str> {
    exchange.header("cache-control").map_or_else(Vec::new, |v| v.split(',').map(str::trim).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    /// Makes a test input: a media playlist that was answered with these headers. The target duration is 6 s.
    fn answered_with(headers: &[(&str, &str)]) -> Scene {
        let mut scene = Scene::live();
        scene.timeline().target_duration = Some(Seconds(6.0));
        let exchange = scene.rendition().playlist.as_mut().unwrap().result.as_mut().unwrap();
        exchange.date = Some(time(0.0));
        exchange.headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        scene
    }

    #[test]
    fn half_a_target_duration_holds_and_a_second_more_fails() {
        assert_holds(run(&answered_with(&[("cache-control", "public, max-age=3")])));
        let message = messages(run(&answered_with(&[("cache-control", "public, Max-Age=4")])));
        assert!(message.starts_with("caches may keep the live playlist for 4 s, at most 3 s"), "{message}");
    }

    /// Runs the check on an MPD that was answered with this header.
    fn run_mpd(mpd: &str, header: (&str, &str)) -> CheckVerdict {
        let mut scene = Scene::dash(mpd);
        let rendition = scene.rendition().clone();
        scene.output.renditions.push(RenditionFacts { coverage: None, ..rendition });
        let exchange = scene.output.manifest.result.as_mut().unwrap();
        exchange.headers = vec![(header.0.to_owned(), header.1.to_owned())];
        run(&scene)
    }

    #[test]
    fn an_mpd_that_lists_segments_is_judged_once_by_the_longest() {
        let mpd = timed("<S t=\"980000\" d=\"4000\" r=\"4\"/>").replace("Period=\"PT2S\"", "Period=\"PT30S\"");
        assert_holds(run_mpd(&mpd, ("cache-control", "max-age=2")));
        let message = "caches may keep the live MPD for 3 s, at most 2 s of a segment duration of 4 s are sound";
        assert_eq!(messages(run_mpd(&mpd, ("cache-control", "max-age=3"))), message);
        assert_holds(run_mpd(&mpd.replace("dynamic", "static"), ("cache-control", "max-age=3")));
    }

    #[test]
    fn an_mpd_whose_segments_the_clock_counts_is_judged_by_its_updates() {
        let mpd = paced().replace("Period=\"PT2S\"", "Period=\"PT30S\"");
        assert_holds(run_mpd(&mpd, ("cache-control", "max-age=15")));
        let message =
            "caches may keep the live MPD for 16 s, at most 15 s of a minimum update period of 30 s are sound";
        assert_eq!(messages(run_mpd(&mpd, ("cache-control", "max-age=16"))), message);
        assert!(
            messages(run_mpd(&mpd, ("age", "31")))
                .contains("the MPD with which a cache answered is 31 s old; the minimum update period is 30 s")
        );
        assert_holds(run_mpd(&mpd.replace("minimumUpdatePeriod=\"PT30S\"", ""), ("cache-control", "max-age=600")));
        let often = mpd.replace("Period=\"PT30S\"", "Period=\"PT0S\"");
        assert_holds(run_mpd(&often, ("cache-control", "max-age=1")));
        assert_eq!(violations(run_mpd(&often, ("cache-control", "max-age=2"))).len(), 1);
    }

    #[test]
    fn what_says_nothing_or_forbids_keeping_holds() {
        for headers in [&[][..], &[("cache-control", "no-cache, max-age=60")], &[("cache-control", "max-age=x")]] {
            assert_holds(run(&answered_with(headers)));
        }
        assert_holds(run(&answered_with(&[("expires", "0")])));
    }

    #[test]
    fn the_shared_caches_age_goes_before_and_expires_comes_last() {
        let browser = violations(run(&answered_with(&[("cache-control", "max-age=60, s-maxage=1")])));
        assert_eq!(browser.len(), 1, "browsers go by max-age");
        assert_eq!(violations(run(&answered_with(&[("cache-control", "max-age=1, s-maxage=60")]))).len(), 1);
        // `now` of the scene is 2027-01-15T08:00:00Z.
        assert_holds(run(&answered_with(&[("expires", "Fri, 15 Jan 2027 08:00:03 GMT")])));
        assert_eq!(violations(run(&answered_with(&[("expires", "Fri, 15 Jan 2027 08:00:04 GMT")]))).len(), 1);
    }

    #[test]
    fn one_second_is_always_allowed() {
        let mut scene = answered_with(&[("cache-control", "max-age=1")]);
        scene.timeline().target_duration = Some(Seconds(1.0));
        assert_holds(run(&scene));
    }

    #[test]
    fn an_old_copy_fails() {
        assert_holds(run(&answered_with(&[("age", "6")])));
        assert!(
            messages(run(&answered_with(&[("age", "7")])))
                .contains("the playlist with which a cache answered is 7 s old")
        );
    }

    #[test]
    fn a_stale_answer_counts_beyond_freshness() {
        let control = |value: &str| run(&answered_with(&[("cache-control", value)]));
        assert_holds(control("max-age=3, stale-while-revalidate=3"));
        let message = messages(control("max-age=3, stale-while-revalidate=4"));
        assert!(
            message.starts_with("caches may answer with a live playlist that is 7 s old (stale-while-"),
            "{message}"
        );
        assert_eq!(violations(control("stale-while-revalidate=7")).len(), 1, "nothing says that it is fresh");
        assert_holds(control("max-age=3, stale-if-error=15"));
        let message = messages(control("max-age=3, Stale-If-Error=16"));
        assert!(
            message.contains("19 s old while the origin fails") && message.contains("at most 3 target"),
            "{message}"
        );
        for forbids in ["no-cache", "no-store", "must-revalidate", "proxy-revalidate"] {
            assert_holds(control(&format!("{forbids}, max-age=1, stale-while-revalidate=60, stale-if-error=60")));
        }
    }

    #[test]
    fn an_ended_playlist_may_be_kept() {
        let mut scene = answered_with(&[("cache-control", "max-age=3600")]);
        scene.timeline().ended = true;
        assert_holds(run(&scene));
    }

    #[test]
    fn segments_that_may_not_be_kept_fail_once() {
        let mut scene = Scene::live();
        let segment = |n| {
            let mut segment = ts_segment(n, 0.0, 2.0);
            let exchange = segment.fetched.result.as_mut().unwrap();
            exchange.headers.push(("cache-control".to_owned(), "no-cache, no-store".to_owned()));
            segment
        };
        scene.remember((1..4).map(segment));
        assert!(messages(run(&scene)).starts_with("segments are answered with Cache-Control: no-store"));
        let mut scene = Scene::live();
        let mut asked_again = segment(1);
        asked_again.fetched.result.as_mut().unwrap().headers[0].1 = "no-cache".to_owned();
        scene.remember([asked_again]);
        assert_holds(run(&scene));
    }

    #[test]
    fn without_a_playlist_it_does_not_run() {
        assert_not_run(run(&Scene::unreadable()), NO_MANIFEST);
    }
}
