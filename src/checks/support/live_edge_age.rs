//! Judges how long the live edge of a playlist or MPD has not advanced.

use crate::checks::support::select;
use crate::checks::{CheckContext, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::redact;
use packager_media::stream::Timeline;
use packager_media::units::{Seconds, Timestamp};

pub(in crate::checks) struct AgeLimits {
    /// Age above which a live edge that doesn't advance is a major violation, in units of [`AgeUnit`].
    pub major_after: f64,
    pub critical_after: f64,
    /// Seconds that are subtracted from the age of a live edge if the age is known only from the date of its segment.
    pub date_allowance: f64,
}

/// Unit in which the age of a live edge is counted, with its name for messages.
pub(in crate::checks) struct AgeUnit {
    pub length: Seconds,
    pub name: &'static str,
}

/// Time at which the origin made the manifest, as the origin itself states it, and the header or attribute that states
/// it.
pub(in crate::checks) struct PublishedAt {
    pub at: Option<Timestamp>,
    pub source: &'static str,
}

/// Lower bound of the time since when the live edge hasn't advanced, and the name of what it was measured by, such as a
/// date.
struct EdgeAge {
    age: Seconds,
    source: &'static str,
    /// Whether the source of a live edge's age suffices for a critical verdict. A date or a header alone does not suffice, because
    /// it may be wrong.
    certain: bool,
}

/// Returns the violation of a live edge that stands still for too long. `None`: the rendition has no history.
pub(in crate::checks) fn judge(
    context: &CheckContext<'_>,
    (facts, past, timeline): (&RenditionFacts, &RenditionHistory, &Timeline),
    unit: &AgeUnit,
    made: &PublishedAt,
    limits: &AgeLimits,
) -> Option<Vec<Violation>> {
    let mut still = edge_age(context, facts, past, timeline, made, limits)?;
    // Some servers give a playlist that advances the same old Last-Modified each time.
    let seen = past.edge_since.map_or(0.0, |since| Seconds::between(since, context.now).0);
    still.certain &= still.source != LAST_MODIFIED || seen >= unit.length.0;
    Some(violation(facts, timeline, unit, &still, limits).into_iter().collect())
}

/// Source of an age that the exporter itself observed.
const OBSERVED: &str = "observed";
/// Source of an age that only a header states.
const LAST_MODIFIED: &str = "Last-Modified";

fn violation(
    facts: &RenditionFacts,
    timeline: &Timeline,
    unit: &AgeUnit,
    still: &EdgeAge,
    limits: &AgeLimits,
) -> Option<Violation> {
    let (AgeUnit { length, name }, units) = (unit, still.age.0 / unit.length.0);
    if units <= limits.major_after {
        return None;
    }
    // On a first probe nobody has seen the list stand still.
    let by = if still.source == OBSERVED { String::new() } else { format!("by {} there was ", still.source) };
    let message = format!(
        "{by}no new segment for {:.1} s: {units:.1} {name}s of {} s; the newest is {}",
        still.age.0,
        (length.0 * 1000.0).round() / 1000.0,
        timeline.last_number().map_or_else(|| "none".to_owned(), |n| n.to_string()),
    );
    let only_header = still.source == LAST_MODIFIED && !still.certain;
    let doubt = if only_header { "; only this header says so, and the next probe decides" } else { "" };
    let violation = Violation::new(message + doubt)
        .with("url", facts.playlist.as_ref().map(|p| redact::url(&p.url)))
        .with("age_seconds", still.age.0)
        .with(&format!("{}_seconds", name.replace(' ', "_")), length.0)
        .with("last_number", timeline.last_number())
        .with("source", still.source);
    let critical = still.certain && units > limits.critical_after;
    Some(if critical { violation.severity(Severity::Critical) } else { violation })
}

/// Returns the age of the live edge. The exporter's own observation counts. Headers and dates may make the edge older
/// only while it has never been seen to advance.
fn edge_age(
    context: &CheckContext<'_>,
    facts: &RenditionFacts,
    past: &RenditionHistory,
    timeline: &Timeline,
    made: &PublishedAt,
    limits: &AgeLimits,
) -> Option<EdgeAge> {
    let seen = EdgeAge { age: Seconds::between(past.edge_since?, context.now), source: OBSERVED, certain: true };
    if past.observations.len() > 1 {
        return Some(seen);
    }
    let latency = timeline.live_edge().map(|edge| Seconds::between(edge, context.now));
    let source = made.source;
    let claimed = match (manifest_age(context, facts, made), latency) {
        // A live edge near the clock contradicts what a server has set once and for all.
        (Some(age), Some(latency)) if latency.0 < age.0 => EdgeAge { age: latency, source, certain: true },
        (Some(age), _) => EdgeAge { age, source, certain: true },
        (None, Some(latency)) => {
            EdgeAge { age: latency - Seconds(limits.date_allowance), source: "PROGRAM-DATE-TIME", certain: false }
        }
        (None, None) => return Some(seen),
    };
    Some(if claimed.age > seen.age { claimed } else { seen })
}

/// Returns the age of the manifest. The present time is the server's Date header, or the time of the probe if there is
/// none. `None`: the time at which the manifest was made isn't known.
fn manifest_age(context: &CheckContext<'_>, facts: &RenditionFacts, made: &PublishedAt) -> Option<Seconds> {
    let exchange = facts.playlist.as_ref()?.ok()?;
    Some(Seconds::between(made.at?, exchange.date.unwrap_or(context.now)))
}

/// Returns the time in the Last-Modified header of a rendition's playlist.
pub(in crate::checks) fn last_modified(facts: &RenditionFacts) -> PublishedAt {
    let exchange = facts.playlist.as_ref().and_then(|p| p.ok());
    PublishedAt { at: exchange.and_then(|e| e.last_modified), source: LAST_MODIFIED }
}

/// Returns the target duration as the unit of age: EXT-X-TARGETDURATION, or the longest listed segment if the tag is
/// missing. `None`: the playlist is empty and has no such tag.
pub(in crate::checks) fn target_duration_unit(timeline: &Timeline) -> Option<AgeUnit> {
    Some(AgeUnit { length: select::target_duration(timeline)?, name: "target duration" })
}
