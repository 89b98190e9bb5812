//! State of the origin: active faults, request counters, and a log of requests.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, Method};

use super::clock::Clock;
use super::faults::{Effect, Fault};
use super::programmes::Encoded;
use super::route::{Mode, Route};

/// Largest number of requests in the origin's log; older ones are dropped.
const LOG_LIMIT: usize = 20_000;
/// Milliseconds from the start of an origin with a manual clock until the playlists of a stale channel stop. A probe
/// before that sees them advance.
pub(super) const STALE_AFTER_MS: i64 = 10_000;

/// A request in the origin's log.
#[derive(Clone, Debug)]
pub struct LoggedRequest {
    pub method: String,
    pub path: String,
    pub query: Option<String>,
    /// Headers in the order of the request, with their names in lower case.
    pub headers: Vec<(String, String)>,
    /// Time of the request on the origin's clock, in milliseconds of Unix time.
    pub unix_ms: i64,
}

pub(super) struct OriginState {
    pub clock: Clock,
    pub programmes: Encoded,
    /// Time at which the origin started, in milliseconds of Unix time.
    pub started_ms: i64,
    stale_since_ms: i64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    active_faults: HashMap<String, (&'static Fault, i64)>,
    request_numbers: HashMap<String, u64>,
    log: VecDeque<LoggedRequest>,
    in_flight: usize,
    most_in_flight: usize,
}

impl OriginState {
    pub(super) fn new(clock: Clock) -> Self {
        let grace = if clock.is_manual() { STALE_AFTER_MS } else { 0 };
        let started_ms = clock.now_ms();
        let (programmes, inner) = (Encoded::default(), Mutex::default());
        Self { stale_since_ms: started_ms + grace, started_ms, clock, programmes, inner }
    }

    /// Returns the fault that the origin plays for a request, and the time from which it is active, in milliseconds of
    /// Unix time.
    pub(super) fn effect_of(&self, route: &Route) -> (Option<Effect>, i64) {
        let active_faults = match route.mode {
            Mode::Live => self.inner().active_faults.get(&route.name).copied(),
            Mode::Fault(fault) => Some((fault, self.stale_since_ms)),
            Mode::Token | Mode::Folder | Mode::Dialect(_) => None,
        };
        match active_faults {
            Some((fault, since_ms)) => (Some(fault.effect), since_ms),
            None => (None, self.stale_since_ms),
        }
    }

    pub(super) fn set_fault(&self, channel: &str, fault: Option<&'static Fault>) {
        let since_ms = self.clock.now_ms();
        let active_faults = &mut self.inner().active_faults;
        match fault {
            Some(fault) => active_faults.insert(channel.to_owned(), (fault, since_ms)),
            None => active_faults.remove(channel),
        };
    }

    /// Returns the number of earlier requests of the kind `name`, and counts this one.
    pub(super) fn next_request_number(&self, name: &str) -> u64 {
        let mut inner = self.inner();
        let number = inner.request_numbers.entry(name.to_owned()).or_default();
        *number += 1;
        *number - 1
    }

    pub(super) fn log(&self, method: &Method, uri: &http::Uri, headers: &HeaderMap) {
        let entry = LoggedRequest {
            method: method.to_string(),
            path: uri.path().to_owned(),
            query: uri.query().map(str::to_owned),
            headers: headers
                .iter()
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect(),
            unix_ms: self.clock.now_ms(),
        };
        let mut inner = self.inner();
        if inner.log.len() == LOG_LIMIT {
            inner.log.pop_front();
        }
        inner.log.push_back(entry);
    }

    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        self.inner().log.iter().cloned().collect()
    }

    pub(super) fn clear_requests(&self) {
        let mut inner = self.inner();
        inner.log.clear();
        inner.most_in_flight = inner.in_flight;
    }

    /// Counts a request as in flight until the guard is dropped.
    pub(super) fn begin_request(&self) -> InFlight<'_> {
        let mut inner = self.inner();
        inner.in_flight += 1;
        inner.most_in_flight = inner.most_in_flight.max(inner.in_flight);
        InFlight(self)
    }

    pub(super) fn most_in_flight(&self) -> usize {
        self.inner().most_in_flight
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct InFlight<'a>(&'a OriginState);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.inner().in_flight -= 1;
    }
}
