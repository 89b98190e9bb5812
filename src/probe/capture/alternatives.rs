//! Alternative base URLs of an MPD: whether players find the segments there when the first one fails.

use super::Capturer;
use super::media::is_absent;
use crate::facts::{DeadAlternative, RenditionFacts};
use packager_media::stream::{Segment, Timeline};
use url::Url;

/// Position of the segment that alternatives are asked for, from the newest one. The newest segments may not have reached every
/// server, and a CDN may keep its answer that one isn't there.
const SETTLED: usize = 2;

impl Capturer<'_> {
    /// Asks each alternative base URL of a rendition for the first byte of a recent segment. Returns the alternatives that
    /// don't have it.
    pub(super) async fn ask_alternatives(&self, facts: &RenditionFacts, timeline: &Timeline) -> Vec<DeadAlternative> {
        let mut dead = Vec::new();
        let wanted = self.template.checks.segment_unavailable.enabled;
        let Some(segment) = settled_segment(timeline).filter(|_| wanted) else { return dead };
        for url in alternatives(facts, &segment.uri) {
            let Some(fetched) = self.fetch_first_byte(segment, &url).await else { break };
            if is_absent(&fetched) {
                dead.push(DeadAlternative { number: segment.number, fetched });
            }
        }
        dead
    }
}

/// Returns the third newest segment of the list, or the oldest of fewer. Gaps don't count.
fn settled_segment(timeline: &Timeline) -> Option<&Segment> {
    timeline.segments.iter().rev().filter(|s| !s.gap).take(SETTLED + 1).last()
}

/// Returns the alternative addresses of a resource.
pub(super) fn alternatives(facts: &RenditionFacts, url: &Url) -> Vec<Url> {
    facts.base_urls.iter().map(|bases| bases.alternatives(url)).find(|urls| !urls.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_segment_that_has_reached_every_server_is_asked_for() {
        let number = |count: u64, gap: Option<usize>| {
            let segments = (1..=count).map(|n| testing::segment(n, testing::url("http://a/1.m4s"))).collect();
            let mut timeline = testing::timeline(segments);
            if let Some(segment) = gap.and_then(|at| timeline.segments.get_mut(at)) {
                segment.gap = true;
            }
            settled_segment(&timeline).map(|s| s.number)
        };
        assert_eq!([number(5, None), number(2, None), number(0, None)], [Some(3), Some(1), None]);
        assert_eq!(number(5, Some(4)), Some(2), "a gap is not there by design");
    }
}
