use crate::checks::support::representations::{self, LiveRepresentation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::dash::{SegmentScheme, SegmentTiming, renumbered_by, timing};
use packager_media::redact;
use packager_media::stream::Media;
use packager_media::units::{Seconds, Timestamp};

pub const META: CheckMeta = CheckMeta {
    id: "dash_live_edge_unavailable",
    severity: Severity::Critical,
    group: CheckGroup::Dash,
    scope: CheckScope::Dash,
    alert: None,
    help: "fails when no segment of a Representation is available by the wall clock (corrected by UTCTiming), or the newest segment of a \
           fixed pace or an open S (r=-1) is due, or is always available (availabilityTimeOffset INF), and can't be fetched; major while other renditions of its kind play, when the whole \
           list is before its time, and for INF; and when a Representation is one file without segments, although its Period goes on. Minor if a \
           SegmentList with @duration has available segments only where dash.js and Shaka Player place it, by a startNumber that moves \
           within the Period. Minor if the last S repeats without end (r=-1) in a Period without end, which the standard allows and only dash.js plays. Segments \
           that are listed ahead, such as those of an ad, are no fault, and subtitles may list none while nobody speaks",
    reference: "ISO/IEC 23009-1 5.3.9.2, 5.3.9.5; DASH-IF IOP 4.3",
    needs_history: false,
};

params! {
    /// Longest time in seconds for which a segment may be late.
    late: f64 = 2.0,
    /// Seconds by which a whole list may be early, in addition to the duration of its last segment and minimumUpdatePeriod. Healthy
    /// MPDs of ffmpeg are: it reads its input for 5 s and then declares the end of this time as the start of the presentation.
    early: f64 = 8.0,
    /// Seconds after the start of a Period in which no segment has to be available.
    grace: f64 = 20.0,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    representations::judge_live_representations(context, |rung| {
        let found = match rung.timeline_runs() {
            // An open S goes on by the clock, as a fixed pace does.
            Some(runs) if runs.last().is_some_and(|run| run.count.is_none()) => missing(rung, params),
            Some(_) => early(rung, params).or_else(|| nothing_available(rung, params)),
            None => one_file(rung).or_else(|| nothing_available(rung, params)).or_else(|| missing(rung, params)),
        };
        found.into_iter().chain(renumbered(rung)).chain(without_end(rung)).collect()
    })
}

/// Returns a violation if a SegmentList with `@duration` has available segments only where dash.js and Shaka Player place it: its
/// startNumber moves with the window, although it is the number of the Period's first segment (ISO/IEC 23009-1 5.3.9.2).
fn renumbered(rung: &LiveRepresentation<'_>) -> Option<Violation> {
    let by = renumbered_by(rung.mpd, rung.period, &rung.representation.addressing, rung.now)?;
    let message = format!(
        "the startNumber of the SegmentList moves within its Period: dash.js and Shaka Player place the first URL {:.1} s after the start \
         of the Period, the standard and Media3 place it at the start, where no segment is available; write a SegmentTimeline",
        by.0
    );
    let violation = Violation::new(message).with("line", rung.representation.line);
    Some(violation.with("after_start_seconds", by.0).severity(Severity::Minor))
}

/// Returns a violation if a SegmentTimeline ends with an S that repeats up to the live edge (r=-1), and its Period has no end. The
/// standard allows it, but only dash.js computes an end from the clock: Shaka Player leaves the S out, and Media3 takes an end that
/// isn't known for a number.
fn without_end(rung: &LiveRepresentation<'_>) -> Option<Violation> {
    let open = rung.timeline_runs()?.last().filter(|run| run.count.is_none() && rung.period.duration.is_none())?;
    let message = format!(
        "the last S of the SegmentTimeline, at {:.3} s of media time, repeats without end (a negative r) in a Period without end: Shaka Player \
         leaves its segments out and Media3 miscounts them, only dash.js plays them; list each segment that there is",
        rung.seconds(i128::from(open.start))
    );
    Some(Violation::new(message).with("line", rung.representation.line).severity(Severity::Minor))
}

/// Returns a violation if video or audio of a Period without an end is one file: it names no segment (SegmentTemplate,
/// SegmentList) and no index of a file, so that it is a single segment as long as the Period (ISO/IEC 23009-1 5.3.9.2).
fn one_file(rung: &LiveRepresentation<'_>) -> Option<Violation> {
    let is_media = matches!(rung.facts.rendition.media, Media::Video | Media::Audio);
    let is_file = rung.representation.addressing.segments == SegmentScheme::Single { index: None };
    (is_media && is_file && rung.period.duration.is_none()).then(|| {
        Violation::new(
            "the Representation is one file without segments, and its Period has no end: players can't follow it live; write a \
             SegmentTemplate or a SegmentList",
        )
        .with("line", rung.representation.line)
    })
}

/// Returns a violation if no segment is available, so that a player finds nothing to play: all of them are older than the
/// time-shift buffer, or none is complete yet.
fn nothing_available(rung: &LiveRepresentation<'_>, params: &Params) -> Option<Violation> {
    let SegmentScheme::Listed(listing) = &rung.representation.addressing.segments else { return None };
    let timeline = rung.facts.timeline.as_deref()?;
    let may_pause = rung.facts.rendition.media == Media::Text && rung.timeline_runs().is_some();
    if !timeline.segments.is_empty() || timeline.ended || may_pause {
        return None;
    }
    let begun = rung.period.start?.after(rung.mpd.availability_start?);
    let since = Seconds::between(begun, rung.now).0;
    if since <= params.grace {
        return None;
    }
    let ended = last_end(rung, begun).map(|ended| Seconds::between(ended, rung.now).0);
    let depth = rung.mpd.time_shift_buffer_depth.map_or(f64::INFINITY, |d| d.0);
    let first = rung.timeline_runs().and_then(|runs| rung.wall_clock_time(runs.first()?.start));
    let until_first = first.map(|begins| Seconds::between(rung.now, begins).0).filter(|left| *left > 0.0);
    if let Some(left) = until_first {
        let message = format!(
            "no segment is available: the first listed one begins in {left:.1} s; {}",
            cause_of_early(rung, left)
        );
        let violation = Violation::new(message).with("early_seconds", left).with("line", rung.representation.line);
        return Some(violation.severity(Severity::Major));
    }
    let message = match (ended, &listing.timing) {
        (Some(ago), _) if ago > 0.0 => format!(
            "no segment is available: the newest listed segment ended {ago:.1} s ago; the time-shift buffer holds {depth} s"
        ),
        (_, SegmentTiming::Fixed(duration)) => format!(
            "no segment is available {since:.0} s after the start of the Period: each lasts {:.0} s by @duration and @timescale",
            rung.seconds(i128::from(*duration))
        ),
        _ => "no segment is listed".to_owned(),
    };
    Some(Violation::new(message).with("behind_seconds", ended).with("line", rung.representation.line))
}

/// Returns when the last segment that the MPD names ends: the end of its list, or that of the Period if this is earlier.
/// `None`: the MPD names no end. `begun` is the start of the Period.
fn last_end(rung: &LiveRepresentation<'_>, begun: Timestamp) -> Option<Timestamp> {
    let listed = rung.representation.addressing.listed_end().map(|(end, _)| end);
    let ends = listed.into_iter().chain(rung.period.duration);
    ends.min_by(|a, b| a.0.total_cmp(&b.0)).map(|end| end.after(begun))
}

/// Returns a violation if the whole list is too long before its time, because the packager's clock or
/// availabilityStartTime is wrong. A player that follows the clock requests segments later than it could.
///
/// A list that only goes on into the future is right: ads are listed as a whole, and a list has to cover
/// minimumUpdatePeriod. Such a list begins where the time-shift buffer or the Period does.
fn early(rung: &LiveRepresentation<'_>, params: &Params) -> Option<Violation> {
    let runs = rung.timeline_runs()?;
    let (first, last) = runs.first().zip(runs.last())?;
    let available = rung.wall_clock_time(last.end()?)?;
    let ahead = Seconds::between(rung.now, available) - timing::early_availability(&rung.representation.addressing);
    let update = rung.mpd.minimum_update_period.map_or(0.0, |period| period.0);
    let allowed = rung.seconds(i128::from(last.duration)) + params.early + update;
    let period_start = rung.period.start?.after(rung.mpd.availability_start?);
    let buffer_start = rung.mpd.time_shift_buffer_depth.map(|depth| Seconds(-depth.0).after(rung.now));
    let due = buffer_start.map_or(period_start, |buffer| if buffer > period_start { buffer } else { period_start });
    let begins_late = Seconds::between(due, rung.wall_clock_time(first.start)?).0;
    (ahead.0 > allowed && begins_late > allowed).then(|| {
        let message = format!(
            "the newest segment is listed {:.1} s before its time, and the list begins {begins_late:.1} s after the time-shift \
             buffer; {}",
            ahead.0,
            cause_of_early(rung, ahead.0)
        );
        Violation::new(message)
            .with("early_seconds", ahead.0)
            .with("allowed_seconds", allowed)
            .severity(Severity::Major)
    })
}

/// Longest time in seconds by which the start of the Period and the time by which its list is early may differ for one to explain the
/// other.
const CLOSE_TO_START: f64 = 15.0;

/// Returns the likely cause of a list that is early by this number of seconds. Media times that go on from Period to Period, without
/// presentationTimeOffset, are early by the start of the Period.
fn cause_of_early(rung: &LiveRepresentation<'_>, early: f64) -> &'static str {
    let start = rung.period.start.map_or(0.0, |start| start.0);
    let is_unset = rung.representation.addressing.presentation_time_offset == 0;
    if is_unset && start > CLOSE_TO_START && (early - start).abs() <= CLOSE_TO_START {
        "this is about Period@start: presentationTimeOffset may be missing"
    } else {
        "availabilityStartTime or a clock is off"
    }
}

/// Returns a violation if the newest segment by the clock can't be fetched. A fixed `@duration` and an open S (r=-1)
/// don't list segments, so only the clock says which segment is the newest.
fn missing(rung: &LiveRepresentation<'_>, params: &Params) -> Option<Violation> {
    let newest = rung.facts.timeline.as_deref()?.segments.last()?;
    let asked = rung.facts.segments.iter().find(|s| s.segment.number == newest.number)?;
    let status = asked.fetched.result.as_ref().ok().filter(|_| !asked.fetched.probe_timed_out())?.status;
    let due = newest.duration.after(newest.program_date_time?);
    let addressing = &rung.representation.addressing;
    let late = Seconds::between(due, rung.now) + timing::live_edge_offset(rung.period, addressing);
    let is_always = !timing::early_availability(addressing).0.is_finite();
    (matches!(status, 404 | 410 | 425) && (late.0 > params.late || is_always)).then(|| {
        let message = if is_always {
            format!(
                "availabilityTimeOffset is INF, so that players may request every segment at any time, but one that the clock doesn't \
                 count yet answers {status}"
            )
        } else {
            format!("by the clock the newest segment has been available for {:.1} s, but it answers {status}", late.0)
        };
        let violation = Violation::new(message).with("url", redact::url(&newest.uri));
        let violation = violation.with("late_seconds", late.0).with("due", due.to_string());
        if is_always { violation.severity(Severity::Major) } else { violation }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_timeline_that_the_buffer_has_passed_is_critical() {
        // The buffer holds 60 s; now is at 1000 s.
        assert_holds(run(&Scene::dash(&timed("<S t=\"930000\" d=\"2000\" r=\"5\"/>"))));
        let found = violations(run(&Scene::dash(&timed("<S t=\"900000\" d=\"2000\" r=\"9\"/>"))));
        assert!(
            found[0].message.starts_with("no segment is available: the newest listed segment ended 80.0 s ago"),
            "{found:?}"
        );
        assert_eq!(found[0].severity, None);
    }

    #[test]
    fn a_buffer_that_is_shorter_than_a_segment_holds_each_segment_for_its_own_duration() {
        // Now is at 1000 s, and segments last 4 s.
        let listed = |depth: &str, end: u32| {
            let list = timed(&format!("<S t=\"{}\" d=\"4000\" r=\"4\"/>", end - 20_000));
            run(&Scene::dash(
                &list.replace("timeShiftBufferDepth=\"PT60S\"", &format!("timeShiftBufferDepth=\"{depth}\"")),
            ))
        };
        for (depth, newest) in
            [("PT2S", 1_000_000), ("PT2S", 996_000), ("PT2S", 994_001), ("PT0S", 1_000_000), ("PT10S", 988_000)]
        {
            assert_holds(listed(depth, newest));
        }
        for (depth, newest) in [("PT2S", 994_000), ("PT0S", 996_000), ("PT10S", 986_000)] {
            assert_eq!(violations(listed(depth, newest)).len(), 1, "{depth} {newest}");
        }
    }

    #[test]
    fn a_list_whose_first_number_moves_is_minor() {
        // Now is at 1000 s, and segments last 2 s.
        let listed = |first: u32| {
            let urls = (0..10).map(|n| format!("<SegmentURL media=\"{n}.m4s\"/>")).collect::<String>();
            let list = format!(
                "<SegmentList timescale=\"1000\" duration=\"2000\" startNumber=\"{first}\">{urls}</SegmentList>"
            );
            let template =
                "<SegmentTemplate timescale=\"1000\" duration=\"2000\" media=\"$RepresentationID$/$Number$.m4s\"/>";
            Scene::dash(&paced().replace(template, &list))
        };
        let scene = listed(491);
        let segments = &scene.output.renditions[0].timeline.as_ref().unwrap().segments;
        assert_eq!((segments[0].number, segments.len()), (980_000, 10));
        let found = violations(run(&scene));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Minor)));
        assert!(found[0].message.contains("place the first URL 980.0 s after the start of the Period"), "{found:?}");
        assert_eq!(violations(run(&listed(1)))[0].severity, None, "the list has ended");
        assert_eq!(violations(run(&listed(400)))[0].severity, None, "it is too old by either rule");
    }

    #[test]
    fn subtitles_may_list_nothing_while_nobody_speaks() {
        let passed = timed("<S t=\"900000\" d=\"2000\" r=\"9\"/>");
        assert_eq!(violations(run(&Scene::dash(&passed))).len(), 1);
        assert_holds(run(&Scene::dash(&passed.replace("video", "text"))));
        let ended = paced().replace("video", "text").replace("start=\"PT0S\"", "start=\"PT0S\" duration=\"PT900S\"");
        assert_eq!(violations(run(&Scene::dash(&ended))).len(), 1, "a fixed pace has no pauses");
    }

    #[test]
    fn a_period_at_a_fixed_pace_that_the_buffer_has_passed_is_critical() {
        // 1000 s have passed, and 60 s are in the buffer.
        let ended =
            |seconds: u32| paced().replace("start=\"PT0S\"", &format!("start=\"PT0S\" duration=\"PT{seconds}S\""));
        assert_holds(run(&Scene::dash(&ended(990))));
        let found = violations(run(&Scene::dash(&ended(900))));
        assert!(found[0].message.contains("the newest listed segment ended 100.0 s ago"), "{found:?}");
        assert_eq!(found[0].severity, None);
    }

    #[test]
    fn a_file_without_segments_cannot_be_live() {
        let file = |period: &str, kind: &str| {
            run(&Scene::dash(&dynamic(&format!(
                "<Period start=\"PT0S\"{period}><AdaptationSet contentType=\"{kind}\" mimeType=\"{kind}/mp4\"><Representation \
                 id=\"v1\" bandwidth=\"1000000\" codecs=\"avc1.64001f\"><BaseURL>v.mp4</BaseURL></Representation></AdaptationSet></Period>"
            ))))
        };
        let found = violations(file("", "video"));
        assert!(found[0].message.starts_with("the Representation is one file without segments"), "{found:?}");
        assert_eq!((found[0].severity, found.len()), (None, 1));
        assert_eq!(violations(file("", "audio")).len(), 1);
        assert_holds(file("", "text"));
        assert_holds(file(" duration=\"PT2000S\"", "video"));
    }

    #[test]
    fn segments_that_last_longer_than_the_channel_has_run_are_critical() {
        let found = violations(run(&Scene::dash(&paced().replace("timescale=\"1000\"", ""))));
        assert!(found[0].message.contains("each lasts 2000 s by @duration and @timescale"), "{found:?}");
    }

    #[test]
    fn the_time_since_the_last_segment_is_evidence() {
        let found = violations(run(&Scene::dash(&timed("<S t=\"900000\" d=\"2000\" r=\"9\"/>"))));
        assert_eq!(
            (found.len(), found[0].rendition.is_some()),
            (1, true),
            "other renditions of its kind make it major"
        );
        assert_eq!(found[0].evidence["behind_seconds"], 80.0);
    }

    #[test]
    fn a_list_that_is_long_before_its_time_is_major() {
        // A segment lasts 2 s, the MPD is updated every 2 s, and 8 s more are allowed.
        assert_holds(run(&Scene::dash(&timed("<S t=\"992000\" d=\"2000\" r=\"9\"/>"))));
        let found = violations(run(&Scene::dash(&timed("<S t=\"992100\" d=\"2000\" r=\"9\"/>"))));
        assert_eq!(found[0].severity, Some(Severity::Major));
        assert!(found[0].message.contains("12.1 s before its time"), "{found:?}");
        // An hour too early: nothing is available by the clock, and players go by the list.
        let scene = Scene::dash(&timed("<S t=\"4590000\" d=\"2000\" r=\"9\"/>"));
        assert_eq!(scene.output.renditions[0].timeline.as_ref().unwrap().segments.len(), 10);
        assert_eq!(violations(run(&scene))[0].severity, Some(Severity::Major));
    }

    #[test]
    fn a_list_that_is_early_by_the_start_of_its_period_lacks_an_offset() {
        let message = |start: u32, t: u32| {
            let list = format!("<S t=\"{t}\" d=\"2000\" r=\"9\"/>");
            messages(run(&Scene::dash(&dynamic(&period("p1", start, &list)))))
        };
        let lacking = message(500, 980_000);
        assert!(lacking.ends_with("this is about Period@start: presentationTimeOffset may be missing"), "{lacking}");
        let late = message(500, 1_480_000);
        assert!(late.ends_with("availabilityStartTime or a clock is off"), "{late}");
    }

    #[test]
    fn a_list_that_begins_with_the_buffer_or_the_period_may_go_on_into_the_future() {
        // The buffer begins at 940 s: 12 s later is too late for a list that goes on for 100 s from now.
        let ahead = |start: u32| timed(&format!("<S t=\"{start}\" d=\"2000\" r=\"79\"/>"));
        let scene = Scene::dash(&ahead(940_000));
        assert_holds(run(&scene));
        assert_eq!(scene.output.renditions[0].timeline.as_ref().unwrap().last_number(), Some(998_000));
        assert_holds(run(&Scene::dash(&ahead(952_000))));
        assert_eq!(violations(run(&Scene::dash(&ahead(952_100)))).len(), 1);
        // An ad of 30 s that began 10 s ago is listed as a whole.
        let ad = dynamic(&period("ad", 990, "<S t=\"0\" d=\"2000\" r=\"14\"/>"));
        let scene = Scene::dash(&ad);
        assert_holds(run(&scene));
        assert_eq!(scene.output.renditions[0].timeline.as_ref().unwrap().last_number(), Some(998_000));
    }

    #[test]
    fn at_a_fixed_pace_or_in_an_open_run_the_newest_by_the_clock_has_to_answer() {
        let promised = paced().replace(" duration=", " availabilityTimeOffset=\"15\" duration=");
        for mpd in [paced(), promised, until_1100()] {
            newest_has_to_answer(&mpd);
        }
    }

    #[test]
    fn with_an_infinite_offset_a_segment_of_the_future_has_to_answer() {
        let answers = |status: u16| {
            let promised = paced().replace(" duration=", " availabilityTimeOffset=\"INF\" duration=");
            let mut scene = Scene::dash(&promised);
            let newest = scene.output.renditions[0].timeline.as_ref().unwrap().segments.last().unwrap().clone();
            assert_eq!(newest.number, 1_002_000, "two segments ahead");
            let mut asked = crate::facts::SegmentFacts { segment: newest, ..ts_segment(1, 0.0, 2.0) };
            asked.fetched.result.as_mut().unwrap().status = status;
            scene.output.renditions[0].segments = vec![std::sync::Arc::new(asked)];
            run(&scene)
        };
        assert_holds(answers(200));
        let found = violations(answers(404));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Major)));
        assert!(found[0].message.starts_with("availabilityTimeOffset is INF"), "{found:?}");
    }

    /// Returns an MPD with an open run, whose Period ends 100 s after the time of the probe.
    fn until_1100() -> String {
        let open = timed("<S t=\"980000\" d=\"2000\" r=\"-1\"/>");
        open.replace("start=\"PT0S\"", "start=\"PT0S\" duration=\"PT1100S\"")
    }

    #[test]
    fn an_open_run_in_a_period_without_end_is_minor() {
        assert_holds(run(&Scene::dash(&until_1100())));
        let found = violations(run(&Scene::dash(&timed("<S t=\"980000\" d=\"2000\" r=\"-1\"/>"))));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Minor)));
        assert!(
            found[0].message.starts_with("the last S of the SegmentTimeline, at 980.000 s of media time"),
            "{found:?}"
        );
        let closed = timed("<S t=\"900000\" d=\"2000\" r=\"-1\"/><S t=\"990000\" d=\"2000\" r=\"4\"/>");
        assert_holds(run(&Scene::dash(&closed)));
    }

    fn newest_has_to_answer(mpd: &str) {
        let mut scene = Scene::dash(mpd);
        let newest = scene.output.renditions[0].timeline.as_ref().unwrap().segments.last().unwrap().clone();
        let mut asked = crate::facts::SegmentFacts { segment: newest, ..ts_segment(1, 0.0, 2.0) };
        assert_holds(run(&scene));
        asked.fetched.result.as_mut().unwrap().status = 404;
        scene.output.renditions[0].segments = vec![std::sync::Arc::new(asked)];
        assert_holds(run(&scene));
        let found = violations(check(&scene.context(), &Params { late: -0.1, ..Params::default() }));
        assert!(found[0].message.contains("it answers 404"), "{found:?}");
    }
}
