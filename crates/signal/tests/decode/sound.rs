//! Silence, dead channels, clipping and loudness.

use std::io::Write as _;
use std::process::{Command, Stdio};

use packager_signal::sound::{LoudnessPool, Position};
use packager_signal::{Coded, Container, Sound};

use crate::clips::{SOUND, clip, covers, decode, near, rounded, transport_stream};

async fn sounds(clip: bytes::Bytes, duration: f64) -> Vec<Sound> {
    decode(&transport_stream(vec![clip], duration), SOUND).await.sounds
}

/// The integrated loudness that ffmpeg's own filter measures.
fn reference(clip: &[u8]) -> f64 {
    let mut child = Command::new("ffmpeg")
        .args(
            "-hide_banner -nostats -drc_scale 0 -f mpegts -i pipe:0 -map 0:a -af ebur128=framelog=verbose -f null -"
                .split(' '),
        )
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(clip).unwrap();
    let text = String::from_utf8_lossy(&child.wait_with_output().unwrap().stderr).into_owned();
    let (_, summary) = text.split_once("Integrated loudness:").unwrap();
    let value = summary.split_once("I:").unwrap().1.split_whitespace().next().unwrap();
    value.parse().unwrap()
}

fn integrated(sound: &Sound) -> f64 {
    let mut pool = LoudnessPool::new(1_800.0);
    pool.push(0.0, sound.duration, &sound.blocks);
    pool.integrated(0.0).unwrap()
}

#[tokio::test]
async fn loudness_agrees_with_ffmpegs_filter_within_0_2_lu() {
    let noise = "anoisesrc=c=pink:a=0.3:d=8:r=48000";
    let speech = "anoisesrc=c=pink:a=0.5:d=8:r=48000,tremolo=f=3:d=0.95,tremolo=f=0.3:d=0.9";
    let tone = "sine=f=997:r=48000:d=8,volume=0.7";
    let wide = "aevalsrc=0.2*sin(880*t)|0.1*sin(1770*t)|0.3*sin(3000*t)*lt(mod(t\\,2)\\,1)|0.5*sin(300*t)|0.1*sin(5000*t)|0.2*sin(700*t):c=5.1:s=48000:d=8";
    let programmes = [
        ("mono AAC", noise, "-ac 1 -c:a aac -b:a 96k"),
        ("stereo AAC", speech, "-ac 2 -c:a aac -b:a 128k"),
        ("44.1 kHz AAC", speech, "-ac 2 -ar 44100 -c:a aac -b:a 128k"),
        ("5.1 AAC", wide, "-c:a aac -b:a 384k"),
        ("stereo MP2", noise, "-ac 2 -c:a mp2 -b:a 192k"),
        ("mono MP2", tone, "-ac 1 -c:a mp2 -b:a 96k"),
        ("stereo AC-3", speech, "-ac 2 -c:a ac3 -b:a 192k"),
        ("5.1 AC-3", wide, "-c:a ac3 -b:a 448k"),
        ("5.1 E-AC-3", wide, "-c:a eac3 -b:a 384k"),
        ("stereo E-AC-3", tone, "-ac 2 -c:a eac3 -b:a 128k"),
    ];
    let mut wrong = Vec::new();
    for (name, source, encode) in programmes {
        let coded = clip(&["-f lavfi -i", source, encode]);
        let expected = reference(&coded);
        let found = integrated(&sounds(coded, 8.0).await[0]);
        if (found - expected).abs() > 0.2 {
            wrong.push(format!("{name}: {found:.2} LUFS, ffmpeg {expected:.1} LUFS"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn silence_is_below_60_dbfs_in_every_channel() {
    // Sound, noise at about -70 dBFS from 2 s to 5 s, sound.
    let gate = "volume='if(between(t,2,5),0.0005,1)':eval=frame";
    let coded = clip(&["-f lavfi -i", &format!("anoisesrc=a=0.5:d=7:r=48000,{gate}"), "-ac 2 -c:a aac -b:a 128k"]);
    let found = &sounds(coded, 7.0).await[0];
    assert!(near(&found.silent, &[(2.0, 5.0)]), "{:?}", rounded(&found.silent));
    assert!(found.channels.iter().all(|channel| channel.dead.is_empty()), "{:?}", found.channels);
    assert!(!covers(&found.silent, found.duration));
    let muted = clip(&["-f lavfi -i anullsrc=cl=stereo:r=48000 -t 2 -c:a aac"]);
    let found = &sounds(muted, 2.0).await[0];
    assert!(covers(&found.silent, found.duration), "{found:?}");
    assert!(found.momentary_max.is_none() && found.blocks.is_empty(), "{found:?}");
}

#[tokio::test]
async fn a_dead_channel_is_named_and_a_silent_one_beside_silence_is_not_dead() {
    let coded = clip(&[
        "-f lavfi -i aevalsrc=0.3*sin(3000*t)*lt(t\\,4)|0.3*sin(2000*t)*lt(t\\,1):c=stereo:s=48000:d=6 -c:a aac -b:a 128k",
    ]);
    let found = &sounds(coded, 6.0).await[0];
    let [left, right] = &found.channels[..] else { panic!("{:?}", found.channels) };
    assert_eq!((left.position, right.position), (Position::Left, Position::Right));
    assert!(left.dead.iter().all(|span| span.duration() < 0.2), "{:?}", left.dead);
    assert!(near(&right.dead, &[(1.0, 4.0)]), "{:?}", rounded(&right.dead));
    assert!(near(&found.silent, &[(4.0, 6.0)]), "{:?}", rounded(&found.silent));
}

#[tokio::test]
async fn channels_of_surround_sound_have_their_positions_and_several_streams_are_kept_apart() {
    let coded = clip(&[
        "-f lavfi -i sine=1000:r=48000:d=3",
        "-f lavfi -i aevalsrc=0.2*sin(880*t)|0.2*sin(1770*t)|0|0.2*sin(300*t)|0.2*sin(900*t)|0.2*sin(700*t):c=5.1:s=48000:d=3",
        "-map 0 -map 1 -c:a:0 mp2 -c:a:1 ac3",
    ]);
    let found = sounds(coded, 3.0).await;
    let [mono, wide] = &found[..] else { panic!("{found:?}") };
    assert_eq!(mono.channels.iter().map(|channel| channel.position).collect::<Vec<_>>(), [Position::Mono]);
    let positions: Vec<Position> = wide.channels.iter().map(|channel| channel.position).collect();
    use Position::{Center, Left, LeftSurround, LowFrequency, Right, RightSurround};
    assert_eq!(positions, [Left, Right, Center, LowFrequency, LeftSurround, RightSurround]);
    let dead: Vec<Position> =
        wide.channels.iter().filter(|channel| !channel.dead.is_empty()).map(|channel| channel.position).collect();
    assert_eq!(dead, [Center]);
}

#[tokio::test]
async fn clipping_is_found_in_overdriven_sound_and_not_in_loud_sound() {
    let voice = "anoisesrc=c=pink:a=1:d=4:r=48000:seed=3,lowpass=2000";
    let loud = clip(&["-f lavfi -i", &format!("{voice},volume=30dB,alimiter=limit=0.97:level=0"), "-c:a aac -b:a 96k"]);
    let driven = clip(&["-f lavfi -i", &format!("{voice},volume=26dB,aformat=s16,aformat=fltp"), "-c:a aac -b:a 96k"]);
    let loud = sounds(loud, 4.0).await.remove(0);
    let driven = sounds(driven, 4.0).await.remove(0);
    assert!(driven.clipped > 0.1 && driven.true_peak.unwrap() > 0.0, "{} {:?}", driven.clipped, driven.true_peak);
    assert!(loud.clipped < 0.002, "{} {:?}", loud.clipped, loud.true_peak);
}

#[tokio::test]
async fn packed_audio_is_decoded() {
    let adts = Command::new("ffmpeg")
        .args("-v error -f lavfi -i sine=1000:r=48000:d=2 -c:a aac -f adts pipe:1".split(' '))
        .output()
        .unwrap();
    let coded = Coded {
        container: Container::Adts,
        initialization: None,
        audio_streams: Vec::new(),
        segments: vec![adts.stdout.into()],
        duration: 2.0,
        pixels: None,
    };
    let found = decode(&coded, SOUND).await.sounds;
    assert!((found[0].duration - 2.0).abs() < 0.1 && found[0].sample_rate == 48_000, "{found:?}");
}

#[tokio::test]
async fn a_stream_without_packets_beside_one_with_sound_is_left_out() {
    let coded = clip(&[
        "-f lavfi -i sine=1000:r=48000:d=2",
        "-f lavfi -i sine=500:r=48000:d=2",
        "-map 0 -map 1 -c:a aac -streamid 0:257 -streamid 1:258",
    ]);
    // The PMT announces both.
    let pid = |packet: &[u8]| u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
    let idle: Vec<u8> = coded.chunks(188).filter(|packet| pid(packet) != 258).flatten().copied().collect();
    let both = Coded { audio_streams: vec![257, 258], ..transport_stream(vec![coded], 2.0) };
    let found = decode(&both, SOUND).await.sounds;
    assert_eq!(found.iter().map(|sound| sound.stream).collect::<Vec<_>>(), [Some(257), Some(258)]);
    let one = Coded { audio_streams: vec![257], ..transport_stream(vec![idle.into()], 2.0) };
    let found = decode(&one, SOUND).await.sounds;
    assert_eq!(found.iter().map(|sound| sound.stream).collect::<Vec<_>>(), [Some(257)]);
    assert!((found[0].duration - 2.0).abs() < 0.1, "{found:?}");
}
