//! Table of the tags of RFC 8216bis 4.4: for each tag its kind of playlist, whether it may be repeated, and the type of
//! its value.

use super::attribute_formats;
use super::attribute_types::AttributeType::{
    self, Codecs, Date, EmptyText, Float, Form, GroupOrNone, Hexadecimal, Integer, Iv, MapRange, Positive, Range,
    Resolution, SignedFloat, Text, Word,
};

pub(super) struct TagDefinition {
    pub name: &'static str,
    pub place: TagScope,
    /// Whether the tag may stand in a playlist only once.
    pub once: bool,
    /// Whether players refuse a playlist in which the tag is missing, stands twice or stands in the wrong place.
    pub vital: bool,
    pub value: ValueType,
    pub reference: &'static str,
}

/// Kind of playlist to which a tag belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TagScope {
    Either,
    /// The tag is a media playlist tag (4.4.3) or a media segment tag (4.4.4): it is never in a multivariant playlist.
    Media,
    /// The tag is a media metadata tag (4.4.5): no clause forbids it in a multivariant playlist.
    Metadata,
    Multivariant,
}

pub(super) enum ValueType {
    Nothing,
    /// The tag's value is a decimal integer that is not less than this number.
    Integer(u64),
    /// The tag's value is one of these words.
    Word(&'static [&'static str]),
    /// The tag's value is `<duration>,[<title>]`, as that of EXTINF.
    Duration,
    /// The tag's value is `<n>[@<o>]`, as that of EXT-X-BYTERANGE.
    Range,
    Date,
    Attributes(&'static [AttributeDefinition]),
}

pub(super) struct AttributeDefinition {
    pub name: &'static str,
    pub kind: AttributeType,
    pub required: bool,
}

/// Returns the definition of the tag with this name (without `#`) and its index in [`TAGS`]; `None` for an unknown tag.
pub(super) fn find(name: &str) -> Option<(usize, &'static TagDefinition)> {
    TAGS.iter().enumerate().find(|(_, tag)| tag.name == name)
}

const fn required(name: &'static str, kind: AttributeType) -> AttributeDefinition {
    AttributeDefinition { name, kind, required: true }
}

const fn optional(name: &'static str, kind: AttributeType) -> AttributeDefinition {
    AttributeDefinition { name, kind, required: false }
}

const fn once(name: &'static str, place: TagScope, value: ValueType, reference: &'static str) -> TagDefinition {
    TagDefinition { name, place, once: true, vital: false, value, reference }
}

const fn vital(name: &'static str, place: TagScope, value: ValueType, reference: &'static str) -> TagDefinition {
    TagDefinition { name, place, once: true, vital: true, value, reference }
}

const fn many(name: &'static str, place: TagScope, value: ValueType, reference: &'static str) -> TagDefinition {
    TagDefinition { name, place, once: false, vital: false, value, reference }
}

const YES_NO: AttributeType = Word(&["YES", "NO"]);

/// Definitions of all tags. The most frequent tags come first, because the list is searched from its beginning for
/// every line.
#[rustfmt::skip]
pub(super) static TAGS: [TagDefinition; 32] = [
    many("EXTINF", TagScope::Media, ValueType::Duration, "RFC 8216bis 4.4.4.1"),
    many("EXT-X-PROGRAM-DATE-TIME", TagScope::Media, ValueType::Date, "RFC 8216bis 4.4.4.6"),
    many("EXT-X-BYTERANGE", TagScope::Media, ValueType::Range, "RFC 8216bis 4.4.4.2"),
    many("EXT-X-PART", TagScope::Media, ValueType::Attributes(PART), "RFC 8216bis 4.4.4.9"),
    many("EXT-X-KEY", TagScope::Media, ValueType::Attributes(KEY), "RFC 8216bis 4.4.4.4"),
    many("EXT-X-DISCONTINUITY", TagScope::Media, ValueType::Nothing, "RFC 8216bis 4.4.4.3"),
    many("EXT-X-MAP", TagScope::Media, ValueType::Attributes(MAP), "RFC 8216bis 4.4.4.5"),
    many("EXT-X-GAP", TagScope::Media, ValueType::Nothing, "RFC 8216bis 4.4.4.7"),
    many("EXT-X-BITRATE", TagScope::Media, ValueType::Integer(0), "RFC 8216bis 4.4.4.8"),
    many("EXT-X-DATERANGE", TagScope::Metadata, ValueType::Attributes(DATERANGE), "RFC 8216bis 4.4.5.1"),
    vital("EXTM3U", TagScope::Either, ValueType::Nothing, "RFC 8216bis 4.4.1.1"),
    vital("EXT-X-VERSION", TagScope::Either, ValueType::Integer(0), "RFC 8216bis 4.4.1.2"),
    once("EXT-X-INDEPENDENT-SEGMENTS", TagScope::Either, ValueType::Nothing, "RFC 8216bis 4.4.2.1"),
    once("EXT-X-START", TagScope::Either, ValueType::Attributes(START), "RFC 8216bis 4.4.2.2"),
    many("EXT-X-DEFINE", TagScope::Either, ValueType::Attributes(DEFINE), "RFC 8216bis 4.4.2.3"),
    vital("EXT-X-TARGETDURATION", TagScope::Media, ValueType::Integer(1), "RFC 8216bis 4.4.3.1"),
    vital("EXT-X-MEDIA-SEQUENCE", TagScope::Media, ValueType::Integer(0), "RFC 8216bis 4.4.3.2"),
    once("EXT-X-DISCONTINUITY-SEQUENCE", TagScope::Media, ValueType::Integer(0), "RFC 8216bis 4.4.3.3"),
    once("EXT-X-ENDLIST", TagScope::Media, ValueType::Nothing, "RFC 8216bis 4.4.3.4"),
    once("EXT-X-PLAYLIST-TYPE", TagScope::Media, ValueType::Word(&["EVENT", "VOD"]), "RFC 8216bis 4.4.3.5"),
    once("EXT-X-I-FRAMES-ONLY", TagScope::Media, ValueType::Nothing, "RFC 8216bis 4.4.3.6"),
    once("EXT-X-PART-INF", TagScope::Media, ValueType::Attributes(PART_INF), "RFC 8216bis 4.4.3.7"),
    once("EXT-X-SERVER-CONTROL", TagScope::Media, ValueType::Attributes(SERVER_CONTROL), "RFC 8216bis 4.4.3.8"),
    once("EXT-X-SKIP", TagScope::Metadata, ValueType::Attributes(SKIP), "RFC 8216bis 4.4.5.2"),
    many("EXT-X-PRELOAD-HINT", TagScope::Metadata, ValueType::Attributes(PRELOAD_HINT), "RFC 8216bis 4.4.5.3"),
    many("EXT-X-RENDITION-REPORT", TagScope::Metadata, ValueType::Attributes(RENDITION_REPORT), "RFC 8216bis 4.4.5.4"),
    many("EXT-X-MEDIA", TagScope::Multivariant, ValueType::Attributes(MEDIA), "RFC 8216bis 4.4.6.1"),
    many("EXT-X-STREAM-INF", TagScope::Multivariant, ValueType::Attributes(STREAM_INF), "RFC 8216bis 4.4.6.2"),
    many("EXT-X-I-FRAME-STREAM-INF", TagScope::Multivariant, ValueType::Attributes(I_FRAME_STREAM_INF), "RFC 8216bis 4.4.6.3"),
    many("EXT-X-SESSION-DATA", TagScope::Multivariant, ValueType::Attributes(SESSION_DATA), "RFC 8216bis 4.4.6.4"),
    many("EXT-X-SESSION-KEY", TagScope::Multivariant, ValueType::Attributes(SESSION_KEY), "RFC 8216bis 4.4.6.5"),
    once("EXT-X-CONTENT-STEERING", TagScope::Multivariant, ValueType::Attributes(CONTENT_STEERING), "RFC 8216bis 4.4.6.6"),
];

const START: &[AttributeDefinition] = &[required("TIME-OFFSET", SignedFloat), optional("PRECISE", YES_NO)];
const VARIABLE: AttributeType = Form(&attribute_formats::VARIABLE);
/// Attributes of EXT-X-DEFINE. It needs one of NAME, IMPORT and QUERYPARAM, which `tag_rules` checks.
const DEFINE: &[AttributeDefinition] = &[
    optional("NAME", VARIABLE),
    optional("VALUE", EmptyText),
    optional("IMPORT", VARIABLE),
    optional("QUERYPARAM", VARIABLE),
];
const PART_INF: &[AttributeDefinition] = &[required("PART-TARGET", Float)];
const SERVER_CONTROL: &[AttributeDefinition] = &[
    optional("CAN-SKIP-UNTIL", Float),
    optional("CAN-SKIP-DATERANGES", YES_NO),
    optional("HOLD-BACK", Float),
    optional("PART-HOLD-BACK", Float),
    optional("CAN-BLOCK-RELOAD", YES_NO),
];
/// Attributes of EXT-X-KEY. URI is required too unless METHOD is NONE, which `key_rules` checks.
const KEY: &[AttributeDefinition] = &[
    required("METHOD", Word(&["NONE", "AES-128", "SAMPLE-AES", "SAMPLE-AES-CTR", "AES-256-GCM"])),
    optional("URI", Text),
    optional("IV", Iv),
    optional("KEYFORMAT", Text),
    optional("KEYFORMATVERSIONS", Form(&attribute_formats::KEY_VERSIONS)),
];
const SESSION_KEY: &[AttributeDefinition] = &[
    required("METHOD", Word(&["AES-128", "SAMPLE-AES", "SAMPLE-AES-CTR", "AES-256-GCM"])),
    required("URI", Text),
    optional("IV", Iv),
    optional("KEYFORMAT", Text),
    optional("KEYFORMATVERSIONS", Form(&attribute_formats::KEY_VERSIONS)),
];
const MAP: &[AttributeDefinition] = &[required("URI", Text), optional("BYTERANGE", MapRange)];
const PART: &[AttributeDefinition] = &[
    required("URI", Text),
    required("DURATION", Float),
    optional("INDEPENDENT", YES_NO),
    optional("BYTERANGE", Range),
    optional("GAP", YES_NO),
];
/// Attributes of EXT-X-DATERANGE. START-DATE is required only in the first tag with an ID.
const DATERANGE: &[AttributeDefinition] = &[
    required("ID", Text),
    optional("CLASS", Text),
    optional("START-DATE", Date),
    optional("CUE", WORDS),
    optional("END-DATE", Date),
    optional("DURATION", Float),
    optional("PLANNED-DURATION", Float),
    optional("SCTE35-CMD", Hexadecimal),
    optional("SCTE35-OUT", Hexadecimal),
    optional("SCTE35-IN", Hexadecimal),
    optional("END-ON-NEXT", Word(&["YES"])),
];
const WORDS: AttributeType = Form(&attribute_formats::WORDS);
/// Attributes that EXT-X-DATERANGE has in addition with CLASS `com.apple.hls.interstitial` (RFC 8216bis Appendix D).
pub(super) const INTERSTITIAL: &[AttributeDefinition] = &[
    optional("X-ASSET-URI", Text),
    optional("X-ASSET-LIST", Text),
    optional("X-RESUME-OFFSET", SignedFloat),
    optional("X-PLAYOUT-LIMIT", Float),
    optional("X-SNAP", WORDS),
    optional("X-RESTRICT", WORDS),
    optional("X-CONTENT-MAY-VARY", Text),
    optional("X-TIMELINE-OCCUPIES", Text),
    optional("X-TIMELINE-STYLE", Text),
    optional("X-SKIP-CONTROL-OFFSET", Integer),
    optional("X-SKIP-CONTROL-DURATION", Integer),
    optional("X-SKIP-CONTROL-LABEL-ID", Text),
];
/// Attributes that EXT-X-DATERANGE has in addition with CLASS `com.apple.hls.preload` (RFC 8216bis Appendix F).
pub(super) const PRELOAD: &[AttributeDefinition] =
    &[optional("X-URI", Text), optional("X-TARGET-ID", Text), optional("X-TARGET-CLASS", Text)];
const SKIP: &[AttributeDefinition] =
    &[required("SKIPPED-SEGMENTS", Integer), optional("RECENTLY-REMOVED-DATERANGES", EmptyText)];
const PRELOAD_HINT: &[AttributeDefinition] = &[
    required("TYPE", Word(&["PART", "MAP"])),
    required("URI", Text),
    optional("BYTERANGE-START", Integer),
    optional("BYTERANGE-LENGTH", Integer),
];
/// Attributes of EXT-X-RENDITION-REPORT. None is required, because a server may leave out even mandatory ones.
const RENDITION_REPORT: &[AttributeDefinition] =
    &[optional("URI", Text), optional("LAST-MSN", Integer), optional("LAST-PART", Integer)];
const MEDIA: &[AttributeDefinition] = &[
    required("TYPE", Word(&["AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"])),
    required("GROUP-ID", Text),
    required("NAME", Text),
    optional("URI", Text),
    optional("LANGUAGE", Form(&attribute_formats::LANGUAGE)),
    optional("ASSOC-LANGUAGE", Form(&attribute_formats::LANGUAGE)),
    optional("STABLE-RENDITION-ID", Form(&attribute_formats::STABLE)),
    optional("DEFAULT", YES_NO),
    optional("AUTOSELECT", YES_NO),
    optional("FORCED", YES_NO),
    optional("INSTREAM-ID", Form(&attribute_formats::INSTREAM)),
    optional("BIT-DEPTH", Integer),
    optional("SAMPLE-RATE", Integer),
    optional("CHARACTERISTICS", Text),
    optional("CHANNELS", Form(&attribute_formats::CHANNELS)),
];
const STREAM_INF: &[AttributeDefinition] = &[
    required("BANDWIDTH", Integer),
    optional("AVERAGE-BANDWIDTH", Integer),
    optional("SCORE", Positive),
    optional("CODECS", Codecs),
    optional("SUPPLEMENTAL-CODECS", Form(&attribute_formats::SUPPLEMENTAL)),
    optional("RESOLUTION", Resolution),
    optional("FRAME-RATE", Float),
    optional("HDCP-LEVEL", HDCP_LEVEL),
    optional("ALLOWED-CPC", Form(&attribute_formats::CPC)),
    optional("VIDEO-RANGE", VIDEO_RANGE),
    optional("REQ-VIDEO-LAYOUT", Form(&attribute_formats::LAYOUT)),
    optional("STABLE-VARIANT-ID", Form(&attribute_formats::STABLE)),
    optional("AUDIO", Text),
    optional("VIDEO", Text),
    optional("SUBTITLES", Text),
    optional("CLOSED-CAPTIONS", GroupOrNone),
    optional("PATHWAY-ID", Form(&attribute_formats::PATHWAY)),
];
const I_FRAME_STREAM_INF: &[AttributeDefinition] = &[
    required("BANDWIDTH", Integer),
    required("URI", Text),
    optional("AVERAGE-BANDWIDTH", Integer),
    optional("SCORE", Positive),
    optional("CODECS", Codecs),
    optional("SUPPLEMENTAL-CODECS", Form(&attribute_formats::SUPPLEMENTAL)),
    optional("RESOLUTION", Resolution),
    optional("HDCP-LEVEL", HDCP_LEVEL),
    optional("ALLOWED-CPC", Form(&attribute_formats::CPC)),
    optional("VIDEO-RANGE", VIDEO_RANGE),
    optional("REQ-VIDEO-LAYOUT", Form(&attribute_formats::LAYOUT)),
    optional("STABLE-VARIANT-ID", Form(&attribute_formats::STABLE)),
    optional("VIDEO", Text),
    optional("PATHWAY-ID", Form(&attribute_formats::PATHWAY)),
];
const HDCP_LEVEL: AttributeType = Word(&["TYPE-0", "TYPE-1", "NONE"]);
const VIDEO_RANGE: AttributeType = Word(&["SDR", "HLG", "PQ"]);
const SESSION_DATA: &[AttributeDefinition] = &[
    required("DATA-ID", Text),
    optional("VALUE", Text),
    optional("URI", Text),
    optional("FORMAT", Word(&["JSON", "RAW"])),
    optional("LANGUAGE", Form(&attribute_formats::LANGUAGE)),
];
const CONTENT_STEERING: &[AttributeDefinition] =
    &[required("SERVER-URI", Text), optional("PATHWAY-ID", Form(&attribute_formats::PATHWAY))];
