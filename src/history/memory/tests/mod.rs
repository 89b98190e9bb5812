use super::*;
use crate::facts::{
    DashFacts, Exchange, FailureKind, Fetched, InitFacts, KeyFacts, ManifestFacts, RenditionFacts, SegmentFacts,
    SessionFacts, Timings,
};
use crate::history::RenditionHistory;
use crate::testing::{self, at};
use packager_media::crypt::AesKey;
use packager_media::stream::{Map, Media, Protocol, Rendition, RenditionIdentity, Segment, Timeline, VariantCounts};
use url::Url;

mod ads;
mod events;
mod handover;
mod identity;
mod manifests;
mod observations;
mod retention;
mod sessions;
mod suspicion;

const RETENTION: Retention = Retention { hold: Seconds(60.0), query_identifies: false };

fn key() -> OutputKey {
    OutputKey { channel: "TV1".into(), output: "hls".into() }
}

fn identity(name: &str) -> RenditionIdentity {
    RenditionIdentity::place(name)
}

fn segment(number: u64, query: &str) -> Segment {
    testing::segment(number, testing::url(&format!("http://packager/live/{number}.ts{query}")))
}

fn timeline(first: u64, count: u64, query: &str) -> Timeline {
    let segments = (first..first + count).map(|n| segment(n, query)).collect();
    Timeline { media_sequence: first, ..testing::timeline(segments) }
}

fn fetched() -> Fetched {
    testing::failed(&testing::url("http://packager/live/x"), FailureKind::Timeout)
}

fn answered_after(total: Seconds) -> Fetched {
    let url = testing::url("http://packager/live/x");
    let timings = Timings { total, ..Timings::default() };
    Fetched { result: Ok(Exchange { timings, ..testing::exchange(&url) }), url }
}

fn inspected(number: u64, query: &str, when: i64) -> Arc<SegmentFacts> {
    Arc::new(testing::segment_facts(segment(number, query), at(when)))
}

fn facts(timeline: Timeline, when: i64, segments: Vec<Arc<SegmentFacts>>) -> OutputFacts {
    let rendition = Rendition { name: "1080p".into(), ..Rendition::new(Media::Video, identity("1080p")) };
    let rendition = RenditionFacts {
        playlist_at: Some(at(when)),
        timeline: Some(Arc::new(timeline)),
        segments,
        ..RenditionFacts::unrequested(rendition)
    };
    testing::output("hls", &testing::url("http://packager/live/TV1.m3u8?token=1"), vec![rendition])
}

fn record(history: &History, first: u64, when: i64) -> RenditionHistory {
    let past = history.record(&key(), &facts(timeline(first, 5, ""), when, vec![]), at(when), RETENTION);
    past.renditions["1080p"].clone()
}
