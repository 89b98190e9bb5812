//! Heads: the first bytes of a segment, which show its tables, first timestamps, first picture and codec parameters, and its size
//! by the answer's headers, without the cost of the whole segment.

use super::Capturer;
use super::media::{ReadInits, SegmentAttempt, init_of};
use super::reader::BodyReader;
use crate::facts::{Exchange, InspectedShare, RenditionFacts, SegmentExtent, SegmentFacts};
use crate::fetch::FetchRequest;
use crate::history::AlreadyInspected;
use packager_media::container::{InitSegment, Inspection, Track};
use packager_media::defect::DefectKind;
use packager_media::stream::{ByteRange, Segment, Timeline};
use packager_media::units::Seconds;
use std::sync::Arc;
use tokio::time::Instant;

/// Number of bytes of a head: whole packets of a transport stream and whole blocks of AES-128, as many as fit into 64 KiB.
pub(super) const HEAD_BYTES: u64 = 188 * 348;

/// Segments of which heads were planned.
#[derive(Debug, Default)]
pub(super) struct ReadHeads {
    /// Segments of which the first bytes were inspected, oldest first.
    pub(super) heads: Vec<Arc<SegmentFacts>>,
    /// Segments that are no longer than a head, or that could only be requested as a whole.
    pub(super) wholes: Vec<Arc<SegmentFacts>>,
    /// Number of segments that had left the window when they were requested.
    pub(super) gone: u64,
}

/// The answer to the request for a head.
enum HeadAttempt {
    /// The head, or the whole segment if it is no longer.
    Read(Box<SegmentFacts>),
    /// There is no usable answer, so that the segment is requested as a whole.
    Unusable,
    OutOfTime,
}

impl Capturer<'_> {
    /// Fetches and inspects the first bytes of segments, the newest first. If they can't be fetched, the whole segment
    /// is requested, so that faults of its delivery are found as in the other modes.
    pub(super) async fn inspect_heads(
        &self,
        facts: &RenditionFacts,
        timeline: &Timeline,
        planned: &[&Segment],
        inits: &ReadInits,
        known: &AlreadyInspected,
    ) -> ReadHeads {
        let mut read = ReadHeads::default();
        for segment in planned.iter().rev() {
            let Some(init) = init_of(segment, inits) else { break };
            let newest = timeline.last_number() == Some(segment.number);
            match self.fetch_head(segment, init, newest, known).await {
                HeadAttempt::Read(head) if head.extent == SegmentExtent::Whole => read.wholes.push(Arc::new(*head)),
                HeadAttempt::Read(head) => read.heads.push(Arc::new(*head)),
                HeadAttempt::Unusable => match self.inspect_segment(facts, timeline, segment, init, known).await {
                    SegmentAttempt::Inspected(whole) => read.wholes.push(Arc::new(*whole)),
                    SegmentAttempt::LeftTheWindow => read.gone += 1,
                    SegmentAttempt::OutOfTime => break,
                },
                HeadAttempt::OutOfTime => break,
            }
        }
        read.heads.reverse();
        read
    }

    async fn fetch_head(
        &self,
        segment: &Segment,
        init: Option<&InitSegment>,
        newest: bool,
        known: &AlreadyInspected,
    ) -> HeadAttempt {
        let key = segment.key.as_deref().filter(|key| key.encrypts_wholly());
        let access = self.access(key, Some(segment.number), known).await;
        let deadline = self.budget.segments();
        let Some(access) = access.filter(|_| Instant::now() < deadline) else { return HeadAttempt::OutOfTime };
        let within = segment.byte_range.unwrap_or(ByteRange { offset: 0, length: u64::MAX });
        let range = Some(ByteRange { offset: within.offset, length: within.length.min(HEAD_BYTES) });
        let request = FetchRequest { range, may_end_early: true, ..self.request(&segment.uri) };
        let mut reader = BodyReader::new(init, access);
        let patience = self.min_download_time(segment);
        let Some(fetched) = self.get(request, deadline, patience, |piece| reader.push(piece)).await else {
            return HeadAttempt::OutOfTime;
        };
        let Some(exchange) = fetched.ok() else { return HeadAttempt::Unusable };
        let size = segment.byte_range.map(|range| range.length).or_else(|| size_of(exchange));
        let is_whole = size.is_some_and(|size| size <= exchange.body_bytes);
        let read = reader.finish(is_whole);
        HeadAttempt::Read(Box::new(SegmentFacts {
            segment: segment.clone(),
            inspected_at: self.clock.now(),
            inspection: if is_whole { read.inspection } else { read.inspection.map(inspection_of_head) },
            decryption: read.decryption.filter(|_| is_whole),
            fetched,
            newest,
            extent: if is_whole { SegmentExtent::Whole } else { SegmentExtent::Head { size } },
        }))
    }
}

/// Returns the size of the whole resource in bytes, by Content-Range of a partial answer or Content-Length of a whole one.
fn size_of(exchange: &Exchange) -> Option<u64> {
    if exchange.status != 206 {
        return exchange.content_length;
    }
    exchange.header("content-range")?.rsplit_once('/')?.1.trim().parse().ok()
}

/// Removes from an inspection what the end of the head makes of it, and not the segment: durations, intervals, and damage that a
/// cut looks like.
fn inspection_of_head(mut inspection: Inspection) -> Inspection {
    inspection
        .defects
        .retain(|defect| matches!(defect.kind, DefectKind::Tables | DefectKind::TableLayout | DefectKind::Packing));
    inspection.defects_total = inspection.defects.len() as u64;
    inspection.cues = None;
    inspection.tracks.iter_mut().for_each(track_of_head);
    inspection
}

fn track_of_head(track: &mut Track) {
    // An access unit that the head cuts off may show its kind only later.
    if track.samples < 2 && track.starts_with_keyframe == Some(false) {
        track.starts_with_keyframe = None;
    }
    (track.end, track.sample_gap_max, track.keyframe_interval_max) = (None, None, None);
    (track.fragment_interval_max, track.fragment_bytes_max) = (None, None);
    (track.captions, track.subtitles, track.silence) = (None, None, None);
}

/// Returns how much of the new media was inspected. `None`: there are no new segments.
pub(super) fn inspected_share(
    listed: Seconds,
    segments: &[Arc<SegmentFacts>],
    heads: &[Arc<SegmentFacts>],
) -> Option<InspectedShare> {
    let part = |segment: &Arc<SegmentFacts>| {
        let fetched = segment.fetched.ok()?.body_bytes as f64;
        let share = match segment.extent {
            SegmentExtent::Whole => 1.0,
            SegmentExtent::Head { size } => size.filter(|size| *size > 0).map_or(0.0, |size| fetched / size as f64),
        };
        Some(segment.segment.duration.0 * share.min(1.0))
    };
    let inspected = segments.iter().chain(heads).filter_map(part).sum::<f64>();
    // A first probe may take more segments than the newest one, which alone counts as new.
    (listed.0 > 0.0).then(|| InspectedShare { inspected: Seconds(inspected.min(listed.0)), listed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Fetched;
    use crate::testing::{self, at};
    use packager_media::container::Container;
    use packager_media::defect::{Defect, Position};
    use packager_media::stream::Media;

    fn answered(status: u16, range: Option<&str>, length: Option<u64>) -> Exchange {
        let headers = range.map(|range| ("content-range".to_owned(), range.to_owned())).into_iter().collect();
        let exchange = testing::exchange(&testing::url("http://h/"));
        Exchange { status, headers, content_length: length, ..exchange }
    }

    #[test]
    fn the_size_is_that_of_the_whole_segment() {
        assert_eq!(size_of(&answered(206, Some("bytes 0-65423/1000000"), Some(65_424))), Some(1_000_000));
        assert_eq!(size_of(&answered(206, Some("bytes 0-65423/*"), Some(65_424))), None);
        assert_eq!(size_of(&answered(200, None, Some(500_000))), Some(500_000), "a server that ignores ranges");
        assert_eq!(size_of(&answered(200, None, None)), None);
    }

    #[test]
    fn what_a_cut_looks_like_is_no_fault() {
        let defect = |kind| Defect { kind, at: Position::Whole, message: "cut".into(), reference: "" };
        let mut inspection = testing::inspection(Container::MpegTs, HEAD_BYTES);
        inspection.defects =
            vec![defect(DefectKind::Container), defect(DefectKind::Tables), defect(DefectKind::Continuity)];
        let mut track = testing::track(256, Media::Video);
        (track.starts_with_keyframe, track.samples) = (Some(false), 1);
        let mut sure = track.clone();
        sure.samples = 2;
        inspection.tracks = vec![track, sure];
        let head = inspection_of_head(inspection);
        assert_eq!(head.defects.iter().map(|d| d.kind).collect::<Vec<_>>(), [DefectKind::Tables]);
        assert_eq!(head.defects_total, 1);
        let begins: Vec<_> = head.tracks.iter().map(|t| t.starts_with_keyframe).collect();
        assert_eq!(begins, [None, Some(false)], "a cut access unit may show its kind later");
        assert!(head.tracks.iter().all(|t| t.end.is_none() && t.sample_gap_max.is_none()));
    }

    #[test]
    fn a_head_counts_by_its_bytes() {
        let segment = |extent, bytes| {
            let url = testing::url("http://h/1.ts");
            let result = Ok(Exchange { body_bytes: bytes, ..testing::exchange(&url) });
            let facts = testing::segment_facts(testing::segment(1, url.clone()), at(0));
            Arc::new(SegmentFacts { extent, fetched: Fetched { url, result }, ..facts })
        };
        let whole = [segment(SegmentExtent::Whole, 100)];
        let heads =
            [segment(SegmentExtent::Head { size: Some(100) }, 25), segment(SegmentExtent::Head { size: None }, 25)];
        let share = inspected_share(Seconds(8.0), &whole, &heads).unwrap();
        assert_eq!((share.inspected, share.listed), (Seconds(2.5), Seconds(8.0)));
        assert_eq!(inspected_share(Seconds::ZERO, &whole, &[]), None);
    }
}
