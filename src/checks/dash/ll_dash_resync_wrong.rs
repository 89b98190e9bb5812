use crate::checks::support::{representations, select};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::SegmentFacts;
use crate::finding::Severity;
use packager_media::container::Track;
use packager_media::dash::{Representation, Resync};
use packager_media::redact;

pub const META: CheckMeta = CheckMeta {
    id: "ll_dash_resync_wrong",
    severity: Severity::Minor,
    group: CheckGroup::Dash,
    scope: CheckScope::LowLatencyDash,
    alert: None,
    help: "fails when the chunks of a segment are further apart, in time or in bytes, than a Resync element of the MPD says",
    reference: "ISO/IEC 23009-1 5.3.13.2",
    needs_history: false,
};

params! {
    /// Part by which chunks may be further apart than Resync@dT and Resync@dImax say: packagers round.
    tolerance: f64 = 0.1,
}

const NO_RESYNC: &str = "no Resync element stands in the MPD, or no segment of its Representation was inspected";

/// The largest SAP type that a sync sample at the beginning of a chunk has (ISO/IEC 14496-12 I.2).
const SYNC_SAMPLE_TYPE: u32 = 2;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NO_RESYNC, |facts, past| {
        let representation = representations::of_rendition(context, facts)?;
        if representation.resyncs.is_empty() {
            return None;
        }
        let segments = select::inspected_segments(facts, past)?;
        let newest = segments.last().filter(|s| select::undamaged_inspection(s).is_some())?;
        let of_newest = |resync: &Resync| too_far_apart(newest, representation, resync, params);
        Some(representation.resyncs.iter().filter_map(of_newest).collect())
    })
}

/// A violation if points of the newest segment are further apart than `resync` says.
fn too_far_apart(
    segment: &SegmentFacts,
    representation: &Representation,
    resync: &Resync,
    params: &Params,
) -> Option<Violation> {
    let track = select::undamaged_inspection(segment)?.tracks.first()?;
    let (measured, promised, text) =
        late_point(segment, track, resync, params).or_else(|| large_point(track, representation, resync, params))?;
    let violation = Violation::new(text).with("measured", measured).with("promised", promised);
    Some(violation.with("url", redact::url(&segment.segment.uri)).with("line", representation.line))
}

fn late_point(segment: &SegmentFacts, track: &Track, resync: &Resync, params: &Params) -> Option<(f64, f64, String)> {
    // After a single key frame the next one begins the next segment.
    let only = || (track.keyframes == 1).then_some(segment.segment.duration);
    let (measured, what) = match resync.sap_type {
        0 => (track.fragment_interval_max?, "chunks"),
        1..=SYNC_SAMPLE_TYPE => (track.keyframe_interval_max.or_else(only)?, "key frames"),
        _ => return None,
    };
    let promised = resync.max_interval?;
    let text = || {
        let (type_, is, most) = (resync.sap_type, measured.0, promised.0);
        format!("{what} of a segment begin up to {is:.3} s apart; Resync@dT (type {type_}) says at most {most:.3} s")
    };
    (measured.0 > promised.0 * (1.0 + params.tolerance)).then(|| (measured.0, promised.0, text()))
}

fn large_point(
    track: &Track,
    representation: &Representation,
    resync: &Resync,
    params: &Params,
) -> Option<(f64, f64, String)> {
    let measured = track.fragment_bytes_max.filter(|_| resync.sap_type == 0)? as f64;
    let promised = resync.max_bytes_by_bandwidth? * representation.bandwidth? as f64;
    let text = || {
        format!(
            "chunks of a segment begin up to {measured:.0} bytes apart; Resync@dImax says at most {promised:.0} bytes"
        )
    };
    (measured > promised * (1.0 + params.tolerance)).then(|| (measured, promised, text()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::units::Seconds;

    fn run(resync: &str, change: impl FnOnce(&mut Track)) -> CheckVerdict {
        let mpd =
            paced().replace("</SegmentTemplate>", "").replace("<Representation ", &format!("{resync}<Representation "));
        let mut scene = Scene::dash(&mpd);
        let mut segment = ts_segment(1, 0.0, 2.0);
        let track = &mut segment.inspection.as_mut().unwrap().tracks[0];
        (track.fragment_interval_max, track.fragment_bytes_max) = (Some(Seconds(0.4)), Some(50_000));
        change(track);
        scene.remember(vec![segment]);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn chunks_as_far_apart_as_said_hold() {
        assert_holds(run("<Resync dT=\"400\"/>", |_| {}));
        assert_holds(run("<Resync dT=\"400\"/>", |t| t.fragment_interval_max = Some(Seconds(0.44))));
        assert_holds(run("<Resync dT=\"100\" type=\"3\"/>", |_| {}));
        assert_holds(run("<Resync dImax=\"0.05\"/>", |_| {}));
        assert_not_run(run("", |_| {}), NO_RESYNC);
    }

    #[test]
    fn chunks_key_frames_and_bytes_further_apart_are_named() {
        let text = "chunks of a segment begin up to 0.400 s apart; Resync@dT (type 0) says at most 0.200 s";
        assert_eq!(messages(run("<Resync dT=\"200\"/>", |_| {})), text);
        let rare = run("<Resync dT=\"400\" type=\"1\"/>", |t| t.keyframe_interval_max = Some(Seconds(1.0)));
        assert!(messages(rare).starts_with("key frames of a segment begin up to 1.000 s apart; Resync@dT (type 1)"));
        let single = run("<Resync dT=\"400\" type=\"2\"/>", |t| (t.keyframe_interval_max, t.keyframes) = (None, 1));
        assert!(messages(single).starts_with("key frames of a segment begin up to 2.000 s apart; Resync@dT (type 2)"));
        assert_holds(run("<Resync dT=\"2000\" type=\"2\"/>", |t| (t.keyframe_interval_max, t.keyframes) = (None, 1)));
        let text = "chunks of a segment begin up to 50000 bytes apart; Resync@dImax says at most 10000 bytes";
        assert_eq!(messages(run("<Resync dImax=\"0.01\"/>", |_| {})), text);
    }
}
