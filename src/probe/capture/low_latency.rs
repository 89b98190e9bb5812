//! Requests of a low-latency player: a blocking reload of the playlist, the hinted part, and a delta update. The server
//! holds back the first two until they are available. All are sent at the same time, once in each probe, so that a
//! healthy stream takes at most the duration of one part.

use super::Capturer;
use super::hls::{Variables, parse_media_playlist};
use super::keys::Access;
use super::media::ReadInits;
use super::reader::{BodyReader, ReadBody};
use super::requests::MIN_PLAYLIST_TIME;
use crate::catalog::CoverageMode;
use crate::checks::hls::ll_hls_blocking_reload_failed;
use crate::facts::{BlockingReloadFacts, Decryption, DeltaUpdateFacts, LowLatencyFacts, PartFacts, PreloadHintFacts};
use crate::fetch::FetchRequest;
use crate::history::AlreadyInspected;
use packager_media::container::InitSegment;
use packager_media::stream::{ByteRange, HintKind, Key, Part, PreloadHint, Timeline};
use packager_media::units::Seconds;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// How many of the newest parts are inspected.
const PARTS: usize = 2;
/// Additional time to wait for an answer that is already late, so that the report can say how late it was.
const LATE: Duration = Duration::from_millis(500);
/// Last byte position of a range request for a resource whose length isn't known yet (RFC 8216bis 4.4.5.3).
const LAST_BYTE: u64 = (1 << 53) - 1;

/// Error that the probe's time ended before the answer said anything about the stream.
struct OutOfTime;

impl Capturer<'_> {
    /// Sends the requests of a low-latency player. `None` for a playlist without parts and delivery directives, and for
    /// one that has ended.
    pub(super) async fn capture_low_latency(
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
            self.fetch_blocking_reload(url, timeline, variables),
            self.fetch_hinted_part(timeline),
            self.fetch_delta_update(url, timeline, variables)
        );
        let cut_short = reload.is_err() || hint.is_err() || delta.is_err();
        let (reload, hint, delta) = (reload.unwrap_or_default(), hint.unwrap_or_default(), delta.unwrap_or_default());
        Some(LowLatencyFacts { cut_short, reload, hint, parts: Vec::new(), delta })
    }

    /// Requests the playlist that has the part after the newest one. After a segment's last part the server answers
    /// with the first part of the next segment (RFC 8216bis 6.2.5.2).
    async fn fetch_blocking_reload(
        &self,
        url: &Url,
        timeline: &Timeline,
        variables: &Variables,
    ) -> Result<Option<BlockingReloadFacts>, OutOfTime> {
        let live = &timeline.low_latency;
        let (Some(newest), Some(target)) = (live.parts.last(), live.part_target) else { return Ok(None) };
        if !live.control.is_some_and(|c| c.can_block_reload) {
            return Ok(None);
        }
        // Behind a whole segment the next part is the first one of the next segment.
        let is_whole = timeline.last_number().is_some_and(|last| last >= newest.segment);
        let next = (newest.segment, newest.index.saturating_add(1));
        let (segment, part) = if is_whole { (newest.segment.saturating_add(1), 0) } else { next };
        let mut url = url.clone();
        url.query_pairs_mut().append_pair("_HLS_msn", &segment.to_string()).append_pair("_HLS_part", &part.to_string());
        let patience =
            ll_hls_blocking_reload_failed::late_after(&self.template.checks.ll_hls_blocking_reload_failed, target);
        let deadline = held_until(Instant::now(), self.budget.segments(), target, patience)?;
        let (fetched, body) = self.text_with_patience(&url, deadline, patience).await.ok_or(OutOfTime)?;
        let read = fetched.ok().and_then(|e| parse_media_playlist(&body, &e.final_url, variables).0);
        Ok(Some(BlockingReloadFacts { segment, part, fetched, timeline: read.map(Arc::new) }))
    }

    async fn fetch_hinted_part(&self, timeline: &Timeline) -> Result<Option<PreloadHintFacts>, OutOfTime> {
        let live = &timeline.low_latency;
        let hint = live.hints.iter().find(|h| h.kind == HintKind::Part);
        let (Some(hint), Some(target)) = (hint, live.part_target) else { return Ok(None) };
        if self.template.segments.mode == CoverageMode::None {
            return Ok(None);
        }
        let patience =
            ll_hls_blocking_reload_failed::late_after(&self.template.checks.ll_hls_blocking_reload_failed, target);
        let deadline = held_until(Instant::now(), self.budget.segments(), target, patience)?;
        // A resource without an end yet contains the parts that follow as well, so only its headers are read.
        let headers_only = hint.start.is_some() && hint.length.is_none();
        let request = FetchRequest { range: hint_range(hint), headers_only, ..self.request(&hint.uri) };
        let fetched = self.get(request, deadline, patience, |_| {}).await.ok_or(OutOfTime)?;
        Ok(Some(PreloadHintFacts { hint: hint.clone(), fetched }))
    }

    async fn fetch_delta_update(
        &self,
        url: &Url,
        timeline: &Timeline,
        variables: &Variables,
    ) -> Result<Option<DeltaUpdateFacts>, OutOfTime> {
        if timeline.low_latency.control.is_none_or(|c| c.can_skip_until.is_none()) {
            return Ok(None);
        }
        let mut url = url.clone();
        url.query_pairs_mut().append_pair("_HLS_skip", "YES");
        let (fetched, body) = self.text(&url, self.budget.segments()).await.ok_or(OutOfTime)?;
        let read = fetched.ok().and_then(|e| parse_media_playlist(&body, &e.final_url, variables).0);
        Ok(Some(DeltaUpdateFacts { fetched, timeline: read.map(Arc::new) }))
    }

    /// Fetches and inspects the newest parts, and returns them oldest first.
    pub(super) async fn inspect_parts(
        &self,
        timeline: &Timeline,
        inits: &ReadInits,
        known: &AlreadyInspected,
    ) -> Vec<PartFacts> {
        let live = &timeline.low_latency;
        if self.template.segments.mode == CoverageMode::None {
            return Vec::new();
        }
        let init = match &live.map {
            None => None,
            Some(map) => match inits.iter().find(|(init, _)| init.map == **map) {
                Some((_, Some(init))) => Some(init),
                // Without its initialization section a part can't be inspected.
                _ => return Vec::new(),
            },
        };
        let mut inspected = Vec::new();
        for part in newest_parts(timeline) {
            let Some(facts) = self.inspect_part(part, timeline, init, known).await else { break };
            inspected.push(facts);
        }
        inspected.reverse();
        inspected
    }

    async fn inspect_part(
        &self,
        part: &Part,
        timeline: &Timeline,
        init: Option<&InitSegment>,
        known: &AlreadyInspected,
    ) -> Option<PartFacts> {
        let key = part_key(part, timeline).filter(|key| key.encrypts_wholly());
        // A part whose key didn't arrive is requested all the same: whether it is there says something.
        let access = self.access(key, Some(part.segment), known).await.unwrap_or(Access::NoKey);
        let mut reader = BodyReader::new(init, access);
        let request = FetchRequest { range: part.byte_range, ..self.request(&part.uri) };
        let deadline = self.budget.segments();
        let fetched = self.get(request, deadline, MIN_PLAYLIST_TIME, |piece| reader.push(piece)).await?;
        let read = fetched.ok().map(|_| reader.finish(true));
        // A part that can't be decrypted by itself may be a range of its segment's cipher text, which is judged as a
        // whole.
        let open = |read: &ReadBody| match &read.decryption {
            Some(done) => *done == Decryption::Done && read.inspection.as_ref().is_some_and(|i| i.defects.is_empty()),
            None => key.is_none(),
        };
        let inspection = read.filter(open).and_then(|read| read.inspection);
        Some(PartFacts { part: part.clone(), fetched, inspection })
    }
}

/// Iterates over the newest parts of the segment that has the newest part, newest first. Key and map of this segment
/// are known.
fn newest_parts(timeline: &Timeline) -> impl Iterator<Item = &Part> {
    let parts = &timeline.low_latency.parts;
    let segment = parts.last().map(|p| p.segment);
    parts.iter().rev().take_while(move |p| Some(p.segment) == segment).filter(|p| !p.gap).take(PARTS)
}

/// Returns the key of a part: that of its segment if the segment is complete, otherwise the key in force at the end of
/// the playlist.
fn part_key<'t>(part: &Part, timeline: &'t Timeline) -> Option<&'t Key> {
    let complete = timeline.segments.iter().rev().find(|s| s.number == part.segment);
    complete.map_or(timeline.low_latency.key.as_deref(), |segment| segment.key.as_deref())
}

fn hint_range(hint: &PreloadHint) -> Option<ByteRange> {
    let offset = hint.start.unwrap_or(0);
    match (hint.start, hint.length) {
        (None, None) => None,
        (_, Some(length)) => Some(ByteRange { offset, length }),
        (Some(_), None) => Some(ByteRange { offset, length: LAST_BYTE.saturating_sub(offset).saturating_add(1) }),
    }
}

/// Returns the deadline of the wait for the next part. `patience` is the time after which its lateness is the server's fault.
fn held_until(now: Instant, deadline: Instant, part_target: Seconds, patience: Seconds) -> Result<Instant, OutOfTime> {
    // A time that no clock can tell is after every deadline.
    let after = |time: Seconds| now.checked_add(Duration::try_from_secs_f64(time.0).ok()?);
    if after(part_target).is_none_or(|next_part| next_part >= deadline) {
        return Err(OutOfTime);
    }
    let late = after(patience).and_then(|at| at.checked_add(LATE));
    Ok(late.map_or(deadline, |at| at.min(deadline)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_waited_for_within_the_probe_whatever_its_target_is() {
        let now = Instant::now();
        let until = |part: f64, patience: f64| {
            let deadline = now + Duration::from_secs(10);
            held_until(now, deadline, Seconds(part), Seconds(patience)).ok().map(|at| at - now)
        };
        assert_eq!(until(1.0, 3.0), Some(Duration::from_millis(3500)));
        assert_eq!(until(1.0, 60.0), Some(Duration::from_secs(10)));
        assert_eq!(until(1.0, 1e19), Some(Duration::from_secs(10)));
        for endless in [10.0, 1e19, f64::MAX, f64::INFINITY, f64::NAN, -1.0] {
            assert_eq!(until(endless, endless), None, "{endless}");
        }
    }
}
