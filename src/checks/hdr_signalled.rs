use super::input::NO_MANIFEST;
use super::{Context, Group, Meta, Verdict, Violation};
use crate::finding::Severity;
use crate::stream::{Media, Rendition};

pub const META: Meta = Meta {
    id: "hdr_signalled",
    severity: Severity::Major,
    group: Group::Ladder,
    help: "fails when a channel with is_hdr has no rung with VIDEO-RANGE PQ or HLG, one without it has some, or Dolby Vision profile 5 \
           isn't announced as PQ",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.6.2 (VIDEO-RANGE)",
    needs_history: false,
};

params! {}

pub fn check(context: &Context<'_>, _params: &Params) -> Verdict {
    if !context.output.parsed {
        return Verdict::NotRun(NO_MANIFEST);
    }
    let renditions = context.output.renditions.iter().map(|r| &r.rendition);
    let video: Vec<_> = renditions.filter(|r| r.media == Media::Video).collect();
    if context.output.direct || video.is_empty() {
        return Verdict::NotRun("no variant with video is listed");
    }
    let mut found: Vec<_> = video.iter().filter_map(|r| dolby_vision(r)).collect();
    match context.expected.hdr {
        Some(true) if !video.iter().any(|r| is_hdr(r)) => {
            found.push(Violation::new(
                "the channel is HDR, but no variant has VIDEO-RANGE=PQ or HLG: players show it as SDR",
            ));
        }
        Some(false) => found.extend(video.iter().filter(|r| is_hdr(r)).map(|r| unexpected(r))),
        _ => {}
    }
    Verdict::Ran(found)
}

fn is_hdr(rendition: &Rendition) -> bool {
    matches!(rendition.video_range.as_deref(), Some("PQ" | "HLG"))
}

fn unexpected(rendition: &Rendition) -> Violation {
    let range = rendition.video_range.clone().unwrap_or_default();
    let message = format!("VIDEO-RANGE is {range}, but the channel isn't HDR (is_hdr)");
    Violation::new(message).of(&rendition.name).with("video_range", range).with("line", rendition.line)
}

/// Profile 5 has no base layer that is SDR or HLG.
fn dolby_vision(rendition: &Rendition) -> Option<Violation> {
    let codec = rendition.codecs.iter().find(|c| c.starts_with("dvh1.05") || c.starts_with("dvhe.05"))?;
    if rendition.video_range.as_deref() == Some("PQ") {
        return None;
    }
    let range = rendition.video_range.clone().unwrap_or_else(|| "SDR by its absence".to_owned());
    let message = format!("{codec} is PQ, VIDEO-RANGE is {range}");
    Some(Violation::new(message).of(&rendition.name).with("line", rendition.line))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn run(range: Option<&str>, hdr: Option<bool>, codec: &str) -> Verdict {
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
