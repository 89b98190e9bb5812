use crate::checks::support::select;
use crate::checks::support::terms::{Terms, terms};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, derived};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::stream::Media;
use packager_media::units::{self, BitsPerSecond};

pub const META: CheckMeta = CheckMeta {
    id: "bitrate_collapsed",
    severity: Severity::Major,
    group: CheckGroup::Ladder,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when the newest segments of a variant together have a small part of the bit rate declared: the encoder feeds black, a \
           still picture, or nothing",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.6.2; HLS authoring specification 1.28",
    needs_history: false,
};

params! {
    /// Smallest allowed ratio of the measured mean bit rate to AVERAGE-BANDWIDTH. If AVERAGE-BANDWIDTH is missing or above
    /// BANDWIDTH, half of this ratio to BANDWIDTH is allowed.
    min_ratio: f64 = 0.2,
    /// Number of newest segments whose mean bit rate is judged. If fewer were inspected, the check does not run.
    segments: usize = 5,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let missing = "too few segments of a variant with a declared bit rate were inspected";
    let terms = terms(context.output.protocol());
    select::judge_renditions(context, missing, |facts, past| judge(context, (facts, past), terms, params))
}

fn judge(
    context: &CheckContext<'_>,
    (facts, past): (&RenditionFacts, &RenditionHistory),
    terms: &Terms,
    params: &Params,
) -> Option<Vec<Violation>> {
    let rendition = &facts.rendition;
    // Subtitles have hardly a bit while nobody speaks.
    if rendition.media == Media::Text {
        return None;
    }
    // An average above the peak is a mistake, so that the peak counts.
    let plausible = |average: &BitsPerSecond| rendition.bandwidth.is_none_or(|peak| average.0 <= peak.0);
    let (declared, name, least) = match (rendition.average_bandwidth.filter(plausible), rendition.bandwidth) {
        (Some(average), _) => (average.0 as f64, "AVERAGE-BANDWIDTH", params.min_ratio),
        (None, Some(peak)) => (peak.0 as f64, terms.bandwidth, params.min_ratio / 2.0),
        (None, None) => return None,
    };
    let measured = select::measurable_segments(context, facts, past)?;
    let count = params.segments.max(1);
    if declared <= 0.0 || measured.len() < count {
        return None;
    }
    let rate = derived::bit_rate(measured.iter().rev().take(count).copied())?;
    let ratio = rate / declared;
    if ratio >= least {
        return Some(Vec::new());
    }
    let (has, of) = units::distinct(rate / 1000.0, declared / 1000.0, 0);
    let question = if rendition.media == Media::Audio { "is there sound?" } else { "is the picture black or still?" };
    let message = format!(
        "the newest {count} segments have {has} kbit/s, {:.1} % of {name} ({of} kbit/s): {question}",
        ratio * 100.0,
    );
    let violation = Violation::new(message).with("bits_per_second", rate).with("declared", declared);
    Some(vec![violation.with("ratio", ratio).with("segments", count)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;

    const FEW: &str = "too few segments of a variant with a declared bit rate were inspected";

    /// Runs bitrate_collapsed on `count` segments of 2 s and 1000 bytes, whose bit rate is 4000 bits per second.
    /// `average` is AVERAGE-BANDWIDTH, `peak` is BANDWIDTH.
    fn run(average: Option<u64>, peak: u64, count: u64) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.rendition().rendition.bandwidth = Some(BitsPerSecond(peak));
        scene.rendition().rendition.average_bandwidth = average.map(BitsPerSecond);
        scene.remember((1..=count).map(|n| ts_segment(n, 2.0 * n as f64, 2.0)));
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn subtitles_may_be_silent() {
        let mut scene = Scene::live();
        scene.rendition().rendition.media = Media::Text;
        scene.rendition().rendition.bandwidth = Some(BitsPerSecond(400_000));
        scene.remember((1..=5).map(|n| ts_segment(n, 2.0 * n as f64, 2.0)));
        assert_not_run(check(&scene.context(), &Params::default()), FEW);
    }

    #[test]
    fn a_fifth_of_the_average_holds_and_less_fails() {
        assert_holds(run(Some(20_000), 1_000_000, 5));
        let message = messages(run(Some(20_020), 1_000_000, 5));
        assert!(message.starts_with("the newest 5 segments have 4 kbit/s, 20.0 % of AVERAGE-BANDWIDTH"), "{message}");
    }

    #[test]
    fn an_average_above_the_peak_does_not_count() {
        assert_holds(run(Some(1_000_000), 40_000, 5));
        assert!(messages(run(Some(1_000_000), 40_040, 5)).contains("of BANDWIDTH"));
        assert_eq!(violations(run(Some(1_000_000), 1_000_000, 5)).len(), 1, "it may be the peak");
    }

    #[test]
    fn a_tenth_of_the_peak_where_there_is_no_average() {
        assert_holds(run(None, 40_000, 5));
        assert_eq!(violations(run(None, 40_040, 5)).len(), 1);
    }

    #[test]
    fn pages_instead_of_media_have_no_bit_rate() {
        let mut scene = Scene::live();
        let page = |n| {
            let mut segment = ts_segment(n, 2.0 * n as f64, 2.0);
            segment.inspection.as_mut().unwrap().container = packager_media::container::Container::Unknown;
            segment
        };
        scene.remember((1..9).map(page));
        assert_not_run(check(&scene.context(), &Params::default()), FEW);
    }

    #[test]
    fn a_few_segments_are_not_enough() {
        assert_not_run(run(Some(1_000_000), 1_000_000, 4), FEW);
        let mut scene = Scene::live();
        scene.rendition().rendition.bandwidth = None;
        scene.remember((1..9).map(|n| ts_segment(n, 2.0 * n as f64, 2.0)));
        assert_not_run(check(&scene.context(), &Params::default()), FEW);
    }
}
