//! A finding of a check, and its severity.

use serde::{Deserialize, Serialize};

/// Ordered: `Warning < Minor < Major < Critical`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A standard's SHOULD, or a habit worth knowing.
    Warning,
    /// A standard is broken; players cope.
    Minor,
    /// Some viewers suffer.
    Major,
    /// Viewers can't watch.
    Critical,
}

impl Severity {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Critical => "critical",
        }
    }
}

/// One violation that a check reports.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    pub check: &'static str,
    pub severity: Severity,
    pub output: String,
    pub rendition: Option<String>,
    pub message: String,
    pub evidence: serde_json::Map<String, serde_json::Value>,
    pub reference: &'static str,
}
