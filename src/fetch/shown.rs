//! URLs and foreign text made fit to print: no secrets, no control characters, bounded.

use url::Url;

/// Longest URL that a message shows.
const MAX_URL: usize = 400;

/// Words that mark a path segment as an access token where `=` follows (Akamai `hdnts=…~hmac=…` and kin).
const TOKEN_WORDS: [&str; 6] = ["hmac=", "token=", "signature=", "sig=", "hdnts=", "hdntl="];

/// `url` for messages and logs: user name, password, query values and token-like path segments are masked.
#[must_use]
pub fn shown(url: &Url) -> String {
    let user = if url.username().is_empty() && url.password().is_none() { "" } else { "…@" };
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    let path: Vec<&str> = url.path().split('/').map(masked_segment).collect();
    let query = url.query().map(masked_query).unwrap_or_default();
    printable(&format!("{}://{user}{host}{port}{}{query}", url.scheme(), path.join("/")), MAX_URL)
}

fn masked_segment(segment: &str) -> &str {
    let lower = segment.to_ascii_lowercase();
    if TOKEN_WORDS.iter().any(|word| lower.contains(word)) { "…" } else { segment }
}

/// Keys stay: they tell which parameter was sent. A lone word may itself be the token.
fn masked_query(query: &str) -> String {
    let masked: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((key, "")) => format!("{key}="),
            Some((key, _)) => format!("{key}=…"),
            None => "…".to_owned(),
        })
        .collect();
    format!("?{}", masked.join("&"))
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
        assert_eq!(of("http://u:pw@h.example:8080/a/b.m3u8"), "http://…@h.example:8080/a/b.m3u8");
        assert_eq!(of("https://h/x?token=abc&b=&deadbeef#f"), "https://h/x?token=…&b=&…");
        assert_eq!(of("https://h/hdntl=exp=1~hmac=ff/x.ts"), "https://h/…/x.ts");
        assert_eq!(of("http://[::1]/"), "http://[::1]/");
    }

    #[test]
    fn long_and_unprintable_text_is_cut_and_cleaned() {
        assert_eq!(printable("a\r\nb", 10), "a  b");
        assert_eq!(printable("abcdef", 3), "abc…");
        assert!(of(&format!("http://h/{}", "x".repeat(5000))).chars().count() <= MAX_URL + 1);
    }
}
