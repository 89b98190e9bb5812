//! A tag's value, read after the table: what the model's builders take.

use super::attributes::{self, List};
use super::defects::Defects;
use super::lines::Line;
use super::tags::{Attribute, Place, Tag, Value};
use super::types;
use crate::defect::DefectKind;
use crate::redact::Quoted;
use crate::stream::date;
use crate::units::{Seconds, Timestamp};
use std::fmt;

#[derive(Debug, Clone)]
pub(super) enum Reading<'a> {
    Nothing,
    Integer(u64),
    Word(&'a str),
    Duration(Seconds),
    /// Length, and the offset where it is given.
    Range(u64, Option<u64>),
    Date(Timestamp),
    Attributes(List<'a>),
}

/// Where the defects of one line go.
pub(super) struct Report<'d, 'l, 'a> {
    pub defects: &'d mut Defects,
    pub line: &'l Line<'a>,
    pub tag: &'static Tag,
}

impl<'a> Report<'_, '_, 'a> {
    /// A breach of the tag's own clause, at `part` of the line.
    pub fn tag(&mut self, part: &'a str, message: fmt::Arguments<'_>) {
        let at = (self.line, self.line.offset_of(part));
        self.defects.add(self.kind(), at, self.tag.reference, message);
    }

    /// A breach of the grammar of attribute lists.
    pub fn list(&mut self, part: &'a str, message: fmt::Arguments<'_>) {
        let at = (self.line, self.line.offset_of(part));
        self.defects.add(self.kind(), at, attributes::REFERENCE, message);
    }

    /// A missing or malformed attribute; what a ladder is made of is a kind of its own.
    pub fn attribute(&mut self, part: &'a str, message: fmt::Arguments<'_>) {
        let at = (self.line, self.line.offset_of(part));
        self.defects.add(self.attribute_kind(), at, self.tag.reference, message);
    }

    fn attribute_kind(&self) -> DefectKind {
        let ladder = ["EXT-X-STREAM-INF", "EXT-X-MEDIA", "EXT-X-I-FRAME-STREAM-INF"];
        if self.tag.place == Place::Multivariant && ladder.contains(&self.tag.name) {
            DefectKind::Attribute
        } else {
            self.kind()
        }
    }

    /// Clients pass over a malformed date range (RFC 8216bis 4.4.5.1): it is not as bad as other tags.
    fn kind(&self) -> DefectKind {
        if self.tag.name == "EXT-X-DATERANGE" { DefectKind::Metadata } else { DefectKind::Syntax }
    }
}

/// `None` where the value is so malformed that the line says nothing. `rest` is all behind the tag's name.
pub(super) fn read<'a>(rest: &'a str, report: &mut Report<'_, '_, 'a>) -> Option<Reading<'a>> {
    let name = report.tag.name;
    let value = match (&report.tag.value, rest.strip_prefix(':')) {
        (Value::Nothing, _) => {
            if !rest.is_empty() {
                report.tag(rest, format_args!("{name} takes no value, but {} follows it", Quoted(rest)));
            }
            return Some(Reading::Nothing);
        }
        (_, Some(value)) => value,
        (_, None) => {
            report.tag(rest, format_args!("{name} has no value; a colon and the value must follow it"));
            return None;
        }
    };
    match &report.tag.value {
        Value::Attributes(known) => Some(Reading::Attributes(attribute_list(value, known, report))),
        other => plain(value, other, report),
    }
}

fn plain<'a>(text: &'a str, value: &Value, report: &mut Report<'_, '_, 'a>) -> Option<Reading<'a>> {
    let reading = match value {
        Value::Integer(least) => types::integer(text).filter(|n| n >= least).map(Reading::Integer),
        Value::Word(words) => words.contains(&text).then_some(Reading::Word(text)),
        Value::Duration => return duration(text, report),
        Value::Range => types::range(text).map(|(length, offset)| Reading::Range(length, offset)),
        Value::Date => return program_date_time(text, report),
        Value::Nothing | Value::Attributes(_) => None,
    };
    if reading.is_none() {
        let name = report.tag.name;
        let what = Allowed(value);
        report.tag(text, format_args!("the value of {name} is {}; it must be {what}", Quoted(text)));
    }
    reading
}

/// `<duration>,[<title>]`.
fn duration<'a>(text: &'a str, report: &mut Report<'_, '_, 'a>) -> Option<Reading<'a>> {
    let (number, comma) = text.find(',').map_or((text, false), |at| (text.get(..at).unwrap_or(text), true));
    let Some(seconds) = types::float(number) else {
        let shown = Quoted(number);
        report
            .tag(text, format_args!("the duration of EXTINF is {shown}; it must be a number of seconds such as 6.006"));
        return None;
    };
    if !comma {
        let end = text.get(text.len()..).unwrap_or(text);
        report.tag(end, format_args!("EXTINF has no comma after its duration; write `#EXTINF:{seconds},`"));
    }
    Some(Reading::Duration(Seconds(seconds)))
}

fn program_date_time<'a>(text: &'a str, report: &mut Report<'_, '_, 'a>) -> Option<Reading<'a>> {
    let Some(date) = date::parse(text) else {
        let shown = Quoted(text);
        report.tag(text, format_args!("{shown} is no ISO 8601 date and time; write it as 2024-03-05T07:08:09.250Z"));
        return None;
    };
    if !date.zoned {
        let shown = Quoted(text);
        report.tag(text, format_args!("{shown} names no time zone and is read as UTC; end it with Z or an offset"));
    }
    Some(Reading::Date(date.at))
}

/// What a plain value may be, as it ends the sentence "it must be".
struct Allowed<'a>(&'a Value);

impl fmt::Display for Allowed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Integer(least) => write!(f, "a whole number from {least} to {}", u64::MAX),
            Value::Word(words) => f.write_str(&words.join(" or ")),
            Value::Range => f.write_str("a byte range such as 1024 or 1024@0"),
            Value::Nothing | Value::Duration | Value::Date | Value::Attributes(_) => f.write_str("as its clause says"),
        }
    }
}

/// Attributes that the tag doesn't define pass unread: clients must ignore them (RFC 8216bis 6.3.1).
fn attribute_list<'a>(text: &'a str, known: &'static [Attribute], report: &mut Report<'_, '_, 'a>) -> List<'a> {
    let mut list = attributes::split(text, report);
    for pair in &mut list.0 {
        let Some(attribute) = known.iter().find(|a| a.name == pair.name) else { continue };
        if pair.sound && !attribute.kind.fits(pair) {
            pair.sound = false;
            let (kind, shown) = (attribute.kind, Quoted(pair.value));
            let quotes = if pair.quoted { " in quotes" } else { "" };
            report.attribute(pair.name, format_args!("{} is {shown}{quotes}; it must be {kind}", pair.name));
        }
    }
    for attribute in known.iter().filter(|a| a.required && !list.has(a.name)) {
        let name = report.tag.name;
        let line = report.line.tag_text();
        report.attribute(line, format_args!("{name} has no {}, which is required", attribute.name));
    }
    list
}
