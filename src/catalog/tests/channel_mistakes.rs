//! What channels.yml may not say, and how the error says it.

use super::*;

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
        channels("channels:\n  A: {input_url: rtmp://p/a, fps: 0, tier: 2147483648}\n  B: {input_url: 'http://user:hunter2@p/e'}\n")
            .unwrap_err();
    assert_eq!(
        error,
        ":2:18: channels.A.input_url: `rtmp:` can't be probed; the URL must start with http:// or https://\n\
         :2:35: channels.A.fps: is 0; allowed is 1 to 300 frames per second\n\
         :2:44: channels.A.tier: is 2147483648; allowed is 0 to 2147483647\n\
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
fn bad_request_sections_are_refused() {
    let refused = |request: &str| {
        channels(&format!("channels:\n  A:\n    input_url: http://p/a\n    request: {request}\n")).unwrap_err()
    };
    assert_eq!(
        refused("{bearer_token: t, basic_auth: {username: u, password: p}}"),
        ":4:29: channels.A.request.bearer_token: `basic_auth` is set too; keep one of them"
    );
    assert!(refused("{basic_auth: {username: u}}").contains("channels.A.request.basic_auth: needs `password`"));
    assert!(refused("{bearer_token_file: gone}").contains("there is no file"));
    assert!(refused("{ca_file: gone.pem}").contains("there is no file"));
    assert!(refused("{headers: {Host: x}}").contains("channels.A.request.headers.Host: is set by the exporter itself"));
    for shown in
        ["{headers: {X: <hidden>}}", "{headers: {X: <secret>}}", "{basic_auth: {username: <hidden>, password: p}}"]
    {
        assert!(refused(shown).contains("write the value"), "{shown}");
    }
    for entry in
        ["'*.example.net'", "'example.net:8080'", "'[::1]'", "http://a", "10.0.0", "'a..b'", "'10.0.0.0/40'", "''"]
    {
        let request = format!("{{proxy_url: 'http://p:3128', no_proxy: [{entry}]}}");
        assert!(refused(&request).contains("has no effect"), "{entry}");
    }
    assert!(refused("{headers: {'a b': x}}").contains("is not a header's name"));
    assert!(refused("{headers: {X: \"a\\nb\"}}").contains("printable text of one line"));
    assert!(refused("{basic_auth: {username: u, pasword: p}}").contains("did you mean `password`?"));
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
