//! AAC: AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1) and the descriptors of `esds` around it (ISO/IEC 14496-1 7.2.6).
//!
//! Written by hand: `mp4-atom`'s decoder of `esds` refuses one without an SLConfigDescriptor, logs what it doesn't
//! know, and drops spectral band replication.

use super::bits::BitReader;
use super::parameters::{AudioParameters, CodecParameters};
use super::rfc6381::Codec;

/// Sample rates of AAC in Hz by sampling_frequency_index (ISO/IEC 14496-3 table 1.18).
pub(crate) const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Returns the number of audio channels that an AAC channelConfiguration stands for (ISO/IEC 14496-3 table 1.19).
/// `None` when the payload defines the channels (0) or the value is reserved.
#[must_use]
pub(crate) fn channel_count(configuration: u32) -> Option<u16> {
    match configuration {
        1..=6 => Some(configuration as u16),
        7 | 12 | 14 => Some(8),
        11 => Some(7),
        _ => None,
    }
}

/// Parses the body of an `esds` box behind its version and flags; `None` when it is cut off or describes no known
/// codec.
#[must_use]
pub fn parse_esds(body: &[u8]) -> Option<CodecParameters> {
    let (indication, specific) = decoder_config(body)?;
    match indication {
        // MPEG-4 audio, and MPEG-2 AAC, which has the same configuration.
        0x40 | 0x66..=0x68 => parameters(find_descriptor(specific, 5)?),
        0x69 | 0x6b => Some(CodecParameters::new(Codec::Mp3)),
        0xa5 => Some(CodecParameters::new(Codec::Ac3)),
        0xa6 => Some(CodecParameters::new(Codec::Eac3)),
        _ => None,
    }
}

/// Smallest number of bytes of an AudioSpecificConfig: object type, sample rate and channels take 13 bits (ISO/IEC 14496-3
/// 1.6.2.1).
const MIN_CONFIG: usize = 2;

/// Whether the body of an `esds` box behind its version and flags announces AAC and has no AudioSpecificConfig
/// (DecoderSpecificInfo), without which no decoder can be set up.
#[must_use]
pub fn lacks_configuration(body: &[u8]) -> bool {
    let is_aac = |(indication, _): &(u8, &[u8])| matches!(indication, 0x40 | 0x66..=0x68);
    decoder_config(body)
        .filter(is_aac)
        .is_some_and(|(_, specific)| find_descriptor(specific, 5).is_none_or(|config| config.len() < MIN_CONFIG))
}

/// Whether the body of an `esds` box behind its version and flags announces AAC whose channels a program_config_element defines
/// ([`has_program_config`]).
#[must_use]
pub fn announces_program_config(body: &[u8]) -> bool {
    let is_aac = |(indication, _): &(u8, &[u8])| matches!(indication, 0x40 | 0x66..=0x68);
    let config = decoder_config(body).filter(is_aac).and_then(|(_, specific)| find_descriptor(specific, 5));
    config.is_some_and(has_program_config)
}

/// Whether an AudioSpecificConfig of AAC has channelConfiguration 0, so that a program_config_element defines the channels (ISO/IEC
/// 14496-3 1.6.2.1, 4.4.1). Decoders play it, and Chromium refuses the track (`AAC::SkipGASpecificConfig`). `false` for other object
/// types, such as USAC, in which 0 means something else.
#[must_use]
pub fn has_program_config(config: &[u8]) -> bool {
    let mut bits = BitReader::new(config);
    let is_core = object_type(&mut bits).is_some_and(|object| matches!(object, 1..=5 | 29));
    is_core && sample_rate(&mut bits).is_some() && bits.bits(4) == Some(0)
}

/// Returns objectTypeIndication of the DecoderConfigDescriptor in the body of an `esds` box, and the descriptors inside it.
fn decoder_config(body: &[u8]) -> Option<(u8, &[u8])> {
    let stream = find_descriptor(body, 3)?;
    let (&[_, _, flags], mut rest) = stream.split_first_chunk::<3>()?;
    // streamDependenceFlag, URL_Flag, OCRstreamFlag.
    if flags & 0x80 != 0 {
        rest = rest.get(2..)?;
    }
    if flags & 0x40 != 0 {
        rest = rest.get(1 + usize::from(*rest.first()?)..)?;
    }
    if flags & 0x20 != 0 {
        rest = rest.get(2..)?;
    }
    let (&fields, specific) = find_descriptor(rest, 4)?.split_first_chunk::<13>()?;
    let [indication, ..] = fields;
    Some((indication, specific))
}

/// Returns the body of the first MPEG-4 descriptor with the tag `wanted`. The length field of a descriptor has at most
/// four bytes of seven bits (ISO/IEC 14496-1 8.3.3).
fn find_descriptor(bytes: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut rest = bytes;
    loop {
        let (&tag, after) = rest.split_first()?;
        let length = 1 + after.iter().take(3).take_while(|b| **b & 0x80 != 0).count();
        let size = after.get(..length)?.iter().fold(0usize, |n, b| n << 7 | usize::from(b & 0x7f));
        let after = after.get(length..)?;
        if tag == wanted {
            return after.get(..size.min(after.len()));
        }
        rest = after.get(size..)?;
    }
}

/// Spectral band replication (SBR) and parametric stereo that an AudioSpecificConfig signals.
#[derive(Debug, Default)]
struct SbrExtension {
    rate: Option<u32>,
    stereo: bool,
}

/// Parses an AudioSpecificConfig of AAC; `None` when it is cut off or has a reserved sample rate. The sample rate is
/// that of the decoder's output. Spectral band replication that only the payload shows (implicit signalling) isn't
/// included.
#[must_use]
pub fn parameters(config: &[u8]) -> Option<CodecParameters> {
    let mut bits = BitReader::new(config);
    let declared = object_type(&mut bits)?;
    let core = sample_rate(&mut bits)?;
    let configuration = bits.bits(4)?;
    let mut extension = SbrExtension::default();
    let mut codec = declared;
    if matches!(declared, 5 | 29) {
        extension = SbrExtension { rate: Some(sample_rate(&mut bits)?), stereo: declared == 29 };
    } else {
        // A configuration that can't be read to its end has no such extension.
        let _ = read_sync_extension(&mut bits, declared, configuration, &mut extension);
        codec = match (declared, &extension) {
            (2, SbrExtension { stereo: true, .. }) => 29,
            (2, SbrExtension { rate: Some(_), .. }) => 5,
            _ => declared,
        };
    }
    let channels = channel_count(configuration).map(|n| if extension.stereo { n.max(2) } else { n });
    let sound = AudioParameters { channels, ..AudioParameters::at_rate(extension.rate.unwrap_or(core)) };
    let codec = if codec == 34 { Codec::Mp3 } else { Codec::Aac { object_type: codec } };
    Some(CodecParameters::with_audio(codec, sound))
}

fn object_type(bits: &mut BitReader<'_>) -> Option<u8> {
    match bits.bits(5)? {
        31 => Some(32 + bits.bits(6)? as u8),
        short => Some(short as u8),
    }
}

fn sample_rate(bits: &mut BitReader<'_>) -> Option<u32> {
    match bits.bits(4)? {
        15 => bits.bits(24).filter(|rate| *rate > 0),
        index => SAMPLE_RATES.get(index as usize).copied(),
    }
}

/// Reads the sync extension behind GASpecificConfig (ISO/IEC 14496-3 4.4.1), which older decoders ignore.
fn read_sync_extension(
    bits: &mut BitReader<'_>,
    object: u8,
    configuration: u32,
    into: &mut SbrExtension,
) -> Option<()> {
    // With a program_config_element (configuration 0) or another object type the extension stands elsewhere.
    if !matches!(object, 1..=4) || configuration == 0 {
        return None;
    }
    bits.skip(1)?;
    if bits.flag()? {
        bits.skip(14)?;
    }
    bits.skip(1)?;
    if bits.remaining() < 16 || bits.bits(11)? != 0x2b7 || object_type(bits)? != 5 || !bits.flag()? {
        return None;
    }
    into.rate = Some(sample_rate(bits)?);
    into.stereo = bits.remaining() >= 12 && bits.bits(11)? == 0x548 && bits.flag()?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(config: &[u8]) -> (String, Option<u16>, Option<u32>) {
        let found = parameters(config).unwrap();
        let sound = found.audio.unwrap();
        (found.codec.to_string(), sound.channels, sound.sample_rate)
    }

    #[test]
    fn each_way_to_signal_high_efficiency_is_understood() {
        // LC, 48 kHz, stereo.
        assert_eq!(read(&[0x11, 0x90]), ("mp4a.40.2".to_owned(), Some(2), Some(48_000)));
        // 5 | 24 kHz | stereo | 48 kHz | 2: hierarchical.
        assert_eq!(read(&[0x2b, 0x11, 0x88]), ("mp4a.40.5".to_owned(), Some(2), Some(48_000)));
        // 29 | 24 kHz | mono | 48 kHz | 2: parametric stereo.
        assert_eq!(read(&[0xeb, 0x09, 0x88]), ("mp4a.40.29".to_owned(), Some(2), Some(48_000)));
        // 2 | 24 kHz | stereo | 000 | 0x2b7 | 5 | 1 | 48 kHz: backward compatible.
        assert_eq!(read(&[0x13, 0x10, 0x56, 0xe5, 0x98]), ("mp4a.40.5".to_owned(), Some(2), Some(48_000)));
        // The same without band replication.
        assert_eq!(read(&[0x13, 0x10, 0x56, 0xe5, 0x00]), ("mp4a.40.2".to_owned(), Some(2), Some(24_000)));
    }

    #[test]
    fn channel_configuration_zero_means_a_program_config_element() {
        // LC, 48 kHz, configuration 0 and 2; 31 + 11 is USAC with configuration 0.
        let configs =
            [&[0x11, 0x80][..], &[0x11, 0x90], &[0x2b, 0x01, 0x88], &[0x2b, 0x11, 0x88], &[0xf9, 0x66, 0x00], &[0x11]];
        assert_eq!(configs.map(has_program_config), [true, false, true, false, false, false]);
        let esds = |indication, config: [u8; 2]| {
            let head = [3, 22, 0, 1, 0, 4, 17, indication, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2];
            announces_program_config(&[&head[..], &config].concat())
        };
        let found =
            [esds(0x40, [0x11, 0x80]), esds(0x67, [0x11, 0x80]), esds(0x40, [0x11, 0x90]), esds(0x6b, [0x11, 0x80])];
        assert_eq!(found, [true, true, false, false]);
    }

    #[test]
    fn an_escaped_object_type_is_read() {
        // 31 + 10 | 48 kHz | stereo.
        assert_eq!(read(&[0b1111_1001, 0b0100_0110, 0b0100_0000]).0, "mp4a.40.42");
        assert_eq!(parameters(&[]), None);
        assert_eq!(parameters(&[0x17, 0xff]), None, "an escaped rate that is cut off");
    }

    #[test]
    fn esds_descriptors_are_followed_to_the_configuration() {
        let esds =
            [3, 0x80, 0x80, 0x80, 23, 0, 1, 0, 4, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x11, 0x90];
        assert_eq!(parse_esds(&esds).map(|p| p.codec.to_string()).as_deref(), Some("mp4a.40.2"));
        for cut in 0..esds.len() - 2 {
            assert_eq!(parse_esds(&esds[..cut]), None, "{cut}");
        }
        let mp3: Vec<u8> = esds.iter().map(|b| if *b == 0x40 { 0x6b } else { *b }).collect();
        assert_eq!(parse_esds(&mp3).map(|p| p.codec), Some(Codec::Mp3));
    }

    #[test]
    fn channels_follow_their_configuration() {
        let counts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15].map(channel_count);
        let expected = [0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 7, 8, 0, 8, 0].map(|n| Some(n).filter(|n| *n > 0));
        assert_eq!(counts, expected);
    }

    #[test]
    fn escaped_rates_and_layers_are_read() {
        // 2 | 15, 12345 | 1.
        let rate = 12_345u64;
        let bits = (0b0_0010_1111_u64 << 24 | rate) << 4 | 1;
        let bytes = (bits << (64 - 37)).to_be_bytes();
        assert_eq!(read(&bytes[..5]), ("mp4a.40.2".to_owned(), Some(1), Some(12_345)));
        // 31 + 2 is layer II of MPEG, 34 layer III.
        assert_eq!(read(&[0xf8, 0x46, 0x40]).0, "mp4a.40.34");
    }

    #[test]
    fn optional_fields_of_an_elementary_stream_descriptor_are_skipped() {
        let decoder = [4, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x11, 0x90];
        for (flags, fields) in [(0x80, &[1, 2][..]), (0x40, &[2, 1, 2]), (0x20, &[1, 2]), (0xe0, &[1, 2, 1, 9, 1, 2])] {
            let body = [&[0, 1, flags][..], fields, &decoder].concat();
            let esds = [&[9, 1, 0, 3, body.len() as u8][..], &body].concat();
            assert_eq!(parse_esds(&esds).map(|p| p.codec), Some(Codec::Aac { object_type: 2 }), "{flags:x}");
        }
        let long = [&[5, 0x81, 0x01][..], &[7; 200]].concat();
        assert_eq!(find_descriptor(&long, 5).map(<[u8]>::len), Some(129));
        assert_eq!(find_descriptor(&[5, 0x80, 0x80, 0x80, 2, 7, 7, 7], 5), Some(&[7, 7][..]));
    }
}
