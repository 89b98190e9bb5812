//! compose.yml without Docker: each service runs with the command, the environment and the mounted files that
//! docker-compose makes of compose.yml and .env.example, as a program of this machine on free ports.

use crate::alerting::alertmanager_with;
use crate::discovery::by_discovery;
use crate::exporter::{Exporter, PATIENCE, PROGRAM, command, exit_and_output};
use crate::nginx::Nginx;
use crate::prometheus::free_port;
use packager_testbed::postgres::Postgres;
use serde_yaml::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Services that answer requests, with the port of each on the machine.
const PORTS: [(&str, u16); 9] = [
    ("postgres", 5432),
    ("influxdb", 8086),
    ("packager-monitor", 10115),
    ("cms-api", 5000),
    ("prometheus", 9090),
    ("alertmanager", 9093),
    ("grafana", 3000),
    ("nginx", 443),
    ("redirects of nginx", 80),
];
/// Services that answer no request.
const OTHERS: [&str; 3] = ["configuration", "backup-postgres", "backup-influxdb"];

/// Folders that the first start makes.
const MADE: [&str; 2] = ["ssl", "backups"];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap()
}

/// What docker-compose makes of compose.yml with the variables of this file: exit code, output and errors.
fn docker_compose(environment: &Path) -> (i32, String, String) {
    let mut compose = Command::new("docker-compose");
    compose.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", environment.parent().unwrap());
    compose.arg("-f").arg(repository().join("compose.yml")).arg("--env-file").arg(environment).arg("config");
    exit_and_output(&compose.output().expect("docker-compose; scripts/install_test_tools.sh"))
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_sequence().map(|list| list.iter().map(|item| item.as_str().unwrap()).collect()).unwrap_or_default()
}

/// compose.yml with the variables of .env.example, and a free port in place of each of its ports.
pub(crate) struct Compose {
    document: Value,
    ports: BTreeMap<u16, u16>,
    /// A folder for each service, which has its files where the container has them.
    roots: TempDir,
}

impl Compose {
    fn new() -> Self {
        let (code, output, error) = docker_compose(&repository().join(".env.example"));
        assert_eq!(code, 0, "{error}");
        let ports = PORTS.map(|(_, port)| (port, free_port())).into();
        Self { document: serde_yaml::from_str(&output).unwrap(), ports, roots: tempfile::tempdir().unwrap() }
    }

    fn service(&self, name: &str) -> &Value {
        &self.document["services"][name]
    }

    fn address(&self, port: u16) -> String {
        format!("127.0.0.1:{}", self.ports[&port])
    }

    /// The text with this machine's ports.
    fn with_ports(&self, text: &str) -> String {
        let text = text.replace("influxdb:8086", "127.0.0.1:8086");
        let mut parts = text.split("127.0.0.1:");
        let mut changed = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            let (port, rest) = part.split_at(digits);
            let here = port.parse().ok().and_then(|port: u16| self.ports.get(&port));
            changed += &format!("127.0.0.1:{}{rest}", here.map_or(port.to_owned(), u16::to_string));
        }
        for port in [80, 443] {
            changed = changed.replace(&format!("listen {port} "), &format!("listen {} ", self.address(port)));
        }
        changed
    }

    fn environment(&self, name: &str) -> BTreeMap<String, String> {
        let given = self.service(name)["environment"].as_mapping().unwrap();
        let pairs = given.iter().map(|(name, value)| {
            let value =
                value.as_str().map_or_else(|| serde_yaml::to_string(value).unwrap().trim().to_owned(), str::to_owned);
            (name.as_str().unwrap().to_owned(), self.with_ports(&value))
        });
        pairs.collect()
    }

    /// Puts the mounted files of a service into its folder, with this machine's ports and `change`, and returns the
    /// service's arguments with their paths in that folder.
    fn arguments(&self, name: &str, change: &dyn Fn(String) -> String) -> Vec<String> {
        let root = self.root(name);
        for mount in strings(&self.service(name)["volumes"]) {
            let [from, to, ..] = mount.split(':').collect::<Vec<_>>()[..] else { panic!("{mount}") };
            let to = root.join(to.trim_start_matches('/'));
            match Path::new(from) {
                from if MADE.iter().any(|made| repository().join(made) == from) => std::fs::create_dir_all(to).unwrap(),
                from if from.is_file() => self.copy(from, &to, change),
                from if from.is_dir() => copied_files(from).iter().for_each(|file| {
                    self.copy(file, &to.join(file.strip_prefix(from).unwrap()), change);
                }),
                _ => std::fs::create_dir_all(to).unwrap(),
            }
        }
        let inside = |argument: &&str| match argument.split_once('/') {
            Some((flag, path)) if flag.is_empty() || flag.ends_with("file=") || flag.ends_with("path=") => {
                format!("{flag}{}", root.join(path).display())
            }
            _ => self.with_ports(argument),
        };
        strings(&self.service(name)["command"]).iter().map(inside).collect()
    }

    fn copy(&self, from: &Path, to: &Path, change: &dyn Fn(String) -> String) {
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(to, change(self.with_ports(&std::fs::read_to_string(from).unwrap()))).unwrap();
    }

    fn root(&self, name: &str) -> PathBuf {
        self.roots.path().join(name)
    }

    /// Waits until the health check of a service succeeds.
    async fn healthy(&self, name: &str) {
        let test = self.service(name)["healthcheck"]["test"].clone();
        let test = strings(&test);
        assert_eq!(test[0], "CMD", "{name}");
        let address = format!("127.0.0.1:{}/", self.ports[&443]);
        let mut arguments: Vec<String> =
            test[2..].iter().map(|argument| self.with_ports(argument).replace("127.0.0.1/", &address)).collect();
        let program = if test[1] == "packager_exporter" { PROGRAM } else { test[1] };
        if program == PROGRAM {
            arguments.push(format!("http://{}/-/ready", self.address(10115)));
        }
        if program == "pg_isready" {
            arguments.extend(["-p".to_owned(), self.ports[&5432].to_string()]);
        }
        let began = Instant::now();
        loop {
            let output = Command::new(program).args(&arguments).output().unwrap_or_else(|e| panic!("{program}: {e}"));
            if output.status.success() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{name} isn't healthy: {output:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// PostgreSQL as its image starts it for the first time, with the files and variables of the service.
    fn postgres(&mut self) -> Postgres {
        self.arguments("postgres", &|text| text);
        let root = self.root("postgres");
        let hba = std::fs::read_to_string(root.join("etc/postgresql/pg_hba.conf")).unwrap();
        let postgres = Postgres::start_with_hba(&hba);
        let mut script = Command::new("sh");
        script.arg(root.join("docker-entrypoint-initdb.d/create_database.sh")).envs(self.environment("postgres"));
        script.env("PGHOST", postgres.socket()).env("PGPORT", postgres.port().to_string());
        let (code, output, error) = exit_and_output(&script.output().unwrap());
        assert_eq!(code, 0, "{output}{error}");
        self.ports.insert(5432, postgres.port());
        postgres
    }

    /// nginx with the configuration that the service mounts at this path.
    fn nginx(&self, name: &str, configuration: &str) -> Nginx {
        let root = self.root(name);
        let local = |text: String| text.replace("/etc/nginx", &root.join("etc/nginx").display().to_string());
        self.arguments(name, &local);
        let file = root.join(configuration);
        if name == "nginx" {
            let mut prepare = Command::new("sh");
            prepare.arg(root.join("docker-entrypoint.d/prepare.sh")).envs(self.environment(name));
            let (code, output, error) = exit_and_output(&prepare.output().unwrap());
            assert!(code == 0 && output.contains("a self-signed certificate was made"), "{output}{error}");
        }
        Nginx::start(&root, &std::fs::read_to_string(file).unwrap())
    }
}

fn copied_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { copied_files(&path) } else { vec![path] }).collect()
}

/// A program that is killed when this value is dropped.
struct Running(Child);

impl Running {
    fn spawn(mut command: Command) -> Self {
        let quiet = Stdio::null;
        Self(command.stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The running services, except InfluxDB and Grafana.
pub(crate) struct Services {
    compose: Compose,
    pub exporter: Exporter,
    _postgres: Postgres,
    _nginx: [Nginx; 2],
    _others: [Running; 2],
}

impl Services {
    /// Starts the services in the order in which they depend on each other. `influxdb` is the address of a server that
    /// takes the place of InfluxDB.
    pub(crate) async fn start(influxdb: u16) -> Self {
        let mut compose = Compose::new();
        compose.ports.insert(8086, influxdb);
        let postgres = compose.postgres();
        compose.healthy("postgres").await;
        let exporter = exporter(&compose).await;
        compose.healthy("packager-monitor").await;
        let often = |text: String| {
            let intervals =
                ["scrape_interval: 15s", "scrape_timeout: 10s", "evaluation_interval: 15s", "refresh_interval: 30s"];
            let text = intervals.iter().fold(text, |text, interval| {
                text.replace(interval, &format!("{}: 1s", interval.split(':').next().unwrap()))
            });
            text.replace("interval: 15s", "interval: 1s")
        };
        let mut prometheus = Command::new("prometheus");
        prometheus.args(compose.arguments("prometheus", &often));
        let debian = Path::new("/usr/bin/prometheus-alertmanager").exists();
        let mut alertmanager = Command::new(if debian { "prometheus-alertmanager" } else { "alertmanager" });
        alertmanager.args(compose.arguments("alertmanager", &often));
        let others = [Running::spawn(prometheus), Running::spawn(alertmanager)];
        let nginx =
            [compose.nginx("cms-api", "etc/nginx/cms_api.conf"), compose.nginx("nginx", "etc/nginx/nginx.conf")];
        let services = Self { compose, exporter, _postgres: postgres, _nginx: nginx, _others: others };
        for name in ["cms-api", "prometheus", "alertmanager", "nginx"] {
            services.compose.healthy(name).await;
        }
        services
    }

    /// `http://` and the address of the service with this port in compose.yml.
    pub(crate) fn url(&self, port: u16) -> String {
        format!("http://{}", self.compose.address(port))
    }

    /// Address of the database with the password of .env.example.
    pub(crate) fn database_url(&self) -> String {
        self.compose.environment("packager-monitor")["DATABASE_URL"].clone()
    }
}

async fn exporter(compose: &Compose) -> Exporter {
    let arguments = compose.arguments("packager-monitor", &|text| text);
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_eq!(arguments.remove(0), "serve");
    let listens = |argument: &&str| argument.starts_with("--web.listen-address");
    arguments.retain(|argument| !listens(argument));
    let root = compose.root("packager-monitor");
    let mut program = command(&root);
    program.envs(compose.environment("packager-monitor"));
    Exporter::spawn_at(&compose.address(10115), &mut program, &arguments).await
}

#[test]
fn the_services_are_those_of_the_quick_start_with_health_checks_and_limits() {
    let compose = Compose::new();
    let services = compose.document["services"].as_mapping().unwrap();
    let names: Vec<&str> = services.keys().map(|name| name.as_str().unwrap()).collect();
    let wanted = PORTS.iter().map(|(name, _)| *name).filter(|name| !name.contains(' ')).chain(OTHERS);
    assert!(wanted.clone().all(|name| names.contains(&name)) && names.len() == wanted.count(), "{names:?}");
    for (name, service) in services {
        let name = name.as_str().unwrap();
        assert!(service["mem_limit"].is_string(), "{name}: its memory has no limit");
        if name != "configuration" {
            assert_eq!(service["network_mode"], "host", "{name}: the shipped files name 127.0.0.1");
            assert!(service["healthcheck"]["test"].is_sequence(), "{name}: it has no health check");
            assert!(service["logging"]["options"]["max-size"].is_string(), "{name}: its log has no limit");
        }
        for mount in strings(&service["volumes"]) {
            let from = Path::new(mount.split(':').next().unwrap());
            let made = || MADE.iter().any(|made| repository().join(made) == from);
            assert!(!from.is_absolute() || from.exists() || made(), "{name}: {mount}");
        }
    }
    let hosts = strings(&services["packager-monitor"]["extra_hosts"]);
    assert!(hosts.contains(&"influxdb:127.0.0.1"), "{hosts:?}");
}

#[test]
fn production_refuses_the_development_defaults_and_empty_values() {
    let folder = tempfile::tempdir().unwrap();
    let compose = |name: &str, change: &dyn Fn(&str) -> String| {
        let file = folder.path().join("env");
        std::fs::write(&file, change(&text(name))).unwrap();
        docker_compose(&file)
    };
    let (code, _, error) = compose(".env.production", &str::to_owned);
    assert!(code != 0 && error.contains("set it in .env"), "{error}");

    let check = |name: &str, change: &dyn Fn(&str) -> String| {
        let (code, output, error) = compose(name, change);
        assert_eq!(code, 0, "{error}");
        let document: Value = serde_yaml::from_str(&output).unwrap();
        let service = &document["services"]["configuration"];
        let mut script = Command::new("sh");
        script.arg(repository().join("deploy/compose/check_environment.sh")).env_clear();
        for (name, value) in service["environment"].as_mapping().unwrap() {
            script.env(name.as_str().unwrap(), value.as_str().unwrap());
        }
        exit_and_output(&script.output().unwrap())
    };
    let (code, output, error) = check(".env.example", &str::to_owned);
    assert_eq!((code, output.as_str()), (0, "The values of .env are usable for development.\n"), "{error}");
    let production = |text: &str| text.replace("DEPLOYMENT=development", "DEPLOYMENT=production");
    let (code, _, error) = check(".env.example", &production);
    for variable in [
        "POSTGRES_PASSWORD",
        "INFLUXDB_PASSWORD",
        "INFLUXDB_TOKEN",
        "GRAFANA_PASSWORD",
        "NOC_PASSWORD",
        "ADMIN_PASSWORD",
    ] {
        assert!(error.contains(&format!("{variable} has the development default")), "{error}");
    }
    assert!(code == 1 && error.contains("EXTERNAL_URL is `https://localhost`"), "{error}");

    let filled = |value: &'static str| {
        move |text: &str| {
            let lines = text.lines().map(|line| match line {
                "EXTERNAL_URL=" => "EXTERNAL_URL=https://monitoring.example\n".to_owned(),
                line if line.ends_with('=') && !line.starts_with("SLACK") => format!("{line}{value}\n"),
                line => format!("{line}\n"),
            });
            lines.collect::<String>()
        }
    };
    let (code, _, error) = check(".env.production", &filled("short"));
    assert!(code == 1 && error.contains("INFLUXDB_TOKEN is shorter than 16 characters"), "{error}");
    let (code, _, error) = check(".env.production", &filled("a/b@c:d-0123456789abcdef"));
    assert!(code == 1 && error.contains("POSTGRES_PASSWORD has characters other than"), "{error}");
    let (code, _, error) = check(".env.production", &filled("0123456789abcdef0123"));
    assert_eq!(code, 0, "{error}");
    assert_eq!(
        variables(".env.example"),
        variables(".env.production"),
        "both files have the same variables in the same order"
    );
}

fn variables(file: &str) -> Vec<String> {
    let text = text(file);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect()
}

#[test]
fn the_database_takes_only_its_owner_with_a_password_who_has_no_right_beyond_it() {
    let mut compose = Compose::new();
    let postgres = compose.postgres();
    let password = compose.environment("postgres")["MONITOR_APP_PASSWORD"].clone();
    let psql = |user: &str, password: &str, database: &str, sql: &str| {
        let mut psql = Command::new("psql");
        psql.env("PGPASSWORD", password).args(["-XAt", "-h", "127.0.0.1", "-p", &postgres.port().to_string()]);
        let (code, output, error) =
            exit_and_output(&psql.args(["-U", user, "-d", database, "-c", sql]).output().unwrap());
        if code == 0 { Ok(output.trim().to_owned()) } else { Err(error) }
    };
    let own = |sql: &str| psql("monitor_app", &password, "fpt_play_monitoring", sql);
    assert_eq!(own("CREATE TABLE t (id integer); SELECT count(*) FROM t").unwrap(), "CREATE TABLE\n0");
    let stored = "SELECT left(rolpassword, 14) FROM pg_authid WHERE rolname = 'monitor_app'";
    assert_eq!(postgres.sql_in("postgres", stored), "SCRAM-SHA-256$");
    assert_eq!(
        postgres.sql_in("postgres", "SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = 'postgres'"),
        "t"
    );
    for (user, password, database, why) in [
        ("monitor_app", "wrong", "fpt_play_monitoring", "password authentication failed"),
        ("monitor_app", &*password, "postgres", "pg_hba.conf rejects"),
        ("postgres", &*password, "fpt_play_monitoring", "pg_hba.conf rejects"),
    ] {
        let error = psql(user, password, database, "SELECT 1").unwrap_err();
        assert!(error.contains(why), "{user} {database}: {error}");
    }
    for sql in ["CREATE DATABASE other", "CREATE ROLE other", "COPY t TO '/tmp/t'", "ALTER ROLE monitor_app SUPERUSER"]
    {
        let error = own(sql).unwrap_err();
        assert!(error.contains("permission denied") || error.contains("must be superuser"), "{sql}: {error}");
    }
}

#[test]
fn the_mounted_files_of_prometheus_and_alertmanager_are_the_shipped_ones_with_the_database() {
    let value = |text: &str| serde_yaml::from_str::<Value>(text).unwrap();
    assert_eq!(value(&text("deploy/compose/prometheus.yml")), value(&by_discovery()));
    let alertmanager = text("deploy/compose/alertmanager.yml");
    assert_eq!(alertmanager.split_once('\n').unwrap().1, alertmanager_with(&["database"]));
}

/// Runs backup.sh with these arguments and variables.
fn backup(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let mut script = Command::new("sh");
    script.arg(repository().join("deploy/compose/backup.sh")).args(arguments).envs(variables.iter().copied());
    exit_and_output(&script.output().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_the_database_is_restored_while_the_exporter_runs() {
    let mut compose = Compose::new();
    let _postgres = compose.postgres();
    let exporter = exporter(&compose).await;
    exporter.until("/-/ready", |status, _| status == 200).await;
    let database = &compose.environment("packager-monitor")["DATABASE_URL"];
    let psql = |sql: &str| {
        let output =
            Command::new("psql").args(["-XAt", "-v", "ON_ERROR_STOP=1", database, "-c", sql]).output().unwrap();
        let (code, text, error) = exit_and_output(&output);
        assert_eq!(code, 0, "{error}");
        text.trim().to_owned()
    };
    psql(
        "INSERT INTO channels (channel_code, channel_name, input_url) VALUES ('CH_1', 'One', 'http://127.0.0.1:9/1.m3u8')",
    );

    let folder = tempfile::tempdir().unwrap();
    for old in ["postgres-20200101T000000Z.sql.gz", "postgres-20200102T000000Z.sql.gz", "influxdb-20200101T000000Z"] {
        let file = folder.path().join(old);
        std::fs::write(&file, "").unwrap();
        assert!(Command::new("touch").args(["-d", "2020-01-01"]).arg(file).status().unwrap().success());
    }
    let environment = compose.environment("backup-postgres");
    let port = compose.ports[&5432].to_string();
    let mut variables: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    variables.extend([
        ("PGPORT", port.as_str()),
        ("BACKUP_FOLDER", folder.path().to_str().unwrap()),
        ("BACKUP_KEEP", "2"),
    ]);
    assert_eq!(backup(&["postgres", "check"], &variables).0, 1, "the newest backup is years old");
    let (code, output, error) = backup(&["postgres", "once"], &variables);
    assert_eq!(code, 0, "{output}{error}");
    assert_eq!(backup(&["postgres", "check"], &variables).0, 0);
    let mut kept: Vec<String> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    kept.sort();
    assert!(kept.len() == 3 && kept[1] == "postgres-20200102T000000Z.sql.gz", "{kept:?}");

    psql("DELETE FROM channels");
    exporter.until("/api/v1/channels", |_, text| !text.contains("CH_1")).await;
    let (code, _, error) = backup(&["postgres", "restore", "postgres-20200102T000000Z.sql.gz"], &variables);
    assert!(code == 1 && error.contains("nothing was restored"), "{error}");
    let (code, output, error) = backup(&["postgres", "restore", &kept[2]], &variables);
    assert_eq!(code, 0, "{output}{error}");
    exporter.until("/probe?target=CH_1", |status, _| status == 200).await;
    exporter.until("/api/v1/channels", |_, text| text.contains("CH_1")).await;

    let away: Vec<_> =
        variables.iter().copied().filter(|(name, _)| *name != "PGPORT").chain([("PGPORT", "1")]).collect();
    let (code, _, error) = backup(&["postgres", "once"], &away);
    assert!(code == 1 && error.contains("the backup of postgres failed"), "{error}");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        3,
        "nothing of a failed backup is left, and none is lost"
    );
}
