//! Language tags of manifests and configuration in one form, because packagers write `vie` and `VI` for `vi`.

use icu_locale::{Locale, LocaleCanonicalizer};

/// Returns a language tag in its canonical form (RFC 5646 4.5): with the shortest code of the language, in lower case. A text that
/// is no language tag is returned in lower case.
pub(in crate::checks) fn canonical(tag: &str) -> String {
    let Ok(mut locale) = Locale::try_from_str(tag) else { return tag.to_ascii_lowercase() };
    // The data are in the program, so that this costs nothing.
    LocaleCanonicalizer::new_common().canonicalize(&mut locale);
    locale.to_string().to_ascii_lowercase()
}

/// Returns the primary language subtag of a tag in its canonical form.
pub(in crate::checks) fn primary(tag: &str) -> String {
    canonical(tag).split('-').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_three_letters_are_those_of_two() {
        for (written, meant) in [
            ("vie", "vi"),
            ("VI", "vi"),
            ("eng", "en"),
            ("deu", "de"),
            ("ger", "de"),
            ("fre", "fr"),
            ("chi", "zh"),
            ("en-US", "en-us"),
            ("eng-GB", "en-gb"),
            ("yue", "yue"),
            ("und", "und"),
            ("Tiếng Việt", "tiếng việt"),
            ("", ""),
        ] {
            assert_eq!(canonical(written), meant, "{written}");
        }
        assert_eq!(primary("vie-VN"), "vi");
    }
}
