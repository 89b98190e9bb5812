//! Codec parameters that headers contain: plain data, the same for every codec and container.

use super::quantizer::SliceQuantizers;
use super::rfc6381::Codec;
use super::still::StillPictures;
use crate::stream::Resolution;
use serde::{Serialize, Serializer};

/// Codec parameters of one track: codec, profile, level, and those of its video or audio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodecParameters {
    /// Codec of the track, serialized as an RFC 6381 codec string such as `avc1.64001f`.
    pub codec: Codec,
    /// Name of the profile of the codec; `None` for a codec without profiles or an unknown profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<&'static str>,
    /// Level of the codec as people write it, such as `4.1`; `None` for a codec without levels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Parameters of a video codec; `None` for audio, or when none is known.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoParameters>,
    /// Parameters of an audio codec; `None` for video, or when none is known.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioParameters>,
}

impl CodecParameters {
    /// Makes codec parameters of which only the codec is known.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        let (profile, level) = (codec.profile(), codec.level());
        Self { codec, profile, level, video: None, audio: None }
    }

    /// Makes the codec parameters of a video track.
    #[must_use]
    pub fn with_video(codec: Codec, picture: VideoParameters) -> Self {
        Self { video: Some(picture), ..Self::new(codec) }
    }

    /// Makes the codec parameters of an audio track.
    #[must_use]
    pub fn with_audio(codec: Codec, sound: AudioParameters) -> Self {
        Self { audio: Some(sound), ..Self::new(codec) }
    }
}

/// Kinds of parameter sets of H.264 (ISO/IEC 14496-10 7.4.1.2.1) and HEVC (ISO/IEC 23008-2 7.4.2.4.2), and sequence headers of AV1
/// and MPEG-2 (ISO/IEC 13818-2 6.1.1.6): a decoder needs one of each before the first picture that it decodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ParameterSetKinds {
    /// Whether there is a video parameter set, which only HEVC has.
    pub vps: bool,
    /// Whether there is a sequence parameter set.
    pub sps: bool,
    /// Whether there is a picture parameter set.
    pub pps: bool,
    /// Whether there is a sequence header, which is the parameter set of AV1 and of MPEG-2.
    pub sequence_header: bool,
}

impl ParameterSetKinds {
    pub const H264: Self = Self { vps: false, sps: true, pps: true, sequence_header: false };
    pub const HEVC: Self = Self { vps: true, ..Self::H264 };
    pub const AV1: Self = Self { vps: false, sps: false, pps: false, sequence_header: true };
    pub const MPEG2: Self = Self::AV1;

    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Returns the kinds of parameter sets that `self` has and `other` doesn't have.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self {
            vps: self.vps && !other.vps,
            sps: self.sps && !other.sps,
            pps: self.pps && !other.pps,
            sequence_header: self.sequence_header && !other.sequence_header,
        }
    }

    /// Returns the kinds of parameter sets that `self` or `other` has.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            vps: self.vps || other.vps,
            sps: self.sps || other.sps,
            pps: self.pps || other.pps,
            sequence_header: self.sequence_header || other.sequence_header,
        }
    }
}

impl std::fmt::Display for ParameterSetKinds {
    /// Writes the names of the parameter sets, such as `VPS, SPS and PPS`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = [(self.vps, "VPS"), (self.sps, "SPS"), (self.pps, "PPS"), (self.sequence_header, "sequence header")];
        let names: Vec<_> = all.into_iter().filter_map(|(there, name)| there.then_some(name)).collect();
        match names.as_slice() {
            [rest @ .., last] if !rest.is_empty() => write!(f, "{} and {last}", rest.join(", ")),
            names => f.write_str(&names.concat()),
        }
    }
}

/// Codec parameters over the duration of a track: the first ones, and the first later ones that differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrackHeaders {
    /// The first codec parameters of the track; `None` when none could be read.
    pub first: Option<CodecParameters>,
    /// The first later codec parameters of the track that differ from the first ones; `None` when they don't change.
    pub changed: Option<CodecParameters>,
    /// Whether the pictures carry closed captions; `None` when the reader couldn't look for them.
    pub captions: Option<bool>,
    /// Kinds of parameter sets that don't come before the first random access point of the track. Empty when none is
    /// missing, or when no random access point was read.
    pub missing_sets: ParameterSetKinds,
    /// Quantizers of the track's pictures; `None` when no slice header could be read.
    pub quantizers: Option<SliceQuantizers>,
    /// How many of the track's P and B pictures look like repetitions; `None` when none was judged.
    pub still_pictures: Option<StillPictures>,
}

/// Parameters of a video codec. Values that aren't known are left out of the serialized form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct VideoParameters {
    /// Width and height of a whole frame in luma samples, after cropping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// Sample aspect ratio: width divided by height of one sample. `None` when samples are square or the ratio isn't
    /// known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_aspect: Option<Ratio>,
    /// Frames per second by the timing information in the headers; `None` when they have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_rate: Option<Ratio>,
    /// Whether the pictures of the video may be coded as fields.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interlaced: bool,
    /// Number of bits of a luma sample; `None` when not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_depth: Option<u8>,
    /// Colour description of the video; `None` when the stream has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<ColourDescription>,
    /// Transfer characteristics that decoders should prefer to those of the colour description (SEI
    /// alternative_transfer_characteristics). HLG streams use them when their colour description names those of
    /// BT.2020. `None` without the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_transfer: Option<u16>,
    /// Luminance of the HDR10 mastering display; `None` without the metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mastering: Option<MasteringDisplay>,
    /// Content light level of HDR10; `None` without the metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_light: Option<ContentLightLevel>,
    /// Dolby Vision configuration; `None` without Dolby Vision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dolby_vision: Option<DolbyVisionConfig>,
    /// Whether the pictures carry an LCEVC enhancement as user data (ISO/IEC 23094-2): players that decode it show larger pictures.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lcevc: bool,
}

/// Luminance range of the display on which HDR10 video was graded (SMPTE ST 2086), in units of 0.0001 cd/m².
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MasteringDisplay {
    /// Largest luminance of the mastering display, in units of 0.0001 cd/m².
    pub brightest: u32,
    /// Smallest luminance of the mastering display, in units of 0.0001 cd/m².
    pub darkest: u32,
}

/// Content light level of HDR10 video (CTA-861.3), in cd/m².
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ContentLightLevel {
    /// MaxCLL: the light level of the brightest sample of the video, in cd/m².
    pub max: u16,
    /// MaxFALL: the largest average light level of a frame, in cd/m².
    pub frame_average: u16,
}

/// Colour description of video as code points of ISO/IEC 23091-2 (ITU-T H.273), where 2 means "unspecified".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ColourDescription {
    /// ColourPrimaries code point of ISO/IEC 23091-2.
    pub primaries: u16,
    /// TransferCharacteristics code point of ISO/IEC 23091-2.
    pub transfer: u16,
    /// MatrixCoefficients code point of ISO/IEC 23091-2.
    pub matrix: u16,
}

/// Dolby Vision configuration (from `dvcC`, `dvvC`, or the descriptor of a transport stream).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DolbyVisionConfig {
    /// Dolby Vision profile, such as 5 or 8.
    pub profile: u8,
    /// Dolby Vision level.
    pub level: u8,
    /// Format in which players without Dolby Vision show the base layer (dv_bl_signal_compatibility_id): 0 none, 1
    /// HDR10, 2 SDR, 4 HLG.
    pub compatibility: u8,
}

/// Dynamic range of video, with the names of VIDEO-RANGE (RFC 8216bis 4.4.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DynamicRange {
    /// Standard dynamic range (SDR).
    Sdr,
    /// Hybrid Log-Gamma (HLG).
    Hlg,
    /// Perceptual quantizer (PQ), as in HDR10 and Dolby Vision.
    Pq,
}

impl DynamicRange {
    /// Returns the value of VIDEO-RANGE for a dynamic range: `SDR`, `HLG` or `PQ`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sdr => "SDR",
            Self::Hlg => "HLG",
            Self::Pq => "PQ",
        }
    }
}

impl VideoParameters {
    /// Returns the dynamic range of a video by its transfer characteristics (ISO/IEC 23091-2 8.2). `None` when they are
    /// unspecified, or when they are those of BT.2020, because HLG streams have them too.
    #[must_use]
    pub fn dynamic_range(&self) -> Option<DynamicRange> {
        match self.dolby_vision.map(|d| (d.profile, d.compatibility)) {
            Some((5, _)) => return Some(DynamicRange::Pq),
            Some((_, 4)) => return Some(DynamicRange::Hlg),
            _ => {}
        }
        match self.preferred_transfer.or(self.colour.map(|c| c.transfer))? {
            16 => Some(DynamicRange::Pq),
            18 => Some(DynamicRange::Hlg),
            1 | 4..=8 | 13 => Some(DynamicRange::Sdr),
            _ => None,
        }
    }
}

/// Parameters of an audio codec. Values that aren't known are left out of the serialized form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AudioParameters {
    /// Number of channels that the audio decoder puts out; `None` when only the payload contains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<u16>,
    /// Sample rate in Hz that the audio decoder puts out; `None` when not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// Complexity index of the audio objects (Dolby Atmos in E-AC-3); `None` when no objects are announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<u8>,
}

impl AudioParameters {
    /// Makes audio parameters of which only the sample rate in Hz is known.
    #[must_use]
    pub fn at_rate(sample_rate: u32) -> Self {
        Self { sample_rate: Some(sample_rate), ..Self::default() }
    }
}

impl DolbyVisionConfig {
    /// Parses the DOVIDecoderConfigurationRecord of Dolby Vision: versions, profile (7 bits), level (6 bits), three
    /// flags, compatibility (4 bits). `None` when it is cut off.
    #[must_use]
    pub fn parse(record: &[u8]) -> Option<Self> {
        let &[_, _, a, b, c] = record.first_chunk::<5>()?;
        Some(Self { profile: a >> 1, level: (a & 1) << 5 | b >> 3, compatibility: c >> 4 })
    }
}

/// A positive fraction. Serialized as a floating-point number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    numerator: u32,
    denominator: u32,
}

impl Ratio {
    /// Makes a fraction; `None` when numerator or denominator is 0.
    #[must_use]
    pub fn new(numerator: u32, denominator: u32) -> Option<Self> {
        (numerator > 0 && denominator > 0).then_some(Self { numerator, denominator })
    }

    /// Returns the fraction as a floating-point number.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transfer_characteristics_give_the_range() {
        let colour = |transfer| Some(ColourDescription { primaries: 9, transfer, matrix: 9 });
        let of = |transfer| VideoParameters { colour: colour(transfer), ..VideoParameters::default() }.dynamic_range();
        assert_eq!([of(1), of(16), of(18)], [Some(DynamicRange::Sdr), Some(DynamicRange::Pq), Some(DynamicRange::Hlg)]);
        assert_eq!([of(2), of(14), of(0), of(255)], [None; 4], "unspecified, or HLG under BT.2020");
        assert_eq!(VideoParameters::default().dynamic_range(), None);
        let preferred =
            VideoParameters { colour: colour(14), preferred_transfer: Some(18), ..VideoParameters::default() };
        assert_eq!(preferred.dynamic_range(), Some(DynamicRange::Hlg));
    }

    #[test]
    fn dolby_vision_without_a_base_layer_is_pq() {
        let of = |profile, compatibility| {
            let dolby_vision = Some(DolbyVisionConfig { profile, level: 6, compatibility });
            VideoParameters { dolby_vision, ..VideoParameters::default() }.dynamic_range()
        };
        assert_eq!([of(5, 0), of(8, 4), of(8, 1)], [Some(DynamicRange::Pq), Some(DynamicRange::Hlg), None]);
    }
}
