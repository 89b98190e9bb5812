use crate::checks::support::{decoded, select};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::RenditionFacts;
use crate::finding::Severity;
use crate::history::{MosTrend, RenditionHistory};

pub const META: CheckMeta = CheckMeta {
    id: "mos_low",
    severity: Severity::Warning,
    group: CheckGroup::Segments,
    scope: CheckScope::Any,
    alert: Some("SignalPoor"),
    help: "fails when the estimated mean opinion score of a video rendition, in two segments (or decodes) in a row, is `fall` or more \
           below the rendition's own median of the last 24 h, which needs `least_values`; or below the template's `min_mos` on the \
           top rung. The estimate rests on quantizers, never on the bit rate; docs/signal.md has its errors",
    reference: "this project (docs/signal.md)",
    needs_history: false,
};

params! {
    /// Difference to the median of the last 24 h from which the check fails.
    fall: f64 = 0.7,
    /// Number of values that the median needs. One value counts in four minutes.
    least_values: u32 = 30,
}

const NO_ESTIMATE: &str =
    "no video rendition has estimates of two segments, with `min_mos` or enough values of the last 24 h";
/// Estimates and differences are rounded to this when they are compared with a limit.
const EPSILON: f64 = 1e-6;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let top = context.output.top_rung();
    select::judge_renditions(context, NO_ESTIMATE, |facts, past| {
        let is_top = top.is_some_and(|top| top == facts.rendition.name);
        let least_mos = context.thresholds.min_mos.filter(|_| is_top);
        judge(&trends(context, facts, past), context, least_mos, params)
    })
}

/// The estimates of a rendition that count now, the better ones first.
fn trends<'a>(context: &CheckContext<'_>, facts: &RenditionFacts, past: &'a RenditionHistory) -> Vec<&'a MosTrend> {
    let by_content = decoded::signal(context, past).map(|signal| &signal.mos.decoded);
    let is_inspected = select::inspected_segments(facts, past).is_some();
    by_content.into_iter().chain(is_inspected.then_some(&past.signal.mos.inspected)).collect()
}

/// Judges a rendition by the first of its trends that has what is needed. `None` if none has.
fn judge(
    trends: &[&MosTrend],
    context: &CheckContext<'_>,
    least_mos: Option<f64>,
    params: &Params,
) -> Option<Vec<Violation>> {
    let least_values = usize::try_from(params.least_values).unwrap_or(usize::MAX);
    let fallen =
        trends.iter().find_map(|trend| Some((trend.better_of_two()?, trend.median(context.now, least_values)?)));
    let on_top = least_mos.and_then(|least| Some((trends.iter().find_map(|trend| trend.better_of_two())?, least)));
    if fallen.is_none() && on_top.is_none() {
        return None;
    }
    let fallen = fallen.filter(|(mos, median)| median - mos >= params.fall - EPSILON).map(|(mos, median)| {
        let below = median - mos;
        let text = format!(
            "the estimated mean opinion score is at most {mos:.2} in two segments in a row, {below:.2} below the median of the last \
             24 h, {median:.2}"
        );
        Violation::new(text).with("mos", mos).with("median_mos", median)
    });
    let on_top = on_top.filter(|(mos, least)| *mos < least - EPSILON).map(|(mos, least)| {
        let text = format!(
            "the estimated mean opinion score of the top rung is at most {mos:.2} in two segments in a row, below `min_mos`, {least}"
        );
        Violation::new(text).with("mos", mos).with("min_mos", least)
    });
    Some(fallen.into_iter().chain(on_top).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use crate::facts::mos::{CodedBy, PictureCoding, mean_opinion_score};
    use packager_media::stream::Resolution;
    use packager_media::units::BitsPerSecond;

    /// A scene in which segments with these quantizers were inspected, one in five minutes, the last at the time of the probe.
    fn scene(quantizers: &[i32]) -> Scene {
        let mut scene = Scene::live();
        scene.remember([ts_segment(15, 30.0, 2.0)]);
        scene.inspect_quantizers(quantizers);
        scene
    }

    fn verdict(scene: &Scene) -> CheckVerdict {
        check(&scene.context(), &Params::default())
    }

    fn mos(quantizer: f64) -> f64 {
        mean_opinion_score(PictureCoding { codec: CodedBy::H264, quantizer, upscaling: 1.0 }, None)
    }

    /// The best quantizer whose estimate is so much below that of `from`.
    fn quantizer_below(from: i32, fall: f64) -> i32 {
        (from..=51).find(|quantizer| mos(f64::from(from)) - mos(f64::from(*quantizer)) >= fall).unwrap()
    }

    fn day(quantizer: i32, last: &[i32]) -> Vec<i32> {
        [&vec![quantizer; 40][..], last].concat()
    }

    #[test]
    fn a_fall_counts_from_its_limit_on_in_two_segments_in_a_row() {
        let low = quantizer_below(24, 0.7);
        let found = violations(verdict(&scene(&day(24, &[low, low]))));
        let (mos_now, usual) = (mos(f64::from(low)), mos(24.0));
        assert_eq!(
            found[0].message,
            format!(
                "the estimated mean opinion score is at most {mos_now:.2} in two segments in a row, {:.2} below the median of the \
                 last 24 h, {usual:.2}",
                usual - mos_now
            )
        );
        assert_holds(verdict(&scene(&day(24, &[low - 1, low - 1]))));
        assert_holds(verdict(&scene(&day(24, &[low, low - 1]))));
        assert_holds(verdict(&scene(&day(24, &[low, 24]))));
    }

    #[test]
    fn a_median_needs_its_values() {
        let low = quantizer_below(24, 1.5);
        let of = |usual: usize| [&vec![24; usual][..], &[low, low]].concat();
        assert_not_run(verdict(&scene(&of(27))), NO_ESTIMATE);
        assert_eq!(violations(verdict(&scene(&of(28)))).len(), 1);
        assert_not_run(verdict(&Scene::live()), NO_ESTIMATE);
    }

    #[test]
    fn the_top_rung_alone_is_judged_by_the_template() {
        let mut scene = scene(&[45, 45]);
        let estimate = mos(45.0);
        scene.thresholds.min_mos = Some(estimate);
        assert_holds(verdict(&scene));
        scene.thresholds.min_mos = Some(estimate + 0.01);
        let found = violations(verdict(&scene));
        assert!(found[0].message.contains("of the top rung is at most") && found.len() == 1, "{found:?}");
        let mut top = scene.rendition().clone();
        top.rendition.name = "1080p".to_owned();
        top.rendition.resolution = Some(Resolution { width: 1920, height: 1080 });
        scene.output.renditions.push(top.clone());
        scene.history.renditions.insert("1080p".to_owned(), RenditionHistory::default());
        assert_not_run(verdict(&scene), NO_ESTIMATE);
        scene.output.renditions.pop();
        (top.rendition.name, top.rendition.resolution) = ("second".to_owned(), scene.rendition().rendition.resolution);
        top.rendition.bandwidth = Some(BitsPerSecond(9_000_000));
        scene.output.renditions.push(top);
        scene.history.renditions.insert("second".to_owned(), RenditionHistory::default());
        assert_not_run(verdict(&scene), NO_ESTIMATE);
    }

    #[test]
    fn decodes_count_before_segments() {
        let mut scene = scene(&[45, 45]);
        scene.thresholds.min_mos = Some(mos(45.0) + 0.01);
        assert_eq!(violations(verdict(&scene)).len(), 1);
        scene.decode_with_quantizers(&[15, 15]);
        assert_holds(verdict(&scene));
    }
}
