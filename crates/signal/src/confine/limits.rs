//! Limits of resources.

use rustix::process::{Resource, Rlimit, nice, setrlimit};
use rustix::thread::set_no_new_privs;

use super::{ConfineError, Limits};

/// The number of files that may be open: input, outputs and one library at a time.
const OPEN_FILES: u64 = 32;
/// How much lower the priority is: an analysis never makes a probe late.
const NICE: i32 = 10;

/// Limits this process.
pub(super) fn set(limits: Limits) -> Result<(), ConfineError> {
    let wanted = [
        ("memory", Resource::As, limits.memory),
        ("CPU time", Resource::Cpu, limits.cpu),
        ("the size of files", Resource::Fsize, 0),
        ("open files", Resource::Nofile, OPEN_FILES),
        ("core dumps", Resource::Core, 0),
    ];
    for (name, resource, value) in wanted {
        // A lower limit of the administrator's stays: no process may raise it.
        let most = rustix::process::getrlimit(resource).maximum.map_or(value, |maximum| maximum.min(value));
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).map_err(|error| ConfineError::Limit(name, error.into()))?;
    }
    set_no_new_privs(true).map_err(|error| ConfineError::Limit("privileges", error.into()))?;
    // The process may be at the lowest priority already.
    let _ = nice(NICE);
    Ok(())
}
