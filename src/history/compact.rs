//! The form in which inspected segments are remembered.
//!
//! Checks compare every segment that was inspected within the template's `hold`, and read nearly all of its facts. Those take
//! 3 kB, but what differs between consecutive segments are times, sizes and counts: some hundred bytes. So a whole copy is kept
//! of one segment, the model, and of those that follow it the differences. The facts that checks get are made anew from both.
//! A segment that differs from the model in more than that becomes a model itself.

use super::clock_step::ObservedTimes;
use super::delta::{DeltaReader, DeltaWriter};
use super::segment_delta;
use super::uri_names::uri_identity;
use crate::facts::SegmentFacts;
use packager_media::container::{Container, EventMessage, TsSpliceSection};
use packager_media::defect::Defect;
use packager_media::drm::Pssh;
use packager_media::stream::Segment;
use packager_media::units::{Seconds, Timestamp};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// The inspected segments of a rendition, in order of inspection.
#[derive(Debug, Clone, Default)]
pub(super) struct RememberedSegments(Vec<RememberedSegment>);

/// An inspected segment: the facts about it are those of the model but for the differences.
#[derive(Debug, Clone)]
struct RememberedSegment {
    key: SegmentKey,
    inspected_at: Timestamp,
    /// Facts without their findings. They are those of the first of several segments that share them.
    model: Arc<SegmentFacts>,
    /// What [`segment_delta::code`] wrote.
    differences: Box<[u8]>,
    findings: Option<Arc<InspectionFindings>>,
}

/// Number of a listed segment, and a hash of its URI and byte range: what a segment is recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentKey {
    number: u64,
    place: u64,
}

/// What few segments have, and what is different in each of them.
#[derive(Debug, Clone, PartialEq)]
struct InspectionFindings {
    defects: Vec<Defect>,
    splice_sections: Vec<TsSpliceSection>,
    events: Vec<EventMessage>,
    pssh_boxes: Vec<Pssh>,
}

/// Largest number of models with which a new segment is compared, the newest first. Ads of another packager take turns with the
/// programme, and failed segments with others.
const COMPARED_MODELS: usize = 3;

impl SegmentKey {
    /// Returns the key of a listed segment. `query_identifies` is the template's setting.
    fn of(segment: &Segment, query_identifies: bool) -> Self {
        let mut place = DefaultHasher::new();
        (uri_identity(&segment.uri, query_identifies), segment.byte_range).hash(&mut place);
        Self { number: segment.number, place: place.finish() }
    }

    /// Returns whether a listed segment has this key: its number, URI and byte range are the same.
    pub(super) fn is_of(self, segment: &Segment, query_identifies: bool) -> bool {
        // A window may list thousands of segments: most differ in their number.
        self.number == segment.number && self == Self::of(segment, query_identifies)
    }
}

impl RememberedSegments {
    /// Adds segments that a probe inspected, each in place of an earlier inspection of the same segment.
    pub(super) fn remember(&mut self, inspected: &[Arc<SegmentFacts>], query_identifies: bool) {
        for facts in inspected {
            let key = SegmentKey::of(&facts.segment, query_identifies);
            self.0.retain(|known| known.key != key);
            let segment = RememberedSegment::new(facts, key, self.models());
            self.0.push(segment);
        }
    }

    /// Forgets the segments that were inspected before `horizon`, except for that with the number `newest`, and then the oldest ones
    /// above `most`.
    pub(super) fn trim(&mut self, horizon: Timestamp, newest: Option<u64>, most: usize) {
        self.0.retain(|known| known.stays(horizon, newest));
        self.0.drain(..self.0.len().saturating_sub(most));
    }

    /// Returns the facts about the segments that were inspected since `horizon`, and about the segment with the number `newest`.
    pub(super) fn facts(&self, horizon: Timestamp, newest: Option<u64>) -> Vec<Arc<SegmentFacts>> {
        let staying = self.0.iter().filter(|known| known.stays(horizon, newest));
        staying.map(|known| Arc::new(known.facts())).collect()
    }

    /// Returns the facts about the inspected segment with the highest number; `None` if there is none.
    pub(super) fn newest(&self) -> Option<Arc<SegmentFacts>> {
        let newest = self.0.iter().max_by_key(|known| known.key.number);
        newest.map(|known| Arc::new(known.facts()))
    }

    /// Returns the highest number of an inspected segment.
    pub(super) fn newest_number(&self) -> Option<u64> {
        self.0.iter().map(|known| known.key.number).max()
    }

    /// Returns the time of the last inspection.
    pub(super) fn inspected_at(&self) -> Option<Timestamp> {
        self.0.iter().map(|known| known.inspected_at).max()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = SegmentKey> {
        self.0.iter().map(|known| known.key)
    }

    /// Returns the distinct models, that of the newest segment first.
    fn models(&self) -> Vec<Arc<SegmentFacts>> {
        let mut models: Vec<Arc<SegmentFacts>> = Vec::new();
        for known in self.0.iter().rev() {
            if models.len() < COMPARED_MODELS && !models.iter().any(|model| Arc::ptr_eq(model, &known.model)) {
                models.push(Arc::clone(&known.model));
            }
        }
        models
    }
}

impl RememberedSegment {
    fn new(facts: &SegmentFacts, key: SegmentKey, models: Vec<Arc<SegmentFacts>>) -> Self {
        let inspected_at = facts.inspected_at;
        let mut own = facts.clone();
        forget_head(&mut own);
        let findings = InspectionFindings::take(&mut own).map(Arc::new);
        for model in models {
            let mut writer = DeltaWriter::default();
            segment_delta::code(&mut own.clone(), &model, &mut writer);
            let known = Self { key, inspected_at, model, differences: writer.finish(), findings: None };
            if known.facts() == own {
                return Self { findings, ..known };
            }
        }
        Self { key, inspected_at, model: Arc::new(own), differences: Box::default(), findings }
    }

    fn facts(&self) -> SegmentFacts {
        let mut facts = (*self.model).clone();
        (facts.segment.number, facts.inspected_at) = (self.key.number, self.inspected_at);
        segment_delta::code(&mut facts, &self.model, &mut DeltaReader::new(&self.differences));
        if let Some(findings) = &self.findings {
            findings.put_back(&mut facts);
        }
        facts
    }

    fn stays(&self, horizon: Timestamp, newest: Option<u64>) -> bool {
        self.inspected_at >= horizon || Some(self.key.number) == newest
    }
}

/// Removes the first bytes of a recognised container, which no check reads.
fn forget_head(facts: &mut SegmentFacts) {
    let inspection = facts.inspection.as_mut().filter(|inspection| inspection.container != Container::Unknown);
    if let Some(inspection) = inspection {
        inspection.head = Vec::new();
    }
}

impl InspectionFindings {
    /// Takes the findings out of a segment's facts; `None` if there are none.
    fn take(facts: &mut SegmentFacts) -> Option<Self> {
        let inspection = facts.inspection.as_mut()?;
        let splice_sections = inspection.ts.as_mut().map(|ts| std::mem::take(&mut ts.splice_sections));
        let findings = Self {
            defects: std::mem::take(&mut inspection.defects),
            splice_sections: splice_sections.unwrap_or_default(),
            events: std::mem::take(&mut inspection.events),
            pssh_boxes: std::mem::take(&mut inspection.pssh_boxes),
        };
        let Self { defects, splice_sections, events, pssh_boxes } = &findings;
        let is_empty = defects.is_empty() && splice_sections.is_empty() && events.is_empty() && pssh_boxes.is_empty();
        (!is_empty).then_some(findings)
    }

    fn put_back(&self, facts: &mut SegmentFacts) {
        let Some(inspection) = &mut facts.inspection else { return };
        inspection.defects.clone_from(&self.defects);
        inspection.events.clone_from(&self.events);
        inspection.pssh_boxes.clone_from(&self.pssh_boxes);
        if let Some(ts) = &mut inspection.ts {
            ts.splice_sections.clone_from(&self.splice_sections);
        }
    }
}

impl ObservedTimes for RememberedSegments {
    fn shift(&mut self, by: Seconds) {
        self.0.iter_mut().for_each(|known| known.inspected_at.shift(by));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{FailureKind, Fetched, Timings};
    use crate::testing::{self, at};
    use packager_media::codec::parameters::CodecParameters;
    use packager_media::codec::rfc6381::Codec;
    use packager_media::container::{ContinuityCounter, Inspection, Track, TsFacts};
    use packager_media::defect::{DefectKind, Position};
    use packager_media::quiet::QuietSpans;
    use packager_media::stream::{ByteRange, Media};
    use packager_media::units::{BitsPerSecond, MediaTime};

    /// Makes the facts about a segment of 2 s with picture and sound, as they differ between the segments of a live stream.
    fn segment(number: u64) -> SegmentFacts {
        let (start, bytes) = (number * 180_000, 188 * (4000 + number * 7919 % 500));
        let url = testing::url(&format!("http://packager/live/1080p/media_{number}.ts"));
        let exchange = testing::exchange(&url);
        let headers = vec![("etag".to_owned(), format!("\"{:x}\"", number.wrapping_mul(0x9e37_79b9)))];
        let ago = Seconds(number as f64 * 2.0);
        let date = Some(ago.after(at(0)));
        let timings =
            Timings { first_byte: Seconds(0.012_345), total: Seconds(0.05 + ago.0 / 1e5), ..Timings::default() };
        let exchange = crate::facts::Exchange {
            content_length: Some(bytes),
            body_bytes: bytes,
            last_modified: date,
            date,
            headers,
            timings,
            ..exchange
        };
        let listed = testing::segment(number, url.clone());
        SegmentFacts {
            segment: Segment { program_date_time: date, line: 20 + (number % 3) as u32, ..listed },
            inspection: Some(inspection(number, start, bytes)),
            fetched: Fetched { url, result: Ok(exchange) },
            ..testing::segment_facts(testing::segment(number, testing::url("http://packager/")), ago.after(at(0)))
        }
    }

    fn inspection(number: u64, start: u64, bytes: u64) -> Inspection {
        let time = |ticks: u64| Some(MediaTime::mpeg_unwrapped(ticks as i64));
        let codec = Codec::Avc { profile: 100, constraints: 0, level: 40 };
        let track = |id, media, samples| Track {
            start: time(start),
            presentation_start: time(start + 3600),
            end: time(start + 180_000),
            samples: samples + number % 2,
            parameters: Some(Arc::new(CodecParameters::new(codec))),
            ..testing::track(id, media)
        };
        let video = Track {
            keyframes: 2,
            keyframe_times: vec![time(start + 3600).unwrap(), time(start + 93_600).unwrap()],
            keyframe_interval_max: Some(Seconds(1.0 + 1.0 / 3.0)),
            ..track(256, Media::Video, 50)
        };
        let silence = QuietSpans::of_piece(Seconds(2.0), false);
        let audio = Track { silence: Some(silence), ..track(257, Media::Audio, 94) };
        let counter = |pid| ContinuityCounter { pid, first: (number % 16) as u8, last: 3, discontinuity: false };
        let ts = TsFacts {
            packets: bytes / 188,
            pcr_count: 50,
            pcr_first: time(start - start % 7),
            counters: vec![counter(0), counter(256), counter(257)],
            ..TsFacts::default()
        };
        let (tracks, ts, head) = (vec![video, audio], Some(ts), vec![0x47; 32]);
        Inspection { tracks, ts, head, ..testing::inspection(Container::MpegTs, bytes) }
    }

    fn remembered(inspected: impl IntoIterator<Item = SegmentFacts>) -> RememberedSegments {
        let mut remembered = RememberedSegments::default();
        inspected.into_iter().for_each(|facts| remembered.remember(&[Arc::new(facts)], false));
        remembered
    }

    /// Returns what is left of the facts after they were remembered.
    fn facts(remembered: &RememberedSegments) -> Vec<SegmentFacts> {
        remembered.facts(Timestamp::MIN, None).iter().map(|facts| (**facts).clone()).collect()
    }

    fn without_head(mut facts: SegmentFacts) -> SegmentFacts {
        forget_head(&mut facts);
        facts
    }

    #[test]
    fn consecutive_segments_take_few_bytes_and_lose_nothing() {
        let remembered = remembered((100..132).map(segment));
        assert_eq!(remembered.models().len(), 1);
        let sizes = remembered.0.iter().map(|known| known.differences.len());
        assert!(sizes.clone().all(|size| size < 110), "{:?}", sizes.collect::<Vec<_>>());
        assert_eq!(facts(&remembered), (100..132).map(segment).map(without_head).collect::<Vec<_>>());
    }

    /// Changes of a segment that doesn't become a model by them.
    const USUAL: [fn(&mut SegmentFacts); 9] = [
        |facts| facts.newest = false,
        |facts| facts.segment.discontinuity = true,
        |facts| facts.segment.byte_range = Some(ByteRange { offset: 7, length: 9 }),
        |facts| facts.segment.bit_rate = Some(BitsPerSecond(5)),
        |facts| facts.fetched.result.as_mut().unwrap().final_url = testing::url("https://edge/other.ts"),
        |facts| facts.fetched.result.as_mut().unwrap().headers.clear(),
        |facts| facts.fetched.result.as_mut().unwrap().status = 404,
        |facts| facts.inspection.as_mut().unwrap().tracks[0].start = None,
        |facts| facts.inspection.as_mut().unwrap().ts.as_mut().unwrap().counters.clear(),
    ];

    /// Changes of a segment that is kept whole because of them.
    const UNUSUAL: [fn(&mut SegmentFacts); 5] = [
        |facts| facts.fetched = testing::failed(&facts.segment.uri, FailureKind::Timeout),
        |facts| facts.inspection = None,
        |facts| drop(facts.inspection.as_mut().unwrap().tracks.pop()),
        |facts| facts.inspection.as_mut().unwrap().tracks[1].codec = "ac-3".to_owned(),
        |facts| facts.inspection.as_mut().unwrap().tracks[0].parameters = None,
    ];

    #[test]
    fn whatever_changes_the_facts_stay_the_same() {
        let all = USUAL.iter().map(|change| (change, 1)).chain(UNUSUAL.iter().map(|change| (change, 2)));
        for (place, (change, models)) in all.enumerate() {
            let mut changed = segment(101);
            change(&mut changed);
            let inspected = [segment(100), changed, segment(102)];
            let remembered = remembered(inspected.clone());
            assert_eq!(facts(&remembered), inspected.map(without_head), "change {place}");
            assert_eq!(remembered.models().len(), models, "change {place}");
        }
    }

    #[test]
    fn findings_stay_with_their_segment() {
        let defect = |at| {
            let message = format!("a wrong counter at {at}");
            Defect { kind: DefectKind::Continuity, at: Position::Byte(at), message, reference: "ISO/IEC 13818-1" }
        };
        let damaged = |number, defects: Vec<Defect>| {
            let mut facts = segment(number);
            let inspection = facts.inspection.as_mut().unwrap();
            (inspection.defects_total, inspection.defects) = (defects.len() as u64, defects);
            facts
        };
        let inspected = [damaged(1, vec![defect(188)]), damaged(2, vec![]), damaged(3, vec![defect(7), defect(9)])];
        let remembered = remembered(inspected.clone());
        assert_eq!(facts(&remembered), inspected.map(without_head));
        assert_eq!(remembered.models().len(), 1);
    }

    #[test]
    fn first_bytes_are_kept_only_of_what_is_no_known_container() {
        let head = |facts: SegmentFacts| facts_of(facts).inspection.unwrap().head;
        let mut facts = segment(1);
        assert!(head(facts.clone()).is_empty());
        facts.inspection.as_mut().unwrap().container = Container::Unknown;
        assert_eq!(head(facts), [0x47; 32]);
    }

    fn facts_of(segment: SegmentFacts) -> SegmentFacts {
        facts(&remembered([segment])).remove(0)
    }

    #[test]
    fn a_segment_that_is_inspected_again_takes_the_place_of_the_first_inspection() {
        let again = SegmentFacts { inspected_at: at(9), ..segment(100) };
        let remembered = remembered([segment(100), segment(101), again.clone()]);
        assert_eq!(facts(&remembered), [without_head(segment(101)), without_head(again)]);
    }

    #[test]
    fn a_step_of_the_clock_moves_the_inspection_and_no_time_of_the_stream() {
        let mut remembered = remembered([segment(100), segment(101)]);
        remembered.shift(Seconds(60.0));
        let moved = |number| {
            let facts = without_head(segment(number));
            SegmentFacts { inspected_at: Seconds(60.0).after(facts.inspected_at), ..facts }
        };
        assert_eq!(facts(&remembered), [moved(100), moved(101)]);
    }
}
