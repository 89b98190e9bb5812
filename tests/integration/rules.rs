//! Tests of the shipped alert and recording rules: Prometheus's own tools, the runbooks, and the checks that the rules
//! cover.

use packager_exporter::checks::CHECKS;
use packager_testbed::alert_rules::{self, BY_SEVERITY};
use serde_yaml::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn yaml(file: &str) -> Value {
    serde_yaml::from_str(&std::fs::read_to_string(root().join(file)).unwrap()).unwrap()
}

fn ending(folder: &str, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    files.sort();
    assert!(!files.is_empty(), "no {end} in {folder}");
    files
}

/// Runs each installed version of promtool: Debian's, and that of Prometheus 3 where it could be compiled.
fn promtool(arguments: &[&str], files: &[PathBuf]) {
    let newer = root().join("target/tools/bin/promtool3");
    let newer = newer.exists().then_some(newer);
    for program in [PathBuf::from("promtool")].into_iter().chain(newer) {
        let output = Command::new(&program).args(arguments).args(files).output();
        let output = output.expect("promtool (of Prometheus; Debian: apt-get install prometheus) must be in PATH");
        let report = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{}: {report}", program.display());
    }
}

struct Alert {
    name: String,
    expr: String,
    severity: Option<String>,
    /// `keep_firing_for` of the rule in seconds.
    kept: u64,
    annotations: Value,
}

impl Alert {
    /// Returns the label of what the alert is about; empty if it is about everything.
    fn by(&self) -> &'static str {
        let labels = [("(channel, tier, packager", "channel"), ("by (packager", "packager")];
        labels.iter().find(|(aggregation, _)| self.expr.contains(aggregation)).map_or("", |(_, label)| label)
    }
}

/// Returns each rule with the name of its file.
fn rules() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for file in ending("rules", ".rules.yml") {
        let document: Value = serde_yaml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let groups = document["groups"].as_sequence().unwrap();
        let rules = groups.iter().flat_map(|group| group["rules"].as_sequence().unwrap());
        found.extend(rules.map(|rule| (name.clone(), rule.clone())));
    }
    found
}

fn alerts() -> Vec<Alert> {
    let alerts = rules().into_iter().filter(|(_, rule)| rule["alert"].is_string());
    let alert = |(_, rule): (String, Value)| Alert {
        name: rule["alert"].as_str().unwrap().to_owned(),
        expr: rule["expr"].as_str().unwrap().to_owned(),
        severity: rule["labels"]["severity"].as_str().map(str::to_owned),
        kept: rule["keep_firing_for"].as_str().map_or(0, seconds),
        annotations: rule["annotations"].clone(),
    };
    alerts.map(alert).collect()
}

#[test]
fn promtool_accepts_every_rule_and_each_fires_and_ends_when_it_should() {
    promtool(&["check", "rules"], &ending("rules", ".rules.yml"));
    promtool(&["test", "rules"], &ending("rules/tests", ".test.yml"));
}

/// The test parses every line of a promql block in the documents as a query.
#[test]
fn prometheus_understands_every_query_of_the_documents() {
    let mut rules = Vec::new();
    for file in [ending("docs/runbooks", ".md"), vec![root().join("docs/operations.md")]].concat() {
        let text = std::fs::read_to_string(&file).unwrap();
        let blocks = text.split("```promql\n").skip(1).filter_map(|rest| rest.split("```").next());
        let lines = blocks.flat_map(str::lines).map(str::trim).filter(|line| !line.is_empty());
        rules.extend(lines.map(|line| serde_json::json!({"record": "query", "expr": line})));
    }
    assert!(rules.len() > 10, "{rules:?}");
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("documents.yml");
    std::fs::write(&file, serde_json::json!({"groups": [{"name": "documents", "rules": rules}]}).to_string()).unwrap();
    promtool(&["check", "rules", "--lint=none"], &[file]);
}

#[test]
fn every_alert_has_a_runbook_and_a_test_and_no_runbook_is_left_over() {
    let tests: String =
        ending("rules/tests", ".test.yml").iter().map(|f| std::fs::read_to_string(f).unwrap()).collect();
    let pages = ending("docs/runbooks", ".md");
    let pages: BTreeSet<String> = pages.iter().map(|p| p.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let alerts = alerts();
    for Alert { name, annotations, .. } in &alerts {
        assert!(tests.contains(&format!("alertname=\"{name}\",alertstate=\"firing\"")), "{name} has no test");
        let runbook = annotations["runbook_url"].as_str().unwrap_or_default();
        let is_of_exporter = runbook.contains("packager_exporter_links_info");
        assert!(is_of_exporter && runbook.ends_with(&format!("{{{{ end }}}}/runbooks/{name}")), "{name}: {runbook}");
        let text = std::fs::read_to_string(root().join(format!("docs/runbooks/{name}.md"))).unwrap_or_default();
        for part in ["## What viewers see", "## Confirm", "## Likely causes", "## What to do"] {
            assert!(text.contains(part), "docs/runbooks/{name}.md lacks {part}");
        }
        // ChannelNotProbed is about the exporter's answer to Prometheus, which the terminal doesn't ask for.
        let is_about_channel = annotations["summary"].as_str().unwrap_or_default().contains("$labels.channel");
        let names_probe_command = text.contains("packager_exporter probe") || name == "ChannelNotProbed";
        assert!(
            names_probe_command || !is_about_channel,
            "docs/runbooks/{name}.md doesn't say how to probe the channel"
        );
    }
    let names: BTreeSet<String> = alerts.into_iter().map(|alert| alert.name).collect();
    assert_eq!(names, pages);
}

#[test]
fn every_alert_has_a_severity_and_a_measured_value() {
    for Alert { name, expr, severity, annotations, .. } in alerts() {
        let known = ["critical", "major", "minor", "warning", "none"];
        let inherited = expr.contains(", severity)");
        let is_valid = severity.as_deref().map_or(inherited, |own| known.contains(&own) && !inherited);
        assert!(is_valid, "{name}: a severity of its own or, of its check, by label");
        assert!(annotations["summary"].is_string(), "{name}");
        let description = annotations["description"].as_str().unwrap_or_default();
        assert!(
            description.contains("value") || description.contains(".Value") || expr.starts_with("absent("),
            "{name}"
        );
    }
}

/// The message has to name the channel by its code and its name, to link to its log and dashboard, and to name its
/// renditions if the alert is about renditions.
#[test]
fn an_alert_on_a_channel_names_it_and_its_renditions() {
    // Nobody reads the text of an alert that only inhibits others.
    let read = alerts().into_iter().filter(|alert| !alert.name.ends_with("Inhibitor"));
    for Alert { name, expr, annotations, .. } in read {
        let text = format!("{:?}", annotations);
        assert_eq!(
            expr.contains("(channel, tier, packager"),
            text.contains("$labels.channel }}{{ range query (printf \\\"max by (name) (packager_channel_info{"),
            "{name}: {text}"
        );
        for link in ["log_url", "dashboard_url"] {
            assert_eq!(expr.contains("(channel, tier, packager"), annotations[link].is_string(), "{name}: {link}");
        }
        let by_rendition = expr.contains("rendition) (") || expr.contains("check, severity) (");
        let named = text.contains("$labels.rendition") || text.contains(".Labels.rendition");
        assert!(named || !by_rendition, "{name}");
    }
}

/// Adds up the longest delays before a page for a dead channel: until the next scrape, until the next evaluation, the
/// alert's `for`, and Alertmanager's `group_wait`.
#[test]
fn a_dead_channel_pages_within_a_minute_and_one_bad_scrape_does_not() {
    let scrape = seconds(yaml("config/prometheus.yml")["global"]["scrape_interval"].as_str().unwrap());
    let wait = seconds(yaml("config/alertmanager.yml")["route"]["group_wait"].as_str().unwrap());
    let document = yaml("rules/channel.rules.yml");
    let group = &document["groups"][0];
    let down = &group["rules"][0];
    assert_eq!(down["alert"], "ChannelDown");
    let (evaluation, lasting) = (seconds(group["interval"].as_str().unwrap()), seconds(down["for"].as_str().unwrap()));
    assert!(scrape + evaluation + lasting + wait <= 60, "{scrape} + {evaluation} + {lasting} + {wait} s");
    assert!(lasting >= scrape + evaluation, "one bad scrape lasts until the next, and an evaluation");
}

#[test]
fn the_check_ids_in_the_rules_are_those_of_the_checks_metadata() {
    for (path, text, generated) in alert_rules::files(root()).unwrap() {
        assert!(text == generated, "{}: run `make docs`", path.display());
    }
}

#[test]
fn every_alert_that_a_check_names_exists_and_asks_for_it() {
    let alerts = alerts();
    for meta in CHECKS {
        let Some(name) = meta.alert else { continue };
        assert!(!BY_SEVERITY.contains(&name), "{}: {name} is the alert of checks that name none", meta.id);
        let alert = alerts.iter().find(|alert| alert.name == name);
        let alert = alert.unwrap_or_else(|| panic!("{} names {name}, which isn't in rules/", meta.id));
        let asked = named(&alert.expr, "check=").any(|id| id == meta.id);
        assert!(asked, "{name} doesn't ask for {}", meta.id);
    }
    let known: BTreeSet<&str> = CHECKS.iter().map(|meta| meta.id).collect();
    for alert in &alerts {
        let asked: Vec<String> = named(&alert.expr, "check=").chain(named(&alert.expr, "check!")).collect();
        assert!(asked.iter().all(|id| known.contains(id.as_str())), "{}: no such check in {asked:?}", alert.name);
    }
}

#[test]
fn a_check_alerts_by_its_own_alert_or_by_its_severity() {
    let with_alert: BTreeSet<String> =
        CHECKS.iter().filter(|meta| meta.alert.is_some()).map(|meta| meta.id.to_owned()).collect();
    let alerts = alerts();
    for name in BY_SEVERITY {
        let alert = alerts.iter().find(|alert| alert.name == name).unwrap();
        let left_out: BTreeSet<String> = named(&alert.expr, "check!").collect();
        assert_eq!(left_out, with_alert, "{name}");
    }
}

/// In the tests of each alert, the alert must not fire at the evaluation before it first fires, and must not fire any
/// more at the end.
#[test]
fn every_alert_is_tested_at_its_beginning_and_at_its_end() {
    let mut tested = BTreeSet::new();
    for file in ending("rules/tests", ".test.yml") {
        let document: Value = serde_yaml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let evaluation = seconds(document["evaluation_interval"].as_str().unwrap());
        for test in document["tests"].as_sequence().unwrap() {
            let empty = Vec::new();
            let asked = test["promql_expr_test"].as_sequence().unwrap_or(&empty);
            let mut states: BTreeMap<&str, Vec<(u64, bool)>> = BTreeMap::new();
            for one in asked {
                let expr = one["expr"].as_str().unwrap();
                let name = expr.strip_prefix("ALERTS{alertname=\"").and_then(|rest| rest.split('"').next());
                let at = seconds(one["eval_time"].as_str().unwrap());
                if let Some(name) = name {
                    states.entry(name).or_default().push((at, one["exp_samples"].is_sequence()));
                }
            }
            for (name, states) in states {
                let first = states.iter().position(|(_, fires)| *fires).filter(|first| *first > 0);
                let sharp = first.is_some_and(|i| !states[i - 1].1 && states[i].0 - states[i - 1].0 <= evaluation);
                if sharp && states.last().is_some_and(|(_, fires)| !fires) {
                    tested.insert(name.to_owned());
                }
            }
        }
    }
    let left: Vec<String> =
        alerts().into_iter().map(|alert| alert.name).filter(|name| !tested.contains(name)).collect();
    assert_eq!(left, ["Watchdog"], "which has neither");
}

/// Parses a matcher of alertmanager.yml, such as `alertname=~"A|B"`: label, operator and the regular expression of the
/// value.
fn matcher(text: &str) -> (&str, &str, regex::Regex) {
    let at = text.find(['=', '!']).unwrap();
    let (label, rest) = text.split_at(at);
    let (operator, value) = rest.split_at(if rest[1..].starts_with(['=', '~']) { 2 } else { 1 });
    (label, operator, regex::Regex::new(&format!("^(?:{})$", value.trim_matches('"'))).unwrap())
}

/// Returns whether an alert of this rule may satisfy the matchers, as far as its name and its labels `channel` and
/// `check` are known.
fn may_fit(alert: &Alert, matchers: &Value) -> bool {
    matchers.as_sequence().unwrap().iter().all(|text| {
        let (label, operator, value) = matcher(text.as_str().unwrap());
        let fits = match label {
            "alertname" => value.is_match(&alert.name),
            "channel" => alert.expr.contains("(channel, tier, packager"),
            "check" => alert.expr.contains("check, severity) (") || alert.expr.contains("by (packager, check)"),
            other => panic!("a matcher of {other}"),
        };
        fits != operator.starts_with('!')
    })
}

/// Returns each pair of an inhibiting alert and an alert that it may inhibit, by the inhibition rules of
/// config/alertmanager.yml.
fn inhibitions(alerts: &[Alert]) -> Vec<(&Alert, &Alert)> {
    let configuration = yaml("config/alertmanager.yml");
    let mut pairs = Vec::new();
    for rule in configuration["inhibit_rules"].as_sequence().unwrap() {
        let source_name = rule["source_matchers"].as_sequence().unwrap()[0].as_str().unwrap();
        let (label, operator, value) = matcher(source_name);
        assert_eq!((label, operator), ("alertname", "="), "a source is one alert: {source_name}");
        let source = alerts.iter().find(|alert| value.is_match(&alert.name)).unwrap();
        let targets = alerts.iter().filter(|alert| may_fit(alert, &rule["target_matchers"]));
        pairs.extend(targets.map(|target| (source, target)));
    }
    pairs
}

/// Returns the time by which an inhibiting alert must outlast its target's `keep_firing_for`: an alert over several
/// channels ends with the first channels that recover, and Prometheus scrapes the others within one interval.
fn scrape_spread(source: &Alert) -> u64 {
    let interval = seconds(yaml("config/prometheus.yml")["global"]["scrape_interval"].as_str().unwrap());
    if source.by() == "channel" { 0 } else { interval }
}

/// A check that compares two probes fails from the recovery on, for the template's `hold` and until the next scrape.
/// Only then begins the `keep_firing_for` of its alert, and that of every alert on outages has been running since the
/// recovery.
#[test]
fn an_alert_of_a_check_is_inhibited_until_it_ends_after_the_recovery() {
    let (alerts, hold) = (alerts(), yaml("config/templates.yml"));
    let hold = hold["TPL_LIVE_HD"]["hold"].as_str().map(seconds).unwrap();
    let interval = seconds(yaml("config/prometheus.yml")["global"]["scrape_interval"].as_str().unwrap());
    let pairs = inhibitions(&alerts);
    let on_outages: Vec<_> = pairs.into_iter().filter(|(source, _)| source.expr.contains("probe_success")).collect();
    let mut tested = BTreeSet::new();
    for (_, target) in on_outages.iter().filter(|(_, target)| target.expr.contains("packager_check_")) {
        // An alert on more than the target's own channel or packager doesn't fire in every outage.
        let sources =
            on_outages.iter().filter(|(source, other)| other.name == target.name && source.by() == target.by());
        let lasting = |source: &Alert| source.kept >= target.kept + hold + interval + scrape_spread(source);
        assert!(
            sources.map(|(source, _)| source).any(|source| lasting(source)),
            "{} is sent after an outage",
            target.name
        );
        tested.insert(target.name.as_str());
    }
    for name in ["PackagerCheckFailing", "PlaylistBroken", "ChannelAdvisory"] {
        assert!(tested.contains(name), "{name} is not among {tested:?}");
    }
}

/// If an inhibiting alert resolved first, the inhibited alert would be sent after the channel has recovered.
#[test]
fn an_alert_is_kept_firing_at_least_as_long_as_every_alert_that_it_inhibits() {
    let (alerts, mut pairs) = (alerts(), BTreeSet::new());
    for (source, target) in inhibitions(&alerts) {
        pairs.insert((&source.name, &target.name));
        assert!(
            source.kept >= target.kept + scrape_spread(source),
            "{} ({} s) inhibits {} ({} s)",
            source.name,
            source.kept,
            target.name,
            target.kept
        );
    }
    for (source, target) in [
        ("MostChannelsDown", "PackagerDown"),
        ("PackagerDown", "ChannelDown"),
        ("ChannelDown", "LiveLatencyHigh"),
        ("ChannelDownInhibitor", "ChannelAdvisory"),
        ("ChannelRecoveryInhibitor", "PlaylistBroken"),
        ("PackagerRecoveryInhibitor", "PackagerCheckFailing"),
        ("PackagerCheckFailing", "SegmentsBroken"),
        ("PackagerCheckFailing", "CertificateExpiring"),
        ("ExporterDown", "ChannelNotProbed"),
    ] {
        assert!(pairs.contains(&(&source.to_owned(), &target.to_owned())), "{source} doesn't inhibit {target}");
    }
    let budget = "ChannelBudgetBurnsFast";
    assert!(pairs.iter().all(|(_, target)| *target != budget), "it is sent although the outages were");
}

/// The shards of config/prometheus.sharded.yml have packagers and channels of their own. Their other labels can be equal.
#[test]
fn an_alert_inhibits_only_alerts_of_its_own_shard() {
    let configuration = yaml("config/alertmanager.yml");
    for rule in configuration["inhibit_rules"].as_sequence().unwrap() {
        let equal: Vec<&str> = rule["equal"].as_sequence().into_iter().flatten().filter_map(Value::as_str).collect();
        let parts_shards = equal.iter().any(|label| ["shard", "packager", "channel"].contains(label));
        assert!(parts_shards, "{rule:?}");
    }
}

fn seconds(text: &str) -> u64 {
    humantime::parse_duration(text).unwrap().as_secs()
}

/// When a label of a channel's target changes, two series of the target exist for some time. A join with `group_left`
/// fails if both are on its right side, so each rule aggregates them there.
#[test]
fn a_join_of_many_series_with_one_aggregates_the_one() {
    let mut joins = 0;
    for (file, rule) in rules() {
        let expr = rule["expr"].as_str().unwrap();
        for right in expr.split("group_left ").skip(1) {
            let right = right.split_once(") ").unwrap().1.trim_start_matches(|c: char| !c.is_ascii_lowercase());
            let is_aggregated = ["max by (", "count by (", "topk by ("].iter().any(|begin| right.starts_with(begin));
            assert!(is_aggregated, "{file}: the right side isn't aggregated: {right}");
            joins += 1;
        }
        assert!(!expr.contains("group_right"), "{file}: {expr}");
    }
    assert!(joins > 3, "{joins}");
}

/// relabelled.test.yml tests every rule with a target whose labels changed. For this it needs two series with different
/// labels of each metric that the rules query.
#[test]
fn every_metric_of_the_rules_is_tested_under_two_sets_of_labels() {
    let tests = std::fs::read_to_string(root().join("rules/tests/relabelled.test.yml")).unwrap();
    let recorded: BTreeSet<String> =
        rules().iter().filter_map(|(_, rule)| rule["record"].as_str().map(str::to_owned)).collect();
    let metric = regex::Regex::new(r#"\b((?:packager|probe|prometheus|alertmanager|process)_[a-z_]+|up)\b"#).unwrap();
    let strings = regex::Regex::new(r#""[^"]*""#).unwrap();
    let mut asked = BTreeSet::new();
    for (file, rule) in rules() {
        assert!(tests.contains(&format!("- ../{file}\n")), "{file}");
        let expr = strings.replace_all(rule["expr"].as_str().unwrap(), "\"\"");
        asked.extend(metric.captures_iter(&expr).map(|found| found[1].to_owned()));
    }
    assert!(asked.len() > 25 && asked.contains("packager_check_violations"), "{asked:?}");
    for name in asked.difference(&recorded) {
        let count = tests.matches(&format!("series: '{name}{{")).count();
        assert!(count >= 2, "{name}: {count} series");
    }
}

/// Iterates over the check ids in the matchers `check="a"` and `check=~"a|b"` of an expression, or in `check!~"a|b"` if
/// `begin` is `check!`.
fn named<'a>(expression: &'a str, begin: &str) -> impl Iterator<Item = String> + 'a {
    let parts: Vec<&str> = expression.split(begin).skip(1).collect();
    let quoted = parts.into_iter().filter_map(|rest| rest.trim_start_matches('~').strip_prefix('"')?.split('"').next());
    quoted.flat_map(|names| names.split('|')).map(str::to_owned)
}
