//! Facts made by hand, for tests and benchmarks. Each builder gives the plainest value of its kind, and a test changes what it
//! is about: a new field of a fact is one line here.

#![allow(clippy::unwrap_used, reason = "for tests: never in a release")]

use crate::facts::{
    CodedAmount, DecodedFacts, Exchange, Failure, FailureKind, Fetched, ManifestFacts, OutputFacts, RenditionFacts,
    SegmentExtent, SegmentFacts, SessionFacts, SignalFacts, Timings,
};
use bytes::Bytes;
use packager_media::container::{Container, Inspection, Track};
use packager_media::stream::{Media, Segment, Timeline};
use packager_media::units::{Seconds, Timestamp};
use packager_signal::Decoded;
use packager_signal::picture::{Complexity, Pictures, Signature, Thumbnail};
use packager_signal::sound::{Channel, Position, Sound};
use std::sync::Arc;
use std::time::Duration;
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
        page_origin: None,
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
    SegmentFacts {
        segment,
        inspected_at,
        fetched,
        inspection: None,
        decryption: None,
        newest: true,
        extent: SegmentExtent::Whole,
    }
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
        has_moov: false,
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
        manifest_failed_first: None,
        content: ManifestFacts::HlsMedia,
        session: SessionFacts::default(),
        defects: Vec::new(),
        renditions,
        i_frames: Vec::new(),
        steering: None,
        signal: SignalFacts::default(),
    }
}

/// Makes the result of a decode of `duration` seconds: moving pictures, and sound of two channels with this loudness.
pub fn decoded(duration: f64, lufs: f32) -> Decoded {
    let picture = Signature::of(&[128; 64 * 36], 64);
    let channel = |position| Channel { position, dead: Vec::new(), level: Some(-30.0) };
    Decoded {
        pictures: Some(Pictures {
            count: 50,
            width: 640,
            height: 360,
            picture_duration: duration / 50.0,
            duration,
            interlaced: false,
            key_frames_only: false,
            frozen: Vec::new(),
            black: Vec::new(),
            single_color: Vec::new(),
            first: picture.clone(),
            last: picture,
            visible_blocks: vec![0.0; 10],
            concealed: None,
            decode_errors: 0,
            complexity: Complexity {
                spatial: 40.0,
                spatial_mean: 30.0,
                temporal: Some(10.0),
                temporal_mean: Some(5.0),
            },
        }),
        pictures_failed: None,
        sound_failed: None,
        sounds: vec![Sound {
            stream: None,
            sample_rate: 48_000,
            duration,
            sounding: duration,
            channels: vec![channel(Position::Left), channel(Position::Right)],
            silent: Vec::new(),
            clipped: 0.0,
            momentary_max: Some(-20.0),
            short_term_max: Some(-22.5),
            true_peak: Some(-3.0),
            blocks: vec![lufs; 17],
        }],
        thumbnail: Some(Thumbnail { jpeg: Bytes::from_static(b"\xff\xd8 a picture"), width: 320, height: 180 }),
        cpu: Duration::from_millis(100),
        messages: String::new(),
        cut: false,
    }
}

/// Makes the facts about the decode of one segment, whose number is `number`.
pub fn decoded_facts(number: u64, decoded_at: Timestamp, signal: Decoded) -> DecodedFacts {
    DecodedFacts {
        first: number,
        last: number,
        after: number.checked_sub(1),
        longest_segment: Seconds(2.0),
        coded: CodedAmount::default(),
        decoded_at,
        signal: Arc::new(signal),
    }
}
