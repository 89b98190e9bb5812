//! Test inputs of checks, which are called scenes: one output with a healthy live rendition, which each test changes as
//! it needs.
//!
//! The time of the probe is second 0; other times are given in seconds from it. Segments last 2 s.

mod decode;

pub(super) use decode::Decode;

use super::{CheckContext, CheckVerdict, Violation};
use crate::expectations::{Expectations, Thresholds};
use crate::facts::{
    BlockingReloadFacts, ChunkArrival, DashFacts, DeltaUpdateFacts, Exchange, FailureKind, Fetched,
    GrowingSegmentFacts, LowLatencyFacts, ManifestFacts, OutputFacts, PartFacts, PreloadHintFacts, RenditionFacts,
    SegmentFacts, Timings,
};
use crate::history::{
    DerivedOnce, ListedSegment, MpdState, MpdWindow, Observation, OutputHistory, PeriodStart, RenditionHistory,
};
use crate::testing;
pub(super) use crate::testing::failure;
use packager_media::codec::parameters::{AudioParameters, CodecParameters, VideoParameters};
use packager_media::codec::rfc6381::Codec;
use packager_media::container::{Container, ContinuityCounter, Inspection, Track, TsFacts};
use packager_media::dash::{self, GrowingSegment};
use packager_media::quiet::QuietSpans;
use packager_media::stream::{
    HintKind, LowLatency, Media, Part, PreloadHint, Protocol, Rendition, RenditionIdentity, Resolution, Segment,
    ServerControl, Timeline, VariantCounts,
};
use packager_media::units::{BitsPerSecond, MediaTime, Seconds, Timestamp};
use std::sync::Arc;
use url::Url;

pub(super) const NAME: &str = "720p";

pub(super) fn time(seconds: f64) -> Timestamp {
    Seconds(seconds).after(Timestamp::from_second(1_800_000_000).unwrap())
}

pub(super) fn url(path: &str) -> Url {
    Url::parse("https://packager.example/tv1/").unwrap().join(path).unwrap()
}

pub(super) fn exchange(url: &Url, status: u16, content_type: &str) -> Exchange {
    Exchange {
        status,
        timings: Timings { total: Seconds(0.1), ..Timings::default() },
        content_type: Some(content_type.to_owned()),
        body_bytes: 1000,
        ..testing::exchange(url)
    }
}

pub(super) fn answered(path: &str, content_type: &str) -> Fetched {
    let url = url(path);
    Fetched { result: Ok(exchange(&url, 200, content_type)), url }
}

pub(super) fn failed(path: &str, kind: FailureKind) -> Fetched {
    testing::failed(&url(path), kind)
}

pub(super) fn segment(number: u64) -> Segment {
    Segment { line: 10, ..testing::segment(number, url(&format!("720p/{number}.ts?token=x"))) }
}

pub(super) fn timeline(first: u64, last: u64) -> Timeline {
    testing::timeline((first..=last).map(segment).collect())
}

pub(super) fn part(segment: u64, index: u64) -> Part {
    Part {
        segment,
        index,
        uri: url(&format!("720p/{segment}.{index}.m4s")),
        byte_range: None,
        duration: Seconds(0.5),
        independent: index == 0,
        gap: false,
        program_date_time: None,
        discontinuity: false,
        line: 20,
    }
}

/// Makes an observation of a playlist that lists the segments `first` to `last`, and that was seen once, `seconds`
/// after the time of the probe (before it if negative).
pub(super) fn observation(seconds: i64, first: u64, last: u64) -> Observation {
    let remembered = |number: u64| ListedSegment {
        number,
        uri_identity: 7000 + number,
        duration: Seconds(2.0),
        byte_range: None,
        program_date_time: None,
        discontinuity: false,
        discontinuity_sequence: 0,
        key: 0,
    };
    let segments: Vec<_> = (first..=last).map(|number| Arc::new(remembered(number))).collect();
    Observation {
        first_seen: time(seconds as f64),
        last_seen: time(seconds as f64),
        media_sequence: first,
        discontinuity_sequence: 0,
        target_duration: Some(Seconds(2.0)),
        ended: false,
        window: Seconds(2.0 * segments.len() as f64),
        starts_with_discontinuity: false,
        segments,
    }
}

/// Adds a date to every segment in an observation of a playlist. The date of the first segment is `start` seconds after
/// the time of the probe (before it if negative).
pub(super) fn dated(mut observation: Observation, start: f64) -> Observation {
    for (n, segment) in observation.segments.iter_mut().enumerate() {
        Arc::make_mut(segment).program_date_time = Some(time(start + 2.0 * n as f64));
    }
    observation
}

pub(super) fn track(id: u32, media: Media, start: f64, duration: f64) -> Track {
    let rate = if media == Media::Video { 25.0 } else { 46.875 };
    let ticks = |seconds: f64| Some(MediaTime::mpeg_unwrapped((seconds * 90_000.0).round() as i64));
    Track {
        start: ticks(start),
        presentation_start: ticks(start),
        end: ticks(start + duration),
        samples: (duration * rate).round() as u64,
        starts_with_keyframe: (media == Media::Video).then_some(true),
        keyframes: 1,
        sample_gap_max: Some(Seconds(1.0 / rate)),
        parameters: Some(Arc::new(parameters(media))),
        silence: (media == Media::Audio).then(|| QuietSpans::of_piece(Seconds(duration), false)),
        ..testing::track(id, media)
    }
}

/// Returns the codec parameters that the healthy rendition's playlist announces.
pub(super) fn parameters(media: Media) -> CodecParameters {
    if media == Media::Video {
        let resolution = Some(Resolution { width: 1280, height: 720 });
        let codec = Codec::Avc { profile: 100, constraints: 0, level: 31 };
        return CodecParameters::with_video(codec, VideoParameters { resolution, ..VideoParameters::default() });
    }
    let sound = AudioParameters { channels: Some(2), sample_rate: Some(48_000), ..AudioParameters::default() };
    CodecParameters::with_audio(Codec::Aac { object_type: 2 }, sound)
}

/// Changes a transport stream segment into fragmented MP4. The counts stay the same; the timestamps no longer wrap.
pub(super) fn to_fragmented(segment: &mut SegmentFacts) {
    let inspection = segment.inspection.as_mut().unwrap();
    (inspection.container, inspection.ts) = (Container::Cmaf, None);
    for track in &mut inspection.tracks {
        let bounds = [&mut track.start, &mut track.presentation_start, &mut track.end];
        let times = bounds.into_iter().flatten().chain(&mut track.keyframe_times);
        times.for_each(|time| *time = MediaTime::new(time.ticks, time.timescale()));
    }
}

/// Makes a healthy transport stream segment that this probe inspected. Its continuity counters continue those of the
/// segment with the number before.
pub(super) fn ts_segment(number: u64, start: f64, duration: f64) -> SegmentFacts {
    let first = ((number * 3) % 16) as u8;
    let counter = |pid| ContinuityCounter { pid, first, last: (first + 2) % 16, discontinuity: false };
    let inspection = Inspection {
        tracks: vec![track(256, Media::Video, start, duration), track(257, Media::Audio, start, duration)],
        ts: Some(TsFacts { packets: 6, counters: vec![counter(256), counter(257)], ..TsFacts::default() }),
        head: vec![0x47],
        ..testing::inspection(Container::MpegTs, 1000)
    };
    SegmentFacts {
        fetched: answered(&format!("720p/{number}.ts?token=x"), "video/mp2t"),
        inspection: Some(inspection),
        ..testing::segment_facts(Segment { duration: Seconds(duration), ..segment(number) }, time(0.0))
    }
}

pub(super) fn with_status(mut segment: SegmentFacts, status: u16) -> SegmentFacts {
    if let Ok(exchange) = &mut segment.fetched.result {
        exchange.status = status;
    }
    segment.inspection = None;
    segment
}

pub(super) fn broken(mut segment: SegmentFacts, kind: FailureKind) -> SegmentFacts {
    if let Ok(exchange) = &mut segment.fetched.result {
        exchange.broken = Some(failure(kind));
    }
    segment
}

pub(super) fn at(mut segment: SegmentFacts, seconds: i64) -> SegmentFacts {
    segment.inspected_at = time(seconds as f64);
    segment
}

pub(super) fn rendition(name: &str) -> RenditionFacts {
    let rendition = Rendition {
        name: name.to_owned(),
        uri: Some(url("720p/index.m3u8")),
        bandwidth: Some(BitsPerSecond(3_000_000)),
        codecs: vec!["avc1.64001f".to_owned(), "mp4a.40.2".to_owned()],
        resolution: Some(Resolution { width: 1280, height: 720 }),
        frame_rate: Some(25.0),
        line: Some(4),
        ..Rendition::new(Media::Video, RenditionIdentity::place(name))
    };
    RenditionFacts {
        playlist: Some(answered("720p/index.m3u8", "application/vnd.apple.mpegurl")),
        playlist_at: Some(time(0.0)),
        timeline: Some(Arc::new(timeline(10, 15))),
        ..RenditionFacts::unrequested(rendition)
    }
}

/// Makes a test input: the answers of an origin to the requests of low-latency players. It answered the blocking reload
/// with the next part, and every other request correctly.
fn answered_well(timeline: Timeline) -> LowLatencyFacts {
    let playlist = || answered("720p/index.m3u8", "application/vnd.apple.mpegurl");
    let (media, mut next) = (|| answered("720p/part.m4s", "video/mp4"), timeline.clone());
    next.low_latency.parts.push(part(16, 2));
    let newest = PartFacts { part: part(16, 1), fetched: media(), inspection: ts_segment(16, 100.0, 0.5).inspection };
    LowLatencyFacts {
        cut_short: false,
        reload: Some(BlockingReloadFacts { segment: 16, part: 2, fetched: playlist(), timeline: Some(Arc::new(next)) }),
        hint: Some(PreloadHintFacts { hint: timeline.low_latency.hints[0].clone(), fetched: media() }),
        parts: vec![newest],
        delta: Some(DeltaUpdateFacts { fetched: playlist(), timeline: Some(Arc::new(timeline)) }),
    }
}

/// Chunks of `duration` seconds each, with these times from the request to their arrival.
pub(super) fn chunk_arrivals(arrivals: &[f64], duration: f64) -> Vec<ChunkArrival> {
    let ends = (1..).map(|n| Seconds(duration * f64::from(n)));
    arrivals.iter().zip(ends).map(|(arrived, end)| ChunkArrival { arrived: Seconds(*arrived), end }).collect()
}

/// Input of a check for a test: one output with one healthy rendition that was never seen before, which the test may
/// change.
pub(super) struct Scene {
    pub expected: Expectations,
    pub thresholds: Thresholds,
    pub output: OutputFacts,
    pub history: OutputHistory,
    /// What the probe captured of the channel's other outputs.
    pub others: Vec<OutputFacts>,
}

impl Scene {
    pub(super) fn live() -> Self {
        Self {
            expected: Expectations { live: true, ..Expectations::default() },
            thresholds: Thresholds::default(),
            output: OutputFacts {
                manifest: answered("master.m3u8", "application/vnd.apple.mpegurl"),
                content: ManifestFacts::HlsMultivariant(VariantCounts {
                    declared: 1,
                    requestable: 1,
                    ..VariantCounts::default()
                }),
                ..testing::output("hls", &url("master.m3u8"), vec![rendition(NAME)])
            },
            others: Vec::new(),
            history: OutputHistory {
                renditions: [(NAME.to_owned(), RenditionHistory::default())].into(),
                ladders: Vec::new(),
                inputs: Vec::new(),
                mpds: Vec::new(),
            },
        }
    }

    /// Makes a test input: a DASH output whose MPD has just been read.
    pub(super) fn dash(mpd: &str) -> Self {
        let mut scene = Self::live();
        let (mpd, _) = dash::parse(mpd.as_bytes(), &url("manifest.mpd"));
        let mpd = mpd.unwrap();
        scene.output.renditions = dash::renditions_at(&mpd, time(0.0))
            .into_iter()
            .map(|snapshot| RenditionFacts {
                rendition: snapshot.rendition,
                timeline: Some(Arc::new(snapshot.timeline)),
                ..rendition(NAME)
            })
            .collect();
        scene.output.content = ManifestFacts::Dash(Box::new(DashFacts::new(Arc::new(mpd), time(0.0))));
        scene
    }

    /// Replaces the output's HLS playlist by an empty MPD.
    pub(super) fn become_dash(&mut self) {
        self.output.content = ManifestFacts::Dash(Box::new(DashFacts::new(Arc::default(), time(0.0))));
    }

    /// Returns what the probe captured of a DASH output's MPD.
    pub(super) fn mpd_facts(&mut self) -> &mut DashFacts {
        match &mut self.output.content {
            ManifestFacts::Dash(facts) => facts,
            other => panic!("{other:?} is no MPD"),
        }
    }

    /// Makes a test input: a low-latency HLS rendition with parts of 0.5 s. It lists the last two parts of segment 14,
    /// all four of segment 15, and two of segment 16, which isn't complete. The third part of segment 16 is in a
    /// preload hint.
    pub(super) fn low_latency() -> Self {
        let mut scene = Self::live();
        let hint = part(16, 2);
        scene.timeline().low_latency = LowLatency {
            control: Some(ServerControl {
                can_block_reload: true,
                can_skip_until: Some(Seconds(12.0)),
                can_skip_dateranges: false,
                hold_back: Some(Seconds(6.0)),
                part_hold_back: Some(Seconds(1.5)),
            }),
            part_target: Some(Seconds(0.5)),
            parts: [(14, 2), (14, 3), (15, 0), (15, 1), (15, 2), (15, 3), (16, 0), (16, 1)]
                .map(|(segment, index)| part(segment, index))
                .into(),
            hints: vec![PreloadHint { kind: HintKind::Part, uri: hint.uri, start: None, length: None, line: 30 }],
            ..LowLatency::default()
        };
        scene.rendition().low_latency = Some(answered_well(scene.timeline().clone()));
        scene
    }

    /// A scene of an MPD whose newest segment was followed: it lasts 2 s, is promised 1.6 s before its end and was requested
    /// 0.2 s after that, at second 0. Its chunks of 0.4 s came as they were made.
    pub(super) fn growing() -> Self {
        Self::growing_described("")
    }

    /// The scene [`Scene::growing`] with these children of the ServiceDescription.
    pub(super) fn growing_described(description: &str) -> Self {
        let chunked = " availabilityTimeOffset=\"1.6\" availabilityTimeComplete=\"false\" duration=";
        let mpd = paced().replace(" duration=", chunked);
        let description = format!("<ServiceDescription>{description}</ServiceDescription><Period");
        let mut scene = Self::dash(&mpd.replacen("<Period", &description, 1));
        let promised = GrowingSegment { segment: segment(16), available: time(-0.2), complete: time(1.4) };
        scene.rendition().growing = Some(GrowingSegmentFacts {
            promised,
            asked_at: time(0.0),
            refused: 0,
            fetched: answered("720p/16.m4s", "video/mp4"),
            watched: Seconds(0.7),
            chunks: chunk_arrivals(&[0.0, 0.2, 0.6], 0.4),
        });
        scene
    }

    pub(super) fn growing_segment(&mut self) -> &mut GrowingSegmentFacts {
        self.rendition().growing.as_mut().unwrap()
    }

    /// Makes a test input: an output whose manifest could not be read.
    pub(super) fn unreadable() -> Self {
        let mut scene = Self::live();
        scene.output.content = ManifestFacts::Unreadable(Protocol::Hls);
        scene.output.renditions.clear();
        scene.history.renditions.clear();
        scene
    }

    pub(super) fn context(&self) -> CheckContext<'_> {
        CheckContext {
            now: time(0.0),
            expected: &self.expected,
            thresholds: &self.thresholds,
            output: &self.output,
            outputs: &self.others,
            past: &self.history,
            hold: Seconds(300.0),
        }
    }

    pub(super) fn rendition(&mut self) -> &mut RenditionFacts {
        &mut self.output.renditions[0]
    }

    pub(super) fn timeline(&mut self) -> &mut Timeline {
        Arc::make_mut(self.rendition().timeline.as_mut().unwrap())
    }

    pub(super) fn past(&mut self) -> &mut RenditionHistory {
        let past = self.history.renditions.get_mut(NAME).unwrap();
        // The test may give it other observations and segments.
        (past.changes, past.judged) = (DerivedOnce::default(), DerivedOnce::default());
        past
    }

    pub(super) fn observe(&mut self, observations: impl IntoIterator<Item = Observation>) {
        self.past().observations = observations.into_iter().map(Arc::new).collect();
    }

    /// Replaces the earlier states of the MPD in the output's history.
    pub(super) fn published(&mut self, states: impl IntoIterator<Item = MpdState>) {
        self.history.mpds = states.into_iter().map(Arc::new).collect();
    }

    pub(super) fn remember(&mut self, segments: impl IntoIterator<Item = SegmentFacts>) {
        self.past().segments = segments.into_iter().map(Arc::new).collect();
    }
}

/// Makes the state of an MPD that was seen and published at `second`. Its window of 20 s ends `edge` seconds after the
/// start of the presentation, which was 1000 s before the time of the probe.
pub(super) fn mpd(second: i64, edge: f64) -> MpdState {
    let at = time(second as f64);
    let (start, end) = (Seconds(edge - 20.0), Seconds(edge));
    MpdState {
        first_seen: at,
        last_seen: at,
        id: None,
        availability_start: Some(time(-1000.0)),
        publish_time: Some(at),
        window: Some(MpdWindow::Timeline { start, end, media_end: end }),
        settled_until: None,
        periods: vec![PeriodStart::new(None, Seconds::ZERO)],
    }
}

/// Returns the text of a live MPD with the elements `periods`. The presentation began 1000 s before the time of the
/// probe; the time-shift buffer has 60 s.
pub(super) fn dynamic(periods: &str) -> String {
    format!(
        "<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" type=\"dynamic\" \
         minBufferTime=\"PT2S\" availabilityStartTime=\"{}\" timeShiftBufferDepth=\"PT60S\" maxSegmentDuration=\"PT2S\" \
         minimumUpdatePeriod=\"PT2S\">{periods}</MPD>",
        time(-1000.0)
    )
}

/// Returns the text of a Period with one video Representation. `timeline` has the S elements, in milliseconds.
pub(super) fn period(id: &str, start: u32, timeline: &str) -> String {
    let template = format!(
        "<SegmentTemplate timescale=\"1000\" media=\"$RepresentationID$/$Time$.m4s\"><SegmentTimeline>{timeline}</SegmentTimeline></SegmentTemplate>"
    );
    with_template(id, start, &template)
}

fn with_template(id: &str, start: u32, template: &str) -> String {
    format!(
        "<Period id=\"{id}\" start=\"PT{start}S\"><AdaptationSet contentType=\"video\" mimeType=\"video/mp4\">{template}\
         <Representation id=\"v1\" bandwidth=\"1000000\" codecs=\"avc1.64001f\" width=\"1280\" height=\"720\"/></AdaptationSet></Period>"
    )
}

pub(super) fn timed(timeline: &str) -> String {
    dynamic(&period("p0", 0, timeline))
}

/// Returns the text of a live MPD with a Period whose segments have a fixed `@duration` of 2 s.
pub(super) fn paced() -> String {
    let template = "<SegmentTemplate timescale=\"1000\" duration=\"2000\" media=\"$RepresentationID$/$Number$.m4s\"/>";
    dynamic(&with_template("p0", 0, template))
}

#[track_caller]
pub(super) fn violations(verdict: CheckVerdict) -> Vec<Violation> {
    match verdict {
        CheckVerdict::Ran(found) => found,
        CheckVerdict::NotRun(why) => panic!("not run: {why}"),
    }
}

/// Returns the messages of a verdict's violations, one on each line.
#[track_caller]
pub(super) fn messages(verdict: CheckVerdict) -> String {
    violations(verdict).iter().map(|v| v.message.as_str()).collect::<Vec<_>>().join("\n")
}

#[track_caller]
pub(super) fn assert_holds(verdict: CheckVerdict) {
    assert_eq!(verdict, CheckVerdict::Ran(Vec::new()));
}

#[track_caller]
pub(super) fn assert_not_run(verdict: CheckVerdict, why: &str) {
    assert!(matches!(verdict, CheckVerdict::NotRun(reason) if reason == why), "{verdict:?}");
}
