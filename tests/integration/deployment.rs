//! Tests of the deployment examples: their mounts exist, their flags are valid, and nginx lets nobody write.

use crate::alerting::alertmanager_with;
use crate::discovery::by_discovery;
use crate::exporter::{Exporter, Files, PATIENCE, exit_and_output, run};
use crate::prometheus::{free_port, shipped};
use reqwest::StatusCode;
use serde::Deserialize as _;
use serde_yaml::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

fn examples(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(examples(path)).unwrap()
}

fn documents(path: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(&text(path)).map(|document| Value::deserialize(document).unwrap()).collect()
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_sequence().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

/// Runs the program with these arguments and `--config.check`, and asserts that it accepts them. The shipped
/// configuration takes the place of the container's.
fn assert_flags_valid(arguments: &[&str]) {
    let file = format!("--config.file={}", shipped().join("exporter.yml").display());
    assert!(arguments.iter().any(|argument| argument.starts_with("--config.file")), "{arguments:?}");
    let own = arguments.iter().map(|a| if a.starts_with("--config.file=") { file.as_str() } else { *a });
    let all: Vec<&str> = own.chain(["--config.check"]).collect();
    let (code, output, error) = run(Files::new(&[]).folder(), &all);
    assert_eq!(code, 0, "{all:?}: {output}{error}");
}

/// Iterates over the names of the variables in `${…}`.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).map(|rest| rest.split([':', '}']).next().unwrap())
}

#[test]
fn compose_has_every_service_its_files_and_its_variables() {
    let compose = documents("compose/compose.yml").remove(0);
    let services = compose["services"].as_mapping().unwrap();
    let names: Vec<&str> = services.keys().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(names, ["postgres", "influxdb", "exporter", "prometheus", "alertmanager", "grafana", "nginx"]);
    for (name, service) in services {
        // Certificates and named volumes come from the operator.
        let mounts = strings(&service["volumes"]).into_iter().map(|mount| mount.split(':').next().unwrap());
        for from in mounts.filter(|from| from.starts_with('.') && *from != "./ssl") {
            assert!(examples("compose").join(from).exists(), "{name:?}: {from}");
        }
        let volumes = strings(&service["volumes"]).into_iter().map(|mount| mount.split(':').next().unwrap());
        for volume in volumes.filter(|from| !from.starts_with(['.', '/', '$'])) {
            assert!(compose["volumes"].get(volume).is_some(), "{name:?}: {volume}");
        }
        assert_eq!(service["network_mode"], "host", "{name:?}: the shipped files name 127.0.0.1");
    }
    assert_flags_valid(&strings(&compose["services"]["exporter"]["command"]));
    let build = &compose["services"]["exporter"]["build"];
    assert!(
        examples("compose")
            .join(build["context"].as_str().unwrap())
            .join(build["dockerfile"].as_str().unwrap())
            .exists()
    );
    let example = text("compose/.env.example");
    for variable in variables(&text("compose/compose.yml")) {
        assert!(example.lines().any(|line| line.starts_with(&format!("{variable}="))), "{variable}");
    }
}

#[test]
fn docker_compose_accepts_the_filled_in_example() {
    let folder = tempfile::tempdir().unwrap();
    let compose = |filled: &str| {
        let environment = folder.path().join("env");
        let lines = text("compose/.env.example");
        let lines = lines
            .lines()
            .map(|line| if line.ends_with('=') { format!("{line}{filled}\n") } else { format!("{line}\n") });
        std::fs::write(&environment, lines.collect::<String>()).unwrap();
        let mut compose = Command::new("docker-compose");
        compose.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder.path());
        compose
            .arg("-f")
            .arg(examples("compose/compose.yml"))
            .arg("--env-file")
            .arg(environment)
            .args(["config", "-q"]);
        exit_and_output(&compose.output().expect("docker-compose; scripts/install_test_tools.sh"))
    };
    let (code, _, output) = compose("/x");
    assert_eq!(code, 0, "{output}");
    let (code, _, output) = compose("");
    assert!(code != 0 && output.contains("copy .env.example to .env and set it"), "{output}");
}

#[test]
fn composes_prometheus_is_the_shipped_one_with_discovery() {
    let value = |text: &str| serde_yaml::from_str::<Value>(text).unwrap();
    assert_eq!(value(&text("compose/prometheus.yml")), value(&by_discovery()));
}

#[test]
fn composes_alertmanager_is_the_shipped_one_with_the_database() {
    let text = text("compose/alertmanager.yml");
    assert_eq!(text.split_once('\n').unwrap().1, alertmanager_with(&["database"]));
}

#[test]
fn kubernetes_mounts_what_it_names() {
    let documents = documents("kubernetes/packager_exporter.yml");
    let [deployment, service] = documents.as_slice() else { panic!("{documents:?}") };
    let pod = &deployment["spec"]["template"];
    assert_eq!(pod["metadata"]["labels"], service["spec"]["selector"]);
    assert_eq!(pod["metadata"]["labels"], deployment["spec"]["selector"]["matchLabels"]);
    let container = &pod["spec"]["containers"][0];
    let names = |list: &Value| {
        let mut names: Vec<_> =
            list.as_sequence().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&container["volumeMounts"]), names(&pod["spec"]["volumes"]));
    assert_eq!(names(&container["ports"]), [service["spec"]["ports"][0]["targetPort"].as_str().unwrap()]);
    let arguments = strings(&container["args"]);
    let mounts: Vec<&str> =
        container["volumeMounts"].as_sequence().unwrap().iter().map(|m| m["mountPath"].as_str().unwrap()).collect();
    for path in arguments.iter().filter_map(|argument| argument.split_once("=/").map(|(_, path)| format!("/{path}"))) {
        assert!(mounts.iter().any(|mount| path.starts_with(&format!("{mount}/"))), "{path}");
    }
    assert_flags_valid(&arguments);
    for file in text("kubernetes/packager_exporter.yml").split("--from-file=config/").skip(1) {
        let file = file.split_whitespace().next().unwrap();
        assert!(shipped().join(file).exists(), "{file}");
    }
}

#[test]
fn the_systemd_unit_has_valid_flags() {
    let unit = text("systemd/packager_exporter.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/packager_exporter ")).unwrap();
    assert_flags_valid(&start.replace("--config.file ", "--config.file=").split(' ').collect::<Vec<_>>());
}

/// A running nginx; it is killed when this value is dropped.
struct Nginx(std::process::Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the shipped nginx.conf with free ports, in front of this exporter.
fn configuration(folder: &Path, https: u16, exporter: &str) -> String {
    let mut text = text("nginx/nginx.conf");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {}/{kind};\n", folder.display()))
        .concat();
    for (from, to) in [
        ("\nhttp {\n", format!("\nhttp {{\n{temporary}")),
        ("worker_processes auto;", "worker_processes 1; master_process off; daemon off;".to_owned()),
        ("listen 80 ", format!("listen 127.0.0.1:{} ", free_port())),
        ("listen 443 ", format!("listen 127.0.0.1:{https} ")),
        ("/etc/nginx/ssl", folder.display().to_string()),
        ("127.0.0.1:5000", exporter.to_owned()),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, &to);
    }
    format!("pid {}/nginx.pid;\n{text}", folder.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_shows_the_api_and_lets_nobody_write() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let files = Files::new(&[]);
    let exporter = Exporter::start(files.folder()).await;
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let port = free_port();
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, configuration(folder.path(), port, &exporter.address)).unwrap();
    let nginx = || {
        let mut nginx = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/nginx/usr/sbin/nginx"));
        nginx.arg("-p").arg(folder.path()).arg("-c").arg(&file).args(["-e", "stderr"]).stdin(Stdio::null());
        nginx
    };
    let (code, _, output) = exit_and_output(&nginx().arg("-t").output().unwrap());
    assert!(code == 0 && !output.contains("[warn]"), "{output}");

    let _server = Nginx(nginx().stderr(Stdio::null()).spawn().unwrap());
    let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
    let ask = async |method: &str, path: &str| {
        let url = format!("https://localhost:{port}{path}");
        client.request(method.parse().unwrap(), url).send().await
    };
    let began = Instant::now();
    while ask("GET", "/api/v1/health").await.is_err() {
        assert!(began.elapsed() < PATIENCE, "nginx doesn't answer");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let status = async |method: &str, path: &str| ask(method, path).await.unwrap().status();
    assert_eq!(status("GET", "/api/v1/channels").await, StatusCode::OK);
    assert_eq!(status("GET", "/").await, StatusCode::OK);
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        assert_eq!(status(method, "/api/v1/channels").await, StatusCode::FORBIDDEN, "{method}");
    }
    for path in ["/probe?target=CH_1", "/metrics", "/config", "/-/reload"] {
        assert_eq!(status("GET", path).await, StatusCode::NOT_FOUND, "{path}");
    }
}
