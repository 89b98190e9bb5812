use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Exchange, Fetched, OutputFacts, RenditionFacts};
use crate::finding::Severity;
use packager_media::redact;
use packager_media::stream::{Media, Protocol, Segment, Timeline};
use packager_media::units::{self, Seconds};

pub const META: CheckMeta = CheckMeta {
    id: "edges_out_of_step",
    severity: Severity::Major,
    group: CheckGroup::Outputs,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when two outputs of a channel are the same stream at different edges of a CDN, and the newest segment of one is \
           more than `max_segments` older than that of the other, or a segment has another duration or date there. \
           Outputs are the same stream if they have the same URL (`resolve: each`, `connect_to`), or list segments with the same \
           number, file name and date; only outputs of one URL have to agree about each segment, and an older newest segment is a \
           warning between outputs of different URLs, since one may be delayed on purpose",
    reference: "draft-pantos-hls-rfc8216bis-22 6.2.1, 6.2.2; ISO/IEC 23009-1 5.4.1; RFC 9111 4.2",
    needs_history: false,
};

params! {
    /// Number of segments by which the newest segment of an edge may be older than that of the most advanced one. The
    /// time between the two requests is allowed in addition.
    max_segments: f64 = 3.0,
}

const ALONE: &str = "no other output of the channel is the same stream at another edge";
/// Largest difference in seconds between two durations or dates of one segment that are equal.
const SAME: f64 = 0.5;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let own = context.output;
    let edges: Vec<_> = context.others().filter(|other| are_edges(own, other)).collect();
    if edges.is_empty() {
        return CheckVerdict::NotRun(ALONE);
    }
    let found = edges.iter().filter_map(|other| judge(own, other, params));
    CheckVerdict::Ran(found.take(1).collect())
}

/// Whether two outputs are the same stream, which a pair of their renditions shows.
fn are_edges(own: &OutputFacts, other: &OutputFacts) -> bool {
    pairs(own, other).any(|pair| is_one_stream(pair, have_same_url(own, other)))
}

/// Whether two renditions are the same stream: their outputs have one URL, and their playlists one path; or both list a segment
/// with the same number, file name and date. Without dates that may be a coincidence: two packagers that were started together.
/// A server that begins a session for each request names other paths, and may number each session by itself.
fn is_one_stream(pair: RenditionPair<'_>, same_url: bool) -> bool {
    let path = |facts: &RenditionFacts| facts.rendition.uri.as_ref().map(|uri| uri.path().to_owned());
    let is_dated = || common_segments(pair).any(|segments| date_difference(segments).is_some_and(|by| by <= SAME));
    (same_url && path(pair.own.0) == path(pair.other.0)) || is_dated()
}

fn have_same_url(own: &OutputFacts, other: &OutputFacts) -> bool {
    own.url == other.url && own.protocol() == other.protocol()
}

/// Returns the seconds between the dates of a segment at two edges. `None`: at one of them it has no date.
fn date_difference((own, there): (&Segment, &Segment)) -> Option<f64> {
    Some(Seconds::between(own.program_date_time?, there.program_date_time?).0.abs())
}

/// A rendition of the judged output and the one with the same label at another edge, with their live timelines.
#[derive(Clone, Copy)]
struct RenditionPair<'a> {
    own: (&'a RenditionFacts, &'a Timeline),
    other: (&'a RenditionFacts, &'a Timeline),
}

fn pairs<'a>(own: &'a OutputFacts, other: &'a OutputFacts) -> impl Iterator<Item = RenditionPair<'a>> {
    let live = |r: &'a RenditionFacts| Some((r, r.timeline.as_deref().filter(|t| !t.ended)?));
    let same_protocol = own.protocol() == other.protocol();
    let renditions = own.renditions.iter().filter(move |r| same_protocol && r.rendition.media != Media::Text);
    renditions.filter_map(live).filter_map(move |own| {
        let named = other.renditions.iter().find(|r| r.rendition.name == own.0.rendition.name);
        Some(RenditionPair { own, other: named.and_then(live)? })
    })
}

/// Iterates over the segments that both renditions list under the same number and file name.
fn common_segments(pair: RenditionPair<'_>) -> impl Iterator<Item = (&Segment, &Segment)> {
    let file = |s: &Segment| s.uri.path_segments().and_then(|mut parts| parts.next_back().map(str::to_owned));
    let mut theirs = pair.other.1.segments.iter().peekable();
    pair.own.1.segments.iter().filter_map(move |own| {
        while theirs.next_if(|other| other.number < own.number).is_some() {}
        let other = theirs.peek().filter(|other| other.number == own.number && file(other) == file(own))?;
        Some((own, *other))
    })
}

fn judge(own: &OutputFacts, other: &OutputFacts, params: &Params) -> Option<Violation> {
    let same_url = have_same_url(own, other);
    let found = pairs(own, other).filter(|pair| is_one_stream(*pair, same_url)).find_map(|pair| {
        let differs = changed(pair, other).filter(|_| same_url);
        let behind = || behind(own.protocol(), pair, other, params);
        // An output with a URL of its own may be delayed on purpose, for as long as it likes.
        let delayed =
            |(message, v): (String, Violation)| (message, if same_url { v } else { v.severity(Severity::Warning) });
        let (message, violation) = differs.or_else(|| behind().map(delayed))?;
        let caches = format!("{}{}", cache_text("here", pair.own.0), cache_text("there", pair.other.0));
        Some(Violation { message: message + &caches, ..violation }.in_rendition(&pair.own.0.rendition.name))
    });
    found.map(|violation| violation.with("reference_output", other.name.as_str()))
}

/// Returns a violation if a segment that both edges list has another duration or date at the other edge.
fn changed(pair: RenditionPair<'_>, other: &OutputFacts) -> Option<(String, Violation)> {
    let is_redated = |segments| date_difference(segments).is_some_and(|by| by > SAME);
    let is_resized = |(own, there): (&Segment, &Segment)| (own.duration - there.duration).0.abs() > SAME;
    let (own, there) = common_segments(pair).find(|segments| is_redated(*segments) || is_resized(*segments))?;
    let (name, number) = (&other.name, own.number);
    let message = match own.program_date_time.zip(there.program_date_time).filter(|_| is_redated((own, there))) {
        Some((a, b)) => {
            format!("segment {number} is of {a} here and of {b} at output {name}: the edges have other origins")
        }
        None => format!(
            "segment {number} lasts {} s here and {} s at output {name}: the edges have other origins",
            own.duration.0, there.duration.0
        ),
    };
    let violation = Violation::new("").with("number", number).with("url", redact::url(&own.uri));
    Some((message, violation.with("reference_url", redact::url(&there.uri))))
}

/// Returns a violation if the newest segment here is too much older than the one at the other edge. Without a common segment
/// their numbers may be of different sequences, so only dates tell which is older.
fn behind(
    protocol: Protocol,
    pair: RenditionPair<'_>,
    other: &OutputFacts,
    params: &Params,
) -> Option<(String, Violation)> {
    let (own, there) = (pair.own.1.segments.last()?, pair.other.1.segments.last()?);
    let is_apart = common_segments(pair).next().is_none();
    let late = if is_apart {
        Seconds::between(pair.own.1.segments_edge()?, pair.other.1.segments_edge()?).0
    } else {
        let steps = there.number.checked_sub(own.number)? as f64;
        // In DASH a segment's number is its start in milliseconds.
        if protocol == Protocol::Dash { steps / 1000.0 } else { steps * own.duration.0 }
    };
    let waited = pair.own.0.playlist_at.zip(pair.other.0.playlist_at).map_or(0.0, |(a, b)| Seconds::between(a, b).0);
    let allowed = params.max_segments * own.duration.0 + waited.abs();
    (late > allowed).then(|| {
        let (late, most) = units::distinct(late, allowed, 1);
        let (number, newest, name) = (own.number, there.number, &other.name);
        let apart = if is_apart { "; no segment is listed at both" } else { "" };
        let message = format!(
            "the newest segment is {number}, and {newest} at output {name}, another edge of the same stream: {late} s later; no more \
             than {most} s are allowed{apart}"
        );
        let violation = Violation::new("").with("number", number).with("reference_number", newest);
        (message, violation.with("url", redact::url(&own.uri)))
    })
}

/// Returns the name of the cache that answered with the rendition's playlist, for a message. Empty if none says its name.
fn cache_text(place: &str, facts: &RenditionFacts) -> String {
    let answer = |f: &Fetched| f.result.as_ref().ok().and_then(Exchange::cache_name);
    facts.playlist.as_ref().and_then(answer).map(|name| format!("; cache {place}: {name}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use std::sync::Arc;

    /// Makes a test input with two outputs that list the same segments of 2 s. The newest segment of the judged output is
    /// `segments` older than that of the other one, which was requested `later` seconds later.
    fn edges(segments: u64, later: f64) -> Scene {
        let mut scene = Scene::live();
        let mut other = scene.output.clone();
        other.name = "edge-2".to_owned();
        let facts = &mut other.renditions[0];
        facts.playlist_at = scene.output.renditions[0].playlist_at.map(|at| Seconds(later).after(at));
        let timeline = Arc::make_mut(facts.timeline.as_mut().unwrap());
        for _ in 0..segments {
            let next = Segment { ..segment(timeline.last_number().unwrap() + 1) };
            timeline.segments.push(next);
        }
        scene.others = vec![other];
        scene
    }

    fn run(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    fn served_by(facts: &mut RenditionFacts, name: &str) {
        let exchange = facts.playlist.as_mut().unwrap().result.as_mut().unwrap();
        exchange.headers.push(("x-served-by".to_owned(), name.to_owned()));
    }

    #[test]
    fn an_edge_may_be_three_segments_behind_and_the_time_between_the_requests() {
        assert_holds(run(&edges(3, 0.0)));
        assert_holds(run(&edges(4, 2.0)));
        let mut scene = edges(4, 0.0);
        served_by(scene.rendition(), "cache-han1, cache-sin7");
        served_by(&mut scene.others[0].renditions[0], "cache-hkg2");
        let text = messages(run(&scene));
        assert!(text.contains("output edge-2, another edge of the same stream: 8.0 s later"), "{text}");
        assert!(text.ends_with("; cache here: cache-sin7; cache there: cache-hkg2"), "{text}");
    }

    #[test]
    fn an_edge_that_is_ahead_is_not_at_fault() {
        let mut scene = edges(9, 0.0);
        std::mem::swap(&mut scene.output.renditions, &mut scene.others[0].renditions);
        assert_holds(run(&scene));
    }

    #[test]
    fn one_segment_with_two_dates_is_of_two_origins() {
        let mut scene = edges(0, 0.0);
        let number = scene.timeline().segments[2].number;
        scene.timeline().segments[2].program_date_time = Some(time(-8.0));
        let theirs = Arc::make_mut(scene.others[0].renditions[0].timeline.as_mut().unwrap());
        theirs.segments[2].program_date_time = Some(time(-8.3));
        assert_holds(run(&scene));
        let theirs = Arc::make_mut(scene.others[0].renditions[0].timeline.as_mut().unwrap());
        theirs.segments[2].program_date_time = Some(time(-12.0));
        let text = messages(run(&scene));
        assert!(text.starts_with(&format!("segment {number} is of ")) && text.contains("other origins"), "{text}");
    }

    #[test]
    fn streams_with_other_segments_are_not_compared_unless_their_url_is_one() {
        assert_not_run(run(&Scene::live()), ALONE);
        let mut scene = edges(9, 0.0);
        let theirs = Arc::make_mut(scene.others[0].renditions[0].timeline.as_mut().unwrap());
        theirs.segments.iter_mut().for_each(|s| s.uri = url(&format!("720p/other-{}.ts", s.number)));
        assert_holds(run(&scene));
        let date = |timeline: &mut Timeline, seconds: f64| timeline.segments[0].program_date_time = Some(time(seconds));
        date(scene.timeline(), -30.0);
        date(Arc::make_mut(scene.others[0].renditions[0].timeline.as_mut().unwrap()), -30.0);
        let found = violations(run(&scene));
        assert_eq!((found.len(), found[0].severity), (1, None), "one URL at two edges");
        assert!(
            found[0].message.contains("18.0 s later") && found[0].message.ends_with("no segment is listed at both")
        );
        let session = Some(url("session-2/720p/index.m3u8"));
        let own = std::mem::replace(&mut scene.others[0].renditions[0].rendition.uri, session);
        assert_not_run(run(&scene), ALONE);
        scene.others[0].renditions[0].rendition.uri = own;
        scene.others[0].url = url("backup/master.m3u8");
        assert_not_run(run(&scene), ALONE);
        let mut dated = edges(9, 0.0);
        dated.others[0].url = url("backup/master.m3u8");
        assert_not_run(run(&dated), ALONE);
        dated.timeline().segments[3].program_date_time = Some(time(-5.0));
        let theirs = Arc::make_mut(dated.others[0].renditions[0].timeline.as_mut().unwrap());
        theirs.segments[3].program_date_time = Some(time(-5.0));
        let found = violations(run(&dated));
        assert_eq!(found.len(), 1, "a segment of the same number, name and date");
        assert_eq!(found[0].severity, Some(Severity::Warning), "the output may be delayed on purpose");
    }
}
