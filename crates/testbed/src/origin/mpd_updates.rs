//! MPD updates of the origin: Location, PatchLocation and patches (ISO/IEC 23009-1 5.15), and an EventStream.

use std::fmt::Write;

use super::dash::ticks;
use super::faults::Effect;
use super::playlist::date;
use super::timeline::{Rendition, Segment, Timeline};

pub(super) const MPD: &str = "updates.mpd";
pub(super) const PATCH: &str = "updates.mpp";
pub(super) const ID: &str = "cm";
/// Query of the URL in the Location element.
pub(super) const LOCATION_QUERY: &str = "session=1";
const TTL_MS: i64 = 60_000;

pub(super) enum PatchAnswer {
    /// The text of the MPD patch, and the publish time of the patched MPD in milliseconds of Unix time.
    Patch(String, i64),
    TooEarly,
    Gone,
    Missing,
}

pub(super) fn location_is_missing(effect: Option<Effect>) -> bool {
    effect == Some(Effect::LocationMissing)
}

pub(super) fn locations(published_ms: i64) -> String {
    let location = format!("<Location>{MPD}?{LOCATION_QUERY}</Location>\n");
    location + &patch_location(published_ms) + "\n"
}

fn patch_location(published_ms: i64) -> String {
    format!("<PatchLocation ttl=\"{}\">{PATCH}?from={published_ms}</PatchLocation>", TTL_MS / 1000)
}

/// Returns the ServiceDescription element of the live MPD `updates.mpd` as XML text; `None` for every other file.
pub(super) fn service_description(file: &str, effect: Option<Effect>) -> Option<String> {
    let target = if effect == Some(Effect::MpdLatency) { 60_000 } else { 8000 };
    let text = format!(
        "<ServiceDescription id=\"0\"><Latency target=\"{target}\" min=\"2000\" max=\"{}\"/></ServiceDescription>\n",
        target + 8000
    );
    (file == MPD).then_some(text)
}

pub(super) fn event_stream(effect: Option<Effect>) -> String {
    let timescale = if effect == Some(Effect::MpdEventTimescaleZero) { 0 } else { 1000 };
    let second = if effect == Some(Effect::MpdEventsOutOfOrder) { 500 } else { 2500 };
    format!(
        "<EventStream schemeIdUri=\"urn:example:news\" timescale=\"{timescale}\"><Event id=\"1\" presentationTime=\"1000\"/>\
         <Event id=\"2\" presentationTime=\"{second}\" duration=\"500\"/></EventStream>\n"
    )
}

/// Makes the patch from the MPD that was published at `from_ms` to the MPD at `now_ms`, both in milliseconds of Unix
/// time.
pub(super) fn patch(timeline: &Timeline, from_ms: i64, now_ms: i64) -> PatchAnswer {
    let listing = |at_ms: i64, rendition| timeline.listing(at_ms, rendition, 0);
    let published_ms = listing(now_ms, Rendition::Rung(0)).published_ms;
    match () {
        () if timeline.effect == Some(Effect::PatchMissing) => return PatchAnswer::Missing,
        () if from_ms >= published_ms => return PatchAnswer::TooEarly,
        () if now_ms - from_ms > TTL_MS => return PatchAnswer::Gone,
        () => {}
    }
    let original_ms = from_ms - if timeline.effect == Some(Effect::PatchOriginal) { 10_000 } else { 0 };
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Patch xmlns=\"urn:mpeg:dash:schema:mpd-patch:2020\" mpdId=\"{ID}\" \
         originalPublishTime=\"{}\" publishTime=\"{}\">\n<replace sel=\"/MPD/@publishTime\">{}</replace>\n",
        date(original_ms),
        date(published_ms),
        date(published_ms)
    );
    let _ = writeln!(text, "<replace sel=\"/MPD/PatchLocation[1]\">{}</replace>", patch_location(published_ms));
    let period = if timeline.effect == Some(Effect::PatchSelector) { "p9" } else { "p0" };
    let rungs = timeline.ladder.rungs().iter().enumerate().map(|(at, rung)| (Rendition::Rung(at), "1", rung.name));
    for (rendition, set, name) in rungs.chain([(Rendition::Audio, "2", "audio")]) {
        let template = format!(
            "/MPD/Period[@id='{period}']/AdaptationSet[@id='{set}']/Representation[@id='{name}']/SegmentTemplate"
        );
        let (before, after) = (listing(from_ms, rendition).segments, listing(now_ms, rendition).segments);
        patch_segment_timeline(&mut text, timeline, &template, rendition, (&before, &after));
    }
    text.push_str("</Patch>\n");
    PatchAnswer::Patch(text, published_ms)
}

/// Writes the patch operations for one SegmentTimeline, from the segments listed before to those listed after.
fn patch_segment_timeline(
    text: &mut String,
    timeline: &Timeline,
    template: &str,
    rendition: Rendition,
    (before, after): (&[Segment], &[Segment]),
) {
    let listed = |all: &[Segment], one: &Segment| all.iter().any(|s| s.index == one.index);
    let number = after.first().map_or(0, |s| s.index + timeline.base);
    let _ = writeln!(text, "<replace sel=\"{template}/@startNumber\">{number}</replace>");
    for _ in before.iter().filter(|s| !listed(after, s)) {
        let _ = writeln!(text, "<remove sel=\"{template}/SegmentTimeline/S[1]\"/>");
    }
    let new: Vec<&Segment> = after.iter().filter(|s| !listed(before, s)).collect();
    if new.is_empty() {
        return;
    }
    let _ = write!(text, "<add sel=\"{template}/SegmentTimeline\">");
    for segment in new {
        let (start, end) = (ticks(rendition, segment.media_unit), ticks(rendition, segment.media_unit + segment.units));
        let _ = write!(text, "<S t=\"{start}\" d=\"{}\"/>", end - start);
    }
    text.push_str("</add>\n");
}
