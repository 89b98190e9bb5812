//! Selectors of MPD patches (RFC 5261 4.1): the subset of XPath that selects one element, attribute or text.

use super::document::{Document, NodeKind};

/// Largest length of a patch selector in characters; longer ones count as malformed.
const MAX_CHARACTERS: usize = 2048;
const MAX_STEPS: usize = 64;

/// The node or attribute that a patch selector selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Element(usize),
    /// The selector selects an attribute of an element, with its local name.
    Attribute(usize, String),
    /// The selector selects a text, comment or processing instruction.
    Other(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Miss {
    /// The text isn't a path that RFC 5261 allows in a selector.
    Malformed,
    /// The path of the patch selector has a form that isn't supported here. The patch isn't judged.
    Unknown,
    /// The selector selects this number of nodes; it has to select one.
    Count(usize),
    /// The patch selector would take too long to evaluate.
    Costly,
}

#[derive(Debug, PartialEq)]
struct Step {
    test: Test,
    conditions: Vec<Condition>,
}

#[derive(Debug, PartialEq)]
enum Test {
    /// The step of a patch selector selects elements by their local name; `None` stands for `*`.
    Element(Option<String>),
    Attribute(String),
    Text,
    Comment,
    Instruction,
}

#[derive(Debug, PartialEq)]
enum Condition {
    /// The condition of a patch selector: the node has this position among the matching siblings, from 1.
    Position(usize),
    Attribute(String, String),
    /// The condition of a patch selector: a child element with this local name has this text.
    Child(String, String),
    TextEquals(String),
}

/// Evaluates the selector `path` from the top of `document`. Every visited node lowers `effort` by one.
pub(super) fn resolve(path: &str, document: &Document, effort: &mut usize) -> Result<Target, Miss> {
    let steps = parse(path)?;
    let mut here = vec![Document::TOP];
    let mut steps = steps.iter().peekable();
    while let Some(step) = steps.next() {
        if let Test::Attribute(name) = &step.test {
            here.retain(|node| document.attribute(*node, name).is_some());
            let node = one(&here).filter(|_| steps.peek().is_none());
            return node.map(|node| Target::Attribute(node, name.clone())).ok_or(Miss::Count(here.len()));
        }
        let mut found = Vec::new();
        for node in here {
            found.extend(step.from(node, document, effort)?);
        }
        here = found;
    }
    let node = one(&here).ok_or(Miss::Count(here.len()))?;
    Ok(if matches!(document.kind(node), NodeKind::Element { .. }) {
        Target::Element(node)
    } else {
        Target::Other(node)
    })
}

fn one(nodes: &[usize]) -> Option<usize> {
    nodes.first().copied().filter(|_| nodes.len() == 1)
}

impl Step {
    fn from(&self, node: usize, document: &Document, effort: &mut usize) -> Result<Vec<usize>, Miss> {
        let children = document.children(node);
        *effort = effort.checked_sub(children.len() + 1).ok_or(Miss::Costly)?;
        let mut found: Vec<usize> = children.iter().copied().filter(|c| self.test.fits(document.kind(*c))).collect();
        for condition in &self.conditions {
            match condition {
                Condition::Position(place) => {
                    found = place.checked_sub(1).and_then(|at| found.get(at).copied()).into_iter().collect();
                }
                other => {
                    let looked: usize = found.iter().map(|node| document.children(*node).len() + 1).sum();
                    *effort = effort.checked_sub(looked).ok_or(Miss::Costly)?;
                    found.retain(|node| other.holds(*node, document));
                }
            }
        }
        Ok(found)
    }
}

impl Test {
    fn fits(&self, kind: &NodeKind) -> bool {
        match (self, kind) {
            (Self::Element(None), NodeKind::Element { .. })
            | (Self::Text, NodeKind::Text(_))
            | (Self::Comment, NodeKind::Comment)
            | (Self::Instruction, NodeKind::Instruction) => true,
            (Self::Element(Some(wanted)), NodeKind::Element { name, .. }) => wanted == name,
            _ => false,
        }
    }
}

impl Condition {
    fn holds(&self, node: usize, document: &Document) -> bool {
        let named = |child: &usize, wanted: &str| matches!(document.kind(*child), NodeKind::Element { name, .. } if name == wanted);
        match self {
            Self::Position(_) => true,
            Self::Attribute(name, value) => document.attribute(node, name) == Some(value),
            Self::TextEquals(value) => document.text(node) == *value,
            Self::Child(name, value) => {
                document.children(node).iter().any(|child| named(child, name) && document.text(*child) == *value)
            }
        }
    }
}

fn parse(path: &str) -> Result<Vec<Step>, Miss> {
    let path = path.trim();
    if path.len() > MAX_CHARACTERS || path.is_empty() {
        return Err(Miss::Malformed);
    }
    if path.starts_with("id(") || path.contains("::") {
        return Err(Miss::Unknown);
    }
    let mut rest = path.strip_prefix('/').unwrap_or(path);
    let mut steps = Vec::new();
    loop {
        let (step, after) = step(rest)?;
        steps.push(step);
        match after.strip_prefix('/') {
            Some(next) if steps.len() < MAX_STEPS => rest = next,
            None if after.is_empty() => return Ok(steps),
            _ => return Err(Miss::Malformed),
        }
    }
}

fn step(text: &str) -> Result<(Step, &str), Miss> {
    let end = text.find(['/', '[']).unwrap_or(text.len());
    let (word, mut rest) = text.split_at_checked(end).ok_or(Miss::Malformed)?;
    let test = match word.trim() {
        "*" => Test::Element(None),
        "text()" => Test::Text,
        "comment()" => Test::Comment,
        word if word.starts_with("processing-instruction(") && word.ends_with(')') => Test::Instruction,
        word => match word.strip_prefix('@') {
            Some(attribute) => Test::Attribute(name(attribute)?),
            None => Test::Element(Some(name(word)?)),
        },
    };
    let mut conditions = Vec::new();
    while let Some(inside) = rest.strip_prefix('[') {
        let (condition, after) = condition(inside)?;
        conditions.push(condition);
        rest = after;
    }
    Ok((Step { test, conditions }, rest))
}

/// Parses a condition of a selector after its `[`, and returns the rest of the text after its `]`. A `]` may stand
/// inside of quotes.
fn condition(text: &str) -> Result<(Condition, &str), Miss> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if digits > 0 {
        let (place, rest) = text.split_at_checked(digits).ok_or(Miss::Malformed)?;
        let place = place.parse().map_err(|_| Miss::Malformed)?;
        return Ok((Condition::Position(place), rest.strip_prefix(']').ok_or(Miss::Malformed)?));
    }
    let (left, right) = text.split_once('=').ok_or(Miss::Malformed)?;
    let right = right.trim_start();
    let quote = right.chars().next().filter(|c| matches!(c, '\'' | '"')).ok_or(Miss::Malformed)?;
    let (value, rest) = right.get(1..).and_then(|r| r.split_once(quote)).ok_or(Miss::Malformed)?;
    let rest = rest.trim_start().strip_prefix(']').ok_or(Miss::Malformed)?;
    let value = value.to_owned();
    let condition = match left.trim() {
        "." => Condition::TextEquals(value),
        left => match left.strip_prefix('@') {
            Some(attribute) => Condition::Attribute(name(attribute)?, value),
            None => Condition::Child(name(left)?, value),
        },
    };
    Ok((condition, rest))
}

/// Returns the local part of a qualified name, because the patch and the MPD bind prefixes independently.
fn name(text: &str) -> Result<String, Miss> {
    let local = text.trim().rsplit(':').next().unwrap_or_default();
    let sound = local.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && local.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if sound { Ok(local.to_owned()) } else { Err(Miss::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MPD: &str = "<MPD id='m'><Period id='a'><BaseURL>x</BaseURL><S t='0'/><S t='2'/>text<!-- c --></Period>\
                       <Period id='b]/'><S t='4'/></Period></MPD>";

    fn follow(path: &str) -> Result<String, Miss> {
        let document = Document::read(MPD).unwrap();
        let mut effort = 1000;
        Ok(match resolve(path, &document, &mut effort)? {
            Target::Element(node) => match document.kind(node) {
                NodeKind::Element { name, attributes } => format!("{name}{}", attributes.first().map_or("", |a| &a.1)),
                other => panic!("{other:?}"),
            },
            Target::Attribute(node, name) => format!("@{}", document.attribute(node, &name).unwrap()),
            Target::Other(node) => format!("{:?}", document.kind(node)),
        })
    }

    #[test]
    fn the_paths_of_patches_lead_to_one_node() {
        for (path, to) in [
            ("/MPD/@id", "@m"),
            ("MPD/@id", "@m"),
            ("/MPD", "MPDm"),
            ("/d:MPD/d:Period[@id='a']/S[2]", "S2"),
            ("/MPD/Period[2]/@id", "@b]/"),
            ("/MPD/Period[@id=\"b]/\"]/S[1]", "S4"),
            ("/MPD/*[1]/S[@t = '0'][1]", "S0"),
            ("/MPD/Period[BaseURL='x']/BaseURL[.='x']", "BaseURL"),
            ("/MPD/Period[1]/text()", "Text(\"text\")"),
            ("/MPD/Period[1]/comment()", "Comment"),
        ] {
            assert_eq!(follow(path).as_deref(), Ok(to), "{path}");
        }
    }

    #[test]
    fn a_path_to_none_or_several_is_a_miss_with_their_count() {
        for (path, count) in [
            ("/MPD/Period", 2),
            ("/MPD/Period[3]", 0),
            ("/MPD/Period[0]", 0),
            ("/MPD/Period/@id", 2),
            ("/MPD/@no", 0),
            ("/MPD/Period[@id='c']", 0),
            ("/Period", 0),
            ("/MPD/Period[1]/S", 2),
        ] {
            assert_eq!(follow(path), Err(Miss::Count(count)), "{path}");
        }
    }

    #[test]
    fn what_is_no_path_or_no_patchs_is_told_apart() {
        for path in
            ["", "/", "//MPD", "/MPD/", "/MPD[", "/MPD[@id]", "/MPD[@id='m'", "/MPD[last()]", "/MPD/a b", "/MPD[1]x"]
        {
            assert_eq!(follow(path), Err(Miss::Malformed), "{path}");
        }
        assert_eq!(follow(&"/a".repeat(65)), Err(Miss::Malformed), "too many steps");
        assert_eq!(follow(&format!("/{}", "a".repeat(2048))), Err(Miss::Malformed), "too long");
        for path in ["id('m')", "/MPD/namespace::x", "/child::MPD"] {
            assert_eq!(follow(path), Err(Miss::Unknown), "{path}");
        }
    }

    #[test]
    fn the_effort_is_bounded() {
        let document = Document::read(MPD).unwrap();
        let looked = |effort: usize| resolve("/MPD/Period[1]", &document, &mut { effort });
        assert!(looked(5).is_ok());
        assert_eq!(looked(4), Err(Miss::Costly));
    }
}
