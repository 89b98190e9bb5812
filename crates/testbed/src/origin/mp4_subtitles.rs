//! Subtitles of the origin in fragmented MP4 (ISO/IEC 14496-30), generated on request: WebVTT in boxes, and TTML
//! documents.

use super::captions;
use super::channels::Channel;
use super::faults::Effect;
use super::fixtures::{UNIT_MS, VIDEO_TIMESCALE};
use super::mp4::{find, mp4_box, write_u32};
use super::timeline::{Rendition, Segment};

/// Folder of the TTML segments; WebVTT segments are in [`super::webvtt::FOLDER`].
pub(super) const TTML: &str = "ttml";
pub(super) const TIMESCALE: i64 = VIDEO_TIMESCALE;

pub(super) fn is_offered_by(channel: &Channel) -> bool {
    channel.prefix == captions::CMAF
}

/// Returns the codec string (RFC 6381) of a subtitle rendition.
pub(super) fn codec(rendition: Rendition) -> &'static str {
    if rendition == Rendition::Ttml { "stpp.ttml.im1t" } else { "wvtt" }
}

/// Returns the EXT-X-MEDIA tags of both subtitle renditions; `suffix` is appended to their URIs.
pub(super) fn media_tags(suffix: &str) -> String {
    let tag = |name: &str, folder: &str, default: &str| {
        format!(
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"sub\",LANGUAGE=\"en\",NAME=\"{name}\",DEFAULT={default},AUTOSELECT=YES,\
             URI=\"{folder}/index.m3u8{suffix}\"\n"
        )
    };
    tag("English", super::webvtt::FOLDER, "YES") + &tag("English in IMSC", TTML, "NO")
}

/// Returns the subtitle rendition whose format is served, which differs from the announced one under a fault.
fn served_format(rendition: Rendition, effect: Option<Effect>) -> Rendition {
    if effect == Some(Effect::SubtitleFormatMismatch) { Rendition::WebVtt } else { rendition }
}

/// Makes the initialization segment of a subtitle rendition.
pub(super) fn init(rendition: Rendition, effect: Option<Effect>) -> Vec<u8> {
    let ttml = served_format(rendition, effect) == Rendition::Ttml;
    let full = |kind: &[u8; 4], fields: &[u8]| mp4_box(kind, &[&[0; 4], fields]);
    let words = |all: &[u32]| all.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let matrix = words(&[0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000]);
    let movie =
        [words(&[0, 0, 1000, 0, 0x1_0000, 0x100_0000, 0, 0]), matrix.clone(), vec![0; 24], words(&[2])].concat();
    let track = [words(&[0, 0, 1, 0, 0, 0, 0, 0, 0]), matrix, words(&[0, 0])].concat();
    let header = [words(&[0, 0, TIMESCALE as u32, 0]), vec![0x15, 0xc7, 0, 0]].concat();
    let handler = [&[0; 4][..], if ttml { b"subt" } else { b"text" }, &[0; 12], b"text\0"].concat();
    let entry = match ttml {
        true => mp4_box(b"stpp", &[&[0, 0, 0, 0, 0, 0, 0, 1], b"http://www.w3.org/ns/ttml\0\0\0"]),
        false => mp4_box(b"wvtt", &[&[0, 0, 0, 0, 0, 0, 0, 1], &mp4_box(b"vttC", &[b"WEBVTT"])]),
    };
    let reference = full(b"dref", &[&words(&[1])[..], &mp4_box(b"url ", &[&[0, 0, 0, 1]])].concat());
    let table = mp4_box(
        b"stbl",
        &[
            &full(b"stsd", &[&words(&[1])[..], &entry].concat()),
            &full(b"stts", &words(&[0])),
            &full(b"stsc", &words(&[0])),
            &full(b"stsz", &words(&[0, 0])),
            &full(b"stco", &words(&[0])),
        ],
    );
    let information =
        mp4_box(b"minf", &[&full(if ttml { b"sthd" } else { b"nmhd" }, &[]), &mp4_box(b"dinf", &[&reference]), &table]);
    let media = mp4_box(b"mdia", &[&full(b"mdhd", &header), &full(b"hdlr", &handler), &information]);
    let extends = mp4_box(b"mvex", &[&full(b"trex", &words(&[1, 1, 0, 0, 0]))]);
    let moov = mp4_box(
        b"moov",
        &[&full(b"mvhd", &movie), &mp4_box(b"trak", &[&mp4_box(b"tkhd", &[&[0, 0, 0, 7], &track]), &media]), &extends],
    );
    [mp4_box(b"ftyp", &[b"cmfc\0\0\0\0cmfciso6"]), moov].concat()
}

/// Makes a subtitle segment of one fragment.
pub(super) fn segment(rendition: Rendition, segment: &Segment, effect: Option<Effect>) -> Vec<u8> {
    let start_ms = segment.media_unit * UNIT_MS + segment.shift_ms;
    let samples: Vec<(i64, Vec<u8>)> = match served_format(rendition, effect) {
        _ if effect == Some(Effect::SubtitlesEmpty) => Vec::new(),
        Rendition::Ttml => vec![(segment.units * UNIT_MS, ttml_document(start_ms, segment, effect))],
        _ => webvtt_samples(segment, effect),
    };
    let number = (segment.index + 1) as u32;
    let entries: Vec<u8> = samples
        .iter()
        .flat_map(|(ms, bytes)| [(ms * TIMESCALE / 1000) as u32, bytes.len() as u32].map(u32::to_be_bytes).concat())
        .collect();
    let time = (start_ms * TIMESCALE / 1000).to_be_bytes();
    let run = [&(samples.len() as u32).to_be_bytes()[..], &[0; 4], &entries].concat();
    let traf = mp4_box(
        b"traf",
        &[
            &mp4_box(b"tfhd", &[&[0, 2, 0, 0], &1_u32.to_be_bytes()]),
            &mp4_box(b"tfdt", &[&[1, 0, 0, 0], &time]),
            &mp4_box(b"trun", &[&[0, 0, 3, 1], &run]),
        ],
    );
    let mut bytes = mp4_box(b"moof", &[&mp4_box(b"mfhd", &[&[0; 4], &number.to_be_bytes()]), &traf]);
    let offset = bytes.len() as u32 + 8;
    let trun = find(&bytes, &[b"moof", b"traf", b"trun"]).expect("just written");
    write_u32(&mut bytes, trun + 16, offset);
    let data: Vec<&[u8]> = samples.iter().map(|(_, bytes)| &bytes[..]).collect();
    bytes.extend(mp4_box(b"mdat", &data));
    bytes
}

/// Returns samples with their durations in milliseconds: a cue in the middle of each media unit of 2 s, and empty
/// samples around it.
fn webvtt_samples(segment: &Segment, effect: Option<Effect>) -> Vec<(i64, Vec<u8>)> {
    let pause = mp4_box(b"vtte", &[]);
    let text = format!("This is segment {}", segment.index);
    let cue = match effect {
        Some(Effect::CuesUnreadable) => text.into_bytes(),
        _ => mp4_box(b"vttc", &[&mp4_box(b"sttg", &[b"line:85%"]), &mp4_box(b"payl", &[text.as_bytes()])]),
    };
    (0..segment.units)
        .flat_map(|_| [(200, pause.clone()), (UNIT_MS - 400, cue.clone()), (200, pause.clone())])
        .collect()
}

fn ttml_document(start_ms: i64, segment: &Segment, effect: Option<Effect>) -> Vec<u8> {
    let begin = if effect == Some(Effect::CueTimesWrong) { 0 } else { start_ms };
    let [from, to] = [200, segment.units * UNIT_MS - 200].map(|later| clock(begin + later));
    let end = if effect == Some(Effect::CuesUnreadable) { "</div></body>" } else { "</p></div></body></tt>" };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tt xmlns=\"http://www.w3.org/ns/ttml\" \
         xmlns:ttp=\"http://www.w3.org/ns/ttml#parameter\" xml:lang=\"en\" \
         ttp:contentProfiles=\"http://www.w3.org/ns/ttml/profile/imsc1.1/text\"><head><layout><region xml:id=\"r\"/></layout></head>\
         <body region=\"r\"><div><p begin=\"{from}\" end=\"{to}\">This is segment {}{end}",
        segment.index
    )
    .into()
}

fn clock(ms: i64) -> String {
    let seconds = ms / 1000;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, ms % 1000)
}
