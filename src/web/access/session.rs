//! Sessions of the web page: a signed cookie in place of a token that a page would have to keep. A session ends after
//! twelve hours without a request, at the logout, and with the token or user with which it began.

use crate::eviction::evict;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use cookie::{Cookie, SameSite};
use http::header::COOKIE as COOKIE_HEADER;
use http::{HeaderMap, HeaderValue};
use packager_media::units::Timestamp;
use ring::digest::{SHA256, digest};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// Name of the cookie.
const COOKIE: &str = "packager_exporter_session";
/// Time in seconds without a request after which a session ends: a shift.
const LIFETIME: i64 = 12 * 3600;
/// Time in seconds by which a cookie may be from the future, because exporters' clocks differ. One that is more so was made before a
/// clock was set back, and would be valid for too long.
const FUTURE: i64 = 300;
/// Age in seconds from which a cookie is replaced by a new one with the answer to a request.
const RENEW_AFTER: i64 = 600;
/// Largest number of logouts that are remembered.
const MAX_ENDED: usize = 4096;
/// Longest cookie that is read, in bytes.
const MAX_COOKIE_BYTES: usize = 2048;
/// Number of bytes of the session's random id.
const ID_BYTES: usize = 16;

/// Kind of the credentials with which a session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Token,
    User,
}

/// One session, as its cookie says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    id: String,
    origin: Origin,
    /// Name of the token or user.
    pub(crate) name: String,
    /// Hash of the token's or password's hash. It differs when the token or password was replaced.
    credential: String,
    /// Time of the cookie, in seconds since 1970.
    issued: i64,
}

impl Session {
    /// Returns the time at which the session ends without further requests.
    pub(crate) fn ends_at(&self) -> Timestamp {
        Timestamp::from_second(self.issued.saturating_add(LIFETIME)).unwrap_or(Timestamp::MAX)
    }

    /// Returns whether the session began with a user of the web configuration, and not with a token.
    pub(crate) fn is_of_user(&self) -> bool {
        self.origin == Origin::User
    }

    /// Returns whether the session began with these credentials. `hash` is the hash of the token or password.
    pub(crate) fn began_with(&self, hash: &str) -> bool {
        self.credential == fingerprint(hash)
    }

    /// Returns whether the cookie is old enough to be replaced.
    pub(crate) fn needs_renewal(&self, now: Timestamp) -> bool {
        now.as_second().saturating_sub(self.issued) >= RENEW_AFTER
    }

    fn text(&self) -> String {
        let origin = match self.origin {
            Origin::Token => "token",
            Origin::User => "user",
        };
        // The name stands last, because it may have any character.
        format!("{}.{}.{}.{origin}.{}", self.id, self.issued, self.credential, self.name)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '.');
        let (id, issued, credential) = (parts.next()?, parts.next()?, parts.next()?);
        let origin = match parts.next()? {
            "token" => Origin::Token,
            "user" => Origin::User,
            _ => return None,
        };
        let (id, credential, issued) = (id.to_owned(), credential.to_owned(), issued.parse().ok()?);
        Some(Self { id, origin, name: parts.next()?.to_owned(), credential, issued })
    }
}

/// Returns a short hash of the hash of a token or password.
fn fingerprint(hash: &str) -> String {
    let digest = digest(&SHA256, format!("session of {}", hash.to_ascii_lowercase()).as_bytes());
    BASE64.encode(digest.as_ref().get(..12).unwrap_or_default())
}

/// Key that signs cookies, 32 random bytes.
#[derive(Clone)]
pub(crate) struct SessionKey(Vec<u8>);

impl SessionKey {
    /// Makes a random key.
    ///
    /// # Errors
    /// Fails if the system has no random numbers.
    pub(crate) fn random() -> Result<Self, String> {
        random(32).map(Self)
    }

    /// Takes a key that was stored. `None`: it is too short.
    pub(crate) fn stored(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() >= 32).then_some(Self(bytes))
    }

    /// Returns the bytes of the key, to store them.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn random(bytes: usize) -> Result<Vec<u8>, String> {
    let mut out = vec![0; bytes];
    SystemRandom::new().fill(&mut out).map_err(|_| "the system gives no random numbers".to_owned())?;
    Ok(out)
}

/// Longest time for which a cookie is valid.
pub(crate) const SESSION_LIFETIME: Duration = Duration::from_secs(LIFETIME.unsigned_abs());

/// Makes and checks the cookies of sessions.
pub(crate) struct Sessions {
    keys: RwLock<Keys>,
    ended: Mutex<Ended>,
}

/// The keys that sign cookies.
struct Keys {
    current: hmac::Key,
    /// The key of the sessions that began before the key of the database was read. They go on.
    temporary: Option<hmac::Key>,
    /// Whether the key of the database isn't read yet, so that a cookie of an earlier run can't be verified.
    awaits_stored: bool,
}

impl Keys {
    fn verify(&self, text: &[u8], tag: &[u8]) -> bool {
        let mut keys = std::iter::once(&self.current).chain(&self.temporary);
        keys.any(|key| hmac::verify(key, text, tag).is_ok())
    }
}

/// Sessions that were ended by a logout.
#[derive(Default)]
struct Ended {
    /// Ids of the sessions, with the second until which their cookies would be valid.
    until: HashMap<String, i64>,
    /// Ids of the sessions that ended at this exporter and that the others don't know of yet.
    unshared: VecDeque<String>,
}

impl Ended {
    fn insert(&mut self, id: String, second: i64) {
        if self.until.contains_key(&id) {
            return;
        }
        self.until.retain(|_, until| *until > second);
        evict(&mut self.until, MAX_ENDED - 1, None, |until| *until);
        self.until.insert(id, second.saturating_add(LIFETIME));
    }
}

impl Sessions {
    pub(crate) fn new(key: &SessionKey) -> Self {
        let current = hmac::Key::new(hmac::HMAC_SHA256, key.bytes());
        let keys = Keys { current, temporary: None, awaits_stored: false };
        Self { keys: RwLock::new(keys), ended: Mutex::default() }
    }

    /// Declares the key temporary until [`Sessions::set_key`] or [`Sessions::keep_key`]: the database has the key of the cookies
    /// of earlier runs.
    pub(crate) fn await_key(&self) {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).awaits_stored = true;
    }

    /// Keeps the temporary key, because the database has none that can be used.
    pub(crate) fn keep_key(&self) {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).awaits_stored = false;
    }

    /// Returns whether a cookie that can't be verified may be valid, because the key of the database isn't read yet.
    pub(crate) fn awaits_key(&self) -> bool {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).awaits_stored
    }

    /// Replaces the key. Sessions of another key end, except those of a temporary key.
    pub(crate) fn set_key(&self, key: &SessionKey) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut keys.current, hmac::Key::new(hmac::HMAC_SHA256, key.bytes()));
        keys.temporary = keys.awaits_stored.then_some(before);
        keys.awaits_stored = false;
    }

    /// Begins a session. `hash` is the hash of the token or password with which it begins.
    ///
    /// # Errors
    /// Fails if the system has no random numbers.
    pub(crate) fn begin(&self, origin: Origin, name: &str, hash: &str, now: Timestamp) -> Result<Session, String> {
        let id = BASE64.encode(random(ID_BYTES)?);
        Ok(Session { id, origin, name: name.to_owned(), credential: fingerprint(hash), issued: now.as_second() })
    }

    /// Returns the session that goes on with the request at `now`.
    pub(crate) fn renewed(session: &Session, now: Timestamp) -> Session {
        Session { issued: now.as_second(), ..session.clone() }
    }

    /// Returns the value of the cookie of a session.
    pub(crate) fn cookie_value(&self, session: &Session) -> String {
        let text = session.text();
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let tag = hmac::sign(&keys.current, text.as_bytes());
        format!("{}.{}", BASE64.encode(&text), BASE64.encode(tag.as_ref()))
    }

    /// Reads the session of a request. `None`: the request has no cookie of a session. `Some(None)`: the cookie is not
    /// valid, or the session has ended.
    pub(crate) fn of(&self, headers: &HeaderMap, now: Timestamp) -> Option<Option<Session>> {
        let cookies = headers.get_all(COOKIE_HEADER).iter().filter_map(|value| value.to_str().ok());
        let mut values = cookies.flat_map(Cookie::split_parse).flatten().filter(|cookie| cookie.name() == COOKIE);
        let value = values.next()?;
        Some(self.read(value.value(), now))
    }

    fn read(&self, value: &str, now: Timestamp) -> Option<Session> {
        let (text, tag) = Some(value).filter(|value| value.len() <= MAX_COOKIE_BYTES)?.split_once('.')?;
        let (text, tag) = (BASE64.decode(text).ok()?, BASE64.decode(tag).ok()?);
        if !self.keys.read().unwrap_or_else(PoisonError::into_inner).verify(&text, &tag) {
            return None;
        }
        let session = Session::read(std::str::from_utf8(&text).ok()?)?;
        let age = now.as_second().saturating_sub(session.issued);
        let is_ended = self.ended().until.contains_key(&session.id);
        ((-FUTURE..LIFETIME).contains(&age) && !is_ended).then_some(session)
    }

    fn ended(&self) -> MutexGuard<'_, Ended> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a session: none of its cookies is accepted again.
    pub(crate) fn end(&self, session: &Session, now: Timestamp) {
        let mut ended = self.ended();
        ended.insert(session.id.clone(), now.as_second());
        ended.unshared.push_back(session.id.clone());
        let excess = ended.unshared.len().saturating_sub(MAX_ENDED);
        ended.unshared.drain(..excess);
    }

    /// Returns the ids of the sessions that ended here since the last call, for the other exporters.
    pub(crate) fn take_unshared(&self) -> Vec<String> {
        std::mem::take(&mut self.ended().unshared).into()
    }

    /// Has ids returned again that could not be shared.
    pub(crate) fn put_back_unshared(&self, ids: Vec<String>) {
        let mut ended = self.ended();
        let later = std::mem::take(&mut ended.unshared);
        ended.unshared = ids.into_iter().chain(later).collect();
    }

    /// Ends sessions that ended at another exporter.
    pub(crate) fn end_elsewhere(&self, ids: Vec<String>, now: Timestamp) {
        let mut ended = self.ended();
        for id in ids {
            ended.insert(id, now.as_second());
        }
    }
}

/// Makes the value of Set-Cookie. An empty `value` removes the cookie. `path` is the path below which the browser sends
/// the cookie. `None` if `value` or `path` has a character that no header may have.
pub(crate) fn set_cookie(value: &str, path: &str, is_secure: bool) -> Option<HeaderValue> {
    let path = if path.is_empty() { "/" } else { path };
    let age = if value.is_empty() { 0 } else { LIFETIME };
    let cookie = Cookie::build((COOKIE, value))
        .path(path)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(is_secure)
        .max_age(cookie::time::Duration::seconds(age));
    HeaderValue::from_str(&cookie.build().to_string()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn headers(value: &str) -> HeaderMap {
        [(COOKIE_HEADER, format!("other=1; {COOKIE}={value}").parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn a_session_comes_back_whole_and_lasts_twelve_hours_from_its_last_request() {
        let sessions = Sessions::new(&SessionKey::random().unwrap());
        let session = sessions.begin(Origin::Token, "ca 1. đêm", "ABC", at(1000)).unwrap();
        let value = sessions.cookie_value(&session);
        assert_eq!(sessions.of(&headers(&value), at(1000 + LIFETIME - 1)), Some(Some(session.clone())));
        assert_eq!(sessions.of(&headers(&value), at(1000 + LIFETIME)), Some(None));
        assert!(!session.needs_renewal(at(1599)) && session.needs_renewal(at(1600)));
        let renewed = sessions.cookie_value(&Sessions::renewed(&session, at(40_000)));
        assert!(sessions.of(&headers(&renewed), at(40_000 + LIFETIME - 1)).unwrap().is_some());
        assert_eq!(session.ends_at(), at(1000 + LIFETIME));
        assert_eq!(sessions.of(&HeaderMap::new(), at(1000)), None);
    }

    #[test]
    fn a_changed_cookie_another_key_and_another_credential_are_not_believed() {
        let sessions = Sessions::new(&SessionKey::random().unwrap());
        let session = sessions.begin(Origin::User, "lan", "hash", at(1000)).unwrap();
        let value = sessions.cookie_value(&session);
        let (text, tag) = value.split_once('.').unwrap();
        let forged = BASE64.encode(String::from_utf8(BASE64.decode(text).unwrap()).unwrap().replace("lan", "minh"));
        for bad in [format!("{forged}.{tag}"), text.to_owned(), format!("{text}."), "x".repeat(5000), String::new()] {
            assert_eq!(sessions.of(&headers(&bad), at(1000)), Some(None), "{bad}");
        }
        assert!(session.began_with("hash") && session.began_with("HASH") && !session.began_with("other"));
        sessions.set_key(&SessionKey::random().unwrap());
        assert_eq!(sessions.of(&headers(&value), at(1000)), Some(None));
    }

    #[test]
    fn a_session_goes_on_when_the_stored_key_replaces_a_temporary_one() {
        let stored = SessionKey::random().unwrap();
        let earlier_run = Sessions::new(&stored);
        let old = earlier_run.cookie_value(&earlier_run.begin(Origin::Token, "wall", "h", at(1000)).unwrap());
        let sessions = Sessions::new(&SessionKey::random().unwrap());
        sessions.await_key();
        let new = sessions.cookie_value(&sessions.begin(Origin::Token, "noc", "h", at(1000)).unwrap());
        let lives = |value: &str| sessions.of(&headers(value), at(1001)).unwrap().is_some();
        assert_eq!((lives(&old), lives(&new), sessions.awaits_key()), (false, true, true));
        sessions.set_key(&stored);
        assert_eq!((lives(&old), lives(&new), sessions.awaits_key()), (true, true, false));
        sessions.set_key(&SessionKey::random().unwrap());
        assert_eq!((lives(&old), lives(&new)), (false, false));
    }

    #[test]
    fn a_logout_ends_every_cookie_of_its_session_and_no_other() {
        let sessions = Sessions::new(&SessionKey::random().unwrap());
        let [a, b] = [(); 2].map(|()| sessions.begin(Origin::Token, "noc", "h", at(0)).unwrap());
        let renewed = Sessions::renewed(&a, at(700));
        sessions.end(&a, at(800));
        let lives =
            |session: &Session| sessions.of(&headers(&sessions.cookie_value(session)), at(801)).unwrap().is_some();
        assert_eq!((lives(&a), lives(&renewed), lives(&b)), (false, false, true));
    }

    #[test]
    fn a_logout_at_one_exporter_ends_the_session_at_another() {
        let key = SessionKey::random().unwrap();
        let [here, elsewhere] = [(); 2].map(|()| Sessions::new(&key));
        let [a, b] = [(); 2].map(|()| here.begin(Origin::Token, "noc", "h", at(0)).unwrap());
        here.end(&a, at(800));
        let ids = here.take_unshared();
        assert_eq!((ids.as_slice(), here.take_unshared().len()), (&[a.id.clone()][..], 0));
        here.put_back_unshared(ids);
        elsewhere.end_elsewhere(here.take_unshared(), at(801));
        let lives = |session: &Session| elsewhere.of(&headers(&here.cookie_value(session)), at(802)).unwrap().is_some();
        assert_eq!((lives(&a), lives(&b)), (false, true));
        assert!(elsewhere.take_unshared().is_empty(), "it is not sent on");
    }

    #[test]
    fn a_cookie_from_the_future_is_valid_only_within_the_difference_of_clocks() {
        let sessions = Sessions::new(&SessionKey::random().unwrap());
        let value = sessions.cookie_value(&sessions.begin(Origin::User, "lan", "h", at(100_000)).unwrap());
        let lives = |second| sessions.of(&headers(&value), at(second)).unwrap().is_some();
        assert_eq!((lives(100_000 - FUTURE), lives(100_000 - FUTURE - 1)), (true, false));
    }

    #[test]
    fn the_cookie_is_for_this_site_and_not_for_scripts() {
        let text =
            |value: &str, path: &str, secure| set_cookie(value, path, secure).unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            text("a.b", "", true),
            "packager_exporter_session=a.b; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=43200"
        );
        assert_eq!(
            text("", "/px", false),
            "packager_exporter_session=; HttpOnly; SameSite=Strict; Path=/px; Max-Age=0"
        );
    }
}
