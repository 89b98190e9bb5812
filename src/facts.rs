//! Facts that one capture of a channel found, as plain data without verdicts.

mod caches;
mod content_range;
mod dash;
pub(crate) mod derived;
mod fault_span;
mod growing;
mod i_frames;
mod low_latency;
pub mod mos;
mod packager;
pub(crate) mod quiet;
mod request;
mod session;
mod signal;
mod steering;
pub(crate) mod still;
mod systems;

pub use caches::CacheStatus;
pub use content_range::ContentRange;
pub use dash::{ClockFacts, DashFacts, LocationFacts, PatchFacts, PatchableMpd};
pub use fault_span::FaultSpan;
pub use growing::{ChunkArrival, GrowingSegmentFacts};
pub use i_frames::IFrameFacts;
pub use low_latency::{BlockingReloadFacts, DeltaUpdateFacts, LowLatencyFacts, PartFacts, PreloadHintFacts};
pub use request::{Exchange, Failure, FailureKind, Fetched, Timings};
pub use session::{EndedSession, SessionFacts};
pub use signal::{CodedAmount, DecodedFacts, SignalFacts, Undecoded};
pub use steering::{ClonedPlaylist, SteeringFacts};

use bytes::Bytes;
use packager_media::container::Inspection;
use packager_media::crypt::{AesKey, BLOCK_SIZE, DecryptError};
use packager_media::dash::BaseUrls;
use packager_media::defect::Defect;
use packager_media::stream::{Key, Map, Protocol, Rendition, Segment, Timeline, VariantCounts};
use packager_media::units::{Seconds, Timestamp};
use serde::Serialize;
use std::sync::Arc;
use url::Url;

/// Everything that one probe fetched and parsed of a channel.
#[derive(Debug, Clone)]
pub struct Capture {
    pub started_at: Timestamp,
    /// Whether the probe's deadline left something out that should have been fetched.
    pub deadline_exceeded: bool,
    pub outputs: Vec<OutputFacts>,
    pub stages: StageDurations,
}

impl Capture {
    /// Returns the number of body bytes of all answers in the capture, after content decoding.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        let renditions = self.outputs.iter().flat_map(|o| o.renditions.iter().map(move |r| (o.protocol(), r)));
        let media = renditions.flat_map(|(protocol, r)| {
            let segments = r.segments.iter().chain(&r.heads).map(|s| &s.fetched);
            let live = r.low_latency.iter().flat_map(LowLatencyFacts::fetched);
            let live = live.chain(r.growing.iter().map(|g| &g.fetched));
            let keys = r.keys.iter().map(|k| &k.fetched);
            let playlist = r.playlist.iter().filter(move |_| protocol == Protocol::Hls);
            playlist.chain(keys).chain(r.inits.iter().map(|i| &i.fetched)).chain(segments).chain(live)
        });
        let i_frames = self.outputs.iter().flat_map(|o| &o.i_frames).flat_map(IFrameFacts::fetched);
        let updates = self.outputs.iter().filter_map(OutputFacts::dash).flat_map(DashFacts::fetched);
        let separate = |o: &&OutputFacts| !o.is_media_playlist() || o.session.followed;
        let manifests = self.outputs.iter().filter(separate).map(|o| &o.manifest);
        let steering = self.outputs.iter().filter_map(|o| o.steering.as_ref());
        let steering = steering.filter(|s| s.asked_at >= self.started_at).map(|s| &s.fetched);
        let fetched = manifests.chain(updates).chain(media).chain(i_frames).chain(steering);
        fetched.filter_map(|f| f.result.as_ref().ok()).map(|e| e.body_bytes).sum()
    }
}

/// Time spent in each stage of the probe, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct StageDurations {
    pub manifest: Seconds,
    pub playlists: Seconds,
    pub segments: Seconds,
    pub checks: Seconds,
}

/// What a probe captured of one output of a channel: its multivariant playlist or MPD, and everything to which it
/// refers.
#[derive(Debug, Clone)]
pub struct OutputFacts {
    /// Name of the output in its channel's configuration, such as `hls`.
    pub name: String,
    pub url: Url,
    /// The request for the top manifest: a multivariant playlist, an MPD, or a media playlist in the place of a
    /// multivariant one.
    pub manifest: Fetched,
    /// The failed first request for the top manifest, or for the MPD of the playback session, if it came with a second request, a second
    /// later. `None`: the first request counts.
    pub manifest_failed_first: Option<Fetched>,
    /// What the top manifest turned out to be when it was parsed.
    pub content: ManifestFacts,
    /// Playback session to which the media playlists or the MPD of this capture belong.
    pub session: SessionFacts,
    /// Defects of the multivariant playlist or of the MPD. The defects of a media playlist belong to its rendition.
    pub defects: Vec<Defect>,
    pub renditions: Vec<RenditionFacts>,
    /// I-frame playlists (HLS); empty if the template doesn't have them probed.
    pub i_frames: Vec<IFrameFacts>,
    /// The newest answer of the steering server that the manifest names. `None` if it names none, or none was asked.
    pub steering: Option<Arc<SteeringFacts>>,
    /// Whether picture and sound were decoded.
    pub signal: SignalFacts,
}

/// What the top manifest of an output turned out to be when it was parsed.
#[derive(Debug, Clone)]
pub enum ManifestFacts {
    /// There was no answer, or it is neither a playlist nor an MPD. The protocol is the one that the URL or the content
    /// indicates.
    Unreadable(Protocol),
    HlsMultivariant(VariantCounts),
    /// The answer is an HLS media playlist instead of a multivariant playlist: it is the output's only rendition.
    HlsMedia,
    Dash(Box<DashFacts>),
}

impl OutputFacts {
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match self.content {
            ManifestFacts::Unreadable(protocol) => protocol,
            ManifestFacts::HlsMultivariant(_) | ManifestFacts::HlsMedia => Protocol::Hls,
            ManifestFacts::Dash(_) => Protocol::Dash,
        }
    }

    /// Returns whether the top manifest could be parsed as a playlist or an MPD, with whatever defects.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        !matches!(self.content, ManifestFacts::Unreadable(_))
    }

    /// Returns whether the top manifest is a media playlist.
    #[must_use]
    pub fn is_media_playlist(&self) -> bool {
        matches!(self.content, ManifestFacts::HlsMedia)
    }

    /// Returns what the probe captured of the MPD; `None` for HLS and for an MPD that couldn't be parsed.
    #[must_use]
    pub fn dash(&self) -> Option<&DashFacts> {
        match &self.content {
            ManifestFacts::Dash(facts) => Some(facts),
            _ => None,
        }
    }

    /// Returns whether each rendition has its own media playlist, as under a multivariant playlist.
    #[must_use]
    pub fn has_playlists(&self) -> bool {
        self.protocol() == Protocol::Hls && !self.is_media_playlist()
    }
}

/// What a probe captured of one rendition: its playlist, and the segments, keys and initialization segments.
#[derive(Debug, Clone)]
pub struct RenditionFacts {
    pub rendition: Rendition,
    /// The request for the media playlist, or for the top manifest that lists the segments. `None` if the probe ran out
    /// of time, or the manifest gives no URI.
    pub playlist: Option<Fetched>,
    /// The failed first request for the media playlist (HLS), if it came with a second request, a second later. `None`: the first request
    /// counts.
    pub playlist_failed_first: Option<Fetched>,
    /// Time at which the rendition's playlist was requested; `None` if it wasn't.
    pub playlist_at: Option<Timestamp>,
    /// Time at which the rendition's playlist had arrived; `None` if it wasn't requested.
    pub playlist_arrived_at: Option<Timestamp>,
    /// Time at which the live edge of `timeline` was where it is, by the clock of its dates. `None`: `playlist_at`.
    pub edge_at: Option<Timestamp>,
    /// The rendition's media playlist, or its segments in the MPD. `None` if the playlist didn't arrive or can't be
    /// parsed.
    pub timeline: Option<Arc<Timeline>>,
    /// Defects of the rendition's media playlist.
    pub defects: Vec<Defect>,
    /// Initialization segments of the segments to inspect and of the newest listed segment, as far as this probe had the time to fetch
    /// them.
    pub inits: Vec<Arc<InitFacts>>,
    /// Keys with an http(s) URI of the newest listed segment, of the segments to inspect, and of listed segments whose key no player could
    /// use in an earlier probe. They were requested in this probe, or are usable and remembered from an earlier one.
    pub keys: Vec<Arc<KeyFacts>>,
    /// Segments of the rendition that were inspected as a whole in this probe, oldest first.
    pub segments: Vec<Arc<SegmentFacts>>,
    /// Segments of which this probe fetched the first bytes only, oldest first.
    pub heads: Vec<Arc<SegmentFacts>>,
    /// How much of the new media this probe inspected. `None`: there were no new segments.
    pub coverage: Option<InspectedShare>,
    /// The oldest segment of the window, requested only to see whether it is available. `None` if it wasn't requested, or it left the
    /// window meanwhile, or the probe's time ended.
    pub oldest: Option<OldestSegmentFacts>,
    /// Base URLs (DASH) of the rendition's segments, where players have a choice: the MPD names alternative BaseURLs,
    /// or players that ignore its Location resolve URLs against another address. Empty otherwise.
    pub base_urls: Vec<BaseUrls>,
    /// URLs at which a segment or initialization segment could not be fetched in this probe, so that an alternative URL
    /// was requested.
    pub failed_addresses: Vec<FailedAddress>,
    /// Segments that came with the second request, in this probe.
    pub repeated: Vec<RepeatedRequest>,
    /// Alternative base URLs that don't have the third newest listed segment, or the oldest of fewer; gaps don't count. Each is asked for
    /// its first byte, whether or not the first base URL has it. Empty if all have it, if the rendition has no alternatives, or if the
    /// template disables `segment_unavailable`.
    pub dead_alternatives: Vec<DeadAlternative>,
    /// Answers to the requests of low-latency players. `None` for a playlist without parts and delivery directives.
    pub low_latency: Option<LowLatencyFacts>,
    /// The newest segment, requested while it was being made (DASH). `None`: its segments are complete when they become
    /// available, the template doesn't have it requested, or there was no time.
    pub growing: Option<GrowingSegmentFacts>,
    /// Number of segments that the template's setting `segments` includes, but that weren't inspected because of a
    /// bound or the deadline.
    pub skipped: u64,
    /// Whether all segments that the template's setting `segments` includes were inspected, in this probe or in an
    /// earlier one.
    pub covered: bool,
    /// What decoding showed of the rendition's newest segments; `None` if none were decoded in this probe.
    pub decoded: Option<Arc<DecodedFacts>>,
}

impl RenditionFacts {
    /// Makes the facts about a rendition of which nothing was requested.
    pub fn unrequested(rendition: Rendition) -> Self {
        Self {
            rendition,
            playlist: None,
            playlist_failed_first: None,
            playlist_at: None,
            playlist_arrived_at: None,
            edge_at: None,
            timeline: None,
            defects: Vec::new(),
            inits: Vec::new(),
            keys: Vec::new(),
            segments: Vec::new(),
            heads: Vec::new(),
            coverage: None,
            oldest: None,
            base_urls: Vec::new(),
            failed_addresses: Vec::new(),
            repeated: Vec::new(),
            dead_alternatives: Vec::new(),
            low_latency: None,
            growing: None,
            skipped: 0,
            covered: true,
            decoded: None,
        }
    }
}

/// A URL that doesn't have a resource which the MPD has at other URLs too.
#[derive(Debug, Clone)]
pub struct FailedAddress {
    /// Number of the segment that was requested; `None` for an initialization segment.
    pub number: Option<u64>,
    pub fetched: Fetched,
    /// Alternative URL that has the resource; `None` if none of them has it.
    pub found_at: Option<Url>,
    /// URL that has the segment and that only players request which ignore the MPD's Location; `None` if there is none.
    pub without_location: Option<Url>,
}

/// A segment whose first request failed and whose second one, a second later, succeeded.
#[derive(Debug, Clone)]
pub struct RepeatedRequest {
    /// Number of the segment.
    pub number: u64,
    /// The first request.
    pub fetched: Fetched,
}

/// An alternative base URL at which a segment is missing.
#[derive(Debug, Clone)]
pub struct DeadAlternative {
    /// Number of the segment that was requested.
    pub number: u64,
    /// The request for the segment's first byte.
    pub fetched: Fetched,
}

/// One initialization segment: where it is, how it was fetched, and what it contains.
#[derive(Debug, Clone)]
pub struct InitFacts {
    pub map: Map,
    pub fetched: Fetched,
    /// Contents of the initialization segment, after decryption if it is encrypted as a whole. `None` if they aren't
    /// known.
    pub inspection: Option<Inspection>,
    /// Result of decrypting the initialization segment. `None` if the playlist announces no encryption of the whole
    /// resource.
    pub decryption: Option<Decryption>,
    /// Hash of the initialization segment's content, by which two contents are compared. `None` if the resource is
    /// incomplete, has no movie box, or is encrypted as a whole, so that the same content may have other bytes.
    pub digest: Option<u64>,
    /// Clear bytes of the initialization segment, for the decoder; `None` if nothing is decoded with it.
    pub kept: Option<Bytes>,
}

/// The answer of a key server or, for DRM key formats, of the licence server.
#[derive(Debug, Clone)]
pub struct KeyFacts {
    pub key: Key,
    pub asked_at: Timestamp,
    pub fetched: Fetched,
    /// The AES-128 key in the answer. `None` if the body isn't a key of 16 bytes.
    pub secret: Option<AesKey>,
}

impl KeyFacts {
    /// Returns whether a player can use the key server's answer. For the format `identity` it has to be a key of as many
    /// bytes as the METHOD needs. For other formats any answer below status 500 counts, because only the player of the DRM system knows how
    /// to request a licence.
    #[must_use]
    pub fn usable(&self) -> bool {
        match self.key.format() {
            "identity" if self.key.length() == BLOCK_SIZE => self.secret.is_some(),
            "identity" => self.fetched.ok().is_some_and(|e| e.body_bytes == self.key.length() as u64),
            _ => self.fetched.result.as_ref().is_ok_and(|e| e.status < 500),
        }
    }
}

/// Result of decrypting a body that the playlist announces as encrypted as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decryption {
    Done,
    /// The body isn't encrypted: it is clear media.
    Clear,
    /// The body isn't encrypted: it is text, such as an error page.
    Text,
    /// The key is missing or of a format that this exporter does not support, so that the content is unknown.
    Locked,
    /// The key and the initialization vector don't decrypt the body.
    Failed(DecryptError),
}

/// The oldest segment of the window, and the request for its first byte, which shows whether it is still available.
#[derive(Debug, Clone)]
pub struct OldestSegmentFacts {
    pub segment: Segment,
    pub fetched: Fetched,
}

/// One downloaded segment: how it was listed, fetched and decrypted, and what it contains.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentFacts {
    /// The segment as the playlist or MPD lists it.
    pub segment: Segment,
    pub inspected_at: Timestamp,
    pub fetched: Fetched,
    /// Contents of the segment, after decryption if it is encrypted as a whole. `None` if they aren't known.
    pub inspection: Option<Inspection>,
    /// Result of the decryption. `None` if no encryption of the whole segment is announced, or the segment is
    /// incomplete.
    pub decryption: Option<Decryption>,
    /// Whether the segment was the newest of its playlist when it was fetched.
    pub newest: bool,
    pub extent: SegmentExtent,
}

/// Which bytes of a segment were fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SegmentExtent {
    #[default]
    Whole,
    /// The first bytes only. `size` is the size of the whole segment in bytes, by the answer's headers or the playlist;
    /// `None` if neither says it.
    Head { size: Option<u64> },
}

/// How much of a rendition's new media was inspected, in seconds by the playlist or MPD.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct InspectedShare {
    /// Duration of the inspected segments; one of which only the first bytes were fetched counts by its bytes.
    pub inspected: Seconds,
    /// Duration of all segments that were listed since the last inspected one.
    pub listed: Seconds,
}
