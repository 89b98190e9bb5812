//! Writer of the origin's HLS playlists (RFC 8216bis).

use std::fmt::Write;

use super::ad_breaks;
use super::audio_only;
use super::cenc;
use super::channels::{Format, Ladder};
use super::encryption::{self, Cipher};
use super::faults::Effect;
use super::fixtures::{self, Rung};
use super::i_frames;
use super::low_latency;
use super::moving_names;
use super::route::OTHER_INIT;
use super::sample_aes;
use super::timeline::{CYCLE, Listing, Rendition, Segment, TARGET, Timeline};
use super::{captions, mp4_subtitles, webvtt};

/// Returns the text of the multivariant playlist. `suffix` is appended to every URI.
pub(super) fn multivariant(timeline: &Timeline, now_ms: i64, suffix: &str) -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let has_audio_group = timeline.format == Format::Cmaf;
    if has_audio_group && timeline.effect != Some(Effect::LadderGroups) {
        text.push_str("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"aac\",LANGUAGE=\"en\",NAME=\"English\",");
        let channels = if timeline.effect == Some(Effect::ChannelCountMismatch) { 6 } else { 2 };
        let _ = writeln!(text, "DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"{channels}\",URI=\"audio/index.m3u8{suffix}\"");
    }
    if timeline.webvtt {
        text.push_str(&webvtt::media_tag(suffix));
    }
    if timeline.mp4_subtitles {
        text.push_str(&mp4_subtitles::media_tags(suffix));
    }
    if announces_captions(timeline) {
        text.push_str(captions::MEDIA);
    }
    if let Some(Effect::MasterLine(line)) = timeline.effect {
        let _ = writeln!(text, "{line}");
    }
    let session = if timeline.sessions { moving_names::session_folder(timeline.requested_ms) } else { String::new() };
    let mut rungs: Vec<(usize, &Rung)> = timeline.ladder.rungs().iter().enumerate().collect();
    if timeline.measured {
        let places = moving_names::rotation(timeline.requested_ms) % rungs.len().max(1);
        rungs.rotate_left(places);
    }
    for (at, rung) in rungs {
        if is_listed(timeline.effect, at, now_ms) {
            let surplus = if timeline.measured { moving_names::measured_surplus(at, timeline.requested_ms) } else { 0 };
            write_variant(&mut text, timeline, at, rung, has_audio_group, surplus);
            let _ = writeln!(text, "{session}{}/index.m3u8{suffix}", rung.name);
        }
    }
    for rung in timeline.ladder.rungs().iter().filter(|_| timeline.i_frames) {
        i_frames::write_stream_tag(&mut text, rung, suffix);
    }
    text
}

/// Returns whether the channel announces closed captions.
fn announces_captions(timeline: &Timeline) -> bool {
    timeline.ladder == Ladder::Captioned || timeline.effect == Some(Effect::CaptionsMissing)
}

/// Returns whether the rung with this index is in the ladder at an instant.
pub(super) fn is_listed(effect: Option<Effect>, at: usize, now_ms: i64) -> bool {
    match effect {
        Some(Effect::LadderMissingRung) => at != 0,
        Some(Effect::LadderChanged) => at != 0 || now_ms.div_euclid(10_000) % 2 == 0,
        Some(Effect::LadderSpacing) => at == 0 || at == 3,
        _ => true,
    }
}

/// Writes an EXT-X-STREAM-INF tag, with a BANDWIDTH that is `surplus` bit/s higher than the fixtures need.
fn write_variant(text: &mut String, timeline: &Timeline, at: usize, rung: &Rung, has_audio_group: bool, surplus: u64) {
    let (peak, mean) = declared_bandwidth(timeline, at);
    let peak = peak + surplus;
    let _ = write!(text, "#EXT-X-STREAM-INF:BANDWIDTH={peak}");
    if timeline.effect != Some(Effect::AverageBandwidthMissing) {
        let _ = write!(text, ",AVERAGE-BANDWIDTH={mean}");
    }
    if timeline.effect == Some(Effect::LadderAttributes) && Rendition::Rung(at) == TARGET {
        text.push_str(",FRAME-RATE=fast");
    } else {
        let codec = match (timeline.effect, timeline.ladder) {
            (Some(Effect::CodecMismatch), Ladder::Avc | Ladder::Captioned) => "avc1.4d4028",
            (Some(Effect::CodecMismatch), Ladder::Hevc) => "hvc1.1.6.L120.90",
            (Some(Effect::CodecMismatch), Ladder::AudioOnly) => "ac-3",
            _ => rung.codec,
        };
        if timeline.ladder == Ladder::AudioOnly {
            let _ = writeln!(text, ",CODECS=\"{codec}\"");
            return;
        }
        let more = if timeline.mp4_subtitles { ",wvtt,stpp.ttml.im1t" } else { "" };
        let _ = write!(text, ",CODECS=\"{codec},mp4a.40.2{more}\"");
        let target_effect = timeline.effect.filter(|_| Rendition::Rung(at) == TARGET);
        let height = if target_effect == Some(Effect::ResolutionMismatch) { 800 } else { rung.height };
        let rate = if target_effect == Some(Effect::FrameRateMismatch) { 50 } else { 25 };
        let _ = write!(text, ",RESOLUTION={}x{height},FRAME-RATE={rate}.000", rung.width);
    }
    let hdr = timeline.ladder == Ladder::Hevc && timeline.effect != Some(Effect::VideoRangeMissing);
    if hdr || timeline.effect == Some(Effect::VideoRangeWrong) {
        text.push_str(",VIDEO-RANGE=PQ");
    }
    if timeline.effect == Some(Effect::DolbyVisionAnnounced) {
        text.push_str(",SUPPLEMENTAL-CODECS=\"dvav.09.05/db2g\"");
    }
    if timeline.webvtt || timeline.mp4_subtitles {
        text.push_str(",SUBTITLES=\"sub\"");
    }
    text.push_str(if has_audio_group { ",AUDIO=\"aac\"" } else { "" });
    text.push_str(if announces_captions(timeline) { ",CLOSED-CAPTIONS=\"cc\"\n" } else { ",CLOSED-CAPTIONS=NONE\n" });
}

/// Returns BANDWIDTH and AVERAGE-BANDWIDTH of a rung in bit/s, from the sizes of the fixtures.
fn declared_bandwidth(timeline: &Timeline, at: usize) -> (u64, u64) {
    let media = fixtures::fixtures();
    let (peak, mean) = match timeline.format {
        Format::Ts => {
            let [units, _] = media.transport(timeline.ladder, at, None);
            let sizes: Vec<usize> = units.iter().map(|unit| unit.bytes.len()).collect();
            fixtures::bit_rates(&sizes, &timeline.layout)
        }
        Format::Packed => {
            let sizes: Vec<usize> = (0..4)
                .map(|unit| audio_only::packed_aac(&media.audio_frames_by_rung[at], unit, 1, 0, None).len())
                .collect();
            fixtures::bit_rates(&sizes, &timeline.layout)
        }
        Format::Cmaf => {
            let sizes = |units: &[&[u8]]| units.iter().map(|unit| unit.len()).collect::<Vec<_>>();
            let video = fixtures::bit_rates(&sizes(&media.track(timeline.ladder, at).units), &timeline.layout);
            let audio = fixtures::bit_rates(&sizes(&media.audio.units), &timeline.layout);
            (video.0 + audio.0, video.1 + audio.1)
        }
    };
    let round = |rate: u64| rate.div_ceil(1000) * 1000;
    match timeline.effect {
        Some(Effect::BandwidthExceeded) => (round(peak / 2), round(mean / 2)),
        Some(Effect::BitrateCollapsed) => (round(peak * 10), round(mean * 10)),
        _ => (round(peak), round(mean)),
    }
}

/// Returns the text of a media playlist. `suffix` is appended to every URI.
pub(super) fn media(timeline: &Timeline, listing: &Listing, suffix: &str) -> String {
    let effect = timeline.effect;
    let cmaf = timeline.format == Format::Cmaf;
    let mut text = String::new();
    if effect != Some(Effect::NoExtM3u) {
        text.push_str("#EXTM3U\n");
    }
    let version = match effect {
        Some(Effect::Version) => 2,
        Some(Effect::Gap | Effect::GapsOnly | Effect::GapsAtEdge) => 8,
        _ if listing.live.is_some() => 9,
        _ if cmaf => 6,
        _ if timeline.cipher == Cipher::SampleAes => 5,
        _ => 3,
    };
    let _ = writeln!(text, "#EXT-X-VERSION:{version}\n#EXT-X-TARGETDURATION:{}", listing.target_duration);
    let _ = writeln!(text, "#EXT-X-MEDIA-SEQUENCE:{}", listing.sequence);
    if let Some(discontinuities) = listing.discontinuity_sequence {
        let _ = writeln!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuities}");
    }
    let skipped = listing.live.map_or(0, |live| live.skipped);
    if let Some(live) = &listing.live {
        low_latency::write_header(&mut text, timeline, live);
    }
    if skipped > 0 {
        let skipped_count = skipped - i64::from(effect == Some(Effect::DeltaCount));
        let _ = writeln!(text, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped_count}");
    } else if cmaf {
        let map = init_name(effect, listing.segments.first().map_or(0, |first| first.index));
        let _ = writeln!(text, "#EXT-X-MAP:URI=\"{map}{suffix}\"");
    }
    if effect == Some(Effect::AnnouncedButClear) {
        let _ = writeln!(text, "#EXT-X-KEY:METHOD=AES-128,URI=\"key_0.bin{suffix}\"");
    }
    if let Some(Effect::MediaLine(line)) = effect {
        let _ = writeln!(text, "{line}");
    }
    if effect == Some(Effect::Uncompressed) {
        let line = "# One of a thousand lines that say nothing, as long as those of a segment.\n";
        text.push_str(&line.repeat(1000));
    }
    match timeline.cipher {
        _ if effect == Some(Effect::EncryptionUnannounced) => {}
        cipher @ (Cipher::Cbcs | Cipher::Cenc) => text.push_str(&cenc::key_tags(cipher, timeline.base, effect)),
        Cipher::SampleAes => text.push_str(&sample_aes::key_tag(timeline.base)),
        Cipher::Clear | Cipher::Aes128 => {}
    }
    for (at, segment) in listing.segments.iter().enumerate().skip(skipped as usize) {
        if at == 1 && effect == Some(Effect::RepeatedTag) {
            let _ = writeln!(text, "#EXT-X-MEDIA-SEQUENCE:{}", listing.sequence);
        }
        let before = at.checked_sub(1).and_then(|at| listing.segments.get(at)).map(|before| before.index);
        write_key_tag(&mut text, timeline, before, segment.index, suffix);
        let map = init_name(effect, segment.index);
        if before.is_some_and(|before| init_name(effect, before) != map) {
            let _ = writeln!(text, "#EXT-X-MAP:URI=\"{map}{suffix}\"");
        }
        let parts = listing.live.map(|live| low_latency::parts_of(timeline, &live, segment.index, suffix));
        write_segment(&mut text, timeline, listing.rendition, segment, &parts.unwrap_or_default(), suffix);
    }
    if let Some(live) = &listing.live {
        write_key_tag(&mut text, timeline, listing.segments.last().map(|last| last.index), live.open, suffix);
        let open = timeline.segment(live.open, 0, live.rendition, live.open);
        let _ = writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}", date(open.date_ms));
        low_latency::write_edge(&mut text, timeline, live, suffix);
    }
    if effect == Some(Effect::LiveEnded) {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    text
}

/// Returns the name of the initialization segment of a segment.
fn init_name(effect: Option<Effect>, index: i64) -> &'static str {
    let is_other = effect == Some(Effect::TimestampJumpAtMap) && index.div_euclid(CYCLE).rem_euclid(2) == 1;
    if is_other { OTHER_INIT } else { "init.mp4" }
}

/// Writes an EXT-X-KEY tag if a segment has another key than the segment before it.
fn write_key_tag(text: &mut String, timeline: &Timeline, before: Option<i64>, index: i64, suffix: &str) {
    let number = |index: i64| encryption::key_number(index, timeline.effect);
    let changes = before.is_none_or(|before| number(before) != number(index));
    let announced = timeline.effect != Some(Effect::EncryptionUnannounced);
    if timeline.cipher == Cipher::Aes128 && changes && announced {
        let number = number(index);
        let method = if timeline.effect == Some(Effect::KeyMethodUnknown) { "AES128" } else { "AES-128" };
        let _ = write!(text, "#EXT-X-KEY:METHOD={method},URI=\"key_{number}.bin{suffix}\"");
        let vector = encryption::explicit_vector(number).map(|vector| format!(",IV=0x{vector:032x}"));
        text.push_str(&vector.unwrap_or_default());
        text.push('\n');
    }
}

fn write_segment(
    text: &mut String,
    timeline: &Timeline,
    rendition: Rendition,
    segment: &Segment,
    parts: &str,
    suffix: &str,
) {
    if segment.discontinuity {
        text.push_str("#EXT-X-DISCONTINUITY\n");
    }
    if segment.gap {
        text.push_str("#EXT-X-GAP\n");
    }
    ad_breaks::tags(text, timeline, rendition, segment);
    if timeline.effect != Some(Effect::ProgramDateTimeMissing) {
        let _ = writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}", date(segment.date_ms));
    }
    if let Some(kilobits) = segment.kilobits {
        let _ = writeln!(text, "#EXT-X-BITRATE:{kilobits}");
    }
    let extension = match (rendition, timeline.format) {
        (_, Format::Cmaf) => "m4s",
        (Rendition::WebVtt | Rendition::Ttml, _) => webvtt::EXTENSION,
        (_, Format::Ts) => "ts",
        (_, Format::Packed) => "aac",
    };
    let _ = writeln!(text, "{parts}#EXTINF:{:.6},\n{}.{extension}{suffix}", segment.duration_s, segment.name);
}

pub(super) fn date(unix_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_ms)
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        .unwrap_or_default()
}
