//! History of an output's ladder over several probes.

use super::{Retention, SAME_START};
use crate::facts::{DashFacts, OutputFacts};
use packager_media::dash;
use packager_media::stream::Rendition;
use packager_media::units::{Seconds, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Kinds of renditions that a manifest lists, with their numbers, and the ids of an MPD's Representations.
#[derive(Debug, Clone, PartialEq)]
pub struct LadderState {
    /// Time of the first probe with this ladder.
    pub first_seen: Timestamp,
    /// Number of renditions of each kind (`video 1920x1080`, `audio en`). Bit rates don't belong to a kind, because
    /// some packagers measure and rewrite them.
    pub rungs: BTreeMap<String, usize>,
    /// Representations of the MPD's Period that plays now. `None` for HLS, and if the Period isn't known.
    pub representations: Option<RepresentationIds>,
}

/// The ids of a Period's Representations, by which players recognise them in the next MPD.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RepresentationIds {
    /// Id and start of the Period.
    pub period: (Option<String>, Seconds),
    /// The ids, at most 64, each cut at 64 characters.
    pub ids: BTreeSet<String>,
}

impl RepresentationIds {
    /// Whether both are the ids of the same Period.
    #[must_use]
    pub fn same_period(&self, other: &Self) -> bool {
        self.period.0 == other.period.0 && (self.period.1 - other.period.1).0.abs() <= SAME_START
    }

    fn of(dash: &DashFacts, now: Timestamp) -> Option<Self> {
        let period = dash::current_period(&dash.mpd, dash.clock_offset().after(now)).filter(|_| dash.mpd.dynamic)?;
        let ids = dash::playable_representations(period).map(|(_, r)| r.id.chars().take(MAX_ID).collect::<String>());
        let ids = ids.filter(|id| !id.is_empty()).take(MAX_IDS).collect();
        Some(Self { period: (period.id.clone(), period.start?), ids })
    }
}

/// Largest number of Representation ids that are compared, and of characters of an id.
const MAX_IDS: usize = 64;
const MAX_ID: usize = 64;

const MAX_LADDERS: usize = 64;

/// Adds the ladder of this probe if it differs from the newest one, and forgets ladders older than the template's
/// `hold`.
pub(super) fn record(ladders: &mut Vec<Arc<LadderState>>, facts: &OutputFacts, now: Timestamp, retention: Retention) {
    if facts.is_readable() && !facts.is_media_playlist() && ladders.last().is_none_or(|last| last.first_seen <= now) {
        let rungs = rungs(facts);
        let representations = facts.dash().and_then(|dash| RepresentationIds::of(dash, now));
        if ladders.last().is_none_or(|last| last.rungs != rungs || last.representations != representations) {
            ladders.push(Arc::new(LadderState { first_seen: now, rungs, representations }));
        }
    }
    let horizon = Seconds(-retention.hold.0).after(now);
    let stale = ladders.iter().skip(1).take_while(|l| l.first_seen < horizon).count();
    ladders.drain(..stale.max(ladders.len().saturating_sub(MAX_LADDERS)));
}

fn rungs(facts: &OutputFacts) -> BTreeMap<String, usize> {
    let mut rungs = BTreeMap::new();
    for facts in &facts.renditions {
        *rungs.entry(kind(&facts.rendition)).or_insert(0) += 1;
    }
    rungs
}

fn kind(rendition: &Rendition) -> String {
    let mut kind = rendition.media.as_str().to_owned();
    if let Some(resolution) = rendition.resolution {
        kind.push_str(&format!(" {resolution}"));
    }
    if let Some(language) = &rendition.language {
        // Tags differ in case only by habit (RFC 5646 2.1.1).
        kind.push_str(&format!(" {}", language.to_ascii_lowercase()));
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_period_that_plays_now_gives_ids() {
        let base = url::Url::parse("http://packager/tv.mpd").unwrap();
        let period = |id: &str, start: u32, representation: &str| {
            format!(
                "<Period id=\"{id}\" start=\"PT{start}S\"><AdaptationSet mimeType=\"video/mp4\"><SegmentTemplate media=\"$Number$\" \
                 duration=\"2\"/><Representation id=\"{representation}\" bandwidth=\"1\" codecs=\"a\"/></AdaptationSet></Period>"
            )
        };
        let of = |kind: &str| {
            let periods = period("a", 0, "v0") + &period("b", 60, &"v".repeat(MAX_ID + 1)) + &period("c", 900, "v2");
            let text = format!("<MPD type=\"{kind}\" availabilityStartTime=\"2026-01-01T00:00:00Z\">{periods}</MPD>");
            let mpd = Arc::new(dash::parse(text.as_bytes(), &base).0.unwrap());
            let now: Timestamp = "2026-01-01T00:02:00Z".parse().unwrap();
            RepresentationIds::of(&DashFacts::new(mpd, now), now)
        };
        let found = of("dynamic").unwrap();
        assert_eq!(found.period, (Some("b".to_owned()), Seconds(60.0)));
        assert_eq!(found.ids, BTreeSet::from(["v".repeat(MAX_ID)]));
        assert_eq!(of("static"), None);
        let at = |id: &str, start: f64| RepresentationIds {
            period: (Some(id.to_owned()), Seconds(start)),
            ..RepresentationIds::default()
        };
        assert!(
            at("b", 61.0).same_period(&found)
                && !at("b", 61.5).same_period(&found)
                && !at("a", 60.0).same_period(&found)
        );
    }
}
