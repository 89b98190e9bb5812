//! Tests with recordings of ffmpeg: the segment inspection and ffprobe have to agree on them.

use packager_media::container::{Inspection, SegmentInspector, Track};
use packager_media::stream::Media;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const TEST_PICTURE: &str = "testsrc2=size=320x180:duration=1.2:rate=";
const TONE: &str = "sine=frequency=440:duration=1.2:sample_rate=";

/// A recording by ffmpeg: its input, encoder options, containers by file name extension, and the expected video range.
struct Recording {
    source: String,
    encoder: &'static str,
    /// File name extensions of the containers into which the recording is muxed.
    into: &'static [&'static str],
    range: Option<&'static str>,
}

fn recordings() -> Vec<Recording> {
    let picture =
        |rate: &str, encoder, into, range| Recording { source: format!("{TEST_PICTURE}{rate}"), encoder, into, range };
    let tone = |rate: &str, encoder, into| Recording { source: format!("{TONE}{rate}"), encoder, into, range: None };
    const BOTH: &[&str] = &["ts", "mp4"];
    const SDR: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -color_primaries bt709 -color_trc bt709 \
                       -colorspace bt709";
    const INTERLACED: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -flags +ildct+ilme -aspect 4:3";
    const PQ: &str = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -tag:v hvc1 -x265-params \
                      log-level=0:hdr10=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc";
    const HLG: &str = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -tag:v hvc1 -x265-params \
                       log-level=0:colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc";
    const HLG_BY_MESSAGE: &str = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -tag:v hvc1 -x265-params \
                                  log-level=0:colorprim=bt2020:transfer=bt2020-10:colormatrix=bt2020nc:atc-sei=18";
    vec![
        picture("25", SDR, BOTH, Some("SDR")),
        picture("30000/1001", "-c:v libx264 -preset fast -bf 2 -pix_fmt yuv420p", BOTH, None),
        picture("25", INTERLACED, BOTH, None),
        picture("25", "-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=0", BOTH, None),
        picture("50", PQ, BOTH, Some("PQ")),
        picture("24000/1001", HLG, BOTH, Some("HLG")),
        picture("50", HLG_BY_MESSAGE, BOTH, Some("HLG")),
        picture("25", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -bsf:v dump_extra -tag:v avc3", &["mp4"], None),
        picture("25", "-c:v libx265 -preset ultrafast -tag:v hev1 -x265-params log-level=0", &["mp4"], None),
        picture("25", "-c:v libsvtav1 -preset 12 -pix_fmt yuv420p10le", &["mp4"], None),
        picture("25", "-c:v libaom-av1 -cpu-used 8 -pix_fmt yuv420p", &["mp4"], None),
        picture("30000/1001", "-c:v librav1e -speed 10 -pix_fmt yuv420p", &["mp4"], None),
        tone("48000", "-c:a aac -ac 2", BOTH),
        tone("44100", "-c:a aac -ac 1", BOTH),
        tone("48000", "-c:a aac -ac 6", BOTH),
        tone("48000", "-c:a ac3 -ac 2", BOTH),
        tone("44100", "-c:a ac3 -ac 6", BOTH),
        tone("48000", "-c:a eac3 -ac 6", BOTH),
        tone("48000", "-c:a libopus -ac 2", BOTH),
        tone("48000", "-c:a libopus -ac 6", BOTH),
        tone("48000", "-c:a mp2 -ac 2", BOTH),
        tone("44100", "-c:a libmp3lame -ac 2", BOTH),
        tone("24000", "-c:a libmp3lame -ac 1", BOTH),
    ]
}

#[test]
fn the_inspection_agrees_with_ffprobe() {
    let folder = tempfile::tempdir().unwrap();
    for recording in recordings() {
        for kind in recording.into {
            let file = folder.path().join(format!("recorded.{kind}"));
            record(&recording, &file);
            let inspection = inspect(&file);
            let [track] = inspection.tracks.as_slice() else { panic!("{}: {inspection:?}", recording.encoder) };
            let reference = probe(&file);
            let name = format!("{} in {kind}", recording.encoder);
            compare(&name, track, &reference);
            let range = track.parameters.as_ref().unwrap().video.and_then(|p| p.dynamic_range()).map(|r| r.as_str());
            assert_eq!(range, recording.range, "{name}");
        }
    }
}

#[test]
fn light_levels_of_hdr10_agree_with_ffprobe() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -tag:v hvc1 -x265-params \
                   log-level=0:hdr10=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:max-cll=1000,400:\
                   master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)";
    for kind in ["ts", "mp4"] {
        let file = folder.path().join(format!("light.{kind}"));
        record(&Recording { source: format!("{TEST_PICTURE}25"), encoder, into: &[], range: None }, &file);
        let picture = inspect(&file).tracks[0].parameters.as_ref().unwrap().video.unwrap();
        let (mastering, light) = (picture.mastering.unwrap(), picture.content_light.unwrap());
        let mut command = Command::new("ffprobe");
        command.args(["-loglevel", "error", "-of", "json", "-show_frames", "-read_intervals", "%+#1"]).arg(&file);
        let reference: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        let reference = &reference["frames"][0]["side_data_list"];
        let field = |key: &str| reference.as_array().unwrap().iter().find_map(|data| data.get(key)).unwrap();
        let near = |ours: u32, key: &str| (f64::from(ours) / 10_000.0 - ratio(field(key)).unwrap()).abs() < 1e-4;
        assert!(near(mastering.brightest, "max_luminance"), "{kind}: {mastering:?} {reference}");
        assert!(near(mastering.darkest, "min_luminance"), "{kind}: {mastering:?} {reference}");
        let reported = (field("max_content").as_u64(), field("max_average").as_u64());
        assert_eq!((Some(light.max.into()), Some(light.frame_average.into())), reported, "{kind}");
    }
}

fn record(recording: &Recording, file: &Path) {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-f", "lavfi", "-i", &recording.source]);
    command.args(recording.encoder.split_whitespace());
    command.args(["-strict", "-2", "-movflags", "+frag_keyframe+empty_moov+default_base_moof+delay_moov"]).arg(file);
    let done = command.env("SVT_LOG", "0").output().unwrap();
    assert!(done.status.success(), "{}: {}", recording.encoder, String::from_utf8_lossy(&done.stderr));
}

fn inspect(file: &Path) -> Inspection {
    let mut inspector = SegmentInspector::new(None);
    std::fs::read(file).unwrap().chunks(5000).for_each(|piece| inspector.push(piece));
    let inspection = inspector.finish().0;
    assert_eq!(inspection.defects, [], "{file:?}");
    inspection
}

/// Returns ffprobe's JSON about the streams and packets of a file.
fn probe(file: &Path) -> Value {
    let mut command = Command::new("ffprobe");
    command.args(["-loglevel", "error", "-of", "json", "-show_streams", "-show_packets"]).arg(file);
    serde_json::from_slice(&command.output().unwrap().stdout).unwrap()
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn ratio(value: &Value) -> Option<f64> {
    let (a, b) = value.as_str()?.split_once('/')?;
    Some(a.parse::<f64>().ok()? / b.parse::<f64>().ok()?)
}

fn compare(name: &str, track: &Track, reference: &Value) {
    let stream = &reference["streams"][0];
    let parameters = track.parameters.as_ref().unwrap_or_else(|| panic!("{name}: no parameters"));
    if track.media == Some(Media::Video) {
        let picture = parameters.video.unwrap();
        let size = picture.resolution.map(|r| (u64::from(r.width), u64::from(r.height)));
        assert_eq!(size, stream["width"].as_u64().zip(stream["height"].as_u64()), "{name}");
        let rate = ratio(&stream["r_frame_rate"]).unwrap();
        // SVT-AV1 writes no timing; the pictures give the rate.
        let own = picture.frame_rate.map_or_else(|| track.samples as f64 / track.duration().unwrap().0, |r| r.value());
        assert!((own - rate).abs() < 0.01, "{name}: {own} and {rate} frames a second");
    } else {
        let sound = parameters.audio.unwrap();
        // MPEG layers in MP4 say their channels in the payload only.
        let layers = name.contains("mp2") || name.contains("mp3");
        if sound.channels.is_some() || !layers || name.ends_with("ts") {
            assert_eq!(sound.channels.map(u64::from), stream["channels"].as_u64(), "{name}");
        }
        assert_eq!(sound.sample_rate.map(f64::from), number(&stream["sample_rate"]), "{name}");
    }
    timestamps(name, track, reference["packets"].as_array().unwrap());
}

fn timestamps(name: &str, track: &Track, packets: &[Value]) {
    let least = |key: &str| packets.iter().filter_map(|p| number(&p[key])).reduce(f64::min).unwrap();
    let most = |key: &str| packets.iter().filter_map(|p| number(&p[key])).reduce(f64::max);
    let (first, last) = (least("dts_time"), most("dts_time").unwrap());
    // It gives no durations for Opus, whose packets are equally long.
    let whole = most("duration_time").unwrap_or((last - first) / (packets.len() - 1) as f64);
    let end = last + whole;
    let start = track.start.unwrap().seconds().0;
    let duration = track.duration().unwrap().0;
    let presented = track.presentation_start.unwrap().seconds().0;
    assert_eq!(track.samples, packets.len() as u64, "{name}");
    assert!((presented - least("pts_time")).abs() < 0.002, "{name}: presented from {presented}, {}", least("pts_time"));
    // ffmpeg cuts the last sound frame of a fragmented file where the sound ends, ffprobe shows it whole.
    let cut = if track.media == Some(Media::Audio) { whole } else { 0.002 };
    assert!((duration - (end - first)).abs() < cut, "{name}: {duration} s and {} s", end - first);
    // ffprobe moves decode times by the edit list, too; here they are the track's own.
    let moved = (presented - start) - (least("pts_time") - first);
    assert!(moved.abs() < 0.2, "{name}: decoded from {start}, {first}");
}
