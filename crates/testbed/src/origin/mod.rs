//! A deterministic live origin: HLS and DASH channels that stay clean for ever, and faults that are part of the path.
//!
//! Playlists and segments follow from the time alone, so that any instant can be asked for:
//!
//! * `/live/TV1/master.m3u8`: a clean channel by the origin's clock;
//! * `/live/CM1/number.mpd`, `time.mpd`, `periods.mpd`: the same segments as DASH, for channels of CMAF (`messages.mpd`: without an
//!   EventStream);
//! * `/live/CM1/runs.mpd`, `open.mpd`, `list.mpd`, `breaks.mpd`: with S that repeat, that repeat without end, with SegmentLists, with
//!   Periods of ads (`files.mpd`: each in a file with an index);
//! * `/live/LL1/low_latency.mpd`: with segments that grow;
//! * `/live/CM1/updates.mpd`: with Location, PatchLocation (`updates.mpp`) and EventStream;
//! * `/fault/segment_404/TV1/master.m3u8`: the same channel with one defect;
//! * `/token/TV1/master.m3u8`: clean, with another token on each URI of each playlist;
//! * `/folder/TV1.m3u8`, `/folder/TV2.m3u8`: media playlists of several channels in one folder;
//! * `/odd/loose/TV1/master.m3u8`: clean, as some packagers write it (`odd`);
//! * `/at/<unix ms>/…`: any of these at a fixed instant;
//! * `POST /control/TV1/segment_404`: plays the fault on `/live/TV1/`, until `DELETE /control/TV1`.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap
)]

mod addressing;
mod ads;
mod answer;
mod body;
mod cenc;
mod captions;
mod channels;
mod clock;
mod crypt;
mod dash;
mod events;
mod faults;
mod i_frames;
mod indexed;
mod low_latency;
mod media;
mod packager;
mod mp4;
mod odd;
mod playlist;
mod route;
mod secure;
mod sample_aes;
mod serve;
mod sound;
mod state;
mod subtitles;
mod texts;
mod timeline;
mod ts;
mod updates;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use channels::{Channel, channels};
pub use clock::Clock;
pub use faults::{Fault, faults};
pub use serve::index;
pub use state::LoggedRequest;

/// A running origin; it ends, connections and all, when this is dropped.
pub struct Origin {
    pub addr: SocketAddr,
    /// The certificate that clients of an HTTPS origin have to trust, in PEM.
    pub authority: Option<String>,
    state: Arc<state::State>,
    task: JoinHandle<()>,
}

impl Origin {
    /// Serves on a bound listener. Must be called inside a tokio runtime.
    pub fn start(listener: TcpListener, clock: Clock) -> Self {
        Self::serving(listener, clock, None)
    }

    /// The same over HTTPS, with a certificate that ends so many days from now.
    pub fn secured(listener: TcpListener, clock: Clock, days: u64) -> Self {
        Self::serving(listener, clock, Some(secure::ending_in(days)))
    }

    fn serving(listener: TcpListener, clock: Clock, secure: Option<secure::Secure>) -> Self {
        let addr = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(state::State::new(clock));
        let (acceptor, authority) = secure.map(|s| (s.acceptor, s.authority)).unzip();
        let task = tokio::spawn(serve::accept(listener, state.clone(), acceptor));
        Self { addr, authority, state, task }
    }

    pub fn url(&self, path: &str) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/{}", self.addr, path.trim_start_matches('/'))
    }

    /// The address of a fault's playlist on the channel it is meant for.
    pub fn fault_url(&self, fault: &Fault) -> String {
        self.url(&format!("fault/{}/{}/{}", fault.id, fault.channel, fault.path))
    }

    /// Plays a fault on `/live/<channel>/`, or ends it. False if there is no such fault.
    pub fn switch(&self, channel: &str, fault: Option<&str>) -> bool {
        let found = fault.map(faults::find);
        if matches!(found, Some(None)) {
            return false;
        }
        self.state.switch(channel, found.flatten());
        true
    }

    /// The last requests, oldest first.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.state.requests()
    }

    pub fn forget_requests(&self) {
        self.state.forget_requests();
    }

    /// The most requests that waited for their answer's head at the same time.
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
