use crate::checks::support::select::{self, NO_SEGMENT, segment_violation};
use crate::checks::support::terms::terms;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{Exchange, FailureKind, RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::container::{Container, Inspection};
use packager_media::defect::DefectKind;
use packager_media::stream::{Media, Protocol};

pub const META: CheckMeta = CheckMeta {
    id: "container_invalid",
    severity: Severity::Critical,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when a media segment isn't the announced container, is empty, cut, larger than the size limit, or \
           structurally broken (lost sync, truncated, a box that exceeds its parent, samples of fragmented MP4 that aren't where its `trun` says \
           or don't consist of NAL units); major for packed audio without its time stamp, which \
           players put where they think fit, for fragmented MP4 that some players refuse, such as by samples placed by positions in the file, ADTS headers, a missing `mfhd`, \
           or `saiz` of clear samples, and for transport streams whose pictures or PES packets are divided so \
           that some players lose them (no access unit delimiters, several pictures under one time stamp, a wrong PES_packet_length); minor for subtitles, and when only an event \
           message (`emsg`), `prft`, `sidx` or ID3 tag is invalid, or bytes follow the last packet of a transport stream. init_segment_invalid judges initialization \
           segments",
    reference: "draft-pantos-hls-rfc8216bis-22 3.1, 4.4.4.5; ISO/IEC 13818-1 2.4.3.2; ISO/IEC 14496-12 4.2, 8.8, 8.16; ISO/IEC 14496-15 4.3.3; ISO/IEC 23009-1 5.10.3.3; RFC 9110 8.6",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let protocol = context.output.protocol();
    select::judge_renditions(context, NO_SEGMENT, |facts, past| judge(facts, past, protocol))
}

fn judge(facts: &RenditionFacts, past: &RenditionHistory, protocol: Protocol) -> Option<Vec<Violation>> {
    let segments = select::segments_and_heads(facts, past).unwrap_or_default();
    let mut judged = segments.iter().rev().filter_map(|s| judge_segment(s, facts, protocol)).peekable();
    judged.peek()?;
    Some(judged.flatten().collect())
}

/// Returns the violation of a segment with an invalid container. `None`: the container can't be judged. `Some(None)`:
/// it is valid.
fn judge_segment(segment: &SegmentFacts, facts: &RenditionFacts, protocol: Protocol) -> Option<Option<Violation>> {
    let exchange = segment.fetched.answer()?;
    // byte_range_wrong reports bytes that weren't asked for.
    if segment.fetched.has_wrong_range() {
        return None;
    }
    if segment.fetched.probe_timed_out() || exchange.broken.as_ref().is_some_and(|f| f.kind == FailureKind::Timeout) {
        return None;
    }
    let problem = body(exchange).or_else(|| match &segment.inspection {
        // decryption_failed reports a body that doesn't decrypt.
        None if segment.segment.wholly_encrypted() => None,
        _ if headless_text(segment, facts) => None,
        None => Some("the body could not be inspected".to_owned()),
        Some(inspection) => structure(inspection).or_else(|| wrong_map(segment, inspection, facts, protocol)),
    });
    let is_text = facts.rendition.media == Media::Text;
    let violation = |p: String| evidence(segment, exchange, format!("segment {}: {p}", segment.segment.number));
    // Whoever doesn't read subtitles notices nothing.
    let rated = |violation: Violation| if is_text { violation.severity(Severity::Minor) } else { violation };
    let lesser = |kind, severity| Some(violation(defect_of(segment.inspection.as_ref()?, kind)?).severity(severity));
    let unplaced = || lesser(DefectKind::Unplaced, Severity::Major);
    let refused = || lesser(DefectKind::ContainerRefused, Severity::Major);
    let packing = || lesser(DefectKind::Packing, Severity::Major);
    let side = || lesser(DefectKind::SideBox, Severity::Minor);
    Some(problem.map(|p| rated(violation(p))).or_else(unplaced).or_else(refused).or_else(packing).or_else(side))
}

/// Returns a text with the first defect of a kind.
fn defect_of(inspection: &Inspection, kind: DefectKind) -> Option<String> {
    let defect = inspection.defects.iter().find(|d| d.kind == kind)?;
    Some(format!("{}: {}", defect.at, defect.message))
}

/// Whether the segment is WebVTT without a header, because the header is in the initialization segment (RFC 8216bis
/// 3.1.4).
fn headless_text(segment: &SegmentFacts, facts: &RenditionFacts) -> bool {
    let unknown = segment.inspection.as_ref().is_some_and(|i| i.container == Container::Unknown);
    unknown && init_of(segment, facts).is_some_and(|init| init.container == Container::WebVtt)
}

fn init_of<'a>(segment: &SegmentFacts, facts: &'a RenditionFacts) -> Option<&'a Inspection> {
    let map = segment.segment.map.as_deref()?;
    facts.inits.iter().find(|i| i.map == *map)?.inspection.as_ref()
}

fn body(exchange: &Exchange) -> Option<String> {
    if let Some(broken) = &exchange.broken {
        return Some(format!("{} (after {} bytes)", broken.message, exchange.body_bytes));
    }
    (exchange.body_bytes == 0).then(|| "the body is empty".to_owned())
}

fn structure(inspection: &Inspection) -> Option<String> {
    if inspection.container == Container::Unknown {
        return Some(format!("not a media container: begins with {}", head_text(&inspection.head)));
    }
    defect_of(inspection, DefectKind::Container)
}

fn head_text(head: &[u8]) -> String {
    let text = std::str::from_utf8(head)
        .ok()
        .filter(|t| !t.is_empty() && !t.contains(|c: char| c.is_control() && !c.is_whitespace()));
    match text {
        Some(text) => format!("{text:?}"),
        None => head.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" "),
    }
}

/// Returns a text if the segment's container contradicts that of its EXT-X-MAP. A transport stream may have an
/// EXT-X-MAP too (RFC 8216bis 3.1.1). A fragmented MP4 of HLS needs one (3.1.2), and one of DASH may have a `moov` in each
/// segment instead (self-initializing media segments, ISO/IEC 23009-1).
fn wrong_map(
    segment: &SegmentFacts,
    inspection: &Inspection,
    facts: &RenditionFacts,
    protocol: Protocol,
) -> Option<String> {
    let initialization = terms(protocol).initialization;
    let map = segment.segment.map.as_deref();
    let initializes_itself = protocol == Protocol::Dash && inspection.has_moov;
    match (inspection.container, init_of(segment, facts).map(|i| i.container)) {
        (Container::Cmaf, _) if map.is_none() && !initializes_itself => {
            Some(format!("a fragmented MP4 segment without {initialization}: players can't initialize"))
        }
        (Container::MpegTs, Some(Container::Cmaf)) => {
            Some(format!("a transport stream under the {initialization} of a fragmented MP4"))
        }
        (Container::Cmaf, Some(Container::MpegTs)) => {
            Some(format!("a fragmented MP4 segment under the {initialization} of a transport stream"))
        }
        _ => None,
    }
}

fn evidence(segment: &SegmentFacts, exchange: &Exchange, message: String) -> Violation {
    let mut violation = segment_violation(segment, message)
        .with("bytes", exchange.body_bytes)
        .with("content_length", exchange.content_length)
        .with("content_type", exchange.content_type.clone());
    if let Some(inspection) = &segment.inspection {
        violation = violation
            .with("container", serde_json::to_value(inspection.container).unwrap_or_default())
            .with("defects", inspection.defects_total);
    }
    violation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::InitFacts;
    use packager_media::defect::{Defect, Position};
    use packager_media::stream::{Key, Map};
    use std::sync::Arc;

    fn run(segment: SegmentFacts) -> CheckVerdict {
        run_with(segment, |_| {})
    }

    fn run_with(segment: SegmentFacts, change: impl FnOnce(&mut RenditionFacts)) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember([segment]);
        change(scene.rendition());
        check(&scene.context(), &Params::default())
    }

    fn inspected(change: impl FnOnce(&mut Inspection)) -> SegmentFacts {
        let mut segment = ts_segment(5, 0.0, 2.0);
        change(segment.inspection.as_mut().unwrap());
        segment
    }

    fn map() -> Map {
        Map { uri: url("init.mp4"), byte_range: None, key: None }
    }

    fn init_segment(change: impl FnOnce(&mut Inspection)) -> Arc<InitFacts> {
        let mut inspection = inspected(|i| i.container = Container::Cmaf).inspection.unwrap();
        change(&mut inspection);
        Arc::new(InitFacts {
            map: map(),
            fetched: answered("init.mp4", "video/mp4"),
            inspection: Some(inspection),
            decryption: None,
            digest: None,
            kept: None,
        })
    }

    fn lost_sync() -> Defect {
        Defect { kind: DefectKind::Container, at: Position::Byte(376), message: "sync lost".to_owned(), reference: "" }
    }

    #[test]
    fn a_sound_segment_holds() {
        assert_holds(run(ts_segment(5, 0.0, 2.0)));
    }

    #[test]
    fn a_cut_oversized_or_empty_body_fails() {
        assert_eq!(
            messages(run(broken(ts_segment(5, 0.0, 2.0), FailureKind::Cut))),
            "segment 5: Cut (after 1000 bytes)"
        );
        assert_eq!(violations(run(broken(ts_segment(5, 0.0, 2.0), FailureKind::TooLarge))).len(), 1);
        let mut empty = ts_segment(5, 0.0, 2.0);
        empty.fetched.result.as_mut().unwrap().body_bytes = 0;
        assert_eq!(messages(run(empty)), "segment 5: the body is empty");
    }

    #[test]
    fn webvtt_cues_under_their_header_as_map_hold() {
        let mut cues = inspected(|i| i.container = Container::Unknown);
        cues.segment.map = Some(map().into());
        let header = init_segment(|i| i.container = Container::WebVtt);
        assert_holds(run_with(cues.clone(), |r| r.inits = vec![header]));
        assert_eq!(violations(run_with(cues, |r| r.inits = vec![init_segment(|_| {})])).len(), 1);
    }

    #[test]
    fn a_box_beside_the_media_is_minor_and_a_broken_structure_goes_before() {
        let refused =
            || Defect { kind: DefectKind::ContainerRefused, message: "base-data-offset".to_owned(), ..lost_sync() };
        let found = violations(run(inspected(|i| i.defects.push(refused()))));
        assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Major)));
        let packed = || Defect { kind: DefectKind::Packing, message: "no delimiters".to_owned(), ..lost_sync() };
        let found = violations(run(inspected(|i| i.defects.push(packed()))));
        assert_eq!((found[0].severity, found.len()), (Some(Severity::Major), 1));
        let beside = || Defect { kind: DefectKind::SideBox, message: "box `emsg`".to_owned(), ..lost_sync() };
        let found = violations(run(inspected(|i| i.defects.push(beside()))));
        assert_eq!(
            (found[0].message.as_str(), found[0].severity),
            ("segment 5: byte 376: box `emsg`", Some(Severity::Minor))
        );
        let both = violations(run(inspected(|i| i.defects.extend([beside(), lost_sync()]))));
        assert_eq!((both[0].message.as_str(), both[0].severity), ("segment 5: byte 376: sync lost", None));
    }

    #[test]
    fn slow_missing_or_unfinished_segments_belong_to_others() {
        assert_not_run(run(broken(ts_segment(5, 0.0, 2.0), FailureKind::Timeout)), NO_SEGMENT);
        assert_not_run(run(broken(ts_segment(5, 0.0, 2.0), FailureKind::Deadline)), NO_SEGMENT);
        assert_not_run(run(with_status(ts_segment(5, 0.0, 2.0), 404)), NO_SEGMENT);
    }

    #[test]
    fn structural_defects_fail_with_their_place() {
        assert_eq!(messages(run(inspected(|i| i.defects.push(lost_sync())))), "segment 5: byte 376: sync lost");
        assert_holds(run(inspected(|i| i.defects.push(Defect { kind: DefectKind::Continuity, ..lost_sync() }))));
    }

    #[test]
    fn a_page_instead_of_media_shows_how_it_begins() {
        let html = inspected(|i| (i.container, i.head) = (Container::Unknown, b"<html>".to_vec()));
        assert_eq!(messages(run(html)), "segment 5: not a media container: begins with \"<html>\"");
        let noise = inspected(|i| (i.container, i.head) = (Container::Unknown, vec![0, 0xff]));
        assert!(messages(run(noise)).ends_with("00 ff"));
    }

    #[test]
    fn what_does_not_decrypt_shows_no_container_and_what_does_is_judged() {
        let mut segment = inspected(|i| i.defects.push(lost_sync()));
        segment.segment.key =
            Some(Key { method: "AES-128".to_owned(), uri: None, iv: None, key_format: None, key_id: None }.into());
        assert_eq!(messages(run(segment.clone())), "segment 5: byte 376: sync lost");
        segment.inspection = None;
        assert_holds(run(segment.clone()));
        Arc::make_mut(segment.segment.key.as_mut().unwrap()).method = "SAMPLE-AES".to_owned();
        assert_eq!(messages(run(segment)), "segment 5: the body could not be inspected");
    }

    #[test]
    fn fragments_need_a_map() {
        let mut fragment = inspected(|i| i.container = Container::Cmaf);
        assert!(messages(run(fragment.clone())).contains("without EXT-X-MAP"));
        fragment.segment.map = Some(map().into());
        assert_holds(run(fragment));
    }

    #[test]
    fn segments_of_dash_may_initialize_themselves() {
        let fragment = |has_moov| inspected(|i| (i.container, i.has_moov) = (Container::Cmaf, has_moov));
        let dash = |segment| {
            let mut scene = Scene::live();
            scene.remember([segment]);
            scene.become_dash();
            check(&scene.context(), &Params::default())
        };
        assert_holds(dash(fragment(true)));
        assert!(messages(dash(fragment(false))).contains("without Initialization"));
        assert!(messages(run(fragment(true))).contains("without EXT-X-MAP"), "HLS needs it");
    }

    #[test]
    fn a_transport_stream_under_a_fragments_map_fails() {
        let mut segment = ts_segment(5, 0.0, 2.0);
        segment.segment.map = Some(map().into());
        assert_holds(run(segment.clone()));
        let verdict = run_with(segment, |r| r.inits = vec![init_segment(|_| {})]);
        assert!(messages(verdict).contains("under the EXT-X-MAP of a fragmented MP4"));
    }

    #[test]
    fn a_broken_initialization_segment_and_what_does_not_fit_it_belong_to_init_segment() {
        let defect = Defect { kind: DefectKind::Initialization, message: "no moov".to_owned(), ..lost_sync() };
        let broken = init_segment(|i| i.defects.push(defect.clone()));
        assert_holds(run_with(inspected(|i| i.defects.push(defect)), |r| r.inits = vec![broken]));
    }

    #[test]
    fn without_segments_it_does_not_run() {
        assert_not_run(check(&Scene::live().context(), &Params::default()), NO_SEGMENT);
    }
}
