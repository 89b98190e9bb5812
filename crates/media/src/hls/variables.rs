//! Replacement of the variables of EXT-X-DEFINE, before the playlist is parsed (RFC 8216bis 4.3, 4.4.2.3, 6.3.1).

use super::attribute_formats::is_variable;
use super::attribute_types::AttributeType;
use super::attributes::{self, AttributeList};
use super::column_map::ColumnMap;
use super::defects::DefectList;
use super::lines::{self, LineContent, PlaylistLine};
use super::playlist_kind::PlaylistKind;
use super::tag_values::TagReport;
use super::tags::{self, ValueType};
use crate::defect::DefectKind::{Syntax, SyntaxFatal};
use crate::redact::Quoted;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use url::{Url, form_urlencoded};

const REFERENCE: &str = "RFC 8216bis 4.4.2.3";
/// Largest number of bytes by which variables may lengthen a playlist: a short reference may stand for a long value a
/// thousand times.
const MAX_GROWTH: usize = 4 * 1024 * 1024;

/// Names and values of the variables that EXT-X-DEFINE defines.
pub(super) type Variables = BTreeMap<String, String>;

/// A playlist in which every reference to a variable is replaced by its value.
pub(super) struct Substituted<'t> {
    pub text: Cow<'t, str>,
    /// Map from columns of `text` to columns of the playlist as it was sent.
    pub columns: ColumnMap,
    pub variables: Variables,
}

/// The context on which definitions of EXT-X-DEFINE depend.
#[derive(Clone, Copy)]
pub(super) struct DefinitionContext<'a> {
    pub kind: PlaylistKind,
    /// URL of the playlist, whose query parameters QUERYPARAM reads.
    pub base: &'a Url,
    /// Variables of the multivariant playlist that refers to this media playlist; `None` if there is none.
    pub imported: Option<&'a Variables>,
}

pub(super) fn replace<'t>(text: &'t str, source: DefinitionContext<'_>, defects: &mut DefectList) -> Substituted<'t> {
    let mut pass =
        Substitution { source, variables: Variables::new(), columns: ColumnMap::default(), growth: 0, defects };
    if !text.contains("{$") && !text.contains("#EXT-X-DEFINE") {
        return Substituted { text: Cow::Borrowed(text), columns: pass.columns, variables: pass.variables };
    }
    let mut out = String::with_capacity(text.len());
    for (raw, line) in text.split_inclusive('\n').zip(lines::split(text)) {
        pass.line(raw, &line, &mut out);
    }
    Substituted { text: Cow::Owned(out), columns: pass.columns, variables: pass.variables }
}

struct Substitution<'d, 's> {
    source: DefinitionContext<'s>,
    variables: Variables,
    columns: ColumnMap,
    growth: usize,
    defects: &'d mut DefectList,
}

impl Substitution<'_, '_> {
    /// Copies a playlist line with its variables replaced; `raw` is the line with its line end.
    fn line(&mut self, raw: &str, line: &PlaylistLine<'_>, out: &mut String) {
        let begin = out.len();
        match line.content {
            LineContent::Uri(uri) if raw.contains("{$") => self.parts(raw, line, &[uri], out),
            LineContent::Tag { name, rest } if name == "EXT-X-DEFINE" || raw.contains("{$") => {
                self.parts(raw, line, &substitutable_values(name, rest), out);
            }
            _ => out.push_str(raw),
        }
        if let LineContent::Tag { name: "EXT-X-DEFINE", .. } = line.content
            && let Some(LineContent::Tag { rest, .. }) =
                lines::split(out.get(begin..).unwrap_or_default()).next().map(|l| l.content)
        {
            self.define(&list(rest), line);
        }
    }

    /// Copies `raw` with the variable references in `parts`, which are slices of it, replaced.
    fn parts(&mut self, raw: &str, line: &PlaylistLine<'_>, parts: &[&str], out: &mut String) {
        let mut done = 0;
        for part in parts {
            let at = line.offset_of(part);
            out.push_str(raw.get(done..at).unwrap_or_default());
            self.references(raw, part, at, line, out);
            done = at + part.len();
        }
        out.push_str(raw.get(done..).unwrap_or_default());
    }

    fn references(&mut self, raw: &str, part: &str, at: usize, line: &PlaylistLine<'_>, out: &mut String) {
        let mut rest = part;
        while let Some(start) = rest.find("{$") {
            let (before, reference) = rest.split_at(start);
            out.push_str(before);
            let name =
                reference.get(2..).and_then(|r| r.split_once('}')).map(|(name, _)| name).filter(|n| is_variable(n));
            let offset = at + part.len() - reference.len();
            match name.and_then(|name| Some((name, self.variables.get(name)?.clone()))) {
                Some((name, value)) if self.fits(&value, line, offset) => {
                    let length = name.len() + 3;
                    let column = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
                    let before = column(raw.get(..offset).unwrap_or_default());
                    self.columns.add(
                        line.number,
                        before + 1,
                        column(&value),
                        u32::try_from(length).unwrap_or(u32::MAX),
                    );
                    out.push_str(&value);
                    rest = reference.get(length..).unwrap_or_default();
                }
                other => {
                    if let (None, Some(name)) = (other, name) {
                        self.defects.add(
                            SyntaxFatal,
                            (line, offset),
                            "RFC 8216bis 6.3.1",
                            format_args!("variable {} is not defined before it is used", Quoted(name)),
                        );
                    }
                    out.push_str("{$");
                    rest = reference.get(2..).unwrap_or_default();
                }
            }
        }
        out.push_str(rest);
    }

    fn fits(&mut self, value: &str, line: &PlaylistLine<'_>, offset: usize) -> bool {
        let grown = self.growth.saturating_add(value.len());
        if self.growth <= MAX_GROWTH && grown > MAX_GROWTH {
            let limit = MAX_GROWTH / 1024 / 1024;
            self.defects.add(
                Syntax,
                (line, offset),
                "RFC 8216bis 4.3",
                format_args!("variables add more than {limit} MiB; from here on none is replaced"),
            );
        }
        self.growth = grown;
        grown <= MAX_GROWTH
    }

    /// Defines a variable by an EXT-X-DEFINE. Missing or malformed attributes aren't reported here, because the lint
    /// reports them.
    fn define(&mut self, list: &AttributeList<'_>, line: &PlaylistLine<'_>) {
        let named = ["NAME", "IMPORT", "QUERYPARAM"].map(|attribute| list.quoted(attribute).filter(|n| is_variable(n)));
        let (name, value) = match named {
            [Some(name), None, None] => (name, list.quoted("VALUE").map(str::to_owned)),
            [None, Some(name), None] => (name, self.import(name, line)),
            [None, None, Some(name)] => (name, self.parameter(name, line)),
            _ => return,
        };
        match (self.variables.entry(name.to_owned()), value) {
            (Entry::Occupied(_), _) => {
                self.defects.add(
                    SyntaxFatal,
                    (line, line.indent),
                    REFERENCE,
                    format_args!("variable {} is defined twice; a name must be defined once", Quoted(name)),
                );
            }
            // An empty value for what couldn't be had: one defect is enough for all its references.
            (Entry::Vacant(vacant), value) => drop(vacant.insert(value.unwrap_or_default())),
        }
    }

    fn import(&mut self, name: &str, line: &PlaylistLine<'_>) -> Option<String> {
        let name = Quoted(name);
        let why = match (self.source.kind, self.source.imported) {
            (PlaylistKind::Multivariant, _) => {
                "is imported in a multivariant playlist; only media playlists may import"
            }
            (PlaylistKind::Media, None) => "is imported, but no multivariant playlist led to this one",
            (PlaylistKind::Media, Some(variables)) => match variables.get(name.0) {
                Some(value) => return Some(value.clone()),
                None => "is imported, but the multivariant playlist does not define it",
            },
        };
        self.defects.add(SyntaxFatal, (line, line.indent), REFERENCE, format_args!("variable {name} {why}"));
        None
    }

    fn parameter(&mut self, name: &str, line: &PlaylistLine<'_>) -> Option<String> {
        // Form decoding would also turn a plus sign into a space.
        let query = self.source.base.query().unwrap_or_default().replace('+', "%2B");
        let value = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value);
        let why = match value {
            Some(value) if value.is_empty() => "which has no value in the playlist's address",
            Some(value) if value.contains(['"', '\r', '\n']) => "whose value has a quote or a line end in it",
            Some(value) => return Some(value.into_owned()),
            None => "which is not in the playlist's address",
        };
        self.defects.add(
            SyntaxFatal,
            (line, line.indent),
            REFERENCE,
            format_args!("variable {} is a query parameter {why}", Quoted(name)),
        );
        None
    }
}

/// Returns the values in which players replace variable references: the quoted strings and hexadecimal numbers in a
/// tag's attribute list.
fn substitutable_values<'a>(name: &str, rest: &'a str) -> Vec<&'a str> {
    let Some((_, tag)) = tags::find(name) else { return Vec::new() };
    let ValueType::Attributes(known) = tag.value else { return Vec::new() };
    let hexadecimal = |name: &str| {
        known.iter().any(|a| a.name == name && matches!(a.kind, AttributeType::Hexadecimal | AttributeType::Iv))
    };
    let pairs = list(rest).0;
    pairs.iter().filter(|pair| pair.quoted || hexadecimal(pair.name)).map(|pair| pair.value).collect()
}

/// Parses the attribute list of a tag without reporting its defects, which the lint does later.
fn list(rest: &str) -> AttributeList<'_> {
    let value = rest.strip_prefix(':').and_then(|value| lines::split(value).next());
    let (Some(line), Some((_, tag))) = (value, tags::find("EXT-X-DEFINE")) else { return AttributeList::default() };
    let mut discarded = DefectList::default();
    attributes::split(line.tag_text().trim_ascii_end(), &mut TagReport { defects: &mut discarded, line: &line, tag })
}
