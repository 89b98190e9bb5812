//! Conversion of well-formed attribute lists to the types of `m3u8-rs`, with its parsers of single values.
//!
//! The playlist parser of `m3u8-rs` 6.0.1 isn't used, for these reasons. If it understands only a part of a line, such
//! as a duration of `6.0.1`, a title with a comma, or a list with a space, it takes the rest for the URI of a segment
//! that doesn't exist. It stops without an error at a carriage return inside of a line and at a byte that isn't UTF-8.
//! If an attribute has no `=`, it takes the following lines for the attribute's name. One malformed attribute discards
//! the whole tag. A last line without LF becomes a URI. A key or map applies only to the first segment after it, and
//! only the last of several keys is kept. EXTINF is an `f32`. `METHOD=NONE` needs an IV. A date may not end with
//! `+0000`, and needs a time zone.

use super::attributes::AttributeList;
use m3u8_rs::{AlternativeMedia, ByteRange, Key, Map, VariantStream};
use std::str::FromStr;

/// Returns the key of an EXT-X-KEY; `None` without a METHOD.
pub(super) fn key(list: &AttributeList<'_>) -> Option<Key> {
    Some(Key {
        method: list.written("METHOD")?.parse().ok()?,
        uri: string(list, "URI"),
        iv: list.get("IV").map(str::to_owned),
        keyformat: string(list, "KEYFORMAT"),
        keyformatversions: string(list, "KEYFORMATVERSIONS"),
    })
}

/// Returns the map of an EXT-X-MAP; its URI is empty if the tag has none.
pub(super) fn map(list: &AttributeList<'_>) -> Map {
    let range = list.get("BYTERANGE").and_then(super::attribute_types::byte_range);
    Map {
        uri: string(list, "URI").unwrap_or_default(),
        byte_range: range.map(|(length, offset)| ByteRange { length, offset }),
        ..Map::default()
    }
}

/// Returns the variant of an EXT-X-STREAM-INF or EXT-X-I-FRAME-STREAM-INF. Its bandwidth is 0 if the tag has no
/// well-formed one.
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

/// Returns the rendition of an EXT-X-MEDIA; missing NAME or GROUP-ID are empty. `None` without a well-formed TYPE.
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

/// Returns the text of a quoted attribute, even if its content breaks a rule; `None` if it is missing or empty.
fn string(list: &AttributeList<'_>, name: &str) -> Option<String> {
    list.quoted(name).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Returns the value of a well-formed attribute, parsed by its type in `m3u8-rs`.
fn value<T: FromStr>(list: &AttributeList<'_>, name: &str) -> Option<T> {
    list.get(name)?.parse().ok()
}
