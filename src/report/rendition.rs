//! What the report says about one rendition: declaration, bit rates, playlist, segments and tracks.

use super::derive;
use super::measured::unmeasured;
use super::segment::{TrackView, tracks};
use super::{ContinuityView, PlaylistView, SegmentView, SignalView};
use crate::facts::{RenditionFacts, SegmentFacts, derived, mos};
use crate::history::{MosHistory, SignalHistory};
use packager_media::drm::DrmSystem;
use packager_media::stream::{Media, Timeline};
use packager_media::units::{BitsPerSecond, Seconds, Timestamp};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The reported values of one rendition. Each field has the name of its gauge without `packager_`.
#[derive(Debug, Serialize)]
pub struct RenditionView<'a> {
    pub name: &'a str,
    pub media: &'static str,
    pub rendition_info: RenditionInfoView<'a>,
    #[serde(flatten)]
    pub ladder: LadderView,
    #[serde(skip_serializing_if = "unmeasured")]
    pub rendition_bandwidth_bits_per_second: BandwidthView,
    #[serde(flatten)]
    pub playlist: PlaylistView,
    #[serde(flatten)]
    pub segment: SegmentView,
    #[serde(flatten)]
    pub continuity: ContinuityView,
    #[serde(flatten)]
    pub signal: SignalView,
    #[serde(flatten)]
    pub video: VideoView,
    #[serde(skip_serializing_if = "unmeasured")]
    pub video_mos: MosView,
    /// Whether the rendition is the top rung of its output.
    #[serde(skip)]
    pub is_top: bool,
    /// The tracks in the newest inspected segment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tracks: Vec<TrackView<'a>>,
    /// The DRM systems that the rendition's playlist, MPD or segments name.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub drm: BTreeSet<DrmSystem>,
    /// Live edge of a video or audio rendition that goes on: subtitles may pause. `None` for others, and without a date.
    #[serde(skip)]
    pub live_edge: Option<Timestamp>,
    /// Whether the rendition has no playlist of its own, because it is captions or audio inside the video.
    #[serde(skip)]
    pub embedded: bool,
}

/// Description of a rendition in the manifest. A value is the empty string when the manifest doesn't give it.
#[derive(Debug, Serialize)]
pub struct RenditionInfoView<'a> {
    pub codecs: String,
    pub resolution: String,
    pub frame_rate: String,
    pub language: &'a str,
    pub id: &'a str,
}

measured! {
    /// Bit rates of a rendition in bits per second. `declared` and `average` are those of the manifest. `measured` is
    /// the bit rate of the rendition's own segments, without the audio group that `declared` includes.
    BandwidthView { declared: u64, average: u64, measured: f64 }
}

measured! {
    /// Availability of a rendition, its picture height and frame rate in the ladder, and how many of its segments this
    /// probe inspected and skipped.
    LadderView {
        rendition_available: bool,
        rendition_height_pixels: u32,
        rendition_frame_rate: f64,
        segments_inspected: u64,
        segments_skipped: u64,
        chunk_latency_seconds: f64,
        chunk_held_back_seconds: f64,
        key_first_byte_seconds: f64,
    }
}

measured! {
    /// Mean quantizer of the P and B slices in the newest inspected segment of a video rendition.
    VideoView { video_quantizer: f64 }
}

/// Estimated mean opinion score of a video rendition, 1 to 5; at most one of its values is measured.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize)]
pub struct MosView {
    /// By the quantizer of the newest inspected segment; `None` if it isn't known, or if a decode counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qp: Option<f64>,
    /// By quantizer and content of the newest decode; `None` if none counts.
    #[serde(rename = "qp+si", skip_serializing_if = "Option::is_none")]
    pub qp_si: Option<f64>,
}

impl MosView {
    /// The values of a rendition. `newest` is its newest inspected segment that is listed, `mos` its history, and `signal` the
    /// state of its decoded media; `None` if none count.
    fn new(newest: Option<&SegmentFacts>, mos: Option<&MosHistory>, signal: Option<&SignalHistory>) -> Self {
        let by_content = signal.and_then(|signal| signal.mos.decoded.newest());
        let is_known = newest.and_then(mos::quantizer).is_some();
        let by_quantizer = mos.filter(|_| is_known).and_then(|mos| mos.inspected.newest());
        Self { qp: by_quantizer.filter(|_| by_content.is_none()), qp_si: by_content }
    }
}

impl<'a> RenditionView<'a> {
    /// Makes the report's part about a rendition at the time `now`. `inspected` are the listed segments that this or an
    /// earlier probe inspected, oldest first. `age` is the time since the live edge last advanced; `None` if it isn't
    /// known. `signal` is the state of its decoded media; `None` if none count. `mos` is the history of its mean opinion score.
    pub(super) fn new(
        facts: &'a RenditionFacts,
        inspected: &'a [Arc<SegmentFacts>],
        age: Option<Seconds>,
        signal: Option<&SignalHistory>,
        mos: Option<&MosHistory>,
        now: Timestamp,
    ) -> Self {
        let newest = inspected.last().map(AsRef::as_ref);
        Self {
            name: &facts.rendition.name,
            media: facts.rendition.media.as_str(),
            rendition_info: RenditionInfoView::new(facts),
            ladder: LadderView::new(facts, inspected, now),
            rendition_bandwidth_bits_per_second: BandwidthView::new(facts, inspected),
            playlist: PlaylistView::new(facts, age, now),
            segment: inspected.last().map(|s| SegmentView::new(s)).unwrap_or_default(),
            continuity: ContinuityView::new(inspected),
            signal: SignalView::new(inspected, signal, now),
            video: VideoView { video_quantizer: newest.and_then(mos::quantizer) },
            video_mos: MosView::new(newest, mos, signal),
            is_top: false,
            tracks: inspected.last().map(|s| tracks(s)).unwrap_or_default(),
            drm: &facts.offered_systems() | &facts.systems_in_media(),
            live_edge: facts
                .timeline
                .as_deref()
                .filter(|timeline| !timeline.ended && facts.rendition.media != Media::Text)
                .and_then(Timeline::live_edge),
            embedded: facts.playlist.is_none()
                && facts.rendition.uri.is_none()
                && facts.rendition.media != Media::Video,
        }
    }

    /// Whether the rendition is available, with a playlist of its own or inside the video. `None`: the probe had no
    /// time to find out.
    pub fn answers(&self) -> Option<bool> {
        if self.embedded { Some(true) } else { self.ladder.rendition_available }
    }
}

impl<'a> RenditionInfoView<'a> {
    fn new(facts: &'a RenditionFacts) -> Self {
        let r = &facts.rendition;
        Self {
            codecs: r.codecs.join(","),
            resolution: r.resolution.map(|r| r.to_string()).unwrap_or_default(),
            frame_rate: r.frame_rate.filter(|f| f.is_finite()).map(|f| f.to_string()).unwrap_or_default(),
            language: r.language.as_deref().unwrap_or_default(),
            id: r.id.as_deref().unwrap_or_default(),
        }
    }
}

impl LadderView {
    fn new(facts: &RenditionFacts, inspected: &[Arc<SegmentFacts>], now: Timestamp) -> Self {
        let came = facts.timeline.is_some();
        Self {
            rendition_available: available(facts, inspected),
            rendition_height_pixels: facts.rendition.resolution.map(|r| r.height),
            rendition_frame_rate: facts.rendition.frame_rate.filter(|f| f.is_finite()),
            segments_inspected: came.then_some(facts.segments.len() as u64),
            segments_skipped: came.then_some(facts.skipped),
            chunk_latency_seconds: facts.growing.as_ref().and_then(derived::chunk_latency).and_then(derive::finite),
            key_first_byte_seconds: key_first_byte(facts, now),
            chunk_held_back_seconds: facts.growing.as_ref().and_then(derived::chunk_held_back).and_then(derive::finite),
        }
    }
}

impl BandwidthView {
    fn new(facts: &RenditionFacts, inspected: &[Arc<SegmentFacts>]) -> Self {
        let bits = |rate: Option<BitsPerSecond>| rate.map(|b| b.0);
        Self {
            declared: bits(facts.rendition.bandwidth),
            average: bits(facts.rendition.average_bandwidth),
            measured: derive::measured_bandwidth(inspected),
        }
    }
}

/// The longest time to the first byte of the keys and licences that this probe, which began at `now`, requested. `None` without such
/// an answer.
fn key_first_byte(facts: &RenditionFacts, now: Timestamp) -> Option<f64> {
    let asked = facts.keys.iter().filter(|key| key.asked_at >= now);
    asked.filter_map(|key| key.fetched.result.as_ref().ok()).map(|e| e.timings.first_byte.0).reduce(f64::max)
}

/// Whether the rendition's playlist, its initialization segments and the newest segment were fetched, the segments by this probe or
/// by an earlier one. `None`: the rendition has no playlist, or a request is missing because the deadline of the probe passed.
fn available(facts: &RenditionFacts, inspected: &[Arc<SegmentFacts>]) -> Option<bool> {
    let playlist = facts.playlist.as_ref().filter(|p| !p.probe_timed_out())?;
    if playlist.ok().is_none() || facts.timeline.is_none() || derived::missing_inits(facts).next().is_some() {
        return Some(false);
    }
    let this_probe = facts.segments.last().into_iter().chain(facts.heads.last());
    match this_probe.max_by_key(|s| s.segment.number).or(inspected.last()) {
        Some(newest) if newest.fetched.probe_timed_out() => None,
        Some(newest) => Some(newest.fetched.ok().is_some()),
        None => (facts.covered || facts.skipped == 0).then_some(true),
    }
}
