//! nginx with a configuration of this repository.

use crate::exporter::exit_and_output;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// nginx of `scripts/install_test_tools.sh`.
pub(crate) fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/nginx/usr/sbin/nginx")
}

/// A running nginx; it is killed when this value is dropped.
pub(crate) struct Nginx(Child);

impl Nginx {
    /// Starts nginx with its files below `folder`. Debian's nginx is older than `http2 on`, so the older form of that
    /// takes its place.
    pub(crate) fn start(folder: &Path, configuration: &str) -> Self {
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("  {kind}_temp_path {}/{kind};\n", folder.display()))
            .concat();
        let configuration = configuration
            .replace("\nhttp {\n", &format!("\nhttp {{\n{temporary}"))
            .replace(" ssl;\n    http2 on;", " ssl http2;")
            .replace(" ssl default_server;\n    http2 on;", " ssl http2 default_server;")
            .replace("/var/log/nginx", &folder.display().to_string())
            .replace("worker_processes auto;", "worker_processes 1;")
            .replace("worker_processes 1;", "worker_processes 1; master_process off; daemon off;");
        assert!(!configuration.contains("http2 on;"), "{configuration}");
        let file = folder.join("nginx.conf");
        std::fs::write(&file, format!("pid {}/nginx.pid;\n{configuration}", folder.display())).unwrap();
        let command = || {
            let mut nginx = Command::new(program());
            nginx.arg("-p").arg(folder).arg("-c").arg(&file).args(["-e", "stderr"]).stdin(Stdio::null());
            nginx
        };
        let (code, _, output) = exit_and_output(&command().arg("-t").output().unwrap());
        assert!(code == 0 && !output.contains("[warn]"), "{output}");
        Self(command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
