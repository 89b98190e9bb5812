//! Number of audio channels by AudioChannelConfiguration (ISO/IEC 23009-1 5.8.5.4).

use super::model::Descriptor;

const COUNT_OR_INDEX: &str = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011";
const INDEX: &str = "urn:mpeg:mpegB:cicp:ChannelConfiguration";
const COUNT: &str = "urn:dts:dash:audio_channel_configuration:2012";

/// Returns the announced number of channels. `None` for a scheme whose value isn't a number of channels, such as the bit masks of
/// Dolby.
pub(super) fn announced(configuration: &Descriptor) -> Option<String> {
    match configuration.scheme.as_str() {
        COUNT_OR_INDEX | COUNT => configuration.value.clone(),
        INDEX => index(configuration).map(|channels| channels.to_string()),
        _ => None,
    }
}

/// Returns the number of channels of a value that by its scheme is an index, although packagers such as ffmpeg and Shaka Packager
/// write a number of channels there. `None` for a value of another scheme, or an unknown index.
pub(super) fn by_index(configuration: &Descriptor) -> Option<u16> {
    index(configuration).filter(|_| configuration.scheme == COUNT_OR_INDEX)
}

/// Returns the number of channels of a ChannelConfiguration (ISO/IEC 23091-3, table 8).
fn index(configuration: &Descriptor) -> Option<u16> {
    match configuration.value.as_deref()?.trim().parse().ok()? {
        same @ 1..=6 => Some(same),
        8 => Some(2),
        9 => Some(3),
        10 => Some(4),
        11 => Some(7),
        7 | 12 | 14 => Some(8),
        16 => Some(10),
        15 | 17 | 19 => Some(12),
        18 | 20 => Some(14),
        13 => Some(24),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(scheme: &str, value: &str) -> (Option<String>, Option<u16>) {
        let configuration = Descriptor { scheme: scheme.to_owned(), value: Some(value.to_owned()) };
        (announced(&configuration), by_index(&configuration))
    }

    #[test]
    fn an_index_names_a_number_of_channels() {
        for (value, channels) in [("1", "1"), ("2", "2"), ("6", "6"), ("7", "8"), ("11", "7"), ("12", "8"), ("14", "8")]
        {
            assert_eq!(of(INDEX, value), (Some(channels.to_owned()), None));
        }
        assert_eq!([of(INDEX, "0"), of(INDEX, "99"), of(INDEX, "F801")], [(None, None), (None, None), (None, None)]);
    }

    #[test]
    fn the_older_scheme_of_mpeg_has_an_index_or_a_number() {
        assert_eq!(of(COUNT_OR_INDEX, "2"), (Some("2".to_owned()), Some(2)));
        assert_eq!(of(COUNT_OR_INDEX, "7"), (Some("7".to_owned()), Some(8)));
        assert_eq!(of(COUNT_OR_INDEX, "8"), (Some("8".to_owned()), Some(2)));
        assert_eq!(of(COUNT, "7"), (Some("7".to_owned()), None));
    }

    #[test]
    fn a_bit_mask_is_no_number() {
        for scheme in [
            "tag:dolby.com,2014:dash:audio_channel_configuration:2011",
            "urn:dolby:dash:audio_channel_configuration:2011",
        ] {
            assert_eq!([of(scheme, "F801"), of(scheme, "4000")], [(None, None), (None, None)]);
        }
    }
}
