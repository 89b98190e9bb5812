use crate::checks::support::bitstream::{self, ParsedTrack};
use crate::checks::support::select;
use crate::checks::support::terms::{Terms, terms};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::codec::parameters::CodecParameters;
use packager_media::codec::rfc6381::Codec;
use packager_media::stream::Rendition;

pub const META: CheckMeta = CheckMeta {
    id: "audio_channels_mismatch",
    severity: Severity::Minor,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when the announced number of audio channels (CHANNELS of HLS, AudioChannelConfiguration of DASH) differs from the most \
           channels of any segment; Dolby streams may have fewer, and object audio isn't counted. In an MPD the value of the MPEG schemes \
           is an index of ISO/IEC 23091-3; in the older one, where packagers write the number itself, either may fit",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.6.1; ISO/IEC 23009-1 5.8.5.4; ISO/IEC 23091-3",
    needs_history: false,
};

params! {}

const MISSING: &str = "no number of audio channels is announced, or no segment with a readable number was inspected";

pub fn check(context: &CheckContext<'_>, _params: &Params) -> CheckVerdict {
    let terms = terms(context.output.protocol());
    select::judge_renditions(context, MISSING, |facts, past| {
        let announced = announced_channels(&facts.rendition)?;
        let tracks = bitstream::newest_first(context, facts, past)?;
        let counted = tracks.iter().filter_map(|t| Some((t, t.parameters.audio?.channels?)));
        let (track, actual) = counted.max_by_key(|(_, channels)| *channels)?;
        Some(mismatch(track, (actual, announced), &facts.rendition, terms).into_iter().collect())
    })
}

/// Returns the number of channels that CHANNELS announces. `None` for object audio, whose number counts objects too.
fn announced_channels(rendition: &Rendition) -> Option<u16> {
    let mut parts = rendition.channels.as_deref()?.split('/');
    let number = parts.next()?.parse().ok()?;
    let objects = parts.next().is_some_and(|coding| coding != "-" && !coding.is_empty());
    (!objects).then_some(number)
}

/// Returns a violation if the number of audio channels in a track, `actual`, doesn't fit the `announced` number.
fn mismatch(
    track: &ParsedTrack<'_>,
    (actual, announced): (u16, u16),
    rendition: &Rendition,
    terms: &Terms,
) -> Option<Violation> {
    // Programmes differ: a stream announced as 5.1 has stereo programmes too.
    let dolby = matches!(track.parameters.codec, Codec::Ac3 | Codec::Eac3);
    let fewer_allowed = dolby || may_be_stereo(track.parameters, actual);
    let fits = |announced: u16| actual == announced || (actual < announced && fewer_allowed);
    let wrong = !fits(announced) && !rendition.channels_by_index.is_some_and(fits);
    let text = rendition.channels.as_deref().unwrap_or_default();
    wrong.then(|| track.mismatch(terms.channels, text, &actual.to_string()).with("line", rendition.line))
}

/// Whether a mono AAC track may be parametric stereo: its sample rate is at most 24 kHz. Only the payload would show
/// it.
fn may_be_stereo(parameters: &CodecParameters, channels: u16) -> bool {
    let rate = parameters.audio.and_then(|s| s.sample_rate).unwrap_or(0);
    channels == 1 && rate <= 24_000 && matches!(parameters.codec, Codec::Aac { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::support::bitstream::testing::*;
    use crate::checks::testing::*;

    fn run(codec: &str, actual: u16, rate: u32, announced: &str) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.rendition().rendition.channels = Some(announced.to_owned());
        scene.remember([segment_with(5, video("avc1.64001f"), audio(codec, actual, rate))]);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn the_announced_number_holds_and_fewer_or_more_fail() {
        assert_holds(run("mp4a.40.2", 2, 48_000, "2"));
        assert_holds(run("mp4a.40.2", 2, 48_000, "2/-"));
        let found = violations(run("mp4a.40.2", 2, 48_000, "6"));
        assert_eq!(found[0].message, "CHANNELS is 6; the bitstream of segment 5 has 2");
        assert_eq!((found[0].rendition.as_deref(), &found[0].evidence["line"]), (Some(NAME), &4.into()));
        assert_eq!(violations(run("mp4a.40.2", 3, 48_000, "2")).len(), 1);
    }

    #[test]
    fn a_value_that_may_be_an_index_or_a_number_fits_as_either() {
        let run = |actual: u16| {
            let mut scene = Scene::live();
            (scene.rendition().rendition.channels, scene.rendition().rendition.channels_by_index) =
                (Some("7".to_owned()), Some(8));
            scene.remember([segment_with(5, video("avc1.64001f"), audio("mp4a.40.2", actual, 48_000))]);
            violations(check(&scene.context(), &Params::default())).len()
        };
        assert_eq!([7, 8, 6, 9, 2].map(run), [0, 0, 1, 1, 1]);
    }

    #[test]
    fn mono_aac_at_half_the_rate_may_be_parametric_stereo() {
        assert_holds(run("mp4a.40.2", 1, 24_000, "2"));
        assert_eq!(violations(run("mp4a.40.2", 1, 24_001, "2")).len(), 1);
        assert_eq!(violations(run("mp4a.40.2", 2, 24_000, "6")).len(), 1);
        assert_eq!(violations(run("opus", 1, 24_000, "2")).len(), 1);
    }

    #[test]
    fn dolby_may_have_fewer_channels_and_not_more() {
        assert_holds(run("ac-3", 2, 48_000, "6"));
        assert_holds(run("ec-3", 2, 48_000, "6"));
        assert_eq!(violations(run("ac-3", 6, 48_000, "2")).len(), 1);
    }

    #[test]
    fn the_most_channels_of_any_segment_count() {
        let mut scene = Scene::live();
        scene.rendition().rendition.channels = Some("6".to_owned());
        scene.remember(
            [(5, 6), (6, 2)].map(|(n, c)| segment_with(n, video("avc1.64001f"), audio("mp4a.40.2", c, 48_000))),
        );
        assert_holds(check(&scene.context(), &Params::default()));
    }

    #[test]
    fn without_a_comparable_number_it_does_not_run() {
        assert_not_run(run("ec-3", 6, 48_000, "16/JOC"), MISSING);
        assert_not_run(run("mp4a.40.2", 2, 48_000, "two"), MISSING);
        assert_not_run(check(&scene_with(video("avc1.64001f"), |_| {}).context(), &Params::default()), MISSING);
    }
}
