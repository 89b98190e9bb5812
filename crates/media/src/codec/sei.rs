//! Supplemental enhancement information (SEI; ISO/IEC 14496-10 and ISO/IEC 23008-2, 7.3.2 and annex D): HDR metadata,
//! captions and recovery points. H.264 and HEVC have the same messages.

use super::bits::without_emulation_prevention;
use super::parameters::{ContentLightLevel, MasteringDisplay, VideoParameters};
use super::start_codes::VideoSyntax;

/// payloadType of the SEI message "recovery point" (ISO/IEC 14496-10 D.1.8).
pub(crate) const RECOVERY_POINT: usize = 6;
const REGISTERED_USER_DATA: usize = 4;
const MASTERING: usize = 137;
const CONTENT_LIGHT: usize = 144;
const ALTERNATIVE_TRANSFER: usize = 147;

/// Iterates over payloadType and payload of the SEI messages in a raw byte sequence, without NAL header and emulation
/// prevention. The last message may be cut off; then its payload is what remains.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeiMessages<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for SeiMessages<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, rest) = parse_ff_coded(self.0)?;
        // 0x80 alone is rbsp_trailing_bits, not a message.
        let (size, rest) = parse_ff_coded(rest)?;
        let (body, rest) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        self.0 = rest;
        Some((kind, body))
    }
}

/// Parses an SEI payloadType or payloadSize: the sum of bytes 0xFF and one last byte. Returns the number and the bytes
/// behind it.
fn parse_ff_coded(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let last = bytes.iter().position(|b| *b != 0xff)?;
    let value = bytes.get(last).map(|b| usize::from(*b) + 255 * last)?;
    Some((value, bytes.get(last + 1..)?))
}

/// Returns whether an SEI NAL unit carries closed captions (CEA-608 or CEA-708). Any cc_data counts, even padding,
/// because a silent programme has only padding (ATSC A/53 part 4, 6.2).
#[must_use]
pub(crate) fn has_captions(syntax: VideoSyntax, unit: &[u8]) -> bool {
    // itu_t_t35_country_code, itu_t_t35_provider_code, user_identifier and user_data_type_code.
    const CC_DATA: &[u8] = b"\xb5\0\x31GA94\x03";
    let clean = without_emulation_prevention(unit);
    let rbsp = clean.get(nal_header_size(syntax)..).unwrap_or_default();
    SeiMessages(rbsp).any(|(kind, body)| kind == REGISTERED_USER_DATA && body.starts_with(CC_DATA))
}

/// Returns whether an SEI NAL unit has a recovery point message.
#[must_use]
pub(crate) fn has_recovery_point(syntax: VideoSyntax, unit: &[u8]) -> bool {
    let clean = without_emulation_prevention(unit);
    let rbsp = clean.get(nal_header_size(syntax)..).unwrap_or_default();
    SeiMessages(rbsp).any(|(kind, _)| kind == RECOVERY_POINT)
}

/// Returns the size of a NAL unit's header in bytes.
fn nal_header_size(syntax: VideoSyntax) -> usize {
    if syntax == VideoSyntax::Hevc { 2 } else { 1 }
}

/// Country and provider code (ITU-T T.35) of the SEI user data that carry an LCEVC enhancement.
const LCEVC: &[u8] = b"\xb4\0\x50";

/// Picture properties from SEI messages: HDR metadata, and whether there is an LCEVC enhancement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HdrMetadata {
    /// preferred_transfer_characteristics of the SEI message; `None` without the message.
    pub(crate) preferred_transfer: Option<u16>,
    /// Mastering display of the SEI message; `None` without the message.
    pub(crate) mastering: Option<MasteringDisplay>,
    /// Content light level of the SEI message; `None` without the message.
    pub(crate) content_light: Option<ContentLightLevel>,
    /// Whether SEI user data carry an LCEVC enhancement.
    pub(crate) lcevc: bool,
}

impl HdrMetadata {
    /// Reads the SEI messages of one NAL unit, without its header and emulation prevention; values that are already
    /// known stay.
    pub(crate) fn read_messages(&mut self, rbsp: &[u8]) {
        for (kind, body) in SeiMessages(rbsp) {
            match kind {
                MASTERING => self.mastering = self.mastering.or_else(|| parse_mastering_display(body)),
                CONTENT_LIGHT => self.content_light = self.content_light.or_else(|| parse_content_light_level(body)),
                REGISTERED_USER_DATA => self.lcevc |= body.starts_with(LCEVC),
                ALTERNATIVE_TRANSFER => {
                    self.preferred_transfer = self.preferred_transfer.or(body.first().copied().map(u16::from));
                }
                _ => {}
            }
        }
    }

    /// Reads the SEI messages of one NAL unit, whose header and emulation prevention are still included.
    pub(crate) fn read_unit(&mut self, syntax: VideoSyntax, unit: &[u8]) {
        self.read_messages(without_emulation_prevention(unit).get(nal_header_size(syntax)..).unwrap_or_default());
    }

    /// Fills in the HDR metadata that the video parameters don't have yet.
    pub(crate) fn fill(self, picture: &mut VideoParameters) {
        picture.preferred_transfer = picture.preferred_transfer.or(self.preferred_transfer);
        picture.mastering = picture.mastering.or(self.mastering);
        picture.content_light = picture.content_light.or(self.content_light);
        picture.lcevc |= self.lcevc;
    }
}

/// Parses a mastering display colour volume: x and y of three primaries and of white, then largest and smallest
/// luminance; `None` when it is cut off. The `mdcv` box has the same fields (ISO/IEC 14496-12 12.1.6).
#[must_use]
pub fn parse_mastering_display(body: &[u8]) -> Option<MasteringDisplay> {
    let body = body.first_chunk::<24>()?;
    let word = |at: usize| body.get(at..at + 4)?.first_chunk::<4>().map(|b| u32::from_be_bytes(*b));
    let (brightest, darkest) = (word(16)?, word(20)?);
    Some(MasteringDisplay { brightest, darkest })
}

/// Parses a content light level: that of the brightest sample, and that of the brightest frame on average; `None` when
/// it is cut off. The `clli` box has the same fields.
#[must_use]
pub fn parse_content_light_level(body: &[u8]) -> Option<ContentLightLevel> {
    let &[a, b, c, d] = body.first_chunk::<4>()?;
    Some(ContentLightLevel { max: u16::from_be_bytes([a, b]), frame_average: u16::from_be_bytes([c, d]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_lcevc_enhancement_is_told_from_other_user_data() {
        let enhanced = |user_data: &[u8]| {
            let mut seen = HdrMetadata::default();
            seen.read_messages(&[&[4, user_data.len() as u8][..], user_data, &[0x80]].concat());
            let mut picture = VideoParameters::default();
            seen.fill(&mut picture);
            picture.lcevc
        };
        assert!(enhanced(b"\xb4\0\x50\0\x01"));
        assert!(!enhanced(b"\xb5\0\x31GA94\x03") && !enhanced(b"\xb4\0"));
    }

    #[test]
    fn hdr_metadata_is_found_among_other_messages() {
        let mut volume = [0u8; 24];
        volume[16..].copy_from_slice(&[0, 0x98, 0x96, 0x80, 0, 0, 0, 1]);
        let sei = [&[5, 2, 7, 7, 137, 24][..], &volume, &[144, 4, 0x03, 0xe8, 0x01, 0x90, 147, 1, 18, 0x80]].concat();
        let mut hdr = HdrMetadata::default();
        hdr.read_messages(&sei);
        assert_eq!(hdr.mastering, Some(MasteringDisplay { brightest: 10_000_000, darkest: 1 }));
        assert_eq!(hdr.content_light, Some(ContentLightLevel { max: 1000, frame_average: 400 }));
        assert_eq!(hdr.preferred_transfer, Some(18));
        for cut in 0..sei.len() {
            HdrMetadata::default().read_messages(&sei[..cut]);
        }
        let mut first = hdr;
        first.read_messages(&[147, 1, 16, 0x80]);
        assert_eq!(first, hdr, "a later message changes nothing");
    }

    #[test]
    fn captions_are_known_by_provider_and_type() {
        let unit = |head: &[u8], body: &[u8]| [head, &[5, 1, 9, 4, body.len() as u8], body, &[0x80]].concat();
        // One triplet of padding: cc_valid is 0. The zeros before 0x03 need no emulation prevention here.
        let padding = b"\xb5\0\x31GA94\x03\x41\xff\xf8\x80\x80\xff";
        assert!(has_captions(VideoSyntax::H264, &unit(&[6], padding)));
        assert!(has_captions(VideoSyntax::Hevc, &unit(&[0x4e, 1], padding)));
        assert!(!has_captions(VideoSyntax::H264, &unit(&[6], b"\xb5\0\x31GA94\x06\xff")), "bar data");
        assert!(!has_captions(VideoSyntax::H264, &unit(&[6], b"\xb5\0\x31DTG1\x41")), "active format");
        assert!(!has_captions(VideoSyntax::H264, &unit(&[6], b"\xb5\0\x3cGA94\x03")), "another provider");
        let whole = unit(&[6], padding);
        for cut in 0..whole.len() {
            assert_eq!(has_captions(VideoSyntax::H264, &whole[..cut]), cut >= 14, "{cut} bytes");
        }
    }

    #[test]
    fn a_recovery_point_is_found_behind_other_messages() {
        assert!(has_recovery_point(VideoSyntax::H264, &[6, 1, 1, 0, 6, 1, 0xc4, 0x80]));
        assert!(has_recovery_point(VideoSyntax::Hevc, &[0x4e, 1, 6, 1, 0xc4, 0x80]));
        assert!(!has_recovery_point(VideoSyntax::H264, &[6, 5, 2, 6, 1, 0x80]));
    }

    #[test]
    fn a_payload_may_be_long_or_cut() {
        let kinds = |bytes| SeiMessages(bytes).map(|(kind, body)| (kind, body.len())).collect::<Vec<_>>();
        assert_eq!(kinds(&[0xff, 2, 0, 4, 1, 7, 0x80]), [(257, 0), (4, 1)]);
        assert_eq!(kinds(&[4, 0xff, 10, 1, 2]), [(4, 2)]);
        assert_eq!(kinds(&[0xff; 9]), []);
    }
}
