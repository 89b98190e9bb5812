//! Program that serves the live origin until it is interrupted: `cargo run -p packager_testbed --bin live_origin --
//! --listen 127.0.0.1:8090`.

use packager_testbed::origin;
use std::io::{self, Write};
use std::net::SocketAddr;

use clap::Parser;
use tokio::net::TcpListener;

/// Serves live HLS and DASH channels, clean and with every fault, for tests and demos.
#[derive(Parser)]
struct Args {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Programme of picture and sound to encode with ffmpeg and to play in a loop. May be given several times.
    #[arg(long, value_name = "ID")]
    programme: Vec<String>,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let args = Args::parse();
    let listener = TcpListener::bind(args.listen).await?;
    let origin = origin::Origin::start(listener, origin::Clock::system());
    std::thread::scope(|scope| {
        let encodes: Vec<_> = args.programme.iter().map(|id| scope.spawn(|| origin.add_programme(id))).collect();
        encodes.into_iter().try_for_each(|encode| encode.join().map_err(|_| io::Error::other("an encode panicked"))?)
    })?;
    {
        let mut out = io::stdout().lock();
        writeln!(out, "live origin listening on http://{}", origin.addr)?;
        out.write_all(origin::index().as_bytes())?;
        out.flush()?;
    }
    tokio::signal::ctrl_c().await
}
