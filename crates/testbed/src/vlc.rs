//! VLC as a live HLS packager, which ffmpeg feeds through a pipe: the stream output `livehttp` for each rendition.

use crate::child_process::{ChildProcess, command_without_stdio, start_piped, wait_for_segments};
use crate::ffmpeg::{LADDER, media_playlists, multi_program_encoder, write_multivariant_playlist};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// User and group `nobody`: VLC refuses to run as root.
const NOBODY: u32 = 65_534;

/// A running packager with its encoder. Both end when this value is dropped; the files stay in the folder.
#[derive(Debug)]
pub struct Vlc {
    folder: PathBuf,
    processes: Vec<ChildProcess>,
}

impl Vlc {
    /// Starts to write into `folder`, which exists.
    ///
    /// # Errors
    /// When one of the two processes isn't there or can't be started, or the multivariant playlist, which VLC doesn't
    /// write, can't be written.
    pub fn start(folder: &Path) -> io::Result<Self> {
        write_multivariant_playlist(folder)?;
        let mut packager = Self { folder: folder.to_owned(), processes: Vec::new() };
        packager.restart()?;
        Ok(packager)
    }

    /// Stops like a crash: the playlists stay as they are, without EXT-X-ENDLIST.
    pub fn stop(&mut self) {
        self.processes.clear();
    }

    /// Starts again: numbers and timestamps begin again, over the files of the run before.
    ///
    /// # Errors
    /// When a program can't be started.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop();
        self.processes = start_piped(&mut multi_program_encoder(), &mut packager(&self.folder)?)?;
        Ok(())
    }

    /// Files of the media playlists.
    pub fn playlists(&self) -> Vec<PathBuf> {
        media_playlists(&self.folder)
    }

    /// Waits until every playlist lists so many segments.
    ///
    /// # Errors
    /// When that takes longer than `timeout`, or when a program ended; the message has its standard error.
    pub async fn ready(&mut self, segments: usize, timeout: Duration) -> io::Result<()> {
        let playlists = self.playlists();
        wait_for_segments(&mut self.processes, &playlists, segments, timeout).await
    }
}

fn packager(folder: &Path) -> io::Result<Command> {
    let mut command = command_without_stdio("cvlc");
    command.current_dir(folder).env("HOME", folder);
    if rustix::process::geteuid().is_root() {
        let every = [".".to_owned()].into_iter().chain((0..LADDER.len()).map(|index| format!("v{index}")));
        for below in every {
            fs::set_permissions(folder.join(below), fs::Permissions::from_mode(0o777))?;
        }
        command.uid(NOBODY).gid(NOBODY);
    }
    let programs: Vec<String> = (1..=LADDER.len()).map(|program| program.to_string()).collect();
    let outputs: Vec<String> = (0..LADDER.len()).map(output).collect();
    command.args(["--quiet", "--programs", &programs.join(","), "--sout-all", "-"]);
    command.args(["--sout", &format!("#duplicate{{{}}}", outputs.join(","))]);
    Ok(command)
}

/// The stream output of a rendition, for the program of the input that has it.
fn output(index: usize) -> String {
    let names = format!("index=v{index}/index.m3u8,index-url=seg_########.ts");
    let access = format!("livehttp{{seglen=2,delsegs=true,numsegs=8,{names}}}");
    let standard = format!("std{{access={access},mux=ts{{use-key-frames}},dst=v{index}/seg_########.ts}}");
    format!("dst={standard},select=program={}", index + 1)
}
