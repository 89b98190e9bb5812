//! Replies with manifests, playlists and MPD patches.

use super::{Content, PAGE, PLAYLIST_TYPE, Reply, RequestContext, not_found, ok, plain_text};
use crate::origin::faults::Effect;
use crate::origin::low_latency::Directives;
use crate::origin::route::Mode;
use crate::origin::timeline::{EPOCH_MS, Rendition, TARGET, Timeline};
use crate::origin::{body, dash, i_frames, low_latency, mpd_updates, nothing_to_play, playlist, steering};
use bytes::Bytes;
use http::{StatusCode, header};

pub(super) async fn master(request: &RequestContext<'_>, timeline: &Timeline, now_ms: i64) -> Reply {
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

pub(super) fn steering_fault(effect: Option<Effect>) -> Option<steering::SteeringFault> {
    match effect {
        Some(Effect::Steering(fault)) => Some(fault),
        _ => None,
    }
}

/// Rewrites a playlist in the packager's style that the request's path names, such as `dialect/loose`.
pub(super) fn apply_dialect(request: &RequestContext<'_>, reply: &mut Reply) {
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

pub(super) fn mpd(
    timeline: &Timeline,
    variant: dash::MpdVariant,
    file: &str,
    now_ms: i64,
    request_number: u64,
) -> Reply {
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
pub(super) fn location_reply(effect: Option<Effect>, mut reply: Reply) -> Reply {
    if let (Some(Effect::LocationOther), Content::Whole(bytes)) = (effect, &reply.body) {
        let id = format!("id=\"{}\"", mpd_updates::ID);
        reply.body = Content::Whole(String::from_utf8_lossy(bytes).replace(&id, "id=\"another\"").into());
    }
    reply
}

pub(super) fn patch(request: &RequestContext<'_>, timeline: &Timeline, now_ms: i64) -> Reply {
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

pub(super) async fn media_playlist(
    request: &RequestContext<'_>,
    timeline: &Timeline,
    now_ms: i64,
    rendition: Rendition,
) -> Reply {
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

pub(super) fn i_frame_playlist(
    request: &RequestContext<'_>,
    timeline: &Timeline,
    now_ms: i64,
    rendition: Rendition,
) -> Reply {
    if timeline.effect == Some(Effect::IFramesMissing) {
        return not_found();
    }
    let listing = timeline.listing(i_frames::listing_time_ms(timeline.effect, now_ms), rendition, 0);
    let text = i_frames::media_playlist(timeline, &listing, &suffix(request));
    ok(PLAYLIST_TYPE, text.into(), Some(listing.published_ms))
}
