//! Tests of the coverage `heads`: the first bytes of each segment, and one of eight segments as a whole.

use packager_exporter::checks::CheckResult;
use packager_exporter::report::Report;
use packager_testbed::harness::{ChannelSpec, Harness, TEMPLATES};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Streams of the origin: one of each container, protocol and encryption.
const CLEAN: &[(&str, &str)] = &[
    ("ts", "live/TV1/master.m3u8"),
    ("ts_6s", "live/HD1/master.m3u8"),
    ("discontinuities", "live/DI1/master.m3u8"),
    ("cmaf", "live/CM1/master.m3u8"),
    ("hevc", "live/HV1/master.m3u8"),
    ("aes", "live/AE1/master.m3u8"),
    ("dash", "live/CM1/time.mpd"),
];

/// Faults of the origin whose cause is in the first bytes of segments, in their sizes or in their delivery, and the check that
/// finds each.
const FAULTS: &[(&str, &str, &str)] = &[
    ("segment_404", "TV1", "segment_unavailable"),
    ("segment_html", "TV1", "container_invalid"),
    ("content_type_wrong", "TV1", "content_type_wrong"),
    ("ts_tables_missing", "TV1", "ts_tables_invalid"),
    ("keyframe_missing", "TV1", "keyframe_missing"),
    ("keyframe_start_cmaf", "CM1", "keyframe_missing"),
    ("parameter_sets_missing_pps", "TV1", "parameter_sets_missing"),
    ("codec_mismatch", "TV1", "codec_mismatch"),
    ("resolution_mismatch", "TV1", "resolution_mismatch"),
    ("bandwidth_exceeded", "TV1", "bandwidth_exceeded"),
];

/// The shipped test templates with the coverage `heads`.
fn templates() -> String {
    assert!(TEMPLATES.contains("mode: every"));
    TEMPLATES.replace("mode: every", "mode: heads")
}

async fn harness(channels: &[(String, String)]) -> Harness {
    let template = |code: &str| if code == "ts_6s" { "T6" } else { "T2" };
    let specs: Vec<_> =
        channels.iter().map(|(code, path)| ChannelSpec { code, path, template: template(code) }).collect();
    Harness::new(&specs, &templates(), "").await
}

/// Returns id and first finding of each failed check. How fast this machine downloads depends on what else runs on it.
fn failed(report: &Report) -> impl Iterator<Item = String> + '_ {
    let failed = report.outcomes.iter().filter(|outcome| outcome.result == CheckResult::Failed);
    let failed = failed.filter(|outcome| outcome.check.id != "segment_download_slow");
    failed.map(|outcome| format!("{}: {}", outcome.check.id, outcome.findings[0].message))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_channel_stays_clean_by_its_heads() {
    let channels: Vec<_> = CLEAN.iter().map(|(code, path)| ((*code).to_owned(), (*path).to_owned())).collect();
    let harness = harness(&channels).await;
    let (mut wrong, mut heads, mut least) = (BTreeSet::new(), BTreeMap::<&str, usize>::new(), 1.0_f64);
    for probe in 0..12 {
        for (code, _) in CLEAN {
            let report = harness.probe(code).await;
            wrong.extend(failed(&report).map(|finding| format!("{code}: {finding}")));
            let renditions = report.capture.outputs.iter().flat_map(|output| &output.renditions);
            *heads.entry(code).or_default() += renditions.map(|rendition| rendition.heads.len()).sum::<usize>();
            let mut coverage = report.history.iter().filter_map(|output| output.coverage).peekable();
            assert!(probe == 0 || coverage.peek().is_some(), "{code}");
            least = coverage.fold(least, f64::min);
        }
        harness.advance(Duration::from_secs(10));
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
    assert!(heads.values().all(|heads| *heads > 20), "{heads:?}");
    assert!(least < 0.5, "{least}: most of the media are not read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_in_the_head_of_a_segment_is_found() {
    let path = |(fault, channel, _): &(&str, &str, &str)| format!("fault/{fault}/{channel}/master.m3u8");
    let channels: Vec<_> = FAULTS.iter().map(|fault| (fault.0.to_owned(), path(fault))).collect();
    let harness = harness(&channels).await;
    let mut missing: BTreeMap<&str, &str> = FAULTS.iter().map(|(fault, _, check)| (*fault, *check)).collect();
    for _ in 0..6 {
        for (fault, _, check) in FAULTS {
            let report = harness.probe(fault).await;
            if failed(&report).any(|finding| finding.starts_with(check)) {
                missing.remove(fault);
            }
        }
        harness.advance(Duration::from_secs(10));
    }
    assert!(missing.is_empty(), "not found: {missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_a_small_part_of_the_bytes() {
    let path = "live/TV1/master.m3u8".to_owned();
    let heads = harness(&[("heads".to_owned(), path.clone())]).await;
    let every = Harness::new(&[ChannelSpec { code: "every", path: &path, template: "T2" }], TEMPLATES, "").await;
    let (mut of_heads, mut of_every) = (0, 0);
    for probe in 0..12 {
        let (head, whole) = tokio::join!(heads.probe("heads"), every.probe("every"));
        // The first probe reads whole segments.
        if probe > 0 {
            of_heads += head.capture.body_bytes();
            of_every += whole.capture.body_bytes();
        }
        heads.advance(Duration::from_secs(10));
        every.advance(Duration::from_secs(10));
    }
    let share = of_heads as f64 / of_every as f64;
    println!("heads: {share:.2} of the bytes");
    assert!((0.1..0.6).contains(&share), "{share}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exporters_budget_is_shared_by_all_channels_in_heads() {
    let path = "live/TV1/master.m3u8";
    let spec = |code, template| ChannelSpec { code, path, template };
    let channels = [spec("one", "T2"), spec("two", "T2"), spec("every", "TE")];
    let templates = format!("{}TE:\n  extends: T2\n  segments: {{mode: every, count: 10}}\n", templates());
    let mut wholes = BTreeMap::<(&str, &str), usize>::new();
    for budget in ["1", "1 Gbit/s"] {
        let harness = Harness::new(&channels, &templates, &format!("probe: {{budget: {budget}}}\n")).await;
        for probe in 0..6 {
            for code in ["one", "two", "every"] {
                let report = harness.probe(code).await;
                let renditions = report.capture.outputs.iter().flat_map(|output| &output.renditions);
                let whole: usize = renditions.map(|rendition| rendition.segments.len()).sum();
                // The first probe reads whole segments.
                *wholes.entry((budget, code)).or_default() += if probe > 0 { whole } else { 0 };
            }
            harness.advance(Duration::from_secs(10));
        }
    }
    let of = |budget, code| wholes[&(budget, code)];
    assert_eq!((of("1", "one"), of("1", "two")), (0, 0), "enough for heads alone");
    assert_eq!(of("1 Gbit/s", "one"), of("1 Gbit/s", "every"), "enough for all");
    assert_eq!(of("1", "every"), of("1 Gbit/s", "every"), "the mode `every` has no budget");
}
