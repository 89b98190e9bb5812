//! Facts that one capture of a channel found: plain data without verdicts.

mod dash;
pub(crate) mod derived;
mod i_frames;
mod low_latency;
mod packager;
mod systems;

pub use dash::{ClockFacts, DashFacts, LocationFacts, PatchFacts, PatchableMpd};
pub use i_frames::IFrameFacts;
pub use low_latency::{BlockingReloadFacts, DeltaUpdateFacts, LowLatencyFacts, PartFacts, PreloadHintFacts};

use packager_media::container::Inspection;
use packager_media::crypt::{AesKey, DecryptError};
use packager_media::dash::BaseUrls;
use packager_media::defect::Defect;
use packager_media::stream::{Key, Map, Protocol, Rendition, Segment, Timeline, VariantCounts};
use packager_media::units::{Seconds, Timestamp};
use serde::Serialize;
use std::sync::Arc;
use url::Url;

/// Everything that one probe fetched and read of a channel.
#[derive(Debug, Clone)]
pub struct Capture {
    pub started_at: Timestamp,
    /// Whether the probe's deadline left something out that should have been fetched.
    pub deadline_exceeded: bool,
    pub outputs: Vec<OutputFacts>,
    pub stages: StageDurations,
}

impl Capture {
    /// Body bytes of all answers after content decoding.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        let renditions = self.outputs.iter().flat_map(|o| o.renditions.iter().map(move |r| (o.protocol(), r)));
        let media = renditions.flat_map(|(protocol, r)| {
            let segments = r.segments.iter().map(|s| &s.fetched);
            let live = r.low_latency.iter().flat_map(LowLatencyFacts::fetched);
            let keys = r.keys.iter().map(|k| &k.fetched);
            let playlist = r.playlist.iter().filter(move |_| protocol == Protocol::Hls);
            playlist.chain(keys).chain(r.inits.iter().map(|i| &i.fetched)).chain(segments).chain(live)
        });
        let i_frames = self.outputs.iter().flat_map(|o| &o.i_frames).flat_map(IFrameFacts::fetched);
        let updates = self.outputs.iter().filter_map(OutputFacts::dash).flat_map(DashFacts::fetched);
        let separate = |o: &&OutputFacts| !o.is_media_playlist() || o.session.followed;
        let manifests = self.outputs.iter().filter(separate).map(|o| &o.manifest);
        let fetched = manifests.chain(updates).chain(media).chain(i_frames);
        fetched.filter_map(|f| f.result.as_ref().ok()).map(|e| e.body_bytes).sum()
    }
}

/// Time spent in each stage of the probe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct StageDurations {
    pub manifest: Seconds,
    pub playlists: Seconds,
    pub segments: Seconds,
    pub checks: Seconds,
}

/// Facts about one output of a channel: its top manifest and everything that the manifest refers to.
#[derive(Debug, Clone)]
pub struct OutputFacts {
    /// Name of the output in its channel's configuration, such as `hls`.
    pub name: String,
    pub url: Url,
    /// The request for the top manifest: multivariant playlist, MPD, or a media playlist in their place.
    pub manifest: Fetched,
    /// What the top manifest was read as.
    pub content: ManifestFacts,
    /// The playback session that the listings of the renditions belong to.
    pub session: SessionFacts,
    /// Defects of the multivariant playlist or of the MPD. Those of a media playlist belong to its rendition.
    pub defects: Vec<Defect>,
    pub renditions: Vec<RenditionFacts>,
    /// I-frame playlists (HLS), empty when the template does not have them probed.
    pub i_frames: Vec<IFrameFacts>,
}

/// The playback session of an output: the addresses that one answer of its manifest named, in use over several probes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionFacts {
    /// The session's number, which grows from one session to the next. `None`: nothing live was listed.
    pub number: Option<u64>,
    /// Whether the listings came from addresses of an earlier manifest, because this probe's manifest names others.
    pub followed: bool,
    /// Whether the session began in this probe.
    pub begun: bool,
}

/// What the top manifest of an output was read as.
#[derive(Debug, Clone)]
pub enum ManifestFacts {
    /// The answer did not come, or is neither a playlist nor an MPD. The protocol is the one that the address or the
    /// content indicates.
    Unreadable(Protocol),
    HlsMultivariant(VariantCounts),
    /// An HLS media playlist in place of a multivariant playlist: it is the output's only rendition.
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

    /// Whether the top manifest was read as a playlist or an MPD, with whatever defects.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        !matches!(self.content, ManifestFacts::Unreadable(_))
    }

    /// Whether the top manifest is a media playlist.
    #[must_use]
    pub fn is_media_playlist(&self) -> bool {
        matches!(self.content, ManifestFacts::HlsMedia)
    }

    /// Facts about the MPD; `None` for HLS and for an MPD that could not be read.
    #[must_use]
    pub fn dash(&self) -> Option<&DashFacts> {
        match &self.content {
            ManifestFacts::Dash(facts) => Some(facts),
            _ => None,
        }
    }

    /// Whether each rendition has a media playlist of its own, as it has under a multivariant playlist.
    #[must_use]
    pub fn has_playlists(&self) -> bool {
        self.protocol() == Protocol::Hls && !self.is_media_playlist()
    }
}

/// Facts about one rendition: its listing, and the segments, keys and initialization segments that were fetched.
#[derive(Debug, Clone)]
pub struct RenditionFacts {
    pub rendition: Rendition,
    /// The request for the media playlist, or for the top manifest that lists the segments. `None`: the probe ran out of
    /// time, or the manifest gives no URI.
    pub playlist: Option<Fetched>,
    /// Time at which that playlist was requested.
    pub playlist_at: Option<Timestamp>,
    /// The listed segments; `None` when the playlist did not arrive or cannot be read.
    pub timeline: Option<Arc<Timeline>>,
    /// Defects of the media playlist.
    pub defects: Vec<Defect>,
    /// The initialization segments of the inspected segments, fetched in this probe or in an earlier one.
    pub inits: Vec<Arc<InitFacts>>,
    /// The keys with an http(s) URI of the newest and of the inspected segments, requested in this probe or remembered
    /// from an earlier one.
    pub keys: Vec<Arc<KeyFacts>>,
    /// Segments inspected in this probe, oldest first.
    pub segments: Vec<Arc<SegmentFacts>>,
    /// The oldest segment of the window, requested only to see whether it is available. `None`: not requested.
    pub oldest: Option<OldestSegmentFacts>,
    /// Base URLs of its segments that have alternatives (DASH).
    pub base_urls: Vec<BaseUrls>,
    /// Addresses at which segments or initialization segments of this probe were asked for in vain before an alternative was.
    pub failed_addresses: Vec<FailedAddress>,
    /// Answers to low-latency requests. `None` for a playlist without parts and delivery directives.
    pub low_latency: Option<LowLatencyFacts>,
    /// Number of segments that the template's coverage includes and that a bound or the deadline left out.
    pub skipped: u64,
    /// Whether all segments of the template's coverage were inspected, in this probe or in an earlier one.
    pub covered: bool,
}

/// An address that doesn't have a resource which has alternative addresses.
#[derive(Debug, Clone)]
pub struct FailedAddress {
    /// Number of the segment; `None` for an initialization segment.
    pub number: Option<u64>,
    pub fetched: Fetched,
    /// The alternative that has the resource; `None` if none has it.
    pub found_at: Option<Url>,
}

/// Facts about one initialization segment.
#[derive(Debug, Clone)]
pub struct InitFacts {
    pub map: Map,
    pub fetched: Fetched,
    /// The content, after decryption when the whole resource is encrypted. `None`: the content is unknown.
    pub inspection: Option<Inspection>,
    /// Result of the decryption. `None`: the playlist does not announce whole-resource encryption.
    pub decryption: Option<Decryption>,
    /// Hash of the content, by which two contents are compared. `None`: the resource is incomplete, has no movie box, or is
    /// encrypted as a whole, so that the same content may have other bytes.
    pub digest: Option<u64>,
}

/// The answer of a key server or, for DRM key formats, of the licence server.
#[derive(Debug, Clone)]
pub struct KeyFacts {
    pub key: Key,
    pub asked_at: Timestamp,
    pub fetched: Fetched,
    /// The key. `None`: the body is not a key of 16 bytes.
    pub secret: Option<AesKey>,
}

impl KeyFacts {
    /// Whether a player can use the answer. For the format `identity` it must be a key of 16 bytes. For other formats any
    /// answer below status 500 counts, since only the player of the DRM system knows how to request a licence.
    #[must_use]
    pub fn usable(&self) -> bool {
        match self.key.format() {
            "identity" => self.secret.is_some(),
            _ => self.fetched.result.as_ref().is_ok_and(|e| e.status < 500),
        }
    }
}

/// Result of decrypting a body that the playlist announces as encrypted as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decryption {
    Done,
    /// The body is clear media, not encrypted.
    Clear,
    /// The body is text, such as an error page.
    Text,
    /// The key is missing or of a format that this exporter does not support, so that the content is unknown.
    Locked,
    /// The key and the initialization vector do not decrypt the body.
    Failed(DecryptError),
}

/// Facts about the oldest segment of the window, of which only the answer's head is read.
#[derive(Debug, Clone)]
pub struct OldestSegmentFacts {
    pub segment: Segment,
    pub fetched: Fetched,
}

/// Facts about one segment that was downloaded.
#[derive(Debug, Clone)]
pub struct SegmentFacts {
    /// The segment as the playlist or MPD lists it.
    pub segment: Segment,
    pub inspected_at: Timestamp,
    pub fetched: Fetched,
    /// The content, after decryption when the whole segment is encrypted. `None`: the content is unknown.
    pub inspection: Option<Inspection>,
    /// Result of the decryption. `None`: no whole-segment encryption is announced, or the segment is incomplete.
    pub decryption: Option<Decryption>,
    /// Whether the segment was the newest of its playlist when it was fetched.
    pub newest: bool,
}

/// One HTTP request with its redirects, and its answer or failure.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// URL of the request, before redirects.
    pub url: Url,
    pub result: Result<Exchange, Failure>,
}

impl Fetched {
    /// The answer when its status is a 2xx and its body is complete.
    #[must_use]
    pub fn ok(&self) -> Option<&Exchange> {
        self.result.as_ref().ok().filter(|e| e.complete() && e.is_success())
    }

    /// Whether the probe's own deadline ended the request, which says nothing about the stream.
    #[must_use]
    pub fn probe_timed_out(&self) -> bool {
        let failure = match &self.result {
            Err(failure) => Some(failure),
            Ok(exchange) => exchange.broken.as_ref(),
        };
        failure.is_some_and(|f| f.kind == FailureKind::Deadline)
    }

    /// Whether the answer to a range request holds other, more or fewer bytes than requested, so that its content says nothing
    /// about the media.
    #[must_use]
    pub fn has_wrong_range(&self) -> bool {
        let broken = self.result.as_ref().ok().and_then(|e| e.broken.as_ref());
        broken.is_some_and(|f| f.kind == FailureKind::Range)
    }

    /// A sentence about the failure, for people. `None` for a complete 2xx answer.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        match &self.result {
            Err(failure) => Some(failure.message.clone()),
            Ok(e) if !e.is_success() => Some(format!("HTTP status {}", e.status)),
            Ok(e) => e.broken.as_ref().map(|f| f.message.clone()),
        }
    }
}

/// An HTTP answer whose headers arrived.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// URL that answered, after redirects.
    pub final_url: Url,
    pub status: u16,
    /// HTTP version: `HTTP/1.1` or `HTTP/2.0`.
    pub version: &'static str,
    pub redirects: u32,
    pub timings: Timings,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_length: Option<u64>,
    pub last_modified: Option<Timestamp>,
    /// Date header: the time by the server's clock.
    pub date: Option<Timestamp>,
    /// Other headers that checks read, with lower-case names and bounded values.
    pub headers: Vec<(String, String)>,
    /// Body bytes read, after content decoding.
    pub body_bytes: u64,
    /// Earliest `notAfter` on the path from the server's certificate to a trusted one. `None` without TLS.
    pub certificate_expiry: Option<Timestamp>,
    /// Earliest `notAfter` of all certificates that the server sent, also of those that lead nowhere. `None` without TLS.
    pub sent_certificates_expiry: Option<Timestamp>,
    /// The failure that ended the body early. `None`: the body is complete.
    pub broken: Option<Failure>,
}

impl Exchange {
    /// Whether the status is a 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the body was read to its end.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.broken.is_none()
    }
}

/// Durations of the request's phases on the last hop; `total` covers all hops. `None`: a reused connection had no such phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Timings {
    pub dns: Option<Seconds>,
    pub connect: Option<Seconds>,
    pub tls: Option<Seconds>,
    pub first_byte: Seconds,
    pub body: Seconds,
    pub total: Seconds,
}

/// The reason why a request has no answer, or no complete one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub kind: FailureKind,
    /// One sentence with the address or bound concerned, and the next step for the operator if there is one.
    pub message: String,
}

/// The phase or rule in which a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The address guard refused the address, or the URL is not http(s).
    Refused,
    Dns,
    Connect,
    Tls,
    Timeout,
    /// The probe's own deadline ended the request, which says nothing about the stream.
    Deadline,
    /// The connection ended within the headers or the body.
    Cut,
    TooLarge,
    Redirect,
    Encoding,
    /// The answer to a range request holds other, more or fewer bytes than requested.
    Range,
    Protocol,
}
