//! From a request to its answer, faults included.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};

use super::channels::{Format, Ladder};
use super::crypt::{self, Cipher};
use super::faults::Effect;
use super::low_latency::Directives;
use super::media::{self, UNIT_MS};
use super::route::{Mode, Resource, Route};
use super::state::State;
use super::timeline::{EPOCH_MS, Rendition, TARGET, Timeline};
use super::{
    body, cenc, dash, events, i_frames, indexed, low_latency, mp4, packager, playlist, sample_aes, sound, subtitles,
    texts, ts, updates,
};

pub const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";
const PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n";

/// One request under its channel and fault.
pub struct Ask<'a> {
    pub state: &'a State,
    pub route: &'a Route,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
    /// Set to reset the connection when the body ends.
    pub reset: Arc<AtomicBool>,
}

/// An answer before the headers that all have in common.
struct Reply {
    status: StatusCode,
    kind: &'static str,
    body: Content,
    modified_ms: Option<i64>,
}

enum Content {
    Whole(Bytes),
    /// A body that misbehaves, with the length it announces and its coding.
    Stream(Body, Option<u64>, Option<&'static str>),
}

pub async fn answer(ask: &Ask<'_>) -> Response<Body> {
    let now_ms = ask.route.at_ms.unwrap_or_else(|| ask.state.clock.now_ms());
    let (effect, since_ms) = ask.state.effect_of(ask.route);
    let shown_ms = match effect {
        Some(Effect::Stale) => now_ms.min(since_ms),
        Some(Effect::Behind(seconds)) => now_ms - 1000 * seconds,
        _ => now_ms,
    };
    let mut timeline = Timeline::new(ask.route.channel, ask.route.number, effect);
    if matches!(ask.route.mode, Mode::Folder) {
        timeline.stem = format!("{}_", ask.route.name);
    }
    if let Mode::Odd(style) = ask.route.mode {
        style.timeline(&mut timeline, shown_ms);
    }
    let mut reply = reply(ask, &timeline, shown_ms).await;
    rewrite(ask, &mut reply);
    if let Some(modified) = &mut reply.modified_ms {
        *modified += if let Some(Effect::Behind(seconds)) = effect { 1000 * seconds } else { 0 };
    }
    finish(ask, effect, now_ms, reply)
}

async fn reply(ask: &Ask<'_>, timeline: &Timeline, now_ms: i64) -> Reply {
    if timeline.effect == Some(Effect::Silent) {
        std::future::pending::<()>().await;
    }
    if timeline.effect == Some(Effect::Flaky) && ask.route.resource.is_playlist() && ask.state.turn("flaky") % 3 == 2 {
        return text(StatusCode::SERVICE_UNAVAILABLE, "busy\n");
    }
    match &ask.route.resource {
        Resource::Master => master(ask, timeline, now_ms).await,
        Resource::Patch => patch(ask, timeline, now_ms),
        Resource::Mpd(..) if ask.query == Some(updates::ELSEWHERE) && updates::gone(timeline.effect) => not_found(),
        Resource::Mpd(form, file) => {
            // Whoever asks for the time only is no player.
            let turn = if ask.query == Some("clock") { 0 } else { ask.state.turn(ask.path) };
            let reply = mpd(timeline, *form, file, now_ms, turn);
            if ask.query == Some(updates::ELSEWHERE) { another(timeline.effect, reply) } else { reply }
        }
        Resource::Playlist(rendition) => media_playlist(ask, timeline, now_ms, *rendition).await,
        Resource::IFrames(rendition) => i_frame_playlist(ask, timeline, now_ms, *rendition),
        Resource::Init(rendition) => init(timeline, now_ms, *rendition),
        Resource::File(rendition, from) => file(timeline, *rendition, *from),
        Resource::Key(number) => key(timeline.effect, *number),
        Resource::Segment(rendition, name) => segment(ask, timeline, now_ms, *rendition, name).await,
        Resource::Part(rendition, number, at) => part(ask, timeline, now_ms, *rendition, (*number, *at)).await,
    }
}

async fn master(ask: &Ask<'_>, timeline: &Timeline, now_ms: i64) -> Reply {
    let stream = |body, length, coding| Reply {
        status: StatusCode::OK,
        kind: PLAYLIST_TYPE,
        body: Content::Stream(body, length, coding),
        modified_ms: None,
    };
    match timeline.effect {
        Some(Effect::MasterStatus(status)) => {
            text(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "no playlist here\n")
        }
        Some(Effect::ManifestHtml) => whole("text/html", Bytes::from_static(PAGE.as_bytes()), None),
        Some(Effect::ManifestEmpty) => whole(PLAYLIST_TYPE, Bytes::new(), None),
        Some(Effect::ManifestHuge) => stream(body::comments(Some(body::HUGE)), Some(body::HUGE), None),
        Some(Effect::ManifestEndless) => stream(body::comments(None), None, None),
        Some(Effect::GzipBomb) => stream(body::bomb().await, None, Some("gzip")),
        Some(Effect::Lines10M) => stream(body::lines(10_000_000), None, None),
        Some(Effect::RedirectLoop) => text(StatusCode::FOUND, "round and round\n"),
        _ => {
            let text = playlist::master(timeline, now_ms, &suffix(ask));
            whole(PLAYLIST_TYPE, text.into(), Some(EPOCH_MS))
        }
    }
}

/// Playlists that are written otherwise.
fn rewrite(ask: &Ask<'_>, reply: &mut Reply) {
    let (Mode::Odd(style), Content::Whole(bytes)) = (ask.route.mode, &reply.body) else { return };
    if !ask.route.resource.is_playlist() || !reply.status.is_success() {
        return;
    }
    let host = ask.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let folder = ask.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let text = String::from_utf8_lossy(bytes);
    let text = style.rewrite(&text, &format!("http://{host}{folder}/"), ask.state.turn("token"));
    reply.body = Content::Whole(text.into());
}

fn mpd(timeline: &Timeline, form: dash::Form, file: &str, now_ms: i64, turn: u64) -> Reply {
    match timeline.effect {
        Some(Effect::MasterStatus(status)) => {
            text(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "no MPD here\n")
        }
        Some(Effect::ManifestHtml) => whole("text/html", Bytes::from_static(PAGE.as_bytes()), None),
        _ => {
            let (text, published_ms) = dash::mpd(timeline, form, file, now_ms, turn);
            whole("application/dash+xml", text.into(), Some(published_ms))
        }
    }
}

/// What the address of Location answers.
fn another(effect: Option<Effect>, mut reply: Reply) -> Reply {
    if let (Some(Effect::LocationOther), Content::Whole(bytes)) = (effect, &reply.body) {
        let id = format!("id=\"{}\"", updates::ID);
        reply.body = Content::Whole(String::from_utf8_lossy(bytes).replace(&id, "id=\"another\"").into());
    }
    reply
}

fn patch(ask: &Ask<'_>, timeline: &Timeline, now_ms: i64) -> Reply {
    let from = ask.query.and_then(|query| query.strip_prefix("from=")?.parse().ok());
    match from.map(|from| updates::patch(timeline, from, now_ms)) {
        Some(updates::Answer::Patch(text, published_ms)) => {
            whole("application/dash-patch+xml", text.into(), Some(published_ms))
        }
        Some(updates::Answer::TooEarly) => text(StatusCode::TOO_EARLY, "no update yet\n"),
        Some(updates::Answer::Gone) => text(StatusCode::GONE, "too old\n"),
        Some(updates::Answer::Missing) | None => not_found(),
    }
}

/// What follows each URI of a playlist.
fn suffix(ask: &Ask<'_>) -> String {
    match ask.route.mode {
        Mode::Token => format!("?token={}", ask.state.turn("token")),
        _ => String::new(),
    }
}

async fn media_playlist(ask: &Ask<'_>, timeline: &Timeline, now_ms: i64, rendition: Rendition) -> Reply {
    let missing = match timeline.effect {
        Some(Effect::RenditionMissing) => rendition == TARGET,
        Some(Effect::AllRenditionsMissing) => true,
        _ => false,
    };
    if missing {
        return not_found();
    }
    let mut now_ms = now_ms;
    let mut asked = if timeline.parts { low_latency::directives(ask.query) } else { Directives::default() };
    if asked.msn.is_some() && timeline.effect == Some(Effect::ReloadFails) {
        return text(StatusCode::SERVICE_UNAVAILABLE, "busy\n");
    }
    asked.skip &= timeline.effect != Some(Effect::DeltaWhole);
    match low_latency::reload(ask, timeline, now_ms, asked).await {
        Some(at_ms) => now_ms = at_ms,
        None => return text(StatusCode::BAD_REQUEST, "that is too far ahead\n"),
    }
    let mut listing = timeline.listing(now_ms, rendition, ask.state.turn(ask.path));
    if let Some(live) = listing.live.as_mut().filter(|_| asked.skip) {
        live.skipped = low_latency::skippable(listing.segments.len());
    }
    let text = playlist::media(timeline, &listing, &suffix(ask));
    whole(PLAYLIST_TYPE, text.into(), Some(listing.published_ms))
}

fn i_frame_playlist(ask: &Ask<'_>, timeline: &Timeline, now_ms: i64, rendition: Rendition) -> Reply {
    if timeline.effect == Some(Effect::IFramesMissing) {
        return not_found();
    }
    let listing = timeline.listing(i_frames::shown_ms(timeline.effect, now_ms), rendition, 0);
    let text = i_frames::media(timeline, &listing, &suffix(ask));
    whole(PLAYLIST_TYPE, text.into(), Some(listing.published_ms))
}

/// Where the announced audio isn't there, video is.
fn served(timeline: &Timeline, rendition: Rendition) -> Rendition {
    let missing = timeline.effect == Some(Effect::TracksPresent) && timeline.format == Format::Cmaf;
    if missing && rendition == Rendition::Audio { Rendition::Rung(0) } else { rendition }
}

fn init(timeline: &Timeline, now_ms: i64, rendition: Rendition) -> Reply {
    let media = media::media();
    let rendition = served(timeline, rendition);
    if matches!(rendition, Rendition::Text | Rendition::Ttml) {
        return whole("application/mp4", texts::init(rendition, timeline.effect).into(), Some(EPOCH_MS));
    }
    let (track, kind) = match rendition {
        Rendition::Rung(at) => (media.track(timeline.ladder, at), "video/mp4"),
        Rendition::Audio | Rendition::Text | Rendition::Ttml => (&media.audio, "audio/mp4"),
    };
    match timeline.effect {
        Some(Effect::InitMissing) => not_found(),
        Some(Effect::InitInvalid) => whole(kind, mp4::broken_init(track).into(), Some(EPOCH_MS)),
        Some(Effect::InitReplaced) if now_ms.div_euclid(20_000) % 2 == 1 => {
            whole(kind, mp4::transfer(track, 6).into(), Some(EPOCH_MS))
        }
        Some(Effect::InitRewritten) if now_ms.div_euclid(20_000) % 2 == 1 => {
            whole(kind, [track.init, &mp4::boxed(b"free", &[])].concat().into(), Some(EPOCH_MS))
        }
        Some(Effect::RangeUnsignalled) => whole(kind, mp4::transfer(track, 16).into(), Some(EPOCH_MS)),
        effect if timeline.cipher.common() && effect != Some(Effect::SamplesClear) => {
            let bytes = cenc::init(timeline.cipher, track.init, kind_of(rendition), timeline.base, effect);
            whole(kind, bytes.into(), Some(EPOCH_MS))
        }
        _ => whole(kind, Bytes::from_static(track.init), Some(EPOCH_MS)),
    }
}

fn kind_of(rendition: Rendition) -> mp4::Kind {
    if rendition == Rendition::Audio { mp4::Kind::Audio } else { mp4::Kind::Video }
}

fn media_type(rendition: Rendition) -> &'static str {
    if rendition == Rendition::Audio { "audio/mp4" } else { "video/mp4" }
}

/// A file that was there before the channel began.
fn file(timeline: &Timeline, rendition: Rendition, from: i64) -> Reply {
    if timeline.effect == Some(Effect::IndexMissing) && rendition == TARGET {
        return not_found();
    }
    whole(media_type(rendition), indexed::file(timeline, rendition, from).into(), Some(EPOCH_MS))
}

fn key(effect: Option<Effect>, number: i64) -> Reply {
    let key = Bytes::copy_from_slice(&crypt::key(number));
    match effect {
        Some(Effect::KeyMissing) => not_found(),
        Some(Effect::KeyShort) => whole("application/octet-stream", key.slice(..15), None),
        _ => whole("application/octet-stream", key, None),
    }
}

async fn segment(ask: &Ask<'_>, timeline: &Timeline, now_ms: i64, rendition: Rendition, name: &str) -> Reply {
    let of_ad = dash::of_ad(timeline, name);
    let by_number = of_ad.clone().map(|(name, _)| name).or_else(|| dash::by_number(timeline, rendition, name, now_ms));
    let Some(mut segment) = timeline.named(by_number.as_deref().unwrap_or(name), now_ms, rendition) else {
        return growing(ask, timeline, now_ms, rendition, name).await;
    };
    segment.media_unit -= of_ad.map_or(0, |(_, begin)| begin);
    let rendition = served(timeline, rendition);
    let media = media::media();
    let (first, count, shift, effect) = (segment.media_unit, segment.units, segment.shift_ms, timeline.effect);
    let whole_parts = || low_latency::bytes(timeline, segment.index, rendition, mp4::PARTS);
    let (kind, bytes) = match (timeline.format, rendition) {
        (_, Rendition::Rung(_)) if timeline.parts => ("video/mp4", whole_parts()),
        (_, Rendition::Audio) if timeline.parts => ("audio/mp4", whole_parts()),
        (Format::Ts, Rendition::Rung(at)) => {
            let spoilt = effect.filter(|_| rendition == TARGET || timeline.ladder == Ladder::Sound);
            let units = media.transport(timeline.ladder, at, spoilt);
            let effect = if effect == Some(Effect::KeyframesApart) { spoilt } else { effect };
            ("video/mp2t", ts::segment(units, first, count, shift, effect, timeline.ads))
        }
        (Format::Packed, Rendition::Rung(at)) => {
            ("audio/aac", sound::packed(&media.sound[at], first, count, shift, effect))
        }
        (Format::Cmaf, Rendition::Rung(at)) => {
            let bare = timeline.ladder == Ladder::Captioned && effect == Some(Effect::CaptionsMissing);
            let track = media.track(if bare { Ladder::Avc } else { timeline.ladder }, at);
            let bytes = mp4::segment(track, mp4::Kind::Video, first, count, shift, effect);
            ("video/mp4", if timeline.ads { events::with(&bytes, &segment, effect) } else { bytes })
        }
        (Format::Cmaf, Rendition::Text | Rendition::Ttml) => {
            ("application/mp4", texts::segment(rendition, &segment, effect))
        }
        (_, Rendition::Text | Rendition::Ttml) => {
            let start = ts::presentation_start(media.transport(timeline.ladder, 0, None)[0], first, shift);
            ("text/vtt", subtitles::segment(&segment, start, effect))
        }
        (_, Rendition::Audio) => {
            ("audio/mp4", mp4::segment(&media.audio, mp4::Kind::Audio, first, count, shift, effect))
        }
    };
    let bytes = match timeline.cipher {
        Cipher::Clear => bytes,
        Cipher::Aes128 => crypt::encrypt(&bytes, segment.index, timeline.base, effect),
        Cipher::Cbcs | Cipher::Cenc | Cipher::SampleAes if effect == Some(Effect::SamplesClear) => bytes,
        Cipher::SampleAes => sample_aes::encrypt(bytes, timeline.base),
        Cipher::Cbcs | Cipher::Cenc => cenc::encrypt(timeline.cipher, &bytes, kind_of(rendition), effect),
    };
    let mut reply = whole(kind, bytes.into(), Some(segment.published_ms));
    deliver(ask, effect, count, &mut reply).await;
    reply
}

async fn part(
    ask: &Ask<'_>,
    timeline: &Timeline,
    now_ms: i64,
    rendition: Rendition,
    (number, at): (i64, i64),
) -> Reply {
    let index = number - timeline.base;
    if !low_latency::part_comes(ask, timeline, now_ms, index, at).await {
        return not_found();
    }
    let clear = low_latency::part_bytes(timeline, index, rendition, at);
    let bytes = match timeline.cipher {
        Cipher::Aes128 => crypt::encrypt(&clear, index, timeline.base, timeline.effect),
        _ => clear,
    };
    whole(media_type(rendition), bytes.into(), None)
}

/// The segment that isn't whole yet, as far as it is there; and one part more, where that is asked for.
async fn growing(ask: &Ask<'_>, timeline: &Timeline, now_ms: i64, rendition: Rendition, name: &str) -> Reply {
    let index = timeline.edge(now_ms);
    let parts = low_latency::Live::at(timeline, now_ms, rendition).parts;
    let there = timeline.parts && (timeline.ranged || parts > 0);
    if !there || name != timeline.segment(index, 0, rendition, index).name {
        return not_found();
    }
    let mut bytes = low_latency::bytes(timeline, index, rendition, parts);
    if first_byte(ask).is_some_and(|first| first >= bytes.len()) {
        if !low_latency::part_comes(ask, timeline, now_ms, index, parts).await {
            return not_found();
        }
        bytes = low_latency::bytes(timeline, index, rendition, parts + 1);
    }
    whole(media_type(rendition), bytes.into(), None)
}

/// Of the range that is asked for.
fn first_byte(ask: &Ask<'_>) -> Option<usize> {
    let asked = ask.headers.get(header::RANGE)?.to_str().ok()?;
    asked.strip_prefix("bytes=")?.split_once('-')?.0.parse().ok()
}

/// What happens to a segment on its way.
async fn deliver(ask: &Ask<'_>, effect: Option<Effect>, units: i64, reply: &mut Reply) {
    let Content::Whole(bytes) = &reply.body else {
        return;
    };
    let (bytes, length) = (bytes.clone(), Some(bytes.len() as u64));
    if *ask.method == Method::HEAD {
        return;
    }
    match effect {
        Some(Effect::SlowFirstByte) => tokio::time::sleep(Duration::from_secs(3)).await,
        Some(Effect::SegmentSlow) => {
            let over = Duration::from_millis((units * UNIT_MS * 3 / 2).unsigned_abs());
            reply.body = Content::Stream(body::trickle(bytes, over), length, None);
        }
        Some(Effect::SegmentCut) => reply.body = Content::Stream(body::cut(bytes, None), length, None),
        Some(Effect::Reset) => {
            reply.body = Content::Stream(body::cut(bytes, Some(ask.reset.clone())), length, None);
        }
        Some(Effect::SegmentEmpty) => reply.body = Content::Whole(Bytes::new()),
        Some(Effect::SegmentHtml) => *reply = whole("text/html", Bytes::from_static(PAGE.as_bytes()), None),
        _ => {}
    }
}

fn whole(kind: &'static str, content: Bytes, modified_ms: Option<i64>) -> Reply {
    Reply { status: StatusCode::OK, kind, body: Content::Whole(content), modified_ms }
}

fn text(status: StatusCode, text: &'static str) -> Reply {
    Reply { status, kind: "text/plain", body: Content::Whole(Bytes::from_static(text.as_bytes())), modified_ms: None }
}

fn not_found() -> Reply {
    text(StatusCode::NOT_FOUND, "not found\n")
}

/// Adds the headers, cuts out a range, and leaves the body out for HEAD.
fn finish(ask: &Ask<'_>, effect: Option<Effect>, now_ms: i64, mut reply: Reply) -> Response<Body> {
    let mut headers = HeaderMap::new();
    let is_playlist = ask.route.resource.is_playlist();
    if reply.status.is_success() {
        let kind = if effect == Some(Effect::ContentType) { "text/plain" } else { reply.kind };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching(effect, is_playlist)));
    } else {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if reply.status == StatusCode::FOUND
        && let Ok(location) = HeaderValue::from_str(&format!("{}?r={}", ask.path, ask.state.turn("redirect")))
    {
        headers.insert(header::LOCATION, location);
    }
    if effect != Some(Effect::Cors) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    packager::headers(&mut headers, ask.route, effect, now_ms, reply.modified_ms);
    put_date(&mut headers, header::DATE, now_ms);
    if let Some(modified) = reply.modified_ms {
        put_date(&mut headers, header::LAST_MODIFIED, modified.min(now_ms));
    }
    if !is_playlist && reply.status == StatusCode::OK {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        range(ask, &mut headers, &mut reply);
    }
    respond(ask, headers, reply)
}

fn caching(effect: Option<Effect>, is_playlist: bool) -> &'static str {
    match (effect, is_playlist) {
        (Some(Effect::CacheHeaders), true) | (_, false) => "public, max-age=3600",
        _ => "public, max-age=1",
    }
}

fn put_date(headers: &mut HeaderMap, name: header::HeaderName, unix_ms: i64) {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms.max(0).unsigned_abs());
    if let Ok(value) = HeaderValue::from_str(&httpdate::fmt_http_date(at)) {
        headers.insert(name, value);
    }
}

/// One range of a whole body (RFC 9110, 14.2); anything else asked for is ignored or answered 416.
fn range(ask: &Ask<'_>, headers: &mut HeaderMap, reply: &mut Reply) {
    let Content::Whole(bytes) = &reply.body else {
        return;
    };
    let size = bytes.len();
    let asked = ask.headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((from, to)) = asked.and_then(|value| value.strip_prefix("bytes=")).and_then(|span| span.split_once('-'))
    else {
        return;
    };
    let span = match (from.parse::<usize>(), to.parse::<usize>()) {
        (Ok(from), Ok(to)) if from <= to => from..to.saturating_add(1).min(size),
        (Ok(from), Err(_)) if to.is_empty() => from..size,
        (Err(_), Ok(last)) if from.is_empty() => size.saturating_sub(last)..size,
        _ => return,
    };
    let content_range = if span.start < span.end {
        reply.status = StatusCode::PARTIAL_CONTENT;
        reply.body = Content::Whole(bytes.slice(span.clone()));
        format!("bytes {}-{}/{size}", span.start, span.end - 1)
    } else {
        reply.status = StatusCode::RANGE_NOT_SATISFIABLE;
        reply.body = Content::Whole(Bytes::new());
        format!("bytes */{size}")
    };
    if let Ok(value) = HeaderValue::from_str(&content_range) {
        headers.insert(header::CONTENT_RANGE, value);
    }
}

fn respond(ask: &Ask<'_>, mut headers: HeaderMap, reply: Reply) -> Response<Body> {
    let (body, length) = match reply.body {
        Content::Whole(bytes) => (Body::from(bytes.clone()), Some(bytes.len() as u64)),
        Content::Stream(body, length, coding) => {
            if let Some(coding) = coding {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
            }
            (body, length)
        }
    };
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let body = if *ask.method == Method::HEAD { Body::empty() } else { body };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = headers;
    response
}
