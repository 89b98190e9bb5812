//! nginx with its RTMP module, fed by ffmpeg: HLS written and served by nginx itself, on ports of its own.

use crate::ffmpeg::{LADDER, encode, rate, source};
use crate::running::{Running, listed, quiet};
use std::fmt::Write as _;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Debian's packages, unpacked there: installed ones would start a web server on this machine.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/nginx");

/// A running server with its encoder; both end when this is dropped.
#[derive(Debug)]
pub struct NginxRtmp {
    folder: PathBuf,
    http: u16,
    programs: Vec<Running>,
}

impl NginxRtmp {
    /// Begins to write into `folder`, which exists, and to serve it.
    ///
    /// # Errors
    /// When one of the two programs isn't there, or no ports can be had, or nginx doesn't listen within 10 s.
    pub async fn start(folder: &Path) -> io::Result<Self> {
        let (http, rtmp) = free_ports()?;
        std::fs::create_dir_all(folder.join("hls"))?;
        std::fs::write(folder.join("nginx.conf"), configuration(folder, http, rtmp)?)?;
        let mut server = quiet(&format!("{ROOT}/usr/sbin/nginx"));
        server.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf")).args(["-e", "stderr"]);
        let server = Running::start(&mut server)?;
        listens(rtmp).await?;
        let encoder = Running::start(&mut encoder(rtmp))?;
        Ok(Self { folder: folder.to_owned(), http, programs: vec![server, encoder] })
    }

    /// The multivariant playlist's address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/tv.m3u8", self.http)
    }

    /// The media playlists.
    pub fn playlists(&self) -> Vec<PathBuf> {
        LADDER.iter().map(|(height, _)| self.folder.join(format!("hls/tv_{height}/index.m3u8"))).collect()
    }

    /// Waits until all playlists list so many segments.
    ///
    /// # Errors
    /// When that takes longer than `within`, or a program ended: with what it said.
    pub async fn ready(&mut self, segments: usize, within: Duration) -> io::Result<()> {
        let playlists = self.playlists();
        listed(&mut self.programs, &playlists, segments, within).await
    }
}

/// Two that were free a moment ago: nginx doesn't tell which ones it would choose.
fn free_ports() -> io::Result<(u16, u16)> {
    let (one, two) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    Ok((one.local_addr()?.port(), two.local_addr()?.port()))
}

async fn listens(port: u16) -> io::Result<()> {
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(io::Error::other(format!("nginx doesn't listen on port {port}")))
}

/// One push for each rendition: nginx makes variants of streams whose names differ in their ends.
fn encoder(rtmp: u16) -> Command {
    let mut command = source();
    for (place, (height, bits)) in LADDER.iter().enumerate() {
        command.args(["-map", &format!("[v{place}]"), "-map", "1:a"]);
        rate(&mut command, 0, *bits);
        encode(&mut command);
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
  types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
  add_header Access-Control-Allow-Origin *;
  server {{
    listen 127.0.0.1:{http};
    root {folder}/hls;
  }}
}}
"
    ))
}
