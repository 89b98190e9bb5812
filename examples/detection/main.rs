//! Detection, measured: `make detection` writes what this prints to docs/detection.md. What is missed or false is
//! said on standard error too; the tests judge it.

#[allow(dead_code)]
mod ffmpeg;
#[allow(dead_code)]
mod harness;
mod markdown;
mod matrix;
#[allow(dead_code)]
mod nginx_rtmp;
mod packagers;
mod running;
#[allow(dead_code)]
mod shaka;
mod static_files;

use std::io::{self, Write as _};

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut log = io::stderr();
    writeln!(log, "every fault of the live origin …")?;
    let faults = matrix::play().await;
    writeln!(log, "its clean channels …")?;
    let clean = matrix::watch_clean().await;
    writeln!(log, "real packagers, for four minutes …")?;
    let packagers = packagers::watch().await?;
    io::stdout().write_all(markdown::document(&faults, &clean, &packagers).as_bytes())?;

    let streams = clean.iter().map(|row| (row.name.as_str(), &row.seen));
    let streams = streams.chain(packagers.iter().map(|row| (row.name, &row.seen)));
    let mut wrong: Vec<String> = streams
        .flat_map(|(name, seen)| seen.shown.iter().map(move |s| format!("false: {} on {name}: {}", s.check, s.message)))
        .collect();
    for row in &faults {
        wrong.extend(row.missing().iter().map(|check| format!("not found: {} by {check}", row.fault.id)));
        let unexpected = row.unexpected().into_iter();
        wrong.extend(unexpected.map(|s| format!("false: {} on {}: {}", s.check, row.fault.id, s.message)));
    }
    for line in &wrong {
        writeln!(log, "{line}")?;
    }
    Ok(())
}
