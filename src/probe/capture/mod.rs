//! Capture of a channel: it fetches and parses manifests, fetches what they list, and inspects it. It never fails,
//! because a broken stream is data.

mod alternatives;
mod dash;
mod downloads;
mod growing;
mod heads;
mod hls;
mod i_frames;
mod kept_media;
mod keys;
mod low_latency;
mod media;
mod plan;
mod reader;
mod remote_elements;
mod requests;
mod second_request;
mod sessions;
mod shares;
mod steering;
mod updates;

pub(crate) use downloads::Downloads;
pub(crate) use kept_media::{DecodedRenditions, KeptMedia, KeptSegment, MAX_SEGMENT_BYTES};
pub(crate) use keys::KeyCache;

use super::budget::TimeBudget;
use super::clock::Clock;
use super::declared_rates::DeclaredRates;
use super::output_requests::OutputRequests;
use super::sessions::Sessions;
use crate::catalog::{Channel, Output, Template};
use crate::config;
use crate::document::BitRate;
use crate::facts::{
    Capture, Failure, FailureKind, Fetched, ManifestFacts, OutputFacts, RenditionFacts, SessionFacts, SignalFacts,
    StageDurations,
};
use crate::history::{AlreadyInspected, History, OutputKey, SignalTurn};
use packager_media::hls::Playlist;
use packager_media::stream::{Protocol, Rendition};
use packager_media::units::{Seconds, Timestamp};
use second_request::Listing;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

/// Captures one output of a channel once. The fields are what one capture works with.
pub(crate) struct Capturer<'a> {
    pub(crate) requests: OutputRequests,
    pub(crate) bounds: &'a config::FetchSettings,
    /// Largest number of segments that the capture downloads.
    pub(crate) max_segments: usize,
    pub(crate) history: &'a History,
    pub(crate) sessions: &'a Sessions,
    /// Largest number of outputs whose playback session is remembered.
    pub(crate) max_outputs: usize,
    pub(crate) clock: &'a Clock,
    pub(crate) channel: &'a Channel,
    pub(crate) output: &'a Output,
    /// Key of the output in history and sessions.
    pub(crate) key: OutputKey,
    pub(crate) template: &'a Template,
    pub(crate) budget: TimeBudget,
    /// Why the output's picture and sound are decoded in this probe; `None`: they aren't.
    pub(crate) turn: Option<SignalTurn>,
    /// Room for the newest segments of an output without a turn, which is decoded if its picture is suspected to stand still. `None`:
    /// they aren't kept.
    pub(crate) watch: Option<SemaphorePermit<'a>>,
    /// Segments that are decoded after the capture.
    pub(crate) kept: KeptMedia,
    /// Declared bit rates of all outputs whose templates have the mode `heads`, and the budget of the exporter (`probe.budget`) that is
    /// divided by them. `None`: there is no such budget.
    pub(crate) exporter_budget: Option<(&'a DeclaredRates, BitRate)>,
    /// Share of the bytes of the output's renditions that the budgets allow; set when the manifest was read. `None`: there is no budget, or
    /// the manifest declares no bit rates.
    pub(crate) allowed_share: OnceLock<Option<f64>>,
}

/// Number of renditions of one output that are captured at the same time.
const RENDITIONS_AT_ONCE: usize = 32;

/// Captures all outputs of a channel at the same time; `capturers` has one for each.
pub(crate) async fn capture(capturers: &[Capturer<'_>], started_at: Timestamp) -> Capture {
    let outputs = capturers.iter().map(Capturer::capture_output);
    let (outputs, stages): (Vec<_>, Vec<_>) = futures_util::future::join_all(outputs).await.into_iter().unzip();
    Capture {
        started_at,
        deadline_exceeded: outputs.iter().any(is_incomplete),
        outputs,
        stages: longest_stages(&stages),
    }
}

impl Capturer<'_> {
    async fn capture_output(&self) -> (OutputFacts, StageDurations) {
        let (output, began) = (self.output, Instant::now());
        let Listing { asked_at, arrived_at, fetched, body } = self.fetch_manifest(&output.url).await;
        let manifest_done = Instant::now();
        let out_of_time = || Fetched { url: output.url.clone(), result: Err(budget_failure(manifest_done - began)) };
        let mut facts = OutputFacts {
            name: output.name.clone(),
            url: output.url.clone(),
            manifest: fetched.unwrap_or_else(out_of_time),
            manifest_failed_first: None,
            // The answer may correct what the address indicates.
            content: ManifestFacts::Unreadable(Protocol::of_address(output.url.path())),
            session: SessionFacts::default(),
            defects: Vec::new(),
            renditions: Vec::new(),
            i_frames: Vec::new(),
            steering: None,
            signal: SignalFacts::default(),
        };
        let playlists_done =
            self.capture_manifest(&mut facts, &body, (asked_at, arrived_at)).await.unwrap_or(manifest_done);
        self.store_repeated_listings(&mut facts);
        let stages = StageDurations {
            manifest: (manifest_done - began).into(),
            playlists: (playlists_done - manifest_done).into(),
            segments: playlists_done.elapsed().into(),
            checks: Seconds::ZERO,
        };
        (facts, stages)
    }

    /// Parses the top manifest and captures what it lists. `asked_at` and `arrived_at` are the times of the request and of its answer.
    /// Returns the instant at which the last playlist had arrived; `None` if the manifest couldn't be parsed.
    async fn capture_manifest(
        &self,
        facts: &mut OutputFacts,
        body: &[u8],
        (asked_at, arrived_at): (Timestamp, Timestamp),
    ) -> Option<Instant> {
        let base = facts.manifest.ok()?.final_url.clone();
        if packager_media::dash::looks_like(body) {
            return self.capture_mpd(facts, body, (asked_at, arrived_at)).await;
        }
        let (playlist, defects) = packager_media::hls::parse(body, &base);
        match playlist {
            Playlist::Unreadable if facts.protocol() == Protocol::Dash => {
                self.capture_mpd(facts, body, (asked_at, arrived_at)).await
            }
            Playlist::Unreadable => {
                facts.defects = defects;
                None
            }
            Playlist::Media(timeline) => {
                self.capture_media_playlist(facts, (timeline, defects), (asked_at, arrived_at)).await
            }
            Playlist::Multivariant(presentation) => {
                facts.content = ManifestFacts::HlsMultivariant(presentation.variants);
                facts.defects = defects;
                self.capture_multivariant(facts, presentation, asked_at).await
            }
        }
    }

    /// Chooses the renditions that are decoded, if the output is decoded in this probe.
    fn choose_decoded(&self, decoded: DecodedRenditions) {
        if self.requests.downloads.largest_kept() > 0 {
            self.kept.choose(decoded);
        }
    }

    /// Gives the renditions of a manifest the labels that they had in earlier probes. Returns which segments earlier
    /// probes inspected, and the MPDs whose patches may be requested.
    fn recognize(
        &self,
        facts: &OutputFacts,
        renditions: &mut [&mut Rendition],
        i_frames: &mut [&mut Rendition],
        now: Timestamp,
    ) -> AlreadyInspected {
        let retention = self.template.retention();
        self.history.recognize(&self.key, &facts.url, renditions, i_frames, now, retention);
        let known = self.history.already_inspected(&self.key, retention);
        if facts.session.begun { known.in_new_session() } else { known }
    }
}

fn budget_failure(had: Duration) -> Failure {
    let message = format!(
        "no answer had arrived when the probe's own time ended after {:.2} s: raise the scrape timeout or the \
         template's timeout",
        had.as_secs_f64()
    );
    Failure { kind: FailureKind::Deadline, message }
}

/// Returns whether the probe's deadline prevented a request that belongs to the output, such as one for a playlist or
/// segment.
fn is_incomplete(output: &OutputFacts) -> bool {
    let manifest = output.manifest.result.as_ref().err().is_some_and(|f| f.kind == FailureKind::Deadline);
    let cut_short = |r: &RenditionFacts| r.low_latency.as_ref().is_some_and(|l| l.cut_short);
    let partial =
        |r: &RenditionFacts| (r.playlist.is_none() && r.rendition.uri.is_some()) || !r.covered || cut_short(r);
    let i_frames = output.i_frames.iter().any(|i| i.playlist.is_none());
    manifest || i_frames || output.renditions.iter().any(partial)
}

fn longest_stages(stages: &[StageDurations]) -> StageDurations {
    stages.iter().fold(StageDurations::default(), |a, b| StageDurations {
        manifest: if a.manifest < b.manifest { b.manifest } else { a.manifest },
        playlists: if a.playlists < b.playlists { b.playlists } else { a.playlists },
        segments: if a.segments < b.segments { b.segments } else { a.segments },
        checks: Seconds::ZERO,
    })
}
