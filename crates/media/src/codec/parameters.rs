//! What a stream's headers say of it: plain data, the same for every codec and container.

use super::rfc6381::Codec;
use crate::stream::Resolution;
use serde::{Serialize, Serializer};

/// Of one track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameters {
    /// As RFC 6381 writes it: `avc1.64001f`.
    pub codec: Codec,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub sound: Option<Sound>,
}

impl Parameters {
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        let (profile, level) = (codec.profile(), codec.level());
        Self { codec, profile, level, picture: None, sound: None }
    }

    #[must_use]
    pub fn of_picture(codec: Codec, picture: Picture) -> Self {
        Self { picture: Some(picture), ..Self::new(codec) }
    }

    #[must_use]
    pub fn of_sound(codec: Codec, sound: Sound) -> Self {
        Self { sound: Some(sound), ..Self::new(codec) }
    }
}

/// What a track's headers said: the first of them, and the first that changed it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    pub first: Option<Parameters>,
    pub changed: Option<Parameters>,
    /// Closed captions come with the pictures; `None` where that wasn't looked for.
    pub captions: Option<bool>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Picture {
    /// Luma samples of a whole frame, the cropping window applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// Width to height of one sample, where it isn't square.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_aspect: Option<Ratio>,
    /// Frames a second by the stream's own timing; `None` where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_rate: Option<Ratio>,
    /// Fields may be coded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interlaced: bool,
    /// Bits of a luma sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_depth: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<Colour>,
    /// Transfer characteristics that a decoder should rather go by (SEI): HLG under the name of BT.2020's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_transfer: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mastering: Option<Mastering>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_light: Option<ContentLight>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dolby_vision: Option<DolbyVision>,
}

/// The display that HDR10 was graded on (SMPTE ST 2086), in 0.0001 cd/m².
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Mastering {
    pub brightest: u32,
    pub darkest: u32,
}

/// MaxCLL and MaxFALL (CTA-861.3), in cd/m².
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ContentLight {
    pub max: u16,
    pub frame_average: u16,
}

/// Code points of ISO/IEC 23091-2 (ITU-T H.273); 2 is "unspecified".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Colour {
    pub primaries: u16,
    pub transfer: u16,
    pub matrix: u16,
}

/// Dolby Vision configuration (`dvcC`, `dvvC` or the descriptor of a transport stream).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DolbyVision {
    pub profile: u8,
    pub level: u8,
    /// What its base layer is for a player without Dolby Vision: 0 nothing, 1 HDR10, 2 SDR, 4 HLG.
    pub compatibility: u8,
}

/// What VIDEO-RANGE names (RFC 8216bis 4.4.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Range {
    Sdr,
    Hlg,
    Pq,
}

impl Range {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sdr => "SDR",
            Self::Hlg => "HLG",
            Self::Pq => "PQ",
        }
    }
}

impl Picture {
    /// Dynamic range by the transfer characteristics (ISO/IEC 23091-2 8.2). `None` where they say nothing: unspecified,
    /// or BT.2020's own, under which HLG travels too where no message says so.
    #[must_use]
    pub fn range(&self) -> Option<Range> {
        match self.dolby_vision.map(|d| (d.profile, d.compatibility)) {
            Some((5, _)) => return Some(Range::Pq),
            Some((_, 4)) => return Some(Range::Hlg),
            _ => {}
        }
        match self.preferred_transfer.or(self.colour.map(|c| c.transfer))? {
            16 => Some(Range::Pq),
            18 => Some(Range::Hlg),
            1 | 4..=8 | 13 => Some(Range::Sdr),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sound {
    /// Channels as they are heard; `None` where the header leaves it to the payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<u16>,
    /// Hz, of the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// Objects beside the channels (Dolby Atmos in E-AC-3): their complexity index. `None` where none are announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<u8>,
}

impl Sound {
    #[must_use]
    pub fn at(sample_rate: u32) -> Self {
        Self { sample_rate: Some(sample_rate), ..Self::default() }
    }
}

impl DolbyVision {
    /// DOVIDecoderConfigurationRecord: versions, profile (7 bits), level (6), three flags, compatibility (4).
    #[must_use]
    pub fn read(record: &[u8]) -> Option<Self> {
        let &[_, _, a, b, c] = record.first_chunk::<5>()?;
        Some(Self { profile: a >> 1, level: (a & 1) << 5 | b >> 3, compatibility: c >> 4 })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    numerator: u32,
    denominator: u32,
}

impl Ratio {
    /// `None` for one that is zero or has no value.
    #[must_use]
    pub fn new(numerator: u32, denominator: u32) -> Option<Self> {
        (numerator > 0 && denominator > 0).then_some(Self { numerator, denominator })
    }

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
        let colour = |transfer| Some(Colour { primaries: 9, transfer, matrix: 9 });
        let of = |transfer| Picture { colour: colour(transfer), ..Picture::default() }.range();
        assert_eq!([of(1), of(16), of(18)], [Some(Range::Sdr), Some(Range::Pq), Some(Range::Hlg)]);
        assert_eq!([of(2), of(14), of(0), of(255)], [None; 4], "unspecified, or HLG under BT.2020");
        assert_eq!(Picture::default().range(), None);
        let preferred = Picture { colour: colour(14), preferred_transfer: Some(18), ..Picture::default() };
        assert_eq!(preferred.range(), Some(Range::Hlg));
    }

    #[test]
    fn dolby_vision_without_a_base_layer_is_pq() {
        let of = |profile, compatibility| {
            let dolby_vision = Some(DolbyVision { profile, level: 6, compatibility });
            Picture { dolby_vision, ..Picture::default() }.range()
        };
        assert_eq!([of(5, 0), of(8, 4), of(8, 1)], [Some(Range::Pq), Some(Range::Hlg), None]);
    }
}
