use crate::checks::support::select::{self, segment_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{SegmentFacts, derived};
use crate::finding::Severity;

pub const META: CheckMeta = CheckMeta {
    id: "hls_bitrate_mismatch",
    severity: Severity::Minor,
    group: CheckGroup::Hls,
    scope: CheckScope::Hls,
    alert: None,
    help: "fails when the bit rate of a segment differs from its EXT-X-BITRATE by more than `tolerance`: players \
           that use the tag choose the wrong rendition",
    reference: "draft-pantos-hls-rfc8216bis-22 4.4.4.8",
    needs_history: false,
};

params! {
    /// Largest allowed difference between EXT-X-BITRATE and the segment's own bit rate, as a ratio of the segment's bit
    /// rate.
    tolerance: f64 = 0.1,
}

/// Difference in bits per second that is always allowed, because EXT-X-BITRATE is written in whole kilobits per second.
const ROUNDING: f64 = 500.0;

pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    select::judge_renditions(context, "no segment with EXT-X-BITRATE was inspected", |facts, past| {
        let measured = select::measurable_segments(context, facts, past)?;
        let mut rated = measured.iter().rev().filter_map(|s| declared(s)).peekable();
        rated.peek()?;
        Some(rated.filter_map(|(segment, declared)| violation(segment, declared, params)).collect())
    })
}

/// Returns a segment with its EXT-X-BITRATE in bits per second. `None`: it has none, or it is a byte range, which the
/// tag doesn't describe.
fn declared<'a>(segment: &&'a SegmentFacts) -> Option<(&'a SegmentFacts, f64)> {
    let rate = segment.segment.bit_rate.filter(|_| segment.segment.byte_range.is_none())?;
    Some((segment, rate.0 as f64))
}

fn violation(segment: &SegmentFacts, declared: f64, params: &Params) -> Option<Violation> {
    let rate = derived::bit_rate([segment]).filter(|r| *r > 0.0)?;
    if (declared - rate).abs() <= params.tolerance * rate + ROUNDING {
        return None;
    }
    let message = format!(
        "segment {}: EXT-X-BITRATE is {:.0} kbit/s; the segment has {:.0} kbit/s",
        segment.segment.number,
        declared / 1000.0,
        rate / 1000.0
    );
    Some(segment_violation(segment, message).with("declared", declared).with("bits_per_second", rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::stream::ByteRange;
    use packager_media::units::BitsPerSecond;

    /// Runs hls_bitrate_mismatch on a segment of 2 s that has `bytes` bytes and declares `declared` bits per second.
    fn run(bytes: u64, declared: Option<u64>, byte_range: Option<ByteRange>) -> CheckVerdict {
        let mut segment = ts_segment(15, 0.0, 2.0);
        segment.fetched.result.as_mut().unwrap().body_bytes = bytes;
        segment.segment.bit_rate = declared.map(BitsPerSecond);
        segment.segment.byte_range = byte_range;
        let mut scene = Scene::live();
        scene.remember([segment]);
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn ten_percent_and_half_a_kilobit_are_the_boundary() {
        for declared in [3_599_500, 4_000_000, 4_400_500] {
            assert_holds(run(1_000_000, Some(declared), None));
        }
        for declared in [3_599_499, 4_400_501] {
            assert_eq!(violations(run(1_000_000, Some(declared), None)).len(), 1, "{declared}");
        }
    }

    #[test]
    fn a_segment_without_the_tag_or_of_a_byte_range_is_not_judged() {
        let none = "no segment with EXT-X-BITRATE was inspected";
        assert_not_run(run(1_000_000, None, None), none);
        assert_not_run(run(1_000_000, Some(1), Some(ByteRange { offset: 0, length: 10 })), none);
    }
}
