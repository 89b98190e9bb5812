//! A rendition's media: initialization segments, the planned segments newest first, and the window's oldest.

use super::keys::Lock;
use super::plan::{Plan, plan};
use super::reader::{Read, Reader};
use super::shelf::Body;
use super::{Capturer, PLAYLIST_PATIENCE, Variables, inconclusive, media_playlist};
use crate::catalog::Coverage;
use crate::checks::delivery::segment_download_slow::SHORTEST_PLAY;
use crate::facts::{Fetched, InitFacts, LowLatencyFacts, OldestFacts, PartFacts, RenditionFacts, SegmentFacts};
use crate::fetch::Ask;
use crate::history::Known;
use packager_media::container::Init;
use packager_media::stream::{ByteRange, Map, Segment, Timeline};
use packager_media::units::Seconds;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use tokio::time::Instant;

/// An initialization segment, and what segments need to know of it.
pub(super) type ReadInit = (Arc<InitFacts>, Option<Init>);
pub(super) type Inits = Vec<ReadInit>;

struct Inspected {
    inits: Inits,
    /// Oldest first.
    segments: Vec<Arc<SegmentFacts>>,
    parts: Vec<PartFacts>,
    /// Planned ones that left the window meanwhile.
    gone: u64,
}

impl Capturer<'_> {
    /// Adds to `facts` what its timeline leads to.
    pub(super) async fn media(
        &self,
        facts: &mut RenditionFacts,
        variables: &Variables,
        known: &Known,
        coverage: Coverage,
    ) {
        let Some(timeline) = facts.timeline.clone() else { return };
        let plan = plan(&timeline, &facts.rendition.name, known, coverage);
        let (oldest, keys, inspected, low_latency) = tokio::join!(
            self.oldest(facts, &timeline, &plan),
            self.keys(&timeline, &plan.segments, known),
            self.inspect(facts, &timeline, &plan, known),
            self.low_latency(facts.rendition.uri.as_ref(), &timeline, variables)
        );
        let Inspected { inits, segments, parts, gone } = inspected;
        let out_of_time = (plan.segments.len() - segments.len()) as u64 - gone;
        facts.oldest = oldest;
        facts.keys = keys;
        facts.low_latency = low_latency.map(|asked| LowLatencyFacts { parts, ..asked });
        facts.inits = inits.into_iter().map(|(init, _)| init).collect();
        facts.segments = segments;
        facts.skipped = plan.skipped + gone + out_of_time;
        facts.covered = out_of_time == 0;
    }

    async fn inspect(&self, facts: &RenditionFacts, timeline: &Timeline, plan: &Plan<'_>, known: &Known) -> Inspected {
        let inits = futures_util::future::join_all(plan.maps.iter().map(|map| self.init(map, known))).await;
        let inits: Inits = inits.into_iter().flatten().collect();
        let ((segments, gone), parts) =
            tokio::join!(self.segments(facts, timeline, plan, &inits, known), self.parts(timeline, &inits, known));
        Inspected { inits, segments, parts, gone }
    }

    /// Those that were inspected, oldest first, and how many left the window meanwhile.
    async fn segments(
        &self,
        facts: &RenditionFacts,
        timeline: &Timeline,
        plan: &Plan<'_>,
        inits: &Inits,
        known: &Known,
    ) -> (Vec<Arc<SegmentFacts>>, u64) {
        let (mut segments, mut gone) = (Vec::new(), 0);
        for segment in plan.segments.iter().rev() {
            let init = segment.map.as_ref().map(|map| inits.iter().find(|(i, _)| i.map == *map));
            // Without its initialization segment, for lack of time, a segment would only look broken.
            let Some(init) = init.map_or(Some(None), |found| found.map(|(_, init)| init.as_ref())) else { break };
            match self.segment(facts, timeline, segment, init, known).await {
                Attempt::Inspected(inspected) => segments.push(Arc::new(*inspected)),
                Attempt::LeftTheWindow => gone += 1,
                Attempt::OutOfTime => break,
            }
        }
        segments.reverse();
        (segments, gone)
    }

    /// `None`: the probe's own time was up.
    async fn init(&self, map: &Map, known: &Known) -> Option<ReadInit> {
        self.shelf.init(map).get_or_init(|| self.download_init(map, known)).await.clone()
    }

    async fn download_init(&self, map: &Map, known: &Known) -> Option<ReadInit> {
        let lock = match &map.key {
            Some(key) => Some(self.lock(key, None, known).await).filter(|l| !matches!(l, Lock::OutOfTime))?.into(),
            None => None,
        };
        let began = Instant::now();
        let mut reader = Reader::new(None, lock);
        let mut digest = DefaultHasher::new();
        let ask = Ask { range: map.byte_range, max_bytes: self.bounds.max_manifest_bytes, ..self.ask(&map.uri) };
        let take = |piece: &[u8]| {
            digest.write(piece);
            reader.push(piece);
        };
        let fetched = self.client.get(ask, self.budget.segments(), take).await;
        if inconclusive(&fetched, began, PLAYLIST_PATIENCE) {
            return None;
        }
        let complete = fetched.ok().is_some();
        let Read { inspection, init, decryption } = reader.finish(complete);
        let (inspection, init) = (inspection.filter(|_| complete), init.filter(|_| complete));
        // Packagers empty the file before they fill it anew.
        let digest = (init.is_some() && map.key.is_none()).then(|| digest.finish());
        Some((Arc::new(InitFacts { map: map.clone(), fetched, inspection, decryption, digest }), init))
    }

    async fn segment(
        &self,
        facts: &RenditionFacts,
        timeline: &Timeline,
        segment: &Segment,
        init: Option<&Init>,
        known: &Known,
    ) -> Attempt {
        let place = self.shelf.segment(segment);
        let download = async || self.download(segment, init, known).await.map(Arc::new);
        let Some(body) = place.get_or_init(download).await else { return Attempt::OutOfTime };
        let Body { fetched, inspection, decryption } = (**body).clone();
        let newest = timeline.last_number() == Some(segment.number);
        if !newest && is_gone(&fetched) {
            match self.still_listed(facts, segment).await {
                Some(true) => {}
                Some(false) => return Attempt::LeftTheWindow,
                None => return Attempt::OutOfTime,
            }
        }
        let inspected_at = self.clock.now();
        let segment = segment.clone();
        Attempt::Inspected(Box::new(SegmentFacts { segment, inspected_at, fetched, inspection, decryption, newest }))
    }

    /// `None`: the probe's own time was up.
    async fn download(&self, segment: &Segment, init: Option<&Init>, known: &Known) -> Option<Body> {
        let lock = match segment.key.as_ref().filter(|k| k.encrypts_wholly()) {
            Some(key) => Some(self.lock(key, Some(segment.number), known).await),
            None => None,
        };
        let (began, deadline) = (Instant::now(), self.budget.segments());
        if began >= deadline || matches!(lock, Some(Lock::OutOfTime)) {
            return None;
        }
        let mut reader = Reader::new(init, lock);
        let ask = Ask { range: segment.byte_range, ..self.ask(&segment.uri) };
        let fetched = self.client.get(ask, deadline, |piece| reader.push(piece)).await;
        if inconclusive(&fetched, began, self.patience(segment)) {
            return None;
        }
        let Read { inspection, decryption, .. } = reader.finish(fetched.ok().is_some());
        let answered = matches!(&fetched.result, Ok(e) if (200..300).contains(&e.status));
        let (inspection, decryption) = (inspection.filter(|_| answered), decryption.filter(|_| answered));
        Some(Body { fetched, inspection, decryption })
    }

    /// One byte of the window's oldest segment: it must still be there (RFC 8216bis 6.2.2).
    async fn oldest(&self, facts: &RenditionFacts, timeline: &Timeline, plan: &Plan<'_>) -> Option<OldestFacts> {
        let segment = timeline.segments.iter().find(|s| !s.gap)?;
        let planned = plan.segments.iter().any(|s| s.number == segment.number);
        if !self.template.segments.oldest || planned || timeline.last_number() == Some(segment.number) {
            return None;
        }
        let offset = segment.byte_range.map_or(0, |r| r.offset);
        let range = Some(ByteRange { offset, length: 1 });
        let ask = Ask { range, headers_only: true, ..self.ask(&segment.uri) };
        let began = Instant::now();
        let fetched = self.client.get(ask, self.budget.segments(), |_| {}).await;
        if inconclusive(&fetched, began, self.patience(segment)) {
            return None;
        }
        let missing = !is_gone(&fetched) || self.still_listed(facts, segment).await == Some(true);
        missing.then(|| OldestFacts { segment: segment.clone(), fetched })
    }

    /// A segment may leave the window between the playlist's answer and its own: asked again before it is called missing.
    /// `None`: there was no time to ask.
    async fn still_listed(&self, facts: &RenditionFacts, segment: &Segment) -> Option<bool> {
        let Some(url) = &facts.rendition.uri else { return Some(true) };
        let began = Instant::now();
        let (fetched, body) = self.text(url, self.budget.segments()).await;
        if inconclusive(&fetched, began, PLAYLIST_PATIENCE) {
            return None;
        }
        // Only numbers are compared: what variables stand for doesn't matter.
        let variables = Variables::new();
        let again = fetched.ok().and_then(|e| media_playlist(&body, &e.final_url, &variables).0);
        Some(again.is_none_or(|timeline| timeline.segments.iter().any(|s| s.number == segment.number)))
    }

    /// How long a download may take before its length is the stream's fault: what `segment_download_slow` allows.
    fn patience(&self, segment: &Segment) -> Seconds {
        Seconds(self.template.thresholds.max_download_time.min(segment.duration.0.max(SHORTEST_PLAY)))
    }
}

enum Attempt {
    Inspected(Box<SegmentFacts>),
    LeftTheWindow,
    OutOfTime,
}

fn is_gone(fetched: &Fetched) -> bool {
    matches!(&fetched.result, Ok(e) if matches!(e.status, 404 | 410))
}
