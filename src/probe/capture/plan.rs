//! Selection of the segments that a probe downloads.

use super::heads::HEAD_BYTES;
use crate::catalog::{Coverage, CoverageMode};
use crate::history::AlreadyInspected;
use packager_media::stream::{Map, RenditionIdentity, Segment, Timeline};
use packager_media::units::{BitsPerSecond, Seconds};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Share of the segments that is downloaded as a whole in the mode `heads`, if no budget says otherwise.
const WHOLE_SHARE: f64 = 0.125;

/// Budget of one rendition in the mode `heads`: the share of its bytes that a probe may download.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HeadsBudget {
    /// Share of the bytes of all renditions that the budget allows. `None`: there is no budget, or no declared bit rate.
    pub(crate) share: Option<f64>,
    /// Bit rate of the rendition that the manifest declares.
    pub(crate) bandwidth: Option<BitsPerSecond>,
}

impl HeadsBudget {
    /// Returns the share of segments like this one that is downloaded as a whole, from 0 to 1. The heads of the others come out of
    /// the budget first.
    fn whole_share(self, segment: &Segment) -> f64 {
        let (Some(share), Some(bandwidth)) = (self.share, self.bandwidth) else { return WHOLE_SHARE };
        let bits = bandwidth.0 as f64 * segment.duration.0;
        let head = HEAD_BYTES as f64 * 8.0 / bits;
        if head < 1.0 { ((share - head) / (1.0 - head)).clamp(0.0, 1.0) } else { 1.0 }
    }
}

/// Segments and initialization segments of a rendition that a probe downloads.
#[derive(Debug, PartialEq)]
pub(crate) struct DownloadPlan<'a> {
    /// Segments that the probe downloads as a whole, oldest first.
    pub(crate) segments: Vec<&'a Segment>,
    /// Segments of which the probe downloads the first bytes only, oldest first.
    pub(crate) heads: Vec<&'a Segment>,
    /// Duration of all segments that were listed since the last inspected one, by the playlist or MPD.
    pub(crate) listed: Seconds,
    /// Number of segments that the template's setting `segments` includes, but that are beyond its largest number for
    /// one probe.
    pub(crate) skipped: u64,
    /// Initialization segments that are needed for the segments to download and for the newest listed segment.
    pub(crate) maps: Vec<&'a Map>,
}

impl<'a> DownloadPlan<'a> {
    /// Returns all segments of which the probe downloads something.
    pub(crate) fn downloaded(&self) -> Vec<&'a Segment> {
        self.segments.iter().chain(&self.heads).copied().collect()
    }
}

/// Decides which segments of one rendition are downloaded. A segment that an earlier probe inspected isn't downloaded
/// again, and EXT-X-GAP segments don't exist (RFC 8216bis 4.4.4.7). In the modes `every` and `heads` the first probe takes only
/// the newest segment, as a whole. If a later probe finds no inspected segment in the list (the whole window passed, or the
/// packager restarted), all listed segments are new.
#[must_use]
pub(crate) fn plan_downloads<'a>(
    timeline: &'a Timeline,
    rendition: &RenditionIdentity,
    known: &AlreadyInspected,
    coverage: Coverage,
    budget: HeadsBudget,
) -> DownloadPlan<'a> {
    let count = coverage.count as usize;
    let there = || timeline.segments.iter().filter(|s| !s.gap);
    let (is_new, last_inspected) = (known.is_new(rendition), known.last_inspected(rendition, timeline));
    let new: Vec<&Segment> = match last_inspected {
        Some(done) => there().filter(|s| s.number > done).collect(),
        None if is_new => last(there().collect(), 1).0,
        None => there().collect(),
    };
    let listed = Seconds(new.iter().map(|s| s.duration.0).sum());
    let wanted = match coverage.mode {
        CoverageMode::None => Vec::new(),
        CoverageMode::Newest => last(there().collect(), count).0,
        CoverageMode::Every | CoverageMode::Heads => new,
    };
    let fresh = wanted.into_iter().filter(|s| !known.has(rendition, s)).collect();
    let (planned, skipped) = last(fresh, count);
    let is_first = is_new && last_inspected.is_none();
    let takes_whole = |s: &&Segment| coverage.mode != CoverageMode::Heads || is_first || has_turn(rendition, s, budget);
    let (segments, heads): (Vec<_>, Vec<_>) = planned.iter().copied().partition(takes_whole);
    let mut maps: Vec<&Map> = Vec::new();
    for map in planned.into_iter().chain(timeline.segments.last()).filter_map(|s| s.map.as_deref()) {
        if !maps.contains(&map) {
            maps.push(map);
        }
    }
    DownloadPlan { segments, heads, listed, skipped, maps }
}

/// Returns whether a segment is downloaded as a whole in the mode `heads`. The hash spreads the turns over renditions and over
/// time, and whoever probes comes to the same result.
fn has_turn(rendition: &RenditionIdentity, segment: &Segment, budget: HeadsBudget) -> bool {
    let mut hasher = DefaultHasher::new();
    (rendition, segment.number).hash(&mut hasher);
    (hasher.finish() as f64) < budget.whole_share(segment) * u64::MAX as f64
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
        let mut rendition = RenditionFacts::unrequested(super::super::hls::direct_rendition(&url("index.m3u8")));
        rendition.timeline = Some(Arc::new(timeline.clone()));
        rendition.segments = timeline.segments.iter().filter(|s| numbers.contains(&s.number)).map(inspected).collect();
        let facts = testing::output("hls", &url("index.m3u8"), vec![rendition]);
        let (history, key) = (History::new(1), OutputKey { channel: "TV1".to_owned(), output: "hls".to_owned() });
        history.record(&key, &facts, now, KEEP);
        history.already_inspected(&key, KEEP)
    }

    fn planned(timeline: &Timeline, known: &AlreadyInspected, mode: CoverageMode, count: u32) -> (Vec<u64>, u64) {
        let coverage = Coverage { mode, count, ..Coverage::default() };
        let plan =
            plan_downloads(timeline, &RenditionIdentity::place("media"), known, coverage, HeadsBudget::default());
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
    fn of_heads_the_first_is_whole_and_then_one_of_eight() {
        let identity = RenditionIdentity::place("media");
        let coverage = Coverage { mode: CoverageMode::Heads, count: 100, ..Coverage::default() };
        let timeline = timeline(10, 89);
        let first =
            plan_downloads(&timeline, &identity, &AlreadyInspected::default(), coverage, HeadsBudget::default());
        assert_eq!((first.segments.len(), first.heads.len(), first.listed), (1, 0, first.segments[0].duration));
        let known = known(&timeline, &[9 + 1]);
        let plan = plan_downloads(&timeline, &identity, &known, coverage, HeadsBudget::default());
        assert_eq!(plan.segments.len() + plan.heads.len(), 79);
        assert!((5..=16).contains(&plan.segments.len()), "{}", plan.segments.len());
        let other = |name: &str| {
            let identity = RenditionIdentity::place(name);
            timeline
                .segments
                .iter()
                .filter(|s| has_turn(&identity, s, HeadsBudget::default()))
                .map(|s| s.number)
                .collect::<Vec<_>>()
        };
        assert_ne!(other("1080p"), other("720p"), "the turns are spread over the renditions");
        let few = Coverage { count: 6, ..coverage };
        let plan = plan_downloads(&timeline, &identity, &known, few, HeadsBudget::default());
        assert_eq!((plan.segments.len() + plan.heads.len(), plan.skipped), (6, 73));
    }

    #[test]
    fn a_budget_decides_how_many_segments_are_whole() {
        let (identity, timeline) = (RenditionIdentity::place("media"), timeline(10, 409));
        let known = known(&timeline, &[10]);
        let coverage = Coverage { mode: CoverageMode::Heads, count: 1000, ..Coverage::default() };
        let whole = |share, bandwidth| {
            let budget = HeadsBudget { share: Some(share), bandwidth: Some(BitsPerSecond(bandwidth)) };
            plan_downloads(&timeline, &identity, &known, coverage, budget).segments.len() as f64 / 399.0
        };
        // A head is 65,424 bytes, a segment 2 s: 5 % of 5 Mbit/s.
        let share = whole(0.5, 5_000_000);
        assert!((share - (0.5 - 0.052) / (1.0 - 0.052)).abs() < 0.08, "{share}");
        assert_eq!((whole(1.0, 5_000_000), whole(3.0, 5_000_000)), (1.0, 1.0), "enough for all");
        assert_eq!(whole(0.05, 5_000_000), 0.0, "enough for heads alone");
        assert_eq!(whole(0.5, 100_000), 1.0, "no segment is longer than a head");
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
            let plan =
                plan_downloads(&timeline, &RenditionIdentity::place("media"), known, coverage, HeadsBudget::default());
            plan.maps.iter().map(|m| m.uri.path().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(maps(&AlreadyInspected::default(), 3), ["/tv1/init.mp4", "/tv1/init2.mp4"]);
        assert_eq!(maps(&known(&timeline, &[15]), 1), ["/tv1/init2.mp4"]);
        assert!(
            plan_downloads(
                &Timeline { segments: vec![], ..timeline.clone() },
                &RenditionIdentity::place("media"),
                &AlreadyInspected::default(),
                Coverage::default(),
                HeadsBudget::default()
            )
            .maps
            .is_empty()
        );
    }
}
