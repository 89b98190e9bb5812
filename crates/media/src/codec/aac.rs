//! AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1) and the descriptors of `esds` around it (ISO/IEC 14496-1 7.2.6).
//!
//! By hand: `mp4-atom`'s decoder of `esds` refuses one without an SLConfigDescriptor, writes log lines for what it
//! doesn't know, and keeps nothing of the spectral band replication.

use super::bits::Bits;
use super::parameters::{Parameters, Sound};
use super::rfc6381::Codec;

/// Hz by sampling_frequency_index (table 1.18).
pub const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Channels by channelConfiguration (table 1.19). `None` where the payload says it (0) or it isn't specified.
#[must_use]
pub fn channels(configuration: u32) -> Option<u16> {
    match configuration {
        1..=6 => Some(configuration as u16),
        7 | 12 | 14 => Some(8),
        11 => Some(7),
        _ => None,
    }
}

/// What `esds` says behind its version and flags.
#[must_use]
pub fn elementary_stream(body: &[u8]) -> Option<Parameters> {
    let stream = descriptor(body, 3)?;
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
    let (&fields, specific) = descriptor(rest, 4)?.split_first_chunk::<13>()?;
    let [indication, ..] = fields;
    match indication {
        // MPEG-4 audio; MPEG-2 AAC in its profiles, whose configuration is the same.
        0x40 | 0x66..=0x68 => parameters(descriptor(specific, 5)?),
        0x69 | 0x6b => Some(Parameters::new(Codec::Mp3)),
        0xa5 => Some(Parameters::new(Codec::Ac3)),
        0xa6 => Some(Parameters::new(Codec::Eac3)),
        _ => None,
    }
}

/// The first descriptor of a tag: its body. The length has at most four bytes of seven bits (ISO/IEC 14496-1 8.3.3).
fn descriptor(bytes: &[u8], wanted: u8) -> Option<&[u8]> {
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

/// Spectral band replication and parametric stereo as the configuration itself says them.
#[derive(Debug, Default)]
struct Extension {
    rate: Option<u32>,
    stereo: bool,
}

/// AudioSpecificConfig. The rate is that of the output; band replication that only the payload shows (implicit
/// signalling) isn't known here.
#[must_use]
pub fn parameters(config: &[u8]) -> Option<Parameters> {
    let mut bits = Bits::new(config);
    let declared = object_type(&mut bits)?;
    let core = rate(&mut bits)?;
    let configuration = bits.bits(4)?;
    let mut extension = Extension::default();
    let mut codec = declared;
    if matches!(declared, 5 | 29) {
        extension = Extension { rate: Some(rate(&mut bits)?), stereo: declared == 29 };
    } else {
        // What can't be followed to its end has no such extension.
        let _ = backward_compatible(&mut bits, declared, configuration, &mut extension);
        codec = match (declared, &extension) {
            (2, Extension { stereo: true, .. }) => 29,
            (2, Extension { rate: Some(_), .. }) => 5,
            _ => declared,
        };
    }
    let channels = channels(configuration).map(|n| if extension.stereo { n.max(2) } else { n });
    let sound = Sound { channels, ..Sound::at(extension.rate.unwrap_or(core)) };
    let codec = if codec == 34 { Codec::Mp3 } else { Codec::Aac { object_type: codec } };
    Some(Parameters::of_sound(codec, sound))
}

fn object_type(bits: &mut Bits<'_>) -> Option<u8> {
    match bits.bits(5)? {
        31 => Some(32 + bits.bits(6)? as u8),
        short => Some(short as u8),
    }
}

fn rate(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.bits(4)? {
        15 => bits.bits(24).filter(|rate| *rate > 0),
        index => RATES.get(index as usize).copied(),
    }
}

/// The sync extension behind GASpecificConfig (4.4.1), which older decoders pass over.
fn backward_compatible(bits: &mut Bits<'_>, object: u8, configuration: u32, into: &mut Extension) -> Option<()> {
    // With a program_config_element (configuration 0), or other object types, it stands somewhere else.
    if !matches!(object, 1..=4) || configuration == 0 {
        return None;
    }
    bits.skip(1)?;
    if bits.flag()? {
        bits.skip(14)?;
    }
    bits.skip(1)?;
    if bits.left() < 16 || bits.bits(11)? != 0x2b7 || object_type(bits)? != 5 || !bits.flag()? {
        return None;
    }
    into.rate = Some(rate(bits)?);
    into.stereo = bits.left() >= 12 && bits.bits(11)? == 0x548 && bits.flag()?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(config: &[u8]) -> (String, Option<u16>, Option<u32>) {
        let found = parameters(config).unwrap();
        let sound = found.sound.unwrap();
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
    fn an_escaped_object_type_is_xhe() {
        // 31 + 10 | 48 kHz | stereo.
        assert_eq!(read(&[0b1111_1001, 0b0100_0110, 0b0100_0000]).0, "mp4a.40.42");
        assert_eq!(parameters(&[]), None);
        assert_eq!(parameters(&[0x17, 0xff]), None, "an escaped rate that is cut off");
    }

    #[test]
    fn descriptors_lead_to_the_configuration() {
        let esds =
            [3, 0x80, 0x80, 0x80, 23, 0, 1, 0, 4, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x11, 0x90];
        assert_eq!(elementary_stream(&esds).map(|p| p.codec.to_string()).as_deref(), Some("mp4a.40.2"));
        for cut in 0..esds.len() - 2 {
            assert_eq!(elementary_stream(&esds[..cut]), None, "{cut}");
        }
        let mp3: Vec<u8> = esds.iter().map(|b| if *b == 0x40 { 0x6b } else { *b }).collect();
        assert_eq!(elementary_stream(&mp3).map(|p| p.codec), Some(Codec::Mp3));
    }
}
