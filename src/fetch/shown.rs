//! URLs and foreign text made fit to print: no secrets, no control characters, bounded.

use packager_media::stream;
use url::Url;

/// Longest URL that a message shows.
const MAX_URL: usize = 400;

/// `url` for messages and logs, masked and bounded.
#[must_use]
pub fn shown(url: &Url) -> String {
    printable(&stream::shown(url), MAX_URL)
}

/// `text` without control characters, cut to `max` characters.
pub(super) fn printable(text: &str, max: usize) -> String {
    let mut clean: String = text.chars().take(max).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(max).is_some() {
        clean.push('…');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> String {
        shown(&Url::parse(url).unwrap())
    }

    #[test]
    fn secrets_are_masked_and_the_rest_stays_readable() {
        assert_eq!(of("http://u:pw@h.example:8080/a/b.m3u8"), "http://***@h.example:8080/a/b.m3u8");
        assert_eq!(of("https://h/x?token=abc&deadbeef#f"), "https://h/x?token=***&***");
        assert_eq!(of("http://[::1]/"), "http://[::1]/");
    }

    #[test]
    fn long_and_unprintable_text_is_cut_and_cleaned() {
        assert_eq!(printable("a\r\nb", 10), "a  b");
        assert_eq!(printable("abcdef", 3), "abc…");
        assert!(of(&format!("http://h/{}", "x".repeat(5000))).chars().count() <= MAX_URL + 1);
    }
}
