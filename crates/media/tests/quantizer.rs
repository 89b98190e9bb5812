//! The quantizers that the inspection reads, against those that ffmpeg's filter `trace_headers` prints, on encodes of x264 and x265.
//! Needs ffmpeg with libx264 and libx265, as Debian has it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use packager_media::codec::quantizer::SliceQuantizers;
use packager_media::container::SegmentInspector;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Moving pictures with a fade, for which encoders write weights of reference pictures.
const INPUT: &str = "testsrc2=size=320x180:rate=25:duration=2,fade=out:start_frame=15:nb_frames=20";

/// Makes a clip in a folder of its own, and returns its path.
fn encode(folder: &Path, name: &str, extension: &str, arguments: &[&str]) -> PathBuf {
    let path = folder.join(format!("{name}.{extension}"));
    let muxer: &[&str] = match extension {
        "ts" => &["-f", "mpegts"],
        _ => &["-f", "mp4", "-movflags", "empty_moov+frag_keyframe+default_base_moof"],
    };
    let output = Command::new("ffmpeg")
        .args(["-y", "-v", "error", "-f", "lavfi", "-i", INPUT, "-threads", "1"])
        .args(arguments)
        .args(muxer)
        .arg(&path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    path
}

/// The quantizers of the first slices of all pictures, as `trace_headers` prints their parts.
fn traced(path: &Path) -> SliceQuantizers {
    let filter = ["-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"];
    let output = Command::new("ffmpeg").args(["-v", "info", "-i"]).arg(path).args(filter).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let (mut initial, mut set, mut is_first, mut slice_type) = (HashMap::new(), 0, false, 0);
    let mut quantizers = SliceQuantizers::default();
    let is_hevc = text.contains("Video: hevc");
    for line in text.lines().filter(|line| line.starts_with("[trace_headers")) {
        let fields = line.split_once("] ").unwrap().1;
        let Some((head, value)) = fields.rsplit_once(" = ") else { continue };
        let Ok(value) = value.trim().parse::<i32>() else { continue };
        match head.split_whitespace().nth(1).unwrap_or_default() {
            "pic_parameter_set_id" | "pps_pic_parameter_set_id" | "slice_pic_parameter_set_id" => set = value,
            "pic_init_qp_minus26" | "init_qp_minus26" => {
                initial.insert(set, 26 + value);
            }
            "first_mb_in_slice" => is_first = value == 0,
            "first_slice_segment_in_pic_flag" => is_first = value == 1,
            "slice_type" => slice_type = value,
            "slice_qp_delta" if is_first => {
                let is_intra = if is_hevc { slice_type == 2 } else { matches!(slice_type % 5, 2 | 4) };
                let mean = if is_intra { &mut quantizers.intra } else { &mut quantizers.inter };
                mean.add(initial[&set] + value);
            }
            _ => {}
        }
    }
    quantizers
}

/// The quantizers that the inspection reads of a file whose bytes come in pieces of this size.
fn inspected(path: &Path, piece: usize) -> Option<SliceQuantizers> {
    let mut inspector = SegmentInspector::new(None);
    std::fs::read(path).unwrap().chunks(piece).for_each(|bytes| inspector.push(bytes));
    let (inspection, _) = inspector.finish();
    inspection.tracks.iter().find_map(|track| track.quantizers)
}

fn agree(encoder: &str, option: &str, settings: &[(&str, &str, &[&str])]) {
    let folder = tempfile::tempdir().unwrap();
    for (name, parameters, more) in settings {
        for extension in ["ts", "mp4"] {
            let arguments = [&["-c:v", encoder, option, parameters][..], more].concat();
            let path = encode(folder.path(), name, extension, &arguments);
            let expected = traced(&path);
            assert!(expected.inter.slices() + expected.intra.slices() >= 50, "{name}.{extension}: {expected:?}");
            for piece in [1 << 16, 777] {
                assert_eq!(inspected(&path, piece), Some(expected), "{name}.{extension} in pieces of {piece}");
            }
        }
    }
}

#[test]
fn quantizers_of_h264_are_those_that_ffmpeg_traces() {
    agree(
        "libx264",
        "-x264-params",
        &[
            ("plain", "keyint=25", &[]),
            ("slices", "slices=4:keyint=25", &[]),
            ("cavlc", "cabac=0:8x8dct=0:bframes=0:weightp=0", &["-profile:v", "baseline"]),
            ("weights", "weightp=2:weightb=1:bframes=5:ref=8:b-pyramid=strict:qp=30", &[]),
            ("many_references", "ref=16:bframes=8:b-adapt=2:partitions=all:keyint=50", &[]),
            ("interlaced", "tff=1:ref=6:bframes=3:keyint=25", &["-flags", "+ildct+ilme"]),
            ("delimiters", "aud=1:nal-hrd=cbr:vbv-bufsize=400:vbv-maxrate=400:bitrate=400", &[]),
            ("refresh", "intra-refresh=1:keyint=25:aud=1", &[]),
            ("open_gop", "open-gop=1:bframes=3:keyint=20:slices=2", &[]),
            ("ten_bits", "qp=4:keyint=25", &["-pix_fmt", "yuv420p10le"]),
            ("grey", "keyint=25:weightp=2", &["-pix_fmt", "gray"]),
            ("full_chroma", "keyint=25:cqm=jvt", &["-pix_fmt", "yuv444p"]),
        ],
    );
}

#[test]
fn quantizers_of_hevc_are_those_that_ffmpeg_traces() {
    agree(
        "libx265",
        "-x265-params",
        &[
            ("plain", "keyint=25:log-level=error", &[]),
            ("slices", "slices=3:wpp=1:keyint=25:log-level=error", &[]),
            ("weights", "weightp=1:weightb=1:ref=5:bframes=4:b-pyramid=1:qp=33:log-level=error", &["-preset", "fast"]),
            (
                "deep",
                "bframes=12:ref=6:b-adapt=2:rc-lookahead=20:open-gop=1:keyint=25:log-level=error",
                &["-preset", "fast"],
            ),
            ("layers", "temporal-layers=1:bframes=3:aud=1:hrd=1:vbv-bufsize=400:vbv-maxrate=400:log-level=error", &[]),
            ("lists", "scaling-list=default:sao=0:signhide=0:amp=0:log-level=error", &[]),
            ("ten_bits", "qp=3:keyint=25:repeat-headers=1:log-level=error", &["-pix_fmt", "yuv420p10le"]),
            ("full_chroma", "keyint=25:cbqpoffs=2:log-level=error", &["-pix_fmt", "yuv422p"]),
            ("fields", "interlace=tff:keyint=25:log-level=error", &[]),
        ],
    );
}
