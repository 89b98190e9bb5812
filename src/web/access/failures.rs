//! Failed logins: each is counted and logged without its credentials, and many of one address are answered more and
//! more slowly. A request with valid credentials never waits.

use crate::eviction::evict;
use http::StatusCode;
use packager_media::units::Timestamp;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// Number of failures of an address that are answered without delay.
const FREE: u32 = 3;
/// Delay of the first failure that is delayed; each further failure doubles it.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// Longest delay of an answer.
const MAX_DELAY: Duration = Duration::from_secs(5);
/// Time without a failure after which the failures of an address are forgotten.
const FORGET: Duration = Duration::from_secs(600);
/// Largest number of addresses whose failures are remembered.
const MAX_ADDRESSES: usize = 4096;
/// Largest number of answers that are delayed at the same time. Further failures get 429 at once.
const MAX_DELAYED: usize = 256;

/// Reason why the credentials of a request are not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthFailure {
    UnknownToken,
    ExpiredToken,
    /// The user does not exist, or the password is wrong.
    WrongPassword,
    /// A header of a trusted proxy came from an address that is not configured.
    UntrustedProxy,
    /// The session has ended, or the exporter did not begin it. It is not counted: an open page sends its old cookie
    /// again and again.
    EndedSession,
    /// The cookie can't be verified yet, because the key of sessions wasn't read from the database since the start. It may be valid.
    UnverifiedSession,
}

impl AuthFailure {
    /// Returns the value of the label `reason`.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::UnknownToken => "unknown_token",
            Self::ExpiredToken => "expired_token",
            Self::WrongPassword => "wrong_password",
            Self::UntrustedProxy => "untrusted_proxy",
            Self::EndedSession => "ended_session",
            Self::UnverifiedSession => "unverified_session",
        }
    }

    /// Returns the status of the answer to a request that needs a login.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::UnverifiedSession => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// Returns the text of the answer: why the login failed, and what the client can do.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::UnknownToken => "this token is not known; `packager_exporter token create` makes one",
            Self::ExpiredToken => "this token has expired; ask an administrator for another one",
            Self::WrongPassword => "the user or the password is wrong",
            Self::UntrustedProxy => {
                "this address may not name users in headers; add it to api.trusted_proxies in the web configuration"
            }
            Self::EndedSession => "the session has ended; log in again",
            Self::UnverifiedSession => {
                "the session can't be verified until the exporter has read its key from the database; try again in some seconds"
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

/// Failed logins by the client's address.
#[derive(Debug)]
pub(crate) struct AuthFailures {
    addresses: Mutex<HashMap<IpAddr, Failures>>,
    delayed: Semaphore,
}

impl Default for AuthFailures {
    fn default() -> Self {
        Self { addresses: Mutex::default(), delayed: Semaphore::new(MAX_DELAYED) }
    }
}

impl AuthFailures {
    /// Logs a failure and waits as long as its answer has to be delayed. Returns false if the client has to get 429,
    /// because too many answers are delayed already.
    pub(crate) async fn failed(&self, failure: AuthFailure, client: Option<IpAddr>) -> bool {
        if failure == AuthFailure::EndedSession {
            return true;
        }
        let count = client.map_or(1, |client| self.count(network(client), Instant::now()));
        // Guessing must not fill the log: the 1st, 2nd, 4th, 8th … failure of an address is logged.
        if count.is_power_of_two() {
            let from = client.map(|client| client.to_string()).unwrap_or_default();
            let at = Timestamp::now().to_string();
            tracing::warn!(reason = failure.reason(), from, failures = count, at, "login refused");
        }
        let Some(delay) = delay(count) else { return true };
        let Ok(_permit) = self.delayed.try_acquire() else { return false };
        sleep(delay).await;
        true
    }

    /// Counts a failure of an address and returns the number of its failures.
    fn count(&self, client: IpAddr, now: Instant) -> u32 {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if addresses.len() >= MAX_ADDRESSES && !addresses.contains_key(&client) {
            make_room(&mut addresses, now);
        }
        let entry = addresses.entry(client).or_insert(Failures { count: 0, last: now });
        if now.saturating_duration_since(entry.last) >= FORGET {
            entry.count = 0;
        }
        entry.count = entry.count.saturating_add(1);
        entry.last = now;
        entry.count
    }
}

/// Removes the addresses whose failures are forgotten, and the one that failed least recently if there are none.
fn make_room(addresses: &mut HashMap<IpAddr, Failures>, now: Instant) {
    addresses.retain(|_, failures| now.saturating_duration_since(failures.last) < FORGET);
    evict(addresses, MAX_ADDRESSES - 1, None, |failures| failures.last);
}

/// Returns the delay of the answer to the `count`th failure of an address. `None`: there is no delay.
fn delay(count: u32) -> Option<Duration> {
    let doublings = count.checked_sub(FREE + 1)?;
    Some(FIRST_DELAY.saturating_mul(1 << doublings.min(10)).min(MAX_DELAY))
}

/// Returns the address by which a client is counted: an IPv4 address itself, and the first 64 bits of an IPv6 address,
/// which one client may choose the others of.
#[must_use]
pub(crate) fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_failure_is_delayed_and_the_delay_doubles_to_five_seconds() {
        let millis: Vec<u128> = (1..=12).map(|n| delay(n).map_or(0, |d| d.as_millis())).collect();
        assert_eq!(millis, [0, 0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        assert_eq!(delay(u32::MAX), Some(MAX_DELAY));
    }

    #[test]
    fn failures_are_counted_by_address_and_forgotten_after_ten_minutes() {
        let failures = AuthFailures::default();
        let (a, b, start) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), Instant::now());
        assert_eq!((failures.count(a, start), failures.count(a, start), failures.count(b, start)), (1, 2, 1));
        assert_eq!(failures.count(a, start + FORGET - Duration::from_secs(1)), 3);
        assert_eq!(failures.count(b, start + FORGET), 1);
    }

    #[test]
    fn the_memory_of_addresses_is_bounded_and_loses_the_least_recent() {
        let failures = AuthFailures::default();
        let start = Instant::now();
        let address = |i: usize| IpAddr::from((0x0a00_0000_u32 + u32::try_from(i).unwrap()).to_be_bytes());
        for i in 0..=MAX_ADDRESSES {
            failures.count(address(i), start + Duration::from_millis(u64::try_from(i).unwrap()));
        }
        assert_eq!(failures.addresses.lock().unwrap().len(), MAX_ADDRESSES);
        let later = start + Duration::from_secs(5);
        assert_eq!((failures.count(address(MAX_ADDRESSES), later), failures.count(address(0), later)), (2, 1));
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_client() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
