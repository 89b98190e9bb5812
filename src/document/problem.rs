//! Faults of a document and their texts for the person who edits it.

use super::node::{Syntax, SyntaxError};
use super::{Document, Node, NodeIndex, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Largest number of problems that are reported for one document. Each problem costs another pass over the text to find
/// its line.
pub(crate) const MAX_REPORTED: usize = 20;

/// A fault in a document, with the index of the node that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Index of the faulty node. `None`: the node isn't known yet.
    pub at: Option<NodeIndex>,
    /// Whether the fault is about a key of the document. Its path is then that of the section which contains the key.
    pub about_key: bool,
    pub message: String,
    /// Suggestion that follows the message and the path: the nearest names that are valid at this place of the
    /// document.
    pub hint: String,
    /// Whether the fault is that a required key is missing.
    pub missing: bool,
}

impl Fault {
    /// Makes a fault about the value of the node with the index `at`.
    #[must_use]
    pub fn value(at: NodeIndex, message: impl Into<String>) -> Self {
        Self { at: Some(at), ..Self::floating(message) }
    }

    /// Makes a fault about the key with the index `at`.
    #[must_use]
    pub fn key(at: NodeIndex, message: impl Into<String>) -> Self {
        Self { at: Some(at), about_key: true, ..Self::floating(message) }
    }

    pub(super) fn floating(message: impl Into<String>) -> Self {
        Self { at: None, about_key: false, message: message.into(), hint: String::new(), missing: false }
    }
}

/// A fault in a configuration, displayed as `file:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path of the faulty file, or name of the environment variable.
    pub source: String,
    /// Line and column of the fault, both from 1. `None`: the fault has no position, such as that of an environment
    /// variable.
    pub position: Option<(usize, usize)>,
    pub message: String,
}

impl Problem {
    #[must_use]
    pub fn of(source: &str, message: impl Into<String>) -> Self {
        Self { source: source.to_owned(), position: None, message: message.into() }
    }

    pub(super) fn syntax(source: &str, text: &str, form: Syntax, broken: &SyntaxError) -> Self {
        let SyntaxError { position, message } = broken;
        let line = position.and_then(|(line, _)| text.lines().nth(line.saturating_sub(1))).unwrap_or_default();
        let (form, hint) = match form {
            Syntax::Json if starts_with_no_number(line, position.map_or(0, |(_, column)| column)) => {
                ("JSON", " (JSON has no NaN and no Infinity: write null, or leave the key out)")
            }
            Syntax::Json => ("JSON", ""),
            Syntax::Yaml if line.starts_with('\t') => ("YAML", " (YAML is indented with spaces, never with tabs)"),
            Syntax::Yaml => ("YAML", ""),
        };
        // The position stands in front already.
        let message =
            position.map_or(message.clone(), |(l, c)| message.replace(&format!(" at line {l} column {c}"), ""));
        Self { source: source.to_owned(), position: *position, message: format!("not valid {form}: {message}{hint}") }
    }
}

/// Returns whether NaN or Infinity, as Python and JavaScript print them, begins at `column` (in bytes, from 1).
fn starts_with_no_number(line: &str, column: usize) -> bool {
    let rest = column.checked_sub(1).and_then(|at| line.get(at..)).unwrap_or_default();
    ["NaN", "Infinity"].iter().any(|word| rest.starts_with(word))
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// All problems of one or more documents, displayed as one line each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentErrors(pub Vec<Problem>);

impl DocumentErrors {
    /// Returns `Ok(value)` if the list of problems is empty, else the problems.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl std::error::Error for DocumentErrors {}

impl fmt::Display for DocumentErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl From<Problem> for DocumentErrors {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// Returns the candidate with the smallest edit distance to `word`. `None`: no candidate is near enough, or `word` is
/// longer than 128 bytes.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (word.chars().count() / 3).clamp(1, 4);
    if word.len() > 128 {
        return None;
    }
    candidates
        .into_iter()
        .filter(|c| c.len().abs_diff(word.len()) <= bound)
        .map(|c| (strsim::damerau_levenshtein(word, c), c))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

/// Returns the suggestion `; did you mean …? Known: …`: the known name that is nearest to `word`, and the list of all
/// known names. It is empty if there are none.
#[must_use]
pub(crate) fn suggestion(word: &str, known: &[&str]) -> String {
    let meant = nearest(word, known.iter().copied()).map_or(String::new(), |n| format!("; did you mean `{n}`?"));
    let separator = if meant.is_empty() { "; known:" } else { " Known:" };
    if known.is_empty() { meant } else { format!("{meant}{separator} {}", known.join(", ")) }
}

pub(super) fn locate_all(document: &Document, faults: Vec<Fault>) -> DocumentErrors {
    // The same spot is read again for each section built on it.
    let mut seen = BTreeSet::new();
    let mut unique: BTreeMap<NodeIndex, Vec<Fault>> = BTreeMap::new();
    for fault in faults {
        let at = fault.at.unwrap_or_default();
        if seen.insert((at, fault.message.clone())) {
            unique.entry(at).or_default().push(fault);
        }
    }
    let total: usize = unique.values().map(Vec::len).sum();
    let shown = unique.into_iter().flat_map(|(at, faults)| faults.into_iter().map(move |fault| (at, fault)));
    let mut problems: Vec<Problem> = shown.take(MAX_REPORTED).map(|(at, fault)| problem(document, at, fault)).collect();
    if total > MAX_REPORTED {
        problems.push(Problem::of(&document.name, format!("{} more problems are not shown", total - MAX_REPORTED)));
    }
    DocumentErrors(problems)
}

fn problem(document: &Document, at: NodeIndex, fault: Fault) -> Problem {
    let path = path(&document.root, at, fault.about_key).unwrap_or_default();
    let message = match (path.is_empty(), fault.about_key) {
        (true, _) => fault.message,
        (false, true) => format!("{} in {path}", fault.message),
        (false, false) => format!("{path}: {}", fault.message),
    };
    Problem { source: document.name.clone(), position: document.position(at), message: message + &fault.hint }
}

/// Returns the path of the node with the index `at`, such as `TPL_LIVE_HD.ladder.video[2]`; for a key, the path of the
/// section that contains it.
fn path(node: &Node, at: NodeIndex, key: bool) -> Option<String> {
    match &node.value {
        _ if !key && node.at == at => Some(String::new()),
        Value::Map(entries) => entries.iter().find_map(|(k, inner)| {
            if key && k.at == at {
                return Some(String::new());
            }
            path(inner, at, key).map(|rest| joined(&k.name, rest))
        }),
        Value::List(nodes) => nodes
            .iter()
            .enumerate()
            .find_map(|(i, inner)| path(inner, at, key).map(|rest| joined(&format!("[{i}]"), rest))),
        _ => None,
    }
}

fn joined(head: &str, rest: String) -> String {
    match rest.chars().next() {
        None => head.to_owned(),
        Some('[') => head.to_owned() + &rest,
        Some(_) => format!("{head}.{rest}"),
    }
}
