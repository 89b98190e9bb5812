use crate::checks::support::select::{self, complete_inspection, segment_violation, undamaged_inspection};
use crate::checks::support::terms::{Terms, terms};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::container::{Container, Inspection, Track};
use packager_media::defect::DefectKind;
use packager_media::stream::Media;
use std::collections::BTreeMap;

pub const META: CheckMeta = CheckMeta {
    id: "ts_tables_invalid",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::TransportStream,
    alert: Some("SegmentsBroken"),
    help: "fails when a transport stream segment has no PAT and PMT before its media, a table with a wrong CRC, another program \
           than the segment before it without a discontinuity, or tables that players in browsers don't read: a PAT that begins with the \
           network, a PMT of several packets",
    reference: "draft-pantos-hls-rfc8216bis-22 3.1.1, 4.4.4.3; ISO/IEC 13818-1 2.4.4.3, 2.4.4.8",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let terms = terms(context.output.protocol());
    select::judge_renditions(context, "no transport stream segment was inspected", |facts, past| {
        judge(facts, past, terms)
    })
}

fn judge(facts: &RenditionFacts, past: &RenditionHistory, terms: &Terms) -> Option<Vec<Violation>> {
    let begun = select::segments_and_heads(facts, past)?;
    let segments = select::inspected_segments(facts, past).unwrap_or_default();
    let mut streams = begun.iter().rev().filter_map(|s| Some((*s, transport_stream(s)?))).peekable();
    streams.peek()?;
    let mut found: Vec<_> = streams.filter_map(|(s, i)| invalid_tables(s, i, facts)).collect();
    found.extend(select::consecutive_pairs(&segments, past).iter().rev().filter_map(|(a, b)| changed(a, b, terms)));
    Some(found)
}

fn transport_stream(segment: &SegmentFacts) -> Option<&Inspection> {
    complete_inspection(segment).filter(|i| i.ts.as_ref().is_some_and(|ts| ts.packets > 0))
}

/// Returns a violation if PAT or PMT are missing or damaged, except if they are in an EXT-X-MAP (RFC 8216bis 3.1.1) or
/// packets were lost, which may have contained them.
fn invalid_tables(segment: &SegmentFacts, inspection: &Inspection, facts: &RenditionFacts) -> Option<Violation> {
    let map = segment.segment.map.as_deref();
    let init = map.and_then(|m| facts.inits.iter().find(|i| i.map == *m)).and_then(|i| i.inspection.as_ref());
    if init.is_some_and(|i| i.container == Container::MpegTs) || undamaged_inspection(segment).is_none() {
        return None;
    }
    let of = |kind| inspection.defects.iter().filter(move |d| d.kind == kind);
    let mut defects = of(DefectKind::Tables).chain(of(DefectKind::TableLayout));
    let first = defects.next()?;
    let message = format!("segment {}: {}: {}", segment.segment.number, first.at, first.message);
    Some(segment_violation(segment, message).with("defects", 1 + defects.count()).with("reference", first.reference))
}

fn changed(before: &SegmentFacts, next: &SegmentFacts, terms: &Terms) -> Option<Violation> {
    let (old, new) = (program(before)?, program(next)?);
    if old.keys().eq(new.keys()) {
        return None;
    }
    // Players don't touch their decoders for a stream of data or text that comes or goes.
    let gone = old.iter().filter(|(stream, _)| !new.contains_key(*stream));
    let come = new.iter().filter(|(stream, _)| !old.contains_key(*stream));
    let is_harmless = !gone.chain(come).any(|(_, is_played)| *is_played);
    let message = format!(
        "segment {}: the PMT lists {} after {} in segment {}, without {}",
        next.segment.number,
        program_text(&new),
        program_text(&old),
        before.segment.number,
        terms.discontinuity
    );
    let violation = segment_violation(next, message);
    Some(if is_harmless { violation.severity(Severity::Warning) } else { violation })
}

/// PID and codec of each stream of a PMT, and whether it is video or audio.
type Program<'a> = BTreeMap<(u32, &'a str), bool>;

/// Returns the streams that the segment's own PMT lists. `None`: the segment has no PMT, or damaged tables.
fn program(segment: &SegmentFacts) -> Option<Program<'_>> {
    let inspection = transport_stream(segment)?;
    let has_pmt = inspection.ts.as_ref()?.pmt_offset.is_some();
    let damaged = inspection.defects.iter().any(|d| d.kind == DefectKind::Tables);
    let is_played = |track: &Track| matches!(track.media, Some(Media::Video | Media::Audio));
    let streams = || inspection.tracks.iter().map(|t| ((t.id, t.codec.as_str()), is_played(t)));
    (has_pmt && !damaged).then(|| streams().collect())
}

fn program_text(program: &Program<'_>) -> String {
    program.keys().take(8).map(|(pid, codec)| format!("{codec} on PID {pid}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::InitFacts;
    use packager_media::defect::{Defect, Position};
    use packager_media::stream::Map;
    use std::sync::Arc;

    const NONE: &str = "no transport stream segment was inspected";

    fn inspection(segment: &mut SegmentFacts) -> &mut Inspection {
        segment.inspection.as_mut().unwrap()
    }

    fn segment(number: u64) -> SegmentFacts {
        let mut segment = ts_segment(number, 2.0 * number as f64, 2.0);
        let ts = inspection(&mut segment).ts.as_mut().unwrap();
        (ts.pat_offset, ts.pmt_offset) = (Some(0), Some(188));
        segment
    }

    fn without_pat(mut segment: SegmentFacts) -> SegmentFacts {
        let message = "the segment has no PAT".to_owned();
        let defect = Defect { kind: DefectKind::Tables, at: Position::Byte(0), message, reference: "" };
        inspection(&mut segment).defects.push(defect);
        segment
    }

    fn run(segments: impl IntoIterator<Item = SegmentFacts>) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember(segments);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn tables_that_stay_hold() {
        assert_holds(run([segment(5), segment(6)]));
    }

    #[test]
    fn a_stream_of_data_that_comes_or_goes_is_a_warning() {
        let with_data = |number| {
            let mut segment = segment(number);
            let splices = Track::new(0x102, None, "scte35".to_owned());
            inspection(&mut segment).tracks.push(splices);
            segment
        };
        for segments in [[segment(5), with_data(6)], [with_data(5), segment(6)]] {
            assert_eq!(violations(run(segments))[0].severity, Some(Severity::Warning));
        }
        let mut moved = with_data(6);
        inspection(&mut moved).tracks[1].id = 0x200;
        assert_eq!(violations(run([segment(5), moved]))[0].severity, None, "the sound is on another PID");
    }

    #[test]
    fn a_stream_of_which_nothing_comes_for_a_segment_is_still_there() {
        let with_private = |number, media| {
            let mut segment = segment(number);
            inspection(&mut segment).tracks.push(Track::new(0x105, media, "0x8f".to_owned()));
            segment
        };
        assert_holds(run([with_private(5, Some(Media::Audio)), with_private(6, None)]));
    }

    #[test]
    fn broken_tables_fail_with_their_place() {
        assert_eq!(messages(run([without_pat(segment(5))])), "segment 5: byte 0: the segment has no PAT");
    }

    #[test]
    fn tables_that_browsers_do_not_read_are_in_force_nevertheless() {
        let laid_out = |number| {
            let mut segment = segment(number);
            let message = "the PAT begins with the network".to_owned();
            let defect = Defect { kind: DefectKind::TableLayout, at: Position::Byte(0), message, reference: "" };
            inspection(&mut segment).defects.push(defect);
            segment
        };
        let mut other = laid_out(6);
        inspection(&mut other).tracks[0].codec = "hevc".to_owned();
        let found = violations(run([laid_out(5), other]));
        assert_eq!(found.iter().filter(|v| v.message.contains("begins with the network")).count(), 2);
        assert!(found.iter().any(|v| v.message.contains("the PMT lists hevc")));
    }

    #[test]
    fn lost_packets_take_the_tables_along() {
        let mut lossy = without_pat(segment(5));
        inspection(&mut lossy).ts.as_mut().unwrap().continuity_errors = 1;
        assert_holds(run([lossy]));
    }

    #[test]
    fn an_initialization_section_may_hold_the_tables() {
        let mut scene = Scene::live();
        let map = Map { uri: url("tables.ts"), byte_range: None, key: None };
        let mut segment = without_pat(segment(5));
        segment.segment.map = Some(map.clone().into());
        scene.remember([segment.clone()]);
        assert_eq!(violations(check(&scene.context(), &Params::default())).len(), 1);
        let fetched = answered("tables.ts", "video/mp2t");
        scene.rendition().inits = vec![Arc::new(InitFacts {
            map,
            fetched,
            inspection: segment.inspection,
            decryption: None,
            digest: None,
            kept: None,
        })];
        assert_holds(check(&scene.context(), &Params::default()));
    }

    #[test]
    fn another_program_needs_a_discontinuity() {
        let mut other = segment(6);
        inspection(&mut other).tracks[0].codec = "hevc".to_owned();
        let message = messages(run([segment(5), other.clone()]));
        assert!(
            message.starts_with("segment 6: the PMT lists hevc on PID 256, aac on PID 257 after h264"),
            "{message}"
        );
        other.segment.discontinuity = true;
        assert_holds(run([segment(5), other]));
    }

    #[test]
    fn other_containers_have_no_tables() {
        let mut fragment = segment(5);
        (inspection(&mut fragment).container, inspection(&mut fragment).ts) = (Container::Cmaf, None);
        assert_not_run(run([fragment]), NONE);
        assert_not_run(run([]), NONE);
    }
}
