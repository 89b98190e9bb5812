//! Supplemental enhancement information (ISO/IEC 14496-10 and ISO/IEC 23008-2, 7.3.2 and annex D): its messages, and what
//! those of high dynamic range say. Both codecs write them alike.

use super::bits::unescaped;
use super::parameters::{ContentLight, Mastering, Picture};
use super::picture::Syntax;

/// payloadType of the messages that are read.
pub const RECOVERY_POINT: usize = 6;
const REGISTERED: usize = 4;
const MASTERING: usize = 137;
const CONTENT_LIGHT: usize = 144;
const ALTERNATIVE_TRANSFER: usize = 147;

/// payloadType and payload of each message of a raw byte sequence (emulation prevention undone, NAL header cut off). A
/// message that is cut off is the last, as far as it goes.
#[derive(Debug, Clone, Copy)]
pub struct Messages<'a>(pub &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, rest) = number(self.0)?;
        // 0x80 alone is rbsp_trailing_bits, not a message.
        let (size, rest) = number(rest)?;
        let (body, rest) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        self.0 = rest;
        Some((kind, body))
    }
}

/// A run of 0xFF bytes and a last one, summed.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let last = bytes.iter().position(|b| *b != 0xff)?;
    let value = bytes.get(last).map(|b| usize::from(*b) + 255 * last)?;
    Some((value, bytes.get(last + 1..)?))
}

/// Whether a NAL unit as it stands in the stream has closed captions (CEA-608 or CEA-708) for its picture: cc_data, also of
/// padding only, since a silent programme has no more (ATSC A/53 part 4, 6.2).
#[must_use]
pub fn captioned(syntax: Syntax, unit: &[u8]) -> bool {
    // itu_t_t35_country_code, itu_t_t35_provider_code, user_identifier and user_data_type_code.
    const CC_DATA: &[u8] = b"\xb5\0\x31GA94\x03";
    let clean = unescaped(unit);
    let rbsp = clean.get(header(syntax)..).unwrap_or_default();
    Messages(rbsp).any(|(kind, body)| kind == REGISTERED && body.starts_with(CC_DATA))
}

/// Bytes of a NAL unit's header.
fn header(syntax: Syntax) -> usize {
    if syntax == Syntax::Hevc { 2 } else { 1 }
}

/// What the messages say of the picture's dynamic range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Light {
    pub preferred_transfer: Option<u16>,
    pub mastering: Option<Mastering>,
    pub content: Option<ContentLight>,
}

impl Light {
    /// Takes in the messages of one NAL unit; those that came before stay.
    pub fn read(&mut self, rbsp: &[u8]) {
        for (kind, body) in Messages(rbsp) {
            match kind {
                MASTERING => self.mastering = self.mastering.or_else(|| mastering(body)),
                CONTENT_LIGHT => self.content = self.content.or_else(|| content(body)),
                ALTERNATIVE_TRANSFER => {
                    self.preferred_transfer = self.preferred_transfer.or(body.first().copied().map(u16::from));
                }
                _ => {}
            }
        }
    }

    /// Takes in a NAL unit as it stands in the stream.
    pub fn unit(&mut self, syntax: Syntax, unit: &[u8]) {
        self.read(unescaped(unit).get(header(syntax)..).unwrap_or_default());
    }

    /// Fills in what the picture doesn't have yet.
    pub fn add_to(self, picture: &mut Picture) {
        picture.preferred_transfer = picture.preferred_transfer.or(self.preferred_transfer);
        picture.mastering = picture.mastering.or(self.mastering);
        picture.content_light = picture.content_light.or(self.content);
    }
}

/// Mastering display colour volume: x and y of three primaries and of white, then most and least light. The `mdcv` box has
/// the same fields (ISO/IEC 14496-12 12.1.6).
#[must_use]
pub fn mastering(body: &[u8]) -> Option<Mastering> {
    let body = body.first_chunk::<24>()?;
    let word = |at: usize| body.get(at..at + 4)?.first_chunk::<4>().map(|b| u32::from_be_bytes(*b));
    let (brightest, darkest) = (word(16)?, word(20)?);
    Some(Mastering { brightest, darkest })
}

/// Content light level: most light of a sample, and of a frame's mean. The `clli` box has the same fields.
#[must_use]
pub fn content(body: &[u8]) -> Option<ContentLight> {
    let &[a, b, c, d] = body.first_chunk::<4>()?;
    Some(ContentLight { max: u16::from_be_bytes([a, b]), frame_average: u16::from_be_bytes([c, d]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_light_is_found_among_other_messages() {
        let mut volume = [0u8; 24];
        volume[16..].copy_from_slice(&[0, 0x98, 0x96, 0x80, 0, 0, 0, 1]);
        let sei = [&[5, 2, 7, 7, 137, 24][..], &volume, &[144, 4, 0x03, 0xe8, 0x01, 0x90, 147, 1, 18, 0x80]].concat();
        let mut light = Light::default();
        light.read(&sei);
        assert_eq!(light.mastering, Some(Mastering { brightest: 10_000_000, darkest: 1 }));
        assert_eq!(light.content, Some(ContentLight { max: 1000, frame_average: 400 }));
        assert_eq!(light.preferred_transfer, Some(18));
        for cut in 0..sei.len() {
            Light::default().read(&sei[..cut]);
        }
        let mut first = light;
        first.read(&[147, 1, 16, 0x80]);
        assert_eq!(first, light, "a later message changes nothing");
    }

    #[test]
    fn captions_are_known_by_provider_and_type() {
        let unit = |head: &[u8], body: &[u8]| [head, &[5, 1, 9, 4, body.len() as u8], body, &[0x80]].concat();
        // One triplet of padding: cc_valid is 0. The zeros before 0x03 ask for no emulation prevention here.
        let padding = b"\xb5\0\x31GA94\x03\x41\xff\xf8\x80\x80\xff";
        assert!(captioned(Syntax::H264, &unit(&[6], padding)));
        assert!(captioned(Syntax::Hevc, &unit(&[0x4e, 1], padding)));
        assert!(!captioned(Syntax::H264, &unit(&[6], b"\xb5\0\x31GA94\x06\xff")), "bar data");
        assert!(!captioned(Syntax::H264, &unit(&[6], b"\xb5\0\x31DTG1\x41")), "active format");
        assert!(!captioned(Syntax::H264, &unit(&[6], b"\xb5\0\x3cGA94\x03")), "another provider");
        let whole = unit(&[6], padding);
        for cut in 0..whole.len() {
            assert_eq!(captioned(Syntax::H264, &whole[..cut]), cut >= 14, "{cut} bytes");
        }
    }

    #[test]
    fn a_payload_may_be_long_or_cut() {
        let kinds = |bytes| Messages(bytes).map(|(kind, body)| (kind, body.len())).collect::<Vec<_>>();
        assert_eq!(kinds(&[0xff, 2, 0, 4, 1, 7, 0x80]), [(257, 0), (4, 1)]);
        assert_eq!(kinds(&[4, 0xff, 10, 1, 2]), [(4, 2)]);
        assert_eq!(kinds(&[0xff; 9]), []);
    }
}
