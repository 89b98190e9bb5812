//! What channels.yml makes of a channel.

use super::*;

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
fn a_name_is_kept_in_normalization_form_c() {
    let text = "channels:\n  - {channel_code: A, channel_name: \"Thơ\u{300}i sư\u{323}\", input_url: 'http://p/a'}\n";
    assert_eq!(channels(text).unwrap().channels["A"].name, "Thời sự");
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
fn a_channels_own_header_or_credentials_take_the_place_of_those_of_the_defaults_and_of_its_template() {
    let templates = "T: {request: {basic_auth: {username: t, password: t}, user_agent: t}}\n\
                     U: {extends: T, request: {headers: {user-agent: u}}}\n";
    let text = "defaults: {request: {headers: {X-Key: d}, basic_auth: {username: d, password: d}, user_agent: d}}\nchannels:\n  \
                A: {input_url: http://p/a, template: T, request: {headers: {authorization: Own a, User-Agent: a, x-key: a}}}\n  \
                B: {input_url: http://p/b, template: T, request: {bearer_token: b}}\n  \
                C: {input_url: http://p/c, template: T}\n  \
                D: {input_url: http://p/d, template: U, request: {user_agent: null, basic_auth: null}}\n  \
                E: {input_url: http://p/e, template: T, request: {bearer_token: null, headers: {Authorization: null, User-Agent: null}}}\n";
    let snapshot = load_with(Some(text), Some(templates), &[]).unwrap().snapshot;
    let of = |code: &str| {
        let channel = snapshot.channel(code).unwrap();
        let template = snapshot.template(&channel.template).unwrap();
        channel.request.over(&template.request)
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut headers = of("A").headers;
    headers.sort();
    assert_eq!(headers, [pair("User-Agent", "a"), pair("authorization", "Own a"), pair("x-key", "a")]);
    assert!(of("A").auth.is_none() && of("A").user_agent.is_none());
    assert!(of("B").auth == Some(Auth::Bearer { token: "b".to_owned() }) && of("B").user_agent.as_deref() == Some("d"));
    assert!(matches!(of("C").auth, Some(Auth::Basic { username, .. }) if username == "d"));
    assert!(matches!(of("E").auth, Some(Auth::Basic { username, .. }) if username == "d"));
    assert_eq!(of("E").user_agent.as_deref(), Some("d"));
    assert!(of("D").user_agent.is_none() && of("D").headers.contains(&pair("user-agent", "u")));
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
fn requests_name_the_players_page_where_browsers_are_expected() {
    let templates = "T: {}\nB: {checks: {cors_missing: {expected: true, origin: 'https://tv.example'}}}\n";
    let text = "channels:\n  A: {input_url: http://p/a, request: {headers: {origin: 'https://own.example'}}}\n  \
                B: {input_url: http://p/b}\n";
    let snapshot = load_with(Some(text), Some(templates), &[]).unwrap().snapshot;
    let page = |channel: &str, template: &str| {
        let channel = snapshot.channel(channel).unwrap();
        channel.request_settings(&channel.outputs[0], snapshot.template(template).unwrap()).page_origin
    };
    assert_eq!(page("B", "T"), None);
    assert_eq!(page("B", "B").as_deref(), Some("https://tv.example"));
    assert_eq!(page("A", "B").as_deref(), Some("https://own.example"), "the channel's own header");
    let wrong = self::templates("T: {checks: {cors_missing: {origin: tv.example}}}\n").unwrap_err();
    assert!(wrong.contains("write scheme and host, such as https://tv.example"), "{wrong}");
}
