//! I-frame playlists: the playlist, and whether its newest I-frame is there.

use super::{Capturer, PLAYLIST_PATIENCE, Variables, inconclusive, media_playlist};
use crate::facts::{Fetched, IFrameFacts};
use crate::fetch::Ask;
use futures_util::stream::{self, StreamExt};
use packager_media::stream::{ByteRange, Rendition, Segment, Timeline};
use tokio::time::Instant;

/// Of one output, at the same time: trick play must not take the connections of what viewers watch.
const AT_ONCE: usize = 4;

impl Capturer<'_> {
    /// None where the template doesn't want them judged.
    pub(super) async fn i_frames(&self, listed: Vec<Rendition>, variables: &Variables) -> Vec<IFrameFacts> {
        if !self.template.checks.hls_i_frame_playlist_broken.enabled {
            return Vec::new();
        }
        let asked = listed.into_iter().map(|rendition| self.i_frame_playlist(rendition, variables));
        stream::iter(asked).buffered(AT_ONCE).collect().await
    }

    async fn i_frame_playlist(&self, rendition: Rendition, variables: &Variables) -> IFrameFacts {
        let (playlist, playlist_at, timeline, newest) = (None, None, None, None);
        let mut facts = IFrameFacts { rendition, playlist, playlist_at, timeline, defects: Vec::new(), newest };
        let Some(url) = &facts.rendition.uri else { return facts };
        let (asked_at, began) = (self.clock.now(), Instant::now());
        let (fetched, body) = self.text(url, self.budget.playlists()).await;
        if inconclusive(&fetched, began, PLAYLIST_PATIENCE) {
            return facts;
        }
        if let Some(exchange) = fetched.ok() {
            (facts.timeline, facts.defects) = media_playlist(&body, &exchange.final_url, variables);
        }
        facts.playlist_at = Some(asked_at);
        facts.playlist = Some(fetched);
        if let Some(timeline) = &facts.timeline {
            facts.newest = self.newest_i_frame(timeline).await;
        }
        facts
    }

    async fn newest_i_frame(&self, timeline: &Timeline) -> Option<(Segment, Fetched)> {
        let segment = timeline.segments.last().filter(|s| !s.gap)?;
        let offset = segment.byte_range.map_or(0, |r| r.offset);
        let range = Some(ByteRange { offset, length: 1 });
        let ask = Ask { range, headers_only: true, ..self.ask(&segment.uri) };
        let began = Instant::now();
        let fetched = self.client.get(ask, self.budget.segments(), |_| {}).await;
        (!inconclusive(&fetched, began, PLAYLIST_PATIENCE)).then(|| (segment.clone(), fetched))
    }
}
