//! Capture of a channel: it fetches and parses manifests, fetches what they list, and inspects it. It never fails,
//! because a broken stream is data.

mod alternatives;
mod dash;
mod downloads;
mod growing;
mod heads;
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
use crate::catalog::{Channel, Coverage, CoverageMode, Output, Template};
use crate::config;
use crate::document::BitRate;
use crate::facts::{
    Capture, Failure, FailureKind, Fetched, ManifestFacts, OutputFacts, RenditionFacts, SessionFacts, SignalFacts,
    StageDurations,
};
use crate::history::{AlreadyInspected, History, OutputKey, SignalTurn};
use futures_util::stream::{self, StreamExt};
use growing::GrowingSegments;
use packager_media::hls::{self, Playlist};
use packager_media::stream::{Media, Presentation, Protocol, Rendition, RenditionIdentity, Timeline};
use packager_media::units::{Seconds, Timestamp};
use second_request::Listing;
use sessions::{FollowedPresentation, PlaylistAnswer};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;
use url::Url;

/// Names and values of the variables that a multivariant playlist defines for its media playlists (RFC 8216bis 4.4.2.3,
/// EXT-X-DEFINE).
type Variables = BTreeMap<String, String>;

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
        let (playlist, defects) = hls::parse(body, &base);
        match playlist {
            Playlist::Unreadable if facts.protocol() == Protocol::Dash => {
                self.capture_mpd(facts, body, (asked_at, arrived_at)).await
            }
            Playlist::Unreadable => {
                facts.defects = defects;
                None
            }
            Playlist::Media(timeline) => {
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
            Playlist::Multivariant(presentation) => {
                facts.content = ManifestFacts::HlsMultivariant(presentation.variants);
                facts.defects = defects;
                self.capture_presentation(facts, presentation, asked_at).await
            }
        }
    }

    /// Chooses the renditions that are decoded, if the output is decoded in this probe.
    fn choose_decoded(&self, decoded: DecodedRenditions) {
        if self.requests.downloads.largest_kept() > 0 {
            self.kept.choose(decoded);
        }
    }

    /// Sets which share of the bytes of these renditions the budgets allow.
    fn set_allowed_share(&self, renditions: &[&mut Rendition], now: Timestamp) {
        let rates = renditions.iter().filter_map(|r| r.bandwidth).map(|bandwidth| bandwidth.0);
        let _ = self.allowed_share.set(self.allowed_share(rates.fold(0, u64::saturating_add), now));
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

    /// Captures what a multivariant playlist lists, within the playback session that is followed. Returns the instant
    /// at which the last playlist had arrived.
    async fn capture_presentation(
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
        if presentation.independent_segments || presentation.start_offset.is_some() {
            let timelines = facts.renditions.iter_mut().filter_map(|r| r.timeline.as_mut()).map(Arc::make_mut);
            timelines.for_each(|timeline| {
                timeline.independent_segments |= presentation.independent_segments;
                timeline.start_offset = timeline.start_offset.or(presentation.start_offset);
            });
        }
        arrived.into_iter().max()
    }

    /// Returns how many segments of one rendition are inspected. It is the number that the template demands, bounded by
    /// the rendition's share if [`Self::max_segments`] is divided equally among the channel's outputs and their
    /// renditions.
    fn coverage_share(&self, rendition: usize, renditions: usize) -> Coverage {
        let coverage = self.template.segments;
        let output = self.max_segments / self.channel.outputs.len().max(1);
        let share = output / renditions.max(1) + usize::from(rendition < output % renditions.max(1));
        Coverage { count: coverage.count.min(u32::try_from(share).unwrap_or(u32::MAX)), ..coverage }
    }

    /// Returns which share of the bytes of the output's renditions the budgets of template and exporter allow. `declared` is the sum of the bit
    /// rates that the manifest declares for them, in bits per second. `None`: there is no budget, the mode isn't `heads`, or no bit rate is
    /// declared.
    fn allowed_share(&self, declared: u64, now: Timestamp) -> Option<f64> {
        let coverage = self.template.segments;
        if coverage.mode != CoverageMode::Heads {
            return None;
        }
        let outputs = self.channel.outputs.len().max(1) as f64;
        let own = coverage.budget.filter(|_| declared > 0).map(|budget| budget.0 as f64 / outputs / declared as f64);
        let all = self.exporter_budget;
        let common = all.and_then(|(rates, budget)| rates.share(self.key.clone(), declared, budget.0, now));
        own.into_iter().chain(common).reduce(f64::min)
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

fn budget_failure(had: Duration) -> Failure {
    let message = format!(
        "no answer had arrived when the probe's own time ended after {:.2} s: raise the scrape timeout or the \
         template's timeout",
        had.as_secs_f64()
    );
    Failure { kind: FailureKind::Deadline, message }
}

fn parse_media_playlist(
    body: &[u8],
    base: &Url,
    variables: &Variables,
) -> (Option<Timeline>, Vec<packager_media::defect::Defect>) {
    match hls::parse_rendition(body, base, variables) {
        (Playlist::Media(timeline), defects) => (Some(timeline), defects),
        (_, defects) => (None, defects),
    }
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

/// Name of the rendition of an output whose manifest is a media playlist.
const DIRECT: &str = "media";

/// Makes the rendition of an output whose manifest is a media playlist.
fn direct_rendition(url: &Url) -> Rendition {
    Rendition {
        name: DIRECT.to_owned(),
        uri: Some(url.clone()),
        ..Rendition::new(Media::Video, RenditionIdentity::place(DIRECT))
    }
}
