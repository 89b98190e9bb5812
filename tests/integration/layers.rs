//! Tests that a module uses only modules above it in the lists of each `lib.rs`.

use std::fs;
use std::path::{Path, PathBuf};

fn files_below(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    fs::read_dir(path).into_iter().flatten().flatten().flat_map(|entry| files_below(&entry.path())).collect()
}

#[test]
fn no_module_uses_a_module_that_its_lib_rs_lists_later() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let upward: Vec<String> =
        ["src", "crates/media/src", "crates/signal/src"].iter().flat_map(|src| upward_uses(&root.join(src))).collect();
    assert!(upward.is_empty(), "a module may use only those above it in lib.rs:\n{}", upward.join("\n"));
}

fn upward_uses(src: &Path) -> Vec<String> {
    let lib = fs::read_to_string(src.join("lib.rs")).unwrap();
    let names = lib.lines().map(|line| line.trim_start_matches("pub ").trim_start_matches("mod "));
    let lines = lib.lines().zip(names).filter(|(line, name)| line.len() > name.len());
    let modules: Vec<&str> = lines.filter_map(|(_, name)| name.strip_suffix(';')).collect();
    assert!(modules.len() > 10, "lib.rs lists its modules as `mod name;` or `pub mod name;`");
    let mut upward = Vec::new();
    for (i, module) in modules.iter().enumerate() {
        let own = [src.join(module), src.join(format!("{module}.rs"))];
        for file in own.iter().flat_map(|path| files_below(path)) {
            let text = fs::read_to_string(&file).unwrap();
            // A file's tests may reach higher, such as to the command line's parser.
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for above in modules.iter().skip(i + 1).filter(|above| uses(text, above)) {
                upward.push(format!("{} uses {above}", file.display()));
            }
        }
    }
    upward
}

fn uses(text: &str, module: &str) -> bool {
    text.match_indices(&format!("crate::{module}"))
        .any(|(at, found)| !text[at + found.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}
