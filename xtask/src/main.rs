//! Tasks that the Makefile runs: `cargo xtask bench`, `detection`, `dashboards`, `mutants` and `rules`.

// A program for a terminal: when its own set-up fails it can only stop.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod bench;
mod dashboards;
mod detection;
mod mutants;
mod rules;

const USAGE: &str =
    "usage: cargo xtask bench [MEASUREMENT] | detection [FAULT...] | dashboards | mutants [--help] | rules";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((task, rest)) if task == "bench" => bench::run(rest),
        Some((task, rest)) if task == "detection" => {
            tokio::runtime::Runtime::new()?.block_on(detection::run(rest))?;
        }
        Some((task, [])) if task == "dashboards" => dashboards::write()?,
        Some((task, rest)) if task == "mutants" => mutants::run(rest)?,
        Some((task, [])) if task == "rules" => rules::write()?,
        _ => return Err(USAGE.into()),
    }
    Ok(())
}
