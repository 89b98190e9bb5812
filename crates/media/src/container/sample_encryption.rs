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
    /// Size in bytes of the initialization vector that all samples share (default_constant_IV); 0 without one. `None` when it isn't
    /// known, as in a sample group.
    #[serde(skip)]
    pub constant_iv_size: Option<u8>,
    /// Whether the samples are clear although their sample entry is a protected one.
    #[serde(skip)]
    pub clear: bool,
}

impl SampleEncryption {
    /// Returns what is wrong with the initialization vectors that a `tenc` announces: encrypted samples have one of 8 or 16 bytes each,
    /// or share one of 8 or 16 bytes (ISO/IEC 23001-7 8.2). `None` if nothing is, if the samples are clear, and without a `tenc`.
    #[must_use]
    pub(crate) fn vector_problem(&self) -> Option<String> {
        match (self.iv_size?, self.constant_iv_size?) {
            _ if self.clear => None,
            (8 | 16, _) | (0, 8 | 16) => None,
            (0, 0) => {
                Some("announces encrypted samples without initialization vectors, and no constant one".to_owned())
            }
            (0, size) => Some(format!("has a constant initialization vector of {size} bytes; 8 or 16 are allowed")),
            (size, _) => Some(format!(
                "announces initialization vectors of {size} bytes; 8 or 16 are allowed, or 0 with a constant one"
            )),
        }
    }
}

/// Pattern encryption, as `cbcs` uses it: encrypted and clear blocks of 16 bytes alternate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EncryptionPattern {
    /// Number of encrypted blocks in each repetition of the pattern (crypt_byte_block).
    pub crypt: u8,
    /// Number of clear blocks in each repetition of the pattern (skip_byte_block).
    pub skip: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_8_or_16_bytes_or_are_a_constant_one() {
        let problem = |iv_size, constant_iv_size, clear| {
            SampleEncryption { iv_size, constant_iv_size, clear, ..SampleEncryption::default() }.vector_problem()
        };
        for (size, constant) in [(8, 0), (16, 0), (0, 8), (0, 16)] {
            assert_eq!(problem(Some(size), Some(constant), false), None, "{size} {constant}");
        }
        for (size, constant, text) in
            [(7, 0, "of 7 bytes"), (0, 0, "no constant one"), (0, 9, "constant initialization vector of 9 bytes")]
        {
            assert!(problem(Some(size), Some(constant), false).unwrap().contains(text), "{size} {constant}");
            assert_eq!(problem(Some(size), Some(constant), true), None, "clear samples");
        }
        assert_eq!([problem(None, None, false), problem(Some(0), None, false)], [None, None]);
    }
}
