//! Codec strings (RFC 6381), such as `avc1.64001f`. Bitstreams and manifests are parsed to the same type, so that they
//! can be compared.

use serde::{Serialize, Serializer};
use std::fmt;

/// A codec with the profile and level of its codec string (RFC 6381). Strings that differ only in the sample entry
/// (`avc1`, `avc3`) are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// H.264 with three bytes of its sequence parameter set: profile, constraints and level (ISO/IEC 14496-15 annex E).
    Avc {
        /// profile_idc of H.264, such as 100 for High.
        profile: u8,
        /// Byte of the constraint_set flags of H.264.
        constraints: u8,
        /// level_idc of H.264: 10 times the level.
        level: u8,
    },
    /// HEVC with its profile, tier and level.
    Hevc(HevcProfileTierLevel),
    /// AV1 (AV1 Codec ISO Media File Format Binding, "Codecs Parameter String").
    Av1 { profile: u8, level: u8, high_tier: bool, bit_depth: u8 },
    /// Dolby Vision with its profile and level, whatever codec the base layer has.
    DolbyVision { profile: u8, level: u8 },
    /// MPEG-4 audio (AAC) by its audio object type: 2 LC, 5 HE, 29 HE v2, 42 xHE.
    Aac { object_type: u8 },
    /// MPEG audio, layer III (MP3).
    Mp3,
    /// MPEG audio, layers I and II.
    Mp2,
    /// Dolby Digital (AC-3).
    Ac3,
    /// Dolby Digital Plus (E-AC-3).
    Eac3,
    /// Opus audio.
    Opus,
    /// FLAC audio.
    Flac,
}

/// Profile, tier and level of HEVC (ISO/IEC 14496-15 annex E.3), from profile_tier_level of ISO/IEC 23008-2 7.3.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HevcProfileTierLevel {
    /// general_profile_space of HEVC.
    pub space: u8,
    /// general_profile_idc of HEVC.
    pub profile: u8,
    /// general_profile_compatibility_flags of HEVC, with the flag of profile 0 as the highest bit.
    pub compatibility: u32,
    /// general_tier_flag of HEVC: whether the stream has the High tier.
    pub high_tier: bool,
    /// general_level_idc of HEVC: 30 times the level.
    pub level: u8,
    /// The 48 constraint bits that follow the compatibility flags in profile_tier_level of HEVC.
    pub constraints: [u8; 6],
}

impl Codec {
    /// Parses one codec string of a CODECS attribute; `None` for a malformed string or an unknown codec.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (entry, rest) = text.split_once('.').unwrap_or((text, ""));
        match entry.to_ascii_lowercase().as_str() {
            "avc1" | "avc3" => avc(rest),
            "hvc1" | "hev1" => hevc(rest).map(Self::Hevc),
            "av01" => av1(rest),
            // In HEVC, H.264 and AV1.
            "dvh1" | "dvhe" | "dva1" | "dvav" | "dav1" => {
                let (profile, level) = rest.split_once('.')?;
                Some(Self::DolbyVision { profile: profile.parse().ok()?, level: level.parse().ok()? })
            }
            "mp4a" => mp4a(rest),
            "mp3" => Some(Self::Mp3),
            "ac-3" => Some(Self::Ac3),
            "ec-3" => Some(Self::Eac3),
            "opus" => Some(Self::Opus),
            "flac" => Some(Self::Flac),
            _ => None,
        }
    }

    /// Returns whether the codec is a video codec.
    #[must_use]
    pub fn is_video(self) -> bool {
        matches!(self, Self::Avc { .. } | Self::Hevc(_) | Self::Av1 { .. } | Self::DolbyVision { .. })
    }

    /// Returns the name of the codec's profile; `None` for a codec without profiles or an unknown profile.
    #[must_use]
    pub fn profile(self) -> Option<&'static str> {
        match self {
            Self::Avc { profile, constraints, .. } => avc_profile(profile, constraints),
            Self::Hevc(hevc) => match hevc.profile {
                1 => Some("Main"),
                2 => Some("Main 10"),
                3 => Some("Main Still Picture"),
                4 => Some("Range Extensions"),
                _ => None,
            },
            Self::Av1 { profile, .. } => ["Main", "High", "Professional"].get(usize::from(profile)).copied(),
            Self::Aac { object_type } => match object_type {
                1 => Some("Main"),
                2 => Some("LC"),
                5 => Some("HE-AAC"),
                29 => Some("HE-AAC v2"),
                42 => Some("xHE-AAC"),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the codec's level as people write it, such as `4.1`. `None` for a codec without levels.
    #[must_use]
    pub fn level(self) -> Option<String> {
        let tenths = |tenths: u32| format!("{}.{}", tenths / 10, tenths % 10);
        match self {
            Self::Avc { level, .. } => Some(tenths(u32::from(level))),
            Self::Hevc(hevc) => Some(tenths(u32::from(hevc.level) / 3)),
            Self::Av1 { level: level @ 0..=23, .. } => Some(format!("{}.{}", 2 + level / 4, level % 4)),
            _ => None,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Avc { profile, constraints, level } => write!(f, "avc1.{profile:02x}{constraints:02x}{level:02x}"),
            Self::Hevc(hevc) => hevc.fmt(f),
            Self::Av1 { profile, level, high_tier, bit_depth } => {
                write!(f, "av01.{profile}.{level:02}{}.{bit_depth:02}", if high_tier { 'H' } else { 'M' })
            }
            Self::DolbyVision { profile, level } => write!(f, "dvh1.{profile:02}.{level:02}"),
            Self::Aac { object_type } => write!(f, "mp4a.40.{object_type}"),
            Self::Mp3 => f.write_str("mp4a.40.34"),
            Self::Mp2 => f.write_str("mp4a.40.33"),
            Self::Ac3 => f.write_str("ac-3"),
            Self::Eac3 => f.write_str("ec-3"),
            Self::Opus => f.write_str("opus"),
            Self::Flac => f.write_str("fLaC"),
        }
    }
}

impl fmt::Display for HevcProfileTierLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = ["", "A", "B", "C"].get(usize::from(self.space)).copied().unwrap_or_default();
        let compatibility = self.compatibility.reverse_bits();
        let tier = if self.high_tier { 'H' } else { 'L' };
        write!(f, "hvc1.{space}{}.{compatibility:X}.{tier}{}", self.profile, self.level)?;
        let used = self.constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self.constraints.iter().take(used).try_for_each(|byte| write!(f, ".{byte:X}"))
    }
}

impl Serialize for Codec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Parses the part of an H.264 codec string behind `avc1.`: six hexadecimal digits, or profile and level in decimal, as
/// older writers have them (`avc1.66.30`).
fn avc(rest: &str) -> Option<Codec> {
    if let Some((profile, level)) = rest.split_once('.') {
        return Some(Codec::Avc { profile: profile.parse().ok()?, constraints: 0, level: level.parse().ok()? });
    }
    let value = u32::from_str_radix(rest, 16).ok().filter(|_| rest.len() == 6)?;
    let [_, profile, constraints, level] = value.to_be_bytes();
    Some(Codec::Avc { profile, constraints, level })
}

fn hevc(rest: &str) -> Option<HevcProfileTierLevel> {
    let mut parts = rest.split('.');
    let profile = parts.next()?;
    let space = match profile.bytes().next()? {
        b @ b'A'..=b'C' => b - b'A' + 1,
        _ => 0,
    };
    let profile = profile.trim_start_matches(['A', 'B', 'C']).parse().ok()?;
    let compatibility = u32::from_str_radix(parts.next()?, 16).ok()?.reverse_bits();
    let tier = parts.next()?;
    let level = tier.get(1..)?.parse().ok()?;
    let high_tier = match tier.get(..1)? {
        "L" => false,
        "H" => true,
        _ => return None,
    };
    let mut constraints = [0; 6];
    for (byte, part) in constraints.iter_mut().zip(parts) {
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    Some(HevcProfileTierLevel { space, profile, compatibility, high_tier, level, constraints })
}

/// Parses the part of an AV1 codec string behind `av01.`: `P.LLT.DD` (profile, level and tier, bit depth). Optional
/// values behind it are ignored.
fn av1(rest: &str) -> Option<Codec> {
    let mut parts = rest.split('.');
    let profile = parts.next()?.parse().ok()?;
    let level = parts.next()?;
    let high_tier = level.ends_with('H');
    let level = level.trim_end_matches(['M', 'H']).parse().ok()?;
    Some(Codec::Av1 { profile, level, high_tier, bit_depth: parts.next()?.parse().ok()? })
}

/// Parses the part of a codec string behind `mp4a.`: an object type indication in hexadecimal; behind 40 an audio
/// object type in decimal (RFC 6381 3.3).
fn mp4a(rest: &str) -> Option<Codec> {
    let (indication, object_type) = rest.split_once('.').unwrap_or((rest, ""));
    match indication.to_ascii_lowercase().as_str() {
        "40" => match object_type.parse().ok()? {
            34 => Some(Codec::Mp3),
            32 | 33 => Some(Codec::Mp2),
            object_type => Some(Codec::Aac { object_type }),
        },
        "66" => Some(Codec::Aac { object_type: 1 }),
        "67" => Some(Codec::Aac { object_type: 2 }),
        "68" => Some(Codec::Aac { object_type: 3 }),
        "69" | "6b" => Some(Codec::Mp3),
        "a5" => Some(Codec::Ac3),
        "a6" => Some(Codec::Eac3),
        "ad" => Some(Codec::Opus),
        _ => None,
    }
}

/// Returns the name of an H.264 profile (ISO/IEC 14496-10 annex A.2); `None` when it isn't known.
fn avc_profile(profile: u8, constraints: u8) -> Option<&'static str> {
    match profile {
        66 if constraints & 0x40 != 0 => Some("Constrained Baseline"),
        66 => Some("Baseline"),
        77 => Some("Main"),
        88 => Some("Extended"),
        100 => Some("High"),
        110 => Some("High 10"),
        122 => Some("High 4:2:2"),
        244 => Some("High 4:4:4 Predictive"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parsed_string_is_displayed_unchanged() {
        for text in [
            "avc1.64001f",
            "hvc1.2.4.L153.B0",
            "hvc1.A1.6.H120.90.0.1",
            "hvc1.1.6.L93",
            "av01.0.04M.08",
            "av01.2.13H.10",
            "dvh1.05.06",
            "mp4a.40.2",
            "mp4a.40.42",
            "mp4a.40.34",
            "mp4a.40.33",
            "ac-3",
            "ec-3",
            "opus",
            "fLaC",
        ] {
            assert_eq!(Codec::parse(text).map(|c| c.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn different_spellings_of_a_codec_are_equal() {
        for (a, b) in [
            ("avc3.64001F", "avc1.64001f"),
            ("hev1.2.4.L153.B0", "hvc1.2.4.L153.b0"),
            ("avc1.66.30", "avc1.42001e"),
            ("mp4a.67", "mp4a.40.2"),
            ("mp4a.6B", "mp4a.40.34"),
            ("Opus", "opus"),
            ("dvhe.08.04", "dvh1.08.04"),
            ("dav1.10.06", "dvh1.10.06"),
            ("av01.0.04M.10.0.112.09.16.09.0", "av01.0.04M.10"),
            ("mp4a.a6", "ec-3"),
        ] {
            let (a, b) = (Codec::parse(a), Codec::parse(b));
            assert!(a.is_some() && a == b, "{a:?} {b:?}");
        }
    }

    #[test]
    fn malformed_strings_are_refused() {
        for text in [
            "",
            "avc1",
            "avc1.64",
            "avc1.64001fff",
            "avc1.zz001f",
            "hvc1.",
            "hvc1.2.4.X153",
            "hvc1.2.4.é1",
            "mp4a.40",
            "mp4a.40.x",
            "av01.0",
            "vp09.00.10.08",
            "dvh1.05",
        ] {
            assert_eq!(Codec::parse(text), None, "{text}");
        }
    }

    #[test]
    fn profiles_and_levels_have_names() {
        let named = |text| Codec::parse(text).map(|c| (c.profile(), c.level())).unwrap();
        assert_eq!(named("avc1.42c01e"), (Some("Constrained Baseline"), Some("3.0".to_owned())));
        assert_eq!(named("hvc1.2.4.L153.B0"), (Some("Main 10"), Some("5.1".to_owned())));
        assert_eq!(named("av01.0.13M.10"), (Some("Main"), Some("5.1".to_owned())));
        assert_eq!(named("mp4a.40.5"), (Some("HE-AAC"), None));
        assert_eq!(named("avc1.ff00ff"), (None, Some("25.5".to_owned())));
    }
}
