//! The bounded list of an MPD's defects, each with its line and column.

use crate::defect::{Defect, DefectKind, Position};
use crate::xml;
use memchr::memchr_iter;
use roxmltree::Node;
use std::fmt;

/// Largest number of defects of each of the six kinds, not counting the one that says how many more there were.
const KEPT: usize = super::MAX_DEFECTS / 6 - 1;
/// Names of the elements by which players update the MPD.
const UPDATE_ELEMENTS: &[&str] = &["Location", "PatchLocation"];
/// Names of the event elements. Their defects have their own kind, because players ignore an invalid event and play on.
const EVENT_ELEMENTS: &[&str] = &["EventStream", "Event"];

/// Collects the defects of one MPD or MPD patch.
pub(super) struct DefectLog<'t> {
    text: &'t str,
    /// Byte offsets at which the lines of the document after the first one begin.
    lines: Vec<usize>,
    syntax: Kept,
    attribute: Kept,
    update: Kept,
    events: Kept,
    groups: Kept,
    markers: Kept,
    /// Whether the document is an MPD patch, so that every defect has the kind of update defects.
    of_update: bool,
}

#[derive(Default)]
struct Kept {
    list: Vec<Defect>,
    more: Option<(u64, Position, &'static str)>,
}

impl<'t> DefectLog<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let lines = memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1).collect();
        let [syntax, attribute, update, events, groups, markers] = std::array::from_fn(|_| Kept::default());
        Self { text, lines, syntax, attribute, update, events, groups, markers, of_update: false }
    }

    /// Makes a log for an MPD patch.
    pub(super) fn of_update(text: &'t str) -> Self {
        Self { of_update: true, ..Self::new(text) }
    }

    /// Returns the line of the document on which the element `node` begins, from 1.
    pub(super) fn line(&self, node: Node<'_, '_>) -> u32 {
        let before = self.lines.partition_point(|start| *start <= node.range().start);
        u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Adds a violation of the MPD schema or of a rule of the standard.
    pub(super) fn wrong(&mut self, node: Node<'_, '_>, reference: &'static str, message: fmt::Arguments<'_>) {
        let at = (self.text, node.range().start);
        let name = node.tag_name().name();
        if self.of_update || UPDATE_ELEMENTS.contains(&name) {
            self.update.add(DefectKind::Update, at, reference, message);
        } else if EVENT_ELEMENTS.contains(&name) {
            self.events.add(DefectKind::EventStream, at, reference, message);
        } else {
            self.syntax.add(DefectKind::Mpd, at, reference, message);
        }
    }

    /// Adds a violation of the standard with which players don't start, or stop at once.
    pub(super) fn fatal(&mut self, node: Node<'_, '_>, reference: &'static str, message: fmt::Arguments<'_>) {
        self.syntax.add(DefectKind::MpdFatal, (self.text, node.range().start), reference, message);
    }

    /// Adds a violation of the standard that doesn't disturb players.
    pub(super) fn tolerated(&mut self, node: Node<'_, '_>, reference: &'static str, message: fmt::Arguments<'_>) {
        self.syntax.add(DefectKind::MpdTolerated, (self.text, node.range().start), reference, message);
    }

    /// Adds a missing or malformed attribute that players need to select a rendition.
    pub(super) fn attribute(&mut self, node: Node<'_, '_>, reference: &'static str, message: fmt::Arguments<'_>) {
        let at = node.range().start;
        self.attribute.add(DefectKind::Attribute, (self.text, at), reference, message);
    }

    /// Adds a defect of elements among which players can't choose unambiguously.
    pub(super) fn group(&mut self, node: Node<'_, '_>, reference: &'static str, message: fmt::Arguments<'_>) {
        let at = node.range().start;
        self.groups.add(DefectKind::Groups, (self.text, at), reference, message);
    }

    /// Adds a defect of elements among which players choose, but that doesn't disturb them.
    pub(super) fn group_tolerated(&mut self, node: Node<'_, '_>, reference: &'static str, message: fmt::Arguments<'_>) {
        let at = node.range().start;
        self.groups.add(DefectKind::GroupTolerated, (self.text, at), reference, message);
    }

    /// Adds a defect of an Event whose ad marker can't be read.
    pub(super) fn marker(&mut self, node: Node<'_, '_>, reference: &'static str, message: fmt::Arguments<'_>) {
        let at = node.range().start;
        self.markers.add(DefectKind::AdMarker, (self.text, at), reference, message);
    }

    /// Returns all defects in the order of their lines, followed by the counts of those left out.
    pub(super) fn finish(self) -> Vec<Defect> {
        let Self { syntax, attribute, update, events, groups, markers, .. } = self;
        let rest = [
            syntax.rest(DefectKind::Mpd),
            attribute.rest(DefectKind::Attribute),
            update.rest(DefectKind::Update),
            events.rest(DefectKind::EventStream),
            groups.rest(DefectKind::Groups),
            markers.rest(DefectKind::AdMarker),
        ];
        let mut all = syntax.list;
        all.extend(attribute.list);
        all.extend(update.list);
        all.extend(events.list);
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
        let message = format!("{count} more defects from here on; fix those above first");
        Some(Defect { kind, at, message, reference })
    }
}
