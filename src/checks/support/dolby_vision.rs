//! Compares SUPPLEMENTAL-CODECS with the Dolby Vision configuration of a stream whose base layer other players can
//! play.

use packager_media::codec::parameters::DolbyVisionConfig;
use packager_media::codec::rfc6381::Codec;

/// Returns the first declared Dolby Vision string, and the actual configuration as text. `None`: a declared string
/// matches the stream, or none declares Dolby Vision.
pub(crate) fn differs(declared: &[String], actual: Option<DolbyVisionConfig>) -> Option<(&str, String)> {
    let mut all = declared.iter().filter_map(|text| DeclaredDolbyVision::read(text));
    let first = all.next()?;
    let Some(actual) = actual else { return Some((first.text, "no Dolby Vision".to_owned())) };
    if first.covers(actual) || all.any(|other| other.covers(actual)) {
        return None;
    }
    let DolbyVisionConfig { profile, level, compatibility } = actual;
    Some((first.text, format!("Dolby Vision profile {profile}, level {level}, compatibility {compatibility}")))
}

/// Parsed value of SUPPLEMENTAL-CODECS such as `dvh1.08.07/db4h`: profile, level, and the brands that name the base
/// layer.
struct DeclaredDolbyVision<'a> {
    text: &'a str,
    profile: u8,
    level: u8,
    /// Compatibility of the base layer, as in [`DolbyVisionConfig::compatibility`], by the brand in SUPPLEMENTAL-CODECS. `None`
    /// if there is no brand that defines it.
    base: Option<u8>,
}

impl<'a> DeclaredDolbyVision<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split('/');
        let Codec::DolbyVision { profile, level } = Codec::parse(parts.next()?)? else { return None };
        Some(Self { text, profile, level, base: parts.find_map(base) })
    }

    /// Whether a decoder for the declared Dolby Vision profile and level can play the actual stream. A decoder for a
    /// higher level plays lower levels too.
    fn covers(&self, actual: DolbyVisionConfig) -> bool {
        let base = self.base.is_none_or(|base| base == actual.compatibility);
        base && self.profile == actual.profile && self.level >= actual.level
    }
}

/// Returns the base layer compatibility that a brand of the MP4 Registration Authority stands for (HDR10, SDR or HLG).
/// `None` for other brands.
fn base(brand: &str) -> Option<u8> {
    match brand {
        "db1p" => Some(1),
        "db2g" => Some(2),
        "db4h" | "db4g" => Some(4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(declared: &[String], actual: Option<(u8, u8, u8)>) -> Option<(&str, String)> {
        let actual = actual.map(|(profile, level, compatibility)| DolbyVisionConfig { profile, level, compatibility });
        differs(declared, actual)
    }

    #[test]
    fn profile_level_and_base_layer_are_compared() {
        let hlg = ["dvh1.08.07/db4h".to_owned()];
        assert_eq!(run(&hlg, Some((8, 7, 4))), None);
        assert_eq!(run(&hlg, Some((8, 6, 4))), None, "a lower level");
        for actual in [(8, 8, 4), (5, 7, 0), (8, 7, 1)] {
            let (declared, says) = run(&hlg, Some(actual)).unwrap();
            assert_eq!(declared, "dvh1.08.07/db4h");
            let (profile, level, base) = actual;
            assert_eq!(says, format!("Dolby Vision profile {profile}, level {level}, compatibility {base}"));
        }
        assert_eq!(run(&hlg, None), Some(("dvh1.08.07/db4h", "no Dolby Vision".to_owned())));
    }

    #[test]
    fn what_names_no_base_layer_or_no_dolby_vision_says_no_more() {
        assert_eq!(run(&["dvh1.08.07".to_owned()], Some((8, 7, 1))), None);
        assert_eq!(run(&["dav1.10.09/zzzz".to_owned()], Some((10, 9, 4))), None);
        assert_eq!(run(&["hvc1.2.20000000.L153.B0/cdm4".to_owned()], None), None, "HDR10+");
        assert_eq!(run(&[], None), None);
        let two = ["hvc1.2.20000000.L153.B0/cdm4".to_owned(), "dvh1.08.07/db1p".to_owned()];
        assert!(run(&two, None).is_some());
        let two = ["dvh1.08.07/db4h".to_owned(), "dvh1.08.07/db1p".to_owned()];
        assert_eq!(run(&two, Some((8, 7, 1))), None, "one of two is enough");
    }
}
