//! Parameter sets, HDR messages and slice headers of a video stream whose bytes arrive in chunks.

use super::bits::{BitReader, MAX_UNIT, without_emulation_prevention};
use super::parameters::{CodecParameters, ParameterSetKinds, TrackHeaders};
use super::quantizer::{MAX_SLICE, SliceQuantizers, SliceSets, USUAL_SLICE};
use super::sei::{self, HdrMetadata};
use super::set_ids::SetIds;
use super::start_codes::VideoSyntax;
use super::still::StillCounter;
use super::{h264, hevc};

/// Number of sequence parameter sets that are remembered of a stream: it may announce several and use one.
const MAX_KNOWN_SETS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnitKind {
    ParameterSet,
    PictureSet,
    Messages,
    Slice,
}

impl UnitKind {
    /// Returns the largest number of bytes that are read of such a NAL unit.
    fn most_bytes(self) -> usize {
        if self == Self::Slice { MAX_SLICE } else { MAX_UNIT }
    }
}

/// start_code of an MPEG-2 sequence header (ISO/IEC 13818-2 table 6-1).
const MPEG2_SEQUENCE_HEADER: u8 = 0xb3;
/// NAL unit types of slices in H.264 (ISO/IEC 14496-10 7.4.1): of an IDR picture, and of others.
const IDR_SLICE: u8 = 5;
const OTHER_SLICE: u8 = 1;
/// NAL unit types of slices in HEVC (ISO/IEC 23008-2 7.4.2.2): of IRAP pictures, of IDR pictures
/// among them, and of others.
const IRAP_SLICES: std::ops::RangeInclusive<u8> = 16..=21;
const HEVC_IDR_SLICES: std::ops::RangeInclusive<u8> = 19..=20;
const OTHER_SLICES: std::ops::RangeInclusive<u8> = 0..=9;

/// The parameter sets that a decoder has: their identifiers, and what slice headers need of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DecoderSets {
    pub(crate) ids: SetIds,
    slices: SliceSets,
}

impl DecoderSets {
    /// Makes the state of a decoder that has received no parameter set yet.
    #[must_use]
    pub(crate) fn new(syntax: VideoSyntax) -> Self {
        Self { ids: SetIds::default(), slices: SliceSets::new(syntax) }
    }

    /// Makes the state of a decoder that may have received any parameter sets, of which none was read here.
    #[must_use]
    pub(crate) fn unknown() -> Self {
        Self { ids: SetIds::unknown(), slices: SliceSets::Unread }
    }

    /// Adds the parameter set in a NAL unit.
    pub(crate) fn add(&mut self, syntax: VideoSyntax, unit: &[u8]) {
        self.ids.add(syntax, unit);
        self.slices.add(unit);
    }
}

/// What is known of the picture in one sample by its NAL units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SamplePicture {
    /// Whether the picture is an IDR picture.
    pub(crate) is_idr: bool,
    /// Whether the picture is an IDR picture, or another IRAP picture of HEVC.
    pub(crate) is_random_access: bool,
    /// Whether the first slice of the picture is a P or B slice; `None` if its header can't be read.
    pub(crate) is_inter: Option<bool>,
    /// Whether the picture has a recovery point message.
    pub(crate) recovers: bool,
}

/// Collects the parameter sets and SEI messages of one video stream.
#[derive(Debug)]
pub(crate) struct ParameterSets {
    syntax: VideoSyntax,
    /// Kind of the current NAL unit; `None` when it isn't read.
    unit: Option<UnitKind>,
    /// The current NAL unit as far as it has arrived. Its memory is used for all units.
    bytes: Vec<u8>,
    /// Number of bytes of the current slice that have arrived.
    slice_bytes: usize,
    /// Whether the header of the current slice was read, or can't be.
    header_read: bool,
    /// Whether a NAL unit has begun of which no byte has arrived yet.
    unit_begun: bool,
    /// Sequence parameter sets that were parsed, kept to recognise a repeated one.
    known_sets: Vec<Vec<u8>>,
    /// Kinds of parameter sets that have arrived in the stream, or that the container stores outside of the stream.
    kinds: ParameterSetKinds,
    /// The parameter sets that have come, or that the container stores outside of the stream.
    sets: DecoderSets,
    quantizers: SliceQuantizers,
    still: StillCounter,
    /// Whether the first slice of the first random access point was read.
    slice_read: bool,
    /// Whether a random access point of the video stream was reached.
    random_access_seen: bool,
    /// Whether a picture of the video stream has begun.
    picture_seen: bool,
    /// Whether closed captions were seen in the video stream.
    captions: bool,
    /// The picture of the current sample.
    picture: SamplePicture,
    /// Whether an SEI NAL unit was longer than what is read of it, so that captions may be in the rest.
    is_message_cut: bool,
    /// HDR metadata from the SEI messages before the first picture.
    hdr: HdrMetadata,
    headers: TrackHeaders,
}

impl ParameterSets {
    #[must_use]
    pub(crate) fn new(syntax: VideoSyntax) -> Self {
        Self {
            syntax,
            unit: None,
            bytes: Vec::new(),
            slice_bytes: 0,
            header_read: false,
            unit_begun: false,
            known_sets: Vec::new(),
            kinds: ParameterSetKinds::default(),
            sets: DecoderSets::new(syntax),
            quantizers: SliceQuantizers::default(),
            still: StillCounter::default(),
            slice_read: false,
            random_access_seen: false,
            picture_seen: false,
            captions: false,
            picture: SamplePicture::default(),
            is_message_cut: false,
            hdr: HdrMetadata::default(),
            headers: TrackHeaders::default(),
        }
    }

    /// Adds the parameter sets that the container stores outside of the stream, such as in `avcC`.
    #[must_use]
    pub(crate) fn with_known(mut self, kinds: ParameterSetKinds, sets: DecoderSets) -> Self {
        self.kinds = kinds;
        self.sets.ids = sets.ids;
        if sets.slices != SliceSets::Unread {
            self.sets.slices = sets.slices;
        }
        self
    }

    /// Ends the current NAL unit, if any, and begins the next one.
    pub(crate) fn begin_unit(&mut self) {
        self.end_unit();
        self.unit_begun = true;
    }

    /// Appends bytes of the video stream to the current NAL unit.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        let Some(first) = bytes.first() else { return };
        if std::mem::take(&mut self.unit_begun) {
            self.kinds = self.kinds.union(self.set_kind(*first));
            self.unit = self.unit_kind(*first);
            self.bytes.clear();
            (self.slice_bytes, self.header_read) = (0, false);
        }
        let Some(kind) = self.unit else { return };
        if kind == UnitKind::Slice {
            self.slice_bytes = self.slice_bytes.saturating_add(bytes.len());
            // Of a slice whose header was read, nothing but its size is needed: `referenced_set` needs fewer bytes than the header.
            if self.header_read {
                return;
            }
        }
        let room = kind.most_bytes().saturating_sub(self.bytes.len()).min(bytes.len());
        self.bytes.extend_from_slice(bytes.get(..room).unwrap_or_default());
        if kind == UnitKind::Slice && self.bytes.len() >= USUAL_SLICE {
            self.read_header();
        }
    }

    /// Returns whether the bytes of the current NAL unit that have arrived are enough to read everything that is wanted
    /// from it. For a slice they are enough when its header was read and its picture is too large to be a repetition.
    #[must_use]
    pub(crate) fn has_unit(&self) -> bool {
        let suffices = |kind: UnitKind| match kind {
            UnitKind::Slice => self.header_read && self.still.is_decided(self.slice_bytes),
            UnitKind::ParameterSet | UnitKind::PictureSet | UnitKind::Messages => self.bytes.len() >= MAX_UNIT,
        };
        !self.unit_begun && self.unit.is_none_or(suffices)
    }

    /// Whether everything is known of the current picture, whatever slices follow.
    #[must_use]
    pub(crate) fn has_picture(&self) -> bool {
        self.still.is_decided(0)
    }

    /// Reads the header of the current slice once.
    fn read_header(&mut self) {
        if std::mem::replace(&mut self.header_read, true) {
            return;
        }
        if let Some(slice) = self.sets.slices.read_slice(&self.bytes) {
            self.picture.is_inter.get_or_insert(!slice.intra);
            self.quantizers.count(&slice);
            self.still.begin(&slice);
        }
    }

    /// Ends the current NAL unit and reads its contents.
    pub(crate) fn end_unit(&mut self) {
        let Some(kind) = self.unit.take() else { return };
        if kind == UnitKind::Slice {
            self.read_header();
            self.still.add(self.slice_bytes);
        }
        let unit = std::mem::take(&mut self.bytes);
        match kind {
            UnitKind::ParameterSet => {
                self.sets.add(self.syntax, &unit);
                self.add_set(&unit);
            }
            UnitKind::PictureSet => self.sets.add(self.syntax, &unit),
            UnitKind::Slice => {
                self.note_missing_sets(&unit);
            }
            UnitKind::Messages => {
                self.captions = self.captions || sei::has_captions(self.syntax, &unit);
                self.picture.recovers |= sei::has_recovery_point(self.syntax, &unit);
                self.is_message_cut |= unit.len() >= MAX_UNIT;
                if !self.picture_seen {
                    self.hdr.read_unit(self.syntax, &unit);
                }
            }
        }
        self.bytes = unit;
    }

    /// Notes that a picture begins: the sequence parameter set before it describes it, and a different one after it is
    /// a change.
    pub(crate) fn begin_picture(&mut self) {
        self.picture_seen = true;
    }

    /// Notes the slice that a NAL unit is, by the first byte of its header; returns whether it is one.
    pub(crate) fn begin_slice(&mut self, header: u8) -> bool {
        let is_slice = self.is_slice(header);
        if is_slice {
            self.picture.is_idr |= self.is_idr(header);
            if self.is_random_access(header) {
                self.picture.is_random_access = true;
                self.reach_random_access();
            }
            self.begin_picture();
        }
        is_slice
    }

    /// Ends the picture of the current sample, and returns what is known of it.
    pub(crate) fn take_picture(&mut self) -> SamplePicture {
        std::mem::take(&mut self.picture)
    }

    /// Notes a random access point. At the first one of a segment, a decoder has only the parameter sets before it, so
    /// those that are missing then are recorded.
    pub(crate) fn reach_random_access(&mut self) {
        if !std::mem::replace(&mut self.random_access_seen, true) {
            let required = match self.syntax {
                VideoSyntax::H264 => ParameterSetKinds::H264,
                VideoSyntax::Hevc => ParameterSetKinds::HEVC,
                VideoSyntax::Mpeg2 => ParameterSetKinds::MPEG2,
            };
            self.headers.missing_sets = self.headers.missing_sets.union(required.without(self.kinds));
        }
    }

    /// Drops the current NAL unit, because bytes of the stream are missing.
    pub(crate) fn reset(&mut self) {
        self.sets.ids = SetIds::unknown();
        self.still.reset();
        self.unit = None;
        self.unit_begun = false;
    }

    /// Returns the codec parameters that the stream contains. `announced` are parameters from outside of the stream,
    /// which are used when the stream has no sequence parameter set.
    #[must_use]
    pub(crate) fn finish(mut self, announced: Option<CodecParameters>) -> TrackHeaders {
        let read = self.picture_seen && self.syntax != VideoSyntax::Mpeg2;
        self.headers.captions = (self.captions || read && !self.is_message_cut).then_some(self.captions);
        self.headers.first = self.headers.first.or(announced);
        self.headers.quantizers = self.quantizers.counted();
        self.headers.still_pictures = self.still.finish();
        for picture in [&mut self.headers.first, &mut self.headers.changed].into_iter().flatten() {
            self.hdr.fill(picture.video.get_or_insert_default());
        }
        self.headers
    }

    fn add_set(&mut self, set: &[u8]) {
        if self.headers.changed.is_some() || self.known_sets.iter().any(|known| known == set) {
            return;
        }
        let read = self.parse_set(set);
        match &self.headers.first {
            None => self.headers.first = read,
            Some(first) if self.picture_seen => self.headers.changed = read.filter(|new| new != first),
            Some(_) => {}
        }
        if self.known_sets.len() < MAX_KNOWN_SETS {
            self.known_sets.push(set.to_vec());
        }
    }

    /// Notes the parameter sets to which the first slice of the first random access point refers and that didn't come.
    fn note_missing_sets(&mut self, slice: &[u8]) {
        let is_random_access = slice.first().is_some_and(|header| self.is_random_access(*header));
        if self.slice_read || !self.random_access_seen || !is_random_access {
            return;
        }
        let Some(id) = self.referenced_set(slice) else { return };
        self.slice_read = true;
        self.headers.missing_sets = self.headers.missing_sets.union(self.sets.ids.missing_for(id));
    }

    /// Whether a NAL unit is a slice of a random access point, by the first byte of its header.
    fn is_random_access(&self, header: u8) -> bool {
        match self.syntax {
            VideoSyntax::H264 => header & 0x1f == IDR_SLICE,
            VideoSyntax::Hevc => header & 1 == 0 && IRAP_SLICES.contains(&(header >> 1 & 0x3f)),
            VideoSyntax::Mpeg2 => false,
        }
    }

    /// Whether a NAL unit is a slice of an IDR picture, by the first byte of its header.
    fn is_idr(&self, header: u8) -> bool {
        match self.syntax {
            VideoSyntax::H264 => header & 0x1f == IDR_SLICE,
            VideoSyntax::Hevc => HEVC_IDR_SLICES.contains(&(header >> 1 & 0x3f)),
            VideoSyntax::Mpeg2 => false,
        }
    }

    /// Whether a NAL unit is a slice, by the first byte of its header.
    fn is_slice(&self, header: u8) -> bool {
        match self.syntax {
            VideoSyntax::H264 => matches!(header & 0x1f, IDR_SLICE | OTHER_SLICE),
            VideoSyntax::Hevc => {
                let unit_type = header >> 1 & 0x3f;
                header & 1 == 0 && (IRAP_SLICES.contains(&unit_type) || OTHER_SLICES.contains(&unit_type))
            }
            VideoSyntax::Mpeg2 => false,
        }
    }

    /// The picture parameter set that a slice refers to. `None` for a slice that isn't the first one of its picture.
    fn referenced_set(&self, slice: &[u8]) -> Option<u32> {
        let header = if self.syntax == VideoSyntax::Hevc { 2 } else { 1 };
        let clean = without_emulation_prevention(slice.get(header..)?);
        let mut bits = BitReader::new(&clean);
        let first = if self.syntax == VideoSyntax::Hevc {
            // first_slice_segment_in_pic_flag, no_output_of_prior_pics_flag (ISO/IEC 23008-2 7.3.6.1).
            let first = bits.flag()?;
            bits.skip(1)?;
            first
        } else {
            // first_mb_in_slice, slice_type (ISO/IEC 14496-10 7.3.3).
            let first = bits.exp_golomb()? == 0;
            bits.exp_golomb()?;
            first
        };
        bits.exp_golomb().filter(|_| first)
    }

    fn parse_set(&self, set: &[u8]) -> Option<CodecParameters> {
        match self.syntax {
            VideoSyntax::H264 => h264::parameters(set),
            VideoSyntax::Hevc => hevc::parameters(set),
            VideoSyntax::Mpeg2 => None,
        }
    }

    /// Returns the kind of parameter set of a NAL unit, from the first byte of its header. Empty for other NAL units,
    /// and for HEVC layers above the base layer.
    fn set_kind(&self, header: u8) -> ParameterSetKinds {
        let none = ParameterSetKinds::default();
        match (self.syntax, header & 0x1f, header >> 1 & 0x3f) {
            (VideoSyntax::H264, h264::SPS, _) => ParameterSetKinds { sps: true, ..none },
            (VideoSyntax::H264, h264::PPS, _) => ParameterSetKinds { pps: true, ..none },
            (VideoSyntax::Hevc, _, hevc::VPS) if header & 1 == 0 => ParameterSetKinds { vps: true, ..none },
            (VideoSyntax::Hevc, _, hevc::SPS) if header & 1 == 0 => ParameterSetKinds { sps: true, ..none },
            (VideoSyntax::Hevc, _, hevc::PPS) if header & 1 == 0 => ParameterSetKinds { pps: true, ..none },
            (VideoSyntax::Mpeg2, ..) if header == MPEG2_SEQUENCE_HEADER => ParameterSetKinds::MPEG2,
            _ => none,
        }
    }

    fn unit_kind(&self, header: u8) -> Option<UnitKind> {
        if self.set_kind(header).pps {
            return Some(UnitKind::PictureSet);
        }
        if self.is_slice(header) {
            return Some(UnitKind::Slice);
        }
        let (set, messages) = match self.syntax {
            VideoSyntax::H264 => (header & 0x1f == h264::SPS, header & 0x1f == h264::SEI),
            VideoSyntax::Hevc => (header >> 1 & 0x3f == hevc::SPS, header >> 1 & 0x3f == hevc::PREFIX_SEI),
            VideoSyntax::Mpeg2 => (false, false),
        };
        match (set, messages && !(self.picture_seen && self.captions)) {
            (true, _) => Some(UnitKind::ParameterSet),
            (_, true) => Some(UnitKind::Messages),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{X264_1080P, X264_INTERLACED};
    use super::*;

    fn run(units: &[&[u8]]) -> TrackHeaders {
        let mut sets = ParameterSets::new(VideoSyntax::H264);
        for unit in units {
            sets.begin_unit();
            unit.chunks(7).for_each(|piece| sets.append(piece));
            if unit[0] & 0x1f == 5 {
                sets.begin_picture();
            }
        }
        sets.end_unit();
        sets.finish(None)
    }

    #[test]
    fn a_different_set_is_a_change_only_after_the_first_picture() {
        let slice = [0x65, 0x88, 0x84];
        let height = |p: Option<CodecParameters>| p?.video?.resolution.map(|r| r.height);
        let same = run(&[X264_1080P, &slice, X264_1080P, &slice]);
        assert_eq!((height(same.first), same.changed), (Some(1080), None));
        let changed = run(&[X264_1080P, &slice, X264_INTERLACED, &slice]);
        assert_eq!((height(changed.first), height(changed.changed)), (Some(1080), Some(576)));
        let both = run(&[X264_1080P, X264_INTERLACED, &slice, X264_1080P, X264_INTERLACED, &slice]);
        assert_eq!((height(both.first), both.changed), (Some(1080), None));
    }

    #[test]
    fn the_sets_before_the_first_random_access_point_count() {
        let missing = |syntax, known, units: &[(u8, bool)]| {
            let mut sets = ParameterSets::new(syntax).with_known(known, DecoderSets::unknown());
            for (header, random_access) in units {
                sets.begin_unit();
                sets.append(&[*header, 1, 0x80]);
                if *random_access {
                    sets.reach_random_access();
                }
            }
            sets.finish(None).missing_sets.to_string()
        };
        let none = ParameterSetKinds::default();
        let h264 = |known, units: &[u8]| {
            let units: Vec<_> = units.iter().map(|header| (*header, header & 0x1f == 5)).collect();
            missing(VideoSyntax::H264, known, &units)
        };
        assert_eq!(h264(none, &[0x67, 0x68, 0x65]), "");
        assert_eq!(h264(none, &[0x65]), "SPS and PPS");
        assert_eq!(h264(none, &[0x67, 0x65]), "PPS");
        assert_eq!(h264(none, &[0x68, 0x65, 0x67]), "SPS", "behind the key frame is too late");
        assert_eq!(h264(none, &[0x67, 0x68, 0x65, 0x65]), "", "a later key frame may do with the earlier sets");
        assert_eq!(h264(none, &[0x41]), "", "no random access point");
        assert_eq!(h264(ParameterSetKinds { sps: true, ..none }, &[0x68, 0x65]), "", "the container has the SPS");
        let hevc = |units: &[u8]| {
            let units: Vec<_> = units.iter().map(|kind| (kind << 1, *kind == 19)).collect();
            missing(VideoSyntax::Hevc, none, &units)
        };
        assert_eq!(hevc(&[32, 33, 34, 19]), "");
        assert_eq!([hevc(&[33, 34, 19]), hevc(&[32, 34, 19]), hevc(&[32, 33, 19])], ["VPS", "SPS", "PPS"]);
        assert_eq!(hevc(&[39, 19]), "VPS, SPS and PPS");
        let layer =
            missing(VideoSyntax::Hevc, none, &[(32 << 1 | 1, false), (33 << 1, false), (34 << 1, false), (38, true)]);
        assert_eq!(layer, "VPS", "a set of another layer");
        let mpeg2 = |units: &[(u8, bool)]| missing(VideoSyntax::Mpeg2, none, units);
        assert_eq!([mpeg2(&[(0xb3, false), (0, true)]), mpeg2(&[(0, false)])], ["", ""]);
        assert_eq!([mpeg2(&[(0, true)]), mpeg2(&[(0xb8, false), (0, true), (0xb3, false)])], ["sequence header"; 2]);
    }

    #[test]
    fn a_slice_needs_the_picture_set_that_it_refers_to() {
        // pic_parameter_set_id 0 is `1`, 1 is `010`; a slice begins with first_mb_in_slice 0 and slice_type 7 (`0001000`).
        let of = |syntax, units: &[&[u8]]| {
            let mut sets = ParameterSets::new(syntax);
            for unit in units {
                sets.begin_unit();
                sets.append(unit);
                if matches!(unit[0], 0x65 | 0x26) {
                    sets.reach_random_access();
                }
            }
            sets.end_unit();
            sets.finish(None).missing_sets.to_string()
        };
        let (set_0, set_1): (&[u8], &[u8]) = (&[0x68, 0xeb, 0xe3], &[0x68, 0x4b, 0xe3]);
        let (slice_0, slice_1): (&[u8], &[u8]) = (&[0x65, 0x88, 0x84], &[0x65, 0x88, 0x44]);
        let h264 = |units: &[&[u8]]| of(VideoSyntax::H264, &[&[&[0x67_u8, 1][..]], units].concat());
        assert_eq!([h264(&[set_0, slice_0]), h264(&[set_0, set_1, slice_1])], ["", ""]);
        assert_eq!([h264(&[set_1, slice_0]), h264(&[set_0, slice_1])], ["PPS", "PPS"]);
        assert_eq!(h264(&[set_0, slice_0, slice_1]), "", "of later pictures nothing is known");
        let hevc =
            |pps: u8, slice: u8| of(VideoSyntax::Hevc, &[&[0x40, 1], &[0x42, 1], &[0x44, 1, pps], &[0x26, 1, slice]]);
        assert_eq!([hevc(0xc0, 0xa0), hevc(0x40, 0xa0)], ["", "PPS"]);
    }

    #[test]
    fn captions_may_begin_after_the_first_picture() {
        let sei = b"\x06\x04\x0e\xb5\0\x31GA94\x03\x41\xff\xf8\x80\x80\xff\x80";
        let slice = [0x65, 0x88, 0x84];
        let later = run(&[X264_1080P, &slice, sei, &slice]);
        assert_eq!((later.captions, later.changed), (Some(true), None));
        assert_eq!(run(&[X264_1080P, &slice]).captions, Some(false));
        assert_eq!(run(&[X264_1080P]).captions, None, "no picture was reached");
        let long = [&[6, 5, 0xff, 0xff, 0xff, 0xff, 0x50][..], &[0x11; 1100]].concat();
        assert_eq!(run(&[X264_1080P, &long, &slice]).captions, None, "they may be in what isn't read of the messages");
    }

    #[test]
    fn messages_count_before_the_first_picture() {
        let (sei, slice) = ([0x06, 147, 1, 18, 0x80], [0x65, 0x88, 0x84]);
        let preferred = |h: TrackHeaders| h.first.unwrap().video.unwrap().preferred_transfer;
        assert_eq!(preferred(run(&[X264_1080P, &sei, &slice])), Some(18));
        assert_eq!(preferred(run(&[X264_1080P, &slice, &sei])), None);
    }
}
