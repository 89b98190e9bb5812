use crate::checks::support::ad_breaks;
use crate::checks::support::select::{self, NO_MANIFEST, segment_violation};
use crate::checks::support::terms::terms;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::codec::parameters::DynamicRange;
use packager_media::stream::{Media, Protocol, Rendition};

pub const META: CheckMeta = CheckMeta {
    id: "hdr_mismatch",
    severity: Severity::Major,
    group: CheckGroup::Ladder,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when a channel with is_hdr true has no rung with VIDEO-RANGE PQ or HLG, one with is_hdr false has some, Dolby Vision profile 5 \
           isn't announced as PQ, or the bitstream's transfer characteristics say another range than VIDEO-RANGE (or, of a media \
           playlist by itself, than is_hdr). PQ may be mixed with HLG and SDR, and HLG with SDR: such segments fail unless they are in an ad break \
           or another inspected segment has the announced range. In an MPD the property TransferCharacteristics stands for VIDEO-RANGE, and where it is \
           missing the bitstream has to be what is_hdr says. A channel without is_hdr, and a URL as target, may have any range",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.6.2 (VIDEO-RANGE); ISO/IEC 23091-2 8.2; DASH-IF IOP 4.3 10.3",
    needs_history: false,
};

params! {}

const UNTOLD: &str = "a media playlist has no VIDEO-RANGE, and the channel's is_hdr is not set";

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    if !context.output.is_readable() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let renditions = context.output.renditions.iter().map(|r| &r.rendition);
    let video: Vec<_> = renditions.filter(|r| r.media == Media::Video).collect();
    if context.output.is_media_playlist() {
        return judge_bitstream_only(context);
    }
    if video.is_empty() {
        return CheckVerdict::NotRun("no variant with video is listed");
    }
    let name = terms(context.output.protocol()).video_range;
    // An MPD may leave it to the bitstream.
    let silent = |r: &Rendition| context.output.protocol() == Protocol::Dash && r.video_range.is_none();
    let mut found: Vec<_> = video.iter().filter(|r| !silent(r)).filter_map(|r| dolby_vision(name, r)).collect();
    match context.expected.hdr {
        Some(true) if video.iter().all(|r| silent(r)) => {}
        Some(true) if !video.iter().any(|r| is_hdr(r)) => {
            let message = format!("the channel is HDR, but no rung has {name} PQ or HLG: players show it as SDR");
            found.push(Violation::new(message));
        }
        Some(false) => found.extend(video.iter().filter(|r| is_hdr(r)).map(|r| unexpected(name, r))),
        _ => {}
    }
    let rungs = context.renditions().filter(|(facts, _)| facts.rendition.media == Media::Video);
    let known: Vec<_> =
        rungs.filter_map(|(facts, past)| Some((facts, past, newest_range(context, facts, past)?))).collect();
    let some_hdr = known.iter().any(|(facts, _, (_, actual))| is_hdr(&facts.rendition) || *actual != DynamicRange::Sdr);
    found.extend(known.iter().filter_map(|(facts, past, (segment, actual))| match context.expected.hdr {
        // There are rungs in SDR beside.
        Some(true) if silent(&facts.rendition) && some_hdr => None,
        hdr if silent(&facts.rendition) => against_channel(facts, segment, *actual, hdr?),
        _ if is_mixed(context, facts, past, *actual) => None,
        _ => bitstream(name, &facts.rendition, segment, *actual),
    }));
    CheckVerdict::Ran(found)
}

/// Judges an output that is a media playlist without a multivariant playlist. It announces no dynamic range, so the
/// bitstream is compared with the channel's own setting.
fn judge_bitstream_only(context: &CheckContext<'_>) -> CheckVerdict {
    let known = context.renditions().find_map(|(facts, past)| {
        let (segment, actual) = newest_range(context, facts, past)?;
        Some((facts, segment, actual))
    });
    let Some(hdr) = context.expected.hdr else { return CheckVerdict::NotRun(UNTOLD) };
    let Some((facts, segment, actual)) = known else {
        return CheckVerdict::NotRun("no variant is listed, and no segment says its dynamic range");
    };
    CheckVerdict::Ran(against_channel(facts, segment, actual, hdr).into_iter().collect())
}

fn against_channel(
    facts: &RenditionFacts,
    segment: &SegmentFacts,
    actual: DynamicRange,
    hdr: bool,
) -> Option<Violation> {
    if hdr == (actual != DynamicRange::Sdr) {
        return None;
    }
    let (number, actual) = (segment.segment.number, actual.as_str());
    let expected = if hdr { "the channel is HDR" } else { "the channel is SDR (is_hdr is false)" };
    let message = format!("the bitstream of segment {number} is {actual}, {expected}");
    Some(segment_violation(segment, message).in_rendition(&facts.rendition.name).with("actual", actual))
}

/// Compares the dynamic range in the newest segment's bitstream with VIDEO-RANGE, which is SDR if it is missing (RFC
/// 8216bis, 4.4.6.2).
fn bitstream(name: &str, rendition: &Rendition, segment: &SegmentFacts, actual: DynamicRange) -> Option<Violation> {
    let declared = rendition.video_range.as_deref().unwrap_or("SDR");
    if actual.as_str() == declared {
        return None;
    }
    let range = if rendition.video_range.is_some() { declared } else { "missing, which means SDR" };
    let (number, actual) = (segment.segment.number, actual.as_str());
    let message = format!("{name} is {range}, the bitstream of segment {number} is {actual}");
    let violation = segment_violation(segment, message).in_rendition(&rendition.name).with("declared", declared);
    Some(violation.with("actual", actual).with("line", rendition.line))
}

/// Whether the newest segment has a range with which media of the announced range may be mixed (RFC 8216bis, 4.4.6.2), such as an ad in SDR
/// within PQ: the live edge is in an ad break, or another inspected segment has the announced range.
fn is_mixed(context: &CheckContext<'_>, facts: &RenditionFacts, past: &RenditionHistory, actual: DynamicRange) -> bool {
    let announced = match (facts.rendition.video_range.as_deref(), actual) {
        (Some("PQ"), DynamicRange::Sdr | DynamicRange::Hlg) => DynamicRange::Pq,
        (Some("HLG"), DynamicRange::Sdr) => DynamicRange::Hlg,
        _ => return false,
    };
    let in_break = || facts.timeline.as_deref().is_some_and(|timeline| ad_breaks::is_in_break(timeline, past));
    let segments = select::inspected_segments(facts, past).map(|segments| select::described(context, segments));
    segments.into_iter().flatten().any(|s| range(s) == Some(announced)) || in_break()
}

fn newest_range<'a>(
    context: &CheckContext<'_>,
    facts: &RenditionFacts,
    past: &'a RenditionHistory,
) -> Option<(&'a SegmentFacts, DynamicRange)> {
    let segments = select::described(context, select::inspected_segments(facts, past)?);
    segments.into_iter().rev().find_map(|s| Some((s, range(s)?)))
}

fn range(segment: &SegmentFacts) -> Option<DynamicRange> {
    let tracks = &select::undamaged_inspection(segment)?.tracks;
    tracks.iter().find_map(|t| t.parameters.as_ref()?.video?.dynamic_range())
}

fn is_hdr(rendition: &Rendition) -> bool {
    matches!(rendition.video_range.as_deref(), Some("PQ" | "HLG"))
}

fn unexpected(name: &str, rendition: &Rendition) -> Violation {
    let range = rendition.video_range.clone().unwrap_or_default();
    let message = format!("{name} is {range}, but the channel is SDR (is_hdr is false)");
    Violation::new(message).in_rendition(&rendition.name).with("video_range", range).with("line", rendition.line)
}

/// Returns a violation if a Dolby Vision profile 5 rendition is not announced as PQ, because that profile has no
/// compatible base layer.
fn dolby_vision(name: &str, rendition: &Rendition) -> Option<Violation> {
    let codec = rendition.codecs.iter().find(|c| c.starts_with("dvh1.05") || c.starts_with("dvhe.05"))?;
    if rendition.video_range.as_deref() == Some("PQ") {
        return None;
    }
    let range = rendition.video_range.clone().unwrap_or_else(|| "SDR by its absence".to_owned());
    let message = format!("{codec} is PQ, {name} is {range}");
    Some(Violation::new(message).in_rendition(&rendition.name).with("line", rendition.line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::ManifestFacts;
    use packager_media::codec::parameters::{CodecParameters, ColourDescription, VideoParameters};
    use packager_media::codec::rfc6381::Codec;
    use packager_media::stream::ads::Marker;
    use std::sync::Arc;

    fn run(range: Option<&str>, hdr: Option<bool>, codec: &str) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.expected.hdr = hdr;
        scene.rendition().rendition.video_range = range.map(str::to_owned);
        scene.rendition().rendition.codecs = vec![codec.to_owned()];
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn range_and_channel_agree() {
        for (range, hdr) in [(None, Some(false)), (Some("SDR"), Some(false)), (Some("PQ"), Some(true))] {
            assert_holds(run(range, hdr, "hvc1.2.4.L153"));
        }
        assert_holds(run(Some("HLG"), Some(true), "hvc1.2.4.L153"));
        assert_holds(run(Some("HLG"), None, "hvc1.2.4.L153"));
        assert!(messages(run(None, Some(true), "hvc1.2.4.L153")).starts_with("the channel is HDR"));
        assert!(messages(run(Some("PQ"), Some(false), "hvc1.2.4.L153")).starts_with("VIDEO-RANGE is PQ"));
    }

    #[test]
    fn dolby_vision_profile_5_is_pq() {
        assert_holds(run(Some("PQ"), Some(true), "dvh1.05.06"));
        assert_eq!(messages(run(None, None, "dvh1.05.06")), "dvh1.05.06 is PQ, VIDEO-RANGE is SDR by its absence");
    }

    fn with_transfer(range: Option<&str>, hdr: Option<bool>, transfer: u16) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.expected.hdr = hdr;
        scene.rendition().rendition.video_range = range.map(str::to_owned);
        scene.remember([of_transfer(5, transfer)]);
        check(&scene.context(), &Params::default())
    }

    fn of_transfer(number: u64, transfer: u16) -> SegmentFacts {
        let mut segment = ts_segment(number, 2.0 * number as f64, 2.0);
        let colour = Some(ColourDescription { primaries: 9, transfer, matrix: 9 });
        let codec = Codec::parse("hvc1.2.4.L153.B0").unwrap();
        let parameters = CodecParameters::with_video(codec, VideoParameters { colour, ..VideoParameters::default() });
        segment.inspection.as_mut().unwrap().tracks[0].parameters = Some(Arc::new(parameters));
        segment
    }

    #[test]
    fn the_bitstream_and_the_range_agree() {
        for (range, transfer) in [(Some("PQ"), 16), (Some("HLG"), 18), (Some("SDR"), 1), (None, 1), (None, 2)] {
            assert_holds(with_transfer(range, None, transfer));
        }
        assert_holds(with_transfer(Some("HLG"), None, 14));
        let unsaid = "VIDEO-RANGE is missing, which means SDR, the bitstream of segment 5 is PQ";
        assert_eq!(messages(with_transfer(None, Some(false), 16)), unsaid);
        assert_eq!(
            messages(with_transfer(Some("PQ"), None, 18)),
            "VIDEO-RANGE is PQ, the bitstream of segment 5 is HLG"
        );
        let sdr = "VIDEO-RANGE is PQ, the bitstream of segment 5 is SDR";
        assert_eq!(messages(with_transfer(Some("PQ"), Some(true), 1)), sdr);
    }

    #[test]
    fn a_range_may_be_mixed_with_lower_ones_where_it_is_there_itself() {
        let run = |range: &str, transfers: [u16; 2], change: fn(&mut Scene)| {
            let mut scene = Scene::live();
            scene.rendition().rendition.video_range = Some(range.to_owned());
            scene.remember([5, 6].into_iter().zip(transfers).map(|(number, transfer)| of_transfer(number, transfer)));
            change(&mut scene);
            check(&scene.context(), &Params::default())
        };
        let unchanged = |_: &mut Scene| {};
        for (range, transfers) in [("PQ", [16, 1]), ("PQ", [16, 18]), ("HLG", [18, 1])] {
            assert_holds(run(range, transfers, unchanged));
        }
        for (range, transfers, actual) in [("PQ", [18, 1], "SDR"), ("HLG", [18, 16], "PQ"), ("SDR", [1, 18], "HLG")] {
            assert_eq!(
                messages(run(range, transfers, unchanged)),
                format!("VIDEO-RANGE is {range}, the bitstream of segment 6 is {actual}")
            );
        }
        let in_break = |scene: &mut Scene| {
            scene.timeline().markers = vec![Marker { kind: ad_breaks::testing::out(30.0), number: 12, line: 20 }];
        };
        assert_holds(run("PQ", [1, 1], in_break));
    }

    #[test]
    fn a_media_playlist_by_itself_is_what_the_channel_is() {
        let run = |hdr, transfer: Option<u16>| {
            let mut scene = Scene::live();
            scene.output.content = ManifestFacts::HlsMedia;
            scene.expected.hdr = hdr;
            let mut segment = ts_segment(5, 10.0, 2.0);
            let colour = transfer.map(|transfer| ColourDescription { primaries: 9, transfer, matrix: 9 });
            let codec = Codec::parse("hvc1.2.4.L153.B0").unwrap();
            let parameters =
                CodecParameters::with_video(codec, VideoParameters { colour, ..VideoParameters::default() });
            segment.inspection.as_mut().unwrap().tracks[0].parameters = Some(Arc::new(parameters));
            scene.remember([segment]);
            check(&scene.context(), &Params::default())
        };
        assert_holds(run(Some(true), Some(18)));
        assert_holds(run(Some(false), Some(1)));
        assert_eq!(messages(run(Some(true), Some(1))), "the bitstream of segment 5 is SDR, the channel is HDR");
        let sdr = "the bitstream of segment 5 is PQ, the channel is SDR (is_hdr is false)";
        assert_eq!(messages(run(Some(false), Some(16))), sdr);
        assert_not_run(run(Some(true), None), "no variant is listed, and no segment says its dynamic range");
        assert_not_run(run(None, Some(16)), UNTOLD);
    }

    #[test]
    fn an_mpd_may_leave_the_range_to_the_bitstream() {
        let run = |range: Option<&str>, hdr: Option<bool>, transfer: u16, beside: Option<u16>| {
            let mut scene = Scene::live();
            scene.become_dash();
            scene.expected.hdr = hdr;
            let codec = Codec::parse("hvc1.2.4.L153.B0").unwrap();
            let of = |transfer| {
                let mut segment = ts_segment(5, 10.0, 2.0);
                let colour = Some(ColourDescription { primaries: 9, transfer, matrix: 9 });
                let parameters =
                    CodecParameters::with_video(codec, VideoParameters { colour, ..VideoParameters::default() });
                segment.inspection.as_mut().unwrap().tracks[0].parameters = Some(Arc::new(parameters));
                segment
            };
            scene.rendition().rendition.video_range = range.map(str::to_owned);
            scene.remember([of(transfer)]);
            if let Some(transfer) = beside {
                scene.output.renditions.push(rendition("beside"));
                let segments = vec![Arc::new(of(transfer))];
                scene
                    .history
                    .renditions
                    .insert("beside".to_owned(), RenditionHistory { segments, ..Default::default() });
            }
            check(&scene.context(), &Params::default())
        };
        for hdr in [None, Some(true)] {
            assert_holds(run(None, hdr, 16, None));
        }
        assert_holds(run(None, Some(true), 1, Some(16)));
        assert_holds(run(None, Some(false), 1, None));
        assert_eq!(messages(run(None, Some(true), 1, None)), "the bitstream of segment 5 is SDR, the channel is HDR");
        let pq = "the bitstream of segment 5 is PQ, the channel is SDR (is_hdr is false)";
        assert_eq!(messages(run(None, Some(false), 16, None)), pq);
        assert_eq!(
            messages(run(Some("PQ"), None, 18, None)),
            "TransferCharacteristics is PQ, the bitstream of segment 5 is HLG"
        );
    }

    #[test]
    fn one_hdr_rung_beside_others_is_enough() {
        let mut scene = Scene::live();
        scene.expected.hdr = Some(true);
        scene.output.renditions.push(rendition("hdr"));
        scene.output.renditions[1].rendition.video_range = Some("PQ".to_owned());
        assert_holds(check(&scene.context(), &Params::default()));
    }

    #[test]
    fn without_video_it_does_not_run() {
        assert_not_run(check(&Scene::unreadable().context(), &Params::default()), NO_MANIFEST);
        let mut scene = Scene::live();
        scene.rendition().rendition.media = Media::Audio;
        assert_not_run(check(&scene.context(), &Params::default()), "no variant with video is listed");
    }
}
