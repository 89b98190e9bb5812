//! Value types of HLS attributes (RFC 8216bis 4.2), and the check that a value is of its attribute's type.

use super::attribute_formats::{AttributeFormat, is_128_bits, is_positive};
use super::attributes::AttributePair;
use crate::stream::date;
use std::fmt;

#[derive(Clone, Copy)]
pub(super) enum AttributeType {
    /// The attribute's value is a decimal-integer.
    Integer,
    /// The attribute's value is a hexadecimal-sequence.
    Hexadecimal,
    /// The attribute's value is a hexadecimal-sequence of at most 128 bits.
    Iv,
    /// The attribute's value is a decimal-floating-point.
    Float,
    /// The attribute's value is a decimal-floating-point above 0.
    Positive,
    /// The attribute's value is a signed-decimal-floating-point.
    SignedFloat,
    /// The attribute's value is a quoted-string with at least one character.
    Text,
    /// The attribute's value is a quoted-string that may be empty.
    EmptyText,
    /// The attribute's value is an enumerated-string: one of these words.
    Word(&'static [&'static str]),
    /// The attribute's value is a decimal-resolution.
    Resolution,
    /// The attribute's value is a quoted-string of RFC 6381 codec strings, as that of CODECS.
    Codecs,
    /// The attribute's value is a quoted group or the word NONE, as that of CLOSED-CAPTIONS.
    GroupOrNone,
    /// The attribute's value is a quoted-string `<n>[@<o>]`: a length and an optional offset in bytes.
    Range,
    /// The attribute's value is a quoted-string `<n>@<o>`, as that of BYTERANGE in EXT-X-MAP: length and offset in
    /// bytes.
    MapRange,
    /// The attribute's value is a quoted-string with a date and time of ISO 8601.
    Date,
    /// The attribute's value is a quoted-string with this further format.
    Form(&'static AttributeFormat),
}

impl AttributeType {
    pub(super) fn fits(self, pair: &AttributePair<'_>) -> bool {
        let text = pair.value;
        match self {
            Self::Integer => !pair.quoted && integer(text).is_some(),
            Self::Hexadecimal => !pair.quoted && is_hexadecimal(text),
            Self::Iv => !pair.quoted && is_hexadecimal(text) && is_128_bits(text),
            Self::Float => !pair.quoted && float(text).is_some(),
            Self::Positive => !pair.quoted && is_positive(text),
            Self::SignedFloat => !pair.quoted && float(text.strip_prefix('-').unwrap_or(text)).is_some(),
            Self::Text => pair.quoted && !text.is_empty(),
            Self::EmptyText => pair.quoted,
            Self::Word(words) => !pair.quoted && words.contains(&text),
            Self::Resolution => !pair.quoted && resolution(text).is_some(),
            Self::Codecs => pair.quoted && text.split(',').all(|codec| is_codec(codec.trim_matches(' '))),
            Self::GroupOrNone => {
                if pair.quoted {
                    !text.is_empty()
                } else {
                    text == "NONE"
                }
            }
            Self::Range => pair.quoted && byte_range(text).is_some(),
            Self::MapRange => pair.quoted && byte_range(text).is_some_and(|(_, offset)| offset.is_some()),
            Self::Date => pair.quoted && date::parse(text).is_some(),
            Self::Form(form) => pair.quoted && (form.fits)(text),
        }
    }
}

/// Writes which values the type allows, as the end of the sentence "it must be …".
impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integer => "a whole number from 0 to 18446744073709551615 without quotes",
            Self::Hexadecimal => "a hexadecimal number such as 0x1F without quotes",
            Self::Iv => "a hexadecimal number of at most 32 digits without quotes",
            Self::Float => "a decimal number such as 29.97 without quotes",
            Self::Positive => "a decimal number above 0 without quotes",
            Self::SignedFloat => "a decimal number such as -12.5 without quotes",
            Self::Text => "a string in double quotes, not empty",
            Self::EmptyText => "a string in double quotes",
            Self::Word(words) => return write!(f, "{} without quotes", words.join(" or ")),
            Self::Resolution => "a resolution such as 1920x1080 without quotes",
            Self::Codecs => "codec names in double quotes, divided by commas, such as \"avc1.640028,mp4a.40.2\"",
            Self::GroupOrNone => "a group in double quotes, or NONE without them",
            Self::Range => "a byte range such as \"1024\" or \"1024@0\" in double quotes",
            Self::MapRange => "a byte range with its offset such as \"1024@0\" in double quotes",
            Self::Date => "a date and time such as \"2024-03-05T07:08:09.250Z\" in double quotes",
            Self::Form(form) => form.what,
        })
    }
}

/// Parses a decimal-integer: 1 to 20 digits, at most 2^64-1; `None` for other text.
pub(super) fn integer(text: &str) -> Option<u64> {
    let digits = text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Parses a decimal-floating-point: digits and at most one point; `None` for other text.
pub(super) fn float(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    plain.then(|| text.parse().ok()).flatten().filter(|f: &f64| f.is_finite())
}

/// Parses a byte range `<n>[@<o>]` into length and offset; `None` for other text, and if the end of the range isn't a
/// 64-bit number.
pub(super) fn byte_range(text: &str) -> Option<(u64, Option<u64>)> {
    let Some((length, offset)) = text.split_once('@') else { return Some((integer(text)?, None)) };
    let (length, offset) = (integer(length)?, integer(offset)?);
    offset.checked_add(length).map(|_| (length, Some(offset)))
}

fn resolution(text: &str) -> Option<(u64, u64)> {
    let (width, height) = text.split_once('x')?;
    Some((integer(width)?, integer(height)?))
}

/// Returns whether the text is a hexadecimal-sequence. The grammar has only capital digits, but no MUST forbids small
/// ones, and packagers write both.
pub(super) fn is_hexadecimal(text: &str) -> bool {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_codec(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_has_1_to_20_digits_and_64_bits() {
        assert_eq!(integer("00000000000000000007"), Some(7));
        assert_eq!(integer("000000000000000000007"), None, "21 digits");
        assert_eq!(integer("18446744073709551615"), Some(u64::MAX));
        for text in ["", "18446744073709551616", "-1", "+1", "1.0", " 1", "٣"] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    #[test]
    fn a_float_has_digits_and_at_most_one_point() {
        assert_eq!(
            (float("29.97"), float("0"), float("6."), float(".5")),
            (Some(29.97), Some(0.0), Some(6.0), Some(0.5))
        );
        for text in ["", ".", "1..2", "1e3", "-1", "inf", "NaN", &"9".repeat(400)] {
            assert_eq!(float(text), None, "{text}");
        }
    }

    #[test]
    fn a_byte_range_ends_within_64_bits() {
        assert_eq!(byte_range("100"), Some((100, None)));
        assert_eq!(byte_range("100@20"), Some((100, Some(20))));
        assert_eq!(byte_range("1@18446744073709551614"), Some((1, Some(u64::MAX - 1))));
        for text in ["", "@", "1@", "@1", "1@18446744073709551615", "1@2@3"] {
            assert_eq!(byte_range(text), None, "{text}");
        }
    }

    #[test]
    fn hexadecimal_digits_follow_the_prefix_in_any_case_of_letters() {
        for (text, is) in [("0x1F", true), ("0Xab", true), ("0x", false), ("1F", false), ("0xG", false), ("", false)] {
            assert_eq!(is_hexadecimal(text), is, "{text}");
        }
    }

    #[test]
    fn quotes_are_part_of_each_type() {
        let fits =
            |kind: AttributeType, value, quoted| kind.fits(&AttributePair { name: "A", value, quoted, sound: true });
        for (kind, value) in [
            (AttributeType::Integer, "1"),
            (AttributeType::Hexadecimal, "0x1"),
            (AttributeType::Iv, "0x1"),
            (AttributeType::Float, "1"),
            (AttributeType::Positive, "1"),
            (AttributeType::SignedFloat, "-1"),
            (AttributeType::Word(&["A", "B"]), "B"),
            (AttributeType::Resolution, "1x1"),
            (AttributeType::GroupOrNone, "NONE"),
        ] {
            assert!(fits(kind, value, false), "{kind}");
            assert_eq!(fits(kind, value, true), matches!(kind, AttributeType::GroupOrNone), "{kind}");
        }
        for (kind, value) in [
            (AttributeType::Text, "a"),
            (AttributeType::EmptyText, ""),
            (AttributeType::Codecs, "avc1.640028, mp4a.40.2"),
            (AttributeType::GroupOrNone, "a"),
            (AttributeType::Range, "1"),
            (AttributeType::MapRange, "1@0"),
            (AttributeType::Date, "2026-01-01T00:00:00Z"),
        ] {
            assert!(fits(kind, value, true), "{kind}");
            assert!(!fits(kind, value, false), "{kind}");
        }
        assert!(!fits(AttributeType::Text, "", true) && !fits(AttributeType::GroupOrNone, "", true));
        assert!(!fits(AttributeType::MapRange, "1", true), "a map's range has an offset");
        assert!(!fits(AttributeType::SignedFloat, "--1", false));
    }
}
