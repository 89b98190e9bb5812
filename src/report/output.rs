//! What the report says about one output: manifest, numbers of renditions, ladder and skew.

use super::derive::{self, finite};
use super::measured::unmeasured;
use super::summary::SummaryView;
use super::{RenditionView, Report};
use crate::expectations::ExpectedLadder;
use crate::facts::{CacheStatus, Exchange, OutputFacts, RenditionFacts, Timings};
use packager_media::container::Container;
use packager_media::redact;
use packager_media::stream::{Media, Segment, Timeline};
use packager_media::units::{Seconds, Timestamp};
use serde::Serialize;

/// The reported values of one output. Each field has the name of its gauge without `packager_` or `probe_`.
#[derive(Debug, Serialize)]
pub struct OutputView<'a> {
    pub name: &'a str,
    pub protocol: &'static str,
    /// The output's URL, with user information and query values redacted.
    pub url: String,
    /// `true`: the settings say that certificates of its servers aren't verified. It is absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_verify: bool,
    pub output_info: OutputInfoView,
    #[serde(flatten)]
    pub http: HttpView,
    #[serde(skip_serializing_if = "unmeasured")]
    pub http_duration_seconds: PhasesView,
    #[serde(skip_serializing_if = "unmeasured")]
    pub cdn_cache: CacheCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cdn_manifest_age_seconds: Option<f64>,
    #[serde(skip_serializing_if = "unmeasured")]
    pub renditions_expected: MediaCounts,
    #[serde(skip_serializing_if = "unmeasured")]
    pub renditions_available: MediaCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rendition_skew_seconds: Option<f64>,
    /// Share of the new media that probes inspected within the template's `hold`, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage_ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scte35_splices: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ad_break: Option<bool>,
    /// Whether the picture is suspected to stand still, by the sizes of coded pictures. `None` if they say nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal_still_suspected: Option<bool>,
    /// Values of all renditions together.
    #[serde(flatten)]
    pub summary: SummaryView,
    pub renditions: Vec<RenditionView<'a>>,
    /// The number of renditions that the manifest lists, for each media type. A number is `None` if the manifest
    /// couldn't be read.
    #[serde(skip)]
    pub listed: MediaCounts,
}

/// Container, low latency and encryption of an output. A value is the empty string when it isn't known.
#[derive(Debug, Serialize)]
pub struct OutputInfoView {
    pub container: &'static str,
    pub low_latency: &'static str,
    pub encrypted: &'static str,
}

measured! {
    /// HTTP status, redirects and certificate expiry of the request for the top manifest (multivariant playlist or
    /// MPD), with the names that blackbox_exporter uses. Expiry is in seconds since 1970-01-01 UTC.
    HttpView {
        http_status_code: u16,
        http_redirects: u32,
        ssl_earliest_cert_expiry: i64,
        ssl_last_chain_expiry_timestamp_seconds: i64,
    }
}

measured! {
    /// Seconds in each phase of the last request for the top manifest (multivariant playlist or MPD). On a kept-alive
    /// connection the phases resolve, connect and tls are absent.
    PhasesView { resolve: f64, connect: f64, tls: f64, processing: f64, transfer: f64 }
}

measured! {
    /// A number of answers for each way in which the nearest cache handled the request.
    CacheCounts { hit: u64, miss: u64, stale: u64, revalidated: u64, bypass: u64, unknown: u64 }
}

measured! {
    /// A number of renditions for each media type.
    MediaCounts { video: u64, audio: u64, text: u64 }
}

impl<'a> OutputView<'a> {
    pub fn new(report: &'a Report, facts: &'a OutputFacts, ladder: &ExpectedLadder) -> Self {
        let exchange = facts.manifest.result.as_ref().ok();
        let renditions = renditions(report, facts);
        let expected = MediaCounts::expected(ladder);
        let listed = MediaCounts::of(facts.is_readable(), &renditions, expected, |_| Some(true));
        let renditions_available = MediaCounts::of(facts.is_readable(), &renditions, expected, |r| r.answers());
        Self {
            name: &facts.name,
            protocol: facts.protocol().name(),
            url: redact::url(&facts.url),
            insecure_skip_verify: report.is_unverified(&facts.name),
            output_info: OutputInfoView::new(report, facts),
            http: HttpView {
                http_status_code: exchange.map(|e| e.status),
                http_redirects: exchange.map(|e| e.redirects),
                ssl_earliest_cert_expiry: exchange.and_then(|e| e.sent_certificates_expiry).map(Timestamp::as_second),
                ssl_last_chain_expiry_timestamp_seconds: exchange
                    .and_then(|e| e.certificate_expiry)
                    .map(Timestamp::as_second),
            },
            http_duration_seconds: exchange.map(|e| PhasesView::new(&e.timings)).unwrap_or_default(),
            cdn_cache: CacheCounts::new(facts),
            cdn_manifest_age_seconds: facts.manifest_age().and_then(finite),
            renditions_expected: expected,
            renditions_available,
            rendition_skew_seconds: skew(&renditions),
            coverage_ratio: report.of_output(facts).and_then(|history| history.coverage),
            scte35_splices: splices(report, facts),
            ad_break: report.of_output(facts).and_then(|history| history.ad_break),
            signal_still_suspected: report.still_suspected(facts),
            summary: SummaryView::new(&renditions),
            renditions,
            listed,
        }
    }
}

fn renditions<'a>(report: &'a Report, facts: &'a OutputFacts) -> Vec<RenditionView<'a>> {
    let view = |r: &'a RenditionFacts| {
        let age = report.of_rendition(facts, &r.rendition.name).and_then(|history| history.edge_age);
        let signal = report.signal(facts, &r.rendition.name);
        let mos = report.mos(facts, &r.rendition.name);
        let is_top = facts.top_rung() == Some(&r.rendition.name);
        RenditionView {
            is_top,
            ..RenditionView::new(r, report.inspected(facts, r), age, signal, mos, report.started_at)
        }
    };
    facts.renditions.iter().map(view).collect()
}

/// Returns the seconds between the earliest and the latest live edge of the video and audio renditions that go on. `None`: fewer
/// than two live edges are known.
fn skew(renditions: &[RenditionView<'_>]) -> Option<f64> {
    let edges = || renditions.iter().filter_map(|r| r.live_edge);
    if edges().count() < 2 {
        return None;
    }
    finite(Seconds::between(edges().min()?, edges().max()?))
}

/// Returns the largest number of splice points that one rendition has. They are counted in its playlist and in its
/// inspected segments, and the larger number is used. `None` if no rendition's playlist was read.
fn splices(report: &Report, facts: &OutputFacts) -> Option<u64> {
    let carried = |r: &RenditionFacts| derive::inspections(report.inspected(facts, r)).map(|i| i.splice_count()).sum();
    let most = |r: &RenditionFacts| Some(r.timeline.as_deref()?.splices().max(carried(r)) as u64);
    facts.renditions.iter().filter_map(most).max()
}

impl CacheCounts {
    /// Counts the answers that tell of a cache. All are absent if none does.
    fn new(facts: &OutputFacts) -> Self {
        let mut counts = Self::default();
        for status in facts.exchanges().filter_map(Exchange::cache_status) {
            let count = match status {
                CacheStatus::Hit => &mut counts.hit,
                CacheStatus::Miss => &mut counts.miss,
                CacheStatus::Stale => &mut counts.stale,
                CacheStatus::Revalidated => &mut counts.revalidated,
                CacheStatus::Bypass => &mut counts.bypass,
                CacheStatus::Unknown => &mut counts.unknown,
            };
            *count = Some(count.unwrap_or(0) + 1);
        }
        counts
    }
}

impl PhasesView {
    fn new(timings: &Timings) -> Self {
        Self {
            resolve: timings.dns.and_then(finite),
            connect: timings.connect.and_then(finite),
            tls: timings.tls.and_then(finite),
            processing: finite(timings.first_byte),
            transfer: finite(timings.body),
        }
    }
}

impl MediaCounts {
    /// Returns the number of renditions that the ladder promises, for each media type. A media type is absent if the
    /// ladder promises none of it.
    fn expected(ladder: &ExpectedLadder) -> Self {
        let promised = |count: usize| Some(count as u64).filter(|n| *n > 0);
        Self {
            video: promised(ladder.video.len()),
            audio: promised(ladder.audio_languages.len()),
            text: promised(ladder.text_languages.len()),
        }
    }

    /// Counts the renditions of each media type for which `counted` returns true. A count is absent in three cases: the
    /// manifest could not be read, `counted` returns `None` for a rendition of the media type, or neither the manifest
    /// nor the expected ladder has the media type.
    fn of(
        parsed: bool,
        renditions: &[RenditionView<'_>],
        expected: Self,
        counted: impl Fn(&RenditionView<'_>) -> Option<bool>,
    ) -> Self {
        let count = |media: Media, promised: Option<u64>| {
            let of_media = renditions.iter().filter(|r| r.media == media.as_str());
            let answers = of_media.map(&counted).collect::<Option<Vec<bool>>>()?;
            let known = parsed && (promised.is_some() || !answers.is_empty());
            known.then(|| answers.iter().filter(|yes| **yes).count() as u64)
        };
        Self {
            video: count(Media::Video, expected.video),
            audio: count(Media::Audio, expected.audio),
            text: count(Media::Text, expected.text),
        }
    }
}

impl OutputInfoView {
    fn new(report: &Report, facts: &OutputFacts) -> Self {
        let container = report.of_output(facts).and_then(|history| history.container);
        let timelines = || facts.renditions.iter().filter_map(|r| r.timeline.as_deref());
        let low_latency = match timelines().next() {
            None => "",
            Some(_) if timelines().any(Timeline::is_low_latency) => "true",
            Some(_) => "false",
        };
        let segments = || timelines().flat_map(|t| &t.segments);
        let encrypted = match segments().next() {
            None => "",
            Some(_) if segments().any(keyed) => "true",
            Some(_) => "false",
        };
        Self { container: container.map(container_name).unwrap_or_default(), low_latency, encrypted }
    }
}

fn keyed(segment: &Segment) -> bool {
    segment.key.as_deref().is_some_and(|key| key.method != "NONE")
}

fn container_name(container: Container) -> &'static str {
    match container {
        Container::MpegTs => "mpeg_ts",
        Container::Cmaf => "cmaf",
        Container::PackedAudio => "packed_audio",
        Container::WebVtt => "web_vtt",
        Container::Ttml => "ttml",
        Container::Unknown => "",
    }
}
