//! The newest segment of a chunked low-latency stream (DASH), requested as a low-latency player requests it: as soon as the MPD
//! promises it, while it is being made. Its chunks and their times of arrival are noted until their pace is seen, so that a
//! healthy stream costs the rest of a segment's growth to wait and three chunks.

use super::Capturer;
use super::media::ReadInits;
use crate::catalog::CoverageMode;
use crate::facts::{ChunkArrival, Fetched, GrowingSegmentFacts};
use crate::fetch::FetchRequest;
use packager_media::container::{InitSegment, SegmentInspector};
use packager_media::dash::{self, GrowingSegment, Mpd};
use packager_media::stream::{Media, Rendition};
use packager_media::units::{Seconds, Timestamp};
use std::ops::ControlFlow;
use std::time::Duration;
use tokio::time::Instant;

/// The segments of one rendition that players may request now or soon while they grow.
#[derive(Debug, Default)]
pub(super) struct GrowingSegments {
    segments: Vec<GrowingSegment>,
    /// Time of the MPD's clock minus time of the exporter's clock.
    clock_offset: Seconds,
}

impl GrowingSegments {
    pub(super) fn of(mpd: &Mpd, rendition: &Rendition, now: Timestamp, clock_offset: Seconds) -> Self {
        // A segment of subtitles is one sample, which can't come in chunks.
        let is_text = rendition.media == Media::Text;
        let segments = if is_text { Vec::new() } else { dash::growing_segments(mpd, rendition, now) };
        Self { segments, clock_offset }
    }

    /// The segment whose growth can be seen best from `now` on, and the time until it is requested: the first one of whose growth
    /// at least half is left, otherwise the last one that grows.
    fn choose(&self, now: Timestamp) -> Option<(&GrowingSegment, Seconds)> {
        let asked = |growing: &GrowingSegment| {
            let growth = Seconds::between(growing.available, growing.complete);
            let begin = margin(growth).after(growing.available).max(now);
            (growth, Seconds::between(now, begin), Seconds::between(begin, growing.complete))
        };
        let all = self.segments.iter().map(|growing| (growing, asked(growing)));
        let mut growing = all.filter(|(_, (.., left))| left.0 > 0.0);
        let last = growing.clone().next_back();
        let best = growing.find(|(_, (growth, _, left))| left.0 >= growth.0 / 2.0).or(last);
        best.map(|(growing, (_, wait, _))| (growing, wait))
    }
}

/// Longest time after the promise of a segment at which it is requested, because clocks differ.
const LONGEST_MARGIN: Seconds = Seconds(0.5);
/// Time after the completion of a segment for which its end is waited for.
const GRACE: Seconds = Seconds(1.0);
/// The largest number of chunks whose arrival is noted.
const MAX_CHUNKS: usize = 512;

/// Time after the promise of a segment at which it is requested: a tenth of its growth, half a second at most.
fn margin(growth: Seconds) -> Seconds {
    Seconds((growth.0 / 10.0).min(LONGEST_MARGIN.0))
}

impl Capturer<'_> {
    /// Requests a segment that is being made, and reads it until the pace of its chunks is known. `None` if the
    /// rendition has no such segment, if the template disables both checks of it, or if the probe's time ends before
    /// its request.
    pub(super) async fn follow_growing_segment(
        &self,
        growing: &GrowingSegments,
        inits: &ReadInits,
    ) -> Option<GrowingSegmentFacts> {
        let checks = &self.template.checks;
        let wanted = checks.ll_dash_segment_unavailable.enabled || checks.ll_dash_chunks_late.enabled;
        if !wanted || self.template.segments.mode == CoverageMode::None {
            return None;
        }
        let (began, now) = (Instant::now(), growing.clock_offset.after(self.clock.now()));
        let (promised, wait) = growing.choose(now)?;
        let asked = began + duration(wait);
        let end = began + duration(GRACE + Seconds::between(now, promised.complete));
        let deadline = end.min(self.budget.segments());
        if asked >= deadline {
            return None;
        }
        let map = promised.segment.map.as_deref();
        let init = map.and_then(|map| inits.iter().find(|(init, _)| init.map == *map)?.1.as_ref());
        // Without its initialization segment nobody can tell the chunks of a segment apart.
        if map.is_some() && init.is_none() {
            return None;
        }
        tokio::time::sleep_until(asked).await;
        let mut facts = self.request_growing(promised, init, asked, deadline).await;
        facts.asked_at = wait.after(now);
        let late = Seconds(checks.ll_dash_segment_unavailable.late);
        let last_try = asked + duration(late - Seconds::between(promised.available, facts.asked_at));
        while facts.is_refused() && Instant::now() <= last_try {
            let again = Instant::now() + duration(facts.retry_pause());
            if again >= deadline {
                break;
            }
            tokio::time::sleep_until(again).await;
            let (asked_at, refused) = (facts.asked_at, facts.refused + 1);
            facts = self.request_growing(promised, init, asked, deadline).await;
            (facts.asked_at, facts.refused) = (asked_at, refused);
        }
        Some(facts).filter(|f| !tells_nothing(&f.fetched))
    }

    /// Requests a segment once. `asked` is the time of the first request for it.
    async fn request_growing(
        &self,
        promised: &GrowingSegment,
        init: Option<&InitSegment>,
        asked: Instant,
        deadline: Instant,
    ) -> GrowingSegmentFacts {
        let mut watch = ChunkWatch::new(SegmentInspector::new(init), asked);
        let segment = &promised.segment;
        let request = FetchRequest { range: segment.byte_range, ..self.request(&segment.uri) };
        let fetched = self.requests.client.get_while(request, deadline, |piece| watch.push(piece)).await;
        GrowingSegmentFacts {
            promised: promised.clone(),
            asked_at: promised.available,
            refused: 0,
            fetched,
            watched: asked.elapsed().into(),
            chunks: watch.chunks,
        }
    }
}

/// Whether no connection became free or the probe's time was over before the request was sent.
fn tells_nothing(fetched: &Fetched) -> bool {
    fetched.result.is_err() && fetched.probe_timed_out()
}

fn duration(seconds: Seconds) -> Duration {
    Duration::try_from_secs_f64(seconds.0).unwrap_or_default()
}

/// Notes when each chunk of a segment has arrived.
struct ChunkWatch {
    inspector: SegmentInspector,
    asked: Instant,
    chunks: Vec<ChunkArrival>,
}

impl ChunkWatch {
    fn new(inspector: SegmentInspector, asked: Instant) -> Self {
        Self { inspector, asked, chunks: Vec::new() }
    }

    /// Reads a piece of the segment. Breaks when the pace of the chunks is seen.
    fn push(&mut self, piece: &[u8]) -> ControlFlow<()> {
        self.inspector.push(piece);
        let arrived = self.asked.elapsed().into();
        let new = self.inspector.fragment_ends().get(self.chunks.len()..).unwrap_or_default();
        self.chunks.extend(new.iter().map(|end| ChunkArrival { arrived, end: *end }));
        let seen = shows_pace(&self.chunks) || self.chunks.len() >= MAX_CHUNKS;
        if seen { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Whether the chunks have come one after the other for as long as two of them last: what is left of the segment would come so
/// too.
fn shows_pace(chunks: &[ChunkArrival]) -> bool {
    let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else { return false };
    let starts = [Seconds::ZERO].into_iter().chain(chunks.iter().map(|c| c.end));
    let longest = chunks.iter().zip(starts).map(|(c, start)| c.end.0 - start.0).fold(0.0, f64::max);
    chunks.len() >= 3 && last.arrived.0 - first.arrived.0 >= 2.0 * longest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Timestamp {
        Seconds(seconds).after(Timestamp::from_second(1_800_000_000).unwrap())
    }

    /// The first `count` segments that are found at second `now`. Segments last 2 s and are promised 1.6 s before their end; the
    /// first one is complete at second 2.
    fn chosen(count: usize, now: f64) -> Option<(f64, f64)> {
        let mpd = "<MPD type=\"dynamic\" availabilityStartTime=\"2027-01-15T08:00:00Z\"><Period start=\"PT0S\"><AdaptationSet \
            mimeType=\"video/mp4\"><SegmentTemplate timescale=\"1\" duration=\"2\" availabilityTimeOffset=\"1.6\" \
            availabilityTimeComplete=\"false\" media=\"$Number$.m4s\"/><Representation id=\"v\"/></AdaptationSet></Period></MPD>";
        let base = url::Url::parse("http://packager/live.mpd").unwrap();
        let mpd = dash::parse(mpd.as_bytes(), &base).0.unwrap();
        let rendition = dash::renditions_at(&mpd, at(2.5)).remove(0).rendition;
        let mut growing = GrowingSegments::of(&mpd, &rendition, at(now), Seconds::ZERO);
        growing.segments.truncate(count);
        let (chosen, wait) = growing.choose(at(now))?;
        Some((Seconds::between(at(0.0), chosen.complete).0, (wait.0 * 100.0).round() / 100.0))
    }

    #[test]
    fn a_segment_is_asked_for_shortly_after_its_promise_while_most_of_it_is_to_come() {
        assert_eq!(chosen(2, 0.0), Some((2.0, 0.56)), "promised at 0.4 s");
        assert_eq!(chosen(2, 0.5), Some((2.0, 0.06)));
        assert_eq!(chosen(2, 1.1), Some((2.0, 0.0)), "more than half of its growth is left");
        assert_eq!(chosen(2, 1.3), Some((4.0, 1.26)), "promised at 2.4 s");
        assert_eq!(chosen(1, 1.3), Some((2.0, 0.0)), "no later one is listed");
        assert_eq!(chosen(0, 1.3), None);
    }

    fn paced(arrivals: &[f64]) -> bool {
        let chunk =
            |(n, arrived): (usize, &f64)| ChunkArrival { arrived: Seconds(*arrived), end: Seconds(n as f64 + 1.0) };
        shows_pace(&arrivals.iter().enumerate().map(chunk).collect::<Vec<_>>())
    }

    #[test]
    fn the_pace_is_seen_after_two_chunk_durations() {
        assert!(!paced(&[0.0, 1.0]) && paced(&[0.0, 1.0, 2.0]));
        assert!(
            !paced(&[0.0, 0.0, 0.0, 1.0]) && paced(&[0.0, 0.0, 0.0, 1.0, 2.0]),
            "what was there at the request came at once"
        );
        assert!(!paced(&[5.0, 5.0, 5.0, 5.0]), "all came at the end");
    }
}
