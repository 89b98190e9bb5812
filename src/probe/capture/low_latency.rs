//! What a player of low latency asks beyond the playlist: its next state, which the server holds back until it is there;
//! the hinted part, held back as well; and the playlist without what the player knows. All at the same time, each once a
//! probe, so that a clean stream costs one part's duration at most.

use super::media::Inits;
use super::reader::{Read, Reader};
use super::{Capturer, PLAYLIST_PATIENCE, Variables, inconclusive, media_playlist};
use crate::catalog::CoverageMode;
use crate::checks::hls::ll_hls_blocking_reload_failed;
use crate::facts::{Decryption, DeltaFacts, HintFacts, LowLatencyFacts, PartFacts, ReloadFacts};
use crate::fetch::Ask;
use crate::history::Known;
use packager_media::container::Init;
use packager_media::stream::{ByteRange, HintKind, Key, Part, PreloadHint, Timeline};
use packager_media::units::Seconds;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// Newest parts that are inspected.
const PARTS: usize = 2;
/// Waited beyond what is late already: so late an answer still tells how late it was.
const LATE: Duration = Duration::from_millis(500);
/// The last byte position to ask for where a resource's length isn't known yet (RFC 8216bis 4.4.5.3).
const LAST_BYTE: u64 = (1 << 53) - 1;

/// What can't be said for lack of time.
struct OutOfTime;

impl Capturer<'_> {
    /// `None` for a playlist that offers none of it.
    pub(super) async fn low_latency(
        &self,
        url: Option<&Url>,
        timeline: &Timeline,
        variables: &Variables,
    ) -> Option<LowLatencyFacts> {
        let url = url.filter(|_| !timeline.ended)?;
        if !timeline.is_low_latency() && timeline.low_latency.control.is_none() {
            return None;
        }
        let (reload, hint, delta) = tokio::join!(
            self.reload(url, timeline, variables),
            self.hint(timeline),
            self.delta(url, timeline, variables)
        );
        let cut_short = reload.is_err() || hint.is_err() || delta.is_err();
        let (reload, hint, delta) = (reload.unwrap_or_default(), hint.unwrap_or_default(), delta.unwrap_or_default());
        Some(LowLatencyFacts { cut_short, reload, hint, parts: Vec::new(), delta })
    }

    /// The part after the newest. Of the final part of a segment the server makes the first of the next (6.2.5.2).
    async fn reload(
        &self,
        url: &Url,
        timeline: &Timeline,
        variables: &Variables,
    ) -> Result<Option<ReloadFacts>, OutOfTime> {
        let live = &timeline.low_latency;
        let (Some(newest), Some(target)) = (live.parts.last(), live.part_target) else { return Ok(None) };
        if !live.control.is_some_and(|c| c.can_block_reload) {
            return Ok(None);
        }
        let (segment, part) = (newest.segment, newest.index.saturating_add(1));
        let mut url = url.clone();
        url.query_pairs_mut().append_pair("_HLS_msn", &segment.to_string()).append_pair("_HLS_part", &part.to_string());
        let (deadline, patience) = self.wait(target)?;
        let began = Instant::now();
        let (fetched, body) = self.text(&url, deadline).await;
        if inconclusive(&fetched, began, patience) {
            return Err(OutOfTime);
        }
        let read = fetched.ok().and_then(|e| media_playlist(&body, &e.final_url, variables).0);
        Ok(Some(ReloadFacts { segment, part, fetched, timeline: read.map(Arc::new) }))
    }

    async fn hint(&self, timeline: &Timeline) -> Result<Option<HintFacts>, OutOfTime> {
        let live = &timeline.low_latency;
        let hint = live.hints.iter().find(|h| h.kind == HintKind::Part);
        let (Some(hint), Some(target)) = (hint, live.part_target) else { return Ok(None) };
        if self.template.segments.mode == CoverageMode::None {
            return Ok(None);
        }
        let (deadline, patience) = self.wait(target)?;
        let began = Instant::now();
        // A resource without an end yet holds the parts after this one as well: its headers do.
        let headers_only = hint.start.is_some() && hint.length.is_none();
        let ask = Ask { range: range(hint), headers_only, ..self.ask(&hint.uri) };
        let fetched = self.client.get(ask, deadline, |_| {}).await;
        if inconclusive(&fetched, began, patience) {
            return Err(OutOfTime);
        }
        Ok(Some(HintFacts { hint: hint.clone(), fetched }))
    }

    async fn delta(
        &self,
        url: &Url,
        timeline: &Timeline,
        variables: &Variables,
    ) -> Result<Option<DeltaFacts>, OutOfTime> {
        if timeline.low_latency.control.is_none_or(|c| c.can_skip_until.is_none()) {
            return Ok(None);
        }
        let mut url = url.clone();
        url.query_pairs_mut().append_pair("_HLS_skip", "YES");
        let began = Instant::now();
        let (fetched, body) = self.text(&url, self.budget.segments()).await;
        if inconclusive(&fetched, began, PLAYLIST_PATIENCE) {
            return Err(OutOfTime);
        }
        let read = fetched.ok().and_then(|e| media_playlist(&body, &e.final_url, variables).0);
        Ok(Some(DeltaFacts { fetched, timeline: read.map(Arc::new) }))
    }

    /// Until when to wait for the next part, and from when on its lateness is the server's fault.
    fn wait(&self, part_target: Seconds) -> Result<(Instant, Seconds), OutOfTime> {
        let patience =
            ll_hls_blocking_reload_failed::late_after(&self.template.checks.ll_hls_blocking_reload_failed, part_target);
        let (now, deadline) = (Instant::now(), self.budget.segments());
        let part = Duration::try_from_secs_f64(part_target.0).map_err(|_| OutOfTime)?;
        if now + part >= deadline {
            return Err(OutOfTime);
        }
        let wait = Duration::try_from_secs_f64(patience.0).unwrap_or(part) + LATE;
        Ok((deadline.min(now + wait), patience))
    }

    /// The newest parts, inspected; oldest first.
    pub(super) async fn parts(&self, timeline: &Timeline, inits: &Inits, known: &Known) -> Vec<PartFacts> {
        let live = &timeline.low_latency;
        if self.template.segments.mode == CoverageMode::None {
            return Vec::new();
        }
        let init = match &live.map {
            None => None,
            Some(map) => match inits.iter().find(|(init, _)| init.map == *map) {
                Some((_, Some(init))) => Some(init),
                // Without its initialization section a part would only look broken.
                _ => return Vec::new(),
            },
        };
        let mut inspected = Vec::new();
        for part in newest(timeline) {
            let Some(facts) = self.part(part, timeline, init, known).await else { break };
            inspected.push(facts);
        }
        inspected.reverse();
        inspected
    }

    async fn part(&self, part: &Part, timeline: &Timeline, init: Option<&Init>, known: &Known) -> Option<PartFacts> {
        let lock = match key_of(part, timeline).filter(|k| k.encrypts_wholly()) {
            Some(key) => Some(self.lock(key, Some(part.segment), known).await),
            None => None,
        };
        let locked = lock.is_some();
        let began = Instant::now();
        let mut reader = Reader::new(init, lock);
        let ask = Ask { range: part.byte_range, ..self.ask(&part.uri) };
        let fetched = self.client.get(ask, self.budget.segments(), |piece| reader.push(piece)).await;
        if inconclusive(&fetched, began, PLAYLIST_PATIENCE) {
            return None;
        }
        let read = fetched.ok().map(|_| reader.finish(true));
        // One that doesn't open cleanly by itself may be a range of its segment's cipher text: that is judged as a whole.
        let open = |read: &Read| match &read.decryption {
            Some(done) => *done == Decryption::Done && read.inspection.as_ref().is_some_and(|i| i.defects.is_empty()),
            None => !locked,
        };
        let inspection = read.filter(open).and_then(|read| read.inspection);
        Some(PartFacts { part: part.clone(), fetched, inspection })
    }
}

/// Of the newest part's segment, whose key and map are known, the newest first.
fn newest(timeline: &Timeline) -> impl Iterator<Item = &Part> {
    let parts = &timeline.low_latency.parts;
    let segment = parts.last().map(|p| p.segment);
    parts.iter().rev().take_while(move |p| Some(p.segment) == segment).filter(|p| !p.gap).take(PARTS)
}

/// The segment's own, where it is complete; else the one in force at the playlist's end.
fn key_of<'t>(part: &Part, timeline: &'t Timeline) -> Option<&'t Key> {
    let complete = timeline.segments.iter().rev().find(|s| s.number == part.segment);
    complete.map_or(timeline.low_latency.key.as_ref(), |segment| segment.key.as_ref())
}

fn range(hint: &PreloadHint) -> Option<ByteRange> {
    let offset = hint.start.unwrap_or(0);
    match (hint.start, hint.length) {
        (None, None) => None,
        (_, Some(length)) => Some(ByteRange { offset, length }),
        (Some(_), None) => Some(ByteRange { offset, length: LAST_BYTE.saturating_sub(offset).saturating_add(1) }),
    }
}
