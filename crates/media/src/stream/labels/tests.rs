use super::*;
use crate::stream::Resolution;
use crate::units::BitsPerSecond;
use url::Url;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn url(path: &str) -> Url {
    Url::parse("https://origin.example.com/").unwrap().join(path).unwrap()
}

/// Makes a video rendition with this playlist path, height and declared bit rate.
fn video(path: &str, height: u32, rate: u64) -> Rendition {
    let identity = RenditionIdentity::playlist(&url(path));
    Rendition {
        uri: Some(url(path)),
        bandwidth: Some(BitsPerSecond(rate)),
        resolution: (height > 0).then_some(Resolution { width: 16, height }),
        ..Rendition::new(Media::Video, identity)
    }
}

fn audio(group: &str, name: &str, language: Option<&str>) -> Rendition {
    Rendition {
        title: Some(name.to_owned()),
        language: language.map(str::to_owned),
        uri: Some(url(&format!("{group}/{name}.m3u8"))),
        ..Rendition::new(Media::Audio, RenditionIdentity::group_member(Media::Audio, group, name))
    }
}

/// Labels the renditions of a manifest that was requested at `second`. Returns the labels, and the renditions that
/// continue under another identity.
fn assign(memory: &mut LabelMemory, second: i64, manifest: &[Rendition]) -> (Vec<String>, Vec<Succession>) {
    let mut manifest = manifest.to_vec();
    let mut renditions: Vec<&mut Rendition> = manifest.iter_mut().collect();
    identity::tell_apart(&mut renditions);
    let successions = memory.assign(&mut renditions, &mut [], at(second));
    (manifest.into_iter().map(|r| r.name).collect(), successions)
}

fn labels(memory: &mut LabelMemory, second: i64, manifest: &[Rendition]) -> Vec<String> {
    assign(memory, second, manifest).0
}

fn first_sight(rendition: Rendition) -> String {
    labels(&mut LabelMemory::default(), 0, &[rendition]).remove(0)
}

#[test]
fn a_slug_has_one_dash_for_each_run_of_other_characters_and_none_at_its_ends() {
    assert_eq!(slug("Tiếng  Việt!"), "Ti-ng-Vi-t");
    assert_eq!(slug("--a_b.c--1--"), "a_b.c-1");
    assert_eq!(slug("日本"), "");
}

#[test]
fn a_slug_has_at_most_64_characters() {
    assert_eq!(slug(&"a".repeat(64)).len(), 64);
    assert_eq!(slug(&"a".repeat(65)).len(), 64);
    assert_eq!(slug(&("a".repeat(63) + " b")), "a".repeat(63), "no dash at the cut");
}

#[test]
fn a_label_is_height_codec_and_dynamic_range_and_no_bit_rate() {
    let of = |height, codecs: &[&str], range: Option<&str>| {
        let codecs = codecs.iter().map(|c| (*c).to_owned()).collect();
        first_sight(Rendition { codecs, video_range: range.map(str::to_owned), ..video("v", height, 4_500_000) })
    };
    assert_eq!(of(1080, &["avc1.640028", "mp4a.40.2"], None), "1080p");
    assert_eq!(of(1080, &["mp4a.40.2", "HVC1.1.6.L93.B0"], Some("SDR")), "1080p-hevc");
    assert_eq!(of(2160, &["hvc1.2.4.L150.B0"], Some("PQ")), "2160p-hevc-hdr");
    assert_eq!(of(2160, &["av01.0.12M.10"], Some("HLG")), "2160p-av1-hdr");
    assert_eq!(of(720, &[], None), "720p");
    assert_eq!(of(720, &["xyz1.1"], Some("FREE TEXT")), "720p", "no text of the stream's choice");
    assert_eq!(of(0, &["vp09.00.10.08"], None), "video-vp9");
    assert_eq!(of(0, &[], None), "video");
}

#[test]
fn audio_and_text_are_labelled_by_language_then_by_name() {
    let of = |media, language: Option<&str>, title: Option<&str>, codecs: &[&str]| {
        first_sight(Rendition {
            language: language.map(str::to_owned),
            title: title.map(str::to_owned),
            codecs: codecs.iter().map(|c| (*c).to_owned()).collect(),
            ..Rendition::new(media, RenditionIdentity::place("1"))
        })
    };
    assert_eq!(of(Media::Audio, Some("VI"), Some("Main"), &["mp4a.40.2"]), "audio-vi");
    assert_eq!(of(Media::Audio, None, Some("Tiếng Anh"), &[]), "audio-Ti-ng-Anh");
    assert_eq!(of(Media::Audio, Some("日本"), None, &[]), "audio");
    assert_eq!(of(Media::Audio, Some("en"), None, &["ec-3"]), "audio-en-ec3");
    assert_eq!(of(Media::Audio, Some("en"), None, &["mp4a.6B"]), "audio-en-mp3");
    assert_eq!(of(Media::Text, Some("en"), None, &["stpp.ttml.im1t"]), "text-en");
    let long = of(Media::Audio, None, Some(&"a\"\n{".repeat(500)), &["ec-3"]);
    assert!(long.len() <= 64 && long.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{long}");
}

#[test]
fn a_number_that_is_taken_is_passed_over() {
    let manifest = ["en-2", "en", "en!", "en?"].map(|name| audio("a", name, None));
    let seen = labels(&mut LabelMemory::default(), 0, &manifest);
    assert_eq!(seen, ["audio-en-2", "audio-en", "audio-en-3", "audio-en-4"]);
}

#[test]
fn a_bit_rate_that_moves_changes_no_label_and_no_identity() {
    let mut memory = LabelMemory::default();
    for second in 0..100 {
        // The two rungs of one height change places by their bit rates.
        let (a, b) = ((second % 7) as u64, (second % 5) as u64);
        let manifest = [video("a", 720, 1_000_010 + a), video("b", 720, 1_000_008 + b), video("c", 360, 500_000 + a)];
        let (seen, successions) = assign(&mut memory, second, &manifest);
        assert_eq!((seen, successions), (vec!["720p".into(), "720p-2".into(), "360p".into()], vec![]), "{second}");
    }
}

#[test]
fn an_order_that_changes_changes_no_label_not_even_after_a_restart() {
    let (main, comment) = (audio("a", "Main", Some("vi")), audio("a", "Comment", Some("vi")));
    let there = labels(&mut LabelMemory::default(), 0, &[main.clone(), comment.clone()]);
    let mut back = labels(&mut LabelMemory::default(), 0, &[comment, main]);
    back.reverse();
    assert_eq!(there, back);
}

#[test]
fn a_rendition_keeps_its_label_when_an_equal_one_comes_or_goes() {
    let mut memory = LabelMemory::default();
    let (a, b, c) = (video("a", 720, 3), video("b", 720, 2), video("c", 720, 9));
    assert_eq!(labels(&mut memory, 0, &[a.clone(), b.clone()]), ["720p", "720p-2"]);
    assert_eq!(labels(&mut memory, 2, std::slice::from_ref(&b)), ["720p-2"]);
    assert_eq!(labels(&mut memory, 4, &[a.clone(), b.clone()]), ["720p", "720p-2"]);
    assert_eq!(labels(&mut memory, 6, &[a, b, c]), ["720p", "720p-2", "720p-3"]);
}

#[test]
fn an_address_that_changes_goes_on_under_its_label_and_the_most_similar_one_is_meant() {
    let mut memory = LabelMemory::default();
    let ladder = |session: &str, high: u64, low: u64| {
        [video(&format!("{session}/b/v.m3u8"), 720, low), video(&format!("{session}/a/v.m3u8"), 720, high)]
    };
    let first = ladder("s1", 3, 2);
    assert_eq!(assign(&mut memory, 0, &first), (vec!["720p-2".into(), "720p".into()], vec![]));
    let second = ladder("s2", 1, 5);
    let (seen, successions) = assign(&mut memory, 2, &second);
    assert_eq!(seen, ["720p-2", "720p"], "by the address, although the bit rates changed places");
    let succession = |at: usize| Succession { from: first[at].identity.clone(), to: second[at].identity.clone() };
    assert_eq!(successions.len(), 2);
    assert!(successions.contains(&succession(0)) && successions.contains(&succession(1)));
}

#[test]
fn a_rendition_that_comes_long_after_an_equal_one_went_takes_its_label_but_is_not_its_continuation() {
    let mut memory = LabelMemory::default();
    assert_eq!(labels(&mut memory, 0, &[video("a", 720, 1)]), ["720p"]);
    labels(&mut memory, 2, &[]);
    assert_eq!(assign(&mut memory, 4, &[video("b", 720, 1)]), (vec!["720p".into()], vec![]));
}

#[test]
fn a_name_that_changes_takes_the_label_and_is_other_content_unless_the_address_is_the_same() {
    let mut memory = LabelMemory::default();
    let main = audio("a", "Main", Some("vi"));
    assert_eq!(labels(&mut memory, 0, std::slice::from_ref(&main)), ["audio-vi"]);
    let comment = audio("a", "Comment", Some("vi"));
    assert_eq!(assign(&mut memory, 2, std::slice::from_ref(&comment)), (vec!["audio-vi".into()], vec![]));
    let renamed = Rendition { uri: comment.uri.clone(), ..main };
    let (seen, successions) = assign(&mut memory, 4, std::slice::from_ref(&renamed));
    assert_eq!((seen, successions.len()), (vec!["audio-vi".into()], 1));
}

#[test]
fn a_representation_id_that_changes_goes_on_because_dash_numbers_by_time() {
    let of = |id: &str| Rendition {
        resolution: Some(Resolution { width: 16, height: 720 }),
        ..Rendition::new(Media::Video, RenditionIdentity::representation(Media::Video, id))
    };
    let mut memory = LabelMemory::default();
    assert_eq!(labels(&mut memory, 0, &[of("p1-v")]), ["720p"]);
    let (seen, successions) = assign(&mut memory, 2, &[of("p2-v")]);
    assert_eq!((seen, successions.len()), (vec!["720p".into()], 1));
}

#[test]
fn another_height_is_another_label_and_a_missing_one_is_not() {
    let mut memory = LabelMemory::default();
    assert_eq!(labels(&mut memory, 0, &[video("v", 1080, 1)]), ["1080p"]);
    assert_eq!(labels(&mut memory, 2, &[video("v", 0, 1)]), ["1080p"]);
    assert_eq!(labels(&mut memory, 4, &[video("v", 720, 1)]), ["720p"]);
    assert_eq!(labels(&mut memory, 6, &[video("v", 1080, 1)]), ["1080p"]);
    let hevc = Rendition { codecs: vec!["hvc1.1.6.L93.B0".into()], ..video("v", 1080, 1) };
    assert_eq!(labels(&mut memory, 8, &[hevc]), ["1080p"], "a codec that becomes known renames nothing");
}

#[test]
fn equal_identities_are_told_apart_by_host_and_size_and_then_by_place() {
    let mut memory = LabelMemory::default();
    let on = |host: &str, height, rate| {
        let uri = Url::parse(&format!("https://{host}/v.m3u8?rate={rate}")).unwrap();
        let identity = RenditionIdentity::playlist(&uri);
        Rendition { uri: Some(uri), identity, ..video("v.m3u8", height, rate) }
    };
    let (primary, backup) = (on("a.example", 720, 5), on("b.example", 720, 5));
    let (low, lowest) = (on("a.example", 360, 3), on("a.example", 360, 2));
    let first = labels(&mut memory, 0, &[primary.clone(), backup.clone(), low.clone(), lowest.clone()]);
    assert_eq!(first, ["720p", "720p-2", "360p", "360p-2"]);
    assert_eq!(labels(&mut memory, 2, &[lowest, backup, low, primary]), ["360p-2", "720p-2", "360p", "720p"]);
}

#[test]
fn labels_are_forgotten_an_hour_after_their_last_listing() {
    let listed_after = |seconds: i64| {
        let mut memory = LabelMemory::default();
        labels(&mut memory, 0, &[video("a", 720, 2), video("b", 720, 1)]);
        labels(&mut memory, 1, &[]);
        labels(&mut memory, seconds, &[video("b", 720, 1)]).remove(0)
    };
    assert_eq!(listed_after(3_599), "720p-2");
    assert_eq!(listed_after(3_600), "720p");
}

#[test]
fn a_manifest_with_ever_other_names_makes_a_bounded_number_of_labels() {
    let mut memory = LabelMemory::default();
    let mut seen = HashSet::new();
    for second in 0..1_500 {
        let name = format!("n{second}");
        seen.extend(labels(&mut memory, second, &[audio("a", &name, None), video(&name, second as u32 + 1, 1)]));
    }
    assert!(seen.len() <= MAX_FREE + 4, "{}", seen.len());
    assert!(memory.entries.len() <= MAX_FREE + 4);
}

#[test]
fn an_identity_is_bounded_and_two_long_ones_differ() {
    let of = |tail: &str| RenditionIdentity::playlist(&url(&format!("{}{tail}", "é/".repeat(5_000))));
    assert!(of("a").text().len() < 1_000);
    assert_ne!(of("a"), of("b"));
    let middle = |c: &str| RenditionIdentity::playlist(&url(&format!("{0}{c}{0}", "x".repeat(5_000))));
    assert_ne!(middle("a"), middle("b"));
}

#[test]
fn a_step_of_the_clock_frees_no_label() {
    let back_after = |step: f64| {
        let mut memory = LabelMemory::default();
        let [a, b, c] = [video("a", 720, 3), video("b", 720, 2), video("c", 720, 1)];
        labels(&mut memory, 0, &[a.clone(), b, c.clone()]);
        labels(&mut memory, 2, std::slice::from_ref(&a));
        memory.shift(Seconds(step));
        labels(&mut memory, 7204, &[a, c])
    };
    assert_eq!(back_after(7200.0), ["720p", "720p-3"], "it was away for 2 s");
    assert_eq!(back_after(0.0), ["720p", "720p-2"], "it was away for two hours");
}

#[test]
fn a_name_that_changes_at_the_same_address_keeps_its_label_and_its_history() {
    let named = |name: &str, language| Rendition { uri: Some(url("a/sound.m3u8")), ..audio("a", name, language) };
    let mut memory = LabelMemory::default();
    assert_eq!(labels(&mut memory, 0, &[named("61k", None)]), ["audio-61k"]);
    for (second, name) in [(2, "62k"), (4, "63k")] {
        let (labels, successions) = assign(&mut memory, second, &[named(name, None)]);
        assert_eq!((labels, successions.len()), (vec!["audio-61k".to_owned()], 1), "{name}");
    }
    assert_eq!(labels(&mut memory, 6, &[named("Vi", Some("vi"))]), ["audio-vi"], "a language says what it is");
}
