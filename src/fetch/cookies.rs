//! Cookies of one channel, kept and sent as RFC 6265 says. CDNs set one with the multivariant playlist and refuse
//! playlists and segments that are asked for without it.

use cookie::Cookie;
use cookie::time::{Date, Month, OffsetDateTime, Time};
use http::header::{DATE, HeaderMap, HeaderValue, SET_COOKIE};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;
use url::{Host, Url};

/// Largest number of cookies of one channel, which is also the largest number that one answer may set. Browsers keep 50
/// or more per domain (RFC 6265 6.1).
const MAX_COOKIES: usize = 50;
/// Largest number of bytes in name, value and path of one cookie (RFC 6265 6.1). A longer cookie is ignored.
const MAX_BYTES: usize = 4096;
/// Largest number of bytes in all cookies of one channel together. The oldest cookies are removed first.
const MAX_TOTAL_BYTES: usize = 16 * 1024;
/// Longest time for which a cookie is kept, whatever its server says (RFC 6265bis 5.5).
const MAX_AGE: Duration = Duration::from_secs(400 * 86_400);

/// The cookies of one channel. They are sent to no other channel's servers, and neither names nor values are shown.
#[derive(Default)]
pub(crate) struct CookieJar(Mutex<Vec<StoredCookie>>);

struct StoredCookie {
    name: String,
    value: String,
    scope: CookieScope,
    path: String,
    secure: bool,
    /// Instant at which the cookie expires; `None` if it stays as long as its channel is probed.
    expires: Option<Instant>,
}

/// Servers to which a cookie is sent.
#[derive(PartialEq, Eq)]
enum CookieScope {
    /// The cookie is sent only to the host that set it without Domain, at all ports (RFC 6265 8.5).
    Host(String),
    /// The cookie is sent to the host that Domain names, and to all hosts below it.
    Domain(String),
}

impl CookieJar {
    /// Stores the cookies that the answer of `url` sets, replaces cookies of the same name, scope and path, and removes
    /// those that the answer deletes.
    pub(super) fn store(&self, url: &Url, headers: &HeaderMap, now: Instant) {
        for line in headers.get_all(SET_COOKIE).iter().take(MAX_COOKIES) {
            let read =
                std::str::from_utf8(line.as_bytes()).ok().and_then(|text| Some((text, Cookie::parse(text).ok()?)));
            if let Some(stored) = read.and_then(|(text, cookie)| StoredCookie::of(&cookie, text, url, headers, now)) {
                self.insert(stored, now);
            }
        }
    }

    fn insert(&self, cookie: StoredCookie, now: Instant) {
        let mut all = self.lock();
        // A cookie that is set again keeps its place in the order of creation (RFC 6265 5.3 step 11).
        match all.iter_mut().find(|known| known.is_same(&cookie)) {
            Some(known) => *known = cookie,
            None => all.push(cookie),
        }
        all.retain(|known| !known.is_expired(now));
        bound(&mut all);
    }

    /// Returns the value of the Cookie header for a request to `url`: longer paths first, then older cookies (RFC 6265
    /// 5.4). Cookies whose name is in `except` are left out. `None` if no cookie is for this URL.
    pub(super) fn header(&self, url: &Url, except: &[&str], now: Instant) -> Option<HeaderValue> {
        let all = self.lock();
        let wanted = |c: &&StoredCookie| c.is_for(url) && !c.is_expired(now) && !except.contains(&c.name.as_str());
        let mut sent: Vec<&StoredCookie> = all.iter().filter(wanted).collect();
        sent.sort_by_key(|c| std::cmp::Reverse(c.path.len()));
        let pairs: Vec<String> = sent.iter().map(|c| format!("{}={}", c.name, c.value)).collect();
        let mut value = HeaderValue::from_str(&pairs.join("; ")).ok().filter(|value| !value.is_empty())?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Returns whether any cookie is for `url`.
    pub(super) fn has_any_for(&self, url: &Url) -> bool {
        self.lock().iter().any(|c| c.is_for(url))
    }

    /// Replaces the cookies in this jar that are for `url` by all cookies of `fresh`.
    pub(super) fn replace_for(&self, url: &Url, fresh: &Self) {
        let fresh: Vec<StoredCookie> = fresh.lock().drain(..).collect();
        let mut all = self.lock();
        all.retain(|known| !known.is_for(url) && !fresh.iter().any(|new| new.is_same(known)));
        all.extend(fresh);
        bound(&mut all);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<StoredCookie>> {
        // The list is valid after every statement, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the oldest cookies until number and size of the others are within their bounds.
fn bound(all: &mut Vec<StoredCookie>) {
    while all.len() > MAX_COOKIES || all.iter().map(StoredCookie::bytes).sum::<usize>() > MAX_TOTAL_BYTES {
        all.remove(0);
    }
}

/// The debug format shows only the number of cookies, because cookies are credentials.
impl std::fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CookieJar({} cookies)", self.lock().len())
    }
}

impl StoredCookie {
    /// Returns the cookie as the answer of `url` sets it (RFC 6265 5.3); `None` if the answer may not set it. `text` is its
    /// Set-Cookie header.
    fn of(cookie: &Cookie<'_>, text: &str, url: &Url, headers: &HeaderMap, now: Instant) -> Option<Self> {
        let secure = cookie.secure().unwrap_or(false);
        // Only a secure connection may set a Secure cookie (RFC 6265bis 5.7 step 8).
        if secure && url.scheme() != "https" || !keeps_its_prefix(cookie, secure) {
            return None;
        }
        let stored = Self {
            name: cookie.name().to_owned(),
            value: cookie.value().to_owned(),
            scope: scope(cookie.domain(), url)?,
            path: cookie.path().filter(|path| path.starts_with('/')).map_or_else(|| default_path(url), str::to_owned),
            secure,
            expires: lifetime(cookie, text, headers).map(|time| now + time.min(MAX_AGE)),
        };
        let sendable = HeaderValue::from_str(&stored.name).is_ok() && HeaderValue::from_str(&stored.value).is_ok();
        (sendable && stored.bytes() <= MAX_BYTES).then_some(stored)
    }

    fn bytes(&self) -> usize {
        self.name.len() + self.value.len() + self.path.len()
    }

    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.scope == other.scope && self.path == other.path
    }

    fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }

    fn is_for(&self, url: &Url) -> bool {
        let secure_enough = !self.secure || url.scheme() == "https";
        secure_enough && self.scope.includes(url) && path_matches(url.path(), &self.path)
    }
}

impl CookieScope {
    fn includes(&self, url: &Url) -> bool {
        match self {
            Self::Host(host) => url.host_str() == Some(host),
            Self::Domain(domain) => domain_matches(url, domain),
        }
    }
}

/// Returns the servers that get the cookie; `None` if Domain names a host to which `url` doesn't belong (RFC 6265 5.3
/// step 6), or a whole top-level domain. There is no list of public suffixes such as `co.uk`: cookies never leave their
/// channel, so that a cookie for a suffix reaches only the channel's own servers.
fn scope(domain: Option<&str>, url: &Url) -> Option<CookieScope> {
    let host = url.host_str()?;
    let named = domain.map(|d| d.trim().trim_start_matches('.').to_ascii_lowercase()).filter(|d| !d.is_empty());
    match named {
        None => Some(CookieScope::Host(host.to_owned())),
        Some(domain) => {
            let allowed = domain_matches(url, &domain) && (domain.contains('.') || domain == host);
            allowed.then_some(CookieScope::Domain(domain))
        }
    }
}

/// Returns whether the host of `url` is `domain` or below it (RFC 6265 5.1.3). No IP address is below another.
fn domain_matches(url: &Url, domain: &str) -> bool {
    let Some(host) = url.host_str() else { return false };
    let below = || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    host == domain || (matches!(url.host(), Some(Host::Domain(_))) && below())
}

/// Returns the folder of the URL's path without the last slash, or `/` (RFC 6265 5.1.4).
fn default_path(url: &Url) -> String {
    let folder = url.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    if folder.is_empty() { "/".to_owned() } else { folder.to_owned() }
}

/// Returns whether `path` is the cookie's path or below it (RFC 6265 5.1.4).
fn path_matches(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie).is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

/// Returns the time for which the cookie is kept: Max-Age, or Expires by the server's own clock; zero if it ends at
/// once. `None` if the cookie has neither.
fn lifetime(cookie: &Cookie<'_>, text: &str, headers: &HeaderMap) -> Option<Duration> {
    let seconds = match (cookie.max_age(), expires(text)) {
        (Some(age), _) => age.whole_seconds(),
        (None, Some(end)) => (end - answered_at(headers)).whole_seconds(),
        (None, None) => return None,
    };
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// Returns the time in the last readable Expires attribute of a Set-Cookie header; `None` without one.
fn expires(text: &str) -> Option<OffsetDateTime> {
    let attributes = text.split(';').skip(1).filter_map(|attribute| attribute.split_once('='));
    let dates = attributes.filter(|(name, _)| name.trim().eq_ignore_ascii_case("expires"));
    dates.filter_map(|(_, date)| cookie_date(date)).last()
}

/// Reads a date as browsers do: time, day of the month, month and year in any order, whatever stands between and behind them
/// (RFC 6265 5.1.1). `None` if one of them is missing or out of its range.
fn cookie_date(text: &str) -> Option<OffsetDateTime> {
    let is_delimiter =
        |c: char| !(c.is_ascii_alphanumeric() || c == ':' || c.is_ascii_control() && c != '\t' || !c.is_ascii());
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        if time.is_none()
            && let Some(read) = time_of_day(token)
        {
            time = Some(read);
        } else if day.is_none()
            && let Some(read) = leading_number(token, 1..=2)
        {
            day = Some(u8::try_from(read).ok()?);
        } else if month.is_none()
            && let Some(read) = month_of(token)
        {
            month = Some(read);
        } else if year.is_none()
            && let Some(read) = leading_number(token, 2..=4)
        {
            year = Some(read);
        }
    }
    let year = match year? {
        year @ 70..=99 => year + 1900,
        year @ 0..=69 => year + 2000,
        year => year,
    };
    let date = Date::from_calendar_date(i32::try_from(year).ok().filter(|year| *year >= 1601)?, month?, day?).ok()?;
    Some(date.with_time(time?).assume_utc())
}

/// Returns the number at the beginning of a token, if it has as many digits as `digits` allows.
fn leading_number(token: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let end = token.find(|c: char| !c.is_ascii_digit()).unwrap_or(token.len());
    token.get(..end).filter(|number| digits.contains(&number.len()))?.parse().ok()
}

fn time_of_day(token: &str) -> Option<Time> {
    let mut parts = token.splitn(3, ':').map(|part| leading_number(part, 1..=2).and_then(|n| u8::try_from(n).ok()));
    Time::from_hms(parts.next()??, parts.next()??, parts.next()??).ok()
}

fn month_of(token: &str) -> Option<Month> {
    const NAMES: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let begin = token.get(..3)?.to_ascii_lowercase();
    let index = NAMES.iter().position(|name| *name == begin)?;
    Month::try_from(u8::try_from(index + 1).ok()?).ok()
}

/// Returns whether a cookie has the attributes that its name promises: browsers ignore another (RFC 6265bis 4.1.3).
fn keeps_its_prefix(cookie: &Cookie<'_>, secure: bool) -> bool {
    let begins =
        |prefix: &str| cookie.name().get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix));
    let is_host_only = || cookie.domain().is_none() && cookie.path() == Some("/");
    match (begins("__Host-"), begins("__Secure-")) {
        (true, _) => secure && is_host_only(),
        (_, true) => secure,
        _ => true,
    }
}

/// Returns the Date header of the answer, or the time of this machine if the answer has none.
fn answered_at(headers: &HeaderMap) -> OffsetDateTime {
    let text = headers.get(DATE).and_then(|value| value.to_str().ok());
    let date = text.and_then(|text| httpdate::parse_http_date(text).ok());
    OffsetDateTime::from(date.unwrap_or_else(SystemTime::now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET_BY: &str = "https://cdn.example.com/live/tv1/master.m3u8";

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn answer(lines: &[&str]) -> HeaderMap {
        let date = (DATE, HeaderValue::from_static("Sun, 29 Nov 2026 01:00:00 GMT"));
        let lines = lines.iter().map(|line| (SET_COOKIE, HeaderValue::from_str(line).unwrap()));
        HeaderMap::from_iter([date].into_iter().chain(lines))
    }

    fn set(jar: &CookieJar, by: &str, lines: &[&str], now: Instant) {
        jar.store(&url(by), &answer(lines), now);
    }

    fn sent(jar: &CookieJar, to: &str, now: Instant) -> String {
        let value = jar.header(&url(to), &[], now);
        assert!(value.as_ref().is_none_or(HeaderValue::is_sensitive));
        value.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// Returns the Cookie header of a request to `to`, after the answer of `by` has set the cookie `line`.
    fn passed(by: &str, line: &str, to: &str) -> String {
        let (jar, now) = (CookieJar::default(), Instant::now());
        set(&jar, by, &[line], now);
        sent(&jar, to, now)
    }

    #[test]
    fn a_cookie_without_domain_stays_at_its_host() {
        let to = |to: &str| passed(SET_BY, "a=1; Path=/", to);
        assert_eq!(to("https://cdn.example.com/x"), "a=1");
        assert_eq!(to("http://cdn.example.com/x"), "a=1");
        assert_eq!(to("https://cdn.example.com:8443/"), "a=1", "cookies know no ports");
        for other in ["https://example.com/", "https://a.cdn.example.com/"] {
            assert_eq!(to(other), "", "{other}");
        }
        assert_eq!(passed("http://127.0.0.1:8080/", "a=1", "http://127.0.0.1:8081/"), "a=1");
        assert_eq!(passed("http://127.0.0.1:8080/", "a=1", "http://127.0.0.2:8080/"), "");
    }

    #[test]
    fn a_name_with_a_prefix_needs_the_attributes_that_it_promises() {
        let https = |line: &str| passed(SET_BY, line, "https://cdn.example.com/live/tv1/1.ts");
        assert_eq!(https("__Host-a=1; Path=/; Secure"), "__Host-a=1");
        assert_eq!(https("__Secure-a=1; Path=/live; Secure"), "__Secure-a=1");
        for refused in [
            "__Host-a=1; Path=/",
            "__Host-a=1; Path=/live; Secure",
            "__Host-a=1; Secure",
            "__Host-a=1; Path=/; Secure; Domain=cdn.example.com",
            "__secure-a=1; Path=/",
        ] {
            assert_eq!(https(refused), "", "{refused}");
        }
    }

    #[test]
    fn dates_are_read_as_browsers_read_them() {
        let read = |text: &str| cookie_date(text).map(|at| at.unix_timestamp());
        let second_of_january_1970 = Some(86_400);
        for text in [
            "Fri, 02 Jan 1970 00:00:00 GMT",
            "Fri, 2 Jan 1970 00:00:00 GMT",
            "Friday, 02-Jan-70 00:00:00 UTC",
            "Fri Jan  2 00:00:00 1970",
            " 1970 JANUARY 2 0:0:0",
            "02/Jan/1970 00:00:00 +0700",
        ] {
            assert_eq!(read(text), second_of_january_1970, "{text}");
        }
        assert_eq!(read("Sun, 1 Jan 69 00:00:00 GMT"), read("Tue, 01 Jan 2069 00:00:00 GMT"));
        for unreadable in [
            "",
            "0",
            "-1",
            "Fri, 32 Jan 1970 00:00:00 GMT",
            "Fri, 2 Jan 1970",
            "2 Jan 1600 00:00:00",
            "é Jan 1970 0:0:0",
        ] {
            assert_eq!(read(unreadable), None, "{unreadable}");
        }
    }

    #[test]
    fn domain_names_a_host_and_those_below_it() {
        let to = |domain: &str, to: &str| passed(SET_BY, &format!("a=1; Path=/; Domain={domain}"), to);
        for domain in ["example.com", ".example.com", "EXAMPLE.com"] {
            assert_eq!(to(domain, "https://edge.example.com:8443/"), "a=1", "{domain}");
            assert_eq!(to(domain, "https://example.com/"), "a=1");
            assert_eq!(to(domain, "https://badexample.com/"), "");
        }
        for refused in ["com", "other.com", "a.cdn.example.com", "ample.com"] {
            assert_eq!(to(refused, SET_BY), "", "{refused}");
        }
        assert_eq!(to("", "https://cdn.example.com/"), "a=1", "an empty Domain is none");
        assert_eq!(passed("http://10.0.0.1/", "a=1; Domain=0.0.1", "http://10.0.0.1/"), "", "part of an address");
        assert_eq!(passed("http://10.0.0.1/", "a=1; Domain=10.0.0.1", "http://10.0.0.1:81/"), "a=1");
        assert_eq!(passed("http://origin/", "a=1; Domain=origin", "http://origin/"), "a=1", "a host without a dot");
    }

    #[test]
    fn path_is_a_folder_or_the_folder_of_the_answer() {
        let to = |path: &str, to: &str| passed(SET_BY, &format!("a=1{path}"), &format!("https://cdn.example.com{to}"));
        assert_eq!(to("", "/live/tv1/720p/1.ts"), "a=1");
        assert_eq!(to("", "/live/tv1"), "a=1");
        for other in ["/live/tv10/1.ts", "/live/tv2/", "/"] {
            assert_eq!(to("", other), "", "{other}");
        }
        assert_eq!(to("; Path=/live/", "/live/tv2"), "a=1");
        assert_eq!(to("; Path=/live/", "/live"), "");
        assert_eq!(to("; Path=live", "/live/tv1/x"), "a=1", "no absolute path: the default");
        assert_eq!(passed("https://cdn.example.com/m.mpd", "a=1", "https://cdn.example.com/x/y"), "a=1");
    }

    #[test]
    fn a_secure_cookie_is_for_https_alone() {
        assert_eq!(passed(SET_BY, "a=1; Path=/; Secure", "https://cdn.example.com/"), "a=1");
        assert_eq!(passed(SET_BY, "a=1; Path=/; Secure", "http://cdn.example.com/"), "");
        let http = SET_BY.replace("https", "http");
        assert_eq!(passed(&http, "a=1; Secure", SET_BY), "", "set without TLS");
    }

    #[test]
    fn a_cookie_ends_by_its_age_or_by_its_date_on_the_servers_clock() {
        let (jar, now) = (CookieJar::default(), Instant::now());
        let lines = [
            "age=1; Max-Age=60; Expires=Sun, 29 Nov 2026 01:00:01 GMT",
            "date=1; Expires=Sun, 29 Nov 2026 01:01:00 GMT",
            "kept=1",
        ];
        set(&jar, SET_BY, &lines, now);
        let after = |seconds| sent(&jar, SET_BY, now + Duration::from_secs(seconds));
        assert_eq!(after(59), "age=1; date=1; kept=1");
        assert_eq!(after(60), "kept=1");
        assert_eq!(after(86_400 * 401), "kept=1", "it lives as long as the jar");
        assert_eq!(passed(SET_BY, "a=1; Max-Age=99999999999999999999", SET_BY), "a=1");
    }

    #[test]
    fn an_answer_replaces_and_ends_cookies_of_its_own_path_only() {
        let (jar, now) = (CookieJar::default(), Instant::now());
        set(&jar, SET_BY, &["a=1; Path=/", "b=1", "c=1"], now);
        set(&jar, SET_BY, &["b=2", "c=; Max-Age=0", "a=9; Max-Age=-1"], now);
        assert_eq!(sent(&jar, SET_BY, now), "b=2; a=1", "the longer path first");
        set(&jar, SET_BY, &["b=; Expires=Thu, 1 Jan 1970 00:00:00 UTC"], now);
        assert_eq!(sent(&jar, SET_BY, now), "a=1");
        assert_eq!(jar.header(&url(SET_BY), &["a"], now), None, "the request has its own `a`");
    }

    #[test]
    fn cookies_are_bounded_in_number_and_size_and_the_oldest_go_first() {
        let (jar, now) = (CookieJar::default(), Instant::now());
        for n in 0..=MAX_COOKIES {
            set(&jar, SET_BY, &[&format!("c{n}=1")], now);
        }
        let all = sent(&jar, SET_BY, now);
        assert_eq!((all.split("; ").count(), all.starts_with("c1=1; c2=1;")), (MAX_COOKIES, true));
        for n in 0..8 {
            set(&jar, SET_BY, &[&format!("big{n}={}", "x".repeat(MAX_BYTES - 100))], now);
        }
        let all = sent(&jar, SET_BY, now);
        assert!(all.starts_with("big4=") && all.len() <= MAX_TOTAL_BYTES + MAX_COOKIES * 3, "{}", all.len());
        assert_eq!(passed(SET_BY, &format!("a={}", "x".repeat(MAX_BYTES)), SET_BY), "");
        let many: Vec<String> = (0..1000).map(|n| format!("m{n}=1")).collect();
        let (jar, lines) = (CookieJar::default(), many.iter().map(String::as_str).collect::<Vec<_>>());
        set(&jar, SET_BY, &lines, now);
        assert!(sent(&jar, SET_BY, now).starts_with("m0=1; ") && jar.lock().len() == MAX_COOKIES);
    }

    #[test]
    fn what_is_no_cookie_is_passed_over_and_nothing_is_shown() {
        for line in ["", "alone", "=1", ";", "a\tb=1; Domain=com"] {
            assert_eq!(passed(SET_BY, line, SET_BY), "", "{line}");
        }
        let (jar, now) = (CookieJar::default(), Instant::now());
        set(&jar, SET_BY, &["hdntl=hush"], now);
        assert_eq!(format!("{jar:?}"), "CookieJar(1 cookies)");
        assert!(!jar.has_any_for(&url("https://other.example.com/")) && jar.has_any_for(&url(SET_BY)));
    }

    #[test]
    fn fresh_cookies_replace_those_of_their_url_only() {
        let (jar, fresh, now) = (CookieJar::default(), CookieJar::default(), Instant::now());
        set(&jar, SET_BY, &["a=1; Path=/", "old=1"], now);
        set(&jar, "https://other.example.com/", &["o=1"], now);
        set(&fresh, SET_BY, &["a=2; Path=/"], now);
        jar.replace_for(&url(SET_BY), &fresh);
        assert_eq!(
            (sent(&jar, SET_BY, now), sent(&jar, "https://other.example.com/", now)),
            ("a=2".into(), "o=1".into())
        );
    }
}
