//! Playlist text (RFC 8216bis).

use std::fmt::Write;

use super::ads;
use super::cenc;
use super::channels::{Format, Ladder};
use super::crypt::{self, Cipher};
use super::faults::Effect;
use super::i_frames;
use super::low_latency;
use super::media::{self, Rung};
use super::sample_aes;
use super::sound;
use super::timeline::{Listing, Rendition, Segment, TARGET, Timeline};
use super::{captions, subtitles, texts};

/// The multivariant playlist. `suffix` follows each URI.
pub fn master(timeline: &Timeline, now_ms: i64, suffix: &str) -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let grouped = timeline.format == Format::Cmaf;
    if grouped && timeline.effect != Some(Effect::LadderGroups) {
        text.push_str("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"aac\",LANGUAGE=\"en\",NAME=\"English\",");
        let channels = if timeline.effect == Some(Effect::ChannelsMatch) { 6 } else { 2 };
        let _ = writeln!(text, "DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"{channels}\",URI=\"audio/index.m3u8{suffix}\"");
    }
    if timeline.subtitles {
        text.push_str(&subtitles::declaration(suffix));
    }
    if timeline.texts {
        text.push_str(&texts::declaration(suffix));
    }
    if captioned(timeline) {
        text.push_str(captions::MEDIA);
    }
    if let Some(Effect::MasterLine(line)) = timeline.effect {
        let _ = writeln!(text, "{line}");
    }
    for (at, rung) in timeline.ladder.rungs().iter().enumerate() {
        if is_listed(timeline.effect, at, now_ms) {
            variant(&mut text, timeline, at, rung, grouped);
            let _ = writeln!(text, "{}/index.m3u8{suffix}", rung.name);
        }
    }
    for rung in timeline.ladder.rungs().iter().filter(|_| timeline.i_frames) {
        i_frames::declaration(&mut text, rung, suffix);
    }
    text
}

/// Closed captions are announced.
fn captioned(timeline: &Timeline) -> bool {
    timeline.ladder == Ladder::Captioned || timeline.effect == Some(Effect::CaptionsMissing)
}

/// The rung of that place is in the ladder now.
pub fn is_listed(effect: Option<Effect>, at: usize, now_ms: i64) -> bool {
    match effect {
        Some(Effect::LadderMissingRung) => at != 0,
        Some(Effect::LadderChanged) => at != 0 || now_ms.div_euclid(10_000) % 2 == 0,
        Some(Effect::LadderSpacing) => at == 0 || at == 3,
        _ => true,
    }
}

fn variant(text: &mut String, timeline: &Timeline, at: usize, rung: &Rung, grouped: bool) {
    let (peak, mean) = declared(timeline, at);
    let _ = write!(text, "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={mean}");
    if timeline.effect == Some(Effect::LadderAttributes) && Rendition::Rung(at) == TARGET {
        text.push_str(",FRAME-RATE=fast");
    } else {
        let codec = match (timeline.effect, timeline.ladder) {
            (Some(Effect::CodecMatches), Ladder::Avc | Ladder::Captioned) => "avc1.4d4028",
            (Some(Effect::CodecMatches), Ladder::Hevc) => "hvc1.1.6.L120.90",
            (Some(Effect::CodecMatches), Ladder::Sound) => "ac-3",
            _ => rung.codec,
        };
        if timeline.ladder == Ladder::Sound {
            let _ = writeln!(text, ",CODECS=\"{codec}\"");
            return;
        }
        let more = if timeline.texts { ",wvtt,stpp.ttml.im1t" } else { "" };
        let _ = write!(text, ",CODECS=\"{codec},mp4a.40.2{more}\"");
        let spoilt = timeline.effect.filter(|_| Rendition::Rung(at) == TARGET);
        let height = if spoilt == Some(Effect::ResolutionMatches) { 800 } else { rung.height };
        let rate = if spoilt == Some(Effect::FrameRateMatches) { 50 } else { 25 };
        let _ = write!(text, ",RESOLUTION={}x{height},FRAME-RATE={rate}.000", rung.width);
    }
    let hdr = timeline.ladder == Ladder::Hevc && timeline.effect != Some(Effect::RangeDropped);
    if hdr || timeline.effect == Some(Effect::VideoRange) {
        text.push_str(",VIDEO-RANGE=PQ");
    }
    if timeline.subtitles || timeline.texts {
        text.push_str(",SUBTITLES=\"sub\"");
    }
    text.push_str(if grouped { ",AUDIO=\"aac\"" } else { "" });
    text.push_str(if captioned(timeline) { ",CLOSED-CAPTIONS=\"cc\"\n" } else { ",CLOSED-CAPTIONS=NONE\n" });
}

/// BANDWIDTH and AVERAGE-BANDWIDTH, from the sizes of the fixtures.
fn declared(timeline: &Timeline, at: usize) -> (u64, u64) {
    let media = media::media();
    let (peak, mean) = match timeline.format {
        Format::Ts => {
            let [units, _] = media.transport(timeline.ladder, at, None);
            let sizes: Vec<usize> = units.iter().map(|unit| unit.bytes.len()).collect();
            media::bit_rates(&sizes, &timeline.layout)
        }
        Format::Packed => {
            let sizes: Vec<usize> =
                (0..4).map(|unit| sound::packed(&media.sound[at], unit, 1, 0, None).len()).collect();
            media::bit_rates(&sizes, &timeline.layout)
        }
        Format::Cmaf => {
            let sizes = |units: &[&[u8]]| units.iter().map(|unit| unit.len()).collect::<Vec<_>>();
            let video = media::bit_rates(&sizes(&media.track(timeline.ladder, at).units), &timeline.layout);
            let audio = media::bit_rates(&sizes(&media.audio.units), &timeline.layout);
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

/// A media playlist.
pub fn media(timeline: &Timeline, listing: &Listing, suffix: &str) -> String {
    let effect = timeline.effect;
    let cmaf = timeline.format == Format::Cmaf;
    let mut text = String::new();
    if effect != Some(Effect::NoExtM3u) {
        text.push_str("#EXTM3U\n");
    }
    let version = match effect {
        Some(Effect::Version) => 2,
        Some(Effect::Gap) => 8,
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
        low_latency::header(&mut text, timeline, live);
    }
    if skipped > 0 {
        let said = skipped - i64::from(effect == Some(Effect::DeltaCount));
        let _ = writeln!(text, "#EXT-X-SKIP:SKIPPED-SEGMENTS={said}");
    } else if cmaf {
        let _ = writeln!(text, "#EXT-X-MAP:URI=\"init.mp4{suffix}\"");
    }
    if effect == Some(Effect::EncryptionClear) {
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
        _ if effect == Some(Effect::EncryptionSilent) => {}
        cipher @ (Cipher::Cbcs | Cipher::Cenc) => text.push_str(&cenc::tags(cipher, timeline.base, effect)),
        Cipher::SampleAes => text.push_str(&sample_aes::tag(timeline.base)),
        Cipher::Clear | Cipher::Aes128 => {}
    }
    for (at, segment) in listing.segments.iter().enumerate().skip(skipped as usize) {
        if at == 1 && effect == Some(Effect::RepeatedTag) {
            let _ = writeln!(text, "#EXT-X-MEDIA-SEQUENCE:{}", listing.sequence);
        }
        let before = at.checked_sub(1).and_then(|at| listing.segments.get(at)).map(|before| before.index);
        key(&mut text, timeline, before, segment.index, suffix);
        let parts = listing.live.map(|live| low_latency::parts_of(timeline, &live, segment.index, suffix));
        entry(&mut text, timeline, listing.rendition, segment, &parts.unwrap_or_default(), suffix);
    }
    if let Some(live) = &listing.live {
        key(&mut text, timeline, listing.segments.last().map(|last| last.index), live.open, suffix);
        let open = timeline.segment(live.open, 0, live.rendition, live.open);
        let _ = writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}", date(open.date_ms));
        low_latency::tail(&mut text, timeline, live, suffix);
    }
    if effect == Some(Effect::LiveEnded) {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    text
}

/// The key tag, where another key begins than that of the segment before.
fn key(text: &mut String, timeline: &Timeline, before: Option<i64>, index: i64, suffix: &str) {
    let number = |index: i64| crypt::key_number(index, timeline.effect);
    let changes = before.is_none_or(|before| number(before) != number(index));
    let announced = timeline.effect != Some(Effect::EncryptionSilent);
    if timeline.cipher == Cipher::Aes128 && changes && announced {
        let number = number(index);
        let _ = write!(text, "#EXT-X-KEY:METHOD=AES-128,URI=\"key_{number}.bin{suffix}\"");
        let vector = crypt::written_vector(number).map(|vector| format!(",IV=0x{vector:032x}"));
        text.push_str(&vector.unwrap_or_default());
        text.push('\n');
    }
}

fn entry(text: &mut String, timeline: &Timeline, rendition: Rendition, segment: &Segment, parts: &str, suffix: &str) {
    if segment.discontinuity {
        text.push_str("#EXT-X-DISCONTINUITY\n");
    }
    if segment.gap {
        text.push_str("#EXT-X-GAP\n");
    }
    ads::tags(text, timeline, rendition, segment);
    if timeline.effect != Some(Effect::NoDate) {
        let _ = writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}", date(segment.date_ms));
    }
    if let Some(kilobits) = segment.kilobits {
        let _ = writeln!(text, "#EXT-X-BITRATE:{kilobits}");
    }
    let extension = match (rendition, timeline.format) {
        (_, Format::Cmaf) => "m4s",
        (Rendition::Text | Rendition::Ttml, _) => subtitles::EXTENSION,
        (_, Format::Ts) => "ts",
        (_, Format::Packed) => "aac",
    };
    let _ = writeln!(text, "{parts}#EXTINF:{:.6},\n{}.{extension}{suffix}", segment.duration_s, segment.name);
}

pub fn date(unix_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_ms)
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        .unwrap_or_default()
}
