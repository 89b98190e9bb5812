//! Video access units of one elementary stream: where they begin, which are random access points, and how they are divided into PES
//! packets.

use super::pes_packing::PesPacking;
use crate::codec::nal::{NalUnit, SliceKind};
use crate::container::defects::DefectLog;
use crate::container::timeline::SampleTimeline;
use crate::defect::DefectKind;

/// Number of pictures without a delimiter from which on a stream counts as one without delimiters.
const MIN_PICTURES: u64 = 2;

/// Follows the access units of a video stream.
#[derive(Debug, Default)]
pub(super) struct AccessUnits {
    has_recovery_point: bool,
    slice_seen: bool,
    /// Whether the access unit that is being read began with a delimiter.
    delimited: bool,
    packing: PesPacking,
    /// random_access_indicator of the transport packet in which the current PES packet begins.
    marked: bool,
    /// Number of access units with a slice.
    pictures: u64,
    /// Number of delimiters at the beginning of access units.
    delimiters: u64,
    /// Number of delimiters inside of access units.
    repeated_delimiters: u64,
    unmarked_recovery_points: u64,
    /// Byte offset of the first PES packet without PTS, before any with one.
    untimed_at: Option<u64>,
    /// Whether an access unit begins in a PES packet before any with a PTS.
    begins_untimed: bool,
}

impl AccessUnits {
    /// Notes the random_access_indicator of the transport packet in which a PES packet begins.
    pub(super) fn mark(&mut self, random_access: bool) {
        self.marked = random_access;
    }

    /// Begins a PES packet with the decode time stamp `dts`, and with it an access unit.
    pub(super) fn begin_packet(&mut self, dts: u64) {
        self.packing.begin_packet(dts);
        self.begin();
    }

    /// Notes a PES packet at byte offset `at` that has no PTS and stands before any with one.
    pub(super) fn begin_untimed(&mut self, at: u64) {
        self.untimed_at.get_or_insert(at);
    }

    /// Returns whether nothing more of the current PES packet has to be searched, because its picture has begun and is the only one.
    #[must_use]
    pub(super) fn needs_no_more(&self) -> bool {
        self.slice_seen && self.packing.one_unit_per_packet()
    }

    /// Returns the number of random access points that are no IDR picture and whose packet isn't marked as one.
    #[must_use]
    pub(super) fn unmarked_recovery_points(&self) -> u64 {
        self.unmarked_recovery_points
    }

    /// Begins an access unit; what all have in common stays.
    fn begin(&mut self) {
        (self.has_recovery_point, self.slice_seen, self.delimited) = (false, false, false);
    }

    /// Reads a NAL unit of the stream.
    pub(super) fn add(&mut self, unit: NalUnit, timeline: &mut SampleTimeline) {
        match unit {
            NalUnit::Delimiter if self.delimited && !self.slice_seen => self.repeated_delimiters += 1,
            NalUnit::Delimiter => {
                self.begin();
                self.delimited = true;
                self.delimiters += 1;
                self.packing.count_unit();
                self.begins_untimed |= timeline.is_empty();
                timeline.count_access_unit();
            }
            NalUnit::RecoveryPoint => self.has_recovery_point = true,
            NalUnit::Slice(access) if !self.slice_seen => {
                self.slice_seen = true;
                self.pictures += 1;
                let recovers = access == SliceKind::Intra && self.has_recovery_point;
                self.unmarked_recovery_points += u64::from(recovers && !self.marked);
                timeline.set_random_access(access == SliceKind::RandomAccess || recovers);
            }
            NalUnit::Slice(_) => {}
        }
    }

    /// Reports how the access units of the stream on this PID are divided so that some players lose pictures. `needs_delimiters` is
    /// whether the standard requires a delimiter for each.
    pub(super) fn report(&self, pid: u16, needs_delimiters: bool, defects: &mut DefectLog) {
        let Self { pictures, delimiters, repeated_delimiters, .. } = self;
        if needs_delimiters && *pictures >= MIN_PICTURES && delimiters * 2 < *pictures {
            defects.add(DefectKind::Packing, 0, "ITU-T H.222.0 2.14.1", || {
                format!(
                    "PID {pid}: {delimiters} of {pictures} H.264 pictures have an access unit delimiter, which each needs in a transport \
                     stream: Android's players (Media3) and video.js take all pictures up to the next delimiter for one"
                )
            });
        }
        if *repeated_delimiters > 0 {
            defects.add(DefectKind::Packing, 0, "ISO/IEC 14496-10 7.4.1.2.3", || {
                format!(
                    "PID {pid}: {repeated_delimiters} access unit delimiters stand inside of access units: players cut the pictures there"
                )
            });
        }
        if self.packing.is_crowded() {
            defects.add(DefectKind::Packing, 0, "ISO/IEC 13818-1 2.4.3.7 (allowed)", || {
                format!(
                    "PID {pid}: a PES packet has several pictures and one time stamp, which most players give to all of them: the picture \
                     stands and jumps. Write a PES packet for each picture"
                )
            });
        }
        if let Some(at) = self.untimed_at.filter(|_| self.begins_untimed) {
            defects.add(DefectKind::Packing, at, "ISO/IEC 13818-1 2.7.5", || {
                format!("PID {pid}: the first picture has no PTS: players drop it, and with it the key frame")
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::Track;
    use crate::stream::Media;

    #[test]
    fn a_picture_of_several_slices_is_one_key_frame() {
        let (mut units, mut timeline) = (AccessUnits::default(), SampleTimeline::new(true));
        timeline.begin_group(0, 0);
        for _ in 0..2 {
            units.add(NalUnit::Delimiter, &mut timeline);
            for _ in 0..3 {
                units.add(NalUnit::Slice(SliceKind::RandomAccess), &mut timeline);
            }
        }
        let mut track = Track::new(256, Some(Media::Video), "h264".to_owned());
        timeline.finish(&mut track);
        assert_eq!((track.samples, track.keyframes, track.starts_with_keyframe), (2, 2, Some(true)));
    }
}
