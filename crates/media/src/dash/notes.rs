//! Where things stand in the text, and the bounded list of what is wrong with them.

use crate::defect::{Defect, DefectKind, Position};
use crate::xml;
use memchr::memchr_iter;
use roxmltree::Node;
use std::fmt;

/// Of each of the five kinds, beside the one that counts the rest.
const KEPT: usize = super::MAX_DEFECTS / 5 - 1;
/// What players pass over where it is wrong: how they update, and events that they don't know.
const BESIDE: &[&str] = &["Location", "PatchLocation", "EventStream", "Event"];

pub(super) struct Notes<'t> {
    text: &'t str,
    /// Bytes at which the lines after the first begin.
    lines: Vec<usize>,
    syntax: Kept,
    attribute: Kept,
    update: Kept,
    groups: Kept,
    markers: Kept,
    /// Everything is about an update.
    of_update: bool,
}

#[derive(Default)]
struct Kept {
    list: Vec<Defect>,
    more: Option<(u64, Position, &'static str)>,
}

impl<'t> Notes<'t> {
    pub fn new(text: &'t str) -> Self {
        let lines = memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1).collect();
        let [syntax, attribute, update, groups, markers] = std::array::from_fn(|_| Kept::default());
        Self { text, lines, syntax, attribute, update, groups, markers, of_update: false }
    }

    /// Of a patch.
    pub fn of_update(text: &'t str) -> Self {
        Self { of_update: true, ..Self::new(text) }
    }

    /// From 1.
    pub fn line(&self, node: Node<'_, '_>) -> u32 {
        let before = self.lines.partition_point(|start| *start <= node.range().start);
        u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Something that the schema or the text of the standard forbids.
    pub fn wrong(&mut self, node: Node<'_, '_>, reference: &'static str, message: fmt::Arguments<'_>) {
        let at = (self.text, node.range().start);
        if self.of_update || BESIDE.contains(&node.tag_name().name()) {
            self.update.add(DefectKind::Update, at, reference, message);
        } else {
            self.syntax.add(DefectKind::Mpd, at, reference, message);
        }
    }

    /// What a player chooses a rendition by is missing or malformed.
    pub fn attribute(&mut self, node: Node<'_, '_>, reference: &'static str, message: fmt::Arguments<'_>) {
        let at = node.range().start;
        self.attribute.add(DefectKind::Attribute, (self.text, at), reference, message);
    }

    /// What a player chooses from can't be told apart.
    pub fn group(&mut self, node: Node<'_, '_>, reference: &'static str, message: fmt::Arguments<'_>) {
        let at = node.range().start;
        self.groups.add(DefectKind::Groups, (self.text, at), reference, message);
    }

    /// An ad marker can't be read.
    pub fn marker(&mut self, node: Node<'_, '_>, reference: &'static str, message: fmt::Arguments<'_>) {
        let at = node.range().start;
        self.markers.add(DefectKind::AdMarker, (self.text, at), reference, message);
    }

    /// In the order of the lines; each kind's count of the rest at the end.
    pub fn finish(self) -> Vec<Defect> {
        let Self { syntax, attribute, update, groups, markers, .. } = self;
        let rest = [
            syntax.rest(DefectKind::Mpd),
            attribute.rest(DefectKind::Attribute),
            update.rest(DefectKind::Update),
            groups.rest(DefectKind::Groups),
            markers.rest(DefectKind::AdMarker),
        ];
        let mut all = syntax.list;
        all.extend(attribute.list);
        all.extend(update.list);
        all.extend(groups.list);
        all.extend(markers.list);
        all.sort_by_key(|d| match d.at {
            Position::Line { line, column } => (line, column),
            _ => (0, 0),
        });
        all.extend(rest.into_iter().flatten());
        all
    }
}

impl Kept {
    fn add(&mut self, kind: DefectKind, at: (&str, usize), reference: &'static str, message: fmt::Arguments<'_>) {
        if let Some((count, ..)) = &mut self.more {
            *count = count.saturating_add(1);
            return;
        }
        let (line, column) = xml::line_and_column(at.0, at.1);
        let at = Position::Line { line, column };
        if self.list.len() < KEPT {
            self.list.push(Defect { kind, at, message: message.to_string(), reference });
        } else {
            self.more = Some((1, at, reference));
        }
    }

    fn rest(&self, kind: DefectKind) -> Option<Defect> {
        let (count, at, reference) = self.more?;
        let message = format!("{count} more defects from here on; mend those above first");
        Some(Defect { kind, at, message, reference })
    }
}
