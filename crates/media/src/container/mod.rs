//! A reader of media segments while their bytes arrive: tracks, time stamps, key frames, continuity and defects.

mod audio;
mod defects;
mod mp4;
mod sample_encryption;
mod sniff;
mod ttml;
mod webvtt;
mod timeline;
mod ts;

use crate::codec::parameter_sets::DecoderSets;
use crate::codec::parameters::{CodecParameters, ParameterSetKinds};
use crate::codec::quantizer::SliceQuantizers;
use crate::codec::still::StillPictures;
use crate::defect::{Defect, DefectKind};
use crate::drm::Pssh;
use crate::quiet::QuietSpans;
use crate::splice::SpliceSection;
use crate::stream::Media;
use crate::units::{MPEG_TIMESCALE, MediaTime, Seconds, Timestamp};
use audio::PackedAudioReader;
use defects::DefectLog;
use mp4::Mp4Reader;
pub use mp4::{IndexedPart, SegmentIndex, segment_index};
pub use sample_encryption::{EncryptionPattern, SampleEncryption};
use serde::Serialize;
use sniff::SniffedContainer;
pub use sniff::{Plaintext, SNIFF_WINDOW, sniff_plaintext};
use std::num::NonZeroU32;
use std::sync::Arc;
use ts::TsReader;
use ttml::TtmlReader;
use webvtt::WebVttReader;

/// Container format of a media segment, recognised by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// The resource is an MPEG-2 transport stream (ISO/IEC 13818-1).
    MpegTs,
    /// The resource is fragmented ISO base media (ISO/IEC 14496-12), which includes CMAF.
    Cmaf,
    /// The resource is audio frames without a container, usually behind an ID3 tag (RFC 8216 3.4).
    PackedAudio,
    /// The resource is WebVTT text (RFC 8216 3.5).
    WebVtt,
    /// The resource is a TTML document (W3C TTML2).
    Ttml,
    /// The resource is no known media container: it is an HTML page, noise or empty, for example.
    Unknown,
}

/// scheme_id_uri of events whose message begins with the publishTime of an MPD that is invalid from then on (ISO/IEC 23009-1 5.10.4.2).
pub const VALIDITY_EVENTS: &str = "urn:mpeg:dash:event:2012";

/// What the bytes of one media segment or initialization segment say: container, tracks, times, event messages,
/// encryption and defects.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Container format of the segment.
    pub container: Container,
    /// Size of the segment in bytes.
    pub bytes: u64,
    /// Tracks in the order in which the segment announces them, at most [`MAX_TRACKS`].
    pub tracks: Vec<Track>,
    /// What was measured of the transport stream's packets; `None` for another container.
    pub ts: Option<TsFacts>,
    /// The first defects of the segment, at most [`MAX_DEFECTS`].
    pub defects: Vec<Defect>,
    /// Number of all defects of the segment, including those that `defects` has no room for.
    pub defects_total: u64,
    /// The first bytes of the segment, at most 32, as evidence in a finding when the container isn't recognised.
    pub head: Vec<u8>,
    /// Whether the segment has a `moov` of its own, so that it needs no initialization segment (self-initializing media segment,
    /// ISO/IEC 23009-1).
    pub has_moov: bool,
    /// Whether the segment has scrambled transport packets (transport_scrambling_control) or encrypted MP4 samples.
    pub encrypted: bool,
    /// Time stamp map and cue times of a WebVTT segment; `None` for another container.
    pub cues: Option<WebVttCues>,
    /// Distinct `pssh` boxes of the segment's `moov` and `moof` boxes, at most [`MAX_PSSH_BOXES`].
    pub pssh_boxes: Vec<Pssh>,
    /// The first 64 event messages (`emsg`) of a fragmented MP4 segment, in the order of its bytes.
    pub events: Vec<EventMessage>,
}

/// An event message box, `emsg` (ISO/IEC 23009-1 5.10.3.3).
#[derive(Debug, Clone, PartialEq)]
pub struct EventMessage {
    /// Byte offset of the event message box in the segment.
    pub offset: u64,
    /// scheme_id_uri of the event, cut to 128 characters.
    pub scheme: String,
    /// Identifier of the event within its scheme.
    pub id: u32,
    /// Start of the event on the presentation timeline. `None` when the event counts from the start of a segment whose
    /// times aren't known.
    pub time: Option<MediaTime>,
    /// The SCTE 35 section that the event carries (`urn:scte:scte35:2013:bin`); `None` for another scheme or an
    /// unreadable section.
    pub section: Option<SpliceSection>,
    /// publishTime of the newest MPD that is invalid from the event on (`urn:mpeg:dash:event:2012`); `None` for another scheme.
    pub expires: Option<Timestamp>,
}

/// Time stamp map and cue times of a WebVTT segment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WebVttCues {
    /// X-TIMESTAMP-MAP of the WebVTT segment; `None` when it is missing or malformed.
    pub map: Option<TimestampMap>,
    /// Earliest cue start and latest cue end of the WebVTT segment, as the cues write them; `None` without a readable
    /// cue.
    pub span: Option<(Seconds, Seconds)>,
}

/// Subtitles in the samples of one fragmented MP4 track (`stpp`, `wvtt`), or in a TTML document, which counts as a sample.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Subtitles {
    /// Number of media samples of the subtitle track that could be read.
    pub samples: u64,
    /// Number of cues in the samples of the subtitle track; a sample that is a pause has none.
    pub cues: u64,
    /// Earliest start and latest end of the TTML cues in seconds on the track's clock. The end is infinite if no cue has an
    /// end. `None` for WebVTT, and for TTML without a cue.
    pub span: Option<(Seconds, Seconds)>,
}

/// X-TIMESTAMP-MAP (RFC 8216 3.5): a cue time and the MPEG time stamp of the same instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimestampMap {
    /// LOCAL of X-TIMESTAMP-MAP: the cue time.
    pub local: Seconds,
    /// MPEGTS of X-TIMESTAMP-MAP: the time stamp at 90 kHz, as written; it may exceed 33 bits.
    pub mpeg: u64,
}

impl WebVttCues {
    /// Returns the start of the first WebVTT cue on the 33-bit MPEG clock; `None` without a cue. Without
    /// X-TIMESTAMP-MAP, cue time 0 is MPEG time 0.
    #[must_use]
    pub fn start(&self) -> Option<MediaTime> {
        let map = self.map.unwrap_or(TimestampMap { local: Seconds::ZERO, mpeg: 0 });
        let later = (self.span?.0.0 - map.local.0) * f64::from(MPEG_TIMESCALE.get());
        Some(MediaTime::mpeg(map.mpeg.wrapping_add_signed(later.round() as i64)))
    }

    /// Returns the time from the start of the first WebVTT cue to the end of the last; `None` without a cue.
    #[must_use]
    pub fn duration(&self) -> Option<Seconds> {
        self.span.map(|(from, to)| to - from)
    }
}

/// Largest number of `pssh` boxes that are kept of one resource.
pub const MAX_PSSH_BOXES: usize = 16;

/// Largest number of defects that are kept of one resource.
pub const MAX_DEFECTS: usize = 16;

/// Largest number of tracks that are kept of one resource.
pub const MAX_TRACKS: usize = 64;

/// Largest number of fragments whose end [`SegmentInspector::fragment_ends`] returns.
pub const MAX_FRAGMENT_ENDS: usize = 512;

/// Largest number of key frame times that are kept of one track.
pub const MAX_KEYFRAMES: usize = 16;

/// One track of a segment: its identification, codec parameters, times and samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// PID in a transport stream, track_ID in MP4, 0 in other containers.
    pub id: u32,
    /// Kind of media of the track; `None` when it is not video, audio or text, or isn't known.
    pub media: Option<Media>,
    /// Short name of the codec (`h264`, `hevc`, `aac`, `ac-3`, `ec-3`, `av1`, `opus`, `id3`, `wvtt`…). For a codec
    /// without a short name, the four-character code (MP4) or the stream type (transport stream).
    pub codec: String,
    /// Smallest decode time of the track; `None` without one. In a transport stream the 33-bit clock is unwrapped, so
    /// that `end - start` is a plain difference.
    pub start: Option<MediaTime>,
    /// Smallest presentation time of the track; `None` without one.
    pub presentation_start: Option<MediaTime>,
    /// Decode time at which the next segment has to continue: the last decode time plus the duration of the last
    /// sample. `None` when the track has no times or no continuous duration.
    pub end: Option<MediaTime>,
    /// Number of samples of the track: access units of video, frames of audio with readable frame headers, otherwise
    /// PES packets.
    pub samples: u64,
    /// Whether the first access unit of a video track is a random access point. `None` for other media, and when
    /// encryption hides the access unit.
    pub starts_with_keyframe: Option<bool>,
    /// Number of random access points of a video track.
    pub keyframes: u64,
    /// Longest presentation time between two neighbouring key frames of the track; `None` with fewer than two.
    pub keyframe_interval_max: Option<Seconds>,
    /// Largest distance between the decode times of two neighbouring samples of the track; `None` with fewer than two.
    pub sample_gap_max: Option<Seconds>,
    /// Transport stream: what is wrong with the order of the track's time stamps.
    pub stamps: StampOrder,
    /// H.264 in a transport stream: number of random access points that are no IDR picture, and whose transport packet doesn't have
    /// random_access_indicator (ISO/IEC 13818-1 2.4.3.5).
    pub unmarked_recovery_points: u64,
    /// MP4: longest decode time between the beginnings of two consecutive movie fragments (chunks of CMAF) of the segment; `None`
    /// with fewer than two.
    pub fragment_interval_max: Option<Seconds>,
    /// MP4: largest number of bytes between the beginnings of two consecutive movie fragments; `None` with fewer than two.
    pub fragment_bytes_max: Option<u64>,
    /// Codec parameters at the start of the segment, from its headers or from the sample entry. `None` when there are
    /// none, or none can be read.
    pub parameters: Option<Arc<CodecParameters>>,
    /// The first codec parameters later in the segment that differ from those at its start; `None` when they don't
    /// change.
    pub changed_parameters: Option<Arc<CodecParameters>>,
    /// Whether the pictures of a video track carry closed captions (CEA-608 or CEA-708). `None` for other media, and
    /// when the pictures can't be read.
    pub captions: Option<bool>,
    /// Parameter sets that an H.264 or HEVC track has neither before the first random access point of the segment nor
    /// in the initialization segment. Empty when none is missing, and when the samples can't be read.
    pub missing_parameter_sets: ParameterSetKinds,
    /// MP4: whether the first sample entry allows parameter sets in the samples, as `hev1` does and `hvc1` doesn't
    /// ([`InitTrack::sets_in_samples`]).
    pub sets_in_samples: bool,
    /// Subtitles in the samples of a text track in MP4, or in a TTML document. `None` for other tracks, and when no sample could be
    /// read.
    pub subtitles: Option<Subtitles>,
    /// Presentation times of the first [`MAX_KEYFRAMES`] key frames of a video track, in the order of the samples.
    pub keyframe_times: Vec<MediaTime>,
    /// How the newest encrypted samples of an MP4 track are encrypted; `None` when all samples are clear.
    pub encryption: Option<Arc<SampleEncryption>>,
    /// AAC: spans of digital silence in all channels together. `None` for another codec, and when no frame could be read.
    pub silence: Option<QuietSpans>,
    /// H.264 and HEVC: quantizers of the pictures. `None` for another codec, and when no slice header could be read.
    pub quantizers: Option<SliceQuantizers>,
    /// H.264 and HEVC: how many of the P and B pictures look like repetitions. `None` for another codec, and when none was judged.
    pub still_pictures: Option<StillPictures>,
    /// H.264 and HEVC in MP4: how the sample flags differ from the pictures. `None` if they don't, and for other tracks.
    pub flag_mismatch: Option<SyncFlagMismatch>,
}

/// Samples of an MP4 video track whose flag sample_is_non_sync_sample contradicts their picture (ISO/IEC 14496-12 8.8.3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SyncFlagMismatch {
    /// Number of P and B pictures that are flagged as sync samples. One at which a decoder can begin by a recovery point doesn't count.
    pub false_sync: u64,
    /// Whether the first sample of the segment is such a picture.
    pub is_first_false_sync: bool,
    /// Number of IDR pictures that aren't flagged as sync samples.
    pub false_non_sync: u64,
    /// Whether the first sample of the segment is such a picture.
    pub is_first_false_non_sync: bool,
}

/// Faults in the order of the PTS and DTS of one track of a transport stream segment (ISO/IEC 13818-1 2.4.3.7, 2.7.5).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StampOrder {
    /// Longest time by which a decode time is earlier than the one before it; `None` when none is. A DTS that is missing counts as
    /// equal to the PTS.
    pub back_max: Option<Seconds>,
    /// Longest time by which a PTS is earlier than its DTS; `None` when none is.
    pub presented_early_max: Option<Seconds>,
    /// Whether the time stamps stand still: all samples of video have the same one, or the frames of audio last more than twice as long
    /// as their time stamps.
    pub stand_still: bool,
}

impl Track {
    /// Makes a track of which only id, kind of media and codec are known.
    #[must_use]
    pub fn new(id: u32, media: Option<Media>, codec: String) -> Self {
        Self {
            id,
            media,
            codec,
            start: None,
            presentation_start: None,
            end: None,
            samples: 0,
            starts_with_keyframe: None,
            keyframes: 0,
            keyframe_interval_max: None,
            sample_gap_max: None,
            stamps: StampOrder::default(),
            unmarked_recovery_points: 0,
            fragment_interval_max: None,
            fragment_bytes_max: None,
            parameters: None,
            changed_parameters: None,
            captions: None,
            missing_parameter_sets: ParameterSetKinds::default(),
            sets_in_samples: false,
            subtitles: None,
            keyframe_times: Vec::new(),
            encryption: None,
            silence: None,
            quantizers: None,
            still_pictures: None,
            flag_mismatch: None,
        }
    }

    /// Returns the duration of the track: from its smallest decode time to the decode time at which the next segment
    /// continues. `None` when one of these isn't known.
    #[must_use]
    pub fn duration(&self) -> Option<Seconds> {
        self.end?.since(self.start?)
    }
}

/// What was measured of the packets of a transport stream segment: counters, PCRs, tables and splices.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TsFacts {
    /// Number of transport packets, null packets included.
    pub packets: u64,
    /// Number of transport packets whose continuity counter isn't the expected one.
    pub continuity_errors: u64,
    /// Number of transport packets with transport_error_indicator set.
    pub transport_errors: u64,
    /// Number of transport packets whose payload is scrambled by transport_scrambling_control.
    pub scrambled_packets: u64,
    /// Longest interval between two program clock references (PCR); `None` with fewer than two.
    pub pcr_interval_max: Option<Seconds>,
    /// Number of program clock references (PCR) on the PCR PID of the PMT. Before a PMT is read, the first PID with a
    /// reference counts as the PCR PID.
    pub pcr_count: u64,
    /// The first program clock reference (PCR), converted to the 90 kHz clock of PTS and DTS; `None` without one.
    pub pcr_first: Option<MediaTime>,
    /// Longest time by which a program clock reference (PCR) is earlier than the one before it, without a
    /// discontinuity_indicator; `None` when none is.
    pub pcr_back_max: Option<Seconds>,
    /// Byte offset of the first valid PAT in the segment; `None` without one.
    pub pat_offset: Option<u64>,
    /// Byte offset of the first valid PMT in the segment; `None` without one.
    pub pmt_offset: Option<u64>,
    /// SCTE 35 sections on PIDs of stream type 0x86, in the order of the segment's bytes, at most
    /// [`MAX_SPLICE_SECTIONS`].
    pub splice_sections: Vec<TsSpliceSection>,
    /// First and last continuity counter of each PID with payload, for the comparison with the neighbouring segments.
    pub counters: Vec<ContinuityCounter>,
}

/// Largest number of SCTE 35 sections that are kept of one segment.
pub const MAX_SPLICE_SECTIONS: usize = 64;

/// An SCTE 35 splice_info_section of a transport stream, with its position.
#[derive(Debug, Clone, PartialEq)]
pub struct TsSpliceSection {
    /// PID that carries the SCTE 35 section.
    pub pid: u16,
    /// Byte offset of the transport packet in which the SCTE 35 section begins.
    pub offset: u64,
    /// Contents of the SCTE 35 section.
    pub section: SpliceSection,
}

impl Inspection {
    /// Returns the number of SCTE 35 sections, in transport packets or event messages, that lead out of the programme
    /// or back. Heartbeats (splice_null) don't count.
    #[must_use]
    pub fn splice_count(&self) -> usize {
        let carried = self.ts.iter().flat_map(|ts| ts.splice_sections.iter().map(|s| &s.section));
        let messages = self.events.iter().filter_map(|e| e.section.as_ref());
        carried.chain(messages).filter(|s| !s.cues.is_empty()).count()
    }
}

/// Continuity counters of one PID at both ends of a transport stream segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContinuityCounter {
    pub pid: u16,
    /// Continuity counter of the PID's first packet with payload.
    pub first: u8,
    /// Continuity counter of the PID's last packet with payload.
    pub last: u8,
    /// Whether the PID's first packet with payload, or one without payload before it, has the discontinuity_indicator of its
    /// adaptation field set.
    pub discontinuity: bool,
}

/// Tracks of an initialization segment (EXT-X-MAP, Initialization), which are needed to read its media segments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InitSegment {
    /// Tracks of the initialization segment in the order of its `moov`, at most [`MAX_TRACKS`].
    pub tracks: Vec<InitTrack>,
}

/// One `trak` of an initialization segment with its `trex` (ISO/IEC 14496-12 8.3, 8.8.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitTrack {
    pub id: u32,
    pub media: Option<Media>,
    /// Name of the codec as in [`Track::codec`]; a protected sample entry has the name of its original format.
    pub codec: String,
    /// Encryption of each sample entry, `None` for a clear one; at most [`MAX_SAMPLE_ENTRIES`].
    pub sample_entries: Vec<Option<Arc<SampleEncryption>>>,
    /// Number, from 1, of the sample entry that a fragment uses when it names none.
    pub default_sample_entry: u32,
    /// Ticks per second of the track. `None` when `mdhd` is missing or has 0: the fragments of this track then have no
    /// times.
    pub timescale: Option<NonZeroU32>,
    /// Number of ticks that the edit list adds to composition times; may be negative.
    pub presentation_shift: i64,
    /// Sample duration in ticks for fragments that give none (`trex`); `None` without a `trex`.
    pub default_duration: Option<u32>,
    /// Sample size in bytes for fragments that give none (`trex`); `None` without a `trex`.
    pub default_size: Option<u32>,
    /// Sample flags for fragments that give none (`trex`); 0 without a `trex`.
    pub default_flags: u32,
    /// Codec parameters of the first sample entry; `None` when they can't be read.
    pub parameters: Option<Arc<CodecParameters>>,
    /// Size in bytes of the length field before each NAL unit; `None` when the samples have no NAL units.
    pub nal_length_size: Option<usize>,
    /// Parameter sets that the first sample entry of an H.264 or HEVC track lacks. Empty for another codec, and when
    /// the configuration in the sample entry can't be read.
    pub missing_parameter_sets: ParameterSetKinds,
    /// The parameter sets that the sample entry has, if the track has a single one.
    pub(crate) stored_sets: DecoderSets,
    /// Whether the first sample entry allows parameter sets in the samples (`avc3`, `hev1`, `av01`; ISO/IEC 14496-15 5.4.2.1, 8.4.1).
    pub sets_in_samples: bool,
}

/// Largest number of sample entries that are kept of one track. Two are usual where encryption begins after a clear
/// lead.
pub const MAX_SAMPLE_ENTRIES: usize = 8;

impl InitTrack {
    /// Returns whether a sample entry of the track is encrypted: it is `encv`, `enca` or another protected format, and
    /// not marked as clear.
    #[must_use]
    pub fn encrypted(&self) -> bool {
        self.sample_entries.iter().flatten().any(|p| !p.clear)
    }
}

/// Reads one media or initialization segment as its bytes arrive, in chunks of any size.
#[derive(Debug)]
pub struct SegmentInspector {
    init: Option<InitSegment>,
    bytes: u64,
    /// The first bytes of the segment, collected until its container format is recognised.
    head: Vec<u8>,
    parser: Option<ContainerParser>,
}

/// The reader for the container format that was recognised.
#[derive(Debug)]
enum ContainerParser {
    Ts(Box<TsReader>),
    Mp4(Box<Mp4Reader>),
    PackedAudio(Box<PackedAudioReader>),
    WebVtt(WebVttReader),
    Ttml(TtmlReader),
    /// The segment isn't read: its container isn't recognised, or its transport packets have an unsupported size.
    Unsupported(Container, DefectLog),
}

/// Number of bytes that [`Inspection::head`] keeps.
const MAX_HEAD: usize = 32;

impl SegmentInspector {
    /// Starts to read a segment. `init` is the initialization segment in force, which fragmented MP4 needs for its
    /// times.
    #[must_use]
    pub fn new(init: Option<&InitSegment>) -> Self {
        Self { init: init.cloned(), bytes: 0, head: Vec::new(), parser: None }
    }

    /// Reads the next bytes of the segment.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        if let Some(parser) = &mut self.parser {
            return parser.push(bytes);
        }
        let (head, rest) = bytes.split_at(bytes.len().min(sniff::SNIFF_WINDOW - self.head.len()));
        self.head.extend_from_slice(head);
        if self.head.len() == sniff::SNIFF_WINDOW {
            self.choose_parser().push(rest);
        }
    }

    /// The media time from the start of the segment to the end of each movie fragment (chunk of CMAF) whose bytes have all
    /// arrived so far, of the first [`MAX_FRAGMENT_ENDS`] fragments. Empty for another container than MP4, and without the times
    /// of its first track.
    #[must_use]
    pub fn fragment_ends(&self) -> &[Seconds] {
        match &self.parser {
            Some(ContainerParser::Mp4(mp4)) => mp4.fragment_ends(),
            _ => &[],
        }
    }

    /// Ends the segment, and returns its inspection. The second value is the initialization segment, which is needed to
    /// inspect its media segments; `None` if the resource has no `moov`.
    #[must_use]
    pub fn finish(mut self) -> (Inspection, Option<InitSegment>) {
        if self.parser.is_none() {
            self.choose_parser();
        }
        let mut inspection = Inspection {
            container: Container::Unknown,
            bytes: self.bytes,
            tracks: Vec::new(),
            ts: None,
            defects: Vec::new(),
            defects_total: 0,
            // Copied: a truncated vector would keep the sniffing window's allocation for as long as the history keeps
            // the segment.
            head: self.head.get(..MAX_HEAD).unwrap_or(&self.head).to_vec(),
            encrypted: false,
            has_moov: false,
            pssh_boxes: Vec::new(),
            events: Vec::new(),
            cues: None,
        };
        let Some(parser) = self.parser else { return (inspection, None) };
        let (defects, init) = parser.finish(&mut inspection);
        (inspection.defects, inspection.defects_total) = defects.finish();
        inspection.tracks.shrink_to_fit();
        (inspection, init)
    }

    /// Chooses the parser by the first bytes of the segment and passes them to the parser.
    fn choose_parser(&mut self) -> &mut ContainerParser {
        let parser = ContainerParser::new(&self.head, self.init.take());
        let parser = self.parser.insert(parser);
        parser.push(&self.head);
        self.head.truncate(MAX_HEAD);
        parser
    }
}

impl ContainerParser {
    fn new(head: &[u8], init: Option<InitSegment>) -> Self {
        let mut defects = DefectLog::default();
        match sniff::sniff(head) {
            SniffedContainer::Ts => Self::Ts(Box::new(TsReader::new(defects))),
            SniffedContainer::Mp4 => Self::Mp4(Box::new(Mp4Reader::new(init, defects))),
            SniffedContainer::PackedAudio => Self::PackedAudio(Box::new(PackedAudioReader::new(defects))),
            SniffedContainer::WebVtt => Self::WebVtt(WebVttReader::new(defects)),
            SniffedContainer::Ttml => Self::Ttml(TtmlReader::new(defects)),
            SniffedContainer::TsOtherPacketSize(size) => {
                defects.add(DefectKind::Container, 0, "ISO/IEC 13818-1 2.4.3.2; RFC 8216 3.2", || {
                    format!("transport stream packets of {size} bytes; a segment has packets of 188 bytes")
                });
                Self::Unsupported(Container::MpegTs, defects)
            }
            SniffedContainer::Unknown => {
                let resemblance = sniff::describe(head);
                defects.add(DefectKind::Container, 0, "RFC 8216 3.1", || format!("not a media segment: {resemblance}"));
                Self::Unsupported(Container::Unknown, defects)
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Ts(ts) => ts.push(bytes),
            Self::Mp4(mp4) => mp4.push(bytes),
            Self::PackedAudio(audio) => audio.push(bytes),
            Self::WebVtt(text) => text.push(bytes),
            Self::Ttml(text) => text.push(bytes),
            Self::Unsupported(..) => {}
        }
    }

    fn finish(self, inspection: &mut Inspection) -> (DefectLog, Option<InitSegment>) {
        let (container, (defects, init)) = match self {
            Self::Ts(ts) => (Container::MpegTs, (ts.finish(inspection), None)),
            Self::Mp4(mp4) => (Container::Cmaf, mp4.finish(inspection)),
            Self::PackedAudio(audio) => (Container::PackedAudio, (audio.finish(inspection), None)),
            Self::WebVtt(text) => (Container::WebVtt, (text.finish(inspection), None)),
            Self::Ttml(text) => (Container::Ttml, (text.finish(inspection), None)),
            Self::Unsupported(container, defects) => (container, (defects, None)),
        };
        inspection.container = container;
        (defects, init)
    }
}

#[cfg(test)]
mod tests;
