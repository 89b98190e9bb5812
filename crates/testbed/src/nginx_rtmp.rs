//! nginx with its RTMP module as a live packager: ffmpeg feeds it, and nginx itself writes and serves HLS and DASH on
//! free ports.

use crate::child_process::{ChildProcess, command_without_stdio, wait_for_segments, wait_until};
use crate::ffmpeg::{LADDER, encoder_source, set_bit_rate, set_encoders};
use std::fmt::Write as _;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Folder of Debian's nginx packages, unpacked but not installed, because installed ones would start a web server on
/// this machine.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/nginx");

/// Output of nginx that is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    Hls,
    /// DASH with `$Time$` and a SegmentTimeline. Each rendition has an MPD of its own.
    Dash,
}

/// A running nginx with its encoder. Both end when this value is dropped.
#[derive(Debug)]
pub struct NginxRtmp {
    format: OutputFormat,
    folder: PathBuf,
    http: u16,
    processes: Vec<ChildProcess>,
}

impl NginxRtmp {
    /// Starts nginx and its encoder, which write into `folder` and serve it; the folder has to exist.
    ///
    /// # Errors
    /// A program isn't installed, no ports are free, or nginx doesn't listen within 10 s.
    pub async fn start(format: OutputFormat, folder: &Path) -> io::Result<Self> {
        let (http, rtmp) = free_ports()?;
        std::fs::create_dir_all(folder.join("hls"))?;
        std::fs::create_dir_all(folder.join("dash"))?;
        std::fs::write(folder.join("nginx.conf"), configuration(folder, http, rtmp)?)?;
        let mut server = command_without_stdio(&format!("{ROOT}/usr/sbin/nginx"));
        server.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf")).args(["-e", "stderr"]);
        let server = ChildProcess::start(&mut server)?;
        wait_for_port(rtmp).await?;
        let encoder = ChildProcess::start(&mut encoder(format, rtmp))?;
        Ok(Self { format, folder: folder.to_owned(), http, processes: vec![server, encoder] })
    }

    /// Stops the encoder; nginx keeps serving the files that it has.
    pub fn stop(&mut self) {
        self.processes.truncate(1);
    }

    /// Returns the URL of the multivariant playlist (HLS), or of the first stream's MPD (DASH).
    pub fn url(&self) -> String {
        let path = match self.format {
            OutputFormat::Hls => "hls/tv.m3u8".to_owned(),
            OutputFormat::Dash => format!("dash/tv_{}/index.mpd", LADDER[0].0),
        };
        format!("http://127.0.0.1:{}/{path}", self.http)
    }

    /// Returns the paths of the media playlists (HLS), or of the first stream's MPD (DASH).
    pub fn playlists(&self) -> Vec<PathBuf> {
        match self.format {
            OutputFormat::Hls => {
                LADDER.iter().map(|(height, _)| self.folder.join(format!("hls/tv_{height}/index.m3u8"))).collect()
            }
            OutputFormat::Dash => vec![self.folder.join(format!("dash/tv_{}/index.mpd", LADDER[0].0))],
        }
    }

    /// Waits until every playlist lists `segments` segments or more.
    ///
    /// # Errors
    /// The wait takes longer than `timeout`, or a program ended; the error has its standard error.
    pub async fn ready(&mut self, segments: usize, timeout: Duration) -> io::Result<()> {
        let playlists = self.playlists();
        if self.format == OutputFormat::Dash {
            // Video and audio.
            let segments_in = |path: &PathBuf| std::fs::read_to_string(path).unwrap_or_default().matches("<S ").count();
            return wait_until(&mut self.processes, timeout, segments, || {
                playlists.iter().all(|p| segments_in(p) >= 2 * segments)
            })
            .await;
        }
        wait_for_segments(&mut self.processes, &playlists, segments, timeout).await
    }
}

/// Returns two ports that were free a moment ago, because nginx can't choose free ports and report them.
fn free_ports() -> io::Result<(u16, u16)> {
    let (one, two) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    Ok((one.local_addr()?.port(), two.local_addr()?.port()))
}

async fn wait_for_port(port: u16) -> io::Result<()> {
    for _ in 0..1200 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(io::Error::other(format!("nginx doesn't listen on port {port}")))
}

/// Makes an encoder command that pushes every rendition as a stream. Their names differ in the suffix, by which nginx
/// makes variants of them.
fn encoder(format: OutputFormat, rtmp: u16) -> Command {
    let mut command = encoder_source();
    for (index, (height, bits)) in LADDER.iter().enumerate() {
        command.args(["-map", &format!("[v{index}]"), "-map", "1:a"]);
        set_bit_rate(&mut command, 0, *bits);
        set_encoders(&mut command);
        if format == OutputFormat::Dash {
            // The module announces one audio channel in every MPD, however many there are.
            command.args(["-ac", "1"]);
        }
        command.args(["-f", "flv", &format!("rtmp://127.0.0.1:{rtmp}/live/tv_{height}")]);
    }
    command
}

fn configuration(folder: &Path, http: u16, rtmp: u16) -> io::Result<String> {
    let folder = folder.to_str().ok_or_else(|| io::Error::other("a folder whose name is no UTF-8"))?;
    let mut variants = String::new();
    for (height, bits) in LADDER {
        let width = (height * 16).div_ceil(9).next_multiple_of(2);
        let attributes = format!("RESOLUTION={width}x{height},FRAME-RATE=25.000,CODECS=\"avc1.42c01e,mp4a.40.2\"");
        let _ = writeln!(variants, "hls_variant _{height} BANDWIDTH={},{attributes};", bits * 3 / 2 + 200_000);
    }
    let modules = format!("{ROOT}/usr/lib/nginx/modules");
    Ok(format!(
        "load_module {modules}/ngx_rtmp_module.so;
daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{}}
rtmp {{
  access_log off;
  server {{
    listen 127.0.0.1:{rtmp};
    application live {{
      live on;
      hls on;
      hls_path {folder}/hls;
      hls_nested on;
      hls_fragment 2s;
      hls_playlist_length 16s;
      {variants}
      dash on;
      dash_path {folder}/dash;
      dash_nested on;
      dash_fragment 2s;
      dash_playlist_length 16s;
    }}
  }}
}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; application/dash+xml mpd; video/mp4 m4v; audio/mp4 m4a; }}
  add_header Access-Control-Allow-Origin *;
  server {{
    listen 127.0.0.1:{http};
    root {folder};
  }}
}}
"
    ))
}
