use crate::checks::support::select;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::PartFacts;
use crate::finding::Severity;
use packager_media::container::{Container, Inspection, Track};
use packager_media::defect::DefectKind;
use packager_media::redact;
use packager_media::stream::Media;

pub const META: CheckMeta = CheckMeta {
    id: "ll_hls_part_invalid",
    severity: Severity::Major,
    group: CheckGroup::Hls,
    scope: CheckScope::LowLatencyHls,
    alert: None,
    help: "fails when one of the newest listed parts can't be fetched, isn't valid media, has another duration than \
           its DURATION, or is INDEPENDENT without a key frame",
    reference: "draft-pantos-hls-rfc8216bis-22 3.2, 4.4.4.9, 6.2.6",
    needs_history: false,
};

params! {
    /// Largest allowed difference between the measured duration of a part and its DURATION, as a ratio of DURATION.
    tolerance: f64 = 0.05,
    /// Difference in seconds between the measured duration of a part and its DURATION that is always allowed. The
    /// duration of a frame is always allowed too.
    least_seconds: f64 = 0.05,
}

/// Tolerance in seconds for the binary representation of decimal fractions.
const ROUNDING: f64 = 1e-6;
const NONE: &str = "no part was inspected";

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, NONE, |facts, _| {
        let parts = &facts.low_latency.as_ref()?.parts;
        (!parts.is_empty()).then(|| parts.iter().rev().flat_map(|p| judge(p, params)).collect())
    })
}

fn judge(part: &PartFacts, params: &Params) -> Vec<Violation> {
    let name = format!("part {} of segment {}", part.part.index, part.part.segment);
    let violation_of = |text: String| {
        let violation = Violation::new(format!("{name} {text}")).with("url", redact::url(&part.part.uri));
        violation.with("line", part.part.line).with("number", part.part.segment).with("part", part.part.index)
    };
    // byte_range_wrong reports bytes that weren't asked for.
    if part.fetched.has_wrong_range() {
        return Vec::new();
    }
    if let Some(why) = part.fetched.problem() {
        return vec![violation_of(format!("can't be fetched: {why}"))];
    }
    let Some(inspection) = &part.inspection else { return Vec::new() };
    if let Some(why) = damage(inspection) {
        return vec![violation_of(why)];
    }
    let wrong = [dependent(part, inspection), other_duration(part, inspection, params)];
    wrong.into_iter().flatten().map(violation_of).collect()
}

fn damage(inspection: &Inspection) -> Option<String> {
    let defect =
        inspection.defects.iter().find(|d| matches!(d.kind, DefectKind::Container | DefectKind::Initialization));
    match inspection.container {
        Container::Unknown => Some("isn't media of a known container".to_owned()),
        _ => defect.map(|d| format!("is damaged at {}: {}", d.at, d.message)),
    }
}

fn dependent(part: &PartFacts, inspection: &Inspection) -> Option<String> {
    let video = inspection.tracks.iter().find(|t| t.media == Some(Media::Video))?;
    let without = video.keyframes == 0 && video.samples > 0 && video.starts_with_keyframe == Some(false);
    (part.part.independent && without).then(|| "is marked INDEPENDENT=YES but has no key frame".to_owned())
}

fn other_duration(part: &PartFacts, inspection: &Inspection, params: &Params) -> Option<String> {
    let track = leading(inspection)?;
    let (declared, measured) = (part.part.duration.0, track.duration()?.0);
    let frame = measured / track.samples as f64;
    let allowed = params.least_seconds.max(frame).max(params.tolerance * declared) + ROUNDING;
    let media = track.media.map_or("media", Media::as_str);
    let off = (measured - declared).abs() > allowed;
    off.then(|| format!("lasts {measured:.3} s by its {media} timestamps, {declared:.3} s by DURATION"))
}

/// Returns the track whose duration is that of the part: video before audio (RFC 8216bis 3). `None`: there is no such
/// track, or it has a single sample, whose duration can't be measured.
fn leading(inspection: &Inspection) -> Option<&Track> {
    let of = |media| inspection.tracks.iter().find(|t| t.media == Some(media));
    of(Media::Video).or_else(|| of(Media::Audio)).filter(|t| t.samples > 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::defect::{Defect, Position};

    /// Runs ll_hls_part_invalid on a low-latency playlist whose newest part lasts 0.5 s and isn't independent. `change`
    /// changes this part.
    fn run(change: impl FnOnce(&mut PartFacts)) -> CheckVerdict {
        let mut scene = Scene::low_latency();
        change(&mut scene.rendition().low_latency.as_mut().unwrap().parts[0]);
        check(&scene.context(), &Params::default())
    }

    fn lasting(seconds: f64) -> CheckVerdict {
        run(|p| p.inspection = ts_segment(16, 100.0, seconds).inspection)
    }

    #[test]
    fn a_duration_within_a_frame_or_5_percent_holds() {
        assert_holds(run(|_| {}));
        assert_holds(lasting(0.55));
        assert_eq!(
            messages(lasting(0.6)),
            "part 1 of segment 16 lasts 0.600 s by its video timestamps, 0.500 s by DURATION"
        );
        assert_eq!(violations(lasting(0.44)).len(), 1);
    }

    #[test]
    fn a_part_that_is_not_there_fails() {
        let message = messages(run(|p| p.fetched.result.as_mut().unwrap().status = 404));
        assert_eq!(message, "part 1 of segment 16 can't be fetched: HTTP status 404");
    }

    #[test]
    fn what_is_no_sound_media_fails() {
        let change = |change: fn(&mut Inspection)| run(move |p| change(p.inspection.as_mut().unwrap()));
        assert!(messages(change(|i| i.container = Container::Unknown)).ends_with("isn't media of a known container"));
        let damaged = change(|i| {
            let (kind, at) = (DefectKind::Container, Position::Byte(7));
            i.defects.push(Defect { kind, at, message: "cut".to_owned(), reference: "" });
        });
        assert_eq!(messages(damaged), "part 1 of segment 16 is damaged at byte 7: cut");
    }

    #[test]
    fn an_independent_part_has_a_key_frame() {
        let without = |independent: bool| {
            run(move |p| {
                p.part.independent = independent;
                let video = &mut p.inspection.as_mut().unwrap().tracks[0];
                (video.keyframes, video.starts_with_keyframe) = (0, Some(false));
            })
        };
        assert_holds(without(false));
        assert_eq!(messages(without(true)), "part 1 of segment 16 is marked INDEPENDENT=YES but has no key frame");
    }

    #[test]
    fn an_encrypted_part_only_has_to_be_there() {
        assert_holds(run(|p| p.inspection = None));
    }

    #[test]
    fn without_parts_it_does_not_run() {
        let mut scene = Scene::low_latency();
        scene.rendition().low_latency.as_mut().unwrap().parts.clear();
        assert_not_run(check(&scene.context(), &Params::default()), NONE);
        assert_not_run(check(&Scene::live().context(), &Params::default()), NONE);
    }
}
