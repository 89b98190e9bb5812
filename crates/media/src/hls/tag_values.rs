//! Parser for the value of an HLS tag, as the table of tags defines it.

use super::attribute_types::{self, AttributeType};
use super::attributes::{self, AttributeList, AttributePair};
use super::defects::{DefectList, ToleratedBreach};
use super::lines::PlaylistLine;
use super::tags::{AttributeDefinition, TagDefinition, TagScope, ValueType};
use crate::defect::DefectKind;
use crate::redact::Quoted;
use crate::stream::date;
use crate::units::{Seconds, Timestamp};
use std::fmt;

#[derive(Debug, Clone)]
pub(super) enum TagValue<'a> {
    Nothing,
    Integer(u64),
    Word(&'a str),
    Duration(Seconds),
    /// The tag's value is a byte range: its length and, if given, its offset in bytes.
    Range(u64, Option<u64>),
    Date(Timestamp),
    Attributes(AttributeList<'a>),
    /// The tag's value can't be read.
    Unreadable,
}

/// Reports the defects of one tag line of a playlist.
pub(super) struct TagReport<'d, 'l, 'a> {
    pub defects: &'d mut DefectList,
    pub line: &'l PlaylistLine<'a>,
    pub tag: &'static TagDefinition,
}

impl<'a> TagReport<'_, '_, 'a> {
    /// Reports a breach of the clause that defines the HLS tag; `part` is the slice of the line at which the defect
    /// stands.
    pub(super) fn tag(&mut self, part: &'a str, message: fmt::Arguments<'_>) {
        let at = (self.line, self.line.offset_of(part));
        self.defects.add(self.kind(), at, self.tag.reference, message);
    }

    /// Reports that the HLS tag stands in the wrong place or again, for which players refuse the playlist if the tag is vital; `part` is the
    /// slice of the line at which the defect stands.
    pub(super) fn report_at(&mut self, part: &'a str, message: fmt::Arguments<'_>) {
        let at = (self.line, self.line.offset_of(part));
        let kind = if self.tag.vital { DefectKind::SyntaxFatal } else { self.kind() };
        self.defects.add(kind, at, self.tag.reference, message);
    }

    /// Reports a breach of the grammar of HLS attribute lists; `part` is the slice of the line at which the defect
    /// stands.
    pub(super) fn list(&mut self, part: &'a str, message: fmt::Arguments<'_>) {
        let at = (self.line, self.line.offset_of(part));
        self.defects.add(self.kind(), at, attributes::REFERENCE, message);
    }

    /// Reports a syntax error that players tolerate ([`ToleratedBreach`]), at the slice `part` of the line, with the clause that
    /// defines the tag.
    pub(super) fn tolerated_in_tag(&mut self, breach: ToleratedBreach, part: &'a str, message: fmt::Arguments<'_>) {
        let at = (self.line, self.line.offset_of(part));
        self.defects.add_tolerated(breach, at, self.tag.reference, message);
    }

    /// Reports a syntax error in an attribute list that players tolerate ([`ToleratedBreach`]), at the slice `part` of the line.
    pub(super) fn tolerated_in_list(&mut self, breach: ToleratedBreach, part: &'a str, message: fmt::Arguments<'_>) {
        let at = (self.line, self.line.offset_of(part));
        self.defects.add_tolerated(breach, at, attributes::REFERENCE, message);
    }

    /// Reports a malformed or forbidden attribute. The tags that declare renditions have their own kind of defect
    /// ([`DefectKind::Attribute`]).
    pub(super) fn attribute(&mut self, part: &'a str, message: fmt::Arguments<'_>) {
        let kind = if self.declares_rendition() { DefectKind::Attribute } else { self.kind() };
        self.defects.add(kind, (self.line, self.line.offset_of(part)), self.tag.reference, message);
    }

    /// Reports something that the clause of the tag forbids and that players ignore; `part` is the slice of the line at which it stands.
    pub(super) fn without_effect(&mut self, part: &'a str, message: fmt::Arguments<'_>) {
        let at = (self.line, self.line.offset_of(part));
        self.defects.add(DefectKind::Metadata, at, self.tag.reference, message);
    }

    /// Reports that the tag has no attribute `name`, which is required; `when` says for which tags, or is empty.
    pub(super) fn missing_attribute(&mut self, name: &str, when: &str) {
        let kind = if self.declares_rendition() { DefectKind::AttributeMissing } else { self.kind() };
        let at = (self.line, self.line.offset_of(self.line.tag_text()));
        let (tag, reference) = (self.tag.name, self.tag.reference);
        self.defects.add(kind, at, reference, format_args!("{tag} has no {name}, which is required{when}"));
    }

    /// Reports a malformed attribute that players don't find in the tag's text although it is required; `part` is the slice of the line at
    /// which the defect stands.
    fn unfound(&mut self, part: &'a str, message: fmt::Arguments<'_>) {
        let kind = if self.declares_rendition() { DefectKind::AttributeMissing } else { self.kind() };
        self.defects.add(kind, (self.line, self.line.offset_of(part)), self.tag.reference, message);
    }

    fn declares_rendition(&self) -> bool {
        let ladder = ["EXT-X-STREAM-INF", "EXT-X-MEDIA", "EXT-X-I-FRAME-STREAM-INF"];
        self.tag.place == TagScope::Multivariant && ladder.contains(&self.tag.name)
    }

    /// Returns the kind of the tag's defects. Clients ignore a malformed date range (RFC 8216bis 4.4.5.1), so that its
    /// defects are less severe than those of other tags.
    fn kind(&self) -> DefectKind {
        if self.tag.name == "EXT-X-DATERANGE" { DefectKind::Metadata } else { DefectKind::Syntax }
    }
}

/// Returns the TIME-OFFSET of EXT-X-START in seconds (RFC 8216bis 4.4.2.2); `None` if it can't be read.
pub(super) fn start_offset(list: &AttributeList<'_>) -> Option<f64> {
    list.get("TIME-OFFSET")?.parse().ok().filter(|offset: &f64| offset.is_finite())
}

/// Parses the value of a tag. `rest` is the line after the tag's name. `None` if the value is too malformed to be used.
pub(super) fn read<'a>(rest: &'a str, report: &mut TagReport<'_, '_, 'a>) -> Option<TagValue<'a>> {
    let name = report.tag.name;
    let value = match (&report.tag.value, rest.strip_prefix(':')) {
        (ValueType::Nothing, _) => {
            if !rest.is_empty() {
                report.tag(rest, format_args!("{name} takes no value, but {} follows it", Quoted(rest)));
            }
            return Some(TagValue::Nothing);
        }
        (_, Some(value)) => value,
        (_, None) => {
            report.tag(rest, format_args!("{name} has no value; a colon and the value must follow it"));
            return None;
        }
    };
    match &report.tag.value {
        ValueType::Attributes(known) => Some(TagValue::Attributes(attribute_list(value, known, report))),
        // The title of a segment may begin and end as it likes.
        ValueType::Duration => duration(value, report),
        other => plain(without_blanks(value, report), other, report),
    }
}

/// Returns the value without whitespace around it. Whitespace behind it, and before a value that no player needs, is reported as a syntax
/// error that players tolerate ([`ToleratedBreach`]).
fn without_blanks<'a>(value: &'a str, report: &mut TagReport<'_, '_, 'a>) -> &'a str {
    let bare = value.trim_ascii();
    let name = report.tag.name;
    if is_at_colon(report.tag) && value.starts_with(|c: char| c.is_ascii_whitespace()) && !bare.is_empty() {
        let what = "and the colon; Media3 (Android) looks for the value at the colon, and refuses the playlist";
        report.tag(value, format_args!("whitespace between the value of {name} {what}"));
    } else if bare.len() != value.len() && !bare.is_empty() {
        report.tolerated_in_tag(
            ToleratedBreach::Whitespace,
            value,
            format_args!("whitespace around the value of {name}; leave it out"),
        );
    }
    bare
}

/// Returns whether Media3 refuses a playlist with whitespace between the colon of this tag and the value. Of EXT-X-VERSION it does so in media
/// playlists only, so it doesn't count.
fn is_at_colon(tag: &TagDefinition) -> bool {
    let tags = [
        "EXTINF",
        "EXT-X-PROGRAM-DATE-TIME",
        "EXT-X-BYTERANGE",
        "EXT-X-TARGETDURATION",
        "EXT-X-MEDIA-SEQUENCE",
        "EXT-X-DISCONTINUITY-SEQUENCE",
    ];
    tags.contains(&tag.name)
}

fn plain<'a>(text: &'a str, value: &ValueType, report: &mut TagReport<'_, '_, 'a>) -> Option<TagValue<'a>> {
    let reading = match value {
        ValueType::Integer(least) => attribute_types::integer(text).filter(|n| n >= least).map(TagValue::Integer),
        ValueType::Word(words) => words.contains(&text).then_some(TagValue::Word(text)),
        ValueType::Range => attribute_types::byte_range(text).map(|(length, offset)| TagValue::Range(length, offset)),
        ValueType::Date => return program_date_time(text, report),
        ValueType::Nothing | ValueType::Duration | ValueType::Attributes(_) => None,
    };
    if reading.is_none() {
        let name = report.tag.name;
        let what = AllowedValue(value);
        report.tag(text, format_args!("the value of {name} is {}; it must be {what}", Quoted(text)));
    }
    reading
}

/// Parses `<duration>,[<title>]` of EXTINF into the duration in seconds; `None` if it is malformed.
fn duration<'a>(text: &'a str, report: &mut TagReport<'_, '_, 'a>) -> Option<TagValue<'a>> {
    let (number, comma) = text.find(',').map_or((text, false), |at| (text.get(..at).unwrap_or(text), true));
    let number = without_blanks(number, report);
    let Some(seconds) = attribute_types::float(number) else {
        let shown = Quoted(number);
        report
            .tag(text, format_args!("the duration of EXTINF is {shown}; it must be a number of seconds such as 6.006"));
        return None;
    };
    if !comma {
        let end = text.get(text.len()..).unwrap_or(text);
        report.tolerated_in_tag(
            ToleratedBreach::NoExtinfComma,
            end,
            format_args!("EXTINF has no comma after its duration; write `#EXTINF:{seconds},`"),
        );
    }
    Some(TagValue::Duration(Seconds(seconds)))
}

fn program_date_time<'a>(text: &'a str, report: &mut TagReport<'_, '_, 'a>) -> Option<TagValue<'a>> {
    let Some(date) = date::parse(text) else {
        let shown = Quoted(text);
        report.tag(text, format_args!("{shown} is no ISO 8601 date and time; write it as 2024-03-05T07:08:09.250Z"));
        return None;
    };
    if !date.is_xs_date_time {
        let shown = Quoted(text);
        let what = "is a date that Media3 (Android) can't read, which refuses the playlist";
        report.tag(text, format_args!("{shown} {what}; write it as 2024-03-05T07:08:09.250Z"));
    } else if !date.zoned {
        let shown = Quoted(text);
        report.tolerated_in_tag(
            ToleratedBreach::NoTimeZone,
            text,
            format_args!("{shown} names no time zone and is read as UTC; end it with Z or an offset"),
        );
    }
    Some(TagValue::Date(date.at))
}

/// Text that completes the sentence "it must be …", for a value that isn't an attribute list.
struct AllowedValue<'a>(&'a ValueType);

impl fmt::Display for AllowedValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ValueType::Integer(least) => write!(f, "a whole number from {least} to {}", u64::MAX),
            ValueType::Word(words) => f.write_str(&words.join(" or ")),
            ValueType::Range => f.write_str("a byte range such as 1024 or 1024@0"),
            ValueType::Nothing | ValueType::Duration | ValueType::Date | ValueType::Attributes(_) => {
                f.write_str("as its clause says")
            }
        }
    }
}

/// Parses an attribute list and checks its values. Attributes that the tag doesn't define aren't checked, because
/// clients must ignore them (RFC 8216bis 6.3.1).
fn attribute_list<'a>(
    text: &'a str,
    known: &'static [AttributeDefinition],
    report: &mut TagReport<'_, '_, 'a>,
) -> AttributeList<'a> {
    let mut list = attributes::split(text, report);
    for pair in &mut list.0 {
        let Some(attribute) = known.iter().find(|a| a.name == pair.name) else { continue };
        if pair.sound && !attribute.kind.fits(pair) {
            pair.sound = false;
            let (kind, shown) = (attribute.kind, Quoted(pair.value));
            let quotes = if pair.quoted { " in quotes" } else { "" };
            if attribute.required && !is_found_by_pattern(kind, pair) {
                report.unfound(pair.name, format_args!("{} is {shown}{quotes}; it must be {kind}", pair.name));
            } else {
                report.attribute(pair.name, format_args!("{} is {shown}{quotes}; it must be {kind}", pair.name));
            }
        }
    }
    for attribute in known.iter().filter(|a| a.required && !list.has(a.name)) {
        report.missing_attribute(attribute.name, "");
    }
    list
}

/// Returns whether a player that searches a tag for an attribute by a pattern, as Media3 does (`BANDWIDTH=(\d+)\b`, `NAME="(.+?)"`), finds
/// a malformed one: digits that no letter follows, or a string in quotes.
fn is_found_by_pattern(kind: AttributeType, pair: &AttributePair<'_>) -> bool {
    match kind {
        AttributeType::Integer => {
            let rest = pair.value.trim_start_matches(|c: char| c.is_ascii_digit());
            let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            !pair.quoted && rest.len() < pair.value.len() && !rest.starts_with(is_of_word)
        }
        AttributeType::Text => pair.quoted,
        _ => false,
    }
}
