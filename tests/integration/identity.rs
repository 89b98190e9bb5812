//! Tests that renditions are recognised and keep their series although bit rates, order or sessions in the manifest
//! change.

use packager_exporter::checks::CheckResult;
use packager_exporter::metrics::exposition;
use packager_exporter::report::Report;
use packager_testbed::harness::{ChannelSpec, Harness, TEMPLATES};
use std::collections::BTreeSet;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(2);

async fn harness(path: &str) -> Harness {
    Harness::new(&[ChannelSpec { code: "TV", path, template: "T2" }], TEMPLATES, "").await
}

/// Returns every series of a probe, without its value.
fn series(report: &Report) -> BTreeSet<String> {
    let text = exposition(report);
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

/// Returns the series of `probes` probes of a channel without a fault.
async fn series_of(harness: &Harness, probes: usize) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for _ in 0..probes {
        let report = harness.probe("TV").await;
        let failed: Vec<_> = report.outcomes.iter().filter(|o| o.result == CheckResult::Failed).collect();
        assert!(failed.is_empty(), "{failed:?}");
        all.extend(series(&report));
        harness.advance(EVERY);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_rate_that_moves_makes_no_new_series() {
    let harness = harness("live/BM1/master.m3u8").await;
    // Some checks run only after a number of probes.
    let first = series_of(&harness, 30).await;
    let later = series_of(&harness, 60).await;
    assert_eq!(later.difference(&first).collect::<Vec<_>>(), Vec::<&String>::new());
    let labels = ["1080p", "720p", "540p", "360p"];
    assert!(
        labels
            .iter()
            .all(|label| first
                .contains(&format!("packager_rendition_available{{output=\"hls\",rendition=\"{label}\"}}")))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_in_every_path_makes_no_new_series() {
    let harness = harness("live/SE1/master.m3u8").await;
    let first = series_of(&harness, 30).await;
    let later = series_of(&harness, 30).await;
    assert_eq!(later.difference(&first).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_exporter_gives_the_same_labels_at_another_time() {
    let early = harness("live/BM1/master.m3u8").await;
    let late = harness("live/BM1/master.m3u8").await;
    late.advance(Duration::from_secs(1234));
    let labels = |report: &Report| {
        let renditions = &report.capture.outputs[0].renditions;
        renditions.iter().map(|r| (r.rendition.name.clone(), r.rendition.resolution)).collect::<BTreeSet<_>>()
    };
    assert_eq!(labels(&*early.probe("TV").await), labels(&*late.probe("TV").await));
}
