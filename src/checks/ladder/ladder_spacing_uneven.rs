use crate::checks::support::select::NO_MANIFEST;
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::finding::Severity;
use packager_media::stream::{Media, Rendition};
use packager_media::units;
use std::collections::BTreeMap;

pub const META: CheckMeta = CheckMeta {
    id: "ladder_spacing_uneven",
    severity: Severity::Warning,
    group: CheckGroup::Ladder,
    scope: CheckScope::Any,
    alert: None,
    help: "fails when neighbouring video rungs of one codec and range are closer together or further apart in bit rate than the template allows",
    reference: "HLS authoring specification 1.24 (neighbours differ by a factor of 1.5 to 2)",
    needs_history: false,
};

params! {
    /// Smallest allowed ratio between the bit rates of neighbouring rungs.
    closest: f64 = 1.3,
    /// Greatest allowed ratio between the bit rates of neighbouring rungs.
    widest: f64 = 2.5,
}

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    if !context.output.is_readable() {
        return CheckVerdict::NotRun(NO_MANIFEST);
    }
    let mut ladders: BTreeMap<_, Vec<(f64, &Rendition)>> = BTreeMap::new();
    let renditions = context.output.renditions.iter().map(|r| &r.rendition);
    let video: Vec<_> = renditions.filter(|r| r.media == Media::Video).collect();
    // A rung without CODECS may stand between any two.
    let by_codec = video.iter().all(|r| !r.codecs.is_empty());
    for rendition in video {
        if let Some(rate) = rendition.average_bandwidth.or(rendition.bandwidth).filter(|b| b.0 > 0) {
            ladders.entry(ladder(rendition, by_codec)).or_default().push((rate.0 as f64, rendition));
        }
    }
    if ladders.values().all(|rungs| rungs.len() < 2) {
        return CheckVerdict::NotRun("fewer than two video rungs with a bit rate");
    }
    CheckVerdict::Ran(ladders.into_values().flat_map(|rungs| judge(rungs, params)).collect())
}

/// Returns video codec and dynamic range of a rendition. Renditions with the same values form one ladder, because
/// players switch only between them.
fn ladder(rendition: &Rendition, by_codec: bool) -> (String, String) {
    let family = |c: &String| c.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let video = |f: &String| ["avc", "hvc", "hev", "av01", "dvh", "vp09", "vvc"].iter().any(|v| f.starts_with(v));
    let codec = rendition.codecs.iter().map(family).find(video).filter(|_| by_codec).unwrap_or_default();
    (codec, rendition.video_range.clone().unwrap_or_else(|| "SDR".to_owned()))
}

fn judge(mut rungs: Vec<(f64, &Rendition)>, params: &Params) -> Vec<Violation> {
    rungs.sort_by(|a, b| a.0.total_cmp(&b.0));
    // A backup stream has the bit rate of its twin.
    rungs.dedup_by(|a, b| a.0 == b.0);
    let pairs = rungs.iter().zip(rungs.iter().skip(1));
    pairs.filter_map(|(low, high)| spacing_violation(low, high, params)).collect()
}

fn spacing_violation(low: &(f64, &Rendition), high: &(f64, &Rendition), params: &Params) -> Option<Violation> {
    let ratio = high.0 / low.0;
    let (what, allowed) = match ratio {
        r if r < params.closest => ("only", params.closest),
        r if r > params.widest => ("as much as", params.widest),
        _ => return None,
    };
    let (times, bound) = units::distinct(ratio, allowed, 2);
    let message = format!(
        "{} has {what} {times} times the bit rate of {}, the next lower rung; the bound is {bound}",
        high.1.name, low.1.name
    );
    let violation = Violation::new(message).in_rendition(&high.1.name);
    Some(violation.with("lower", low.1.name.clone()).with("ratio", ratio).with("bound", allowed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::units::BitsPerSecond;

    fn scene(rates: &[u64]) -> Scene {
        let mut scene = Scene::live();
        let rung = |rate: &u64| {
            let mut facts = rendition(&format!("{rate}"));
            facts.rendition.bandwidth = Some(BitsPerSecond(*rate));
            facts
        };
        scene.output.renditions = rates.iter().map(rung).collect();
        scene
    }

    fn run(rates: &[u64]) -> CheckVerdict {
        check(&scene(rates).context(), &Params::default())
    }

    #[test]
    fn both_bounds_hold_and_beyond_them_it_fails() {
        assert_holds(run(&[2500, 1000]));
        assert_holds(run(&[1000, 1300]));
        let message = "2501 has as much as 2.501 times the bit rate of 1000, the next lower rung; the bound is 2.500";
        assert_eq!(messages(run(&[2501, 1000])), message);
        assert!(messages(run(&[1000, 1299])).contains("only 1.299 times"));
    }

    #[test]
    fn twins_and_other_codecs_are_no_neighbours() {
        assert_holds(run(&[1000, 1000, 2000]));
        let mut scene = scene(&[1000, 1100, 2000, 2200]);
        for facts in scene.output.renditions.iter_mut().skip(1).step_by(2) {
            facts.rendition.codecs = vec!["hvc1.2.4.L120".to_owned()];
        }
        assert_holds(check(&scene.context(), &Params::default()));
    }

    #[test]
    fn a_rung_without_codecs_stands_between_the_others() {
        let mut scene = scene(&[1000, 2000, 4000]);
        scene.output.renditions[1].rendition.codecs.clear();
        assert_holds(check(&scene.context(), &Params::default()));
    }

    #[test]
    fn the_average_counts_where_it_is_given() {
        let mut scene = scene(&[1000, 1100]);
        scene.output.renditions[0].rendition.average_bandwidth = Some(BitsPerSecond(500));
        assert_holds(check(&scene.context(), &Params::default()));
    }

    #[test]
    fn one_rung_has_no_neighbour() {
        assert_not_run(run(&[1000]), "fewer than two video rungs with a bit rate");
        assert_not_run(check(&Scene::unreadable().context(), &Params::default()), NO_MANIFEST);
    }
}
