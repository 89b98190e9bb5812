//! The little that the origin remembers: faults switched on, counters, and a log of requests.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, Method};

use super::clock::Clock;
use super::faults::{Effect, Fault};
use super::route::{Mode, Route};

/// Requests remembered; older ones are forgotten.
const LOG_LIMIT: usize = 20_000;
/// On a manual clock, playlists stand still from this long after the start.
const STALE_AFTER_MS: i64 = 10_000;

/// One request, as it came in.
#[derive(Clone, Debug)]
pub struct LoggedRequest {
    pub method: String,
    pub path: String,
    pub query: Option<String>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// When, on the origin's clock.
    pub unix_ms: i64,
}

pub struct State {
    pub clock: Clock,
    stale_since_ms: i64,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    switched: HashMap<String, (&'static Fault, i64)>,
    turns: HashMap<String, u64>,
    log: VecDeque<LoggedRequest>,
    in_flight: usize,
    most_in_flight: usize,
}

impl State {
    pub fn new(clock: Clock) -> Self {
        let grace = if clock.is_manual() { STALE_AFTER_MS } else { 0 };
        Self { stale_since_ms: clock.now_ms() + grace, clock, memory: Mutex::default() }
    }

    /// The fault a request meets, and since when.
    pub fn effect_of(&self, route: &Route) -> (Option<Effect>, i64) {
        let switched = match route.mode {
            Mode::Live => self.memory().switched.get(&route.name).copied(),
            Mode::Fault(fault) => Some((fault, self.stale_since_ms)),
            Mode::Token | Mode::Folder | Mode::Odd(_) => None,
        };
        match switched {
            Some((fault, since_ms)) => (Some(fault.effect), since_ms),
            None => (None, self.stale_since_ms),
        }
    }

    pub fn switch(&self, channel: &str, fault: Option<&'static Fault>) {
        let since_ms = self.clock.now_ms();
        let switched = &mut self.memory().switched;
        match fault {
            Some(fault) => switched.insert(channel.to_owned(), (fault, since_ms)),
            None => switched.remove(channel),
        };
    }

    /// Counts the calls for a name, from 0.
    pub fn turn(&self, name: &str) -> u64 {
        let mut memory = self.memory();
        let turn = memory.turns.entry(name.to_owned()).or_default();
        *turn += 1;
        *turn - 1
    }

    pub fn log(&self, method: &Method, uri: &http::Uri, headers: &HeaderMap) {
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
        let mut memory = self.memory();
        if memory.log.len() == LOG_LIMIT {
            memory.log.pop_front();
        }
        memory.log.push_back(entry);
    }

    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.memory().log.iter().cloned().collect()
    }

    pub fn forget_requests(&self) {
        let mut memory = self.memory();
        memory.log.clear();
        memory.most_in_flight = memory.in_flight;
    }

    /// Counts a request as being answered until the guard goes.
    pub fn enter(&self) -> InFlight<'_> {
        let mut memory = self.memory();
        memory.in_flight += 1;
        memory.most_in_flight = memory.most_in_flight.max(memory.in_flight);
        InFlight(self)
    }

    pub fn most_in_flight(&self) -> usize {
        self.memory().most_in_flight
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct InFlight<'a>(&'a State);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.memory().in_flight -= 1;
    }
}
