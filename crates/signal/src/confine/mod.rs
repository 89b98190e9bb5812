//! Confinement of ffmpeg: what a process gives up before it becomes ffmpeg.
//!
//! The media are hostile, and decoders have had exploitable faults. So the exporter starts itself with a hidden
//! subcommand; that process limits itself and then becomes ffmpeg ([`exec`]). Nothing of this needs unsafe code, and the
//! exporter itself keeps its rights. What the process gives up:
//!
//! * resources: address space, CPU time, files (it can't write any), open files, core dumps; its priority is lower
//! * new privileges, such as those of setuid programs
//! * the file system, with Landlock: it may read libraries, and execute ffmpeg only
//! * the network, other processes and changes of the file system, with a seccomp filter
//!
//! A user namespace is not used: it would give the process all capabilities inside it, and with them more of the
//! kernel to attack; the filter refuses every socket without that. Neither is a signal on the parent's death: without its
//! parent ffmpeg gets no input and can't write its output, so it ends, and the limit of CPU time holds.

mod files;
mod limits;
mod syscalls;

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

/// The beginning of a line on standard error that says what the kernel doesn't offer.
pub(crate) const LACKS: &str = "confine: not offered by the kernel: ";

/// The limits of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Address space in bytes (RLIMIT_AS).
    pub(crate) memory: u64,
    /// CPU time in seconds (RLIMIT_CPU).
    pub(crate) cpu: u64,
}

impl Limits {
    /// The arguments that a launcher passes to [`exec`], before the program and its arguments.
    pub(crate) fn arguments(self) -> [OsString; 2] {
        [self.memory.to_string().into(), self.cpu.to_string().into()]
    }
}

/// Why a confined process could not start.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// The arguments aren't those that a [`crate::Decoder`] gives.
    #[error(
        "this subcommand is for the exporter's own use: memory limit, CPU limit and program are missing or malformed"
    )]
    Arguments,
    /// A limit could not be set.
    #[error("cannot limit {0}: {1}")]
    Limit(&'static str, std::io::Error),
    /// A sandbox that the kernel offers could not be entered.
    #[error("cannot enter the sandbox: {0}")]
    Sandbox(String),
    /// The program could not be executed.
    #[error("cannot execute {0}: {1}")]
    Execute(PathBuf, std::io::Error),
}

/// Confines this process and replaces it by the program that the arguments name: memory limit in bytes, limit of CPU time in
/// seconds, path of the program, its arguments. Returns only if that fails.
///
/// The launcher's hidden subcommand calls this first thing, while the process has one thread. A sandbox that the kernel
/// doesn't offer is left out, and a line on standard error says so.
pub fn exec(arguments: impl IntoIterator<Item = OsString>) -> ConfineError {
    match confined(arguments) {
        Ok((program, mut command)) => ConfineError::Execute(program, command.exec()),
        Err(error) => error,
    }
}

fn confined(arguments: impl IntoIterator<Item = OsString>) -> Result<(PathBuf, Command), ConfineError> {
    let mut arguments = arguments.into_iter();
    let limits = Limits { memory: number(arguments.next())?, cpu: number(arguments.next())? };
    let program = PathBuf::from(arguments.next().ok_or(ConfineError::Arguments)?);
    let mut command = Command::new(&program);
    command.args(arguments);

    limits::set(limits)?;
    let lacks = [files::restrict(&program)?, syscalls::restrict()?];
    for lack in lacks.into_iter().flatten() {
        // Nothing can be done about a standard error that is closed.
        let _ = writeln!(std::io::stderr(), "{LACKS}{lack}");
    }
    Ok((program, command))
}

fn number(argument: Option<OsString>) -> Result<u64, ConfineError> {
    argument.as_deref().and_then(OsStr::to_str).and_then(|text| text.parse().ok()).ok_or(ConfineError::Arguments)
}
