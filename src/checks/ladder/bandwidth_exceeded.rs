use crate::checks::support::select::{self, segment_violation};
use crate::checks::{CheckContext, CheckGroup, CheckMeta, CheckScope, CheckVerdict, Violation};
use crate::facts::{RenditionFacts, SegmentFacts, derived};
use crate::finding::Severity;
use crate::history::RenditionHistory;
use packager_media::stream::{Media, Rendition};
use packager_media::units;
use packager_media::units::Seconds;

pub const META: CheckMeta = CheckMeta {
    id: "bandwidth_exceeded",
    severity: Severity::Major,
    group: CheckGroup::Ladder,
    scope: CheckScope::Any,
    alert: Some("SegmentsBroken"),
    help: "fails when a segment's bit rate is above 125 % of BANDWIDTH, or the mean of at least ten segments above 110 % of \
           AVERAGE-BANDWIDTH, with the sound of the variant's audio group: players that chose the rung by it stall. In an MPD: when consecutive segments have over 110 % of what \
           arrives at bandwidth until they are played, minBufferTime included",
    reference: "draft-pantos-hls-rfc8216bis-22 4.1, 4.4.6.2; HLS authoring specification 1.28, 1.29; ISO/IEC 23009-1 5.3.5.4",
    needs_history: false,
};

params! {
    /// Greatest allowed ratio of a segment's bit rate to BANDWIDTH.
    peak_ratio: f64 = 1.25,
    /// Greatest allowed ratio of the mean bit rate to AVERAGE-BANDWIDTH. In DASH: greatest allowed ratio of the bits of
    /// consecutive segments to the bits that a player receives at `@bandwidth` during minBufferTime and the duration of
    /// these segments.
    mean_ratio: f64 = 1.1,
    /// Smallest number of inspected segments of which a mean bit rate is computed.
    mean_segments: usize = 10,
    /// Bits per second by which subtitles may always be above the declared bit rate: they are too few to make a player
    /// stall.
    text_slack: f64 = 64000.0,
}

/// Runs the check bandwidth_exceeded. A variant's BANDWIDTH includes its separate audio rendition, of which the greatest mean counts (RFC 8216bis
/// 4.4.6.2.1).
pub fn check(context: &CheckContext<'_>, params: &Params) -> CheckVerdict {
    let mpd = context.output.dash().map(|dash| &dash.mpd);
    let sound = if mpd.is_none() { sound_rates(context) } else { Vec::new() };
    select::judge_renditions(context, "no segment of a variant with BANDWIDTH was inspected", |facts, past| {
        let measured = select::measurable_segments(context, facts, past)?;
        match mpd {
            _ if few_bits_of_text(facts, &measured, params) => Some(Vec::new()),
            Some(mpd) => delivered(facts, measured, mpd.min_buffer_time.unwrap_or(Seconds::ZERO), params),
            None => judge(facts, &measured, sound_beside(&sound, &facts.rendition), params),
        }
    })
}

/// Returns the mean bit rate of each inspected audio rendition, in bits per second.
fn sound_rates<'a>(context: &CheckContext<'a>) -> Vec<(&'a Rendition, f64)> {
    let audio = context.renditions().filter(|(facts, _)| facts.rendition.media == Media::Audio);
    let rate = |(facts, past): (&'a RenditionFacts, &'a RenditionHistory)| {
        Some((&facts.rendition, derived::bit_rate(select::measurable_segments(context, facts, past)?)?))
    };
    audio.filter_map(rate).collect()
}

/// Returns the greatest mean bit rate of the audio renditions in the group of an HLS variant, in bits per second; 0 if there are none, or none
/// was inspected. A playlist that several variants declare, each with its own group and BANDWIDTH, is judged without sound.
fn sound_beside(sound: &[(&Rendition, f64)], variant: &Rendition) -> f64 {
    let is_one = variant.further_groups.is_empty() && variant.variant_codecs.is_empty();
    let has_sound = is_one && variant.media == Media::Video;
    let beside = sound.iter().filter(|(rendition, _)| has_sound && rendition.shares_group(variant));
    beside.map(|(_, rate)| *rate).fold(0.0, f64::max)
}

/// Whether the rendition is a subtitle rendition of which no segment's bit rate exceeds the declared one by more than
/// `text_slack`.
fn few_bits_of_text(facts: &RenditionFacts, measured: &[&SegmentFacts], params: &Params) -> bool {
    let declared = facts.rendition.average_bandwidth.or(facts.rendition.bandwidth).map_or(0.0, |b| b.0 as f64);
    let few = |s: &&SegmentFacts| derived::bit_rate([*s]).is_none_or(|rate| rate <= declared + params.text_slack);
    facts.rendition.media == Media::Text && measured.iter().all(few)
}

/// Judges a Representation's `@bandwidth`, which is no peak bit rate: a player that receives at this rate, and begins
/// with minBufferTime of media buffered, must never run out of data (ISO/IEC 23009-1, 5.3.5.2).
fn delivered(
    facts: &RenditionFacts,
    mut measured: Vec<&SegmentFacts>,
    buffer: Seconds,
    params: &Params,
) -> Option<Vec<Violation>> {
    let bandwidth = facts.rendition.bandwidth.map(|b| b.0 as f64).filter(|b| *b > 0.0)?;
    measured.sort_by_key(|s| s.segment.number);
    let mut worst: Option<SegmentRun<'_>> = None;
    let mut here: Option<SegmentRun<'_>> = None;
    for segment in measured {
        let bits = derived::bits(segment).unwrap_or_default();
        let one = SegmentRun { first: segment, last: segment, bits, seconds: segment.segment.duration.0 };
        let joins = |h: &SegmentRun<'_>| segment.segment.follows(h.last.segment.number);
        let over = |h: &SegmentRun<'_>| h.over(bandwidth, params.mean_ratio);
        // What came before only counts where it was late itself.
        let on = match here.filter(|h| joins(h) && over(h) > 0.0) {
            Some(h) => {
                SegmentRun { first: h.first, last: segment, bits: h.bits + bits, seconds: h.seconds + one.seconds }
            }
            None => one,
        };
        here = Some(on);
        worst = worst.filter(|w| over(w) >= over(&on)).or(Some(on));
    }
    let worst = worst?;
    let ratio = worst.bits / (bandwidth * (worst.seconds + buffer.0));
    Some(
        (ratio > params.mean_ratio)
            .then(|| worst.violation(bandwidth, buffer, (ratio, params.mean_ratio)))
            .into_iter()
            .collect(),
    )
}

/// Consecutive segments of one Representation whose sizes are known.
#[derive(Clone, Copy)]
struct SegmentRun<'a> {
    first: &'a SegmentFacts,
    last: &'a SegmentFacts,
    bits: f64,
    seconds: f64,
}

impl SegmentRun<'_> {
    /// Returns the number of bits in these segments minus `ratio` times the bits that a player receives during their
    /// duration at `bandwidth` bits per second.
    fn over(&self, bandwidth: f64, ratio: f64) -> f64 {
        self.bits - ratio * bandwidth * self.seconds
    }

    fn violation(&self, bandwidth: f64, buffer: Seconds, (ratio, allowed): (f64, f64)) -> Violation {
        let rate = self.bits / self.seconds;
        let (has, declared) = units::distinct(rate / 1000.0, bandwidth / 1000.0, 0);
        let (percent, most) = units::distinct(ratio * 100.0, allowed * 100.0, 0);
        let message = format!(
            "segments {} to {} have {has} kbit/s: {percent} % of what arrives at @bandwidth ({declared} kbit/s) until they are played, \
             minBufferTime of {} s included; no more than {most} % are allowed",
            self.first.segment.number, self.last.segment.number, buffer.0
        );
        let violation =
            segment_violation(self.last, message).with("bits_per_second", rate).with("bandwidth", bandwidth);
        violation.with("ratio", ratio).with("seconds", self.seconds)
    }
}

fn judge(facts: &RenditionFacts, measured: &[&SegmentFacts], sound: f64, params: &Params) -> Option<Vec<Violation>> {
    let peak = facts.rendition.bandwidth.map(|b| b.0 as f64).filter(|b| *b > 0.0)?;
    let target = facts.timeline.as_deref().and_then(select::target_duration).map_or(0.0, |t| t.0);
    // RFC 8216bis 4.1: the peak is that of any set of segments between 0.5 and 1.5 target durations long.
    let counts = |s: &&SegmentFacts| s.segment.duration.0 >= 0.5 * target;
    let mut found: Vec<_> =
        measured.iter().rev().copied().filter(counts).filter_map(|s| too_high(s, sound, peak, params)).collect();
    found.extend(mean(facts, measured, sound, params));
    Some(found)
}

fn too_high(segment: &SegmentFacts, sound: f64, peak: f64, params: &Params) -> Option<Violation> {
    let rate = derived::bit_rate([segment])? + sound;
    let ratio = rate / peak;
    if ratio <= params.peak_ratio {
        return None;
    }
    let (has, declared) = units::distinct(rate / 1000.0, peak / 1000.0, 0);
    let (percent, most) = units::distinct(ratio * 100.0, params.peak_ratio * 100.0, 0);
    let message = format!(
        "segment {}: {has} kbit/s{} are {percent} % of BANDWIDTH ({declared} kbit/s); no more than {most} % are allowed",
        segment.segment.number,
        with_sound(sound)
    );
    Some(segment_violation(segment, message).with("bits_per_second", rate).with("bandwidth", peak).with("ratio", ratio))
}

fn with_sound(sound: f64) -> String {
    if sound > 0.0 { format!(" with {:.0} kbit/s of sound", sound / 1000.0) } else { String::new() }
}

fn mean(facts: &RenditionFacts, measured: &[&SegmentFacts], sound: f64, params: &Params) -> Option<Violation> {
    let average = facts.rendition.average_bandwidth.map(|b| b.0 as f64).filter(|b| *b > 0.0)?;
    if measured.len() < params.mean_segments.max(1) {
        return None;
    }
    let rate = derived::bit_rate(measured.iter().copied())? + sound;
    let ratio = rate / average;
    if ratio <= params.mean_ratio {
        return None;
    }
    let (has, declared) = units::distinct(rate / 1000.0, average / 1000.0, 0);
    let (percent, most) = units::distinct(ratio * 100.0, params.mean_ratio * 100.0, 0);
    let message = format!(
        "the mean of {} segments, {has} kbit/s{}, is {percent} % of AVERAGE-BANDWIDTH ({declared} kbit/s); no more than {most} % are \
         allowed",
        measured.len(),
        with_sound(sound)
    );
    let violation = Violation::new(message).with("bits_per_second", rate).with("average_bandwidth", average);
    Some(violation.with("ratio", ratio).with("segments", measured.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::*;
    use packager_media::units::BitsPerSecond;

    /// Runs bandwidth_exceeded on segments of 2 s with these sizes in bytes, with a BANDWIDTH of 8000 and an
    /// AVERAGE-BANDWIDTH of 4000 bits per second.
    fn run(bytes: &[u64]) -> CheckVerdict {
        let mut scene = Scene::live();
        scene.rendition().rendition.bandwidth = Some(BitsPerSecond(8000));
        scene.rendition().rendition.average_bandwidth = Some(BitsPerSecond(4000));
        let segment = |(n, bytes): (u64, &u64)| {
            let mut segment = ts_segment(n, 2.0 * n as f64, 2.0);
            segment.fetched.result.as_mut().unwrap().body_bytes = *bytes;
            segment
        };
        scene.remember((1..).zip(bytes).map(segment));
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn a_segment_at_125_percent_holds_and_above_fails() {
        assert_holds(run(&[2500]));
        assert_eq!(
            messages(run(&[2504, 1000])),
            "segment 1: 10 kbit/s are 125.2 % of BANDWIDTH (8 kbit/s); no more than 125.0 % are allowed"
        );
    }

    #[test]
    fn the_sound_of_its_group_counts_with_a_variant() {
        let run = |group: &str, further: &[&str]| {
            let mut scene = Scene::live();
            scene.output.renditions[0].rendition.further_groups = further.iter().map(|g| (*g).to_owned()).collect();
            scene.output.renditions.push(rendition("sound"));
            let of_bytes = |bytes: u64| {
                let mut segment = ts_segment(1, 2.0, 2.0);
                segment.fetched.result.as_mut().unwrap().body_bytes = bytes;
                std::sync::Arc::new(segment)
            };
            for (at, (media, group, bytes)) in
                [(Media::Video, "a", 2000), (Media::Audio, group, 504)].into_iter().enumerate()
            {
                let rendition = &mut scene.output.renditions[at].rendition;
                (rendition.media, rendition.group) = (media, Some(group.to_owned()));
                rendition.bandwidth = Some(BitsPerSecond(8000)).filter(|_| media == Media::Video);
                let past = RenditionHistory { segments: vec![of_bytes(bytes)], ..RenditionHistory::default() };
                scene.history.renditions.insert(rendition.name.clone(), past);
            }
            check(&scene.context(), &Params::default())
        };
        assert_holds(run("b", &[]));
        assert_holds(run("a", &["b"]));
        let message = "segment 1: 10 kbit/s with 2 kbit/s of sound are 125.2 % of BANDWIDTH (8 kbit/s); no more than 125.0 % are allowed";
        assert_eq!(messages(run("a", &[])), message);
    }

    #[test]
    fn the_mean_counts_from_ten_segments_on() {
        assert_holds(run(&[1100; 10]));
        assert_holds(run(&[1104; 9]));
        assert_eq!(
            messages(run(&[1104; 10])),
            "the mean of 10 segments, 4.4 kbit/s, is 110.4 % of AVERAGE-BANDWIDTH (4.0 kbit/s); no more than 110.0 % are allowed"
        );
    }

    /// Runs bandwidth_exceeded on segments of 2 s with these sizes in bytes, in an MPD with a `@bandwidth` of 8000 bits
    /// per second and a minBufferTime of 2 s. A size of 0 leaves the segment out.
    fn run_mpd(bytes: &[u64]) -> CheckVerdict {
        let mut scene = Scene::dash(&timed("<S t=\"990000\" d=\"2000\" r=\"4\"/>"));
        scene.rendition().rendition.bandwidth = Some(BitsPerSecond(8000));
        let name = scene.rendition().rendition.name.clone();
        let segment = |(n, bytes): (u64, &u64)| {
            let mut segment = ts_segment(n, 2.0 * n as f64, 2.0);
            segment.fetched.result.as_mut().unwrap().body_bytes = *bytes;
            std::sync::Arc::new(segment)
        };
        let segments = (1..).zip(bytes).filter(|(_, bytes)| **bytes > 0).map(segment).collect();
        scene.history.renditions.insert(name, RenditionHistory { segments, ..RenditionHistory::default() });
        check(&scene.context(), &Params::default())
    }

    #[test]
    fn in_an_mpd_the_buffer_at_the_start_carries_a_peak() {
        // 4 s at 8 kbit/s are 4000 bytes, of which 110 % are allowed.
        assert_holds(run_mpd(&[1000, 4400, 1000]));
        assert_eq!(
            messages(run_mpd(&[1000, 4440, 1000])),
            "segments 2 to 2 have 18 kbit/s: 111 % of what arrives at @bandwidth (8 kbit/s) until they are played, minBufferTime \
             of 2 s included; no more than 110 % are allowed"
        );
        // 6 s are 6000 bytes.
        assert_holds(run_mpd(&[3300, 3300]));
        assert!(messages(run_mpd(&[3300, 3310])).starts_with("segments 1 to 2 have"));
        assert_holds(run_mpd(&[3300, 0, 3310]));
        assert_holds(run_mpd(&[2200; 30]));
        assert_eq!(violations(run_mpd(&[2300; 30])).len(), 1);
    }

    #[test]
    fn the_bandwidth_of_an_ad_is_not_that_of_the_programme_before_it() {
        let periods =
            ["p0", "p1"].map(|id| period(id, 490 * 2 * u32::from(id == "p1"), "<S t=\"0\" d=\"2000\" r=\"9\"/>"));
        let mut scene = Scene::dash(&dynamic(&periods.concat()));
        let name = scene.rendition().rendition.name.clone();
        scene.rendition().rendition.bandwidth = Some(BitsPerSecond(1000));
        let mut run = |sequences: [u64; 2]| {
            let segments = [970_000, 980_000].into_iter().zip(sequences).map(|(number, sequence)| {
                let mut segment = ts_segment(number, 0.0, 2.0);
                segment.segment.discontinuity_sequence = sequence;
                let bytes = if number == 970_000 { 5000 } else { 250 };
                segment.fetched.result.as_mut().unwrap().body_bytes = bytes;
                std::sync::Arc::new(segment)
            });
            let past = RenditionHistory { segments: segments.collect(), ..Default::default() };
            scene.history.renditions = [(name.clone(), past)].into();
            check(&scene.context(), &Params::default())
        };
        assert_holds(run([0, 980]));
        assert_eq!(violations(run([980, 980])).len(), 1, "one of the same Period");
    }

    #[test]
    fn a_few_bits_of_text_are_no_fault_and_many_are() {
        let run = |media: Media, bytes: u64| {
            let mut scene = Scene::live();
            scene.rendition().rendition.media = media;
            scene.rendition().rendition.bandwidth = Some(BitsPerSecond(1000));
            let mut segment = ts_segment(1, 2.0, 2.0);
            segment.fetched.result.as_mut().unwrap().body_bytes = bytes;
            scene.remember([segment]);
            check(&scene.context(), &Params::default())
        };
        // 65 kbit/s are 64 above what is declared.
        assert_holds(run(Media::Text, 16_250));
        let message = "segment 1: 65 kbit/s are 6504 % of BANDWIDTH (1 kbit/s); no more than 125 % are allowed";
        assert_eq!(messages(run(Media::Text, 16_260)), message);
        let message = "segment 1: 1.5 kbit/s are 145 % of BANDWIDTH (1.0 kbit/s); no more than 125 % are allowed";
        assert_eq!(messages(run(Media::Audio, 363)), message);
    }

    #[test]
    fn a_short_rest_before_a_discontinuity_has_no_peak() {
        let mut scene = Scene::live();
        scene.rendition().rendition.bandwidth = Some(BitsPerSecond(3999));
        let rest = |duration| SegmentFacts { ..ts_segment(5, 0.0, duration) };
        scene.remember([rest(0.9)]);
        assert_holds(check(&scene.context(), &Params::default()));
        scene.remember([rest(1.0)]);
        assert_eq!(violations(check(&scene.context(), &Params::default())).len(), 1);
    }

    #[test]
    fn damaged_segments_are_not_measured() {
        let mut scene = Scene::live();
        scene.rendition().rendition.bandwidth = Some(BitsPerSecond(1));
        scene.remember([broken(ts_segment(5, 0.0, 2.0), crate::facts::FailureKind::Cut)]);
        let missing = "no segment of a variant with BANDWIDTH was inspected";
        assert_not_run(check(&scene.context(), &Params::default()), missing);
        scene.remember([ts_segment(5, 0.0, 2.0)]);
        scene.rendition().rendition.bandwidth = None;
        assert_not_run(check(&scene.context(), &Params::default()), missing);
    }
}
