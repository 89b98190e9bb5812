//! Tests that the shipped files in config/ are valid and set the documented thresholds.

use super::*;

const CHANNELS: &str = include_str!("../../../config/channels.yml");
const TEMPLATES: &str = include_str!("../../../config/templates.yml");

#[test]
fn the_templates_have_the_guides_thresholds() {
    let snapshot = templates(TEMPLATES).unwrap();
    let hd = snapshot.template("TPL_LIVE_HD").unwrap();
    let uhd = snapshot.template("TPL_LIVE_4K_HDR").unwrap();
    assert_eq!((hd.thresholds.min_mos, uhd.thresholds.min_mos), (Some(3.5), Some(4.0)));
    for t in [&hd.thresholds, &uhd.thresholds] {
        assert_eq!((t.loudness_target, t.loudness_tolerance), (Some(-23.0), Some(2.0)));
        assert_eq!((t.segment_duration_target, t.segment_duration_tolerance), (Some(6.0), 0.1));
        assert_eq!(t.max_download_time, 2.0);
    }
    assert_eq!(hd.thresholds.macroblocking_threshold, Some(0.15));
    assert_eq!(hd.thresholds.freeze_threshold_ms, Some(1000.0));
    for t in [hd, uhd] {
        assert_eq!(t.segments, Coverage { mode: CoverageMode::Every, count: 6, budget: None, oldest: true });
    }
}

#[test]
fn the_channels_are_empty_and_their_example_loads() {
    assert!(channels(CHANNELS).unwrap().channels.is_empty());
    let example = CHANNELS.split_once("--- example").unwrap().1;
    let example: String =
        example.lines().skip(1).map(|l| l.strip_prefix("# ").unwrap_or_default().to_owned() + "\n").collect();
    let loaded = load_with(Some(&example), Some(TEMPLATES), &[]).unwrap();
    let codes: Vec<&String> = loaded.snapshot.channels.keys().collect();
    assert_eq!(codes, ["CH_EDGES_001", "CH_PARTNER_001", "CH_TV_4K_001", "CH_TV_HD_001", "CH_TV_HD_002"]);
    let uhd = loaded.snapshot.channel("CH_TV_4K_001").unwrap();
    assert_eq!(uhd.ladder.as_ref().unwrap().video.len(), 2);
    assert!(!loaded.snapshot.channel("CH_PARTNER_001").unwrap().enabled);
    let backup = url(loaded.snapshot.channel("CH_TV_HD_002").unwrap(), "backup").unwrap();
    assert_eq!(backup, "http://packager-02.internal/live/CH_TV_HD_002/master.m3u8");
}

/// Uncomments the examples of a ladder and of checks in templates.yml, and loads them.
#[test]
fn the_commented_examples_of_the_templates_load() {
    let block = |first: &str| -> String {
        let lines = TEMPLATES.lines().skip_while(|l| !l.starts_with(first));
        lines
            .take_while(|l| l.starts_with("  #   "))
            .map(|l| format!("    {}\n", l.strip_prefix("  #   ").unwrap()))
            .collect()
    };
    let text =
        format!("T:\n  ladder:\n{}  checks:\n{}", block("  #   video:"), block("  #   segment_duration_off_target:"));
    let snapshot = templates(&text).unwrap();
    let t = snapshot.template("T").unwrap();
    assert_eq!((t.ladder.video.len(), t.ladder.minimum_video), (2, Some(1)));
    assert_eq!(t.disabled_checks(), ["segment_duration_off_target", "hls_authoring_wrong"]);
}

#[test]
fn an_effective_template_reads_again_as_itself() {
    let snapshot = templates(TEMPLATES).unwrap();
    let template = snapshot.template("TPL_LIVE_4K_HDR").unwrap();
    let yaml = template.to_yaml();
    assert!(yaml.starts_with("TPL_LIVE_4K_HDR:\n"), "{yaml}");
    assert_eq!(templates(&yaml).unwrap().template("TPL_LIVE_4K_HDR").unwrap(), template);
}
