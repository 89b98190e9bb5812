mod announcement;
mod events;
mod tags;

use crate::checks::support::ad_breaks::{NO_MARKER, carry_splices};
use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use crate::history::RenditionHistory;

pub const META: CheckMeta = CheckMeta {
    id: "ad_markers_mismatch",
    severity: Severity::Minor,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("AdMarkersWrong"),
    help: "fails when segments carry a splice that a playlist or MPD with ad markers doesn't announce, EXT-X-CUE-OUT and EXT-X-DATERANGE \
           announce different breaks, or the MPD's Events and the event messages of segments announce different breaks; in DASH also when \
           neither an InbandEventStream nor an EventStream declares the event messages",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.5.1; ANSI/SCTE 35; ANSI/SCTE 214-1 6.7; ISO/IEC 23009-1 5.10; EXT-X-CUE-OUT as \
                packagers write it",
    needs_history: false,
};

params! {
    /// Largest allowed difference in seconds between the durations that two markers announce for one ad break.
    duration_tolerance: f64 = 0.5,
    /// Largest allowed difference in seconds between the starts of one ad break. At least a target duration is always
    /// allowed, because cue tags stand between segments.
    date_tolerance: f64 = 1.0,
    /// Whether a playlist or MPD that never had an ad marker must announce the splices of its segments.
    expected: bool = false,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    match context.output.dash() {
        Some(dash) => events::check(context, dash, params),
        None => select::judge_renditions(context, NO_MARKER, |facts, past| judge_playlist(facts, past, params)),
    }
}

fn judge_playlist(facts: &RenditionFacts, past: &RenditionHistory, params: &Params) -> Option<Vec<Violation>> {
    let timeline = facts.timeline.as_deref()?;
    let segments = select::inspected_segments(facts, past).unwrap_or_default();
    if timeline.markers.is_empty() && !carry_splices(&segments) {
        return None;
    }
    let breaks = timeline.ad_breaks();
    let mut found = Vec::new();
    if params.expected || !timeline.markers.is_empty() || past.ads.last_cue.is_some() {
        found.extend(announcement::unannounced_splices(&segments, &breaks, timeline, "ad marker of the playlist"));
    }
    found.extend(tags::differing_tags(&breaks, timeline, params));
    Some(found)
}
