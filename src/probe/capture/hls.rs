//! Capture of HLS: the media playlists that a multivariant playlist lists, or the one that is the manifest itself.

use super::growing::GrowingSegments;
use super::sessions::{FollowedPresentation, PlaylistAnswer};
use super::{Capturer, DecodedRenditions, RENDITIONS_AT_ONCE};
use crate::catalog::Coverage;
use crate::facts::{ManifestFacts, OutputFacts, RenditionFacts};
use crate::history::AlreadyInspected;
use futures_util::stream::{self, StreamExt};
use packager_media::defect::Defect;
use packager_media::hls::{self, Playlist};
use packager_media::stream::{Media, Presentation, Protocol, Rendition, RenditionIdentity, Timeline};
use packager_media::units::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::Instant;
use url::Url;

/// Names and values of the variables that a multivariant playlist defines for its media playlists (RFC 8216bis 4.4.2.3,
/// EXT-X-DEFINE).
pub(super) type Variables = BTreeMap<String, String>;

impl Capturer<'_> {
    /// Captures an output whose manifest is a media playlist, within the playback session that is followed. `asked_at` and `arrived_at`
    /// are the times of the manifest's request and of its answer. Returns the instant at which the playlist had arrived.
    pub(super) async fn capture_media_playlist(
        &self,
        facts: &mut OutputFacts,
        (timeline, defects): (Timeline, Vec<Defect>),
        (asked_at, arrived_at): (Timestamp, Timestamp),
    ) -> Option<Instant> {
        let base = facts.manifest.ok()?.final_url.clone();
        facts.content = ManifestFacts::HlsMedia;
        let (session, followed) = self.follow_media_playlist(&base).await;
        facts.session = session;
        let fetched = Some(facts.manifest.clone());
        let (timeline, arrived) = (Some(timeline), Instant::now());
        let answer = match followed {
            Some(answer) if answer.defects.is_empty() => PlaylistAnswer { defects, ..answer },
            Some(answer) => answer,
            None => PlaylistAnswer { asked_at, arrived_at, fetched, timeline, defects, arrived },
        };
        let arrived = answer.arrived;
        let uri = answer.fetched.as_ref().filter(|_| session.followed).map_or(&base, |fetched| &fetched.url);
        let mut rendition = RenditionFacts::unrequested(direct_rendition(uri));
        rendition.listed_by(answer);
        let direct = Some(RenditionIdentity::place(DIRECT));
        self.choose_decoded(DecodedRenditions { video: direct, audio: None });
        self.set_allowed_share(&[], asked_at);
        let known = self.recognize(facts, &mut [], &mut [], asked_at);
        let (share, growing) = (self.coverage_share(0, 1), GrowingSegments::default());
        self.capture_media(&mut rendition, &Variables::new(), &known, share, &growing).await;
        facts.renditions.push(rendition);
        Some(arrived)
    }

    /// Captures what a multivariant playlist lists, within the playback session that is followed. Returns the instant
    /// at which the last playlist had arrived.
    pub(super) async fn capture_multivariant(
        &self,
        facts: &mut OutputFacts,
        newest: Presentation,
        asked_at: Timestamp,
    ) -> Option<Instant> {
        let steering = newest.steering.clone();
        let FollowedPresentation { session, mut presentation, playlists } = self.follow_presentation(newest).await;
        facts.session = session;
        let mut renditions: Vec<&mut Rendition> = presentation.renditions.iter_mut().collect();
        let mut i_frames: Vec<&mut Rendition> = presentation.i_frames.iter_mut().collect();
        self.choose_decoded(DecodedRenditions::of(renditions.iter().map(|r| &**r)));
        self.set_allowed_share(&renditions, asked_at);
        let known = self.recognize(facts, &mut renditions, &mut i_frames, asked_at);
        let all = presentation.renditions.len();
        let variants = if steering.is_some() { presentation.renditions.clone() } else { Vec::new() };
        let mut playlists = playlists.into_iter();
        let captures = presentation.renditions.into_iter().map(|r| (r, playlists.next())).collect::<Vec<_>>();
        let captures = captures.into_iter().enumerate().map(|(n, (r, playlist))| {
            self.capture_rendition(r, playlist, &presentation.variables, &known, self.coverage_share(n, all))
        });
        let (done, i_frames, steering) = tokio::join!(
            stream::iter(captures).buffered(RENDITIONS_AT_ONCE).collect::<Vec<_>>(),
            self.capture_i_frames(presentation.i_frames, &presentation.variables),
            self.ask_steering_server(steering, Protocol::Hls, &variants, &known)
        );
        facts.steering = steering;
        facts.i_frames = i_frames;
        let (renditions, arrived): (Vec<_>, Vec<_>) = done.into_iter().unzip();
        facts.renditions = renditions;
        apply_common_tags(&mut facts.renditions, presentation.independent_segments, presentation.start_offset);
        arrived.into_iter().max()
    }

    /// Captures one rendition. `playlist` is its media playlist if that was already fetched.
    async fn capture_rendition(
        &self,
        rendition: Rendition,
        playlist: Option<PlaylistAnswer>,
        variables: &Variables,
        known: &AlreadyInspected,
        coverage: Coverage,
    ) -> (RenditionFacts, Instant) {
        let mut facts = RenditionFacts::unrequested(rendition);
        let Some(url) = facts.rendition.uri.clone() else { return (facts, Instant::now()) };
        let answer = match playlist {
            Some(answer) => answer,
            None => self.fetch_playlist(&url, variables).await,
        };
        let arrived = answer.arrived;
        if facts.listed_by(answer) {
            self.capture_media(&mut facts, variables, known, coverage, &GrowingSegments::default()).await;
        }
        (facts, arrived)
    }
}

impl RenditionFacts {
    /// Stores the answer to the request for the rendition's media playlist. Returns `false` if the probe's time ended
    /// before the answer came.
    fn listed_by(&mut self, answer: PlaylistAnswer) -> bool {
        let Some(fetched) = answer.fetched else { return false };
        (self.playlist, self.playlist_at) = (Some(fetched), Some(answer.asked_at));
        self.playlist_arrived_at = Some(answer.arrived_at);
        (self.timeline, self.defects) = (answer.timeline.map(Arc::new), answer.defects);
        true
    }
}

/// Adds to the playlists of a presentation what its multivariant playlist says for all of them: EXT-X-INDEPENDENT-SEGMENTS and EXT-X-START.
fn apply_common_tags(renditions: &mut [RenditionFacts], independent_segments: bool, start_offset: Option<f64>) {
    if !independent_segments && start_offset.is_none() {
        return;
    }
    for timeline in renditions.iter_mut().filter_map(|r| r.timeline.as_mut()).map(Arc::make_mut) {
        timeline.independent_segments |= independent_segments;
        timeline.start_offset = timeline.start_offset.or(start_offset);
    }
}

pub(super) fn parse_media_playlist(body: &[u8], base: &Url, variables: &Variables) -> (Option<Timeline>, Vec<Defect>) {
    match hls::parse_rendition(body, base, variables) {
        (Playlist::Media(timeline), defects) => (Some(timeline), defects),
        (_, defects) => (None, defects),
    }
}

/// Name of the rendition of an output whose manifest is a media playlist.
const DIRECT: &str = "media";

/// Makes the rendition of an output whose manifest is a media playlist.
pub(super) fn direct_rendition(url: &Url) -> Rendition {
    Rendition {
        name: DIRECT.to_owned(),
        uri: Some(url.clone()),
        ..Rendition::new(Media::Video, RenditionIdentity::place(DIRECT))
    }
}
