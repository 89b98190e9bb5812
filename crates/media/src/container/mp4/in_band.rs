//! Codec headers inside MP4 samples: parameter sets of `avc3` and `hev1` (ISO/IEC 14496-15), the sequence header of
//! AV1, and HDR messages. They stand at a random access point, so the start of the first sample of each fragment is
//! read.

use crate::codec::nal::{self, NalUnit, SliceKind};
use crate::codec::parameters::{CodecParameters, ParameterSetKinds, TrackHeaders};
use crate::codec::start_codes::VideoSyntax;
use crate::codec::{av1, parameter_sets::ParameterSets};
use crate::container::InitTrack;

/// Largest number of bytes that are kept of a sample.
const MAX_HEAD: u64 = 2048;
/// Largest number of samples that are collected at a time: one of each track of the fragment.
const MAX_REQUESTS: usize = 8;

/// Collects the first bytes of requested samples as the media data passes.
#[derive(Debug, Default)]
pub(super) struct SampleHeads(Vec<SampleHead>);

#[derive(Debug)]
struct SampleHead {
    track: u32,
    from: u64,
    end: u64,
    bytes: Vec<u8>,
}

impl SampleHeads {
    /// Requests the first bytes of a sample of `size` bytes that begins at offset `from` of the resource.
    pub(super) fn request(&mut self, track: u32, from: u64, size: u32) {
        let end = from.saturating_add(u64::from(size).min(MAX_HEAD));
        if self.0.len() < MAX_REQUESTS {
            self.0.push(SampleHead { track, from, end, bytes: Vec::new() });
        }
    }

    /// Adds to each head the bytes of it that are in this media data, which begins at byte offset `at` of the resource.
    pub(super) fn pass_media(&mut self, at: u64, bytes: &[u8]) {
        for head in &mut self.0 {
            let next = head.from + head.bytes.len() as u64;
            let (Ok(skip), Ok(room)) = (usize::try_from(next.saturating_sub(at)), usize::try_from(head.end - next))
            else {
                continue;
            };
            if next >= at && room > 0 {
                let bytes = bytes.get(skip..).unwrap_or_default();
                head.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            }
        }
    }

    /// Returns the first bytes of samples that were collected, each with its track_ID.
    pub(super) fn take(&mut self) -> Vec<(u32, Vec<u8>)> {
        self.0.drain(..).map(|head| (head.track, head.bytes)).collect()
    }
}

/// Reader for the codec headers in the samples of one track.
#[derive(Debug, Default)]
pub(super) enum InBandHeaders {
    /// The samples have NAL units, each behind a length field of this size in bytes.
    NalUnits(Box<ParameterSets>, VideoSyntax, usize),
    Av1(Box<Av1Headers>),
    /// Nothing is read of the samples: the track has another codec or encrypted samples.
    #[default]
    Unread,
}

/// Reader for the headers of AV1 samples.
#[derive(Debug, Default)]
pub(super) struct Av1Headers {
    headers: TrackHeaders,
    /// Whether the sample entry has a sequence header, so that players can begin without one in the samples.
    in_entry: bool,
    /// Whether the first sample was read.
    begun: bool,
}

impl Av1Headers {
    fn read_sample(&mut self, head: &[u8]) {
        let headers = &mut self.headers;
        let begins = !std::mem::replace(&mut self.begun, true);
        headers.missing_sets.sequence_header |= begins && !self.in_entry && av1::lacks_sequence_header(head);
        let read = av1::parameters(head);
        match &headers.first {
            None => headers.first = read,
            Some(first) if headers.changed.is_none() => headers.changed = read.filter(|new| new != first),
            Some(_) => {}
        }
    }
}

impl InBandHeaders {
    #[must_use]
    pub(super) fn for_track(init: &InitTrack) -> Self {
        match (init.codec.as_str(), init.nal_length_size) {
            _ if init.encrypted() => Self::Unread,
            ("h264", Some(length)) => {
                let known = ParameterSetKinds::H264.without(init.missing_parameter_sets);
                let sets = ParameterSets::new(VideoSyntax::H264).with_known(known, init.set_ids.clone());
                Self::NalUnits(Box::new(sets), VideoSyntax::H264, length)
            }
            ("hevc", Some(length)) => {
                let known = ParameterSetKinds::HEVC.without(init.missing_parameter_sets);
                let sets = ParameterSets::new(VideoSyntax::Hevc).with_known(known, init.set_ids.clone());
                Self::NalUnits(Box::new(sets), VideoSyntax::Hevc, length)
            }
            ("av1", _) => Self::Av1(Box::new(Av1Headers {
                in_entry: !init.missing_parameter_sets.sequence_header,
                ..Av1Headers::default()
            })),
            _ => Self::Unread,
        }
    }

    #[must_use]
    pub(super) fn is_read(&self) -> bool {
        !matches!(self, Self::Unread)
    }

    /// Reads the codec headers at the start of a sample.
    pub(super) fn read_sample(&mut self, head: &[u8]) {
        match self {
            Self::NalUnits(sets, syntax, length) => read_units(sets, *syntax, *length, head),
            Self::Av1(reader) => reader.read_sample(head),
            Self::Unread => {}
        }
    }

    /// Returns the codec headers of the samples, merged with the codec parameters of the sample entry. The boxes of the
    /// entry take precedence over the bitstream (ISO/IEC 14496-12 12.1.5).
    #[must_use]
    pub(super) fn finish(self, entry: Option<CodecParameters>) -> TrackHeaders {
        let mut headers = match self {
            Self::NalUnits(sets, ..) => sets.finish(entry.clone()),
            Self::Av1(reader) => reader.headers,
            Self::Unread => TrackHeaders::default(),
        };
        headers.first = match (headers.first, entry) {
            (Some(read), Some(entry)) => Some(merge_entry(read, entry)),
            (read, entry) => read.or(entry),
        };
        headers
    }
}

fn read_units(sets: &mut ParameterSets, syntax: VideoSyntax, length: usize, head: &[u8]) {
    let mut rest = head;
    while let Some((size, after)) = rest.split_at_checked(length) {
        let size = size.iter().fold(0usize, |n, byte| n << 8 | usize::from(*byte));
        // The kept bytes end within this unit, so it is the last one.
        let (unit, next) = after.split_at_checked(size).unwrap_or((after, &[]));
        sets.begin_unit();
        sets.append(unit);
        if let Some(NalUnit::Slice(kind)) = nal::classify(syntax, unit.get(..nal::MAX_HEAD).unwrap_or(unit)) {
            if kind == SliceKind::RandomAccess {
                sets.reach_random_access();
            }
            sets.begin_picture();
            break;
        }
        rest = next;
    }
    sets.end_unit();
}

fn merge_entry(mut read: CodecParameters, entry: CodecParameters) -> CodecParameters {
    if let (Some(picture), Some(announced)) = (&mut read.video, entry.video) {
        picture.resolution = picture.resolution.or(announced.resolution);
        picture.colour = announced.colour.or(picture.colour);
        picture.preferred_transfer = announced.preferred_transfer.or(picture.preferred_transfer);
        picture.mastering = announced.mastering.or(picture.mastering);
        picture.content_light = announced.content_light.or(picture.content_light);
        picture.dolby_vision = announced.dolby_vision;
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::set_ids::SetIds;
    use std::sync::Arc;

    #[test]
    fn the_beginning_of_a_sample_is_kept_however_it_is_cut() {
        let resource: Vec<u8> = (0..200u8).collect();
        for size in [1, 7, 64, 200] {
            let mut heads = SampleHeads::default();
            heads.request(1, 20, 5);
            heads.request(2, 190, 4000);
            heads.request(3, u64::MAX, 7);
            resource.chunks(size).enumerate().for_each(|(n, piece)| heads.pass_media((n * size) as u64, piece));
            let expected = [(1, resource[20..25].to_vec()), (2, resource[190..].to_vec()), (3, Vec::new())];
            assert_eq!(heads.take(), expected, "pieces of {size}");
        }
    }

    /// H.264 sequence parameter sets of x264, for 1920x1080 and for 720x576.
    const SETS: [&[u8]; 2] = [
        &[
            0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x97, 0x01, 0x6a, 0x02, 0x02, 0x02, 0x80, 0x00, 0x01,
            0xf4, 0x80, 0x00, 0x75, 0x30, 0x07, 0x8c, 0x19, 0x50,
        ],
        &[
            0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xb4, 0x24, 0xdf, 0xf8, 0x02, 0x00, 0x01, 0x68, 0x80, 0x00, 0x00,
            0x03, 0x00, 0x80, 0x00, 0x00, 0x19, 0x0f, 0x8a, 0x14, 0xcb,
        ],
    ];

    fn sample(set: &[u8]) -> Vec<u8> {
        let slice = [0x65, 0x88, 0x84, 0];
        let unit = |unit: &[u8]| [&(unit.len() as u32).to_be_bytes(), unit].concat();
        [unit(&[9, 0xf0]), unit(set), unit(&slice)].concat()
    }

    fn size(parameters: Option<CodecParameters>) -> Option<(u32, u32)> {
        parameters?.video?.resolution.map(|r| (r.width, r.height))
    }

    fn track(encrypted: bool) -> InBandHeaders {
        InBandHeaders::for_track(&init(encrypted))
    }

    fn init(encrypted: bool) -> InitTrack {
        InitTrack {
            id: 1,
            media: None,
            codec: "h264".to_owned(),
            sample_entries: vec![encrypted.then(Arc::default)],
            default_sample_entry: 1,
            timescale: None,
            presentation_shift: 0,
            default_duration: None,
            default_size: None,
            default_flags: 0,
            parameters: None,
            nal_length_size: Some(4),
            missing_parameter_sets: ParameterSetKinds { pps: true, ..ParameterSetKinds::default() },
            set_ids: SetIds::default(),
            sets_in_samples: true,
        }
    }

    #[test]
    fn a_set_may_be_in_the_entry_or_in_the_samples() {
        let missing = |sample: &[u8]| {
            let mut samples = track(false);
            samples.read_sample(sample);
            samples.finish(None).missing_sets.to_string()
        };
        assert_eq!(missing(&[0, 0, 0, 2, 0x68, 0xce, 0, 0, 0, 2, 0x65, 0x88]), "");
        assert_eq!(missing(&[0, 0, 0, 2, 0x65, 0x88]), "PPS", "the entry has the SPS");
        assert_eq!(missing(&[0, 0, 0, 9, 6, 5, 1]), "", "the kept bytes end before the picture");
    }

    #[test]
    fn a_slice_needs_the_set_that_it_names_from_the_entry_or_the_samples() {
        // The entry has picture parameter set 0; a slice begins with first_mb_in_slice 0 and slice_type 7.
        let (picture_set, slice_0, slice_1) = ([0x68, 0xeb, 0xe3], [0x65, 0x88, 0x84], [0x65, 0x88, 0x44]);
        let missing = |units: &[&[u8]]| {
            let mut samples = track(false);
            let InBandHeaders::NalUnits(sets, syntax, length) = &mut samples else { panic!() };
            let mut ids = SetIds::default();
            [SETS[0], &picture_set].into_iter().for_each(|unit| ids.add(*syntax, unit));
            **sets = ParameterSets::new(*syntax).with_known(ParameterSetKinds::H264, ids);
            assert_eq!(*length, 4);
            let unit = |unit: &&[u8]| [&(unit.len() as u32).to_be_bytes(), *unit].concat();
            samples.read_sample(&units.iter().flat_map(unit).collect::<Vec<_>>());
            samples.finish(None).missing_sets.to_string()
        };
        assert_eq!([missing(&[&slice_0]), missing(&[&slice_1])], ["", "PPS"]);
        assert_eq!(missing(&[&[0x68, 0x4b, 0xe3], &slice_1]), "SPS", "it refers to sequence parameter set 1");
        assert_eq!(missing(&[&[0x68, 0x5f, 0xe3], &slice_1]), "");
    }

    #[test]
    fn av1_needs_a_sequence_header_in_the_entry_or_before_its_first_key_frame() {
        let missing = |in_entry, samples: &[&[u8]]| {
            let missing_parameter_sets = if in_entry { ParameterSetKinds::default() } else { ParameterSetKinds::AV1 };
            let mut reader =
                InBandHeaders::for_track(&InitTrack { codec: "av1".to_owned(), missing_parameter_sets, ..init(false) });
            samples.iter().for_each(|sample| reader.read_sample(sample));
            reader.finish(None).missing_sets.to_string()
        };
        // A temporal delimiter, a sequence header, and a frame whose bytes aren't all kept: a key frame, or another one.
        let (delimiter, header, key, inter) = ([0x12, 0], [0x0a, 1, 0], [0x32, 9, 0x10], [0x32, 9, 0x30]);
        let sample = |units: &[&[u8]]| units.concat();
        assert_eq!(missing(false, &[&sample(&[&delimiter, &header, &key])]), "");
        assert_eq!(missing(false, &[&sample(&[&delimiter, &key])]), "sequence header");
        assert_eq!(missing(true, &[&sample(&[&delimiter, &key])]), "");
        assert_eq!(missing(false, &[&sample(&[&delimiter, &inter])]), "", "no random access point");
        assert_eq!(
            missing(false, &[&delimiter, &sample(&[&delimiter, &key])]),
            "",
            "of later samples nothing is known"
        );
    }

    #[test]
    fn sets_in_the_samples_are_read_and_another_one_later_is_a_change() {
        let mut samples = track(false);
        samples.read_sample(&sample(SETS[0]));
        samples.read_sample(&sample(SETS[0]));
        samples.read_sample(&sample(SETS[1]));
        let headers = samples.finish(None);
        assert_eq!((size(headers.first), size(headers.changed)), (Some((1920, 1080)), Some((720, 576))));
        let whole = sample(SETS[0]);
        for cut in 0..whole.len() {
            let mut samples = track(false);
            samples.read_sample(&whole[..cut]);
            let _ = samples.finish(None);
        }
        assert!(!track(true).is_read(), "protected samples aren't looked into");
    }

    #[test]
    fn a_bounded_number_of_bounded_beginnings_is_kept() {
        let mut heads = SampleHeads::default();
        (0..MAX_REQUESTS as u32 + 1).for_each(|track| heads.request(track, 0, u32::MAX));
        heads.pass_media(0, &[7; 3000]);
        let taken = heads.take();
        assert_eq!((taken.len(), taken.iter().all(|(_, bytes)| bytes.len() == 2048)), (MAX_REQUESTS, true));
        assert_eq!(heads.take().len(), 0);
    }

    #[test]
    fn bytes_behind_a_gap_are_not_kept() {
        let mut heads = SampleHeads::default();
        heads.request(1, 10, 5);
        heads.pass_media(0, &[1; 12]);
        heads.pass_media(13, &[2; 9]);
        assert_eq!(heads.take(), [(1, vec![1, 1])]);
    }

    #[test]
    fn boxes_precede_the_bitstream_except_for_the_resolution() {
        use crate::codec::parameters::{ColourDescription, ContentLightLevel, VideoParameters};
        use crate::codec::rfc6381::Codec;
        use crate::stream::Resolution;
        let video = |width, transfer, max| VideoParameters {
            resolution: Some(Resolution { width, height: 9 }),
            colour: Some(ColourDescription { primaries: 1, transfer, matrix: 1 }),
            preferred_transfer: Some(transfer),
            content_light: Some(ContentLightLevel { max, frame_average: 1 }),
            ..VideoParameters::default()
        };
        let of = |video| CodecParameters::with_video(Codec::Opus, video);
        let merged = merge_entry(of(video(16, 18, 5)), of(video(32, 16, 6))).video;
        let expected = VideoParameters { resolution: Some(Resolution { width: 16, height: 9 }), ..video(32, 16, 6) };
        assert_eq!(merged, Some(expected));
        let merged = merge_entry(of(video(16, 18, 5)), of(VideoParameters::default())).video;
        assert_eq!(merged, Some(video(16, 18, 5)));
    }
}
