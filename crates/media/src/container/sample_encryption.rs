use crate::drm::{ProtectionScheme, Uuid};
use serde::Serialize;

/// How the samples of a track are encrypted (ISO/IEC 23001-7).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SampleEncryption {
    /// Protection scheme of the track; `None` when the sample entry has no `schm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<ProtectionScheme>,
    /// Key identifier: default_KID of the sample entry, or the KID of the fragment's sample group. `None` when it isn't
    /// known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<Uuid>,
    /// Key identifier of the sample entry (default_KID of `tenc`) where the samples belong to a sample group (`seig`), which names a key of
    /// its own. `None`: the samples belong to no group, or the sample entry names no key.
    #[serde(skip)]
    pub default_kid: Option<Uuid>,
    /// Pattern of encrypted and clear blocks; `None` when no pattern is used and whole ranges are encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<EncryptionPattern>,
    /// Size in bytes of the initialization vector of each sample. 0 means that all samples share one vector. `None`
    /// when it isn't known.
    #[serde(skip)]
    pub iv_size: Option<u8>,
    /// Whether the samples are clear although their sample entry is a protected one.
    #[serde(skip)]
    pub clear: bool,
}

/// Pattern encryption, as `cbcs` uses it: encrypted and clear blocks of 16 bytes alternate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EncryptionPattern {
    /// Number of encrypted blocks in each repetition of the pattern (crypt_byte_block).
    pub crypt: u8,
    /// Number of clear blocks in each repetition of the pattern (skip_byte_block).
    pub skip: u8,
}
