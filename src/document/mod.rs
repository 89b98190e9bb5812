//! Strict reading of YAML files and JSON bodies: every unknown key and every bad value is reported with line and
//! column.
//!
//! A document is parsed to a tree of [`Node`]s first. Trees can be merged over each other (`extends`, `defaults`), and
//! each key keeps its position. Then serde turns the tree into a value, and each value that serde refuses becomes a
//! [`Problem`].

mod bit_rate;
mod de;
mod length;
mod node;
mod problem;
#[cfg(test)]
mod tests;

pub(crate) use bit_rate::BitRate;
pub(crate) use de::{deserialize, deserialize_partial};
pub(crate) use length::TimeLength;
pub(crate) use node::{HEADER_SECTIONS, Key, Node, NodeIndex, Value};
pub(crate) use problem::{DocumentErrors, Fault, MAX_REPORTED, Problem, nearest, suggestion};

use std::io::Read as _;
use std::path::Path;

/// Largest document that is read, in bytes. A file with 20,000 channels has 2.3 MB.
pub(crate) const MAX_FILE_BYTES: u64 = 16 << 20;

/// A parsed YAML or JSON document, with its text for the positions of faults.
#[derive(Debug, Clone)]
pub struct Document {
    /// Name of the document in messages: the path of a file, or a description of the text.
    pub name: String,
    text: String,
    form: node::Syntax,
    pub root: Node,
}

impl Document {
    /// Reads and parses a YAML file of at most [`MAX_FILE_BYTES`]. A text that is not UTF-8 or not YAML, and a key
    /// given twice, are errors.
    pub fn open(path: &Path) -> Result<Self, DocumentErrors> {
        let name = path.display().to_string();
        let text = read_text(path, MAX_FILE_BYTES).map_err(|message| Problem::of(&name, message))?;
        Self::parse(name, text)
    }

    /// Parses the YAML document `text`, which messages call `name`.
    pub fn parse(name: String, text: String) -> Result<Self, DocumentErrors> {
        Self::written_in(node::Syntax::Yaml, name, text)
    }

    /// Parses the JSON document `text`, which messages call `name`.
    pub fn parse_json(name: String, text: String) -> Result<Self, DocumentErrors> {
        Self::written_in(node::Syntax::Json, name, text)
    }

    fn written_in(form: node::Syntax, name: String, text: String) -> Result<Self, DocumentErrors> {
        let (root, repeated) =
            node::build(&text, form).map_err(|e| DocumentErrors::from(Problem::syntax(&name, &text, form, &e)))?;
        let document = Self { name, text, form, root };
        if repeated.is_empty() {
            return Ok(document);
        }
        let faults = repeated.into_iter().take(MAX_REPORTED).map(|twice| {
            let first = node::locate(&document.text, form, twice.first).map_or(0, |(line, _)| line);
            Fault::key(twice.second, format!("`{}` is given twice, first in line {first}", twice.name))
        });
        Err(document.errors(faults.collect()))
    }

    /// Turns faults into errors with file, line, column and path. Each node is reported once.
    #[must_use]
    pub fn errors(&self, faults: Vec<Fault>) -> DocumentErrors {
        problem::locate_all(self, faults)
    }

    /// Returns line and column of a node or key, both from 1. `None`: the node is not in the document.
    #[must_use]
    pub fn position(&self, at: NodeIndex) -> Option<(usize, usize)> {
        node::locate(&self.text, self.form, at)
    }
}

/// Reads the text of a regular file of at most `max_bytes`. The error says what is wrong, without the path.
pub(crate) fn read_text(path: &Path, max_bytes: u64) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|e| format!("can't be opened: {e}"))?;
    let regular = file.metadata().map_err(|e| format!("can't be read: {e}"))?.is_file();
    if !regular {
        return Err("is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(|e| format!("can't be read: {e}"))?;
    if bytes.len() as u64 > max_bytes {
        return Err(format!("is larger than {max_bytes} bytes"));
    }
    text_of(bytes)
}

/// Decodes a text in UTF-8, or in UTF-16 with a byte order mark, as spreadsheet programs write it. The mark isn't part of the text: some
/// editors write it into a file with a password. The error says where the text is neither, and what to do.
pub(crate) fn text_of(mut bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        bytes.drain(..3);
    }
    let utf16 = |code: fn([u8; 2]) -> u16| {
        let units = bytes.get(2..).unwrap_or_default().chunks_exact(2);
        let units = units.map(|pair| code(pair.try_into().unwrap_or_default()));
        char::decode_utf16(units).collect::<Result<String, _>>()
    };
    let decoded = match bytes.as_slice() {
        [0xFF, 0xFE, ..] => utf16(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => utf16(u16::from_be_bytes),
        _ => {
            return String::from_utf8(bytes).map_err(|e| {
                let at = e.utf8_error().valid_up_to();
                let line = 1 + e.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count();
                format!("is not UTF-8: bad byte at offset {at}, in line {line}; save the file as UTF-8 (in Excel: CSV UTF-8)")
            });
        }
    };
    decoded.map_err(|_| {
        "is not the UTF-16 that its byte order mark announces; save the file as UTF-8 (in Excel: CSV UTF-8)".to_owned()
    })
}
