//! Becomes ffmpeg in a confined process, as the exporter's hidden subcommand does; under another name, plays an ffmpeg that
//! misbehaves.

use std::io::Write as _;
use std::time::Duration;

fn main() {
    let name = std::env::args().next().unwrap_or_default();
    let noise = [b'x'; 65_536];
    match name.rsplit('/').next() {
        _ if std::env::args().any(|argument| argument == "-version") && !name.contains("launcher") => {
            let _ = writeln!(std::io::stdout(), "ffmpeg version 5.1");
        }
        // 100 MB of messages.
        Some("noisy") => (0..1_600).for_each(|_| drop(std::io::stderr().write_all(&noise))),
        // Pictures without end.
        Some("endless") => {
            let _ = std::io::stdout().write_all(b"YUV4MPEG2 W64 H64 F25:1 Ip A1:1 C420mpeg2\n");
            let picture = [&b"FRAME\n"[..], &[128; 64 * 96]].concat();
            while std::io::stdout().write_all(&picture).is_ok() {}
        }
        // No answer at all.
        Some("asleep") => std::thread::sleep(Duration::from_secs(600)),
        // A picture of a size that nobody has asked for.
        Some("boastful") => drop(std::io::stdout().write_all(b"YUV4MPEG2 W4294967295 H4294967295 F25:1 C420\nFRAME\n")),
        // What a confined process can do.
        Some("prober") => {
            let may = |allowed: bool| if allowed { "yes" } else { "no" };
            let read = std::fs::read("/etc/passwd").is_ok() || std::fs::read_dir("/root").is_ok();
            let write = std::fs::write("/tmp/packager_signal_prober", b"x").is_ok();
            let connect = std::net::UdpSocket::bind("127.0.0.1:0").is_ok();
            let spawn = std::process::Command::new("/bin/true").status().is_ok();
            let secret = std::env::vars_os().any(|(name, _)| name == "PATH" || name == "HOME");
            let processors = rustix::thread::sched_getaffinity(None).unwrap_or_default();
            let schedule = rustix::thread::sched_setaffinity(rustix::process::getppid(), &processors).is_ok();
            let found = [
                ("read", read),
                ("write", write),
                ("connect", connect),
                ("spawn", spawn),
                ("schedule", schedule),
                ("secret", secret),
            ];
            let found: Vec<String> = found.iter().map(|(name, allowed)| format!("{name}={}", may(*allowed))).collect();
            let _ = writeln!(std::io::stderr(), "{}", found.join(" "));
        }
        _ => {
            let error = packager_signal::confine::exec(std::env::args_os().skip(1));
            let _ = writeln!(std::io::stderr(), "{error}");
            std::process::exit(126);
        }
    }
}
