//! Frozen pictures, and moving ones that look nearly frozen.

use packager_signal::{Pictures, Span};

use crate::clips::{PICTURES, clip, covers, decode, decoder, near, pictures, rounded, segments, transport_stream};

/// Moving pictures that stand still for 1 s, 3 s and 10 s.
const HOLDS: &str = "loop=24:1:60,loop=74:1:160,loop=249:1:360,setpts=N/25/TB";
const HELD: [(f64, f64); 3] = [(2.4, 3.4), (6.4, 9.4), (14.4, 24.4)];
const SOURCE: &str = "-f lavfi -i testsrc2=s=320x180:r=25:d=13";

/// Decodes each segment by itself and joins the freezes of consecutive segments, as an exporter does over its probes.
async fn frozen_over_segments(segments: Vec<bytes::Bytes>) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    let mut before: Option<(Pictures, f64)> = None;
    for segment in segments {
        let pictures = decode(&transport_stream(vec![segment], 4.0), PICTURES).await.pictures.unwrap();
        let offset = before.as_ref().map_or(0.0, |(_, end)| *end);
        for span in &pictures.frozen {
            let span = Span { start: span.start + offset, end: span.end + offset };
            let goes_on = before.as_ref().is_some_and(|(before, _)| before.last.same_picture(&pictures.first));
            match joined.last_mut() {
                Some(last) if goes_on && (last.end - span.start).abs() < 0.05 => last.end = span.end,
                _ => joined.push(span),
            }
        }
        let end = offset + pictures.duration;
        before = Some((pictures, end));
    }
    joined
}

#[tokio::test]
async fn holds_of_1_3_and_10_s_are_measured_within_0_2_s_over_segment_boundaries() {
    let interlaced = "-flags +ilme+ildct -x264-params tff=1";
    let encodes = [
        ("GOP of 1 s", HOLDS, "-c:v libx264 -preset veryfast -b:v 300k -g 25", SOURCE),
        ("GOP of 4 s", HOLDS, "-c:v libx264 -preset veryfast -b:v 150k -maxrate 150k -bufsize 150k -g 100", SOURCE),
        ("HEVC", HOLDS, "-c:v libx265 -preset ultrafast -crf 32 -g 50 -x265-params log-level=0:open-gop=0", SOURCE),
        (
            // The picture stops between the two fields of a frame.
            "50i",
            "loop=49:1:119,loop=149:1:319,loop=499:1:719,setpts=N/50/TB,interlace=scan=tff",
            &format!("-c:v libx264 -preset veryfast -b:v 400k -g 50 {interlaced}"),
            "-f lavfi -i testsrc2=s=320x180:r=50:d=13",
        ),
    ];
    let mut wrong = Vec::new();
    for (name, filter, codec, source) in encodes {
        let frozen = frozen_over_segments(segments(&[source, "-vf", filter, codec, "-pix_fmt yuv420p"])).await;
        if !near(&frozen, &HELD) {
            wrong.push(format!("{name}: {:?}", rounded(&frozen)));
        }
    }
    assert!(wrong.is_empty(), "expected {HELD:?}\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_frozen_picture_with_analogue_noise_is_frozen() {
    let noisy = clip(&[
        "-f lavfi -i testsrc2=s=640x360:r=25:d=2 -vf loop=99:1:25,noise=alls=8:allf=t",
        "-c:v libx264 -preset veryfast -crf 20 -g 50",
    ]);
    let found = pictures(noisy, 6.0).await;
    assert!(near(&found.frozen, &[(1.0, 5.0)]), "{:?}", rounded(&found.frozen));
}

#[tokio::test]
async fn moving_pictures_are_not_frozen() {
    // A still background with a head that sways a little and a mouth.
    let talking = "[0:v]loop=-1:1:0,gblur=3,trim=duration=6[bg];color=tan:s=70x90:r=25:d=6[head];color=maroon:s=26x10:r=25:d=6[mouth];\
                   [bg][head]overlay=x='125+2*sin(2*t)':y='45+sin(3*t)'[a];\
                   [a][mouth]overlay=x='147+2*sin(2*t)':y='100+3*abs(sin(7*t))'";
    let talking = format!("-filter_complex {}", talking.replace(' ', ""));
    let clips = [
        ("moving", "-f lavfi -i testsrc2=s=320x180:r=25:d=6", String::new()),
        ("every picture twice", "-f lavfi -i testsrc2=s=320x180:r=25:d=6", "-r 50".to_owned()),
        ("talking head", "-f lavfi -i testsrc2=s=320x180:r=25:d=0.04", talking),
        (
            "slow pan",
            "-f lavfi -i testsrc=s=640x360:r=25:d=6",
            "-vf loop=-1:1:0,gblur=2,crop=320:180:x='10*t':y=90,trim=duration=6".to_owned(),
        ),
        (
            "fade",
            "-f lavfi -i testsrc2=s=320x180:r=25:d=6",
            "-vf loop=149:1:0,setpts=N/25/TB,fade=out:0:75:enable='lt(t,3)',fade=in:75:75:enable='gte(t,3)',trim=duration=6".to_owned(),
        ),
        ("dark film", "-f lavfi -i testsrc2=s=320x180:r=25:d=6", "-vf lutyuv=y='16+(val-16)*0.25'".to_owned()),
    ];
    let mut wrong = Vec::new();
    for (name, source, filter) in clips {
        let coded = clip(&[source, &filter, "-t 6 -c:v libx264 -preset veryfast -crf 28 -g 50 -pix_fmt yuv420p"]);
        let found = pictures(coded, 6.0).await;
        if found.frozen.iter().any(|span| span.duration() >= 0.99) {
            wrong.push(format!("{name}: {:?}", rounded(&found.frozen)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn key_frames_alone_show_a_long_freeze() {
    let frozen =
        clip(&["-f lavfi -i testsrc2=s=320x180:r=25:d=1 -vf loop=-1:1:0 -t 6 -c:v libx264 -preset veryfast -g 25"]);
    let moving = clip(&["-f lavfi -i testsrc2=s=320x180:r=25:d=6 -c:v libx264 -preset veryfast -g 25"]);
    let wanted = packager_signal::DecodeOutputs { pictures: packager_signal::PictureChoice::KeyFrames, ..PICTURES };
    let decoder = decoder().await;
    for (coded, expected) in [(frozen, true), (moving, false)] {
        let deadline = tokio::time::Instant::now() + crate::clips::PATIENCE;
        let found =
            decoder.decode(&transport_stream(vec![coded], 6.0), wanted, deadline).await.unwrap().pictures.unwrap();
        assert_eq!(
            (found.count, found.key_frames_only, covers(&found.frozen, found.duration)),
            (6, true, expected),
            "{:?}",
            found.frozen
        );
    }
}
