use crate::checks::support::terms::terms;
use crate::checks::support::{bitstream, dolby_vision, select};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::codec::parameters::DolbyVisionConfig;
use packager_media::stream::Media;

pub const META: CheckMeta = CheckMeta {
    id: "dolby_vision_mismatch",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when SUPPLEMENTAL-CODECS (HLS) or @scte214:supplementalCodecs (DASH) announces Dolby Vision and the sample entry of \
           fragmented MP4 has none, or has another profile, a higher level or another base layer",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.6.2",
    needs_history: false,
};

params! {}

const MISSING: &str = "no Dolby Vision is announced as supplemental codec of a fragmented MP4 that was inspected";

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let terms = terms(context.output.protocol());
    select::judge_renditions(context, MISSING, |facts, past| {
        let announced = &facts.rendition.supplemental;
        let tracks = bitstream::newest_first_with_heads(context, facts, past).filter(|_| !announced.is_empty())?;
        // A sample entry says whether there is Dolby Vision; the descriptor of a transport stream may be left out.
        let fragmented = |t: &&bitstream::ParsedTrack<'_>| t.segment.segment.map.is_some();
        let pictures = tracks.iter().filter(fragmented).filter(|t| t.track.media == Some(Media::Video));
        let pictures: Vec<_> = pictures.filter_map(|t| Some((t, t.parameters.video?.dolby_vision))).collect();
        let mismatch = |(track, actual): &(&bitstream::ParsedTrack<'_>, Option<DolbyVisionConfig>)| {
            let (declared, actual) = dolby_vision::differs(announced, *actual)?;
            Some(track.mismatch(terms.supplemental_codecs, declared, &actual).with("line", facts.rendition.line))
        };
        let first: Option<Violation> = pictures.iter().find_map(mismatch);
        (!pictures.is_empty()).then(|| first.into_iter().collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::support::bitstream::testing::*;
    use crate::checks::testing::*;
    use packager_media::stream::Map;

    /// Runs dolby_vision_mismatch on an HEVC segment with the Dolby Vision configuration `actual`, for which
    /// SUPPLEMENTAL-CODECS announces `announced`. `map`: whether it is fragmented MP4.
    fn run(announced: &[&str], actual: Option<DolbyVisionConfig>, map: bool) -> CheckVerdict {
        let mut picture = video("hvc1.2.4.L153.B0");
        picture.video.as_mut().unwrap().dolby_vision = actual;
        let mut scene = Scene::live();
        let mut segment = segment_with(5, picture, stereo());
        segment.segment.map = map.then(|| Map { uri: url("init.mp4"), byte_range: None, key: None }.into());
        scene.remember([segment]);
        scene.rendition().rendition.supplemental = announced.iter().map(|s| (*s).to_owned()).collect();
        check(&scene.context(), &Params::default())
    }

    fn profile_8(level: u8, compatibility: u8) -> Option<DolbyVisionConfig> {
        Some(DolbyVisionConfig { profile: 8, level, compatibility })
    }

    #[test]
    fn the_announced_profile_level_and_base_layer_hold() {
        assert_holds(run(&["dvh1.08.07/db4h"], profile_8(7, 4), true));
        assert_holds(run(&["dvh1.08.07/db4h"], profile_8(6, 4), true));
    }

    #[test]
    fn a_higher_level_another_base_layer_or_no_dolby_vision_fails() {
        let message = "SUPPLEMENTAL-CODECS is dvh1.08.07/db4h; the bitstream of segment 5 has no Dolby Vision";
        assert_eq!(messages(run(&["dvh1.08.07/db4h"], None, true)), message);
        let found = violations(run(&["dvh1.08.07/db4h"], profile_8(8, 4), true));
        assert_eq!((found.len(), &found[0].evidence["line"]), (1, &4.into()));
        assert_eq!(found[0].rendition.as_deref(), Some(NAME));
        assert_eq!(violations(run(&["dvh1.08.07/db4h"], profile_8(7, 1), true)).len(), 1);
    }

    #[test]
    fn it_runs_only_where_supplemental_codecs_describe_fragmented_mp4() {
        assert_not_run(run(&[], profile_8(7, 4), true), MISSING);
        assert_not_run(run(&["dvh1.08.07/db4h"], None, false), MISSING);
    }
}
