//! Black, one colour, colour bars; visible blocks; the thumbnail.

use packager_signal::{Coded, Container, DecodeOutputs, PictureChoice};

use crate::clips::{PICTURES, clip, covers, decode, fragmented, near, pictures, rounded, transport_stream};

const ENCODE: &str = "-c:v libx264 -preset veryfast -crf 26 -g 50 -pix_fmt yuv420p";
const LOGO: &str = "drawbox=x=260:y=14:w=30:h=24:color=white:t=fill";

#[tokio::test]
async fn black_is_found_with_and_without_a_logo_and_in_every_range() {
    // Moving pictures, black from 1 s to 4 s, moving pictures.
    let black = "drawbox=color=black:t=fill:enable='between(t,1,3.97)'";
    let hevc = "-c:v libx265 -preset ultrafast -g 50 -x265-params log-level=0";
    let clips = [
        ("plain", format!("-vf {black}"), ENCODE),
        ("logo", format!("-vf {black},{LOGO}"), ENCODE),
        ("letterbox", format!("-vf {black},pad=320:240:0:30"), ENCODE),
        (
            "full range",
            format!("-vf {black},scale=out_range=pc"),
            "-c:v libx264 -preset veryfast -color_range pc -pix_fmt yuvj420p",
        ),
        (
            "10 bit PQ",
            format!("-vf {black},format=yuv420p10le -color_trc smpte2084 -color_primaries bt2020 -colorspace bt2020nc"),
            hevc,
        ),
        ("noise", format!("-vf {black},noise=alls=6:allf=t"), ENCODE),
    ];
    let mut wrong = Vec::new();
    for (name, filter, encode) in clips {
        let coded = clip(&["-f lavfi -i testsrc2=s=320x180:r=25:d=5", &filter, encode]);
        let found = pictures(coded, 5.0).await;
        if !near(&found.black, &[(1.0, 4.0)]) || !found.single_color.is_empty() {
            wrong.push(format!(
                "{name}: black {:?}, one colour {:?}",
                rounded(&found.black),
                rounded(&found.single_color)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn one_colour_and_colour_bars_are_not_black() {
    let mut wrong = Vec::new();
    for source in ["color=blue", "color=gray", "smptebars", "smptehdbars", "pal75bars", "color=white"] {
        let source_options =
            format!("-f lavfi -i {source}{}s=320x180:r=25:d=2", if source.contains('=') { ":" } else { "=" });
        let matrix = "-vf scale=out_color_matrix=bt709";
        let found = pictures(clip(&[&source_options, matrix, ENCODE]), 2.0).await;
        if !covers(&found.single_color, found.duration) || !found.black.is_empty() {
            wrong.push(format!(
                "{source}: one colour {:?}, black {:?}",
                rounded(&found.single_color),
                rounded(&found.black)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn films_that_are_dark_or_fade_are_not_black() {
    let clips = [
        ("moving", String::new(), 0.0),
        ("dark film", "-vf lutyuv=y='16+(val-16)*0.1'".to_owned(), 0.0),
        ("dark film in a letterbox", "-vf lutyuv=y='16+(val-16)*0.12',scale=320:134,pad=320:180:0:23".to_owned(), 0.0),
        ("fade through black", "-vf fade=out:25:25:enable='lt(t,2)',fade=in:50:25:enable='gte(t,2)'".to_owned(), 0.6),
        ("full range", "-vf lutyuv=y='val*0.12',scale=in_range=pc:out_range=pc -color_range pc".to_owned(), 0.0),
    ];
    let mut wrong = Vec::new();
    for (name, filter, most) in clips {
        let found = pictures(clip(&["-f lavfi -i testsrc2=s=320x180:r=25:d=4", &filter, ENCODE]), 4.0).await;
        let longest =
            found.black.iter().chain(&found.single_color).map(packager_signal::Span::duration).fold(0.0, f64::max);
        if longest > most {
            wrong.push(format!(
                "{name}: black {:?}, one colour {:?}",
                rounded(&found.black),
                rounded(&found.single_color)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn damage_shows_as_blocks_and_concealment_and_clean_pictures_have_none() {
    let source = "-f lavfi -i mandelbrot=s=320x180:r=25 -t 3";
    let clean = clip(&[source, "-c:v libx264 -preset veryfast -crf 22 -g 75"]);
    let mut damaged = clean.to_vec();
    // One of 40 packets is lost, but none of the first, which have the tables and the key frame.
    let mut number = 0;
    let kept: Vec<u8> = damaged
        .chunks_exact_mut(188)
        .filter(|_| {
            number += 1;
            number < 60 || number % 40 != 0
        })
        .flat_map(|packet| packet.to_vec())
        .collect();
    let clean = pictures(clean, 3.0).await;
    let damaged = pictures(kept.into(), 3.0).await;
    let values =
        format!("clean {:?}, damaged {:?} {:?}", clean.macroblocking(), damaged.macroblocking(), damaged.concealed);
    assert!(clean.macroblocking().unwrap() < 0.15 && clean.concealed.is_none() && clean.decode_errors == 0, "{values}");
    assert!(damaged.macroblocking().unwrap() > 0.15 && damaged.decode_errors > 0, "{values}");
}

#[tokio::test]
async fn fragmented_mp4_gives_pictures_sound_and_a_thumbnail() {
    let (initialization, segment) = fragmented(&[
        "-f lavfi -i testsrc2=s=640x360:r=25:d=2 -f lavfi -i sine=1000:d=2 -c:v libx264 -preset veryfast -g 25 -pix_fmt yuv420p -c:a aac",
    ]);
    let coded = Coded {
        container: Container::Mp4,
        initialization: Some(initialization),
        audio_streams: Vec::new(),
        segments: vec![segment],
        duration: 2.0,
        pixels: None,
    };
    let found = decode(&coded, DecodeOutputs { pictures: PictureChoice::Every, sound: true, thumbnail: true }).await;
    let pictures = found.pictures.unwrap();
    assert_eq!((pictures.count, pictures.width, pictures.height, pictures.interlaced), (50, 640, 360, false));
    assert!((pictures.duration - 2.0).abs() < 0.01 && (pictures.picture_duration - 0.04).abs() < 0.001);
    assert!(
        pictures.complexity.spatial > 20.0 && pictures.complexity.temporal.unwrap() > 2.0,
        "{:?}",
        pictures.complexity
    );
    assert_eq!(found.sounds.len(), 1);
    let thumbnail = found.thumbnail.unwrap();
    assert_eq!((thumbnail.width, thumbnail.height), (320, 180));
    assert!(
        thumbnail.jpeg.starts_with(&[0xff, 0xd8, 0xff])
            && thumbnail.jpeg.ends_with(&[0xff, 0xd9])
            && thumbnail.jpeg.len() < 40_000
    );
    assert!(!found.cut && found.messages.is_empty() && found.cpu.as_millis() > 0, "{}", found.messages);
}

#[tokio::test]
async fn a_thumbnail_has_the_colours_of_the_picture() {
    let red = clip(&["-f lavfi -i color=red:s=320x180:r=25:d=0.4", ENCODE]);
    let wanted = DecodeOutputs { thumbnail: true, ..PICTURES };
    let thumbnail = decode(&transport_stream(vec![red], 1.0), wanted).await.thumbnail.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("red.jpg");
    std::fs::write(&file, &thumbnail.jpeg).unwrap();
    let pixel = std::process::Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-i",
            file.to_str().unwrap(),
            "-vf",
            "scale=1:1",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "pipe:1",
        ])
        .output()
        .unwrap()
        .stdout;
    let [red, green, blue] = pixel[..] else { panic!("{pixel:?}") };
    assert!(red > 240 && green < 15 && blue < 15, "{pixel:?}");
}
