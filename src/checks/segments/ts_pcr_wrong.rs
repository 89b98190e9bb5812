use crate::checks::support::select::{self, segment_violation, undamaged_inspection};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::container::{Inspection, TsFacts};
use packager_media::stream::Media;
use packager_media::units;

pub const META: CheckMeta = CheckMeta {
    id: "ts_pcr_wrong",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::TransportStream,
    alert: Some("SegmentsBroken"),
    help: "fails when a transport stream segment has no PCR, has PCRs that are too far apart or go back, or has a PCR that is \
           too far from the decode times",
    reference: "ISO/IEC 13818-1 2.4.2.1, 2.4.3.5, 2.7.2; ETSI TR 101 290 5.2.2 (2.3); draft-pantos-hls-rfc8216bis-22 3.1.1",
    needs_history: false,
};

params! {
    /// Longest time in seconds between PCRs. Three times the usual interval of the packager is always allowed: some
    /// write one PCR for each key frame, and players cope.
    max_interval: f64 = 0.1,
    /// Seconds by which the first decode time may be after the first PCR. The default is the standard's limit for the
    /// buffer of coded pictures.
    max_lead: f64 = 10.0,
    /// Seconds by which the first decode time may be before the first PCR.
    max_lag: f64 = 1.0,
}

/// Time in seconds by which a PCR may be earlier than the one before it because packagers and remultiplexers round.
const ROUNDING: f64 = 0.001;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, "no transport stream segment was inspected", |facts, past| {
        judge(facts, past, params)
    })
}

fn judge(facts: &RenditionFacts, past: &RenditionHistory, params: &Params) -> Option<Vec<Violation>> {
    let segments = select::inspected_segments(facts, past)?;
    let clocks: Vec<_> = segments.iter().rev().filter_map(|s| clock(s)).collect();
    if clocks.is_empty() {
        return None;
    }
    let mut longest: Vec<_> = clocks.iter().filter_map(|(_, _, ts)| Some(ts.pcr_interval_max?.0)).collect();
    longest.sort_by(f64::total_cmp);
    let usual = longest.get(longest.len() / 2).copied().unwrap_or(0.0);
    let allowed = params.max_interval.max(3.0 * usual);
    Some(clocks.iter().filter_map(|(s, i, ts)| violation(s, i, ts, allowed, params)).collect())
}

fn clock(segment: &SegmentFacts) -> Option<(&SegmentFacts, &Inspection, &TsFacts)> {
    let inspection = undamaged_inspection(segment)?;
    let ts = inspection.ts.as_ref().filter(|ts| ts.packets > 0)?;
    let timed = inspection.tracks.iter().any(|t| matches!(t.media, Some(Media::Video | Media::Audio)) && t.samples > 0);
    timed.then_some((segment, inspection, ts))
}

fn violation(
    segment: &SegmentFacts,
    inspection: &Inspection,
    ts: &TsFacts,
    allowed: f64,
    params: &Params,
) -> Option<Violation> {
    let interval = ts.pcr_interval_max.map(|i| i.0);
    let lead = lead(inspection, ts);
    let back = ts.pcr_back_max.map(|back| back.0).filter(|back| *back > ROUNDING);
    let what = match (interval, back, lead) {
        _ if ts.pcr_count == 0 => "it has no PCR: players that need it as their clock can't play".to_owned(),
        (Some(is), _, _) if is > allowed => {
            let (is, most) = units::distinct(is, allowed, 3);
            format!("{is} s between PCRs; no more than {most} s are allowed")
        }
        (_, Some(back), _) => format!(
            "the PCR goes back by {back:.3} s without discontinuity_indicator: players and set-top boxes lose their clock"
        ),
        (_, _, Some(lead)) if lead > params.max_lead => format!("decode times are {lead:.3} s after the PCR"),
        (_, _, Some(lead)) if -lead > params.max_lag => format!("decode times are {:.3} s before the PCR", -lead),
        _ => return None,
    };
    let violation =
        segment_violation(segment, format!("segment {}: {what}", segment.segment.number)).with("pcrs", ts.pcr_count);
    Some(violation.with("interval_seconds", interval).with("lead_seconds", lead))
}

/// Returns the seconds from the first PCR to the earliest first decode time of a track (negative if it is before the
/// PCR).
fn lead(inspection: &Inspection, ts: &TsFacts) -> Option<f64> {
    let first = ts.pcr_first?;
    let starts = inspection.tracks.iter().filter(|t| matches!(t.media, Some(Media::Video | Media::Audio)));
    starts.filter_map(|t| Some(t.start?.since(first)?.0)).min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::units::{MediaTime, Seconds};

    const NONE: &str = "no transport stream segment was inspected";

    /// Makes a transport stream segment whose media begin at 20 s. `interval` is the longest time between PCRs and
    /// `pcr` is the first PCR, in seconds.
    fn segment(number: u64, interval: f64, pcr: f64) -> SegmentFacts {
        let mut segment = ts_segment(number, 20.0, 2.0);
        let ts = segment.inspection.as_mut().unwrap().ts.as_mut().unwrap();
        ts.pcr_count = 50;
        ts.pcr_interval_max = Some(Seconds(interval));
        ts.pcr_first = Some(MediaTime::mpeg((pcr * 90_000.0) as u64));
        segment
    }

    fn run(segments: impl IntoIterator<Item = SegmentFacts>) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.remember(segments);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_steady_clock_holds() {
        assert_holds(run([segment(1, 0.04, 19.3), segment(2, 0.1, 19.3)]));
    }

    #[test]
    fn no_pcr_fails() {
        let mut none = segment(1, 0.04, 19.3);
        let ts = none.inspection.as_mut().unwrap().ts.as_mut().unwrap();
        (ts.pcr_count, ts.pcr_first, ts.pcr_interval_max) = (0, None, None);
        assert_eq!(messages(run([none])), "segment 1: it has no PCR: players that need it as their clock can't play");
    }

    #[test]
    fn a_hole_fails_where_the_clock_is_otherwise_dense() {
        let around = |hole| (1..6).map(move |n| segment(n, if n == 3 { hole } else { 0.02 }, 19.3));
        assert_holds(run(around(0.1)));
        assert_eq!(messages(run(around(0.101))), "segment 3: 0.101 s between PCRs; no more than 0.100 s are allowed");
    }

    #[test]
    fn one_pcr_a_key_frame_is_a_packagers_habit() {
        assert_holds(run((1..6).map(|n| segment(n, 2.0, 19.3))));
    }

    #[test]
    fn three_times_the_usual_interval_is_allowed() {
        let around = |hole| (1..6).map(move |n| segment(n, if n == 3 { hole } else { 0.5 }, 19.3));
        assert_holds(run(around(1.5)));
        let found = violations(run(around(1.501)));
        assert_eq!(found[0].message, "segment 3: 1.501 s between PCRs; no more than 1.500 s are allowed");
        assert_eq!((found.len(), found[0].rendition.as_deref(), found[0].severity), (1, Some(NAME), None));
    }

    #[test]
    fn decode_times_stay_near_the_clock() {
        assert_holds(run([segment(1, 0.04, 10.0), segment(2, 0.04, 21.0)]));
        assert_eq!(messages(run([segment(1, 0.04, 9.9)])), "segment 1: decode times are 10.100 s after the PCR");
        assert_eq!(messages(run([segment(1, 0.04, 21.1)])), "segment 1: decode times are 1.100 s before the PCR");
    }

    #[test]
    fn a_clock_does_not_go_back() {
        let mut back = segment(1, 0.04, 19.3);
        back.inspection.as_mut().unwrap().ts.as_mut().unwrap().pcr_back_max = Some(Seconds(5.0));
        assert!(messages(run([back.clone()])).starts_with("segment 1: the PCR goes back by 5.000 s"));
        back.inspection.as_mut().unwrap().ts.as_mut().unwrap().pcr_back_max = Some(Seconds(0.001));
        assert_holds(run([back]));
    }

    #[test]
    fn a_damaged_segment_or_another_container_is_not_judged() {
        let mut lossy = segment(1, 5.0, 19.3);
        lossy.inspection.as_mut().unwrap().ts.as_mut().unwrap().continuity_errors = 1;
        assert_not_run(run([lossy]), NONE);
        let mut fragment = segment(1, 5.0, 19.3);
        fragment.inspection.as_mut().unwrap().ts = None;
        assert_not_run(run([fragment]), NONE);
    }
}
