use super::*;
use crate::catalog::Auth;
use crate::document::DocumentErrors;
use packager_media::units::{Seconds, Timestamp};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(exporter: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("exporter.yml", exporter);
        folder
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn source(&self) -> ConfigPaths {
        ConfigPaths { file: Some(self.0.path().join("exporter.yml")), variables: BTreeMap::new() }
    }

    fn load(&self) -> Result<Config, String> {
        load(&self.source()).map_err(|e| self.short(&e))
    }

    fn short(&self, errors: &DocumentErrors) -> String {
        errors.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

const A: &str = "channels: {A: {input_url: http://p/a}}\n";
const B: &str = "channels: {B: {input_url: http://p/b}}\n";

#[test]
fn the_shipped_file_shows_every_key_at_its_default() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/exporter.yml");
    let loaded = load(&ConfigPaths { file: Some(shipped.clone()), variables: BTreeMap::new() }).unwrap();
    let (channels, templates) = (Some("channels.yml".into()), Some("templates.yml".into()));
    let named = CatalogSettings { channels, templates, ..CatalogSettings::default() };
    assert_eq!(loaded.exporter, ExporterSettings { catalog: named, ..ExporterSettings::default() });
    assert!(loaded.snapshot.templates.contains_key("TPL_LIVE_HD"));
    let text = std::fs::read_to_string(shipped).unwrap();
    let all = serde_json::to_value(ExporterSettings::default()).unwrap();
    let inspector = serde_json::to_value(InspectorSettings::default()).unwrap();
    for section in all.as_object().unwrap().values().filter(|section| section.is_object()).chain([&inspector]) {
        for key in section.as_object().unwrap().keys() {
            assert!(text.contains(&format!("{key}:")), "config/exporter.yml doesn't show {key}");
        }
    }
}

#[test]
fn the_shipped_inspector_live_is_the_default() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/exporter.yml")).unwrap();
    let (_, section) = text.split_once("# inspector_live:\n").unwrap();
    let lines: Vec<&str> = section.lines().map_while(|line| line.strip_prefix("# ")).collect();
    let folder = Folder::new(&format!("inspector_live:\n{}", lines.join("\n")));
    let shown = folder.load().unwrap().exporter.inspector_live.remove(0);
    let named = InspectorSettings {
        name: shown.name.clone(),
        url: shown.url.clone(),
        every: shown.every,
        token_file: shown.token_file.clone(),
        ca_file: shown.ca_file.clone(),
        ..InspectorSettings::default()
    };
    assert_eq!(shown, named);
    assert_eq!(shown.token_file, Some(folder.0.path().join("inspector.token")));
}

#[test]
fn an_inspector_that_makes_no_sense_is_refused_with_line_and_key() {
    let of = |text: &str| Folder::new(&format!("inspector_live:\n{text}")).load().unwrap_err();
    let error = of("  - {name: a b, url: 'http://i/', token_file: t, every: 1s, max_disabled: 2, max_programs: 0}\n");
    for part in ["`name` must be", "must begin with https://", "10s to 1d", "must be a ratio", "1 to 50000"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let error = of("  - {name: i, url: 'https://u:s3cret@i/'}\n  - {name: i}\n");
    for part in ["exporter.yml:2", "credentials don't belong", "another of the list", "`url` is missing"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(!error.contains("s3cret"), "{error}");
    let error = of(
        "  - name: i\n    url: https://i/\n    rules: [{field: a, contains: x, equals: y}, {field: a, contains: x}]\n",
    );
    assert!(error.contains("one of `contains`, `equals`") && error.contains("does nothing"), "{error}");
    let error = of("  - {name: i, url: 'https://i/', rules: [{field: a, matches: '('}], owns: [name]}\n");
    assert!(error.contains("not a regular expression"), "{error}");
    assert!(of("  - {name: i, url: 'https://i/', adpot: true}\n").contains("did you mean `adopt`?"));
}

#[test]
fn values_that_make_no_sense_are_refused_with_their_key() {
    let folder = Folder::new(
        "fetch:\n  connect_timeout: 0\n  max_redirects: 50\n  user_agent: \"a\\nb\"\n  max_connection_age: 0\nprobe:\n  max_in_flight: 0\n  url_targets: {enabled: true}\nhistory: {max_outputs: 0}\ncatalog: {max_removed: 2}\n",
    );
    assert_eq!(
        folder.load().unwrap_err(),
        "exporter.yml:2:20: fetch.connect_timeout: is 0; allowed is 0.05 to 60 seconds\n\
         exporter.yml:3:18: fetch.max_redirects: is 50; allowed is 0 to 20\n\
         exporter.yml:4:15: fetch.user_agent: must be printable text of one line\n\
         exporter.yml:5:23: fetch.max_connection_age: is 0; allowed is 1 to 86400 seconds\n\
         exporter.yml:7:18: probe.max_in_flight: is 0; allowed is 1 to 100000\n\
         exporter.yml:8:16: probe.url_targets: `allowed_hosts`: URL targets need `allowed_hosts`, or anybody could make the exporter ask any host\n\
         exporter.yml:9:24: history.max_outputs: is 0; allowed is 1 to 1000000\n\
         exporter.yml:10:24: catalog.max_removed: is 2; it must be a share from 0 to 1"
    );
    let folder = Folder::new("fetch: {max_redirect: 3}\n");
    assert!(
        folder
            .load()
            .unwrap_err()
            .starts_with("exporter.yml:1:9: unknown key `max_redirect` in fetch; did you mean `max_redirects`?")
    );
}

#[test]
fn problems_of_the_catalogue_are_told_by_their_own_file() {
    let folder = Folder::new("");
    folder.write("channels.yml", "channels: {A: {}}\n");
    folder.write("templates.yml", "T: {tiemout: 3}\n");
    let error = folder.load().unwrap_err();
    assert!(error.starts_with("templates.yml:1:5: unknown key `tiemout` in T; did you mean `timeout`?"), "{error}");
    assert!(
        error.ends_with("channels.yml:1:15: channels.A: channel `A` has no URL; give it `input_url` or `outputs`"),
        "{error}"
    );
}

#[test]
fn a_named_catalogue_must_exist_unless_the_environment_makes_it() {
    let folder = Folder::new("catalog: {channels: sub/mine.yml}\n");
    let error = folder.load().unwrap_err();
    assert!(error.starts_with("sub/mine.yml: can't be opened: No such file"), "{error}");
    let mut source = folder.source();
    source.variables =
        [("PACKAGER_URL", "http://p"), ("CHANNELS", "X")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    assert!(load(&source).unwrap().snapshot.channels.contains_key("X"));
    assert!(Folder::new("").load().unwrap().snapshot.channels.is_empty(), "a file that nobody names may be missing");
}

#[test]
fn url_targets_reach_only_the_hosts_allowed() {
    let targets = UrlTargets {
        enabled: true,
        allowed_hosts: vec!["Packager-01.internal".to_owned(), "*.example.net".to_owned(), "10.0.0.5".to_owned()],
        ..UrlTargets::default()
    };
    let allows = |url: &str| targets.allows(&Url::parse(url).unwrap());
    assert!(
        allows("http://packager-01.internal:8080/a")
            && allows("https://A.b.EXAMPLE.net/")
            && allows("http://10.0.0.5/")
    );
    for refused in [
        "http://example.net/",
        "http://evilexample.net/",
        "http://example.net.evil.org/",
        "http://packager-01.internal@evil.org/",
        "http://user:pw@packager-01.internal/",
        "ftp://packager-01.internal/",
        "http://10.0.0.50/",
        "http://.example.net/",
    ] {
        assert!(!Url::parse(refused).is_ok_and(|url| targets.allows(&url)), "{refused}");
    }
    assert!(!UrlTargets { enabled: false, ..targets.clone() }.allows(&Url::parse("http://10.0.0.5/").unwrap()));
    for bad in ["*", "*.", "a*.net", "http://x", "host/path", "u@h", "", "h:80"] {
        assert!(!is_host_pattern(bad), "{bad}");
    }
}

#[test]
fn a_target_is_a_code_or_an_allowed_url() {
    let folder = Folder::new("probe: {url_targets: {enabled: true, allowed_hosts: [p], template: T}}\n");
    folder.write("channels.yml", A);
    folder.write("templates.yml", "T: {hold: 1, request: {bearer_token: hunter2, user_agent: T/1}}\n");
    let mut loaded = folder.load().unwrap();
    let (channel, template) = loaded.find("A", None).unwrap();
    assert_eq!((channel.code.as_str(), template.name.as_str()), ("A", "default"));
    let judged_otherwise = loaded.find("A", Some("T")).unwrap().1;
    assert_eq!(judged_otherwise.hold, Seconds(1.0));
    assert!(judged_otherwise.request.auth.is_none(), "its own template has no credentials");
    let (channel, template) = loaded.find("http://p/x.m3u8?token=1", None).unwrap();
    assert!(channel.code.starts_with("http://p/x.m3u8#") && template.name == "T", "{}", channel.code);
    assert_eq!(channel.outputs[0].url.as_str(), "http://p/x.m3u8?token=1");
    assert!(template.request.auth.is_none() && template.request.user_agent.is_some());
    loaded.exporter.probe.url_targets.with_credentials = true;
    assert!(loaded.find("http://p/x.m3u8", None).unwrap().1.request.auth.is_some(), "a person at a terminal");
    assert!(
        loaded
            .find("http://q/x", None)
            .unwrap_err()
            .to_string()
            .starts_with("`q` is not in probe.url_targets.allowed_hosts")
    );
    assert_eq!(loaded.find("B", None).unwrap_err().to_string(), "unknown channel `B`; did you mean `A`?");
    assert_eq!(loaded.find("A", Some("U")).unwrap_err().to_string(), "unknown template `U`; did you mean `T`?");
    let off = Folder::new("").load().unwrap().find("http://p/x", None).unwrap_err().to_string();
    assert!(off.starts_with("URLs are not allowed as a target"), "{off}");
}

#[test]
fn the_template_of_url_targets_must_exist() {
    let error = Folder::new("probe:\n  url_targets: {template: defualt}\n").load().unwrap_err();
    assert_eq!(
        error,
        "exporter.yml:2:27: probe.url_targets.template: there is no template `defualt`; did you mean `default`? Known: default"
    );
}

#[test]
fn what_is_shown_is_whole_and_without_secrets() {
    let folder = Folder::new("history: {max_outputs: 7}\n");
    folder.write(
        "channels.yml",
        "channels: {A: {input_url: 'http://p/a?t=hunter2', request: {bearer_token: hunter3}}}\n",
    );
    let shown = folder.load().unwrap().to_yaml();
    assert!(shown.contains("max_outputs: 7") && shown.contains("  default:\n") && shown.contains("  A:\n"), "{shown}");
    assert!(shown.contains("<secret>") && !shown.contains("hunter"), "{shown}");
    serde_yaml::from_str::<serde_yaml::Value>(&shown).unwrap();
}

#[test]
fn a_bad_reload_changes_nothing_and_is_remembered() {
    let folder = Folder::new("history: {max_outputs: 1}\n");
    folder.write("channels.yml", A);
    let live = ConfigHandle::start(folder.source(), at(1)).unwrap();
    assert_eq!(live.last_reload(), Reload { at: at(1), succeeded_at: at(1), error: None, is_held: false });

    // The exporter's own settings are right, the catalogue isn't: neither is taken.
    folder.write("exporter.yml", "history: {max_outputs: 2}\n");
    folder.write("channels.yml", "channels: {B: {}}\n");
    let before = live.current();
    let error = live.reload(at(2)).unwrap_err();
    assert!(Arc::ptr_eq(&before, &live.current()));
    assert_eq!(live.last_reload(), Reload { at: at(2), succeeded_at: at(1), error: Some(error), is_held: false });
    assert!(!live.last_reload().successful());

    folder.write("channels.yml", B);
    live.reload(at(3)).unwrap();
    assert_eq!(live.current().exporter.history.max_outputs, 2);
    assert!(live.current().snapshot.channel("B").is_ok() && live.current().snapshot.channel("A").is_err());
    assert_eq!(live.last_reload(), Reload { at: at(3), succeeded_at: at(3), error: None, is_held: false });
}

#[test]
fn only_changed_content_loads_again() {
    let folder = Folder::new("");
    folder.write("channels.yml", A);
    let live = ConfigHandle::start(folder.source(), at(1)).unwrap();
    assert_eq!(live.reload_if_changed(at(2)), None);
    // Written again with the same content: a new time of change, nothing to do.
    let file = std::fs::File::open(folder.0.path().join("channels.yml")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(live.reload_if_changed(at(2)), None);
    assert_eq!(live.last_reload().at, at(1));

    folder.write("channels.yml", &(B.to_owned() + "# longer\n"));
    assert_eq!(live.reload_if_changed(at(3)), Some(Ok(())));
    assert!(live.current().snapshot.channel("B").is_ok());

    // A bad file is tried once, not at every look.
    folder.write("channels.yml", "channels: 3\n");
    assert!(live.reload_if_changed(at(4)).unwrap().is_err());
    assert_eq!(live.reload_if_changed(at(5)), None);

    // What a refused file needs may be there later.
    folder.write("channels.yml", "channels: {C: {input_url: http://p/c, request: {bearer_token_file: token}}}\n");
    assert!(live.reload_if_changed(at(6)).unwrap().is_err());
    assert_eq!(live.reload_if_changed(at(36)), None, "the fault that was said");
    folder.write("token", "s3cret");
    assert_eq!(live.reload_if_changed(at(65)), None);
    assert_eq!(live.reload_if_changed(at(66)), Some(Ok(())));
    assert!(live.current().snapshot.channel("C").is_ok());

    // A file that comes to be is a change too.
    folder.write("channels.yml", A);
    folder.write("templates.yml", "T: {}\n");
    assert_eq!(live.reload_if_changed(at(67)), Some(Ok(())));
    assert!(live.current().snapshot.template("T").is_ok());
}

#[test]
fn a_file_whose_settings_are_all_gone_is_held_until_somebody_reloads() {
    const DEFAULTS: &str = "default:\n  checks:\n    hls_gap: {max: 3}\n";
    let folder = Folder::new("history: {max_outputs: 2}\n");
    folder.write("channels.yml", A);
    folder.write("templates.yml", DEFAULTS);
    let live = ConfigHandle::start(folder.source(), at(1)).unwrap();
    folder.write("templates.yml", "# nothing yet\n\n");
    let error = live.reload_if_changed(at(2)).unwrap().unwrap_err().to_string();
    assert!(error.contains("templates.yml: is empty or gone, and had settings before"), "{error}");
    assert!(live.last_reload().is_held);
    folder.write("channels.yml", B);
    assert!(live.reload_if_changed(at(3)).unwrap().is_err(), "it is still empty");
    folder.write("templates.yml", DEFAULTS);
    assert_eq!(live.reload_if_changed(at(4)), Some(Ok(())));
    std::fs::remove_file(folder.0.path().join("templates.yml")).unwrap();
    assert!(live.reload_if_changed(at(5)).unwrap().is_err());
    live.reload(at(6)).unwrap();
    folder.write("channels.yml", A);
    assert_eq!(live.reload_if_changed(at(7)), Some(Ok(())), "somebody wants it");
}

/// Loading a changed file fails if it has lost many channels. More often than on purpose, this happens because the file
/// was emptied, removed, or cut while it was written.
#[test]
fn a_changed_file_takes_few_channels_away_unless_somebody_reloads() {
    let channels = |count: usize| {
        let line = |n| format!("  - {{channel_code: C{n}, input_url: 'http://p/{n}'}}\n");
        "channels:\n".to_owned() + &(0..count).map(line).collect::<String>()
    };
    let folder = Folder::new("");
    folder.write("channels.yml", &channels(10));
    let live = ConfigHandle::start(folder.source(), at(1)).unwrap();
    let count = || live.current().snapshot.channels.len();
    folder.write("channels.yml", &channels(8));
    assert_eq!((live.reload_if_changed(at(2)), count()), (Some(Ok(())), 8), "a fifth");
    folder.write("channels.yml", &channels(6));
    let error = live.reload_if_changed(at(3)).unwrap().unwrap_err();
    assert_eq!(count(), 8);
    let expected = "channels: 6 channels would be enabled in place of 8, and a change may take away at most 20 % of them \
                    (catalog.max_removed); if that is meant, reload with SIGHUP or POST /-/reload";
    assert_eq!(error.to_string(), expected);
    assert!(live.last_reload().is_held && !live.last_reload().successful());
    assert_eq!(live.reload_if_changed(at(4)), None, "it is said once");
    for (time, text) in [(5, ""), (6, "channels: []\n")] {
        folder.write("channels.yml", text);
        assert!(live.reload_if_changed(at(time)).unwrap().is_err());
    }
    std::fs::remove_file(folder.0.path().join("channels.yml")).unwrap();
    assert!(live.reload_if_changed(at(7)).unwrap().is_err());
    assert_eq!(count(), 8);
    live.reload(at(8)).unwrap();
    assert_eq!(count(), 0, "somebody wants it");
    assert!(!live.last_reload().is_held && live.last_reload().successful());

    // Disabled channels leave service discovery too, one channel may always go, and any number with the share 1.
    folder.write("channels.yml", &channels(3));
    assert_eq!(live.reload_if_changed(at(9)), Some(Ok(())));
    folder.write("channels.yml", &channels(3).replace('}', ", enabled: false}"));
    assert!(live.reload_if_changed(at(10)).unwrap().is_err());
    folder.write("channels.yml", &channels(2));
    assert_eq!(live.reload_if_changed(at(11)), Some(Ok(())));
    folder.write("exporter.yml", "catalog: {max_removed: 1}\n");
    folder.write("channels.yml", "");
    assert_eq!((live.reload_if_changed(at(12)), count()), (Some(Ok(())), 0));
}

#[tokio::test]
async fn the_watch_takes_up_a_change_by_itself() {
    let folder = Folder::new("");
    folder.write("channels.yml", A);
    let live = Arc::new(ConfigHandle::start(folder.source(), at(1)).unwrap());
    let mut changes = live.subscribe();
    let task = tokio::spawn(live.clone().watch(Duration::from_millis(5), || at(9)));
    folder.write("channels.yml", &(B.to_owned() + "# longer\n"));
    let changed = tokio::time::timeout(Duration::from_secs(20), changes.changed()).await;
    task.abort();
    assert!(changed.is_ok(), "no reload within 20 s");
    assert!(live.current().snapshot.channel("B").is_ok());
    assert_eq!(live.last_reload().succeeded_at, at(9));
}

/// Loads the shipped configuration: tests run in the folder of the package, where the shipped files are.
#[test]
fn without_a_named_file_the_usual_one_is_used() {
    let loaded = load(&ConfigPaths::default()).unwrap();
    assert_eq!(loaded.files.first().map(|f| f.as_path()), Some(Path::new(DEFAULT_FILE)));
    assert!(loaded.snapshot.templates.contains_key("TPL_LIVE_4K_HDR"));
}

/// Makes the catalogue of a database with this number of channels.
fn catalogue(count: usize) -> crate::catalog::CatalogSnapshot {
    let channels = (0..count).map(|n| {
        let url = url::Url::parse(&format!("http://packager/{n}.m3u8")).unwrap();
        let channel =
            crate::catalog::Channel { code: format!("CH_{n}"), ..crate::catalog::Channel::of_url(url, "default") };
        (channel.code.clone(), std::sync::Arc::new(channel))
    });
    let templates = Config::default().snapshot.templates;
    crate::catalog::CatalogSnapshot { channels: channels.collect(), templates }
}

#[test]
fn a_refused_file_and_a_held_catalogue_are_reported_until_each_is_good() {
    let folder = Folder::new("catalog: {max_removed: 0.2}\n");
    let live = ConfigHandle::start(folder.source(), at(1)).unwrap();
    let reported = || {
        let last = live.last_reload();
        let text = last.error.as_ref().map(ToString::to_string).unwrap_or_default();
        (last.successful(), last.is_held, text.contains("max_outputs"), text.contains("catalog.max_removed"))
    };
    live.replace_catalog(catalogue(10), at(2)).unwrap();
    folder.write("exporter.yml", "history: {max_outputs: 0}\n");
    live.reload_if_changed(at(3)).unwrap().unwrap_err();
    assert_eq!(reported(), (false, false, true, false));
    live.replace_catalog(catalogue(0), at(4)).unwrap_err();
    assert_eq!(reported(), (false, true, true, true));
    live.replace_catalog(catalogue(10), at(5)).unwrap();
    assert_eq!(reported(), (false, false, true, false), "the file is still refused");
    assert!(!live.catalog_is_held());

    live.replace_catalog(catalogue(0), at(6)).unwrap_err();
    folder.write("exporter.yml", "catalog: {max_removed: 0.2}\nhistory: {max_outputs: 5}\n");
    live.reload_if_changed(at(7)).unwrap().unwrap();
    assert_eq!(reported(), (false, true, false, true), "the catalogue is still held");
    assert!(live.catalog_is_held());
    live.reload(at(8)).unwrap();
    assert_eq!(reported(), (true, false, false, false));
}

#[test]
fn an_emptied_database_is_held_back_until_somebody_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("exporter.yml"), "catalog: {max_removed: 0.2}\n").unwrap();
    let source = ConfigPaths { file: Some(folder.path().join("exporter.yml")), ..ConfigPaths::default() };
    let live = ConfigHandle::start(source, at(1)).unwrap();
    let count = || live.current().snapshot.channels.len();
    live.replace_catalog(catalogue(10), at(2)).unwrap();
    live.replace_catalog(catalogue(8), at(3)).unwrap();
    for emptied in [0, 6] {
        let error = live.replace_catalog(catalogue(emptied), at(4)).unwrap_err().to_string();
        assert!(error.contains("catalog.max_removed"), "{error}");
        assert!(count() == 8 && live.last_reload().is_held && !live.last_reload().successful());
    }
    live.replace_catalog(catalogue(8), at(5)).unwrap();
    assert!(!live.last_reload().is_held && live.last_reload().successful(), "the rows came back");
    live.replace_catalog(catalogue(0), at(6)).unwrap_err();
    live.reload(at(7)).unwrap();
    assert!(count() == 0 && !live.last_reload().is_held);
    live.replace_catalog(catalogue(1), at(8)).unwrap();
    live.replace_catalog(catalogue(0), at(9)).unwrap();
    assert_eq!(count(), 0, "the only channel was disabled by itself");
}

#[test]
fn a_secret_in_an_environment_variable_is_named_by_the_prefix_only() {
    let read = |request: &str, prefix: &str| {
        let folder = Folder::new(&format!("catalog: {{secret_variables: {prefix}}}\n"));
        folder.write("channels.yml", &format!("channels:\n  A:\n    input_url: http://p/a\n    request: {request}\n"));
        let variables = [("NOC_SECRET_P".to_owned(), "hunter2".to_owned()), ("HOME".to_owned(), "/root".to_owned())];
        load(&ConfigPaths { variables: variables.into(), ..folder.source() })
    };
    let basic = "{basic_auth: {username: u, password_env: NOC_SECRET_P}, header_env: {X-Key: NOC_SECRET_P}}";
    let loaded = read(basic, "NOC_SECRET_").unwrap();
    let request = &loaded.snapshot.channels["A"].request;
    let password = Auth::Basic { username: "u".to_owned(), password: "hunter2".to_owned() };
    assert_eq!((&request.auth, request.headers[0].1.as_str()), (&Some(password), "hunter2"));
    assert!(!loaded.to_yaml().contains("hunter2"));
    assert!(
        read("{bearer_token_env: NOC_SECRET_P}", "NOC_SECRET_").unwrap().snapshot.channels["A"].request.auth.is_some()
    );
    for (request, prefix, why) in [
        ("{bearer_token_env: HOME}", "NOC_SECRET_", "catalog.secret_variables"),
        ("{bearer_token_env: NOC_SECRET_P}", "OTHER_", "catalog.secret_variables"),
        ("{basic_auth: {username: u, password: p, password_env: NOC_SECRET_P}}", "NOC_", "keep one of"),
        ("{}", "''", "at least 3"),
    ] {
        let error = read(request, prefix).unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains("/root"), "{error}");
    }
}
