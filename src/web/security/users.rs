//! Users of the web configuration (`basic_auth_users`) and their passwords. bcrypt is slow by design: a password that
//! was right once is remembered as a keyed hash, and few passwords are checked at the same time, so that guessing does
//! not use up the processors.

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

/// Highest accepted cost of a bcrypt hash. Each step doubles the time: 10 takes about 50 ms, 18 about 15 s.
const MAX_COST: u32 = 18;
/// Largest number of passwords that are checked at the same time.
const MAX_CHECKS: usize = 2;
/// Longest time that a request waits for the check of its password.
const CHECK_WAIT: Duration = Duration::from_secs(5);
/// Largest number of remembered passwords. When it is reached, all are forgotten.
const MAX_REMEMBERED: usize = 1024;

/// User names with their bcrypt hashes. Without users every request is admitted.
#[derive(Default)]
pub(crate) struct Users {
    hashes: BTreeMap<String, String>,
    /// bcrypt hash that is checked for an unknown user name, so that it takes as long as for a known user. It has the
    /// highest cost of all users' hashes.
    decoy: String,
}

impl Users {
    /// Makes the list of users from their bcrypt hashes.
    ///
    /// # Errors
    /// Fails if a hash is not of bcrypt or its cost is out of bounds. The message has the user's name and not the hash.
    pub(crate) fn new(hashes: BTreeMap<String, String>) -> Result<Self, String> {
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

    /// Returns whether there are no users, so that nobody has to log in.
    pub(crate) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Returns the bcrypt hash of a user's password. `None`: there is no such user.
    pub(crate) fn known_hash(&self, user: &str) -> Option<&str> {
        self.hashes.get(user).map(String::as_str)
    }

    /// Returns the bcrypt hash with which a password is compared, and whether the user exists.
    fn hash(&self, user: &str) -> (&str, bool) {
        self.hashes.get(user).map_or((self.decoy.as_str(), false), |hash| (hash.as_str(), true))
    }
}

/// Verifier of passwords. Remembered passwords outlive a reload of the users.
pub(crate) struct Verifier {
    key: hmac::Key,
    known: Mutex<HashSet<[u8; 32]>>,
    checks: Semaphore,
}

impl Verifier {
    /// Makes a verifier of passwords with a random key.
    ///
    /// # Errors
    /// Fails if the system has no random numbers.
    pub(crate) fn new() -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &ring::rand::SystemRandom::new());
        let key = key.map_err(|_| "the system gives no random numbers; can't keep passwords safe")?;
        Ok(Self { key, known: Mutex::default(), checks: Semaphore::new(MAX_CHECKS) })
    }

    /// Checks user and password of a request, and returns the user's name. `Ok(None)`: the request has no user, or there
    /// are no users.
    ///
    /// # Errors
    /// Fails if the user or password is wrong, or if too many passwords are being checked.
    pub(crate) async fn check(&self, users: &Users, headers: &HeaderMap) -> Result<Option<String>, Denied> {
        let Some((user, password)) = credentials(headers).filter(|_| !users.is_empty()) else { return Ok(None) };
        let (hash, exists) = users.hash(&user);
        let tag = self.tag(&user, hash, &password);
        if exists && self.known().contains(&tag) {
            return Ok(Some(user));
        }
        let permit = tokio::time::timeout(CHECK_WAIT, self.checks.acquire()).await;
        let _permit = permit.map_err(|_| Denied::Busy)?.map_err(|_| Denied::Busy)?;
        if exists && self.known().contains(&tag) {
            return Ok(Some(user));
        }
        let hash = hash.to_owned();
        let checked = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash)).await;
        if !(matches!(checked, Ok(Ok(true))) && exists) {
            return Err(Denied::Unauthorized);
        }
        self.remember(tag);
        Ok(Some(user))
    }

    /// Returns a keyed hash of user, bcrypt hash and password. A changed bcrypt hash gives another value, so that the
    /// old password is not accepted from memory.
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

/// Returns user and password of an `Authorization: Basic` header (RFC 7617, 2).
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
        assert_eq!(verifier.check(&users, &headers("p", "right")).await, Ok(Some("p".to_owned())));
        assert_eq!(verifier.check(&users, &headers("p", "wrong")).await, Err(Denied::Unauthorized));
        verifier.checks.close();
        assert_eq!(verifier.check(&users, &headers("p", "right")).await, Ok(Some("p".to_owned())));
        for (user, password) in [("p", "wrong"), ("q", "right")] {
            assert_eq!(verifier.check(&users, &headers(user, password)).await, Err(Denied::Busy));
        }
    }

    #[test]
    fn the_cost_of_a_hash_is_4_to_18() {
        let of = |cost: &str| {
            let hash = bcrypt::hash("a", 4).unwrap().replacen("$04$", &format!("${cost}$"), 1);
            Users::new([("a".to_owned(), hash)].into()).map(|_| ())
        };
        assert_eq!((of("04"), of("18")), (Ok(()), Ok(())));
        assert!(of("19").unwrap_err().contains("bcrypt cost 19 is outside 4 to 18"));
    }

    #[test]
    fn a_full_memory_of_passwords_is_emptied_for_the_next() {
        let verifier = Verifier::new().unwrap();
        let tag = |i: usize| verifier.tag("user", "hash", &i.to_be_bytes());
        (0..MAX_REMEMBERED).for_each(|i| verifier.remember(tag(i)));
        assert_eq!(verifier.known().len(), MAX_REMEMBERED);
        verifier.remember(tag(MAX_REMEMBERED));
        assert_eq!(verifier.known().len(), 1);
    }

    #[test]
    fn user_hash_and_password_each_change_what_is_remembered() {
        let verifier = Verifier::new().unwrap();
        let all = [("u", "h", "p"), ("v", "h", "p"), ("u", "i", "p"), ("u", "h", "q"), ("uh", "", "p")];
        let tags: HashSet<[u8; 32]> = all.map(|(u, h, p)| verifier.tag(u, h, p.as_bytes())).into();
        assert_eq!(tags.len(), 5);
        assert_ne!(Verifier::new().unwrap().tag("u", "h", b"p"), verifier.tag("u", "h", b"p"), "the key is random");
    }

    #[test]
    fn the_password_is_what_follows_the_first_colon() {
        assert_eq!(credentials(&headers("p", "a:b")), Some(("p".to_owned(), b"a:b".to_vec())));
        assert_eq!(credentials(&headers("", "")), Some((String::new(), Vec::new())));
    }

    #[test]
    fn an_unknown_user_is_checked_as_slowly_as_the_slowest_known_one() {
        let cheap = bcrypt::hash("a", 4).unwrap();
        let dear = bcrypt::hash("b", 5).unwrap();
        let users =
            Users::new([("a".to_owned(), dear.clone()), ("z".to_owned(), cheap)].into_iter().collect()).unwrap();
        assert_eq!(users.hash("nobody"), (dear.as_str(), false));
    }
}
