//! Build script that embeds migrations, runbooks and, in a release build, the web page into the binary. It names their
//! folders to Cargo, so that a new file in them causes a rebuild and not only a changed one.
#![allow(clippy::print_stdout, reason = "Cargo reads it")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=migrations");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=ui/dist");
    }
    println!("cargo::rerun-if-changed=docs/runbooks");
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or(std::io::ErrorKind::NotFound)?;
    std::fs::write(out.join("runbooks.rs"), runbooks(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks"))?)
}

/// Returns Rust source text of a slice with the name and the Markdown text of each runbook in `folder`, sorted by name.
fn runbooks(folder: &Path) -> std::io::Result<String> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|end| end == "md"));
    files.sort();
    let mut source = "&[\n".to_owned();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let _ = writeln!(source, "    ({name:?}, include_str!({:?})),", file.to_string_lossy());
    }
    Ok(source + "]\n")
}
