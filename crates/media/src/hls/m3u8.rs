//! `m3u8-rs` reads the model's values here, one statement at a time, rewritten from what the lint found sound.
//!
//! Why not the whole text at once. Of version 6.0.1: what is left of a line that it reads only in part (a duration
//! of `6.0.1`, a title with a comma, a list with a space in it) becomes a URI line, a segment that doesn't exist. A
//! carriage return inside a line or a byte that isn't UTF-8 ends the reading there without an error. A list that
//! lacks `=` takes the following lines as an attribute's name. A last line without LF becomes a URI. A key or map
//! is given to the first segment behind it only, and the last of several keys only. Every line costs about half a
//! kilobyte, and URI lines behind many I-frame variants cost quadratic time. A statement alone meets none of these.
//!
//! Not asked of it at all: EXTINF (it keeps an `f32`), EXT-X-PROGRAM-DATE-TIME (it takes neither `+0000` nor a
//! date without zone), `METHOD=NONE` (it demands an IV), EXT-X-GAP and attributes that it doesn't know.

use super::attributes::{List, Pair};
use m3u8_rs::{AlternativeMedia, Key, Map, MasterPlaylist, MediaPlaylist, MediaSegment, VariantStream};
use std::fmt::Display;

/// The text that it is given.
pub(super) struct Feed(String);

impl Default for Feed {
    fn default() -> Self {
        Self("#EXTM3U\n".to_owned())
    }
}

impl Feed {
    pub fn tag(&mut self, name: &str) {
        self.push(&["#", name, "\n"]);
    }

    pub fn value(&mut self, name: &str, value: impl Display) {
        self.push(&["#", name, ":", &value.to_string(), "\n"]);
    }

    fn list(&mut self, name: &str, attributes: &[String]) {
        self.push(&["#", name, ":", &attributes.join(","), "\n"]);
    }

    /// Carriage returns inside a URI are no part of it (URL Standard 4.4), and would end the reading.
    fn uri(&mut self, uri: &str) {
        self.push(&[&uri.replace('\r', ""), "\n"]);
    }

    fn push(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.0.push_str(part));
    }

    pub fn media(&self) -> Option<MediaPlaylist> {
        m3u8_rs::parse_media_playlist_res(self.0.as_bytes()).ok()
    }

    fn segment(&self) -> Option<MediaSegment> {
        self.media()?.segments.into_iter().next()
    }

    fn multivariant(&self) -> Option<MasterPlaylist> {
        m3u8_rs::parse_master_playlist_res(self.0.as_bytes()).ok()
    }
}

/// A segment without its duration and date.
pub(super) fn segment(uri: &str, range: Option<(u64, u64)>, discontinuity: bool) -> Option<MediaSegment> {
    let mut feed = Feed::default();
    if let Some((length, offset)) = range {
        feed.value("EXT-X-BYTERANGE", format_args!("{length}@{offset}"));
    }
    if discontinuity {
        feed.tag("EXT-X-DISCONTINUITY");
    }
    feed.uri(uri);
    feed.segment()
}

/// A key with a METHOD other than NONE.
pub(super) fn key(list: &List<'_>) -> Option<Key> {
    let mut attributes = quoted(list, &["URI", "KEYFORMAT", "KEYFORMATVERSIONS"]);
    attributes.extend(unquoted(list, &["IV"]));
    let method = list.written("METHOD")?;
    attributes.push(format!("METHOD={method}"));
    of_segment("EXT-X-KEY", &attributes)?.key
}

pub(super) fn map(list: &List<'_>) -> Option<Map> {
    let mut attributes = quoted(list, &["URI"]);
    attributes.extend(list.get("BYTERANGE").map(|range| format!("BYTERANGE=\"{range}\"")));
    of_segment("EXT-X-MAP", &attributes)?.map
}

/// Keys and maps come only with a segment: it is given one.
fn of_segment(name: &str, attributes: &[String]) -> Option<MediaSegment> {
    let mut feed = Feed::default();
    feed.list(name, attributes);
    feed.uri(".");
    feed.segment()
}

/// Without BANDWIDTH it would refuse the variant, so it is given a 0 then: ask the list whether there is one.
pub(super) fn variant(list: &List<'_>, uri: &str) -> Option<VariantStream> {
    let mut attributes = quoted(list, &["CODECS", "AUDIO"]);
    attributes.extend(unquoted(list, &["BANDWIDTH", "AVERAGE-BANDWIDTH", "RESOLUTION", "FRAME-RATE"]));
    if list.get("BANDWIDTH").is_none() {
        attributes.push("BANDWIDTH=0".to_owned());
    }
    let mut feed = Feed::default();
    feed.list("EXT-X-STREAM-INF", &attributes);
    feed.uri(uri);
    feed.multivariant()?.variants.into_iter().next()
}

/// It refuses one without NAME or GROUP-ID, so it is given a stand-in: ask the list whether there is one.
pub(super) fn alternative(list: &List<'_>) -> Option<AlternativeMedia> {
    let mut attributes = quoted(list, &["URI", "LANGUAGE", "GROUP-ID", "NAME"]);
    attributes.extend(unquoted(list, &["TYPE"]));
    for name in ["GROUP-ID", "NAME"] {
        if !attributes.iter().any(|a| a.starts_with(name)) {
            attributes.push(format!("{name}=\"-\""));
        }
    }
    let mut feed = Feed::default();
    feed.list("EXT-X-MEDIA", &attributes);
    feed.multivariant()?.alternatives.into_iter().next()
}

/// Of quoted attributes also those whose content breaks a rule: it doesn't look into them.
fn quoted(list: &List<'_>, names: &[&str]) -> Vec<String> {
    let wanted = |p: &&Pair<'_>| p.quoted && !p.value.is_empty() && names.contains(&p.name);
    list.0.iter().filter(wanted).map(|p| format!("{}=\"{}\"", p.name, p.value)).collect()
}

fn unquoted(list: &List<'_>, names: &[&str]) -> Vec<String> {
    let wanted = |p: &&Pair<'_>| p.sound && !p.quoted && names.contains(&p.name);
    list.0.iter().filter(wanted).map(|p| format!("{}={}", p.name, p.value)).collect()
}
