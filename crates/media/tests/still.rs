//! Pictures that look like repetitions, on encodes of x264 and x265 of pictures that stand still and that move. Needs ffmpeg with libx264
//! and libx265, as Debian has it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use packager_media::codec::still::StillPictures;
use packager_media::container::SegmentInspector;
use std::path::Path;
use std::process::Command;

const FROZEN: &str = "mandelbrot=s=480x272:r=25:start_scale=1,trim=end_frame=1,loop=-1:1:0,setpts=N/25/TB";
const BLACK: &str = "color=black:s=480x272:r=25";
const BARS: &str = "smptebars=s=480x272:r=25";
const MOVING: &str = "mandelbrot=s=480x272:r=25:start_scale=1";
/// Like the picture that moves, darker.
const DARK: &str = "mandelbrot=s=480x272:r=25:start_scale=1,eq=brightness=-0.3:contrast=0.6";

/// Encoders of television, by name, codec of ffmpeg, and options. Zero latency isn't among them: it refines a still picture all the time.
const ENCODERS: &[(&str, &str, &[&str])] = &[
    ("average", "libx264", &["-preset", "veryfast", "-b:v", "500k", "-maxrate", "500k", "-bufsize", "500k"]),
    (
        "constant",
        "libx264",
        &["-preset", "veryfast", "-b:v", "500k", "-maxrate", "500k", "-bufsize", "500k", "-x264-params", "nal-hrd=cbr"],
    ),
    ("slices", "libx264", &["-preset", "veryfast", "-b:v", "500k", "-slices", "4"]),
    ("cavlc", "libx264", &["-preset", "ultrafast", "-profile:v", "baseline"]),
    ("starved", "libx264", &["-preset", "veryfast", "-b:v", "130k", "-maxrate", "130k", "-bufsize", "130k"]),
    ("hevc", "libx265", &["-preset", "ultrafast", "-x265-params", "log-level=error:scenecut=0"]),
];

fn ffmpeg(arguments: &[&[&str]], path: &Path) {
    let output =
        Command::new("ffmpeg").args(["-y", "-v", "error"]).args(arguments.concat()).arg(path).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The pictures that the inspection finds in a file.
fn pictures(path: &Path) -> StillPictures {
    let bytes = std::fs::read(path).unwrap();
    let inspect = |piece: usize| {
        let mut inspector = SegmentInspector::new(None);
        bytes.chunks(piece).for_each(|bytes| inspector.push(bytes));
        inspector.finish().0.tracks.iter().find_map(|track| track.still_pictures).unwrap()
    };
    let found = inspect(1 << 16);
    assert_eq!(found, inspect(777), "in small pieces");
    found
}

/// The pictures of a clip of 4 s, with a key frame each 2 s, in MP4 and in MPEG-TS.
fn encoded(folder: &Path, input: &str, codec: &str, options: &[&str]) -> [StillPictures; 2] {
    let [mp4, ts] = ["clip.mp4", "clip.ts"].map(|name| folder.join(name));
    let clip =
        ["-f", "lavfi", "-i", input, "-t", "4", "-pix_fmt", "yuv420p", "-threads", "1", "-g", "50", "-c:v", codec];
    ffmpeg(&[&clip, options, &["-movflags", "empty_moov+frag_keyframe+default_base_moof"]], &mp4);
    ffmpeg(&[&["-i", mp4.to_str().unwrap(), "-c", "copy"]], &ts);
    [pictures(&mp4), pictures(&ts)]
}

#[test]
fn a_picture_that_stands_still_has_still_pictures_and_one_that_moves_has_few() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (name, codec, options) in ENCODERS {
        for (input, is_still) in [(FROZEN, true), (BLACK, true), (BARS, true), (MOVING, false), (DARK, false)] {
            let found = encoded(folder.path(), input, codec, options);
            // In MPEG-TS a slice has a zero byte more, which is of the next start code.
            let same = found[0].judged == found[1].judged && found[0].still.abs_diff(found[1].still) <= 2;
            assert!(same, "{name}, {input}: MPEG-TS and MP4: {found:?}");
            let share = f64::from(found[0].still) / f64::from(found[0].judged);
            assert!(found[0].judged >= 90, "{name}, {input}: {found:?}");
            if if is_still { share < 0.8 } else { share > 0.7 } {
                wrong.push(format!("{name}, {input}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
