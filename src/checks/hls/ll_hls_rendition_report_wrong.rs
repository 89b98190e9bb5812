use crate::checks::support::select::NO_MANIFEST;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::{RenditionReport, Timeline};
use packager_media::units::Seconds;
use url::Url;

pub const META: CheckMeta = CheckMeta {
    id: "ll_hls_rendition_report_wrong",
    severity: Severity::Major,
    group: CheckGroup::Hls,
    scope: CheckScope::LowLatencyHls,
    alert: None,
    help: "fails when a low-latency playlist has no EXT-X-RENDITION-REPORT for another rendition, or the report is \
           behind both that rendition's playlist and its own: players that switch renditions fall back",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.5.4, B.1",
    needs_history: false,
};

params! {
    /// Part target durations by which a rendition report may be behind the playlist that it describes. Renditions are
    /// updated in sync within one part target duration (RFC 8216bis B.1).
    part_targets: f64 = 2.0,
}

const FEW_PLAYLISTS: &str = "fewer than two live playlists with parts were read";

#[derive(Clone, Copy)]
struct Subject<'a> {
    facts: &'a RenditionFacts,
    timeline: &'a Timeline,
    url: &'a Url,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    if !context.output.is_readable() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let subjects: Vec<_> = context.output.renditions.iter().filter_map(subject).collect();
    let distinct = |s: &Subject<'_>| subjects.iter().any(|o| o.url.path() != s.url.path());
    if !subjects.iter().any(distinct) {
        return CheckVerdict::NotRun(FEW_PLAYLISTS);
    }
    CheckVerdict::Ran(subjects.iter().flat_map(|s| judge(*s, &subjects, params)).collect())
}

fn subject(facts: &RenditionFacts) -> Option<Subject<'_>> {
    let timeline = facts.timeline.as_deref().filter(|t| !t.low_latency.parts.is_empty() && !t.ended)?;
    Some(Subject { facts, timeline, url: &facts.playlist.as_ref()?.ok()?.final_url })
}

/// Returns one violation for all missing rendition reports of a playlist, and one for the report that is furthest
/// behind.
fn judge(subject: Subject<'_>, all: &[Subject<'_>], params: &Params) -> Vec<Violation> {
    // Playlists that differ only in their queries can't be distinguished, because tokens change.
    let alone = |s: &Subject<'_>| {
        all.iter().filter(|o| o.url.path() == s.url.path() && o.facts.rendition.uri != s.facts.rendition.uri).count()
            == 0
    };
    let others = all.iter().filter(|o| o.url.path() != subject.url.path() && alone(o));
    let reports: Vec<_> = others.map(|o| (o, report(subject, o.url))).collect();
    let missing: Vec<_> =
        reports.iter().filter(|(_, r)| r.is_none()).map(|(o, _)| o.facts.rendition.name.as_str()).collect();
    let lags = reports.iter().filter_map(|(o, r)| Some((*o, (*r)?, behind(subject, **o, (*r)?, params)?)));
    let most = lags.reduce(|a, b| if b.2 > a.2 { b } else { a });
    let about = |v: Violation| v.in_rendition(&subject.facts.rendition.name).with("url", redact::url(subject.url));
    let mut found = Vec::new();
    if !missing.is_empty() {
        let message = format!("there is no EXT-X-RENDITION-REPORT of {}", missing.join(", "));
        found.push(about(Violation::new(message)).with("missing", missing.len()));
    }
    found.extend(most.map(|(other, report, lag)| {
        let name = &other.facts.rendition.name;
        let message = format!("the report of {name} is {:.3} s behind its playlist", lag.0);
        about(Violation::new(message)).with("line", report.line).with("behind_seconds", lag.0).with("of", name.as_str())
    }));
    found
}

fn report<'a>(subject: Subject<'a>, url: &Url) -> Option<&'a RenditionReport> {
    let reports = &subject.timeline.low_latency.reports;
    reports.iter().find(|r| r.uri.as_ref().is_some_and(|uri| uri.path() == url.path()))
}

/// Returns the time by which a rendition report is behind the playlist that it describes. `None`: it isn't behind, or
/// dates are missing. It is also `None` if the playlist with the report is itself as old as the report, because that
/// playlist may come from a cache.
fn behind(subject: Subject<'_>, other: Subject<'_>, report: &RenditionReport, params: &Params) -> Option<Seconds> {
    // A server may leave out what is the same as of the playlist that holds the report (4.4.5.4).
    let own = subject.timeline.low_latency.parts.last()?;
    let at = (report.last_segment.unwrap_or(own.segment), report.last_part.unwrap_or(own.index));
    let lag = duration_after(other.timeline, at);
    let reported = Seconds(-lag.0).after(other.timeline.live_edge()?);
    let lag_here = Seconds::between(reported, subject.timeline.live_edge()?);
    let target = |s: Subject<'_>| s.timeline.low_latency.part_target.map_or(0.0, |t| t.0);
    let allowed = params.part_targets * target(subject).max(target(other));
    (lag.0 > allowed && lag_here.0 > allowed).then_some(lag)
}

/// Returns the duration of the media that a playlist lists after a part.
fn duration_after(timeline: &Timeline, (segment, part): (u64, u64)) -> Seconds {
    let parts = &timeline.low_latency.parts;
    let first = parts.first().map_or(u64::MAX, |p| p.segment);
    let later: Seconds = parts.iter().filter(|p| (p.segment, p.index) > (segment, part)).map(|p| p.duration).sum();
    let between = timeline.segments.iter().filter(|s| s.number > segment && s.number < first);
    later + between.map(|s| s.duration).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use std::sync::Arc;

    /// Runs ll_hls_rendition_report_wrong on three playlists that have rendition reports of one another, all up to the
    /// second part of segment 16. `change` changes this input before the check runs.
    fn scene(change: impl FnOnce(&mut Scene)) -> CheckVerdict {
        let mut scene = Scene::low_latency();
        scene.timeline().segments[5].program_date_time = Some(time(-4.0));
        let names = ["720p", "540p", "360p"];
        let reports = names.map(|name| {
            let uri = Some(url(&format!("{name}/index.m3u8?token=2")));
            RenditionReport { uri, last_segment: Some(16), last_part: Some(1), line: 31 }
        });
        scene.timeline().low_latency.reports = reports.into();
        for name in &names[1..] {
            let mut other = scene.rendition().clone();
            other.rendition.name = (*name).to_owned();
            let playlist = format!("{name}/index.m3u8?token=1");
            other.rendition.uri = Some(url(&playlist));
            other.playlist = Some(answered(&playlist, "application/vnd.apple.mpegurl"));
            scene.output.renditions.push(other);
        }
        change(&mut scene);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn one_report_of_each_other_playlist_holds() {
        assert_holds(scene(|_| {}));
        assert_holds(scene(|s| drop(s.timeline().low_latency.reports.remove(0))));
        let found = violations(scene(|s| s.timeline().low_latency.reports.truncate(1)));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "there is no EXT-X-RENDITION-REPORT of 540p, 360p");
        assert_eq!(found[0].rendition.as_deref(), Some(NAME));
    }

    #[test]
    fn two_part_targets_behind_are_allowed() {
        let at = |segment, part| {
            scene(move |s| {
                let report = &mut s.timeline().low_latency.reports[1];
                (report.last_segment, report.last_part) = (Some(segment), Some(part));
            })
        };
        assert_holds(at(15, 3));
        assert_eq!(messages(at(15, 2)), "the report of 540p is 1.500 s behind its playlist");
        assert_eq!(messages(at(13, 3)), "the report of 540p is 4.000 s behind its playlist");
        assert_holds(at(17, 0));
    }

    #[test]
    fn of_several_reports_the_one_that_is_most_behind_is_named() {
        for (segments, worst) in [([15, 13], "360p"), ([13, 15], "540p")] {
            let verdict = scene(|s| {
                for (report, segment) in s.timeline().low_latency.reports.iter_mut().skip(1).zip(segments) {
                    (report.last_segment, report.last_part) = (Some(segment), Some(2));
                }
            });
            let message = messages(verdict);
            assert!(message.starts_with(&format!("the report of {worst} is ")), "{message}");
        }
    }

    #[test]
    fn what_is_left_out_is_the_same_as_here() {
        assert_holds(scene(|s| {
            let report = &mut s.timeline().low_latency.reports[1];
            (report.last_segment, report.last_part) = (None, None);
        }));
    }

    #[test]
    fn a_cached_playlist_is_as_old_as_its_reports() {
        assert_holds(scene(|s| {
            let cached = s.timeline();
            cached.low_latency.parts.truncate(4);
            for report in &mut cached.low_latency.reports {
                (report.last_segment, report.last_part) = (Some(15), Some(1));
            }
            cached.segments.pop();
            cached.segments[4].program_date_time = Some(time(-6.0));
        }));
    }

    #[test]
    fn playlists_that_differ_only_in_their_query_are_not_judged() {
        assert_holds(scene(|s| {
            let other = &mut s.output.renditions[2];
            other.playlist = Some(answered("540p/index.m3u8?r=3", ""));
            other.rendition.uri = Some(url("540p/index.m3u8?r=3"));
            Arc::make_mut(s.output.renditions[0].timeline.as_mut().unwrap()).low_latency.reports.truncate(1);
        }));
    }

    #[test]
    fn one_playlist_has_no_other_to_report() {
        assert_not_run(check(&Scene::low_latency().context(), &Params::default()), FEW_PLAYLISTS);
        assert_not_run(scene(|s| s.output.renditions.truncate(1)), FEW_PLAYLISTS);
        assert_not_run(check(&Scene::unreadable().context(), &Params::default()), NO_MANIFEST);
    }
}
