//! A finding of a check, and its severity.

use serde::{Deserialize, Serialize};

/// Severity of a finding, ordered: `Warning < Minor < Major < Critical`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A recommendation is not followed; players have no problem with the stream.
    Warning,
    /// A standard is broken, or some functions have problems; most players play on.
    Minor,
    /// Viewers notice the fault.
    Major,
    /// Viewers can't watch the channel now, or soon can't.
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
