//! A deterministic live origin: HLS and DASH channels that never have a fault, and faults that are part of the path.
//!
//! Playlists and segments depend on the time only, so that any instant can be requested:
//!
//! * `/live/TV1/master.m3u8`: a clean channel by the origin's clock;
//! * `/live/CM1/number.mpd`, `time.mpd`, `periods.mpd`: the segments of a CMAF channel as DASH (`messages.mpd`: without
//!   an EventStream);
//! * `/live/CM1/runs.mpd`, `open.mpd`, `list.mpd`, `breaks.mpd`: with S elements that repeat, or repeat without end,
//!   with SegmentLists, with Periods of ads (`files.mpd`: each ad in a file with a segment index; `early.mpd`: each
//!   ad is available as a whole when it begins);
//! * `/live/CM1/ahead.mpd`: with a SegmentTimeline that lists segments before they are available;
//! * `/live/LL1/low_latency.mpd`: with segments that are still being written;
//! * `/live/CM1/updates.mpd`: with Location, PatchLocation (`updates.mpp`) and an EventStream;
//! * `/live/TV1/sessions.m3u8`, `redirect.m3u8`, `/live/CM1/sessions.mpd`: each request begins a session (see `visits`);
//! * `/live/TV1/cookie.m3u8`: sets a cookie without which playlists and segments are refused;
//! * `/fault/segment_404/TV1/master.m3u8`: the channel `TV1` with one defect;
//! * `/token/TV1/master.m3u8`: a clean channel with a new token on every URI of every playlist;
//! * `/folder/TV1.m3u8`, `/folder/TV2.m3u8`: media playlists of several channels in one folder;
//! * `/dialect/loose/TV1/master.m3u8`: a clean channel in the dialect of some packagers (see `dialects`);
//! * `/programme/frozen/live.m3u8`: a programme whose picture and sound can be decoded (see `programmes`);
//! * `/at/<unix ms>/…`: any of these paths at a fixed instant;
//! * `POST /control/TV1/segment_404`: plays the fault on `/live/TV1/`, until `DELETE /control/TV1`.

mod addressing;
mod ad_breaks;
mod response;
mod body;
mod cenc;
mod captions;
mod channels;
mod clock;
mod encryption;
mod dash;
mod side_boxes;
mod faults;
mod i_frames;
mod segment_base;
mod low_latency;
mod fixtures;
mod packager_headers;
mod mp4;
mod dialects;
mod playlist;
mod programmes;
mod route;
mod tls;
mod sample_aes;
mod server;
mod audio_only;
mod state;
mod steering;
mod webvtt;
mod mp4_subtitles;
mod nothing_to_play;
mod timeline;
mod ts;
mod ts_packing;
mod mpd_updates;
mod resettable;
mod moving_names;
mod visits;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use channels::{Channel, channels};
pub use clock::Clock;
pub use faults::{Fault, faults};
pub use programmes::{AVC, Part, Programme, SEGMENT_SECONDS, encode, part, programmes};
pub use server::index;
pub use state::LoggedRequest;

/// A running origin. It ends and closes its connections when this value is dropped.
pub struct Origin {
    pub addr: SocketAddr,
    /// Certificate authority of an HTTPS origin, in PEM; `None` for plain HTTP.
    pub authority: Option<String>,
    state: Arc<state::OriginState>,
    task: JoinHandle<()>,
}

impl Origin {
    /// Starts an origin on a bound listener, inside of a Tokio runtime.
    pub fn start(listener: TcpListener, clock: Clock) -> Self {
        Self::start_with(listener, clock, None)
    }

    /// Starts an origin over HTTPS, with a certificate that expires in `days` days by the system's clock.
    pub fn start_tls(listener: TcpListener, clock: Clock, days: u64) -> Self {
        Self::start_with(listener, clock, Some(tls::certificate_for_days(days)))
    }

    fn start_with(listener: TcpListener, clock: Clock, identity: Option<tls::TlsIdentity>) -> Self {
        let addr = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(state::OriginState::new(clock));
        let (acceptor, authority) = identity.map(|s| (s.acceptor, s.authority)).unzip();
        let task = tokio::spawn(server::accept(listener, state.clone(), acceptor));
        Self { addr, authority, state, task }
    }

    pub fn url(&self, path: &str) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/{}", self.addr, path.trim_start_matches('/'))
    }

    /// Encodes a programme with ffmpeg, so that `/programme/<id>/live.m3u8` plays it in a loop from the start of the origin.
    ///
    /// # Errors
    /// There is no programme of this id, or ffmpeg isn't installed or fails.
    pub fn add_programme(&self, id: &str) -> std::io::Result<()> {
        self.state.programmes.add(id)
    }

    /// Plays a fault on `/live/<channel>/`, or ends it for `None`. Returns `false` if there is no fault of this id.
    pub fn set_fault(&self, channel: &str, fault: Option<&str>) -> bool {
        let found = fault.map(faults::find);
        if matches!(found, Some(None)) {
            return false;
        }
        self.state.set_fault(channel, found.flatten());
        true
    }

    /// Returns the last requests that the origin received, oldest first.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.state.requests()
    }

    pub fn clear_requests(&self) {
        self.state.clear_requests();
    }

    /// Returns the largest number of requests that were waiting for the head of their response at the same time.
    pub fn most_in_flight(&self) -> usize {
        self.state.most_in_flight()
    }

    pub async fn wait(&mut self) {
        // Ends only if the accept loop is cancelled.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}
