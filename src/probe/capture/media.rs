//! Capture of a rendition's media: initialization segments, the segments to inspect from the newest to the oldest, and
//! the oldest segment of the window.

use super::Capturer;
use super::alternatives::alternatives;
use super::downloads::{DownloadedBody, FreshDownload, resource_of};
use super::growing::GrowingSegments;
use super::heads;
use super::hls::{Variables, parse_media_playlist};
use super::plan::{DownloadPlan, HeadsBudget, plan_downloads};
use super::reader::{BodyReader, ReadBody};
use super::requests::MIN_PLAYLIST_TIME;
use crate::catalog::Coverage;
use crate::checks::delivery::segment_download_slow::SHORTEST_PLAY;
use crate::facts::{
    FailedAddress, Fetched, GrowingSegmentFacts, InitFacts, LowLatencyFacts, OldestSegmentFacts, PartFacts,
    RenditionFacts, RepeatedRequest, SegmentExtent, SegmentFacts,
};
use crate::fetch::FetchRequest;
use crate::history::AlreadyInspected;
use packager_media::container::InitSegment;
use packager_media::stream::{ByteRange, Map, Segment, Timeline};
use packager_media::units::Seconds;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use tokio::time::Instant;
use url::Url;

/// An initialization segment: how it was fetched, and its tracks, which are needed to inspect its media segments. The
/// tracks are `None` if it didn't arrive or is broken.
pub(super) type ReadInit = (Arc<InitFacts>, Option<InitSegment>);
pub(super) type ReadInits = Vec<ReadInit>;

/// Largest initialization segment in bytes that is given to the decoder.
const MAX_KEPT_INIT: usize = 64 << 10;
/// HTTP statuses with which servers refuse a request because of its byte range.
const RANGE_REFUSED: &[u16] = &[400, 403, 416, 501];

/// Segments of one rendition that were fetched and inspected.
struct InspectedMedia {
    inits: ReadInits,
    /// Segments of the rendition that were inspected, oldest first.
    segments: Vec<Arc<SegmentFacts>>,
    /// Segments of which the first bytes were inspected, oldest first.
    heads: Vec<Arc<SegmentFacts>>,
    parts: Vec<PartFacts>,
    growing: Option<GrowingSegmentFacts>,
    /// How many of the segments to download had left the window when they were requested.
    gone: u64,
}

impl Capturer<'_> {
    /// Fetches and inspects the media of a rendition's timeline, and adds them to `facts`.
    pub(super) async fn capture_media(
        &self,
        facts: &mut RenditionFacts,
        variables: &Variables,
        known: &AlreadyInspected,
        coverage: Coverage,
        growing: &GrowingSegments,
    ) {
        let Some(timeline) = facts.timeline.clone() else { return };
        let budget =
            HeadsBudget { share: self.allowed_share.get().copied().flatten(), bandwidth: facts.rendition.bandwidth };
        let plan = plan_downloads(&timeline, &facts.rendition.identity, known, coverage, budget);
        let downloaded = plan.downloaded();
        // In boxes, each of which is freed when its requests have ended: the segments take longest.
        let (oldest, dead_alternatives, keys, inspected, low_latency) = tokio::join!(
            Box::pin(self.fetch_oldest(facts, &timeline, &plan)),
            Box::pin(self.ask_alternatives(facts, &timeline)),
            Box::pin(self.fetch_keys(&timeline, &downloaded, known)),
            self.inspect_media(facts, &timeline, &plan, known, growing),
            Box::pin(self.capture_low_latency(facts.rendition.uri.as_ref(), &timeline, variables))
        );
        let InspectedMedia { inits, segments, heads, parts, growing, gone } = inspected;
        let planned = plan.segments.len() + plan.heads.len();
        let out_of_time = (planned - segments.len() - heads.len()) as u64 - gone;
        facts.oldest = oldest;
        facts.dead_alternatives = dead_alternatives;
        facts.keys = keys;
        facts.growing = growing;
        facts.low_latency = low_latency.map(|asked| LowLatencyFacts { parts, ..asked });
        facts.inits = inits.into_iter().map(|(init, _)| init).collect();
        facts.coverage = heads::inspected_share(plan.listed, &segments, &heads);
        facts.segments = segments;
        facts.heads = heads;
        facts.failed_addresses = self.failed_addresses(facts);
        facts.repeated = self.repeated(facts);
        facts.skipped = plan.skipped + gone + out_of_time;
        facts.covered = out_of_time == 0;
    }

    async fn inspect_media(
        &self,
        facts: &RenditionFacts,
        timeline: &Timeline,
        plan: &DownloadPlan<'_>,
        known: &AlreadyInspected,
        growing: &GrowingSegments,
    ) -> InspectedMedia {
        let inits = plan.maps.iter().map(|map| self.shared_init(facts, map, known));
        let inits = futures_util::future::join_all(inits).await;
        let inits: ReadInits = inits.into_iter().flatten().collect();
        let ((mut segments, gone), read, parts, growing) = tokio::join!(
            self.inspect_segments(facts, timeline, &plan.segments, &inits, known),
            Box::pin(self.inspect_heads(facts, timeline, &plan.heads, &inits, known)),
            Box::pin(self.inspect_parts(timeline, &inits, known)),
            Box::pin(self.follow_growing_segment(growing, &inits))
        );
        segments.extend(read.wholes);
        segments.sort_by_key(|s| s.segment.number);
        InspectedMedia { inits, segments, heads: read.heads, parts, growing, gone: gone + read.gone }
    }

    /// Downloads and inspects segments as a whole. Returns them oldest first, and the number of segments that had
    /// left the window meanwhile.
    async fn inspect_segments(
        &self,
        facts: &RenditionFacts,
        timeline: &Timeline,
        planned: &[&Segment],
        inits: &ReadInits,
        known: &AlreadyInspected,
    ) -> (Vec<Arc<SegmentFacts>>, u64) {
        let (mut segments, mut gone) = (Vec::new(), 0);
        for segment in planned.iter().rev() {
            // Without its initialization segment, for which there was no time, a segment can't be inspected.
            let Some(init) = init_of(segment, inits) else { break };
            match self.inspect_segment(facts, timeline, segment, init, known).await {
                SegmentAttempt::Inspected(inspected) => segments.push(Arc::new(*inspected)),
                SegmentAttempt::LeftTheWindow => gone += 1,
                SegmentAttempt::OutOfTime => break,
            }
        }
        segments.reverse();
        (segments, gone)
    }

    /// Returns an initialization segment, which all renditions of the outputs share that are asked with the same settings. `None` if the
    /// probe's time ended first.
    async fn shared_init(&self, facts: &RenditionFacts, map: &Map, known: &AlreadyInspected) -> Option<ReadInit> {
        let alternatives = alternatives(facts, &map.uri);
        let download = || self.download_init_anywhere(map, &alternatives, known);
        self.requests.downloads.init(map).get_or_init(download).await.clone()
    }

    /// Downloads an initialization segment from its address, or from the first alternative address that has it.
    async fn download_init_anywhere(&self, map: &Map, others: &[Url], known: &AlreadyInspected) -> Option<ReadInit> {
        let first = self.download_init(map, &map.uri, known).await?;
        if others.is_empty() || !is_absent(&first.0.fetched) {
            return Some(first);
        }
        let resource = (map.uri.clone(), map.byte_range);
        self.requests.downloads.add_failed(&resource, first.0.fetched.clone());
        for url in others {
            let Some(other) = self.download_init(map, url, known).await else { break };
            if !is_absent(&other.0.fetched) {
                return Some(other);
            }
            self.requests.downloads.add_failed(&resource, other.0.fetched.clone());
        }
        Some(first)
    }

    async fn download_init(&self, map: &Map, url: &Url, known: &AlreadyInspected) -> Option<ReadInit> {
        let access = self.access(map.key.as_ref(), None, known).await?;
        let most = if self.requests.downloads.largest_kept() > 0 { MAX_KEPT_INIT } else { 0 };
        let mut reader = BodyReader::new(None, access).keeping(most);
        let mut digest = DefaultHasher::new();
        let request =
            FetchRequest { range: map.byte_range, max_bytes: self.bounds.max_manifest_bytes, ..self.request(url) };
        let take = |piece: &[u8]| {
            digest.write(piece);
            reader.push(piece);
        };
        let fetched = self.get(request, self.budget.segments(), MIN_PLAYLIST_TIME, take).await?;
        let complete = fetched.ok().is_some();
        let ReadBody { inspection, init, decryption, kept } = reader.finish(complete);
        let (inspection, init) = (inspection.filter(|_| complete), init.filter(|_| complete));
        // Packagers truncate the file before they write it anew, so an incomplete one has no digest.
        let digest = (init.is_some() && map.key.is_none()).then(|| digest.finish());
        let kept = kept.filter(|_| init.is_some());
        Some((Arc::new(InitFacts { map: map.clone(), fetched, inspection, decryption, digest, kept }), init))
    }

    pub(super) async fn inspect_segment(
        &self,
        facts: &RenditionFacts,
        timeline: &Timeline,
        segment: &Segment,
        init: Option<&InitSegment>,
        known: &AlreadyInspected,
    ) -> SegmentAttempt {
        let place = self.requests.downloads.segment(segment);
        let identity = &facts.rendition.identity;
        // Another output that shares the download may decode it.
        let keep = if self.kept.wants(identity) { self.requests.downloads.largest_kept() } else { 0 };
        let newest = timeline.last_number() == Some(segment.number);
        let wanted = SegmentRequest { segment, is_newest: newest, init, known, keep };
        let mut own = None;
        let download = async || {
            let FreshDownload { body, bytes } = self.download_anywhere(facts, &wanted).await?;
            own = bytes;
            Some(Arc::new(body))
        };
        let Some(body) = place.get_or_init(download).await else { return SegmentAttempt::OutOfTime };
        let DownloadedBody { fetched, inspection, decryption, kept } = (**body).clone();
        let bytes = own.or_else(|| kept?.upgrade());
        if let Some(bytes) = bytes.filter(|_| keep > 0 && fetched.ok().is_some()) {
            self.kept.keep(identity, segment.number, bytes);
        }
        if !newest && is_gone(&fetched) {
            match self.still_listed(facts, timeline, segment).await {
                Some(true) => {}
                Some(false) => return SegmentAttempt::LeftTheWindow,
                None => return SegmentAttempt::OutOfTime,
            }
        }
        let inspected_at = self.clock.now();
        let segment = segment.clone();
        SegmentAttempt::Inspected(Box::new(SegmentFacts {
            segment,
            inspected_at,
            fetched,
            inspection,
            decryption,
            newest,
            extent: SegmentExtent::Whole,
        }))
    }

    /// Downloads a segment from its address, or from the first alternative address that has it. If none has it, the address
    /// for players that ignore the MPD's Location is asked for its first byte.
    async fn download_anywhere(&self, facts: &RenditionFacts, wanted: &SegmentRequest<'_>) -> Option<FreshDownload> {
        let segment = wanted.segment;
        let first = self.download_with_second(wanted).await?;
        let others = alternatives(facts, &segment.uri);
        let without_location = facts.base_urls.iter().find_map(|bases| bases.without_location(&segment.uri));
        if (others.is_empty() && without_location.is_none()) || !is_absent(&first.body.fetched) {
            return Some(first);
        }
        let resource = resource_of(segment);
        self.requests.downloads.add_failed(&resource, first.body.fetched.clone());
        for url in &others {
            let Some(other) = self.download_segment(wanted, url).await else { break };
            if !is_absent(&other.body.fetched) {
                return Some(other);
            }
            self.requests.downloads.add_failed(&resource, other.body.fetched.clone());
        }
        if let Some(url) = without_location {
            let answer = self.fetch_first_byte(segment, &url).await;
            if answer.is_some_and(|fetched| fetched.answer().is_some()) {
                self.requests.downloads.add_without_location(&resource, url);
            }
        }
        Some(first)
    }

    /// Returns the segments of this probe that came with the second request.
    fn repeated(&self, facts: &RenditionFacts) -> Vec<RepeatedRequest> {
        let first = |s: &Arc<SegmentFacts>| {
            let fetched = self.requests.downloads.repeated(&resource_of(&s.segment))?;
            Some(RepeatedRequest { number: s.segment.number, fetched })
        };
        facts.segments.iter().filter_map(first).collect()
    }

    /// Returns the URLs that don't have a segment or initialization segment of this probe. Only resources with
    /// alternative URLs in the MPD are considered.
    fn failed_addresses(&self, facts: &RenditionFacts) -> Vec<FailedAddress> {
        let inits = facts.inits.iter().map(|i| (None, (i.map.uri.clone(), i.map.byte_range), &i.fetched));
        let segments = facts.segments.iter().map(|s| (Some(s.segment.number), resource_of(&s.segment), &s.fetched));
        let failed = inits.chain(segments).flat_map(|(number, resource, fetched)| {
            let found_at = (!is_absent(fetched)).then(|| fetched.url.clone());
            let without_location = self.requests.downloads.without_location(&resource);
            let address = move |failed| FailedAddress {
                number,
                fetched: failed,
                found_at: found_at.clone(),
                without_location: without_location.clone(),
            };
            self.requests.downloads.failed(&resource).into_iter().map(address)
        });
        failed.collect()
    }

    /// Downloads and inspects a segment at `url`. `None` if the probe's time ended first.
    pub(super) async fn download_segment(&self, wanted: &SegmentRequest<'_>, url: &Url) -> Option<FreshDownload> {
        let SegmentRequest { segment, init, known, keep, .. } = *wanted;
        let key = segment.key.as_deref().filter(|key| key.encrypts_wholly());
        let access = self.access(key, Some(segment.number), known).await?;
        let deadline = self.budget.segments();
        if Instant::now() >= deadline {
            return None;
        }
        let mut reader = BodyReader::new(init, access).keeping(keep);
        let request = FetchRequest { range: segment.byte_range, ..self.request(url) };
        let patience = self.min_download_time(segment);
        let fetched = self.get(request, deadline, patience, |piece| reader.push(piece)).await?;
        let ReadBody { inspection, decryption, kept, .. } = reader.finish(fetched.ok().is_some());
        let answered = fetched.answer().is_some() && !fetched.has_wrong_range();
        let (inspection, decryption) = (inspection.filter(|_| answered), decryption.filter(|_| answered));
        let bytes = kept.map(Arc::new);
        let body = DownloadedBody { fetched, inspection, decryption, kept: bytes.as_ref().map(Arc::downgrade) };
        Some(FreshDownload { body, bytes })
    }

    /// Fetches one byte of the oldest segment in the window, which must still be available (RFC 8216bis 6.2.2), from its
    /// address or from the first alternative that has it.
    async fn fetch_oldest(
        &self,
        facts: &RenditionFacts,
        timeline: &Timeline,
        plan: &DownloadPlan<'_>,
    ) -> Option<OldestSegmentFacts> {
        let segment = timeline.segments.iter().find(|s| !s.gap)?;
        let planned = plan.downloaded().iter().any(|s| s.number == segment.number);
        if !self.template.segments.oldest || planned || timeline.last_number() == Some(segment.number) {
            return None;
        }
        let mut fetched = self.first_byte_with_second(segment).await?;
        for url in alternatives(facts, &segment.uri) {
            if !is_absent(&fetched) {
                break;
            }
            let other = self.fetch_first_byte(segment, &url).await?;
            if !is_absent(&other) {
                fetched = other;
            }
        }
        // A segment that left the window meanwhile says nothing.
        let is_evidence = !is_gone(&fetched) || self.still_listed(facts, timeline, segment).await == Some(true);
        is_evidence.then(|| OldestSegmentFacts { segment: segment.clone(), fetched })
    }

    /// Fetches the first byte of a segment at `url`. A server that refuses a byte range of a segment that players fetch as a whole is
    /// asked for the whole, of which only the headers are read. `None` means that the probe's time ended first.
    pub(super) async fn fetch_first_byte(&self, segment: &Segment, url: &Url) -> Option<Fetched> {
        let offset = segment.byte_range.map_or(0, |r| r.offset);
        let patience = self.min_download_time(segment);
        let fetched = self.headers(url, Some(ByteRange { offset, length: 1 }), patience).await?;
        let is_refused = fetched.result.as_ref().is_ok_and(|answer| RANGE_REFUSED.contains(&answer.status));
        if segment.byte_range.is_some() || !is_refused {
            return Some(fetched);
        }
        self.headers(url, None, patience).await
    }

    /// Returns whether a fresh playlist still lists the segment. A segment may leave the window between the answers for
    /// the playlist and for the segment, so the playlist is fetched again before the segment is reported as missing. An MPD is not
    /// fetched again: its window moves on with the time since. `None` if the probe's time ended first.
    async fn still_listed(&self, facts: &RenditionFacts, timeline: &Timeline, segment: &Segment) -> Option<bool> {
        let Some(url) = &facts.rendition.uri else {
            let since = facts.playlist_at.map_or(Seconds::ZERO, |at| Seconds::between(at, self.clock.now()));
            return Some(timeline.ended || since.0 < time_listed(timeline, segment).0);
        };
        let (fetched, body) = self.text(url, self.budget.segments()).await?;
        // Only segment numbers are compared, so the values of variables don't matter.
        let variables = Variables::new();
        let again = fetched.ok().and_then(|e| parse_media_playlist(&body, &e.final_url, &variables).0);
        Some(again.is_none_or(|timeline| timeline.segments.iter().any(|s| s.number == segment.number)))
    }

    /// Returns the time that a download must have had before the probe's deadline may count it as slow. It is the time
    /// that the check `segment_download_slow` allows.
    pub(super) fn min_download_time(&self, segment: &Segment) -> Seconds {
        Seconds(self.template.thresholds.max_download_time.min(segment.duration.0.max(SHORTEST_PLAY)))
    }
}

/// A segment to download, and what is needed to read it.
pub(super) struct SegmentRequest<'a> {
    pub(super) segment: &'a Segment,
    /// Whether the segment is the newest one of its playlist.
    pub(super) is_newest: bool,
    init: Option<&'a InitSegment>,
    known: &'a AlreadyInspected,
    /// Largest size of a segment whose bytes are kept; 0 if none is.
    keep: usize,
}

/// Returns the initialization segment of a media segment. The inner `None`: the media segment has no initialization
/// segment, or a broken one. The outer `None`: its initialization segment wasn't read in this probe.
pub(super) fn init_of<'i>(segment: &Segment, inits: &'i ReadInits) -> Option<Option<&'i InitSegment>> {
    match segment.map.as_deref() {
        None => Some(None),
        Some(map) => inits.iter().find(|(i, _)| i.map == *map).map(|(_, init)| init.as_ref()),
    }
}

/// Outcome of the attempt to download one segment of the plan.
pub(super) enum SegmentAttempt {
    Inspected(Box<SegmentFacts>),
    LeftTheWindow,
    OutOfTime,
}

/// Returns the time after which a segment has left a live window in any case: that which older segments and the segment itself play.
fn time_listed(timeline: &Timeline, segment: &Segment) -> Seconds {
    let older = timeline.segments.iter().take_while(|listed| listed.number != segment.number);
    older.map(|listed| listed.duration).fold(segment.duration, |sum, duration| sum + duration)
}

/// Returns whether an address doesn't have the resource: there is no answer, or its status isn't 2xx.
pub(super) fn is_absent(fetched: &Fetched) -> bool {
    fetched.answer().is_none() && !fetched.probe_timed_out()
}

fn is_gone(fetched: &Fetched) -> bool {
    matches!(&fetched.result, Ok(e) if matches!(e.status, 404 | 410))
}
