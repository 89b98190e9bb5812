//! `basic_auth_users`. bcrypt is slow by design, so a password that was right once is remembered as a keyed
//! hash; and few are checked at a time, so that guessing can't take the machine.

use super::Denied;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use ring::hmac;
use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// bcrypt's cost doubles the time each step: 10 is some 50 ms, 18 some 15 s.
const MAX_COST: u32 = 18;
/// Passwords checked at a time.
const AT_A_TIME: usize = 2;
/// How long a request waits for its turn to be checked.
const PATIENCE: Duration = Duration::from_secs(5);
/// Right passwords remembered; beyond it the memory begins anew.
const MAX_REMEMBERED: usize = 1024;

/// User names with their bcrypt hashes; none: everyone is let in.
#[derive(Default)]
pub struct Users {
    hashes: BTreeMap<String, String>,
    /// Checked for a name that doesn't exist, so that it takes as long as one that does.
    decoy: String,
}

impl Users {
    /// # Errors
    /// A hash that isn't bcrypt's, or too slow; the user is named, the hash is not shown.
    pub fn new(hashes: BTreeMap<String, String>) -> Result<Self, String> {
        let mut decoy = (0, String::new());
        for (user, hash) in &hashes {
            let parts = bcrypt::HashParts::from_str(hash).map_err(|_| {
                format!("basic_auth_users: {user}: not a bcrypt hash; make one with `htpasswd -nBC 10 {user}`")
            })?;
            let cost = parts.get_cost();
            if !(4..=MAX_COST).contains(&cost) {
                return Err(format!("basic_auth_users: {user}: bcrypt cost {cost} is outside 4 to {MAX_COST}"));
            }
            decoy = decoy.max((cost, hash.clone()));
        }
        Ok(Self { hashes, decoy: decoy.1 })
    }

    /// The hash to check against, and whether a match lets in.
    fn hash(&self, user: &str) -> (&str, bool) {
        self.hashes.get(user).map_or((self.decoy.as_str(), false), |hash| (hash.as_str(), true))
    }
}

/// What is remembered of passwords; outlives a reload of the users.
pub struct Verifier {
    key: hmac::Key,
    known: Mutex<HashSet<[u8; 32]>>,
    turns: Semaphore,
}

impl Verifier {
    /// # Errors
    /// The system has no random numbers.
    pub fn new() -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &ring::rand::SystemRandom::new());
        let key = key.map_err(|_| "the system gives no random numbers; can't keep passwords safe")?;
        Ok(Self { key, known: Mutex::default(), turns: Semaphore::new(AT_A_TIME) })
    }

    pub async fn check(&self, users: &Users, headers: &HeaderMap) -> Result<(), Denied> {
        if users.hashes.is_empty() {
            return Ok(());
        }
        let (user, password) = credentials(headers).ok_or(Denied::Unauthorized)?;
        let (hash, exists) = users.hash(&user);
        let tag = self.tag(&user, hash, &password);
        if exists && self.known().contains(&tag) {
            return Ok(());
        }
        let turn = tokio::time::timeout(PATIENCE, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| Denied::Busy)?.map_err(|_| Denied::Busy)?;
        if exists && self.known().contains(&tag) {
            return Ok(());
        }
        let hash = hash.to_owned();
        let checked = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash)).await;
        if !(matches!(checked, Ok(Ok(true))) && exists) {
            return Err(Denied::Unauthorized);
        }
        self.remember(tag);
        Ok(())
    }

    /// The hash is part of it: a changed password is never let in from memory.
    fn tag(&self, user: &str, hash: &str, password: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [user.as_bytes(), hash.as_bytes(), password] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign().as_ref().try_into().unwrap_or_default()
    }

    fn remember(&self, tag: [u8; 32]) {
        let mut known = self.known();
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert(tag);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// User and password, RFC 7617 2.
fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|b| *b == b':')?;
    let (user, password) = decoded.split_at_checked(colon)?;
    Some((String::from_utf8(user.to_vec()).ok()?, password.get(1..)?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(user: &str, password: &str) -> HeaderMap {
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        [(AUTHORIZATION, value.parse().unwrap())].into_iter().collect()
    }

    #[tokio::test]
    async fn a_right_password_is_checked_by_bcrypt_once_and_a_wrong_one_each_time() {
        let hashes = [("p".to_owned(), bcrypt::hash("right", 4).unwrap())].into_iter().collect();
        let users = Users::new(hashes).unwrap();
        let verifier = Verifier::new().unwrap();
        assert_eq!(verifier.check(&users, &headers("p", "right")).await, Ok(()));
        assert_eq!(verifier.check(&users, &headers("p", "wrong")).await, Err(Denied::Unauthorized));
        verifier.turns.close();
        assert_eq!(verifier.check(&users, &headers("p", "right")).await, Ok(()));
        for (user, password) in [("p", "wrong"), ("q", "right")] {
            assert_eq!(verifier.check(&users, &headers(user, password)).await, Err(Denied::Busy));
        }
    }

    #[test]
    fn a_stranger_costs_as_much_as_the_slowest_user() {
        let cheap = bcrypt::hash("a", 4).unwrap();
        let dear = bcrypt::hash("b", 5).unwrap();
        let users =
            Users::new([("a".to_owned(), dear.clone()), ("z".to_owned(), cheap)].into_iter().collect()).unwrap();
        assert_eq!(users.hash("nobody"), (dear.as_str(), false));
    }
}
