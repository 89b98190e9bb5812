//! Media and decoders that do harm: contained, bounded, and no process is left behind.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use packager_signal::{DecodeOutputs, Decoder, NoDecoder, NotDecoded, PictureChoice};
use tokio::time::Instant;

use crate::clips::{PATIENCE, PICTURES, SOUND, clip, decoder, launcher, transport_stream};

const BOTH: DecodeOutputs = DecodeOutputs { pictures: PictureChoice::Every, sound: true, thumbnail: true };

/// The processes whose parent is this one, with their names and states.
fn children() -> Vec<String> {
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path().join("stat"));
    let states = processes.filter_map(|stat| std::fs::read_to_string(stat).ok());
    states.filter(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.split(' ').nth(1) == Some(&own))).collect()
}

/// A decoder whose ffmpeg is the test's own program under the name of a misbehaviour.
async fn misbehaving(name: &str, folder: &tempfile::TempDir) -> Decoder {
    let path: PathBuf = folder.path().join(name);
    symlink(launcher().program, &path).unwrap();
    Decoder::find(Some(&path), launcher()).await.unwrap()
}

#[tokio::test]
async fn what_is_no_segment_gives_a_reason_and_nothing_else() {
    let decoder = decoder().await;
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "secret").unwrap();
    let playlist =
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile://{}\n#EXT-X-ENDLIST\n", secret.path().display());
    let sdp = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n";
    let noise: Vec<u8> = (0u32..200_000).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for bytes in [playlist.into_bytes(), sdp.into(), noise, vec![0x47; 188 * 500], Vec::new()] {
        let coded = transport_stream(vec![bytes.into()], 4.0);
        let result = decoder.decode(&coded, BOTH, Instant::now() + PATIENCE).await;
        assert!(matches!(&result, Err(NotDecoded::Nothing(reason)) if !reason.contains("secret")), "{result:?}");
    }
}

#[tokio::test]
async fn a_cut_segment_gives_what_it_has() {
    let whole = clip(&["-f lavfi -i testsrc2=s=320x180:r=25:d=4 -c:v libx264 -preset veryfast -g 25"]);
    let half = whole.slice(..whole.len() / 2);
    let found =
        decoder().await.decode(&transport_stream(vec![half], 4.0), PICTURES, Instant::now() + PATIENCE).await.unwrap();
    let count = found.pictures.unwrap().count;
    assert!((25..90).contains(&count), "{count}");
}

#[tokio::test]
async fn pictures_that_are_too_large_are_refused() {
    let huge =
        clip(&["-f lavfi -i color=gray:s=8192x8192:r=1:d=1 -frames:v 1 -c:v libx264 -preset ultrafast -threads 1"]);
    let result = decoder().await.decode(&transport_stream(vec![huge], 1.0), PICTURES, Instant::now() + PATIENCE).await;
    assert!(result.is_err(), "{result:?}");
}

#[tokio::test]
async fn a_stream_that_changes_its_format_goes_on() {
    let plain = clip(&["-f lavfi -i testsrc2=s=320x180:r=25:d=1 -c:v libx264 -preset veryfast"]);
    let other = clip(&[
        "-f lavfi -i testsrc2=s=640x360:r=25:d=1 -pix_fmt yuv444p10le -c:v libx264 -preset veryfast -output_ts_offset 1",
    ]);
    let field = clip(&[
        "-f lavfi -i testsrc2=s=320x180:r=50:d=1 -vf interlace -flags +ilme+ildct -c:v libx264 -preset veryfast -x264-params tff=1 -output_ts_offset 2",
    ]);
    let coded = transport_stream(vec![plain, other, field], 3.0);
    let found = decoder().await.decode(&coded, PICTURES, Instant::now() + PATIENCE).await.unwrap().pictures.unwrap();
    assert_eq!((found.width, found.height, found.interlaced), (320, 180, true));
    assert!((70..=75).contains(&found.count), "{}", found.count);
}

#[tokio::test]
async fn damaged_bytes_never_end_anything_but_their_own_process() {
    let sound = "-f lavfi -i sine=1000:d=2 -c:a aac";
    let clip = clip(&["-f lavfi -i testsrc2=s=320x180:r=25:d=2", sound, "-c:v libx264 -preset veryfast -g 25"]);
    let decoder = decoder().await;
    for step in [97usize, 1_009, 7_919] {
        let mut bytes = clip.to_vec();
        // The first packets, with the tables, stay.
        bytes.iter_mut().skip(2_000).step_by(step).for_each(|byte| *byte ^= 0x55);
        let result = decoder.decode(&transport_stream(vec![bytes.into()], 2.0), BOTH, Instant::now() + PATIENCE).await;
        if let Ok(found) = result {
            assert!(found.messages.len() <= 8_192 && found.pictures.is_none_or(|pictures| pictures.count < 500));
        }
    }
    assert!(!children().iter().any(|stat| stat.contains(") Z")), "{:?}", children());
}

#[tokio::test]
async fn a_decoder_that_hangs_is_killed_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let decoder = misbehaving("asleep", &folder).await;
    let coded = transport_stream(vec![Bytes::from(vec![0; 1 << 20])], 4.0);
    let result = decoder.decode(&coded, BOTH, Instant::now() + Duration::from_millis(300)).await;
    assert!(matches!(result, Err(NotDecoded::Deadline)), "{result:?}");
    // Killed and reaped before the answer.
    assert!(!children().iter().any(|stat| stat.contains("(asleep)")), "{:?}", children());
}

#[tokio::test]
async fn a_decode_that_nobody_waits_for_ends_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let decoder = misbehaving("asleep", &folder).await;
    let coded = transport_stream(vec![Bytes::from_static(b"x")], 4.0);
    let decode =
        tokio::time::timeout(Duration::from_millis(300), decoder.decode(&coded, SOUND, Instant::now() + PATIENCE));
    assert!(decode.await.is_err());
    let gone = async {
        while children().iter().any(|stat| stat.contains("(asleep)")) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
}

#[tokio::test]
async fn messages_and_pictures_without_end_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let coded = transport_stream(vec![Bytes::from_static(b"x")], 1.0);
    let noisy = misbehaving("noisy", &folder).await.decode(&coded, PICTURES, Instant::now() + PATIENCE).await;
    assert!(matches!(&noisy, Err(error) if error.to_string().len() < 400), "{noisy:?}");
    let boastful = misbehaving("boastful", &folder).await.decode(&coded, PICTURES, Instant::now() + PATIENCE).await;
    assert!(boastful.is_err(), "{boastful:?}");
    let endless =
        misbehaving("endless", &folder).await.decode(&coded, PICTURES, Instant::now() + PATIENCE).await.unwrap();
    assert!(endless.cut);
    // 12 s of 125 pictures a second.
    assert_eq!(endless.pictures.unwrap().count, 1_500);
}

#[tokio::test]
async fn a_confined_process_has_no_files_no_network_and_no_children() {
    let folder = tempfile::tempdir().unwrap();
    let prober = folder.path().join("prober");
    symlink(launcher().program, &prober).unwrap();
    let decoder = Decoder::find(Some(&prober), launcher()).await.unwrap();
    let coded = transport_stream(vec![Bytes::from_static(b"x")], 1.0);
    let found = match decoder.decode(&coded, PICTURES, Instant::now() + PATIENCE).await {
        Err(NotDecoded::Unable(found)) => found,
        other => panic!("{other:?}"),
    };
    let lacking = decoder.lacks().join(" ");
    for (what, by) in [
        ("read", "Landlock"),
        ("write", "Landlock"),
        ("connect", "seccomp"),
        ("spawn", "seccomp"),
        ("schedule", "seccomp"),
        ("secret", "nothing"),
    ] {
        assert!(found.contains(&format!("{what}=no")) || lacking.contains(by), "{found} (lacks: {lacking})");
    }
}

#[tokio::test]
async fn why_there_is_no_decoder_is_said() {
    let missing = Decoder::find(Some("/nowhere/ffmpeg".as_ref()), launcher()).await.unwrap_err();
    assert_eq!(missing, NoDecoder::NoFile("/nowhere/ffmpeg".into()));
    let text = tempfile::NamedTempFile::new().unwrap();
    let not_a_program = Decoder::find(Some(text.path()), launcher()).await.unwrap_err();
    assert!(
        matches!(&not_a_program, NoDecoder::DoesNotStart { reason, .. } if reason.contains("cannot execute")),
        "{not_a_program}"
    );
}
