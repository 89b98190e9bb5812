//! A program that runs until it is dropped, and functions that wait for the playlists that it writes.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A running program; it is killed when this value is dropped.
#[derive(Debug)]
pub struct ChildProcess {
    program: String,
    child: Child,
    /// File with the program's standard error. A pipe that nobody reads would fill up and stop the program.
    stderr: File,
}

impl ChildProcess {
    /// Starts a program.
    ///
    /// # Errors
    /// The program can't be started, most likely because it isn't installed; the error names it.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let stderr = tempfile::tempfile()?;
        let child = command.stderr(stderr.try_clone()?).spawn().map_err(|why| {
            io::Error::new(why.kind(), format!("{program}: {why}; scripts/install_test_tools.sh installs it"))
        })?;
        Ok(Self { program, child, stderr })
    }

    /// Returns the program's standard output, to be the input of another program; `None` when it isn't a pipe.
    fn output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Returns the program's exit status and standard error as a message; `None` while it runs.
    fn exit_message(&mut self) -> io::Result<Option<String>> {
        let Some(status) = self.child.try_wait()? else { return Ok(None) };
        let mut stderr = String::new();
        self.stderr.rewind()?;
        self.stderr.read_to_string(&mut stderr)?;
        Ok(Some(format!("{} ended with {status}: {}", self.program, stderr.trim())))
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts an encoder, and a packager that reads the encoder's standard output.
///
/// # Errors
/// One of the two programs can't be started, most likely because it isn't installed; the error names it.
pub fn start_piped(encoder: &mut Command, packager: &mut Command) -> io::Result<Vec<ChildProcess>> {
    let mut encoder = ChildProcess::start(encoder)?;
    let pipe = encoder.output().map_or_else(Stdio::null, Stdio::from);
    let packager = ChildProcess::start(packager.stdin(pipe))?;
    Ok(vec![packager, encoder])
}

/// Makes a command that runs a program without standard input and output.
pub fn command_without_stdio(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Waits until every file of `playlists` lists `segments` segments or more.
///
/// # Errors
/// The same as those of [`wait_until`].
pub async fn wait_for_segments(
    processes: &mut [ChildProcess],
    playlists: &[PathBuf],
    segments: usize,
    timeout: Duration,
) -> io::Result<()> {
    let count = |path: &PathBuf| fs::read_to_string(path).unwrap_or_default().matches("#EXTINF").count();
    wait_until(processes, timeout, segments, || playlists.iter().all(|path| count(path) >= segments)).await
}

/// Waits until `ready` returns `true`, which means that enough segments are there.
///
/// # Errors
/// The wait takes longer than `timeout`, or one of `processes` ended; the error has its standard error.
pub async fn wait_until(
    processes: &mut [ChildProcess],
    timeout: Duration,
    segments: usize,
    ready: impl Fn() -> bool,
) -> io::Result<()> {
    let began = Instant::now();
    while !ready() {
        for program in processes.iter_mut() {
            if let Some(why) = program.exit_message()? {
                return Err(io::Error::other(why));
            }
        }
        if began.elapsed() > timeout {
            return Err(io::Error::other(format!("no {segments} segments timeout {timeout:?}")));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
