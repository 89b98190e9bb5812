//! Cookies of all channels, each channel with its own jar.

use crate::eviction::evict;
use crate::fetch::CookieJar;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Time without a probe after which the cookies of a channel are forgotten, as a player forgets them when it is closed.
const FORGET: Duration = Duration::from_secs(3600);

/// Cookie jars of the channels, by channel code.
#[derive(Debug, Default)]
pub(crate) struct ChannelCookies(Mutex<HashMap<String, ChannelJar>>);

#[derive(Debug)]
struct ChannelJar {
    jar: Arc<CookieJar>,
    used: Instant,
}

impl ChannelCookies {
    /// Returns the cookie jar of the channel `code`. If there are `max_channels` jars, the one that wasn't used for the
    /// longest time is forgotten.
    pub(crate) fn jar(&self, code: &str, max_channels: usize, now: Instant) -> Arc<CookieJar> {
        let mut jars = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jars.retain(|_, known| now.saturating_duration_since(known.used) <= FORGET);
        let known = jars.entry(code.to_owned()).or_insert_with(|| ChannelJar { jar: Arc::default(), used: now });
        known.used = known.used.max(now);
        let jar = Arc::clone(&known.jar);
        evict(&mut jars, max_channels.max(1), Some(&code.to_owned()), |known| known.used);
        jar
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_has_its_jar_for_as_long_as_it_is_probed() {
        let (cookies, start) = (ChannelCookies::default(), Instant::now());
        let jar = |code: &str, seconds: u64| cookies.jar(code, 2, start + Duration::from_secs(seconds));
        let first = jar("A", 0);
        assert!(Arc::ptr_eq(&first, &jar("A", 3600)) && !Arc::ptr_eq(&first, &jar("B", 3600)));
        assert!(!Arc::ptr_eq(&first, &jar("A", 7201)), "not probed for more than an hour");
        let (kept, _) = (jar("A", 7202), jar("C", 7203));
        assert!(Arc::ptr_eq(&kept, &jar("A", 7204)), "B was unused for longest");
    }
}
