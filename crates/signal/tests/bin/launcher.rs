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
        _ => {
            let error = packager_signal::confine::exec(std::env::args_os().skip(1));
            let _ = writeln!(std::io::stderr(), "{error}");
            std::process::exit(126);
        }
    }
}
