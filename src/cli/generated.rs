//! What packages install beside the program, made from the definition of its command line.

use super::args::Cli;
use clap::CommandFactory as _;
use std::path::Path;

/// Completion script for a shell.
///
/// # Errors
/// The script is not UTF-8.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<String, String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "packager_exporter", &mut script);
    String::from_utf8(script).map_err(|e| e.to_string())
}

/// Writes `packager_exporter.1` and a page for each subcommand, such as `packager_exporter-probe.1`, into `folder`.
///
/// # Errors
/// Names the folder, and says why nothing can be written there.
pub(super) fn write_man_pages(folder: &Path) -> Result<(), String> {
    let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    written.map_err(|e| format!("{}: {e}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_has_a_manual_page_and_a_completion() {
        let folder = tempfile::tempdir().unwrap();
        let pages = folder.path().join("man1");
        write_man_pages(&pages).unwrap();
        let script = completions(clap_complete::Shell::Bash).unwrap();
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(pages.join(format!("packager_exporter-{name}.1")).exists(), "{name}");
            assert!(script.contains(&format!("packager_exporter,{name})")), "{name}");
        }
        let page = std::fs::read_to_string(pages.join("packager_exporter.1")).unwrap();
        assert!(page.contains("web.listen\\-address"), "{page}");
    }
}
