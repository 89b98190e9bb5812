//! The segments of a rendition, with their initialization segments.

use super::{Key, LowLatency, ads};
use crate::units::{BitsPerSecond, MediaTime, Seconds, Timestamp};
use std::sync::Arc;
use url::Url;

/// The segments of a rendition as its playlist or the MPD lists them at an instant, with what the playlist says about
/// all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// EXT-X-VERSION of the playlist; `None` without the tag.
    pub version: Option<u32>,
    /// EXT-X-MEDIA-SEQUENCE of the playlist: number of its first segment. 0 without the tag.
    pub media_sequence: u64,
    /// Whether EXT-X-MEDIA-SEQUENCE has an unreadable value. The segments are numbered from 0 then, and their numbers can't be
    /// compared with those of other playlists.
    pub unnumbered: bool,
    /// EXT-X-DISCONTINUITY-SEQUENCE of the playlist; 0 without the tag.
    pub discontinuity_sequence: u64,
    /// EXT-X-TARGETDURATION of the playlist; `None` without the tag.
    pub target_duration: Option<Seconds>,
    /// Whether the list of segments is complete: EXT-X-ENDLIST, or `MPD@type="static"`.
    pub ended: bool,
    /// EXT-X-PLAYLIST-TYPE of the playlist: `EVENT` or `VOD`. `None` without the tag.
    pub playlist_type: Option<String>,
    /// Whether the playlist has EXT-X-INDEPENDENT-SEGMENTS.
    pub independent_segments: bool,
    /// TIME-OFFSET of EXT-X-START in seconds: the place where players begin, from the start of the playlist or, if negative, from its end
    /// (RFC 8216bis 4.4.2.2). `None` without the tag.
    pub start_offset: Option<f64>,
    /// Whether the playlist has EXT-X-I-FRAMES-ONLY.
    pub i_frames_only: bool,
    /// The segments that the playlist or MPD lists, oldest first.
    pub segments: Vec<Segment>,
    /// Parts, preload hints, rendition reports and delivery directives of low-latency HLS.
    pub low_latency: LowLatency,
    /// Ad markers in the order of the playlist; the newest ones if there are too many.
    pub markers: Vec<ads::Marker>,
}

impl Timeline {
    /// Returns the number of the newest segment; `None` for an empty list.
    #[must_use]
    pub fn last_number(&self) -> Option<u64> {
        self.segments.last().map(|s| s.number)
    }

    /// Returns the sum of the listed segment durations.
    #[must_use]
    pub fn window(&self) -> Seconds {
        self.segments.iter().map(|s| s.duration).sum()
    }

    /// Returns the wall-clock time of the live edge: the end of the newest part or segment. It is the newest explicit
    /// program date-time, carried forward by the durations after it (RFC 8216bis 4.4.4.6). `None` without such a date,
    /// or with a discontinuity after it.
    #[must_use]
    pub fn live_edge(&self) -> Option<Timestamp> {
        let mut tail = Seconds::ZERO;
        for part in self.open_parts().rev() {
            tail = tail + part.duration;
            if let Some(at) = part.program_date_time {
                return Some(tail.after(at));
            }
            if part.discontinuity {
                return None;
            }
        }
        self.dated_edge(tail)
    }

    /// Returns the wall-clock time at which the newest whole segment ends; `None` as for [`Timeline::live_edge`].
    #[must_use]
    pub fn segments_edge(&self) -> Option<Timestamp> {
        self.dated_edge(Seconds::ZERO)
    }

    /// Returns the wall-clock time at which the newest whole segment ends, plus `tail`; `None` as for
    /// [`Timeline::live_edge`].
    fn dated_edge(&self, mut tail: Seconds) -> Option<Timestamp> {
        for segment in self.segments.iter().rev() {
            tail = tail + segment.duration;
            if let Some(at) = segment.program_date_time {
                return Some(tail.after(at));
            }
            if segment.discontinuity {
                return None;
            }
        }
        None
    }
}

/// A segment of a rendition as a playlist or an MPD lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Number of the segment. HLS: its media sequence number. DASH: its start on the presentation's timeline in
    /// milliseconds.
    pub number: u64,
    /// Number of the segment before this one; `None` if it isn't known, as it may be for the first of a list.
    pub after: Option<u64>,
    /// Number of the run of segments between two discontinuities in which the segment is. HLS: its discontinuity sequence number.
    /// DASH: the start of its Period in milliseconds.
    pub discontinuity_sequence: u64,
    /// Absolute URL of the segment's resource.
    pub uri: Url,
    /// Byte range of the segment in its resource; `None` means the whole resource.
    pub byte_range: Option<ByteRange>,
    /// Duration of the segment as listed.
    pub duration: Seconds,
    /// EXT-X-BITRATE in force for the segment; `None` without one.
    pub bit_rate: Option<BitsPerSecond>,
    /// Start of a DASH segment in its own media time, as the MPD gives it. `None` for HLS, and if the MPD doesn't give
    /// it.
    pub media_start: Option<MediaStart>,
    /// Whether EXT-X-DISCONTINUITY stands before the segment.
    pub discontinuity: bool,
    /// Program date-time at which the segment begins; `None` unless the playlist gives one for this very segment.
    pub program_date_time: Option<Timestamp>,
    /// Whether the segment has EXT-X-GAP, which means that it isn't available.
    pub gap: bool,
    /// Initialization segment of this segment; `None` without one. Segments with the same one share it, because a window may
    /// list thousands.
    pub map: Option<Arc<Map>>,
    /// Key in force for the segment, preferably the one of KEYFORMAT identity; `None` for a clear segment.
    pub key: Option<Arc<Key>>,
    /// All keys in force for the segment, one for each KEYFORMAT: they lead to the same media key.
    pub keys: Arc<[Key]>,
    /// Line of the segment's URI in the playlist, from 1.
    pub line: u32,
}

/// Start of a DASH segment according to a SegmentTimeline or SegmentTemplate@duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaStart {
    /// Start of the segment in its own media time.
    pub at: MediaTime,
    /// Whether the start is computed as a multiple of SegmentTemplate@duration, from which real segments may deviate.
    pub nominal: bool,
}

impl Segment {
    /// Returns whether the segment comes right after the segment with the number `previous`. Numbers alone can't tell:
    /// those of HLS count segments, those of DASH milliseconds. False for the first segment of an MPD's list.
    #[must_use]
    pub fn follows(&self, previous: u64) -> bool {
        self.after == Some(previous)
    }

    /// Returns whether the segment is encrypted as a whole, by AES-128, AES-256, AES-256-CTR or AES-256-GCM. Without the
    /// key not even the container of such a segment can be identified.
    #[must_use]
    pub fn wholly_encrypted(&self) -> bool {
        self.key.as_deref().is_some_and(Key::encrypts_wholly)
    }
}

/// A range of bytes in a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// Offset of the range's first byte in the resource.
    pub offset: u64,
    /// Number of bytes of the range.
    pub length: u64,
}

/// The initialization segment of media segments (EXT-X-MAP, or an initialization segment of DASH).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Map {
    /// Absolute URL of the resource that holds the initialization segment.
    pub uri: Url,
    /// Byte range of the initialization segment in its resource; `None` means the whole resource.
    pub byte_range: Option<ByteRange>,
    /// Key that encrypts the initialization segment as a whole, whose tag stands before EXT-X-MAP (RFC 8216bis
    /// 4.4.4.5). `None` for a clear one.
    pub key: Option<Key>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(date: Option<i64>, discontinuity: bool) -> Segment {
        Segment {
            number: 0,
            after: None,
            discontinuity_sequence: 0,
            uri: Url::parse("http://packager/x").unwrap(),
            byte_range: None,
            duration: Seconds(2.0),
            bit_rate: None,
            media_start: None,
            discontinuity,
            program_date_time: date.map(|second| Timestamp::from_second(second).unwrap()),
            gap: false,
            map: None,
            key: None,
            keys: Arc::default(),
            line: 1,
        }
    }

    #[test]
    fn the_edge_is_the_newest_date_and_the_durations_after_it_but_not_over_a_discontinuity() {
        let edge = |segments: Vec<Segment>| {
            let edge = Timeline { segments, ..Timeline::default() }.segments_edge();
            edge.map(|at| at.as_second())
        };
        assert_eq!(edge(vec![]), None);
        assert_eq!(edge(vec![segment(None, false)]), None);
        assert_eq!(edge(vec![segment(Some(90), false), segment(Some(100), true), segment(None, false)]), Some(104));
        assert_eq!(edge(vec![segment(Some(100), false), segment(None, true)]), None);
        let timeline = Timeline { segments: vec![segment(None, false); 3], ..Timeline::default() };
        assert_eq!((timeline.window(), timeline.last_number()), (Seconds(6.0), Some(0)));
    }
}
