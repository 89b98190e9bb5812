//! An XML document that can be edited: roxmltree's are for reading only.

use crate::xml;
use roxmltree::Node;

/// Nodes in one list; those that were removed stay in it, unreachable.
#[derive(Debug)]
pub(super) struct Document {
    nodes: Vec<Item>,
}

#[derive(Debug)]
pub(super) struct Item {
    pub kind: Kind,
    pub parent: usize,
    pub children: Vec<usize>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    /// Above the root element.
    Top,
    /// Local name; prefixes are the author's choice.
    Element {
        name: String,
        attributes: Vec<(String, String)>,
    },
    Text(String),
    Comment,
    Instruction,
}

impl Document {
    pub(super) const TOP: usize = 0;
    pub(super) const ROOT: usize = 1;

    /// `None` if the document can't be read; the MPD reader reports that.
    pub(super) fn read(text: &str) -> Option<Self> {
        let tree = xml::parse(text).ok()?;
        let mut document = Self { nodes: vec![Item { kind: Kind::Top, parent: Self::TOP, children: Vec::new() }] };
        let root = document.copy(tree.root_element(), Self::TOP);
        document.edit(Self::TOP, |children| children.push(root));
        Some(document)
    }

    pub(super) fn kind(&self, node: usize) -> &Kind {
        self.nodes.get(node).map_or(&Kind::Top, |item| &item.kind)
    }

    pub(super) fn children(&self, node: usize) -> &[usize] {
        self.nodes.get(node).map_or(&[], |item| &item.children)
    }

    pub(super) fn parent(&self, node: usize) -> usize {
        self.nodes.get(node).map_or(Self::TOP, |item| item.parent)
    }

    /// Nodes made so far.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn attribute(&self, node: usize, name: &str) -> Option<&str> {
        let Kind::Element { attributes, .. } = self.kind(node) else { return None };
        attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// `None` takes it away.
    pub(super) fn set_attribute(&mut self, node: usize, name: &str, value: Option<String>) {
        let Some(Item { kind: Kind::Element { attributes, .. }, .. }) = self.nodes.get_mut(node) else { return };
        attributes.retain(|(known, _)| known != name);
        attributes.extend(value.map(|value| (name.to_owned(), value)));
    }

    /// Its text, of the texts right inside.
    pub(super) fn text(&self, node: usize) -> String {
        let texts = self.children(node).iter().filter_map(|child| match self.kind(*child) {
            Kind::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// Copies of what stands inside `source`, to stand among the children of `parent` from the place `at` on.
    pub(super) fn insert(&mut self, source: Node<'_, '_>, parent: usize, at: usize) {
        let copies: Vec<usize> = source.children().map(|child| self.copy(child, parent)).collect();
        self.edit(parent, |children| {
            let at = at.min(children.len());
            children.splice(at..at, copies);
        });
    }

    pub(super) fn remove(&mut self, node: usize) {
        let parent = self.parent(node);
        self.edit(parent, |children| children.retain(|child| *child != node));
    }

    /// Its place among its siblings.
    pub(super) fn place(&self, node: usize) -> usize {
        self.children(self.parent(node)).iter().position(|child| *child == node).unwrap_or(0)
    }

    fn edit(&mut self, node: usize, change: impl FnOnce(&mut Vec<usize>)) {
        if let Some(item) = self.nodes.get_mut(node) {
            change(&mut item.children);
        }
    }

    /// The tree's depth is bounded where it was read.
    fn copy(&mut self, source: Node<'_, '_>, parent: usize) -> usize {
        let node = self.nodes.len();
        let attribute = |a: roxmltree::Attribute<'_, '_>| (a.name().to_owned(), a.value().to_owned());
        let kind = match source.node_type() {
            roxmltree::NodeType::Element => Kind::Element {
                name: source.tag_name().name().to_owned(),
                attributes: source.attributes().map(attribute).collect(),
            },
            roxmltree::NodeType::Text => Kind::Text(source.text().unwrap_or_default().to_owned()),
            roxmltree::NodeType::Comment => Kind::Comment,
            roxmltree::NodeType::PI => Kind::Instruction,
            roxmltree::NodeType::Root => Kind::Top,
        };
        self.nodes.push(Item { kind, parent, children: Vec::new() });
        let children: Vec<usize> = source.children().map(|child| self.copy(child, node)).collect();
        self.edit(node, |inside| inside.extend(children));
        node
    }
}
