//! Replies with initialization segments, keys, segments and parts.

use super::{Content, PAGE, Reply, RequestContext, not_found, ok};
use crate::origin::channels::{Format, Ladder};
use crate::origin::encryption::{self, Cipher};
use crate::origin::faults::Effect;
use crate::origin::fixtures::{self, UNIT_MS};
use crate::origin::timeline::{EPOCH_MS, Rendition, TARGET, Timeline};
use crate::origin::{
    audio_only, body, cenc, dash, low_latency, mp4, mp4_subtitles, sample_aes, segment_base, side_boxes, ts, webvtt,
};
use bytes::Bytes;
use http::{Method, StatusCode, header};
use std::time::Duration;

/// Returns the rendition that is served: video instead of the announced audio under the fault that leaves audio out.
fn served_rendition(timeline: &Timeline, rendition: Rendition) -> Rendition {
    let missing = timeline.effect == Some(Effect::AudioTrackMissing) && timeline.format == Format::Cmaf;
    if missing && rendition == Rendition::Audio { Rendition::Rung(0) } else { rendition }
}

pub(super) fn init(timeline: &Timeline, now_ms: i64, rendition: Rendition) -> Reply {
    let media = fixtures::fixtures();
    let rendition = served_rendition(timeline, rendition);
    if matches!(rendition, Rendition::WebVtt | Rendition::Ttml) {
        return ok("application/mp4", mp4_subtitles::init(rendition, timeline.effect).into(), Some(EPOCH_MS));
    }
    let (track, kind) = match rendition {
        Rendition::Rung(at) => (media.track(timeline.ladder, at), "video/mp4"),
        Rendition::Audio | Rendition::WebVtt | Rendition::Ttml => (&media.audio, "audio/mp4"),
    };
    match timeline.effect {
        Some(Effect::InitMissing) => not_found(),
        Some(Effect::InitInvalid) => ok(kind, mp4::broken_init(track).into(), Some(EPOCH_MS)),
        Some(Effect::InitReplaced) if now_ms.div_euclid(20_000) % 2 == 1 => {
            ok(kind, mp4::init_with_transfer(track, 6).into(), Some(EPOCH_MS))
        }
        Some(Effect::InitRewritten) if now_ms.div_euclid(20_000) % 2 == 1 => {
            ok(kind, [track.init, &mp4::mp4_box(b"free", &[])].concat().into(), Some(EPOCH_MS))
        }
        Some(Effect::AudioConfigMissing) if kind == "audio/mp4" => {
            ok(kind, mp4::init_without_audio_config(track).into(), Some(EPOCH_MS))
        }
        Some(Effect::ConfigurationEmpty) => ok(kind, mp4::init_without_sets(track).into(), Some(EPOCH_MS)),
        Some(Effect::SetsInSamplesMissing) => {
            let mut bytes = mp4::init_without_sets(track);
            // The compatible brands may name the format too; the sample entry comes behind them.
            if let Some(at) = bytes.windows(4).rposition(|w| w == b"avc1") {
                bytes[at..at + 4].copy_from_slice(b"avc3");
            }
            ok(kind, bytes.into(), Some(EPOCH_MS))
        }
        Some(Effect::HdrUnsignalled) => ok(kind, mp4::init_with_transfer(track, 16).into(), Some(EPOCH_MS)),
        effect
            if timeline.cipher.is_common_encryption()
                && !matches!(effect, Some(Effect::SamplesClear | Effect::InitUnprotected)) =>
        {
            let bytes = cenc::init(timeline.cipher, track.init, track_kind(rendition), timeline.base, effect);
            ok(kind, bytes.into(), Some(EPOCH_MS))
        }
        _ => ok(kind, Bytes::from_static(track.init), Some(EPOCH_MS)),
    }
}

fn track_kind(rendition: Rendition) -> mp4::TrackKind {
    if rendition == Rendition::Audio { mp4::TrackKind::Audio } else { mp4::TrackKind::Video }
}

fn media_type(rendition: Rendition) -> &'static str {
    if rendition == Rendition::Audio { "audio/mp4" } else { "video/mp4" }
}

/// Returns the reply with the file of an ad, which has a segment index.
pub(super) fn indexed_file(timeline: &Timeline, rendition: Rendition, from: i64) -> Reply {
    if timeline.effect == Some(Effect::IndexMissing) && rendition == TARGET {
        return not_found();
    }
    ok(media_type(rendition), segment_base::file(timeline, rendition, from).into(), Some(EPOCH_MS))
}

pub(super) fn key(effect: Option<Effect>, number: i64) -> Reply {
    let key = Bytes::copy_from_slice(&encryption::key(number));
    match effect {
        Some(Effect::KeyMissing) => not_found(),
        Some(Effect::KeyShort) => ok("application/octet-stream", key.slice(..15), None),
        _ => ok("application/octet-stream", key, None),
    }
}

pub(super) async fn segment(
    request: &RequestContext<'_>,
    timeline: &Timeline,
    now_ms: i64,
    rendition: Rendition,
    name: &str,
) -> Reply {
    if timeline.effect == Some(Effect::RungSegmentsMissing) && rendition == TARGET {
        return not_found();
    }
    let ad_segment = dash::ad_segment_name(timeline, name);
    let number_name = ad_segment
        .clone()
        .map(|(name, _)| name)
        .or_else(|| dash::segment_name_at_time(timeline, rendition, name, now_ms));
    let available_ms = now_ms + dash::early_ms(timeline, name);
    let found = timeline.segment_by_name(number_name.as_deref().unwrap_or(name), available_ms, rendition);
    let Some(mut segment) = found else {
        return incomplete_segment(request, timeline, now_ms, rendition, name).await;
    };
    segment.media_unit -= ad_segment.map_or(0, |(_, begin)| begin);
    let rendition = served_rendition(timeline, rendition);
    let media = fixtures::fixtures();
    let (first, count, shift, effect) = (segment.media_unit, segment.units, segment.shift_ms, timeline.effect);
    let whole_parts = || match effect {
        Some(Effect::OneChunk) => low_latency::one_chunk(timeline, segment.index, rendition),
        _ => low_latency::first_parts(timeline, segment.index, rendition, mp4::PARTS),
    };
    let (kind, bytes) = match (timeline.format, rendition) {
        (_, Rendition::Rung(_)) if timeline.parts => ("video/mp4", whole_parts()),
        (_, Rendition::Audio) if timeline.parts => ("audio/mp4", whole_parts()),
        (Format::Ts, Rendition::Rung(at)) => {
            let target_effect = effect.filter(|_| rendition == TARGET || timeline.ladder == Ladder::AudioOnly);
            let units = media.transport(timeline.ladder, at, target_effect);
            let effect = if effect == Some(Effect::KeyframesMisaligned) { target_effect } else { effect };
            ("video/mp2t", ts::segment(units, first, count, shift, effect, timeline.ads))
        }
        (Format::Packed, Rendition::Rung(at)) => {
            ("audio/aac", audio_only::packed_aac(media.audio_only_frames(at, effect), first, count, shift, effect))
        }
        (Format::Cmaf, Rendition::Rung(at)) => {
            let bare = timeline.ladder == Ladder::Captioned && effect == Some(Effect::CaptionsMissing);
            let track = media.track(if bare { Ladder::Avc } else { timeline.ladder }, at);
            let bytes = mp4::segment(track, mp4::TrackKind::Video, first, count, shift, effect);
            ("video/mp4", if timeline.ads { side_boxes::prepend(&bytes, &segment, effect) } else { bytes })
        }
        (Format::Cmaf, Rendition::WebVtt | Rendition::Ttml) => {
            ("application/mp4", mp4_subtitles::segment(rendition, &segment, effect))
        }
        (_, Rendition::WebVtt | Rendition::Ttml) => {
            let start = ts::presentation_start(media.transport(timeline.ladder, 0, None)[0], first, shift);
            ("text/vtt", webvtt::segment(&segment, start, effect))
        }
        (_, Rendition::Audio) => {
            ("audio/mp4", mp4::segment(media.audio_track(effect), mp4::TrackKind::Audio, first, count, shift, effect))
        }
    };
    let bytes = match timeline.cipher {
        Cipher::Clear => bytes,
        Cipher::Aes128 => encryption::encrypt(&bytes, segment.index, timeline.base, effect),
        Cipher::Cbcs | Cipher::Cenc | Cipher::SampleAes
            if matches!(effect, Some(Effect::SamplesClear | Effect::EncryptorLost)) =>
        {
            bytes
        }
        Cipher::SampleAes => sample_aes::encrypt(bytes, timeline.base),
        Cipher::Cbcs | Cipher::Cenc => cenc::encrypt(timeline.cipher, &bytes, track_kind(rendition), effect),
    };
    let mut reply = ok(kind, bytes.into(), Some(segment.published_ms));
    apply_delivery_fault(request, effect, count, &mut reply).await;
    reply
}

pub(super) async fn part(
    request: &RequestContext<'_>,
    timeline: &Timeline,
    now_ms: i64,
    rendition: Rendition,
    (number, at): (i64, i64),
) -> Reply {
    let index = number - timeline.base;
    if !low_latency::wait_for_part(request, timeline, now_ms, index, at).await {
        return not_found();
    }
    let clear = low_latency::part_bytes(timeline, index, rendition, at);
    let bytes = match timeline.cipher {
        Cipher::Aes128 => encryption::encrypt(&clear, index, timeline.base, timeline.effect),
        _ => clear,
    };
    ok(media_type(rendition), bytes.into(), None)
}

/// Returns the segment that is still being written: without a range each part as it is written; with a range the complete
/// parts. If the range begins behind them, it waits for the next part.
async fn incomplete_segment(
    request: &RequestContext<'_>,
    timeline: &Timeline,
    now_ms: i64,
    rendition: Rendition,
    name: &str,
) -> Reply {
    if timeline.parts && range_start(request).is_none() {
        let Some(parts) = low_latency::growing_segment(request, timeline, now_ms, rendition, name) else {
            return not_found();
        };
        let body = Content::Stream(body::timed(parts), None, None);
        return Reply { status: StatusCode::OK, kind: media_type(rendition), body, modified_ms: None };
    }
    let index = timeline.edge(now_ms);
    let parts = low_latency::LiveEdge::at(timeline, now_ms, rendition).parts;
    let there = timeline.parts && (timeline.ranged || parts > 0);
    if !there || name != timeline.segment(index, 0, rendition, index).name {
        return not_found();
    }
    let mut bytes = low_latency::first_parts(timeline, index, rendition, parts);
    if range_start(request).is_some_and(|first| first >= bytes.len()) {
        if !low_latency::wait_for_part(request, timeline, now_ms, index, parts).await {
            return not_found();
        }
        bytes = low_latency::first_parts(timeline, index, rendition, parts + 1);
    }
    ok(media_type(rendition), bytes.into(), None)
}

/// Returns the first byte of the requested range; `None` without a range.
fn range_start(request: &RequestContext<'_>) -> Option<usize> {
    let asked = request.headers.get(header::RANGE)?.to_str().ok()?;
    asked.strip_prefix("bytes=")?.split_once('-')?.0.parse().ok()
}

/// Applies a fault of delivery to a segment: slow, cut off, reset, empty or another body.
async fn apply_delivery_fault(request: &RequestContext<'_>, effect: Option<Effect>, units: i64, reply: &mut Reply) {
    let Content::Whole(bytes) = &reply.body else {
        return;
    };
    let (bytes, length) = (bytes.clone(), Some(bytes.len() as u64));
    if *request.method == Method::HEAD {
        return;
    }
    match effect {
        Some(Effect::SlowFirstByte) => tokio::time::sleep(Duration::from_secs(3)).await,
        Some(Effect::SegmentSlow) => {
            let over = Duration::from_millis((units * UNIT_MS * 3 / 2).unsigned_abs());
            reply.body = Content::Stream(body::trickle(bytes, over), length, None);
        }
        Some(Effect::SegmentCut) => reply.body = Content::Stream(body::cut(bytes, None), length, None),
        Some(Effect::ConnectionReset) => {
            reply.body = Content::Stream(body::cut(bytes, Some(request.reset.clone())), length, None);
        }
        Some(Effect::SegmentEmpty) => reply.body = Content::Whole(Bytes::new()),
        Some(Effect::SegmentHtml) => *reply = ok("text/html", Bytes::from_static(PAGE.as_bytes()), None),
        _ => {}
    }
}
