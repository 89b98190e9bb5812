//! Runs test programs with one mutant switched on, until the first test fails.

use std::fmt;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Threads of a test program: some tests wait for real time.
const THREADS: &str = "--test-threads=4";
/// Factor by which a run may take more processor time than without a mutant.
const MORE_WORK: f64 = 5.0;
/// Factor by which a run may last longer than without a mutant: other programs may use the processors.
const MORE_TIME: f64 = 20.0;
const LEAST_LIMIT: Duration = Duration::from_secs(20);

/// What a run of tests says of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Survived,
    /// The first test that failed.
    Killed(String),
    /// The tests took much longer than without the mutant.
    TimedOut,
    /// The test program ended without the result of a test.
    Crashed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Survived => write!(f, "**survived**"),
            Self::Killed(test) => write!(f, "`{test}`"),
            Self::TimedOut => write!(f, "the tests don't end"),
            Self::Crashed => write!(f, "the test program crashes"),
        }
    }
}

/// Which tests of a program run: those whose names contain one of `only` (all if empty) and none of `skip`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub only: Vec<String>,
    pub skip: Vec<String>,
}

/// Time that the tests of a program took without a mutant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub time: Duration,
    pub work: Duration,
}

/// A test program in the folder of its package.
pub(crate) struct TestProgram {
    pub path: PathBuf,
    pub folder: PathBuf,
    pub pace: Pace,
}

impl TestProgram {
    /// Measures a test program without a mutant.
    ///
    /// # Errors
    /// When it can't be started, or a test fails.
    pub(crate) fn measured(path: PathBuf, folder: &Path, selection: &Selection) -> io::Result<Self> {
        let hour = Duration::from_secs(3600);
        let mut program = Self { path, folder: folder.to_owned(), pace: Pace { time: hour, work: hour } };
        let (verdict, pace) = program.run(None, selection)?;
        program.pace = pace;
        match verdict {
            Verdict::Survived => Ok(program),
            other => Err(io::Error::other(format!("{} without a mutant: {other}", program.path.display()))),
        }
    }

    /// Runs the selected tests with a mutant.
    ///
    /// # Errors
    /// When the program can't be started.
    pub(crate) fn verdict(&self, mutant: usize, selection: &Selection) -> io::Result<Verdict> {
        Ok(self.run(Some(mutant), selection)?.0)
    }

    fn run(&self, mutant: Option<usize>, selection: &Selection) -> io::Result<(Verdict, Pace)> {
        let mut command = Command::new("nice");
        command.args(["-n", "19"]).arg(&self.path).arg(THREADS).args(&selection.only);
        command.args(selection.skip.iter().flat_map(|skip| ["--skip", skip]));
        command.env("CARGO_MANIFEST_DIR", &self.folder).env_remove("MUTANT").current_dir(&self.folder);
        if let Some(mutant) = mutant {
            command.env("MUTANT", mutant.to_string());
        }
        let start = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (verdict, work) = self.watch(&mut child, start);
        // It has ended already, or it needn't go on.
        let _ = child.kill();
        let ended = child.wait()?;
        let verdict = verdict.unwrap_or(if ended.success() { Verdict::Survived } else { Verdict::Crashed });
        Ok((verdict, Pace { time: start.elapsed(), work }))
    }

    /// Reads the program's output until a test fails, the program ends or its time is up. `None`: it ended by itself.
    fn watch(&self, child: &mut Child, start: Instant) -> (Option<Verdict>, Duration) {
        let (send, lines) = mpsc::channel();
        let output = child.stdout.take();
        let reader = move || {
            let lines = output.into_iter().flat_map(|output| BufReader::new(output).lines().map_while(Result::ok));
            // The receiver goes away when it has seen enough.
            lines.map(|line| send.send(line)).take_while(Result::is_ok).for_each(drop);
        };
        std::thread::spawn(reader);
        let mut work = Duration::ZERO;
        loop {
            work = processor_time(child.id()).unwrap_or(work).max(work);
            match lines.recv_timeout(Duration::from_millis(200)) {
                Ok(line) => {
                    if let Some(test) = line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED")) {
                        return (Some(Verdict::Killed(test.to_owned())), work);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return (None, work),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let limit = |measured: Duration, factor| measured.mul_f64(factor).max(LEAST_LIMIT);
            if work > limit(self.pace.work, MORE_WORK) || start.elapsed() > limit(self.pace.time, MORE_TIME) {
                return (Some(Verdict::TimedOut), work);
            }
        }
    }
}

/// Returns the processor time that a process has used, from `/proc`. `None`: the process has ended.
fn processor_time(process: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // proc(5): after the name in parentheses come the state and 10 numbers, then utime and stime in ticks of 10 ms.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks()? + ticks()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// The verdict on a mutant whose test program is a shell script.
    fn verdict(script: &str) -> Verdict {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tests");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let pace = Pace { time: Duration::from_secs(60), work: Duration::from_secs(60) };
        let program = TestProgram { path, folder: folder.path().to_owned(), pace };
        program.verdict(7, &Selection::default()).unwrap()
    }

    #[test]
    fn the_first_test_that_fails_ends_the_run() {
        let begun = Instant::now();
        let verdict = verdict("echo 'test a::b ... ok'; echo 'test a::c ... FAILED'; exec sleep 600");
        assert_eq!(verdict, Verdict::Killed("a::c".to_owned()));
        assert!(begun.elapsed() < Duration::from_secs(300));
    }

    #[test]
    fn a_program_that_ends_badly_without_a_failed_test_crashed() {
        assert_eq!(verdict("echo 'test a ... ok'; exit 134"), Verdict::Crashed);
    }

    #[test]
    fn the_program_knows_its_mutant_and_survives_if_no_test_fails() {
        assert_eq!(verdict("test \"$MUTANT\" = 7 && echo 'test a ... ok'"), Verdict::Survived);
    }
}
