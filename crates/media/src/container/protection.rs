use crate::drm::{Id, Scheme};
use serde::Serialize;

/// How samples of a track are encrypted (ISO/IEC 23001-7).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Protection {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// default_KID, or that of the fragment's sample group. `None` where it isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// Bytes of each sample's initialization vector; 0 where all have one in common, `None` where it isn't known.
    #[serde(skip)]
    pub vector_size: Option<u8>,
    /// The samples are clear, though their entry is a protected one.
    #[serde(skip)]
    pub clear: bool,
}

/// Blocks of 16 bytes that are encrypted and that are left clear, in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pattern {
    pub crypt: u8,
    pub skip: u8,
}
