//! Sound attribute lists → the statements of `m3u8-rs`: its types, and its readings of single values.
//!
//! Its parser reads whole playlists and isn't asked. Of version 6.0.1: what is left of a line that it reads only in part
//! (a duration of `6.0.1`, a title with a comma, a list with a space in it) becomes a URI line, a segment that doesn't
//! exist. A carriage return inside a line or a byte that isn't UTF-8 ends the reading there without an error. A list that
//! lacks `=` takes the following lines as an attribute's name, and one malformed attribute costs the whole statement. A
//! last line without LF becomes a URI. A key or map is given to the first segment behind it only, and the last of several
//! keys only. EXTINF is an `f32`, `METHOD=NONE` demands an IV, a date takes neither `+0000` nor a missing zone.

use super::attributes::AttributeList;
use m3u8_rs::{AlternativeMedia, ByteRange, Key, Map, VariantStream};
use std::str::FromStr;

/// The statement of an EXT-X-KEY; `None` without a METHOD.
pub(super) fn key(list: &AttributeList<'_>) -> Option<Key> {
    Some(Key {
        method: list.written("METHOD")?.parse().ok()?,
        uri: string(list, "URI"),
        iv: list.get("IV").map(str::to_owned),
        keyformat: string(list, "KEYFORMAT"),
        keyformatversions: string(list, "KEYFORMATVERSIONS"),
    })
}

/// The statement of an EXT-X-MAP, with no URI as an empty one.
pub(super) fn map(list: &AttributeList<'_>) -> Map {
    let range = list.get("BYTERANGE").and_then(super::attribute_types::byte_range);
    Map {
        uri: string(list, "URI").unwrap_or_default(),
        byte_range: range.map(|(length, offset)| ByteRange { length, offset }),
        ..Map::default()
    }
}

/// The statement of an EXT-X-STREAM-INF or EXT-X-I-FRAME-STREAM-INF. Its bandwidth is 0 where the list has no sound one.
pub(super) fn variant(list: &AttributeList<'_>, uri: &str) -> VariantStream {
    VariantStream {
        uri: uri.to_owned(),
        bandwidth: value(list, "BANDWIDTH").unwrap_or_default(),
        average_bandwidth: value(list, "AVERAGE-BANDWIDTH"),
        codecs: string(list, "CODECS"),
        resolution: value(list, "RESOLUTION"),
        frame_rate: value(list, "FRAME-RATE"),
        audio: string(list, "AUDIO"),
        ..VariantStream::default()
    }
}

/// The statement of an EXT-X-MEDIA, with no NAME or GROUP-ID as empty ones; `None` without a sound TYPE.
pub(super) fn alternative(list: &AttributeList<'_>) -> Option<AlternativeMedia> {
    Some(AlternativeMedia {
        media_type: value(list, "TYPE")?,
        uri: string(list, "URI"),
        group_id: string(list, "GROUP-ID").unwrap_or_default(),
        language: string(list, "LANGUAGE"),
        name: string(list, "NAME").unwrap_or_default(),
        channels: string(list, "CHANNELS"),
        ..AlternativeMedia::default()
    })
}

/// The text of a quoted attribute that isn't empty, also where its content breaks a rule.
fn string(list: &AttributeList<'_>, name: &str) -> Option<String> {
    list.quoted(name).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The value of a sound attribute as its type in `m3u8-rs` reads it.
fn value<T: FromStr>(list: &AttributeList<'_>, name: &str) -> Option<T> {
    list.get(name)?.parse().ok()
}
