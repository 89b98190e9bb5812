//! Confinement of system calls with a seccomp filter.
//!
//! The filter names what is refused: the calls that a decoder needs differ between versions of ffmpeg, libraries and
//! processors, so a list of what is allowed would stop a sound ffmpeg after an update of the system.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

use super::ConfineError;

/// Calls that are refused whatever their arguments.
const REFUSED: &[i64] = &[
    // The network.
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_kcmp,
    libc::SYS_setpriority,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setparam,
    libc::SYS_ioprio_set,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    // Memory, semaphores and messages that processes share by name.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    // Namespaces, mounts and the kernel itself.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_open_by_handle_at,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    // Changes of the file system, for kernels without Landlock.
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_utimensat,
];

/// Older forms of such calls, which only this architecture has.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_unlink,
    libc::SYS_rmdir,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_mkdir,
    libc::SYS_mknod,
    libc::SYS_creat,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_iopl,
    libc::SYS_ioperm,
];
#[cfg(target_arch = "aarch64")]
const REFUSED_HERE: &[i64] = &[RENAMEAT];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const REFUSED_HERE: &[i64] = &[];

/// `renameat`, which the crate `libc` leaves out here (Linux, asm-generic/unistd.h).
#[cfg(target_arch = "aarch64")]
const RENAMEAT: i64 = 38;

/// Commands of `fcntl` that choose who gets a signal (Linux, asm-generic/fcntl.h); the crate `libc` lacks the last two.
const F_SETOWN: u64 = 8;
const F_SETSIG: u64 = 10;
const F_SETOWN_EX: u64 = 15;

/// The numbers of the ABI x32, which has the same processor name as x86_64 and would pass by a list of that one's numbers.
#[cfg(target_arch = "x86_64")]
const X32: std::ops::Range<i64> = X32_BIT..X32_BIT + 600;
#[cfg(not(target_arch = "x86_64"))]
const X32: std::ops::Range<i64> = 0..0;
/// The bit that marks a number of x32 (`__X32_SYSCALL_BIT`).
#[cfg(target_arch = "x86_64")]
const X32_BIT: i64 = 0x4000_0000;

/// Refuses the network, new processes, other processes and changes of the file system to this process. Returns what the
/// kernel doesn't offer.
pub(super) fn restrict() -> Result<Option<&'static str>, ConfineError> {
    let Ok(architecture) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Ok(Some("seccomp for this processor (ffmpeg can use the network)"));
    };
    for (refused, error) in [(conditional()?, libc::EPERM), (missing(), libc::ENOSYS)] {
        let program = filter(refused, error, architecture).map_err(|error| ConfineError::Sandbox(error.to_string()))?;
        if apply_filter(&program).is_err() {
            return Ok(Some("seccomp (ffmpeg can use the network)"));
        }
    }
    Ok(None)
}

type Rules = Vec<(i64, Vec<SeccompRule>)>;

fn filter(refused: Rules, error: i32, architecture: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
    let action = SeccompAction::Errno(error.unsigned_abs());
    SeccompFilter::new(refused.into_iter().collect(), SeccompAction::Allow, action, architecture)?.try_into()
}

/// What is answered as if the kernel were too old: the C library then starts threads with `clone`, whose flags a filter
/// can read.
fn missing() -> Rules {
    vec![(libc::SYS_clone3, Vec::new())]
}

/// All calls that are refused, some of them for certain arguments only.
fn conditional() -> Result<Rules, ConfineError> {
    let mut rules: Rules = REFUSED.iter().chain(REFUSED_HERE).map(|call| (*call, Vec::new())).collect();
    let own = u64::from(std::process::id());
    let thread = u64::try_from(libc::CLONE_THREAD).unwrap_or_default();
    // A new process, but not a new thread.
    rules.push((libc::SYS_clone, vec![when(SeccompCmpOp::MaskedEq(thread), 0)?]));
    // A signal to another process: the own number stays the same when the program is executed.
    rules.push((libc::SYS_kill, vec![when(SeccompCmpOp::Ne, own)?]));
    rules.push((libc::SYS_tgkill, vec![when(SeccompCmpOp::Ne, own)?]));
    // Limits and processors of another process.
    rules.push((libc::SYS_prlimit64, vec![when(SeccompCmpOp::Ne, 0)?]));
    rules.push((libc::SYS_sched_setaffinity, vec![when(SeccompCmpOp::Ne, 0)?]));
    // Signals to another process when a file becomes ready.
    let owners = [F_SETOWN, F_SETOWN_EX, F_SETSIG].map(|command| argument(1, SeccompCmpOp::Eq, command));
    rules.push((libc::SYS_fcntl, owners.into_iter().collect::<Result<_, _>>()?));
    rules.extend(X32.map(|call| (call, Vec::new())));
    Ok(rules)
}

/// A rule about the first argument of a call.
fn when(operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, ConfineError> {
    argument(0, operator, value)
}

/// A rule about an argument of a call, counted from 0.
fn argument(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, ConfineError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(|error| ConfineError::Sandbox(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_refuses_other_ways_to_reach_a_process_and_fits_into_the_kernel() {
        let rules = conditional().unwrap();
        let refused = |call: i64| rules.iter().any(|(number, _)| *number == call);
        let signals = [libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo, libc::SYS_fcntl];
        let priorities = [libc::SYS_sched_setaffinity, libc::SYS_sched_setscheduler, libc::SYS_ioprio_set];
        let shared = [libc::SYS_shmget, libc::SYS_semget, libc::SYS_msgget, libc::SYS_mq_open];
        for call in signals.into_iter().chain(priorities).chain(shared) {
            assert!(refused(call), "{call}");
        }
        #[cfg(target_arch = "x86_64")]
        assert!(refused(X32_BIT + 41) && refused(X32_BIT + 547), "`socket` and the last number of x32");
        let architecture = TargetArch::try_from(std::env::consts::ARCH).unwrap();
        // The kernel takes at most 4096 instructions (BPF_MAXINSNS).
        assert!(filter(rules, libc::EPERM, architecture).unwrap().len() < 4096);
    }
}
