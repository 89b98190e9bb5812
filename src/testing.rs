//! Facts made by hand, for tests and benchmarks. Each builder gives the plainest value of its kind, and a test changes what it
//! is about: a new field of a fact is one line here.

#![allow(clippy::unwrap_used, reason = "for tests: never in a release")]

use crate::facts::{
    Exchange, Failure, FailureKind, Fetched, ManifestFacts, OutputFacts, RenditionFacts, SegmentFacts, SessionFacts,
    Timings,
};
use packager_media::container::{Container, Inspection, Track};
use packager_media::stream::{Media, Segment, Timeline};
use packager_media::units::{Seconds, Timestamp};
use std::sync::Arc;
use url::Url;

/// Returns the time `second` seconds after the time that tests call 0 (before it if negative).
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Parses a URL.
pub fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// Makes an answer with status 200 and without headers and body, which took no time.
pub fn exchange(url: &Url) -> Exchange {
    Exchange {
        final_url: url.clone(),
        status: 200,
        version: "HTTP/1.1",
        redirects: 0,
        timings: Timings::default(),
        content_type: None,
        content_encoding: None,
        content_length: None,
        last_modified: None,
        date: None,
        headers: Vec::new(),
        body_bytes: 0,
        certificate_expiry: None,
        sent_certificates_expiry: None,
        broken: None,
    }
}

/// Makes a failure of this kind, whose message is the name of the kind.
pub fn failure(kind: FailureKind) -> Failure {
    Failure { kind, message: format!("{kind:?}") }
}

/// Makes the facts about a request that failed.
pub fn failed(url: &Url, kind: FailureKind) -> Fetched {
    Fetched { url: url.clone(), result: Err(failure(kind)) }
}

/// Makes a listed segment of 2 s, which continues the segment with the number before.
pub fn segment(number: u64, uri: Url) -> Segment {
    Segment {
        number,
        after: number.checked_sub(1),
        discontinuity_sequence: 0,
        uri,
        byte_range: None,
        duration: Seconds(2.0),
        discontinuity: false,
        program_date_time: None,
        gap: false,
        map: None,
        key: None,
        keys: Arc::default(),
        bit_rate: None,
        media_start: None,
        line: 1,
    }
}

/// Makes a live media playlist with a target duration of 2 s.
pub fn timeline(segments: Vec<Segment>) -> Timeline {
    Timeline {
        version: Some(3),
        media_sequence: segments.first().map_or(0, |segment| segment.number),
        target_duration: Some(Seconds(2.0)),
        independent_segments: true,
        segments,
        ..Timeline::default()
    }
}

/// Makes the facts about a segment whose request, at `inspected_at`, failed.
pub fn segment_facts(segment: Segment, inspected_at: Timestamp) -> SegmentFacts {
    let fetched = failed(&segment.uri, FailureKind::Timeout);
    SegmentFacts { segment, inspected_at, fetched, inspection: None, decryption: None, newest: true }
}

/// Makes the inspection of a segment in which no tracks and no defects were found.
pub fn inspection(container: Container, bytes: u64) -> Inspection {
    Inspection {
        container,
        bytes,
        tracks: Vec::new(),
        ts: None,
        defects: Vec::new(),
        defects_total: 0,
        head: Vec::new(),
        encrypted: false,
        pssh_boxes: Vec::new(),
        events: Vec::new(),
        cues: None,
    }
}

/// Makes a track without samples: H.264 if it is video, otherwise AAC.
pub fn track(id: u32, media: Media) -> Track {
    Track::new(id, Some(media), if media == Media::Video { "h264" } else { "aac" }.to_owned())
}

/// Makes the facts about an output with these renditions. Its manifest is a media playlist, and the request for it failed.
pub fn output(name: &str, url: &Url, renditions: Vec<RenditionFacts>) -> OutputFacts {
    OutputFacts {
        name: name.to_owned(),
        url: url.clone(),
        manifest: failed(url, FailureKind::Timeout),
        content: ManifestFacts::HlsMedia,
        session: SessionFacts::default(),
        defects: Vec::new(),
        renditions,
        i_frames: Vec::new(),
    }
}
