//! An XML document that can be edited, which the trees of roxmltree can't.

use crate::xml;
use roxmltree::Node;

/// The nodes of an XML document in one list. Removed nodes stay in the list, but no other node refers to them.
#[derive(Debug)]
pub(super) struct Document {
    nodes: Vec<DocumentNode>,
}

#[derive(Debug)]
pub(super) struct DocumentNode {
    pub kind: NodeKind,
    pub parent: usize,
    pub children: Vec<usize>,
}

#[derive(Debug, PartialEq)]
pub(super) enum NodeKind {
    /// The XML document node, which is the parent of the root element.
    Top,
    /// An XML element. It is stored by its local name, because prefixes are the author's choice.
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

    /// Parses an XML document; `None` if it isn't well-formed, which the MPD parser reports.
    pub(super) fn read(text: &str) -> Option<Self> {
        let tree = xml::parse(text).ok()?;
        let mut document =
            Self { nodes: vec![DocumentNode { kind: NodeKind::Top, parent: Self::TOP, children: Vec::new() }] };
        let root = document.copy(tree.root_element(), Self::TOP);
        document.edit(Self::TOP, |children| children.push(root));
        Some(document)
    }

    pub(super) fn kind(&self, node: usize) -> &NodeKind {
        self.nodes.get(node).map_or(&NodeKind::Top, |item| &item.kind)
    }

    pub(super) fn children(&self, node: usize) -> &[usize] {
        self.nodes.get(node).map_or(&[], |item| &item.children)
    }

    pub(super) fn parent(&self, node: usize) -> usize {
        self.nodes.get(node).map_or(Self::TOP, |item| item.parent)
    }

    /// Returns the number of XML nodes that were ever created, removed ones included.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn attribute(&self, node: usize, name: &str) -> Option<&str> {
        let NodeKind::Element { attributes, .. } = self.kind(node) else { return None };
        attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Sets an attribute of an XML element; if `value` is `None`, removes it.
    pub(super) fn set_attribute(&mut self, node: usize, name: &str, value: Option<String>) {
        let Some(DocumentNode { kind: NodeKind::Element { attributes, .. }, .. }) = self.nodes.get_mut(node) else {
            return;
        };
        attributes.retain(|(known, _)| known != name);
        attributes.extend(value.map(|value| (name.to_owned(), value)));
    }

    /// Returns the text of an XML text node, or the text of an element's direct text children.
    pub(super) fn text(&self, node: usize) -> String {
        let texts = self.children(node).iter().filter_map(|child| match self.kind(*child) {
            NodeKind::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// Inserts copies of the children of `source` among the children of `parent`, from the index `at` on.
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

    /// Returns the index of an XML node among its siblings, from 0.
    pub(super) fn index_among_siblings(&self, node: usize) -> usize {
        self.children(self.parent(node)).iter().position(|child| *child == node).unwrap_or(0)
    }

    fn edit(&mut self, node: usize, change: impl FnOnce(&mut Vec<usize>)) {
        if let Some(item) = self.nodes.get_mut(node) {
            change(&mut item.children);
        }
    }

    /// Copies an XML node with its descendants. The XML parser bounds the depth of the tree.
    fn copy(&mut self, source: Node<'_, '_>, parent: usize) -> usize {
        let node = self.nodes.len();
        let attribute = |a: roxmltree::Attribute<'_, '_>| (a.name().to_owned(), a.value().to_owned());
        let kind = match source.node_type() {
            roxmltree::NodeType::Element => NodeKind::Element {
                name: source.tag_name().name().to_owned(),
                attributes: source.attributes().map(attribute).collect(),
            },
            roxmltree::NodeType::Text => NodeKind::Text(source.text().unwrap_or_default().to_owned()),
            roxmltree::NodeType::Comment => NodeKind::Comment,
            roxmltree::NodeType::PI => NodeKind::Instruction,
            roxmltree::NodeType::Root => NodeKind::Top,
        };
        self.nodes.push(DocumentNode { kind, parent, children: Vec::new() });
        let children: Vec<usize> = source.children().map(|child| self.copy(child, node)).collect();
        self.edit(node, |inside| inside.extend(children));
        node
    }
}
