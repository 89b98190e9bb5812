use super::*;
use crate::document::DocumentErrors;
use packager_media::stream::Resolution;
use std::path::Path;

mod shipped;

/// Loads the catalogue from a new folder with these texts of channels.yml and templates.yml, and from the environment
/// variables `env`. A file whose text is `None` doesn't exist.
fn load_with(
    channels: Option<&str>,
    templates: Option<&str>,
    env: &[(&str, &str)],
) -> Result<LoadedCatalog, DocumentErrors> {
    let folder = tempfile::tempdir().unwrap();
    load_in(folder.path(), channels, templates, env)
}

fn load_in(
    folder: &Path,
    channels: Option<&str>,
    templates: Option<&str>,
    env: &[(&str, &str)],
) -> Result<LoadedCatalog, DocumentErrors> {
    let file = |name: &str, text: Option<&str>| {
        text.map(|text| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        })
    };
    let files = CatalogFiles { channels: file("channels.yml", channels), templates: file("templates.yml", templates) };
    let variables = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    load(&files, &variables)
}

fn channels(text: &str) -> Result<CatalogSnapshot, String> {
    let loaded = load_with(Some(text), None, &[]);
    loaded.map(|l| l.snapshot).map_err(without_folder)
}

fn templates(text: &str) -> Result<CatalogSnapshot, String> {
    load_with(None, Some(text), &[]).map(|l| l.snapshot).map_err(without_folder)
}

fn without_folder(errors: DocumentErrors) -> String {
    let short = |line: String| {
        line.rsplit_once("/channels.yml")
            .or(line.rsplit_once("/templates.yml"))
            .map_or(line.clone(), |(_, r)| r.to_owned())
    };
    errors.to_string().lines().map(|l| short(l.to_owned())).collect::<Vec<_>>().join("\n")
}

fn url(channel: &Channel, output: &str) -> Option<String> {
    channel.outputs.iter().find(|o| o.name == output).map(|o| o.url.to_string())
}

#[test]
fn a_list_and_a_map_of_channels_are_the_same() {
    let list = channels("channels:\n  - {channel_code: A, input_url: http://p/a.m3u8, tier: 2}\n").unwrap();
    let map = channels("channels:\n  A: {input_url: http://p/a.m3u8, tier: 2}\n").unwrap();
    assert_eq!(list.channel("A").unwrap(), map.channel("A").unwrap());
    let channel = list.channel("A").unwrap();
    assert_eq!(channel.name, "A");
    assert_eq!((channel.channel_type.as_str(), channel.template.as_str(), channel.enabled), ("LIVE", "default", true));
    assert_eq!(channel.tier, Some(2));
}

#[test]
fn a_channel_that_nobody_called_hdr_or_sdr_is_neither() {
    let of = |keys: &str| {
        let snapshot = channels(&format!("channels:\n  A: {{input_url: http://p/a.m3u8{keys}}}\n")).unwrap();
        let channel = snapshot.channel("A").unwrap();
        channel.expected(&snapshot.templates[crate::catalog::BUILT_IN]).hdr
    };
    assert_eq!(
        [of(""), of(", is_hdr: null"), of(", is_hdr: false"), of(", is_hdr: true")],
        [None, None, Some(false), Some(true)]
    );
}

#[test]
fn the_guides_body_is_a_channel() {
    let text = "channels:\n  - channel_code: CH_TV_HD_001\n    channel_name: FPT Channel 1 HD\n    channel_type: LIVE\n    tier: 1\n    \
                codec: H.264\n    resolution: 1920x1080\n    fps: 25\n    is_4k: false\n    is_hdr: false\n    \
                input_url: http://packager-01/live/CH_TV_HD_001/master.m3u8\n    enabled: true\n";
    let snapshot = channels(text).unwrap();
    let channel = snapshot.channel("CH_TV_HD_001").unwrap();
    assert_eq!(channel.name, "FPT Channel 1 HD");
    assert_eq!(channel.resolution, Some(Resolution { width: 1920, height: 1080 }));
    assert_eq!(channel.fps, Some(25.0));
    assert_eq!(url(channel, "hls").unwrap(), "http://packager-01/live/CH_TV_HD_001/master.m3u8");
}

#[test]
fn an_mpd_as_the_input_is_the_output_dash() {
    let text = "\
defaults: {input_url: 'http://p/{code}/master.m3u8', outputs: {backup: 'http://q/{code}/master.m3u8'}}
channels:
  A: {input_url: 'http://p/{code}/a.mpd?token=x.m3u8'}
  B: {input_url: http://p/b.MPD, outputs: {hls: http://p/b.m3u8}}
  C: {outputs: {dash: http://p/c.mpd}}
";
    let snapshot = channels(text).unwrap();
    let outputs = |code: &str| {
        let outputs = &snapshot.channel(code).unwrap().outputs;
        outputs.iter().map(|o| (o.name.clone(), o.url.path().to_owned())).collect::<Vec<_>>()
    };
    let of = |all: &[(&str, &str)]| all.iter().map(|(n, p)| ((*n).to_owned(), (*p).to_owned())).collect::<Vec<_>>();
    assert_eq!(
        outputs("A"),
        of(&[("dash", "/A/a.mpd"), ("backup", "/A/master.m3u8")]),
        "it replaces the defaults' hls"
    );
    assert_eq!(outputs("B"), of(&[("dash", "/b.MPD"), ("backup", "/B/master.m3u8"), ("hls", "/b.m3u8")]));
    assert_eq!(outputs("C"), of(&[("hls", "/C/master.m3u8"), ("backup", "/C/master.m3u8"), ("dash", "/c.mpd")]));
    let twice = "channels:\n  A: {input_url: http://p/a.mpd, outputs: {dash: http://p/b.mpd}}\n";
    assert!(channels(twice).unwrap_err().contains("outputs.dash: is given as `input_url` too"));
}

#[test]
fn defaults_spare_repetition_and_a_channel_wins() {
    let text = "\
defaults:
  tier: 1
  input_url: http://p1/live/{code}/master.m3u8
  outputs: {backup: 'http://p2/live/{code}/master.m3u8'}
  request: {user_agent: probe, headers: {X-A: a, X-B: b}}
channels:
  A: {}
  B: {tier: 3, outputs: {hls: http://other/b.m3u8, backup: null, dash: http://p1/b.mpd}, request: {headers: {X-B: c}}}
  C: {input_url: 'http://third/{code}.m3u8'}
";
    let snapshot = channels(text).unwrap();
    let (a, b, c) = (snapshot.channel("A").unwrap(), snapshot.channel("B").unwrap(), snapshot.channel("C").unwrap());
    assert_eq!(url(a, "hls").unwrap(), "http://p1/live/A/master.m3u8");
    assert_eq!(url(a, "backup").unwrap(), "http://p2/live/A/master.m3u8");
    assert_eq!(url(c, "hls").unwrap(), "http://third/C.m3u8");
    assert_eq!(b.outputs.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["hls", "dash"], "hls stays first");
    assert_eq!(url(b, "hls").unwrap(), "http://other/b.m3u8");
    assert_eq!((a.tier, b.tier), (Some(1), Some(3)));
    assert_eq!(b.request.user_agent.as_deref(), Some("probe"));
    assert_eq!(b.request.headers, [("X-A".to_owned(), "a".to_owned()), ("X-B".to_owned(), "c".to_owned())]);
}

#[test]
fn every_mistake_in_a_channel_is_told_with_its_line() {
    let text = "\
channels:
  - channel_code: A
    input_url: rtmp://p/a
    resolution: 1080p
    fps: 0
  - channel_code: A/B
    input_url: http://p/{chanel}/x
  - input_url: http://p/c
  - channel_code: D
  - channel_code: E
    input_url: http://user:pw@p/e
    outputs: {hls: http://p/e}
  - channel_code: F
    input_url: http://user:hunter2@p/e
    chanel_name: x
";
    let error = channels(text).unwrap_err();
    assert_eq!(
        error,
        "\
:3:16: channels[0].input_url: `rtmp:` can't be probed; the URL must start with http:// or https://
:4:17: channels[0].resolution: `1080p` is not a resolution; write it as 1920x1080
:5:10: channels[0].fps: is 0; allowed is 1 to 300 frames per second
:6:19: channels[1].channel_code: `A/B` is not a channel code: 1 to 64 letters, digits, `_`, `.`, `-`, with a letter or digit
:7:16: channels[1].input_url: unknown placeholder `{chanel}`; `{code}` is the only one
:8:5: channels[2]: `channel_code` is missing
:9:5: channels[3]: channel `D` has no URL; give it `input_url` or `outputs`
:12:20: channels[4].outputs.hls: is given as `input_url` too; keep one of them
:14:16: channels[5].input_url: credentials don't belong into a URL; set request.basic_auth
:15:5: unknown key `chanel_name` in channels[5]; did you mean `channel_name`? Known: channel_code, channel_name, \
channel_type, tier, codec, resolution, fps, is_4k, is_hdr, template, probe, enabled, input_url, outputs, ladder, request"
    );
    let error =
        channels("channels:\n  A: {input_url: rtmp://p/a, fps: 0}\n  B: {input_url: 'http://user:hunter2@p/e'}\n")
            .unwrap_err();
    assert_eq!(
        error,
        ":2:18: channels.A.input_url: `rtmp:` can't be probed; the URL must start with http:// or https://\n\
         :2:35: channels.A.fps: is 0; allowed is 1 to 300 frames per second\n\
         :3:18: channels.B.input_url: credentials don't belong into a URL; set request.basic_auth"
    );
}

#[test]
fn a_duplicate_names_both_lines() {
    let error = channels(
        "channels:\n  - {channel_code: A, input_url: http://p/a}\n  - {channel_code: B, input_url: http://p/b}\n  - {channel_code: A, input_url: http://p/c}\n",
    );
    assert_eq!(error.unwrap_err(), ":4:20: channels[2].channel_code: channel `A` is given twice, first in line 2");
    let error = channels("channels:\n  A: {input_url: http://p/a}\n  A: {input_url: http://p/c}\n").unwrap_err();
    assert_eq!(error, ":3:3: `A` is given twice, first in line 2");
}

#[test]
fn wrong_shapes_say_what_is_expected() {
    assert_eq!(
        channels("- a\n").unwrap_err(),
        ":1:1: expected `channels:` with the channels below it, and perhaps `defaults:`"
    );
    assert_eq!(
        channels("channels: 3\n").unwrap_err(),
        ":1:11: channels: expected a list of channels, or channels by code"
    );
    assert!(channels("channels: [A]\n").unwrap_err().starts_with(":1:12: channels[0]: expected a channel's keys"));
    assert_eq!(
        channels("chanels: []\n").unwrap_err(),
        ":1:1: unknown key `chanels`; did you mean `channels`? Known: defaults, channels"
    );
    assert_eq!(
        channels("channels:\n  A: {input_url: http://p/a, outputs: [x]}\n").unwrap_err(),
        ":2:39: channels.A.outputs: expected URLs by output name (`hls: http://…`), found a list"
    );
    assert!(channels("defaults: {channel_code: A}\n").unwrap_err().contains("belongs to one channel, not to all"));
}

#[test]
fn codes_cannot_climb_in_a_url() {
    for bad in ["..", ".", "a/b", "a b", "a%2e", "", &"x".repeat(65), "ä"] {
        assert!(super::channels::check_code(bad).is_err(), "{bad}");
    }
    for good in ["CH_TV_HD_001", "a.b-c", "1", &"x".repeat(64)] {
        assert!(super::channels::check_code(good).is_ok(), "{good}");
    }
}

#[test]
fn an_unknown_template_names_the_nearest_at_its_line() {
    let loaded = load_with(
        Some("channels:\n  A: {input_url: http://p/a, template: TPL_LIVE_HDR}\n"),
        Some("TPL_LIVE_HD: {}\nTPL_SD: {}\n"),
        &[],
    );
    assert_eq!(
        without_folder(loaded.unwrap_err()),
        ":2:40: channels.A.template: there is no template `TPL_LIVE_HDR`; did you mean `TPL_LIVE_HD`? Known: TPL_LIVE_HD, TPL_SD, default"
    );
}

#[test]
fn credentials_come_from_the_file_or_a_secret_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "s3cret\n").unwrap();
    let text = "channels:\n  A: {input_url: http://p/a, request: {bearer_token_file: token}}\n  \
                B: {input_url: http://p/b, request: {basic_auth: {username: u, password: p}}}\n";
    let snapshot = load_in(folder.path(), Some(text), None, &[]).unwrap().snapshot;
    assert!(snapshot.channel("A").unwrap().request.auth == Some(Auth::Bearer { token: "s3cret".to_owned() }));
    let basic = Auth::Basic { username: "u".to_owned(), password: "p".to_owned() };
    assert!(snapshot.channel("B").unwrap().request.auth == Some(basic));
}

#[test]
fn bad_request_sections_are_refused() {
    let refused = |request: &str| {
        channels(&format!("channels:\n  A:\n    input_url: http://p/a\n    request: {request}\n")).unwrap_err()
    };
    assert_eq!(
        refused("{bearer_token: t, basic_auth: {username: u, password: p}}"),
        ":4:29: channels.A.request.bearer_token: `basic_auth` is set too; keep one (`basic_auth: null` takes that of the defaults away)"
    );
    assert!(
        refused("{basic_auth: {username: u}}").contains("channels.A.request.basic_auth: basic_auth needs `password`")
    );
    assert!(refused("{bearer_token_file: gone}").contains("gone can't be opened"));
    assert!(refused("{ca_file: gone.pem}").contains("there is no file"));
    assert!(refused("{headers: {Host: x}}").contains("channels.A.request.headers.Host: is set by the exporter itself"));
    assert!(refused("{headers: {'a b': x}}").contains("is not a header's name"));
    assert!(refused("{headers: {X: \"a\\nb\"}}").contains("printable text of one line"));
    assert!(refused("{basic_auth: {username: u, pasword: p}}").contains("did you mean `password`?"));
}

#[test]
fn secrets_never_show() {
    let text = "channels:\n  A: {input_url: 'http://p/a?token=hunter2&x=hunter3', request: {headers: {X-Key: hunter4}, basic_auth: {username: u, password: hunter5}}}\n";
    let snapshot = channels(text).unwrap();
    let shown = snapshot.to_yaml() + &format!("{:?}", snapshot.channel("A").unwrap().request);
    assert!(!shown.contains("hunter"), "{shown}");
    assert!(shown.contains("X-Key: <secret>") && shown.contains("http://p/a?token=<secret>&x=<secret>"), "{shown}");
    assert!(snapshot.channel("A").unwrap().outputs[0].url.as_str().contains("hunter2"), "only the showing is masked");
}

#[test]
fn a_template_reads_the_guides_columns_and_lengths_of_time() {
    let text = "T: {min_mos: 3.5, loudness_target: -23, freeze_threshold_ms: 1000, timeout: 500ms, hold: 2m, max_download_time: 2}\n";
    let snapshot = templates(text).unwrap();
    let t = snapshot.template("T").unwrap();
    assert_eq!((t.timeout, t.hold), (Seconds(0.5), Seconds(120.0)));
    assert_eq!((t.thresholds.min_mos, t.thresholds.loudness_target), (Some(3.5), Some(-23.0)));
    assert_eq!((t.thresholds.freeze_threshold_ms, t.thresholds.max_download_time), (Some(1000.0), 2.0));
}

#[test]
fn a_template_extends_another_key_by_key() {
    let text = "\
BASE: {min_mos: 3.5, hold: 10, checks: {segment_duration_off_target: {allowed_ratio: 0.5, severity: minor}}, segments: {mode: newest, count: 2}}
MIDDLE: {extends: BASE, hold: 20, checks: {segment_duration_off_target: {severity: critical}}}
TOP: {extends: MIDDLE, min_mos: null, segments: {count: 3}}
";
    let snapshot = templates(text).unwrap();
    let top = snapshot.template("TOP").unwrap();
    assert_eq!((top.hold, top.thresholds.min_mos), (Seconds(20.0), None));
    assert_eq!(top.segments, Coverage { mode: CoverageMode::Newest, count: 3, oldest: true });
    assert_eq!(top.checks.segment_duration_off_target.allowed_ratio, 0.5);
    assert_eq!(top.checks.segment_duration_off_target.severity, Some(crate::finding::Severity::Critical));
}

#[test]
fn a_circle_and_a_missing_base_are_refused() {
    let error = templates("A: {extends: B}\nB: {extends: A}\nC: {extends: A}\n").unwrap_err();
    assert!(error.contains(":2:14: B.extends: `A` extends itself: A → B → A"), "{error}");
    assert!(error.contains("`C` extends itself: C → A → B → A"), "{error}");
    assert_eq!(templates("A: {extends: A}\n").unwrap_err(), ":1:14: A.extends: `A` extends itself: A → A");
    assert_eq!(
        templates("TPL_HD: {}\nB: {extends: TPL_HDD}\n").unwrap_err(),
        ":2:14: B.extends: there is no template `TPL_HDD`; did you mean `TPL_HD`? Known: B, TPL_HD, default"
    );
}

#[test]
fn a_slip_of_the_keyboard_never_switches_a_check_off() {
    let text = "\
TPL_LIVE_HD:
  min_mos: high
  checks:
    segment_duration_off_target:
      tolerence: 3
      enabled: maybe
    segment_duration_off_targets: {enabled: false}
  ladder:
    video:
      - {resolution: 1920x1080}
      - {resolutoin: 1280x720, bandwidth: fast}
  segments: {mode: newst}
  segment_duration_tolerance: 10
";
    let error = templates(text).unwrap_err();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines[0], ":2:12: TPL_LIVE_HD.min_mos: expected a number, found the text `high`");
    assert!(
        lines[1].starts_with(":5:7: unknown key `tolerence` in TPL_LIVE_HD.checks.segment_duration_off_target"),
        "{error}"
    );
    assert!(lines[1].contains("known: enabled, severity"), "{error}");
    assert_eq!(
        lines[2],
        ":6:16: TPL_LIVE_HD.checks.segment_duration_off_target.enabled: expected true or false, found the text `maybe`"
    );
    assert!(
        lines[3].starts_with(
            ":7:5: unknown key `segment_duration_off_targets` in TPL_LIVE_HD.checks; did you mean `segment_duration_off_target`?"
        ),
        "{error}"
    );
    assert!(
        lines[4]
            .starts_with(":11:10: unknown key `resolutoin` in TPL_LIVE_HD.ladder.video[1]; did you mean `resolution`?"),
        "{error}"
    );
    assert!(lines[5].starts_with(":11:43: TPL_LIVE_HD.ladder.video[1].bandwidth: expected a whole number"), "{error}");
    assert_eq!(
        lines[6],
        ":12:20: TPL_LIVE_HD.segments.mode: `newst` is not possible here; did you mean `newest`? Known: newest, every, none"
    );
    assert!(lines[7].starts_with(":13:31: TPL_LIVE_HD.segment_duration_tolerance: is 10"), "{error}");
    assert_eq!(lines.len(), 8, "{error}");
}

#[test]
fn a_mistake_in_a_base_is_told_once() {
    let error = templates("A: {min_mos: x}\nB: {extends: A}\nC: {extends: A}\n").unwrap_err();
    assert_eq!(error, ":1:14: A.min_mos: expected a number, found the text `x`");
}

#[test]
fn values_out_of_range_are_refused() {
    let error = templates("A:\n  segment_duration_tolerance: 10\n  min_mos: 9\n  timeout: 0\n  segments: {count: 0}\n  hold: 10 parsecs\n").unwrap_err();
    assert_eq!(
        error,
        ":2:31: A.segment_duration_tolerance: is 10; allowed is 0 to 1 (a ratio: 0.1 is 10 %)\n\
         :3:12: A.min_mos: is 9; allowed is 1 to 5 (a mean opinion score)\n\
         :4:12: A.timeout: is 0; allowed is 0.5 to 600 (seconds)\n\
         :5:21: A.segments.count: is 0; allowed is 1 to 1000 segments\n\
         :6:9: A.hold: expected a length of time (seconds, or text such as 10s or 500ms), found the text `10 parsecs`"
    );
}

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

#[test]
fn unknown_names_are_answered_with_the_nearest() {
    let snapshot = channels("channels: {CH_TV_HD_001: {input_url: http://p/a}}").unwrap();
    assert_eq!(
        snapshot.channel("CH_TV_HD_01").unwrap_err().to_string(),
        "unknown channel `CH_TV_HD_01`; did you mean `CH_TV_HD_001`?"
    );
    assert_eq!(snapshot.channel("zzz").unwrap_err().to_string(), "unknown channel `zzz`");
    assert_eq!(
        snapshot.template("defalt").unwrap_err().to_string(),
        "unknown template `defalt`; did you mean `default`?"
    );
    assert!(
        CatalogSnapshot::default()
            .channel("a\nb")
            .unwrap_err()
            .to_string()
            .starts_with("unknown channel `a\\nb`: the catalogue is empty")
    );
}

#[test]
fn numbers_are_the_thresholds_and_the_parameters_of_enabled_checks() {
    let snapshot =
        templates("T: {min_mos: 3.5}\nOFF: {extends: T, checks: {segment_duration_off_target: {enabled: false}}}\n")
            .unwrap();
    let numbers = snapshot.template("T").unwrap().numeric_thresholds();
    let value = |name: &str| numbers.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
    assert_eq!(value("min_mos"), Some(3.5));
    assert_eq!(value("max_download_time"), Some(2.0));
    assert_eq!(value("segment_duration_off_target_allowed_ratio"), Some(0.0));
    assert_eq!(value("loudness_target"), None, "not set, so not a number");
    assert!(!numbers.iter().any(|(name, _)| name.starts_with("segments") || name == "timeout"));
    let off = snapshot.template("OFF").unwrap().numeric_thresholds();
    assert!(!off.iter().any(|(name, _)| name == "segment_duration_off_target_allowed_ratio"));
}

#[test]
fn a_url_that_no_probe_could_ask_is_refused() {
    let of = |url: &str| {
        let label = url.replace("LONG", &"a".repeat(64));
        channels(&format!("channels:\n  - {{channel_code: A, input_url: '{label}'}}\n"))
    };
    for (url, says) in [
        ("http://p:0/a.m3u8", "port 0"),
        ("http://a..b/a.m3u8", "can't be a host name"),
        ("http://LONG.example/a.m3u8", "can't be a host name"),
        ("http://169.254.169.254/a.m3u8", "is a cloud metadata address, which is never probed"),
        ("http://[::ffff:224.0.0.1]/a.m3u8", "is a multicast address"),
        ("http://0.0.0.0/a.m3u8", "is an unspecified address"),
    ] {
        let error = of(url).unwrap_err();
        assert!(error.contains(says), "{url}: {error}");
    }
    for url in ["http://packager_01.internal./a", "http://10.0.0.1/a", "http://[::1]:8080/a", "http://1.2.3.4/a"] {
        assert!(of(url).is_ok(), "{url}");
    }
}

#[test]
fn a_name_is_kept_in_normalization_form_c() {
    let text = "channels:\n  - {channel_code: A, channel_name: \"Thơ\u{300}i sư\u{323}\", input_url: 'http://p/a'}\n";
    assert_eq!(channels(text).unwrap().channels["A"].name, "Thời sự");
}
