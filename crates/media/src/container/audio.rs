//! Packed audio: an ID3 tag with the segment's time stamp, followed by audio frames without a container, with further ID3 tags
//! before and between them (RFC 8216 3.4).

use super::defects::DefectLog;
use super::timeline::SampleTimeline;
use super::{Inspection, Track};
use crate::codec::audio::{AudioFrame, AudioFramer, AudioFraming};
use crate::codec::id3;
use crate::codec::parameters::TrackHeaders;
use crate::defect::DefectKind;
use crate::stream::Media;
use std::sync::Arc;

/// Number of bytes at the start of an ID3 tag that are searched for the time stamp.
const MAX_TAG_BYTES: usize = 4096;
/// Largest MPEG-2 time stamp, which has 33 bits (ISO/IEC 13818-1 2.4.3.7).
const MPEG_TIME_MAX: u64 = (1 << 33) - 1;
const TIMESTAMP_OWNER: &[u8] = b"com.apple.streaming.transportStreamTimestamp\0";

#[derive(Debug)]
pub(super) struct PackedAudioReader {
    state: PackedAudioState,
    codec: &'static str,
    /// Whether an ID3 tag before the audio frames holds a PRIV frame with the time stamp.
    has_timestamp: bool,
    timeline: SampleTimeline,
    defects: DefectLog,
}

#[derive(Debug)]
enum PackedAudioState {
    /// Ten bytes at the start of the segment or behind an ID3 tag are being collected, to see whether a tag begins there.
    TagHeader(Vec<u8>),
    /// The ID3 tag is being collected up to [`MAX_TAG_BYTES`]; `remaining` counts all bytes until its end.
    Tag { collected: Vec<u8>, remaining: usize },
    /// The two bytes behind the ID3 tags are being collected, to choose the audio framing.
    FirstFrame(Vec<u8>),
    /// The audio frames are of a codec whose framing isn't read.
    Opaque,
    /// The audio frames are being read until the end of the resource.
    Frames(Box<AudioFramer>),
}

impl PackedAudioReader {
    #[must_use]
    pub(super) fn new(defects: DefectLog) -> Self {
        let state = PackedAudioState::TagHeader(Vec::new());
        Self { state, codec: "unknown", has_timestamp: false, timeline: SampleTimeline::new(true), defects }
    }

    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let used = match &mut self.state {
                PackedAudioState::TagHeader(collected) => fill_up_to(collected, id3::HEADER_SIZE, bytes),
                PackedAudioState::Tag { collected, remaining } => {
                    let used = (*remaining).min(bytes.len());
                    fill_up_to(collected, MAX_TAG_BYTES, bytes.get(..used).unwrap_or_default());
                    *remaining -= used;
                    used
                }
                PackedAudioState::FirstFrame(collected) => fill_up_to(collected, 2, bytes),
                PackedAudioState::Opaque => bytes.len(),
                PackedAudioState::Frames(framer) => {
                    let (timeline, codec, has_timestamp) = (&mut self.timeline, &mut self.codec, self.has_timestamp);
                    framer.push(bytes, |frame| count_frame(frame, timeline, codec, has_timestamp));
                    bytes.len()
                }
            };
            bytes = bytes.get(used..).unwrap_or_default();
            self.advance();
        }
    }

    fn advance(&mut self) {
        match std::mem::replace(&mut self.state, PackedAudioState::Opaque) {
            PackedAudioState::TagHeader(collected) if collected.len() == id3::HEADER_SIZE => {
                self.read_tag_header(collected);
            }
            PackedAudioState::Tag { collected, remaining: 0 } => {
                self.read_timestamp(&collected);
                self.state = PackedAudioState::TagHeader(Vec::new());
            }
            PackedAudioState::FirstFrame(collected) if collected.len() == 2 => self.choose_framing(&collected),
            state => self.state = state,
        }
    }

    /// Reads the time stamp of an ID3 tag before the audio frames, if it is the first one.
    fn read_timestamp(&mut self, tag: &[u8]) {
        let Some(timestamp) = tag_timestamp(tag).filter(|_| !self.has_timestamp) else { return };
        if timestamp > MPEG_TIME_MAX {
            self.defects.add(DefectKind::SideBox, 0, "RFC 8216 3.4", || {
                format!(
                    "the time stamp of packed audio (ID3 PRIV) is {timestamp}; it has to be below 2^33 ({}), where it wraps",
                    MPEG_TIME_MAX + 1
                )
            });
        }
        let timestamp = timestamp & MPEG_TIME_MAX;
        self.has_timestamp = true;
        self.timeline.begin_group(timestamp, timestamp);
    }

    /// Reads the ten bytes of an ID3 tag header. The tag's size excludes header and footer (ID3v2.4 3.1). Bytes that are no tag
    /// header are those of the first audio frame.
    fn read_tag_header(&mut self, collected: Vec<u8>) {
        if let [b'I', b'D', b'3', _, _, flags, size @ ..] = collected.as_slice() {
            self.state = PackedAudioState::Tag { remaining: id3::body_size(*flags, size), collected };
            self.advance();
        } else {
            self.begin_frames(&collected);
        }
    }

    /// Reads bytes behind the ID3 tags as the beginning of the audio frames.
    fn begin_frames(&mut self, bytes: &[u8]) {
        self.state = PackedAudioState::FirstFrame(Vec::new());
        self.push(bytes);
    }

    fn choose_framing(&mut self, collected: &[u8]) {
        let (framing, codec) = match collected {
            // sync_word of AC-4, without and with a CRC (ETSI TS 103 190-1 annex G). Its frames aren't read.
            [0xac, 0x40 | 0x41] => return self.leave_frames("ac-4"),
            [0x0b, 0x77] => (AudioFraming::Dolby, "ac-3"),
            [0xff, b] if b & 0xf6 != 0xf0 => (AudioFraming::Mpeg, "mp3"),
            _ => (AudioFraming::Adts, "aac"),
        };
        self.codec = codec;
        self.state = PackedAudioState::Frames(Box::new(AudioFramer::with_tags(framing)));
        self.push(collected);
    }

    /// Leaves out the audio frames of a codec whose framing isn't read: they count as one sample without an end.
    fn leave_frames(&mut self, codec: &'static str) {
        self.codec = codec;
        self.state = PackedAudioState::Opaque;
        self.timeline.set_self_delimiting(false);
        if !self.has_timestamp {
            self.timeline.count_untimed();
        }
    }

    pub(super) fn finish(mut self, inspection: &mut Inspection) -> DefectLog {
        // A segment of fewer bytes than a tag header has begun its frames, too.
        if let PackedAudioState::TagHeader(collected) = &mut self.state
            && !collected.is_empty()
        {
            let collected = std::mem::take(collected);
            self.begin_frames(&collected);
        }
        let missing = match &self.state {
            PackedAudioState::Tag { remaining, .. } => *remaining,
            PackedAudioState::Frames(framer) => framer.missing_tag_bytes(),
            _ => 0,
        };
        if missing > 0 {
            let end = inspection.bytes;
            self.defects.add(DefectKind::Container, 0, "ID3v2.4 3.1", || {
                format!("truncated: the body ends at byte {end}, {missing} bytes before the end of its ID3 tag")
            });
        }
        let (stray, headers, silence) = match &mut self.state {
            PackedAudioState::Frames(framer) => (framer.take_stray_bytes(), framer.headers(), framer.silence()),
            _ => (0, TrackHeaders::default(), None),
        };
        if stray > 0 {
            self.defects
                .add(DefectKind::Container, 0, "RFC 8216 3.4", || format!("{stray} bytes belong to no audio frame"));
        }
        let is_audio = matches!(self.state, PackedAudioState::Frames(_) | PackedAudioState::Opaque);
        if is_audio && !self.has_timestamp {
            self.defects.add(DefectKind::Unplaced, 0, "RFC 8216 3.4", || {
                "packed audio has no time stamp (an ID3 PRIV frame at the start): its position on the timeline is unknown"
                    .to_owned()
            });
        }
        let mut track = Track::new(0, Some(Media::Audio), self.codec.to_owned());
        self.timeline.finish(&mut track);
        track.parameters = headers.first.map(Arc::new);
        track.changed_parameters = headers.changed.map(Arc::new);
        track.silence = silence;
        inspection.tracks = vec![track];
        self.defects
    }
}

/// Appends `bytes` to `collected` until it has `wanted` bytes, and returns how many were used. If `collected` is
/// already full, all of `bytes` count as used.
fn fill_up_to(collected: &mut Vec<u8>, wanted: usize, bytes: &[u8]) -> usize {
    let used = wanted.saturating_sub(collected.len()).min(bytes.len());
    collected.extend_from_slice(bytes.get(..used).unwrap_or_default());
    used
}

fn count_frame(frame: AudioFrame, timeline: &mut SampleTimeline, codec: &mut &'static str, has_timestamp: bool) {
    if frame.is_eac3() {
        *codec = "ec-3";
    }
    if has_timestamp {
        timeline.add_frame(frame.samples, frame.rate);
    } else {
        timeline.count_untimed();
    }
}

/// Returns the 33-bit MPEG-2 time stamp of an ID3 tag, whose PRIV frame stores it in eight bytes; `None` without one.
fn tag_timestamp(tag: &[u8]) -> Option<u64> {
    let at = memchr::memmem::find(tag, TIMESTAMP_OWNER)?;
    let bytes = tag.get(at + TIMESTAMP_OWNER.len()..)?.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*bytes))
}
