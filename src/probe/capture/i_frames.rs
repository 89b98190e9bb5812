//! Capture of I-frame playlists: each playlist, and one byte of its newest I-frame to see whether it exists.

use super::Capturer;
use super::hls::{Variables, parse_media_playlist};
use super::requests::MIN_PLAYLIST_TIME;
use crate::facts::{Fetched, IFrameFacts};
use futures_util::stream::{self, StreamExt};
use packager_media::stream::{ByteRange, Rendition, Segment, Timeline};

/// Number of I-frame playlists of one output that are fetched at the same time. Trick play must not take the
/// connections that the renditions need.
const AT_ONCE: usize = 4;

impl Capturer<'_> {
    /// Captures the listed I-frame playlists; none if the template disables their check.
    pub(super) async fn capture_i_frames(&self, listed: Vec<Rendition>, variables: &Variables) -> Vec<IFrameFacts> {
        if !self.template.checks.hls_i_frame_playlist_broken.enabled {
            return Vec::new();
        }
        let asked = listed.into_iter().map(|rendition| self.capture_i_frame_playlist(rendition, variables));
        stream::iter(asked).buffered(AT_ONCE).collect().await
    }

    async fn capture_i_frame_playlist(&self, rendition: Rendition, variables: &Variables) -> IFrameFacts {
        let (playlist, playlist_at, timeline, newest) = (None, None, None, None);
        let mut facts = IFrameFacts { rendition, playlist, playlist_at, timeline, defects: Vec::new(), newest };
        let Some(url) = &facts.rendition.uri else { return facts };
        let asked_at = self.clock.now();
        let Some((fetched, body)) = self.text(url, self.budget.playlists()).await else { return facts };
        if let Some(exchange) = fetched.ok() {
            (facts.timeline, facts.defects) = parse_media_playlist(&body, &exchange.final_url, variables);
        }
        facts.playlist_at = Some(asked_at);
        facts.playlist = Some(fetched);
        if let Some(timeline) = &facts.timeline {
            facts.newest = self.fetch_newest_i_frame(timeline).await;
        }
        facts
    }

    async fn fetch_newest_i_frame(&self, timeline: &Timeline) -> Option<(Segment, Fetched)> {
        let segment = timeline.segments.last().filter(|s| !s.gap)?;
        let offset = segment.byte_range.map_or(0, |r| r.offset);
        let range = Some(ByteRange { offset, length: 1 });
        let fetched = self.headers(&segment.uri, range, MIN_PLAYLIST_TIME).await?;
        Some((segment.clone(), fetched))
    }
}
