//! Parser for HLS attribute lists: `NAME=value,NAME="value"` (RFC 8216bis 4.2).

use super::defects::ToleratedBreach;
use super::tag_values::TagReport;
use crate::redact::Quoted;
use std::collections::HashSet;

pub(super) const REFERENCE: &str = "RFC 8216bis 4.2";

#[derive(Debug, Clone, Copy)]
pub(super) struct AttributePair<'a> {
    pub name: &'a str,
    /// Value of an attribute in an HLS tag, without its quotes.
    pub value: &'a str,
    pub quoted: bool,
    /// Whether the value is of the type that the tag defines for this attribute; true for an attribute that the tag
    /// doesn't define.
    pub sound: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct AttributeList<'a>(pub Vec<AttributePair<'a>>);

impl<'a> AttributeList<'a> {
    /// Returns the value of an attribute; `None` if it is missing or malformed.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|p| p.sound && p.name == name).map(|p| p.value)
    }

    /// Returns the text of a quoted attribute, even if it is malformed; `None` if it is missing or not quoted.
    pub(super) fn quoted(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|p| p.quoted && p.name == name).map(|p| p.value)
    }

    /// Returns an unquoted value as it is written, even if it is malformed; `None` if the attribute is missing or
    /// quoted.
    pub(super) fn written(&self, name: &str) -> Option<&'a str> {
        let word = |v: &str| !v.is_empty() && v.bytes().all(|b| b.is_ascii_graphic());
        self.0.iter().find(|p| p.name == name && !p.quoted && word(p.value)).map(|p| p.value)
    }

    /// Returns the attribute's name as a slice of the playlist line, which locates a defect; `None` if it is missing.
    pub(super) fn name(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|p| p.name == name).map(|p| p.name)
    }

    /// Returns whether the list has an attribute of this name, well-formed or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|p| p.name == name)
    }
}

/// Splits an attribute list. Breaches of the grammar are reported, and the list is read as well as possible: of two
/// attributes with the same name the first counts, a missing comma is assumed, and a string without its closing quote
/// ends with the line.
pub(super) fn split<'a>(text: &'a str, report: &mut TagReport<'_, '_, 'a>) -> AttributeList<'a> {
    let mut list = AttributeList::default();
    let mut names = HashSet::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (pair, after) = next_pair(rest, report);
        rest = after;
        let Some(pair) = pair else { continue };
        if names.insert(pair.name) {
            list.0.push(pair);
        } else {
            report.list(pair.name, format_args!("attribute {} is here twice; write it once", Quoted(pair.name)));
        }
    }
    if let Some(comma) = text.strip_suffix(',').and_then(|most| text.get(most.len()..)) {
        report.tolerated_in_list(
            ToleratedBreach::LastComma,
            comma,
            format_args!("the list ends with a comma; leave it out"),
        );
    }
    list
}

/// Returns the first name-value pair of `text`, if it can be read, and the text after its comma.
fn next_pair<'a>(text: &'a str, report: &mut TagReport<'_, '_, 'a>) -> (Option<AttributePair<'a>>, &'a str) {
    let end = text.find(['=', ',']).unwrap_or(text.len());
    let (written, rest) = text.split_at(end);
    let Some(value) = rest.strip_prefix('=') else {
        report.list(written, format_args!("{} is no attribute; write NAME=value", Quoted(written)));
        return (None, rest.strip_prefix(',').unwrap_or(rest));
    };
    let name = written.trim_ascii();
    check_name(written, name, report);
    let spaced = value.trim_ascii_start();
    match spaced.strip_prefix('"') {
        Some(inner) => {
            if spaced.len() != value.len() {
                report.tolerated_in_list(
                    ToleratedBreach::Whitespace,
                    value,
                    format_args!("whitespace before the value of {}; leave it out", Quoted(name)),
                );
            }
            quoted(name, inner, report)
        }
        None => unquoted(name, value, report),
    }
}

fn check_name<'a>(written: &'a str, name: &'a str, report: &mut TagReport<'_, '_, 'a>) {
    let legal = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
    if written.len() != name.len() {
        report.tolerated_in_list(
            ToleratedBreach::Whitespace,
            written,
            format_args!("whitespace around attribute name {}; leave it out", Quoted(name)),
        );
    }
    if name.is_empty() || !name.bytes().all(legal) {
        report.list(written, format_args!("{} is no attribute name; only A-Z, 0-9 and - may be in one", Quoted(name)));
    }
}

fn quoted<'a>(
    name: &'a str,
    inner: &'a str,
    report: &mut TagReport<'_, '_, 'a>,
) -> (Option<AttributePair<'a>>, &'a str) {
    let Some((value, after)) = inner.split_once('"') else {
        report.list(name, format_args!("the string of {} has no closing quote", Quoted(name)));
        return (Some(AttributePair { name, value: inner, quoted: true, sound: false }), "");
    };
    let pair = AttributePair { name, value, quoted: true, sound: true };
    let rest = after.trim_ascii_start();
    match rest.strip_prefix(',') {
        Some(next) if rest.len() == after.len() => (Some(pair), next),
        None if rest.is_empty() => (Some(pair), rest),
        Some(next) => {
            report.tolerated_in_list(
                ToleratedBreach::Whitespace,
                after,
                format_args!("whitespace after the value of {}; leave it out", Quoted(name)),
            );
            (Some(pair), next)
        }
        None => {
            report.list(after, format_args!("no comma after the value of {}", Quoted(name)));
            (Some(pair), rest)
        }
    }
}

fn unquoted<'a>(
    name: &'a str,
    value: &'a str,
    report: &mut TagReport<'_, '_, 'a>,
) -> (Option<AttributePair<'a>>, &'a str) {
    let end = value.find(',').unwrap_or(value.len());
    let (written, rest) = value.split_at(end);
    let value = written.trim_ascii();
    if value.len() != written.len() {
        report.tolerated_in_list(
            ToleratedBreach::Whitespace,
            written,
            format_args!("whitespace around the value of {}; leave it out", Quoted(name)),
        );
    }
    (Some(AttributePair { name, value, quoted: false, sound: true }), rest.strip_prefix(',').unwrap_or(rest))
}
