//! A catalogue without files.

use super::*;

#[test]
fn without_files_the_environment_makes_the_catalogue() {
    let env = [
        ("PACKAGER_URL", "http://packager-01.internal"),
        ("CHANNELS", "CH_TV_HD_001, CH_TV_HD_002"),
        ("SEGMENT_DURATION_TARGET", "6.0"),
        ("SEGMENT_DURATION_TOLERANCE", "0.1  # 10%"),
        ("MAX_DOWNLOAD_TIME", "3"),
    ];
    let loaded = load_with(None, None, &env).unwrap();
    assert_eq!(loaded.warnings, [""; 0]);
    let channel = loaded.snapshot.channel("CH_TV_HD_002").unwrap();
    assert_eq!(url(channel, "hls").unwrap(), "http://packager-01.internal/live/CH_TV_HD_002/master.m3u8");
    assert_eq!((channel.code.as_str(), channel.template.as_str()), ("CH_TV_HD_002", "default"));
    let default = loaded.snapshot.template("default").unwrap();
    assert_eq!(default.thresholds.segment_duration_target, Some(6.0));
    assert_eq!((default.thresholds.segment_duration_tolerance, default.thresholds.max_download_time), (0.1, 3.0));
}

#[test]
fn a_file_with_channels_wins_over_the_environment_and_says_so() {
    let env = [("PACKAGER_URL", "http://p/base/"), ("CHANNELS", "X"), ("MAX_DOWNLOAD_TIME", "3")];
    let loaded = load_with(Some("channels: {A: {input_url: http://p/a}}"), Some("T: {}\n"), &env).unwrap();
    assert_eq!(loaded.snapshot.channels.keys().collect::<Vec<_>>(), ["A"]);
    assert!(
        loaded.warnings[0].ends_with("lists channels, so CHANNELS and PACKAGER_URL of the environment are not used")
    );
    assert_eq!(loaded.snapshot.template("T").unwrap().thresholds.max_download_time, 2.0, "for `default` alone");
    assert_eq!(loaded.snapshot.template("default").unwrap().thresholds.max_download_time, 3.0);
    let loaded = load_with(Some("channels: []"), Some("default: {max_download_time: 4}"), &env).unwrap();
    assert_eq!(url(loaded.snapshot.channel("X").unwrap(), "hls").unwrap(), "http://p/base/live/X/master.m3u8");
    assert_eq!(loaded.snapshot.template("default").unwrap().thresholds.max_download_time, 4.0);
    assert_eq!(
        loaded.warnings,
        ["template `default` sets max_download_time in the file, so the environment's is not used"]
    );
}

#[test]
fn a_bad_environment_is_told_by_variable() {
    let error = |env: &[(&str, &str)]| load_with(None, None, env).unwrap_err().to_string();
    assert_eq!(
        error(&[("CHANNELS", "A")]),
        "CHANNELS: is set without PACKAGER_URL; set PACKAGER_URL=http://packager-01.internal"
    );
    assert_eq!(
        error(&[
            ("PACKAGER_URL", "packager-01"),
            ("CHANNELS", "A,...,B"),
            ("MAX_DOWNLOAD_TIME", "2s"),
            ("SEGMENT_DURATION_TOLERANCE", "10")
        ]),
        "PACKAGER_URL: `packager-01` is not a URL: relative URL without a base; write http://host/path\n\
         CHANNELS: `...` is not a channel code: 1 to 64 letters, digits, `_`, `.`, `-`, with a letter or digit\n\
         SEGMENT_DURATION_TOLERANCE: is 10; allowed is 0 to 1 (a ratio: 0.1 is 10 %)\n\
         MAX_DOWNLOAD_TIME: `2s` is not a number"
    );
    assert_eq!(error(&[("PACKAGER_URL", "http://p"), ("CHANNELS", "A,A")]), "CHANNELS: names `A` twice");
    assert!(load_with(None, None, &[("CHANNELS", ""), ("PACKAGER_URL", " ")]).unwrap().snapshot.channels.is_empty());
}
