//! What one capture of a channel learned: plain data, no verdicts.

mod dash;
pub(crate) mod derived;
mod i_frames;
mod low_latency;
mod packager;
mod systems;

pub use dash::{ClockFacts, DashFacts, LocationFacts, PatchFacts, Patchable};
pub use i_frames::IFrameFacts;
pub use low_latency::{DeltaFacts, HintFacts, LowLatencyFacts, PartFacts, ReloadFacts};

use packager_media::container::Inspection;
use packager_media::crypt::{Misfit, Secret};
use packager_media::defect::Defect;
use packager_media::stream::{Key, Map, Protocol, Rendition, Segment, Timeline};
use packager_media::units::{Seconds, Timestamp};
use serde::Serialize;
use std::sync::Arc;
use url::Url;

/// Everything one probe fetched and read of a channel.
#[derive(Debug, Clone)]
pub struct Capture {
    pub started_at: Timestamp,
    pub deadline_exceeded: bool,
    pub outputs: Vec<OutputFacts>,
    pub stages: Stages,
}

impl Capture {
    /// Body bytes that were fetched for it, content encoding undone.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        let renditions = self.outputs.iter().flat_map(|o| o.renditions.iter().map(move |r| (o.protocol, r)));
        let media = renditions.flat_map(|(protocol, r)| {
            let segments = r.segments.iter().map(|s| &s.fetched);
            let live = r.low_latency.iter().flat_map(LowLatencyFacts::fetched);
            let keys = r.keys.iter().map(|k| &k.fetched);
            let playlist = r.playlist.iter().filter(move |_| protocol == Protocol::Hls);
            playlist.chain(keys).chain(r.inits.iter().map(|i| &i.fetched)).chain(segments).chain(live)
        });
        let i_frames = self.outputs.iter().flat_map(|o| &o.i_frames).flat_map(IFrameFacts::fetched);
        let beside = self.outputs.iter().filter_map(|o| o.dash.as_ref()).flat_map(DashFacts::fetched);
        let manifests = self.outputs.iter().filter(|o| !o.direct).map(|o| &o.manifest);
        let fetched = manifests.chain(beside).chain(media).chain(i_frames);
        fetched.filter_map(|f| f.result.as_ref().ok()).map(|e| e.body_bytes).sum()
    }
}

/// Time spent in each stage of the probe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Stages {
    pub manifest: Seconds,
    pub playlists: Seconds,
    pub segments: Seconds,
    pub checks: Seconds,
}

#[derive(Debug, Clone)]
pub struct OutputFacts {
    pub name: String,
    pub protocol: Protocol,
    pub url: Url,
    /// The top manifest as it was answered.
    pub manifest: Fetched,
    /// The top manifest is a media playlist given directly.
    pub direct: bool,
    /// When the manifest could be read as one: it has renditions. `None`: not a playlist at all.
    pub parsed: bool,
    /// Defects of the multivariant playlist.
    pub defects: Vec<Defect>,
    pub renditions: Vec<RenditionFacts>,
    /// Playlists for trick play, where the template has them looked at.
    pub i_frames: Vec<IFrameFacts>,
    /// `None` for HLS, or where there is no MPD.
    pub dash: Option<DashFacts>,
}

impl OutputFacts {
    /// Its renditions have playlists of their own.
    #[must_use]
    pub fn has_playlists(&self) -> bool {
        self.protocol == Protocol::Hls && !self.direct
    }
}

#[derive(Debug, Clone)]
pub struct RenditionFacts {
    pub rendition: Rendition,
    /// Its media playlist's exchange (the top manifest's, where that is the media playlist). `None`: out of time, or no URI.
    pub playlist: Option<Fetched>,
    /// When that playlist was asked for.
    pub playlist_at: Option<Timestamp>,
    pub timeline: Option<Arc<Timeline>>,
    /// Defects of its media playlist.
    pub defects: Vec<Defect>,
    /// The initialization segments that its inspected segments need: fetched in this probe or before.
    pub inits: Vec<Arc<InitFacts>>,
    /// The keys that its newest and its inspected segments need, those with an http(s) URI: asked for in this probe, or
    /// remembered.
    pub keys: Vec<Arc<KeyFacts>>,
    /// Segments inspected in this probe, oldest first.
    pub segments: Vec<Arc<SegmentFacts>>,
    /// The window's oldest segment, asked for only to see that it is there.
    pub oldest: Option<OldestFacts>,
    /// `None` for a playlist without parts and delivery directives.
    pub low_latency: Option<LowLatencyFacts>,
    /// Segments that the template's coverage wanted and bounds or the deadline left out.
    pub skipped: u64,
    /// What the template's coverage asks for was inspected, in this probe or by an earlier one.
    pub covered: bool,
}

#[derive(Debug, Clone)]
pub struct InitFacts {
    pub map: Map,
    pub fetched: Fetched,
    /// Of what is inside, where it is encrypted as a whole.
    pub inspection: Option<Inspection>,
    /// Of one announced as encrypted as a whole.
    pub decryption: Option<Decryption>,
    /// Of its bytes, to tell one content from another; `None` where it didn't arrive whole, has no movie box, or
    /// is encrypted as a whole: that makes other bytes of the same content.
    pub digest: Option<u64>,
}

/// A key, or for formats of which that isn't known, whoever gives it out.
#[derive(Debug, Clone)]
pub struct KeyFacts {
    pub key: Key,
    pub asked_at: Timestamp,
    pub fetched: Fetched,
    /// The body where it is a key of 16 bytes.
    pub secret: Option<Secret>,
}

impl KeyFacts {
    /// What a player needs of it came: 16 bytes of a key, or for other formats any answer, since a licence is asked for
    /// in ways that only the DRM's own player knows.
    #[must_use]
    pub fn usable(&self) -> bool {
        match self.key.format() {
            "identity" => self.secret.is_some(),
            _ => self.fetched.result.as_ref().is_ok_and(|e| e.status < 500),
        }
    }
}

/// What became of a body that is announced as encrypted as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decryption {
    Done,
    /// It is media already.
    Clear,
    /// It is a page of text.
    Text,
    /// There was no key, or none that this exporter can use: what is inside is unknown.
    Locked,
    /// Key and initialization vector don't fit.
    Failed(Misfit),
}

#[derive(Debug, Clone)]
pub struct OldestFacts {
    pub segment: Segment,
    pub fetched: Fetched,
}

#[derive(Debug, Clone)]
pub struct SegmentFacts {
    /// As the playlist declared it.
    pub segment: Segment,
    pub inspected_at: Timestamp,
    pub fetched: Fetched,
    /// Of what is inside, where it is encrypted as a whole.
    pub inspection: Option<Inspection>,
    /// Of one announced as encrypted as a whole, where all of it arrived.
    pub decryption: Option<Decryption>,
    /// It was the newest of its playlist when it was fetched.
    pub newest: bool,
}

/// One HTTP request with its redirects.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// What was asked for.
    pub url: Url,
    pub result: Result<Exchange, Failure>,
}

impl Fetched {
    /// A complete 2xx answer.
    #[must_use]
    pub fn ok(&self) -> Option<&Exchange> {
        self.result.as_ref().ok().filter(|e| e.complete() && (200..300).contains(&e.status))
    }

    /// What went wrong, for a person; `None` when nothing did.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        match &self.result {
            Err(failure) => Some(failure.message.clone()),
            Ok(e) if !(200..300).contains(&e.status) => Some(format!("HTTP status {}", e.status)),
            Ok(e) => e.broken.as_ref().map(|f| f.message.clone()),
        }
    }
}

/// An HTTP answer whose headers arrived.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// After redirects.
    pub final_url: Url,
    pub status: u16,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub version: &'static str,
    pub redirects: u32,
    pub timings: Timings,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_length: Option<u64>,
    pub last_modified: Option<Timestamp>,
    /// The server's own clock.
    pub date: Option<Timestamp>,
    /// Other headers that checks read, lower-case names, bounded.
    pub headers: Vec<(String, String)>,
    /// Decoded body bytes read.
    pub body_bytes: u64,
    /// `notAfter` of the certificate that ends first in the chain the server sent.
    pub certificate_expiry: Option<Timestamp>,
    /// The body could not be read to its end.
    pub broken: Option<Failure>,
}

impl Exchange {
    #[must_use]
    pub fn complete(&self) -> bool {
        self.broken.is_none()
    }
}

/// Phases of the last hop; `total` covers all hops. A phase that a kept-alive connection spared is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Timings {
    pub dns: Option<Seconds>,
    pub connect: Option<Seconds>,
    pub tls: Option<Seconds>,
    pub first_byte: Seconds,
    pub body: Seconds,
    pub total: Seconds,
}

/// Why there is no (whole) answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub kind: FailureKind,
    /// One sentence with the address or bound concerned, and the next step where there is one.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The address guard, or a URL that isn't http(s).
    Refused,
    Dns,
    Connect,
    Tls,
    Timeout,
    /// The probe's own deadline came first: says nothing about the stream.
    Deadline,
    /// The connection ended inside headers or body (reset, cut body).
    Cut,
    TooLarge,
    Redirect,
    Encoding,
    Protocol,
}
