//! Codec headers inside MP4 samples: parameter sets of `avc3` and `hev1` (ISO/IEC 14496-15), slice headers of H.264 and HEVC, the
//! sequence header of AV1, and HDR messages.

use super::expected_samples::{ExpectedSample, ExpectedSamples, SamplePart, samples_of};
use super::nal_lengths::{NalFault, NalLengths};
use super::nal_samples::NalSamples;
use super::track::SampleDefaults;
use crate::codec::parameters::{CodecParameters, ParameterSetKinds, TrackHeaders};
use crate::codec::start_codes::VideoSyntax;
use crate::codec::{av1, parameter_sets::ParameterSets};
use crate::container::{InitTrack, SyncFlagMismatch};
use crate::defect::DefectKind;
use mp4_atom::Trun;

/// Largest number of bytes that are kept of an AV1 sample.
const MAX_HEAD: usize = 2048;

/// Reads the samples of one track as the media data passes.
#[derive(Debug, Default)]
pub(super) struct InBandSamples {
    headers: InBandHeaders,
    /// Length fields of the NAL units of an H.264 or HEVC track; `None` for other tracks.
    lengths: Option<NalLengths>,
    /// Whether the length fields of the current fragment are judged.
    is_judged: bool,
    expected: ExpectedSamples,
    /// Samples of the current fragment that don't consist of NAL units: the first one with its fault, and their number.
    broken: Option<(ExpectedSample, NalFault)>,
    broken_count: u64,
    /// Whether a sample of the segment doesn't consist of NAL units.
    has_broken: bool,
}

impl InBandSamples {
    #[must_use]
    pub(super) fn for_track(init: &InitTrack) -> Self {
        let lengths = init.nal_length_size.filter(|_| matches!(init.codec.as_str(), "h264" | "hevc"));
        Self { headers: InBandHeaders::for_track(init), lengths: lengths.map(NalLengths::new), ..Self::default() }
    }

    #[must_use]
    pub(super) fn is_read(&self) -> bool {
        !matches!(self.headers, InBandHeaders::Unread)
    }

    /// Expects the clear samples of a fragment's runs, which begin at offset `from` of the resource: all of them, or the first, as AV1
    /// has its headers at random access points. `is_unambiguous` is whether all players find them there; otherwise their length fields
    /// aren't judged.
    pub(super) fn expect(&mut self, from: u64, is_unambiguous: bool, runs: &[Trun], defaults: SampleDefaults) {
        self.is_judged = is_unambiguous;
        let most = match self.headers {
            InBandHeaders::NalUnits(_) => usize::MAX,
            InBandHeaders::Av1(_) => 1,
            InBandHeaders::Unread if self.lengths.is_some() => usize::MAX,
            InBandHeaders::Unread => 0,
        };
        self.expected.expect(samples_of(from, runs, defaults).take(most));
    }

    /// Expects the encrypted samples of a fragment's runs, of which the length fields are clear because only parts of the samples are
    /// encrypted (ISO/IEC 23001-7 9.5.2).
    pub(super) fn expect_encrypted(&mut self, from: u64, runs: &[Trun], defaults: SampleDefaults) {
        if !self.is_read() {
            self.expect(from, true, runs, defaults);
        }
    }

    /// Passes on the media data that begins at offset `at`. The length fields of each expected sample that comes whole are followed: these
    /// are the first 4096 of a fragment, in a segment of which only the head is fetched those in the head.
    pub(super) fn pass_media(&mut self, at: u64, bytes: &[u8]) {
        let Self { headers, lengths, is_judged, expected, broken, broken_count, .. } = self;
        let mut lengths = lengths.as_mut().filter(|_| *is_judged);
        expected.pass_media(at, bytes, |part| match part {
            SamplePart::Bytes(bytes) => {
                headers.append(bytes);
                if let Some(lengths) = &mut lengths {
                    lengths.append(bytes);
                }
            }
            SamplePart::End(sample) => {
                headers.end_sample(Some(sample.flags));
                if let Some(fault) = lengths.as_mut().and_then(|lengths| lengths.end_sample()) {
                    if broken.as_ref().is_none_or(|(_, known): &(_, NalFault)| !known.is_fatal() && fault.is_fatal()) {
                        *broken = Some((sample, fault));
                    }
                    *broken_count += 1;
                }
            }
            SamplePart::Missing(_) => headers.end_sample(None),
        });
    }

    /// Ends a fragment; of a sample whose bytes haven't all come, those that came are read. Returns the byte offset of the first sample of
    /// the track `id` that doesn't consist of NAL units, with the kind of the defect and a sentence about it; `None` if all do.
    pub(super) fn end_fragment(&mut self, id: u32) -> Option<(DefectKind, u64, String)> {
        self.expected.clear();
        self.headers.end_sample(None);
        let lengths = self.lengths.as_mut()?;
        lengths.reset();
        let (broken, count) = (self.broken.take(), std::mem::take(&mut self.broken_count));
        let (ExpectedSample { from, size: bytes, .. }, fault) = broken?;
        self.has_broken = true;
        let size = lengths.length_size();
        let (kind, effect) = match fault.is_fatal() {
            true => (DefectKind::Container, "players stop or show nothing"),
            false => (DefectKind::ContainerRefused, "Chromium refuses the segment"),
        };
        let plural = if size == 1 { "" } else { "s" };
        let such = if count > 1 { format!("; the fragment has {count} such samples") } else { String::new() };
        let message = format!(
            "the sample of track {id} at byte {from}, {bytes} bytes by its `trun`, doesn't consist of NAL units with a length of {size} \
             byte{plural} before each: {fault}{such}; {effect}"
        );
        Some((kind, from, message))
    }

    /// Returns the codec headers of the samples, merged with the codec parameters of the sample entry, and how the sample flags differ
    /// from the pictures. Samples that don't consist of NAL units say nothing.
    #[must_use]
    pub(super) fn finish(self, entry: Option<CodecParameters>) -> (TrackHeaders, Option<SyncFlagMismatch>) {
        if self.has_broken {
            return (TrackHeaders { first: entry, ..TrackHeaders::default() }, None);
        }
        let mismatch = match &self.headers {
            InBandHeaders::NalUnits(samples) => samples.flag_mismatch(),
            _ => None,
        };
        (self.headers.finish(entry), mismatch)
    }
}

/// Reader for the codec headers in the samples of one track.
#[derive(Debug, Default)]
enum InBandHeaders {
    NalUnits(Box<NalSamples>),
    Av1(Box<Av1Headers>),
    /// Nothing is read of the samples: the track has another codec or encrypted samples.
    #[default]
    Unread,
}

/// Reader for the headers of AV1 samples.
#[derive(Debug, Default)]
struct Av1Headers {
    headers: TrackHeaders,
    /// The first bytes of the current sample.
    head: Vec<u8>,
    /// Whether the sample entry has a sequence header, so that players can begin without one in the samples.
    in_entry: bool,
    /// Whether the first sample was read.
    begun: bool,
}

impl Av1Headers {
    fn append(&mut self, bytes: &[u8]) {
        let room = (MAX_HEAD - self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    fn end_sample(&mut self) {
        let head = std::mem::take(&mut self.head);
        if head.is_empty() {
            return;
        }
        let headers = &mut self.headers;
        let begins = !std::mem::replace(&mut self.begun, true);
        headers.missing_sets.sequence_header |= begins && !self.in_entry && av1::lacks_sequence_header(&head);
        let read = av1::parameters(&head);
        match &headers.first {
            None => headers.first = read,
            Some(first) if headers.changed.is_none() => headers.changed = read.filter(|new| new != first),
            Some(_) => {}
        }
    }
}

impl InBandHeaders {
    fn for_track(init: &InitTrack) -> Self {
        let nal_units = |syntax, required: ParameterSetKinds, length| {
            let known = required.without(init.missing_parameter_sets);
            let sets = ParameterSets::new(syntax).with_known(known, init.stored_sets.clone());
            Self::NalUnits(Box::new(NalSamples::new(sets, length)))
        };
        match (init.codec.as_str(), init.nal_length_size) {
            _ if init.encrypted() => Self::Unread,
            ("h264", Some(length)) => nal_units(VideoSyntax::H264, ParameterSetKinds::H264, length),
            ("hevc", Some(length)) => nal_units(VideoSyntax::Hevc, ParameterSetKinds::HEVC, length),
            ("av1", _) => Self::Av1(Box::new(Av1Headers {
                in_entry: !init.missing_parameter_sets.sequence_header,
                ..Av1Headers::default()
            })),
            _ => Self::Unread,
        }
    }

    /// Reads the next bytes of the current sample.
    fn append(&mut self, bytes: &[u8]) {
        match self {
            Self::NalUnits(samples) => samples.append(bytes),
            Self::Av1(reader) => reader.append(bytes),
            Self::Unread => {}
        }
    }

    /// Ends the current sample, also one of which bytes are missing. `flags` are the sample flags of one that came whole.
    fn end_sample(&mut self, flags: Option<u32>) {
        match self {
            Self::NalUnits(samples) => samples.end_sample(flags),
            Self::Av1(reader) => reader.end_sample(),
            Self::Unread => {}
        }
    }

    /// Returns the codec headers of the samples, merged with the codec parameters of the sample entry. The boxes of the
    /// entry take precedence over the bitstream (ISO/IEC 14496-12 12.1.5).
    fn finish(self, entry: Option<CodecParameters>) -> TrackHeaders {
        let mut headers = match self {
            Self::NalUnits(samples) => samples.finish(entry.clone()),
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
    use crate::codec::parameter_sets::DecoderSets;
    use std::sync::Arc;

    impl InBandHeaders {
        fn read_sample(&mut self, sample: &[u8]) {
            sample.chunks(7).for_each(|piece| self.append(piece));
            self.end_sample(None);
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
            stored_sets: DecoderSets::new(VideoSyntax::H264),
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
            let mut stored_sets = DecoderSets::new(VideoSyntax::H264);
            [SETS[0], &picture_set].into_iter().for_each(|unit| stored_sets.add(VideoSyntax::H264, unit));
            let missing_parameter_sets = ParameterSetKinds::default();
            let mut samples =
                InBandHeaders::for_track(&InitTrack { stored_sets, missing_parameter_sets, ..init(false) });
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
        assert!(matches!(track(true), InBandHeaders::Unread), "protected samples aren't looked into");
    }

    #[test]
    fn samples_that_are_no_nal_units_are_a_defect_and_tell_nothing_else() {
        let read = |samples: &[&[u8]], is_encrypted| {
            let mut track = InBandSamples::for_track(&init(is_encrypted));
            let entries =
                samples.iter().map(|s| mp4_atom::TrunEntry { size: Some(s.len() as u32), ..Default::default() });
            let runs = [Trun { data_offset: None, samples: mp4_atom::TrunSamples::Explicit(entries.collect()) }];
            let defaults = SampleDefaults { duration: None, size: None, flags: 0 };
            if is_encrypted {
                track.expect_encrypted(100, &runs, defaults)
            } else {
                track.expect(100, true, &runs, defaults)
            }
            track.pass_media(100, &samples.concat());
            let found = track.end_fragment(3);
            (found, size(track.finish(None).0.first))
        };
        let (good, late) = (sample(SETS[0]), [0, 0, 0, 9, 0x41, 1]);
        assert_eq!(read(&[&good, &good], false), (None, Some((1920, 1080))));
        assert_eq!(read(&[&good, &good], true), (None, None));
        let message = "the sample of track 3 at byte 145, 6 bytes by its `trun`, doesn't consist of NAL units with a length of 4 bytes \
                       before each: the last NAL unit is 7 bytes longer than the sample; the fragment has 2 such samples; players stop \
                       or show nothing";
        for is_encrypted in [false, true] {
            let found = read(&[&good, &late, &late, &good], is_encrypted);
            assert_eq!(found, (Some((DefectKind::Container, 145, message.to_owned())), None));
        }
    }

    #[test]
    fn a_bounded_number_of_units_is_read_before_the_first_slice() {
        let missing = |units: usize| {
            let mut samples = track(false);
            samples.read_sample(&[&[0; 4].repeat(units)[..], &[0, 0, 0, 2, 0x65, 0x88]].concat());
            samples.finish(None).missing_sets.to_string()
        };
        assert_eq!([missing(63), missing(64)], ["PPS", ""]);
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
