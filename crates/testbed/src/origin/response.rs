//! Responses of the origin to requests, faults included.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};

use super::channels::{Format, Ladder};
use super::dialects::{self, Dialect};
use super::encryption::{self, Cipher};
use super::faults::Effect;
use super::fixtures::{self, UNIT_MS};
use super::low_latency::Directives;
use super::route::{Mode, Resource, Route};
use super::state::{OriginState, STALE_AFTER_MS};
use super::timeline::{EPOCH_MS, Rendition, TARGET, Timeline};
use super::visits::{self, Session, Visit};
use super::{
    audio_only, body, cenc, dash, i_frames, low_latency, mp4, mp4_subtitles, mpd_updates, nothing_to_play,
    packager_headers, playlist, sample_aes, segment_base, side_boxes, steering, ts, webvtt,
};

pub(super) const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";
const PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n";

/// A request for a resource of one of the origin's channels, with the state of the origin.
pub(super) struct RequestContext<'a> {
    pub state: &'a OriginState,
    pub route: &'a Route,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
    /// Whether the connection is to be reset at the end of the response body.
    pub reset: Arc<AtomicBool>,
}

/// A response of the origin before the headers that all responses have are added.
struct Reply {
    status: StatusCode,
    kind: &'static str,
    body: Content,
    modified_ms: Option<i64>,
}

enum Content {
    Whole(Bytes),
    /// A response body that misbehaves, with the length that it announces and its content coding.
    Stream(Body, Option<u64>, Option<&'static str>),
}

pub(super) async fn answer(request: &RequestContext<'_>) -> Response<Body> {
    let now_ms = request.route.at_ms.unwrap_or_else(|| request.state.clock.now_ms());
    let (effect, since_ms) = request.state.effect_of(request.route);
    let listed_ms = match effect {
        Some(Effect::Stale) => now_ms.min(since_ms),
        Some(Effect::LiveEdgeBehind(seconds)) => now_ms - 1000 * seconds,
        // From the start of the origin on.
        Some(Effect::EdgeSlow) => now_ms - (now_ms - since_ms + STALE_AFTER_MS).max(0) / 5,
        _ => now_ms,
    };
    let mut timeline = Timeline::new(request.route.channel, request.route.number, effect);
    timeline.requested_ms = now_ms;
    let session = session_of(request, &timeline, now_ms, listed_ms);
    let listed_ms = match session {
        Some(session) if session.is_frozen(effect) => listed_ms.min(since_ms),
        Some(session) => listed_ms - session.late_ms(),
        None => listed_ms,
    };
    match (request.route.visit, &request.route.resource) {
        // An MPD numbers segments from the beginning of its Period.
        (_, Resource::Mpd(..)) => {}
        (Visit::Session(session), _) => timeline.base = session.base(),
        _ => {}
    }
    if matches!(request.route.mode, Mode::Folder) {
        timeline.stem = format!("{}_", request.route.name);
    }
    if let Mode::Dialect(style) = request.route.mode {
        style.timeline(&mut timeline, listed_ms);
    }
    let mut reply = match refusal(request, &timeline, now_ms) {
        Some(refusal) => refusal,
        None => reply(request, &timeline, listed_ms).await,
    };
    apply_dialect(request, &mut reply);
    apply_session(request, session, &mut reply);
    if let Some(modified) = &mut reply.modified_ms {
        *modified += match effect {
            Some(Effect::LiveEdgeBehind(seconds)) => 1000 * seconds,
            _ => session.map_or(0, Session::late_ms),
        };
    }
    let mut response = finish(request, effect, now_ms, reply);
    let more = match (request.route.visit, session) {
        (Visit::Redirects, Some(session)) => Some((header::LOCATION, format!("{}/master.m3u8", session.folder()))),
        (Visit::SetsCookie, _) => Some((header::SET_COOKIE, visits::set_cookie(request.path, effect, now_ms))),
        _ => None,
    };
    if let Some((name, Ok(value))) = more.map(|(name, text)| (name, HeaderValue::from_str(&text))) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Returns the playback session that the request begins or is part of; `None` without one.
fn session_of(request: &RequestContext<'_>, timeline: &Timeline, now_ms: i64, listed_ms: i64) -> Option<Session> {
    match request.route.visit {
        Visit::Opens | Visit::Redirects => {
            Some(Session::begin(timeline, now_ms, listed_ms, request.state.next_request_number("session")))
        }
        Visit::Session(session) => Some(session),
        Visit::Plain | Visit::SetsCookie | Visit::Guarded => None,
    }
}

/// Returns the reply to a request that is redirected or not admitted; `None` for other requests.
fn refusal(request: &RequestContext<'_>, timeline: &Timeline, now_ms: i64) -> Option<Reply> {
    match request.route.visit {
        Visit::Redirects => Some(plain_text(StatusCode::FOUND, "in a session\n")),
        Visit::Guarded if !visits::is_admitted(request.headers, now_ms) => {
            Some(plain_text(StatusCode::FORBIDDEN, "no cookie, no stream\n"))
        }
        Visit::Session(session) if request.route.resource.is_playlist() && session.is_over(timeline, now_ms) => {
            Some(not_found())
        }
        _ => None,
    }
}

/// Rewrites the URIs of a manifest that begins a playback session, so that they name the session's folder. In a
/// manifest with access by cookie they name the folder that is refused without the cookie.
fn apply_session(request: &RequestContext<'_>, session: Option<Session>, reply: &mut Reply) {
    if !matches!(request.route.visit, Visit::Opens | Visit::SetsCookie) {
        return;
    }
    let (Content::Whole(bytes), true) = (&reply.body, reply.status.is_success()) else { return };
    let text = String::from_utf8_lossy(bytes);
    let text = match (request.route.visit, session, &request.route.resource) {
        (Visit::Opens, Some(session), Resource::Master) => visits::in_folder(&text, &session.folder()),
        (Visit::Opens, Some(session), _) => {
            let location = format!("<Location>{}/time.mpd</Location>\n<Period", session.folder());
            text.replacen("<Period", &location, 1)
        }
        (Visit::SetsCookie, ..) => visits::guarded(&text),
        _ => return,
    };
    reply.body = Content::Whole(text.into());
}

async fn reply(request: &RequestContext<'_>, timeline: &Timeline, now_ms: i64) -> Reply {
    if timeline.effect == Some(Effect::Silent) {
        std::future::pending::<()>().await;
    }
    if timeline.effect == Some(Effect::EveryThirdPlaylistFails)
        && request.route.resource.is_playlist()
        && request.state.next_request_number("flaky") % 3 == 2
    {
        return plain_text(StatusCode::SERVICE_UNAVAILABLE, "busy\n");
    }
    let is_busy = match (timeline.effect, &request.route.resource) {
        (Some(Effect::ManifestBusyOnce), Resource::Master | Resource::Mpd(..))
        | (Some(Effect::PlaylistBusyOnce), Resource::Playlist(_)) => {
            request.state.next_request_number(request.path).is_multiple_of(5)
        }
        (Some(Effect::SegmentBusyOnce), Resource::Segment(_, name)) => {
            name.ends_with('0') && request.state.next_request_number(request.path) == 0
        }
        _ => false,
    };
    if is_busy {
        return plain_text(StatusCode::SERVICE_UNAVAILABLE, "busy\n");
    }
    if matches!(request.route.mode, Mode::Dialect(Dialect::Standard))
        && matches!(request.route.resource, Resource::Init(_) | Resource::Segment(..))
        && request.query != Some(dialects::PARAMETERS)
    {
        return not_found();
    }
    let is_slow = match timeline.effect {
        Some(Effect::PlaylistSlow) => matches!(request.route.resource, Resource::Playlist(_)),
        Some(Effect::KeySlow) => matches!(request.route.resource, Resource::Key(_)),
        _ => false,
    };
    if is_slow {
        tokio::time::sleep(Duration::from_millis(2_200)).await;
    }
    match &request.route.resource {
        Resource::Master => master(request, timeline, now_ms).await,
        Resource::Patch => patch(request, timeline, now_ms),
        Resource::Steering => match steering::answer(steering_fault(timeline.effect)) {
            Some(text) => ok("application/json", text.into(), None),
            None => plain_text(StatusCode::SERVICE_UNAVAILABLE, "busy\n"),
        },
        Resource::Mpd(..)
            if request.query == Some(mpd_updates::LOCATION_QUERY)
                && mpd_updates::location_is_missing(timeline.effect) =>
        {
            not_found()
        }
        Resource::Mpd(variant, file) => {
            // A request for the clock is not a player's.
            let request_number =
                if request.query == Some("clock") { 0 } else { request.state.next_request_number(request.path) };
            let reply = mpd(timeline, *variant, file, now_ms, request_number);
            if request.query == Some(mpd_updates::LOCATION_QUERY) {
                location_reply(timeline.effect, reply)
            } else {
                reply
            }
        }
        Resource::Playlist(rendition) => media_playlist(request, timeline, now_ms, *rendition).await,
        Resource::IFrames(rendition) => i_frame_playlist(request, timeline, now_ms, *rendition),
        Resource::Init(rendition) => init(timeline, now_ms, *rendition),
        Resource::IndexedFile(rendition, from) => indexed_file(timeline, *rendition, *from),
        Resource::Key(number) => key(timeline.effect, *number),
        Resource::Segment(rendition, name) => segment(request, timeline, now_ms, *rendition, name).await,
        Resource::Part(rendition, number, at) => part(request, timeline, now_ms, *rendition, (*number, *at)).await,
    }
}

async fn master(request: &RequestContext<'_>, timeline: &Timeline, now_ms: i64) -> Reply {
    let stream = |body, length, coding| Reply {
        status: StatusCode::OK,
        kind: PLAYLIST_TYPE,
        body: Content::Stream(body, length, coding),
        modified_ms: None,
    };
    match timeline.effect {
        Some(Effect::MasterStatus(status)) => {
            plain_text(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "no playlist here\n")
        }
        Some(Effect::ManifestHtml) => ok("text/html", Bytes::from_static(PAGE.as_bytes()), None),
        Some(Effect::ManifestEmpty) => ok(PLAYLIST_TYPE, Bytes::new(), None),
        Some(Effect::ManifestHuge) => stream(body::comments(Some(body::HUGE)), Some(body::HUGE), None),
        Some(Effect::ManifestEndless) => stream(body::comments(None), None, None),
        Some(Effect::GzipBomb) => stream(body::gzip_bomb().await, None, Some("gzip")),
        Some(Effect::Lines10M) => stream(body::lines(10_000_000), None, None),
        Some(Effect::RedirectLoop) => plain_text(StatusCode::FOUND, "round and round\n"),
        _ => {
            let text = playlist::multivariant(timeline, now_ms, &suffix(request));
            let text = nothing_to_play::multivariant(timeline.effect, text);
            let fault = steering_fault(timeline.effect);
            let text = if fault.is_some() { steering::multivariant(&text, fault) } else { text };
            ok(PLAYLIST_TYPE, text.into(), Some(EPOCH_MS))
        }
    }
}

fn steering_fault(effect: Option<Effect>) -> Option<steering::SteeringFault> {
    match effect {
        Some(Effect::Steering(fault)) => Some(fault),
        _ => None,
    }
}

/// Rewrites a playlist in the packager's style that the request's path names, such as `dialect/loose`.
fn apply_dialect(request: &RequestContext<'_>, reply: &mut Reply) {
    let (Mode::Dialect(style), Content::Whole(bytes)) = (request.route.mode, &reply.body) else { return };
    if !request.route.resource.is_playlist() || !reply.status.is_success() {
        return;
    }
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let folder = request.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let text = String::from_utf8_lossy(bytes);
    let text = style.rewrite(&text, &format!("http://{host}{folder}/"), request.state.next_request_number("token"));
    reply.body = Content::Whole(text.into());
}

fn mpd(timeline: &Timeline, variant: dash::MpdVariant, file: &str, now_ms: i64, request_number: u64) -> Reply {
    match timeline.effect {
        Some(Effect::MasterStatus(status)) => {
            plain_text(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "no MPD here\n")
        }
        Some(Effect::ManifestHtml) => ok("text/html", Bytes::from_static(PAGE.as_bytes()), None),
        _ => {
            let (text, published_ms) = dash::mpd(timeline, variant, file, now_ms, request_number);
            let text = nothing_to_play::mpd(timeline.effect, text);
            let text = if steering_fault(timeline.effect).is_some() { steering::mpd(&text) } else { text };
            ok("application/dash+xml", text.into(), Some(published_ms))
        }
    }
}

/// Returns the response at the URL in Location, which is another presentation under a fault.
fn location_reply(effect: Option<Effect>, mut reply: Reply) -> Reply {
    if let (Some(Effect::LocationOther), Content::Whole(bytes)) = (effect, &reply.body) {
        let id = format!("id=\"{}\"", mpd_updates::ID);
        reply.body = Content::Whole(String::from_utf8_lossy(bytes).replace(&id, "id=\"another\"").into());
    }
    reply
}

fn patch(request: &RequestContext<'_>, timeline: &Timeline, now_ms: i64) -> Reply {
    let from = request.query.and_then(|query| query.strip_prefix("from=")?.parse().ok());
    match from.map(|from| mpd_updates::patch(timeline, from, now_ms)) {
        Some(mpd_updates::PatchAnswer::Patch(text, published_ms)) => {
            ok("application/dash-patch+xml", text.into(), Some(published_ms))
        }
        Some(mpd_updates::PatchAnswer::TooEarly) => plain_text(StatusCode::TOO_EARLY, "no update yet\n"),
        Some(mpd_updates::PatchAnswer::Gone) => plain_text(StatusCode::GONE, "too old\n"),
        Some(mpd_updates::PatchAnswer::Missing) | None => not_found(),
    }
}

/// Returns the text that is appended to every URI of a playlist.
fn suffix(request: &RequestContext<'_>) -> String {
    match request.route.mode {
        Mode::Token => format!("?token={}", request.state.next_request_number("token")),
        _ => String::new(),
    }
}

async fn media_playlist(request: &RequestContext<'_>, timeline: &Timeline, now_ms: i64, rendition: Rendition) -> Reply {
    let missing = match timeline.effect {
        Some(Effect::RenditionMissing) => rendition == TARGET,
        Some(Effect::AllRenditionsMissing) => true,
        _ => false,
    };
    if missing {
        return not_found();
    }
    let mut now_ms = now_ms;
    let mut asked = if timeline.parts { low_latency::directives(request.query) } else { Directives::default() };
    if asked.msn.is_some() && timeline.effect == Some(Effect::ReloadFails) {
        return plain_text(StatusCode::SERVICE_UNAVAILABLE, "busy\n");
    }
    asked.skip &= timeline.effect != Some(Effect::DeltaWhole);
    match low_latency::blocking_reload(request, timeline, now_ms, asked).await {
        Some(at_ms) => now_ms = at_ms,
        None => return plain_text(StatusCode::BAD_REQUEST, "that is too far ahead\n"),
    }
    let mut listing = timeline.listing(now_ms, rendition, request.state.next_request_number(request.path));
    asked.skip |= timeline.effect == Some(Effect::DeltaUnrequested);
    if let Some(live) = listing.live.as_mut().filter(|_| asked.skip) {
        live.skipped = low_latency::skippable(listing.segments.len());
    }
    let text = playlist::media(timeline, &listing, &suffix(request));
    ok(PLAYLIST_TYPE, text.into(), Some(listing.published_ms))
}

fn i_frame_playlist(request: &RequestContext<'_>, timeline: &Timeline, now_ms: i64, rendition: Rendition) -> Reply {
    if timeline.effect == Some(Effect::IFramesMissing) {
        return not_found();
    }
    let listing = timeline.listing(i_frames::listing_time_ms(timeline.effect, now_ms), rendition, 0);
    let text = i_frames::media_playlist(timeline, &listing, &suffix(request));
    ok(PLAYLIST_TYPE, text.into(), Some(listing.published_ms))
}

/// Returns the rendition that is served: video instead of the announced audio under the fault that leaves audio out.
fn served_rendition(timeline: &Timeline, rendition: Rendition) -> Rendition {
    let missing = timeline.effect == Some(Effect::AudioTrackMissing) && timeline.format == Format::Cmaf;
    if missing && rendition == Rendition::Audio { Rendition::Rung(0) } else { rendition }
}

fn init(timeline: &Timeline, now_ms: i64, rendition: Rendition) -> Reply {
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
fn indexed_file(timeline: &Timeline, rendition: Rendition, from: i64) -> Reply {
    if timeline.effect == Some(Effect::IndexMissing) && rendition == TARGET {
        return not_found();
    }
    ok(media_type(rendition), segment_base::file(timeline, rendition, from).into(), Some(EPOCH_MS))
}

fn key(effect: Option<Effect>, number: i64) -> Reply {
    let key = Bytes::copy_from_slice(&encryption::key(number));
    match effect {
        Some(Effect::KeyMissing) => not_found(),
        Some(Effect::KeyShort) => ok("application/octet-stream", key.slice(..15), None),
        _ => ok("application/octet-stream", key, None),
    }
}

async fn segment(
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

async fn part(
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

/// Allows the page in the request's header Origin to read the response, if there is one: many servers send CORS headers only to
/// requests that browsers make for a page of another origin.
fn allow_page(headers: &mut HeaderMap, page: Option<&HeaderValue>, effect: Option<Effect>) {
    let Some(page) = page else { return };
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    match effect {
        Some(Effect::CorsMissing) => {}
        Some(Effect::CorsOtherPage) => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://other.example"));
        }
        Some(Effect::CorsTwice) => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page.clone());
            headers.append(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        _ => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page.clone());
        }
    }
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

fn ok(kind: &'static str, content: Bytes, modified_ms: Option<i64>) -> Reply {
    Reply { status: StatusCode::OK, kind, body: Content::Whole(content), modified_ms }
}

fn plain_text(status: StatusCode, text: &'static str) -> Reply {
    Reply { status, kind: "text/plain", body: Content::Whole(Bytes::from_static(text.as_bytes())), modified_ms: None }
}

fn not_found() -> Reply {
    plain_text(StatusCode::NOT_FOUND, "not found\n")
}

/// Completes a reply: adds the headers, cuts out a range, and leaves the body out for HEAD.
fn finish(request: &RequestContext<'_>, effect: Option<Effect>, now_ms: i64, mut reply: Reply) -> Response<Body> {
    let mut headers = HeaderMap::new();
    let is_playlist = request.route.resource.is_playlist();
    if reply.status.is_success() {
        let kind = if effect == Some(Effect::ContentType) { "text/plain" } else { reply.kind };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control(effect, is_playlist)));
    } else {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if reply.status == StatusCode::FOUND
        && let Ok(location) =
            HeaderValue::from_str(&format!("{}?r={}", request.path, request.state.next_request_number("redirect")))
    {
        headers.insert(header::LOCATION, location);
    }
    allow_page(&mut headers, request.headers.get(header::ORIGIN), effect);
    // As behind a CDN that keeps media only.
    let cache = if is_playlist { "edge; fwd=bypass" } else { "edge; hit" };
    headers.insert(HeaderName::from_static("cache-status"), HeaderValue::from_static(cache));
    packager_headers::headers(&mut headers, request.route, effect, now_ms, reply.modified_ms);
    let late_ms = if request.query == Some("clock=late") { 30_000 } else { 0 };
    put_date(&mut headers, header::DATE, now_ms - late_ms);
    if let Some(modified) = reply.modified_ms {
        put_date(&mut headers, header::LAST_MODIFIED, modified.min(now_ms));
    }
    if !is_playlist && reply.status == StatusCode::OK {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        range(request, effect, &mut headers, &mut reply);
    }
    respond(request, headers, reply)
}

fn cache_control(effect: Option<Effect>, is_playlist: bool) -> &'static str {
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

/// Byte offset from which on a requested range is taken for a range of media, which a fault may answer wrongly. Indexes
/// and initialization segments are before it.
const MEDIA_OFFSET: usize = 2048;

/// Cuts the requested range out of a body (RFC 9110 14.2). Other ranges are ignored or answered with 416.
fn range(request: &RequestContext<'_>, effect: Option<Effect>, headers: &mut HeaderMap, reply: &mut Reply) {
    let Content::Whole(bytes) = &reply.body else {
        return;
    };
    let size = bytes.len();
    let asked = request.headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((from, to)) = asked.and_then(|value| value.strip_prefix("bytes=")).and_then(|span| span.split_once('-'))
    else {
        return;
    };
    if matches!(request.route.mode, Mode::Dialect(Dialect::Unranged)) {
        (reply.status, reply.body) = (StatusCode::RANGE_NOT_SATISFIABLE, Content::Whole(Bytes::new()));
        return;
    }
    let span = match (from.parse::<usize>(), to.parse::<usize>()) {
        (Ok(from), Ok(to)) if from <= to => from..to.saturating_add(1).min(size),
        (Ok(from), Err(_)) if to.is_empty() => from..size,
        (Err(_), Ok(last)) if from.is_empty() => size.saturating_sub(last)..size,
        _ => return,
    };
    // Indexes and initialization segments come before the media.
    let span = match effect.filter(|_| span.start >= MEDIA_OFFSET && span.len() > 1) {
        Some(Effect::RangeIgnored) => return,
        Some(Effect::RangeShort) => span.start..span.start + span.len() / 2,
        Some(Effect::RangeShifted) => span.start - 188..span.end - 188,
        _ => span,
    };
    let content_range = if span.start < span.end {
        reply.status = StatusCode::PARTIAL_CONTENT;
        if effect != Some(Effect::RangeWhole) || span.start < MEDIA_OFFSET {
            reply.body = Content::Whole(bytes.slice(span.clone()));
        }
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

fn respond(request: &RequestContext<'_>, mut headers: HeaderMap, reply: Reply) -> Response<Body> {
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
    let body = if *request.method == Method::HEAD { Body::empty() } else { body };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = headers;
    response
}
