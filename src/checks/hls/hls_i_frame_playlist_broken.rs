use crate::checks::support::select::{self, NO_MANIFEST, cap_violations, defect_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Fetched, IFrameFacts};
use crate::finding::Severity;
use packager_media::defect::DefectKind;
use packager_media::redact;
use packager_media::stream::{Media, Segment, Timeline};
use packager_media::units;
use packager_media::units::{Seconds, Timestamp};
use url::Url;

pub const META: CheckMeta = CheckMeta {
    id: "hls_i_frame_playlist_broken",
    severity: Severity::Minor,
    group: CheckGroup::Hls,
    scope: CheckScope::Hls,
    alert: None,
    help: "fails when an I-frame playlist (EXT-X-I-FRAME-STREAM-INF) doesn't answer, breaks the format, has no \
           EXT-X-I-FRAMES-ONLY, lists a newest I-frame that can't be fetched or whose byte range is ignored, has ended, or is too far behind the \
           video: trick play breaks, normal playback doesn't",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.3.6, 4.4.6.3",
    needs_history: false,
};

params! {
    /// Target durations of the video by which the live edge of an I-frame playlist may be behind that of the video, by
    /// the dates of both.
    behind_targets: f64 = 3.0,
}

const NOT_LISTED: &str = "no I-frame playlist is listed";
const NOT_REQUESTED: &str = "no I-frame playlist was requested in time";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let output = context.output;
    if !output.is_readable() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    if output.i_frames.is_empty() {
        return CheckVerdict::NotRun(NOT_LISTED);
    }
    let asked = |f: &Fetched| !f.probe_timed_out();
    let mut all =
        output.i_frames.iter().filter_map(|f| Some((f, f.playlist.as_ref().filter(|p| asked(p))?))).peekable();
    if all.peek().is_none() {
        return CheckVerdict::NotRun(NOT_REQUESTED);
    }
    let video = LiveVideo::latest(context);
    let judged = all.flat_map(|(facts, playlist)| {
        let found = judge(facts, playlist, video.as_ref(), params);
        cap_violations(found).into_iter().map(|v| v.in_rendition(&facts.rendition.name))
    });
    CheckVerdict::Ran(judged.collect())
}

fn judge(facts: &IFrameFacts, playlist: &Fetched, video: Option<&LiveVideo>, params: &Params) -> Vec<Violation> {
    let violation = |url: &Url, message: String| Violation::new(message).with("url", redact::url(url));
    if let Some(problem) = playlist.problem() {
        return vec![violation(&playlist.url, format!("the I-frame playlist doesn't answer: {problem}"))];
    }
    let syntax = facts
        .defects
        .iter()
        .filter(|d| matches!(d.kind, DefectKind::Syntax | DefectKind::SyntaxFatal | DefectKind::Version));
    let mut found: Vec<_> = syntax.map(|d| defect_violation(&playlist.url, d)).collect();
    let Some(timeline) = &facts.timeline else {
        if found.is_empty() {
            found.push(violation(&playlist.url, "the answer isn't a media playlist".to_owned()));
        }
        return found;
    };
    if !timeline.i_frames_only {
        let message = "the playlist has no EXT-X-I-FRAMES-ONLY: players take its ranges for whole segments";
        found.push(violation(&playlist.url, message.to_owned()));
    }
    if let Some((segment, fetched)) = facts.newest.as_ref().filter(|(_, f)| !f.probe_timed_out())
        && let Some(problem) = fetched.problem()
    {
        let message = format!("the newest I-frame (segment {}) can't be fetched: {problem}", segment.number);
        found.push(violation(&fetched.url, message).with("line", segment.line));
    }
    found.extend(facts.newest.as_ref().and_then(|(segment, fetched)| whole_resource(segment, fetched)));
    found.extend(video.and_then(|v| behind(timeline, v, params)).map(|m| violation(&playlist.url, m)));
    found
}

/// Returns a violation if the answer to the range of an I-frame is the whole resource (RFC 9110 14.2): players get another frame.
fn whole_resource(segment: &Segment, fetched: &Fetched) -> Option<Violation> {
    let is_inside = segment.byte_range.is_some_and(|range| range.offset > 0);
    let answer = fetched.ok().filter(|answer| answer.status == 200 && is_inside)?;
    let message = format!(
        "the newest I-frame (segment {}) is a byte range, and the server answers with the whole resource (status 200): let it answer ranges",
        segment.number
    );
    let violation = Violation::new(message).with("url", redact::url(&fetched.url)).with("line", segment.line);
    Some(violation.with("content_length", answer.content_length))
}

/// The latest live edge and the longest target duration of the video renditions.
struct LiveVideo {
    edge: Option<Timestamp>,
    target: Seconds,
}

impl LiveVideo {
    /// Returns the latest live edge and the longest target duration of the live video renditions. `None`: no video
    /// rendition is live.
    fn latest(context: &CheckContext<'_>) -> Option<Self> {
        let video = context.output.renditions.iter().filter(|r| r.rendition.media == Media::Video);
        let live: Vec<&Timeline> = video.filter_map(|r| r.timeline.as_deref()).filter(|t| !t.ended).collect();
        let target = live.iter().filter_map(|t| select::target_duration(t)).map(|t| t.0).reduce(f64::max)?;
        Some(Self { edge: live.iter().filter_map(|t| t.segments_edge()).max(), target: Seconds(target) })
    }
}

fn behind(timeline: &Timeline, video: &LiveVideo, params: &Params) -> Option<String> {
    if timeline.ended {
        return Some("the I-frame playlist has EXT-X-ENDLIST while the video goes on".to_owned());
    }
    let behind = Seconds::between(timeline.segments_edge()?, video.edge?).0;
    let bound = params.behind_targets * video.target.0;
    (behind > bound).then(|| {
        let (behind, most) = units::distinct(behind, bound, 1);
        format!("the live edge is {behind} s behind the video's; no more than {most} s are allowed")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::FailureKind;
    use packager_media::defect::{Defect, Position};
    use packager_media::stream::ByteRange;
    use std::sync::Arc;

    /// Makes a playlist of dated segments of 2 s, of which the last ends `edge` seconds after the time of the probe
    /// (before it if negative).
    fn dated_to(edge: f64) -> Timeline {
        let mut dated = timeline(10, 15);
        let start = edge - 2.0 * dated.segments.len() as f64;
        for (n, segment) in dated.segments.iter_mut().enumerate() {
            segment.program_date_time = Some(time(start + 2.0 * n as f64));
        }
        dated
    }

    fn run(change: impl FnOnce(&mut IFrameFacts)) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.rendition().timeline = Some(Arc::new(dated_to(-1.0)));
        let timeline = Timeline { i_frames_only: true, ..dated_to(-1.0) };
        let mut facts = IFrameFacts {
            rendition: rendition("iframe-720p").rendition,
            playlist: Some(answered("720p/iframes.m3u8", "application/vnd.apple.mpegurl")),
            playlist_at: Some(time(0.0)),
            newest: Some((segment(15), answered("720p/15.ts", "video/mp2t"))),
            timeline: Some(timeline),
            defects: Vec::new(),
        };
        change(&mut facts);
        scene.output.i_frames = vec![facts];
        check(&scene.context(), &Params::default())
    }

    fn status(code: u16) -> Fetched {
        let mut fetched = answered("720p/iframes.m3u8", "text/plain");
        fetched.result.as_mut().unwrap().status = code;
        fetched
    }

    #[test]
    fn a_playlist_in_step_holds() {
        assert_holds(run(|_| {}));
    }

    #[test]
    fn one_that_does_not_answer_or_is_something_else_fails() {
        let found = violations(run(|f| (f.playlist, f.timeline) = (Some(status(404)), None)));
        assert_eq!((found.len(), found[0].rendition.as_deref()), (1, Some("iframe-720p")));
        assert!(found[0].message.ends_with("HTTP status 404"), "{}", found[0].message);
        assert!(messages(run(|f| f.timeline = None)).contains("isn't a media playlist"));
    }

    #[test]
    fn what_the_standard_demands_is_demanded() {
        assert!(messages(run(|f| f.timeline.as_mut().unwrap().i_frames_only = false)).contains("I-FRAMES-ONLY"));
        let defect = |kind| {
            let at = Position::Line { line: 3, column: 1 };
            run(move |f| f.defects.push(Defect { kind, at, message: "odd".to_owned(), reference: "4" }))
        };
        assert_eq!(messages(defect(DefectKind::Syntax)), "line 3, column 1: odd");
        assert_holds(defect(DefectKind::Attribute));
    }

    #[test]
    fn the_newest_i_frame_has_to_be_there() {
        let found = messages(run(|f| f.newest = Some((segment(15), status(404)))));
        assert_eq!(found, "the newest I-frame (segment 15) can't be fetched: HTTP status 404");
        assert_holds(run(|f| f.newest = Some((segment(15), failed("15.ts", FailureKind::Deadline)))));
        assert_holds(run(|f| f.newest = None));
    }

    #[test]
    fn a_range_of_an_i_frame_is_answered_with_the_range() {
        let answer = |offset, status| {
            run(move |f| {
                let (mut frame, mut fetched) = (segment(15), answered("720p/15.ts", "video/mp2t"));
                frame.byte_range = Some(ByteRange { offset, length: 5_000 });
                fetched.result.as_mut().unwrap().status = status;
                f.newest = Some((frame, fetched));
            })
        };
        assert_holds(answer(376, 206));
        assert_holds(answer(0, 200));
        assert!(messages(answer(376, 200)).ends_with("the whole resource (status 200): let it answer ranges"));
    }

    #[test]
    fn three_target_durations_behind_the_video_are_the_boundary() {
        let edge = |edge: f64| run(move |f| f.timeline = Some(Timeline { i_frames_only: true, ..dated_to(edge) }));
        assert_holds(edge(-7.0));
        assert!(messages(edge(-7.001)).starts_with("the live edge is 6.001 s behind"));
        assert_holds(edge(5.0));
        assert_holds(run(|f| f.timeline = Some(Timeline { i_frames_only: true, ..timeline(1, 5) })));
        assert!(messages(run(|f| f.timeline.as_mut().unwrap().ended = true)).contains("EXT-X-ENDLIST"));
    }

    #[test]
    fn what_was_not_asked_for_is_not_run() {
        assert_not_run(run(|f| f.playlist = None), NOT_REQUESTED);
        assert_not_run(run(|f| f.playlist = Some(failed("i.m3u8", FailureKind::Deadline))), NOT_REQUESTED);
        assert_not_run(check(&Scene::live().context(), &Params::default()), NOT_LISTED);
        assert_not_run(check(&Scene::unreadable().context(), &Params::default()), NO_MANIFEST);
    }
}
