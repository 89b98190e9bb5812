//! Names of common encryption (ISO/IEC 23001-7): key identifiers, schemes, DRM systems.

mod pssh;

pub use pssh::{Pssh, in_data_uri};

use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// A key identifier (KID) or a system's id: 16 bytes, shown as a UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id([u8; 16]);

impl Id {
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// `None` unless it has exactly 16 bytes.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// 32 hexadecimal digits, as KEYID (`0x…`) or as a UUID writes them.
    #[must_use]
    pub fn written(text: &str) -> Option<Self> {
        let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        let digits: String = text.chars().filter(|c| *c != '-').take(33).collect();
        let plain = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        u128::from_str_radix(&digits, 16).ok().filter(|_| plain).map(|n| Self(n.to_be_bytes()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let hyphen = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{hyphen}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whoever gives out licences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    Widevine,
    PlayReady,
    FairPlay,
    ClearKey,
}

/// System ids as DASH-IF lists them.
const SYSTEMS: [(System, Id); 4] = [
    (System::Widevine, Id(0xedef_8ba9_79d6_4ace_a3c8_27dc_d51d_21ed_u128.to_be_bytes())),
    (System::PlayReady, Id(0x9a04_f079_9840_4286_ab92_e65b_e088_5f95_u128.to_be_bytes())),
    (System::FairPlay, Id(0x94ce_86fb_07ff_4f43_adb8_93d2_fa96_8ca2_u128.to_be_bytes())),
    (System::ClearKey, Id(0xe271_9d58_a985_b3c9_781a_b030_af78_d30e_u128.to_be_bytes())),
];

impl System {
    #[must_use]
    pub fn of_id(id: Id) -> Option<Self> {
        SYSTEMS.iter().find(|(_, known)| *known == id).map(|(system, _)| *system)
    }

    #[must_use]
    pub fn id(self) -> Option<Id> {
        SYSTEMS.iter().find(|(system, _)| *system == self).map(|(_, id)| *id)
    }

    /// By KEYFORMAT of a playlist.
    #[must_use]
    pub fn of_key_format(format: &str) -> Option<Self> {
        match format {
            "com.apple.streamingkeydelivery" => Some(Self::FairPlay),
            "com.microsoft.playready" => Some(Self::PlayReady),
            "com.widevine" | "com.widevine.alpha" => Some(Self::Widevine),
            "org.w3.clearkey" => Some(Self::ClearKey),
            _ => Self::of_id(Id::written(format.strip_prefix("urn:uuid:")?)?),
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Widevine => "widevine",
            Self::PlayReady => "playready",
            Self::FairPlay => "fairplay",
            Self::ClearKey => "clearkey",
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Widevine => "Widevine",
            Self::PlayReady => "PlayReady",
            Self::FairPlay => "FairPlay",
            Self::ClearKey => "ClearKey",
        })
    }
}

/// scheme_type of a protected track: `cenc`, `cens`, `cbc1`, `cbcs`, or another four-character code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheme(pub [u8; 4]);

impl Scheme {
    pub const CENC: Self = Self(*b"cenc");
    pub const CBCS: Self = Self(*b"cbcs");

    /// One that ISO/IEC 23001-7 defines: its tracks have a `tenc`.
    #[must_use]
    pub fn is_common(self) -> bool {
        matches!(&self.0, b"cenc" | b"cens" | b"cbc1" | b"cbcs")
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl Serialize for Scheme {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_identifier_is_read_in_each_of_its_spellings() {
        let id = Id::read(&[0xab; 16]).unwrap();
        assert_eq!(id.to_string(), "abababab-abab-abab-abab-abababababab");
        for text in [format!("0x{}", "AB".repeat(16)), "ab".repeat(16), id.to_string()] {
            assert_eq!(Id::written(&text), Some(id), "{text}");
        }
        let long = "a".repeat(33);
        for wrong in ["", "0x", "0xab", "+bababababababababababababababab", &long, "gggggggggggggggggggggggggggggggg"] {
            assert_eq!(Id::written(wrong), None, "{wrong}");
        }
        assert_eq!(Id::read(&[0; 15]), None);
    }

    #[test]
    fn systems_are_known_by_key_format_and_by_id() {
        let widevine = "urn:uuid:EDEF8BA9-79D6-4ACE-A3C8-27DCD51D21ED";
        assert_eq!(System::of_key_format(widevine), Some(System::Widevine));
        assert_eq!(System::of_key_format("com.microsoft.playready"), Some(System::PlayReady));
        assert_eq!(System::of_key_format("com.apple.streamingkeydelivery"), Some(System::FairPlay));
        assert_eq!([System::of_key_format("identity"), System::of_key_format("urn:uuid:é")], [None; 2]);
        for (system, id) in SYSTEMS {
            assert_eq!((System::of_id(id), system.id()), (Some(system), Some(id)));
        }
    }
}
