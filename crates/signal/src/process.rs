//! One confined process: input, output, messages, limits and its end.

use std::ffi::OsString;
use std::io::PipeReader;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::Instant;

use crate::confine::Limits;
use crate::decoded::NotDecoded;
use crate::messages::{self, Messages};

/// How much of the output waits in the pipe, so that ffmpeg goes on while a picture is analysed.
const PIPE_BYTES: usize = 1 << 20;

/// The program that confines itself and becomes ffmpeg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launcher {
    /// Path of the program.
    pub program: PathBuf,
    /// First arguments of the program, such as the name of a hidden subcommand. The limits, ffmpeg's path and ffmpeg's
    /// arguments follow, as [`crate::confine::exec`] reads them.
    pub arguments: Vec<OsString>,
}

impl Launcher {
    /// The running program itself with a subcommand that calls [`crate::confine::exec`]. It is found by
    /// `/proc/self/exe`, also after its file was replaced.
    #[must_use]
    pub fn this_program(subcommand: &str) -> Self {
        Self { program: "/proc/self/exe".into(), arguments: vec![subcommand.into()] }
    }
}

/// Arguments, limits and input with which a process is started.
pub(crate) struct ProcessInput {
    pub(crate) arguments: Vec<OsString>,
    pub(crate) limits: Limits,
    pub(crate) input: Vec<Bytes>,
    /// The largest number of bytes that the process may write to standard error.
    pub(crate) message_bytes: u64,
}

/// Output, messages and exit status of a process that ended.
pub(crate) struct ProcessOutput<T> {
    pub(crate) output: T,
    pub(crate) messages: Messages,
    pub(crate) status: ExitStatus,
}

impl<T> ProcessOutput<T> {
    /// Returns the reason why a process ended without output.
    pub(crate) fn failure(&self) -> NotDecoded {
        match self.status.signal() {
            // SIGPIPE, and the exporter's own kill of a process that writes too many messages.
            Some(libc::SIGKILL) if self.messages.too_many => NotDecoded::Nothing(self.messages.last_error()),
            Some(libc::SIGXCPU) => NotDecoded::Stopped("its limit of CPU time".to_owned()),
            // The kernel: at the hard limit of CPU time, or because memory is short.
            Some(libc::SIGKILL) => NotDecoded::Stopped("SIGKILL: out of CPU time or memory".to_owned()),
            Some(signal) if signal != libc::SIGPIPE => NotDecoded::Stopped(format!("signal {signal}: it crashed")),
            _ if self.messages.is_unable() => NotDecoded::Unable(self.messages.last_error()),
            _ => NotDecoded::Nothing(self.messages.last_error()),
        }
    }
}

/// Runs ffmpeg to its end. `read` reads its standard output on a thread of its own until the output ends or is enough.
///
/// At the deadline the process is killed and reaped. When the future is dropped the process is killed too, and the runtime
/// reaps it.
pub(crate) async fn run<T: Send + 'static>(
    launcher: &Launcher,
    ffmpeg: &Path,
    job: ProcessInput,
    deadline: Instant,
    read: impl FnOnce(PipeReader) -> T + Send + 'static,
) -> Result<ProcessOutput<T>, NotDecoded> {
    let (mut child, output) =
        start(launcher, ffmpeg, &job).map_err(|error| NotDecoded::NotStarted(error.to_string()))?;
    let reading = tokio::task::spawn_blocking(move || read(output));
    let finished = tokio::time::timeout_at(deadline, follow(&mut child, job)).await;
    let Ok((messages, status)) = finished else {
        // Waits until the process is gone, so that no zombie stays. The reader sees the end of its pipe then.
        let _ = child.kill().await;
        return Err(NotDecoded::Deadline);
    };
    let status = status.map_err(|error| NotDecoded::NotStarted(error.to_string()))?;
    // The process is gone, so the pipe has an end.
    let output = reading.await.map_err(|_| NotDecoded::Stopped("a fault of the analysis".to_owned()))?;
    Ok(ProcessOutput { output, messages, status })
}

fn start(launcher: &Launcher, ffmpeg: &Path, job: &ProcessInput) -> std::io::Result<(Child, PipeReader)> {
    let (reader, writer) = std::io::pipe()?;
    // A smaller pipe does as well, only with more switches between the two processes.
    let _ = rustix::pipe::fcntl_setpipe_size(&reader, PIPE_BYTES);
    let mut command = Command::new(&launcher.program);
    command
        .args(&launcher.arguments)
        .args(job.limits.arguments())
        .arg(ffmpeg)
        .args(&job.arguments)
        // No secret of the exporter's environment goes to a process that reads hostile media.
        .env_clear()
        .env("LC_ALL", "C")
        .env("AV_LOG_FORCE_NOCOLOR", "1")
        // The address space is limited: each further heap would reserve 64 MB of it.
        .env("MALLOC_ARENA_MAX", "1")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(writer)
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let child = command.spawn()?;
    // `command` goes here, and with it this process's end for writing: otherwise the output would never end.
    Ok((child, reader))
}

/// Feeds the process and reads its messages until it ends.
async fn follow(child: &mut Child, job: ProcessInput) -> (Messages, std::io::Result<ExitStatus>) {
    let stdin = child.stdin.take();
    let stderr = child.stderr.take();
    let feeding = feed(stdin, job.input);
    let reading = messages::read(stderr, job.message_bytes);
    tokio::pin!(feeding, reading);
    let mut fed = false;
    let messages = loop {
        tokio::select! {
            () = &mut feeding, if !fed => fed = true,
            messages = &mut reading => break messages,
        }
    };
    if messages.too_many {
        let _ = child.start_kill();
    }
    (messages, child.wait().await)
}

/// Writes the input. A process that ends early, or reads no further, ends it without an error: what it decoded is judged
/// by its output.
async fn feed(stdin: Option<ChildStdin>, input: Vec<Bytes>) {
    let Some(mut stdin) = stdin else { return };
    for bytes in input {
        if stdin.write_all(&bytes).await.is_err() {
            return;
        }
    }
    let _ = stdin.shutdown().await;
}
