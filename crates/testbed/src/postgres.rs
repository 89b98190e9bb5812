//! A PostgreSQL server for one test, on a free port.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest time that PostgreSQL may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// A running PostgreSQL server with its data in a temporary folder; it ends when this value is dropped.
pub struct Postgres {
    folder: TempDir,
    port: u16,
    child: Child,
    settings: Vec<String>,
    /// Host or folder of the socket, and superuser, that the tests connect with.
    login: [String; 2],
}

impl Postgres {
    /// Starts a PostgreSQL server with the user and the empty database that docs/operations.md names.
    pub fn start() -> Self {
        let folder = folder_of_server();
        let postgres = Self::initialize(folder, ["127.0.0.1", "monitor_app"], Vec::new());
        postgres.psql("postgres", "CREATE DATABASE fpt_play_monitoring");
        postgres
    }

    /// Starts a server as an image of PostgreSQL does at its first start: its only user is the superuser `postgres`, and
    /// `hba` is the text of its pg_hba.conf.
    pub fn start_with_hba(hba: &str) -> Self {
        let folder = folder_of_server();
        let file = folder.path().join("pg_hba.conf");
        std::fs::write(&file, hba).unwrap();
        let socket = folder.path().to_str().unwrap().to_owned();
        Self::initialize(folder, [&socket, "postgres"], vec![format!("hba_file={}", file.display())])
    }

    fn initialize(folder: TempDir, login: [&str; 2], settings: Vec<String>) -> Self {
        let data = folder.path().join("data");
        let mut initdb = server("initdb", folder.path());
        initdb.args(["--auth=trust", "--encoding=UTF8", "--no-sync", "-U", login[1], "-D"]).arg(&data);
        run(&mut initdb);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = spawn(folder.path(), port, &settings);
        let postgres = Self { folder, port, child, settings, login: login.map(str::to_owned) };
        postgres.wait();
        postgres
    }

    /// Returns the folder of the server's socket.
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the connection URL of the database.
    pub fn url(&self) -> String {
        format!("postgres://monitor_app@127.0.0.1:{}/fpt_play_monitoring", self.port)
    }

    /// Runs SQL with psql and returns the resulting rows, with `|` between columns.
    pub fn sql(&self, sql: &str) -> String {
        self.psql("fpt_play_monitoring", sql)
    }

    /// Returns the server's log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Returns the TCP port of the server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Creates another database on this server and runs `sql` in it.
    pub fn database(&self, name: &str, sql: &str) {
        self.psql("postgres", &format!("CREATE DATABASE {name}"));
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(sql.as_bytes()).unwrap();
        file.rewind().unwrap();
        let mut psql = self.client(name);
        run(psql.args(["-q", "-v", "ON_ERROR_STOP=1"]).stdin(file));
    }

    /// Runs SQL as [`Self::sql`] does, in another database.
    pub fn sql_in(&self, database: &str, sql: &str) -> String {
        self.psql(database, sql)
    }

    /// Runs a command-line tool of PostgreSQL with the connection to a database and `input` on standard input, and
    /// returns its output.
    pub fn tool(&self, program: &str, database: &str, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new(program);
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "monitor_app", "-d", database]);
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Stops the server at once, as a failed machine would.
    pub fn stop(&mut self) {
        run(Command::new("kill").args(["-s", "QUIT", &self.child.id().to_string()]));
        self.child.wait().unwrap();
    }

    /// Starts the stopped server again, with the same data and port.
    pub fn start_again(&mut self) {
        self.child = spawn(self.folder.path(), self.port, &self.settings);
        self.wait();
    }

    fn psql(&self, database: &str, sql: &str) -> String {
        let output = self.client(database).args(["-At", "-v", "ON_ERROR_STOP=1", "-c", sql]).output().unwrap();
        let (text, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{sql}: {error}");
        text.trim_end().to_owned()
    }

    fn client(&self, database: &str) -> Command {
        let mut psql = Command::new("psql");
        let [host, user] = &self.login;
        psql.args(["-X", "-h", host, "-p", &self.port.to_string(), "-U", user, "-d", database]);
        psql
    }

    fn wait(&self) {
        let began = Instant::now();
        while !self.client("postgres").args(["-c", "SELECT 1"]).output().unwrap().status.success() {
            assert!(began.elapsed() < PATIENCE, "PostgreSQL doesn't answer");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-s", "QUIT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

fn folder_of_server() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    if root() {
        run(Command::new("chown").arg("postgres").arg(folder.path()));
    }
    folder
}

fn spawn(folder: &Path, port: u16, settings: &[String]) -> Child {
    let mut server = server("postgres", folder);
    server.arg("-D").arg(folder.join("data")).arg("-k").arg(folder).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    server.args(["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"]);
    server.args(settings.iter().flat_map(|setting| ["-c", setting]));
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    server.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// Makes the command that runs a server program as an unprivileged user, because PostgreSQL refuses to run as root.
fn server(program: &str, folder: &Path) -> Command {
    let program = programs().expect("PostgreSQL; scripts/install_test_tools.sh").join(program);
    let mut command = if root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder).env("LC_ALL", "C");
    command
}

fn root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Returns the folder with the programs of the newest PostgreSQL on this machine; `None` when none is installed. Debian
/// installs every version in a folder of its own.
pub fn programs() -> Option<PathBuf> {
    let versions =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path().join("bin"));
    versions.filter(|bin| bin.join("initdb").exists()).max()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
