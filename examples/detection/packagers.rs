//! Real packagers, probed in real time.

use crate::ffmpeg::{Ffmpeg, Kind, MASTER};
use crate::harness::{TEMPLATES, prober};
use crate::matrix::{PackagerRow, Seen};
use crate::static_files::StaticFiles;
use packager_exporter::probe::{Ask, Clock};
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(2);
/// A minute of probes.
const PROBES: usize = 31;
/// As many segments as its window lists; the shortest window that no check complains of is 6.
const WINDOW: usize = 6;

/// Probes ffmpeg's live HLS as transport streams and as fragmented MP4, both at once.
///
/// # Errors
/// When ffmpeg can't be started or lists no segments in time.
pub async fn watch() -> io::Result<Vec<PackagerRow>> {
    let (ts, fmp4) = tokio::join!(
        packager("ffmpeg, HLS with MPEG-TS", Kind::Ts),
        packager("ffmpeg, HLS with fragmented MP4", Kind::Fmp4)
    );
    Ok(vec![ts?, fmp4?])
}

async fn packager(name: &'static str, kind: Kind) -> io::Result<PackagerRow> {
    let folder = tempfile::tempdir()?;
    let files = StaticFiles::serve(folder.path()).await?;
    let mut packager = Ffmpeg::start(kind, folder.path())?;
    packager.ready(WINDOW, Duration::from_secs(60)).await?;
    let mut catalogue = String::from("channels:\n");
    let url = files.url(MASTER);
    let _ = writeln!(catalogue, "  - {{channel_code: FFMPEG, input_url: '{url}', template: T2, resolution: 640x360}}");
    let (prober, _settings) = prober(&catalogue, TEMPLATES, "", Clock::System);
    let mut seen = Seen::new(EVERY);
    let mut tick = tokio::time::interval(EVERY);
    for _ in 0..PROBES {
        tick.tick().await;
        let ask = Ask { target: "FFMPEG".to_owned(), template: None, output: None };
        let probed = prober.probe(ask, 2 * EVERY).await.map_err(io::Error::other)?;
        seen.take(&probed.report);
    }
    seen.sort();
    Ok(PackagerRow { name, seen })
}
