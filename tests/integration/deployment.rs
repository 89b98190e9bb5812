//! The examples of deployment: their mounts exist, their flags are valid, and nginx lets each login do what its role may.

use crate::exporter::{Exporter, Files, PATIENCE, command, exit_and_output, run};
use crate::nginx::Nginx;
use crate::prometheus::{free_port, shipped};
use serde::Deserialize as _;
use serde_yaml::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

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

#[test]
fn kubernetes_mounts_what_it_names() {
    let documents = documents("kubernetes/packager_exporter.yml");
    let [pods, service, names_of_pods] = documents.as_slice() else { panic!("{documents:?}") };
    let pod = &pods["spec"]["template"];
    assert_eq!(pod["metadata"]["labels"], service["spec"]["selector"]);
    assert_eq!(pod["metadata"]["labels"], names_of_pods["spec"]["selector"]);
    assert_eq!(pod["metadata"]["labels"], pods["spec"]["selector"]["matchLabels"]);
    assert_eq!(pods["spec"]["serviceName"], names_of_pods["metadata"]["name"]);
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
    let own_name = format!(
        "--cluster.address=$(POD_NAME).{}.{}.svc:{}",
        names_of_pods["metadata"]["name"].as_str().unwrap(),
        pods["metadata"]["namespace"].as_str().unwrap(),
        container["ports"][0]["containerPort"].as_u64().unwrap()
    );
    assert!(arguments.contains(&own_name.as_str()), "{own_name} {arguments:?}");
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

/// nginx.conf with its logins and a certificate in `folder`, in front of this exporter. The login `reader` has no role.
fn nginx_in(folder: &Path, https: u16, exporter: &str) -> String {
    let mut prepare = Command::new("sh");
    prepare.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/compose/nginx/prepare.sh"));
    prepare.envs([("NOC_PASSWORD", "of-noc"), ("ADMIN_PASSWORD", "of-admin"), ("DEPLOYMENT", "production")]);
    prepare.env("NGINX_SSL", folder).env("NGINX_LOGINS", folder.join("logins"));
    let (code, output, error) = exit_and_output(&prepare.output().unwrap());
    assert_eq!(code, 0, "{output}{error}");
    let users = std::fs::read_to_string(folder.join("logins/users")).unwrap();
    let line = users.lines().next().unwrap().replace("noc:", "reader:");
    std::fs::write(folder.join("logins/users"), format!("{users}{line}\n")).unwrap();
    let mut text = text("nginx/nginx.conf");
    for (from, to) in [
        ("listen 80 ", format!("listen 127.0.0.1:{} ", free_port())),
        ("listen 443 ", format!("listen 127.0.0.1:{https} ")),
        ("/etc/nginx/ssl", folder.display().to_string()),
        ("/etc/nginx/logins", folder.join("logins").display().to_string()),
        ("127.0.0.1:10115", exporter.to_owned()),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, &to);
    }
    text
}

/// A client of nginx that trusts any certificate.
struct Browser {
    client: reqwest::Client,
    url: String,
}

impl Browser {
    async fn new(port: u16) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
        let browser = Self { client, url: format!("https://localhost:{port}") };
        let began = Instant::now();
        while browser.client.get(format!("{}/-/nginx", browser.url)).send().await.is_err() {
            assert!(began.elapsed() < PATIENCE, "nginx doesn't answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        browser
    }

    /// A request with the login of that name, whose password is `of-` and the name of the role's login.
    fn request(&self, login: &str, method: &str, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url));
        match login {
            "" => request,
            "admin" => request.basic_auth("admin", Some("of-admin")),
            other => request.basic_auth(other, Some("of-noc")),
        }
    }

    async fn status(&self, login: &str, method: &str, path: &str) -> u16 {
        status(&self.request(login, method, path).send().await.unwrap())
    }
}

/// The shipped nginx in front of an exporter, and a client of it.
struct Proxied {
    browser: Browser,
    _nginx: Nginx,
    _folder: tempfile::TempDir,
}

impl Proxied {
    /// Starts nginx with its shipped configuration after `edit`.
    async fn start(exporter: &Exporter, edit: impl FnOnce(String) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let nginx = Nginx::start(folder.path(), &edit(nginx_in(folder.path(), port, &exporter.address)));
        Self { browser: Browser::new(port).await, _nginx: nginx, _folder: folder }
    }
}

const ACKNOWLEDGE: &str = "/api/v1/alerts/1/acknowledge";
/// In place of what an exporter without a database answers to a write without a body.
const REACHED: u16 = 0;

/// The status of an answer; [`REACHED`] if the exporter refused the write for what it is.
fn status(answer: &reqwest::Response) -> u16 {
    match answer.status().as_u16() {
        415 | 422 | 503 => REACHED,
        other => other,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_asks_for_a_login_and_lets_its_role_write() {
    let files = Files::new(&[]);
    let exporter = Exporter::start(files.folder()).await;
    let proxied = Proxied::start(&exporter, |text| text).await;
    let browser = &proxied.browser;

    for path in ["/", "/ui/", "/api/v1/channels", "/api/v1/events", "/logs?target=CH_1", "/runbooks/ChannelDown"] {
        assert_eq!(browser.status("", "GET", path).await, 401, "{path}");
    }
    for (login, method, path, status) in [
        ("reader", "GET", "/api/v1/channels", 200),
        ("reader", "GET", "/", 200),
        ("reader", "GET", "/runbooks/ChannelDown", 200),
        ("reader", "POST", ACKNOWLEDGE, 403),
        ("reader", "POST", "/api/v1/channels", 403),
        ("noc", "POST", ACKNOWLEDGE, REACHED),
        ("noc", "POST", "/api/v1/alerts/1/acknowledge/../../../channels", 403),
        ("noc", "POST", "/api/v1/channels", 403),
        ("noc", "DELETE", "/api/v1/channels/1", 403),
        ("admin", "POST", "/api/v1/channels", REACHED),
        ("admin", "GET", "/probe?target=CH_1", 404),
        ("admin", "GET", "/metrics", 404),
        ("admin", "GET", "/config", 404),
        ("admin", "POST", "/-/reload", 404),
        ("", "POST", "/api/v1/channels", 401),
        ("", "GET", "/api/v1/health", 200),
    ] {
        assert_eq!(browser.status(login, method, path).await, status, "{login} {method} {path}");
    }
    let guess = browser.request("", "POST", ACKNOWLEDGE).basic_auth("admin", Some("guess"));
    assert_eq!(guess.send().await.unwrap().status(), 401, "the role is that of the login, the password is checked");
    let token = browser.request("", "GET", "/api/v1/channels").bearer_auth("anything");
    assert_eq!(token.send().await.unwrap().status(), 401, "an exporter without tokens believes everybody");

    let from = |origin: &str| browser.request("admin", "POST", "/api/v1/channels").header("origin", origin).send();
    assert_eq!(from("https://evil.example").await.unwrap().status(), 403);
    assert_eq!(status(&from(&browser.url).await.unwrap()), REACHED);
    let refusal = browser.request("noc", "POST", "/api/v1/channels").send().await.unwrap();
    assert_eq!(refusal.version(), reqwest::Version::HTTP_2);
    assert_eq!(refusal.headers()["content-type"], "application/problem+json");
    assert!(refusal.text().await.unwrap().contains("the login noc has the role operate; this needs admin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_passes_events_at_once() {
    let files = Files::new(&[]);
    let exporter = Exporter::start(files.folder()).await;
    let proxied = Proxied::start(&exporter, |text| text).await;
    let browser = &proxied.browser;
    let mut events = browser.request("reader", "GET", "/api/v1/events?changes=true").send().await.unwrap();
    let first = tokio::time::timeout(PATIENCE, events.chunk()).await.unwrap().unwrap().unwrap();
    let text = String::from_utf8(first.to_vec()).unwrap();
    assert!(text.contains(": listening"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_passes_tokens_to_an_exporter_that_checks_them() {
    let files = Files::new(&[]);
    let tokens = files.path("tokens.yml");
    let token = |role: &str| {
        let file = tokens.to_str().unwrap();
        let (code, text, error) =
            run(files.folder(), &["token", "create", "--api.tokens-file", file, "--role", role, role]);
        assert_eq!(code, 0, "{error}");
        text.lines().next().unwrap().to_owned()
    };
    let (reader, admin) = (token("read"), token("admin"));
    let arguments = ["--api.tokens-file", tokens.to_str().unwrap()];
    let exporter = Exporter::spawn(&mut command(files.folder()), &arguments).await;
    let with_tokens = |text: String| text.replace("    #token ", "    ").replace("TOKEN-OF-ROLE-ADMIN", &admin);
    let proxied = Proxied::start(&exporter, with_tokens).await;
    let browser = &proxied.browser;

    let bearer = async |token: &str, method: &str, path: &str| {
        status(&browser.request("", method, path).bearer_auth(token).send().await.unwrap())
    };
    assert_eq!(bearer(&reader, "GET", "/api/v1/channels").await, 200);
    assert_eq!(bearer(&reader, "POST", "/api/v1/channels").await, 403);
    assert_eq!(bearer(&admin, "POST", "/api/v1/channels").await, REACHED);
    assert_eq!(bearer("guess", "GET", "/api/v1/channels").await, 401);
    assert_eq!(browser.status("", "GET", "/api/v1/channels").await, 401);
    assert_eq!(browser.status("noc", "GET", "/api/v1/channels").await, 200);
    assert_eq!(browser.status("noc", "POST", ACKNOWLEDGE).await, REACHED);
    assert_eq!(browser.status("noc", "POST", "/api/v1/channels").await, 403);
    assert_eq!(browser.status("noc", "GET", "/api/v1/tokens").await, 403);
    assert_eq!(browser.status("admin", "GET", "/api/v1/tokens").await, 200);
}
