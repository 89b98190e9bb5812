use crate::drm::{ProtectionScheme, Uuid};
use serde::Serialize;

/// How the samples of a track are encrypted (ISO/IEC 23001-7).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SampleEncryption {
    /// Protection scheme; `None` when the sample entry has no `schm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<ProtectionScheme>,
    /// Key identifier: default_KID of the sample entry, or the KID of the fragment's sample group. `None` when it isn't
    /// known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<Uuid>,
    /// Pattern of encrypted and clear blocks; `None` when whole ranges are encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<EncryptionPattern>,
    /// Bytes of the initialization vector of each sample. 0: all samples share one vector. `None` when it isn't known.
    #[serde(skip)]
    pub iv_size: Option<u8>,
    /// Whether the samples are clear although their sample entry is a protected one.
    #[serde(skip)]
    pub clear: bool,
}

/// Alternating runs of encrypted and clear blocks of 16 bytes (pattern encryption, as `cbcs` uses it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EncryptionPattern {
    /// Encrypted blocks in each run (crypt_byte_block).
    pub crypt: u8,
    /// Clear blocks in each run (skip_byte_block).
    pub skip: u8,
}
