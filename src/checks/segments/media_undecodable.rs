use crate::checks::support::decoded;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use crate::history::{UNDECODABLE_PIECES, Undecodable};

pub const META: CheckMeta = CheckMeta {
    id: "media_undecodable",
    severity: Severity::Major,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when ffmpeg gets less than four tenths of the pictures or of the sound out of whole segments, in two decodes in a \
           row: an initialization segment or parameter sets of another encoder, or damaged media. Critical if the output has no other \
           rendition of that kind. Judged are H.264, HEVC, AAC-LC, HE-AAC, AC-3, E-AC-3 and MPEG audio",
    reference: "this project (docs/signal.md)",
    needs_history: false,
};

params! {}

pub fn check(context: &CheckContext<'_>, _: &Params) -> CheckVerdict {
    decoded::judge_decodes(context, |facts, signal| {
        let halves = [("pictures", signal.undecodable_picture()), ("sound", signal.undecodable_sound())];
        let judged = halves.into_iter().filter_map(|(what, undecodable)| Some((what, undecodable, undecodable.share?)));
        let judged: Vec<_> = judged.collect();
        let severity = if is_only_one(context, facts) { Severity::Critical } else { Severity::Major };
        let violations = judged.iter().filter_map(|(what, undecodable, share)| violation(what, *undecodable, *share));
        (!judged.is_empty()).then(|| violations.map(|violation| violation.severity(severity)).collect())
    })
}

/// Whether the output has no other rendition of the same kind of media.
fn is_only_one(context: &CheckContext<'_>, facts: &RenditionFacts) -> bool {
    context.renditions().filter(|(other, _)| other.rendition.media == facts.rendition.media).count() == 1
}

fn violation(what: &str, undecodable: Undecodable, share: f64) -> Option<Violation> {
    let decodes = undecodable.pieces;
    let nothing = if what == "pictures" { "nothing but concealed errors" } else { "nothing" };
    let got = if share < 0.005 { nothing.to_owned() } else { format!("{:.0} %", share * 100.0) };
    let message =
        format!("ffmpeg gets {got} of the {what} out of the newest decoded segments, in {decodes} decodes in a row");
    (decodes >= UNDECODABLE_PIECES)
        .then(|| Violation::new(message).with("decoded_ratio", share).with("decodes", u64::from(decodes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    fn found(decodes: &[(f64, f64)]) -> Vec<Violation> {
        let mut scene = Scene::live();
        scene.decode(decodes.iter().map(|(picture, sound)| Decode {
            picture_share: Some(*picture),
            sound_share: Some(*sound),
            ..Decode::moving()
        }));
        violations(check(&scene.context(), &Params::default()))
    }

    #[test]
    fn a_picture_that_cannot_be_decoded_fails_after_two_decodes() {
        assert!(found(&[(0.0, 1.0)]).is_empty());
        let failed = found(&[(1.0, 1.0), (0.0, 1.0), (0.0, 1.0)]);
        assert_eq!(
            failed[0].message,
            "ffmpeg gets nothing but concealed errors of the pictures out of the newest decoded segments, in 2 decodes in a row"
        );
        assert_eq!(failed[0].severity, Some(Severity::Critical));
        assert!(
            found(&[(0.0, 1.0), (0.0, 1.0), (1.0, 1.0)]).is_empty(),
            "it ends with a decode that shows the picture"
        );
    }

    #[test]
    fn four_tenths_are_enough() {
        assert!(found(&[(0.4, 1.0), (0.41, 1.0)]).is_empty());
        let failed = found(&[(0.39, 1.0), (0.38, 1.0)]);
        assert!(failed[0].message.starts_with("ffmpeg gets 38 % of the pictures"), "{}", failed[0].message);
    }

    #[test]
    fn sound_is_judged_as_the_picture_is() {
        let failed = found(&[(1.0, 0.0), (1.0, 0.0)]);
        assert!(failed.len() == 1 && failed[0].message.starts_with("ffmpeg gets nothing of the sound"));
    }

    #[test]
    fn one_of_several_rungs_is_major() {
        let mut scene = Scene::live();
        scene.output.renditions.push(rendition("480p"));
        scene.decode([(); 2].map(|()| Decode { picture_share: Some(0.0), ..Decode::moving() }));
        let failed = violations(check(&scene.context(), &Params::default()));
        assert_eq!((failed.len(), failed[0].severity), (1, Some(Severity::Major)));
    }

    #[test]
    fn what_a_decoder_lacks_is_not_judged() {
        let mut scene = Scene::live();
        let off = "nothing is decoded, because the template sets `signal: off`";
        assert_not_run(check(&scene.context(), &Params::default()), off);
        scene.decode([(); 2].map(|()| Decode { picture_share: None, ..Decode::moving() }));
        assert_not_run(check(&scene.context(), &Params::default()), off);
    }
}
