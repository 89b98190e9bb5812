//! The tags of RFC 8216bis 4.4: where each may stand, how often, and what its value is.

use super::forms;
use super::types::Type::{
    self, Codecs, Date, EmptyText, Float, Form, GroupOrNone, Hexadecimal, Integer, Iv, MapRange, Positive, Range,
    Resolution, SignedFloat, Text, Word,
};

pub(super) struct Tag {
    pub name: &'static str,
    pub place: Place,
    /// At most once in a playlist.
    pub once: bool,
    pub value: Value,
    pub reference: &'static str,
}

/// Which kind of playlist a tag belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Either,
    /// Media playlist tags (4.4.3) and media segment tags (4.4.4): never in a multivariant playlist.
    Media,
    /// Media metadata tags (4.4.5): no clause forbids them in a multivariant playlist.
    Metadata,
    Multivariant,
}

pub(super) enum Value {
    Nothing,
    /// Decimal integer, at least this.
    Integer(u64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// `<duration>,[<title>]`
    Duration,
    /// `<n>[@<o>]`
    Range,
    Date,
    Attributes(&'static [Attribute]),
}

pub(super) struct Attribute {
    pub name: &'static str,
    pub kind: Type,
    pub required: bool,
}

/// The tag of that name (without `#`) and its place in [`TAGS`].
pub(super) fn find(name: &str) -> Option<(usize, &'static Tag)> {
    TAGS.iter().enumerate().find(|(_, tag)| tag.name == name)
}

const fn must(name: &'static str, kind: Type) -> Attribute {
    Attribute { name, kind, required: true }
}

const fn may(name: &'static str, kind: Type) -> Attribute {
    Attribute { name, kind, required: false }
}

const fn once(name: &'static str, place: Place, value: Value, reference: &'static str) -> Tag {
    Tag { name, place, once: true, value, reference }
}

const fn many(name: &'static str, place: Place, value: Value, reference: &'static str) -> Tag {
    Tag { name, place, once: false, value, reference }
}

const YES_NO: Type = Word(&["YES", "NO"]);

/// The most frequent first: the list is searched from its beginning for every line.
#[rustfmt::skip]
pub(super) static TAGS: [Tag; 32] = [
    many("EXTINF", Place::Media, Value::Duration, "RFC 8216bis 4.4.4.1"),
    many("EXT-X-PROGRAM-DATE-TIME", Place::Media, Value::Date, "RFC 8216bis 4.4.4.6"),
    many("EXT-X-BYTERANGE", Place::Media, Value::Range, "RFC 8216bis 4.4.4.2"),
    many("EXT-X-PART", Place::Media, Value::Attributes(PART), "RFC 8216bis 4.4.4.9"),
    many("EXT-X-KEY", Place::Media, Value::Attributes(KEY), "RFC 8216bis 4.4.4.4"),
    many("EXT-X-DISCONTINUITY", Place::Media, Value::Nothing, "RFC 8216bis 4.4.4.3"),
    many("EXT-X-MAP", Place::Media, Value::Attributes(MAP), "RFC 8216bis 4.4.4.5"),
    many("EXT-X-GAP", Place::Media, Value::Nothing, "RFC 8216bis 4.4.4.7"),
    many("EXT-X-BITRATE", Place::Media, Value::Integer(0), "RFC 8216bis 4.4.4.8"),
    many("EXT-X-DATERANGE", Place::Metadata, Value::Attributes(DATERANGE), "RFC 8216bis 4.4.5.1"),
    once("EXTM3U", Place::Either, Value::Nothing, "RFC 8216bis 4.4.1.1"),
    once("EXT-X-VERSION", Place::Either, Value::Integer(0), "RFC 8216bis 4.4.1.2"),
    once("EXT-X-INDEPENDENT-SEGMENTS", Place::Either, Value::Nothing, "RFC 8216bis 4.4.2.1"),
    once("EXT-X-START", Place::Either, Value::Attributes(START), "RFC 8216bis 4.4.2.2"),
    many("EXT-X-DEFINE", Place::Either, Value::Attributes(DEFINE), "RFC 8216bis 4.4.2.3"),
    once("EXT-X-TARGETDURATION", Place::Media, Value::Integer(1), "RFC 8216bis 4.4.3.1"),
    once("EXT-X-MEDIA-SEQUENCE", Place::Media, Value::Integer(0), "RFC 8216bis 4.4.3.2"),
    once("EXT-X-DISCONTINUITY-SEQUENCE", Place::Media, Value::Integer(0), "RFC 8216bis 4.4.3.3"),
    once("EXT-X-ENDLIST", Place::Media, Value::Nothing, "RFC 8216bis 4.4.3.4"),
    once("EXT-X-PLAYLIST-TYPE", Place::Media, Value::Word(&["EVENT", "VOD"]), "RFC 8216bis 4.4.3.5"),
    once("EXT-X-I-FRAMES-ONLY", Place::Media, Value::Nothing, "RFC 8216bis 4.4.3.6"),
    once("EXT-X-PART-INF", Place::Media, Value::Attributes(PART_INF), "RFC 8216bis 4.4.3.7"),
    once("EXT-X-SERVER-CONTROL", Place::Media, Value::Attributes(SERVER_CONTROL), "RFC 8216bis 4.4.3.8"),
    once("EXT-X-SKIP", Place::Metadata, Value::Attributes(SKIP), "RFC 8216bis 4.4.5.2"),
    many("EXT-X-PRELOAD-HINT", Place::Metadata, Value::Attributes(PRELOAD_HINT), "RFC 8216bis 4.4.5.3"),
    many("EXT-X-RENDITION-REPORT", Place::Metadata, Value::Attributes(RENDITION_REPORT), "RFC 8216bis 4.4.5.4"),
    many("EXT-X-MEDIA", Place::Multivariant, Value::Attributes(MEDIA), "RFC 8216bis 4.4.6.1"),
    many("EXT-X-STREAM-INF", Place::Multivariant, Value::Attributes(STREAM_INF), "RFC 8216bis 4.4.6.2"),
    many("EXT-X-I-FRAME-STREAM-INF", Place::Multivariant, Value::Attributes(I_FRAME_STREAM_INF), "RFC 8216bis 4.4.6.3"),
    many("EXT-X-SESSION-DATA", Place::Multivariant, Value::Attributes(SESSION_DATA), "RFC 8216bis 4.4.6.4"),
    many("EXT-X-SESSION-KEY", Place::Multivariant, Value::Attributes(SESSION_KEY), "RFC 8216bis 4.4.6.5"),
    once("EXT-X-CONTENT-STEERING", Place::Multivariant, Value::Attributes(CONTENT_STEERING), "RFC 8216bis 4.4.6.6"),
];

const START: &[Attribute] = &[must("TIME-OFFSET", SignedFloat), may("PRECISE", YES_NO)];
const VARIABLE: Type = Form(&forms::VARIABLE);
/// One of NAME, IMPORT and QUERYPARAM: see `rules`.
const DEFINE: &[Attribute] =
    &[may("NAME", VARIABLE), may("VALUE", EmptyText), may("IMPORT", VARIABLE), may("QUERYPARAM", VARIABLE)];
const PART_INF: &[Attribute] = &[must("PART-TARGET", Float)];
const SERVER_CONTROL: &[Attribute] = &[
    may("CAN-SKIP-UNTIL", Float),
    may("CAN-SKIP-DATERANGES", YES_NO),
    may("HOLD-BACK", Float),
    may("PART-HOLD-BACK", Float),
    may("CAN-BLOCK-RELOAD", YES_NO),
];
/// URI is required too, unless METHOD is NONE: see `rules`.
const KEY: &[Attribute] = &[
    must("METHOD", Word(&["NONE", "AES-128", "SAMPLE-AES", "SAMPLE-AES-CTR", "AES-256-GCM"])),
    may("URI", Text),
    may("IV", Iv),
    may("KEYFORMAT", Text),
    may("KEYFORMATVERSIONS", Form(&forms::KEY_VERSIONS)),
];
const SESSION_KEY: &[Attribute] = &[
    must("METHOD", Word(&["AES-128", "SAMPLE-AES", "SAMPLE-AES-CTR", "AES-256-GCM"])),
    must("URI", Text),
    may("IV", Iv),
    may("KEYFORMAT", Text),
    may("KEYFORMATVERSIONS", Form(&forms::KEY_VERSIONS)),
];
const MAP: &[Attribute] = &[must("URI", Text), may("BYTERANGE", MapRange)];
const PART: &[Attribute] = &[
    must("URI", Text),
    must("DURATION", Float),
    may("INDEPENDENT", YES_NO),
    may("BYTERANGE", Range),
    may("GAP", YES_NO),
];
/// START-DATE is required only of the first tag with its ID.
const DATERANGE: &[Attribute] = &[
    must("ID", Text),
    may("CLASS", Text),
    may("START-DATE", Date),
    may("CUE", WORDS),
    may("END-DATE", Date),
    may("DURATION", Float),
    may("PLANNED-DURATION", Float),
    may("SCTE35-CMD", Hexadecimal),
    may("SCTE35-OUT", Hexadecimal),
    may("SCTE35-IN", Hexadecimal),
    may("END-ON-NEXT", Word(&["YES"])),
];
const WORDS: Type = Form(&forms::WORDS);
/// What CLASS `com.apple.hls.interstitial` defines beside (Appendix D).
pub(super) const INTERSTITIAL: &[Attribute] = &[
    may("X-ASSET-URI", Text),
    may("X-ASSET-LIST", Text),
    may("X-RESUME-OFFSET", SignedFloat),
    may("X-PLAYOUT-LIMIT", Float),
    may("X-SNAP", WORDS),
    may("X-RESTRICT", WORDS),
    may("X-CONTENT-MAY-VARY", Text),
    may("X-TIMELINE-OCCUPIES", Text),
    may("X-TIMELINE-STYLE", Text),
    may("X-SKIP-CONTROL-OFFSET", Integer),
    may("X-SKIP-CONTROL-DURATION", Integer),
    may("X-SKIP-CONTROL-LABEL-ID", Text),
];
/// What CLASS `com.apple.hls.preload` defines beside (Appendix F).
pub(super) const PRELOAD: &[Attribute] = &[may("X-URI", Text), may("X-TARGET-ID", Text), may("X-TARGET-CLASS", Text)];
const SKIP: &[Attribute] = &[must("SKIPPED-SEGMENTS", Integer), may("RECENTLY-REMOVED-DATERANGES", EmptyText)];
const PRELOAD_HINT: &[Attribute] = &[
    must("TYPE", Word(&["PART", "MAP"])),
    must("URI", Text),
    may("BYTERANGE-START", Integer),
    may("BYTERANGE-LENGTH", Integer),
];
/// A server may leave out even mandatory attributes here.
const RENDITION_REPORT: &[Attribute] = &[may("URI", Text), may("LAST-MSN", Integer), may("LAST-PART", Integer)];
const MEDIA: &[Attribute] = &[
    must("TYPE", Word(&["AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"])),
    must("GROUP-ID", Text),
    must("NAME", Text),
    may("URI", Text),
    may("LANGUAGE", Form(&forms::LANGUAGE)),
    may("ASSOC-LANGUAGE", Form(&forms::LANGUAGE)),
    may("STABLE-RENDITION-ID", Form(&forms::STABLE)),
    may("DEFAULT", YES_NO),
    may("AUTOSELECT", YES_NO),
    may("FORCED", YES_NO),
    may("INSTREAM-ID", Form(&forms::INSTREAM)),
    may("BIT-DEPTH", Integer),
    may("SAMPLE-RATE", Integer),
    may("CHARACTERISTICS", Text),
    may("CHANNELS", Form(&forms::CHANNELS)),
];
const STREAM_INF: &[Attribute] = &[
    must("BANDWIDTH", Integer),
    may("AVERAGE-BANDWIDTH", Integer),
    may("SCORE", Positive),
    may("CODECS", Codecs),
    may("SUPPLEMENTAL-CODECS", Form(&forms::SUPPLEMENTAL)),
    may("RESOLUTION", Resolution),
    may("FRAME-RATE", Float),
    may("HDCP-LEVEL", HDCP_LEVEL),
    may("ALLOWED-CPC", Form(&forms::CPC)),
    may("VIDEO-RANGE", VIDEO_RANGE),
    may("REQ-VIDEO-LAYOUT", Form(&forms::LAYOUT)),
    may("STABLE-VARIANT-ID", Form(&forms::STABLE)),
    may("AUDIO", Text),
    may("VIDEO", Text),
    may("SUBTITLES", Text),
    may("CLOSED-CAPTIONS", GroupOrNone),
    may("PATHWAY-ID", Form(&forms::PATHWAY)),
];
const I_FRAME_STREAM_INF: &[Attribute] = &[
    must("BANDWIDTH", Integer),
    must("URI", Text),
    may("AVERAGE-BANDWIDTH", Integer),
    may("SCORE", Positive),
    may("CODECS", Codecs),
    may("SUPPLEMENTAL-CODECS", Form(&forms::SUPPLEMENTAL)),
    may("RESOLUTION", Resolution),
    may("HDCP-LEVEL", HDCP_LEVEL),
    may("ALLOWED-CPC", Form(&forms::CPC)),
    may("VIDEO-RANGE", VIDEO_RANGE),
    may("REQ-VIDEO-LAYOUT", Form(&forms::LAYOUT)),
    may("STABLE-VARIANT-ID", Form(&forms::STABLE)),
    may("VIDEO", Text),
    may("PATHWAY-ID", Form(&forms::PATHWAY)),
];
const HDCP_LEVEL: Type = Word(&["TYPE-0", "TYPE-1", "NONE"]);
const VIDEO_RANGE: Type = Word(&["SDR", "HLG", "PQ"]);
const SESSION_DATA: &[Attribute] = &[
    must("DATA-ID", Text),
    may("VALUE", Text),
    may("URI", Text),
    may("FORMAT", Word(&["JSON", "RAW"])),
    may("LANGUAGE", Form(&forms::LANGUAGE)),
];
const CONTENT_STEERING: &[Attribute] = &[must("SERVER-URI", Text), may("PATHWAY-ID", Form(&forms::PATHWAY))];
