//! Debian's Zabbix server and frontend on a temporary database, with the shipped template on a host.

use crate::prometheus::{free_port, shipped};
use packager_testbed::postgres::Postgres;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest time to wait for the server, which first reads its configuration from a large database.
const PATIENCE: Duration = Duration::from_secs(300);

/// Tables of users and rights. The other tables, which hold Zabbix's own templates, take a minute to load and aren't
/// needed.
const NEEDED: [&str; 7] = ["role", "role_rule", "users", "usrgrp", "users_groups", "hstgrp", "config"];

pub(super) struct Zabbix {
    /// Address of the server's trapper port.
    pub address: String,
    postgres: Postgres,
    folder: TempDir,
    server: Option<Child>,
}

impl Zabbix {
    /// Imports the template, creates a host and links the template, as docs/operations.md describes. The server isn't
    /// started yet.
    pub(super) async fn prepare() -> Self {
        let postgres = Postgres::start();
        let own = unpacked("data");
        let own =
            own.lines().filter(|line| NEEDED.iter().any(|table| line.starts_with(&format!("INSERT INTO {table} "))));
        postgres.database("zabbix", &(unpacked("schema") + &own.collect::<Vec<_>>().join("\n")));
        let frontend = Frontend::start(&postgres).await;
        let rules = ["groups", "templates", "items", "discoveryRules", "triggers"];
        let rules: serde_json::Map<_, _> =
            rules.iter().map(|name| ((*name).to_owned(), json!({"createMissing": true}))).collect();
        let template = std::fs::read_to_string(shipped().join("zabbix_template.yaml")).unwrap();
        let import = json!({"format": "yaml", "source": template, "rules": rules});
        assert_eq!(frontend.call("configuration.import", &import).await, true);
        let found = frontend.call("template.get", &json!({"filter": {"host": "Packager alerts"}})).await;
        let group = frontend.call("hostgroup.create", &json!({"name": "Live channels"})).await;
        let host = json!({"host": "packager_exporter", "groups": [{"groupid": group["groupids"][0]}],
            "templates": [{"templateid": found[0]["templateid"]}]});
        frontend.call("host.create", &host).await;
        let address = format!("127.0.0.1:{}", free_port());
        Self { address, postgres, folder: tempfile::tempdir().unwrap(), server: None }
    }

    pub(super) fn start(&mut self) {
        let (folder, file) = (self.folder.path(), self.folder.path().join("server.conf"));
        let (db, port) = (self.postgres.port(), self.address.rsplit(':').next().unwrap());
        let text = format!(
            "DBHost=127.0.0.1\nDBPort={db}\nDBName=zabbix\nDBUser=monitor_app\nListenIP=127.0.0.1\nListenPort={port}\n\
             LogType=file\nLogFile={0}/log\nPidFile={0}/pid\nSocketDir={0}\nAllowRoot=1\nCacheUpdateFrequency=1\n",
            folder.display()
        );
        std::fs::write(&file, text).unwrap();
        let mut server = Command::new(installed().join("sbin/zabbix_server"));
        server.arg("-f").arg("-c").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(server.spawn().expect("zabbix_server; scripts/install_test_tools.sh"));
    }

    pub(super) fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = Command::new("kill").arg(server.id().to_string()).status();
            let _ = server.wait();
        }
    }

    /// Returns the newest value of an item; numbers are in the table `history_uint`, text in `history_text`.
    pub(super) fn value(&self, table: &str, key: &str) -> String {
        self.postgres.sql_in(
            "zabbix",
            &format!(
                "SELECT h.value FROM {table} h JOIN items i USING (itemid) WHERE i.key_ = '{key}'
                 ORDER BY h.clock DESC, h.ns DESC LIMIT 1"
            ),
        )
    }

    /// Returns every trigger of the host, with 1 for a problem, and the newest value of every item.
    pub(super) fn problems(&self) -> String {
        let triggers = "SELECT DISTINCT t.description, t.value FROM triggers t JOIN functions USING (triggerid)
             JOIN items USING (itemid) JOIN hosts h USING (hostid) WHERE h.host = 'packager_exporter' AND h.status = 0";
        let values = |table: &str| {
            format!(
                "SELECT DISTINCT ON (key_) key_, v.value FROM {table} v JOIN items USING (itemid)
                 WHERE key_ LIKE 'packager%' ORDER BY key_, v.clock DESC, v.ns DESC"
            )
        };
        let all = [triggers.to_owned(), values("history_uint"), values("history_text")];
        all.map(|sql| self.postgres.sql_in("zabbix", &sql)).join("\n")
    }

    /// Waits until [`Self::problems`] has this line.
    pub(super) async fn until(&self, what: &str, line: &str) {
        let began = Instant::now();
        loop {
            let problems = self.problems();
            if problems.lines().any(|one| one == line) {
                return;
            }
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "not in Zabbix: {what}:\n{problems}\n{}", log());
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

impl Drop for Zabbix {
    fn drop(&mut self) {
        self.stop();
    }
}

fn unpacked(name: &str) -> String {
    let file = installed().join(format!("share/zabbix-server-pgsql/{name}.sql.gz"));
    let output = Command::new("zcat").arg(file).output().unwrap();
    assert!(output.status.success(), "scripts/install_test_tools.sh has to run first");
    String::from_utf8(output.stdout).unwrap()
}

fn installed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/zabbix/usr")
}

/// Zabbix's web frontend, which provides the API.
struct Frontend {
    child: Child,
    url: String,
    client: reqwest::Client,
    token: Value,
}

impl Frontend {
    async fn start(postgres: &Postgres) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let mut php = Command::new("php");
        php.arg("-S").arg(&address).arg("-t").arg(installed().join("share/zabbix"));
        php.env("ZABBIX_DB_PORT", postgres.port().to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = php.spawn().expect("php; scripts/install_test_tools.sh");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{address}/api_jsonrpc.php");
        let mut frontend = Self { child, url, client, token: Value::Null };
        let began = Instant::now();
        while frontend.client.get(format!("http://{address}/robots.txt")).send().await.is_err() {
            assert!(began.elapsed() < PATIENCE, "PHP's web server doesn't answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        frontend.token = frontend.call("user.login", &json!({"username": "Admin", "password": "zabbix"})).await;
        frontend
    }

    async fn call(&self, method: &str, parameters: &Value) -> Value {
        let mut body = json!({"jsonrpc": "2.0", "method": method, "params": parameters, "id": 1});
        if !self.token.is_null() {
            body["auth"] = self.token.clone();
        }
        let request = self.client.post(&self.url).header("content-type", "application/json-rpc");
        let text = request.body(body.to_string()).send().await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{method}: {text}"));
        assert!(answer["error"].is_null(), "{method}: {text}");
        answer["result"].clone()
    }
}

impl Drop for Frontend {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
