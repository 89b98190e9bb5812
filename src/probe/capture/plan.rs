//! Selection of the segments that a probe downloads.

use crate::catalog::{Coverage, CoverageMode};
use crate::history::AlreadyInspected;
use packager_media::stream::{Map, RenditionIdentity, Segment, Timeline};

/// Segments and initialization segments of a rendition that a probe downloads.
#[derive(Debug, PartialEq)]
pub(crate) struct DownloadPlan<'a> {
    /// Segments that the probe downloads, oldest first.
    pub(crate) segments: Vec<&'a Segment>,
    /// Number of segments that the template's setting `segments` includes, but that are beyond its largest number for
    /// one probe.
    pub(crate) skipped: u64,
    /// Initialization segments that are needed for the segments to download and for the newest listed segment.
    pub(crate) maps: Vec<&'a Map>,
}

/// Decides which segments of one rendition are downloaded. A segment that an earlier probe inspected isn't downloaded
/// again, and EXT-X-GAP segments don't exist (RFC 8216bis 4.4.4.7). In the mode `every` the first probe takes only the
/// newest segment. If a later probe finds no inspected segment in the list (the whole window passed, or the packager
/// restarted), all listed segments are new.
#[must_use]
pub(crate) fn plan_downloads<'a>(
    timeline: &'a Timeline,
    rendition: &RenditionIdentity,
    known: &AlreadyInspected,
    coverage: Coverage,
) -> DownloadPlan<'a> {
    let count = coverage.count as usize;
    let there = timeline.segments.iter().filter(|s| !s.gap);
    let wanted: Vec<&Segment> = match (coverage.mode, known.last_inspected(rendition, timeline)) {
        (CoverageMode::None, _) => Vec::new(),
        (CoverageMode::Newest, _) => last(there.collect(), count).0,
        (CoverageMode::Every, None) if known.is_new(rendition) => last(there.collect(), 1).0,
        (CoverageMode::Every, None) => there.collect(),
        (CoverageMode::Every, Some(done)) => there.filter(|s| s.number > done).collect(),
    };
    let fresh = wanted.into_iter().filter(|s| known.segment(rendition, s).is_none()).collect();
    let (segments, skipped) = last(fresh, count);
    let mut maps: Vec<&Map> = Vec::new();
    for map in segments.iter().copied().chain(timeline.segments.last()).filter_map(|s| s.map.as_deref()) {
        if !maps.contains(&map) {
            maps.push(map);
        }
    }
    DownloadPlan { segments, skipped, maps }
}

/// Returns the last `count` segments of the list, and the number of the others.
fn last(mut segments: Vec<&Segment>, count: usize) -> (Vec<&Segment>, u64) {
    let excess = segments.len().saturating_sub(count);
    segments.drain(..excess);
    (segments, excess as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::RenditionFacts;
    use crate::history::{History, OutputKey, Retention};
    use crate::testing;
    use packager_media::units::{Seconds, Timestamp};
    use std::sync::Arc;
    use url::Url;

    const KEEP: Retention = Retention { hold: Seconds(60.0), query_identifies: false };

    fn url(path: &str) -> Url {
        Url::parse("http://packager/tv1/").unwrap().join(path).unwrap()
    }

    fn segment(number: u64, map: &str) -> Segment {
        let map = Map { uri: url(map), byte_range: None, key: None };
        Segment { map: Some(map.into()), ..testing::segment(number, url(&format!("{number}.m4s"))) }
    }

    fn timeline(first: u64, last: u64) -> Timeline {
        testing::timeline((first..=last).map(|n| segment(n, "init.mp4")).collect())
    }

    /// Returns the history after the segments `numbers` of `timeline` were inspected.
    fn known(timeline: &Timeline, numbers: &[u64]) -> AlreadyInspected {
        let now = Timestamp::UNIX_EPOCH;
        let inspected = |s: &Segment| Arc::new(testing::segment_facts(s.clone(), now));
        let mut rendition = RenditionFacts::unrequested(super::super::direct_rendition(&url("index.m3u8")));
        rendition.timeline = Some(Arc::new(timeline.clone()));
        rendition.segments = timeline.segments.iter().filter(|s| numbers.contains(&s.number)).map(inspected).collect();
        let facts = testing::output("hls", &url("index.m3u8"), vec![rendition]);
        let (history, key) = (History::new(1), OutputKey { channel: "TV1".to_owned(), output: "hls".to_owned() });
        history.record(&key, &facts, now, KEEP);
        history.already_inspected(&key, KEEP)
    }

    fn planned(timeline: &Timeline, known: &AlreadyInspected, mode: CoverageMode, count: u32) -> (Vec<u64>, u64) {
        let coverage = Coverage { mode, count, ..Coverage::default() };
        let plan = plan_downloads(timeline, &RenditionIdentity::place("media"), known, coverage);
        (plan.segments.iter().map(|s| s.number).collect(), plan.skipped)
    }

    #[test]
    fn newest_takes_the_last_ones_that_were_not_inspected() {
        let timeline = timeline(10, 15);
        assert_eq!(planned(&timeline, &AlreadyInspected::default(), CoverageMode::Newest, 2), (vec![14, 15], 0));
        assert_eq!(planned(&timeline, &known(&timeline, &[15]), CoverageMode::Newest, 2), (vec![14], 0));
        assert_eq!(planned(&timeline, &AlreadyInspected::default(), CoverageMode::None, 2), (vec![], 0));
    }

    #[test]
    fn every_goes_on_from_the_last_inspected_one_within_its_bound() {
        let timeline = timeline(10, 15);
        assert_eq!(planned(&timeline, &AlreadyInspected::default(), CoverageMode::Every, 10), (vec![15], 0));
        assert_eq!(planned(&timeline, &known(&timeline, &[11]), CoverageMode::Every, 10), (vec![12, 13, 14, 15], 0));
        assert_eq!(planned(&timeline, &known(&timeline, &[11]), CoverageMode::Every, 3), (vec![13, 14, 15], 1));
        assert_eq!(planned(&timeline, &known(&timeline, &[15]), CoverageMode::Every, 3), (vec![], 0));
    }

    #[test]
    fn a_gap_is_not_there_to_be_fetched() {
        let mut timeline = timeline(10, 15);
        timeline.segments[5].gap = true;
        assert_eq!(planned(&timeline, &AlreadyInspected::default(), CoverageMode::Newest, 1), (vec![14], 0));
    }

    #[test]
    fn each_initialization_section_is_planned_once_and_the_newest_always() {
        let mut timeline = timeline(10, 15);
        timeline.segments[5] = segment(15, "init2.mp4");
        let maps = |known: &AlreadyInspected, count| {
            let coverage = Coverage { mode: CoverageMode::Newest, count, ..Coverage::default() };
            let plan = plan_downloads(&timeline, &RenditionIdentity::place("media"), known, coverage);
            plan.maps.iter().map(|m| m.uri.path().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(maps(&AlreadyInspected::default(), 3), ["/tv1/init.mp4", "/tv1/init2.mp4"]);
        assert_eq!(maps(&known(&timeline, &[15]), 1), ["/tv1/init2.mp4"]);
        assert!(
            plan_downloads(
                &Timeline { segments: vec![], ..timeline.clone() },
                &RenditionIdentity::place("media"),
                &AlreadyInspected::default(),
                Coverage::default()
            )
            .maps
            .is_empty()
        );
    }
}
