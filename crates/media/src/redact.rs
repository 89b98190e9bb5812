//! Redaction of secrets, and sanitising of foreign text: the security boundary for everything that leaves the program.
//!
//! URLs of live channels carry passwords and tokens, and the text of a stream, of a header or of a request is chosen by
//! somebody else. Whatever becomes a report, log line, error message, label or page passes through one of these functions:
//!
//! | function | secrets | control and invisible characters | length |
//! |---|---|---|---|
//! | [`url`] | redacted | a [`Url`] has none: they are percent-encoded | kept |
//! | [`bounded_url`] | redacted | as above | 400 characters, then `…` |
//! | [`text`] | redacted in every URL and relative reference | kept | kept |
//! | [`sanitize_line`] | kept | each becomes a space | bound of the caller, then `…` |
//! | [`sanitize_label`] | kept | removed | bound of the caller |
//! | [`escape`] | kept | escaped as in a Rust literal, quotes and backslashes too | bound of the caller |
//! | [`Quoted`] | kept | each becomes U+FFFD | 60 characters, then `…` |
//!
//! Redacted means that these are replaced by `***`:
//! * the user information of a URL with `://`, that is everything before the `@` of its authority;
//! * the value of every query parameter, and a query parameter without `=` as a whole;
//! * a path segment with `hmac=`, `token=`, `signature=`, `sig=`, `hdnts=` or `hdntl=` in it, in any case (Akamai and its
//!   kin put access tokens into the path).
//!
//! Scheme, host, port, path and names of query parameters stay. [`url`] also removes the fragment; [`text`] removes a
//! fragment only where a query stands before it, as part of the last value.
//!
//! Invisible characters are those of zero width (U+200B to U+200F, U+2060 to U+206F, U+FEFF), line and paragraph
//! separators (U+2028, U+2029) and those that change the writing direction (U+202A to U+202E).

use std::borrow::Cow;
use std::fmt;
use url::Url;

/// Length at which a URL in an error message is cut, in characters.
const MAX_URL: usize = 400;
/// Length at which the text of [`Quoted`] is cut, in characters.
const MAX_QUOTED: usize = 60;
/// Text that replaces a secret.
pub const REDACTED: &str = "***";
/// Words that mark a path segment of a URL as an access token (Akamai's `hdnts=…~hmac=…` and similar).
const TOKEN_WORDS: [&str; 6] = ["hmac=", "token=", "signature=", "sig=", "hdnts=", "hdntl="];

/// Returns `url` without secrets and without its fragment, which is never sent to a server.
#[must_use]
pub fn url(url: &Url) -> String {
    let text = url.as_str();
    redact_word(text.split('#').next().unwrap_or(text))
}

/// Returns `url` redacted as by [`url()`] and cut after 400 characters, for error messages and logs.
#[must_use]
pub fn bounded_url(url: &Url) -> String {
    sanitize_line(&self::url(url), MAX_URL)
}

/// Returns `text` with the secrets of every URL and relative reference in it redacted. A URL ends at white space, `"`,
/// `` ` ``, `<` or `>`; punctuation at its end belongs to the sentence and stays.
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    if !text.contains(['?', '@']) && !is_token(text) {
        return Cow::Borrowed(text);
    }
    let ends_word = |c: char| c.is_whitespace() || "\"`<>".contains(c);
    Cow::Owned(text.split_inclusive(ends_word).map(redact_word).collect())
}

/// Returns `text` as one line: control and invisible characters become spaces, and a text of more than `max` characters
/// is cut there and ends in `…`. Secrets stay.
#[must_use]
pub fn sanitize_line(text: &str, max: usize) -> String {
    replaced(text, max, ' ')
}

/// Returns `text` as the value of a label or the cell of a table: control and invisible characters are removed, so that
/// a stream can't send escape sequences to a terminal, and the text is cut after `max` characters. Secrets stay.
#[must_use]
pub fn sanitize_label(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max && !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| !is_hidden(*c)).take(max).collect())
}

/// Returns the first `max` characters of `text`, escaped as in a Rust literal. It is for names and values of a request
/// inside the error message that answers the request. Secrets stay.
#[must_use]
pub fn escape(text: &str, max: usize) -> String {
    text.chars().take(max).flat_map(char::escape_debug).collect()
}

/// Text of an input, displayed inside the message of a defect: between backquotes, cut after 60 characters with `…`,
/// and with U+FFFD for every control or invisible character. Secrets stay.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", replaced(self.0, MAX_QUOTED, char::REPLACEMENT_CHARACTER))
    }
}

fn replaced(text: &str, max: usize, by: char) -> String {
    let mut rest = text.chars();
    let mut line: String = rest.by_ref().take(max).map(|c| if is_hidden(c) { by } else { c }).collect();
    if rest.next().is_some() {
        line.push('…');
    }
    line
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn redact_word(word: &str) -> String {
    match word.split_once('?') {
        Some((path, query)) => format!("{}?{}", redact_path(&redact_user(path)), keeping_tail(query, redact_query)),
        None => keeping_tail(word, |word| redact_path(&redact_user(word))),
    }
}

fn redact_user(path: &str) -> String {
    let Some((scheme, rest)) = path.split_once("://") else { return path.to_owned() };
    let authority = rest.split(['/', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) => format!("{scheme}://{REDACTED}{}", rest.get(user.len()..).unwrap_or_default()),
        None => path.to_owned(),
    }
}

fn redact_path(path: &str) -> String {
    path.split('/').map(|part| if is_token(part) { REDACTED } else { part }).collect::<Vec<_>>().join("/")
}

fn is_token(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    TOKEN_WORDS.iter().any(|word| lower.contains(word))
}

fn redact_query(query: &str) -> String {
    let value = |pair: &str| match pair.split_once('=') {
        Some((name, _)) => format!("{name}={REDACTED}"),
        None if pair.is_empty() => String::new(),
        None => REDACTED.to_owned(),
    };
    query.split('&').map(value).collect::<Vec<_>>().join("&")
}

/// Redacts `text` with `redact`, except for punctuation at its end, which belongs to the sentence and stays.
fn keeping_tail(text: &str, redact: impl FnOnce(&str) -> String) -> String {
    let inner = text.trim_end_matches(|c: char| c.is_whitespace() || "\"`<>.,:;)'".contains(c));
    redact(inner) + text.get(inner.len()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        url(&Url::parse(text).unwrap())
    }

    #[test]
    fn user_information_and_query_values_of_a_url_are_redacted() {
        let url = "https://bob:p4ss@cdn.example/live/a.m3u8?token=s3cret&x=1~hmac=beef";
        assert_eq!(of(url), "https://***@cdn.example/live/a.m3u8?token=***&x=***");
        assert_eq!(of("http://u:pw@h.example:8080/a/b.m3u8"), "http://***@h.example:8080/a/b.m3u8");
        assert_eq!(of("http://user@h/a@b"), "http://***@h/a@b", "an @ of the path is none of the authority");
        assert_eq!(of("http://[::1]/"), "http://[::1]/");
    }

    #[test]
    fn a_token_that_is_the_whole_query_is_redacted() {
        assert_eq!(of("http://h/a?s3cret"), "http://h/a?***");
        assert_eq!(of("https://h/x?token=abc&deadbeef#f"), "https://h/x?token=***&***");
        assert_eq!(of("https://h/x?&a=1"), "https://h/x?&a=***");
    }

    #[test]
    fn a_token_in_the_path_is_redacted_and_the_fragment_removed() {
        assert_eq!(of("https://h/hdntl=exp=1~hmac=ff/x.ts#t=1"), "https://h/***/x.ts");
        assert_eq!(of("https://h/HDNTS=1/Sig=2/x.ts"), "https://h/***/***/x.ts");
        assert_eq!(text("GET /hdnts=exp=1~hmac=ff/x.ts, `token=ab` then"), "GET /***/x.ts, `***` then");
        assert_eq!(text("nothing secret: 1/2, a/b."), "nothing secret: 1/2, a/b.");
    }

    #[test]
    fn urls_within_a_sentence_and_relative_ones_are_redacted() {
        let sentence = "GET http://u:p@h/x?t=1: refused, `seg_1.ts?auth=abc` too; why? write to a@b";
        let expected = "GET http://***@h/x?t=***: refused, `seg_1.ts?auth=***` too; why? write to a@b";
        assert_eq!(text(sentence), expected);
        assert_eq!(text("http://u:p@h/x refused"), "http://***@h/x refused", "no query is needed");
    }

    #[test]
    fn a_secret_with_word_breaks_in_it_does_not_leak_its_tail() {
        assert_eq!(text("http://h/x?t=a,b&u='c'(d/e after"), "http://h/x?t=***&u=*** after");
    }

    #[test]
    fn a_long_url_is_cut_after_its_bound() {
        let path = |length| Url::parse(&format!("http://h/{}", "x".repeat(length))).unwrap();
        assert_eq!(bounded_url(&path(MAX_URL - 9)), path(MAX_URL - 9).as_str());
        assert_eq!(bounded_url(&path(5000)), format!("{}…", path(MAX_URL - 9)));
    }

    #[test]
    fn a_line_has_no_line_breaks_and_says_where_it_was_cut() {
        assert_eq!(sanitize_line("a\r\nb\u{202e}", 10), "a  b ");
        assert_eq!(sanitize_line("abc", 3), "abc");
        assert_eq!(sanitize_line("abcdef", 3), "abc…");
    }

    #[test]
    fn a_stream_cannot_send_escape_sequences_or_turn_the_writing_direction() {
        assert_eq!(sanitize_label("a\u{1b}[2Jb\n\u{202e}c\u{0}", 128), "a[2Jbc");
    }

    #[test]
    fn every_invisible_character_is_removed_and_its_visible_neighbours_stay() {
        let hidden = "\u{200b}\u{200f}\u{2028}\u{202e}\u{2060}\u{206f}\u{feff}\u{7f}\u{85}";
        assert_eq!(sanitize_label(hidden, 128), "");
        assert_eq!(sanitize_label("\u{200a}\u{2010}\u{2027}\u{202f}\u{205f}\u{2070}", 128).chars().count(), 6);
    }

    #[test]
    fn the_bound_of_a_label_counts_characters_and_never_splits_one() {
        assert_eq!(sanitize_label(&"ü".repeat(200), 128), "ü".repeat(128));
        assert_eq!(sanitize_label("Đà Nẵng", 128), "Đà Nẵng");
    }

    #[test]
    fn a_name_of_a_request_is_escaped_and_cut() {
        assert_eq!(escape("a`\n\"\\\u{202e}", 10), "a`\\n\\\"\\\\\\u{202e}");
        assert_eq!(escape("abcdef", 3), "abc");
    }

    #[test]
    fn a_quotation_shows_that_there_was_a_control_character() {
        assert_eq!(Quoted("a\u{0}b").to_string(), "`a\u{fffd}b`");
        assert_eq!(Quoted(&"x".repeat(60)).to_string(), format!("`{}`", "x".repeat(60)));
        assert_eq!(Quoted(&"x".repeat(61)).to_string(), format!("`{}…`", "x".repeat(60)));
    }
}
