//! Packed audio: an ID3 tag with the segment's time stamp, followed by audio frames without a container (RFC 8216 3.4).

use super::defects::DefectLog;
use super::timeline::SampleTimeline;
use super::{Inspection, Track};
use crate::codec::audio::{AudioFrame, AudioFramer, AudioFraming};
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
    /// Whether the ID3 tag holds a PRIV frame with the time stamp.
    has_timestamp: bool,
    timeline: SampleTimeline,
    defects: DefectLog,
}

#[derive(Debug)]
enum PackedAudioState {
    /// The first ten bytes of the segment are being collected, to see whether an ID3 tag begins there.
    TagHeader(Vec<u8>),
    /// The ID3 tag is being collected up to [`MAX_TAG_BYTES`]; `remaining` counts all bytes until its end.
    Tag { collected: Vec<u8>, remaining: usize },
    /// The two bytes behind the ID3 tag are being collected, to choose the audio framing.
    FirstFrame(Vec<u8>),
    /// The audio frames are being read until the end of the resource.
    Frames(AudioFramer),
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
                PackedAudioState::TagHeader(collected) => fill_up_to(collected, 10, bytes),
                PackedAudioState::Tag { collected, remaining } => {
                    let used = (*remaining).min(bytes.len());
                    fill_up_to(collected, MAX_TAG_BYTES, bytes.get(..used).unwrap_or_default());
                    *remaining -= used;
                    used
                }
                PackedAudioState::FirstFrame(collected) => fill_up_to(collected, 2, bytes),
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
        match std::mem::replace(&mut self.state, PackedAudioState::FirstFrame(Vec::new())) {
            PackedAudioState::TagHeader(collected) if collected.len() == 10 => self.read_tag_header(collected),
            PackedAudioState::Tag { collected, remaining: 0 } => {
                if let Some(timestamp) = tag_timestamp(&collected) {
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
                self.state = PackedAudioState::FirstFrame(Vec::new());
            }
            PackedAudioState::FirstFrame(collected) if collected.len() == 2 => self.choose_framing(&collected),
            state => self.state = state,
        }
    }

    /// Reads the ten bytes of an ID3 tag header. The tag's size has 28 bits, 7 in each byte, and excludes header and
    /// footer (ID3v2.4 3.1).
    fn read_tag_header(&mut self, collected: Vec<u8>) {
        if let [b'I', b'D', b'3', _, _, flags, a, b, c, d] = collected.as_slice() {
            let size = [a, b, c, d].iter().fold(0usize, |n, byte| n << 7 | usize::from(**byte & 0x7f));
            let footer = if flags & 0x10 != 0 { 10 } else { 0 };
            self.state = PackedAudioState::Tag { remaining: size + footer, collected };
            self.advance();
        } else {
            self.state = PackedAudioState::FirstFrame(Vec::new());
            self.push(&collected);
        }
    }

    fn choose_framing(&mut self, collected: &[u8]) {
        let framing = match collected {
            [0x0b, 0x77] => AudioFraming::Dolby,
            [0xff, b] if b & 0xf6 != 0xf0 => AudioFraming::Mpeg,
            _ => AudioFraming::Adts,
        };
        self.codec = match framing {
            AudioFraming::Adts => "aac",
            AudioFraming::Dolby => "ac-3",
            AudioFraming::Mpeg => "mp3",
        };
        self.state = PackedAudioState::Frames(AudioFramer::new(framing));
        self.push(collected);
    }

    pub(super) fn finish(mut self, inspection: &mut Inspection) -> DefectLog {
        if let PackedAudioState::Tag { remaining, .. } = &self.state {
            let end = inspection.bytes;
            self.defects.add(DefectKind::Container, 0, "ID3v2.4 3.1", || {
                format!("truncated: the body ends at byte {end}, {remaining} bytes before the end of its ID3 tag")
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
        if matches!(self.state, PackedAudioState::Frames(_)) && !self.has_timestamp {
            self.defects.add(DefectKind::Container, 0, "RFC 8216 3.4", || {
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
