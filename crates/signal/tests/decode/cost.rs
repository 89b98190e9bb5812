//! What decoding costs. Run by hand, the result is in docs/signal.md:
//! `cargo test -p packager_signal --test decode -- --ignored --nocapture cost`

use packager_signal::{DecodeOutputs, PictureChoice};
use tokio::time::Instant;

use crate::clips::{PATIENCE, SOUND, clip, decoder, transport_stream};

#[tokio::test]
#[ignore = "measures, and asserts nothing"]
async fn cost_of_a_segment_of_6_s() {
    let sound = "-f lavfi -i anoisesrc=c=pink:r=48000:a=0.3 -t 6 -c:a aac -b:a 128k -ac 2";
    let source = |size: &str| format!("-f lavfi -i testsrc2=s={size}:r=25 {sound} -vf noise=alls=10:allf=t -g 50");
    let x264 = |rate: &str| format!("-c:v libx264 -preset superfast -b:v {rate} -pix_fmt yuv420p");
    let x265 = |rate: &str, format: &str| {
        format!("-c:v libx265 -preset ultrafast -b:v {rate} -pix_fmt {format} -x265-params log-level=0")
    };
    let clips = [
        ("540p H.264, 1 Mb/s", "960x540", x264("1M")),
        ("1080p H.264, 4 Mb/s", "1920x1080", x264("4M")),
        ("1080p HEVC, 4 Mb/s", "1920x1080", x265("4M", "yuv420p")),
        ("2160p HEVC 10 bit, 15 Mb/s", "3840x2160", x265("15M", "yuv420p10le")),
    ];
    let decoder = decoder().await;
    let no_sound = DecodeOutputs { pictures: PictureChoice::Every, sound: false, thumbnail: true };
    for (name, size, codec) in clips {
        let mut coded = transport_stream(vec![clip(&[&source(size), &codec])], 6.0);
        coded.pixels = None;
        for wanted in [no_sound, DecodeOutputs { pictures: PictureChoice::KeyFrames, ..no_sound }, SOUND] {
            let began = Instant::now();
            let found = decoder.decode(&coded, wanted, Instant::now() + PATIENCE).await;
            let cpu = found.as_ref().map(|found| found.cpu);
            println!("{name}, {:?}, sound {}: {cpu:?} CPU, {:?}", wanted.pictures, wanted.sound, began.elapsed());
        }
    }
}
