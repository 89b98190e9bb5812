//! Formats of attribute values, where RFC 8216bis says more about the content of a string or number than its type.

use super::attribute_types::{float, integer};

pub(super) struct AttributeFormat {
    pub fits: fn(&str) -> bool,
    /// Text that completes the sentence "it must be …" in the message of a defect.
    pub what: &'static str,
}

/// Format of a variable name in EXT-X-DEFINE (RFC 8216bis 4.4.2.3).
pub(super) static VARIABLE: AttributeFormat =
    AttributeFormat { fits: is_variable, what: "of the characters a-z A-Z 0-9 - _ in quotes" };
/// Format of KEYFORMATVERSIONS (RFC 8216bis 4.4.4.4).
pub(super) static KEY_VERSIONS: AttributeFormat =
    AttributeFormat { fits: is_versions, what: "positive numbers divided by / such as \"1/2\"" };
/// Format of LANGUAGE (RFC 8216bis 4.4.6.1, RFC 5646 2.1).
pub(super) static LANGUAGE: AttributeFormat =
    AttributeFormat { fits: is_language, what: "a language tag of RFC 5646 such as \"vi\" or \"en-GB\"" };
/// Format of STABLE-VARIANT-ID and STABLE-RENDITION-ID (RFC 8216bis 4.4.6.1, 4.4.6.2).
pub(super) static STABLE: AttributeFormat =
    AttributeFormat { fits: is_stable, what: "of the characters a-z A-Z 0-9 + / = . - _ in quotes" };
/// Format of INSTREAM-ID (RFC 8216bis 4.4.6.1).
pub(super) static INSTREAM: AttributeFormat =
    AttributeFormat { fits: is_instream, what: "of the characters A-Z a-z 0-9 . in quotes" };
/// Format of CHANNELS (RFC 8216bis 4.4.6.1).
pub(super) static CHANNELS: AttributeFormat = AttributeFormat {
    fits: is_channels,
    what: "a number of channels such as \"2\", with identifiers of A-Z 0-9 - behind slashes where there are any",
};
/// Format of ALLOWED-CPC (RFC 8216bis 4.4.6.2). The labels of Apple's content protection have small letters
/// (`com.apple.streamingkeydelivery:AppleMain/Main`), those of Widevine have `_`.
pub(super) static CPC: AttributeFormat =
    AttributeFormat { fits: is_cpc, what: "entries such as \"com.example.drm:SMART-TV/PC\", divided by commas" };
/// Format of SUPPLEMENTAL-CODECS (RFC 8216bis 4.4.6.2).
pub(super) static SUPPLEMENTAL: AttributeFormat = AttributeFormat {
    fits: is_supplemental,
    what: "codecs with their brands such as \"dvh1.08.07/db4h\", divided by commas",
};
/// Format of REQ-VIDEO-LAYOUT (RFC 8216bis 4.4.6.2).
pub(super) static LAYOUT: AttributeFormat = AttributeFormat {
    fits: is_layout,
    what: "entries of specifiers such as \"CH-STEREO/PROJ-RECT,CH-MONO\", none of them empty",
};
/// Format of PATHWAY-ID (draft-pantos-content-steering).
pub(super) static PATHWAY: AttributeFormat =
    AttributeFormat { fits: is_pathway, what: "of the characters a-z A-Z 0-9 . - _ in quotes" };
/// Format of a list of words in a quoted string (RFC 8216bis 4.2).
pub(super) static WORDS: AttributeFormat =
    AttributeFormat { fits: is_words, what: "words in double quotes, divided by commas without spaces" };

pub(super) fn is_variable(text: &str) -> bool {
    consists_of(text, b"-_")
}

fn consists_of(text: &str, more: &[u8]) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
}

fn is_versions(text: &str) -> bool {
    text.split('/').all(|version| integer(version).is_some_and(|n| n > 0))
}

/// Returns whether the text is a well-formed language tag; whether its subtags are registered isn't checked.
fn is_language(text: &str) -> bool {
    let mut subtags = text.split('-');
    let first = subtags.next().unwrap_or_default();
    let begins = (1..=8).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic());
    begins && subtags.all(|tag| (1..=8).contains(&tag.len()) && consists_of(tag, b""))
}

fn is_stable(text: &str) -> bool {
    consists_of(text, b"+/=.-_")
}

fn is_instream(text: &str) -> bool {
    consists_of(text, b".")
}

/// Returns whether the text names a line 21 channel or a service block of closed captions (RFC 8216bis 4.4.6.1).
pub(super) fn is_caption(text: &str) -> bool {
    let service = text.strip_prefix("SERVICE").and_then(integer);
    ["CC1", "CC2", "CC3", "CC4"].contains(&text) || service.is_some_and(|n| (1..=63).contains(&n))
}

fn is_channels(text: &str) -> bool {
    let mut parameters = text.split('/');
    let identifier = |id: &str| id.is_empty() || id.bytes().all(is_label);
    let count = parameters.next().and_then(integer).is_some();
    let rest: Vec<&str> = parameters.take(8).collect();
    let empty_second = rest.len() > 1 && rest.first().is_some_and(|p| p.is_empty());
    count && !empty_second && rest.iter().all(|list| list.split(',').all(identifier))
}

fn is_label(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-'
}

/// Spaces after the commas of ALLOWED-CPC are accepted, because an example of the standard has one.
fn is_cpc(text: &str) -> bool {
    text.split(',').all(|entry| {
        let Some((format, labels)) = entry.trim_matches(' ').rsplit_once(':') else { return false };
        !format.is_empty() && labels.split('/').all(|label| consists_of(label, b"-_"))
    })
}

fn is_supplemental(text: &str) -> bool {
    let field = |f: &str| !f.is_empty() && f.bytes().all(|b| b.is_ascii_graphic());
    text.split(',').all(|element| element.trim_matches(' ').split('/').all(field))
}

/// Returns whether a text is a valid REQ-VIDEO-LAYOUT: layouts with commas between them, and each layout is specifiers
/// with slashes between them. A specifier needs a prefix and a dash. A prefix may be only once in a layout. The text
/// behind the dash isn't checked.
fn is_layout(text: &str) -> bool {
    let known = |s: &str| s.split_once('-').is_some_and(|(kind, value)| !kind.is_empty() && !value.is_empty());
    text.split(',').all(|entry| {
        let specifiers: Vec<&str> = entry.split('/').take(16).collect();
        let mut kinds: Vec<&str> = specifiers.iter().filter_map(|s| s.split('-').next()).collect();
        kinds.sort_unstable();
        specifiers.iter().all(|s| known(s)) && kinds.windows(2).all(|two| two.first() != two.last())
    })
}

pub(super) fn is_pathway(text: &str) -> bool {
    consists_of(text, b".-_")
}

fn is_words(text: &str) -> bool {
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_graphic());
    text.split(',').all(word)
}

/// Returns whether the text is a positive decimal-floating-point, as SCORE has to be (RFC 8216bis 4.4.6.2).
pub(super) fn is_positive(text: &str) -> bool {
    float(text).is_some_and(|n| n > 0.0)
}

/// Returns whether the text is a hexadecimal-sequence of at most 128 bits, as IV has to be (RFC 8216bis 4.4.4.4).
pub(super) fn is_128_bits(text: &str) -> bool {
    text.get(2..).unwrap_or_default().trim_start_matches('0').len() <= 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_initialization_vector_has_at_most_128_bits() {
        assert!(is_128_bits(&format!("0x{}", "f".repeat(32))));
        assert!(!is_128_bits(&format!("0x1{}", "f".repeat(32))));
        assert!(is_128_bits(&format!("0x000{}", "f".repeat(32))), "leading zeros don't count");
    }

    #[test]
    fn content_protection_labels_are_those_that_key_systems_define() {
        for value in [
            "com.example.drm1:SMART-TV/PC",
            "com.example.drm1:SMART-TV/PC, com.example.drm2:HW",
            "com.apple.streamingkeydelivery:AppleMain/Main",
            "com.apple.streamingkeydelivery:Main/AppleMain,com.microsoft.playready:SL3000,\
             urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed:WIDEVINE_HARDWARE",
        ] {
            assert!(is_cpc(value), "{value}");
        }
        for value in
            ["", "AppleMain", "com.example:", ":HW", "com.example:HW//PC", "com.example:H W", "com.example:HW,"]
        {
            assert!(!is_cpc(value), "{value}");
        }
    }

    #[test]
    fn a_video_layout_names_a_kind_and_a_value_once() {
        for layout in ["CH-STEREO", "CH-STEREO/PROJ-RECT,CH-MONO"] {
            assert!(is_layout(layout), "{layout}");
        }
        for layout in ["", "CH", "CH-", "-STEREO", "CH-STEREO/CH-MONO", "CH-STEREO,"] {
            assert!(!is_layout(layout), "{layout}");
        }
    }

    #[test]
    fn a_score_is_above_0() {
        assert_eq!(["0", "0.0", "0.1", "1", "-1"].map(is_positive), [false, false, true, true, false]);
    }

    #[test]
    fn closed_captions_have_4_channels_or_63_services() {
        for id in ["CC1", "CC4", "SERVICE1", "SERVICE63"] {
            assert!(is_caption(id), "{id}");
        }
        for id in ["CC0", "CC5", "SERVICE0", "SERVICE64", "SERVICE", "cc1"] {
            assert!(!is_caption(id), "{id}");
        }
    }

    #[test]
    fn a_language_tag_has_subtags_of_1_to_8_characters() {
        for tag in ["vi", "abcdefgh", "zh-Hans-CN", "x-abcdefgh", "de-1996"] {
            assert!(is_language(tag), "{tag}");
        }
        for tag in ["", "abcdefghi", "vi-", "vi--VN", "vi-abcdefghi", "1a", "en_GB", "vi-Việt"] {
            assert!(!is_language(tag), "{tag}");
        }
    }

    #[test]
    fn characters_beside_letters_and_digits_are_those_of_each_format() {
        for (fits, allowed) in
            [(VARIABLE.fits, "-_"), (STABLE.fits, "+/=.-_"), (INSTREAM.fits, "."), (PATHWAY.fits, ".-_")]
        {
            assert!(!fits(""));
            for c in "+/=.-_ :".chars() {
                assert_eq!(fits(&format!("aZ09{c}")), allowed.contains(c), "{allowed} {c}");
            }
        }
    }

    #[test]
    fn versions_are_positive_and_words_are_not_empty() {
        for (text, is) in [("1", true), ("1/2", true), ("0", false), ("1/", false), ("", false)] {
            assert_eq!((KEY_VERSIONS.fits)(text), is, "{text}");
        }
        for (text, is) in [("PRE,ONCE", true), ("PRE", true), ("", false), ("PRE,", false), ("PRE, ONCE", false)] {
            assert_eq!((WORDS.fits)(text), is, "{text}");
        }
    }
}
