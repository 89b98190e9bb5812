//! Confinement of the file system with Landlock.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, make_bitflags,
};

use super::ConfineError;

/// What the dynamic linker reads.
const LIBRARIES: [&str; 8] =
    ["/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/ld.so.preload"];

/// The dynamic linkers themselves, which the kernel executes together with a program.
const LINKERS: [&str; 4] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
];

/// Devices that libraries open when they start.
const DEVICES: [&str; 2] = ["/dev/null", "/dev/urandom"];

/// Allows this process to read libraries and to execute `program`, and nothing else of the file system. Returns what the
/// kernel doesn't offer.
pub(super) fn restrict(program: &Path) -> Result<Option<&'static str>, ConfineError> {
    let status = apply(program).map_err(|error| ConfineError::Sandbox(error.to_string()))?;
    Ok((status == RulesetStatus::NotEnforced).then_some("Landlock (ffmpeg can read files)"))
}

fn apply(program: &Path) -> Result<RulesetStatus, RulesetError> {
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let run = make_bitflags!(AccessFs::{ReadFile | Execute});
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::from_all(ABI::V5))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?;
    for path in LIBRARIES.iter().map(PathBuf::from).chain(own_libraries(program)) {
        rules = allow(rules, &path, read)?;
    }
    for path in LINKERS.iter().map(Path::new).chain([program]) {
        rules = allow(rules, path, run)?;
    }
    for path in DEVICES {
        rules = allow(rules, Path::new(path), AccessFs::ReadFile.into())?;
    }
    if program.canonicalize().is_ok_and(|path| path.starts_with("/nix/store")) {
        // There the linker and each library have a folder of their own; the store is public and read-only.
        rules = allow(rules, Path::new("/nix/store"), read | AccessFs::Execute)?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// Allows an access to a path. A path that doesn't exist needs no rule.
fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else { return Ok(rules) };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(ABI::V5) };
    rules.add_rule(PathBeneath::new(opened, access))
}

/// The folder of libraries beside the folder of a program that was installed by itself, such as `/opt/ffmpeg/lib` of
/// `/opt/ffmpeg/bin/ffmpeg`.
fn own_libraries(program: &Path) -> Option<PathBuf> {
    let folder = program.parent().filter(|folder| folder.ends_with("bin"))?;
    Some(folder.parent()?.join("lib"))
}
