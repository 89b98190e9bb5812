//! A program that runs until it is dropped, and the wait for the playlists that it writes.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct ChildProcess {
    program: String,
    child: Child,
    /// What it says on standard error: in a file, since a pipe that no one reads stops whoever fills it.
    stderr: File,
}

impl ChildProcess {
    /// # Errors
    /// When it can't be started: with its name, since that it isn't installed is the likeliest reason.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let stderr = tempfile::tempfile()?;
        let child = command.stderr(stderr.try_clone()?).spawn().map_err(|why| {
            io::Error::new(why.kind(), format!("{program}: {why}; scripts/install_test_tools.sh installs it"))
        })?;
        Ok(Self { program, child, stderr })
    }

    /// What it writes on standard output, if that is a pipe: for the next program.
    pub fn output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// How it ended and what it stderr, if it isn't running any more.
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

/// A command without standard input and output.
pub fn command_without_stdio(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Waits until every file of `playlists` lists so many segments: a whole window, so that players can start.
///
/// # Errors
/// As [`wait_until`].
pub async fn wait_for_segments(
    processes: &mut [ChildProcess],
    playlists: &[PathBuf],
    segments: usize,
    timeout: Duration,
) -> io::Result<()> {
    let count = |path: &PathBuf| fs::read_to_string(path).unwrap_or_default().matches("#EXTINF").count();
    wait_until(processes, timeout, segments, || playlists.iter().all(|path| count(path) >= segments)).await
}

/// Waits until `ready`: until there are so many segments.
///
/// # Errors
/// When that takes longer than `timeout`, or one of `processes` ended: with what it stderr.
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
