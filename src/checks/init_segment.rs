use super::input::{self, about, out_of_time, shown, whole};
use super::{Context, Group, Meta, Verdict, Violation};
use crate::container::{Container, Inspection};
use crate::facts::{InitFacts, RenditionFacts, SegmentFacts};
use crate::finding::{DefectKind, Severity};
use crate::history::RenditionPast;

pub const META: Meta = Meta {
    id: "init_segment",
    severity: Severity::Critical,
    group: Group::Segments,
    help: "fails when an initialization segment is cut, empty, no media container or without a readable movie box, or fragments don't fit \
           it; one that doesn't answer is rendition_available's",
    reference: "draft-pantos-hls-rfc8216bis-22 3.1.2, 4.4.4.5; ISO/IEC 14496-12 8.2, 8.8; ISO/IEC 23000-19 7.3.1",
    needs_history: false,
};

params! {}

pub fn check(context: &Context<'_>, _params: &Params) -> Verdict {
    input::each(context, "no initialization segment was read", judge)
}

fn judge(facts: &RenditionFacts, past: &RenditionPast) -> Option<Vec<Violation>> {
    let answered = |i: &&InitFacts| i.fetched.result.as_ref().is_ok_and(|e| (200..300).contains(&e.status));
    let inits: Vec<_> =
        facts.inits.iter().map(AsRef::as_ref).filter(answered).filter(|i| !out_of_time(&i.fetched)).collect();
    let segments = input::inspected(facts, past).unwrap_or_default();
    let fragments: Vec<_> = segments.iter().rev().filter(|s| s.segment.map.is_some()).collect();
    if inits.is_empty() && fragments.is_empty() {
        return None;
    }
    let mut found: Vec<_> = inits.iter().filter_map(|i| unplayable(i)).collect();
    // Fragments can't fit what is broken itself.
    if found.is_empty() {
        found.extend(fragments.iter().filter_map(|s| strangers(s)));
    }
    Some(found)
}

fn unplayable(init: &InitFacts) -> Option<Violation> {
    let exchange = init.fetched.result.as_ref().ok()?;
    let problem = match (&exchange.broken, &init.inspection) {
        (Some(failure), _) => Some(format!("{} (after {} bytes)", failure.message, exchange.body_bytes)),
        _ if exchange.body_bytes == 0 => Some("the body is empty".to_owned()),
        (None, Some(inspection)) => unreadable(inspection),
        (None, None) => None,
    }?;
    let violation = Violation::new(format!("initialization segment: {problem}; nothing after it can be played"));
    Some(violation.with("url", shown(&init.map.uri)).with("bytes", exchange.body_bytes))
}

fn unreadable(inspection: &Inspection) -> Option<String> {
    let defect = inspection
        .defects
        .iter()
        .find(|d| matches!(d.kind, DefectKind::Container | DefectKind::Initialization))
        .map(|d| format!("{}: {}", d.at, d.message));
    match inspection.container {
        Container::Cmaf if inspection.tracks.is_empty() && defect.is_none() => {
            Some("it has no movie box (`moov`) with a track".to_owned())
        }
        _ => defect,
    }
}

/// Fragments of tracks that the initialization segment doesn't have.
fn strangers(segment: &SegmentFacts) -> Option<Violation> {
    let defect = whole(segment)?.defects.iter().find(|d| d.kind == DefectKind::Initialization)?;
    let message = format!("segment {}: {}: {}", segment.segment.number, defect.at, defect.message);
    let map = segment.segment.map.as_ref().map(|m| shown(&m.uri));
    Some(about(segment, message).with("map", map).with("reference", defect.reference))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::facts::FailureKind;
    use crate::finding::{Defect, Position};
    use crate::stream::Map;
    use std::sync::Arc;

    const NONE: &str = "no initialization segment was read";

    fn map() -> Map {
        Map { uri: url("init.mp4"), byte_range: None, key: None }
    }

    fn fragment(number: u64) -> SegmentFacts {
        let mut segment = ts_segment(number, 0.0, 2.0);
        segment.segment.map = Some(map());
        let inspection = segment.inspection.as_mut().unwrap();
        (inspection.container, inspection.ts) = (Container::Cmaf, None);
        segment
    }

    fn stranger() -> Defect {
        let message = "the `traf` belongs to track 7".to_owned();
        Defect { kind: DefectKind::Initialization, at: Position::Byte(24), message, reference: "" }
    }

    fn run(change: impl FnOnce(&mut InitFacts), segment: SegmentFacts) -> Verdict {
        let inspection = fragment(1).inspection;
        let mut init =
            InitFacts { map: map(), fetched: answered("init.mp4", "video/mp4"), inspection, decryption: None };
        change(&mut init);
        let mut scene = Scene::live();
        scene.rendition().inits = vec![Arc::new(init)];
        scene.remember([segment]);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn fragments_that_fit_hold() {
        assert_holds(run(|_| {}, fragment(5)));
    }

    #[test]
    fn a_cut_empty_or_broken_one_fails() {
        let cut = |i: &mut InitFacts| i.fetched.result.as_mut().unwrap().broken = Some(failure(FailureKind::Cut));
        assert!(messages(run(cut, fragment(5))).starts_with("initialization segment: Cut (after 1000 bytes)"));
        let empty = |i: &mut InitFacts| i.fetched.result.as_mut().unwrap().body_bytes = 0;
        assert!(messages(run(empty, fragment(5))).contains("the body is empty"));
        for kind in [DefectKind::Container, DefectKind::Initialization] {
            let defect = Defect { kind, ..stranger() };
            let broken = |i: &mut InitFacts| i.inspection.as_mut().unwrap().defects.push(defect);
            assert!(messages(run(broken, fragment(5))).contains("byte 24: the `traf`"));
        }
    }

    #[test]
    fn a_movie_without_tracks_fails_and_a_transport_stream_has_none() {
        let no_movie = |i: &mut InitFacts| i.inspection.as_mut().unwrap().tracks.clear();
        assert!(messages(run(no_movie, fragment(5))).contains("no movie box"));
        let tables = |i: &mut InitFacts| {
            let inspection = i.inspection.as_mut().unwrap();
            inspection.tracks.clear();
            inspection.container = Container::MpegTs;
        };
        assert_holds(run(tables, fragment(5)));
    }

    #[test]
    fn fragments_of_other_tracks_fail_unless_the_initialization_segment_does() {
        let mut other = fragment(5);
        other.inspection.as_mut().unwrap().defects.push(stranger());
        assert_eq!(messages(run(|_| {}, other.clone())), "segment 5: byte 24: the `traf` belongs to track 7");
        let broken = |i: &mut InitFacts| i.inspection.as_mut().unwrap().defects.push(stranger());
        assert_eq!(violations(run(broken, other)).len(), 1);
    }

    #[test]
    fn without_one_it_does_not_run() {
        let mut scene = Scene::live();
        scene.remember([ts_segment(5, 0.0, 2.0)]);
        assert_not_run(check(&scene.context(), &Params::default()), NONE);
        let missing = InitFacts {
            map: map(),
            fetched: failed("init.mp4", FailureKind::Connect),
            inspection: None,
            decryption: None,
        };
        scene.rendition().inits = vec![Arc::new(missing)];
        assert_not_run(check(&scene.context(), &Params::default()), NONE);
    }
}
